/*===- FakeModel.c - A model written by hand, for tests of the runtime ----===*\
|*
|* Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
|* See LICENSE for license information.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
|*===----------------------------------------------------------------------===*|
|*
|* What lib/Target emits, in C: the structures of runtime/model.h and code that
|* takes memref descriptors. Compiled with
|*   FAKE_BATCH  the first size of x and y: MPC_BATCH (symbolic) or a number
|*   FAKE_DTYPE  the type of x and y; with any but MPC_F32 the model copies
|*   FAKE_TILES  1: for x86-64-v3 and for tile registers; 2: only for those
|* and linked with the runtime as an emitted library is.
|*
|* Entry "main": y[batch, 4] = 2 * x[batch, 4] + weights[4], by way of the
arena.
|* Entry "probe": from mode[] (i32) makes report[16] (i64); see probe().
|*
\*===----------------------------------------------------------------------===*/

#include "cpu.h"
#include "model.h"
#include "mpc/runtime.h"

#include <stddef.h>

#ifndef FAKE_BATCH
#define FAKE_BATCH MPC_BATCH
#endif
#ifndef FAKE_DTYPE
#define FAKE_DTYPE MPC_F32
#endif
#define FAKE_CONCAT2(A, B) A##B
#define FAKE_CONCAT(A, B) FAKE_CONCAT2(A, B)
#ifndef FAKE_TILES
#define FAKE_TILES 0
#endif
#ifndef FAKE_PREFIX
#define FAKE_PREFIX fake
#endif

enum { COLUMNS = 4 };

static const _Alignas(64) float weights[COLUMNS] = {1, 0, -1, 0.5f};

typedef struct {
  void *allocated, *aligned;
  int64_t offset, sizes[2], strides[2];
} Matrix;

typedef struct {
  void *allocated, *aligned;
  int64_t offset, sizes[1], strides[1];
} Vector;

typedef struct {
  const float *x, *w;
  float *y, *arena;
} Args;

static void twice(const void *args, int64_t lo, int64_t hi) {
  const Args *a = args;
  for (int64_t i = lo * COLUMNS; i < hi * COLUMNS; ++i)
    a->arena[i] = 2 * a->x[i];
}

static void addWeights(const void *args, int64_t lo, int64_t hi) {
  const Args *a = args;
  for (int64_t i = lo; i < hi; ++i)
    for (int64_t j = 0; j < COLUMNS; ++j)
      a->y[i * COLUMNS + j] = a->arena[i * COLUMNS + j] + a->w[j];
}

/* As generated code does it. */
static void begin(mpc_rt_env *env, uint32_t group) {
  if (*(void **)env)
    mpc_rt_begin_group(env, group);
}

static void run(mpc_rt_env *env, void *const *descs) {
  const Matrix *x = descs[0], *y = descs[1];
  const Vector *arena = descs[2], *w = descs[3];
  if (FAKE_DTYPE != MPC_F32) {
    size_t bytes = (size_t)(x->sizes[0] * COLUMNS) *
                   (FAKE_DTYPE == MPC_U8 || FAKE_DTYPE == MPC_I8 ? 1 : 2);
    for (size_t i = 0; i < bytes; ++i)
      ((char *)y->aligned)[i] = ((const char *)x->aligned)[i];
    return;
  }
  Args args = {x->aligned, w->aligned, y->aligned, arena->aligned};
  begin(env, 0);
  mpc_rt_parallel_for(env, twice, &args, x->sizes[0], 0);
  begin(env, 1);
  mpc_rt_parallel_for(env, addWeights, &args, x->sizes[0], 1000000);
  begin(env, UINT32_MAX);
}

typedef struct {
  mpc_rt_env *env;
  int64_t *report;
} ProbeArgs;

static void countCalls(const void *args, int64_t lo, int64_t hi) {
  int64_t *count = (int64_t *)(uintptr_t)args;
  (void)lo, (void)hi;
  ++*count;
}

