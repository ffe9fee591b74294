//===- GroupLowering.cpp - one group becomes one function -----------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The function around a group, its arguments and tensors, and the expressions
// that stores and reductions evaluate.
//
//===----------------------------------------------------------------------===//

#include "GroupLowering.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mpc/Conversion/MPCToLinalg.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mpc;
using namespace mpc::lowering;

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

Type mpc::lowering::getStorageElementType(Type type) {
  if (auto quantized = dyn_cast<quant::QuantizedType>(type))
    type = quantized.getStorageType();
  // Elements that are only stored are bytes: the bits of 8-bit floats, the
  // values of 4-bit integers.
  if (isStorageOnly(type))
    return IntegerType::get(type.getContext(), 8);
  if (auto integer = dyn_cast<IntegerType>(type);
      integer && !integer.isSignless())
    return IntegerType::get(type.getContext(), integer.getWidth());
  return type;
}

RankedTensorType mpc::lowering::getStorageType(Type tensorType) {
  auto type = cast<RankedTensorType>(tensorType);
  return RankedTensorType::get(type.getShape(),
                               getStorageElementType(type.getElementType()));
}

Type mpc::getLinalgType(Type type) {
  return isa<RankedTensorType>(type) ? getStorageType(type) : type;
}

Type mpc::lowering::getComputeType(Type type) {
  type = getStorageElementType(type);
  return type.isF16() || type.isBF16() ? Float32Type::get(type.getContext())
                                       : type;
}

bool mpc::lowering::isUnsignedElement(Type type) {
  if (auto quantized = dyn_cast<quant::QuantizedType>(type))
    return !quantized.isSigned();
  return type.isUnsignedInteger() || type.isInteger(1);
}

Value mpc::lowering::convertFloat(OpBuilder &builder, Location loc,
                                  Value scalar, Type type) {
  if (scalar.getType() == type || !isa<FloatType>(scalar.getType()) ||
      !isa<FloatType>(type))
    return scalar;
  if (auto widened = scalar.getDefiningOp<arith::ExtFOp>();
      widened && widened.getIn().getType() == type)
    return widened.getIn();
  if (scalar.getType().getIntOrFloatBitWidth() < type.getIntOrFloatBitWidth())
    return arith::ExtFOp::create(builder, loc, type, scalar);
  return arith::TruncFOp::create(builder, loc, type, scalar);
}

Value mpc::lowering::createFloat(OpBuilder &builder, Location loc, double value,
                                 Type type) {
  return arith::ConstantOp::create(builder, loc,
                                   builder.getFloatAttr(type, value));
}

AffineMap mpc::lowering::getBroadcastIndex(ArrayRef<int64_t> operandShape,
                                           ArrayRef<int64_t> resultShape,
                                           AffineMap index) {
  SmallVector<AffineExpr> exprs;
  size_t skipped = resultShape.size() - operandShape.size();
  for (auto [i, size] : llvm::enumerate(operandShape))
    exprs.push_back(size == 1 && resultShape[skipped + i] != 1
                        ? getAffineConstantExpr(0, index.getContext())
                        : index.getResult(skipped + i));
  return AffineMap::get(index.getNumDims(), 0, exprs, index.getContext());
}

//===----------------------------------------------------------------------===//
// Expression
//===----------------------------------------------------------------------===//

Node Expression::addLeaf(Value tensor, AffineMap map) {
  for (auto [i, node] : llvm::enumerate(nodes))
    if (node.input && inputs[*node.input] == tensor && maps[*node.input] == map)
      return i;
  nodes.push_back(
      {{}, tensor.getLoc(), nullptr, static_cast<unsigned>(inputs.size())});
  inputs.push_back(tensor);
  maps.push_back(map);
  return nodes.size() - 1;
}

Node Expression::addNode(ArrayRef<Node> operands, Location loc,
                         ScalarBuilder builder) {
  nodes.push_back(
      {SmallVector<Node>(operands), loc, std::move(builder), std::nullopt});
  return nodes.size() - 1;
}

