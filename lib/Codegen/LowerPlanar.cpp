//===- LowerPlanar.cpp - kernel.planar to loops over pixels ---------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A convolution whose output has few channels. Vectors hold neighbouring pixels
// of an output row, and every weight is a broadcast:
//
//   forall block of output rows { for segment of their columns, output row {
//     copy the input that its windows read, channel by channel
//     for tile of pixels { for tap, input channel {
//       one multiply-add per output channel and vector of the tile }
//       the sums, transposed to channels side by side, and the epilogue }}}
//
// In the copy, planes[input row][channel][phase][x / stride] with phase = x mod
// stride, a tap's pixels lie side by side for any stride, and what is outside
// of the input is there as pad values, so that inner loops check nothing. It
// holds the rows of one window, input row y in place y mod their number: from
// one output row to the next those stay that both read.
//
// The last vector of a tile may be half of one, which takes half of the time
// where a vector is computed in halves. All rows are one where their pixels are
// met alike (PlanarWindow.h).
// Bytes are multiplied by dot products: four channels are one word of the copy,
// and a weight is four of them. Below, channels of the input are such words.
//
//===----------------------------------------------------------------------===//

#include "PlanarWindow.h"
#include "mpc/Codegen/OutputTile.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mpc;
using namespace mpc::kernel;

/// A parallel iteration should cost about this much, in nanoseconds.
static constexpr double kBlockCost = 20000;

/// Multiplications of that at 3 GHz, one of 512 bits per cycle.
static constexpr double kBlockProducts = kBlockCost * 48;

/// Smaller squares are not worth transposing in registers.
static constexpr int64_t kMinSquare = 4;

PlanarWindow::PlanarWindow(ArrayRef<int64_t> sizes, ArrayRef<int64_t> strides,
                           ArrayRef<int64_t> dilations, ShapedType input,
                           ShapedType out, int64_t kv)
    : sizes(sizes), strides(strides), dilations(dilations),
      inHeight(input.getDimSize(1)), inWidth(input.getDimSize(2)),
      outHeight(out.getDimSize(1)), outWidth(out.getDimSize(2)) {
  // As many rows are one iteration otherwise.
  int64_t depth = input.getDimSize(3) / kv;
  double products = static_cast<double>(out.getDimSize(3)) * depth * sizes[0] *
                    outHeight * outWidth;
  int64_t lines = outHeight + (sizes[0] - 1) * dilations[0];
  if (inHeight < 1 || inWidth < 1 || sizes[0] == 1 || sizes[1] != 1 ||
      strides[0] != 1 || strides[1] != 1 || inWidth != outWidth ||
      products > 2 * kBlockProducts || lines * inWidth * depth > kPlaneElements)
    return;
  isOneRow = true;
  this->sizes = {1, sizes[0]};
  this->dilations = {1, dilations[0] * inWidth};
  inWidth *= inHeight;
  outWidth *= outHeight;
  inHeight = outHeight = 1;
}

namespace {

class PlanarLowering {
public:
  PlanarLowering(PlanarOp op, const TargetDescription &target);
  void run();

private:
  /// Input rows from the first to the last one of a window.
  int64_t windowRows() const { return (sizes[0] - 1) * dilations[0] + 1; }
  /// Positions of one phase of a plane that `pixels` output pixels read.
  int64_t planeWidth(int64_t pixels) const {
    return pixels + (sizes[1] - 1) * dilations[1] / strides[1];
  }
  void chooseSegment();

