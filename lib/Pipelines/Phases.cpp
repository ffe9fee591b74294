//===- Phases.cpp - names of the phases -----------------------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpc/Pipelines/Pipelines.h"
#include "llvm/ADT/STLExtras.h"

using namespace mpc;

namespace {
struct PhaseEntry {
  llvm::StringLiteral name, description;
};
// In the order of the enum.
constexpr PhaseEntry phases[] = {
    {"imported", "the model's operators and types in the mpc dialect"},
    {"grouped", "simplified, NHWC, operators with their epilogues in groups"},
    {"annotated", "groups carry ranges and precisions"},
    {"quantized", "the IR computes in the chosen precisions"},
    {"linalg", "one linalg function per distinct group"},
    {"tiled", "one module per instruction set, contractions tiled and packed"},
    {"bufferized", "buffers in one arena, weights in one blob, dispatches"},
    {"llvm", "the LLVM dialect"},
    {"library", "the file that comes out"},
};
} // namespace

llvm::StringRef mpc::stringifyPhase(Phase phase) {
  return phases[static_cast<unsigned>(phase)].name;
}

llvm::StringRef mpc::describePhase(Phase phase) {
  return phases[static_cast<unsigned>(phase)].description;
}

std::optional<Phase> mpc::symbolizePhase(llvm::StringRef name) {
  const PhaseEntry *entry = llvm::find_if(
      phases, [&](const PhaseEntry &entry) { return entry.name == name; });
  if (entry == std::end(phases))
    return std::nullopt;
  return static_cast<Phase>(entry - phases);
}
