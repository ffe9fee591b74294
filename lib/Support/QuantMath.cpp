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
