/* A driver without a GPU, built as libcuda.so.1: memory is the process's own,
 * and the kernels that it knows are those of gpu-sum.mlir and gpu-map.mlir. It
 * has two devices, and FAKE_CUDA (or fake_set) says what they are like: "80" of
 * compute capability 8.0, and after that words: "none" no device, "oom" no
 * memory, "old" a driver that refuses cubins, "jit" one that refuses PTX,
 * "fault" kernels fail, "slice" three multiprocessors. Calls are written down:
 * fake_log returns what came since the last time. At the end it writes a line
 * of what is still in use.
 *
 * Of a stream that is captured it allows what a caller's capture allows:
 * kernels and copies within the device. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  INVALID = 1,
  OUT_OF_MEMORY = 2,
  NOT_SUPPORTED = 801,
  FORBIDDEN_IN_CAPTURE = 900
};

static char wish[64], calls[1 << 16];
static size_t callsSize;
static int allocated, pushed, retained, loaded, streams, graphs, launches;

static const char *kind(void) {
  if (!*wish)
    snprintf(wish, sizeof wish, "%s",
             getenv("FAKE_CUDA") ? getenv("FAKE_CUDA") : "80");
  return wish;
}
static int is(const char *word) { return strstr(kind(), word) != NULL; }
void fake_set(const char *value) { snprintf(wish, sizeof wish, "%s", value); }
const char *fake_log(void) {
  static char taken[sizeof calls];
  memcpy(taken, calls, sizeof calls);
  callsSize = 0;
  calls[0] = 0;
  return taken;
}
/* What is past the end of the list is dropped. */
#define NOTE(...)                                                              \
  (callsSize + 256 < sizeof calls                                              \
       ? (void)(callsSize +=                                                   \
                (size_t)snprintf(calls + callsSize, 256, "; " __VA_ARGS__))    \
       : (void)0)

/* -- devices and contexts */
static int contexts[2];
static int current; /* the device of the context that was pushed last */
int cuInit(unsigned flags) { return flags != 0; }
int cuDeviceGetCount(int *count) {
  *count = is("none") ? 0 : 2;
  return 0;
}
int cuDeviceGet(int *device, int ordinal) {
  *device = 7 + ordinal;
  return ordinal < 0 || ordinal > 1;
}
int cuDeviceGetAttribute(int *value, int attribute, int device) {
  int capability = atoi(kind()) ? atoi(kind()) : 80;
  *value = attribute == 16   ? (is("slice") ? 3 : 132)
           : attribute == 75 ? capability / 10
                             : capability % 10;
  return device < 7 || device > 8;
}
int cuDevicePrimaryCtxRetain(void **context, int device) {
  *context = &contexts[device - 7];
  ++retained;
  return 0;
}
int cuDevicePrimaryCtxRelease_v2(int device) {
  --retained;
  return device < 7 || device > 8;
}
int cuCtxPushCurrent_v2(void *context) {
  ++pushed;
  current = (int)((int *)context - contexts);
  return current < 0 || current > 1;
}
int cuCtxPopCurrent_v2(void **context) {
  *context = &contexts[current];
  --pushed;
  return 0;
}

/* -- kernels */
int cuModuleLoadDataEx(void **module, const void *image, unsigned count,
                       int *options, void **values) {
  int isCubin = !memcmp(image, "\177ELF", 4);
  if (isCubin && (((uintptr_t)image & 7) || count))
    return INVALID;
  if (isCubin) { /* where the file's flags have the chip's number depends on the
                    version of their ABI */
    const unsigned char *bytes = image;
    NOTE("load cubin %d", bytes[bytes[8] >= 8 ? 49 : 48]);
  } else {
    const char *target = strstr(image, ".target ");
    NOTE("load PTX %.*s", target ? (int)strcspn(target + 8, ",\n") : 0,
         target ? target + 8 : "");
  }
  if (isCubin && is("old"))
    return 209;
  if (!isCubin && is("jit")) {
    for (unsigned i = 0; i != count; ++i)
      if (options[i] == 5)
        strcpy(values[i],
               "ptxas application ptx input, line 9; fatal : planted\nmore");
    return 218;
  }
  *module = &loaded;
  ++loaded;
  return 0;
}
int cuModuleUnload(void *module) {
  --loaded;
  return module != &loaded;
}
static int negate, add, box;
int cuModuleGetFunction(void **function, void *module, const char *name) {
  *function = !strcmp(name, "negate") ? &negate
              : !strcmp(name, "add")  ? &add
              : !strcmp(name, "box")  ? &box
                                      : NULL;
  return module != &loaded || !*function;
}
int cuFuncSetAttribute(void *function, int attribute, int value) {
  return !function || attribute != 8 || value < 0;
}

/* -- memory */
static struct {
  char *begin;
  size_t bytes;
  int device;
} blocks[256];

/* -- streams and graphs */
typedef struct {
  void *function;
  int64_t params[24];
  _Alignas(64) char map[128];
  unsigned threads;
} Launch;
typedef struct {
  int count;
  Launch launches[64];
} Graph;
static struct {
  int isOpen, isCapturing;
  Graph *graph;
} all[64];
static int handleOf(const void *stream) { return (int)(uintptr_t)stream; }

