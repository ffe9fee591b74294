/*===- model.h - What the compiler emits and the runtime reads ----*- C -*-===*\
|*
|* Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
|* See LICENSE for license information.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
|*===----------------------------------------------------------------------===*|
|*
|* The contract between the objects that lib/Target emits and the runtime that
|* is linked to them. It is internal: both sides come from the same version, and
|* a change raises MPC_RT_VERSION. lib/Target builds these structures as LLVM
|* constants, so their fields' order and types stand there a second time.
|*
\*===----------------------------------------------------------------------===*/

#ifndef MPC_RUNTIME_MODEL_H
#define MPC_RUNTIME_MODEL_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MPC_RT_VERSION 3

/* The alignment of the arena and of the weights, and how many bytes past the
 * arena's last one may be read. */
#define MPC_RT_ALIGNMENT 64
#define MPC_RT_SLACK 64

/* A call in progress. Generated code passes it on, and reads the pointer that
 * it starts with: null unless groups are timed. */
typedef struct mpc_rt_env mpc_rt_env;

typedef void (*mpc_rt_range_fn)(const void *args, int64_t lo, int64_t hi);

/* Called by generated code: runs fn over [0, n), split statically over the
 * context's threads, and returns when all of it is done. Runs it inline where n
 * or n * cost is small. cost: estimated nanoseconds of one iteration, 0 where
 * unknown. */
void mpc_rt_parallel_for(mpc_rt_env *env, mpc_rt_range_fn fn, const void *args,
                         int64_t n, int64_t cost);

/* Called by generated code where it finds that it cannot compute what the
 * inputs ask for: the call goes on, and ends with MPC_ERROR_INPUT_VALUE and the
 * first sentence that was reported. */
void mpc_rt_report(mpc_rt_env *env, const char *sentence);

/* Called by generated code where that pointer is not null: what was computed
 * since the last call belongs to the last group, what follows to `group`, an
 * index into the manifest's groups of this entry, or to none (UINT32_MAX). */
void mpc_rt_begin_group(mpc_rt_env *env, uint32_t group);

typedef struct {
  const char *name;
  uint32_t dtype; /* mpc_dtype */
  uint32_t rank;
  const int64_t *dims; /* -1: the symbolic batch */
} mpc_rt_tensor;

/* Computes one entry. descs[i] points to an MLIR memref descriptor {void
 * *allocated, *aligned; int64_t offset, sizes[rank], strides[rank]}: inputs,
 * outputs, the arena (memref<?xi8>), the weights (memref<?xi8>), in that
 * order. */
typedef void (*mpc_rt_entry_fn)(mpc_rt_env *env, void *const *descs);

/* bytes = base + per_batch * batch */
typedef struct {
  int64_t base, per_batch;
} mpc_rt_affine;

typedef struct {
  const char *name;
  uint32_t num_inputs, num_outputs;
  const mpc_rt_tensor *inputs, *outputs;
  /* The entry's part of the weights. */
  uint64_t weights_offset, weights_bytes;
} mpc_rt_entry_info;

/* The code for one instruction set. */
typedef struct {
  const char *name;               /* as in --march */
  uint64_t features;              /* MPC_RT_CPU_* that the machine must have */
  const mpc_rt_entry_fn *entries; /* one per entry of the model */
  const mpc_rt_affine *arenas;    /* one per entry of the model */
  /* 10 times the compute capability of the only GPUs that have the
   * instructions of its kernels (90 for sm_90a); 0: no such condition */
  uint64_t capability;
} mpc_rt_variant;

typedef struct mpc_rt_observer mpc_rt_observer;
typedef struct mpc_rt_observations mpc_rt_observations;

/* How a model is observed. Behind its outputs the entry takes, for each
 * observed tensor, a memref<2xf32> for [min, max] and, with histograms, a
 * memref<4096xi64> for counts; then a memref<xi64> for the sums of each
 * contraction's channels. The functions are those of observer.h. */
struct mpc_rt_observer {
  uint32_t num_tensors;
  uint32_t histograms, moving_average; /* 0 or 1 */
  uint32_t num_inputs;     /* contractions whose channels are summed */
  const char *head;        /* of the table, up to the number of samples */
  const char *const *keys; /* of the table's rows, as JSON strings */
  const uint32_t *rows;    /* of each tensor, in the order of the entry */
  /* Of contractions, in the order of the table and of the entry. */
  const char *const *input_keys;
  const uint32_t *input_channels;
  mpc_rt_observations *(*create)(const mpc_rt_observer *observer);
  void (*destroy)(mpc_rt_observations *observations);
  uint32_t /* mpc_status */ (*take)(const mpc_rt_observer *observer,
                                    mpc_rt_observations *observations,
                                    uint64_t samples);
};

typedef struct {
  uint32_t rt_version; /* MPC_RT_VERSION */
  uint32_t num_entries, num_variants;
  const mpc_rt_entry_info *entries;
  const mpc_rt_variant *variants; /* the least demanding first, the best last */
  const void *weights;            /* aligned to MPC_RT_ALIGNMENT */
  uint64_t weights_bytes;
  const char *manifest; /* JSON, followed by a zero byte */
  uint64_t manifest_bytes;
  const mpc_rt_observer *observer; /* NULL: the model observes nothing */
} mpc_rt_model;

/* The function table (const mpc_model *) of a model, NULL if max_abi is less
 * than the runtime's. The emitted mpc_model_query and <prefix>_query tail-call
 * it. */
const void *mpc_rt_query(const mpc_rt_model *model, uint32_t max_abi);

#ifdef __cplusplus
}
#endif

#endif /* MPC_RUNTIME_MODEL_H */
