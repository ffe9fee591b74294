//===- Simplify.cpp - algebra on the graph --------------------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// mpc-simplify: what can be computed at compile time is. Every rewrite is exact
// or, where weights are recomputed, done in double precision and rounded once;
// a rewrite that would turn finite weights into infinities is refused.
//
//===----------------------------------------------------------------------===//

#include "ConstantUtils.h"
#include "SliceViews.h"
#include "SplitConvolutions.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "mpc/Transforms/Passes.h"
#include "llvm/ADT/TypeSwitch.h"

namespace mpc {
#define GEN_PASS_DEF_SIMPLIFY
#include "mpc/Transforms/Passes.h.inc"
} // namespace mpc

using namespace mlir;
using namespace mpc;

//===----------------------------------------------------------------------===//
// Weights: per-channel scale and shift folded into a contraction
//===----------------------------------------------------------------------===//

namespace {
/// A floating-point contraction whose weight and bias are constants and whose
/// only user is the op that is to vanish.
struct FoldableContraction {
  Operation *op;
  OpOperand *weight;
  SmallVector<double> weightValues, biasValues; // no bias: zeros
  int64_t weightChannelAxis, resultChannelAxis, channels;

  RankedTensorType weightType() const {
    return cast<RankedTensorType>(weight->get().getType());
  }
  RankedTensorType resultType() const {
    return cast<RankedTensorType>(op->getResult(0).getType());
  }
};
} // namespace

/// A fold that fits the graph and is not done for its numbers.
static LogicalResult refuse(PatternRewriter &rewriter, Operation *op,
                            StringRef reason) {
  remark::missed(op->getLoc(),
                 remark::RemarkOpts::name("Fold").category("simplify"))
      << ("not folded: " + reason).str();
  return rewriter.notifyMatchFailure(op, reason);
}

/// `needsWeights`: whether the caller changes them (a bias can be added beside
/// weights that are not constant).
static FailureOr<FoldableContraction> matchContraction(Value value,
                                                       bool needsWeights) {
  auto quantizable = value.getDefiningOp<QuantizableOpInterface>();
  if (!quantizable || quantizable.getQuantRole() != QuantRole::Contraction ||
      !value.hasOneUse())
    return failure();
  FoldableContraction result;
  result.op = quantizable;
  result.weight = quantizable.getWeightOperand();
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!result.weight || !type || !isa<FloatType>(type.getElementType()) ||
      !isa<FloatType>(getElementTypeOrSelf(result.weight->get().getType())))
    return failure();
  result.weightChannelAxis = quantizable.getWeightChannelAxis();
  result.resultChannelAxis = quantizable.getResultChannelAxis();
  if (result.resultChannelAxis < 0 ||
      type.isDynamicDim(result.resultChannelAxis))
    return failure();
  result.channels = type.getDimSize(result.resultChannelAxis);
  if (needsWeights) {
    std::optional<SmallVector<double>> weights =
        getConstantValues(result.weight->get());
    if (!weights || result.weightType().getDimSize(result.weightChannelAxis) !=
                        result.channels)
      return failure();
    result.weightValues = std::move(*weights);
  }
  if (OpOperand *bias = quantizable.getBiasOperand()) {
    std::optional<SmallVector<double>> values = getConstantValues(bias->get());
    if (!values || static_cast<int64_t>(values->size()) != result.channels)
      return failure();
    result.biasValues = std::move(*values);
  } else {
    result.biasValues.assign(result.channels, 0.0);
  }
  return result;
}

/// The values that a constant adds to or multiplies into each channel of
/// `resultType`, where it varies along no other dimension and the result of
/// broadcasting is still `resultType`.
static std::optional<SmallVector<double>>
getPerChannelValues(Value value, RankedTensorType resultType, int64_t axis) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!type || type.getRank() > resultType.getRank() ||
      resultType.isDynamicDim(axis))
    return std::nullopt;
  int64_t offset = resultType.getRank() - type.getRank(),
          channels = resultType.getDimSize(axis);
  for (auto [d, size] : llvm::enumerate(type.getShape()))
    if (size != 1 &&
        (static_cast<int64_t>(d) + offset != axis || size != channels))
      return std::nullopt;
  std::optional<SmallVector<double>> values = getConstantValues(value);
  if (!values || !isa<FloatType>(type.getElementType()))
    return std::nullopt;
  if (values->size() == 1)
    values->assign(channels, values->front());
  return values;
}

