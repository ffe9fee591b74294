//===- Saturation.cpp - what functions that saturate tell apart -----------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Saturation.h"
#include "ScalarFunction.h"

using namespace mlir;
using namespace mpc;

/// The smallest power of two beyond which, on either side, the result of `op`
/// stays within half a step of 8 bits over all its results.
static std::optional<double> getReach(Operation *op, Value variable) {
  constexpr double far = 1e6, most = 16;
  auto function = ScalarFunction::get(op->getResult(0), variable);
  if (!function)
    return std::nullopt;
  double low = (*function)(-far), high = (*function)(far);
  double halfStep = std::abs(high - low) / 512;
  for (double reach = 1; reach <= most; reach *= 2)
    if (halfStep > 0 && std::abs((*function)(-reach) - low) <= halfStep &&
        std::abs(high - (*function)(reach)) <= halfStep)
      return reach;
  return std::nullopt;
}

/// Of one reader.
static std::optional<double> getReach(OpOperand &use) {
  Operation *op = use.getOwner();
  if (auto group = dyn_cast<GroupOp>(op))
    return getReachOfReaders(
        group.getBlock().getArgument(use.getOperandNumber()));
  if (auto yield = dyn_cast<YieldOp>(op))
    return getReachOfReaders(
        yield->getParentOp()->getResult(use.getOperandNumber()));
  if (isa<ExtractStepOp>(op))
    return getReachOfReaders(op->getResult(0));
  if (auto elementwise = dyn_cast<ElementwiseOpInterface>(op)) {
    if (elementwise.getIntegerForm() == IntegerForm::Homogeneous)
      return getReachOfReaders(op->getResult(0));
    return getReach(op, use.get());
  }
  auto quantizable = dyn_cast<QuantizableOpInterface>(op);
  if (quantizable && quantizable.getQuantRole() == QuantRole::Passthrough)
    return getReachOfReaders(op->getResult(0));
  return std::nullopt;
}

std::optional<double> mpc::getReachOfReaders(Value value) {
  std::optional<double> most;
  for (OpOperand &use : value.getUses()) {
    std::optional<double> reach = getReach(use);
    if (!reach)
      return std::nullopt;
    most = std::max(most, reach);
  }
  return most;
}
