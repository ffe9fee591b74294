//===- Passes.td - from linalg to GPU kernels --------------*- tablegen -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_GPU_PASSES_TD
#define MPC_GPU_PASSES_TD

include "mlir/Pass/PassBase.td"

def ForkChips : Pass<"mpc-fork-chips", "::mlir::ModuleOp"> {
  let summary = "one module per class of GPUs";
  let description = [{
    Writes the names of `chips` into `mpc.chips` of each nested module. Where some of them have instructions that others lack (`wgmma`: sm_90a) and a
    contraction inside would use them, the module becomes two: the first for all others, the second, whose name ends with theirs, for those.

    Before: `module @x86_64_v3 {...}`
    After, with chips=sm_80,sm_90a: `module @x86_64_v3 attributes {mpc.chips = ["sm_80"]} {...}`
    and `module @x86_64_v3_sm_90a attributes {mpc.capability = 90, mpc.chips = ["sm_90a"]} {...}`
  }];
  let options = [ListOption<"chips", "chips", "std::string", "sm_80, ...; none: nothing changes">];
}

def AttachChips : Pass<"mpc-attach-chips", "::mlir::ModuleOp"> {
  let summary = "kernels are for the chips of their module";
  let description = [{
    Each `gpu.module` receives a target, `#nvvm.target`, for each chip of `mpc.chips` on the module around it, of `chips` where that has none. PTX is of version
    8.0, for chips with `wgmma` 8.4. A name that is no chip is an error.

    Before: `gpu.module @gpu {...}`
    After, with chips=sm_80: `gpu.module @gpu [#nvvm.target<O = 3, chip = "sm_80", features = "+ptx80">] {...}`
  }];
  let options = [ListOption<"chips", "chips", "std::string", "sm_80, ...">];
  let dependentDialects = ["mlir::gpu::GPUDialect", "mlir::NVVM::NVVMDialect"];
}

def SelectGPUTiling : Pass<"mpc-select-gpu-tiling", "::mlir::ModuleOp"> {
  let summary = "choose tile and instruction of each contraction on a GPU";
  let description = [{
    As mpc-select-tiling, for the GPUs that `mpc.chips` of the module names. 8-bit integers, f16 and bf16 become `mma` with blocks of `rows` by `columns`
    outputs: at most 128 by 128, and less where there would be fewer of them than multiprocessors (128 without `mpc.chips`), down to 32 by 32 (16, where there
    are no more). Up to four warps share a block, and up to four stages of 16 k blocks are in shared memory: half of what a block can have, 48 KiB at the least.
    Where all chips have `wgmma`, it takes large products: with rows of multiples of 16 bytes, 512 bytes of k, and tiles of 64 by 64 for half of the
    multiprocessors, and not products of f16 or bf16 with up to 128 columns whose input groups before them have made of another product (attention is one kernel, with `mma`); in blocks of 128 by 256, 128 by 128, 128 by 64 or 64 by 64, at most as many of them as there are multiprocessors, which stay and which TMA
    feeds (`resident`), with up to eight stages of 128 bytes of k; with windows of more than 15 rows or columns a block for each tile, with three or four stages. f32, weights in blocks and depthwise convolutions have a thread per output. Rows are gathered where a register of
    32 bits would cross the end of a tap. Ops that already carry `kernel.tiling` keep it. Remarks: one per contraction.

    Before: `linalg.generic {...} ins(%x, %w) outs(%acc)`
    After:  `linalg.generic {..., kernel.tiling = #kernel.tiling<intrinsic = mma, rows = 64, columns = 64, kv = 4>,
             kernel.staging = {warp_rows = 32, warp_columns = 32, depth = 16, stages = 4}} ...`
  }];
  let dependentDialects = ["mpc::kernel::KernelDialect"];
}

