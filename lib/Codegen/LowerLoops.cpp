//===- LowerLoops.cpp - linalg ops without a kernel to loops --------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The order of loops is chosen for LLVM's vectoriser: parallel loops in the
// order of the output outside, then reductions, and inside of them the loop
// over the output's last dimension if an input too lies contiguous along it
// (pooling of NHWC tensors: channels vectorise, and no sum is reordered). Where
// all operands are read and written element by element, shapes do not matter
// and one long loop remains.
//
//===----------------------------------------------------------------------===//

#include "OutputTile.h"

#include "mlir/Dialect/Affine/Utils.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace mpc;

/// Estimated cost of one innermost iteration in nanoseconds.
static constexpr double kElementCost = 0.3;

/// Elements per parallel iteration of an element-wise op.
static constexpr int64_t kFlatBlock = 4096;

namespace {
struct LoopOrder {
  /// Loop dimensions, outermost first.
  SmallVector<unsigned> dims;
  /// How many of them form the parallel loop.
  unsigned numForall = 0;
};
} // namespace

static LoopOrder chooseOrder(linalg::LinalgOp op) {
  SmallVector<utils::IteratorType> iterators = op.getIteratorTypesArray();
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  AffineMap out = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  SmallVector<unsigned> parallel, reduction;
  for (AffineExpr expr : out.getResults())
    if (auto dim = dyn_cast<AffineDimExpr>(expr);
        dim && iterators[dim.getPosition()] == utils::IteratorType::parallel)
      parallel.push_back(dim.getPosition());
  for (auto [dim, iterator] : llvm::enumerate(iterators)) {
    if (iterator != utils::IteratorType::parallel)
      reduction.push_back(dim);
    else if (!llvm::is_contained(parallel, dim))
      parallel.push_back(dim);
  }

  LoopOrder order;
  unsigned inner = parallel.empty() ? 0 : parallel.back();
  bool vectorises = reduction.empty();
  for (OpOperand *input : op.getDpsInputOperands()) {
    AffineMap map = op.getMatchingIndexingMap(input);
    if (map.getNumResults() == 0)
      continue;
    auto last = dyn_cast<AffineDimExpr>(map.getResults().back());
    vectorises |= last && last.getPosition() == inner;
  }
  bool innermost = !parallel.empty() && vectorises;
  order.dims.assign(parallel.begin(), parallel.end() - innermost);
  order.numForall = order.dims.size();
  order.dims.append(reduction);
  if (innermost)
    order.dims.push_back(inner);
  return order;
}

/// Loads from `operands`, the buffers of `op` by position, computes the body
/// and stores the results; `access` gives an operand's indices.
static void emitPoint(ImplicitLocOpBuilder &b, linalg::LinalgOp op,
                      ValueRange operands, ValueRange ivs,
                      function_ref<SmallVector<Value>(OpOperand &)> access) {
  IRMapping mapping;
  for (OpOperand &operand : op->getOpOperands()) {
    BlockArgument argument = op.getMatchingBlockArgument(&operand);
    Value value = operands[operand.getOperandNumber()];
    if (!isa<MemRefType>(value.getType()))
      mapping.map(argument, value);
    else if (!argument.use_empty())
      mapping.map(argument, memref::LoadOp::create(b, value, access(operand)));
  }
  for (Operation &inner : op.getBlock()->without_terminator()) {
    if (auto index = dyn_cast<linalg::IndexOp>(inner))
      mapping.map(index.getResult(), ivs[index.getDim()]);
    else
      b.clone(inner, mapping);
  }
  Operation *terminator = op.getBlock()->getTerminator();
  for (auto [value, init] :
       llvm::zip_equal(terminator->getOperands(), op.getDpsInitsMutable()))
    memref::StoreOp::create(b, mapping.lookupOrDefault(value),
                            operands[init.getOperandNumber()], access(init));
}

