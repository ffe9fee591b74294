// RUN: mpc-opt %s --mpc-lower-bf16 | FileCheck %s

// Rounding to nearest even and keeping NaN are integer arithmetic; memory, constants and signatures hold i16.
// CHECK: memref.global "private" constant @row : memref<2xi16> = dense<[16256, 16384]>
memref.global "private" constant @row : memref<2xbf16> = dense<[1.0, 2.0]>

// CHECK-LABEL: func.func @round(
// CHECK-SAME: %[[X:.*]]: vector<8xf32>, %[[M:.*]]: memref<8xi16>)
// CHECK: %[[BITS:.*]] = arith.bitcast %[[X]] : vector<8xf32> to vector<8xi32>
// CHECK: %[[NAN:.*]] = arith.cmpf uno, %[[X]], %[[X]]
// CHECK: %[[R:.*]] = arith.select %[[NAN]], %{{.*}}, %{{.*}} : vector<8xi1>, vector<8xi32>
// CHECK: %[[HIGH:.*]] = arith.shrui %[[R]]
// CHECK: %[[HALF:.*]] = arith.trunci %[[HIGH]] : vector<8xi32> to vector<8xi16>
// CHECK-NOT: bf16
func.func @round(%x: vector<8xf32>, %m: memref<8xbf16>) {
  %c0 = arith.constant 0 : index
  %0 = arith.truncf %x : vector<8xf32> to vector<8xbf16>
  vector.store %0, %m[%c0] : memref<8xbf16>, vector<8xbf16>
  return
}

// CHECK-LABEL: func.func @widen(
// CHECK: %[[X:.*]] = memref.load %{{.*}} : memref<8xi16>
// CHECK: arith.extui %{{.*}} : i16 to i32
// CHECK: arith.shli
// CHECK: arith.bitcast %{{.*}} : i32 to f32
func.func @widen(%m: memref<8xbf16>) -> f32 {
  %c0 = arith.constant 0 : index
  %x = memref.load %m[%c0] : memref<8xbf16>
  %f = arith.extf %x : bf16 to f32
  return %f : f32
}

// Moving is not computing.
// CHECK-LABEL: func.func @select(
// CHECK: %[[ONE:.*]] = arith.constant 16256 : i16
// CHECK: arith.select %{{.*}}, %{{.*}}, %[[ONE]] : i16
func.func @select(%c: i1, %x: bf16) -> bf16 {
  %one = arith.constant 1.0 : bf16
  %0 = arith.select %c, %x, %one : bf16
  return %0 : bf16
}

// What an intrinsic takes is bf16 again, in a register.
// CHECK-LABEL: func.func @dot(
// CHECK-SAME: %[[A:.*]]: vector<16xf32>, %[[X:.*]]: vector<32xi16>)
// CHECK: %[[B:.*]] = llvm.bitcast %[[X]] : vector<32xi16> to vector<32xbf16>
// CHECK: llvm.call_intrinsic "llvm.x86.avx512bf16.dpbf16ps.512"(%[[A]], %[[B]], %{{.*}}) : (vector<16xf32>, vector<32xbf16>, vector<32xbf16>)
func.func @dot(%a: vector<16xf32>, %x: vector<32xbf16>) -> vector<16xf32> {
  %0 = llvm.call_intrinsic "llvm.x86.avx512bf16.dpbf16ps.512"(%a, %x, %x) : (vector<16xf32>, vector<32xbf16>, vector<32xbf16>) -> vector<16xf32>
  return %0 : vector<16xf32>
}
