//===- MathFunctions.cpp - math functions as arithmetic -------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Functions computed in f64, to a few units in its last place; of f32 arguments
// they are then as good as correctly rounded. Straight-line code: no branches,
// no tables in memory, so that loops around it vectorise.
//
// Polynomials and their ranges: exp is Taylor's series, log, sin and cos are
// those of FreeBSD's msun (Sun's fdlibm), atan and erf of Moshier's Cephes.
//
//===----------------------------------------------------------------------===//

#include "MathFunctions.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include <cmath>

using namespace mlir;

namespace {

constexpr double kLn2 = 0x1.62e42fefa39efp-1;
constexpr double kPi = 0x1.921fb54442d18p+1;

/// Arithmetic on f64 scalars, or vectors of one shape.
class MathBuilder {
public:
  /// `like` has the shape.
  MathBuilder(OpBuilder &builder, Location loc, Type like)
      : builder(builder), loc(loc), real(shaped(like, builder.getF64Type())),
        bits(shaped(like, builder.getI64Type())) {}

  static Type shaped(Type like, Type element) {
    auto vector = dyn_cast<VectorType>(like);
    return vector ? Type(vector.clone(element)) : element;
  }

  template <typename OpT, typename... Args> Value make(Args &&...args) {
    return OpT::create(builder, loc, std::forward<Args>(args)...);
  }

  //===--- Constants ---===//
  Value number(double value) {
    return constant(real, builder.getF64FloatAttr(value));
  }
  Value integer(uint64_t value) {
    return constant(
        bits, builder.getIntegerAttr(builder.getI64Type(), APInt(64, value)));
  }

  //===--- Arithmetic ---===//
  Value add(Value a, Value b) { return make<arith::AddFOp>(a, b); }
  Value sub(Value a, Value b) { return make<arith::SubFOp>(a, b); }
  Value mul(Value a, Value b) { return make<arith::MulFOp>(a, b); }
  Value div(Value a, Value b) { return make<arith::DivFOp>(a, b); }
  Value add(Value a, double b) { return add(a, number(b)); }
  Value sub(Value a, double b) { return sub(a, number(b)); }
  Value mul(Value a, double b) { return mul(a, number(b)); }
  Value neg(Value a) { return make<arith::NegFOp>(a); }
  Value abs(Value a) { return make<math::AbsFOp>(a); }
  Value sqrt(Value a) { return make<math::SqrtOp>(a); }
  Value round(Value a) { return make<math::RoundEvenOp>(a); }
  Value trunc(Value a) { return make<math::TruncOp>(a); }
  /// a * b + c, rounded once.
  Value fma(Value a, Value b, Value c) { return make<math::FmaOp>(a, b, c); }
  /// Horner's rule; the coefficient of the highest power comes first.
  Value polynomial(Value x, ArrayRef<double> coefficients) {
    Value sum = number(coefficients.front());
    for (double coefficient : coefficients.drop_front())
      sum = fma(sum, x, number(coefficient));
    return sum;
  }

  //===--- Choice ---===//
  using P = arith::CmpFPredicate;
  Value is(P predicate, Value a, Value b) {
    return make<arith::CmpFOp>(predicate, a, b);
  }
  Value is(P predicate, Value a, double b) {
    return is(predicate, a, number(b));
  }
  Value isNaN(Value a) { return is(P::UNO, a, a); }
  Value select(Value condition, Value a, Value b) {
    return make<arith::SelectOp>(condition, a, b);
  }
  Value select(Value condition, double a, Value b) {
    return select(condition, number(a), b);
  }
  Value both(Value a, Value b) { return make<arith::AndIOp>(a, b); }

