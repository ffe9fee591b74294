/*===- emulator.h - Blocks of GPU kernels on the CPU --------------*- C -*-===*\
|*
|* Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
|* See LICENSE for license information.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
|*===----------------------------------------------------------------------===*|
|*
|* What mpc-emulate-gpu's code calls where threads of a block meet or share
|* memory. A group of threads is a fiber: it runs in lockstep, in code that
|* mpc-emulate-gpu has made, until it has to wait; then the next one does. Where
|* warpgroups wait for each other, at mbarriers or at barriers of their own,
each
|* is a group; elsewhere the whole block is one.
|*
|* Who has done what before whom is told by vector clocks. An actor is whoever
|* reads or writes shared memory, in a time of its own that counts up:
|*
|*   a thread           loads and stores; its time goes on where it hands on
|*                      what it knows (arrivals, barriers, fences)
|*   the tensor core    of a warpgroup: groups of wgmma
|*   an mbarrier        the phases in which copies of TMA have come to it
|*   a thread's copies  cp.async: its time goes on with each group
|*
|* For each thread and actor is kept until which time the thread has been told
|* of what the actor did (`known`), and until which of these times a proxy fence
|* has followed (`fenced`), as wgmma and TMA ask for where others wrote. What is
|* touched without being known is a fault (PTX ISA, "Memory Consistency Model":
|* causality order, proxy-preserved).
|*
|* All functions take and return int64_t, as MLIR's index: addresses, too.
|*
\*===----------------------------------------------------------------------===*/

#ifndef MPC_RUNTIME_EMULATOR_H
#define MPC_RUNTIME_EMULATOR_H

#include "error.h"
#include "pool.h"

enum { MPC_RT_MAX_GROUPS = 8, MPC_RT_NAMED_BARRIERS = 16 };

/* Instead of an actor or of a time. */
enum { MPC_RT_NOBODY = -1, MPC_RT_SEVERAL = -2, MPC_RT_NEVER = INT32_MAX };

/* Positions in a kernel's faults: `Fault` of lib/GPU/Emulation.h. */
enum {
  MPC_RT_FAULT_UNWRITTEN = 1,
  MPC_RT_FAULT_PENDING,
  MPC_RT_FAULT_RACE,
  MPC_RT_FAULT_UNFENCED = 5,
  MPC_RT_FAULT_UNFINISHED,
  MPC_RT_NUM_FAULTS
};

/* A piece of shared memory that is read and written as one: who did it, and
 * when in their time. */
typedef struct {
  _Alignas(16) int32_t block; /* + 1; of another one nothing is known */
  int32_t writer, written;    /* MPC_RT_NEVER: a copy is under way */
  int32_t reader, read;
  int32_t readIn; /* after how many barriers of the whole block */
} mpc_rt_unit;

typedef struct {
  char *memory;
  int64_t bytes, unitBytes, numUnits;
  mpc_rt_unit *units;
  /* Of each unit, where there is need: the last group of wgmma of each group of
   * threads that reads it; when each thread has read it, where several have. */
  int32_t *multiplied;
  int32_t **readers;
} mpc_rt_emulated_buffer;

/* What somebody knows: a time of each actor, and which of it is fenced. */
typedef struct {
  int32_t *known, *fenced;
} mpc_rt_clock;

/* What a thread knows is what all knew after the last barrier of the whole
 * block, or a clock of its own since it waited elsewhere; and itself. */
typedef struct {
  int32_t time, fenced;
  int32_t copies, fencedCopies; /* those that it has waited for */
  /* Of its copies: the time, groups, and when the last 16 of them ended. */
  int32_t copyTime, committed, ends[16];
  /* Epochs: of its last fence, and the one for which its clock holds. */
  int32_t fencedIn, clockIn;
} mpc_rt_thread;

/* What comes to an mbarrier later: a box, or the arrival of a thread whose
 * copies are done. */
typedef struct mpc_rt_event {
  struct mpc_rt_event *next;
  const int64_t *map; /* NULL: an arrival */
  mpc_rt_emulated_buffer *buffer;
  int64_t offset, coordinates[5];
  int64_t thread;
  int32_t time;
} mpc_rt_event;

typedef struct {
  int64_t count; /* 0: not initialised */
  int64_t pending, transactions, phase;
  int32_t initThread, initTime;
  mpc_rt_clock completed, current;
  mpc_rt_event *first, **last;
} mpc_rt_mbarrier;

