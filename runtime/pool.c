/*===- pool.c - The threads of one context --------------------------------===*\
|*
|* Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
|* See LICENSE for license information.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
\*===----------------------------------------------------------------------===*/

#include "pool.h"

#include "threads.h"

#include <limits.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Parts shorter than this, in nanoseconds, cost more to hand over than they
 * save: waking a thread that spins takes about 1 us, one that sleeps some 10.
 */
enum { MIN_PART_NS = 5000 };

/* The TSC ticks of a spin: some 40 us, the gap between two loops of a model,
 * below the cost of sleeping and waking that it avoids. */
enum { SPIN_TICKS = 100000 };

/* The parts of the ticket that tells workers to end. */
enum { PARTS_BITS = 16, PARTS_MASK = (1 << PARTS_BITS) - 1, STOP = PARTS_MASK };

static void sleepWhile(_Atomic uint32_t *word, uint32_t value) {
  syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

static void wakeAll(_Atomic uint32_t *word) {
  syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

/* Spins while *word == value; whether it changed. */
static int spinWhile(_Atomic uint32_t *word, uint32_t value, uint32_t ticks) {
  uint64_t start = __builtin_ia32_rdtsc();
  do {
    if (atomic_load_explicit(word, memory_order_acquire) != value)
      return 1;
    __builtin_ia32_pause();
  } while (__builtin_ia32_rdtsc() - start < ticks);
  return 0;
}

static void runPart(const mpc_rt_env *env, uint32_t index, uint32_t parts) {
  /* floor(n * i / parts) without n * i, which may not fit. */
  int64_t quotient = env->n / parts, rest = env->n % parts;
  int64_t lo = quotient * index + rest * index / parts;
  int64_t hi = quotient * (index + 1) + rest * (index + 1) / parts;
  if (lo < hi)
    env->fn(env->args, lo, hi);
}

/* Takes the part of this worker in the loop of that ticket, unless it is taken.
 * A ticket that came round again after 65,536 loops offers a part as well as
 * any: what is computed is the loop in progress. */
static int takePart(mpc_rt_worker *worker, uint32_t ticket) {
  return atomic_compare_exchange_strong(&worker->offer, &ticket, 0);
}

static void *workerMain(void *argument) {
  mpc_rt_worker *worker = argument;
  mpc_rt_env *env = worker->env;
  mpc_rt_enter_fp();
  /* Workers start while the ticket says 0 parts; see startWorkers. */
  uint32_t seen = 0;
  for (;;) {
    if (!spinWhile(&env->ticket, seen, env->spinTicks)) {
      /* All of this is sequentially consistent: either the caller sees the
       * sleeper, or the kernel sees the new ticket and does not sleep. */
      atomic_fetch_add(&env->sleepers, 1);
      while (atomic_load(&env->ticket) == seen)
        sleepWhile(&env->ticket, seen);
      atomic_fetch_sub(&env->sleepers, 1);
    }
    seen = atomic_load_explicit(&env->ticket, memory_order_acquire);
    uint32_t parts = seen & PARTS_MASK;
    if (parts == STOP)
      return NULL;
    if (worker->index >= parts || !takePart(worker, seen))
      continue;
    runPart(env, worker->index, parts);
    if (atomic_fetch_sub(&env->pending, 1) == 1 &&
        atomic_load(&env->callerSleeps))
      wakeAll(&env->pending);
  }
}

/* The ticket of the next loop, never 0. */
static uint32_t nextTicket(const mpc_rt_env *env, uint32_t parts) {
  uint32_t last = atomic_load_explicit(&env->ticket, memory_order_relaxed);
  return ((last >> PARTS_BITS) + 1) << PARTS_BITS | parts;
}

static void publish(mpc_rt_env *env, uint32_t ticket) {
  atomic_store(&env->ticket, ticket);
  if (atomic_load(&env->sleepers))
    wakeAll(&env->ticket);
}

/* Starts what is missing. Where the system refuses a thread, loops are split
 * into fewer parts. */
static void startWorkers(mpc_rt_env *env) {
  /* The host's signal handlers must not run in threads it does not know of. */
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  atomic_store(&env->ticket, 0);
  while (env->started + 1 < env->threads) {
    mpc_rt_worker *worker = &env->workers[env->started];
    worker->env = env;
    worker->index = env->started + 1;
    if (pthread_create(&worker->thread, NULL, workerMain, worker))
      break;
    ++env->started;
  }
  pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* A page of its own, for the system clears whole ones (Linux 4.14). Without it
 * every call asks for its process. */
static int *makeForkPage(void) {
  void *page = mmap(NULL, sizeof(int), PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED)
    return NULL;
  if (madvise(page, sizeof(int), MADV_WIPEONFORK)) {
    munmap(page, sizeof(int));
    return NULL;
  }
  return page;
}

static void setProcess(mpc_rt_env *env, pid_t pid) {
  env->pid = pid;
  if (env->isSameProcess)
    *env->isSameProcess = 1;
}

int mpc_rt_pool_init(mpc_rt_env *env) {
  if (env->threads > MPC_RT_MAX_THREADS)
    env->threads = MPC_RT_MAX_THREADS;
  env->isSameProcess = makeForkPage();
  setProcess(env, getpid());
  if (env->parallelFor || env->threads < 2)
    return 1;
  env->cores = mpc_rt_available_threads();
  /* Where threads outnumber cores a spin keeps the awaited one from running. */
  env->spinTicks = env->threads <= env->cores ? SPIN_TICKS : 0;
  /* Who asks for more threads than cores gets them. */
  if (env->cores < env->threads)
    env->cores = env->threads;
  size_t bytes = (env->threads - 1) * sizeof(mpc_rt_worker);
  void *memory;
  if (posix_memalign(&memory, _Alignof(mpc_rt_worker), bytes))
    return 0;
  env->workers = memset(memory, 0, bytes);
  return 1;
}

void mpc_rt_pool_after_fork(mpc_rt_env *env, pid_t pid) {
  setProcess(env, pid);
  env->started = 0;
  env->nested = 0;
  atomic_store(&env->sleepers, 0);
  atomic_store(&env->pending, 0);
  atomic_store(&env->callerSleeps, 0);
}

/* The calls in progress that want several threads, and their process: a child
 * has none of its parent's. */
static _Atomic int32_t calls;
static _Atomic pid_t callsPid;

void mpc_rt_pool_begin_call(const mpc_rt_env *env, pid_t pid) {
  if (!env->workers)
    return;
  if (atomic_load_explicit(&callsPid, memory_order_relaxed) != pid &&
      atomic_exchange(&callsPid, pid) != pid)
    atomic_store(&calls, 0);
  atomic_fetch_add_explicit(&calls, 1, memory_order_relaxed);
}

void mpc_rt_pool_end_call(const mpc_rt_env *env) {
  if (env->workers)
    atomic_fetch_sub_explicit(&calls, 1, memory_order_relaxed);
}

void mpc_rt_pool_stop(mpc_rt_env *env) {
  if (!env->started)
    return;
  pid_t self = mpc_rt_pool_process(env);
  if (env->pid != self) {
    mpc_rt_pool_after_fork(env, self);
    return;
  }
  publish(env, nextTicket(env, STOP));
  for (uint32_t i = 0; i < env->started; ++i)
    pthread_join(env->workers[i].thread, NULL);
  env->started = 0;
}

void mpc_rt_pool_destroy(mpc_rt_env *env) {
  mpc_rt_pool_stop(env);
  free(env->workers);
  if (env->isSameProcess)
    munmap(env->isSameProcess, sizeof(int));
}

typedef struct {
  mpc_rt_range_fn fn;
  const void *args;
} ForeignLoop;

/* A range in a thread of the caller's, whose floating-point environment is
 * unknown. */
static void runForeign(const void *args, int64_t lo, int64_t hi) {
  const ForeignLoop *loop = args;
  uint32_t before = mpc_rt_enter_fp();
  loop->fn(loop->args, lo, hi);
  mpc_rt_leave_fp(before);
}

/* How many threads are worth it. */
static uint32_t chooseParts(const mpc_rt_env *env, int64_t n, int64_t cost) {
  int64_t parts = env->threads;
  if (!env->parallelFor) {
    int32_t sharing = atomic_load_explicit(&calls, memory_order_relaxed);
    if (sharing > 1 && parts > env->cores / (uint32_t)sharing)
      parts = env->cores / (uint32_t)sharing;
  }
  if (parts > n)
    parts = n;
  int64_t total;
  if (cost > 0 && !__builtin_mul_overflow(n, cost, &total) &&
      parts > total / MIN_PART_NS)
    parts = total / MIN_PART_NS;
  return parts > 1 ? (uint32_t)parts : 1;
}

void mpc_rt_parallel_for(mpc_rt_env *env, mpc_rt_range_fn fn, const void *args,
                         int64_t n, int64_t cost) {
  if (n <= 0)
    return;
  uint32_t parts = env->nested ? 1 : chooseParts(env, n, cost);
  if (parts > 1 && !env->parallelFor) {
    if (env->started + 1 < env->threads && !env->started)
      startWorkers(env);
    if (parts > env->started + 1)
      parts = env->started + 1;
  }
  if (parts == 1) {
    fn(args, 0, n);
    return;
  }
  env->nested = 1;
  if (env->parallelFor) {
    ForeignLoop loop = {fn, args};
    env->parallelFor(env->parallelForUser, runForeign, &loop, n);
    /* The callback is foreign code too. */
    mpc_rt_enter_fp();
    env->nested = 0;
    return;
  }
  env->fn = fn;
  env->args = args;
  env->n = n;
  uint32_t ticket = nextTicket(env, parts);
  atomic_store_explicit(&env->pending, parts - 1, memory_order_relaxed);
  for (uint32_t i = 1; i < parts; ++i)
    atomic_store_explicit(&env->workers[i - 1].offer, ticket,
                          memory_order_release);
  publish(env, ticket);
  runPart(env, 0, parts);
  for (uint32_t i = 1; i < parts; ++i)
    if (takePart(&env->workers[i - 1], ticket)) {
      runPart(env, i, parts);
      atomic_fetch_sub(&env->pending, 1);
    }
  uint64_t start = __builtin_ia32_rdtsc();
  uint32_t left;
  while ((left = atomic_load_explicit(&env->pending, memory_order_acquire))) {
    if (__builtin_ia32_rdtsc() - start < env->spinTicks) {
      __builtin_ia32_pause();
      continue;
    }
    atomic_store(&env->callerSleeps, 1);
    while ((left = atomic_load(&env->pending)))
      sleepWhile(&env->pending, left);
    atomic_store(&env->callerSleeps, 0);
    break;
  }
  env->nested = 0;
}
