//===- ScalarFunction.h - a function of one number, evaluated --*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Element-wise ops of one variable, in f64 at compile time: what tables are
// made from.
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_TRANSFORMS_SCALARFUNCTION_H
#define MPC_LIB_TRANSFORMS_SCALARFUNCTION_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "mpc/Dialect/MPC/MPCDialect.h"

namespace mpc {

/// The element of `result` as a function of that of `variable`, through
/// element-wise ops whose other operands are constants of one value. Their
/// scalar bodies are built on f64 and folded.
class ScalarFunction {
public:
  /// Nothing where `result` is not such a function, or does not fold. With
  /// `rest` operands that are no such constants count as that number.
  static std::optional<ScalarFunction>
  get(mlir::Value result, mlir::Value variable,
      std::optional<double> rest = std::nullopt);
  /// NaN where the function has no value.
  double operator()(double x) const;

private:
  mlir::OwningOpRef<mlir::ModuleOp> module;
  mlir::Value variable, result;
};

} // namespace mpc

#endif // MPC_LIB_TRANSFORMS_SCALARFUNCTION_H
