//===- Codegen.cpp - the passes from linalg to the LLVM dialect -----------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Affine/Transforms/Passes.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Dialect/SCF/Transforms/Passes.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"
#include "mpc/Codegen/Passes.h"
#include "mpc/Pipelines/Pipelines.h"

using namespace mlir;
using namespace mpc;

void mpc::buildTilingPipeline(OpPassManager &pm,
                              const CodegenOptions &options) {
  // 1. One nested module per instruction set, with its target description.
  ForkVariantsOptions fork;
  fork.marches.assign(options.marches.begin(), options.marches.end());
  pm.addPass(createForkVariants(fork));
  OpPassManager &variant = pm.nest<ModuleOp>();
  // 2. Decide tiles, bring weights into their layout, apply.
  SelectTilingOptions select;
  select.table = options.tuningTable;
  select.f16Accumulation = options.f16Accumulation;
  select.fastMath = options.fastMath;
  select.candidate = options.tilingCandidate;
  variant.addPass(createSelectTiling(select));
  variant.addPass(createPackConstants());
  variant.addNestedPass<func::FuncOp>(createTileAndFuse());
}

static void buildBufferization(OpPassManager &pm, bool chains) {
  OpPassManager &variant = pm.nest<ModuleOp>();
  // 1. Tensors to buffers; copies onto themselves vanish.
  variant.addPass(createBufferize());
  variant.addPass(createCanonicalizerPass());
  variant.addPass(createCSEPass());
  variant.addPass(createElideCopies());
  if (chains) {
    variant.addPass(createSelectChains());
    variant.addPass(createTileChains());
  }
  variant.addNestedPass<func::FuncOp>(createFuseRows());
  // 2. Kernels and the remaining operations to loops.
  variant.addNestedPass<func::FuncOp>(createSelectStreams());
  variant.addPass(createLowerKernels());
  variant.addPass(createEstimateRounding());
  variant.addNestedPass<func::FuncOp>(createPrefetchRows());
  // 3. Parallel loops become functions, groups become part of the entry point,
  // which is then a list of dispatches.
  variant.addPass(createOutlineParallel());
  // Upstream does not inline affine.apply into regions of scf.
  variant.addNestedPass<func::FuncOp>(createLowerAffinePass());
  variant.addPass(createInlinerPass({}, [](OpPassManager &) {}));
  variant.addPass(createSymbolDCEPass());
  variant.addPass(createCanonicalizerPass());
  variant.addPass(createCSEPass());
  variant.addPass(createMergeKernels());
  // 4. Memory.
  variant.addPass(createPlanArena());
  pm.addPass(createExtractWeights());
}

void mpc::buildBufferizationPipeline(OpPassManager &pm) {
  buildBufferization(pm, /*chains=*/true);
}

void mpc::buildLLVMPipeline(OpPassManager &pm) {
  OpPassManager &variant = pm.nest<ModuleOp>();
  // 1. The border to the runtime.
  variant.addPass(createLowerEntry());
  buildLLVMPipelineAfterEntry(pm);
}

void mpc::buildLLVMPipelineAfterEntry(OpPassManager &pm) {
  OpPassManager &variant = pm.nest<ModuleOp>();
  // 2. Register tiles become vector code.
  variant.addPass(createLowerInnerTiles());
  // 3. Math functions to arithmetic; bf16 computes in f32, exactly, and is
  // 16 bits otherwise.
  OpPassManager &math = variant.nest<func::FuncOp>();
  arith::ArithEmulateUnsupportedFloatsOptions emulation;
  emulation.sourceTypeStrs = {"bf16"};
  math.addPass(arith::createArithEmulateUnsupportedFloats(emulation));
  math.addPass(createExpandMath());
  variant.addPass(createLowerBF16());
  // 4. Control flow and addresses.
  OpPassManager &expand = variant.nest<func::FuncOp>();
  expand.addPass(createForallToForLoopPass());
  expand.addPass(arith::createArithExpandOpsPass());
  expand.addPass(createConvertVectorToSCFPass());
  expand.addPass(memref::createExpandStridedMetadataPass());
  expand.addPass(affine::createAffineExpandIndexOpsPass());
  expand.addPass(createLowerAffinePass());
  expand.addPass(createLoopInvariantCodeMotionPass());
  expand.addPass(createSCFToControlFlowPass());
  expand.addPass(createCanonicalizerPass());
  expand.addPass(createCSEPass());
  // 5. To the LLVM dialect.
  expand.addPass(createConvertVectorToLLVMPass());
  variant.addPass(createFinalizeMemRefToLLVMConversionPass());
  OpPassManager &scalars = variant.nest<func::FuncOp>();
  scalars.addPass(createConvertMathToLLVMPass());
  scalars.addPass(createArithToLLVMConversionPass());
  scalars.addPass(createConvertIndexToLLVMPass());
  scalars.addPass(createUBToLLVMConversionPass());
  variant.addPass(createConvertFuncToLLVMPass());
  variant.addPass(createConvertControlFlowToLLVMPass());
  variant.addPass(createReconcileUnrealizedCastsPass());
  variant.addNestedPass<LLVM::LLVMFuncOp>(createCanonicalizerPass());
  variant.addNestedPass<LLVM::LLVMFuncOp>(createCSEPass());
  // 6. Dispatches, now that descriptors are scalars.
  variant.addPass(createLowerDispatch());
  // 7. What instruction sets have in common.
  pm.addPass(createShareKernels());
}

void mpc::buildLinalgToLLVMPipeline(OpPassManager &pm,
                                    const CodegenOptions &options) {
  buildTilingPipeline(pm, options);
  buildBufferization(pm, options.chains);
  buildLLVMPipeline(pm);
}

void mpc::registerCodegenPipelines() {
  PassPipelineRegistration<CodegenOptions>(
      "mpc-linalg-to-tiled",
      "One module per instruction set, contractions tiled and packed",
      buildTilingPipeline);
  PassPipelineRegistration<>("mpc-tiled-to-bufferized",
                             "Buffers in one arena, weights in one blob",
                             buildBufferizationPipeline);
  PassPipelineRegistration<>("mpc-bufferized-to-llvm", "To the LLVM dialect",
                             buildLLVMPipeline);
  PassPipelineRegistration<CodegenOptions>(
      "mpc-linalg-to-llvm", "From linalg functions to the LLVM dialect",
      buildLinalgToLLVMPipeline);
}
