//===- NarrowFloats.h - what fits into f16 ---------------------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_TRANSFORMS_NARROWFLOATS_H
#define MPC_LIB_TRANSFORMS_NARROWFLOATS_H

#include "mpc/Analysis/FloatBounds.h"
#include "mpc/Dialect/MPC/MPCDialect.h"
#include <optional>

namespace mpc {

/// Decides which groups may be f16, whose largest number is 65504.
class F16Ranges {
public:
  /// Why a group would overflow: what it stores, reads or weighs with is beyond
  /// f16, by its calibrated range or its constants. Empty where nothing says
  /// so.
  std::string whyNot(GroupOp group);
  /// Whether no input within its range makes the group overflow.
  bool isProven(GroupOp group);

private:
  /// Of the function that the last group is in.
  std::optional<FloatBounds> bounds;
  mlir::Operation *function = nullptr;
};

} // namespace mpc

#endif // MPC_LIB_TRANSFORMS_NARROWFLOATS_H
