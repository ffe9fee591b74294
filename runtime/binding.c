/*===- binding.c - A caller's tensors as the generated code's arguments ---===*\
|*
|* Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
|* See LICENSE for license information.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
\*===----------------------------------------------------------------------===*/

#include "binding.h"

#include "error.h"

static const struct {
  const char *name;
  uint32_t bytes; /* a power of two */
} types[] = {[MPC_F32] = {"f32", 4},
             [MPC_U8] = {"u8", 1},
             [MPC_I8] = {"i8", 1},
             [MPC_U16] = {"u16", 2},
             [MPC_I16] = {"i16", 2},
             [MPC_I32] = {"i32", 4},
             [MPC_I64] = {"i64", 8},
             [MPC_BOOL] = {"bool", 1},
             [MPC_F16] = {"f16", 2},
             [MPC_F64] = {"f64", 8},
             [MPC_U32] = {"u32", 4},
             [MPC_U64] = {"u64", 8},
             [MPC_BF16] = {"bf16", 2},
             [MPC_F8E4M3FN] = {"f8e4m3fn", 1},
             [MPC_F8E4M3FNUZ] = {"f8e4m3fnuz", 1},
             [MPC_F8E5M2] = {"f8e5m2", 1},
             [MPC_F8E5M2FNUZ] = {"f8e5m2fnuz", 1},
             [MPC_U4] = {"u4", 1},
             [MPC_I4] = {"i4", 1},
             [MPC_F4E2M1] = {"f4e2m1", 1},
             [MPC_F8E8M0] = {"f8e8m0", 1},
             [MPC_U2] = {"u2", 1},
             [MPC_I2] = {"i2", 1}};
enum { NUM_TYPES = sizeof(types) / sizeof(types[0]) };

static const char *typeName(uint32_t dtype) {
  return dtype < NUM_TYPES && types[dtype].name ? types[dtype].name
                                                : "an unknown type";
}

static void appendShape(mpc_rt_text *text, const int64_t *sizes,
                        uint32_t rank) {
  mpc_rt_append(text, "[");
  for (uint32_t i = 0; i < rank; ++i) {
    mpc_rt_append(text, i ? ", " : "");
    if (sizes[i] == MPC_BATCH)
      mpc_rt_append(text, "batch");
    else
      mpc_rt_append(text, "%lld", (long long)sizes[i]);
  }
  mpc_rt_append(text, "]");
}

mpc_status mpc_rt_bind(const char *kind, const mpc_rt_tensor *expected,
                       const mpc_tensor *got, int takesDevices, int64_t *batch,
                       mpc_rt_memref *memref) {
  const char *name = expected->name;
  uint32_t rank = expected->rank;
  if (got->dtype != expected->dtype)
    return mpc_rt_fail(MPC_ERROR_TENSOR_MISMATCH,
                       "%s '%s': expected type %s, but got %s", kind, name,
                       typeName(expected->dtype), typeName(got->dtype));
  if (got->device != MPC_DEVICE_CPU &&
      !(takesDevices && got->device == MPC_DEVICE_CUDA))
    return mpc_rt_fail(MPC_ERROR_UNSUPPORTED,
                       "%s '%s': expected memory of the CPU, but got device %u",
                       kind, name, got->device);
  if (got->rank && !got->shape)
    return mpc_rt_fail(MPC_ERROR_INVALID_ARGUMENT,
                       "%s '%s': expected a shape, but got NULL", kind, name);
  int matches = got->rank == rank;
  int64_t elements = 1;
  for (uint32_t i = 0; matches && i < rank; ++i) {
    int64_t size = got->shape[i];
    if (expected->dims[i] != MPC_BATCH) {
      matches = size == expected->dims[i];
    } else if (size < 1 || (*batch && size != *batch)) {
      if (!*batch)
        return mpc_rt_fail(
            MPC_ERROR_TENSOR_MISMATCH,
            "%s '%s': expected a batch of at least 1, but got %lld", kind, name,
            (long long)size);
      return mpc_rt_fail(MPC_ERROR_TENSOR_MISMATCH,
                         "%s '%s': expected the batch %lld of the tensors "
                         "before it, but got %lld",
                         kind, name, (long long)*batch, (long long)size);
    } else {
      *batch = size;
    }
    matches = matches && !__builtin_mul_overflow(elements, size, &elements);
  }
  if (!matches) {
    mpc_rt_text want = {.size = 0}, have = {.size = 0};
    appendShape(&want, expected->dims, rank);
    /* A rank from an uninitialised structure must not be read along. */
    if (got->rank <= 64)
      appendShape(&have, got->shape, got->rank);
    else
      mpc_rt_append(&have, "rank %u", got->rank);
    return mpc_rt_fail(MPC_ERROR_TENSOR_MISMATCH,
                       "%s '%s': expected shape %s, but got %s", kind, name,
                       want.text, have.text);
  }
  int64_t stride = 1;
  for (uint32_t i = rank; i-- > 0;) {
    /* The stride of a dimension of size 1 is never used. */
    if (got->strides && got->shape[i] > 1 && got->strides[i] != stride)
      return mpc_rt_fail(MPC_ERROR_UNSUPPORTED,
                         "%s '%s': expected dense strides (%lld in dimension "
                         "%u), but got %lld",
                         kind, name, (long long)stride, i,
                         (long long)got->strides[i]);
    memref->sizesAndStrides[i] = got->shape[i];
    memref->sizesAndStrides[rank + i] = stride;
    stride *= got->shape[i];
  }
  if (!got->data && elements)
    return mpc_rt_fail(MPC_ERROR_INVALID_ARGUMENT,
                       "%s '%s': expected data, but got NULL", kind, name);
  if ((uintptr_t)got->data & (types[got->dtype].bytes - 1))
    return mpc_rt_fail(MPC_ERROR_TENSOR_MISMATCH,
                       "%s '%s': expected data aligned to %u bytes, but got "
                       "address %p",
                       kind, name, types[got->dtype].bytes, got->data);
  memref->allocated = memref->aligned = got->data;
  memref->offset = 0;
  return MPC_OK;
}

void mpc_rt_bind_bytes(const void *data, uint64_t bytes,
                       mpc_rt_memref *memref) {
  memref->allocated = memref->aligned = (void *)(uintptr_t)data;
  memref->offset = 0;
  memref->sizesAndStrides[0] = (int64_t)bytes;
  memref->sizesAndStrides[1] = 1;
}
