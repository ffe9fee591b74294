//===- LowerDepthwiseDot.cpp - kernel.depthwise by dot products -----------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Bytes, where an instruction sums four products per 32-bit lane: a lane is a
// channel, and the four products are taps of one column of the window. Four
// rows of 16 channels are interleaved to one vector, once for each input pixel
// of a tile, and all output pixels whose windows hold this column use it. Where
// four rows are more than a window has, as with 3 x 3 taps, they serve two
// output rows, whose weights stand at different places.
//
// The weights of all channels are interleaved in the same way, before, into a
// buffer: then channels are the innermost loop, which reads every line of the
// cache while it is there.
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

/// Products per lane.
static constexpr int64_t kTaps = 4;

/// A parallel iteration should cost about this much, in nanoseconds.
static constexpr double kBlockCost = 10000;

/// Interleaved weights that stay in the level-1 cache, in bytes.
static constexpr int64_t kWeightBytes = 24 * 1024;

namespace {

class DotDepthwiseLowering {
public:
  DotDepthwiseLowering(DepthwiseOp op)
      : op(op), b(op.getLoc(), op), window(*op.getWindow()),
        inputType(cast<MemRefType>(op.getInput().getType())),
        outType(cast<MemRefType>(op.getOut().getType())),
        writer(b, op.getEpilogue(), op.getExtras(), op.getExtraMaps(),
               op.getOut()),
        channels(outType.getDimSize(3)), outWidth(outType.getDimSize(2)),
        inWidth(inputType.getDimSize(2)),
        pitch(inputType.getStridesAndOffset().first[2]),
        width(std::min(channels, kPanelWidth)),
        groups(llvm::divideCeilSigned(window.getSizes()[0], kTaps)),
        rows(servesTwoRows() ? 2 : 1),
        inputRowCount(window.getSizes()[0] +
                      (rows - 1) * window.getStrides()[0]),
        weightCount(rows * window.getSizes()[1] * groups),
        panels(llvm::divideCeilSigned(channels, kPanelWidth)),
        panelsAtATime(std::clamp<int64_t>(
            kWeightBytes / (weightCount * kTaps * kPanelWidth), 1, panels)) {}

  void run();

private:
  /// Whether the interleaved rows hold the windows of two output rows. With
  /// long epilogues that would be more code than it saves.
  bool servesTwoRows() const {
    return writer.isShort() && outType.getDimSize(1) > 1 &&
           window.getDilations()[0] == 1 &&
           window.getSizes()[0] + window.getStrides()[0] <= groups * kTaps;
  }
  VectorType bytes(int64_t size) {
    return VectorType::get({size}, b.getI8Type());
  }
  /// Four vectors of bytes, one after the other in each lane of 32 bits.
  Value interleave(ArrayRef<Value> rows);
  /// `width` channels at `column` of `row`.
  Value load(Value row, Value column);
  /// One column of the input rows, by group of four.
  SmallVector<Value> loadColumn(Value offset);
  /// Weights that column `kw` of a group has for output row `row`.
  Value interleaveWeights(int64_t row, int64_t kw, int64_t group);
  /// Puts the weights of the current channels into the buffer.
  void storeWeights();
  /// Output pixels [column, column + pixels) of the current rows and channels.
  void emitPixels(Value column, int64_t pixels);
  /// One pixel whose window may reach outside.
  void emitEdge(int64_t column);
  void emitSums(ArrayRef<SmallVector<Value>> columns, Value column,
                int64_t pixels);
  /// The epilogue of the neighbours from `pixel` on: one code for all.
  void storeLoop(ArrayRef<Value> sums, Value pixel);
  /// The output rows from `row` on, counted over all samples.
  void emitRows(Value row);
  /// Sets `channel` to the first of each panel in [beginPanel, endPanel).
  void emitChannels(function_ref<void()> body);

  DepthwiseOp op;
  ImplicitLocOpBuilder b;
  WindowAttr window;
  MemRefType inputType, outType;
  OutputWriter writer;
  /// Elements from one input pixel to the next: `pitch`.
  int64_t channels, outWidth, inWidth, pitch, width, groups;
  /// Output rows at a time, and input rows in all of their windows; vectors of
  /// weights of a panel of channels; panels, and how many of them at a time.
  int64_t rows, inputRowCount, weightCount, panels, panelsAtATime;
  Value flatInput, padRun, pads, weights;
  /// The sums of a tile, where its epilogue is long.
  Value buffer;
  /// Of the current output rows: their first pixel, the input rows of their
  /// windows. Panels whose weights are in the buffer; of the current one: its
  /// first channel, and its place there.
  Value pixel0, beginPanel, endPanel, channel, slot;
  SmallVector<Value> inputRows;
};

} // namespace

