//===- Calibration.h - the ranges that tensors were seen in ----*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The calibration table: what was seen of every tensor over samples, the
// calibrator that makes a range of it, and the table's JSON file:
//
//   {"version": 3, "model_hash": "9f2c…", "calibrator": "mse", "samples": 100,
//    "ranges": {"conv1": [0, 6.25]},
//    "histograms": {"conv1": {"width": -8, "first": 0, "counts": [912,-3,4]}},
//    "inputs": {"conv2": {"positions": 6400, "sums": [52428800,0,1310720]}}}
//
// `ranges` are the smallest and the largest value (moving-average: the averages
// of those of single runs). A histogram's bins are 2^width wide and aligned to
// zero; `first` is the number of the first one that is not empty, of zero's bin
// being 0, and a negative count stands for that many empty bins. Histograms are
// there where the calibrator needs them. `inputs` has, by the name of the group
// whose contraction reads them, the sum of each input channel in units of
// 2^-20, and how many positions were summed.
//
// Counts and sums are exact, and bins double in width as ranges grow: the order
// of samples does not matter, and tables of parts of the samples merge to the
// table of all of them, byte for byte. Version 2 has no inputs, version 1 no
// histograms either; they read as before. Tables of other tools: see
// ForeignCalibration.h.
//
//===----------------------------------------------------------------------===//

#ifndef MPC_ANALYSIS_CALIBRATION_H
#define MPC_ANALYSIS_CALIBRATION_H

#include "mlir/Support/LLVM.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace mpc {

/// The bins of a histogram; zero is where bin kHistogramBins / 2 begins.
inline constexpr int64_t kHistogramBins = 4096;

/// Sums of channels count in units of 2^-kChannelSumBits.
inline constexpr int kChannelSumBits = 20;
/// Such a sum, or its negative, stands for one that is not known: it has left
/// 63 bits.
inline constexpr int64_t kMostChannelSum = int64_t(1) << 62;

/// How what was seen becomes a range.
struct Calibrator {
  enum Kind {
    MinMax,        ///< the smallest minimum and the largest maximum
    MovingAverage, ///< m += 0.01 * (run - m), from the first run on, as ONNX
                   ///< Runtime's averaging constant
    Percentile,    ///< what is left when (100 - percentile) / 2 percent of the
                   ///< values are cut off at either end
    MSE,           ///< the range whose 8-bit quantizer has the smallest mean
                   ///< squared error over the histogram
    Entropy,       ///< the range whose 256 levels lose the least information
                   ///< (Kullback-Leibler divergence)
  };
  Calibrator(Kind kind = MinMax, double percentile = 99.99)
      : kind(kind), percentile(percentile) {}

  bool needsHistogram() const { return kind >= Percentile; }
  /// As parseCalibrator reads it.
  std::string str() const;
  bool operator==(const Calibrator &other) const {
    return kind == other.kind &&
           (kind != Percentile || percentile == other.percentile);
  }

  Kind kind;
  double percentile; ///< 50 < percentile <= 100
};

/// The calibrator of a name as users write it: `minmax`, `moving-average`,
/// `percentile` (99.99), `percentile:99.9`, `mse` or `entropy`.
llvm::Expected<Calibrator> parseCalibrator(llvm::StringRef name);

struct CalibrationRange {
  double min = 0, max = 0;
  bool operator==(const CalibrationRange &other) const {
    return min == other.min && max == other.max;
  }
};

/// Counts of values in bins of equal width.
struct CalibrationHistogram {
  int exponent = 0;             ///< bins are 2^exponent wide
  std::vector<uint64_t> counts; ///< kHistogramBins, or none: no histogram

  bool empty() const { return counts.empty(); }
  double width() const;
  /// The lower end of a bin.
  double lowerEnd(int64_t bin) const {
    return static_cast<double>(bin - kHistogramBins / 2) * width();
  }
};

/// What was seen of one tensor.
struct Observation {
  CalibrationRange seen;
  CalibrationHistogram histogram;
};

/// What was seen of the input channels of a contraction: mpc.channel_sums,
/// added up over runs.
struct InputChannels {
  int64_t positions = 0;
  std::vector<int64_t> sums;

  /// Of each channel; none where nothing was seen, or a sum is not known.
  std::vector<float> getMeans() const;
};

/// The range that a calibrator makes of an observation, which has a histogram
/// where the calibrator needs one. It lies within what was seen, and holds no
/// other sign than that. Computed in f64.
CalibrationRange deriveRange(const Calibrator &calibrator,
                             const Observation &observation);

class Calibration {
public:
  explicit Calibration(Calibrator calibrator = Calibrator::MinMax,
                       std::string modelHash = {})
      : calibrator(calibrator), modelHash(std::move(modelHash)) {}

  const Calibrator &getCalibrator() const { return calibrator; }
  llvm::StringRef getModelHash() const { return modelHash; }
  uint64_t getNumSamples() const { return numSamples; }
  void addSamples(uint64_t count) { numSamples += count; }
  const std::map<std::string, Observation> &getObservations() const {
    return observations;
  }
  /// The calibrated range of a tensor.
  std::optional<CalibrationRange> lookup(llvm::StringRef tensor) const;
  /// What was seen of a tensor, or null.
  const Observation *getObservation(llvm::StringRef tensor) const;

  /// What was seen of the input channels of a group's contraction, or null.
  const InputChannels *getInputChannels(llvm::StringRef group) const;

  /// Makes ranges by another calibrator. Fails where the table does not hold
  /// what that one needs.
  llvm::Error setCalibrator(const Calibrator &other);

  /// Takes in what one run saw of a tensor: its range, and the counts of the
  /// mpc.histogram over that range, where the calibrator needs them. NaN,
  /// infinities and min > max are errors that name the tensor.
  llvm::Error observe(llvm::StringRef tensor, double min, double max,
                      llvm::ArrayRef<int64_t> counts = {});

  /// Takes in what one run saw of the input channels of a group's contraction:
  /// the mpc.channel_sums.
  void observeInputs(llvm::StringRef group, llvm::ArrayRef<int64_t> sums);

  /// Takes in another table of the same model and calibrator. Exact: the result
  /// is the table of all samples together; inputs that one of the two does not
  /// have are left out. Moving averages depend on the order of the samples and
  /// do not merge.
  llvm::Error merge(const Calibration &other);

  /// Reads a file. Errors name the file, and say what is wrong where.
  static llvm::Expected<Calibration> load(llvm::StringRef path);
  /// Parses the text of a file; `source` names it in errors.
  static llvm::Expected<Calibration> parse(llvm::StringRef text,
                                           llvm::StringRef source);

  /// The text of the file, with a line end.
  std::string str() const;
  /// The beginning of the file, up to the number of samples.
  std::string getHead() const;
  /// Writes the file under a temporary name and renames it: nobody sees half a
  /// table.
  llvm::Error save(llvm::StringRef path) const;

private:
  Calibrator calibrator;
  std::string modelHash;
  uint64_t numSamples = 0;
  std::map<std::string, Observation> observations;
  std::map<std::string, InputChannels> inputs; ///< by group
  /// Ranges that were asked for since the last observation.
  mutable std::map<std::string, CalibrationRange> derived;
};

/// `text` as a JSON string, in quotes. Bytes that are no UTF-8 are replaced.
std::string toJSONString(llvm::StringRef text);

} // namespace mpc

#endif // MPC_ANALYSIS_CALIBRATION_H
