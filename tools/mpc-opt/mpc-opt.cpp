//===- mpc-opt.cpp - runs passes on IR ------------------------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// mlir-opt with mpc's dialects, passes and pipelines.
//
//===----------------------------------------------------------------------===//

#include "../ToolSupport.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/Tools/Plugins/DialectPlugin.h"
#include "mlir/Tools/Plugins/PassPlugin.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "mpc/InitAll.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/WithColor.h"

/// Returns the value of argument `index` if it is the flag `name`, written as
/// `--name=value` or `--name value`, with one dash or two.
static std::optional<llvm::StringRef> flagValue(int argc, char **argv,
                                                int index,
                                                llvm::StringRef name) {
  llvm::StringRef argument = argv[index];
  if (!argument.consume_front("-"))
    return std::nullopt;
  argument.consume_front("-");
  if (!argument.consume_front(name))
    return std::nullopt;
  if (argument.consume_front("="))
    return argument;
  if (argument.empty() && index + 1 < argc)
    return llvm::StringRef(argv[index + 1]);
  return std::nullopt;
}

/// Loads every plugin on the command line and reports those that fail. Upstream
/// ignores a plugin that it cannot load and goes on without its passes.
static bool checkPlugins(int argc, char **argv) {
  bool allLoad = true;
  auto report = [&](llvm::StringRef flag, llvm::Error error) {
    if (!error)
      return;
    // LLVM's message names the file.
    llvm::WithColor::error(llvm::errs(), "mpc-opt")
        << "--" << flag << ": " << llvm::toString(std::move(error)) << "\n";
    allLoad = false;
  };
  for (int i = 1; i < argc; ++i) {
    if (auto file = flagValue(argc, argv, i, "load-pass-plugin"))
      report("load-pass-plugin",
             mlir::PassPlugin::load(file->str()).takeError());
    if (auto file = flagValue(argc, argv, i, "load-dialect-plugin"))
      report("load-dialect-plugin",
             mlir::DialectPlugin::load(file->str()).takeError());
  }
  return allLoad;
}

int main(int argc, char **argv) {
  llvm::InitLLVM initLLVM(argc, argv);
  mpc::hideLibraryOptions();
  mpc::setToolVersion("mpc-opt");
  if (!checkPlugins(argc, argv))
    return EXIT_FAILURE;

  mlir::DialectRegistry registry;
  mpc::registerAllDialects(registry);
  mpc::registerAllPasses();
  return mlir::asMainReturnCode(
      mlir::MlirOptMain(argc, argv, "mpc optimizer driver\n", registry));
}
