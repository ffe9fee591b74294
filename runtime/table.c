/*===- table.c - Observations and the text of a calibration table ---------===*\
|*
|* Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
|* See LICENSE for license information.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
\*===----------------------------------------------------------------------===*/

#include "table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HALF = MPC_RT_BINS / 2 };

/* The weight of a new run in a moving average, as ONNX Runtime's. */
static const double averagingConstant = 0.01;

int32_t mpc_rt_histogram_exponent(double min, double max) {
  float low = (float)(min < 0 ? -min : min);
  float magnitude = (float)(max < 0 ? -max : max);
  if (low > magnitude)
    magnitude = low;
  uint32_t bits;
  memcpy(&bits, &magnitude, sizeof(bits));
  /* As kernel.histogram: 2^-e is a normal number. */
  int32_t inverse = 2 * 127 + 12 - 2 - (int32_t)(bits >> 23);
  return 127 - (inverse < 254 ? inverse : 254);
}

void mpc_rt_observe_range(mpc_rt_observation *into, int how, double min,
                          double max) {
  /* -0 is 0: it reads back from a file as that. */
  min += 0.0;
  max += 0.0;
  if (!into->seen) {
    into->seen = 1;
    into->min = min;
    into->max = max;
    into->exponent = mpc_rt_histogram_exponent(min, max);
  } else if (how == MPC_RT_MOVING_AVERAGE) {
    into->min += averagingConstant * (min - into->min);
    into->max += averagingConstant * (max - into->max);
  } else {
    into->min = min < into->min ? min : into->min;
    into->max = max > into->max ? max : into->max;
  }
}

/* Bins 2^shift times as wide: neighbours add up. */
static void widen(uint64_t *counts, int32_t shift) {
  if (shift > 31)
    shift = 31;
  for (int32_t i = 0; i < HALF; ++i) {
    uint64_t above = counts[HALF + i], below = counts[HALF - 1 - i];
    counts[HALF + i] = 0;
    counts[HALF - 1 - i] = 0;
    counts[HALF + (i >> shift)] += above;
    counts[HALF - 1 - (i >> shift)] += below;
  }
}

void mpc_rt_observe_counts(mpc_rt_observation *into, int32_t exponent,
                           const int64_t *counts) {
  if (exponent > into->exponent) {
    widen(into->counts, exponent - into->exponent);
    into->exponent = exponent;
  }
  int32_t shift = into->exponent - exponent;
  if (shift > 31)
    shift = 31;
  for (int32_t i = 0; i < HALF; ++i) {
    into->counts[HALF + (i >> shift)] += (uint64_t)counts[HALF + i];
    into->counts[HALF - 1 - (i >> shift)] += (uint64_t)counts[HALF - 1 - i];
  }
}

/*===----------------------------------------------------------------------===*\
|* Text
\*===----------------------------------------------------------------------===*/

static void put(mpc_rt_sink sink, void *user, const char *text) {
  sink(user, text, strlen(text));
}

static void putInteger(mpc_rt_sink sink, void *user, int64_t value) {
  char text[32];
  int size = snprintf(text, sizeof(text), "%lld", (long long)value);
  sink(user, text, (size_t)size);
}

/* The shortest digits that read back as the same number. */
static void putNumber(mpc_rt_sink sink, void *user, double value) {
  char text[40];
  int size = 0;
  for (int precision = 1; precision <= 17; ++precision) {
    size = snprintf(text, sizeof(text), "%.*g", precision, value);
    if (strtod(text, NULL) == value)
      break;
  }
  /* A locale may have another decimal point, of one byte or more. */
  char *to = text;
  int point = 0;
  for (const char *from = text; from < text + size; ++from) {
    int plain = (*from >= '0' && *from <= '9') || *from == '-' ||
                *from == '+' || *from == 'e';
    if (plain)
      *to++ = *from;
    else if (!point++)
      *to++ = '.';
  }
  sink(user, text, (size_t)(to - text));
}

/* Counts from the first bin that is not empty to the last one; a negative
 * number stands for that many empty bins. */
static void putCounts(mpc_rt_sink sink, void *user, const uint64_t *counts) {
  int32_t first = 0, end = MPC_RT_BINS;
  while (first < end && !counts[first])
    ++first;
  while (end > first && !counts[end - 1])
    --end;
  put(sink, user, "\"first\": ");
  putInteger(sink, user, first == end ? 0 : first - HALF);
  put(sink, user, ", \"counts\": [");
  for (int32_t i = first; i < end;) {
    int32_t next = i;
    while (next < end && !counts[next])
      ++next;
    if (i != first)
      put(sink, user, ",");
    if (next > i) {
      putInteger(sink, user, (int64_t)i - next);
      i = next;
    } else {
      putInteger(sink, user, (int64_t)counts[i++]);
    }
  }
  put(sink, user, "]");
}

void mpc_rt_write_table(const char *head, uint64_t samples,
                        const char *const *keys,
                        const mpc_rt_observation *observations, uint32_t count,
                        const mpc_rt_channels *inputs, uint32_t num_inputs,
                        mpc_rt_sink sink, void *user) {
  put(sink, user, head);
  putInteger(sink, user, (int64_t)samples);
  put(sink, user, ",\n \"ranges\": {");
  const char *separator = "\n  ";
  for (uint32_t i = 0; i < count; ++i) {
    put(sink, user, separator);
    separator = ",\n  ";
    put(sink, user, keys[i]);
    put(sink, user, ": [");
    putNumber(sink, user, observations[i].min);
    put(sink, user, ", ");
    putNumber(sink, user, observations[i].max);
    put(sink, user, "]");
  }
  put(sink, user, count ? "\n }" : "}");
  separator = ",\n \"histograms\": {\n  ";
  int open = 0;
  for (uint32_t i = 0; i < count; ++i) {
    if (!observations[i].counts)
      continue;
    put(sink, user, separator);
    separator = ",\n  ";
    open = 1;
    put(sink, user, keys[i]);
    put(sink, user, ": {\"width\": ");
    putInteger(sink, user, observations[i].exponent);
    put(sink, user, ", ");
    putCounts(sink, user, observations[i].counts);
    put(sink, user, "}");
  }
  if (open)
    put(sink, user, "\n }");
  separator = ",\n \"inputs\": {\n  ";
  for (uint32_t i = 0; i < num_inputs; ++i) {
    put(sink, user, separator);
    separator = ",\n  ";
    put(sink, user, inputs[i].key);
    put(sink, user, ": {\"positions\": ");
    putInteger(sink, user, inputs[i].sums[inputs[i].num_channels]);
    put(sink, user, ", \"sums\": [");
    for (uint32_t c = 0; c < inputs[i].num_channels; ++c) {
      if (c)
        put(sink, user, ",");
      putInteger(sink, user, inputs[i].sums[c]);
    }
    put(sink, user, "]}");
  }
  put(sink, user, num_inputs ? "\n }\n}\n" : "\n}\n");
}
