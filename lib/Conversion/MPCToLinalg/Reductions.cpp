//===- Reductions.cpp - reductions, softmax, observation ------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reductions run in an order that depends on shapes only, so that a result is
// one sequence of roundings on every target. Sums are taken in f32 (f64 for
// f64, i32 for narrower integers).
//
//===----------------------------------------------------------------------===//

#include "GroupLowering.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mpc/Analysis/Calibration.h"
#include "mpc/Dialect/Kernel/KernelDialect.h"
#include "mpc/Dialect/Kernel/ValueBounds.h"
#include "mpc/Support/QuantMath.h"

using namespace mlir;
using namespace mpc;
using namespace mpc::lowering;

static RankedTensorType getTensorType(Value value) {
  return cast<RankedTensorType>(value.getType());
}

/// The positions of a tensor of `rank` dimensions that `axes` leave.
static SmallVector<unsigned> getKept(int64_t rank, ArrayRef<int64_t> axes) {
  SmallVector<unsigned> kept;
  for (int64_t d = 0; d < rank; ++d)
    if (!llvm::is_contained(axes, d))
      kept.push_back(d);
  return kept;
}

/// Floats that are reduced along contiguous elements are reduced in so many
/// lanes, each in index order, and the lanes then in index order: an order that
/// depends on the shape only, and that vector units can follow. For fewer
/// elements it does not pay.
static constexpr int64_t kLanes = 16, kFewestForLanes = 64;

bool GroupLowering::sliceLoop(Expression &expression, unsigned loop,
                              int64_t begin, int64_t size, int64_t lanes) {
  SmallVector<Value> inputs;
  SmallVector<AffineMap> maps;
  for (auto [input, map] :
       llvm::zip_equal(expression.inputs, expression.maps)) {
    auto type = getTensorType(input);
    std::optional<unsigned> position;
    SmallVector<AffineExpr> exprs;
    for (auto [i, expr] : llvm::enumerate(map.getResults())) {
      exprs.push_back(expr);
      if (!expr.isFunctionOfDim(loop))
        continue;
      if (position || !isa<AffineDimExpr>(expr) || type.isDynamicDim(i))
        return false;
      position = i;
      if (lanes > 1)
        exprs.push_back(builder.getAffineDimExpr(loop + 1));
    }
    inputs.push_back(input);
    maps.push_back(AffineMap::get(map.getNumDims() + (lanes > 1), 0, exprs,
                                  builder.getContext()));
    if (!position)
      continue;
    Location loc = input.getLoc();
    SmallVector<int64_t> shape(type.getShape());
    if (size != shape[*position]) {
      SmallVector<OpFoldResult> starts(shape.size(), builder.getIndexAttr(0));
      SmallVector<OpFoldResult> steps(shape.size(), builder.getIndexAttr(1));
      starts[*position] = builder.getIndexAttr(begin);
      shape[*position] = size;
      inputs.back() =
          tensor::ExtractSliceOp::create(builder, loc, type.clone(shape), input,
                                         starts, getSizes(loc, shape), steps);
    }
    if (lanes == 1)
      continue;
    SmallVector<ReassociationIndices> groups;
    int64_t at = 0;
    for (unsigned d = 0; d < shape.size(); ++d) {
      groups.push_back({at++});
      if (d == *position)
        groups.back().push_back(at++);
    }
    shape[*position] = size / lanes;
    shape.insert(shape.begin() + *position + 1, lanes);
    inputs.back() = tensor::ExpandShapeOp::create(
        builder, loc, type.clone(shape), inputs.back(), groups,
        getSizes(loc, shape));
  }
  expression.inputs = inputs;
  expression.maps = maps;
  return true;
}

