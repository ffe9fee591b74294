//===- LowerDepthwise.cpp - kernel.depthwise to loops over pixels ---------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Channels lie side by side in input, weights and output, so that vectors run
// over them and nothing is reduced across lanes. A tile is a few neighbouring
// output pixels of one row: they share the weights, and most of the input
// pixels that they read. The tile finds those pixels once, pad values outside
// of the input; then a loop over channels reads them. Where all channels of
// what a tile reads are more than the level-1 cache holds, slices of channels
// are the outer loop, and each goes over the rows on its own.
//
//===----------------------------------------------------------------------===//

#include "mpc/Codegen/OutputTile.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mpc;
using namespace mpc::kernel;

/// With more taps the code of a tile gets too large; then tiles are single
/// pixels and taps are a loop inside the loop over channels.
static constexpr int64_t kMaxUnrolledTaps = 25;

/// Pixels of a tile: their accumulators, and the weights of a row of the
/// window, stay in registers. With more registers than these need there may be
/// more pixels, so many for each.
static constexpr int64_t kPixels = 4, kRegistersPerPixel = 4;

/// A parallel iteration should cost about this much, in nanoseconds.
static constexpr double kBlockCost = 10000;

/// A level-1 cache, what the rows of a window may take of it, in bytes, and the
/// fewest channels that are worth a slice of their own: with less, every pixel
/// is too short a run of memory.
static constexpr int64_t kCacheBytes = 32 * 1024;
static constexpr int64_t kSliceBytes = 24 * 1024;
static constexpr int64_t kMinSlice = 64;

namespace {

class DepthwiseLowering {
public:
  DepthwiseLowering(DepthwiseOp op, const TargetDescription &target)
      : op(op), b(op.getLoc(), op), window(*op.getWindow()),
        inputType(cast<MemRefType>(op.getInput().getType())),
        outType(cast<MemRefType>(op.getOut().getType())),
        weightElement(
            cast<MemRefType>(op.getWeights().getType()).getElementType()),
        writer(b, op.getEpilogue(), op.getExtras(), op.getExtraMaps(),
               op.getOut()),
        channels(outType.getDimSize(3)),
        maxPixels(target.vectorRegisters / kRegistersPerPixel),
        // Half of a multiply-add per cycle and lane, at 3 GHz.
        rate(1.5 * target.vectorBits / 32) {
    input = collapseRows(b, op.getInput());
  }

  void run();

private:
  /// Channels [column, column + width), widened to the accumulator's type.
  Value load(Value row, Value column, int64_t width);
  Value loadWeights(Value kh, Value kw, Value column, int64_t width);
  Value widen(Value vector, bool isUnsigned);
  Value multiplyAdd(Value x, Value w, Value accumulator);
  /// One pixel, the taps in a loop.
  void emitPixel(Value pixel);
  /// One output row in tiles of `pixels` neighbours, the taps unrolled.
  void emitRow(Value row, int64_t pixels);
  /// The tile at column `ow` of the output row at `place`, which is output
  /// pixel `pixel0`; `isInside` if it reads nothing outside of the input.
  void emitTile(const WindowRow &place, Value pixel0, Value ow, int64_t pixels,
                bool isInside);
  /// Pixels of a tile: more than the usual ones where a tenth less of a row is
  /// computed twice.
  int64_t choosePixels() const;
  /// Channels of a slice.
  int64_t chooseSlice(int64_t pixels) const;
  /// Sets `slice` to one after the other.
  void emitSlices(int64_t size, function_ref<void()> body);
  /// The vectors of the current slice, and their widths.
  void emitChannels(function_ref<void(Value, int64_t)> body);

  DepthwiseOp op;
  ImplicitLocOpBuilder b;
  WindowAttr window;
  MemRefType inputType, outType;
  Type weightElement;
  OutputWriter writer;
  Value input, pad;
  int64_t channels, maxPixels;
  double rate;
  /// Whole vectors of channels [begin, end), none if null, and the last
  /// channels that do not fill one.
  struct {
    Value begin, end;
    bool hasRest;
  } slice;
};

} // namespace

Value DepthwiseLowering::widen(Value vector, bool isUnsigned) {
  auto type = cast<VectorType>(vector.getType());
  VectorType wide = type.clone(op.getAccumulatorType());
  if (type == wide)
    return vector;
  if (isa<FloatType>(type.getElementType()))
    return arith::ExtFOp::create(b, wide, vector);
  if (isUnsigned)
    return arith::ExtUIOp::create(b, wide, vector);
  return arith::ExtSIOp::create(b, wide, vector);
}

Value DepthwiseLowering::load(Value row, Value column, int64_t width) {
  auto type = VectorType::get({width}, inputType.getElementType());
  return widen(vector::LoadOp::create(b, type, row, ValueRange{column}),
               op.getUnsignedInput());
}

