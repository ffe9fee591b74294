/*===- cuda.c - Running kernels on an NVIDIA GPU --------------------------===*\
|*
|* Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
|* See LICENSE for license information.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
|*===----------------------------------------------------------------------===*|
|*
|* A call is on one stream: the caller's, or one of the context's own. Its first
|* run with some addresses launches kernel by kernel, the second one captures
|* the launches as a graph, and later ones replay that. The entry runs through
|* its list of launches in any case; what they do depends on the mode.
|*
\*===----------------------------------------------------------------------===*/

#include "cuda.h"

#include "binding.h"
#include "device.h"
#include "driver.h"
#include "pool.h"

#include <stdlib.h>
#include <string.h>

enum {
  NUM_GRAPHS = 8,        /* that a context keeps: callers rotate buffers */
  TENSOR_ALIGNMENT = 16, /* that kernels may rely on */
  PIECE_ALIGNMENT = 256, /* of the pieces of the context's memory */
  STATIC_SHARED_BYTES = 48 << 10, /* more needs the kernel's consent */
  MAX_MAP_RANK = 5                /* of the hardware */
};

/* A tensor that is not where kernels can use it: its bytes are staged. */
typedef struct {
  void *data; /* the caller's; NULL: nothing to do */
  CUdeviceptr device;
  uint64_t bytes;
  int isHost;
} Staged;

/* The launches of a call with certain descriptors. */
typedef struct {
  const mpc_rt_gpu_program *program;
  void *descs; /* their bytes; NULL: unused */
  size_t bytes;
  int isSeen;       /* by a call before */
  void *executable; /* NULL before the second one */
} Graph;

/* Memory that a graph of the caller's refers to, until the context ends. */
typedef struct Kept {
  CUdeviceptr memory;
  struct Kept *next;
} Kept;

typedef enum { LAUNCH, CAPTURE, REPLAY } Mode;

/* What a context has on the GPU. */
struct mpc_rt_gpu_state {
  mpc_rt_gpu_device *device; /* NULL before the first call */
  void *ownStream;
  void *captureStream; /* nothing runs there */
  CUdeviceptr memory;  /* the arena, and staged tensors behind it */
  uint64_t memoryBytes;
  int isCaptured; /* by the caller */
  Kept *kept;
  Graph graphs[NUM_GRAPHS];
  unsigned nextGraph; /* the one to replace */

  /* Of the call. */
  mpc_rt_gpu_error error;
  int hasEntered;  /* the device's context is this thread's */
  int isCapturing; /* the caller captures its stream */
  int mustWait;
  void *stream; /* the call's */
  void *module;
  Mode mode;
  Graph *graph;
  Staged *staged;
  size_t numStaged;
};
typedef struct mpc_rt_gpu_state State;

static int check(State *state, const char *what, CUresult result) {
  return mpc_rt_gpu_check(&state->error, what, result);
}

static uint64_t align(uint64_t bytes) {
  return (bytes + PIECE_ALIGNMENT - 1) & ~(uint64_t)(PIECE_ALIGNMENT - 1);
}

static void dropGraphs(State *state) {
  for (unsigned i = 0; i != NUM_GRAPHS; ++i) {
    if (state->graphs[i].executable)
      mpc_rt_cu.graphExecDestroy(state->graphs[i].executable);
    free(state->graphs[i].descs);
  }
  memset(state->graphs, 0, sizeof(state->graphs));
}

static void freeMemory(State *state) {
  if (state->memory)
    mpc_rt_cu.memFree(state->memory); /* waits for what uses it */
  state->memory = 0;
  state->memoryBytes = 0;
}

