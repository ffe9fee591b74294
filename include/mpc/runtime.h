/*===- runtime.h - The C ABI of a compiled model ------------------*- C -*-===*\
|*
|* Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
|* See LICENSE for license information.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
|*===----------------------------------------------------------------------===*|
|*
|* The one header that a program needs to use any library that mpc-compile
|* wrote. It is plain C99, needs no library to link against, and never changes
|* in a way that breaks a program or a library that was built against it:
|*
|*  - a function table only grows at its end; `struct_size` tells how much of it
|*    the library has;
|*  - a structure that the caller passes starts with `struct_size`, which the
|*    caller sets to sizeof; what a library does not know of, or a caller did
|*    not know of, has the meaning that zero has;
|*  - an incompatible change raises MPC_ABI_VERSION, and a library that is newer
|*    than its caller answers mpc_model_query with NULL.
|*
|*   #include "mpc/runtime.h"
|*   void *library = dlopen("model.so", RTLD_NOW | RTLD_LOCAL);
|*   mpc_model_query_fn query = (mpc_model_query_fn)dlsym(library,
|*                                                        "mpc_model_query");
|*   const mpc_model *model = query(MPC_ABI_VERSION);
|*   mpc_context *context = NULL;
|*   if (model->create(model, NULL, &context) != MPC_OK)
|*     puts(model->last_error());
|*   model->run(context, 0, inputs, 1, outputs, 1);
|*   model->destroy(context);
|*
|* Threads: every function may be called from any thread at any time, with one
|* exception: one context serves one call at a time (a second one is refused
|* with MPC_ERROR_BUSY). For parallel calls create one context per thread; they
|* share the weights.
|*
\*===----------------------------------------------------------------------===*/

#ifndef MPC_RUNTIME_H
#define MPC_RUNTIME_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version of this header. */
#define MPC_ABI_VERSION 1u

/* What a function answers. Anything but MPC_OK leaves a sentence for
 * last_error(). */
typedef enum mpc_status {
  MPC_OK = 0,
  /* A null pointer, an index out of range, a struct_size that is too small. */
  MPC_ERROR_INVALID_ARGUMENT = 1,
  /* A tensor's type, rank, shape, strides or alignment is not the model's. */
  MPC_ERROR_TENSOR_MISMATCH = 2,
  /* The named instruction set is not in the library, or the machine cannot run
   * any that is. */
  MPC_ERROR_ISA = 3,
  /* The caller's workspace is too small or not aligned. */
  MPC_ERROR_WORKSPACE = 4,
  MPC_ERROR_OUT_OF_MEMORY = 5,
  /* The context is running in another thread. */
  MPC_ERROR_BUSY = 6,
  /* MPC_NUM_THREADS or another variable of the environment has no meaning. */
  MPC_ERROR_ENVIRONMENT = 7,
  /* What the ABI can express but the library cannot do, such as a device. */
  MPC_ERROR_UNSUPPORTED = 8,
  /* The values of the inputs lead to a part of the model that was not compiled,
   * such as a branch that the shapes do not allow. The outputs are undefined.
   */
  MPC_ERROR_INPUT_VALUE = 9,
  /* No driver, no device, one that the library has no code for, or a failure
   * that the driver reports. */
  MPC_ERROR_DEVICE = 10
} mpc_status;

/* Element types; the numbers are those of onnx.TensorProto.DataType. */
typedef enum mpc_dtype {
  MPC_UNDEFINED = 0,
  MPC_F32 = 1,
  MPC_U8 = 2,
  MPC_I8 = 3,
  MPC_U16 = 4,
  MPC_I16 = 5,
  MPC_I32 = 6,
  MPC_I64 = 7,
  MPC_BOOL = 9, /* one byte, 0 or 1 */
  MPC_F16 = 10,
  MPC_F64 = 11,
  MPC_U32 = 12,
  MPC_U64 = 13,
  MPC_BF16 = 16,
  /* 8-bit floats of the OCP formats and of their finite, unsigned-zero forms.
   */
  MPC_F8E4M3FN = 17,
  MPC_F8E4M3FNUZ = 18,
  MPC_F8E5M2 = 19,
  MPC_F8E5M2FNUZ = 20,
  MPC_U4 = 21,     /* one byte, 0 to 15 */
  MPC_I4 = 22,     /* one byte, -8 to 7 */
  MPC_F4E2M1 = 23, /* one byte, its code 0 to 15 */
  MPC_F8E8M0 = 24,
  MPC_U2 = 25, /* one byte, 0 to 3 */
  MPC_I2 = 26  /* one byte, -2 to 1 */
} mpc_dtype;

/* Where a tensor's bytes are. Libraries for CPUs take memory of the CPU only,
 * those for GPUs both; they ask the driver, so that 0 always works there. */
typedef enum mpc_device { MPC_DEVICE_CPU = 0, MPC_DEVICE_CUDA = 1 } mpc_device;

