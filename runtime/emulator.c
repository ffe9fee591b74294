/*===- emulator.c - Groups of threads as fibers ---------------------------===*\
|*
|* Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
|* See LICENSE for license information.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
\*===----------------------------------------------------------------------===*/

#include "emulator.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* On a fiber's stack, beyond what threads keep there: for spilled registers,
 * and for functions that are called. */
enum { CALLS_BYTES = 512 << 10 };

/* A launch: what all of its blocks share. */
typedef struct {
  mpc_rt_range_fn fn;
  const void *args;
  int64_t stackBytes;
  /* The first block that failed. */
  atomic_flag lock;
  int64_t failed; /* -1: none */
  const int32_t *faults;
  mpc_rt_text failure;
} launch;

/* The block and the launch that this thread of the host runs. */
static _Thread_local mpc_rt_block *current;
static _Thread_local const launch *currentLaunch;

/* Goes on at `to`, and leaves at `save` where to come back to: six registers
 * that a call keeps, and the return address, on top of a stack. */
__attribute__((naked, noinline)) static void
switchStack(__attribute__((unused)) void **save,
            __attribute__((unused)) void *to) {
  __asm__("pushq %rbp\n\t"
          "pushq %rbx\n\t"
          "pushq %r12\n\t"
          "pushq %r13\n\t"
          "pushq %r14\n\t"
          "pushq %r15\n\t"
          "movq %rsp, (%rdi)\n\t"
          "movq %rsi, %rsp\n\t"
          "popq %r15\n\t"
          "popq %r14\n\t"
          "popq %r13\n\t"
          "popq %r12\n\t"
          "popq %rbx\n\t"
          "popq %rbp\n\t"
          "ret");
}

static void yieldFiber(mpc_rt_block *block) {
  switchStack(&block->fibers[block->group].pointer, block->scheduler);
}

static void runFiber(void) {
  mpc_rt_block *block = current;
  currentLaunch->fn(currentLaunch->args, block->number, block->group);
  block->fibers[block->group].isDone = 1;
  ++block->progress;
  yieldFiber(block);
  __builtin_unreachable();
}

static void formatFailure(mpc_rt_block *block, const char *format,
                          va_list arguments) {
  char words[200];
  vsnprintf(words, sizeof words, format, arguments);
  block->failure.size = 0;
  mpc_rt_append(&block->failure, "the GPU kernel '%s' %s",
                block->name ? block->name : "?", words);
  block->hasFailed = 1;
}

_Noreturn void mpc_rt_emulation_fails(mpc_rt_block *block, const char *format,
                                      ...) {
  va_list arguments;
  va_start(arguments, format);
  formatFailure(block, format, arguments);
  va_end(arguments);
  yieldFiber(block);
  __builtin_unreachable();
}

void *mpc_rt_emulated_allocate(mpc_rt_block *block, int64_t count,
                               int64_t size) {
  void *memory = calloc(count ? count : 1, size);
  if (!memory)
    mpc_rt_emulation_fails(block, "cannot be emulated: out of memory");
  return memory;
}

/* Fibers wait, and nobody can go on. */
static void failByDeadlock(mpc_rt_block *block) {
  mpc_rt_text who = {.size = 0};
  for (int64_t i = 0; i < block->numGroups; ++i)
    mpc_rt_append(&who, "%s warpgroup %d %s", i ? "," : "", (int)i,
                  block->fibers[i].isDone ? "has ended"
                                          : block->fibers[i].waits.text);
  block->failure.size = 0;
  mpc_rt_append(&block->failure, "the GPU kernel '%s' waits forever:%s",
                block->name, who.text);
  block->hasFailed = 1;
}

/* The fiber will begin, or begin again. */
static void prepareFiber(mpc_rt_block *block, int64_t group) {
  mpc_rt_fiber *fiber = &block->fibers[group];
  if (!fiber->stack &&
      posix_memalign(&fiber->stack, 64, currentLaunch->stackBytes) != 0)
    mpc_rt_emulation_fails(block, "cannot be emulated: out of memory");
  /* As if switchStack had been called where runFiber is to begin: the stack is
   * aligned there as after a call. */
  void **top = (void **)((char *)fiber->stack + currentLaunch->stackBytes) - 2;
  *top = (void *)runFiber;
  fiber->pointer = top - 6;
  fiber->isDone = 0;
}