Value Expression::emit(OpBuilder &builder, ValueRange scalars,
                       Node root) const {
  SmallVector<Value> values;
  for (const NodeInfo &node : nodes) {
    if (node.input) {
      Value scalar = scalars[*node.input];
      values.push_back(convertFloat(builder, node.loc, scalar,
                                    getComputeType(scalar.getType())));
      continue;
    }
    SmallVector<Value> operands = llvm::map_to_vector(
        node.operands, [&](Node operand) { return values[operand]; });
    values.push_back(node.builder(builder, node.loc, operands));
  }
  return values[root];
}

//===----------------------------------------------------------------------===//
// The function
//===----------------------------------------------------------------------===//

GroupLowering::GroupLowering(GroupOp group)
    : group(group), builder(group.getContext()) {}

/// Whether a tensor has the symbolic batch among its sizes.
static bool hasSymbolicSize(Type type) {
  return !cast<RankedTensorType>(type).hasStaticShape();
}

FailureOr<func::FuncOp> GroupLowering::run(StringRef name) {
  Location loc = group.getLoc();
  // Inside of the function, the batch is what a tensor at its border says.
  if (llvm::none_of(group.getOperandTypes(), hasSymbolicSize) &&
      llvm::none_of(group.getResultTypes(), hasSymbolicSize))
    for (Operation &op : group.getBlock().without_terminator())
      if (llvm::any_of(op.getResultTypes(), hasSymbolicSize))
        return op.emitOpError("expected an operand or a result of the group "
                              "with the symbolic size of ")
               << op.getResult(0).getType();
  function = func::FuncOp::create(loc, name, builder.getFunctionType({}, {}));
  Block *block = function.addEntryBlock();
  builder.setInsertionPointToEnd(block);

  for (auto [operand, argument] :
       llvm::zip(group.getInputs(), group.getBlock().getArguments())) {
    tensors[argument] = block->addArgument(getStorageType(argument.getType()),
                                           argument.getLoc());
    arguments.push_back({operand, nullptr});
  }
  SmallVector<Type> resultTypes;
  for (Type type : group.getResultTypes()) {
    resultTypes.push_back(getStorageType(type));
    block->addArgument(resultTypes.back(), loc);
  }

  SmallVector<Value> results;
  Operation *yield = group.getBlock().getTerminator();
  for (unsigned i = 0; i < yield->getNumOperands(); ++i) {
    // Constant arguments are inserted before the destinations while results are
    // computed.
    Value dest = block->getArgument(arguments.size() + i);
    FailureOr<Value> result = store(yield->getOperand(i), dest);
    if (failed(result)) {
      function.erase();
      return failure();
    }
    tensors.try_emplace(yield->getOperand(i), *result);
    results.push_back(*result);
  }
  func::ReturnOp::create(builder, yield->getLoc(), results);

  // What the lowering replaced (a bias, a scale) is not an argument any more.
  for (unsigned i = arguments.size(); i-- > 0;) {
    if (!block->getArgument(i).use_empty())
      continue;
    block->eraseArgument(i);
    arguments.erase(arguments.begin() + i);
  }
  function.setFunctionType(
      builder.getFunctionType(block->getArgumentTypes(), resultTypes));
  function.setPrivate();
  for (unsigned i = 0; i < resultTypes.size(); ++i)
    function.setArgAttr(arguments.size() + i,
                        bufferization::BufferizationDialect::kWritableAttrName,
                        builder.getBoolAttr(true));
  return function;
}

Value GroupLowering::addConstantArgument(Location loc, ElementsAttr constant) {
  auto type = getStorageType(constant.getShapedType());
  Value argument =
      function.getBody().front().insertArgument(arguments.size(), type, loc);
  arguments.push_back({nullptr, retypeConstant(constant, type)});
  return argument;
}

