//===- LowerMMA.cpp - kernel.contract on tensor cores ---------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// mma.sync multiplies 16 rows by 8 columns over k = 8·kv, where a register of 32
// bits holds kv neighbours in k. In terms of g = lane / 4 and t = lane % 4, and
// of blocks of kv values along k:
//
//   A[i + 2h]   row g + 8i, block t + 4h
//   B[h]        column g,   block t + 4h
//   C[2i + j]   row g + 8i, column 2t + j
//
// A: a stage holds rows of `depth` blocks, in chunks of four blocks, 16 bytes.
// ldmatrix reads chunks of eight rows at once; they stand where the chunk's
// number xor some bits of the row's says, so that all are in different banks.
//
// B: packed weights are blocks × 16 columns × kv, and so is a stage, panel by
// panel. Which output channel a column of mma.sync is may be chosen: column g
// of fragment f is channel F·g + f, with F fragments for two panels (or one).
// A lane then reads the registers of F fragments at once, and the results of
// row g + 8i are 2F neighbouring channels. Chunks of 16 bytes are swapped
// likewise, by bit 1 of the block.
//
//===----------------------------------------------------------------------===//

#include "Launch.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mpc/Codegen/OutputTile.h"
#include "mpc/Codegen/Staging.h"
#include "mpc/GPU/Passes.h"
#include "llvm/Support/MathExtras.h"
#include <numeric>

namespace mpc {
#define GEN_PASS_DEF_LOWERMMA
#include "mpc/GPU/Passes.h.inc"
} // namespace mpc

using namespace mlir;
using namespace mpc;
using namespace mpc::kernel;

/// Of mma.sync; a warp has as many threads as the product of two of them.
static constexpr int64_t kRows = 16, kColumns = 8, kWarp = 32;

/// Blocks of kv values along k that one instruction reads, and their bytes.
static constexpr int64_t kBlocks = 8, kBlockBytes = 4;

/// What cp.async copies and ldmatrix reads at once.
static constexpr int64_t kChunkBytes = 16;
static constexpr int64_t kChunkBlocks = kChunkBytes / kBlockBytes;

/// Rows of the input whose place each thread keeps in registers; of more it
/// computes the places again in every step.
static constexpr int64_t kKeptRows = 4;

namespace {

class MMALowering {
public:
  explicit MMALowering(ContractOp op)
      : op(op), b(op.getLoc(), op), tiling(op.getTiling()),
        staging(Staging::read(op)), window(op.getWindowAttr()),
        inputType(cast<MemRefType>(op.getInput().getType())),
        weightsType(cast<MemRefType>(op.getWeights().getType())),
        outType(cast<MemRefType>(op.getOut().getType())),
        writer(b, op.getEpilogue(), op.getExtras(), op.getExtraMaps(),
               op.getOut()) {
    if (window && window.isPointwise())
      window = {};
    kv = tiling.getKv();
    channels = outType.getShape().back();
    depth = inputType.getShape().back();
    element = inputType.getElementType();
    panels = tiling.getColumns() / kPanelWidth;
  }

  LogicalResult run(StringRef name);

private:
  LogicalResult check();
  void initialize() {
    threads = tiling.getRows() / staging.warpRows *
              (tiling.getColumns() / staging.warpColumns) * kWarp;
    totalBlocks = weightsType.getDimSize(1) * weightsType.getDimSize(2);
    steps = llvm::divideCeilSigned(
        llvm::divideCeilSigned(totalBlocks, staging.depth), staging.slices);
    // Slices of equal length: the last one may end past the end.
    isRagged = steps * staging.slices * staging.depth != totalBlocks;
    // What never lies across the end of a tap.
    int64_t rowBytes = depth * kBlockBytes / kv;
    unitBlocks = tiling.getGather() ? 1
                 : rowBytes % 16 == 0 ? 4
                 : rowBytes % 8 == 0  ? 2
                                      : 1;
    fragments = staging.warpColumns % (2 * kPanelWidth) == 0 ? 4 : 2;
  }

