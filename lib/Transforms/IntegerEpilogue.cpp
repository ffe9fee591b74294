//===- IntegerEpilogue.cpp - element-wise ops without floating point ------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "IntegerEpilogue.h"
#include "ScalarFunction.h"
#include "mlir/IR/IRMapping.h"
#include "mpc/Dialect/MPC/Constants.h"
#include "mpc/Support/QuantMath.h"

using namespace mlir;
using namespace mpc;
using quant::UniformQuantizedType;

/// Numbers of 32 bits are at most 2^29: a sum of two, and what a rounding adds,
/// still fits.
static constexpr int kWideBits = 29;

/// TensorFlow Lite and its conversion to TOSA shift bytes that are added by so
/// many bits.
static constexpr int64_t kAdditionShift = 20;

static RankedTensorType getTensorType(Value value) {
  return cast<RankedTensorType>(value.getType());
}

static UniformQuantizedType getUniform(Value value) {
  return dyn_cast<UniformQuantizedType>(getTensorType(value).getElementType());
}

static bool isByte(UniformQuantizedType type) {
  return type && type.getStorageTypeIntegralWidth() == 8;
}

static QuantParams getParams(UniformQuantizedType type) {
  return {static_cast<float>(type.getScale()),
          static_cast<int32_t>(type.getZeroPoint()),
          static_cast<int32_t>(type.getStorageTypeMin()),
          static_cast<int32_t>(type.getStorageTypeMax())};
}

static UniformQuantizedType getSignedType(MLIRContext *context, unsigned bits,
                                          double scale) {
  int64_t high = (int64_t(1) << (bits - 1)) - 1;
  return UniformQuantizedType::get(
      quant::QuantizationFlags::Signed, IntegerType::get(context, bits),
      Float32Type::get(context), scale, 0, -high - 1, high);
}

/// Bytes over [low, high].
static UniformQuantizedType getByteType(MLIRContext *context, double low,
                                        double high) {
  QuantParams params = chooseAsymmetricParams(low, high, 0, 255);
  return UniformQuantizedType::get(0, IntegerType::get(context, 8),
                                   Float32Type::get(context), params.scale,
                                   params.zeroPoint, 0, 255);
}

Value mpc::peelClamps(Value value, double &low, double &high) {
  SmallVector<ElementwiseOpInterface> clamps;
  while (auto clamp = value.getDefiningOp<ElementwiseOpInterface>()) {
    if (!clamp.isClamp() || clamp->getNumOperands() != 1)
      break;
    clamps.push_back(clamp);
    value = clamp->getOperand(0);
  }
  for (ElementwiseOpInterface clamp : llvm::reverse(clamps)) {
    auto [least, most] = clamp.getClampBounds();
    low = std::min(std::max(low, least), most);
    high = std::min(std::max(high, least), most);
  }
  return value;
}

/// The name under which a user knows an op.
static std::string describe(Operation *op) {
  return op->getName().stripDialect().str();
}

Value IntegerEpilogue::fail(const Twine &why) {
  if (problem.empty())
    problem = why.str();
  return {};
}

bool IntegerEpilogue::isConstant(Value value) const {
  return !leaves.count(value) && getConstantValue(value);
}

const IntegerValue *IntegerEpilogue::getLeaf(Value value) const {
  auto it = leaves.find(value);
  return it == leaves.end() ? nullptr : &it->second;
}

//===----------------------------------------------------------------------===//
// Scales
//===----------------------------------------------------------------------===//

static double getLargest(Value constant) {
  auto values = getFloatValues(getConstantValue(constant));
  if (!values)
    return NAN;
  double largest = 0;
  for (float value : *values)
    largest = std::max<double>(largest, std::abs(value));
  return largest;
}

std::optional<double> IntegerEpilogue::getBound(Value value) {
  double low = -INFINITY, high = INFINITY;
  Value inner = peelClamps(value, low, high);
  double clamped = std::max(std::abs(low), std::abs(high));
  std::optional<double> bound;
  if (const IntegerValue *leaf = getLeaf(inner)) {
    bound = leaf->bound;
  } else if (isConstant(inner)) {
    bound = getLargest(inner);
  } else if (getTableArgument(inner)) {
    if (std::optional<IntegerValue> table = emitWide(inner))
      bound = table->bound;
  } else if (auto op = inner.getDefiningOp<ElementwiseOpInterface>()) {
    bool isProduct = op.getIntegerForm() == IntegerForm::Product;
    bound = isProduct ? 1.0 : 0.0;
    for (Value operand : op->getOperands()) {
      std::optional<double> other = getBound(operand);
      if (!other)
        return std::nullopt;
      bound = isProduct ? *bound * *other : *bound + *other;
    }
  }
  if (!bound || !std::isfinite(*bound))
    return std::nullopt;
  return std::min(*bound, clamped);
}

