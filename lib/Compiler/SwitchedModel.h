//===- SwitchedModel.h - a model with a switch per group --------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One library that holds the model in f32 and, beside each group that is
// lowered, the lowered group, which reads the same tensors, converted to what
// it stores. An input per lowered group says which of both results goes on:
//
//   all off    the f32 model; what a lowered group then gives has its own
//   ("local") error only all on     the lowered model. Between two int8 groups
//   stands quantize(dequantize(q)), which is q otherwise  any mixture, without
//   compiling again
//
// In a mixture a tensor is stored as its group's switch says, whoever reads it:
// a model that is compiled so stores a tensor in f32 already when nobody reads
// integers any more.
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_COMPILER_SWITCHEDMODEL_H
#define MPC_LIB_COMPILER_SWITCHEDMODEL_H

#include "ModelRunner.h"
#include "llvm/ADT/BitVector.h"

namespace mpc {

class SwitchedModel {
public:
  /// A floating-point tensor that a group stores.
  struct Tap {
    std::string tensor;   // as calibration tables call it
    int switchIndex = -1; // of its group, -1 where that computes in f32
    unsigned reference;   // the result that holds it, computed in f32 from what
                          // goes on
    unsigned lowered; // the result that the lowered group gives; `reference`
                      // where there is none
    std::vector<unsigned>
        readers;              // switches of the lowered groups that read it
    bool isQuantized = false; // the lowered group stores integers
    std::optional<std::pair<double, double>> range; // calibrated
  };

  /// Builds and compiles it from a module of the phase `annotated`, which is
  /// not changed. With `only`, a group's name, the rest of the model stays in
  /// f32, and there is nothing behind the group: no outputs, and its own taps.
  static mlir::FailureOr<std::unique_ptr<SwitchedModel>>
  create(mlir::ModuleOp annotated, const LibraryOptions &options,
         llvm::StringRef only = "");

  /// The lowered groups, in the order of the model.
  llvm::ArrayRef<std::string> getSwitches() const { return switches; }
  llvm::ArrayRef<Tap> getTaps() const { return taps; }
  llvm::ArrayRef<TensorInfo> getInputs() const { return inputs; }
  llvm::ArrayRef<TensorInfo> getOutputs() const { return outputs; }
  mlir::MLIRContext *getContext() const { return context; }

  /// Runs a sample with the groups lowered whose bits are set.
  mlir::LogicalResult run(const std::vector<Tensor> &sample,
                          const llvm::BitVector &lowered);
  /// The model's outputs, then the taps'.
  llvm::ArrayRef<Tensor> getResults() const { return runner->getResults(); }

private:
  std::unique_ptr<ModelRunner> runner;
  std::vector<std::string> switches;
  std::vector<Tap> taps;
  std::vector<TensorInfo> inputs, outputs;
  mlir::MLIRContext *context = nullptr;
};

} // namespace mpc

#endif // MPC_LIB_COMPILER_SWITCHEDMODEL_H
