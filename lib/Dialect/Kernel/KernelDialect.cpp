//===- KernelDialect.cpp - the kernel dialect -----------------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpc/Dialect/Kernel/KernelDialect.h"

using namespace mpc::kernel;

#include "mpc/Dialect/Kernel/KernelDialect.cpp.inc"

void KernelDialect::initialize() {
  registerAttributes();
  addOperations<
#define GET_OP_LIST
#include "mpc/Dialect/Kernel/KernelOps.cpp.inc"
      >();
}
