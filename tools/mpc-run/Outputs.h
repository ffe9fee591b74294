//===- Outputs.h - What a model computed ------------------------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_TOOLS_MPCRUN_OUTPUTS_H
#define MPC_TOOLS_MPCRUN_OUTPUTS_H

#include "Feed.h"
#include "Model.h"

namespace mpc::run {

/// The outputs of all calls of a data set, samples first.
class Outputs {
public:
  Outputs(const Model &model, const Feed &feed);

  /// Gives the tensors of one call their types, shapes and memory.
  void prepare(int64_t call, std::vector<Tensor> &tensors) const;

  /// Appends what a call computed.
  void append(int64_t call, const std::vector<Tensor> &tensors);

  /// After the last call.
  const std::vector<Tensor> &all() const { return whole; }

private:
  const Model &model;
  const Feed &feed;
  std::vector<Tensor> whole;
  std::vector<bool> hasRows; // the first dimension counts samples
};

/// Writes the outputs to the folder, which is made if need be, and index.json,
/// which maps names to files. On failure no file of it remains.
bool writeOutputs(const std::string &folder,
                  const std::vector<TensorInfo> &infos,
                  const std::vector<Tensor> &tensors, std::string &error);

/// The names and files of a folder that writeOutputs made.
bool readOutputIndex(const std::string &folder,
                     std::vector<std::pair<std::string, std::string>> &files,
                     std::string &error);

/// Makes the folder, if it is not there, and checks that files can be made in
/// it, before the time is spent to compute what goes there.
bool prepareFolder(const std::string &folder, bool &made, std::string &error);

} // namespace mpc::run

#endif // MPC_TOOLS_MPCRUN_OUTPUTS_H
