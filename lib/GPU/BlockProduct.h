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

#include "MMAKernel.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"

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

/// The product, in parts. The insertion point is in front of `op`.
class BlockProduct : public MMAKernel {
public:
  BlockProduct(kernel::ContractOp op, mlir::gpu::LaunchOp launch)
      : MMAKernel(op), launch(launch) {}
  /// All of it.
  mlir::LogicalResult run(mlir::Value stages);

protected:
  /// Checks the tile; says where the thread and the weights are.
  mlir::LogicalResult enter(mlir::Value stages);
  /// Where all rows of the input are, which the block copies to shared memory
  /// unless they are there.
  void bringInput();
  llvm::SmallVector<llvm::SmallVector<mlir::Value>>
  loadInputs(mlir::Value stage, int64_t k) override;
  /// The sums of a thread before the first step.
  llvm::SmallVector<mlir::Value> getFirstSums();

  mlir::gpu::LaunchOp launch;
  int64_t rows = 0; // of the block
  mlir::Value step; // along k, of what loadInputs reads

private:
  void copyInput();
  /// Zeros behind the ends of rows, where the last stage reads.
  void fillEnds();
  /// As many iterations, one after the other by the threads of the block.
  void forEach(int64_t count, llvm::function_ref<void(mlir::Value)> body);
  llvm::SmallVector<mlir::Value> getPosition(mlir::Value row,
                                             mlir::Value column);

  mlir::Value sharedRows; // all rows of the input, of any rank
};

/// Emits the product in front of `op`, inside of `launch`. The block copies the
/// rows of the input to shared memory, unless they are there. `stages`: memory
/// for the weights, one k block of 16 columns in each row.
mlir::LogicalResult emitBlockProduct(kernel::ContractOp op,
                                     mlir::gpu::LaunchOp launch,
                                     mlir::Value stages);

} // namespace mpc

#endif // MPC_LIB_GPU_BLOCKPRODUCT_H
