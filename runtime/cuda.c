/*===- cuda.c - Running kernels on an NVIDIA GPU --------------------------===*\
|*
|* Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
|* See LICENSE for license information.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
\*===----------------------------------------------------------------------===*/

#include "cuda.h"

#include "binding.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The driver's types and functions, as cuda.h of the CUDA toolkit declares
 * them; the names are those of the versions that all drivers since 2011 have. */
typedef int CUresult;
typedef uint64_t CUdeviceptr;
static struct {
  CUresult (*init)(unsigned flags);
  CUresult (*deviceGetCount)(int *count);
  CUresult (*deviceGet)(int *device, int ordinal);
  CUresult (*deviceGetAttribute)(int *value, int attribute, int device);
  CUresult (*primaryCtxRetain)(void **context, int device);
  CUresult (*primaryCtxRelease)(int device);
  CUresult (*ctxPush)(void *context);
  CUresult (*ctxPop)(void **context);
  CUresult (*ctxSynchronize)(void);
  CUresult (*moduleLoadData)(void **module, const void *image);
  CUresult (*moduleUnload)(void *module);
  CUresult (*moduleGetFunction)(void **function, void *module,
                                const char *name);
  CUresult (*memAlloc)(CUdeviceptr *address, size_t bytes);
  CUresult (*memFree)(CUdeviceptr address);
  CUresult (*memcpyHtoD)(CUdeviceptr to, const void *from, size_t bytes);
  CUresult (*memcpyDtoH)(void *to, CUdeviceptr from, size_t bytes);
  CUresult (*launchKernel)(void *function, unsigned gridX, unsigned gridY,
                           unsigned gridZ, unsigned blockX, unsigned blockY,
                           unsigned blockZ, unsigned sharedBytes, void *stream,
                           void **params, void **extra);
  CUresult (*getErrorString)(CUresult error, const char **text);
} cu;

static const struct {
  const char *name;
  size_t offset;
} symbols[] = {
    {"cuInit", offsetof(__typeof__(cu), init)},
    {"cuDeviceGetCount", offsetof(__typeof__(cu), deviceGetCount)},
    {"cuDeviceGet", offsetof(__typeof__(cu), deviceGet)},
    {"cuDeviceGetAttribute", offsetof(__typeof__(cu), deviceGetAttribute)},
    {"cuDevicePrimaryCtxRetain", offsetof(__typeof__(cu), primaryCtxRetain)},
    {"cuDevicePrimaryCtxRelease_v2",
     offsetof(__typeof__(cu), primaryCtxRelease)},
    {"cuCtxPushCurrent_v2", offsetof(__typeof__(cu), ctxPush)},
    {"cuCtxPopCurrent_v2", offsetof(__typeof__(cu), ctxPop)},
    {"cuCtxSynchronize", offsetof(__typeof__(cu), ctxSynchronize)},
    {"cuModuleLoadData", offsetof(__typeof__(cu), moduleLoadData)},
    {"cuModuleUnload", offsetof(__typeof__(cu), moduleUnload)},
    {"cuModuleGetFunction", offsetof(__typeof__(cu), moduleGetFunction)},
    {"cuMemAlloc_v2", offsetof(__typeof__(cu), memAlloc)},
    {"cuMemFree_v2", offsetof(__typeof__(cu), memFree)},
    {"cuMemcpyHtoD_v2", offsetof(__typeof__(cu), memcpyHtoD)},
    {"cuMemcpyDtoH_v2", offsetof(__typeof__(cu), memcpyDtoH)},
    {"cuLaunchKernel", offsetof(__typeof__(cu), launchKernel)},
    {"cuGetErrorString", offsetof(__typeof__(cu), getErrorString)},
};

/* CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR. */
enum { capabilityMajor = 75, capabilityMinor = 76 };

/* What one call has on the GPU. */
typedef struct {
  void *host; /* NULL: scratch memory */
  CUdeviceptr device;
  uint64_t bytes;
} Buffer;

/* The state of the library, one call at a time. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static void *context, *module;
static int device;
static const void *uploaded; /* the weights that `weights` holds */
static CUdeviceptr weights;
static Buffer *buffers; /* of the call: inputs, outputs, arena */
static int failed;      /* the call has an error; its sentence is in `sentence` */
static char sentence[256];

static int fail(const char *what, CUresult result) {
  if (failed)
    return 0;
  failed = 1;
  const char *text = NULL;
  if (!result || !cu.getErrorString || cu.getErrorString(result, &text) ||
      !text)
    text = "";
  snprintf(sentence, sizeof(sentence), "GPU: %s%s%s", what, *text ? ": " : "",
           text);
  return 0;
}

static int check(const char *what, CUresult result) {
  return result ? fail(what, result) : 1;
}

/* Loads the driver; the function table is complete afterwards. */
static int loadDriver(void) {
  if (cu.getErrorString)
    return 1;
  void *library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (!library)
    return fail("libcuda.so.1, the NVIDIA driver, cannot be loaded", 0);
  for (size_t i = 0; i != sizeof(symbols) / sizeof(*symbols); ++i) {
    void *address = dlsym(library, symbols[i].name);
    if (!address) {
      char text[96];
      snprintf(text, sizeof(text), "the driver lacks the function %s",
               symbols[i].name);
      memset(&cu, 0, sizeof(cu));
      dlclose(library);
      return fail(text, 0);
    }
    memcpy((char *)&cu + symbols[i].offset, &address, sizeof(address));
  }
  return 1;
}

