/*===- threads.c - How many threads a guest may use -----------------------===*\
|*
|* Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
|* See LICENSE for license information.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
\*===----------------------------------------------------------------------===*/

#include "threads.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The affinity mask by system call: libc's cpu_set_t ends at 1,024 cores. */
static uint32_t coresOfAffinity(void) {
  unsigned long mask[128];
  long bytes = syscall(SYS_sched_getaffinity, 0, sizeof(mask), mask);
  uint32_t count = 0;
  for (long i = 0; i < bytes / (long)sizeof(mask[0]); ++i)
    count += (uint32_t)__builtin_popcountl(mask[i]);
  return count ? count : 1;
}

/* Reads the beginning of a file as text; 0 if there is no such file. */
static int readText(const char *path, char *text, size_t size) {
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0)
    return 0;
  size_t used = 0;
  while (used < size - 1) {
    ssize_t got = read(file, text + used, size - 1 - used);
    if (got <= 0)
      break;
    used += (size_t)got;
  }
  close(file);
  text[used] = 0;
  return 1;
}

static uint32_t lower(uint32_t cores, long quota, long period) {
  if (quota <= 0 || period <= 0)
    return cores;
  long paid = quota / period;
  if (paid < 1)
    paid = 1;
  return (unsigned long)paid < cores ? (uint32_t)paid : cores;
}

/* Applies the quota of `group` and of all its parents, which hold too. With
 * version 2 of cgroups a file cpu.max says "QUOTA PERIOD" or "max PERIOD"; with
 * version 1 there are two files, and a quota of -1 is none. */
static uint32_t lowerByGroup(uint32_t cores, const char *root, char *group,
                             int version) {
  char path[1400], text[64];
  for (;;) {
    if (version == 2) {
      snprintf(path, sizeof(path), "%s%s/cpu.max", root, group);
      if (readText(path, text, sizeof(text)) && text[0] != 'm') {
        char *end;
        long quota = strtol(text, &end, 10);
        cores = lower(cores, quota, strtol(end, NULL, 10));
      }
    } else {
      snprintf(path, sizeof(path), "%s%s/cpu.cfs_quota_us", root, group);
      if (readText(path, text, sizeof(text))) {
        long quota = strtol(text, NULL, 10);
        snprintf(path, sizeof(path), "%s%s/cpu.cfs_period_us", root, group);
        if (readText(path, text, sizeof(text)))
          cores = lower(cores, quota, strtol(text, NULL, 10));
      }
    }
    char *slash = strrchr(group, '/');
    if (!slash)
      return cores;
    *slash = 0;
  }
}

/* Whether `list`, "a,b,c", holds `name`. */
static int holds(const char *list, const char *name) {
  size_t length = strlen(name);
  for (const char *at = list; at;) {
    if (!strncmp(at, name, length) && (at[length] == ',' || !at[length]))
      return 1;
    at = strchr(at, ',');
    if (at)
      ++at;
  }
  return 0;
}

uint32_t mpc_rt_available_threads(void) {
  uint32_t cores = coresOfAffinity();
  char groups[4096];
  if (cores > 1 && readText("/proc/self/cgroup", groups, sizeof(groups))) {
    /* Lines ID:CONTROLLERS:PATH; version 2 has the ID 0 and no controllers. */
    for (char *line = groups; line && *line;) {
      char *next = strchr(line, '\n');
      if (next)
        *next++ = 0;
      char *controllers = strchr(line, ':');
      char *path = controllers ? strchr(controllers + 1, ':') : NULL;
      if (path && strlen(path) < 1024) {
        *path++ = 0;
        ++controllers;
        if (!*controllers)
          cores = lowerByGroup(cores, "/sys/fs/cgroup", path, 2);
        else if (holds(controllers, "cpu"))
          cores = lowerByGroup(cores, "/sys/fs/cgroup/cpu", path, 1);
      }
      line = next;
    }
  }
  return cores < MPC_RT_MAX_THREADS ? cores : MPC_RT_MAX_THREADS;
}
