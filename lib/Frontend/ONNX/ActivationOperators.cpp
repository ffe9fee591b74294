//===- ActivationOperators.cpp - activations ------------------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Element-wise functions that stand between layers, and Dropout.
//
//===----------------------------------------------------------------------===//

#include "Broadcasting.h"
#include "Folding.h"

using namespace mlir;
using namespace mpc;
using namespace mpc::frontend;

//===----------------------------------------------------------------------===//
// Functions of one element
//===----------------------------------------------------------------------===//

template <typename OpT> static void emitPlain(NodeContext &node) {
  node.setResult(0, node.create<OpT>(node.getOperand(0)));
}

/// Counts of steps are written as Relu(ceil((limit - start) / delta)).
static bool foldRelu(NodeContext &node) {
  std::optional<KnownTensor> known = node.getKnown(0);
  if (!known || known->elementType.isF64())
    return false;
  for (double &real : known->reals)
    real = real < 0 ? 0 : real;
  for (Size &size : known->ints) {
    if (!size.isConstant())
      return false;
    size.offset = std::max<int64_t>(size.offset, 0);
  }
  node.setResult(0, Tensor::ofKnown(std::move(*known)));
  return true;
}

static void emitLeakyRelu(NodeContext &node) {
  node.setResult(0, node.create<LeakyReluOp>(
                        node.getOperand(0),
                        node.f64("alpha", node.getFloat("alpha", 0.01f))));
}

static void emitElu(NodeContext &node) {
  node.setResult(
      0, node.create<EluOp>(node.getOperand(0),
                            node.f64("alpha", node.getFloat("alpha", 1))));
}

static void emitSelu(NodeContext &node) {
  // Version 1 had fewer digits.
  bool isOld = node.getVersion() < 6;
  double alpha =
      node.getFloat("alpha", isOld ? 1.6732f : 1.67326319217681884765625f);
  double gamma =
      node.getFloat("gamma", isOld ? 1.0507f : 1.05070102214813232421875f);
  node.setResult(
      0, node.create<EluOp>(node.getOperand(0), {node.f64("alpha", alpha),
                                                 node.f64("gamma", gamma)}));
}

static void emitCelu(NodeContext &node) {
  double alpha = node.getFloat("alpha", 1);
  node.setResult(
      0, node.create<EluOp>(node.getOperand(0), {node.f64("alpha", alpha),
                                                 node.f64("divisor", alpha)}));
}

static void emitHardSigmoid(NodeContext &node) {
  node.setResult(0, node.create<HardSigmoidOp>(
                        node.getOperand(0),
                        {node.f64("alpha", node.getFloat("alpha", 0.2f)),
                         node.f64("beta", node.getFloat("beta", 0.5f))}));
}

static void emitThresholdedRelu(NodeContext &node) {
  node.setResult(
      0, node.create<ThresholdedReluOp>(
             node.getOperand(0), node.f64("alpha", node.getFloat("alpha", 1))));
}

static void emitShrink(NodeContext &node) {
  node.setResult(
      0, node.create<ShrinkOp>(node.getOperand(0),
                               {node.f64("lambda", node.getFloat("lambd", 0.5)),
                                node.f64("bias", node.getFloat("bias", 0))}));
}

static Value createGelu(NodeContext &node, Value input, bool tanh) {
  SmallVector<NamedAttribute> attributes;
  if (tanh)
    attributes.push_back(node.attr("tanh", node.getBuilder().getUnitAttr()));
  return node.create<GeluOp>(input, attributes);
}

static void emitGelu(NodeContext &node) {
  StringRef approximate = node.getString("approximate", "none");
  if (approximate != "none" && approximate != "tanh")
    return (void)node.error("attribute 'approximate': expected none or tanh, "
                            "but got '" +
                            approximate + "'");
  node.setResult(0,
                 createGelu(node, node.getOperand(0), approximate == "tanh"));
}

/// Gelu of the sum with a bias, if there is one.
template <bool tanh> static void emitBiasGelu(NodeContext &node) {
  Value input = node.getOperand(0);
  if (node.hasInput(1))
    input = node.create<AddOp>({input, node.getOperand(1)});
  node.setResult(0, createGelu(node, input, tanh));
}

static Value createSwish(NodeContext &node, double alpha) {
  return node.create<SwishOp>(node.getOperand(0), node.f64("alpha", alpha));
}

static void emitSwish(NodeContext &node) {
  node.setResult(0, createSwish(node, node.getFloat("alpha", 1)));
}

static void emitQuickGelu(NodeContext &node) {
  node.setResult(0, createSwish(node, node.getFloat("alpha", 1.702f)));
}

static void emitSwiGLU(NodeContext &node) {
  if (node.getInputType(0).getShape() != node.getInputType(1).getShape())
    return (void)node.error("expected operands of the same shape");
  Value gate = createSwish(node, node.getFloat("alpha", 1));
  node.setResult(0, node.create<MulOp>({gate, node.getOperand(1)}));
}

//===----------------------------------------------------------------------===//
// PRelu
//===----------------------------------------------------------------------===//

