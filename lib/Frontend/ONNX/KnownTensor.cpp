//===- KnownTensor.cpp - small tensors that import computes with
//-----------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KnownTensor.h"
#include "TensorData.h"
#include "llvm/ADT/APFloat.h"

using namespace mlir;
using namespace mpc;
using namespace mpc::frontend;

KnownTensor KnownTensor::makeInts(Type elementType, ArrayRef<int64_t> shape,
                                  ArrayRef<Size> ints) {
  KnownTensor result;
  result.elementType = elementType;
  result.shape.assign(shape.begin(), shape.end());
  result.ints.assign(ints.begin(), ints.end());
  return result;
}

KnownTensor KnownTensor::select(ArrayRef<int64_t> shape,
                                ArrayRef<int64_t> indices) const {
  KnownTensor result;
  result.elementType = elementType;
  result.shape.assign(shape.begin(), shape.end());
  for (int64_t index : indices) {
    if (isReal())
      result.reals.push_back(reals[index]);
    else
      result.ints.push_back(ints[index]);
  }
  return result;
}

std::optional<KnownTensor> KnownTensor::fromElements(ElementsAttr elements,
                                                     int64_t most) {
  auto type = cast<RankedTensorType>(elements.getShapedType());
  if (type.getNumElements() > most)
    return std::nullopt;
  FailureOr<std::vector<char>> bytes = getBytes(elements);
  if (failed(bytes))
    return std::nullopt;
  KnownTensor result;
  result.elementType = type.getElementType();
  result.shape = llvm::to_vector(type.getShape());
  int64_t width = getElementBytes(result.elementType);
  unsigned bits = result.elementType.getIntOrFloatBitWidth();
  for (const char *at = bytes->data(), *end = at + bytes->size(); at != end;
       at += width) {
    uint64_t raw = 0;
    memcpy(&raw, at, width);
    APInt value(bits, raw, /*isSigned=*/false, /*implicitTrunc=*/true);
    if (auto floatType = dyn_cast<FloatType>(result.elementType)) {
      APFloat real(floatType.getFloatSemantics(), value);
      bool losesInfo;
      real.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven,
                   &losesInfo);
      result.reals.push_back(real.convertToDouble());
      continue;
    }
    // i1 is a truth value; u64 past the signed range is no size of anything.
    bool isUnsigned = result.elementType.isUnsignedInteger() || bits == 1;
    if (isUnsigned && bits == 64 && value.isNegative())
      return std::nullopt;
    result.ints.push_back(Size::constant(
        isUnsigned ? int64_t(value.getZExtValue()) : value.getSExtValue()));
  }
  return result;
}

DenseElementsAttr KnownTensor::toElements() const {
  auto type = RankedTensorType::get(shape, elementType);
  if (auto floatType = dyn_cast<FloatType>(elementType)) {
    SmallVector<APFloat> values;
    for (double real : reals) {
      APFloat value(real);
      bool losesInfo;
      value.convert(floatType.getFloatSemantics(), APFloat::rmNearestTiesToEven,
                    &losesInfo);
      values.push_back(value);
    }
    return DenseElementsAttr::get(type, values);
  }
  SmallVector<APInt> values;
  for (Size size : ints)
    values.push_back(APInt(elementType.getIntOrFloatBitWidth(), size.offset,
                           /*isSigned=*/true, /*implicitTrunc=*/true));
  return DenseElementsAttr::get(type, values);
}
