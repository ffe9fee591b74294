/*===- driver.c - The CUDA driver -----------------------------------------===*\
|*
|* Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
|* See LICENSE for license information.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
\*===----------------------------------------------------------------------===*/

#include "driver.h"

#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

mpc_rt_driver mpc_rt_cu;

/* Names are those of the versions that drivers since CUDA 12.0 have, which is
 * what the PTX asks for. */
#define SYMBOL(member, name)                                                   \
  { name, offsetof(mpc_rt_driver, member) }
static const struct {
  const char *name;
  size_t offset;
} symbols[] = {
    SYMBOL(init, "cuInit"),
    SYMBOL(deviceGetCount, "cuDeviceGetCount"),
    SYMBOL(deviceGet, "cuDeviceGet"),
    SYMBOL(deviceGetAttribute, "cuDeviceGetAttribute"),
    SYMBOL(primaryCtxRetain, "cuDevicePrimaryCtxRetain"),
    SYMBOL(primaryCtxRelease, "cuDevicePrimaryCtxRelease_v2"),
    SYMBOL(ctxPush, "cuCtxPushCurrent_v2"),
    SYMBOL(ctxPop, "cuCtxPopCurrent_v2"),
    SYMBOL(moduleLoadDataEx, "cuModuleLoadDataEx"),
    SYMBOL(moduleUnload, "cuModuleUnload"),
    SYMBOL(moduleGetFunction, "cuModuleGetFunction"),
    SYMBOL(funcSetAttribute, "cuFuncSetAttribute"),
    SYMBOL(memAlloc, "cuMemAlloc_v2"),
    SYMBOL(memFree, "cuMemFree_v2"),
    SYMBOL(memcpyHtoDAsync, "cuMemcpyHtoDAsync_v2"),
    SYMBOL(memcpyDtoHAsync, "cuMemcpyDtoHAsync_v2"),
    SYMBOL(memcpyDtoDAsync, "cuMemcpyDtoDAsync_v2"),
    SYMBOL(pointerGetAttribute, "cuPointerGetAttribute"),
    SYMBOL(streamCreate, "cuStreamCreate"),
    SYMBOL(streamDestroy, "cuStreamDestroy_v2"),
    SYMBOL(streamSynchronize, "cuStreamSynchronize"),
    SYMBOL(streamIsCapturing, "cuStreamIsCapturing"),
    SYMBOL(streamBeginCapture, "cuStreamBeginCapture_v2"),
    SYMBOL(streamEndCapture, "cuStreamEndCapture"),
    SYMBOL(graphInstantiate, "cuGraphInstantiateWithFlags"),
    SYMBOL(graphLaunch, "cuGraphLaunch"),
    SYMBOL(graphExecDestroy, "cuGraphExecDestroy"),
    SYMBOL(graphDestroy, "cuGraphDestroy"),
    SYMBOL(launchKernel, "cuLaunchKernel"),
    SYMBOL(tensorMapEncodeTiled, "cuTensorMapEncodeTiled"),
    SYMBOL(getErrorString, "cuGetErrorString"),
};
#undef SYMBOL

int mpc_rt_gpu_fail(mpc_rt_gpu_error *error, mpc_status status,
                    const char *format, ...) {
  if (error->status)
    return 0;
  error->status = status;
  memcpy(error->sentence, "GPU: ", 5);
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(error->sentence + 5, sizeof(error->sentence) - 5, format,
            arguments);
  va_end(arguments);
  return 0;
}

int mpc_rt_gpu_check(mpc_rt_gpu_error *error, const char *what,
                     CUresult result) {
  if (!result)
    return 1;
  const char *text = NULL;
  if (mpc_rt_cu.getErrorString(result, &text) || !text)
    text = "unknown error";
  return mpc_rt_gpu_fail(error,
                         result == CUDA_ERROR_OUT_OF_MEMORY
                             ? MPC_ERROR_OUT_OF_MEMORY
                             : MPC_ERROR_DEVICE,
                         "%s: %s (CUDA error %d)", what, text, result);
}

int mpc_rt_load_driver(mpc_rt_gpu_error *error) {
  static int isLoaded;
  if (isLoaded)
    return 1;
  void *library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (!library)
    return mpc_rt_gpu_fail(error, MPC_ERROR_DEVICE,
                           "libcuda.so.1, the NVIDIA driver, cannot be loaded");
  for (size_t i = 0; i != sizeof(symbols) / sizeof(*symbols); ++i) {
    void *address = dlsym(library, symbols[i].name);
    if (!address) {
      dlclose(library);
      return mpc_rt_gpu_fail(error, MPC_ERROR_DEVICE,
                             "the driver lacks the function %s: it is older "
                             "than that of CUDA 12.0",
                             symbols[i].name);
    }
    memcpy((char *)&mpc_rt_cu + symbols[i].offset, &address, sizeof(address));
  }
  if (!mpc_rt_gpu_check(error, "cannot start the driver", mpc_rt_cu.init(0)))
    return 0;
  isLoaded = 1;
  return 1;
}
