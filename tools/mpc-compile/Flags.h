//===- Flags.h - The command line of mpc-compile ----------------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_TOOLS_MPCCOMPILE_FLAGS_H
#define MPC_TOOLS_MPCCOMPILE_FLAGS_H

#include "mpc/Compiler/Compiler.h"
#include "llvm/Support/CommandLine.h"
#include <memory>
#include <string>
#include <vector>

namespace mpc::driver {
namespace cl = llvm::cl;

/// Where a flag is an option of the compiler as it stands, it writes it there
/// itself (cl::location); the others are read by parseOptions.
struct Flags {
  explicit Flags(CompileOptions &options) : options(options) {}
  CompileOptions &options;
  cl::OptionCategory category{"mpc-compile options"};
  cl::list<std::string> inputs{cl::Positional,
                               cl::desc("<model.onnx|.mlir|.mlirbc>"),
                               cl::cat(category)};
  cl::opt<std::string, true> output{
      "o", cl::location(options.output),
      cl::desc("Library to write; its header stands beside it"),
      cl::value_desc("file"), cl::cat(category)};
  cl::opt<std::string> precision{
      "precision", cl::init("keep"),
      cl::desc("keep (default: what the model says), f32, f16, bf16, int8, "
               "int16, w8 or w4 (weights only), or auto: a search"),
      cl::cat(category)};
  cl::opt<std::string, true> activationType{
      "activation-type", cl::location(options.weights.activations),
      cl::desc("w8, w4: f32 (default), f16 or bf16"), cl::value_desc("type"),
      cl::cat(category)};
  cl::opt<std::string, true> weightBlock{
      "weight-block", cl::location(options.weights.block),
      cl::desc("w8, w4: weights that share a scale: 32 (default), 64, 128 or "
               "channel"),
      cl::value_desc("size"), cl::cat(category)};
  cl::opt<std::string, true> weightScheme{
      "weight-scheme", cl::location(options.weights.scheme),
      cl::desc("w8, w4: asymmetric (default), symmetric, or codebook (16 "
               "levels, w4 only)"),
      cl::value_desc("scheme"), cl::cat(category)};
  cl::opt<std::string, true> calibrationData{
      "calibration-data", cl::location(options.calibrationData),
      cl::desc("Samples: .npy, .npz or a folder of those, of "
               "test_data_set_*/input_*.pb, or of pictures (.jpg, .png)"),
      cl::value_desc("path"), cl::cat(category)};
  cl::opt<std::string, true> calibrator{
      "calibrator", cl::location(options.calibrator),
      cl::desc("mse (default), minmax, moving-average, percentile[:99.99] or "
               "entropy"),
      cl::value_desc("name"), cl::cat(category)};
  cl::list<std::string, std::vector<std::string>> calibration{
      "calibration",
      cl::location(options.calibrationFiles),
      cl::CommaSeparated,
      cl::desc("Saved ranges; several files merge"),
      cl::value_desc("file,..."),
      cl::cat(category)};
  cl::opt<std::string, true> saveCalibration{
      "save-calibration", cl::location(options.saveCalibration),
      cl::desc("Write the ranges"), cl::value_desc("file"), cl::cat(category)};
  cl::opt<std::string> repair{
      "repair",
      cl::desc("Repairs of int8, some of: equalization, smoothquant[:ALPHA], "
               "clipping, adaptive-rounding, bias-correction"),
      cl::value_desc("name,..."), cl::cat(category)};
  cl::opt<std::string, true> precisionConfig{
      "precision-config", cl::location(options.precisionConfig),
      cl::desc("Precisions per group, JSON (docs/PrecisionConfig.md)"),
      cl::value_desc("file"), cl::cat(category)};
  cl::opt<std::string, true> savePrecisionConfig{
      "save-precision-config", cl::location(options.savePrecisionConfig),
      cl::desc("Write what was chosen, in the same form"),
      cl::value_desc("file"), cl::cat(category)};
  cl::opt<std::string, true> accuracyBudget{
      "accuracy-budget", cl::location(options.accuracyBudget),
      cl::desc("Of --precision=auto: top1:POINTS lost at most, sqnr:DB or "
               "cosine:VALUE at least, beside f32 (default: sqnr:20)"),
      cl::value_desc("kind:amount"), cl::cat(category)};
  cl::opt<std::string, true> latencyBudget{
      "latency-budget", cl::location(options.latencyBudget),
      cl::desc("Of --precision=auto: time of a call on one thread, 3ms; alone: "
               "the most accurate within it"),
      cl::value_desc("time"), cl::cat(category)};
  cl::opt<std::string, true> validationData{
      "validation-data", cl::location(options.validationData),
      cl::desc("Of --precision=auto: samples that the budget is checked on "
               "(default: those of --calibration-data); of --diagnose: those "
               "with --labels"),
      cl::value_desc("path"), cl::cat(category)};
  cl::opt<std::string, true> labels{
      "labels", cl::location(options.labels),
      cl::desc("Classes of --validation-data, integers (.npy or .pb)"),
      cl::value_desc("file"), cl::cat(category)};
  cl::opt<std::string, true> saveDecisions{
      "save-decisions", cl::location(options.saveDecisions),
      cl::desc("Write all that was measured and chosen about precisions "
               "(docs/Search.md)"),
      cl::value_desc("file"), cl::cat(category)};
  cl::opt<std::string, true> decisions{
      "decisions", cl::location(options.decisions),
      cl::desc(
          "Compile with saved decisions: the same library, without measuring"),
      cl::value_desc("file"), cl::cat(category)};
  cl::opt<std::string, true> report{
      "report", cl::location(options.report),
      cl::desc("Write what was decided, why, and what it costs: a page (.html) "
               "or data (.json; docs/Report.md)"),
      cl::value_desc("file"), cl::cat(category)};
  cl::opt<int64_t, true> reportSamples{
      "report-samples", cl::location(options.reportSamples),
      cl::desc("Measure errors on so many of the calibration samples at most "
               "(default: 32)"),
      cl::value_desc("number"), cl::cat(category)};
  cl::opt<std::string, true> explain{
      "explain", cl::location(options.explain),
      cl::desc(
          "Tell the story of one group, node or tensor on standard output"),
      cl::value_desc("op"), cl::cat(category)};
  cl::opt<std::string, true> diagnose{
      "diagnose", cl::location(options.diagnose),
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
  cl::list<std::string, std::vector<std::string>> shapes{
      "shape", cl::location(options.shapes),
      cl::desc("Fix an input's sizes: NAME=8x3x224x224; ? for one that stays "
               "open: NAME=?x3x224x224"),
      cl::value_desc("name=sizes"), cl::cat(category)};
  cl::list<std::string, std::vector<std::string>> bindings{
      "bind", cl::location(options.bindings),
      cl::desc("Make an input a constant: NAME=FILE (.npy or .pb)"),
      cl::value_desc("name=file"), cl::cat(category)};
  cl::list<std::string, std::vector<std::string>> ioTypes{
      "io-type", cl::location(options.ioTypes),
      cl::desc("Another element type at the border: NAME=u8"),
      cl::value_desc("name=type"), cl::cat(category)};
  cl::list<std::string, std::vector<std::string>> ioLayouts{
      "io-layout", cl::location(options.ioLayouts),
      cl::desc("Another layout at the border: NAME=nhwc"),
      cl::value_desc("name=layout"), cl::cat(category)};
  cl::opt<std::string, true> preprocess{
      "preprocess", cl::location(options.preprocess),
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
  cl::list<std::string, std::vector<std::string>> marches{
      "march",
      cl::location(options.marches),
      cl::CommaSeparated,
      cl::desc("Instruction sets, chosen among at load: x86-64-v3, x86-64-v4, "
               "cascadelake, sapphirerapids-amx (these four by default), "
               "native, ..."),
      cl::value_desc("name,..."),
      cl::cat(category)};
  cl::opt<std::string, true> f16Accumulation{
      "f16-accumulation", cl::location(options.f16Accumulation),
      cl::desc("Sums of f16 products: f32 (default), or chunked: 64 pairs at a "
               "time in f16 on instruction sets with AVX512-FP16, faster and "
               "less exact (docs/Numerics.md)"),
      cl::value_desc("how"), cl::cat(category)};
  cl::opt<bool, true> fastMath{
      "fast-math", cl::location(options.fastMath),
      cl::desc("Compute 3x3 convolutions of f32 by Winograd's minimal "
               "filtering where that pays: faster, sums are less exact "
               "(docs/Numerics.md)"),
      cl::cat(category)};
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
  cl::opt<std::string, true> latencyTable{
      "latency-table", cl::location(options.latencyTable),
      cl::desc("Latencies of the target, as mpc-run --measure wrote them "
               "(default: measured on this machine)"),
      cl::value_desc("file"), cl::cat(category)};
  cl::opt<bool, true> tune{
      "tune", cl::location(options.tune),
      cl::desc("Time tilings of products and convolutions on this machine, and "
               "keep the fastest ones for later compilations (docs/Tuning.md)"),
      cl::cat(category)};
  cl::opt<std::string, true> tuningTable{
      "tuning-table", cl::location(options.tuningTable),
      cl::desc("Tilings that were measured; with --tune also where they are "
               "kept (default: a file of the user's cache)"),
      cl::value_desc("file"), cl::cat(category)};
  cl::opt<std::string, true> prefix{
      "prefix", cl::location(options.library.prefix),
      cl::desc("C name before _query and in the header"),
      cl::value_desc("name"), cl::cat(category)};
  cl::opt<std::string, true> linker{
      "linker", cl::location(options.library.linker),
      cl::desc("The ld.lld to use"), cl::value_desc("file"), cl::cat(category)};
  cl::opt<std::string, true> rounding{
      "rounding", cl::location(options.integers.rounding),
      cl::desc("How integers are requantized: onnx (default), tflite, "
               "tflite-single, tosa or tosa-double"),
      cl::cat(category)};
  cl::opt<bool, true> fullyIntegral{
      "fully-integral", cl::location(options.fullyIntegral),
      cl::desc("Fail where anything but the model's own inputs and outputs "
               "would be floating point"),
      cl::cat(category)};
  cl::opt<std::string, true> activations{
      "activations", cl::location(options.integers.activations),
      cl::desc("8-bit activations: asymmetric (default), symmetric, signed or "
               "signed-symmetric"),
      cl::cat(category)};
  cl::opt<std::string, true> scales{
      "scales", cl::location(options.integers.scales),
      cl::desc("any (default) or power-of-two: fixed point Qm.n"),
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
  cl::opt<std::string, true> dumpPhases{
      "dump-phases", cl::location(options.dumpPhases),
      cl::desc("Write the IR of every phase there, big weights elided"),
      cl::value_desc("folder"), cl::cat(category)};
  cl::opt<bool, true> printPipeline{
      "print-pipeline", cl::location(options.printPipeline),
      cl::desc("Print each phase's pass pipeline"), cl::cat(category)};
  cl::opt<unsigned, true> jobs{
      "jobs", cl::location(options.library.jobs),
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
         })
      flags.push_back(std::make_unique<cl::opt<std::string>>(
          llvm::StringRef(name), cl::ValueOptional, cl::Hidden,
          cl::cat(category)));
  }
};

/// Reads what is not an option of the compiler as it stands, and refuses what
/// does not go together; false after a message.
bool parseOptions(const Flags &flags, const LaterFlags &later,
                  CompileOptions &options);

} // namespace mpc::driver

#endif // MPC_TOOLS_MPCCOMPILE_FLAGS_H
