//===- KernelDialect.h - the kernel dialect --------------------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_DIALECT_KERNEL_KERNELDIALECT_H
#define MPC_DIALECT_KERNEL_KERNELDIALECT_H

#include "mlir/IR/Dialect.h"

#include "mpc/Dialect/Kernel/KernelDialect.h.inc"

#endif // MPC_DIALECT_KERNEL_KERNELDIALECT_H
