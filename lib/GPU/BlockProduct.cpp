//===- BlockProduct.cpp - a contraction inside of a kernel ----------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BlockProduct.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mpc/Codegen/BufferViews.h"
#include "llvm/Support/MathExtras.h"
#include <numeric>

using namespace mlir;
using namespace mpc;
using namespace mpc::kernel;

/// Columns that are computed at a time, and the stages of their weights.
static constexpr int64_t kMostColumns = 128, kStages = 3;

/// Bytes of k that a stage has of each column, at most, and bytes that rows are
/// further apart.
static constexpr int64_t kStageBytes = 64, kApartBytes = 16;

/// k blocks of a stage, and the least.
static constexpr int64_t kDepth = kStageBytes / 4, kMinDepth = 8;

BlockTile mpc::getBlockTile(ContractOp op, int64_t rows) {
  auto weights = cast<MemRefType>(op.getWeights().getType());
  int64_t kBlocks = weights.getDimSize(1) * weights.getDimSize(2);
  int64_t width = cast<MemRefType>(op.getOut().getType()).getShape().back();
  BlockTile tile;
  Staging &staging = tile.staging;
  rows = llvm::alignTo(rows, 16);
  staging.warpRows = rows % 64 == 0 ? 32 : 16;
  int64_t across = kRowsBlockSize / kWarp / (rows / staging.warpRows);
  tile.columns =
      std::clamp<int64_t>(llvm::PowerOf2Ceil(width), 16 * across, kMostColumns);
  staging.warpColumns = tile.columns / across;
  staging.depth = kBlocks > kMinDepth ? kDepth : kMinDepth;
  staging.stages =
      std::min(kStages, llvm::divideCeilSigned(kBlocks, staging.depth) *
                            llvm::divideCeilSigned(width, tile.columns));
  return tile;
}

int64_t mpc::getStageBytes(ContractOp op, const BlockTile &tile) {
  return tile.staging.stages * tile.columns * tile.staging.depth * 4;
}

int64_t mpc::getRowPitch(int64_t bytes) {
  return llvm::alignTo(bytes, kStageBytes) + kApartBytes;
}

void BlockProduct::forEach(int64_t count, function_ref<void(Value)> body) {
  emitLoop(b, thread, constant(count), kRowsBlockSize, body);
}

SmallVector<Value> BlockProduct::getPosition(Value row, Value column) {
  SmallVector<Value> position(cast<MemRefType>(sharedRows.getType()).getRank(),
                              constant(0));
  position.rbegin()[0] = column;
  position.rbegin()[1] = row;
  return position;
}

void BlockProduct::copyInput() {
  int64_t bytes = element.getIntOrFloatBitWidth() / 8;
  Value source = collapseRows(b, op.getInput());
  int64_t width = std::gcd(kChunkBytes / bytes, depth);
  int64_t pitch =
      cast<MemRefType>(source.getType()).getStridesAndOffset().first[0];
  width = ShapedType::isDynamic(pitch) ? 1 : std::gcd(width, pitch);
  forEach(rows * (depth / width), [&](Value i) {
    Value row = divide(i, depth / width);
    Value column = mul(b, remainder(i, depth / width), width);
    auto loaded = vector::LoadOp::create(b, VectorType::get({width}, element),
                                         source, ValueRange{row, column});
    auto store = vector::StoreOp::create(b, loaded, sharedRows,
                                         getPosition(row, column));
    loaded.setAlignment(width * bytes);
    store.setAlignment(width * bytes);
  });
}

void BlockProduct::fillEnds() {
  int64_t end = steps * staging.depth * kv, rest = end - depth;
  if (rest == 0)
    return;
  Value zero = arith::ConstantOp::create(b, b.getZeroAttr(element));
  forEach(rows * rest, [&](Value i) {
    Value column = add(b, remainder(i, rest), depth);
    memref::StoreOp::create(b, zero, sharedRows,
                            getPosition(divide(i, rest), column));
  });
}

