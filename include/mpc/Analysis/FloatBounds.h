//===- FloatBounds.h - bounds that no input leaves -------------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Interval analysis of what groups store: for inputs within their bounds no
// value lies outside of its interval. It knows contractions with constant
// weights (the sum of the largest products per output channel), what moves,
// selects and averages values, and element-wise ops by the interval arithmetic
// of their scalar bodies. Everything else is unbounded.
//
// Source: R. E. Moore, Interval Analysis, 1966.
//
//===----------------------------------------------------------------------===//

#ifndef MPC_ANALYSIS_FLOATBOUNDS_H
#define MPC_ANALYSIS_FLOATBOUNDS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/DenseMap.h"
#include <cmath>

namespace mpc {

/// [low, high]; unbounded where nothing is known.
struct FloatInterval {
  double low = -INFINITY, high = INFINITY;
  bool isBounded() const { return std::isfinite(low) && std::isfinite(high); }
  double getMagnitude() const {
    return std::max(std::abs(low), std::abs(high));
  }
};

class FloatBounds {
public:
  /// Analyses the groups of a function. Inputs are bounded by their element
  /// types where those are integers, and by `inputs` where that names them.
  FloatBounds(mlir::func::FuncOp function,
              const llvm::DenseMap<mlir::Value, FloatInterval> &inputs);

  /// Of an argument or of what an op of the function gives; unbounded where
  /// nothing is known.
  FloatInterval lookup(mlir::Value value) const;

private:
  llvm::DenseMap<mlir::Value, FloatInterval> bounds;
};

} // namespace mpc

#endif // MPC_ANALYSIS_FLOATBOUNDS_H
