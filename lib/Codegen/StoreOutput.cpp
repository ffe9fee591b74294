//===- StoreOutput.cpp - what epilogues store, many bytes at a time -------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// OutputWriter's stores. An epilogue that ends in bytes is computed for four
// vectors of 16 integers, which packing with saturation makes one register of
// bytes. In what is between the loads and that, nothing waits for a store, so
// that mpc-estimate-rounding finds four roundings side by side.
//
//===----------------------------------------------------------------------===//

#include "mpc/Codegen/OutputTile.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"
#include "llvm/Support/MathExtras.h"
#include <cmath>

using namespace mlir;
using namespace mpc;

/// Vectors that one register of bytes holds, and lanes of each.
static constexpr int64_t kPacked = 4, kLanes = 16;

static int64_t getLanes(const OutputWriter::Part &part) {
  return cast<VectorType>(part.accumulator.getType()).getDimSize(0);
}

//===----------------------------------------------------------------------===//
// Epilogues that end in bytes
//===----------------------------------------------------------------------===//

namespace {
/// Integers from `low` to `high`.
struct Bounds {
  int64_t low, high;

  bool isWithin(const Bounds &other) const {
    return low >= other.low && high <= other.high;
  }
};
} // namespace

static constexpr Bounds kUnsigned = {0, 255}, kSigned = {-128, 127};

static std::optional<int64_t> getInteger(Value value) {
  APInt constant;
  if (!matchPattern(value, m_ConstantInt(&constant)))
    return std::nullopt;
  return constant.getSExtValue();
}

/// The bounds of max(x, low) and then min(that, high), of integers.
static std::optional<Bounds> getClamp(Value value) {
  auto below = value.getDefiningOp<arith::MinSIOp>();
  auto above = below ? below.getLhs().getDefiningOp<arith::MaxSIOp>() : nullptr;
  if (!above)
    return std::nullopt;
  std::optional<int64_t> low = getInteger(above.getRhs()),
                         high = getInteger(below.getRhs());
  if (!low || !high)
    return std::nullopt;
  return Bounds{*low, *high};
}

/// The number that `value` is compared with and replaced by where `predicate`
/// does not hold, NaN included. Steps to what is compared.
static std::optional<double> skipBound(Value &value,
                                       arith::CmpFPredicate predicate) {
  auto select = value.getDefiningOp<arith::SelectOp>();
  auto cmp = select ? select.getCondition().getDefiningOp<arith::CmpFOp>()
                    : arith::CmpFOp();
  FloatAttr bound;
  if (!cmp || cmp.getPredicate() != predicate ||
      select.getTrueValue() != cmp.getLhs() ||
      select.getFalseValue() != cmp.getRhs() ||
      !matchPattern(cmp.getRhs(), m_Constant(&bound)))
    return std::nullopt;
  value = cmp.getLhs();
  return bound.getValueAsDouble();
}

/// The bounds of a clamped f32 that is rounded, plus an integer.
static std::optional<Bounds> getRoundedClamp(Value value) {
  int64_t zero = 0;
  if (auto sum = value.getDefiningOp<arith::AddIOp>()) {
    std::optional<int64_t> addend = getInteger(sum.getRhs());
    if (!addend)
      return std::nullopt;
    zero = *addend;
    value = sum.getLhs();
  }
  auto integer = value.getDefiningOp<arith::FPToSIOp>();
  auto rounding =
      integer ? integer.getIn().getDefiningOp<math::RoundEvenOp>() : nullptr;
  if (!rounding)
    return std::nullopt;
  value = rounding.getOperand();
  std::optional<double> high = skipBound(value, arith::CmpFPredicate::OLT);
  if (!high)
    return std::nullopt;
  std::optional<double> low = skipBound(value, arith::CmpFPredicate::OGT);
  // False for what is no number.
  if (!low || !(*low >= INT16_MIN && *high <= INT16_MAX && *low <= *high))
    return std::nullopt;
  return Bounds{std::lrint(*low) + zero, std::lrint(*high) + zero};
}

