//===- Compiler.cpp - the whole line, from a model to a library -----------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpc/Compiler/Compiler.h"
#include "Calibrate.h"
#include "CheckOptions.h"
#include "Decisions.h"
#include "Diagnose.h"
#include "Latency.h"
#include "Output.h"
#include "Repair.h"
#include "Report.h"
#include "Tune.h"
#include "mlir/Bytecode/BytecodeWriter.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Support/FileUtilities.h"
#include "mpc/Dialect/MPC/MPCDialect.h"
#include "mpc/Frontend/ONNX/Import.h"
#include "mpc/Pipelines/GraphPipelines.h"
#include "mpc/Support/PreprocessConfig.h"
#include "mpc/Support/ResourceCheck.h"
#include "mpc/Support/TensorFile.h"
#include "mpc/Transforms/IntegerFormats.h"
#include "mpc/Transforms/Passes.h"
#include "mpc/Transforms/Ranges.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SourceMgr.h"
#include <cmath>

using namespace mlir;
using namespace mpc;

StringRef mpc::stringifyPrecisionChoice(PrecisionChoice choice) {
  switch (choice) {
  case PrecisionChoice::Keep:
    return "keep";
  case PrecisionChoice::F32:
    return "f32";
  case PrecisionChoice::F16:
    return "f16";
  case PrecisionChoice::BF16:
    return "bf16";
  case PrecisionChoice::INT8:
    return "int8";
  case PrecisionChoice::INT16:
    return "int16";
  case PrecisionChoice::W8:
    return "w8";
  case PrecisionChoice::W4:
    return "w4";
  case PrecisionChoice::Auto:
    return "auto";
  }
  llvm_unreachable("all choices are handled");
}

static std::vector<TensorInfo>
describeTensors(TypeRange types,
                llvm::function_ref<DictionaryAttr(unsigned)> attributesOf,
                StringRef kind) {
  std::vector<TensorInfo> result;
  for (auto [i, type] : llvm::enumerate(types)) {
    auto tensor = cast<RankedTensorType>(type);
    TensorInfo info;
    DictionaryAttr attributes = attributesOf(i);
    auto name =
        attributes ? attributes.getAs<StringAttr>("mpc.name") : StringAttr();
    info.name = name ? name.str() : (kind + Twine(i)).str();
    info.type =
        getBorderType(tensor.getElementType()).value_or(ElementType::F32);
    info.dims.assign(tensor.getShape().begin(), tensor.getShape().end());
    if (auto range =
            attributes ? attributes.getAs<RangeAttr>("mpc.range") : RangeAttr())
      info.range = {range.getMin(), range.getMax()};
    result.push_back(std::move(info));
  }
  return result;
}

ModelInfo mpc::describeModel(ModuleOp module) {
  ModelInfo info;
  if (auto hash = module->getAttrOfType<StringAttr>("mpc.model_hash"))
    info.hash = hash.str();
  if (auto main = module.lookupSymbol<func::FuncOp>("main")) {
    info.inputs = describeTensors(
        main.getArgumentTypes(),
        [&](unsigned i) { return main.getArgAttrDict(i); }, "input");
    info.outputs = describeTensors(
        main.getResultTypes(),
        [&](unsigned i) { return main.getResultAttrDict(i); }, "output");
  }
  return info;
}

namespace {

/// One compilation: the options, the module, and what is to be written at the
/// end.
class Compilation {
public:
  Compilation(const CompileOptions &options, MLIRContext &context)
      : options(options), context(context), loc(UnknownLoc::get(&context)) {}
  LogicalResult run();

private:
  LogicalResult checkOutputs();
  LogicalResult load();
  LogicalResult checkModule();
  LogicalResult bind(StringRef binding, ImportOptions &import);
  LogicalResult preprocess();
  LogicalResult advance(Phase phase);
  LogicalResult annotate();
  LogicalResult replay();
  LogicalResult decide();
  LogicalResult analyze();
  LogicalResult makeBenchKit();
  StringRef calibrationSource() const {
    return options.calibrationFiles.empty() ? options.calibrationData
                                            : options.calibrationFiles.front();
  }
  LogicalResult writeIntegerOptions();
  FailureOr<Calibration> getCalibration();
  LogicalResult runPipeline(llvm::function_ref<void(OpPassManager &)> build);
  LogicalResult reached(Phase phase);
  LogicalResult dump(Phase phase);
  LogicalResult write();
  void describe();

