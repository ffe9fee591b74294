//===- OutputTile.h - what lowering kernel ops to loops shares --*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_CODEGEN_OUTPUTTILE_H
#define MPC_CODEGEN_OUTPUTTILE_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mpc/Codegen/TargetDescription.h"
#include "mpc/Codegen/Variants.h"
#include "mpc/Dialect/Kernel/KernelDialect.h"

namespace mpc {

/// On an scf.forall over rows: the threads that share one row, which divide the
/// loops inside among them. mpc-fuse-rows decides, mpc-map-to-gpu applies.
inline constexpr llvm::StringLiteral kRowThreadsAttrName = "kernel.row_threads";

/// On a gpu.launch whose blocks of so many threads run one operation after the
/// other for some rows (mpc-lower-gpu-chains): loops inside are divided among
/// the threads.
inline constexpr llvm::StringLiteral kBlockThreadsAttrName =
    "kernel.block_threads";

/// Memory for intermediate results of the rows that threads of a GPU share, and
/// the threads that add up a row.
inline constexpr int64_t kRowsSharedBytes = 40 * 1024, kSumThreads = 16;

/// Index arithmetic that folds constants.
mlir::Value indexConstant(mlir::ImplicitLocOpBuilder &b, int64_t value);
mlir::Value add(mlir::ImplicitLocOpBuilder &b, mlir::Value lhs, int64_t rhs);
mlir::Value add(mlir::ImplicitLocOpBuilder &b, mlir::Value lhs,
                mlir::Value rhs);
mlir::Value mul(mlir::ImplicitLocOpBuilder &b, mlir::Value lhs, int64_t rhs);

/// A line of the caches.
inline constexpr int64_t kLineBytes = 64;

/// Asks for the lines of `elements` neighbours from the one at `indices` on,
/// the first of its line; of a part of a line, for that line. The address alone
/// counts: it may lie beyond the buffer.
void prefetch(mlir::ImplicitLocOpBuilder &b, mlir::Value memref,
              mlir::SmallVector<mlir::Value> indices, int64_t elements,
              unsigned locality = 3);

/// A loop over [0, count) that carries `init`; none if count is 1.
mlir::SmallVector<mlir::Value>
emitLoop(mlir::ImplicitLocOpBuilder &b, int64_t count, mlir::ValueRange init,
         llvm::function_ref<mlir::SmallVector<mlir::Value>(mlir::Value,
                                                           mlir::ValueRange)>
             body);

/// A loop over [lower, upper) that carries `init`.
mlir::SmallVector<mlir::Value>
emitLoop(mlir::ImplicitLocOpBuilder &b, mlir::Value lower, mlir::Value upper,
         mlir::ValueRange init,
         llvm::function_ref<mlir::SmallVector<mlir::Value>(mlir::Value,
                                                           mlir::ValueRange)>
             body);

/// A loop over [lower, upper) by `step` without carried values.
void emitLoop(mlir::ImplicitLocOpBuilder &b, mlir::Value lower,
              mlir::Value upper, int64_t step,
              llvm::function_ref<void(mlir::Value)> body);

/// `body` for the first of each `chunk` of `size` elements, and for what is
/// left over; with how many they are.
void emitChunks(mlir::ImplicitLocOpBuilder &b, int64_t size, int64_t chunk,
                llvm::function_ref<void(mlir::Value, int64_t)> body);

/// An iteration of a parallel loop over blocks of a contraction should cost at
/// least this much, in nanoseconds: handing one to a thread costs about 1000.
inline constexpr double kMinBlockCost = 10000;

/// Nanoseconds that 16 sums of a row in tile registers take, in tiles of so
/// many rows that add up so many products. Within a third of what was measured
/// for most shapes whose operands come from the second-level cache.
double getTileRegisterCost(int64_t rows, int64_t steps);

/// A parallel loop over [0, count); `cost` in nanoseconds per iteration.
void emitForall(mlir::ImplicitLocOpBuilder &b, mlir::Value count, double cost,
                llvm::function_ref<void(mlir::Value)> body);

/// The allocations inside of a parallel loop's body, whose deallocations are
/// erased: buffers of a thread live as long as the loop.
mlir::SmallVector<mlir::Operation *> takeBuffers(mlir::Operation *body);

/// `memref` with all dimensions but the last collapsed into one.
mlir::Value collapseRows(mlir::ImplicitLocOpBuilder &b, mlir::Value memref);

/// `memref` with all dimensions collapsed into one.
mlir::Value flatten(mlir::ImplicitLocOpBuilder &b, mlir::Value memref);

/// `memref`, whose rows may be parts of longer ones, with all dimensions
/// collapsed into one, what is between its rows included.
mlir::Value flattenRows(mlir::ImplicitLocOpBuilder &b, mlir::Value memref);

/// `size` elements of a rank-1 memref from `offset`, typed as by `rowView`.
mlir::Value sliceView(mlir::ImplicitLocOpBuilder &b, mlir::Value memref,
                      mlir::Value offset, int64_t size);

/// Row `row` of a rank-2 memref: rank 1, unit stride, any offset.
mlir::Value rowView(mlir::ImplicitLocOpBuilder &b, mlir::Value rows,
                    mlir::Value row, int64_t size);

/// Lane `lane` of panel `panel` of packed values, panel × k × lane: rank 1, one
/// element per k, any offset.
mlir::Value laneView(mlir::ImplicitLocOpBuilder &b, mlir::Value panels,
                     mlir::Value panel, int64_t lane, int64_t size);

/// The square of `rows`, vectors of as many elements, a power of two,
/// transposed in registers; or of several times as many, each square of them
/// for itself.
mlir::SmallVector<mlir::Value>
transposeVectors(mlir::ImplicitLocOpBuilder &b,
                 mlir::ArrayRef<mlir::Value> rows);

/// `lanes` elements that are those of `vector`, over and over.
mlir::Value repeatLanes(mlir::ImplicitLocOpBuilder &b, mlir::Value vector,
                        int64_t lanes);

/// A constant row of `size` pad values, with the type of `rowView`'s result.
mlir::Value padRow(mlir::ImplicitLocOpBuilder &b, mlir::TypedAttr value,
                   int64_t size);

/// Where an output row's window lies in the input of a convolution. Rows of a
/// window with a depth (WindowAttr) are counted over depth and height.
class WindowRow {
public:
  /// Of linear output row `row` (over batch, depth, height, width).
  WindowRow(mlir::ImplicitLocOpBuilder &b, kernel::WindowAttr window,
            mlir::MemRefType input, mlir::MemRefType out, mlir::Value row);

