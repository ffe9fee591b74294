//===- MatrixOperators.cpp - triangles and determinants -------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Composition.h"

using namespace mlir;
using namespace mpc;
using namespace mpc::frontend;

/// The triangle on and above (below) the k-th diagonal; zeros elsewhere.
static void emitTrilu(NodeContext &node) {
  bool isUpper = node.getBool("upper", true);
  RankedTensorType type = node.getInputType(0);
  int64_t rank = type.getRank();
  if (rank < 2)
    return (void)node.error("expected matrices, but got rank " + Twine(rank));
  int64_t rows = type.getDimSize(rank - 2), columns = type.getDimSize(rank - 1);
  if (ShapedType::isDynamic(rows) || ShapedType::isDynamic(columns))
    return (void)node.error("expected matrices of known size; --shape can fix "
                            "it");
  int64_t diagonal = 0;
  if (node.hasInput(1)) {
    auto k = node.getKnownInts(1, "k");
    if (!k)
      return;
    if (k->size() != 1)
      return (void)node.error("expected one number k, but got " +
                              Twine(k->size()));
    diagonal = std::clamp(k->front(), -rows, columns);
  }
  auto i64 = IntegerType::get(node.getContext(), 64);
  Value row = node.create<AddOp>(
      {createPositions(node, rows, 0, 2), node.createScalar(diagonal, i64)});
  Value isKept =
      createCompare(node, isUpper ? ComparePredicate::GE : ComparePredicate::LE,
                    createPositions(node, columns, 1, 2), row);
  Value zero = node.createScalar(0, type.getElementType());
  node.setResult(0, createWhere(node, isKept, node.getOperand(0), zero));
}

/// By Leibniz' formula, which is exact enough and small for up to 3 rows.
static void emitDet(NodeContext &node) {
  RankedTensorType type = node.getInputType(0);
  int64_t rank = type.getRank();
  if (rank < 2 || type.getDimSize(rank - 1) != type.getDimSize(rank - 2) ||
      type.isDynamicDim(rank - 1))
    return (void)node.error("expected square matrices of known size");
  int64_t size = type.getDimSize(rank - 1);
  if (size < 1 || size > 3)
    return (void)node.unsupported(" of matrices with " + Twine(size) + " rows");
  Value input = node.getOperand(0);
  auto at = [&](int64_t row, int64_t column) {
    Value line = createSlice(node, input, rank - 2, row, 1);
    return node.createReshape(
        createSlice(node, line, rank - 1, column % size, 1),
        type.getShape().drop_back(2));
  };
  /// The product down (up) a diagonal that wraps around.
  auto diagonal = [&](int64_t column, int64_t step) {
    Value product = at(0, column);
    for (int64_t row = 1; row < size; ++row)
      product = node.create<MulOp>({product, at(row, column + row * step)});
    return product;
  };
  if (size == 1)
    return node.setResult(0, at(0, 0));
  int64_t diagonals = size == 2 ? 1 : 3;
  Value positive, negative;
  for (int64_t column = 0; column < diagonals; ++column) {
    // Upwards is size - 1 to the right.
    Value down = diagonal(column, 1),
          up = diagonal(column + size - 1, size - 1);
    positive = positive ? node.create<AddOp>({positive, down}) : down;
    negative = negative ? node.create<AddOp>({negative, up}) : up;
  }
  node.setResult(0, node.create<SubOp>({positive, negative}));
}

ArrayRef<Operator> frontend::getMatrixOperators() {
  constexpr int64_t last = newestOpset;
  static const Operator rows[] = {
      {"Det", 11, last, 1, 1, nullptr, emitDet},
      {"Trilu", 14, last, 1, 2, nullptr, emitTrilu},
  };
  return rows;
}