  const CompileOptions &options;
  MLIRContext &context;
  Location loc;
  OwningOpRef<ModuleOp> module;
  ModelInfo info;
  std::optional<Calibration> calibration;
  std::string precisionConfig, savedDecisions;
  std::optional<Decisions> decisions; // read
  std::optional<SearchResult> search;
  std::optional<Report> report;
  RepairDecisions repairs;
};

LogicalResult Compilation::checkOutputs() {
  const std::pair<const char *, const std::string *> files[] = {
      {"-o", &options.output},
      {"--save-calibration", &options.saveCalibration},
      {"--save-precision-config", &options.savePrecisionConfig},
      {"--report", &options.report},
      {"--save-decisions", &options.saveDecisions}};
  for (auto [flag, path] : files)
    if (!path->empty() && *path != "-" &&
        failed(checkWritable(loc, flag, *path)))
      return failure();
  SmallVector<std::pair<StringRef, StringRef>> all = {
      {"the model", options.input}};
  for (auto [flag, path] : files)
    all.emplace_back(flag, *path);
  SmallString<128> header(options.output);
  bool hasHeader = !options.emitMLIR && options.to == Phase::Library &&
                   options.library.emit != EmitKind::LLVMIR &&
                   !options.output.empty();
  llvm::sys::path::replace_extension(header, "h");
  if (hasHeader && options.output != "-" && !isSpecialFile(options.output))
    all.insert(all.begin() + 2, {"the header of -o", header});
  if (failed(checkDistinct(loc, all)) || failed(checkDecided(loc, options)) ||
      failed(checkInsertedPasses(loc, options)) ||
      failed(checkTuningTable(loc, options)))
    return failure();
  if (!options.dumpPhases.empty())
    if (std::error_code error =
            llvm::sys::fs::create_directories(options.dumpPhases))
      return emitError(loc) << "--dump-phases " << options.dumpPhases << ": "
                            << error.message();
  bool isAnnotated =
      options.from <= Phase::Grouped && options.to >= Phase::Annotated;
  if (!options.decisions.empty()) {
    auto loaded = Decisions::load(loc, options.decisions);
    if (failed(loaded))
      return failure();
    decisions = std::move(*loaded);
    std::string asked = stringifyPrecisionChoice(options.precision).str();
    if (options.precision != PrecisionChoice::Keep &&
        asked != decisions->precision)
      return emitError(loc)
             << "--decisions: " << options.decisions
             << " was made with --precision=" << decisions->precision
             << ", not with " << asked;
    return success();
  }
  if (failed(checkRepairs(options, loc)))
    return failure();
  return isAnnotated ? checkSamplesGiven(loc, options) : success();
}

LogicalResult Compilation::load() {
  if (llvm::sys::fs::is_directory(options.input))
    return emitError(loc)
           << options.input
           << " is a folder; expected a model file (.onnx, .mlir or .mlirbc)";
  StringRef extension = llvm::sys::path::extension(options.input);
  if (extension == ".mlir" || extension == ".mlirbc") {
    if (!options.shapes.empty() || !options.bindings.empty())
      return emitError(loc) << "--shape and --bind change a model of ONNX as "
                               "it is imported, but got "
                            << options.input;
    if (!llvm::sys::fs::exists(options.input))
      return emitError(loc) << options.input << ": no such file";
    auto text = llvm::MemoryBuffer::getFile(options.input);
    if (!text)
      return emitError(loc)
             << options.input << ": " << text.getError().message();
    if (auto problem = findBadResource((*text)->getBuffer()))
      return emitError(loc) << options.input << ": " << *problem;
    // Resources in bytecode are aligned within the file, so the file itself is
    // aligned in memory.
    std::string error;
    auto file = openInputFile(options.input, llvm::Align(64), &error);
    if (!file)
      return emitError(loc) << error;
    llvm::SourceMgr sources;
    sources.AddNewSourceBuffer(std::move(file), llvm::SMLoc());
    module = parseSourceFile<ModuleOp>(sources, &context);
    return success(bool(module) && succeeded(checkModule()));
  }
  if (options.from != Phase::Imported)
    return emitError(loc) << "--compile-from=" << stringifyPhase(options.from)
                          << " needs an .mlir or .mlirbc file, but got "
                          << options.input;
  ImportOptions import;
  std::string error;
  for (StringRef shape : options.shapes)
    if (!parseShapeOption(shape, import, error))
      return emitError(loc) << error;
  for (StringRef binding : options.bindings)
    if (failed(bind(binding, import)))
      return failure();
  module = importONNX(options.input, context, import,
                      [&](StringRef line) { emitError(loc) << line; });
  return success(bool(module));
}

/// What later steps rely on in a module that the user wrote.
LogicalResult Compilation::checkModule() {
  if (options.from >= Phase::Linalg) {
    // Names and types of inputs and outputs no longer follow from @main.
    FailureOr<ModelInfo> read = readModelInfo(*module);
    if (failed(read))
      return failure();
    info = std::move(*read);
    return success();
  }
  if ((*module)->hasAttr(kModelAttrName))
    return emitError(loc) << options.input
                          << ": the model is of the phase linalg or a later "
                             "one; --compile-from says which";
  auto main = module->lookupSymbol<func::FuncOp>("main");
  if (!main || !llvm::hasSingleElement(main.getBody()))
    return emitError(loc)
           << options.input
           << ": expected a function @main with a body of one block";
  for (Type type : llvm::concat<const Type>(main.getArgumentTypes(),
                                            main.getResultTypes())) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (!tensor || !getBorderType(tensor.getElementType()))
      return main.emitError() << "expected ranked tensors of integers or "
                                 "floats as inputs and outputs, but got "
                              << type;
  }
  return success();
}

