//===- Calibrate.cpp - run a model over samples and see its ranges --------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Calibrate.h"
#include "ModelRunner.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"
#include "mpc/Transforms/Passes.h"
#include "mpc/Transforms/Ranges.h"

using namespace mlir;
using namespace mpc;

static FailureOr<Calibrator> getCalibrator(Location loc,
                                           const CompileOptions &options) {
  auto calibrator = parseCalibrator(options.calibrator.empty()
                                        ? StringRef(kDefaultCalibrator)
                                        : StringRef(options.calibrator));
  if (!calibrator)
    return emitError(loc) << "--calibrator: "
                          << llvm::toString(calibrator.takeError()),
           failure();
  return *calibrator;
}

/// Observers behind every group, and all of it in f32.
static LogicalResult observe(ModuleOp module, const Calibrator &calibrator) {
  PassManager passes(module->getContext(), ModuleOp::getOperationName());
  ObserveRangesOptions observers;
  observers.histograms = calibrator.needsHistogram();
  passes.addPass(createObserveRanges(observers));
  AssignPrecisionOptions assign;
  assign.precision = "f32";
  passes.addPass(createAssignPrecision(assign));
  return passes.run(module);
}

FailureOr<Calibration> mpc::calibrate(ModuleOp grouped,
                                      const CompileOptions &options) {
  Location loc = UnknownLoc::get(grouped.getContext());
  // Samples are checked before the compiler does any work for them.
  auto samples = openSamples(grouped, options.calibrationData);
  if (failed(samples))
    return failure();
  auto calibrator = getCalibrator(loc, options);
  if (failed(calibrator))
    return failure();

  OwningOpRef<ModuleOp> module = grouped.clone();
  if (failed(observe(*module, *calibrator)))
    return failure();
  LibraryOptions library = options.library;
  library.isTransient = true;
  auto runner = ModelRunner::create(*module, library);
  if (failed(runner))
    return failure();
  auto main = module->lookupSymbol<func::FuncOp>("main");

  Calibration table(*calibrator, describeModel(grouped).hash);
  std::vector<Tensor> sample;
  std::string error;
  for (int64_t index = 0; index < (*samples)->size(); ++index) {
    if (!(*samples)->read(index, sample, error))
      return emitError(loc) << error, failure();
    if (failed((*runner)->run(sample)))
      return failure();
    ArrayRef<Tensor> results = (*runner)->getResults();
    for (auto [result, tensor] : llvm::enumerate(results)) {
      auto getInt64s = [](const Tensor &counted) {
        return ArrayRef(reinterpret_cast<const int64_t *>(counted.data.data()),
                        counted.numElements());
      };
      if (auto group =
              main.getResultAttrOfType<StringAttr>(result, kSumsAttrName))
        table.observeInputs(group.getValue(), getInt64s(tensor));
      auto name =
          main.getResultAttrOfType<StringAttr>(result, kObservesAttrName);
      if (!name)
        continue;
      // The counts follow the range.
      ArrayRef<int64_t> counts;
      if (calibrator->needsHistogram())
        counts = getInt64s(results[result + 1]);
      if (llvm::Error bad = table.observe(name.getValue(), tensor.valueAt(0),
                                          tensor.valueAt(1), counts))
        return emitError(loc) << options.calibrationData << ": sample " << index
                              << ": " << llvm::toString(std::move(bad)),
               failure();
    }
    table.addSamples(1);
    options.progress("calibrating", index + 1, (*samples)->size());
  }
  return table;
}

FailureOr<ObserverInfo> mpc::addObservers(ModuleOp grouped,
                                          const CompileOptions &options) {
  auto calibrator =
      getCalibrator(UnknownLoc::get(grouped.getContext()), options);
  if (failed(calibrator) || failed(observe(grouped, *calibrator)))
    return failure();
  ObserverInfo info;
  info.head = Calibration(*calibrator, describeModel(grouped).hash).getHead();
  info.histograms = calibrator->needsHistogram();
  info.movingAverage = calibrator->kind == Calibrator::MovingAverage;
  auto main = grouped.lookupSymbol<func::FuncOp>("main");
  for (unsigned result = 0; result < main.getNumResults(); ++result)
    if (auto name =
            main.getResultAttrOfType<StringAttr>(result, kObservesAttrName))
      info.tensors.push_back(name.str());
    else if (auto group =
                 main.getResultAttrOfType<StringAttr>(result, kSumsAttrName))
      info.inputs.push_back(
          {group.str(),
           cast<RankedTensorType>(main.getResultTypes()[result]).getDimSize(0) -
               1});
  return info;
}
