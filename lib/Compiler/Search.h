//===- Search.h - precisions chosen by measurement --------------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// --precision=auto: what each group costs and loses in each precision is
// measured, an integer program chooses, and what it chose is compiled, run on
// real samples and corrected until it holds.
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_COMPILER_SEARCH_H
#define MPC_LIB_COMPILER_SEARCH_H

#include "Accuracy.h"
#include "mpc/Compiler/Compiler.h"
#include "llvm/Support/JSON.h"

namespace mpc {

/// What a search found, for reports and files of decisions.
struct SearchResult {
  std::string accuracyBudget, latencyBudget; // as given; empty: none
  /// Of one call on one thread: measured where this machine is the target, else
  /// the sum of the table's times.
  double predictedLatencyMs = 0;
  /// The sum of what groups, conversions and the call take.
  double modelLatencyMs = 0;
  /// (latency - proven lower bound) / latency of the integer program's
  /// assignment.
  double optimalityGap = 0;
  double sqnr = 0;        // dB of the worst output, on validation samples
  std::string accuracy;   // what the budget asks about, as text
  int64_t numSamples = 0; // validated on

  /// An assignment that was looked at.
  struct Point {
    std::string name; // "auto", "int8", "18.0 dB", …
    double latencyMs = 0, sqnr = 0;
    std::string accuracy;    // empty: not run
    bool isMeasured = false; // run on samples; else both figures are predicted
    bool isMet = false, isChosen = false;
  };
  std::vector<Point> pareto; // ascending latency

  struct Sensitivity {
    std::string group, precision;
    double latencyMs = 0; // NaN: unknown
    double sqnr = 0;      // dB at the worst output with this group alone in the
                          // precision; infinite: no difference
    /// Power of the uniform noise of rounding what the group stores, step^2 /
    /// 12 per element; 0 where it is not stored as integers.
    double uniformNoise = 0;
  };
  std::vector<Sensitivity> sensitivities;

  /// The table that the times come from, as the text of its file.
  std::string latencies;

  llvm::json::Value toJSON() const;
  static std::optional<SearchResult> fromJSON(const llvm::json::Value &value);
};

/// What a search reads, opened and checked before any work.
struct SearchInputs {
  std::optional<AccuracyBudget> accuracy;
  std::optional<double> latencyMs;
  std::unique_ptr<SampleSet> samples,
      validation; // validation may be null: the same
  std::vector<int64_t> labels;
};
/// Checks the options of a search; `module`: of the phase grouped.
mlir::FailureOr<SearchInputs> openSearch(mlir::ModuleOp module,
                                         const CompileOptions &options);

/// Chooses a precision for every group of `module` (groups with ranges) and
/// writes it onto them with its reason.
mlir::FailureOr<SearchResult> searchPrecisions(mlir::ModuleOp module,
                                               SearchInputs &inputs,
                                               const CompileOptions &options);

} // namespace mpc

#endif // MPC_LIB_COMPILER_SEARCH_H
