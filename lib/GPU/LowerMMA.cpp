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
// Packed weights are blocks × 16 columns × kv, and so are B's registers: eight
// neighbouring lanes read 32 bytes in a row.
//
//===----------------------------------------------------------------------===//

#include "Launch.h"
#include "mpc/Codegen/OutputTile.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mpc/GPU/Passes.h"
#include "llvm/Support/MathExtras.h"

namespace mpc {
#define GEN_PASS_DEF_LOWERMMA
#include "mpc/GPU/Passes.h.inc"
} // namespace mpc

using namespace mlir;
using namespace mpc;
using namespace mpc::kernel;

/// Of mma.sync; a warp has as many threads as the product of two of them.
static constexpr int64_t kRows = 16, kColumns = 8, kWarp = 32;

/// Blocks of kv values along k that one instruction reads.
static constexpr int64_t kBlocks = 8;

namespace {

class MMALowering {
public:
  explicit MMALowering(ContractOp op)
      : op(op), b(op.getLoc(), op), tiling(op.getTiling()),
        window(op.getWindowAttr()),
        inputType(cast<MemRefType>(op.getInput().getType())),
        weightsType(cast<MemRefType>(op.getWeights().getType())),
        outType(cast<MemRefType>(op.getOut().getType())),
        writer(b, op.getEpilogue(), op.getExtras(), op.getExtraMaps(),
               op.getOut()),
        input(collapseRows(b, op.getInput())) {
    if (window && window.isPointwise())
      window = {};
    kv = tiling.getKv();
    channels = outType.getShape().back();
    depth = inputType.getShape().back();
    registerType = VectorType::get({kv}, inputType.getElementType());
  }

  LogicalResult run(StringRef name);

private:
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
  Value isBelow(Value value, Value bound) {
    return arith::CmpIOp::create(b, arith::CmpIPredicate::ult, value, bound);
  }
  Value both(Value lhs, Value rhs) {
    if (!lhs || !rhs)
      return lhs ? lhs : rhs;
    return arith::AndIOp::create(b, lhs, rhs);
  }
  /// `then` where `condition` holds, else `otherwise`.
  Value choose(Value condition, Value otherwise,
               llvm::function_ref<Value()> then);

  Position getPosition(Value block);
  /// Number of the input's row, and whether it lies inside of the picture.
  std::pair<Value, Value> getPixel(const Row &row, Value tap);
  Value loadInput(const Row &row, const Position &position);
  Value gatherInput(const Row &row, const Position &position);
  Value loadWeights(Value column, const Position &position);
  /// As operands of mma.sync are typed.
  Value toRegister(Value vector);
  SmallVector<Value> multiply(ArrayRef<Value> a, ArrayRef<Value> w,
                              ValueRange c);
  void store(ValueRange accumulators, ArrayRef<Row> rows, Value column);

  ContractOp op;
  ImplicitLocOpBuilder b;
  TilingAttr tiling;
  WindowAttr window;
  MemRefType inputType, weightsType, outType;
  OutputWriter writer;
  Value input;
  Value panel0; // the product's first panel, null if all share weights
  int64_t kv, channels, depth;
  VectorType registerType;
};

} // namespace