  /// `size` words of `memref`, whose elements are floats or bytes, from
  /// `indices` on, the last of which counts words.
  Value loadWords(Value memref, ValueRange indices, int64_t size);
  /// The same word as a scalar.
  Value loadWord(Value memref, ValueRange indices);
  /// The weights of a tap of an output channel.
  Value loadWeight(int64_t n, Value kh, Value kw, Value channel);
  /// What is outside of the input.
  Value createPad();
  Value multiplyAdd(Value x, Value w, Value sum);
  /// Where the copy has row `i` of the windows of the block's output row `row`.
  Value getPlaneRow(Value row, Value i);
  /// Copies what the block's output row `row` reads from output column
  /// `column0` on, and the row before it did not. `sample` is the input's first
  /// row of pixels of the sample, `row0` the block's first output row.
  void emitCopy(Value sample, Value row0, Value row, Value column0);
  /// One row of the copy, phase by phase, from row `inputRow` of the input.
  void emitCopyRow(Value inputRow, Value planeRow, Value left, bool inside);
  /// `count` channels of the pixels [begin, end) of a phase.
  void emitCopyPixels(Value inputRow, Value planeRow, int64_t phase, Value left,
                      Value begin, Value end);
  /// A tile of `tilePixels` output pixels from `column` on, all channels;
  /// `offset` counts from the segment's first one.
  void emitTile(Value outRow, Value row, Value offset, Value column);
  void emitChannels(Value row, Value offset, int64_t first, int64_t count);
  /// Transposes the sums of a vector of channels and pixels of the tile.
  void emitSquare(int64_t pixel, int64_t channel);

  PlanarOp op;
  ImplicitLocOpBuilder b;
  MemRefType inputType, outType;
  OutputWriter writer;
  bool isFloat;
  /// Of the copy and of sums: f32, or i32.
  Type word;
  /// Elements of the input in a word.
  int64_t perWord;
  PlanarWindow window;
  ArrayRef<int64_t> sizes, strides, dilations;
  SmallVector<int64_t, 2> low;
  int64_t lanes, tilePixels, channels, depth, outHeight, outWidth;
  /// Output pixels of a row that one copy serves, output rows of a block.
  int64_t segment, blockRows;
  /// Sums as [channel][pixel] and [pixel][channel].
  Value input, planes, sums, pixels;
  double rate;
};

} // namespace

PlanarLowering::PlanarLowering(PlanarOp op, const TargetDescription &target)
    : op(op), b(op.getLoc(), op),
      inputType(cast<MemRefType>(op.getInput().getType())),
      outType(cast<MemRefType>(op.getOut().getType())),
      writer(b, op.getEpilogue(), op.getExtras(), op.getExtraMaps(),
             op.getOut()),
      isFloat(isa<FloatType>(inputType.getElementType())),
      word(op.getAccumulatorType()), perWord(isFloat ? 1 : 4),
      window(op.getWindow()->getSizes(), op.getWindow()->getStrides(),
             op.getWindow()->getDilations(), inputType, outType, perWord),
      sizes(window.sizes), strides(window.strides), dilations(window.dilations),
      low(ArrayRef<int64_t>(op.getWindow()->getLow())),
      lanes(target.vectorBits / 32), tilePixels(op.getTiling().getRows()),
      channels(outType.getDimSize(3)), depth(inputType.getDimSize(3) / perWord),
      outHeight(window.outHeight), outWidth(window.outWidth),
      // Multiply-adds of words per nanosecond, at 3 GHz.
      rate(3.0 * target.vectorBits / 32) {
  input = flatten(b, op.getInput());
  if (window.isOneRow)
    low = {0, low[0] * inputType.getDimSize(2)};
}

/// Channels and positions that are transposed together; 1 if the copy goes
/// one by one.
static int64_t getSquare(int64_t lanes, int64_t depth) {
  int64_t size = llvm::bit_floor<uint64_t>(std::min(lanes, depth));
  return size < kMinSquare ? 1 : size;
}

