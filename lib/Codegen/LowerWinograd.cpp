//===- LowerWinograd.cpp - kernel.winograd to loops over blocks -----------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A convolution by minimal filtering. Blocks of 4 x 4 output pixels, counted
// over the samples, are the rows of 36 matrix products:
//
//   for some blocks {
//     forall block:     V[i, block, c] = (Bt d B)[i], d being 6 x 6 pixels
//     forall i, panels: M[i, block, n] = sum of V[i, block, c] U[n, i, c]
//     forall block:     epilogue of At M A, as far as it is in the output }
//
// V and M are buffers of the function. Together they fit the second-level cache
// of the target, so that what one loop writes the next finds there, and take no
// more of a large one than pays (KernelRationale.md). But they hold enough
// blocks to be shared by threads and to be worth fetching the weights U.
//
// Where the channels are no multiple of a vector, the last one moves back. Rows
// of V behind the last block of all are multiplied, too, whatever they are, and
// stay in M.
//
//===----------------------------------------------------------------------===//

#include "mpc/Codegen/OutputTile.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mpc;
using namespace mpc::kernel;

/// Bytes that V and M have at most, and blocks that they have room for at
/// least.
static constexpr int64_t kMaxBufferBytes = 1 << 20, kMinBlocks = 24;

/// Floats between the matrices of V and of M, which are else apart by powers of
/// two, and would share few lines of the cache.
static constexpr int64_t kGap = 16;

/// Nanoseconds of the transforms of a vector of channels of a block.
static constexpr double kTransformCost = 80;

namespace {

class WinogradLowering {
public:
  WinogradLowering(WinogradOp op, const TargetDescription &target)
      : op(op), b(op.getLoc(), op), tiling(op.getTiling()),
        window(op.getWindowAttr()),
        inputType(cast<MemRefType>(op.getInput().getType())),
        outType(cast<MemRefType>(op.getOut().getType())),
        writer(b, op.getEpilogue(), op.getExtras(), op.getExtraMaps(),
               op.getOut()),
        vector(VectorType::get({target.vectorBits / 32}, b.getF32Type())),
        bufferBytes(std::min(target.l2Bytes, kMaxBufferBytes)),
        lanes(target.vectorBits / 32), depth(inputType.getDimSize(3)),
        channels(outType.getDimSize(3)),
        allPanels(llvm::divideCeilSigned(channels, kPanelWidth)),
        panels(std::min(tiling.getColumns() / kPanelWidth, allPanels)),
        tall(llvm::divideCeilSigned(outType.getDimSize(1), kWinogradBlock)),
        wide(llvm::divideCeilSigned(outType.getDimSize(2), kWinogradBlock)),
        // Multiplications per nanosecond at 3 GHz and a vector per cycle.
        rate(3.0 * static_cast<double>(lanes)) {}

  void run();

private:
  int64_t chooseRoom() const;
  /// Where the row of `block` in matrix `tap` of V, or of M, begins.
  Value getRow(int64_t pitch, int64_t width, Value tap, Value block);
  /// `body` for the first channel of each vector.
  void forEachVector(int64_t count, function_ref<void(Value)> body);
  /// The sample of block `block` of all and its row and column there.
  std::array<Value, 3> locate(Value block);
  Value constant(float value);
  Value fma(float factor, Value x, Value y);

  /// One row or column of Bt d B: six vectors become six.
  SmallVector<Value> transformInput(ArrayRef<Value> d);
  /// One row or column of At M A: six vectors become four.
  SmallVector<Value> transformOutput(ArrayRef<Value> m);
  /// `transform` of the columns of a square, then of the rows that it gives.
  SmallVector<Value>
  transformSquare(ArrayRef<Value> square,
                  function_ref<SmallVector<Value>(ArrayRef<Value>)> transform);

  /// Block `block` of all, which is block `row` in V and M.
  void emitInput(Value block, Value row);
  void emitProduct(Value tap, Value panel, int64_t count, Value rows);
  void emitOutput(Value block, Value row);
  /// The 36 products of `count` blocks.
  void emitProducts(Value count);