Value GroupLowering::buildReduction(Location loc, const Expression &expression,
                                    Node root, ArrayRef<int64_t> shape,
                                    ArrayRef<int64_t> axes, TypedAttr init,
                                    Combiner combine, Value dest,
                                    Combiner merge) {
  int64_t rank = shape.size();
  SmallVector<unsigned> kept = getKept(rank, axes);
  SmallVector<int64_t> resultShape =
      llvm::map_to_vector(kept, [&](unsigned d) { return shape[d]; });
  dest = createFill(
      loc, init, dest ? dest : createEmpty(loc, resultShape, init.getType()));
  // Loops that are not in `parallel` are reduced.
  auto reduce = [&](const Expression &part, Node root, unsigned loops,
                    ArrayRef<unsigned> parallel, Value into, Combiner step) {
    SmallVector<utils::IteratorType> iterators(loops,
                                               utils::IteratorType::reduction);
    for (unsigned loop : parallel)
      iterators[loop] = utils::IteratorType::parallel;
    return buildGeneric(
        loc, part, root, into,
        builder.getMultiDimIdentityMap(loops).getSubMap(parallel), iterators,
        step);
  };

  int64_t length = rank == 0 ? 0 : shape.back();
  int64_t whole = length - length % kLanes;
  Expression inLanes = expression, rest = expression;
  if (!merge || !isa<FloatType>(init.getType()) || length < kFewestForLanes ||
      !llvm::is_contained(axes, rank - 1) ||
      !sliceLoop(inLanes, rank - 1, 0, whole, kLanes))
    return reduce(expression, root, rank, kept, dest, combine);

  resultShape.push_back(kLanes);
  Value lanes =
      createFill(loc, init, createEmpty(loc, resultShape, init.getType()));
  SmallVector<unsigned> keptAndLane(kept);
  keptAndLane.push_back(rank);
  lanes = reduce(inLanes, root, rank + 1, keptAndLane, lanes, combine);
  Expression merged;
  Node lane =
      merged.addLeaf(lanes, builder.getMultiDimIdentityMap(resultShape.size()));
  dest =
      reduce(merged, lane, resultShape.size(),
             llvm::to_vector(llvm::seq<unsigned>(0, kept.size())), dest, merge);
  if (whole == length)
    return dest;
  sliceLoop(rest, rank - 1, whole, length - whole, 1);
  return reduce(rest, root, rank, kept, dest, combine);
}

//===----------------------------------------------------------------------===//
// Mean
//===----------------------------------------------------------------------===//

