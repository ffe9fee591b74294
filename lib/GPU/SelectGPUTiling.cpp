//===- SelectGPUTiling.cpp - tiles of contractions on GPUs ----------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Launch.h"
#include "mpc/Codegen/ContractionInfo.h"
#include "mpc/Codegen/Staging.h"
#include "mlir/IR/Remarks.h"
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

/// Warps of a block, where the tile is large enough.
static constexpr int64_t kWarps = 4;

/// Blocks that keep a GPU busy: about as many as A100 and H100 have
/// multiprocessors. Tiles become smaller where there would be fewer.
static constexpr int64_t kBusyBlocks = 128;

/// k blocks of 4 bytes that one mma.sync reads, and that a stage holds.
static constexpr int64_t kMinDepth = 8, kDepth = 16;

/// More stages hide no more latency.
static constexpr int64_t kMaxStages = 4;

/// Slices of k, and the steps of each: sums of slices go through global memory
/// and a second kernel, which shorter ones would not make up for.
static constexpr int64_t kMaxSlices = 8, kMinSteps = 8;

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

/// Rows and columns of a block, and the blocks there are: the largest that leave
/// enough of them, for a large block reads each operand less often.
static std::array<int64_t, 3> selectBlock(int64_t m, int64_t n,
                                          int64_t copies) {
  auto fit = [](int64_t size, int64_t most) {
    return std::min<int64_t>(most, llvm::PowerOf2Ceil(std::max(size, kMinRows)));
  };
  int64_t rows = fit(m, kMaxRows), columns = fit(n, kMaxColumns);
  auto countBlocks = [&] {
    return copies * llvm::divideCeilSigned(m, rows) *
           llvm::divideCeilSigned(n, columns);
  };
  while (countBlocks() < kBusyBlocks && std::max(rows, columns) > 2 * kMinRows)
    (rows >= columns ? rows : columns) /= 2;
  return {rows, columns, countBlocks()};
}

/// Warps as square as possible, as many stages as fit, and slices of k where
/// `blocks` are few and k is long.
static Staging selectStaging(int64_t rows, int64_t columns, int64_t kBlocks,
                             int64_t blocks) {
  Staging staging;
  int64_t &warpRows = staging.warpRows = rows;
  int64_t &warpColumns = staging.warpColumns = columns;
  while (rows / warpRows * (columns / warpColumns) < kWarps &&
         std::max(warpRows, warpColumns) > kMinRows)
    (warpRows >= warpColumns ? warpRows : warpColumns) /= 2;
  staging.depth = kBlocks > kMinDepth ? kDepth : kMinDepth;
  int64_t steps = llvm::divideCeilSigned(kBlocks, staging.depth);
  staging.slices = std::max<int64_t>(
      1, std::min({kMaxSlices, kBusyBlocks / blocks, steps / kMinSteps}));
  staging.stages =
      std::min({kMaxStages, llvm::divideCeilSigned(steps, staging.slices),
                kSharedBytes / ((rows + columns) * staging.depth * 4)});
  return staging;
}

static TilingAttr selectTiling(linalg::LinalgOp op,
                               const ContractionInfo &info,
                               std::optional<Staging> &staging) {
  MLIRContext *context = op->getContext();
  auto perElement = [&](bool expand) {
    bool isInteger = info.integer;
    Intrinsic intrinsic = isInteger ? Intrinsic::muladd : Intrinsic::fma;
    return TilingAttr::get(context, intrinsic, /*rows=*/1, kPanelWidth,
                           /*kv=*/1, /*gather=*/false, expand,
                           /*planar=*/false);
  };
  if (info.kind == ContractionInfo::Kind::depthwise)
    return perElement(/*expand=*/false);
  if (op.getDpsInputOperand(1)->get().getDefiningOp<DequantizeOp>())
    return perElement(/*expand=*/true);
  Type input = getElementType(op, 0);
  bool isHalf = input.isF16() || input.isBF16();
  if (!info.integer && !(isHalf && input == getElementType(op, 1)))
    return perElement(/*expand=*/false);
  int64_t kv = info.integer ? 4 : 2;
  bool gather = info.depth % kv != 0;
  int64_t taps = info.getNumTaps();
  int64_t kBlocks = gather ? llvm::divideCeilSigned(taps * info.depth, kv)
                           : taps * (info.depth / kv);
  auto [rows, columns, blocks] =
      selectBlock(info.getRowsPerSample(op), info.channels, getCopies(op, info));
  staging = selectStaging(rows, columns, kBlocks, blocks);
  return TilingAttr::get(context, Intrinsic::mma, rows, columns, kv, gather,
                         /*expand=*/false, /*planar=*/false);
}

static std::string describe(std::optional<Staging> staging) {
  if (!staging)
    return "";
  return llvm::formatv(
      ", {0} slices of k, {1} stages of {2} k blocks, warps of {3} by {4}",
      staging->slices, staging->stages, staging->depth, staging->warpRows,
      staging->warpColumns);
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
    });
  }
};

} // namespace
