//===- Outputs.cpp - What a model computed --------------------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Outputs.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sys/stat.h>
#include <unistd.h>

using namespace mpc;
using namespace mpc::run;

Outputs::Outputs(const Model &model, const Feed &feed)
    : model(model), feed(feed) {
  for (const TensorInfo &info : model.outputs) {
    bool rows = !info.dims.empty() &&
                (info.dims[0] < 0 || info.dims[0] == feed.samplesPerCall());
    hasRows.push_back(rows);
    Tensor tensor;
    tensor.type = info.type;
    whole.push_back(std::move(tensor));
  }
}

void Outputs::prepare(int64_t call, std::vector<Tensor> &tensors) const {
  tensors.resize(model.outputs.size());
  for (size_t i = 0; i < tensors.size(); ++i) {
    const TensorInfo &info = model.outputs[i];
    Tensor &tensor = tensors[i];
    tensor.type = info.type;
    tensor.shape = info.dims;
    std::replace(tensor.shape.begin(), tensor.shape.end(), MPC_BATCH,
                 feed.batchOf(call));
    tensor.data.resize(size_t(countElements(tensor.shape).value_or(0)) *
                       elementBytes(tensor.type));
  }
}

void Outputs::append(int64_t call, const std::vector<Tensor> &tensors) {
  for (size_t i = 0; i < tensors.size(); ++i) {
    const Tensor &part = tensors[i];
    Tensor &tensor = whole[i];
    size_t bytes = part.data.size();
    if (feed.numCalls() == 1) {
      tensor.shape = part.shape;
    } else if (hasRows[i]) {
      // A fixed batch that was filled up computed more than was asked for.
      int64_t rows = part.shape[0] < 1 ? 0 : feed.samplesOf(call);
      bytes = rows ? bytes / size_t(part.shape[0]) * size_t(rows) : 0;
      tensor.shape = part.shape;
      tensor.shape[0] = feed.numSamples();
    } else {
      tensor.shape = part.shape;
      tensor.shape.insert(tensor.shape.begin(), feed.numCalls());
    }
    tensor.data.insert(tensor.data.end(), part.data.begin(),
                       part.data.begin() + std::ptrdiff_t(bytes));
  }
}

bool mpc::run::prepareFolder(const std::string &folder, bool &made,
                             std::string &error) {
  struct stat status;
  made = !mkdir(folder.c_str(), 0777);
  if (!made && errno != EEXIST) {
    error = "--output: " + folder +
            ": cannot make the folder: " + describeErrno(errno);
    return false;
  }
  if (stat(folder.c_str(), &status) || !S_ISDIR(status.st_mode)) {
    error = "--output: " + folder + ": expected a folder, but got a file";
    return false;
  }
  if (access(folder.c_str(), W_OK | X_OK)) {
    error = "--output: " + folder + ": cannot write: " + describeErrno(errno);
    return false;
  }
  return true;
}

static const char *const kIndexName = "/index.json";

/// Names as file names, each once, whatever case the file system keeps.
static std::vector<std::string>
makeFileNames(const std::vector<TensorInfo> &infos) {
  std::vector<std::string> names;
  std::set<std::string> taken;
  for (const TensorInfo &info : infos) {
    std::string stem = info.name;
    for (char &c : stem)
      if (!std::isalnum(static_cast<unsigned char>(c)) &&
          !std::strchr("._-", c))
        c = '_';
    std::string ending = hasNumpyType(info.type) ? ".npy" : ".pb";
    std::string name = stem + ending;
    for (int i = 2; !taken.insert(name).second; ++i)
      name = stem + "_" + std::to_string(i) + ending;
    names.push_back(name);
  }
  return names;
}

bool mpc::run::writeOutputs(const std::string &folder,
                            const std::vector<TensorInfo> &infos,
                            const std::vector<Tensor> &tensors,
                            std::string &error) {
  std::vector<std::string> names = makeFileNames(infos);
  nlohmann::ordered_json index = nlohmann::ordered_json::object();
  std::vector<PendingFile> files;
  for (size_t i = 0; i < tensors.size(); ++i) {
    std::vector<char> bytes =
        hasNumpyType(tensors[i].type)
            ? encodeNpy(tensors[i])
            : encodeTensorProto(tensors[i], infos[i].name);
    files.emplace_back();
    if (!files.back().write(folder + "/" + names[i], bytes.data(), bytes.size(),
                            error))
      return false;
    index[infos[i].name] = names[i];
  }
  std::string text =
      index.dump(2, ' ', false,
                 nlohmann::ordered_json::error_handler_t::replace) +
      "\n";
  files.emplace_back();
  if (!files.back().write(folder + kIndexName, text.data(), text.size(), error))
    return false;
  for (PendingFile &file : files)
    if (!file.commit(error))
      return false;
  return true;
}

bool mpc::run::readOutputIndex(
    const std::string &folder,
    std::vector<std::pair<std::string, std::string>> &files,
    std::string &error) {
  std::string path = folder + kIndexName;
  std::ifstream stream(path);
  if (!stream) {
    error = path + ": cannot open: " + describeErrno(errno) +
            "; expected a folder that --output wrote";
    return false;
  }
  auto index = nlohmann::ordered_json::parse(stream, nullptr,
                                             /*allow_exceptions=*/false);
  bool isIndex = index.is_object();
  for (auto &[name, file] : index.items()) {
    isIndex &= file.is_string();
    if (isIndex)
      files.emplace_back(name, folder + "/" + file.get<std::string>());
  }
  if (!isIndex)
    error = path + ": expected an object of output names and file names, as "
                   "--output writes it";
  return isIndex;
}
