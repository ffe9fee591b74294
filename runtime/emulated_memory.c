/*===- emulated_memory.c - Who may touch which shared memory --------------===*\
|*
|* Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
|* See LICENSE for license information.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
\*===----------------------------------------------------------------------===*/

#include "emulator.h"

#include <stdlib.h>
#include <string.h>

static mpc_rt_clock row(const mpc_rt_block *block, mpc_rt_clock clock,
                        int64_t number) {
  clock.known += number * block->actors;
  clock.fenced += number * block->actors;
  return clock;
}

mpc_rt_clock mpc_rt_clock_of(const mpc_rt_block *block, int64_t thread) {
  return row(block, block->clock, thread);
}

mpc_rt_clock mpc_rt_new_clock(mpc_rt_block *block, int64_t rows) {
  int64_t count = rows * block->actors;
  int32_t *times = mpc_rt_emulated_allocate(block, 2 * count, sizeof *times);
  return (mpc_rt_clock){times, times + count};
}

void mpc_rt_clear_clock(const mpc_rt_block *block, mpc_rt_clock clock) {
  memset(clock.known, 0, block->actors * sizeof *clock.known);
  memset(clock.fenced, 0, block->actors * sizeof *clock.fenced);
}

static int32_t later(int32_t a, int32_t b) { return a > b ? a : b; }

static void joinTimes(const mpc_rt_block *block, int32_t *restrict to,
                      const int32_t *restrict from) {
  for (int64_t i = 0; i < block->actors; ++i)
    to[i] = later(to[i], from[i]);
}

void mpc_rt_join(const mpc_rt_block *block, mpc_rt_clock to,
                 mpc_rt_clock from) {
  joinTimes(block, to.known, from.known);
  joinTimes(block, to.fenced, from.fenced);
}

void mpc_rt_tick(mpc_rt_block *block, int64_t thread) {
  ++mpc_rt_clock_of(block, thread).known[thread];
  block->isStale[thread / block->lanes] = 1;
}

void mpc_rt_memory_begin(mpc_rt_block *block) {
  if (!block->clock.known) {
    block->clock = mpc_rt_new_clock(block, block->threads);
    block->common = mpc_rt_new_clock(block, block->numGroups);
    block->copies =
        mpc_rt_emulated_allocate(block, block->threads, sizeof *block->copies);
  }
  memset(block->copies, 0, block->threads * sizeof *block->copies);
  for (int64_t thread = 0; thread < block->threads; ++thread) {
    mpc_rt_clock clock = mpc_rt_clock_of(block, thread);
    mpc_rt_clear_clock(block, clock);
    clock.known[thread] = 1;
    block->copies[thread].time = 1;
  }
  for (int64_t group = 0; group < block->numGroups; ++group) {
    block->isStale[group] = 1;
    block->cores[group].committed = block->cores[group].isOpen = 0;
  }
  for (int64_t i = 0; i < block->numBuffers; ++i)
    for (int64_t u = 0; u < block->buffers[i].numUnits; ++u) {
      mpc_rt_unit *unit = &block->buffers[i].units[u];
      unit->writer = unit->reader = MPC_RT_NOBODY;
      memset(unit->multiplied, 0, sizeof unit->multiplied);
    }
}

void mpc_rt_memory_destroy(mpc_rt_block *block) {
  for (int64_t i = 0; i < block->numBuffers; ++i) {
    mpc_rt_emulated_buffer *buffer = &block->buffers[i];
    for (int64_t u = 0; buffer->units && u < buffer->numUnits; ++u)
      free(buffer->units[u].readers);
    free(buffer->units);
    free(buffer->memory);
  }
  free(block->copies);
  free(block->clock.known);
  free(block->common.known);
}

int64_t mpc_rt_emulated_buffer_at(int64_t handle, int64_t number, int64_t bytes,
                                  int64_t unit_bytes) {
  mpc_rt_block *block = (mpc_rt_block *)handle;
  mpc_rt_emulated_buffer *buffer = &block->buffers[number];
  if (buffer->units)
    return (int64_t)buffer;
  void *memory = NULL;
  /* A whole pattern of the largest swizzle. */
  if (posix_memalign(&memory, 1024, bytes) != 0)
    mpc_rt_emulation_fails(block, "cannot be emulated: out of memory");
  *buffer = (mpc_rt_emulated_buffer){
      memory, bytes, unit_bytes, (bytes + unit_bytes - 1) / unit_bytes, NULL};
  block->numBuffers = number + 1;
  buffer->units =
      mpc_rt_emulated_allocate(block, buffer->numUnits, sizeof *buffer->units);
  for (int64_t u = 0; u < buffer->numUnits; ++u)
    buffer->units[u].writer = buffer->units[u].reader = MPC_RT_NOBODY;
  return (int64_t)buffer;
}

int64_t mpc_rt_emulated_memory(int64_t buffer) {
  return (int64_t)((mpc_rt_emulated_buffer *)buffer)->memory;
}

static void found(mpc_rt_block *block, int fault) { block->faults[fault] = 1; }

