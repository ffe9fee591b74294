//===- LowerContract.cpp - kernel.contract to loops over tiles ------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An implicit matrix product of M output rows (batch, height, width) by N
// output channels. Register tiles of R rows by P panels are grouped so that
// what they share stays in cache:
//
//   blocks of rows:     forall block of rows { for group of panels { for tile
//                       of rows { ... }}}      weights are re-read per block
//   blocks of columns:  forall group of panels { for tile of rows { ... }}
//                                              input is re-read per group
//
// whichever reads less. A block of f16 rows is widened before its tiles. Taps
// that read a pad value of zero are left out where all of a tile's rows do (the
// first and last rows of pixels), or its first or last row alone (the ends of a
// row of pixels). Interleaved rows are always in one block. Gathering copies a
// tile's rows side by side; where whole rows of its windows already lie so, it
// reads them in place. A tile's accumulators start at zero, or at an integer
// bias; it adds one kernel.inner_tile per tap, and applies the epilogue: a
// short one to registers; for a longer one, which would multiply the code, it
// puts the sums into a small buffer, which a loop over rows reads.
//
//===----------------------------------------------------------------------===//

#include "ContractLowering.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mpc;
using namespace mpc::kernel;

/// Nanoseconds of setting the sizes of tile registers and of giving them back.
static constexpr double kConfigureCost = 80;

ContractLowering::ContractLowering(ContractOp op,
                                   const TargetDescription &target)
    : op(op), b(op.getLoc(), op), tiling(op.getTiling()),
      inputType(cast<MemRefType>(op.getInput().getType())),
      weightsType(cast<MemRefType>(op.getWeights().getType())),
      outType(cast<MemRefType>(op.getOut().getType())),
      writer(b, op.getEpilogue(), op.getExtras(), op.getExtraMaps(),
             op.getOut()),
      target(target), vectorBits(target.vectorBits) {
  WindowAttr attribute = op.getWindowAttr();
  if (attribute && !attribute.isPointwise())
    window = attribute;
  input = collapseRows(b, op.getInput());
  channels = outType.getShape().back();
  allPanels = llvm::divideCeilSigned(channels, kPanelWidth);
  panels = std::min(tiling.getColumns() / kPanelWidth, allPanels);
  if (BlocksAttr blocks = op.getBlocksAttr()) {
    taps = 1;
    depth = blocks.getDepth();
  } else {
    taps = weightsType.getDimSize(1);
    depth = weightsType.getDimSize(2) * weightsType.getDimSize(4);
  }
  minRows = 1;
  ArrayRef<int64_t> rowSizes = outType.getShape().drop_back();
  if (op.getBatched())
    rowSizes = rowSizes.take_back();
  for (int64_t size : rowSizes)
    minRows *= ShapedType::isDynamic(size) ? 1 : size;
  isStatic = llvm::none_of(rowSizes, ShapedType::isDynamic);
  minRows = std::max<int64_t>(minRows, 1); // an empty batch has no tile
  rows = isStatic ? std::min(tiling.getRows(), minRows) : tiling.getRows();
  // Without a row in all registers there is a smaller tile that has one.
  while (usesTiles() && (rows > minRows || countRowTiles(rows, panels) == 0))
    --rows;
  if (usesTiles()) {
    rowCost = static_cast<double>(allPanels) *
              getTileRegisterCost(
                  rows, llvm::divideCeilSigned(taps * depth / tiling.getKv(),
                                               kTileRows));
    return;
  }
  // Multiplications per nanosecond at 3 GHz and two instructions per cycle.
  double rate = 6.0 * target.vectorBits / 32 *
                (tiling.getIntrinsic() == Intrinsic::vpdpbusd ? 4
                 : tiling.getIntrinsic() == Intrinsic::vdpbf16ps ||
                         tiling.getIntrinsic() == Intrinsic::vfmaddph
                     ? 2
                     : 1);
  rowCost = static_cast<double>(channels * taps * depth) / rate;
}

