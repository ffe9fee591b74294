//===- ScalarBuilder.h - scalar arithmetic of ops on elements --*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the bodies of element-wise ops are written in. Floating-point scalars
// are f32 (f64), integers are signless, 8-bit floats and 4-bit integers are
// bytes.
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_DIALECT_MPC_SCALARBUILDER_H
#define MPC_LIB_DIALECT_MPC_SCALARBUILDER_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mpc/Dialect/MPC/MPCDialect.h"

namespace mpc::detail {

/// Scalar arithmetic in the terms of the ops' formulas.
class ScalarBuilder {
public:
  ScalarBuilder(mlir::OpBuilder &builder, mlir::Location loc,
                mlir::Operation *op)
      : builder(builder), loc(loc),
        isUnsigned(
            isUnsignedElement(mlir::getElementTypeOrSelf(op->getOperand(0)))) {}

  static bool isUnsignedElement(mlir::Type type) {
    return type.isUnsignedInteger() || type.isInteger(1);
  }
  static bool isFloat(mlir::Value value) {
    return mlir::isa<mlir::FloatType>(value.getType());
  }

  template <typename OpT, typename... Args> mlir::Value make(Args &&...args) {
    return OpT::create(builder, loc, std::forward<Args>(args)...);
  }

  mlir::Value number(mlir::Type type, double value) {
    return make<mlir::arith::ConstantOp>(builder.getFloatAttr(type, value));
  }
  mlir::Value integer(mlir::Type type, const llvm::APInt &value) {
    return make<mlir::arith::ConstantOp>(builder.getIntegerAttr(type, value));
  }
  mlir::Value integer(mlir::Type type, int64_t value) {
    return make<mlir::arith::ConstantOp>(builder.getIntegerAttr(type, value));
  }

  mlir::Value add(mlir::Value a, mlir::Value b) {
    return isFloat(a) ? make<mlir::arith::AddFOp>(a, b)
                      : make<mlir::arith::AddIOp>(a, b);
  }
  mlir::Value sub(mlir::Value a, mlir::Value b) {
    return isFloat(a) ? make<mlir::arith::SubFOp>(a, b)
                      : make<mlir::arith::SubIOp>(a, b);
  }
  mlir::Value mul(mlir::Value a, mlir::Value b) {
    return isFloat(a) ? make<mlir::arith::MulFOp>(a, b)
                      : make<mlir::arith::MulIOp>(a, b);
  }
  mlir::Value select(mlir::Value condition, mlir::Value a, mlir::Value b) {
    return make<mlir::arith::SelectOp>(condition, a, b);
  }
  mlir::Value compare(mlir::arith::CmpFPredicate predicate, mlir::Value a,
                      mlir::Value b) {
    return make<mlir::arith::CmpFOp>(predicate, a, b);
  }
  mlir::Value compare(mlir::arith::CmpIPredicate predicate, mlir::Value a,
                      mlir::Value b) {
    return make<mlir::arith::CmpIOp>(predicate, a, b);
  }

  mlir::Value min(mlir::Value a, mlir::Value b) {
    if (isFloat(a))
      return make<mlir::arith::MinimumFOp>(a, b);
    return isUnsigned ? make<mlir::arith::MinUIOp>(a, b)
                      : make<mlir::arith::MinSIOp>(a, b);
  }
  mlir::Value max(mlir::Value a, mlir::Value b) {
    if (isFloat(a))
      return make<mlir::arith::MaximumFOp>(a, b);
    return isUnsigned ? make<mlir::arith::MaxUIOp>(a, b)
                      : make<mlir::arith::MaxSIOp>(a, b);
  }

  /// x raised to a constant bound. A NaN x stays: as `bound > x ? bound : x`
  /// this is one instruction on every target that has a maximum with the
  /// semantics of x86, where maximumf takes three.
  mlir::Value atLeast(mlir::Value x, double bound) {
    if (bound == -INFINITY)
      return x;
    if (!isFloat(x))
      return max(x, saturated(x.getType(), bound));
    mlir::Value constant = number(x.getType(), bound);
    return select(compare(mlir::arith::CmpFPredicate::OGT, constant, x),
                  constant, x);
  }
  /// x lowered to a constant bound; NaN as in atLeast.
  mlir::Value atMost(mlir::Value x, double bound) {
    if (bound == INFINITY)
      return x;
    if (!isFloat(x))
      return min(x, saturated(x.getType(), bound));
    mlir::Value constant = number(x.getType(), bound);
    return select(compare(mlir::arith::CmpFPredicate::OLT, constant, x),
                  constant, x);
  }

  /// Truncated quotient; 0 for a zero divisor, and the smallest integer wraps:
  /// neither traps.
  mlir::Value divide(mlir::Value a, mlir::Value b) {
    if (isFloat(a))
      return make<mlir::arith::DivFOp>(a, b);
    mlir::Type type = a.getType();
    mlir::Value zero = integer(type, 0), one = integer(type, 1);
    mlir::Value isZero = compare(mlir::arith::CmpIPredicate::eq, b, zero);
    mlir::Value quotient;
    if (isUnsigned) {
      quotient = make<mlir::arith::DivUIOp>(a, select(isZero, one, b));
    } else {
      mlir::Value isMinusOne =
          compare(mlir::arith::CmpIPredicate::eq, b, integer(type, -1));
      mlir::Value safe =
          select(make<mlir::arith::OrIOp>(isZero, isMinusOne), one, b);
      quotient =
          select(isMinusOne, sub(zero, a), make<mlir::arith::DivSIOp>(a, safe));
    }
    return select(isZero, zero, quotient);
  }

  /// An integer raised to an integer, modulo 2^n; for negative exponents the
  /// quotient, towards zero (0 to a negative power is 0).
  mlir::Value power(mlir::Value base, mlir::Value exponent);

  /// Conversions between number types; CastBodies.cpp. `to` is an element type
  /// of a tensor: integers carry their sign. `from` is the element type that x
  /// is held by a scalar of.
  mlir::Value convert(mlir::Value x, mlir::Type from, mlir::Type to,
                      CastOverflow overflow, ScaleRounding rounding);

  mlir::OpBuilder &builder;
  mlir::Location loc;
  bool isUnsigned;
  /// The lower bits of a byte as a number of `type`, which has fewer than 8.
  mlir::Value extendLowBits(mlir::Value byte, mlir::IntegerType type);

private:
  mlir::Value convertToInt(mlir::Value x, mlir::IntegerType to);
  mlir::Value encodeSmallFloat(mlir::Value x, mlir::FloatType to,
                               CastOverflow overflow);
  mlir::Value encodeScale(mlir::Value x, CastOverflow overflow,
                          ScaleRounding rounding);
  mlir::Value decodeSmallFloat(mlir::Value code, mlir::FloatType from);

  /// A bound as an integer of `type`.
  mlir::Value saturated(mlir::Type type, double bound) {
    llvm::APSInt value(type.getIntOrFloatBitWidth(), isUnsigned);
    bool isExact;
    // Saturates at the type's limits.
    llvm::APFloat(std::ceil(bound) == bound ? bound : std::floor(bound))
        .convertToInteger(value, llvm::APFloat::rmTowardZero, &isExact);
    return integer(type, value);
  }
};

/// x where it is not negative (or NaN), else `negative`.
mlir::Value buildWhereNegative(ScalarBuilder &b, mlir::Value x,
                               mlir::Value negative);

} // namespace mpc::detail

#endif // MPC_LIB_DIALECT_MPC_SCALARBUILDER_H
