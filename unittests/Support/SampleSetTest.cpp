//===- SampleSetTest.cpp - Data sets for calibration ----------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpc/Support/SampleSet.h"

#include "TemporaryFolder.h"
#include "Zip.h"

#include <cmath>

using namespace mpc;

namespace {

const SampleInput image = {"image", ElementType::F32, {-1, 2, 2}};
const SampleInput fixedPair = {"pair", ElementType::F32, {2, 3}};
const SampleInput state = {"state:0", ElementType::I64, {1, 2}};

class SampleSetTest : public TemporaryFolder {
protected:
  std::unique_ptr<SampleSet> open(const std::string &path,
                                  std::vector<SampleInput> inputs) {
    std::string error;
    auto set = SampleSet::open((folder / path).string(), inputs, error);
    EXPECT_NE(set, nullptr) << error;
    return set;
  }

  std::string errorOf(const std::string &path,
                      std::vector<SampleInput> inputs) {
    std::string error;
    auto set = SampleSet::open((folder / path).string(), inputs, error);
    std::vector<Tensor> sample;
    if (set) // or else the error is found while samples are read
      for (int64_t i = 0; i < set->size() && error.empty(); ++i)
        set->read(i, sample, error);
    return relative(error);
  }

  /// First elements of an input's samples.
  std::vector<double> firsts(SampleSet &set, size_t input = 0) {
    std::vector<double> result;
    std::vector<Tensor> sample;
    std::string error;
    for (int64_t i = 0; i < set.size(); ++i) {
      EXPECT_TRUE(set.read(i, sample, error)) << error;
      result.push_back(sample[input].valueAt(0));
    }
    return result;
  }

