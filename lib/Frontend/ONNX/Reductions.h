//===- Reductions.h - sums that several families use -----------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_FRONTEND_ONNX_REDUCTIONS_H
#define MPC_LIB_FRONTEND_ONNX_REDUCTIONS_H

#include "Folding.h"

namespace mpc::frontend {

/// A reduction of `input` over sorted `axes`.
mlir::Value createReduce(NodeContext &node, mlir::Value input, ReduceKind kind,
                         llvm::ArrayRef<int64_t> axes, bool keepDims);

} // namespace mpc::frontend

#endif // MPC_LIB_FRONTEND_ONNX_REDUCTIONS_H
