//===- ContractKernel.cpp - kernel.contract as a GPU kernel ---------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ContractKernel.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/Support/MathExtras.h"
#include <numeric>

using namespace mlir;
using namespace mpc;
using namespace mpc::kernel;

/// Rows of the input whose place each thread keeps in registers; of more it
/// computes the places again in every step.
static constexpr int64_t kKeptRows = 4;

ContractKernel::ContractKernel(ContractOp op, int64_t tileRows)
    : op(op), b(op.getLoc(), op), tiling(op.getTiling()),
      staging(Staging::read(op)), window(op.getWindowAttr()),
      inputType(cast<MemRefType>(op.getInput().getType())),
      weightsType(cast<MemRefType>(op.getWeights().getType())),
      outType(cast<MemRefType>(op.getOut().getType())),
      writer(b, op.getEpilogue(), op.getExtras(), op.getExtraMaps(),
             op.getOut()),
      tileRows(tileRows) {
  if (window && window.isPointwise())
    window = {};
  kv = tiling.getKv();
  channels = outType.getShape().back();
  depth = inputType.getShape().back();
  element = inputType.getElementType();
  panels = tiling.getColumns() / kPanelWidth;
  if (op.getBlocks()) {
    numTaps = window && !tiling.getGather() ? window.getNumTaps() : 1;
    tapBlocks =
        llvm::divideCeilSigned(op.getBlocks()->getDepth(), numTaps * kv);
  } else {
    numTaps = weightsType.getDimSize(1);
    tapBlocks = weightsType.getDimSize(2);
  }
  blockBytes = kv * element.getIntOrFloatBitWidth() / 8;
  chunkBlocks =
      std::max<int64_t>(kChunkBytes / std::max<int64_t>(blockBytes, 1), 1);
}

LogicalResult ContractKernel::initialize(int64_t least) {
  auto [weightsRows, weightsColumns] = getWeightsShape();
  int64_t bytes =
      tiling.getRows() * getStageBytes() * staging.stages +
      weightsRows * weightsColumns * weightsType.getElementTypeBitWidth() / 8 +
      getBarrierBytes();
  if (bytes > kMaxSharedBytes)
    return op.emitOpError("expected stages of at most ")
           << kMaxSharedBytes << " bytes of shared memory, but got " << bytes;
  totalBlocks = numTaps * tapBlocks;
  steps = llvm::divideCeilSigned(
      llvm::divideCeilSigned(totalBlocks, staging.depth), staging.slices);
  // Slices of equal length: the last one may end past the end.
  isRagged = steps * staging.slices * staging.depth != totalBlocks;
  // What never lies across the end of a tap.
  int64_t rowBytes = depth * blockBytes / kv;
  int64_t unitBytes = tiling.getGather()                  ? blockBytes
                      : rowBytes % kChunkBytes == 0       ? kChunkBytes
                      : rowBytes % (kChunkBytes / 2) == 0 ? kChunkBytes / 2
                                                          : blockBytes;
  unitBlocks = std::max<int64_t>(unitBytes / blockBytes, 1);
  if (staging.stages < std::min(least, steps))
    return op.emitOpError("expected ")
           << std::min(least, steps) << " stages or more for "
           << steps * staging.depth << " k blocks of depth " << staging.depth;
  return success();
}

Value ContractKernel::getPad() {
  TypedAttr pad = op.getPadValue() ? *op.getPadValue()
                                   : cast<TypedAttr>(b.getZeroAttr(element));
  return arith::ConstantOp::create(b, pad);
}

void ContractKernel::emitIf(Value condition, llvm::function_ref<void()> then,
                            llvm::function_ref<void()> otherwise) {
  if (!condition)
    return then();
  auto branch =
      scf::IfOp::create(b, condition, /*withElseRegion=*/bool(otherwise));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  then();
  if (!otherwise)
    return;
  b.setInsertionPointToStart(branch.elseBlock());
  otherwise();
}

//===----------------------------------------------------------------------===//
// From global to shared memory
//===----------------------------------------------------------------------===//

ContractKernel::Row ContractKernel::getRow(Value number) {
  Row row;
  row.number = number;
  // Rows that share weights end within a block, unless they fill blocks.
  int64_t together = 1;
  for (int64_t size : outType.getShape().drop_back())
    if (!ShapedType::isDynamic(size))
      together *= size;
  if (op.getBatched())
    together = outType.getDimSize(outType.getRank() - 2);
  if (together % tiling.getRows() != 0)
    row.isValid = isBelow(number, limit);
  if (window)
    row.place.emplace(b, window, inputType, outType, number);
  return row;
}

