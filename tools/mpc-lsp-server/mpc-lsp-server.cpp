//===- mpc-lsp-server.cpp - language server for mpc's IR ------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// mlir-lsp-server with mpc's dialects: diagnostics, definitions and hover for
// .mlir files in an editor.
//
//===----------------------------------------------------------------------===//

#include "../ToolSupport.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/Support/LogicalResult.h"
#include "mlir/Tools/mlir-lsp-server/MlirLspServerMain.h"
#include "mpc/InitAll.h"

int main(int argc, char **argv) {
  mpc::hideLibraryOptions();
  mpc::setToolVersion("mpc-lsp-server");
  mlir::DialectRegistry registry;
  mpc::registerAllDialects(registry);
  return mlir::failed(mlir::MlirLspServerMain(argc, argv, registry));
}