FailureOr<Node>
GroupLowering::addAverage(Operation *op, Node sum, int64_t terms,
                          ArrayRef<int64_t> divisors, ArrayRef<int64_t> shape,
                          ArrayRef<int64_t> axes, AffineMap index,
                          Expression &expression) {
  Location loc = op->getLoc();
  Type input = getTensorType(op->getOperand(0)).getElementType();
  Type result = getTensorType(op->getResult(0)).getElementType();
  SmallVector<float> counts(divisors.begin(), divisors.end());
  auto quantized = dyn_cast<quant::UniformQuantizedType>(input);
  if (!quantized) {
    if (isa<quant::QuantizedType>(input))
      return op->emitOpError()
             << "expected an input with one scale, but got " << input;
    if (isa<IntegerType>(input) && divisors.size() != 1)
      return op->emitOpError()
             << "means of a varying number of integers are not supported yet";
    if (isa<IntegerType>(input)) {
      int64_t count = divisors.front();
      bool isUnsigned = isUnsignedElement(input);
      return expression.addNode(
          {sum}, loc,
          [=](OpBuilder &b, Location loc, ValueRange scalars) -> Value {
            Type type = scalars[0].getType();
            // The mean of no integers has no value, and no trap either.
            Value divisor = arith::ConstantOp::create(
                b, loc, b.getIntegerAttr(type, std::max<int64_t>(count, 1)));
            if (isUnsigned)
              return arith::DivUIOp::create(b, loc, scalars[0], divisor);
            return arith::DivSIOp::create(b, loc, scalars[0], divisor);
          });
    }
    Node count = addFloatParameter(loc, counts, shape, axes, index, expression);
    return expression.addNode(
        {sum, count}, loc,
        [](OpBuilder &b, Location loc, ValueRange scalars) -> Value {
          return arith::DivFOp::create(
              b, loc, scalars[0],
              convertFloat(b, loc, scalars[1], scalars[0].getType()));
        });
  }

  if (auto rounding = op->getAttrOfType<RoundingAttr>("rounding");
      rounding && rounding.getValue() != Rounding::ONNX)
    return addFixedAverage(op, rounding.getValue(), sum, terms, divisors, shape,
                           axes, index, expression);

  // Each term counts the zero point once.
  auto offset =
      static_cast<int32_t>(static_cast<uint32_t>(terms) *
                           static_cast<uint32_t>(quantized.getZeroPoint()));
  if (offset != 0)
    sum = expression.addNode(
        {sum}, loc,
        [offset](OpBuilder &b, Location loc, ValueRange scalars) -> Value {
          return arith::SubIOp::create(
              b, loc, scalars[0],
              arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(offset)));
        });
  float inputScale = getScales(quantized).front();
  if (auto uniform = dyn_cast<quant::UniformQuantizedType>(result)) {
    float ratio = requantMultiplier(inputScale, getScales(uniform).front());
    SmallVector<float> multipliers =
        llvm::map_to_vector(counts, [&](float count) { return ratio / count; });
    Node multiplier =
        addFloatParameter(loc, multipliers, shape, axes, index, expression);
    return addRequantize(op, sum, multiplier, *llvm::max_element(multipliers),
                         uniform, uniform.getStorageTypeMin(),
                         uniform.getStorageTypeMax(), expression);
  }
  if (!result.isF32())
    return op->emitOpError() << "a mean of " << input << " in " << result
                             << " is not supported yet";
  Node count = addFloatParameter(loc, counts, shape, axes, index, expression);
  return expression.addNode(
      {sum, count}, loc,
      [inputScale](OpBuilder &b, Location loc, ValueRange scalars) -> Value {
        Value real =
            arith::SIToFPOp::create(b, loc, b.getF32Type(), scalars[0]);
        real = arith::MulFOp::create(
            b, loc, real, createFloat(b, loc, inputScale, b.getF32Type()));
        return arith::DivFOp::create(b, loc, real, scalars[1]);
      });
}

//===----------------------------------------------------------------------===//
// Reduce
//===----------------------------------------------------------------------===//

/// Where a reduction starts.
static TypedAttr getInit(OpBuilder &builder, ReduceKind kind, Type type,
                         bool isUnsigned) {
  bool extremum = kind == ReduceKind::Max || kind == ReduceKind::Min;
  if (auto floatType = dyn_cast<FloatType>(type)) {
    if (extremum)
      return builder.getFloatAttr(
          floatType, APFloat::getInf(floatType.getFloatSemantics(),
                                     /*Negative=*/kind == ReduceKind::Max));
    return builder.getFloatAttr(floatType,
                                kind == ReduceKind::Prod ? 1.0 : 0.0);
  }
  unsigned width = type.getIntOrFloatBitWidth();
  if (kind == ReduceKind::Max)
    return builder.getIntegerAttr(type, isUnsigned
                                            ? APInt::getZero(width)
                                            : APInt::getSignedMinValue(width));
  if (kind == ReduceKind::Min)
    return builder.getIntegerAttr(type, isUnsigned
                                            ? APInt::getMaxValue(width)
                                            : APInt::getSignedMaxValue(width));
  return builder.getIntegerAttr(type, kind == ReduceKind::Prod ? 1 : 0);
}

