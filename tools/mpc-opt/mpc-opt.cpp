//===- mpc-opt.cpp - runs passes on IR ------------------------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "mpc/Codegen/Passes.h"
#include "mpc/Conversion/Passes.h"
#include "mpc/Dialect/Kernel/KernelDialect.h"
#include "mpc/Dialect/MPC/MPCDialect.h"
#include "mpc/Transforms/Passes.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  mlir::registerAllDialects(registry);
  mlir::registerAllExtensions(registry);
  registry.insert<mpc::MPCDialect, mpc::kernel::KernelDialect>();
  mpc::kernel::registerBufferizableOpInterfaceExternalModels(registry);
  mlir::registerAllPasses();
  mpc::registerMPCCodegenPasses();
  return mlir::asMainReturnCode(
      mlir::MlirOptMain(argc, argv, "mpc optimizer driver\n", registry));
}
