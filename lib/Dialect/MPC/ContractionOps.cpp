//===- ContractionOps.cpp - convolution, matrix product -------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "OpDetail.h"
#include "mpc/Dialect/MPC/Constants.h"

using namespace mlir;
using namespace mpc;
using namespace mpc::detail;

/// Scales of the accumulator are products that may have passed through f32 or
/// through text.
static constexpr double kScaleTolerance = 1e-5;

static bool isByte(Type element, bool isSigned) {
  auto type = dyn_cast<quant::QuantizedType>(element);
  return type && type.getStorageTypeIntegralWidth() == 8 &&
         type.isSigned() == isSigned;
}

/// Signed 16-bit elements with zero point 0: their products are summed in 64
/// bits.
static bool isWord(Type element) {
  auto type = dyn_cast<quant::UniformQuantizedType>(element);
  return type && type.getStorageTypeIntegralWidth() == 16 && type.isSigned() &&
         type.getZeroPoint() == 0;
}

/// Per-tensor or per-axis scales of a type that has them.
static ArrayRef<double> getScales(quant::QuantizedType type, double &storage) {
  if (auto perAxis = dyn_cast<quant::UniformQuantizedPerAxisType>(type))
    return perAxis.getScales();
  if (auto uniform = dyn_cast<quant::UniformQuantizedType>(type)) {
    storage = uniform.getScale();
    return storage;
  }
  return {};
}

/// Quantized operands and their accumulator.
static LogicalResult verifyQuantized(Operation *op, Type input, Type weight,
                                     Type result, int64_t weightAxis,
                                     int64_t resultAxis) {
  if (!(isByte(input, false) || isByte(input, true) || isWord(input)) ||
      !isByte(weight, true))
    return op->emitOpError() << "expected 8-bit quantized activations and "
                                "signed 8-bit quantized weights, but got "
                             << input << " and " << weight;
  auto accumulator = dyn_cast<quant::QuantizedType>(result);
  if (isWord(input)
          ? !result.isSignlessInteger(64) && !result.isSignlessInteger(32)
          : !accumulator || accumulator.getStorageTypeIntegralWidth() != 32 ||
                !accumulator.isSigned())
    return op->emitOpError()
           << "expected a result with "
           << (isWord(input) ? "i32 or i64" : "quantized signed 32-bit")
           << " elements, but got " << result;
  if (!isa<quant::UniformQuantizedType>(input))
    return op->emitOpError()
           << "expected activations with one scale, but got " << input;

  auto perAxis = dyn_cast<quant::UniformQuantizedPerAxisType>(weight);
  if (!perAxis && !isa<quant::UniformQuantizedType>(weight))
    return op->emitOpError() << "expected weights with one scale or one per "
                                "output channel, but got "
                             << weight;
  if (perAxis && perAxis.getQuantizedDimension() != weightAxis)
    return op->emitOpError()
           << "expected weight scales along dimension " << weightAxis
           << ", but got " << perAxis.getQuantizedDimension();
  bool symmetric =
      perAxis ? llvm::all_of(perAxis.getZeroPoints(),
                             [](int64_t zero) { return zero == 0; })
              : cast<quant::UniformQuantizedType>(weight).getZeroPoint() == 0;
  if (!symmetric)
    return op->emitOpError()
           << "expected weights with zero point 0, but got " << weight;
  if (!accumulator)
    return success();

  auto resultPerAxis = dyn_cast<quant::UniformQuantizedPerAxisType>(result);
  if (bool(perAxis) != bool(resultPerAxis) ||
      (resultPerAxis && resultPerAxis.getQuantizedDimension() != resultAxis))
    return op->emitOpError()
           << "expected the result to have a scale per output channel "
              "(dimension "
           << resultAxis << ") exactly where the weights do, but got "
           << result;
  double inputScale = cast<quant::UniformQuantizedType>(input).getScale(),
         ws = 0, rs = 0;
  ArrayRef<double> weightScales =
      getScales(cast<quant::QuantizedType>(weight), ws);
  ArrayRef<double> resultScales = getScales(accumulator, rs);
  if (weightScales.size() != resultScales.size())
    return op->emitOpError()
           << "expected " << weightScales.size()
           << " scales of the result, but got " << resultScales.size();
  for (auto [weightScale, resultScale] :
       llvm::zip_equal(weightScales, resultScales))
    if (!(std::abs(inputScale * weightScale - resultScale) <=
          kScaleTolerance * resultScale))
      return op->emitOpError()
             << "expected a result with scale " << inputScale * weightScale
             << ", but got " << resultScale;
  return success();
}