/// NAME=FILE: the file's tensor replaces the input.
LogicalResult Compilation::bind(StringRef binding, ImportOptions &import) {
  auto [name, file] = binding.rsplit('=');
  if (name.empty() || file.empty())
    return emitError(loc) << "--bind=" << binding << ": expected NAME=FILE";
  TensorReaders readers;
  Tensor tensor;
  std::string error;
  if (!openTensorFile(file.str(), readers, error))
    return emitError(loc) << "--bind=" << binding << ": " << error;
  if (readers.size() != 1)
    return emitError(loc) << "--bind=" << binding << ": expected one tensor in "
                          << file << ", but got " << readers.size();
  if (!readers.front().readAll(tensor, error))
    return emitError(loc) << "--bind=" << binding << ": " << error;
  BoundTensor bound;
  bound.elementType = getBuiltinType(&context, tensor.type);
  bound.shape.assign(tensor.shape.begin(), tensor.shape.end());
  bound.data.assign(tensor.data.begin(), tensor.data.end());
  import.bindings.emplace_back(name.str(), std::move(bound));
  return success();
}

LogicalResult
Compilation::runPipeline(llvm::function_ref<void(OpPassManager &)> build) {
  PassManager pm(&context, ModuleOp::getOperationName());
  build(pm);
  if (options.printPipeline) {
    pm.printAsTextualPipeline(llvm::outs());
    llvm::outs() << "\n";
  }
  return runPasses(pm, *module);
}

/// What the command line says of integers, for the passes that read it off the
/// module.
LogicalResult Compilation::writeIntegerOptions() {
  if (options.fullyIntegral)
    (*module)->setAttr(kFullyIntegralAttrName, UnitAttr::get(&context));
  return setIntegerFormat(*module, options.integers, "command line");
}

FailureOr<Calibration> Compilation::getCalibration() {
  if (!options.calibrationData.empty())
    return calibrate(*module, options);
  std::optional<Calibration> merged;
  std::string hash = describeModel(*module).hash;
  for (const std::string &file : options.calibrationFiles) {
    auto table = loadCalibration(*module, file);
    if (!table)
      return emitError(loc) << llvm::toString(table.takeError()), failure();
    if (!hash.empty() && hash != table->getModelHash())
      return emitError(loc) << "calibration " << file
                            << " is of another model; calibrate this one with "
                               "--calibration-data",
             failure();
    if (!merged)
      merged = std::move(*table);
    else if (llvm::Error error = merged->merge(*table))
      return emitError(loc) << file << ": " << llvm::toString(std::move(error)),
             failure();
  }
  if (!options.calibrator.empty()) {
    auto calibrator = parseCalibrator(options.calibrator);
    llvm::Error error = calibrator ? merged->setCalibrator(*calibrator)
                                   : calibrator.takeError();
    if (error)
      return emitError(loc) << "--calibrator=" << options.calibrator << ": "
                            << llvm::toString(std::move(error)),
             failure();
  }
  return std::move(*merged);
}

