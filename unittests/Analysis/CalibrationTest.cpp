//===- CalibrationTest.cpp - the calibration table ------------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpc/Analysis/Calibration.h"
#include "mpc/Analysis/ForeignCalibration.h"
#include "mpc/Support/QuantMath.h"
#include "llvm/Support/FileSystem.h"
#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <limits>
#include <random>

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
  EXPECT_TRUE(table.getObservations().empty());
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

// Means of all samples come from sums of parts. What one part does not have is
// not known of all of them.
TEST(Calibration, sumsOfInputsMerge) {
  Calibration whole(Calibrator::MinMax, "h"), first(Calibrator::MinMax, "h"),
      second(Calibrator::MinMax, "h");
  first.observeInputs("fc", {3 << 20, -(1 << 20), 2});
  second.observeInputs("fc", {1 << 20, 1 << 19, 6});
  for (Calibration *half : {&first, &second})
    half->observeInputs("conv", {1, 1});
  whole.observeInputs("fc", {1 << 20, 1 << 19, 6});
  whole.observeInputs("fc", {3 << 20, -(1 << 20), 2});
  whole.observeInputs("conv", {2, 2});
  Calibration merged = first;
  EXPECT_FALSE(bool(merged.merge(second)));
  EXPECT_EQ(merged.str(), whole.str());
  EXPECT_EQ(merged.getInputChannels("fc")->getMeans(),
            (std::vector<float>{0.5f, -0.0625f}));
  llvm::Expected<Calibration> read = Calibration::parse(merged.str(), "file");
  ASSERT_TRUE(bool(read));
  EXPECT_EQ(read->str(), merged.str());
  first.observeInputs("only here", {1, 1});
  EXPECT_FALSE(bool(first.merge(second)));
  EXPECT_EQ(first.str(), whole.str());
}

// Sums that leave 63 bits are not known, whatever is added to them.
TEST(Calibration, sumsOfInputsSaturate) {
  Calibration table(Calibrator::MinMax, "h");
  for (int64_t sum : {kMostChannelSum - 1, int64_t(2), -kMostChannelSum / 2})
    table.observeInputs("fc", {sum, 0, 1});
  const InputChannels *inputs = table.getInputChannels("fc");
  EXPECT_EQ(inputs->sums, (std::vector<int64_t>{kMostChannelSum, 0}));
  EXPECT_TRUE(inputs->getMeans().empty());
  table.observeInputs("other", {-kMostChannelSum, 1});
  table.observeInputs("other", {kMostChannelSum / 2, 1});
  EXPECT_EQ(table.getInputChannels("other")->sums.front(), -kMostChannelSum);
}

TEST(Calibration, mergesOnlyWhatBelongsTogether) {
  Calibration table(Calibrator::MinMax, "h"), other(Calibrator::MinMax, "g"),
      average(Calibrator::MovingAverage, "h");
  EXPECT_EQ(message(table.merge(other)),
            "expected tables of one model to merge, but got the model hashes "
            "'h' and 'g'");
  EXPECT_EQ(message(table.merge(average)),
            "moving averages depend on the order of the samples and do not "
            "merge; calibrate on all samples at once, or with another "
            "calibrator");
}

TEST(Calibration, numbersReadBackExactly) {
  Calibration table(Calibrator::MinMax, "hash");
  table.addSamples(7);
  EXPECT_FALSE(bool(table.observe("third", -1.0 / 3.0, 0.1f)));
  EXPECT_FALSE(bool(table.observe(
      "tiny", -std::numeric_limits<double>::denorm_min(), 1e308)));
  llvm::Expected<Calibration> read = Calibration::parse(table.str(), "file");
  ASSERT_TRUE(bool(read));
  EXPECT_EQ(read->lookup("third"), table.lookup("third"));
  EXPECT_EQ(read->lookup("tiny"), table.lookup("tiny"));
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
  EXPECT_EQ(*parseCalibrator("minmax"), Calibrator(Calibrator::MinMax));
  EXPECT_EQ(*parseCalibrator("moving-average"),
            Calibrator(Calibrator::MovingAverage));
  EXPECT_EQ(parseCalibrator("percentile")->percentile, 99.99);
  EXPECT_EQ(parseCalibrator("percentile:99.9")->percentile, 99.9);
  for (const char *name : {"percentile", "percentile:99.9", "mse", "entropy"})
    EXPECT_EQ(parseCalibrator(name)->str(), name);
  EXPECT_EQ(message(parseCalibrator("min").takeError()),
            "expected minmax, moving-average, percentile, percentile:NUMBER, "
            "mse or entropy, but got 'min'");
  for (const char *name : {"percentile:", "percentile:50", "percentile:101"})
    EXPECT_NE(message(parseCalibrator(name).takeError())
                  .find("above 50 and at most 100"),
              std::string::npos);
  EXPECT_EQ(message(parseCalibrator("mse:3").takeError()).find("expected"), 0u);
}

