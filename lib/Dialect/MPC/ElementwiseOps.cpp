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

LogicalResult mpc::detail::verifyElementwise(Operation *op) {
  // (C2) the element types agree; scales and zero points need not.
  Type first = getElementTypeOrSelf(op->getOperand(0));
  for (Value operand : op->getOperands().drop_front()) {
    Type type = getElementTypeOrSelf(operand);
    if (type != first &&
        !(isa<quant::QuantizedType>(type) && isa<quant::QuantizedType>(first)))
      return op->emitOpError()
             << "expected operands of the same element type, but got " << first
             << " and " << type;
  }
  return verifyComputedElementType(op);
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
