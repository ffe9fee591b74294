/* A driver without a GPU, built as libcuda.so.1: memory is the process's own, and the one kernel that it knows negates. FAKE_CUDA says what it
 * is like: "80" a device of capability 8.0, "none" no device, "oom" one without memory. At the end it writes a line of what is still in use. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int allocated, pushed, retained, loaded, launches;

static const char *kind(void) {
  const char *value = getenv("FAKE_CUDA");
  return value ? value : "80";
}

int cuInit(unsigned flags) { return flags != 0; }
int cuDeviceGetCount(int *count) {
  *count = strcmp(kind(), "none") != 0;
  return 0;
}
int cuDeviceGet(int *device, int ordinal) {
  *device = 7;
  return ordinal != 0;
}
int cuDeviceGetAttribute(int *value, int attribute, int device) {
  int capability = atoi(kind()) ? atoi(kind()) : 80;
  *value = attribute == 75 ? capability / 10 : capability % 10;
  return device != 7;
}
int cuDevicePrimaryCtxRetain(void **context, int device) {
  *context = &retained;
  ++retained;
  return device != 7;
}
int cuDevicePrimaryCtxRelease_v2(int device) {
  --retained;
  return device != 7;
}
int cuCtxPushCurrent_v2(void *context) {
  ++pushed;
  return context != &retained;
}
int cuCtxPopCurrent_v2(void **context) {
  *context = &retained;
  --pushed;
  return 0;
}
int cuCtxSynchronize(void) { return 0; }
int cuModuleLoadData(void **module, const void *image) {
  const char *target = strstr(image, ".target ");
  fprintf(stderr, "fake driver: %.14s\n", target ? target : "no target");
  *module = &loaded;
  ++loaded;
  return 0;
}
int cuModuleUnload(void *module) {
  --loaded;
  return module != &loaded;
}
int cuModuleGetFunction(void **function, void *module, const char *name) {
  *function = &launches;
  return module != &loaded || strcmp(name, "Neg_0_kernel0") != 0;
}
int cuMemAlloc_v2(uint64_t *address, size_t bytes) {
  if (!strcmp(kind(), "oom"))
    return 2;
  ++allocated;
  return !(*address = (uintptr_t)malloc(bytes));
}
int cuMemFree_v2(uint64_t address) {
  --allocated;
  free((void *)(uintptr_t)address);
  return 0;
}
int cuMemcpyHtoD_v2(uint64_t to, const void *from, size_t bytes) {
  memcpy((void *)(uintptr_t)to, from, bytes);
  return 0;
}
int cuMemcpyDtoH_v2(void *to, uint64_t from, size_t bytes) {
  memcpy(to, (const void *)(uintptr_t)from, bytes);
  return 0;
}

/* Two descriptors of memref<64xf32>: allocated, aligned, offset, size, stride. */
int cuLaunchKernel(void *function, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned blockX, unsigned blockY, unsigned blockZ,
                   unsigned shared, void *stream, void **params, void **extra) {
  ++launches;
  if (function != &launches || gridY * gridZ * blockY * blockZ != 1 || gridX * blockX < 64 || shared || stream || extra || pushed != 1)
    return 1;
  const float *x = *(float **)params[1];
  float *y = *(float **)params[6];
  for (int list = 0; list < 2; ++list)
    if (*(int64_t *)params[5 * list + 2] != 0 || *(int64_t *)params[5 * list + 3] != 64 || *(int64_t *)params[5 * list + 4] != 1)
      return 1;
  for (int i = 0; i < 64; ++i)
    y[i] = -x[i];
  return 0;
}
int cuGetErrorString(int error, const char **text) {
  *text = error == 2 ? "out of memory" : "invalid";
  return 0;
}

__attribute__((destructor)) static void end(void) {
  fprintf(stderr, "fake driver: %d launches; in use: %d buffers, %d contexts, %d modules\n", launches, allocated, retained + pushed, loaded);
}
