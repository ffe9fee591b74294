//===- SplitCode.h - code in parts that compile in parallel -----*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_TARGET_SPLITCODE_H
#define MPC_LIB_TARGET_SPLITCODE_H

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include <vector>

namespace mpc {

/// Functions that are compiled together.
using CodePart = std::vector<mlir::LLVM::LLVMFuncOp>;

/// Distributes the functions with a body of a module of the `llvm` phase over
/// parts of similar size; `@main` is in the first one. Functions that use each
/// other meet in one part, but for what @main uses. How many parts there are
/// follows from the code alone, so that equal modules give equal libraries.
std::vector<CodePart> splitCode(mlir::ModuleOp module);

/// A copy of `module` with the bodies of one part only. What parts have in
/// common becomes external: `@main` in the first, and the functions that @main
/// uses.
mlir::OwningOpRef<mlir::ModuleOp> extractPart(mlir::ModuleOp module,
                                              const CodePart &part);

} // namespace mpc

#endif // MPC_LIB_TARGET_SPLITCODE_H