/// As many columns as there are room for, and as many rows as are worth a
/// parallel iteration.
void PlanarLowering::chooseSegment() {
  segment = llvm::alignTo(outWidth, tilePixels);
  while (segment > tilePixels &&
         windowRows() * depth * strides[1] * planeWidth(segment) >
             kPlaneElements)
    segment -= tilePixels;
  double cost = static_cast<double>(channels) * depth * sizes[0] * sizes[1] *
                outWidth / rate;
  // The first rows of a block are copied anew.
  int64_t most = std::max({int64_t(2 * kBlockCost / cost),
                           4 * sizes[0] * dilations[0], int64_t(1)});
  // Even blocks.
  blockRows = llvm::divideCeilSigned(outHeight,
                                     llvm::divideCeilSigned(outHeight, most));
}

Value PlanarLowering::loadWords(Value memref, ValueRange indices,
                                int64_t size) {
  Type element = cast<MemRefType>(memref.getType()).getElementType();
  SmallVector<Value> position(indices);
  position.back() = mul(b, position.back(), perWord);
  auto type = VectorType::get({size * perWord}, element);
  Value value = vector::LoadOp::create(b, type, memref, position);
  auto words = VectorType::get({size}, word);
  if (!isFloat)
    return vector::BitCastOp::create(b, words, value);
  return element == word ? value : arith::ExtFOp::create(b, words, value);
}

Value PlanarLowering::loadWord(Value memref, ValueRange indices) {
  if (!isFloat)
    return vector::ExtractOp::create(b, loadWords(memref, indices, 1), 0);
  Value value = memref::LoadOp::create(b, memref, indices);
  return value.getType() == word
             ? value
             : arith::ExtFOp::create(b, word, value).getResult();
}

Value PlanarLowering::loadWeight(int64_t n, Value kh, Value kw, Value channel) {
  if (window.isOneRow)
    std::swap(kh, kw);
  return loadWord(op.getWeights(),
                  ValueRange{indexConstant(b, n), kh, kw, channel});
}

Value PlanarLowering::createPad() {
  auto pad = op.getPadValue();
  if (!pad)
    return arith::ConstantOp::create(b, b.getZeroAttr(word));
  if (isFloat)
    return arith::ConstantOp::create(
        b, b.getF32FloatAttr(
               static_cast<float>(cast<FloatAttr>(*pad).getValueAsDouble())));
  return arith::ConstantOp::create(
      b, b.getIntegerAttr(
             word, APInt::getSplat(32, cast<IntegerAttr>(*pad).getValue())));
}

Value PlanarLowering::multiplyAdd(Value x, Value w, Value sum) {
  if (isFloat)
    return vector::FMAOp::create(b, x, w, sum);
  int64_t words = cast<VectorType>(sum.getType()).getDimSize(0);
  auto bytes = VectorType::get({words * perWord}, b.getI8Type());
  auto asBytes = [&](Value value) -> Value {
    return vector::BitCastOp::create(b, bytes, value);
  };
  StringRef name = words == lanes ? "llvm.x86.avx512.vpdpbusd.512"
                                  : "llvm.x86.avx512.vpdpbusd.256";
  return LLVM::CallIntrinsicOp::create(b, sum.getType(), b.getStringAttr(name),
                                       ValueRange{sum, asBytes(x), asBytes(w)})
      .getResult(0);
}

