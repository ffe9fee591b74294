//===- LowerTileWindows.cpp - convolutions by tile registers --------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A tile register is loaded from rows that are a fixed distance apart: output
// pixels side by side, whose windows overlap. Each row of the window, its
// pixels and their channels, is a run of bytes, a segment of the sum. So the
// input is read in place; where the window reaches over its edge, a block of
// its rows is copied with the padding around it, once for all output channels:
//
//   forall sample, block of rows of output pixels {
//     copy the rows of input that the block reads
//     for group of panels { for rows of pixels { for part of a row {
//       kernel.matrix_tile, then the epilogue of its sums
//   }}}}
//
//===----------------------------------------------------------------------===//

#include "DelayedTiles.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mpc;
using namespace mpc::kernel;

/// Most blocks of a sample that are worth having.
static constexpr int64_t kMaxBlocks = 16;

/// Bits that a copy moves at a time.
static constexpr int64_t kCopyBits = 512;

namespace {

class TileWindowLowering {
public:
  TileWindowLowering(ContractOp op, const TargetDescription &target);

  void run();

private:
  /// Nanoseconds that `height` rows of output pixels take.
  double getCost(int64_t height) const {
    int64_t blocks = window.getRowTaps() * depth / tiling.getKv();
    int64_t steps =
        window.getNumRows() * llvm::divideCeilSigned(blocks, kTileRows);
    return static_cast<double>(height * outWidth * allPanels) *
           getTileRegisterCost(tall * pixels, steps);
  }
  void chooseBlocks();
  /// Rows of input that `lines` rows of output pixels read.
  int64_t countInputLines(int64_t lines) const {
    return (lines - 1) * window.getStrides()[0] +
           (window.getSizes()[0] - 1) * window.getDilations()[0] + 1;
  }
  /// Writes `size` pad values, or as many elements from `from` of `source` on,
  /// to element `to` of the copy.
  void emitRun(Value source, Value from, Value to, int64_t size);
  /// Row `line` of the copy, which is row `y` of the input or lies outside.
  void copyLine(Value sample, Value y, Value line);
  /// The epilogue of the tile whose first output row is `row`.
  void storeTile(Value sums, Value row, Value panel, int64_t count,
                 int64_t lastWidth);
  /// The epilogue of the last tile of so many panels and columns.
  void flush(int64_t count, int64_t lastWidth);
  /// The tile of the pixels from column `x` of row `y` of the block on.
  void emitTile(Value y, Value x, Value panel, int64_t count,
                int64_t lastWidth);
  /// Whether a group of panels stays in the cache while it meets all tiles of a
  /// block. Otherwise the input of a tile does while it meets all panels.
  bool keepsWeights() const;
  /// Calls `body` with the first row and column of each tile of a block.
  void forEachTile(function_ref<void(Value, Value)> body);
  /// Calls `body` with the first panel, the number of panels and the columns of
  /// the last one, for each group of block number `block` of panels.
  void forEachGroup(Value block,
                    function_ref<void(Value, int64_t, int64_t)> body);
  /// All tiles of a block of rows and of panels.
  void emitBlock(Value block);

  ContractOp op;
  ImplicitLocOpBuilder b;
  TilingAttr tiling;
  WindowAttr window;
  MemRefType inputType, outType;
  OutputWriter writer;
  const TargetDescription &target;
  int64_t depth, channels, allPanels, panels, outHeight, outWidth;
  /// Pixels of a register, rows of pixels of a tile, and of a block.
  int64_t pixels, tall, lines = 0;
  /// Groups of panels of a block.
  int64_t groupsPerBlock = 0;
  /// Whether a copy with padding is read, and not the input.
  bool copies;
  /// Elements from row to row, and from pixel to pixel, of what is read.
  int64_t linePitch, pixelPitch;
  /// Pixels of a row of input that a row of output reads, padding included.
  int64_t reach;
  /// What tiles read, in one dimension, from where on for the current block;
  /// the first output row of the block; the sums of tiles.
  Value source, begin, outRow;
  std::optional<DelayedTiles> tiles;
};

} // namespace

