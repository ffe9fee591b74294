//===- LowerTileBlocks.cpp - weights in blocks in tile registers ----------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Tile registers multiply bf16. The integers q - z of weights in blocks have 8
// bits, as many as a bf16 number, and an f32 number is the sum of three such
// ones, an f16 number that of two: products of these pieces are exact, and take
// a fraction of the time that f32 ones do.
//
//   for tile of rows (parallel): its pieces, in the order of their use
//   for block of rows, for group of panels (parallel):
//     for 32 weights of each channel:
//       kernel.matrix_tile: all pieces by the integers
//       the next 32 weights to integers, beside that
//       sums of the block += scale * sums of the 32
//     epilogue
//
//===----------------------------------------------------------------------===//

#include "BlockReader.h"
#include "TileRegisterTiling.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mpc/Codegen/OutputTile.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mpc;
using namespace mpc::kernel;

/// Rows of a block at most: its sums stay in the first-level cache.
static constexpr int64_t kMostRows = 64;

/// Estimated products per nanosecond of one piece of rows, what else there is
/// to do included; time to split 16 numbers, in nanoseconds.
static constexpr double kRate = 400, kSplitCost = 2;

namespace {

class TileBlocksLowering {
public:
  TileBlocksLowering(ContractOp op, const TargetDescription &target);
  void run();

private:
  Value allocate(ArrayRef<int64_t> shape, Type element) {
    return memref::AllocaOp::create(b, MemRefType::get(shape, element),
                                    b.getI64IntegerAttr(kBufferAlignment));
  }
  /// The pieces of all rows: tile × 32 numbers × piece × row × 32. Rows past
  /// the last one repeat it.
  void emitSplit();
  /// Those of a row, which is row `r` of `tile`.
  void emitPieces(Value row, Value tile, Value r);
  /// `count` panels from `panel` on of block number `block` of rows; the last
  /// one stores `lastWidth` columns.
  void emitGroup(Value block, Value panel, int64_t count, int64_t lastWidth);
  /// The sums of tiles number `tile` and after, of the 32 weights `chunk`.
  void emitProducts(Value tile, Value chunk, int64_t count, Value sums);
  /// The integers of 32 weights `chunk` of `count` panels, into the buffer's
  /// half for odd or even ones.
  void emitIntegers(Value panel, int64_t count, Value chunk);
  /// Those of the chunk behind `chunk`, if there is one.
  void emitIntegersBehind(Value panel, int64_t count, Value chunk);
  /// Which half that is.
  Value getHalf(Value chunk) {
    return b.createOrFold<arith::RemUIOp>(chunk, indexConstant(b, 2));
  }
  /// Adds up `rows` rows of `sums` times the scales of 32 weights `chunk`.
  void emitScaling(Value panel, int64_t count, Value chunk, Value rows);

  ContractOp op;
  ImplicitLocOpBuilder b;
  TilingAttr tiling;
  MemRefType outType;
  OutputWriter writer;
  BlockReader reader;
  const TargetDescription &target;
  int64_t depth, channels, allPanels, panels, chunks, pieces;
  /// Rows of a group of tiles, tiles of it, rows of one, groups of a block.
  int64_t rows, tiles, height, groups;
  /// Collapsed input, number of its rows, and of the groups of tiles that cover
  /// them; their pieces; of a block and group of panels, the integers, the sums
  /// of 32 weights, and what they add up to.
  Value input, totalRows, totalGroups, split, integers, sums, totals;
};

} // namespace

TileBlocksLowering::TileBlocksLowering(ContractOp op,
                                       const TargetDescription &target)
    : op(op), b(op.getLoc(), op), tiling(op.getTiling()),
      outType(cast<MemRefType>(op.getOut().getType())),
      writer(b, op.getEpilogue(), op.getExtras(), op.getExtraMaps(),
             op.getOut()),
      reader(b, *op.getBlocks(), op.getWeights(), target.vectorBits),
      target(target), depth(op.getBlocks()->getDepth()),
      channels(outType.getShape().back()),
      allPanels(llvm::divideCeilSigned(channels, kPanelWidth)),
      panels(std::min(tiling.getColumns() / kPanelWidth, allPanels)),
      chunks(depth / kTileDepth),
      pieces(countPieces(
          cast<MemRefType>(op.getInput().getType()).getElementType())),
      rows(tiling.getRows()), tiles(countRowTiles(rows, panels)),
      height(rows / tiles) {
  // The pieces of a block share the second-level cache with weights.
  int64_t bytes = rows * depth * pieces * 2;
  groups = std::clamp<int64_t>(target.l2Bytes / 4 * 3 / bytes, 1,
                               std::max<int64_t>(1, kMostRows / rows));
  input = collapseRows(b, op.getInput());
}

