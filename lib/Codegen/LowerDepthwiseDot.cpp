//===- LowerDepthwiseDot.cpp - kernel.depthwise by dot products -----------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Bytes, where an instruction sums four products per 32-bit lane: a lane is a
// channel, and the four products are taps of one column of the window. Where
// four rows are more than a window has, as with 3 x 3 taps, they serve two
// output rows, whose weights stand at different places.
//
// A block of 64 channels goes along a row of input pixels. Four rows of a pixel
// are interleaved to four vectors once, by unpacking bytes and then pairs, and
// added to the sums of all output pixels whose windows hold them: the loop
// carries those that are not complete. Unpacking works within 128 bits, so that
// a vector holds four channels of each 16. Packing the results to bytes undoes
// that; an epilogue that is no change of scale and a clamp gets its channels in
// order, by one permutation more of each row. Of 32 channels or 16 that are
// left, two or four places of the output, one below the other, lie side by side
// in a vector.
//
// The weights of all channels are interleaved in the same way, before, into a
// buffer.
//
// The pixels at the left and right end of a row, whose windows reach outside,
// are code of their own, where what is outside is known; rows above and below
// are a constant row of pad values. Integer sums do not depend on their order.
//
//===----------------------------------------------------------------------===//

#include "mpc/Codegen/OutputTile.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mpc;
using namespace mpc::kernel;

/// Products per lane; bytes and lanes of a vector, and bytes that instructions
/// interleave among themselves.
static constexpr int64_t kTaps = 4, kBytes = 64, kLanes = 16, kUnit = 16;

/// Vectors that four rows of as many bytes are interleaved to.
static constexpr int64_t kVectors = 4;

/// Vectors of sums that stay in registers.
static constexpr int64_t kMaxSums = 24;

/// A parallel iteration should cost about this much, in nanoseconds.
static constexpr double kBlockCost = 10000;

/// Interleaved weights that stay in the level-1 cache, in bytes.
static constexpr int64_t kWeightBytes = 24 * 1024;

namespace {

class DotDepthwiseLowering {
public:
  explicit DotDepthwiseLowering(DepthwiseOp op)
      : op(op), b(op.getLoc(), op), window(*op.getWindow()),
        inputType(cast<MemRefType>(op.getInput().getType())),
        outType(cast<MemRefType>(op.getOut().getType())),
        plainWriter(b, op.getEpilogue(), op.getExtras(), op.getExtraMaps(),
                    op.getOut()),
        channels(outType.getDimSize(3)), outWidth(outType.getDimSize(2)),
        inWidth(inputType.getDimSize(2)),
        pitch(inputType.getStridesAndOffset().first[2]),
        groups(llvm::divideCeilSigned(window.getSizes()[0], kTaps)),
        stages((window.getSizes()[1] - 1) * window.getDilations()[1] /
                   window.getStrides()[1] +
               1),
        rows(servesTwoRows() ? 2 : 1),
        inputRowCount(window.getSizes()[0] +
                      (rows - 1) * window.getStrides()[0]),
        weightCount(rows * window.getSizes()[1] * groups) {}

  void run();

private:
  /// Whether the interleaved rows hold the windows of two output rows.
  bool servesTwoRows() const {
    return outType.getDimSize(1) > 1 && window.getDilations()[0] == 1 &&
           window.getSizes()[0] + window.getStrides()[0] <= groups * kTaps &&
           2 * stages * kVectors <= kMaxSums;
  }
  /// Whether results are packed to bytes in the order of unpacked channels.
  bool areReordered() const {
    return channels >= kUnit && plainWriter.isShort() &&
           plainWriter.packsBytes() && plainWriter.readsChannelsOnly();
  }
  VectorType bytes(int64_t size) {
    return VectorType::get({size}, b.getI8Type());
  }
  /// One vector after the other.
  Value concatenate(ArrayRef<Value> vectors);
  /// Four vectors of bytes, one after the other in each lane of 32 bits.
  SmallVector<Value> interleave(ArrayRef<Value> taps);
  /// The channels of the block at `indices` of each of `memrefs`, a place each.
  Value load(ArrayRef<Value> memrefs, ValueRange indices);
  /// Column `x` of the input rows: vectors by group of four. A null `x` is one
  /// of pad values.
  SmallVector<Value> loadColumn(Value x);
  /// Weights that column `kw` of a group has for output row `row`.
  SmallVector<Value> interleaveWeights(int64_t row, int64_t kw, int64_t group);
  /// Puts the weights of the current block into the buffer, and what the
  /// epilogue reads of its channels.
  void storeBlock();
  /// Adds to `sums`, by pixel, row and vector, the input columns that pixel `x`
  /// of the output is the first to use; pixels [x - last, x] use them.
  void addColumns(SmallVectorImpl<Value> &sums, int64_t last,
                  function_ref<Value(int64_t)> getColumn);
  /// What the sums of a pixel of each row start at.
  SmallVector<Value> getStart();
  /// The current rows of the current block.
  void emitRows();
  /// The epilogue of one pixel of each row.
  void store(ArrayRef<Value> sums, Value column);
  struct Blocks {
    int64_t width, first, count;
  };
  /// Steps [begin, end) of blocks of `width` channels from `first` on, of which
  /// the last moves back to end with the channels.
  void emitBlocks(const Blocks &kind, int64_t rowsPerStep, Value begin,
                  Value end);
  /// Sets `channel` to the first of each block in [begin, end).
  void emitChannels(Value begin, Value end, function_ref<void()> body);
  /// Sets `pixel0` and `inputRows`: places are output rows from `row` of
  /// `sample` on.
  void enterRows(Value sample, Value row);

