//===- QuantMathTest.cpp - tests of the quantized arithmetic --------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpc/Support/QuantMath.h"
#include "gtest/gtest.h"
#include <cmath>
#include <limits>

using namespace mpc;

namespace {

constexpr float inf = std::numeric_limits<float>::infinity();
constexpr int32_t i32Min = std::numeric_limits<int32_t>::min();
constexpr int32_t i32Max = std::numeric_limits<int32_t>::max();

QuantParams u8(float scale, int32_t zeroPoint) {
  return {scale, zeroPoint, 0, 255};
}
QuantParams s8(float scale, int32_t zeroPoint) {
  return {scale, zeroPoint, -128, 127};
}

TEST(QuantMath, RoundsTiesToEven) {
  EXPECT_EQ(roundHalfEven(0.5f), 0.0f);
  EXPECT_EQ(roundHalfEven(1.5f), 2.0f);
  EXPECT_EQ(roundHalfEven(2.5f), 2.0f);
  EXPECT_EQ(roundHalfEven(-0.5f), 0.0f);
  EXPECT_EQ(roundHalfEven(-1.5f), -2.0f);
  EXPECT_EQ(roundHalfEven(0.49999997f), 0.0f);
  EXPECT_EQ(roundHalfEven(8388609.0f), 8388609.0f);
}

TEST(QuantMath, QuantizeSaturates) {
  EXPECT_EQ(quantize(1e30f, u8(0.5f, 3)), 255);
  EXPECT_EQ(quantize(-1e30f, u8(0.5f, 3)), 0);
  EXPECT_EQ(quantize(inf, s8(0.5f, 3)), 127);
  EXPECT_EQ(quantize(-inf, s8(0.5f, 3)), -128);
}

TEST(QuantMath, QuantizeSendsNaNToTheZeroPoint) {
  EXPECT_EQ(quantize(std::nanf(""), u8(0.5f, 3)), 3);
  EXPECT_EQ(quantize(std::nanf(""), s8(0.5f, -7)), -7);
}

TEST(QuantMath, QuantizeRoundsBeforeItAddsTheZeroPoint) {
  // 2.5 and 3.5 go to even numbers before the odd zero point is added.
  EXPECT_EQ(quantize(2.5f, u8(1.0f, 3)), 5);
  EXPECT_EQ(quantize(3.5f, u8(1.0f, 3)), 7);
}

TEST(QuantMath, QuantizeInvertsDequantizeExactly) {
  for (float scale : {1.0f, 0.1f, 3.1415927f, 0x1p-20f, kMinScale})
    for (int32_t zeroPoint : {0, 1, 128, 255})
      for (int32_t q = 0; q <= 255; ++q)
        EXPECT_EQ(
            quantize(dequantize(q, u8(scale, zeroPoint)), u8(scale, zeroPoint)),
            q);
}

TEST(QuantMath, RequantizeIsAFloatProductRoundedOnce) {
  EXPECT_EQ(requantizeONNX(5, 0.5f, 0, 0, 255), 2);
  EXPECT_EQ(requantizeONNX(7, 0.5f, 0, 0, 255), 4);
  EXPECT_EQ(requantizeONNX(7, 0.5f, 1, 0, 255), 5);
  EXPECT_EQ(requantizeONNX(-7, 0.5f, 128, 0, 255), 124);
  EXPECT_EQ(requantizeONNX(i32Max, 1.0f, 0, 0, 255), 255);
  EXPECT_EQ(requantizeONNX(i32Min, 1.0f, 10, -128, 127), -128);
  // A fused clamp tightens the bounds.
  EXPECT_EQ(requantizeONNX(-50, 1.0f, 20, 20, 200), 20);
  EXPECT_EQ(requantizeONNX(500, 1.0f, 20, 20, 200), 200);
  // 16777217 is not an f32: it becomes 16777216 before the product.
  EXPECT_EQ(requantizeONNX(16777217, 0x1p-20f, 0, 0, 255), 16);
}

TEST(QuantMath, AdditionRescalesAtOnce) {
  QuantizedAddition addition({0.5f, 128, 0, 255}, {0.25f, 3, 0, 255},
                             {0.5f, 10, 0, 255});
  EXPECT_EQ(addition(128, 3), 10);
  EXPECT_EQ(addition(130, 5), 13);
  // 10 + 2 + 0.5 and 10 + 1 + 0.5, ties to even.
  EXPECT_EQ(addition(130, 4), 12);
  EXPECT_EQ(addition(129, 4), 12);
  EXPECT_EQ(addition(255, 255), 255);
  EXPECT_EQ(addition(0, 0), 0);
}

TEST(QuantMath, MultiplierIsComputedInF32InThatOrder) {
  float sx = 0.1f, sw = 0.3f, sy = 0.7f;
  volatile float product = sx * sw;
  volatile float quotient = product / sy;
  EXPECT_EQ(requantMultiplier(accumulatorScale(sx, sw), sy), quotient);
}

TEST(QuantMath, BiasSaturatesAndSaysSo) {
  EXPECT_EQ(quantizeBias(2.5, 1.0f), 2);
  EXPECT_EQ(quantizeBias(-3.5, 1.0f), -4);
  EXPECT_EQ(quantizeBias(1e20, 1.0f), i32Max);
  EXPECT_EQ(quantizeBias(-1e20, 1.0f), i32Min);
  EXPECT_FALSE(biasOverflows(0x1p29, 1.0f));
  EXPECT_TRUE(biasOverflows(0x1p29 + 1, 1.0f));
  EXPECT_TRUE(biasOverflows(0x1p31, 1.0f));
  EXPECT_TRUE(biasOverflows(inf, 1.0f));
}

TEST(QuantMath, CompensationWraps) {
  EXPECT_EQ(zeroPointCompensation(3, {1, -2, 5}), 12);
  EXPECT_EQ(zeroPointCompensation(0, {1, -2, 5}), 0);
  EXPECT_EQ(zeroPointCompensation(255, {}), 0);
}

TEST(QuantMath, AsymmetricParamsKeepZeroExact) {
  for (auto [min, max] : {std::pair(-1.0, 3.0), std::pair(0.5, 6.0),
                          std::pair(-6.0, -0.5), std::pair(0.0, 0.0),
                          std::pair(-1e-30, 1e-30), std::pair(-3e38, 3e38)}) {
    QuantParams params = chooseAsymmetricParams(min, max, 0, 255);
    EXPECT_GE(params.scale, kMinScale);
    EXPECT_TRUE(std::isfinite(params.scale));
    EXPECT_GE(params.zeroPoint, 0);
    EXPECT_LE(params.zeroPoint, 255);
    EXPECT_EQ(dequantize(quantize(0.0f, params), params), 0.0f);
  }
}

TEST(QuantMath, AsymmetricParamsCoverTheRange) {
  QuantParams params = chooseAsymmetricParams(-1.0, 3.0, 0, 255);
  EXPECT_EQ(params.zeroPoint, 64);
  EXPECT_NEAR(dequantize(quantize(3.0f, params), params), 3.0f, params.scale);
  EXPECT_NEAR(dequantize(quantize(-1.0f, params), params), -1.0f, params.scale);
}

TEST(QuantMath, SymmetricParamsMapTheLargestMagnitudeToTheEnd) {
  QuantParams params = chooseSymmetricParams(2.54, -127, 127);
  EXPECT_EQ(params.zeroPoint, 0);
  EXPECT_EQ(quantize(2.54f, params), 127);
  EXPECT_EQ(quantize(-2.54f, params), -127);
  EXPECT_EQ(chooseSymmetricParams(0.0, -127, 127).scale, kMinScale);
}

} // namespace
