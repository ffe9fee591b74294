//===- ElementwiseOps.cpp - shapes and checks of ops on elements ----------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The scalar bodies are in ElementwiseBodies.cpp.
//
//===----------------------------------------------------------------------===//

#include "OpDetail.h"

using namespace mlir;
using namespace mpc;
using namespace mpc::detail;

LogicalResult mpc::detail::inferElementwise(InferContext ctx,
                                            ValueRange operands,
                                            SmallVectorImpl<Type> &types) {
  SmallVector<int64_t> shape;
  Type element;
  for (Value operand : operands) {
    RankedTensorType type = ranked(ctx, operand.getType(), "an operand");
    if (!type)
      return failure();
    if (!element)
      element = type.getElementType();
    // (C1) the shapes broadcast.
    if (failed(broadcastShapes(ctx, shape, type.getShape(), shape)))
      return failure();
  }
  types.push_back(RankedTensorType::get(shape, element));
  return success();
}

LogicalResult mpc::detail::inferPredicate(InferContext ctx, ValueRange operands,
                                          SmallVectorImpl<Type> &types) {
  if (failed(inferElementwise(ctx, operands, types)))
    return failure();
  auto type = cast<RankedTensorType>(types.back());
  types.back() = type.clone(IntegerType::get(type.getContext(), 1));
  return success();
}

LogicalResult mpc::detail::inferWhere(InferContext ctx, ValueRange operands,
                                      SmallVectorImpl<Type> &types) {
  if (failed(inferElementwise(ctx, operands, types)))
    return failure();
  types.back() = cast<RankedTensorType>(types.back())
                     .clone(getElementTypeOrSelf(operands[1]));
  return success();
}

/// (C2) the element types agree; scales and zero points need not.
static LogicalResult verifySameElements(Operation *op, ValueRange operands) {
  Type first = getElementTypeOrSelf(operands.front());
  for (Value operand : operands.drop_front()) {
    Type type = getElementTypeOrSelf(operand);
    if (type != first &&
        !(isa<quant::QuantizedType>(type) && isa<quant::QuantizedType>(first)))
      return op->emitOpError()
             << "expected operands of the same element type, but got " << first
             << " and " << type;
  }
  return success();
}

LogicalResult mpc::detail::verifyElementwise(Operation *op) {
  if (failed(verifySameElements(op, op->getOperands())))
    return failure();
  return verifyComputedElementType(op);
}

LogicalResult mpc::detail::verifyPredicate(Operation *op) {
  return verifySameElements(op, op->getOperands());
}

LogicalResult mpc::detail::verifyWhere(WhereOp op) {
  ValueRange values = op->getOperands().drop_front();
  if (failed(verifySameElements(op, values))) // (C2)
    return failure();
  Type from = getElementTypeOrSelf(values.front()),
       to = getElementTypeOrSelf(op.getResult());
  bool legal =
      from == to || (isArithmeticFloat(from) && isArithmeticFloat(to)) ||
      (isa<quant::QuantizedType>(from) && isa<quant::QuantizedType>(to));
  if (!legal)
    return op.emitOpError() << "expected a result chosen from elements of type "
                            << from << ", but got elements of type " << to;
  return success();
}

LogicalResult mpc::detail::verifyElu(EluOp op) {
  double divisor = op.getDivisor().convertToDouble();
  if (divisor == 0 || std::isnan(divisor)) // (C1)
    return op.emitOpError()
           << "expected a divisor other than 0, but got " << divisor;
  return verifyElementwise(op);
}

LogicalResult mpc::detail::verifyClip(ClipOp op) {
  double min = op.getMin().convertToDouble(),
         max = op.getMax().convertToDouble();
  if (!(min <= max)) // (C1), also where either is NaN
    return op.emitOpError()
           << "expected min <= max, but got " << min << " and " << max;
  return verifyElementwise(op);
}

LogicalResult mpc::detail::verifyCast(CastOp op) {
  for (Type type : {getElementTypeOrSelf(op.getInput()),
                    getElementTypeOrSelf(op.getResult())})
    if (isa<quant::QuantizedType>(type)) // (C1)
      return op.emitOpError()
             << "expected float or integer elements, but got " << type;
  Type to = getElementTypeOrSelf(op.getResult()); // (C2)
  bool isScale = isa<Float8E8M0FNUType>(to);
  if (op.getOverflow() != CastOverflow::Saturate &&
      !(isa<FloatType>(to) && isStorageOnly(to)))
    return op.emitOpError() << "expected overflow only with floats of 8 or 4 "
                               "bits, but the result has "
                               "elements of type "
                            << to;
  if (op.getRounding() != ScaleRounding::Up && !isScale)
    return op.emitOpError()
           << "expected rounding only with f8E8M0FNU, but the result has "
              "elements of type "
           << to;
  return success();
}

/// How many bits an element has; a truth value takes a byte.
static unsigned getBits(Type type) {
  return type.isInteger(1) ? 8 : type.getIntOrFloatBitWidth();
}

LogicalResult mpc::detail::verifyBitcast(BitcastOp op) {
  Type from = getElementTypeOrSelf(op.getInput()),
       to = getElementTypeOrSelf(op.getResult());
  if (isa<quant::QuantizedType>(to) || getBits(from) != getBits(to)) // (C1)
    return op.emitOpError() << "expected elements of as many bits as " << from
                            << " has, but got " << to;
  return success();
}

static bool isSingleElement(Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  return type.hasStaticShape() && type.getNumElements() == 1;
}

SmallVector<OpOperand *>
mpc::detail::getElementwiseLayoutOperands(Operation *op) {
  // One element looks the same in every layout.
  SmallVector<OpOperand *> operands;
  for (OpOperand &operand : op->getOpOperands())
    if (!isSingleElement(operand.get()))
      operands.push_back(&operand);
  return operands;
}

bool mpc::detail::canSinkThroughElementwise(Operation *op,
                                            ArrayRef<int64_t> perm) {
  auto hasRank = [&](Value value) {
    return cast<RankedTensorType>(value.getType()).getRank() ==
           int64_t(perm.size());
  };
  return hasRank(op->getResult(0)) &&
         llvm::all_of(op->getOperands(), [&](Value operand) {
           return isSingleElement(operand) || hasRank(operand);
         });
}

bool ReluOp::isClamp() { return true; }
std::pair<double, double> ReluOp::getClampBounds() { return {0.0, INFINITY}; }
bool ClipOp::isClamp() { return true; }
std::pair<double, double> ClipOp::getClampBounds() {
  return {getMin().convertToDouble(), getMax().convertToDouble()};
}

// Sums, and choices between numbers of one scale, are exact on the integers.
IntegerForm AddOp::getIntegerForm() { return IntegerForm::Homogeneous; }
IntegerForm SubOp::getIntegerForm() { return IntegerForm::Homogeneous; }
IntegerForm MinOp::getIntegerForm() { return IntegerForm::Homogeneous; }
IntegerForm MaxOp::getIntegerForm() { return IntegerForm::Homogeneous; }
IntegerForm NegOp::getIntegerForm() { return IntegerForm::Homogeneous; }
IntegerForm AbsOp::getIntegerForm() { return IntegerForm::Homogeneous; }
IntegerForm MulOp::getIntegerForm() { return IntegerForm::Product; }
