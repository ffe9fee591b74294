//===- GraphPipelines.h - from an imported model to linalg ------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The pipelines that do not depend on the target, phase by phase. Between
// `grouped` and `quantized` stand ranges and precisions, which come from the
// user's options: mpc-attach-ranges and mpc-assign-precision.
//
//===----------------------------------------------------------------------===//

#ifndef MPC_PIPELINES_GRAPHPIPELINES_H
#define MPC_PIPELINES_GRAPHPIPELINES_H

#include "mlir/Pass/PassManager.h"

namespace mpc {

/// imported -> grouped: simplification, channels last, groups.
void buildGroupingPipeline(mlir::OpPassManager &pm);
/// annotated -> quantized: carries out the precisions and checks them.
void buildQuantizationPipeline(mlir::OpPassManager &pm);
/// quantized -> linalg.
void buildLinalgPipeline(mlir::OpPassManager &pm);

/// Registers the builders as mpc-imported-to-grouped,
/// mpc-annotated-to-quantized and mpc-quantized-to-linalg.
void registerGraphPipelines();

} // namespace mpc

#endif // MPC_PIPELINES_GRAPHPIPELINES_H