static int growMemory(State *state, uint64_t bytes) {
  if (bytes <= state->memoryBytes)
    return 1;
  if (state->isCapturing)
    return mpc_rt_gpu_fail(
        &state->error, MPC_ERROR_UNSUPPORTED,
        "the stream is being captured, where nothing can be allocated: run "
        "the context once with such tensors before");
  dropGraphs(state); /* of the old addresses */
  if (state->isCaptured) {
    Kept *kept = malloc(sizeof(*kept));
    if (!kept)
      return mpc_rt_gpu_fail(&state->error, MPC_ERROR_OUT_OF_MEMORY,
                             "out of host memory");
    *kept = (Kept){state->memory, state->kept};
    state->kept = kept;
    state->memory = 0;
    state->isCaptured = 0;
  }
  freeMemory(state);
  CUdeviceptr memory;
  if (!check(state, "cannot allocate the workspace",
             mpc_rt_cu.memAlloc(&memory, bytes)))
    return 0;
  state->memory = memory;
  state->memoryBytes = bytes;
  return 1;
}

/* Whether the driver knows the address as memory of a GPU, and of which. */
static int isOnDevice(const void *data, int *ordinal) {
  unsigned type = 0;
  CUdeviceptr address = (CUdeviceptr)(uintptr_t)data;
  return !mpc_rt_cu.pointerGetAttribute(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE,
                                        address) &&
         type == CU_MEMORYTYPE_DEVICE &&
         !mpc_rt_cu.pointerGetAttribute(
             ordinal, CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL, address);
}

/* The bytes of a dense tensor. */
static uint64_t bytesOf(const mpc_rt_gpu_tensor *tensor,
                        const mpc_rt_memref *memref) {
  uint64_t elements = 1;
  for (int64_t d = 0; d != tensor->rank; ++d)
    elements *= (uint64_t)memref->sizesAndStrides[d];
  return elements * (((uint64_t)tensor->bits + 7) / 8);
}

static void place(mpc_rt_memref *memref, CUdeviceptr address) {
  memref->allocated = memref->aligned = (void *)(uintptr_t)address;
}

/* Finds out where a tensor is. */
static int locate(State *state, const mpc_rt_env *env, int64_t index,
                  int64_t numInputs, const mpc_rt_gpu_tensor *type,
                  const mpc_rt_memref *memref, Staged *staged) {
  int isInput = index < numInputs, ordinal = 0;
  const char *kind = isInput ? "input" : "output", *name = "";
  uint32_t claim = MPC_DEVICE_CPU;
  if (isInput) {
    name = env->entry->inputs[index].name;
    claim = env->inputs[index].device;
  } else if ((index -= numInputs) < env->entry->num_outputs) {
    name = env->entry->outputs[index].name;
    claim = env->outputs[index].device;
  }
  *staged = (Staged){memref->aligned, 0, bytesOf(type, memref), 1};
  if (staged->bytes && isOnDevice(memref->aligned, &ordinal)) {
    if (ordinal != state->device->ordinal)
      return mpc_rt_gpu_fail(&state->error, MPC_ERROR_TENSOR_MISMATCH,
                             "%s '%s': expected memory of device %d, but got "
                             "that of device %d",
                             kind, name, state->device->ordinal, ordinal);
    staged->isHost = 0;
    if ((uintptr_t)memref->aligned % TENSOR_ALIGNMENT == 0)
      staged->data = NULL;
    return 1;
  }
  if (staged->bytes && claim == MPC_DEVICE_CUDA)
    return mpc_rt_gpu_fail(&state->error, MPC_ERROR_TENSOR_MISMATCH,
                           "%s '%s': expected memory of a GPU, but the driver "
                           "knows no such address: %p",
                           kind, name, memref->aligned);
  if (state->isCapturing)
    return mpc_rt_gpu_fail(&state->error, MPC_ERROR_UNSUPPORTED,
                           "%s '%s': the stream is being captured, where "
                           "tensors have to be in the device's memory",
                           kind, name);
  state->mustWait = 1;
  return 1;
}