void TileBlocksLowering::emitPieces(Value row, Value tile, Value r) {
  constexpr int64_t lanes = kPanelWidth;
  auto vectorOf = [&](Type element) {
    return VectorType::get({lanes}, element);
  };
  Type element = getElementTypeOrSelf(input);
  VectorType floats = vectorOf(b.getF32Type()),
             words = vectorOf(b.getI32Type());
  constexpr auto kUpperHalf = static_cast<int32_t>(0xffff0000);
  auto splat = [&](int32_t value) -> Value {
    return arith::ConstantOp::create(
        b, DenseElementsAttr::get(words, b.getI32IntegerAttr(value)));
  };
  emitLoop(b, indexConstant(b, 0), indexConstant(b, chunks), 1, [&](Value i) {
    for (int64_t first = 0; first < kTileDepth; first += lanes) {
      Value x = vector::LoadOp::create(
          b, vectorOf(element), input,
          ValueRange{row, add(b, mul(b, i, kTileDepth), first)});
      if (!element.isF32())
        x = arith::ExtFOp::create(b, floats, x);
      for (int64_t piece = 0; piece < pieces; ++piece) {
        // The upper half of an f32 number is a bf16 one.
        Value bits = vector::BitCastOp::create(b, words, x);
        Value half =
            arith::TruncIOp::create(b, vectorOf(b.getI16Type()),
                                    arith::ShRUIOp::create(b, bits, splat(16)));
        half = vector::BitCastOp::create(b, vectorOf(b.getBF16Type()), half);
        vector::StoreOp::create(b, half, split,
                                ValueRange{tile, i, indexConstant(b, piece), r,
                                           indexConstant(b, first)});
        if (piece + 1 == pieces)
          break;
        Value top = vector::BitCastOp::create(
            b, floats, arith::AndIOp::create(b, bits, splat(kUpperHalf)));
        // The rest is exact; nothing is left of an infinity.
        Value isAll =
            arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, x, top);
        Value rest = arith::SubFOp::create(b, x, top);
        x = arith::SelectOp::create(
            b, isAll, arith::ConstantOp::create(b, b.getZeroAttr(floats)),
            rest);
      }
    }
  });
}

void TileBlocksLowering::emitSplit() {
  // As many groups for each sample as it needs alone: the arena is planned for
  // a number of samples.
  int64_t perSample = 1;
  Value samples = indexConstant(b, 1);
  for (auto [dim, size] : llvm::enumerate(outType.getShape().drop_back())) {
    if (!ShapedType::isDynamic(size)) {
      perSample *= size;
      continue;
    }
    Value extent = b.createOrFold<memref::DimOp>(op.getOut(), dim);
    samples = b.createOrFold<arith::MulIOp>(samples, extent);
  }
  int64_t groupsPerSample =
      std::max<int64_t>(1, llvm::divideCeilSigned(perSample, rows));
  Value count = mul(b, samples, groupsPerSample * tiles);
  std::optional<int64_t> known = getConstantIntValue(count);
  auto type = MemRefType::get({known.value_or(ShapedType::kDynamic), chunks,
                               pieces, height, kTileDepth},
                              b.getBF16Type());
  split = memref::AllocOp::create(b, type,
                                  known ? ValueRange() : ValueRange(count));
  Value last = b.createOrFold<arith::SubIOp>(totalRows, indexConstant(b, 1));
  double cost = kSplitCost * height * depth / kPanelWidth;
  emitForall(b, mul(b, totalGroups, tiles), cost, [&](Value tile) {
    emitLoop(b, indexConstant(b, 0), indexConstant(b, height), 1, [&](Value r) {
      Value row = add(b, mul(b, tile, height), r);
      if (perSample % rows != 0)
        row = arith::MinUIOp::create(b, row, last);
      emitPieces(row, tile, r);
    });
  });
}

