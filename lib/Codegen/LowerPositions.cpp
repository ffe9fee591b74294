//===- LowerPositions.cpp - kernel.scatter and kernel.top_k to loops ------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Both are loops over lines that have nothing to do with each other, which run
// in parallel, and an order within each line.
//
//===----------------------------------------------------------------------===//

#include "mpc/Codegen/OutputTile.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace mpc;
using namespace mpc::kernel;

/// Estimated cost of one update, or of comparing one element, in nanoseconds.
static constexpr double kUpdateCost = 2;
/// Elements side by side that one thread updates: a few cache lines.
static constexpr int64_t kColumns = 256;
/// Stands for a size that is not known at compile time, in costs.
static constexpr int64_t kUnknownSize = 64;

/// The value that `region` yields for `arguments`.
static Value inlineRegion(ImplicitLocOpBuilder &b, Region &region,
                          ValueRange arguments) {
  IRMapping mapping;
  mapping.map(region.getArguments(), arguments);
  for (Operation &op : region.front().without_terminator())
    b.clone(op, mapping);
  Value yielded = cast<YieldOp>(region.front().getTerminator()).getValue();
  return mapping.lookupOrDefault(yielded);
}

static Value compare(ImplicitLocOpBuilder &b, arith::CmpIPredicate predicate,
                     Value lhs, Value rhs) {
  return arith::CmpIOp::create(b, predicate, lhs, rhs);
}
static Value isLess(ImplicitLocOpBuilder &b, Value lhs, Value rhs) {
  return compare(b, arith::CmpIPredicate::slt, lhs, rhs);
}
static Value subtract(ImplicitLocOpBuilder &b, Value lhs, Value rhs) {
  return b.createOrFold<arith::SubIOp>(lhs, rhs);
}

static SmallVector<Value> getSizes(ImplicitLocOpBuilder &b, Value memref) {
  SmallVector<Value> sizes;
  for (int64_t d = 0; d < cast<MemRefType>(memref.getType()).getRank(); ++d)
    sizes.push_back(b.createOrFold<memref::DimOp>(memref, d));
  return sizes;
}

static int64_t countElements(MemRefType type, ArrayRef<int64_t> dims) {
  int64_t count = 1;
  for (int64_t d : dims)
    count *= type.isDynamicDim(d) ? kUnknownSize : type.getDimSize(d);
  return count;
}

/// Takes a row-major position within the dimensions `dims` of `sizes` apart.
static void delinearize(ImplicitLocOpBuilder &b, Value position,
                        ArrayRef<int64_t> dims, ArrayRef<Value> sizes,
                        MutableArrayRef<Value> ivs) {
  for (size_t i = dims.size(); i-- > 1;) {
    ivs[dims[i]] = b.createOrFold<arith::RemUIOp>(position, sizes[dims[i]]);
    position = b.createOrFold<arith::DivUIOp>(position, sizes[dims[i]]);
  }
  if (!dims.empty())
    ivs[dims[0]] = position;
}

/// Nested loops over the dimensions `dims`.
static void emitLoops(ImplicitLocOpBuilder &b, ArrayRef<int64_t> dims,
                      ArrayRef<Value> sizes, MutableArrayRef<Value> ivs,
                      function_ref<void()> body) {
  if (dims.empty())
    return body();
  emitLoop(b, indexConstant(b, 0), sizes[dims[0]], 1, [&](Value iv) {
    ivs[dims[0]] = iv;
    emitLoops(b, dims.drop_front(), sizes, ivs, body);
  });
}

//===----------------------------------------------------------------------===//
// Scatter
//===----------------------------------------------------------------------===//

namespace {
/// A coordinate of the output, and whether it is one.
struct Coordinate {
  Value at, isInside;
};
} // namespace

static Coordinate loadCoordinate(ImplicitLocOpBuilder &b, ScatterOp op,
                                 ValueRange position, Value size) {
  Value scalar = memref::LoadOp::create(b, op.getIndices(), position);
  Value at;
  if (op.getUnsignedIndices()) {
    at = arith::IndexCastUIOp::create(b, b.getIndexType(), scalar);
  } else {
    at = arith::IndexCastOp::create(b, b.getIndexType(), scalar);
    at = arith::SelectOp::create(b, isLess(b, at, indexConstant(b, 0)),
                                 add(b, at, size), at);
  }
  // As unsigned numbers, negative ones are too large.
  return {at, compare(b, arith::CmpIPredicate::ult, at, size)};
}

