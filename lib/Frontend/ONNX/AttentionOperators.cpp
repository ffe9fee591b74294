//===- AttentionOperators.cpp - attention, rotary embedding ---------------===//
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
// Attention
//===----------------------------------------------------------------------===//

/// A mask over fewer keys than there are forbids the others.
static Value padMask(NodeContext &node, Value mask, int64_t keys) {
  if (!mask)
    return {};
  RankedTensorType type = getTensorType(mask);
  int64_t rank = type.getRank();
  if (rank == 0 || type.isDynamicDim(rank - 1) ||
      type.getDimSize(rank - 1) >= keys || type.getDimSize(rank - 1) == 1)
    return mask;
  SmallVector<int64_t> low(rank, 0), high(rank, 0);
  high.back() = keys - type.getDimSize(rank - 1);
  double fill = isa<FloatType>(type.getElementType())
                    ? -std::numeric_limits<double>::infinity()
                    : 0;
  return node.create<PadOp>(mask,
                            {node.i64s("low", low), node.i64s("high", high),
                             node.f64("value", fill)});
}

/// A bound of the sliding window; -1 for none.
static std::optional<int64_t> readWindowSize(NodeContext &node,
                                             StringRef name) {
  int64_t size = node.getVersion() >= 25 ? node.getInt(name, -1) : -1;
  if (size < -1 || size > std::numeric_limits<int32_t>::max())
    (void)node.error("attribute '" + name +
                     "': expected a size or -1, but got " + Twine(size));
  return size < 0 ? std::nullopt : std::optional<int64_t>(size);
}

static void emitAttention(NodeContext &node) {
  bool isCausal = node.getBool("is_causal", false);
  int64_t queryHeads = node.getInt("q_num_heads", 0);
  int64_t keyHeads = node.getInt("kv_num_heads", 0);
  int64_t mode = node.getInt("qk_matmul_output_mode", 0);
  std::optional<int64_t> left = readWindowSize(node, "left_window_size");
  std::optional<int64_t> right = readWindowSize(node, "right_window_size");
  bool hasScale = node.hasAttribute("scale");
  double scale = node.getFloat("scale", 1);
  Attention attention(node);
  attention.softcap = node.getFloat("softcap", 0);
  if (node.hasAttribute("softmax_precision")) {
    int64_t precision = node.getInt("softmax_precision", 0);
    attention.softmaxType =
        getElementType(static_cast<int32_t>(precision), node.getContext());
    if (!isa_and_nonnull<FloatType>(attention.softmaxType))
      return (void)node.error("attribute 'softmax_precision': expected a "
                              "floating-point type, but got " +
                              Twine(precision));
  }
  if (!(attention.softcap >= 0) || (hasScale && !(scale > 0)))
    return (void)node.error("expected a positive scale and a softcap >= 0");
  if (mode < 0 || mode > 3)
    return (void)node.error("expected qk_matmul_output_mode from 0 to 3, but "
                            "got " +
                            Twine(mode));
  bool hasPast = node.hasInput(4);
  if (hasPast != node.hasInput(5))
    return (void)node.error("expected past_key and past_value together");
  if (hasPast && node.hasInput(6))
    return (void)node.error("expected no nonpad_kv_seqlen beside past_key");

  // [B, heads, length, size].
  int64_t rank = node.getInputRank(0);
  Value operands[3];
  for (unsigned i = 0; i < 3; ++i) {
    if (node.getInputRank(i) != rank || (rank != 3 && rank != 4))
      return (void)node.error("expected queries, keys and values of rank 3 or "
                              "4, but input " +
                              Twine(i) + " has rank " +
                              Twine(node.getInputRank(i)));
    operands[i] = node.getOperand(i);
    if (rank == 3)
      operands[i] =
          splitHeads(node, operands[i], i == 0 ? queryHeads : keyHeads);
  }
  int64_t offset = 0;
  if (hasPast) {
    for (unsigned i : {4u, 5u})
      if (node.getInputRank(i) != 4 || node.getInputType(i).isDynamicDim(2))
        return (void)node.error("expected past keys and values of rank 4 and "
                                "known length");
    offset = node.getInputType(4).getDimSize(2);
    operands[1] = createConcat(node, {node.getOperand(4), operands[1]}, 2);
    operands[2] = createConcat(node, {node.getOperand(5), operands[2]}, 2);
  }
  if (node.hasFailed() || !operands[0] || !operands[1] || !operands[2])
    return;
  attention.query = operands[0];
  attention.key = operands[1];
  attention.value = operands[2];
  attention.scale =
      hasScale ? scale
               : 1 / std::sqrt(static_cast<double>(std::max<int64_t>(
                         getTensorType(operands[0]).getDimSize(3), 1)));
  if (!attention.check())
    return;

  Type type = node.getInputType(0).getElementType();
  if (node.hasInput(3)) {
    Value mask = padMask(node, node.getOperand(3), attention.getNumKeys());
    attention.mayMaskRows = true;
    if (node.getInputType(3).getElementType().isInteger(1))
      attention.restrict(mask);
    else
      attention.bias = node.createCast(mask, type);
  }
  // The causal bound is a window that reaches 0 to the right.
  if (isCausal)
    right = std::min<int64_t>(right.value_or(0), 0);
  Value lengths = node.hasInput(6) ? node.getOperand(6) : Value();
  if (lengths && getTensorType(lengths).getRank() != 1)
    return (void)node.error("expected nonpad_kv_seqlen of rank 1");
  if (left || right) {
    if (lengths) {
      auto i64 = IntegerType::get(node.getContext(), 64);
      Value offsets = node.create<SubOp>(
          {node.createCast(lengths, i64),
           node.createScalar(attention.getNumQueries(), i64)});
      if (offsets)
        attention.restrictWindow(
            left, right,
            node.createReshape(
                offsets, {getTensorType(offsets).getDimSize(0), 1, 1, 1}));
    } else {
      attention.restrictWindow(left, right, offset);
    }
  }
  attention.restrictLengths(lengths);
  if (!attention.build())
    return;
  node.setResult(0, rank == 3 ? joinHeads(node, attention.result)
                              : attention.result);
  node.setResult(1, attention.key);
  node.setResult(2, attention.value);
  Value products[] = {attention.scores, attention.cappedScores,
                      attention.biasedScores, attention.weights};
  node.setResult(3, products[mode]);
}

