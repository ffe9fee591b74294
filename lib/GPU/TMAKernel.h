//===- TMAKernel.h - wgmma with warps that only copy ------------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_GPU_TMAKERNEL_H
#define MPC_LIB_GPU_TMAKERNEL_H

#include "WGMMAKernel.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"

namespace mpc {

/// A kernel of wgmma whose blocks stay, and of whose warps some only copy
/// (LowerTMA.cpp). Weights come by TMA; how the rows of the input do is the
/// matter of derived classes.
class TMAKernel : public WGMMAKernel {
public:
  using WGMMAKernel::WGMMAKernel;

protected:
  using CopyStep = llvm::function_ref<void(mlir::Value, mlir::Value)>;

  mlir::LogicalResult check() override;

  //===--------------------------------------------------------------------===//
  // The part of the input
  //===--------------------------------------------------------------------===//

  /// In front of the launch: that of the weights.
  virtual void createMaps();
  /// How often somebody arrives at `full` for each stage.
  virtual int64_t countArrivals() const = 0;
  /// Of a thread that copies, where it gives some away: 8 more than a multiple
  /// of 16, and those that multiply have a multiple of 8, too.
  virtual uint32_t countCopierRegisters() const = 0;
  /// What the warps that copy do.
  virtual void copyTiles() = 0;
  /// They begin a tile, which is located.
  virtual void beginTile() {}
  /// What those that multiply do with a stage that has come.
  virtual void receive() {}

  //===--------------------------------------------------------------------===//
  // Helpers
  //===--------------------------------------------------------------------===//

  /// The map of `tensor`, of which a box becomes `shape` in shared memory.
  mlir::Value createMap(mlir::Value tensor, llvm::ArrayRef<int64_t> shape,
                        mlir::nvgpu::TensorMapSwizzleKind swizzle);
  /// Whether the thread is the first one of those that copy.
  mlir::Value isFirstCopier() {
    return mlir::arith::CmpIOp::create(b, mlir::arith::CmpIPredicate::eq,
                                       thread, constant(groups * kWarpgroup));
  }
  /// All steps of all tiles: `copy` receives a slot that is free and the first
  /// k block that belongs there.
  void copySteps(CopyStep copy);
  /// Arrives at `full` for what TMA brings: the bytes of `rows` rows.
  void expectBytes(mlir::Value slot, int64_t rows);
  /// TMA copies a box to `stage` of `shared`.
  void loadBox(mlir::Value map, mlir::ValueRange coordinates,
               mlir::Value shared, mlir::Value stage, mlir::Value slot);
  void loadWeightsBox(mlir::Value slot, mlir::Value firstBlock);

  int64_t groups = 0; // of warps that multiply
  mlir::Value full, empty;

private:
  void emitBlock(mlir::gpu::LaunchOp launch, mlir::Value tiles) override;
  mlir::Value getGrid(mlir::Value tiles) override {
    return mlir::arith::MinUIOp::create(b, tiles, constant(staging.resident));
  }
  std::pair<mlir::Value, mlir::Value> orderTile(mlir::Value tile) override;
  int64_t getBarrierBytes() const override {
    return 2 * staging.stages * kBarrierBytes;
  }

  void createBarriers();
  /// A loop over the block's tiles; `body` receives the number of the first
  /// step.
  void forEachTile(llvm::function_ref<void(mlir::Value)> body);
  void multiplyTiles();
  /// Waits for the phase of `barriers` that ends when step `number` is there,
  /// or, `before`, for the one before.
  void wait(mlir::Value barriers, mlir::Value number, bool before);
  /// This thread's warp has read the stage of step `number`, if `condition`.
  void release(mlir::Value number, mlir::Value condition);
  mlir::Value getSlot(mlir::Value number) {
    return remainder(number, staging.stages);
  }

  mlir::Value block, grid, tiles, weightsMap, isFirstLane;
};

/// With windows (LowerTMAWindows.cpp).
std::unique_ptr<ContractKernel> createTMAWindowKernel(kernel::ContractOp op);

} // namespace mpc

#endif // MPC_LIB_GPU_TMAKERNEL_H
