//===- Poles.h - what is not finite at 0 -----------------------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_TRANSFORMS_POLES_H
#define MPC_TRANSFORMS_POLES_H

#include "mpc/Dialect/MPC/MPCDialect.h"

namespace mpc {

/// Whether something that reads `value`, a value of a function, has no finite
/// result where integers of so many bits round a number of its calibrated range
/// to 0: a reciprocal, a logarithm, a divisor. Between may stand data movement
/// and element-wise ops, such as a square root. A sum with a constant that
/// keeps it away from 0 ends the search.
bool isReadNearPole(mlir::Value value, unsigned bits);

/// Whether `group`, computed in integers, stores `result` in f32 because of
/// that: sums that are not rounded keep small numbers off 0. Never so where
/// nothing may be floating point. Groups of other roles are computed in f32
/// themselves.
bool storesSumsNearPole(GroupOp group, mlir::Value result, Precision precision);

} // namespace mpc

#endif // MPC_TRANSFORMS_POLES_H
