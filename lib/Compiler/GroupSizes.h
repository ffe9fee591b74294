//===- GroupSizes.h - how much groups read and store ------------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_COMPILER_GROUPSIZES_H
#define MPC_LIB_COMPILER_GROUPSIZES_H

#include "mlir/IR/Operation.h"

namespace mpc {

/// Elements of a tensor; the symbolic batch is 1.
int64_t countElements(mlir::Value tensor);

/// Bytes of a tensor as it is stored; the symbolic batch is 1. Elements of
/// fewer bits take a byte each, but for constants, which libraries hold packed.
int64_t countBytes(mlir::Value tensor);

/// Multiply-accumulates of a contraction, for one sample; 0 of anything else.
/// Each output element is the sum of as many products as there are weights per
/// output channel, or, where both operands are activations, as the first one's
/// last dimension has elements.
int64_t countMACs(mlir::Operation *root);

} // namespace mpc

#endif // MPC_LIB_COMPILER_GROUPSIZES_H