ContractKernel::Position ContractKernel::getPosition(Value block) {
  Position position{block, constant(0), block, {}};
  if (numTaps > 1) {
    position.tap = divide(block, tapBlocks);
    position.inTap = remainder(block, tapBlocks);
  }
  if (isRagged)
    position.isValid = isBelow(block, constant(totalBlocks));
  return position;
}

std::pair<Value, Value> ContractKernel::getPixel(const Row &row, Value tap) {
  if (!row.place)
    return {row.number, Value()};
  int64_t width = window.getRowTaps();
  return row.place->getPosition(b, divide(tap, width), remainder(tap, width));
}

/// Zeros where `isValid` does not hold.
void ContractKernel::copy(Value source, ValueRange from, Value target,
                          ValueRange to, int64_t count, Value isValid) {
  Value present;
  if (isValid)
    present = arith::SelectOp::create(b, isValid, constant(count), constant(0));
  auto type = cast<MemRefType>(source.getType());
  bool isChunk = count * type.getElementTypeBitWidth() / 8 == kChunkBytes;
  nvgpu::DeviceAsyncCopyOp::create(
      b, nvgpu::DeviceAsyncTokenType::get(b.getContext()), target, to, source,
      from, b.getIndexAttr(count), present,
      isChunk ? b.getUnitAttr() : UnitAttr());
}

/// Rows past the end and k past the end read zero or the pad value: weights are
/// zero there, or the result is not stored.
void ContractKernel::loadInput(const Row &row, const Position &position,
                               ArrayRef<Value> target) {
  auto [pixel, isInside] = getPixel(row, position.tap);
  Value isValid = both(row.isValid, position.isValid);
  int64_t count = unitBlocks * kv;
  SmallVector<Value> from = {pixel, mul(b, position.inTap, kv)};
  bool isZero =
      !op.getPadValue() || *op.getPadValue() == b.getZeroAttr(element);
  if (!isInside || isZero)
    return copy(input, from, sharedInput, target, count,
                both(isValid, isInside));
  emitIf(
      isInside, [&] { copy(input, from, sharedInput, target, count, isValid); },
      [&] {
        Value pad = vector::BroadcastOp::create(
            b, VectorType::get({count}, element), getPad());
        auto store =
            vector::StoreOp::create(b, pad, sharedInput, ValueRange(target));
        store.setAlignment(unitBlocks * blockBytes);
      });
}

/// Rows are (tap, channel), end to end.
void ContractKernel::gatherInput(const Row &row, const Position &position,
                                 ArrayRef<Value> target) {
  int64_t taps = window ? window.getNumTaps() : 1;
  SmallVector<Value> elements;
  for (int64_t part = 0; part < kv; ++part) {
    Value k = add(b, mul(b, position.block, kv), part);
    auto [pixel, isInside] = getPixel(row, divide(k, depth));
    Value isValid =
        both(both(row.isValid, isInside), isBelow(k, constant(taps * depth)));
    Value row0 = pixel; // a lambda cannot capture a binding
    auto branch = scf::IfOp::create(b, element, isValid, /*withElse=*/true);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(branch.thenBlock());
    Value loaded =
        memref::LoadOp::create(b, input, ValueRange{row0, remainder(k, depth)});
    scf::YieldOp::create(b, loaded);
    b.setInsertionPointToStart(branch.elseBlock());
    scf::YieldOp::create(b, getPad());
    elements.push_back(branch.getResult(0));
  }
  Value vector = vector::FromElementsOp::create(
      b, VectorType::get({kv}, element), elements);
  auto store =
      vector::StoreOp::create(b, vector, sharedInput, ValueRange(target));
  store.setAlignment(blockBytes);
}

void ContractKernel::loadInput(Value step, Value stage, ArrayRef<Row> rows) {
  int64_t units = staging.depth / unitBlocks;
  int64_t perPass = threads / units, perChunk = chunkBlocks / unitBlocks;
  Value unit = remainder(thread, units), first = divide(thread, units);
  Position position = getPosition(
      add(b, mul(b, step, staging.depth), mul(b, unit, unitBlocks)));
  auto emit = [&](Value rowInTile, const Row &row) {
    Value chunk = swizzle(divide(unit, perChunk), rowInTile);
    SmallVector<Value> target = {
        add(b, mul(b, stage, tiling.getRows()), rowInTile),
        add(b, mul(b, chunk, chunkBlocks * kv),
            mul(b, remainder(unit, perChunk), unitBlocks * kv))};
    Value isBusy;
    if (tiling.getRows() % perPass != 0)
      isBusy = isBelow(rowInTile, constant(tiling.getRows()));
    emitIf(isBusy, [&] {
      if (tiling.getGather())
        gatherInput(row, position, target);
      else
        loadInput(row, position, target);
    });
  };
  if (rows.empty()) {
    emitLoop(b, constant(0), constant(getInputPasses()), 1, [&](Value pass) {
      Value rowInTile = add(b, first, mul(b, pass, perPass));
      emit(rowInTile, getRow(add(b, row0, rowInTile)));
    });
    return;
  }
  for (auto [pass, row] : llvm::enumerate(rows))
    emit(add(b, first, static_cast<int64_t>(pass) * perPass), row);
}