Value MMALowering::choose(Value condition, Value otherwise,
                          llvm::function_ref<Value()> then) {
  auto branch =
      scf::IfOp::create(b, otherwise.getType(), condition, /*withElse=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  scf::YieldOp::create(b, then());
  b.setInsertionPointToStart(branch.elseBlock());
  scf::YieldOp::create(b, otherwise);
  return branch.getResult(0);
}

MMALowering::Position MMALowering::getPosition(Value block) {
  int64_t taps = weightsType.getDimSize(1), blocks = weightsType.getDimSize(2);
  Position position{block, constant(0), block, {}};
  if (taps > 1) {
    position.tap = divide(block, blocks);
    position.inTap = remainder(block, blocks);
  }
  if (taps * blocks % kBlocks != 0)
    position.isValid = isBelow(block, constant(taps * blocks));
  return position;
}

std::pair<Value, Value> MMALowering::getPixel(const Row &row, Value tap) {
  if (!row.place)
    return {row.number, Value()};
  int64_t width = window.getSizes()[1];
  return row.place->getPosition(b, divide(tap, width), remainder(tap, width));
}

/// Rows past the end and k past the end read the pad value or zero: weights are
/// zero there, or the result is not stored.
Value MMALowering::loadInput(const Row &row, const Position &position) {
  if (tiling.getGather())
    return gatherInput(row, position);
  auto [pixel, isInside] = getPixel(row, position.tap);
  Value isValid = both(both(row.isValid, position.isValid), isInside);
  TypedAttr pad = op.getPadValue() ? *op.getPadValue()
                                   : b.getZeroAttr(inputType.getElementType());
  Value padding = arith::ConstantOp::create(
      b, DenseElementsAttr::get(registerType, ArrayRef<Attribute>{pad}));
  Value row0 = pixel;
  return choose(isValid, padding, [&]() -> Value {
    auto load = vector::LoadOp::create(
        b, registerType, input, ValueRange{row0, mul(b, position.inTap, kv)});
    load.setAlignment(4);
    return load;
  });
}

/// Rows are (tap, channel), end to end.
Value MMALowering::gatherInput(const Row &row, const Position &position) {
  int64_t taps = window ? window.getNumTaps() : 1;
  TypedAttr pad = op.getPadValue() ? *op.getPadValue()
                                   : b.getZeroAttr(inputType.getElementType());
  SmallVector<Value> elements;
  for (int64_t part = 0; part < kv; ++part) {
    Value k = add(b, mul(b, position.block, kv), part);
    auto [pixel, isInside] = getPixel(row, divide(k, depth));
    Value isValid = both(both(row.isValid, isInside),
                         isBelow(k, constant(taps * depth)));
    Value padding = arith::ConstantOp::create(b, pad), row0 = pixel;
    elements.push_back(choose(isValid, padding, [&]() -> Value {
      return memref::LoadOp::create(b, input,
                                    ValueRange{row0, remainder(k, depth)});
    }));
  }
  return vector::FromElementsOp::create(b, registerType, elements);
}

Value MMALowering::loadWeights(Value column, const Position &position) {
  Value panel = divide(column, kPanelWidth);
  Value isValid = position.isValid;
  int64_t panels = llvm::divideCeilSigned(channels, kPanelWidth);
  if (panels * kPanelWidth % tiling.getColumns() != 0)
    isValid = both(isValid, isBelow(panel, constant(panels)));
  if (panel0)
    panel = add(b, panel0, panel);
  auto type = VectorType::get({kv}, weightsType.getElementType());
  auto emit = [&]() -> Value {
    auto load = vector::LoadOp::create(
        b, type, op.getWeights(),
        ValueRange{panel, position.tap, position.inTap,
                   remainder(column, kPanelWidth), constant(0)});
    load.setAlignment(4);
    return load;
  };
  if (!isValid)
    return emit();
  return choose(isValid, arith::ConstantOp::create(b, b.getZeroAttr(type)),
                emit);
}

Value MMALowering::toRegister(Value vector) {
  if (registerType.getElementType().isF16())
    return vector;
  Value bits = vector::BitCastOp::create(
      b, VectorType::get({1}, b.getI32Type()), vector);
  return vector::ExtractOp::create(b, bits, ArrayRef<int64_t>{0});
}

SmallVector<Value> MMALowering::multiply(ArrayRef<Value> a, ArrayRef<Value> w,
                                         ValueRange c) {
  Type sum = op.getAccumulatorType();
  bool isInteger = sum.isInteger();
  NVVM::MMATypes input = NVVM::MMATypes::s8, weights = NVVM::MMATypes::s8;
  if (isInteger && op.getUnsignedInput())
    input = NVVM::MMATypes::u8;
  if (!isInteger)
    input = weights = inputType.getElementType().isF16() ? NVVM::MMATypes::f16
                                                         : NVVM::MMATypes::bf16;
  auto result = LLVM::LLVMStructType::getLiteral(b.getContext(),
                                                 SmallVector<Type>(4, sum));
  std::optional<NVVM::MMAIntOverflow> overflow;
  if (isInteger)
    overflow = NVVM::MMAIntOverflow::wrapped;
  Value product = NVVM::MmaOp::create(
      b, result, a, w, c, ArrayRef<int64_t>{kRows, kColumns, kBlocks * kv},
      std::nullopt, overflow, std::array<NVVM::MMATypes, 2>{input, weights},
      std::array<NVVM::MMALayout, 2>{NVVM::MMALayout::row,
                                     NVVM::MMALayout::col});
  SmallVector<Value> sums;
  for (int64_t i = 0; i < 4; ++i)
    sums.push_back(LLVM::ExtractValueOp::create(b, product, i));
  return sums;
}

void MMALowering::store(ValueRange accumulators, ArrayRef<Row> rows,
                        Value column) {
  // Pairs of columns where they never cross the end.
  int64_t width = channels % 2 == 0 ? 2 : 1;
  auto type = VectorType::get({width}, op.getAccumulatorType());
  for (auto [i, row] : llvm::enumerate(rows))
    for (int64_t j = 0; j < 2; j += width) {
      Value first = add(b, column, j);
      Value isValid = row.isValid;
      if (channels % tiling.getColumns() != 0)
        isValid = both(isValid, isBelow(first, constant(channels)));
      auto guard = scf::IfOp::create(b, isValid, /*withElseRegion=*/false);
      OpBuilder::InsertionGuard saved(b);
      b.setInsertionPointToStart(guard.thenBlock());
      Value sums = vector::FromElementsOp::create(
          b, type, accumulators.slice(2 * i + j, width));
      writer.store(b, sums, row.number, first);
    }
}