//===----------------------------------------------------------------------===//
// RotaryEmbedding
//===----------------------------------------------------------------------===//

namespace {
/// What the operators of both domains give.
struct Rotary {
  Value input, cosines, sines;
  /// [B, S], or null where the caches have one row per position already.
  Value positions;
  int64_t size = 0, heads = 0;
  bool isInterleaved = false;
};
} // namespace

/// Turns pairs of elements by an angle per position: `(a cos - b sin, a sin + b
/// cos)`. Pairs are neighbours, or lie half of the size apart.
static Value createRotary(NodeContext &node, Rotary rotary) {
  if (!rotary.input || !rotary.cosines || !rotary.sines)
    return {};
  auto fail = [&](const Twine &message) {
    return (void)node.error(message), Value();
  };
  SmallVector<int64_t> shape(getTensorType(rotary.input).getShape());
  // Positions are dimension 2 of [B, heads, S, D], and 1 of [B, S, heads * D].
  bool hasHeadsFirst = shape.size() == 4;
  Value x = rotary.input;
  if (!hasHeadsFirst) {
    int64_t heads = rotary.heads;
    if (heads < 1 || ShapedType::isDynamic(shape[2]) || shape[2] % heads != 0)
      return fail("expected num_heads that divides the last size " +
                  Twine(shape[2]) + ", but got " + Twine(heads));
    x = node.createReshape(x, {shape[0], shape[1], heads, shape[2] / heads});
    if (!x)
      return {};
  }
  SmallVector<int64_t> split(getTensorType(x).getShape());
  int64_t whole = split[3], size = rotary.size ? rotary.size : whole;
  if (ShapedType::isDynamic(whole) || size < 2 || size > whole || size % 2)
    return fail("expected an even number of rotated elements up to " +
                Twine(whole) + ", but got " + Twine(size));
  auto angles = [&](Value cache) -> Value {
    if (rotary.positions)
      cache =
          node.create<GatherOp>({cache, rotary.positions}, node.i64("axis", 0));
    if (!cache)
      return {};
    RankedTensorType type = getTensorType(cache);
    if (type.getRank() != 3 || type.getDimSize(2) != size / 2)
      return fail("expected caches with " + Twine(size / 2) +
                  " angles per position");
    SmallVector<int64_t> aligned(type.getShape());
    aligned.insert(aligned.begin() + (hasHeadsFirst ? 1 : 2), 1);
    return node.createReshape(cache, aligned);
  };
  Value cosine = angles(rotary.cosines), sine = angles(rotary.sines);
  Value turned = createSlice(node, x, 3, 0, size);
  Value rest =
      size == whole ? Value() : createSlice(node, x, 3, size, whole - size);
  if (!cosine || !sine || !turned)
    return {};
  int64_t half = size / 2;
  Value a, b;
  if (rotary.isInterleaved) {
    a = createSlice(node, turned, 3, 0, half, 2);
    b = createSlice(node, turned, 3, 1, half, 2);
  } else {
    a = createSlice(node, turned, 3, 0, half);
    b = createSlice(node, turned, 3, half, half);
  }
  Value real = node.create<SubOp>(
      {node.create<MulOp>({cosine, a}), node.create<MulOp>({sine, b})});
  Value imaginary = node.create<AddOp>(
      {node.create<MulOp>({sine, a}), node.create<MulOp>({cosine, b})});
  if (!real || !imaginary)
    return {};
  if (real.getType() != a.getType())
    return fail("expected caches of as many positions as the input has");
  if (rotary.isInterleaved) {
    SmallVector<int64_t> pairs(getTensorType(real).getShape());
    pairs.push_back(1);
    real = node.createReshape(real, pairs);
    imaginary = node.createReshape(imaginary, pairs);
    SmallVector<int64_t> joined(split);
    joined[3] = size;
    turned =
        node.createReshape(createConcat(node, {real, imaginary}, 4), joined);
  } else {
    turned = createConcat(node, {real, imaginary}, 3);
  }
  if (rest)
    turned = createConcat(node, {turned, rest}, 3);
  return node.createReshape(turned, shape);
}

