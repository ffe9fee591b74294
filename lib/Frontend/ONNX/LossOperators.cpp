//===- LossOperators.cpp - what a classifier's scores cost ----------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// With scores x[n, c, d...] and labels t[n, d...]:
//
//   w[n, d...]    = weight[t], or 1; 0 where t is ignored or no class
//   loss[n, d...] = -x[n, t, d...] * w
//   mean          = sum(loss) / sum(w)
//
// The class is picked by comparing every class with the label, in one pass over
// the scores.
//
//===----------------------------------------------------------------------===//

#include "Composition.h"

using namespace mlir;
using namespace mpc;
using namespace mpc::frontend;

/// The loss of `logarithms` [N, C, d...] with the labels and weights that are
/// inputs 1 and 2 of the node; null after an error.
static Value createLoss(NodeContext &node, Value logarithms) {
  std::string reduction = node.getString("reduction", "mean").str();
  if (reduction != "none" && reduction != "sum" && reduction != "mean")
    return (void)node.error("attribute 'reduction': expected none, sum or "
                            "mean, but got '" +
                            reduction + "'"),
           Value();
  bool mayIgnore = node.hasAttribute("ignore_index");
  int64_t ignored = node.getInt("ignore_index", 0);
  Value labels = node.getOperand(1), weights = getOptionalOperand(node, 2);
  if (node.hasFailed() || !logarithms || !labels)
    return {};
  RankedTensorType type = getTensorType(logarithms);
  ArrayRef<int64_t> shape = type.getShape();
  Type element = type.getElementType();
  auto i64 = IntegerType::get(node.getContext(), 64);
  if (type.getRank() < 2 || type.isDynamicDim(1) || !isa<FloatType>(element))
    return (void)node.error("expected floating-point scores of shape [N, C, "
                            "d...] with a known number of classes C"),
           Value();
  SmallVector<int64_t> labelShape{shape[0]};
  llvm::append_range(labelShape, shape.drop_front(2));
  if (getTensorType(labels).getShape() != ArrayRef(labelShape) ||
      !isa<IntegerType>(getTensorType(labels).getElementType()))
    return (void)node.error("expected an integer label per sample and "
                            "position, of the scores' shape without C"),
           Value();
  SmallVector<int64_t> onePerSample(shape);
  onePerSample[1] = 1;
  labels = node.createReshape(node.createCast(labels, i64), onePerSample);
  Value isLabel =
      createCompare(node, ComparePredicate::EQ,
                    createPositions(node, shape[1], 1, type.getRank()), labels);
  if (mayIgnore) {
    Value isIgnored = createCompare(node, ComparePredicate::EQ, labels,
                                    node.createScalar(ignored, i64));
    isLabel = node.create<AndOp>({isLabel, node.create<NotOp>({isIgnored})});
  }
  Value weight = node.createScalar(1, element);
  if (weights) {
    if (getTensorType(weights).getShape() != ArrayRef(shape[1]))
      return (void)node.error("expected a weight per class, " +
                              Twine(shape[1]) + " in all"),
             Value();
    SmallVector<int64_t> onePerClass(type.getRank(), 1);
    onePerClass[1] = shape[1];
    weight = node.createReshape(weights, onePerClass);
  }
  Value zero = node.createScalar(0, element);
  auto pick = [&](Value ofClass) {
    return createReduce(node, createWhere(node, isLabel, ofClass, zero),
                        ReduceKind::Sum, {1}, /*keepDims=*/false);
  };
  Value loss = pick(node.create<NegOp>(
      {weights ? node.create<MulOp>({logarithms, weight}) : logarithms}));
  if (!loss || reduction == "none")
    return loss;
  SmallVector<int64_t> all =
      llvm::to_vector(llvm::seq<int64_t>(0, getTensorType(loss).getRank()));
  auto sum = [&](Value value) {
    return createReduce(node, value, ReduceKind::Sum, all, /*keepDims=*/false);
  };
  Value total = sum(loss);
  return reduction == "sum" ? total
                            : node.create<DivOp>({total, sum(pick(weight))});
}

static void emitNegativeLogLikelihoodLoss(NodeContext &node) {
  node.setResult(0, createLoss(node, node.getOperand(0)));
}

static void emitSoftmaxCrossEntropyLoss(NodeContext &node) {
  if (node.getInputRank(0) < 2)
    return (void)node.error("expected scores of rank 2 or more");
  Value logarithms =
      node.create<LogSoftmaxOp>(node.getOperand(0), node.i64("axis", 1));
  Value loss = createLoss(node, logarithms);
  if (!loss)
    return;
  node.setResult(0, loss);
  node.setResult(1, logarithms);
}

ArrayRef<Operator> frontend::getLossOperators() {
  constexpr int64_t last = newestOpset;
  static const Operator rows[] = {
      {"NegativeLogLikelihoodLoss", 12, last, 2, 3, nullptr,
       emitNegativeLogLikelihoodLoss},
      {"SoftmaxCrossEntropyLoss", 12, last, 2, 3, nullptr,
       emitSoftmaxCrossEntropyLoss},
  };
  return rows;
}