  //===--- Bits ---===//
  Value toBits(Value a) { return make<arith::BitcastOp>(bits, a); }
  Value fromBits(Value a) { return make<arith::BitcastOp>(real, a); }
  Value toInteger(Value a) { return make<arith::FPToSIOp>(bits, a); }
  Value fromInteger(Value a) { return make<arith::SIToFPOp>(real, a); }
  Value addInts(Value a, Value b) { return make<arith::AddIOp>(a, b); }
  Value subInts(Value a, Value b) { return make<arith::SubIOp>(a, b); }
  Value andInts(Value a, Value b) { return make<arith::AndIOp>(a, b); }
  Value orInts(Value a, Value b) { return make<arith::OrIOp>(a, b); }
  Value shiftLeft(Value a, Value b) { return make<arith::ShLIOp>(a, b); }
  Value shiftRight(Value a, Value b) { return make<arith::ShRUIOp>(a, b); }
  Value shiftLeft(Value a, unsigned b) { return shiftLeft(a, integer(b)); }
  Value shiftRight(Value a, unsigned b) { return shiftRight(a, integer(b)); }
  Value areEqual(Value a, uint64_t b) {
    return make<arith::CmpIOp>(arith::CmpIPredicate::eq, a, integer(b));
  }
  /// a, negated where the sign bit of `sign` is set. Not math.copysign, though
  /// most a are positive: LLVM narrows that by rounding the other operand, from
  /// f64 to f16 with a function of a library.
  Value flipSign(Value a, Value sign) {
    Value bit = andInts(toBits(sign), integer(uint64_t(1) << 63));
    return fromBits(make<arith::XOrIOp>(toBits(a), bit));
  }
  /// 2^n for a normal number.
  Value powerOfTwo(Value n) {
    return fromBits(shiftLeft(addInts(n, integer(1023)), 52));
  }

  //===--- Functions ---===//
  Value exp(Value x);
  Value expm1(Value x);
  Value log(Value x);
  Value log1p(Value x);
  Value pow(Value x, Value y);
  Value sin(Value x) { return sinOrCos(x, 0); }
  Value cos(Value x) { return sinOrCos(x, 1); }
  Value tan(Value x);
  Value asin(Value x);
  Value acos(Value x);
  Value atan(Value x);
  Value sinh(Value x);
  Value cosh(Value x);
  Value tanh(Value x);
  Value asinh(Value x);
  Value acosh(Value x);
  Value atanh(Value x);
  Value erf(Value x);
  /// What is left of x after division by y with a quotient towards zero. The
  /// exponents of the operands are at most `range` apart.
  Value remainder(Value x, Value y, int range);

  /// Arguments are f32: their exponents are small.
  bool isNarrow = false;

private:
  Value constant(Type type, TypedAttr value) {
    if (auto vector = dyn_cast<VectorType>(type))
      value = DenseElementsAttr::get(vector, Attribute(value));
    return make<arith::ConstantOp>(value);
  }

  Value expOfReduced(Value r);
  /// |x| as quadrant * pi / 2 + rest, with the rest within pi / 4 and the
  /// quadrant modulo 4.
  std::pair<Value, Value> reduceAngle(Value magnitude);
  std::pair<Value, Value> reduceHugeAngle(Value magnitude);
  Value sinOfReduced(Value r);
  Value cosOfReduced(Value r);
  Value sinOrCos(Value x, unsigned shift);

  OpBuilder &builder;
  Location loc;
  Type real, bits;
};

} // namespace

//===----------------------------------------------------------------------===//
// Exponential and logarithm
//===----------------------------------------------------------------------===//

/// exp(r) - 1 over r, for |r| ≤ 0.35: the error is below 0.35^14 / 15!.
Value MathBuilder::expOfReduced(Value r) {
  return polynomial(r, {1.0 / 87178291200, 1.0 / 6227020800, 1.0 / 479001600,
                        1.0 / 39916800, 1.0 / 3628800, 1.0 / 362880,
                        1.0 / 40320, 1.0 / 5040, 1.0 / 720, 1.0 / 120, 1.0 / 24,
                        1.0 / 6, 1.0 / 2, 1.0});
}

