//===- Feed.h - What a model is run on --------------------------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The files of --input as the arguments of one call after another.
//
//===----------------------------------------------------------------------===//

#ifndef MPC_TOOLS_MPCRUN_FEED_H
#define MPC_TOOLS_MPCRUN_FEED_H

#include "Model.h"
#include "mpc/Support/TensorFile.h"

#include <algorithm>

namespace mpc::run {

/// Opens files named on the command line, `flag` being --input or --expected
/// and `tensors` what may be named. result[i] belongs to tensors[i], and is
/// empty where nothing was given for it.
bool openNamedFiles(const std::vector<std::string> &arguments,
                    const std::string &flag,
                    const std::vector<TensorInfo> &tensors,
                    std::vector<std::optional<TensorReader>> &result,
                    std::string &error);

/// The calls that a data set takes. Samples are rows of the inputs' first
/// dimension; a model without such a dimension has one sample per call.
class Feed {
public:
  /// `batch`: samples of one call where the batch is symbolic, 0 for the
  /// default.
  bool open(const Model &model, const std::vector<std::string> &arguments,
            int64_t batch, std::string &error);

  int64_t numSamples() const { return samples; }
  int64_t numCalls() const { return (samples + perCall - 1) / perCall; }
  int64_t samplesPerCall() const { return perCall; }
  /// How many of a call's samples are the data set's: a fixed batch is filled
  /// up with copies of the last one.
  int64_t samplesOf(int64_t call) const {
    return std::min(perCall, samples - call * perCall);
  }
  /// The batch of a call, 1 where the model has none.
  int64_t batchOf(int64_t call) const {
    return symbolicRows ? samplesOf(call) : wholeBatch;
  }

  /// Reads the arguments of a call.
  bool read(int64_t call, std::vector<Tensor> &inputs,
            std::string &error) const;

private:
  struct Input {
    TensorReader reader;
    bool isSliced; // holds samples; otherwise it is the same in all calls
    int64_t rowElements;
  };
  bool plan(const Model &model, int64_t batch, std::string &error);

  std::vector<Input> files;
  int64_t samples = 1, perCall = 1;
  bool symbolicRows = false; // samples lie along the symbolic batch
  int64_t wholeBatch = 1;    // the symbolic batch where they do not
};

} // namespace mpc::run

#endif // MPC_TOOLS_MPCRUN_FEED_H