//===----------------------------------------------------------------------===//
// Histograms
//===----------------------------------------------------------------------===//

/// What the ops observe and histogram give for `values`, as they define it.
struct ModelRun {
  explicit ModelRun(llvm::ArrayRef<float> values)
      : min(*std::min_element(values.begin(), values.end())),
        max(*std::max_element(values.begin(), values.end())),
        counts(kHistogramBins) {
    double magnitude = std::max(std::fabs(min), std::fabs(max));
    int exponent = magnitude == 0 ? -127 : std::ilogb(magnitude) - 10;
    double width = std::ldexp(1.0, std::max(exponent, -127));
    for (float x : values) {
      auto bin = static_cast<int64_t>(std::fabs(x) / width);
      ++counts[kHistogramBins / 2 + (x < 0 ? -1 - bin : bin)];
    }
  }
  void observeIn(Calibration &table) const {
    EXPECT_FALSE(bool(table.observe("x", min, max, counts)));
    table.addSamples(1);
  }
  double min, max;
  std::vector<int64_t> counts;
};

/// `runs` runs of normally distributed values, whose spread grows with the run.
std::vector<ModelRun> makeRuns(int runs, bool isClamped = false) {
  std::mt19937 random(3);
  std::vector<ModelRun> result;
  for (int run = 0; run < runs; ++run) {
    std::vector<float> values(500);
    for (float &value : values) {
      // The sum of 12 is about normal, on every machine the same.
      double sum = -6;
      for (int i = 0; i < 12; ++i)
        sum += random() / 4294967296.0;
      value = static_cast<float>(sum * (1 + run * run));
      if (isClamped)
        value = std::max(value, 0.0f);
    }
    result.emplace_back(values);
  }
  return result;
}

Calibration gather(Calibrator calibrator, llvm::ArrayRef<ModelRun> runs) {
  Calibration table(calibrator, "h");
  for (const ModelRun &run : runs)
    run.observeIn(table);
  return table;
}

// Whatever the order of samples and however they are divided, the table has the
// same bytes, also when it was a file in between.
TEST(Histogram, doesNotDependOnTheOrder) {
  std::vector<ModelRun> runs = makeRuns(9);
  std::string whole = gather(Calibrator::MSE, runs).str();
  std::vector<ModelRun> reversed(runs.rbegin(), runs.rend());
  EXPECT_EQ(gather(Calibrator::MSE, reversed).str(), whole);
  for (size_t cut = 1; cut < runs.size(); ++cut) {
    Calibration first =
        gather(Calibrator::MSE, llvm::ArrayRef(runs).take_front(cut));
    Calibration rest =
        gather(Calibrator::MSE, llvm::ArrayRef(runs).drop_front(cut));
    llvm::Expected<Calibration> read = Calibration::parse(rest.str(), "rest");
    ASSERT_TRUE(bool(read));
    EXPECT_FALSE(bool(first.merge(*read)));
    EXPECT_EQ(first.str(), whole) << cut;
  }
}

TEST(Histogram, countsEveryValueOnce) {
  std::vector<ModelRun> runs = makeRuns(5);
  Calibration table = gather(Calibrator::Entropy, runs);
  const CalibrationHistogram &histogram = table.getObservation("x")->histogram;
  uint64_t sum = 0;
  for (uint64_t count : histogram.counts)
    sum += count;
  EXPECT_EQ(sum, 5u * 500u);
}

// Bins of the narrowest width hold what is too small for any.
TEST(Histogram, holdsZerosAndTheSmallestNumbers) {
  std::vector<float> zeros(8, 0.0f),
      tiny(4, -std::numeric_limits<float>::denorm_min());
  Calibration table = gather(
      Calibrator::MSE, {ModelRun(zeros), ModelRun(tiny), ModelRun(zeros)});
  const CalibrationHistogram &histogram = table.getObservation("x")->histogram;
  EXPECT_EQ(histogram.exponent, -127);
  EXPECT_EQ(histogram.counts[kHistogramBins / 2], 16u);
  EXPECT_EQ(histogram.counts[kHistogramBins / 2 - 1], 4u);
  EXPECT_EQ(table.lookup("x")->max, 0.0);
}

