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

static void join(const mpc_rt_block *block, mpc_rt_clock to,
                 mpc_rt_clock from) {
  joinTimes(block, to.known, from.known);
  joinTimes(block, to.fenced, from.fenced);
}

/* What a thread has been told, which is all but what it did itself. */
static mpc_rt_clock getTold(const mpc_rt_block *block, int64_t number) {
  const mpc_rt_thread *thread = &block->all[number];
  if (thread->clockIn == block->epoch)
    return row(block, block->clocks, number);
  mpc_rt_clock clock = block->everybody;
  if (thread->fencedIn == block->epoch)
    clock.fenced = clock.known;
  return clock;
}

int mpc_rt_knows(const mpc_rt_block *block, int64_t thread, int64_t actor,
                 int32_t time) {
  const mpc_rt_thread *self = &block->all[thread];
  if (getTold(block, thread).known[actor] >= time)
    return 1;
  if (actor < block->threads)
    return actor == thread && self->time >= time;
  if (actor >= mpc_rt_first_copies(block))
    return actor == mpc_rt_first_copies(block) + thread && self->copies >= time;
  int64_t group = actor - mpc_rt_first_core(block);
  return group == thread / block->lanes && block->cores[group].done >= time;
}

int mpc_rt_has_fenced(const mpc_rt_block *block, int64_t thread, int64_t actor,
                      int32_t time) {
  const mpc_rt_thread *self = &block->all[thread];
  if (actor == thread && self->fenced >= time)
    return 1;
  if (actor == mpc_rt_first_copies(block) + thread &&
      self->fencedCopies >= time)
    return 1;
  return getTold(block, thread).fenced[actor] >= time;
}

static void raiseTo(int32_t *time, int32_t to) { *time = later(*time, to); }

/* What a thread, and the tensor core that it waits for, did themselves. */
static void joinOwn(mpc_rt_block *block, int64_t number, mpc_rt_clock clock) {
  mpc_rt_thread *thread = &block->all[number];
  int64_t copies = mpc_rt_first_copies(block) + number;
  int64_t group = number / block->lanes;
  raiseTo(&clock.known[number], thread->time++);
  raiseTo(&clock.fenced[number], thread->fenced);
  raiseTo(&clock.known[copies], thread->copies);
  raiseTo(&clock.fenced[copies], thread->fencedCopies);
  raiseTo(&clock.known[mpc_rt_first_core(block) + group],
          block->cores[group].done);
}

void mpc_rt_hand_on(mpc_rt_block *block, int64_t thread, mpc_rt_clock clock) {
  join(block, clock, getTold(block, thread));
  joinOwn(block, thread, clock);
}

void mpc_rt_take(mpc_rt_block *block, int64_t thread, mpc_rt_clock clock) {
  if (!block->clocks.known)
    block->clocks = mpc_rt_new_clock(block, block->threads);
  if (block->all[thread].clockIn != block->epoch) {
    mpc_rt_clock told = getTold(block, thread);
    mpc_rt_clock own = row(block, block->clocks, thread);
    memcpy(own.known, told.known, block->actors * sizeof *own.known);
    memcpy(own.fenced, told.fenced, block->actors * sizeof *own.fenced);
    block->all[thread].clockIn = block->epoch;
  }
  join(block, getTold(block, thread), clock);
  block->isStale[thread / block->lanes] = 1;
}

void mpc_rt_meet(mpc_rt_block *block) {
  mpc_rt_clock everybody = block->everybody;
  int isFenced = 0;
  for (int64_t i = 0; i < block->threads; ++i)
    isFenced |= block->all[i].clockIn != block->epoch &&
                block->all[i].fencedIn == block->epoch;
  if (isFenced)
    joinTimes(block, everybody.fenced, everybody.known);
  for (int64_t i = 0; i < block->threads; ++i) {
    if (block->all[i].clockIn == block->epoch)
      join(block, everybody, getTold(block, i));
    joinOwn(block, i, everybody);
  }
  ++block->epoch;
  memset(block->isStale, 1, sizeof block->isStale);
}

