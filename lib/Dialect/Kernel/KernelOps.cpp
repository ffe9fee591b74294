//===- KernelOps.cpp - verifiers and effects of the kernel ops ------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/OpImplementation.h"
#include "mpc/Dialect/Kernel/ExtraMaps.h"
#include "mpc/Dialect/Kernel/KernelDialect.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mpc::kernel;

#define GET_OP_CLASSES
#include "mpc/Dialect/Kernel/KernelOps.cpp.inc"

using Effects =
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>;

static void addMemRefEffect(Effects &effects, OpOperand &operand,
                            MemoryEffects::Effect *effect) {
  if (isa<MemRefType>(operand.get().getType()))
    effects.emplace_back(effect, &operand, SideEffects::DefaultResource::get());
}

bool mpc::kernel::isExtraMap(AffineMap map) {
  for (auto [position, expr] : llvm::enumerate(map.getResults())) {
    auto dim = dyn_cast<AffineDimExpr>(expr);
    auto number = dyn_cast<AffineConstantExpr>(expr);
    bool isLast = dim && dim.getPosition() + 1 == map.getNumDims();
    if ((!dim && !(number && number.getValue() == 0)) ||
        (isLast && position + 1 != map.getNumResults()))
      return false;
  }
  return true;
}

//===----------------------------------------------------------------------===//
// UnpackOp
//===----------------------------------------------------------------------===//

/// Whether `type` is a stream of panels as `blocks` say.
static bool isStream(ShapedType type, BlocksAttr blocks) {
  return type.getRank() == 2 && type.hasStaticShape() &&
         type.getElementType().isInteger(8) &&
         type.getDimSize(1) == blocks.getPanelBytes();
}

LogicalResult UnpackOp::verify() {
  auto packed = cast<RankedTensorType>(getPacked().getType());
  auto result = cast<RankedTensorType>(getResult().getType());
  if (BlocksAttr blocks = getBlocksAttr()) {
    if (getWinograd())
      return emitOpError("expected no weights in blocks with 'winograd'"); // C7
    int64_t channels =
        result.getRank() < 2 ? 0 : result.getDimSize(getTransposed() ? 1 : 0);
    int64_t panels = llvm::divideCeilSigned(channels, kPanelWidth);
    if (!isStream(packed, blocks) || packed.getDimSize(0) != panels ||
        result.getNumElements() != channels * blocks.getDepth() ||
        !result.getElementType().isF32())
      return emitOpError("expected ")
             << panels << " panels of " << blocks.getPanelBytes()
             << " bytes and an f32 result, but got " << packed << " and "
             << result; // C5
    return success();
  }
  if (packed.getRank() != 5 || packed.getDimSize(3) != kPanelWidth)
    return emitOpError("expected packed weights of rank 5 and dimension 3 of ")
           << kPanelWidth << ", but got " << packed; // C1
  if (packed.getElementType() != result.getElementType())
    return emitOpError("expected one element type, but got ")
           << packed.getElementType() << " and "
           << result.getElementType(); // C3
  if (getTransposed() && result.getRank() != 2)
    return emitOpError("expected a result of rank 2 with 'transposed', but got "
                       "rank ")
           << result.getRank(); // C4
  if (result.getRank() != 2 && result.getRank() != 4 && result.getRank() != 5)
    return emitOpError("expected a result of rank 2, 4 or 5, but got rank ")
           << result.getRank(); // C6
  ArrayRef<int64_t> shape = result.getShape();
  if (getWinograd() && (shape.size() != 4 || shape[1] != 3 || shape[2] != 3 ||
                        !result.getElementType().isF32()))
    return emitOpError("expected an f32 result OCx3x3xIC with 'winograd', but "
                       "got ")
           << result; // C7
  int64_t channels = getTransposed() ? shape[1] : shape[0];
  int64_t taps = 1, depth = getTransposed() ? shape[0] : shape.back();
  if (shape.size() > 2) {
    taps = getWinograd() ? kWinogradTaps
                         : llvm::product_of(shape.drop_front().drop_back());
    if (packed.getDimSize(1) == 1) { // gathered
      depth *= taps;
      taps = 1;
    }
  }
  SmallVector<int64_t> expected = {
      llvm::divideCeilSigned(channels, kPanelWidth), taps,
      llvm::divideCeilSigned(depth, packed.getDimSize(4)), kPanelWidth,
      packed.getDimSize(4)};
  auto expectedType = RankedTensorType::get(expected, packed.getElementType());
  if (packed != expectedType)
    return emitOpError("expected packed weights ")
           << expectedType << ", but got " << packed; // C2
  return success();
}

