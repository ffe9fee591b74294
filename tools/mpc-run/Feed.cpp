//===- Feed.cpp - What a model is run on ----------------------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Feed.h"
#include "Outputs.h"
#include "mpc/Support/ImageFile.h"

#include <cstring>
#include <sys/stat.h>

using namespace mpc;
using namespace mpc::run;

//===----------------------------------------------------------------------===//
// Naming files
//===----------------------------------------------------------------------===//

namespace {
/// [NAME=]FILE or [NAME=]SHAPE=@FILE, taken apart.
struct NamedFile {
  std::string name, file;
  bool isRaw = false;
  ElementType type = ElementType::Undefined;
  Shape shape;
};
} // namespace

static bool takeApart(const std::string &argument, NamedFile &result,
                      std::string &error) {
  size_t raw = argument.rfind("=@");
  if (raw == std::string::npos) {
    size_t equals = argument.rfind('=');
    if (equals != std::string::npos)
      result.name = argument.substr(0, equals);
    result.file =
        equals == std::string::npos ? argument : argument.substr(equals + 1);
    return true;
  }
  result.isRaw = true;
  result.file = argument.substr(raw + 2);
  std::string shape = argument.substr(0, raw);
  if (size_t equals = shape.rfind('='); equals != std::string::npos) {
    result.name = shape.substr(0, equals);
    shape.erase(0, equals + 1);
  }
  return parseTypedShape(shape, result.type, result.shape, error);
}

static bool isFolder(const std::string &path) {
  struct stat status;
  return !stat(path.c_str(), &status) && S_ISDIR(status.st_mode);
}

/// Opens what --output wrote to a folder: the output that is named, or all of
/// them.
static bool openOutputs(const NamedFile &named,
                        const std::vector<TensorInfo> &outputs,
                        std::vector<std::optional<TensorReader>> &result,
                        std::string &error) {
  std::vector<std::pair<std::string, std::string>> files;
  if (!readOutputIndex(named.file, files, error))
    return false;
  for (const auto &[name, path] : files) {
    if (!named.name.empty() && name != named.name)
      continue;
    std::optional<size_t> index = findTensor(outputs, name);
    if (!index) {
      error = named.file + ": the model has no output '" + name +
              "', expected " + listNames(outputs);
      return false;
    }
    if (result[*index]) {
      error = "the output '" + name + "' is given twice";
      return false;
    }
    TensorReaders readers;
    if (!openTensorFile(path, readers, error))
      return false;
    if (readers.size() != 1) {
      error = path + ": expected one array, but got " +
              std::to_string(readers.size());
      return false;
    }
    result[*index] = std::move(readers.front());
  }
  for (size_t i = 0; i < outputs.size(); ++i)
    if (!result[i] && (named.name.empty() || named.name == outputs[i].name)) {
      error = named.file + ": no values for output '" + outputs[i].name + "'";
      return false;
    }
  return true;
}