void mpc_rt_memory_begin(mpc_rt_block *block) {
  if (!block->all) {
    block->all =
        mpc_rt_emulated_allocate(block, block->threads, sizeof *block->all);
    block->everybody = mpc_rt_new_clock(block, 1);
    block->common = mpc_rt_new_clock(block, block->numGroups);
  }
  memset(block->all, 0, block->threads * sizeof *block->all);
  for (int64_t i = 0; i < block->threads; ++i)
    block->all[i].time = block->all[i].copyTime = 1;
  memset(block->cores, 0, sizeof block->cores);
  mpc_rt_clear_clock(block, block->everybody);
  memset(block->isStale, 1, sizeof block->isStale);
  ++block->epoch;
}

void mpc_rt_memory_destroy(mpc_rt_block *block) {
  for (int64_t i = 0; i < block->numBuffers; ++i) {
    mpc_rt_emulated_buffer *buffer = &block->buffers[i];
    for (int64_t u = 0; buffer->readers && u < buffer->numUnits; ++u)
      free(buffer->readers[u]);
    free(buffer->readers);
    free(buffer->multiplied);
    free(buffer->units);
    free(buffer->memory);
  }
  free(block->all);
  free(block->everybody.known);
  free(block->clocks.known);
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
  *buffer = (mpc_rt_emulated_buffer){.memory = memory,
                                     .bytes = bytes,
                                     .unitBytes = unit_bytes,
                                     .numUnits =
                                         (bytes + unit_bytes - 1) / unit_bytes};
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

/* When each group's wgmma has read a unit. */
static int32_t *getMultiplied(const mpc_rt_block *block,
                              const mpc_rt_emulated_buffer *buffer,
                              int64_t unit) {
  return buffer->multiplied + unit * block->numGroups;
}

static void forgetMultiplied(const mpc_rt_block *block,
                             const mpc_rt_emulated_buffer *buffer,
                             int64_t unit) {
  if (buffer->multiplied)
    memset(getMultiplied(block, buffer, unit), 0,
           block->numGroups * sizeof *buffer->multiplied);
}

/* One that this block has not touched yet knows of nobody. */
static mpc_rt_unit *getUnit(const mpc_rt_block *block,
                            mpc_rt_emulated_buffer *buffer, int64_t number) {
  mpc_rt_unit *unit = &buffer->units[number];
  int32_t stamp = (int32_t)block->number + 1;
  if (unit->block == stamp)
    return unit;
  unit->block = stamp;
  unit->writer = unit->reader = MPC_RT_NOBODY;
  forgetMultiplied(block, buffer, number);
  return unit;
}

/* The end of `count` units, or of all that there are: bounds are checked by the
 * caller. */
static int64_t getEnd(const mpc_rt_emulated_buffer *buffer, int64_t first,
                      int64_t count) {
  return count < buffer->numUnits - first ? first + count : buffer->numUnits;
}

/* What was written is read by somebody who knows of it, or not. */
static void checkWritten(mpc_rt_block *block, const mpc_rt_unit *unit,
                         int isKnown) {
  if (unit->writer == MPC_RT_NOBODY)
    found(block, MPC_RT_FAULT_UNWRITTEN);
  else if (!isKnown)
    found(block, isAsynchronous(block, unit->writer) ? MPC_RT_FAULT_PENDING
                                                     : MPC_RT_FAULT_RACE);
}

/* Whether the thread knows of all that have read. Of several threads in a block
 * without groups it cannot before the next barrier. */
static int isReadBefore(const mpc_rt_block *block,
                        const mpc_rt_emulated_buffer *buffer,
                        const mpc_rt_unit *unit, int64_t thread) {
  if (unit->reader == MPC_RT_NOBODY || unit->reader == thread ||
      unit->readIn != block->epoch)
    return 1;
  if (unit->reader != MPC_RT_SEVERAL)
    return mpc_rt_knows(block, thread, unit->reader, unit->read);
  if (block->numGroups == 1)
    return 0;
  const int32_t *readers = buffer->readers[unit - buffer->units];
  for (int64_t i = 0; i < block->threads; ++i)
    if (readers[i] && !mpc_rt_knows(block, thread, i, readers[i]))
      return 0;
  return 1;
}

/* It is overwritten: the thread has to know of everybody before. */
__attribute__((noinline)) static void
checkFree(mpc_rt_block *block, const mpc_rt_emulated_buffer *buffer,
          const mpc_rt_unit *unit, int64_t thread) {
  int isFree = (unit->writer == MPC_RT_NOBODY ||
                mpc_rt_knows(block, thread, unit->writer, unit->written)) &&
               isReadBefore(block, buffer, unit, thread);
  for (int64_t i = 0; buffer->multiplied && i < block->numGroups; ++i) {
    int32_t time = getMultiplied(block, buffer, unit - buffer->units)[i];
    isFree &= !time ||
              mpc_rt_knows(block, thread, mpc_rt_first_core(block) + i, time);
  }
  if (!isFree)
    found(block, MPC_RT_FAULT_RACE);
}

/* Several threads read, and none knows of all others. */
static void addReader(mpc_rt_block *block, mpc_rt_emulated_buffer *buffer,
                      mpc_rt_unit *unit, int64_t thread) {
  int32_t before = unit->reader;
  unit->reader = MPC_RT_SEVERAL;
  if (block->numGroups == 1)
    return;
  if (!buffer->readers)
    buffer->readers = mpc_rt_emulated_allocate(block, buffer->numUnits,
                                               sizeof *buffer->readers);
  int32_t **readers = &buffer->readers[unit - buffer->units];
  if (!*readers)
    *readers =
        mpc_rt_emulated_allocate(block, block->threads, sizeof **readers);
  if (before != MPC_RT_SEVERAL) {
    memset(*readers, 0, block->threads * sizeof **readers);
    (*readers)[before] = unit->read;
  }
  (*readers)[thread] = block->all[thread].time;
}

/* The most frequent case, and most of the emulator's time: the thread wrote the
 * unit itself, or what was written is known since the last barrier; */
static int isSettled(const mpc_rt_block *block, const mpc_rt_unit *unit,
                     int64_t thread) {
  return unit->block == (int32_t)block->number + 1 && unit->writer >= 0 &&
         (unit->writer == thread ||
          block->everybody.known[unit->writer] >= unit->written);
}

/* and nobody but the thread has read it since. */
static int isMine(const mpc_rt_block *block, const mpc_rt_unit *unit,
                  int64_t thread) {
  return unit->readIn != block->epoch || unit->reader == MPC_RT_NOBODY ||
         unit->reader == thread;
}

static void setReader(const mpc_rt_block *block, mpc_rt_unit *unit,
                      int64_t thread) {
  unit->reader = (int32_t)thread;
  unit->read = block->all[thread].time;
  unit->readIn = block->epoch;
}

__attribute__((noinline)) static void readUnits(mpc_rt_block *block,
                                                mpc_rt_emulated_buffer *buffer,
                                                int64_t first, int64_t count,
                                                int64_t thread) {
  int64_t end = getEnd(buffer, first, count);
  for (int64_t i = first; i < end; ++i) {
    mpc_rt_unit *unit = getUnit(block, buffer, i);
    checkWritten(block, unit,
                 unit->writer != MPC_RT_NOBODY &&
                     mpc_rt_knows(block, thread, unit->writer, unit->written));
    int isShared =
        unit->reader == MPC_RT_SEVERAL && unit->readIn == block->epoch;
    if (!isShared && isReadBefore(block, buffer, unit, thread))
      setReader(block, unit, thread);
    else
      addReader(block, buffer, unit, thread);
  }
}

void mpc_rt_emulated_read(int64_t handle, int64_t buffer, int64_t first,
                          int64_t count, int64_t thread) {
  mpc_rt_block *block = (mpc_rt_block *)handle;
  mpc_rt_emulated_buffer *memory = (mpc_rt_emulated_buffer *)buffer;
  for (; count > 0; ++first, --count) {
    mpc_rt_unit *unit = &memory->units[first];
    if (!isSettled(block, unit, thread))
      break;
    if (isMine(block, unit, thread))
      setReader(block, unit, thread);
    else if (unit->reader != MPC_RT_SEVERAL || block->numGroups > 1)
      break;
  }
  if (count > 0)
    readUnits(block, memory, first, count, thread);
}

static void setWriter(const mpc_rt_block *block,
                      const mpc_rt_emulated_buffer *buffer, mpc_rt_unit *unit,
                      int64_t writer, int32_t time) {
  unit->writer = (int32_t)writer;
  unit->written = time;
  unit->reader = MPC_RT_NOBODY;
  forgetMultiplied(block, buffer, unit - buffer->units);
}

void mpc_rt_emulated_write(int64_t handle, int64_t buffer, int64_t first,
                           int64_t count, int64_t thread, int64_t is_copy) {
  mpc_rt_block *block = (mpc_rt_block *)handle;
  mpc_rt_emulated_buffer *memory = (mpc_rt_emulated_buffer *)buffer;
  int64_t end = getEnd(memory, first, count);
  int64_t writer = is_copy ? mpc_rt_first_copies(block) + thread : thread;
  int32_t time =
      is_copy ? block->all[thread].copyTime : block->all[thread].time;
  for (int64_t i = first; i < end; ++i) {
    mpc_rt_unit *unit = getUnit(block, memory, i);
    if (memory->multiplied || !isSettled(block, unit, thread) ||
        !isMine(block, unit, thread))
      checkFree(block, memory, unit, thread);
    setWriter(block, memory, unit, writer, time);
  }
}

static void keepLeast(const mpc_rt_block *block, int32_t *restrict to,
                      const int32_t *restrict from) {
  for (int64_t i = 0; i < block->actors; ++i)
    to[i] = from[i] < to[i] ? from[i] : to[i];
}

/* What all threads of a group have been told: the least of each. */
static mpc_rt_clock getCommon(mpc_rt_block *block, int64_t group) {
  mpc_rt_clock common = row(block, block->common, group);
  if (!block->isStale[group])
    return common;
  block->isStale[group] = 0;
  int64_t first = group * block->lanes;
  mpc_rt_clock before = getTold(block, first);
  memcpy(common.known, before.known, block->actors * sizeof *common.known);
  memcpy(common.fenced, before.fenced, block->actors * sizeof *common.fenced);
  for (int64_t lane = 1; lane < block->lanes; ++lane) {
    mpc_rt_clock told = getTold(block, first + lane);
    if (told.known != before.known)
      keepLeast(block, common.known, told.known);
    if (told.fenced != before.fenced)
      keepLeast(block, common.fenced, told.fenced);
    before = told;
  }
  return common;
}

void mpc_rt_emulated_read_async(int64_t handle, int64_t buffer, int64_t first,
                                int64_t count) {
  mpc_rt_block *block = (mpc_rt_block *)handle;
  mpc_rt_emulated_buffer *memory = (mpc_rt_emulated_buffer *)buffer;
  if (!memory->multiplied)
    memory->multiplied = mpc_rt_emulated_allocate(
        block, memory->numUnits * block->numGroups, sizeof *memory->multiplied);
  mpc_rt_clock common = getCommon(block, block->group);
  int64_t end = getEnd(memory, first, count);
  for (int64_t i = first; i < end; ++i) {
    const mpc_rt_unit *unit = getUnit(block, memory, i);
    int isWritten = unit->writer != MPC_RT_NOBODY;
    checkWritten(block, unit,
                 isWritten && common.known[unit->writer] >= unit->written);
    if (isWritten && isGeneric(block, unit->writer) &&
        common.fenced[unit->writer] < unit->written)
      found(block, MPC_RT_FAULT_UNFENCED);
    getMultiplied(block, memory, i)[block->group] =
        block->cores[block->group].committed + 1;
  }
}

void mpc_rt_begin_box(mpc_rt_block *block, mpc_rt_emulated_buffer *buffer,
                      int64_t offset, int64_t bytes, int64_t thread,
                      int64_t mbarrier) {
  int64_t first = offset / buffer->unitBytes;
  int64_t end = getEnd(buffer, first, bytes / buffer->unitBytes);
  for (int64_t i = first; i < end; ++i) {
    mpc_rt_unit *unit = getUnit(block, buffer, i);
    checkFree(block, buffer, unit, thread);
    if (unit->writer != MPC_RT_NOBODY && isGeneric(block, unit->writer) &&
        !mpc_rt_has_fenced(block, thread, unit->writer, unit->written))
      found(block, MPC_RT_FAULT_UNFENCED);
    setWriter(block, buffer, unit, mpc_rt_first_mbarrier(block) + mbarrier,
              MPC_RT_NEVER);
  }
}

void mpc_rt_end_box(mpc_rt_block *block, mpc_rt_emulated_buffer *buffer,
                    int64_t offset, int64_t bytes, int64_t mbarrier,
                    int64_t phase) {
  int64_t writer = mpc_rt_first_mbarrier(block) + mbarrier;
  int64_t first = offset / buffer->unitBytes;
  int64_t end = getEnd(buffer, first, bytes / buffer->unitBytes);
  for (int64_t i = first; i < end; ++i) {
    mpc_rt_unit *unit = getUnit(block, buffer, i);
    if (unit->writer == writer && unit->written == MPC_RT_NEVER)
      unit->written = (int32_t)phase;
  }
}

void mpc_rt_emulated_commit(int64_t handle, int64_t actor) {
  mpc_rt_block *block = (mpc_rt_block *)handle;
  if (actor < block->threads) {
    mpc_rt_thread *thread = &block->all[actor];
    thread->ends[thread->committed++ % 16] = thread->copyTime++;
  } else {
    ++block->cores[actor - block->threads].committed;
    block->cores[actor - block->threads].isOpen = 0;
  }
}

void mpc_rt_emulated_wait(int64_t handle, int64_t actor, int64_t left) {
  mpc_rt_block *block = (mpc_rt_block *)handle;
  if (actor < block->threads) {
    mpc_rt_thread *thread = &block->all[actor];
    int64_t done = thread->committed - left;
    if (done > 0 && left < 16)
      raiseTo(&thread->copies, thread->ends[(done - 1) % 16]);
  } else {
    int64_t group = actor - block->threads;
    raiseTo(&block->cores[group].done,
            (int32_t)(block->cores[group].committed - left));
  }
}

void mpc_rt_emulated_fence(int64_t handle, int64_t number) {
  mpc_rt_block *block = (mpc_rt_block *)handle;
  mpc_rt_thread *thread = &block->all[number];
  mpc_rt_clock told = getTold(block, number);
  if (thread->clockIn == block->epoch)
    memcpy(told.fenced, told.known, block->actors * sizeof *told.known);
  thread->fencedIn = block->epoch;
  thread->fenced = thread->time++;
  thread->fencedCopies = thread->copies;
  block->isStale[number / block->lanes] = 1;
}

void mpc_rt_emulated_open(int64_t handle, int64_t actor) {
  mpc_rt_block *block = (mpc_rt_block *)handle;
  block->cores[actor - block->threads].isOpen = 1;
}

void mpc_rt_emulated_finish(int64_t handle, int64_t actor) {
  mpc_rt_block *block = (mpc_rt_block *)handle;
  int64_t group = actor - block->threads;
  if (block->cores[group].isOpen ||
      block->cores[group].done < block->cores[group].committed)
    found(block, MPC_RT_FAULT_UNFINISHED);
}
