//===- CastBodies.cpp - conversions of scalars ----------------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// 8-bit floats are encoded and decoded in integer arithmetic, which vectorises
// and needs no instruction of the target. With M fraction bits and the exponent
// bias B, the code of a positive number is its wider float's exponent and
// fraction, shifted by the difference in fraction bits and with the biases
// exchanged; below 2^(1-B) it is a multiple of 2^(1-B-M).
//
//===----------------------------------------------------------------------===//

#include "ScalarBuilder.h"

using namespace mlir;
using namespace mpc;
using namespace mpc::detail;

namespace {
/// The code of a float type of 8 or 4 bits, less the sign.
struct SmallFormat {
  unsigned width, fractionBits;
  int bias;
  uint8_t largest;
  /// What NaN becomes, with the sign where `hasNaN`.
  uint8_t nan;
  /// The code of infinity, or 0.
  uint8_t infinity;
  /// The sign of zero means NaN.
  bool isUnsignedZero;
  bool hasNaN = true;
};

/// The format that wider floats have.
struct WideFormat {
  unsigned fractionBits;
  int bias;

  explicit WideFormat(Type type)
      : fractionBits(type.isF64() ? 52 : 23), bias(type.isF64() ? 1023 : 127) {}
};
} // namespace

static SmallFormat getSmallFormat(FloatType type) {
  if (isa<Float8E4M3FNType>(type))
    return {8, 3, 7, 0x7e, 0x7f, 0, false};
  if (isa<Float8E4M3FNUZType>(type))
    return {8, 3, 8, 0x7f, 0x80, 0, true};
  if (isa<Float8E5M2Type>(type))
    return {8, 2, 15, 0x7b, 0x7e, 0x7c, false};
  if (isa<Float4E2M1FNType>(type))
    // What has no NaN gives -0 for it, as the reference of ONNX does.
    return {4, 1, 1, 7, 8, 0, false, /*hasNaN=*/false};
  assert(isa<Float8E5M2FNUZType>(type) &&
         "one of the small floats with a sign");
  return {8, 2, 16, 0x7f, 0x80, 0, true};
}

/// The bits of a number of a float type.
static APInt getBits(double number, Type type) {
  APFloat value(number);
  bool losesInfo;
  value.convert(cast<FloatType>(type).getFloatSemantics(),
                APFloat::rmNearestTiesToEven, &losesInfo);
  return value.bitcastToAPInt();
}

Value ScalarBuilder::power(Value base, Value exponent) {
  Type type = base.getType();
  unsigned width = type.getIntOrFloatBitWidth();
  Value zero = integer(type, 0), one = integer(type, 1);
  Value result = one, square = base;
  for (unsigned bit = 0; bit < width; ++bit) {
    Value isSet = compare(
        arith::CmpIPredicate::ne,
        make<arith::AndIOp>(exponent, integer(type, APInt(width, 1) << bit)),
        zero);
    result = select(isSet, mul(result, square), result);
    if (bit + 1 < width)
      square = mul(square, square);
  }
  if (isUnsigned)
    return result;
  // 1 / base^|exponent| is 0, but for 1 and -1, whose powers are the same for
  // the exponent modulo 2^n, which is what was computed.
  Value isUnit = make<arith::OrIOp>(
      compare(arith::CmpIPredicate::eq, base, one),
      compare(arith::CmpIPredicate::eq, base, integer(type, -1)));
  Value isNegative = compare(arith::CmpIPredicate::slt, exponent, zero);
  Value vanishes = make<arith::AndIOp>(
      isNegative, make<arith::XOrIOp>(isUnit, integer(builder.getI1Type(), 1)));
  return select(vanishes, zero, result);
}