/* Gives all descriptors addresses on the device, and copies inputs there. */
static int placeTensors(State *state, const mpc_rt_env *env,
                        const mpc_rt_gpu_program *program, void *const *descs) {
  int64_t numInputs = program->numInputs;
  size_t numTensors = (size_t)(numInputs + program->numOutputs);
  if (numTensors > state->numStaged) {
    free(state->staged);
    state->numStaged = 0;
    state->staged = malloc(numTensors * sizeof(Staged));
    if (!state->staged)
      return mpc_rt_gpu_fail(&state->error, MPC_ERROR_OUT_OF_MEMORY,
                             "out of host memory");
    state->numStaged = numTensors;
  }
  mpc_rt_memref *arena = descs[numTensors], *blob = descs[numTensors + 1];
  uint64_t bytes = align((uint64_t)arena->sizesAndStrides[0] + MPC_RT_SLACK);
  uint64_t offset = bytes;
  for (size_t i = 0; i != numTensors; ++i) {
    Staged *staged = &state->staged[i];
    if (!locate(state, env, (int64_t)i, numInputs, &program->tensors[i],
                descs[i], staged))
      return 0;
    if (staged->data)
      bytes += align(staged->bytes);
  }
  if (!growMemory(state, bytes))
    return 0;
  place(arena, state->memory);
  CUdeviceptr weights = mpc_rt_gpu_weights(state->device, blob->aligned,
                                           (uint64_t)blob->sizesAndStrides[0],
                                           state->isCapturing, &state->error);
  state->module = mpc_rt_gpu_kernels(state->device, program, state->isCapturing,
                                     &state->error);
  if (state->error.status)
    return 0;
  if (!weights || !state->module)
    return mpc_rt_gpu_fail(
        &state->error, MPC_ERROR_UNSUPPORTED,
        "the stream is being captured, where nothing can be loaded: run the "
        "context once before");
  place(blob, weights);
  for (size_t i = 0; i != numTensors; ++i) {
    Staged *staged = &state->staged[i];
    if (!staged->data)
      continue;
    staged->device = state->memory + offset;
    offset += align(staged->bytes);
    place(descs[i], staged->device);
    if (i >= (size_t)numInputs || !staged->bytes)
      continue;
    CUresult result =
        staged->isHost
            ? mpc_rt_cu.memcpyHtoDAsync(staged->device, staged->data,
                                        staged->bytes, state->stream)
            : mpc_rt_cu.memcpyDtoDAsync(staged->device,
                                        (CUdeviceptr)(uintptr_t)staged->data,
                                        staged->bytes, state->stream);
    if (!check(state, "cannot copy an input", result))
      return 0;
  }
  return 1;
}

/* The graph of calls with these descriptors, which lie one behind the other; a
 * new one if there is none, NULL without memory. */
static Graph *findGraph(State *state, const mpc_rt_gpu_program *program,
                        void *const *descs) {
  const char *end = descs[program->numInputs + program->numOutputs + 1];
  size_t bytes =
      (size_t)(end - (const char *)descs[0]) + (size_t)mpc_rt_memref_bytes(1);
  for (unsigned i = 0; i != NUM_GRAPHS; ++i) {
    Graph *graph = &state->graphs[i];
    if (graph->program == program && graph->bytes == bytes &&
        !memcmp(graph->descs, descs[0], bytes))
      return graph;
  }
  void *copy = malloc(bytes);
  if (!copy)
    return NULL;
  memcpy(copy, descs[0], bytes);
  Graph *graph = &state->graphs[state->nextGraph];
  state->nextGraph = (state->nextGraph + 1) % NUM_GRAPHS;
  if (graph->executable)
    mpc_rt_cu.graphExecDestroy(graph->executable);
  free(graph->descs);
  *graph = (Graph){program, copy, bytes, 0, NULL};
  return graph;
}

