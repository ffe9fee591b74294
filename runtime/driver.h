/*===- driver.h - The CUDA driver ---------------------------------*- C -*-===*\
|*
|* Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
|* See LICENSE for license information.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
|*===----------------------------------------------------------------------===*|
|*
|* The part of the CUDA driver API that libraries for GPUs use, loaded from
|* libcuda.so.1 when one is first needed. Types, values and functions are those
|* of cuda.h of the CUDA toolkit, which building this does not need.
|*
\*===----------------------------------------------------------------------===*/

#ifndef MPC_RUNTIME_DRIVER_H
#define MPC_RUNTIME_DRIVER_H

#include "mpc/runtime.h"

typedef int CUresult;
typedef uint64_t CUdeviceptr;

enum {
  CUDA_ERROR_OUT_OF_MEMORY = 2,
  CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT = 16,
  CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR = 75,
  CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR = 76,
  CU_POINTER_ATTRIBUTE_MEMORY_TYPE = 2,
  CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL = 9,
  CU_MEMORYTYPE_DEVICE = 2,
  CU_JIT_ERROR_LOG_BUFFER = 5,
  CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES = 6,
  CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES = 8,
  CU_STREAM_DEFAULT = 0,
  CU_STREAM_NON_BLOCKING = 1,
  CU_STREAM_CAPTURE_MODE_RELAXED = 2,
  CU_TENSOR_MAP_DATA_TYPE_UINT8 = 0, /* then of 2 and 4 bytes */
  CU_TENSOR_MAP_INTERLEAVE_NONE = 0,
  CU_TENSOR_MAP_L2_PROMOTION_L2_128B = 2,
  CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE = 0 /* zeros */
};

typedef struct {
  CUresult (*init)(unsigned flags);
  CUresult (*deviceGetCount)(int *count);
  CUresult (*deviceGet)(int *device, int ordinal);
  CUresult (*deviceGetAttribute)(int *value, int attribute, int device);
  CUresult (*primaryCtxRetain)(void **context, int device);
  CUresult (*primaryCtxRelease)(int device);
  CUresult (*ctxPush)(void *context);
  CUresult (*ctxPop)(void **context);
  CUresult (*moduleLoadDataEx)(void **module, const void *image,
                               unsigned numOptions, const int *options,
                               void **values);
  CUresult (*moduleUnload)(void *module);
  CUresult (*moduleGetFunction)(void **function, void *module,
                                const char *name);
  CUresult (*funcSetAttribute)(void *function, int attribute, int value);
  CUresult (*memAlloc)(CUdeviceptr *address, size_t bytes);
  CUresult (*memFree)(CUdeviceptr address);
  CUresult (*memcpyHtoDAsync)(CUdeviceptr to, const void *from, size_t bytes,
                              void *stream);
  CUresult (*memcpyDtoHAsync)(void *to, CUdeviceptr from, size_t bytes,
                              void *stream);
  CUresult (*memcpyDtoDAsync)(CUdeviceptr to, CUdeviceptr from, size_t bytes,
                              void *stream);
  CUresult (*pointerGetAttribute)(void *value, int attribute,
                                  CUdeviceptr address);
  CUresult (*streamCreate)(void **stream, unsigned flags);
  CUresult (*streamDestroy)(void *stream);
  CUresult (*streamSynchronize)(void *stream);
  CUresult (*streamIsCapturing)(void *stream, int *status);
  CUresult (*streamBeginCapture)(void *stream, int mode);
  CUresult (*streamEndCapture)(void *stream, void **graph);
  CUresult (*graphInstantiate)(void **executable, void *graph,
                               unsigned long long flags);
  CUresult (*graphLaunch)(void *executable, void *stream);
  CUresult (*graphExecDestroy)(void *executable);
  CUresult (*graphDestroy)(void *graph);
  CUresult (*launchKernel)(void *function, unsigned gridX, unsigned gridY,
                           unsigned gridZ, unsigned blockX, unsigned blockY,
                           unsigned blockZ, unsigned sharedBytes, void *stream,
                           void **params, void **extra);
  CUresult (*tensorMapEncodeTiled)(void *map, int dataType, uint32_t rank,
                                   void *address, const uint64_t *sizes,
                                   const uint64_t *strides, const uint32_t *box,
                                   const uint32_t *elementStrides,
                                   int interleave, int swizzle, int l2Promotion,
                                   int oobFill);
  CUresult (*getErrorString)(CUresult error, const char **text);
} mpc_rt_driver;

/* The driver's functions; mpc_rt_load_driver fills it. */
extern mpc_rt_driver mpc_rt_cu;

/* What went wrong first, or MPC_OK. */
typedef struct {
  mpc_status status;
  char sentence[400];
} mpc_rt_gpu_error;

/* Notes an error, unless there is one, and returns 0. */
int mpc_rt_gpu_fail(mpc_rt_gpu_error *error, mpc_status status,
                    const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Whether a function of the driver succeeded; if not, notes that `what`, and
 * why. */
int mpc_rt_gpu_check(mpc_rt_gpu_error *error, const char *what,
                     CUresult result);

/* Loads and starts the driver, once. One thread at a time. */
int mpc_rt_load_driver(mpc_rt_gpu_error *error);

#endif /* MPC_RUNTIME_DRIVER_H */
