//===- ElementwiseOperators.cpp - arithmetic on elements
//-------------------===//
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

//===----------------------------------------------------------------------===//
// Folds
//===----------------------------------------------------------------------===//

namespace {
/// How two elements make one; nothing where that has no known value.
struct BinaryFold {
  std::optional<Size> (*ints)(Size, Size);
  double (*reals)(double, double);
};
} // namespace

/// Elements of `a` and `b`, broadcast against each other. f32 arithmetic done
/// in f64 and rounded once more is exact for + - * / (Figueroa, 1995).
static std::optional<KnownTensor>
combine(const KnownTensor &a, const KnownTensor &b, const BinaryFold &fold) {
  auto shape = broadcastShapes(a.shape, b.shape);
  if (!shape || a.elementType != b.elementType || a.elementType.isF64() ||
      failed(countElements(*shape)) || product(*shape) > mostKnownElements)
    return std::nullopt;
  KnownTensor result;
  result.elementType = a.elementType;
  result.shape = *shape;
  for (int64_t i = 0, e = product(*shape); i < e; ++i) {
    int64_t ia = broadcastIndex(a.shape, *shape, i);
    int64_t ib = broadcastIndex(b.shape, *shape, i);
    if (a.isReal()) {
      result.reals.push_back(
          roundTo(fold.reals(a.reals[ia], b.reals[ib]), a.elementType));
      continue;
    }
    std::optional<Size> value = fold.ints(a.ints[ia], b.ints[ib]);
    if (value)
      value = checked(*value, a.elementType);
    if (!value)
      return std::nullopt;
    result.ints.push_back(*value);
  }
  return result;
}

template <bool takeLarger> static std::optional<Size> pick(Size a, Size b) {
  // a*B + b and c*B + d are ordered for every B ≥ 1 if the difference's sign
  // does not depend on B.
  if (a.batch == b.batch)
    return (a.offset < b.offset) == takeLarger ? b : a;
  return std::nullopt;
}
static double larger(double a, double b) {
  return std::isnan(a) || std::isnan(b) ? a + b : std::max(a, b);
}
static double smaller(double a, double b) {
  return std::isnan(a) || std::isnan(b) ? a + b : std::min(a, b);
}

static constexpr BinaryFold addFold{addSizes,
                                    [](double a, double b) { return a + b; }};
static constexpr BinaryFold subFold{subSizes,
                                    [](double a, double b) { return a - b; }};
static constexpr BinaryFold mulFold{mulSizes,
                                    [](double a, double b) { return a * b; }};
static constexpr BinaryFold divFold{divSizes,
                                    [](double a, double b) { return a / b; }};
static constexpr BinaryFold minFold{pick<false>, smaller};
static constexpr BinaryFold maxFold{pick<true>, larger};

/// Folds any number of inputs, from left to right.
template <const BinaryFold &binary> static bool foldBinary(NodeContext &node) {
  std::optional<KnownTensor> result = node.getKnown(0);
  for (unsigned i = 1; result && i < node.getNumInputs(); ++i) {
    std::optional<KnownTensor> next = node.getKnown(i);
    result = next ? combine(*result, *next, binary) : std::nullopt;
  }
  if (!result)
    return false;
  node.setResult(0, Tensor::ofKnown(std::move(*result)));
  return true;
}

template <double (*function)(double)>
static bool foldRealUnary(NodeContext &node) {
  std::optional<KnownTensor> known = node.getKnown(0);
  if (!known || !known->isReal() || known->elementType.isF64())
    return false;
  for (double &real : known->reals)
    real = roundTo(function(real), known->elementType);
  node.setResult(0, Tensor::ofKnown(std::move(*known)));
  return true;
}

