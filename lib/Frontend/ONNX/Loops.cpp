//===- Loops.cpp - building loops over steps ------------------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Loops.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mpc;
using namespace mpc::frontend;

static RankedTensorType getType(Value value) {
  return cast<RankedTensorType>(value.getType());
}

//===----------------------------------------------------------------------===//
// LoopStep
//===----------------------------------------------------------------------===//

Value LoopStep::getPosition(bool reversed) {
  if (!reversed)
    return number;
  OpBuilder &builder = node.getBuilder();
  Value last =
      arith::ConstantIndexOp::create(builder, node.getLoc(), trips - 1);
  return arith::SubIOp::create(builder, node.getLoc(), last, number);
}

Value LoopStep::take(Value sequence, bool reversed, int64_t offset,
                     std::optional<int64_t> size) {
  if (!sequence || node.hasFailed())
    return {};
  SmallVector<int64_t> shape(getType(sequence).getShape());
  if (size)
    shape.back() = *size;
  ArrayRef<int64_t> step = ArrayRef(shape).drop_front();
  if (!isUnrolled())
    return node.createTyped(
        ExtractStepOp::getOperationName(), {sequence, getPosition(reversed)},
        getType(sequence).clone(step), node.i64("offset", offset));
  SmallVector<int64_t> starts(shape.size(), 0), steps(shape.size(), 1);
  starts.front() = reversed ? trips - 1 - known : known;
  if (size)
    starts.back() = offset;
  shape.front() = 1;
  SmallVector<int64_t> sizes(shape);
  std::replace(sizes.begin(), sizes.end(), ShapedType::kDynamic, int64_t(-1));
  Value box = sequence;
  if (shape != getType(sequence).getShape())
    box = node.create<SliceOp>(sequence, {node.i64s("starts", starts),
                                          node.i64s("sizes", sizes),
                                          node.i64s("steps", steps)});
  return node.createReshape(box, ArrayRef(shape).drop_front());
}

Tensor LoopStep::getNumber() {
  OpBuilder &builder = node.getBuilder();
  if (isUnrolled())
    return Tensor::ofKnown(
        KnownTensor::makeInts(builder.getI64Type(), {}, Size::constant(known)));
  Value scalar = arith::IndexCastOp::create(builder, node.getLoc(),
                                            builder.getI64Type(), number);
  return Tensor::ofValue(tensor::FromElementsOp::create(
      builder, node.getLoc(), RankedTensorType::get({}, scalar.getType()),
      scalar));
}

//===----------------------------------------------------------------------===//
// Loops
//===----------------------------------------------------------------------===//

/// The values of tensors; false after an error.
static bool getValues(NodeContext &node, MutableArrayRef<Tensor> tensors,
                      SmallVectorImpl<Value> &values) {
  for (Tensor &tensor : tensors) {
    Value value = node.hasFailed() || tensor.isPoisoned
                      ? Value()
                      : materialize(node.getModel(), tensor, node.getName());
    if (!value) {
      (void)node.error("carries a tensor that depends on the batch size, which "
                       "is not known; --shape can fix it");
      return false;
    }
    values.push_back(value);
  }
  return true;
}

Tensor frontend::stackSteps(NodeContext &node, MutableArrayRef<Tensor> steps,
                            bool reversed) {
  SmallVector<Value> values;
  if (steps.empty())
    (void)node.error("expected at least one step, but got none");
  if (node.hasFailed() || !getValues(node, steps, values))
    return Tensor::poisoned();
  if (reversed)
    std::reverse(values.begin(), values.end());
  for (Value &value : values) {
    SmallVector<int64_t> shape{1};
    llvm::append_range(shape, getType(value).getShape());
    value = node.createReshape(value, shape);
  }
  Value result = values.size() == 1
                     ? values.front()
                     : node.create<ConcatOp>(values, node.i64("axis", 0));
  return result ? Tensor::ofValue(result) : Tensor::poisoned();
}

namespace mpc::frontend {
class LoopBuilder {
public:
  LoopBuilder(NodeContext &node, int64_t trips, ArrayRef<bool> reversed,
              LoopBody body)
      : node(node), trips(trips), reversed(reversed), body(body) {}

  std::optional<Tensors> unroll(ArrayRef<Tensor> inits);
  std::optional<Tensors> roll(ArrayRef<Tensor> inits);

private:
  NodeContext &node;
  int64_t trips;
  ArrayRef<bool> reversed;
  LoopBody body;
};
} // namespace mpc::frontend

