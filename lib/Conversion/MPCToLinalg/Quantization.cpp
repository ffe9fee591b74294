//===- Quantization.cpp - quantize, dequantize, requantize ----------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Emits what QuantMath.h defines. Bounds and zero points are integers: clamping
// before rounding, and adding the zero point after it, in integers, gives the
// same in fewer instructions. Clamping happens in f32, so that the conversion
// to integers cannot overflow, unless factors show that it cannot. Per-channel
// parameters are arguments of the function, so that layers that differ in them
// share their code; single ones are literals.
//
//===----------------------------------------------------------------------===//

#include "GroupLowering.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mpc/Dialect/MPC/Constants.h"
#include "mpc/Support/QuantMath.h"

#include <cmath>

using namespace mlir;
using namespace mpc;
using namespace mpc::lowering;

/// Storage types wider than this have bounds that f32 cannot represent.
static constexpr unsigned kMaxExactStorageBits = 24;

/// An i32 times a factor up to this is far enough from the bounds of i32 to add
/// a zero point.
static constexpr float kMaxSafeMultiplier = 0.984375f;

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

SmallVector<float> mpc::lowering::getScales(quant::QuantizedType type) {
  if (auto uniform = dyn_cast<quant::UniformQuantizedType>(type))
    return {static_cast<float>(uniform.getScale())};
  SmallVector<float> scales;
  if (auto perAxis = dyn_cast<quant::UniformQuantizedPerAxisType>(type))
    for (double scale : perAxis.getScales())
      scales.push_back(static_cast<float>(scale));
  return scales;
}

SmallVector<int64_t> mpc::lowering::getZeroPoints(quant::QuantizedType type) {
  if (auto uniform = dyn_cast<quant::UniformQuantizedType>(type))
    return {uniform.getZeroPoint()};
  if (auto perAxis = dyn_cast<quant::UniformQuantizedPerAxisType>(type))
    return SmallVector<int64_t>(perAxis.getZeroPoints());
  return {};
}

int64_t mpc::lowering::getQuantizedAxis(quant::QuantizedType type) {
  auto perAxis = dyn_cast<quant::UniformQuantizedPerAxisType>(type);
  return perAxis ? perAxis.getQuantizedDimension() : -1;
}

/// Per-tensor or per-axis parameters with an f32 expressed type.
static LogicalResult checkQuantizedType(Operation *op,
                                        quant::QuantizedType type) {
  if (isa<quant::UniformQuantizedType, quant::UniformQuantizedPerAxisType>(
          type) &&
      type.getExpressedType().isF32())
    return success();
  return op->emitOpError() << "expected a type quantized per tensor or per "
                              "axis from f32, but got "
                           << type << ": not supported yet";
}

//===----------------------------------------------------------------------===//
// Scalars
//===----------------------------------------------------------------------===//

Value mpc::lowering::clampFloat(OpBuilder &builder, Location loc, Value x,
                                double low, double high) {
  // Compare and select is one instruction on every target; arith.maximumf also
  // orders NaN and signed zeros.
  Value lowest = createFloat(builder, loc, low, x.getType());
  Value above =
      arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OGT, x, lowest);
  x = arith::SelectOp::create(builder, loc, above, x, lowest);
  Value highest = createFloat(builder, loc, high, x.getType());
  Value below = arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OLT,
                                      x, highest);
  return arith::SelectOp::create(builder, loc, below, x, highest);
}

/// An i32 within the bounds of a storage type.
static Value truncateToStorage(OpBuilder &builder, Location loc, Value q,
                               Type storageType) {
  if (storageType == q.getType())
    return q;
  return arith::TruncIOp::create(builder, loc, storageType, q);
}

/// The nearest integer to an f32, ties to even, as i32, plus the zero point.
static Value roundToInteger(OpBuilder &builder, Location loc, Value x,
                            int64_t zeroPoint) {
  x = math::RoundEvenOp::create(builder, loc, x);
  Type i32 = builder.getI32Type();
  Value q = arith::FPToSIOp::create(builder, loc, i32, x);
  if (zeroPoint == 0)
    return q;
  return arith::AddIOp::create(
      builder, loc, q,
      arith::ConstantOp::create(builder, loc,
                                builder.getI32IntegerAttr(zeroPoint)));
}

/// clamp(round(x) + zeroPoint, low, high) as a storage integer.
static Value roundToStorage(OpBuilder &builder, Location loc, Value x,
                            int64_t zeroPoint, int64_t low, int64_t high,
                            Type storageType) {
  x = clampFloat(builder, loc, x, low - zeroPoint, high - zeroPoint);
  return truncateToStorage(
      builder, loc, roundToInteger(builder, loc, x, zeroPoint), storageType);
}

/// A storage integer as i32.
static Value extendStorage(OpBuilder &builder, Location loc, Value q,
                           bool isUnsigned) {
  if (q.getType().getIntOrFloatBitWidth() >= 32)
    return q;
  if (isUnsigned)
    return arith::ExtUIOp::create(builder, loc, builder.getI32Type(), q);
  return arith::ExtSIOp::create(builder, loc, builder.getI32Type(), q);
}

