//===- UnsignedActivations.cpp - for signed ones --------------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "UnsignedActivations.h"
#include "ConstantUtils.h"
#include "mpc/Dialect/MPC/Constants.h"
#include "mpc/Dialect/MPC/MPCDialect.h"

using namespace mlir;
using namespace mpc;
using quant::QuantizedType;
using quant::UniformQuantizedType;

static RankedTensorType withElement(Value value, Type element) {
  return cast<RankedTensorType>(value.getType()).clone(element);
}

/// The unsigned type that stands for the same numbers, or null.
static UniformQuantizedType getUnsigned(Type element) {
  auto type = dyn_cast<UniformQuantizedType>(element);
  if (!type || type.getStorageTypeIntegralWidth() != 8 || !type.isSigned() ||
      !type.getExpressedType().isF32())
    return {};
  return UniformQuantizedType::get(
      0, type.getStorageType(), type.getExpressedType(), type.getScale(),
      type.getZeroPoint() + 128, type.getStorageTypeMin() + 128,
      type.getStorageTypeMax() + 128);
}

/// The same numbers in another type of the same scale: exact.
static Value convertOffset(OpBuilder &builder, Value value, Type element) {
  Value real = DequantizeOp::create(
      builder, value.getLoc(), withElement(value, builder.getF32Type()), value);
  return QuantizeOp::create(builder, value.getLoc(),
                            withElement(value, element), real);
}

namespace {
class ActivationConverter {
public:
  explicit ActivationConverter(func::FuncOp function)
      : block(function.getBody().front()), builder(function.getContext()) {}
  void run();

private:
  bool isNeeded();
  void convertAfter(Value value);
  void restoreOperands(Operation *op);
  void convertResults(Operation *op);

  Block &block;
  OpBuilder builder;
  llvm::DenseMap<Value, Type> original;
};
} // namespace

bool ActivationConverter::isNeeded() {
  // Regions of other ops may read values, too.
  return llvm::none_of(block,
                       [](Operation &op) { return op.getNumRegions() != 0; }) &&
         llvm::any_of(block, [](Operation &op) {
           auto quantizable = dyn_cast<QuantizableOpInterface>(op);
           return quantizable && quantizable.getWeightOperand() &&
                  getUnsigned(getElementTypeOrSelf(op.getOperand(0)));
         });
}

/// The second factor of integer sums, which is signed, constant or not.
static bool isFactorOfSums(OpOperand &operand) {
  Operation *op = operand.getOwner();
  if (operand.getOperandNumber() != 1 || op->getNumResults() != 1 ||
      isPositionwise(op))
    return false;
  auto sum = dyn_cast<QuantizedType>(getElementTypeOrSelf(op->getResult(0)));
  return sum && sum.getStorageTypeIntegralWidth() == 32;
}

/// What reads a value of the border reads it converted.
void ActivationConverter::convertAfter(Value value) {
  UniformQuantizedType type = getUnsigned(getElementTypeOrSelf(value));
  if (!type || isWeight(value))
    return;
  Value converted = convertOffset(builder, value, type);
  Operation *reader =
      converted.getDefiningOp<QuantizeOp>().getInput().getDefiningOp();
  value.replaceUsesWithIf(converted, [&](OpOperand &use) {
    return use.getOwner() != reader && !isFactorOfSums(use);
  });
}

void ActivationConverter::restoreOperands(Operation *op) {
  bool isBorder =
      isa<StorageCastOp>(op) || op->hasTrait<OpTrait::IsTerminator>();
  builder.setInsertionPoint(op);
  for (OpOperand &operand : op->getOpOperands())
    if (Type element = original.lookup(operand.get());
        element && (isBorder || isFactorOfSums(operand)))
      operand.set(convertOffset(builder, operand.get(), element));
}

void ActivationConverter::convertResults(Operation *op) {
  for (Value result : op->getResults()) {
    Type element = getElementTypeOrSelf(result);
    UniformQuantizedType type = getUnsigned(element);
    if (!type || isWeight(result))
      continue;
    original[result] = element;
    result.setType(withElement(result, type));
    if (auto requantize = dyn_cast<RequantizeOp>(op)) {
      if (auto low = requantize.getLow())
        requantize.setLow(*low + 128);
      if (auto high = requantize.getHigh())
        requantize.setHigh(*high + 128);
    }
    // What moves elements has one type on both sides.
    auto quantizable = dyn_cast<QuantizableOpInterface>(op);
    if (!quantizable || quantizable.getQuantRole() != QuantRole::Passthrough)
      continue;
    builder.setInsertionPoint(op);
    for (OpOperand &operand : op->getOpOperands())
      if (getElementTypeOrSelf(operand.get()) == element)
        operand.set(convertOffset(builder, operand.get(), type));
  }
}

void ActivationConverter::run() {
  if (!isNeeded())
    return;
  SmallVector<Operation *> ops;
  for (Operation &op : block)
    ops.push_back(&op);
  builder.setInsertionPointToStart(&block);
  for (BlockArgument argument : block.getArguments())
    convertAfter(argument);
  for (Operation *op : ops) {
    if (isa<StorageCastOp>(op) || op->hasTrait<OpTrait::IsTerminator>()) {
      restoreOperands(op);
      builder.setInsertionPointAfter(op);
      for (Value result : op->getResults())
        convertAfter(result);
    } else if (!isa<ConstantOp>(op)) {
      restoreOperands(op);
      convertResults(op);
    }
  }
}

void mpc::useUnsignedActivations(func::FuncOp function) {
  ActivationConverter(function).run();
}
