//===- ContractKernel.h - kernel.contract as a GPU kernel -------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What kernels of contractions on tensor cores have in common: where a block's
// tile lies, how rows of the input come to shared memory, and what is done with
// the sums. How weights come there and how both are multiplied is the matter of
// LowerMMA.cpp and LowerWGMMA.cpp.
//
// A stage holds rows of `depth` blocks of kv values, in chunks of 16 bytes.
// They stand where the chunk's number xor some bits of the row's says, so that
// what reads one chunk of eight rows at once (ldmatrix, wgmma) finds all of
// them in different banks. It is the swizzle of 32, 64 or 128 bytes that wgmma
// knows.
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_GPU_CONTRACTKERNEL_H
#define MPC_LIB_GPU_CONTRACTKERNEL_H

#include "Launch.h"
#include "mpc/Codegen/OutputTile.h"
#include "mpc/Codegen/Staging.h"
#include <memory>
#include <optional>

namespace mpc {

/// What cp.async copies, and ldmatrix and wgmma read at once, in bytes.
inline constexpr int64_t kChunkBytes = 16;

/// Columns of a fragment of sums, those of four of a thread.
inline constexpr int64_t kColumns = 8;

/// Lowers one kernel.contract on memrefs.
class ContractKernel {
public:
  virtual ~ContractKernel() = default;
  mlir::LogicalResult run(llvm::StringRef name);

protected:
  /// `tileRows`: how far apart the rows of a thread's tiles of sums are.
  ContractKernel(kernel::ContractOp op, int64_t tileRows);

  /// A row of the output that a thread reads the input of.
  struct Row {
    mlir::Value number, isValid;
    std::optional<WindowRow> place;
  };
  /// A position along k: a block of kv values of a tap.
  struct Position {
    mlir::Value block, tap, inTap, isValid;
  };
  using LoadStage = llvm::function_ref<void(mlir::Value, mlir::Value)>;

  //===--------------------------------------------------------------------===//
  // The part of an instruction
  //===--------------------------------------------------------------------===//

  /// Whether op and staging fit. Sets `threads` and `fragments`.
  virtual mlir::LogicalResult check() = 0;
  /// Rows and columns of the weights' shared memory.
  virtual std::pair<int64_t, int64_t> getWeightsShape() const = 0;
  /// Sets `warpRow` and `warpColumn`.
  virtual void locateWarp() = 0;
  virtual void loadWeights(mlir::Value step, mlir::Value stage) = 0;
  /// All steps. `load` starts the copies of a step into a stage. Returns the
  /// thread's sums: of each tile of rows, of each 8 columns, four: row g,
  /// columns 2t and 2t + 1, and the same of row g + 8.
  virtual mlir::SmallVector<mlir::Value> multiply(LoadStage load) = 0;
  /// All that a block does. `tiles`: how many there are, slices counted.
  virtual void emitBlock(mlir::gpu::LaunchOp launch, mlir::Value tiles);
  /// Blocks of the launch.
  virtual mlir::Value getGrid(mlir::Value tiles) { return tiles; }
  /// Row and column, in tiles, of tile `tile` of one slice.
  virtual std::pair<mlir::Value, mlir::Value> orderTile(mlir::Value tile) {
    return {divide(tile, getTileColumns()), remainder(tile, getTileColumns())};
  }
  int64_t getTileColumns() const {
    return llvm::divideCeilSigned(channels, tiling.getColumns());
  }
  /// Shared memory next to the operands'.
  virtual int64_t getBarrierBytes() const { return 0; }

  //===--------------------------------------------------------------------===//
  // Helpers
  //===--------------------------------------------------------------------===//

