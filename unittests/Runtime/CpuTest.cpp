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
  for (const char *name :
       {"x86-64-v3", "cascadelake", "cooperlake", "sapphirerapids"})
    EXPECT_STREQ(
        mpc_rt_cpu_best_level(mpc_rt_cpu_find_level(name)->features)->name,
        name);
}

TEST(Cpu, LevelsThatLLVMOrdersContainEachOther) {
  const char *chain[] = {"x86-64-v3", "x86-64-v4", "cascadelake",
                         "icelake-server", "sapphirerapids"};
  for (int i = 0; i < 4; ++i)
    EXPECT_EQ(mpc_rt_cpu_find_level(chain[i])->features &
                  ~mpc_rt_cpu_find_level(chain[i + 1])->features,
              0u)
        << chain[i];
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
}