static void emitRotaryEmbedding(NodeContext &node) {
  Rotary rotary;
  rotary.isInterleaved = node.getBool("interleaved", false);
  rotary.size = node.getInt("rotary_embedding_dim", 0);
  rotary.heads = node.getInt("num_heads", 0);
  if (node.getInputRank(0) != 3 && node.getInputRank(0) != 4)
    return (void)node.error("expected an input of rank 3 or 4, but got rank " +
                            Twine(node.getInputRank(0)));
  rotary.input = node.getOperand(0);
  rotary.cosines = node.getOperand(1);
  rotary.sines = node.getOperand(2);
  if (node.hasInput(3))
    rotary.positions = node.getOperand(3);
  if (!node.hasFailed())
    node.setResult(0, createRotary(node, rotary));
}

/// com.microsoft's: positions come before the caches, and one alone is where
/// the sequence begins.
static void emitContribRotaryEmbedding(NodeContext &node) {
  Rotary rotary;
  rotary.isInterleaved = node.getBool("interleaved", false);
  rotary.size = node.getInt("rotary_embedding_dim", 0);
  rotary.heads = node.getInt("num_heads", 0);
  if (node.getBool("is_packed_batching", false))
    return (void)node.unsupported(" with packed batches");
  node.ignoreAttribute("scale"); // is not used by any implementation
  int64_t rank = node.getInputRank(0);
  if (rank != 3 && rank != 4)
    return (void)node.error("expected an input of rank 3 or 4, but got rank " +
                            Twine(rank));
  rotary.input = node.getOperand(0);
  Value positions = node.getOperand(1);
  rotary.cosines = node.getOperand(2);
  rotary.sines = node.getOperand(3);
  if (node.hasFailed())
    return;
  if (getTensorType(positions).getRank() == 1) {
    int64_t length = node.getInputType(0).getDimSize(rank == 4 ? 2 : 1);
    if (ShapedType::isDynamic(length) ||
        getTensorType(positions).getNumElements() != 1)
      return (void)node.error("expected one position, or one for each element "
                              "of a sequence of known length");
    positions = node.create<AddOp>(
        {node.createReshape(positions, {1, 1}),
         node.createCast(createPositions(node, length, 1, 2),
                         getTensorType(positions).getElementType())});
  }
  rotary.positions = positions;
  // All elements are rotated where nothing else is said.
  RankedTensorType type = node.getInputType(0), cache = node.getInputType(2);
  if (rank == 3 && rotary.heads == 0 && cache.getRank() == 2 &&
      cache.hasStaticShape() && cache.getDimSize(1) > 0 &&
      !type.isDynamicDim(2))
    rotary.heads = type.getDimSize(2) / (2 * cache.getDimSize(1));
  node.setResult(0, createRotary(node, rotary));
}

ArrayRef<Operator> frontend::getAttentionOperators() {
  constexpr int64_t last = newestOpset;
  static const Operator rows[] = {
      {"Attention", 23, last, 3, 7, nullptr, emitAttention},
      {"RotaryEmbedding", 23, last, 3, 4, nullptr, emitRotaryEmbedding},
      {"com.microsoft.RotaryEmbedding", 1, 1, 4, 4, nullptr,
       emitContribRotaryEmbedding},
  };
  return rows;
}
