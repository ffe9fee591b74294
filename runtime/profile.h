/*===- profile.h - Where the time of a call goes -----------------*- C -*-===*\
|*
|* Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
|* See LICENSE for license information.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
\*===----------------------------------------------------------------------===*/

#ifndef MPC_RUNTIME_PROFILE_H
#define MPC_RUNTIME_PROFILE_H

#include "pool.h"

/* Around a call with env->profile set: what is counted between belongs to its
 * groups. Returns when it began, for the end. */
uint64_t mpc_rt_start_profile(mpc_rt_env *env);
void mpc_rt_end_profile(mpc_rt_env *env, uint64_t start);

#endif /* MPC_RUNTIME_PROFILE_H */