static void probeRange(const void *args, int64_t lo, int64_t hi) {
  const ProbeArgs *a = args;
  for (int64_t i = lo; i < hi; ++i)
    a->report[i] = (int64_t)__builtin_ia32_stmxcsr();
  /* A loop within a loop runs inline: one range. */
  int64_t calls = 0;
  mpc_rt_parallel_for(a->env, countCalls, &calls, 100, 0);
  if (calls != 1)
    a->report[lo] = -calls;
}

static void countRanges(const void *args, int64_t lo, int64_t hi) {
  (void)lo, (void)hi;
  __atomic_fetch_add((int64_t *)(uintptr_t)args, 1, __ATOMIC_RELAXED);
}

/* report[0..7]: the MXCSR in eight iterations of a parallel loop; [8]: in the
 * caller; [9]: ranges of a loop too cheap to split; [10]: alignment of the
 * arena; [11]: ranges of a loop worth splitting; [12]: 1 as soon as the call is
 * in progress, which it is until mode[0] is 0. */
static void probe(mpc_rt_env *env, void *const *descs) {
  const Vector *mode = descs[0], *report = descs[1], *arena = descs[2];
  int64_t *out = report->aligned;
  for (int i = 0; i < 16; ++i)
    out[i] = 0;
  out[8] = (int64_t)__builtin_ia32_stmxcsr();
  ProbeArgs args = {env, out};
  mpc_rt_parallel_for(env, probeRange, &args, 8, 1000000);
  mpc_rt_parallel_for(env, countCalls, &out[9], 1000, 1);
  out[10] = (int64_t)((uintptr_t)arena->aligned % MPC_RT_ALIGNMENT);
  mpc_rt_parallel_for(env, countRanges, &out[11], 1000, 1000000);
  __atomic_store_n(&out[12], 1, __ATOMIC_RELEASE);
  while (__atomic_load_n((const int32_t *)mode->aligned, __ATOMIC_ACQUIRE))
    __builtin_ia32_pause();
}

static const int64_t matrix[2] = {FAKE_BATCH, COLUMNS}, modes[1] = {1},
                     reports[1] = {16};
static const mpc_rt_tensor inputs[] = {{"x", FAKE_DTYPE, 2, matrix},
                                       {"mode", MPC_I32, 1, modes}};
static const mpc_rt_tensor outputs[] = {{"y/out:0", FAKE_DTYPE, 2, matrix},
                                        {"report", MPC_I64, 1, reports}};
static const mpc_rt_entry_info entries[] = {
    {"main", 1, 1, &inputs[0], &outputs[0], 0, sizeof(weights)},
    {"probe", 1, 1, &inputs[1], &outputs[1], 0, sizeof(weights)}};
static const mpc_rt_entry_fn functions[] = {run, probe};
static const mpc_rt_affine arenas[] = {
    {64, FAKE_BATCH == MPC_BATCH ? COLUMNS * sizeof(float) : 0}, {64, 0}};
/* The first variants run anywhere; the last one nowhere, or where there are
 * tile registers that may be used. */
static const mpc_rt_variant variants[] = {
#if FAKE_TILES != 2
    {"x86-64-v3", 0, functions, arenas},
#endif
#if FAKE_TILES
    {"sapphirerapids-amx", MPC_RT_CPU_FEATURE(AMX_TILE), functions, arenas}};
#else
    {"x86-64-v4", 0, functions, arenas},
    {"sapphirerapids", MPC_RT_CPU_FEATURE(AVX2) | (UINT64_C(1) << 62),
     functions, arenas}};
#endif

static const char manifest[] =
    "{\"format\": 1, \"entries\": [{\"name\": \"main\", \"inputs\": "
    "[{\"name\": \"x\", \"range\": [-10.0, 10.0]}]}]}";

static const mpc_rt_model model = {
    MPC_RT_VERSION,  2,        sizeof(variants) / sizeof(variants[0]),
    entries,         variants, weights,
    sizeof(weights), manifest, sizeof(manifest) - 1};

__attribute__((visibility("default"))) const void *
mpc_model_query(uint32_t maxAbi) {
  return mpc_rt_query(&model, maxAbi);
}

__attribute__((visibility("default"))) const void *
FAKE_CONCAT(FAKE_PREFIX, _query)(uint32_t maxAbi) {
  return mpc_rt_query(&model, maxAbi);
}
