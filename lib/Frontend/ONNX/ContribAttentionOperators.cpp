//===- ContribAttentionOperators.cpp - attention of com.microsoft ---------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What ONNX Runtime's optimizer makes of transformers.
//
//===----------------------------------------------------------------------===//

#include "AttentionLowering.h"

using namespace mlir;
using namespace mpc;
using namespace mpc::frontend;

/// What is added to the scores for a mask of integers: `filter` where it is 0.
/// One entry per key, one per query and key, or the number of valid keys.
static Value createMaskBias(NodeContext &node, Value mask, int64_t keys,
                            double filter, Type type) {
  if (!mask)
    return {};
  auto i64 = IntegerType::get(node.getContext(), 64);
  RankedTensorType maskType = getTensorType(mask);
  ArrayRef<int64_t> shape = maskType.getShape();
  if (!isa<IntegerType>(maskType.getElementType()))
    return (void)node.error("expected a mask of integers"), Value();
  Value isValid;
  bool isBool = maskType.getElementType().isInteger(1);
  if (!isBool)
    mask = node.createCast(mask, i64);
  auto isSet = [&](Value value) {
    return isBool ? value
                  : createCompare(node, ComparePredicate::GT, value,
                                  node.createScalar(0, i64));
  };
  if (shape.size() == 1 && !isBool)
    isValid = createCompare(node, ComparePredicate::LT,
                            createPositions(node, keys, 3, 4),
                            node.createReshape(mask, {shape[0], 1, 1, 1}));
  else if (shape.size() == 2)
    isValid = isSet(node.createReshape(mask, {shape[0], 1, 1, shape[1]}));
  else if (shape.size() == 3)
    isValid =
        isSet(node.createReshape(mask, {shape[0], 1, shape[1], shape[2]}));
  else
    return (void)node.unsupported(" with a mask of " + Twine(shape.size()) +
                                  " dimensions"),
           Value();
  return createWhere(node, isValid, node.createScalar(0, type),
                     node.createScalar(filter, type));
}

/// Reads the attributes that both operators have.
static void readAttributes(NodeContext &node, Attention &attention,
                           bool &isCausal, double &filter) {
  isCausal = node.getBool("unidirectional", false);
  filter = node.getFloat("mask_filter_value", -10000);
  attention.scale = node.getFloat("scale", 0);
}

/// Builds the products and sets the first result.
static bool finish(NodeContext &node, Attention &attention, bool isCausal,
                   int64_t past, Value mask, double filter, Value bias) {
  if (node.hasFailed() || !attention.check())
    return false;
  ArrayRef<int64_t> query = getTensorType(attention.query).getShape();
  if (attention.scale == 0)
    attention.scale =
        1 / std::sqrt(static_cast<double>(std::max<int64_t>(query[3], 1)));
  Type type = getTensorType(attention.query).getElementType();
  attention.bias =
      createMaskBias(node, mask, attention.getNumKeys(), filter, type);
  if (bias)
    attention.bias =
        attention.bias ? node.create<AddOp>({attention.bias, bias}) : bias;
  if (isCausal)
    attention.restrictWindow(std::nullopt, 0, past);
  // Only infinities could mask all keys of a query.
  attention.mayMaskRows = false;
  if (!attention.build())
    return false;
  node.setResult(0, joinHeads(node, attention.result));
  return true;
}