static void runBlock(mpc_rt_block *block) {
  block->isBegun = 0;
  /* The first group says how many there are. */
  block->numGroups = 1;
  prepareFiber(block, 0);
  int64_t left, before;
  do {
    before = block->progress;
    left = 0;
    for (block->group = 0; block->group < block->numGroups; ++block->group) {
      mpc_rt_fiber *fiber = &block->fibers[block->group];
      if (!fiber->isDone)
        switchStack(&block->scheduler, fiber->pointer);
      if (block->hasFailed)
        return;
      left += !fiber->isDone;
    }
  } while (left && block->progress != before);
  if (left) {
    failByDeadlock(block);
    return;
  }
  for (int64_t i = 0; i < block->numMBarriers; ++i)
    if (block->mbarriers[i].first) {
      mpc_rt_append(&block->failure,
                    "the GPU kernel '%s' ends while copies to mbarrier %d are "
                    "under way",
                    block->name, (int)i);
      block->hasFailed = 1;
      return;
    }
}

static void freeEvents(mpc_rt_mbarrier *mbarrier) {
  while (mbarrier->first) {
    mpc_rt_event *event = mbarrier->first;
    mbarrier->first = event->next;
    free(event);
  }
  mbarrier->last = &mbarrier->first;
}

static void destroyBlock(mpc_rt_block *block) {
  mpc_rt_memory_destroy(block);
  for (int64_t i = 0; block->mbarriers && i < block->numMBarriers; ++i) {
    freeEvents(&block->mbarriers[i]);
    free(block->mbarriers[i].completed.known);
    free(block->mbarriers[i].current.known);
  }
  free(block->mbarriers);
  for (int i = 0; i < MPC_RT_NAMED_BARRIERS; ++i)
    free(block->named[i].clock.known);
  for (int i = 0; i < MPC_RT_MAX_GROUPS; ++i)
    free(block->fibers[i].stack);
  free(block);
}

static void runBlocks(const void *args, int64_t lo, int64_t hi) {
  launch *all = *(launch *const *)args;
  const launch *outer = currentLaunch;
  mpc_rt_block *outerBlock = current, *block = calloc(1, sizeof *block);
  int hasMemory = block && posix_memalign(&block->fibers[0].stack, 64,
                                          all->stackBytes) == 0;
  current = block;
  currentLaunch = all;
  for (int64_t i = lo; hasMemory && i < hi && !block->hasFailed; ++i) {
    block->number = i;
    runBlock(block);
  }
  current = outerBlock;
  currentLaunch = outer;
  if (!hasMemory || block->hasFailed) {
    int64_t number = hasMemory ? block->number : lo;
    while (atomic_flag_test_and_set(&all->lock)) {
    }
    if (all->failed < 0 || number < all->failed) {
      all->failed = number;
      if (hasMemory) {
        all->failure = block->failure;
        all->faults = block->faults;
      } else
        mpc_rt_append(&all->failure, "GPU kernels cannot be emulated: out of "
                                     "memory");
    }
    atomic_flag_clear(&all->lock);
  }
  if (block)
    destroyBlock(block);
}

void mpc_rt_emulate_groups(mpc_rt_env *env, mpc_rt_range_fn fn,
                           const void *args, int64_t blocks,
                           int64_t kept_bytes) {
  /* What is reported has to live as long as the call, on this thread. */
  static _Thread_local mpc_rt_text sentence;
  launch all = {.fn = fn,
                .args = args,
                .stackBytes = (kept_bytes + CALLS_BYTES) / 64 * 64,
                .lock = ATOMIC_FLAG_INIT,
                .failed = -1};
  launch *pointer = &all;
  mpc_rt_parallel_for(env, runBlocks, &pointer, blocks, 0);
  if (all.failed < 0)
    return;
  /* What was touched too early or too late comes first: it is the cause. */
  for (int i = 0; all.faults && i < MPC_RT_NUM_FAULTS; ++i)
    if (all.faults[i])
      return;
  sentence = all.failure;
  mpc_rt_report(env, sentence.text);
}

