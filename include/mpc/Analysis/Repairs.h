//===- Repairs.h - what was decided to repair int8 accuracy -----*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The decisions of --repair, apart from how they are made (lib/Compiler) and
// carried out (mpc-apply-repairs). As JSON:
//
//   {"version": 1, "repairs": [
//     {"repair": "smoothquant", "factors": {"norm1": [0.5, 8]}},
//     {"repair": "clipping", "ranges": {"conv1": [0, 6.25]}, "weight_scales":
//     {"conv1": [0.01, 0.02]}},
//     {"repair": "adaptive-rounding", "weight_scales": {"conv1": [0.01, 0.02]},
//     "codes": {"conv1": "base64 of signed bytes"}},
//     {"repair": "bias-correction", "bias": {"conv1": [0.001, -0.002]}}]}
//
// Keys are names of groups (of arguments, too, in `ranges` and `factors`).
// Numbers read back as the same ones; equal decisions give equal bytes.
//
//===----------------------------------------------------------------------===//

#ifndef MPC_ANALYSIS_REPAIRS_H
#define MPC_ANALYSIS_REPAIRS_H

#include "mpc/Analysis/Calibration.h"
#include "llvm/ADT/ArrayRef.h"
#include <map>
#include <string>
#include <vector>

namespace mpc {

/// In the order in which they are done: the first two rewrite the model before
/// it is calibrated, the others work on a calibrated one.
enum class Repair {
  Equalization,
  SmoothQuant,
  Clipping,
  AdaptiveRounding,
  BiasCorrection
};

llvm::StringRef getRepairName(Repair repair);

/// What `--repair` asks for.
struct RepairRequest {
  Repair repair;
  double alpha = 0.5; ///< of SmoothQuant: 0 leaves all to the activations, 1
                      ///< moves all into the weights
};

/// Parses `equalization,smoothquant:0.6,...`; sorted by the order of repairs.
/// Errors name the word and what was expected.
llvm::Expected<std::vector<RepairRequest>> parseRepairs(llvm::StringRef text);

/// What one repair decided.
struct RepairStep {
  Repair repair = Repair::Equalization;
  /// What makes the value divides channel c by factors[c], what reads it
  /// multiplies. All > 0.
  std::map<std::string, std::vector<float>> factors;
  std::map<std::string, CalibrationRange> ranges;
  /// One per output channel, of symmetric signed weights. All > 0.
  std::map<std::string, std::vector<float>> weightScales;
  /// In the order of the weight's elements, -127 to 127.
  std::map<std::string, std::vector<int8_t>> codes;
  /// Added to the bias, one per output channel.
  std::map<std::string, std::vector<float>> bias;
};

struct RepairDecisions {
  std::vector<RepairStep> steps;

  bool empty() const { return steps.empty(); }
  std::string str() const;
  /// Parses the text of a file, or a JSON object of another file; `source`
  /// names it in errors.
  static llvm::Expected<RepairDecisions> parse(llvm::StringRef text,
                                               llvm::StringRef source);
  static llvm::Expected<RepairDecisions> load(llvm::StringRef path);
};

} // namespace mpc

#endif // MPC_ANALYSIS_REPAIRS_H
