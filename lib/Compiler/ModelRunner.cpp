//===- ModelRunner.cpp - run a module on samples while compiling ----------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ModelRunner.h"
#include "mlir/Pass/PassManager.h"
#include "mpc/Compiler/Compiler.h"
#include "mpc/Pipelines/GraphPipelines.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include <dlfcn.h>

using namespace mlir;
using namespace mpc;

FailureOr<std::unique_ptr<ModelRunner>>
ModelRunner::create(ModuleOp annotated, const LibraryOptions &options,
                    Phase phase, unsigned threads) {
  OwningOpRef<ModuleOp> module = annotated.clone();
  std::unique_ptr<ModelRunner> runner(
      new ModelRunner(UnknownLoc::get(module->getContext())));
  ModelInfo info = describeModel(*module);
  runner->inputs = info.inputs;
  runner->outputs = info.outputs;
  // What passes have added has no name of the model, or one that the model uses
  // itself.
  for (auto [i, output] : llvm::enumerate(info.outputs))
    output.name = "result" + std::to_string(i);
  CodegenOptions codegen;
  codegen.marches = {"native"};
  PassManager lower(module->getContext(), ModuleOp::getOperationName());
  if (phase < Phase::Quantized)
    buildQuantizationPipeline(lower);
  buildLinalgPipeline(lower);
  buildLinalgToLLVMPipeline(lower, codegen);
  if (failed(runPasses(lower, *module)))
    return failure();

  if (std::error_code error =
          llvm::sys::fs::createUniqueDirectory("mpc-run", runner->folder))
    return emitError(runner->loc)
               << "no temporary folder in '"
               << llvm::sys::path::parent_path(runner->folder)
               << "' to run the model in: " << error.message(),
           failure();
  LibraryOptions library = options;
  library.output = (runner->folder + "/model.so").str();
  library.emit = EmitKind::Library;
  library.prefix = "run";
  if (failed(emitLibrary(*module, info, library)))
    return failure();
  if (failed(runner->load((runner->folder + "/model.so").str())) ||
      failed(runner->start(threads)))
    return failure();
  return runner;
}

FailureOr<std::unique_ptr<ModelRunner>> ModelRunner::open(Location loc,
                                                          StringRef library) {
  std::unique_ptr<ModelRunner> runner(new ModelRunner(loc));
  SmallString<128> path(library);
  // A name without a folder would be searched among the system's libraries.
  if (std::error_code error = llvm::sys::fs::make_absolute(path))
    return emitError(loc) << library << ": " << error.message(), failure();
  if (!llvm::sys::fs::exists(path))
    return emitError(loc) << library << ": no such file", failure();
  if (failed(runner->load(path.str().str())))
    return failure();
  const mpc_model *model = runner->model;
  mpc_entry_info entry = {};
  entry.struct_size = sizeof(entry);
  if (model->entry_info(model, 0, &entry) != MPC_OK)
    return emitError(loc) << library << ": " << model->last_error(), failure();
  auto describe = [&](auto get, unsigned count,
                      std::vector<TensorInfo> &tensors) {
    for (unsigned i = 0; i < count; ++i) {
      mpc_tensor_info info = {};
      info.struct_size = sizeof(info);
      if (get(model, 0, i, &info) != MPC_OK)
        return false;
      TensorInfo tensor;
      tensor.name = info.name;
      tensor.type = static_cast<ElementType>(info.dtype);
      for (uint32_t d = 0; d < info.rank; ++d)
        tensor.dims.push_back(info.dims[d] == MPC_BATCH ? ShapedType::kDynamic
                                                        : info.dims[d]);
      tensors.push_back(std::move(tensor));
    }
    return true;
  };
  if (!describe(model->input_info, entry.num_inputs, runner->inputs) ||
      !describe(model->output_info, entry.num_outputs, runner->outputs))
    return emitError(loc) << library << ": " << model->last_error(), failure();
  if (failed(runner->start(/*threads=*/0)))
    return failure();
  return runner;
}

ModelRunner::~ModelRunner() {
  if (context)
    model->destroy(context);
  if (handle)
    dlclose(handle);
  if (!folder.empty())
    llvm::sys::fs::remove_directories(folder);
}

LogicalResult ModelRunner::load(const std::string &library) {
  handle = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle)
    return emitError(loc) << library
                          << " does not load as a library: " << dlerror();
  auto query =
      reinterpret_cast<mpc_model_query_fn>(dlsym(handle, "mpc_model_query"));
  model = query ? query(MPC_ABI_VERSION) : nullptr;
  if (!model)
    return emitError(loc) << library
                          << " holds no model that this version of mpc can run";
  return success();
}

LogicalResult ModelRunner::start(unsigned threads) {
  mpc_context_options how = {};
  how.struct_size = sizeof(how);
  how.threads = threads;
  if (model->create(model, &how, &context) != MPC_OK)
    return emitError(loc) << "the compiled model does not start: "
                          << model->last_error();
  for (const TensorInfo &output : outputs) {
    Tensor tensor;
    tensor.type = output.type;
    for (int64_t size : output.dims)
      tensor.shape.push_back(ShapedType::isDynamic(size) ? 1 : size);
    tensor.data.resize(countElements(tensor.shape).value_or(0) *
                       elementBytes(tensor.type));
    results.push_back(std::move(tensor));
  }
  return success();
}

LogicalResult ModelRunner::run(std::vector<Tensor> &sample) {
  auto describe = [](Tensor &tensor) {
    mpc_tensor descriptor = {};
    descriptor.data = tensor.data.data();
    descriptor.shape = tensor.shape.data();
    descriptor.rank = tensor.shape.size();
    descriptor.dtype = static_cast<uint32_t>(tensor.type);
    return descriptor;
  };
  auto in = llvm::map_to_vector(sample, describe),
       out = llvm::map_to_vector(results, describe);
  if (model->run(context, 0, in.data(), in.size(), out.data(), out.size()) !=
      MPC_OK)
    return emitError(loc) << "running the model on a sample: "
                          << model->last_error();
  return success();
}

FailureOr<std::unique_ptr<SampleSet>>
mpc::openSamples(ModuleOp module, const std::string &path) {
  std::vector<SampleInput> expected;
  for (const TensorInfo &input : describeModel(module).inputs) {
    SampleInput entry;
    entry.name = input.name;
    entry.type = input.type;
    for (int64_t size : input.dims)
      entry.shape.push_back(ShapedType::isDynamic(size) ? -1 : size);
    expected.push_back(std::move(entry));
  }
  std::string error;
  auto samples = SampleSet::open(path, expected, error);
  if (!samples)
    return emitError(UnknownLoc::get(module.getContext())) << error, failure();
  return samples;
}
