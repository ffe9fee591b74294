//===- SplitConvolutions.cpp - convolutions that kernels compute ----------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Kernels compute convolutions of pictures, with all channels or one per
// output. Others become such ones: of one spatial dimension by a height of 1,
// of several groups by parts of the channels. This comes after all that looks
// for what stands behind a convolution has found it.
//
//===----------------------------------------------------------------------===//

#include "SplitConvolutions.h"
#include "mlir/IR/IRMapping.h"
#include "mpc/Dialect/MPC/Constants.h"

using namespace mlir;
using namespace mpc;

/// Output channels that a kernel computes at once. Fewer cost as much, so that
/// groups are joined up to here, with zeros between them.
static constexpr int64_t kPanel = 16;
/// More parts than this would be more dispatches than it is worth.
static constexpr int64_t kMostParts = 64;

static RankedTensorType getType(Value value) {
  return cast<RankedTensorType>(value.getType());
}

//===----------------------------------------------------------------------===//
// One spatial dimension
//===----------------------------------------------------------------------===//

/// A unit dimension before the last one, where there is one before it.
static SmallVector<int64_t> lift(ArrayRef<int64_t> shape) {
  SmallVector<int64_t> lifted(shape);
  if (lifted.size() >= 2)
    lifted.insert(lifted.end() - 1, 1);
  return lifted;
}

static Value createLift(PatternRewriter &rewriter, Location loc, Value value) {
  SmallVector<int64_t> shape = lift(getType(value).getShape());
  if (shape.size() == static_cast<size_t>(getType(value).getRank()))
    return value;
  return ReshapeOp::create(rewriter, loc, getType(value).clone(shape), value);
}

/// The value of rank 4 that `value` is without its height of 1, if it comes
/// from a lifted convolution.
static Value matchLifted(Value value) {
  auto reshape = value.getDefiningOp<ReshapeOp>();
  if (!reshape || getType(value).getRank() != 3 ||
      getType(reshape.getInput()).getShape() !=
          ArrayRef<int64_t>(lift(getType(value).getShape())))
    return {};
  Operation *source = reshape.getInput().getDefiningOp();
  return isa_and_nonnull<ConvOp, ElementwiseOpInterface>(source)
             ? reshape.getInput()
             : Value();
}

namespace {
/// [N, C, L] → [N, C, 1, L].
struct LiftConv : OpRewritePattern<ConvOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ConvOp op,
                                PatternRewriter &rewriter) const override {
    RankedTensorType type = getType(op.getResult());
    // What is quantized already is recognised with the convolution as it is.
    if (type.getRank() != 3 || op.isChannelsLast() ||
        isa<quant::QuantizedType>(type.getElementType()) ||
        op.getInput().getDefiningOp<DequantizeOp>())
      return failure();
    auto prepend = [](ArrayRef<int64_t> values, int64_t value) {
      SmallVector<int64_t> result{value};
      llvm::append_range(result, values);
      return result;
    };
    Location loc = op.getLoc();
    ArrayRef<int64_t> pads = op.getPads();
    auto lifted = ConvOp::create(
        rewriter, loc, type.clone(lift(type.getShape())),
        createLift(rewriter, loc, op.getInput()),
        createLift(rewriter, loc, op.getWeight()), op.getBias(),
        prepend(op.getStrides(), 1), prepend(op.getDilations(), 1),
        SmallVector<int64_t>{0, pads[0], 0, pads[1]}, op.getGroups(),
        op.getLayout());
    rewriter.replaceOpWithNewOp<ReshapeOp>(op, type, lifted.getResult());
    return success();
  }
};

/// What follows a lifted convolution element by element is lifted, too, so that
/// it stays its epilogue.
struct LiftElementwise : OpInterfaceRewritePattern<ElementwiseOpInterface> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;
  LogicalResult matchAndRewrite(ElementwiseOpInterface op,
                                PatternRewriter &rewriter) const override {
    if (op->getNumResults() != 1 || getType(op->getResult(0)).getRank() != 3 ||
        llvm::none_of(op->getOperands(),
                      [](Value operand) { return bool(matchLifted(operand)); }))
      return failure();
    // Scales may lie along a dimension by its number.
    auto isQuantized = [](Type type) {
      return isa<quant::QuantizedType>(getElementTypeOrSelf(type));
    };
    if (llvm::any_of(op->getOperandTypes(), isQuantized) ||
        llvm::any_of(op->getResultTypes(), isQuantized))
      return failure();
    RankedTensorType type = getType(op->getResult(0));
    SmallVector<Value> operands;
    for (Value operand : op->getOperands()) {
      Value source = matchLifted(operand);
      operands.push_back(source ? source
                                : createLift(rewriter, op->getLoc(), operand));
    }
    Operation *lifted = rewriter.clone(*op);
    lifted->setOperands(operands);
    lifted->getResult(0).setType(type.clone(lift(type.getShape())));
    rewriter.replaceOpWithNewOp<ReshapeOp>(op, type, lifted->getResult(0));
    return success();
  }
};

