/*===- context.c - One caller's way to run a model ------------------------===*\
|*
|* Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
|* See LICENSE for license information.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
\*===----------------------------------------------------------------------===*/

#include "context.h"

#include "binding.h"
#include "error.h"
#include "isa.h"
#include "observer.h"
#include "pool.h"
#include "profile.h"
#include "threads.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct mpc_context {
  mpc_rt_env env;
  const mpc_rt_model *model;
  const mpc_rt_variant *variant;
  _Atomic int busy; /* a call is in progress */

  void *arena;
  uint64_t arenaBytes;
  int ownsArena;

  const char *weights; /* the library's, or the copy in huge pages */

  /* The generated code's arguments, for the entry that needs most of them:
   * pointers and, behind them, what they point to. */
  void **descs;
  uint64_t *storage;

  mpc_rt_observations *observations; /* of a model that observes */

  struct mpc_context *next; /* in `contexts` */
};

/* All contexts, for the end of the library. The lock holds the process that
 * took it: a child that was forked meanwhile takes it over, as the thread that
 * would release it is not there. List operations are single stores, so what
 * the child finds is whole. */
static mpc_context *contexts;
static _Atomic pid_t contextsLock;

static void lockContexts(void) {
  pid_t self = getpid();
  for (;;) {
    pid_t holder = 0;
    if (atomic_compare_exchange_strong(&contextsLock, &holder, self))
      return;
    if (holder != self &&
        atomic_compare_exchange_strong(&contextsLock, &holder, self))
      return;
    __builtin_ia32_pause();
  }
}

static void unlockContexts(void) { atomic_store(&contextsLock, 0); }

mpc_status mpc_rt_workspace(const mpc_rt_variant *variant, uint32_t entry,
                            int64_t batch, uint64_t *bytes) {
  const mpc_rt_affine *arena = &variant->arenas[entry];
  int64_t size;
  if (batch < 1)
    return mpc_rt_fail(MPC_ERROR_INVALID_ARGUMENT,
                       "expected a batch of at least 1, but got %lld",
                       (long long)batch);
  if (__builtin_mul_overflow(arena->per_batch, batch, &size) ||
      __builtin_add_overflow(size, arena->base + MPC_RT_SLACK, &size))
    return mpc_rt_fail(MPC_ERROR_OUT_OF_MEMORY,
                       "batch %lld needs more memory than can be addressed",
                       (long long)batch);
  *bytes = (uint64_t)size;
  return MPC_OK;
}

/* The page size that spares large arenas most misses of the TLB. */
enum { HUGE_PAGE_BYTES = 1 << 21 };

/* The library's weights once more, in huge pages, while contexts use them.
 * Pages of a file, which processes share, are small on most systems. Both are
 * guarded by the lock of contexts. */
static void *weightsCopy;
static uint64_t weightsCopyUsers;

/* Chooses where the context reads the weights. */
static mpc_status chooseWeights(mpc_context *context) {
  const mpc_rt_model *model = context->model;
  context->weights = model->weights;
  const char *wish = getenv("MPC_HUGE_WEIGHTS");
  if (!wish || !*wish || !strcmp(wish, "0"))
    return MPC_OK;
  if (strcmp(wish, "1"))
    return mpc_rt_fail(MPC_ERROR_ENVIRONMENT,
                       "MPC_HUGE_WEIGHTS: expected 0 or 1, but got '%.64s'",
                       wish);
  if (model->weights_bytes < HUGE_PAGE_BYTES)
    return MPC_OK;
  lockContexts();
  if (!weightsCopy) {
    /* Whole pages: the rest of the last one would be small ones. */
    uint64_t bytes = (model->weights_bytes + HUGE_PAGE_BYTES - 1) /
                     HUGE_PAGE_BYTES * HUGE_PAGE_BYTES;
    void *copy;
    if (!posix_memalign(&copy, HUGE_PAGE_BYTES, bytes)) {
      (void)madvise(copy, bytes, MADV_HUGEPAGE);
      weightsCopy = memcpy(copy, model->weights, model->weights_bytes);
    }
  }
  /* A wish: without memory the library's own serve. */
  if (weightsCopy) {
    ++weightsCopyUsers;
    context->weights = weightsCopy;
  }
  unlockContexts();
  return MPC_OK;
}

static void releaseWeights(mpc_context *context) {
  if (context->weights == context->model->weights)
    return;
  lockContexts();
  if (--weightsCopyUsers == 0) {
    free(weightsCopy);
    weightsCopy = NULL;
  }
  unlockContexts();
}

