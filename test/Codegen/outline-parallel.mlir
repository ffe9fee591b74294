// RUN: mpc-opt %s -split-input-file --mpc-outline-parallel --canonicalize | FileCheck %s

// The body becomes a function of a range; indices come from the flattened one, captured constants are copied.
// CHECK-LABEL: func.func private @scale(
// CHECK-SAME: %[[X:.*]]: memref<?x8xf32>, %[[S:.*]]: f32)
// CHECK: %[[N:.*]] = affine.apply #{{.*}}()[%{{.*}}]
// CHECK: call @scale_kernel0(%[[X]], %[[S]], %{{.*}}, %[[N]]) {mpc.cost = 2 : i64, mpc.dispatch}
func.func private @scale(%x: memref<?x8xf32>, %s: f32) {
  %c0 = arith.constant 0 : index
  %two = arith.constant 2.0 : f32
  %n = memref.dim %x, %c0 : memref<?x8xf32>
  scf.forall (%i, %j) in (%n, 8) {
    %a = memref.load %x[%i, %j] : memref<?x8xf32>
    %m = arith.mulf %a, %s : f32
    %t = arith.mulf %m, %two : f32
    memref.store %t, %x[%i, %j] : memref<?x8xf32>
  } {mpc.cost = 2 : i64}
  return
}

// Bounds and steps are normalised; scratch goes to the stack, once per range; an inner parallel loop stays.
// CHECK-LABEL: func.func private @steps(
// CHECK: %[[FOUR:.*]] = arith.constant 4 : index
// CHECK: call @steps_kernel0(%{{.*}}, %{{.*}}, %[[FOUR]]) {mpc.dispatch}
func.func private @steps(%x: memref<16xf32>) {
  scf.forall (%i) = (2) to (10) step (2) {
    %t = memref.alloc() : memref<8xf32>
    scf.forall (%k) in (8) {
      %a = memref.load %x[%i] : memref<16xf32>
      memref.store %a, %t[%k] : memref<8xf32>
    }
    %b = memref.load %t[%i] : memref<8xf32>
    memref.store %b, %x[%i] : memref<16xf32>
    memref.dealloc %t : memref<8xf32>
  }
  return
}

// Stores past the caches are waited for once, after the last iteration.
// CHECK-LABEL: func.func private @past_caches(
func.func private @past_caches(%x: memref<?x8xf32>) {
  %c0 = arith.constant 0 : index
  %zero = arith.constant dense<0.0> : vector<8xf32>
  %n = memref.dim %x, %c0 : memref<?x8xf32>
  scf.forall (%i) in (%n) {
    vector.store %zero, %x[%i, %c0] {alignment = 32 : i64, nontemporal = true} : memref<?x8xf32>, vector<8xf32>
    llvm.call_intrinsic "llvm.x86.sse.sfence"() : () -> ()
    vector.store %zero, %x[%i, %c0] {alignment = 32 : i64, nontemporal = true} : memref<?x8xf32>, vector<8xf32>
    llvm.call_intrinsic "llvm.x86.sse.sfence"() : () -> ()
  }
  return
}

// CHECK-LABEL: func.func private @scale_kernel0(
// CHECK-SAME: %[[X:.*]]: memref<?x8xf32>, %[[S:.*]]: f32, %[[LO:.*]]: index, %[[HI:.*]]: index) attributes {no_inline}
// CHECK: %[[TWO:.*]] = arith.constant 2.0
// CHECK: scf.for %[[K:.*]] = %[[LO]] to %[[HI]]
// CHECK: %[[IJ:.*]]:2 = affine.delinearize_index %[[K]] into (8)
// CHECK: memref.load %[[X]][%[[IJ]]#0, %[[IJ]]#1]
// CHECK: arith.mulf %{{.*}}, %[[TWO]]

// CHECK-LABEL: func.func private @steps_kernel0(
// CHECK: %[[T:.*]] = memref.alloca() {alignment = 64 : i64} : memref<8xf32>
// CHECK: scf.for %[[K:.*]] =
// CHECK: %[[I:.*]] = affine.apply #{{.*}}()[%[[K]]]
// CHECK: scf.forall
// CHECK: memref.store %{{.*}}, %[[T]]
// CHECK-NOT: dealloc

// CHECK-LABEL: func.func private @past_caches_kernel0(
// CHECK: scf.for
// CHECK-COUNT-2: nontemporal = true} : memref<?x8xf32>, vector<8xf32>
// CHECK-NEXT: }
// CHECK-NEXT: llvm.call_intrinsic "llvm.x86.sse.sfence"
// CHECK-NEXT: return

// -----

// A loop that is not parallel becomes a function too, with its results.
// CHECK-LABEL: func.func private @sum(
// CHECK-SAME: %[[X:.*]]: memref<64xf32>)
// CHECK: %[[R:.*]] = call @sum_serial0(%[[X]]) : (memref<64xf32>) -> f32
// CHECK: return %[[R]]
// A loop that allocates, or that calls, stays: what it needs is planned where it stands.
// CHECK-LABEL: func.func private @steps_in_order(
// CHECK: scf.for
// CHECK: call @steps_in_order_serial0
// CHECK-LABEL: func.func private @sum_serial0(%{{.*}}: memref<64xf32>) -> f32 attributes {no_inline}
// CHECK: %[[S:.*]] = scf.for
// CHECK: return %[[S]]
func.func private @sum(%x: memref<64xf32>) -> f32 {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %zero = arith.constant 0.0 : f32
  %r = scf.for %i = %c0 to %c64 step %c1 iter_args(%s = %zero) -> f32 {
    %a = memref.load %x[%i] : memref<64xf32>
    %t = arith.addf %s, %a : f32
    scf.yield %t : f32
  }
  return %r : f32
}
func.func private @steps_in_order(%x: memref<64xf32>, %y: memref<8xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %c64 = arith.constant 64 : index
  %zero = arith.constant 0.0 : f32
  scf.for %k = %c0 to %c8 step %c1 {
    %t = memref.alloc() : memref<64xf32>
    memref.copy %x, %t : memref<64xf32> to memref<64xf32>
    %r = scf.for %i = %c0 to %c64 step %c1 iter_args(%s = %zero) -> f32 {
      %a = memref.load %t[%i] : memref<64xf32>
      %u = arith.addf %s, %a : f32
      scf.yield %u : f32
    }
    memref.store %r, %y[%k] : memref<8xf32>
  }
  return
}
