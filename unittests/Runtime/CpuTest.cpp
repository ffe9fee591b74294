//===- CpuTest.cpp - Instruction sets: names and detection ----------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "cpu.h"

#include "gtest/gtest.h"

#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

TEST(Cpu, EveryLevelIsFoundByItsName) {
  for (size_t i = 0; i < mpc_rt_cpu_num_levels; ++i)
    EXPECT_EQ(mpc_rt_cpu_find_level(mpc_rt_cpu_levels[i].name),
              &mpc_rt_cpu_levels[i]);
  EXPECT_EQ(mpc_rt_cpu_find_level("z80"), nullptr);
  EXPECT_EQ(mpc_rt_cpu_find_level("x86-64-v"), nullptr);
  EXPECT_EQ(mpc_rt_cpu_find_level(""), nullptr);
}

TEST(Cpu, BestLevelIsTheLastThatFits) {
  EXPECT_EQ(mpc_rt_cpu_best_level(0), nullptr);
  for (const char *name : {"x86-64-v3", "cascadelake", "cooperlake",
                           "sapphirerapids", "sapphirerapids-amx"})
    EXPECT_STREQ(
        mpc_rt_cpu_best_level(mpc_rt_cpu_find_level(name)->features)->name,
        name);
}

TEST(Cpu, LevelsThatLLVMOrdersContainEachOther) {
  const char *chain[] = {"x86-64-v3",      "x86-64-v4",
                         "cascadelake",    "icelake-server",
                         "sapphirerapids", "sapphirerapids-amx"};
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(mpc_rt_cpu_find_level(chain[i])->features &
                  ~mpc_rt_cpu_find_level(chain[i + 1])->features,
              0u)
        << chain[i];
}

TEST(Cpu, OneLevelHasTileRegistersAndNothingElseMore) {
  const uint64_t tiles = MPC_RT_CPU_FEATURE(AMX_TILE) |
                         MPC_RT_CPU_FEATURE(AMX_INT8) |
                         MPC_RT_CPU_FEATURE(AMX_BF16);
  for (size_t i = 0; i < mpc_rt_cpu_num_levels; ++i) {
    const mpc_rt_cpu_level &level = mpc_rt_cpu_levels[i];
    bool has = std::string(level.name) == "sapphirerapids-amx";
    EXPECT_EQ(level.features & tiles, has ? tiles : 0) << level.name;
    // LLVM has no CPU of that name.
    EXPECT_STREQ(level.cpu, has ? "sapphirerapids" : level.name);
  }
  EXPECT_EQ(mpc_rt_cpu_find_level("sapphirerapids-amx")->features ^
                mpc_rt_cpu_find_level("sapphirerapids")->features,
            tiles);
  // Tile registers without their products are not the level.
  EXPECT_STREQ(
      mpc_rt_cpu_best_level(mpc_rt_cpu_find_level("sapphirerapids")->features |
                            MPC_RT_CPU_FEATURE(AMX_TILE))
          ->name,
      "sapphirerapids");
}

TEST(Cpu, DetectionAgreesWithTheKernel) {
  std::ifstream file("/proc/cpuinfo");
  std::set<std::string> flags;
  for (std::string line; std::getline(file, line);)
    if (line.rfind("flags", 0) == 0) {
      std::istringstream words(line.substr(line.find(':') + 1));
      for (std::string word; words >> word;)
        flags.insert(word);
      break;
    }
  if (flags.empty())
    GTEST_SKIP() << "no flags in /proc/cpuinfo";
  uint64_t has = mpc_rt_cpu_detect();
  auto detected = [&](uint64_t bit) { return (has & bit) != 0; };
  EXPECT_EQ(detected(MPC_RT_CPU_FEATURE(AVX2)), flags.count("avx2") != 0);
  EXPECT_EQ(detected(MPC_RT_CPU_FEATURE(LZCNT)), flags.count("abm") != 0);
  EXPECT_EQ(detected(MPC_RT_CPU_FEATURE(AVX512BW)),
            flags.count("avx512bw") != 0);
  EXPECT_EQ(detected(MPC_RT_CPU_FEATURE(AVX512VNNI)),
            flags.count("avx512_vnni") != 0);
  EXPECT_EQ(detected(MPC_RT_CPU_FEATURE(AVX512BF16)),
            flags.count("avx512_bf16") != 0);
  EXPECT_EQ(detected(MPC_RT_CPU_FEATURE(AVX512FP16)),
            flags.count("avx512_fp16") != 0);
  EXPECT_EQ(detected(MPC_RT_CPU_FEATURE(AVXVNNI)),
            flags.count("avx_vnni") != 0);
  EXPECT_EQ(detected(MPC_RT_CPU_FEATURE(GFNI)), flags.count("gfni") != 0);
  EXPECT_EQ(detected(MPC_RT_CPU_FEATURE(AMX_TILE)),
            flags.count("amx_tile") != 0);
  EXPECT_EQ(detected(MPC_RT_CPU_FEATURE(AMX_INT8)),
            flags.count("amx_int8") != 0);
  EXPECT_EQ(detected(MPC_RT_CPU_FEATURE(AMX_BF16)),
            flags.count("amx_bf16") != 0);
}

TEST(Cpu, OnlyTileRegistersTakeAPermission) {
  EXPECT_TRUE(mpc_rt_cpu_permit(0));
  EXPECT_TRUE(mpc_rt_cpu_permit(~MPC_RT_CPU_FEATURE(AMX_TILE)));
}

/// Sets the sizes of the tile registers, writes one, and gives them back: an
/// illegal instruction without the permission.
static void useTiles() {
  alignas(64) unsigned char sizes[64] = {1};
  sizes[16] = 64;
  sizes[48] = 16;
  asm volatile("ldtilecfg %0\ntilezero %%tmm0\ntilerelease" : : "m"(sizes));
}

TEST(Cpu, PermissionHoldsForAllThreadsAndIsAskedForAgain) {
  if (!(mpc_rt_cpu_detect() & MPC_RT_CPU_FEATURE(AMX_TILE)))
    GTEST_SKIP() << "no tile registers";
  if (!mpc_rt_cpu_permit(MPC_RT_CPU_FEATURE(AMX_TILE)))
    GTEST_SKIP() << "tile registers are not permitted";
  std::vector<int> permitted(4);
  std::vector<std::thread> threads;
  for (int &answer : permitted)
    threads.emplace_back([&answer] {
      for (int i = 0; i < 100; ++i)
        answer += mpc_rt_cpu_permit(MPC_RT_CPU_FEATURE(AMX_TILE));
      useTiles();
    });
  useTiles();
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(permitted, std::vector<int>(4, 100));
}
