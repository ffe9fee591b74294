//===- ForeignCalibration.h - calibration tables of other tools -*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reads what users have already:
//
//   ONNX Runtime   calibration.json: {"x": [-1.0, 2.0]}, or with the classes of
//                  its encoder: {"x": {"CLS": "TensorData", "lowest": {"CLS":
//                  "numpy.array", "data": -1.0, "dtype": "float32"}, ...}}
//   TPU-MLIR       lines `name threshold min max`, comments behind #: the range
//                  from min to max, cut at the threshold
//   TensorRT       a first line `TRT-...`, then lines `name: hex`, hex being
//   the
//                  big-endian bits of the f32 scale s: the range -127 s to 127
//                  s
//
// They name the model's tensors, where our own tables name nodes.
//
//===----------------------------------------------------------------------===//

#ifndef MPC_ANALYSIS_FOREIGNCALIBRATION_H
#define MPC_ANALYSIS_FOREIGNCALIBRATION_H

#include "mpc/Analysis/Calibration.h"

namespace mpc {

/// Ranges by the names of the model's tensors.
struct ForeignCalibration {
  std::string tool; // as a user knows it
  std::map<std::string, CalibrationRange> ranges;
};

/// Reads the text of a table of another tool. Nothing where it does not look
/// like one; an error, which names `source`, where it does and is not well
/// formed.
llvm::Expected<std::optional<ForeignCalibration>>
parseForeignCalibration(llvm::StringRef text, llvm::StringRef source);

} // namespace mpc

#endif // MPC_ANALYSIS_FOREIGNCALIBRATION_H
