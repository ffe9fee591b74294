//===- SelectGPUTiling.cpp - tiles of contractions on GPUs ----------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "GPUTiling.h"
#include "Launch.h"
#include "mlir/IR/Remarks.h"
#include "mpc/Codegen/ContractionInfo.h"
#include "mpc/Codegen/Staging.h"
#include "mpc/Dialect/Kernel/KernelDialect.h"
#include "mpc/GPU/Passes.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"

namespace mpc {
#define GEN_PASS_DEF_SELECTGPUTILING
#include "mpc/GPU/Passes.h.inc"
} // namespace mpc

using namespace mlir;
using namespace mpc;
using namespace mpc::kernel;

/// Rows of mma.sync, and the least of a warp.
static constexpr int64_t kMinRows = 16;

/// Most rows and columns of a block: 128 accumulators of each thread.
static constexpr int64_t kMaxRows = 128, kMaxColumns = 128;

/// Outputs of a warp, at most, whose weights in blocks become numbers in
/// registers.
static constexpr int64_t kMaxSumsInBlocks = 64 * 32;

/// Warps of a block, where the tile is large enough.
static constexpr int64_t kWarps = 4;

/// Tiles of wgmma, and the rows of one instruction.
static constexpr std::pair<int64_t, int64_t> kGroupTiles[] = {
    {128, 256}, {128, 128}, {128, 64}, {64, 64}};
static constexpr int64_t kGroupRows = 64;

/// k blocks of 4 bytes that one mma.sync reads, and that a stage holds; bytes
/// of the latter.
static constexpr int64_t kMinDepth = 8, kDepth = 16, kRowBytes = 4 * kDepth;

/// More stages hide no more latency. wgmma still reads one of them while the
/// next is multiplied.
static constexpr int64_t kMaxStages = 4, kMinGroupStages = 3;

/// Of a ring that one thread fills, whose steps are short with small tiles.
static constexpr int64_t kMaxRing = 8;

/// Of wgmma: bytes of one operand's row that a stage holds, and the least that
/// a product is worth it for.
static constexpr int64_t kGroupBytes = 128, kMinBytes = 4 * kGroupBytes;

/// Rows up to which a product with weights in blocks takes the time of reading
/// these. Then columns of a block, for more of them read the input less often;
/// k blocks of a stage; blocks for each multiprocessor: what hides the latency
/// of memory is bytes that are under way, and weights of 4 bits are few.
static constexpr int64_t kStreamedRows = 32, kStreamedColumns = 64,
                         kStreamedDepth = 32, kStreamedBlocks = 4;

/// Slices of k, and the steps of each: sums of slices go through global memory
/// and a second kernel, which shorter ones would not make up for.
static constexpr int64_t kMaxSlices = 8, kMinSliceBytes = 512;

static Type getElementType(linalg::LinalgOp op, unsigned operand) {
  return getElementTypeOrSelf(op.getDpsInputOperand(operand)->get().getType());
}

/// Products that have weights of their own each, a dynamic batch counted once.
static int64_t getCopies(linalg::LinalgOp op, const ContractionInfo &info) {
  int64_t copies = 1;
  if (info.batched)
    for (int64_t size : cast<ShapedType>(op.getDpsInits()[0].getType())
                            .getShape()
                            .drop_back(2))
      if (!ShapedType::isDynamic(size))
        copies *= size;
  return copies;
}

/// Rows and columns of a block, and the blocks there are: the largest that
/// leave `busy` of them, for a large block reads each operand less often. But
/// `least` rows or columns.
static std::array<int64_t, 3> selectBlock(int64_t m, int64_t n, int64_t copies,
                                          int64_t busy, int64_t least) {
  auto fit = [](int64_t size, int64_t most) {
    return std::min<int64_t>(most,
                             llvm::PowerOf2Ceil(std::max(size, kMinRows)));
  };
  int64_t rows = fit(m, kMaxRows), columns = fit(n, kMaxColumns);
  auto countBlocks = [&] {
    return copies * llvm::divideCeilSigned(m, rows) *
           llvm::divideCeilSigned(n, columns);
  };
  while (countBlocks() < busy && std::max(rows, columns) > least)
    (rows >= columns ? rows : columns) /= 2;
  return {rows, columns, countBlocks()};
}

