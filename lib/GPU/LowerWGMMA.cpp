//===- LowerWGMMA.cpp - kernel.contract on Hopper's tensor cores ----------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// wgmma multiplies 64 rows by n columns over k = 2 chunks of 16 bytes, and
// reads both operands from shared memory, where descriptors say how they stand.
// Four warps, a warpgroup, do it together; warp w holds of the sums, with g and
// t as in LowerMMA.cpp:
//
//   D[4f + 2i + j]   row 16w + g + 8i, column 8f + 2t + j
//
// A: the rows of a stage as ContractKernel.h has them, whose swizzle is that of
// wgmma. Eight rows are one pattern, and k goes on within it.
//
// B: weights are packed with kv = 16 bytes of k side by side. A stage is chunks
// of k × columns: eight columns are the 128 bytes of a "core matrix", without a
// swizzle. Column 8f + g of each 32 is channel 4g + f, so that a thread's sums
// of a row are eight neighbouring channels, as with mma.sync.
//
// wgmma runs until somebody waits for its group. While that of a step runs,
// copies fill the stage of two steps before: all warpgroups have waited for it
// before the barrier between.
//
//===----------------------------------------------------------------------===//

#include "WGMMAKernel.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mpc;
using namespace mpc::kernel;

/// Most columns of one wgmma.
static constexpr int64_t kMostColumns = 256;

/// Columns whose channels are mixed, and chunks of k of one instruction.
static constexpr int64_t kMixed = 32, kChunks = 2;

LogicalResult WGMMAKernel::check() {
  bool fits =
      kv == 16 ? element.isInteger(8) : element.isF16() || element.isBF16();
  if (!fits || weightsType.getElementType() != element || op.getBlocks() ||
      tiling.getGather())
    return op.emitOpError("expected 8-bit integers with kv = 16 or f16 or bf16 "
                          "with kv = 8 for wgmma, not gathered");
  int64_t rows = tiling.getRows(), columns = tiling.getColumns();
  bool isTile = staging.warpRows == kGroupRows && rows % kGroupRows == 0 &&
                staging.warpColumns > 0 && staging.warpColumns % kMixed == 0 &&
                staging.warpColumns <= kMostColumns &&
                columns % staging.warpColumns == 0;
  int64_t groups =
      isTile ? rows / kGroupRows * (columns / staging.warpColumns) : 0;
  if (!llvm::is_contained({1, 2, 4}, groups) || columns % 8 != 0 ||
      !llvm::is_contained({2, 4, 8}, staging.depth) || staging.stages < 1 ||
      staging.slices < 1)
    return op.emitOpError("expected '")
           << kStagingAttrName << "' with warpgroups of 64 rows and multiples "
           << "of 32 columns, 256 at most, 1, 2 or 4 of which fill the block, "
              "a depth of 2, 4 or 8, stages and slices";
  threads = groups * kWarpgroup;
  fragments = kMixed / kColumns;
  // One is still read while the next is multiplied, and a third is copied.
  return initialize(/*least=*/3);
}

void WGMMAKernel::locateWarp() {
  int64_t across = tiling.getColumns() / staging.warpColumns;
  Value group = divide(thread, kWarpgroup);
  groupRow = mul(b, divide(group, across), kGroupRows);
  warpRow = add(b, groupRow,
                mul(b, remainder(divide(thread, kWarp), 4), kGroupRows / 4));
  warpColumn = mul(b, remainder(group, across), staging.warpColumns);
}

void WGMMAKernel::loadWeights(Value step, Value stage) {
  int64_t columns = tiling.getColumns(), total = staging.depth * columns;
  for (int64_t pass = 0; pass * threads < total; ++pass) {
    Value number = add(b, thread, pass * threads);
    Value isBusy;
    if (total % threads != 0)
      isBusy = isBelow(number, constant(total));
    emitIf(isBusy, [&] {
      Value chunk = divide(number, columns), slot = remainder(number, columns);
      Value mixed = remainder(slot, kMixed);
      Value channel = add(b, mul(b, divide(slot, kMixed), kMixed),
                          add(b, mul(b, remainder(mixed, kColumns), fragments),
                              divide(mixed, kColumns)));
      Value block = add(b, mul(b, step, staging.depth), chunk);
      auto [panel, isValid] = getPanel(divide(channel, kPanelWidth), block);
      copy(weights, {panel, block, mul(b, remainder(channel, kPanelWidth), kv)},
           sharedWeights,
           {add(b, mul(b, stage, staging.depth), chunk), mul(b, slot, kv)}, kv,
           isValid);
    });
  }
}

/// A matrix descriptor (PTX ISA, "Matrix Descriptor Format" of wgmma): bytes
/// from `memref` on, all in units of 16 bytes. `swizzle`: 0 none, 1, 2, 3 for
/// 128, 64, 32 bytes.
Value WGMMAKernel::createDescriptor(Value memref, Value offset, int64_t leading,
                                    int64_t stride, int64_t swizzle) {
  Value address =
      memref::ExtractAlignedPointerAsIndexOp::create(b, memref).getResult();
  address = divide(add(b, address, offset), kChunkBytes);
  Value low = arith::IndexCastOp::create(b, b.getI64Type(), address);
  uint64_t fixed = uint64_t(swizzle) << 62 |
                   uint64_t(stride / kChunkBytes) << 32 |
                   uint64_t(leading / kChunkBytes) << 16;
  Value high = arith::ConstantIntOp::create(b, static_cast<int64_t>(fixed),
                                            /*width=*/64);
  return arith::OrIOp::create(b, low, high);
}

