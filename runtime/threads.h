/*===- threads.h - How many threads a guest may use ---------------*- C -*-===*\
|*
|* Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
|* See LICENSE for license information.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
\*===----------------------------------------------------------------------===*/

#ifndef MPC_RUNTIME_THREADS_H
#define MPC_RUNTIME_THREADS_H

#include <stdint.h>

/* More threads than this are never started. */
#define MPC_RT_MAX_THREADS 1024

/* The cores that this thread may run on (its affinity) or that the cgroup's CPU
 * quota pays for, whichever are fewer; at least 1. A fraction of a core counts
 * as none: loops are split evenly, so a thread that the quota stops would hold
 * up all others. */
uint32_t mpc_rt_available_threads(void);

#endif /* MPC_RUNTIME_THREADS_H */