  DepthwiseOp op;
  ImplicitLocOpBuilder b;
  WindowAttr window;
  MemRefType inputType, outType;
  /// The second one reads what is in the order of vectors.
  OutputWriter plainWriter;
  std::optional<OutputWriter> writer;
  /// Elements from one input pixel to the next: `pitch`; groups of four taps in
  /// a column of the window.
  int64_t channels, outWidth, inWidth, pitch, groups;
  /// Output pixels of a row that use an input column, at most; output rows at a
  /// time, and input rows in all of their windows; weights of a channel, by
  /// four.
  int64_t stages, rows, inputRowCount, weightCount;
  /// Of the current blocks: channels, places side by side, the first channel
  /// of all, and the number of blocks.
  int64_t width, places, firstChannel, blocks;
  Value flatInput, padRun, weights;
  /// What the epilogue reads of channels, and where it lies in their order.
  SmallVector<std::pair<Value, Value>> reordered;
  /// The sums of a pixel, where its epilogue is long, and the pixels that they
  /// are of.
  Value buffer, bufferRows;
  /// The current output rows by place: their first pixel, the input rows of
  /// their windows. The first block whose weights are in the buffer; of the
  /// current one: its first channel, and its place there.
  Value beginBlock, channel, slot;
  SmallVector<Value> pixel0;
  SmallVector<SmallVector<Value>> inputRows;
};

} // namespace

Value DotDepthwiseLowering::concatenate(ArrayRef<Value> vectors) {
  if (vectors.size() == 1)
    return vectors.front();
  size_t half = vectors.size() / 2;
  Value low = concatenate(vectors.take_front(half)),
        high = concatenate(vectors.drop_front(half));
  int64_t size = cast<VectorType>(low.getType()).getDimSize(0);
  return vector::ShuffleOp::create(
      b, low, high, llvm::to_vector(llvm::seq<int64_t>(2 * size)));
}

SmallVector<Value> DotDepthwiseLowering::interleave(ArrayRef<Value> taps) {
  SmallVector<Value> inputs(taps);
  // Each unit brings four bytes of every vector.
  if (!areReordered()) {
    auto words = VectorType::get({kLanes}, b.getI32Type());
    SmallVector<int64_t> order;
    for (int64_t i = 0; i < kLanes; ++i)
      order.push_back(i % kVectors * kVectors + i / kVectors);
    for (Value &input : inputs) {
      Value all = vector::BitCastOp::create(b, words, input);
      all = vector::ShuffleOp::create(b, all, all, order);
      input = vector::BitCastOp::create(b, bytes(kBytes), all);
    }
  }
  auto unpack = [&](Value low, Value high, int64_t size, bool upper) -> Value {
    auto type = VectorType::get({kBytes / size}, b.getIntegerType(8 * size));
    int64_t inUnit = kUnit / size;
    SmallVector<int64_t> order;
    for (int64_t i = 0; i < kBytes / size; ++i)
      order.push_back(i / inUnit * inUnit + upper * inUnit / 2 +
                      i % inUnit / 2 + i % 2 * (kBytes / size));
    Value both = vector::ShuffleOp::create(
        b, vector::BitCastOp::create(b, type, low),
        vector::BitCastOp::create(b, type, high), order);
    return vector::BitCastOp::create(b, bytes(kBytes), both);
  };
  SmallVector<Value> result;
  for (bool upper : {false, true}) {
    Value first = unpack(inputs[0], inputs[1], 1, upper),
          second = unpack(inputs[2], inputs[3], 1, upper);
    result.push_back(unpack(first, second, 2, false));
    result.push_back(unpack(first, second, 2, true));
  }
  return result;
}