Value WGMMAKernel::multiplyStage(Value stage, Value sums) {
  int64_t rowBytes = getStageBytes(), columns = tiling.getColumns();
  int64_t swizzle = rowBytes == 128 ? 1 : rowBytes == 64 ? 2 : 3;
  Value row = add(b, mul(b, stage, tiling.getRows()), groupRow);
  Value inputDescriptor =
      createDescriptor(sharedInput, mul(b, row, rowBytes),
                       /*leading=*/kChunkBytes, 8 * rowBytes, swizzle);
  Value firstChunk = mul(b, stage, staging.depth * columns * kChunkBytes);
  Value weightsDescriptor = createDescriptor(
      sharedWeights, add(b, firstChunk, mul(b, warpColumn, kChunkBytes)),
      /*leading=*/columns * kChunkBytes, 8 * kChunkBytes, /*swizzle=*/0);
  bool isInteger = element.isInteger();
  NVVM::WGMMATypes type = element.isF16()    ? NVVM::WGMMATypes::f16
                          : element.isBF16() ? NVVM::WGMMATypes::bf16
                                             : NVVM::WGMMATypes::s8;
  NVVM::WGMMATypes inputKind =
      isInteger && op.getUnsignedInput() ? NVVM::WGMMATypes::u8 : type;
  NVVM::WGMMATypes sum =
      isInteger ? NVVM::WGMMATypes::s32 : NVVM::WGMMATypes::f32;
  auto shape = NVVM::MMAShapeAttr::get(
      b.getContext(), static_cast<int>(kGroupRows),
      static_cast<int>(staging.warpColumns), static_cast<int>(kChunks * kv));
  auto advance = [&](Value descriptor, int64_t bytes) -> Value {
    if (bytes == 0)
      return descriptor;
    Value by = arith::ConstantIntOp::create(b, bytes / kChunkBytes,
                                            /*width=*/64);
    return arith::AddIOp::create(b, descriptor, by);
  };
  // What a thread has written to its sums is there before wgmma adds to them.
  NVVM::WgmmaFenceAlignedOp::create(b);
  for (int64_t chunk = 0; chunk < staging.depth; chunk += kChunks)
    sums = NVVM::WgmmaMmaAsyncOp::create(
        b, sums.getType(), sums, advance(inputDescriptor, chunk * kChunkBytes),
        advance(weightsDescriptor, chunk * columns * kChunkBytes), shape,
        inputKind, type, sum, NVVM::WGMMAScaleOut::one, NVVM::WGMMAScaleIn::one,
        NVVM::WGMMAScaleIn::one, NVVM::MMALayout::row, NVVM::MMALayout::col,
        NVVM::MMAIntOverflowAttr());
  NVVM::WgmmaGroupSyncAlignedOp::create(b);
  return sums;
}

SmallVector<Value> WGMMAKernel::multiply(LoadStage load) {
  int64_t ahead = std::max<int64_t>(staging.stages - 2, 1);
  startFirstSteps(ahead, steps, load);
  Value sums = multiplySteps([&](Value step, Value sums) {
    NVVM::CpAsyncWaitGroupOp::create(
        b, b.getI32IntegerAttr(static_cast<int32_t>(ahead - 1)));
    // wgmma reads by another way than copies write.
    NVVM::FenceProxyOp::create(
        b, NVVM::ProxyKind::async_shared,
        NVVM::SharedSpaceAttr::get(b.getContext(),
                                   NVVM::SharedSpace::shared_cta));
    // Everybody's copies have come, and the step before the last is read.
    gpu::BarrierOp::create(b);
    Value next = multiplyStage(remainder(step, staging.stages), sums);
    startStep(step, ahead, steps, load);
    if (steps > 1)
      NVVM::WgmmaWaitGroupSyncOp::create(b, 1);
    return next;
  });
  return getSums(sums);
}

Value WGMMAKernel::multiplySteps(llvm::function_ref<Value(Value, Value)> body) {
  auto type = LLVM::LLVMStructType::getLiteral(
      b.getContext(),
      SmallVector<Type>(staging.warpColumns / 2, op.getAccumulatorType()));
  Value zero = LLVM::ZeroOp::create(b, type);
  Value sums = emitLoop(b, steps, zero, [&](Value step, ValueRange carried) {
                 return SmallVector<Value>{body(step, carried.front())};
               }).front();
  NVVM::WgmmaWaitGroupSyncOp::create(b, 0);
  return sums;
}

SmallVector<Value> WGMMAKernel::getSums(Value sums) {
  SmallVector<Value> result;
  for (int64_t i = 0; i < staging.warpColumns / 2; ++i)
    result.push_back(LLVM::ExtractValueOp::create(b, sums, i));
  return result;
}

std::unique_ptr<ContractKernel> mpc::createWGMMAKernel(ContractOp op) {
  return std::make_unique<WGMMAKernel>(op);
}
