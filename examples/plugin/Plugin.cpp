//===- Plugin.cpp - entry point of the example plugin ---------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Passes.h"
#include "mlir/Tools/Plugins/PassPlugin.h"

/// What mpc-opt looks up in the shared object.
extern "C" LLVM_ATTRIBUTE_WEAK mlir::PassPluginLibraryInfo
mlirGetPassPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "PluginExample", "0.1",
          [] { example::registerPluginExamplePasses(); }};
}
