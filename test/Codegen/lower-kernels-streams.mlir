// RUN: mpc-opt %s -pass-pipeline="builtin.module(mpc-lower-kernels,canonicalize,cse)" | FileCheck %s

module attributes {dlti.target_system_spec = #dlti.target_system_spec<"CPU" = #dlti.target_device_spec<"march" = "x86-64-v3",
    "vector_bits" = 256 : i64, "vector_registers" = 16 : i64, "vnni" = false>>} {

// Rows that begin where a line of the caches does, and are whole lines, go past these.
// CHECK-LABEL: func.func @row(
// CHECK-SAME: %[[X:.*]]: memref<128xf32, strided<[1], offset: ?>>, %[[Y:.*]]: memref<128xf32, strided<[1], offset: ?>>)
// CHECK-DAG: %[[ZERO:.*]] = arith.constant 0 : index
// CHECK: %[[BEGIN:.*]] = memref.extract_aligned_pointer_as_index %[[Y]]
// CHECK: %[[OVER:.*]] = arith.andi %{{.*}}, %c63
// CHECK: %[[ALIGNED:.*]] = arith.cmpi eq, %[[OVER]], %[[ZERO]]
// CHECK: scf.if %[[ALIGNED]] {
// CHECK: scf.for %[[I:.*]] = %[[ZERO]] to %c128 step %c8
// CHECK: vector.store %{{.*}}, %[[Y]][%[[I]]] {alignment = 32 : i64, nontemporal = true}
// CHECK: llvm.call_intrinsic "llvm.x86.sse.sfence"
// CHECK: } else {
// CHECK-NOT: nontemporal
// CHECK: vector.store
func.func @row(%x: memref<128xf32, strided<[1], offset: ?>>, %y: memref<128xf32, strided<[1], offset: ?>>) {
  linalg.generic {kernel.stream_above = 64 : i64, indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%x : memref<128xf32, strided<[1], offset: ?>>) outs(%y : memref<128xf32, strided<[1], offset: ?>>) {
  ^bb0(%in: f32, %out: f32):
    %0 = arith.negf %in : f32
    linalg.yield %0 : f32
  }
  return
}

// The size decides at run time, in each block of elements: more than 1024 bytes, and whole vectors of them.
// CHECK-LABEL: func.func @unknown(
// CHECK: scf.forall
// CHECK: %[[WHOLE:.*]] = arith.cmpi eq, %{{.*}}, %c0
// CHECK: %[[LARGE:.*]] = arith.cmpi ugt, %{{.*}}, %c256
// CHECK: %[[STREAMS:.*]] = arith.andi %[[WHOLE]], %[[LARGE]]
// CHECK: %[[ALIGNED:.*]] = arith.andi %[[STREAMS]], %{{.*}}
// CHECK: scf.if %[[ALIGNED]] {
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

// Too small; shorter than a vector; with a rest; three vectors, which are no whole lines.
// CHECK-LABEL: func.func @small(
// CHECK-NOT: nontemporal
func.func @small(%x: memref<16xf32>, %y: memref<16xf32>, %a: memref<5x6xf32>, %b: memref<6x5xf32>, %c: memref<100xf32>, %d: memref<24xf32>) {
  linalg.generic {kernel.stream_above = 64 : i64, indexing_maps = [affine_map<(i) -> (i)>], iterator_types = ["parallel"]} outs(%d : memref<24xf32>) {
  ^bb0(%x0: f32):
    %x1 = arith.addf %x0, %x0 : f32
    %x2 = arith.mulf %x1, %x0 : f32
    %x3 = arith.addf %x2, %x1 : f32
    %x4 = arith.mulf %x3, %x2 : f32
    %x5 = arith.addf %x4, %x3 : f32
    linalg.yield %x5 : f32
  }
  linalg.exp {kernel.stream_above = 64 : i64} ins(%c : memref<100xf32>) outs(%c : memref<100xf32>)
  linalg.exp {kernel.stream_above = 64 : i64} ins(%x : memref<16xf32>) outs(%y : memref<16xf32>)
  linalg.transpose ins(%a : memref<5x6xf32>) outs(%b : memref<6x5xf32>) permutation = [1, 0] {kernel.stream_above = 64 : i64}
  return
}
}
