//===- IntegerContractions.h - sums of integer products --------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Convolutions and matrix products of bytes with zero points of any kind, for
// kernels that multiply unsigned by signed bytes and know no zero points of
// weights:
//
//   sum (x - zx) * (w - zw)
//     = sum x * w - zx * sum w - zw * sum x + zx * zw * count
//
// where a signed x is taken as x + 128 with zx + 128, and an unsigned w as
// w - 128 with zw - 128. Sums are over the positions inside of the input. All
// of it is exact modulo 2^32.
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_FRONTEND_ONNX_INTEGERCONTRACTIONS_H
#define MPC_LIB_FRONTEND_ONNX_INTEGERCONTRACTIONS_H

#include "Quantization.h"
#include "Windows.h"

namespace mpc::frontend {

/// Bytes and their zero points.
struct IntegerOperand {
  mlir::Value value;
  /// The bytes, where they are known.
  mlir::ElementsAttr constant;
  /// The zero points, if they are known; else `zeroPoint`.
  llvm::SmallVector<int64_t> zeros;
  mlir::Value zeroPoint;
  llvm::SmallVector<int64_t> zeroShape;

  /// Reads inputs of the node; reports elements that are no bytes.
  static IntegerOperand read(NodeContext &node, unsigned index,
                             unsigned zeroPointIndex);
  mlir::RankedTensorType getType() const;
  bool isSigned() const;
};

/// One convolution or matrix product of two such operands.
class IntegerContraction {
public:
  static IntegerContraction makeConv(NodeContext &node, IntegerOperand input,
                                     IntegerOperand weight, Windows windows,
                                     int64_t groups);
  /// Vectors and transposed operands are the caller's matter.
  static IntegerContraction makeMatMul(NodeContext &node, IntegerOperand lhs,
                                       IntegerOperand rhs);

  /// The sum in a quantized type whose scale is that of the operands, with the
  /// constant `bias`, if kernels can compute it so: constant weights without
  /// zero points, one known zero point of the input. Null otherwise.
  mlir::Value createTyped(float lhsScale, llvm::ArrayRef<float> rhsScales,
                          llvm::ArrayRef<int64_t> bias);
  /// The sum as i32, of anything.
  mlir::Value createI32();

  /// A parameter per channel (or row) in a shape that broadcasts to the result.
  mlir::Value expandLhs(mlir::Value parameter);
  mlir::Value expandRhs(mlir::Value parameter);
  int64_t getNumChannels() const;

private:
  IntegerContraction(NodeContext &node, IntegerOperand lhs, IntegerOperand rhs)
      : node(node), lhs(std::move(lhs)), rhs(std::move(rhs)) {}

  bool isConv() const { return windows.has_value(); }
  void inferShape();
  std::optional<std::vector<int64_t>> getPlainWeights();
  mlir::Value createProduct(mlir::Value x, mlir::Value w, mlir::Type sumType,
                            mlir::Value bias,
                            llvm::ArrayRef<int64_t> resultShape);
  mlir::Value createUnitProduct(mlir::Value x, mlir::Value w,
                                llvm::ArrayRef<int64_t> resultShape);
  mlir::Value createZeroPoint(const IntegerOperand &operand, int64_t offset,
                              bool isLhs);
  mlir::Value createInputSums(mlir::Value x);
  mlir::Value createWeightSums(mlir::Value w, int64_t offset);
  mlir::Value createCounts();
  mlir::Value createSumsOfTaps(llvm::ArrayRef<int64_t> taps, int64_t channels);
  mlir::Value createI32Constant(llvm::ArrayRef<int64_t> shape,
                                llvm::ArrayRef<int64_t> values);

  NodeContext &node;
  IntegerOperand lhs, rhs;
  std::optional<Windows> windows;
  int64_t groups = 1;
  llvm::SmallVector<int64_t> shape; // of the result
};

} // namespace mpc::frontend

#endif // MPC_LIB_FRONTEND_ONNX_INTEGERCONTRACTIONS_H