Value DotDepthwiseLowering::load(ArrayRef<Value> memrefs, ValueRange indices) {
  int64_t used = std::min(width, channels);
  SmallVector<Value> parts;
  for (Value memref : memrefs) {
    Value part = vector::LoadOp::create(b, bytes(used), memref, indices);
    if (used != width) {
      Value zero = arith::ConstantOp::create(b, b.getZeroAttr(bytes(width)));
      part = vector::InsertStridedSliceOp::create(b, part, zero, 0, 1);
    }
    parts.push_back(part);
  }
  return concatenate(parts);
}

SmallVector<Value> DotDepthwiseLowering::loadColumn(Value x) {
  SmallVector<Value> all;
  if (!x) {
    APInt value = cast<IntegerAttr>(*op.getPadValue()).getValue();
    Value pads = arith::ConstantOp::create(
        b, DenseElementsAttr::get(bytes(kBytes), value));
    return SmallVector<Value>(groups * kVectors, pads);
  }
  Value offset = add(b, mul(b, x, pitch), channel);
  for (int64_t group = 0; group < groups; ++group) {
    SmallVector<Value> taps;
    // Weights of taps that are none are zero.
    for (int64_t tap = 0; tap < kTaps; ++tap) {
      int64_t number = group * kTaps + tap;
      if (number >= inputRowCount) {
        taps.push_back(taps.back());
        continue;
      }
      SmallVector<Value> here;
      for (ArrayRef<Value> rowsOfPlace : inputRows)
        here.push_back(rowsOfPlace[number]);
      taps.push_back(load(here, offset));
    }
    all.append(interleave(taps));
  }
  return all;
}

SmallVector<Value> DotDepthwiseLowering::interleaveWeights(int64_t row,
                                                           int64_t kw,
                                                           int64_t group) {
  Value zero = arith::ConstantOp::create(b, b.getZeroAttr(bytes(kBytes)));
  SmallVector<Value> taps(kTaps, zero);
  for (int64_t tap = 0; tap < kTaps; ++tap) {
    int64_t kh = group * kTaps + tap - row * window.getStrides()[0];
    if (kh >= 0 && kh < window.getSizes()[0])
      taps[tap] = load(SmallVector<Value>(places, op.getWeights()),
                       {indexConstant(b, kh), indexConstant(b, kw), channel});
  }
  return interleave(taps);
}

void DotDepthwiseLowering::storeBlock() {
  int64_t place = 0;
  for (int64_t kw = 0; kw < window.getSizes()[1]; ++kw)
    for (int64_t group = 0; group < groups; ++group)
      for (int64_t row = 0; row < rows; ++row)
        for (Value vector : interleaveWeights(row, kw, group))
          vector::StoreOp::create(
              b, vector, weights,
              ValueRange{slot, indexConstant(b, place++), indexConstant(b, 0)});
  for (auto [from, to] : reordered) {
    Type element = cast<MemRefType>(from.getType()).getElementType();
    Value all = vector::LoadOp::create(b, VectorType::get({width}, element),
                                       from, ValueRange{channel});
    SmallVector<int64_t> order;
    for (int64_t i = 0; i < kBytes; ++i)
      order.push_back((i % kLanes / kVectors * kUnit + i / kLanes * kVectors +
                       i % kVectors) %
                      width);
    vector::StoreOp::create(b, vector::ShuffleOp::create(b, all, all, order),
                            to, ValueRange{mul(b, slot, kBytes)});
  }
}

