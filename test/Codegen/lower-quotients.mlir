// RUN: mpc-opt %s -pass-pipeline="builtin.module(mpc-lower-kernels,canonicalize,cse)" | FileCheck %s

#whole = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
module attributes {dlti.target_system_spec = #dlti.target_system_spec<"CPU" = #dlti.target_device_spec<"march" = "x86-64-v3",
    "vector_bits" = 256 : i64, "vector_registers" = 16 : i64, "vnni" = false>>} {

// One reciprocal per row; what is computed at a time, four vectors, is divided where it has unusual numbers.
// CHECK-LABEL: func.func @rows(
// CHECK: %[[C:.*]] = memref.load %{{.*}} : memref<4xf32>
// CHECK: %[[RECIPROCAL:.*]] = arith.divf %{{.*}}, %[[C]] : f32
// CHECK: %[[NEGATED:.*]] = arith.negf %[[C]]
// CHECK: scf.for
// CHECK: %[[X:.*]] = vector.load
// CHECK: vector.reduction <and>
// CHECK: scf.if
// CHECK: %[[FACTOR:.*]] = vector.broadcast %[[RECIPROCAL]]
// CHECK: %[[Q:.*]] = arith.mulf %[[X]], %[[FACTOR]]
// CHECK: %[[MINUS:.*]] = vector.broadcast %[[NEGATED]]
// CHECK: %[[REST:.*]] = math.fma %[[Q]], %[[MINUS]], %[[X]]
// CHECK: %[[EXACT:.*]] = math.fma %[[REST]], %[[FACTOR]], %[[Q]]
// CHECK: scf.yield %[[EXACT]]
// CHECK: } else {
// CHECK: arith.divf %[[X]], %{{.*}} : vector<32xf32>
func.func @rows(%x: memref<4x64xf32>, %c: memref<4xf32>, %y: memref<4x64xf32>) {
  linalg.generic {indexing_maps = [#whole, #row, #whole], iterator_types = ["parallel", "parallel"]}
      ins(%x, %c : memref<4x64xf32>, memref<4xf32>) outs(%y : memref<4x64xf32>) {
  ^bb0(%a: f32, %b: f32, %out: f32):
    %0 = arith.divf %a, %b : f32
    linalg.yield %0 : f32
  }
  return
}

// Seven vectors are too few.
// CHECK-LABEL: func.func @short(
// CHECK-NOT: math.fma
func.func @short(%x: memref<4x56xf32>, %c: memref<4xf32>, %y: memref<4x56xf32>) {
  linalg.generic {indexing_maps = [#whole, #row, #whole], iterator_types = ["parallel", "parallel"]}
      ins(%x, %c : memref<4x56xf32>, memref<4xf32>) outs(%y : memref<4x56xf32>) {
  ^bb0(%a: f32, %b: f32, %out: f32):
    %0 = arith.divf %a, %b : f32
    linalg.yield %0 : f32
  }
  return
}

// Each element by another one, and all by a constant.
// CHECK-LABEL: func.func @others(
// CHECK-NOT: math.fma
func.func @others(%x: memref<4x64xf32>, %c: memref<64xf32>, %y: memref<4x64xf32>) {
  linalg.generic {indexing_maps = [#whole, affine_map<(d0, d1) -> (d1)>, #whole], iterator_types = ["parallel", "parallel"]}
      ins(%x, %c : memref<4x64xf32>, memref<64xf32>) outs(%y : memref<4x64xf32>) {
  ^bb0(%a: f32, %b: f32, %out: f32):
    %three = arith.constant 3.0 : f32
    %0 = arith.divf %a, %b : f32
    %1 = arith.divf %0, %three : f32
    linalg.yield %1 : f32
  }
  return
}
}
