//===- Passes.h - passes of Transforms -----------------------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_TRANSFORMS_PASSES_H
#define MPC_TRANSFORMS_PASSES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace mpc {
#define GEN_PASS_DECL
#include "mpc/Transforms/Passes.h.inc"

/// The precisions that the groups carry, each by name, as the text of a
/// --precision-config file (mpc/Support/PrecisionConfig.h).
std::string writePrecisionConfig(mlir::ModuleOp module);

#define GEN_PASS_REGISTRATION
#include "mpc/Transforms/Passes.h.inc"
} // namespace mpc

#endif // MPC_TRANSFORMS_PASSES_H
