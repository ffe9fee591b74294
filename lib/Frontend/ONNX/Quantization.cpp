//===- Quantization.cpp - scales and zero points of ONNX nodes ------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quantization.h"
#include "mpc/Dialect/MPC/Constants.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mpc;
using namespace mpc::frontend;

static RankedTensorType getTensorType(Value value) {
  return cast<RankedTensorType>(value.getType());
}

ElementsAttr frontend::getConstantInput(NodeContext &node, unsigned index) {
  Tensor *tensor = node.getInput(index);
  if (!tensor)
    return {};
  if (tensor->constant)
    return tensor->constant;
  return tensor->known && tensor->known->isConstant()
             ? tensor->known->toElements()
             : ElementsAttr();
}

bool frontend::isQuantizedInteger(Type element) {
  auto type = dyn_cast<IntegerType>(element);
  return type && llvm::is_contained({2u, 4u, 8u, 16u}, type.getWidth());
}

/// Least and largest integer of a type.
static std::pair<int64_t, int64_t> getLimits(IntegerType type) {
  unsigned width = type.getWidth();
  if (type.isUnsigned())
    return {0, static_cast<int64_t>(llvm::maxUIntN(width))};
  return {llvm::minIntN(width), llvm::maxIntN(width)};
}

//===----------------------------------------------------------------------===//
// Parameters
//===----------------------------------------------------------------------===//

QuantInputs::QuantInputs(NodeContext &node, unsigned scale, unsigned zeroPoint)
    : node(node), scaleIndex(scale), zeroPointIndex(zeroPoint) {
  read();
}

void QuantInputs::read() {
  unsigned scale = scaleIndex, zeroPoint = zeroPointIndex;
  if (!node.hasInput(scale))
    return (void)node.error("expected input " + Twine(scale) + ", the scale");
  RankedTensorType type = node.getInputType(scale);
  scaleType = type.getElementType();
  shape.assign(type.getShape().begin(), type.getShape().end());
  if (!isa<FloatType>(scaleType) || !type.hasStaticShape())
    return (void)node.error("expected scales that are floating-point numbers, "
                            "as many as are known, but input " +
                            Twine(scale) + " has another type");
  count = type.getNumElements();
  if (ElementsAttr constant = getConstantInput(node, scale))
    if (auto values = getFloatValues(constant))
      scales.assign(values->begin(), values->end());
  for (float value : scales)
    if (!(value > 0) || !std::isfinite(value))
      return (void)node.error("expected scales above zero, but input " +
                              Twine(scale) + " holds " +
                              Twine(std::to_string(value)));
  if (!node.hasInput(zeroPoint)) {
    zeroPoints.push_back(0);
    return;
  }
  RankedTensorType zeroType = node.getInputType(zeroPoint);
  zeroPointType = zeroType.getElementType();
  if (!zeroType.hasStaticShape() ||
      (zeroType.getNumElements() != count && zeroType.getNumElements() != 1))
    return (void)node.error("expected as many zero points as scales");
  ElementsAttr constant = getConstantInput(node, zeroPoint);
  if (!constant)
    return;
  if (isa<IntegerType>(zeroPointType)) {
    if (auto values = getIntValues(constant))
      zeroPoints.assign(values->begin(), values->end());
  } else if (auto values = getFloatValues(constant)) {
    // Zero points of floats are zero, or added as floats.
    if (llvm::all_of(*values, [](float value) { return value == 0; }))
      zeroPoints.push_back(0);
  }
}

quant::QuantizedType QuantInputs::getType(Type element, int64_t axis,
                                          int64_t channels) const {
  auto type = dyn_cast<IntegerType>(element);
  if (node.hasFailed() || !type || scales.empty() || zeroPoints.empty() ||
      !llvm::is_contained({8u, 16u, 32u}, type.getWidth()))
    return {};
  auto [low, high] = getLimits(type);
  if (type.getWidth() == 32 && type.isUnsigned())
    return {};
  if (llvm::any_of(zeroPoints, [&, least = low, most = high](int64_t zero) {
        return zero < least || zero > most;
      }))
    return {};
  unsigned flags = type.isUnsigned() ? 0 : quant::QuantizationFlags::Signed;
  Type storage = IntegerType::get(node.getContext(), type.getWidth());
  Type f32 = Float32Type::get(node.getContext());
  if (isPerTensor())
    return quant::UniformQuantizedType::get(flags, storage, f32, scales.front(),
                                            zeroPoints.front(), low, high);
  if (shape.size() != 1 || count != channels)
    return {};
  SmallVector<double> channelScales(scales.begin(), scales.end());
  SmallVector<int64_t> channelZeros(zeroPoints);
  if (channelZeros.size() == 1)
    channelZeros.assign(count, zeroPoints.front());
  return quant::UniformQuantizedPerAxisType::get(
      flags, storage, f32, channelScales, channelZeros, axis, low, high);
}

