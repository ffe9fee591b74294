//===- KnownTensor.h - small tensors that import computes with -*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Models compute shapes: `Reshape(x, Concat(Gather(Shape(x), 0), -1))`. The
// importer computes them too, on tensors whose integers may hold the batch, so
// that none of it is left in the module.
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_FRONTEND_ONNX_KNOWNTENSOR_H
#define MPC_LIB_FRONTEND_ONNX_KNOWNTENSOR_H

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"

namespace mpc::frontend {

/// Tensors with more elements are data, not shapes.
constexpr int64_t mostKnownElements = 1024;

/// The integer `batch * B + offset`, with B the symbolic batch.
struct Size {
  int64_t batch = 0;
  int64_t offset = 0;

  static Size constant(int64_t value) { return {0, value}; }
  static Size symbolicBatch() { return {1, 0}; }
  /// A size as types have it.
  static Size ofDim(int64_t dim) {
    return mlir::ShapedType::isDynamic(dim) ? symbolicBatch() : constant(dim);
  }

  bool isConstant() const { return batch == 0; }
  bool isBatch() const { return batch == 1 && offset == 0; }
  bool operator==(const Size &other) const {
    return batch == other.batch && offset == other.offset;
  }
};

/// A tensor of integers or booleans (`ints`) or of floating-point numbers
/// (`reals`, each one exactly a value of the element type).
struct KnownTensor {
  mlir::Type elementType;
  llvm::SmallVector<int64_t> shape;
  llvm::SmallVector<Size> ints;
  llvm::SmallVector<double> reals;

  bool isReal() const { return mlir::isa<mlir::FloatType>(elementType); }
  int64_t getNumElements() const {
    return isReal() ? reals.size() : ints.size();
  }
  int64_t getRank() const { return shape.size(); }
  /// No element depends on the batch.
  bool isConstant() const {
    return llvm::all_of(ints, [](Size s) { return s.isConstant(); });
  }

  static KnownTensor makeInts(mlir::Type elementType,
                              llvm::ArrayRef<int64_t> shape,
                              llvm::ArrayRef<Size> ints);
  /// A result with the element type and the elements `indices` of this one.
  KnownTensor select(llvm::ArrayRef<int64_t> shape,
                     llvm::ArrayRef<int64_t> indices) const;

  /// The constant that an attribute holds; none for one of more elements.
  static std::optional<KnownTensor>
  fromElements(mlir::ElementsAttr elements, int64_t most = mostKnownElements);
  /// The attribute; `isConstant()` is required.
  mlir::DenseElementsAttr toElements() const;
};

} // namespace mpc::frontend

#endif // MPC_LIB_FRONTEND_ONNX_KNOWNTENSOR_H