Value DepthwiseLowering::loadWeights(Value kh, Value kw, Value column,
                                     int64_t width) {
  auto type = VectorType::get({width}, weightElement);
  return widen(vector::LoadOp::create(b, type, op.getWeights(),
                                      ValueRange{kh, kw, column}),
               /*isUnsigned=*/false);
}

Value DepthwiseLowering::multiplyAdd(Value x, Value w, Value accumulator) {
  if (op.getAccumulatorType().isInteger())
    return arith::AddIOp::create(b, accumulator,
                                 arith::MulIOp::create(b, x, w));
  return vector::FMAOp::create(b, x, w, accumulator);
}

int64_t DepthwiseLowering::choosePixels() const {
  int64_t width = outType.getDimSize(2), best = std::min(width, kPixels);
  for (int64_t pixels = best + 1; pixels <= std::min(width, maxPixels);
       ++pixels)
    if (10 * llvm::alignTo(width, pixels) < 9 * llvm::alignTo(width, best))
      best = pixels;
  return best;
}

int64_t DepthwiseLowering::chooseSlice(int64_t pixels) const {
  int64_t bytes = llvm::divideCeilSigned(inputType.getElementTypeBitWidth(), 8);
  ArrayRef<int64_t> sizes = window.getSizes();
  int64_t span = (pixels - 1) * window.getStrides()[1] +
                 (sizes[1] - 1) * window.getDilations()[1] + 1;
  auto getChannels = [&](int64_t cache, int64_t width) {
    return cache / (bytes * (sizes[0] * width + window.getNumTaps()));
  };
  if (getChannels(kCacheBytes, span) >= channels)
    return channels;
  // Whole rows, so that the next row finds them, or at least what tiles share.
  int64_t most = getChannels(kSliceBytes, inputType.getDimSize(2));
  if (most < kMinSlice)
    most = std::max(getChannels(kSliceBytes, span), kMinSlice);
  int64_t slices = llvm::divideCeilSigned(channels, most);
  return llvm::alignTo(llvm::divideCeilSigned(channels, slices), kPanelWidth);
}

void DepthwiseLowering::emitSlices(int64_t size, function_ref<void()> body) {
  int64_t whole = channels / kPanelWidth * kPanelWidth;
  Value zero = indexConstant(b, 0), end = indexConstant(b, whole);
  if (size >= whole) {
    slice = {whole == 0 ? Value() : zero, end, whole != channels};
    return body();
  }
  emitLoop(b, zero, end, size, [&](Value begin) {
    slice = {begin, arith::MinUIOp::create(b, add(b, begin, size), end), false};
    body();
  });
  if (whole != channels) {
    slice = {Value(), Value(), true};
    body();
  }
}

void DepthwiseLowering::emitChannels(function_ref<void(Value, int64_t)> body) {
  int64_t whole = channels / kPanelWidth * kPanelWidth;
  if (slice.begin && whole == kPanelWidth)
    body(slice.begin, kPanelWidth);
  else if (slice.begin)
    emitLoop(b, slice.begin, slice.end, kPanelWidth,
             [&](Value column) { body(column, kPanelWidth); });
  if (slice.hasRest)
    body(indexConstant(b, whole), channels - whole);
}

void DepthwiseLowering::emitPixel(Value pixel) {
  WindowRow place(b, window, inputType, outType, pixel);
  ArrayRef<int64_t> sizes = window.getSizes();
  emitChannels([&](Value column, int64_t width) {
    auto type = VectorType::get({width}, op.getAccumulatorType());
    Value sum = arith::ConstantOp::create(b, b.getZeroAttr(type));
    sum = emitLoop(b, sizes[0], sum, [&](Value kh, ValueRange outer) {
      return emitLoop(b, sizes[1], outer,
                      [&](Value kw, ValueRange inner) -> SmallVector<Value> {
                        Value row = place.getTap(b, input, pad, kh, kw);
                        return {multiplyAdd(load(row, column, width),
                                            loadWeights(kh, kw, column, width),
                                            inner[0])};
                      });
    })[0];
    writer.store(b, sum, pixel, column);
  });
}