/// Lanes of rows that do not exist read the last one.
SmallVector<SmallVector<Value>> BlockProduct::loadInputs(Value, int64_t k) {
  Value inTile = remainder(lane, kRows), half = divide(lane, kRows);
  SmallVector<SmallVector<Value>> a;
  for (int64_t tile = 0; tile < staging.warpRows / kRows; ++tile) {
    Value row = add(b, add(b, warpRow, inTile), tile * kRows);
    if (rows % tiling.getRows() != 0)
      row = arith::MinUIOp::create(b, row, constant(rows - 1));
    Value chunk =
        add(b, mul(b, step, staging.depth / chunkBlocks), add(b, half, 2 * k));
    a.push_back(loadMatrices(
        sharedRows, getPosition(row, mul(b, chunk, chunkBlocks * kv))));
  }
  return a;
}

LogicalResult BlockProduct::enter(Value stages) {
  if (failed(check()))
    return failure();
  if (threads != kRowsBlockSize)
    return op.emitOpError("expected a tile for ")
           << kRowsBlockSize
           << " threads in a loop over blocks of rows, but got " << threads;
  rows = outType.getDimSize(outType.getRank() - 2);
  thread = launch.getThreadIds().x;
  locateThread();
  row0 = constant(0);
  limit = constant(rows);
  weights = memref::CollapseShapeOp::create(
      b, op.getWeights(),
      SmallVector<ReassociationIndices>{{0}, {1, 2}, {3, 4}});
  sharedWeights = stages;
  return success();
}

void BlockProduct::bringInput() {
  if (isInShared(op.getInput())) {
    sharedRows = getRoot(op.getInput());
  } else {
    int64_t bytes = element.getIntOrFloatBitWidth() / 8;
    auto type = MemRefType::get({rows, getRowPitch(depth * bytes) / bytes},
                                element, MemRefLayoutAttrInterface(),
                                getSharedSpace(b.getContext()));
    sharedRows = memref::AllocOp::create(b, type);
    copyInput();
  }
  fillEnds();
}

SmallVector<Value> BlockProduct::getFirstSums() {
  Value zero =
      arith::ConstantOp::create(b, b.getZeroAttr(op.getAccumulatorType()));
  return SmallVector<Value>(
      4 * (staging.warpRows / kRows) * (staging.warpColumns / kColumns), zero);
}

LogicalResult BlockProduct::run(Value stages) {
  if (failed(enter(stages)))
    return failure();
  // What was read from the stages before is read.
  gpu::BarrierOp::create(b);
  int64_t chunks = llvm::divideCeilSigned(channels, tiling.getColumns());
  int64_t pieces = steps * chunks;
  int64_t ahead = std::max<int64_t>(staging.stages - 1, 1);
  // Weights of a piece: a step along k of some columns.
  auto load = [&](Value piece, Value stage) {
    column0 = mul(b, divide(piece, steps), tiling.getColumns());
    loadWeights(remainder(piece, steps), stage);
  };
  startFirstSteps(ahead, pieces, load);
  bringInput();
  SmallVector<Value> init = getFirstSums();
  auto chunk = [&](Value number) {
    SmallVector<Value> sums =
        emitLoop(b, steps, init, [&](Value inChunk, ValueRange carried) {
          NVVM::CpAsyncWaitGroupOp::create(
              b, b.getI32IntegerAttr(static_cast<int32_t>(ahead - 1)));
          // Everybody's copies have come, and the stage before is read.
          gpu::BarrierOp::create(b);
          Value piece = add(b, mul(b, number, steps), inChunk);
          startStep(piece, ahead, pieces, load);
          step = inChunk;
          return multiplyStage(remainder(piece, staging.stages), carried);
        });
    column0 = mul(b, number, tiling.getColumns());
    store(sums);
  };
  if (chunks == 1)
    chunk(constant(0));
  else
    emitLoop(b, constant(0), constant(chunks), 1, chunk);
  return success();
}

LogicalResult mpc::emitBlockProduct(ContractOp op, gpu::LaunchOp launch,
                                    Value stages) {
  return BlockProduct(op, launch).run(stages);
}