// The bounds of what each calibrator keeps of a million values and one far
// away.
TEST(Histogram, outliersAreCutOff) {
  std::vector<ModelRun> runs = makeRuns(1);
  for (int64_t &count : runs[0].counts)
    count *= 2000;
  runs.push_back(ModelRun({-1.0f, 400.0f}));
  for (Calibrator calibrator :
       {Calibrator(Calibrator::Percentile, 99.99), Calibrator(Calibrator::MSE),
        Calibrator(Calibrator::Entropy)}) {
    CalibrationRange range = *gather(calibrator, runs).lookup("x");
    EXPECT_LT(range.max, 200) << calibrator.str();
    EXPECT_GT(range.max, 1) << calibrator.str();
    EXPECT_LT(range.min, -1) << calibrator.str();
    EXPECT_GE(range.min, runs[0].min) << calibrator.str();
  }
  EXPECT_EQ(gather(Calibrator::MinMax, runs).lookup("x")->max, 400.0);
}

// Where a clamp gathers values at an extreme, or all are one, the least squared
// error is that of a range that ends exactly there.
TEST(Histogram, extremesAreExact) {
  EXPECT_EQ(*gather(Calibrator::MSE, ModelRun(std::vector<float>(9, 0.46f)))
                 .lookup("x"),
            (CalibrationRange{0.46f, 0.46f}));
  std::vector<float> clamped(1000, 5.97f);
  for (int i = 0; i < 100; ++i)
    clamped.push_back(static_cast<float>(i) * 0.05f);
  EXPECT_EQ(gather(Calibrator::MSE, ModelRun(clamped)).lookup("x")->max, 5.97f);
}

// Percentiles are those of the sorted values, up to a bin.
TEST(Histogram, percentileIsThatOfTheValues) {
  std::vector<float> values;
  for (int i = 0; i < 10000; ++i)
    values.push_back(static_cast<float>(i) / 10000 - 0.25f);
  ModelRun run(values);
  double width = std::ldexp(1.0, -1 - 10);
  for (double percentile : {99.0, 90.0, 60.0}) {
    CalibrationRange range =
        *gather(Calibrator(Calibrator::Percentile, percentile), run)
             .lookup("x");
    double cut = (100 - percentile) / 200;
    EXPECT_NEAR(range.min, std::min(-0.25 + cut, 0.0), width);
    EXPECT_NEAR(range.max, 0.75 - cut, width);
  }
  CalibrationRange all =
      *gather(Calibrator(Calibrator::Percentile, 100), run).lookup("x");
  EXPECT_EQ(all, (CalibrationRange{values.front(), values.back()}));
}

// No other range near it quantizes with a smaller error.
TEST(Histogram, theMeanSquaredErrorIsSmallest) {
  for (bool isClamped : {false, true}) {
    std::vector<ModelRun> runs = makeRuns(4, isClamped);
    CalibrationRange best = *gather(Calibrator::MSE, runs).lookup("x");
    if (isClamped) {
      EXPECT_EQ(best.min, 0.0);
    }
    auto measure = [&](double min, double max) {
      QuantParams params = chooseAsymmetricParams(min, max, 0, 255);
      double sum = 0;
      for (const ModelRun &run : runs) {
        double width =
            std::ldexp(1.0, std::ilogb(std::max(-run.min, run.max)) - 10);
        for (int64_t bin = 0; bin < kHistogramBins; ++bin) {
          double x =
              (static_cast<double>(bin - kHistogramBins / 2) + 0.5) * width;
          double error =
              x - dequantize(quantize(static_cast<float>(x), params), params);
          sum += static_cast<double>(run.counts[bin]) * error * error;
        }
      }
      return sum;
    };
    double least = measure(best.min, best.max);
    for (double low : {0.8, 0.95, 1.0, 1.05, 1.2})
      for (double high : {0.8, 0.95, 1.0, 1.05, 1.2})
        EXPECT_GE(measure(best.min * low, best.max * high), 0.98 * least)
            << low << " " << high;
  }
}

// What a clamp cuts off at zero stays there, and its point masses stay inside.
TEST(Histogram, clampsKeepTheirBounds) {
  std::vector<ModelRun> runs = makeRuns(3, /*isClamped=*/true);
  std::vector<float> sixes(400, 6.0f);
  sixes.resize(1000);
  ModelRun relu6(sixes);
  for (Calibrator::Kind kind :
       {Calibrator::Percentile, Calibrator::MSE, Calibrator::Entropy}) {
    EXPECT_EQ(gather(kind, runs).lookup("x")->min, 0.0);
    CalibrationRange range = *gather(kind, relu6).lookup("x");
    EXPECT_EQ(range.min, 0.0);
    EXPECT_NEAR(range.max, 6.0, 0.05)
        << gather(kind, relu6).getCalibrator().str();
  }
}

TEST(Histogram, serveOtherCalibrators) {
  std::vector<ModelRun> runs = makeRuns(4);
  Calibration table = gather(Calibrator::Entropy, runs);
  EXPECT_FALSE(bool(table.setCalibrator(Calibrator::MSE)));
  EXPECT_EQ(table.str(), gather(Calibrator::MSE, runs).str());
  EXPECT_FALSE(bool(table.setCalibrator(Calibrator::MinMax)));
  EXPECT_EQ(message(table.setCalibrator(Calibrator::MSE)),
            "calibrator mse needs histograms, which a table of minmax does not "
            "have");
}

