//===- RoundingTail.h - what stands in front of a rounding -----*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_CODEGEN_ROUNDINGTAIL_H
#define MPC_LIB_CODEGEN_ROUNDINGTAIL_H

#include "Pieces.h"

namespace mpc {

/// Divisors within these bounds, and dividends that matter, are far from where
/// numbers lose bits.
inline constexpr double kLeastDivisor = 0x1p-60, kLargestDivisor = 0x1p60;

/// Integers with so many binary digits behind the point decide what is near to
/// the middle between two integers.
inline constexpr int kFraction = 16;

/// Below this, integers with such digits are exact in f32.
inline constexpr double kLargestInteger = 0x1p8;

/// What stands between a value and its rounding: changes of scale and sums,
/// and then clamps. The value's error reaches the rounding multiplied by
/// `gain`.
struct Tail {
  /// Changes of scale and sums; the value first, and clamps. The last one to be
  /// computed comes first.
  llvm::SmallVector<mlir::Operation *> ops, clamps;
  mlir::Value value;
  /// The product of all changes of scale, and its size.
  double factor = 1, gain = 1;
  double low = -INFINITY, high = INFINITY;
  /// What clamps make of NaN.
  double undefined = NAN;
  /// Whether another value is added: then it is not the result's size that
  /// bounds the errors.
  bool hasSum = false;

  double getBound() const { return std::max(std::abs(low), std::abs(high)); }
  /// Whether the integers that come out, plus `zero`, are exact in f32 together
  /// with kFraction binary digits.
  bool isByte(int64_t zero) const {
    double least = low + static_cast<double>(zero),
           most = high + static_cast<double>(zero);
    return std::max(std::abs(least), std::abs(most)) < kLargestInteger;
  }
  /// Whether it does not matter if rounding comes first.
  bool isBoundedByIntegers() const {
    return std::isfinite(getBound()) && std::trunc(low) == low &&
           std::trunc(high) == high;
  }
};

/// Steps back from `value` over clamps, and choices of a number for NaN, which
/// `tail` notes.
mlir::Value skipClamps(mlir::Value value, Tail &tail);

/// Goes back from `value` to a function that is worth an estimate; `tail` and
/// `function` are meaningful if there is one.
bool findFunction(mlir::Value value, Tail &tail, ScalarProgram &function);

} // namespace mpc

#endif // MPC_LIB_CODEGEN_ROUNDINGTAIL_H
