//===- ContractLowering.h - kernel.contract to loops over tiles -*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_CODEGEN_CONTRACTLOWERING_H
#define MPC_LIB_CODEGEN_CONTRACTLOWERING_H

#include "DelayedTiles.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mpc/Codegen/ContractionInfo.h"
#include "mpc/Codegen/OutputTile.h"

namespace mpc {

/// Input bytes of a block of rows: half of a small level-2 cache, the other
/// half is for weights.
inline constexpr int64_t kBlockBytes = 128 * 1024;

/// Lowers one kernel.contract on memrefs.
class ContractLowering {
public:
  ContractLowering(kernel::ContractOp op, const TargetDescription &target);

  void run();

private:
  bool clampsRows() const { return minRows >= rows; }
  /// Whether rows of 16 bits are widened before the tiles of several groups of
  /// panels read them, each anew.
  bool widensRows() const {
    return tiling.getIntrinsic() == kernel::Intrinsic::fma &&
           tiling.getKv() == 1 && inputType.getElementTypeBitWidth() == 16 &&
           !window && !tiling.getGather() && allPanels > panels &&
           rows * depth * 4 <= kBlockBytes;
  }
  /// Whether tiles read rows from a copy with 16 of them side by side. Inside
  /// of a loop over rows there is no place for one.
  bool interleavesRows() const {
    return tiling.getInterleave() && isStatic && !window &&
           mlir::isa<mlir::FunctionOpInterface>(op->getParentOp());
  }
  /// Whether sums are in tile registers.
  bool usesTiles() const {
    return kernel::usesTileRegisters(tiling.getIntrinsic());
  }
  int64_t fullGroups() const {
    return channels / (panels * kernel::kPanelWidth);
  }
  int64_t restColumns() const {
    return channels % (panels * kernel::kPanelWidth);
  }
  /// How many k blocks before a tile multiplies weights it asks for them.
  int64_t getPrefetch();
  bool blocksColumns(int64_t blockTiles) const;
  int64_t chooseBlockTiles() const;