bool mpc::run::openNamedFiles(const std::vector<std::string> &arguments,
                              const std::string &flag,
                              const std::vector<TensorInfo> &tensors,
                              std::vector<std::optional<TensorReader>> &result,
                              std::string &error) {
  result.assign(tensors.size(), std::nullopt);
  const char *kind = flag == "--input" ? "input" : "output";
  auto fail = [&](const std::string &what) {
    error = flag + ": " + what;
    return false;
  };
  for (const std::string &argument : arguments) {
    NamedFile named;
    if (!takeApart(argument, named, error))
      return fail(error);
    if (!named.name.empty() && !findTensor(tensors, named.name))
      return fail("the model has no " + std::string(kind) + " '" + named.name +
                  "', expected " + listNames(tensors));
    if (flag == "--expected" && !named.isRaw && isFolder(named.file)) {
      if (!openOutputs(named, tensors, result, error))
        return fail(error);
      continue;
    }
    TensorReaders readers;
    if (flag == "--input" && !named.isRaw && holdsImages(named.file)) {
      std::optional<size_t> index;
      if (!named.name.empty() || tensors.size() == 1)
        index = findTensor(tensors,
                           named.name.empty() ? tensors[0].name : named.name);
      if (!index)
        return fail(named.file + ": expected NAME=PATH, since the model has " +
                    std::to_string(tensors.size()) + " inputs (" +
                    listNames(tensors) + ")");
      if (!openImages(named.file, tensors[*index].type, tensors[*index].dims,
                      readers, error))
        return fail(error);
    } else if (named.isRaw ? !openRawFile(named.file, named.type, named.shape,
                                          readers, error)
                           : !openTensorFile(named.file, readers, error))
      return fail(error);
    bool isArchive = !readers.empty() && !named.isRaw &&
                     named.file.size() > 4 &&
                     !named.file.compare(named.file.size() - 4, 4, ".npz");
    // NAME=x.npz is the array of that name in it, or the only one.
    if (isArchive && !named.name.empty()) {
      TensorReaders chosen;
      for (TensorReader &reader : readers)
        if (reader.name() == named.name || readers.size() == 1)
          chosen.push_back(std::move(reader));
      if (chosen.empty())
        return fail(named.file + ": no array '" + named.name + "'");
      readers = std::move(chosen);
    }
    for (TensorReader &reader : readers) {
      std::string name = named.name;
      if (name.empty() && (isArchive || tensors.size() > 1))
        name = reader.name();
      if (name.empty() && tensors.size() == 1)
        name = tensors[0].name;
      if (name.empty())
        return fail(named.file + ": expected NAME=FILE, since the model has " +
                    std::to_string(tensors.size()) + " " + kind + "s (" +
                    listNames(tensors) + ")");
      std::optional<size_t> index = findTensor(tensors, name);
      if (!index)
        return fail(named.file + ": the model has no " + kind + " '" + name +
                    "', expected " + listNames(tensors));
      if (result[*index])
        return fail("the " + std::string(kind) + " '" + name +
                    "' is given twice");
      result[*index] = std::move(reader);
    }
  }
  return true;
}

//===----------------------------------------------------------------------===//
// Calls
//===----------------------------------------------------------------------===//

bool Feed::open(const Model &model, const std::vector<std::string> &arguments,
                int64_t batch, std::string &error) {
  std::vector<std::optional<TensorReader>> readers;
  if (!openNamedFiles(arguments, "--input", model.inputs, readers, error))
    return false;
  for (size_t i = 0; i < readers.size(); ++i) {
    const TensorInfo &info = model.inputs[i];
    if (!readers[i]) {
      error = "no values for input '" + info.name + "' (" +
              elementTypeName(info.type) + " " + shapeToString(info.dims) +
              "): expected --input=" + info.name + "=FILE";
      return false;
    }
    if (readers[i]->type() != info.type) {
      error = readers[i]->path() + ": input '" + info.name +
              "': expected type " + elementTypeName(info.type) + ", but got " +
              elementTypeName(readers[i]->type());
      return false;
    }
    files.push_back({std::move(*readers[i]), false, 0});
  }
  return plan(model, batch, error);
}

/// Whether all sizes but the first are the model's.
static bool restMatches(const Shape &got, const Shape &dims) {
  if (got.empty() || got.size() != dims.size())
    return false;
  for (size_t d = 1; d < got.size(); ++d)
    if (got[d] != dims[d])
      return false;
  return true;
}

/// Whether the shape is the model's for some batch, which must be *batch unless
/// that is 0 still.
static bool matchesWhole(const Shape &got, const Shape &dims, int64_t &batch) {
  if (got.size() != dims.size())
    return false;
  int64_t found = batch;
  for (size_t d = 0; d < got.size(); ++d) {
    if (dims[d] >= 0) {
      if (got[d] != dims[d])
        return false;
    } else if (got[d] < 1 || (found && got[d] != found)) {
      return false;
    } else {
      found = got[d];
    }
  }
  batch = found;
  return true;
}

