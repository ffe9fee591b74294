/*===- cpu.h - Instruction sets: names, features, detection -------*- C -*-===*\
|*
|* Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
|* See LICENSE for license information.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
|*===----------------------------------------------------------------------===*|
|*
|* The one table of instruction sets. The compiler takes from it the names that
|* --march accepts and the features that it may generate code with; a library's
|* runtime takes from it what the machine has. A level never lists a feature
|* that the compiler could use and the runtime does not check.
|*
\*===----------------------------------------------------------------------===*/

#ifndef MPC_RUNTIME_CPU_H
#define MPC_RUNTIME_CPU_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Bits of a feature set. Their numbers are part of the emitted objects: only
 * append. The second column is LLVM's name (mpc_rt_cpu_feature_name). */
#define MPC_RT_CPU_FEATURES(X)                                                 \
  X(AVX, "avx", 0)                                                             \
  X(AVX2, "avx2", 1)                                                           \
  X(FMA, "fma", 2)                                                             \
  X(F16C, "f16c", 3)                                                           \
  X(BMI, "bmi", 4)                                                             \
  X(BMI2, "bmi2", 5)                                                           \
  X(LZCNT, "lzcnt", 6)                                                         \
  X(MOVBE, "movbe", 7)                                                         \
  X(POPCNT, "popcnt", 8)                                                       \
  X(SSE3, "sse3", 9)                                                           \
  X(SSSE3, "ssse3", 10)                                                        \
  X(SSE41, "sse4.1", 11)                                                       \
  X(SSE42, "sse4.2", 12)                                                       \
  X(CX16, "cx16", 13)                                                          \
  X(SAHF, "sahf", 14)                                                          \
  X(XSAVE, "xsave", 15)                                                        \
  X(AVX512F, "avx512f", 16)                                                    \
  X(AVX512BW, "avx512bw", 17)                                                  \
  X(AVX512CD, "avx512cd", 18)                                                  \
  X(AVX512DQ, "avx512dq", 19)                                                  \
  X(AVX512VL, "avx512vl", 20)                                                  \
  X(AVX512VNNI, "avx512vnni", 21)                                              \
  X(AVX512BF16, "avx512bf16", 22)                                              \
  X(AVX512FP16, "avx512fp16", 23)                                              \
  X(AVX512VBMI, "avx512vbmi", 24)                                              \
  X(AVX512VBMI2, "avx512vbmi2", 25)                                            \
  X(AVX512IFMA, "avx512ifma", 26)                                              \
  X(AVX512BITALG, "avx512bitalg", 27)                                          \
  X(AVX512VPOPCNTDQ, "avx512vpopcntdq", 28)                                    \
  X(GFNI, "gfni", 29)                                                          \
  X(AVXVNNI, "avxvnni", 30)                                                    \
  X(AMX_TILE, "amx-tile", 31)                                                  \
  X(AMX_INT8, "amx-int8", 32)                                                  \
  X(AMX_BF16, "amx-bf16", 33)

enum {
#define MPC_RT_CPU_BIT(NAME, LLVM_NAME, BIT) MPC_RT_CPU_BIT_##NAME = BIT,
  MPC_RT_CPU_FEATURES(MPC_RT_CPU_BIT)
#undef MPC_RT_CPU_BIT
      MPC_RT_CPU_NUM_FEATURES
};

#define MPC_RT_CPU_FEATURE(NAME) (UINT64_C(1) << MPC_RT_CPU_BIT_##NAME)

/* A name that --march, --isa and MPC_ISA accept. */
typedef struct {
  const char *name;
  const char *cpu; /* LLVM's name of the CPU to tune for */
  uint64_t features;
} mpc_rt_cpu_level;

/* The levels, the least demanding first, and how many there are. */
extern const mpc_rt_cpu_level mpc_rt_cpu_levels[];
extern const size_t mpc_rt_cpu_num_levels;

/* The level of that name, NULL if there is none. */
const mpc_rt_cpu_level *mpc_rt_cpu_find_level(const char *name);

/* The last level that a machine with these features can run, NULL if none. */
const mpc_rt_cpu_level *mpc_rt_cpu_best_level(uint64_t features);

/* LLVM's name of a feature bit (0 to MPC_RT_CPU_NUM_FEATURES - 1). */
const char *mpc_rt_cpu_feature_name(unsigned bit);

/* What this machine has and its operating system saves on a task switch. */
uint64_t mpc_rt_cpu_detect(void);

/* Asks the operating system for what a process may use of `features` only with
 * its permission: tile registers, which make the frames of signals larger.
 * Returns 0 if it refuses, as where a thread has an alternate signal stack that
 * is too small for them (Linux, Documentation/arch/x86/xstate.rst). */
int mpc_rt_cpu_permit(uint64_t features);

#ifdef __cplusplus
}
#endif

#endif /* MPC_RUNTIME_CPU_H */
