//===- InitAll.cpp - registers everything that mpc's tools know -----------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpc/InitAll.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Target/LLVMIR/Dialect/All.h"
#include "mpc/Codegen/Passes.h"
#include "mpc/Conversion/Passes.h"
#include "mpc/Dialect/Kernel/KernelDialect.h"
#include "mpc/Dialect/MPC/MPCDialect.h"
#include "mpc/GPU/Passes.h"
#include "mpc/Pipelines/GraphPipelines.h"
#include "mpc/Pipelines/Pipelines.h"
#include "mpc/Transforms/Passes.h"

void mpc::registerAllDialects(mlir::DialectRegistry &registry) {
  mlir::registerAllDialects(registry);
  mlir::registerAllExtensions(registry);
  mlir::registerAllToLLVMIRTranslations(registry); // for PTX
  registry.insert<MPCDialect, kernel::KernelDialect>();
  kernel::registerBufferizableOpInterfaceExternalModels(registry);
}

void mpc::registerAllPasses() {
  mlir::registerAllPasses();
  registerMPCTransformsPasses();
  registerMPCConversionPasses();
  registerMPCCodegenPasses();
  registerMPCGPUPasses();
  registerCodegenPipelines();
  registerGPUPipelines();
  registerGraphPipelines();
}