//===----------------------------------------------------------------------===//
// ContractOp and DepthwiseOp
//===----------------------------------------------------------------------===//

/// Constraints that both ops share; C6 to C11 and C1.
template <typename OpTy> static LogicalResult verifyOutputOp(OpTy op) {
  bool onTensors = isa<RankedTensorType>(op.getOut().getType());
  for (Value operand : op->getOperands())
    if (isa<RankedTensorType>(operand.getType()) != onTensors)
      return op.emitOpError("expected all operands to be ")
             << (onTensors ? "tensors" : "memrefs") << ", but got "
             << operand.getType(); // C1
  if (op->getNumResults() != (onTensors ? 1u : 0u))
    return op.emitOpError("expected ")
           << (onTensors ? "one result" : "no result") << ", but got "
           << op->getNumResults(); // C1
  if (onTensors && op->getResult(0).getType() != op.getOut().getType())
    return op.emitOpError("expected a result of type ")
           << op.getOut().getType() << ", but got "
           << op->getResult(0).getType(); // C1

  auto input = cast<ShapedType>(op.getInput().getType());
  auto weights = cast<ShapedType>(op.getWeights().getType());
  auto out = cast<ShapedType>(op.getOut().getType());
  if (input.getRank() != out.getRank() || out.getRank() < 2)
    return op.emitOpError("expected input and output of one rank of at least "
                          "2, but got ")
           << input.getRank() << " and " << out.getRank(); // C3
  bool padded = false;
  if (WindowAttr window = op.getWindowAttr()) {
    unsigned rank = window.getRank();
    if (out.getRank() != rank + 2)
      return op.emitOpError("expected an output of rank ")
             << rank + 2 << ", but got rank " << out.getRank(); // C3
    for (unsigned dim : llvm::seq(1u, rank + 2))
      if (input.isDynamicDim(dim) || out.isDynamicDim(dim))
        return op.emitOpError("expected static height, width and channels, "
                              "but got ")
               << input << " and " << out; // C3
    for (unsigned dim : llvm::seq(rank)) {
      padded |= window.isPadded(dim);
      int64_t expected = window.getOutputSize(dim, input.getDimSize(dim + 1));
      if (out.getDimSize(dim + 1) != expected)
        return op.emitOpError("expected output dimension ")
               << dim + 1 << " of size " << expected << ", but got "
               << out.getDimSize(dim + 1); // C6
    }
  } else if (input.isDynamicDim(input.getRank() - 1) ||
             out.isDynamicDim(out.getRank() - 1)) {
    return op.emitOpError("expected static last dimensions, but got ")
           << input << " and " << out; // C3
  }

  if (op.getEpilogue().getNumArguments() != op.getExtras().size() + 1)
    return op.emitOpError("expected an epilogue of ")
           << op.getExtras().size() + 1 << " arguments, but got "
           << op.getEpilogue().getNumArguments(); // C10
  Type inputType = input.getElementType();
  Type weightType = weights.getElementType();
  Type accumulator = op.getAccumulatorType();
  auto isNumber = [](Type type) {
    return type.isF32() || type.isF16() || type.isBF16();
  };
  bool floating = isNumber(inputType) && accumulator.isF32() &&
                  (isNumber(weightType) || op.getBlocks());
  bool isWord = inputType.isInteger(16) && !op.getUnsignedInput();
  bool integer = !op.getBlocks() && (inputType.isInteger(8) || isWord) &&
                 weightType.isInteger(8) && accumulator.isInteger(32);
  if (!floating && !integer)
    return op.emitOpError(
               "expected f32, f16 or bf16 operands accumulated in f32 "
               "or an i8 or signed i16 input and i8 weights "
               "accumulated in i32, but got ")
           << inputType << " and " << weightType << " in " << accumulator; // C7
  if (op.getUnsignedInput() && !integer)
    return op.emitOpError("expected an integer input with 'unsigned_input', "
                          "but got ")
           << inputType; // C7

  if (padded != op.getPadValue().has_value())
    return op.emitOpError("expected ")
           << (padded ? "a" : "no") << " pad value where the window "
           << (padded ? "pads" : "does not pad"); // C8
  if (padded && op.getPadValue()->getType() != inputType)
    return op.emitOpError("expected a pad value of type ")
           << inputType << ", but got " << op.getPadValue()->getType(); // C8

  if (op.getExtraMaps().size() != op.getExtras().size())
    return op.emitOpError("expected ")
           << op.getExtras().size() << " extra maps, but got "
           << op.getExtraMaps().size(); // C9
  for (auto [index, extra] : llvm::enumerate(op.getExtras())) {
    AffineMap map = op.getExtraMap(index);
    auto type = cast<ShapedType>(extra.getType());
    if (map.getNumDims() != out.getRank() || map.getNumSymbols() != 0 ||
        map.getNumResults() != type.getRank())
      return op.emitOpError("expected a map from ")
             << out.getRank() << " to " << type.getRank()
             << " dimensions for extra " << index << ", but got "
             << AffineMapAttr::get(map); // C9
    if (!isExtraMap(map))
      return op.emitOpError("expected results of map ")
             << index << " to be dimensions or 0, the output's last "
             << "dimension only as the last, but got "
             << AffineMapAttr::get(map); // C9
    Type argument = op.getEpilogue().getArgument(index + 1).getType();
    if (argument != type.getElementType())
      return op.emitOpError("expected epilogue argument ")
             << index + 1 << " of type " << type.getElementType()
             << ", but got " << argument; // C10
  }
  Operation *terminator = op.getEpilogue().front().getTerminator();
  Type stored = cast<YieldOp>(terminator).getValue().getType();
  if (stored != out.getElementType())
    return op.emitOpError("expected the epilogue to yield ")
           << out.getElementType() << ", but got " << stored; // C10
  for (Operation &inner : op.getEpilogue().front().without_terminator())
    if (!OpTrait::hasElementwiseMappableTraits(&inner) &&
        !inner.hasTrait<OpTrait::ConstantLike>())
      return op.emitOpError("expected element-wise operations in the epilogue, "
                            "but got '")
             << inner.getName() << "'"; // C11
  return success();
}

