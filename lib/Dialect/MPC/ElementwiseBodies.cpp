//===- ElementwiseBodies.cpp - what ops on elements compute ---------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// ElementwiseOpInterface::buildScalarBody of every op: one element of each
// operand in, one element out. Floating-point scalars are f32 (f64), integers
// are signless; whether they count as unsigned is in the op's operand type.
//
//===----------------------------------------------------------------------===//

#include "ScalarBuilder.h"

using namespace mlir;
using namespace mpc;
using namespace mpc::detail;

//===----------------------------------------------------------------------===//
// One operand
//===----------------------------------------------------------------------===//

Value ReluOp::buildScalarBody(OpBuilder &builder, Location loc,
                              ValueRange scalars) {
  return ScalarBuilder(builder, loc, *this).atLeast(scalars[0], 0.0);
}

Value ClipOp::buildScalarBody(OpBuilder &builder, Location loc,
                              ValueRange scalars) {
  ScalarBuilder b(builder, loc, *this);
  auto [low, high] = getClampBounds();
  return b.atMost(b.atLeast(scalars[0], low), high);
}

Value SigmoidOp::buildScalarBody(OpBuilder &builder, Location loc,
                                 ValueRange scalars) {
  // Where exp(-x) overflows to infinity the quotient is 0, as it should be.
  ScalarBuilder b(builder, loc, *this);
  Value x = scalars[0], one = b.number(x.getType(), 1.0);
  return b.divide(one,
                  b.add(one, b.make<math::ExpOp>(b.make<arith::NegFOp>(x))));
}

Value TanhOp::buildScalarBody(OpBuilder &builder, Location loc,
                              ValueRange scalars) {
  return math::TanhOp::create(builder, loc, scalars[0]);
}
Value ExpOp::buildScalarBody(OpBuilder &builder, Location loc,
                             ValueRange scalars) {
  return math::ExpOp::create(builder, loc, scalars[0]);
}
Value LogOp::buildScalarBody(OpBuilder &builder, Location loc,
                             ValueRange scalars) {
  return math::LogOp::create(builder, loc, scalars[0]);
}
Value SqrtOp::buildScalarBody(OpBuilder &builder, Location loc,
                              ValueRange scalars) {
  return math::SqrtOp::create(builder, loc, scalars[0]);
}
Value ErfOp::buildScalarBody(OpBuilder &builder, Location loc,
                             ValueRange scalars) {
  return math::ErfOp::create(builder, loc, scalars[0]);
}
Value FloorOp::buildScalarBody(OpBuilder &builder, Location loc,
                               ValueRange scalars) {
  return math::FloorOp::create(builder, loc, scalars[0]);
}
Value CeilOp::buildScalarBody(OpBuilder &builder, Location loc,
                              ValueRange scalars) {
  return math::CeilOp::create(builder, loc, scalars[0]);
}
Value RoundOp::buildScalarBody(OpBuilder &builder, Location loc,
                               ValueRange scalars) {
  return math::RoundEvenOp::create(builder, loc, scalars[0]);
}

Value NegOp::buildScalarBody(OpBuilder &builder, Location loc,
                             ValueRange scalars) {
  ScalarBuilder b(builder, loc, *this);
  Value x = scalars[0];
  return b.isFloat(x) ? b.make<arith::NegFOp>(x)
                      : b.sub(b.integer(x.getType(), 0), x);
}

Value AbsOp::buildScalarBody(OpBuilder &builder, Location loc,
                             ValueRange scalars) {
  ScalarBuilder b(builder, loc, *this);
  Value x = scalars[0];
  if (b.isFloat(x))
    return b.make<math::AbsFOp>(x);
  return b.isUnsigned ? x : b.make<math::AbsIOp>(x);
}

Value ReciprocalOp::buildScalarBody(OpBuilder &builder, Location loc,
                                    ValueRange scalars) {
  ScalarBuilder b(builder, loc, *this);
  return b.divide(b.number(scalars[0].getType(), 1.0), scalars[0]);
}

Value SoftplusOp::buildScalarBody(OpBuilder &builder, Location loc,
                                  ValueRange scalars) {
  // max(x, 0) + ln(1 + exp(-|x|)): the same, and exp does not overflow.
  ScalarBuilder b(builder, loc, *this);
  Value x = scalars[0];
  Value decay =
      b.make<math::ExpOp>(b.make<arith::NegFOp>(b.make<math::AbsFOp>(x)));
  return b.add(b.atLeast(x, 0.0), b.make<math::Log1pOp>(decay));
}

Value SoftsignOp::buildScalarBody(OpBuilder &builder, Location loc,
                                  ValueRange scalars) {
  ScalarBuilder b(builder, loc, *this);
  Value x = scalars[0];
  return b.divide(x,
                  b.add(b.number(x.getType(), 1.0), b.make<math::AbsFOp>(x)));
}

/// min(max(alpha * x + beta, 0), 1)
static Value buildHardSigmoid(ScalarBuilder &b, Value x, double alpha,
                              double beta) {
  Value line = b.add(b.mul(x, b.number(x.getType(), alpha)),
                     b.number(x.getType(), beta));
  return b.atMost(b.atLeast(line, 0.0), 1.0);
}

Value HardSwishOp::buildScalarBody(OpBuilder &builder, Location loc,
                                   ValueRange scalars) {
  ScalarBuilder b(builder, loc, *this);
  return b.mul(scalars[0], buildHardSigmoid(b, scalars[0], 1.0 / 6, 0.5));
}

