//===- Metrics.cpp - How good outputs are ---------------------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Metrics.h"

#include <algorithm>
#include <cmath>
#include <limits>

using namespace mpc;
using namespace mpc::run;

Comparison mpc::run::compareTensors(const Tensor &got, const Tensor &want,
                                    double rtol, double atol) {
  Comparison result;
  double signal = 0, noise = 0;
  result.total = want.numElements();
  for (int64_t i = 0; i < result.total; ++i) {
    double g = got.valueAt(i), w = want.valueAt(i);
    if ((std::isnan(g) && std::isnan(w)) || g == w) {
      if (std::isfinite(w))
        signal += w * w;
      continue;
    }
    double error = std::fabs(g - w);
    // Also where the error is NaN.
    if (!(error <= atol + rtol * std::fabs(w)) || std::isinf(w))
      ++result.different;
    if (std::isnan(error))
      result.maxAbsError = error;
    else if (error > result.maxAbsError)
      result.maxAbsError = error;
    signal += w * w;
    noise += error * error;
  }
  constexpr double limit = Comparison::limitDb;
  if (noise == 0)
    result.sqnrDb = limit;
  else if (!std::isfinite(noise) || !(signal > 0))
    result.sqnrDb = -limit;
  else
    result.sqnrDb = std::clamp(10 * std::log10(signal / noise), -limit, limit);
  return result;
}

Accuracy mpc::run::measureAccuracy(const Tensor &scores,
                                   const std::vector<int64_t> &labels) {
  int64_t samples = int64_t(labels.size());
  int64_t classes = scores.numElements() / samples;
  int64_t first = 0, firstFive = 0;
  for (int64_t s = 0; s < samples; ++s) {
    int64_t label = labels[size_t(s)];
    if (label < 0 || label >= classes)
      continue;
    double own = scores.valueAt(s * classes + label);
    if (std::isnan(own))
      continue;
    int64_t before = 0;
    for (int64_t c = 0; c < classes; ++c) {
      double score = scores.valueAt(s * classes + c);
      before += score > own || (score == own && c < label);
    }
    first += before == 0;
    firstFive += before < 5;
  }
  return {double(first) / double(samples), double(firstFive) / double(samples)};
}

Latency mpc::run::summarize(std::vector<double> times) {
  std::sort(times.begin(), times.end());
  // Linear interpolation between the two nearest times.
  auto quantile = [&](double q) {
    double at = q * double(times.size() - 1);
    size_t low = size_t(at), high = std::min(low + 1, times.size() - 1);
    return times[low] + (at - double(low)) * (times[high] - times[low]);
  };
  return {quantile(0.5), quantile(0.1), quantile(0.9)};
}
