//===- BlockQuantTest.cpp - weights as integers in blocks -----------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpc/Support/BlockQuant.h"
#include "gtest/gtest.h"
#include <cmath>
#include <limits>
#include <random>

using namespace mpc;

namespace {

std::vector<float> makeWeights(size_t count) {
  std::mt19937 random(7);
  std::vector<float> weights;
  for (size_t i = 0; i < count; ++i) {
    // A sum of uniform numbers, alike on every platform: nearly normal.
    float sum = 0;
    for (int j = 0; j < 6; ++j)
      sum += static_cast<float>(random() % 4096) / 4096 - 0.5f;
    weights.push_back(sum);
  }
  return weights;
}

double getError(const std::vector<float> &weights, int64_t rows,
                const BlockFormat &format) {
  std::vector<float> back =
      dequantizeBlocks(quantizeInBlocks(weights, rows, format), rows, format);
  double error = 0;
  for (size_t i = 0; i < weights.size(); ++i)
    error += std::pow(double(weights[i]) - back[i], 2);
  return error;
}

TEST(BlockQuant, RoundsToBF16) {
  EXPECT_EQ(roundToBF16(1.0f), 1.0f);
  EXPECT_EQ(roundToBF16(1.0f + 0x1p-8f), 1.0f);             // a tie, to even
  EXPECT_EQ(roundToBF16(1.0f + 0x1.8p-7f), 1.0f + 0x1p-6f); // and upwards
  EXPECT_EQ(roundToBF16(-3.14159f), -3.140625f);
}

/// Eight bits cover the range: no weight is further than half a step away.
TEST(BlockQuant, EightBitsAreWithinHalfAStep) {
  std::vector<float> weights = makeWeights(3 * 100);
  for (BlockScheme scheme : {BlockScheme::Asymmetric, BlockScheme::Symmetric}) {
    BlockFormat format = {8, 32, scheme};
    BlockWeights made = quantizeInBlocks(weights, 3, format);
    ASSERT_EQ(made.scales.size(), 3u * 4); // the last block of a row has 4
    std::vector<float> back = dequantizeBlocks(made, 3, format);
    for (size_t i = 0; i < weights.size(); ++i) {
      float scale = made.scales[i / 100 * 4 + i % 100 / 32];
      // Half a step, and what rounding of the zero point cuts off at an end.
      EXPECT_LE(std::abs(weights[i] - back[i]), 0.9f * scale) << i;
      EXPECT_EQ(scale, roundToBF16(scale));
    }
  }
}

/// Smaller blocks, zero points and chosen levels each lose less.
TEST(BlockQuant, BetterFormatsLoseLess) {
  std::vector<float> weights = makeWeights(16 * 256);
  double small = getError(weights, 16, {4, 32, BlockScheme::Asymmetric});
  EXPECT_LT(small, getError(weights, 16, {4, 128, BlockScheme::Asymmetric}));
  EXPECT_LT(small, getError(weights, 16, {4, 32, BlockScheme::Symmetric}));
  EXPECT_LT(getError(weights, 16, {4, 128, BlockScheme::Codebook}),
            getError(weights, 16, {4, 128, BlockScheme::Symmetric}));
  EXPECT_LT(getError(weights, 16, {8, 128, BlockScheme::Symmetric}),
            small / 50);
}

/// With 4 bits the errors of a row cancel, and so do those of an input channel:
/// rounding to nearest would leave sums of about half a step times the root of
/// their number.
TEST(BlockQuant, ErrorsCancel) {
  constexpr int64_t rows = 4, channels = 8, length = 9 * channels;
  std::vector<float> weights = makeWeights(rows * length);
  for (BlockScheme scheme : {BlockScheme::Asymmetric, BlockScheme::Symmetric,
                             BlockScheme::Codebook}) {
    BlockFormat format = {4, 32, scheme};
    BlockWeights made = quantizeInBlocks(weights, rows, format, channels);
    std::vector<float> back = dequantizeBlocks(made, rows, format);
    double step = 0, worst = 0;
    for (float scale : made.scales)
      step = std::max<double>(step, scale);
    if (scheme == BlockScheme::Codebook)
      step /= 4; // between neighbouring levels
    for (int64_t row = 0; row < rows; ++row) {
      double sum = 0;
      for (int64_t c = 0; c < channels; ++c) {
        double channelSum = 0;
        for (int64_t k = c; k < length; k += channels)
          channelSum += back[row * length + k] - weights[row * length + k];
        worst = std::max(worst, std::abs(channelSum));
        sum += channelSum;
      }
      EXPECT_LT(std::abs(sum), step);
    }
    EXPECT_LT(worst, step);
  }
}

/// Sixteen numbers are their own codebook, and numbers of a grid stay.
TEST(BlockQuant, ExactWherePossible) {
  std::vector<float> grid;
  for (int i = 0; i < 64; ++i)
    grid.push_back(static_cast<float>(i * 7 % 16 - 8) * 0.25f);
  EXPECT_EQ(getError(grid, 1, {4, 32, BlockScheme::Asymmetric}), 0);
  EXPECT_EQ(getError(grid, 1, {4, 32, BlockScheme::Symmetric}), 0);
  std::vector<float> zeros(64, 0.0f);
  for (BlockScheme scheme : {BlockScheme::Asymmetric, BlockScheme::Symmetric,
                             BlockScheme::Codebook}) {
    BlockWeights made = quantizeInBlocks(zeros, 2, {4, 32, scheme});
    EXPECT_EQ(getError(zeros, 2, {4, 32, scheme}), 0);
    for (float scale : made.scales)
      EXPECT_TRUE(std::isnormal(scale) && scale > 0);
  }
}

/// Ranges as large as those of f32, and as small.
TEST(BlockQuant, ScalesStayUsable) {
  float most = std::numeric_limits<float>::max();
  for (BlockScheme scheme :
       {BlockScheme::Asymmetric, BlockScheme::Symmetric, BlockScheme::Codebook})
    for (std::vector<float> weights :
         {std::vector<float>{most, -most, 1, 0},
          std::vector<float>{1e-42f, -1e-42f, 0, 1e-40f}}) {
      BlockFormat format = {4, 32, scheme};
      for (float weight :
           dequantizeBlocks(quantizeInBlocks(weights, 1, format), 1, format))
        EXPECT_TRUE(std::isfinite(weight));
    }
}

} // namespace
