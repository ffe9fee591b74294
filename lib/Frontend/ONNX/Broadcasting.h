//===- Broadcasting.h - operands of binary operators -----------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Since opset 7 binary operators broadcast as NumPy does. Before, the second
// operand broadcasts to the first where the attribute `broadcast` says so: its
// dimensions are those from the attribute `axis` on, or the last ones.
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_FRONTEND_ONNX_BROADCASTING_H
#define MPC_LIB_FRONTEND_ONNX_BROADCASTING_H

#include "Importer.h"

namespace mpc::frontend {

/// The two operands in shapes that broadcast as in NumPy; nulls after an error.
std::pair<mlir::Value, mlir::Value> getBinaryOperands(NodeContext &node);

/// Whether what is known of the operands broadcasts as in NumPy.
bool broadcastsAsNumPy(NodeContext &node);

/// `value`, of the shape of `input` from `axis` on, as it broadcasts to `input`
/// by NumPy's rules. Null after an error.
mlir::Value alignAtAxis(NodeContext &node, mlir::Value value,
                        mlir::RankedTensorType input, int64_t axis);

} // namespace mpc::frontend

#endif // MPC_LIB_FRONTEND_ONNX_BROADCASTING_H