UniformQuantizedType IntegerEpilogue::getWideType(ElementwiseOpInterface op,
                                                  double bound) {
  // Bytes are added in the scale of the specifications.
  SmallVector<UniformType> types;
  if (op)
    for (Value operand : op->getOperands())
      if (const IntegerValue *leaf = getLeaf(operand))
        types.push_back(getUniform(leaf->value));
  if (types.size() == 2 && op->getNumOperands() == 2 &&
      llvm::all_of(types, isByte)) {
    double twice = 2 * std::max(types[0].getScale(), types[1].getScale());
    return getSignedType(body.getContext(), 32,
                         std::ldexp(twice, -kAdditionShift));
  }
  int exponent = 0;
  std::frexp(std::max(bound, 0x1p-60), &exponent);
  return getSignedType(body.getContext(), 32,
                       std::ldexp(1.0, exponent - kWideBits));
}

Value IntegerEpilogue::rescale(Value q, UniformType type, double low,
                               double high) {
  auto from = getTensorType(q);
  Location loc = q.getLoc();
  bool isNarrow = type.getStorageTypeIntegralWidth() <= 16;
  auto bound = [&](double value) {
    return isNarrow && std::isfinite(value)
               ? body.getI64IntegerAttr(quantize(value, getParams(type)))
               : IntegerAttr();
  };
  bool isClamped = std::isfinite(low) || std::isfinite(high);
  bool isSame = from.getElementType() == type;
  if (!isSame)
    q = RequantizeOp::create(body, loc, from.clone(type), q, rounding,
                             bound(low), bound(high), IntegerAttr());
  if (isClamped && (isSame || !isNarrow))
    q = ClipOp::create(body, loc, q.getType(), q, body.getF64FloatAttr(low),
                       body.getF64FloatAttr(high));
  return q;
}

Value IntegerEpilogue::emitConstant(Value value, UniformType type) {
  auto floats = getFloatValues(getConstantValue(value));
  if (!floats)
    return fail("a constant cannot be read");
  SmallVector<int64_t> integers;
  for (float number : *floats)
    integers.push_back(static_cast<int64_t>(
        std::clamp(std::nearbyint(number / type.getScale()),
                   static_cast<double>(type.getStorageTypeMin()),
                   static_cast<double>(type.getStorageTypeMax()))));
  RankedTensorType shape = getTensorType(value);
  return addConstant(
      shape.clone(type),
      createIntConstant(shape.clone(type.getStorageType()), integers));
}

//===----------------------------------------------------------------------===//
// Tables
//===----------------------------------------------------------------------===//

Value IntegerEpilogue::getTableArgument(Value value) {
  double low = -INFINITY, high = INFINITY;
  auto op =
      peelClamps(value, low, high).getDefiningOp<ElementwiseOpInterface>();
  if (!op || leaves.count(op->getResult(0)))
    return {};

  // The leaves below, and whether only tables can compute what stands between.
  llvm::SetVector<Value> reads, visited;
  bool needsTable = false, isScalar = true;
  SmallVector<Value> worklist{op->getResult(0)};
  while (!worklist.empty()) {
    Value next = worklist.pop_back_val();
    if (!visited.insert(next))
      continue;
    if (getLeaf(next)) {
      reads.insert(next);
      continue;
    }
    if (isConstant(next)) {
      isScalar &= getSplatValue(getConstantValue(next)).has_value();
      continue;
    }
    auto inner = next.getDefiningOp<ElementwiseOpInterface>();
    if (!inner)
      return {};
    needsTable |=
        !inner.isClamp() && inner.getIntegerForm() == IntegerForm::Table;
    worklist.append(inner->operand_begin(), inner->operand_end());
  }
  if (reads.size() == 1 && isScalar &&
      (needsTable || isByte(getUniform(getLeaf(reads[0])->value))))
    return reads[0];
  if (op.isClamp() || op.getIntegerForm() != IntegerForm::Table)
    return {};
  // One function of something that is computed otherwise.
  Value argument;
  for (Value operand : op->getOperands()) {
    if (isConstant(operand))
      continue;
    if (argument && argument != operand)
      return {};
    argument = operand;
  }
  return argument;
}

