//===- IntegerContractions.cpp - sums of integer products -----------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "IntegerContractions.h"
#include "Folding.h"
#include "mpc/Dialect/MPC/Constants.h"
#include "mpc/Support/QuantMath.h"

using namespace mlir;
using namespace mpc;
using namespace mpc::frontend;

static RankedTensorType getTensorType(Value value) {
  return cast<RankedTensorType>(value.getType());
}

//===----------------------------------------------------------------------===//
// Operands
//===----------------------------------------------------------------------===//

IntegerOperand IntegerOperand::read(NodeContext &node, unsigned index,
                                    unsigned zeroPointIndex) {
  IntegerOperand operand;
  operand.constant = getConstantInput(node, index);
  operand.value = node.getOperand(index);
  if (!operand.value)
    return operand;
  auto isByte = [](Type element) { return element.isInteger(8); };
  Type element = operand.getType().getElementType();
  if (!isByte(element)) {
    (void)node.error("expected 8-bit integers as input " + Twine(index));
    return operand;
  }
  if (!node.hasInput(zeroPointIndex)) {
    operand.zeros.push_back(0);
    return operand;
  }
  RankedTensorType zeroType = node.getInputType(zeroPointIndex);
  if (zeroType.getElementType() != element)
    (void)node.error("expected zero points of the type of input " +
                     Twine(index));
  operand.zeroShape.assign(zeroType.getShape().begin(),
                           zeroType.getShape().end());
  if (ElementsAttr constant = getConstantInput(node, zeroPointIndex))
    if (auto values = getIntValues(constant))
      operand.zeros.assign(values->begin(), values->end());
  if (operand.zeros.empty())
    operand.zeroPoint = node.getOperand(zeroPointIndex);
  return operand;
}

RankedTensorType IntegerOperand::getType() const {
  return getTensorType(value);
}
bool IntegerOperand::isSigned() const {
  return !getType().getElementType().isUnsignedInteger();
}

/// Bytes of scale 1.
static quant::UniformQuantizedType getByteType(MLIRContext *context,
                                               bool isSigned, int64_t zero) {
  return quant::UniformQuantizedType::get(
      isSigned ? quant::QuantizationFlags::Signed : 0,
      IntegerType::get(context, 8), Float32Type::get(context), 1.0, zero,
      isSigned ? -128 : 0, isSigned ? 127 : 255);
}

static Type getSumType(MLIRContext *context, ArrayRef<float> scales,
                       int64_t axis) {
  Type i32 = IntegerType::get(context, 32), f32 = Float32Type::get(context);
  if (scales.size() == 1)
    return quant::UniformQuantizedType::get(quant::QuantizationFlags::Signed,
                                            i32, f32, scales.front(), 0,
                                            INT32_MIN, INT32_MAX);
  SmallVector<double> perAxis(scales.begin(), scales.end());
  SmallVector<int64_t> zeros(scales.size(), 0);
  return quant::UniformQuantizedPerAxisType::get(
      quant::QuantizationFlags::Signed, i32, f32, perAxis, zeros, axis,
      INT32_MIN, INT32_MAX);
}