  /// The input row (channels of one pixel) of tap (kh, kw), or `pad` where the
  /// pixel is outside; `input` is the collapsed input.
  mlir::Value getTap(mlir::ImplicitLocOpBuilder &b, mlir::Value input,
                     mlir::Value pad, mlir::Value kh, mlir::Value kw) const;

  /// The number of that input row, and whether its pixel lies inside, null
  /// where all do.
  std::pair<mlir::Value, mlir::Value> getPosition(mlir::ImplicitLocOpBuilder &b,
                                                  mlir::Value kh,
                                                  mlir::Value kw) const;

  /// The same for row kh of the window and the input pixel `offset` to the
  /// right of the window's left edge. Without `pad` the pixel is inside.
  mlir::Value getPixel(mlir::ImplicitLocOpBuilder &b, mlir::Value input,
                       mlir::Value pad, mlir::Value kh,
                       mlir::Value offset) const;

  /// Row kh of a window without gaps that is horizontally inside of the input:
  /// all its pixels in one; `input` is the input collapsed into one dimension,
  /// `pad` a row of as many pad values.
  mlir::Value getRun(mlir::ImplicitLocOpBuilder &b, mlir::Value input,
                     mlir::Value pad, mlir::Value kh) const;

  /// The number of the first element of such a run.
  mlir::Value getRunBegin(mlir::ImplicitLocOpBuilder &b, mlir::Value kh) const;

  /// Row kh of the window from the input's left edge on: a whole row of the
  /// input, which is one dimension with `pitch` elements per pixel, or `pad`, a
  /// row of as many pad values.
  mlir::Value getInputRow(mlir::ImplicitLocOpBuilder &b, mlir::Value input,
                          mlir::Value pad, mlir::Value kh, int64_t pitch) const;