//===----------------------------------------------------------------------===//
// Expressions
//===----------------------------------------------------------------------===//

Node GroupLowering::addFloatParameter(Location loc, ArrayRef<float> values,
                                      ArrayRef<int64_t> shape,
                                      ArrayRef<int64_t> axes, AffineMap index,
                                      Expression &expression) {
  if (values.size() == 1) {
    double value = values.front();
    return expression.addNode(
        {}, loc, [value](OpBuilder &b, Location loc, ValueRange) {
          return createFloat(b, loc, value, b.getF32Type());
        });
  }
  auto type = RankedTensorType::get(shape, builder.getF32Type());
  Value argument =
      addConstantArgument(loc, createFloatConstant(type, values, "scales"));
  SmallVector<unsigned> positions(axes.begin(), axes.end());
  return addLeaf(argument, index.getSubMap(positions), expression);
}

Node GroupLowering::addChannelParameter(Location loc, ArrayRef<float> values,
                                        int64_t axis, AffineMap index,
                                        Expression &expression) {
  return addFloatParameter(loc, values, {static_cast<int64_t>(values.size())},
                           {axis}, index, expression);
}

FailureOr<Node> GroupLowering::addQuantize(Operation *op, Node x,
                                           quant::QuantizedType type,
                                           AffineMap index,
                                           Expression &expression) {
  if (failed(checkQuantizedType(op, type)))
    return failure();
  if (type.getStorageTypeIntegralWidth() > kMaxExactStorageBits)
    return op->emitOpError()
           << "quantization to " << type << " is not supported yet";
  SmallVector<int64_t> zeroPoints = getZeroPoints(type);
  if (!llvm::all_equal(zeroPoints))
    return op->emitOpError()
           << "quantization with a zero point per channel is not supported yet";

  Node scale = addChannelParameter(op->getLoc(), getScales(type),
                                   getQuantizedAxis(type), index, expression);
  int64_t zeroPoint = zeroPoints.front(), low = type.getStorageTypeMin(),
          high = type.getStorageTypeMax();
  Type storageType = getStorageElementType(type);
  return expression.addNode(
      {x, scale}, op->getLoc(),
      [=](OpBuilder &b, Location loc, ValueRange scalars) {
        Value real = convertFloat(b, loc, scalars[0], b.getF32Type());
        Value q = arith::DivFOp::create(b, loc, real, scalars[1]);
        Value isNaN =
            arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UNO, q, q);
        q = arith::SelectOp::create(b, loc, isNaN,
                                    createFloat(b, loc, 0, b.getF32Type()), q);
        return roundToStorage(b, loc, q, zeroPoint, low, high, storageType);
      });
}

FailureOr<Node> GroupLowering::addDequantize(Operation *op, Node q,
                                             quant::QuantizedType type,
                                             AffineMap index,
                                             Expression &expression) {
  if (failed(checkQuantizedType(op, type)))
    return failure();
  if (type.getStorageTypeIntegralWidth() > 32)
    return op->emitOpError()
           << "dequantization from " << type << " is not supported yet";
  SmallVector<int64_t> zeroPoints = getZeroPoints(type);
  int64_t axis = getQuantizedAxis(type);
  SmallVector<Node> operands{q,
                             addChannelParameter(op->getLoc(), getScales(type),
                                                 axis, index, expression)};
  // One zero point is a literal, several are an argument.
  int64_t zeroPoint = zeroPoints.front();
  if (!llvm::all_equal(zeroPoints)) {
    auto constantType = RankedTensorType::get(
        static_cast<int64_t>(zeroPoints.size()), builder.getI32Type());
    Value argument = addConstantArgument(
        op->getLoc(),
        createIntConstant(constantType, zeroPoints, "zero_points"));
    operands.push_back(addChannelLeaf(argument, axis, index, expression));
  }
  bool isUnsigned = isUnsignedElement(type);
  return expression.addNode(
      operands, op->getLoc(),
      [=](OpBuilder &b, Location loc, ValueRange scalars) -> Value {
        Value difference = extendStorage(b, loc, scalars[0], isUnsigned);
        if (scalars.size() == 3)
          difference = arith::SubIOp::create(b, loc, difference, scalars[2]);
        else if (zeroPoint != 0)
          difference = arith::SubIOp::create(
              b, loc, difference,
              arith::ConstantOp::create(
                  b, loc, b.getIntegerAttr(difference.getType(), zeroPoint)));
        Value real =
            arith::SIToFPOp::create(b, loc, b.getF32Type(), difference);
        return arith::MulFOp::create(b, loc, real, scalars[1]);
      });
}