/// The slope broadcasts to the input. Before version 7 it has one element per
/// channel, or one.
static void emitPRelu(NodeContext &node) {
  Value input = node.getOperand(0), slope = node.getOperand(1);
  if (!input || !slope)
    return;
  auto type = cast<RankedTensorType>(input.getType());
  auto slopeType = cast<RankedTensorType>(slope.getType());
  if (node.getVersion() < 7 && slopeType.getRank() == 1 &&
      slopeType.getDimSize(0) != 1)
    slope = alignAtAxis(node, slope, type, type.getRank() > 1 ? 1 : 0);
  else if (slopeType.hasStaticShape() && slopeType.getNumElements() == 1)
    slope = node.createReshape(slope, {});
  Value result = node.create<PReluOp>({input, slope});
  if (result &&
      cast<RankedTensorType>(result.getType()).getShape() != type.getShape())
    return (void)node.error("expected a slope that broadcasts to the input's "
                            "shape");
  node.setResult(0, result);
}

//===----------------------------------------------------------------------===//
// Dropout
//===----------------------------------------------------------------------===//

/// The number that an input is known to be.
static std::optional<double> getNumber(NodeContext &node, unsigned index) {
  std::optional<KnownTensor> known = node.getKnown(index);
  if (!known || known->getNumElements() != 1 || !known->isConstant())
    return std::nullopt;
  return known->isReal() ? known->reals[0]
                         : static_cast<double>(known->ints[0].offset);
}

/// At inference, and where the ratio is 0, nothing is dropped.
static void emitDropout(NodeContext &node) {
  node.ignoreAttribute("ratio");
  node.ignoreAttribute("seed");
  if (node.getVersion() < 7 && node.hasAttribute("is_test") &&
      !node.getBool("is_test", true))
    return (void)node.unsupported(" in training mode");
  bool mayTrain = node.hasInput(2) && getNumber(node, 2) != 0;
  bool mayDrop = !node.hasInput(1) || getNumber(node, 1) != 0;
  if (mayTrain && mayDrop)
    return (void)node.unsupported(" in training mode");
  node.setResult(0, *node.getInput(0));
  if (!node.usesOutput(1))
    return;
  RankedTensorType type = node.getInputType(0);
  Type maskType = node.getVersion() < 10 ? type.getElementType()
                                         : Type(node.getBuilder().getI1Type());
  node.setResult(1, node.createTyped(BroadcastOp::getOperationName(),
                                     node.createScalar(1, maskType),
                                     type.clone(maskType)));
}

//===----------------------------------------------------------------------===//
// Random numbers
//===----------------------------------------------------------------------===//

static void refuseRandom(NodeContext &node) {
  (void)node.unsupported(": its results are random, and those of a compiled "
                         "model depend on its inputs alone");
}

ArrayRef<Operator> frontend::getActivationOperators() {
  constexpr int64_t last = newestOpset;
  static const Operator rows[] = {
      {"Relu", 1, last, 1, 1, foldRelu, emitPlain<ReluOp>},
      {"Sigmoid", 1, last, 1, 1, nullptr, emitPlain<SigmoidOp>},
      {"Softplus", 1, last, 1, 1, nullptr, emitPlain<SoftplusOp>},
      {"Softsign", 1, last, 1, 1, nullptr, emitPlain<SoftsignOp>},
      {"HardSwish", 14, last, 1, 1, nullptr, emitPlain<HardSwishOp>},
      {"Mish", 18, last, 1, 1, nullptr, emitPlain<MishOp>},
      {"LeakyRelu", 1, last, 1, 1, nullptr, emitLeakyRelu},
      {"Elu", 1, last, 1, 1, nullptr, emitElu},
      {"Selu", 1, last, 1, 1, nullptr, emitSelu},
      {"Celu", 12, last, 1, 1, nullptr, emitCelu},
      {"HardSigmoid", 1, last, 1, 1, nullptr, emitHardSigmoid},
      {"ThresholdedRelu", 10, last, 1, 1, nullptr, emitThresholdedRelu},
      {"Shrink", 9, last, 1, 1, nullptr, emitShrink},
      {"Gelu", 20, last, 1, 1, nullptr, emitGelu},
      {"Swish", 24, last, 1, 1, nullptr, emitSwish},
      {"SwiGLU", 27, last, 2, 2, nullptr, emitSwiGLU},
      {"PRelu", 6, last, 2, 2, nullptr, emitPRelu},
      {"Dropout", 6, last, 1, 3, nullptr, emitDropout},
      {"com.microsoft.Gelu", 1, last, 1, 1, nullptr, emitBiasGelu<false>},
      {"com.microsoft.BiasGelu", 1, last, 2, 2, nullptr, emitBiasGelu<false>},
      {"com.microsoft.FastGelu", 1, last, 1, 2, nullptr, emitBiasGelu<true>},
      {"com.microsoft.QuickGelu", 1, last, 1, 1, nullptr, emitQuickGelu},
      {"RandomNormal", 1, last, 0, 0, nullptr, refuseRandom},
      {"RandomUniform", 1, last, 0, 0, nullptr, refuseRandom},
      {"RandomNormalLike", 1, last, 1, 1, nullptr, refuseRandom},
      {"RandomUniformLike", 1, last, 1, 1, nullptr, refuseRandom},
      {"Bernoulli", 15, last, 1, 1, nullptr, refuseRandom},
      {"Multinomial", 7, last, 1, 1, nullptr, refuseRandom},
  };
  return rows;
}