/// One step of a reduction in the type of the accumulator.
static Value buildStep(OpBuilder &b, Location loc, ReduceKind kind,
                       Value element, Value acc, bool isUnsigned) {
  bool isFloat = isa<FloatType>(acc.getType());
  auto pick = [&](auto floatOp, auto integerOp, Value lhs, Value rhs) -> Value {
    if (isFloat)
      return decltype(floatOp)::create(b, loc, lhs, rhs);
    return decltype(integerOp)::create(b, loc, lhs, rhs);
  };
  switch (kind) {
  case ReduceKind::Sum:
  case ReduceKind::Mean:
    return pick(arith::AddFOp(), arith::AddIOp(), acc, element);
  case ReduceKind::Prod:
    return pick(arith::MulFOp(), arith::MulIOp(), acc, element);
  case ReduceKind::Max:
    return isUnsigned
               ? pick(arith::MaximumFOp(), arith::MaxUIOp(), acc, element)
               : pick(arith::MaximumFOp(), arith::MaxSIOp(), acc, element);
  case ReduceKind::Min:
    return isUnsigned
               ? pick(arith::MinimumFOp(), arith::MinUIOp(), acc, element)
               : pick(arith::MinimumFOp(), arith::MinSIOp(), acc, element);
  case ReduceKind::L1: {
    Value magnitude =
        isFloat      ? math::AbsFOp::create(b, loc, element).getResult()
        : isUnsigned ? element
                     : math::AbsIOp::create(b, loc, element).getResult();
    return pick(arith::AddFOp(), arith::AddIOp(), acc, magnitude);
  }
  case ReduceKind::L2:
  case ReduceKind::SumSquare:
    return pick(arith::AddFOp(), arith::AddIOp(), acc,
                pick(arith::MulFOp(), arith::MulIOp(), element, element));
  }
  llvm_unreachable("unknown kind of reduction");
}

/// Whether more than the reduction happens to a result: a division, a root, a
/// conversion.
static bool needsEpilogue(ReduceOp op, Type accumulatorType) {
  Type element = getTensorType(op.getInput()).getElementType();
  ReduceKind kind = op.getKind();
  bool isSum = kind == ReduceKind::Sum || kind == ReduceKind::Mean;
  return op.getKeepdims() || kind == ReduceKind::Mean ||
         kind == ReduceKind::L2 ||
         (isSum && isa<quant::QuantizedType>(element)) ||
         accumulatorType != getStorageElementType(
                                getTensorType(op.getResult()).getElementType());
}

FailureOr<Value> GroupLowering::lowerReduce(ReduceOp op, Value dest) {
  Location loc = op.getLoc();
  ReduceKind kind = op.getKind();
  auto inputType = getTensorType(op.getInput());
  Type elementType = inputType.getElementType(),
       resultElement = getTensorType(op.getResult()).getElementType();
  bool isUnsigned = isUnsignedElement(elementType),
       extremum = kind == ReduceKind::Max || kind == ReduceKind::Min;
  if (isa<quant::QuantizedType>(elementType) && !extremum &&
      kind != ReduceKind::Sum && kind != ReduceKind::Mean)
    return op.emitOpError() << "reduction " << stringifyReduceKind(kind)
                            << " of " << elementType << " is not supported yet";
  if (extremum && elementType != resultElement)
    return op.emitOpError() << "expected a result with elements of "
                            << elementType << ", but got " << resultElement;
  if (kind == ReduceKind::L2 && isa<IntegerType>(elementType))
    return op.emitOpError()
           << "reduction l2 of " << elementType << " is not supported yet";

  Type type = getComputeType(elementType);
  if (auto integer = dyn_cast<IntegerType>(type);
      integer && integer.getWidth() < 32 && !extremum)
    type = builder.getI32Type();
  if (dest && needsEpilogue(op, type))
    return Value();
  Expression elements;
  FailureOr<Node> element =
      express(op.getInput(),
              builder.getMultiDimIdentityMap(inputType.getRank()), elements);
  if (failed(element))
    return failure();
  auto combine = [&](OpBuilder &b, Value scalar, Value acc) {
    scalar = convertFloat(b, loc, scalar, type);
    if (scalar.getType() != type)
      scalar = isUnsigned
                   ? arith::ExtUIOp::create(b, loc, type, scalar).getResult()
                   : arith::ExtSIOp::create(b, loc, type, scalar).getResult();
    return buildStep(b, loc, kind, scalar, acc, isUnsigned);
  };
  // Lanes hold sums of squares or magnitudes already.
  bool isSum = kind == ReduceKind::L1 || kind == ReduceKind::L2 ||
               kind == ReduceKind::SumSquare;
  auto merge = [&](OpBuilder &b, Value scalar, Value acc) {
    return buildStep(b, loc, isSum ? ReduceKind::Sum : kind, scalar, acc,
                     isUnsigned);
  };
  return buildReduction(loc, elements, *element, inputType.getShape(),
                        op.getAxes(), getInit(builder, kind, type, isUnsigned),
                        combine, dest, merge);
}

