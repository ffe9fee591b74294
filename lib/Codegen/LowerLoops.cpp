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

/// Edge of the blocks in which a transposition reads and writes: one cache line
/// of f32.
static constexpr int64_t kTransposeBlock = 16;

namespace {
struct LoopOrder {
  /// Loop dimensions, outermost first.
  SmallVector<unsigned> dims;
  /// How many of them form the parallel loop.
  unsigned numForall = 0;
};
} // namespace

static LoopOrder chooseOrder(linalg::LinalgOp op, bool perElement) {
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
  bool innermost = !parallel.empty() && vectorises && !perElement;
  order.dims.assign(parallel.begin(), parallel.end() - innermost);
  order.numForall = order.dims.size();
  order.dims.append(reduction);
  if (innermost)
    order.dims.push_back(inner);
  return order;
}

/// Computes the body of `op` on its block's arguments `arguments` and returns
/// what it yields.
static SmallVector<Value> emitBody(ImplicitLocOpBuilder &b, linalg::LinalgOp op,
                                   ValueRange ivs, ArrayRef<Value> arguments) {
  IRMapping mapping;
  for (auto [argument, value] :
       llvm::zip_equal(op.getBlock()->getArguments(), arguments))
    if (value)
      mapping.map(argument, value);
  for (Operation &inner : op.getBlock()->without_terminator()) {
    if (auto index = dyn_cast<linalg::IndexOp>(inner))
      mapping.map(index.getResult(), ivs[index.getDim()]);
    else
      b.clone(inner, mapping);
  }
  Operation *terminator = op.getBlock()->getTerminator();
  return llvm::map_to_vector(terminator->getOperands(), [&](Value value) {
    return mapping.lookupOrDefault(value);
  });
}

