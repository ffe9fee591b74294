//===- Variants.cpp - instruction sets by name ----------------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reads the runtime's table of instruction sets for the compiler.
//
//===----------------------------------------------------------------------===//

#include "mpc/Codegen/Variants.h"
#include "cpu.h" // the runtime's
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;

/// The floor, AVX-512, AVX-512 with the 8-bit dot product, and tile registers:
/// the levels between which the generated code differs most.
static constexpr const char *defaultMarches[] = {
    "x86-64-v3", "x86-64-v4", "cascadelake", "sapphirerapids-amx"};

LogicalResult mpc::resolveVariants(ArrayRef<std::string> marches,
                                   SmallVectorImpl<Variant> &variants,
                                   std::string &error) {
  SmallVector<const mpc_rt_cpu_level *> levels;
  const mpc_rt_cpu_level *native = nullptr;
  auto add = [&](StringRef name) -> LogicalResult {
    const mpc_rt_cpu_level *level =
        name == "native" ? mpc_rt_cpu_best_level(mpc_rt_cpu_detect())
                         : mpc_rt_cpu_find_level(name.str().c_str());
    if (!level) {
      if (name == "native") {
        error = "this machine has none of the known instruction sets";
      } else {
        error =
            ("unknown instruction set '" + name + "', expected one of native")
                .str();
        for (size_t i = 0; i != mpc_rt_cpu_num_levels; ++i)
          error += std::string(", ") + mpc_rt_cpu_levels[i].name;
      }
      return failure();
    }
    if (name == "native")
      native = level;
    if (!llvm::is_contained(levels, level))
      levels.push_back(level);
    return success();
  };
  for (const std::string &name : marches)
    if (failed(add(name)))
      return failure();
  if (levels.empty())
    for (const char *name : defaultMarches)
      if (failed(add(name)))
        return failure();
  llvm::sort(levels); // pointers into one table
  for (const mpc_rt_cpu_level *level : levels)
    variants.push_back(
        {level->name, level->cpu, level->features, level == native});
  return success();
}

std::string mpc::getLLVMFeatures(uint64_t features) {
  std::string list;
  for (unsigned bit = 0; bit != MPC_RT_CPU_NUM_FEATURES; ++bit)
    if (features >> bit & 1)
      list +=
          std::string(list.empty() ? "+" : ",+") + mpc_rt_cpu_feature_name(bit);
  return list;
}
