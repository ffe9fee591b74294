//===- FuseQuantization.cpp - integer arithmetic of quantized models ------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// mpc-fuse-quantization. A model that was quantized before says what its
// integers mean, and computes in floating point between a dequantize and a
// quantize. What has an integer form gets it, by role (QuantizableOpInterface):
//
//   - data movement and maxima happen before the dequantize, on the integers;
//   - a contraction of dequantized bytes sums their products, and a quantize
//   behind it, with clamps between, becomes its requantization;
//   - a mean of dequantized bytes that is quantized sums integers;
//   - a sum of two dequantized tensors of bytes rescales both at once.
//
// The rest stays: form-groups gives each group its own dequantize and quantize.
// Then signed activations become unsigned ones with another zero point, as
// kernels want them, and what is left of dequantized constants is computed.
//
//===----------------------------------------------------------------------===//

#include "ConstantUtils.h"
#include "UnsignedActivations.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "mpc/Dialect/MPC/Constants.h"
#include "mpc/Support/QuantMath.h"
#include "mpc/Transforms/Passes.h"

namespace mpc {
#define GEN_PASS_DEF_FUSEQUANTIZATION
#include "mpc/Transforms/Passes.h.inc"
} // namespace mpc

using namespace mlir;
using namespace mpc;
using quant::QuantizedType;
using quant::UniformQuantizedPerAxisType;
using quant::UniformQuantizedType;

/// Bias scales may have passed through f32 on another way.
static constexpr double kScaleTolerance = 1e-5;

static RankedTensorType getTensorType(Value value) {
  return cast<RankedTensorType>(value.getType());
}
static RankedTensorType withElement(Value value, Type element) {
  return getTensorType(value).clone(element);
}
static bool isFloat(Value value) {
  return isa<FloatType>(getElementTypeOrSelf(value));
}

//===----------------------------------------------------------------------===//
// Quantized types
//===----------------------------------------------------------------------===//

/// Scale and zero point of each channel; one for all of a tensor.
static SmallVector<std::pair<float, int64_t>> getParams(QuantizedType type) {
  if (auto uniform = dyn_cast<UniformQuantizedType>(type))
    return {{static_cast<float>(uniform.getScale()), uniform.getZeroPoint()}};
  SmallVector<std::pair<float, int64_t>> params;
  if (auto perAxis = dyn_cast<UniformQuantizedPerAxisType>(type))
    for (auto [scale, zero] :
         llvm::zip(perAxis.getScales(), perAxis.getZeroPoints()))
      params.push_back({static_cast<float>(scale), zero});
  return params;
}

/// The channel of the i-th element in row-major order, as a function.
static std::function<int64_t(size_t)> getChannels(RankedTensorType type) {
  auto perAxis = dyn_cast<UniformQuantizedPerAxisType>(type.getElementType());
  if (!perAxis)
    return [](size_t) { return 0; };
  int64_t axis = perAxis.getQuantizedDimension(), inner = 1;
  for (int64_t size : type.getShape().drop_front(axis + 1))
    inner *= size;
  int64_t channels = type.getDimSize(axis);
  return [=](size_t i) { return static_cast<int64_t>(i) / inner % channels; };
}

/// The type of a dequantized value with one scale for all of it, or null.
static UniformQuantizedType getSource(Value value) {
  auto dequantize = value ? value.getDefiningOp<DequantizeOp>() : nullptr;
  return dequantize ? dyn_cast<UniformQuantizedType>(
                          getElementTypeOrSelf(dequantize.getInput()))
                    : UniformQuantizedType();
}

static Value getInteger(Value dequantized) {
  return dequantized.getDefiningOp<DequantizeOp>().getInput();
}

static bool isActivation(UniformQuantizedType type) {
  return type && type.getStorageTypeIntegralWidth() <= 16 &&
         type.getExpressedType().isF32();
}
static bool isByte(UniformQuantizedType type) {
  return isActivation(type) && type.getStorageTypeIntegralWidth() == 8;
}

