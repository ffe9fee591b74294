//===- mpc-compile.cpp - compiles a model to a library --------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Plugins, remarks and the exit status; the work is mpc/Compiler/Compiler.h.
//
//===----------------------------------------------------------------------===//

#include "../ToolSupport.h"
#include "Flags.h"
#include "Messages.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Tools/Plugins/DialectPlugin.h"
#include "mlir/Tools/Plugins/PassPlugin.h"
#include "mpc/InitAll.h"

using namespace llvm;
using namespace mpc::driver;

namespace {
constexpr int kInternalError = 70;

/// Prints remarks as they come; false after a message.
bool enableRemarks(const Flags &flags, mlir::MLIRContext &context) {
  if (!flags.remarks.getNumOccurrences())
    return true;
  std::string problem;
  if (!Regex(flags.remarks).isValid(problem))
    return fail("--remarks: expected a regular expression, but got '" +
                flags.remarks + "': " + problem);
  mlir::remark::RemarkCategories categories{flags.remarks, flags.remarks,
                                            flags.remarks, flags.remarks,
                                            flags.remarks};
  return succeeded(mlir::remark::enableOptimizationRemarks(
      context, nullptr,
      std::make_unique<mlir::remark::RemarkEmittingPolicyAll>(), categories,
      /*printAsEmitRemarks=*/true));
}

/// Makes the passes and dialects of plugins known; false after a message.
bool loadPlugins(const Flags &flags, mlir::DialectRegistry &registry) {
  if (!flags.insertPasses.empty())
    mpc::registerAllPasses();
  for (const std::string &file : flags.passPlugins) {
    auto plugin = mlir::PassPlugin::load(file);
    if (!plugin)
      return fail("--load-pass-plugin: " + toString(plugin.takeError()));
    plugin->registerPassRegistryCallbacks();
  }
  for (const std::string &file : flags.dialectPlugins) {
    auto plugin = mlir::DialectPlugin::load(file);
    if (!plugin)
      return fail("--load-dialect-plugin: " + toString(plugin.takeError()));
    plugin->registerDialectRegistryCallbacks(registry);
  }
  return true;
}
} // namespace

int main(int argc, char **argv) {
  mpc::hideLibraryOptions();
  mpc::setToolVersion("mpc-compile");
  mpc::CompileOptions options;
  Flags flags(options);
  LaterFlags later(flags.category);
  if (!cl::ParseCommandLineOptions(
          argc, argv,
          "compiles a trained model to a library that computes in f32, f16, "
          "bf16 or int8, or with weights of 8 or 4 bits\n",
          &errs()))
    return EXIT_FAILURE;
  if (flags.diagnostics != "text" && flags.diagnostics != "json")
    return fail("--diagnostics: expected text or json, but got '" +
                flags.diagnostics + "'"),
           EXIT_FAILURE;
  writeJSON = flags.diagnostics == "json";
  if (!parseOptions(flags, later, options))
    return EXIT_FAILURE;
  if (!options.chips.empty() && !options.emulateGPU && options.ptxas.empty() &&
      options.to >= mpc::Phase::LLVM)
    writeRemark(
        "ptxas is not in --cuda-path, CUDA_PATH or PATH: the library holds PTX "
        "only, which the driver compiles when the library is first used");
  options.library.runtimeDirectory = mpc::findRuntimeDirectory(
      argv[0], reinterpret_cast<void *>(&showProgress));
  options.progress = showProgress;

  mlir::DialectRegistry registry;
  mpc::registerAllDialects(registry);
  if (!loadPlugins(flags, registry))
    return EXIT_FAILURE;
  DiagnosticWriter writer;
  mlir::MLIRContext context(registry);
  if (!enableRemarks(flags, context))
    return EXIT_FAILURE;
  context.getDiagEngine().registerHandler(
      [&](mlir::Diagnostic &diagnostic) { return writer(diagnostic); });
  if (succeeded(mpc::compile(options, context)))
    return EXIT_SUCCESS;
  if (writer.errors)
    return EXIT_FAILURE;
  fail("internal error: compilation of " + Twine(options.input) +
       " failed without a message");
  return kInternalError;
}