FailureOr<Node> GroupLowering::expressReduce(ReduceOp op, AffineMap index,
                                             Expression &expression) {
  Location loc = op.getLoc();
  ReduceKind kind = op.getKind();
  auto inputType = getTensorType(op.getInput());
  Value total = partials.lookup({op, kAccumulator});
  if (!total) {
    FailureOr<Value> reduced = lowerReduce(op, nullptr);
    if (failed(reduced))
      return failure();
    total = partials[{op, kAccumulator}] = *reduced;
  }

  // Dimensions of size 1 that `keepdims` leaves do not index the reduced
  // tensor.
  AffineMap kept =
      op.getKeepdims()
          ? index.getSubMap(getKept(inputType.getRank(), op.getAxes()))
          : index;
  Node result = addLeaf(total, kept, expression);
  bool quantized = isa<quant::QuantizedType>(inputType.getElementType());
  if (kind == ReduceKind::Mean || (quantized && kind == ReduceKind::Sum)) {
    int64_t terms = 1;
    for (int64_t axis : op.getAxes())
      terms *= inputType.getDimSize(axis);
    FailureOr<Node> mean =
        addAverage(op, result, terms, {kind == ReduceKind::Mean ? terms : 1},
                   {}, {}, index, expression);
    if (failed(mean))
      return failure();
    result = *mean;
  }
  Type storageType =
      getStorageElementType(getTensorType(op.getResult()).getElementType());
  return expression.addNode(
      {result}, loc,
      [=](OpBuilder &b, Location loc, ValueRange scalars) -> Value {
        Value scalar = scalars[0];
        if (kind == ReduceKind::L2)
          scalar = math::SqrtOp::create(b, loc, scalar);
        if (isa<IntegerType>(storageType) && scalar.getType() != storageType)
          scalar = arith::TruncIOp::create(b, loc, storageType, scalar);
        return scalar;
      });
}

//===----------------------------------------------------------------------===//
// Softmax
//===----------------------------------------------------------------------===//

