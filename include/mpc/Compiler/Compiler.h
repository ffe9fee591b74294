//===- Compiler.h - the whole line, from a model to a library ---*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What mpc-compile does, as a function of its options: imports or reads a
// model, runs the pipelines of mpc/Pipelines phase by phase, calibrates where
// int8 asks for it, and writes the output. Everything that a user can do wrong
// is a diagnostic at the context; nothing is half-written.
//
//===----------------------------------------------------------------------===//

#ifndef MPC_COMPILER_COMPILER_H
#define MPC_COMPILER_COMPILER_H

#include "mlir/IR/MLIRContext.h"
#include "mpc/Analysis/Repairs.h"
#include "mpc/Pipelines/Pipelines.h"
#include "mpc/Support/PrecisionConfig.h"
#include "mpc/Target/Library.h"
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace mpc {

/// Precisions as on the command line. `keep`: what the model itself says.
enum class PrecisionChoice { Keep, F32, F16, BF16, INT8, INT16, W8, W4, Auto };
llvm::StringRef stringifyPrecisionChoice(PrecisionChoice choice);

struct CompileOptions {
  std::string input;  // .onnx, .mlir or .mlirbc
  std::string output; // empty: nothing is written
  PrecisionChoice precision = PrecisionChoice::Keep;
  /// Of w8 and w4, where the configuration does not say; empty for defaults.
  WeightFormat weights;

  std::string calibrationData;               // samples; see SampleSet.h
  std::vector<std::string> calibrationFiles; // tables to merge
  std::string
      calibrator; // empty: mse, or what the table of calibrationFiles says
  std::string saveCalibration;

  std::string precisionConfig, savePrecisionConfig;
  std::vector<RepairRequest> repairs; // in the order in which they are done

  // Of PrecisionChoice::Auto: budgets as given, and what they are validated on.
  std::string accuracyBudget;           // top1:0.3, sqnr:20 or cosine:0.99
  std::string latencyBudget;            // 3ms
  std::string validationData, labels;   // of `diagnose`, too
  std::string decisions, saveDecisions; // all that was measured and chosen

  IntegerFormat
      integers; // empty: as a configuration or decisions say, else the default
  bool fullyIntegral =
      false;            // an error where anything is computed in floating point
  std::string report;   // .html or .json
  std::string explain;  // a group, a node or a tensor whose story goes to
                        // standard output
  std::string diagnose; // a library of this model that has lost accuracy
  int64_t reportSamples =
      32; // of the calibration data, on which errors are measured

  std::vector<std::string> shapes;    // NAME=8x3x224x224
  std::vector<std::string> bindings;  // NAME=FILE
  std::vector<std::string> ioTypes;   // NAME=u8
  std::vector<std::string> ioLayouts; // NAME=nhwc
  std::string preprocess;             // see PreprocessConfig.h
  std::vector<std::string> marches;
  std::string f16Accumulation = "f32"; // or chunked
  /// Convolutions by minimal filtering, where it pays (docs/Numerics.md).
  bool fastMath = false;
  /// GPU kernels, run by the emulator, instead of code for CPUs.
  bool emulateGPU = false;
  /// GPU kernels for these chips (sm_80, ...) instead of code for CPUs.
  std::vector<std::string> chips;
  /// CUDA's assembler, which makes cubins of their PTX; empty: PTX only.
  std::string ptxas;
  /// Pass pipelines to run on the module when it has reached a phase.
  std::vector<std::pair<Phase, std::string>> insertedPasses;

  Phase from = Phase::Imported, to = Phase::Library;
  std::string dumpPhases; // folder
  bool printPipeline = false;
  bool emitMLIR = false; // write the module of phase `to` instead of a library
  bool benchKit =
      false; // write a kit that measures latencies instead of a library
  std::string latencyTable; // latencies of the target; empty: measured here

  /// Times the tilings that the table lacks, on this machine.
  bool tune = false;
  /// Tilings that were measured; empty: with `tune` that of `tuningFolder`,
  /// else none.
  std::string tuningTable;
  std::string tuningFolder; // where measurements of this machine are kept

  /// The library computes in f32, and gathers what calibration with
  /// `calibrator` would.
  bool emitObserver = false;

  LibraryOptions library;
  /// Called during long work with what it is, the parts done and all.
  std::function<void(const char *, size_t, size_t)> progress =
      [](const char *, size_t, size_t) {};
};

/// Names, types and shapes of the inputs and outputs of @main, and the hash of
/// the model.
ModelInfo describeModel(mlir::ModuleOp module);

/// Name, kind, precision and size of every group of a module, in the order of
/// their indices in profiles.
std::vector<GroupInfo> describeGroups(mlir::ModuleOp module);

mlir::LogicalResult compile(const CompileOptions &options,
                            mlir::MLIRContext &context);

} // namespace mpc

#endif // MPC_COMPILER_COMPILER_H