int64_t ContractLowering::chooseBlockTiles() const {
  int64_t bits = widensRows() ? 32 : inputType.getElementTypeBitWidth();
  int64_t rowBytes =
      llvm::divideCeilSigned(inputType.getShape().back() * bits, 8);
  // Tile registers multiply faster than weights come from beyond the
  // second-level cache: larger blocks of rows, a quarter of it, read them less
  // often.
  int64_t bytes =
      usesTiles() ? std::max(kBlockBytes, target.l2Bytes / 4) : kBlockBytes;
  int64_t tiles = std::max<int64_t>(1, bytes / (rowBytes * rows));
  // Enough blocks to share the work evenly, unless they get too small.
  int64_t total = llvm::divideCeilSigned(minRows, rows);
  int64_t least = static_cast<int64_t>(kMinBlockCost /
                                       (rowCost * static_cast<double>(rows))) +
                  1;
  tiles = std::max<int64_t>(
      1, std::min(tiles, std::max(least, llvm::divideCeilSigned(total, 16))));
  // As many blocks, of one size; but of an odd number of them two threads share
  // better what has a smaller last one.
  int64_t blocks = llvm::divideCeilSigned(total, tiles);
  return blocks % 2 == 0 ? llvm::divideCeilSigned(total, blocks) : tiles;
}

bool ContractLowering::blocksColumns(int64_t blockTiles) const {
  int64_t groups = llvm::divideCeilSigned(allPanels, panels);
  // Gathering would be repeated per group.
  if (groups < 2 || (tiling.getGather() && minRows > rows))
    return false;
  int64_t blocks = llvm::divideCeilSigned(minRows, rows * blockTiles);
  if (widensRows())
    return blocks == 1;
  // Each group sets the sizes of tile registers, which a short loop that is not
  // shared would do for nothing.
  double cost = rowCost * static_cast<double>(minRows);
  double configuring = kConfigureCost * static_cast<double>(groups);
  if (usesTiles() && cost < kMinBlockCost && configuring * 20 > cost)
    return false;
  double inputBytes = static_cast<double>(minRows) * depth * taps *
                      inputType.getElementTypeBitWidth() / 8;
  double weightBytes = static_cast<double>(weightsType.getNumElements()) *
                       weightsType.getElementTypeBitWidth() / 8;
  return inputBytes * groups < weightBytes * blocks || blocks == 1;
}

int64_t ContractLowering::getPrefetch() {
  // Lower tiles wait for weights whenever they are asked for.
  constexpr int64_t distance = 32, minHeight = 8;
  bool streams = weightsType.getNumElements() * 4 > target.l2Bytes;
  bool isF32 = tiling.getIntrinsic() == Intrinsic::fma &&
               weightsType.getElementType().isF32();
  return isF32 && streams && isStatic && !window && !op.getBatched() &&
                 rows >= minHeight && minRows <= kMaxStreamingRows
             ? distance
             : 0;
}

void ContractLowering::allocateBuffers(int64_t blockRows) {
  auto alignment = b.getI64IntegerAttr(64);
  Type element = op.getAccumulatorType();
  if (usesTiles()) {
    ConfigureTilesOp::create(b, rows / countRowTiles(rows, panels),
                             weightsType.getDimSize(2));
    tiles.emplace(b, rows, panels * kPanelWidth, element, writer.isShort());
  } else {
    sums = memref::AllocaOp::create(
        b, MemRefType::get({rows, panels * kPanelWidth}, element), alignment);
  }
  if (tiling.getGather())
    gathered = memref::AllocaOp::create(
        b, MemRefType::get({rows, depth}, inputType.getElementType()),
        alignment);
  if (isStatic)
    blockRows = std::min<int64_t>(blockRows, llvm::alignTo(minRows, rows));
  if (blockRows != 0 && widensRows())
    widened = memref::AllocaOp::create(
        b, MemRefType::get({blockRows, depth}, op.getAccumulatorType()),
        alignment);
}

void ContractLowering::releaseTiles() {
  if (usesTiles())
    ReleaseTilesOp::create(b);
}