std::optional<Tensors> LoopBuilder::unroll(ArrayRef<Tensor> inits) {
  Tensors carried(inits);
  std::vector<Tensors> outputs(reversed.size());
  for (int64_t step = 0; step < trips; ++step) {
    LoopStep current(node, trips, Value(), step);
    Tensors elements;
    body(current, carried, elements);
    if (node.hasFailed())
      return std::nullopt;
    for (auto [all, element] : llvm::zip_equal(outputs, elements))
      all.push_back(element);
  }
  for (auto [all, isReversed] : llvm::zip_equal(outputs, reversed))
    carried.push_back(stackSteps(node, all, isReversed));
  return node.hasFailed() ? std::nullopt : std::optional<Tensors>(carried);
}

std::optional<Tensors> LoopBuilder::roll(ArrayRef<Tensor> inits) {
  Tensors initTensors(inits);
  SmallVector<Value> values, next, elements;
  if (!getValues(node, initTensors, values))
    return std::nullopt;
  IRRewriter builder(node.getBuilder());
  Location loc = node.getLoc();
  auto index = [&](int64_t value) {
    return arith::ConstantIndexOp::create(builder, loc, value);
  };
  auto loop =
      scf::ForOp::create(builder, loc, index(0), index(trips), index(1), values,
                         [](OpBuilder &, Location, Value, ValueRange) {});
  {
    OpBuilder::InsertionGuard guard(node.getBuilder());
    node.getBuilder().setInsertionPointToEnd(loop.getBody());
    LoopStep step(node, trips, loop.getInductionVar(), 0);
    Tensors carried, outputs;
    for (Value argument : loop.getRegionIterArgs())
      carried.push_back(Tensor::ofValue(argument));
    body(step, carried, outputs);
    if (node.hasFailed() || !getValues(node, carried, next) ||
        !getValues(node, outputs, elements))
      return std::nullopt;
    for (auto [before, after] : llvm::zip_equal(values, next))
      if (before.getType() != after.getType()) {
        std::string types;
        llvm::raw_string_ostream(types)
            << before.getType() << " and then " << after.getType();
        (void)node.error("expected tensors that keep their shape from step to "
                         "step, but got " +
                         types);
        return std::nullopt;
      }
    scf::YieldOp::create(node.getBuilder(), loc, next);
  }

  // Now that the elements' types are known: one more carried tensor each.
  SmallVector<Value> sequences;
  for (Value element : elements) {
    SmallVector<int64_t> shape{trips};
    llvm::append_range(shape, getType(element).getShape());
    Value sequence = node.createTyped(EmptyOp::getOperationName(), {},
                                      getType(element).clone(shape));
    if (!sequence)
      return std::nullopt;
    sequence.getDefiningOp()->moveBefore(loop);
    sequences.push_back(sequence);
  }
  if (!sequences.empty()) {
    auto insert = [&](OpBuilder &b, Location,
                      ArrayRef<BlockArgument> arguments) {
      OpBuilder::InsertionGuard guard(node.getBuilder());
      node.getBuilder().setInsertionPoint(b.getInsertionBlock(),
                                          b.getInsertionPoint());
      // The loop is made anew: its own number takes the place of the old one.
      auto made = cast<scf::ForOp>(b.getInsertionBlock()->getParentOp());
      LoopStep step(node, trips, made.getInductionVar(), 0);
      SmallVector<Value> inserted;
      for (auto [element, argument, isReversed] :
           llvm::zip_equal(elements, arguments, reversed))
        inserted.push_back(InsertStepOp::create(
            node.getBuilder(), loc, argument.getType(), element, argument,
            step.getPosition(isReversed)));
      return inserted;
    };
    auto replaced = cast<LoopLikeOpInterface>(loop.getOperation())
                        .replaceWithAdditionalYields(
                            builder, sequences,
                            /*replaceInitOperandUsesInLoop=*/false, insert);
    if (failed(replaced)) {
      (void)node.error("cannot be built as a loop");
      return std::nullopt;
    }
    loop = cast<scf::ForOp>(replaced->getOperation());
    node.getBuilder().setInsertionPointAfter(loop);
  }
  Tensors results;
  for (Value result : loop.getResults())
    results.push_back(Tensor::ofValue(result));
  return results;
}

std::optional<Tensors> frontend::buildLoop(NodeContext &node, int64_t trips,
                                           ArrayRef<Tensor> inits,
                                           ArrayRef<bool> reversed, bool unroll,
                                           LoopBody body) {
  if (node.hasFailed())
    return std::nullopt;
  LoopBuilder builder(node, trips, reversed, body);
  return unroll || trips == 0 ? builder.unroll(inits) : builder.roll(inits);
}