  WinogradOp op;
  ImplicitLocOpBuilder b;
  TilingAttr tiling;
  WindowAttr window;
  MemRefType inputType, outType;
  OutputWriter writer;
  VectorType vector;
  /// Bytes for V and M.
  int64_t bufferBytes;
  int64_t lanes, depth, channels, allPanels, panels;
  /// Blocks of a column and of a row of a sample; those that V and M have room
  /// for, a multiple of the tile's rows; floats of a matrix of V and of M.
  int64_t tall, wide, room = 0, inputPitch = 0, productPitch = 0;
  double rate;
  Value input, pad, transformed, products;
};

} // namespace

int64_t WinogradLowering::chooseRoom() const {
  int64_t rows = tiling.getRows();
  int64_t blockBytes = kWinogradTaps * 4 * (depth + allPanels * kPanelWidth);
  int64_t most = std::max(kMinBlocks, bufferBytes / blockBytes);
  int64_t samples = outType.isDynamicDim(0) ? 1 : outType.getDimSize(0);
  int64_t total = std::max<int64_t>(1, samples) * tall * wide;
  // Even parts, of whole tiles.
  int64_t parts = llvm::divideCeilSigned(total, most);
  return llvm::alignTo(llvm::divideCeilSigned(total, parts), rows);
}

Value WinogradLowering::getRow(int64_t pitch, int64_t width, Value tap,
                               Value block) {
  return add(b, mul(b, tap, pitch), mul(b, block, width));
}

void WinogradLowering::forEachVector(int64_t count,
                                     function_ref<void(Value)> body) {
  emitLoop(b, indexConstant(b, 0), indexConstant(b, count), lanes,
           [&](Value channel) {
             if (count % lanes != 0)
               channel = arith::MinUIOp::create(
                   b, channel, indexConstant(b, count - lanes));
             body(channel);
           });
}

std::array<Value, 3> WinogradLowering::locate(Value block) {
  auto split = [&](Value value, int64_t size) -> std::pair<Value, Value> {
    Value divisor = indexConstant(b, size);
    return {b.createOrFold<arith::DivUIOp>(value, divisor),
            b.createOrFold<arith::RemUIOp>(value, divisor)};
  };
  auto [sample, inside] = split(block, tall * wide);
  auto [y, x] = split(inside, wide);
  return {sample, y, x};
}

Value WinogradLowering::constant(float value) {
  return arith::ConstantOp::create(
      b, DenseElementsAttr::get(vector, ArrayRef<float>(value)));
}

Value WinogradLowering::fma(float factor, Value x, Value y) {
  return vector::FMAOp::create(b, constant(factor), x, y);
}

SmallVector<Value> WinogradLowering::transformInput(ArrayRef<Value> d) {
  Value a = fma(-4, d[2], d[4]);
  Value c = fma(-4, d[1], d[3]);
  Value e = arith::SubFOp::create(b, d[4], d[2]);
  Value f = arith::SubFOp::create(b, d[3], d[1]);
  return {fma(4, d[0], fma(-5, d[2], d[4])),
          arith::AddFOp::create(b, a, c),
          arith::SubFOp::create(b, a, c),
          fma(2, f, e),
          fma(-2, f, e),
          fma(4, d[1], fma(-5, d[3], d[5]))};
}

SmallVector<Value> WinogradLowering::transformOutput(ArrayRef<Value> m) {
  Value p = arith::AddFOp::create(b, m[1], m[2]);
  Value q = arith::SubFOp::create(b, m[1], m[2]);
  Value r = arith::AddFOp::create(b, m[3], m[4]);
  Value s = arith::SubFOp::create(b, m[3], m[4]);
  Value first = arith::AddFOp::create(b, m[0], p);
  return {arith::AddFOp::create(b, first, r), fma(2, s, q), fma(4, r, p),
          arith::AddFOp::create(b, fma(8, s, q), m[5])};
}

SmallVector<Value> WinogradLowering::transformSquare(
    ArrayRef<Value> square,
    function_ref<SmallVector<Value>(ArrayRef<Value>)> transform) {
  SmallVector<SmallVector<Value>> columns;
  for (int64_t x = 0; x < kWinogradSide; ++x) {
    SmallVector<Value> column;
    for (int64_t y = 0; y < kWinogradSide; ++y)
      column.push_back(square[y * kWinogradSide + x]);
    columns.push_back(transform(column));
  }
  SmallVector<Value> result;
  for (size_t y = 0; y < columns.front().size(); ++y) {
    SmallVector<Value> row;
    for (const SmallVector<Value> &column : columns)
      row.push_back(column[y]);
    llvm::append_range(result, transform(row));
  }
  return result;
}

