//===- RepairMath.h - the numbers behind repairs ----------------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What repairs compute from weights and statistics, apart from any IR. All of
// it is deterministic: sums run in one order, in f64.
//
//===----------------------------------------------------------------------===//

#ifndef MPC_ANALYSIS_REPAIRMATH_H
#define MPC_ANALYSIS_REPAIRMATH_H

#include "mpc/Analysis/Calibration.h"
#include "llvm/ADT/ArrayRef.h"
#include <vector>

namespace mpc {

/// Scales numbers > 0 to a geometric mean of 1.
void normalizeFactors(llvm::MutableArrayRef<double> factors);

/// SmoothQuant (Xiao et al. 2022, equation 4): s[c] = activations[c]^alpha /
/// weights[c]^(1 - alpha), of the largest magnitudes per channel, normalized to
/// a geometric mean of 1. A channel that is 0 on either side has 1.
std::vector<double> chooseSmoothingFactors(llvm::ArrayRef<double> activations,
                                           llvm::ArrayRef<double> weights,
                                           double alpha);

/// Where a tensor's values lie, over a fixed range. Values outside fall into
/// the outermost bins. Each sample weighs the inverse of its sum of squares, so
/// that an error counts relative to the sample that it is made in: one that is
/// far larger than all others does not decide alone.
class ValueHistogram {
public:
  static constexpr unsigned kBins = 2048;
  ValueHistogram() = default;
  ValueHistogram(double min, double max)
      : min(min), max(max), weights(kBins, 0.0) {}
  /// Takes in the values of one sample.
  void add(llvm::ArrayRef<float> values);
  /// The range whose 8-bit asymmetric quantizer (mpc/Support/QuantMath.h) has
  /// the least expected squared error over what was seen. Each side is searched
  /// from all of the range down to a fifth of it.
  CalibrationRange chooseRange() const;

private:
  double getError(const CalibrationRange &range) const;
  double min = 0, max = 0;
  std::vector<double> weights;
};

/// The scale of symmetric codes from -127 to 127 that makes sum[k]
/// importance[k] * (w[k] - scale * code[k])^2 least, among `base` times 0.5 to
/// 1 in steps of 1/64. `base` is the scale that holds every weight.
float chooseWeightScale(llvm::ArrayRef<float> weights,
                        llvm::ArrayRef<double> importance, float base);

/// A symmetric matrix of second moments, E[x x^T], of K inputs.
class SecondMoments {
public:
  explicit SecondMoments(int64_t size)
      : size(size), values(size * size, 0.0f) {}
  int64_t getSize() const { return size; }
  /// Adds x x^T; only the part at and below the diagonal is kept up to date.
  void add(llvm::ArrayRef<float> x);
  /// Fills the other part. Call once, at the end.
  void finish();
  llvm::ArrayRef<float> row(int64_t k) const {
    return llvm::ArrayRef<float>(values).slice(k * size, size);
  }

private:
  int64_t size;
  std::vector<float> values;
};

/// Rounds the weights of one output channel so that E[((w - scale * code) .
/// x)^2] = e^T H e becomes small, from their nearest codes on: coordinate
/// descent over single steps of a code, the best step first, until none helps.
/// Codes stay within one step of the weight. The layer-wise reconstruction of
/// AdaRound (Nagel et al. 2020, equation 20), solved as a quadratic binary
/// problem rather than by gradients.
void roundWeights(llvm::ArrayRef<float> weights, float scale,
                  const SecondMoments &moments,
                  llvm::MutableArrayRef<int8_t> codes);

} // namespace mpc

#endif // MPC_ANALYSIS_REPAIRMATH_H
