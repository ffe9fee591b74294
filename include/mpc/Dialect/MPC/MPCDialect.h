//===- MPCDialect.h - the mpc dialect --------------------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_DIALECT_MPC_MPCDIALECT_H
#define MPC_DIALECT_MPC_MPCDIALECT_H

#include "mlir/IR/Dialect.h"

#include "mpc/Dialect/MPC/MPCDialect.h.inc"

#endif // MPC_DIALECT_MPC_MPCDIALECT_H
