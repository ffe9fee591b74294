//===- CheckOptions.h - options that need each other ------------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_COMPILER_CHECKOPTIONS_H
#define MPC_LIB_COMPILER_CHECKOPTIONS_H

#include "mlir/IR/Diagnostics.h"
#include "mpc/Compiler/Compiler.h"

namespace mpc {

/// The last phase that is compiled to: of a kit, the one that it begins with.
Phase getLastPhase(const CompileOptions &options);

/// Passes can only be inserted after phases that the module is in.
mlir::LogicalResult checkInsertedPasses(mlir::Location loc,
                                        const CompileOptions &options);

/// What is decided, and what is written about it, on the way to the phase
/// annotated needs that way.
mlir::LogicalResult checkDecided(mlir::Location loc,
                                 const CompileOptions &options);

/// Precisions of integers, and a search, need samples or a table of ranges.
mlir::LogicalResult checkSamplesGiven(mlir::Location loc,
                                      const CompileOptions &options);

} // namespace mpc

#endif // MPC_LIB_COMPILER_CHECKOPTIONS_H
