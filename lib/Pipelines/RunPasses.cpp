//===- RunPasses.cpp - passes, and one verification at the end ------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/Verifier.h"
#include "mpc/Pipelines/Pipelines.h"

using namespace mlir;

LogicalResult mpc::runPasses(PassManager &pm, ModuleOp module) {
#ifdef NDEBUG
  pm.enableVerifier(false);
  if (failed(pm.run(module)))
    return failure();
  return verify(module);
#else
  return pm.run(module);
#endif
}