LogicalResult MMALowering::run(StringRef name) {
  Type element = inputType.getElementType();
  bool fits = kv == 4 ? element.isInteger(8)
                      : element.isF16() || element.isBF16();
  if (!fits || weightsType.getElementType() != element ||
      tiling.getRows() % kRows != 0 || op.getBlocks())
    return op.emitOpError("expected 8-bit integers with kv = 4 or f16 or bf16 "
                          "with kv = 2, and a multiple of 16 rows, for mma");
  int64_t blockRows = tiling.getRows(), blockColumns = tiling.getColumns();
  int64_t groups = llvm::divideCeilSigned(channels, blockColumns);
  Value totalRows = b.createOrFold<memref::DimOp>(writer.getRows(), 0);
  // Blocks of the rows that share weights: all, or those of one product.
  int64_t height = 0;
  Value blocks;
  if (op.getBatched()) {
    height = outType.getDimSize(outType.getRank() - 2);
    blocks = mul(b, divide(totalRows, height),
                 llvm::divideCeilSigned(height, blockRows) * groups);
  } else {
    blocks = mul(b, divide(add(b, totalRows, blockRows - 1), blockRows),
                 groups);
  }
  gpu::LaunchOp launch =
      createLaunch(b, name, blocks, blockRows / kRows * kWarp);
  b.setInsertionPointToStart(&launch.getBody().front());

  Value thread = launch.getThreadIds().x, block = launch.getBlockIds().x;
  Value lane = remainder(thread, kWarp);
  Value g = divide(lane, 4), t = remainder(lane, 4);
  Value rowBlock = divide(block, groups), limit = totalRows;
  Value row0 = mul(b, rowBlock, blockRows);
  if (op.getBatched()) {
    int64_t perProduct = llvm::divideCeilSigned(height, blockRows);
    Value product = divide(rowBlock, perProduct);
    Value first = mul(b, product, height);
    row0 = add(b, first, mul(b, remainder(rowBlock, perProduct), blockRows));
    limit = add(b, first, height);
    panel0 = mul(b, product, llvm::divideCeilSigned(channels, kPanelWidth));
  }
  row0 = add(b, row0, mul(b, divide(thread, kWarp), kRows));
  Value column0 = mul(b, remainder(block, groups), blockColumns);
  SmallVector<Row> rows;
  for (int64_t i = 0; i < 2; ++i) {
    Row row;
    row.number = add(b, add(b, row0, g), 8 * i);
    row.isValid = isBelow(row.number, limit);
    if (window)
      row.place.emplace(b, window, inputType, outType, row.number);
    rows.push_back(std::move(row));
  }

  int64_t fragments = blockColumns / kColumns;
  Value zero =
      arith::ConstantOp::create(b, b.getZeroAttr(op.getAccumulatorType()));
  SmallVector<Value> init(4 * fragments, zero);
  int64_t k = weightsType.getDimSize(1) * weightsType.getDimSize(2);
  SmallVector<Value> sums = emitLoop(
      b, llvm::divideCeilSigned(k, kBlocks), init,
      [&](Value step, ValueRange carried) {
        SmallVector<Position> positions;
        SmallVector<Value> a;
        for (int64_t h = 0; h < 2; ++h) {
          Value first = add(b, mul(b, step, kBlocks), 4 * h);
          positions.push_back(getPosition(add(b, first, t)));
          for (const Row &row : rows)
            a.push_back(toRegister(loadInput(row, positions.back())));
        }
        SmallVector<Value> next;
        for (int64_t f = 0; f < fragments; ++f) {
          Value column = add(b, add(b, column0, g), f * kColumns);
          SmallVector<Value> w;
          for (const Position &position : positions)
            w.push_back(toRegister(loadWeights(column, position)));
          llvm::append_range(next, multiply(a, w, carried.slice(4 * f, 4)));
        }
        return next;
      });
  for (int64_t f = 0; f < fragments; ++f)
    store(ValueRange(sums).slice(4 * f, 4), rows,
          add(b, add(b, column0, f * kColumns), mul(b, t, 2)));
  gpu::TerminatorOp::create(b);
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