static int allowsHostWork(const char *what) {
  for (int i = 0; i != 64; ++i)
    if (all[i].isCapturing == 1) { /* not the relaxed mode */
      NOTE("FORBIDDEN %s", what);
      return 0;
    }
  return 1;
}
int cuMemAlloc_v2(uint64_t *address, size_t bytes) {
  if (is("oom"))
    return OUT_OF_MEMORY;
  if (!allowsHostWork("alloc") || !bytes || pushed <= 0)
    return FORBIDDEN_IN_CAPTURE;
  NOTE("alloc %zu", bytes);
  ++allocated;
  void *memory;
  if (posix_memalign(&memory, 256, bytes))
    return OUT_OF_MEMORY;
  memset(memory, 0xa5, bytes);
  for (int i = 0; i != 256; ++i)
    if (!blocks[i].begin) {
      blocks[i].begin = memory;
      blocks[i].bytes = bytes;
      blocks[i].device = current;
      break;
    }
  *address = (uintptr_t)memory;
  return 0;
}
int cuMemFree_v2(uint64_t address) {
  for (int i = 0; i != 256; ++i)
    if (blocks[i].begin && (uintptr_t)blocks[i].begin == address) {
      if (!allowsHostWork("free"))
        return FORBIDDEN_IN_CAPTURE;
      NOTE("free %zu", blocks[i].bytes);
      free(blocks[i].begin);
      blocks[i].begin = NULL;
      --allocated;
      return 0;
    }
  return INVALID;
}
static int isOnDevice(uint64_t address) {
  for (int i = 0; i != 256; ++i)
    if (blocks[i].begin &&
        address - (uintptr_t)blocks[i].begin < blocks[i].bytes)
      return blocks[i].device + 1;
  return 0;
}
int cuPointerGetAttribute(void *value, int attribute, uint64_t address) {
  int device = isOnDevice(address);
  if (!device)
    return INVALID;
  if (attribute == 2)
    *(unsigned *)value = 2;
  else if (attribute == 9)
    *(int *)value = device - 1;
  else
    return INVALID;
  return 0;
}
static int copy(const char *how, void *to, const void *from, size_t bytes,
                void *stream) {
  NOTE("%s %zu on %d", how, bytes, handleOf(stream));
  memcpy(to, from, bytes);
  return 0;
}
int cuMemcpyHtoDAsync_v2(uint64_t to, const void *from, size_t bytes,
                         void *stream) {
  return !isOnDevice(to) || all[handleOf(stream)].isCapturing
             ? INVALID
             : copy("HtoD", (void *)(uintptr_t)to, from, bytes, stream);
}
int cuMemcpyDtoHAsync_v2(void *to, uint64_t from, size_t bytes, void *stream) {
  return !isOnDevice(from) || all[handleOf(stream)].isCapturing
             ? INVALID
             : copy("DtoH", to, (void *)(uintptr_t)from, bytes, stream);
}
int cuMemcpyDtoDAsync_v2(uint64_t to, uint64_t from, size_t bytes,
                         void *stream) {
  return !isOnDevice(to) || !isOnDevice(from)
             ? INVALID
             : copy("DtoD", (void *)(uintptr_t)to, (void *)(uintptr_t)from,
                    bytes, stream);
}
int cuStreamCreate(void **stream, unsigned flags) {
  for (int i = 16; i != 64; ++i)
    if (!all[i].isOpen) {
      all[i].isOpen = 1;
      ++streams;
      *stream = (void *)(uintptr_t)i;
      NOTE("stream %d, flags %u", i, flags);
      return 0;
    }
  return OUT_OF_MEMORY;
}
int cuStreamDestroy_v2(void *stream) {
  all[handleOf(stream)].isOpen = 0;
  --streams;
  return 0;
}
int cuStreamSynchronize(void *stream) {
  if (all[handleOf(stream)].isCapturing || !allowsHostWork("sync"))
    return FORBIDDEN_IN_CAPTURE;
  NOTE("sync %d", handleOf(stream));
  return is("fault") ? 700 : 0;
}
int cuStreamIsCapturing(void *stream, int *status) {
  *status = all[handleOf(stream)].isCapturing != 0;
  return 0;
}
int cuStreamBeginCapture_v2(void *stream, int mode) {
  NOTE("capture %d", handleOf(stream));
  all[handleOf(stream)].isCapturing = mode == 2 ? 2 : 1;
  all[handleOf(stream)].graph = calloc(1, sizeof(Graph));
  ++graphs;
  return 0;
}
int cuStreamEndCapture(void *stream, void **graph) {
  if (!all[handleOf(stream)].isCapturing)
    return INVALID;
  all[handleOf(stream)].isCapturing = 0;
  *graph = all[handleOf(stream)].graph;
  return 0;
}
int cuGraphInstantiateWithFlags(void **executable, void *graph,
                                unsigned long long flags) {
  NOTE("graph of %d", ((Graph *)graph)->count);
  *executable = memcpy(malloc(sizeof(Graph)), graph, sizeof(Graph));
  ++graphs;
  return flags != 0;
}
int cuGraphDestroy(void *graph) {
  free(graph);
  --graphs;
  return 0;
}
int cuGraphExecDestroy(void *executable) { return cuGraphDestroy(executable); }

