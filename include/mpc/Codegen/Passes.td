//===- Passes.td - passes of Codegen --------------------*- tablegen -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_CODEGEN_PASSES_TD
#define MPC_CODEGEN_PASSES_TD

include "mlir/Pass/PassBase.td"

#endif // MPC_CODEGEN_PASSES_TD
