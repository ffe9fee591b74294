//===- Contractions.cpp - convolution and matrix product ------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A contraction is a linalg.generic that adds products to an accumulator of
// zeros. Its loops are the accumulator's dimensions in order, then the
// kernel's, then the input channels: one order of summation in every layout.
// Its bias belongs to the expression that reads the accumulator.
//
// Quantized activations keep their zero point: with padding by the zero point,
// every output counts it against all weights of its channel, so that the
// correction is a constant that joins the bias,
//   sum (x - z) * w = sum x * w - z * sum w.
//
//===----------------------------------------------------------------------===//

#include "GroupLowering.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mpc/Dialect/Kernel/KernelDialect.h"
#include "mpc/Dialect/MPC/Constants.h"

using namespace mlir;
using namespace mpc;
using namespace mpc::lowering;

static RankedTensorType getTensorType(Value value) {
  return cast<RankedTensorType>(value.getType());
}

/// A scalar in the type of the accumulator.
static Value extendTo(OpBuilder &builder, Location loc, Value scalar, Type type,
                      bool isUnsigned) {
  if (isa<FloatType>(type))
    return convertFloat(builder, loc, scalar, type);
  if (scalar.getType() == type)
    return scalar;
  if (isUnsigned)
    return arith::ExtUIOp::create(builder, loc, type, scalar);
  return arith::ExtSIOp::create(builder, loc, type, scalar);
}

/// The zero point of a contraction's activations.
static int64_t getZeroPoint(Value activations) {
  auto type = dyn_cast<quant::QuantizedType>(
      getTensorType(activations).getElementType());
  return type ? getZeroPoints(type).front() : 0;
}

//===----------------------------------------------------------------------===//
// Accumulator and bias
//===----------------------------------------------------------------------===//

Value GroupLowering::buildContraction(Operation *op, ValueRange inputs,
                                      ArrayRef<AffineMap> maps,
                                      unsigned parallelLoops, Value dest) {
  Type type = getTensorType(dest).getElementType();
  Value zeros = createFill(op->getLoc(), builder.getZeroAttr(type), dest);
  SmallVector<utils::IteratorType> iterators(maps.front().getNumDims(),
                                             utils::IteratorType::reduction);
  std::fill_n(iterators.begin(), parallelLoops, utils::IteratorType::parallel);
  bool unsignedLhs =
      isUnsignedElement(getTensorType(op->getOperand(0)).getElementType());
  bool unsignedRhs =
      isUnsignedElement(getTensorType(op->getOperand(1)).getElementType());
  auto generic = linalg::GenericOp::create(
      builder, op->getLoc(), TypeRange{dest.getType()}, inputs,
      ValueRange{zeros}, maps, iterators,
      [&](OpBuilder &body, Location loc, ValueRange scalars) {
        // Products of 16-bit integers fit into 32 bits, their sums may not.
        bool isSplit = type.isInteger(64) &&
                       scalars[0].getType().isInteger(16) &&
                       scalars[1].getType().isInteger(8);
        Type factor = isSplit ? body.getI32Type() : type;
        Value lhs = extendTo(body, loc, scalars[0], factor, unsignedLhs);
        Value rhs = extendTo(body, loc, scalars[1], factor, unsignedRhs);
        Value sum;
        if (isa<FloatType>(type)) {
          Value product = arith::MulFOp::create(body, loc, lhs, rhs);
          sum = arith::AddFOp::create(body, loc, scalars[2], product);
        } else {
          Value product = arith::MulIOp::create(body, loc, lhs, rhs);
          if (isSplit)
            product = arith::ExtSIOp::create(body, loc, type, product);
          sum = arith::AddIOp::create(body, loc, scalars[2], product);
        }
        linalg::YieldOp::create(body, loc, sum);
      });
  return generic.getResult(0);
}

