//===- Pipelines.h - The order of passes ------------------------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The only place where the order of passes is written. mpc-compile runs these
// builders; mpc-opt registers the very same ones as pipelines.
//
//===----------------------------------------------------------------------===//

#ifndef MPC_PIPELINES_PIPELINES_H
#define MPC_PIPELINES_PIPELINES_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassOptions.h"

namespace mpc {

/// Where a compilation can start and stop, in order. `--compile-to=PHASE` names
/// the form of the IR that comes out.
enum class Phase {
  Imported,   // the model's operators and types in the mpc dialect
  Grouped,    // simplified, NHWC, operators with their epilogues in mpc.group
  Annotated,  // groups carry ranges and precisions
  Quantized,  // the IR computes in the chosen precisions
  Linalg,     // one linalg function per distinct group
  Tiled,      // one module per instruction set, contractions as kernel ops
  Bufferized, // memrefs, dispatches, one arena, one weights blob
  LLVM,       // the LLVM dialect
  Library     // the file that comes out
};

/// "imported", ..., as on the command line.
llvm::StringRef stringifyPhase(Phase phase);
std::optional<Phase> symbolizePhase(llvm::StringRef name);
/// One sentence for --help.
llvm::StringRef describePhase(Phase phase);

/// Runs `pm` on `module` and verifies what comes out. A PassManager by itself
/// verifies after each pass, which takes two fifths of the time of code
/// generation; that is left to builds with assertions, and to mpc-opt.
llvm::LogicalResult runPasses(mlir::PassManager &pm, mlir::ModuleOp module);

/// Options of everything past linalg.
struct CodegenOptions : mlir::PassPipelineOptions<CodegenOptions> {
  ListOption<std::string> marches{
      *this, "march",
      llvm::cl::desc("Instruction sets to generate code for (default: "
                     "x86-64-v3,x86-64-v4,cascadelake,sapphirerapids-amx)")};
  Option<std::string> tuningTable{
      *this, "tuning-table",
      llvm::cl::desc("Tilings that were measured, JSON (docs/Tuning.md)")};
  Option<std::string> f16Accumulation{
      *this, "f16-accumulation", llvm::cl::init("f32"),
      llvm::cl::desc("Sums of f16 products: f32, or chunked where the "
                     "instruction set has them (docs/Numerics.md)")};
  Option<bool> fastMath{
      *this, "fast-math", llvm::cl::init(false),
      llvm::cl::desc("3 x 3 convolutions of f32 by minimal filtering, where it "
                     "pays (docs/Numerics.md)")};
  Option<unsigned> tilingCandidate{
      *this, "tiling-candidate", llvm::cl::init(0),
      llvm::cl::desc("Number of the tiling to choose, for measuring")};
  Option<bool> chains{
      *this, "chains", llvm::cl::init(true),
      llvm::cl::desc("Run groups together by blocks of rows (not where each "
                     "of them is measured)")};
};

/// Options of tiles for GPUs.
struct GPUTilingOptions : CodegenOptions {
  ListOption<std::string> chips{
      *this, "chip", llvm::cl::desc("Chips to generate code for: sm_80, ...")};
};

/// Options of kernels for GPUs.
struct GPUOptions : mlir::PassPipelineOptions<GPUOptions> {
  ListOption<std::string> chips{
      *this, "chip", llvm::cl::desc("Chips to generate code for: sm_80, ...")};
  Option<std::string> ptxas{
      *this, "ptxas",
      llvm::cl::desc("CUDA's assembler (default: none, only PTX)")};
};

/// linalg -> tiled.
void buildTilingPipeline(mlir::OpPassManager &pm,
                         const CodegenOptions &options);
/// tiled -> bufferized.
void buildBufferizationPipeline(mlir::OpPassManager &pm);
/// bufferized -> llvm.
void buildLLVMPipeline(mlir::OpPassManager &pm);
/// The rest of it, once mpc-lower-entry has run.
void buildLLVMPipelineAfterEntry(mlir::OpPassManager &pm);
/// linalg -> llvm: the three above.
void buildLinalgToLLVMPipeline(mlir::OpPassManager &pm,
                               const CodegenOptions &options);

/// linalg -> tiled, for GPUs: a module for each class of `chips`, one if there
/// are none.
void buildGPUTilingPipeline(mlir::OpPassManager &pm,
                            const CodegenOptions &options,
                            llvm::ArrayRef<std::string> chips);
/// tiled -> bufferized: GPU kernels in one gpu.module, and their launches.
void buildGPUBufferizationPipeline(mlir::OpPassManager &pm);
/// bufferized -> llvm: GPU kernels as PTX, launched by the runtime.
void buildGPULLVMPipeline(mlir::OpPassManager &pm, const GPUOptions &options);
/// bufferized -> llvm: GPU kernels run on the CPU.
void buildGPUEmulationPipeline(mlir::OpPassManager &pm);

/// Registers the four above as mpc-linalg-to-gpu-tiled,
/// mpc-gpu-tiled-to-bufferized, mpc-gpu-bufferized-to-llvm and
/// mpc-gpu-bufferized-to-emulated.
void registerGPUPipelines();

/// Registers the builders above those as mpc-linalg-to-tiled,
/// mpc-tiled-to-bufferized, mpc-bufferized-to-llvm and mpc-linalg-to-llvm.
void registerCodegenPipelines();

} // namespace mpc

#endif // MPC_PIPELINES_PIPELINES_H
