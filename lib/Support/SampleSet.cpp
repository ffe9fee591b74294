//===- SampleSet.cpp - Data sets for calibration and validation -----------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpc/Support/SampleSet.h"

#include "Paths.h"
#include "mpc/Support/ImageFile.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <dirent.h>
#include <sys/stat.h>

using namespace mpc;

SampleSet::~SampleSet() = default;

//===----------------------------------------------------------------------===//
// Names
//===----------------------------------------------------------------------===//

static bool endsWith(const std::string &text, const char *ending) {
  size_t length = std::strlen(ending);
  return text.size() >= length &&
         !text.compare(text.size() - length, length, ending);
}

bool mpc::isFolder(const std::string &path) {
  struct stat status;
  return !stat(path.c_str(), &status) && S_ISDIR(status.st_mode);
}

/// The file name without its folder and its ending.
static std::string stemOf(const std::string &path) {
  size_t slash = path.rfind('/');
  std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  return name.substr(0, name.rfind('.'));
}

/// Orders "input_2" before "input_10".
static bool naturalLess(const std::string &a, const std::string &b) {
  auto isDigit = [](char c) {
    return std::isdigit(static_cast<unsigned char>(c)) != 0;
  };
  size_t i = 0, j = 0;
  while (i < a.size() && j < b.size()) {
    if (!isDigit(a[i]) || !isDigit(b[j])) {
      if (a[i] != b[j])
        return a[i] < b[j];
      ++i, ++j;
      continue;
    }
    size_t endA = i, endB = j;
    while (endA < a.size() && isDigit(a[endA]))
      ++endA;
    while (endB < b.size() && isDigit(b[endB]))
      ++endB;
    while (i < endA && a[i] == '0')
      ++i;
    while (j < endB && b[j] == '0')
      ++j;
    if (endA - i != endB - j)
      return endA - i < endB - j;
    int order = a.compare(i, endA - i, b, j, endB - j);
    if (order)
      return order < 0;
    i = endA, j = endB;
  }
  if (a.size() - i != b.size() - j)
    return a.size() - i < b.size() - j;
  return a < b;
}

bool mpc::listFolder(const std::string &path, std::vector<std::string> &names,
                     std::string &error) {
  DIR *folder = opendir(path.c_str());
  if (!folder) {
    error = path + ": cannot open: " + describeErrno(errno);
    return false;
  }
  while (dirent *entry = readdir(folder))
    if (entry->d_name[0] != '.')
      names.push_back(entry->d_name);
  closedir(folder);
  std::sort(names.begin(), names.end(), naturalLess);
  return true;
}

/// The file name that an input's array has in a folder: as mpc-run names the
/// files of outputs.
static std::string fileNameOf(const std::string &name) {
  std::string result = name;
  for (char &c : result)
    if (!std::isalnum(static_cast<unsigned char>(c)) && !std::strchr("._-", c))
      c = '_';
  return result;
}

static std::string listNames(const std::vector<SampleInput> &inputs) {
  std::string list;
  for (const SampleInput &input : inputs)
    list += (list.empty() ? "'" : ", '") + input.name + "'";
  return list;
}

//===----------------------------------------------------------------------===//
// One file's arrays
//===----------------------------------------------------------------------===//

/// Whether sizes from `from` on are those of `expected` from `at` on.
static bool sizesMatch(const Shape &got, size_t from, const Shape &expected,
                       size_t at) {
  if (got.size() - from != expected.size() - at)
    return false;
  for (size_t i = 0; from + i < got.size(); ++i)
    if (expected[at + i] >= 0 ? got[from + i] != expected[at + i]
                              : got[from + i] < 1)
      return false;
  return true;
}

/// Splits an array of shape `got` into samples of an input.
static bool splitSamples(const Shape &got, const Shape &expected,
                         int64_t &count, Shape &sample) {
  sample = got;
  if (!expected.empty() && got.size() == expected.size() &&
      sizesMatch(got, 1, expected, 1)) {
    int64_t rows = expected[0] < 0 ? 1 : expected[0];
    if (rows > 0 && got[0] % rows == 0) {
      count = got[0] / rows;
      sample[0] = rows;
      return true;
    }
  }
  if (got == expected) {
    count = 1;
    return true;
  }
  if (got.size() == expected.size() + 1 && sizesMatch(got, 1, expected, 0)) {
    count = got[0];
    sample.erase(sample.begin());
    return true;
  }
  return false;
}

