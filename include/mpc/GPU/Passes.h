//===- Passes.h - passes of GPU ---------------------------------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_GPU_PASSES_H
#define MPC_GPU_PASSES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Pass/Pass.h"

namespace mpc {
#define GEN_PASS_DECL
#include "mpc/GPU/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "mpc/GPU/Passes.h.inc"
} // namespace mpc

#endif // MPC_GPU_PASSES_H
