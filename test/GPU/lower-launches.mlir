// Launches become calls of the runtime, kernels constants.
// RUN: mpc-opt %s --pass-pipeline="builtin.module(builtin.module(mpc-lower-entry,mpc-lower-launches,reconcile-unrealized-casts))" -split-input-file -verify-diagnostics | FileCheck %s

// One input, one output; sm_90a is for that chip alone (1), a cubin is machine code (2).
// CHECK: llvm.mlir.global private constant @gpu_program()
// CHECK: llvm.mlir.constant(3 : i64)
// CHECK: llvm.mlir.constant(1 : i64)
// CHECK: llvm.mlir.constant(1 : i64)
// CHECK: llvm.mlir.constant(0 : i64)
// CHECK: llvm.mlir.global private constant @gpu_images()
// CHECK: llvm.mlir.constant(80 : i32)
// CHECK: llvm.mlir.constant(0 : i32)
// CHECK: llvm.mlir.constant(90 : i32)
// CHECK: llvm.mlir.constant(1 : i32)
// CHECK: llvm.mlir.constant(90 : i32)
// CHECK: llvm.mlir.constant(3 : i32)
// CHECK: llvm.mlir.global private constant @gpu_cubin("\7FELF\00\00") {{.*}}alignment = 64
// CHECK: llvm.mlir.global private constant @gpu_ptx{{.*}}("ptx of sm_90a\00")
// CHECK: llvm.mlir.global private constant @gpu_ptx{{.*}}("ptx of sm_80\00")
// CHECK-NOT: gpu.binary
// CHECK-LABEL: func.func @main
// CHECK-SAME: %[[ENV:[a-z0-9]+]]: !llvm.ptr, %[[DESCS:[a-z0-9]+]]: !llvm.ptr
// Descriptors are the device's before they are read.
// CHECK: llvm.call @mpc_rt_gpu_enter(%[[ENV]], %{{.*}}, %[[DESCS]])
// CHECK: llvm.load
// Two memrefs of one dimension are ten parameters.
// CHECK-COUNT-20: llvm.store
// CHECK-NOT: llvm.store
// CHECK: %[[FEWER:.*]] = llvm.mlir.constant(0 : i64)
// CHECK: llvm.call @mpc_rt_gpu_launch(%[[ENV]], %{{.*}}, %{{.*}}, %[[FEWER]],
// CHECK: llvm.call @mpc_rt_gpu_leave(%[[ENV]],
// CHECK-NEXT: return
module attributes {mpc.model = {inputs = [{name = "x", type = tensor<64xf32>}]}} {
  module attributes {gpu.container_module} {
    func.func @main(%x: memref<64xf32>, %y: memref<64xf32>, %a: memref<?xi8>, %w: memref<?xi8>) {
      %c1 = arith.constant 1 : index
      %c64 = arith.constant 64 : index
      gpu.launch_func @gpu::@k blocks in (%c1, %c1, %c1) threads in (%c64, %c1, %c1) args(%x : memref<64xf32>, %y : memref<64xf32>)
      return
    }
    gpu.binary @gpu [#gpu.object<#nvvm.target<chip = "sm_80">, assembly = "ptx of sm_80">, #gpu.object<#nvvm.target<chip = "sm_90a">, assembly = "ptx of sm_90a">,
        #gpu.object<#nvvm.target<chip = "sm_90a">, bin = "\7FELF\00\00">]
  }
}

// -----

// What @main reads of the device's memory comes to its own memory first, what it writes is there before; a loop ends when something has failed.
// CHECK: llvm.mlir.global private constant @gpu_program()
// CHECK-COUNT-4: llvm.mlir.constant(1 : i64)
// CHECK-LABEL: func.func @main
// CHECK-SAME: %[[ENV:[a-z0-9]+]]: !llvm.ptr
// CHECK: llvm.call @mpc_rt_gpu_enter
// CHECK-DAG: %[[READ:.*]] = memref.alloca() : memref<i1>
// CHECK-DAG: %[[WRITTEN:.*]] = memref.alloca() : memref<i32>
// CHECK: scf.while
// CHECK: llvm.call @mpc_rt_gpu_read(%[[ENV]], %{{.*}}, %{{.*}}, %{{.*}})
// CHECK: %[[VALUE:.*]] = memref.load %[[READ]][] : memref<i1>
// CHECK: %[[RUNNING:.*]] = llvm.call @mpc_rt_gpu_is_running(%[[ENV]])
// CHECK: %[[IS:.*]] = llvm.icmp "ne" %[[RUNNING]]
// CHECK: %[[BOTH:.*]] = arith.andi %[[VALUE]], %[[IS]] : i1
// CHECK: scf.condition(%[[BOTH]])
// CHECK: memref.store %{{.*}}, %[[WRITTEN]][] : memref<i32>
// CHECK: llvm.call @mpc_rt_gpu_write(%[[ENV]], %{{.*}}, %{{.*}}, %{{.*}})
// CHECK: llvm.call @mpc_rt_gpu_launch
module attributes {mpc.model = {inputs = [{name = "x", type = tensor<4xi1>}]}} {
  module attributes {gpu.container_module} {
    func.func @main(%x: memref<4xi1>, %y: memref<64xi32>, %a: memref<?xi8>, %w: memref<?xi8>) {
      %c1 = arith.constant 1 : index
      %c7 = arith.constant 7 : i32
      scf.while : () -> () {
        %b = memref.load %x[%c1] : memref<4xi1>
        scf.condition(%b)
      } do {
        memref.store %c7, %y[%c1] : memref<64xi32>
        gpu.launch_func @gpu::@k blocks in (%c1, %c1, %c1) threads in (%c1, %c1, %c1) args(%y : memref<64xi32>)
        scf.yield
      }
      return
    }
    gpu.binary @gpu [#gpu.object<#nvvm.target<chip = "sm_80">, assembly = "ptx of sm_80">]
  }
}

// -----

module attributes {mpc.model = {inputs = [{name = "x", type = tensor<64xf32>}]}} {
  module attributes {gpu.container_module} {
    func.func @main(%x: memref<64xf32>, %y: memref<64xf32>, %a: memref<?xi8>, %w: memref<?xi8>) {
      // expected-error @+1 {{copies outside of kernels are not supported on GPUs}}
      memref.copy %x, %y : memref<64xf32> to memref<64xf32>
      return
    }
    gpu.binary @gpu [#gpu.object<#nvvm.target<chip = "sm_80">, assembly = "ptx of sm_80">]
  }
}

// -----

// A tensor map is made in memory of @main before the launch, whose parameter it is: sizes, strides and the box.
!map = !nvgpu.tensormap.descriptor<tensor = memref<32x64xf16, #gpu.address_space<workgroup>>, swizzle = swizzle_128b, l2promo = l2promo_128b, oob = zero, interleave = none>
// CHECK-LABEL: func.func @main
// CHECK-SAME: %[[ENV:[a-z0-9]+]]: !llvm.ptr
// CHECK-DAG: %[[MAP:.*]] = llvm.alloca %{{.*}} x i8 {alignment = 64 : i64}
// CHECK-DAG: %[[NUMBERS:.*]] = llvm.alloca %{{.*}} x i64
// CHECK-DAG: %[[PARAMETERS:.*]] = llvm.alloca %{{.*}} x !llvm.ptr
// CHECK-COUNT-6: llvm.store %{{.*}} : i64, !llvm.ptr
// CHECK: %[[TWO:.*]] = llvm.mlir.constant(2 : i64)
// CHECK: %[[SWIZZLE:.*]] = llvm.mlir.constant(3 : i64)
// CHECK: %[[RANK:.*]] = llvm.mlir.constant(2 : i64)
// CHECK: llvm.call @mpc_rt_gpu_map(%[[ENV]], %[[MAP]], %{{.*}}, %[[TWO]], %[[SWIZZLE]], %[[RANK]], %[[NUMBERS]])
// CHECK: %[[FIRST:.*]] = llvm.getelementptr %[[PARAMETERS]][0]
// CHECK: llvm.store %[[MAP]], %[[FIRST]] : !llvm.ptr, !llvm.ptr
// The kernel does with fewer blocks, where the device has fewer multiprocessors.
// CHECK: %[[FEWER:.*]] = llvm.mlir.constant(1 : i64)
// CHECK: llvm.call @mpc_rt_gpu_launch(%[[ENV]], %{{.*}}, %{{.*}}, %[[FEWER]],
module attributes {mpc.model = {inputs = [{name = "x", type = tensor<?x64xf16>}]}} {
  module attributes {gpu.container_module} {
    func.func @main(%x: memref<?x64xf16>, %y: memref<64xf32>, %a: memref<?xi8>, %w: memref<?xi8>) {
      %c1 = arith.constant 1 : index
      %c32 = arith.constant 32 : index
      %c64 = arith.constant 64 : index
      %any = memref.cast %x : memref<?x64xf16> to memref<*xf16>
      %map = nvgpu.tma.create.descriptor %any box[%c32, %c64] {mpc.resident} : memref<*xf16> -> !map
      gpu.launch_func @gpu::@k blocks in (%c1, %c1, %c1) threads in (%c64, %c1, %c1) args(%map : !map, %y : memref<64xf32>)
      return
    }
    gpu.binary @gpu [#gpu.object<#nvvm.target<chip = "sm_90a">, assembly = "ptx of sm_90a">]
  }
}
