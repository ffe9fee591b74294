//===- Broadcasting.cpp - operands of binary operators --------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Broadcasting.h"

using namespace mlir;
using namespace mpc;
using namespace mpc::frontend;

/// The first version of the standard domain whose operators broadcast as NumPy.
static constexpr int64_t numpyOpset = 7;

Value frontend::alignAtAxis(NodeContext &node, Value value,
                            RankedTensorType input, int64_t axis) {
  if (!value)
    return {};
  SmallVector<int64_t> shape(
      cast<RankedTensorType>(value.getType()).getShape());
  if (axis + static_cast<int64_t>(shape.size()) > input.getRank()) {
    (void)node.error("expected an operand of rank at most " +
                     Twine(input.getRank() - axis) + " at axis " + Twine(axis) +
                     ", but got rank " + Twine(shape.size()));
    return {};
  }
  shape.resize(input.getRank() - axis, 1);
  return node.createReshape(value, shape);
}

std::pair<Value, Value> frontend::getBinaryOperands(NodeContext &node) {
  Value lhs = node.getOperand(0), rhs = node.getOperand(1);
  if (node.getVersion() >= numpyOpset || !lhs || !rhs)
    return {lhs, rhs};
  bool broadcasts = node.getBool("broadcast", false);
  auto type = cast<RankedTensorType>(lhs.getType());
  auto other = cast<RankedTensorType>(rhs.getType());
  if (!broadcasts) {
    node.ignoreAttribute("axis");
    if (type.getShape() != other.getShape()) {
      (void)node.error("expected operands of the same shape, or attribute "
                       "'broadcast'");
      return {};
    }
    return {lhs, rhs};
  }
  if (node.hasAttribute("axis")) {
    int64_t axis = node.normalizeAxis(node.getInt("axis", 0),
                                      std::max<int64_t>(type.getRank(), 1));
    rhs = alignAtAxis(node, rhs, type, axis);
  }
  return {lhs, rhs};
}

bool frontend::broadcastsAsNumPy(NodeContext &node) {
  return node.getVersion() >= numpyOpset || !node.hasAttribute("axis");
}
