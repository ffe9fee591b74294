//===- FixedScaleTest.cpp - integer profiles, against their specifications ===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The arithmetic of TensorFlow Lite (gemmlowp's fixed point, kernels/internal/
// common.h, quantization_util.cc) and of TOSA 1.0 (apply_scale_32,
// reciprocal_scale), written down again from their definitions.
//
//===----------------------------------------------------------------------===//

#include "mpc/Support/QuantMath.h"
#include "gtest/gtest.h"
#include <cmath>
#include <limits>
#include <random>
#include <vector>

using namespace mpc;

namespace {

constexpr int32_t i32Min = std::numeric_limits<int32_t>::min();
constexpr int32_t i32Max = std::numeric_limits<int32_t>::max();

//===--- TensorFlow Lite ---===//

int32_t saturatingRoundingDoublingHighMul(int32_t a, int32_t b) {
  if (a == b && a == i32Min)
    return i32Max;
  int64_t ab = static_cast<int64_t>(a) * b;
  int32_t nudge = ab >= 0 ? (1 << 30) : (1 - (1 << 30));
  return static_cast<int32_t>((ab + nudge) / (1ll << 31));
}

/// To the nearest, ties away from zero.
int32_t roundingDivideByPOT(int32_t x, int exponent) {
  return static_cast<int32_t>(std::round(std::ldexp(x, -exponent)));
}

void quantizeMultiplier(double factor, int32_t &multiplier, int &shift) {
  const double q = std::frexp(factor, &shift);
  auto fixed = static_cast<int64_t>(std::round(q * (1ll << 31)));
  if (fixed == (1ll << 31)) {
    fixed /= 2;
    ++shift;
  }
  if (shift < -31) {
    shift = 0;
    fixed = 0;
  }
  multiplier = static_cast<int32_t>(fixed);
}

int32_t multiplyTFLite(int32_t x, int32_t multiplier, int shift) {
  int left = shift > 0 ? shift : 0, right = shift > 0 ? 0 : -shift;
  return roundingDivideByPOT(
      saturatingRoundingDoublingHighMul(x * (1 << left), multiplier), right);
}

int32_t multiplyTFLiteSingle(int32_t x, int32_t multiplier, int shift) {
  int64_t total = 31 - shift, round = int64_t(1) << (total - 1);
  return static_cast<int32_t>((x * int64_t(multiplier) + round) >> total);
}

//===--- TOSA ---===//

int32_t applyScale32(int32_t value, int32_t multiplier, int shift,
                     bool doubleRound) {
  int64_t round = int64_t(1) << (shift - 1);
  if (doubleRound) {
    if (shift > 31 && value >= 0)
      round += int64_t(1) << 30;
    if (shift > 31 && value < 0)
      round -= int64_t(1) << 30;
  }
  return static_cast<int32_t>((int64_t(value) * multiplier + round) >> shift);
}

void multiplierAndShift(double factor, int32_t &multiplier, int &shift) {
  double mantissa = std::frexp(factor, &shift);
  double shifted = std::round(mantissa * (int64_t(1) << 31));
  if (shifted == double(int64_t(1) << 31)) {
    shifted /= 2;
    ++shift;
  }
  shift = 31 - shift;
  multiplier = static_cast<int32_t>(shifted);
  if (shift > 62) {
    multiplier >>= std::min(31, shift - 62);
    shift = 62;
  }
}

//===--- Samples ---===//

std::vector<int32_t> edges() {
  std::vector<int32_t> values{0, i32Min, i32Max};
  for (int k = 0; k < 31; ++k)
    for (int32_t d : {-1, 0, 1}) {
      values.push_back((1 << k) + d);
      values.push_back(-(1 << k) + d);
    }
  std::mt19937 random(3);
  for (int i = 0; i < 2000; ++i)
    values.push_back(static_cast<int32_t>(random()) >> (random() % 28));
  return values;
}

std::vector<double> factors(double most) {
  std::vector<double> values{0.5,     0.25,    1 - 0x1p-40, 1.0 / 3,
                             0x1p-31, 0x1p-32, 0x1p-33,     0x1.fffffffffp-3};
  std::mt19937 random(4);
  std::uniform_real_distribution<double> exponent(-34, std::log2(most));
  for (int i = 0; i < 300; ++i)
    values.push_back(std::exp2(exponent(random)));
  return values;
}

TEST(FixedScale, TFLiteIsMultiplyByQuantizedMultiplier) {
  for (double factor : factors(64)) {
    int32_t multiplier;
    int shift;
    quantizeMultiplier(factor, multiplier, shift);
    FixedScale twice = FixedScale::get(factor, FixedRounding::TFLite),
               once = FixedScale::get(factor, FixedRounding::TFLiteSingle);
    for (int32_t x : edges()) {
      // The specification leaves overflow undefined.
      if (std::abs(std::ldexp(x, std::max(shift, 0))) > 0x1p31 - 1)
        continue;
      ASSERT_EQ(twice.apply(x), multiplyTFLite(x, multiplier, shift))
          << x << " * " << factor;
      ASSERT_EQ(once.apply(x), multiplyTFLiteSingle(x, multiplier, shift))
          << x << " * " << factor;
    }
  }
}

TEST(FixedScale, TFLiteAdditionShiftsFirst) {
  // QuantizeMultiplierSmallerThanOneExp of kernels/add.cc: s / twice the
  // largest scale, applied to q << 20.
  for (double factor : factors(0.5)) {
    int32_t multiplier;
    int shift;
    quantizeMultiplier(factor, multiplier, shift);
    FixedScale scale =
        FixedScale::get(std::ldexp(factor, 20), FixedRounding::TFLite, 20);
    for (int32_t q = -255; q <= 255; ++q)
      ASSERT_EQ(scale.apply(q),
                multiplyTFLite(q * (1 << 20), multiplier, shift))
          << q << " * " << factor;
  }
}

TEST(FixedScale, TOSAIsApplyScale32) {
  for (double factor : factors(64)) {
    int32_t multiplier;
    int shift;
    multiplierAndShift(factor, multiplier, shift);
    FixedScale once = FixedScale::get(factor, FixedRounding::TOSA),
               twice = FixedScale::get(factor, FixedRounding::TOSADouble);
    ASSERT_GE(once.right, 2);
    ASSERT_LE(once.right, 62);
    for (int32_t x : edges()) {
      // REQUIRE(value >= (-1 << (shift - 1)) && value < (1 << (shift - 1)))
      if (std::abs(double(x)) >= std::ldexp(1, shift - 1))
        continue;
      ASSERT_EQ(once.apply(x), applyScale32(x, multiplier, shift, false))
          << x << " * " << factor;
      ASSERT_EQ(twice.apply(x), applyScale32(x, multiplier, shift, true))
          << x << " * " << factor;
    }
  }
}

TEST(FixedScale, TOSAReciprocal) {
  for (uint32_t count = 1; count <= 4096; ++count) {
    int k = 0;
    while ((1u << k) < count)
      ++k;
    int64_t numerator = ((int64_t(1) << 30) + 1) << k;
    auto multiplier = static_cast<int32_t>(numerator / count);
    FixedScale scale = FixedScale::getReciprocal(count);
    for (int32_t x : {0, 1, -1, 127, -128, 255 * int(count), -255 * int(count),
                      int(count) / 2, 77777})
      ASSERT_EQ(scale.apply(x), applyScale32(x, multiplier, 30 + k, false));
  }
}

TEST(FixedScale, TFLiteMeanDividesTheMultiplier) {
  // QuantizedMeanOrSum of kernels/internal/reference/reduce.h.
  for (double factor : factors(4))
    for (int64_t count : {1, 2, 3, 7, 49, 64, 1000}) {
      int32_t multiplier;
      int exponent;
      quantizeMultiplier(factor, multiplier, exponent);
      if (exponent < -20)
        continue;
      int shift = 63 - __builtin_clzll(count);
      shift = std::min(std::min(shift, 32), 31 + exponent);
      multiplier = static_cast<int32_t>(
          (static_cast<int64_t>(multiplier) << shift) / count);
      exponent -= shift;
      FixedScale scale =
          FixedScale::getMean(factor, count, FixedRounding::TFLite);
      for (int32_t sum = -255 * int(count); sum <= 255 * int(count);
           sum += 1 + int(count) / 5)
        ASSERT_EQ(scale.apply(sum), multiplyTFLite(sum, multiplier, exponent));
    }
}

TEST(FixedScale, AveragesRoundHalfAway) {
  for (int32_t count : {1, 2, 3, 4, 9, 49})
    for (int32_t sum = -600; sum <= 600; ++sum)
      ASSERT_EQ(averageHalfAway(sum, count),
                std::lround(static_cast<double>(sum) / count));
}

TEST(FixedScale, ResultsSaturateAndClamp) {
  for (FixedRounding rounding :
       {FixedRounding::TFLite, FixedRounding::TFLiteSingle, FixedRounding::TOSA,
        FixedRounding::TOSADouble}) {
    FixedScale large = FixedScale::get(300.0, rounding),
               small = FixedScale::get(0.001, rounding);
    EXPECT_EQ(requantizeFixed(i32Max, large, 3, 0, 255), 255);
    EXPECT_EQ(requantizeFixed(i32Min, large, 3, 0, 255), 0);
    EXPECT_EQ(requantizeFixed(20000, small, 3, 0, 20), 20);
    EXPECT_EQ(requantizeFixed(-20000, small, 30, 0, 255), 10);
    EXPECT_TRUE(small.shrinks());
    EXPECT_FALSE(large.shrinks());
  }
}

TEST(FixedScale, PowersOfTwoAreNotBelow) {
  EXPECT_EQ(roundUpToPowerOfTwo(1.0f), 1.0f);
  EXPECT_EQ(roundUpToPowerOfTwo(1.1f), 2.0f);
  EXPECT_EQ(roundUpToPowerOfTwo(0x1.8p-9f), 0x1p-8f);
  EXPECT_EQ(roundUpToPowerOfTwo(kMinScale), kMinScale);
}

} // namespace
