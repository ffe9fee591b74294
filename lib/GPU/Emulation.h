//===- Emulation.h - what the parts of the emulator share -------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_GPU_EMULATION_H
#define MPC_LIB_GPU_EMULATION_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/SymbolTable.h"
#include "llvm/ADT/DenseMap.h"

namespace mpc {

/// What a kernel does wrong: positions in its memref of i32 of faults, which
/// are 0 until then. Their sentences are in EmulateGPU.cpp.
enum class Fault {
  OutOfBounds,
  Unwritten,
  Pending,
  Race,
  Misaligned,
  Unfenced,
  Unfinished
};
inline constexpr int64_t kNumFaults = 7;

/// Emits that `fault` has occurred.
void reportFault(mlir::ImplicitLocOpBuilder &b, mlir::Value faults,
                 Fault fault);

/// A block's shared memory, whose state is the runtime's (runtime/emulator.h):
/// who has written which piece when, who has read it, and what is under way.
class SharedMemory {
public:
  /// Sees the kernel's workgroup attributions.
  explicit SharedMemory(mlir::gpu::GPUFuncOp kernel);

  struct Buffer {
    mlir::Value handle; // the runtime's
    /// Elements that are written and read together.
    int64_t unit = 0;
  };
  /// Null for memory that is not shared.
  const Buffer *lookup(mlir::Value memref) const {
    auto it = buffers.find(memref);
    return it == buffers.end() ? nullptr : &it->second;
  }
  /// The same; `memref` may be a view.
  const Buffer *lookupWhole(mlir::Value memref) const;
  /// Where an element stands in the buffer: `memref` may be a view.
  mlir::Value getPosition(mlir::ImplicitLocOpBuilder &b, mlir::Value memref,
                          mlir::ValueRange indices) const;

  /// A group of threads begins; `block` is the runtime's handle of its block,
  /// `thread` stands for the number of the thread that runs, `core` is that of
  /// the group's tensor core. Maps attributions to memory.
  void enter(mlir::ImplicitLocOpBuilder &b, mlir::SymbolTable &symbols,
             mlir::Value block, mlir::Value thread, mlir::Value core,
             mlir::IRMapping &memory);
  /// Values that belong to the function, not to the kernel.
  llvm::SmallVector<mlir::Value> getHandles() const;
  mlir::Value getBlock() const { return block; }

  /// All threads of the block meet.
  void emitBarrier(mlir::ImplicitLocOpBuilder &b) const;
  /// `width` elements from `first` on, both multiples of the unit or inside of
  /// one, are read or written.
  void emitRead(mlir::ImplicitLocOpBuilder &b, const Buffer &buffer,
                mlir::Value first, int64_t width, mlir::Value thread) const;
  void emitWrite(mlir::ImplicitLocOpBuilder &b, const Buffer &buffer,
                 mlir::Value first, int64_t width, bool isCopy) const;
  /// Of the copies of a thread: a group ends; all but `left` groups have come.
  void emitCommit(mlir::ImplicitLocOpBuilder &b) const;
  void emitWait(mlir::ImplicitLocOpBuilder &b, int64_t left) const;
  /// A thread makes what it knows to be written known to wgmma and TMA.
  void emitFence(mlir::ImplicitLocOpBuilder &b) const;
  /// Of wgmma, for all threads: one is started, a group ends, all but `left`
  /// groups are waited for, and sums are used.
  void emitOpen(mlir::ImplicitLocOpBuilder &b) const;
  void emitCommitWGMMA(mlir::ImplicitLocOpBuilder &b) const;
  void emitWaitWGMMA(mlir::ImplicitLocOpBuilder &b, int64_t left) const;
  void emitFinish(mlir::ImplicitLocOpBuilder &b) const;

private:
  /// A function of the runtime; before its operands the block. Nothing where
  /// there is no block.
  void call(mlir::ImplicitLocOpBuilder &b, llvm::StringRef name,
            mlir::ValueRange operands) const;
  void touch(mlir::ImplicitLocOpBuilder &b, llvm::StringRef name,
             const Buffer &buffer, mlir::Value first, int64_t width,
             llvm::ArrayRef<mlir::Value> operands) const;

  llvm::DenseMap<mlir::Value, Buffer> buffers;
  llvm::SmallVector<mlir::Value> order; // of attributions
  mlir::SymbolTable *symbols = nullptr;
  mlir::Value block, thread, core;
};

/// A function of the runtime whose operands, and result if there is one, are of
/// type index; and a call of it, which returns the result or nothing.
void declareRuntime(mlir::SymbolTable &symbols, llvm::StringRef name,
                    size_t numOperands, bool hasResult = false);
mlir::Value callRuntime(mlir::ImplicitLocOpBuilder &b,
                        mlir::SymbolTable &symbols, llvm::StringRef name,
                        mlir::ValueRange operands, bool hasResult = false);

/// The address of a memref's first element.
mlir::Value getAddress(mlir::ImplicitLocOpBuilder &b, mlir::Value memref);

/// The buffer of numbers that stands for a tensor map (MPC_RT_MAP_* of
/// runtime/emulator.h).
mlir::MemRefType getTensorMapType(mlir::MLIRContext *context);

/// Makes that buffer. Fails for maps that are not tiled with zeros outside.
mlir::LogicalResult
lowerTensorMap(mlir::nvgpu::TmaCreateDescriptorOp descriptor);

/// The position of an element in a memref of static strides, or null; and
/// whether all indices are inside, with `width` elements along the last one.
mlir::Value getPosition(mlir::ImplicitLocOpBuilder &b, mlir::Value memref,
                        mlir::ValueRange indices);
mlir::Value isInside(mlir::ImplicitLocOpBuilder &b, mlir::Value memref,
                     mlir::ValueRange indices, mlir::Value width);
/// Emits a fault where `position` in `memref` is no multiple of `bytes`.
void checkAlignment(mlir::ImplicitLocOpBuilder &b, mlir::Value memref,
                    mlir::Value position, int64_t bytes, mlir::Value faults);

/// Guards every load, store and copy of `body`: outside of its memref it reads
/// zero or does nothing, and is noted in `faults`. Copies are done at once, but
/// `shared` knows them to be under way.
mlir::LogicalResult instrumentKernel(mlir::Region &body, mlir::Value faults,
                                     const SharedMemory &shared);

/// The function that computes `mma` for one warp from the registers of its
/// lanes: memrefs of one element per thread for A, B, C and D in this order,
/// and the number of the warp's first thread. Null, with an error, for shapes
/// other than m16n8 with 256 bits of k.
mlir::func::FuncOp getMMAFunction(mlir::NVVM::MmaOp mma,
                                  mlir::SymbolTable &symbols);

/// The function that computes `wgmma` for one warpgroup: of each operand the
/// memory, the runtime's handle and unit, then its handle of the block, faults,
/// both descriptors, the sums (threads × registers), the first thread and the
/// columns. Null, with an error, for shapes other than m64nN with 32 bytes of
/// k, k innermost.
mlir::func::FuncOp getWGMMAFunction(mlir::NVVM::WgmmaMmaAsyncOp wgmma,
                                    mlir::SymbolTable &symbols);

/// The one memref that a descriptor is computed from the address of, or null.
mlir::Value getDescribedBuffer(mlir::Value descriptor);

/// One element of structures, threads × elements: a memref of one per thread.
mlir::Value getColumn(mlir::ImplicitLocOpBuilder &b, mlir::Value buffer,
                      int64_t column);
void fillWithZeros(mlir::ImplicitLocOpBuilder &b, mlir::Value buffer);

} // namespace mpc

#endif // MPC_LIB_GPU_EMULATION_H