/// Where a byte stops to depend on x: bounds within [low, high] outside of
/// which f(x) is the byte that it is at the bound.
static void cutTails(const std::function<int32_t(double)> &f, double &low,
                     double &high) {
  constexpr int stepsPerOctave = 8, octaves = 24;
  auto cut = [&](double &bound) {
    int32_t tail = f(bound);
    double start = bound;
    for (int k = 1; k <= stepsPerOctave * octaves; ++k) {
      double x = start * std::exp2(-static_cast<double>(k) / stepsPerOctave);
      if (f(x) != tail)
        return;
      bound = x;
    }
    bound = 0;
  };
  cut(low);
  cut(high);
}

Value IntegerEpilogue::emitTable(Value value, Value argument,
                                 std::optional<UniformType> type) {
  std::optional<ScalarFunction> f = ScalarFunction::get(value, argument);
  std::string name = describe(value.getDefiningOp());
  if (!f)
    return fail(name + " has no integer form");
  if (type && !isByte(*type))
    return fail(name + " has an integer form of 8 bits only");
  MLIRContext *context = body.getContext();

  const IntegerValue *leaf = getLeaf(argument);
  Value q = leaf && isByte(getUniform(leaf->value)) ? leaf->value : Value();
  if (!q) {
    std::optional<double> bound = getBound(argument);
    if (!bound)
      return {};
    double low = -*bound, high = *bound;
    bool isNested = !type;
    if (isNested) {
      // Without a range of the result, only functions that settle have one.
      double least = 0, most = 0;
      for (int k = 0; k < 192; ++k)
        for (double sign : {-1.0, 1.0}) {
          double y = (*f)(sign * *bound * std::exp2(-k / 8.0));
          least = std::min(least, y);
          most = std::max(most, y);
        }
      type = getByteType(context, least, most);
    }
    QuantParams params = getParams(*type);
    cutTails(
        [&](double x) { return quantize(static_cast<float>((*f)(x)), params); },
        low, high);
    if (isNested && (low == -*bound || high == *bound))
      return fail("the range of what " + name +
                  " reads inside of the group is not known");
    q = emit(argument, getByteType(context, low, high));
    if (!q)
      return {};
  }

  QuantParams from = getParams(getUniform(q));
  int32_t first = getUniform(q).isSigned() ? -128 : 0;
  std::vector<double> values;
  double least = 0, most = 0;
  for (int32_t i = 0; i < 256; ++i) {
    values.push_back(
        (*f)((static_cast<double>(first) + i - from.zeroPoint) * from.scale));
    if (std::isfinite(values.back())) {
      least = std::min(least, values.back());
      most = std::max(most, values.back());
    }
  }
  if (!type)
    type = getByteType(context, least, most);
  std::vector<char> bytes;
  for (double y : values)
    bytes.push_back(
        static_cast<char>(quantize(static_cast<float>(y), getParams(*type))));
  auto storage = RankedTensorType::get(256, type->getStorageType());
  Value table =
      addConstant(storage.clone(*type), createConstant(storage, bytes));
  return LookupOp::create(body, value.getLoc(), getTensorType(q).clone(*type),
                          q, table);
}

//===----------------------------------------------------------------------===//
// Expressions
//===----------------------------------------------------------------------===//

std::optional<IntegerValue> IntegerEpilogue::emitNarrow(Value value) {
  if (const IntegerValue *leaf = getLeaf(value))
    if (UniformType type = getUniform(leaf->value);
        type && type.getStorageTypeIntegralWidth() <= 16)
      return *leaf;
  std::optional<double> bound = getBound(value);
  if (!bound)
    return std::nullopt;
  UniformType type =
      getSignedType(body.getContext(), 16, std::max(*bound, 0x1p-60) / 32767);
  Value narrow = isConstant(value) ? emitConstant(value, type) : Value();
  if (!narrow)
    if (std::optional<IntegerValue> wide = emitWide(value)) {
      if (getUniform(wide->value).getStorageTypeIntegralWidth() <= 16)
        return wide;
      narrow = rescale(wide->value, type);
    }
  if (!narrow)
    return std::nullopt;
  return IntegerValue{narrow, *bound};
}

