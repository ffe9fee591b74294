//===- Peak.cpp - What a core can multiply and read at most ---------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Chains of multiply-accumulate instructions that do not wait for each other
// and touch no memory, and loads that nobody waits for: what no kernel can
// pass.
//
//===----------------------------------------------------------------------===//

#include "Profile.h"

#include "cpu.h" // the runtime's

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>

using namespace mpc::run;

namespace {

/// Chains enough to hide a latency of 4 or 5 cycles at two per cycle.
constexpr int numChains = 12;
constexpr int64_t steps = 20000;

// Written in assembly, so that what is measured does not depend on how well
// this file is compiled. Registers 0 to 11 are the chains, 12 to 14 operands.
// clang-format off
#define MPC_ALL_CHAINS(STEP)                                                   \
  STEP(0) STEP(1) STEP(2) STEP(3) STEP(4) STEP(5) STEP(6) STEP(7) STEP(8)      \
      STEP(9) STEP(10) STEP(11)
// clang-format on
#define MPC_LOOP(STEP)                                                         \
  int64_t left = steps;                                                        \
  asm volatile("1:\n" MPC_ALL_CHAINS(STEP) "dec %0\njnz 1b\nvzeroupper\n"      \
               : "+r"(left)                                                    \
               :                                                               \
               : "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", \
                 "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13",   \
                 "xmm14")
// All operands are zero, lest a sum becomes subnormal or infinite.
#define MPC_ZERO                                                               \
  asm volatile("vzeroall"                                                      \
               :                                                               \
               :                                                               \
               : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6",       \
                 "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13",   \
                 "xmm14", "xmm15")

#define MPC_FMA256(I) "vfmadd231ps %%ymm12, %%ymm12, %%ymm" #I "\n"
#define MPC_FMA512(I) "vfmadd231ps %%zmm12, %%zmm12, %%zmm" #I "\n"
#define MPC_DOT512(I) "vpdpbusd %%zmm12, %%zmm12, %%zmm" #I "\n"
#define MPC_PAIR512(I) "vdpbf16ps %%zmm12, %%zmm12, %%zmm" #I "\n"
// Where there is no dot product of bytes: products of 16 bits, then a sum.
#define MPC_MADD256(I)                                                         \
  "vpmaddwd %%ymm12, %%ymm12, %%ymm13\nvpaddd %%ymm13, %%ymm" #I ", %%ymm" #I  \
  "\n"
#define MPC_MADD512(I)                                                         \
  "vpmaddwd %%zmm12, %%zmm12, %%zmm13\nvpaddd %%zmm13, %%zmm" #I ", %%zmm" #I  \
  "\n"

void runFma256() {
  MPC_ZERO;
  MPC_LOOP(MPC_FMA256);
}
void runMadd256() {
  MPC_ZERO;
  MPC_LOOP(MPC_MADD256);
}
void runFma512() {
  MPC_ZERO;
  MPC_LOOP(MPC_FMA512);
}
void runMadd512() {
  MPC_ZERO;
  MPC_LOOP(MPC_MADD512);
}
void runDot512() {
  MPC_ZERO;
  MPC_LOOP(MPC_DOT512);
}
void runPair512() {
  MPC_ZERO;
  MPC_LOOP(MPC_PAIR512);
}

/// Products of 16 rows by 16 columns, in four registers of sums as in compiled
/// kernels; 16 cycles of each hide the latency of 52. All registers have 16
/// rows of 64 bytes, and are zero.
constexpr int numTiles = 4;
#define MPC_TILE_LOOP(PRODUCT)                                                 \
  alignas(64) static const uint8_t sizes[64] = {                               \
      1,  0, 0,  0, 0,  0, 0,  0, 0,  0, 0, 0, 0,  0,  0,  0,  64, 0,          \
      64, 0, 64, 0, 64, 0, 64, 0, 64, 0, 0, 0, 0,  0,  0,  0,  0,  0,          \
      0,  0, 0,  0, 0,  0, 0,  0, 0,  0, 0, 0, 16, 16, 16, 16, 16, 16};        \
  int64_t left = steps;                                                        \
  asm volatile("ldtilecfg %1\n"                                                \
               "tilezero %%tmm0\ntilezero %%tmm1\ntilezero %%tmm2\n"           \
               "tilezero %%tmm3\ntilezero %%tmm4\ntilezero %%tmm5\n"           \
               "1:\n" PRODUCT " %%tmm5, %%tmm4, %%tmm0\n" PRODUCT              \
               " %%tmm5, %%tmm4, %%tmm1\n" PRODUCT                             \
               " %%tmm5, %%tmm4, %%tmm2\n" PRODUCT " %%tmm5, %%tmm4, %%tmm3\n" \
               "dec %0\njnz 1b\ntilerelease\n"                                 \
               : "+r"(left)                                                    \
               : "m"(sizes)                                                    \
               : "cc")

void runTileInt8() { MPC_TILE_LOOP("tdpbusd"); }
void runTileBF16() { MPC_TILE_LOOP("tdpbf16ps"); }

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

/// 10⁹ bytes per second of reading `bytes` bytes over and over.
double timeReading(const std::vector<char> &data, size_t bytes) {
  using Clock = std::chrono::steady_clock;
  size_t passes = std::max<size_t>(1, (size_t(1) << 21) / bytes);
  double best = 0;
  for (int i = 0; i < 5; ++i) {
    auto start = Clock::now();
    for (size_t pass = 0; pass < passes; ++pass) {
      const char *at = data.data(), *end = at + bytes;
      asm volatile("1:\nvmovups (%0), %%ymm0\nvmovups 32(%0), %%ymm1\n"
                   "vmovups 64(%0), %%ymm2\nvmovups 96(%0), %%ymm3\n"
                   "add $128, %0\ncmp %1, %0\njb 1b\nvzeroupper\n"
                   : "+r"(at)
                   : "r"(end)
                   : "cc", "memory", "xmm0", "xmm1", "xmm2", "xmm3");
    }
    double ns =
        std::chrono::duration<double, std::nano>(Clock::now() - start).count();
    if (ns > 0)
      best = std::max(best, double(passes * bytes) / ns);
  }
  return best;
}

} // namespace

double Bandwidth::of(double bytes) const {
  for (auto &[size, speed] : bySize)
    if (bytes <= size)
      return speed;
  return memory();
}

const Bandwidth &mpc::run::measureBandwidth() {
  static const Bandwidth measured = [] {
    Bandwidth bandwidth;
    if (!__builtin_cpu_supports("avx2"))
      return bandwidth;
    // Written to, so that it is memory and not one page of zeros.
    std::vector<char> data(size_t(128) << 20, 1);
    for (size_t kiB : {16, 128, 512, 2048, 8192, 24576, 131072})
      bandwidth.bySize.push_back(
          {double(kiB << 10), timeReading(data, kiB << 10)});
    // More is never faster than less.
    for (size_t i = bandwidth.bySize.size() - 1; i-- > 0;)
      bandwidth.bySize[i].second =
          std::max(bandwidth.bySize[i].second, bandwidth.bySize[i + 1].second);
    return bandwidth;
  }();
  return measured;
}

static Peak timePeak(const std::string &isa) {
  Peak peak;
  uint64_t features = mpc_rt_cpu_detect();
  if (const mpc_rt_cpu_level *level = mpc_rt_cpu_find_level(isa.c_str()))
    features &= level->features;
  auto has = [&](uint64_t all) { return (features & all) == all; };
  if (!has(MPC_RT_CPU_FEATURE(AVX2) | MPC_RT_CPU_FEATURE(FMA)))
    return peak;
  double count = 2.0 * numChains * double(steps);
  bool hasWide =
      has(MPC_RT_CPU_FEATURE(AVX512F) | MPC_RT_CPU_FEATURE(AVX512BW));
  bool hasTiles = has(MPC_RT_CPU_FEATURE(AMX_TILE)) &&
                  mpc_rt_cpu_permit(MPC_RT_CPU_FEATURE(AMX_TILE));
  double tileCount = 2.0 * numTiles * double(steps) * 16 * 16;
  peak.f32 = hasWide ? time(runFma512, count * 16) : time(runFma256, count * 8);
  if (hasTiles && has(MPC_RT_CPU_FEATURE(AMX_INT8)))
    peak.int8 = time(runTileInt8, tileCount * 64);
  else if (hasWide && has(MPC_RT_CPU_FEATURE(AVX512VNNI)))
    peak.int8 = time(runDot512, count * 64);
  else
    peak.int8 =
        hasWide ? time(runMadd512, count * 32) : time(runMadd256, count * 16);
  // Without products of bf16 that are faster, they are those of f32.
  peak.bf16 = peak.f32;
  if (hasTiles && has(MPC_RT_CPU_FEATURE(AMX_BF16)))
    peak.bf16 = std::max(peak.bf16, time(runTileBF16, tileCount * 32));
  else if (hasWide && has(MPC_RT_CPU_FEATURE(AVX512BF16)))
    peak.bf16 = std::max(peak.bf16, time(runPair512, count * 32));
  return peak;
}

Peak mpc::run::measurePeak(const std::string &isa) {
  static std::map<std::string, Peak> measured;
  auto [it, isNew] = measured.try_emplace(isa);
  if (isNew)
    it->second = timePeak(isa);
  return it->second;
}
