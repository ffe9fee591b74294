//===- Report.cpp - what was decided, why, and what it costs --------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Report.h"
#include "Calibrate.h"
#include "GroupSizes.h"
#include "Output.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Quant/IR/QuantTypes.h"
#include "mlir/Pass/PassManager.h"
#include "mpc/Dialect/MPC/Constants.h"
#include "mpc/Dialect/MPC/MPCDialect.h"
#include "mpc/Pipelines/GraphPipelines.h"
#include "mpc/Support/PrecisionConfig.h"
#include "mpc/Transforms/Ranges.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Support/Path.h"
#include <cmath>

using namespace mlir;
using namespace mpc;

/// On a group: the model's own name of what it stores.
static constexpr llvm::StringLiteral kStoredTensorAttr = "mpc.tensor";

const ReportGroup *Report::find(StringRef name) const {
  auto it = llvm::find_if(
      groups, [&](const ReportGroup &group) { return group.name == name; });
  return it == groups.end() ? nullptr : &*it;
}

//===----------------------------------------------------------------------===//
// What the IR says
//===----------------------------------------------------------------------===//

/// The names of the model's nodes that a location holds, and of the tensors
/// that they make.
static void collectNames(Location loc, llvm::SetVector<StringRef> &nodes,
                         llvm::SetVector<StringRef> &tensors) {
  loc->walk([&](Location inner) {
    if (auto named = dyn_cast<NameLoc>(inner))
      nodes.insert(named.getName().getValue());
    else if (auto fused = dyn_cast<FusedLoc>(inner))
      if (auto tensor = dyn_cast_or_null<StringAttr>(fused.getMetadata()))
        tensors.insert(tensor.getValue());
    return WalkResult::advance();
  });
}

static ReportTensor describeTensor(std::string name, Value value,
                                   RangeAttr range) {
  auto type = cast<RankedTensorType>(value.getType());
  ReportTensor tensor;
  tensor.name = std::move(name);
  tensor.shape.assign(type.getShape().begin(), type.getShape().end());
  Type element = type.getElementType();
  if (auto quantized = dyn_cast<quant::QuantizedType>(element)) {
    tensor.storage = (quantized.isSigned() ? "s" : "u") +
                     std::to_string(quantized.getStorageTypeIntegralWidth());
    if (auto uniform = dyn_cast<quant::UniformQuantizedType>(quantized)) {
      tensor.scale = uniform.getScale();
      tensor.zeroPoint = uniform.getZeroPoint();
    }
  } else {
    llvm::raw_string_ostream(tensor.storage) << element;
  }
  if (range)
    tensor.range = {range.getMin(), range.getMax()};
  return tensor;
}

static int64_t countConstantBytes(GroupOp group) {
  llvm::SmallPtrSet<Operation *, 4> constants;
  int64_t bytes = 0;
  for (Value input : group.getInputs())
    if (auto constant = input.getDefiningOp<ConstantOp>();
        constant && constants.insert(constant).second)
      bytes += countBytes(input);
  return bytes;
}

/// The value of the function that a group reads, and the name under which its
/// range is known.
static std::pair<Value, std::string> findSource(func::FuncOp function,
                                                Value value) {
  while (auto reshape = value.getDefiningOp<ReshapeOp>())
    value = reshape.getInput();
  if (auto argument = dyn_cast<BlockArgument>(value))
    return {value, argument.getOwner()->getParentOp() == function
                       ? getArgumentName(function, argument.getArgNumber())
                       : "argument"};
  auto result = cast<OpResult>(value);
  return {value, isObserved(result.getOwner()) ? getResultName(result)
                                               : std::string()};
}

static ReportGroup describeGroup(func::FuncOp function, GroupOp group,
                                 GroupOp lowered) {
  ReportGroup entry;
  entry.name = group.getName().str();
  entry.kind = group.getRoot()->getName().stripDialect().str();
  entry.precision =
      stringifyPrecision(group.getPrecision().value_or(Precision::F32)).str();
  entry.reason = group.getReason().value_or("").str();
  llvm::SetVector<StringRef> nodes, tensors;
  if (auto tensor = group->getAttrOfType<StringAttr>(kStoredTensorAttr))
    tensors.insert(tensor.getValue());
  collectNames(group.getLoc(), nodes, tensors);
  for (Operation &op : group.getBlock().without_terminator()) {
    entry.ops.push_back(op.getName().stripDialect().str());
    collectNames(op.getLoc(), nodes, tensors);
  }
  for (StringRef node : nodes)
    entry.nodes.push_back(node.str());
  for (StringRef tensor : tensors)
    entry.tensors.push_back(tensor.str());
  entry.weightBytes = countConstantBytes(group);
  entry.storedWeightBytes =
      lowered ? countConstantBytes(lowered) : entry.weightBytes;

  llvm::SmallPtrSet<Value, 4> seen;
  for (Value input : group.getInputs()) {
    if (auto constant = input.getDefiningOp<ConstantOp>()) {
      entry.weightElements += countElements(input);
      continue;
    }
    auto [source, name] = findSource(function, input);
    if (!seen.insert(source).second)
      continue;
    bool isOutside =
        isa<BlockArgument>(source) || isObserved(source.getDefiningOp());
    entry.inputs.push_back(describeTensor(
        name, input, isOutside ? getRange(source) : RangeAttr()));
  }
  if (auto root = dyn_cast<QuantizableOpInterface>(group.getRoot()))
    if (OpOperand *weight = root.getWeightOperand())
      if (ElementsAttr value = getConstantValue(weight->get()))
        if (auto numbers = getFloatValues(value);
            numbers && !numbers->empty()) {
          auto [low, high] =
              std::minmax_element(numbers->begin(), numbers->end());
          entry.weightRange = {*low, *high};
        }
  for (OpResult result : group->getResults()) {
    ReportTensor tensor =
        describeTensor(getResultName(result), result, getRange(result));
    if (lowered && lowered->getNumResults() == group->getNumResults()) {
      ReportTensor stored = describeTensor(
          "", lowered->getResult(result.getResultNumber()), RangeAttr());
      tensor.storage = stored.storage;
      tensor.scale = stored.scale;
      tensor.zeroPoint = stored.zeroPoint;
    }
    entry.outputs.push_back(std::move(tensor));
  }
  return entry;
}