void PlanarLowering::emitCopyPixels(Value inputRow, Value planeRow,
                                    int64_t phase, Value left, Value begin,
                                    Value end) {
  // Element of channel 0 of position 0 of the phase; positions before `begin`
  // are outside.
  Value pixel0 = add(b, mul(b, inputRow, window.inWidth), add(b, left, phase));
  auto addressOf = [&](Value position, int64_t channel) {
    Value pixel = add(b, pixel0, mul(b, position, strides[1]));
    return add(b, mul(b, pixel, depth), channel);
  };
  Value phaseIndex = indexConstant(b, phase);
  auto copySingle = [&](Value from, Value to, int64_t firstChannel) {
    emitLoop(b, from, to, 1, [&](Value position) {
      Value address = addressOf(position, 0);
      emitLoop(b, indexConstant(b, firstChannel), indexConstant(b, depth), 1,
               [&](Value channel) {
                 memref::StoreOp::create(
                     b, loadWord(input, add(b, address, channel)), planes,
                     ValueRange{planeRow, channel, phaseIndex, position});
               });
    });
  };
  // Squares of as many channels as positions; what is left has no square.
  int64_t size = getSquare(lanes, depth), whole = depth / size * size;
  if (size != 1) {
    Value count = arith::SubIOp::create(b, end, begin);
    Value rest = arith::RemUIOp::create(b, count, indexConstant(b, size));
    Value middle = arith::SubIOp::create(b, end, rest);
    emitLoop(b, begin, middle, size, [&](Value position) {
      emitLoop(
          b, indexConstant(b, 0), indexConstant(b, whole), size,
          [&](Value channel) {
            SmallVector<Value> square;
            for (int64_t i = 0; i < size; ++i)
              square.push_back(loadWords(
                  input, add(b, addressOf(add(b, position, i), 0), channel),
                  size));
            square = transposeVectors(b, square);
            for (int64_t i = 0; i < size; ++i)
              vector::StoreOp::create(b, square[i], planes,
                                      ValueRange{planeRow, add(b, channel, i),
                                                 phaseIndex, position});
          });
    });
    copySingle(middle, end, 0);
    if (whole != depth)
      copySingle(begin, middle, whole);
    return;
  }
  copySingle(begin, end, 0);
}

void PlanarLowering::emitCopyRow(Value inputRow, Value planeRow, Value left,
                                 bool inside) {
  int64_t width = planeWidth(segment), stride = strides[1];
  Value padValue = createPad();
  Value zero = indexConstant(b, 0), all = indexConstant(b, width);
  auto fill = [&](int64_t phase, Value from, Value to) {
    emitLoop(b, zero, indexConstant(b, depth), 1, [&](Value channel) {
      emitLoop(b, from, to, 1, [&](Value position) {
        memref::StoreOp::create(
            b, padValue, planes,
            ValueRange{planeRow, channel, indexConstant(b, phase), position});
      });
    });
  };
  for (int64_t phase = 0; phase < stride; ++phase) {
    if (!inside) {
      fill(phase, zero, all);
      continue;
    }
    // Positions whose pixel left + phase + position * stride is in [0, width).
    auto bound = [&](int64_t limit) -> Value {
      Value distance = arith::SubIOp::create(
          b, indexConstant(b, limit - phase + stride - 1), left);
      Value steps =
          arith::DivSIOp::create(b, distance, indexConstant(b, stride));
      steps = arith::MaxSIOp::create(b, steps, zero);
      return arith::MinSIOp::create(b, steps, all);
    };
    Value begin = bound(0), end = bound(window.inWidth);
    fill(phase, zero, begin);
    emitCopyPixels(inputRow, planeRow, phase, left, begin, end);
    fill(phase, end, all);
  }
}

Value PlanarLowering::getPlaneRow(Value row, Value i) {
  return b.createOrFold<arith::RemUIOp>(add(b, mul(b, row, strides[0]), i),
                                        indexConstant(b, windowRows()));
}

void PlanarLowering::emitCopy(Value sample, Value row0, Value row,
                              Value column0) {
  Value top = add(b, mul(b, add(b, row0, row), strides[0]), -low[0]);
  Value left = add(b, mul(b, column0, strides[1]), -low[1]);
  Value zero = indexConstant(b, 0);
  Value isFirst = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, row, zero);
  Value begin = arith::SelectOp::create(
      b, isFirst, zero,
      indexConstant(b, std::max<int64_t>(0, windowRows() - strides[0])));
  emitLoop(b, begin, indexConstant(b, windowRows()), 1, [&](Value i) {
    Value planeRow = getPlaneRow(row, i), inputRow = add(b, top, i);
    // A negative row is large when unsigned.
    Value inside = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, inputRow,
                                         indexConstant(b, window.inHeight));
    auto branch = scf::IfOp::create(b, TypeRange(), inside, true);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(branch.thenBlock());
    emitCopyRow(add(b, sample, inputRow), planeRow, left, true);
    b.setInsertionPointToStart(branch.elseBlock());
    emitCopyRow({}, planeRow, left, false);
  });
}

