//===- IntegerEpilogue.h - element-wise ops without floating point -*- C++
//-*-=//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What element-wise ops of a group compute, in integers of known scales:
//
//   clamps           bounds of the integers
//   homogeneous ops  both operands rescaled to i32 of one scale, then the op
//   products         of the integers; the scale is the product of the scales
//   functions of one number   a table of 256 bytes
//
// Every change of scale is an mpc.requantize of the profile.
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_TRANSFORMS_INTEGEREPILOGUE_H
#define MPC_LIB_TRANSFORMS_INTEGEREPILOGUE_H

#include "mpc/Dialect/MPC/MPCDialect.h"
#include <cmath>
#include <functional>
#include <optional>

namespace mpc {

/// scale * (q - zeroPoint) is at most `bound` in magnitude.
struct IntegerValue {
  mlir::Value value;
  double bound;
};

class IntegerEpilogue {
public:
  /// Brings a constant made by `make` into the body that is built.
  using ConstantBuilder = std::function<mlir::Value(mlir::RankedTensorType type,
                                                    mlir::ElementsAttr value)>;

  /// `leaves`: what the group's operands, and its root, have become.
  IntegerEpilogue(mlir::OpBuilder &body, Rounding rounding,
                  const llvm::DenseMap<mlir::Value, IntegerValue> &leaves,
                  ConstantBuilder addConstant)
      : body(body), rounding(rounding), leaves(leaves),
        addConstant(std::move(addConstant)) {}

  /// `value` in the integers of `type`, or null where that has no integer form;
  /// getProblem() says why.
  mlir::Value emit(mlir::Value value, mlir::quant::UniformQuantizedType type);
  /// `value` in 32 bits (bytes, where a table makes it), or null.
  mlir::Value emitAccurate(mlir::Value value);
  llvm::StringRef getProblem() const { return problem; }

private:
  using UniformType = mlir::quant::UniformQuantizedType;

  mlir::Value fail(const llvm::Twine &why);
  bool isConstant(mlir::Value value) const;
  const IntegerValue *getLeaf(mlir::Value value) const;
  std::optional<double> getBound(mlir::Value value);
  /// The integers of a leaf in another type.
  mlir::Value rescale(mlir::Value q, UniformType type, double low = -INFINITY,
                      double high = INFINITY);
  mlir::Value emitConstant(mlir::Value value, UniformType type);
  /// In `type`, an i32 that holds the bounds of everything below `value`.
  mlir::Value emitAt(mlir::Value value, UniformType type);
  /// In a type that the op suggests.
  std::optional<IntegerValue> emitWide(mlir::Value value);
  std::optional<IntegerValue> emitProduct(ElementwiseOpInterface op);
  /// At most 16 bits, for products.
  std::optional<IntegerValue> emitNarrow(mlir::Value value);
  mlir::Value emitTable(mlir::Value value, mlir::Value argument,
                        std::optional<UniformType> type);
  /// The value that `value` is a function of alone, to compute it by a table;
  /// null where no table should.
  mlir::Value getTableArgument(mlir::Value value);
  UniformType getWideType(ElementwiseOpInterface op, double bound);

  mlir::OpBuilder &body;
  Rounding rounding;
  const llvm::DenseMap<mlir::Value, IntegerValue> &leaves;
  ConstantBuilder addConstant;
  /// Tables inside of expressions, each made once.
  llvm::DenseMap<mlir::Value, IntegerValue> tables;
  std::string problem;
};

/// Bounds of a clamp behind `value`, and what is clamped.
mlir::Value peelClamps(mlir::Value value, double &low, double &high);

} // namespace mpc

#endif // MPC_LIB_TRANSFORMS_INTEGEREPILOGUE_H
