//===- Movement.cpp - data movement and constants -------------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Transposes, slices and broadcasts only index their operand: they are part of
// the expression around them. Concatenation and padding write parts of their
// destination.
//
//===----------------------------------------------------------------------===//

#include "GroupLowering.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/ReshapeOpsUtils.h"
#include "mpc/Dialect/MPC/Constants.h"
#include "mpc/Support/QuantMath.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mpc;
using namespace mpc::lowering;

static RankedTensorType getTensorType(Value value) {
  return cast<RankedTensorType>(value.getType());
}

//===----------------------------------------------------------------------===//
// Views
//===----------------------------------------------------------------------===//

/// All dimensions of a tensor of `rank` dimensions as one group.
static SmallVector<ReassociationIndices> groupAll(int64_t rank) {
  if (rank == 0)
    return {};
  return {llvm::to_vector<2>(llvm::seq<int64_t>(0, rank))};
}

Value mpc::lowering::buildReshape(OpBuilder &builder, Location loc, Value value,
                                  RankedTensorType resultType,
                                  function_ref<Value()> batch) {
  auto type = getTensorType(value);
  if (type == resultType)
    return value;
  auto expand = [&](Value source,
                    ArrayRef<ReassociationIndices> groups) -> Value {
    SmallVector<OpFoldResult> sizes = llvm::map_to_vector(
        resultType.getShape(), [&](int64_t size) -> OpFoldResult {
          if (ShapedType::isDynamic(size))
            return batch();
          return builder.getIndexAttr(size);
        });
    return tensor::ExpandShapeOp::create(builder, loc, resultType, source,
                                         groups, sizes);
  };
  std::optional<SmallVector<ReassociationIndices>> groups =
      getReassociationIndicesForReshape(type, resultType);
  if (groups && type.getRank() > resultType.getRank())
    return tensor::CollapseShapeOp::create(builder, loc, resultType, value,
                                           *groups);
  if (groups && type.getRank() < resultType.getRank())
    return expand(value, *groups);
  // Any other reshape goes through one dimension.
  int64_t size = 1;
  for (int64_t dim : type.getShape())
    size = ShapedType::isDynamic(size) || ShapedType::isDynamic(dim)
               ? ShapedType::kDynamic
               : size * dim;
  auto flat = RankedTensorType::get({size}, type.getElementType());
  if (type.getRank() ==
      0) // one element: expands to the result's unit dimensions
    return expand(value, {});
  if (type != flat)
    value = tensor::CollapseShapeOp::create(builder, loc, flat, value,
                                            groupAll(type.getRank()));
  if (resultType.getRank() == 0)
    return tensor::CollapseShapeOp::create(builder, loc, resultType, value,
                                           ArrayRef<ReassociationIndices>());
  return resultType == flat ? value
                            : expand(value, groupAll(resultType.getRank()));
}

FailureOr<Value> GroupLowering::lowerReshape(ReshapeOp op) {
  FailureOr<Value> input = materialize(op.getInput());
  if (failed(input))
    return failure();
  return buildReshape(builder, op.getLoc(), *input,
                      getStorageType(op.getResult().getType()),
                      [&] { return getBatch(); });
}

//===----------------------------------------------------------------------===//
// Indexing
//===----------------------------------------------------------------------===//

FailureOr<Node> GroupLowering::expressMovement(Operation *op, AffineMap index,
                                               Expression &expression) {
  MLIRContext *context = builder.getContext();
  return TypeSwitch<Operation *, FailureOr<Node>>(op)
      .Case([&](TransposeOp op) {
        SmallVector<AffineExpr> exprs(index.getNumResults());
        for (auto [d, source] : llvm::enumerate(op.getPerm()))
          exprs[source] = index.getResult(d);
        return express(op.getInput(),
                       AffineMap::get(index.getNumDims(), 0, exprs, context),
                       expression);
      })
      .Case([&](SliceOp op) -> FailureOr<Node> {
        SmallVector<AffineExpr> exprs;
        for (auto [d, start, step] :
             llvm::enumerate(op.getStarts(), op.getSteps()))
          exprs.push_back(index.getResult(d) * step + start);
        AffineMap map = AffineMap::get(index.getNumDims(), 0, exprs, context);
        // A plain dimension in a map says that the loop runs over all of it, so
        // what a dimension's beginning is taken of is cut first.
        auto type = getStorageType(op.getInput().getType());
        SmallVector<int64_t> shape(type.getShape());
        for (auto [d, start, step] :
             llvm::enumerate(op.getStarts(), op.getSteps()))
          if (start == 0 && step == 1 && !ShapedType::isDynamic(shape[d]))
            shape[d] = op.getSizes()[d];
        if (ArrayRef<int64_t>(shape) == type.getShape())
          return express(op.getInput(), map, expression);
        FailureOr<Value> input = materialize(op.getInput());
        if (failed(input))
          return failure();
        Location loc = op.getLoc();
        SmallVector<OpFoldResult> zeros(shape.size(), builder.getIndexAttr(0));
        SmallVector<OpFoldResult> ones(shape.size(), builder.getIndexAttr(1));
        Value box = tensor::ExtractSliceOp::create(
            builder, loc, type.clone(shape), *input, zeros,
            getSizes(loc, shape), ones);
        return addLeaf(box, map, expression);
      })
      .Case([&](BroadcastOp op) {
        ArrayRef<int64_t> shape = getTensorType(op.getInput()).getShape();
        ArrayRef<int64_t> resultShape =
            getTensorType(op.getResult()).getShape();
        return express(op.getInput(),
                       getBroadcastIndex(shape, resultShape, index),
                       expression);
      })
      .Case([&](ConstantOp op) -> FailureOr<Node> {
        Value argument = tensors[op.getResult()] =
            addConstantArgument(op.getLoc(), op.getValue());
        return addLeaf(argument, index, expression);
      })
      .Case<ReshapeOp, ConcatOp, PadOp, ObserveOp, HistogramOp, ChannelSumsOp,
            CumulateOp>([&](Operation *op) -> FailureOr<Node> {
        if (auto pad = dyn_cast<PadOp>(op);
            pad && pad.getMode() != PadMode::Constant)
          return expressPad(pad, index, expression);
        FailureOr<Value> tensor = materialize(op->getResult(0));
        if (failed(tensor))
          return failure();
        return addLeaf(*tensor, index, expression);
      })
      .Default([](Operation *op) {
        return op->emitOpError() << "conversion to linalg is not supported yet";
      });
}

