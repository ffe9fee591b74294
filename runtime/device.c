/*===- device.c - What contexts share on a GPU ----------------------------===*\
|*
|* Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
|* See LICENSE for license information.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
\*===----------------------------------------------------------------------===*/

#include "device.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct mpc_rt_gpu_shared {
  const void *key; /* the program, or the weights in the library */
  void *module;
  CUdeviceptr memory;
  mpc_rt_gpu_shared *next;
};

/* Of everything here. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static mpc_rt_gpu_device *devices;

static mpc_rt_gpu_device *openDevice(uint32_t ordinal,
                                     mpc_rt_gpu_error *error) {
  int count = 0, major = 0, minor = 0;
  mpc_rt_gpu_device found = {.ordinal = (int)ordinal};
  if (!mpc_rt_load_driver(error) ||
      !mpc_rt_gpu_check(error, "no device", mpc_rt_cu.deviceGetCount(&count)))
    return NULL;
  if (ordinal >= (uint32_t)count) {
    if (count)
      mpc_rt_gpu_fail(error, MPC_ERROR_DEVICE,
                      "no device %u: the machine has %d", ordinal, count);
    else
      mpc_rt_gpu_fail(error, MPC_ERROR_DEVICE, "no device");
    return NULL;
  }
  if (!mpc_rt_gpu_check(error, "no device",
                        mpc_rt_cu.deviceGet(&found.handle, found.ordinal)))
    return NULL;
  const struct {
    int attribute, *value;
  } asked[] = {
      {CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, &major},
      {CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, &minor},
      {CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, &found.multiprocessors}};
  for (size_t i = 0; i != sizeof(asked) / sizeof(*asked); ++i)
    if (!mpc_rt_gpu_check(error, "no device",
                          mpc_rt_cu.deviceGetAttribute(asked[i].value,
                                                       asked[i].attribute,
                                                       found.handle)))
      return NULL;
  found.capability = 10 * major + minor;
  mpc_rt_gpu_device *device = malloc(sizeof(*device));
  if (!device) {
    mpc_rt_gpu_fail(error, MPC_ERROR_OUT_OF_MEMORY, "out of host memory");
    return NULL;
  }
  *device = found;
  if (mpc_rt_gpu_check(
          error, "cannot use the device",
          mpc_rt_cu.primaryCtxRetain(&device->context, device->handle)))
    return device;
  free(device);
  return NULL;
}

mpc_rt_gpu_device *mpc_rt_gpu_open(uint32_t ordinal, mpc_rt_gpu_error *error) {
  pthread_mutex_lock(&lock);
  mpc_rt_gpu_device *device = devices;
  while (device && (uint32_t)device->ordinal != ordinal)
    device = device->next;
  if (!device && (device = openDevice(ordinal, error))) {
    device->next = devices;
    devices = device;
  }
  if (device)
    ++device->users;
  pthread_mutex_unlock(&lock);
  return device;
}

static void freeShared(mpc_rt_gpu_shared *list) {
  while (list) {
    mpc_rt_gpu_shared *next = list->next;
    if (list->module)
      mpc_rt_cu.moduleUnload(list->module);
    if (list->memory)
      mpc_rt_cu.memFree(list->memory);
    free(list);
    list = next;
  }
}

void mpc_rt_gpu_close(mpc_rt_gpu_device *device) {
  pthread_mutex_lock(&lock);
  if (--device->users == 0) {
    mpc_rt_gpu_device **link = &devices;
    while (*link != device)
      link = &(*link)->next;
    *link = device->next;
    void *previous;
    /* At the end of a process the driver may have gone before. */
    if (!mpc_rt_cu.ctxPush(device->context)) {
      freeShared(device->kernels);
      freeShared(device->weights);
      mpc_rt_cu.ctxPop(&previous);
    }
    mpc_rt_cu.primaryCtxRelease(device->handle);
    free(device);
  }
  pthread_mutex_unlock(&lock);
}

/* Machine code runs on later minor versions of its major one, but for 8.7, a
 * system on a chip, whose code is its own; PTX on everything later (CUDA C++
 * Programming Guide, "Binary compatibility"). */
static int canRun(const mpc_rt_gpu_image *image, int capability) {
  int own = image->capability;
  if (own == capability)
    return 1;
  if ((image->flags & MPC_RT_GPU_EXACT) || own > capability)
    return 0;
  return !(image->flags & MPC_RT_GPU_CUBIN) ||
         (own / 10 == capability / 10 && own != 87 && capability != 87);
}

static const mpc_rt_gpu_image *choose(const mpc_rt_gpu_program *program,
                                      int capability, uint32_t kind) {
  const mpc_rt_gpu_image *best = NULL;
  for (int64_t i = 0; i != program->numImages; ++i) {
    const mpc_rt_gpu_image *image = &program->images[i];
    if ((image->flags & MPC_RT_GPU_CUBIN) == kind &&
        canRun(image, capability) &&
        (!best || best->capability < image->capability ||
         (best->capability == image->capability &&
          (image->flags & MPC_RT_GPU_EXACT))))
      best = image;
  }
  return best;
}

