//===- LowerPack.cpp - kernel.pack to loops over blocks -------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpc/Codegen/OutputTile.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mpc;
using namespace mpc::kernel;

/// Estimated cost of moving one element, in nanoseconds.
static constexpr double kMoveCost = 0.2;

SmallVector<Value> mpc::transposeVectors(ImplicitLocOpBuilder &b,
                                         ArrayRef<Value> rows) {
  auto size = static_cast<int64_t>(rows.size());
  SmallVector<Value> result(rows);
  if (getElementTypeOrSelf(rows[0].getType()).isInteger(8)) {
    // Interleaving bytes is one instruction: each step makes neighbours of rows
    // that are half of them apart.
    SmallVector<int64_t> low, high;
    for (int64_t i = 0; i < size; ++i) {
      low.push_back(i / 2 + i % 2 * size);
      high.push_back(low.back() + size / 2);
    }
    for (int64_t step = 1; step < size; step *= 2) {
      SmallVector<Value> next;
      for (int64_t i = 0; i < size / 2; ++i)
        for (ArrayRef<int64_t> order : {low, high})
          next.push_back(vector::ShuffleOp::create(
              b, result[i], result[i + size / 2], order));
      result = next;
    }
    return result;
  }
  // Swap the off-diagonal blocks of 1, 2, 4, ... elements, in every square.
  int64_t width = cast<VectorType>(rows[0].getType()).getDimSize(0);
  for (int64_t step = 1; step < size; step *= 2) {
    SmallVector<int64_t> low, high;
    for (int64_t i = 0; i < width; ++i) {
      low.push_back(i & step ? width + i - step : i);
      high.push_back(i & step ? width + i : i + step);
    }
    for (int64_t i = 0; i < size; ++i) {
      if (i & step)
        continue;
      Value first = result[i], second = result[i + step];
      result[i] = vector::ShuffleOp::create(b, first, second, low);
      result[i + step] = vector::ShuffleOp::create(b, first, second, high);
    }
  }
  return result;
}

namespace {
/// One panel of one matrix.
class PackLowering {
public:
  PackLowering(PackOp op, const TargetDescription &target)
      : op(op), b(op.getLoc(), op),
        sourceType(cast<MemRefType>(op.getSource().getType())),
        outType(cast<MemRefType>(op.getOut().getType())),
        element(sourceType.getElementType()),
        lanes(std::min(kPanelWidth, target.vectorBits / 32)),
        kv(outType.getDimSize(4)) {
    int64_t rank = sourceType.getRank();
    rowSize = sourceType.getDimSize(rank - 1);
    height = sourceType.getDimSize(rank - 2);
    channels = op.getTransposed() ? rowSize : height;
    depth = op.getTransposed() ? height : rowSize;
  }
  void run();

private:
  /// `count` of the panel's channels from `channel` on are there.
  void emitPanel(Value row0, Value panel, Value channel, int64_t count);

  PackOp op;
  ImplicitLocOpBuilder b;
  MemRefType sourceType, outType;
  Type element;
  int64_t lanes, kv, rowSize, height, channels, depth;
  Value source, out;
};
} // namespace