Value ScalarBuilder::encodeSmallFloat(Value x, FloatType to,
                                      CastOverflow overflow) {
  SmallFormat small = getSmallFormat(to);
  Type type = x.getType();
  WideFormat wide(type);
  unsigned width = type.getIntOrFloatBitWidth();
  Type bitsType = builder.getIntegerType(width), i8 = builder.getI8Type();
  auto constant = [&](uint64_t value) {
    return integer(bitsType, APInt(width, value));
  };
  auto bitsOf = [&](double number) {
    return integer(bitsType, getBits(number, type));
  };

  Value bits = make<arith::BitcastOp>(bitsType, x);
  Value magnitude = make<arith::AndIOp>(
      bits, integer(bitsType, APInt::getSignedMaxValue(width)));
  // Nearest, ties to even: half of the last place less one, and one more where
  // the last place is odd.
  unsigned shift = wide.fractionBits - small.fractionBits;
  Value odd = make<arith::AndIOp>(
      make<arith::ShRUIOp>(magnitude, constant(shift)), constant(1));
  Value rounded =
      add(add(magnitude, constant((uint64_t(1) << (shift - 1)) - 1)), odd);
  Value normal =
      sub(make<arith::ShRUIOp>(rounded, constant(shift)),
          constant(uint64_t(wide.bias - small.bias) << small.fractionBits));
  // A sum whose last place is the step of subnormal codes rounds to it.
  double step = std::ldexp(1.0, 1 - small.bias - int(small.fractionBits) +
                                    int(wide.fractionBits));
  Value sum = add(make<arith::BitcastOp>(type, magnitude), number(type, step));
  Value subnormal = sub(make<arith::BitcastOp>(bitsType, sum), bitsOf(step));
  Value isSubnormal = compare(arith::CmpIPredicate::ult, magnitude,
                              bitsOf(std::ldexp(1.0, 1 - small.bias)));
  Value code = select(isSubnormal, subnormal, normal);

  Value isTooLarge =
      compare(arith::CmpIPredicate::ugt, code, constant(small.largest));
  bool special = overflow == CastOverflow::Special && small.hasNaN;
  code = select(isTooLarge,
                constant(!special         ? small.largest
                         : small.infinity ? small.infinity
                                          : small.nan),
                code);
  code = make<arith::TruncIOp>(i8, code);
  Value sign = make<arith::AndIOp>(
      make<arith::TruncIOp>(
          i8, make<arith::ShRUIOp>(bits, constant(width - small.width))),
      integer(i8, APInt::getOneBitSet(8, small.width - 1)));
  if (small.isUnsignedZero)
    sign = select(compare(arith::CmpIPredicate::eq, code, integer(i8, 0)),
                  integer(i8, 0), sign);
  code = make<arith::OrIOp>(code, sign);
  Value infinity = bitsOf(INFINITY);
  bool isInfinityNaN =
      overflow == CastOverflow::SaturateFinite && small.isUnsignedZero;
  Value isNaN = compare(isInfinityNaN ? arith::CmpIPredicate::uge
                                      : arith::CmpIPredicate::ugt,
                        magnitude, infinity);
  Value nan = integer(i8, APInt(8, small.nan));
  bool isSigned = small.hasNaN && !small.isUnsignedZero;
  return select(isNaN, isSigned ? make<arith::OrIOp>(nan, sign) : nan, code);
}

Value ScalarBuilder::encodeScale(Value x, CastOverflow overflow,
                                 ScaleRounding rounding) {
  // A code c stands for 2^(c-127), 255 for NaN.
  constexpr int bias = 127;
  Type type = x.getType();
  WideFormat wide(type);
  unsigned width = type.getIntOrFloatBitWidth();
  Type bitsType = builder.getIntegerType(width);
  auto constant = [&](uint64_t value) {
    return integer(bitsType, APInt(width, value));
  };
  auto bitsOf = [&](double number) {
    return integer(bitsType, getBits(number, type));
  };
  bool special = overflow == CastOverflow::Special;

  Value magnitude =
      make<arith::AndIOp>(make<arith::BitcastOp>(bitsType, x),
                          integer(bitsType, APInt::getSignedMaxValue(width)));
  uint64_t one = uint64_t(1) << wide.fractionBits;
  uint64_t increment = rounding == ScaleRounding::Up        ? one - 1
                       : rounding == ScaleRounding::Nearest ? one / 2
                                                            : 0;
  Value code = sub(make<arith::ShRUIOp>(add(magnitude, constant(increment)),
                                        constant(wide.fractionBits)),
                   constant(wide.bias - bias));
  // The two smallest codes stand for what f32 holds as a subnormal number.
  Value isSecond =
      rounding == ScaleRounding::Up
          ? compare(arith::CmpIPredicate::ugt, magnitude, bitsOf(0x1p-127))
          : compare(arith::CmpIPredicate::uge, magnitude,
                    bitsOf(rounding == ScaleRounding::Nearest ? 0x1.8p-127
                                                              : 0x1p-126));
  Value isLow = compare(arith::CmpIPredicate::ult, magnitude, bitsOf(0x1p-126));
  code = select(isLow, select(isSecond, constant(1), constant(0)), code);
  Value isTooLarge =
      compare(arith::CmpIPredicate::ugt, code, constant(special ? 255 : 254));
  code = select(isTooLarge, constant(special ? 255 : 254), code);
  Value isNaN = compare(arith::CmpIPredicate::ugt, magnitude, bitsOf(INFINITY));
  if (special)
    isNaN = make<arith::OrIOp>(
        isNaN, compare(arith::CmpIPredicate::ult, magnitude, bitsOf(0x1p-127)));
  return make<arith::TruncIOp>(builder.getI8Type(),
                               select(isNaN, constant(255), code));
}