/// The i32 of which the epilogue's result is the byte, clamped by saturation;
/// null if the result is something else. Sets whether the bytes are signed.
static Value getUnclamped(Region &epilogue, bool &isSigned) {
  auto narrow = epilogue.front()
                    .getTerminator()
                    ->getOperand(0)
                    .getDefiningOp<arith::TruncIOp>();
  if (!narrow || !narrow.getType().isInteger(8) ||
      !narrow.getIn().getType().isInteger(32))
    return {};
  Value wide = narrow.getIn();
  std::optional<Bounds> clamp = getClamp(wide),
                        bounds = clamp ? clamp : getRoundedClamp(wide);
  if (!bounds || bounds->low > bounds->high)
    return {};
  isSigned = !bounds->isWithin(kUnsigned);
  if (isSigned && !bounds->isWithin(kSigned))
    return {};
  // Saturation does all of the widest clamp.
  const Bounds &widest = isSigned ? kSigned : kUnsigned;
  if (clamp && widest.isWithin(*clamp))
    return wide.getDefiningOp<arith::MinSIOp>()
        .getLhs()
        .getDefiningOp<arith::MaxSIOp>()
        .getLhs();
  return wide;
}

bool OutputWriter::packsBytes() const {
  bool isSigned;
  return getUnclamped(epilogue, isSigned) != nullptr;
}

//===----------------------------------------------------------------------===//
// Stores
//===----------------------------------------------------------------------===//

void OutputWriter::store(ImplicitLocOpBuilder &b, Value accumulator, Value row,
                         Value column) const {
  Value value = apply(b, accumulator, row, column);
  vector::StoreOp::create(b, value, out, ValueRange{row, column});
}

/// Whether `part` is stored right behind `before`.
static bool follows(const OutputWriter::Part &part,
                    const OutputWriter::Part &before) {
  return part.row == before.row && part.column == before.column &&
         part.offset == before.offset + getLanes(before);
}

/// Four vectors of integers as bytes that are clamped to their bounds: in each
/// 128 bits four of each vector, one vector after the other.
static Value packBytes(ImplicitLocOpBuilder &b, ArrayRef<Value> vectors,
                       bool isSigned) {
  auto pack = [&](Type element, StringRef name, Value low, Value high) {
    int64_t size = 2 * cast<VectorType>(low.getType()).getDimSize(0);
    return LLVM::CallIntrinsicOp::create(b, VectorType::get({size}, element),
                                         b.getStringAttr(name),
                                         ValueRange{low, high})
        .getResult(0);
  };
  constexpr StringLiteral words = "llvm.x86.avx512.packssdw.512";
  return pack(b.getI8Type(),
              isSigned ? "llvm.x86.avx512.packsswb.512"
                       : "llvm.x86.avx512.packuswb.512",
              pack(b.getI16Type(), words, vectors[0], vectors[1]),
              pack(b.getI16Type(), words, vectors[2], vectors[3]));
}

void OutputWriter::storeUnpacked(ImplicitLocOpBuilder &b,
                                 ArrayRef<Value> accumulators,
                                 ArrayRef<Value> rows, Value column,
                                 Value place) const {
  bool isSigned;
  Value wide = getUnclamped(epilogue, isSigned);
  SmallVector<Value> vectors;
  for (Value accumulator : accumulators) {
    // What is per channel is the same for all rows.
    vectors.push_back(apply(b, accumulator, rows.front(), place, wide, kLanes));
    place = add(b, place, kLanes);
  }
  Value bytes = packBytes(b, vectors, isSigned);
  int64_t size = cast<VectorType>(bytes.getType()).getDimSize(0) /
                 static_cast<int64_t>(rows.size());
  for (auto [i, row] : llvm::enumerate(rows)) {
    Value part = rows.size() == 1
                     ? bytes
                     : vector::ExtractStridedSliceOp::create(
                           b, bytes, static_cast<int64_t>(i) * size, size, 1)
                           .getResult();
    vector::StoreOp::create(b, part, out, ValueRange{row, column});
  }
}

void OutputWriter::storePacked(ImplicitLocOpBuilder &b,
                               ArrayRef<Part> parts) const {
  bool isSigned;
  Value wide = getUnclamped(epilogue, isSigned);
  SmallVector<Value> vectors;
  for (const Part &part : parts)
    vectors.push_back(apply(b, repeatLanes(b, part.accumulator, kLanes),
                            part.row, add(b, part.column, part.offset), wide,
                            getLanes(part)));
  vectors.resize(kPacked, vectors.back());
  Value bytes = packBytes(b, vectors, isSigned);
  // Each 128 bits have four bytes of each vector.
  auto type = cast<VectorType>(bytes.getType());
  SmallVector<int64_t> order;
  for (int64_t i = 0; i < kLanes; ++i)
    order.push_back(i % kPacked * kPacked + i / kPacked);
  Value quads = vector::BitCastOp::create(
      b, VectorType::get({kLanes}, b.getI32Type()), bytes);
  quads = vector::ShuffleOp::create(b, quads, quads, order);
  bytes = vector::BitCastOp::create(b, type, quads);
  // Neighbours in one row are stored together.
  for (size_t begin = 0, end; begin < parts.size(); begin = end) {
    int64_t size = getLanes(parts[begin]);
    for (end = begin + 1; end < parts.size(); ++end) {
      if (!follows(parts[end], parts[end - 1]) ||
          getLanes(parts[end - 1]) != kLanes)
        break;
      size += getLanes(parts[end]);
    }
    Value run = bytes;
    if (size != type.getNumElements())
      run = vector::ExtractStridedSliceOp::create(
          b, bytes, static_cast<int64_t>(begin) * kLanes, size, 1);
    const Part &first = parts[begin];
    vector::StoreOp::create(
        b, run, out, ValueRange{first.row, add(b, first.column, first.offset)});
  }
}