void DotDepthwiseLowering::addColumns(SmallVectorImpl<Value> &sums,
                                      int64_t last,
                                      function_ref<Value(int64_t)> getColumn) {
  auto type = VectorType::get({kLanes}, b.getI32Type());
  int64_t stride = window.getStrides()[1], dilation = window.getDilations()[1];
  for (int64_t column = 0; column < stride; ++column) {
    SmallVector<Value> taps;
    for (int64_t pixel = 0; pixel <= last; ++pixel) {
      int64_t offset = pixel * stride + column, kw = offset / dilation;
      if (offset % dilation != 0 || kw >= window.getSizes()[1])
        continue;
      if (taps.empty())
        taps = loadColumn(getColumn(column));
      int64_t place = kw * groups * rows * kVectors;
      for (int64_t group = 0; group < groups; ++group)
        for (int64_t row = 0; row < rows; ++row)
          for (int64_t vector = 0; vector < kVectors; ++vector) {
            Value weight = vector::LoadOp::create(
                b, bytes(kBytes), weights,
                ValueRange{slot, indexConstant(b, place++),
                           indexConstant(b, 0)});
            Value &sum = sums[(pixel * rows + row) * kVectors + vector];
            sum = LLVM::CallIntrinsicOp::create(
                      b, type, b.getStringAttr("llvm.x86.avx512.vpdpbusd.512"),
                      ValueRange{sum, taps[group * kVectors + vector], weight})
                      .getResult(0);
          }
    }
  }
}

SmallVector<Value> DotDepthwiseLowering::getStart() {
  SmallVector<Value> start;
  for (int64_t vector = 0; vector < kVectors; ++vector) {
    Value column = areReordered()
                       ? add(b, mul(b, slot, kBytes), vector * kLanes)
                       : add(b, channel, vector * kLanes % width);
    start.push_back(writer->getStart(b, b.getI32Type(), kLanes, column,
                                     std::min(kLanes, channels)));
  }
  if (rows == 2)
    start.append(SmallVector<Value>(start));
  return start;
}

void DotDepthwiseLowering::store(ArrayRef<Value> sums, Value column) {
  SmallVector<Value> pixels;
  for (Value first : pixel0)
    pixels.push_back(add(b, first, column));
  SmallVector<OutputWriter::Part> parts;
  for (int64_t row = 0; row < rows; ++row) {
    SmallVector<Value> here;
    for (Value pixel : pixels)
      here.push_back(add(b, pixel, row * outWidth));
    ArrayRef<Value> ofRow = sums.slice(row * kVectors, kVectors);
    if (areReordered()) {
      writer->storeUnpacked(b, ofRow, here, channel, mul(b, slot, kBytes));
      continue;
    }
    for (auto [i, sum] : llvm::enumerate(ofRow)) {
      int64_t offset = static_cast<int64_t>(i) * kLanes;
      parts.push_back({sum, here[offset / width], channel, offset % width});
      if (channels < kLanes)
        parts.back().accumulator =
            vector::ExtractStridedSliceOp::create(b, sum, 0, channels, 1);
    }
  }
  if (!buffer) {
    writer->store(b, parts, 32 * kLanes);
    return;
  }
  // One code for all.
  Value zero = indexConstant(b, 0);
  for (auto [i, part] : llvm::enumerate(parts))
    vector::StoreOp::create(
        b, part.accumulator, buffer,
        ValueRange{indexConstant(b, static_cast<int64_t>(i)), zero});
  for (int64_t row = 0; row < rows; ++row)
    for (auto [place, pixel] : llvm::enumerate(pixels)) {
      Value number = indexConstant(b, row * places + int64_t(place));
      Value here = arith::IndexCastOp::create(b, b.getI64Type(),
                                              add(b, pixel, row * outWidth));
      memref::StoreOp::create(b, here, bufferRows, number);
    }
  auto type = VectorType::get({std::min(kLanes, channels)}, b.getI32Type());
  auto loadSum = [&](Value number) -> Value {
    return vector::LoadOp::create(b, type, buffer, ValueRange{number, zero});
  };
  auto loadPlace = [&](Value number) -> Value {
    return arith::IndexCastOp::create(
        b, b.getIndexType(), memref::LoadOp::create(b, bufferRows, number));
  };
  int64_t perPlace = width / kLanes;
  if (writer->packsBytes()) {
    emitLoop(b, rows, {}, [&](Value row, ValueRange) -> SmallVector<Value> {
      SmallVector<OutputWriter::Part> four;
      Value place;
      for (int64_t i = 0; i < kVectors; ++i) {
        if (i % perPlace == 0)
          place = loadPlace(add(b, mul(b, row, places), i / perPlace));
        four.push_back({loadSum(add(b, mul(b, row, kVectors), i)), place,
                        channel, i % perPlace * kLanes});
      }
      writer->storePacked(b, four);
      return {};
    });
    return;
  }
  emitLoop(b, zero, indexConstant(b, rows * kVectors), 1, [&](Value i) {
    Value sum = loadSum(i);
    Value place = loadPlace(
        b.createOrFold<arith::DivUIOp>(i, indexConstant(b, perPlace)));
    Value offset = b.createOrFold<arith::RemUIOp>(mul(b, i, kLanes),
                                                  indexConstant(b, width));
    writer->store(b, sum, place, add(b, channel, offset));
  });
}

