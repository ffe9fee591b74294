//===- LowerTMA.cpp - wgmma with warps that only copy ---------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Tiles that TMA copies: one instruction of one thread asks for a box of a
// tensor map, and an mbarrier counts its bytes when they come. (Rows of windows
// come in another way: see LowerTMAWindows.cpp.) A block stays, and takes every
// tile whose number is its own plus a multiple of the grid's size.
//
// Stages form a ring. Each has two mbarriers: `full` has come when the bytes of
// both boxes are there, `empty` when all warps that multiply have read them,
// which they say when they have started the next step. The thread that copies
// runs ahead by all stages but one, over the ends of tiles: copies of the next
// one run under the epilogue.
//
// Step `number` of a block, counted over all of its tiles, is in stage number %
// stages for the number / stages-th time. An mbarrier's phases have the parity
// of their number: a wait for the phase before the first one returns at once.
//
// A box of the input is rows × the 32, 64 or 128 bytes of a stage, which TMA
// swizzles as LowerWGMMA.cpp's rows stand. Packed weights are a tensor of k
// blocks × panels × 16 channels of 16 bytes, a box of it chunks of k × columns.
// Its columns are channels in order: a thread ends with two neighbouring ones
// of a row, of each eight.
//
//===----------------------------------------------------------------------===//

#include "TMAKernel.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mpc;
using namespace mpc::kernel;

namespace {

/// Both operands come by TMA, which one thread asks for.
class TMAProduct : public TMAKernel {
public:
  using TMAKernel::TMAKernel;

private:
  void createMaps() override;
  int64_t countArrivals() const override { return 1; }
  uint32_t countCopierRegisters() const override { return 40; }
  void copyTiles() override;

  Value inputMap;
};

} // namespace

/// Warps of a group, each of which says that it has read a stage.
static constexpr int64_t kGroupWarps = kWarpgroup / kWarp;

/// Registers that a thread of each of three groups has together, of the 512
/// there are: 64 Ki of a multiprocessor. The assembler keeps some for itself.
static constexpr uint32_t kRegisters = 504;

/// Rows of tiles, next to each other, that are taken together.
static constexpr int64_t kBandRows = 8;

/// A hint how long a wait may sleep, in nanoseconds.
static constexpr int64_t kTicks = 10000000;

LogicalResult TMAKernel::check() {
  if (failed(WGMMAKernel::check()))
    return failure();
  groups = threads / kWarpgroup;
  // The one before is given back when a step has started.
  if (groups > 2 || staging.stages < 2 || staging.resident < 0)
    return op.emitOpError("expected '")
           << kStagingAttrName << "' with 'resident' blocks of 1 or 2 "
           << "warpgroups that multiply, and two stages or more";
  threads += kWarpgroup;
  fragments = 1;
  return success();
}

Value TMAKernel::createMap(Value tensor, ArrayRef<int64_t> shape,
                           nvgpu::TensorMapSwizzleKind swizzle) {
  auto space =
      gpu::AddressSpaceAttr::get(b.getContext(), gpu::AddressSpace::Workgroup);
  auto type = nvgpu::TensorMapDescriptorType::get(
      b.getContext(),
      MemRefType::get(shape, element, MemRefLayoutAttrInterface(), space),
      swizzle, nvgpu::TensorMapL2PromoKind::L2PROMO_128B,
      nvgpu::TensorMapOOBKind::OOB_ZERO,
      nvgpu::TensorMapInterleaveKind::INTERLEAVE_NONE);
  Value any = memref::CastOp::create(
      b, UnrankedMemRefType::get(element, Attribute()), tensor);
  SmallVector<Value> box;
  for (int64_t size : shape)
    box.push_back(constant(size));
  auto map = nvgpu::TmaCreateDescriptorOp::create(b, type, any, box);
  map->setAttr(kResidentAttrName, b.getUnitAttr());
  return map;
}