template <typename OpTy>
static void getOutputOpEffects(OpTy op, Effects &effects) {
  addMemRefEffect(effects, op.getInputMutable(), MemoryEffects::Read::get());
  addMemRefEffect(effects, op.getWeightsMutable(), MemoryEffects::Read::get());
  for (OpOperand &extra : op.getExtrasMutable())
    addMemRefEffect(effects, extra, MemoryEffects::Read::get());
  addMemRefEffect(effects, op.getOutMutable(), MemoryEffects::Write::get());
}

/// C13.
static LogicalResult verifyTileWindow(ContractOp op) {
  TilingAttr tiling = op.getTiling();
  WindowAttr window = op.getWindowAttr();
  if (!usesTileRegisters(tiling.getIntrinsic()) || !window ||
      window.isPointwise() || tiling.getGather())
    return success();
  auto input = cast<ShapedType>(op.getInput().getType());
  auto out = cast<ShapedType>(op.getOut().getType());
  if (window.getRank() != 2 ||
      (window.getRowTaps() > 1 && window.getRowDilation() != 1) ||
      window.getRowTaps() * input.getShape().back() % tiling.getKv() != 0)
    return op.emitOpError(
               "expected a gathering tiling, or a window over height "
               "and width whose rows are runs of a multiple of ")
           << tiling.getKv() << " elements";
  int64_t pixels = getTilePixels(out.getDimSize(2));
  if (tiling.getRows() % pixels != 0 ||
      tiling.getRows() / pixels * (tiling.getColumns() / kPanelWidth) >
          kMaxSumTiles)
    return op.emitOpError("expected tiles of a multiple of ")
           << pixels << " rows in at most " << kMaxSumTiles
           << " registers, but got " << tiling;
  return success();
}