/* Gives the context an arena of its own of at least that size. */
static mpc_status growArena(mpc_context *context, uint64_t bytes) {
  if (bytes <= context->arenaBytes)
    return MPC_OK;
  if (!context->ownsArena)
    return mpc_rt_fail(
        MPC_ERROR_WORKSPACE, "expected a workspace of %llu bytes, but got %llu",
        (unsigned long long)bytes, (unsigned long long)context->arenaBytes);
  free(context->arena);
  context->arena = NULL;
  context->arenaBytes = 0;
  int isHuge = bytes >= HUGE_PAGE_BYTES;
  if (posix_memalign(&context->arena,
                     isHuge ? HUGE_PAGE_BYTES : MPC_WORKSPACE_ALIGNMENT, bytes))
    return mpc_rt_fail(MPC_ERROR_OUT_OF_MEMORY,
                       "cannot allocate a workspace of %llu bytes",
                       (unsigned long long)bytes);
  /* A wish: where the system has none to give, small pages do. */
  if (isHuge)
    (void)madvise(context->arena, bytes, MADV_HUGEPAGE);
  context->arenaBytes = bytes;
  return MPC_OK;
}

/* Allocates room for the arguments of any entry. */
static int allocateArguments(mpc_context *context) {
  const mpc_rt_model *model = context->model;
  uint64_t mostDescs = 0, mostBytes = 0;
  uint64_t observed = model->observer
                          ? (uint64_t)model->observer->num_tensors *
                                    (model->observer->histograms ? 2 : 1) +
                                model->observer->num_inputs
                          : 0;
  for (uint32_t e = 0; e < model->num_entries; ++e) {
    const mpc_rt_entry_info *entry = &model->entries[e];
    /* The arena and the weights come after the tensors. */
    uint64_t descs =
        (uint64_t)entry->num_inputs + entry->num_outputs + observed + 2;
    uint64_t bytes = (observed + 2) * mpc_rt_memref_bytes(1);
    for (uint32_t i = 0; i < entry->num_inputs; ++i)
      bytes += mpc_rt_memref_bytes(entry->inputs[i].rank);
    for (uint32_t i = 0; i < entry->num_outputs; ++i)
      bytes += mpc_rt_memref_bytes(entry->outputs[i].rank);
    mostDescs = descs > mostDescs ? descs : mostDescs;
    mostBytes = bytes > mostBytes ? bytes : mostBytes;
  }
  context->descs = calloc(mostDescs, sizeof(void *));
  context->storage = calloc(mostBytes, 1);
  return context->descs && context->storage;
}

static mpc_status chooseThreads(const mpc_context_options *options,
                                uint32_t *threads) {
  *threads = options->threads;
  if (*threads)
    return MPC_OK;
  const char *wish = getenv("MPC_NUM_THREADS");
  if (wish && *wish) {
    char *end;
    long number = strtol(wish, &end, 10);
    if (*end || number < 1)
      return mpc_rt_fail(MPC_ERROR_ENVIRONMENT,
                         "MPC_NUM_THREADS: expected a positive number, but got "
                         "'%.64s'",
                         wish);
    *threads =
        number < MPC_RT_MAX_THREADS ? (uint32_t)number : MPC_RT_MAX_THREADS;
    return MPC_OK;
  }
  *threads = mpc_rt_available_threads();
  return MPC_OK;
}

const mpc_rt_gpu_functions *mpc_rt_gpu;

static void freeContext(mpc_context *context) {
  if (context->env.gpu)
    mpc_rt_gpu->destroy(context->env.gpu);
  mpc_rt_pool_destroy(&context->env);
  releaseWeights(context);
  if (context->ownsArena)
    free(context->arena);
  free(context->descs);
  free(context->storage);
  if (context->observations)
    context->model->observer->destroy(context->observations);
  free(context);
}

