// Shared memory begins at a multiple of 16 bytes, unless it says otherwise, and is in NVVM's address space 3.
// RUN: mpc-opt %s --pass-pipeline="builtin.module(gpu.module(mpc-lower-shared-memory))" | FileCheck %s

gpu.module @gpu {
  // CHECK: gpu.func @k() workgroup(%[[A:.*]] : memref<64xi8, 3> {llvm.align = 16 : i32}, %[[B:.*]] : memref<64xi8, 3> {llvm.align = 128 : i64})
  // CHECK: vector.load %[[A]]{{.*}} : memref<64xi8, 3>
  gpu.func @k() workgroup(%a : memref<64xi8, #gpu.address_space<workgroup>>,
                          %b : memref<64xi8, #gpu.address_space<workgroup>> {llvm.align = 128 : i64}) kernel {
    %c0 = arith.constant 0 : index
    %v = vector.load %a[%c0] : memref<64xi8, #gpu.address_space<workgroup>>, vector<16xi8>
    vector.store %v, %b[%c0] : memref<64xi8, #gpu.address_space<workgroup>>, vector<16xi8>
    gpu.return
  }
}
