//===- TileRegisterTiling.cpp - tiles of sums in tile registers -----------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TileRegisterTiling.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mpc;
using namespace mpc::kernel;

/// Cycles of the shortest product, of a row's 16 sums on their way through
/// memory, of each run that is gathered, and of setting the sizes of registers
/// and giving them back. The first and the last are measured, the others chosen
/// so that what is faster costs less.
static constexpr double kMinTileCycles = 9, kSumCycles = 4, kCopyCycles = 4,
                        kConfigureCycles = 250;

/// Weights in blocks. Cycles per panel and 32 weights of each channel: to make
/// integers of them, and, per row, to scale their sums; per group of panels,
/// until the first products are there; per 16 numbers, for each of their
/// pieces. Chosen so that what is faster costs less.
static constexpr double kIntegerCycles = 90, kScaleCycles = 2,
                        kGroupCycles = 600, kPieceCycles = 2;

int64_t mpc::countPieces(Type type) {
  auto bits = [](Type type) {
    return static_cast<int64_t>(cast<FloatType>(type).getFPMantissaWidth());
  };
  return llvm::divideCeilSigned(bits(type),
                                bits(BFloat16Type::get(type.getContext())));
}

TileRegisterTiling::TileRegisterTiling(linalg::LinalgOp op,
                                       const ContractionInfo &info,
                                       const TargetDescription &target)
    : op(op), info(info), target(target), taps(info.getNumTaps()),
      total(info.getRowsPerSample(op)),
      allPanels(llvm::divideCeilSigned(info.channels, kPanelWidth)) {
  Value input = op.getDpsInputOperand(0)->get();
  Value weights = op.getDpsInputOperand(1)->get();
  auto areBoth = [&](auto test) {
    return test(getElementTypeOrSelf(input)) &&
           test(getElementTypeOrSelf(weights));
  };
  if (info.kind != ContractionInfo::Kind::depthwise && target.amx) {
    if (areBoth([](Type type) { return type.isInteger(8); }))
      bytes = 1;
    else if (areBoth([](Type type) { return type.isBF16(); }))
      bytes = 2;
  }
  if (bytes != 0)
    kv = 4 / bytes;
  isPointwise = info.kind == ContractionInfo::Kind::matmul ||
                (taps == 1 &&
                 llvm::all_of(info.strides, [](int64_t s) { return s == 1; }) &&
                 !input.getDefiningOp<tensor::PadOp>());
}

TilingAttr TileRegisterTiling::create(int64_t rows, int64_t panels,
                                      bool gather) const {
  return TilingAttr::get(op->getContext(),
                         bytes == 1 ? Intrinsic::tdpbusd : Intrinsic::tdpbf16ps,
                         rows, panels * kPanelWidth, kv, gather,
                         /*expand=*/false, /*planar=*/false);
}

double TileRegisterTiling::getCost(int64_t height, int64_t steps,
                                   int64_t covered) const {
  // A product takes a cycle for each row of a register, but no fewer than so
  // many.
  double row = static_cast<double>(steps) *
                   std::max(1., kMinTileCycles / static_cast<double>(height)) +
               kSumCycles;
  auto rows = static_cast<double>(total);
  return static_cast<double>(allPanels * covered) * row / rows +
         kConfigureCycles / rows;
}

TilingAttr TileRegisterTiling::getWindow(double &cost) const {
  if (info.hasDepth() || info.depth % kv != 0 ||
      (info.sizes[1] != 1 && info.dilations[1] != 1))
    return {};
  linalg::LinalgOp contraction = op;
  auto out = cast<ShapedType>(contraction.getDpsInits()[0].getType());
  int64_t outHeight = out.getDimSize(1), outWidth = out.getDimSize(2);
  if (outHeight < 1 || outWidth < 1)
    return {};
  int64_t pixels = getTilePixels(outWidth);
  // Short rows read their weights anew for few pixels.
  bool isShort = outHeight >= kMaxSumTiles && pixels <= kTileRows / 2;
  int64_t tall = std::min<int64_t>(
      outHeight, allPanels == 1 || isShort ? kMaxSumTiles : 2);
  // The least block of rows of input has to fit into its copy.
  int64_t lines = (tall - 1) * info.strides[0] +
                  (info.sizes[0] - 1) * info.dilations[0] + 1;
  int64_t reach = (outWidth - 1) * info.strides[1] + info.sizes[1];
  if (lines * reach * info.depth * bytes > target.getScratchBytes())
    return {};
  int64_t blocks = info.sizes[1] * info.depth / kv;
  cost =
      getCost(pixels, info.sizes[0] * llvm::divideCeilSigned(blocks, kTileRows),
              llvm::alignTo(outHeight, tall) * llvm::alignTo(outWidth, pixels));
  return create(tall * pixels, std::min(allPanels, kMaxSumTiles / tall),
                /*gather=*/false);
}

