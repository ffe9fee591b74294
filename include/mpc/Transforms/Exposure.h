//===- Exposure.h - inner tensors among the results of @main ----*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// To see what a model computes inside, its tensors become results of the
// function. Nothing that was computed before is computed otherwise.
//
//===----------------------------------------------------------------------===//

#ifndef MPC_TRANSFORMS_EXPOSURE_H
#define MPC_TRANSFORMS_EXPOSURE_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mpc {

/// On a result of an entry point: the name of the tensor of the model that it
/// shows.
inline constexpr llvm::StringLiteral kExposesAttrName = "mpc.exposes";

/// Returns `value` behind the results that are there, with the attribute `key`
/// = `name` on the new result.
void exposeValue(mlir::func::FuncOp func, mlir::Value value,
                 llvm::StringRef key, llvm::StringRef name);

/// Exposes every floating-point tensor that a group, a loop or a branch of
/// `func` stores, as `mpc.exposes` under the name that calibration tables use.
/// What is stored as integers comes out dequantized, in the model's own type.
/// Precondition: groups are formed, and quantization is not inserted yet.
void exposeGroups(mlir::func::FuncOp func);

} // namespace mpc

#endif // MPC_TRANSFORMS_EXPOSURE_H
