/*===- query.c - The function table of a library --------------------------===*\
|*
|* Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
|* See LICENSE for license information.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
\*===----------------------------------------------------------------------===*/

#include "context.h"
#include "error.h"
#include "isa.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static const mpc_rt_model *implOf(const mpc_model *model) {
  return model->impl;
}

static const char *statusString(mpc_status status) {
  switch (status) {
  case MPC_OK:
    return "ok";
  case MPC_ERROR_INVALID_ARGUMENT:
    return "invalid argument";
  case MPC_ERROR_TENSOR_MISMATCH:
    return "tensor mismatch";
  case MPC_ERROR_ISA:
    return "instruction set not available";
  case MPC_ERROR_WORKSPACE:
    return "unfit workspace";
  case MPC_ERROR_OUT_OF_MEMORY:
    return "out of memory";
  case MPC_ERROR_BUSY:
    return "context is busy";
  case MPC_ERROR_ENVIRONMENT:
    return "invalid environment variable";
  case MPC_ERROR_INPUT_VALUE:
    return "the model was not compiled for these values of its inputs";
  case MPC_ERROR_UNSUPPORTED:
    return "not supported";
  case MPC_ERROR_DEVICE:
    return "device not available";
  }
  return "unknown status";
}

static const char *manifest(const mpc_model *model, uint64_t *bytes) {
  if (!model)
    return NULL;
  if (bytes)
    *bytes = implOf(model)->manifest_bytes;
  return implOf(model)->manifest;
}

static uint32_t numEntries(const mpc_model *model) {
  return model ? implOf(model)->num_entries : 0;
}

/* Checks what all functions that describe something are passed: a model, an
 * index, and the structure to fill. */
static mpc_status check(const char *function, const mpc_model *model,
                        const char *what, uint32_t index, uint32_t count,
                        const uint32_t *structSize, size_t needed) {
  if (!model)
    return mpc_rt_fail(MPC_ERROR_INVALID_ARGUMENT,
                       "%s: expected a model, but got NULL", function);
  if (index >= count)
    return mpc_rt_fail(MPC_ERROR_INVALID_ARGUMENT,
                       "%s: expected an %s below %u, but got %u", function,
                       what, count, index);
  if (!structSize)
    return mpc_rt_fail(MPC_ERROR_INVALID_ARGUMENT,
                       "%s: expected a structure to fill, but got NULL",
                       function);
  if (*structSize < needed)
    return mpc_rt_fail(MPC_ERROR_INVALID_ARGUMENT,
                       "%s: expected a struct_size of at least %zu, but got %u",
                       function, needed, *structSize);
  return MPC_OK;
}

static int isSymbolic(const mpc_rt_tensor *tensors, uint32_t count) {
  for (uint32_t i = 0; i < count; ++i)
    for (uint32_t d = 0; d < tensors[i].rank; ++d)
      if (tensors[i].dims[d] == MPC_BATCH)
        return 1;
  return 0;
}

static mpc_status entryInfo(const mpc_model *model, uint32_t index,
                            mpc_entry_info *info) {
  mpc_status status =
      check("entry_info", model, "entry", index, numEntries(model),
            info ? &info->struct_size : NULL, sizeof(*info));
  if (status)
    return status;
  const mpc_rt_entry_info *entry = &implOf(model)->entries[index];
  info->name = entry->name;
  info->num_inputs = entry->num_inputs;
  info->num_outputs = entry->num_outputs;
  info->symbolic_batch =
      (uint32_t)(isSymbolic(entry->inputs, entry->num_inputs) ||
                 isSymbolic(entry->outputs, entry->num_outputs));
  return MPC_OK;
}

static mpc_status tensorInfo(const char *function, const mpc_model *model,
                             uint32_t entryIndex, int isInput, uint32_t index,
                             mpc_tensor_info *info) {
  const uint32_t *structSize = info ? &info->struct_size : NULL;
  mpc_status status = check(function, model, "entry", entryIndex,
                            numEntries(model), structSize, sizeof(*info));
  if (status)
    return status;
  const mpc_rt_entry_info *entry = &implOf(model)->entries[entryIndex];
  status = check(function, model, isInput ? "input" : "output", index,
                 isInput ? entry->num_inputs : entry->num_outputs, structSize,
                 sizeof(*info));
  if (status)
    return status;
  const mpc_rt_tensor *tensor =
      isInput ? &entry->inputs[index] : &entry->outputs[index];
  info->name = tensor->name;
  info->dtype = tensor->dtype;
  info->rank = tensor->rank;
  info->dims = tensor->dims;
  info->reserved = 0;
  return MPC_OK;
}