/* Decides how the kernels of the call are started. */
static int chooseMode(State *state, const mpc_rt_env *env,
                      const mpc_rt_gpu_program *program, void *const *descs) {
  state->mode = LAUNCH;
  if (state->isCapturing && program->dependsOnValues)
    return mpc_rt_gpu_fail(
        &state->error, MPC_ERROR_UNSUPPORTED,
        "the stream is being captured, but this model's loops and branches "
        "wait for values that its kernels compute");
  /* Times of groups are those of their kernels. */
  if (state->isCapturing || env->profile || program->dependsOnValues)
    return 1;
  state->graph = findGraph(state, program, descs);
  if (!state->graph)
    return mpc_rt_gpu_fail(&state->error, MPC_ERROR_OUT_OF_MEMORY,
                           "out of host memory");
  if (state->graph->executable) {
    state->mode = REPLAY;
    return 1;
  }
  if (!state->graph->isSeen) {
    state->graph->isSeen = 1;
    return 1;
  }
  /* Not on the call's stream: capturing one that waits for the legacy stream
   * would disturb what other threads do there. */
  if ((!state->captureStream &&
       !check(state, "cannot make a stream",
              mpc_rt_cu.streamCreate(&state->captureStream,
                                     CU_STREAM_NON_BLOCKING))) ||
      !check(state, "cannot capture a graph",
             mpc_rt_cu.streamBeginCapture(state->captureStream,
                                          CU_STREAM_CAPTURE_MODE_RELAXED)))
    return 0;
  state->mode = CAPTURE;
  return 1;
}

static int enter(State *state, const mpc_rt_env *env,
                 const mpc_rt_gpu_program *program, void *const *descs) {
  if (!state->device &&
      !(state->device = mpc_rt_gpu_open(env->deviceIndex, &state->error)))
    return 0;
  if (!check(state, "cannot use the device",
             mpc_rt_cu.ctxPush(state->device->context)))
    return 0;
  state->hasEntered = 1;
  state->stream = env->stream;
  if (env->stream) {
    /* 0: no, 1: yes, 2: it has failed. */
    if (!check(state, "cannot use the caller's stream",
               mpc_rt_cu.streamIsCapturing(env->stream, &state->isCapturing)))
      return 0;
  } else {
    /* One that waits for the legacy stream, and that for it. */
    if (!state->ownStream &&
        !check(state, "cannot make a stream",
               mpc_rt_cu.streamCreate(&state->ownStream, CU_STREAM_DEFAULT)))
      return 0;
    state->stream = state->ownStream;
    state->mustWait = 1;
  }
  if (!placeTensors(state, env, program, descs) ||
      !chooseMode(state, env, program, descs))
    return 0;
  if (state->isCapturing)
    state->isCaptured = 1;
  return 1;
}

void mpc_rt_gpu_enter(mpc_rt_env *env, const mpc_rt_gpu_program *program,
                      void *const *descs) {
  State *state = env->gpu;
  if (!state && !(state = env->gpu = calloc(1, sizeof(State)))) {
    mpc_rt_report_as(env, MPC_ERROR_OUT_OF_MEMORY, "GPU: out of host memory");
    return;
  }
  state->error.status = MPC_OK;
  state->hasEntered = state->isCapturing = state->mustWait = 0;
  state->mode = LAUNCH;
  state->graph = NULL;
  enter(state, env, program, descs);
}

void mpc_rt_gpu_map(mpc_rt_env *env, void *map, const void *data,
                    int64_t elementBytes, int64_t swizzle, int64_t rank,
                    const int64_t *numbers) {
  State *state = env->gpu;
  if (!state || state->error.status || state->mode == REPLAY)
    return;
  /* The driver wants the fastest dimension first, and its stride not at all. */
  uint64_t sizes[MAX_MAP_RANK], strides[MAX_MAP_RANK];
  uint32_t box[MAX_MAP_RANK], ones[MAX_MAP_RANK];
  for (int64_t d = 0; d != rank; ++d) {
    int64_t from = rank - 1 - d;
    sizes[d] = (uint64_t)numbers[from];
    strides[d] = (uint64_t)(numbers[rank + from] * elementBytes);
    box[d] = (uint32_t)numbers[2 * rank + from];
    ones[d] = 1;
    if (!sizes[d])
      return; /* of nothing there is no map, and no block to use it */
  }
  int type = CU_TENSOR_MAP_DATA_TYPE_UINT8;
  for (int64_t bytes = elementBytes; bytes > 1; bytes /= 2)
    ++type;
  check(state, "cannot describe a tensor to TMA",
        mpc_rt_cu.tensorMapEncodeTiled(
            map, type, (uint32_t)rank, (void *)(uintptr_t)data, sizes,
            strides + 1, box, ones, CU_TENSOR_MAP_INTERLEAVE_NONE, (int)swizzle,
            CU_TENSOR_MAP_L2_PROMOTION_L2_128B,
            CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE));
}

