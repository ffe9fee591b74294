//===- Constants.cpp - weights in the form that kernels read --------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpc/Dialect/MPC/Constants.h"
#include "GroupLowering.h"
#include "mlir/IR/DialectResourceBlobManager.h"

using namespace mlir;
using namespace mpc;
using namespace mpc::lowering;

ElementsAttr mpc::lowering::retypeConstant(ElementsAttr constant,
                                           RankedTensorType type) {
  if (constant.getShapedType() == type)
    return constant;
  // What has fewer bits than a byte is a byte in memory.
  if (Type element = constant.getElementType();
      isStorageOnly(element) && element.getIntOrFloatBitWidth() < 8) {
    if (std::optional<std::vector<int64_t>> values = getIntValues(constant))
      return createIntConstant(type, *values);
    std::vector<char> storage;
    std::optional<ArrayRef<char>> bytes = getRawBytes(constant, storage);
    return bytes ? createConstant(type, *bytes) : constant;
  }
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(constant))
    return DenseResourceElementsAttr::get(type, resource.getRawHandle());
  if (auto dense = dyn_cast<DenseElementsAttr>(constant))
    return dense
        .reshape(RankedTensorType::get(type.getShape(), dense.getElementType()))
        .bitcast(type.getElementType());
  return constant;
}

ElementsAttr mpc::lowering::transposeConstant(ElementsAttr constant,
                                              ArrayRef<int64_t> perm) {
  std::vector<char> storage;
  std::optional<ArrayRef<char>> bytes = getRawBytes(constant, storage);
  if (!bytes)
    return nullptr;
  ShapedType type = constant.getShapedType();
  ArrayRef<int64_t> shape = type.getShape();
  size_t width = llvm::divideCeil(type.getElementTypeBitWidth(), 8),
         rank = perm.size();

  SmallVector<int64_t> strides(rank, 1), resultShape(rank), resultStrides(rank);
  for (size_t d = rank; d-- > 1;)
    strides[d - 1] = strides[d] * shape[d];
  for (size_t d = 0; d < rank; ++d) {
    resultShape[d] = shape[perm[d]];
    resultStrides[d] = strides[perm[d]];
  }

  std::vector<char> result(bytes->size());
  SmallVector<int64_t> position(rank, 0);
  int64_t source = 0;
  for (size_t offset = 0; offset < result.size(); offset += width) {
    memcpy(result.data() + offset, bytes->data() + source * width, width);
    for (size_t d = rank; d-- > 0;) {
      source += resultStrides[d];
      if (++position[d] < resultShape[d])
        break;
      source -= resultStrides[d] * resultShape[d];
      position[d] = 0;
    }
  }
  return createConstant(
      RankedTensorType::get(resultShape, type.getElementType()), result);
}