void ContractLowering::emitWidening(Value begin, Value end) {
  // The last tile moves back.
  widenedBegin = begin;
  if (clampsRows())
    widenedBegin = arith::MinUIOp::create(
        b, begin,
        b.createOrFold<arith::SubIOp>(totalRows, indexConstant(b, rows)));
  auto copy = [&](Value row, Value column, int64_t width) {
    auto type = VectorType::get({width}, inputType.getElementType());
    Value value =
        vector::LoadOp::create(b, type, input, ValueRange{row, column});
    Value wide =
        arith::ExtFOp::create(b, type.clone(op.getAccumulatorType()), value);
    Value to = b.createOrFold<arith::SubIOp>(row, widenedBegin);
    vector::StoreOp::create(b, wide, widened, ValueRange{to, column});
  };
  emitLoop(b, widenedBegin, end, 1, [&](Value row) {
    emitChunks(b, depth, kPanelWidth,
               [&](Value column, int64_t width) { copy(row, column, width); });
  });
}

void ContractLowering::emitInterleaving() {
  auto type = MemRefType::get(
      {llvm::divideCeilSigned(minRows, kPanelWidth), 1, depth, kPanelWidth, 1},
      inputType.getElementType());
  Value copy = memref::AllocOp::create(b, type);
  auto pack = PackOp::create(b, TypeRange(), input, copy);
  lowerPack(pack, target);
  pack.erase();
  SmallVector<ReassociationIndices> groups = {{0}, {1, 2}, {3, 4}};
  interleaved = memref::CollapseShapeOp::create(b, copy, groups);
}

Value ContractLowering::getRow(Value row0, int64_t r) {
  if (interleaved)
    return laneView(
        b, interleaved,
        b.createOrFold<arith::DivUIOp>(row0, indexConstant(b, kPanelWidth)), r,
        depth);
  Value row = add(b, row0, r);
  if (!widened)
    return rowView(b, input, row, depth);
  return rowView(b, widened, b.createOrFold<arith::SubIOp>(row, widenedBegin),
                 depth);
}

void ContractLowering::emitGroups(
    function_ref<void(Value, int64_t, int64_t)> body) {
  if (fullGroups() == 1)
    body(indexConstant(b, 0), panels, kPanelWidth);
  else if (fullGroups() > 1)
    emitLoop(b, indexConstant(b, 0), indexConstant(b, fullGroups() * panels),
             panels, [&](Value panel) { body(panel, panels, kPanelWidth); });
  int64_t rest = restColumns();
  if (rest == 0)
    return;
  if (fullGroups() > 0)
    flushTiles(panels, kPanelWidth);
  int64_t count = llvm::divideCeilSigned(rest, kPanelWidth);
  int64_t lastWidth = (rest - 1) % kPanelWidth + 1;
  body(indexConstant(b, fullGroups() * panels), count, lastWidth);
  flushTiles(count, lastWidth);
}

void ContractLowering::forEachTile(Value begin, Value end,
                                   function_ref<void(Value, int64_t)> body) {
  if (interleaved) { // all rows, and the first one of a panel in each tile
    Value whole = indexConstant(b, minRows / rows * rows);
    emitLoop(b, begin, whole, rows, [&](Value row) { body(row, rows); });
    if (minRows % rows != 0)
      body(whole, minRows % rows);
    return;
  }
  if (clampsRows()) {
    Value last =
        b.createOrFold<arith::SubIOp>(totalRows, indexConstant(b, rows));
    emitLoop(b, begin, end, rows, [&](Value row) {
      body(arith::MinUIOp::create(b, row, last), rows);
    });
    return;
  }
  Value count = b.createOrFold<arith::SubIOp>(end, begin);
  Value ragged = b.createOrFold<arith::RemUIOp>(count, indexConstant(b, rows));
  Value middle = b.createOrFold<arith::SubIOp>(end, ragged);
  emitLoop(b, begin, middle, rows, [&](Value row) { body(row, rows); });
  emitLoop(b, middle, end, 1, [&](Value row) { body(row, 1); });
}