/* Fills a context that is all zero. */
static mpc_status setUp(mpc_context *context, const mpc_rt_model *model,
                        const mpc_context_options *options) {
  context->model = model;
  context->weights = model->weights;
  mpc_status status =
      mpc_rt_choose_variant(model, options->isa, &context->variant);
  if (status)
    return status;
  if ((status = chooseThreads(options, &context->env.threads)) ||
      (status = chooseWeights(context)))
    return status;
  context->env.parallelFor = options->parallel_for;
  context->env.parallelForUser = options->parallel_for_user;
  context->env.deviceIndex = options->device_index;
  if (options->device_index && !mpc_rt_gpu)
    return mpc_rt_fail(MPC_ERROR_UNSUPPORTED,
                       "create: the library computes on the CPU: expected no "
                       "device_index, but got %u",
                       options->device_index);
  if (!mpc_rt_pool_init(&context->env) || !allocateArguments(context))
    return mpc_rt_fail(MPC_ERROR_OUT_OF_MEMORY,
                       "cannot allocate a context's bookkeeping");
  if (model->observer &&
      !(context->observations = model->observer->create(model->observer)))
    return mpc_rt_fail(MPC_ERROR_OUT_OF_MEMORY,
                       "cannot allocate the counts of an observed model");
  /* On a GPU workspace and weights are where cuda.c puts them. */
  if (mpc_rt_gpu)
    return options->workspace
               ? mpc_rt_fail(MPC_ERROR_UNSUPPORTED,
                             "create: a library for GPUs has its workspace on "
                             "the device: expected no other one")
               : MPC_OK;
  context->ownsArena = !options->workspace;
  context->arena = options->workspace;
  context->arenaBytes = options->workspace ? options->workspace_bytes : 0;
  if ((uintptr_t)options->workspace % MPC_WORKSPACE_ALIGNMENT)
    return mpc_rt_fail(MPC_ERROR_WORKSPACE,
                       "expected a workspace aligned to %d bytes, but got "
                       "address %p",
                       MPC_WORKSPACE_ALIGNMENT, options->workspace);
  if (!context->ownsArena)
    return MPC_OK;
  int64_t batch = options->max_batch ? options->max_batch : 1;
  for (uint32_t e = 0; e < model->num_entries; ++e) {
    uint64_t bytes;
    if ((status = mpc_rt_workspace(context->variant, e, batch, &bytes)) ||
        (status = growArena(context, bytes)))
      return status;
  }
  return MPC_OK;
}

mpc_status mpc_rt_create(const mpc_model *model,
                         const mpc_context_options *options,
                         mpc_context **result) {
  if (!result)
    return mpc_rt_fail(MPC_ERROR_INVALID_ARGUMENT,
                       "create: expected a place for the context, but got "
                       "NULL");
  *result = NULL;
  if (!model)
    return mpc_rt_fail(MPC_ERROR_INVALID_ARGUMENT,
                       "create: expected a model, but got NULL");
  /* A caller with an older header passes less, one with a newer one more. */
  mpc_context_options known;
  memset(&known, 0, sizeof(known));
  if (options) {
    size_t least = offsetof(mpc_context_options, threads) + sizeof(uint32_t);
    if (options->struct_size < least)
      return mpc_rt_fail(MPC_ERROR_INVALID_ARGUMENT,
                         "create: expected options with a struct_size of at "
                         "least %zu, but got %u",
                         least, options->struct_size);
    memcpy(&known, options,
           options->struct_size < sizeof(known) ? options->struct_size
                                                : sizeof(known));
    const unsigned char *extra = (const unsigned char *)options;
    for (size_t i = sizeof(known); i < options->struct_size; ++i)
      if (extra[i])
        return mpc_rt_fail(MPC_ERROR_UNSUPPORTED,
                           "create: an option is set that is newer than this "
                           "library (byte %zu of the options)",
                           i);
  }
  void *memory;
  if (posix_memalign(&memory, _Alignof(mpc_context), sizeof(mpc_context)))
    return mpc_rt_fail(MPC_ERROR_OUT_OF_MEMORY,
                       "cannot allocate a context's bookkeeping");
  mpc_context *context = memset(memory, 0, sizeof(mpc_context));
  mpc_status status = setUp(context, model->impl, &known);
  if (status) {
    freeContext(context);
    return status;
  }
  lockContexts();
  context->next = contexts;
  contexts = context;
  unlockContexts();
  *result = context;
  return MPC_OK;
}

mpc_status mpc_rt_context_info(const mpc_context *context,
                               mpc_context_info *info) {
  if (!context || !info || info->struct_size < sizeof(*info))
    return mpc_rt_fail(MPC_ERROR_INVALID_ARGUMENT,
                       "context_info: expected a context and a structure of "
                       "at least %zu bytes",
                       sizeof(*info));
  info->threads = context->env.threads;
  info->isa = context->variant->name;
  return MPC_OK;
}