FailureOr<Report> mpc::makePlainReport(ModuleOp annotated,
                                       const CompileOptions &options) {
  OwningOpRef<ModuleOp> lowered = annotated.clone();
  PassManager pm(annotated.getContext(), ModuleOp::getOperationName());
  buildQuantizationPipeline(pm);
  if (failed(pm.run(*lowered)))
    return failure();
  Report report;
  report.model = describeModel(annotated);
  report.model.name = llvm::sys::path::filename(options.input).str();
  report.model.precision = stringifyPrecisionChoice(options.precision).str();
  auto main = annotated.lookupSymbol<func::FuncOp>("main");
  llvm::StringMap<GroupOp> counterparts;
  lowered->walk([&](GroupOp group) { counterparts[group.getName()] = group; });
  llvm::StringMap<std::string> storage; // of what groups store
  llvm::StringMap<int64_t> macs;
  for (const GroupInfo &group : describeGroups(annotated))
    macs[group.name] = group.macs;
  annotated.walk([&](GroupOp group) {
    GroupOp counterpart = counterparts.lookup(group.getName());
    counterparts.erase(group.getName());
    report.groups.push_back(describeGroup(main, group, counterpart));
    report.groups.back().macs = macs.lookup(group.getName());
    for (const ReportTensor &output : report.groups.back().outputs)
      storage[output.name] = output.storage;
  });
  // In program order, which a map does not keep.
  lowered->walk([&](GroupOp group) {
    if (counterparts.lookup(group.getName()) != group ||
        group->getNumOperands() == 0 || group->getNumResults() != 1)
      return;
    ReportConversion entry;
    entry.name = group.getName().str();
    entry.from = describeTensor("", group.getOperand(0), RangeAttr()).storage;
    entry.to = describeTensor("", group->getResult(0), RangeAttr()).storage;
    entry.elements = countElements(group->getResult(0));
    report.conversions.push_back(std::move(entry));
  });
  for (ReportGroup &group : report.groups)
    for (ReportTensor &input : group.inputs)
      if (auto found = storage.find(input.name); found != storage.end())
        input.storage = found->second;
  auto add = [&](const char *flag, const std::string &value) {
    if (!value.empty())
      report.options.emplace_back(flag, value);
  };
  add("precision", report.model.precision);
  add("calibration-data",
      llvm::sys::path::filename(options.calibrationData).str());
  add("precision-config",
      llvm::sys::path::filename(options.precisionConfig).str());
  if (!options.calibrationData.empty())
    report.calibrator = options.calibrator.empty() ? kDefaultCalibrator.str()
                                                   : options.calibrator;
  return report;
}

void mpc::addErrors(const ErrorAnalysis &analysis, Report &report) {
  report.samples = analysis.samples;
  report.outputs = analysis.outputs;
  report.advice = analysis.advice;
  for (ReportGroup &group : report.groups)
    for (const ReportTensor &output : group.outputs)
      if (auto found = analysis.groups.find(output.name);
          found != analysis.groups.end() && !group.error)
        group.error = found->second;
}

FailureOr<Report> mpc::makeReport(ModuleOp annotated,
                                  const CompileOptions &options) {
  auto report = makePlainReport(annotated, options);
  if (failed(report))
    return failure();
  std::string only;
  if (!options.explain.empty()) {
    auto group = findExplained(UnknownLoc::get(annotated.getContext()), *report,
                               options.explain);
    if (failed(group))
      return failure();
    if (options.report.empty())
      only = (*group)->name;
  }
  if (options.calibrationData.empty())
    return report;
  if (llvm::all_of(report->groups, [](const ReportGroup &group) {
        return group.precision == "f32";
      }))
    return report;
  auto samples = openSamples(annotated, options.calibrationData);
  if (failed(samples))
    return failure();
  auto model = SwitchedModel::create(annotated, options.library);
  if (failed(model))
    return failure();
  // What the model itself quantizes has nothing to be compared with.
  if ((*model)->getSwitches().empty())
    return report;
  auto analysis =
      analyzeErrors(**model, **samples, options.reportSamples, options);
  if (failed(analysis) ||
      failed(findAdvice(**model, **samples, only, *analysis, options)))
    return failure();
  OwningOpRef<ModuleOp> lowered = annotated.clone();
  PassManager pm(annotated.getContext(), ModuleOp::getOperationName());
  buildQuantizationPipeline(pm);
  if (failed(pm.run(*lowered)))
    return failure();
  predictErrors(annotated, *lowered, *analysis);
  addErrors(*analysis, *report);
  return report;
}

LogicalResult mpc::writeReport(Location loc, StringRef path,
                               const Report &report) {
  bool isHTML = llvm::sys::path::extension(path) == ".html";
  return writeFile(loc, path, [&](raw_ostream &os) {
    os << (isHTML ? toHTML(report) : toJSON(report));
    return success();
  });
}