Value MathBuilder::exp(Value x) {
  // Past these everything is infinite or zero; the exponent stays an integer.
  Value clamped = select(is(P::OGT, x, 711.0), 711.0, x);
  clamped = select(is(P::OLT, clamped, -747.0), -747.0, clamped);
  clamped = select(isNaN(x), 0.0, clamped);
  Value k = round(mul(clamped, 1.0 / kLn2));
  Value r = fma(k, number(-0x1.62e42fee00000p-1), clamped);
  r = fma(k, number(-0x1.a39ef35793c76p-33), r);
  Value power = fma(expOfReduced(r), r, number(1.0));
  // In two steps, as 2^k may be no normal number.
  Value n = toInteger(k);
  Value half = make<arith::ShRSIOp>(n, integer(1));
  Value result =
      mul(mul(power, powerOfTwo(half)), powerOfTwo(subInts(n, half)));
  return select(isNaN(x), x, result);
}

Value MathBuilder::expm1(Value x) {
  Value isSmall = is(P::OLT, abs(x), 0.35);
  Value small = select(isSmall, x, number(0.0));
  return select(isSmall, mul(expOfReduced(small), small), sub(exp(x), 1.0));
}

Value MathBuilder::log(Value x) {
  Value isSubnormal = is(P::OLT, x, 0x1p-1022);
  Value scaled = select(isSubnormal, mul(x, 0x1p54), x);
  Value offset = select(isSubnormal, -54.0, number(0.0));
  // x = 2^e * m with m in [sqrt(1/2), sqrt(2)).
  constexpr uint64_t sqrtHalf = 0x3fe6a09e667f3bcd;
  Value high = subInts(toBits(scaled), integer(sqrtHalf));
  Value e = make<arith::ShRSIOp>(high, integer(52));
  Value m = fromBits(subInts(toBits(scaled), shiftLeft(e, 52)));
  Value exponent = add(fromInteger(e), offset);

  Value f = sub(m, 1.0);
  Value s = div(f, add(f, 2.0));
  Value z = mul(s, s);
  Value tail =
      mul(z, polynomial(z, {1.479819860511658591e-01, 1.531383769920937332e-01,
                            1.818357216161805012e-01, 2.222219843214978396e-01,
                            2.857142874366239149e-01, 3.999999999940941908e-01,
                            6.666666666666735130e-01}));
  Value halfSquare = mul(mul(f, 0.5), f);
  Value correction = fma(exponent, number(1.90821492927058770002e-10),
                         mul(s, add(halfSquare, tail)));
  Value result = fma(exponent, number(6.93147180369123816490e-01),
                     sub(f, sub(halfSquare, correction)));
  result = select(is(P::OEQ, x, INFINITY), INFINITY, result);
  result = select(is(P::OEQ, x, 0.0), -INFINITY, result);
  // Also where x is NaN.
  return select(is(P::UGE, x, 0.0), select(isNaN(x), x, result), number(NAN));
}

Value MathBuilder::log1p(Value x) {
  // What 1 + x loses is put back, in first order.
  Value u = add(x, 1.0);
  Value y = log(u);
  Value lost = div(sub(x, sub(u, 1.0)), u);
  return select(is(P::ONE, abs(y), INFINITY), add(y, lost), y);
}

Value MathBuilder::pow(Value x, Value y) {
  Value magnitude = abs(x);
  Value result = exp(mul(y, log(magnitude)));
  result = select(is(P::OEQ, magnitude, 1.0), select(isNaN(y), y, number(1.0)),
                  result);
  // Powers of integers are integers, which a conversion must find: 3^6 is not
  // the 728 that is just below it.
  Value isIntegral = is(P::OEQ, trunc(y), y);
  Value isInteger = both(is(P::OEQ, trunc(magnitude), magnitude),
                         both(isIntegral, is(P::OGE, y, 0.0)));
  result = select(isInteger, round(result), result);
  // Of negative numbers only integral powers exist; odd ones are negative.
  Value half = mul(y, 0.5);
  Value isOdd = both(isIntegral, is(P::ONE, trunc(half), half));
  result = select(isOdd, flipSign(result, x), result);
  Value hasNone = both(both(is(P::OLT, x, 0.0), is(P::OGT, x, -INFINITY)),
                       is(P::ONE, trunc(y), y));
  result = select(hasNone, NAN, result);
  result = select(is(P::OEQ, y, 0.0), 1.0, result);
  return select(is(P::OEQ, x, 1.0), 1.0, result);
}

