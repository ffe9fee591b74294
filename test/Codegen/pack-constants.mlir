// Weights move into panels of 16 output channels; the ragged edge is zero; a constant is packed once for all its callers.
// RUN: mpc-opt %s --mpc-pack-constants --split-input-file | FileCheck %s

#lhs = affine_map<(m, n, k) -> (m, k)>
#rhs = affine_map<(m, n, k) -> (k, n)>
#out = affine_map<(m, n, k) -> (m, n)>
#tiling = #kernel.tiling<intrinsic = pmaddwd, rows = 1, columns = 16, kv = 4, gather = true>

// CHECK-LABEL: func.func private @group
// CHECK-SAME: %[[W:[a-z0-9]+]]: tensor<1x1x1x16x4xi8>
func.func private @group(%x: tensor<1x3xi8>, %w: tensor<3x2xi8>, %init: tensor<1x2xi32>) -> tensor<1x2xi32> {
  // CHECK: %[[U:.*]] = kernel.unpack %[[W]] {transposed} : tensor<1x1x1x16x4xi8> to tensor<3x2xi8>
  // CHECK: linalg.generic
  // CHECK-SAME: ins(%{{.*}}, %[[U]] : tensor<1x3xi8>, tensor<3x2xi8>)
  %r = linalg.generic {indexing_maps = [#lhs, #rhs, #out], iterator_types = ["parallel", "parallel", "reduction"], kernel.tiling = #tiling}
      ins(%x, %w : tensor<1x3xi8>, tensor<3x2xi8>) outs(%init : tensor<1x2xi32>) {
  ^bb0(%a: i8, %b: i8, %c: i32):
    %ax = arith.extui %a : i8 to i32
    %bx = arith.extsi %b : i8 to i32
    %p = arith.muli %ax, %bx : i32
    %s = arith.addi %c, %p : i32
    linalg.yield %s : i32
  } -> tensor<1x2xi32>
  return %r : tensor<1x2xi32>
}

// CHECK-LABEL: func.func @main
func.func @main(%x: tensor<1x3xi8>, %init: tensor<1x2xi32>) -> (tensor<1x2xi32>, tensor<1x2xi32>) {
  // CHECK: %[[P:.*]] = arith.constant dense_resource<[[KEY:.*]]> : tensor<1x1x1x16x4xi8>
  // CHECK-NOT: arith.constant
  // CHECK-COUNT-2: call @group(%{{.*}}, %[[P]], %{{.*}})
  %w = arith.constant dense<[[1, 4], [2, 5], [3, 6]]> : tensor<3x2xi8>
  %0 = func.call @group(%x, %w, %init) : (tensor<1x3xi8>, tensor<3x2xi8>, tensor<1x2xi32>) -> tensor<1x2xi32>
  %1 = func.call @group(%x, %w, %init) : (tensor<1x3xi8>, tensor<3x2xi8>, tensor<1x2xi32>) -> tensor<1x2xi32>
  return %0, %1 : tensor<1x2xi32>, tensor<1x2xi32>
}

// The blob: alignment 64, then for each output channel its three values and a zero.
// CHECK: [[KEY]]: "0x40000000010203000405060000000000{{0+}}"

// -----

#lhs = affine_map<(m, n, k) -> (m, k)>
#rhs = affine_map<(m, n, k) -> (k, n)>
#out = affine_map<(m, n, k) -> (m, n)>

// Refused: weights that only a run knows. The decision is taken back.
// CHECK-LABEL: func.func @runtime_weights
func.func @runtime_weights(%x: tensor<1x4xf32>, %w: tensor<4x2xf32>, %init: tensor<1x2xf32>) -> tensor<1x2xf32> {
  // CHECK-NOT: kernel
  %r = linalg.matmul {kernel.tiling = #kernel.tiling<intrinsic = fma, rows = 1, columns = 16, kv = 1>}
      ins(%x, %w : tensor<1x4xf32>, tensor<4x2xf32>) outs(%init : tensor<1x2xf32>) -> tensor<1x2xf32>
  return %r : tensor<1x2xf32>
}

// -----

#pixels = affine_map<(n, y, x, c, i, j, k) -> (n, y + i, x + j, k)>
#window = affine_map<(n, y, x, c, i, j, k) -> (c, i, j, k)>
#sums = affine_map<(n, y, x, c, i, j, k) -> (n, y, x, c)>

// A convolution's loops round once per product then, as kernels do whose lanes are pixels: these keep their tiling, since they pack nothing.
// CHECK-LABEL: func.func @runtime_windows
func.func @runtime_windows(%x: tensor<1x9x9x4xf32>, %w: tensor<2x3x3x4xf32>, %init: tensor<1x7x7x2xf32>) -> (tensor<1x7x7x2xf32>, tensor<1x7x7x2xf32>) {
  %zero = arith.constant 0.0 : f32
  %filled = linalg.fill ins(%zero : f32) outs(%init : tensor<1x7x7x2xf32>) -> tensor<1x7x7x2xf32>
  // CHECK: linalg.generic
  // CHECK-NOT: kernel.tiling
  // CHECK: ^bb0(%[[X:.*]]: f32, %[[W:.*]]: f32, %[[SUM:.*]]: f32):
  // CHECK-NEXT: %[[NEXT:.*]] = math.fma %[[X]], %[[W]], %[[SUM]] : f32
  // CHECK-NEXT: linalg.yield %[[NEXT]]
  %0 = linalg.generic {indexing_maps = [#pixels, #window, #sums], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%x, %w : tensor<1x9x9x4xf32>, tensor<2x3x3x4xf32>) outs(%filled : tensor<1x7x7x2xf32>)
      attrs = {kernel.tiling = #kernel.tiling<intrinsic = fma, rows = 7, columns = 16, kv = 1>} {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %m = arith.mulf %a, %b : f32
    %n = arith.addf %c, %m : f32
    linalg.yield %n : f32
  } -> tensor<1x7x7x2xf32>
  // CHECK: linalg.generic
  // CHECK-SAME: planar = true
  %1 = linalg.generic {indexing_maps = [#pixels, #window, #sums], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%x, %w : tensor<1x9x9x4xf32>, tensor<2x3x3x4xf32>) outs(%filled : tensor<1x7x7x2xf32>)
      attrs = {kernel.tiling = #kernel.tiling<intrinsic = fma, rows = 8, columns = 2, kv = 1, planar = true>} {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %m = arith.mulf %a, %b : f32
    %n = arith.addf %c, %m : f32
    linalg.yield %n : f32
  } -> tensor<1x7x7x2xf32>
  return %0, %1 : tensor<1x7x7x2xf32>, tensor<1x7x7x2xf32>
}

// -----

// Boundary: a splat has one stored value.
// CHECK-LABEL: func.func @splat
func.func @splat(%x: tensor<1x4xf32>, %init: tensor<1x2xf32>) -> tensor<1x2xf32> {
  %w = arith.constant dense<1.0> : tensor<4x2xf32>
  // CHECK: arith.constant dense_resource<[[KEY:.*]]> : tensor<1x1x4x16x1xf32>
  // CHECK: kernel.unpack
  %r = linalg.matmul {kernel.tiling = #kernel.tiling<intrinsic = fma, rows = 1, columns = 16, kv = 1>}
      ins(%x, %w : tensor<1x4xf32>, tensor<4x2xf32>) outs(%init : tensor<1x2xf32>) -> tensor<1x2xf32>
  return %r : tensor<1x2xf32>
}
// CHECK: [[KEY]]: "0x400000000000803F0000803F00000000

// -----

// Boundary: with four rows the operand is worth packing in every call; the decision stays for mpc-tile-and-fuse.
// CHECK-LABEL: func.func @runtime_rows
func.func @runtime_rows(%x: tensor<4x4xf32>, %w: tensor<4x2xf32>, %init: tensor<4x2xf32>) -> tensor<4x2xf32> {
  // CHECK: linalg.matmul {kernel.tiling = #kernel.tiling<intrinsic = fma, rows = 4, columns = 16, kv = 1>}
  // CHECK-SAME: tensor<4x4xf32>, tensor<4x2xf32>
  %r = linalg.matmul {kernel.tiling = #kernel.tiling<intrinsic = fma, rows = 4, columns = 16, kv = 1>}
      ins(%x, %w : tensor<4x4xf32>, tensor<4x2xf32>) outs(%init : tensor<4x2xf32>) -> tensor<4x2xf32>
  return %r : tensor<4x2xf32>
}