/* Checks the arguments, builds the descriptors and runs the code. */
static mpc_status call(mpc_context *context, uint32_t entryIndex,
                       const mpc_tensor *inputs, const mpc_tensor *outputs) {
  const mpc_rt_model *model = context->model;
  const mpc_rt_entry_info *entry = &model->entries[entryIndex];
  int64_t batch = 0;
  char *storage = (char *)context->storage;
  uint32_t numInputs = entry->num_inputs, numOutputs = entry->num_outputs;
  void **desc = context->descs;
  for (uint32_t i = 0; i < numInputs + numOutputs; ++i) {
    int isInput = i < numInputs;
    const mpc_rt_tensor *expected =
        isInput ? &entry->inputs[i] : &entry->outputs[i - numInputs];
    const mpc_tensor *got = isInput ? &inputs[i] : &outputs[i - numInputs];
    *desc = storage;
    mpc_status status = mpc_rt_bind(isInput ? "input" : "output", expected, got,
                                    mpc_rt_gpu != NULL, &batch, *desc++);
    if (status)
      return status;
    storage += mpc_rt_memref_bytes(expected->rank);
  }
  const mpc_rt_observer *observer = model->observer;
  for (uint32_t i = 0; observer && i < observer->num_tensors; ++i) {
    *desc = storage;
    mpc_rt_bind_bytes(context->observations->ranges + 2 * (uint64_t)i, 2,
                      *desc++);
    storage += mpc_rt_memref_bytes(1);
    if (!observer->histograms)
      continue;
    *desc = storage;
    mpc_rt_bind_bytes(context->observations->counts + (uint64_t)i * MPC_RT_BINS,
                      MPC_RT_BINS, *desc++);
    storage += mpc_rt_memref_bytes(1);
  }
  uint64_t sums = 0;
  for (uint32_t i = 0; observer && i < observer->num_inputs; ++i) {
    uint64_t size = (uint64_t)observer->input_channels[i] + 1;
    *desc = storage;
    mpc_rt_bind_bytes(context->observations->runSums + sums, size, *desc++);
    storage += mpc_rt_memref_bytes(1);
    sums += size;
  }
  if (mpc_rt_gpu && context->variant->capability)
    context->variant =
        mpc_rt_gpu->choose(&context->env, model, context->variant);
  uint64_t arenaBytes;
  mpc_status status = mpc_rt_workspace(context->variant, entryIndex,
                                       batch ? batch : 1, &arenaBytes);
  if (status || (!mpc_rt_gpu && (status = growArena(context, arenaBytes))))
    return status;
  *desc = storage;
  mpc_rt_bind_bytes(context->arena, arenaBytes - MPC_RT_SLACK, *desc++);
  *desc = storage + mpc_rt_memref_bytes(1);
  mpc_rt_bind_bytes(context->weights + entry->weights_offset,
                    entry->weights_bytes, *desc);
  context->env.report = NULL;
  context->env.entry = entry;
  context->env.inputs = inputs;
  context->env.outputs = outputs;
  uint32_t before = mpc_rt_enter_fp();
  context->variant->entries[entryIndex](&context->env, context->descs);
  mpc_rt_leave_fp(before);
  if (context->env.report)
    return mpc_rt_fail(context->env.reportStatus, "run: %s",
                       context->env.report);
  if (observer)
    return observer->take(observer, context->observations,
                          batch ? (uint64_t)batch : 1);
  return MPC_OK;
}

void mpc_rt_report_as(mpc_rt_env *env, mpc_status status,
                      const char *sentence) {
  if (env->report)
    return;
  env->report = sentence;
  env->reportStatus = status;
}

void mpc_rt_report(mpc_rt_env *env, const char *sentence) {
  mpc_rt_report_as(env, MPC_ERROR_INPUT_VALUE, sentence);
}

/* The same, timed. */
static mpc_status profiledCall(mpc_context *context, uint32_t entry,
                               const mpc_tensor *inputs,
                               const mpc_tensor *outputs) {
  uint64_t start = mpc_rt_start_profile(&context->env);
  mpc_status status = call(context, entry, inputs, outputs);
  mpc_rt_end_profile(&context->env, start);
  return status;
}

/* Makes the context this thread's until release. */
static mpc_status acquire(mpc_context *context, const char *function) {
  pid_t self = mpc_rt_pool_process(&context->env);
  if (context->env.pid != self) {
    /* Of the parent's threads only the one that forked is here. */
    mpc_rt_pool_after_fork(&context->env, self);
    atomic_store(&context->busy, 0);
  }
  if (atomic_exchange_explicit(&context->busy, 1, memory_order_acquire))
    return mpc_rt_fail(MPC_ERROR_BUSY,
                       "%s: the context is in use by another thread", function);
  mpc_rt_pool_begin_call(&context->env, self);
  return MPC_OK;
}

