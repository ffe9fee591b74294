//===- Flags.cpp - The command line of mpc-compile ------------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Flags.h"
#include "Messages.h"
#include "mpc/Analysis/Calibration.h"
#include "mpc/Codegen/Variants.h"
#include "mpc/GPU/Chips.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/Program.h"

using namespace llvm;
using namespace mpc;
using namespace mpc::driver;

namespace {

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

/// Whether the word of `flag`, where it is given, is one that `member` of a
/// format may have; false after a message.
template <typename Format>
bool checkWord(const cl::opt<std::string, true> &flag,
               std::string Format::*member) {
  Format one;
  one.*member = flag;
  std::string problem = findProblem(one);
  if (problem.empty() && flag.getNumOccurrences() && flag.getValue().empty())
    problem = "expected a value";
  return problem.empty() || fail("--" + flag.ArgStr + ": " + problem);
}

/// The flags that go with w8 and w4; false after a message.
bool parseWeights(const Flags &flags, CompileOptions &options) {
  bool isWeightOnly = options.precision == PrecisionChoice::W8 ||
                      options.precision == PrecisionChoice::W4;
  const std::tuple<const cl::opt<std::string, true> *,
                   std::string WeightFormat::*>
      words[] = {{&flags.weightBlock, &WeightFormat::block},
                 {&flags.weightScheme, &WeightFormat::scheme},
                 {&flags.activationType, &WeightFormat::activations}};
  for (auto [flag, member] : words) {
    if (!flag->getNumOccurrences())
      continue;
    if (!isWeightOnly && options.precisionConfig.empty())
      return fail("--" + flag->ArgStr +
                  " goes with --precision=w8 or w4, but precision is " +
                  flags.precision);
    if (!checkWord(*flag, member))
      return false;
  }
  if (options.weights.scheme == "codebook" &&
      options.precision == PrecisionChoice::W8)
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
bool parseTarget(const Flags &flags, CompileOptions &options) {
  SmallVector<Variant> variants;
  if (std::string problem;
      resolveVariants(options.marches, variants, problem).failed())
    return fail("--march: " + problem);
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
    if (!findChip(chip))
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

/// The precision of the computation, and the flags that say more of it.
bool parsePrecision(const Flags &flags, CompileOptions &options) {
  auto choice = StringSwitch<std::optional<PrecisionChoice>>(flags.precision)
                    .Case("keep", PrecisionChoice::Keep)
                    .Case("f32", PrecisionChoice::F32)
                    .Case("f16", PrecisionChoice::F16)
                    .Case("bf16", PrecisionChoice::BF16)
                    .Case("int8", PrecisionChoice::INT8)
                    .Case("int16", PrecisionChoice::INT16)
                    .Case("w8", PrecisionChoice::W8)
                    .Case("w4", PrecisionChoice::W4)
                    .Case("auto", PrecisionChoice::Auto)
                    .Default(std::nullopt);
  if (!choice)
    return fail("--precision: expected keep, f32, f16, bf16, int8, int16, w8, "
                "w4 or auto, but got '" +
                flags.precision + "'");
  options.precision = *choice;
  if (options.f16Accumulation != "f32" && options.f16Accumulation != "chunked")
    return fail("--f16-accumulation: expected f32 or chunked, but got " +
                options.f16Accumulation);
  if (options.f16Accumulation != "f32" && flags.target != "cpu")
    return fail("--f16-accumulation is for kernels of CPUs, but --target is " +
                flags.target);
  if (options.fastMath && flags.target != "cpu")
    return fail("--fast-math is for kernels of CPUs, but --target is " +
                flags.target);
  return parseWeights(flags, options);
}

/// How integers are computed: --rounding, --activations, --scales.
bool parseIntegers(const Flags &flags, const CompileOptions &options) {
  if (!checkWord(flags.rounding, &IntegerFormat::rounding) ||
      !checkWord(flags.activations, &IntegerFormat::activations) ||
      !checkWord(flags.scales, &IntegerFormat::scales))
    return false;
  StringRef rounding = options.integers.rounding;
  bool isIntegral = !rounding.empty() && rounding != "onnx";
  if (options.fullyIntegral && !isIntegral)
    return fail("--fully-integral needs a profile without floating point: "
                "--rounding=tflite, tflite-single, tosa or tosa-double");
  if (options.fullyIntegral && !isOneOf(flags.precision, "int8", "keep"))
    return fail("--fully-integral needs --precision=int8, but got " +
                flags.precision);
  if (flags.precision == "int16" && isIntegral)
    return fail(
        "--precision=int16 is rounded as --rounding=onnx says only, but got " +
        rounding);
  return true;
}

/// The kind of output, and the phases from which and to which to compile.
bool parseOutput(const Flags &flags, CompileOptions &options) {
  auto emit = StringSwitch<std::optional<EmitKind>>(flags.emit)
                  .Case("library", EmitKind::Library)
                  .Case("archive", EmitKind::Archive)
                  .Case("object", EmitKind::Object)
                  .Case("llvm-ir", EmitKind::LLVMIR)
                  .Case("mlir", EmitKind::Library)
                  .Case("bench-kit", EmitKind::Library)
                  .Case("observer-library", EmitKind::Library)
                  .Default(std::nullopt);
  if (!emit)
    return fail("--emit: expected library, observer-library, archive, object, "
                "llvm-ir, mlir or bench-kit, but got '" +
                flags.emit + "'");
  options.library.emit = *emit;
  options.library.output = options.output;
  options.emitMLIR = flags.emit == "mlir";
  options.emitObserver = flags.emit == "observer-library";
  options.benchKit = flags.emit == "bench-kit";
  if (!options.latencyTable.empty() &&
      (options.precision != PrecisionChoice::Auto || options.benchKit))
    return fail(
        "--latency-table is for --precision=auto, whose search reads it");

  for (auto [flag, phase] : {std::make_pair(&flags.from, &options.from),
                             std::make_pair(&flags.to, &options.to)}) {
    if (flag->empty())
      continue;
    auto found = symbolizePhase(*flag);
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
  // IR of a later phase shows what an observer is.
  bool isShown = options.emitMLIR ||
                 (options.emitObserver && options.to >= Phase::Annotated);
  if (flags.emit.getNumOccurrences() && options.to != Phase::Library &&
      !isShown)
    return fail("--emit=" + flags.emit +
                " is made of the phase library, but --compile-to=" + flags.to +
                " stops before it: leave out one of them");
  if (options.output.empty() && options.to == Phase::Library &&
      !options.emitMLIR && options.library.emit != EmitKind::LLVMIR &&
      options.savePrecisionConfig.empty() && options.report.empty() &&
      options.explain.empty() && options.diagnose.empty() &&
      options.dumpPhases.empty() && !options.printPipeline)
    return fail("expected an output: -o FILE");
  return true;
}

/// Tilings that are timed, or that were.
bool parseTuning(const Flags &flags, CompileOptions &options) {
  options.tuningFolder = findCacheFolder();
  if (flags.tuningTable.getNumOccurrences() && options.tuningTable.empty())
    return fail("--tuning-table: expected the name of a file");
  if ((options.tune || !options.tuningTable.empty()) && flags.target != "cpu")
    return fail(
        "--tune and --tuning-table are for kernels of CPUs, but --target is " +
        flags.target);
  if ((options.tune || !options.tuningTable.empty()) && options.benchKit)
    return fail("--tune and --tuning-table are for the library of a model, but "
                "--emit is bench-kit");
  if (options.tune &&
      (options.from > Phase::Linalg || options.to < Phase::Tiled))
    return fail("--tune times what is chosen between the phases linalg and "
                "tiled, which --compile-from and --compile-to leave out");
  return true;
}

/// Where the ranges of int8 come from, and what repairs its errors.
bool parseCalibration(const Flags &flags, CompileOptions &options) {
  if (flags.calibrator.getNumOccurrences())
    if (auto calibrator = parseCalibrator(options.calibrator); !calibrator)
      return fail("--calibrator: " + toString(calibrator.takeError()));
  if (flags.calibrator.getNumOccurrences() && !options.emitObserver &&
      options.calibrationData.empty() && options.calibrationFiles.empty() &&
      options.decisions.empty())
    return fail("--calibrator makes ranges of what samples gave: give them "
                "with --calibration-data=PATH or --calibration=FILE");
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
    auto repairs = parseRepairs(flags.repair);
    if (!repairs)
      return fail("--repair: " + toString(repairs.takeError()));
    options.repairs = std::move(*repairs);
  }
  return true;
}

/// What only --precision=auto and --diagnose read.
bool parseSearch(const Flags &flags, const CompileOptions &options) {
  if (options.precision == PrecisionChoice::Auto || !options.decisions.empty())
    return true;
  for (const auto *flag : {&flags.accuracyBudget, &flags.latencyBudget})
    if (flag->getNumOccurrences())
      return fail("--" + flag->ArgStr + " belongs to --precision=auto");
  for (const auto *flag : {&flags.validationData, &flags.labels})
    if (flag->getNumOccurrences() && !flags.diagnose.getNumOccurrences())
      return fail("--" + flag->ArgStr +
                  " belongs to --precision=auto and to --diagnose");
  return true;
}

/// Pages and stories of what was decided, and what made a library inaccurate.
bool parseReports(const Flags &flags, const CompileOptions &options) {
  if (flags.report.getNumOccurrences() &&
      !StringRef(options.report).ends_with(".html") &&
      !StringRef(options.report).ends_with(".json"))
    return fail(
        "--report: expected a file that ends in .html or .json, but got '" +
        options.report + "'");
  if (options.reportSamples < 1)
    return fail("--report-samples: expected at least 1");
  if (flags.reportSamples.getNumOccurrences() && options.report.empty() &&
      options.explain.empty() && !flags.diagnose.getNumOccurrences())
    return fail("--report-samples belongs to --report, --explain and "
                "--diagnose");
  if (flags.explain.getNumOccurrences() && options.explain.empty())
    return fail("--explain: expected the name of a group, a node or a tensor");
  if (!flags.diagnose.getNumOccurrences())
    return true;
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
  if (options.precision == PrecisionChoice::Auto)
    return fail("--diagnose: expected one precision to start from, but got "
                "auto, which repairs what it chose itself");
  if (options.precision == PrecisionChoice::Keep ||
      options.precision == PrecisionChoice::F32)
    return fail("--diagnose: expected the --precision that " +
                options.diagnose + " was compiled with");
  return true;
}

/// What is changed of the model before, and between the phases.
bool parseChanges(const Flags &flags, CompileOptions &options) {
  if (flags.preprocess.getNumOccurrences() && options.preprocess.empty())
    return fail("--preprocess: expected the name of a file");
  for (StringRef text : flags.insertPasses) {
    StringRef rest = text;
    bool isAfter = rest.consume_front("after:");
    auto [name, pipeline] = rest.split('=');
    auto phase = symbolizePhase(name);
    if (!isAfter || !phase || pipeline.empty())
      return fail("--insert-passes: expected after:PHASE=PIPELINE, but got '" +
                  text + "'");
    options.insertedPasses.emplace_back(*phase, pipeline.str());
  }
  return true;
}

} // namespace

bool mpc::driver::parseOptions(const Flags &flags, const LaterFlags &later,
                               CompileOptions &options) {
  for (auto &flag : later.flags)
    if (flag->getNumOccurrences())
      return fail("--" + flag->ArgStr + (flag->empty() ? "" : "=" + *flag) +
                  " is not supported yet");
  if (flags.inputs.size() != 1)
    return fail(
        flags.inputs.empty()
            ? Twine(
                  "expected a model file (.onnx, .mlir or .mlirbc); see --help")
            : "expected one model file, but got " + Twine(flags.inputs.size()) +
                  ": " + join(flags.inputs.begin(), flags.inputs.end(), ", "));
  options.input = flags.inputs[0];
  return parsePrecision(flags, options) && parseTarget(flags, options) &&
         parseIntegers(flags, options) && parseOutput(flags, options) &&
         parseTuning(flags, options) && parseCalibration(flags, options) &&
         parseSearch(flags, options) && parseReports(flags, options) &&
         parseChanges(flags, options);
}
