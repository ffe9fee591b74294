//===- ConstantUtils.cpp - computing with weights at compile time ---------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ConstantUtils.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/IR/TypeUtilities.h"
#include "mpc/Dialect/MPC/Constants.h"
#include <cstring>

using namespace mlir;
using namespace mpc;

static unsigned getElementBytes(Type elementType) {
  return llvm::divideCeil(elementType.getIntOrFloatBitWidth(), 8);
}

static std::optional<double> readElement(const char *bytes, Type type) {
  uint64_t bits = 0;
  unsigned width = type.getIntOrFloatBitWidth();
  std::memcpy(
      &bits, bytes,
      getElementBytes(
          type)); // all hosts that LLVM's packages serve here are little-endian
  if (auto floatType = dyn_cast<FloatType>(type)) {
    if (type.isF64())
      return llvm::bit_cast<double>(bits);
    if (type.isF32())
      return llvm::bit_cast<float>(static_cast<uint32_t>(bits));
    APFloat value(floatType.getFloatSemantics(), APInt(width, bits));
    return value.convertToDouble();
  }
  // 4-bit integers take a byte, whose upper half says nothing.
  APInt value(width, bits, /*isSigned=*/false, /*implicitTrunc=*/true);
  bool isUnsigned =
      type.isUnsignedInteger() || width == 1; // i1 is a truth value
  if ((isUnsigned ? value.getActiveBits() : value.getSignificantBits()) > 53)
    return std::nullopt;
  return isUnsigned ? static_cast<double>(value.getZExtValue())
                    : static_cast<double>(value.getSExtValue());
}

