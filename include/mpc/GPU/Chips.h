//===- Chips.h - what GPUs have ---------------------------------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_GPU_CHIPS_H
#define MPC_GPU_CHIPS_H

#include "mlir/IR/Operation.h"

namespace mpc {

/// On the module of one class of GPUs: their names, an array of strings.
inline constexpr llvm::StringLiteral kChipsAttrName = "mpc.chips";

/// What kernels are chosen by (CUDA C++ Programming Guide, "Technical
/// Specifications per Compute Capability"; of the largest chip of its kind).
struct Chip {
  llvm::StringLiteral name; // as in --chip
  int64_t capability;       // 10 times the compute capability
  int64_t multiprocessors;
  int64_t sharedBytes; // that a block can have
  bool hasWarpgroups;  // wgmma
};

/// All chips that code can be made for.
llvm::ArrayRef<Chip> getChips();

/// The chip of that name, or null.
const Chip *findChip(llvm::StringRef name);

/// What is true of all chips of the module around `op`: the most
/// multiprocessors, the least memory. Without `mpc.chips` numbers that suit
/// all.
Chip getChipOf(mlir::Operation *op);

} // namespace mpc

#endif // MPC_GPU_CHIPS_H