FailureOr<Node> GroupLowering::addRequantize(Operation *op, Node acc,
                                             Node multiplier,
                                             float largestMultiplier,
                                             quant::UniformQuantizedType type,
                                             int64_t low, int64_t high,
                                             Expression &expression) {
  if (type.getStorageTypeIntegralWidth() > kMaxExactStorageBits)
    return op->emitOpError()
           << "requantization to " << type << " is not supported yet";
  int64_t zeroPoint = type.getZeroPoint();
  // Products and their sums with a zero point of at most 2^24 then fit.
  bool fits = largestMultiplier <= kMaxSafeMultiplier;
  Type storageType = getStorageElementType(type);
  return expression.addNode(
      {acc, multiplier}, op->getLoc(),
      [=](OpBuilder &b, Location loc, ValueRange scalars) {
        Value real =
            arith::SIToFPOp::create(b, loc, b.getF32Type(), scalars[0]);
        Value x = arith::MulFOp::create(b, loc, real, scalars[1]);
        if (!fits)
          return roundToStorage(b, loc, x, zeroPoint, low, high, storageType);
        auto bound = [&](int64_t value) {
          return arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(value));
        };
        Value q = roundToInteger(b, loc, x, zeroPoint);
        q = arith::MaxSIOp::create(b, loc, q, bound(low));
        q = arith::MinSIOp::create(b, loc, q, bound(high));
        return truncateToStorage(b, loc, q, storageType);
      });
}

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

static quant::QuantizedType getQuantizedElement(Value value) {
  return cast<quant::QuantizedType>(
      cast<RankedTensorType>(value.getType()).getElementType());
}

/// Whether the op gives bytes of the other signedness the same numbers: the
/// scales are equal, the zero points as far apart as the bytes. Then no
/// rounding of dequantization and quantization reaches half a step, nothing is
/// clamped, and what changes of a byte is its upper bit.
static bool isSignednessChange(QuantizeOp op) {
  auto real = op.getInput().getDefiningOp<DequantizeOp>();
  if (!real || !real.getResult().getType().getElementType().isF32())
    return false;
  auto from = dyn_cast<quant::UniformQuantizedType>(
      getQuantizedElement(real.getInput()));
  auto to = dyn_cast<quant::UniformQuantizedType>(
      getQuantizedElement(op.getResult()));
  auto isByte = [](quant::UniformQuantizedType type) {
    return type && type.getStorageTypeIntegralWidth() == 8 &&
           type.getStorageTypeMax() - type.getStorageTypeMin() == 255;
  };
  if (!isByte(from) || !isByte(to) || from.isSigned() == to.isSigned() ||
      to.getZeroPoint() - from.getZeroPoint() != (from.isSigned() ? 128 : -128))
    return false;
  float scale = getScales(from).front();
  // The product with a difference of bytes must not overflow or lose bits.
  return scale == getScales(to).front() && std::isnormal(scale) &&
         std::isfinite(scale * 512);
}

FailureOr<Node> GroupLowering::expressQuantize(QuantizeOp op, AffineMap index,
                                               Expression &expression) {
  if (isSignednessChange(op)) {
    FailureOr<Node> q = express(op.getInput().getDefiningOp()->getOperand(0),
                                index, expression);
    if (failed(q))
      return failure();
    return expression.addNode(
        {*q}, op.getLoc(), [](OpBuilder &b, Location loc, ValueRange scalars) {
          Value bit =
              arith::ConstantOp::create(b, loc, b.getI8IntegerAttr(-128));
          return arith::XOrIOp::create(b, loc, scalars[0], bit);
        });
  }
  FailureOr<Node> x = express(op.getInput(), index, expression);
  if (failed(x))
    return failure();
  return addQuantize(op, *x, getQuantizedElement(op.getResult()), index,
                     expression);
}

FailureOr<Node> GroupLowering::expressDequantize(DequantizeOp op,
                                                 AffineMap index,
                                                 Expression &expression) {
  FailureOr<Node> q = express(op.getInput(), index, expression);
  if (failed(q))
    return failure();
  return addDequantize(op, *q, getQuantizedElement(op.getInput()), index,
                       expression);
}

FailureOr<Node> GroupLowering::expressRequantize(RequantizeOp op,
                                                 AffineMap index,
                                                 Expression &expression) {
  if (op.getRounding() != Rounding::ONNX)
    return expressFixedRequantize(op, index, expression);
  quant::QuantizedType accumulator = getQuantizedElement(op.getInput());
  auto result = dyn_cast<quant::UniformQuantizedType>(
      getQuantizedElement(op.getResult()));
  if (!result)
    return op.emitOpError()
           << "requantization to " << getQuantizedElement(op.getResult())
           << " is not supported yet";
  if (llvm::any_of(getZeroPoints(accumulator),
                   [](int64_t zeroPoint) { return zeroPoint != 0; }))
    return op.emitOpError()
           << "expected an accumulator with zero point 0, but got "
           << accumulator;

  FailureOr<Node> acc = express(op.getInput(), index, expression);
  if (failed(acc))
    return failure();
  float resultScale = getScales(result).front();
  SmallVector<float> multipliers;
  for (float scale : getScales(accumulator))
    multipliers.push_back(requantMultiplier(scale, resultScale));
  int64_t low = op.getLow().value_or(result.getStorageTypeMin());
  int64_t high = op.getHigh().value_or(result.getStorageTypeMax());
  Node multiplier =
      addChannelParameter(op.getLoc(), multipliers,
                          getQuantizedAxis(accumulator), index, expression);
  return addRequantize(op, *acc, multiplier, *llvm::max_element(multipliers),
                       result, low, high, expression);
}
