// RUN: mpc-opt %s -pass-pipeline="builtin.module(mpc-lower-kernels,canonicalize,cse)" | FileCheck %s

module attributes {dlti.target_system_spec = #dlti.target_system_spec<"CPU" = #dlti.target_device_spec<"march" = "x86-64-v3",
    "vector_bits" = 256 : i64, "vector_registers" = 16 : i64, "vnni" = false>>} {

// Aligned vectors from the first one on; where the row begins elsewhere, its first and last vector are computed before anything is stored.
// CHECK-LABEL: func.func @row(
// CHECK-SAME: %[[X:.*]]: memref<128xf32, strided<[1], offset: ?>>, %[[Y:.*]]: memref<128xf32, strided<[1], offset: ?>>)
// CHECK-DAG: %[[ZERO:.*]] = arith.constant 0 : index
// CHECK-DAG: %[[LAST:.*]] = arith.constant 120 : index
// CHECK-DAG: %[[END:.*]] = arith.constant 121 : index
// CHECK: %[[POINTER:.*]] = memref.extract_aligned_pointer_as_index %[[Y]]
// CHECK: %[[LEAD:.*]] = arith.divui %{{.*}}, %c4
// CHECK: %[[EDGES:.*]] = arith.cmpi ne, %[[LEAD]], %[[ZERO]]
// CHECK: %[[EDGE:.*]]:2 = scf.if %[[EDGES]]
// CHECK: vector.load %[[X]][%[[ZERO]]]
// CHECK: vector.load %[[X]][%[[LAST]]]
// CHECK: scf.for %[[I:.*]] = %[[LEAD]] to %[[END]] step %c8
// CHECK: vector.store %{{.*}}, %[[Y]][%[[I]]] {alignment = 32 : i64, nontemporal = true}
// CHECK: scf.if %[[EDGES]]
// CHECK: vector.store %[[EDGE]]#0, %[[Y]][%[[ZERO]]] :
// CHECK: vector.store %[[EDGE]]#1, %[[Y]][%[[LAST]]] :
// CHECK: llvm.call_intrinsic "llvm.x86.sse.sfence"
// CHECK-NOT: vector.store
func.func @row(%x: memref<128xf32, strided<[1], offset: ?>>, %y: memref<128xf32, strided<[1], offset: ?>>) {
  linalg.generic {kernel.stream_above = 64 : i64, indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%x : memref<128xf32, strided<[1], offset: ?>>) outs(%y : memref<128xf32, strided<[1], offset: ?>>) {
  ^bb0(%in: f32, %out: f32):
    %0 = arith.negf %in : f32
    linalg.yield %0 : f32
  }
  return
}

// The size decides at run time, in each block of elements: more than 1024 bytes, and a vector of them.
// CHECK-LABEL: func.func @unknown(
// CHECK: scf.forall
// CHECK: %[[LONG:.*]] = arith.cmpi uge, %{{.*}}, %c32
// CHECK: %[[LARGE:.*]] = arith.cmpi ugt, %{{.*}}, %c256
// CHECK: %[[STREAMS:.*]] = arith.andi %[[LONG]], %[[LARGE]]
// CHECK: scf.if %[[STREAMS]] {
// CHECK: vector.store {{.*}}nontemporal = true
// CHECK: } else {
// CHECK-NOT: nontemporal
func.func @unknown(%x: memref<?xf32>, %y: memref<?xf32>) {
  linalg.generic {kernel.stream_above = 1024 : i64, indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%x : memref<?xf32>) outs(%y : memref<?xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = arith.negf %in : f32
    linalg.yield %0 : f32
  }
  return
}

// Too small, and shorter than a vector.
// CHECK-LABEL: func.func @small(
// CHECK-NOT: nontemporal
func.func @small(%x: memref<16xf32>, %y: memref<16xf32>, %a: memref<5x6xf32>, %b: memref<6x5xf32>) {
  linalg.exp {kernel.stream_above = 64 : i64} ins(%x : memref<16xf32>) outs(%y : memref<16xf32>)
  linalg.transpose ins(%a : memref<5x6xf32>) outs(%b : memref<6x5xf32>) permutation = [1, 0] {kernel.stream_above = 64 : i64}
  return
}
}
