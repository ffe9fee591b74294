//===- SelectTiling.cpp - register tiles from shapes and target -----------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpc/Codegen/ContractionInfo.h"
#include "mlir/Dialect/DLTI/DLTI.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/Remarks.h"
#include "mpc/Codegen/Passes.h"
#include "mpc/Codegen/TargetDescription.h"
#include "mpc/Dialect/Kernel/KernelDialect.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"

namespace mpc {
#define GEN_PASS_DEF_SELECTTILING
#include "mpc/Codegen/Passes.h.inc"
} // namespace mpc

using namespace mlir;
using namespace mpc;
using namespace mpc::kernel;

/// Rows of a tile are base pointers in general registers; more than this many
/// spill and cost a reload per step.
static constexpr int64_t kMaxRows = 12;

/// Below this many k blocks per tap the cost of moving from tap to tap exceeds
/// that of copying the rows of a tile into one buffer.
static constexpr int64_t kMinBlocksPerTap = 8;

/// The buffer of gathered rows stands on the stack of a thread.
static constexpr int64_t kGatherBytes = 64 * 1024;

/// Weights in blocks are dequantized by each tile of rows that reads them; with
/// more than this many tiles it is cheaper to do so once, before.
static constexpr int64_t kMaxDequantizingTiles = 2;

/// How much cheaper a planar convolution should look, for its cost is estimated
/// roughly.
static constexpr double kPlanarMargin = 1.2;

/// Depthwise convolution by dot products: pixels of a tile, vectors of weights,
/// and pixels that a row of the window may reach over; where it reaches
/// outside of the input, every pixel is code of its own.
static constexpr int64_t kDotPixels = 4;
static constexpr int64_t kMaxDotWeights = 14;
static constexpr int64_t kMaxReach = 8;

/// Most rows that a tile of `panels` panels can have.
static int64_t getMaxRows(Intrinsic intrinsic, int64_t panels,
                          const TargetDescription &target) {
  // Vectors of one accumulated panel; pmaddwd keeps two partial sums per lane.
  int64_t perPanel = kPanelWidth * 32 / target.vectorBits;
  if (intrinsic == Intrinsic::pmaddwd) {
    // Each row also holds its widened input; one register for the weights.
    int64_t perRow = 2 * perPanel * panels + 1;
    return std::min((target.vectorRegisters - 1) / perRow, kMaxRows);
  }
  // The step's weights, and two registers for inputs in flight.
  int64_t rest = target.vectorRegisters - 2 - perPanel * panels;
  return std::min(rest / (perPanel * panels), kMaxRows);
}

static int64_t getMaxPanels(Intrinsic intrinsic,
                            const TargetDescription &target) {
  if (target.vectorBits == 512)
    return intrinsic == Intrinsic::pmaddwd ? 2 : 4;
  return 1;
}

/// The tile height up to `most` that covers `total` rows with the least work;
/// a tile costs its rows and about half a row for the loads of weights.
static int64_t chooseRows(int64_t most, int64_t total) {
  most = std::max<int64_t>(1, std::min(most, total));
  int64_t best = most;
  auto cost = [&](int64_t rows) {
    return llvm::divideCeilSigned(total, rows) * (2 * rows + 1);
  };
  for (int64_t rows = most - 1; rows > most / 2; --rows)
    if (cost(rows) < cost(best))
      best = rows;
  return best;
}

/// Whether `op` reads an input that is padded with zeros.
static bool readsZeroPadding(linalg::LinalgOp op) {
  auto pad = op.getDpsInputOperand(0)->get().getDefiningOp<tensor::PadOp>();
  Value value = pad ? pad.getConstantPaddingValue() : Value();
  return value && (matchPattern(value, m_Zero()) ||
                   matchPattern(value, m_AnyZeroFloat()));
}

