//===- GraphPipelines.cpp - from an imported model to linalg --------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpc/Pipelines/GraphPipelines.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"
#include "mpc/Conversion/Passes.h"
#include "mpc/Transforms/Passes.h"

using namespace mlir;

void mpc::buildGroupingPipeline(OpPassManager &pm) {
  // 1. The graph becomes smaller: constants, batch normalisation, algebra.
  pm.addPass(createSimplify());
  // 2. What the model has quantized itself computes in integers.
  pm.addPass(createFuseQuantization());
  // 3. Channels last inside; what the transposes of weights left is folded.
  pm.addPass(createPropagateLayout());
  pm.addPass(createSimplify());
  // 4. Roots and their epilogues.
  pm.addPass(createFormGroups());
}

void mpc::buildQuantizationPipeline(OpPassManager &pm) {
  // 5. The IR computes in the precisions that the groups carry.
  pm.addPass(createInsertQuantization());
  // 6. What later phases rely on.
  pm.addPass(createVerifyPrecision());
}

void mpc::buildLinalgPipeline(OpPassManager &pm) {
  // 7. One function per distinct group.
  pm.addPass(createConvertMPCToLinalg());
}

void mpc::registerGraphPipelines() {
  PassPipelineRegistration<>(
      "mpc-imported-to-grouped",
      "imported -> grouped: simplify, propagate the layout, form groups",
      buildGroupingPipeline);
  PassPipelineRegistration<>(
      "mpc-annotated-to-quantized",
      "annotated -> quantized: insert quantization and verify it",
      buildQuantizationPipeline);
  PassPipelineRegistration<>(
      "mpc-quantized-to-linalg",
      "quantized -> linalg: one function per distinct group",
      buildLinalgPipeline);
}