/// The reals that a constant stands for, dequantized if need be.
static std::optional<SmallVector<double>> getRealValues(Value value) {
  while (auto reshape = value.getDefiningOp<ReshapeOp>())
    value = reshape.getInput();
  if (auto dequantize = value.getDefiningOp<DequantizeOp>()) {
    auto constant = dequantize.getInput().getDefiningOp<ConstantOp>();
    auto integers = constant ? getIntValues(constant.getValue()) : std::nullopt;
    if (!integers)
      return std::nullopt;
    auto type = cast<QuantizedType>(getElementTypeOrSelf(constant.getType()));
    bool isUnsigned = !type.isSigned();
    unsigned width = type.getStorageTypeIntegralWidth();
    auto params = getParams(type);
    auto channelOf = getChannels(constant.getType());
    SmallVector<double> values;
    for (auto [i, q] : llvm::enumerate(*integers)) {
      auto [scale, zero] = params[channelOf(i)];
      int64_t stored = isUnsigned ? q & llvm::maxUIntN(width) : q;
      values.push_back(static_cast<float>(stored - zero) * scale);
    }
    return values;
  }
  return getConstantValues(value);
}

//===----------------------------------------------------------------------===//
// Movement
//===----------------------------------------------------------------------===//

namespace {
/// quantize(dequantize(q)) in one type is q: (q - z) * s / s is off by less
/// than a half.
struct DropRoundTrip : OpRewritePattern<QuantizeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(QuantizeOp op,
                                PatternRewriter &rewriter) const override {
    UniformQuantizedType type = getSource(op.getInput());
    if (!isActivation(type) ||
        getInteger(op.getInput()).getType() != op.getType() ||
        !(type.getScale() < 0x1p100))
      return failure();
    rewriter.replaceOp(op, getInteger(op.getInput()));
    return success();
  }
};

/// move(dequantize(q)) → dequantize(move(q))
struct MoveIntegers : OpInterfaceRewritePattern<QuantizableOpInterface> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;
  LogicalResult matchAndRewrite(QuantizableOpInterface op,
                                PatternRewriter &rewriter) const override {
    if (op.getQuantRole() != QuantRole::Passthrough ||
        op->getNumResults() != 1 || op->getNumOperands() == 0 ||
        op->getNumRegions() != 0 ||
        !getElementTypeOrSelf(op->getResult(0)).isF32())
      return failure();
    if (auto transpose = dyn_cast<TransposeOp>(op.getOperation()))
      if (succeeded(permuteWeights(transpose, rewriter)))
        return success();
    UniformQuantizedType type = getSource(op->getOperand(0));
    if (!isActivation(type) || !allOperandsAre(op, type) ||
        !holdsPadding(op, type))
      return failure();
    IRMapping mapping;
    for (Value operand : op->getOperands())
      if (isFloat(operand))
        mapping.map(operand, getInteger(operand));
    Operation *moved = rewriter.clone(*op, mapping);
    moved->getResult(0).setType(withElement(op->getResult(0), type));
    rewriter.replaceOpWithNewOp<DequantizeOp>(op, op->getResult(0).getType(),
                                              moved->getResult(0));
    return success();
  }

private:
  static bool allOperandsAre(Operation *op, UniformQuantizedType type) {
    return llvm::all_of(op->getOperands(), [&](Value operand) {
      return !isFloat(operand) || getSource(operand) == type;
    });
  }
  /// What a padding adds has to be one of the numbers that integers stand for.
  static bool holdsPadding(Operation *op, UniformQuantizedType type) {
    auto pad = dyn_cast<PadOp>(op);
    if (!pad)
      return true;
    QuantParams params{static_cast<float>(type.getScale()),
                       static_cast<int32_t>(type.getZeroPoint()),
                       static_cast<int32_t>(type.getStorageTypeMin()),
                       static_cast<int32_t>(type.getStorageTypeMax())};
    auto value = static_cast<float>(pad.getValue().convertToDouble());
    return dequantize(quantize(value, params), params) == value;
  }
  /// Scales per channel move with the channels.
  static LogicalResult permuteWeights(TransposeOp op,
                                      PatternRewriter &rewriter) {
    auto source = op.getInput().getDefiningOp<DequantizeOp>();
    auto constant =
        source ? source.getInput().getDefiningOp<ConstantOp>() : nullptr;
    Value permuted =
        constant ? createTransposedConstant(rewriter, constant, op.getPerm())
                 : Value();
    if (!permuted)
      return failure();
    rewriter.replaceOpWithNewOp<DequantizeOp>(op, op.getType(), permuted);
    return success();
  }
};