void DotDepthwiseLowering::emitRows() {
  int64_t stride = window.getStrides()[1], low = window.getLow()[1];
  int64_t end = outWidth + stages - 1;
  SmallVector<Value> carried;
  // Where all columns are inside there is one code for all pixels.
  int64_t begin = std::max(stages - 1, llvm::divideCeilSigned(low, stride));
  int64_t inside = (inWidth + low) / stride;
  auto emitConstant = [&](int64_t x) {
    SmallVector<Value> sums = getStart();
    sums.append(carried);
    addColumns(sums, std::min(x, stages - 1), [&](int64_t column) -> Value {
      int64_t place = x * stride + column - low;
      if (place >= 0 && place < inWidth)
        return indexConstant(b, place);
      // Without padding it is a column that no pixel needs.
      return window.isPadded(1) ? Value() : indexConstant(b, inWidth - 1);
    });
    size_t kept = (stages - 1) * rows * kVectors;
    if (sums.size() > kept) {
      store(ArrayRef(sums).drop_front(kept), indexConstant(b, x + 1 - stages));
      sums.truncate(kept);
    }
    carried = sums;
  };
  int64_t x = 0;
  for (; x < std::min(begin, end); ++x)
    emitConstant(x);
  if (int64_t loopEnd = std::min(inside, end); x < loopEnd) {
    carried = emitLoop(
        b, indexConstant(b, x), indexConstant(b, loopEnd), carried,
        [&](Value position, ValueRange before) {
          SmallVector<Value> sums = getStart();
          sums.append(before.begin(), before.end());
          addColumns(sums, stages - 1, [&](int64_t column) {
            return add(b, mul(b, position, stride), column - low);
          });
          size_t kept = before.size();
          store(ArrayRef(sums).drop_front(kept), add(b, position, 1 - stages));
          sums.truncate(kept);
          return sums;
        });
    x = loopEnd;
  }
  for (; x < end; ++x)
    emitConstant(x);
}

void DotDepthwiseLowering::emitChannels(Value begin, Value end,
                                        function_ref<void()> body) {
  auto emit = [&](Value block) {
    slot = b.createOrFold<arith::SubIOp>(block, beginBlock);
    channel = add(b, mul(b, block, width), firstChannel);
    // The last channels that do not fill a block are computed with some others.
    if (firstChannel + blocks * width > channels && channels > width)
      channel = arith::MinUIOp::create(b, channel,
                                       indexConstant(b, channels - width));
    body();
  };
  if (blocks == 1)
    emit(begin);
  else
    emitLoop(b, begin, end, 1, emit);
}

void DotDepthwiseLowering::enterRows(Value sample, Value row) {
  int64_t outHeight = outType.getDimSize(1);
  pixel0.clear();
  inputRows.clear();
  for (int64_t place = 0; place < places; ++place) {
    // The last rows of a sample move back and recompute some.
    Value first = add(b, row, place * rows);
    if (outHeight % (places * rows) != 0)
      first =
          arith::MinUIOp::create(b, first, indexConstant(b, outHeight - rows));
    first = mul(b, add(b, mul(b, sample, outHeight), first), outWidth);
    pixel0.push_back(first);
    WindowRow windowRow(b, window, inputType, outType, first);
    SmallVector<Value> &ofPlace = inputRows.emplace_back();
    for (int64_t kh = 0; kh < inputRowCount; ++kh)
      ofPlace.push_back(windowRow.getInputRow(b, flatInput, padRun,
                                              indexConstant(b, kh), pitch));
  }
}

