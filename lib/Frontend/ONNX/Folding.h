//===- Folding.h - computing with known tensors ----------------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the fold functions of several operator families share. A fold never
// reports an error: where it cannot compute, the node is imported as ops, whose
// verifiers have the better words.
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_FRONTEND_ONNX_FOLDING_H
#define MPC_LIB_FRONTEND_ONNX_FOLDING_H

#include "Importer.h"

namespace mpc::frontend {

/// An integer that fits in `elementType`, or nothing: fold functions do not
/// wrap around.
std::optional<Size> checked(Size value, mlir::Type elementType);
std::optional<Size> addSizes(Size lhs, Size rhs);
std::optional<Size> subSizes(Size lhs, Size rhs);
std::optional<Size> mulSizes(Size lhs, Size rhs);
/// Exact or constant division, towards zero.
std::optional<Size> divSizes(Size lhs, Size rhs);

/// A constant of floating-point elements.
mlir::ElementsAttr makeReals(mlir::RankedTensorType type,
                             llvm::ArrayRef<double> values);

/// `value` rounded to the element type.
double roundTo(double value, mlir::Type elementType);

/// The shape that NumPy's broadcast gives.
std::optional<llvm::SmallVector<int64_t>>
broadcastShapes(llvm::ArrayRef<int64_t> lhs, llvm::ArrayRef<int64_t> rhs);

/// Index of the element of a `shape` that stands at `index` of `result`, to
/// which `shape` broadcasts.
int64_t broadcastIndex(llvm::ArrayRef<int64_t> shape,
                       llvm::ArrayRef<int64_t> result, int64_t index);

int64_t product(llvm::ArrayRef<int64_t> shape);

/// Row-major strides of a static shape.
llvm::SmallVector<int64_t> getStrides(llvm::ArrayRef<int64_t> shape);

/// Calls `callback` with the coordinates of each element in row-major order.
void forEachElement(llvm::ArrayRef<int64_t> shape,
                    llvm::function_ref<void(llvm::ArrayRef<int64_t>)> callback);

} // namespace mpc::frontend

#endif // MPC_LIB_FRONTEND_ONNX_FOLDING_H