//===----------------------------------------------------------------------===//
// Parts of a tensor
//===----------------------------------------------------------------------===//

FailureOr<Value> GroupLowering::storeSlice(Value value, Value dest,
                                           ArrayRef<int64_t> offsets) {
  Location loc = value.getLoc();
  auto type = getStorageType(value.getType());
  // Behind the last element there is no box, not even an empty one.
  if (llvm::is_contained(type.getShape(), 0))
    return dest;
  SmallVector<OpFoldResult> starts =
      llvm::map_to_vector(offsets, [&](int64_t offset) -> OpFoldResult {
        return builder.getIndexAttr(offset);
      });
  SmallVector<OpFoldResult> sizes = getSizes(loc, type.getShape());
  SmallVector<OpFoldResult> strides(type.getRank(), builder.getIndexAttr(1));
  Expression expression;
  FailureOr<Node> element = express(
      value, builder.getMultiDimIdentityMap(type.getRank()), expression);
  if (failed(element))
    return failure();
  Value box = tensor::ExtractSliceOp::create(builder, loc, type, dest, starts,
                                             sizes, strides);
  Value stored = buildStore(loc, expression, *element, box);
  return tensor::InsertSliceOp::create(builder, loc, stored, dest, starts,
                                       sizes, strides)
      .getResult();
}

FailureOr<Value> GroupLowering::lowerConcat(ConcatOp op, Value dest) {
  SmallVector<int64_t> offsets(getTensorType(op.getResult()).getRank(), 0);
  Type element = getTensorType(op.getResult()).getElementType();
  for (Value input : op.getInputs()) {
    if (getTensorType(input).getElementType() != element)
      return op.emitOpError()
             << "expected operands with elements of " << element << ", but got "
             << getTensorType(input).getElementType();
    FailureOr<Value> stored = storeSlice(input, dest, offsets);
    if (failed(stored))
      return failure();
    dest = *stored;
    offsets[op.getAxis()] += getTensorType(input).getDimSize(op.getAxis());
  }
  return dest;
}

Value GroupLowering::padTensor(Location loc, Value input, ArrayRef<int64_t> low,
                               ArrayRef<int64_t> high, TypedAttr value) {
  auto attributes = [&](ArrayRef<int64_t> sizes) {
    return llvm::map_to_vector(sizes, [&](int64_t size) -> OpFoldResult {
      return builder.getIndexAttr(size);
    });
  };
  Value scalar = arith::ConstantOp::create(builder, loc, value);
  auto type = tensor::PadOp::inferResultType(getTensorType(input), low, high);
  return tensor::PadOp::create(builder, loc, type, input, attributes(low),
                               attributes(high), scalar);
}

FailureOr<Value> GroupLowering::lowerPad(PadOp op, Value dest) {
  Type element = getTensorType(op.getResult()).getElementType(),
       storageType = getTensorType(dest).getElementType();
  double number = op.getValue().convertToDouble();
  TypedAttr value;
  if (auto quantized = dyn_cast<quant::QuantizedType>(element)) {
    auto uniform = dyn_cast<quant::UniformQuantizedType>(quantized);
    if (!uniform)
      return op.emitOpError()
             << "padding of " << quantized << " is not supported yet";
    QuantParams params{getScales(uniform).front(),
                       static_cast<int32_t>(uniform.getZeroPoint()),
                       static_cast<int32_t>(uniform.getStorageTypeMin()),
                       static_cast<int32_t>(uniform.getStorageTypeMax())};
    value = builder.getIntegerAttr(
        storageType, APInt(64, quantize(number, params), true)
                         .trunc(storageType.getIntOrFloatBitWidth()));
  } else if (auto type = dyn_cast<FloatType>(element);
             type && isStorageOnly(type)) {
    APFloat small(number);
    bool losesInfo;
    small.convert(type.getFloatSemantics(), APFloat::rmNearestTiesToEven,
                  &losesInfo);
    value = builder.getIntegerAttr(storageType, small.bitcastToAPInt().zext(8));
  } else if (isa<FloatType>(storageType)) {
    value = builder.getFloatAttr(storageType, number);
  } else {
    value = builder.getIntegerAttr(
        storageType, APInt(64, static_cast<int64_t>(number), true)
                         .trunc(storageType.getIntOrFloatBitWidth()));
  }
  return storeSlice(op.getInput(), createFill(op.getLoc(), value, dest),
                    op.getLow());
}