/// quantize(concat(dequantize(a), dequantize(b))) → concat(quantize(...), ...):
/// operands that have other scales get the result's.
struct ConcatIntegers : OpRewritePattern<QuantizeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(QuantizeOp op,
                                PatternRewriter &rewriter) const override {
    auto concat = op.getInput().getDefiningOp<ConcatOp>();
    auto type = dyn_cast<UniformQuantizedType>(getElementTypeOrSelf(op));
    if (!concat || !concat->hasOneUse() || !isActivation(type) ||
        !llvm::all_of(concat.getInputs(), [](Value input) {
          return isActivation(getSource(input));
        }))
      return failure();
    SmallVector<Value> inputs;
    for (Value input : concat.getInputs())
      inputs.push_back(QuantizeOp::create(rewriter, op.getLoc(),
                                          withElement(input, type), input));
    auto result = ConcatOp::create(rewriter, concat.getLoc(), op.getType(),
                                   inputs, concat.getAxisAttr());
    rewriter.replaceOp(op, result);
    return success();
  }
};

//===----------------------------------------------------------------------===//
// Contractions
//===----------------------------------------------------------------------===//

/// Weights as signed bytes, and their scales.
struct Weights {
  std::vector<int64_t> values;
  /// What is to be taken from the values of each channel; none where nothing
  /// is.
  SmallVector<int64_t> zeros;
  SmallVector<float> scales;
  bool isPerChannel = false;
  std::function<int64_t(size_t)> channelOf; // in the weight's order
  int64_t channels;
};

struct FuseContraction : OpInterfaceRewritePattern<QuantizableOpInterface> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;
  LogicalResult matchAndRewrite(QuantizableOpInterface op,
                                PatternRewriter &rewriter) const override;

private:
  static std::optional<Weights> readWeights(QuantizableOpInterface op);
  static std::optional<SmallVector<int64_t>>
  readBias(Value bias, const Weights &weights, float inputScale);
  static bool fits(const Weights &weights, UniformQuantizedType input,
                   ArrayRef<int64_t> bias);
  static Value subtractZeros(QuantizableOpInterface op,
                             PatternRewriter &rewriter, Value input, Value sum,
                             const Weights &weights);
};
} // namespace

std::optional<Weights> FuseContraction::readWeights(QuantizableOpInterface op) {
  auto dequantize = op.getWeightOperand()->get().getDefiningOp<DequantizeOp>();
  auto constant =
      dequantize ? dequantize.getInput().getDefiningOp<ConstantOp>() : nullptr;
  if (!constant)
    return std::nullopt;
  RankedTensorType tensorType = constant.getType();
  auto type = cast<QuantizedType>(tensorType.getElementType());
  auto perAxis = dyn_cast<UniformQuantizedPerAxisType>(type);
  int64_t axis = op.getWeightChannelAxis();
  if ((!perAxis && !isa<UniformQuantizedType>(type)) ||
      (perAxis && perAxis.getQuantizedDimension() != axis) ||
      type.getStorageTypeIntegralWidth() > 8)
    return std::nullopt;
  auto values = getIntValues(constant.getValue());
  if (!values)
    return std::nullopt;
  Weights weights;
  weights.isPerChannel = bool(perAxis);
  weights.channels = tensorType.getDimSize(axis);
  int64_t inner = 1;
  for (int64_t size : tensorType.getShape().drop_front(axis + 1))
    inner *= size;
  weights.channelOf = [=, channels = weights.channels](size_t i) {
    return static_cast<int64_t>(i) / inner % channels;
  };
  auto params = getParams(type);
  for (auto [scale, zero] : params)
    weights.scales.push_back(scale);
  // Without their zero point if that leaves signed bytes; else unsigned bytes
  // are signed ones with a zero point 128 smaller.
  unsigned width = type.getStorageTypeIntegralWidth();
  bool areBytes = true;
  for (auto [i, value] : llvm::enumerate(*values)) {
    if (!type.isSigned())
      value &= llvm::maxUIntN(width);
    int64_t zero = params[perAxis ? weights.channelOf(i) : 0].second;
    areBytes &= value - zero >= -128 && value - zero <= 127;
  }
  int64_t offset = type.isSigned() ? 0 : 128;
  for (auto [i, value] : llvm::enumerate(*values))
    value -=
        areBytes ? params[perAxis ? weights.channelOf(i) : 0].second : offset;
  if (!areBytes)
    for (int64_t c = 0; c < weights.channels; ++c)
      weights.zeros.push_back(params[perAxis ? c : 0].second - offset);
  weights.values = std::move(*values);
  return weights;
}

