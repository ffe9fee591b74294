//===- IntegerFormats.h - how a module computes in integers ----*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The words of flags, configurations and files of decisions as attributes of a
// module (Ranges.h names them), where mpc-assign-precision and
// mpc-insert-quantization read them.
//
//===----------------------------------------------------------------------===//

#ifndef MPC_TRANSFORMS_INTEGERFORMATS_H
#define MPC_TRANSFORMS_INTEGERFORMATS_H

#include "mlir/IR/BuiltinOps.h"
#include "mpc/Support/PrecisionConfig.h"

namespace mpc {

/// Writes the words of `format` that are not empty. Fails, with a message that
/// starts with `source`, where the module says something else already.
mlir::LogicalResult setIntegerFormat(mlir::ModuleOp module,
                                     const IntegerFormat &format,
                                     llvm::StringRef source);

/// What the module says; empty where it leaves the default.
IntegerFormat getIntegerFormat(mlir::ModuleOp module);

} // namespace mpc

#endif // MPC_TRANSFORMS_INTEGERFORMATS_H
