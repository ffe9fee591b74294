/*===- pool.h - The threads of one context ------------------------*- C -*-===*\
|*
|* Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
|* See LICENSE for license information.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
|*===----------------------------------------------------------------------===*|
|*
|* A context's call in progress and the threads that help it. Every parallel
|* loop is split into equal parts, one for each thread, the caller's included.
|* A part whose worker has not begun when the caller is done with its own is
|* taken over by the caller: on a busy machine a loop never waits for a thread
|* that the system does not run.
|*
\*===----------------------------------------------------------------------===*/

#ifndef MPC_RUNTIME_POOL_H
#define MPC_RUNTIME_POOL_H

#include "model.h"
#include "mpc/runtime.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>
#include <unistd.h>

typedef struct {
  struct mpc_rt_env *env;
  uint32_t index; /* 1 to threads - 1; the caller's thread is number 0 */
  pthread_t thread;
  /* The ticket of the loop in which this worker's part has no taker yet. Who
   * replaces it by 0 computes the part. */
  _Alignas(64) _Atomic uint32_t offer;
} mpc_rt_worker;

struct mpc_rt_env {
  /* What groups take is added here; generated code reads this pointer, which is
   * why it is the first. */
  mpc_profile *profile;
  uint64_t since; /* the time until which everything is counted */
  uint32_t group; /* in progress */

  /* Set at creation. */
  uint32_t threads;
  uint32_t cores;     /* that calls of all contexts share, at least `threads` */
  uint32_t spinTicks; /* how long to wait before sleeping, in TSC ticks */
  mpc_parallel_for_fn parallelFor;
  void *parallelForUser;
  mpc_rt_worker *workers; /* threads - 1 of them */

  /* Owned by the caller's thread. */
  uint32_t started;   /* workers that run */
  pid_t pid;          /* the process in which they do */
  int *isSameProcess; /* a page that a fork makes 0 in the child, or NULL */
  int nested;         /* a parallel loop is in progress */
  const char *report; /* what the call in progress cannot compute, or NULL */
  mpc_status reportStatus;

  /* The call's tensors as the caller gave them. */
  const mpc_rt_entry_info *entry;
  const mpc_tensor *inputs, *outputs;

  /* Of libraries for GPUs (cuda.c). */
  uint32_t deviceIndex;
  void *stream;                 /* the caller's; NULL: one of its own */
  struct mpc_rt_gpu_state *gpu; /* NULL before the first call */

  /* The loop in progress. Only who has taken a part of it reads these, and the
   * caller waits for all parts before it writes the next ones. */
  mpc_rt_range_fn fn;
  const void *args;
  int64_t n;

  /* What threads wait on, each on its own cache line. `ticket` changes with
   * every loop: a count in the upper half, the number of parts in the lower. */
  _Alignas(64) _Atomic uint32_t ticket;
  _Atomic uint32_t sleepers; /* workers that wait in the kernel */
  _Alignas(64) _Atomic uint32_t
      pending; /* parts but the caller's that are not done */
  _Atomic uint32_t callerSleeps;
};

/* Sets up an environment that is all zero but for `threads`, `parallelFor` and
 * `parallelForUser`, which are the creator's. Returns 0 where memory ran out.
 */
int mpc_rt_pool_init(mpc_rt_env *env);

/* As mpc_rt_report, with another status. */
void mpc_rt_report_as(mpc_rt_env *env, mpc_status status, const char *sentence);

/* What libraries for GPUs add: NULL in others. */
typedef struct {
  void (*setStream)(mpc_rt_env *env, void *stream);
  void (*destroy)(struct mpc_rt_gpu_state *state);
  /* Of a library's variants the one for the device: that of its capability, if
   * there is one. `chosen` is what was chosen by the CPU. */
  const mpc_rt_variant *(*choose)(mpc_rt_env *env, const mpc_rt_model *model,
                                  const mpc_rt_variant *chosen);
} mpc_rt_gpu_functions;
extern const mpc_rt_gpu_functions *mpc_rt_gpu;

/* The process of the caller: `env->pid`, unless that one forked it. Asks the
 * system, which takes longer than a small model, only where the page does not
 * tell. */
static inline pid_t mpc_rt_pool_process(const mpc_rt_env *env) {
  return env->isSameProcess && *env->isSameProcess ? env->pid : getpid();
}

/* Forgets the workers of the parent process after a fork: they are not here. */
void mpc_rt_pool_after_fork(mpc_rt_env *env, pid_t pid);

/* A call begins or ends in the process `pid`. Of calls at the same time each
 * gets an even part of the cores: more threads than cores make all of them
 * slow.
 */
void mpc_rt_pool_begin_call(const mpc_rt_env *env, pid_t pid);
void mpc_rt_pool_end_call(const mpc_rt_env *env);

/* Ends the workers. More loops may follow and start them again. */
void mpc_rt_pool_stop(mpc_rt_env *env);

void mpc_rt_pool_destroy(mpc_rt_env *env);

/* The floating-point environment of generated code: round to nearest even, no
 * exceptions, subnormal numbers kept. Returns what it was before. */
static inline uint32_t mpc_rt_enter_fp(void) {
  uint32_t before = __builtin_ia32_stmxcsr();
  __builtin_ia32_ldmxcsr(0x1f80);
  return before;
}

static inline void mpc_rt_leave_fp(uint32_t before) {
  __builtin_ia32_ldmxcsr(before);
}

#endif /* MPC_RUNTIME_POOL_H */