/* What a map says is this driver's own affair. */
typedef struct {
  const char *address;
  uint64_t rows, columns, stride;
  uint32_t boxRows, boxColumns;
} Map;
int cuTensorMapEncodeTiled(void *map, int type, uint32_t rank, void *address,
                           const uint64_t *sizes, const uint64_t *strides,
                           const uint32_t *boxSizes, const uint32_t *steps,
                           int interleave, int swizzle, int promotion,
                           int fill) {
  NOTE("map of %u dimensions, %llu rows", rank,
       (unsigned long long)(rank == 2 ? sizes[1] : 0));
  if (((uintptr_t)map & 63) || type != 1 || rank != 2 ||
      ((uintptr_t)address & 15) || (strides[0] & 15) || steps[0] != 1 ||
      steps[1] != 1 || interleave || swizzle != 3 || promotion != 2 || fill)
    return INVALID;
  *(Map *)map =
      (Map){address, sizes[1], sizes[0], strides[0], boxSizes[1], boxSizes[0]};
  return 0;
}
/* The first row, a map, and a descriptor as below: the kernel of gpu-map.mlir.
 */
static int executeBox(const Launch *launch) {
  const int64_t *p = launch->params;
  const Map *map = (const Map *)launch->map;
  uint64_t rowBytes = 2 * map->columns;
  if (!isOnDevice((uint64_t)p[3]) || !isOnDevice((uintptr_t)map->address) ||
      map->boxColumns != map->columns || rowBytes > map->stride)
    return INVALID;
  for (uint64_t i = 0; i != map->boxRows; ++i) {
    char *to = (char *)(uintptr_t)p[3] + i * rowBytes;
    uint64_t row = (uint64_t)p[0] + i;
    memset(to, 0, rowBytes);
    if (row < map->rows)
      memcpy(to, map->address + row * map->stride, rowBytes);
  }
  return 0;
}

/* The number of elements, then descriptors: allocated, aligned, offset, sizes,
 * strides. */
static int execute(const Launch *launch) {
  if (launch->function == &box)
    return executeBox(launch);
  const int64_t *p = launch->params;
  int64_t n = p[0];
  const float *x = (const float *)p[2], *w = (const float *)p[9];
  float *y = (float *)(launch->function == &add ? p[14] : p[9]);
  if (launch->threads < n || !isOnDevice((uint64_t)p[2]) ||
      !isOnDevice((uint64_t)p[9]) || !isOnDevice((uint64_t)(uintptr_t)y))
    return INVALID;
  for (int64_t i = 0; i != n; ++i)
    y[i] = launch->function == &add ? x[i] + w[i % 64] : -x[i];
  return 0;
}
int cuLaunchKernel(void *function, unsigned gridX, unsigned gridY,
                   unsigned gridZ, unsigned blockX, unsigned blockY,
                   unsigned blockZ, unsigned shared, void *stream,
                   void **params, void **extra) {
  ++launches;
  NOTE("%s on %d",
       function == &add   ? "add"
       : function == &box ? "box"
                          : "negate",
       handleOf(stream));
  if (function == &box)
    NOTE("%u blocks", gridX);
  if (gridY * gridZ * blockY * blockZ != 1 || extra || pushed != 1)
    return INVALID;
  if (shared != (function == &negate ? 64 << 10 : 0))
    return INVALID;
  Launch launch = {.function = function, .threads = gridX * blockX};
  for (int i = 0; i != (function == &add ? 20 : function == &box ? 9 : 15); ++i)
    if (function == &box &&
        i == 1) /* by value: the caller's memory is its own again */
      memcpy(launch.map, params[i], sizeof launch.map);
    else
      launch.params[i] = *(int64_t *)params[i];
  if (!all[handleOf(stream)].isCapturing)
    return execute(&launch);
  Graph *graph = all[handleOf(stream)].graph;
  graph->launches[graph->count++] = launch;
  return 0;
}
int cuGraphLaunch(void *executable, void *stream) {
  if (all[handleOf(stream)].isCapturing || !allowsHostWork("graph launch"))
    return FORBIDDEN_IN_CAPTURE;
  Graph *graph = executable;
  NOTE("replay %d on %d", graph->count, handleOf(stream));
  for (int i = 0; i != graph->count; ++i)
    if (execute(&graph->launches[i]))
      return INVALID;
  return 0;
}

int cuGetErrorString(int error, const char **text) {
  *text = error == OUT_OF_MEMORY ? "out of memory"
          : error == 700         ? "an illegal memory access was encountered"
                                 : "the fake driver refuses";
  return 0;
}

__attribute__((destructor)) static void end(void) {
  fprintf(stderr,
          "fake driver%s\nfake driver: %d launches; in use: %d buffers, %d "
          "contexts, %d modules, %d streams, %d graphs\n",
          calls, launches, allocated, retained + pushed, loaded, streams,
          graphs);
}