/// The bias in units of the accumulator, or nothing where it is not constant or
/// too large for that.
std::optional<SmallVector<int64_t>>
FuseContraction::readBias(Value bias, const Weights &weights,
                          float inputScale) {
  auto scaleOf = [&](int64_t channel) {
    return accumulatorScale(inputScale,
                            weights.scales[weights.isPerChannel ? channel : 0]);
  };
  // Integers in the accumulator's own scale are taken as they are.
  Value source = bias;
  while (auto reshape = source.getDefiningOp<ReshapeOp>())
    source = reshape.getInput();
  auto dequantize = source.getDefiningOp<DequantizeOp>();
  auto constant =
      dequantize ? dequantize.getInput().getDefiningOp<ConstantOp>() : nullptr;
  if (constant && constant.getType().getNumElements() == weights.channels) {
    auto type = cast<QuantizedType>(getElementTypeOrSelf(constant.getType()));
    auto params = getParams(type);
    auto integers = getIntValues(constant.getValue());
    bool agrees = integers && type.getStorageTypeIntegralWidth() == 32 &&
                  (params.size() == 1 ||
                   static_cast<int64_t>(params.size()) == weights.channels);
    for (int64_t c = 0; agrees && c < weights.channels; ++c) {
      auto [scale, zero] = params[params.size() == 1 ? 0 : c];
      agrees = zero == 0 &&
               std::abs(scale - scaleOf(c)) <= kScaleTolerance * scaleOf(c);
    }
    if (agrees)
      return llvm::to_vector(*integers);
  }
  auto reals = getRealValues(bias);
  if (!reals || static_cast<int64_t>(reals->size()) != weights.channels)
    return std::nullopt;
  SmallVector<int64_t> integers;
  for (auto [channel, real] : llvm::enumerate(*reals)) {
    if (!std::isfinite(real) || biasOverflows(real, scaleOf(channel)))
      return std::nullopt;
    integers.push_back(quantizeBias(real, scaleOf(channel)));
  }
  return integers;
}

/// Whether no input of the type makes a sum that leaves 32 bits.
bool FuseContraction::fits(const Weights &weights, UniformQuantizedType input,
                           ArrayRef<int64_t> bias) {
  int64_t least = input.getStorageTypeMin() - input.getZeroPoint(),
          most = input.getStorageTypeMax() - input.getZeroPoint();
  SmallVector<int64_t> low(weights.channels, 0), high(weights.channels, 0);
  for (auto [channel, value] : llvm::enumerate(bias))
    low[channel] = high[channel] = value;
  for (auto [i, weight] : llvm::enumerate(weights.values)) {
    int64_t channel = weights.channelOf(i);
    int64_t w = weight - (weights.zeros.empty() ? 0 : weights.zeros[channel]);
    low[channel] += std::min(w * least, w * most);
    high[channel] += std::max(w * least, w * most);
  }
  return llvm::all_of(low, [](int64_t sum) { return sum >= INT32_MIN; }) &&
         llvm::all_of(high, [](int64_t sum) { return sum <= INT32_MAX; });
}

