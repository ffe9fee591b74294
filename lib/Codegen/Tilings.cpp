//===- Tilings.cpp - ways to tile a contraction ---------------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Register tiles from shapes and target: what they may be, and what each is
// estimated to cost.
//
//===----------------------------------------------------------------------===//

#include "mpc/Codegen/Tilings.h"
#include "PlanarWindow.h"
#include "TileRegisterTiling.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/xxhash.h"

using namespace mlir;
using namespace mpc;
using namespace mpc::kernel;

/// Rows of a tile are base pointers in general registers; more than this many
/// spill and cost a reload per step.
static constexpr int64_t kMaxRows = 12;

/// Below this many k blocks per tap the cost of moving from tap to tap exceeds
/// that of copying the rows of a tile into one buffer.
static constexpr int64_t kMinBlocksPerTap = 8;

/// The same for multiply-adds of f32 at full rate, which do not hide as much of
/// it: below this many, counted over the panels of a tile, per row and tap, if
/// some tiles are inside of a row of output pixels and read in place, by one
/// pointer. Where nearly all are, it pays always. Measured.
static constexpr int64_t kMinProductsPerTap = 40, kMinTilesPerRow = 2,
                         kManyTilesPerRow = 16;

/// Weights in blocks are dequantized by each tile of rows that reads them, with
/// so many instructions per vector; with more than this many tiles it is
/// cheaper to do so once, before.
static constexpr double kDequantizing = 3;
static constexpr int64_t kMaxDequantizingTiles = 2;

/// The same for tiles of interleaved rows, which have more of them.
static constexpr int64_t kMaxInterleavedTiles = 16;

/// How much cheaper a planar convolution should look, for its cost is estimated
/// roughly.
static constexpr double kPlanarMargin = 1.1;

/// Vector instructions in whose time multiply-adds at full rate go from one tap
/// of a row to the next, and in whose time its taps are gathered, at least.
/// Measured.
static constexpr double kTapInstructions = 3.5, kGatherInstructions = 5;

/// What minimal filtering costs besides its products, in multiplications that
/// a direct convolution does in the time, where vectors have 512 bits: the
/// transforms of a block's 36 numbers of an input channel, those of an output
/// channel, and fetching a weight. Measured. It must pay by so much.
static constexpr double kInputTransform = 400, kOutputTransform = 300,
                        kWeightCost = 8, kWinogradGain = 1.3;

/// Multiplications that are under way at a time: of each unit as many as it
/// takes cycles.
static constexpr int64_t kLatency = 8;

/// Cycles that the next tile waits for each store of 512 bits beyond the first
/// few (KernelRationale.md): on Zen 4, and with multiply-adds at full rate.
static constexpr double kBurst = 2.7, kFullRateBurst = 0.5;

/// Cycles in which a vector of 512 bits of weights arrives that the
/// second-level cache does not hold. Measured.
static constexpr double kStreamCycles = 6;

/// Depthwise convolution by dot products: weights of a channel, by four, and
/// pixels that a row of the window may reach over, whose sums are under way at
/// a time.
static constexpr int64_t kMaxDotWeights = 14;
static constexpr int64_t kMaxReach = 8;

/// Vectors that a tile of `panels` panels accumulates for each row.
static int64_t getVectorsPerRow(Intrinsic intrinsic, int64_t panels,
                                const TargetDescription &target) {
  int64_t perPanel = kPanelWidth * 32 / target.vectorBits;
  // pmaddwd keeps two partial sums per lane.
  return (intrinsic == Intrinsic::pmaddwd ? 2 : 1) * perPanel * panels;
}

/// Most rows that a tile of `panels` panels can have.
static int64_t getMaxRows(Intrinsic intrinsic, int64_t kv, int64_t panels,
                          const TargetDescription &target) {
  int64_t perRow = getVectorsPerRow(intrinsic, panels, target);
  // Each row also holds its widened input; one register for the weights.
  if (intrinsic == Intrinsic::pmaddwd)
    return std::min((target.vectorRegisters - 1) / (perRow + 1), kMaxRows);
  // The step's weights, and two registers for inputs in flight; of pairs both
  // halves, and a mask.
  int64_t weights = perRow;
  if (intrinsic == Intrinsic::fma && kv == 2)
    weights += weights + 1;
  int64_t rest = target.vectorRegisters - 2 - weights;
  return std::min(rest / perRow, kMaxRows);
}

