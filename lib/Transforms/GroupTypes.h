//===- GroupTypes.h - element types of a group -----------------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_TRANSFORMS_GROUPTYPES_H
#define MPC_LIB_TRANSFORMS_GROUPTYPES_H

#include "mpc/Dialect/MPC/MPCDialect.h"

namespace mpc {

/// Whether the model asks for more than f32 in a group: no precision changes
/// it, and it computes as it is written. Contractions are f32 at most.
inline bool computesInF64(GroupOp group) {
  auto root = mlir::dyn_cast<QuantizableOpInterface>(group.getRoot());
  if (root && root.getQuantRole() == QuantRole::Contraction)
    return false;
  auto isF64 = [](mlir::Type type) {
    return mlir::getElementTypeOrSelf(type).isF64();
  };
  return llvm::any_of(group.getOperandTypes(), isF64) ||
         llvm::any_of(group.getBlock(), [&](mlir::Operation &op) {
           return llvm::any_of(op.getResultTypes(), isF64);
         });
}

} // namespace mpc

#endif // MPC_LIB_TRANSFORMS_GROUPTYPES_H