/* Whether what `actor` wrote is a copy, which comes at some time. */
static int isAsynchronous(const mpc_rt_block *block, int64_t actor) {
  return actor >= mpc_rt_first_mbarrier(block);
}

/* Whether wgmma and TMA see it only after a proxy fence. */
static int isGeneric(const mpc_rt_block *block, int64_t actor) {
  return actor < block->threads || actor >= mpc_rt_first_copies(block);
}

/* The part of a buffer that is in it: bounds are checked by the caller. */
static mpc_rt_unit *unitsFrom(int64_t buffer, int64_t first, int64_t *count) {
  mpc_rt_emulated_buffer *memory = (mpc_rt_emulated_buffer *)buffer;
  int64_t left = memory->numUnits - first;
  *count = *count < left ? *count : left;
  return memory->units + first;
}

/* What was written is read by somebody who knows what `clock` does. */
static void checkWritten(mpc_rt_block *block, const mpc_rt_unit *unit,
                         mpc_rt_clock clock) {
  if (unit->writer == MPC_RT_NOBODY)
    found(block, MPC_RT_FAULT_UNWRITTEN);
  else if (clock.known[unit->writer] < unit->written)
    found(block, isAsynchronous(block, unit->writer) ? MPC_RT_FAULT_PENDING
                                                     : MPC_RT_FAULT_RACE);
}

static void checkFenced(mpc_rt_block *block, const mpc_rt_unit *unit,
                        mpc_rt_clock clock) {
  if (unit->writer != MPC_RT_NOBODY && isGeneric(block, unit->writer) &&
      clock.fenced[unit->writer] < unit->written)
    found(block, MPC_RT_FAULT_UNFENCED);
}

/* It is overwritten: everybody before has to be known. */
static void checkFree(mpc_rt_block *block, const mpc_rt_unit *unit,
                      const int32_t *known) {
  int isFree =
      unit->writer == MPC_RT_NOBODY || known[unit->writer] >= unit->written;
  if (unit->reader == MPC_RT_SEVERAL)
    for (int64_t i = 0; i < block->threads; ++i)
      isFree &= known[i] >= unit->readers[i];
  else if (unit->reader != MPC_RT_NOBODY)
    isFree &= known[unit->reader] >= unit->read;
  for (int64_t i = 0; i < block->numGroups; ++i)
    isFree &= known[mpc_rt_first_core(block) + i] >= unit->multiplied[i];
  if (!isFree)
    found(block, MPC_RT_FAULT_RACE);
}

void mpc_rt_emulated_read(int64_t handle, int64_t buffer, int64_t first,
                          int64_t count, int64_t thread) {
  mpc_rt_block *block = (mpc_rt_block *)handle;
  mpc_rt_unit *units = unitsFrom(buffer, first, &count);
  mpc_rt_clock clock = mpc_rt_clock_of(block, thread);
  int32_t now = clock.known[thread];
  for (int64_t i = 0; i < count; ++i) {
    mpc_rt_unit *unit = &units[i];
    checkWritten(block, unit, clock);
    if (unit->reader == MPC_RT_SEVERAL) {
      unit->readers[thread] = now;
    } else if (unit->reader == MPC_RT_NOBODY ||
               clock.known[unit->reader] >= unit->read) {
      unit->reader = (int32_t)thread;
      unit->read = now;
    } else {
      if (!unit->readers)
        unit->readers = mpc_rt_emulated_allocate(block, block->threads,
                                                 sizeof *unit->readers);
      else
        memset(unit->readers, 0, block->threads * sizeof *unit->readers);
      unit->readers[unit->reader] = unit->read;
      unit->readers[thread] = now;
      unit->reader = MPC_RT_SEVERAL;
    }
  }
}

static void setWriter(mpc_rt_unit *unit, int64_t writer, int32_t time) {
  unit->writer = (int32_t)writer;
  unit->written = time;
  unit->reader = MPC_RT_NOBODY;
  memset(unit->multiplied, 0, sizeof unit->multiplied);
}

void mpc_rt_emulated_write(int64_t handle, int64_t buffer, int64_t first,
                           int64_t count, int64_t thread, int64_t is_copy) {
  mpc_rt_block *block = (mpc_rt_block *)handle;
  mpc_rt_unit *units = unitsFrom(buffer, first, &count);
  const int32_t *known = mpc_rt_clock_of(block, thread).known;
  int64_t writer = is_copy ? mpc_rt_first_copies(block) + thread : thread;
  int32_t time = is_copy ? block->copies[thread].time : known[thread];
  for (int64_t i = 0; i < count; ++i) {
    checkFree(block, &units[i], known);
    setWriter(&units[i], writer, time);
  }
}

