//===- CheckOptions.cpp - options that need each other --------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CheckOptions.h"
#include "mpc/Support/PrecisionConfig.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace mpc;

/// What is said of ranges that nothing gives.
static constexpr StringLiteral kNeedsRanges =
    " needs the ranges of activations: give samples with "
    "--calibration-data=PATH or a saved table with --calibration=FILE, or "
    "quantize only weights with --precision=w8";

static bool isAnalyzed(const CompileOptions &options) {
  return !options.report.empty() || !options.explain.empty() ||
         !options.diagnose.empty();
}

Phase mpc::getLastPhase(const CompileOptions &options) {
  if (options.benchKit)
    return Phase::Grouped;
  if (isAnalyzed(options) && options.output.empty() && !options.emitMLIR &&
      options.to == Phase::Library)
    return Phase::Annotated; // nothing asks for code
  return options.emitMLIR ? std::min(options.to, Phase::LLVM) : options.to;
}

LogicalResult mpc::checkInsertedPasses(Location loc,
                                       const CompileOptions &options) {
  Phase last = getLastPhase(options);
  for (const auto &[after, pipeline] : options.insertedPasses)
    if (after < options.from || after > last)
      return emitError(loc)
             << "--insert-passes=after:" << stringifyPhase(after) << "="
             << pipeline << ": expected one of the phases from "
             << stringifyPhase(options.from) << " to " << stringifyPhase(last)
             << ", which this compilation goes through";
  return success();
}

LogicalResult mpc::checkDecided(Location loc, const CompileOptions &options) {
  bool isDecided = options.from <= Phase::Grouped &&
                   options.to >= Phase::Annotated && !options.benchKit &&
                   !options.emitObserver;
  std::pair<const char *, const std::string *> files[] = {
      {"--save-calibration", &options.saveCalibration},
      {"--save-precision-config", &options.savePrecisionConfig},
      {"--save-decisions", &options.saveDecisions},
      {"--decisions", &options.decisions},
      {"--precision-config", &options.precisionConfig}};
  for (auto [flag, path] : files)
    if (!path->empty() && !isDecided && options.diagnose.empty())
      return emitError(loc)
             << flag << ": precisions are decided on the way from the phase "
             << "imported or grouped to annotated, and not for an observer or "
             << "a kit";
  if (isAnalyzed(options) &&
      (options.from >= Phase::Annotated || options.to < Phase::Annotated ||
       options.benchKit || options.emitObserver))
    return emitError(loc)
           << "--report, --explain and --diagnose tell what is decided on the "
              "way to the phase annotated, and not for an observer or a kit: "
              "--compile-from comes before it, --compile-to not";
  if (options.from >= Phase::Annotated &&
      options.precision != PrecisionChoice::Keep)
    return emitError(loc) << "--precision: the phase "
                          << stringifyPhase(options.from)
                          << " has its precisions already";
  if (!options.saveCalibration.empty() && options.decisions.empty() &&
      options.calibrationData.empty() && options.calibrationFiles.empty())
    return emitError(loc) << "--save-calibration needs samples to calibrate "
                             "on: --calibration-data=PATH";
  return success();
}

LogicalResult mpc::checkSamplesGiven(Location loc,
                                     const CompileOptions &options) {
  if (!options.calibrationData.empty() || !options.calibrationFiles.empty())
    return success();
  if ((options.precision == PrecisionChoice::INT8 ||
       options.precision == PrecisionChoice::INT16) &&
      !options.emitObserver)
    return emitError(loc) << "--precision="
                          << stringifyPrecisionChoice(options.precision)
                          << kNeedsRanges;
  if (options.precision == PrecisionChoice::Auto && !options.benchKit &&
      !options.emitObserver)
    return emitError(loc) << "--precision=auto measures on samples: give them "
                             "with --calibration-data=PATH";
  // IR may bring its ranges.
  if (options.precisionConfig.empty() || options.from != Phase::Imported ||
      llvm::sys::path::extension(options.input) != ".onnx")
    return success();
  auto config = PrecisionConfig::load(options.precisionConfig);
  if (!config)
    return emitError(loc) << llvm::toString(config.takeError());
  auto isInteger = [](StringRef precision) {
    return precision == "int8" || precision == "int16";
  };
  if (isInteger(config->defaultPrecision.value_or("")) ||
      llvm::any_of(config->entries, [&](const PrecisionConfig::Entry &entry) {
        return isInteger(entry.precision);
      }))
    return emitError(loc) << options.precisionConfig << ": int8 or int16"
                          << kNeedsRanges;
  return success();
}