void WinogradLowering::emitInput(Value block, Value row) {
  auto [sample, blockY, blockX] = locate(block);
  int64_t height = inputType.getDimSize(1), width = inputType.getDimSize(2);
  // Positions of the input that six rows, or columns, of pixels begin with, and
  // whether they are inside: a negative one is large when unsigned. Null where
  // all are.
  SmallVector<Value> ys, xs, yInside, xInside;
  auto fill = [&](Value number, unsigned dim, int64_t blocks, int64_t size,
                  SmallVector<Value> &places, SmallVector<Value> &inside) {
    int64_t low = window.getLow()[dim];
    Value first = add(b, mul(b, number, kWinogradBlock), -low);
    bool isCut =
        low != 0 || (blocks - 1) * kWinogradBlock + kWinogradSide - low > size;
    for (int64_t i = 0; i < kWinogradSide; ++i) {
      places.push_back(add(b, first, i));
      inside.push_back(
          isCut ? arith::CmpIOp::create(b, arith::CmpIPredicate::ult,
                                        places.back(), indexConstant(b, size))
                      .getResult()
                : Value());
    }
  };
  fill(blockY, 0, tall, height, ys, yInside);
  fill(blockX, 1, wide, width, xs, xInside);
  SmallVector<Value> pixels;
  for (auto [y, isRow] : llvm::zip(ys, yInside)) {
    Value line = mul(b, add(b, mul(b, sample, height), y), width);
    for (auto [x, isColumn] : llvm::zip(xs, xInside)) {
      Value pixel = rowView(b, input, add(b, line, x), depth);
      Value isInside = isRow && isColumn
                           ? arith::AndIOp::create(b, isRow, isColumn)
                       : isRow ? isRow
                               : isColumn;
      pixels.push_back(
          isInside ? arith::SelectOp::create(b, isInside, pixel, pad) : pixel);
    }
  }
  forEachVector(depth, [&](Value channel) {
    SmallVector<Value> square;
    for (Value pixel : pixels)
      square.push_back(
          vector::LoadOp::create(b, vector, pixel, ValueRange{channel}));
    square = transformSquare(
        square, [&](ArrayRef<Value> line) { return transformInput(line); });
    for (auto [tap, value] : llvm::enumerate(square)) {
      Value to = getRow(inputPitch, depth,
                        indexConstant(b, static_cast<int64_t>(tap)), row);
      vector::StoreOp::create(b, value, transformed,
                              ValueRange{add(b, to, channel)});
    }
  });
}

void WinogradLowering::emitProduct(Value tap, Value panel, int64_t count,
                                   Value rows) {
  int64_t height = tiling.getRows(), width = allPanels * kPanelWidth;
  auto sumType = VectorType::get({kPanelWidth}, b.getF32Type());
  Value zero = arith::ConstantOp::create(b, b.getZeroAttr(sumType));
  emitLoop(b, indexConstant(b, 0), rows, height, [&](Value row0) {
    SmallVector<Value> tileRows;
    for (int64_t r = 0; r < height; ++r)
      tileRows.push_back(
          sliceView(b, transformed,
                    getRow(inputPitch, depth, tap, add(b, row0, r)), depth));
    SmallVector<Value> init(height * count, zero);
    auto tile = InnerTileOp::create(b, TypeRange(ValueRange(init)),
                                    tiling.getIntrinsic(), tileRows,
                                    op.getWeights(), panel, tap, init,
                                    /*unsignedRows=*/false, BlocksAttr());
    for (auto [i, sum] : llvm::enumerate(tile.getResults())) {
      auto r = static_cast<int64_t>(i) / count,
           p = static_cast<int64_t>(i) % count;
      Value to = getRow(productPitch, width, tap, add(b, row0, r));
      Value column = mul(b, add(b, panel, p), kPanelWidth);
      vector::StoreOp::create(b, sum, products, ValueRange{add(b, to, column)});
    }
  });
}