Value ScalarBuilder::decodeSmallFloat(Value code, FloatType from) {
  Type i32 = builder.getI32Type(), f32 = builder.getF32Type();
  auto constant = [&](uint32_t value) {
    return integer(i32, APInt(32, value));
  };
  auto equals = [&](Value value, uint32_t other) {
    return compare(arith::CmpIPredicate::eq, value, constant(other));
  };
  Value nan = integer(i32, getBits(NAN, f32));
  code = make<arith::ExtUIOp>(i32, code);
  if (isa<Float8E8M0FNUType>(from)) {
    Value bits = make<arith::ShLIOp>(code, constant(23));
    bits = select(equals(code, 0), constant(0x00400000), bits);
    return make<arith::BitcastOp>(f32, select(equals(code, 255), nan, bits));
  }
  SmallFormat small = getSmallFormat(from);
  uint32_t signBit = uint32_t(1) << (small.width - 1);
  Value magnitude = make<arith::AndIOp>(code, constant(signBit - 1));
  Value sign = make<arith::ShLIOp>(make<arith::AndIOp>(code, constant(signBit)),
                                   constant(32 - small.width));
  Value normal =
      add(make<arith::ShLIOp>(magnitude, constant(23 - small.fractionBits)),
          constant(uint32_t(127 - small.bias) << 23));
  Value subnormal = make<arith::BitcastOp>(
      i32, mul(make<arith::UIToFPOp>(f32, magnitude),
               number(f32, std::ldexp(1.0, 1 - small.bias -
                                               int(small.fractionBits)))));
  Value isSubnormal = compare(arith::CmpIPredicate::ult, magnitude,
                              constant(uint32_t(1) << small.fractionBits));
  Value bits = select(isSubnormal, subnormal, normal);
  if (small.infinity) {
    bits = select(equals(magnitude, small.infinity),
                  integer(i32, getBits(INFINITY, f32)), bits);
    bits = select(
        compare(arith::CmpIPredicate::ugt, magnitude, constant(small.infinity)),
        nan, bits);
  }
  bits = make<arith::OrIOp>(bits, sign);
  if (small.hasNaN && !small.infinity)
    bits = select(small.isUnsignedZero ? equals(code, small.nan)
                                       : equals(magnitude, small.nan),
                  nan, bits);
  return make<arith::BitcastOp>(f32, bits);
}

/// Saturated: the limits ±2^n are exact in every float type that holds x. Out
/// of range the conversion is undefined, and its result not taken.
Value ScalarBuilder::convertToInt(Value x, IntegerType to) {
  unsigned width = to.getWidth();
  Type signless = builder.getIntegerType(width);
  bool toUnsigned = isUnsignedElement(to);
  double upper = std::ldexp(1.0, toUnsigned ? width : width - 1),
         lower = toUnsigned ? 0.0 : -upper;
  APInt largest =
      toUnsigned ? APInt::getMaxValue(width) : APInt::getSignedMaxValue(width);
  APInt smallest =
      toUnsigned ? APInt::getMinValue(width) : APInt::getSignedMinValue(width);
  Value inside = toUnsigned ? make<arith::FPToUIOp>(signless, x)
                            : make<arith::FPToSIOp>(signless, x);
  Value tooLarge =
      compare(arith::CmpFPredicate::OGE, x, number(x.getType(), upper));
  Value tooSmall =
      compare(arith::CmpFPredicate::OLE, x, number(x.getType(), lower));
  Value isNaN = compare(arith::CmpFPredicate::UNO, x, x);
  Value result = select(tooLarge, integer(signless, largest),
                        select(tooSmall, integer(signless, smallest), inside));
  return select(isNaN, integer(signless, 0), result);
}

