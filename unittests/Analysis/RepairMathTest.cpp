//===- RepairMathTest.cpp - the numbers behind repairs --------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpc/Analysis/RepairMath.h"
#include "mpc/Support/QuantMath.h"
#include <cmath>
#include <gtest/gtest.h>
#include <random>

using namespace mpc;

namespace {
TEST(SmoothingFactors, moveOutliersIntoWeightsByAlpha) {
  // Equation 4 of the paper gives 4 and 0.25 for alpha 1/2; their geometric
  // mean is 1 already.
  std::vector<double> half = chooseSmoothingFactors({16, 1}, {1, 16}, 0.5);
  EXPECT_DOUBLE_EQ(half[0], 4);
  EXPECT_DOUBLE_EQ(half[1], 0.25);
  // Alpha 1 evens out activations whatever the weights, 0 weights whatever the
  // activations.
  std::vector<double> all = chooseSmoothingFactors({16, 4}, {3, 5}, 1),
                      none = chooseSmoothingFactors({7, 5}, {2, 8}, 0);
  EXPECT_DOUBLE_EQ(all[0] / all[1], 4);
  EXPECT_DOUBLE_EQ(none[0] / none[1], 4);
}

TEST(SmoothingFactors, leaveUnusedChannels) {
  std::vector<double> factors =
      chooseSmoothingFactors({16, 0, 4}, {1, 1, 0}, 0.5);
  EXPECT_EQ(factors, (std::vector<double>{1, 1, 1}));
}

TEST(ValueHistogram, cutsARareOutlierAndKeepsAnEvenRange) {
  std::mt19937 random(1);
  ValueHistogram even(0, 1), skewed(0, 40);
  for (int sample = 0; sample < 1000; ++sample) {
    std::vector<float> values(64);
    for (float &value : values)
      value = static_cast<float>(random() % 10001) / 10000.0f;
    even.add(values);
    if (sample == 500)
      values[5] = 40;
    skewed.add(values);
  }
  EXPECT_GE(even.chooseRange().max, 0.99);
  CalibrationRange range = skewed.chooseRange();
  EXPECT_EQ(range.min, 0);
  EXPECT_LT(range.max, 20);
  EXPECT_GE(range.max, 1);
}

TEST(ValueHistogram, keepsConstantTensors) {
  ValueHistogram zero(0, 0), point(-2, -2);
  zero.add({0.0f, 0.0f});
  point.add({-2.0f});
  EXPECT_EQ(zero.chooseRange(), (CalibrationRange{0, 0}));
  EXPECT_EQ(point.chooseRange(), (CalibrationRange{-2, -2}));
}

TEST(WeightScale, cutsAWeightThatHardlyCounts) {
  std::vector<float> weights{0.1f, -0.2f, 0.15f, 1.0f};
  float base = 1.0f / 127;
  EXPECT_LT(chooseWeightScale(weights, {1, 1, 1, 0}, base), base);
  // Where it counts, cutting costs more than it gains.
  EXPECT_GE(chooseWeightScale(weights, {1, 1, 1, 1}, base), 0.95f * base);
}

/// e^T H e of codes.
double getLoss(llvm::ArrayRef<float> weights, float scale,
               const SecondMoments &moments, llvm::ArrayRef<int8_t> codes) {
  double sum = 0;
  for (size_t i = 0; i < weights.size(); ++i)
    for (size_t j = 0; j < weights.size(); ++j)
      sum += (double(codes[i]) * scale - weights[i]) * moments.row(i)[j] *
             (double(codes[j]) * scale - weights[j]);
  return sum;
}

TEST(RoundWeights, comesCloseToTheBestOfAllRoundings) {
  // Inputs that are nearly equal: errors of weights have to cancel, which
  // rounding to nearest does not see.
  SecondMoments moments(4);
  std::mt19937 random(3);
  for (int i = 0; i < 100; ++i) {
    float common = static_cast<float>(random() % 1000) / 500.0f;
    std::vector<float> x;
    for (int k = 0; k < 4; ++k)
      x.push_back(common + static_cast<float>(random() % 1000) / 10000.0f);
    moments.add(x);
  }
  moments.finish();
  std::vector<float> weights{1.4f, 2.4f, -3.6f, 0.4f};
  std::vector<int8_t> codes(4);
  roundWeights(weights, 1.0f, moments, codes);
  double least = INFINITY,
         nearest = getLoss(weights, 1.0f, moments, {1, 2, -4, 0});
  for (int choice = 0; choice < 16; ++choice) {
    std::vector<int8_t> candidate;
    for (int k = 0; k < 4; ++k)
      candidate.push_back(static_cast<int8_t>(std::floor(weights[k])) +
                          (choice >> k & 1));
    least = std::min(least, getLoss(weights, 1.0f, moments, candidate));
  }
  double loss = getLoss(weights, 1.0f, moments, codes);
  EXPECT_LT(loss, 1.05 * least); // single steps end in a local minimum
  EXPECT_LT(loss, 0.2 * nearest);
}

TEST(RoundWeights, staysInTheRangeOfCodes) {
  SecondMoments moments(2);
  moments.add({1.0f, 1.0f});
  moments.finish();
  std::vector<float> weights{127.4f, -127.4f};
  std::vector<int8_t> codes(2);
  roundWeights(weights, 1.0f, moments, codes);
  EXPECT_EQ(codes, (std::vector<int8_t>{127, -127}));
}
} // namespace
