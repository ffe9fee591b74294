//===- SeenRanges.h - what samples held beyond ranges ----------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A calibrator that cuts values off does so for 8 bits. What stores more covers
// all that was seen.
//
//===----------------------------------------------------------------------===//

#ifndef MPC_TRANSFORMS_SEENRANGES_H
#define MPC_TRANSFORMS_SEENRANGES_H

#include "mpc/Transforms/Ranges.h"

namespace mpc {

/// On an argument or a group of one result, beside its range: what samples
/// held, where that is more.
inline constexpr llvm::StringLiteral kSeenAttrName = "mpc.seen";

/// What samples held of a value; its range where no more is known, null where
/// it has none.
inline RangeAttr getSeenRange(mlir::Value value) {
  RangeAttr seen;
  if (auto argument = mlir::dyn_cast<mlir::BlockArgument>(value)) {
    if (auto function = mlir::dyn_cast<mlir::func::FuncOp>(
            argument.getOwner()->getParentOp()))
      seen = function.getArgAttrOfType<RangeAttr>(argument.getArgNumber(),
                                                  kSeenAttrName);
  } else {
    seen = value.getDefiningOp()->getAttrOfType<RangeAttr>(kSeenAttrName);
  }
  return seen ? seen : getRange(value);
}

} // namespace mpc

#endif // MPC_TRANSFORMS_SEENRANGES_H