TileWindowLowering::TileWindowLowering(ContractOp op,
                                       const TargetDescription &target)
    : op(op), b(op.getLoc(), op), tiling(op.getTiling()),
      window(op.getWindowAttr()),
      inputType(cast<MemRefType>(op.getInput().getType())),
      outType(cast<MemRefType>(op.getOut().getType())),
      writer(b, op.getEpilogue(), op.getExtras(), op.getExtraMaps(),
             op.getOut()),
      target(target), depth(inputType.getDimSize(3)),
      channels(outType.getDimSize(3)),
      allPanels(llvm::divideCeilSigned(channels, kPanelWidth)),
      panels(std::min(tiling.getColumns() / kPanelWidth, allPanels)),
      outHeight(outType.getDimSize(1)), outWidth(outType.getDimSize(2)),
      pixels(getTilePixels(outWidth)),
      tall(std::min(tiling.getRows() / pixels, outHeight)),
      reach((outWidth - 1) * window.getRowStride() + window.getRowTaps()) {
  SmallVector<int64_t> strides = inputType.getStridesAndOffset().first;
  copies = window.isPadded() || ShapedType::isDynamic(strides[1]) ||
           ShapedType::isDynamic(strides[2]) ||
           (window.getRowTaps() > 1 && strides[2] != depth);
  linePitch = copies ? reach * depth : strides[1];
  pixelPitch = copies ? depth : strides[2];
}

void TileWindowLowering::chooseBlocks() {
  int64_t bytes = inputType.getElementTypeBitWidth() / 8;
  int64_t inputBytes =
      inputType.getDimSize(1) * inputType.getDimSize(2) * depth * bytes;
  int64_t weightBytes =
      allPanels * kPanelWidth * window.getNumTaps() * depth * bytes;
  // Enough blocks to share the work evenly, unless they get too small.
  auto wanted = std::clamp<int64_t>(
      static_cast<int64_t>(getCost(outHeight) / kMinBlockCost), 1, kMaxBlocks);
  int64_t groups = llvm::divideCeilSigned(allPanels, panels);
  double least = 0;
  for (int64_t parts = 1;; ++parts) {
    int64_t height = llvm::divideCeilSigned(outHeight, parts);
    bool isLast = height <= tall;
    if (!isLast && copies &&
        countInputLines(height) * linePitch * bytes > target.getScratchBytes())
      continue;
    // Each block of rows reads all weights that it multiplies by, and each of
    // panels the input.
    int64_t columns = std::min(groups, llvm::divideCeilSigned(wanted, parts));
    double traffic = static_cast<double>(parts * weightBytes) +
                     static_cast<double>(columns * inputBytes);
    if (lines == 0 || traffic < least) {
      lines = std::max(height, tall);
      groupsPerBlock = llvm::divideCeilSigned(groups, columns);
      least = traffic;
    }
    if (isLast || parts >= wanted)
      return;
  }
}

void TileWindowLowering::emitRun(Value input, Value from, Value to,
                                 int64_t size) {
  auto copy = [&](Value at, int64_t width) {
    auto type = VectorType::get({width}, inputType.getElementType());
    Value value;
    if (input)
      value =
          vector::LoadOp::create(b, type, input, ValueRange{add(b, from, at)});
    else
      value = arith::ConstantOp::create(
          b, DenseElementsAttr::get(type, Attribute(*op.getPadValue())));
    vector::StoreOp::create(b, value, source, ValueRange{add(b, to, at)});
  };
  emitChunks(b, size, kCopyBits / inputType.getElementTypeBitWidth(), copy);
}

void TileWindowLowering::copyLine(Value sample, Value y, Value line) {
  Value to = mul(b, line, linePitch);
  int64_t height = inputType.getDimSize(1), width = inputType.getDimSize(2);
  // Of more padding than a window no more is read.
  int64_t left = std::min(window.getLow()[1], reach);
  int64_t inside = std::min(width, reach - left);
  auto copyInside = [&] {
    emitRun(Value(), Value(), to, left * depth);
    Value from = mul(b, add(b, mul(b, sample, height), y), width); // in pixels
    if (inputType.getLayout().isIdentity()) {
      emitRun(flatten(b, op.getInput()), mul(b, from, depth),
              add(b, to, left * depth), inside * depth);
    } else {
      Value rows = collapseRows(b, op.getInput());
      emitLoop(b, indexConstant(b, 0), indexConstant(b, inside), 1,
               [&](Value x) {
                 emitRun(rowView(b, rows, add(b, from, x), depth),
                         indexConstant(b, 0),
                         add(b, to, mul(b, add(b, x, left), depth)), depth);
               });
    }
    emitRun(Value(), Value(), add(b, to, (left + inside) * depth),
            (reach - left - inside) * depth);
  };
  if (!window.isPadded(0))
    return copyInside();
  Value isInside = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, y,
                                         indexConstant(b, height));
  auto branch = scf::IfOp::create(b, TypeRange(), isInside, true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  copyInside();
  b.setInsertionPointToStart(branch.elseBlock());
  emitRun(Value(), Value(), to, linePitch);
}