LogicalResult ContractOp::verify() {
  if (failed(verifyOutputOp(*this)))
    return failure();
  auto input = cast<ShapedType>(getInput().getType());
  auto weights = cast<ShapedType>(getWeights().getType());
  auto out = cast<ShapedType>(getOut().getType());
  int64_t kv = getTiling().getKv();
  if (BlocksAttr blocks = getBlocksAttr()) {
    int64_t taps = getWindow() ? getWindow()->getNumTaps() : 1;
    bool isMMA = getTiling().getIntrinsic() == Intrinsic::mma;
    if (isMMA != blocks.getFragments())
      return emitOpError("expected weights in blocks to be in fragments with "
                         "mma, and only there"); // C12
    if (!isStream(weights, blocks) ||
        blocks.getDepth() != taps * input.getShape().back() ||
        (taps != 1 && !getTiling().getGather() && !isMMA))
      return emitOpError("expected panels of ")
             << blocks.getPanelBytes() << " bytes and one tap of "
             << blocks.getDepth() << " channels, but got " << weights << " and "
             << taps << " taps of " << input.getShape().back()
             << " channels"; // C12
    bool isPointwise = !getWindow() || getWindow()->isPointwise();
    if (usesTileRegisters(getTiling().getIntrinsic()) &&
        (blocks.getTable() || !isPointwise || getTiling().getGather() ||
         getTiling().getIntrinsic() != Intrinsic::tdpbf16ps ||
         blocks.getDepth() % kTileDepth != 0 ||
         (blocks.getBlock() % kTileDepth != 0 &&
          blocks.getBlock() < blocks.getDepth())))
      return emitOpError("expected weights without a table, in blocks of a "
                         "multiple of ")
             << kTileDepth << " or of a whole channel, and tdpbf16ps with rows "
             << "of the input, with tile registers, but got " << blocks
             << " and " << getTiling(); // C14
    if (weights.getDimSize(0) !=
        llvm::divideCeilSigned(out.getShape().back(), kPanelWidth))
      return emitOpError("expected weights with ")
             << llvm::divideCeilSigned(out.getShape().back(), kPanelWidth)
             << " panels, but got " << weights; // C5
    return success();
  }
  if (weights.getRank() != 5 ||
      llvm::any_of(weights.getShape().drop_front(), ShapedType::isDynamic) ||
      weights.getDimSize(3) != kPanelWidth || weights.getDimSize(4) != kv)
    return emitOpError("expected packed weights of rank 5, panels of ")
           << kPanelWidth << " and kv = " << kv << ", but got "
           << weights; // C2
  int64_t depth = input.getShape().back();
  int64_t taps = getWindow() ? getWindow()->getNumTaps() : 1;
  if (getTiling().getGather()) {
    depth *= taps;
    taps = 1;
  }
  if (weights.getDimSize(1) != taps ||
      weights.getDimSize(2) != llvm::divideCeilSigned(depth, kv))
    return emitOpError("expected weights with ")
           << taps << " taps of " << llvm::divideCeilSigned(depth, kv)
           << " k blocks, but got " << weights; // C4
  if (!getTiling().getGather() && depth % kv != 0)
    return emitOpError("expected a gathering tiling for ")
           << depth << " channels, which are no multiple of kv = " << kv; // C4
  if (failed(verifyTileWindow(*this)))
    return failure();
  int64_t panels = llvm::divideCeilSigned(out.getShape().back(), kPanelWidth);
  if (getBatched()) {
    if (getWindow() || out.getRank() < 3 || out.isDynamicDim(out.getRank() - 2))
      return emitOpError("expected no window and an output of rank 3 or more "
                         "with static last dimensions with 'batched', but got ")
             << out; // C5
    for (int64_t size : out.getShape().drop_back(2))
      panels = ShapedType::isDynamic(size) || ShapedType::isDynamic(panels)
                   ? ShapedType::kDynamic
                   : panels * size;
  }
  if (weights.getDimSize(0) != panels)
    return emitOpError("expected weights with ")
           << panels << " panels, but got " << weights; // C5
  return success();
}

LogicalResult DepthwiseOp::verify() {
  auto input = cast<ShapedType>(getInput().getType());
  auto weights = cast<ShapedType>(getWeights().getType());
  if (!getWindow())
    return emitOpError("expected a window"); // D1
  ArrayRef<int64_t> sizes = getWindow()->getSizes();
  if (input.getRank() != 4 || weights.getRank() != 3 ||
      weights.getDimSize(0) != sizes[0] || weights.getDimSize(1) != sizes[1] ||
      weights.getDimSize(2) != input.getDimSize(3))
    return emitOpError("expected an input of rank 4 and weights ")
           << sizes[0] << "x" << sizes[1] << "xC, but got " << input << " and "
           << weights; // D1
  if (cast<ShapedType>(getOut().getType()).getShape().back() !=
      input.getDimSize(3))
    return emitOpError("expected as many output as input channels"); // D1
  return verifyOutputOp(*this);
}

