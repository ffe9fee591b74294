//===- Diagnose.h - from lost accuracy to a configuration -------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_COMPILER_DIAGNOSE_H
#define MPC_LIB_COMPILER_DIAGNOSE_H

#include "mpc/Compiler/Compiler.h"

namespace mpc {

/// Runs the library `options.diagnose`, and the model that it was compiled
/// from, on the samples of `options.calibrationData`. Tells on `os` which
/// tensors lose the accuracy, and returns the text of a configuration that
/// recovers it: the smallest set of groups in f32 that is found by raising the
/// worst one after the other and by lowering again what did not have to be
/// raised. `annotated` has the precisions that the options ask for, and ranges.
mlir::FailureOr<std::string> diagnose(mlir::ModuleOp annotated,
                                      const CompileOptions &options,
                                      llvm::raw_ostream &os);

} // namespace mpc

#endif // MPC_LIB_COMPILER_DIAGNOSE_H