int64_t mpc_rt_emulated_enter(int64_t threads, int64_t lanes, int64_t mbarriers,
                              int64_t name, int64_t faults) {
  mpc_rt_block *block = current;
  if (block->isBegun)
    return (int64_t)block;
  block->isBegun = 1;
  block->name = (const char *)name;
  block->faults = (int32_t *)faults;
  block->threads = threads;
  block->lanes = lanes;
  block->numGroups = threads / lanes;
  for (int64_t i = 1; i < block->numGroups; ++i)
    prepareFiber(block, i);
  block->numMBarriers = mbarriers;
  block->actors = mpc_rt_first_copies(block) + threads;
  mpc_rt_memory_begin(block);
  if (!block->mbarriers) {
    block->mbarriers =
        mpc_rt_emulated_allocate(block, mbarriers, sizeof *block->mbarriers);
    for (int64_t i = 0; i < mbarriers; ++i)
      block->mbarriers[i].completed = mpc_rt_new_clock(block, 1),
      block->mbarriers[i].current = mpc_rt_new_clock(block, 1);
    for (int i = 0; i < MPC_RT_NAMED_BARRIERS; ++i)
      block->named[i].clock = mpc_rt_new_clock(block, 1);
  }
  for (int64_t i = 0; i < mbarriers; ++i) {
    block->mbarriers[i].count = 0;
    freeEvents(&block->mbarriers[i]);
  }
  return (int64_t)block;
}

/* Says what the fiber waits for, and lets others go on. */
static void waitFor(mpc_rt_block *block, const char *what, int64_t number) {
  mpc_rt_text *text = &block->fibers[block->group].waits;
  text->size = 0;
  mpc_rt_append(text, "at %s %d", what, (int)number);
  yieldFiber(block);
}

void mpc_rt_emulated_barrier(int64_t handle, int64_t number, int64_t threads) {
  mpc_rt_block *block = (mpc_rt_block *)handle;
  if (threads == 0)
    threads = block->threads;
  if (number < 0 || number >= MPC_RT_NAMED_BARRIERS)
    mpc_rt_emulation_fails(block, "uses barrier %d: there are 0 to 15",
                           (int)number);
  mpc_rt_named_barrier *barrier = &block->named[number];
  int64_t first = block->group * block->lanes;
  int isForAll = threads == block->threads;
  for (int64_t lane = 0; !isForAll && lane < block->lanes; ++lane)
    mpc_rt_hand_on(block, first + lane, barrier->clock);
  barrier->arrived += block->lanes;
  barrier->groups |= 1u << block->group;
  int64_t generation = barrier->generation;
  if (barrier->arrived > threads)
    mpc_rt_emulation_fails(block,
                           "has more threads at barrier %d than the %d it is "
                           "for",
                           (int)number, (int)threads);
  while (barrier->arrived != threads && barrier->generation == generation)
    waitFor(block, "barrier", number);
  if (barrier->generation != generation)
    return;
  /* The last one lets all of them go. */
  if (isForAll)
    mpc_rt_meet(block);
  for (int64_t i = 0; !isForAll && i < block->threads; ++i)
    if (barrier->groups >> (i / block->lanes) & 1)
      mpc_rt_take(block, i, barrier->clock);
  mpc_rt_clear_clock(block, barrier->clock);
  barrier->arrived = 0;
  barrier->groups = 0;
  ++barrier->generation;
  ++block->progress;
}

/* mbarriers (PTX ISA, "mbarrier"): a phase is complete when as many arrivals
 * are counted as it was initialised for, and as many bytes have come as were
 * expected. */

static void complete(mpc_rt_block *block, mpc_rt_mbarrier *mbarrier) {
  ++block->progress;
  if (mbarrier->pending != 0 || mbarrier->transactions != 0)
    return;
  ++mbarrier->phase;
  mbarrier->pending = mbarrier->count;
  mpc_rt_clock before = mbarrier->completed;
  mbarrier->completed = mbarrier->current;
  mbarrier->current = before;
  mpc_rt_clear_clock(block, before);
  int64_t actor = mpc_rt_first_mbarrier(block) + (mbarrier - block->mbarriers);
  mbarrier->completed.known[actor] = (int32_t)mbarrier->phase;
}

