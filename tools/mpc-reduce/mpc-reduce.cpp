//===- mpc-reduce.cpp - makes a failing input smaller ---------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// mlir-reduce with mpc's dialects and passes: shrinks IR while a test script
// still finds it interesting.
//
//===----------------------------------------------------------------------===//

#include "../ToolSupport.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Support/LogicalResult.h"
#include "mlir/Tools/mlir-reduce/MlirReduceMain.h"
#include "mpc/InitAll.h"

int main(int argc, char **argv) {
  mpc::hideLibraryOptions();
  mpc::setToolVersion("mpc-reduce");
  mlir::DialectRegistry registry;
  mpc::registerAllDialects(registry);
  mpc::registerAllPasses();
  mlir::MLIRContext context(registry);
  return mlir::failed(mlir::mlirReduceMain(argc, argv, context));
}