/// The columns [first, second) of `outWidth` whose windows are horizontally
/// inside of `inWidth` pixels.
static std::pair<int64_t, int64_t> getInside(WindowAttr window, int64_t inWidth,
                                             int64_t outWidth) {
  int64_t stride = window.getStrides()[1], low = window.getLow()[1];
  int64_t most =
      inWidth - 1 + low - (window.getSizes()[1] - 1) * window.getDilations()[1];
  int64_t begin = std::min(llvm::divideCeilSigned(low, stride), outWidth);
  int64_t end = most < 0 ? 0 : std::min(most / stride + 1, outWidth);
  return {begin, std::max(begin, end)};
}

Value DotDepthwiseLowering::interleave(ArrayRef<Value> rows) {
  auto concatenate = [&](Value low, Value high) -> Value {
    int64_t size = cast<VectorType>(low.getType()).getDimSize(0);
    return vector::ShuffleOp::create(
        b, low, high, llvm::to_vector(llvm::seq<int64_t>(2 * size)));
  };
  Value all =
      concatenate(concatenate(rows[0], rows[1]), concatenate(rows[2], rows[3]));
  // First four channels of each tap, the next four ...
  auto words = VectorType::get({kPanelWidth}, b.getI32Type());
  all = vector::BitCastOp::create(b, words, all);
  SmallVector<int64_t> order;
  for (int64_t i = 0; i < kPanelWidth; ++i)
    order.push_back(i % kTaps * kTaps + i / kTaps);
  all = vector::ShuffleOp::create(b, all, all, order);
  // ... then within each 16 bytes the taps of each channel.
  all = vector::BitCastOp::create(b, bytes(kTaps * kPanelWidth), all);
  order.clear();
  for (int64_t i = 0; i < kTaps * kPanelWidth; ++i)
    order.push_back(i / 16 * 16 + i % kTaps * kTaps + i % 16 / kTaps);
  return vector::ShuffleOp::create(b, all, all, order);
}

Value DotDepthwiseLowering::load(Value row, Value column) {
  Value value =
      vector::LoadOp::create(b, bytes(width), row, ValueRange{column});
  if (width == kPanelWidth)
    return value;
  Value zero = arith::ConstantOp::create(b, b.getZeroAttr(bytes(kPanelWidth)));
  return vector::InsertStridedSliceOp::create(b, value, zero, 0, 1);
}

SmallVector<Value> DotDepthwiseLowering::loadColumn(Value offset) {
  SmallVector<Value> vectors;
  for (int64_t group = 0; group < groups; ++group) {
    SmallVector<Value> taps;
    // Weights of taps that are none are zero.
    for (int64_t tap = 0; tap < kTaps; ++tap)
      taps.push_back(group * kTaps + tap < inputRowCount
                         ? load(inputRows[group * kTaps + tap], offset)
                         : taps.back());
    vectors.push_back(interleave(taps));
  }
  return vectors;
}

Value DotDepthwiseLowering::interleaveWeights(int64_t row, int64_t kw,
                                              int64_t group) {
  Value zero = arith::ConstantOp::create(b, b.getZeroAttr(bytes(kPanelWidth)));
  SmallVector<Value> taps(kTaps, zero);
  for (int64_t tap = 0; tap < kTaps; ++tap) {
    int64_t kh = group * kTaps + tap - row * window.getStrides()[0];
    if (kh < 0 || kh >= window.getSizes()[0])
      continue;
    Value value = vector::LoadOp::create(
        b, bytes(width), op.getWeights(),
        ValueRange{indexConstant(b, kh), indexConstant(b, kw), channel});
    taps[tap] = width == kPanelWidth
                    ? value
                    : vector::InsertStridedSliceOp::create(b, value, zero, 0, 1)
                          .getResult();
  }
  return interleave(taps);
}

void DotDepthwiseLowering::storeWeights() {
  int64_t place = 0;
  for (int64_t kw = 0; kw < window.getSizes()[1]; ++kw)
    for (int64_t group = 0; group < groups; ++group)
      for (int64_t row = 0; row < rows; ++row)
        vector::StoreOp::create(
            b, interleaveWeights(row, kw, group), weights,
            ValueRange{slot, indexConstant(b, place++), indexConstant(b, 0)});
}

