//===- ContractionOperators.cpp - convolution and matrix product
//-----------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TransposedConvolution.h"
#include "Windows.h"

using namespace mlir;
using namespace mpc;
using namespace mpc::frontend;

static void emitConv(NodeContext &node) {
  RankedTensorType weights = node.getInputType(1);
  if (weights.getRank() < 3)
    return (void)node.error("expected weights of rank 3 to 5, but got rank " +
                            Twine(weights.getRank()));
  auto windows = readWindows(node, weights.getShape().drop_front(2));
  int64_t groups = node.getInt("group", 1);
  if (!windows)
    return;
  SmallVector<Value> operands{node.getOperand(0), node.getOperand(1)};
  if (node.hasInput(2))
    operands.push_back(node.getOperand(2));
  node.setResult(
      0, node.create<ConvOp>(
             operands,
             {node.i64s("strides", windows->strides),
              node.i64s("dilations", windows->dilations),
              node.i64s("pads", windows->pads), node.i64("groups", groups),
              node.attr("layout", LayoutAttr::get(node.getContext(),
                                                  Layout::ChannelsFirst))}));
}

static Value createMatMul(NodeContext &node, ArrayRef<Value> operands,
                          bool transposeB) {
  SmallVector<NamedAttribute> attributes;
  if (transposeB)
    attributes.push_back(
        node.attr("transpose_b", UnitAttr::get(node.getContext())));
  return node.create<MatMulOp>(operands, attributes);
}

/// Vectors are matrices with a row or column of size 1, which the result loses.
static void emitMatMul(NodeContext &node) {
  Value lhs = node.getOperand(0), rhs = node.getOperand(1);
  RankedTensorType lhsType = node.getInputType(0);
  RankedTensorType rhsType = node.getInputType(1);
  if (lhsType.getRank() == 0 || rhsType.getRank() == 0)
    return (void)node.error("expected matrices or vectors, but got a scalar");
  bool lhsIsVector = lhsType.getRank() == 1,
       rhsIsVector = rhsType.getRank() == 1;
  if (lhsIsVector)
    lhs = node.createReshape(lhs, {1, lhsType.getDimSize(0)});
  if (rhsIsVector)
    rhs = node.createReshape(rhs, {rhsType.getDimSize(0), 1});
  Value result = createMatMul(node, {lhs, rhs}, /*transposeB=*/false);
  if (result && (lhsIsVector || rhsIsVector)) {
    SmallVector<int64_t> shape(
        cast<RankedTensorType>(result.getType()).getShape());
    if (rhsIsVector)
      shape.pop_back();
    if (lhsIsVector)
      shape.erase(shape.end() - (rhsIsVector ? 1 : 2));
    result = node.createReshape(result, shape);
  }
  node.setResult(0, result);
}

/// `value * factor`, where the factor is not 1.
static Value scaled(NodeContext &node, Value value, double factor) {
  if (!value || factor == 1)
    return value;
  return node.create<MulOp>(
      {value,
       node.createScalar(factor, getElementTypeOrSelf(value.getType()))});
}

/// `alpha * A' * B' + beta * C`. A C that varies along rows only is the bias.
static void emitGemm(NodeContext &node) {
  double alpha = node.getFloat("alpha", 1), beta = node.getFloat("beta", 1);
  bool transA = node.getBool("transA", false);
  bool transB = node.getBool("transB", false);
  if (node.getVersion() < 7) // since then C always may broadcast
    node.ignoreAttribute("broadcast");
  for (unsigned i : {0u, 1u})
    if (node.getInputRank(i) != 2)
      return (void)node.error("expected matrices, but input " + Twine(i) +
                              " has rank " + Twine(node.getInputRank(i)));
  Value lhs = node.getOperand(0), rhs = node.getOperand(1);
  if (transA)
    lhs = node.createTranspose(lhs, {1, 0});
  bool hasC = node.hasInput(2) && beta != 0;
  Value c = hasC ? scaled(node, node.getOperand(2), beta) : Value();
  if (hasC && !c)
    return;
  int64_t columns = node.getInputType(1).getDimSize(transB ? 0 : 1);
  SmallVector<Value> operands{lhs, rhs};
  bool isBias = false;
  if (c && alpha == 1) {
    auto type = cast<RankedTensorType>(c.getType());
    isBias = type.getRank() >= 1 && type.getRank() <= 2 &&
             type.getShape().back() == columns &&
             (type.getRank() == 1 || type.getDimSize(0) == 1) &&
             type.getElementType() == node.getInputType(0).getElementType();
  }
  if (isBias)
    operands.push_back(node.createReshape(c, columns));
  Value result = scaled(node, createMatMul(node, operands, transB), alpha);
  if (c && !isBias && result) {
    Value sum = node.create<AddOp>({result, c});
    // C broadcasts to the product, not the other way.
    if (sum && sum.getType() != result.getType())
      return (void)node.error("expected C to broadcast to the product's shape");
    result = sum;
  }
  node.setResult(0, result);
}

ArrayRef<Operator> frontend::getContractionOperators() {
  constexpr int64_t last = newestOpset;
  static const Operator rows[] = {
      {"Conv", 1, last, 2, 3, nullptr, emitConv},
      {"ConvTranspose", 1, last, 2, 3, nullptr, emitConvTranspose},
      {"MatMul", 1, last, 2, 2, nullptr, emitMatMul},
      {"Gemm", 6, last, 2, 3, nullptr, emitGemm},
  };
  return rows;
}
