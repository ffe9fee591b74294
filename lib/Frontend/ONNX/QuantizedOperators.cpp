//===- QuantizedOperators.cpp - operators on integers with scales ---------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// ONNX's quantized operators, and those of com.microsoft that ONNX Runtime's
// quantizer makes. Contractions sum integers. The others dequantize, compute in
// f32 and quantize; later passes give averages and movement their integer form.
//
//===----------------------------------------------------------------------===//

#include "IntegerContractions.h"
#include "mpc/Dialect/MPC/Constants.h"
#include "mpc/Support/QuantMath.h"

using namespace mlir;
using namespace mpc;
using namespace mpc::frontend;

static RankedTensorType getTensorType(Value value) {
  return cast<RankedTensorType>(value.getType());
}

//===----------------------------------------------------------------------===//
// QuantizeLinear, DequantizeLinear, DynamicQuantizeLinear
//===----------------------------------------------------------------------===//

/// The element type that an attribute names; null where it is absent or 0.
static Type readElementType(NodeContext &node, StringRef name) {
  int64_t number = node.getInt(name, 0);
  if (number == 0)
    return {};
  Type type;
  if (number > 0 && number < 1000)
    type = getElementType(number, node.getContext());
  if (!type)
    (void)node.unsupported(" with " + name + " " +
                           getDataTypeName(static_cast<int32_t>(number)));
  return type;
}

/// Axis and block size; per-tensor parameters need no axis.
static QuantAxis readAxis(NodeContext &node, const QuantInputs &params) {
  QuantAxis where;
  int64_t rank = node.getInputRank(0), axis = node.getInt("axis", 1);
  where.blockSize = node.getInt("block_size", 0);
  if (where.blockSize < 0)
    (void)node.error("attribute 'block_size': expected no negative number");
  if (params.getShape().empty() && !where.blockSize)
    return where;
  if (params.isPerTensor() && !where.blockSize &&
      (axis < -rank || axis >= rank))
    return where; // one scale in a vector
  where.axis = node.normalizeAxis(axis, rank);
  return where;
}

static void emitQuantizeLinear(NodeContext &node) {
  QuantInputs params(node, 1, 2);
  QuantizeOptions options;
  options.saturate = node.getBool("saturate", true);
  Type element = readElementType(node, "output_dtype");
  options.precision = readElementType(node, "precision");
  if (node.hasFailed())
    return;
  if (Type zeroPoint = params.getZeroPointType()) {
    if (element && element != zeroPoint)
      return (void)node.error("attribute 'output_dtype' contradicts the zero "
                              "point");
    element = zeroPoint;
  }
  if (!element)
    element = node.getBuilder().getIntegerType(8, /*isSigned=*/false);
  bool isSmallFloat = isa<FloatType>(element) && isStorageOnly(element);
  if (!isQuantizedInteger(element) && !isSmallFloat)
    return (void)node.error("cannot quantize to this element type");
  options.axis = readAxis(node, params);
  if (node.hasFailed())
    return;
  node.setResult(
      0, createQuantize(node, node.getOperand(0), params, element, options));
}

static void emitDequantizeLinear(NodeContext &node) {
  QuantInputs params(node, 1, 2);
  Type element = readElementType(node, "output_dtype");
  if (node.hasFailed())
    return;
  Type from = node.getInputType(0).getElementType();
  bool isSmallFloat = isa<FloatType>(from) && isStorageOnly(from);
  if (!isQuantizedInteger(from) && !isSmallFloat && !from.isInteger(32))
    return (void)node.error("cannot dequantize this element type");
  if (params.getZeroPointType() && params.getZeroPointType() != from)
    return (void)node.error("expected zero points of the input's type");
  QuantAxis axis = readAxis(node, params);
  if (node.hasFailed())
    return;
  Value real = createDequantize(node, 0, params, axis);
  node.setResult(
      0, node.createCast(real, element ? element : params.getScaleType()));
}

static void emitDynamicQuantizeLinear(NodeContext &node) {
  DynamicallyQuantized q = createDynamicQuantize(node, node.getOperand(0));
  node.setResult(0, q.integers);
  node.setResult(1, q.scale);
  node.setResult(2, q.zeroPoint);
}

//===----------------------------------------------------------------------===//
// Contractions
//===----------------------------------------------------------------------===//

