//===- Variants.h - instruction sets by name --------------------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The names of --march and the attributes that the passes past linalg leave for
// each other. The table itself is the runtime's (runtime/cpu.h), so that the
// compiler never uses a feature that the runtime does not check.
//
//===----------------------------------------------------------------------===//

#ifndef MPC_CODEGEN_VARIANTS_H
#define MPC_CODEGEN_VARIANTS_H

#include "mlir/Support/LLVM.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <cstdint>
#include <string>

namespace mpc {

/// On the module of one instruction set: its name, a string.
inline constexpr llvm::StringLiteral kMarchAttrName = "mpc.march";
/// On such a module: 10 times the compute capability of the only GPUs that it
/// is for, an integer; others have another module.
inline constexpr llvm::StringLiteral kCapabilityAttrName = "mpc.capability";
/// On a call: the callee runs a range of a parallel loop. Nothing, or the name
/// of the runtime's function that is to run it.
inline constexpr llvm::StringLiteral kDispatchAttrName = "mpc.dispatch";
/// On a function without a body: the name of the module of another instruction
/// set whose function of this name does.
inline constexpr llvm::StringLiteral kSharedAttrName = "mpc.shared";
/// On a parallel loop and its dispatch: estimated nanoseconds per iteration.
inline constexpr llvm::StringLiteral kCostAttrName = "mpc.cost";
/// On an entry point: the arena's size, {base, per_batch} in bytes.
inline constexpr llvm::StringLiteral kArenaAttrName = "mpc.arena";
/// On the outermost module: the bytes of all weights.
inline constexpr llvm::StringLiteral kWeightsAttrName = "mpc.weights";

/// Alignment of the arena, the weights and everything in them, and how many
/// bytes past a buffer's end may be read (MPC_RT_ALIGNMENT, MPC_RT_SLACK).
inline constexpr int64_t kBufferAlignment = 64;
inline constexpr int64_t kBufferSlack = 64;

/// An instruction set that a library has code for.
struct Variant {
  llvm::StringRef name;  // as in --march
  llvm::StringRef cpu;   // LLVM's name of the CPU to tune for
  uint64_t features = 0; // MPC_RT_CPU_* bits
  bool isNative = false; // asked for as `native`: this machine
};

/// The instruction sets of these names in the order of the runtime's table,
/// from the least demanding up; the default ones if there are none. Fails with
/// a sentence in `error` that lists the known names.
llvm::LogicalResult resolveVariants(llvm::ArrayRef<std::string> marches,
                                    llvm::SmallVectorImpl<Variant> &variants,
                                    std::string &error);

/// LLVM's feature string of exactly these features, such as "+avx,+avx2".
std::string getLLVMFeatures(uint64_t features);

} // namespace mpc

#endif // MPC_CODEGEN_VARIANTS_H