//===----------------------------------------------------------------------===//
// Groups
//===----------------------------------------------------------------------===//

/// Groups → parts of a few groups, each a convolution of its own.
struct SplitGroups : OpRewritePattern<ConvOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ConvOp op,
                                PatternRewriter &rewriter) const override;
};
} // namespace

/// The weights of groups [begin, end) as those of one convolution, with zeros
/// where an output of one group meets an input of another.
static ElementsAttr joinWeights(RankedTensorType type, ArrayRef<char> bytes,
                                int64_t groups, int64_t begin, int64_t end) {
  int64_t outputs = type.getDimSize(0) / groups, inputs = type.getDimSize(1),
          taps = 1, count = end - begin;
  for (int64_t size : type.getShape().drop_front(2))
    taps *= size;
  size_t row = inputs * taps * type.getElementTypeBitWidth() / 8;
  SmallVector<int64_t> shape(type.getShape());
  shape[0] = outputs * count;
  shape[1] = inputs * count;
  std::vector<char> joined(row * count * shape[0], 0);
  for (int64_t output = 0; output < shape[0]; ++output)
    std::copy_n(bytes.data() + (begin * outputs + output) * row, row,
                joined.data() + (output * count + output / outputs) * row);
  return createConstant(type.clone(shape), joined);
}

/// Elements [start, start + size) of `axis`.
static Value createSlice(PatternRewriter &rewriter, Location loc, Value value,
                         int64_t axis, int64_t start, int64_t size) {
  RankedTensorType from = getType(value);
  SmallVector<int64_t> shape(from.getShape()), at(from.getRank(), 0);
  if (shape[axis] == size)
    return value;
  shape[axis] = size;
  at[axis] = start;
  SmallVector<int64_t> sizes(shape);
  for (int64_t &extent : sizes)
    if (ShapedType::isDynamic(extent))
      extent = -1;
  return SliceOp::create(rewriter, loc, from.clone(shape), value, at, sizes,
                         SmallVector<int64_t>(from.getRank(), 1));
}

LogicalResult SplitGroups::matchAndRewrite(ConvOp op,
                                           PatternRewriter &rewriter) const {
  RankedTensorType type = getType(op.getResult()),
                   weightType = getType(op.getWeight());
  int64_t groups = op.getGroups();
  if (groups == 1 || op.isDepthwise() || op.isChannelsLast() ||
      type.getRank() != 4 || !isa<FloatType>(weightType.getElementType()))
    return failure();
  auto constant = op.getWeight().getDefiningOp<ConstantOp>();
  std::vector<char> storage;
  std::optional<ArrayRef<char>> bytes =
      constant ? getRawBytes(constant.getValue(), storage) : std::nullopt;
  if (!bytes)
    return rewriter.notifyMatchFailure(op, "weights are not constant");
  int64_t outputs = weightType.getDimSize(0) / groups,
          inputs = weightType.getDimSize(1), joined = 1;
  while (joined < groups &&
         (groups % joined != 0 || joined * outputs < kPanel ||
          groups / joined > kMostParts))
    ++joined;
  // The zeros may be more work than it was before.
  if (joined * outputs > 2 * kPanel && joined > 2)
    return rewriter.notifyMatchFailure(op, "groups do not fit together");

  Location loc = op.getLoc();
  SmallVector<Value> parts;
  for (int64_t begin = 0; begin < groups; begin += joined) {
    Value x = createSlice(rewriter, loc, op.getInput(), 1, begin * inputs,
                          joined * inputs);
    Value weight = ConstantOp::create(
        rewriter, loc,
        joinWeights(weightType, *bytes, groups, begin, begin + joined));
    Value bias = op.getBias() ? createSlice(rewriter, loc, op.getBias(), 0,
                                            begin * outputs, joined * outputs)
                              : Value();
    SmallVector<int64_t> shape(type.getShape());
    shape[1] = joined * outputs;
    parts.push_back(ConvOp::create(rewriter, loc, type.clone(shape), x, weight,
                                   bias, op.getStrides(), op.getDilations(),
                                   op.getPads(), /*groups=*/1, op.getLayout()));
  }
  if (parts.size() == 1)
    rewriter.replaceOp(op, parts.front());
  else
    rewriter.replaceOpWithNewOp<ConcatOp>(op, type, parts, 1);
  return success();
}

