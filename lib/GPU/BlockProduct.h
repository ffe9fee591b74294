//===- BlockProduct.h - a contraction inside of a kernel --------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One of the products that a block of threads computes for its rows, as in
// attention. The rows of the input are all in shared memory; the weights come
// in stages, for some columns after the others.
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_GPU_BLOCKPRODUCT_H
#define MPC_LIB_GPU_BLOCKPRODUCT_H

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mpc/Codegen/Staging.h"
#include "mpc/Dialect/Kernel/KernelDialect.h"

namespace mpc {

/// Threads of a block that runs several operations for its rows.
inline constexpr int64_t kRowsBlockSize = 128;

/// The tile of a contraction with `mma` in a block of `rows` rows.
struct BlockTile {
  int64_t columns;
  Staging staging;
};
BlockTile getBlockTile(kernel::ContractOp op, int64_t rows);

/// Shared memory for the stages of its weights.
int64_t getStageBytes(kernel::ContractOp op, const BlockTile &tile);

/// From one row of shared memory to the next, where rows have `bytes`: what
/// all of them need to be read with ldmatrix to the end of the last stage, and
/// eight of them to be in different banks.
int64_t getRowPitch(int64_t bytes);

/// Emits the product in front of `op`, inside of `launch`. The block copies the
/// rows of the input to shared memory, unless they are there. `stages`: memory
/// for the weights, one k block of 16 columns in each row.
mlir::LogicalResult emitBlockProduct(kernel::ContractOp op,
                                     mlir::gpu::LaunchOp launch,
                                     mlir::Value stages);

} // namespace mpc

#endif // MPC_LIB_GPU_BLOCKPRODUCT_H