/* The device, its context, and the kernels. */
static int openDevice(const mpc_rt_gpu_program *program) {
  if (module)
    return check("cannot use the device", cu.ctxPush(context));
  int count = 0, major = 0, minor = 0;
  if (!loadDriver() || !check("cannot start the driver", cu.init(0)) ||
      !check("no device", cu.deviceGetCount(&count)))
    return 0;
  if (count == 0)
    return fail("no device", 0);
  if (!check("no device", cu.deviceGet(&device, 0)) ||
      !check("no device",
             cu.deviceGetAttribute(&major, capabilityMajor, device)) ||
      !check("no device",
             cu.deviceGetAttribute(&minor, capabilityMinor, device)))
    return 0;
  int capability = 10 * major + minor;
  const mpc_rt_gpu_image *best = NULL;
  for (int64_t i = 0; i != program->numImages; ++i) {
    const mpc_rt_gpu_image *image = &program->images[i];
    if ((image->exact ? image->capability == capability
                      : image->capability <= capability) &&
        (!best || best->capability <= image->capability))
      best = image;
  }
  if (!best) {
    char text[96];
    snprintf(text, sizeof(text),
             "the library has no code for this device, of capability %d.%d",
             major, minor);
    return fail(text, 0);
  }
  if (!check("cannot use the device", cu.primaryCtxRetain(&context, device)) ||
      !check("cannot use the device", cu.ctxPush(context)))
    return 0;
  if (check("cannot load the kernels", cu.moduleLoadData(&module, best->ptx)))
    return 1;
  module = NULL;
  cu.ctxPop(&context);
  cu.primaryCtxRelease(device);
  return 0;
}

/* At the end of the library; the driver may have gone before. */
__attribute__((destructor)) static void closeDevice(void) {
  if (!module || cu.ctxPush(context))
    return;
  if (weights)
    cu.memFree(weights);
  cu.moduleUnload(module);
  cu.ctxPop(&context);
  cu.primaryCtxRelease(device);
}

static int allocate(Buffer *buffer) {
  /* An allocation of nothing is an error. */
  return check("out of memory",
               cu.memAlloc(&buffer->device, buffer->bytes ? buffer->bytes : 1));
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

static int enter(const mpc_rt_gpu_program *program, void *const *descs) {
  int64_t numTensors = program->numInputs + program->numOutputs;
  buffers = calloc((size_t)numTensors + 1, sizeof(Buffer));
  if (!buffers)
    return fail("out of memory", 0);
  for (int64_t i = 0; i != numTensors; ++i) {
    mpc_rt_memref *memref = descs[i];
    Buffer *buffer = &buffers[i];
    buffer->host = memref->aligned;
    buffer->bytes = bytesOf(&program->tensors[i], memref);
    if (!allocate(buffer) ||
        (i < program->numInputs &&
         !check("cannot copy an input",
                cu.memcpyHtoD(buffer->device, buffer->host, buffer->bytes))))
      return 0;
    place(memref, buffer->device);
  }
  mpc_rt_memref *arena = descs[numTensors], *blob = descs[numTensors + 1];
  buffers[numTensors].bytes =
      (uint64_t)arena->sizesAndStrides[0] + MPC_RT_SLACK;
  if (!allocate(&buffers[numTensors]))
    return 0;
  place(arena, buffers[numTensors].device);
  if (uploaded != blob->aligned) {
    Buffer all = {blob->aligned, 0, (uint64_t)blob->sizesAndStrides[0]};
    if (weights)
      cu.memFree(weights);
    weights = 0;
    uploaded = NULL;
    if (!allocate(&all))
      return 0;
    weights = all.device;
    if (all.bytes && !check("cannot copy the weights",
                            cu.memcpyHtoD(weights, all.host, all.bytes)))
      return 0;
    uploaded = all.host;
  }
  place(blob, weights);
  return 1;
}

static int entered; /* the device's context is this thread's */

void mpc_rt_gpu_enter(mpc_rt_env *env, const mpc_rt_gpu_program *program,
                      void *const *descs) {
  (void)env;
  pthread_mutex_lock(&lock);
  failed = 0;
  entered = openDevice(program);
  if (entered)
    enter(program, descs);
}

void mpc_rt_gpu_launch(mpc_rt_env *env, const mpc_rt_gpu_program *program,
                       const char *kernel, int64_t blocks, int64_t threads,
                       void **params) {
  (void)env;
  (void)program;
  void *function;
  if (failed || blocks == 0)
    return;
  if (blocks > INT32_MAX) {
    fail("a kernel needs more blocks than there can be", 0);
    return;
  }
  if (check("cannot find a kernel",
            cu.moduleGetFunction(&function, module, kernel)))
    check("cannot start a kernel",
          cu.launchKernel(function, (unsigned)blocks, 1, 1, (unsigned)threads,
                          1, 1, 0, NULL, params, NULL));
}

void mpc_rt_gpu_leave(mpc_rt_env *env, const mpc_rt_gpu_program *program) {
  if (entered)
    check("a kernel failed", cu.ctxSynchronize());
  int64_t numTensors = program->numInputs + program->numOutputs;
  for (int64_t i = 0; buffers && i <= numTensors; ++i) {
    Buffer *buffer = &buffers[i];
    if (!buffer->device)
      continue;
    if (!failed && i >= program->numInputs && i < numTensors)
      check("cannot copy an output",
            cu.memcpyDtoH(buffer->host, buffer->device, buffer->bytes));
    cu.memFree(buffer->device);
  }
  free(buffers);
  buffers = NULL;
  void *previous;
  if (entered)
    cu.ctxPop(&previous);
  entered = 0;
  if (failed) {
    /* The sentence outlives the lock. */
    static _Thread_local char own[sizeof(sentence)];
    memcpy(own, sentence, sizeof(own));
    mpc_rt_report(env, own);
  }
  pthread_mutex_unlock(&lock);
}
