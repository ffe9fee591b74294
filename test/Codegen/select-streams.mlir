// RUN: mpc-opt %s -pass-pipeline="builtin.module(func.func(mpc-select-streams))" | FileCheck %s

#whole = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
module attributes {dlti.target_system_spec = #dlti.target_system_spec<"CPU" = #dlti.target_device_spec<"march" = "x86-64-v3",
    "vector_bits" = 256 : i64, "vector_registers" = 16 : i64, "vnni" = false, "l3_bytes" = 1024 : i64>>} {

// More than four last-level caches.
// CHECK-LABEL: func.func @large(
// CHECK: linalg.exp {kernel.stream_above = 4096 : i64}
func.func @large(%x: memref<1025xf32>, %y: memref<1025xf32>) {
  linalg.exp ins(%x : memref<1025xf32>) outs(%y : memref<1025xf32>)
  return
}

// Just four.
// CHECK-LABEL: func.func @small(
// CHECK-NOT: kernel.stream_above
func.func @small(%x: memref<1024xf32>, %y: memref<1024xf32>) {
  linalg.exp ins(%x : memref<1024xf32>) outs(%y : memref<1024xf32>)
  return
}

// It may be large: 1024 elements of two bytes and more.
// CHECK-LABEL: func.func @maybe(
// CHECK: linalg.exp {kernel.stream_above = 4096 : i64}
func.func @maybe(%x: memref<?x3xf16>, %y: memref<?x3xf16>) {
  linalg.exp ins(%x : memref<?x3xf16>) outs(%y : memref<?x3xf16>)
  return
}

// CHECK-LABEL: func.func @hardly(
// CHECK-NOT: kernel.stream_above
func.func @hardly(%x: memref<?x2xf16>, %y: memref<?x2xf16>) {
  linalg.exp ins(%x : memref<?x2xf16>) outs(%y : memref<?x2xf16>)
  return
}

// What counts is the whole that a row is part of. What is read again, or added to, stays in the caches.
// CHECK-LABEL: func.func @rows(
// CHECK: linalg.exp ins
// CHECK: linalg.generic {indexing_maps
// CHECK: linalg.exp {kernel.stream_above = 4096 : i64}
func.func @rows(%x: memref<64x100xf32>, %sum: memref<64xf32>, %y: memref<64x100xf32>) {
  scf.forall (%i) in (64) {
    %t = memref.alloc() : memref<1x100xf32>
    %a = memref.subview %x[%i, 0] [1, 100] [1, 1] : memref<64x100xf32> to memref<1x100xf32, strided<[100, 1], offset: ?>>
    %b = memref.subview %y[%i, 0] [1, 100] [1, 1] : memref<64x100xf32> to memref<1x100xf32, strided<[100, 1], offset: ?>>
    %s = memref.subview %sum[%i] [1] [1] : memref<64xf32> to memref<1xf32, strided<[1], offset: ?>>
    linalg.exp ins(%a : memref<1x100xf32, strided<[100, 1], offset: ?>>) outs(%t : memref<1x100xf32>)
    linalg.generic {indexing_maps = [#whole, #row], iterator_types = ["parallel", "reduction"]}
        ins(%t : memref<1x100xf32>) outs(%s : memref<1xf32, strided<[1], offset: ?>>) {
    ^bb0(%in: f32, %out: f32):
      %0 = arith.addf %out, %in : f32
      linalg.yield %0 : f32
    }
    linalg.exp ins(%t : memref<1x100xf32>) outs(%b : memref<1x100xf32, strided<[100, 1], offset: ?>>)
  }
  return
}
}
