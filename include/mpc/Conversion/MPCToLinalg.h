//===- MPCToLinalg.h - from the mpc dialect to linalg ----------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_CONVERSION_MPCTOLINALG_H
#define MPC_CONVERSION_MPCTOLINALG_H

#include "mlir/IR/Types.h"

namespace mpc {

/// The type that a tensor of the mpc dialect has after convert-mpc-to-linalg:
/// quantized elements are their storage integers, and all integers are
/// signless.
mlir::Type getLinalgType(mlir::Type type);

} // namespace mpc

#endif // MPC_CONVERSION_MPCTOLINALG_H
