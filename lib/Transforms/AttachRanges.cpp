//===- AttachRanges.cpp - calibrated ranges on IR -------------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpc/Transforms/ContractionWeights.h"
#include "mpc/Transforms/Passes.h"
#include "mpc/Transforms/SeenRanges.h"

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

bool mpc::isObserved(Operation *op) {
  return isa<GroupOp>(op) ||
         (op->getNumRegions() != 0 && op->hasAttr(kNameAttrName));
}

std::string mpc::getResultName(OpResult result) {
  Operation *op = result.getOwner();
  auto group = dyn_cast<GroupOp>(op);
  StringRef name =
      group ? group.getName() : op->getAttrOfType<StringAttr>(kNameAttrName);
  if (op->getNumResults() == 1)
    return name.str();
  return (name + ":" + Twine(result.getResultNumber())).str();
}

RangeAttr mpc::getRange(Value value) {
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    auto func = dyn_cast<func::FuncOp>(argument.getOwner()->getParentOp());
    return func ? func.getArgAttrOfType<RangeAttr>(argument.getArgNumber(),
                                                   kRangeAttrName)
                : RangeAttr();
  }
  auto result = cast<OpResult>(value);
  if (auto group = dyn_cast<GroupOp>(result.getOwner());
      group && group->getNumResults() == 1)
    return group.getRangeAttr();
  auto ranges = result.getOwner()->getAttrOfType<ArrayAttr>(kRangesAttrName);
  return ranges && result.getResultNumber() < ranges.size()
             ? dyn_cast<RangeAttr>(ranges[result.getResultNumber()])
             : RangeAttr();
}

void mpc::setRange(OpResult result, RangeAttr range) {
  Operation *op = result.getOwner();
  if (auto group = dyn_cast<GroupOp>(op); group && op->getNumResults() == 1)
    return group.setRangeAttr(range);
  SmallVector<Attribute> ranges(op->getNumResults(),
                                UnitAttr::get(op->getContext()));
  for (OpResult other : op->getResults())
    if (RangeAttr known = getRange(other))
      ranges[other.getResultNumber()] = known;
  ranges[result.getResultNumber()] = range;
  op->setAttr(kRangesAttrName, ArrayAttr::get(op->getContext(), ranges));
}

/// The means of what a group's contraction reads.
static LogicalResult attachInputMeans(GroupOp group,
                                      const Calibration &calibration,
                                      StringRef source) {
  const InputChannels *channels = calibration.getInputChannels(group.getName());
  auto contraction = channels ? ContractionWeights::get(group) : std::nullopt;
  if (!contraction)
    return success();
  std::vector<float> means = channels->getMeans();
  if (means.empty())
    return success();
  if (int64_t(means.size()) != contraction->getNumInputs())
    return group.emitError("calibration ")
           << source << ": expected sums of " << contraction->getNumInputs()
           << " input channels of '" << group.getName() << "', but got "
           << means.size();
  group->setAttr(kInputMeansAttrName,
                 DenseF32ArrayAttr::get(group.getContext(), means));
  return success();
}

/// The range of a value of the function, where one is known already.
static std::optional<CalibrationRange>
getKnownRange(Value value, function_ref<RangeAttr(Value)> get) {
  while (auto reshape = value.getDefiningOp<ReshapeOp>())
    value = reshape.getInput();
  RangeAttr range = get(value);
  if (!range)
    return std::nullopt;
  return CalibrationRange{range.getMin(), range.getMax()};
}

/// The range of what `group` stores, if it only moves, selects or clamps values
/// of known range, which `get` knows. Padding widens the range to its value.
static std::optional<CalibrationRange>
inferRange(GroupOp group, function_ref<RangeAttr(Value)> get) {
  if (group->getNumResults() != 1)
    return std::nullopt;
  llvm::DenseMap<Value, CalibrationRange> known;
  for (auto [argument, operand] :
       llvm::zip(group.getBody().front().getArguments(), group.getInputs()))
    if (std::optional<CalibrationRange> range = getKnownRange(operand, get))
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
  auto lookupSeen = [&](const std::string &name) {
    const Observation *observation = calibration.getObservation(name);
    return observation ? std::optional(observation->seen) : std::nullopt;
  };
  for (func::FuncOp func : module.getOps<func::FuncOp>()) {
    if (func.isExternal())
      continue;
    for (BlockArgument argument : func.getArguments()) {
      unsigned index = argument.getArgNumber();
      std::string name = getArgumentName(func, index);
      if (auto range = calibration.lookup(name)) {
        func.setArgAttr(index, kRangeAttrName, toAttr(*range));
        func.removeArgAttr(index, kSeenAttrName);
        if (auto seen = lookupSeen(name); !(seen == range))
          func.setArgAttr(index, kSeenAttrName, toAttr(*seen));
      }
    }
    for (auto group : func.getOps<GroupOp>())
      if (failed(attachInputMeans(group, calibration, source)))
        return failure();
    for (Operation &op : func.getBody().front())
      if (isObserved(&op))
        for (OpResult result : op.getResults()) {
          std::string name = getResultName(result);
          auto range = calibration.lookup(name), seen = lookupSeen(name);
          auto group = dyn_cast<GroupOp>(op);
          if (group && !range && !getRange(result)) {
            range = inferRange(group, getRange);
            seen = inferRange(group, getSeenRange);
          }
          if (!range)
            continue;
          setRange(result, toAttr(*range));
          op.removeAttr(kSeenAttrName);
          if (op.getNumResults() == 1 && !(seen == range))
            op.setAttr(kSeenAttrName, toAttr(*seen));
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
    llvm::Expected<Calibration> table =
        loadCalibration(getOperation(), calibration);
    if (!table) {
      getOperation().emitError() << llvm::toString(table.takeError());
      return signalPassFailure();
    }
    if (failed(attachRanges(getOperation(), *table, calibration)))
      signalPassFailure();
  }
};
} // namespace
