//===- ApplyRepairs.cpp - carry out what repairs decided ------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpc/Transforms/ApplyRepairs.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mpc/Support/QuantMath.h"
#include "mpc/Transforms/ChannelFactors.h"
#include "mpc/Transforms/Passes.h"
#include "mpc/Transforms/Ranges.h"
#include "llvm/ADT/StringMap.h"

namespace mpc {
#define GEN_PASS_DEF_APPLYREPAIRS
#include "mpc/Transforms/Passes.h.inc"
} // namespace mpc

using namespace mlir;
using namespace mpc;

namespace {
class Applier {
public:
  Applier(ModuleOp module, const RepairStep &step, StringRef source)
      : module(module), step(step), source(source) {
    for (auto function : module.getOps<func::FuncOp>())
      for (auto group : function.getOps<GroupOp>())
        groups[group.getName()] = group;
  }
  LogicalResult run();

private:
  InFlightDiagnostic emitError(StringRef name) {
    return mlir::emitError(UnknownLoc::get(module.getContext()))
           << source << ": " << getRepairName(step.repair) << " of '" << name
           << "': ";
  }
  FailureOr<GroupOp> find(StringRef name) {
    auto it = groups.find(name);
    if (it == groups.end())
      return emitError(name) << "expected a group of the model, but there is "
                                "none of this name",
             failure();
    return it->second;
  }
  FailureOr<ContractionWeights> findContraction(StringRef name, size_t count) {
    auto group = find(name);
    if (failed(group))
      return failure();
    auto contraction = ContractionWeights::get(*group);
    if (!contraction)
      return emitError(name) << "expected a contraction with constant weights",
             failure();
    if (count != size_t(contraction->getNumOutputs()))
      return emitError(name) << "expected a number for each of "
                             << contraction->getNumOutputs()
                             << " output channels, but got " << count,
             failure();
    return std::move(*contraction);
  }
  LogicalResult setRangeOf(StringRef name, CalibrationRange range);
  LogicalResult setCodes(StringRef name, ArrayRef<int8_t> codes);

  ModuleOp module;
  const RepairStep &step;
  StringRef source;
  llvm::StringMap<GroupOp> groups;
};

LogicalResult Applier::setRangeOf(StringRef name, CalibrationRange range) {
  auto attr = RangeAttr::get(module.getContext(), range.min, range.max);
  if (auto it = groups.find(name); it != groups.end()) {
    it->second.setRangeAttr(attr);
    return success();
  }
  for (auto function : module.getOps<func::FuncOp>())
    for (BlockArgument argument : function.getArguments())
      if (getArgumentName(function, argument.getArgNumber()) == name) {
        function.setArgAttr(argument.getArgNumber(), kRangeAttrName, attr);
        return success();
      }
  return emitError(name) << "expected an input or a group of the model, but "
                            "there is none of this name";
}

LogicalResult Applier::setCodes(StringRef name, ArrayRef<int8_t> codes) {
  auto scales = step.weightScales.find(name.str());
  if (scales == step.weightScales.end())
    return emitError(name) << "expected weight_scales beside codes";
  auto contraction = findContraction(name, scales->second.size());
  if (failed(contraction))
    return failure();
  if (codes.size() != contraction->weights.size())
    return emitError(name) << "expected " << contraction->weights.size()
                           << " codes, but got " << codes.size();
  for (int64_t o = 0; o < contraction->getNumOutputs(); ++o)
    for (int64_t k = 0; k < contraction->getNumProducts(); ++k) {
      int64_t index = contraction->getIndex(o, k);
      contraction->weights[index] = dequantize(
          codes[index], QuantParams{scales->second[o], 0, -127, 127});
    }
  contraction->write();
  return success();
}

LogicalResult Applier::run() {
  for (const auto &[name, factors] : step.factors) {
    auto group = find(name);
    if (failed(group) || failed(foldChannelFactors(*group, factors)))
      return failure();
  }
  for (const auto &[name, range] : step.ranges)
    if (failed(setRangeOf(name, range)))
      return failure();
  for (const auto &[name, codes] : step.codes)
    if (failed(setCodes(name, codes)))
      return failure();
  for (const auto &[name, scales] : step.weightScales) {
    auto contraction = findContraction(name, scales.size());
    if (failed(contraction))
      return failure();
    contraction->getGroup()->setAttr(
        kWeightScalesAttrName,
        DenseF32ArrayAttr::get(module.getContext(), scales));
  }
  for (const auto &[name, bias] : step.bias) {
    auto contraction = findContraction(name, bias.size());
    if (failed(contraction))
      return failure();
    for (auto [sum, correction] : llvm::zip(contraction->bias, bias))
      sum = static_cast<float>(double(sum) + correction);
    contraction->write();
    // Nothing is left for mpc-insert-quantization to correct.
    contraction->getGroup()->removeAttr(kInputMeansAttrName);
  }
  return success();
}

struct ApplyRepairs : mpc::impl::ApplyRepairsBase<ApplyRepairs> {
  using ApplyRepairsBase::ApplyRepairsBase;
  void runOnOperation() override {
    if (decisions.empty()) {
      getOperation().emitError(
          "expected the option decisions=FILE of mpc-apply-repairs");
      return signalPassFailure();
    }
    llvm::Expected<RepairDecisions> loaded = RepairDecisions::load(decisions);
    if (!loaded) {
      getOperation().emitError() << llvm::toString(loaded.takeError());
      return signalPassFailure();
    }
    for (const RepairStep &step : loaded->steps)
      if (failed(applyRepair(getOperation(), step, decisions)))
        return signalPassFailure();
  }
};
} // namespace

LogicalResult mpc::applyRepair(ModuleOp module, const RepairStep &step,
                               StringRef source) {
  return Applier(module, step, source).run();
}
