// RUN: mpc-opt %s -split-input-file -pass-pipeline="builtin.module(mpc-lower-kernels,canonicalize,cse)" | FileCheck %s

module attributes {dlti.target_system_spec = #dlti.target_system_spec<"CPU" = #dlti.target_device_spec<"march" = "x86-64-v4",
    "vector_bits" = 512 : i64, "vector_registers" = 32 : i64, "vnni" = false>>} {

// Vectors of whole lines ask for what is as large two KiB before they read it; the row of channels is not.
// CHECK-LABEL: func.func @ahead(
// CHECK-SAME: %[[X:[a-z0-9]+]]: memref<64x2048xf32>, %[[CHANNELS:[a-z0-9]+]]: memref<2048xf32>
// CHECK: scf.for %[[I:.*]] = %c0{{.*}} step %c16
// CHECK-DAG: vector.load %[[X]][%{{.*}}, %[[I]]]
// CHECK-DAG: vector.load %[[CHANNELS]][%[[I]]]
// CHECK: %[[AHEAD:.*]] = arith.addi %[[I]], %c512
// CHECK: memref.prefetch %[[X]][%{{.*}}, %[[AHEAD]]], read, locality<3>, data
// CHECK-NOT: memref.prefetch
// CHECK: vector.store {{.*}}nontemporal = true
// CHECK-NOT: memref.prefetch
// CHECK: return
func.func @ahead(%x: memref<64x2048xf32>, %channels: memref<2048xf32>, %y: memref<64x2048xf32>) {
  linalg.generic {kernel.stream_above = 65536 : i64, indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (j)>, affine_map<(i, j) -> (i, j)>],
                  iterator_types = ["parallel", "parallel"]}
      ins(%x, %channels : memref<64x2048xf32>, memref<2048xf32>) outs(%y : memref<64x2048xf32>) {
  ^bb0(%in: f32, %c: f32, %out: f32):
    %0 = arith.mulf %in, %c : f32
    linalg.yield %0 : f32
  }
  return
}
}

// -----

module attributes {dlti.target_system_spec = #dlti.target_system_spec<"CPU" = #dlti.target_device_spec<"march" = "x86-64-v3",
    "vector_bits" = 256 : i64, "vector_registers" = 16 : i64, "vnni" = false>>} {

// Vectors of half a line ask once each.
// CHECK-LABEL: func.func @halves(
// CHECK-SAME: %[[X:[a-z0-9]+]]: memref<64x2048xf32>
// CHECK: scf.for %[[I:.*]] = %c0{{.*}} step %c8
// CHECK: vector.load %[[X]][%{{.*}}, %[[I]]]
// CHECK: %[[AHEAD:.*]] = arith.addi %[[I]], %c512
// CHECK: memref.prefetch %[[X]][%{{.*}}, %[[AHEAD]]], read, locality<3>, data
// CHECK-NOT: memref.prefetch
// CHECK: vector.store {{.*}}nontemporal = true
// CHECK-NOT: memref.prefetch
// CHECK: return
func.func @halves(%x: memref<64x2048xf32>, %channels: memref<2048xf32>, %y: memref<64x2048xf32>) {
  linalg.generic {kernel.stream_above = 65536 : i64, indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (j)>, affine_map<(i, j) -> (i, j)>],
                  iterator_types = ["parallel", "parallel"]}
      ins(%x, %channels : memref<64x2048xf32>, memref<2048xf32>) outs(%y : memref<64x2048xf32>) {
  ^bb0(%in: f32, %c: f32, %out: f32):
    %0 = arith.mulf %in, %c : f32
    linalg.yield %0 : f32
  }
  return
}
}