LogicalResult PlanarOp::verify() {
  auto input = cast<ShapedType>(getInput().getType());
  auto weights = cast<ShapedType>(getWeights().getType());
  auto out = cast<ShapedType>(getOut().getType());
  if (!getWindow())
    return emitOpError("expected a window"); // P1
  ArrayRef<int64_t> sizes = getWindow()->getSizes();
  if (input.getRank() != 4 || out.getRank() != 4 || weights.getRank() != 4 ||
      weights.getDimSize(0) != out.getDimSize(3) ||
      weights.getDimSize(1) != sizes[0] || weights.getDimSize(2) != sizes[1] ||
      weights.getDimSize(3) != input.getDimSize(3))
    return emitOpError("expected an input of rank 4 and weights OCx")
           << sizes[0] << "x" << sizes[1] << "xIC, but got " << input << " and "
           << weights; // P1
  bool isDot = input.getElementType().isInteger(8) && getUnsignedInput() &&
               getTiling().getIntrinsic() == Intrinsic::vpdpbusd &&
               input.getDimSize(3) % getTiling().getKv() == 0;
  if (!isa<FloatType>(input.getElementType()) && !isDot)
    return emitOpError("expected floating-point operands, or vpdpbusd and "
                       "unsigned i8 in a multiple of 4 channels, but got ")
           << input; // P2
  return verifyOutputOp(*this);
}

LogicalResult WinogradOp::verify() {
  auto input = cast<ShapedType>(getInput().getType());
  auto weights = cast<ShapedType>(getWeights().getType());
  auto out = cast<ShapedType>(getOut().getType());
  WindowAttr window = getWindowAttr();
  auto areAll = [](ArrayRef<int64_t> values, int64_t value) {
    return llvm::all_of(values, [&](int64_t v) { return v == value; });
  };
  if (!window || window.getRank() != 2 || !areAll(window.getSizes(), 3) ||
      !areAll(window.getStrides(), 1) || !areAll(window.getDilations(), 1))
    return emitOpError("expected a window of 3x3 with strides and dilations "
                       "of 1"); // W1
  if (failed(verifyOutputOp(*this)))
    return failure();
  int64_t depth = input.getDimSize(3), channels = out.getDimSize(3);
  if (!input.getElementType().isF32() || !weights.getElementType().isF32() ||
      std::min(depth, channels) < kPanelWidth)
    return emitOpError("expected f32 operands and at least ")
           << kPanelWidth << " channels, but got " << input << " and "
           << out; // W2
  int64_t panels = llvm::divideCeilSigned(channels, kPanelWidth);
  int64_t expected[] = {panels, kWinogradTaps, depth, kPanelWidth, 1};
  if (weights.getShape() != ArrayRef(expected))
    return emitOpError("expected weights ")
           << panels << "x" << kWinogradTaps << "x" << depth << "x"
           << kPanelWidth << "x1, but got " << weights; // W3
  if (!getTiling().getWinograd())
    return emitOpError("expected a tiling with 'winograd'"); // W4
  return success();
}

void WinogradOp::getEffects(Effects &effects) {
  getOutputOpEffects(*this, effects);
}

void PlanarOp::getEffects(Effects &effects) {
  getOutputOpEffects(*this, effects);
}

void ContractOp::getEffects(Effects &effects) {
  getOutputOpEffects(*this, effects);
}

void DepthwiseOp::getEffects(Effects &effects) {
  getOutputOpEffects(*this, effects);
}

//===----------------------------------------------------------------------===//
// InnerTileOp
//===----------------------------------------------------------------------===//

LogicalResult BeginGroupOp::verify() {
  std::optional<int64_t> index = getIndex();
  if (index && (*index < 0 || *index > std::numeric_limits<int32_t>::max()))
    return emitOpError("expected an index of at least 0 and below 2^31, but "
                       "got ")
           << *index;
  return success();
}