void DotDepthwiseLowering::emitBlocks(const Blocks &kind, int64_t rowsPerStep,
                                      Value begin, Value end) {
  width = kind.width;
  places = kBytes / width;
  firstChannel = kind.first;
  blocks = kind.count;
  int64_t atATime = std::clamp<int64_t>(
      kWeightBytes / (weightCount * kVectors * kBytes), 1, blocks);
  auto allocate = [&](ArrayRef<int64_t> shape, Type element) -> Value {
    return memref::AllocaOp::create(b, MemRefType::get(shape, element),
                                    b.getI64IntegerAttr(64));
  };
  weights = allocate({atATime, weightCount * kVectors, kBytes}, b.getI8Type());
  writer.emplace(plainWriter);
  reordered.clear();
  if (areReordered())
    writer->replaceChannels([&](Value from) {
      Type element = cast<MemRefType>(from.getType()).getElementType();
      Value to = allocate({atATime * kBytes}, element);
      reordered.emplace_back(from, to);
      return to;
    });
  if (!plainWriter.isShort()) {
    buffer = allocate({rows * kVectors, kLanes}, b.getI32Type());
    bufferRows = allocate({rows * places}, b.getI64Type());
  }
  int64_t outHeight = outType.getDimSize(1);
  Value perSample =
      indexConstant(b, llvm::divideCeilSigned(outHeight, rowsPerStep));
  auto emitPart = [&](Value firstBlock) {
    beginBlock = firstBlock;
    Value endBlock = b.createOrFold<arith::MinUIOp>(add(b, firstBlock, atATime),
                                                    indexConstant(b, blocks));
    emitChannels(beginBlock, endBlock, [&] { storeBlock(); });
    emitLoop(b, begin, end, 1, [&](Value step) {
      Value sample = b.createOrFold<arith::DivUIOp>(step, perSample);
      Value row =
          mul(b, b.createOrFold<arith::RemUIOp>(step, perSample), rowsPerStep);
      auto emitPlaces = [&](Value row) {
        enterRows(sample, row);
        emitChannels(beginBlock, endBlock, [&] { emitRows(); });
      };
      if (places * rows == rowsPerStep)
        return emitPlaces(row);
      Value rowEnd = arith::MinUIOp::create(b, add(b, row, rowsPerStep),
                                            indexConstant(b, outHeight));
      emitLoop(b, row, rowEnd, places * rows, emitPlaces);
    });
  };
  if (atATime == blocks)
    emitPart(indexConstant(b, 0));
  else
    emitLoop(b, indexConstant(b, 0), indexConstant(b, blocks), atATime,
             emitPart);
}

void DotDepthwiseLowering::run() {
  plainWriter.startAtBias();
  flatInput = flattenRows(b, op.getInput());
  if (window.isPadded(0))
    padRun = padRow(b, *op.getPadValue(), inWidth * pitch);
  // As few channels as possible are computed twice.
  int64_t size = channels >= kBytes ? kBytes : channels >= 32 ? 32 : kUnit;
  int64_t rest = channels % size, restSize = rest <= kUnit ? kUnit : 32;
  bool hasRest = rest != 0 && restSize < size && rest <= restSize;
  Blocks main = {size, 0, channels / size + (rest != 0 && !hasRest)};
  Blocks last = {restSize, channels - restSize, 1};
  int64_t rowsPerStep = rows * kBytes / (hasRest ? restSize : size);
  int64_t outHeight = outType.getDimSize(1);
  Value samples = b.createOrFold<arith::DivUIOp>(
      b.createOrFold<memref::DimOp>(plainWriter.getRows(), 0),
      indexConstant(b, outHeight * outWidth));
  Value steps = mul(b, samples, llvm::divideCeilSigned(outHeight, rowsPerStep));
  // About two instructions per column and group of taps, and five for what
  // follows, at 2 per cycle and 3 GHz.
  double cost = static_cast<double>(rowsPerStep) * outWidth *
                llvm::divideCeilSigned(channels, kUnit) *
                (2 * window.getSizes()[1] * groups + 5) / 6;
  int64_t block = std::max<int64_t>(1, static_cast<int64_t>(kBlockCost / cost));
  Value tasks = b.createOrFold<arith::DivUIOp>(add(b, steps, block - 1),
                                               indexConstant(b, block));
  emitForall(b, tasks, cost * block, [&](Value index) {
    Value begin = mul(b, index, block);
    Value end = arith::MinUIOp::create(b, add(b, begin, block), steps);
    emitBlocks(main, rowsPerStep, begin, end);
    if (hasRest)
      emitBlocks(last, rowsPerStep, begin, end);
  });
}

void mpc::lowerDepthwiseDot(DepthwiseOp op) { DotDepthwiseLowering(op).run(); }
