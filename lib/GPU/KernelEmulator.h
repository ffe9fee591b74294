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
/// lo, hi), over threads; or, where threads of a block meet, (..., block,
/// group) for a group of its threads, which the runtime runs as a fiber.
class KernelEmulator {
public:
  KernelEmulator(mlir::gpu::GPUFuncOp kernel, int64_t threads,
                 mlir::SymbolTable &symbols)
      : kernel(kernel), threads(threads), blockThreads(threads),
        symbols(symbols), b(kernel.getLoc(), kernel.getContext()),
        shared(kernel) {}

  /// Null after an error.
  mlir::func::FuncOp emit(llvm::StringRef name);
  /// Bytes of what threads keep from one meeting to the next.
  int64_t getStackBytes() const { return stackBytes; }
  bool isPerBlock = false;
  /// Warpgroups go their own ways: each is a group. Else the whole block is.
  bool isPerGroup = false;

private:
  /// What a thread's loop sees of values that are the same for a whole block.
  mlir::Value constant(int64_t value) {
    return mlir::arith::ConstantIndexOp::create(b, value);
  }
  void replaceTypes();
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
  mlir::LogicalResult emitShuffle(mlir::gpu::ShuffleOp op);
  mlir::LogicalResult emitWGMMA(mlir::NVVM::WgmmaMmaAsyncOp op);
  /// The registers of a structure, threads × elements; made, if there are none.
  mlir::Value getRegisters(mlir::Value value);
  mlir::LogicalResult emitFor(mlir::scf::ForOp op);
  mlir::LogicalResult emitIf(mlir::scf::IfOp op);
  bool mapId(mlir::Operation *op, mlir::Value block, mlir::Value thread,
             mlir::IRMapping &mapping);
  bool isUniform(mlir::Operation *op);
  // EmulateGroups.cpp
  mlir::LogicalResult findGroups();
  mlir::LogicalResult enterGroup(mlir::Value group);
  mlir::LogicalResult lowerGroupOps();
  mlir::LogicalResult lowerBoxLoad(mlir::nvgpu::TmaAsyncLoadOp load);
  mlir::LogicalResult
  lowerCopyArrival(mlir::NVVM::CpAsyncMBarrierArriveOp arrive);
  /// Replaces `op`, of the mbarrier `index` of `group`, by a call.
  mlir::LogicalResult callMBarrier(mlir::Operation *op, llvm::StringRef name,
                                   mlir::Value group, mlir::Value index,
                                   mlir::ValueRange operands,
                                   mlir::Value predicate = {});
  mlir::LogicalResult emitGroupMeeting(mlir::Operation *op);
  mlir::LogicalResult emitMaskedIf(mlir::scf::IfOp branch);
  /// The value of all active threads.
  mlir::Value agree(mlir::Value value);
  mlir::Value getMask();

  /// `arrays` of the iteration arguments receive `values`, thread by thread.
  mlir::LogicalResult assign(mlir::ValueRange arguments,
                             mlir::ValueRange values);

  mlir::gpu::GPUFuncOp kernel;
  int64_t threads; // of a group
  int64_t blockThreads;
  mlir::SymbolTable &symbols;
  mlir::ImplicitLocOpBuilder b;
  SharedMemory shared;
  mlir::func::FuncOp function;
  mlir::Value blocks, block, faults;
  /// The number of a thread, where threads meet: known in each of their loops.
  mlir::Value threadId;
  /// The runtime's handle of the block; of warpgroups the number of the first
  /// thread, and for each thread whether it is active, if that is not all.
  mlir::Value handle, firstThread, mask;
  /// The first mbarrier of each group of them, and how many there are.
  llvm::DenseMap<mlir::Value, int64_t> mbarriers;
  int64_t numMBarriers = 0;
  int64_t stackBytes = 0;
  /// Values that are the same for all threads of a block.
  mlir::IRMapping uniform;
  /// Values that outlive a piece: memrefs with one element per thread.
  llvm::DenseMap<mlir::Value, mlir::Value> arrays;
  llvm::DenseMap<mlir::Value, llvm::SmallVector<mlir::Value>>
      products; // of mma.sync
  llvm::DenseMap<mlir::Value, mlir::Value>
      registers; // of structures: wgmma's sums
};

/// Whether `op` belongs to kernels whose warpgroups go their own ways.
bool isGroupOp(mlir::Operation *op);

/// Functions of the runtime: the one that runs warpgroups, and a wait.
inline constexpr llvm::StringLiteral kEmulateGroupsName =
    "mpc_rt_emulate_groups";
inline constexpr llvm::StringLiteral kTryWaitName = "mpc_rt_emulated_try_wait";

/// Pieces of shared memory (`buffers` of runtime/emulator.h).
inline constexpr unsigned kMaxBuffers = 16;

} // namespace mpc

#endif // MPC_LIB_GPU_KERNELEMULATOR_H
