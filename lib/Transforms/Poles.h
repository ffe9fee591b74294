//===- Poles.h - what is not finite at 0 -----------------------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_TRANSFORMS_POLES_H
#define MPC_LIB_TRANSFORMS_POLES_H

#include "mpc/Dialect/MPC/MPCDialect.h"

namespace mpc {

/// Whether something that reads `value`, a value of a function, has no finite
/// result where integers of so many bits round a number of its calibrated range
/// to 0: a reciprocal, a logarithm, a divisor. Between may stand data movement
/// and element-wise ops, such as a square root. A sum with a constant that
/// keeps it away from 0 ends the search.
bool isReadNearPole(mlir::Value value, unsigned bits);

} // namespace mpc

#endif // MPC_LIB_TRANSFORMS_POLES_H