static void countArrival(mpc_rt_block *block, mpc_rt_mbarrier *mbarrier) {
  if (--mbarrier->pending < 0)
    mpc_rt_emulation_fails(block,
                           "arrives at mbarrier %d more often than the %d "
                           "times that it is initialised for",
                           (int)(mbarrier - block->mbarriers),
                           (int)mbarrier->count);
  complete(block, mbarrier);
}

/* One that the thread may use. */
static mpc_rt_mbarrier *getMBarrier(mpc_rt_block *block, int64_t thread,
                                    int64_t first, int64_t count,
                                    int64_t index) {
  if (index < 0 || index >= count)
    mpc_rt_emulation_fails(block, "uses mbarrier %d of a group of %d",
                           (int)index, (int)count);
  mpc_rt_mbarrier *mbarrier = &block->mbarriers[first + index];
  if (mbarrier->count == 0)
    mpc_rt_emulation_fails(block,
                           "uses mbarrier %d, which nobody has "
                           "initialised",
                           (int)(first + index));
  if (!mpc_rt_knows(block, thread, mbarrier->initThread, mbarrier->initTime))
    block->faults[MPC_RT_FAULT_RACE] = 1;
  return mbarrier;
}

void mpc_rt_emulated_init(int64_t handle, int64_t thread, int64_t first,
                          int64_t count, int64_t index, int64_t arrivals) {
  mpc_rt_block *block = (mpc_rt_block *)handle;
  if (index < 0 || index >= count || arrivals < 1 || arrivals >= 1 << 20)
    mpc_rt_emulation_fails(block,
                           "initialises mbarrier %d of a group of %d for %lld "
                           "arrivals: expected 1 to 1048575",
                           (int)index, (int)count, (long long)arrivals);
  mpc_rt_mbarrier *mbarrier = &block->mbarriers[first + index];
  if (mbarrier->count)
    mpc_rt_emulation_fails(block, "initialises mbarrier %d twice",
                           (int)(first + index));
  mbarrier->count = mbarrier->pending = arrivals;
  mbarrier->transactions = mbarrier->phase = 0;
  mbarrier->initThread = (int32_t)thread;
  mbarrier->initTime = block->all[thread].time;
  mpc_rt_clear_clock(block, mbarrier->completed);
  mpc_rt_clear_clock(block, mbarrier->current);
}

void mpc_rt_emulated_arrive(int64_t handle, int64_t thread, int64_t first,
                            int64_t count, int64_t index, int64_t bytes) {
  mpc_rt_block *block = (mpc_rt_block *)handle;
  mpc_rt_mbarrier *mbarrier = getMBarrier(block, thread, first, count, index);
  mbarrier->transactions += bytes;
  mpc_rt_hand_on(block, thread, mbarrier->current);
  countArrival(block, mbarrier);
}

static mpc_rt_event *addEvent(mpc_rt_block *block, mpc_rt_mbarrier *mbarrier) {
  mpc_rt_event *event = mpc_rt_emulated_allocate(block, 1, sizeof *event);
  *mbarrier->last = event;
  mbarrier->last = &event->next;
  return event;
}

void mpc_rt_emulated_arrive_copies(int64_t handle, int64_t thread,
                                   int64_t first, int64_t count, int64_t index,
                                   int64_t is_counted) {
  mpc_rt_block *block = (mpc_rt_block *)handle;
  mpc_rt_mbarrier *mbarrier = getMBarrier(block, thread, first, count, index);
  mbarrier->pending += !is_counted;
  mpc_rt_event *event = addEvent(block, mbarrier);
  event->thread = thread;
  event->time = block->all[thread].copyTime++;
}

