//===- ModelInputs.h - types of a model's inputs ---------------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_FRONTEND_ONNX_MODELINPUTS_H
#define MPC_LIB_FRONTEND_ONNX_MODELINPUTS_H

#include "TensorData.h"

namespace onnx {
class GraphProto;
class ValueInfoProto;
} // namespace onnx

namespace mpc::frontend {

struct ModelInput {
  std::string name;
  mlir::RankedTensorType type;
  /// Contents where an option binds the input; null for a real input.
  const BoundTensor *binding = nullptr;
};

/// The inputs that are no initialisers, with the sizes that options give. A
/// size that stays symbolic is the batch: it stands first in some input, or the
/// model has no other symbol. Any other symbolic size is an error that names
/// the input and --shape.
llvm::FailureOr<llvm::SmallVector<ModelInput>>
resolveInputs(const onnx::GraphProto &graph, const ImportOptions &options,
              mlir::MLIRContext *context, Diagnostics &diagnostics);

/// What a model declares an output to be, as far as it says: a null element
/// type or no sizes where it does not.
struct DeclaredType {
  mlir::Type elementType;
  std::optional<llvm::SmallVector<int64_t>> shape;
};
llvm::FailureOr<DeclaredType> getDeclaredType(const onnx::ValueInfoProto &value,
                                              llvm::StringRef what,
                                              mlir::MLIRContext *context,
                                              Diagnostics &diagnostics);

} // namespace mpc::frontend

#endif // MPC_LIB_FRONTEND_ONNX_MODELINPUTS_H