/// The convolution that `value` comes from, directly or by way of operations
/// element by element, each for the next one alone; null if there is none.
static Operation *findConv(Value value) {
  Operation *op = value.getDefiningOp();
  if (!op || !value.hasOneUse())
    return nullptr;
  if (isa<ConvOp>(op))
    return op;
  if (isa<ElementwiseOpInterface>(op))
    for (Value operand : op->getOperands())
      if (Operation *conv = findConv(operand))
        return conv;
  return nullptr;
}

/// Whether `value` is there before `op`.
static bool isBefore(Value value, Operation *op) {
  Operation *producer = value.getDefiningOp();
  return !producer || producer->getBlock() != op->getBlock() ||
         producer->isBeforeInBlock(op);
}

namespace {
/// What follows element by element goes into the parts: it is computed where
/// they are, and the parts of what is concatenated can share one scale. What is
/// added, as in a residual block, is taken apart.
struct SinkElementwise : OpInterfaceRewritePattern<ElementwiseOpInterface> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;
  LogicalResult matchAndRewrite(ElementwiseOpInterface op,
                                PatternRewriter &rewriter) const override;
};
} // namespace

LogicalResult
SinkElementwise::matchAndRewrite(ElementwiseOpInterface op,
                                 PatternRewriter &rewriter) const {
  if (op->getNumResults() != 1)
    return failure();
  ConcatOp concat;
  for (Value operand : op->getOperands())
    if (auto candidate = operand.getDefiningOp<ConcatOp>();
        candidate && candidate->hasOneUse() &&
        llvm::all_of(candidate.getInputs(), findConv)) {
      concat = candidate;
      break;
    }
  RankedTensorType type = getType(op->getResult(0));
  if (!concat || getType(concat).getShape() != type.getShape())
    return failure();
  auto axis = static_cast<int64_t>(concat.getAxis());
  // What broadcasts has fewer dimensions, or one element along them.
  auto getAxis = [&](Value operand) -> std::optional<int64_t> {
    int64_t itsAxis = axis - type.getRank() + getType(operand).getRank();
    return itsAxis >= 0 && getType(operand).getDimSize(itsAxis) != 1
               ? std::make_optional(itsAxis)
               : std::nullopt;
  };
  for (Value operand : op->getOperands()) {
    if (operand == concat.getResult() || !getAxis(operand))
      continue;
    // Scales may lie along the dimension that is taken apart. And what is there
    // later than a convolution cannot be in its epilogue.
    if (isa<quant::QuantizedType>(getType(operand).getElementType()) ||
        !llvm::all_of(concat.getInputs(), [&](Value part) {
          return isBefore(operand, findConv(part));
        }))
      return failure();
  }
  int64_t start = 0;
  SmallVector<Value> parts;
  for (Value part : concat.getInputs()) {
    int64_t size = getType(part).getDimSize(axis);
    IRMapping mapping;
    for (Value operand : op->getOperands()) {
      if (operand == concat.getResult()) {
        mapping.map(operand, part);
      } else if (std::optional<int64_t> itsAxis = getAxis(operand)) {
        OpBuilder::InsertionGuard guard(rewriter);
        rewriter.setInsertionPointAfterValue(operand);
        mapping.map(operand, createSlice(rewriter, op->getLoc(), operand,
                                         *itsAxis, start, size));
      }
    }
    Operation *copy = rewriter.clone(*op, mapping);
    copy->getResult(0).setType(type.clone(getType(part).getShape()));
    parts.push_back(copy->getResult(0));
    start += size;
  }
  rewriter.replaceOpWithNewOp<ConcatOp>(op, type, parts, axis);
  return success();
}

void mpc::populateSplitConvolutionsPatterns(RewritePatternSet &patterns) {
  patterns.add<LiftConv, LiftElementwise, SplitGroups, SinkElementwise>(
      patterns.getContext());
}