/// Convolution of inputs `x` and `w`, whose zero points are `zx` and `zw`;
/// nothing after an error.
static std::optional<IntegerContraction>
readConv(NodeContext &node, unsigned x, unsigned zx, unsigned w, unsigned zw) {
  RankedTensorType weights = node.getInputType(w);
  if (weights.getRank() < 3) {
    (void)node.error("expected weights of rank 3 to 5, but got rank " +
                     Twine(weights.getRank()));
    return std::nullopt;
  }
  auto windows = readWindows(node, weights.getShape().drop_front(2));
  int64_t groups = node.getInt("group", 1);
  IntegerOperand input = IntegerOperand::read(node, x, zx);
  IntegerOperand weight = IntegerOperand::read(node, w, zw);
  if (!windows || node.hasFailed())
    return std::nullopt;
  auto result = IntegerContraction::makeConv(node, input, weight,
                                             std::move(*windows), groups);
  return node.hasFailed() ? std::nullopt : std::make_optional(result);
}

/// Vectors as matrices; what the product's dimensions of size 1 are.
static void expandVectors(NodeContext &node, IntegerOperand &lhs,
                          IntegerOperand &rhs) {
  if (lhs.getType().getRank() == 1)
    lhs.value = node.createReshape(lhs.value, {1, lhs.getType().getDimSize(0)});
  if (rhs.getType().getRank() == 1) {
    rhs.value = node.createReshape(rhs.value, {rhs.getType().getDimSize(0), 1});
    rhs.constant = nullptr;
  }
}

/// A result without the dimensions that expandVectors added.
static Value dropVectors(NodeContext &node, Value result, bool lhsIsVector,
                         bool rhsIsVector) {
  if (!result || (!lhsIsVector && !rhsIsVector))
    return result;
  SmallVector<int64_t> shape(getTensorType(result).getShape());
  if (rhsIsVector)
    shape.pop_back();
  if (lhsIsVector)
    shape.erase(shape.end() - (rhsIsVector ? 1 : 2));
  return node.createReshape(result, shape);
}

static void emitConvInteger(NodeContext &node) {
  if (auto product = readConv(node, 0, 2, 1, 3))
    node.setResult(0, product->createI32());
}

static void emitMatMulInteger(NodeContext &node) {
  IntegerOperand lhs = IntegerOperand::read(node, 0, 2);
  IntegerOperand rhs = IntegerOperand::read(node, 1, 3);
  if (node.hasFailed())
    return;
  bool lhsIsVector = lhs.getType().getRank() == 1;
  bool rhsIsVector = rhs.getType().getRank() == 1;
  expandVectors(node, lhs, rhs);
  if (node.hasFailed())
    return;
  auto product = IntegerContraction::makeMatMul(node, lhs, rhs);
  node.setResult(
      0, dropVectors(node, product.createI32(), lhsIsVector, rhsIsVector));
}

/// sum * (sx * sw) / sy rounded, plus the zero point, clamped: with constant
/// parameters as one requantization, else in that order.
static Value requantize(NodeContext &node, IntegerContraction &product,
                        const QuantInputs &x, const QuantInputs &w,
                        const QuantInputs &y, Type element, float alpha,
                        ArrayRef<int64_t> bias, Value biasValue) {
  if (node.hasFailed())
    return {};
  MLIRContext *context = node.getContext();
  Type f32 = Float32Type::get(context);
  ArrayRef<float> sx = x.getScales(), sw = w.getScales(), sy = y.getScales();
  bool isKnown = !sx.empty() && !sw.empty() && !sy.empty();
  auto result = dyn_cast_or_null<quant::UniformQuantizedType>(
      y.isPerTensor() ? y.getType(element, 0, 1) : quant::QuantizedType());
  if (isKnown && x.isPerTensor() && alpha == 1 && !biasValue && result &&
      result.getStorageTypeIntegralWidth() == 8) {
    if (Value sum = product.createTyped(sx.front(), sw, bias)) {
      SmallVector<NamedAttribute> attributes{
          node.attr("rounding", RoundingAttr::get(context, Rounding::ONNX))};
      return createIntegers(
          node, node.createTyped(RequantizeOp::getOperationName(), sum,
                                 getTensorType(sum).clone(result), attributes));
    }
  }
  Value sum = product.createI32();
  if (!biasValue && !bias.empty()) {
    auto type = RankedTensorType::get({static_cast<int64_t>(bias.size())},
                                      node.getBuilder().getI32Type());
    biasValue = ConstantOp::create(node.getBuilder(), node.getLoc(), type,
                                   createIntConstant(type, bias, "bias"));
    biasValue = product.expandRhs(biasValue);
  }
  if (biasValue)
    sum = node.create<AddOp>({sum, biasValue});
  Value real = node.createCast(sum, f32);
  Value multiplier;
  if (isKnown && x.isPerTensor() && y.isPerTensor()) {
    SmallVector<float> values;
    for (float scale : sw)
      values.push_back(requantMultiplier(
          accumulatorScale(alpha == 1 ? sx.front() : alpha * sx.front(), scale),
          sy.front()));
    auto type = RankedTensorType::get(w.getShape(), f32);
    multiplier = product.expandRhs(
        ConstantOp::create(node.getBuilder(), node.getLoc(), type,
                           createFloatConstant(type, values)));
  } else {
    Value scale = product.expandLhs(x.getScale());
    if (alpha != 1)
      scale = node.create<MulOp>({scale, node.createScalar(alpha, f32)});
    multiplier = node.create<DivOp>(
        {node.create<MulOp>({scale, product.expandRhs(w.getScale())}),
         product.expandLhs(y.getScale())});
  }
  return createRoundAndClamp(node, node.create<MulOp>({real, multiplier}),
                             product.expandLhs(y.getZeroPoint(f32)), element);
}

