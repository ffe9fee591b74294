/*===- binding.h - A caller's tensors as the generated code's arguments -*- C
-*-===*\
|*
|* Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
|* See LICENSE for license information.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
\*===----------------------------------------------------------------------===*/

#ifndef MPC_RUNTIME_BINDING_H
#define MPC_RUNTIME_BINDING_H

#include "model.h"
#include "mpc/runtime.h"

/* An MLIR memref descriptor; sizes[rank] and strides[rank] follow. */
typedef struct {
  void *allocated, *aligned;
  int64_t offset;
  int64_t sizesAndStrides[];
} mpc_rt_memref;

/* Bytes of a descriptor. */
static inline uint64_t mpc_rt_memref_bytes(uint32_t rank) {
  return sizeof(mpc_rt_memref) + 2 * (uint64_t)rank * sizeof(int64_t);
}

/* Checks a tensor against what the model says and fills its descriptor. *batch
 * is 0 until the first tensor with a symbolic size sets it; the others must
 * agree. `kind` is "input" or "output". Memory of a GPU is refused unless
 * `takesDevices`. */
mpc_status mpc_rt_bind(const char *kind, const mpc_rt_tensor *expected,
                       const mpc_tensor *got, int takesDevices, int64_t *batch,
                       mpc_rt_memref *memref);

/* A dense memref<bytes x i8>. */
void mpc_rt_bind_bytes(const void *data, uint64_t bytes, mpc_rt_memref *memref);

#endif /* MPC_RUNTIME_BINDING_H */