static int64_t selectSlices(int64_t blocks, int64_t busy, int64_t steps,
                            int64_t stageBytes) {
  return std::max<int64_t>(1, std::min({kMaxSlices, busy / blocks,
                                        steps * stageBytes / kMinSliceBytes}));
}

/// A contraction of operands that tensor cores multiply.
struct TensorCoreShape {
  int64_t rows, columns, copies;
  int64_t bytes; // of one row, all taps
  int64_t elementBytes;
  int64_t tapBytes; // of one row and tap
  int64_t window;   // the larger size
  bool hasDepth;    // of the window, which tensor maps of pictures lack
  int64_t bits;     // of weights in blocks, else 0
  /// One kernel with another product, which is mma.sync's.
  bool isOfAttention;

  bool isStreamed() const { return bits && rows <= kStreamedRows; }
  /// Of kDepth k blocks of a column of weights, with scales and zero points.
  int64_t getColumnBytes() const { return bits ? 4 * bits + 3 : kRowBytes; }
};

/// Whether weights in blocks can stand as mma.sync has them in registers:
/// scales are of whole steps, and what they scale is an integer.
static bool hasFragments(DequantizeOp op) {
  auto type = cast<RankedTensorType>(op.getResult().getType());
  int64_t depth = type.getNumElements() / type.getDimSize(op.getAxis());
  int64_t block = op.getBlock();
  return !op.getTable() && (block % kFragmentDepth == 0 || block >= depth);
}

static std::optional<TensorCoreShape>
matchTensorCores(linalg::LinalgOp op, const ContractionInfo &info) {
  if (info.kind == ContractionInfo::Kind::depthwise)
    return std::nullopt;
  auto blocks = op.getDpsInputOperand(1)->get().getDefiningOp<DequantizeOp>();
  Type input = getElementType(op, 0);
  bool isHalf = input.isF16() || input.isBF16();
  bool isBytes = info.integer && input.isInteger(8);
  if (!isBytes && !(isHalf && (blocks ? hasFragments(blocks)
                                      : input == getElementType(op, 1))))
    return std::nullopt;
  int64_t bits = blocks ? blocks.getBits() : 0;
  int64_t elementBytes = isBytes ? 1 : 2, tapBytes = info.depth * elementBytes;
  return TensorCoreShape{
      info.getRowsPerSample(op),      info.channels,   getCopies(op, info),
      info.getNumTaps() * tapBytes,   elementBytes,    tapBytes,
      *llvm::max_element(info.sizes), info.hasDepth(), bits,
      isOfAttention(op, info)};
}

static int64_t countTiles(const TensorCoreShape &shape, int64_t rows,
                          int64_t columns) {
  return shape.copies * llvm::divideCeilSigned(shape.rows, rows) *
         llvm::divideCeilSigned(shape.columns, columns);
}

static bool suitsWarpgroups(const TensorCoreShape &shape, const Chip &chip) {
  auto [rows, columns] = std::end(kGroupTiles)[-1];
  return chip.hasWarpgroups && !shape.bits && !shape.hasDepth &&
         !shape.isOfAttention && shape.tapBytes % 16 == 0 &&
         shape.bytes >= kMinBytes && shape.rows >= rows &&
         shape.columns >= columns &&
         2 * countTiles(shape, rows, columns) >= chip.multiprocessors;
}

bool mpc::suitsWarpgroups(linalg::LinalgOp op, const Chip &chip) {
  FailureOr<ContractionInfo> info = ContractionInfo::match(op);
  if (failed(info) || !startsAtZero(op))
    return false;
  std::optional<TensorCoreShape> shape = matchTensorCores(op, *info);
  return shape && ::suitsWarpgroups(*shape, chip);
}

