//===- KernelDialect.h - the kernel dialect ---------------------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_DIALECT_KERNEL_KERNELDIALECT_H
#define MPC_DIALECT_KERNEL_KERNELDIALECT_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "mpc/Dialect/Kernel/KernelDialect.h.inc"
#include "mpc/Dialect/Kernel/KernelEnums.h.inc"

#define GET_ATTRDEF_CLASSES
#include "mpc/Dialect/Kernel/KernelAttributes.h.inc"

#define GET_OP_CLASSES
#include "mpc/Dialect/Kernel/KernelOps.h.inc"

namespace mpc::kernel {

/// Output channels per panel of packed weights, on every instruction set.
constexpr int64_t kPanelWidth = 16;

/// Tile registers: rows of one, and how many hold sums at most.
constexpr int64_t kTileRows = 16, kMaxSumTiles = 4;

/// Whether the instruction's operands are tile registers.
inline bool usesTileRegisters(Intrinsic intrinsic) {
  return intrinsic == Intrinsic::tdpbusd || intrinsic == Intrinsic::tdpbf16ps;
}

/// The fewest tile registers that the sums of `rows` rows by one of `panels`
/// panels fit, with equally many rows in each; 0 if there is no such number.
int64_t countRowTiles(int64_t rows, int64_t panels);

/// Neighbouring output pixels in a tile register, where a row of pixels has
/// `width`: the parts that the row is divided into are as equal as can be.
int64_t getTilePixels(int64_t width);

/// kernel.winograd: the sides of a block of output pixels, and of the input
/// pixels that it reads; elements of the latter, which are taps of the weights.
constexpr int64_t kWinogradBlock = 4, kWinogradSide = 6, kWinogradTaps = 36;

/// Numbers of bf16 in a row of a tile register.
constexpr int64_t kTileDepth = 32;

/// Weights of each lane that stand together in #kernel.blocks with `fragments`.
constexpr int64_t kFragmentDepth = 32;

/// Attaches BufferizableOpInterface to the ops of the dialect.
void registerBufferizableOpInterfaceExternalModels(
    mlir::DialectRegistry &registry);

} // namespace mpc::kernel

#endif // MPC_DIALECT_KERNEL_KERNELDIALECT_H
