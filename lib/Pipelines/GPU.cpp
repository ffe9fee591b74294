//===- GPU.cpp - the passes from linalg to GPU kernels --------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Affine/Transforms/Passes.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/GPU/Transforms/Passes.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"
#include "mpc/Codegen/Passes.h"
#include "mpc/GPU/Passes.h"
#include "mpc/Pipelines/Pipelines.h"

using namespace mlir;

void mpc::buildGPUTilingPipeline(OpPassManager &pm,
                                 const CodegenOptions &options,
                                 ArrayRef<std::string> chips) {
  // 1. The code around kernels is for one instruction set: the floor, unless
  // asked for otherwise.
  ForkVariantsOptions fork;
  fork.marches.assign(options.marches.begin(), options.marches.end());
  if (fork.marches.empty())
    fork.marches = {"x86-64-v3"};
  pm.addPass(createForkVariants(fork));
  ForkChipsOptions chipsOptions;
  chipsOptions.chips.assign(chips.begin(), chips.end());
  pm.addPass(createForkChips(chipsOptions));
  OpPassManager &variant = pm.nest<ModuleOp>();
  // 2. As for CPUs, but other tiles.
  variant.addPass(createSelectGPUTiling());
  variant.addPass(createPackConstants());
  variant.addNestedPass<func::FuncOp>(createTileAndFuse());
}

void mpc::buildGPUBufferizationPipeline(OpPassManager &pm) {
  OpPassManager &variant = pm.nest<ModuleOp>();
  // 1. Tensors to buffers.
  variant.addPass(createBufferize());
  variant.addPass(createCanonicalizerPass());
  variant.addPass(createCSEPass());
  // 2. Kernels: chains of groups, such as attention, tensor cores, threads that
  // share a row, and a thread per element for all the rest.
  variant.addPass(createSelectGPUChains());
  variant.addPass(createTileChains());
  variant.addPass(createSymbolDCEPass());
  variant.addPass(createLowerGPUChains());
  variant.addPass(createLowerMMA());
  FuseRowsOptions rows;
  rows.threads = true;
  variant.addNestedPass<func::FuncOp>(createFuseRows(rows));
  variant.addPass(createCSEPass());
  LowerKernelsOptions lowering;
  lowering.perElement = true;
  variant.addPass(createLowerKernels(lowering));
  variant.addPass(createMapToGPU());
  variant.addPass(createCanonicalizerPass());
  variant.addPass(createCSEPass());
  // Sizes and divisors become constants inside of the kernels.
  variant.addPass(createGpuLaunchSinkIndexComputationsPass());
  variant.addPass(createGpuKernelOutliningPass());
  // 3. Groups become part of the entry point, which is then a list of launches.
  variant.addPass(createInlinerPass({}, [](OpPassManager &) {}));
  variant.addPass(createSymbolDCEPass());
  variant.addPass(createCanonicalizerPass());
  variant.addPass(createCSEPass());
  // 4. Memory.
  variant.addPass(createPlanArena());
  pm.addPass(createExtractWeights());
}

void mpc::buildGPUEmulationPipeline(OpPassManager &pm) {
  pm.nest<ModuleOp>().addPass(createEmulateGPU());
  buildLLVMPipeline(pm);
}

void mpc::buildGPULLVMPipeline(OpPassManager &pm, const GPUOptions &options) {
  OpPassManager &variant = pm.nest<ModuleOp>();
  // 1. Kernels: math, control flow and addresses; then PTX for every chip,
  // and cubins where there is an assembler.
  OpPassManager &math = variant.nest<gpu::GPUModuleOp>().nest<gpu::GPUFuncOp>();
  arith::ArithEmulateUnsupportedFloatsOptions emulation;
  emulation.sourceTypeStrs = {"bf16"};
  math.addPass(arith::createArithEmulateUnsupportedFloats(emulation));
  math.addPass(createExpandMath());
  variant.addPass(createLowerBF16());
  OpPassManager &kernels = variant.nest<gpu::GPUModuleOp>();
  kernels.addPass(createConvertNVGPUToNVVMPass());
  kernels.addPass(createLowerTensorMaps());
  kernels.addPass(createLowerSharedMemory());
  OpPassManager &expand = kernels.nest<gpu::GPUFuncOp>();
  expand.addPass(arith::createArithExpandOpsPass());
  expand.addPass(createConvertVectorToSCFPass());
  kernels.addPass(memref::createExpandStridedMetadataPass());
  kernels.addPass(affine::createAffineExpandIndexOpsPass());
  kernels.addPass(createLowerAffinePass());
  kernels.addPass(createLoopInvariantCodeMotionPass());
  kernels.addPass(createSCFToControlFlowPass());
  kernels.addPass(createConvertVectorToLLVMPass());
  // Before NVVM's conversion, which would call CUDA's libdevice.
  kernels.addPass(createLowerKernelMath());
  kernels.addPass(createConvertGpuOpsToNVVMOps());
  kernels.addPass(createLowerTensorMaps());
  kernels.addPass(createConvertNVVMToLLVMPass());
  kernels.addPass(createCanonicalizerPass());
  kernels.addPass(createCSEPass());
  kernels.addPass(createReconcileUnrealizedCastsPass());
  AttachChipsOptions chips;
  chips.chips.assign(options.chips.begin(), options.chips.end());
  variant.addPass(createAttachChips(chips));
  GpuModuleToBinaryPassOptions binary;
  binary.compilationTarget = "isa";
  variant.addPass(createGpuModuleToBinaryPass(binary));
  AssembleKernelsOptions assembler;
  assembler.ptxas = options.ptxas;
  variant.addPass(createAssembleKernels(assembler));
  // 2. The code around them.
  variant.addPass(createLowerEntry());
  variant.addPass(createLowerLaunches());
  buildLLVMPipelineAfterEntry(pm);
}

void mpc::registerGPUPipelines() {
  PassPipelineRegistration<GPUTilingOptions>(
      "mpc-linalg-to-gpu-tiled", "As mpc-linalg-to-tiled, with tiles for GPUs",
      [](OpPassManager &pm, const GPUTilingOptions &options) {
        buildGPUTilingPipeline(pm, options,
                               SmallVector<std::string>(options.chips.begin(),
                                                        options.chips.end()));
      });
  PassPipelineRegistration<>(
      "mpc-gpu-tiled-to-bufferized",
      "GPU kernels, buffers in one arena, weights in one blob",
      buildGPUBufferizationPipeline);
  PassPipelineRegistration<GPUOptions>(
      "mpc-gpu-bufferized-to-llvm",
      "To the LLVM dialect, GPU kernels as PTX and cubins in constants",
      buildGPULLVMPipeline);
  PassPipelineRegistration<>(
      "mpc-gpu-bufferized-to-emulated",
      "To the LLVM dialect, GPU kernels emulated on the CPU",
      buildGPUEmulationPipeline);
}
