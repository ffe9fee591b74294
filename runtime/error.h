/*===- error.h - What failed, per thread --------------------------*- C -*-===*\
|*
|* Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
|* See LICENSE for license information.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
\*===----------------------------------------------------------------------===*/

#ifndef MPC_RUNTIME_ERROR_H
#define MPC_RUNTIME_ERROR_H

#include "mpc/runtime.h"

/* Makes the formatted sentence this thread's last error and returns `status`.
 * A longer one than the buffer is cut. */
mpc_status mpc_rt_fail(mpc_status status, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

const char *mpc_rt_last_error(void);

/* Text that is put together piece by piece in a buffer of fixed size. */
typedef struct {
  char text[256];
  size_t size;
} mpc_rt_text;

void mpc_rt_append(mpc_rt_text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif /* MPC_RUNTIME_ERROR_H */