/// One product makes queries, keys and values of the input.
static void emitAttention(NodeContext &node) {
  Attention attention(node);
  bool isCausal;
  double filter;
  readAttributes(node, attention, isCausal, filter);
  int64_t heads = node.getRequiredInt("num_heads");
  SmallVector<int64_t> sizes = node.getInts("qkv_hidden_sizes");
  if (node.getBool("do_rotary", false))
    return (void)node.unsupported(" with a rotary embedding inside");
  node.ignoreAttribute("rotary_embedding_dim");
  if (node.getBool("past_present_share_buffer", false) || node.hasInput(6))
    return (void)node.unsupported(" with a buffer that past and present share");
  if (node.getInputRank(0) != 3 || node.getInputRank(1) != 2)
    return (void)node.error("expected an input of rank 3 and weights of rank "
                            "2");
  int64_t width = node.getInputType(1).getDimSize(1);
  if (sizes.empty())
    sizes.assign(3, width / 3);
  if (sizes.size() != 3 ||
      llvm::any_of(sizes, [](int64_t size) { return size < 1; }) ||
      sizes[0] + sizes[1] + sizes[2] != width)
    return (void)node.error("expected weights for queries, keys and values, "
                            "but got " +
                            Twine(width) + " columns");
  SmallVector<Value> operands{node.getOperand(0), node.getOperand(1)};
  if (Value bias = getOptionalOperand(node, 2))
    operands.push_back(bias);
  Value product = node.create<MatMulOp>(operands);
  attention.query =
      splitHeads(node, createSlice(node, product, 2, 0, sizes[0]), heads);
  attention.key = splitHeads(
      node, createSlice(node, product, 2, sizes[0], sizes[1]), heads);
  attention.value = splitHeads(
      node, createSlice(node, product, 2, sizes[0] + sizes[1], sizes[2]),
      heads);
  int64_t past = 0;
  if (Value both = getOptionalOperand(node, 4)) {
    // Keys and values of [2, B, heads, length, size].
    SmallVector<int64_t> shape(getTensorType(both).getShape());
    if (shape.size() != 5 || shape[0] != 2 || ShapedType::isDynamic(shape[3]))
      return (void)node.error("expected past keys and values of shape [2, B, "
                              "heads, length, size]");
    past = shape[3];
    auto part = [&](int64_t index) {
      return node.createReshape(createSlice(node, both, 0, index, 1),
                                ArrayRef(shape).drop_front());
    };
    attention.key = createConcat(node, {part(0), attention.key}, 2);
    attention.value = createConcat(node, {part(1), attention.value}, 2);
  }
  if (!finish(node, attention, isCausal, past, getOptionalOperand(node, 3),
              filter, getOptionalOperand(node, 5)))
    return;
  if (!node.usesOutput(1))
    return;
  auto stacked = [&](Value value) {
    SmallVector<int64_t> shape(getTensorType(value).getShape());
    shape.insert(shape.begin(), 1);
    return node.createReshape(value, shape);
  };
  node.setResult(
      1, createConcat(node, {stacked(attention.key), stacked(attention.value)},
                      0));
}

/// Queries, keys and values come from outside.
static void emitMultiHeadAttention(NodeContext &node) {
  Attention attention(node);
  bool isCausal;
  double filter;
  readAttributes(node, attention, isCausal, filter);
  int64_t heads = node.getRequiredInt("num_heads");
  if (!node.hasInput(1) || !node.hasInput(2) || node.getInputRank(0) != 3)
    return (void)node.unsupported(" with packed queries, keys and values");
  if (node.hasInput(8) || node.hasInput(9))
    return (void)node.unsupported(" with a buffer that past and present share");
  if (node.hasInput(6) != node.hasInput(7))
    return (void)node.error("expected past_key and past_value together");
  // The bias of all three, one behind the other.
  Value bias = getOptionalOperand(node, 3);
  int64_t at = 0;
  Value operands[3];
  for (unsigned i = 0; i < 3; ++i) {
    Value value = node.getOperand(i);
    int64_t rank = node.getInputRank(i);
    if (!value)
      return;
    if (rank == 4 && i > 0 && !bias) {
      operands[i] = value;
      continue;
    }
    if (rank != 3)
      return (void)node.unsupported(" with packed keys and values");
    int64_t size = getTensorType(value).getDimSize(2);
    if (bias) {
      if (getTensorType(bias).getRank() != 1 || ShapedType::isDynamic(size) ||
          at + size > getTensorType(bias).getDimSize(0))
        return (void)node.error("expected a bias as long as queries, keys and "
                                "values are wide");
      value = node.create<AddOp>({value, createSlice(node, bias, 0, at, size)});
      at += size;
    }
    operands[i] = splitHeads(node, value, heads);
  }
  attention.query = operands[0];
  attention.key = operands[1];
  attention.value = operands[2];
  int64_t past = 0;
  if (node.hasInput(6)) {
    if (node.getInputRank(6) != 4 || node.getInputType(6).isDynamicDim(2))
      return (void)node.error("expected past keys and values of rank 4 and "
                              "known length");
    past = node.getInputType(6).getDimSize(2);
    attention.key = createConcat(node, {node.getOperand(6), attention.key}, 2);
    attention.value =
        createConcat(node, {node.getOperand(7), attention.value}, 2);
  }
  if (!finish(node, attention, isCausal, past, getOptionalOperand(node, 4),
              filter, getOptionalOperand(node, 5)))
    return;
  node.setResult(1, attention.key);
  node.setResult(2, attention.value);
}