FailureOr<Value> GroupLowering::getContractionBias(Operation *op) {
  auto quantizable = cast<QuantizableOpInterface>(op);
  OpOperand *biasOperand = quantizable.getBiasOperand();
  Value bias = biasOperand ? biasOperand->get() : Value();
  int64_t zeroPoint = getZeroPoint(op->getOperand(0));
  if (zeroPoint == 0)
    return bias ? materialize(bias) : FailureOr<Value>(Value());

  if (Value known = partials.lookup({op, kBias}))
    return known;
  Value weight = op->getOperand(1);
  ElementsAttr weights = getConstantValue(weight);
  std::optional<std::vector<int64_t>> integers =
      weights ? getIntValues(weights) : std::nullopt;
  if (!integers)
    return op->emitOpError()
           << "expected constant weights, since the activations' zero point is "
           << zeroPoint;
  ArrayRef<int64_t> shape = getTensorType(weight).getShape();
  auto axis = static_cast<size_t>(isa<ConvOp>(op) ? 0
                                  : cast<MatMulOp>(op).getTransposeB()
                                      ? shape.size() - 2
                                      : shape.size() - 1);
  if (isa<MatMulOp>(op) && shape.size() != 2)
    return op->emitOpError() << "quantized weights of rank " << shape.size()
                             << " are not supported yet";

  // Sums wrap as the accumulator does.
  int64_t inner = 1;
  for (int64_t size : shape.drop_front(axis + 1))
    inner *= size;
  SmallVector<uint32_t> terms(shape[axis], 0);
  for (auto [i, w] : llvm::enumerate(*integers))
    terms[i / inner % shape[axis]] -=
        static_cast<uint32_t>(zeroPoint) * static_cast<uint32_t>(w);

  std::optional<std::vector<int64_t>> biases;
  if (bias) {
    ElementsAttr constant = getConstantValue(bias);
    biases = constant ? getIntValues(constant) : std::nullopt;
    if (!biases)
      return op->emitOpError() << "expected a constant bias, since the "
                                  "activations' zero point is "
                               << zeroPoint;
  }
  SmallVector<int64_t> values;
  for (auto [channel, term] : llvm::enumerate(terms))
    values.push_back(static_cast<int32_t>(
        term + (biases ? static_cast<uint32_t>((*biases)[channel]) : 0u)));
  auto type = RankedTensorType::get(shape[axis], builder.getI32Type());
  return partials[{op, kBias}] = addConstantArgument(
             op->getLoc(), createIntConstant(type, values, "bias"));
}

FailureOr<Node> GroupLowering::expressContraction(Operation *op,
                                                  AffineMap index,
                                                  Expression &expression) {
  FailureOr<Value> bias = getContractionBias(op);
  if (failed(bias))
    return failure();
  Value accumulator = partials.lookup({op, kAccumulator});
  if (!accumulator) {
    FailureOr<Value> sum = lowerContraction(op, nullptr);
    if (failed(sum))
      return failure();
    accumulator = partials[{op, kAccumulator}] = *sum;
  }
  Node sum = addLeaf(accumulator, index, expression);
  if (!*bias)
    return sum;
  int64_t axis = cast<QuantizableOpInterface>(op).getResultChannelAxis();
  Node addend = addChannelLeaf(*bias, axis, index, expression);
  return expression.addNode(
      {sum, addend}, op->getLoc(),
      [](OpBuilder &b, Location loc, ValueRange scalars) -> Value {
        if (isa<IntegerType>(scalars[0].getType()))
          return arith::AddIOp::create(b, loc, scalars[0], scalars[1]);
        return arith::AddFOp::create(
            b, loc, scalars[0],
            convertFloat(b, loc, scalars[1], scalars[0].getType()));
      });
}

FailureOr<Value> GroupLowering::lowerContraction(Operation *op, Value dest) {
  Type input = getTensorType(op->getOperand(0)).getElementType();
  Type weight = getTensorType(op->getOperand(1)).getElementType();
  auto result = getTensorType(op->getResult(0));
  auto quantizedWeight = dyn_cast<quant::QuantizedType>(weight);
  if (static_cast<bool>(quantizedWeight) != isa<quant::QuantizedType>(input))
    return op->emitOpError() << "a contraction of " << input << " with "
                             << weight << " is not supported yet";
  if (quantizedWeight && llvm::any_of(getZeroPoints(quantizedWeight),
                                      [](int64_t zero) { return zero != 0; }))
    return op->emitOpError()
           << "weights with a zero point are not supported yet, but got "
           << weight;
  if (quantizedWeight &&
      getZeroPoints(cast<quant::QuantizedType>(input)).size() != 1)
    return op->emitOpError()
           << "expected activations with one scale, but got " << input;
  if (!dest)
    dest = createEmpty(op->getLoc(), result.getShape(),
                       getComputeType(result.getElementType()));
  if (auto conv = dyn_cast<ConvOp>(op))
    return lowerConv(conv, dest);
  return lowerMatMul(cast<MatMulOp>(op), dest);
}

