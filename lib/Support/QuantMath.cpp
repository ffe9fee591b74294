//===- QuantMath.cpp - the scalar definition of quantized arithmetic ------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpc/Support/QuantMath.h"
#include <algorithm>
#include <cmath>
#include <limits>

using namespace mpc;

/// The clamp of emitted code, one compare and select for each bound, and the
/// conversion.
static int32_t clampTo(float x, int32_t low, int32_t high) {
  float lowest = static_cast<float>(low), highest = static_cast<float>(high);
  x = x > lowest ? x : lowest;
  x = x < highest ? x : highest;
  // The float of a bound of more than 24 bits may lie outside of i32.
  return static_cast<int32_t>(
      std::clamp<int64_t>(static_cast<int64_t>(x), low, high));
}

float mpc::roundHalfEven(float x) { return std::nearbyint(x); }

int32_t mpc::quantize(float x, const QuantParams &params) {
  if (std::isnan(x))
    return params.zeroPoint;
  float rounded = roundHalfEven(x / params.scale);
  return clampTo(rounded + static_cast<float>(params.zeroPoint), params.qmin,
                 params.qmax);
}

float mpc::dequantize(int32_t q, const QuantParams &params) {
  // Wraps as emitted code does; only accumulators come near the ends of i32,
  // and their zero point is 0.
  auto difference = static_cast<int32_t>(
      static_cast<uint32_t>(q) - static_cast<uint32_t>(params.zeroPoint));
  return static_cast<float>(difference) * params.scale;
}

float mpc::accumulatorScale(float inputScale, float weightScale) {
  return inputScale * weightScale;
}

float mpc::requantMultiplier(float accumulatorScale, float resultScale) {
  return accumulatorScale / resultScale;
}

int32_t mpc::requantizeONNX(int32_t acc, float multiplier, int32_t zeroPoint,
                            int32_t low, int32_t high) {
  float rounded = roundHalfEven(static_cast<float>(acc) * multiplier);
  return clampTo(rounded + static_cast<float>(zeroPoint), low, high);
}

QuantizedAddition::QuantizedAddition(const QuantParams &lhs,
                                     const QuantParams &rhs,
                                     const QuantParams &sum)
    : lhsFactor(lhs.scale / sum.scale), rhsFactor(rhs.scale / sum.scale),
      low(sum.qmin), high(sum.qmax) {
  float lhsZero = lhsFactor * static_cast<float>(lhs.zeroPoint);
  float rhsZero = rhsFactor * static_cast<float>(rhs.zeroPoint);
  float zeros = lhsZero + rhsZero;
  constant = static_cast<float>(sum.zeroPoint) - zeros;
}

int32_t QuantizedAddition::operator()(int32_t a, int32_t b) const {
  float part = std::fma(static_cast<float>(b), rhsFactor, constant);
  float sum = std::fma(static_cast<float>(a), lhsFactor, part);
  return clampTo(roundHalfEven(sum), low, high);
}

/// `factor` = multiplier * 2^(exponent - 31), with a multiplier of 31 bits that
/// rounds half away from zero.
static std::pair<int64_t, int32_t> splitFactor(double factor) {
  int32_t exponent = 0;
  double fraction = std::frexp(factor, &exponent);
  auto multiplier = static_cast<int64_t>(
      std::round(fraction * static_cast<double>(int64_t(1) << 31)));
  if (multiplier == int64_t(1) << 31) {
    multiplier /= 2;
    ++exponent;
  }
  return {multiplier, exponent};
}

static bool isTOSA(FixedRounding rounding) {
  return rounding == FixedRounding::TOSA ||
         rounding == FixedRounding::TOSADouble;
}

FixedScale FixedScale::get(double factor, FixedRounding rounding,
                           int32_t left) {
  constexpr int32_t maxShift = 62, minShift = 2;
  FixedScale scale;
  scale.rounding = rounding;
  auto [multiplier, exponent] = splitFactor(std::ldexp(factor, -left));
  if (isTOSA(rounding)) {
    int32_t right = 31 - exponent;
    if (right > maxShift) {
      multiplier >>= std::min(31, right - maxShift);
      right = maxShift;
    }
    if (right < minShift) { // a factor that no specified shift can express
      multiplier = INT32_MAX;
      right = minShift;
    }
    scale.multiplier = static_cast<int32_t>(multiplier);
    scale.right = right;
    scale.left = left;
    return scale;
  }
  if (exponent < -31) { // every bit is shifted out
    multiplier = 0;
    exponent = 0;
  }
  if (exponent > 30) {
    multiplier = (int64_t(1) << 31) - 1;
    exponent = 30;
  }
  scale.multiplier = static_cast<int32_t>(multiplier);
  scale.left = left;
  if (rounding == FixedRounding::TFLiteSingle) {
    scale.right = 31 - exponent;
    return scale;
  }
  scale.left += std::max(exponent, 0);
  scale.right = std::max(-exponent, 0);
  return scale;
}