void TMAKernel::createBarriers() {
  auto space =
      gpu::AddressSpaceAttr::get(b.getContext(), gpu::AddressSpace::Workgroup);
  Type type = nvgpu::MBarrierGroupType::get(
      b.getContext(), space, static_cast<unsigned>(staging.stages));
  full = nvgpu::MBarrierCreateOp::create(b, type);
  empty = nvgpu::MBarrierCreateOp::create(b, type);
  emitIf(
      arith::CmpIOp::create(b, arith::CmpIPredicate::eq, thread, constant(0)),
      [&] {
        for (int64_t slot = 0; slot < staging.stages; ++slot) {
          nvgpu::MBarrierInitOp::create(b, full, constant(countArrivals()),
                                        constant(slot), /*predicate=*/Value());
          nvgpu::MBarrierInitOp::create(
              b, empty, constant(groups * kGroupWarps), constant(slot),
              /*predicate=*/Value());
        }
        // TMA is to know them, too.
        NVVM::FenceMbarrierInitOp::create(b);
      });
  gpu::BarrierOp::create(b);
}

void TMAKernel::createMaps() {
  Value byBlock = memref::TransposeOp::create(
      b, weights,
      AffineMapAttr::get(AffineMap::getPermutationMap(
          ArrayRef<int64_t>{1, 0, 2}, b.getContext())));
  weightsMap = createMap(byBlock, {staging.depth, panels, kPanelWidth * kv},
                         nvgpu::TensorMapSwizzleKind::SWIZZLE_NONE);
}

void TMAProduct::createMaps() {
  using Swizzle = nvgpu::TensorMapSwizzleKind;
  int64_t bytes = getStageBytes();
  Swizzle swizzle = bytes == 128  ? Swizzle::SWIZZLE_128B
                    : bytes == 64 ? Swizzle::SWIZZLE_64B
                                  : Swizzle::SWIZZLE_32B;
  inputMap = createMap(input, {tiling.getRows(), staging.depth * kv}, swizzle);
  TMAKernel::createMaps();
}

void TMAKernel::emitBlock(gpu::LaunchOp launch, Value count) {
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(launch);
    createMaps();
  }
  tiles = count;
  block = launch.getBlockIds().x;
  grid = launch.getGridSize().x;
  createBarriers();
  bool movesRegisters = groups == 2;
  auto setRegisters = [&](uint32_t count, NVVM::SetMaxRegisterAction action) {
    if (movesRegisters)
      NVVM::SetMaxRegisterOp::create(b, count, action);
  };
  emitIf(
      isBelow(thread, constant(groups * kWarpgroup)),
      [&] {
        setRegisters((kRegisters - countCopierRegisters()) / 2,
                     NVVM::SetMaxRegisterAction::increase);
        multiplyTiles();
      },
      [&] {
        setRegisters(countCopierRegisters(),
                     NVVM::SetMaxRegisterAction::decrease);
        copyTiles();
      });
}

void TMAKernel::forEachTile(llvm::function_ref<void(Value)> body) {
  auto loop = scf::ForOp::create(b, block, tiles, grid);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Value tile = loop.getInductionVar();
  locateTile(tile);
  Value before =
      arith::DivUIOp::create(b, arith::SubIOp::create(b, tile, block), grid);
  body(mul(b, before, steps));
}

/// Bands of rows of tiles, column by column: what blocks that run at the same
/// time read is about a square of the output, and comes from the second cache.
std::pair<Value, Value> TMAKernel::orderTile(Value tile) {
  if (op.getBatched() || getTileColumns() == 1)
    return WGMMAKernel::orderTile(tile);
  int64_t perBand = kBandRows * getTileColumns();
  Value band = divide(tile, perBand), inBand = remainder(tile, perBand);
  Value first = mul(b, band, kBandRows);
  Value rows = divide(add(b, limit, tiling.getRows() - 1), tiling.getRows());
  Value height = arith::MinUIOp::create(
      b, arith::SubIOp::create(b, rows, first), constant(kBandRows));
  return {add(b, first, arith::RemUIOp::create(b, inBand, height)),
          arith::DivUIOp::create(b, inBand, height)};
}

void TMAKernel::wait(Value barriers, Value number, bool before) {
  Value odd = remainder(divide(number, staging.stages), 2);
  Value parity = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, odd,
                                       constant(before ? 0 : 1));
  nvgpu::MBarrierTryWaitParityOp::create(b, barriers, parity, constant(kTicks),
                                         getSlot(number));
}