/// Replaces `op`, whose input is the contraction's result, by the contraction
/// with `scale` and `shift` folded in: w' = w * scale, b' = b * scale + shift
/// per output channel, in double precision, rounded once.
static LogicalResult foldIntoContraction(PatternRewriter &rewriter,
                                         Operation *op,
                                         FoldableContraction &contraction,
                                         ArrayRef<double> scale,
                                         ArrayRef<double> shift) {
  Operation *target = contraction.op;
  Type elementType = contraction.resultType().getElementType();
  SmallVector<double> bias(contraction.channels);
  for (int64_t c = 0; c < contraction.channels; ++c)
    bias[c] = contraction.biasValues[c] * (scale.empty() ? 1.0 : scale[c]) +
              (shift.empty() ? 0.0 : shift[c]);
  if (fitsFiniteIn(contraction.biasValues, elementType) &&
      !fitsFiniteIn(bias, elementType))
    return refuse(rewriter, op, "the folded bias overflows");

  Value newWeight;
  rewriter.setInsertionPoint(target);
  if (!scale.empty()) {
    RankedTensorType weightType = contraction.weightType();
    int64_t inner = 1;
    for (int64_t d = contraction.weightChannelAxis + 1;
         d < weightType.getRank(); ++d)
      inner *= weightType.getDimSize(d);
    SmallVector<double> weights = std::move(contraction.weightValues);
    for (auto [i, weight] : llvm::enumerate(weights))
      weight *= scale[(i / inner) % contraction.channels];
    if (!fitsFiniteIn(weights, weightType.getElementType()))
      return refuse(rewriter, op, "the folded weights overflow");
    newWeight = createFloatConstant(
        rewriter, contraction.weight->get().getLoc(), weightType, weights);
  }
  auto quantizable = cast<QuantizableOpInterface>(target);
  OpOperand *oldBias = quantizable.getBiasOperand();
  bool needsBias = oldBias || llvm::any_of(bias, [](double b) {
                     return b != 0.0 || std::signbit(b);
                   });
  Value newBias;
  if (needsBias)
    newBias = createFloatConstant(
        rewriter, op->getLoc(),
        RankedTensorType::get({contraction.channels}, elementType), bias);
  rewriter.modifyOpInPlace(target, [&] {
    if (newWeight)
      contraction.weight->set(newWeight);
    if (oldBias)
      oldBias->set(newBias);
    else if (newBias)
      target->insertOperands(
          target->getNumOperands(),
          newBias); // the bias is a contraction's last operand
    target->setLoc(rewriter.getFusedLoc({target->getLoc(), op->getLoc()}));
  });
  rewriter.replaceOp(op, target->getResults());
  return success();
}

/// Batch normalization is x * scale + shift per channel with scale = gamma /
/// sqrt(variance + epsilon) and shift = beta - mean * scale.
static bool getBatchNormScaleAndShift(BatchNormOp op,
                                      SmallVector<double> &scale,
                                      SmallVector<double> &shift) {
  auto gamma = getConstantValues(op.getScale()),
       beta = getConstantValues(op.getBias());
  auto mean = getConstantValues(op.getMean()),
       variance = getConstantValues(op.getVariance());
  if (!gamma || !beta || !mean || !variance)
    return false;
  double epsilon = op.getEpsilon().convertToDouble();
  for (auto [g, b, m, v] : llvm::zip(*gamma, *beta, *mean, *variance)) {
    scale.push_back(g / std::sqrt(v + epsilon));
    shift.push_back(b - m * scale.back());
  }
  return true;
}

