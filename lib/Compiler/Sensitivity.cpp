//===- Sensitivity.cpp - what each group loses in each precision ----------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Sensitivity.h"
#include "Accuracy.h"
#include "ModelRunner.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"
#include "mpc/Pipelines/GraphPipelines.h"
#include "mpc/Transforms/Passes.h"
#include "mpc/Transforms/Switches.h"
#include <cstring>

using namespace mlir;
using namespace mpc;

/// The module in f32 with every candidate behind a switch, of the phase
/// quantized.
static FailureOr<OwningOpRef<ModuleOp>> addSwitches(const SearchGraph &graph,
                                                    ModuleOp module) {
  OwningOpRef<ModuleOp> copy = module.clone();
  Builder builder(copy->getContext());
  llvm::StringMap<const SearchGraph::Group *> byName;
  for (const SearchGraph::Group &group : graph.groups)
    byName[group.name] = &group;
  auto main = copy->lookupSymbol<func::FuncOp>("main");
  for (auto op : main.getOps<GroupOp>()) {
    const SearchGraph::Group *group = byName.lookup(op.getName());
    op.setPrecision(group->candidates.front());
    SmallVector<Attribute> candidates;
    for (Precision precision : llvm::drop_begin(group->candidates))
      candidates.push_back(
          builder.getStringAttr(stringifyPrecision(precision)));
    if (!candidates.empty() && group->candidates.front() == Precision::F32)
      op->setAttr(kCandidatesAttrName, builder.getArrayAttr(candidates));
  }
  PassManager pm(copy->getContext(), ModuleOp::getOperationName());
  pm.addPass(createAddVariants());
  buildQuantizationPipeline(pm);
  pm.addPass(createInsertSwitches());
  if (failed(pm.run(*copy)))
    return failure();
  return copy;
}

LogicalResult mpc::measureSensitivity(SearchGraph &graph, ModuleOp module,
                                      SampleSet &samples,
                                      const CompileOptions &options) {
  auto switched = addSwitches(graph, module);
  if (failed(switched))
    return failure();
  auto names = (**switched)->getAttrOfType<ArrayAttr>(kSwitchesAttrName);
  auto runner =
      ModelRunner::create(**switched, options.library, Phase::Quantized);
  if (failed(runner))
    return failure();
  switched->release()->erase();
  size_t numOutputs = (*runner)->getOutputs().size(),
         numSwitches = names ? names.size() : 0;
  graph.numOutputs = numOutputs;
  if (!numSwitches)
    return success();

  Tensor switches;
  switches.type = ElementType::I64;
  switches.shape = {static_cast<int64_t>(numSwitches)};
  switches.data.resize(numSwitches * sizeof(int64_t));
  auto set = [&](size_t index, int64_t value) {
    std::memcpy(&switches.data[index * sizeof(value)], &value, sizeof(value));
  };
  // More samples where there is less to measure.
  std::vector<int64_t> chosen = chooseSamples(
      samples.size(), std::clamp<int64_t>(2400 / numSwitches, 4, 32));
  std::vector<double> signal(numOutputs);
  std::vector<std::vector<double>> noise(numSwitches,
                                         std::vector<double>(numOutputs));
  std::vector<Tensor> sample;
  std::string error;
  size_t done = 0, all = chosen.size() * (numSwitches + 1);
  for (int64_t index : chosen) {
    if (!samples.read(index, sample, error))
      return emitError((*runner)->getLoc()) << error;
    sample.push_back(switches);
    auto run = [&]() -> LogicalResult {
      sample.back() = switches;
      options.progress("measuring sensitivity", ++done, all);
      return (*runner)->run(sample);
    };
    if (failed(run()))
      return failure();
    std::vector<std::vector<float>> exact;
    for (const Tensor &result : (*runner)->getResults()) {
      exact.push_back(getFloats(result));
      for (float value : exact.back())
        if (std::isfinite(value))
          signal[exact.size() - 1] += double(value) * value;
    }
    for (size_t s = 0; s < numSwitches; ++s) {
      set(s, 1);
      if (failed(run()))
        return failure();
      set(s, 0);
      for (size_t o = 0; o < numOutputs; ++o) {
        std::vector<float> got = getFloats((*runner)->getResults()[o]);
        for (auto [wanted, value] : llvm::zip(exact[o], got))
          if (std::isfinite(wanted)) {
            double difference =
                std::isfinite(value) ? double(wanted) - value : double(wanted);
            noise[s][o] += difference * difference;
          }
      }
    }
    sample.pop_back();
  }

  llvm::StringMap<unsigned> byName;
  for (auto [index, group] : llvm::enumerate(graph.groups))
    byName[group.name] = index;
  for (auto [s, name] : llvm::enumerate(names.getAsRange<StringAttr>())) {
    for (size_t o = 0; o < numOutputs; ++o)
      noise[s][o] = signal[o] > 0 ? noise[s][o] / signal[o] : 0;
    auto [groupName, variant] = name.getValue().rsplit(':');
    SearchGraph::Group &group = graph.groups[byName.lookup(groupName)];
    if (variant == kStoreVariant)
      graph.values[*group.value].storeNoise = std::move(noise[s]);
    else
      group.noise[*symbolizePrecision(variant)] = std::move(noise[s]);
  }
  return success();
}