FixedScale FixedScale::getMean(double factor, int64_t count,
                               FixedRounding rounding) {
  if (isTOSA(rounding))
    return get(factor / static_cast<double>(count), rounding);
  auto [multiplier, exponent] = splitFactor(factor);
  // As many bits as the count has, kept so that no shift leaves its bounds.
  int32_t shift = 0;
  while (shift < 62 && (int64_t(2) << shift) <= count)
    ++shift;
  shift = std::max(0, std::min({shift, 32, 31 + exponent}));
  FixedScale scale;
  scale.rounding = rounding;
  scale.multiplier = static_cast<int32_t>((multiplier << shift) / count);
  exponent = std::max(exponent - shift, -31);
  if (rounding == FixedRounding::TFLiteSingle) {
    scale.right = 31 - exponent;
    return scale;
  }
  scale.left = std::max(exponent, 0);
  scale.right = std::max(-exponent, 0);
  return scale;
}

FixedScale FixedScale::getReciprocal(uint32_t count) {
  int32_t k = 0;
  while ((uint64_t(1) << k) < count)
    ++k;
  FixedScale scale;
  scale.rounding = FixedRounding::TOSA;
  int64_t numerator = ((int64_t(1) << 30) + 1) << k;
  scale.multiplier = static_cast<int32_t>(numerator / count);
  scale.right = 30 + k;
  return scale;
}

bool FixedScale::shrinks() const {
  return left == 0 && (rounding == FixedRounding::TFLite || right >= 31);
}

int64_t FixedScale::apply(int32_t value) const {
  int64_t x = value;
  if (left > 0) {
    int64_t bound = INT32_MAX >> left;
    x = std::clamp(x, -bound - 1, bound) * (int64_t(1) << left);
  }
  int64_t product = x * multiplier;
  if (rounding == FixedRounding::TFLite) {
    auto high = static_cast<int32_t>((product + (int64_t(1) << 30)) >> 31);
    int32_t mask = static_cast<int32_t>((int64_t(1) << right) - 1);
    int32_t threshold = (mask >> 1) + (high < 0);
    return (high >> right) + ((high & mask) > threshold);
  }
  int64_t round = int64_t(1) << (right - 1);
  if (rounding == FixedRounding::TOSADouble && right > 31)
    round += x >= 0 ? int64_t(1) << 30 : -(int64_t(1) << 30);
  return (product + round) >> right;
}

int32_t mpc::requantizeFixed(int32_t x, const FixedScale &scale,
                             int32_t zeroPoint, int32_t low, int32_t high) {
  return static_cast<int32_t>(
      std::clamp<int64_t>(scale.apply(x) + zeroPoint, low, high));
}

int32_t mpc::averageHalfAway(int32_t sum, int32_t count) {
  return sum > 0 ? (sum + count / 2) / count : (sum - count / 2) / count;
}

float mpc::roundUpToPowerOfTwo(float scale) {
  int exponent = 0;
  float fraction = std::frexp(scale, &exponent);
  return std::ldexp(1.0f, fraction == 0.5f ? exponent - 1 : exponent);
}

int64_t mpc::quantizeWideBias(double bias, double accumulatorScale) {
  constexpr double limit = 0x1p39;
  double q = std::nearbyint(bias / accumulatorScale);
  return std::isnan(q) ? 0 : static_cast<int64_t>(std::clamp(q, -limit, limit));
}

int32_t mpc::quantizeBias(double bias, float accumulatorScale) {
  double q = std::nearbyint(bias / accumulatorScale);
  if (std::isnan(q))
    return 0;
  constexpr double lowest = std::numeric_limits<int32_t>::min(),
                   highest = std::numeric_limits<int32_t>::max();
  return static_cast<int32_t>(std::clamp(q, lowest, highest));
}

bool mpc::biasOverflows(double bias, float accumulatorScale) {
  return !(std::fabs(bias / accumulatorScale) <= kMaxBias);
}

int32_t mpc::zeroPointCompensation(int32_t inputZeroPoint,
                                   llvm::ArrayRef<int8_t> weights) {
  uint32_t sum = 0;
  for (int8_t weight : weights)
    sum += static_cast<uint32_t>(static_cast<int32_t>(weight));
  return static_cast<int32_t>(static_cast<uint32_t>(inputZeroPoint) * sum);
}

QuantParams mpc::chooseAsymmetricParams(double min, double max, int32_t qmin,
                                        int32_t qmax) {
  min = std::min(min, 0.0);
  max = std::max(max, 0.0);
  double steps = static_cast<double>(qmax) - qmin;
  QuantParams params;
  params.qmin = qmin;
  params.qmax = qmax;
  params.scale = std::max(static_cast<float>((max - min) / steps), kMinScale);
  double zeroPoint = std::nearbyint(qmin - min / params.scale);
  params.zeroPoint =
      static_cast<int32_t>(std::clamp<double>(zeroPoint, qmin, qmax));
  return params;
}

QuantParams mpc::chooseSymmetricParams(double absMax, int32_t qmin,
                                       int32_t qmax) {
  QuantParams params;
  params.qmin = qmin;
  params.qmax = qmax;
  params.scale = std::max(static_cast<float>(absMax / qmax), kMinScale);
  params.zeroPoint = 0;
  return params;
}