  /// Whether the whole window is horizontally inside of the input.
  mlir::Value isInsideRow(mlir::ImplicitLocOpBuilder &b) const;

  /// Whether all rows of the window are inside of the input.
  mlir::Value isInside(mlir::ImplicitLocOpBuilder &b) const;

  /// Whether the `pixels` input pixels from `offset` to the right of the
  /// window's left edge on are horizontally inside of the input.
  mlir::Value isInsideFrom(mlir::ImplicitLocOpBuilder &b, mlir::Value offset,
                           int64_t pixels) const;

  /// Whether `last`, an output row behind this one, is in the same row of
  /// pixels, and the windows of both and of all between them, of dilation 1,
  /// are inside of the input.
  mlir::Value areInside(mlir::ImplicitLocOpBuilder &b,
                        const WindowRow &last) const;

  /// Whether row (`dim` 0) or column (1) `number` of the window is inside of
  /// the input.
  mlir::Value isInside(mlir::ImplicitLocOpBuilder &b, unsigned dim,
                       mlir::Value number) const;

  /// Rows [first, second) of a window without a depth, those that are inside of
  /// the input for this output row, or for one between it and `last`, a row
  /// behind it.
  std::pair<mlir::Value, mlir::Value>
  getInsideRows(mlir::ImplicitLocOpBuilder &b, const WindowRow &last) const;

private:
  /// The input's row, counted over all samples, that row kh of the window
  /// reads, and whether it is inside, null where all are.
  std::pair<mlir::Value, mlir::Value> locateRow(mlir::ImplicitLocOpBuilder &b,
                                                mlir::Value kh) const;
  std::pair<mlir::Value, mlir::Value> locate(mlir::ImplicitLocOpBuilder &b,
                                             mlir::Value kh,
                                             mlir::Value offset) const;
  /// Rows of the window above row `edge` of the input.
  mlir::Value countRowsAbove(mlir::ImplicitLocOpBuilder &b, int64_t edge) const;

  kernel::WindowAttr window;
  int64_t depth, height, width, channels;
  /// First input row of the sample, and the window's front upper left corner;
  /// `front` is null without a depth.
  mlir::Value sample, front, top, left;
};

/// How many vectors of the element-wise `body` are to be computed at a time, so
/// that operations that wait for one another take turns; 1 where they are
/// short.
int64_t countInterleaved(mlir::Block &body);

/// Applies an epilogue to vectors of accumulators and stores the result.
class OutputWriter {
public:
  OutputWriter(mlir::ImplicitLocOpBuilder &b, mlir::Region &epilogue,
               mlir::ValueRange extras, mlir::ArrayAttr maps, mlir::Value out);

  /// From now on sums start at the integers, one per channel, that the epilogue
  /// adds to them first, if it does: `store` leaves that addition out.
  void startAtBias();
  /// What the sums of `size` channels from `column` on start at; `used` of them
  /// are channels of the output.
  mlir::Value getStart(mlir::ImplicitLocOpBuilder &b, mlir::Type element,
                       int64_t size, mlir::Value column, int64_t used) const;

  /// `accumulator` holds consecutive channels from `column` of output row
  /// `row`, counted over all leading dimensions.
  void store(mlir::ImplicitLocOpBuilder &b, mlir::Value accumulator,
             mlir::Value row, mlir::Value column) const;

  /// The vector that `store` would store.
  mlir::Value apply(mlir::ImplicitLocOpBuilder &b, mlir::Value accumulator,
                    mlir::Value row, mlir::Value column) const;

  /// Vectors of accumulators that `store` takes: consecutive channels from
  /// `offset` behind `column` of output row `row`.
  struct Part {
    mlir::Value accumulator, row, column;
    int64_t offset = 0;
  };
  /// Stores all of `parts`. In registers of 512 bits four of them become bytes
  /// together, where the epilogue packs bytes.
  void store(mlir::ImplicitLocOpBuilder &b, llvm::ArrayRef<Part> parts,
             int64_t vectorBits) const;

  /// Stores up to four vectors of at most 512 bits, whose epilogue packs bytes:
  /// it is computed for all of them, and then one register of bytes is stored.
  void storePacked(mlir::ImplicitLocOpBuilder &b,
                   llvm::ArrayRef<Part> parts) const;