void mpc_rt_gpu_launch(mpc_rt_env *env, const mpc_rt_gpu_program *program,
                       const char *kernel, int64_t isResident, int64_t blocks,
                       int64_t threads, int64_t shared, void **params) {
  (void)program;
  State *state = env->gpu;
  if (!state || state->error.status || state->mode == REPLAY || blocks == 0)
    return;
  /* More would begin when the first ones end, and take as long again. */
  if (isResident && blocks > state->device->multiprocessors)
    blocks = state->device->multiprocessors;
  if (blocks > INT32_MAX) {
    mpc_rt_gpu_fail(&state->error, MPC_ERROR_UNSUPPORTED,
                    "the kernel %s needs more blocks than there can be",
                    kernel);
    return;
  }
  void *function;
  if (!check(state, "cannot find a kernel",
             mpc_rt_cu.moduleGetFunction(&function, state->module, kernel)) ||
      (shared > STATIC_SHARED_BYTES &&
       !check(state, "a kernel needs more shared memory than the device has",
              mpc_rt_cu.funcSetAttribute(
                  function, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
                  (int)shared))))
    return;
  check(state, "cannot start a kernel",
        mpc_rt_cu.launchKernel(function, (unsigned)blocks, 1, 1,
                               (unsigned)threads, 1, 1, (unsigned)shared,
                               state->mode == CAPTURE ? state->captureStream
                                                      : state->stream,
                               params, NULL));
  if (env->profile && !state->isCapturing)
    check(state, "a kernel failed", mpc_rt_cu.streamSynchronize(state->stream));
}

int mpc_rt_gpu_is_running(mpc_rt_env *env) {
  State *state = env->gpu;
  return state && !state->error.status;
}

void mpc_rt_gpu_read(mpc_rt_env *env, void *host, const void *device,
                     int64_t bytes) {
  State *state = env->gpu;
  if (mpc_rt_gpu_is_running(env) &&
      check(state, "cannot read a value",
            mpc_rt_cu.memcpyDtoHAsync(host, (CUdeviceptr)(uintptr_t)device,
                                      (size_t)bytes, state->stream)) &&
      check(state, "a kernel failed",
            mpc_rt_cu.streamSynchronize(state->stream)))
    return;
  memset(host, 0, (size_t)bytes);
}

void mpc_rt_gpu_write(mpc_rt_env *env, void *device, const void *host,
                      int64_t bytes) {
  State *state = env->gpu;
  /* It returns when ordinary memory of the host has been read. */
  if (mpc_rt_gpu_is_running(env))
    check(state, "cannot write a value",
          mpc_rt_cu.memcpyHtoDAsync((CUdeviceptr)(uintptr_t)device, host,
                                    (size_t)bytes, state->stream));
}

/* Ends the capture, and makes what can be replayed of it. */
static void makeGraph(State *state) {
  void *captured = NULL;
  CUresult result = mpc_rt_cu.streamEndCapture(state->captureStream, &captured);
  if (check(state, "cannot capture a graph", result) && !state->error.status)
    check(state, "cannot make a graph",
          mpc_rt_cu.graphInstantiate(&state->graph->executable, captured, 0));
  if (captured)
    mpc_rt_cu.graphDestroy(captured);
}

