//===- mpc-compile.cpp - compiles a model to a library --------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Flags, diagnostics and progress; the work is mpc/Compiler/Compiler.h.
//
//===----------------------------------------------------------------------===//

#include "../ToolSupport.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Tools/Plugins/DialectPlugin.h"
#include "mlir/Tools/Plugins/PassPlugin.h"
#include "mpc/Analysis/Calibration.h"
#include "mpc/Compiler/Compiler.h"
#include "mpc/GPU/Chips.h"
#include "mpc/InitAll.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/WithColor.h"

using namespace llvm;

namespace {
constexpr int kInternalError = 70;

struct Flags {
  cl::OptionCategory category{"mpc-compile options"};
  cl::list<std::string> inputs{cl::Positional,
                               cl::desc("<model.onnx|.mlir|.mlirbc>"),
                               cl::cat(category)};
  cl::opt<std::string> output{
      "o", cl::desc("Library to write; its header stands beside it"),
      cl::value_desc("file"), cl::cat(category)};
  cl::opt<std::string> precision{
      "precision", cl::init("keep"),
      cl::desc("keep (default: what the model says), f32, f16, bf16, int8, "
               "int16, w8 or w4 (weights only), or auto: a search"),
      cl::cat(category)};
  cl::opt<std::string> activationType{
      "activation-type", cl::desc("w8, w4: f32 (default), f16 or bf16"),
      cl::value_desc("type"), cl::cat(category)};
  cl::opt<std::string> weightBlock{
      "weight-block",
      cl::desc("w8, w4: weights that share a scale: 32 (default), 64, 128 or "
               "channel"),
      cl::value_desc("size"), cl::cat(category)};
  cl::opt<std::string> weightScheme{
      "weight-scheme",
      cl::desc("w8, w4: asymmetric (default), symmetric, or codebook (16 "
               "levels, w4 only)"),
      cl::value_desc("scheme"), cl::cat(category)};
  cl::opt<std::string> calibrationData{
      "calibration-data",
      cl::desc("Samples: .npy, .npz or a folder of those, of "
               "test_data_set_*/input_*.pb, or of pictures (.jpg, .png)"),
      cl::value_desc("path"), cl::cat(category)};
  cl::opt<std::string> calibrator{
      "calibrator",
      cl::desc("mse (default), minmax, moving-average, percentile[:99.99] or "
               "entropy"),
      cl::value_desc("name"), cl::cat(category)};
  cl::list<std::string> calibration{
      "calibration", cl::CommaSeparated,
      cl::desc("Saved ranges; several files merge"), cl::value_desc("file,..."),
      cl::cat(category)};
  cl::opt<std::string> saveCalibration{
      "save-calibration", cl::desc("Write the ranges"), cl::value_desc("file"),
      cl::cat(category)};
  cl::opt<std::string> repair{
      "repair",
      cl::desc("Repairs of int8, some of: equalization, smoothquant[:ALPHA], "
               "clipping, adaptive-rounding, bias-correction"),
      cl::value_desc("name,..."), cl::cat(category)};
  cl::opt<std::string> precisionConfig{
      "precision-config",
      cl::desc("Precisions per group, JSON (docs/PrecisionConfig.md)"),
      cl::value_desc("file"), cl::cat(category)};
  cl::opt<std::string> savePrecisionConfig{
      "save-precision-config",
      cl::desc("Write what was chosen, in the same form"),
      cl::value_desc("file"), cl::cat(category)};
  cl::opt<std::string> accuracyBudget{
      "accuracy-budget",
      cl::desc("Of --precision=auto: top1:POINTS lost at most, sqnr:DB or "
               "cosine:VALUE at least, beside f32 (default: sqnr:20)"),
      cl::value_desc("kind:amount"), cl::cat(category)};
  cl::opt<std::string> latencyBudget{
      "latency-budget",
      cl::desc("Of --precision=auto: time of a call on one thread, 3ms; alone: "
               "the most accurate within it"),
      cl::value_desc("time"), cl::cat(category)};
  cl::opt<std::string> validationData{
      "validation-data",
      cl::desc("Of --precision=auto: samples that the budget is checked on "
               "(default: those of --calibration-data); of --diagnose: those "
               "with --labels"),
      cl::value_desc("path"), cl::cat(category)};
  cl::opt<std::string> labels{
      "labels",
      cl::desc("Classes of --validation-data, integers (.npy or .pb)"),
      cl::value_desc("file"), cl::cat(category)};
  cl::opt<std::string> saveDecisions{
      "save-decisions",
      cl::desc("Write all that was measured and chosen about precisions "
               "(docs/Search.md)"),
      cl::value_desc("file"), cl::cat(category)};
  cl::opt<std::string> decisions{
      "decisions",
      cl::desc(
          "Compile with saved decisions: the same library, without measuring"),
      cl::value_desc("file"), cl::cat(category)};
  cl::opt<std::string> report{
      "report",
      cl::desc("Write what was decided, why, and what it costs: a page (.html) "
               "or data (.json; docs/Report.md)"),
      cl::value_desc("file"), cl::cat(category)};
  cl::opt<unsigned> reportSamples{
      "report-samples", cl::init(32),
      cl::desc("Measure errors on so many of the calibration samples at most "
               "(default: 32)"),
      cl::value_desc("number"), cl::cat(category)};
  cl::opt<std::string> explain{
      "explain",
      cl::desc(
          "Tell the story of one group, node or tensor on standard output"),
      cl::value_desc("op"), cl::cat(category)};
  cl::opt<std::string> diagnose{
      "diagnose",
      cl::desc("Tell where this library of the model loses accuracy on "
               "--calibration-data, and write the remedy to "
               "--save-precision-config"),
      cl::value_desc("library"), cl::cat(category)};
  cl::opt<std::string> remarks{
      "remarks",
      cl::desc("Tell what passes did, and why not, in all runs that compiling "
               "takes: the categories that this regular expression matches "
               "(repair, precision, ...)"),
      cl::value_desc("regex"), cl::cat(category)};
  cl::list<std::string> shapes{
      "shape",
      cl::desc("Fix an input's sizes: NAME=8x3x224x224; ? for one that stays "
               "open: NAME=?x3x224x224"),
      cl::value_desc("name=sizes"), cl::cat(category)};
  cl::list<std::string> bindings{
      "bind", cl::desc("Make an input a constant: NAME=FILE (.npy or .pb)"),
      cl::value_desc("name=file"), cl::cat(category)};
  cl::list<std::string> ioTypes{
      "io-type", cl::desc("Another element type at the border: NAME=u8"),
      cl::value_desc("name=type"), cl::cat(category)};
  cl::list<std::string> ioLayouts{
      "io-layout", cl::desc("Another layout at the border: NAME=nhwc"),
      cl::value_desc("name=layout"), cl::cat(category)};
  cl::opt<std::string> preprocess{
      "preprocess",
      cl::desc("Make pictures the inputs: type, layout, resize, crop, mean, "
               "std, ... per input, JSON (docs/Preprocessing.md)"),
      cl::value_desc("file"), cl::cat(category)};
  cl::list<std::string> insertPasses{
      "insert-passes",
      cl::desc("Run a pass pipeline after a phase: after:PHASE=PIPELINE"),
      cl::value_desc("where=pipeline"), cl::cat(category)};
  cl::list<std::string> passPlugins{"load-pass-plugin",
                                    cl::desc("Load passes from a plugin"),
                                    cl::value_desc("file"), cl::cat(category)};
  cl::list<std::string> dialectPlugins{
      "load-dialect-plugin", cl::desc("Load dialects from a plugin"),
      cl::value_desc("file"), cl::cat(category)};
  cl::opt<std::string> diagnostics{
      "diagnostics", cl::init("text"),
      cl::desc("text (default) or json: one object per line on standard error"),
      cl::cat(category)};
  cl::list<std::string> marches{
      "march", cl::CommaSeparated,
      cl::desc("Instruction sets, chosen among at load: x86-64-v3, x86-64-v4, "
               "cascadelake, native, ..."),
      cl::value_desc("name,..."), cl::cat(category)};
  cl::opt<std::string> f16Accumulation{
      "f16-accumulation", cl::init("f32"),
      cl::desc("Sums of f16 products: f32 (default), or chunked: 64 at a time "
               "in f16 on instruction sets with AVX512-FP16, faster and less "
               "exact (docs/Numerics.md)"),
      cl::value_desc("how"), cl::cat(category)};
  cl::opt<std::string> target{
      "target", cl::init("cpu"),
      cl::desc("cpu (default), nvvm: NVIDIA GPUs, or nvvm-emulated: their "
               "kernels, run thread by thread on the CPU (docs/GPU.md)"),
      cl::cat(category)};
  cl::list<std::string> chips{
      "chip", cl::CommaSeparated,
      cl::desc("With --target=nvvm: sm_80, sm_86, sm_87, sm_89, sm_90, sm_90a; "
               "with nvvm-emulated the one whose kernels to run"),
      cl::value_desc("name,..."), cl::cat(category)};
  cl::opt<std::string> cudaPath{
      "cuda-path",
      cl::desc(
          "With --target=nvvm: CUDA's folder, whose bin/ptxas makes cubins "
          "(default: CUDA_PATH, then ptxas in PATH; without it, only PTX)"),
      cl::value_desc("folder"), cl::cat(category)};
  cl::opt<std::string> emit{
      "emit", cl::init("library"),
      cl::desc("library (default), observer-library (f32, calibrates on live "
               "data), archive, object, llvm-ir, mlir, or bench-kit: a library "
               "that measures latencies on the target (docs/Measuring.md)"),
      cl::cat(category)};
  cl::opt<std::string> latencyTable{
      "latency-table",
      cl::desc("Latencies of the target, as mpc-run --measure wrote them "
               "(default: measured on this machine)"),
      cl::value_desc("file"), cl::cat(category)};
  cl::opt<bool> tune{
      "tune",
      cl::desc("Time tilings of products and convolutions on this machine, and "
               "keep the fastest ones for later compilations (docs/Tuning.md)"),
      cl::cat(category)};
  cl::opt<std::string> tuningTable{
      "tuning-table",
      cl::desc("Tilings that were measured; with --tune also where they are "
               "kept (default: a file of the user's cache)"),
      cl::value_desc("file"), cl::cat(category)};
  cl::opt<std::string> prefix{
      "prefix", cl::desc("C name before _query and in the header"),
      cl::value_desc("name"), cl::cat(category)};
  cl::opt<std::string> linker{"linker", cl::desc("The ld.lld to use"),
                              cl::value_desc("file"), cl::cat(category)};
  cl::opt<std::string> rounding{
      "rounding",
      cl::desc("How integers are requantized: onnx (default), tflite, "
               "tflite-single, tosa or tosa-double"),
      cl::cat(category)};
  cl::opt<bool> fullyIntegral{
      "fully-integral",
      cl::desc("Fail where anything but the model's own inputs and outputs "
               "would be floating point"),
      cl::cat(category)};
  cl::opt<std::string> activations{
      "activations",
      cl::desc("8-bit activations: asymmetric (default), symmetric, signed or "
               "signed-symmetric"),
      cl::cat(category)};
  cl::opt<std::string> scales{
      "scales", cl::desc("any (default) or power-of-two: fixed point Qm.n"),
      cl::cat(category)};
  cl::opt<std::string> from{
      "compile-from",
      cl::desc("Phase that an .mlir input is in (default: imported)"),
      cl::value_desc("phase"), cl::cat(category)};
  cl::opt<std::string> to{
      "compile-to",
      cl::desc("Phase to stop at: imported, grouped, annotated, quantized, "
               "linalg, tiled, bufferized, llvm"),
      cl::value_desc("phase"), cl::cat(category)};
  cl::opt<std::string> dumpPhases{
      "dump-phases",
      cl::desc("Write the IR of every phase there, big weights elided"),
      cl::value_desc("folder"), cl::cat(category)};
  cl::opt<bool> printPipeline{"print-pipeline",
                              cl::desc("Print each phase's pass pipeline"),
                              cl::cat(category)};
  cl::opt<unsigned> jobs{
      "jobs", cl::init(0),
      cl::desc("Threads that generate code (default: all cores)"),
      cl::cat(category)};
};

/// Flags of the command line's design that no release supports yet: each
/// answers so, rather than as an unknown flag.
struct LaterFlags {
  std::vector<std::unique_ptr<cl::opt<std::string>>> flags;
  LaterFlags(cl::OptionCategory &category) {
    for (const char *name : {
             "target-triple",
             "sysroot",
             "fast-math",
         })
      flags.push_back(std::make_unique<cl::opt<std::string>>(
          StringRef(name), cl::ValueOptional, cl::Hidden, cl::cat(category)));
  }
};

/// How errors are written: for people, or one JSON object per line.
bool writeJSON = false;

void writeDiagnostic(bool isError, StringRef where, const Twine &message) {
  if (writeJSON) {
    errs() << json::Value(
                  json::Object{{"severity", isError ? "error" : "warning"},
                               {"location", where},
                               {"message", message.str()}})
           << "\n";
    return;
  }
  (isError ? WithColor::error(errs(), "mpc-compile")
           : WithColor::warning(errs(), "mpc-compile"))
      << where << (where.empty() ? "" : ": ") << message << "\n";
}

void writeRemark(const Twine &message) {
  if (writeJSON)
    errs() << json::Value(json::Object{{"severity", "remark"},
                                       {"location", ""},
                                       {"message", message.str()}})
           << "\n";
  else
    WithColor::remark(errs(), "mpc-compile") << message << "\n";
}

bool fail(const Twine &message) {
  writeDiagnostic(/*isError=*/true, "", message);
  return false;
}

bool notYet(const Twine &what) { return fail(what + " is not supported yet"); }

template <typename... Names> bool isOneOf(StringRef value, Names... names) {
  return ((value == names) || ...);
}

/// Where the user's programs keep what they could compute again (XDG Base
/// Directory Specification); empty where the environment does not say.
std::string findCacheFolder() {
  std::string folder = sys::Process::GetEnv("XDG_CACHE_HOME").value_or("");
  if (!sys::path::is_absolute(folder)) {
    auto home = sys::Process::GetEnv("HOME");
    if (!home || home->empty())
      return "";
    folder = *home + "/.cache";
  }
  return folder + "/mpc";
}

/// The flags that go with w8 and w4; false after a message.
bool parseWeights(const Flags &flags, mpc::CompileOptions &options) {
  bool isWeightOnly = options.precision == mpc::PrecisionChoice::W8 ||
                      options.precision == mpc::PrecisionChoice::W4;
  options.weights = {flags.weightBlock, flags.weightScheme,
                     flags.activationType};
  const std::tuple<const cl::opt<std::string> *,
                   std::string mpc::WeightFormat::*>
      words[] = {{&flags.weightBlock, &mpc::WeightFormat::block},
                 {&flags.weightScheme, &mpc::WeightFormat::scheme},
                 {&flags.activationType, &mpc::WeightFormat::activations}};
  for (auto [flag, member] : words) {
    if (!flag->getNumOccurrences())
      continue;
    if (!isWeightOnly && flags.precisionConfig.empty())
      return fail("--" + flag->ArgStr +
                  " goes with --precision=w8 or w4, but precision is " +
                  flags.precision);
    mpc::WeightFormat one;
    one.*member = options.weights.*member;
    if (std::string problem = mpc::findProblem(one);
        !problem.empty() || flag->empty())
      return fail(
          "--" + flag->ArgStr + ": " +
          (problem.empty() ? std::string("expected a value") : problem));
  }
  if (flags.weightScheme == "codebook" &&
      options.precision == mpc::PrecisionChoice::W8)
    return fail("--weight-scheme=codebook has 16 levels, which is "
                "--precision=w4, but precision is w8");
  return true;
}

/// CUDA's assembler: in --cuda-path, CUDA_PATH or PATH, in this order; "" where
/// it is nowhere.
std::string findPtxas(StringRef cudaPath) {
  for (const std::string &root :
       {cudaPath.str(), sys::Process::GetEnv("CUDA_PATH").value_or("")}) {
    std::string folder = root + "/bin";
    if (auto found = sys::findProgramByName("ptxas", {StringRef(folder)});
        found && !root.empty())
      return *found;
  }
  auto found = sys::findProgramByName("ptxas");
  return found ? *found : "";
}

/// The flags of --target; false after a message.
bool parseTarget(const Flags &flags, mpc::CompileOptions &options) {
  if (!isOneOf(flags.target, "cpu", "nvvm", "nvvm-emulated"))
    return fail("--target: expected cpu, nvvm or nvvm-emulated, but got '" +
                flags.target + "'");
  options.emulateGPU = flags.target == "nvvm-emulated";
  if (flags.target == "cpu" && !flags.chips.empty())
    return fail("--chip: only --target=nvvm makes code for chips, and "
                "nvvm-emulated takes the kernels of one");
  if (flags.target != "nvvm" && flags.cudaPath.getNumOccurrences())
    return fail("--cuda-path: only --target=nvvm uses CUDA");
  for (const std::string &chip : flags.chips) {
    if (!mpc::findChip(chip))
      return fail("--chip: expected sm_80, sm_86, sm_87, sm_89, sm_90 or "
                  "sm_90a, but got '" +
                  chip + "'");
    if (!is_contained(options.chips, chip))
      options.chips.push_back(chip);
  }
  if (options.emulateGPU && options.chips.size() > 1)
    return fail("--chip: expected at most one chip for --target=nvvm-emulated, "
                "whose kernels run");
  if (flags.target != "nvvm")
    return true;
  if (options.chips.empty())
    return fail(
        "--target=nvvm needs the GPUs' chips, such as --chip=sm_80,sm_90a");
  options.ptxas = findPtxas(flags.cudaPath);
  if (!flags.cudaPath.empty() && !options.ptxas.empty() &&
      !StringRef(options.ptxas).starts_with(flags.cudaPath + "/bin/"))
    writeRemark("--cuda-path: " + flags.cudaPath +
                " has no bin/ptxas: taking " + options.ptxas);
  // Kernels need nothing of CUDA's libdevice, which MLIR would link from there,
  // or fail where it is not.
  for (const char *name : {"CUDA_PATH", "CUDA_HOME", "CUDA_ROOT"})
    unsetenv(name);
  return true;
}

/// Translates flags to options; false after a message.
bool parse(Flags &flags, LaterFlags &later, mpc::CompileOptions &options) {
  for (auto &flag : later.flags)
    if (flag->getNumOccurrences())
      return notYet("--" + flag->ArgStr + (flag->empty() ? "" : "=" + *flag));
  if (flags.inputs.size() != 1)
    return fail(
        flags.inputs.empty()
            ? Twine(
                  "expected a model file (.onnx, .mlir or .mlirbc); see --help")
            : "expected one model file, but got " + Twine(flags.inputs.size()) +
                  ": " + join(flags.inputs.begin(), flags.inputs.end(), ", "));
  options.input = flags.inputs[0];
  options.output = flags.output;

  StringRef precision = flags.precision;
  auto choice = StringSwitch<std::optional<mpc::PrecisionChoice>>(precision)
                    .Case("keep", mpc::PrecisionChoice::Keep)
                    .Case("f32", mpc::PrecisionChoice::F32)
                    .Case("f16", mpc::PrecisionChoice::F16)
                    .Case("bf16", mpc::PrecisionChoice::BF16)
                    .Case("int8", mpc::PrecisionChoice::INT8)
                    .Case("int16", mpc::PrecisionChoice::INT16)
                    .Case("w8", mpc::PrecisionChoice::W8)
                    .Case("w4", mpc::PrecisionChoice::W4)
                    .Case("auto", mpc::PrecisionChoice::Auto)
                    .Default(std::nullopt);
  if (!choice)
    return fail("--precision: expected keep, f32, f16, bf16, int8, int16, w8, "
                "w4 or auto, but got '" +
                precision + "'");
  options.precision = *choice;
  if (!parseWeights(flags, options))
    return false;

  if (flags.calibrator.getNumOccurrences())
    if (auto calibrator = mpc::parseCalibrator(flags.calibrator); !calibrator)
      return fail("--calibrator: " + toString(calibrator.takeError()));
  if (!parseTarget(flags, options))
    return false;
  const std::pair<const cl::opt<std::string> *,
                  std::string mpc::IntegerFormat::*>
      integerFlags[] = {{&flags.rounding, &mpc::IntegerFormat::rounding},
                        {&flags.activations, &mpc::IntegerFormat::activations},
                        {&flags.scales, &mpc::IntegerFormat::scales}};
  for (auto [flag, member] : integerFlags) {
    mpc::IntegerFormat one;
    one.*member = *flag;
    if (std::string problem = mpc::findProblem(one);
        !problem.empty() || (flag->getNumOccurrences() && flag->empty()))
      return fail(
          "--" + flag->ArgStr + ": " +
          (problem.empty() ? std::string("expected a value") : problem));
    options.integers.*member = *flag;
  }
  bool isIntegral = !flags.rounding.empty() && flags.rounding != "onnx";
  if (flags.fullyIntegral && !isIntegral)
    return fail("--fully-integral needs a profile without floating point: "
                "--rounding=tflite, tflite-single, tosa or tosa-double");
  if (flags.fullyIntegral && !isOneOf(flags.precision, "int8", "keep"))
    return fail("--fully-integral needs --precision=int8, but got " +
                flags.precision);
  if (flags.precision == "int16" && isIntegral)
    return fail(
        "--precision=int16 is rounded as --rounding=onnx says only, but got " +
        flags.rounding);
  options.fullyIntegral = flags.fullyIntegral;

  auto emit = StringSwitch<std::optional<mpc::EmitKind>>(flags.emit)
                  .Case("library", mpc::EmitKind::Library)
                  .Case("archive", mpc::EmitKind::Archive)
                  .Case("object", mpc::EmitKind::Object)
                  .Case("llvm-ir", mpc::EmitKind::LLVMIR)
                  .Case("mlir", mpc::EmitKind::Library)
                  .Case("bench-kit", mpc::EmitKind::Library)
                  .Case("observer-library", mpc::EmitKind::Library)
                  .Default(std::nullopt);
  if (!emit)
    return fail("--emit: expected library, observer-library, archive, object, "
                "llvm-ir, mlir or bench-kit, but got '" +
                flags.emit + "'");
  options.emitMLIR = flags.emit == "mlir";
  options.emitObserver = flags.emit == "observer-library";
  options.benchKit = flags.emit == "bench-kit";
  options.latencyTable = flags.latencyTable;
  if (!options.latencyTable.empty() &&
      (precision != "auto" || options.benchKit))
    return fail(
        "--latency-table is for --precision=auto, whose search reads it");
  options.library.emit = *emit;
  options.f16Accumulation = flags.f16Accumulation;
  if (options.f16Accumulation != "f32" && options.f16Accumulation != "chunked")
    return fail("--f16-accumulation: expected f32 or chunked, but got " +
                options.f16Accumulation);
  if (options.f16Accumulation != "f32" && flags.target != "cpu")
    return fail("--f16-accumulation is for kernels of CPUs, but --target is " +
                flags.target);
  options.tune = flags.tune;
  options.tuningTable = flags.tuningTable;
  options.tuningFolder = findCacheFolder();
  if (flags.tuningTable.getNumOccurrences() && options.tuningTable.empty())
    return fail("--tuning-table: expected the name of a file");
  if ((options.tune || !options.tuningTable.empty()) && flags.target != "cpu")
    return fail(
        "--tune and --tuning-table are for kernels of CPUs, but --target is " +
        flags.target);

  for (auto [flag, phase] : {std::make_pair(&flags.from, &options.from),
                             std::make_pair(&flags.to, &options.to)}) {
    if (flag->empty())
      continue;
    auto found = mpc::symbolizePhase(*flag);
    if (!found)
      return fail("--" + flag->ArgStr +
                  ": expected imported, grouped, annotated, quantized, linalg, "
                  "tiled, bufferized, llvm or library, but got '" +
                  *flag + "'");
    *phase = *found;
  }
  if (options.from > options.to)
    return fail("--compile-to=" + flags.to +
                " comes before --compile-from=" + flags.from);
  if (options.output.empty() && options.to == mpc::Phase::Library &&
      !options.emitMLIR && options.library.emit != mpc::EmitKind::LLVMIR &&
      flags.savePrecisionConfig.empty() && flags.report.empty() &&
      flags.explain.empty() && flags.diagnose.empty() &&
      flags.dumpPhases.empty() && !flags.printPipeline)
    return fail("expected an output: -o FILE");

  options.calibrationData = flags.calibrationData;
  options.calibrationFiles.assign(flags.calibration.begin(),
                                  flags.calibration.end());
  options.calibrator = flags.calibrator;
  options.saveCalibration = flags.saveCalibration;
  if (!options.calibrationData.empty() && !options.calibrationFiles.empty())
    return fail("--calibration-data and --calibration exclude each other");
  if (options.emitObserver &&
      (!options.calibrationData.empty() || !options.calibrationFiles.empty() ||
       !options.saveCalibration.empty() || flags.repair.getNumOccurrences() ||
       flags.decisions.getNumOccurrences()))
    return fail("--emit=observer-library calibrates when it runs; it excludes "
                "--calibration-data, --calibration, --save-calibration, "
                "--repair and --decisions");
  if (flags.repair.getNumOccurrences()) {
    auto repairs = mpc::parseRepairs(flags.repair);
    if (!repairs)
      return fail("--repair: " + toString(repairs.takeError()));
    options.repairs = std::move(*repairs);
  }
  options.precisionConfig = flags.precisionConfig;
  options.savePrecisionConfig = flags.savePrecisionConfig;
  options.accuracyBudget = flags.accuracyBudget;
  options.latencyBudget = flags.latencyBudget;
  options.validationData = flags.validationData;
  options.labels = flags.labels;
  options.decisions = flags.decisions;
  options.saveDecisions = flags.saveDecisions;
  if (options.precision != mpc::PrecisionChoice::Auto &&
      options.decisions.empty()) {
    for (const cl::opt<std::string> *flag :
         {&flags.accuracyBudget, &flags.latencyBudget})
      if (flag->getNumOccurrences())
        return fail("--" + flag->ArgStr + " belongs to --precision=auto");
    for (const cl::opt<std::string> *flag :
         {&flags.validationData, &flags.labels})
      if (flag->getNumOccurrences() && !flags.diagnose.getNumOccurrences())
        return fail("--" + flag->ArgStr +
                    " belongs to --precision=auto and to --diagnose");
  }
  options.report = flags.report;
  if (flags.report.getNumOccurrences() &&
      !StringRef(options.report).ends_with(".html") &&
      !StringRef(options.report).ends_with(".json"))
    return fail(
        "--report: expected a file that ends in .html or .json, but got '" +
        options.report + "'");
  options.explain = flags.explain;
  if (flags.explain.getNumOccurrences() && options.explain.empty())
    return fail("--explain: expected the name of a group, a node or a tensor");
  options.diagnose = flags.diagnose;
  if (flags.diagnose.getNumOccurrences()) {
    if (options.diagnose.empty())
      return fail("--diagnose: expected a library of the model");
    if (!options.output.empty())
      return fail("--diagnose writes no library: leave out -o, and compile "
                  "with the configuration that it saves");
    if (options.calibrationData.empty())
      return fail("--diagnose needs samples on which the library loses "
                  "accuracy: give --calibration-data=PATH");
    if (options.labels.empty() != options.validationData.empty())
      return fail("--diagnose: expected --validation-data and its classes "
                  "--labels together, but got one of them");
    if (options.precision == mpc::PrecisionChoice::Auto)
      return fail("--diagnose: expected one precision to start from, but got "
                  "auto, which repairs what it chose itself");
    if (options.precision == mpc::PrecisionChoice::Keep ||
        options.precision == mpc::PrecisionChoice::F32)
      return fail("--diagnose: expected the --precision that " +
                  options.diagnose + " was compiled with");
  }
  options.reportSamples = flags.reportSamples;
  if (options.reportSamples < 1)
    return fail("--report-samples: expected at least 1");
  options.shapes.assign(flags.shapes.begin(), flags.shapes.end());
  options.bindings.assign(flags.bindings.begin(), flags.bindings.end());
  options.ioTypes.assign(flags.ioTypes.begin(), flags.ioTypes.end());
  options.preprocess = flags.preprocess;
  if (flags.preprocess.getNumOccurrences() && options.preprocess.empty())
    return fail("--preprocess: expected the name of a file");
  options.ioLayouts.assign(flags.ioLayouts.begin(), flags.ioLayouts.end());
  for (StringRef text : flags.insertPasses) {
    StringRef rest = text;
    bool isAfter = rest.consume_front("after:");
    auto [name, pipeline] = rest.split('=');
    auto phase = mpc::symbolizePhase(name);
    if (!isAfter || !phase || pipeline.empty())
      return fail("--insert-passes: expected after:PHASE=PIPELINE, but got '" +
                  text + "'");
    options.insertedPasses.emplace_back(*phase, pipeline.str());
  }
  options.marches.assign(flags.marches.begin(), flags.marches.end());
  options.dumpPhases = flags.dumpPhases;
  options.printPipeline = flags.printPipeline;
  if (options.tune &&
      (options.from > mpc::Phase::Linalg || options.to < mpc::Phase::Tiled))
    return fail("--tune times what is chosen between the phases linalg and "
                "tiled, which --compile-from and --compile-to leave out");
  options.library.output = flags.output;
  options.library.prefix = flags.prefix;
  options.library.linker = flags.linker;
  options.library.jobs = flags.jobs;
  return true;
}

/// One line per problem: where, and what. Counts errors.
struct DiagnosticWriter {
  unsigned errors = 0;
  mlir::LogicalResult operator()(mlir::Diagnostic &diagnostic) {
    if (diagnostic.getSeverity() == mlir::DiagnosticSeverity::Remark) {
      errs() << diagnostic << "\n";
      return mlir::success();
    }
    bool isError = diagnostic.getSeverity() == mlir::DiagnosticSeverity::Error;
    if (!isError &&
        diagnostic.getSeverity() != mlir::DiagnosticSeverity::Warning)
      return mlir::failure();
    // The first few lines tell; the rest usually follows from them.
    if (isError && ++errors > 6)
      return mlir::success();
    std::string where;
    raw_string_ostream os(where);
    print(diagnostic.getLocation(), os);
    writeDiagnostic(isError, where, diagnostic.str());
    return mlir::success();
  }

private:
  static void print(mlir::Location location, raw_ostream &os) {
    if (auto file = dyn_cast<mlir::FileLineColLoc>(location))
      os << file.getFilename().getValue() << ":" << file.getLine() << ":"
         << file.getColumn();
    else if (auto name = dyn_cast<mlir::NameLoc>(location)) {
      if (isa<mlir::UnknownLoc>(name.getChildLoc())) {
        os << name.getName().getValue();
      } else {
        print(name.getChildLoc(), os);
        os << ": " << name.getName().getValue();
      }
    } else if (auto fused = dyn_cast<mlir::FusedLoc>(location)) {
      if (!fused.getLocations().empty())
        print(fused.getLocations().front(), os);
    } else if (auto call = dyn_cast<mlir::CallSiteLoc>(location))
      print(call.getCallee(), os);
  }
};

/// Prints remarks as they come; false after a message.
bool enableRemarks(const Flags &flags, mlir::MLIRContext &context) {
  if (!flags.remarks.getNumOccurrences())
    return true;
  std::string problem;
  if (!Regex(flags.remarks).isValid(problem))
    return fail("--remarks: expected a regular expression, but got '" +
                flags.remarks + "': " + problem);
  mlir::remark::RemarkCategories categories{flags.remarks, flags.remarks,
                                            flags.remarks, flags.remarks,
                                            flags.remarks};
  return succeeded(mlir::remark::enableOptimizationRemarks(
      context, nullptr,
      std::make_unique<mlir::remark::RemarkEmittingPolicyAll>(), categories,
      /*printAsEmitRemarks=*/true));
}

/// Makes the passes and dialects of plugins known; false after a message.
bool loadPlugins(const Flags &flags, mlir::DialectRegistry &registry) {
  if (!flags.insertPasses.empty())
    mpc::registerAllPasses();
  for (const std::string &file : flags.passPlugins) {
    auto plugin = mlir::PassPlugin::load(file);
    if (!plugin)
      return fail("--load-pass-plugin: " + toString(plugin.takeError()));
    plugin->registerPassRegistryCallbacks();
  }
  for (const std::string &file : flags.dialectPlugins) {
    auto plugin = mlir::DialectPlugin::load(file);
    if (!plugin)
      return fail("--load-dialect-plugin: " + toString(plugin.takeError()));
    plugin->registerDialectRegistryCallbacks(registry);
  }
  return true;
}

/// A counter on a terminal; nothing in a pipe.
void showProgress(size_t done, size_t all) {
  if (!sys::Process::StandardErrIsDisplayed())
    return;
  errs() << "\rcalibrating: " << done << " of " << all << " samples"
         << (done == all ? "\n" : "");
}

void showWork(const char *what, size_t done, size_t all) {
  if (!sys::Process::StandardErrIsDisplayed())
    return;
  errs() << "\r" << what << ": " << done << " of " << all
         << (done == all ? "\n" : "");
}
} // namespace

