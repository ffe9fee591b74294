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

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mpc/Dialect/MPC/MPCDialect.h"

using namespace mlir;
using namespace mpc;

namespace {
/// Scalar arithmetic in the terms of the ops' formulas.
class ScalarBuilder {
public:
  ScalarBuilder(OpBuilder &builder, Location loc, Operation *op)
      : builder(builder), loc(loc),
        isUnsigned(isUnsignedElement(getElementTypeOrSelf(op->getOperand(0)))) {
  }

  static bool isUnsignedElement(Type type) {
    return type.isUnsignedInteger() || type.isInteger(1);
  }
  static bool isFloat(Value value) { return isa<FloatType>(value.getType()); }

  template <typename OpT, typename... Args> Value make(Args &&...args) {
    return OpT::create(builder, loc, std::forward<Args>(args)...);
  }

  Value number(Type type, double value) {
    return make<arith::ConstantOp>(builder.getFloatAttr(type, value));
  }
  Value integer(Type type, const APInt &value) {
    return make<arith::ConstantOp>(builder.getIntegerAttr(type, value));
  }
  Value integer(Type type, int64_t value) {
    return make<arith::ConstantOp>(builder.getIntegerAttr(type, value));
  }

  Value add(Value a, Value b) {
    return isFloat(a) ? make<arith::AddFOp>(a, b) : make<arith::AddIOp>(a, b);
  }
  Value sub(Value a, Value b) {
    return isFloat(a) ? make<arith::SubFOp>(a, b) : make<arith::SubIOp>(a, b);
  }
  Value mul(Value a, Value b) {
    return isFloat(a) ? make<arith::MulFOp>(a, b) : make<arith::MulIOp>(a, b);
  }
  Value select(Value condition, Value a, Value b) {
    return make<arith::SelectOp>(condition, a, b);
  }
  Value compare(arith::CmpFPredicate predicate, Value a, Value b) {
    return make<arith::CmpFOp>(predicate, a, b);
  }
  Value compare(arith::CmpIPredicate predicate, Value a, Value b) {
    return make<arith::CmpIOp>(predicate, a, b);
  }

  Value min(Value a, Value b) {
    if (isFloat(a))
      return make<arith::MinimumFOp>(a, b);
    return isUnsigned ? make<arith::MinUIOp>(a, b) : make<arith::MinSIOp>(a, b);
  }
  Value max(Value a, Value b) {
    if (isFloat(a))
      return make<arith::MaximumFOp>(a, b);
    return isUnsigned ? make<arith::MaxUIOp>(a, b) : make<arith::MaxSIOp>(a, b);
  }

  /// x raised to a constant bound. A NaN x stays: as `bound > x ? bound : x`
  /// this is one instruction on every target that has a maximum with the
  /// semantics of x86, where maximumf takes three.
  Value atLeast(Value x, double bound) {
    if (bound == -INFINITY)
      return x;
    if (!isFloat(x))
      return max(x, saturated(x.getType(), bound));
    Value constant = number(x.getType(), bound);
    return select(compare(arith::CmpFPredicate::OGT, constant, x), constant, x);
  }
  /// x lowered to a constant bound; NaN as in atLeast.
  Value atMost(Value x, double bound) {
    if (bound == INFINITY)
      return x;
    if (!isFloat(x))
      return min(x, saturated(x.getType(), bound));
    Value constant = number(x.getType(), bound);
    return select(compare(arith::CmpFPredicate::OLT, constant, x), constant, x);
  }

  /// Truncated quotient; 0 for a zero divisor, and the smallest integer wraps:
  /// neither traps.
  Value divide(Value a, Value b) {
    if (isFloat(a))
      return make<arith::DivFOp>(a, b);
    Type type = a.getType();
    Value zero = integer(type, 0), one = integer(type, 1);
    Value isZero = compare(arith::CmpIPredicate::eq, b, zero);
    Value quotient;
    if (isUnsigned) {
      quotient = make<arith::DivUIOp>(a, select(isZero, one, b));
    } else {
      Value isMinusOne =
          compare(arith::CmpIPredicate::eq, b, integer(type, -1));
      Value safe = select(make<arith::OrIOp>(isZero, isMinusOne), one, b);
      quotient =
          select(isMinusOne, sub(zero, a), make<arith::DivSIOp>(a, safe));
    }
    return select(isZero, zero, quotient);
  }

  Value convert(Value x, Type to);

  OpBuilder &builder;
  Location loc;
  bool isUnsigned;

private:
  /// A bound as an integer of `type`.
  Value saturated(Type type, double bound) {
    APSInt value(type.getIntOrFloatBitWidth(), isUnsigned);
    bool isExact;
    // Saturates at the type's limits.
    APFloat(std::ceil(bound) == bound ? bound : std::floor(bound))
        .convertToInteger(value, APFloat::rmTowardZero, &isExact);
    return integer(type, value);
  }
};

/// `to` is an element type of a tensor: integers carry their sign.
Value ScalarBuilder::convert(Value x, Type to) {
  auto toInt = dyn_cast<IntegerType>(to);
  if (!toInt) {
    if (isFloat(x)) // from f64 in one rounding; what is stored in fewer bits
                    // than f32 is the store's to round
      return x.getType().isF64() && !to.isF64() ? make<arith::TruncFOp>(to, x)
                                                : x;
    Type compute = to.isF64() ? to : builder.getF32Type();
    return isUnsigned ? make<arith::UIToFPOp>(compute, x)
                      : make<arith::SIToFPOp>(compute, x);
  }

  unsigned width = toInt.getWidth();
  Type signless = builder.getIntegerType(width);
  if (!isFloat(x)) {
    unsigned from = x.getType().getIntOrFloatBitWidth();
    if (width == 1)
      return compare(arith::CmpIPredicate::ne, x, integer(x.getType(), 0));
    if (from == width)
      return x;
    if (from > width)
      return make<arith::TruncIOp>(signless, x);
    return isUnsigned ? make<arith::ExtUIOp>(signless, x)
                      : make<arith::ExtSIOp>(signless, x);
  }
  if (width == 1)
    return compare(arith::CmpFPredicate::UNE, x, number(x.getType(), 0));

  // Saturated: the limits ±2^n are exact in every float type that holds x. Out
  // of range the conversion is undefined, and its result not taken.
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
} // namespace

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

/// x where it is not negative (or NaN), else `negative`.
static Value buildWhereNegative(ScalarBuilder &b, Value x, Value negative) {
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
  return buildWhereNegative(
      b, x,
      b.mul(b.number(x.getType(), getAlpha().convertToDouble()),
            b.make<math::ExpM1Op>(x)));
}

Value CastOp::buildScalarBody(OpBuilder &builder, Location loc,
                              ValueRange scalars) {
  return ScalarBuilder(builder, loc, *this)
      .convert(scalars[0], getElementTypeOrSelf(getResult()));
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
  return math::IPowIOp::create(builder, loc, scalars[0], scalars[1]);
}
Value PReluOp::buildScalarBody(OpBuilder &builder, Location loc,
                               ValueRange scalars) {
  ScalarBuilder b(builder, loc, *this);
  return buildWhereNegative(b, scalars[0], b.mul(scalars[1], scalars[0]));
}
