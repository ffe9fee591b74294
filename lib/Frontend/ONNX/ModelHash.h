//===- ModelHash.h - identity of an ONNX model -----------------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_FRONTEND_ONNX_MODELHASH_H
#define MPC_LIB_FRONTEND_ONNX_MODELHASH_H

#include "TensorData.h"

namespace onnx {
class ModelProto;
} // namespace onnx

namespace mpc::frontend {

/// SHA-256, in hexadecimal, of the graph and the weights: documentation, the
/// producer and the way in which the file stores a tensor do not count. Empty
/// if a tensor cannot be read.
std::string hashModel(const onnx::ModelProto &model, ExternalData &externalData,
                      mlir::MLIRContext *context);

} // namespace mpc::frontend

#endif // MPC_LIB_FRONTEND_ONNX_MODELHASH_H
