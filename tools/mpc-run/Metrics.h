//===- Metrics.h - How good outputs are -------------------------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_TOOLS_MPCRUN_METRICS_H
#define MPC_TOOLS_MPCRUN_METRICS_H

#include "mpc/Support/Tensor.h"

namespace mpc::run {

/// An output beside what it should be.
struct Comparison {
  int64_t total = 0, different = 0;
  /// The largest |output - expected|; NaN if an output is NaN where the
  /// expected value is not, or the other way round.
  double maxAbsError = 0;
  /// Signal to quantization noise, 10 log10(sum expected^2 / sum (output -
  /// expected)^2), within [-limit, limit], so that equal tensors have a number
  /// too.
  double sqnrDb = 0;
  static constexpr double limitDb = 300;
};

/// Compares tensors of the same shape. Values are equal if |got - want| <= atol
/// + rtol * |want|, or if both are NaN or the same infinity.
Comparison compareTensors(const Tensor &got, const Tensor &want, double rtol,
                          double atol);

/// Fractions of samples whose label is among the first one or five classes.
struct Accuracy {
  double top1 = 0, top5 = 0;
};

/// `scores` holds one row of classes per label. Of equal scores the first
/// counts as the larger; a NaN is smaller than every number.
Accuracy measureAccuracy(const Tensor &scores,
                         const std::vector<int64_t> &labels);

/// Times in milliseconds.
struct Latency {
  double median = 0, p10 = 0, p90 = 0;
};

/// Order statistics of at least one time.
Latency summarize(std::vector<double> times);

} // namespace mpc::run

#endif // MPC_TOOLS_MPCRUN_METRICS_H