def SelectGPUChains : Pass<"mpc-select-gpu-chains", "::mlir::ModuleOp"> {
  let summary = "decides which groups are one GPU kernel, by blocks of rows";
  let description = [{
    As mpc-select-chains (`mpc.chain` on the calls), for blocks of threads: what the calls hand on is in the shared memory of a block. A block has 64, 32 or 16 rows,
    the most that leave a block for each multiprocessor of the chips of `mpc.chips` and the memory of one for two blocks; or else 16, if one block fits (all rows, if there are fewer).
    Shared memory holds the rows that contractions on tensor cores read and all that is handed on from and to contractions, stages of weights, and 40 KiB
    at most of what other operations hand on, for a few rows at a time. Whether a block has the memory is seen by lowering a copy of it, up to mpc-map-to-gpu: some of what
    lies between products may not shrink to a few rows.

    A product, element-wise operations, a softmax and a product, with f16 or bf16 and values of up to 128 columns, take 64 columns of scores at a time (a third number in `mpc.chain`), by blocks of 64
    rows or of all, 16 at least, where all columns at once leave no row and there are blocks for half of the multiprocessors, or where they leave fewer than 64 and there are blocks for all. There are no chains with `wgmma`, and none of rows that are too long. A remark says what is saved.

    Precondition: mpc-bufferize, and a target description (mpc-describe-target).
  }];
}

def LowerGPUChains : Pass<"mpc-lower-gpu-chains", "::mlir::ModuleOp"> {
  let summary = "loops over blocks of rows become GPU kernels";
  let description = [{
    Each `scf.forall` that holds contractions (mpc-tile-chains) becomes a `gpu.launch` of a block of 128 threads for each iteration, with
    `kernel.block_threads`. Contractions with `mma` become code for the block: all rows of the input are in shared memory, where another operation has left them or to where they are
    copied; pieces of the weights, up to 128 columns by 64 bytes of k, come in three stages with cp.async, one piece of columns after the other. Buffers that contractions touch become
    `memref.alloc` in shared memory, with rows that are 16 bytes further apart than a multiple of 64. Everything else stays as it is, for mpc-fuse-rows, mpc-lower-kernels and
    mpc-map-to-gpu.

    With `kernel.piece = N` on the loop (32 or 64), which has to be attention, all of it becomes such code: N keys and values after the others, two buffers for each, a running maximum and sum of each
    row (FlashAttention-2, Dao, 2023), scores and probabilities in registers. Element-wise operations behind the scores become part of the first product's epilogue.

    Precondition: mpc-tile-chains.
    Fails where `kernel.piece` stands on anything else.
  }];
  let dependentDialects = ["mlir::affine::AffineDialect", "mlir::arith::ArithDialect", "mlir::gpu::GPUDialect",
      "mlir::memref::MemRefDialect", "mlir::nvgpu::NVGPUDialect", "mlir::NVVM::NVVMDialect", "mlir::LLVM::LLVMDialect",
      "mlir::scf::SCFDialect", "mlir::vector::VectorDialect"];
}