LogicalResult InnerTileOp::verify() {
  auto weights = cast<MemRefType>(getWeights().getType());
  BlocksAttr blocks = getBlocksAttr();
  if (blocks && blocks.getFragments())
    return emitOpError("expected weights in blocks that are not in "
                       "'fragments', as mma alone reads them"); // C5
  if (blocks && !isStream(weights, blocks))
    return emitOpError("expected panels of ")
           << blocks.getPanelBytes() << " bytes, but got " << weights; // C5
  if (!blocks &&
      (weights.getRank() != 5 ||
       llvm::any_of(weights.getShape().drop_front(), ShapedType::isDynamic) ||
       weights.getDimSize(3) != kPanelWidth))
    return emitOpError("expected packed weights of rank 5, but got ")
           << weights;
  int64_t kv = blocks ? 1 : weights.getDimSize(4);
  if (getRows().empty())
    return emitOpError("expected at least one row");
  auto row = dyn_cast<MemRefType>(getRows().front().getType());
  int64_t depth = blocks ? blocks.getDepth() : weights.getDimSize(2) * kv;
  if (row.getRank() != 1 || row.getDimSize(0) != depth ||
      (kv != 1 && !row.isLastDimUnitStride()))
    return emitOpError("expected rows of ")
           << depth << (kv != 1 ? " contiguous" : "") << " elements, but got "
           << row; // C1
  for (Value other : getRows())
    if (other.getType() != row)
      return emitOpError("expected rows of one type, but got ")
             << row << " and " << other.getType(); // C1
  if (getAccumulators().empty() ||
      getAccumulators().size() % getRows().size() != 0)
    return emitOpError("expected a multiple of ")
           << getRows().size() << " accumulators, but got "
           << getAccumulators().size(); // C2
  bool floating = isa<FloatType>(row.getElementType()) &&
                  (blocks || isa<FloatType>(weights.getElementType()));
  bool integers = !blocks && weights.getElementType().isInteger(8);
  bool bytes = integers && row.getElementType().isInteger(8);
  bool words =
      integers && row.getElementType().isInteger(16) && !getUnsignedRows();
  auto arePairs = [&](auto isElement) {
    return !blocks && kv == 2 && isElement(row.getElementType()) &&
           isElement(weights.getElementType());
  };
  bool pairs = arePairs([](Type type) { return type.isBF16(); });
  Intrinsic intrinsic = getIntrinsic();
  bool fits = intrinsic == Intrinsic::fma ? pairs || (floating && kv == 1)
              : intrinsic == Intrinsic::vdpbf16ps ? pairs
              : intrinsic == Intrinsic::vfmaddph
                  ? arePairs([](Type type) { return type.isF16(); })
              : intrinsic == Intrinsic::vpdpbusd
                  ? bytes && kv == 4 && getUnsignedRows()
              : intrinsic == Intrinsic::pmaddwd ? (bytes || words) && kv == 4
                                                : false;
  if (!fits)
    return emitOpError("expected operands that ")
           << stringifyIntrinsic(intrinsic) << " multiplies, but got " << row
           << " and " << weights; // C4
  bool mayPrefetch = intrinsic == Intrinsic::fma && !pairs && !blocks;
  auto prefetch = static_cast<int64_t>(getPrefetch());
  if (prefetch < 0 || (prefetch != 0 && !mayPrefetch))
    return emitOpError("expected 'prefetch' of at least 0, and 0 but with fma, "
                       "kv = 1 and without 'blocks', but got ")
           << prefetch; // C6
  Type element = floating ? Type(Float32Type::get(getContext()))
                          : IntegerType::get(getContext(), 32);
  auto expected = VectorType::get(
      {intrinsic == Intrinsic::pmaddwd ? 2 * kPanelWidth : kPanelWidth},
      element);
  auto half = VectorType::get({kPanelWidth / 2}, element);
  size_t panels = getAccumulators().size() / getRows().size();
  bool mayBeHalf = intrinsic == Intrinsic::vpdpbusd ||
                   (intrinsic == Intrinsic::fma && !pairs && !blocks);
  for (auto [i, accumulator] : llvm::enumerate(getAccumulators())) {
    bool isHalf = mayBeHalf && (i + 1) % panels == 0;
    if (accumulator.getType() != expected &&
        !(isHalf && accumulator.getType() == half))
      return emitOpError("expected accumulators of type ")
             << expected << ", but got " << accumulator.getType(); // C3
  }
  if (getResultTypes() != getAccumulators().getTypes())
    return emitOpError("expected results of the accumulators' types"); // C3
  return success();
}

void InnerTileOp::getEffects(Effects &effects) {
  for (OpOperand &row : getRowsMutable())
    addMemRefEffect(effects, row, MemoryEffects::Read::get());
  addMemRefEffect(effects, getWeightsMutable(), MemoryEffects::Read::get());
}

//===----------------------------------------------------------------------===//
// Tile registers
//===----------------------------------------------------------------------===//