/// The model in every precision, for measuring elsewhere.
LogicalResult Compilation::makeBenchKit() {
  if (options.from > Phase::Grouped)
    return emitError(loc) << "--emit=bench-kit needs a model of the phase "
                             "imported or grouped, but it starts at "
                          << stringifyPhase(options.from);
  if (options.from < Phase::Grouped &&
      (failed(advance(Phase::Grouped)) || failed(reached(Phase::Grouped))))
    return failure();
  if (failed(writeIntegerOptions()) ||
      failed(repairModel(*module, options, repairs)))
    return failure();
  bool hasRanges =
      !options.calibrationData.empty() || !options.calibrationFiles.empty();
  if (hasRanges) {
    auto found = getCalibration();
    if (failed(found) ||
        failed(attachRanges(*module, *found, calibrationSource())))
      return failure();
  }
  return emitBenchKit(*module, listPrecisions(*module, hasRanges), options);
}

/// Precisions as they were chosen before: nothing is measured.
LogicalResult Compilation::replay() {
  if (!decisions->repairs.getAsObject() ||
      !decisions->repairs.getAsObject()->empty()) {
    auto parsed = RepairDecisions::parse(
        llvm::formatv("{0}", decisions->repairs).str(), options.decisions);
    if (!parsed)
      return emitError(loc)
             << "--decisions: " << llvm::toString(parsed.takeError());
    repairs = std::move(*parsed);
  }
  // Repaired, a model is another one.
  if (failed(replayModelRepairs(*module, repairs, options.decisions)))
    return failure();
  std::string hash = describeModel(*module).hash;
  if (hash != decisions->modelHash)
    return emitError(loc) << "--decisions: " << options.decisions
                          << " is of another model: expected the hash " << hash
                          << ", but got " << decisions->modelHash;
  if (!decisions->calibration.empty()) {
    auto table = Calibration::parse(decisions->calibration, options.decisions);
    if (!table)
      return emitError(loc)
             << "--decisions: " << llvm::toString(table.takeError());
    if (failed(attachRanges(*module, *table, options.decisions)))
      return failure();
    calibration = std::move(*table);
  }
  if (failed(writeIntegerOptions()))
    return failure();
  AssignPrecisionOptions assign;
  assign.precision = "f32";
  if (failed(runPipeline([&](OpPassManager &pm) {
        pm.addPass(createAssignPrecision(assign));
      })))
    return failure();
  search = decisions->search;
  if (failed(decisions->apply(*module, options.decisions)))
    return failure();
  return replayQuantizationRepairs(*module, repairs, options.decisions);
}

/// Measures what the options ask for, and gives every group a precision.
LogicalResult Compilation::decide() {
  if (failed(repairModel(*module, options, repairs)))
    return failure();
  bool isSearched = options.precision == PrecisionChoice::Auto;
  SearchInputs inputs;
  if (isSearched) { // before any work
    auto opened = openSearch(*module, options);
    if (failed(opened))
      return failure();
    inputs = std::move(*opened);
  }
  if (!options.calibrationData.empty() || !options.calibrationFiles.empty()) {
    auto found = getCalibration();
    if (failed(found) ||
        failed(attachRanges(*module, *found, calibrationSource())))
      return failure();
    calibration = std::move(*found);
  }
  if (failed(writeIntegerOptions()))
    return failure();
  AssignPrecisionOptions assign;
  assign.precision =
      isSearched ? "f32" : stringifyPrecisionChoice(options.precision).str();
  assign.config = options.precisionConfig;
  if (!options.weights.block.empty())
    assign.weightBlock = options.weights.block;
  if (!options.weights.scheme.empty())
    assign.weightScheme = options.weights.scheme;
  if (!options.weights.activations.empty())
    assign.activationType = options.weights.activations;
  if (failed(runPipeline([&](OpPassManager &pm) {
        pm.addPass(createAssignPrecision(assign));
      })))
    return failure();
  if (isSearched) {
    auto found = searchPrecisions(*module, inputs, options);
    if (failed(found))
      return failure();
    search = std::move(*found);
  }
  return repairQuantization(*module, options, repairs);
}

LogicalResult Compilation::annotate() {
  if (options.emitObserver) {
    auto observer = addObservers(*module, options);
    if (failed(observer))
      return failure();
    info.observer = std::move(*observer);
    return success();
  }
  if (failed(decisions ? replay() : decide()))
    return failure();
  if (!options.savePrecisionConfig.empty())
    precisionConfig = writePrecisionConfig(*module);
  if (!options.saveDecisions.empty()) {
    Decisions made = Decisions::gather(
        *module, calibration ? &*calibration : nullptr, info.precision);
    made.search = search;
    if (!repairs.empty())
      made.repairs = llvm::cantFail(llvm::json::parse(repairs.str()));
    savedDecisions = made.str();
  }
  return analyze();
}

