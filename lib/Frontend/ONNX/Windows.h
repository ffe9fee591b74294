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

/// Windows beyond this are no one's; within it, 64-bit sums cannot overflow.
constexpr int64_t mostExtent = std::numeric_limits<int32_t>::max();

/// A list with one entry per spatial dimension, all equal to `defaultValue`
/// where the attribute is absent; nothing after an error.
std::optional<llvm::SmallVector<int64_t>>
readExtents(NodeContext &node, llvm::StringRef name, size_t count,
            int64_t least, int64_t defaultValue);

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
