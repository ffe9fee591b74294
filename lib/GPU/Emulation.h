//===- Emulation.h - what the parts of the emulator share -------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_GPU_EMULATION_H
#define MPC_LIB_GPU_EMULATION_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/IR/SymbolTable.h"
#include "llvm/ADT/DenseMap.h"

namespace mpc {

/// What a kernel does wrong: positions in its memref<2xi32> of faults, which
/// are 0 until then.
enum class Fault { OutOfBounds, Unwritten };
inline constexpr int64_t kNumFaults = 2;

/// Guards every load and store of `body`: outside of its memref it reads zero or
/// does nothing, and is noted in `faults`. `shadows` gives for memrefs that
/// start unwritten one of the same shape of i8, 1 where it has been written.
void instrumentKernel(mlir::Region &body, mlir::Value faults,
                      const llvm::DenseMap<mlir::Value, mlir::Value> &shadows);

/// The function that computes `mma` for one warp from the registers of its
/// lanes: memrefs of one element per thread for A, B, C and D in this order,
/// and the number of the warp's first thread. Null, with an error, for shapes
/// other than m16n8 with 256 bits of k.
mlir::func::FuncOp getMMAFunction(mlir::NVVM::MmaOp mma,
                                  mlir::SymbolTable &symbols);

} // namespace mpc

#endif // MPC_LIB_GPU_EMULATION_H
