//===- Contestant.cpp - Data of a race ------------------------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Contestant.h"

#include <cmath>
#include <cstring>
#include <fstream>
#include <stdexcept>

#include <immintrin.h>

using namespace mpc::bench;

static constexpr size_t page = 4096;

Buffer::Buffer(size_t bytes) : memory(nullptr, &std::free), bytes(bytes) {
  size_t rounded = (bytes + page) / page * page;
  memory.reset(static_cast<char *>(std::aligned_alloc(page, rounded)));
  if (!memory)
    throw std::runtime_error("out of memory: " + std::to_string(bytes) +
                             " bytes");
  // Touched, so that no page fault is timed.
  std::memset(memory.get(), 0, rounded);
}

Buffer mpc::bench::readFile(const std::string &path, size_t bytes) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file)
    throw std::runtime_error(path + ": cannot open");
  size_t size = size_t(file.tellg());
  file.seekg(0);
  if (!bytes)
    bytes = size;
  Buffer buffer(bytes);
  size_t first = std::min(size, bytes);
  if (!file.read(buffer.data(), std::streamsize(first)) || !first)
    throw std::runtime_error(path + ": expected more bytes");
  for (size_t done = first; done < bytes; done += first)
    std::memcpy(buffer.data() + done, buffer.data(),
                std::min(first, bytes - done));
  return buffer;
}

size_t mpc::bench::sizeOf(const std::string &type) {
  if (type == "f32" || type == "s32")
    return 4;
  if (type == "f16" || type == "bf16")
    return 2;
  if (type == "u8" || type == "s8")
    return 1;
  throw std::runtime_error("unknown element type: " + type);
}

static double fromHalf(uint16_t bits) {
  int exponent = bits >> 10 & 31, fraction = bits & 1023;
  double value = exponent == 31  ? (fraction ? NAN : INFINITY)
                 : exponent == 0 ? std::ldexp(fraction, -24)
                                 : std::ldexp(fraction + 1024, exponent - 25);
  return bits >> 15 ? -value : value;
}

static double fromBFloat(uint16_t bits) {
  uint32_t wide = uint32_t(bits) << 16;
  float value;
  std::memcpy(&value, &wide, sizeof(value));
  return value;
}

std::vector<double> mpc::bench::toNumbers(const void *data, size_t bytes,
                                          const std::string &type) {
  std::vector<double> numbers(bytes / sizeOf(type));
  for (size_t i = 0; i < numbers.size(); ++i)
    numbers[i] = type == "f32"   ? static_cast<const float *>(data)[i]
                 : type == "s32" ? static_cast<const int32_t *>(data)[i]
                 : type == "u8"  ? static_cast<const uint8_t *>(data)[i]
                 : type == "s8"  ? static_cast<const int8_t *>(data)[i]
                 : type == "bf16"
                     ? fromBFloat(static_cast<const uint16_t *>(data)[i])
                     : fromHalf(static_cast<const uint16_t *>(data)[i]);
  return numbers;
}

Contestant mpc::bench::openCopy(size_t bytes) {
  auto from = std::make_shared<Buffer>(bytes);
  auto to = std::make_shared<Buffer>(bytes);
  Contestant copy;
  // Stores past the caches, which need not read what they overwrite.
  copy.run = [=] {
    auto *in = reinterpret_cast<const __m128i *>(from->data());
    auto *out = reinterpret_cast<__m128i *>(to->data());
    for (size_t i = 0, e = bytes / sizeof(__m128i); i < e; ++i)
      _mm_stream_si128(out + i, _mm_load_si128(in + i));
    _mm_sfence();
  };
  copy.detail = "copy with non-temporal stores";
  return copy;
}