/// Makes a tile of `rows` by `panels` one that divides short rows of output
/// pixels, if it stays about as large: kernels leave out what its first and
/// last pixel read of the padding.
static void alignToEdges(linalg::LinalgOp op, const ContractionInfo &info,
                         Intrinsic intrinsic, const TargetDescription &target,
                         int64_t &rows, int64_t &panels) {
  auto out = cast<ShapedType>(op.getDpsInits()[0].getType());
  if (info.getNumTaps() == 1 || !readsZeroPadding(op) ||
      out.getDimSize(2) * info.sizes[1] > kMaxEdgeTaps)
    return;
  int64_t all = llvm::divideCeilSigned(info.channels, kPanelWidth);
  int64_t least = 3 * rows * panels / 4;
  for (int64_t most = getMaxPanels(intrinsic, target); most > 0; --most) {
    int64_t p = llvm::divideCeilSigned(all, llvm::divideCeilSigned(all, most));
    int64_t r = std::min(getMaxRows(intrinsic, p, target), out.getDimSize(2));
    while (out.getDimSize(2) % r != 0)
      --r;
    if (r > 1 && r * p > least) {
      least = r * p;
      rows = r;
      panels = p;
    }
  }
}

static int64_t getInputBits(linalg::LinalgOp op) {
  return getElementTypeOrSelf(op.getDpsInputOperand(0)->get().getType())
      .getIntOrFloatBitWidth();
}

/// Whether dot products over the taps of a window's columns pay: a column has
/// more than one, and not too many weights stay in registers.
static bool isDotDepthwise(const ContractionInfo &info) {
  int64_t weights = llvm::divideCeilSigned(info.sizes[0], 4) * info.sizes[1];
  return info.sizes[0] > 1 && weights <= kMaxDotWeights &&
         (info.sizes[1] - 1) * info.dilations[1] <= kMaxReach;
}

/// Registers for accumulators of lanes that are pixels; the rest is for pixels
/// and a weight.
static int64_t getPlanarAccumulators(const TargetDescription &target) {
  return target.vectorRegisters - 4;
}

/// The tile of a convolution whose lanes are pixels, where that computes less:
/// with few output channels most lanes of a panel are for nothing. Costs are in
/// vector instructions per vector of output pixels.
static TilingAttr selectPlanarTiling(linalg::LinalgOp op,
                                     const ContractionInfo &info,
                                     const TargetDescription &target) {
  // Every phase of the stride is code of its own.
  if (info.kind != ContractionInfo::Kind::convolution || info.integer ||
      info.strides[1] > 4 ||
      op.getDpsInputOperand(1)->get().getDefiningOp<DequantizeOp>())
    return {};
  auto out = cast<ShapedType>(op.getDpsInits()[0].getType());
  int64_t width = out.getDimSize(2), lanes = target.vectorBits / 32;
  int64_t inParts = llvm::divideCeilSigned(info.channels,
                                           getPlanarAccumulators(target));
  int64_t vectors =
      getPlanarAccumulators(target) /
      llvm::divideCeilSigned(info.channels, inParts);
  vectors = std::min({vectors, int64_t(info.channels == 1 ? 8 : 4),
                      llvm::divideCeilSigned(width, lanes)});
  int64_t tile = std::max<int64_t>(vectors, 1) * lanes;
  // The rows that one tile reads have to fit into the copy.
  int64_t reach = (info.sizes[1] - 1) * info.dilations[1] / info.strides[1];
  int64_t planes = ((info.sizes[0] - 1) * info.dilations[0] + 1) * info.depth *
                   info.strides[1];
  while (tile > lanes && planes * (tile + reach) > kPlaneElements)
    tile -= lanes;
  if (planes * (tile + reach) > kPlaneElements)
    return {};
  double sums = info.getNumTaps() * info.depth;
  double perElement = info.depth < lanes ? 1.5 : 0.6;
  double copy = perElement * info.depth * lanes * info.strides[1];
  double waste =
      static_cast<double>(llvm::alignTo(width, tile)) / width;
  double planar = waste * (info.channels * (sums + 2 * lanes) + copy);
  double panels = static_cast<double>(llvm::alignTo(info.channels, kPanelWidth)) * sums;
  if (planar * kPlanarMargin >= panels)
    return {};
  return TilingAttr::get(op->getContext(), Intrinsic::fma, tile, info.channels,
                         /*kv=*/1, /*gather=*/false, /*expand=*/false,
                         /*planar=*/true);
}