FailureOr<Value> GroupLowering::lowerDequantizeBlocks(DequantizeBlocksOp op) {
  SmallVector<Value> operands;
  for (Value operand : {Value(op.getValues()), Value(op.getScales()),
                        Value(op.getZeroPoints()), Value(op.getTable())}) {
    FailureOr<Value> tensor =
        operand ? materialize(operand) : FailureOr<Value>(Value());
    if (failed(tensor))
      return failure();
    operands.push_back(*tensor);
  }
  int64_t bits = getElementTypeOrSelf(op.getValues()).getIntOrFloatBitWidth();
  return Value(kernel::DequantizeOp::create(
      builder, op.getLoc(), getStorageType(op.getResult().getType()),
      operands[0], operands[1], operands[2], operands[3], op.getAxis(), bits,
      op.getBlock()));
}

//===----------------------------------------------------------------------===//
// Convolution
//===----------------------------------------------------------------------===//

/// Splits dimension `axis` of `value` into [outer, rest].
static Value splitDimension(OpBuilder &builder, Location loc, Value value,
                            int64_t axis, int64_t outer,
                            function_ref<Value()> batch) {
  auto type = getTensorType(value);
  SmallVector<int64_t> shape(type.getShape());
  shape[axis] /= outer;
  shape.insert(shape.begin() + axis, outer);
  return buildReshape(builder, loc, value,
                      RankedTensorType::get(shape, type.getElementType()),
                      batch);
}

FailureOr<Value> GroupLowering::lowerConv(ConvOp op, Value dest) {
  Location loc = op.getLoc();
  FailureOr<Value> input = materialize(op.getInput());
  FailureOr<Value> weight = materialize(op.getWeight());
  if (failed(input) || failed(weight))
    return failure();
  bool channelsLast = op.isChannelsLast(), depthwise = op.isDepthwise();
  int64_t spatialRank = op.getSpatialRank(), rank = spatialRank + 2,
          groups = op.getGroups();
  int64_t channelAxis = channelsLast ? rank - 1 : 1,
          firstSpatial = channelsLast ? 1 : 2;
  ArrayRef<int64_t> pads = op.getPads();
  auto asBatch = [&] { return getBatch(); };

  if (llvm::any_of(pads, [](int64_t pad) { return pad != 0; })) {
    SmallVector<int64_t> low(rank, 0), high(rank, 0);
    for (int64_t d = 0; d < spatialRank; ++d) {
      low[firstSpatial + d] = pads[d];
      high[firstSpatial + d] = pads[spatialRank + d];
    }
    Type type = getTensorType(*input).getElementType();
    TypedAttr value = builder.getZeroAttr(type);
    if (isa<IntegerType>(type))
      value = builder.getIntegerAttr(
          type, APInt(64, getZeroPoint(op.getInput()), true)
                    .trunc(type.getIntOrFloatBitWidth()));
    input = padTensor(loc, *input, low, high, value);
  }

  // Loops: the dimensions of the accumulator (with a group dimension before the
  // channels), kernel, input channels in a group.
  bool grouped = groups > 1 && !depthwise;
  unsigned parallelLoops = rank + grouped;
  unsigned channelLoop = channelAxis + grouped,
           spatialLoop = channelsLast ? 1 : 2 + grouped;
  unsigned kernelLoop = parallelLoops, innerLoop = kernelLoop + spatialRank;
  unsigned numLoops = innerLoop + !depthwise;
  SmallVector<AffineExpr> loops =
      llvm::map_to_vector(llvm::seq<unsigned>(0, numLoops), [&](unsigned i) {
        return builder.getAffineDimExpr(i);
      });
  SmallVector<AffineExpr> windows;
  for (int64_t d = 0; d < spatialRank; ++d)
    windows.push_back(loops[spatialLoop + d] * op.getStrides()[d] +
                      loops[kernelLoop + d] * op.getDilations()[d]);
  ArrayRef<AffineExpr> kernel = ArrayRef(loops).slice(kernelLoop, spatialRank);

  SmallVector<AffineExpr> inputChannel, weightChannel, weightInner;
  if (depthwise) {
    inputChannel = weightChannel = {loops[channelLoop]};
  } else {
    inputChannel = {loops[innerLoop]};
    weightChannel = {loops[channelLoop]};
    weightInner = {loops[innerLoop]};
  }
  if (grouped) {
    inputChannel.insert(inputChannel.begin(), loops[channelAxis]);
    weightChannel.insert(weightChannel.begin(), loops[channelAxis]);
    input = splitDimension(builder, loc, *input, channelAxis, groups, asBatch);
    weight = splitDimension(builder, loc, *weight, 0, groups, asBatch);
  }
  SmallVector<AffineExpr> inputExprs{loops[0]}, weightExprs = weightChannel;
  if (channelsLast) {
    llvm::append_range(inputExprs, windows);
    llvm::append_range(inputExprs, inputChannel);
    llvm::append_range(weightExprs, kernel);
    llvm::append_range(weightExprs, weightInner);
  } else {
    llvm::append_range(inputExprs, inputChannel);
    llvm::append_range(inputExprs, windows);
    llvm::append_range(weightExprs, weightInner);
    llvm::append_range(weightExprs, kernel);
  }
  if (depthwise) {
    // The kernels of channels-last depthwise convolutions read [K..., C]; the
    // unit dimension of the weight goes.
    ElementsAttr constant =
        channelsLast ? getConstantValue(op.getWeight()) : nullptr;
    SmallVector<int64_t> shape(getTensorType(*weight).getShape());
    SmallVector<int64_t> perm = llvm::to_vector(llvm::seq<int64_t>(1, rank));
    perm.push_back(0);
    ElementsAttr transposed =
        constant ? transposeConstant(constant, perm) : nullptr;
    if (transposed) {
      shape = SmallVector<int64_t>(ArrayRef(shape).slice(1, spatialRank));
      shape.push_back(getTensorType(*weight).getDimSize(0));
      weight = addConstantArgument(
          loc,
          retypeConstant(transposed, RankedTensorType::get(
                                         shape, transposed.getElementType())));
      weightExprs.assign(kernel.begin(), kernel.end());
      weightExprs.push_back(loops[channelLoop]);
    } else {
      shape.erase(shape.begin() + channelAxis);
      auto type =
          RankedTensorType::get(shape, getTensorType(*weight).getElementType());
      weight = buildReshape(builder, loc, *weight, type, asBatch);
    }
  }

  MLIRContext *context = builder.getContext();
  SmallVector<AffineMap> maps{
      AffineMap::get(numLoops, 0, inputExprs, context),
      AffineMap::get(numLoops, 0, weightExprs, context),
      AffineMap::getMultiDimIdentityMap(parallelLoops, context)};
  maps.back() = AffineMap::get(numLoops, 0, maps.back().getResults(), context);
  if (!grouped)
    return buildContraction(op, {*input, *weight}, maps, parallelLoops, dest);
  auto resultType = getTensorType(dest);
  Value split =
      splitDimension(builder, loc, dest, channelAxis, groups, asBatch);
  Value result =
      buildContraction(op, {*input, *weight}, maps, parallelLoops, split);
  return buildReshape(builder, loc, result, resultType, asBatch);
}

