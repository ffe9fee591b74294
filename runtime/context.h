/*===- context.h - One caller's way to run a model ----------------*- C -*-===*\
|*
|* Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
|* See LICENSE for license information.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
\*===----------------------------------------------------------------------===*/

#ifndef MPC_RUNTIME_CONTEXT_H
#define MPC_RUNTIME_CONTEXT_H

#include "model.h"
#include "mpc/runtime.h"

/* The implementations of mpc_model's functions of the same names. */
mpc_status mpc_rt_create(const mpc_model *model,
                         const mpc_context_options *options,
                         mpc_context **context);
mpc_status mpc_rt_context_info(const mpc_context *context,
                               mpc_context_info *info);
mpc_status mpc_rt_run(mpc_context *context, uint32_t entry,
                      const mpc_tensor *inputs, uint32_t numInputs,
                      const mpc_tensor *outputs, uint32_t numOutputs);
void mpc_rt_destroy(mpc_context *context);
mpc_status mpc_rt_profile(mpc_context *context, mpc_profile *profile);
mpc_status mpc_rt_set_stream(mpc_context *context, void *stream);

/* Bytes of workspace for one call, slack included. */
mpc_status mpc_rt_workspace(const mpc_rt_variant *variant, uint32_t entry,
                            int64_t batch, uint64_t *bytes);

/* Ends the threads of every context that no thread is running. */
void mpc_rt_stop_contexts(void);

/* What the context has observed, if its model does: NULL else. Until
 * end_reading nothing runs in the context. */
mpc_status mpc_rt_begin_reading(mpc_context *context,
                                const mpc_rt_observer **observer,
                                const mpc_rt_observations **observations);
void mpc_rt_end_reading(mpc_context *context);

#endif /* MPC_RUNTIME_CONTEXT_H */