FailureOr<Node> GroupLowering::expressSoftmax(Operation *op, AffineMap index,
                                              Expression &expression) {
  Location loc = op->getLoc();
  bool isLog = isa<LogSoftmaxOp>(op);
  auto inputType = getTensorType(op->getOperand(0));
  if (!isa<FloatType>(inputType.getElementType()))
    return op->emitOpError() << "expected floating-point elements, but got "
                             << inputType.getElementType();
  int64_t rank = inputType.getRank();
  int64_t axis =
      isLog ? cast<LogSoftmaxOp>(op).getAxis() : cast<SoftmaxOp>(op).getAxis();
  auto type = cast<FloatType>(getComputeType(inputType.getElementType()));
  SmallVector<unsigned> kept = getKept(rank, axis);
  AffineMap identity = builder.getMultiDimIdentityMap(rank);

  ScalarBuilder subtract = [](OpBuilder &b, Location loc,
                              ValueRange scalars) -> Value {
    return arith::SubFOp::create(b, loc, scalars[0], scalars[1]);
  };
  ScalarBuilder exponential = [](OpBuilder &b, Location loc,
                                 ValueRange scalars) -> Value {
    auto power = math::ExpOp::create(b, loc, scalars[0]);
    // Of a number less the largest one.
    power->setAttr(kernel::kArgumentAtMostAttrName, b.getF32FloatAttr(0));
    return power;
  };
  auto add = [&](OpBuilder &b, Value element, Value acc) -> Value {
    return arith::AddFOp::create(b, loc, acc, element);
  };
  /// x - max(x), in `into`.
  auto expressCentred = [&](Value largest, AffineMap at,
                            Expression &into) -> FailureOr<Node> {
    FailureOr<Node> x = express(op->getOperand(0), at, into);
    if (failed(x))
      return failure();
    return into.addNode({*x, addLeaf(largest, at.getSubMap(kept), into)}, loc,
                        subtract);
  };

  Value largest = partials.lookup({op, kMaximum});
  if (!largest) {
    Expression elements;
    FailureOr<Node> x = express(op->getOperand(0), identity, elements);
    if (failed(x))
      return failure();
    auto lowest = builder.getFloatAttr(
        type, APFloat::getInf(type.getFloatSemantics(), /*Negative=*/true));
    auto larger = [&](OpBuilder &b, Value element, Value acc) -> Value {
      return arith::MaximumFOp::create(b, loc, acc, element);
    };
    largest = buildReduction(loc, elements, *x, inputType.getShape(), axis,
                             lowest, larger, nullptr, larger);
    partials[{op, kMaximum}] = largest;

    // softmax keeps the exponentials for the division; log_softmax needs their
    // sum only.
    Expression shifted;
    FailureOr<Node> centred = expressCentred(largest, identity, shifted);
    if (failed(centred))
      return failure();
    Node power = shifted.addNode(*centred, loc, exponential);
    TypedAttr zero = builder.getFloatAttr(type, 0.0);
    if (isLog) {
      Value sum = buildReduction(loc, shifted, power, inputType.getShape(),
                                 axis, zero, add, nullptr, add);
      Expression logarithm;
      Node element =
          logarithm.addLeaf(sum, builder.getMultiDimIdentityMap(rank - 1));
      element = logarithm.addNode(
          element, loc,
          [](OpBuilder &b, Location loc, ValueRange scalars) -> Value {
            return math::LogOp::create(b, loc, scalars[0]);
          });
      partials[{op, kAccumulator}] =
          buildStore(loc, logarithm, element,
                     createEmpty(loc, getTensorType(sum).getShape(), type));
    } else {
      Value powers = buildStore(loc, shifted, power,
                                createEmpty(loc, inputType.getShape(), type));
      partials[{op, kPowers}] = powers;
      Expression stored;
      Node element = stored.addLeaf(powers, identity);
      partials[{op, kAccumulator}] =
          buildReduction(loc, stored, element, inputType.getShape(), axis, zero,
                         add, nullptr, add);
    }
  }

  FailureOr<Node> numerator =
      isLog ? expressCentred(largest, index, expression)
            : addLeaf(partials.lookup({op, kPowers}), index, expression);
  if (failed(numerator))
    return failure();
  Node total = addLeaf(partials.lookup({op, kAccumulator}),
                       index.getSubMap(kept), expression);
  return expression.addNode(
      {*numerator, total}, loc,
      [isLog](OpBuilder &b, Location loc, ValueRange scalars) -> Value {
        if (isLog)
          return arith::SubFOp::create(b, loc, scalars[0], scalars[1]);
        return arith::DivFOp::create(b, loc, scalars[0], scalars[1]);
      });
}

//===----------------------------------------------------------------------===//
// Observe
//===----------------------------------------------------------------------===//

FailureOr<Value> GroupLowering::lowerObserve(ObserveOp op, Value dest) {
  Location loc = op.getLoc();
  auto inputType = getTensorType(op.getInput());
  auto type = cast<FloatType>(getComputeType(inputType.getElementType()));
  SmallVector<int64_t> axes =
      llvm::to_vector(llvm::seq<int64_t>(0, inputType.getRank()));
  for (ReduceKind kind : {ReduceKind::Min, ReduceKind::Max}) {
    Expression elements;
    FailureOr<Node> x =
        express(op.getInput(),
                builder.getMultiDimIdentityMap(inputType.getRank()), elements);
    if (failed(x))
      return failure();
    Value extremum =
        buildReduction(loc, elements, *x, inputType.getShape(), axes,
                       getInit(builder, kind, type, false),
                       [&](OpBuilder &b, Value element, Value acc) {
                         return buildStep(b, loc, kind, element, acc, false);
                       });
    Value scalar =
        tensor::ExtractOp::create(builder, loc, extremum, ValueRange());
    scalar = convertFloat(builder, loc, scalar, builder.getF32Type());
    Value position = arith::ConstantIndexOp::create(
        builder, loc, kind == ReduceKind::Min ? 0 : 1);
    dest = tensor::InsertOp::create(builder, loc, scalar, dest, position);
  }
  return dest;
}

