//===- IntegerOptions.h - how a module computes in integers ----*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_COMPILER_INTEGEROPTIONS_H
#define MPC_LIB_COMPILER_INTEGEROPTIONS_H

#include "mlir/IR/BuiltinOps.h"
#include "mpc/Compiler/Compiler.h"

namespace mpc {

/// Writes what differs from the default onto the module, where
/// mpc-assign-precision and mpc-insert-quantization read it.
void writeIntegerOptions(mlir::ModuleOp module, const CompileOptions &options);

} // namespace mpc

#endif // MPC_LIB_COMPILER_INTEGEROPTIONS_H