void TileBlocksLowering::emitProducts(Value tile, Value chunk, int64_t count,
                                      Value sums) {
  MLIRContext *context = b.getContext();
  auto view = [&](Value buffer, Value offset, ArrayRef<int64_t> sizes,
                  ArrayRef<int64_t> strides) -> Value {
    auto type = MemRefType::get(
        sizes, b.getBF16Type(),
        StridedLayoutAttr::get(context, ShapedType::kDynamic, strides));
    return memref::ReinterpretCastOp::create(
        b, type, buffer, getAsOpFoldResult(offset),
        getAsIndexOpFoldResult(context, sizes),
        getAsIndexOpFoldResult(context, strides));
  };
  int64_t piece = height * kTileDepth, part = pieces * piece;
  Value first = mul(b, add(b, mul(b, tile, chunks), chunk), part);
  Value tileRows = view(split, first, {tiles, height, pieces, kTileDepth},
                        {chunks * part, kTileDepth, piece, 1});
  // All pieces meet the same weights.
  int64_t panel = kTileDepth * kPanelWidth;
  Value weights = view(integers, mul(b, getHalf(chunk), panels * panel),
                       {count, pieces, kTileDepth / 2, kPanelWidth, 2},
                       {panel, 0, 2 * kPanelWidth, 2, 1});
  MatrixTileOp::create(b, tiling.getIntrinsic(), tileRows, weights,
                       indexConstant(b, 0), sums, /*unsigned_rows=*/false);
}

void TileBlocksLowering::emitIntegers(Value panel, int64_t count, Value chunk) {
  Value half = mul(b, getHalf(chunk), panels);
  emitLoop(b, indexConstant(b, 0), indexConstant(b, count), 1, [&](Value p) {
    reader.readIntegers(add(b, panel, p), mul(b, chunk, kTileDepth),
                        [&](int64_t pair, Value numbers) {
                          vector::StoreOp::create(
                              b, numbers, integers,
                              ValueRange{add(b, half, p),
                                         indexConstant(b, pair),
                                         indexConstant(b, 0)});
                        });
  });
}

void TileBlocksLowering::emitIntegersBehind(Value panel, int64_t count,
                                            Value chunk) {
  if (chunks == 1)
    return;
  Value next = add(b, chunk, 1);
  Value exists = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, next,
                                       indexConstant(b, chunks));
  auto branch = scf::IfOp::create(b, TypeRange(), exists, false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  emitIntegers(panel, count, next);
}

void TileBlocksLowering::emitScaling(Value panel, int64_t count, Value chunk,
                                     Value numRows) {
  auto type = VectorType::get({kPanelWidth}, b.getF32Type());
  SmallVector<Value> scales;
  for (int64_t p = 0; p < count; ++p)
    scales.push_back(
        reader.readScales(add(b, panel, p), mul(b, chunk, kTileDepth)));
  emitLoop(b, indexConstant(b, 0), numRows, 1, [&](Value r) {
    for (int64_t p = 0; p < count; ++p) {
      SmallVector<Value> at = {r, indexConstant(b, p * kPanelWidth)};
      Value sum = vector::LoadOp::create(b, type, sums, at);
      Value total = vector::LoadOp::create(b, type, totals, at);
      total = vector::FMAOp::create(b, sum, scales[p], total);
      vector::StoreOp::create(b, total, totals, at);
    }
  });
}