/// What --report, --explain and --diagnose tell.
LogicalResult Compilation::analyze() {
  if (!options.diagnose.empty()) {
    auto remedy = diagnose(*module, options, llvm::outs());
    if (failed(remedy))
      return failure();
    precisionConfig = std::move(*remedy);
  }
  if (options.report.empty() && options.explain.empty())
    return success();
  auto made = makeReport(*module, options);
  if (succeeded(made) && failed(addLatencies(*module, options, *made)))
    return failure();
  if (failed(made))
    return failure();
  report = std::move(*made);
  if (search) {
    report->predictedLatencyMs = search->predictedLatencyMs;
    report->optimalityGap = search->optimalityGap;
    report->accuracyUnit = "dB";
    for (const SearchResult::Point &point : search->pareto)
      report->pareto.push_back(
          {point.name, point.latencyMs, point.sqnr, point.isChosen});
    for (const SearchResult::Sensitivity &entry : search->sensitivities)
      for (ReportGroup &group : report->groups)
        if (group.name == entry.group && group.precision == entry.precision &&
            !std::isnan(entry.latencyMs))
          group.latencyMs = entry.latencyMs;
  }
  if (options.explain.empty())
    return success();
  auto group = findExplained(loc, *report, options.explain);
  return failed(group) ? failure()
                       : explain(*module, *report, **group, options.explain,
                                 options, llvm::outs());
}

/// Brings the module from the phase before `phase` to `phase`.
LogicalResult Compilation::advance(Phase phase) {
  CodegenOptions codegen;
  codegen.marches = options.marches;
  codegen.f16Accumulation = options.f16Accumulation;
  codegen.fastMath = options.fastMath;
  bool isGPU = options.emulateGPU || !options.chips.empty();
  switch (phase) {
  case Phase::Imported:
    return success();
  case Phase::Grouped:
    return runPipeline(buildGroupingPipeline);
  case Phase::Annotated:
    return annotate();
  case Phase::Quantized:
    if (failed(writeIntegerOptions()))
      return failure();
    return runPipeline([&](OpPassManager &pm) {
      buildQuantizationPipeline(pm);
      if ((*module)->hasAttr(kFullyIntegralAttrName))
        pm.addPass(createVerifyIntegral());
    });
  case Phase::Linalg:
    describe();
    return runPipeline(buildLinalgPipeline);
  case Phase::Tiled:
    if (options.tune && failed(tuneTilings(*module, info, options)))
      return failure();
    // There is none where nothing had to be chosen.
    if (std::string table = getTuningTable(options);
        llvm::sys::fs::exists(table))
      codegen.tuningTable = table;
    return runPipeline([&](OpPassManager &pm) {
      isGPU ? buildGPUTilingPipeline(pm, codegen, options.chips)
            : buildTilingPipeline(pm, codegen);
    });
  case Phase::Bufferized:
    return runPipeline(isGPU ? buildGPUBufferizationPipeline
                             : buildBufferizationPipeline);
  case Phase::LLVM:
    return runPipeline([&](OpPassManager &pm) {
      if (options.emulateGPU)
        return buildGPUEmulationPipeline(pm);
      if (!isGPU)
        return buildLLVMPipeline(pm);
      GPUOptions gpu;
      gpu.chips = options.chips;
      gpu.ptxas = options.ptxas;
      buildGPULLVMPipeline(pm, gpu);
    });
  case Phase::Library:
    return success();
  }
  llvm_unreachable("all phases are handled");
}

/// Gathers what the library says about itself, while the groups are still
/// there.
void Compilation::describe() {
  info.groups = describeGroups(*module);
  if (calibration)
    for (TensorInfo &input : info.inputs)
      if (auto range = calibration->lookup(input.name))
        input.range = {range->min, range->max};
  attachModelInfo(*module, info);
}

/// Runs what the user inserts after a phase, and dumps the result.
LogicalResult Compilation::reached(Phase phase) {
  for (const auto &[after, pipeline] : options.insertedPasses) {
    if (after != phase)
      continue;
    std::string message;
    llvm::raw_string_ostream os(message);
    PassManager pm(&context, ModuleOp::getOperationName());
    if (failed(parsePassPipeline(pipeline, pm, os)))
      return emitError(loc)
             << "--insert-passes=after:" << stringifyPhase(phase) << "="
             << pipeline << ": " << StringRef(message).split('\n').first.trim();
    if (failed(pm.run(*module)))
      return failure();
  }
  return phase == Phase::Library ? success() : dump(phase);
}