//===----------------------------------------------------------------------===//
// Matrix product
//===----------------------------------------------------------------------===//

FailureOr<Value> GroupLowering::lowerMatMul(MatMulOp op, Value dest) {
  FailureOr<Value> lhs = materialize(op.getLhs());
  FailureOr<Value> rhs = materialize(op.getRhs());
  if (failed(lhs) || failed(rhs))
    return failure();
  auto result = getTensorType(dest);
  bool transposed = op.getTransposeB();
  if (ElementsAttr constant = transposed && getTensorType(*rhs).getRank() == 2
                                  ? getConstantValue(op.getRhs())
                                  : nullptr) {
    // Constant weights have one form: [K, N].
    if (ElementsAttr other = transposeConstant(constant, {1, 0})) {
      rhs = addConstantArgument(op.getLoc(), other);
      transposed = false;
    }
  }

  unsigned rank = result.getRank(), numLoops = rank + 1;
  AffineExpr m = builder.getAffineDimExpr(rank - 2),
             n = builder.getAffineDimExpr(rank - 1),
             k = builder.getAffineDimExpr(rank);
  auto mapOf = [&](Value operand, AffineExpr row, AffineExpr column) {
    ArrayRef<int64_t> shape = getTensorType(operand).getShape();
    AffineMap leading = AffineMap::get(
        numLoops, 0, builder.getMultiDimIdentityMap(rank - 2).getResults(),
        builder.getContext());
    leading = getBroadcastIndex(shape.drop_back(2),
                                result.getShape().drop_back(2), leading);
    SmallVector<AffineExpr> exprs(leading.getResults());
    exprs.append({row, column});
    return AffineMap::get(numLoops, 0, exprs, builder.getContext());
  };
  SmallVector<AffineMap> maps{
      mapOf(*lhs, m, k), transposed ? mapOf(*rhs, n, k) : mapOf(*rhs, k, n),
      AffineMap::get(numLoops, 0,
                     builder.getMultiDimIdentityMap(rank).getResults(),
                     builder.getContext())};
  return buildContraction(op, {*lhs, *rhs}, maps, rank, dest);
}
