//===- ApplyRepairs.h - carry out what repairs decided ----------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_TRANSFORMS_APPLYREPAIRS_H
#define MPC_TRANSFORMS_APPLYREPAIRS_H

#include "mlir/IR/BuiltinOps.h"
#include "mpc/Analysis/Repairs.h"

namespace mpc {

/// Carries out one repair on a module of the phase grouped or annotated, as
/// mpc-apply-repairs. Emits an error that names `source` and the group where a
/// decision does not fit the module.
mlir::LogicalResult applyRepair(mlir::ModuleOp module, const RepairStep &step,
                                llvm::StringRef source);

} // namespace mpc

#endif // MPC_TRANSFORMS_APPLYREPAIRS_H
