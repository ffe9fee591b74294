//===- Folding.cpp - computing with known tensors
//--------------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Folding.h"
#include "mpc/Dialect/MPC/Constants.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/Support/CheckedArithmetic.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mpc;
using namespace mpc::frontend;

std::optional<Size> frontend::checked(Size value, Type elementType) {
  if (!value.isConstant())
    return value;
  unsigned bits = elementType.getIntOrFloatBitWidth();
  bool isUnsigned = elementType.isUnsignedInteger() || bits == 1;
  bool fits = isUnsigned ? value.offset >= 0 &&
                               (bits == 64 || llvm::isUIntN(bits, value.offset))
                         : llvm::isIntN(bits, value.offset);
  return fits ? std::optional<Size>(value) : std::nullopt;
}

static std::optional<Size> make(std::optional<int64_t> batch,
                                std::optional<int64_t> offset) {
  if (!batch || !offset)
    return std::nullopt;
  return Size{*batch, *offset};
}

std::optional<Size> frontend::addSizes(Size lhs, Size rhs) {
  return make(llvm::checkedAdd(lhs.batch, rhs.batch),
              llvm::checkedAdd(lhs.offset, rhs.offset));
}

std::optional<Size> frontend::subSizes(Size lhs, Size rhs) {
  return make(llvm::checkedSub(lhs.batch, rhs.batch),
              llvm::checkedSub(lhs.offset, rhs.offset));
}

std::optional<Size> frontend::mulSizes(Size lhs, Size rhs) {
  if (!lhs.isConstant())
    std::swap(lhs, rhs);
  if (!lhs.isConstant())
    return std::nullopt;
  return make(llvm::checkedMul(lhs.offset, rhs.batch),
              llvm::checkedMul(lhs.offset, rhs.offset));
}

std::optional<Size> frontend::divSizes(Size lhs, Size rhs) {
  if (!rhs.isConstant() || rhs.offset == 0)
    return lhs == rhs && !rhs.isConstant()
               ? std::optional<Size>(Size::constant(1))
               : std::nullopt;
  // The one quotient of two 64-bit integers that is none.
  if (rhs.offset == -1 && (lhs.offset == INT64_MIN || lhs.batch == INT64_MIN))
    return std::nullopt;
  if (!lhs.isConstant() &&
      (lhs.batch % rhs.offset != 0 || lhs.offset % rhs.offset != 0))
    return std::nullopt;
  return Size{lhs.batch / rhs.offset, lhs.offset / rhs.offset};
}

double frontend::roundTo(double value, Type elementType) {
  APFloat rounded(value);
  bool losesInfo;
  rounded.convert(cast<FloatType>(elementType).getFloatSemantics(),
                  APFloat::rmNearestTiesToEven, &losesInfo);
  rounded.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven,
                  &losesInfo);
  return rounded.convertToDouble();
}

std::optional<SmallVector<int64_t>>
frontend::broadcastShapes(ArrayRef<int64_t> lhs, ArrayRef<int64_t> rhs) {
  if (lhs.size() < rhs.size())
    std::swap(lhs, rhs);
  SmallVector<int64_t> result(lhs);
  for (auto [size, other] :
       llvm::zip(MutableArrayRef<int64_t>(result).take_back(rhs.size()), rhs)) {
    if (size == 1)
      size = other;
    else if (other != 1 && other != size)
      return std::nullopt;
  }
  return result;
}

int64_t frontend::broadcastIndex(ArrayRef<int64_t> shape,
                                 ArrayRef<int64_t> result, int64_t index) {
  int64_t at = 0, stride = 1;
  for (size_t i = 0; i < result.size(); ++i) {
    int64_t size = result[result.size() - 1 - i];
    int64_t coordinate = index % size;
    index /= size;
    if (i >= shape.size())
      continue;
    int64_t own = shape[shape.size() - 1 - i];
    at += own == 1 ? 0 : coordinate * stride;
    stride *= own;
  }
  return at;
}

int64_t frontend::product(ArrayRef<int64_t> shape) {
  int64_t result = 1;
  for (int64_t size : shape)
    result *= size;
  return result;
}

SmallVector<int64_t> frontend::getStrides(ArrayRef<int64_t> shape) {
  SmallVector<int64_t> strides(shape.size(), 1);
  for (int64_t i = static_cast<int64_t>(shape.size()) - 2; i >= 0; --i)
    strides[i] = strides[i + 1] * shape[i + 1];
  return strides;
}

void frontend::forEachElement(ArrayRef<int64_t> shape,
                              function_ref<void(ArrayRef<int64_t>)> callback) {
  if (llvm::is_contained(shape, 0))
    return;
  SmallVector<int64_t> at(shape.size(), 0);
  while (true) {
    callback(at);
    int64_t dim = static_cast<int64_t>(shape.size()) - 1;
    while (dim >= 0 && ++at[dim] == shape[dim])
      at[dim--] = 0;
    if (dim < 0)
      return;
  }
}

ElementsAttr frontend::makeReals(RankedTensorType type,
                                 ArrayRef<double> values) {
  if (type.getElementType().isF64())
    return createConstant(
        type, ArrayRef(reinterpret_cast<const char *>(values.data()),
                       values.size() * sizeof(double)));
  std::vector<float> floats(values.begin(), values.end());
  return createFloatConstant(type, floats);
}
