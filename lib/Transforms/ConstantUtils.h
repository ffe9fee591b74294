//===- ConstantUtils.h - computing with weights at compile time -*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the graph passes do to constants: permute, reshape, and recompute in
// double precision with one rounding at the end. Values that a function cannot
// handle (elements that are not whole bytes, quantized elements where real
// numbers are asked for) give null or std::nullopt, never an assertion.
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_TRANSFORMS_CONSTANTUTILS_H
#define MPC_LIB_TRANSFORMS_CONSTANTUTILS_H

#include "mpc/Dialect/MPC/MPCDialect.h"

namespace mpc {

/// The elements of a constant of floating-point or integer type as doubles,
/// splats expanded; std::nullopt where `value` is no such constant or an
/// integer does not fit a double exactly.
std::optional<llvm::SmallVector<double>> getConstantValues(mlir::Value value);

/// The one value that all elements of a constant have, if there is one.
std::optional<double> getSplatValue(mlir::Value value);

/// Whether every value stays finite when it is rounded to the floating-point
/// type `type`.
bool fitsFiniteIn(llvm::ArrayRef<double> values, mlir::Type type);

/// A constant of a floating-point type; each value is rounded to it once, ties
/// to even.
mlir::Value createFloatConstant(mlir::OpBuilder &builder, mlir::Location loc,
                                mlir::RankedTensorType type,
                                llvm::ArrayRef<double> values);

/// The constant with its dimensions permuted as by mpc.transpose, or null.
mlir::Value createTransposedConstant(mlir::OpBuilder &builder,
                                     ConstantOp constant,
                                     llvm::ArrayRef<int64_t> perm);

/// The constant's elements under another static shape (the data are shared, not
/// copied), or null.
mlir::Value createReshapedConstant(mlir::OpBuilder &builder,
                                   ConstantOp constant,
                                   llvm::ArrayRef<int64_t> shape);

/// The box of the constant that mpc.slice takes, or null.
mlir::Value createSlicedConstant(mlir::OpBuilder &builder, ConstantOp constant,
                                 SliceOp slice);

/// The constants one after the other along an axis, as mpc.concat joins them,
/// or null.
mlir::Value createJoinedConstant(mlir::OpBuilder &builder, ConcatOp concat);

/// `type` with dimension d taken from dimension perm[d]; a per-axis quantized
/// element type moves its axis along.
mlir::RankedTensorType getPermutedType(mlir::RankedTensorType type,
                                       llvm::ArrayRef<int64_t> perm);

} // namespace mpc

#endif // MPC_LIB_TRANSFORMS_CONSTANTUTILS_H
