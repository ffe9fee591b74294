//===- Poles.cpp - what is not finite at 0 --------------------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpc/Transforms/Poles.h"
#include "ScalarFunction.h"
#include "mpc/Dialect/MPC/Precisions.h"
#include "mpc/Transforms/Ranges.h"
#include "mpc/Transforms/SeenRanges.h"
#include "llvm/ADT/DenseSet.h"

using namespace mlir;
using namespace mpc;

namespace {

/// Follows what becomes of a 0.
class PoleFinder {
public:
  /// Whether a reader of `value`, which is `x`, has no finite result.
  bool find(Value value, double x) {
    if (!seen.insert(value).second)
      return false;
    return llvm::any_of(value.getUses(),
                        [&](OpOperand &use) { return find(use, x); });
  }

private:
  bool find(OpOperand &use, double x) {
    Operation *op = use.getOwner();
    if (auto group = dyn_cast<GroupOp>(op))
      return find(group.getBlock().getArgument(use.getOperandNumber()), x);
    if (auto yield = dyn_cast<YieldOp>(op))
      return find(yield->getParentOp()->getResult(use.getOperandNumber()), x);
    if (isa<ReshapeOp, ExtractStepOp>(op))
      return find(op->getResult(0), x);
    if (auto elementwise = dyn_cast<ElementwiseOpInterface>(op)) {
      // Of what a sum is added to or compared with nothing is known.
      auto function = ScalarFunction::get(op->getResult(0), use.get());
      if (!function && elementwise.getIntegerForm() == IntegerForm::Homogeneous)
        return find(op->getResult(0), x);
      if (!function)
        function = ScalarFunction::get(op->getResult(0), use.get(), /*rest=*/1);
      if (!function)
        return false;
      double y = (*function)(x);
      return !std::isfinite(y) || find(op->getResult(0), y);
    }
    auto quantizable = dyn_cast<QuantizableOpInterface>(op);
    return quantizable &&
           quantizable.getQuantRole() == QuantRole::Passthrough &&
           find(op->getResult(0), x);
  }

  DenseSet<Value> seen;
};

} // namespace

bool mpc::isReadNearPole(Value value, unsigned bits) {
  RangeAttr range = getSeenRange(value);
  if (range) {
    // Half of the widest step that any kind of scale makes of the range.
    double low = range.getMin(), high = range.getMax();
    double least = std::max(-low, high) / ((1 << (bits - 1)) - 1);
    if (low > least || high < -least)
      return false;
  }
  return PoleFinder().find(value, 0);
}

bool mpc::storesSumsNearPole(GroupOp group, Value result, Precision precision) {
  auto root = dyn_cast<QuantizableOpInterface>(group.getRoot());
  return isInteger(precision) && root &&
         root.getQuantRole() == QuantRole::Contraction &&
         !group->getParentOfType<ModuleOp>()->hasAttr(kFullyIntegralAttrName) &&
         isReadNearPole(result, precision == Precision::INT8 ? 8 : 16);
}
