//===- MPCOps.td - ops of the mpc dialect -*- tablegen -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_DIALECT_MPC_MPCOPS_TD
#define MPC_DIALECT_MPC_MPCOPS_TD

include "mlir/IR/OpBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/AttrTypeBase.td"

def MPC_Dialect : Dialect {
  let name = "mpc";
  let cppNamespace = "::mpc";
  let summary = "packed contractions, tiled, with the name of the instruction that computes them";
}

#endif // MPC_DIALECT_MPC_MPCOPS_TD
