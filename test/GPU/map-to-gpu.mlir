// Parallel loops become kernels with a thread per iteration.
// RUN: mpc-opt %s --mpc-map-to-gpu -canonicalize -split-input-file -verify-diagnostics | FileCheck %s

// The last block has threads without an iteration.
// CHECK-LABEL: func.func @fill
// CHECK: %[[BLOCKS:.*]] = arith.ceildivui %{{.*}}, %c128
// CHECK: gpu.launch blocks(%[[BLOCK:[a-z0-9_]+]], {{.*}}) in (%{{.*}} = %[[BLOCKS]], {{.*}} threads(%[[THREAD:[a-z0-9_]+]],
// CHECK-SAME: module(@gpu) function(@fill_kernel0)
// CHECK: %[[FIRST:.*]] = arith.muli %[[BLOCK]], %c128
// CHECK: %[[ID:.*]] = arith.addi %[[FIRST]], %[[THREAD]]
// CHECK: %[[ANY:.*]] = arith.cmpi ult, %[[ID]]
// CHECK: scf.if %[[ANY]]
// CHECK: arith.remui
// CHECK: memref.store
func.func @fill(%m: memref<?x8xf32>, %f: f32, %n: index) {
  scf.forall (%i, %j) in (%n, 8) {
    memref.store %f, %m[%i, %j] : memref<?x8xf32>
  }
  return
}

// A loop outside of parallel ones is one thread's.
// CHECK-LABEL: func.func @serial
// CHECK: gpu.launch {{.*}} threads({{.*}}) in (%{{.*}} = %c1,
// CHECK: scf.for
func.func @serial(%m: memref<8xf32>, %f: f32) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  scf.for %i = %c0 to %c8 step %c1 {
    memref.store %f, %m[%i] : memref<8xf32>
  }
  return
}

// -----

func.func @sizes(%m: memref<8xf32>, %n: index) {
  scf.forall (%i) in (8) {
    // expected-error @+1 {{expected a buffer of fixed size inside a parallel loop, but got 'memref<?xf32>'}}
    %a = memref.alloc(%n) : memref<?xf32>
    %x = memref.load %a[%i] : memref<?xf32>
    memref.store %x, %m[%i] : memref<8xf32>
  }
  return
}
