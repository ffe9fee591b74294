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

/// Shared memory that a block of any chip has without asking for more.
inline constexpr int64_t kSharedBytes = 48 * 1024;

/// A launch of `blocks` blocks of `threads` threads, in one dimension, with an
/// empty body and memory that a block shares; outlining makes it the kernel
/// `name` of the module of kernels.
inline mlir::gpu::LaunchOp createLaunch(mlir::ImplicitLocOpBuilder &b,
                                        llvm::StringRef name,
                                        mlir::Value blocks, int64_t threads,
                                        mlir::TypeRange shared = {}) {
  mlir::Value one = mlir::arith::ConstantIndexOp::create(b, 1);
  mlir::Value size = mlir::arith::ConstantIndexOp::create(b, threads);
  auto symbol = [&](llvm::StringRef s) {
    return mlir::FlatSymbolRefAttr::get(b.getContext(), s);
  };
  return mlir::gpu::LaunchOp::create(
      b, blocks, one, one, size, one, one, /*dynamicSharedMemorySize=*/nullptr,
      /*asyncTokenType=*/nullptr, /*asyncDependencies=*/mlir::ValueRange(),
      /*workgroupAttributions=*/shared,
      /*privateAttributions=*/mlir::TypeRange(), nullptr, nullptr, nullptr,
      symbol(kGPUModuleName), symbol(name));
}

} // namespace mpc

#endif // MPC_LIB_GPU_LAUNCH_H