/// The element type of a result: its zero point's, or the input's.
static Type getResultElement(NodeContext &node, const QuantInputs &params,
                             Type otherwise) {
  Type element = params.getZeroPointType();
  if (!element)
    element = otherwise;
  if (!element.isInteger(8))
    (void)node.error("expected a result of 8-bit integers");
  return element;
}

/// An i32 bias per channel: its values if known, else in `value`.
static SmallVector<int64_t> readBias(NodeContext &node, unsigned index,
                                     IntegerContraction &product,
                                     Value &value) {
  if (!node.hasInput(index))
    return {};
  RankedTensorType type = node.getInputType(index);
  if (!type.getElementType().isInteger(32)) {
    (void)node.error("expected a bias of i32");
    return {};
  }
  ElementsAttr constant = getConstantInput(node, index);
  auto values = constant ? getIntValues(constant) : std::nullopt;
  if (values && type.getNumElements() == product.getNumChannels() &&
      type.getRank() == 1)
    return llvm::to_vector(*values);
  value = product.expandRhs(node.getOperand(index));
  return {};
}

static void emitQLinearConv(NodeContext &node) {
  QuantInputs x(node, 1, 2), w(node, 4, 5), y(node, 6, 7);
  if (node.hasFailed())
    return;
  if (!x.isPerTensor() || !y.isPerTensor())
    return (void)node.error("expected one scale of the input and the result");
  auto product = readConv(node, 0, 2, 3, 5);
  if (!product)
    return;
  Value bias;
  SmallVector<int64_t> biases = readBias(node, 8, *product, bias);
  Type element =
      getResultElement(node, y, node.getInputType(0).getElementType());
  node.setResult(0,
                 requantize(node, *product, x, w, y, element, 1, biases, bias));
}

static void emitQLinearMatMul(NodeContext &node) {
  QuantInputs x(node, 1, 2), w(node, 4, 5), y(node, 6, 7);
  if (node.hasFailed())
    return;
  IntegerOperand lhs = IntegerOperand::read(node, 0, 2);
  IntegerOperand rhs = IntegerOperand::read(node, 3, 5);
  if (node.hasFailed())
    return;
  bool lhsIsVector = lhs.getType().getRank() == 1;
  bool rhsIsVector = rhs.getType().getRank() == 1;
  expandVectors(node, lhs, rhs);
  if (node.hasFailed())
    return;
  auto product = IntegerContraction::makeMatMul(node, lhs, rhs);
  Type element =
      getResultElement(node, y, node.getInputType(0).getElementType());
  node.setResult(
      0,
      dropVectors(node, requantize(node, product, x, w, y, element, 1, {}, {}),
                  lhsIsVector, rhsIsVector));
}