//===----------------------------------------------------------------------===//
// Trigonometric functions
//===----------------------------------------------------------------------===//

/// Angles from here on are reduced in integers: below, the multiple of pi / 2
/// times the first part of pi / 2 is exact.
static constexpr double kHugeAngle = 0x1p45;

/// Payne and Hanek, 1983: of x = m * 2^e, with m an integer, the bits of 2 / pi
/// whose products with x are multiples of 4 do not matter, nor those far below.
std::pair<Value, Value> MathBuilder::reduceHugeAngle(Value magnitude) {
  // The binary digits of 2 / pi, from 64 before the point on.
  constexpr uint64_t twoOverPi[] = {0,
                                    0xa2f9836e4e441529,
                                    0xfc2757d1f534ddc0,
                                    0xdb6295993c439041,
                                    0xfe5163abdebbc561,
                                    0xb7246e3a424dd2e0,
                                    0x06492eea09d1921c,
                                    0xfe1deb1cb129a73e,
                                    0xe88235f52ebb4484,
                                    0xe99c7026b45f7e41,
                                    0x3991d639835339f4,
                                    0x9c845f8bbdf9283b,
                                    0x1ff897ffde05980f,
                                    0xef2f118b5a0a6d1f,
                                    0x6d367ecf27cb09b7,
                                    0x4f463f669e5fea2d,
                                    0x7527bac7ebe5f17b,
                                    0x3d0739f78a5292ea,
                                    0x6bfb5fb11f8d5d08,
                                    0x56033046fc7b6bab};
  // f32 goes to 2^128, f64 to 2^1024; three words from the last one are read.
  unsigned lastWord = isNarrow ? 2 : 16;

  Value pattern = toBits(magnitude);
  Value m = orInts(andInts(pattern, integer((uint64_t(1) << 52) - 1)),
                   integer(uint64_t(1) << 52));
  // e = exponent - 1075; digit i (from 0) has the weight 2^-(i+1), and the
  // first that matters 2^(1-e).
  Value first = subInts(shiftRight(pattern, 52), integer(1075 - 62));
  Value word = shiftRight(first, 6);
  Value shift = andInts(first, integer(63));
  auto load = [&](unsigned offset) {
    Value loaded = integer(twoOverPi[offset]);
    for (unsigned i = 1; i <= lastWord; ++i)
      loaded =
          select(areEqual(word, i), integer(twoOverPi[i + offset]), loaded);
    return loaded;
  };
  Value w0 = load(0), w1 = load(1), w2 = load(2);
  Value rest = subInts(integer(63), shift);
  auto funnel = [&](Value high, Value low) {
    return orInts(shiftLeft(high, shift), shiftRight(shiftRight(low, 1), rest));
  };
  auto product =
      arith::MulUIExtendedOp::create(builder, loc, funnel(w1, w2), m);
  // x * 2 / pi modulo 4, with 62 digits behind the point.
  Value turns =
      addInts(make<arith::MulIOp>(funnel(w0, w1), m), product.getHigh());
  Value quadrant = shiftRight(addInts(turns, integer(uint64_t(1) << 61)), 62);
  Value fraction = subInts(turns, shiftLeft(quadrant, 62));
  return {quadrant, mul(fromInteger(fraction), 0x1p-62 * (kPi / 2))};
}

