//===- ForeignRanges.cpp - ranges that name the model's tensors -----------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpc/Analysis/ForeignCalibration.h"
#include "mpc/Transforms/Ranges.h"
#include "llvm/Support/MemoryBuffer.h"
#include <limits>

using namespace mlir;
using namespace mpc;

/// Whether the group only moves, selects or clamps: then its range follows from
/// those of its inputs, and so does one that is its own clamp's.
static bool isMovement(GroupOp group) {
  return llvm::all_of(
      group.getBody().front().without_terminator(), [](Operation &op) {
        auto elementwise = dyn_cast<ElementwiseOpInterface>(op);
        auto role = dyn_cast<QuantizableOpInterface>(op);
        return (elementwise && elementwise.isClamp()) ||
               (role && role.getQuantRole() == QuantRole::Passthrough);
      });
}

/// What a clamp at the end of the group leaves of a range. Tables of symmetric
/// ranges give a Relu's output negative values, too.
static CalibrationRange cutByClamp(GroupOp group, CalibrationRange range) {
  Operation *last =
      group.getBody().front().getTerminator()->getOperand(0).getDefiningOp();
  auto clamp = dyn_cast_or_null<ElementwiseOpInterface>(last);
  if (!clamp || !clamp.isClamp())
    return range;
  auto [min, max] = clamp.getClampBounds();
  return {std::min(std::max(range.min, min), max),
          std::min(std::max(range.max, min), max)};
}

namespace {
class Resolver {
public:
  Resolver(ModuleOp module, const ForeignCalibration &table)
      : module(module), table(table) {}
  llvm::Expected<Calibration> resolve(StringRef source);

private:
  std::optional<CalibrationRange> find(StringRef tensor);
  llvm::Error reportNoMatch(StringRef source);

  ModuleOp module;
  const ForeignCalibration &table;
  std::vector<std::string> tensors; // of the model
};
} // namespace

std::optional<CalibrationRange> Resolver::find(StringRef tensor) {
  tensors.push_back(tensor.str());
  auto it = table.ranges.find(tensor.str());
  if (it != table.ranges.end())
    return it->second;
  // TPU-MLIR appends the operator to the tensor's name: conv1_Conv.
  it = table.ranges.lower_bound((tensor + "_").str());
  if (table.tool == "TPU-MLIR" && it != table.ranges.end() &&
      StringRef(it->first).starts_with((tensor + "_").str()) &&
      !StringRef(it->first).drop_front(tensor.size() + 1).contains('_'))
    return it->second;
  return std::nullopt;
}

llvm::Error Resolver::reportNoMatch(StringRef source) {
  unsigned least = std::numeric_limits<unsigned>::max();
  std::string named, nearest;
  for (const auto &[name, range] : table.ranges)
    for (const std::string &tensor : tensors)
      if (unsigned distance = StringRef(name).edit_distance(
              tensor, /*AllowReplacements=*/true, least);
          distance < least) {
        least = distance;
        named = name;
        nearest = tensor;
      }
  std::string hint;
  if (!named.empty())
    hint = ": it has '" + named + "', the nearest in the model is '" + nearest +
           "'";
  return llvm::createStringError(source + ": this table of " + table.tool +
                                 " names no tensor of the model" + hint);
}

llvm::Expected<Calibration> Resolver::resolve(StringRef source) {
  auto hash = module->getAttrOfType<StringAttr>(kModelHashAttrName);
  Calibration result(Calibrator::MinMax, hash ? hash.str() : "");
  auto insert = [&](StringRef name, CalibrationRange range) {
    // Finite and in order: the reader has seen to that.
    llvm::cantFail(result.observe(name, range.min, range.max));
  };
  for (auto func : module.getOps<func::FuncOp>()) {
    if (func.isExternal())
      continue;
    llvm::DenseSet<Value> known;
    for (BlockArgument argument : func.getArguments()) {
      std::string name = getArgumentName(func, argument.getArgNumber());
      if (auto range = find(name)) {
        insert(name, *range);
        known.insert(argument);
      }
    }
    for (auto group : func.getOps<GroupOp>()) {
      auto tensor = group->getAttrOfType<StringAttr>(kTensorAttrName);
      auto range =
          tensor ? find(tensor.getValue()) : std::optional<CalibrationRange>();
      bool followsInputs =
          isMovement(group) &&
          llvm::all_of(group.getInputs(), [&](Value value) {
            while (auto reshape = value.getDefiningOp<ReshapeOp>())
              value = reshape.getInput();
            return known.contains(value);
          });
      if (range && !followsInputs)
        insert(getResultName(group->getResult(0)), cutByClamp(group, *range));
      if (range || followsInputs)
        known.insert(group->getResults().begin(), group->getResults().end());
    }
  }
  if (result.getObservations().empty())
    return reportNoMatch(source);
  return result;
}

llvm::Expected<Calibration> mpc::loadCalibration(ModuleOp module,
                                                 StringRef path) {
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/true);
  if (std::error_code error = buffer.getError())
    return llvm::createStringError(path + ": " + error.message());
  StringRef text = (*buffer)->getBuffer();
  auto foreign = parseForeignCalibration(text, path);
  if (!foreign)
    return foreign.takeError();
  if (*foreign)
    return Resolver(module, **foreign).resolve(path);
  return Calibration::parse(text, path);
}