/// com.microsoft: alpha * A' * B' + C, quantized where the result has a scale.
static void emitQGemm(NodeContext &node) {
  float alpha = node.getFloat("alpha", 1);
  bool transA = node.getBool("transA", false);
  bool transB = node.getBool("transB", false);
  QuantInputs x(node, 1, 2), w(node, 4, 5);
  if (node.hasFailed())
    return;
  IntegerOperand lhs = IntegerOperand::read(node, 0, 2);
  IntegerOperand rhs = IntegerOperand::read(node, 3, 5);
  if (node.hasFailed())
    return;
  if (lhs.getType().getRank() != 2 || rhs.getType().getRank() != 2)
    return (void)node.error("expected matrices");
  if (transA)
    lhs.value = node.createTranspose(lhs.value, {1, 0});
  if (transB) {
    rhs.value = node.createTranspose(rhs.value, {1, 0});
    if (auto values =
            rhs.constant ? getIntValues(rhs.constant) : std::nullopt) {
      // The same bytes in the other order.
      auto shape = rhs.constant.getShapedType().getShape();
      std::vector<int64_t> transposed(values->size());
      for (int64_t i = 0; i < shape[0]; ++i)
        for (int64_t j = 0; j < shape[1]; ++j)
          transposed[j * shape[0] + i] = (*values)[i * shape[1] + j];
      rhs.constant = createIntConstant(
          RankedTensorType::get({shape[1], shape[0]},
                                rhs.constant.getElementType()),
          transposed);
    }
  }
  if (node.hasFailed())
    return;
  auto product = IntegerContraction::makeMatMul(node, lhs, rhs);
  Value bias;
  SmallVector<int64_t> biases;
  if (node.hasInput(6)) {
    RankedTensorType type = node.getInputType(6);
    if (type.getRank() == 1 || type.getNumElements() == 1)
      biases = readBias(node, 6, product, bias);
    else if (type.getElementType().isInteger(32))
      bias = node.getOperand(6); // broadcasts to the product
    else
      return (void)node.error("expected an i32 C");
  }
  if (node.hasFailed())
    return;
  if (node.hasInput(7)) {
    QuantInputs y(node, 7, 8);
    if (node.hasFailed())
      return;
    Type element =
        getResultElement(node, y, node.getInputType(0).getElementType());
    return node.setResult(
        0, requantize(node, product, x, w, y, element, alpha, biases, bias));
  }
  Type f32 = Float32Type::get(node.getContext());
  Value sum = product.createI32();
  if (!biases.empty())
    bias = product.expandRhs(node.getOperand(6));
  if (bias)
    sum = node.create<AddOp>({sum, bias});
  Value scale = node.create<MulOp>(
      {product.expandLhs(x.getScale()), product.expandRhs(w.getScale())});
  if (alpha != 1)
    scale = node.create<MulOp>({scale, node.createScalar(alpha, f32)});
  node.setResult(0, node.create<MulOp>({node.createCast(sum, f32), scale}));
}

/// f32 of an integer product: times both scales, plus a bias.
static Value scaleProduct(NodeContext &node, IntegerContraction &product,
                          Value lhsScale, Value rhsScale, unsigned bias) {
  Type f32 = Float32Type::get(node.getContext());
  Value scale = node.create<MulOp>(
      {product.expandLhs(lhsScale), product.expandRhs(rhsScale)});
  Value result =
      node.create<MulOp>({node.createCast(product.createI32(), f32), scale});
  if (node.hasInput(bias))
    result = node.create<AddOp>(
        {result, node.createCast(node.getOperand(bias), f32)});
  return result;
}

/// com.microsoft: A is quantized with the range that it has.
static void emitDynamicQuantizeMatMul(NodeContext &node) {
  QuantInputs w(node, 2, 3);
  if (node.hasFailed())
    return;
  DynamicallyQuantized q = createDynamicQuantize(node, node.getOperand(0));
  IntegerOperand rhs = IntegerOperand::read(node, 1, 3);
  if (node.hasFailed() || !q.integers)
    return;
  IntegerOperand lhs;
  lhs.value = q.integers;
  lhs.zeroPoint = q.zeroPoint;
  auto product = IntegerContraction::makeMatMul(node, lhs, rhs);
  node.setResult(0, scaleProduct(node, product, q.scale, w.getScale(), 4));
}

/// com.microsoft.
static void emitMatMulIntegerToFloat(NodeContext &node) {
  QuantInputs x(node, 2, 4), w(node, 3, 5);
  if (node.hasFailed())
    return;
  IntegerOperand lhs = IntegerOperand::read(node, 0, 4);
  IntegerOperand rhs = IntegerOperand::read(node, 1, 5);
  if (node.hasFailed())
    return;
  auto product = IntegerContraction::makeMatMul(node, lhs, rhs);
  Value result = scaleProduct(node, product, x.getScale(), w.getScale(), 6);
  node.setResult(0, node.createCast(result, x.getScaleType()));
}