std::pair<Value, Value> MathBuilder::reduceAngle(Value magnitude) {
  Value isHuge = is(P::UGE, magnitude, kHugeAngle);
  Value small = select(isHuge, 0.0, magnitude);
  Value k = round(mul(small, 2 / kPi));
  Value r = fma(k, number(-0x1.921fb54442d18p+0), small);
  r = fma(k, number(-0x1.1a62633145c07p-54), r);
  r = fma(k, number(0x1.f1976b7ed8fbcp-110), r);
  auto [hugeQuadrant, hugeRest] = reduceHugeAngle(magnitude);
  return {andInts(select(isHuge, hugeQuadrant, toInteger(k)), integer(3)),
          select(isHuge, hugeRest, r)};
}

Value MathBuilder::sinOfReduced(Value r) {
  Value z = mul(r, r);
  Value sum =
      polynomial(z, {1.58969099521155010221e-10, -2.50507602534068634195e-08,
                     2.75573137070700676789e-06, -1.98412698298579493134e-04,
                     8.33333333332248946124e-03, -1.66666666666666324348e-01});
  return fma(mul(z, r), sum, r);
}

Value MathBuilder::cosOfReduced(Value r) {
  Value z = mul(r, r);
  Value sum =
      polynomial(z, {-1.13596475577881948265e-11, 2.08757232129817482790e-09,
                     -2.75573143513906633035e-07, 2.48015872894767294178e-05,
                     -1.38888888888741095749e-03, 4.16666666666666019037e-02});
  Value half = mul(z, 0.5);
  // 1 - half is exact enough, what it loses is put back.
  Value w = sub(number(1.0), half);
  Value lost = sub(sub(number(1.0), w), half);
  return add(w, fma(mul(z, z), sum, lost));
}

/// cos(x) is the sine one quadrant on.
Value MathBuilder::sinOrCos(Value x, unsigned shift) {
  Value magnitude = abs(x);
  auto [quadrant, r] = reduceAngle(magnitude);
  Value position = addInts(quadrant, integer(shift));
  Value isOdd = areEqual(andInts(position, integer(1)), 1);
  Value result = select(isOdd, cosOfReduced(r), sinOfReduced(r));
  Value isNegative = areEqual(andInts(position, integer(2)), 2);
  result = select(isNegative, neg(result), result);
  if (shift == 0) // the sine is odd, and sin(-0) is -0
    result = flipSign(result, x);
  return select(is(P::ULT, magnitude, INFINITY), select(isNaN(x), x, result),
                number(NAN));
}

Value MathBuilder::tan(Value x) {
  Value magnitude = abs(x);
  auto [quadrant, r] = reduceAngle(magnitude);
  Value s = sinOfReduced(r), c = cosOfReduced(r);
  Value isOdd = areEqual(andInts(quadrant, integer(1)), 1);
  Value result = div(select(isOdd, neg(c), s), select(isOdd, s, c));
  result = flipSign(result, x);
  return select(is(P::ULT, magnitude, INFINITY), select(isNaN(x), x, result),
                number(NAN));
}

Value MathBuilder::atan(Value x) {
  Value magnitude = abs(x);
  Value isLarge = is(P::OGT, magnitude, 2.41421356237309504880);
  Value isMedium = is(P::OGT, magnitude, 0.66);
  Value medium = div(sub(magnitude, 1.0), add(magnitude, 1.0));
  Value large = div(number(-1.0), magnitude);
  Value t = select(isLarge, large, select(isMedium, medium, magnitude));
  // pi / 2 or pi / 4, and what f64 leaves of them.
  Value base = select(isLarge, kPi / 2, select(isMedium, kPi / 4, number(0.0)));
  constexpr double more = 6.123233995736765886130e-17;
  Value rest = select(isLarge, more, select(isMedium, more / 2, number(0.0)));
  Value z = mul(t, t);
  Value numerator =
      polynomial(z, {-8.750608600031904122785e-1, -1.615753718733365076637e1,
                     -7.500855792314704667340e1, -1.228866684490136173410e2,
                     -6.485021904942025371773e1});
  Value denominator =
      polynomial(z, {1.0, 2.485846490142306297962e1, 1.650270098316988542046e2,
                     4.328810604912902668951e2, 4.853903996359136964868e2,
                     1.945506571482613964425e2});
  Value tail = fma(t, mul(z, div(numerator, denominator)), rest);
  return flipSign(add(base, add(t, tail)), x);
}