/* A size that is one in `dims` of mpc_tensor_info: the batch, the same number
 * in all tensors of one call. */
#define MPC_BATCH ((int64_t)-1)

/* A tensor of the caller. The memory stays the caller's, is read (inputs) or
 * written (outputs) only during run, and outputs overlap no other tensor. */
typedef struct mpc_tensor {
  void *data;             /* aligned to the element's size */
  const int64_t *shape;   /* `rank` sizes; may be NULL where rank is 0 */
  const int64_t *strides; /* in elements; NULL: dense, last dimension fastest */
  uint32_t dtype;         /* an mpc_dtype */
  uint32_t rank;
  uint32_t device; /* an mpc_device */
  uint32_t device_index;
} mpc_tensor;

/* What the model expects or gives. Valid as long as the library is loaded. */
typedef struct mpc_tensor_info {
  uint32_t struct_size; /* set by the caller to sizeof(mpc_tensor_info) */
  uint32_t dtype;       /* an mpc_dtype */
  const char *name;
  const int64_t *dims; /* `rank` sizes, MPC_BATCH for the symbolic batch */
  uint32_t rank;
  uint32_t reserved;
} mpc_tensor_info;

/* One way to call the model. Index 0 always exists. */
typedef struct mpc_entry_info {
  uint32_t struct_size; /* set by the caller to sizeof(mpc_entry_info) */
  uint32_t num_inputs;
  const char *name;
  uint32_t num_outputs;
  uint32_t symbolic_batch; /* 1 if some tensor has a size MPC_BATCH */
} mpc_entry_info;

/* An instruction set that the library has code for, named as in --march. */
typedef struct mpc_isa_info {
  uint32_t struct_size; /* set by the caller to sizeof(mpc_isa_info) */
  /* 1 if this machine and its system can run it. Whether the system permits
   * this process tile registers is asked when a context is created. */
  uint32_t supported;
  const char *name;
} mpc_isa_info;

/* A piece of a loop: the iterations [lo, hi). */
typedef void (*mpc_range_fn)(const void *args, int64_t lo, int64_t hi);

/* A caller's own parallel loop: calls fn(args, lo, hi) on ranges that do not
 * overlap and together are [0, n), from any threads, and returns when all of
 * them have returned. `args` is valid until then. */
typedef void (*mpc_parallel_for_fn)(void *user, mpc_range_fn fn,
                                    const void *args, int64_t n);

/* How to create a context. All zero but struct_size, or a NULL pointer: the
 * defaults. */
typedef struct mpc_context_options {
  uint32_t struct_size; /* set by the caller to sizeof(mpc_context_options) */
  /* Threads of one call, the caller's included. 0: MPC_NUM_THREADS if set, else
   * the cores that affinity and the cgroup's quota allow. Results do not depend
   * on it. Threads start with the first call that has work for them and end
   * with the context. */
  uint32_t threads;
  /* The instruction set. NULL: MPC_ISA if set, else the best supported one. */
  const char *isa;
  /* The batch whose workspace is allocated now; a larger one later allocates
   * once in its first call. 0: 1. */
  int64_t max_batch;
  /* Memory to use instead of the context's own: workspace_size() bytes aligned
   * to MPC_WORKSPACE_ALIGNMENT, valid until destroy and in no other context. A
   * call that needs more is refused with MPC_ERROR_WORKSPACE. */
  void *workspace;
  uint64_t workspace_bytes;
  /* Runs loops in the caller's threads; no thread of the library's then. With
   * it `threads` is what the callback has to offer, for deciding which loops
   * are worth splitting. */
  mpc_parallel_for_fn parallel_for;
  void *parallel_for_user;
  /* Of libraries for GPUs: which of the driver's devices, counted as
   * CUDA_VISIBLE_DEVICES leaves them. */
  uint32_t device_index;
  uint32_t reserved; /* 0 */
} mpc_context_options;

#define MPC_WORKSPACE_ALIGNMENT 64

/* What a context came out as. */
typedef struct mpc_context_info {
  uint32_t struct_size; /* set by the caller to sizeof(mpc_context_info) */
  uint32_t threads;
  const char *isa;
} mpc_context_info;

/* What one group of operators takes: how often its code ran, and for how long
 * in all, in ticks of a clock of constant rate (mpc_profile.ticks relates it to
 * the caller's clock). */
typedef struct mpc_group_time {
  uint64_t calls;
  uint64_t ticks;
} mpc_group_time;

/* A profile, to which calls add; the caller sets it to zero, or reads it,
 * between calls. */
typedef struct mpc_profile {
  uint32_t struct_size; /* set by the caller to sizeof(mpc_profile) */
  uint32_t num_groups;  /* of `groups`, at least 1 */
  /* In the order of the manifest's groups of the entry that is run. The last
   * one takes everything that belongs to none before it. */
  mpc_group_time *groups;
  uint64_t calls; /* of run */
  uint64_t ticks; /* of those calls: the sum over `groups` */
} mpc_profile;