  void writeNpy(const std::string &name, const Tensor &tensor) {
    write(name, encodeNpy(tensor));
  }
};

Tensor images(int64_t count, float start = 0) {
  return makeRamp<float>(ElementType::F32, {count, 2, 2}, start);
}

TEST_F(SampleSetTest, OneArrayHasSamplesFirst) {
  writeNpy("x.npy", images(3));
  auto set = open("x.npy", {image});
  ASSERT_EQ(set->size(), 3);
  EXPECT_EQ(firsts(*set), (std::vector<double>{0, 4, 8}));
  std::vector<Tensor> sample;
  std::string error;
  ASSERT_TRUE(set->read(1, sample, error));
  EXPECT_EQ(sample[0].shape, (Shape{1, 2, 2}));
  EXPECT_EQ(sample[0].valueAt(3), 7.0);
}

TEST_F(SampleSetTest, AFixedBatchTakesSeveralRows) {
  writeNpy("x.npy", makeRamp<float>(ElementType::F32, {6, 3}));
  auto set = open("x.npy", {fixedPair});
  EXPECT_EQ(firsts(*set), (std::vector<double>{0, 6, 12}));
  writeNpy("y.npy", makeRamp<float>(ElementType::F32, {5, 2, 3}));
  EXPECT_EQ(firsts(*open("y.npy", {fixedPair})),
            (std::vector<double>{0, 6, 12, 18, 24}));
  writeNpy("z.npy", makeRamp<float>(ElementType::F32, {5, 3}));
  EXPECT_EQ(errorOf("z.npy", {fixedPair}),
            "z.npy: input 'pair': expected samples of shape 2x3, but got 5x3");
}

TEST_F(SampleSetTest, ArchivesAreKeyedByName) {
  std::vector<char> x = encodeNpy(images(3));
  std::vector<char> s =
      encodeNpy(makeRamp<int64_t>(ElementType::I64, {3, 2}, 100));
  for (bool deflated : {false, true}) {
    write("x.npz", makeZip({{"state:0.npy", s}, {"image.npy", x}}, deflated));
    auto set = open("x.npz", {image, state});
    EXPECT_EQ(firsts(*set, 0), (std::vector<double>{0, 4, 8}));
    EXPECT_EQ(firsts(*set, 1), (std::vector<double>{100, 102, 104}));
  }
  EXPECT_EQ(errorOf("x.npz", {image}), "x.npz: the model has no input "
                                       "'state:0', expected 'image'");
  write("y.npz", makeZip({{"image.npy", x}}));
  EXPECT_EQ(errorOf("y.npz", {image, state}),
            "y.npz: no array for input 'state:0'");
  s = encodeNpy(makeRamp<int64_t>(ElementType::I64, {2, 2}));
  write("z.npz", makeZip({{"state:0.npy", s}, {"image.npy", x}}));
  EXPECT_EQ(errorOf("z.npz", {image, state}),
            "z.npz: input 'state:0': expected 3 samples as in input 'image', "
            "but got 2");
}

TEST_F(SampleSetTest, FoldersOfArchivesOrArrays) {
  for (int i = 0; i < 12; ++i)
    write("npz/sample_" + std::to_string(i) + ".npz",
          makeZip({{"image.npy", encodeNpy(images(1, float(i)))}}));
  // In the order of the numbers, not of the letters.
  std::vector<double> numbers = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
  EXPECT_EQ(firsts(*open("npz", {image})), numbers);
  writeNpy("npy/a.npy", images(2));
  writeNpy("npy/b.npy", images(1, 50));
  EXPECT_EQ(firsts(*open("npy", {image})), (std::vector<double>{0, 4, 50}));
  writeNpy("named/image.npy", images(2));
  writeNpy("named/state_0.npy", makeRamp<int64_t>(ElementType::I64, {2, 2}, 7));
  EXPECT_EQ(firsts(*open("named", {image, state}), 1),
            (std::vector<double>{7, 9}));
}

TEST_F(SampleSetTest, SamplesCanBeReadInAnyOrder) {
  for (int i = 0; i < 3; ++i)
    writeNpy("x/" + std::to_string(i) + ".npy", images(2, float(100 * i)));
  auto set = open("x", {image});
  std::vector<Tensor> sample;
  std::string error;
  for (auto [index, first] : {std::pair{5, 204}, {0, 0}, {3, 104}, {2, 100}}) {
    ASSERT_TRUE(set->read(index, sample, error)) << error;
    EXPECT_EQ(sample[0].valueAt(0), first);
  }
}

TEST_F(SampleSetTest, OnnxTestData) {
  Tensor s = makeRamp<int64_t>(ElementType::I64, {1, 2}, 5);
  for (int i = 0; i < 2; ++i) {
    std::string set = "onnx/test_data_set_" + std::to_string(i);
    // By name, and by place where the file has none.
    write(set + "/input_0.pb",
          encodeTensorProto(images(1, float(i)), i ? "" : "image"));
    write(set + "/input_1.pb", encodeTensorProto(s, i ? "" : "state:0"));
    write(set + "/output_0.pb", std::string("not read"));
  }
  auto set = open("onnx", {image, state});
  EXPECT_EQ(firsts(*set, 0), (std::vector<double>{0, 1}));
  EXPECT_EQ(firsts(*set, 1), (std::vector<double>{5, 5}));
  EXPECT_EQ(open("onnx/test_data_set_1", {image, state})->size(), 1);
  std::filesystem::create_directory(folder / "onnx/test_data_set_2");
  EXPECT_EQ(errorOf("onnx", {image, state}),
            "onnx/test_data_set_2: expected files input_*.pb, but there is "
            "none");
}

TEST_F(SampleSetTest, ErrorsNameTheFile) {
  EXPECT_EQ(errorOf("nowhere.npy", {image}),
            "nowhere.npy: cannot open: no such file or directory");
  writeNpy("x.npy", makeRamp<float>(ElementType::F32, {4, 2, 3}));
  EXPECT_EQ(
      errorOf("x.npy", {image}),
      "x.npy: input 'image': expected samples of shape ?x2x2, but got 4x2x3");
  writeNpy("x.npy", makeRamp<int64_t>(ElementType::I64, {4, 2, 2}));
  EXPECT_EQ(errorOf("x.npy", {image}),
            "x.npy: input 'image': expected type f32, but got i64");
  writeNpy("x.npy", images(0));
  EXPECT_EQ(errorOf("x.npy", {image}),
            "x.npy: expected at least one sample, but there is none");
  writeNpy("x.npy", images(2));
  EXPECT_EQ(errorOf("x.npy", {image, state}),
            "x.npy: the model has 2 inputs ('image', 'state:0'): expected an "
            ".npz file keyed by input name, or a folder");
  EXPECT_EQ(errorOf("x.npy", {}),
            "x.npy: the model has no input that samples could be for");
  std::filesystem::create_directory(folder / "empty");
  EXPECT_EQ(errorOf("empty", {image}),
            "empty: the folder holds no samples: expected files (.npz, .npy, "
            ".jpg and .png, or test_data_set_*/input_*.pb)");
  writeNpy("mixed/x.npy", images(2));
  write("mixed/x.npz", makeZip({{"image.npy", encodeNpy(images(1))}}));
  EXPECT_EQ(
      errorOf("mixed", {image}),
      "mixed: expected one kind of samples (.npz, .npy, .jpg and .png, or "
      "test_data_set_*/input_*.pb), but got several");
}

TEST_F(SampleSetTest, NanAndInfinityAreErrors) {
  for (float value : {NAN, INFINITY}) {
    Tensor tensor = images(4);
    std::memcpy(tensor.data.data() + 4 * 9, &value, 4);
    writeNpy("x.npy", tensor);
    EXPECT_EQ(errorOf("x.npy", {image}),
              std::string("x.npy: sample 2 of input 'image' has ") +
                  (std::isnan(value) ? "a NaN" : "an infinity") +
                  " (element 1)");
  }
}

} // namespace