/// sum - zero * (sum of the inputs that it multiplies), where those sums are a
/// contraction with ones.
Value FuseContraction::subtractZeros(QuantizableOpInterface op,
                                     PatternRewriter &rewriter, Value input,
                                     Value sum, const Weights &weights) {
  Location loc = op.getLoc();
  Type f32 = rewriter.getF32Type(), i8 = rewriter.getI8Type(),
       i32 = rewriter.getI32Type();
  auto typeOf = [&](Type storage, double scale, int64_t low, int64_t high) {
    return UniformQuantizedType::get(quant::QuantizationFlags::Signed, storage,
                                     f32, scale, 0, low, high);
  };
  RankedTensorType weightType = getTensorType(op.getWeightOperand()->get());
  SmallVector<int64_t> onesShape(weightType.getShape()),
      sumsShape(getTensorType(sum).getShape());
  auto conv = dyn_cast<ConvOp>(op.getOperation());
  if (!conv || conv.getGroups() == 1) // the same for all output channels
    onesShape[op.getWeightChannelAxis()] =
        sumsShape[op.getResultChannelAxis()] = 1;
  auto onesType = RankedTensorType::get(onesShape, i8);
  std::vector<char> bytes(onesType.getNumElements(), 1);
  Value ones = ConstantOp::create(rewriter, loc,
                                  onesType.clone(typeOf(i8, 1.0, -128, 127)),
                                  createConstant(onesType, bytes, "ones"));
  double inputScale =
      cast<UniformQuantizedType>(getElementTypeOrSelf(input)).getScale();
  OperationState state(loc, op->getName());
  state.addOperands({input, ones});
  state.addTypes(RankedTensorType::get(
      sumsShape, typeOf(i32, inputScale, INT32_MIN, INT32_MAX)));
  state.addAttributes(op->getAttrs());
  Value inputSums = rewriter.create(state)->getResult(0);
  auto toIntegers = [&](Value value) -> Value {
    return StorageCastOp::create(rewriter, loc, withElement(value, i32), value);
  };
  int64_t axis = op.getResultChannelAxis();
  SmallVector<int64_t> zerosShape(sumsShape.size() - axis, 1);
  zerosShape.front() = weights.channels;
  auto zerosType = RankedTensorType::get(zerosShape, i32);
  Value zeros =
      ConstantOp::create(rewriter, loc, zerosType,
                         createIntConstant(zerosType, weights.zeros, "zeros"));
  RankedTensorType type = getTensorType(sum);
  Value product = MulOp::create(rewriter, loc, type.clone(i32),
                                toIntegers(inputSums), zeros);
  Value difference =
      SubOp::create(rewriter, loc, type.clone(i32), toIntegers(sum), product);
  return StorageCastOp::create(rewriter, loc, type, difference);
}