void PackLowering::emitPanel(Value row0, Value panel, Value channel,
                             int64_t count) {
  auto rowType = VectorType::get({count}, element);
  auto store = [&](Value value, Value block, Value lane) {
    vector::StoreOp::create(b, value, out, ValueRange{panel, block, lane});
  };
  if (op.getTransposed()) {
    // kv rows as one, element by element; after the last one come zeros.
    auto emitBlock = [&](Value block, int64_t rows) {
      SmallVector<Value> parts;
      for (int64_t i = 0; i < kv; ++i) {
        Value row = add(b, row0, add(b, mul(b, block, kv), i));
        parts.push_back(
            i < rows ? vector::LoadOp::create(b, rowType, source,
                                              ValueRange{row, channel})
                           .getResult()
                     : arith::ConstantOp::create(b, b.getZeroAttr(rowType))
                           .getResult());
      }
      for (size_t half = kv / 2; half > 0; half /= 2)
        for (size_t i = 0; i < half; ++i)
          parts[i] = vector::InterleaveOp::create(b, parts[i], parts[i + half]);
      store(parts[0], block, indexConstant(b, 0));
    };
    int64_t whole = depth / kv;
    emitLoop(b, indexConstant(b, 0), indexConstant(b, whole), 1,
             [&](Value block) { emitBlock(block, kv); });
    if (depth % kv != 0)
      emitBlock(indexConstant(b, whole), depth % kv);
    return;
  }
  int64_t whole = 0;
  // What lies side by side moves as one number.
  int64_t bits = kv * element.getIntOrFloatBitWidth();
  if ((kv == 1 || bits == 32) && count % lanes == 0) {
    // Squares of as many channels as positions.
    whole = depth / (lanes * kv) * lanes;
    auto type = VectorType::get({lanes * kv}, element);
    auto square = VectorType::get(
        {lanes}, kv == 1 ? element : Type(b.getIntegerType(bits)));
    for (int64_t lane = 0; lane < count && whole != 0; lane += lanes)
      emitLoop(b, indexConstant(b, 0), indexConstant(b, whole), lanes,
               [&](Value block) {
                 SmallVector<Value> rows;
                 for (int64_t i = 0; i < lanes; ++i) {
                   Value row = add(b, row0, add(b, channel, lane + i));
                   Value values = vector::LoadOp::create(
                       b, type, source, ValueRange{row, mul(b, block, kv)});
                   rows.push_back(
                       b.createOrFold<vector::BitCastOp>(square, values));
                 }
                 rows = transposeVectors(b, rows);
                 for (int64_t i = 0; i < lanes; ++i)
                   store(b.createOrFold<vector::BitCastOp>(type, rows[i]),
                         add(b, block, i), indexConstant(b, lane * kv));
               });
  }
  if (whole * kv == depth)
    return;
  emitLoop(b, indexConstant(b, 0), indexConstant(b, count), 1, [&](Value lane) {
    Value n = add(b, channel, lane);
    emitLoop(
        b, indexConstant(b, whole * kv), indexConstant(b, depth), 1,
        [&](Value k) {
          Value size = indexConstant(b, kv);
          Value block = b.createOrFold<arith::DivUIOp>(k, size);
          Value rest = b.createOrFold<arith::RemUIOp>(k, size);
          memref::StoreOp::create(
              b,
              memref::LoadOp::create(b, source, ValueRange{add(b, row0, n), k}),
              out, ValueRange{panel, block, add(b, mul(b, lane, kv), rest)});
        });
  });
}

void PackLowering::run() {
  source = collapseRows(b, op.getSource());
  SmallVector<ReassociationIndices> groups = {{0}, {1, 2}, {3, 4}};
  out = memref::CollapseShapeOp::create(b, op.getOut(), groups);
  int64_t panels = llvm::divideCeilSigned(channels, kPanelWidth);
  Value count = b.createOrFold<memref::DimOp>(out, 0);
  double cost = kMoveCost * depth * kPanelWidth;
  int64_t ragged = channels % kPanelWidth;
  emitForall(b, count, cost, [&](Value panel) {
    Value size = indexConstant(b, panels);
    Value matrix = b.createOrFold<arith::DivUIOp>(panel, size);
    Value index = b.createOrFold<arith::RemUIOp>(panel, size);
    Value row0 = mul(b, matrix, height), channel = mul(b, index, kPanelWidth);
    // What would not be written is zero.
    if (ragged != 0 || depth % kv != 0) {
      auto type = VectorType::get({kPanelWidth * kv}, element);
      Value zero = arith::ConstantOp::create(b, b.getZeroAttr(type));
      emitLoop(b, indexConstant(b, 0), indexConstant(b, outType.getDimSize(2)),
               1, [&](Value k) {
                 vector::StoreOp::create(
                     b, zero, out, ValueRange{panel, k, indexConstant(b, 0)});
               });
    }
    if (ragged == 0)
      return emitPanel(row0, panel, channel, kPanelWidth);
    Value last = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, index,
                                       indexConstant(b, panels - 1));
    auto branch = scf::IfOp::create(b, TypeRange(), last, true);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(branch.thenBlock());
    emitPanel(row0, panel, channel, ragged);
    b.setInsertionPointToStart(branch.elseBlock());
    emitPanel(row0, panel, channel, kPanelWidth);
  });
}

void mpc::lowerPack(PackOp op, const TargetDescription &target) {
  PackLowering(op, target).run();
}
