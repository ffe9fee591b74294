//===- MathBodies.cpp - functions of a real number ------------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// ElementwiseOpInterface::buildScalarBody of the ops in MPCMathOps.td.
//
//===----------------------------------------------------------------------===//

#include "ScalarBuilder.h"

using namespace mlir;
using namespace mpc;
using namespace mpc::detail;

Value SinOp::buildScalarBody(OpBuilder &builder, Location loc,
                             ValueRange scalars) {
  return math::SinOp::create(builder, loc, scalars[0]);
}
Value CosOp::buildScalarBody(OpBuilder &builder, Location loc,
                             ValueRange scalars) {
  return math::CosOp::create(builder, loc, scalars[0]);
}
Value TanOp::buildScalarBody(OpBuilder &builder, Location loc,
                             ValueRange scalars) {
  return math::TanOp::create(builder, loc, scalars[0]);
}
Value AsinOp::buildScalarBody(OpBuilder &builder, Location loc,
                              ValueRange scalars) {
  return math::AsinOp::create(builder, loc, scalars[0]);
}
Value AcosOp::buildScalarBody(OpBuilder &builder, Location loc,
                              ValueRange scalars) {
  return math::AcosOp::create(builder, loc, scalars[0]);
}
Value AtanOp::buildScalarBody(OpBuilder &builder, Location loc,
                              ValueRange scalars) {
  return math::AtanOp::create(builder, loc, scalars[0]);
}
Value SinhOp::buildScalarBody(OpBuilder &builder, Location loc,
                              ValueRange scalars) {
  return math::SinhOp::create(builder, loc, scalars[0]);
}
Value CoshOp::buildScalarBody(OpBuilder &builder, Location loc,
                              ValueRange scalars) {
  return math::CoshOp::create(builder, loc, scalars[0]);
}
Value AsinhOp::buildScalarBody(OpBuilder &builder, Location loc,
                               ValueRange scalars) {
  return math::AsinhOp::create(builder, loc, scalars[0]);
}
Value AcoshOp::buildScalarBody(OpBuilder &builder, Location loc,
                               ValueRange scalars) {
  return math::AcoshOp::create(builder, loc, scalars[0]);
}
Value AtanhOp::buildScalarBody(OpBuilder &builder, Location loc,
                               ValueRange scalars) {
  return math::AtanhOp::create(builder, loc, scalars[0]);
}

Value SignOp::buildScalarBody(OpBuilder &builder, Location loc,
                              ValueRange scalars) {
  ScalarBuilder b(builder, loc, *this);
  Value x = scalars[0];
  Type type = x.getType();
  if (b.isFloat(x)) {
    Value zero = b.number(type, 0);
    Value sign = b.select(b.compare(arith::CmpFPredicate::OLT, x, zero),
                          b.number(type, -1), x);
    return b.select(b.compare(arith::CmpFPredicate::OGT, x, zero),
                    b.number(type, 1), sign);
  }
  Value zero = b.integer(type, 0), one = b.integer(type, 1);
  Value isZero = b.compare(arith::CmpIPredicate::eq, x, zero);
  if (b.isUnsigned)
    return b.select(isZero, zero, one);
  Value isNegative = b.compare(arith::CmpIPredicate::slt, x, zero);
  return b.select(isZero, zero, b.select(isNegative, b.integer(type, -1), one));
}

Value MishOp::buildScalarBody(OpBuilder &builder, Location loc,
                              ValueRange scalars) {
  // With e = exp(x), tanh(ln(1 + e)) = n / (n + 2), where n = e * (e + 2). From
  // 20 on that is 1, and e does not overflow.
  ScalarBuilder b(builder, loc, *this);
  Value x = scalars[0];
  Type type = x.getType();
  Value e = b.make<math::ExpOp>(b.atMost(x, 20));
  Value two = b.number(type, 2);
  Value n = b.mul(e, b.add(e, two));
  Value isLarge = b.compare(arith::CmpFPredicate::OGT, x, b.number(type, 20));
  return b.select(isLarge, x, b.mul(x, b.divide(n, b.add(n, two))));
}

Value GeluOp::buildScalarBody(OpBuilder &builder, Location loc,
                              ValueRange scalars) {
  ScalarBuilder b(builder, loc, *this);
  Value x = scalars[0];
  auto number = [&](double value) { return b.number(x.getType(), value); };
  Value share;
  if (getTanh()) {
    constexpr double sqrt2OverPi = 0.79788456080286535588;
    Value cubic = b.mul(b.mul(b.mul(x, x), x), number(0.044715));
    share = b.make<math::TanhOp>(b.mul(number(sqrt2OverPi), b.add(x, cubic)));
  } else {
    constexpr double sqrtHalf = 0.70710678118654752440;
    share = b.make<math::ErfOp>(b.mul(x, number(sqrtHalf)));
  }
  return b.mul(b.mul(number(0.5), x), b.add(number(1), share));
}

Value SwishOp::buildScalarBody(OpBuilder &builder, Location loc,
                               ValueRange scalars) {
  ScalarBuilder b(builder, loc, *this);
  Value x = scalars[0];
  Value exponent =
      b.mul(x, b.number(x.getType(), -getAlpha().convertToDouble()));
  return b.divide(
      x, b.add(b.number(x.getType(), 1), b.make<math::ExpOp>(exponent)));
}

Value ThresholdedReluOp::buildScalarBody(OpBuilder &builder, Location loc,
                                         ValueRange scalars) {
  ScalarBuilder b(builder, loc, *this);
  Value x = scalars[0];
  Value passes = b.compare(arith::CmpFPredicate::OGT, x,
                           b.number(x.getType(), getAlpha().convertToDouble()));
  return b.select(passes, x, b.number(x.getType(), 0));
}

Value ShrinkOp::buildScalarBody(OpBuilder &builder, Location loc,
                                ValueRange scalars) {
  ScalarBuilder b(builder, loc, *this);
  Type element = getElementTypeOrSelf(getInput()), f64 = builder.getF64Type();
  bool isInteger = !b.isFloat(scalars[0]);
  auto convert = [&](Value value, Type from, Type to) {
    return b.convert(value, from, to, CastOverflow::Saturate,
                     ScaleRounding::Up);
  };
  Value x = isInteger ? convert(scalars[0], element, f64) : scalars[0];
  Type type = x.getType();
  double lambda = getLambda().convertToDouble();
  Value bias = b.number(type, getBias().convertToDouble());
  Value isLow =
      b.compare(arith::CmpFPredicate::OLT, x, b.number(type, -lambda));
  Value isHigh =
      b.compare(arith::CmpFPredicate::OGT, x, b.number(type, lambda));
  Value result = b.select(isLow, b.add(x, bias),
                          b.select(isHigh, b.sub(x, bias), b.number(type, 0)));
  return isInteger ? convert(result, f64, element) : result;
}