  /// Stores `count` rows of `sums`, `columns` channels each: output rows from
  /// `row` on, from `column` on. Where the epilogue packs bytes in registers of
  /// 512 bits, four vectors at a time: of one row, or of several short ones.
  void storeRows(mlir::ImplicitLocOpBuilder &b, mlir::Value sums,
                 mlir::Value count, mlir::Value row, mlir::Value column,
                 int64_t columns, int64_t vectorBits) const;

  /// Whether the epilogue ends in a clamp to bounds that a byte has.
  bool packsBytes() const;
  /// Whether the epilogue reads nothing that differs from pixel to pixel.
  bool readsChannelsOnly() const;
  /// From now on the epilogue reads what `replace` returns for each operand
  /// that has an element per channel: a rank-1 memref of the same type. What is
  /// given as column is a place there.
  void
  replaceChannels(llvm::function_ref<mlir::Value(mlir::Value memref)> replace);
  /// Stores four vectors of 512 bits, of which each holds the next four
  /// channels of every 16, where the epilogue packs bytes: 64 bytes, in equal
  /// parts, from `column` of each of `rows` on. `place` is where it reads what
  /// is per channel.
  void storeUnpacked(mlir::ImplicitLocOpBuilder &b,
                     llvm::ArrayRef<mlir::Value> accumulators,
                     llvm::ArrayRef<mlir::Value> rows, mlir::Value column,
                     mlir::Value place) const;

  /// Whether the epilogue is a few cheap operations: a bias, a change of scale,
  /// an activation that is a clamp.
  bool isShort() const;

  /// The collapsed output.
  mlir::Value getRows() const { return out; }

private:
  struct Extra {
    mlir::Value memref;
    mlir::AffineMap map;
    bool collapsed;
  };

  mlir::Value loadExtra(mlir::ImplicitLocOpBuilder &b, const Extra &extra,
                        int64_t width, mlir::Value row,
                        mlir::Value column) const;
  /// What the epilogue makes of a vector, up to `result` of its body. Its first
  /// `used` lanes are channels of the output, the others repeat them.
  mlir::Value apply(mlir::ImplicitLocOpBuilder &b, mlir::Value accumulator,
                    mlir::Value row, mlir::Value column, mlir::Value result,
                    int64_t used) const;

  mlir::Region &epilogue;
  mlir::MemRefType outType;
  mlir::Value originalOut, out;
  mlir::SmallVector<Extra> extras;
  /// The addition that is left out, and which extra it adds; none by default.
  mlir::Operation *bias = nullptr;
  std::optional<size_t> start;
};

/// Emits loops in front of `op`, which the caller erases.
mlir::LogicalResult lowerContract(kernel::ContractOp op,
                                  const TargetDescription &target);
mlir::LogicalResult lowerDepthwise(kernel::DepthwiseOp op,
                                   const TargetDescription &target);
void lowerDepthwiseDot(kernel::DepthwiseOp op);
mlir::LogicalResult lowerPlanar(kernel::PlanarOp op,
                                const TargetDescription &target);
void lowerWinograd(kernel::WinogradOp op, const TargetDescription &target);
void lowerPack(kernel::PackOp op, const TargetDescription &target);
void lowerExpand(kernel::ExpandOp op, const TargetDescription &target);
void lowerScatter(kernel::ScatterOp op);
void lowerTopK(kernel::TopKOp op);
void lowerHistogram(kernel::HistogramOp op);
void lowerToLoops(mlir::linalg::LinalgOp op, const TargetDescription &target);
/// `op` by tile registers, with a window whose rows are not gathered.
void lowerTileWindows(kernel::ContractOp op, const TargetDescription &target);
/// `op` by tile registers, with weights in blocks.
void lowerTileBlocks(kernel::ContractOp op, const TargetDescription &target);
/// Lowers what uses tile registers; emits constants into `module`.
void lowerTileRegisters(mlir::ModuleOp module);
/// One parallel iteration per element of the output; no instruction is asked
/// for.
void lowerPerElement(kernel::ContractOp op);
void lowerPerElement(kernel::DepthwiseOp op);
void lowerPerElement(mlir::linalg::LinalgOp op);

} // namespace mpc

#endif // MPC_CODEGEN_OUTPUTTILE_H
