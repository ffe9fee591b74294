//===- MMAKernel.h - contractions with mma.sync -----------------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_GPU_MMAKERNEL_H
#define MPC_LIB_GPU_MMAKERNEL_H

#include "ContractKernel.h"

namespace mpc {

/// A contraction with mma.sync (LowerMMA.cpp).
class MMAKernel : public ContractKernel {
public:
  explicit MMAKernel(kernel::ContractOp op) : ContractKernel(op, kRows) {}

protected:
  /// Rows of mma.sync, and blocks of kv values along k that it reads.
  static constexpr int64_t kRows = 16, kBlocks = 8;

  mlir::LogicalResult check() override;
  /// The part of it that any types of operands have. `most`: fragments whose
  /// sums a thread may have as neighbouring channels.
  mlir::LogicalResult checkStaging(int64_t most);
  std::pair<int64_t, int64_t> getWeightsShape() const override {
    return {staging.stages * panels * staging.depth, kernel::kPanelWidth * kv};
  }
  void locateWarp() override;
  void loadWeights(mlir::Value step, mlir::Value stage) override;
  mlir::SmallVector<mlir::Value> multiply(LoadStage load) override;
  /// One stage, added to `sums`: of each 16 rows, of each 8 columns, four.
  virtual mlir::SmallVector<mlir::Value> multiplyStage(mlir::Value stage,
                                                       mlir::ValueRange sums);
  /// The registers of the input for instruction `k` of a stage, for each 16
  /// rows of the warp.
  virtual mlir::SmallVector<mlir::SmallVector<mlir::Value>>
  loadInputs(mlir::Value stage, int64_t k);
  /// The k block, of a step, that a stage has as its block `inStage`: the
  /// same, unless the input's registers have them in another order.
  virtual mlir::Value getBlock(mlir::Value inStage) { return inStage; }
  /// As operands of mma.sync are typed: part `index` of `vector`.
  mlir::Value toRegister(mlir::Value vector, int64_t index);
  /// Those of one such tile; `position` is of this lane's chunk.
  mlir::SmallVector<mlir::Value> loadMatrices(mlir::Value memory,
                                              mlir::ValueRange position);
  /// One instruction.
  mlir::SmallVector<mlir::Value>
  multiply(mlir::ValueRange a, mlir::ValueRange w, mlir::ValueRange c);
};

/// One with weights in blocks (LowerMMABlocks.cpp).
std::unique_ptr<ContractKernel> createBlocksMMAKernel(kernel::ContractOp op);

} // namespace mpc

#endif // MPC_LIB_GPU_MMAKERNEL_H