void TileWindowLowering::emitTile(Value y, Value x, Value panel, int64_t count,
                                  int64_t lastWidth) {
  int64_t stride = window.getStrides()[0] * linePitch;
  Value offset = add(b, add(b, begin, mul(b, y, stride)),
                     mul(b, x, window.getRowStride() * pixelPitch));
  SmallVector<int64_t> sizes = {tall, pixels, window.getNumRows(),
                                window.getRowTaps() * depth};
  SmallVector<int64_t> strides = {stride, window.getRowStride() * pixelPitch,
                                  window.getDilations()[0] * linePitch, 1};
  auto rowsType = MemRefType::get(
      sizes, inputType.getElementType(),
      StridedLayoutAttr::get(b.getContext(), ShapedType::kDynamic, strides));
  auto metadata = memref::ExtractStridedMetadataOp::create(b, source);
  Value rows = memref::ReinterpretCastOp::create(
      b, rowsType, metadata.getBaseBuffer(),
      getAsOpFoldResult(add(b, metadata.getOffset(), offset)),
      getAsIndexOpFoldResult(b.getContext(), sizes),
      getAsIndexOpFoldResult(b.getContext(), strides));
  int64_t columns = count * kPanelWidth;
  MatrixTileOp::create(b, tiling.getIntrinsic(), rows, op.getWeights(), panel,
                       tiles->getNext(b, columns), op.getUnsignedInput());
  Value row = add(b, add(b, outRow, mul(b, y, outWidth)), x);
  tiles->push(b, columns, row, panel, [&](Value sums, Value row, Value panel) {
    storeTile(sums, row, panel, count, lastWidth);
  });
}

void TileWindowLowering::storeTile(Value sums, Value row, Value panel,
                                   int64_t count, int64_t lastWidth) {
  int64_t columns = (count - 1) * kPanelWidth + lastWidth;
  for (int64_t t = 0; t < tall; ++t) {
    SmallVector<OpFoldResult> offsets = {b.getIndexAttr(t * pixels),
                                         b.getIndexAttr(0)};
    SmallVector<OpFoldResult> sizes = {b.getIndexAttr(pixels),
                                       b.getIndexAttr(count * kPanelWidth)};
    SmallVector<OpFoldResult> ones(2, b.getIndexAttr(1));
    Value line = memref::SubViewOp::create(b, sums, offsets, sizes, ones);
    writer.storeRows(b, line, indexConstant(b, pixels),
                     add(b, row, t * outWidth), mul(b, panel, kPanelWidth),
                     columns, target.vectorBits);
  }
}

void TileWindowLowering::flush(int64_t count, int64_t lastWidth) {
  tiles->flush(b, count * kPanelWidth, [&](Value sums, Value row, Value panel) {
    storeTile(sums, row, panel, count, lastWidth);
  });
}

bool TileWindowLowering::keepsWeights() const {
  int64_t bytes = inputType.getElementTypeBitWidth() / 8;
  int64_t perPanel = kPanelWidth * window.getNumTaps() * depth * bytes;
  // What a tile reads of the input, each element once.
  int64_t width = (pixels - 1) * window.getRowStride() + window.getRowTaps();
  int64_t tileBytes = countInputLines(tall) * width * depth * bytes;
  return panels * perPanel + tileBytes < target.l1Bytes / 4 * 3 ||
         allPanels * perPanel + lines * linePitch * bytes >
             target.l2Bytes / 4 * 3;
}

void TileWindowLowering::forEachTile(function_ref<void(Value, Value)> body) {
  // What is left over at an end is computed with some of what was before.
  auto forEach = [&](int64_t size, int64_t step,
                     function_ref<void(Value)> body) {
    emitLoop(
        b, indexConstant(b, 0), indexConstant(b, size), step, [&](Value i) {
          if (size % step != 0)
            i = arith::MinUIOp::create(b, i, indexConstant(b, size - step));
          body(i);
        });
  };
  forEach(lines, tall, [&](Value y) {
    forEach(outWidth, pixels, [&](Value x) { body(y, x); });
  });
}