Value QuantInputs::getScale() const {
  return node.createCast(node.getOperand(scaleIndex),
                         Float32Type::get(node.getContext()));
}

Value QuantInputs::getZeroPoint(Type element) const {
  if (isZeroPointZero() || !node.hasInput(zeroPointIndex))
    return {};
  return node.createCast(node.getOperand(zeroPointIndex), element);
}

//===----------------------------------------------------------------------===//
// Quantized values
//===----------------------------------------------------------------------===//

Value frontend::createStorageCast(NodeContext &node, Value integers,
                                  quant::QuantizedType type) {
  if (!integers)
    return {};
  return node.createTyped(StorageCastOp::getOperationName(), integers,
                          getTensorType(integers).clone(type));
}

Value frontend::createIntegers(NodeContext &node, Value quantized) {
  if (!quantized)
    return {};
  auto type =
      cast<quant::QuantizedType>(getTensorType(quantized).getElementType());
  Type element = IntegerType::get(
      node.getContext(), type.getStorageTypeIntegralWidth(),
      type.isSigned() ? IntegerType::Signless : IntegerType::Unsigned);
  return node.createTyped(StorageCastOp::getOperationName(), quantized,
                          getTensorType(quantized).clone(element));
}

Value frontend::getQuantizedOperand(NodeContext &node, unsigned index,
                                    quant::QuantizedType type) {
  ElementsAttr constant = getConstantInput(node, index);
  if (!constant || node.hasFailed())
    return createStorageCast(node, node.getOperand(index), type);
  auto storageType = RankedTensorType::get(constant.getShapedType().getShape(),
                                           type.getStorageType());
  FailureOr<std::vector<char>> bytes = getBytes(constant);
  if (failed(bytes)) {
    (void)node.error("input " + Twine(index) + " cannot be read");
    return {};
  }
  return ConstantOp::create(node.getBuilder(), node.getLoc(),
                            storageType.clone(type),
                            createConstant(storageType, *bytes));
}

//===----------------------------------------------------------------------===//
// Arithmetic
//===----------------------------------------------------------------------===//

/// A parameter in a shape that broadcasts to `type`; null after an error.
static Value expandParameter(NodeContext &node, Value parameter,
                             RankedTensorType type, QuantAxis where) {
  if (!parameter)
    return {};
  RankedTensorType from = getTensorType(parameter);
  int64_t rank = type.getRank();
  if (from.getNumElements() == 1)
    return node.createReshape(parameter, {});
  auto fail = [&]() -> Value {
    (void)node.error("expected one scale, one for each of the sizes along the "
                     "axis, or one for each block");
    return {};
  };
  if (where.axis >= rank)
    return fail();
  if (where.blockSize == 0) {
    if (from.getRank() != 1 ||
        from.getDimSize(0) != type.getDimSize(where.axis))
      return fail();
    SmallVector<int64_t> shape(rank - where.axis, 1);
    shape.front() = from.getDimSize(0);
    return node.createReshape(parameter, shape);
  }
  // Blocks: each parameter repeats along a dimension of its own, and the last
  // block may be short.
  int64_t size = type.getDimSize(where.axis);
  SmallVector<int64_t> expected(type.getShape());
  if (!ShapedType::isDynamic(size))
    expected[where.axis] = llvm::divideCeil(size, where.blockSize);
  if (ShapedType::isDynamic(size) || from.getShape() != ArrayRef(expected))
    return fail();
  SmallVector<int64_t> shape(from.getShape());
  shape.insert(shape.begin() + where.axis + 1, 1);
  parameter = node.createReshape(parameter, shape);
  shape[where.axis + 1] = where.blockSize;
  parameter = node.createTyped(BroadcastOp::getOperationName(), parameter,
                               from.clone(shape));
  shape.erase(shape.begin() + where.axis);
  shape[where.axis] = expected[where.axis] * where.blockSize;
  parameter = node.createReshape(parameter, shape);
  if (shape[where.axis] == size || !parameter)
    return parameter;
  SmallVector<int64_t> starts(rank, 0), steps(rank, 1);
  return node.create<SliceOp>(parameter, {node.i64s("starts", starts),
                                          node.i64s("sizes", type.getShape()),
                                          node.i64s("steps", steps)});
}

