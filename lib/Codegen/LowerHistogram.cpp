//===- LowerHistogram.cpp - kernel.histogram to loops ---------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One thread counts. An element's bin follows from one multiplication by a
// power of two, which is exact, so that bins of different widths nest.
//
//===----------------------------------------------------------------------===//

#include "mpc/Codegen/OutputTile.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mpc;
using namespace mpc::kernel;

/// Estimated cost of counting one element, in nanoseconds.
static constexpr double kCountCost = 2;

static Value constantI32(ImplicitLocOpBuilder &b, int64_t value) {
  return arith::ConstantIntOp::create(b, value, /*width=*/32);
}

/// The bits of |x|.
static Value getMagnitudeBits(ImplicitLocOpBuilder &b, Value x) {
  return arith::AndIOp::create(b,
                               arith::BitcastOp::create(b, b.getI32Type(), x),
                               constantI32(b, 0x7fffffff));
}

static Value toF32(ImplicitLocOpBuilder &b, Value x) {
  unsigned width = x.getType().getIntOrFloatBitWidth();
  if (width < 32)
    return arith::ExtFOp::create(b, b.getF32Type(), x);
  if (width > 32)
    return arith::TruncFOp::create(b, b.getF32Type(), x);
  return x;
}

/// 1 / w for bins of width w: the biased exponent of w is that of the largest
/// magnitude less log2(bins) - 2, and of 1 / w as far above 127 as w's is
/// below.
static Value getInverseWidth(ImplicitLocOpBuilder &b, Value range,
                             int64_t bins) {
  Value magnitude;
  for (int64_t i : {0, 1}) {
    Value end = memref::LoadOp::create(b, range, indexConstant(b, i));
    Value bits = getMagnitudeBits(b, end);
    // As integers, magnitudes compare as they do as numbers.
    magnitude = magnitude ? arith::MaxUIOp::create(b, magnitude, bits) : bits;
  }
  Value exponent = arith::ShRUIOp::create(b, magnitude, constantI32(b, 23));
  int64_t sum = 2 * 127 + llvm::Log2_64(bins) - 2;
  Value inverse = arith::SubIOp::create(b, constantI32(b, sum), exponent);
  inverse = arith::MinSIOp::create(b, inverse, constantI32(b, 254));
  return arith::BitcastOp::create(
      b, b.getF32Type(), arith::ShLIOp::create(b, inverse, constantI32(b, 23)));
}

void mpc::lowerHistogram(HistogramOp op) {
  ImplicitLocOpBuilder b(op.getLoc(), op);
  auto inputType = cast<MemRefType>(op.getInput().getType());
  int64_t bins = cast<MemRefType>(op.getOut().getType()).getDimSize(0);
  Value zero = indexConstant(b, 0), one = indexConstant(b, 1);
  SmallVector<Value> sizes;
  for (int64_t d = 0; d < inputType.getRank(); ++d)
    sizes.push_back(b.createOrFold<memref::DimOp>(op.getInput(), d));

  double elements = 1;
  for (int64_t size : inputType.getShape())
    elements *= ShapedType::isDynamic(size) ? 1 : size;
  emitForall(b, one, kCountCost * elements, [&](Value) {
    Value none = arith::ConstantIntOp::create(b, 0, /*width=*/64);
    emitLoop(b, zero, indexConstant(b, bins), 1, [&](Value slot) {
      memref::StoreOp::create(b, none, op.getOut(), slot);
    });
    Value inverse = getInverseWidth(b, op.getRange(), bins);
    Value floatZero = arith::ConstantOp::create(b, b.getF32FloatAttr(0.0f));
    Value limit = arith::ConstantOp::create(
        b, b.getF32FloatAttr(static_cast<float>(bins / 2)));
    auto count = [&](ValueRange position) {
      Value x = toF32(b, memref::LoadOp::create(b, op.getInput(), position));
      Value scaled = arith::MulFOp::create(
          b,
          arith::BitcastOp::create(b, b.getF32Type(), getMagnitudeBits(b, x)),
          inverse);
      // False for NaN: no conversion to an integer is out of bounds.
      Value isInside =
          arith::CmpFOp::create(b, arith::CmpFPredicate::OLT, scaled, limit);
      Value isNegative = arith::AndIOp::create(
          b, isInside,
          arith::CmpFOp::create(b, arith::CmpFPredicate::OLT, x, floatZero));
      scaled = arith::SelectOp::create(b, isInside, scaled, floatZero);
      Value bin = arith::FPToSIOp::create(b, b.getI32Type(), scaled);
      // n/2 + bin, or n/2 - 1 - bin.
      Value above = arith::AddIOp::create(b, bin, constantI32(b, bins / 2));
      Value below = arith::SubIOp::create(b, constantI32(b, bins / 2 - 1), bin);
      Value slot = arith::IndexCastOp::create(
          b, b.getIndexType(),
          arith::SelectOp::create(b, isNegative, below, above));
      Value old = memref::LoadOp::create(b, op.getOut(), slot);
      Value increment = arith::ConstantIntOp::create(b, 1, /*width=*/64);
      memref::StoreOp::create(b, arith::AddIOp::create(b, old, increment),
                              op.getOut(), slot);
    };
    SmallVector<Value> position;
    std::function<void()> nest = [&] {
      if (position.size() == sizes.size())
        return count(position);
      emitLoop(b, zero, sizes[position.size()], 1, [&](Value iv) {
        position.push_back(iv);
        nest();
        position.pop_back();
      });
    };
    nest();
  });
}
