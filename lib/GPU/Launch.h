//===- Launch.h - making gpu.launch -----------------------------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_GPU_LAUNCH_H
#define MPC_LIB_GPU_LAUNCH_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mpc {

/// The module of all kernels.
inline constexpr llvm::StringLiteral kGPUModuleName = "gpu";

/// Threads of a warp, and of the four that multiply together with wgmma.
inline constexpr int64_t kWarp = 32, kWarpgroup = 4 * kWarp;

/// Most rows and columns of a window, a bit each, for blocks that stay.
inline constexpr int64_t kMostWindowSize = 15;

/// Bytes of an mbarrier.
inline constexpr int64_t kBarrierBytes = 8;

/// Discardable attribute of nvgpu.tma.create.descriptor: the kernel that takes
/// the map is right with any number of blocks, each of which takes tile after
/// tile. (Attributes of gpu.launch do not outlive outlining.)
inline constexpr llvm::StringLiteral kResidentAttrName = "mpc.resident";

/// Shared memory that a block of any chip has without asking for more.
inline constexpr int64_t kSharedBytes = 48 * 1024;

/// Most that a block of any chip has when its kernel asks for it (9.0: 227
/// KiB).
inline constexpr int64_t kMaxSharedBytes = 227 * 1024;

inline int64_t getSharedBytes(mlir::TypeRange types) {
  int64_t bytes = 0;
  for (mlir::Type type : types) {
    auto memref = mlir::cast<mlir::MemRefType>(type);
    bytes += memref.getNumElements() * memref.getElementTypeBitWidth() / 8;
  }
  return bytes;
}

/// Bytes of shared memory that the runtime has to ask for: those of `types`, or
/// 0 if every block has as much. PTX wants such memory to be one external array
/// (mpc-lower-shared-memory).
inline int64_t getDynamicSharedBytes(mlir::TypeRange types) {
  int64_t bytes = getSharedBytes(types);
  return bytes > kSharedBytes ? bytes : 0;
}

/// The space of memory that the threads of a block share.
inline mlir::gpu::AddressSpaceAttr getSharedSpace(mlir::MLIRContext *context) {
  return mlir::gpu::AddressSpaceAttr::get(context,
                                          mlir::gpu::AddressSpace::Workgroup);
}

inline bool isInShared(mlir::Value memref) {
  auto type = mlir::cast<mlir::MemRefType>(memref.getType());
  return type.getMemorySpace() == getSharedSpace(memref.getContext());
}

/// A launch of `blocks` blocks of `threads` threads, in one dimension, with an
/// empty body and memory that a block shares, `barrierBytes` of it for what
/// nvgpu.mbarrier.create makes; outlining makes it the kernel `name` of the
/// module of kernels.
inline mlir::gpu::LaunchOp createLaunch(mlir::ImplicitLocOpBuilder &b,
                                        llvm::StringRef name,
                                        mlir::Value blocks, int64_t threads,
                                        mlir::TypeRange shared = {},
                                        int64_t barrierBytes = 0) {
  mlir::Value one = mlir::arith::ConstantIndexOp::create(b, 1);
  mlir::Value size = mlir::arith::ConstantIndexOp::create(b, threads);
  auto symbol = [&](llvm::StringRef s) {
    return mlir::FlatSymbolRefAttr::get(b.getContext(), s);
  };
  mlir::Value dynamic;
  if (int64_t bytes = getDynamicSharedBytes(shared))
    dynamic = mlir::arith::ConstantIntOp::create(b, bytes + barrierBytes,
                                                 /*width=*/32);
  return mlir::gpu::LaunchOp::create(
      b, blocks, one, one, size, one, one, dynamic,
      /*asyncTokenType=*/nullptr, /*asyncDependencies=*/mlir::ValueRange(),
      /*workgroupAttributions=*/shared,
      /*privateAttributions=*/mlir::TypeRange(), nullptr, nullptr, nullptr,
      symbol(kGPUModuleName), symbol(name));
}

/// The same for a launch that has received more shared memory since.
inline void updateSharedMemory(mlir::ImplicitLocOpBuilder &b,
                               mlir::gpu::LaunchOp launch) {
  mlir::ValueRange memory = launch.getWorkgroupAttributions();
  if (int64_t bytes = getDynamicSharedBytes(memory.getTypes()))
    launch.getDynamicSharedMemorySizeMutable().assign(
        mlir::arith::ConstantIntOp::create(b, bytes, /*width=*/32));
}

} // namespace mpc

#endif // MPC_LIB_GPU_LAUNCH_H
