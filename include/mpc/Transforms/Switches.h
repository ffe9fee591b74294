//===- Switches.h - many assignments in one module -------------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// To measure what each group loses in each precision, a module holds every
// group in all of its precisions, and an input says which one computes: one
// compilation serves all assignments.
//
// mpc-add-variants makes the candidates, mpc-insert-quantization lowers them,
// mpc-insert-switches puts them behind the input.
//
//===----------------------------------------------------------------------===//

#ifndef MPC_TRANSFORMS_SWITCHES_H
#define MPC_TRANSFORMS_SWITCHES_H

#include "mlir/Support/LLVM.h"

namespace mpc {

/// On a group: an array of the names of the precisions that it may have beside
/// f32.
inline constexpr llvm::StringLiteral kCandidatesAttrName = "mpc.candidates";
/// On a variant of a group: the name of the group.
inline constexpr llvm::StringLiteral kVariantOfAttrName = "mpc.variant_of";
/// On a variant: what it is, a precision's name or `store`.
inline constexpr llvm::StringLiteral kVariantAttrName = "mpc.variant";
/// On the module: an array with the name of each switch, `GROUP:VARIANT`, in
/// the order of the elements of the input.
inline constexpr llvm::StringLiteral kSwitchesAttrName = "mpc.switches";
/// `GROUP:store` rounds what the group stores to the 8-bit integers that an
/// int8 group reads.
inline constexpr llvm::StringLiteral kStoreVariant = "store";

} // namespace mpc

#endif // MPC_TRANSFORMS_SWITCHES_H