Value MathBuilder::asin(Value x) {
  // NaN past 1: the root's argument is negative.
  Value cosine = sqrt(mul(sub(number(1.0), x), add(x, 1.0)));
  return atan(div(x, cosine));
}

Value MathBuilder::acos(Value x) {
  return mul(atan(sqrt(div(sub(number(1.0), x), add(x, 1.0)))), 2.0);
}

//===----------------------------------------------------------------------===//
// Hyperbolic functions
//===----------------------------------------------------------------------===//

Value MathBuilder::sinh(Value x) {
  Value magnitude = abs(x);
  // The root of exp, squared last: exp itself overflows too early.
  Value h = exp(mul(magnitude, 0.5));
  Value large = sub(mul(mul(h, 0.5), h), div(number(0.5), mul(h, h)));
  Value isSmall = is(P::OLT, magnitude, 1.0);
  Value e = expm1(select(isSmall, magnitude, number(0.0)));
  Value small = mul(add(e, div(e, add(e, 1.0))), 0.5);
  return flipSign(select(isSmall, small, large), x);
}

Value MathBuilder::cosh(Value x) {
  Value h = exp(mul(abs(x), 0.5));
  return add(mul(mul(h, 0.5), h), div(number(0.5), mul(h, h)));
}

Value MathBuilder::tanh(Value x) {
  Value magnitude = abs(x);
  Value bounded = select(is(P::OGT, magnitude, 22.0), 22.0, magnitude);
  Value e = expm1(mul(bounded, 2.0));
  return flipSign(div(e, add(e, 2.0)), x);
}

Value MathBuilder::asinh(Value x) {
  Value magnitude = abs(x);
  Value isLarge = is(P::OGT, magnitude, 0x1p28);
  Value bounded = select(isLarge, 0.0, magnitude);
  Value square = mul(bounded, bounded);
  Value root = sqrt(add(square, 1.0));
  Value small = log1p(add(bounded, div(square, add(root, 1.0))));
  Value large = add(log(magnitude), kLn2);
  return flipSign(select(isLarge, large, small), x);
}

Value MathBuilder::acosh(Value x) {
  Value isLarge = is(P::OGT, x, 0x1p28);
  Value t = sub(select(isLarge, 1.0, x), 1.0);
  Value small = log1p(add(t, sqrt(mul(t, add(t, 2.0)))));
  Value result = select(isLarge, add(log(x), kLn2), small);
  return select(is(P::OLT, x, 1.0), NAN, result);
}

Value MathBuilder::atanh(Value x) {
  Value magnitude = abs(x);
  Value ratio = div(mul(magnitude, 2.0), sub(number(1.0), magnitude));
  return flipSign(mul(log1p(ratio), 0.5), x);
}

//===----------------------------------------------------------------------===//
// Error function
//===----------------------------------------------------------------------===//

Value MathBuilder::erf(Value x) {
  Value magnitude = abs(x);
  Value isSmall = is(P::OLT, magnitude, 1.0);
  Value z = mul(magnitude, magnitude);
  Value small = mul(
      magnitude,
      div(polynomial(z, {9.60497373987051638749e0, 9.00260197203842689217e1,
                         2.23200534594684319226e3, 7.00332514112805075473e3,
                         5.55923013010394962768e4}),
          polynomial(z, {1.0, 3.35617141647503099647e1,
                         5.21357949780152679795e2, 4.59432382970980127987e3,
                         2.26290000613890934246e4, 4.92673942608635921086e4})));
  // From 6 on the complement is less than half a unit in the last place of 1.
  Value bounded = select(is(P::OGT, magnitude, 6.0), 6.0, magnitude);
  Value complement = mul(
      exp(neg(mul(bounded, bounded))),
      div(polynomial(bounded,
                     {2.46196981473530512524e-10, 5.64189564831068821977e-1,
                      7.46321056442269912687e0, 4.86371970985681366614e1,
                      1.96520832956077098242e2, 5.26445194995477358631e2,
                      9.34528527171957607540e2, 1.02755188689515710272e3,
                      5.57535335369399327526e2}),
          polynomial(bounded,
                     {1.0, 1.32281951154744992508e1, 8.67072140885989742329e1,
                      3.54937778887819891062e2, 9.75708501743205489753e2,
                      1.82390916687909736289e3, 2.24633760818710981792e3,
                      1.65666309194161350182e3, 5.57535340817727675546e2})));
  return flipSign(select(isSmall, small, sub(number(1.0), complement)), x);
}

