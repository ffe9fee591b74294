//===- Saturation.h - what functions that saturate tell apart --*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_TRANSFORMS_SATURATION_H
#define MPC_LIB_TRANSFORMS_SATURATION_H

#include "mpc/Dialect/MPC/MPCDialect.h"

namespace mpc {

/// Where all that reads `value`, a value of a function, are functions that
/// saturate, such as the gates of a recurrent cell: how far from 0 they tell
/// numbers apart in 8 bits, the largest of them (a sigmoid: 8, a tanh: 4).
/// Between may stand data movement, sums and differences. Nothing where
/// anything else reads it.
std::optional<double> getReachOfReaders(mlir::Value value);

} // namespace mpc

#endif // MPC_LIB_TRANSFORMS_SATURATION_H
