//===- LogicBodies.cpp - comparisons, logic, bits -------------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// ElementwiseOpInterface::buildScalarBody of the ops in MPCLogicOps.td.
//
//===----------------------------------------------------------------------===//

#include "ScalarBuilder.h"

using namespace mlir;
using namespace mpc;
using namespace mpc::detail;

Value CompareOp::buildScalarBody(OpBuilder &builder, Location loc,
                                 ValueRange scalars) {
  ScalarBuilder b(builder, loc, *this);
  if (b.isFloat(scalars[0])) {
    auto predicate = [&] {
      switch (getPredicate()) {
      case ComparePredicate::EQ:
        return arith::CmpFPredicate::OEQ;
      case ComparePredicate::LT:
        return arith::CmpFPredicate::OLT;
      case ComparePredicate::LE:
        return arith::CmpFPredicate::OLE;
      case ComparePredicate::GT:
        return arith::CmpFPredicate::OGT;
      case ComparePredicate::GE:
        return arith::CmpFPredicate::OGE;
      }
      llvm_unreachable("all predicates are listed");
    };
    return b.compare(predicate(), scalars[0], scalars[1]);
  }
  auto predicate = [&] {
    using P = arith::CmpIPredicate;
    switch (getPredicate()) {
    case ComparePredicate::EQ:
      return P::eq;
    case ComparePredicate::LT:
      return b.isUnsigned ? P::ult : P::slt;
    case ComparePredicate::LE:
      return b.isUnsigned ? P::ule : P::sle;
    case ComparePredicate::GT:
      return b.isUnsigned ? P::ugt : P::sgt;
    case ComparePredicate::GE:
      return b.isUnsigned ? P::uge : P::sge;
    }
    llvm_unreachable("all predicates are listed");
  };
  return b.compare(predicate(), scalars[0], scalars[1]);
}

Value IsNaNOp::buildScalarBody(OpBuilder &builder, Location loc,
                               ValueRange scalars) {
  return arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::UNO,
                               scalars[0], scalars[0]);
}

Value IsInfOp::buildScalarBody(OpBuilder &builder, Location loc,
                               ValueRange scalars) {
  ScalarBuilder b(builder, loc, *this);
  Value x = scalars[0];
  if (!getNegative() && !getPositive())
    return b.integer(builder.getI1Type(), 0);
  if (getNegative() && getPositive())
    x = b.make<math::AbsFOp>(x);
  return b.compare(arith::CmpFPredicate::OEQ, x,
                   b.number(x.getType(), getPositive() ? INFINITY : -INFINITY));
}

Value WhereOp::buildScalarBody(OpBuilder &builder, Location loc,
                               ValueRange scalars) {
  return arith::SelectOp::create(builder, loc, scalars[0], scalars[1],
                                 scalars[2]);
}

Value AndOp::buildScalarBody(OpBuilder &builder, Location loc,
                             ValueRange scalars) {
  return arith::AndIOp::create(builder, loc, scalars[0], scalars[1]);
}
Value OrOp::buildScalarBody(OpBuilder &builder, Location loc,
                            ValueRange scalars) {
  return arith::OrIOp::create(builder, loc, scalars[0], scalars[1]);
}
Value XorOp::buildScalarBody(OpBuilder &builder, Location loc,
                             ValueRange scalars) {
  return arith::XOrIOp::create(builder, loc, scalars[0], scalars[1]);
}
Value NotOp::buildScalarBody(OpBuilder &builder, Location loc,
                             ValueRange scalars) {
  ScalarBuilder b(builder, loc, *this);
  Type type = scalars[0].getType();
  return b.make<arith::XOrIOp>(
      scalars[0],
      b.integer(type, APInt::getAllOnes(type.getIntOrFloatBitWidth())));
}

/// Whether `amount`, as an unsigned number, is less than the bits of its type.
static Value isWithinWidth(ScalarBuilder &b, Value amount) {
  Type type = amount.getType();
  unsigned width = type.getIntOrFloatBitWidth();
  return b.compare(arith::CmpIPredicate::ult, amount,
                   b.integer(type, APInt(width, width)));
}

Value ShiftLeftOp::buildScalarBody(OpBuilder &builder, Location loc,
                                   ValueRange scalars) {
  ScalarBuilder b(builder, loc, *this);
  Value zero = b.integer(scalars[0].getType(), 0);
  Value within = isWithinWidth(b, scalars[1]);
  Value amount = b.select(within, scalars[1], zero);
  return b.select(within, b.make<arith::ShLIOp>(scalars[0], amount), zero);
}

Value ShiftRightOp::buildScalarBody(OpBuilder &builder, Location loc,
                                    ValueRange scalars) {
  ScalarBuilder b(builder, loc, *this);
  Type type = scalars[0].getType();
  unsigned width = type.getIntOrFloatBitWidth();
  Value within = isWithinWidth(b, scalars[1]);
  Value last = b.integer(type, APInt(width, width - 1));
  Value amount = b.select(within, scalars[1], last);
  if (!b.isUnsigned)
    return b.make<arith::ShRSIOp>(scalars[0], amount);
  return b.select(within, b.make<arith::ShRUIOp>(scalars[0], amount),
                  b.integer(type, 0));
}
