//===- AttachRanges.cpp - calibrated ranges on IR -------------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpc/Transforms/Passes.h"
#include "mpc/Transforms/Ranges.h"

namespace mpc {
#define GEN_PASS_DEF_ATTACHRANGES
#include "mpc/Transforms/Passes.h.inc"
} // namespace mpc

using namespace mlir;
using namespace mpc;

std::string mpc::getArgumentName(func::FuncOp func, unsigned index) {
  if (auto name = func.getArgAttrOfType<StringAttr>(index, kNameAttrName))
    return name.str();
  return ("arg" + Twine(index)).str();
}

std::string mpc::getResultName(GroupOp group, unsigned index) {
  if (group->getNumResults() == 1)
    return group.getName().str();
  return (group.getName() + ":" + Twine(index)).str();
}

/// The range of a value of the function, where one is known already.
static std::optional<CalibrationRange> getKnownRange(Value value) {
  while (auto reshape = value.getDefiningOp<ReshapeOp>())
    value = reshape.getInput();
  RangeAttr range;
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    if (auto func = dyn_cast<func::FuncOp>(argument.getOwner()->getParentOp()))
      range = func.getArgAttrOfType<RangeAttr>(argument.getArgNumber(),
                                               kRangeAttrName);
  } else if (auto group = value.getDefiningOp<GroupOp>();
             group && group->getNumResults() == 1) {
    range = group.getRangeAttr();
  }
  if (!range)
    return std::nullopt;
  return CalibrationRange{range.getMin(), range.getMax()};
}

/// The range of what `group` stores, if it only moves, selects or clamps values
/// of known range. Padding widens the range to its value.
static std::optional<CalibrationRange> inferRange(GroupOp group) {
  if (group->getNumResults() != 1)
    return std::nullopt;
  llvm::DenseMap<Value, CalibrationRange> known;
  for (auto [argument, operand] :
       llvm::zip(group.getBody().front().getArguments(), group.getInputs()))
    if (std::optional<CalibrationRange> range = getKnownRange(operand))
      known[argument] = *range;
  for (Operation &op : group.getBody().front().without_terminator()) {
    auto quantizable = dyn_cast<QuantizableOpInterface>(op);
    auto elementwise = dyn_cast<ElementwiseOpInterface>(op);
    bool isClamp = elementwise && elementwise.isClamp();
    if (op.getNumResults() != 1 ||
        (!isClamp && (!quantizable ||
                      quantizable.getQuantRole() != QuantRole::Passthrough)))
      return std::nullopt;
    std::optional<CalibrationRange> result;
    auto include = [&](double min, double max) {
      result = result ? CalibrationRange{std::min(result->min, min),
                                         std::max(result->max, max)}
                      : CalibrationRange{min, max};
    };
    SmallVector<OpOperand *> operands;
    if (quantizable)
      operands = quantizable.getActivationOperands();
    else
      for (OpOperand &operand : op.getOpOperands())
        operands.push_back(&operand);
    for (OpOperand *operand : operands) {
      auto it = known.find(operand->get());
      if (it == known.end())
        return std::nullopt;
      include(it->second.min, it->second.max);
    }
    if (!result)
      return std::nullopt;
    if (auto pad = dyn_cast<PadOp>(op)) {
      double value = pad.getValue().convertToDouble();
      if (!std::isfinite(value))
        return std::nullopt;
      include(value, value);
    }
    if (isClamp) {
      auto [min, max] = elementwise.getClampBounds();
      result->min = std::min(std::max(result->min, min), max);
      result->max = std::min(std::max(result->max, min), max);
    }
    known[op.getResult(0)] = *result;
  }
  auto it = known.find(group.getBody().front().getTerminator()->getOperand(0));
  return it == known.end() ? std::nullopt
                           : std::optional<CalibrationRange>(it->second);
}

LogicalResult mpc::attachRanges(ModuleOp module, const Calibration &calibration,
                                StringRef source) {
  auto hash = module->getAttrOfType<StringAttr>(kModelHashAttrName);
  if (hash && hash.getValue() != calibration.getModelHash())
    return module.emitError("calibration ")
           << source << " is of another model: expected model_hash " << hash
           << ", but got '" << calibration.getModelHash() << "'";
  auto toAttr = [&](CalibrationRange range) {
    return RangeAttr::get(module.getContext(), range.min, range.max);
  };
  for (func::FuncOp func : module.getOps<func::FuncOp>()) {
    if (func.isExternal())
      continue;
    for (BlockArgument argument : func.getArguments())
      if (auto range = calibration.lookup(
              getArgumentName(func, argument.getArgNumber())))
        func.setArgAttr(argument.getArgNumber(), kRangeAttrName,
                        toAttr(*range));
    for (GroupOp group : func.getOps<GroupOp>()) {
      if (group->getNumResults() != 1)
        continue;
      std::optional<CalibrationRange> range =
          calibration.lookup(getResultName(group, 0));
      if (!range && !group.getRangeAttr())
        range = inferRange(group);
      if (range)
        group.setRangeAttr(toAttr(*range));
    }
  }
  return success();
}

namespace {
struct AttachRangesPass : mpc::impl::AttachRangesBase<AttachRangesPass> {
  using AttachRangesBase::AttachRangesBase;
  void runOnOperation() override {
    if (calibration.empty()) {
      getOperation().emitError(
          "expected the option calibration=FILE of mpc-attach-ranges");
      return signalPassFailure();
    }
    llvm::Expected<Calibration> table = Calibration::load(calibration);
    if (!table) {
      getOperation().emitError() << llvm::toString(table.takeError());
      return signalPassFailure();
    }
    if (failed(attachRanges(getOperation(), *table, calibration)))
      signalPassFailure();
  }
};
} // namespace
