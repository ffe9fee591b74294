/*===- table.h - Observations and the text of a calibration table -*- C -*-===*\
|*
|* Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
|* See LICENSE for license information.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
|*===----------------------------------------------------------------------===*|
|*
|* What the compiler and an observing library do alike: how the observations of
|* runs add up, and how a calibration table is written. Both link this file, so
|* that the same samples give the same bytes.
|*
\*===----------------------------------------------------------------------===*/

#ifndef MPC_RUNTIME_TABLE_H
#define MPC_RUNTIME_TABLE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Bins of a histogram. Bin n/2 + i holds i*w <= x < (i+1)*w, bin n/2 - 1 - i
 * holds -(i+1)*w < x <= -i*w without zero, with w = 2^exponent. */
#define MPC_RT_BINS 4096

/* What was seen of one tensor. */
typedef struct {
  double min, max;
  int32_t exponent; /* of the histogram's width */
  int32_t seen;     /* 0: nothing yet, and the rest is undefined */
  uint64_t *counts; /* MPC_RT_BINS, or NULL: no histogram */
} mpc_rt_observation;

/* How ranges of runs become one. */
enum { MPC_RT_WIDEST = 0, MPC_RT_MOVING_AVERAGE = 1 };

/* The exponent of the width that mpc.histogram chooses for a range. */
int32_t mpc_rt_histogram_exponent(double min, double max);

/* Adds what one run saw: a finite range and, where `into` has a histogram, the
 * counts of bins as wide as mpc_rt_histogram_exponent says. */
void mpc_rt_observe_range(mpc_rt_observation *into, int how, double min,
                          double max);
void mpc_rt_observe_counts(mpc_rt_observation *into, int32_t exponent,
                           const int64_t *counts);

/* What was seen of the input channels of one contraction: `num_channels` sums,
 * then the number of positions. */
typedef struct {
  const char *key; /* its group's name as a JSON string */
  const int64_t *sums;
  uint32_t num_channels;
} mpc_rt_channels;

/* A sum of channels that has left this range, or is made of such a one, is
 * that end of it. */
#define MPC_RT_MOST_SUM ((int64_t)1 << 62)
static inline int64_t mpc_rt_add_sums(int64_t lhs, int64_t rhs) {
  if (lhs >= MPC_RT_MOST_SUM || lhs <= -MPC_RT_MOST_SUM)
    return lhs;
  if (rhs >= MPC_RT_MOST_SUM || rhs <= -MPC_RT_MOST_SUM)
    return rhs;
  int64_t sum = lhs + rhs; /* of less than 2^63 */
  return sum > MPC_RT_MOST_SUM    ? MPC_RT_MOST_SUM
         : sum < -MPC_RT_MOST_SUM ? -MPC_RT_MOST_SUM
                                  : sum;
}

/* Receives the pieces of a text. */
typedef void (*mpc_rt_sink)(void *user, const char *text, size_t size);

/* Writes a table: `head` is its beginning up to the number of samples, `keys`
 * are the names of tensors as JSON strings. */
void mpc_rt_write_table(const char *head, uint64_t samples,
                        const char *const *keys,
                        const mpc_rt_observation *observations, uint32_t count,
                        const mpc_rt_channels *inputs, uint32_t num_inputs,
                        mpc_rt_sink sink, void *user);

#ifdef __cplusplus
}
#endif

#endif /* MPC_RUNTIME_TABLE_H */
