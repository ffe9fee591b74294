//===- LowerRowSums.cpp - sums of several rows side by side ---------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A sum of floats keeps its order, so that each addition waits for the one
// before it. Where a parallel loop's body handles a few rows (mpc-fuse-rows),
// their sums, which do not wait for each other, share one loop:
//
//   for k { for row { sum[row] += x[row, k] } }     sums in registers
//
//===----------------------------------------------------------------------===//

#include "LoopBody.h"
#include "mpc/Codegen/OutputTile.h"

#include "mlir/Dialect/Affine/Utils.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mpc;

/// More rows than that would need more registers than an addition's latency
/// asks for.
static constexpr int64_t kMaxRows = 8;

/// The partial sums of a row: one register, or two.
static constexpr int64_t kMaxLanes = 16;

namespace {

class RowSums {
public:
  explicit RowSums(linalg::LinalgOp op)
      : b(op.getLoc(), op), op(op), sizes(op.getStaticLoopRanges()) {}

  /// Whether `op` is sums of a few rows, of a row in one vector or one number
  /// each.
  bool match(const TargetDescription &target);
  void emit();

private:
  using Loops = ArrayRef<unsigned>;
  /// The loops over `left`, which carry `sums`.
  SmallVector<Value> emitFrom(Loops left, ValueRange sums);
  /// Calls `body` with the place of each row in `ivs`.
  void forEachRow(function_ref<void()> body, unsigned position = 0);
  bool isVector(OpOperand &operand) {
    return width != 0 &&
           op.getMatchingIndexingMap(&operand).isFunctionOfDim(lane);
  }
  Value load(OpOperand &operand);

  ImplicitLocOpBuilder b;
  linalg::LinalgOp op;
  SmallVector<int64_t> sizes;
  SmallVector<Value> ivs;
  SmallVector<unsigned> rows, summed;
  /// The loop along the vector, and its size; 0 if numbers are summed.
  unsigned lane = 0;
  int64_t width = 0;
};

} // namespace

bool RowSums::match(const TargetDescription &target) {
  if (!op->getParentOfType<scf::ForallOp>() || op.hasIndexSemantics() ||
      op.getNumReductionLoops() == 0 ||
      llvm::any_of(sizes, ShapedType::isDynamic))
    return false;
  for (Value value : op.getBlock()->getTerminator()->getOperands())
    if (!value.getDefiningOp<arith::AddFOp>())
      return false;
  for (auto [dim, iterator] : llvm::enumerate(op.getIteratorTypesArray()))
    (iterator == utils::IteratorType::reduction ? summed : rows).push_back(dim);
  for (OpOperand &init : op.getDpsInitsMutable())
    for (unsigned reduction : summed)
      if (op.getMatchingIndexingMap(&init).isFunctionOfDim(reduction))
        return false;
  if (!rows.empty() && chooseLanes(op, rows.back(), target) != 0) {
    lane = rows.pop_back_val();
    width = sizes[lane];
  }
  int64_t number = 1;
  for (unsigned row : rows)
    number *= sizes[row];
  return number > 1 && number <= kMaxRows && width <= kMaxLanes;
}

void RowSums::forEachRow(function_ref<void()> body, unsigned position) {
  if (position == rows.size())
    return body();
  for (int64_t at = 0; at < sizes[rows[position]]; ++at) {
    ivs[rows[position]] = indexConstant(b, at);
    forEachRow(body, position + 1);
  }
}

Value RowSums::load(OpOperand &operand) {
  if (!isa<MemRefType>(operand.get().getType()))
    return operand.get();
  SmallVector<Value> indices = *affine::expandAffineMap(
      b, b.getLoc(), op.getMatchingIndexingMap(&operand), ivs);
  if (!isVector(operand))
    return memref::LoadOp::create(b, operand.get(), indices);
  return loadVector(b, op, operand, lane, width, indices);
}

SmallVector<Value> RowSums::emitFrom(Loops left, ValueRange sums) {
  if (!left.empty())
    return emitLoop(b, sizes[left.front()], sums,
                    [&](Value iv, ValueRange carried) {
                      ivs[left.front()] = iv;
                      return emitFrom(left.drop_front(), carried);
                    });
  SmallVector<Value> results;
  forEachRow([&] {
    SmallVector<Value> arguments(op->getNumOperands());
    for (OpOperand *input : op.getDpsInputOperands())
      if (!op.getMatchingBlockArgument(input).use_empty())
        arguments[input->getOperandNumber()] = load(*input);
    for (auto [init, sum] :
         llvm::zip(op.getDpsInitsMutable(), sums.drop_front(results.size())))
      arguments[init.getOperandNumber()] = sum;
    llvm::append_range(results, emitBody(b, op, ivs, arguments, width));
  });
  return results;
}

void RowSums::emit() {
  ivs.assign(sizes.size(), indexConstant(b, 0));
  SmallVector<Value> sums;
  forEachRow([&] {
    for (OpOperand &init : op.getDpsInitsMutable())
      sums.push_back(load(init));
  });
  SmallVector<Value> results = emitFrom(summed, sums);
  ArrayRef<Value> left(results);
  forEachRow([&] {
    for (OpOperand &init : op.getDpsInitsMutable()) {
      SmallVector<Value> indices = *affine::expandAffineMap(
          b, b.getLoc(), op.getMatchingIndexingMap(&init), ivs);
      if (width == 0)
        memref::StoreOp::create(b, left.front(), init.get(), indices);
      else
        vector::StoreOp::create(b, left.front(), init.get(), indices);
      left = left.drop_front();
    }
  });
}

bool mpc::lowerRowSums(linalg::LinalgOp op, const TargetDescription &target) {
  RowSums sums(op);
  if (!sums.match(target))
    return false;
  sums.emit();
  return true;
}