static mpc_status inputInfo(const mpc_model *model, uint32_t entry,
                            uint32_t index, mpc_tensor_info *info) {
  return tensorInfo("input_info", model, entry, 1, index, info);
}

static mpc_status outputInfo(const mpc_model *model, uint32_t entry,
                             uint32_t index, mpc_tensor_info *info) {
  return tensorInfo("output_info", model, entry, 0, index, info);
}

static uint32_t numIsas(const mpc_model *model) {
  return model ? implOf(model)->num_variants : 0;
}

static mpc_status isaInfo(const mpc_model *model, uint32_t index,
                          mpc_isa_info *info) {
  mpc_status status = check("isa_info", model, "index", index, numIsas(model),
                            info ? &info->struct_size : NULL, sizeof(*info));
  if (status)
    return status;
  const mpc_rt_variant *variant = &implOf(model)->variants[index];
  info->name = variant->name;
  info->supported = (uint32_t)mpc_rt_supports(variant);
  return MPC_OK;
}

static mpc_status workspaceSize(const mpc_model *model, uint32_t entry,
                                const char *isa, int64_t batch,
                                uint64_t *bytes) {
  uint32_t size = sizeof(*bytes);
  mpc_status status = check("workspace_size", model, "entry", entry,
                            numEntries(model), bytes ? &size : NULL, size);
  if (status)
    return status;
  const mpc_rt_variant *variant;
  status = mpc_rt_choose_variant(implOf(model), isa, &variant);
  return status ? status : mpc_rt_workspace(variant, entry, batch, bytes);
}

/* One table for each model that this runtime was linked to: one, unless
 * somebody links the objects of several models with one runtime. The first is
 * static, so that it outlives everything but the library itself. Tables are
 * only added, in single steps. */
typedef struct Table {
  mpc_model model;
  struct Table *next;
} Table;

static Table firstTable;
static _Atomic int firstTaken;
static _Atomic(Table *) tables;

const void *mpc_rt_query(const mpc_rt_model *model, uint32_t maxAbi) {
  if (maxAbi < MPC_ABI_VERSION || model->rt_version != MPC_RT_VERSION)
    return NULL;
  Table *known = atomic_load(&tables);
  for (Table *table = known; table; table = table->next)
    if (table->model.impl == model)
      return &table->model;
  Table *table =
      atomic_exchange(&firstTaken, 1) ? malloc(sizeof(Table)) : &firstTable;
  if (!table)
    return NULL;
  table->model = (mpc_model){.struct_size = sizeof(mpc_model),
                             .abi_version = MPC_ABI_VERSION,
                             .impl = model,
                             .last_error = mpc_rt_last_error,
                             .status_string = statusString,
                             .manifest = manifest,
                             .num_entries = numEntries,
                             .entry_info = entryInfo,
                             .input_info = inputInfo,
                             .output_info = outputInfo,
                             .num_isas = numIsas,
                             .isa_info = isaInfo,
                             .workspace_size = workspaceSize,
                             .create = mpc_rt_create,
                             .context_info = mpc_rt_context_info,
                             .run = mpc_rt_run,
                             .destroy = mpc_rt_destroy,
                             .profile = mpc_rt_profile,
                             .set_stream = mpc_rt_set_stream};
  table->next = known;
  /* Another thread may add a table meanwhile; two for one model do no harm. */
  while (!atomic_compare_exchange_weak(&tables, &table->next, table))
    ;
  return &table->model;
}

/* Runs at dlclose and at exit. */
__attribute__((destructor)) static void unload(void) {
  mpc_rt_stop_contexts();
  for (Table *table = atomic_load(&tables); table;) {
    Table *next = table->next;
    if (table != &firstTable)
      free(table);
    table = next;
  }
}