LogicalResult
FuseContraction::matchAndRewrite(QuantizableOpInterface op,
                                 PatternRewriter &rewriter) const {
  if (op.getQuantRole() != QuantRole::Contraction || !op.getWeightOperand() ||
      !getElementTypeOrSelf(op->getResult(0)).isF32())
    return failure();
  SmallVector<OpOperand *> activations = op.getActivationOperands();
  if (activations.size() != 1)
    return failure();
  UniformQuantizedType input = getSource(activations.front()->get());
  std::optional<Weights> weights =
      isByte(input) ? readWeights(op) : std::nullopt;
  RankedTensorType weightType = getTensorType(op.getWeightOperand()->get());
  if (!weights ||
      (isa<MatMulOp>(op.getOperation()) && weightType.getRank() != 2))
    return failure();
  float inputScale = input.getScale();
  OpOperand *bias = op.getBiasOperand();
  std::optional<SmallVector<int64_t>> biases =
      bias ? readBias(bias->get(), *weights, inputScale) : std::nullopt;
  if (!fits(*weights, input, biases ? *biases : SmallVector<int64_t>()))
    return rewriter.notifyMatchFailure(op, "sums may leave 32 bits");

  MLIRContext *context = op.getContext();
  Type f32 = Float32Type::get(context), i8 = IntegerType::get(context, 8),
       i32 = IntegerType::get(context, 32);
  SmallVector<double> scales, sums;
  for (float scale : weights->scales) {
    scales.push_back(scale);
    sums.push_back(accumulatorScale(inputScale, scale));
    if (!(sums.back() >= 0x1p-126) || !std::isfinite(sums.back()))
      return rewriter.notifyMatchFailure(op, "scale of the sums is no number");
  }
  auto makeType = [&](Type storage, ArrayRef<double> s, int64_t axis,
                      int64_t low, int64_t high) -> Type {
    if (!weights->isPerChannel)
      return UniformQuantizedType::get(quant::QuantizationFlags::Signed,
                                       storage, f32, s.front(), 0, low, high);
    SmallVector<int64_t> zeros(s.size(), 0);
    return UniformQuantizedPerAxisType::get(quant::QuantizationFlags::Signed,
                                            storage, f32, s, zeros, axis, low,
                                            high);
  };
  IRMapping mapping;
  mapping.map(activations.front()->get(),
              getInteger(activations.front()->get()));
  Location weightLoc = op.getWeightOperand()->get().getLoc();
  mapping.map(op.getWeightOperand()->get(),
              ConstantOp::create(
                  rewriter, weightLoc,
                  weightType.clone(makeType(
                      i8, scales, op.getWeightChannelAxis(), -128, 127)),
                  createIntConstant(weightType.clone(i8), weights->values))
                  .getResult());
  SmallVector<Value> operands;
  for (OpOperand &operand : op->getOpOperands())
    if (&operand != bias)
      operands.push_back(mapping.lookup(operand.get()));
  if (biases) {
    auto type = RankedTensorType::get({weights->channels}, i32);
    operands.push_back(ConstantOp::create(
        rewriter, bias->get().getLoc(),
        type.clone(makeType(i32, sums, 0, INT32_MIN, INT32_MAX)),
        createIntConstant(type, *biases)));
  }
  RankedTensorType resultType = getTensorType(op->getResult(0));
  int64_t resultAxis = op.getResultChannelAxis();
  OperationState state(op.getLoc(), op->getName());
  state.addOperands(operands);
  state.addTypes(
      resultType.clone(makeType(i32, sums, resultAxis, INT32_MIN, INT32_MAX)));
  state.addAttributes(op->getAttrs());
  Value sum = rewriter.create(state)->getResult(0);
  if (!weights->zeros.empty())
    sum = subtractZeros(op, rewriter, operands.front(), sum, *weights);
  Value real = DequantizeOp::create(rewriter, op.getLoc(), resultType, sum);
  if (bias && !biases) { // stays a float
    SmallVector<int64_t> shape(resultType.getRank() - resultAxis, 1);
    shape.front() = weights->channels;
    Value addend = ReshapeOp::create(
        rewriter, op.getLoc(), RankedTensorType::get(shape, f32), bias->get());
    real = AddOp::create(rewriter, op.getLoc(), resultType, real, addend);
  }
  rewriter.replaceOp(op, real);
  return success();
}

namespace {
/// quantize(clamps(dequantize(sum))) → requantize(sum) within the clamps'
/// bounds, which is the same by monotonicity.
struct FuseRequantize : OpRewritePattern<QuantizeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(QuantizeOp op,
                                PatternRewriter &rewriter) const override {
    auto type = dyn_cast<UniformQuantizedType>(getElementTypeOrSelf(op));
    if (!isByte(type))
      return failure();
    SmallVector<ElementwiseOpInterface> clamps;
    Value value = op.getInput();
    while (auto clamp = value.getDefiningOp<ElementwiseOpInterface>()) {
      if (!clamp.isClamp() || !clamp->hasOneUse())
        return failure();
      clamps.push_back(clamp);
      value = clamp->getOperand(0);
    }
    auto dequantize = value.getDefiningOp<DequantizeOp>();
    if (!dequantize || !dequantize->hasOneUse() ||
        !dequantize.getInput().hasOneUse())
      return failure();
    auto sum = cast<QuantizedType>(getElementTypeOrSelf(dequantize.getInput()));
    if (sum.getStorageTypeIntegralWidth() != 32 ||
        llvm::any_of(getParams(sum),
                     [](auto params) { return params.second != 0; }))
      return failure();
    double low = -INFINITY, high = INFINITY;
    for (ElementwiseOpInterface clamp : llvm::reverse(clamps)) {
      auto [least, most] = clamp.getClampBounds();
      low = std::min(std::max(low, least), most);
      high = std::min(std::max(high, least), most);
    }
    QuantParams params{static_cast<float>(type.getScale()),
                       static_cast<int32_t>(type.getZeroPoint()),
                       static_cast<int32_t>(type.getStorageTypeMin()),
                       static_cast<int32_t>(type.getStorageTypeMax())};
    auto bound = [&](double value) {
      return std::isfinite(value)
                 ? rewriter.getI64IntegerAttr(quantize(value, params))
                 : IntegerAttr();
    };
    rewriter.replaceOpWithNewOp<RequantizeOp>(
        op, op.getType(), dequantize.getInput(), Rounding::ONNX, bound(low),
        bound(high), IntegerAttr());
    return success();
  }
};