/// Whether every operand is a scalar or a contiguous memref that is accessed at
/// the loops' own position.
static bool isFlat(linalg::LinalgOp op) {
  if (op.getNumParallelLoops() != op.getNumLoops() || op.hasIndexSemantics() ||
      op.getNumLoops() == 0)
    return false;
  for (OpOperand &operand : op->getOpOperands()) {
    auto type = dyn_cast<MemRefType>(operand.get().getType());
    if (type && (!type.getLayout().isIdentity() ||
                 !op.getMatchingIndexingMap(&operand).isIdentity()))
      return false;
  }
  return true;
}

static void lowerFlat(linalg::LinalgOp op) {
  ImplicitLocOpBuilder b(op.getLoc(), op);
  SmallVector<Value> operands;
  for (Value operand : op->getOperands())
    operands.push_back(isa<MemRefType>(operand.getType()) ? flatten(b, operand)
                                                          : operand);
  Value total = b.createOrFold<memref::DimOp>(operands.back(), 0);
  auto emitRange = [&](Value begin, Value end) {
    emitLoop(b, begin, end, 1, [&](Value iv) {
      emitPoint(b, op, operands, iv,
                [&](OpOperand &) { return SmallVector<Value>{iv}; });
    });
  };
  std::optional<int64_t> size = getConstantIntValue(total);
  if (size && *size <= kFlatBlock)
    return emitRange(indexConstant(b, 0), total);
  Value blocks = b.createOrFold<arith::DivUIOp>(add(b, total, kFlatBlock - 1),
                                                indexConstant(b, kFlatBlock));
  emitForall(b, blocks, kFlatBlock * kElementCost, [&](Value block) {
    Value begin = mul(b, block, kFlatBlock);
    emitRange(begin,
              arith::MinUIOp::create(b, add(b, begin, kFlatBlock), total));
  });
}

void mpc::lowerToLoops(linalg::LinalgOp op) {
  if (isFlat(op))
    return lowerFlat(op);
  ImplicitLocOpBuilder b(op.getLoc(), op);
  LoopOrder order = chooseOrder(op);
  SmallVector<Range> ranges = op.createLoopRanges(b, op.getLoc());
  SmallVector<Value> sizes, ivs(ranges.size());
  double cost = kElementCost;
  SmallVector<int64_t> staticSizes = op.getStaticLoopRanges();
  for (const Range &range : ranges)
    sizes.push_back(
        getValueOrCreateConstantIndexOp(b, op.getLoc(), range.size));
  for (unsigned dim : ArrayRef(order.dims).drop_front(order.numForall))
    cost *= ShapedType::isDynamic(staticSizes[dim]) ? 64 : staticSizes[dim];

  std::function<void(unsigned)> emitInner = [&](unsigned position) {
    if (position == order.dims.size())
      return emitPoint(b, op, op->getOperands(), ivs, [&](OpOperand &operand) {
        return SmallVector<Value>(*affine::expandAffineMap(
            b, b.getLoc(), op.getMatchingIndexingMap(&operand), ivs));
      });
    unsigned dim = order.dims[position];
    if (staticSizes[dim] == 1) {
      ivs[dim] = indexConstant(b, 0);
      return emitInner(position + 1);
    }
    emitLoop(b, indexConstant(b, 0), sizes[dim], 1, [&](Value iv) {
      ivs[dim] = iv;
      emitInner(position + 1);
    });
  };
  ArrayRef<unsigned> outer = ArrayRef(order.dims).take_front(order.numForall);
  Value count = indexConstant(b, 1);
  for (unsigned dim : outer)
    count = b.createOrFold<arith::MulIOp>(count, sizes[dim]);
  if (outer.empty() || getConstantIntValue(count) == 1) {
    for (unsigned dim : outer)
      ivs[dim] = indexConstant(b, 0);
    return emitInner(order.numForall);
  }
  emitForall(b, count, cost, [&](Value index) {
    // Row-major position within the parallel loops.
    for (unsigned position = outer.size(); position-- > 1;) {
      Value size = sizes[outer[position]];
      ivs[outer[position]] = b.createOrFold<arith::RemUIOp>(index, size);
      index = b.createOrFold<arith::DivUIOp>(index, size);
    }
    ivs[outer[0]] = index;
    emitInner(order.numForall);
  });
}
