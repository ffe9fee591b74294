/*===- cuda.h - Running kernels on an NVIDIA GPU ------------------*- C -*-===*\
|*
|* Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
|* See LICENSE for license information.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
|*===----------------------------------------------------------------------===*|
|*
|* What the entry of a model for GPUs calls (mpc-lower-launches). The driver is
|* loaded when the first call begins; where something is missing, the call ends
|* with a status and one sentence that says what.
|*
\*===----------------------------------------------------------------------===*/

#ifndef MPC_RUNTIME_CUDA_H
#define MPC_RUNTIME_CUDA_H

#include "model.h"

enum {
  MPC_RT_GPU_EXACT = 1, /* for that capability only (sm_90a) */
  MPC_RT_GPU_CUBIN = 2  /* machine code, else PTX */
};

/* Code of all kernels for one chip. */
typedef struct {
  int32_t capability; /* 10 times the compute capability: 80 for sm_80 */
  uint32_t flags;     /* MPC_RT_GPU_* */
  const void *code;   /* PTX ends with a zero byte */
} mpc_rt_gpu_image;

typedef struct {
  int64_t rank;
  int64_t bits; /* of an element */
} mpc_rt_gpu_tensor;

typedef struct {
  int64_t numImages, numInputs, numOutputs;
  int64_t dependsOnValues; /* what is launched; there are reads and writes */
  const mpc_rt_gpu_image *images;
  const mpc_rt_gpu_tensor *tensors; /* of inputs, then outputs */
} mpc_rt_gpu_program;

/* Makes the descriptors (see mpc_rt_entry_fn: inputs, outputs, arena, weights)
 * those of the GPU's memory: tensors that are there stay where they are, inputs
 * of the host are copied. */
void mpc_rt_gpu_enter(mpc_rt_env *env, const mpc_rt_gpu_program *program,
                      void *const *descs);

/* Starts a kernel; does nothing after an error, and where a graph of all
 * kernels is replayed. `params` point to its arguments, `shared` are bytes of
 * dynamic shared memory. Where blocks stay (`isResident` is not 0) the kernel
 * is right with any number of them, and has no more than the device has
 * multiprocessors. */
void mpc_rt_gpu_launch(mpc_rt_env *env, const mpc_rt_gpu_program *program,
                       const char *kernel, int64_t isResident, int64_t blocks,
                       int64_t threads, int64_t shared, void **params);

/* Makes the tensor map (128 bytes, a CUtensorMap) by which a kernel copies
 * boxes of a tensor at `data`; does nothing where launches do nothing.
 * `numbers`: its `rank` sizes, as many strides, the last of them 1, and sizes
 * of the box, all in elements, the slowest dimension first. `swizzle`: 0 none,
 * 1, 2, 3 of 32, 64, 128 bytes. */
void mpc_rt_gpu_map(mpc_rt_env *env, void *map, const void *data,
                    int64_t elementBytes, int64_t swizzle, int64_t rank,
                    const int64_t *numbers);

/* Brings values of the device to the host, after all kernels that have been
 * started: zeros after an error. */
void mpc_rt_gpu_read(mpc_rt_env *env, void *host, const void *device,
                     int64_t bytes);

/* Brings values of the host to the device, before all kernels that are started
 * later; does nothing after an error. */
void mpc_rt_gpu_write(mpc_rt_env *env, void *device, const void *host,
                      int64_t bytes);

/* Whether there was no error: loops that wait for a value end after one. */
int mpc_rt_gpu_is_running(mpc_rt_env *env);

/* Copies outputs of the host back, waits unless the call is asynchronous, and
 * reports what went wrong since enter. */
void mpc_rt_gpu_leave(mpc_rt_env *env, const mpc_rt_gpu_program *program);

#endif /* MPC_RUNTIME_CUDA_H */