namespace {
struct FoldBatchNorm : OpRewritePattern<BatchNormOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(BatchNormOp op,
                                PatternRewriter &rewriter) const override {
    SmallVector<double> scale, shift;
    if (!getBatchNormScaleAndShift(op, scale, shift))
      return rewriter.notifyMatchFailure(op, "parameters are not constant");
    auto type = cast<RankedTensorType>(op.getType());
    FailureOr<FoldableContraction> contraction =
        matchContraction(op.getInput(), /*needsWeights=*/true);
    if (succeeded(contraction) && contraction->resultChannelAxis == 1 &&
        contraction->resultType() == type &&
        succeeded(
            foldIntoContraction(rewriter, op, *contraction, scale, shift)))
      return success();

    if (!fitsFiniteIn(scale, type.getElementType()) ||
        !fitsFiniteIn(shift, type.getElementType()))
      return refuse(rewriter, op, "scale or shift overflows");
    SmallVector<int64_t> shape(std::max<int64_t>(type.getRank() - 1, 1), 1);
    shape.front() = scale.size();
    auto channelType = RankedTensorType::get(shape, type.getElementType());
    rewriter.setInsertionPoint(op);
    Value factor =
        createFloatConstant(rewriter, op.getLoc(), channelType, scale);
    Value addend =
        createFloatConstant(rewriter, op.getLoc(), channelType, shift);
    Value product =
        MulOp::create(rewriter, op.getLoc(), type, op.getInput(), factor);
    rewriter.replaceOpWithNewOp<AddOp>(op, type, product, addend);
    return success();
  }
};

/// contraction + constant, contraction - constant → bias; contraction *
/// constant, contraction / constant → weights.
template <typename Op> struct FoldPerChannel : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;
  LogicalResult matchAndRewrite(Op op,
                                PatternRewriter &rewriter) const override {
    constexpr bool isAdditive =
        std::is_same_v<Op, AddOp> || std::is_same_v<Op, SubOp>;
    constexpr bool isCommutative =
        std::is_same_v<Op, AddOp> || std::is_same_v<Op, MulOp>;
    for (bool swapped : {false, true}) {
      if (swapped && !isCommutative)
        break;
      Value value = swapped ? op.getRhs() : op.getLhs(),
            other = swapped ? op.getLhs() : op.getRhs();
      if (!other.template getDefiningOp<ConstantOp>())
        continue;
      FailureOr<FoldableContraction> contraction =
          matchContraction(value, /*needsWeights=*/!isAdditive);
      if (failed(contraction) || contraction->resultType() != op.getType())
        continue;
      std::optional<SmallVector<double>> values = getPerChannelValues(
          other, contraction->resultType(), contraction->resultChannelAxis);
      if (!values)
        continue;
      if constexpr (std::is_same_v<Op, SubOp>)
        llvm::for_each(*values, [](double &v) { v = -v; });
      if constexpr (std::is_same_v<Op, DivOp>)
        llvm::for_each(*values, [](double &v) { v = 1.0 / v; });
      if constexpr (isAdditive)
        return foldIntoContraction(rewriter, op, *contraction, {}, *values);
      else
        return foldIntoContraction(rewriter, op, *contraction, *values, {});
    }
    return rewriter.notifyMatchFailure(
        op, "no contraction with a per-channel constant");
  }
};

/// x to the power of 2 → x * x, which is exact, and one instruction.
struct SquareByMul : OpRewritePattern<PowOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(PowOp op,
                                PatternRewriter &rewriter) const override {
    if (getSplatValue(op.getRhs()) != 2.0 ||
        op.getLhs().getType() != op.getType())
      return rewriter.notifyMatchFailure(op, "not a square");
    rewriter.replaceOpWithNewOp<MulOp>(op, op.getType(), op.getLhs(),
                                       op.getLhs());
    return success();
  }
};

//===----------------------------------------------------------------------===//
// Constants
//===----------------------------------------------------------------------===//

