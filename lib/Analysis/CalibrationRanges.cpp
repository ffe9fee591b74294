//===- CalibrationRanges.cpp - from histograms to ranges ------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Sources: percentile and entropy as in ONNX Runtime's calibrate.py, which
// follows Migacz, "8-bit Inference with TensorRT", GTC 2017; the mean squared
// error is that of the quantizer that mpc-insert-quantization chooses.
//
// A bin stands for its middle. What values of a bin differ by adds the same
// error to every range, width^2 / 12, so that it does not matter for which is
// best. For the squared error the outermost bins stand for the extremes, which
// are known, and where clamps gather values: a range that ends there tells them
// exactly.
//
//===----------------------------------------------------------------------===//

#include "mpc/Analysis/Calibration.h"
#include "mpc/Support/QuantMath.h"
#include <algorithm>
#include <cmath>
#include <limits>

using namespace mpc;

/// The levels of 8 bits.
static constexpr int64_t kLevels = 256;
/// How many ends a search tries on each side.
static constexpr int64_t kSteps = 128;
/// Where a distribution has nothing, it counts as this likely (ONNX Runtime's
/// smooth_distribution), so that the divergence stays finite.
static constexpr double kSmoothing = 1e-4;

namespace {
/// The bins of a histogram that hold something, as weights and middles.
struct Distribution {
  explicit Distribution(const CalibrationHistogram &histogram)
      : histogram(histogram) {
    const std::vector<uint64_t> &counts = histogram.counts;
    end = kHistogramBins;
    while (first < end && !counts[first])
      ++first;
    while (end > first && !counts[end - 1])
      --end;
    for (int64_t bin = first; bin < end; ++bin)
      total += static_cast<double>(counts[bin]);
  }
  double middle(int64_t bin) const {
    return histogram.lowerEnd(bin) + histogram.width() / 2;
  }

  const CalibrationHistogram &histogram;
  int64_t first = 0, end = 0; // of the bins that hold something
  double total = 0;
};
} // namespace

/// Within what was seen, and with a zero where that has one sign only: what a
/// clamp cuts off at zero stays exactly there.
static CalibrationRange restrictTo(const CalibrationRange &seen, double low,
                                   double high) {
  low = std::clamp(low, seen.min, seen.max);
  high = std::clamp(high, seen.min, seen.max);
  return {seen.min >= 0 ? seen.min : std::min(low, 0.0),
          seen.max <= 0 ? seen.max : std::max(high, 0.0)};
}

//===----------------------------------------------------------------------===//
// Percentile
//===----------------------------------------------------------------------===//

static CalibrationRange derivePercentile(const Distribution &values,
                                         const CalibrationRange &seen,
                                         double percentile) {
  const std::vector<uint64_t> &counts = values.histogram.counts;
  // Never more than this many values lie outside of an end.
  double allowed = values.total * (100 - percentile) / 200;
  int64_t low = values.first, high = values.end - 1;
  for (double cut = static_cast<double>(counts[low]);
       cut <= allowed && low < high; cut += static_cast<double>(counts[low]))
    ++low;
  for (double cut = static_cast<double>(counts[high]);
       cut <= allowed && high > low; cut += static_cast<double>(counts[high]))
    --high;
  return restrictTo(seen, values.histogram.lowerEnd(low),
                    values.histogram.lowerEnd(high + 1));
}

//===----------------------------------------------------------------------===//
// Mean squared error
//===----------------------------------------------------------------------===//

/// The summed squared error of the quantizer of [low, high], or, if that is not
/// less than `limit`, something between the two.
static double measureError(const Distribution &values,
                           const CalibrationRange &seen, double low,
                           double high, double limit) {
  QuantParams params =
      chooseAsymmetricParams(low, high, 0, static_cast<int32_t>(kLevels - 1));
  double scale = params.scale, inverse = 1 / scale;
  double lowest = -params.zeroPoint, highest = lowest + (kLevels - 1);
  const CalibrationHistogram &histogram = values.histogram;
  // Adding and subtracting this rounds to an integer, ties to even.
  constexpr double rounder = 0x1.8p52;
  auto errorOf = [&](int64_t bin, double x) {
    double level = (x * inverse + rounder) - rounder;
    level = std::min(std::max(level, lowest), highest);
    double error = x - level * scale;
    return static_cast<double>(histogram.counts[bin]) * error * error;
  };
  auto within = [&](int64_t bin, double x) {
    return std::clamp(x, histogram.lowerEnd(bin), histogram.lowerEnd(bin + 1));
  };
  int64_t last = values.end - 1;
  double sum = errorOf(last, within(last, seen.max));
  if (values.first < last)
    sum += errorOf(values.first, within(values.first, seen.min));
  double width = histogram.width(), x = values.middle(values.first + 1);
  for (int64_t bin = values.first + 1; bin < last && sum < limit;
       ++bin, x += width)
    sum += errorOf(bin, x);
  return sum;
}

