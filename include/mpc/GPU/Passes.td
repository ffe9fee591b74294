//===- Passes.td - from linalg to GPU kernels --------------*- tablegen -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_GPU_PASSES_TD
#define MPC_GPU_PASSES_TD

include "mlir/Pass/PassBase.td"

def SelectGPUTiling : Pass<"mpc-select-gpu-tiling", "::mlir::ModuleOp"> {
  let summary = "choose tile and instruction of each contraction on a GPU";
  let description = [{
    As mpc-select-tiling, for GPUs. 8-bit integers, f16 and bf16 become `mma` with blocks of `rows` by `columns` outputs, 16 rows per
    warp; f32, weights in blocks and depthwise convolutions have a thread per output. Rows are gathered where a register of
    32 bits would cross the end of a tap. Ops that already carry `kernel.tiling` keep it. Remarks: one per contraction.

    Before: `linalg.generic {...} ins(%x, %w) outs(%acc)`
    After:  `linalg.generic {..., kernel.tiling = #kernel.tiling<intrinsic = mma, rows = 64, columns = 64, kv = 4>} ...`
  }];
  let dependentDialects = ["mpc::kernel::KernelDialect"];
}

def LowerMMA : Pass<"mpc-lower-mma", "::mlir::ModuleOp"> {
  let summary = "contractions on tensor cores become GPU kernels";
  let description = [{
    `kernel.contract` with the intrinsic `mma`, on memrefs, becomes a `gpu.launch` of an implicit matrix product. A block computes
    `rows × columns` outputs, a warp 16 rows of them: per step it reads a 16 × 8·kv piece of the input and `columns` channels of
    weights into registers, multiplies with `nvvm.mma.sync` (m16n8k32 with wrapping sums for 8-bit integers, m16n8k16 with f32
    sums for f16 and bf16), and applies the epilogue to the accumulators. Packed weights are in the layout of the
    instruction's operand already, so that each register is one load of 32 bits. The reduction runs over (tap, channel) without gaps
    between taps. Rows and columns past the end are not stored.

    Precondition: bufferized; operands contiguous; rows of the input start at a multiple of 4 bytes unless they are gathered.
  }];
  let dependentDialects = ["mlir::affine::AffineDialect", "mlir::arith::ArithDialect", "mlir::gpu::GPUDialect",
      "mlir::memref::MemRefDialect", "mlir::NVVM::NVVMDialect", "mlir::LLVM::LLVMDialect", "mlir::scf::SCFDialect",
      "mlir::vector::VectorDialect"];
}

def MapToGPU : Pass<"mpc-map-to-gpu", "::mlir::ModuleOp"> {
  let summary = "parallel loops become GPU kernels";
  let description = [{
    Each outermost `scf.forall` becomes a `gpu.launch` with a thread per iteration, each loop outside of them that calls and
    allocates nothing and has no results one with a single thread. Buffers of fixed size inside are each thread's own.
    All kernels go to one module, `@gpu`, when gpu-kernel-outlining runs.

    ```mlir
    scf.forall (%i) in (%n) { memref.store %f, %m[%i] : memref<?xf32> }
    // becomes, with 128 threads per block
    gpu.launch blocks(...) in (... = %blocks, ...) threads(...) in (... = %c128, ...) module(@gpu) function(@f_kernel0) {
      %i = ... // block · 128 + thread
      scf.if %i < %n { memref.store %f, %m[%i] : memref<?xf32> }
    ```

    Fails on a loop with results, and on a buffer of unknown size inside.
  }];
  let dependentDialects = ["mlir::affine::AffineDialect", "mlir::arith::ArithDialect", "mlir::gpu::GPUDialect",
      "mlir::memref::MemRefDialect", "mlir::scf::SCFDialect"];
}