/// Cycles of a multiprocessor for 32 bytes of k of a tile: those of its tensor
/// cores, which multiply 2048 pairs of halves, or twice as many bytes, in each,
/// or those of its shared memory, of 128 bytes each. Both operands are written
/// there once; each warpgroup reads its 64 rows and all columns.
static int64_t estimateCycles(int64_t rows, int64_t columns) {
  int64_t groups = rows / kGroupRows;
  int64_t touched = (rows + columns) + (rows + groups * columns);
  return std::max(rows * columns * 16 / 2048, touched * 32 / 128);
}

/// The tile that takes the least time, as far as that is known: multiprocessors
/// compute one after the other, and the last ones may leave some idle.
static std::pair<int64_t, int64_t> selectGroupTile(const TensorCoreShape &shape,
                                                   const Chip &chip) {
  auto estimate = [&](std::pair<int64_t, int64_t> tile) {
    auto [rows, columns] = tile;
    return llvm::divideCeilSigned(countTiles(shape, rows, columns),
                                  chip.multiprocessors) *
           estimateCycles(rows, columns);
  };
  return *llvm::min_element(kGroupTiles, [&](auto lhs, auto rhs) {
    return estimate(lhs) < estimate(rhs);
  });
}

/// A warpgroup for each 64 rows, and one block that stays on each
/// multiprocessor, with as many stages as fit next to their mbarriers. With
/// very large windows a block for each tile, and stages for two of a
/// multiprocessor or, where three of them are too much for that, for one.
static TilingAttr selectWarpgroups(MLIRContext *context,
                                   const TensorCoreShape &shape,
                                   const Chip &chip,
                                   std::optional<Staging> &staging) {
  auto [rows, columns] = selectGroupTile(shape, chip);
  staging.emplace();
  staging->warpRows = kGroupRows;
  staging->warpColumns = columns;
  staging->depth = kGroupBytes / 16;
  int64_t steps = llvm::divideCeilSigned(shape.bytes, kGroupBytes);
  staging->slices = selectSlices(countTiles(shape, rows, columns),
                                 chip.multiprocessors, steps, kGroupBytes);
  int64_t stageBytes = (rows + columns) * kGroupBytes;
  int64_t most = kMaxStages, stages = chip.sharedBytes / 2 / stageBytes;
  if (shape.window <= kMostWindowSize) {
    staging->resident = chip.multiprocessors;
    most = kMaxRing;
    stages = chip.sharedBytes / (stageBytes + 2 * kBarrierBytes);
  } else if (stages < kMinGroupStages) {
    stages = chip.sharedBytes / stageBytes;
  }
  staging->stages =
      std::min({most, stages, llvm::divideCeilSigned(steps, staging->slices)});
  return TilingAttr::get(context, Intrinsic::wgmma, rows, columns,
                         16 / shape.elementBytes, /*gather=*/false,
                         /*expand=*/false, /*planar=*/false);
}

/// Warps as square as possible, as many stages as fit, and slices of k where
/// `blocks` are few and k is long.
static Staging selectStaging(const TensorCoreShape &shape, int64_t rows,
                             int64_t columns, int64_t kBlocks, int64_t blocks,
                             const Chip &chip) {
  Staging staging;
  int64_t &warpRows = staging.warpRows = rows;
  int64_t &warpColumns = staging.warpColumns = columns;
  auto isLarge = [&] {
    return rows / warpRows * (columns / warpColumns) < kWarps ||
           (shape.bits && warpRows * warpColumns > kMaxSumsInBlocks);
  };
  while (isLarge() && std::max(warpRows, warpColumns) > kMinRows) {
    // The more rows a warp has, the fewer of them make numbers of a weight.
    bool isTall = shape.bits ? warpRows > warpColumns : warpRows >= warpColumns;
    (isTall ? warpRows : warpColumns) /= 2;
  }
  staging.depth = shape.isStreamed() && kBlocks > kDepth ? kStreamedDepth
                  : shape.bits || kBlocks > kMinDepth    ? kDepth
                                                         : kMinDepth;
  int64_t steps = llvm::divideCeilSigned(kBlocks, staging.depth);
  int64_t perMultiprocessor = shape.isStreamed() ? kStreamedBlocks : 1;
  staging.slices =
      selectSlices(blocks, perMultiprocessor * chip.multiprocessors, steps,
                   staging.depth * 4);
  // Memory for two blocks of a multiprocessor, at the least.
  int64_t bytes = std::max(
      kSharedBytes, chip.sharedBytes / std::max<int64_t>(2, perMultiprocessor));
  staging.stages =
      std::min({shape.isStreamed() ? kMaxRing : kMaxStages,
                llvm::divideCeilSigned(steps, staging.slices),
                bytes / ((rows * kRowBytes + columns * shape.getColumnBytes()) *
                         staging.depth / kDepth)});
  return staging;
}