def LowerMMA : Pass<"mpc-lower-mma", "::mlir::ModuleOp"> {
  let summary = "contractions on tensor cores become GPU kernels";
  let description = [{
    `kernel.contract` with the intrinsic `mma` or `wgmma`, on memrefs, becomes a `gpu.launch` of an implicit matrix product. A block computes
    `rows × columns` outputs, and its warps a part each, as `kernel.staging` says. Pieces of `depth` k blocks of both operands are copied to shared memory by
    cp.async (`nvgpu.device_async_copy`), `stages - 1` of them ahead of the one that is multiplied with `nvvm.mma.sync` (m16n8k32 with wrapping
    sums for 8-bit integers, m16n8k16 with f32 sums for f16 and bf16); then the epilogue is applied to the accumulators, on up to eight neighbouring
    channels. Both operands stand swizzled in shared memory, so that `nvgpu.ldmatrix` and 16-byte loads meet no bank twice. What lies past the end
    or outside of the picture is filled with zeros or the pad value. The reduction runs over (tap, channel) without gaps between taps. Rows whose
    channels are no multiple of `kv` are gathered by plain loads and stores.

    Weights in blocks (#kernel.blocks with `fragments`; f16 and bf16) are copied as they are packed. A thread loads its integers and zero points of 32 weights of k,
    makes f16 or bf16 numbers of their differences, which is exact, and adds the sums of these 32 products, times their scale, to its own by an f32 fma.

    With `wgmma` four warps together multiply 64 rows by `warp_columns` columns (`nvvm.wgmma.mma_async`, m64nNk32 or m64nNk16), from descriptors of shared
    memory; `stages - 2` pieces are being copied, since one is still read while the next is multiplied. `nvvm.fence.proxy` stands before the barrier.

    With `resident = N` in `kernel.staging` (wgmma, windows of at most 15 by 15) the launch has at most N blocks, which take tile after tile,
    and 128 threads more: one of them copies boxes of tensor maps by TMA (`nvgpu.tma.create.descriptor` before the launch, `nvgpu.tma.async.load`) into the ring of stages, up to
    `stages` ahead and over the ends of tiles, and each stage has an mbarrier that says when it is full and one for when it is empty. Where there are windows all of them copy pixels
    by cp.async, which arrive at the mbarrier when they have come (`nvvm.cp.async.mbarrier.arrive`).

    Precondition: bufferized; operands contiguous, at addresses that are multiples of 16 bytes.
    Fails where stages need more than 227 KiB, and where there are fewer of them than two (wgmma: three) for a reduction that needs several.
  }];
  let dependentDialects = ["mlir::affine::AffineDialect", "mlir::arith::ArithDialect", "mlir::gpu::GPUDialect",
      "mlir::math::MathDialect", "mlir::memref::MemRefDialect",
      "mlir::nvgpu::NVGPUDialect", "mlir::NVVM::NVVMDialect", "mlir::LLVM::LLVMDialect", "mlir::scf::SCFDialect", "mlir::vector::VectorDialect"];
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

    Where `kernel.row_threads` on the loop says so (mpc-fuse-rows), that many threads share an iteration, a row, and a block has as many rows as make 128
    threads, or one. The loops inside, which are all that such a loop holds, are divided among the row's threads. Buffers inside are shared memory, at
    most 48 KiB of a block, with a barrier before a loop that touches what one before it wrote or writes what one read. A buffer of one number that single
    iterations compute is a register of every thread instead: each thread does the same, in the same order; where several warps share a row, sums of more than 32
    terms are one thread's.

    In a `gpu.launch` with `kernel.block_threads` the loops are divided among the threads of the block, one loop after the other with barriers between them, and buffers
    are shared memory. A loop with `kernel.row_threads` there handles as many rows at a time as the block has threads for.

    Fails on a loop with results, and on a buffer of unknown size inside; with `kernel.row_threads` also on anything but loops from 0 by 1, and on
    more than 48 KiB for a row.
  }];
  let dependentDialects = ["mlir::affine::AffineDialect", "mlir::arith::ArithDialect", "mlir::gpu::GPUDialect",
      "mlir::memref::MemRefDialect", "mlir::scf::SCFDialect"];
}

def LowerSharedMemory : Pass<"mpc-lower-shared-memory", "::mlir::gpu::GPUModuleOp"> {
  let summary = "memory that a block shares, as NVVM has it";
  let description = [{
    Workgroup attributions of kernels receive `llvm.align = 16`, unless they have an alignment: as much as the copies of mpc-lower-mma need, where
    PTX would start arrays of bytes anywhere; 1024 in kernels of `wgmma`. gpu.launch cannot say it. Where they are more than the 48 KiB that every block has,
    they become parts of one external array, end to end, whose size the launch gives, and mbarriers stand behind them. And `#gpu.address_space<workgroup>`
    becomes NVVM's number for it, 3, which is all that
    convert-vector-to-llvm understands.

    Precondition: convert-nvgpu-to-nvvm.
  }];
  let dependentDialects = ["mlir::LLVM::LLVMDialect"];
}

def LowerTensorMaps : Pass<"mpc-lower-tensor-maps", "::mlir::gpu::GPUModuleOp"> {
  let summary = "tensor maps are parameters of kernels by value";
  let description = [{
    Parameters of kernels that are tensor maps of TMA (`!nvgpu.tensormap.descriptor`) become pointers aligned to 64 bytes, for which convert-gpu-to-nvvm has no type;
    run after it, those which `nvvm.cp.async.bulk.tensor` reads become 128 bytes by value that are the same for all threads (`llvm.byval`,
    `nvvm.grid_constant`), which its conversion would drop. Kernels with `nvvm.setmaxregister` receive `nvvm.minctasm = 1`, without which the assembler ignores it.

    Precondition: convert-nvgpu-to-nvvm. To be run before and after convert-gpu-to-nvvm.
  }];
  let dependentDialects = ["mlir::LLVM::LLVMDialect", "mlir::NVVM::NVVMDialect"];
}