LogicalResult MatrixTileOp::verify() {
  auto rows = cast<MemRefType>(getRows().getType());
  auto weights = cast<MemRefType>(getWeights().getType());
  auto sums = cast<MemRefType>(getSums().getType());
  Type element = rows.getElementType();
  bool integers = getIntrinsic() == Intrinsic::tdpbusd && element.isInteger(8);
  bool floats = getIntrinsic() == Intrinsic::tdpbf16ps && element.isBF16();
  if ((!integers && !floats) || weights.getElementType() != element ||
      !(integers ? sums.getElementType().isInteger(32)
                 : sums.getElementType().isF32()))
    return emitOpError("expected operands that ")
           << stringifyIntrinsic(getIntrinsic()) << " multiplies, but got "
           << rows << ", " << weights << " and sums " << sums; // C5
  if (rows.getRank() != 4 || !rows.hasStaticShape() ||
      llvm::is_contained(rows.getShape(), 0) ||
      rows.getDimSize(1) > kTileRows || !rows.isLastDimUnitStride() ||
      llvm::is_contained(rows.getStridesAndOffset().first,
                         ShapedType::kDynamic))
    return emitOpError("expected rows TxRxSxK with R up to ")
           << kTileRows << ", known strides and contiguous K, but got "
           << rows; // C1
  int64_t kv = 32 / element.getIntOrFloatBitWidth();
  ArrayRef<int64_t> shape = rows.getShape();
  if (weights.getRank() != 5 ||
      llvm::any_of(weights.getShape().drop_front(), ShapedType::isDynamic) ||
      weights.getDimSize(3) != kPanelWidth || weights.getDimSize(4) != kv ||
      weights.getDimSize(1) * weights.getDimSize(2) * kv !=
          shape[2] * shape[3] ||
      shape[3] % kv != 0)
    return emitOpError("expected packed weights of ")
           << shape[2] * shape[3] << " values per lane and kv = " << kv
           << ", but got " << weights; // C2
  if (sums.getRank() != 2 || !sums.hasStaticShape() ||
      sums.getDimSize(0) != shape[0] * shape[1] ||
      sums.getDimSize(1) % kPanelWidth != 0 || !sums.isLastDimUnitStride() ||
      ShapedType::isDynamic(sums.getStridesAndOffset().first[0]))
    return emitOpError("expected sums of ")
           << shape[0] * shape[1] << " rows and panels of " << kPanelWidth
           << " contiguous columns, but got " << sums; // C3
  int64_t panels = sums.getDimSize(1) / kPanelWidth;
  if (panels < 1 || shape[0] * panels > kMaxSumTiles)
    return emitOpError("expected one to ")
           << kMaxSumTiles << " registers of sums, but got " << shape[0]
           << " by " << panels; // C4
  return success();
}

void MatrixTileOp::getEffects(Effects &effects) {
  addMemRefEffect(effects, getRowsMutable(), MemoryEffects::Read::get());
  addMemRefEffect(effects, getWeightsMutable(), MemoryEffects::Read::get());
  addMemRefEffect(effects, getSumsMutable(), MemoryEffects::Write::get());
}

LogicalResult ConfigureTilesOp::verify() {
  auto rows = static_cast<int64_t>(getRows());
  auto blocks = static_cast<int64_t>(getBlocks());
  if (rows < 1 || rows > kTileRows || blocks < 1)
    return emitOpError("expected 1 to ")
           << kTileRows << " rows and at least one k block, but got " << rows
           << " and " << blocks; // C1
  return success();
}

//===----------------------------------------------------------------------===//
// DequantizeOp and ExpandOp
//===----------------------------------------------------------------------===//

LogicalResult DequantizeOp::verify() {
  auto values = cast<RankedTensorType>(getValues().getType());
  auto result = cast<RankedTensorType>(getResult().getType());
  int64_t axis = getAxis(), block = getBlock(), bits = getBits();
  if (!values.getElementType().isInteger(8) ||
      !result.getElementType().isF32() ||
      values.getShape() != result.getShape() || (bits != 8 && bits != 4)) // C1
    return emitOpError("expected i8 values of 8 or 4 bits and an f32 result of "
                       "their shape, but got ")
           << values << " of " << bits << " bits and " << result;
  if (axis < 0 || axis >= values.getRank() || block < 2 || block % 2 != 0) // C2
    return emitOpError("expected an axis below ")
           << values.getRank()
           << " and a block of a positive multiple of 2, but got " << axis
           << " and " << block;
  int64_t channels = values.getDimSize(axis);
  int64_t depth = channels ? values.getNumElements() / channels : 0;
  SmallVector<int64_t> shape = {channels, llvm::divideCeilSigned(depth, block)};
  auto fits = [&](Value value, Type element) {
    return !value || value.getType() == RankedTensorType::get(shape, element);
  };
  if (!fits(getScales(), BFloat16Type::get(getContext())) ||
      !fits(getZeroPoints(), IntegerType::get(getContext(), 8))) // C3
    return emitOpError("expected bf16 scales and i8 zero points of shape ")
           << shape[0] << "x" << shape[1];
  if (Value table = getTable();
      table && (table.getType() !=
                    RankedTensorType::get(16, Float32Type::get(getContext())) ||
                bits != 4 || getZeroPoints())) // C4
    return emitOpError("expected a table of 16 f32 elements only with 4 bits "
                       "and without zero points, but got ")
           << table.getType();
  return success();
}

