/*===- observer.c - What an observing library gathers ---------------------===*\
|*
|* Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
|* See LICENSE for license information.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
\*===----------------------------------------------------------------------===*/

#include "observer.h"

#include "context.h"
#include "error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

mpc_rt_observations *mpc_rt_observer_create(const mpc_rt_observer *observer) {
  size_t count = observer->num_tensors;
  mpc_rt_observations *result = calloc(1, sizeof(*result));
  if (!result)
    return NULL;
  /* One more, as nothing of no bytes may be NULL. */
  result->all = calloc(count + 1, sizeof(*result->all));
  result->ranges = calloc(2 * count + 1, sizeof(float));
  for (uint32_t i = 0; i < observer->num_inputs; ++i)
    result->numSums += (uint64_t)observer->input_channels[i] + 1;
  result->runSums = calloc(result->numSums + 1, sizeof(int64_t));
  result->sums = calloc(result->numSums + 1, sizeof(int64_t));
  result->inputs = calloc(observer->num_inputs + 1, sizeof(mpc_rt_channels));
  int complete = result->all && result->ranges && result->runSums &&
                 result->sums && result->inputs;
  int64_t *sums = result->sums;
  for (uint32_t i = 0; complete && i < observer->num_inputs; ++i) {
    result->inputs[i].key = observer->input_keys[i];
    result->inputs[i].num_channels = observer->input_channels[i];
    result->inputs[i].sums = sums;
    sums += observer->input_channels[i] + 1;
  }
  if (complete && observer->histograms) {
    result->counts = calloc(count * MPC_RT_BINS + 1, sizeof(int64_t));
    complete = result->counts != NULL;
    for (size_t i = 0; complete && i < count; ++i) {
      result->all[i].counts = calloc(MPC_RT_BINS, sizeof(uint64_t));
      complete = result->all[i].counts != NULL;
    }
  }
  if (complete) {
    for (size_t i = 0; i < count; ++i)
      result->all[i].seen = 0;
    return result;
  }
  mpc_rt_observer_destroy(result);
  return NULL;
}

void mpc_rt_observer_destroy(mpc_rt_observations *observations) {
  if (!observations)
    return;
  /* The counts of the tensors follow each other until the first that has none;
   * only an allocation that failed leaves some without. */
  if (observations->all && observations->counts)
    for (mpc_rt_observation *one = observations->all; one->counts; ++one)
      free(one->counts);
  free(observations->all);
  free(observations->ranges);
  free(observations->counts);
  free(observations->runSums);
  free(observations->sums);
  free(observations->inputs);
  free(observations);
}

static int isFinite(float x) { return x - x == 0; }

mpc_status mpc_rt_observer_take(const mpc_rt_observer *observer,
                                mpc_rt_observations *observations,
                                uint64_t samples) {
  const float *ranges = observations->ranges;
  for (uint32_t i = 0; i < observer->num_tensors; ++i)
    if (!isFinite(ranges[2 * i]) || !isFinite(ranges[2 * i + 1]))
      return mpc_rt_fail(MPC_ERROR_INVALID_ARGUMENT,
                         "run: tensor %s holds NaN or an infinity; the "
                         "calibration does not count this run",
                         observer->keys[observer->rows[i]]);
  for (uint32_t i = 0; i < observer->num_tensors; ++i) {
    mpc_rt_observation *one = &observations->all[observer->rows[i]];
    double min = ranges[2 * i], max = ranges[2 * i + 1];
    mpc_rt_observe_range(
        one, observer->moving_average ? MPC_RT_MOVING_AVERAGE : MPC_RT_WIDEST,
        min, max);
    if (one->counts)
      mpc_rt_observe_counts(one, mpc_rt_histogram_exponent(min, max),
                            observations->counts + (uint64_t)i * MPC_RT_BINS);
  }
  for (uint64_t i = 0; i < observations->numSums; ++i)
    observations->sums[i] =
        mpc_rt_add_sums(observations->sums[i], observations->runSums[i]);
  observations->samples += samples;
  return MPC_OK;
}

/* A file that is written in large pieces. */
typedef struct {
  int descriptor;
  int error; /* errno of the first failure */
  size_t size;
  char buffer[8192];
} File;

static void flush(File *file) {
  const char *from = file->buffer;
  while (file->size && !file->error) {
    ssize_t written = write(file->descriptor, from, file->size);
    if (written > 0) {
      from += written;
      file->size -= (size_t)written;
    } else if (written == 0 || errno != EINTR) {
      file->error = written ? errno : EIO;
    }
  }
  file->size = 0;
}

static void append(void *user, const char *text, size_t size) {
  File *file = user;
  while (size) {
    size_t room = sizeof(file->buffer) - file->size;
    size_t now = size < room ? size : room;
    memcpy(file->buffer + file->size, text, now);
    file->size += now;
    text += now;
    size -= now;
    if (file->size == sizeof(file->buffer))
      flush(file);
  }
}

static mpc_status save(const mpc_rt_observer *observer,
                       const mpc_rt_observations *observations,
                       const char *path) {
  if (!observations->samples)
    return mpc_rt_fail(MPC_ERROR_INVALID_ARGUMENT,
                       "mpc_save_calibration: nothing has run in this context "
                       "yet, so that there is nothing to save");
  size_t length = strlen(path);
  char *temporary = malloc(length + sizeof(".tmp"));
  File *file = malloc(sizeof(File));
  mpc_status status = MPC_OK;
  if (!temporary || !file) {
    status = mpc_rt_fail(MPC_ERROR_OUT_OF_MEMORY,
                         "mpc_save_calibration: out of memory");
  } else {
    /* Written beside and renamed: nobody sees half a table. */
    memcpy(temporary, path, length);
    memcpy(temporary + length, ".tmp", sizeof(".tmp"));
    file->size = 0;
    file->error = 0;
    file->descriptor =
        open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (file->descriptor < 0) {
      file->error = errno;
    } else {
      mpc_rt_write_table(observer->head, observations->samples, observer->keys,
                         observations->all, observer->num_tensors,
                         observations->inputs, observer->num_inputs, append,
                         file);
      flush(file);
      if (close(file->descriptor) && !file->error)
        file->error = errno;
      if (!file->error && rename(temporary, path))
        file->error = errno;
      if (file->error)
        unlink(temporary);
    }
    if (file->error)
      status = mpc_rt_fail(MPC_ERROR_INVALID_ARGUMENT,
                           "mpc_save_calibration: cannot write '%.400s': %s",
                           path, strerror(file->error));
  }
  free(temporary);
  free(file);
  return status;
}

mpc_status mpc_rt_save_calibration(mpc_context *context, const char *path) {
  if (!context || !path || !*path)
    return mpc_rt_fail(MPC_ERROR_INVALID_ARGUMENT,
                       "mpc_save_calibration: expected a context and the path "
                       "of a file");
  const mpc_rt_observer *observer;
  const mpc_rt_observations *observations;
  mpc_status status = mpc_rt_begin_reading(context, &observer, &observations);
  if (status)
    return status;
  if (observer)
    status = save(observer, observations, path);
  else
    status = mpc_rt_fail(MPC_ERROR_UNSUPPORTED,
                         "mpc_save_calibration: the context is of a library "
                         "that does not observe");
  mpc_rt_end_reading(context);
  return status;
}
