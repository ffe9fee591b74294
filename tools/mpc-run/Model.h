//===- Model.h - A loaded model ---------------------------------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_TOOLS_MPCRUN_MODEL_H
#define MPC_TOOLS_MPCRUN_MODEL_H

#include "mpc/Support/Tensor.h"
#include "mpc/runtime.h"

namespace mpc::run {

struct TensorInfo {
  std::string name;
  ElementType type;
  Shape dims; // MPC_BATCH (-1) for the symbolic batch
};

/// A library that is loaded and, once it is started, a context of it.
class Model {
public:
  Model() = default;
  ~Model();
  Model(const Model &) = delete;
  Model &operator=(const Model &) = delete;

  bool load(const std::string &path, std::string &error);

  /// Creates the context. threads 0 and isa "": the library's defaults.
  bool start(uint32_t threads, const std::string &isa, int64_t batch,
             std::string &error);

  /// Runs the first entry. The outputs' types, shapes and sizes are set.
  bool call(const std::vector<Tensor> &inputs, std::vector<Tensor> &outputs,
            std::string &error);

  /// Has calls add their times to `profile`; null ends it.
  bool profile(mpc_profile *profile, std::string &error);

  std::string manifest() const;
  const mpc_model *get() const { return model; }

  std::vector<TensorInfo> inputs, outputs;
  bool symbolicBatch = false;
  /// Of the context.
  uint32_t threads = 0;
  std::string isa;

private:
  std::string path;
  void *handle = nullptr;
  const mpc_model *model = nullptr;
  mpc_context *context = nullptr;
  std::vector<mpc_tensor> arguments, results; // reused by calls
};

/// Finds the tensor of that name; the names are for the error.
std::optional<size_t> findTensor(const std::vector<TensorInfo> &tensors,
                                 const std::string &name);
std::string listNames(const std::vector<TensorInfo> &tensors);

} // namespace mpc::run

#endif // MPC_TOOLS_MPCRUN_MODEL_H