void PlanarLowering::emitChannels(Value row, Value offset, int64_t first,
                                  int64_t count) {
  SmallVector<VectorType> types;
  SmallVector<Value> zeros, accumulators;
  for (int64_t p = 0; p < tilePixels; p += lanes) {
    types.push_back(VectorType::get({std::min(lanes, tilePixels - p)}, word));
    zeros.push_back(arith::ConstantOp::create(b, b.getZeroAttr(types.back())));
  }
  auto vectors = static_cast<int64_t>(types.size());
  for (int64_t n = 0; n < count; ++n)
    accumulators.append(zeros);
  accumulators =
      emitLoop(b, sizes[0], accumulators, [&](Value kh, ValueRange outer) {
        Value planeRow = getPlaneRow(row, mul(b, kh, dilations[0]));
        return emitLoop(b, sizes[1], outer, [&](Value kw, ValueRange middle) {
          Value x = mul(b, kw, dilations[1]);
          Value stride = indexConstant(b, strides[1]);
          Value phase = b.createOrFold<arith::RemUIOp>(x, stride);
          Value position =
              add(b, offset, b.createOrFold<arith::DivUIOp>(x, stride));
          return emitLoop(
              b, depth, middle, [&](Value channel, ValueRange inner) {
                SmallVector<Value> sums(inner);
                SmallVector<Value> pixels;
                for (int64_t p = 0; p < vectors; ++p)
                  pixels.push_back(vector::LoadOp::create(
                      b, types[p], planes,
                      ValueRange{planeRow, channel, phase,
                                 add(b, position, p * lanes)}));
                for (int64_t n = 0; n < count; ++n) {
                  Value weight = loadWeight(first + n, kh, kw, channel);
                  for (int64_t p = 0; p < vectors; ++p) {
                    Value w = vector::BroadcastOp::create(b, types[p], weight);
                    Value &sum = sums[n * vectors + p];
                    sum = multiplyAdd(pixels[p], w, sum);
                  }
                }
                return sums;
              });
        });
      });
  for (int64_t n = 0; n < count; ++n)
    for (int64_t p = 0; p < vectors; ++p)
      vector::StoreOp::create(
          b, accumulators[n * vectors + p], sums,
          ValueRange{indexConstant(b, first + n), indexConstant(b, p * lanes)});
}

void PlanarLowering::emitTile(Value outRow, Value row, Value offset,
                              Value column) {
  // As many channels at a time as there are registers for.
  int64_t vectors = llvm::divideCeilSigned(tilePixels, lanes);
  int64_t most = std::max<int64_t>(1, (lanes == 16 ? 28 : 12) / vectors);
  int64_t parts = llvm::divideCeilSigned(channels, most);
  for (int64_t part = 0, first = 0; part < parts; ++part) {
    int64_t count = llvm::divideCeilSigned(channels - first, parts - part);
    emitChannels(row, offset, first, count);
    first += count;
  }
  for (int64_t p = 0; p < tilePixels; p += lanes)
    for (int64_t n = 0; n < channels; n += lanes)
      emitSquare(p, n);
  Value pixel0 = add(b, mul(b, outRow, outWidth), column);
  Value count = arith::MinUIOp::create(
      b, indexConstant(b, tilePixels),
      arith::SubIOp::create(b, indexConstant(b, outWidth), column));
  if (lanes == kPanelWidth && writer.packsBytes())
    return writer.storeRows(b, pixels, count, pixel0, indexConstant(b, 0),
                            channels, 32 * lanes);
  auto type = VectorType::get({channels}, word);
  emitLoop(b, indexConstant(b, 0), count, 1, [&](Value pixel) {
    Value sum = vector::LoadOp::create(b, type, pixels,
                                       ValueRange{pixel, indexConstant(b, 0)});
    writer.store(b, sum, add(b, pixel0, pixel), indexConstant(b, 0));
  });
}