struct FoldConstantTranspose : OpRewritePattern<TransposeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(TransposeOp op,
                                PatternRewriter &rewriter) const override {
    auto constant = op.getInput().getDefiningOp<ConstantOp>();
    Value folded =
        constant ? createTransposedConstant(rewriter, constant, op.getPerm())
                 : Value();
    if (!folded || folded.getType() != op.getType())
      return rewriter.notifyMatchFailure(
          op, "input is not a constant of whole bytes");
    rewriter.replaceOp(op, folded);
    return success();
  }
};

struct FoldConstantSlice : OpRewritePattern<SliceOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(SliceOp op,
                                PatternRewriter &rewriter) const override {
    auto constant = op.getInput().getDefiningOp<ConstantOp>();
    Value folded =
        constant ? createSlicedConstant(rewriter, constant, op) : Value();
    if (!folded)
      return rewriter.notifyMatchFailure(
          op, "input is not a constant of whole bytes");
    rewriter.replaceOp(op, folded);
    return success();
  }
};

struct FoldConstantConcat : OpRewritePattern<ConcatOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ConcatOp op,
                                PatternRewriter &rewriter) const override {
    Value folded = createJoinedConstant(rewriter, op);
    if (!folded)
      return rewriter.notifyMatchFailure(
          op, "inputs are not constants of whole bytes");
    rewriter.replaceOp(op, folded);
    return success();
  }
};

struct FoldConstantReshape : OpRewritePattern<ReshapeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ReshapeOp op,
                                PatternRewriter &rewriter) const override {
    auto constant = op.getInput().getDefiningOp<ConstantOp>();
    if (!constant || !op.getType().hasStaticShape())
      return failure();
    Value folded =
        createReshapedConstant(rewriter, constant, op.getType().getShape());
    if (!folded || folded.getType() != op.getType())
      return rewriter.notifyMatchFailure(op, "elements cannot be reshaped");
    rewriter.replaceOp(op, folded);
    return success();
  }
};

struct FoldConstantCast : OpRewritePattern<CastOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(CastOp op,
                                PatternRewriter &rewriter) const override {
    auto type = cast<RankedTensorType>(op.getType());
    if (!isArithmeticFloat(type.getElementType()))
      return rewriter.notifyMatchFailure(
          op, "only casts to floating point are folded");
    std::optional<SmallVector<double>> values =
        getConstantValues(op.getInput());
    if (!values)
      return failure();
    rewriter.replaceOp(
        op, createFloatConstant(rewriter, op.getLoc(), type, *values));
    return success();
  }
};

/// Arithmetic on floating-point constants that does not make them larger.
/// Doubles hold more than twice the digits of f32, so rounding their result
/// once more gives the correctly rounded f32 (f16, bf16) result.
template <typename Op> struct FoldConstantBinary : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;
  LogicalResult matchAndRewrite(Op op,
                                PatternRewriter &rewriter) const override {
    auto type = cast<RankedTensorType>(op.getType());
    auto lhsType = cast<RankedTensorType>(op.getLhs().getType()),
         rhsType = cast<RankedTensorType>(op.getRhs().getType());
    if (!isa<FloatType>(type.getElementType()) || !type.hasStaticShape() ||
        (type != lhsType && type != rhsType))
      return failure();
    auto lhs = getConstantValues(op.getLhs()),
         rhs = getConstantValues(op.getRhs());
    if (!lhs || !rhs)
      return failure();
    SmallVector<double> values(type.getNumElements());
    for (auto [i, value] : llvm::enumerate(values)) {
      double a = (*lhs)[operandIndex(i, type, lhsType)],
             b = (*rhs)[operandIndex(i, type, rhsType)];
      if constexpr (std::is_same_v<Op, AddOp>)
        value = a + b;
      else if constexpr (std::is_same_v<Op, SubOp>)
        value = a - b;
      else if constexpr (std::is_same_v<Op, MulOp>)
        value = a * b;
      else
        value = a / b;
    }
    rewriter.replaceOp(
        op, createFloatConstant(rewriter, op.getLoc(), type, values));
    return success();
  }