static int64_t getMaxPanels(Intrinsic intrinsic,
                            const TargetDescription &target) {
  if (target.vectorBits == 512)
    return intrinsic == Intrinsic::pmaddwd ? 2 : 4;
  return 1;
}

/// Whether `op` reads an input that is padded with zeros.
static bool readsZeroPadding(linalg::LinalgOp op) {
  auto pad = op.getDpsInputOperand(0)->get().getDefiningOp<tensor::PadOp>();
  Value value = pad ? pad.getConstantPaddingValue() : Value();
  return value && (matchPattern(value, m_Zero()) ||
                   matchPattern(value, m_AnyZeroFloat()));
}

/// The type of the input of `op`, without padding.
static ShapedType getUnpadded(linalg::LinalgOp op) {
  Value input = op.getDpsInputOperand(0)->get();
  if (auto pad = input.getDefiningOp<tensor::PadOp>())
    input = pad.getSource();
  return cast<ShapedType>(input.getType());
}

static int64_t getInputBits(linalg::LinalgOp op) {
  return getElementTypeOrSelf(op.getDpsInputOperand(0)->get().getType())
      .getIntOrFloatBitWidth();
}

/// Whether dot products over the taps of a window's columns pay: a column has
/// more than one, and the code of a pixel is not too long.
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

/// The tile of a convolution whose lanes are pixels, if there may be one. Sets
/// the cost of a vector of output pixels, in vector instructions.
static TilingAttr getPlanarTiling(linalg::LinalgOp op,
                                  const ContractionInfo &info,
                                  const TargetDescription &target,
                                  double &cost) {
  // Bytes are summed by dot products of four channels.
  int64_t kv = info.integer ? 4 : 1;
  bool isDot = info.unsignedInput && target.vnni && info.depth % kv == 0;
  // Every phase of the stride is code of its own.
  if (info.kind != ContractionInfo::Kind::convolution || info.hasDepth() ||
      (info.integer && !isDot) || info.strides[1] > 4 ||
      op.getDpsInputOperand(1)->get().getDefiningOp<DequantizeOp>())
    return {};
  int64_t depth = info.depth / kv;
  auto out = cast<ShapedType>(op.getDpsInits()[0].getType());
  PlanarWindow window(info.sizes, info.strides, info.dilations, getUnpadded(op),
                      out, kv);
  int64_t width = window.outWidth, lanes = target.vectorBits / 32;
  int64_t inParts =
      llvm::divideCeilSigned(info.channels, getPlanarAccumulators(target));
  int64_t vectors = getPlanarAccumulators(target) /
                    llvm::divideCeilSigned(info.channels, inParts);
  vectors = std::min({vectors, int64_t(info.channels == 1 ? 8 : 4),
                      llvm::divideCeilSigned(width, lanes)});
  vectors = std::max<int64_t>(vectors, 1);
  // Fewer where they cover a row of pixels with less left over, but as many
  // accumulators as multiplications are under way. Of 512 bits the last vector
  // may be half of one, which takes as long at full rate.
  int64_t tile = vectors * lanes, unit = std::min<int64_t>(lanes, 8);
  auto getCovered = [&](int64_t tile) {
    int64_t vector = target.fmaFullRate ? lanes : unit;
    auto each = static_cast<int64_t>(llvm::alignTo(tile, vector));
    return std::pair(llvm::divideCeilSigned(width, tile) * each,
                     llvm::alignTo(width, tile));
  };
  for (int64_t fewer = tile - unit; fewer >= lanes; fewer -= unit)
    if (llvm::divideCeilSigned(fewer, lanes) * info.channels >= kLatency &&
        getCovered(fewer) < getCovered(tile))
      tile = fewer;
  // The rows that one tile reads have to fit into the copy.
  int64_t reach =
      (window.sizes[1] - 1) * window.dilations[1] / window.strides[1];
  int64_t planes = ((window.sizes[0] - 1) * window.dilations[0] + 1) * depth *
                   window.strides[1];
  // Three quarters of the second-level cache are for it.
  int64_t most = std::min(kPlaneElements, target.l2Bytes / 16 * 3);
  while (tile > lanes && planes * (tile + reach) > most)
    tile -= unit;
  if (planes * (tile + reach) > most)
    return {};
  double sums = info.getNumTaps() * depth;
  // By whole squares, by small ones, or one by one, which multiply-adds at full
  // rate hide less of.
  double perElement = depth >= lanes                      ? 0.6
                      : depth >= 4 || !target.fmaFullRate ? 1.5
                                                          : 3;
  double copy = perElement * depth * lanes * info.strides[1];
  double waste = static_cast<double>(getCovered(tile).first) / width;
  // Each pixel's sums are transposed, and stored on their own.
  cost = waste * (info.channels * (sums + 2) + 4 * lanes + copy);
  return TilingAttr::get(op->getContext(),
                         info.integer ? Intrinsic::vpdpbusd : Intrinsic::fma,
                         tile, info.channels, kv, /*gather=*/false,
                         /*expand=*/false, /*planar=*/true);
}