/// MatMul of operands that are transposed in the last two dimensions.
static void emitFusedMatMul(NodeContext &node) {
  double alpha = node.getFloat("alpha", 1);
  if (node.getBool("transBatchA", false) || node.getBool("transBatchB", false))
    return (void)node.unsupported(" with transposed batch dimensions");
  Value operands[2];
  for (unsigned i = 0; i < 2; ++i) {
    bool isTransposed = node.getBool(i == 0 ? "transA" : "transB", false);
    int64_t rank = node.getInputRank(i);
    operands[i] = node.getOperand(i);
    if (rank < 2)
      return (void)node.unsupported(" of vectors");
    if (!isTransposed)
      continue;
    SmallVector<int64_t> perm = llvm::to_vector(llvm::seq<int64_t>(0, rank));
    std::swap(perm[rank - 2], perm[rank - 1]);
    operands[i] = node.createTranspose(operands[i], perm);
  }
  Value product = node.create<MatMulOp>({operands[0], operands[1]});
  if (product && alpha != 1)
    product = node.create<MulOp>(
        {product,
         node.createScalar(alpha, getTensorType(product).getElementType())});
  node.setResult(0, product);
}

/// Sums of rows of tables for words, their positions and their segments,
/// normalised.
static void emitEmbedLayerNorm(NodeContext &node) {
  double epsilon = node.getFloat("epsilon", 1e-12f);
  node.ignoreAttribute("mask_index_type");
  for (unsigned input : {2u, 3u, 5u, 6u})
    if (!node.hasInput(input))
      return (void)node.error("expected input " + Twine(input));
  if (node.getInputRank(0) != 2 || node.getInputRank(3) != 2)
    return (void)node.error("expected words of shape [batch, length] and "
                            "tables of rank 2");
  SmallVector<int64_t> shape(node.getInputType(0).getShape());
  int64_t length = shape[1];
  int64_t rows = node.getInputType(3).getDimSize(0);
  if (ShapedType::isDynamic(length) || length > rows)
    return (void)node.error("expected a known length of at most " +
                            Twine(rows) + " positions; --shape can fix it");
  auto lookUp = [&](unsigned table, Value indices) {
    return node.create<GatherOp>({node.getOperand(table), indices},
                                 node.i64("axis", 0));
  };
  Value sum = lookUp(2, node.getOperand(0));
  Value positions = node.hasInput(8)
                        ? lookUp(3, node.getOperand(8))
                        : createSlice(node, node.getOperand(3), 0, 0, length);
  sum = node.create<AddOp>({sum, positions});
  if (node.hasInput(1)) {
    if (!node.hasInput(4))
      return (void)node.error("expected segment_embedding beside segment_ids");
    sum = node.create<AddOp>({sum, lookUp(4, node.getOperand(1))});
  }
  if (!sum)
    return;
  Value normal = node.create<NormalizeOp>(
      sum, {node.i64s("axes", 2), node.f64("epsilon", epsilon)});
  normal = node.create<MulOp>({normal, node.getOperand(5)});
  node.setResult(0, node.create<AddOp>({normal, node.getOperand(6)}));
  node.setResult(2, sum);
  if (!node.usesOutput(1))
    return;
  if (!node.hasInput(7))
    return (void)node.unsupported(" with mask_index, but no mask");
  node.setResult(1, createReduce(node, node.getOperand(7), ReduceKind::Sum, 1,
                                 /*keepDims=*/false));
}

ArrayRef<Operator> frontend::getContribAttentionOperators() {
  static const Operator rows[] = {
      {"com.microsoft.Attention", 1, 1, 2, 7, nullptr, emitAttention},
      {"com.microsoft.EmbedLayerNormalization", 1, 1, 1, 9, nullptr,
       emitEmbedLayerNorm},
      {"com.microsoft.FusedMatMul", 1, 1, 2, 2, nullptr, emitFusedMatMul},
      {"com.microsoft.MultiHeadAttention", 1, 1, 1, 10, nullptr,
       emitMultiHeadAttention},
  };
  return rows;
}