/// quantize(average(dequantize(q))) → average(q), summed in integers. Means of
/// small windows stay in floating point: their ties are many, and fall as the
/// model's own arithmetic rounds them.
struct FuseAverage : OpRewritePattern<QuantizeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(QuantizeOp op,
                                PatternRewriter &rewriter) const override {
    auto average = op.getInput().getDefiningOp<QuantizableOpInterface>();
    auto type = dyn_cast<UniformQuantizedType>(getElementTypeOrSelf(op));
    if (!average || average.getQuantRole() != QuantRole::Average ||
        isa<AveragePoolOp>(average.getOperation()) || !average->hasOneUse() ||
        average->getNumOperands() != 1 || !isByte(type) ||
        !isByte(getSource(average->getOperand(0))))
      return failure();
    IRMapping mapping;
    mapping.map(average->getOperand(0), getInteger(average->getOperand(0)));
    Operation *result = rewriter.clone(*average, mapping);
    result->getResult(0).setType(op.getType());
    rewriter.replaceOp(op, result->getResults());
    return success();
  }
};

/// quantize(dequantize(a) + dequantize(b)) → a + b, rescaled at once.
struct FuseAddition : OpRewritePattern<QuantizeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(QuantizeOp op,
                                PatternRewriter &rewriter) const override {
    auto add = op.getInput().getDefiningOp<AddOp>();
    auto type = dyn_cast<UniformQuantizedType>(getElementTypeOrSelf(op));
    if (!add || !add->hasOneUse() || !isByte(type) ||
        !llvm::all_of(add->getOperands(), [&](Value operand) {
          return isByte(getSource(operand)) &&
                 operand.getType() == add.getType() &&
                 !getInteger(operand).getDefiningOp<ConstantOp>();
        }))
      return failure();
    rewriter.replaceOpWithNewOp<AddOp>(
        op, op.getType(), getInteger(add.getLhs()), getInteger(add.getRhs()));
    return success();
  }
};
} // namespace

//===----------------------------------------------------------------------===//
// Constants
//===----------------------------------------------------------------------===//

/// What no integer arithmetic took is the model's float weights.
static void computeConstant(DequantizeOp op) {
  auto constant = op.getInput().getDefiningOp<ConstantOp>();
  auto values = constant ? getRealValues(op.getResult()) : std::nullopt;
  if (!values)
    return;
  OpBuilder builder(op);
  op.getResult().replaceAllUsesWith(createFloatConstant(
      builder, op.getLoc(), getTensorType(op.getResult()), *values));
  op.erase();
}

namespace {
struct FuseQuantizationPass
    : mpc::impl::FuseQuantizationBase<FuseQuantizationPass> {
  LogicalResult initialize(MLIRContext *context) override {
    RewritePatternSet set(context);
    set.add<DropRoundTrip, MoveIntegers, ConcatIntegers, FuseContraction,
            FuseRequantize, FuseAverage, FuseAddition>(context);
    patterns = std::move(set);
    return success();
  }

  void runOnOperation() override {
    // Top down: integers move along the graph.
    GreedyRewriteConfig config;
    config.setUseTopDownTraversal(true);
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (function.isExternal() || !function.getBody().hasOneBlock())
        continue;
      if (failed(applyPatternsGreedily(function, patterns, config))) {
        function.emitError("fusion of quantization did not converge");
        return signalPassFailure();
      }
      useUnsignedActivations(function);
      // Conversions that meet vanish.
      if (failed(applyPatternsGreedily(function, patterns, config)))
        return signalPassFailure();
      function.walk(computeConstant);
    }
  }

private:
  FrozenRewritePatternSet patterns;
};
} // namespace