static CalibrationRange deriveMSE(const Distribution &values,
                                  const CalibrationRange &seen) {
  double low = std::min(seen.min, 0.0), high = std::max(seen.max, 0.0);
  CalibrationRange best{low, high};
  double least = measureError(values, seen, low, high,
                              std::numeric_limits<double>::infinity());
  auto consider = [&](double min, double max) {
    double error = measureError(values, seen, min, max, least);
    // Of equal ones the first, which is the widest.
    if (error >= least)
      return false;
    least = error;
    best = {min, max};
    return true;
  };
  auto part = [](int64_t step) {
    return 1 - static_cast<double>(step) / (kSteps + 1);
  };
  // Both ends at once, then one after the other until neither moves.
  for (int64_t step = 1; step <= kSteps; ++step)
    consider(low * part(step), high * part(step));
  for (int round = 0; round < 4; ++round) {
    bool moved = false;
    for (bool isLow : {true, false}) {
      if (isLow ? low == 0 : high == 0)
        continue;
      CalibrationRange from = best;
      for (int64_t step = 0; step <= kSteps; ++step)
        moved |= isLow ? consider(low * part(step), from.max)
                       : consider(from.min, high * part(step));
    }
    if (!moved)
      break;
  }
  return restrictTo(seen, best.min, best.max);
}

//===----------------------------------------------------------------------===//
// Entropy
//===----------------------------------------------------------------------===//

/// What the values of [begin, end) lose if they become kLevels levels and what
/// lies outside joins the bins at the ends: the divergence of the distribution
/// that the levels tell from the one that is there. Bins around zero, which is
/// exact in every range, do not count.
static double measureDivergence(const Distribution &values, int64_t begin,
                                int64_t end) {
  const std::vector<uint64_t> &counts = values.histogram.counts;
  int64_t zero = kHistogramBins / 2;
  auto inner = [&](int64_t bin) {
    return bin == zero || bin == zero - 1 ? 0.0
                                          : static_cast<double>(counts[bin]);
  };
  int64_t bins = end - begin;
  std::vector<double> real(bins), told(bins);
  for (int64_t i = 0; i < bins; ++i)
    real[i] = inner(begin + i);
  // The levels, each spread over those of its bins that hold something.
  for (int64_t level = 0; level < kLevels; ++level) {
    int64_t from = level * bins / kLevels, to = (level + 1) * bins / kLevels;
    double sum = 0, filled = 0;
    for (int64_t i = from; i < to; ++i) {
      sum += real[i];
      filled += real[i] != 0;
    }
    for (int64_t i = from; i < to; ++i)
      told[i] = real[i] != 0 ? sum / filled : 0;
  }
  for (int64_t bin = values.first; bin < begin; ++bin)
    real[0] += inner(bin);
  for (int64_t bin = end; bin < values.end; ++bin)
    real[bins - 1] += inner(bin);

  // Both as probabilities without zeros.
  auto smooth = [](std::vector<double> &p) {
    double sum = 0, empty = 0;
    for (double value : p) {
      sum += value;
      empty += value == 0;
    }
    double filled = static_cast<double>(p.size()) - empty;
    if (sum == 0)
      return false;
    double taken = filled == 0 ? 0 : kSmoothing * empty / filled;
    for (double &value : p)
      value = value == 0 ? kSmoothing
                         : std::max(value / sum * filled - taken, kSmoothing);
    return true;
  };
  if (!smooth(real) || !smooth(told))
    return std::numeric_limits<double>::infinity();
  double realSum = 0, toldSum = 0, divergence = 0;
  for (int64_t i = 0; i < bins; ++i) {
    realSum += real[i];
    toldSum += told[i];
  }
  for (int64_t i = 0; i < bins; ++i) {
    double p = real[i] / realSum, q = told[i] / toldSum;
    divergence += p * std::log(p / q);
  }
  return divergence;
}

static CalibrationRange deriveEntropy(const Distribution &values,
                                      const CalibrationRange &seen) {
  int64_t zero = kHistogramBins / 2;
  // A threshold t keeps [-t, t], as far as there are values.
  int64_t most = std::max(values.end - zero, zero - values.first);
  int64_t sides = (values.end > zero) + (values.first < zero);
  int64_t least = std::max<int64_t>(kLevels / std::max<int64_t>(sides, 1), 1);
  auto begin = [&](int64_t t) {
    return std::min(std::max(values.first, zero - t), zero);
  };
  auto end = [&](int64_t t) {
    return std::max(std::min(values.end, zero + t), zero);
  };
  // Fewer bins than levels lose nothing.
  if (most <= least)
    return seen;
  int64_t best = most, stride = std::max<int64_t>(1, (most - least) / kSteps);
  double lowest = measureDivergence(values, begin(most), end(most));
  for (int64_t t = most - stride; t >= least; t -= stride) {
    if (end(t) - begin(t) < kLevels)
      break;
    double divergence = measureDivergence(values, begin(t), end(t));
    if (divergence < lowest) {
      lowest = divergence;
      best = t;
    }
  }
  if (best == most)
    return seen;
  return restrictTo(seen, values.histogram.lowerEnd(begin(best)),
                    values.histogram.lowerEnd(end(best)));
}

CalibrationRange mpc::deriveRange(const Calibrator &calibrator,
                                  const Observation &observation) {
  const CalibrationRange &seen = observation.seen;
  if (!calibrator.needsHistogram() || observation.histogram.empty())
    return seen;
  Distribution values(observation.histogram);
  if (values.total == 0)
    return seen;
  switch (calibrator.kind) {
  case Calibrator::Percentile:
    return derivePercentile(values, seen, calibrator.percentile);
  case Calibrator::MSE:
    return deriveMSE(values, seen);
  case Calibrator::Entropy:
    return deriveEntropy(values, seen);
  case Calibrator::MinMax:
  case Calibrator::MovingAverage:
    break;
  }
  return seen;
}