private:
  /// The position in a broadcast operand of the result's element i.
  static int64_t operandIndex(int64_t i, RankedTensorType type,
                              RankedTensorType operandType) {
    if (type == operandType)
      return i;
    int64_t index = 0, stride = 1;
    for (int64_t d = type.getRank() - 1, o = operandType.getRank() - 1; o >= 0;
         --d, --o) {
      int64_t size = operandType.getDimSize(o);
      index += (size == 1 ? 0 : i % type.getDimSize(d)) * stride;
      i /= type.getDimSize(d);
      stride *= size;
    }
    return index;
  }
};

//===----------------------------------------------------------------------===//
// Identities, clamps, padding
//===----------------------------------------------------------------------===//

/// x * 1, x / 1, x - 0 and x + (-0). Adding +0 turns -0 into +0 and stays.
template <typename Op> struct DropNeutral : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;
  LogicalResult matchAndRewrite(Op op,
                                PatternRewriter &rewriter) const override {
    constexpr bool isCommutative =
        std::is_same_v<Op, AddOp> || std::is_same_v<Op, MulOp>;
    double neutral = std::is_same_v<Op, AddOp>   ? -0.0
                     : std::is_same_v<Op, SubOp> ? 0.0
                                                 : 1.0;
    for (bool swapped : {false, true}) {
      if (swapped && !isCommutative)
        break;
      Value value = swapped ? op.getRhs() : op.getLhs(),
            other = swapped ? op.getLhs() : op.getRhs();
      std::optional<double> splat =
          value.getType() == op.getType() ? getSplatValue(other) : std::nullopt;
      if (!splat ||
          llvm::bit_cast<uint64_t>(*splat) != llvm::bit_cast<uint64_t>(neutral))
        continue;
      rewriter.replaceOp(op, value);
      return success();
    }
    return failure();
  }
};

/// A clamp of a clamp is a clamp.
struct MergeClamps : OpInterfaceRewritePattern<ElementwiseOpInterface> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;
  LogicalResult matchAndRewrite(ElementwiseOpInterface op,
                                PatternRewriter &rewriter) const override {
    if (!op.isClamp())
      return failure();
    auto inner = op->getOperand(0).getDefiningOp<ElementwiseOpInterface>();
    Type type = op->getResult(0).getType();
    if (!inner || !inner.isClamp() || inner->getResult(0).getType() != type ||
        inner->getOperand(0).getType() != type)
      return failure();
    auto [innerMin, innerMax] = inner.getClampBounds();
    auto [outerMin, outerMax] = op.getClampBounds();
    double min = std::min(std::max(innerMin, outerMin), outerMax),
           max = std::min(std::max(innerMax, outerMin), outerMax);
    if (min == innerMin && max == innerMax) {
      rewriter.replaceOp(op, inner->getResults());
      return success();
    }
    if (!inner->hasOneUse())
      return rewriter.notifyMatchFailure(op,
                                         "the inner clamp is needed anyway");
    if (min == outerMin && max == outerMax) {
      rewriter.modifyOpInPlace(
          op, [&] { op->setOperand(0, inner->getOperand(0)); });
      return success();
    }
    rewriter.replaceOpWithNewOp<ClipOp>(op, type, inner->getOperand(0),
                                        rewriter.getF64FloatAttr(min),
                                        rewriter.getF64FloatAttr(max));
    return success();
  }
};