def EmulateGPU : Pass<"mpc-emulate-gpu", "::mlir::ModuleOp"> {
  let summary = "GPU kernels become functions that run them on the CPU, thread by thread";
  let description = [{
    Each `gpu.launch_func` becomes a dispatch (`mpc.dispatch`) of a function that runs the very kernel: over its threads, one
    after the other, or a block where threads meet, which is a fiber of the runtime, `mpc.dispatch = "mpc_rt_emulate_groups"`. Then the kernel is cut at `gpu.barrier` and at warp
    operations: all threads of a block run one piece before any runs the next, values that live longer are kept per thread, and shared memory
    belongs to the block. `nvvm.mma.sync`, `nvgpu.ldmatrix` and `gpu.shuffle xor` are computed from the registers of all 32 lanes as PTX defines its fragments: integers modulo
    2³², floating point with f32 sums in the order of k. `nvvm.wgmma.mma_async` is computed from what its descriptors say of shared memory; it counts as
    reading until `nvvm.wgmma.wait.group`, and sees what was written before its writer's `nvvm.fence.proxy`.

    Where a kernel has mbarriers or barriers of some of its threads (`nvgpu.mbarrier.*`, `nvvm.barrier` with a number of threads), its warpgroups of
    128 threads go their own ways: each is a fiber that goes on when what it waits for has come. Within a warpgroup threads may take different branches, also to wait; where they meet, all of them must come. `nvgpu.tma.create.descriptor` becomes a buffer
    of numbers, and what `nvgpu.tma.async.load` brings comes when somebody waits for its mbarrier, as late as it can.

    What is checked while it runs, and ends the call with an error that names the kernel: every load, store and copy lies inside of its memref and is
    aligned as it says; shared memory is written before it is read; what `nvgpu.device_async_copy` brings is read only after the thread that asked for
    it has waited for its group, by others after the next barrier; and between two barriers no thread touches shared memory that another one writes. What
    is checked here: barriers and warp operations stand where all threads of a block come (in loops and branches whose bounds and conditions are the same
    for all), for threads that do not would wait forever. Of warpgroups this is checked when they run, too: that all wait for what never comes ends the call.

    Precondition: gpu-kernel-outlining; one-dimensional grids and blocks; block sizes are constants, with warp operations multiples of 32, with
    `wgmma` and with warpgroups that go their own ways of 128;
    kernels are structured control flow. Postcondition: no gpu operation.
  }];
  let dependentDialects = ["mlir::arith::ArithDialect", "mlir::cf::ControlFlowDialect", "mlir::func::FuncDialect",
      "mlir::LLVM::LLVMDialect", "mlir::memref::MemRefDialect", "mlir::scf::SCFDialect", "mlir::vector::VectorDialect"];
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
    where `params` point to the kernel's arguments as convert-gpu-to-nvvm expects them: memrefs as the fields of their descriptors, and `shared` is the size of dynamic shared memory in bytes.
    Tensor maps (`nvgpu.tma.create.descriptor` of a memref that was cast) are made by `mpc_rt_gpu_map`, in memory of `@main`, and are parameters by value. `@main` begins with
    `mpc_rt_gpu_enter(env, program, descs)` and ends with `mpc_rt_gpu_leave(env, program)` (runtime/cuda.h).

    Values that `@main` itself reads, for loops and branches that depend on them, or writes are brought by `mpc_rt_gpu_read` and `mpc_rt_gpu_write`, which wait for
    the kernels before; the program says that there are such, and conditions of `scf.while` hold only while `mpc_rt_gpu_is_running(env)`.

    Precondition: mpc-lower-entry on `@main`, which still has memrefs; `mpc.model` on the module around; one gpu.binary, made by gpu-module-to-binary{format=isa} and mpc-assemble-kernels.
    Fails where `@main` copies memory itself, for that is the GPU's.
  }];
  let dependentDialects = ["mlir::arith::ArithDialect", "mlir::LLVM::LLVMDialect", "mlir::memref::MemRefDialect"];
}

#endif // MPC_GPU_PASSES_TD