//===----------------------------------------------------------------------===//
// The thread that copies
//===----------------------------------------------------------------------===//

void TMAKernel::loadBox(Value map, ValueRange coordinates, Value shared,
                        Value stage, Value slot) {
  auto type = cast<nvgpu::TensorMapDescriptorType>(map.getType()).getTensor();
  // The stage, and in it all that a box has.
  SmallVector<OpFoldResult> offsets(type.getRank(), b.getIndexAttr(0)), sizes,
      strides(type.getRank(), b.getIndexAttr(1));
  offsets[0] = stage;
  for (int64_t size : type.getShape())
    sizes.push_back(b.getIndexAttr(size));
  Value target = memref::SubViewOp::create(b, shared, offsets, sizes, strides);
  nvgpu::TmaAsyncLoadOp::create(b, target, full, map, coordinates, slot,
                                /*multicastMask=*/Value(),
                                /*predicate=*/Value());
}

void TMAKernel::expectBytes(Value slot, int64_t rows) {
  nvgpu::MBarrierArriveExpectTxOp::create(
      b, full, constant(rows * getStageBytes()), slot, /*predicate=*/Value());
}

void TMAKernel::loadWeightsBox(Value slot, Value firstBlock) {
  Value panel = divide(column0, kPanelWidth);
  if (panel0)
    panel = add(b, panel0, panel);
  SmallVector<ReassociationIndices> byPanel = {{0}, {1, 2}};
  Value expanded = memref::ExpandShapeOp::create(
      b,
      ArrayRef<int64_t>{staging.stages * staging.depth, panels,
                        kPanelWidth * kv},
      sharedWeights, byPanel);
  loadBox(weightsMap, {constant(0), panel, firstBlock}, expanded,
          mul(b, slot, staging.depth), slot);
}

void TMAKernel::copySteps(llvm::function_ref<void(Value, Value)> copy) {
  forEachTile([&](Value first) {
    beginTile();
    emitLoop(b, constant(0), constant(steps), 1, [&](Value step) {
      Value number = add(b, first, step);
      wait(empty, number, /*before=*/true);
      copy(getSlot(number), mul(b, add(b, step0, step), staging.depth));
    });
  });
}

void TMAProduct::copyTiles() {
  emitIf(isFirstCopier(), [&] {
    copySteps([&](Value slot, Value firstBlock) {
      expectBytes(slot, tiling.getRows() + tiling.getColumns());
      loadBox(inputMap, {mul(b, firstBlock, kv), row0}, sharedInput,
              mul(b, slot, tiling.getRows()), slot);
      loadWeightsBox(slot, firstBlock);
    });
  });
}

//===----------------------------------------------------------------------===//
// Warps that multiply
//===----------------------------------------------------------------------===//

void TMAKernel::release(Value number, Value condition) {
  emitIf(condition, [&] {
    nvgpu::MBarrierArriveOp::create(
        b, nvgpu::MBarrierTokenType::get(b.getContext()), empty,
        getSlot(number));
  });
}

void TMAKernel::multiplyTiles() {
  locateThread();
  isFirstLane =
      arith::CmpIOp::create(b, arith::CmpIPredicate::eq, lane, constant(0));
  forEachTile([&](Value first) {
    Value sums = multiplySteps([&](Value step, Value sums) {
      Value number = add(b, first, step);
      wait(full, number, /*before=*/false);
      receive();
      Value next = multiplyStage(getSlot(number), sums);
      // The step before has been read, were it the last one of another tile. A
      // condition that is about the first step would make LLVM peel it, and
      // move zeros between wgmma.fence and wgmma.
      NVVM::WgmmaWaitGroupSyncOp::create(b, 1);
      Value isLater = arith::CmpIOp::create(b, arith::CmpIPredicate::ne, number,
                                            constant(0));
      release(add(b, number, -1), both(isFirstLane, isLater));
      return next;
    });
    store(getSums(sums));
  });
}

std::unique_ptr<ContractKernel> mpc::createTMAKernel(ContractOp op) {
  WindowAttr window = op.getWindowAttr();
  if (window && !window.isPointwise())
    return createTMAWindowKernel(op);
  return std::make_unique<TMAProduct>(op);
}
