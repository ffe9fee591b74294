//===- TemporaryFolder.h - Files for a test ---------------------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_UNITTESTS_SUPPORT_TEMPORARYFOLDER_H
#define MPC_UNITTESTS_SUPPORT_TEMPORARYFOLDER_H

#include "mpc/Support/TensorFile.h"

#include "gtest/gtest.h"

#include <cstring>
#include <filesystem>
#include <fstream>

namespace mpc {

/// A folder that exists as long as the test.
class TemporaryFolder : public ::testing::Test {
protected:
  void SetUp() override {
    std::string name =
        (std::filesystem::temp_directory_path() / "mpc-test-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder); }

  /// Writes a file, making the folders above it.
  std::string write(const std::string &name, const std::vector<char> &bytes) {
    std::filesystem::path path = folder / name;
    std::filesystem::create_directories(path.parent_path());
    // Some file systems write a file that is truncated to the disk at once.
    std::filesystem::remove(path);
    std::ofstream(path, std::ios::binary)
        .write(bytes.data(), std::streamsize(bytes.size()));
    return path.string();
  }
  std::string write(const std::string &name, const std::string &text) {
    return write(name, std::vector<char>(text.begin(), text.end()));
  }

  /// The error without the path of the folder.
  std::string relative(std::string text) const {
    std::string prefix = folder.string() + "/";
    for (size_t at; (at = text.find(prefix)) != std::string::npos;)
      text.erase(at, prefix.size());
    return text;
  }

  std::filesystem::path folder;
};

/// A tensor whose elements are start, start + 1, ...
template <typename T>
Tensor makeRamp(ElementType type, const Shape &shape, T start = T(0)) {
  Tensor tensor;
  tensor.type = type;
  tensor.shape = shape;
  int64_t count = *countElements(shape);
  tensor.data.resize(size_t(count) * sizeof(T));
  for (int64_t i = 0; i < count; ++i) {
    T value = T(start + T(i));
    std::memcpy(tensor.data.data() + size_t(i) * sizeof(T), &value, sizeof(T));
  }
  return tensor;
}

} // namespace mpc

#endif // MPC_UNITTESTS_SUPPORT_TEMPORARYFOLDER_H
