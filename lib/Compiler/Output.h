//===- Output.h - files that appear whole or not at all ---------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_COMPILER_OUTPUT_H
#define MPC_LIB_COMPILER_OUTPUT_H

#include "mlir/IR/Diagnostics.h"
#include "llvm/Support/raw_ostream.h"

namespace mpc {

/// Checks that a file can be made at `path`: the folder is there and can be
/// written, and `path` is no folder. Called before long work.
mlir::LogicalResult checkWritable(mlir::Location loc, llvm::StringRef flag,
                                  llvm::StringRef path);

/// Checks that what `files`, flags and paths, are to hold goes to different
/// ones; empty paths, standard output and devices aside.
mlir::LogicalResult checkDistinct(
    mlir::Location loc,
    llvm::ArrayRef<std::pair<llvm::StringRef, llvm::StringRef>> files);

/// Writes `path` through a temporary name beside it.
mlir::LogicalResult
writeFile(mlir::Location loc, llvm::StringRef path,
          llvm::function_ref<mlir::LogicalResult(llvm::raw_ostream &)> write);

} // namespace mpc

#endif // MPC_LIB_COMPILER_OUTPUT_H
