//===- SelectGPUTiling.cpp - tiles of contractions on GPUs ----------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpc/Codegen/ContractionInfo.h"
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

/// Rows of a warp's tile: those of mma.sync.
static constexpr int64_t kWarpRows = 16;

/// Most rows and columns of a block: four warps, and 32 accumulators of each
/// thread.
static constexpr int64_t kMaxRows = 64, kMaxColumns = 64;

static Type getElementType(linalg::LinalgOp op, unsigned operand) {
  return getElementTypeOrSelf(op.getDpsInputOperand(operand)->get().getType());
}

static TilingAttr selectTiling(linalg::LinalgOp op,
                               const ContractionInfo &info) {
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
  bool isBytes = info.integer && input.isInteger(8);
  if (!isBytes && !(isHalf && input == getElementType(op, 1)))
    return perElement(/*expand=*/false);
  int64_t kv = isBytes ? 4 : 2;
  int64_t rows =
      std::min(kMaxRows, static_cast<int64_t>(llvm::alignTo(
                             info.getRowsPerSample(op), kWarpRows)));
  int64_t columns = std::min(
      kMaxColumns,
      static_cast<int64_t>(llvm::alignTo(info.channels, kPanelWidth)));
  return TilingAttr::get(context, Intrinsic::mma, rows, columns, kv,
                         /*gather=*/info.depth % kv != 0, /*expand=*/false,
                         /*planar=*/false);
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
      TilingAttr tiling = selectTiling(op, *info);
      op->setAttr(kTilingAttrName, tiling);
      remark::passed(op.getLoc(),
                     remark::RemarkOpts::name("Tiling").category(getArgument()))
          << llvm::formatv("block of {0} rows by {1} columns with {2}{3}",
                           tiling.getRows(), tiling.getColumns(),
                           stringifyIntrinsic(tiling.getIntrinsic()),
                           tiling.getGather() ? ", rows gathered" : "")
                 .str();
    });
  }
};

} // namespace
