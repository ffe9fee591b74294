//===- Passes.h - passes of the example plugin ------------------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_EXAMPLES_PLUGIN_PASSES_H
#define MPC_EXAMPLES_PLUGIN_PASSES_H

#include "mlir/Pass/Pass.h"

namespace example {
#define GEN_PASS_DECL
#include "Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "Passes.h.inc"
} // namespace example

#endif // MPC_EXAMPLES_PLUGIN_PASSES_H