namespace {

/// The tiles of a contraction whose lanes are output channels.
class PanelTilings {
public:
  /// For `total` rows, whose sums run over `taps` taps.
  PanelTilings(linalg::LinalgOp op, const ContractionInfo &info,
               const TargetDescription &target, int64_t total, int64_t taps)
      : op(op), info(info), target(target), total(total), taps(taps),
        allPanels(llvm::divideCeilSigned(info.channels, kPanelWidth)) {
    if (info.integer)
      intrinsic = target.vnni && info.unsignedInput ? Intrinsic::vpdpbusd
                                                    : Intrinsic::pmaddwd;
    linalg::LinalgOp mutableOp = op;
    auto getElement = [&](unsigned operand) {
      return getElementTypeOrSelf(mutableOp.getDpsInputOperand(operand)->get());
    };
    bool isSame = getElement(0) == getElement(1);
    kv = info.integer ? 4 : isSame && getElement(0).isBF16() ? 2 : 1;
    if (kv == 2 && target.bf16FullRate)
      intrinsic = Intrinsic::vdpbf16ps;
    if (isSame && getElement(0).isF16() && target.fp16 && !isDequantizing()) {
      intrinsic = Intrinsic::vfmaddph;
      kv = 2;
    }
  }

  /// The tiling of the rules: columns split evenly, accumulators fill the
  /// registers.
  TilingAttr getDefault() const {
    if (TilingAttr tiling = getThinBlocks())
      return tiling;
    if (TilingAttr tiling = getStreaming())
      return tiling;
    int64_t panels = divideEvenly(getMaxPanels(intrinsic, target));
    bool gather = gathers(panels);
    int64_t rows = chooseRows(panels, gather);
    if (!gather)
      alignToEdges(rows, panels);
    return get(rows, panels, gather);
  }

  /// Of the products of minimal filtering, whose rows are blocks of pixels.
  TilingAttr getWinograd() const {
    int64_t panels = divideEvenly(getMaxPanels(intrinsic, target));
    int64_t rows = chooseRows(panels, /*gather=*/false);
    return TilingAttr::get(op->getContext(), intrinsic, rows,
                           panels * kPanelWidth, kv, /*gather=*/false,
                           /*expand=*/false, /*planar=*/false,
                           /*interleave=*/false, /*winograd=*/true);
  }

