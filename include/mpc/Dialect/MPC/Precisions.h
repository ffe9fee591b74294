//===- Precisions.h - kinds of precisions -----------------------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_DIALECT_MPC_PRECISIONS_H
#define MPC_DIALECT_MPC_PRECISIONS_H

#include "mpc/Dialect/MPC/MPCDialect.h"

namespace mpc {

/// Weights are integers, in blocks; activations and sums are not.
inline bool isWeightOnly(Precision precision) {
  return precision == Precision::W8 || precision == Precision::W4;
}

/// Activations and weights are integers where their groups can be computed so.
inline bool isInteger(Precision precision) {
  return precision == Precision::INT8 || precision == Precision::INT16;
}

} // namespace mpc

#endif // MPC_DIALECT_MPC_PRECISIONS_H
