//===- Calibration.cpp - the ranges that tensors were seen in -------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpc/Analysis/Calibration.h"
#include "table.h" // the runtime's
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSwitch.h"
#include <cmath>

using namespace mpc;
using llvm::Error;
using llvm::Expected;
using llvm::StringRef;
using llvm::Twine;

static_assert(kHistogramBins == MPC_RT_BINS);

//===----------------------------------------------------------------------===//
// Calibrators
//===----------------------------------------------------------------------===//

Expected<Calibrator> mpc::parseCalibrator(StringRef name) {
  auto [kind, parameter] = name.split(':');
  auto found = llvm::StringSwitch<std::optional<Calibrator::Kind>>(kind)
                   .Case("minmax", Calibrator::MinMax)
                   .Case("moving-average", Calibrator::MovingAverage)
                   .Case("percentile", Calibrator::Percentile)
                   .Case("mse", Calibrator::MSE)
                   .Case("entropy", Calibrator::Entropy)
                   .Default(std::nullopt);
  if (!found || (*found != Calibrator::Percentile && name.contains(':')))
    return llvm::createStringError(
        "expected minmax, moving-average, percentile, "
        "percentile:NUMBER, mse or entropy, but got '" +
        name + "'");
  Calibrator result(*found);
  if (name.contains(':') &&
      (parameter.getAsDouble(result.percentile) ||
       !(result.percentile > 50 && result.percentile <= 100)))
    return llvm::createStringError(
        "expected a percentile above 50 and at most 100, but got '" +
        parameter + "'");
  return result;
}

std::string Calibrator::str() const {
  switch (kind) {
  case MinMax:
    return "minmax";
  case MovingAverage:
    return "moving-average";
  case Percentile:
    break;
  case MSE:
    return "mse";
  case Entropy:
    return "entropy";
  }
  if (percentile == Calibrator(Percentile).percentile)
    return "percentile";
  for (int precision = 1;; ++precision) {
    char text[40];
    std::snprintf(text, sizeof(text), "%.*g", precision, percentile);
    double read;
    if (precision == 17 ||
        (!StringRef(text).getAsDouble(read) && read == percentile))
      return std::string("percentile:") + text;
  }
}

double CalibrationHistogram::width() const { return std::ldexp(1.0, exponent); }

//===----------------------------------------------------------------------===//
// What was seen
//===----------------------------------------------------------------------===//

/// The runtime's view of an observation, of which it says whether there is one.
static mpc_rt_observation view(Observation &observation, bool isSeen) {
  mpc_rt_observation result = {};
  result.min = observation.seen.min;
  result.max = observation.seen.max;
  result.exponent = observation.histogram.exponent;
  result.seen = isSeen;
  result.counts = observation.histogram.empty()
                      ? nullptr
                      : observation.histogram.counts.data();
  return result;
}

const Observation *Calibration::getObservation(StringRef tensor) const {
  auto it = observations.find(tensor.str());
  return it == observations.end() ? nullptr : &it->second;
}

std::optional<CalibrationRange> Calibration::lookup(StringRef tensor) const {
  const Observation *observation = getObservation(tensor);
  if (!observation)
    return std::nullopt;
  auto [it, isNew] = derived.try_emplace(tensor.str());
  if (isNew)
    it->second = deriveRange(calibrator, *observation);
  return it->second;
}

Error Calibration::setCalibrator(const Calibrator &other) {
  if (other == calibrator)
    return Error::success();
  bool hasAverages = calibrator.kind == Calibrator::MovingAverage;
  if (hasAverages || other.kind == Calibrator::MovingAverage)
    return llvm::createStringError(
        hasAverages ? "moving averages do not tell what calibrator " +
                          other.str() + " needs"
                    : "calibrator moving-average needs the samples, not "
                      "a table");
  if (other.needsHistogram())
    for (const auto &[name, observation] : observations)
      if (observation.histogram.empty())
        return llvm::createStringError("calibrator " + other.str() +
                                       " needs histograms, which a table of " +
                                       calibrator.str() + " does not have");
  if (!other.needsHistogram())
    for (auto &[name, observation] : observations)
      observation.histogram = {};
  calibrator = other;
  derived.clear();
  return Error::success();
}