/// Finds the reader of each input: by name, or else by its place.
static bool assignReaders(const std::vector<SampleInput> &inputs,
                          const std::vector<std::string> &files,
                          TensorReaders &readers,
                          std::vector<const TensorReader *> &assigned,
                          std::string &error) {
  assigned.assign(inputs.size(), nullptr);
  bool named = endsWith(files[0], ".npz") ||
               (endsWith(files[0], ".npy") && inputs.size() > 1);
  for (size_t r = 0; r < readers.size(); ++r) {
    const TensorReader &reader = readers[r];
    std::string name = reader.name();
    if (name.empty())
      name = stemOf(reader.path());
    size_t found = inputs.size();
    for (size_t i = 0; i < inputs.size(); ++i)
      if (inputs[i].name == name || fileNameOf(inputs[i].name) == name)
        found = i;
    if (found == inputs.size() && !named && r < inputs.size() && !assigned[r] &&
        readers.size() <= inputs.size())
      found = r;
    if (found == inputs.size()) {
      error = reader.path() + ": the model has no input '" + name +
              "', expected " + listNames(inputs);
      return false;
    }
    if (assigned[found]) {
      error =
          reader.path() + ": two arrays for input '" + inputs[found].name + "'";
      return false;
    }
    assigned[found] = &reader;
  }
  for (size_t i = 0; i < inputs.size(); ++i)
    if (!assigned[i]) {
      error = files[0] + ": no array for input '" + inputs[i].name + "'";
      return false;
    }
  return true;
}

bool SampleSet::openChunk(const Chunk &chunk, std::vector<Source> &sources,
                          int64_t &count, std::string &error) const {
  TensorReaders readers;
  for (const std::string &file : chunk.files) {
    // Pictures are decoded to what the input reads.
    bool isImage = isFolder(file) || isImageName(file);
    if (isImage && inputs.size() > 1) {
      error = file + ": pictures are samples of a model with one input, but " +
              "there are " + std::to_string(inputs.size()) + " (" +
              listNames(inputs) + ")";
      return false;
    }
    if (isImage
            ? !openImages(file, inputs[0].type, inputs[0].shape, readers, error)
            : !openTensorFile(file, readers, error))
      return false;
  }
  std::vector<const TensorReader *> assigned;
  if (!assignReaders(inputs, chunk.files, readers, assigned, error))
    return false;
  sources.clear();
  for (size_t i = 0; i < inputs.size(); ++i) {
    const TensorReader &reader = *assigned[i];
    const SampleInput &input = inputs[i];
    std::string where = reader.path() + ": input '" + input.name + "': ";
    if (reader.type() != input.type) {
      error = where + "expected type " + elementTypeName(input.type) +
              ", but got " + elementTypeName(reader.type());
      return false;
    }
    int64_t samples;
    Source source = {reader, 0, {}};
    if (!splitSamples(reader.shape(), input.shape, samples, source.shape)) {
      error = where + "expected samples of shape " +
              shapeToString(input.shape) + ", but got " +
              shapeToString(reader.shape());
      return false;
    }
    if (i && samples != count) {
      error = where + "expected " + std::to_string(count) +
              " samples as in input '" + inputs[0].name + "', but got " +
              std::to_string(samples);
      return false;
    }
    count = samples;
    source.elements = countElements(source.shape).value_or(0);
    sources.push_back(std::move(source));
  }
  return true;
}

bool SampleSet::addChunk(std::vector<std::string> files, std::string &error) {
  Chunk chunk = {std::move(files), numSamples, 0};
  std::vector<Source> sources;
  if (!openChunk(chunk, sources, chunk.count, error))
    return false;
  numSamples += chunk.count;
  chunks.push_back(std::move(chunk));
  return true;
}

//===----------------------------------------------------------------------===//
// Paths
//===----------------------------------------------------------------------===//