//===----------------------------------------------------------------------===//
// Remainder
//===----------------------------------------------------------------------===//

Value MathBuilder::remainder(Value x, Value y, int range) {
  // Steps of 50 digits, of which the quotient of each is off by 1 at most and
  // the remainder exact.
  constexpr int step = 50;
  Value rest = abs(x), divisor = abs(y);
  for (int shift = (range + step - 1) / step * step; shift >= 0;
       shift -= step) {
    // An overflow to infinity is a divisor larger than any rest.
    Value multiple = divisor;
    for (int left = shift; left > 0; left -= 1000)
      multiple = mul(multiple, std::ldexp(1.0, std::min(left, 1000)));
    Value divides = is(P::OGE, rest, multiple);
    Value quotient = trunc(div(rest, multiple));
    Value next = fma(neg(quotient), multiple, rest);
    next = select(is(P::OLT, next, 0.0), add(next, multiple), next);
    next = select(is(P::OGE, next, multiple), sub(next, multiple), next);
    rest = select(divides, next, rest);
  }
  rest = select(isNaN(y), y, rest);
  return flipSign(rest, x);
}

//===----------------------------------------------------------------------===//
// Patterns
//===----------------------------------------------------------------------===//

/// Before upstream's.
static constexpr unsigned short kBenefit = 10;