  /// A row of the output that a thread reads the input of.
  struct Row {
    Value number, isValid;
    std::optional<WindowRow> place;
  };
  /// A position along k: a block of kv values of a tap.
  struct Position {
    Value block, tap, inTap, isValid;
  };

  Value constant(int64_t value) { return indexConstant(b, value); }
  Value divide(Value value, int64_t by) {
    return b.createOrFold<arith::DivUIOp>(value, constant(by));
  }
  Value remainder(Value value, int64_t by) {
    return b.createOrFold<arith::RemUIOp>(value, constant(by));
  }
  Value exclusiveOr(Value lhs, Value rhs) {
    return b.createOrFold<arith::XOrIOp>(lhs, rhs);
  }
  Value isBelow(Value value, Value bound) {
    return arith::CmpIOp::create(b, arith::CmpIPredicate::ult, value, bound);
  }
  Value both(Value lhs, Value rhs) {
    if (!lhs || !rhs)
      return lhs ? lhs : rhs;
    return arith::AndIOp::create(b, lhs, rhs);
  }
  /// What a null condition stands for: `then`, without a branch.
  void emitIf(Value condition, llvm::function_ref<void()> then,
              llvm::function_ref<void()> otherwise = nullptr);

  void locateBlock(gpu::LaunchOp launch);
  Row getRow(Value number);
  Position getPosition(Value block);
  /// Number of the input's row, and whether it lies inside of the picture.
  std::pair<Value, Value> getPixel(const Row &row, Value tap);
  /// `rows` are those of the passes, or empty.
  void loadInput(Value step, Value stage, ArrayRef<Row> rows);
  void loadInput(const Row &row, const Position &position,
                 ArrayRef<Value> target);
  void gatherInput(const Row &row, const Position &position,
                   ArrayRef<Value> target);
  void loadWeights(Value step, Value stage);
  void copy(Value source, ValueRange from, Value target, ValueRange to,
            int64_t count, Value isValid);
  /// As operands of mma.sync are typed: part `index` of `count`.
  Value toRegister(Value vector, int64_t index);
  SmallVector<Value> multiply(ValueRange a, ValueRange w, ValueRange c);
  SmallVector<Value> multiplyStage(Value stage, ValueRange sums);
  void store(ValueRange sums);
  void addSlices();

  Value getPad() {
    TypedAttr pad = op.getPadValue() ? *op.getPadValue()
                                     : cast<TypedAttr>(b.getZeroAttr(element));
    return arith::ConstantOp::create(b, pad);
  }
  /// Chunk `chunk` of row `row` of a stage of A stands here.
  Value swizzle(Value chunk, Value row) {
    int64_t chunks = staging.depth / kChunkBlocks;
    return exclusiveOr(chunk, remainder(divide(row, 8 / chunks), chunks));
  }
  int64_t getInputPasses() {
    int64_t perPass = threads / (staging.depth / unitBlocks);
    return llvm::divideCeilSigned(tiling.getRows(), perPass);
  }

  ContractOp op;
  ImplicitLocOpBuilder b;
  TilingAttr tiling;
  Staging staging;
  WindowAttr window;
  MemRefType inputType, weightsType, outType;
  OutputWriter writer;
  Type element;
  Value input, weights, sharedInput, sharedWeights;
  Value thread, lane, g, t, warpRow, warpColumn; // of this thread
  Value row0, column0, limit, slice, step0;      // of this block
  Value workspace; // sums of slices × rows × channels, null without slices
  Value panel0; // the product's first panel, null if all share weights
  int64_t kv, channels, depth, panels;
  int64_t threads = 0, totalBlocks = 0, steps = 0;
  int64_t unitBlocks = 0; // what a thread copies at once of the input
  bool isRagged = false; // k ends before the last step does
  int64_t fragments = 0; // of mma.sync, that a lane reads weights of at once
};

} // namespace