std::optional<IntegerValue>
IntegerEpilogue::emitProduct(ElementwiseOpInterface op) {
  IRMapping mapping;
  double scale = 1, bound = 1;
  for (Value operand : op->getOperands()) {
    std::optional<IntegerValue> factor = emitNarrow(operand);
    if (!factor)
      return std::nullopt;
    mapping.map(operand, factor->value);
    scale *= getUniform(factor->value).getScale();
    bound *= factor->bound;
  }
  Value product = body.clone(*op, mapping)->getResult(0);
  product.setType(getTensorType(product).clone(
      getSignedType(body.getContext(), 32, scale)));
  return IntegerValue{product, bound};
}

Value IntegerEpilogue::emitAt(Value value, UniformType type) {
  double low = -INFINITY, high = INFINITY;
  Value inner = peelClamps(value, low, high);
  if (isConstant(inner))
    return inner == value ? emitConstant(value, type)
                          : fail("a clamp of a constant has no integer form");
  if (const IntegerValue *leaf = getLeaf(inner))
    return rescale(leaf->value, type, low, high);
  auto op = inner.getDefiningOp<ElementwiseOpInterface>();
  if (!op)
    return fail("what is not element-wise has no integer form here");
  if (getTableArgument(inner) ||
      op.getIntegerForm() != IntegerForm::Homogeneous) {
    std::optional<IntegerValue> wide = emitWide(inner);
    return wide ? rescale(wide->value, type, low, high) : Value();
  }

  UniformType added = getWideType(op, 0);
  bool addsBytes = added == type && (rounding == Rounding::TFLite ||
                                     rounding == Rounding::TFLiteSingle);
  IRMapping mapping;
  for (Value operand : op->getOperands()) {
    if (mapping.contains(operand))
      continue;
    Value rescaled;
    const IntegerValue *leaf = getLeaf(operand);
    if (leaf && addsBytes && isByte(getUniform(leaf->value)))
      rescaled = RequantizeOp::create(
          body, op.getLoc(), getTensorType(leaf->value).clone(type),
          leaf->value, rounding, IntegerAttr(), IntegerAttr(),
          body.getI64IntegerAttr(kAdditionShift));
    else
      rescaled = emitAt(operand, type);
    if (!rescaled)
      return {};
    mapping.map(operand, rescaled);
  }
  Value result = body.clone(*op, mapping)->getResult(0);
  result.setType(getTensorType(result).clone(type));
  return rescale(result, type, low, high);
}

std::optional<IntegerValue> IntegerEpilogue::emitWide(Value value) {
  double low = -INFINITY, high = INFINITY;
  auto op =
      peelClamps(value, low, high).getDefiningOp<ElementwiseOpInterface>();
  if (auto known = tables.find(value); known != tables.end())
    return known->second;
  if (Value argument = getTableArgument(value)) {
    Value table = emitTable(value, argument, std::nullopt);
    if (!table)
      return std::nullopt;
    UniformType type = getUniform(table);
    double least = type.getScale() * (0 - type.getZeroPoint()),
           most = type.getScale() * (255 - type.getZeroPoint());
    return tables[value] = IntegerValue{table, std::max(-least, most)};
  }
  if (op && value == op->getResult(0) && !getLeaf(value)) {
    if (op.getIntegerForm() == IntegerForm::Product)
      return emitProduct(op);
    if (op.getIntegerForm() == IntegerForm::Table && !op.isClamp()) {
      fail(describe(op) + " has no integer form");
      return std::nullopt;
    }
  }
  std::optional<double> bound = getBound(value);
  if (!bound) {
    fail("the range of an intermediate value is not known");
    return std::nullopt;
  }
  bool isPlain = op && value == op->getResult(0);
  Value wide = emitAt(
      value, getWideType(isPlain ? op : ElementwiseOpInterface(), *bound));
  if (!wide)
    return std::nullopt;
  return IntegerValue{wide, *bound};
}

Value IntegerEpilogue::emit(Value value, UniformType type) {
  double low = -INFINITY, high = INFINITY;
  Value inner = peelClamps(value, low, high);
  if (const IntegerValue *leaf = getLeaf(inner))
    return rescale(leaf->value, type, low, high);
  if (Value argument = getTableArgument(value))
    return emitTable(value, argument, type);
  std::optional<IntegerValue> wide = emitWide(inner);
  return wide ? rescale(wide->value, type, low, high) : Value();
}

Value IntegerEpilogue::emitAccurate(Value value) {
  if (const IntegerValue *leaf = getLeaf(value))
    return leaf->value;
  std::optional<IntegerValue> wide = emitWide(value);
  return wide ? wide->value : Value();
}