SmallVector<Value> ContractLowering::multiplyInside(ArrayRef<WindowRow> places,
                                                    Value kw, ValueRange rows,
                                                    ValueRange init,
                                                    Multiply multiply) {
  int64_t outWidth = outType.getDimSize(outType.getRank() - 2),
          width = window.getRowTaps();
  auto height = static_cast<int64_t>(places.size());
  if (!padsZero || !window.isPaddedAlong() || height < 2 ||
      outWidth % height != 0 || outWidth * width > kMaxEdgeTaps)
    return multiply(rows, init);
  size_t panels = init.size() / height;
  auto choose = [&](const WindowRow &place, Multiply inside, Multiply outside) {
    auto branch =
        scf::IfOp::create(b, TypeRange(init), place.isInside(b, 1, kw), true);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(branch.thenBlock());
    scf::YieldOp::create(b, inside(rows, init));
    b.setInsertionPointToStart(branch.elseBlock());
    scf::YieldOp::create(b, outside(rows, init));
    return SmallVector<Value>(branch.getResults());
  };
  auto dropFirst = [&](ValueRange rows, ValueRange init) {
    SmallVector<Value> sums(init.take_front(panels));
    llvm::append_range(sums,
                       multiply(rows.drop_front(), init.drop_front(panels)));
    return sums;
  };
  auto dropLast = [&](ValueRange rows, ValueRange init) {
    SmallVector<Value> sums =
        multiply(rows.drop_back(), init.drop_back(panels));
    llvm::append_range(sums, init.take_back(panels));
    return sums;
  };
  return choose(
      places.front(),
      [&](ValueRange, ValueRange) {
        return choose(places.back(), multiply, dropLast);
      },
      dropFirst);
}

SmallVector<Value> ContractLowering::accumulateTaps(
    Value row0, int64_t height, ArrayRef<Value> init,
    function_ref<SmallVector<Value>(ValueRange, Value, ValueRange)> multiply) {
  SmallVector<WindowRow> places;
  for (int64_t r = 0; r < height; ++r)
    places.emplace_back(b, window, inputType, outType, add(b, row0, r));
  int64_t rowTaps = window.getRowTaps();
  auto emitRow = [&](Value kh, ValueRange outer) {
    return emitLoop(b, rowTaps, outer, [&](Value kw, ValueRange inner) {
      SmallVector<Value> taps;
      for (const WindowRow &place : places)
        taps.push_back(place.getTap(b, input, pad, kh, kw));
      Value tap = add(b, mul(b, kh, rowTaps), kw);
      return multiplyInside(places, kw, taps, inner,
                            [&](ValueRange rows, ValueRange init) {
                              return multiply(rows, tap, init);
                            });
    });
  };
  if (!padsZero || !window.isPaddedAcross() || window.getRank() != 2)
    return emitLoop(b, window.getNumRows(), init, emitRow);
  auto [begin, end] = places.front().getInsideRows(b, places.back());
  return emitLoop(b, begin, end, init, emitRow);
}

Value ContractLowering::readsRuns(Value row0, int64_t height) {
  WindowRow first(b, window, inputType, outType, row0);
  WindowRow last(b, window, inputType, outType, add(b, row0, height - 1));
  return first.areInside(b, last);
}

Value ContractLowering::splitIntoRuns(Value weights) {
  SmallVector<ReassociationIndices> groups = {{0}, {1, 2}, {3}, {4}};
  SmallVector<int64_t> shape(weightsType.getShape());
  shape[1] = window.getNumRows();
  shape[2] /= shape[1];
  Value flat = memref::CollapseShapeOp::create(b, weights, groups);
  return memref::ExpandShapeOp::create(b, shape, flat, groups);
}

SmallVector<Value> ContractLowering::accumulateRuns(
    Value row0, int64_t height, ArrayRef<Value> init,
    function_ref<SmallVector<Value>(ValueRange, Value, ValueRange)> multiply) {
  WindowRow place(b, window, inputType, outType, row0);
  int64_t count = window.getNumRows(), run = depth / count;
  int64_t step = window.getRowStride() * inputType.getShape().back();
  return emitLoop(b, count, init, [&](Value kh, ValueRange inner) {
    Value begin = place.getRunBegin(b, kh);
    SmallVector<Value> rows;
    for (int64_t r = 0; r < height; ++r)
      rows.push_back(sliceView(b, flatInput, add(b, begin, r * step), run));
    return multiply(rows, kh, inner);
  });
}