typedef struct {
  int64_t arrived; /* threads */
  uint32_t groups; /* those that have, as bits */
  int64_t generation;
  mpc_rt_clock clock;
} mpc_rt_named_barrier;

typedef struct {
  void *stack, *pointer;
  int isDone;
  /* What it waits for, for people. */
  mpc_rt_text waits;
} mpc_rt_fiber;

/* A block that runs, one for each of the context's threads. */
typedef struct {
  const char *name; /* the kernel's */
  int32_t *faults;
  int64_t number, numGroups;
  int64_t threads, lanes, numMBarriers;
  int64_t actors; /* threads, tensor cores, mbarriers, threads' copies */
  int isBegun, hasFailed;
  mpc_rt_text failure;

  mpc_rt_fiber fibers[MPC_RT_MAX_GROUPS];
  int64_t group; /* whose fiber runs */
  void *scheduler;
  int64_t progress; /* counts whatever may let a fiber go on */

  int64_t epoch;          /* counts barriers of the whole block */
  mpc_rt_clock everybody; /* what all threads knew then */
  mpc_rt_thread *all;
  mpc_rt_clock clocks; /* threads × actors; NULL until somebody has one */
  /* What all threads of a group know, groups × actors. */
  mpc_rt_clock common;
  uint8_t isStale[MPC_RT_MAX_GROUPS];
  struct {
    int32_t committed, done, isOpen;
  } cores[MPC_RT_MAX_GROUPS];
  mpc_rt_emulated_buffer buffers[16];
  int64_t numBuffers;
  mpc_rt_mbarrier *mbarriers;
  mpc_rt_named_barrier named[MPC_RT_NAMED_BARRIERS];
} mpc_rt_block;

static inline int64_t mpc_rt_first_core(const mpc_rt_block *block) {
  return block->threads;
}
static inline int64_t mpc_rt_first_mbarrier(const mpc_rt_block *block) {
  return block->threads + block->numGroups;
}
static inline int64_t mpc_rt_first_copies(const mpc_rt_block *block) {
  return mpc_rt_first_mbarrier(block) + block->numMBarriers;
}

/* Ends the block, and the launch: "the GPU kernel 'k' " and the formatted
 * words are what is wrong. Does not return to its caller's fiber. */
_Noreturn void mpc_rt_emulation_fails(mpc_rt_block *block, const char *format,
                                      ...)
    __attribute__((format(printf, 2, 3)));

/* Zeroed; where there is none, the block fails. */
void *mpc_rt_emulated_allocate(mpc_rt_block *block, int64_t count,
                               int64_t size);

/* emulated_memory.c */

void mpc_rt_memory_begin(mpc_rt_block *block);
void mpc_rt_memory_destroy(mpc_rt_block *block);

mpc_rt_clock mpc_rt_new_clock(mpc_rt_block *block, int64_t rows);
void mpc_rt_clear_clock(const mpc_rt_block *block, mpc_rt_clock clock);
int mpc_rt_knows(const mpc_rt_block *block, int64_t thread, int64_t actor,
                 int32_t time);
int mpc_rt_has_fenced(const mpc_rt_block *block, int64_t thread, int64_t actor,
                      int32_t time);
/* The clock gets to know what the thread does; what the thread does from now
 * on is not handed on. */
void mpc_rt_hand_on(mpc_rt_block *block, int64_t thread, mpc_rt_clock clock);
/* The thread gets to know what the clock does. */
void mpc_rt_take(mpc_rt_block *block, int64_t thread, mpc_rt_clock clock);
/* All threads of the block get to know what each of them does. */
void mpc_rt_meet(mpc_rt_block *block);

/* TMA, for `thread`, begins to write to bytes of a buffer, and has. */
void mpc_rt_begin_box(mpc_rt_block *block, mpc_rt_emulated_buffer *buffer,
                      int64_t offset, int64_t bytes, int64_t thread,
                      int64_t mbarrier);
void mpc_rt_end_box(mpc_rt_block *block, mpc_rt_emulated_buffer *buffer,
                    int64_t offset, int64_t bytes, int64_t mbarrier,
                    int64_t phase);

/* tensor_map.c */

/* A tensor map as mpc-emulate-gpu writes it: positions of its numbers. Sizes,
 * strides (in elements) and the box are those of a memref, the outermost
 * dimension first. */
