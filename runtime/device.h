/*===- device.h - What contexts share on a GPU --------------------*- C -*-===*\
|*
|* Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
|* See LICENSE for license information.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
|*===----------------------------------------------------------------------===*|
|*
|* Per device and library: the kernels and the weights, once. They come with the
|* first context that needs them and go with the last context on the device.
|*
\*===----------------------------------------------------------------------===*/

#ifndef MPC_RUNTIME_DEVICE_H
#define MPC_RUNTIME_DEVICE_H

#include "cuda.h"
#include "driver.h"

typedef struct mpc_rt_gpu_shared mpc_rt_gpu_shared;
typedef struct mpc_rt_gpu_device {
  int ordinal;
  int handle;     /* the driver's */
  int capability; /* 80 for 8.0 */
  int multiprocessors;
  void *context;  /* the primary one, which is also that of CUDA's runtime */
  unsigned users; /* contexts of this library */
  mpc_rt_gpu_shared *kernels, *weights;
  struct mpc_rt_gpu_device *next;
} mpc_rt_gpu_device;

/* The device with that number, for one more user; NULL after an error. */
mpc_rt_gpu_device *mpc_rt_gpu_open(uint32_t ordinal, mpc_rt_gpu_error *error);
void mpc_rt_gpu_close(mpc_rt_gpu_device *device);

/* In these the device's context is the thread's. What is not on the device yet
 * is brought there, unless `mustExist`: then NULL or 0 without an error. */
void *mpc_rt_gpu_kernels(mpc_rt_gpu_device *device,
                         const mpc_rt_gpu_program *program, int mustExist,
                         mpc_rt_gpu_error *error);
CUdeviceptr mpc_rt_gpu_weights(mpc_rt_gpu_device *device, const void *host,
                               uint64_t bytes, int mustExist,
                               mpc_rt_gpu_error *error);

#endif /* MPC_RUNTIME_DEVICE_H */
