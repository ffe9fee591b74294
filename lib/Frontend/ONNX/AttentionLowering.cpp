//===- AttentionLowering.cpp - attention as matrix products ---------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "AttentionLowering.h"

using namespace mlir;
using namespace mpc;
using namespace mpc::frontend;

//===----------------------------------------------------------------------===//
// Heads
//===----------------------------------------------------------------------===//

Value frontend::splitHeads(NodeContext &node, Value value, int64_t heads) {
  if (!value)
    return {};
  ArrayRef<int64_t> shape = getTensorType(value).getShape();
  if (heads < 1 || ShapedType::isDynamic(shape[2]) || shape[2] % heads != 0)
    return (void)node.error("expected a number of heads that divides the last "
                            "size " +
                            Twine(shape[2]) + ", but got " + Twine(heads)),
           Value();
  value =
      node.createReshape(value, {shape[0], shape[1], heads, shape[2] / heads});
  return node.createTranspose(value, {0, 2, 1, 3});
}

Value frontend::joinHeads(NodeContext &node, Value value) {
  value = node.createTranspose(value, {0, 2, 1, 3});
  if (!value)
    return {};
  ArrayRef<int64_t> shape = getTensorType(value).getShape();
  return node.createReshape(value, {shape[0], shape[1], shape[2] * shape[3]});
}

//===----------------------------------------------------------------------===//
// Masks
//===----------------------------------------------------------------------===//

void Attention::restrict(Value condition) {
  if (!condition)
    return;
  allowed = allowed ? node.create<AndOp>({allowed, condition}) : condition;
}

void Attention::restrictWindow(std::optional<int64_t> left,
                               std::optional<int64_t> right, int64_t offset) {
  int64_t queries = getNumQueries(), keys = getNumKeys();
  // Whether some query sees no key.
  for (int64_t i = 0; i < queries && !mayMaskRows; ++i) {
    int64_t first = left ? std::max<int64_t>(offset + i - *left, 0) : 0;
    int64_t last =
        right ? std::min<int64_t>(offset + i + *right, keys - 1) : keys - 1;
    mayMaskRows = first > last;
  }
  auto i64 = IntegerType::get(node.getContext(), 64);
  restrictWindow(left, right, node.createScalar(offset, i64));
}

void Attention::restrictWindow(std::optional<int64_t> left,
                               std::optional<int64_t> right, Value offsets) {
  auto i64 = IntegerType::get(node.getContext(), 64);
  Value row = createPositions(node, getNumQueries(), 2, 4);
  Value column = createPositions(node, getNumKeys(), 3, 4);
  Value position = node.create<AddOp>({row, offsets});
  auto shifted = [&](int64_t by) {
    return by ? node.create<AddOp>({position, node.createScalar(by, i64)})
              : position;
  };
  if (right)
    restrict(
        createCompare(node, ComparePredicate::LE, column, shifted(*right)));
  if (left)
    restrict(
        createCompare(node, ComparePredicate::GE, column, shifted(-*left)));
}

void Attention::restrictLengths(Value lengths) {
  if (!lengths)
    return;
  mayMaskRows = true;
  Value column = createPositions(node, getNumKeys(), 3, 4);
  lengths = node.createReshape(lengths,
                               {getTensorType(lengths).getDimSize(0), 1, 1, 1});
  restrict(createCompare(node, ComparePredicate::LT, column, lengths));
}