/// Element types of a contraction; `weightAxis` and `resultAxis` hold output
/// channels.
static LogicalResult verifyElementTypes(Operation *op, Value lhs, Value rhs,
                                        Value bias, Value out,
                                        int64_t weightAxis,
                                        int64_t resultAxis) {
  Type input = getElementTypeOrSelf(lhs), weight = getElementTypeOrSelf(rhs),
       result = getElementTypeOrSelf(out);
  if (isa<quant::QuantizedType>(input) || isa<quant::QuantizedType>(weight)) {
    if (failed(
            verifyQuantized(op, input, weight, result, weightAxis, resultAxis)))
      return failure();
  } else {
    // Integers of the accumulator's width are summed modulo it.
    auto integer = dyn_cast<IntegerType>(input);
    bool isNumber = isa<FloatType>(input) ||
                    (isa<MatMulOp>(op) && integer && integer.getWidth() >= 32);
    // Narrow activations may meet weights that have just been dequantized.
    bool isMixed =
        (input.isF16() || input.isBF16()) && weight.isF32() && result.isF32();
    if (!isNumber || (input != weight && !isMixed))
      return op->emitOpError()
             << "expected operands of the same floating-point element type or "
                "quantized ones, but got "
             << input << " and " << weight;
    if (result != input &&
        !(result.isF32() && isa<FloatType>(input) && !input.isF64()))
      return op->emitOpError()
             << "expected a result of f32 or the operands' element type "
             << input << ", but got " << result;
  }
  if (!bias)
    return success();
  Type biasElement = getElementTypeOrSelf(bias);
  // Per-channel scales lie along the bias's only dimension, so the quantized
  // types themselves differ.
  bool agrees = isa<quant::QuantizedType>(result)
                    ? isa<quant::QuantizedType>(biasElement) &&
                          cast<quant::QuantizedType>(biasElement)
                                  .getStorageTypeIntegralWidth() == 32
                    : biasElement == result;
  if (!agrees)
    return op->emitOpError() << "expected a bias of the result's element type "
                             << result << ", but got " << biasElement;
  return success();
}

//===----------------------------------------------------------------------===//
// ConvOp
//===----------------------------------------------------------------------===//

LogicalResult ConvOp::inferReturnTypes(MLIRContext *,
                                       std::optional<Location> loc,
                                       Adaptor adaptor,
                                       SmallVectorImpl<Type> &types) {
  InferContext ctx{getOperationName(), loc};
  RankedTensorType input = ranked(ctx, adaptor.getInput().getType(), "input");
  RankedTensorType weight =
      ranked(ctx, adaptor.getWeight().getType(), "weight");
  if (!input || !weight)
    return failure();
  int64_t rank = input.getRank(), spatialRank = rank - 2;
  if (rank != weight.getRank() || rank < 3 || rank > 5) // (C1)
    return ctx.error(
        "expected input and weight of the same rank, 3 to 5, but got ", input,
        " and ", weight);

  Layout layout = adaptor.getLayout();
  int64_t channelDim = getChannelDim(layout, rank),
          spatialDim = getFirstSpatialDim(layout);
  Window window{weight.getShape().slice(spatialDim, spatialRank),
                adaptor.getStrides(), adaptor.getDilations(),
                adaptor.getPads()};
  if (llvm::any_of(weight.getShape(), ShapedType::isDynamic))
    return ctx.error("expected a weight of static shape, but got ", weight);
  if (failed(checkWindow(ctx, window, spatialRank))) // (C2)
    return failure();

  int64_t groups = adaptor.getGroups(), channels = input.getDimSize(channelDim),
          outputs = weight.getDimSize(0);
  if (ShapedType::isDynamic(channels))
    return ctx.error("expected a static number of channels, but got ", input);
  if (groups < 1 || channels % groups != 0 || outputs % groups != 0) // (C3)
    return ctx.error("expected groups to divide ", channels, " input and ",
                     outputs, " output channels, but got ", groups);
  if (int64_t got = weight.getDimSize(channelDim); got != channels / groups)
    return ctx.error("expected a weight with ", channels / groups,
                     " input channels, but got ", got);

  SmallVector<int64_t> spatial;
  if (failed(inferWindow(ctx, window,
                         input.getShape().slice(spatialDim, spatialRank),
                         spatial))) // (C4)
    return failure();

  if (adaptor.getBias()) { // (C5)
    RankedTensorType bias = ranked(ctx, adaptor.getBias().getType(), "bias");
    if (!bias)
      return failure();
    if (bias.getShape() != ArrayRef<int64_t>(outputs))
      return ctx.error("expected a bias of shape [", outputs, "], but got ",
                       bias);
  }
  types.push_back(RankedTensorType::get(
      arrangeShape(layout, input.getDimSize(0), outputs, spatial),
      input.getElementType()));
  return success();
}

LogicalResult ConvOp::verify() {
  // (C6); the other constraints belong to the shapes.
  return verifyElementTypes(*this, getInput(), getWeight(), getBias(),
                            getResult(), getWeightChannelAxis(),
                            getResultChannelAxis());
}

bool ConvOp::isDepthwise() {
  int64_t channels = getInput().getType().getDimSize(
      getChannelDim(getLayout(), getInput().getType().getRank()));
  // One channel and one output are a convolution like others.
  return channels > 1 && int64_t(getGroups()) == channels &&
         getWeight().getType().getDimSize(0) == channels;
}