SmallVector<Value> ContractLowering::accumulate(Value row0, int64_t height,
                                                Value panel, int64_t count,
                                                int64_t lastWidth) {
  bool partial = tiling.getIntrinsic() == Intrinsic::pmaddwd;
  bool mayBeHalf = tiling.getIntrinsic() == Intrinsic::vpdpbusd ||
                   (tiling.getIntrinsic() == Intrinsic::fma &&
                    tiling.getKv() == 1 && !op.getBlocksAttr());
  SmallVector<Value> starts, accumulators;
  for (int64_t p = 0; p < count; ++p) {
    int64_t used = p + 1 == count ? lastWidth : kPanelWidth;
    int64_t size = partial ? 2 * kPanelWidth : kPanelWidth;
    // Of a last panel that is at most half full the first half is computed.
    if (mayBeHalf && used <= kPanelWidth / 2)
      size = kPanelWidth / 2;
    starts.push_back(writer.getStart(b, op.getAccumulatorType(), size,
                                     mul(b, add(b, panel, p), kPanelWidth),
                                     used));
  }
  for (int64_t r = 0; r < height; ++r)
    llvm::append_range(accumulators, starts);
  if (firstPanel)
    panel = add(b, firstPanel, panel);
  Value weights = op.getWeights();
  auto multiply = [&](ValueRange tileRows, Value tap, ValueRange init) {
    auto tile = InnerTileOp::create(
        b, TypeRange(init), tiling.getIntrinsic(), tileRows, weights, panel,
        tap, init, op.getUnsignedInput(), op.getBlocksAttr(), getPrefetch());
    return SmallVector<Value>(tile.getResults());
  };
  auto multiplyRows = [&]() -> SmallVector<Value> {
    SmallVector<Value> tileRows;
    for (int64_t r = 0; r < height; ++r)
      tileRows.push_back(tiling.getGather()
                             ? rowView(b, gathered, indexConstant(b, r), depth)
                             : getRow(row0, r));
    return multiply(tileRows, indexConstant(b, 0), accumulators);
  };
  if (tiling.getGather() && hasRuns()) {
    auto branch = scf::IfOp::create(b, TypeRange(ValueRange(accumulators)),
                                    readsRuns(row0, height), true);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(branch.elseBlock());
    scf::YieldOp::create(b, multiplyRows());
    b.setInsertionPointToStart(branch.thenBlock());
    weights = splitIntoRuns(weights);
    scf::YieldOp::create(b,
                         accumulateRuns(row0, height, accumulators, multiply));
    accumulators.assign(branch.result_begin(), branch.result_end());
  } else if (!window || tiling.getGather()) {
    accumulators = multiplyRows();
  } else {
    accumulators = accumulateTaps(row0, height, accumulators, multiply);
  }
  if (partial)
    for (Value &accumulator : accumulators) {
      auto halves = vector::DeinterleaveOp::create(b, accumulator);
      accumulator =
          arith::AddIOp::create(b, halves.getRes1(), halves.getRes2());
    }
  return accumulators;
}

void ContractLowering::storeTile(ArrayRef<Value> accumulators, Value row0,
                                 Value panel, int64_t count,
                                 int64_t lastWidth) {
  Value column = mul(b, panel, kPanelWidth), row;
  // Rows of whole vectors first: those become bytes together.
  SmallVector<OutputWriter::Part> parts, rest;
  for (auto [i, sum] : llvm::enumerate(accumulators)) {
    int64_t r = i / count, p = i % count;
    if (p == 0)
      row = add(b, row0, r);
    if (p + 1 == count && lastWidth != kPanelWidth)
      rest.push_back(
          {vector::ExtractStridedSliceOp::create(b, sum, 0, lastWidth, 1), row,
           column, p * kPanelWidth});
    else
      parts.push_back({sum, row, column, p * kPanelWidth});
  }
  parts.append(rest);
  writer.store(b, parts, vectorBits);
}