void PlanarLowering::emitSquare(int64_t pixel, int64_t channel) {
  auto type = VectorType::get({lanes}, word);
  // Of few channels several squares side by side are one of vectors. Bytes are
  // packed from whole ones.
  int64_t count = std::min(lanes, channels - channel), size = lanes;
  while (size / 2 >= std::max(count, kMinSquare) && !writer.packsBytes())
    size /= 2;
  SmallVector<Value> square;
  for (int64_t i = 0; i < size; ++i)
    square.push_back(i < count ? vector::LoadOp::create(
                                     b, type, sums,
                                     ValueRange{indexConstant(b, channel + i),
                                                indexConstant(b, pixel)})
                                     .getResult()
                               : square.back()); // a channel that nobody reads
  square = transposeVectors(b, square);
  for (int64_t i = 0; i < std::min(lanes, tilePixels - pixel); ++i) {
    Value row = square[i % size];
    if (size < lanes)
      row = vector::ExtractStridedSliceOp::create(b, row, i / size * size, size,
                                                  /*strides=*/1);
    vector::StoreOp::create(
        b, row, pixels,
        ValueRange{indexConstant(b, pixel + i), indexConstant(b, channel)});
  }
}

void PlanarLowering::run() {
  chooseSegment();
  Value rows = b.createOrFold<memref::DimOp>(writer.getRows(), 0);
  Value samples = b.createOrFold<arith::DivUIOp>(
      rows, indexConstant(b, outHeight * outWidth));
  int64_t blocks = llvm::divideCeilSigned(outHeight, blockRows);
  double cost = static_cast<double>(channels) * depth * sizes[0] * sizes[1] *
                outWidth * blockRows / rate;
  emitForall(b, mul(b, samples, blocks), cost, [&](Value index) {
    auto alignment = b.getI64IntegerAttr(64);
    planes = memref::AllocaOp::create(
        b,
        MemRefType::get({windowRows(), depth, strides[1], planeWidth(segment)},
                        word),
        alignment);
    sums = memref::AllocaOp::create(
        b,
        MemRefType::get(
            {channels, static_cast<int64_t>(llvm::alignTo(tilePixels, lanes))},
            word),
        alignment);
    pixels = memref::AllocaOp::create(
        b,
        MemRefType::get(
            {tilePixels, static_cast<int64_t>(llvm::alignTo(channels, lanes))},
            word),
        alignment);
    Value size = indexConstant(b, blocks);
    Value n = b.createOrFold<arith::DivUIOp>(index, size);
    Value block = b.createOrFold<arith::RemUIOp>(index, size);
    Value row0 = mul(b, block, blockRows);
    Value count = arith::MinUIOp::create(
        b, indexConstant(b, blockRows),
        arith::SubIOp::create(b, indexConstant(b, outHeight), row0));
    Value sample = mul(b, n, window.inHeight);
    Value outRow0 = add(b, mul(b, n, outHeight), row0);
    Value width = indexConstant(b, outWidth);
    emitLoop(b, indexConstant(b, 0), width, segment, [&](Value column0) {
      Value end = arith::MinUIOp::create(b, add(b, column0, segment), width);
      emitLoop(b, indexConstant(b, 0), count, 1, [&](Value row) {
        emitCopy(sample, row0, row, column0);
        emitLoop(b, column0, end, tilePixels, [&](Value column) {
          emitTile(add(b, outRow0, row), row,
                   arith::SubIOp::create(b, column, column0), column);
        });
      });
    });
  });
}

LogicalResult mpc::lowerPlanar(PlanarOp op, const TargetDescription &target) {
  PlanarLowering(op, target).run();
  return success();
}