FailureOr<Value> GroupLowering::lowerHistogram(HistogramOp op, Value dest) {
  FailureOr<Value> input = materialize(op.getInput());
  FailureOr<Value> range = failed(input) ? input : materialize(op.getRange());
  if (failed(range))
    return failure();
  return kernel::HistogramOp::create(builder, op.getLoc(),
                                     TypeRange{dest.getType()}, *input, *range,
                                     dest)
      ->getResult(0);
}

FailureOr<Value> GroupLowering::lowerChannelSums(ChannelSumsOp op, Value dest) {
  Location loc = op.getLoc();
  FailureOr<Value> input = materialize(op.getInput());
  if (failed(input))
    return failure();
  auto inputType = getTensorType(*input);
  int64_t rank = inputType.getRank(), channels = inputType.getShape().back();
  Expression elements;
  FailureOr<Node> x =
      express(op.getInput(), builder.getMultiDimIdentityMap(rank), elements);
  if (failed(x))
    return failure();
  Type f64 = builder.getF64Type(), i64 = builder.getI64Type();
  // A power of two scales exactly.
  Node fixed = elements.addNode(
      {*x}, loc,
      [f64](OpBuilder &b, Location loc, ValueRange scalars) -> Value {
        Type type = scalars[0].getType();
        Value unit = arith::ConstantOp::create(
            b, loc, b.getFloatAttr(type, double(1 << kChannelSumBits)));
        Value units = math::RoundEvenOp::create(
            b, loc, arith::MulFOp::create(b, loc, scalars[0], unit));
        return convertFloat(b, loc, units, f64);
      });
  // Sums of integers in f64: exact, in whichever order.
  Value sums = buildReduction(
      loc, elements, fixed, inputType.getShape(),
      llvm::to_vector(llvm::seq<int64_t>(0, rank - 1)),
      builder.getF64FloatAttr(0), [&](OpBuilder &b, Value element, Value acc) {
        return arith::AddFOp::create(b, loc, acc, element);
      });
  Expression integers;
  Node integer = integers.addLeaf(sums, builder.getMultiDimIdentityMap(1));
  integer = integers.addNode(
      {integer}, loc,
      [i64, f64](OpBuilder &b, Location loc, ValueRange scalars) -> Value {
        // What is no number, or too large a one, stands for an unknown sum.
        auto clamp = [&](arith::CmpFPredicate predicate, double bound,
                         Value x) -> Value {
          Value most =
              arith::ConstantOp::create(b, loc, b.getFloatAttr(f64, bound));
          Value inside = arith::CmpFOp::create(b, loc, predicate, x, most);
          return arith::SelectOp::create(b, loc, inside, x, most);
        };
        auto most = static_cast<double>(kMostChannelSum);
        Value sum = clamp(arith::CmpFPredicate::OGT, -most, scalars[0]);
        sum = clamp(arith::CmpFPredicate::OLT, most, sum);
        return arith::FPToSIOp::create(b, loc, i64, sum);
      });
  OpFoldResult zero = builder.getIndexAttr(0), one = builder.getIndexAttr(1),
               size = builder.getIndexAttr(channels);
  Value part =
      tensor::ExtractSliceOp::create(builder, loc, dest, zero, size, one);
  part = buildStore(loc, integers, integer, part);
  dest =
      tensor::InsertSliceOp::create(builder, loc, part, dest, zero, size, one);

  Value positions = arith::ConstantIndexOp::create(builder, loc, 1);
  for (int64_t d = 0; d < rank - 1; ++d)
    positions =
        arith::MulIOp::create(builder, loc, positions,
                              tensor::DimOp::create(builder, loc, *input, d));
  positions = arith::IndexCastOp::create(builder, loc, i64, positions);
  return tensor::InsertOp::create(
             builder, loc, positions, dest,
             ValueRange{arith::ConstantIndexOp::create(builder, loc, channels)})
      .getResult();
}