void ContractLowering::multiplyTiles(Value row0, int64_t height, Value panel,
                                     int64_t count, int64_t lastWidth) {
  SmallVector<OpFoldResult> offsets(2, b.getIndexAttr(0));
  if (!tiling.getGather())
    offsets[0] = getAsOpFoldResult(row0);
  SmallVector<OpFoldResult> sizes = {b.getIndexAttr(height),
                                     b.getIndexAttr(depth)};
  SmallVector<OpFoldResult> ones(2, b.getIndexAttr(1));
  Value tileRows = memref::SubViewOp::create(
      b, tiling.getGather() ? gathered : input, offsets, sizes, ones);
  int64_t number = countRowTiles(height, count);
  SmallVector<ReassociationIndices> groups = {{0, 1}, {2, 3}};
  tileRows = memref::ExpandShapeOp::create(
      b, ArrayRef<int64_t>{number, height / number, 1, depth}, tileRows,
      groups);
  Value first = firstPanel ? add(b, firstPanel, panel) : panel;
  int64_t columns = count * kPanelWidth;
  MatrixTileOp::create(b, tiling.getIntrinsic(), tileRows, op.getWeights(),
                       first, tiles->getNext(b, columns),
                       op.getUnsignedInput());
  tiles->push(b, columns, row0, panel,
              [&](Value sums, Value row0, Value panel) {
                storeSums(sums, row0, height, panel, count, lastWidth);
              });
}

void ContractLowering::flushTiles(int64_t count, int64_t lastWidth) {
  if (usesTiles())
    tiles->flush(b, count * kPanelWidth,
                 [&](Value sums, Value row0, Value panel) {
                   storeSums(sums, row0, rows, panel, count, lastWidth);
                 });
}

void ContractLowering::storeSums(Value sums, Value row0, int64_t height,
                                 Value panel, int64_t count,
                                 int64_t lastWidth) {
  writer.storeRows(b, sums, indexConstant(b, height), row0,
                   mul(b, panel, kPanelWidth),
                   (count - 1) * kPanelWidth + lastWidth, vectorBits);
}

void ContractLowering::emitTile(Value row0, int64_t height, Value panel,
                                int64_t count, int64_t lastWidth) {
  if (usesTiles())
    return multiplyTiles(row0, height, panel, count, lastWidth);
  SmallVector<Value> accumulators =
      accumulate(row0, height, panel, count, lastWidth);
  if (writer.isShort())
    return storeTile(accumulators, row0, panel, count, lastWidth);
  for (int64_t r = 0; r < height; ++r)
    for (int64_t p = 0; p < count; ++p)
      vector::StoreOp::create(
          b, accumulators[r * count + p], sums,
          ValueRange{indexConstant(b, r), indexConstant(b, p * kPanelWidth)});
  storeSums(sums, row0, height, panel, count, lastWidth);
}

void ContractLowering::emitRows(Value begin, Value end, Value panel,
                                int64_t count, int64_t lastWidth) {
  forEachTile(begin, end, [&](Value row0, int64_t height) {
    if (tiling.getGather())
      emitGather(row0, height);
    emitTile(row0, height, panel, count, lastWidth);
  });
}

void ContractLowering::emitBlock(Value begin, Value end) {
  if (widened)
    emitWidening(begin, end);
  if (tiling.getGather())
    forEachTile(begin, end, [&](Value row0, int64_t height) {
      emitGather(row0, height);
      emitGroups([&](Value panel, int64_t count, int64_t last) {
        emitTile(row0, height, panel, count, last);
      });
    });
  else
    emitGroups([&](Value panel, int64_t count, int64_t last) {
      emitRows(begin, end, panel, count, last);
    });
  if (restColumns() == 0)
    flushTiles(panels, kPanelWidth);
}

