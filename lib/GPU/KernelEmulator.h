//===- KernelEmulator.h - one kernel on the CPU -----------------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_GPU_KERNELEMULATOR_H
#define MPC_LIB_GPU_KERNELEMULATOR_H

#include "Emulation.h"
#include "Launch.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"

namespace mpc {

/// Emits the function of one kernel: (kernel's arguments..., faults, blocks,
/// lo, hi), over threads or over blocks.
class KernelEmulator {
public:
  KernelEmulator(mlir::gpu::GPUFuncOp kernel, int64_t threads,
                 mlir::SymbolTable &symbols)
      : kernel(kernel), threads(threads), symbols(symbols),
        b(kernel.getLoc(), kernel.getContext()), shared(kernel) {}

  /// Null after an error.
  mlir::func::FuncOp emit(llvm::StringRef name);
  bool isPerBlock = false;

private:
  /// What a thread's loop sees of values that are the same for a whole block.
  mlir::Value constant(int64_t value) {
    return mlir::arith::ConstantIndexOp::create(b, value);
  }
  void removeAddressSpaces();
  mlir::LogicalResult check();
  /// At the beginning of the function, outside of all loops.
  mlir::Value createBuffer(mlir::MemRefType type);
  void forEach(int64_t count,
               llvm::function_ref<void(mlir::Value, mlir::IRMapping &)> body);
  mlir::Value getArray(mlir::Value value);
  /// Makes `value` known in `local`, which belongs to thread `thread`.
  void fetch(mlir::Value value, mlir::Value thread, mlir::IRMapping &local);
  void fetchOperands(mlir::Operation *op, mlir::Value thread,
                     mlir::IRMapping &local);
  mlir::LogicalResult emitBlock(mlir::Block &block);
  mlir::LogicalResult emitPiece(llvm::ArrayRef<mlir::Operation *> ops,
                                mlir::Block &block);
  mlir::LogicalResult emitMeeting(mlir::Operation *op);
  mlir::LogicalResult emitMMA(mlir::NVVM::MmaOp op);
  mlir::LogicalResult emitLoadMatrix(mlir::nvgpu::LdMatrixOp op);
  mlir::LogicalResult emitWGMMA(mlir::NVVM::WgmmaMmaAsyncOp op);
  /// The registers of a structure, threads × elements; made, if there are none.
  mlir::Value getRegisters(mlir::Value value);
  mlir::LogicalResult emitFor(mlir::scf::ForOp op);
  mlir::LogicalResult emitIf(mlir::scf::IfOp op);
  bool mapId(mlir::Operation *op, mlir::Value block, mlir::Value thread,
             mlir::IRMapping &mapping);
  bool isUniform(mlir::Operation *op);
  /// `arrays` of the iteration arguments receive `values`, thread by thread.
  mlir::LogicalResult assign(mlir::ValueRange arguments,
                             mlir::ValueRange values);

  mlir::gpu::GPUFuncOp kernel;
  int64_t threads;
  mlir::SymbolTable &symbols;
  mlir::ImplicitLocOpBuilder b;
  SharedMemory shared;
  mlir::func::FuncOp function;
  mlir::Value blocks, block, faults;
  /// The number of a thread, where threads meet: known in each of their loops.
  mlir::Value threadId;
  /// Values that are the same for all threads of a block.
  mlir::IRMapping uniform;
  /// Values that outlive a piece: memrefs with one element per thread.
  llvm::DenseMap<mlir::Value, mlir::Value> arrays;
  llvm::DenseMap<mlir::Value, llvm::SmallVector<mlir::Value>>
      products; // of mma.sync
  llvm::DenseMap<mlir::Value, mlir::Value>
      registers; // of structures: wgmma's sums
};

} // namespace mpc

#endif // MPC_LIB_GPU_KERNELEMULATOR_H
