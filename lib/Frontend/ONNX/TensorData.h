//===- TensorData.h - contents of ONNX tensors -----------------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Element types, and the contents of a TensorProto wherever it keeps them: raw
// bytes, typed fields, or a file beside the model.
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_FRONTEND_ONNX_TENSORDATA_H
#define MPC_LIB_FRONTEND_ONNX_TENSORDATA_H

#include "Diagnostics.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"

namespace onnx {
class TensorProto;
} // namespace onnx

namespace mpc::frontend {

/// No tensor of a model may have more elements, so that sizes in bytes and
/// sums of a few sizes stay within 64 bits.
constexpr int64_t mostElements = int64_t(1) << 46;

/// The type of elements, or null for those that have none here.
mlir::Type getElementType(int32_t dataType, mlir::MLIRContext *context);
/// ONNX's name of an element type, or its number.
std::string getDataTypeName(int32_t dataType);
/// Bytes of one element outside of packed forms.
int64_t getElementBytes(mlir::Type elementType);

/// The number of elements of a static shape; failure if a size is negative or
/// there are more than mostElements.
llvm::FailureOr<int64_t> countElements(llvm::ArrayRef<int64_t> shape);

/// Where the files of external data may be.
class ExternalData {
public:
  explicit ExternalData(llvm::StringRef modelPath);

  /// Reads `length` bytes at `offset`; a negative length means all that follow.
  /// The file must lie inside the model's folder once links are resolved.
  llvm::LogicalResult
  read(llvm::StringRef location, int64_t offset, int64_t length,
       std::vector<char> &bytes,
       llvm::function_ref<llvm::LogicalResult(const llvm::Twine &)> onError);

private:
  std::string folder;
};

/// A tensor's type and its elements as bytes, little-endian, row-major, one
/// byte per boolean.
struct TensorData {
  mlir::RankedTensorType type;
  std::vector<char> bytes;
};

/// Decodes a tensor. `what` names it in errors: "tensor 'w'".
llvm::FailureOr<TensorData> readTensor(const onnx::TensorProto &tensor,
                                       const llvm::Twine &what,
                                       ExternalData &externalData,
                                       mlir::MLIRContext *context,
                                       Diagnostics &diagnostics);

/// A constant of `data`: a resource named `name` where it is large, so that it
/// never travels as text, and a dense attribute where it is small.
mlir::ElementsAttr makeElements(const TensorData &data, llvm::StringRef name);

/// The bytes of a constant as TensorData has them; splats are repeated.
llvm::FailureOr<std::vector<char>> getBytes(mlir::ElementsAttr elements);

/// The same elements under another shape of as many.
mlir::ElementsAttr reshapeElements(mlir::ElementsAttr elements,
                                   llvm::ArrayRef<int64_t> shape);

} // namespace mpc::frontend

#endif // MPC_LIB_FRONTEND_ONNX_TENSORDATA_H