void MMALowering::emitIf(Value condition, llvm::function_ref<void()> then,
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

MMALowering::Row MMALowering::getRow(Value number) {
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

MMALowering::Position MMALowering::getPosition(Value block) {
  int64_t blocks = weightsType.getDimSize(2);
  Position position{block, constant(0), block, {}};
  if (weightsType.getDimSize(1) > 1) {
    position.tap = divide(block, blocks);
    position.inTap = remainder(block, blocks);
  }
  if (isRagged)
    position.isValid = isBelow(block, constant(totalBlocks));
  return position;
}

std::pair<Value, Value> MMALowering::getPixel(const Row &row, Value tap) {
  if (!row.place)
    return {row.number, Value()};
  int64_t width = window.getSizes()[1];
  return row.place->getPosition(b, divide(tap, width), remainder(tap, width));
}

/// Zeros where `isValid` does not hold.
void MMALowering::copy(Value source, ValueRange from, Value target,
                       ValueRange to, int64_t count, Value isValid) {
  Value present;
  if (isValid)
    present = arith::SelectOp::create(b, isValid, constant(count), constant(0));
  bool isChunk = count * element.getIntOrFloatBitWidth() / 8 == kChunkBytes;
  nvgpu::DeviceAsyncCopyOp::create(
      b, nvgpu::DeviceAsyncTokenType::get(b.getContext()), target, to, source,
      from, b.getIndexAttr(count), present,
      isChunk ? b.getUnitAttr() : UnitAttr());
}

/// Rows past the end and k past the end read zero or the pad value: weights are
/// zero there, or the result is not stored.
void MMALowering::loadInput(const Row &row, const Position &position,
                            ArrayRef<Value> target) {
  auto [pixel, isInside] = getPixel(row, position.tap);
  Value isValid = both(row.isValid, position.isValid);
  int64_t count = unitBlocks * kv;
  SmallVector<Value> from = {pixel, mul(b, position.inTap, kv)};
  bool isZero = !op.getPadValue() || *op.getPadValue() == b.getZeroAttr(element);
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
        store.setAlignment(unitBlocks * kBlockBytes);
      });
}

/// Rows are (tap, channel), end to end.
void MMALowering::gatherInput(const Row &row, const Position &position,
                              ArrayRef<Value> target) {
  int64_t taps = window ? window.getNumTaps() : 1;
  SmallVector<Value> elements;
  for (int64_t part = 0; part < kv; ++part) {
    Value k = add(b, mul(b, position.block, kv), part);
    auto [pixel, isInside] = getPixel(row, divide(k, depth));
    Value isValid = both(both(row.isValid, isInside),
                         isBelow(k, constant(taps * depth)));
    Value row0 = pixel; // a lambda cannot capture a binding
    auto branch = scf::IfOp::create(b, element, isValid, /*withElse=*/true);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(branch.thenBlock());
    Value loaded = memref::LoadOp::create(
        b, input, ValueRange{row0, remainder(k, depth)});
    scf::YieldOp::create(b, loaded);
    b.setInsertionPointToStart(branch.elseBlock());
    scf::YieldOp::create(b, getPad());
    elements.push_back(branch.getResult(0));
  }
  Value vector = vector::FromElementsOp::create(
      b, VectorType::get({kv}, element), elements);
  auto store =
      vector::StoreOp::create(b, vector, sharedInput, ValueRange(target));
  store.setAlignment(kBlockBytes);
}

