//===- FakeLibrary.h - Loading the hand-written models ----------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_UNITTESTS_RUNTIME_FAKELIBRARY_H
#define MPC_UNITTESTS_RUNTIME_FAKELIBRARY_H

#include "mpc/runtime.h"

#include "gtest/gtest.h"

#include <dlfcn.h>
#include <string>
#include <vector>

namespace mpc {

/// One of the libraries that FakeModel.c is built into, loaded.
class FakeLibrary {
public:
  explicit FakeLibrary(const std::string &name = "fake") {
    handle = dlopen((MPC_FAKE_MODELS "/" + name + ".so").c_str(),
                    RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
      ADD_FAILURE() << dlerror();
      return;
    }
    query =
        reinterpret_cast<mpc_model_query_fn>(dlsym(handle, "mpc_model_query"));
    model = query(MPC_ABI_VERSION);
  }
  ~FakeLibrary() {
    if (handle)
      dlclose(handle);
  }
  FakeLibrary(const FakeLibrary &) = delete;
  FakeLibrary &operator=(const FakeLibrary &) = delete;

  void *handle = nullptr;
  mpc_model_query_fn query = nullptr;
  const mpc_model *model = nullptr;
};

/// A dense tensor over the vector's elements.
template <typename T>
mpc_tensor tensorOf(std::vector<T> &data, uint32_t dtype,
                    const std::vector<int64_t> &shape) {
  mpc_tensor tensor = {};
  tensor.data = data.data();
  tensor.shape = shape.data();
  tensor.dtype = dtype;
  tensor.rank = uint32_t(shape.size());
  return tensor;
}

} // namespace mpc

#endif // MPC_UNITTESTS_RUNTIME_FAKELIBRARY_H
