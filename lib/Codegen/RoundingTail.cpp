//===- RoundingTail.cpp - what stands in front of a rounding --------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RoundingTail.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace mpc;

/// Steps from the result of a clamp, or of a choice of 0 where a number is NaN,
/// to its operand; null for other operations.
static Value skipClamp(arith::SelectOp select, Tail &tail) {
  auto cmp = select.getCondition().getDefiningOp<arith::CmpFOp>();
  if (!cmp || cmp->getBlock() != select->getBlock())
    return {};
  Value value = cmp.getLhs();
  if (cmp.getPredicate() == arith::CmpFPredicate::UNO) {
    std::optional<double> number = getNumber(select.getTrueValue());
    if (cmp.getRhs() != value || select.getFalseValue() != value || !number)
      return {};
    tail.undefined = *number;
  } else {
    std::optional<double> bound = getNumber(cmp.getRhs());
    if (select.getTrueValue() != value || !bound ||
        getNumber(select.getFalseValue()) != bound)
      return {};
    if (cmp.getPredicate() == arith::CmpFPredicate::OGT)
      tail.low = std::max(tail.low, *bound);
    else if (cmp.getPredicate() == arith::CmpFPredicate::OLT)
      tail.high = std::min(tail.high, *bound);
    else
      return {};
    tail.undefined = *bound;
  }
  tail.clamps.append({select, cmp});
  return value;
}

Value mpc::skipClamps(Value value, Tail &tail) {
  while (auto select = value.getDefiningOp<arith::SelectOp>()) {
    Value next = skipClamp(select, tail);
    if (!next)
      break;
    value = next;
  }
  return value;
}

/// Steps back from a quotient by a number or a product with one.
static Value skipScale(Operation *op, Tail &tail) {
  if (!isa<arith::DivFOp, arith::MulFOp>(op))
    return {};
  Value value = op->getOperand(0);
  std::optional<double> factor = getNumber(op->getOperand(1));
  if (!factor && isa<arith::MulFOp>(op)) {
    factor = getNumber(op->getOperand(0));
    value = op->getOperand(1);
  }
  double size = std::abs(factor.value_or(0));
  if (!(size >= kLeastDivisor && size <= kLargestDivisor))
    return {};
  tail.factor *= isa<arith::DivFOp>(op) ? 1 / *factor : *factor;
  tail.gain = std::abs(tail.factor);
  tail.ops.push_back(op);
  return value;
}

bool mpc::findFunction(Value value, Tail &tail, ScalarProgram &function) {
  while (Operation *op = value.getDefiningOp()) {
    Value next = skipScale(op, tail);
    if (!next)
      break;
    value = next;
  }
  tail.value = value;
  if (function.trace(value) && function.isCostly())
    return true;
  auto sum = value.getDefiningOp<arith::AddFOp>();
  if (!sum)
    return false;
  Tail before = tail;
  for (Value operand : sum->getOperands()) {
    tail = before;
    tail.ops.push_back(sum);
    tail.hasSum = true;
    if (findFunction(operand, tail, function))
      return true;
  }
  return false;
}
