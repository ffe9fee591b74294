//===- SampleSet.h - Data sets for calibration and validation ---*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Samples of a model's inputs, read one at a time: what --calibration-data and
// --validation-data name. The path is one of
//
//   x.npy                      the samples of a model with one input
//   x.npz                      arrays keyed by input name
//   folder of .npz             one file per sample, or several samples in each
//   folder of .npy             the same for a model with one input; for a model
//                              with more, one file per input, named after it
//   folder of test_data_set_*  each with input_0.pb, input_1.pb ...: one sample
//   folder of input_*.pb       one sample
//   folder of .jpg, .png       one sample each, or one such file; of a model
//                              with one input of pixels (see ImageFile.h)
//
// Samples come first: an array of a model's input [batch, 1, 28, 28] has shape
// [n, 1, 28, 28]; where the model's first size is a number B, B rows make one
// sample; an array with one dimension more than the input holds stacked ones.
//
//===----------------------------------------------------------------------===//

#ifndef MPC_SUPPORT_SAMPLESET_H
#define MPC_SUPPORT_SAMPLESET_H

#include "mpc/Support/TensorFile.h"

#include <memory>
#include <utility>

namespace mpc {

/// An input of the model that samples are for.
struct SampleInput {
  std::string name;
  ElementType type;
  /// Negative sizes are symbolic. In the first place one is the batch, of which
  /// a sample has one; elsewhere it is whatever the file has.
  Shape shape;
};

class SampleSet {
public:
  /// Opens a data set and checks every file's arrays against the inputs: names,
  /// element types, shapes, numbers of samples. Null with an error, one
  /// sentence that starts with the path of the file, if something is wrong or
  /// there is no sample.
  static std::unique_ptr<SampleSet> open(const std::string &path,
                                         std::vector<SampleInput> inputs,
                                         std::string &error);
  ~SampleSet();

  int64_t size() const { return numSamples; }

  /// Reads sample `index`: one tensor per input, in their order. A float that
  /// is not finite is an error. Samples in order cost least; memory is that of
  /// one sample, and of one file where files are compressed.
  bool read(int64_t index, std::vector<Tensor> &sample, std::string &error);

private:
  /// How one file's array holds samples of an input.
  struct Source {
    TensorReader reader;
    int64_t elements; // of one sample
    Shape shape;      // of one sample
  };
  /// A file or folder and the samples in it.
  struct Chunk {
    std::vector<std::string> files; // that together have all inputs
    int64_t first, count;
  };

  SampleSet() = default;
  bool openChunk(const Chunk &chunk, std::vector<Source> &sources,
                 int64_t &count, std::string &error) const;
  bool addChunk(std::vector<std::string> files, std::string &error);
  bool addFolder(const std::string &path, std::string &error);

  std::vector<SampleInput> inputs;
  std::vector<Chunk> chunks;
  int64_t numSamples = 0;
  /// The chunk that is open, and its sources.
  size_t openIndex = size_t(-1);
  std::vector<Source> openSources;
};

} // namespace mpc

#endif // MPC_SUPPORT_SAMPLESET_H
