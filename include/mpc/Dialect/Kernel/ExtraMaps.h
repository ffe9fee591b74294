//===- ExtraMaps.h - where an epilogue's extras are ------------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_DIALECT_KERNEL_EXTRAMAPS_H
#define MPC_DIALECT_KERNEL_EXTRAMAPS_H

#include "mlir/IR/AffineMap.h"

namespace mpc::kernel {

/// Whether `map`, from an output's dimensions, may say where an extra of its
/// epilogue is: results are dimensions or 0, the last dimension only as the
/// last result (C9 of kernel.contract).
bool isExtraMap(mlir::AffineMap map);

} // namespace mpc::kernel

#endif // MPC_DIALECT_KERNEL_EXTRAMAPS_H
