//===- Repair.h - decide repairs of int8 accuracy on samples ----*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What --repair asks for, in two parts: what rewrites the model goes before
// calibration, what adjusts its quantization comes behind the choice of
// precisions. Each repair is decided on samples, kept in RepairDecisions, and
// carried out by applyRepair; replaying decisions is applyRepair alone.
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_COMPILER_REPAIR_H
#define MPC_LIB_COMPILER_REPAIR_H

#include "mpc/Analysis/Repairs.h"
#include "mpc/Compiler/Compiler.h"

namespace mpc {

/// Whether the options allow the repairs that they ask for: int8, and samples
/// for all but equalization.
mlir::LogicalResult checkRepairs(const CompileOptions &options,
                                 mlir::Location loc);

/// Equalization and SmoothQuant, on a module of the phase grouped that is not
/// calibrated yet. What is calibrated afterwards is another model: its hash
/// becomes one of the model and of the decisions.
mlir::LogicalResult repairModel(mlir::ModuleOp grouped,
                                const CompileOptions &options,
                                RepairDecisions &decisions);

/// Clipping, adaptive rounding and bias correction, on the int8 contractions of
/// a module of the phase annotated.
mlir::LogicalResult repairQuantization(mlir::ModuleOp annotated,
                                       const CompileOptions &options,
                                       RepairDecisions &decisions);

/// Carries out earlier decisions: the steps that belong before calibration, or
/// those that belong behind the choice of precisions.
mlir::LogicalResult replayModelRepairs(mlir::ModuleOp grouped,
                                       const RepairDecisions &decisions,
                                       llvm::StringRef source);
mlir::LogicalResult replayQuantizationRepairs(mlir::ModuleOp annotated,
                                              const RepairDecisions &decisions,
                                              llvm::StringRef source);

} // namespace mpc

#endif // MPC_LIB_COMPILER_REPAIR_H
