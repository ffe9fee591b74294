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

FailureOr<Calibration> mpc::calibrate(ModuleOp grouped, const CompileOptions &options) {
  Location loc = UnknownLoc::get(grouped.getContext());
  // Samples are checked before the compiler does any work for them.
  auto samples = openSamples(grouped, options.calibrationData);
  if (failed(samples))
    return failure();
  auto calibrator = parseCalibrator(options.calibrator);
  if (!calibrator)
    return emitError(loc) << "--calibrator: " << llvm::toString(calibrator.takeError()), failure();

  OwningOpRef<ModuleOp> module = grouped.clone();
  PassManager observe(module->getContext(), ModuleOp::getOperationName());
  observe.addPass(createObserveRanges());
  AssignPrecisionOptions assign;
  assign.precision = "f32";
  observe.addPass(createAssignPrecision(assign));
  if (failed(observe.run(*module)))
    return failure();
  auto runner = ModelRunner::create(*module, options.library);
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
    for (auto [result, tensor] : llvm::enumerate((*runner)->getResults())) {
      auto name = main.getResultAttrOfType<StringAttr>(result, kObservesAttrName);
      if (!name)
        continue;
      if (llvm::Error bad = table.observe(name.getValue(), tensor.valueAt(0), tensor.valueAt(1)))
        return emitError(loc) << options.calibrationData << ": sample " << index << ": " << llvm::toString(std::move(bad)), failure();
    }
    table.addSamples(1);
    if (options.progress)
      options.progress(index + 1, (*samples)->size());
  }
  return table;
}
