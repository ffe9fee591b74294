//===- Calibration.h - the ranges that tensors were seen in ----*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The calibration table: a range per tensor, gathered over samples by a
// calibrator, and its JSON file:
//
//   {"version": 1, "model_hash": "9f2c…", "calibrator": "minmax", "samples":
//   100, "ranges": {"conv1": [0, 6.25]}}
//
// Numbers are written so that they read back as the same double. Equal tables
// give equal bytes.
//
//===----------------------------------------------------------------------===//

#ifndef MPC_ANALYSIS_CALIBRATION_H
#define MPC_ANALYSIS_CALIBRATION_H

#include "mlir/Support/LLVM.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <map>
#include <string>

namespace mpc {

/// How the ranges of single runs become one.
enum class Calibrator {
  MinMax,        ///< the smallest minimum and the largest maximum
  MovingAverage, ///< m += 0.01 * (run - m), from the first run on, as ONNX
                 ///< Runtime's averaging constant
};

/// The calibrator of a name as users write it: `minmax` or `moving-average`; an
/// error for the ones that are not supported yet and for any other name.
llvm::Expected<Calibrator> parseCalibrator(llvm::StringRef name);
llvm::StringRef getCalibratorName(Calibrator calibrator);

struct CalibrationRange {
  double min = 0, max = 0;
  bool operator==(const CalibrationRange &other) const {
    return min == other.min && max == other.max;
  }
};

class Calibration {
public:
  explicit Calibration(Calibrator calibrator = Calibrator::MinMax,
                       std::string modelHash = {})
      : calibrator(calibrator), modelHash(std::move(modelHash)) {}

  Calibrator getCalibrator() const { return calibrator; }
  llvm::StringRef getModelHash() const { return modelHash; }
  uint64_t getNumSamples() const { return numSamples; }
  void addSamples(uint64_t count) { numSamples += count; }
  const std::map<std::string, CalibrationRange> &getRanges() const {
    return ranges;
  }
  std::optional<CalibrationRange> lookup(llvm::StringRef tensor) const;

  /// Takes in what one run saw of a tensor. NaN, infinities and min > max are
  /// errors that name the tensor.
  llvm::Error observe(llvm::StringRef tensor, double min, double max);

  /// Takes in another table of the same model. Exact for minmax: the result is
  /// the table of all samples together. Moving averages depend on the order of
  /// the samples and do not merge.
  llvm::Error merge(const Calibration &other);

  /// Reads a file. Errors name the file, and say what is wrong where.
  static llvm::Expected<Calibration> load(llvm::StringRef path);
  /// Parses the text of a file; `source` names it in errors.
  static llvm::Expected<Calibration> parse(llvm::StringRef text,
                                           llvm::StringRef source);

  /// The text of the file, with a line end.
  std::string str() const;
  /// Writes the file under a temporary name and renames it: nobody sees half a
  /// table.
  llvm::Error save(llvm::StringRef path) const;

private:
  Calibrator calibrator;
  std::string modelHash;
  uint64_t numSamples = 0;
  std::map<std::string, CalibrationRange> ranges;
};

} // namespace mpc

#endif // MPC_ANALYSIS_CALIBRATION_H
