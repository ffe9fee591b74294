/*===- isa.h - Which code of a library to run ---------------------*- C -*-===*\
|*
|* Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
|* See LICENSE for license information.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
\*===----------------------------------------------------------------------===*/

#ifndef MPC_RUNTIME_ISA_H
#define MPC_RUNTIME_ISA_H

#include "model.h"
#include "mpc/runtime.h"

/* Whether this machine can run the variant. */
int mpc_rt_supports(const mpc_rt_variant *variant);

/* Finds the variant called `name`, or without a name the one that MPC_ISA
 * names, or without that the best that this machine can run. */
mpc_status mpc_rt_choose_variant(const mpc_rt_model *model, const char *name,
                                 const mpc_rt_variant **variant);

#endif /* MPC_RUNTIME_ISA_H */
