//===- Windows.h - sliding windows of ONNX operators -----------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_FRONTEND_ONNX_WINDOWS_H
#define MPC_LIB_FRONTEND_ONNX_WINDOWS_H

#include "Importer.h"

namespace mpc::frontend {

/// What convolution and pooling say about their windows, with auto_pad and
/// ceil_mode resolved into explicit padding.
struct Windows {
  llvm::SmallVector<int64_t> kernel, strides, dilations;
  /// All begins, then all ends.
  llvm::SmallVector<int64_t> pads;
  /// What ceil_mode alone added to `pads`.
  llvm::SmallVector<int64_t> ceilExtra;
};

/// Reads the attributes of a node whose input 0 is the activation, N C
/// spatial.... Without `kernel` the attribute kernel_shape is required; with
/// it, the attribute has to agree. Nothing after an error.
std::optional<Windows>
readWindows(NodeContext &node,
            std::optional<llvm::ArrayRef<int64_t>> kernel = std::nullopt);

} // namespace mpc::frontend

#endif // MPC_LIB_FRONTEND_ONNX_WINDOWS_H