namespace {
/// Computes f64 operands as they are and, with `isForF32`, f32 operands in f64.
template <typename OpT, Value (MathBuilder::*function)(Value), bool isForF32>
struct ExpandUnary : OpRewritePattern<OpT> {
  explicit ExpandUnary(MLIRContext *context)
      : OpRewritePattern<OpT>(context, kBenefit) {}
  LogicalResult matchAndRewrite(OpT op,
                                PatternRewriter &rewriter) const override {
    Type type = op.getType(), element = getElementTypeOrSelf(type);
    if (!element.isF64() && !(isForF32 && element.isF32()))
      return failure();
    MathBuilder b(rewriter, op.getLoc(), type);
    b.isNarrow = element.isF32();
    Value x = op.getOperand();
    if (b.isNarrow)
      x = b.make<arith::ExtFOp>(
          MathBuilder::shaped(type, rewriter.getF64Type()), x);
    Value result = (b.*function)(x);
    if (b.isNarrow)
      result = b.make<arith::TruncFOp>(type, result);
    rewriter.replaceOp(op, result);
    return success();
  }
};

/// f64 to a type of 16 bits, for which there are neither instructions nor,
/// here, a library: by way of the f32 that is rounded to odd, that is towards
/// zero and with the last bit set where that was inexact. Rounding it to at
/// least two bits less is then rounding the f64.
struct ExpandNarrowing : OpRewritePattern<arith::TruncFOp> {
  explicit ExpandNarrowing(MLIRContext *context)
      : OpRewritePattern(context, kBenefit) {}
  LogicalResult matchAndRewrite(arith::TruncFOp op,
                                PatternRewriter &rewriter) const override {
    Type type = op.getType();
    Value x = op.getIn();
    if (getElementTypeOrSelf(type).getIntOrFloatBitWidth() != 16 ||
        !getElementTypeOrSelf(x.getType()).isF64())
      return failure();
    MathBuilder b(rewriter, op.getLoc(), type);
    Type i32 = MathBuilder::shaped(type, rewriter.getI32Type()),
         f32 = MathBuilder::shaped(type, rewriter.getF32Type());
    Value one =
        b.make<arith::ConstantOp>(cast<TypedAttr>(rewriter.getOneAttr(i32)));
    Value nearest = b.make<arith::TruncFOp>(f32, x);
    Value back = b.make<arith::ExtFOp>(x.getType(), nearest);
    Value isInexact = b.is(MathBuilder::P::ONE, back, x);
    Value isAway = b.is(MathBuilder::P::OGT, b.abs(back), b.abs(x));
    Value bits = b.make<arith::BitcastOp>(i32, nearest);
    Value truncated = b.select(isAway, b.subInts(bits, one), bits);
    Value odd = b.select(isInexact, b.orInts(truncated, one), bits);
    rewriter.replaceOpWithNewOp<arith::TruncFOp>(
        op, type, b.make<arith::BitcastOp>(f32, odd));
    return success();
  }
};

/// ExpandUnary for two operands.
template <typename OpT> struct ExpandBinary : OpRewritePattern<OpT> {
  explicit ExpandBinary(MLIRContext *context)
      : OpRewritePattern<OpT>(context, kBenefit) {}
  LogicalResult matchAndRewrite(OpT op,
                                PatternRewriter &rewriter) const override {
    Type type = op.getType(), element = getElementTypeOrSelf(type);
    if (!element.isF64() && !element.isF32())
      return failure();
    MathBuilder b(rewriter, op.getLoc(), type);
    bool isNarrow = element.isF32();
    Value x = op.getLhs(), y = op.getRhs();
    if (isNarrow) {
      Type wide = MathBuilder::shaped(type, rewriter.getF64Type());
      x = b.make<arith::ExtFOp>(wide, x);
      y = b.make<arith::ExtFOp>(wide, y);
    }
    // From the largest number to the smallest subnormal one.
    Value result = std::is_same_v<OpT, math::PowFOp>
                       ? b.pow(x, y)
                       : b.remainder(x, y, isNarrow ? 277 : 2098);
    if (isNarrow)
      result = b.make<arith::TruncFOp>(type, result);
    rewriter.replaceOp(op, result);
    return success();
  }
};
} // namespace

void mpc::populateMathFunctionPatterns(RewritePatternSet &patterns) {
  using B = MathBuilder;
  // f32 has polynomials of its own for these, upstream.
  patterns.add<ExpandUnary<math::ExpOp, &B::exp, false>,
               ExpandUnary<math::ExpM1Op, &B::expm1, false>,
               ExpandUnary<math::LogOp, &B::log, false>,
               ExpandUnary<math::Log1pOp, &B::log1p, false>,
               ExpandUnary<math::TanhOp, &B::tanh, false>,
               ExpandUnary<math::ErfOp, &B::erf, false>>(patterns.getContext());
  patterns.add<ExpandUnary<math::SinOp, &B::sin, true>,
               ExpandUnary<math::CosOp, &B::cos, true>,
               ExpandUnary<math::TanOp, &B::tan, true>,
               ExpandUnary<math::AsinOp, &B::asin, true>,
               ExpandUnary<math::AcosOp, &B::acos, true>,
               ExpandUnary<math::AtanOp, &B::atan, true>,
               ExpandUnary<math::SinhOp, &B::sinh, true>,
               ExpandUnary<math::CoshOp, &B::cosh, true>,
               ExpandUnary<math::AsinhOp, &B::asinh, true>,
               ExpandUnary<math::AcoshOp, &B::acosh, true>,
               ExpandUnary<math::AtanhOp, &B::atanh, true>,
               ExpandBinary<math::PowFOp>, ExpandBinary<arith::RemFOp>,
               ExpandNarrowing>(patterns.getContext());
}
