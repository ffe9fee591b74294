//===- NarrowFloats.cpp - what fits into f16 ------------------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "NarrowFloats.h"
#include "mpc/Dialect/MPC/Constants.h"
#include "mpc/Transforms/Ranges.h"
#include "mpc/Transforms/SeenRanges.h"
#include "llvm/Support/Format.h"

using namespace mlir;
using namespace mpc;

static constexpr double kLargestF16 = 65504;

static bool isFloat(Value value) {
  return isArithmeticFloat(getElementTypeOrSelf(value));
}

/// What only the caller reads keeps the model's own type.
static bool isOnlyReturned(Value value) {
  return llvm::all_of(value.getUsers(), [](Operation *user) {
    return isa<func::ReturnOp>(user);
  });
}

/// The operands that a group reads in f16: those of a product.
static SmallVector<Value> getNarrowOperands(GroupOp group) {
  SmallVector<Value> values;
  auto root = dyn_cast<QuantizableOpInterface>(group.getRoot());
  if (!root || !root.multipliesNarrow())
    return values;
  OpOperand *bias = root.getBiasOperand();
  for (OpOperand &operand : root->getOpOperands())
    if (auto argument = dyn_cast<BlockArgument>(operand.get());
        argument && &operand != bias)
      values.push_back(group.getInputs()[argument.getArgNumber()]);
  return values;
}

std::string F16Ranges::whyNot(GroupOp group) {
  auto describe = [](StringRef what, double value) {
    std::string text;
    llvm::raw_string_ostream(text)
        << what << " up to " << llvm::format("%.4g", value)
        << " are beyond f16's 65504";
    return text;
  };
  auto magnitude = [](RangeAttr range) {
    return range ? std::max(std::abs(range.getMin()), std::abs(range.getMax()))
                 : 0.0;
  };
  for (Value operand : getNarrowOperands(group)) {
    if (!isFloat(operand))
      continue;
    Value stored = throughReshapes(operand);
    if (ElementsAttr constant = getConstantValue(stored)) {
      double largest = 0;
      if (auto values = getFloatValues(constant))
        for (float value : *values)
          if (std::isfinite(value))
            largest = std::max<double>(largest, std::abs(value));
      if (largest > kLargestF16)
        return describe("weights", largest);
    } else if (double largest = magnitude(getSeenRange(stored));
               largest > kLargestF16) {
      return describe("calibrated inputs", largest);
    }
  }
  for (Value result : group.getResults())
    if (isFloat(result) && !isOnlyReturned(result))
      if (double largest = magnitude(getSeenRange(result));
          largest > kLargestF16)
        return describe("calibrated results", largest);
  return {};
}

bool F16Ranges::isProven(GroupOp group) {
  auto owner = group->getParentOfType<func::FuncOp>();
  if (owner != function) {
    llvm::DenseMap<Value, FloatInterval> inputs;
    for (BlockArgument argument : owner.getArguments())
      if (RangeAttr range = getSeenRange(argument))
        inputs[argument] = {range.getMin(), range.getMax()};
    bounds.emplace(owner, inputs);
    function = owner;
  }
  auto fits = [&](Value value) {
    return !isFloat(value) ||
           bounds->lookup(value).getMagnitude() <= kLargestF16;
  };
  return llvm::all_of(group.getResults(),
                      [&](Value result) {
                        return isOnlyReturned(result) || fits(result);
                      }) &&
         llvm::all_of(getNarrowOperands(group), fits);
}
