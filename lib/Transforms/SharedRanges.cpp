//===- SharedRanges.cpp - values that share their integers ----------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SharedRanges.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace mpc;

RangeAttr mpc::getHull(RangeAttr a, RangeAttr b) {
  if (!a || !b)
    return a ? a : b;
  return RangeAttr::get(a.getContext(), std::min(a.getMin(), b.getMin()),
                        std::max(a.getMax(), b.getMax()));
}

/// The length of a range with its zero: of how many steps of a scale.
static double getWidth(RangeAttr range) {
  return range ? std::max(range.getMax(), 0.0) - std::min(range.getMin(), 0.0)
               : 0.0;
}

llvm::EquivalenceClasses<Value>
mpc::findSharedRanges(func::FuncOp function,
                      llvm::function_ref<bool(GroupOp)> shares,
                      llvm::function_ref<RangeAttr(Value)> getRange) {
  // Without floating point, as in TensorFlow Lite, all has one scale.
  auto module = function->getParentOfType<ModuleOp>();
  auto rounding = module->getAttrOfType<RoundingAttr>(kRoundingAttrName);
  bool mayRescale = !module->hasAttr(kFullyIntegralAttrName) &&
                    (!rounding || rounding.getValue() == Rounding::ONNX);
  llvm::EquivalenceClasses<Value> ties;
  auto membersOf = [&](Value value) {
    ties.insert(value);
    return llvm::to_vector(ties.members(value));
  };
  auto hullOf = [&](Value value) {
    RangeAttr hull;
    for (Value member : membersOf(value))
      hull = getHull(hull, getRange(member));
    return hull;
  };
  // Whether anything but `group`, and what shares the value's integers, reads
  // it.
  auto isReadElsewhere = [&](Value value, GroupOp group) {
    SmallVector<Value> values = membersOf(value);
    while (!values.empty())
      for (Operation *user : values.pop_back_val().getUsers()) {
        auto reader = dyn_cast<GroupOp>(user);
        if (auto reshape = dyn_cast<ReshapeOp>(user))
          values.push_back(reshape.getResult());
        else if (!reader || (reader != group &&
                             !ties.isEquivalent(reader->getResult(0), value)))
          return true;
      }
    return false;
  };
  for (auto group : function.getOps<GroupOp>()) {
    if (!shares(group))
      continue;
    Value result = group->getResult(0);
    llvm::SetVector<Value> inputs;
    for (Value input : group.getInputs())
      if (Value stored = throughReshapes(input);
          isArithmeticFloat(getElementTypeOrSelf(stored)) &&
          !stored.getDefiningOp<ConstantOp>())
        inputs.insert(stored);
    RangeAttr all = getRange(result);
    for (Value input : inputs)
      all = getHull(all, hullOf(input));
    for (Value input : inputs) {
      double own = getWidth(hullOf(input));
      bool isNarrow = mayRescale && inputs.size() > 1 && own > 0 &&
                      getWidth(all) >= kCoarser * own;
      if (!isNarrow || !isReadElsewhere(input, group))
        ties.unionSets(input, result);
    }
  }
  return ties;
}
