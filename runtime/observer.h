/*===- observer.h - What an observing library gathers -------------*- C -*-===*\
|*
|* Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
|* See LICENSE for license information.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
|*===----------------------------------------------------------------------===*|
|*
|* Only libraries of --emit=observer-library link observer.c: contexts reach its
|* functions through the model's descriptor.
|*
\*===----------------------------------------------------------------------===*/

#ifndef MPC_RUNTIME_OBSERVER_H
#define MPC_RUNTIME_OBSERVER_H

#include "model.h"
#include "mpc/runtime.h"
#include "table.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What one context has seen. */
struct mpc_rt_observations {
  uint64_t samples;
  mpc_rt_observation *all; /* one per tensor */
  /* What the code writes in one run: [min, max] of each tensor and, in a
   * library with histograms, MPC_RT_BINS counts. */
  float *ranges;
  int64_t *counts;
  /* Of each contraction the sums of its input channels and the number of
   * positions: those of the last run, and of all runs. */
  int64_t *runSums;
  mpc_rt_channels *inputs;
  uint64_t numSums;
  int64_t *sums;
};

/* NULL: out of memory. */
mpc_rt_observations *mpc_rt_observer_create(const mpc_rt_observer *observer);
void mpc_rt_observer_destroy(mpc_rt_observations *observations);

/* Adds the last run, of so many samples: all of it, or nothing where a tensor
 * holds NaN or an infinity. */
mpc_status mpc_rt_observer_take(const mpc_rt_observer *observer,
                                mpc_rt_observations *observations,
                                uint64_t samples);

/* The exported mpc_save_calibration tail-calls it. */
mpc_status mpc_rt_save_calibration(mpc_context *context, const char *path);

#ifdef __cplusplus
}
#endif

#endif /* MPC_RUNTIME_OBSERVER_H */