static TilingAttr selectTiling(linalg::LinalgOp op, const ContractionInfo &info,
                               const TargetDescription &target) {
  MLIRContext *context = op->getContext();
  if (info.kind == ContractionInfo::Kind::depthwise && info.unsignedInput &&
      target.vnni && isDotDepthwise(info))
    return TilingAttr::get(context, Intrinsic::vpdpbusd, kDotPixels,
                           kPanelWidth, /*kv=*/4, false, false, false);
  if (info.kind == ContractionInfo::Kind::depthwise)
    return TilingAttr::get(context,
                           info.integer ? Intrinsic::muladd : Intrinsic::fma,
                           /*rows=*/1, kPanelWidth, /*kv=*/1, false, false, false);
  if (TilingAttr planar = selectPlanarTiling(op, info, target))
    return planar;
  Intrinsic intrinsic = Intrinsic::fma;
  if (info.integer)
    intrinsic = target.vnni && info.unsignedInput ? Intrinsic::vpdpbusd
                                                  : Intrinsic::pmaddwd;
  int64_t kv = info.integer ? 4 : 1;
  bool gather = info.depth % kv != 0 ||
                (info.getNumTaps() > 1 && info.depth / kv < kMinBlocksPerTap);

  int64_t panels = llvm::divideCeilSigned(info.channels, kPanelWidth);
  int64_t mostPanels = getMaxPanels(intrinsic, target);
  int64_t total = info.getRowsPerSample(op);
  int64_t groups = llvm::divideCeilSigned(panels, mostPanels);
  panels = llvm::divideCeilSigned(panels, groups);
  int64_t mostRows = getMaxRows(intrinsic, panels, target);
  if (gather)
    mostRows = std::max<int64_t>(
        1, std::min(mostRows,
                    kGatherBytes * 8 /
                        (info.depth * info.getNumTaps() * getInputBits(op))));
  int64_t rows = chooseRows(mostRows, total);
  if (!gather)
    alignToEdges(op, info, intrinsic, target, rows, panels);
  bool expand =
      op.getDpsInputOperand(1)->get().getDefiningOp<DequantizeOp>() &&
      ((info.getNumTaps() > 1 && !gather) ||
       llvm::divideCeilSigned(total, rows) > kMaxDequantizingTiles);
  return TilingAttr::get(context, intrinsic, rows, panels * kPanelWidth, kv,
                         gather, expand, /*planar=*/false);
}

namespace {

struct SelectTilingPass : public mpc::impl::SelectTilingBase<SelectTilingPass> {
  void runOnOperation() override {
    FailureOr<TargetDescription> target =
        TargetDescription::read(getOperation());
    if (failed(target))
      return signalPassFailure();
    getOperation().walk([&](linalg::LinalgOp op) {
      if (op->hasAttr(kTilingAttrName) || !op.hasPureTensorSemantics())
        return;
      FailureOr<ContractionInfo> info = ContractionInfo::match(op);
      if (failed(info) || !startsAtZero(op))
        return;
      TilingAttr tiling = selectTiling(op, *info, *target);
      op->setAttr(kTilingAttrName, tiling);
      remark::passed(op.getLoc(),
                     remark::RemarkOpts::name("Tiling").category(getArgument()))
          << llvm::formatv("tile of {0} rows by {1} columns with {2}{3}{4}",
                           tiling.getRows(), tiling.getColumns(),
                           stringifyIntrinsic(tiling.getIntrinsic()),
                           tiling.getGather() ? ", rows gathered" : "",
                           tiling.getPlanar() ? ", lanes are pixels" : "")
                 .str();
    });
  }
};

} // namespace