  mlir::Value constant(int64_t value) { return indexConstant(b, value); }
  mlir::Value divide(mlir::Value value, int64_t by) {
    return b.createOrFold<mlir::arith::DivUIOp>(value, constant(by));
  }
  mlir::Value remainder(mlir::Value value, int64_t by) {
    return b.createOrFold<mlir::arith::RemUIOp>(value, constant(by));
  }
  mlir::Value exclusiveOr(mlir::Value lhs, mlir::Value rhs) {
    return b.createOrFold<mlir::arith::XOrIOp>(lhs, rhs);
  }
  mlir::Value isBelow(mlir::Value value, mlir::Value bound) {
    return mlir::arith::CmpIOp::create(b, mlir::arith::CmpIPredicate::ult,
                                       value, bound);
  }
  mlir::Value both(mlir::Value lhs, mlir::Value rhs) {
    if (!lhs || !rhs)
      return lhs ? lhs : rhs;
    return mlir::arith::AndIOp::create(b, lhs, rhs);
  }
  /// What a null condition stands for: `then`, without a branch.
  void emitIf(mlir::Value condition, llvm::function_ref<void()> then,
              llvm::function_ref<void()> otherwise = nullptr);
  /// Copies to shared memory; zeros where `isValid` does not hold.
  void copy(mlir::Value source, mlir::ValueRange from, mlir::Value target,
            mlir::ValueRange to, int64_t count, mlir::Value isValid);
  /// Chunk `chunk` of row `row` of a stage of the input stands here.
  mlir::Value swizzle(mlir::Value chunk, mlir::Value row) {
    int64_t chunks = staging.depth / chunkBlocks;
    return exclusiveOr(chunk, remainder(divide(row, 8 / chunks), chunks));
  }
  /// Bytes of k that a stage has of each row.
  int64_t getStageBytes() const { return staging.depth * blockBytes; }
  /// What follows from `threads` and the types. An error if stages exceed
  /// shared memory, or there are fewer than `least` and than steps.
  mlir::LogicalResult initialize(int64_t least);
  /// Sets where tile `tile` of the output lies, and its slice of k.
  void locateTile(mlir::Value tile);
  /// The row of `weights` that has panel `panel` of the block's tile, and
  /// whether block `block` of it exists (null: always).
  std::pair<mlir::Value, mlir::Value> getPanel(mlir::Value panel,
                                               mlir::Value block);
  /// Starts the copies of the first `ahead` of `count` steps, a group of each.
  void startFirstSteps(int64_t ahead, int64_t count, LoadStage load);
  /// Starts those of the step `ahead` of `step`, as a group.
  void startStep(mlir::Value step, int64_t ahead, int64_t count,
                 LoadStage load);
  /// Vectors from `op` on in its block stand end to end in rows of a whole
  /// number of them: they are as aligned as they are long.
  static void alignAccesses(mlir::Operation *op);
  /// The epilogue of a thread's sums.
  void store(mlir::ValueRange sums);
  Row getRow(mlir::Value number);
  Position getPosition(mlir::Value block);
  /// What is read outside of the picture.
  mlir::Value getPad();
  /// The numbers of the thread; `thread` is known.
  void locateThread();

  kernel::ContractOp op;
  mlir::ImplicitLocOpBuilder b;
  kernel::TilingAttr tiling;
  Staging staging;
  kernel::WindowAttr window;
  mlir::MemRefType inputType, weightsType, outType;
  OutputWriter writer;
  mlir::Type element;
  mlir::Value input, weights, sharedInput, sharedWeights;
  mlir::Value thread, lane, g, t, warpRow, warpColumn; // of this thread
  mlir::Value row0, column0, limit, slice, step0;      // of this tile
  mlir::Value workspace; // sums of slices × rows × channels, or null
  mlir::Value panel0;    // the product's first panel, null if all share weights
  int64_t kv, channels, depth, panels, blockBytes, chunkBlocks, tileRows;
  int64_t numTaps, tapBlocks; // of the weights; gathered ones have one tap
  int64_t threads = 0, totalBlocks = 0, steps = 0;
  int64_t unitBlocks = 0; // what a thread copies at once of the input
  int64_t fragments = 0;  // whose sums a thread has as neighbouring channels
  bool isRagged = false;  // k ends before the last step does

private:
  /// Number of the input's row, and whether it lies inside of the picture.
  std::pair<mlir::Value, mlir::Value> getPixel(const Row &row, mlir::Value tap);
  /// `rows` are those of the passes, or empty.
  void loadInput(mlir::Value step, mlir::Value stage, llvm::ArrayRef<Row> rows);
  void loadInput(const Row &row, const Position &position,
                 llvm::ArrayRef<mlir::Value> target);
  void gatherInput(const Row &row, const Position &position,
                   llvm::ArrayRef<mlir::Value> target);
  void addSlices();
  mlir::Value getTiles();
  int64_t getInputPasses() {
    int64_t perPass = threads / (staging.depth / unitBlocks);
    return llvm::divideCeilSigned(tiling.getRows(), perPass);
  }
};

/// Kernels of mma.sync and of wgmma, the latter also with blocks that stay.
std::unique_ptr<ContractKernel> createMMAKernel(kernel::ContractOp op);
std::unique_ptr<ContractKernel> createWGMMAKernel(kernel::ContractOp op);
std::unique_ptr<ContractKernel> createTMAKernel(kernel::ContractOp op);

} // namespace mpc

#endif // MPC_LIB_GPU_CONTRACTKERNEL_H
