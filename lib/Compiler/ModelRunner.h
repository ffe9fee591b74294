//===- ModelRunner.h - run a module on samples while compiling --*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Calibration, repair, sensitivity and diagnosis all need numbers that only
// running the model gives. They put what they want to see among the results of
// @main, compile the module for this machine, and run it here.
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_COMPILER_MODELRUNNER_H
#define MPC_LIB_COMPILER_MODELRUNNER_H

#include "mlir/IR/BuiltinOps.h"
#include "mpc/Pipelines/Pipelines.h"
#include "mpc/Support/SampleSet.h"
#include "mpc/Target/Library.h"
#include "mpc/runtime.h"
#include "llvm/ADT/SmallString.h"
#include <functional>
#include <memory>

namespace mpc {

/// A module compiled for this machine, in this process.
class ModelRunner {
public:
  /// Compiles a module of the phase `annotated` (every group carries its
  /// precision); the module itself is not changed. Of `options` the paths, the
  /// number of jobs and whether code is transient count. Every result of @main,
  /// those that a pass has added included, is an output. `phase` is Annotated
  /// or Quantized: where the module stands already. `threads` of a run; 0: all
  /// that the machine offers.
  static mlir::FailureOr<std::unique_ptr<ModelRunner>>
  create(mlir::ModuleOp annotated, const LibraryOptions &options,
         Phase phase = Phase::Annotated, unsigned threads = 0);
  /// Opens a library that mpc-compile wrote. Names, types and shapes of inputs
  /// and outputs are the library's.
  static mlir::FailureOr<std::unique_ptr<ModelRunner>>
  open(mlir::Location loc, llvm::StringRef library);
  ~ModelRunner();

  /// What the library says about itself, JSON.
  std::string getManifest() const { return model->manifest(model, nullptr); }
  mlir::Location getLoc() const { return loc; }
  llvm::ArrayRef<TensorInfo> getInputs() const { return inputs; }
  llvm::ArrayRef<TensorInfo> getOutputs() const { return outputs; }

  /// Runs one sample: a tensor per input, in their order. A symbolic batch
  /// is 1. What comes out stands in getResults() until the next run.
  mlir::LogicalResult run(std::vector<Tensor> &sample);
  /// One tensor per output, in their order.
  llvm::ArrayRef<Tensor> getResults() const { return results; }

private:
  explicit ModelRunner(mlir::Location loc) : loc(loc) {}
  mlir::LogicalResult load(const std::string &library);
  mlir::LogicalResult start(unsigned threads);

  mlir::Location loc;
  llvm::SmallString<128> folder;
  std::vector<TensorInfo> inputs, outputs;
  std::vector<Tensor> results;
  void *handle = nullptr;
  const mpc_model *model = nullptr;
  mpc_context *context = nullptr;
};

/// Opens the samples at `path` for the inputs of @main. Emits an error where
/// they are not what the model reads.
mlir::FailureOr<std::unique_ptr<SampleSet>>
openSamples(mlir::ModuleOp module, const std::string &path);

} // namespace mpc

#endif // MPC_LIB_COMPILER_MODELRUNNER_H
