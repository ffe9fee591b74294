/*===- profile.c - Where the time of a call goes --------------------------===*\
|*
|* Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
|* See LICENSE for license information.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
\*===----------------------------------------------------------------------===*/

#include "profile.h"

/* The group that takes everything that has no other. */
static uint32_t noGroup(const mpc_rt_env *env) {
  return env->profile->num_groups - 1;
}

/* Counts the time since the last one for the group in progress. */
static void count(mpc_rt_env *env) {
  uint64_t now = __builtin_ia32_rdtsc();
  env->profile->groups[env->group].ticks += now - env->since;
  env->since = now;
}

void mpc_rt_begin_group(mpc_rt_env *env, uint32_t group) {
  count(env);
  env->group = group < noGroup(env) ? group : noGroup(env);
  ++env->profile->groups[env->group].calls;
}

uint64_t mpc_rt_start_profile(mpc_rt_env *env) {
  env->group = noGroup(env);
  return env->since = __builtin_ia32_rdtsc();
}

void mpc_rt_end_profile(mpc_rt_env *env, uint64_t start) {
  count(env);
  ++env->profile->calls;
  env->profile->ticks += env->since - start;
}