bool Feed::plan(const Model &model, int64_t batch, std::string &error) {
  // Samples lie along the first dimension where it is the symbolic batch, or
  // where a file has more rows than a model without one.
  std::optional<size_t> counted; // the first sliced input
  int64_t fixedBatch = 0, whole = 0;
  for (size_t i = 0; i < files.size(); ++i) {
    Input &file = files[i];
    const TensorInfo &info = model.inputs[i];
    const Shape &got = file.reader.shape(), &dims = info.dims;
    bool rows = restMatches(got, dims) && got[0] > 0;
    bool symbolic = rows && dims[0] < 0;
    bool more = rows && !model.symbolicBatch && dims[0] > 0 && got[0] > dims[0];
    if (!symbolic && !more) {
      if (matchesWhole(got, dims, whole))
        continue;
      error = file.reader.path() + ": input '" + info.name +
              "': expected shape " + shapeToString(dims) + ", but got " +
              shapeToString(got);
      return false;
    }
    file.isSliced = true;
    file.rowElements = 1;
    for (size_t d = 1; d < got.size(); ++d)
      file.rowElements *= got[d];
    int64_t own = symbolic ? 0 : dims[0];
    if (!counted) {
      counted = i;
      samples = got[0];
      fixedBatch = own;
      symbolicRows = symbolic;
    } else if (got[0] != samples || own != fixedBatch) {
      error = file.reader.path() + ": input '" + info.name + "': expected " +
              std::to_string(samples) + " samples as for input '" +
              model.inputs[*counted].name + "', but got " +
              std::to_string(got[0]);
      return false;
    }
  }
  if (batch && !model.symbolicBatch) {
    error = "--batch: the model's batch is not symbolic, so it cannot be " +
            std::to_string(batch);
    return false;
  }
  if (counted)
    perCall = symbolicRows ? (batch ? batch : 1) : fixedBatch;
  else if (!files.empty() && !model.inputs[0].dims.empty() &&
           model.inputs[0].dims[0] > 0)
    // One call of a model with a fixed batch computes that many samples.
    samples = perCall = model.inputs[0].dims[0];
  wholeBatch = whole ? whole : (!counted && batch ? batch : 1);
  // A batch in several inputs, but not in the first dimension of all of them,
  // cannot be cut.
  if (symbolicRows && whole) {
    if (whole != samples) {
      error = files[*counted].reader.path() + ": input '" +
              model.inputs[*counted].name + "': expected the batch " +
              std::to_string(whole) + " of the other inputs, but got " +
              std::to_string(samples);
      return false;
    }
    perCall = samples;
  }
  return true;
}

bool Feed::read(int64_t call, std::vector<Tensor> &inputs,
                std::string &error) const {
  int64_t first = call * perCall, own = samplesOf(call);
  inputs.resize(files.size());
  for (size_t i = 0; i < files.size(); ++i) {
    const Input &file = files[i];
    Tensor &tensor = inputs[i];
    if (!file.isSliced) {
      if (tensor.type == ElementType::Undefined &&
          !file.reader.readAll(tensor, error))
        return false;
      continue;
    }
    int64_t rows = symbolicRows ? own : perCall;
    tensor.type = file.reader.type();
    tensor.shape = file.reader.shape();
    tensor.shape[0] = rows;
    size_t rowBytes = size_t(file.rowElements) * elementBytes(tensor.type);
    tensor.data.resize(size_t(rows) * rowBytes);
    if (!file.reader.read(first * file.rowElements, own * file.rowElements,
                          tensor.data.data(), error))
      return false;
    for (int64_t row = own; row < rows; ++row)
      std::memcpy(tensor.data.data() + size_t(row) * rowBytes,
                  tensor.data.data() + size_t(own - 1) * rowBytes, rowBytes);
  }
  return true;
}