TilingAttr TileRegisterTiling::getRows(double &cost) const {
  bool gather = !isPointwise || info.depth % kv != 0;
  int64_t panels = std::min<int64_t>(allPanels, 2), depth = taps * info.depth;
  int64_t most = std::min(total, kMaxSumTiles / panels * kTileRows);
  if (gather)
    most = std::min(most, target.getScratchBytes() / (depth * bytes));
  if (most < 1)
    return {};
  // Tiles of one height that cover the rows, the last one moved back.
  int64_t rows = 0;
  for (int64_t number = llvm::divideCeilSigned(total, most); rows == 0;
       ++number) {
    int64_t height = llvm::divideCeilSigned(total, number);
    while (height <= most && countRowTiles(height, panels) == 0)
      ++height;
    if (height <= most)
      rows = height;
  }
  int64_t blocks = llvm::divideCeilSigned(depth, kv);
  cost = getCost(rows / countRowTiles(rows, panels),
                 llvm::divideCeilSigned(blocks, kTileRows),
                 llvm::alignTo(total, rows));
  if (gather) {
    int64_t runs = isPointwise ? 1 : taps / info.sizes.back();
    cost += kCopyCycles * static_cast<double>(runs) +
            static_cast<double>(depth * bytes) / 32;
  }
  return create(rows, panels, gather);
}

TilingAttr TileRegisterTiling::getBlocks(double &cost) const {
  linalg::LinalgOp contraction = op;
  Value input = contraction.getDpsInputOperand(0)->get();
  auto dequantize =
      contraction.getDpsInputOperand(1)->get().getDefiningOp<DequantizeOp>();
  int64_t block = dequantize.getBlock();
  if (!target.amx || !isPointwise || info.batched || dequantize.getTable() ||
      info.depth % kTileDepth != 0 ||
      (block % kTileDepth != 0 && block < info.depth))
    return {};
  // Two registers of rows, unless one has all.
  int64_t tiles = total > kTileRows ? 2 : 1;
  int64_t most = kMaxSumTiles / tiles;
  int64_t panels = llvm::divideCeilSigned(
      allPanels, llvm::divideCeilSigned(allPanels, most));
  int64_t number =
      llvm::alignTo(llvm::divideCeilSigned(total, kTileRows), tiles);
  int64_t height = llvm::divideCeilSigned(total, number);
  int64_t pieces = countPieces(getElementTypeOrSelf(input));
  auto rows = static_cast<double>(height * tiles);
  double product = std::max(1., kMinTileCycles / static_cast<double>(height));
  auto groups = static_cast<double>(llvm::divideCeilSigned(allPanels, panels));
  cost = static_cast<double>(allPanels * info.depth / kTileDepth) *
             (kIntegerCycles / rows + kScaleCycles +
              static_cast<double>(pieces) * product) +
         groups * kGroupCycles / rows +
         kPieceCycles * static_cast<double>(pieces * info.depth) / kPanelWidth;
  return TilingAttr::get(op->getContext(), Intrinsic::tdpbf16ps, height * tiles,
                         panels * kPanelWidth, /*kv=*/2, /*gather=*/false,
                         /*expand=*/false, /*planar=*/false);
}

TilingAttr TileRegisterTiling::get(double &cost) const {
  linalg::LinalgOp contraction = op;
  if (contraction.getDpsInputOperand(1)->get().getDefiningOp<DequantizeOp>())
    return getBlocks(cost);
  if (bytes == 0)
    return {};
  TilingAttr window = isPointwise ? TilingAttr() : getWindow(cost);
  return window ? window : getRows(cost);
}