void mpc::lowerScatter(ScatterOp op) {
  ImplicitLocOpBuilder b(op.getLoc(), op);
  auto updatesType = cast<MemRefType>(op.getUpdates().getType());
  int64_t rank = updatesType.getRank();
  SmallVector<Value> sizes = getSizes(b, op.getUpdates()),
                     outSizes = getSizes(b, op.getOut()), ivs(rank);

  // Dimensions of updates that are coordinates of the output, and those along
  // which two updates may mean one element.
  SmallVector<int64_t> parallel, ordered;
  std::optional<int64_t> axis;
  int64_t outer = 0, coordinates = 0;
  if (op.getAxis()) {
    axis = *op.getAxis();
  } else {
    auto indicesType = cast<MemRefType>(op.getIndices().getType());
    outer = indicesType.getRank() - 1;
    coordinates = indicesType.getShape().back();
  }
  for (int64_t d = 0; d < rank; ++d)
    (axis ? d == *axis : d < outer) ? ordered.push_back(d)
                                    : parallel.push_back(d);

  auto update = [&](ValueRange position, Value isInside) {
    auto emit = [&]() {
      Value value = memref::LoadOp::create(b, op.getUpdates(), ivs);
      Value old = memref::LoadOp::create(b, op.getOut(), position);
      memref::StoreOp::create(b, inlineRegion(b, op.getCombine(), {value, old}),
                              op.getOut(), position);
    };
    if (!isInside)
      return emit();
    auto guard = scf::IfOp::create(b, isInside, /*withElseRegion=*/false);
    OpBuilder::InsertionGuard saved(b);
    b.setInsertionPointToStart(guard.thenBlock());
    emit();
  };
  // Everything that one thread does: `run` loops over neighbouring elements.
  auto emitLine = [&](function_ref<void(function_ref<void()>)> run) {
    emitLoops(b, ordered, sizes, ivs, [&] {
      if (axis)
        return run([&] {
          Coordinate coordinate = loadCoordinate(b, op, ivs, outSizes[*axis]);
          SmallVector<Value> position(ivs);
          position[*axis] = coordinate.at;
          update(position, coordinate.isInside);
        });
      SmallVector<Value> position, at(ArrayRef(ivs).take_front(outer));
      at.push_back({});
      Value isInside;
      for (int64_t i = 0; i < coordinates; ++i) {
        at.back() = indexConstant(b, i);
        Coordinate coordinate = loadCoordinate(b, op, at, outSizes[i]);
        position.push_back(coordinate.at);
        isInside = isInside
                       ? arith::AndIOp::create(b, isInside, coordinate.isInside)
                             .getResult()
                       : coordinate.isInside;
      }
      auto emitRow = [&] {
        run([&] {
          SmallVector<Value> whole(position);
          llvm::append_range(whole, ArrayRef(ivs).drop_front(outer));
          update(whole, Value());
        });
      };
      if (!isInside)
        return emitRow();
      auto guard = scf::IfOp::create(b, isInside, /*withElseRegion=*/false);
      OpBuilder::InsertionGuard saved(b);
      b.setInsertionPointToStart(guard.thenBlock());
      emitRow();
    });
  };

  // Neighbours in memory are updated together.
  double cost = kUpdateCost * countElements(updatesType, ordered);
  bool hasColumns = !parallel.empty() && parallel.back() == rank - 1;
  int64_t columns = rank - 1;
  Value blocks;
  if (hasColumns) {
    parallel.pop_back();
    blocks = b.createOrFold<arith::DivUIOp>(
        add(b, sizes[columns], kColumns - 1), indexConstant(b, kColumns));
    cost *= std::min(kColumns, countElements(updatesType, columns));
  }
  Value count = hasColumns ? blocks : indexConstant(b, 1);
  for (int64_t d : parallel)
    count = b.createOrFold<arith::MulIOp>(count, sizes[d]);
  emitForall(b, count, cost, [&](Value position) {
    if (!hasColumns) {
      delinearize(b, position, parallel, sizes, ivs);
      return emitLine([](function_ref<void()> body) { body(); });
    }
    Value block = b.createOrFold<arith::RemUIOp>(position, blocks);
    delinearize(b, b.createOrFold<arith::DivUIOp>(position, blocks), parallel,
                sizes, ivs);
    Value begin = mul(b, block, kColumns);
    Value end =
        arith::MinUIOp::create(b, add(b, begin, kColumns), sizes[columns]);
    emitLine([&](function_ref<void()> body) {
      emitLoop(b, begin, end, 1, [&](Value iv) {
        ivs[columns] = iv;
        body();
      });
    });
  });
}

//===----------------------------------------------------------------------===//
// TopK
//===----------------------------------------------------------------------===//

namespace {
/// One line of the input, and its heap in the output: positions, of which the
/// root is the one that comes last in the order.
class Heap {
public:
  Heap(ImplicitLocOpBuilder &b, TopKOp op, ArrayRef<Value> line)
      : b(b), op(op), line(line), axis(op.getAxis()) {}