  /// Others: the two best heights of every even division of the columns, and
  /// what the rules say with the rows gathered or not, and with the weights
  /// dequantized before or not.
  SmallVector<TilingAttr> getOthers() const {
    TilingAttr chosen = getDefault();
    bool gather = chosen.getGather();
    int64_t panels = chosen.getColumns() / kPanelWidth;
    SmallVector<TilingAttr> tilings;
    if (!mustGather() && info.getNumTaps() > 1)
      tilings.push_back(get(chooseRows(panels, !gather), panels, !gather));
    if (isDequantizing() && (chosen.getExpand() || mayExpand(gather)))
      tilings.push_back(
          get(chosen.getRows(), panels, gather, !chosen.getExpand()));
    SmallVector<std::pair<double, TilingAttr>> shapes;
    int64_t last = 0;
    for (int64_t most = kMaxPanels; most > 0; --most) {
      int64_t count = divideEvenly(most), height = getMaxRows(count, gather);
      if (count == last || height < 1)
        continue;
      last = count;
      SmallVector<std::pair<double, TilingAttr>> heights;
      int64_t tallest = std::min(height, total);
      for (int64_t rows = tallest; rows > tallest / 2; --rows)
        heights.push_back({estimate(rows, count), get(rows, count, gather)});
      llvm::stable_sort(heights, llvm::less_first());
      shapes.append(heights.begin(),
                    heights.begin() + std::min<size_t>(2, heights.size()));
    }
    llvm::stable_sort(shapes, llvm::less_first());
    for (auto &[cost, tiling] : shapes)
      tilings.push_back(tiling);
    return tilings;
  }

  /// Vector instructions per vector of output pixels that lanes of panels
  /// take, those for nothing included.
  double getPixelCost() const {
    int64_t steps =
        info.integer ? llvm::divideCeilSigned(info.depth, kv) : info.depth;
    double cost = static_cast<double>(allPanels * kPanelWidth) *
                  info.getNumTaps() * steps;
    if (isDequantizing()) {
      TilingAttr tiling = getDefault();
      if (!tiling.getExpand())
        cost *= 1 + kDequantizing / static_cast<double>(tiling.getRows());
    }
    if (info.getNumTaps() == 1 || !hasFullRate())
      return cost;
    int64_t panels = divideEvenly(getMaxPanels(intrinsic, target));
    double moves = kTapInstructions * info.getNumTaps() *
                   llvm::divideCeilSigned(allPanels, panels);
    return cost + kPanelWidth * (gathers(panels) ? kGatherInstructions : moves);
  }

private:
  /// More columns than this are more code than it saves.
  static constexpr int64_t kMaxPanels = 8;

  bool mustGather() const { return info.depth % kv != 0; }
  bool isDequantizing() const {
    linalg::LinalgOp mutableOp = op;
    return mutableOp.getDpsInputOperand(1)->get().getDefiningOp<DequantizeOp>();
  }
  bool hasFullRate() const {
    return target.fmaFullRate && intrinsic == Intrinsic::fma &&
           getInputBits(op) == 32;
  }
  bool gathers(int64_t panels) const {
    return mustGather() || (info.getNumTaps() > 1 && shouldGather(panels));
  }
  /// Whether to gather the rows of a window with several taps.
  bool shouldGather(int64_t panels) const {
    if (info.depth / kv < kMinBlocksPerTap)
      return true;
    if (!hasFullRate() || isDequantizing())
      return false;
    linalg::LinalgOp mutableOp = op;
    auto out = cast<ShapedType>(mutableOp.getDpsInits()[0].getType());
    int64_t tiles =
        out.getDimSize(out.getRank() - 2) / getMaxRows(panels, /*gather=*/true);
    return info.dilations.back() == 1 && tiles >= kMinTilesPerRow &&
           (info.depth * panels < kMinProductsPerTap ||
            tiles >= kManyTilesPerRow);
  }
  /// Whether tiles may read weights in blocks themselves.
  bool mayExpand(bool gather) const { return info.getNumTaps() == 1 || gather; }

  /// The number of panels up to `most` that leaves the least for the last tile.
  int64_t divideEvenly(int64_t most) const {
    return llvm::divideCeilSigned(allPanels,
                                  llvm::divideCeilSigned(allPanels, most));
  }

