//===- GroupSizes.h - how much groups read and store ------------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_COMPILER_GROUPSIZES_H
#define MPC_LIB_COMPILER_GROUPSIZES_H

#include "mlir/IR/Value.h"

namespace mpc {

/// Elements of a tensor; the symbolic batch is 1.
int64_t countElements(mlir::Value tensor);

/// Bytes of a tensor as it is stored; the symbolic batch is 1. Elements of fewer bits take a byte each, but for constants, which libraries hold
/// packed.
int64_t countBytes(mlir::Value tensor);

} // namespace mpc

#endif // MPC_LIB_COMPILER_GROUPSIZES_H