static void release(mpc_context *context) {
  mpc_rt_pool_end_call(&context->env);
  atomic_store_explicit(&context->busy, 0, memory_order_release);
}

mpc_status mpc_rt_begin_reading(mpc_context *context,
                                const mpc_rt_observer **observer,
                                const mpc_rt_observations **observations) {
  *observer = context->model->observer;
  *observations = context->observations;
  return acquire(context, "mpc_save_calibration");
}

void mpc_rt_end_reading(mpc_context *context) { release(context); }

mpc_status mpc_rt_run(mpc_context *context, uint32_t entry,
                      const mpc_tensor *inputs, uint32_t numInputs,
                      const mpc_tensor *outputs, uint32_t numOutputs) {
  if (!context)
    return mpc_rt_fail(MPC_ERROR_INVALID_ARGUMENT,
                       "run: expected a context, but got NULL");
  const mpc_rt_model *model = context->model;
  if (entry >= model->num_entries)
    return mpc_rt_fail(MPC_ERROR_INVALID_ARGUMENT,
                       "run: expected an entry below %u, but got %u",
                       model->num_entries, entry);
  const mpc_rt_entry_info *info = &model->entries[entry];
  if (numInputs != info->num_inputs || numOutputs != info->num_outputs)
    return mpc_rt_fail(MPC_ERROR_INVALID_ARGUMENT,
                       "run: expected %u inputs and %u outputs, but got %u and "
                       "%u",
                       info->num_inputs, info->num_outputs, numInputs,
                       numOutputs);
  if ((numInputs && !inputs) || (numOutputs && !outputs))
    return mpc_rt_fail(MPC_ERROR_INVALID_ARGUMENT,
                       "run: expected %s, but got NULL",
                       numInputs && !inputs ? "inputs" : "outputs");
  mpc_status status = acquire(context, "run");
  if (status)
    return status;
  status = context->env.profile ? profiledCall(context, entry, inputs, outputs)
                                : call(context, entry, inputs, outputs);
  release(context);
  return status;
}

mpc_status mpc_rt_profile(mpc_context *context, mpc_profile *profile) {
  if (!context)
    return mpc_rt_fail(MPC_ERROR_INVALID_ARGUMENT,
                       "profile: expected a context, but got NULL");
  if (profile && (profile->struct_size < sizeof(*profile) ||
                  !profile->num_groups || !profile->groups))
    return mpc_rt_fail(MPC_ERROR_INVALID_ARGUMENT,
                       "profile: expected a structure of at least %zu bytes "
                       "with room for at least one group",
                       sizeof(*profile));
  if (atomic_exchange_explicit(&context->busy, 1, memory_order_acquire))
    return mpc_rt_fail(MPC_ERROR_BUSY,
                       "profile: the context is in use by another thread");
  context->env.profile = profile;
  atomic_store_explicit(&context->busy, 0, memory_order_release);
  return MPC_OK;
}

mpc_status mpc_rt_set_stream(mpc_context *context, void *stream) {
  if (!context)
    return mpc_rt_fail(MPC_ERROR_INVALID_ARGUMENT,
                       "set_stream: expected a context, but got NULL");
  if (!mpc_rt_gpu)
    return mpc_rt_fail(MPC_ERROR_UNSUPPORTED,
                       "set_stream: the library computes on the CPU, which "
                       "has no streams");
  if (atomic_exchange_explicit(&context->busy, 1, memory_order_acquire))
    return mpc_rt_fail(MPC_ERROR_BUSY,
                       "set_stream: the context is in use by another thread");
  mpc_rt_gpu->setStream(&context->env, stream);
  atomic_store_explicit(&context->busy, 0, memory_order_release);
  return MPC_OK;
}

void mpc_rt_destroy(mpc_context *context) {
  if (!context)
    return;
  lockContexts();
  for (mpc_context **link = &contexts; *link; link = &(*link)->next)
    if (*link == context) {
      *link = context->next;
      break;
    }
  unlockContexts();
  freeContext(context);
}

void mpc_rt_stop_contexts(void) {
  lockContexts();
  /* A context stays busy from here on: the end of a process may find threads
   * that still want to run it. */
  for (mpc_context *context = contexts; context; context = context->next)
    if (!atomic_exchange(&context->busy, 1))
      mpc_rt_pool_stop(&context->env);
  unlockContexts();
}
