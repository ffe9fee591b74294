// Rows that threads share: buffers in shared memory, numbers in registers, barriers where threads wait for each other.
// RUN: mpc-opt %s --mpc-map-to-gpu -canonicalize -cse -split-input-file -verify-diagnostics | FileCheck %s

// Eight rows of 16 threads in a block; rows that are handled side by side lie 64 bytes apart in 128.
// CHECK-LABEL: func.func @rows
// CHECK-SAME: %[[X:.*]]: memref<?x64xf32>, %[[Y:.*]]: memref<?x64xf32>
// CHECK: arith.ceildivui %{{.*}}, %c8
// CHECK: gpu.launch blocks(%[[BLOCK:.*]], %{{.*}}, %{{.*}}) in {{.*}} threads(%[[T:[a-z0-9_]+]], {{.*}} in (%{{.*}} = %c128,
// CHECK-SAME: workgroup(%[[MEMORY:.*]] : memref<640xf32, #gpu.address_space<workgroup>>)
// CHECK: %[[SLOT:.*]] = arith.divui %[[T]], %c16
// CHECK: %[[AT:.*]] = arith.muli %[[SLOT]], %c80
// CHECK: %[[THREAD:.*]] = arith.remui %[[T]], %c16
// CHECK: %[[ISROW:.*]] = arith.cmpi ult
// CHECK: arith.minui
// A loop of 64 iterations is four of each thread's.
// CHECK: scf.for %[[I:.*]] = %[[THREAD]] to %c64 step %c16
// CHECK: %[[P:.*]] = arith.addi %[[AT]], %[[I]]
// CHECK: memref.store %{{.*}}, %[[MEMORY]][%[[P]]]
// CHECK: gpu.barrier
// The sum is every thread's own, and no barrier follows it.
// CHECK-NOT: scf.if
// CHECK: %[[SUM:.*]] = scf.for
// CHECK: memref.load %[[MEMORY]]
// CHECK-NOT: gpu.barrier
// A row that does not exist is not stored.
// CHECK: scf.if %[[ISROW]]
// CHECK: scf.for %{{.*}} = %[[THREAD]] to %c64 step %c16
// CHECK: arith.divf %{{.*}}, %[[SUM]]
// CHECK: memref.store
func.func @rows(%x: memref<?x64xf32>, %y: memref<?x64xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %zero = arith.constant 0.0 : f32
  scf.forall (%i) in (%n) {
    %row = memref.alloc() : memref<1x64xf32>
    %sum = memref.alloc() : memref<1xf32>
    scf.forall (%j) in (64) {
      %a = memref.load %x[%i, %j] : memref<?x64xf32>
      memref.store %a, %row[%c0, %j] : memref<1x64xf32>
    }
    scf.forall (%j) in (1) {
      %s = scf.for %k = %c0 to %c64 step %c1 iter_args(%t = %zero) -> (f32) {
        %a = memref.load %row[%c0, %k] : memref<1x64xf32>
        %u = arith.addf %t, %a : f32
        scf.yield %u : f32
      }
      memref.store %s, %sum[%j] : memref<1xf32>
    }
    scf.forall (%j) in (64) {
      %a = memref.load %row[%c0, %j] : memref<1x64xf32>
      %s = memref.load %sum[%c0] : memref<1xf32>
      %q = arith.divf %a, %s : f32
      memref.store %q, %y[%i, %j] : memref<?x64xf32>
    }
  } {kernel.row_threads = 16 : i64}
  return
}