LogicalResult Compilation::dump(Phase phase) {
  if (options.dumpPhases.empty())
    return success();
  SmallString<128> path(options.dumpPhases);
  llvm::sys::path::append(path, std::to_string(static_cast<int>(phase) + 1) +
                                    "-" + stringifyPhase(phase) + ".mlir");
  return writeFile(loc, path, [&](raw_ostream &os) {
    module->print(
        os,
        OpPrintingFlags().elideLargeResourceString(64).elideLargeElementsAttrs(
            64));
    return success();
  });
}

LogicalResult Compilation::write() {
  StringRef output = options.output;
  if (options.to != Phase::Library || options.emitMLIR) {
    auto print = [&](raw_ostream &os) -> LogicalResult {
      if (output.ends_with(".mlirbc"))
        return writeBytecodeToFile(*module, os);
      module->print(os);
      return success();
    };
    if (output.empty() || output == "-")
      return print(llvm::outs());
    return writeFile(loc, output, print);
  }
  return output.empty() ? success()
                        : emitLibrary(*module, info, options.library);
}

/// Puts what makes inputs of pictures in front of the model.
LogicalResult Compilation::preprocess() {
  if (options.from != Phase::Imported)
    return emitError(loc) << "--preprocess needs a model of the phase "
                             "imported, but it starts at "
                          << stringifyPhase(options.from);
  auto config = PreprocessConfig::load(options.preprocess);
  if (!config)
    return emitError(loc) << "--preprocess: "
                          << llvm::toString(config.takeError());
  for (StringRef asked :
       llvm::concat<const std::string>(options.ioTypes, options.ioLayouts))
    for (const PreprocessConfig::Input &input : config->inputs)
      if (asked.rsplit('=').first == input.name)
        return emitError(loc)
               << "--preprocess: " << options.preprocess
               << " says the type and the layout of input '" << input.name
               << "': expected neither --io-type nor --io-layout for it";
  PreprocessOptions how;
  how.config = options.preprocess;
  return runPipeline(
      [&](OpPassManager &pm) { pm.addPass(createPreprocess(how)); });
}

LogicalResult Compilation::run() {
  if (failed(checkOutputs()) || failed(load()))
    return failure();
  if (!options.preprocess.empty() && failed(preprocess()))
    return failure();
  if (!options.ioTypes.empty() || !options.ioLayouts.empty()) {
    if (options.from != Phase::Imported)
      return emitError(loc) << "--io-type and --io-layout need a model of the "
                               "phase imported, but it starts at "
                            << stringifyPhase(options.from);
    AdaptIOOptions adapt;
    adapt.types.assign(options.ioTypes.begin(), options.ioTypes.end());
    adapt.layouts.assign(options.ioLayouts.begin(), options.ioLayouts.end());
    if (failed(runPipeline(
            [&](OpPassManager &pm) { pm.addPass(createAdaptIO(adapt)); })))
      return failure();
  }
  if (options.from < Phase::Linalg) {
    info = describeModel(*module);
    info.name = llvm::sys::path::stem(options.input).str();
    info.precision = decisions
                         ? decisions->precision
                         : stringifyPrecisionChoice(options.precision).str();
  }
  if (failed(reached(options.from)))
    return failure();
  if (options.benchKit)
    return makeBenchKit();
  for (int phase = static_cast<int>(options.from) + 1;
       phase <= static_cast<int>(getLastPhase(options)); ++phase) {
    if (failed(advance(static_cast<Phase>(phase))) ||
        failed(reached(static_cast<Phase>(phase))))
      return failure();
  }
  if (failed(write()))
    return failure();
  if (calibration && !options.saveCalibration.empty() &&
      failed(writeFile(loc, options.saveCalibration, [&](raw_ostream &os) {
        os << calibration->str();
        return success();
      })))
    return failure();
  if (report && !options.report.empty() &&
      failed(writeReport(loc, options.report, *report)))
    return failure();
  if (!savedDecisions.empty() &&
      failed(writeFile(loc, options.saveDecisions, [&](raw_ostream &os) {
        os << savedDecisions;
        return success();
      })))
    return failure();
  if (!options.savePrecisionConfig.empty())
    return writeFile(loc, options.savePrecisionConfig, [&](raw_ostream &os) {
      os << precisionConfig;
      return success();
    });
  return success();
}
} // namespace

LogicalResult mpc::compile(const CompileOptions &options,
                           MLIRContext &context) {
  return Compilation(options, context).run();
}
