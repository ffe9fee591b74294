//===- ValueBounds.h - what is known of numbers ----------------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_DIALECT_KERNEL_VALUEBOUNDS_H
#define MPC_DIALECT_KERNEL_VALUEBOUNDS_H

#include "llvm/ADT/StringRef.h"

namespace mpc::kernel {

/// On a function's operation, such as math.exp: an f32 that no argument is
/// above. Who lowers the operator knows it; mpc-expand-math then leaves out
/// what larger arguments would need. An argument may still be NaN.
inline constexpr llvm::StringLiteral kArgumentAtMostAttrName =
    "kernel.argument_at_most";

} // namespace mpc::kernel

#endif // MPC_DIALECT_KERNEL_VALUEBOUNDS_H