enum {
  MPC_RT_MAP_ADDRESS, /* of the memref, without its offset */
  MPC_RT_MAP_OFFSET,  /* in elements */
  MPC_RT_MAP_ELEMENT, /* bytes */
  MPC_RT_MAP_RANK,
  MPC_RT_MAP_SWIZZLE, /* 0, 32, 64, 128 bytes */
  MPC_RT_MAP_SIZES,
  MPC_RT_MAP_STRIDES = MPC_RT_MAP_SIZES + 5,
  MPC_RT_MAP_BOX = MPC_RT_MAP_STRIDES + 5,
  MPC_RT_MAP_NUMBERS = MPC_RT_MAP_BOX + 5
};

int64_t mpc_rt_box_bytes(const int64_t *map);
/* Fails where cuTensorMapEncodeTiled or the copy would. */
void mpc_rt_check_box(mpc_rt_block *block, const int64_t *map,
                      const mpc_rt_emulated_buffer *buffer, int64_t offset);
void mpc_rt_copy_box(const mpc_rt_event *event);

/* Called by generated code. */

/* Runs fn(args, block, group) for each group of threads of each block, as a
 * fiber, blocks in parallel. Its threads keep `kept_bytes` on the stack.
 * Reports what goes wrong. */
void mpc_rt_emulate_groups(mpc_rt_env *env, mpc_rt_range_fn fn,
                           const void *args, int64_t blocks,
                           int64_t kept_bytes);

/* The block, at the beginning of each group, of `lanes` threads. */
int64_t mpc_rt_emulated_enter(int64_t threads, int64_t lanes, int64_t mbarriers,
                              int64_t name, int64_t faults);
/* Shared memory number `number`, and where it is. */
int64_t mpc_rt_emulated_buffer_at(int64_t block, int64_t number, int64_t bytes,
                                  int64_t unit_bytes);
int64_t mpc_rt_emulated_memory(int64_t buffer);

void mpc_rt_emulated_read(int64_t block, int64_t buffer, int64_t first,
                          int64_t count, int64_t thread);
void mpc_rt_emulated_write(int64_t block, int64_t buffer, int64_t first,
                           int64_t count, int64_t thread, int64_t is_copy);
/* wgmma of the group that runs reads. */
void mpc_rt_emulated_read_async(int64_t block, int64_t buffer, int64_t first,
                                int64_t count);
/* Of a thread's copies, or of the tensor core of a group (actor): a group ends;
 * all but `left` groups are waited for. */
void mpc_rt_emulated_commit(int64_t block, int64_t actor);
void mpc_rt_emulated_wait(int64_t block, int64_t actor, int64_t left);
void mpc_rt_emulated_fence(int64_t block, int64_t thread);
/* Sums of wgmma: a group of it is begun; they are used. */
void mpc_rt_emulated_open(int64_t block, int64_t actor);
void mpc_rt_emulated_finish(int64_t block, int64_t actor);

/* The group that runs meets others at barrier `number`: `threads` in all, 0 for
 * the whole block. */
void mpc_rt_emulated_barrier(int64_t block, int64_t number, int64_t threads);

/* mbarrier first + index, of `count` from `first` on. */
void mpc_rt_emulated_init(int64_t block, int64_t thread, int64_t first,
                          int64_t count, int64_t index, int64_t arrivals);
void mpc_rt_emulated_arrive(int64_t block, int64_t thread, int64_t first,
                            int64_t count, int64_t index, int64_t bytes);
void mpc_rt_emulated_arrive_copies(int64_t block, int64_t thread, int64_t first,
                                   int64_t count, int64_t index,
                                   int64_t is_counted);
void mpc_rt_emulated_try_wait(int64_t block, int64_t thread, int64_t first,
                              int64_t count, int64_t index, int64_t parity);
void mpc_rt_emulated_load_box(int64_t block, int64_t thread, int64_t first,
                              int64_t count, int64_t index, int64_t map,
                              int64_t buffer, int64_t offset, int64_t c0,
                              int64_t c1, int64_t c2, int64_t c3, int64_t c4);

/* Of a warpgroup's threads, those whose byte of `mask` is not 0 (all where it
 * is 0) are active. */

/* Fails unless all are. */
void mpc_rt_emulated_meet(int64_t block, int64_t mask);
/* The value of all active threads; fails where theirs differ. */
int64_t mpc_rt_emulated_agree(int64_t block, int64_t mask, int64_t values);
/* The active threads for which a condition holds, or does not; returns whether
 * there is any. */
int64_t mpc_rt_emulated_select(int64_t block, int64_t mask, int64_t conditions,
                               int64_t holds, int64_t result);

#endif /* MPC_RUNTIME_EMULATOR_H */
