//===- Calibrate.h - run a model over samples and see its ranges *- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_COMPILER_CALIBRATE_H
#define MPC_LIB_COMPILER_CALIBRATE_H

#include "mlir/IR/BuiltinOps.h"
#include "mpc/Analysis/Calibration.h"
#include "mpc/Compiler/Compiler.h"

namespace mpc {

/// Where --calibrator is not given.
inline constexpr llvm::StringLiteral kDefaultCalibrator = "mse";

/// Compiles the grouped module in f32 with an observer behind every group, runs
/// it over the samples of `options.calibrationData`, and returns the ranges.
/// One pass; memory does not grow with the number of samples.
mlir::FailureOr<Calibration> calibrate(mlir::ModuleOp grouped,
                                       const CompileOptions &options);

/// Makes the grouped module return what calibration sees, beside its own
/// results, and decides that all of it computes in f32.
mlir::FailureOr<ObserverInfo> addObservers(mlir::ModuleOp grouped,
                                           const CompileOptions &options);

} // namespace mpc

#endif // MPC_LIB_COMPILER_CALIBRATE_H
