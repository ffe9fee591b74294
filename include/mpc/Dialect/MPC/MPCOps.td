//===- MPCOps.td - ops of the mpc dialect, by family -*- tablegen -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_DIALECT_MPC_MPCOPS_TD
#define MPC_DIALECT_MPC_MPCOPS_TD

include "mpc/Dialect/MPC/MPCContractionOps.td"
include "mpc/Dialect/MPC/MPCElementwiseOps.td"
include "mpc/Dialect/MPC/MPCLogicOps.td"
include "mpc/Dialect/MPC/MPCLoopOps.td"
include "mpc/Dialect/MPC/MPCIndexingOps.td"
include "mpc/Dialect/MPC/MPCMathOps.td"
include "mpc/Dialect/MPC/MPCMovementOps.td"
include "mpc/Dialect/MPC/MPCNormalizationOps.td"
include "mpc/Dialect/MPC/MPCReductionOps.td"
include "mpc/Dialect/MPC/MPCSamplingOps.td"
include "mpc/Dialect/MPC/MPCStructureOps.td"

#endif // MPC_DIALECT_MPC_MPCOPS_TD
