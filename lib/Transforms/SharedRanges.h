//===- SharedRanges.h - values that share their integers -------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What moves values reads and stores the same integers, of the hull of all its
// ranges. Through operators that join values, such as concatenations, one wide
// value would make those of a whole chain coarse; there, what is much narrower
// and read elsewhere, too, keeps its own integers and is rescaled.
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_TRANSFORMS_SHAREDRANGES_H
#define MPC_LIB_TRANSFORMS_SHAREDRANGES_H

#include "mpc/Transforms/Ranges.h"
#include "llvm/ADT/EquivalenceClasses.h"

namespace mpc {

/// How many times coarser its integers would be where a value is rescaled: a
/// bit.
inline constexpr double kCoarser = 2;

/// The smallest range that holds both; null where both are.
RangeAttr getHull(RangeAttr a, RangeAttr b);

/// The values (what reshapes read, not their results) that share scale and zero
/// point. `shares` are the groups whose inputs and results do; `getRange` knows
/// ranges, null where there is none. What such a group reads and does not share
/// is to be converted.
llvm::EquivalenceClasses<mlir::Value>
findSharedRanges(mlir::func::FuncOp function,
                 llvm::function_ref<bool(GroupOp)> shares,
                 llvm::function_ref<RangeAttr(mlir::Value)> getRange);

} // namespace mpc

#endif // MPC_LIB_TRANSFORMS_SHAREDRANGES_H