void OutputWriter::store(ImplicitLocOpBuilder &b, ArrayRef<Part> parts,
                         int64_t vectorBits) const {
  // Apart from each other they would have to be taken apart again.
  auto canPack = [&](ArrayRef<Part> four) {
    return follows(four[1], four[0]) && follows(four[3], four[2]) &&
           llvm::all_of(four, [&](const Part &part) {
             return getLanes(part) == kLanes;
           });
  };
  bool packs = vectorBits == 32 * kLanes && packsBytes();
  while (!parts.empty()) {
    if (packs && parts.size() >= kPacked &&
        canPack(parts.take_front(kPacked))) {
      storePacked(b, parts.take_front(kPacked));
      parts = parts.drop_front(kPacked);
      continue;
    }
    const Part &part = parts.front();
    store(b, part.accumulator, part.row, add(b, part.column, part.offset));
    parts = parts.drop_front();
  }
}

void OutputWriter::storeRows(ImplicitLocOpBuilder &b, Value sums, Value count,
                             Value row, Value column, int64_t columns,
                             int64_t vectorBits) const {
  Type element = cast<MemRefType>(sums.getType()).getElementType();
  auto load = [&](Value r, int64_t offset, int64_t size) -> Value {
    return vector::LoadOp::create(b, VectorType::get({size}, element), sums,
                                  ValueRange{r, indexConstant(b, offset)});
  };
  bool packs = vectorBits == 32 * kLanes && packsBytes();
  auto emitRow = [&](Value r) {
    int64_t interleaved = kLanes * countInterleaved(epilogue.front());
    for (int64_t offset = 0, size; offset < columns; offset += size) {
      int64_t rest = columns - offset;
      size = rest >= interleaved ? interleaved : std::min(rest, kLanes);
      store(b, load(r, offset, size), add(b, row, r), add(b, column, offset));
    }
  };
  auto emitPacked = [&](Value r, int64_t rows) {
    SmallVector<Part> parts;
    for (int64_t i = 0; i < rows; ++i) {
      Value here = add(b, r, i), place = add(b, row, here);
      for (int64_t offset = 0; offset < columns; offset += kLanes)
        parts.push_back({load(here, offset, std::min(kLanes, columns - offset)),
                         place, column, offset});
    }
    for (ArrayRef<Part> rest = parts; !rest.empty();
         rest = rest.drop_front(std::min<size_t>(rest.size(), kPacked)))
      storePacked(b, rest.take_front(kPacked));
  };
  // Rows at a time, and loops over what they divide, and over the rest.
  int64_t vectors = llvm::divideCeilSigned(columns, kLanes);
  int64_t together = packs ? std::max<int64_t>(1, kPacked / vectors) : 1;
  auto emit = [&](Value r, int64_t rows) {
    if (packs)
      emitPacked(r, rows);
    else
      emitRow(r);
  };
  Value zero = indexConstant(b, 0);
  std::optional<int64_t> known = getConstantIntValue(count);
  if (known) {
    int64_t whole = *known / together * together;
    if (whole == together)
      emit(zero, together);
    else if (whole > 0)
      emitLoop(b, zero, indexConstant(b, whole), together,
               [&](Value r) { emit(r, together); });
    if (whole < *known)
      emit(indexConstant(b, whole), *known - whole);
    return;
  }
  Value rest =
      b.createOrFold<arith::RemUIOp>(count, indexConstant(b, together));
  Value whole = b.createOrFold<arith::SubIOp>(count, rest);
  emitLoop(b, zero, whole, together, [&](Value r) { emit(r, together); });
  if (together > 1)
    emitLoop(b, whole, count, 1, [&](Value r) { emit(r, 1); });
}
