//===- Quantization.h - scales and zero points of ONNX nodes ---*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// ONNX's quantized operators take integer tensors beside their scales and zero
// points. Where those are constants, the integers get a quantized type and what
// is computed with them is left to later passes; where they are not, or the
// type cannot say them (blocks, 8-bit floats), they are ordinary operands of
// ordinary arithmetic.
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_FRONTEND_ONNX_QUANTIZATION_H
#define MPC_LIB_FRONTEND_ONNX_QUANTIZATION_H

#include "Importer.h"

namespace mpc::frontend {

/// The contents of an input, if they are known at import, however large.
mlir::ElementsAttr getConstantInput(NodeContext &node, unsigned index);

/// A scale and a zero point among the inputs of a node.
class QuantInputs {
public:
  /// Reports scales that are no positive numbers. The zero point may be absent.
  QuantInputs(NodeContext &node, unsigned scale, unsigned zeroPoint);

  /// One scale and one zero point for the whole tensor.
  bool isPerTensor() const { return count == 1; }
  /// The element type of the scale.
  mlir::Type getScaleType() const { return scaleType; }
  /// The element type of the zero point, or null.
  mlir::Type getZeroPointType() const { return zeroPointType; }
  llvm::ArrayRef<int64_t> getShape() const { return shape; }

  /// As f32; empty where they are not known.
  llvm::ArrayRef<float> getScales() const { return scales; }
  /// As many as scales, or one; empty where they are not known.
  llvm::ArrayRef<int64_t> getZeroPoints() const { return zeroPoints; }
  bool isZeroPointZero() const {
    return !zeroPoints.empty() &&
           llvm::all_of(zeroPoints, [](int64_t zero) { return zero == 0; });
  }

  /// The quantized type of integers `element`; null where the parameters are
  /// not known, or not of one kind that types have. `axis` is that of
  /// parameters per channel, of which there have to be `channels`.
  mlir::quant::QuantizedType getType(mlir::Type element, int64_t axis,
                                     int64_t channels) const;

  /// Scale in f32, and zero point in `element` (null where there is none), as
  /// values.
  mlir::Value getScale() const;
  mlir::Value getZeroPoint(mlir::Type element) const;

private:
  void read();

  NodeContext &node;
  unsigned scaleIndex, zeroPointIndex;
  int64_t count = 0;
  llvm::SmallVector<int64_t> shape;
  mlir::Type scaleType, zeroPointType;
  llvm::SmallVector<float> scales;
  llvm::SmallVector<int64_t> zeroPoints;
};

/// Where parameters lie: along an axis, in blocks if `blockSize` is not 0.
struct QuantAxis {
  int64_t axis = 0, blockSize = 0;
};

/// Input `index` in the quantized type that stands for it; constants are
/// quantized constants.
mlir::Value getQuantizedOperand(NodeContext &node, unsigned index,
                                mlir::quant::QuantizedType type);

/// The integers of a quantized value as the model's.
mlir::Value createIntegers(NodeContext &node, mlir::Value quantized);

/// Integers of the model as values of `type`, which has their storage.
mlir::Value createStorageCast(NodeContext &node, mlir::Value integers,
                              mlir::quant::QuantizedType type);

/// (x - z) * s of input `index`, in f32.
mlir::Value createDequantize(NodeContext &node, unsigned index,
                             const QuantInputs &params, QuantAxis axis = {});

/// What QuantizeLinear can be told beside the element type.
struct QuantizeOptions {
  QuantAxis axis;
  bool saturate = true;
  /// What the quotient is rounded to, if not f32.
  mlir::Type precision;
};
/// clamp(round(x / s) + z), as integers (or 8-bit floats) `element`.
mlir::Value createQuantize(NodeContext &node, mlir::Value x,
                           const QuantInputs &params, mlir::Type element,
                           const QuantizeOptions &options = {});

/// round(x) + z clamped to `element`, of an f32 `x`; `zeroPoint` is f32 or
/// null.
mlir::Value createRoundAndClamp(NodeContext &node, mlir::Value x,
                                mlir::Value zeroPoint, mlir::Type element);

/// 8-bit, 4-bit or 16-bit integers that operators quantize to.
bool isQuantizedInteger(mlir::Type element);

/// What DynamicQuantizeLinear makes of an f32 value: u8, scale, zero point.
struct DynamicallyQuantized {
  mlir::Value integers, scale, zeroPoint;
};
DynamicallyQuantized createDynamicQuantize(NodeContext &node, mlir::Value x);

} // namespace mpc::frontend

#endif // MPC_LIB_FRONTEND_ONNX_QUANTIZATION_H
