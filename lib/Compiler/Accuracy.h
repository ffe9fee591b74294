//===- Accuracy.h - budgets, and whether an assignment meets them *- C++
//-*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_COMPILER_ACCURACY_H
#define MPC_LIB_COMPILER_ACCURACY_H

#include "ModelRunner.h"
#include "llvm/Support/Error.h"
#include <functional>
#include <string>
#include <vector>

namespace mpc {

/// --accuracy-budget: how much of f32's accuracy may be lost.
struct AccuracyBudget {
  enum Kind {
    Top1,   ///< points of top-1, 0 to 100, lost at most
    SQNR,   ///< dB at every output at least: 10 log10(sum of f32^2 / sum of
            ///< difference^2) over all samples
    Cosine, ///< of every output with f32's at least, over all samples
  } kind = SQNR;
  double amount = 20;

  /// `top1:0.3`, `sqnr:20`, `cosine:0.99`.
  static llvm::Expected<AccuracyBudget> parse(llvm::StringRef text);
  std::string str() const;
  /// Whether a figure is within the budget: points lost, dB, or a cosine.
  bool isMetBy(double figure) const {
    return kind == Top1 ? figure <= amount : figure >= amount;
  }
  /// The share of noise in the signal, in dB, where a search begins.
  double getFirstNoise() const;
};

/// `3ms`, `250us`, `0.1s`: milliseconds.
llvm::Expected<double> parseMilliseconds(llvm::StringRef text);

/// How accurate a model is beside f32's outputs.
struct Accuracy {
  /// The worst output's, in dB; infinite where nothing differs.
  double sqnr = 0;
  /// What the budget asks about: points lost, dB, cosine.
  double figure = 0;
  /// The figure with the margin that samples not seen call for: two standard
  /// errors of SQNR and cosine over the samples; of top-1 none, as a few
  /// hundred samples resolve no tenth of a point.
  double safeFigure = 0;
  /// The figure with a margin of so many standard errors; two of them give the
  /// safe one.
  double getFigure(double standardErrors) const {
    return figure + (safeFigure - figure) * standardErrors / 2;
  }
  /// Whether the safe figure is within the budget.
  bool isMet = false;
  std::string str; // "21.3 dB"
};

/// Compares models with f32's answers on the same samples.
class Judge {
public:
  /// Runs `reference` over (at most `most`) samples, evenly chosen, and keeps
  /// its outputs. `labels`: one per sample, for a budget of top-1.
  static mlir::FailureOr<Judge>
  create(const AccuracyBudget &budget, ModelRunner &reference,
         SampleSet &samples, std::vector<int64_t> labels, int64_t most);
  mlir::FailureOr<Accuracy> judge(ModelRunner &candidate);
  int64_t getNumSamples() const { return chosen.size(); }

private:
  AccuracyBudget budget;
  SampleSet *samples = nullptr;
  std::vector<int64_t> chosen, labels;
  /// Outputs by sample.
  std::vector<std::vector<Tensor>> expected;
};

/// Up to `most` of `count` indices, evenly spread.
std::vector<int64_t> chooseSamples(int64_t count, int64_t most);

/// The classes in a file: integers, one for each of the `count` samples in the
/// file or folder `samples`.
mlir::FailureOr<std::vector<int64_t>> readLabels(mlir::Location loc,
                                                 const std::string &path,
                                                 llvm::StringRef samples,
                                                 int64_t count);

/// The place of the largest element; of equal ones the first.
int64_t findLargest(const Tensor &tensor);

/// The elements of a floating-point output as f32; empty for integers.
std::vector<float> getFloats(const Tensor &tensor);

} // namespace mpc

#endif // MPC_LIB_COMPILER_ACCURACY_H