/// Zeros around a convolution's input are its padding; around an average pool's
/// too, if padding counts.
template <typename Op> struct FoldPad : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;
  LogicalResult matchAndRewrite(Op op,
                                PatternRewriter &rewriter) const override {
    auto pad = op.getInput().template getDefiningOp<PadOp>();
    if (!pad || !isa<FloatType>(getElementTypeOrSelf(op.getInput().getType())))
      return failure();
    if (pad.getMode() != PadMode::Constant || !pad.getValue().isZero())
      return rewriter.notifyMatchFailure(op, "pads with a value other than 0");
    ArrayRef<int64_t> low = pad.getLow(), high = pad.getHigh();
    bool channelsLast = op.getLayout() == Layout::ChannelsLast;
    int64_t rank = low.size(), channel = channelsLast ? rank - 1 : 1;
    if (low[0] || high[0] || low[channel] || high[channel])
      return rewriter.notifyMatchFailure(op, "pads the batch or the channels");
    SmallVector<int64_t> pads(op.getPads());
    if constexpr (std::is_same_v<Op, AveragePoolOp>) {
      bool hasPads = llvm::any_of(pads, [](int64_t p) { return p != 0; });
      if (op.getCeilExtra() || (hasPads && !op.getCountIncludePad()))
        return rewriter.notifyMatchFailure(
            op, "has padding of its own that does not count");
    }
    int64_t spatial = rank - 2, first = channelsLast ? 1 : 2;
    for (int64_t d = 0; d < spatial; ++d) {
      pads[d] += low[first + d];
      pads[spatial + d] += high[first + d];
      if constexpr (std::is_same_v<Op, AveragePoolOp>)
        if (op.getDilations()[d] != 1 ||
            std::max(pads[d], pads[spatial + d]) >= op.getKernel()[d])
          return rewriter.notifyMatchFailure(
              op, "has windows that may lie in the padding");
    }
    rewriter.modifyOpInPlace(op, [&] {
      op.getInputMutable().assign(pad.getInput());
      op.setPads(pads);
      if constexpr (std::is_same_v<Op, AveragePoolOp>)
        op.setCountIncludePad(true);
    });
    return success();
  }
};

//===----------------------------------------------------------------------===//
// Pass
//===----------------------------------------------------------------------===//

struct SimplifyPass : mpc::impl::SimplifyBase<SimplifyPass> {
  LogicalResult initialize(MLIRContext *context) override {
    RewritePatternSet set(context);
    set.add<FoldBatchNorm, FoldConstantTranspose, FoldConstantReshape,
            FoldConstantSlice, FoldConstantConcat, SquareByMul,
            FoldConstantCast, MergeClamps, FoldPad<ConvOp>,
            FoldPad<AveragePoolOp>>(context);
    set.add<FoldPerChannel<AddOp>, FoldPerChannel<SubOp>, FoldPerChannel<MulOp>,
            FoldPerChannel<DivOp>>(context);
    set.add<FoldConstantBinary<AddOp>, FoldConstantBinary<SubOp>,
            FoldConstantBinary<MulOp>, FoldConstantBinary<DivOp>>(context);
    set.add<DropNeutral<AddOp>, DropNeutral<SubOp>, DropNeutral<MulOp>,
            DropNeutral<DivOp>>(context);
    populateSliceViewsPatterns(set);
    auto *dialect = context->getLoadedDialect<MPCDialect>();
    dialect->getCanonicalizationPatterns(set);
    for (RegisteredOperationName name :
         context->getRegisteredOperationsByDialect(
             MPCDialect::getDialectNamespace()))
      name.getCanonicalizationPatterns(set, context);
    patterns = std::move(set);
    RewritePatternSet splitting(context);
    splitting.add<FoldConstantReshape, FoldConstantSlice>(context);
    populateSplitConvolutionsPatterns(splitting);
    splittingPatterns = std::move(splitting);
    return success();
  }
  void runOnOperation() override {
    // Top down: a chain conv, batch_norm, add folds from its head.
    GreedyRewriteConfig config;
    config.setUseTopDownTraversal(true);
    if (failed(applyPatternsGreedily(getOperation(), patterns, config)) ||
        failed(
            applyPatternsGreedily(getOperation(), splittingPatterns, config))) {
      getOperation().emitError("simplification did not converge");
      signalPassFailure();
    }
  }

private:
  FrozenRewritePatternSet patterns, splittingPatterns;
};
} // namespace