std::pair<Value, Value> ContractKernel::getPanel(Value panel, Value block) {
  int64_t existing = llvm::divideCeilSigned(channels, kPanelWidth);
  panel = add(b, divide(column0, kPanelWidth), panel);
  Value isValid;
  if (isRagged)
    isValid = isBelow(block, constant(totalBlocks));
  if (existing % panels != 0)
    isValid = both(isValid, isBelow(panel, constant(existing)));
  return {panel0 ? add(b, panel0, panel) : panel, isValid};
}

void ContractKernel::startFirstSteps(int64_t ahead, int64_t count,
                                     LoadStage load) {
  for (int64_t step = 0; step < ahead; ++step) {
    if (step < count)
      load(constant(step), constant(step));
    NVVM::CpAsyncCommitGroupOp::create(b);
  }
}

/// An empty group, too, keeps the count of those that wait.
void ContractKernel::startStep(Value step, int64_t ahead, int64_t count,
                               LoadStage load) {
  if (count > ahead) {
    Value later = add(b, step, ahead);
    emitIf(isBelow(later, constant(count)),
           [&] { load(later, remainder(later, staging.stages)); });
  }
  if (count > 1)
    NVVM::CpAsyncCommitGroupOp::create(b);
}

//===----------------------------------------------------------------------===//
// From sums to the output
//===----------------------------------------------------------------------===//

void ContractKernel::alignAccesses(Operation *op) {
  auto align = [](auto access, Type type) {
    auto vector = cast<VectorType>(type);
    access.setAlignment(std::min<uint64_t>(
        16, vector.getNumElements() * vector.getElementTypeBitWidth() / 8));
  };
  for (; op; op = op->getNextNode())
    if (auto load = dyn_cast<vector::LoadOp>(op))
      align(load, load.getType());
    else if (auto store = dyn_cast<vector::StoreOp>(op))
      align(store, store.getValueToStore().getType());
}

/// The epilogue, on as many neighbouring channels as a thread has, or as end
/// with the row.
void ContractKernel::store(ValueRange sums) {
  int64_t tiles = staging.warpRows / tileRows;
  int64_t groups = staging.warpColumns / kColumns / fragments;
  int64_t count = 2 * fragments, width = std::gcd(count, channels);
  auto type = VectorType::get({width}, op.getAccumulatorType());
  for (int64_t tile = 0; tile < tiles; ++tile)
    for (int64_t i = 0; i < 2; ++i) {
      Value inTile = add(b, add(b, warpRow, g), tile * tileRows + 8 * i);
      Row row = getRow(add(b, row0, inTile));
      emitIf(row.isValid, [&] {
        for (int64_t group = 0; group < groups; ++group)
          for (int64_t part = 0; part < count; part += width) {
            SmallVector<Value> parts;
            for (int64_t e = part; e < part + width; ++e) {
              int64_t f = e % fragments, j = e / fragments;
              parts.push_back(
                  sums[4 * ((tile * groups + group) * fragments + f) + 2 * i +
                       j]);
            }
            Value column = add(b, add(b, column0, warpColumn),
                               group * fragments * kColumns + part);
            column = add(b, column, mul(b, t, count));
            Value isInside;
            if (channels % tiling.getColumns() != 0)
              isInside = isBelow(column, constant(channels));
            emitIf(isInside, [&] {
              Operation *sum = vector::FromElementsOp::create(b, type, parts);
              if (workspace)
                vector::StoreOp::create(b, sum->getResult(0), workspace,
                                        ValueRange{slice, row.number, column});
              else
                writer.store(b, sum->getResult(0), row.number, column);
              alignAccesses(sum);
            });
          }
      });
    }
}

/// The sums of all slices, in their order, and the epilogue: a loop that
/// becomes a kernel of its own.
void ContractKernel::addSlices() {
  int64_t width = std::gcd(int64_t(4), channels);
  auto type = VectorType::get({width}, op.getAccumulatorType());
  emitForall(b, mul(b, limit, channels / width), /*cost=*/1, [&](Value i) {
    Value row = divide(i, channels / width);
    Value column = mul(b, remainder(i, channels / width), width);
    Value sum;
    for (int64_t number = 0; number < staging.slices; ++number) {
      auto part = vector::LoadOp::create(
          b, type, workspace, ValueRange{constant(number), row, column});
      if (!sum)
        sum = part;
      else if (type.getElementType().isInteger())
        sum = arith::AddIOp::create(b, sum, part);
      else
        sum = arith::AddFOp::create(b, sum, part);
    }
    writer.store(b, sum, row, column);
    alignAccesses(&b.getInsertionBlock()->front());
  });
}

