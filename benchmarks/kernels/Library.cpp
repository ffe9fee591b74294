//===- Library.cpp - Compiled models in a race ----------------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Contestant.h"

#include "mpc/runtime.h"

#include <dlfcn.h>
#include <stdexcept>

using namespace mpc::bench;

namespace {

struct Side {
  std::string type;
  std::vector<int64_t> shape;
  Buffer data;
  mpc_tensor tensor = {};

  size_t bytes() const {
    size_t size = sizeOf(type);
    for (int64_t dim : shape)
      size *= size_t(dim);
    return size;
  }
  void use(Buffer buffer, uint32_t dtype) {
    data = std::move(buffer);
    tensor.data = data.data();
    tensor.shape = shape.data();
    tensor.dtype = dtype;
    tensor.rank = uint32_t(shape.size());
  }
};

/// What a run needs; lives as long as the program.
struct Library {
  const mpc_model *model = nullptr;
  mpc_context *context = nullptr;
  Side in, out;
};

std::string getTypeName(uint32_t dtype) {
  switch (dtype) {
  case MPC_F32:
    return "f32";
  case MPC_F16:
    return "f16";
  case MPC_BF16:
    return "bf16";
  case MPC_U8:
    return "u8";
  case MPC_I8:
    return "s8";
  case MPC_I32:
    return "s32";
  default:
    throw std::runtime_error("a model of a type that no case has");
  }
}

} // namespace

Contestant mpc::bench::openLibrary(const nlohmann::json &spec) {
  auto path = spec.at("library").get<std::string>();
  void *handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle)
    throw std::runtime_error(dlerror());
  auto query =
      reinterpret_cast<mpc_model_query_fn>(dlsym(handle, "mpc_model_query"));
  auto library = std::make_shared<Library>();
  if (!query || !(library->model = query(MPC_ABI_VERSION)))
    throw std::runtime_error(path + ": not a library of mpc-compile");
  const mpc_model *model = library->model;
  auto check = [=](mpc_status status) {
    if (status)
      throw std::runtime_error(path + ": " + model->last_error());
  };

  mpc_tensor_info info = {};
  info.struct_size = sizeof(info);
  auto read = [&](Side &side) {
    side.type = getTypeName(info.dtype);
    side.shape.assign(info.dims, info.dims + info.rank);
    for (int64_t &dim : side.shape)
      dim = dim == MPC_BATCH ? 1 : dim;
  };
  check(model->input_info(model, 0, 0, &info));
  read(library->in);
  library->in.use(readFile(spec.at("input"), library->in.bytes()), info.dtype);
  check(model->output_info(model, 0, 0, &info));
  read(library->out);
  library->out.use(Buffer(library->out.bytes()), info.dtype);

  mpc_context_options options = {};
  options.struct_size = sizeof(options);
  options.threads = spec.value("threads", 1u);
  check(model->create(model, &options, &library->context));
  mpc_context_info context = {};
  context.struct_size = sizeof(context);
  check(model->context_info(library->context, &context));
  check(model->run(library->context, 0, &library->in.tensor, 1,
                   &library->out.tensor, 1));

  Contestant contestant;
  contestant.run = [library] {
    library->model->run(library->context, 0, &library->in.tensor, 1,
                        &library->out.tensor, 1);
  };
  contestant.result = [library] {
    return toNumbers(library->out.data.data(), library->out.bytes(),
                     library->out.type);
  };
  contestant.detail = context.isa;
  return contestant;
}