//===----------------------------------------------------------------------===//
// Element-wise operators, pooling, softmax (com.microsoft)
//===----------------------------------------------------------------------===//

/// Input `index`, whose parameters follow it.
static Value readReal(NodeContext &node, unsigned index) {
  QuantInputs params(node, index + 1, index + 2);
  if (node.hasFailed())
    return {};
  if (!params.isPerTensor()) {
    (void)node.error("expected one scale of input " + Twine(index));
    return {};
  }
  return createDequantize(node, index, params);
}

/// Quantizes with the parameters at `scale`, to the type of `like`.
static void setQuantized(NodeContext &node, Value real, unsigned scale,
                         unsigned like = 0) {
  if (node.hasFailed())
    return;
  QuantInputs params(node, scale, scale + 1);
  if (node.hasFailed())
    return;
  if (!params.isPerTensor())
    return (void)node.error("expected one scale of the result");
  Type element = params.getZeroPointType();
  if (!element)
    element = node.getInputType(like).getElementType();
  if (!isQuantizedInteger(element))
    return (void)node.error("expected a result of quantized integers");
  node.setResult(0, createQuantize(node, real, params, element));
}

template <typename OpT> static void emitQLinearBinary(NodeContext &node) {
  Value lhs = readReal(node, 0), rhs = readReal(node, 3);
  setQuantized(node, node.create<OpT>({lhs, rhs}), 6);
}

static void emitQLinearSigmoid(NodeContext &node) {
  setQuantized(node, node.create<SigmoidOp>(readReal(node, 0)), 3);
}

static void emitQLinearLeakyRelu(NodeContext &node) {
  double alpha = node.getFloat("alpha", 0.01f);
  setQuantized(
      node,
      node.create<LeakyReluOp>(readReal(node, 0), node.f64("alpha", alpha)), 3);
}

/// Attribute `opset` says which version of Softmax is meant.
static void emitQLinearSoftmax(NodeContext &node) {
  int64_t opset = node.getInt("opset", 13), rank = node.getInputRank(0);
  bool isFlattening = opset < 13;
  int64_t axis =
      node.normalizeAxis(node.getInt("axis", isFlattening ? 1 : -1), rank);
  Value x = readReal(node, 0);
  if (!x || node.hasFailed())
    return;
  SmallVector<int64_t> shape(getTensorType(x).getShape()), flat(shape);
  if (isFlattening) {
    int64_t inner = 1;
    for (int64_t size : ArrayRef(shape).drop_front(axis)) {
      if (ShapedType::isDynamic(size))
        return (void)node.error("sums over the batch, whose size is not known; "
                                "--shape can fix it");
      inner *= size;
    }
    flat.truncate(axis);
    flat.push_back(inner);
  }
  x = node.create<SoftmaxOp>(node.createReshape(x, flat),
                             node.i64("axis", axis));
  setQuantized(node, node.createReshape(x, shape), 3);
}

/// Runs `emit` on N C spatial..., of an input that may have channels last.
static Value withChannelsFirst(NodeContext &node, Value x,
                               function_ref<Value(Value)> emit) {
  if (!node.getBool("channels_last", false))
    return emit(x);
  if (!x)
    return {};
  int64_t rank = getTensorType(x).getRank();
  SmallVector<int64_t> toFirst{0, rank - 1}, toLast{0};
  for (int64_t d = 1; d < rank - 1; ++d)
    toFirst.push_back(d);
  for (int64_t d = 2; d < rank; ++d)
    toLast.push_back(d);
  toLast.push_back(1);
  Value result = emit(node.createTranspose(x, toFirst));
  return result ? node.createTranspose(result, toLast) : Value();
}

static void emitQLinearGlobalAveragePool(NodeContext &node) {
  int64_t rank = node.getInputRank(0);
  if (rank < 3)
    return (void)node.error("expected an input with spatial dimensions, but "
                            "got rank " +
                            Twine(rank));
  Value mean = withChannelsFirst(node, readReal(node, 0), [&](Value x) {
    auto axes = llvm::to_vector(llvm::seq<int64_t>(2, rank));
    return node.create<ReduceOp>(
        x, {node.attr("kind",
                      ReduceKindAttr::get(node.getContext(), ReduceKind::Mean)),
            node.i64s("axes", axes),
            node.attr("keepdims", node.getBuilder().getBoolAttr(true))});
  });
  setQuantized(node, mean, 3);
}