def EmulateGPU : Pass<"mpc-emulate-gpu", "::mlir::ModuleOp"> {
  let summary = "GPU kernels become functions that run them on the CPU, thread by thread";
  let description = [{
    Each `gpu.launch_func` becomes a dispatch (`mpc.dispatch`) of a function that runs the very kernel: over its threads, one
    after the other, or over its blocks where threads meet. Then the kernel is cut at `gpu.barrier` and at warp
    operations: all threads of a block run one piece before any runs the next, values that live longer are kept per thread, and shared memory
    belongs to the block. `nvvm.mma.sync` is computed from the registers of all 32 lanes as PTX defines its fragments: integers modulo
    2³², floating point with f32 sums in the order of k.

    What is checked while it runs, and ends the call with an error that names the kernel: every load and store lies inside of its
    memref, and shared memory is written before it is read, so that a missing barrier shows. What is checked here: barriers and warp operations
    stand where all threads of a block come (in loops and branches whose bounds and conditions are the same for all), for threads that
    do not would wait forever.

    Precondition: gpu-kernel-outlining; one-dimensional grids and blocks; block sizes are constants, with warp operations multiples of 32;
    kernels are structured control flow. Postcondition: no gpu operation.
  }];
  let dependentDialects = ["mlir::arith::ArithDialect", "mlir::cf::ControlFlowDialect", "mlir::func::FuncDialect",
      "mlir::memref::MemRefDialect", "mlir::scf::SCFDialect", "mlir::vector::VectorDialect"];
}

def LowerKernelMath : Pass<"mpc-lower-kernel-math", "::mlir::gpu::GPUModuleOp"> {
  let summary = "math operations that are instructions become intrinsics of LLVM";
  let description = [{
    `math.fma`, `sqrt`, `floor`, `ceil`, `trunc`, `round`, `roundeven`, `absf` and `copysign` become `llvm.call_intrinsic`, before convert-gpu-to-nvvm makes calls of
    CUDA's libdevice of them, which libraries do not hold. `llvm.intr.lrint` becomes rounding and a conversion.

    Precondition: mpc-expand-math; scalars and vectors of one dimension.
  }];
  let dependentDialects = ["mlir::LLVM::LLVMDialect"];
}

def AssembleKernels : Pass<"mpc-assemble-kernels", "::mlir::ModuleOp"> {
  let summary = "PTX becomes machine code of each chip";
  let description = [{
    Runs ptxas, CUDA's assembler, on each PTX object of each `gpu.binary`, those of several chips in parallel, and adds what it makes of it, a cubin. The PTX
    stays: the driver compiles it for chips that are younger than all that have a cubin. Without ptxas nothing changes. Fails with the first line of what ptxas says.

    Before: `gpu.binary @gpu [#gpu.object<#nvvm.target<chip = "sm_80">, assembly = "...">]`
    After:  `gpu.binary @gpu [#gpu.object<#nvvm.target<chip = "sm_80">, assembly = "...">, #gpu.object<#nvvm.target<chip = "sm_80">, bin = "...">]`
  }];
  let dependentDialects = ["mlir::gpu::GPUDialect"];
  let options = [Option<"ptxas", "ptxas", "std::string", "", "The program to run; empty: none">];
}

def LowerLaunches : Pass<"mpc-lower-launches", "::mlir::ModuleOp"> {
  let summary = "launches become calls of the runtime, kernels constants";
  let description = [{
    The PTX and the cubins of the `gpu.binary` become constants, and each `gpu.launch_func` in `@main` a call of `mpc_rt_gpu_launch(env, program, name, blocks, threads, shared, params)`,
    where `params` point to the kernel's arguments as convert-gpu-to-nvvm expects them: memrefs as the fields of their descriptors, and `shared` is the size of dynamic shared memory in bytes. `@main` begins with
    `mpc_rt_gpu_enter(env, program, descs)` and ends with `mpc_rt_gpu_leave(env, program)` (runtime/cuda.h).

    Precondition: mpc-lower-entry on `@main`, which still has memrefs; `mpc.model` on the module around; one gpu.binary, made by gpu-module-to-binary{format=isa} and mpc-assemble-kernels.
    Fails where `@main` reads or writes memory itself, for that is the GPU's: loops and branches that depend on values are not supported.
  }];
  let dependentDialects = ["mlir::arith::ArithDialect", "mlir::LLVM::LLVMDialect"];
}

#endif // MPC_GPU_PASSES_TD
