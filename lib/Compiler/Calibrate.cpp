//===- Calibrate.cpp - run a model over samples and see its ranges --------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Calibrate.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"
#include "mpc/Dialect/MPC/MPCDialect.h"
#include "mpc/Pipelines/GraphPipelines.h"
#include "mpc/Support/SampleSet.h"
#include "mpc/Transforms/Passes.h"
#include "mpc/runtime.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include <dlfcn.h>

using namespace mlir;
using namespace mpc;

namespace {

/// A library that was just compiled, opened in this process.
class LoadedModel {
public:
  LoadedModel(Location loc) : loc(loc) {}
  ~LoadedModel() {
    if (context)
      model->destroy(context);
    if (handle)
      dlclose(handle);
  }
  LogicalResult open(const std::string &path) {
    handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!handle)
      return emitError(loc) << "the calibration library does not load: " << dlerror();
    auto query = reinterpret_cast<mpc_model_query_fn>(dlsym(handle, "mpc_model_query"));
    model = query ? query(MPC_ABI_VERSION) : nullptr;
    if (!model)
      return emitError(loc) << "the calibration library has no model";
    if (model->create(model, nullptr, &context) != MPC_OK)
      return emitError(loc) << "the calibration library does not start: " << model->last_error();
    return success();
  }
  LogicalResult run(ArrayRef<mpc_tensor> inputs, ArrayRef<mpc_tensor> outputs) {
    if (model->run(context, 0, inputs.data(), inputs.size(), outputs.data(), outputs.size()) != MPC_OK)
      return emitError(loc) << "calibration: " << model->last_error();
    return success();
  }

private:
  Location loc;
  void *handle = nullptr;
  const mpc_model *model = nullptr;
  mpc_context *context = nullptr;
};

/// A folder that goes when its owner does.
struct TemporaryFolder {
  SmallString<128> path;
  ~TemporaryFolder() {
    if (!path.empty())
      llvm::sys::fs::remove_directories(path);
  }
};

} // namespace

/// The f32 library with observers: its extra outputs, in order, hold [min, max] of the tensors that `observed` names.
static LogicalResult compileObserved(ModuleOp grouped, const CompileOptions &options, StringRef output,
                                     std::vector<TensorInfo> &inputs, std::vector<TensorInfo> &outputs,
                                     std::vector<std::string> &observed) {
  OwningOpRef<ModuleOp> module = grouped.clone();
  MLIRContext *context = module->getContext();
  CodegenOptions codegen;
  codegen.marches = {"native"};
  PassManager observe(context, ModuleOp::getOperationName());
  observe.addPass(createObserveRanges());
  AssignPrecisionOptions assign;
  assign.precision = "f32";
  observe.addPass(createAssignPrecision(assign));
  if (failed(observe.run(*module)))
    return failure();
  ModelInfo info = describeModel(*module);
  auto main = module->lookupSymbol<func::FuncOp>("main");
  for (unsigned i = 0; i < main.getNumResults(); ++i) {
    auto name = main.getResultAttrOfType<StringAttr>(i, "mpc.observes");
    observed.push_back(name ? name.str() : "");
    if (name)
      info.outputs[i].name = "observed:" + name.str();
  }
  PassManager lower(context, ModuleOp::getOperationName());
  buildQuantizationPipeline(lower);
  buildLinalgPipeline(lower);
  buildLinalgToLLVMPipeline(lower, codegen);
  if (failed(lower.run(*module)))
    return failure();
  LibraryOptions library = options.library;
  library.output = output.str();
  library.emit = EmitKind::Library;
  library.prefix = "calibration";
  inputs = info.inputs;
  outputs = info.outputs;
  return emitLibrary(*module, info, library);
}

FailureOr<Calibration> mpc::calibrate(ModuleOp grouped, const CompileOptions &options) {
  Location loc = UnknownLoc::get(grouped.getContext());
  ModelInfo model = describeModel(grouped);
  std::vector<SampleInput> expected;
  for (const TensorInfo &input : model.inputs) {
    SampleInput entry;
    entry.name = input.name;
    entry.type = input.type;
    for (int64_t size : input.dims)
      entry.shape.push_back(ShapedType::isDynamic(size) ? -1 : size);
    expected.push_back(std::move(entry));
  }
  // Samples are checked before the compiler does any work for them.
  std::string error;
  auto samples = SampleSet::open(options.calibrationData, expected, error);
  if (!samples)
    return emitError(loc) << error, failure();
  auto calibrator = parseCalibrator(options.calibrator);
  if (!calibrator)
    return emitError(loc) << "--calibrator: " << llvm::toString(calibrator.takeError()), failure();

  TemporaryFolder folder;
  if (std::error_code error = llvm::sys::fs::createUniqueDirectory("mpc-calibration", folder.path))
    return emitError(loc) << "no temporary folder for calibration: " << error.message(), failure();
  SmallString<128> path(folder.path);
  llvm::sys::path::append(path, "observed.so");
  std::vector<TensorInfo> inputs, outputs;
  std::vector<std::string> observed;
  LoadedModel library(loc);
  if (failed(compileObserved(grouped, options, path, inputs, outputs, observed)) || failed(library.open(path.str().str())))
    return failure();

  // One tensor of memory for each input (filled by the sample set) and output.
  std::vector<Tensor> sample, results;
  SmallVector<mpc_tensor> inputTensors(inputs.size()), outputTensors;
  auto describe = [](Tensor &tensor) {
    mpc_tensor descriptor = {};
    descriptor.data = tensor.data.data();
    descriptor.shape = tensor.shape.data();
    descriptor.rank = tensor.shape.size();
    descriptor.dtype = static_cast<uint32_t>(tensor.type);
    return descriptor;
  };
  for (const TensorInfo &output : outputs) {
    Tensor tensor;
    tensor.type = output.type;
    for (int64_t size : output.dims)
      tensor.shape.push_back(ShapedType::isDynamic(size) ? 1 : size);
    tensor.data.resize(countElements(tensor.shape).value_or(0) * elementBytes(tensor.type));
    results.push_back(std::move(tensor));
  }
  for (Tensor &tensor : results)
    outputTensors.push_back(describe(tensor));

  Calibration table(*calibrator, model.hash);
  for (int64_t index = 0; index < samples->size(); ++index) {
    if (!samples->read(index, sample, error))
      return emitError(loc) << error, failure();
    llvm::transform(sample, inputTensors.begin(), describe);
    if (failed(library.run(inputTensors, outputTensors)))
      return failure();
    for (auto [tensor, name] : llvm::zip(results, observed)) {
      if (name.empty())
        continue;
      if (llvm::Error bad = table.observe(name, tensor.valueAt(0), tensor.valueAt(1)))
        return emitError(loc) << options.calibrationData << ": sample " << index << ": " << llvm::toString(std::move(bad)), failure();
    }
    table.addSamples(1);
    if (options.progress)
      options.progress(index + 1, samples->size());
  }
  return table;
}