void mpc_rt_emulated_load_box(int64_t handle, int64_t thread, int64_t first,
                              int64_t count, int64_t index, int64_t map,
                              int64_t buffer, int64_t offset, int64_t c0,
                              int64_t c1, int64_t c2, int64_t c3, int64_t c4) {
  mpc_rt_block *block = (mpc_rt_block *)handle;
  mpc_rt_mbarrier *mbarrier = getMBarrier(block, thread, first, count, index);
  if (!mpc_rt_has_fenced(block, thread, mbarrier->initThread,
                         mbarrier->initTime))
    block->faults[MPC_RT_FAULT_UNFENCED] = 1;
  mpc_rt_emulated_buffer *to = (mpc_rt_emulated_buffer *)buffer;
  mpc_rt_check_box(block, (const int64_t *)map, to, offset);
  mpc_rt_begin_box(block, to, offset, mpc_rt_box_bytes((const int64_t *)map),
                   thread, first + index);
  mpc_rt_event *event = addEvent(block, mbarrier);
  event->map = (const int64_t *)map;
  event->buffer = to;
  event->offset = offset;
  memcpy(event->coordinates, (int64_t[]){c0, c1, c2, c3, c4},
         sizeof event->coordinates);
}

/* What is under way to an mbarrier comes as late as it can: one thing after the
 * other, while somebody waits. Returns 0 if there is nothing. */
static int deliver(mpc_rt_block *block, mpc_rt_mbarrier *mbarrier) {
  mpc_rt_event *event = mbarrier->first;
  if (!event)
    return 0;
  mbarrier->first = event->next;
  if (!mbarrier->first)
    mbarrier->last = &mbarrier->first;
  if (event->map) {
    int64_t bytes = mpc_rt_box_bytes(event->map);
    mpc_rt_copy_box(event);
    mpc_rt_end_box(block, event->buffer, event->offset, bytes,
                   mbarrier - block->mbarriers, mbarrier->phase + 1);
    mbarrier->transactions -= bytes;
    free(event);
    complete(block, mbarrier);
  } else {
    int32_t *known =
        &mbarrier->current.known[mpc_rt_first_copies(block) + event->thread];
    *known = *known > event->time ? *known : event->time;
    free(event);
    countArrival(block, mbarrier);
  }
  return 1;
}

void mpc_rt_emulated_try_wait(int64_t handle, int64_t thread, int64_t first,
                              int64_t count, int64_t index, int64_t parity) {
  mpc_rt_block *block = (mpc_rt_block *)handle;
  mpc_rt_mbarrier *mbarrier = getMBarrier(block, thread, first, count, index);
  while ((mbarrier->phase & 1) == parity)
    if (!deliver(block, mbarrier)) {
      waitFor(block,
              parity ? "the odd phase of mbarrier"
                     : "the even phase of mbarrier",
              first + index);
      block->progress += (mbarrier->phase & 1) != parity;
    }
  mpc_rt_take(block, thread, mbarrier->completed);
}

static int isActive(int64_t mask, int64_t lane) {
  return !mask || ((const uint8_t *)mask)[lane];
}

void mpc_rt_emulated_meet(int64_t handle, int64_t mask) {
  mpc_rt_block *block = (mpc_rt_block *)handle;
  for (int64_t lane = 0; lane < block->lanes; ++lane)
    if (!isActive(mask, lane))
      mpc_rt_emulation_fails(block,
                             "waits forever: not all threads of warpgroup %d "
                             "come to where they meet",
                             (int)block->group);
}

int64_t mpc_rt_emulated_agree(int64_t handle, int64_t mask, int64_t values) {
  mpc_rt_block *block = (mpc_rt_block *)handle;
  const int64_t *all = (const int64_t *)values;
  int64_t first = 0;
  while (first < block->lanes - 1 && !isActive(mask, first))
    ++first;
  for (int64_t lane = first; lane < block->lanes; ++lane)
    if (isActive(mask, lane) && all[lane] != all[first])
      mpc_rt_emulation_fails(block,
                             "waits forever: threads of warpgroup %d meet in a "
                             "loop whose bounds differ",
                             (int)block->group);
  return all[first];
}

int64_t mpc_rt_emulated_select(int64_t handle, int64_t mask, int64_t conditions,
                               int64_t holds, int64_t result) {
  mpc_rt_block *block = (mpc_rt_block *)handle;
  const uint8_t *all = (const uint8_t *)conditions;
  int64_t any = 0;
  for (int64_t lane = 0; lane < block->lanes; ++lane) {
    int isChosen = isActive(mask, lane) && all[lane] == holds;
    ((uint8_t *)result)[lane] = (uint8_t)isChosen;
    any |= isChosen;
  }
  return any;
}
