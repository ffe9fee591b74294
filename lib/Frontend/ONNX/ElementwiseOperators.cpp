//===- ElementwiseOperators.cpp - arithmetic on elements
//-------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
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

/// The remainder of a flooring division, as Mod has it by default.
static std::optional<Size> modFold(Size a, Size b) {
  if (!a.isConstant() || !b.isConstant() || b.offset == 0)
    return std::nullopt;
  if (b.offset == -1) // INT64_MIN % -1 traps
    return Size::constant(0);
  int64_t rest = a.offset % b.offset;
  return Size::constant(
      rest != 0 && (rest < 0) != (b.offset < 0) ? rest + b.offset : rest);
}

/// Folds any number of inputs, from left to right.
template <const BinaryFold &binary> static bool foldBinary(NodeContext &node) {
  if (!broadcastsAsNumPy(node))
    return false;
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

template <std::optional<Size> (*function)(Size)>
static bool foldIntUnary(NodeContext &node) {
  std::optional<KnownTensor> known = node.getKnown(0);
  if (!known || known->isReal())
    return false;
  for (Size &value : known->ints) {
    std::optional<Size> result = function(value);
    if (result)
      result = checked(*result, known->elementType);
    if (!result)
      return false;
    value = *result;
  }
  node.setResult(0, Tensor::ofKnown(std::move(*known)));
  return true;
}
static std::optional<Size> negate(Size value) {
  return subSizes(Size::constant(0), value);
}
static std::optional<Size> absolute(Size value) {
  if (!value.isConstant())
    return value.batch > 0 && value.offset >= 0 ? std::optional<Size>(value)
                                                : std::nullopt;
  return value.offset < 0 ? negate(value) : std::optional<Size>(value);
}
static double negateReal(double value) { return -value; }
template <double (*real)(double), std::optional<Size> (*integer)(Size)>
static bool foldUnary(NodeContext &node) {
  return foldRealUnary<real>(node) || foldIntUnary<integer>(node);
}

static bool foldMod(NodeContext &node) {
  static constexpr BinaryFold fold{modFold, nullptr};
  std::optional<KnownTensor> a = node.getKnown(0), b = node.getKnown(1);
  if (!a || !b || a->isReal() || b->isReal() || node.getInt("fmod", 0) != 0)
    return false;
  std::optional<KnownTensor> result = combine(*a, *b, fold);
  if (result)
    node.setResult(0, Tensor::ofKnown(std::move(*result)));
  return result.has_value();
}

//===----------------------------------------------------------------------===//
// Unary
//===----------------------------------------------------------------------===//

template <typename OpT> static void emitUnary(NodeContext &node) {
  node.setResult(0, node.create<OpT>(node.getOperand(0)));
}

/// A bound of Clip that is no constant, or an integer that f64 does not hold.
static bool needsOperand(NodeContext &node, unsigned index) {
  if (!node.hasInput(index))
    return false;
  std::optional<KnownTensor> known = node.getKnown(index);
  if (!known || !known->isConstant())
    return true;
  return !known->isReal() && known->getNumElements() == 1 &&
         std::abs(static_cast<double>(known->ints[0].offset)) > 0x1p53;
}

/// The bound as a tensor of rank 0; null after an error.
static Value getBound(NodeContext &node, unsigned index) {
  RankedTensorType type = node.getInputType(index);
  if (!type.hasStaticShape() || type.getNumElements() != 1) {
    (void)node.error("expected one number as bound, but input " + Twine(index) +
                     " has another shape");
    return {};
  }
  return node.createReshape(node.getOperand(index), {});
}

static void emitClip(NodeContext &node) {
  double low = -std::numeric_limits<double>::infinity(), high = -low;
  if (node.getVersion() < 11) {
    low = node.getFloat("min", low);
    high = node.getFloat("max", high);
  } else if (needsOperand(node, 1) || needsOperand(node, 2)) {
    Value result = node.getOperand(0);
    if (node.hasInput(1))
      result = node.create<MaxOp>({result, getBound(node, 1)});
    if (node.hasInput(2))
      result = node.create<MinOp>({result, getBound(node, 2)});
    return node.setResult(0, result);
  } else {
    if (node.hasInput(1))
      low = node.getKnownNumber(1, "minimum").value_or(low);
    if (node.hasInput(2))
      high = node.getKnownNumber(2, "maximum").value_or(high);
  }
  if (std::isnan(low) || std::isnan(high))
    return (void)node.error("expected bounds that are numbers, but got NaN");
  // Where they cross, everything becomes the maximum: min(max(x, low), high).
  if (low > high)
    low = high;
  // The limits that exporters write for "none" are those of f32.
  if (!node.getInputType(0).getElementType().isF64()) {
    if (low == std::numeric_limits<float>::lowest())
      low = -std::numeric_limits<double>::infinity();
    if (high == std::numeric_limits<float>::max())
      high = std::numeric_limits<double>::infinity();
  }
  node.setResult(
      0, node.create<ClipOp>(node.getOperand(0),
                             {node.f64("min", low), node.f64("max", high)}));
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

template <typename OpT> static void emitVariadic(NodeContext &node) {
  node.setResult(0, emitChain<OpT>(node));
}

template <typename OpT> static void emitBinary(NodeContext &node) {
  node.ignoreAttribute("consumed_inputs");
  auto [lhs, rhs] = getBinaryOperands(node);
  node.setResult(0, node.create<OpT>({lhs, rhs}));
}

static void emitMean(NodeContext &node) {
  Value sum = emitChain<AddOp>(node);
  if (node.getNumInputs() > 1 && sum)
    sum = node.create<DivOp>(
        {sum, node.createScalar(node.getNumInputs(),
                                getElementTypeOrSelf(sum.getType()))});
  node.setResult(0, sum);
}

static void emitMod(NodeContext &node) {
  bool truncated = node.getBool("fmod", false);
  // Only since version 28 floats have a flooring division.
  if (!truncated && node.getVersion() < 28 &&
      isa<FloatType>(node.getInputType(0).getElementType()))
    return (void)node.error("expected attribute 'fmod' to be 1 for "
                            "floating-point numbers");
  SmallVector<NamedAttribute> attributes;
  if (truncated)
    attributes.push_back(
        node.attr("truncated", node.getBuilder().getUnitAttr()));
  node.setResult(0, node.create<ModOp>({node.getOperand(0), node.getOperand(1)},
                                       attributes));
}

/// Since version 12 the exponent may have a type of its own; the result has the
/// base's.
static void emitPow(NodeContext &node) {
  auto [base, exponent] = getBinaryOperands(node);
  if (!base || !exponent)
    return;
  Type type = node.getInputType(0).getElementType();
  Type exponentType = node.getInputType(1).getElementType();
  std::optional<KnownTensor> known = node.getKnown(1);
  // The square is what normalisations are written with.
  if (known && known->getNumElements() == 1 &&
      known->getRank() <= node.getInputRank(0) &&
      (known->isReal() ? known->reals[0] == 2
                       : known->ints[0] == Size::constant(2)))
    return node.setResult(0, node.create<MulOp>({base, base}));
  // Integers are raised to real powers in f64, and to wider ones in the wider
  // type: the result's lower bits do not depend on it.
  Type compute = type;
  if (auto integer = dyn_cast<IntegerType>(type)) {
    auto other = dyn_cast<IntegerType>(exponentType);
    if (!other)
      compute = node.getBuilder().getF64Type();
    else if (other.getWidth() > integer.getWidth())
      compute = node.getBuilder().getIntegerType(other.getWidth());
  }
  Value power = node.create<PowOp>(
      {node.createCast(base, compute), node.createCast(exponent, compute)});
  node.setResult(0, node.createCast(power, type));
}

ArrayRef<Operator> frontend::getElementwiseOperators() {
  constexpr int64_t last = newestOpset;
  static const Operator rows[] = {
      {"Abs", 1, last, 1, 1, foldUnary<std::fabs, absolute>, emitUnary<AbsOp>},
      {"Neg", 1, last, 1, 1, foldUnary<negateReal, negate>, emitUnary<NegOp>},
      {"Sign", 9, last, 1, 1, nullptr, emitUnary<SignOp>},
      {"Ceil", 1, last, 1, 1, foldRealUnary<std::ceil>, emitUnary<CeilOp>},
      {"Floor", 1, last, 1, 1, foldRealUnary<std::floor>, emitUnary<FloorOp>},
      {"Round", 11, last, 1, 1, foldRealUnary<std::nearbyint>,
       emitUnary<RoundOp>},
      {"Sqrt", 1, last, 1, 1, foldRealUnary<std::sqrt>, emitUnary<SqrtOp>},
      {"Reciprocal", 1, last, 1, 1, nullptr, emitUnary<ReciprocalOp>},
      {"Exp", 1, last, 1, 1, nullptr, emitUnary<ExpOp>},
      {"Log", 1, last, 1, 1, nullptr, emitUnary<LogOp>},
      {"Erf", 9, last, 1, 1, nullptr, emitUnary<ErfOp>},
      {"Sin", 7, last, 1, 1, nullptr, emitUnary<SinOp>},
      {"Cos", 7, last, 1, 1, nullptr, emitUnary<CosOp>},
      {"Tan", 7, last, 1, 1, nullptr, emitUnary<TanOp>},
      {"Asin", 7, last, 1, 1, nullptr, emitUnary<AsinOp>},
      {"Acos", 7, last, 1, 1, nullptr, emitUnary<AcosOp>},
      {"Atan", 7, last, 1, 1, nullptr, emitUnary<AtanOp>},
      {"Sinh", 9, last, 1, 1, nullptr, emitUnary<SinhOp>},
      {"Cosh", 9, last, 1, 1, nullptr, emitUnary<CoshOp>},
      {"Tanh", 1, last, 1, 1, nullptr, emitUnary<TanhOp>},
      {"Asinh", 9, last, 1, 1, nullptr, emitUnary<AsinhOp>},
      {"Acosh", 9, last, 1, 1, nullptr, emitUnary<AcoshOp>},
      {"Atanh", 9, last, 1, 1, nullptr, emitUnary<AtanhOp>},
      {"Clip", 6, last, 1, 3, nullptr, emitClip},
      {"Add", 6, last, 2, 2, foldBinary<addFold>, emitBinary<AddOp>},
      {"Sub", 6, last, 2, 2, foldBinary<subFold>, emitBinary<SubOp>},
      {"Mul", 6, last, 2, 2, foldBinary<mulFold>, emitBinary<MulOp>},
      {"Div", 6, last, 2, 2, foldBinary<divFold>, emitBinary<DivOp>},
      {"Mod", 10, last, 2, 2, foldMod, emitMod},
      {"Pow", 1, last, 2, 2, nullptr, emitPow},
      {"Min", 6, last, 1, variadic, foldBinary<minFold>, emitVariadic<MinOp>},
      {"Max", 6, last, 1, variadic, foldBinary<maxFold>, emitVariadic<MaxOp>},
      {"Sum", 6, last, 1, variadic, foldBinary<addFold>, emitVariadic<AddOp>},
      {"Mean", 6, last, 1, variadic, nullptr, emitMean},
  };
  return rows;
}
