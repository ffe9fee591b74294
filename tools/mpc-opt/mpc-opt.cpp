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

#include "../Places.h"
#include "../ToolSupport.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Support/FileUtilities.h"
#include "mlir/Tools/Plugins/DialectPlugin.h"
#include "mlir/Tools/Plugins/PassPlugin.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "mpc/InitAll.h"
#include "mpc/Support/ResourceCheck.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/ToolOutputFile.h"
#include "llvm/Support/WithColor.h"

/// Returns the value of argument `index` if it is the flag `name`, written as
/// `--name=value` or `--name value`, with one dash or two.
static std::optional<llvm::StringRef>
flagValue(int argc, char **argv, int index, llvm::StringRef name) {
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

/// Loads every plugin on the command line and reports those that fail: upstream
/// goes on without a plugin that it cannot load. Passes are registered here, so
/// that they have flags (`--example-count-ops`) like the tool's own; upstream
/// reads the option when the flags exist already.
static bool loadPlugins(int argc, char **argv) {
  bool allLoad = true;
  auto report = [&](llvm::StringRef flag, llvm::Error error) {
    // LLVM's message names the file.
    llvm::WithColor::error(llvm::errs(), "mpc-opt")
        << "--" << flag << ": " << llvm::toString(std::move(error)) << "\n";
    allLoad = false;
  };
  for (int i = 1; i < argc; ++i) {
    if (auto file = flagValue(argc, argv, i, "load-pass-plugin")) {
      if (auto plugin = mlir::PassPlugin::load(file->str()))
        plugin->registerPassRegistryCallbacks();
      else
        report("load-pass-plugin", plugin.takeError());
    }
    // Upstream registers the dialects.
    if (auto file = flagValue(argc, argv, i, "load-dialect-plugin"))
      if (auto plugin = mlir::DialectPlugin::load(file->str()); !plugin)
        report("load-dialect-plugin", plugin.takeError());
  }
  return allLoad;
}

/// Reads the input, refuses what would end the process inside MLIR's parser,
/// and runs the passes.
static mlir::LogicalResult run(llvm::StringRef inputFilename,
                               llvm::StringRef outputFilename,
                               mlir::DialectRegistry &registry,
                               const mlir::MlirOptMainConfig &config) {
  std::string message;
  auto input = mlir::openInputFile(inputFilename, &message);
  if (!input) {
    llvm::WithColor::error(llvm::errs(), "mpc-opt") << message << "\n";
    return mlir::failure();
  }
  if (auto problem = mpc::findBadResource(input->getBuffer())) {
    llvm::errs() << inputFilename << ": error: " << *problem << "\n";
    return mlir::failure();
  }
  input = mpc::alignBytecode(std::move(input));
  auto output = mlir::openOutputFile(outputFilename, &message);
  if (!output) {
    llvm::WithColor::error(llvm::errs(), "mpc-opt") << message << "\n";
    return mlir::failure();
  }
  if (mlir::failed(
          mlir::MlirOptMain(output->os(), std::move(input), registry, config)))
    return mlir::failure();
  output->keep();
  return mlir::success();
}

int main(int argc, char **argv) {
  llvm::InitLLVM initLLVM(argc, argv);
  mpc::hideLibraryOptions();
  mpc::setToolVersion("mpc-opt");
  if (!loadPlugins(argc, argv))
    return EXIT_FAILURE;

  mlir::DialectRegistry registry;
  mpc::registerAllDialects(registry);
  mpc::registerAllPasses();
  auto [inputFilename, outputFilename] = mlir::registerAndParseCLIOptions(
      argc, argv, "mpc optimizer driver\n", registry);
  auto config = mlir::MlirOptMainConfig::createFromCLOptions();
  // Upstream's main answers what needs no input.
  if (config.shouldShowDialects() || config.shouldListPasses())
    return mlir::asMainReturnCode(
        mlir::MlirOptMain(argc, argv, inputFilename, outputFilename, registry));
  // Where messages are compared with what is expected, all of them are.
  if (!config.shouldVerifyDiagnostics())
    config.setPassPipelineSetupFn([pipeline = config](mlir::PassManager &pm) {
      mpc::handleFilesWithoutLines(*pm.getContext());
      return pipeline.setupPassPipeline(pm);
    });
  return mlir::asMainReturnCode(
      run(inputFilename, outputFilename, registry, config));
}