//===----------------------------------------------------------------------===//
// The kernel
//===----------------------------------------------------------------------===//

void ContractKernel::locateThread() {
  lane = remainder(thread, kWarp);
  g = divide(lane, 4);
  t = remainder(lane, 4);
  locateWarp();
}

void ContractKernel::locateTile(Value tile) {
  step0 = constant(0);
  if (workspace) {
    slice = remainder(tile, staging.slices);
    tile = divide(tile, staging.slices);
    step0 = mul(b, slice, steps);
  }
  auto [rowBlock, columnBlock] = orderTile(tile);
  column0 = mul(b, columnBlock, tiling.getColumns());
  row0 = mul(b, rowBlock, tiling.getRows());
  if (!op.getBatched())
    return;
  int64_t height = outType.getDimSize(outType.getRank() - 2);
  int64_t perProduct = llvm::divideCeilSigned(height, tiling.getRows());
  Value product = divide(rowBlock, perProduct);
  Value first = mul(b, product, height);
  row0 =
      add(b, first, mul(b, remainder(rowBlock, perProduct), tiling.getRows()));
  limit = add(b, first, height);
  panel0 = mul(b, product, llvm::divideCeilSigned(channels, kPanelWidth));
}

/// Tiles of the output.
Value ContractKernel::getTiles() {
  int64_t rows = tiling.getRows();
  if (!op.getBatched())
    return mul(b, divide(add(b, limit, rows - 1), rows), getTileColumns());
  int64_t height = outType.getDimSize(outType.getRank() - 2);
  return mul(b, divide(limit, height),
             llvm::divideCeilSigned(height, rows) * getTileColumns());
}

LogicalResult ContractKernel::run(StringRef name) {
  if (failed(check()))
    return failure();
  input = collapseRows(b, op.getInput());
  weights = op.getWeights();
  if (!op.getBlocks())
    weights = memref::CollapseShapeOp::create(
        b, weights, SmallVector<ReassociationIndices>{{0}, {1, 2}, {3, 4}});
  limit = b.createOrFold<memref::DimOp>(writer.getRows(), 0);
  Value tiles = getTiles();
  if (staging.slices > 1) {
    tiles = mul(b, tiles, staging.slices);
    SmallVector<Value> dynamic;
    if (!getConstantIntValue(limit))
      dynamic.push_back(limit);
    workspace = memref::AllocOp::create(
        b,
        MemRefType::get(
            {staging.slices,
             getConstantIntValue(limit).value_or(ShapedType::kDynamic),
             channels},
            op.getAccumulatorType()),
        dynamic);
  }
  auto shared = [&](int64_t rows, int64_t columns, Type type) -> Type {
    return MemRefType::get({rows, columns}, type, MemRefLayoutAttrInterface(),
                           getSharedSpace(b.getContext()));
  };
  auto [weightsRows, weightsColumns] = getWeightsShape();
  gpu::LaunchOp launch = createLaunch(
      b, name, getGrid(tiles), threads,
      {shared(staging.stages * tiling.getRows(), staging.depth * kv, element),
       shared(weightsRows, weightsColumns, weightsType.getElementType())},
      getBarrierBytes());
  sharedInput = launch.getWorkgroupAttributions()[0];
  sharedWeights = launch.getWorkgroupAttributions()[1];
  b.setInsertionPointToStart(&launch.getBody().front());
  thread = launch.getThreadIds().x;
  Value rows = limit;
  emitBlock(launch, tiles);
  gpu::TerminatorOp::create(b);
  limit = rows; // a tile of one of several products has its own
  if (workspace) {
    b.setInsertionPointAfter(launch);
    addSlices();
  }
  return success();
}

/// The tile of its number.
void ContractKernel::emitBlock(gpu::LaunchOp launch, Value) {
  locateThread();
  locateTile(launch.getBlockIds().x);
  SmallVector<Row> rows;
  if (getInputPasses() <= kKeptRows) {
    int64_t units = staging.depth / unitBlocks;
    for (int64_t pass = 0; pass < getInputPasses(); ++pass)
      rows.push_back(getRow(add(b, add(b, row0, divide(thread, units)),
                                pass * (threads / units))));
  }
  SmallVector<Value> sums = multiply([&](Value step, Value stage) {
    loadInput(add(b, step0, step), stage, rows);
    loadWeights(add(b, step0, step), stage);
  });
  store(sums);
}