/// Everything that is added to the scores, or null.
Value Attention::buildBias() {
  if (!allowed)
    return bias;
  Type type = getTensorType(query).getElementType();
  Value zero = node.createScalar(0, type);
  Value none = node.createScalar(masked, type);
  Value chosen = createWhere(node, allowed, zero, none);
  return bias ? node.create<AddOp>({bias, chosen}) : chosen;
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

bool Attention::check() {
  if (!query || !key || !value)
    return false;
  RankedTensorType q = getTensorType(query), k = getTensorType(key),
                   v = getTensorType(value);
  auto fail = [&](const Twine &message) {
    (void)node.error(message);
    return false;
  };
  if (!isa<FloatType>(q.getElementType()))
    return fail("expected queries of floating-point elements");
  if (k.getDimSize(2) != v.getDimSize(2))
    return fail("expected as many keys as values, but got " +
                Twine(k.getDimSize(2)) + " and " + Twine(v.getDimSize(2)));
  if (q.isDynamicDim(2) || k.isDynamicDim(2))
    return fail("expected known lengths of queries and keys; --shape can fix "
                "them");
  for (int64_t dim : {1, 2, 3})
    if (q.isDynamicDim(dim) || k.isDynamicDim(dim) || v.isDynamicDim(dim))
      return fail("expected known sizes behind the batch; --shape can fix "
                  "them");
  if (std::max(getNumQueries(), getNumKeys()) > kMaxPositions)
    return fail("expected at most " + Twine(kMaxPositions) +
                " queries and keys, but got " + Twine(getNumQueries()) +
                " and " + Twine(getNumKeys()));
  if (q.getDimSize(3) != k.getDimSize(3))
    return fail("expected queries and keys of one size, but got " +
                Twine(q.getDimSize(3)) + " and " + Twine(k.getDimSize(3)));
  if (k.getDimSize(1) != v.getDimSize(1) || k.getDimSize(1) < 1 ||
      q.getDimSize(1) % k.getDimSize(1) != 0)
    return fail("expected as many heads of values as of keys, and a multiple "
                "of queries, but got " +
                Twine(q.getDimSize(1)) + ", " + Twine(k.getDimSize(1)) +
                " and " + Twine(v.getDimSize(1)) +
                " heads of queries, keys and values");
  return true;
}

bool Attention::build() {
  if (node.hasFailed())
    return false;
  SmallVector<int64_t> shape(getTensorType(query).getShape());
  Type type = getTensorType(query).getElementType();
  int64_t heads = shape[1], shared = getTensorType(key).getDimSize(1),
          queries = shape[2], keys = getNumKeys();
  // Heads that share keys are rows of one product.
  auto group = [&](Value v, int64_t columns) {
    return node.createReshape(
        v, {shape[0], shared, heads / shared * queries, columns});
  };
  auto ungroup = [&](Value v, int64_t columns) {
    return node.createReshape(v, {shape[0], heads, queries, columns});
  };

  // Both sides take the root of the scale, so that products of f16 do not
  // overflow.
  Value root = node.createScalar(std::sqrt(scale), type);
  auto scaled = [&](Value v) {
    return scale == 1 ? v : node.create<MulOp>({v, root});
  };
  Value columns =
      scaled(node.createTranspose(node.createCast(key, type), {0, 1, 3, 2}));
  scores = ungroup(
      node.create<MatMulOp>({group(scaled(query), shape[3]), columns}), keys);
  cappedScores = scores;
  if (softcap != 0) {
    Value cap = node.createScalar(softcap, type);
    cappedScores = node.create<MulOp>(
        {node.create<TanhOp>(node.create<DivOp>({scores, cap})), cap});
  }
  Value added = buildBias();
  biasedScores =
      added ? node.create<AddOp>({cappedScores, added}) : cappedScores;
  if (!biasedScores)
    return false;
  if (biasedScores.getType() != scores.getType())
    return (void)node.error("expected masks that broadcast to the scores' "
                            "shape"),
           false;

  weights = node.createCast(biasedScores, softmaxType ? softmaxType : type);
  weights = node.create<SoftmaxOp>(weights, node.i64("axis", 3));
  if (added && mayMaskRows && weights) {
    // A row without keys has the weights 0, whatever its scores are.
    int64_t last = getTensorType(added).getRank() - 1;
    if (last >= 0) {
      Value most =
          createReduce(node, added, ReduceKind::Max, last, /*keepDims=*/true);
      Value isMasked = createCompare(
          node, ComparePredicate::EQ, most,
          node.createScalar(-std::numeric_limits<double>::infinity(), type));
      weights = createWhere(
          node, isMasked,
          node.createScalar(0, getTensorType(weights).getElementType()),
          weights);
    }
  }
  weights = node.createCast(weights, type);
  int64_t size = getTensorType(value).getDimSize(3);
  result = ungroup(node.create<MatMulOp>(
                       {group(weights, keys), node.createCast(value, type)}),
                   size);
  return result != nullptr;
}
