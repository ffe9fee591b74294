//===- ConstantUtils.cpp - computing with weights at compile time ---------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ConstantUtils.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include <cstring>

using namespace mlir;
using namespace mpc;

namespace {
/// The bytes of an attribute's elements, or of its only element where it is a splat.
struct RawElements {
  ArrayRef<char> bytes;
  bool isSplat = false;
  unsigned elementBytes = 0;
};

/// Below this many bytes elements stay in the IR's text, where they can be read; weights become resources.
constexpr size_t kInlineBytes = 64;
} // namespace

static std::optional<RawElements> getRawElements(ElementsAttr attr) {
  Type elementType = attr.getElementType();
  if (!elementType.isIntOrFloat() || elementType.getIntOrFloatBitWidth() % 8 != 0)
    return std::nullopt;
  RawElements raw;
  raw.elementBytes = elementType.getIntOrFloatBitWidth() / 8;
  if (auto dense = dyn_cast<DenseElementsAttr>(attr)) {
    raw.bytes = dense.getRawData();
    raw.isSplat = dense.isSplat();
  } else if (auto resource = dyn_cast<DenseResourceElementsAttr>(attr)) {
    AsmResourceBlob *blob = resource.getRawHandle().getBlob();
    if (!blob)
      return std::nullopt;
    raw.bytes = blob->getData();
  } else {
    return std::nullopt;
  }
  size_t expected = raw.isSplat ? 1 : attr.getNumElements();
  if (raw.bytes.size() != expected * raw.elementBytes)
    return std::nullopt;
  return raw;
}

/// Elements from `bytes`; what is larger than a few values becomes a resource, aligned for vector loads.
static ElementsAttr createElements(RankedTensorType type, ArrayRef<char> bytes) {
  if (bytes.size() <= kInlineBytes)
    return DenseElementsAttr::getFromRawBuffer(type, bytes);
  return DenseResourceElementsAttr::get(type, "weights", HeapAsmResourceBlob::allocateAndCopyWithAlign(bytes, 64));
}

static std::optional<double> readElement(const char *bytes, Type type) {
  uint64_t bits = 0;
  unsigned width = type.getIntOrFloatBitWidth();
  std::memcpy(&bits, bytes, width / 8); // all hosts that LLVM's packages serve here are little-endian
  if (auto floatType = dyn_cast<FloatType>(type)) {
    if (type.isF64())
      return llvm::bit_cast<double>(bits);
    if (type.isF32())
      return llvm::bit_cast<float>(static_cast<uint32_t>(bits));
    APFloat value(floatType.getFloatSemantics(), APInt(width, bits));
    return value.convertToDouble();
  }
  APInt value(width, bits);
  bool isUnsigned = type.isUnsignedInteger();
  if ((isUnsigned ? value.getActiveBits() : value.getSignificantBits()) > 53)
    return std::nullopt;
  return isUnsigned ? static_cast<double>(value.getZExtValue()) : static_cast<double>(value.getSExtValue());
}

std::optional<SmallVector<double>> mpc::getConstantValues(Value value) {
  auto constant = value ? value.getDefiningOp<ConstantOp>() : ConstantOp();
  if (!constant || constant.getValue().getElementType() != getElementTypeOrSelf(value.getType()))
    return std::nullopt;
  std::optional<RawElements> raw = getRawElements(constant.getValue());
  if (!raw)
    return std::nullopt;
  SmallVector<double> values;
  int64_t count = constant.getValue().getNumElements();
  values.reserve(count);
  Type elementType = constant.getValue().getElementType();
  for (int64_t i = 0; i < count; ++i) {
    if (raw->isSplat && i > 0) {
      values.push_back(values.front());
      continue;
    }
    std::optional<double> element = readElement(raw->bytes.data() + i * raw->elementBytes, elementType);
    if (!element)
      return std::nullopt;
    values.push_back(*element);
  }
  return values;
}

std::optional<double> mpc::getSplatValue(Value value) {
  std::optional<SmallVector<double>> values = getConstantValues(value);
  if (!values || values->empty())
    return std::nullopt;
  uint64_t first = llvm::bit_cast<uint64_t>(values->front());
  if (!llvm::all_of(*values, [&](double v) { return llvm::bit_cast<uint64_t>(v) == first; }))
    return std::nullopt;
  return values->front();
}

static APFloat roundTo(double value, FloatType type) {
  APFloat result(value);
  bool losesInfo = false;
  result.convert(type.getFloatSemantics(), APFloat::rmNearestTiesToEven, &losesInfo);
  return result;
}