static void emitQLinearAveragePool(NodeContext &node) {
  if (node.getBool("channels_last", false))
    return (void)node.unsupported(" with channels_last");
  auto windows = readWindows(node);
  bool countsPadding = node.getBool("count_include_pad", false);
  if (!windows)
    return;
  SmallVector<NamedAttribute> attributes{
      node.i64s("kernel", windows->kernel),
      node.i64s("strides", windows->strides),
      node.i64s("dilations", windows->dilations),
      node.i64s("pads", windows->pads),
      node.attr("layout",
                LayoutAttr::get(node.getContext(), Layout::ChannelsFirst))};
  if (countsPadding) {
    attributes.push_back(
        node.attr("count_include_pad", UnitAttr::get(node.getContext())));
    if (llvm::any_of(windows->ceilExtra, [](int64_t n) { return n != 0; }))
      attributes.push_back(node.i64s("ceil_extra", windows->ceilExtra));
  }
  setQuantized(node, node.create<AveragePoolOp>(readReal(node, 0), attributes),
               3);
}

/// Scale and zero point of the result come first, then tensors with theirs.
static void emitQLinearConcat(NodeContext &node) {
  if (node.getNumInputs() < 5 || node.getNumInputs() % 3 != 2)
    return (void)node.error("expected the result's scale and zero point, and "
                            "tensors with theirs");
  int64_t axis =
      node.normalizeAxis(node.getRequiredInt("axis"), node.getInputRank(2));
  SmallVector<Value> inputs;
  for (unsigned i = 2; i < node.getNumInputs(); i += 3)
    inputs.push_back(readReal(node, i));
  setQuantized(node, node.create<ConcatOp>(inputs, node.i64("axis", axis)), 0,
               2);
}

ArrayRef<Operator> frontend::getQuantizedOperators() {
  constexpr int64_t last = newestOpset;
  constexpr int64_t any = std::numeric_limits<int64_t>::max();
  static const Operator rows[] = {
      {"QuantizeLinear", 10, last, 2, 3, nullptr, emitQuantizeLinear},
      {"DequantizeLinear", 10, last, 2, 3, nullptr, emitDequantizeLinear},
      {"DynamicQuantizeLinear", 11, last, 1, 1, nullptr,
       emitDynamicQuantizeLinear},
      {"ConvInteger", 10, last, 2, 4, nullptr, emitConvInteger},
      {"MatMulInteger", 10, last, 2, 4, nullptr, emitMatMulInteger},
      {"QLinearConv", 10, last, 8, 9, nullptr, emitQLinearConv},
      {"QLinearMatMul", 10, last, 8, 8, nullptr, emitQLinearMatMul},
      {"com.microsoft.QuantizeLinear", 1, any, 2, 3, nullptr,
       emitQuantizeLinear},
      {"com.microsoft.DequantizeLinear", 1, any, 2, 3, nullptr,
       emitDequantizeLinear},
      {"com.microsoft.QGemm", 1, any, 6, 9, nullptr, emitQGemm},
      {"com.microsoft.DynamicQuantizeMatMul", 1, any, 3, 5, nullptr,
       emitDynamicQuantizeMatMul},
      {"com.microsoft.MatMulIntegerToFloat", 1, any, 4, 7, nullptr,
       emitMatMulIntegerToFloat},
      {"com.microsoft.QLinearAdd", 1, any, 2, 8, nullptr,
       emitQLinearBinary<AddOp>},
      {"com.microsoft.QLinearMul", 1, any, 2, 8, nullptr,
       emitQLinearBinary<MulOp>},
      {"com.microsoft.QLinearSigmoid", 1, any, 2, 5, nullptr,
       emitQLinearSigmoid},
      {"com.microsoft.QLinearLeakyRelu", 1, any, 2, 5, nullptr,
       emitQLinearLeakyRelu},
      {"com.microsoft.QLinearSoftmax", 1, any, 2, 5, nullptr,
       emitQLinearSoftmax},
      {"com.microsoft.QLinearAveragePool", 1, any, 2, 5, nullptr,
       emitQLinearAveragePool},
      {"com.microsoft.QLinearGlobalAveragePool", 1, any, 2, 5, nullptr,
       emitQLinearGlobalAveragePool},
      {"com.microsoft.QLinearConcat", 1, any, 1, variadic, nullptr,
       emitQLinearConcat},
  };
  return rows;
}
