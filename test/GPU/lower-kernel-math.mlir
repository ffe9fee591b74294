// What PTX has instructions for needs no library.
// RUN: mpc-opt %s --pass-pipeline="builtin.module(gpu.module(mpc-lower-kernel-math))" | FileCheck %s
// RUN: mpc-opt %s --pass-pipeline="builtin.module(gpu.module(mpc-lower-kernel-math,convert-vector-to-llvm,convert-gpu-to-nvvm))" | FileCheck %s --check-prefix=NVVM

// CHECK: llvm.call_intrinsic "llvm.fma"(%{{.*}}, %{{.*}}, %{{.*}}) : (f32, f32, f32) -> f32
// CHECK: llvm.call_intrinsic "llvm.roundeven"(%{{.*}}) : (vector<2xf32>) -> vector<2xf32>
// CHECK: %[[R:.*]] = llvm.call_intrinsic "llvm.roundeven"(%{{.*}}) : (vector<2xf32>) -> vector<2xf32>
// CHECK: llvm.fptosi %[[R]] : vector<2xf32> to vector<2xi32>
// NVVM-NOT: __nv
gpu.module @gpu {
  gpu.func @k(%x: f32, %v: vector<2xf32>, %y: memref<1xf32>, %w: memref<2xf32>, %z: memref<2xi32>) kernel {
    %c0 = arith.constant 0 : index
    %a = math.fma %x, %x, %x : f32
    memref.store %a, %y[%c0] : memref<1xf32>
    %b = math.roundeven %v : vector<2xf32>
    vector.store %b, %w[%c0] : memref<2xf32>, vector<2xf32>
    %r = llvm.intr.lrint(%v) : (vector<2xf32>) -> vector<2xi32>
    vector.store %r, %z[%c0] : memref<2xi32>, vector<2xi32>
    gpu.return
  }
}