  /// For a few rows by weights in blocks: each weight that a tile dequantizes
  /// should meet as many of the rows as possible. Up to six fit a tile of
  /// several panels; of interleaved ones 16 with one panel.
  TilingAttr getThinBlocks() const {
    if (!isDequantizing() || target.vectorBits != 512 || info.getNumTaps() != 1)
      return {};
    // Beside sums each panel has integers, weights, scales and zero points in
    // registers.
    for (int64_t panels : {4, 3})
      if (total <= (target.vectorRegisters - 2) / panels - 4)
        return get(total, divideEvenly(panels), /*gather=*/false,
                   /*expand=*/false);
    linalg::LinalgOp mutableOp = op;
    auto out = cast<ShapedType>(mutableOp.getDpsInits()[0].getType());
    if (getInputBits(op) != 32 || !out.hasStaticShape() ||
        info.kind != ContractionInfo::Kind::matmul ||
        total > kMaxInterleavedTiles * kPanelWidth)
      return {};
    return TilingAttr::get(op->getContext(), intrinsic, kPanelWidth,
                           kPanelWidth, kv, /*gather=*/false, /*expand=*/false,
                           /*planar=*/false, /*interleave=*/true);
  }

  /// For a few rows by weights of f32 that no cache near the core holds. The
  /// first tile of rows waits for them, others find them in the second-level
  /// cache, so that few tall tiles take less time than the same
  /// multiplications by more of them.
  TilingAttr getStreaming() const {
    linalg::LinalgOp mutableOp = op;
    auto out = cast<ShapedType>(mutableOp.getDpsInits()[0].getType());
    int64_t rowBytes = info.depth * 4;
    if (isDequantizing() || target.vectorBits != 512 ||
        intrinsic != Intrinsic::fma || getInputBits(op) != 32 ||
        info.kind != ContractionInfo::Kind::matmul || info.batched ||
        !out.hasStaticShape() || total > kMaxStreamingRows ||
        allPanels * kPanelWidth * rowBytes <= target.l2Bytes)
      return {};
    // Rows a multiple of a page apart share a set of the first-level cache.
    constexpr int64_t pageBytes = 4096;
    int64_t inPlace =
        rowBytes % pageBytes == 0 ? target.l1Bytes / pageBytes : kMaxRows;
    // Cycles per step of the reduction and panel: two multiplications, or two
    // loads; a weight's next one is fetched beside it.
    auto cost = [&](int64_t rows, int64_t panels) {
      double tile = std::max({rows * panels / 2., (rows + 2 * panels) / 2.,
                              kLatency / 2.}) /
                    panels;
      return std::max(tile, kStreamCycles) +
             (llvm::divideCeilSigned(total, rows) - 1) * tile;
    };
    TilingAttr best;
    double least = 0;
    for (int64_t most = getMaxPanels(intrinsic, target); most > 0; --most) {
      int64_t panels = divideEvenly(most);
      int64_t rows = std::min(getMaxRows(panels, /*gather=*/false),
                              std::max<int64_t>(inPlace, 1));
      rows = llvm::divideCeilSigned(total, llvm::divideCeilSigned(total, rows));
      if (!best || cost(rows, panels) < least) {
        least = cost(rows, panels);
        best = get(rows, panels, /*gather=*/false);
      }
    }
    if (total <= kPanelWidth && cost(total, 1) < least)
      best = TilingAttr::get(op->getContext(), intrinsic, kPanelWidth,
                             kPanelWidth, kv, /*gather=*/false,
                             /*expand=*/false, /*planar=*/false,
                             /*interleave=*/true);
    return best;
  }

  int64_t getMaxRows(int64_t panels, bool gather) const {
    int64_t rows = ::getMaxRows(intrinsic, kv, panels, target);
    if (gather)
      rows = std::max<int64_t>(
          1, std::min(rows,
                      target.getScratchBytes() / 2 * 8 /
                          (info.depth * info.getNumTaps() * getInputBits(op))));
    return rows;
  }

