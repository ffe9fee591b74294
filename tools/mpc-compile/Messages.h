//===- Messages.h - What mpc-compile says on standard error -----*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_TOOLS_MPCCOMPILE_MESSAGES_H
#define MPC_TOOLS_MPCCOMPILE_MESSAGES_H

#include "mlir/IR/Diagnostics.h"
#include "llvm/ADT/Twine.h"

namespace mpc::driver {

/// How errors are written: for people, or one JSON object per line.
extern bool writeJSON;

/// An error that no place of the model belongs to. Always false.
bool fail(const llvm::Twine &message);

void writeRemark(const llvm::Twine &message);

/// One line per problem: where, and what. Counts errors.
struct DiagnosticWriter {
  unsigned errors = 0;
  mlir::LogicalResult operator()(mlir::Diagnostic &diagnostic);
};

/// A counter on a terminal; nothing in a pipe.
void showProgress(const char *what, size_t done, size_t all);

} // namespace mpc::driver

#endif // MPC_TOOLS_MPCCOMPILE_MESSAGES_H