void TileWindowLowering::emitBlock(Value block) {
  if (keepsWeights())
    forEachGroup(block, [&](Value panel, int64_t count, int64_t last) {
      forEachTile(
          [&](Value y, Value x) { emitTile(y, x, panel, count, last); });
    });
  else
    forEachTile([&](Value y, Value x) {
      forEachGroup(block, [&](Value panel, int64_t count, int64_t last) {
        emitTile(y, x, panel, count, last);
      });
    });
  if (channels % (panels * kPanelWidth) == 0)
    flush(panels, kPanelWidth);
}

void TileWindowLowering::forEachGroup(
    Value block, function_ref<void(Value, int64_t, int64_t)> body) {
  int64_t full = channels / (panels * kPanelWidth);
  int64_t rest = channels % (panels * kPanelWidth);
  Value first = mul(b, block, groupsPerBlock);
  Value end = b.createOrFold<arith::MinUIOp>(add(b, first, groupsPerBlock),
                                             indexConstant(b, full));
  emitLoop(b, mul(b, first, panels), mul(b, end, panels), panels,
           [&](Value panel) { body(panel, panels, kPanelWidth); });
  if (rest == 0)
    return;
  if (full > 0)
    flush(panels, kPanelWidth);
  auto emitRest = [&] {
    int64_t count = llvm::divideCeilSigned(rest, kPanelWidth);
    int64_t lastWidth = (rest - 1) % kPanelWidth + 1;
    body(indexConstant(b, full * panels), count, lastWidth);
    flush(count, lastWidth);
  };
  if (groupsPerBlock > full)
    return emitRest();
  Value isLast = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, block,
                                       indexConstant(b, full / groupsPerBlock));
  auto branch = scf::IfOp::create(b, TypeRange(), isLast, false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  emitRest();
}

void TileWindowLowering::run() {
  chooseBlocks();
  int64_t rowBlocks = llvm::divideCeilSigned(outHeight, lines);
  int64_t columnBlocks = llvm::divideCeilSigned(
      llvm::divideCeilSigned(allPanels, panels), groupsPerBlock);
  int64_t inputLines = countInputLines(lines);
  Value samples = b.createOrFold<memref::DimOp>(op.getOut(), 0);
  Value count = mul(b, samples, rowBlocks * columnBlocks);
  emitForall(b, count, getCost(lines) / columnBlocks, [&](Value i) {
    auto allocate = [&](ArrayRef<int64_t> shape, Type element) -> Value {
      return memref::AllocaOp::create(b, MemRefType::get(shape, element),
                                      b.getI64IntegerAttr(kBufferAlignment));
    };
    // Takes the number of a block of `count` off `i`.
    auto split = [&](int64_t count) {
      Value divisor = indexConstant(b, count);
      Value rest = b.createOrFold<arith::RemUIOp>(i, divisor);
      i = b.createOrFold<arith::DivUIOp>(i, divisor);
      return rest;
    };
    Value columnBlock = split(columnBlocks);
    Value first = mul(b, split(rowBlocks), lines), sample = i;
    if (outHeight % lines != 0)
      first =
          arith::MinUIOp::create(b, first, indexConstant(b, outHeight - lines));
    outRow = mul(b, add(b, mul(b, sample, outHeight), first), outWidth);
    tiles.emplace(b, tall * pixels, panels * kPanelWidth,
                  op.getEpilogue().getArgument(0).getType(), writer.isShort());
    Value y = mul(b, first, window.getStrides()[0]);
    if (copies) {
      source = allocate({inputLines * linePitch}, inputType.getElementType());
      begin = indexConstant(b, 0);
      y = add(b, y, -window.getLow()[0]);
      emitLoop(b, begin, indexConstant(b, inputLines), 1,
               [&](Value line) { copyLine(sample, add(b, y, line), line); });
    } else {
      source = op.getInput();
      int64_t samplePitch = inputType.getStridesAndOffset().first[0];
      begin = add(b, mul(b, sample, samplePitch), mul(b, y, linePitch));
    }
    ConfigureTilesOp::create(b, pixels,
                             window.getRowTaps() * depth *
                                 inputType.getElementTypeBitWidth() / 32);
    emitBlock(columnBlock);
    ReleaseTilesOp::create(b);
  });
}

void mpc::lowerTileWindows(ContractOp op, const TargetDescription &target) {
  TileWindowLowering(op, target).run();
}
