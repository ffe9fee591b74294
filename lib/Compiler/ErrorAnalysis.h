//===- ErrorAnalysis.h - where a lowered model loses accuracy ---*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Compares a model in the precisions that its groups carry with the same model
// in f32, tensor by tensor, on samples. Only sums are kept: memory does not
// grow with the number of samples, and equal inputs give equal numbers.
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_COMPILER_ERRORANALYSIS_H
#define MPC_LIB_COMPILER_ERRORANALYSIS_H

#include "SwitchedModel.h"
#include "mpc/Compiler/Compiler.h"
#include "mpc/Support/SampleSet.h"
#include "llvm/ADT/StringMap.h"

namespace mpc {

/// What stands for a ratio that is infinite: the tensors are equal, or one is
/// not finite. f32 itself has about 150 dB.
inline constexpr double kMostDecibels = 200;

/// Sums over the elements of a tensor, over all samples.
struct ErrorSums {
  double signal = 0, noise = 0, product = 0, lowered = 0;
  int64_t elements = 0;

  void add(const Tensor &reference, const Tensor &tensor);
  /// 10 log10(signal / noise), between -kMostDecibels and kMostDecibels.
  double sqnr() const;
  double cosine() const;
};

double toDecibels(double signal, double noise);

struct Histogram {
  double low = 0, high = 0;
  std::vector<uint64_t> reference,
      lowered; // counts of equal bins between low and high; the outer ones hold
               // what lies outside
};

struct GroupError {
  /// The group alone lowered, on what the f32 model gives it; nothing for
  /// groups that compute in f32.
  std::optional<ErrorSums> local;
  /// Its result in the lowered model.
  ErrorSums accumulated;
  /// What uniform rounding errors predict for `local`: the mean square of the
  /// error.
  std::optional<double> predictedNoise;
  /// Largest magnitude of a channel over that of the median channel.
  double channelSpread = 0;
  int64_t widestChannel = -1;
  Histogram histogram; // empty without a calibrated range

  std::optional<double> predictedSQNR() const;
};

struct OutputError {
  std::string name;
  ErrorSums error;
};

/// Groups that are kept in another precision, and what the outputs gain by it.
struct Advice {
  std::vector<std::string> groups;
  std::string precision;
  std::string tensor; // whose rounding goes away; empty for a single group
  double gain = 0;    // in dB of the outputs' SQNR
};

struct ErrorAnalysis {
  int64_t samples = 0;
  /// The model's inputs; only the signal counts.
  llvm::StringMap<ErrorSums> inputs;
  llvm::StringMap<GroupError> groups;
  std::vector<OutputError> outputs;
  std::vector<Advice> advice; // the largest gain first
  /// Over all outputs: the mean of noise / signal, in dB.
  double outputSQNR = 0;
};

/// Runs `model` on the first `count` samples.
mlir::FailureOr<ErrorAnalysis> analyzeErrors(SwitchedModel &model,
                                             SampleSet &samples, int64_t count,
                                             const CompileOptions &options);

/// Groups whose raising is tried: one, or all that write and read a tensor as
/// integers, with the tensor's name.
std::vector<std::pair<std::string, llvm::BitVector>>
listChanges(const SwitchedModel &model);

/// Raises one group, or all that share a tensor, after the other, and sets down
/// what helps. With `only`, a group's name, what it belongs to.
mlir::LogicalResult findAdvice(SwitchedModel &model, SampleSet &samples,
                               llvm::StringRef only, ErrorAnalysis &analysis,
                               const CompileOptions &options);

/// Fills in `predictedNoise`: every rounding is taken for noise of its own,
/// uniform over a step (variance step^2 / 12; Widrow and Kollar, Quantization
/// Noise, 2008), and products and sums for linear. Groups whose storage has no
/// such step have none.
void predictErrors(mlir::ModuleOp annotated, mlir::ModuleOp lowered,
                   ErrorAnalysis &analysis);

/// The mean over outputs of noise / signal, in dB.
double combine(llvm::ArrayRef<OutputError> outputs);

} // namespace mpc

#endif // MPC_LIB_COMPILER_ERRORANALYSIS_H