Value GroupLowering::getBatch() {
  if (batch)
    return batch;
  Block &block = function.getBody().front();
  for (BlockArgument argument : block.getArguments()) {
    auto type = cast<RankedTensorType>(argument.getType());
    for (int64_t d = 0; d < type.getRank(); ++d) {
      if (!type.isDynamicDim(d))
        continue;
      OpBuilder::InsertionGuard guard(builder);
      builder.setInsertionPointToStart(&block);
      return batch =
                 tensor::DimOp::create(builder, function.getLoc(), argument, d);
    }
  }
  llvm_unreachable(
      "a group with a symbolic size inside has one on an operand or a result");
}

SmallVector<OpFoldResult> GroupLowering::getSizes(Location loc,
                                                  ArrayRef<int64_t> shape) {
  return llvm::map_to_vector(shape, [&](int64_t size) -> OpFoldResult {
    if (ShapedType::isDynamic(size))
      return getBatch();
    return builder.getIndexAttr(size);
  });
}

Value GroupLowering::createEmpty(Location loc, ArrayRef<int64_t> shape,
                                 Type elementType) {
  return tensor::EmptyOp::create(builder, loc, getSizes(loc, shape),
                                 elementType);
}

Value GroupLowering::createFill(Location loc, TypedAttr value, Value dest) {
  Value scalar = arith::ConstantOp::create(builder, loc, value);
  return linalg::FillOp::create(builder, loc, ValueRange{scalar},
                                ValueRange{dest})
      .getResult(0);
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

/// The value whose stored integers `value` has.
static Value throughStorageCasts(Value value) {
  while (auto cast = value.getDefiningOp<StorageCastOp>())
    value = cast.getInput();
  return value;
}

FailureOr<Value> GroupLowering::materialize(Value value) {
  value = throughStorageCasts(value);
  if (Value tensor = lookupTensor(value))
    return tensor;
  auto type = getStorageType(value.getType());
  if (auto reshape = value.getDefiningOp<ReshapeOp>()) {
    FailureOr<Value> view = lowerReshape(reshape);
    if (succeeded(view))
      tensors[value] = *view;
    return view;
  }
  if (auto blocks = value.getDefiningOp<DequantizeBlocksOp>()) {
    FailureOr<Value> weights = lowerDequantizeBlocks(blocks);
    if (succeeded(weights))
      tensors[value] = *weights;
    return weights;
  }
  FailureOr<Value> tensor =
      store(value, createEmpty(value.getLoc(), type.getShape(),
                               type.getElementType()));
  if (succeeded(tensor))
    tensors[value] = *tensor;
  return tensor;
}

FailureOr<Value> GroupLowering::store(Value value, Value dest) {
  value = throughStorageCasts(value);
  if (!lookupTensor(value)) {
    // Ops that write their destination themselves, where it can serve as the
    // accumulator.
    Type element = cast<RankedTensorType>(value.getType()).getElementType();
    bool accumulates =
        getComputeType(element) == getStorageElementType(element);
    FailureOr<Value> direct =
        TypeSwitch<Operation *, FailureOr<Value>>(value.getDefiningOp())
            .Case<ConvOp, MatMulOp>([&](Operation *op) -> FailureOr<Value> {
              FailureOr<Value> bias = getContractionBias(op);
              if (failed(bias))
                return failure();
              return *bias || !accumulates ? FailureOr<Value>(Value())
                                           : lowerContraction(op, dest);
            })
            .Case([&](MaxPoolOp op) {
              return accumulates ? lowerMaxPool(op, dest)
                                 : FailureOr<Value>(Value());
            })
            .Case([&](ReduceOp op) {
              return accumulates ? lowerReduce(op, dest)
                                 : FailureOr<Value>(Value());
            })
            .Case([&](MaxPoolIndicesOp op) {
              return lowerMaxPoolIndices(op, dest);
            })
            .Case([&](ConcatOp op) { return lowerConcat(op, dest); })
            .Case([&](PadOp op) {
              return op.getMode() == PadMode::Constant
                         ? lowerPad(op, dest)
                         : FailureOr<Value>(Value());
            })
            .Case<ScatterElementsOp, ScatterNDOp>(
                [&](Operation *op) { return lowerScatter(op, dest); })
            .Case([&](TopKOp op) { return lowerTopK(op, dest); })
            .Case([&](ObserveOp op) { return lowerObserve(op, dest); })
            .Case([&](HistogramOp op) { return lowerHistogram(op, dest); })
            .Case([&](ChannelSumsOp op) { return lowerChannelSums(op, dest); })
            .Case([&](CumulateOp op) { return lowerCumulate(op, dest); })
            .Default([](Operation *) { return Value(); });
    if (failed(direct) || *direct)
      return direct;
  }
  Expression expression;
  auto index = builder.getMultiDimIdentityMap(
      cast<RankedTensorType>(dest.getType()).getRank());
  FailureOr<Node> root = express(value, index, expression);
  if (failed(root))
    return failure();
  // A linalg.generic that copies would be folded into its operand, and the
  // destination left alone.
  if (expression.nodes.size() == 1 && !expression.getMaps().empty() &&
      expression.getMaps().front().isIdentity() &&
      expression.getInputs().front().getType() == dest.getType())
    return bufferization::MaterializeInDestinationOp::create(
               builder, value.getLoc(), expression.getInputs().front(), dest)
        .getResult();
  return buildStore(value.getLoc(), expression, *root, dest);
}

FailureOr<Node> GroupLowering::express(Value value, AffineMap index,
                                       Expression &expression) {
  for (auto &[known, at, node] : expression.known)
    if (known == value && at == index)
      return node;
  value = throughStorageCasts(value);
  FailureOr<Node> node = failure();
  if (Value tensor = lookupTensor(value))
    node = addLeaf(tensor, index, expression);
  else
    node = expressOp(value.getDefiningOp(), index, expression);
  if (succeeded(node))
    expression.known.emplace_back(value, index, *node);
  return node;
}

FailureOr<Node> GroupLowering::expressOp(Operation *op, AffineMap index,
                                         Expression &expression) {
  return TypeSwitch<Operation *, FailureOr<Node>>(op)
      .Case<ConvOp, MatMulOp>(
          [&](auto op) { return expressContraction(op, index, expression); })
      .Case(
          [&](QuantizeOp op) { return expressQuantize(op, index, expression); })
      .Case([&](DequantizeOp op) {
        return expressDequantize(op, index, expression);
      })
      .Case([&](RequantizeOp op) {
        return expressRequantize(op, index, expression);
      })
      .Case([&](LookupOp op) { return expressLookup(op, index, expression); })
      .Case([&](MaxPoolOp op) { return expressMaxPool(op, index, expression); })
      .Case([&](AveragePoolOp op) {
        return expressAveragePool(op, index, expression);
      })
      .Case([&](ReduceOp op) { return expressReduce(op, index, expression); })
      .Case([&](MaxPoolIndicesOp op) -> FailureOr<Node> {
        FailureOr<Value> indices = materialize(op.getResult());
        if (failed(indices))
          return failure();
        return addLeaf(*indices, index, expression);
      })
      .Case([&](ResizeOp op) { return expressResize(op, index, expression); })
      .Case([&](SampleOp op) { return expressSample(op, index, expression); })
      .Case([&](RoiPoolOp op) { return expressRoiPool(op, index, expression); })
      .Case<SoftmaxOp, LogSoftmaxOp>(
          [&](auto op) { return expressSoftmax(op, index, expression); })
      .Case([&](NormalizeOp op) {
        return expressNormalize(op, index, expression);
      })
      .Case([&](BatchNormOp op) {
        return expressBatchNorm(op, index, expression);
      })
      .Case<GatherOp, GatherElementsOp, GatherNDOp, ScatterElementsOp,
            ScatterNDOp, TensorScatterOp, ReverseSequenceOp, OneHotOp,
            ArgReduceOp, TopKOp>(
          [&](Operation *op) { return expressIndexing(op, index, expression); })
      .Case([&](ElementwiseOpInterface op) {
        return expressElementwise(op, index, expression);
      })
      .Default([&](Operation *op) {
        return expressMovement(op, index, expression);
      });
}

Node GroupLowering::addLeaf(Value tensor, AffineMap map,
                            Expression &expression) {
  auto type = cast<RankedTensorType>(tensor.getType());
  // Unit dimensions that are read at 0 say nothing: without them the map is a
  // projected permutation, which tiling understands.
  SmallVector<AffineExpr> kept;
  SmallVector<ReassociationIndices> reassociation;
  for (int64_t d = 0; d < type.getRank(); ++d) {
    auto constant = dyn_cast<AffineConstantExpr>(map.getResult(d));
    bool dropped =
        constant && constant.getValue() == 0 && type.getDimSize(d) == 1;
    if (!dropped)
      kept.push_back(map.getResult(d));
    if (!dropped && (kept.size() > 1 || reassociation.empty())) {
      // Leading dropped dimensions join the first kept one.
      ReassociationIndices indices;
      if (kept.size() == 1)
        llvm::append_range(indices, llvm::seq<int64_t>(0, d));
      indices.push_back(d);
      reassociation.push_back(indices);
    } else if (!reassociation.empty()) {
      reassociation.back().push_back(d);
    }
  }
  if (static_cast<int64_t>(kept.size()) == type.getRank())
    return expression.addLeaf(tensor, map);
  tensor = tensor::CollapseShapeOp::create(builder, tensor.getLoc(), tensor,
                                           reassociation);
  return expression.addLeaf(
      tensor, AffineMap::get(map.getNumDims(), 0, kept, map.getContext()));
}

Node GroupLowering::addChannelLeaf(Value tensor, int64_t axis, AffineMap index,
                                   Expression &expression) {
  bool scalar = cast<RankedTensorType>(tensor.getType()).getDimSize(0) == 1;
  AffineExpr position =
      scalar ? builder.getAffineConstantExpr(0) : index.getResult(axis);
  return addLeaf(tensor, AffineMap::get(index.getNumDims(), 0, position),
                 expression);
}

//===----------------------------------------------------------------------===//
// linalg.generic
//===----------------------------------------------------------------------===//

Value GroupLowering::buildGeneric(
    Location loc, const Expression &expression, Node root, Value dest,
    AffineMap destMap, ArrayRef<utils::IteratorType> iterators,
    function_ref<Value(OpBuilder &, Value, Value)> combine) {
  SmallVector<AffineMap> maps(expression.getMaps());
  maps.push_back(destMap);
  auto generic = linalg::GenericOp::create(
      builder, loc, TypeRange{dest.getType()}, expression.getInputs(),
      ValueRange{dest}, maps, iterators,
      [&](OpBuilder &body, Location bodyLoc, ValueRange scalars) {
        Value element = expression.emit(body, scalars.drop_back(), root);
        if (combine)
          element = combine(body, element, scalars.back());
        element =
            convertFloat(body, bodyLoc, element, scalars.back().getType());
        linalg::YieldOp::create(body, bodyLoc, element);
      });
  return generic.getResult(0);
}

Value GroupLowering::buildStore(Location loc, const Expression &expression,
                                Node root, Value dest) {
  int64_t rank = cast<RankedTensorType>(dest.getType()).getRank();
  SmallVector<utils::IteratorType> iterators(rank,
                                             utils::IteratorType::parallel);
  return buildGeneric(loc, expression, root, dest,
                      builder.getMultiDimIdentityMap(rank), iterators);
}
