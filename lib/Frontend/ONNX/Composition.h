//===- Composition.h - what composed operators are made of -----*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Ops that operators of several families are composed of. As everywhere, null
// operands give null results.
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_FRONTEND_ONNX_COMPOSITION_H
#define MPC_LIB_FRONTEND_ONNX_COMPOSITION_H

#include "Folding.h"

namespace mpc::frontend {

inline mlir::RankedTensorType getTensorType(mlir::Value value) {
  return mlir::cast<mlir::RankedTensorType>(value.getType());
}

/// An operand that may be left out: null then.
mlir::Value getOptionalOperand(NodeContext &node, unsigned index);

/// A reduction of `input` over sorted `axes`.
mlir::Value createReduce(NodeContext &node, mlir::Value input, ReduceKind kind,
                         llvm::ArrayRef<int64_t> axes, bool keepDims);
/// A constant of `values` in a floating-point type. Null after an error where
/// the type is another one.
mlir::Value createReals(NodeContext &node, llvm::ArrayRef<int64_t> shape,
                        llvm::ArrayRef<double> values, mlir::Type elementType);
/// The most positions that are numbered: more are no sequence that a model has.
inline constexpr int64_t kMaxPositions = int64_t(1) << 24;
/// 0, 1, ..., size - 1 along dimension `axis` of a tensor of `rank` dimensions
/// whose other sizes are 1; i64. Null after an error where there are more than
/// kMaxPositions, or the size is unknown.
mlir::Value createPositions(NodeContext &node, int64_t size, int64_t axis,
                            int64_t rank);
mlir::Value createCompare(NodeContext &node, ComparePredicate predicate,
                          mlir::Value lhs, mlir::Value rhs);
mlir::Value createWhere(NodeContext &node, mlir::Value condition,
                        mlir::Value lhs, mlir::Value rhs);
/// The elements `start, start + step, ...` of `size` along `axis`.
mlir::Value createSlice(NodeContext &node, mlir::Value value, int64_t axis,
                        int64_t start, int64_t size, int64_t step = 1);
mlir::Value createConcat(NodeContext &node, mlir::ValueRange values,
                         int64_t axis);

} // namespace mpc::frontend

#endif // MPC_LIB_FRONTEND_ONNX_COMPOSITION_H
