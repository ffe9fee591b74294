//===- CalibrationTest.cpp - the calibration table ------------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpc/Analysis/Calibration.h"
#include "llvm/Support/FileSystem.h"
#include <cmath>
#include <gtest/gtest.h>
#include <limits>

using namespace mpc;

namespace {
std::string message(llvm::Error error) {
  return llvm::toString(std::move(error));
}

TEST(Calibration, minMaxKeepsTheWidestRange) {
  Calibration table;
  EXPECT_FALSE(bool(table.observe("a", -1.0, 2.0)));
  EXPECT_FALSE(bool(table.observe("a", -0.5, 3.0)));
  EXPECT_EQ(*table.lookup("a"), (CalibrationRange{-1.0, 3.0}));
  EXPECT_FALSE(table.lookup("b").has_value());
}

TEST(Calibration, movingAverageWeighsANewRunByOnePercent) {
  Calibration table(Calibrator::MovingAverage);
  EXPECT_FALSE(bool(table.observe("a", 0.0, 1.0)));
  EXPECT_FALSE(bool(table.observe("a", -1.0, 2.0)));
  EXPECT_EQ(*table.lookup("a"), (CalibrationRange{0.0 + 0.01 * (-1.0 - 0.0),
                                                  1.0 + 0.01 * (2.0 - 1.0)}));
}

TEST(Calibration, refusesWhatIsNoRange) {
  Calibration table;
  double infinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(message(table.observe("a", std::nan(""), 1.0)),
            "tensor 'a' holds NaN or an infinity with these samples");
  EXPECT_EQ(message(table.observe("a", 0.0, infinity)),
            "tensor 'a' holds NaN or an infinity with these samples");
  EXPECT_NE(message(table.observe("a", 2.0, 1.0)).find("expected min <= max"),
            std::string::npos);
  EXPECT_TRUE(table.getRanges().empty());
}

// Merging the tables of two halves gives the table of the whole, bit for bit.
TEST(Calibration, minMaxMergesExactly) {
  Calibration whole(Calibrator::MinMax, "h"), first(Calibrator::MinMax, "h"),
      second(Calibrator::MinMax, "h");
  for (int i = 0; i < 10; ++i) {
    double low = std::sin(i * 1.7), high = low + std::fabs(std::cos(i * 0.3));
    Calibration &half = i < 5 ? first : second;
    EXPECT_FALSE(bool(whole.observe("a", low, high)));
    EXPECT_FALSE(bool(half.observe("a", low, high)));
    whole.addSamples(1);
    half.addSamples(1);
  }
  EXPECT_FALSE(bool(second.observe("only here", 0.0, 1.0)));
  EXPECT_FALSE(bool(whole.observe("only here", 0.0, 1.0)));
  EXPECT_FALSE(bool(first.merge(second)));
  EXPECT_EQ(first.str(), whole.str());
}

TEST(Calibration, mergesOnlyWhatBelongsTogether) {
  Calibration table(Calibrator::MinMax, "h"), other(Calibrator::MinMax, "g"),
      average(Calibrator::MovingAverage, "h");
  EXPECT_EQ(message(table.merge(other)),
            "expected tables of one model to merge, but got the model hashes "
            "'h' and 'g'");
  EXPECT_EQ(message(table.merge(average)),
            "expected tables of calibrator minmax to merge, but got minmax and "
            "moving-average");
}

TEST(Calibration, numbersReadBackExactly) {
  Calibration table(Calibrator::MinMax, "hash");
  table.addSamples(7);
  EXPECT_FALSE(bool(table.observe("third", -1.0 / 3.0, 0.1f)));
  EXPECT_FALSE(bool(table.observe(
      "tiny", -std::numeric_limits<double>::denorm_min(), 1e308)));
  llvm::Expected<Calibration> read = Calibration::parse(table.str(), "file");
  ASSERT_TRUE(bool(read));
  EXPECT_EQ(read->getRanges(), table.getRanges());
  EXPECT_EQ(read->getNumSamples(), 7u);
  EXPECT_EQ(read->getModelHash(), "hash");
  EXPECT_EQ(read->str(), table.str());
}

TEST(Calibration, savesAndLoads) {
  llvm::SmallString<64> path;
  ASSERT_FALSE(llvm::sys::fs::createTemporaryFile("calibration", "json", path));
  Calibration table(Calibrator::MovingAverage, "hash");
  EXPECT_FALSE(bool(table.observe("a", 0.0, 1.0)));
  EXPECT_FALSE(bool(table.save(path)));
  llvm::Expected<Calibration> read = Calibration::load(path);
  ASSERT_TRUE(bool(read));
  EXPECT_EQ(read->str(), table.str());
  llvm::sys::fs::remove(path);
  EXPECT_EQ(message(table.save("/nonexistent/a.json")),
            "/nonexistent/a.json: No such file or directory");
}

TEST(Calibration, calibratorsByName) {
  EXPECT_EQ(*parseCalibrator("minmax"), Calibrator::MinMax);
  EXPECT_EQ(*parseCalibrator("moving-average"), Calibrator::MovingAverage);
  EXPECT_EQ(message(parseCalibrator("entropy").takeError()),
            "calibrator 'entropy' is not supported yet");
  EXPECT_EQ(message(parseCalibrator("min").takeError()),
            "expected a calibrator minmax or moving-average, but got 'min'");
}
} // namespace