  /// The height of a tile that covers all rows in the least cycles, estimated:
  /// a tile takes its multiplications, its loads of weights, and what its
  /// stores keep the next tile waiting. They come in one burst.
  int64_t chooseRows(int64_t panels, bool gather) const {
    int64_t most = std::min(getMaxRows(panels, gather), total);
    // Products that one instruction sums per lane.
    int64_t products = intrinsic == Intrinsic::fma ? 1 : kv;
    int64_t steps = taps * llvm::divideCeilSigned(info.depth, products);
    double vectors = getVectorsPerRow(intrinsic, panels, target);
    int64_t weightBits =
        steps * products * panels * kPanelWidth * getInputBits(op);
    bool isWide = target.vectorBits == 512;
    int64_t last = info.channels % kPanelWidth;
    // Half a vector is multiplied in half the time, but not loaded.
    bool isHalf = isWide && last != 0 && last <= kPanelWidth / 2;
    bool isNear = isWide && weightBits <= 8 * target.l1Bytes;
    double loads = isHalf ? 1 : isNear ? 0.25 : 0.5;
    // Gathering is between the stores and the next tile.
    double burst =
        isWide && !gather ? hasFullRate() ? kFullRateBurst : kBurst : 0;
    auto cost = [&](int64_t rows) {
      double tile = steps * vectors * (rows + loads) +
                    burst * std::max(0., rows * vectors - kLatency);
      return llvm::divideCeilSigned(total, rows) * tile;
    };
    int64_t best = std::max<int64_t>(1, most);
    for (int64_t rows = best - 1; rows > 0 && rows * vectors >= kLatency;
         --rows)
      if (cost(rows) < cost(best))
        best = rows;
    return best;
  }

  /// Makes a tile one that divides short rows of output pixels, if it stays
  /// about as large: kernels leave out what its first and last pixel read of
  /// a padding of zeros.
  void alignToEdges(int64_t &rows, int64_t &panels) const {
    linalg::LinalgOp mutableOp = op;
    if (info.getNumTaps() == 1 || !readsZeroPadding(op))
      return;
    ArrayRef<int64_t> shape =
        cast<ShapedType>(mutableOp.getDpsInits()[0].getType()).getShape();
    int64_t width = shape[shape.size() - 2];
    if (width * info.sizes.back() > kMaxEdgeTaps)
      return;
    // Of equal ones the tallest: it loads the fewest weights.
    int64_t least = llvm::divideCeilSigned(2 * rows * panels, 3);
    for (int64_t most = getMaxPanels(intrinsic, target); most > 0; --most) {
      int64_t p = divideEvenly(most);
      int64_t r = std::min(getMaxRows(p, /*gather=*/false), width);
      while (r > 0 && width % r != 0)
        --r;
      if (r > 1 && r * p >= least) {
        least = r * p;
        rows = r;
        panels = p;
      }
    }
  }

  /// Cycles of a step of the reduction in all tiles: a multiplication per cycle
  /// and accumulator; of two loads per cycle half stand in the shade of that.
  double estimate(int64_t rows, int64_t panels) const {
    double vectors = static_cast<double>(kPanelWidth * 32) / target.vectorBits;
    double tiles = llvm::divideCeilSigned(total, rows) *
                   llvm::divideCeilSigned(allPanels, panels);
    return tiles * (rows * panels * vectors + 0.25 * (rows + panels * vectors));
  }

  TilingAttr get(int64_t rows, int64_t panels, bool gather) const {
    bool expand = isDequantizing() &&
                  (!mayExpand(gather) ||
                   llvm::divideCeilSigned(total, rows) > kMaxDequantizingTiles);
    return get(rows, panels, gather, expand);
  }
  TilingAttr get(int64_t rows, int64_t panels, bool gather, bool expand) const {
    return TilingAttr::get(op->getContext(), intrinsic, rows,
                           panels * kPanelWidth, kv, gather, expand,
                           /*planar=*/false);
  }

