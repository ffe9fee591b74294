//===- LogicOperators.cpp - comparisons, logic, bits ----------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Operators that ask about numbers, choose among them, or take them as bits.
//
//===----------------------------------------------------------------------===//

#include "Broadcasting.h"
#include "Folding.h"
#include <cmath>

using namespace mlir;
using namespace mpc;
using namespace mpc::frontend;

//===----------------------------------------------------------------------===//
// Folds
//===----------------------------------------------------------------------===//

static void setBools(NodeContext &node, ArrayRef<int64_t> shape,
                     ArrayRef<Size> values) {
  node.setResult(0, Tensor::ofKnown(KnownTensor::makeInts(
                        node.getBuilder().getI1Type(), shape, values)));
}

static bool holds(ComparePredicate predicate, double difference) {
  switch (predicate) {
  case ComparePredicate::EQ:
    return difference == 0;
  case ComparePredicate::LT:
    return difference < 0;
  case ComparePredicate::LE:
    return difference <= 0;
  case ComparePredicate::GT:
    return difference > 0;
  case ComparePredicate::GE:
    return difference >= 0;
  }
  return false;
}

/// Whether the relation holds for every batch, or for none; else nothing.
static std::optional<bool> compare(ComparePredicate predicate, Size a, Size b) {
  if (a == b)
    return holds(predicate, 0);
  if (a.batch == b.batch)
    return holds(predicate, a.offset < b.offset ? -1 : 1);
  // The batch is at least 1, so what is compared with it mostly is a marker:
  // 0 or -1.
  if (a.isBatch() && b.isConstant() && b.offset < 1)
    return holds(predicate, 1);
  if (b.isBatch() && a.isConstant() && a.offset < 1)
    return holds(predicate, -1);
  return std::nullopt;
}

template <ComparePredicate predicate>
static bool foldCompare(NodeContext &node) {
  std::optional<KnownTensor> a = node.getKnown(0), b = node.getKnown(1);
  if (!a || !b || a->isReal() != b->isReal() || !broadcastsAsNumPy(node))
    return false;
  auto shape = broadcastShapes(a->shape, b->shape);
  if (!shape || failed(countElements(*shape)) ||
      product(*shape) > mostKnownElements)
    return false;
  SmallVector<Size> values;
  for (int64_t i = 0, e = product(*shape); i < e; ++i) {
    int64_t ia = broadcastIndex(a->shape, *shape, i);
    int64_t ib = broadcastIndex(b->shape, *shape, i);
    std::optional<bool> value;
    if (!a->isReal()) {
      value = compare(predicate, a->ints[ia], b->ints[ib]);
    } else {
      double x = a->reals[ia], y = b->reals[ib];
      // Infinities have no difference, and NaN is in no relation.
      value = !std::isnan(x) && !std::isnan(y) &&
              holds(predicate, x == y  ? 0
                               : x < y ? -1
                                       : 1);
    }
    if (!value)
      return false;
    values.push_back(Size::constant(*value));
  }
  setBools(node, *shape, values);
  return true;
}

static std::optional<KnownTensor> getKnownBools(NodeContext &node,
                                                unsigned index) {
  std::optional<KnownTensor> known = node.getKnown(index);
  return known && known->elementType.isInteger(1) ? known : std::nullopt;
}

template <bool (*function)(bool, bool)>
static bool foldLogic(NodeContext &node) {
  auto a = getKnownBools(node, 0), b = getKnownBools(node, 1);
  if (!a || !b || !broadcastsAsNumPy(node))
    return false;
  auto shape = broadcastShapes(a->shape, b->shape);
  if (!shape || failed(countElements(*shape)) ||
      product(*shape) > mostKnownElements)
    return false;
  SmallVector<Size> values;
  for (int64_t i = 0, e = product(*shape); i < e; ++i) {
    bool x = a->ints[broadcastIndex(a->shape, *shape, i)].offset != 0;
    bool y = b->ints[broadcastIndex(b->shape, *shape, i)].offset != 0;
    values.push_back(Size::constant(function(x, y)));
  }
  setBools(node, *shape, values);
  return true;
}

static bool foldNot(NodeContext &node) {
  auto known = getKnownBools(node, 0);
  if (!known)
    return false;
  for (Size &value : known->ints)
    value.offset = !value.offset;
  node.setResult(0, Tensor::ofKnown(std::move(*known)));
  return true;
}

static bool foldWhere(NodeContext &node) {
  auto condition = getKnownBools(node, 0);
  std::optional<KnownTensor> a = node.getKnown(1), b = node.getKnown(2);
  if (!condition || !a || !b || a->elementType != b->elementType)
    return false;
  auto shape = broadcastShapes(a->shape, b->shape);
  if (shape)
    shape = broadcastShapes(*shape, condition->shape);
  if (!shape || failed(countElements(*shape)) ||
      product(*shape) > mostKnownElements)
    return false;
  KnownTensor result;
  result.elementType = a->elementType;
  result.shape = *shape;
  for (int64_t i = 0, e = product(*shape); i < e; ++i) {
    bool first =
        condition->ints[broadcastIndex(condition->shape, *shape, i)].offset;
    const KnownTensor &from = first ? *a : *b;
    int64_t index = broadcastIndex(from.shape, *shape, i);
    if (from.isReal())
      result.reals.push_back(from.reals[index]);
    else
      result.ints.push_back(from.ints[index]);
  }
  node.setResult(0, Tensor::ofKnown(std::move(result)));
  return true;
}

