/*===- cpu.c - Instruction sets: names, features, detection ---------------===*\
|*
|* Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
|* See LICENSE for license information.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
\*===----------------------------------------------------------------------===*/

#include "cpu.h"

#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#define F(NAME) MPC_RT_CPU_FEATURE(NAME)

/* The x86-64 psABI's micro-architecture levels. */
#define LEVEL_V3                                                               \
  (F(AVX) | F(AVX2) | F(FMA) | F(F16C) | F(BMI) | F(BMI2) | F(LZCNT) |         \
   F(MOVBE) | F(POPCNT) | F(SSE3) | F(SSSE3) | F(SSE41) | F(SSE42) | F(CX16) | \
   F(SAHF) | F(XSAVE))
#define LEVEL_V4                                                               \
  (LEVEL_V3 | F(AVX512F) | F(AVX512BW) | F(AVX512CD) | F(AVX512DQ) |           \
   F(AVX512VL))
#define LEVEL_CASCADELAKE (LEVEL_V4 | F(AVX512VNNI))
#define LEVEL_COOPERLAKE (LEVEL_CASCADELAKE | F(AVX512BF16))
#define LEVEL_ICELAKE                                                          \
  (LEVEL_CASCADELAKE | F(AVX512VBMI) | F(AVX512VBMI2) | F(AVX512IFMA) |        \
   F(AVX512BITALG) | F(AVX512VPOPCNTDQ) | F(GFNI))
#define LEVEL_ZNVER4 (LEVEL_ICELAKE | F(AVX512BF16))
#define LEVEL_SAPPHIRERAPIDS                                                   \
  (LEVEL_ICELAKE | F(AVX512BF16) | F(AVX512FP16) | F(AVXVNNI))

#define LEVEL_SAPPHIRERAPIDS_AMX                                               \
  (LEVEL_SAPPHIRERAPIDS | F(AMX_TILE) | F(AMX_INT8) | F(AMX_BF16))

/* AMX is a level of its own: virtual machines often hide it, and using it takes
 * a permission from the kernel. */
const mpc_rt_cpu_level mpc_rt_cpu_levels[] = {
    {"x86-64-v3", "x86-64-v3", LEVEL_V3},
    {"x86-64-v4", "x86-64-v4", LEVEL_V4},
    {"cascadelake", "cascadelake", LEVEL_CASCADELAKE},
    {"cooperlake", "cooperlake", LEVEL_COOPERLAKE},
    {"icelake-server", "icelake-server", LEVEL_ICELAKE},
    {"znver4", "znver4", LEVEL_ZNVER4},
    {"sapphirerapids", "sapphirerapids", LEVEL_SAPPHIRERAPIDS},
    {"sapphirerapids-amx", "sapphirerapids", LEVEL_SAPPHIRERAPIDS_AMX},
};
const size_t mpc_rt_cpu_num_levels =
    sizeof(mpc_rt_cpu_levels) / sizeof(mpc_rt_cpu_levels[0]);

static int equal(const char *a, const char *b) {
  while (*a && *a == *b)
    ++a, ++b;
  return *a == *b;
}

const mpc_rt_cpu_level *mpc_rt_cpu_find_level(const char *name) {
  for (size_t i = 0; i < mpc_rt_cpu_num_levels; ++i)
    if (equal(name, mpc_rt_cpu_levels[i].name))
      return &mpc_rt_cpu_levels[i];
  return NULL;
}

const mpc_rt_cpu_level *mpc_rt_cpu_best_level(uint64_t features) {
  for (size_t i = mpc_rt_cpu_num_levels; i-- > 0;)
    if ((mpc_rt_cpu_levels[i].features & ~features) == 0)
      return &mpc_rt_cpu_levels[i];
  return NULL;
}

const char *mpc_rt_cpu_feature_name(unsigned bit) {
  switch (bit) {
#define CASE(NAME, LLVM_NAME, BIT)                                             \
  case BIT:                                                                    \
    return LLVM_NAME;
    MPC_RT_CPU_FEATURES(CASE)
#undef CASE
  }
  return "an unknown feature";
}

/* XGETBV by its opcode: the mnemonic needs -mxsave, which would let the
 * compiler use it elsewhere. */
static uint64_t enabledStates(void) {
  uint32_t low, high;
  __asm__ volatile(".byte 0x0f, 0x01, 0xd0" : "=a"(low), "=d"(high) : "c"(0));
  return (uint64_t)high << 32 | low;
}

/* Bit numbers: Intel SDM volume 2, CPUID; AMD APM volume 3, appendix E. */
uint64_t mpc_rt_cpu_detect(void) {
  uint64_t has = 0;
  uint32_t a, b, c, d;
#define TEST(REGISTER, BIT, NAME) has |= REGISTER >> BIT & 1 ? F(NAME) : 0
  if (!__get_cpuid(1, &a, &b, &c, &d))
    return 0;
  TEST(c, 0, SSE3);
  TEST(c, 9, SSSE3);
  TEST(c, 13, CX16);
  TEST(c, 19, SSE41);
  TEST(c, 20, SSE42);
  TEST(c, 22, MOVBE);
  TEST(c, 23, POPCNT);
  int osxsave = c >> 27 & 1;
  uint64_t states = osxsave ? enabledStates() : 0;
  int ymm = (states & 0x06) == 0x06;   /* XMM and upper YMM halves */
  int zmm = (states & 0xe6) == 0xe6;   /* also masks, ZMM, ZMM16-31 */
  int tiles = (states >> 17 & 3) == 3; /* their shapes, and themselves */
  if (osxsave)
    has |= F(XSAVE);
  if (ymm) {
    TEST(c, 12, FMA);
    TEST(c, 28, AVX);
    TEST(c, 29, F16C);
  }
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d)) {
    uint32_t subleaves = a;
    TEST(b, 3, BMI);
    TEST(b, 8, BMI2);
    TEST(c, 8, GFNI);
    if (ymm)
      TEST(b, 5, AVX2);
    if (zmm) {
      TEST(b, 16, AVX512F);
      TEST(b, 17, AVX512DQ);
      TEST(b, 21, AVX512IFMA);
      TEST(b, 28, AVX512CD);
      TEST(b, 30, AVX512BW);
      TEST(b, 31, AVX512VL);
      TEST(c, 1, AVX512VBMI);
      TEST(c, 6, AVX512VBMI2);
      TEST(c, 11, AVX512VNNI);
      TEST(c, 12, AVX512BITALG);
      TEST(c, 14, AVX512VPOPCNTDQ);
      TEST(d, 23, AVX512FP16);
    }
    if (tiles) {
      TEST(d, 22, AMX_BF16);
      TEST(d, 24, AMX_TILE);
      TEST(d, 25, AMX_INT8);
    }
    if (subleaves >= 1 && __get_cpuid_count(7, 1, &a, &b, &c, &d)) {
      if (ymm)
        TEST(a, 4, AVXVNNI);
      if (zmm)
        TEST(a, 5, AVX512BF16);
    }
  }
  if (__get_cpuid(0x80000001, &a, &b, &c, &d)) {
    TEST(c, 0, SAHF);
    TEST(c, 5, LZCNT);
  }
#undef TEST
  return has;
}

int mpc_rt_cpu_permit(uint64_t features) {
  /* asm/prctl.h of Linux 5.16 or later. */
  enum { requestPermission = 0x1023, tileData = 18 };
  return !(features & F(AMX_TILE)) ||
         syscall(SYS_arch_prctl, requestPermission, tileData) == 0;
}
