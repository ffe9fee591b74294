//===- Elementwise.cpp - expressions of elementwise ops -------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Elementwise ops bring their own scalar body. Between the ops of one group,
// f16 and bf16 values stay f32: they are rounded when they are stored, or where
// a cast says so.
//
//===----------------------------------------------------------------------===//

#include "GroupLowering.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mpc/Support/QuantMath.h"

using namespace mlir;
using namespace mpc;
using namespace mpc::lowering;

/// The body of an elementwise op on scalars in their compute types.
static Value buildBody(ElementwiseOpInterface op, OpBuilder &builder,
                       Location loc, ValueRange scalars) {
  Value result = op.buildScalarBody(builder, loc, scalars);
  return convertFloat(builder, loc, result, getComputeType(result.getType()));
}

/// A clamp of integers at the quantized bounds: exact, since quantization is
/// monotonic.
static Value buildQuantizedClamp(OpBuilder &builder, Location loc, Value q,
                                 int64_t low, int64_t high, bool isUnsigned) {
  auto constant = [&](int64_t value) {
    return arith::ConstantOp::create(
        builder, loc,
        builder.getIntegerAttr(
            q.getType(),
            APInt(64, value, true).trunc(q.getType().getIntOrFloatBitWidth())));
  };
  if (isUnsigned) {
    q = arith::MaxUIOp::create(builder, loc, q, constant(low));
    return arith::MinUIOp::create(builder, loc, q, constant(high));
  }
  q = arith::MaxSIOp::create(builder, loc, q, constant(low));
  return arith::MinSIOp::create(builder, loc, q, constant(high));
}

/// The bounds of a clamp in storage integers, if every channel has the same.
static std::optional<std::pair<int64_t, int64_t>>
getQuantizedBounds(ElementwiseOpInterface op, quant::QuantizedType type) {
  auto [min, max] = op.getClampBounds();
  std::optional<std::pair<int64_t, int64_t>> bounds;
  SmallVector<float> scales = getScales(type);
  SmallVector<int64_t> zeroPoints = getZeroPoints(type);
  for (auto [scale, zeroPoint] : llvm::zip_equal(scales, zeroPoints)) {
    QuantParams params{scale, static_cast<int32_t>(zeroPoint),
                       static_cast<int32_t>(type.getStorageTypeMin()),
                       static_cast<int32_t>(type.getStorageTypeMax())};
    std::pair<int64_t, int64_t> channel(
        std::isinf(min) ? params.qmin : quantize(min, params),
        std::isinf(max) ? params.qmax : quantize(max, params));
    if (bounds && *bounds != channel)
      return std::nullopt;
    bounds = channel;
  }
  return bounds;
}

/// What an addition of bytes with one scale each multiplies and adds; nothing
/// for other ops and types.
static std::optional<QuantizedAddition>
getQuantizedAddition(ElementwiseOpInterface op) {
  if (!isa<AddOp>(op.getOperation()))
    return std::nullopt;
  SmallVector<QuantParams> params;
  for (Value value :
       {op->getOperand(0), op->getOperand(1), Value(op->getResult(0))}) {
    auto type = dyn_cast<quant::UniformQuantizedType>(
        cast<RankedTensorType>(value.getType()).getElementType());
    if (!type || type.getStorageTypeIntegralWidth() != 8)
      return std::nullopt;
    params.push_back({getScales(type).front(),
                      static_cast<int32_t>(type.getZeroPoint()),
                      static_cast<int32_t>(type.getStorageTypeMin()),
                      static_cast<int32_t>(type.getStorageTypeMax())});
  }
  return QuantizedAddition(params[0], params[1], params[2]);
}

/// The sum of two bytes, rescaled at once (QuantizedAddition).
static Value buildQuantizedAddition(OpBuilder &builder, Location loc,
                                    ValueRange bytes,
                                    ArrayRef<bool> areUnsigned,
                                    const QuantizedAddition &addition) {
  Type f32 = builder.getF32Type(), i32 = builder.getI32Type();
  auto real = [&](unsigned i) -> Value {
    Value wide =
        areUnsigned[i]
            ? arith::ExtUIOp::create(builder, loc, i32, bytes[i]).getResult()
            : arith::ExtSIOp::create(builder, loc, i32, bytes[i]).getResult();
    return arith::SIToFPOp::create(builder, loc, f32, wide);
  };
  Value sum = math::FmaOp::create(
      builder, loc, real(1), createFloat(builder, loc, addition.rhsFactor, f32),
      createFloat(builder, loc, addition.constant, f32));
  sum = math::FmaOp::create(builder, loc, real(0),
                            createFloat(builder, loc, addition.lhsFactor, f32),
                            sum);
  // The bounds are integers: rounding last gives the same.
  Value q = clampFloat(builder, loc, sum, addition.low, addition.high);
  q = math::RoundEvenOp::create(builder, loc, q);
  q = arith::FPToSIOp::create(builder, loc, i32, q);
  return arith::TruncIOp::create(builder, loc, builder.getI8Type(), q);
}