void DotDepthwiseLowering::emitSums(ArrayRef<SmallVector<Value>> columns,
                                    Value column, int64_t pixels) {
  auto type = VectorType::get({kPanelWidth}, b.getI32Type());
  Value start = writer.getStart(b, b.getI32Type(), kPanelWidth, channel, width);
  SmallVector<Value> sums(rows * pixels, start);
  int64_t taps = window.getSizes()[1], place = 0;
  for (int64_t kw = 0; kw < taps; ++kw)
    for (int64_t group = 0; group < groups; ++group)
      for (int64_t row = 0; row < rows; ++row) {
        Value weight = vector::LoadOp::create(
            b, bytes(kTaps * kPanelWidth), weights,
            ValueRange{slot, indexConstant(b, place++), indexConstant(b, 0)});
        for (int64_t pixel = 0; pixel < pixels; ++pixel) {
          Value &sum = sums[row * pixels + pixel];
          sum = LLVM::CallIntrinsicOp::create(
                    b, type, b.getStringAttr("llvm.x86.avx512.vpdpbusd.512"),
                    ValueRange{sum, columns[pixel * taps + kw][group], weight})
                    .getResult(0);
        }
      }
  if (buffer && pixels > 1)
    return storeLoop(sums, add(b, pixel0, column));
  for (auto [i, sum] : llvm::enumerate(sums)) {
    if (width != kPanelWidth)
      sum = vector::ExtractStridedSliceOp::create(b, sum, 0, width, 1);
    auto place = static_cast<int64_t>(i);
    Value pixel = add(b, column, place / pixels * outWidth + place % pixels);
    writer.store(b, sum, add(b, pixel0, pixel), channel);
  }
}

void DotDepthwiseLowering::storeLoop(ArrayRef<Value> sums, Value pixel) {
  for (auto [i, sum] : llvm::enumerate(sums))
    vector::StoreOp::create(
        b, sum, buffer, ValueRange{indexConstant(b, i), indexConstant(b, 0)});
  auto count = static_cast<int64_t>(sums.size());
  auto type = VectorType::get({width}, b.getI32Type());
  emitLoop(b, indexConstant(b, 0), indexConstant(b, count), 1, [&](Value i) {
    Value sum = vector::LoadOp::create(b, type, buffer,
                                       ValueRange{i, indexConstant(b, 0)});
    writer.store(b, sum, add(b, pixel, i), channel);
  });
}

void DotDepthwiseLowering::emitPixels(Value column, int64_t pixels) {
  int64_t stride = window.getStrides()[1], dilation = window.getDilations()[1];
  Value left = add(b, mul(b, column, stride), -window.getLow()[1]);
  Value base = add(b, mul(b, left, pitch), channel);
  llvm::SmallDenseMap<int64_t, SmallVector<Value>> loaded;
  SmallVector<SmallVector<Value>> columns;
  for (int64_t pixel = 0; pixel < pixels; ++pixel)
    for (int64_t kw = 0; kw < window.getSizes()[1]; ++kw) {
      int64_t offset = pixel * stride + kw * dilation;
      SmallVector<Value> &vectors = loaded[offset];
      if (vectors.empty())
        vectors = loadColumn(add(b, base, offset * pitch));
      columns.push_back(vectors);
    }
  emitSums(columns, column, pixels);
}

void DotDepthwiseLowering::emitEdge(int64_t column) {
  SmallVector<SmallVector<Value>> columns;
  for (int64_t kw = 0; kw < window.getSizes()[1]; ++kw) {
    int64_t x = column * window.getStrides()[1] - window.getLow()[1] +
                kw * window.getDilations()[1];
    columns.push_back(x < 0 || x >= inWidth
                          ? SmallVector<Value>(groups, pads)
                          : loadColumn(add(b, channel, x * pitch)));
  }
  emitSums(columns, indexConstant(b, column), 1);
}

void DotDepthwiseLowering::emitChannels(function_ref<void()> body) {
  auto emit = [&](Value panel) {
    slot = b.createOrFold<arith::SubIOp>(panel, beginPanel);
    channel = mul(b, panel, kPanelWidth);
    // The last channels that do not fill a vector are computed with some
    // others.
    if (channels % kPanelWidth != 0 && channels > kPanelWidth)
      channel = arith::MinUIOp::create(
          b, channel, indexConstant(b, channels - kPanelWidth));
    body();
  };
  if (panels == 1)
    emit(beginPanel);
  else
    emitLoop(b, beginPanel, endPanel, 1, emit);
}

