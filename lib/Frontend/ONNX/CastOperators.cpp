//===- CastOperators.cpp - conversions of elements ------------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Folding.h"
#include <cmath>

using namespace mlir;
using namespace mpc;
using namespace mpc::frontend;

/// Conversions among integers, and between integers and floats, that keep the
/// value or round it as the operator says.
static bool foldTo(NodeContext &node, Type to) {
  std::optional<KnownTensor> known = node.getKnown(0);
  // 8-bit floats have roundings of their own, and no part in shapes.
  if (!known || !to || (isa<FloatType>(to) && isStorageOnly(to)))
    return false;
  KnownTensor result;
  result.elementType = to;
  result.shape = known->shape;
  for (int64_t i = 0; i < known->getNumElements(); ++i) {
    if (result.isReal()) {
      if (!known->isReal() && !known->ints[i].isConstant())
        return false;
      double value = known->isReal()
                         ? known->reals[i]
                         : static_cast<double>(known->ints[i].offset);
      result.reals.push_back(roundTo(value, to));
      continue;
    }
    Size value;
    if (!known->isReal()) {
      value = known->ints[i];
    } else if (std::abs(known->reals[i]) < 0x1p62) {
      value = Size::constant(static_cast<int64_t>(known->reals[i]));
      if (to.isInteger(1))
        value.offset = known->reals[i] != 0;
    } else {
      return false;
    }
    if (to.isInteger(1)) {
      if (!value.isConstant())
        return false;
      value.offset = value.offset != 0;
    }
    std::optional<Size> fitting = checked(value, to);
    if (!fitting)
      return false;
    result.ints.push_back(*fitting);
  }
  node.setResult(0, Tensor::ofKnown(std::move(result)));
  return true;
}

/// The type that attribute `to` names; null after an error.
static Type getTarget(NodeContext &node) {
  int64_t to = node.getRequiredInt("to");
  if (node.hasFailed())
    return {};
  Type elementType =
      to == static_cast<int32_t>(to)
          ? getElementType(static_cast<int32_t>(to), node.getContext())
          : Type();
  if (!elementType)
    (void)node.error("attribute 'to': elements of type " +
                     getDataTypeName(static_cast<int32_t>(to)) +
                     " are not supported");
  return elementType;
}

static bool foldCast(NodeContext &node) {
  return foldTo(node, getElementType(static_cast<int32_t>(node.getInt("to", 0)),
                                     node.getContext()));
}

static bool foldCastLike(NodeContext &node) {
  return foldTo(node, node.getInputType(1).getElementType());
}

/// Attributes of the cast to 8-bit floats; others need none.
static void emitTo(NodeContext &node, Type elementType) {
  bool saturates = node.getBool("saturate", true);
  StringRef roundMode = node.getString("round_mode", "up");
  std::optional<ScaleRounding> rounding = symbolizeScaleRounding(roundMode);
  if (!rounding)
    return (void)node.error("attribute 'round_mode': expected up, down or "
                            "nearest, but got '" +
                            roundMode + "'");
  Value input = node.getOperand(0);
  if (node.hasFailed() || !elementType)
    return;
  if (!isStorageOnly(elementType) || !isa<FloatType>(elementType))
    return node.setResult(0, node.createCast(input, elementType));
  // Until version 24, infinities became NaN in types without negative zero.
  CastOverflow overflow = !saturates ? CastOverflow::Special
                          : node.getVersion() < 24
                              ? CastOverflow::SaturateFinite
                              : CastOverflow::Saturate;
  SmallVector<NamedAttribute> attributes;
  if (overflow != CastOverflow::Saturate)
    attributes.push_back(node.attr(
        "overflow", CastOverflowAttr::get(node.getContext(), overflow)));
  if (isa<Float8E8M0FNUType>(elementType) && *rounding != ScaleRounding::Up)
    attributes.push_back(node.attr(
        "rounding", ScaleRoundingAttr::get(node.getContext(), *rounding)));
  auto type = cast<RankedTensorType>(input.getType());
  node.setResult(0,
                 type.getElementType() == elementType
                     ? input
                     : node.createTyped(CastOp::getOperationName(), input,
                                        type.clone(elementType), attributes));
}

static void emitCast(NodeContext &node) { emitTo(node, getTarget(node)); }

static void emitCastLike(NodeContext &node) {
  emitTo(node, node.getInputType(1).getElementType());
}

static void emitBitCast(NodeContext &node) {
  Type elementType = getTarget(node);
  Value input = node.getOperand(0);
  if (!elementType || !input)
    return;
  auto type = cast<RankedTensorType>(input.getType());
  node.setResult(0, type.getElementType() == elementType
                        ? input
                        : node.createTyped(BitcastOp::getOperationName(), input,
                                           type.clone(elementType)));
}

ArrayRef<Operator> frontend::getCastOperators() {
  constexpr int64_t last = newestOpset;
  static const Operator rows[] = {
      {"Cast", 6, last, 1, 1, foldCast, emitCast},
      {"CastLike", 15, last, 2, 2, foldCastLike, emitCastLike},
      {"BitCast", 26, last, 1, 1, nullptr, emitBitCast},
  };
  return rows;
}
