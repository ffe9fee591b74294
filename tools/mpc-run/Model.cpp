//===- Model.cpp - A loaded model -----------------------------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Model.h"

#include "mpc/Support/TensorFile.h"

#include <cerrno>
#include <dlfcn.h>
#include <elf.h>
#include <fstream>
#include <sys/stat.h>

using namespace mpc;
using namespace mpc::run;

Model::~Model() {
  if (context)
    model->destroy(context);
  if (handle)
    dlclose(handle);
}

static mpc_tensor_info newTensorInfo() {
  mpc_tensor_info info = {};
  info.struct_size = sizeof(info);
  return info;
}

static TensorInfo convert(const mpc_tensor_info &info) {
  return {info.name, ElementType(info.dtype),
          Shape(info.dims, info.dims + info.rank)};
}

/// Whether a file ends before what its ELF headers load: the dynamic linker
/// maps it all the same, and the process ends where it reads what is not there.
static bool isTruncated(const std::string &path, int64_t size) {
  std::ifstream file(path, std::ios::binary);
  Elf64_Ehdr header;
  if (!file.read(reinterpret_cast<char *>(&header), sizeof(header)) ||
      std::string(reinterpret_cast<char *>(header.e_ident), SELFMAG) !=
          ELFMAG ||
      header.e_ident[EI_CLASS] != ELFCLASS64 ||
      header.e_phentsize != sizeof(Elf64_Phdr) || !file.seekg(header.e_phoff))
    return false; // said by the dynamic linker
  Elf64_Phdr segment;
  for (int i = 0; i < header.e_phnum; ++i) {
    if (!file.read(reinterpret_cast<char *>(&segment), sizeof(segment)))
      return false;
    if (segment.p_type == PT_LOAD &&
        (segment.p_offset > uint64_t(size) ||
         segment.p_filesz > uint64_t(size) - segment.p_offset))
      return true;
  }
  return false;
}

bool Model::load(const std::string &library, std::string &error) {
  path = library;
  auto fail = [&](const std::string &what) {
    error = path + ": " + what;
    return false;
  };
  struct stat status;
  if (stat(path.c_str(), &status))
    return fail("cannot open: " + describeErrno(errno));
  if (!S_ISREG(status.st_mode))
    return fail("expected a file");
  if (isTruncated(path, status.st_size))
    return fail("the file is truncated: it ends before what it should hold");
  // Without a slash dlopen would search the system's folders.
  std::string local = path.find('/') == std::string::npos ? "./" + path : path;
  handle = dlopen(local.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle) {
    const char *reason = dlerror();
    std::string text = reason ? reason : "unknown reason";
    if (!text.compare(0, local.size() + 2, local + ": "))
      text.erase(0, local.size() + 2);
    return fail("cannot load it as a shared library: " + text);
  }
  auto query =
      reinterpret_cast<mpc_model_query_fn>(dlsym(handle, "mpc_model_query"));
  if (!query)
    return fail("not a model that mpc-compile wrote (it has no "
                "mpc_model_query)");
  model = query(MPC_ABI_VERSION);
  if (!model)
    return fail("the library's ABI is newer than this mpc-run's, version " +
                std::to_string(MPC_ABI_VERSION));
  mpc_entry_info entry = {};
  entry.struct_size = sizeof(entry);
  if (model->entry_info(model, 0, &entry))
    return fail(model->last_error());
  symbolicBatch = entry.symbolic_batch;
  mpc_tensor_info info = newTensorInfo();
  for (uint32_t i = 0; i < entry.num_inputs; ++i) {
    if (model->input_info(model, 0, i, &info))
      return fail(model->last_error());
    inputs.push_back(convert(info));
  }
  for (uint32_t i = 0; i < entry.num_outputs; ++i) {
    if (model->output_info(model, 0, i, &info))
      return fail(model->last_error());
    outputs.push_back(convert(info));
  }
  return true;
}

bool Model::start(uint32_t wantedThreads, const std::string &wantedIsa,
                  int64_t batch, std::string &error) {
  mpc_context_options options = {};
  options.struct_size = sizeof(options);
  options.threads = wantedThreads;
  options.isa = wantedIsa.empty() ? nullptr : wantedIsa.c_str();
  options.max_batch = batch;
  if (mpc_status status = model->create(model, &options, &context)) {
    error = (status == MPC_ERROR_ISA && options.isa ? "--isa: " : "") +
            std::string(model->last_error());
    return false;
  }
  mpc_context_info info = {};
  info.struct_size = sizeof(info);
  if (model->context_info(context, &info)) {
    error = model->last_error();
    return false;
  }
  threads = info.threads;
  isa = info.isa;
  return true;
}

static void describe(const std::vector<Tensor> &tensors,
                     std::vector<mpc_tensor> &to) {
  to.clear();
  for (const Tensor &tensor : tensors) {
    mpc_tensor row = {};
    // The ABI has one structure for what is read and what is written.
    row.data = const_cast<char *>(tensor.data.data());
    row.shape = tensor.shape.data();
    row.dtype = uint32_t(tensor.type);
    row.rank = uint32_t(tensor.shape.size());
    to.push_back(row);
  }
}

bool Model::call(const std::vector<Tensor> &in, std::vector<Tensor> &out,
                 std::string &error) {
  describe(in, arguments);
  describe(out, results);
  if (model->run(context, 0, arguments.data(), uint32_t(arguments.size()),
                 results.data(), uint32_t(results.size()))) {
    error = path + ": " + model->last_error();
    return false;
  }
  return true;
}

bool Model::profile(mpc_profile *profile, std::string &error) {
  if (model->struct_size <
      offsetof(mpc_model, profile) + sizeof(model->profile))
    error = path + ": --profile: the library is of a version that has no "
                   "profiles; compile the model again";
  else if (model->profile(context, profile))
    error = path + ": " + model->last_error();
  else
    return true;
  return false;
}

std::string Model::manifest() const {
  uint64_t bytes = 0;
  const char *text = model->manifest(model, &bytes);
  return text ? std::string(text, bytes) : "";
}

std::optional<size_t>
mpc::run::findTensor(const std::vector<TensorInfo> &tensors,
                     const std::string &name) {
  for (size_t i = 0; i < tensors.size(); ++i)
    if (tensors[i].name == name)
      return i;
  return std::nullopt;
}

std::string mpc::run::listNames(const std::vector<TensorInfo> &tensors) {
  std::string list;
  for (const TensorInfo &tensor : tensors)
    list += (list.empty() ? "'" : ", '") + tensor.name + "'";
  return list.empty() ? "none" : list;
}