  /// Rows [begin, end), all panels.
  void emitBlock(mlir::Value begin, mlir::Value end);
  void emitBatches(int64_t blockRows);
  void allocateBuffers(int64_t blockRows);
  /// Widens the rows that the tiles of [begin, end) read.
  void emitWidening(mlir::Value begin, mlir::Value end);
  void emitInterleaving();
  /// Row `row0` + `r` of the input, or of its copy.
  mlir::Value getRow(mlir::Value row0, int64_t r);
  /// All tiles of rows [begin, end) and of one group of panels.
  void emitRows(mlir::Value begin, mlir::Value end, mlir::Value panel,
                int64_t count, int64_t lastWidth);
  /// Calls `emitRow0` for the first row of each tile, with its height.
  void forEachTile(mlir::Value begin, mlir::Value end,
                   mlir::function_ref<void(mlir::Value, int64_t)> body);
  /// The group of panels that starts at `panel`; the last of its `count` panels
  /// stores `lastWidth` columns.
  void emitTile(mlir::Value row0, int64_t height, mlir::Value panel,
                int64_t count, int64_t lastWidth);
  /// The epilogue of all of a tile, straight from registers.
  void storeTile(mlir::ArrayRef<mlir::Value> accumulators, mlir::Value row0,
                 mlir::Value panel, int64_t count, int64_t lastWidth);
  void emitGroups(mlir::function_ref<void(mlir::Value, int64_t, int64_t)> body);
  /// A tile by tile registers, but for its epilogue.
  void multiplyTiles(mlir::Value row0, int64_t height, mlir::Value panel,
                     int64_t count, int64_t lastWidth);
  /// The epilogue of the last such tile.
  void flushTiles(int64_t count, int64_t lastWidth);
  /// The epilogue of sums in a buffer.
  void storeSums(mlir::Value sums, mlir::Value row0, int64_t height,
                 mlir::Value panel, int64_t count, int64_t lastWidth);
  void releaseTiles();
  mlir::SmallVector<mlir::Value> accumulate(mlir::Value row0, int64_t height,
                                            mlir::Value panel, int64_t count,
                                            int64_t lastWidth);
  using Multiply = mlir::function_ref<mlir::SmallVector<mlir::Value>(
      mlir::ValueRange rows, mlir::ValueRange init)>;
  /// The sums over the taps of a window.
  mlir::SmallVector<mlir::Value> accumulateTaps(
      mlir::Value row0, int64_t height, mlir::ArrayRef<mlir::Value> init,
      mlir::function_ref<mlir::SmallVector<mlir::Value>(
          mlir::ValueRange rows, mlir::Value tap, mlir::ValueRange init)>
          multiply);
  /// Whether a row of the window, pixels and their channels, is a run of the
  /// input that tiles can read in place. Sums in f16 would end with each.
  bool hasRuns() {
    if (!copiesRuns() || op.getBlocksAttr() || usesTiles() ||
        tiling.getIntrinsic() == kernel::Intrinsic::vfmaddph)
      return false;
    int64_t run = window.getRowTaps() * inputType.getShape().back();
    return depth == window.getNumRows() * run && run % tiling.getKv() == 0;
  }
  /// Whether pixels of one row of the window lie side by side in the input.
  bool copiesRuns() { return flatInput && window.getRowDilation() == 1; }
  /// Whether the tile's windows read in place, in runs a fixed distance apart:
  /// they are inside of the input, and in one row of output pixels.
  mlir::Value readsRuns(mlir::Value row0, int64_t height);
  /// The sums over the rows of the windows of such a tile.
  mlir::SmallVector<mlir::Value> accumulateRuns(
      mlir::Value row0, int64_t height, mlir::ArrayRef<mlir::Value> init,
      mlir::function_ref<mlir::SmallVector<mlir::Value>(
          mlir::ValueRange rows, mlir::Value run, mlir::ValueRange init)>
          multiply);
  /// The packed weights with a tap for each run.
  mlir::Value splitIntoRuns(mlir::Value weights);
  /// `multiply` for the rows of which column kw of the window is inside of the
  /// input, as far as they are all but the first or all but the last one.
  mlir::SmallVector<mlir::Value>
  multiplyInside(mlir::ArrayRef<WindowRow> places, mlir::Value kw,
                 mlir::ValueRange rows, mlir::ValueRange init,
                 Multiply multiply);
  /// Copies the rows of a tile, unless it reads them in place.
  void emitGather(mlir::Value row0, int64_t height);
  void emitGatherRows(mlir::Value row0, int64_t height);
  /// The same for a tile whose windows are runs a fixed distance apart.
  void emitGatherRuns(mlir::Value row0, int64_t height);
  /// Zeros behind row `r` of the buffer, up to a whole k block.
  void emitGatherRest(mlir::Value r);
  /// The window of output row `row`, into row `r` of the buffer.
  void emitGatherWindow(mlir::Value row, mlir::Value r);
  void emitCopy(mlir::Value source, mlir::Value row, mlir::Value column,
                int64_t size);

  kernel::ContractOp op;
  mlir::ImplicitLocOpBuilder b;
  kernel::TilingAttr tiling;
  mlir::MemRefType inputType, weightsType, outType;
  OutputWriter writer;
  /// Set if rows are not plainly those of the input.
  kernel::WindowAttr window;
  /// Collapsed input, pad row; where the output rows of one matrix of weights
  /// end, and its first panel; scratch memory.
  mlir::Value input, pad, totalRows, firstPanel, sums, gathered;
  std::optional<DelayedTiles> tiles;
  /// Rows as f32, from row `widenedBegin` of the input on.
  mlir::Value widened, widenedBegin;
  /// Panels of 16 rows of the input: panel × k × row.
  mlir::Value interleaved;
  /// For gathering from a contiguous input: the input in one dimension, pad
  /// values for a window's row.
  mlir::Value flatInput, padRun;
  /// Whether products with padding are zero.
  bool padsZero = false;
  const TargetDescription &target;
  int64_t vectorBits, channels, allPanels, panels, taps, depth, minRows, rows;
  bool isStatic;
  /// Nanoseconds of a row of output.
  double rowCost;
};

} // namespace mpc

#endif // MPC_LIB_CODEGEN_CONTRACTLOWERING_H