/// Loads from `operands`, the buffers of `op` by position, computes the body
/// and stores the results; `access` gives an operand's indices.
static void emitPoint(ImplicitLocOpBuilder &b, linalg::LinalgOp op,
                      ValueRange operands, ValueRange ivs,
                      function_ref<SmallVector<Value>(OpOperand &)> access) {
  SmallVector<Value> arguments;
  for (OpOperand &operand : op->getOpOperands()) {
    Value value = operands[operand.getOperandNumber()];
    if (!isa<MemRefType>(value.getType()))
      arguments.push_back(value);
    else if (op.getMatchingBlockArgument(&operand).use_empty())
      arguments.push_back({});
    else
      arguments.push_back(memref::LoadOp::create(b, value, access(operand)));
  }
  for (auto [value, init] : llvm::zip_equal(emitBody(b, op, ivs, arguments),
                                            op.getDpsInitsMutable()))
    memref::StoreOp::create(b, value, operands[init.getOperandNumber()],
                            access(init));
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

//===----------------------------------------------------------------------===//
// Loop nests
//===----------------------------------------------------------------------===//

namespace {
/// The loops of one op that is not flat.
class LoopNest {
public:
  LoopNest(linalg::LinalgOp op, bool perElement);
  void emit();

private:
  /// The loops from `position` on, with everything inside.
  void emitFrom(unsigned position);
  /// The same for reduction loops, which carry the accumulators.
  SmallVector<Value> emitReduction(unsigned position, ValueRange accumulators);
  void emitPoint();
  /// The loop over dimension `dim`, from `begin` to `end`.
  void emitDim(unsigned dim, Value begin, Value end, function_ref<void()> body);
  /// Loads what does not change in the loops that are still to come: stores
  /// hide from LLVM that it does not.
  void loadInvariants();
  SmallVector<Value> access(OpOperand &operand);
  /// The dimension along which some input lies in memory, where that is
  /// another one than the innermost loop's: both then run in blocks.
  std::optional<unsigned> findTransposedDim();

  ImplicitLocOpBuilder b;
  linalg::LinalgOp op;
  bool perElement;
  LoopOrder order;
  SmallVector<int64_t> staticSizes;
  SmallVector<Value> sizes, ivs, arguments;
  std::optional<unsigned> transposedDim;
  Value transposedBegin;
};
} // namespace

LoopNest::LoopNest(linalg::LinalgOp op, bool perElement)
    : b(op.getLoc(), op), op(op), perElement(perElement),
      order(chooseOrder(op, perElement)), staticSizes(op.getStaticLoopRanges()), ivs(staticSizes.size()),
      arguments(op->getNumOperands()) {
  for (const Range &range : op.createLoopRanges(b, op.getLoc()))
    sizes.push_back(
        getValueOrCreateConstantIndexOp(b, op.getLoc(), range.size));
  transposedDim = findTransposedDim();
}

std::optional<unsigned> LoopNest::findTransposedDim() {
  if (perElement || op.getNumParallelLoops() != op.getNumLoops() ||
      order.dims.size() < 2 || order.numForall + 1 != order.dims.size())
    return std::nullopt;
  auto isShort = [&](unsigned dim) {
    return !ShapedType::isDynamic(staticSizes[dim]) &&
           staticSizes[dim] < kTransposeBlock;
  };
  unsigned inner = order.dims.back();
  for (OpOperand *input : op.getDpsInputOperands()) {
    AffineMap map = op.getMatchingIndexingMap(input);
    if (!isa<MemRefType>(input->get().getType()) || map.getNumResults() == 0)
      continue;
    auto last = dyn_cast<AffineDimExpr>(map.getResults().back());
    if (last && last.getPosition() != inner && map.isFunctionOfDim(inner) &&
        !isShort(last.getPosition()) && !isShort(inner))
      return last.getPosition();
  }
  return std::nullopt;
}

SmallVector<Value> LoopNest::access(OpOperand &operand) {
  return SmallVector<Value>(*affine::expandAffineMap(
      b, b.getLoc(), op.getMatchingIndexingMap(&operand), ivs));
}

void LoopNest::loadInvariants() {
  for (OpOperand &operand : op->getOpOperands()) {
    Value &argument = arguments[operand.getOperandNumber()];
    if (argument || op.getMatchingBlockArgument(&operand).use_empty())
      continue;
    if (!isa<MemRefType>(operand.get().getType())) {
      argument = operand.get();
      continue;
    }
    AffineMap map = op.getMatchingIndexingMap(&operand);
    bool isKnown = !op.isDpsInit(&operand);
    for (unsigned dim = 0; dim < ivs.size(); ++dim)
      isKnown &= ivs[dim] || !map.isFunctionOfDim(dim);
    if (isKnown)
      argument = memref::LoadOp::create(b, operand.get(), access(operand));
  }
}

void LoopNest::emitPoint() {
  SmallVector<Value> saved(arguments);
  loadInvariants();
  for (OpOperand &init : op.getDpsInitsMutable())
    if (!op.getMatchingBlockArgument(&init).use_empty())
      arguments[init.getOperandNumber()] =
          memref::LoadOp::create(b, init.get(), access(init));
  for (auto [value, init] : llvm::zip_equal(emitBody(b, op, ivs, arguments),
                                            op.getDpsInitsMutable()))
    memref::StoreOp::create(b, value, init.get(), access(init));
  arguments = saved;
}

SmallVector<Value> LoopNest::emitReduction(unsigned position,
                                           ValueRange accumulators) {
  SmallVector<Value> saved(arguments);
  loadInvariants();
  SmallVector<Value> result;
  if (position == order.dims.size()) {
    for (auto [init, value] :
         llvm::zip_equal(op.getDpsInitsMutable(), accumulators))
      arguments[init.getOperandNumber()] = value;
    result = emitBody(b, op, ivs, arguments);
  } else {
    unsigned dim = order.dims[position];
    auto loop = scf::ForOp::create(b, indexConstant(b, 0), sizes[dim],
                                   indexConstant(b, 1), accumulators);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    ivs[dim] = loop.getInductionVar();
    scf::YieldOp::create(b,
                         emitReduction(position + 1, loop.getRegionIterArgs()));
    ivs[dim] = {};
    result = SmallVector<Value>(loop.getResults());
  }
  arguments = saved;
  return result;
}

void LoopNest::emitDim(unsigned dim, Value begin, Value end,
                       function_ref<void()> body) {
  if (staticSizes[dim] == 1) {
    ivs[dim] = indexConstant(b, 0);
    body();
  } else {
    emitLoop(b, begin, end, 1, [&](Value iv) {
      ivs[dim] = iv;
      body();
    });
  }
  ivs[dim] = {};
}

void LoopNest::emitFrom(unsigned position) {
  if (position == order.dims.size())
    return emitPoint();
  SmallVector<Value> saved(arguments);
  loadInvariants();
  bool isReduction =
      llvm::all_of(ArrayRef(order.dims).drop_front(position), [&](unsigned d) {
        return op.getIteratorTypesArray()[d] ==
                   utils::IteratorType::reduction &&
               llvm::none_of(
                   llvm::make_pointer_range(op.getDpsInitsMutable()),
                   [&](OpOperand *init) {
                     return op.getMatchingIndexingMap(init).isFunctionOfDim(d);
                   });
      });
  if (isReduction) {
    // Accumulators stay in registers, for LLVM would have to prove that storing
    // them does not change the input.
    SmallVector<Value> accumulators;
    for (OpOperand &init : op.getDpsInitsMutable())
      accumulators.push_back(
          memref::LoadOp::create(b, init.get(), access(init)));
    for (auto [value, init] : llvm::zip_equal(
             emitReduction(position, accumulators), op.getDpsInitsMutable()))
      memref::StoreOp::create(b, value, init.get(), access(init));
  } else {
    unsigned dim = order.dims[position];
    emitDim(dim, indexConstant(b, 0), sizes[dim],
            [&] { emitFrom(position + 1); });
  }
  arguments = saved;
}

void LoopNest::emit() {
  double cost = kElementCost;
  for (unsigned dim : ArrayRef(order.dims).drop_front(order.numForall))
    cost *= ShapedType::isDynamic(staticSizes[dim]) ? 64 : staticSizes[dim];
  SmallVector<unsigned> outer(ArrayRef(order.dims).take_front(order.numForall));
  SmallVector<Value> counts;
  for (unsigned dim : outer) {
    counts.push_back(sizes[dim]);
    if (dim == transposedDim) {
      counts.back() = b.createOrFold<arith::DivUIOp>(
          add(b, sizes[dim], kTransposeBlock - 1),
          indexConstant(b, kTransposeBlock));
      cost *= kTransposeBlock;
    }
  }
  Value count = indexConstant(b, 1);
  for (Value size : counts)
    count = b.createOrFold<arith::MulIOp>(count, size);
  if (!perElement && (outer.empty() || getConstantIntValue(count) == 1))
    return emitFrom(0);
  emitForall(b, count, cost, [&](Value index) {
    // Row-major position within the parallel loops.
    for (unsigned position = outer.size(); position-- > 0;) {
      Value at = index;
      if (position > 0) {
        at = b.createOrFold<arith::RemUIOp>(index, counts[position]);
        index = b.createOrFold<arith::DivUIOp>(index, counts[position]);
      }
      if (outer[position] == transposedDim)
        transposedBegin = mul(b, at, kTransposeBlock);
      else
        ivs[outer[position]] = at;
    }
    if (!transposedDim)
      return emitFrom(order.numForall);
    auto endOf = [&](Value begin, unsigned dim) -> Value {
      return arith::MinUIOp::create(b, add(b, begin, kTransposeBlock),
                                    sizes[dim]);
    };
    unsigned inner = order.dims.back();
    Value end = endOf(transposedBegin, *transposedDim);
    emitLoop(b, indexConstant(b, 0), sizes[inner], kTransposeBlock,
             [&](Value begin) {
               Value innerEnd = endOf(begin, inner);
               emitDim(*transposedDim, transposedBegin, end, [&] {
                 emitDim(inner, begin, innerEnd, [&] { emitPoint(); });
               });
             });
  });
}

void mpc::lowerToLoops(linalg::LinalgOp op, bool perElement) {
  if (isFlat(op) && !perElement)
    return lowerFlat(op);
  LoopNest(op, perElement).emit();
}