static TilingAttr selectTiling(linalg::LinalgOp op, const ContractionInfo &info,
                               std::optional<Staging> &staging) {
  MLIRContext *context = op->getContext();
  auto perElement = [&](bool expand) {
    bool isInteger = info.integer;
    Intrinsic intrinsic = isInteger ? Intrinsic::muladd : Intrinsic::fma;
    return TilingAttr::get(context, intrinsic, /*rows=*/1, kPanelWidth,
                           /*kv=*/1, /*gather=*/false, expand,
                           /*planar=*/false);
  };
  std::optional<TensorCoreShape> shape = matchTensorCores(op, info);
  bool isExpanded =
      info.kind != ContractionInfo::Kind::depthwise &&
      op.getDpsInputOperand(1)->get().getDefiningOp<DequantizeOp>();
  if (!shape)
    return perElement(isExpanded);
  Chip chip = getChipOf(op);
  if (suitsWarpgroups(*shape, chip))
    return selectWarpgroups(context, *shape, chip, staging);
  int64_t kv = 4 / shape->elementBytes;
  bool gather = info.depth % kv != 0;
  int64_t taps = info.getNumTaps();
  int64_t kBlocks = gather ? llvm::divideCeilSigned(taps * info.depth, kv)
                           : taps * (info.depth / kv);
  auto [rows, columns, blocks] = selectBlock(
      shape->rows, shape->columns, shape->copies, chip.multiprocessors,
      shape->isStreamed() ? kStreamedColumns : 2 * kMinRows);
  staging = selectStaging(*shape, rows, columns, kBlocks, blocks, chip);
  return TilingAttr::get(context, Intrinsic::mma, rows, columns, kv, gather,
                         /*expand=*/false, /*planar=*/false);
}

static std::string describe(std::optional<Staging> staging) {
  if (!staging)
    return "";
  return llvm::formatv(", {0} slices of k, {1} stages of {2} k blocks, warps "
                       "of {3} by {4}",
                       staging->slices, staging->stages, staging->depth,
                       staging->warpRows, staging->warpColumns)
             .str() +
         (staging->resident
              ? llvm::formatv(", {0} blocks that stay", staging->resident).str()
              : "");
}

namespace {

struct SelectGPUTilingPass
    : public mpc::impl::SelectGPUTilingBase<SelectGPUTilingPass> {
  void runOnOperation() override {
    getOperation().walk([&](linalg::LinalgOp op) {
      if (op->hasAttr(kTilingAttrName) || !op.hasPureTensorSemantics())
        return;
      FailureOr<ContractionInfo> info = ContractionInfo::match(op);
      if (failed(info) || !startsAtZero(op))
        return;
      std::optional<Staging> staging;
      TilingAttr tiling = selectTiling(op, *info, staging);
      op->setAttr(kTilingAttrName, tiling);
      if (staging)
        op->setAttr(kStagingAttrName, staging->toAttribute(Builder(op)));
      remark::passed(op.getLoc(),
                     remark::RemarkOpts::name("Tiling").category(getArgument()))
          << llvm::formatv("block of {0} rows by {1} columns with {2}{3}{4}",
                           tiling.getRows(), tiling.getColumns(),
                           stringifyIntrinsic(tiling.getIntrinsic()),
                           tiling.getGather() ? ", rows gathered" : "",
                           describe(staging))
                 .str();
      if (tiling.getExpand())
        remark::missed(op.getLoc(), remark::RemarkOpts::name("Tiling").category(
                                        getArgument()))
            << "tensor cores multiply weights in blocks by f16 or bf16 "
               "(--activation-type), where a weight is (q - z) * s";
    });
  }
};

} // namespace