FailureOr<Node> GroupLowering::expressElementwise(ElementwiseOpInterface op,
                                                  AffineMap index,
                                                  Expression &expression) {
  Location loc = op.getLoc();
  auto resultType = cast<RankedTensorType>(op->getResult(0).getType());
  auto quantizedResult =
      dyn_cast<quant::QuantizedType>(resultType.getElementType());

  SmallVector<Node> operands;
  SmallVector<AffineMap> indices;
  for (Value operand : op->getOperands()) {
    auto type = cast<RankedTensorType>(operand.getType());
    indices.push_back(
        getBroadcastIndex(type.getShape(), resultType.getShape(), index));
    FailureOr<Node> node = express(operand, indices.back(), expression);
    if (failed(node))
      return failure();
    operands.push_back(*node);
  }

  // A clamp of quantized values is a clamp of integers.
  if (quantizedResult && op.isClamp() && op->getNumOperands() == 1 &&
      op->getOperand(0).getType() == resultType)
    if (std::optional<std::pair<int64_t, int64_t>> bounds =
            getQuantizedBounds(op, quantizedResult)) {
      bool isUnsigned = isUnsignedElement(quantizedResult);
      return expression.addNode(
          operands, loc, [=](OpBuilder &b, Location loc, ValueRange scalars) {
            return buildQuantizedClamp(b, loc, scalars[0], bounds->first,
                                       bounds->second, isUnsigned);
          });
    }

  if (std::optional<QuantizedAddition> addition = getQuantizedAddition(op)) {
    auto isUnsigned = [&](unsigned i) {
      return isUnsignedElement(
          cast<RankedTensorType>(op->getOperand(i).getType()).getElementType());
    };
    std::array<bool, 2> areUnsigned{isUnsigned(0), isUnsigned(1)};
    return expression.addNode(
        operands, loc, [=](OpBuilder &b, Location loc, ValueRange scalars) {
          return buildQuantizedAddition(b, loc, scalars, areUnsigned,
                                        *addition);
        });
  }

  if (std::optional<Node> node = addIntegerForm(op, operands, expression))
    return *node;

  // Else quantized operands are dequantized, and the result is quantized.
  for (auto [i, operand] : llvm::enumerate(op->getOperands())) {
    auto quantized = dyn_cast<quant::QuantizedType>(
        cast<RankedTensorType>(operand.getType()).getElementType());
    if (!quantized)
      continue;
    FailureOr<Node> real =
        addDequantize(op, operands[i], quantized, indices[i], expression);
    if (failed(real))
      return failure();
    operands[i] = *real;
  }
  Node result = expression.addNode(
      operands, loc, [op](OpBuilder &b, Location loc, ValueRange scalars) {
        return buildBody(op, b, loc, scalars);
      });
  return quantizedResult
             ? addQuantize(op, result, quantizedResult, index, expression)
             : FailureOr<Node>(result);
}

FailureOr<Node> GroupLowering::expressBatchNorm(BatchNormOp op, AffineMap index,
                                                Expression &expression) {
  FailureOr<Node> x = express(op.getInput(), index, expression);
  if (failed(x))
    return failure();
  SmallVector<Node> operands{*x};
  AffineMap channel = index.getSubMap({1});
  for (Value parameter :
       {op.getScale(), op.getBias(), op.getMean(), op.getVariance()}) {
    FailureOr<Node> node = express(parameter, channel, expression);
    if (failed(node))
      return failure();
    operands.push_back(*node);
  }
  double epsilon = op.getEpsilon().convertToDouble();
  return expression.addNode(
      operands, op.getLoc(),
      [epsilon](OpBuilder &b, Location loc, ValueRange scalars) -> Value {
        Type type = scalars[0].getType();
        auto parameter = [&](unsigned i) {
          return convertFloat(b, loc, scalars[i], type);
        };
        Value centred = arith::SubFOp::create(b, loc, scalars[0], parameter(3));
        Value variance = arith::AddFOp::create(
            b, loc, parameter(4), createFloat(b, loc, epsilon, type));
        Value deviation = math::SqrtOp::create(b, loc, variance);
        Value normal = arith::DivFOp::create(b, loc, centred, deviation);
        Value scaled = arith::MulFOp::create(b, loc, normal, parameter(1));
        return arith::AddFOp::create(b, loc, scaled, parameter(2));
      });
}
