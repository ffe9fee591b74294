//===- Constants.h - values known at compile time --------------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reads and makes the data of `mpc.constant`: dense attributes for a few
// elements, `dense_resource` for weights. Data are row-major and little-endian;
// an i1 takes a byte. Nothing here modifies a blob, and blobs that are equal
// are stored once per context.
//
//===----------------------------------------------------------------------===//

#ifndef MPC_DIALECT_MPC_CONSTANTS_H
#define MPC_DIALECT_MPC_CONSTANTS_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"

namespace mpc {

/// The value of a constant, or null: of an op that is ConstantLike, or of the
/// block argument of an `mpc.group` whose operand is constant.
mlir::ElementsAttr getConstantValue(mlir::Value value);

/// Whether the value is known at compile time: constant as in getConstantValue,
/// or made from such a value by mpc ops with one operand (reshape, transpose,
/// dequantize …) or by dequantize_blocks.
bool isWeight(mlir::Value value);

/// The elements' bytes; `storage` backs them where the attribute has none of
/// its own (a splat). Nothing for an elided resource, a resource of the wrong
/// size, and element types that are neither integers nor floats.
std::optional<llvm::ArrayRef<char>> getRawBytes(mlir::ElementsAttr value,
                                                std::vector<char> &storage);

/// The elements as f32 (f64 and integers are rounded), or nothing as above.
std::optional<std::vector<float>> getFloatValues(mlir::ElementsAttr value);
/// The elements of an integer type, zero-extended where it is unsigned or i1,
/// else sign-extended; nothing for other types.
std::optional<std::vector<int64_t>> getIntValues(mlir::ElementsAttr value);
/// The only value of all elements, as f64; nothing where they differ or there
/// are none.
std::optional<double> getSplatValue(mlir::ElementsAttr value);

/// A constant of `type` (ranked, static, integer or float elements) from raw
/// bytes: a dense attribute up to 16 elements, else a `dense_resource` aligned
/// to 64 bytes, whose name is `hint` and a hash of the content, so that it does
/// not depend on when or by which thread it was made.
mlir::ElementsAttr createConstant(mlir::RankedTensorType type,
                                  llvm::ArrayRef<char> bytes,
                                  llvm::StringRef hint = "weights");
/// The same from numbers, which are rounded to the element type (to nearest,
/// ties to even; integers saturate).
mlir::ElementsAttr createFloatConstant(mlir::RankedTensorType type,
                                       llvm::ArrayRef<float> values,
                                       llvm::StringRef hint = "weights");
mlir::ElementsAttr createIntConstant(mlir::RankedTensorType type,
                                     llvm::ArrayRef<int64_t> values,
                                     llvm::StringRef hint = "weights");

} // namespace mpc

#endif // MPC_DIALECT_MPC_CONSTANTS_H
