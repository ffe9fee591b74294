//===- Peak.cpp - What a core can multiply at most ------------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Chains of multiply-accumulate instructions that do not wait for each other
// and touch no memory: what no kernel can pass.
//
//===----------------------------------------------------------------------===//

#include "Profile.h"

#include <algorithm>
#include <chrono>
#include <immintrin.h>

using namespace mpc::run;

namespace {

/// Chains enough to hide a latency of 4 or 5 cycles at two per cycle.
constexpr int numChains = 12;
constexpr int64_t steps = 20000;

// A loop over the chains of one instruction. The empty asm keeps the compiler
// from computing what it could know.
#define MPC_CHAINS(TYPE, ZERO, STEP, SINK)                                     \
  TYPE chains[numChains];                                                      \
  for (int c = 0; c < numChains; ++c)                                          \
    chains[c] = ZERO;                                                          \
  for (int64_t i = 0; i < steps; ++i) {                                        \
    _Pragma("GCC unroll 12") for (int c = 0; c < numChains; ++c) {             \
      chains[c] = STEP;                                                        \
      asm volatile("" : "+x"(chains[c]));                                      \
    }                                                                          \
  }                                                                            \
  for (int c = 0; c < numChains; ++c)                                          \
    asm volatile("" : : SINK(chains[c]))

__attribute__((target("avx2,fma"))) void runFma256() {
  __m256 a = _mm256_set1_ps(0.5f);
  asm volatile("" : "+x"(a));
  MPC_CHAINS(__m256, _mm256_setzero_ps(), _mm256_fmadd_ps(a, a, chains[c]),
             "x");
}

/// Two instructions, as where there is no dot product of bytes.
__attribute__((target("avx2,fma"))) void runMadd256() {
  __m256i a = _mm256_set1_epi16(3);
  asm volatile("" : "+x"(a));
  MPC_CHAINS(__m256i, _mm256_setzero_si256(),
             _mm256_add_epi32(chains[c],
                              _mm256_madd_epi16(a, _mm256_xor_si256(
                                                       a, chains[c]))),
             "x");
}

__attribute__((target("avx512f,avx512bw"))) void runFma512() {
  __m512 a = _mm512_set1_ps(0.5f);
  asm volatile("" : "+v"(a));
  MPC_CHAINS(__m512, _mm512_setzero_ps(), _mm512_fmadd_ps(a, a, chains[c]),
             "v");
}

__attribute__((target("avx512f,avx512bw"))) void runMadd512() {
  __m512i a = _mm512_set1_epi16(3);
  asm volatile("" : "+v"(a));
  MPC_CHAINS(__m512i, _mm512_setzero_si512(),
             _mm512_add_epi32(chains[c],
                              _mm512_madd_epi16(a, _mm512_xor_si512(
                                                       a, chains[c]))),
             "v");
}

__attribute__((target("avx512f,avx512bw,avx512vnni"))) void runDot512() {
  __m512i a = _mm512_set1_epi8(3);
  asm volatile("" : "+v"(a));
  MPC_CHAINS(__m512i, _mm512_setzero_si512(),
             _mm512_dpbusd_epi32(chains[c], a, a), "v");
}

/// 10⁹ operations per second of a run of `operations`; the best of several,
/// since nothing makes a core faster than it is.
double time(void (*run)(), double operations) {
  double best = 0;
  for (int i = 0; i < 20; ++i) {
    auto start = std::chrono::steady_clock::now();
    run();
    double ns = std::chrono::duration<double, std::nano>(
                    std::chrono::steady_clock::now() - start)
                    .count();
    if (ns > 0)
      best = std::max(best, operations / ns);
  }
  return best;
}

} // namespace

Peak mpc::run::measurePeak(const std::string &isa) {
  Peak peak;
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma"))
    return peak;
  double count = 2.0 * numChains * double(steps);
  bool isNarrow = isa == "x86-64-v3";
  bool hasWide = !isNarrow && __builtin_cpu_supports("avx512f") &&
                 __builtin_cpu_supports("avx512bw");
  bool hasDot = hasWide && isa != "x86-64-v4" &&
                __builtin_cpu_supports("avx512vnni");
  peak.f32 = hasWide ? time(runFma512, count * 16) : time(runFma256, count * 8);
  peak.int8 = hasDot    ? time(runDot512, count * 64)
              : hasWide ? time(runMadd512, count * 32)
                        : time(runMadd256, count * 16);
  return peak;
}
