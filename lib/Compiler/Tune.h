//===- Tune.h - times tilings on this machine -------------------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_COMPILER_TUNE_H
#define MPC_LIB_COMPILER_TUNE_H

#include "mpc/Compiler/Compiler.h"

namespace mpc {

/// The file of tilings that a compilation reads: `options.tuningTable`, with
/// `tune` else this machine's in `options.tuningFolder`; empty where there is
/// none.
std::string getTuningTable(const CompileOptions &options);

/// Emits an error where that file cannot be read or is no table, before long
/// work.
mlir::LogicalResult checkTuningTable(mlir::Location loc,
                                     const CompileOptions &options);

/// Times the candidates of every contraction of a module of the phase `linalg`
/// that the table lacks, for the instruction set that a library for
/// `options.marches` would choose on this machine, and writes the fastest ones
/// into the table. Nothing is timed where it lacks none.
mlir::LogicalResult tuneTilings(mlir::ModuleOp linalg, const ModelInfo &info,
                                const CompileOptions &options);

} // namespace mpc

#endif // MPC_LIB_COMPILER_TUNE_H