void TileBlocksLowering::emitGroup(Value block, Value panel, int64_t count,
                                   int64_t lastWidth) {
  Value first = mul(b, block, groups);
  Value numGroups = indexConstant(b, groups);
  std::optional<int64_t> known = getConstantIntValue(totalGroups);
  if (!known || *known % groups != 0)
    numGroups = arith::MinUIOp::create(
        b, numGroups, b.createOrFold<arith::SubIOp>(totalGroups, first));
  Value numRows = mul(b, numGroups, rows);
  auto type = VectorType::get({kPanelWidth}, b.getF32Type());
  Value zero = arith::ConstantOp::create(b, b.getZeroAttr(type));
  emitLoop(b, indexConstant(b, 0), numRows, 1, [&](Value r) {
    for (int64_t p = 0; p < count; ++p)
      vector::StoreOp::create(b, zero, totals,
                              ValueRange{r, indexConstant(b, p * kPanelWidth)});
  });
  emitIntegers(panel, count, indexConstant(b, 0));
  emitLoop(
      b, indexConstant(b, 0), indexConstant(b, chunks), 1, [&](Value chunk) {
        emitLoop(b, indexConstant(b, 0), numGroups, 1, [&](Value group) {
          SmallVector<OpFoldResult> offsets = {
              getAsOpFoldResult(mul(b, group, rows)), b.getIndexAttr(0)};
          SmallVector<OpFoldResult> sizes = {
              b.getIndexAttr(rows), b.getIndexAttr(count * kPanelWidth)};
          SmallVector<OpFoldResult> ones(2, b.getIndexAttr(1));
          Value part = memref::SubViewOp::create(b, sums, offsets, sizes, ones);
          emitProducts(mul(b, add(b, first, group), tiles), chunk, count, part);
        });
        emitIntegersBehind(panel, count, chunk);
        emitScaling(panel, count, chunk, numRows);
      });
  Value row = mul(b, first, rows);
  Value left = b.createOrFold<arith::SubIOp>(totalRows, row);
  writer.storeRows(b, totals, b.createOrFold<arith::MinUIOp>(numRows, left),
                   row, mul(b, panel, kPanelWidth),
                   (count - 1) * kPanelWidth + lastWidth, target.vectorBits);
}

void TileBlocksLowering::run() {
  totalRows = b.createOrFold<memref::DimOp>(writer.getRows(), 0);
  totalGroups = b.createOrFold<arith::DivUIOp>(add(b, totalRows, rows - 1),
                                               indexConstant(b, rows));
  if (std::optional<int64_t> known = getConstantIntValue(totalGroups))
    groups = std::clamp<int64_t>(*known, 1, groups);
  emitSplit();
  int64_t perGroup = panels * kPanelWidth, full = channels / perGroup,
          rest = channels % perGroup, columns = full + (rest != 0);
  Value blocks = b.createOrFold<arith::DivUIOp>(add(b, totalGroups, groups - 1),
                                                indexConstant(b, groups));
  double cost =
      static_cast<double>(groups * rows * perGroup * depth * pieces) / kRate;
  emitForall(b, mul(b, blocks, columns), cost, [&](Value index) {
    Value divisor = indexConstant(b, columns);
    Value block = b.createOrFold<arith::DivUIOp>(index, divisor);
    Value group = b.createOrFold<arith::RemUIOp>(index, divisor);
    Value panel = mul(b, group, panels);
    Type f32 = b.getF32Type();
    integers = allocate({2 * panels, kTileDepth / 2, 2 * kPanelWidth},
                        b.getBF16Type());
    sums = allocate({groups * rows, perGroup}, f32);
    totals = allocate({groups * rows, perGroup}, f32);
    ConfigureTilesOp::create(b, height, kTileDepth / 2);
    int64_t restPanels = llvm::divideCeilSigned(rest, kPanelWidth);
    int64_t lastWidth = (rest - 1) % kPanelWidth + 1;
    if (rest == 0) {
      emitGroup(block, panel, panels, kPanelWidth);
    } else if (full == 0) {
      emitGroup(block, panel, restPanels, lastWidth);
    } else {
      Value isFull = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, group,
                                           indexConstant(b, full));
      auto branch = scf::IfOp::create(b, TypeRange(), isFull, true);
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(branch.thenBlock());
      emitGroup(block, panel, panels, kPanelWidth);
      b.setInsertionPointToStart(branch.elseBlock());
      emitGroup(block, panel, restPanels, lastWidth);
    }
    ReleaseTilesOp::create(b);
  });
}

void mpc::lowerTileBlocks(ContractOp op, const TargetDescription &target) {
  TileBlocksLowering(op, target).run();
}