  Value load(Value slot) {
    Value stored = memref::LoadOp::create(b, op.getOut(), at(slot));
    return arith::IndexCastOp::create(b, b.getIndexType(), stored);
  }
  void store(Value item, Value slot) {
    Value stored = arith::IndexCastOp::create(b, b.getI64Type(), item);
    memref::StoreOp::create(b, stored, op.getOut(), at(slot));
  }
  /// Whether position `lhs` comes before position `rhs`.
  Value isBefore(Value lhs, Value rhs) {
    Value x = memref::LoadOp::create(b, op.getInput(), at(lhs));
    Value y = memref::LoadOp::create(b, op.getInput(), at(rhs));
    Value before = inlineRegion(b, op.getBefore(), {x, y});
    Value after = inlineRegion(b, op.getBefore(), {y, x});
    // Before it in the order, or not behind it and at a lower position.
    Value isLower = isLess(b, lhs, rhs);
    Value isNotAfter = arith::XOrIOp::create(
        b, after, arith::ConstantIntOp::create(b, 1, /*width=*/1));
    return arith::OrIOp::create(b, before,
                                arith::AndIOp::create(b, isNotAfter, isLower));
  }
  /// Puts `item` where it belongs in the heap of `size` slots, of which `slot`
  /// is free; what comes later than it moves up.
  void siftDown(Value item, Value slot, Value size);

private:
  SmallVector<Value> at(Value position) {
    SmallVector<Value> indices(line);
    indices[axis] = position;
    return indices;
  }

  ImplicitLocOpBuilder &b;
  TopKOp op;
  SmallVector<Value> line;
  int64_t axis;
};
} // namespace

void Heap::siftDown(Value item, Value slot, Value size) {
  Type index = b.getIndexType();
  Value one = indexConstant(b, 1), last = subtract(b, size, one);
  auto loop =
      scf::WhileOp::create(b, TypeRange{index, index}, ValueRange{slot});
  OpBuilder::InsertionGuard saved(b);

  // The child that comes later; slots behind the end are not looked at, but
  // loaded from the last one.
  Block *before = b.createBlock(&loop.getBefore(), {}, {index}, {b.getLoc()});
  Value current = before->getArgument(0);
  Value left = add(b, mul(b, current, 2), 1);
  Value hasChild = isLess(b, left, size);
  Value first = arith::MinSIOp::create(b, left, last);
  Value second = arith::MinSIOp::create(b, add(b, left, 1), last);
  Value firstItem = load(first), secondItem = load(second);
  Value child = arith::SelectOp::create(b, isBefore(firstItem, secondItem),
                                        second, first);
  Value goesOn =
      arith::AndIOp::create(b, hasChild, isBefore(item, load(child)));
  scf::ConditionOp::create(b, goesOn, ValueRange{current, child});

  Block *after = b.createBlock(&loop.getAfter(), {}, {index, index},
                               {b.getLoc(), b.getLoc()});
  store(load(after->getArgument(1)), after->getArgument(0));
  scf::YieldOp::create(b, ValueRange{after->getArgument(1)});

  b.setInsertionPointAfter(loop);
  store(item, loop.getResult(0));
}

void mpc::lowerTopK(TopKOp op) {
  ImplicitLocOpBuilder b(op.getLoc(), op);
  auto inputType = cast<MemRefType>(op.getInput().getType());
  int64_t axis = op.getAxis(), rank = inputType.getRank();
  int64_t size = inputType.getDimSize(axis),
          k = cast<MemRefType>(op.getOut().getType()).getDimSize(axis);
  if (k == 0)
    return;
  SmallVector<int64_t> lines;
  for (int64_t d = 0; d < rank; ++d)
    if (d != axis)
      lines.push_back(d);
  SmallVector<Value> sizes = getSizes(b, op.getInput()), ivs(rank);
  Value count = indexConstant(b, 1);
  for (int64_t d : lines)
    count = b.createOrFold<arith::MulIOp>(count, sizes[d]);

  double cost = kUpdateCost * (size + k * std::log2(k + 1));
  emitForall(b, count, cost, [&](Value position) {
    delinearize(b, position, lines, sizes, ivs);
    Heap heap(b, op, ivs);
    Value zero = indexConstant(b, 0), slots = indexConstant(b, k);
    emitLoop(b, zero, slots, 1, [&](Value i) { heap.store(i, i); });
    // The first k make a heap, from its last inner slot up.
    emitLoop(b, zero, indexConstant(b, k / 2), 1, [&](Value i) {
      Value slot = subtract(b, indexConstant(b, k / 2 - 1), i);
      heap.siftDown(heap.load(slot), slot, slots);
    });
    // Each of the others takes the place of the last one if it comes before.
    emitLoop(b, slots, indexConstant(b, size), 1, [&](Value i) {
      Value isBetter = heap.isBefore(i, heap.load(zero));
      auto guard = scf::IfOp::create(b, isBetter, /*withElseRegion=*/false);
      OpBuilder::InsertionGuard saved(b);
      b.setInsertionPointToStart(guard.thenBlock());
      heap.siftDown(i, zero, slots);
    });
    // The last one goes to the end, and so on.
    emitLoop(b, zero, indexConstant(b, k - 1), 1, [&](Value i) {
      Value end = subtract(b, indexConstant(b, k - 1), i);
      Value item = heap.load(end);
      heap.store(heap.load(zero), end);
      heap.siftDown(item, zero, end);
    });
  });
}