typedef struct mpc_context mpc_context;
typedef struct mpc_model mpc_model;

/* A model: data that never change and the functions of its library. */
struct mpc_model {
  uint32_t struct_size; /* sizeof(mpc_model) as the library knows it */
  uint32_t abi_version; /* MPC_ABI_VERSION of the library */
  const void *impl;     /* the library's own */

  /* The sentence that belongs to the last failure in this thread, "" if there
   * was none. Valid until this thread's next failing call into this library. */
  const char *(*last_error)(void);

  /* The name of a status, such as "tensor mismatch". */
  const char *(*status_string)(mpc_status status);

  /* The manifest, a JSON object (docs/Runtime.md): names, shapes, types,
   * layouts, quantization parameters, precisions, calibrated ranges, versions.
   * `bytes` may be NULL; the text ends with a zero byte, which is not
   * counted. */
  const char *(*manifest)(const mpc_model *model, uint64_t *bytes);

  uint32_t (*num_entries)(const mpc_model *model);
  mpc_status (*entry_info)(const mpc_model *model, uint32_t entry,
                           mpc_entry_info *info);
  mpc_status (*input_info)(const mpc_model *model, uint32_t entry,
                           uint32_t index, mpc_tensor_info *info);
  mpc_status (*output_info)(const mpc_model *model, uint32_t entry,
                            uint32_t index, mpc_tensor_info *info);

  /* Instruction sets, the least demanding first. */
  uint32_t (*num_isas)(const mpc_model *model);
  mpc_status (*isa_info)(const mpc_model *model, uint32_t index,
                         mpc_isa_info *info);

  /* Bytes of workspace that a call of `entry` with this batch needs (batch 1
   * where none is symbolic). `isa` as in mpc_context_options; the size may
   * differ between instruction sets. */
  mpc_status (*workspace_size)(const mpc_model *model, uint32_t entry,
                               const char *isa, int64_t batch, uint64_t *bytes);

  /* Creates a context; *context is NULL on failure. `options` may be NULL. */
  mpc_status (*create)(const mpc_model *model,
                       const mpc_context_options *options,
                       mpc_context **context);

  mpc_status (*context_info)(const mpc_context *context,
                             mpc_context_info *info);

  /* Runs the entry: reads `inputs`, writes `outputs`, both in the order of
   * input_info and output_info. Allocates nothing (max_batch above). */
  mpc_status (*run)(mpc_context *context, uint32_t entry,
                    const mpc_tensor *inputs, uint32_t num_inputs,
                    const mpc_tensor *outputs, uint32_t num_outputs);

  /* Frees the context and ends its threads. NULL is fine. To be called before
   * the library is unloaded, which ends the threads of a context that is left
   * but keeps its memory. */
  void (*destroy)(mpc_context *context);

  /* From here on functions of later versions: check `struct_size`. */

  /* Every call of this context adds its times to *profile, which stays the
   * caller's and valid, until another profile or NULL (the default) is given.
   * Results do not change. */
  mpc_status (*profile)(mpc_context *context, mpc_profile *profile);

  /* Of libraries for GPUs: later calls of this context are on this stream of
   * the context's device, a CUstream, which is a cudaStream_t ((void *)1: the
   * legacy default stream, (void *)2: the thread's). A call whose tensors are
   * all in the device's memory then returns as soon as it is queued; the
   * tensors are in use until the stream has come past it. NULL, the default: a
   * stream of the context's own, on which every call waits for its end. */
  mpc_status (*set_stream)(mpc_context *context, void *stream);
};

/* The function that a library exports as mpc_model_query (for dlopen) and as
 * <prefix>_query (for linking). NULL if the library's ABI is newer than
 * `max_abi`, which is the caller's MPC_ABI_VERSION. */
typedef const mpc_model *(*mpc_model_query_fn)(uint32_t max_abi);

/* Libraries of --emit=observer-library export one more function: they compute
 * in f32 and gather, run by run, what calibration needs. It writes what the
 * context has seen since it was created as a calibration table, which
 * mpc-compile reads with --calibration=PATH: the same bytes as
 * --save-calibration gives for the same samples. A run counts as many samples
 * as its batch; one that shows NaN or an infinity fails with
 * MPC_ERROR_INVALID_ARGUMENT, its outputs are written, and it does not count.
 * Tables of several contexts merge (--calibration=A,B), unless they are of
 * moving averages.
 *
 * The file is written beside `path` and renamed. MPC_ERROR_INVALID_ARGUMENT if
 * that fails or nothing has run yet, MPC_ERROR_BUSY while the context runs. */
mpc_status mpc_save_calibration(mpc_context *context, const char *path);

#ifdef __cplusplus
}
#endif

#endif /* MPC_RUNTIME_H */