void WinogradLowering::emitProducts(Value count) {
  int64_t groups = llvm::divideCeilSigned(allPanels, panels),
          rest = allPanels % panels;
  double cost = static_cast<double>(room * depth * panels * kPanelWidth) / rate;
  emitForall(b, indexConstant(b, kWinogradTaps * groups), cost, [&](Value i) {
    Value tap = b.createOrFold<arith::DivUIOp>(i, indexConstant(b, groups));
    Value group = b.createOrFold<arith::RemUIOp>(i, indexConstant(b, groups));
    Value panel = mul(b, group, panels);
    if (rest == 0)
      return emitProduct(tap, panel, panels, count);
    Value isFull = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, group,
                                         indexConstant(b, groups - 1));
    auto branch = scf::IfOp::create(b, TypeRange(), isFull, true);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(branch.thenBlock());
    emitProduct(tap, panel, panels, count);
    b.setInsertionPointToStart(branch.elseBlock());
    emitProduct(tap, panel, rest, count);
  });
}

void WinogradLowering::emitOutput(Value block, Value row) {
  auto [sample, blockY, blockX] = locate(block);
  int64_t height = outType.getDimSize(1), width = outType.getDimSize(2);
  auto pixels = memref::AllocaOp::create(
      b,
      MemRefType::get({kWinogradBlock * kWinogradBlock, lanes}, b.getF32Type()),
      b.getI64IntegerAttr(kBufferAlignment));
  Value y0 = mul(b, blockY, kWinogradBlock),
        x0 = mul(b, blockX, kWinogradBlock);
  Value outRow0 = add(b, mul(b, add(b, mul(b, sample, height), y0), width), x0);
  auto countInside = [&](Value first, int64_t size) -> Value {
    if (size % kWinogradBlock == 0)
      return indexConstant(b, kWinogradBlock);
    return arith::MinUIOp::create(
        b, arith::SubIOp::create(b, indexConstant(b, size), first),
        indexConstant(b, kWinogradBlock));
  };
  Value zero = indexConstant(b, 0);
  Value countY = countInside(y0, height), countX = countInside(x0, width);
  forEachVector(channels, [&](Value channel) {
    SmallVector<Value> square;
    for (int64_t tap = 0; tap < kWinogradTaps; ++tap) {
      Value from = getRow(productPitch, allPanels * kPanelWidth,
                          indexConstant(b, tap), row);
      square.push_back(vector::LoadOp::create(
          b, vector, products, ValueRange{add(b, from, channel)}));
    }
    square = transformSquare(
        square, [&](ArrayRef<Value> line) { return transformOutput(line); });
    for (auto [i, value] : llvm::enumerate(square))
      vector::StoreOp::create(
          b, value, pixels,
          ValueRange{indexConstant(b, static_cast<int64_t>(i)), zero});
    emitLoop(b, zero, countY, 1, [&](Value y) {
      emitLoop(b, zero, countX, 1, [&](Value x) {
        Value sum = vector::LoadOp::create(
            b, vector, pixels,
            ValueRange{add(b, mul(b, y, kWinogradBlock), x), zero});
        writer.store(b, sum, add(b, add(b, outRow0, mul(b, y, width)), x),
                     channel);
      });
    });
  });
}

void WinogradLowering::run() {
  input = collapseRows(b, op.getInput());
  std::optional<TypedAttr> value = op.getPadValue();
  pad = padRow(b, value ? *value : b.getF32FloatAttr(0), depth);
  room = chooseRoom();
  inputPitch = room * depth + kGap;
  productPitch = room * allPanels * kPanelWidth + kGap;
  auto allocate = [&](int64_t pitch) -> Value {
    return memref::AllocOp::create(
        b, MemRefType::get({kWinogradTaps * pitch}, b.getF32Type()));
  };
  transformed = allocate(inputPitch);
  products = allocate(productPitch);
  Value blocks =
      mul(b, b.createOrFold<memref::DimOp>(op.getOut(), 0), tall * wide);
  auto transformCost = [&](int64_t count) {
    return kTransformCost *
           static_cast<double>(llvm::divideCeilSigned(count, lanes));
  };
  emitLoop(b, indexConstant(b, 0), blocks, room, [&](Value first) {
    Value count =
        arith::MinUIOp::create(b, b.createOrFold<arith::SubIOp>(blocks, first),
                               indexConstant(b, room));
    emitForall(b, count, transformCost(depth),
               [&](Value i) { emitInput(add(b, first, i), i); });
    emitProducts(count);
    emitForall(b, count, transformCost(channels),
               [&](Value i) { emitOutput(add(b, first, i), i); });
  });
}

void mpc::lowerWinograd(WinogradOp op, const TargetDescription &target) {
  WinogradLowering(op, target).run();
}