/// A dequantized constant, computed here: blocks of few bits, and floats.
static Value foldDequantize(NodeContext &node, unsigned index,
                            const QuantInputs &params, QuantAxis where) {
  ElementsAttr constant = getConstantInput(node, index);
  if (!constant || params.getScales().empty() || params.getZeroPoints().empty())
    return {};
  RankedTensorType type = node.getInputType(index);
  auto integers = getIntValues(constant);
  auto floats = integers ? std::nullopt : getFloatValues(constant);
  if (!integers && !floats)
    return {};
  // Strides of the parameters along each dimension.
  int64_t rank = type.getRank();
  SmallVector<int64_t> sizes(rank, 1);
  if (!params.isPerTensor()) {
    if (where.axis >= rank)
      return {};
    sizes[where.axis] = type.getDimSize(where.axis);
    if (where.blockSize) {
      sizes.assign(type.getShape().begin(), type.getShape().end());
      sizes[where.axis] = llvm::divideCeil(sizes[where.axis], where.blockSize);
      if (params.getShape() != ArrayRef(sizes))
        return {};
    } else if (params.getShape() != ArrayRef(sizes[where.axis])) {
      return {};
    }
  }
  std::vector<float> values;
  int64_t count = type.getNumElements();
  values.reserve(count);
  SmallVector<int64_t> position(rank, 0);
  for (int64_t i = 0; i < count; ++i) {
    int64_t at = 0;
    for (int64_t d = 0; d < rank; ++d) {
      int64_t p = d == where.axis && where.blockSize
                      ? position[d] / where.blockSize
                      : position[d];
      at = at * sizes[d] + (sizes[d] == 1 ? 0 : p);
    }
    int64_t zero = params.getZeroPoints().size() == 1
                       ? params.getZeroPoints().front()
                       : params.getZeroPoints()[at];
    float real =
        integers ? static_cast<float>((*integers)[i] - zero) : (*floats)[i];
    values.push_back(real * params.getScales()[params.isPerTensor() ? 0 : at]);
    for (int64_t d = rank; d-- > 0;) {
      if (++position[d] < type.getDimSize(d))
        break;
      position[d] = 0;
    }
  }
  auto result = type.clone(Float32Type::get(node.getContext()));
  return ConstantOp::create(node.getBuilder(), node.getLoc(), result,
                            createFloatConstant(result, values));
}

/// Constants of 4 or 2 bits as bytes, which kernels multiply; null for others.
static Value getWeightsOfFewBits(NodeContext &node, unsigned index,
                                 const QuantInputs &params, int64_t axis,
                                 int64_t channels) {
  auto element = cast<RankedTensorType>(node.getInputType(index));
  auto integer = dyn_cast<IntegerType>(element.getElementType());
  ElementsAttr constant = integer && integer.getWidth() < 8
                              ? getConstantInput(node, index)
                              : ElementsAttr();
  auto values = constant ? getIntValues(constant) : std::nullopt;
  if (!values)
    return {};
  quant::QuantizedType type = params.getType(
      IntegerType::get(node.getContext(), 8, integer.getSignedness()), axis,
      channels);
  if (!type)
    return {};
  auto storage =
      RankedTensorType::get(element.getShape(), type.getStorageType());
  return ConstantOp::create(node.getBuilder(), node.getLoc(),
                            storage.clone(type),
                            createIntConstant(storage, *values));
}

Value frontend::createDequantize(NodeContext &node, unsigned index,
                                 const QuantInputs &params, QuantAxis where) {
  if (!node.hasInput(index)) {
    (void)node.error("expected input " + Twine(index));
    return {};
  }
  RankedTensorType type = node.getInputType(index);
  Type element = type.getElementType(),
       f32 = Float32Type::get(node.getContext());
  if (node.hasFailed())
    return {};
  if (where.blockSize == 0) {
    int64_t channels = where.axis < type.getRank() ? type.getDimSize(where.axis)
                                                   : ShapedType::kDynamic;
    if (Value weights =
            getWeightsOfFewBits(node, index, params, where.axis, channels))
      return node.createTyped(DequantizeOp::getOperationName(), weights,
                              type.clone(f32));
    if (auto quantized = params.getType(element, where.axis, channels))
      return node.createTyped(DequantizeOp::getOperationName(),
                              getQuantizedOperand(node, index, quantized),
                              type.clone(f32));
  }
  if (Value folded = foldDequantize(node, index, params, where))
    return folded;
  Value x = node.getOperand(index);
  Value scale = expandParameter(node, params.getScale(), type, where);
  if (!x || !scale)
    return {};
  bool isWide = element.isInteger(32);
  Type differenceType = isWide ? element : f32;
  if (!isWide)
    x = node.createCast(x, f32);
  if (Value zero = expandParameter(node, params.getZeroPoint(differenceType),
                                   type, where))
    x = node.create<SubOp>({x, zero});
  if (isWide)
    x = node.createCast(x, f32);
  return node.create<MulOp>({x, scale});
}