void DepthwiseLowering::emitTile(const WindowRow &place, Value pixel0, Value ow,
                                 int64_t pixels, bool isInside) {
  ArrayRef<int64_t> sizes = window.getSizes();
  int64_t stride = window.getStrides()[1], dilation = window.getDilations()[1];
  Value left = mul(b, ow, stride);
  // Input pixels by (kh, offset from the tile's first pixel).
  llvm::DenseMap<std::pair<int64_t, int64_t>, Value> inputs;
  for (int64_t kh = 0; kh < sizes[0]; ++kh)
    for (int64_t pixel = 0; pixel < pixels; ++pixel)
      for (int64_t kw = 0; kw < sizes[1]; ++kw) {
        int64_t offset = pixel * stride + kw * dilation;
        Value &value = inputs[{kh, offset}];
        if (!value)
          value = place.getPixel(b, input, isInside ? Value() : pad,
                                 indexConstant(b, kh), add(b, left, offset));
      }
  emitChannels([&](Value column, int64_t width) {
    auto type = VectorType::get({width}, op.getAccumulatorType());
    Value zero = arith::ConstantOp::create(b, b.getZeroAttr(type));
    SmallVector<Value> sums(pixels, zero);
    for (int64_t kh = 0; kh < sizes[0]; ++kh) {
      SmallVector<Value> weights;
      for (int64_t kw = 0; kw < sizes[1]; ++kw)
        weights.push_back(loadWeights(indexConstant(b, kh),
                                      indexConstant(b, kw), column, width));
      llvm::DenseMap<int64_t, Value> loaded;
      for (int64_t kw = 0; kw < sizes[1]; ++kw)
        for (int64_t pixel = 0; pixel < pixels; ++pixel) {
          int64_t offset = pixel * stride + kw * dilation;
          Value &x = loaded[offset];
          if (!x)
            x = load(inputs[{kh, offset}], column, width);
          sums[pixel] = multiplyAdd(x, weights[kw], sums[pixel]);
        }
    }
    for (int64_t pixel = 0; pixel < pixels; ++pixel)
      writer.store(b, sums[pixel], add(b, pixel0, pixel), column);
  });
}

void DepthwiseLowering::emitRow(Value row, int64_t pixels) {
  int64_t outWidth = outType.getDimSize(2);
  int64_t span = (pixels - 1) * window.getStrides()[1] +
                 (window.getSizes()[1] - 1) * window.getDilations()[1] + 1;
  Value row0 = mul(b, row, outWidth);
  WindowRow place(b, window, inputType, outType, row0);
  Value rowIsInside = pad ? place.isInside(b) : Value();
  // A last ragged tile moves back and recomputes some pixels.
  emitLoop(
      b, indexConstant(b, 0), indexConstant(b, outWidth), pixels,
      [&](Value ow) {
        if (outWidth % pixels != 0)
          ow = arith::MinUIOp::create(b, ow,
                                      indexConstant(b, outWidth - pixels));
        Value pixel0 = add(b, row0, ow);
        // Integers, whose epilogues are long, have one code for all tiles: two
        // would take longer to compile than they save.
        if (!pad || op.getAccumulatorType().isInteger())
          return emitTile(place, pixel0, ow, pixels, /*isInside=*/!pad);
        // Most tiles ask about no pixel.
        Value isInside = arith::AndIOp::create(
            b, rowIsInside,
            place.isInsideFrom(b, mul(b, ow, window.getStrides()[1]), span));
        auto branch = scf::IfOp::create(b, TypeRange(), isInside, true);
        OpBuilder::InsertionGuard guard(b);
        b.setInsertionPointToStart(branch.thenBlock());
        emitTile(place, pixel0, ow, pixels, /*isInside=*/true);
        b.setInsertionPointToStart(branch.elseBlock());
        emitTile(place, pixel0, ow, pixels, /*isInside=*/false);
      });
}

void DepthwiseLowering::run() {
  if (window.isPadded(0) || window.isPadded(1))
    pad = padRow(b, *op.getPadValue(), inputType.getDimSize(3));
  Value count = b.createOrFold<memref::DimOp>(writer.getRows(), 0);
  double cost = channels * window.getNumTaps() / rate;
  int64_t width = outType.getDimSize(2);
  int64_t pixels = choosePixels();
  bool unroll = window.getNumTaps() <= kMaxUnrolledTaps;
  if (unroll) { // count rows
    count = b.createOrFold<arith::DivUIOp>(count, indexConstant(b, width));
    cost *= width;
  }
  int64_t block = std::max<int64_t>(1, kBlockCost / cost);
  Value blocks = b.createOrFold<arith::DivUIOp>(add(b, count, block - 1),
                                                indexConstant(b, block));
  emitForall(b, blocks, cost * block, [&](Value index) {
    Value begin = mul(b, index, block);
    Value end = arith::MinUIOp::create(b, add(b, begin, block), count);
    emitSlices(unroll ? chooseSlice(pixels) : channels, [&] {
      emitLoop(b, begin, end, 1, [&](Value position) {
        if (unroll)
          emitRow(position, pixels);
        else
          emitPixel(position);
      });
    });
  });
}

LogicalResult mpc::lowerDepthwise(DepthwiseOp op,
                                  const TargetDescription &target) {
  if (op.getTiling().getIntrinsic() == Intrinsic::vpdpbusd)
    lowerDepthwiseDot(op);
  else
    DepthwiseLowering(op, target).run();
  return success();
}
