//===- RepairMath.cpp - the numbers behind repairs ------------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpc/Analysis/RepairMath.h"
#include "mpc/Support/QuantMath.h"
#include <algorithm>
#include <cmath>

using namespace mpc;
using llvm::ArrayRef;
using llvm::MutableArrayRef;

void mpc::normalizeFactors(MutableArrayRef<double> factors) {
  double sum = 0;
  for (double factor : factors)
    sum += std::log(factor);
  double mean = factors.empty() ? 1 : std::exp(sum / factors.size());
  for (double &factor : factors)
    factor /= mean;
}

std::vector<double> mpc::chooseSmoothingFactors(ArrayRef<double> activations,
                                                ArrayRef<double> weights,
                                                double alpha) {
  std::vector<double> used;
  auto isUsed = [&](size_t c) { return activations[c] > 0 && weights[c] > 0; };
  for (size_t c = 0; c < activations.size(); ++c)
    if (isUsed(c))
      used.push_back(std::pow(activations[c], alpha) /
                     std::pow(weights[c], 1 - alpha));
  normalizeFactors(used);
  std::vector<double> result(activations.size(), 1.0);
  for (size_t c = 0, next = 0; c < activations.size(); ++c)
    if (isUsed(c))
      result[c] = std::clamp(used[next++], 0x1p-12, 0x1p12);
  return result;
}

//===----------------------------------------------------------------------===//
// Clipping
//===----------------------------------------------------------------------===//

void ValueHistogram::add(ArrayRef<float> values) {
  double perBin = max > min ? kBins / (max - min) : 0, energy = 0;
  for (float value : values)
    energy += double(value) * value;
  if (!(energy > 0) || !std::isfinite(energy))
    return;
  for (float value : values) {
    double bin = (value - min) * perBin;
    weights[bin >= kBins ? kBins - 1
            : bin > 0    ? static_cast<unsigned>(bin)
                         : 0] += 1 / energy;
  }
}

double ValueHistogram::getError(const CalibrationRange &range) const {
  QuantParams params = chooseAsymmetricParams(range.min, range.max, 0, 255);
  double low = double(params.qmin - params.zeroPoint) * params.scale,
         high = double(params.qmax - params.zeroPoint) * params.scale;
  double width = (max - min) / kBins,
         rounding = double(params.scale) * params.scale / 12, sum = 0;
  for (unsigned bin = 0; bin < kBins; ++bin) {
    if (weights[bin] == 0)
      continue;
    double value = min + (bin + 0.5) * width;
    double outside = value < low    ? low - value
                     : value > high ? value - high
                                    : 0;
    // A value that is 0 in the model (behind a relu, in padding) is 0 when
    // quantized.
    bool isZero = min + bin * width <= 0 && 0 <= min + (bin + 1) * width;
    sum += weights[bin] * (isZero        ? 0
                           : outside > 0 ? outside * outside
                                         : rounding);
  }
  return sum;
}

CalibrationRange ValueHistogram::chooseRange() const {
  CalibrationRange best{min, max};
  double least = getError(best);
  // One side after the other, until neither moves.
  for (int round = 0; round < 3; ++round) {
    CalibrationRange before = best;
    for (int step = 1; step <= 80; ++step) {
      double part = 1 - step * 0.01;
      for (CalibrationRange candidate :
           {CalibrationRange{best.min, max * part},
            CalibrationRange{min * part, best.max}}) {
        if (candidate.max < candidate.min ||
            (candidate.max == best.max && candidate.min == best.min))
          continue;
        // A side at 0 has nothing to cut.
        if ((max <= 0 && candidate.max != best.max) ||
            (min >= 0 && candidate.min != best.min))
          continue;
        double error = getError(candidate);
        if (error < least) {
          least = error;
          best = candidate;
        }
      }
    }
    if (best == before)
      break;
  }
  return best;
}

float mpc::chooseWeightScale(ArrayRef<float> weights,
                             ArrayRef<double> importance, float base) {
  float best = base;
  double least = INFINITY;
  for (int step = 64; step >= 32; --step) {
    float scale = base * static_cast<float>(step) / 64.0f;
    QuantParams params{scale, 0, -127, 127};
    double error = 0;
    for (size_t k = 0; k < weights.size(); ++k) {
      double difference =
          double(weights[k]) - dequantize(quantize(weights[k], params), params);
      error += importance[k] * difference * difference;
    }
    if (error < least) {
      least = error;
      best = scale;
    }
  }
  return best;
}

//===----------------------------------------------------------------------===//
// Rounding
//===----------------------------------------------------------------------===//

void SecondMoments::add(ArrayRef<float> x) {
  for (int64_t k = 0; k < size; ++k) {
    float factor = x[k];
    if (factor == 0) // half of what follows a relu
      continue;
    float *out = values.data() + k * size;
    for (int64_t j = 0; j <= k; ++j)
      out[j] += factor * x[j];
  }
}

void SecondMoments::finish() {
  for (int64_t k = 0; k < size; ++k)
    for (int64_t j = 0; j < k; ++j)
      values[j * size + k] = values[k * size + j];
}

void mpc::roundWeights(ArrayRef<float> weights, float scale,
                       const SecondMoments &moments,
                       MutableArrayRef<int8_t> codes) {
  int64_t size = weights.size();
  QuantParams params{scale, 0, -127, 127};
  // In units of the scale: the error e = code - w / scale, and the gradient H
  // e.
  std::vector<double> error(size), gradient(size, 0.0);
  for (int64_t k = 0; k < size; ++k) {
    codes[k] = static_cast<int8_t>(quantize(weights[k], params));
    error[k] = codes[k] - double(weights[k]) / scale;
  }
  for (int64_t k = 0; k < size; ++k) {
    ArrayRef<float> row = moments.row(k);
    for (int64_t j = 0; j < size; ++j)
      gradient[j] += error[k] * row[j];
  }
  // A step d at k changes e^T H e by 2 d g[k] + d^2 H[k][k]. Each step lowers
  // it, so this ends; the bound is for rounding.
  for (int64_t steps = 0; steps < 4 * size; ++steps) {
    int64_t best = -1;
    double gain = 0;
    int direction = 0;
    for (int64_t k = 0; k < size; ++k) {
      double diagonal = moments.row(k)[k];
      int d = gradient[k] > 0 ? -1 : 1;
      if (std::abs(error[k] + d) > 1 || codes[k] + d > 127 ||
          codes[k] + d < -127)
        continue;
      double change = 2 * d * gradient[k] + diagonal;
      if (change < gain - 1e-12 * diagonal) {
        gain = change;
        best = k;
        direction = d;
      }
    }
    if (best < 0)
      return;
    codes[best] += direction;
    error[best] += direction;
    ArrayRef<float> row = moments.row(best);
    for (int64_t j = 0; j < size; ++j)
      gradient[j] += direction * double(row[j]);
  }
}
