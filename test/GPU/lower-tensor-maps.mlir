// Tensor maps are passed by value, and the assembler knows that a block has the multiprocessor for itself where registers move.
// RUN: mpc-opt %s --pass-pipeline="builtin.module(gpu.module(convert-nvgpu-to-nvvm,mpc-lower-tensor-maps))" | FileCheck %s
// RUN: mpc-opt %s --pass-pipeline="builtin.module(gpu.module(convert-nvgpu-to-nvvm,mpc-lower-tensor-maps,mpc-lower-shared-memory,expand-strided-metadata,convert-gpu-to-nvvm,mpc-lower-tensor-maps))" | FileCheck %s --check-prefix=NVVM

!map = !nvgpu.tensormap.descriptor<tensor = memref<64x64xf16, #gpu.address_space<workgroup>>, swizzle = swizzle_128b, l2promo = l2promo_128b, oob = zero, interleave = none>
!barriers = !nvgpu.mbarrier.group<memorySpace = #gpu.address_space<workgroup>, num_barriers = 2>

gpu.module @gpu {
  // CHECK: gpu.func @k(%[[N:.*]]: index, %[[MAP:.*]]: !llvm.ptr {llvm.align = 64 : i64})
  // CHECK-SAME: nvvm.minctasm = 1 : i32
  // CHECK: nvvm.cp.async.bulk.tensor.shared.cluster.global %{{.*}}, %[[MAP]],
  // NVVM: llvm.func @k(%{{.*}}: i64, %[[MAP:.*]]: !llvm.ptr {llvm.align = 64 : i64, llvm.byval = !llvm.array<128 x i8>, nvvm.grid_constant})
  // NVVM-SAME: nvvm.minctasm = 1 : i32
  // NVVM: nvvm.cp.async.bulk.tensor.shared.cluster.global %{{.*}}, %[[MAP]],
  gpu.func @k(%n: index, %map: !map) workgroup(%a: memref<64x64xf16, #gpu.address_space<workgroup>>) kernel {
    %c0 = arith.constant 0 : index
    %full = nvgpu.mbarrier.create -> !barriers
    nvvm.setmaxregister decrease 40
    nvgpu.tma.async.load %map[%n, %c0], %full[%c0] to %a : !map, !barriers -> memref<64x64xf16, #gpu.address_space<workgroup>>
    gpu.return
  }

  // CHECK: gpu.func @plain(%{{.*}}: index) kernel {
  gpu.func @plain(%n: index) kernel {
    gpu.return
  }
}