Value ScalarBuilder::extendLowBits(Value byte, IntegerType type) {
  Type i8 = builder.getI8Type();
  unsigned width = type.getWidth();
  if (type.isUnsigned())
    return make<arith::AndIOp>(byte, integer(i8, (1 << width) - 1));
  Value above = integer(i8, 8 - width);
  return make<arith::ShRSIOp>(make<arith::ShLIOp>(byte, above), above);
}

Value ScalarBuilder::convert(Value x, Type from, Type to, CastOverflow overflow,
                             ScaleRounding rounding) {
  if (from == to)
    return x;
  if (auto floatType = dyn_cast<FloatType>(from);
      floatType && isStorageOnly(from))
    x = decodeSmallFloat(x, floatType);

  if (auto toFloat = dyn_cast<FloatType>(to)) {
    if (!isFloat(x)) {
      Type compute = to.isF64() ? to : builder.getF32Type();
      x = isUnsigned ? make<arith::UIToFPOp>(compute, x)
                     : make<arith::SIToFPOp>(compute, x);
    }
    if (isa<Float8E8M0FNUType>(to))
      return encodeScale(x, overflow, rounding);
    if (isStorageOnly(to))
      return encodeSmallFloat(x, toFloat, overflow);
    unsigned width = x.getType().getIntOrFloatBitWidth();
    if (width < to.getIntOrFloatBitWidth())
      return make<arith::ExtFOp>(to, x);
    return x.getType() == to ? x : make<arith::TruncFOp>(to, x);
  }

  auto toInt = cast<IntegerType>(to);
  unsigned width = toInt.getWidth();
  if (width == 1)
    return isFloat(x)
               ? compare(arith::CmpFPredicate::UNE, x, number(x.getType(), 0))
               : compare(arith::CmpIPredicate::ne, x, integer(x.getType(), 0));
  if (width < 8) {
    // The lower bits of a byte, extended.
    Type i8 = builder.getI8Type();
    if (isFloat(x))
      x = convertToInt(x, builder.getI32Type());
    unsigned fromWidth = x.getType().getIntOrFloatBitWidth();
    if (fromWidth > 8)
      x = make<arith::TruncIOp>(i8, x);
    else if (fromWidth < 8)
      x = make<arith::ExtUIOp>(i8, x);
    return extendLowBits(x, toInt);
  }
  if (isFloat(x))
    return convertToInt(x, toInt);
  Type signless = builder.getIntegerType(width);
  unsigned fromWidth = x.getType().getIntOrFloatBitWidth();
  if (fromWidth == width)
    return x;
  if (fromWidth > width)
    return make<arith::TruncIOp>(signless, x);
  return isUnsigned ? make<arith::ExtUIOp>(signless, x)
                    : make<arith::ExtSIOp>(signless, x);
}

Value CastOp::buildScalarBody(OpBuilder &builder, Location loc,
                              ValueRange scalars) {
  return ScalarBuilder(builder, loc, *this)
      .convert(scalars[0], getElementTypeOrSelf(getInput()),
               getElementTypeOrSelf(getResult()), getOverflow(), getRounding());
}

Value BitcastOp::buildScalarBody(OpBuilder &builder, Location loc,
                                 ValueRange scalars) {
  ScalarBuilder b(builder, loc, *this);
  Value x = scalars[0];
  Type from = getElementTypeOrSelf(getInput()),
       to = getElementTypeOrSelf(getResult()), i8 = builder.getI8Type();
  if (from == to)
    return x;
  // What the tensor stores, as a signless integer.
  if (from.isF16() || from.isBF16()) {
    auto widened = x.getDefiningOp<arith::ExtFOp>();
    x = widened && widened.getIn().getType() == from
            ? widened.getIn()
            : b.make<arith::TruncFOp>(from, x);
  }
  if (isa<FloatType>(x.getType()))
    x = b.make<arith::BitcastOp>(
        builder.getIntegerType(from.getIntOrFloatBitWidth()), x);
  if (from.isInteger(1))
    x = b.make<arith::ExtUIOp>(i8, x);

  if (to.isInteger(1))
    return b.compare(arith::CmpIPredicate::ne, x, b.integer(i8, 0));
  if (isStorageOnly(to) && to.isInteger())
    return b.extendLowBits(x, cast<IntegerType>(to));
  return isArithmeticFloat(to) ? b.make<arith::BitcastOp>(to, x) : x;
}