void DotDepthwiseLowering::emitRows(Value row) {
  pixel0 = mul(b, row, outWidth);
  WindowRow place(b, window, inputType, outType, pixel0);
  inputRows.clear();
  for (int64_t kh = 0; kh < inputRowCount; ++kh)
    inputRows.push_back(
        place.getInputRow(b, flatInput, padRun, indexConstant(b, kh), pitch));
  std::pair<int64_t, int64_t> inside = getInside(window, inWidth, outWidth);
  int64_t begin = inside.first, end = inside.second;
  for (int64_t column = 0; column < begin; ++column)
    emitChannels([&] { emitEdge(column); });
  int64_t tile = op.getTiling().getRows();
  if (end - begin >= tile) {
    // A last ragged tile moves back and recomputes some pixels.
    Value last = indexConstant(b, end - tile);
    emitLoop(b, indexConstant(b, begin), indexConstant(b, end), tile,
             [&](Value column) {
               if ((end - begin) % tile != 0)
                 column = arith::MinUIOp::create(b, column, last);
               emitChannels([&] { emitPixels(column, tile); });
             });
  } else if (begin < end) {
    emitLoop(
        b, indexConstant(b, begin), indexConstant(b, end), 1,
        [&](Value column) { emitChannels([&] { emitPixels(column, 1); }); });
  }
  for (int64_t column = end; column < outWidth; ++column)
    emitChannels([&] { emitEdge(column); });
}

void DotDepthwiseLowering::run() {
  writer.startAtBias();
  flatInput = flattenRows(b, op.getInput());
  if (window.isPadded(0))
    padRun = padRow(b, *op.getPadValue(), inWidth * pitch);
  if (window.isPadded(1)) {
    APInt value = cast<IntegerAttr>(*op.getPadValue()).getValue();
    pads = arith::ConstantOp::create(
        b, DenseElementsAttr::get(bytes(kTaps * kPanelWidth), value));
  }
  int64_t outHeight = outType.getDimSize(1),
          perSample = llvm::divideCeilSigned(outHeight, rows);
  Value samples = b.createOrFold<arith::DivUIOp>(
      b.createOrFold<memref::DimOp>(writer.getRows(), 0),
      indexConstant(b, outHeight * outWidth));
  Value steps = mul(b, samples, perSample);
  // About one instruction per tap, group and pixel, and ten for what follows.
  double cost = static_cast<double>(rows) * outWidth * channels / kPanelWidth *
                (3 * window.getSizes()[1] * groups + 10) / 6;
  int64_t block = std::max<int64_t>(1, static_cast<int64_t>(kBlockCost / cost));
  Value blocks = b.createOrFold<arith::DivUIOp>(add(b, steps, block - 1),
                                                indexConstant(b, block));
  auto emitStep = [&](Value step) {
    if (rows == 1)
      return emitRows(step);
    // The last rows of a sample move back and recompute one.
    Value count = indexConstant(b, perSample);
    Value sample = b.createOrFold<arith::DivUIOp>(step, count);
    Value row = mul(b, b.createOrFold<arith::RemUIOp>(step, count), rows);
    if (outHeight % rows != 0)
      row = arith::MinUIOp::create(b, row, indexConstant(b, outHeight - rows));
    emitRows(add(b, mul(b, sample, outHeight), row));
  };
  emitForall(b, blocks, cost * block, [&](Value index) {
    Value begin = mul(b, index, block);
    Value end = arith::MinUIOp::create(b, add(b, begin, block), steps);
    weights = memref::AllocaOp::create(
        b,
        MemRefType::get({panelsAtATime, weightCount, kTaps * kPanelWidth},
                        b.getI8Type()),
        b.getI64IntegerAttr(64));
    if (!writer.isShort())
      buffer = memref::AllocaOp::create(
          b,
          MemRefType::get({op.getTiling().getRows(), kPanelWidth},
                          b.getI32Type()),
          b.getI64IntegerAttr(64));
    auto emitPanels = [&](Value first) {
      beginPanel = first;
      endPanel = b.createOrFold<arith::MinUIOp>(add(b, first, panelsAtATime),
                                                indexConstant(b, panels));
      emitChannels([&] { storeWeights(); });
      emitLoop(b, begin, end, 1, emitStep);
    };
    if (panelsAtATime == panels)
      emitPanels(indexConstant(b, 0));
    else
      emitLoop(b, indexConstant(b, 0), indexConstant(b, panels), panelsAtATime,
               emitPanels);
  });
}

void mpc::lowerDepthwiseDot(DepthwiseOp op) { DotDepthwiseLowering(op).run(); }