/* What all threads of a group know: the least of each. */
static mpc_rt_clock getCommon(mpc_rt_block *block, int64_t group) {
  mpc_rt_clock common = row(block, block->common, group);
  if (!block->isStale[group])
    return common;
  block->isStale[group] = 0;
  int64_t actors = block->actors;
  mpc_rt_clock first = mpc_rt_clock_of(block, group * block->lanes);
  memcpy(common.known, first.known, actors * sizeof *common.known);
  memcpy(common.fenced, first.fenced, actors * sizeof *common.fenced);
  for (int64_t lane = 1; lane < block->lanes; ++lane) {
    mpc_rt_clock clock = mpc_rt_clock_of(block, group * block->lanes + lane);
    for (int64_t i = 0; i < actors; ++i) {
      if (clock.known[i] < common.known[i])
        common.known[i] = clock.known[i];
      if (clock.fenced[i] < common.fenced[i])
        common.fenced[i] = clock.fenced[i];
    }
  }
  return common;
}

void mpc_rt_emulated_read_async(int64_t handle, int64_t buffer, int64_t first,
                                int64_t count) {
  mpc_rt_block *block = (mpc_rt_block *)handle;
  mpc_rt_unit *units = unitsFrom(buffer, first, &count);
  mpc_rt_clock common = getCommon(block, block->group);
  for (int64_t i = 0; i < count; ++i) {
    checkWritten(block, &units[i], common);
    checkFenced(block, &units[i], common);
    units[i].multiplied[block->group] =
        block->cores[block->group].committed + 1;
  }
}

void mpc_rt_begin_box(mpc_rt_block *block, mpc_rt_emulated_buffer *buffer,
                      int64_t offset, int64_t bytes, int64_t thread,
                      int64_t mbarrier) {
  int64_t count = bytes / buffer->unitBytes;
  mpc_rt_unit *units =
      unitsFrom((int64_t)buffer, offset / buffer->unitBytes, &count);
  mpc_rt_clock clock = mpc_rt_clock_of(block, thread);
  for (int64_t i = 0; i < count; ++i) {
    checkFree(block, &units[i], clock.known);
    checkFenced(block, &units[i], clock);
    setWriter(&units[i], mpc_rt_first_mbarrier(block) + mbarrier, MPC_RT_NEVER);
  }
}

void mpc_rt_end_box(mpc_rt_block *block, mpc_rt_emulated_buffer *buffer,
                    int64_t offset, int64_t bytes, int64_t mbarrier,
                    int64_t phase) {
  int64_t count = bytes / buffer->unitBytes;
  mpc_rt_unit *units =
      unitsFrom((int64_t)buffer, offset / buffer->unitBytes, &count);
  int32_t writer = (int32_t)(mpc_rt_first_mbarrier(block) + mbarrier);
  for (int64_t i = 0; i < count; ++i)
    if (units[i].writer == writer && units[i].written == MPC_RT_NEVER)
      units[i].written = (int32_t)phase;
}

void mpc_rt_emulated_commit(int64_t handle, int64_t actor) {
  mpc_rt_block *block = (mpc_rt_block *)handle;
  if (actor < block->threads) {
    int32_t number = block->copies[actor].committed++;
    block->copies[actor].ends[number % 16] = block->copies[actor].time++;
  } else {
    ++block->cores[actor - block->threads].committed;
    block->cores[actor - block->threads].isOpen = 0;
  }
}

/* `thread` knows what `actor` did until `time`. */
static void learn(mpc_rt_block *block, int64_t thread, int64_t actor,
                  int32_t time) {
  int32_t *known = mpc_rt_clock_of(block, thread).known;
  known[actor] = later(known[actor], time);
  block->isStale[thread / block->lanes] = 1;
}

void mpc_rt_emulated_wait(int64_t handle, int64_t actor, int64_t left) {
  mpc_rt_block *block = (mpc_rt_block *)handle;
  if (actor < block->threads) {
    int64_t done = block->copies[actor].committed - left;
    if (done > 0 && left < 16)
      learn(block, actor, mpc_rt_first_copies(block) + actor,
            block->copies[actor].ends[(done - 1) % 16]);
    return;
  }
  int64_t group = actor - block->threads;
  for (int64_t lane = 0; lane < block->lanes; ++lane)
    learn(block, group * block->lanes + lane, actor,
          (int32_t)(block->cores[group].committed - left));
}

void mpc_rt_emulated_fence(int64_t handle, int64_t thread) {
  mpc_rt_block *block = (mpc_rt_block *)handle;
  mpc_rt_clock clock = mpc_rt_clock_of(block, thread);
  memcpy(clock.fenced, clock.known, block->actors * sizeof *clock.known);
  mpc_rt_tick(block, thread);
}

void mpc_rt_emulated_open(int64_t handle, int64_t actor, int64_t is_open) {
  mpc_rt_block *block = (mpc_rt_block *)handle;
  block->cores[actor - block->threads].isOpen = (int32_t)is_open;
}

void mpc_rt_emulated_finish(int64_t handle, int64_t actor) {
  mpc_rt_block *block = (mpc_rt_block *)handle;
  int64_t group = actor - block->threads;
  int32_t done = mpc_rt_clock_of(block, group * block->lanes).known[actor];
  if (block->cores[group].isOpen || done < block->cores[group].committed)
    found(block, MPC_RT_FAULT_UNFINISHED);
}
