//===- UnsignedActivations.h - for signed ones ------------------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_TRANSFORMS_UNSIGNEDACTIVATIONS_H
#define MPC_LIB_TRANSFORMS_UNSIGNEDACTIVATIONS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mpc {

/// Gives signed activations of a quantized model unsigned types with another
/// zero point, as kernels multiply unsigned activations and signed weights. At
/// the border (arguments, results, storage casts) the model's own types stay.
/// A function of one block; nothing is done where an operator has regions.
void useUnsignedActivations(mlir::func::FuncOp function);

} // namespace mpc

#endif // MPC_LIB_TRANSFORMS_UNSIGNEDACTIVATIONS_H