static void copyOutputs(State *state, const mpc_rt_gpu_program *program) {
  size_t end = (size_t)(program->numInputs + program->numOutputs);
  for (size_t i = (size_t)program->numInputs; i != end; ++i) {
    const Staged *staged = &state->staged[i];
    if (!staged->data || !staged->bytes)
      continue;
    CUresult result =
        staged->isHost
            ? mpc_rt_cu.memcpyDtoHAsync(staged->data, staged->device,
                                        staged->bytes, state->stream)
            : mpc_rt_cu.memcpyDtoDAsync((CUdeviceptr)(uintptr_t)staged->data,
                                        staged->device, staged->bytes,
                                        state->stream);
    if (!check(state, "cannot copy an output", result))
      return;
  }
}

void mpc_rt_gpu_leave(mpc_rt_env *env, const mpc_rt_gpu_program *program) {
  State *state = env->gpu;
  if (!state)
    return;
  if (state->mode == CAPTURE)
    makeGraph(state);
  if (!state->error.status && state->graph && state->graph->executable)
    check(state, "cannot start the kernels",
          mpc_rt_cu.graphLaunch(state->graph->executable, state->stream));
  if (!state->error.status)
    copyOutputs(state, program);
  if (state->hasEntered) {
    /* After an error too: copies may still read the caller's memory. */
    if (state->mustWait && state->stream && !state->isCapturing)
      check(state, "a kernel failed",
            mpc_rt_cu.streamSynchronize(state->stream));
    void *previous;
    mpc_rt_cu.ctxPop(&previous);
  }
  if (state->error.status)
    mpc_rt_report_as(env, state->error.status, state->error.sentence);
}

/* What is under way in the stream uses the context's memory, which calls on
 * another one will use, too. */
static void setStream(mpc_rt_env *env, void *stream) {
  State *state = env->gpu;
  int isCapturing = 0;
  if (state && state->device && env->stream && env->stream != stream &&
      !mpc_rt_cu.ctxPush(state->device->context)) {
    if (!mpc_rt_cu.streamIsCapturing(env->stream, &isCapturing) && !isCapturing)
      mpc_rt_cu.streamSynchronize(env->stream);
    void *previous;
    mpc_rt_cu.ctxPop(&previous);
  }
  env->stream = stream;
}

static void destroy(State *state) {
  if (state->device) {
    void *previous;
    if (!mpc_rt_cu.ctxPush(state->device->context)) {
      dropGraphs(state);
      freeMemory(state);
      for (Kept *kept = state->kept; kept; kept = kept->next)
        mpc_rt_cu.memFree(kept->memory);
      if (state->ownStream)
        mpc_rt_cu.streamDestroy(state->ownStream);
      if (state->captureStream)
        mpc_rt_cu.streamDestroy(state->captureStream);
      mpc_rt_cu.ctxPop(&previous);
    }
    mpc_rt_gpu_close(state->device);
  }
  for (Kept *kept = state->kept, *next; kept; kept = next) {
    next = kept->next;
    free(kept);
  }
  free(state->staged);
  free(state);
}

/* What the driver has to say comes when the call begins. */
static const mpc_rt_variant *choose(mpc_rt_env *env, const mpc_rt_model *model,
                                    const mpc_rt_variant *chosen) {
  State *state = env->gpu;
  if (!state && !(state = env->gpu = calloc(1, sizeof(State))))
    return chosen;
  if (!state->device)
    state->device = mpc_rt_gpu_open(env->deviceIndex, &state->error);
  if (!state->device ||
      chosen->capability == (uint64_t)state->device->capability)
    return chosen;
  for (uint32_t i = 0; i < model->num_variants; ++i)
    if (!model->variants[i].capability &&
        model->variants[i].features == chosen->features)
      return &model->variants[i];
  return chosen;
}

static const mpc_rt_gpu_functions functions = {setStream, destroy, choose};

/* This file is part of libraries for GPUs only. */
__attribute__((constructor)) static void announce(void) {
  mpc_rt_gpu = &functions;
}
