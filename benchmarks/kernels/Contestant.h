//===- Contestant.h - What takes part in a race -----------------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_BENCHMARKS_CONTESTANT_H
#define MPC_BENCHMARKS_CONTESTANT_H

#include <nlohmann/json.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace mpc::bench {

/// Memory aligned to a page, as both sides like it best.
class Buffer {
public:
  explicit Buffer(size_t bytes = 0);
  char *data() const { return memory.get(); }
  size_t size() const { return bytes; }

private:
  std::unique_ptr<char, decltype(&std::free)> memory;
  size_t bytes;
};

/// The bytes of a file, from the start again where `bytes` is more than it has;
/// all of it if `bytes` is 0.
Buffer readFile(const std::string &path, size_t bytes = 0);

/// Element types, named as in the cases: f32 f16 bf16 u8 s8 s32.
size_t sizeOf(const std::string &type);
std::vector<double> toNumbers(const void *data, size_t bytes,
                              const std::string &type);

/// One way to compute what the case says. Everything that can be done once
/// (loading, packing weights) is done when it is made.
struct Contestant {
  /// One computation. What it leaves running, `finish` waits for.
  std::function<void()> run;
  std::function<void()> finish = [] {};
  /// What the last run computed, in the order of a dense tensor, channels last.
  std::function<std::vector<double>()> result;
  /// What it is, as it describes itself.
  std::string detail;
};

/// {"library": PATH, "input": FILE, "threads": N}: a library of mpc-compile
/// with one input and one output.
Contestant openLibrary(const nlohmann::json &spec);

/// {"onednn": "matmul" | "conv" | "softmax" | "layernorm" | "gelu", ...}: a
/// primitive, on one thread. The fields are those that OneDNN.cpp reads.
Contestant openOneDNN(const nlohmann::json &spec);
std::string getOneDNNVersion();

/// {"copy": BYTES}: reads so many bytes and writes as many, past the caches.
Contestant openCopy(size_t bytes);

} // namespace mpc::bench

#endif // MPC_BENCHMARKS_CONTESTANT_H