void MMALowering::loadInput(Value step, Value stage, ArrayRef<Row> rows) {
  int64_t units = staging.depth / unitBlocks;
  int64_t perPass = threads / units, perChunk = kChunkBlocks / unitBlocks;
  Value unit = remainder(thread, units), first = divide(thread, units);
  Position position = getPosition(
      add(b, mul(b, step, staging.depth), mul(b, unit, unitBlocks)));
  auto emit = [&](Value rowInTile, const Row &row) {
    Value chunk = swizzle(divide(unit, perChunk), rowInTile);
    SmallVector<Value> target = {
        add(b, mul(b, stage, tiling.getRows()), rowInTile),
        add(b, mul(b, chunk, kChunkBlocks * kv),
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

void MMALowering::loadWeights(Value step, Value stage) {
  int64_t perPanel = staging.depth * kPanelWidth * kBlockBytes / kChunkBytes;
  int64_t perBlock = perPanel / staging.depth;
  int64_t total = panels * perPanel;
  int64_t existing = llvm::divideCeilSigned(channels, kPanelWidth);
  for (int64_t pass = 0; pass * threads < total; ++pass) {
    Value number = add(b, thread, pass * threads);
    Value isBusy;
    if (total % threads != 0)
      isBusy = isBelow(number, constant(total));
    emitIf(isBusy, [&] {
      Value panel = divide(number, perPanel);
      Value inStage = remainder(divide(number, perBlock), staging.depth);
      Value chunk = remainder(number, perBlock);
      Value block = add(b, mul(b, step, staging.depth), inStage);
      Value source = add(b, divide(column0, kPanelWidth), panel), isValid;
      if (isRagged)
        isValid = isBelow(block, constant(totalBlocks));
      if (existing % panels != 0)
        isValid = both(isValid, isBelow(source, constant(existing)));
      if (panel0)
        source = add(b, panel0, source);
      Value swapped =
          exclusiveOr(chunk, mul(b, remainder(divide(inStage, 2), 2), 2));
      int64_t count = kChunkBlocks * kv;
      Value row = add(b, mul(b, add(b, mul(b, stage, panels), panel),
                             staging.depth),
                      inStage);
      copy(weights, {source, block, mul(b, chunk, count)}, sharedWeights,
           {row, mul(b, swapped, count)}, count, isValid);
    });
  }
}

//===----------------------------------------------------------------------===//
// From shared memory to sums
//===----------------------------------------------------------------------===//

Value MMALowering::toRegister(Value vector, int64_t index) {
  if (element.isF16())
    return vector::ExtractStridedSliceOp::create(
        b, vector, ArrayRef<int64_t>{index * kv}, ArrayRef<int64_t>{kv},
        ArrayRef<int64_t>{1});
  int64_t count = cast<VectorType>(vector.getType()).getNumElements() / kv;
  Value bits = vector::BitCastOp::create(
      b, VectorType::get({count}, b.getI32Type()), vector);
  return vector::ExtractOp::create(b, bits, ArrayRef<int64_t>{index});
}

SmallVector<Value> MMALowering::multiply(ValueRange a, ValueRange w,
                                         ValueRange c) {
  Type sum = op.getAccumulatorType();
  bool isInteger = sum.isInteger();
  NVVM::MMATypes input = NVVM::MMATypes::s8, other = NVVM::MMATypes::s8;
  if (isInteger && op.getUnsignedInput())
    input = NVVM::MMATypes::u8;
  if (!isInteger)
    input = other =
        element.isF16() ? NVVM::MMATypes::f16 : NVVM::MMATypes::bf16;
  auto result = LLVM::LLVMStructType::getLiteral(b.getContext(),
                                                 SmallVector<Type>(4, sum));
  std::optional<NVVM::MMAIntOverflow> overflow;
  if (isInteger)
    overflow = NVVM::MMAIntOverflow::wrapped;
  Value product = NVVM::MmaOp::create(
      b, result, a, w, c, ArrayRef<int64_t>{kRows, kColumns, kBlocks * kv},
      std::nullopt, overflow, std::array<NVVM::MMATypes, 2>{input, other},
      std::array<NVVM::MMALayout, 2>{NVVM::MMALayout::row,
                                     NVVM::MMALayout::col});
  SmallVector<Value> sums;
  for (int64_t i = 0; i < 4; ++i)
    sums.push_back(LLVM::ExtractValueOp::create(b, product, i));
  return sums;
}

/// `sums`: of each 16 rows, of each 8 columns, four.
SmallVector<Value> MMALowering::multiplyStage(Value stage, ValueRange sums) {
  int64_t tiles = staging.warpRows / kRows;
  int64_t groups = staging.warpColumns / kColumns / fragments;
  Value inTile = remainder(lane, kRows), half = divide(lane, kRows);
  auto matrices = VectorType::get({4, kv}, element);
  auto lanes = VectorType::get({fragments * kv}, element);
  // Where a lane's chunk of weights stands: its channels are F·g to F·g + F-1.
  int64_t perChunk = kChunkBlocks / fragments;
  Value groupPanel = divide(g, kChunkBlocks * perChunk);
  Value chunk = exclusiveOr(remainder(divide(g, perChunk), kChunkBlocks),
                            mul(b, divide(t, 2), 2));
  Value column = add(b, mul(b, chunk, kChunkBlocks * kv),
                     mul(b, remainder(g, perChunk), fragments * kv));
  SmallVector<Value> next(sums);
  for (int64_t k = 0; k < staging.depth / kBlocks; ++k) {
    SmallVector<SmallVector<Value>> a;
    for (int64_t tile = 0; tile < tiles; ++tile) {
      Value row = add(b, add(b, warpRow, inTile), tile * kRows);
      Value from = swizzle(add(b, half, 2 * k), inTile);
      Value loaded = nvgpu::LdMatrixOp::create(
          b, matrices, sharedInput,
          ValueRange{add(b, mul(b, stage, tiling.getRows()), row),
                     mul(b, from, kChunkBlocks * kv)},
          /*transpose=*/false, /*numTiles=*/4);
      SmallVector<Value> registers;
      for (int64_t i = 0; i < 4; ++i)
        registers.push_back(toRegister(
            vector::ExtractOp::create(b, loaded, ArrayRef<int64_t>{i}), 0));
      a.push_back(std::move(registers));
    }
    for (int64_t group = 0; group < groups; ++group) {
      Value halves[2];
      for (int64_t h = 0; h < 2; ++h) {
        Value panel = add(b, divide(warpColumn, kPanelWidth), groupPanel);
        panel = add(b, panel, group * fragments / 2);
        Value row = add(b, mul(b, add(b, mul(b, stage, panels), panel),
                               staging.depth),
                        add(b, t, k * kBlocks + 4 * h));
        auto load = vector::LoadOp::create(b, lanes, sharedWeights,
                                           ValueRange{row, column});
        load.setAlignment(fragments * kBlockBytes);
        halves[h] = load;
      }
      for (int64_t f = 0; f < fragments; ++f) {
        SmallVector<Value> w = {toRegister(halves[0], f),
                                toRegister(halves[1], f)};
        for (int64_t tile = 0; tile < tiles; ++tile) {
          int64_t at = 4 * ((tile * groups + group) * fragments + f);
          SmallVector<Value> result =
              multiply(a[tile], w, ValueRange(next).slice(at, 4));
          llvm::copy(result, next.begin() + at);
        }
      }
    }
  }
  return next;
}

/// Vectors after `op` in its block stand end to end in rows of a whole number of
/// them: they are as aligned as they are long.
static void alignAccesses(Operation *op) {
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
void MMALowering::store(ValueRange sums) {
  int64_t tiles = staging.warpRows / kRows;
  int64_t groups = staging.warpColumns / kColumns / fragments;
  int64_t count = 2 * fragments, width = std::gcd(count, channels);
  auto type = VectorType::get({width}, op.getAccumulatorType());
  for (int64_t tile = 0; tile < tiles; ++tile)
    for (int64_t i = 0; i < 2; ++i) {
      Value inTile = add(b, add(b, warpRow, g), tile * kRows + 8 * i);
      Row row = getRow(add(b, row0, inTile));
      emitIf(row.isValid, [&] {
        for (int64_t group = 0; group < groups; ++group)
          for (int64_t part = 0; part < count; part += width) {
            SmallVector<Value> parts;
            for (int64_t e = part; e < part + width; ++e) {
              int64_t f = e % fragments, j = e / fragments;
              parts.push_back(sums[4 * ((tile * groups + group) * fragments + f) +
                                   2 * i + j]);
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
void MMALowering::addSlices() {
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

LogicalResult MMALowering::check() {
  bool fits = kv == 4 ? element.isInteger(8)
                      : element.isF16() || element.isBF16();
  if (!fits || weightsType.getElementType() != element || op.getBlocks())
    return op.emitOpError("expected 8-bit integers with kv = 4 or f16 or bf16 "
                          "with kv = 2 for mma");
  auto divides = [](int64_t part, int64_t whole) {
    return part > 0 && part % 16 == 0 && whole % part == 0;
  };
  bool isDepth = llvm::is_contained({8, 16, 32}, staging.depth);
  int64_t warps = 0;
  if (divides(staging.warpRows, tiling.getRows()) &&
      divides(staging.warpColumns, tiling.getColumns()))
    warps = tiling.getRows() / staging.warpRows *
            (tiling.getColumns() / staging.warpColumns);
  if (!isDepth || warps > 32 || !llvm::isPowerOf2_64(warps) ||
      staging.stages < 1 || staging.slices < 1)
    return op.emitOpError("expected '")
           << kStagingAttrName << "' with tiles of multiples of 16 for 1, 2, 4, "
           << "... 32 warps that fill the block, a depth of 8, 16 or 32, "
              "stages and slices";
  int64_t bytes = (tiling.getRows() + tiling.getColumns()) * kBlockBytes *
                  staging.depth * staging.stages;
  if (bytes > kSharedBytes)
    return op.emitOpError("expected stages of at most ")
           << kSharedBytes << " bytes of shared memory, but got " << bytes;
  initialize();
  if (staging.stages == 1 && steps > 1)
    return op.emitOpError("expected two stages or more for ")
           << steps * staging.depth << " k blocks of depth " << staging.depth;
  return success();
}

/// The first row and column of this block, and those of this thread's warp.
void MMALowering::locateBlock(gpu::LaunchOp launch) {
  int64_t groups = llvm::divideCeilSigned(channels, tiling.getColumns());
  thread = launch.getThreadIds().x;
  Value block = launch.getBlockIds().x;
  step0 = constant(0);
  if (workspace) {
    slice = remainder(block, staging.slices);
    block = divide(block, staging.slices);
    step0 = mul(b, slice, steps);
  }
  lane = remainder(thread, kWarp);
  g = divide(lane, 4);
  t = remainder(lane, 4);
  Value warp = divide(thread, kWarp);
  int64_t across = tiling.getColumns() / staging.warpColumns;
  warpRow = mul(b, divide(warp, across), staging.warpRows);
  warpColumn = mul(b, remainder(warp, across), staging.warpColumns);
  column0 = mul(b, remainder(block, groups), tiling.getColumns());
  Value rowBlock = divide(block, groups);
  row0 = mul(b, rowBlock, tiling.getRows());
  if (!op.getBatched())
    return;
  int64_t height = outType.getDimSize(outType.getRank() - 2);
  int64_t perProduct = llvm::divideCeilSigned(height, tiling.getRows());
  Value product = divide(rowBlock, perProduct);
  Value first = mul(b, product, height);
  row0 = add(b, first,
             mul(b, remainder(rowBlock, perProduct), tiling.getRows()));
  limit = add(b, first, height);
  panel0 = mul(b, product, llvm::divideCeilSigned(channels, kPanelWidth));
}

LogicalResult MMALowering::run(StringRef name) {
  if (failed(check()))
    return failure();
  input = collapseRows(b, op.getInput());
  weights = memref::CollapseShapeOp::create(
      b, op.getWeights(),
      SmallVector<ReassociationIndices>{{0}, {1, 2}, {3, 4}});
  int64_t groups = llvm::divideCeilSigned(channels, tiling.getColumns());
  limit = b.createOrFold<memref::DimOp>(writer.getRows(), 0);
  Value blocks;
  if (op.getBatched()) {
    int64_t height = outType.getDimSize(outType.getRank() - 2);
    blocks = mul(b, divide(limit, height),
                 llvm::divideCeilSigned(height, tiling.getRows()) * groups);
  } else {
    blocks = mul(b, divide(add(b, limit, tiling.getRows() - 1),
                           tiling.getRows()),
                 groups);
  }
  if (staging.slices > 1) {
    blocks = mul(b, blocks, staging.slices);
    SmallVector<Value> dynamic;
    if (!getConstantIntValue(limit))
      dynamic.push_back(limit);
    workspace = memref::AllocOp::create(
        b,
        MemRefType::get({staging.slices,
                         getConstantIntValue(limit).value_or(ShapedType::kDynamic),
                         channels},
                        op.getAccumulatorType()),
        dynamic);
  }
  int64_t stages = staging.stages, blocksOfStage = staging.depth;
  auto shared = [&](int64_t rows, int64_t columns) -> Type {
    auto space = gpu::AddressSpaceAttr::get(b.getContext(),
                                            gpu::AddressSpace::Workgroup);
    return MemRefType::get({rows, columns}, element, MemRefLayoutAttrInterface(),
                           space);
  };
  gpu::LaunchOp launch = createLaunch(
      b, name, blocks, threads,
      {shared(stages * tiling.getRows(), blocksOfStage * kv),
       shared(stages * panels * blocksOfStage, kPanelWidth * kv)});
  sharedInput = launch.getWorkgroupAttributions()[0];
  sharedWeights = launch.getWorkgroupAttributions()[1];
  b.setInsertionPointToStart(&launch.getBody().front());
  locateBlock(launch);

  SmallVector<Row> rows;
  if (getInputPasses() <= kKeptRows) {
    int64_t units = blocksOfStage / unitBlocks;
    for (int64_t pass = 0; pass < getInputPasses(); ++pass)
      rows.push_back(getRow(add(b, add(b, row0, divide(thread, units)),
                                pass * (threads / units))));
  }
  auto load = [&](Value step, Value stage) {
    loadInput(add(b, step0, step), stage, rows);
    loadWeights(add(b, step0, step), stage);
  };
  // All stages but one are under way before the first is multiplied.
  int64_t ahead = std::max<int64_t>(stages - 1, 1);
  for (int64_t step = 0; step < ahead; ++step) {
    if (step < steps)
      load(constant(step), constant(step));
    NVVM::CpAsyncCommitGroupOp::create(b);
  }
  int64_t tiles = staging.warpRows / kRows;
  Value zero =
      arith::ConstantOp::create(b, b.getZeroAttr(op.getAccumulatorType()));
  SmallVector<Value> init(
      4 * tiles * staging.warpColumns / kColumns, zero);
  SmallVector<Value> sums =
      emitLoop(b, steps, init, [&](Value step, ValueRange carried) {
        NVVM::CpAsyncWaitGroupOp::create(
            b, b.getI32IntegerAttr(static_cast<int32_t>(ahead - 1)));
        // Everybody's copies have come, and the stage before is read.
        gpu::BarrierOp::create(b);
        if (steps > ahead) {
          Value later = add(b, step, ahead);
          emitIf(isBelow(later, constant(steps)),
                 [&] { load(later, remainder(later, stages)); });
        }
        // An empty group, too, keeps the count of those that wait.
        if (steps > 1)
          NVVM::CpAsyncCommitGroupOp::create(b);
        return multiplyStage(remainder(step, stages), carried);
      });
  store(sums);
  gpu::TerminatorOp::create(b);
  if (workspace) {
    b.setInsertionPointAfter(launch);
    addSlices();
  }
  return success();
}

namespace {

struct LowerMMAPass : public mpc::impl::LowerMMABase<LowerMMAPass> {
  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      SmallVector<ContractOp> ops;
      function.walk([&](ContractOp op) {
        if (op.getTiling().getIntrinsic() == Intrinsic::mma)
          ops.push_back(op);
      });
      for (auto [index, op] : llvm::enumerate(ops)) {
        if (!isa<MemRefType>(op.getOut().getType())) {
          op.emitOpError("expected memrefs; bufferize first");
          return signalPassFailure();
        }
        std::string name = (function.getName() + "_mma" + Twine(index)).str();
        if (failed(MMALowering(op).run(name)))
          return signalPassFailure();
        op.erase();
      }
    }
  }
};

} // namespace