/// The bytes with 128 added (to signed ones) or subtracted.
static Value flipSignedness(NodeContext &node, Value bytes) {
  if (!bytes)
    return {};
  MLIRContext *context = node.getContext();
  bool isSigned = !getTensorType(bytes).getElementType().isUnsignedInteger();
  RankedTensorType type = getTensorType(bytes);
  Value q = createStorageCast(node, bytes, getByteType(context, isSigned, 0));
  Value real = node.createTyped(DequantizeOp::getOperationName(), q,
                                type.clone(Float32Type::get(context)));
  return createIntegers(
      node, node.createTyped(QuantizeOp::getOperationName(), real,
                             type.clone(getByteType(context, !isSigned,
                                                    isSigned ? 128 : -128))));
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

IntegerContraction IntegerContraction::makeConv(NodeContext &node,
                                                IntegerOperand input,
                                                IntegerOperand weight,
                                                Windows windows,
                                                int64_t groups) {
  IntegerContraction result(node, std::move(input), std::move(weight));
  result.windows = std::move(windows);
  result.groups = groups;
  result.inferShape();
  return result;
}

IntegerContraction IntegerContraction::makeMatMul(NodeContext &node,
                                                  IntegerOperand lhs,
                                                  IntegerOperand rhs) {
  IntegerContraction result(node, std::move(lhs), std::move(rhs));
  result.inferShape();
  return result;
}

/// Wrong shapes are reported by the op that is made with the result's.
void IntegerContraction::inferShape() {
  if (node.hasFailed())
    return;
  ArrayRef<int64_t> x = lhs.getType().getShape(), w = rhs.getType().getShape();
  if (!isConv()) {
    if (x.size() < 2 || w.size() < 2)
      return (void)node.error("expected matrices");
    auto leading = broadcastShapes(x.drop_back(2), w.drop_back(2));
    if (!leading)
      return (void)node.error("expected shapes that broadcast");
    shape = *leading;
    shape.append({x[x.size() - 2], w.back()});
    if (x.back() != w[w.size() - 2] || ShapedType::isDynamic(x.back()))
      return (void)node.error("expected inner sizes that are static and agree, "
                              "but got " +
                              Twine(x.back()) + " and " +
                              Twine(w[w.size() - 2]));
    return;
  }
  if (x.size() != w.size() || x.size() < 3 || x.size() > 5)
    return (void)node.error("expected input and weights of the same rank, 3 to "
                            "5");
  if (llvm::any_of(x.drop_front(1), ShapedType::isDynamic) ||
      llvm::any_of(w, ShapedType::isDynamic))
    return (void)node.error("expected static sizes but for the batch");
  if (groups < 1 || x[1] % groups != 0 || w[0] % groups != 0 ||
      w[1] != x[1] / groups)
    return (void)node.error("expected weights for " + Twine(x[1]) +
                            " input channels in " + Twine(groups) +
                            " groups, but got " + Twine(w[0]) + " x " +
                            Twine(w[1]));
  shape = {x[0], w[0]};
  size_t rank = x.size() - 2;
  for (size_t d = 0; d < rank; ++d) {
    int64_t extent = (windows->kernel[d] - 1) * windows->dilations[d] + 1;
    int64_t padded = x[2 + d] + windows->pads[d] + windows->pads[rank + d];
    if (extent > padded)
      return (void)node.error("expected a kernel that fits into the padded "
                              "input");
    shape.push_back((padded - extent) / windows->strides[d] + 1);
  }
}

int64_t IntegerContraction::getNumChannels() const {
  return isConv() ? shape[1] : shape.back();
}

Value IntegerContraction::createProduct(Value x, Value w, Type sumType,
                                        Value bias,
                                        ArrayRef<int64_t> resultShape) {
  SmallVector<Value> operands{x, w};
  if (bias)
    operands.push_back(bias);
  auto type = RankedTensorType::get(resultShape, sumType);
  if (!isConv())
    return node.createTyped(MatMulOp::getOperationName(), operands, type);
  return node.createTyped(
      ConvOp::getOperationName(), operands, type,
      {node.i64s("strides", windows->strides),
       node.i64s("dilations", windows->dilations),
       node.i64s("pads", windows->pads), node.i64("groups", groups),
       node.attr("layout",
                 LayoutAttr::get(node.getContext(), Layout::ChannelsFirst))});
}

/// The sum of u8 times s8 products, as i32.
Value IntegerContraction::createUnitProduct(Value x, Value w,
                                            ArrayRef<int64_t> resultShape) {
  MLIRContext *context = node.getContext();
  return createIntegers(
      node,
      createProduct(createStorageCast(node, x, getByteType(context, false, 0)),
                    createStorageCast(node, w, getByteType(context, true, 0)),
                    getSumType(context, {1.0f}, 0), {}, resultShape));
}

/// Constant weights less their zero points, if those are signed bytes.
std::optional<std::vector<int64_t>> IntegerContraction::getPlainWeights() {
  auto values = rhs.constant ? getIntValues(rhs.constant) : std::nullopt;
  if (!values || rhs.zeros.empty())
    return std::nullopt;
  int64_t channels = getNumChannels(), inner = 1;
  if (rhs.zeros.size() != 1 &&
      static_cast<int64_t>(rhs.zeros.size()) != channels)
    return std::nullopt;
  if (isConv())
    for (int64_t size : rhs.getType().getShape().drop_front())
      inner *= size;
  for (auto [i, value] : llvm::enumerate(*values)) {
    int64_t channel = static_cast<int64_t>(i) / inner % channels;
    value -= rhs.zeros[rhs.zeros.size() == 1 ? 0 : channel];
    if (value < -128 || value > 127)
      return std::nullopt;
  }
  return values;
}

Value IntegerContraction::createTyped(float lhsScale, ArrayRef<float> rhsScales,
                                      ArrayRef<int64_t> bias) {
  int64_t channels = node.hasFailed() ? 0 : getNumChannels();
  if (node.hasFailed() || lhs.zeros.size() != 1 ||
      (!isConv() && rhs.getType().getRank() != 2) ||
      (rhsScales.size() != 1 &&
       static_cast<int64_t>(rhsScales.size()) != channels) ||
      (!bias.empty() && static_cast<int64_t>(bias.size()) != channels))
    return {};
  std::optional<std::vector<int64_t>> weights = getPlainWeights();
  if (!weights)
    return {};
  SmallVector<float> sums;
  for (float scale : rhsScales) {
    sums.push_back(accumulatorScale(lhsScale, scale));
    if (!(sums.back() >= 0x1p-126f) || !std::isfinite(sums.back()))
      return {};
  }
  MLIRContext *context = node.getContext();
  OpBuilder &builder = node.getBuilder();
  Type i8 = builder.getI8Type(), f32 = builder.getF32Type();
  bool isSigned = lhs.isSigned();
  auto inputType = quant::UniformQuantizedType::get(
      isSigned ? quant::QuantizationFlags::Signed : 0, i8, f32, lhsScale,
      lhs.zeros.front(), isSigned ? -128 : 0, isSigned ? 127 : 255);
  Type weightType;
  if (rhsScales.size() == 1) {
    weightType =
        quant::UniformQuantizedType::get(quant::QuantizationFlags::Signed, i8,
                                         f32, rhsScales.front(), 0, -128, 127);
  } else {
    SmallVector<double> scales(rhsScales.begin(), rhsScales.end());
    SmallVector<int64_t> zeros(scales.size(), 0);
    weightType = quant::UniformQuantizedPerAxisType::get(
        quant::QuantizationFlags::Signed, i8, f32, scales, zeros,
        isConv() ? 0 : 1, -128, 127);
  }
  RankedTensorType rhsType = rhs.getType();
  Value w =
      ConstantOp::create(builder, node.getLoc(), rhsType.clone(weightType),
                         createIntConstant(rhsType.clone(i8), *weights));
  Value b;
  if (!bias.empty()) {
    auto type = RankedTensorType::get({channels}, builder.getI32Type());
    b = ConstantOp::create(builder, node.getLoc(),
                           type.clone(getSumType(context, sums, 0)),
                           createIntConstant(type, bias, "bias"));
  }
  return createProduct(
      createStorageCast(node, lhs.value, inputType), w,
      getSumType(context, sums, isConv() ? 1 : shape.size() - 1), b, shape);
}

//===----------------------------------------------------------------------===//
// Sums with zero points
//===----------------------------------------------------------------------===//

Value IntegerContraction::createI32Constant(ArrayRef<int64_t> constantShape,
                                            ArrayRef<int64_t> values) {
  auto type =
      RankedTensorType::get(constantShape, node.getBuilder().getI32Type());
  SmallVector<int64_t> wrapped;
  for (int64_t value : values)
    wrapped.push_back(static_cast<int32_t>(value));
  return ConstantOp::create(node.getBuilder(), node.getLoc(), type,
                            createIntConstant(type, wrapped, "sums"));
}

Value IntegerContraction::expandLhs(Value parameter) {
  if (!parameter)
    return {};
  RankedTensorType type = getTensorType(parameter);
  if (type.hasStaticShape() && type.getNumElements() == 1)
    return node.createReshape(parameter, {});
  if (!isConv() && type.getRank() == 1)
    return node.createReshape(parameter, {type.getDimSize(0), 1});
  if (!isConv() && type.getShape().back() == 1)
    return parameter; // [..., M, 1]
  (void)node.error("expected one scale and zero point of the input, or one for "
                   "each row");
  return {};
}

Value IntegerContraction::expandRhs(Value parameter) {
  if (!parameter)
    return {};
  RankedTensorType type = getTensorType(parameter);
  if (type.hasStaticShape() && type.getNumElements() == 1)
    return node.createReshape(parameter, {});
  if (isConv() && type.getRank() == 1 && type.getDimSize(0) == shape[1]) {
    SmallVector<int64_t> expanded(shape.size() - 1, 1);
    expanded.front() = shape[1];
    return node.createReshape(parameter, expanded);
  }
  if (!isConv() && type.getShape().back() == shape.back() &&
      (type.getRank() == 1 || type.getDimSize(type.getRank() - 2) == 1))
    return parameter;
  (void)node.error("expected one scale and zero point of the weights, or one "
                   "for each output channel");
  return {};
}

/// The zero point plus `offset` as i32; null where it is zero.
Value IntegerContraction::createZeroPoint(const IntegerOperand &operand,
                                          int64_t offset, bool isLhs) {
  Value zero;
  if (!operand.zeros.empty()) {
    SmallVector<int64_t> zeros;
    for (int64_t value : operand.zeros)
      zeros.push_back(value + offset);
    if (llvm::all_of(zeros, [](int64_t value) { return value == 0; }))
      return {};
    zero = createI32Constant(operand.zeroShape, zeros);
  } else {
    Type i32 = node.getBuilder().getI32Type();
    zero = node.createCast(operand.zeroPoint, i32);
    if (offset)
      zero = node.create<AddOp>({zero, node.createScalar(offset, i32)});
  }
  return isLhs ? expandLhs(zero) : expandRhs(zero);
}

static Value createSum(NodeContext &node, Value bytes, int64_t axis) {
  return node.create<ReduceOp>(
      node.createCast(bytes, node.getBuilder().getI32Type()),
      {node.attr("kind",
                 ReduceKindAttr::get(node.getContext(), ReduceKind::Sum)),
       node.i64s("axes", axis),
       node.attr("keepdims", node.getBuilder().getBoolAttr(true))});
}

/// A tensor of ones.
static Value createOnes(NodeContext &node, ArrayRef<int64_t> shape,
                        bool isSigned) {
  OpBuilder &builder = node.getBuilder();
  auto type = RankedTensorType::get(
      shape, isSigned ? builder.getI8Type()
                      : builder.getIntegerType(8, /*isSigned=*/false));
  std::vector<char> bytes(type.getNumElements(), 1);
  return ConstantOp::create(builder, node.getLoc(), type,
                            createConstant(type, bytes, "ones"));
}

Value IntegerContraction::createInputSums(Value x) {
  if (!isConv())
    return x ? createSum(node, x, getTensorType(x).getRank() - 1) : Value();
  // Without groups, the sums are the same for all output channels.
  SmallVector<int64_t> weightShape(rhs.getType().getShape());
  SmallVector<int64_t> resultShape(shape);
  if (groups == 1)
    weightShape[0] = resultShape[1] = 1;
  return createUnitProduct(x, createOnes(node, weightShape, true), resultShape);
}

/// For each output position, the sum over the taps that lie inside of the input
/// of what `taps` has for the channel and the tap.
Value IntegerContraction::createSumsOfTaps(ArrayRef<int64_t> taps,
                                           int64_t channels) {
  size_t rank = windows->kernel.size();
  ArrayRef<int64_t> sizes = lhs.getType().getShape().drop_front(2);
  ArrayRef<int64_t> positions = ArrayRef(shape).drop_front(2);
  int64_t numTaps = product(windows->kernel);
  SmallVector<int64_t> resultShape{1, channels};
  bool isPadded = llvm::any_of(windows->pads, [](int64_t p) { return p != 0; });
  if (!isPadded) {
    resultShape.append(rank, 1);
    SmallVector<int64_t> sums(channels, 0);
    for (auto [i, tap] : llvm::enumerate(taps))
      sums[i / numTaps] += tap;
    return createI32Constant(resultShape, sums);
  }
  llvm::append_range(resultShape, positions);
  int64_t numPositions = product(positions);
  SmallVector<int64_t> sums(channels * numPositions, 0);
  int64_t position = 0;
  forEachElement(positions, [&](ArrayRef<int64_t> at) {
    int64_t tap = 0;
    forEachElement(windows->kernel, [&](ArrayRef<int64_t> k) {
      bool isInside = true;
      for (size_t d = 0; d < rank; ++d) {
        int64_t x = at[d] * windows->strides[d] - windows->pads[d] +
                    k[d] * windows->dilations[d];
        isInside &= x >= 0 && x < sizes[d];
      }
      for (int64_t c = 0; isInside && c < channels; ++c)
        sums[c * numPositions + position] += taps[c * numTaps + tap];
      ++tap;
    });
    ++position;
  });
  return createI32Constant(resultShape, sums);
}

Value IntegerContraction::createWeightSums(Value w, int64_t offset) {
  auto values = rhs.constant ? getIntValues(rhs.constant) : std::nullopt;
  ArrayRef<int64_t> weightShape = rhs.getType().getShape();
  if (!isConv()) {
    if (!values || weightShape.size() != 2)
      return w ? createSum(node, w, weightShape.size() - 2) : Value();
    SmallVector<int64_t> sums(weightShape[1], 0);
    for (auto [i, value] : llvm::enumerate(*values))
      sums[i % weightShape[1]] += value + offset;
    return createI32Constant({1, weightShape[1]}, sums);
  }
  if (!values) {
    SmallVector<int64_t> inputShape(lhs.getType().getShape());
    SmallVector<int64_t> resultShape(shape);
    inputShape[0] = resultShape[0] = 1;
    return createUnitProduct(createOnes(node, inputShape, false), w,
                             resultShape);
  }
  int64_t numTaps = product(windows->kernel);
  SmallVector<int64_t> taps(weightShape[0] * numTaps, 0);
  for (auto [i, value] : llvm::enumerate(*values)) {
    int64_t tap = static_cast<int64_t>(i) % numTaps;
    int64_t channel = static_cast<int64_t>(i) / numTaps / weightShape[1];
    taps[channel * numTaps + tap] += value + offset;
  }
  return createSumsOfTaps(taps, weightShape[0]);
}

Value IntegerContraction::createCounts() {
  if (!isConv())
    return createI32Constant({}, lhs.getType().getShape().back());
  SmallVector<int64_t> taps(product(windows->kernel),
                            rhs.getType().getDimSize(1));
  return createSumsOfTaps(taps, 1);
}

Value IntegerContraction::createI32() {
  if (node.hasFailed())
    return {};
  if (Value sum = createTyped(1.0f, {1.0f}, {}))
    return createIntegers(node, sum);
  int64_t lhsOffset = lhs.isSigned() ? 128 : 0,
          rhsOffset = rhs.isSigned() ? 0 : -128;
  Value x = lhs.value, w = rhs.value;
  if (lhsOffset)
    x = flipSignedness(node, x);
  if (auto values = rhs.constant ? getIntValues(rhs.constant) : std::nullopt) {
    auto type = rhs.getType().clone(node.getBuilder().getI8Type());
    for (int64_t &value : *values)
      value += rhsOffset;
    w = ConstantOp::create(node.getBuilder(), node.getLoc(), type,
                           createIntConstant(type, *values));
  } else if (rhsOffset) {
    w = flipSignedness(node, w);
  }
  Value sum = createUnitProduct(x, w, shape);
  Value lhsZero = createZeroPoint(lhs, lhsOffset, true);
  Value rhsZero = createZeroPoint(rhs, rhsOffset, false);
  if (lhsZero)
    sum = node.create<SubOp>(
        {sum, node.create<MulOp>({lhsZero, createWeightSums(w, rhsOffset)})});
  if (rhsZero)
    sum = node.create<SubOp>(
        {sum, node.create<MulOp>({rhsZero, createInputSums(x)})});
  if (lhsZero && rhsZero)
    sum = node.create<AddOp>(
        {sum, node.create<MulOp>(
                  {node.create<MulOp>({lhsZero, rhsZero}), createCounts()})});
  return sum;
}
