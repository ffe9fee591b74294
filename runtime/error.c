/*===- error.c - What failed, per thread ----------------------------------===*\
|*
|* Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
|* See LICENSE for license information.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
\*===----------------------------------------------------------------------===*/

#include "error.h"

#include <stdarg.h>
#include <stdio.h>

static _Thread_local char lastError[640];

mpc_status mpc_rt_fail(mpc_status status, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(lastError, sizeof(lastError), format, arguments);
  va_end(arguments);
  return status;
}

const char *mpc_rt_last_error(void) { return lastError; }

void mpc_rt_append(mpc_rt_text *text, const char *format, ...) {
  size_t room = sizeof(text->text) - text->size;
  va_list arguments;
  va_start(arguments, format);
  int wanted = vsnprintf(text->text + text->size, room, format, arguments);
  va_end(arguments);
  if (wanted > 0)
    text->size += (size_t)wanted < room ? (size_t)wanted : room - 1;
}