QuantRole ConvOp::getQuantRole() {
  return isWeight(getWeight()) ? QuantRole::Contraction : QuantRole::Float;
}
// Weights that are computed are not packed: each product would widen one.
bool ConvOp::multipliesNarrow() { return isWeight(getWeight()); }
SmallVector<OpOperand *> ConvOp::getActivationOperands() {
  return {&getInputMutable()};
}
OpOperand *ConvOp::getWeightOperand() { return &getWeightMutable(); }
int64_t ConvOp::getWeightChannelAxis() { return 0; }
OpOperand *ConvOp::getBiasOperand() {
  return getBias() ? &getOperation()->getOpOperand(2) : nullptr;
}
int64_t ConvOp::getResultChannelAxis() {
  return getChannelDim(getLayout(), getResult().getType().getRank());
}

int64_t ConvOp::getInputChannelAxis() {
  return getChannelDim(getLayout(), getInput().getType().getRank());
}
int64_t ConvOp::getWeightInputAxis() {
  return getChannelDim(getLayout(), getWeight().getType().getRank());
}
int64_t ConvOp::getChannelGroups() { return getGroups(); }

bool ConvOp::wantsChannelsLast() { return !isChannelsLast(); }
void ConvOp::setChannelsLast() { setLayout(Layout::ChannelsLast); }
SmallVector<OpOperand *> ConvOp::getLayoutOperands() {
  return {&getInputMutable(), &getWeightMutable()};
}

//===----------------------------------------------------------------------===//
// MatMulOp
//===----------------------------------------------------------------------===//

LogicalResult MatMulOp::inferReturnTypes(MLIRContext *,
                                         std::optional<Location> loc,
                                         Adaptor adaptor,
                                         SmallVectorImpl<Type> &types) {
  InferContext ctx{getOperationName(), loc};
  RankedTensorType lhs = ranked(ctx, adaptor.getLhs().getType(), "lhs");
  RankedTensorType rhs = ranked(ctx, adaptor.getRhs().getType(), "rhs");
  if (!lhs || !rhs)
    return failure();
  if (lhs.getRank() < 2 || rhs.getRank() < 2) // (C1)
    return ctx.error("expected operands of rank >= 2, but got ", lhs, " and ",
                     rhs);
  int64_t rows = lhs.getShape().end()[-2], inner = lhs.getShape().back();
  int64_t rhsInner = rhs.getShape().end()[-2], columns = rhs.getShape().back();
  if (adaptor.getTransposeB())
    std::swap(rhsInner, columns);
  if (inner != rhsInner || ShapedType::isDynamic(inner))
    return ctx.error("expected inner sizes that are static and agree, but got ",
                     lhs, " and ", rhs);

  SmallVector<int64_t> shape;
  if (failed(broadcastShapes(ctx, lhs.getShape().drop_back(2),
                             rhs.getShape().drop_back(2), shape))) // (C2)
    return failure();
  shape.append({rows, columns});

  if (adaptor.getBias()) { // (C3)
    RankedTensorType bias = ranked(ctx, adaptor.getBias().getType(), "bias");
    if (!bias)
      return failure();
    if (bias.getShape() != ArrayRef<int64_t>(columns))
      return ctx.error("expected a bias of shape [", columns, "], but got ",
                       bias);
  }
  types.push_back(RankedTensorType::get(shape, lhs.getElementType()));
  return success();
}

LogicalResult MatMulOp::verify() {
  // (C4); the other constraints belong to the shapes.
  return verifyElementTypes(*this, getLhs(), getRhs(), getBias(), getResult(),
                            getWeightChannelAxis(), getResultChannelAxis());
}

QuantRole MatMulOp::getQuantRole() {
  return isWeight(getRhs()) ? QuantRole::Contraction : QuantRole::Float;
}
bool MatMulOp::multipliesNarrow() { return true; }
SmallVector<OpOperand *> MatMulOp::getActivationOperands() {
  if (isWeight(getRhs()))
    return {&getLhsMutable()};
  return {&getLhsMutable(), &getRhsMutable()};
}
OpOperand *MatMulOp::getWeightOperand() {
  return isWeight(getRhs()) ? &getRhsMutable() : nullptr;
}
int64_t MatMulOp::getWeightChannelAxis() {
  return getRhs().getType().getRank() - (getTransposeB() ? 2 : 1);
}
OpOperand *MatMulOp::getBiasOperand() {
  return getBias() ? &getOperation()->getOpOperand(2) : nullptr;
}
int64_t MatMulOp::getResultChannelAxis() {
  return getResult().getType().getRank() - 1;
}
int64_t MatMulOp::getInputChannelAxis() {
  return getLhs().getType().getRank() - 1;
}
int64_t MatMulOp::getWeightInputAxis() {
  return getRhs().getType().getRank() - (getTransposeB() ? 1 : 2);
}
int64_t MatMulOp::getChannelGroups() { return 1; }