  linalg::LinalgOp op;
  const ContractionInfo &info;
  const TargetDescription &target;
  int64_t total, taps, allPanels, kv;
  Intrinsic intrinsic = Intrinsic::fma;
};

} // namespace

/// With the default one first.
static SmallVector<TilingAttr>
listDepthwiseTilings(linalg::LinalgOp op, const ContractionInfo &info,
                     const TargetDescription &target) {
  auto get = [&](Intrinsic intrinsic, int64_t kv) {
    return TilingAttr::get(op->getContext(), intrinsic, /*rows=*/1, kPanelWidth,
                           kv,
                           /*gather=*/false, /*expand=*/false,
                           /*planar=*/false);
  };
  SmallVector<TilingAttr> tilings;
  if (info.unsignedInput && target.vnni && isDotDepthwise(info))
    tilings.push_back(get(Intrinsic::vpdpbusd, /*kv=*/4));
  tilings.push_back(
      get(info.integer ? Intrinsic::muladd : Intrinsic::fma, /*kv=*/1));
  return tilings;
}

/// Blocks of a sample's output pixels.
static int64_t countWinogradBlocks(linalg::LinalgOp op) {
  auto out = cast<ShapedType>(op.getDpsInits()[0].getType());
  return llvm::divideCeilSigned(out.getDimSize(1), kWinogradBlock) *
         llvm::divideCeilSigned(out.getDimSize(2), kWinogradBlock);
}

std::string mpc::getWinogradObstacle(linalg::LinalgOp op,
                                     const ContractionInfo &info) {
  auto isF32 = [&](unsigned operand) {
    return getElementTypeOrSelf(op.getDpsInputOperand(operand)->get()).isF32();
  };
  auto areAll = [](ArrayRef<int64_t> values, int64_t value) {
    return llvm::all_of(values, [&](int64_t v) { return v == value; });
  };
  if (info.kind != ContractionInfo::Kind::convolution || info.hasDepth() ||
      !areAll(info.sizes, 3))
    return "its window is not 3x3";
  if (!areAll(info.strides, 1) || !areAll(info.dilations, 1))
    return "it has strides or dilations";
  if (!isF32(0) || !isF32(1) ||
      op.getDpsInputOperand(1)->get().getDefiningOp<DequantizeOp>())
    return "its operands are not stored as f32";
  if (info.depth < kPanelWidth || info.channels < kPanelWidth)
    return llvm::formatv("it has fewer than {0} input or output channels",
                         kPanelWidth);
  // Times are in multiplications, per pair of channels: of products, of
  // fetching a weight, and of the transforms of a block of 36 numbers per
  // channel.
  auto blocks = static_cast<double>(countWinogradBlocks(op));
  double direct = info.getNumTaps() * (info.getRowsPerSample(op) + kWeightCost);
  double transforms = blocks * (kInputTransform / info.channels +
                                kOutputTransform / info.depth);
  double minimal = kWinogradTaps * (blocks + kWeightCost) + transforms;
  if (direct < kWinogradGain * minimal)
    return llvm::formatv("it would be {0:F1} times as fast by an estimate, and "
                         "{1:F1} is the least",
                         direct / minimal, kWinogradGain);
  return "";
}