//===----------------------------------------------------------------------===//
// Operators
//===----------------------------------------------------------------------===//

template <ComparePredicate predicate>
static void emitCompare(NodeContext &node) {
  auto [lhs, rhs] = getBinaryOperands(node);
  node.setResult(
      0, node.create<CompareOp>(
             {lhs, rhs},
             node.attr("predicate", ComparePredicateAttr::get(node.getContext(),
                                                              predicate))));
}

/// Operators on truth values.
template <typename OpT> static void emitLogic(NodeContext &node) {
  for (unsigned i = 0; i < node.getNumInputs(); ++i)
    if (Type type = node.getInputType(i).getElementType(); !type.isInteger(1)) {
      std::string name;
      llvm::raw_string_ostream(name) << type;
      return (void)node.error("expected truth values, but input " + Twine(i) +
                              " has elements of type " + name);
    }
  if (node.getNumInputs() == 1)
    return node.setResult(0, node.create<OpT>(node.getOperand(0)));
  auto [lhs, rhs] = getBinaryOperands(node);
  node.setResult(0, node.create<OpT>({lhs, rhs}));
}

template <typename OpT> static void emitBitwise(NodeContext &node) {
  SmallVector<Value> operands;
  for (unsigned i = 0; i < node.getNumInputs(); ++i)
    operands.push_back(node.getOperand(i));
  node.setResult(0, node.create<OpT>(operands));
}

static void emitBitShift(NodeContext &node) {
  StringRef direction = node.getString("direction", "");
  SmallVector<Value> operands{node.getOperand(0), node.getOperand(1)};
  if (direction == "LEFT")
    node.setResult(0, node.create<ShiftLeftOp>(operands));
  else if (direction == "RIGHT")
    node.setResult(0, node.create<ShiftRightOp>(operands));
  else
    (void)node.error("attribute 'direction': expected LEFT or RIGHT, but got "
                     "'" +
                     direction + "'");
}

static void emitIsNaN(NodeContext &node) {
  node.setResult(0, node.create<IsNaNOp>(node.getOperand(0)));
}

static void emitIsInf(NodeContext &node) {
  Builder &b = node.getBuilder();
  bool negative = node.getBool("detect_negative", true);
  bool positive = node.getBool("detect_positive", true);
  node.setResult(0, node.create<IsInfOp>(
                        node.getOperand(0),
                        {node.attr("negative", b.getBoolAttr(negative)),
                         node.attr("positive", b.getBoolAttr(positive))}));
}

static void emitWhere(NodeContext &node) {
  node.setResult(0,
                 node.create<WhereOp>({node.getOperand(0), node.getOperand(1),
                                       node.getOperand(2)}));
}

static bool both(bool a, bool b) { return a && b; }
static bool either(bool a, bool b) { return a || b; }
static bool differ(bool a, bool b) { return a != b; }

ArrayRef<Operator> frontend::getLogicOperators() {
  constexpr int64_t last = newestOpset;
  using P = ComparePredicate;
  static const Operator rows[] = {
      {"Equal", 1, last, 2, 2, foldCompare<P::EQ>, emitCompare<P::EQ>},
      {"Less", 1, last, 2, 2, foldCompare<P::LT>, emitCompare<P::LT>},
      {"LessOrEqual", 12, last, 2, 2, foldCompare<P::LE>, emitCompare<P::LE>},
      {"Greater", 1, last, 2, 2, foldCompare<P::GT>, emitCompare<P::GT>},
      {"GreaterOrEqual", 12, last, 2, 2, foldCompare<P::GE>,
       emitCompare<P::GE>},
      {"And", 1, last, 2, 2, foldLogic<both>, emitLogic<AndOp>},
      {"Or", 1, last, 2, 2, foldLogic<either>, emitLogic<OrOp>},
      {"Xor", 1, last, 2, 2, foldLogic<differ>, emitLogic<XorOp>},
      {"Not", 1, last, 1, 1, foldNot, emitLogic<NotOp>},
      {"BitwiseAnd", 18, last, 2, 2, nullptr, emitBitwise<AndOp>},
      {"BitwiseOr", 18, last, 2, 2, nullptr, emitBitwise<OrOp>},
      {"BitwiseXor", 18, last, 2, 2, nullptr, emitBitwise<XorOp>},
      {"BitwiseNot", 18, last, 1, 1, nullptr, emitBitwise<NotOp>},
      {"BitShift", 11, last, 2, 2, nullptr, emitBitShift},
      {"IsNaN", 9, last, 1, 1, nullptr, emitIsNaN},
      {"IsInf", 10, last, 1, 1, nullptr, emitIsInf},
      {"Where", 9, last, 3, 3, foldWhere, emitWhere},
  };
  return rows;
}