int main(int argc, char **argv) {
  mpc::hideLibraryOptions();
  mpc::setToolVersion("mpc-compile");
  Flags flags;
  LaterFlags later(flags.category);
  if (!cl::ParseCommandLineOptions(
          argc, argv,
          "compiles a trained model to a library that computes in f32, f16, "
          "bf16 or int8, or with weights of 8 or 4 bits\n",
          &errs()))
    return EXIT_FAILURE;
  if (flags.diagnostics != "text" && flags.diagnostics != "json")
    return fail("--diagnostics: expected text or json, but got '" +
                flags.diagnostics + "'"),
           EXIT_FAILURE;
  writeJSON = flags.diagnostics == "json";
  mpc::CompileOptions options;
  if (!parse(flags, later, options))
    return EXIT_FAILURE;
  if (!options.chips.empty() && !options.emulateGPU && options.ptxas.empty() &&
      options.to >= mpc::Phase::LLVM)
    writeRemark(
        "ptxas is not in --cuda-path, CUDA_PATH or PATH: the library holds PTX "
        "only, which the driver compiles when the library is first used");
  options.library.runtimeDirectory = mpc::findRuntimeDirectory(
      argv[0], reinterpret_cast<void *>(&showProgress));
  options.progress = showProgress;
  options.workProgress = showWork;

  mlir::DialectRegistry registry;
  mpc::registerAllDialects(registry);
  if (!loadPlugins(flags, registry))
    return EXIT_FAILURE;
  DiagnosticWriter writer;
  mlir::MLIRContext context(registry);
  if (!enableRemarks(flags, context))
    return EXIT_FAILURE;
  context.getDiagEngine().registerHandler(
      [&](mlir::Diagnostic &diagnostic) { return writer(diagnostic); });
  if (succeeded(mpc::compile(options, context)))
    return EXIT_SUCCESS;
  if (writer.errors)
    return EXIT_FAILURE;
  fail("internal error: compilation of " + Twine(options.input) +
       " failed without a message");
  return kInternalError;
}
