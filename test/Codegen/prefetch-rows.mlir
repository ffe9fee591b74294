// What passes over rows for the second time asks for those of the next iteration.
// RUN: mpc-opt %s --pass-pipeline="builtin.module(func.func(mpc-prefetch-rows))" | FileCheck %s

module attributes {dlti.target_system_spec = #dlti.target_system_spec<"CPU" = #dlti.target_device_spec<"march" = "x86-64-v4",
    "vector_bits" = 512 : i64, "vector_registers" = 32 : i64, "vnni" = false, "l1_bytes" = 32768 : i64, "l2_bytes" = 1048576 : i64>>} {

// Each line once, by the second reader alone: the first one waits itself, and the third would ask again. With its result the input takes the whole second-level cache.
// CHECK-LABEL: func.func @again
// CHECK: %[[ROWS:.*]] = memref.subview %{{.*}}[%{{.*}}, 0] [2, 1024] [1, 1]
// CHECK: scf.for
// CHECK-NOT: memref.prefetch
// CHECK: scf.for %[[R:[a-z0-9]+]] =
// CHECK: scf.for %[[K:[a-z0-9]+]] =
// CHECK: %[[NEXT:.*]] = arith.addi %[[R]], %c2{{.*}} : index
// CHECK: memref.prefetch %[[ROWS]][%[[NEXT]], %[[K]]], read, locality<3>, data
// CHECK: %[[LINE:.*]] = arith.addi %[[K]], %c16{{.*}} : index
// CHECK: memref.prefetch %[[ROWS]][%[[NEXT]], %[[LINE]]], read, locality<3>, data
// CHECK: vector.load %[[ROWS]][%[[R]], %[[K]]]
// CHECK-NOT: memref.prefetch
// CHECK: return
func.func @again(%x: memref<128x1024xf32>, %y: memref<128x1024xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c32 = arith.constant 32 : index
  %c1024 = arith.constant 1024 : index
  %zero = arith.constant dense<0.0> : vector<32xf32>
  scf.forall (%i) in (64) {
    %row = arith.muli %i, %c2 : index
    %rows = memref.subview %x[%row, 0] [2, 1024] [1, 1] : memref<128x1024xf32> to memref<2x1024xf32, strided<[1024, 1], offset: ?>>
    %out = memref.subview %y[%row, 0] [2, 1024] [1, 1] : memref<128x1024xf32> to memref<2x1024xf32, strided<[1024, 1], offset: ?>>
    %a = scf.for %k = %c0 to %c1024 step %c32 iter_args(%s = %zero) -> vector<32xf32> {
      %v = vector.load %rows[%c0, %k] : memref<2x1024xf32, strided<[1024, 1], offset: ?>>, vector<32xf32>
      %w = vector.load %rows[%c1, %k] : memref<2x1024xf32, strided<[1024, 1], offset: ?>>, vector<32xf32>
      %t = arith.addf %v, %w : vector<32xf32>
      %u = arith.addf %s, %t : vector<32xf32>
      scf.yield %u : vector<32xf32>
    }
    scf.for %r = %c0 to %c2 step %c1 {
      scf.for %k = %c0 to %c1024 step %c32 {
        %v = vector.load %rows[%r, %k] : memref<2x1024xf32, strided<[1024, 1], offset: ?>>, vector<32xf32>
        %t = arith.addf %v, %a : vector<32xf32>
        vector.store %t, %out[%r, %k] : memref<2x1024xf32, strided<[1024, 1], offset: ?>>, vector<32xf32>
      }
    }
    scf.for %k = %c0 to %c1024 step %c32 {
      %v = vector.load %rows[%c0, %k] : memref<2x1024xf32, strided<[1024, 1], offset: ?>>, vector<32xf32>
      vector.store %v, %out[%c0, %k] : memref<2x1024xf32, strided<[1024, 1], offset: ?>>, vector<32xf32>
    }
  }
  return
}

// A row of more than half of the first-level cache waits in the second. In other views of the same buffer it is the same row.
// CHECK-LABEL: func.func @long
// CHECK: memref.prefetch %{{.*}}[%{{.*}}, %{{.*}}, %{{.*}}], read, locality<2>, data
// CHECK-NOT: memref.prefetch
// CHECK: return
func.func @long(%x: memref<32x8192xf32>, %y: memref<32x8192xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c16 = arith.constant 16 : index
  %c512 = arith.constant 512 : index
  %c8192 = arith.constant 8192 : index
  %wide = memref.expand_shape %x [[0], [1, 2]] output_shape [32, 512, 16] : memref<32x8192xf32> into memref<32x512x16xf32>
  scf.forall (%i) in (32) {
    %row = memref.subview %x[%i, 0] [1, 8192] [1, 1] : memref<32x8192xf32> to memref<1x8192xf32, strided<[8192, 1], offset: ?>>
    %parts = memref.subview %wide[%i, 0, 0] [1, 512, 16] [1, 1, 1] : memref<32x512x16xf32> to memref<1x512x16xf32, strided<[8192, 16, 1], offset: ?>>
    scf.for %k = %c0 to %c8192 step %c16 {
      %v = vector.load %row[%c0, %k] : memref<1x8192xf32, strided<[8192, 1], offset: ?>>, vector<16xf32>
      vector.store %v, %y[%i, %k] : memref<32x8192xf32>, vector<16xf32>
    }
    scf.for %k = %c0 to %c512 step %c1 {
      %v = vector.load %parts[%c0, %k, %c0] : memref<1x512x16xf32, strided<[8192, 16, 1], offset: ?>>, vector<16xf32>
      vector.store %v, %y[%i, %k] : memref<32x8192xf32>, vector<16xf32>
    }
  }
  return
}

// With its result it stays in the second-level cache.
// CHECK-LABEL: func.func @near
// CHECK-NOT: memref.prefetch
// CHECK: return
func.func @near(%x: memref<127x1024xf32>, %y: memref<127x1024xf32>) {
  %c0 = arith.constant 0 : index
  %c16 = arith.constant 16 : index
  %c1024 = arith.constant 1024 : index
  scf.forall (%i) in (127) {
    %row = memref.subview %x[%i, 0] [1, 1024] [1, 1] : memref<127x1024xf32> to memref<1x1024xf32, strided<[1024, 1], offset: ?>>
    scf.for %k = %c0 to %c1024 step %c16 {
      %v = vector.load %row[%c0, %k] : memref<1x1024xf32, strided<[1024, 1], offset: ?>>, vector<16xf32>
      vector.store %v, %y[%i, %k] : memref<127x1024xf32>, vector<16xf32>
    }
    scf.for %k = %c0 to %c1024 step %c16 {
      %v = vector.load %row[%c0, %k] : memref<1x1024xf32, strided<[1024, 1], offset: ?>>, vector<16xf32>
      vector.store %v, %y[%i, %k] : memref<127x1024xf32>, vector<16xf32>
    }
  }
  return
}

// One pass alone, as the rows are written over, reads in order; vectors of half a line would ask twice.
// CHECK-LABEL: func.func @in_place
// CHECK-NOT: memref.prefetch
// CHECK-LABEL: func.func @halves
// CHECK-NOT: memref.prefetch
// CHECK: return
func.func @in_place(%x: memref<256x1024xf32>) {
  %c0 = arith.constant 0 : index
  %c16 = arith.constant 16 : index
  %c1024 = arith.constant 1024 : index
  scf.forall (%i) in (256) {
    %row = memref.subview %x[%i, 0] [1, 1024] [1, 1] : memref<256x1024xf32> to memref<1x1024xf32, strided<[1024, 1], offset: ?>>
    scf.for %k = %c0 to %c1024 step %c16 {
      %v = vector.load %row[%c0, %k] : memref<1x1024xf32, strided<[1024, 1], offset: ?>>, vector<16xf32>
      vector.store %v, %row[%c0, %k] : memref<1x1024xf32, strided<[1024, 1], offset: ?>>, vector<16xf32>
    }
    scf.for %k = %c0 to %c1024 step %c16 {
      %v = vector.load %row[%c0, %k] : memref<1x1024xf32, strided<[1024, 1], offset: ?>>, vector<16xf32>
      vector.store %v, %row[%c0, %k] : memref<1x1024xf32, strided<[1024, 1], offset: ?>>, vector<16xf32>
    }
  }
  return
}
func.func @halves(%x: memref<256x1024xf32>, %y: memref<256x1024xf32>) {
  %c0 = arith.constant 0 : index
  %c8 = arith.constant 8 : index
  %c1024 = arith.constant 1024 : index
  scf.forall (%i) in (256) {
    %row = memref.subview %x[%i, 0] [1, 1024] [1, 1] : memref<256x1024xf32> to memref<1x1024xf32, strided<[1024, 1], offset: ?>>
    scf.for %k = %c0 to %c1024 step %c8 {
      %v = vector.load %row[%c0, %k] : memref<1x1024xf32, strided<[1024, 1], offset: ?>>, vector<8xf32>
      vector.store %v, %y[%i, %k] : memref<256x1024xf32>, vector<8xf32>
    }
    scf.for %k = %c0 to %c1024 step %c8 {
      %v = vector.load %row[%c0, %k] : memref<1x1024xf32, strided<[1024, 1], offset: ?>>, vector<8xf32>
      vector.store %v, %y[%i, %k] : memref<256x1024xf32>, vector<8xf32>
    }
  }
  return
}
}