// Where several warps share a row, one thread adds up what is long, and the others wait for it. One row in a block: all exist.
// CHECK-LABEL: func.func @long_sum
// CHECK-NOT: arith.minui
// CHECK: gpu.launch {{.*}} workgroup(%[[SUM:.*]] : memref<4xf32, #gpu.address_space<workgroup>>)
// CHECK: scf.if
// CHECK: scf.for
// CHECK: memref.store %{{.*}}, %[[SUM]][%{{.*}}]
// CHECK: gpu.barrier
// CHECK-NOT: scf.if
// CHECK: memref.load %[[SUM]][%c0]
func.func @long_sum(%x: memref<4x2048xf32>, %y: memref<4x2048xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %end = arith.constant 2048 : index
  %zero = arith.constant 0.0 : f32
  scf.forall (%i) in (4) {
    %sum = memref.alloc() : memref<1xf32>
    scf.forall (%j) in (1) {
      %s = scf.for %k = %c0 to %end step %c1 iter_args(%t = %zero) -> (f32) {
        %a = memref.load %x[%i, %k] : memref<4x2048xf32>
        %u = arith.addf %t, %a : f32
        scf.yield %u : f32
      }
      memref.store %s, %sum[%j] : memref<1xf32>
    }
    scf.forall (%j) in (2048) {
      %a = memref.load %x[%i, %j] : memref<4x2048xf32>
      %s = memref.load %sum[%c0] : memref<1xf32>
      %q = arith.divf %a, %s : f32
      memref.store %q, %y[%i, %j] : memref<4x2048xf32>
    }
  } {kernel.row_threads = 256 : i64}
  return
}

// Pieces of a row in the same memory: none is copied before the one before is added up, none added up before it is there.
// CHECK-LABEL: func.func @pieces
// CHECK: scf.for %[[I:.*]] = %c0 to %c2048 step %c512
// CHECK-NEXT: gpu.barrier
// CHECK: scf.for
// CHECK: memref.store
// CHECK: gpu.barrier
// CHECK: scf.if
// CHECK: scf.for
// CHECK-NOT: gpu.barrier
// CHECK: gpu.terminator
func.func @pieces(%x: memref<4x2048xf32>, %y: memref<4xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %piece = arith.constant 512 : index
  %end = arith.constant 2048 : index
  scf.forall (%i) in (4) {
    %buffer = memref.alloc() : memref<512xf32>
    scf.for %p = %c0 to %end step %piece {
      %part = memref.subview %x[%i, %p] [1, 512] [1, 1] : memref<4x2048xf32> to memref<512xf32, strided<[1], offset: ?>>
      scf.forall (%j) in (512) {
        %a = memref.load %part[%j] : memref<512xf32, strided<[1], offset: ?>>
        memref.store %a, %buffer[%j] : memref<512xf32>
      }
      scf.forall (%j) in (1) {
        %before = memref.load %y[%i] : memref<4xf32>
        %s = scf.for %k = %c0 to %piece step %c1 iter_args(%t = %before) -> (f32) {
          %a = memref.load %buffer[%k] : memref<512xf32>
          %u = arith.addf %t, %a : f32
          scf.yield %u : f32
        }
        memref.store %s, %y[%i] : memref<4xf32>
      }
    }
  } {kernel.row_threads = 256 : i64}
  return
}

// -----

func.func @too_large(%x: memref<4x16384xf32>) {
  %zero = arith.constant 0.0 : f32
  // expected-error @+1 {{expected buffers of a row of at most 49152 bytes, but got 65536}}
  scf.forall (%i) in (4) {
    %row = memref.alloc() : memref<16384xf32>
    scf.forall (%j) in (16384) {
      memref.store %zero, %row[%j] : memref<16384xf32>
    }
  } {kernel.row_threads = 256 : i64}
  return
}

// -----

func.func @dynamic_part(%x: memref<4x64xf32>, %at: index) {
  %zero = arith.constant 0.0 : f32
  scf.forall (%i) in (4) {
    %row = memref.alloc() : memref<64xf32>
    %part = memref.subview %row[%at] [16] [1] : memref<64xf32> to memref<16xf32, strided<[1], offset: ?>>
    scf.forall (%j) in (16) {
      // expected-error @+1 {{expected a constant position in a buffer of the row}}
      memref.store %zero, %part[%j] : memref<16xf32, strided<[1], offset: ?>>
    }
  } {kernel.row_threads = 16 : i64}
  return
}

// -----

func.func @not_a_loop(%x: memref<4xf32>, %f: f32) {
  scf.forall (%i) in (4) {
    // expected-error @+1 {{expected loops only where threads share a row}}
    memref.store %f, %x[%i] : memref<4xf32>
  } {kernel.row_threads = 16 : i64}
  return
}
