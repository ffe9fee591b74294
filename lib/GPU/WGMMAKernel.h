//===- WGMMAKernel.h - kernel.contract on Hopper's tensor cores -*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_GPU_WGMMAKERNEL_H
#define MPC_LIB_GPU_WGMMAKERNEL_H

#include "ContractKernel.h"

namespace mpc {

/// Rows of one wgmma.
inline constexpr int64_t kGroupRows = 64;

/// A kernel of wgmma, in which all threads copy, and multiply what they have
/// copied (LowerWGMMA.cpp).
class WGMMAKernel : public ContractKernel {
public:
  explicit WGMMAKernel(kernel::ContractOp op)
      : ContractKernel(op, kGroupRows) {}

protected:
  mlir::LogicalResult check() override;
  std::pair<int64_t, int64_t> getWeightsShape() const override {
    return {staging.stages * staging.depth, tiling.getColumns() * kv};
  }
  void locateWarp() override;
  void loadWeights(mlir::Value step, mlir::Value stage) override;
  mlir::SmallVector<mlir::Value> multiply(LoadStage load) override;

  /// Starts the instructions of stage `stage`, which add to `sums`, as a group.
  mlir::Value multiplyStage(mlir::Value stage, mlir::Value sums);
  /// All steps, from (step, sums) to sums; then waits for what they started.
  mlir::Value
  multiplySteps(llvm::function_ref<mlir::Value(mlir::Value, mlir::Value)> body);
  mlir::SmallVector<mlir::Value> getSums(mlir::Value sums);

private:
  mlir::Value createDescriptor(mlir::Value memref, mlir::Value offset,
                               int64_t leading, int64_t stride,
                               int64_t swizzle);

  mlir::Value groupRow; // of this thread's warpgroup, in the block's tile
};

} // namespace mpc

#endif // MPC_LIB_GPU_WGMMAKERNEL_H