void ContractLowering::emitBatches(int64_t blockRows) {
  Value allRows = totalRows;
  int64_t blocks = llvm::divideCeilSigned(minRows, blockRows);
  Value batches =
      b.createOrFold<arith::DivUIOp>(allRows, indexConstant(b, minRows));
  emitForall(
      b, mul(b, batches, blocks), rowCost * std::min(blockRows, minRows),
      [&](Value index) {
        allocateBuffers(blockRows);
        Value batch =
            b.createOrFold<arith::DivUIOp>(index, indexConstant(b, blocks));
        Value block =
            b.createOrFold<arith::RemUIOp>(index, indexConstant(b, blocks));
        firstPanel = mul(b, batch, allPanels);
        Value first = mul(b, batch, minRows);
        totalRows = add(b, first, minRows);
        Value begin = add(b, first, mul(b, block, blockRows));
        Value end =
            arith::MinUIOp::create(b, add(b, begin, blockRows), totalRows);
        emitBlock(begin, end);
        releaseTiles();
      });
}

void ContractLowering::run() {
  // Two sums that are added in the end do not both start there.
  if (tiling.getIntrinsic() != Intrinsic::pmaddwd && !usesTiles())
    writer.startAtBias();
  totalRows = b.createOrFold<memref::DimOp>(writer.getRows(), 0);
  if (window && window.isPadded())
    pad = padRow(b, *op.getPadValue(), inputType.getShape().back());
  padsZero = pad && (matchPattern(*op.getPadValue(), m_Zero()) ||
                     matchPattern(*op.getPadValue(), m_AnyZeroFloat()));
  if (window && tiling.getGather() && inputType.getLayout().isIdentity()) {
    flatInput = flatten(b, op.getInput());
    if (window.isPaddedAcross())
      padRun = padRow(b, *op.getPadValue(),
                      window.getRowTaps() * inputType.getShape().back());
  }
  int64_t tiles = chooseBlockTiles();
  if (interleavesRows())
    emitInterleaving();
  if (interleaved || (!op.getBatched() && blocksColumns(tiles))) {
    int64_t groups = fullGroups() + (restColumns() != 0);
    emitForall(b, indexConstant(b, groups), rowCost * minRows / groups,
               [&](Value group) {
                 allocateBuffers(/*blockRows=*/0);
                 Value zero = indexConstant(b, 0);
                 auto emit = [&](int64_t count, int64_t lastWidth) {
                   emitRows(zero, totalRows, mul(b, group, panels), count,
                            lastWidth);
                   flushTiles(count, lastWidth);
                 };
                 int64_t rest = restColumns();
                 int64_t count = llvm::divideCeilSigned(rest, kPanelWidth);
                 int64_t lastWidth = (rest - 1) % kPanelWidth + 1;
                 if (rest == 0) {
                   emit(panels, kPanelWidth);
                   return releaseTiles();
                 }
                 Value full =
                     arith::CmpIOp::create(b, arith::CmpIPredicate::ult, group,
                                           indexConstant(b, fullGroups()));
                 auto branch = scf::IfOp::create(b, TypeRange(), full, true);
                 OpBuilder::InsertionGuard guard(b);
                 b.setInsertionPointToStart(branch.thenBlock());
                 emit(panels, kPanelWidth);
                 b.setInsertionPointToStart(branch.elseBlock());
                 emit(count, lastWidth);
                 b.setInsertionPointAfter(branch);
                 releaseTiles();
               });
    return;
  }
  int64_t blockRows = rows * tiles;
  if (op.getBatched())
    return emitBatches(blockRows);
  Value blocks = b.createOrFold<arith::DivUIOp>(
      add(b, totalRows, blockRows - 1), indexConstant(b, blockRows));
  emitForall(
      b, blocks, rowCost * std::min(blockRows, minRows), [&](Value block) {
        allocateBuffers(blockRows);
        Value begin = mul(b, block, blockRows);
        Value end =
            arith::MinUIOp::create(b, add(b, begin, blockRows), totalRows);
        emitBlock(begin, end);
        releaseTiles();
      });
}

LogicalResult mpc::lowerContract(ContractOp op,
                                 const TargetDescription &target) {
  TilingAttr tiling = op.getTiling();
  WindowAttr window = op.getWindowAttr();
  bool usesTiles = usesTileRegisters(tiling.getIntrinsic());
  if (usesTiles && op.getBlocks())
    lowerTileBlocks(op, target);
  else if (usesTiles && window && !window.isPointwise() && !tiling.getGather())
    lowerTileWindows(op, target);
  else
    ContractLowering(op, target).run();
  return success();
}
