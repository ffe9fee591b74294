//===- LowerDepthwise.cpp - kernel.depthwise to loops over pixels ---------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Channels lie side by side in input, weights and output, so that vectors run
// over them and nothing is reduced across lanes. For each output pixel the input
// rows of all taps are found once; then a loop over channels reads them.
//
//===----------------------------------------------------------------------===//

#include "OutputTile.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mpc;
using namespace mpc::kernel;

/// With more taps their row pointers no longer fit the registers and the code
/// grows; then taps are a loop inside the loop over channels.
static constexpr int64_t kMaxUnrolledTaps = 9;

/// A parallel iteration should cost about this much, in nanoseconds.
static constexpr double kBlockCost = 10000;

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
        // Half of a multiply-add per cycle and lane, at 3 GHz.
        rate(1.5 * target.vectorBits / 32) {
    input = collapseRows(b, op.getInput());
  }

  void run();

private:
  /// input[column ..] * weights[kh, kw, column ..] + accumulator.
  Value multiplyAdd(Value row, Value kh, Value kw, Value column,
                    Value accumulator);
  void emitPixel(Value pixel);
  void emitChannels(function_ref<void(Value, int64_t)> body);

  DepthwiseOp op;
  ImplicitLocOpBuilder b;
  WindowAttr window;
  MemRefType inputType, outType;
  Type weightElement;
  OutputWriter writer;
  Value input, pad;
  int64_t channels;
  double rate;
};

} // namespace

Value DepthwiseLowering::multiplyAdd(Value row, Value kh, Value kw,
                                     Value column, Value accumulator) {
  int64_t width = cast<VectorType>(accumulator.getType()).getDimSize(0);
  Type wide = accumulator.getType();
  Value x = vector::LoadOp::create(
      b, VectorType::get({width}, inputType.getElementType()), row,
      ValueRange{column});
  Value w = vector::LoadOp::create(b, VectorType::get({width}, weightElement),
                                   op.getWeights(),
                                   ValueRange{kh, kw, column});
  if (op.getAccumulatorType().isInteger()) {
    x = op.getUnsignedInput() ? arith::ExtUIOp::create(b, wide, x).getResult()
                              : arith::ExtSIOp::create(b, wide, x).getResult();
    w = arith::ExtSIOp::create(b, wide, w);
    return arith::AddIOp::create(b, accumulator,
                                 arith::MulIOp::create(b, x, w));
  }
  if (x.getType() != wide)
    x = arith::ExtFOp::create(b, wide, x);
  if (w.getType() != wide)
    w = arith::ExtFOp::create(b, wide, w);
  return vector::FMAOp::create(b, x, w, accumulator);
}

void DepthwiseLowering::emitChannels(function_ref<void(Value, int64_t)> body) {
  int64_t whole = channels / kPanelWidth * kPanelWidth;
  if (whole == kPanelWidth)
    body(indexConstant(b, 0), kPanelWidth);
  else if (whole != 0)
    emitLoop(b, indexConstant(b, 0), indexConstant(b, whole), kPanelWidth,
             [&](Value column) { body(column, kPanelWidth); });
  if (whole != channels)
    body(indexConstant(b, whole), channels - whole);
}

void DepthwiseLowering::emitPixel(Value pixel) {
  WindowRow place(b, window, inputType, outType, pixel);
  ArrayRef<int64_t> sizes = window.getSizes();
  bool unroll = window.getNumTaps() <= kMaxUnrolledTaps;
  struct Tap {
    Value row, kh, kw;
  };
  SmallVector<Tap> taps;
  if (unroll)
    for (int64_t kh = 0; kh < sizes[0]; ++kh)
      for (int64_t kw = 0; kw < sizes[1]; ++kw) {
        Tap tap;
        tap.kh = indexConstant(b, kh);
        tap.kw = indexConstant(b, kw);
        tap.row = place.getTap(b, input, pad, tap.kh, tap.kw);
        taps.push_back(tap);
      }
  emitChannels([&](Value column, int64_t width) {
    auto type = VectorType::get({width}, op.getAccumulatorType());
    Value sum = arith::ConstantOp::create(b, b.getZeroAttr(type));
    for (const Tap &tap : taps)
      sum = multiplyAdd(tap.row, tap.kh, tap.kw, column, sum);
    if (!unroll)
      sum = emitLoop(b, sizes[0], sum, [&](Value kh, ValueRange outer) {
        return emitLoop(
            b, sizes[1], outer,
            [&](Value kw, ValueRange inner) -> SmallVector<Value> {
              Value row = place.getTap(b, input, pad, kh, kw);
              return {multiplyAdd(row, kh, kw, column, inner[0])};
            });
      })[0];
    writer.store(b, sum, pixel, column);
  });
}

void DepthwiseLowering::run() {
  if (window.isPadded(0) || window.isPadded(1))
    pad = padRow(b, *op.getPadValue(), inputType.getDimSize(3));
  Value pixels = b.createOrFold<memref::DimOp>(writer.getRows(), 0);
  double pixelCost = channels * window.getNumTaps() / rate;
  int64_t block = std::max<int64_t>(1, kBlockCost / pixelCost);
  Value blocks = b.createOrFold<arith::DivUIOp>(add(b, pixels, block - 1),
                                                indexConstant(b, block));
  emitForall(b, blocks, pixelCost * block, [&](Value index) {
    Value begin = mul(b, index, block);
    Value end =
        arith::MinUIOp::create(b, add(b, begin, block), pixels);
    emitLoop(b, begin, end, 1, [&](Value pixel) { emitPixel(pixel); });
  });
}

LogicalResult mpc::lowerDepthwise(DepthwiseOp op,
                                  const TargetDescription &target) {
  DepthwiseLowering(op, target).run();
  return success();
}
