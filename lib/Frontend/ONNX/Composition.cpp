//===- Composition.cpp - what composed operators are made of --------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Composition.h"

using namespace mlir;
using namespace mpc;
using namespace mpc::frontend;

Value frontend::getOptionalOperand(NodeContext &node, unsigned index) {
  return node.hasInput(index) ? node.getOperand(index) : Value();
}

Value frontend::createReduce(NodeContext &node, Value input, ReduceKind kind,
                             ArrayRef<int64_t> axes, bool keepDims) {
  return node.create<ReduceOp>(
      input, {node.attr("kind", ReduceKindAttr::get(node.getContext(), kind)),
              node.i64s("axes", axes),
              node.attr("keepdims", node.getBuilder().getBoolAttr(keepDims))});
}

Value frontend::createReals(NodeContext &node, ArrayRef<int64_t> shape,
                            ArrayRef<double> values, Type elementType) {
  if (!isArithmeticFloat(elementType)) {
    (void)node.error("expected floating-point elements to compute with");
    return {};
  }
  return ConstantOp::create(
      node.getBuilder(), node.getLoc(),
      makeReals(RankedTensorType::get(shape, elementType), values));
}

Value frontend::createPositions(NodeContext &node, int64_t size, int64_t axis,
                                int64_t rank) {
  if (size < 0 || size > kMaxPositions) {
    (void)node.error("expected at most " + Twine(kMaxPositions) +
                     " numbered positions, but got " +
                     (size < 0 ? Twine("an unknown number") : Twine(size)));
    return {};
  }
  SmallVector<int64_t> shape(rank, 1);
  shape[axis] = size;
  SmallVector<int64_t> numbers = llvm::to_vector(llvm::seq<int64_t>(0, size));
  auto type =
      RankedTensorType::get(shape, IntegerType::get(node.getContext(), 64));
  return ConstantOp::create(node.getBuilder(), node.getLoc(),
                            DenseElementsAttr::get(type, ArrayRef(numbers)));
}

Value frontend::createWhere(NodeContext &node, Value condition, Value lhs,
                            Value rhs) {
  return node.create<WhereOp>({condition, lhs, rhs});
}

Value frontend::createCompare(NodeContext &node, ComparePredicate predicate,
                              Value lhs, Value rhs) {
  return node.create<CompareOp>(
      {lhs, rhs}, node.attr("predicate", ComparePredicateAttr::get(
                                             node.getContext(), predicate)));
}

Value frontend::createSlice(NodeContext &node, Value value, int64_t axis,
                            int64_t start, int64_t size, int64_t step) {
  if (!value)
    return {};
  SmallVector<int64_t> sizes;
  for (int64_t extent : getTensorType(value).getShape())
    sizes.push_back(ShapedType::isDynamic(extent) ? -1 : extent);
  if (start == 0 && step == 1 && sizes[axis] == size)
    return value;
  SmallVector<int64_t> starts(sizes.size(), 0), steps(sizes.size(), 1);
  sizes[axis] = size;
  starts[axis] = start;
  steps[axis] = step;
  return node.create<SliceOp>(value, {node.i64s("starts", starts),
                                      node.i64s("sizes", sizes),
                                      node.i64s("steps", steps)});
}

Value frontend::createConcat(NodeContext &node, ValueRange values,
                             int64_t axis) {
  return node.create<ConcatOp>(values, node.i64("axis", axis));
}