LogicalResult ExpandOp::verify() {
  auto stream = cast<ShapedType>(getStream().getType());
  auto out = cast<ShapedType>(getOut().getType());
  bool onTensors = isa<RankedTensorType>(out);
  if (isa<RankedTensorType>(stream) != onTensors ||
      getNumResults() != (onTensors ? 1u : 0u) ||
      (onTensors && getResult(0).getType() != out))
    return emitOpError("expected tensors and one result of the type of 'out', "
                       "or memrefs"); // C1
  BlocksAttr blocks = getBlocks();
  if (blocks.getFragments())
    return emitOpError("expected weights in blocks that are not in "
                       "'fragments', as mma alone reads them"); // C2
  if (!isStream(stream, blocks))
    return emitOpError("expected panels of ")
           << blocks.getPanelBytes() << " bytes, but got " << stream; // C2
  if (out.getRank() != 5 || !out.hasStaticShape() ||
      !out.getElementType().isF32() ||
      out.getDimSize(0) != stream.getDimSize(0) ||
      out.getDimSize(1) * out.getDimSize(2) != blocks.getDepth() ||
      out.getDimSize(3) != kPanelWidth || out.getDimSize(4) != 1)
    return emitOpError("expected packed f32 weights of ")
           << stream.getDimSize(0) << " panels and " << blocks.getDepth()
           << " weights per lane, but got " << out; // C3
  return success();
}

LogicalResult PackOp::verify() {
  auto source = cast<ShapedType>(getSource().getType());
  auto out = cast<ShapedType>(getOut().getType());
  bool onTensors = isa<RankedTensorType>(out);
  if (isa<RankedTensorType>(source) != onTensors ||
      getNumResults() != (onTensors ? 1u : 0u) ||
      (onTensors && getResult(0).getType() != out))
    return emitOpError("expected tensors and one result of the type of 'out', "
                       "or memrefs"); // C1
  int64_t rank = source.getRank();
  if (rank < 2 || source.isDynamicDim(rank - 1) ||
      source.isDynamicDim(rank - 2) ||
      source.getElementType() != out.getElementType())
    return emitOpError("expected a source of rank 2 or more with static last "
                       "dimensions and the element type of 'out', but got ")
           << source << " and " << out; // C2
  int64_t n = source.getDimSize(rank - (getTransposed() ? 1 : 2)),
          k = source.getDimSize(rank - (getTransposed() ? 2 : 1)),
          panels = llvm::divideCeilSigned(n, kPanelWidth);
  for (int64_t size : source.getShape().drop_back(2))
    panels = ShapedType::isDynamic(size) || ShapedType::isDynamic(panels)
                 ? ShapedType::kDynamic
                 : panels * size;
  if (out.getRank() != 5 || out.getDimSize(0) != panels ||
      out.getDimSize(1) != 1 || out.getDimSize(3) != kPanelWidth ||
      out.isDynamicDim(4) || out.getDimSize(4) < 1 ||
      out.getDimSize(2) != llvm::divideCeilSigned(k, out.getDimSize(4)))
    return emitOpError("expected the panels of ")
           << source << ", but got " << out; // C3
  return success();
}

void PackOp::getEffects(Effects &effects) {
  addMemRefEffect(effects, getSourceMutable(), MemoryEffects::Read::get());
  addMemRefEffect(effects, getOutMutable(), MemoryEffects::Write::get());
}

void ExpandOp::getEffects(Effects &effects) {
  addMemRefEffect(effects, getStreamMutable(), MemoryEffects::Read::get());
  addMemRefEffect(effects, getOutMutable(), MemoryEffects::Write::get());
}