bool SampleSet::addFolder(const std::string &path, std::string &error) {
  std::vector<std::string> names, npy, npz, protos, folders;
  bool hasImages = false;
  if (!listFolder(path, names, error))
    return false;
  for (const std::string &name : names) {
    std::string full = path + "/" + name;
    if (isImageName(name))
      hasImages = true;
    else if (endsWith(name, ".npz"))
      npz.push_back(full);
    else if (endsWith(name, ".npy"))
      npy.push_back(full);
    else if (!name.compare(0, 6, "input_") && endsWith(name, ".pb"))
      protos.push_back(full);
    else if (!name.compare(0, 14, "test_data_set_") && isFolder(full))
      folders.push_back(full);
  }
  int kinds = !npz.empty() + !npy.empty() + !protos.empty() + !folders.empty() +
              hasImages;
  if (kinds != 1) {
    error = path +
            (kinds ? ": expected one kind of samples"
                   : ": the folder holds no samples: expected files") +
            " (.npz, .npy, .jpg and .png, or test_data_set_*/input_*.pb)" +
            (kinds ? ", but got several" : "");
    return false;
  }
  if (hasImages)
    return addChunk({path}, error);
  for (std::string &file : npz)
    if (!addChunk({std::move(file)}, error))
      return false;
  if (!npy.empty() && inputs.size() > 1)
    return addChunk(std::move(npy), error);
  for (std::string &file : npy)
    if (!addChunk({std::move(file)}, error))
      return false;
  if (!protos.empty())
    return addChunk(std::move(protos), error);
  for (const std::string &folder : folders) {
    std::vector<std::string> members, files;
    if (!listFolder(folder, members, error))
      return false;
    for (const std::string &name : members)
      if (!name.compare(0, 6, "input_") && endsWith(name, ".pb"))
        files.push_back(folder + "/" + name);
    if (files.empty()) {
      error = folder + ": expected files input_*.pb, but there is none";
      return false;
    }
    if (!addChunk(std::move(files), error))
      return false;
  }
  return true;
}

std::unique_ptr<SampleSet> SampleSet::open(const std::string &path,
                                           std::vector<SampleInput> inputs,
                                           std::string &error) {
  std::unique_ptr<SampleSet> set(new SampleSet);
  set->inputs = std::move(inputs);
  if (set->inputs.empty()) {
    error = path + ": the model has no input that samples could be for";
    return nullptr;
  }
  if (isFolder(path)) {
    if (!set->addFolder(path, error))
      return nullptr;
  } else {
    if (endsWith(path, ".npy") && set->inputs.size() > 1) {
      error = path + ": the model has " + std::to_string(set->inputs.size()) +
              " inputs (" + listNames(set->inputs) +
              "): expected an .npz file keyed by input name, or a folder";
      return nullptr;
    }
    if (!set->addChunk({path}, error))
      return nullptr;
  }
  if (!set->numSamples) {
    error = path + ": expected at least one sample, but there is none";
    return nullptr;
  }
  return set;
}

bool SampleSet::read(int64_t index, std::vector<Tensor> &sample,
                     std::string &error) {
  // The last chunk that begins at or before the sample and is not empty.
  size_t number = openIndex;
  auto holds = [&](size_t i) {
    return i < chunks.size() && index >= chunks[i].first &&
           index < chunks[i].first + chunks[i].count;
  };
  if (!holds(number)) {
    auto after = std::upper_bound(
        chunks.begin(), chunks.end(), index,
        [](int64_t i, const Chunk &chunk) { return i < chunk.first; });
    number = size_t(after - chunks.begin()) - 1;
  }
  const Chunk &chunk = chunks[number];
  if (number != openIndex) {
    int64_t count = 0;
    openIndex = size_t(-1);
    if (!openChunk(chunk, openSources, count, error))
      return false;
    if (count != chunk.count) {
      error = chunk.files[0] + ": the file changed while it was read";
      return false;
    }
    openIndex = number;
  }
  int64_t within = index - chunk.first;
  sample.resize(inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Source &source = openSources[i];
    Tensor &tensor = sample[i];
    tensor.type = inputs[i].type;
    tensor.shape = source.shape;
    tensor.data.resize(size_t(source.elements) * elementBytes(tensor.type));
    if (!source.reader.read(within * source.elements, source.elements,
                            tensor.data.data(), error))
      return false;
    if (std::optional<int64_t> at = findNonFinite(tensor)) {
      error = source.reader.path() + ": sample " + std::to_string(within) +
              " of input '" + inputs[i].name + "' has " +
              (std::isnan(tensor.valueAt(*at)) ? "a NaN" : "an infinity") +
              " (element " + std::to_string(*at) + ")";
      return false;
    }
  }
  return true;
}