Value HardSigmoidOp::buildScalarBody(OpBuilder &builder, Location loc,
                                     ValueRange scalars) {
  ScalarBuilder b(builder, loc, *this);
  return buildHardSigmoid(b, scalars[0], getAlpha().convertToDouble(),
                          getBeta().convertToDouble());
}

Value mpc::detail::buildWhereNegative(ScalarBuilder &b, Value x,
                                      Value negative) {
  Value isNegative =
      b.isFloat(x)
          ? b.compare(arith::CmpFPredicate::OLT, x, b.number(x.getType(), 0))
          : b.compare(b.isUnsigned ? arith::CmpIPredicate::ult
                                   : arith::CmpIPredicate::slt,
                      x, b.integer(x.getType(), 0));
  return b.select(isNegative, negative, x);
}

Value LeakyReluOp::buildScalarBody(OpBuilder &builder, Location loc,
                                   ValueRange scalars) {
  ScalarBuilder b(builder, loc, *this);
  Value x = scalars[0];
  return buildWhereNegative(
      b, x, b.mul(x, b.number(x.getType(), getAlpha().convertToDouble())));
}

Value EluOp::buildScalarBody(OpBuilder &builder, Location loc,
                             ValueRange scalars) {
  ScalarBuilder b(builder, loc, *this);
  Value x = scalars[0];
  Type type = x.getType();
  double alpha = getAlpha().convertToDouble(),
         gamma = getGamma().convertToDouble(),
         divisor = getDivisor().convertToDouble();
  Value exponent = divisor == 1 ? x : b.divide(x, b.number(type, divisor));
  Value negative =
      b.mul(b.number(type, alpha * gamma), b.make<math::ExpM1Op>(exponent));
  Value positive = gamma == 1 ? x : b.mul(x, b.number(type, gamma));
  return b.select(b.compare(arith::CmpFPredicate::OLT, x, b.number(type, 0)),
                  negative, positive);
}

//===----------------------------------------------------------------------===//
// Two operands
//===----------------------------------------------------------------------===//

Value AddOp::buildScalarBody(OpBuilder &builder, Location loc,
                             ValueRange scalars) {
  return ScalarBuilder(builder, loc, *this).add(scalars[0], scalars[1]);
}
Value SubOp::buildScalarBody(OpBuilder &builder, Location loc,
                             ValueRange scalars) {
  return ScalarBuilder(builder, loc, *this).sub(scalars[0], scalars[1]);
}
Value MulOp::buildScalarBody(OpBuilder &builder, Location loc,
                             ValueRange scalars) {
  return ScalarBuilder(builder, loc, *this).mul(scalars[0], scalars[1]);
}
Value DivOp::buildScalarBody(OpBuilder &builder, Location loc,
                             ValueRange scalars) {
  return ScalarBuilder(builder, loc, *this).divide(scalars[0], scalars[1]);
}
Value MinOp::buildScalarBody(OpBuilder &builder, Location loc,
                             ValueRange scalars) {
  return ScalarBuilder(builder, loc, *this).min(scalars[0], scalars[1]);
}
Value MaxOp::buildScalarBody(OpBuilder &builder, Location loc,
                             ValueRange scalars) {
  return ScalarBuilder(builder, loc, *this).max(scalars[0], scalars[1]);
}
Value PowOp::buildScalarBody(OpBuilder &builder, Location loc,
                             ValueRange scalars) {
  if (ScalarBuilder::isFloat(scalars[0]))
    return math::PowFOp::create(builder, loc, scalars[0], scalars[1]);
  return ScalarBuilder(builder, loc, *this).power(scalars[0], scalars[1]);
}
Value PReluOp::buildScalarBody(OpBuilder &builder, Location loc,
                               ValueRange scalars) {
  ScalarBuilder b(builder, loc, *this);
  return buildWhereNegative(b, scalars[0], b.mul(scalars[1], scalars[0]));
}

Value ModOp::buildScalarBody(OpBuilder &builder, Location loc,
                             ValueRange scalars) {
  ScalarBuilder b(builder, loc, *this);
  Value x = scalars[0], y = scalars[1];
  Type type = x.getType();
  if (b.isFloat(x)) {
    Value rest = b.make<arith::RemFOp>(x, y);
    if (getTruncated())
      return rest;
    Value zero = b.number(type, 0);
    Value differs =
        b.make<arith::XOrIOp>(b.compare(arith::CmpFPredicate::OLT, rest, zero),
                              b.compare(arith::CmpFPredicate::OLT, y, zero));
    Value isZero = b.compare(arith::CmpFPredicate::OEQ, rest, zero);
    Value moved = b.select(differs, b.add(rest, y), rest);
    return b.select(isZero, b.make<math::CopySignOp>(zero, y), moved);
  }
  // As in division, zero and -1 do not trap.
  Value zero = b.integer(type, 0), one = b.integer(type, 1);
  Value isZero = b.compare(arith::CmpIPredicate::eq, y, zero);
  if (b.isUnsigned)
    return b.select(isZero, zero,
                    b.make<arith::RemUIOp>(x, b.select(isZero, one, y)));
  Value isMinusOne =
      b.compare(arith::CmpIPredicate::eq, y, b.integer(type, -1));
  Value safe = b.select(b.make<arith::OrIOp>(isZero, isMinusOne), one, y);
  Value rest = b.make<arith::RemSIOp>(x, safe);
  if (getTruncated())
    return rest;
  Value differs = b.compare(arith::CmpIPredicate::slt,
                            b.make<arith::XOrIOp>(rest, safe), zero);
  Value isExact = b.compare(arith::CmpIPredicate::eq, rest, zero);
  return b.select(isExact, rest, b.select(differs, b.add(rest, safe), rest));
}