/// Conversions among integers, and between integers and floats, that keep the
/// value or round it as the operator says.
static bool foldCast(NodeContext &node) {
  std::optional<KnownTensor> known = node.getKnown(0);
  Type to = getElementType(node.getInt("to", 0), node.getContext());
  if (!known || !to)
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

//===----------------------------------------------------------------------===//
// Unary
//===----------------------------------------------------------------------===//

template <typename OpT> static void emitUnary(NodeContext &node) {
  node.setResult(0, node.create<OpT>(node.getOperand(0)));
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

static void emitHardSigmoid(NodeContext &node) {
  node.setResult(0, node.create<HardSigmoidOp>(
                        node.getOperand(0),
                        {node.f64("alpha", node.getFloat("alpha", 0.2f)),
                         node.f64("beta", node.getFloat("beta", 0.5f))}));
}

static void emitClip(NodeContext &node) {
  double low = -std::numeric_limits<double>::infinity(), high = -low;
  if (node.getVersion() < 11) {
    low = node.getFloat("min", low);
    high = node.getFloat("max", high);
  } else {
    if (node.hasInput(1))
      low = node.getKnownNumber(1, "minimum").value_or(low);
    if (node.hasInput(2))
      high = node.getKnownNumber(2, "maximum").value_or(high);
  }
  // Where they cross, everything becomes the maximum: min(max(x, low), high).
  if (low > high)
    low = high;
  // The limits that exporters write for "none" are those of f32.
  if (low == std::numeric_limits<float>::lowest())
    low = -std::numeric_limits<double>::infinity();
  if (high == std::numeric_limits<float>::max())
    high = std::numeric_limits<double>::infinity();
  node.setResult(
      0, node.create<ClipOp>(node.getOperand(0),
                             {node.f64("min", low), node.f64("max", high)}));
}

static void emitCast(NodeContext &node) {
  int64_t to = node.getRequiredInt("to");
  // Only conversions to 8-bit floats differ without saturation.
  node.ignoreAttribute("saturate");
  node.ignoreAttribute("round_mode");
  if (node.hasFailed())
    return;
  Type elementType =
      to == static_cast<int32_t>(to)
          ? getElementType(static_cast<int32_t>(to), node.getContext())
          : Type();
  if (!elementType) {
    (void)node.error("attribute 'to': elements of type " +
                     getDataTypeName(static_cast<int32_t>(to)) +
                     " are not supported");
    return;
  }
  node.setResult(0, node.createCast(node.getOperand(0), elementType));
}

static void emitCastLike(NodeContext &node) {
  node.ignoreAttribute("saturate");
  node.setResult(0, node.createCast(node.getOperand(0),
                                    node.getInputType(1).getElementType()));
}

//===----------------------------------------------------------------------===//
// Binary and variadic
//===----------------------------------------------------------------------===//

template <typename OpT> static Value emitChain(NodeContext &node) {
  Value result = node.getOperand(0);
  for (unsigned i = 1; i < node.getNumInputs(); ++i)
    result = node.create<OpT>({result, node.getOperand(i)});
  return result;
}

template <typename OpT> static void emitBinary(NodeContext &node) {
  node.setResult(0, emitChain<OpT>(node));
}

static void emitMean(NodeContext &node) {
  Value sum = emitChain<AddOp>(node);
  if (node.getNumInputs() > 1 && sum)
    sum = node.create<DivOp>(
        {sum, node.createScalar(node.getNumInputs(),
                                getElementTypeOrSelf(sum.getType()))});
  node.setResult(0, sum);
}

static void emitPow(NodeContext &node) {
  Value base = node.getOperand(0);
  Value exponent = node.getOperand(1);
  // Since version 12 the exponent may have a type of its own.
  exponent = node.createCast(exponent, node.getInputType(0).getElementType());
  node.setResult(0, node.create<PowOp>({base, exponent}));
}

ArrayRef<Operator> frontend::getElementwiseOperators() {
  constexpr int64_t last = newestOpset;
  static const Operator rows[] = {
      {"Abs", 1, last, 1, 1, foldRealUnary<std::fabs>, emitUnary<AbsOp>},
      {"Ceil", 1, last, 1, 1, foldRealUnary<std::ceil>, emitUnary<CeilOp>},
      {"Erf", 9, last, 1, 1, nullptr, emitUnary<ErfOp>},
      {"Exp", 1, last, 1, 1, nullptr, emitUnary<ExpOp>},
      {"Floor", 1, last, 1, 1, foldRealUnary<std::floor>, emitUnary<FloorOp>},
      {"HardSwish", 14, last, 1, 1, nullptr, emitUnary<HardSwishOp>},
      {"Log", 1, last, 1, 1, nullptr, emitUnary<LogOp>},
      {"Neg", 1, last, 1, 1, nullptr, emitUnary<NegOp>},
      {"Reciprocal", 1, last, 1, 1, nullptr, emitUnary<ReciprocalOp>},
      {"Relu", 1, last, 1, 1, nullptr, emitUnary<ReluOp>},
      {"Round", 11, last, 1, 1, foldRealUnary<std::nearbyint>,
       emitUnary<RoundOp>},
      {"Sigmoid", 1, last, 1, 1, nullptr, emitUnary<SigmoidOp>},
      {"Softplus", 1, last, 1, 1, nullptr, emitUnary<SoftplusOp>},
      {"Softsign", 1, last, 1, 1, nullptr, emitUnary<SoftsignOp>},
      {"Sqrt", 1, last, 1, 1, foldRealUnary<std::sqrt>, emitUnary<SqrtOp>},
      {"Tanh", 1, last, 1, 1, nullptr, emitUnary<TanhOp>},
      {"LeakyRelu", 1, last, 1, 1, nullptr, emitLeakyRelu},
      {"Elu", 1, last, 1, 1, nullptr, emitElu},
      {"HardSigmoid", 1, last, 1, 1, nullptr, emitHardSigmoid},
      {"Clip", 1, last, 1, 3, nullptr, emitClip},
      {"Cast", 1, last, 1, 1, foldCast, emitCast},
      {"CastLike", 15, last, 2, 2, nullptr, emitCastLike},
      {"Add", 7, last, 2, 2, foldBinary<addFold>, emitBinary<AddOp>},
      {"Sub", 7, last, 2, 2, foldBinary<subFold>, emitBinary<SubOp>},
      {"Mul", 7, last, 2, 2, foldBinary<mulFold>, emitBinary<MulOp>},
      {"Div", 7, last, 2, 2, foldBinary<divFold>, emitBinary<DivOp>},
      {"Min", 6, last, 1, variadic, foldBinary<minFold>, emitBinary<MinOp>},
      {"Max", 6, last, 1, variadic, foldBinary<maxFold>, emitBinary<MaxOp>},
      {"Sum", 6, last, 1, variadic, foldBinary<addFold>, emitBinary<AddOp>},
      {"Mean", 6, last, 1, variadic, nullptr, emitMean},
      {"Pow", 7, last, 2, 2, nullptr, emitPow},
      {"PRelu", 7, last, 2, 2, nullptr, emitBinary<PReluOp>},
  };
  return rows;
}