Error Calibration::observe(StringRef tensor, double min, double max,
                           llvm::ArrayRef<int64_t> counts) {
  if (!std::isfinite(min) || !std::isfinite(max))
    return llvm::createStringError(
        "tensor '" + tensor + "' holds NaN or an infinity with these samples");
  if (min > max)
    return llvm::createStringError(
        "tensor '" + tensor + "': expected min <= max, but got " +
        std::to_string(min) + " and " + std::to_string(max));
  auto [it, isNew] = observations.try_emplace(tensor.str());
  Observation &observation = it->second;
  if (isNew && !counts.empty())
    observation.histogram.counts.resize(kHistogramBins);
  mpc_rt_observation all = view(observation, !isNew);
  mpc_rt_observe_range(&all,
                       calibrator.kind == Calibrator::MovingAverage
                           ? MPC_RT_MOVING_AVERAGE
                           : MPC_RT_WIDEST,
                       min, max);
  if (all.counts && counts.size() == size_t(kHistogramBins))
    mpc_rt_observe_counts(&all, mpc_rt_histogram_exponent(min, max),
                          counts.data());
  observation.seen = {all.min, all.max};
  observation.histogram.exponent = all.exponent;
  derived.clear();
  return Error::success();
}

std::vector<float> InputChannels::getMeans() const {
  std::vector<float> means;
  if (positions <= 0)
    return means;
  for (int64_t sum : sums) {
    if (std::abs(sum) >= kMostChannelSum)
      return {};
    means.push_back(static_cast<float>(
        std::ldexp(double(sum) / double(positions), -kChannelSumBits)));
  }
  return means;
}

const InputChannels *Calibration::getInputChannels(StringRef group) const {
  auto it = inputs.find(group.str());
  return it == inputs.end() ? nullptr : &it->second;
}

void Calibration::observeInputs(StringRef group, llvm::ArrayRef<int64_t> sums) {
  InputChannels &channels = inputs[group.str()];
  channels.sums.resize(sums.size() - 1);
  for (auto [sum, more] : llvm::zip(channels.sums, sums.drop_back()))
    sum = mpc_rt_add_sums(sum, more);
  channels.positions += sums.back();
}

Error Calibration::merge(const Calibration &other) {
  for (const Calibration *table :
       {static_cast<const Calibration *>(this), &other})
    if (table->calibrator.kind == Calibrator::MovingAverage)
      return llvm::createStringError(
          "moving averages depend on the order of the samples and "
          "do not merge; calibrate on all samples at once, or "
          "with another calibrator");
  if (!(calibrator == other.calibrator))
    return llvm::createStringError(
        "expected tables of one calibrator to merge, but got " +
        calibrator.str() + " and " + other.calibrator.str());
  if (modelHash != other.modelHash)
    return llvm::createStringError(
        "expected tables of one model to merge, but got the model hashes '" +
        modelHash + "' and '" + other.modelHash + "'");
  for (const auto &[name, theirs] : other.observations) {
    auto [it, isNew] = observations.try_emplace(name, theirs);
    if (isNew)
      continue;
    Observation &ours = it->second;
    if (ours.histogram.empty() != theirs.histogram.empty())
      return llvm::createStringError(
          "tensor '" + name +
          "' has a histogram in one table and none in another");
    mpc_rt_observation all = view(ours, true);
    mpc_rt_observe_range(&all, MPC_RT_WIDEST, theirs.seen.min, theirs.seen.max);
    if (all.counts) {
      std::vector<int64_t> counts(theirs.histogram.counts.begin(),
                                  theirs.histogram.counts.end());
      mpc_rt_observe_counts(&all, theirs.histogram.exponent, counts.data());
    }
    ours.seen = {all.min, all.max};
    ours.histogram.exponent = all.exponent;
  }
  for (auto it = inputs.begin(); it != inputs.end();) {
    auto theirs = other.inputs.find(it->first);
    if (theirs == other.inputs.end() ||
        theirs->second.sums.size() != it->second.sums.size()) {
      it = inputs.erase(it);
      continue;
    }
    for (auto [sum, more] : llvm::zip(it->second.sums, theirs->second.sums))
      sum = mpc_rt_add_sums(sum, more);
    it->second.positions += theirs->second.positions;
    ++it;
  }
  numSamples += other.numSamples;
  derived.clear();
  return Error::success();
}