Value frontend::createRoundAndClamp(NodeContext &node, Value x, Value zeroPoint,
                                    Type element) {
  x = node.create<RoundOp>(x);
  if (zeroPoint)
    x = node.create<AddOp>({x, zeroPoint});
  auto [low, high] = getLimits(cast<IntegerType>(element));
  x = node.create<ClipOp>(x, {node.f64("min", low), node.f64("max", high)});
  return node.createCast(x, element);
}

Value frontend::createQuantize(NodeContext &node, Value x,
                               const QuantInputs &params, Type element,
                               const QuantizeOptions &options) {
  if (!x || node.hasFailed())
    return {};
  RankedTensorType type = getTensorType(x);
  Type f32 = Float32Type::get(node.getContext());
  QuantAxis where = options.axis;
  bool isRounded = options.precision && !options.precision.isF32();
  if (!isa<FloatType>(type.getElementType()) || type.getElementType().isF64())
    x = node.createCast(x, f32);
  if (where.blockSize == 0 && !isRounded && !element.isInteger(32)) {
    int64_t channels = where.axis < type.getRank() ? type.getDimSize(where.axis)
                                                   : ShapedType::kDynamic;
    quant::QuantizedType quantized =
        params.getType(element, where.axis, channels);
    if (quantized && llvm::all_equal(params.getZeroPoints()))
      return createIntegers(node,
                            node.createTyped(QuantizeOp::getOperationName(), x,
                                             type.clone(quantized)));
  }
  Value scale = expandParameter(node, params.getScale(), type, where);
  x = node.createCast(x, f32);
  if (!x || !scale)
    return {};
  x = node.create<DivOp>({x, scale});
  if (isRounded)
    x = node.createCast(node.createCast(x, options.precision), f32);
  if (!isa<IntegerType>(element)) {
    if (Value zero =
            expandParameter(node, params.getZeroPoint(f32), type, where))
      x = node.create<AddOp>({x, zero});
    if (!x)
      return {};
    return node.createTyped(
        CastOp::getOperationName(), x, type.clone(element),
        node.attr("overflow", CastOverflowAttr::get(
                                  node.getContext(),
                                  options.saturate ? CastOverflow::Saturate
                                                   : CastOverflow::Special)));
  }
  return createRoundAndClamp(
      node, x, expandParameter(node, params.getZeroPoint(f32), type, where),
      element);
}

DynamicallyQuantized frontend::createDynamicQuantize(NodeContext &node,
                                                     Value x) {
  if (!x)
    return {};
  RankedTensorType type = getTensorType(x);
  Type f32 = Float32Type::get(node.getContext());
  Type u8 = node.getBuilder().getIntegerType(8, /*isSigned=*/false);
  if (type.getElementType() != f32) {
    (void)node.error("expected f32 elements to quantize");
    return {};
  }
  if (!type.hasStaticShape()) {
    (void)node.error("the range of a tensor of any batch depends on the batch, "
                     "which is not known; --shape can fix it");
    return {};
  }
  auto extreme = [&](ReduceKind kind) {
    auto axes = llvm::to_vector(llvm::seq<int64_t>(0, type.getRank()));
    Value found = x;
    if (!axes.empty())
      found = node.create<ReduceOp>(
          x, {node.attr("kind", ReduceKindAttr::get(node.getContext(), kind)),
              node.i64s("axes", axes),
              node.attr("keepdims", node.getBuilder().getBoolAttr(false))});
    double infinity = INFINITY;
    bool isMin = kind == ReduceKind::Min;
    return node.create<ClipOp>(found,
                               {node.f64("min", isMin ? -infinity : 0.0),
                                node.f64("max", isMin ? 0.0 : infinity)});
  };
  Value least = extreme(ReduceKind::Min);
  Value range = node.create<SubOp>({extreme(ReduceKind::Max), least});
  // Of zeros only, the scale is 1.
  Value isRange = node.createCast(
      node.createCast(range, node.getBuilder().getI1Type()), f32);
  Value one = node.createScalar(1, f32), zero = node.createScalar(0, f32);
  Value scale = node.create<AddOp>(
      {node.create<DivOp>({range, node.createScalar(255, f32)}),
       node.create<SubOp>({one, isRange})});
  Value zeroPoint =
      node.create<SubOp>({zero, node.create<DivOp>({least, scale})});
  zeroPoint = node.create<ClipOp>(zeroPoint,
                                  {node.f64("min", 0), node.f64("max", 255)});
  zeroPoint = node.create<RoundOp>(zeroPoint);
  Value q =
      createRoundAndClamp(node, node.create<DivOp>({x, scale}), zeroPoint, u8);
  return {q, scale, node.createCast(zeroPoint, u8)};
}