std::optional<SmallVector<double>> mpc::getConstantValues(Value value) {
  auto constant = value ? value.getDefiningOp<ConstantOp>() : ConstantOp();
  if (!constant || constant.getValue().getElementType() !=
                       getElementTypeOrSelf(value.getType()))
    return std::nullopt;
  std::vector<char> storage;
  std::optional<ArrayRef<char>> bytes =
      getRawBytes(constant.getValue(), storage);
  if (!bytes)
    return std::nullopt;
  SmallVector<double> values;
  Type elementType = constant.getValue().getElementType();
  unsigned elementBytes = getElementBytes(elementType);
  values.reserve(bytes->size() / elementBytes);
  for (size_t offset = 0; offset < bytes->size(); offset += elementBytes) {
    std::optional<double> element =
        readElement(bytes->data() + offset, elementType);
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
  if (!llvm::all_of(*values, [&](double v) {
        return llvm::bit_cast<uint64_t>(v) == first;
      }))
    return std::nullopt;
  return values->front();
}

static APFloat roundTo(double value, FloatType type) {
  APFloat result(value);
  bool losesInfo = false;
  result.convert(type.getFloatSemantics(), APFloat::rmNearestTiesToEven,
                 &losesInfo);
  return result;
}

bool mpc::fitsFiniteIn(ArrayRef<double> values, Type type) {
  auto floatType = cast<FloatType>(type);
  return llvm::all_of(
      values, [&](double v) { return roundTo(v, floatType).isFinite(); });
}

Value mpc::createFloatConstant(OpBuilder &builder, Location loc,
                               RankedTensorType type, ArrayRef<double> values) {
  auto elementType = cast<FloatType>(type.getElementType());
  unsigned elementBytes = elementType.getWidth() / 8;
  SmallVector<char, 0> bytes(values.size() * elementBytes);
  for (auto [i, value] : llvm::enumerate(values)) {
    uint64_t bits =
        elementType.isF32()
            ? llvm::bit_cast<uint32_t>(static_cast<float>(value))
            : roundTo(value, elementType).bitcastToAPInt().getZExtValue();
    std::memcpy(bytes.data() + i * elementBytes, &bits, elementBytes);
  }
  return ConstantOp::create(builder, loc, type, createConstant(type, bytes));
}

RankedTensorType mpc::getPermutedType(RankedTensorType type,
                                      ArrayRef<int64_t> perm) {
  SmallVector<int64_t> shape;
  for (int64_t d : perm)
    shape.push_back(type.getDimSize(d));
  Type elementType = type.getElementType();
  if (auto perAxis =
          dyn_cast<quant::UniformQuantizedPerAxisType>(elementType)) {
    int32_t axis =
        llvm::find(perm, perAxis.getQuantizedDimension()) - perm.begin();
    elementType = quant::UniformQuantizedPerAxisType::get(
        perAxis.getFlags(), perAxis.getStorageType(),
        perAxis.getExpressedType(), perAxis.getScales(),
        perAxis.getZeroPoints(), axis, perAxis.getStorageTypeMin(),
        perAxis.getStorageTypeMax());
  }
  return RankedTensorType::get(shape, elementType);
}

Value mpc::createTransposedConstant(OpBuilder &builder, ConstantOp constant,
                                    ArrayRef<int64_t> perm) {
  ElementsAttr attr = constant.getValue();
  std::vector<char> storage;
  std::optional<ArrayRef<char>> input = getRawBytes(attr, storage);
  if (!input)
    return {};
  RankedTensorType resultType = getPermutedType(constant.getType(), perm);
  auto attrType =
      RankedTensorType::get(resultType.getShape(), attr.getElementType());
  unsigned elementBytes = getElementBytes(attr.getElementType());

  ArrayRef<int64_t> inputShape = constant.getType().getShape(),
                    resultShape = resultType.getShape();
  int64_t rank = inputShape.size();
  SmallVector<int64_t> inputStrides(rank, elementBytes);
  for (int64_t d = rank - 2; d >= 0; --d)
    inputStrides[d] = inputStrides[d + 1] * inputShape[d + 1];
  SmallVector<int64_t> strides, index(rank, 0);
  for (int64_t d : perm)
    strides.push_back(inputStrides[d]);

  // Walks the result in order and keeps the input's offset up to date, like an
  // odometer.
  SmallVector<char, 0> bytes(input->size());
  char *output = bytes.data();
  int64_t offset = 0;
  for (size_t done = 0; done < bytes.size(); done += elementBytes) {
    std::memcpy(output + done, input->data() + offset, elementBytes);
    for (int64_t d = rank - 1; d >= 0; --d) {
      offset += strides[d];
      if (++index[d] < resultShape[d])
        break;
      offset -= strides[d] * resultShape[d];
      index[d] = 0;
    }
  }
  return ConstantOp::create(builder, constant.getLoc(), resultType,
                            createConstant(attrType, bytes));
}

Value mpc::createReshapedConstant(OpBuilder &builder, ConstantOp constant,
                                  ArrayRef<int64_t> shape) {
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
    reshaped =
        DenseResourceElementsAttr::get(attrType, resource.getRawHandle());
  else
    return {};
  return ConstantOp::create(builder, constant.getLoc(),
                            RankedTensorType::get(shape, elementType),
                            reshaped);
}

Value mpc::createSlicedConstant(OpBuilder &builder, ConstantOp constant,
                                SliceOp slice) {
  ElementsAttr attr = constant.getValue();
  std::vector<char> storage;
  std::optional<ArrayRef<char>> input = getRawBytes(attr, storage);
  RankedTensorType type = slice.getType();
  if (!input || type.getElementType() != constant.getType().getElementType() ||
      isa<quant::UniformQuantizedPerAxisType>(type.getElementType()) ||
      type.getNumElements() == 0)
    return {};
  int64_t elementBytes = getElementBytes(attr.getElementType()),
          rank = type.getRank();
  SmallVector<int64_t> strides(rank, elementBytes), index(rank, 0);
  for (int64_t d = rank - 2; d >= 0; --d)
    strides[d] = strides[d + 1] * constant.getType().getDimSize(d + 1);
  int64_t offset = 0;
  for (int64_t d = 0; d < rank; ++d) {
    offset += slice.getStarts()[d] * strides[d];
    strides[d] *= slice.getSteps()[d];
  }
  SmallVector<char, 0> bytes(type.getNumElements() * elementBytes);
  for (size_t done = 0; done < bytes.size(); done += elementBytes) {
    std::memcpy(bytes.data() + done, input->data() + offset, elementBytes);
    for (int64_t d = rank - 1; d >= 0; --d) {
      offset += strides[d];
      if (++index[d] < type.getDimSize(d))
        break;
      offset -= strides[d] * type.getDimSize(d);
      index[d] = 0;
    }
  }
  auto attrType = RankedTensorType::get(type.getShape(), attr.getElementType());
  return ConstantOp::create(builder, constant.getLoc(), type,
                            createConstant(attrType, bytes));
}

Value mpc::createJoinedConstant(OpBuilder &builder, ConcatOp concat) {
  RankedTensorType type = concat.getType();
  if (!type.hasStaticShape() || type.getNumElements() == 0 ||
      isa<quant::QuantizedType>(type.getElementType()))
    return {};
  int64_t axis = concat.getAxis(), outer = 1;
  for (int64_t size : type.getShape().take_front(axis))
    outer *= size;
  SmallVector<std::vector<char>> storages(concat.getInputs().size());
  SmallVector<ArrayRef<char>> parts;
  for (auto [input, storage] : llvm::zip(concat.getInputs(), storages)) {
    auto constant = input.getDefiningOp<ConstantOp>();
    std::optional<ArrayRef<char>> bytes =
        constant ? getRawBytes(constant.getValue(), storage) : std::nullopt;
    if (!bytes || constant.getValue().getElementType() != type.getElementType())
      return {};
    parts.push_back(*bytes);
  }
  SmallVector<char, 0> bytes;
  for (int64_t row = 0; row < outer; ++row)
    for (ArrayRef<char> part : parts) {
      size_t size = part.size() / outer;
      bytes.append(part.begin() + row * size, part.begin() + (row + 1) * size);
    }
  return ConstantOp::create(builder, concat.getLoc(), type,
                            createConstant(type, bytes));
}
