/*===- isa.c - Which code of a library to run -----------------------------===*\
|*
|* Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
|* See LICENSE for license information.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
\*===----------------------------------------------------------------------===*/

#include "isa.h"

#include "cpu.h"
#include "error.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static uint64_t machineFeatures(void) {
  /* CPUID traps in virtual machines, so it is asked once. The bit above all
   * features says that it was. */
  static _Atomic uint64_t cache;
  uint64_t asked = UINT64_C(1) << 63;
  uint64_t features = atomic_load_explicit(&cache, memory_order_relaxed);
  if (!features) {
    features = mpc_rt_cpu_detect() | asked;
    atomic_store_explicit(&cache, features, memory_order_relaxed);
  }
  return features & ~asked;
}

int mpc_rt_supports(const mpc_rt_variant *variant) {
  return (variant->features & ~machineFeatures()) == 0;
}

static void appendNames(mpc_rt_text *text, const mpc_rt_model *model) {
  for (uint32_t i = 0; i < model->num_variants; ++i)
    mpc_rt_append(text, "%s%s", i ? ", " : "", model->variants[i].name);
}

static void appendMissing(mpc_rt_text *text, uint64_t features) {
  uint64_t missing = features & ~machineFeatures();
  const char *separator = "";
  for (unsigned bit = 0; bit < 64; ++bit)
    if (missing >> bit & 1) {
      mpc_rt_append(text, "%s%s", separator, mpc_rt_cpu_feature_name(bit));
      separator = ", ";
    }
}

mpc_status mpc_rt_choose_variant(const mpc_rt_model *model, const char *name,
                                 const mpc_rt_variant **variant) {
  mpc_rt_text names = {.size = 0}, missing = {.size = 0};
  const char *origin = "";
  int refused = 0;
  if (!name) {
    name = getenv("MPC_ISA");
    origin = "MPC_ISA: ";
  }
  if (!name || !*name) {
    for (uint32_t i = model->num_variants; i-- > 0;)
      if (mpc_rt_supports(&model->variants[i])) {
        if (mpc_rt_cpu_permit(model->variants[i].features)) {
          *variant = &model->variants[i];
          return MPC_OK;
        }
        refused = 1;
      }
    appendNames(&names, model);
    if (refused)
      return mpc_rt_fail(MPC_ERROR_ISA,
                         "the operating system does not permit this process "
                         "the tile registers that the library's instruction "
                         "sets (%s) need (a thread's alternate signal stack "
                         "may be too small)",
                         names.text);
    if (model->num_variants)
      appendMissing(&missing, model->variants[0].features);
    return mpc_rt_fail(MPC_ERROR_ISA,
                       "this machine runs none of the library's instruction "
                       "sets (%s): it lacks %s",
                       names.text, missing.text);
  }
  for (uint32_t i = 0; i < model->num_variants; ++i) {
    if (strcmp(model->variants[i].name, name))
      continue;
    *variant = &model->variants[i];
    if (mpc_rt_supports(*variant)) {
      if (mpc_rt_cpu_permit((*variant)->features))
        return MPC_OK;
      return mpc_rt_fail(MPC_ERROR_ISA,
                         "%sthe operating system does not permit this process "
                         "the tile registers of instruction set '%s' (a "
                         "thread's alternate signal stack may be too small)",
                         origin, name);
    }
    appendMissing(&missing, (*variant)->features);
    return mpc_rt_fail(MPC_ERROR_ISA,
                       "%sthis machine cannot run instruction set '%s': it "
                       "lacks %s",
                       origin, name, missing.text);
  }
  appendNames(&names, model);
  return mpc_rt_fail(
      MPC_ERROR_ISA,
      "%sexpected an instruction set of the library (%s), but got '%.64s'",
      origin, names.text, name);
}