/* The least capability that the program has code for. */
static int leastCapability(const mpc_rt_gpu_program *program) {
  int least = program->images[0].capability;
  for (int64_t i = 1; i != program->numImages; ++i)
    if (program->images[i].capability < least)
      least = program->images[i].capability;
  return least;
}

static void *loadKernels(const mpc_rt_gpu_device *device,
                         const mpc_rt_gpu_program *program,
                         mpc_rt_gpu_error *error) {
  int capability = device->capability;
  const mpc_rt_gpu_image *cubin = choose(program, capability, MPC_RT_GPU_CUBIN);
  const mpc_rt_gpu_image *ptx = choose(program, capability, 0);
  if (!cubin && !ptx) {
    int least = leastCapability(program);
    if (capability < least)
      mpc_rt_gpu_fail(error, MPC_ERROR_DEVICE,
                      "the device, of compute capability %d.%d, is too old: "
                      "the library is for %d.%d and later",
                      capability / 10, capability % 10, least / 10, least % 10);
    else
      mpc_rt_gpu_fail(error, MPC_ERROR_DEVICE,
                      "the library has no code for this device, of compute "
                      "capability %d.%d",
                      capability / 10, capability % 10);
    return NULL;
  }
  /* A driver that is older than the assembler may refuse the cubin, but take
   * the PTX. */
  void *module = NULL;
  CUresult result =
      cubin ? mpc_rt_cu.moduleLoadDataEx(&module, cubin->code, 0, NULL, NULL)
            : 0;
  if (cubin && !result)
    return module;
  if (!ptx || result == CUDA_ERROR_OUT_OF_MEMORY) {
    mpc_rt_gpu_check(error, "cannot load the kernels", result);
    return NULL;
  }
  char log[200] = "";
  const int options[] = {CU_JIT_ERROR_LOG_BUFFER,
                         CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES};
  void *values[] = {log, (void *)(uintptr_t)(sizeof(log) - 1)};
  result = mpc_rt_cu.moduleLoadDataEx(&module, ptx->code, 2, options, values);
  if (!result)
    return module;
  char *end = strchr(log, '\n');
  if (end)
    *end = 0;
  if (*log)
    mpc_rt_gpu_fail(error, MPC_ERROR_DEVICE,
                    "the driver cannot compile the kernels: %s", log);
  else
    mpc_rt_gpu_check(error, "the driver cannot compile the kernels", result);
  return NULL;
}

/* The entry of a list with that key, made if there is none; NULL without
 * memory. */
static mpc_rt_gpu_shared *find(mpc_rt_gpu_shared **list, const void *key,
                               int mustExist, mpc_rt_gpu_error *error) {
  for (mpc_rt_gpu_shared *one = *list; one; one = one->next)
    if (one->key == key)
      return one;
  if (mustExist)
    return NULL;
  mpc_rt_gpu_shared *one = calloc(1, sizeof(*one));
  if (!one) {
    mpc_rt_gpu_fail(error, MPC_ERROR_OUT_OF_MEMORY, "out of host memory");
    return NULL;
  }
  one->key = key;
  one->next = *list;
  *list = one;
  return one;
}

void *mpc_rt_gpu_kernels(mpc_rt_gpu_device *device,
                         const mpc_rt_gpu_program *program, int mustExist,
                         mpc_rt_gpu_error *error) {
  pthread_mutex_lock(&lock);
  mpc_rt_gpu_shared *shared = find(&device->kernels, program, mustExist, error);
  if (shared && !shared->module && !mustExist)
    shared->module = loadKernels(device, program, error);
  void *module = shared ? shared->module : NULL;
  pthread_mutex_unlock(&lock);
  return module;
}

CUdeviceptr mpc_rt_gpu_weights(mpc_rt_gpu_device *device, const void *host,
                               uint64_t bytes, int mustExist,
                               mpc_rt_gpu_error *error) {
  pthread_mutex_lock(&lock);
  mpc_rt_gpu_shared *shared = find(&device->weights, host, mustExist, error);
  if (shared && !shared->memory && !mustExist) {
    /* An allocation of nothing is an error. A copy of pageable memory may be
     * under way when it returns, and other streams do not wait for it. */
    CUdeviceptr memory = 0;
    if (mpc_rt_gpu_check(error, "cannot allocate the weights",
                         mpc_rt_cu.memAlloc(&memory, bytes ? bytes : 1))) {
      if (!bytes || (mpc_rt_gpu_check(error, "cannot copy the weights",
                                      mpc_rt_cu.memcpyHtoDAsync(memory, host,
                                                                bytes, NULL)) &&
                     mpc_rt_gpu_check(error, "cannot copy the weights",
                                      mpc_rt_cu.streamSynchronize(NULL))))
        shared->memory = memory;
      else
        mpc_rt_cu.memFree(memory);
    }
  }
  CUdeviceptr memory = shared ? shared->memory : 0;
  pthread_mutex_unlock(&lock);
  return memory;
}