bool mpc::fitsFiniteIn(ArrayRef<double> values, Type type) {
  auto floatType = cast<FloatType>(type);
  return llvm::all_of(values, [&](double v) { return roundTo(v, floatType).isFinite(); });
}

Value mpc::createFloatConstant(OpBuilder &builder, Location loc, RankedTensorType type, ArrayRef<double> values) {
  auto elementType = cast<FloatType>(type.getElementType());
  unsigned elementBytes = elementType.getWidth() / 8;
  SmallVector<char, 0> bytes(values.size() * elementBytes);
  for (auto [i, value] : llvm::enumerate(values)) {
    uint64_t bits = elementType.isF32() ? llvm::bit_cast<uint32_t>(static_cast<float>(value))
                                        : roundTo(value, elementType).bitcastToAPInt().getZExtValue();
    std::memcpy(bytes.data() + i * elementBytes, &bits, elementBytes);
  }
  return ConstantOp::create(builder, loc, type, createElements(type, bytes));
}

RankedTensorType mpc::getPermutedType(RankedTensorType type, ArrayRef<int64_t> perm) {
  SmallVector<int64_t> shape;
  for (int64_t d : perm)
    shape.push_back(type.getDimSize(d));
  Type elementType = type.getElementType();
  if (auto perAxis = dyn_cast<quant::UniformQuantizedPerAxisType>(elementType)) {
    int32_t axis = llvm::find(perm, perAxis.getQuantizedDimension()) - perm.begin();
    elementType = quant::UniformQuantizedPerAxisType::get(
        perAxis.getFlags(), perAxis.getStorageType(), perAxis.getExpressedType(), perAxis.getScales(),
        perAxis.getZeroPoints(), axis, perAxis.getStorageTypeMin(), perAxis.getStorageTypeMax());
  }
  return RankedTensorType::get(shape, elementType);
}

Value mpc::createTransposedConstant(OpBuilder &builder, ConstantOp constant, ArrayRef<int64_t> perm) {
  ElementsAttr attr = constant.getValue();
  std::optional<RawElements> raw = getRawElements(attr);
  if (!raw)
    return {};
  RankedTensorType resultType = getPermutedType(constant.getType(), perm);
  auto attrType = RankedTensorType::get(resultType.getShape(), attr.getElementType());
  if (raw->isSplat)
    return ConstantOp::create(builder, constant.getLoc(), resultType,
                              DenseElementsAttr::getFromRawBuffer(attrType, raw->bytes));

  ArrayRef<int64_t> inputShape = constant.getType().getShape(), resultShape = resultType.getShape();
  int64_t rank = inputShape.size();
  SmallVector<int64_t> inputStrides(rank, raw->elementBytes);
  for (int64_t d = rank - 2; d >= 0; --d)
    inputStrides[d] = inputStrides[d + 1] * inputShape[d + 1];
  SmallVector<int64_t> strides, index(rank, 0);
  for (int64_t d : perm)
    strides.push_back(inputStrides[d]);

  // Walks the result in order and keeps the input's offset up to date, like an odometer.
  SmallVector<char, 0> bytes(raw->bytes.size());
  const char *input = raw->bytes.data();
  char *output = bytes.data();
  int64_t offset = 0;
  for (size_t done = 0; done < bytes.size(); done += raw->elementBytes) {
    std::memcpy(output + done, input + offset, raw->elementBytes);
    for (int64_t d = rank - 1; d >= 0; --d) {
      offset += strides[d];
      if (++index[d] < resultShape[d])
        break;
      offset -= strides[d] * resultShape[d];
      index[d] = 0;
    }
  }
  return ConstantOp::create(builder, constant.getLoc(), resultType, createElements(attrType, bytes));
}

Value mpc::createReshapedConstant(OpBuilder &builder, ConstantOp constant, ArrayRef<int64_t> shape) {
  ElementsAttr attr = constant.getValue();
  Type elementType = constant.getType().getElementType();
  if (isa<quant::UniformQuantizedPerAxisType>(elementType))
    return {}; // the axis may vanish in the reshape
  auto attrType = RankedTensorType::get(shape, attr.getElementType());
  if (attrType.getNumElements() != attr.getNumElements())
    return {};
  ElementsAttr reshaped;
  if (auto dense = dyn_cast<DenseElementsAttr>(attr))
    reshaped = dense.reshape(attrType);
  else if (auto resource = dyn_cast<DenseResourceElementsAttr>(attr))
    reshaped = DenseResourceElementsAttr::get(attrType, resource.getRawHandle());
  else
    return {};
  return ConstantOp::create(builder, constant.getLoc(), RankedTensorType::get(shape, elementType), reshaped);
}