TEST(Histogram, refusesWhatIsNone) {
  auto parse = [](llvm::StringRef histogram) {
    std::string text =
        R"({"version": 2, "model_hash": "", "calibrator": "mse", "samples": 1,
            "ranges": {"x": [0, 1]}, "histograms": {"x": )" +
        histogram.str() + "}}";
    llvm::Expected<Calibration> table = Calibration::parse(text, "file");
    return table ? "" : message(table.takeError());
  };
  EXPECT_EQ(parse(R"({"width": -10, "first": 0, "counts": [1, -3, 4]})"), "");
  for (const char *bad :
       {R"([])", R"({"width": 1, "first": 0})",
        R"({"width": 900, "first": 0, "counts": []})",
        R"({"width": 0, "first": 9999, "counts": []})",
        R"({"width": 0, "first": 2047, "counts": [1, 2]})",
        R"({"width": 0, "first": 0, "counts": ["a"]})",
        R"({"width": 0, "first": 0, "counts": [-99999999999, 1]})"})
    EXPECT_NE(parse(bad).find("file: histogram of 'x': expected"),
              std::string::npos)
        << bad;
  EXPECT_EQ(message(Calibration::parse(
                        R"({"version": 2, "model_hash": "", "calibrator": "mse",
                            "samples": 1, "ranges": {"x": [0, 1]}})",
                        "file")
                        .takeError()),
            "file: expected a histogram of 'x', which calibrator mse needs");
}

//===----------------------------------------------------------------------===//
// Tables of other tools
//===----------------------------------------------------------------------===//

std::optional<ForeignCalibration> read(llvm::StringRef text) {
  auto table = parseForeignCalibration(text, "file");
  EXPECT_TRUE(bool(table));
  return table ? *table : std::nullopt;
}

TEST(ForeignCalibration, readsWhatOtherToolsWrite) {
  auto runtime = read(R"({"x": [-1.0, 2.0], "y": [0, 3]})");
  ASSERT_TRUE(runtime.has_value());
  EXPECT_EQ(runtime->tool, "ONNX Runtime");
  EXPECT_EQ(runtime->ranges["x"], (CalibrationRange{-1, 2}));
  auto nested = read(
      R"({"x": {"lowest": {"data": -1.5, "dtype": "float32", "CLS": "numpy.array"},
                "highest": {"data": [2.5], "dtype": "float32", "CLS": "numpy.array"},
                "CLS": "TensorData"}})");
  ASSERT_TRUE(nested.has_value());
  EXPECT_EQ(nested->ranges["x"], (CalibrationRange{-1.5, 2.5}));
  auto tensorRT = read("TRT-8401-EntropyCalibration2\nx:0: 3c000000\n");
  ASSERT_TRUE(tensorRT.has_value());
  EXPECT_EQ(tensorRT->ranges["x:0"],
            (CalibrationRange{-127.0 / 128, 127.0 / 128}));
  auto tpu = read("# mlir: net.mlir\n###\n# op_name threshold min max\n"
                  "x_Conv 2.0 -0.5 2.5\n#asym_op\nx_Conv\n");
  ASSERT_TRUE(tpu.has_value());
  EXPECT_EQ(tpu->ranges["x_Conv"], (CalibrationRange{-0.5, 2}));
}

TEST(ForeignCalibration, leavesOurOwnAlone) {
  EXPECT_FALSE(read(Calibration().str()).has_value());
  EXPECT_FALSE(read("{\"groups\": []}").has_value());
  EXPECT_FALSE(read("{").has_value());
  EXPECT_FALSE(read("").has_value());
}

TEST(ForeignCalibration, saysWhatIsWrong) {
  auto fails = [](llvm::StringRef text, llvm::StringRef with) {
    auto table = parseForeignCalibration(text, "file");
    std::string got = table ? "nothing" : message(table.takeError());
    EXPECT_EQ(got.find(with), 0u) << got;
  };
  fails(R"({"x": [-1.0, 2.0], "y": 3})",
        "file: tensor 'y': expected [min, max]");
  fails(R"({"x": [3.0, 2.0]})", "file: tensor 'x': expected finite min <= max");
  fails("TRT-8\nx: 3cx\n", "file: line 2: expected 'name: hexadecimal scale'");
  fails("TRT-8\nx: ff800000\n", "file: line 2: expected the bits of a scale");
  fails("x 1 -1 1\ny 1 2\n", "file: line 2: expected 'name threshold min max'");
}
} // namespace