static SmallVector<TilingAttr> listTilings(linalg::LinalgOp op,
                                           const ContractionInfo &info,
                                           const TargetDescription &target) {
  if (info.kind == ContractionInfo::Kind::depthwise)
    return listDepthwiseTilings(op, info, target);
  PanelTilings panels(op, info, target, info.getRowsPerSample(op),
                      info.getNumTaps());
  SmallVector<TilingAttr> tilings{panels.getDefault()};
  double cost = 0, pixelCost = panels.getPixelCost();
  // Two vector instructions per cycle.
  if (TilingAttr tiles = TileRegisterTiling(op, info, target).get(cost)) {
    cost *= 2 * kPanelWidth;
    tilings.insert(cost < pixelCost ? tilings.begin() : tilings.end(), tiles);
    pixelCost = std::min(cost, pixelCost);
  }
  TilingAttr planar = getPlanarTiling(op, info, target, cost);
  // Estimates of both are rough: where they are near each other, both are
  // tried.
  if (planar && cost * kPlanarMargin < pixelCost)
    tilings.insert(tilings.begin(), planar);
  else if (planar && cost < 2 * pixelCost)
    tilings.push_back(planar);
  for (TilingAttr other : panels.getOthers())
    if (!llvm::is_contained(tilings, other) && tilings.size() < kMaxTilings)
      tilings.push_back(other);
  // All have the same results: sums of floating point are in the order of the
  // first one's instruction, chunks of f16 those of its rows.
  TilingAttr first = tilings.front();
  bool isChunked = first.getIntrinsic() == Intrinsic::vfmaddph;
  llvm::erase_if(tilings, [&](TilingAttr tiling) {
    return (!info.integer && tiling.getIntrinsic() != first.getIntrinsic()) ||
           (isChunked && tiling.getGather() != first.getGather());
  });
  return tilings;
}

std::optional<TilingChoice> TilingChoice::get(linalg::LinalgOp op,
                                              const TargetDescription &target,
                                              bool fastMath) {
  if (!op.hasPureTensorSemantics())
    return std::nullopt;
  FailureOr<ContractionInfo> info = ContractionInfo::match(op);
  if (failed(info) || !startsAtZero(op))
    return std::nullopt;
  if (fastMath && getWinogradObstacle(op, *info).empty()) {
    PanelTilings products(op, *info, target, countWinogradBlocks(op),
                          /*taps=*/1);
    return TilingChoice{op, *info, {products.getWinograd()}};
  }
  return TilingChoice{op, *info, listTilings(op, *info, target)};
}

static void printType(raw_ostream &os, Value value, bool isUnsigned = false) {
  auto type = cast<ShapedType>(value.getType());
  for (int64_t size : type.getShape()) {
    if (ShapedType::isDynamic(size))
      os << "?x";
    else
      os << size << "x";
  }
  os << (isUnsigned ? "u" : "") << type.getElementType();
}

std::string TilingChoice::getName() const {
  static constexpr StringLiteral kinds[] = {"product", "convolution",
                                            "depthwise"};
  std::string name;
  llvm::raw_string_ostream os(name);
  linalg::LinalgOp op = this->op;
  Value input = op.getDpsInputOperand(0)->get();
  Value weights = op.getDpsInputOperand(1)->get();
  os << kinds[static_cast<int>(info.kind)] << (info.batched ? "s" : "") << " ";
  printType(os, input, info.unsignedInput);
  os << " by ";
  printType(os, weights);
  if (auto dequantize = weights.getDefiningOp<DequantizeOp>())
    os << " in blocks of " << dequantize->getOperand(0).getType();
  os << " to ";
  printType(os, op.getDpsInits()[0]);
  if (info.kind != ContractionInfo::Kind::matmul) {
    os << ", strides ";
    llvm::interleave(info.strides, os, "x");
    os << ", dilations ";
    llvm::interleave(info.dilations, os, "x");
  } else if (!info.transposed) {
    os << ", transposed";
  }
  if (input.getDefiningOp<tensor::PadOp>())
    os << ", padded";
  // What follows in the same loops counts by its operators, not its numbers.
  std::string rest;
  llvm::raw_string_ostream restOS(rest);
  for (Operation *user : op->getUsers()) {
    auto follows = dyn_cast<linalg::LinalgOp>(user);
    if (!follows)
      continue;
    for (Value operand : follows->getOperands())
      restOS << operand.getType() << " ";
    for (AffineMap map : follows.getIndexingMapsArray())
      restOS << map << " ";
    for (Operation &inner : *follows.getBlock())
      restOS << inner.getName() << " ";
  }
  if (!rest.empty())
    os << ", then "
       << llvm::utohexstr(llvm::xxh3_64bits(llvm::arrayRefFromStringRef(rest)),
                          /*LowerCase=*/true, 16);
  return name;
}
