// Padding, contraction and epilogue become one op.
// RUN: mpc-opt %s --pass-pipeline="builtin.module(func.func(mpc-tile-and-fuse))" --split-input-file --verify-diagnostics | FileCheck %s

#x = affine_map<(n, oh, ow, oc, kh, kw, ic) -> (n, oh * 2 + kh, ow * 2 + kw, ic)>
#w = affine_map<(n, oh, ow, oc, kh, kw, ic) -> (oc, kh, kw, ic)>
#o = affine_map<(n, oh, ow, oc, kh, kw, ic) -> (n, oh, ow, oc)>
#id = affine_map<(n, h, w, c) -> (n, h, w, c)>
#channel = affine_map<(n, h, w, c) -> (c)>

// CHECK-LABEL: func.func @conv
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<?x8x8x32xi8>, %[[P:[a-z0-9]+]]: tensor<1x9x8x16x4xi8>, %[[BIAS:[a-z0-9]+]]: tensor<10xi32>, %[[OUT:[a-z0-9]+]]: tensor<?x4x4x10xf32>
func.func @conv(%x: tensor<?x8x8x32xi8>, %p: tensor<1x9x8x16x4xi8>, %bias: tensor<10xi32>, %out: tensor<?x4x4x10xf32>) -> tensor<?x4x4x10xf32> {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0 : i32
  %scale = arith.constant 0.5 : f32
  %zp = arith.constant 7 : i8
  %n = tensor.dim %x, %c0 : tensor<?x8x8x32xi8>
  %w = kernel.unpack %p : tensor<1x9x8x16x4xi8> to tensor<10x3x3x32xi8>
  %padded = tensor.pad %x low[0, 1, 0, 0] high[0, 0, 1, 0] {
  ^bb0(%i: index, %j: index, %k: index, %l: index):
    tensor.yield %zp : i8
  } : tensor<?x8x8x32xi8> to tensor<?x9x9x32xi8>
  %empty = tensor.empty(%n) : tensor<?x4x4x10xi32>
  %init = linalg.fill ins(%zero : i32) outs(%empty : tensor<?x4x4x10xi32>) -> tensor<?x4x4x10xi32>
  // CHECK-NOT: tensor.pad
  // CHECK: kernel.contract ins(%[[X]], %[[P]] : tensor<?x8x8x32xi8>, tensor<1x9x8x16x4xi8>) extras(%[[BIAS]] : tensor<10xi32>)
  // CHECK-SAME: outs(%[[OUT]] : tensor<?x4x4x10xf32>)
  // CHECK-SAME: pad_value = 7 : i8
  // CHECK-SAME: unsigned_input
  // CHECK-SAME: window = #kernel.window<sizes = [3, 3], strides = [2, 2], dilations = [1, 1], low = [1, 0], high = [0, 1]>
  // CHECK-NEXT: ^bb0(%[[ACC:.*]]: i32, %[[B:.*]]: i32):
  // CHECK-NEXT: %[[S:.*]] = arith.addi %[[ACC]], %[[B]]
  // CHECK-NEXT: %[[F:.*]] = arith.sitofp %[[S]]
  // CHECK-NEXT: %[[C:.*]] = arith.constant 5.000000e-01
  // CHECK-NEXT: %[[R:.*]] = arith.mulf %[[F]], %[[C]]
  // CHECK-NEXT: kernel.yield %[[R]] : f32
  %acc = linalg.generic {indexing_maps = [#x, #w, #o],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"],
      kernel.tiling = #kernel.tiling<intrinsic = vpdpbusd, rows = 6, columns = 16, kv = 4>}
      ins(%padded, %w : tensor<?x9x9x32xi8>, tensor<10x3x3x32xi8>) outs(%init : tensor<?x4x4x10xi32>) {
  ^bb0(%a: i8, %b: i8, %c: i32):
    %ax = arith.extui %a : i8 to i32
    %bx = arith.extsi %b : i8 to i32
    %m = arith.muli %ax, %bx : i32
    %s = arith.addi %c, %m : i32
    linalg.yield %s : i32
  } -> tensor<?x4x4x10xi32>
  %r = linalg.generic {indexing_maps = [#id, #channel, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%acc, %bias : tensor<?x4x4x10xi32>, tensor<10xi32>) outs(%out : tensor<?x4x4x10xf32>) {
  ^bb0(%a: i32, %b: i32, %c: f32):
    %s = arith.addi %a, %b : i32
    %f = arith.sitofp %s : i32 to f32
    %q = arith.mulf %f, %scale : f32
    linalg.yield %q : f32
  } -> tensor<?x4x4x10xf32>
  return %r : tensor<?x4x4x10xf32>
}

// -----

// A convolution with a depth: weights OC×KD×KH×KW×IC.
#x = affine_map<(n, od, oh, ow, oc, kd, kh, kw, ic) -> (n, od * 2 + kd, oh + kh, ow + kw * 3, ic)>
#w = affine_map<(n, od, oh, ow, oc, kd, kh, kw, ic) -> (oc, kd, kh, kw, ic)>
#o = affine_map<(n, od, oh, ow, oc, kd, kh, kw, ic) -> (n, od, oh, ow, oc)>
// CHECK-LABEL: func.func @volume
func.func @volume(%x: tensor<?x6x4x9x8xf32>, %p: tensor<1x12x8x16x1xf32>, %out: tensor<?x3x3x6x16xf32>) -> tensor<?x3x3x6x16xf32> {
  %zero = arith.constant 0.0 : f32
  %w = kernel.unpack %p : tensor<1x12x8x16x1xf32> to tensor<16x3x2x2x8xf32>
  %padded = tensor.pad %x low[0, 1, 0, 0, 0] high[0, 0, 0, 0, 0] {
  ^bb0(%i: index, %j: index, %k: index, %l: index, %m: index):
    tensor.yield %zero : f32
  } : tensor<?x6x4x9x8xf32> to tensor<?x7x4x9x8xf32>
  %init = linalg.fill ins(%zero : f32) outs(%out : tensor<?x3x3x6x16xf32>) -> tensor<?x3x3x6x16xf32>
  // CHECK-NOT: tensor.pad
  // CHECK: kernel.contract
  // CHECK-SAME: window = #kernel.window<sizes = [3, 2, 2], strides = [2, 1, 1], dilations = [1, 1, 3], low = [1, 0, 0], high = [0, 0, 0]>
  %acc = linalg.generic {indexing_maps = [#x, #w, #o],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction", "reduction"],
      kernel.tiling = #kernel.tiling<intrinsic = fma, rows = 6, columns = 16, kv = 1>}
      ins(%padded, %w : tensor<?x7x4x9x8xf32>, tensor<16x3x2x2x8xf32>) outs(%init : tensor<?x3x3x6x16xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %m = arith.mulf %a, %b : f32
    %s = arith.addf %c, %m : f32
    linalg.yield %s : f32
  } -> tensor<?x3x3x6x16xf32>
  return %acc : tensor<?x3x3x6x16xf32>
}

// -----

// Boundary: a transposing consumer stays a linalg op; the kernel stores sums.
// CHECK-LABEL: func.func @transposed_consumer
func.func @transposed_consumer(%x: tensor<4x8xf32>, %p: tensor<1x1x8x16x1xf32>, %out: tensor<16x4xf32>) -> tensor<16x4xf32> {
  %zero = arith.constant 0.0 : f32
  %w = kernel.unpack %p {transposed} : tensor<1x1x8x16x1xf32> to tensor<8x16xf32>
  // CHECK: %[[EMPTY:.*]] = tensor.empty() : tensor<4x16xf32>
  %empty = tensor.empty() : tensor<4x16xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<4x16xf32>) -> tensor<4x16xf32>
  // CHECK: %[[R:.*]] = kernel.contract
  // CHECK-SAME: outs(%[[EMPTY]] : tensor<4x16xf32>)
  %acc = linalg.matmul {kernel.tiling = #kernel.tiling<intrinsic = fma, rows = 4, columns = 16, kv = 1>}
      ins(%x, %w : tensor<4x8xf32>, tensor<8x16xf32>) outs(%init : tensor<4x16xf32>) -> tensor<4x16xf32>
  // CHECK: linalg.generic
  // CHECK-SAME: ins(%[[R]] : tensor<4x16xf32>)
  %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (j, i)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%acc : tensor<4x16xf32>) outs(%out : tensor<16x4xf32>) {
  ^bb0(%a: f32, %b: f32):
    %n = arith.negf %a : f32
    linalg.yield %n : f32
  } -> tensor<16x4xf32>
  return %r : tensor<16x4xf32>
}

// -----

// Refused: packed weights, but a sum that starts elsewhere.
func.func @other_start(%x: tensor<4x8xf32>, %p: tensor<1x1x8x16x1xf32>, %init: tensor<4x16xf32>) -> tensor<4x16xf32> {
  %w = kernel.unpack %p {transposed} : tensor<1x1x8x16x1xf32> to tensor<8x16xf32>
  // expected-error @+1 {{expected an accumulator that starts as 'linalg.fill' of zero, since its weights are packed}}
  %acc = linalg.matmul {kernel.tiling = #kernel.tiling<intrinsic = fma, rows = 4, columns = 16, kv = 1>}
      ins(%x, %w : tensor<4x8xf32>, tensor<8x16xf32>) outs(%init : tensor<4x16xf32>) -> tensor<4x16xf32>
  return %acc : tensor<4x16xf32>
}

// -----

// A right operand that only a run knows is packed there, each product of a batch for itself.
// CHECK-LABEL: func.func @runtime_operand
// CHECK-SAME: %[[X:.*]]: tensor<?x4x5x8xf32>, %[[Y:.*]]: tensor<?x4x20x8xf32>
func.func @runtime_operand(%x: tensor<?x4x5x8xf32>, %y: tensor<?x4x20x8xf32>, %n: index) -> tensor<?x4x5x20xf32> {
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty(%n) : tensor<?x4x5x20xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<?x4x5x20xf32>) -> tensor<?x4x5x20xf32>
  // CHECK: %[[P:.*]] = kernel.pack ins(%[[Y]] : tensor<?x4x20x8xf32>) outs(%{{.*}} : tensor<?x1x8x16x1xf32>)
  // CHECK: kernel.contract ins(%[[X]], %[[P]] : tensor<?x4x5x8xf32>, tensor<?x1x8x16x1xf32>)
  // CHECK-SAME: batched
  %r = linalg.generic {indexing_maps = [affine_map<(b, h, m, n, k) -> (b, h, m, k)>, affine_map<(b, h, m, n, k) -> (b, h, n, k)>,
                                        affine_map<(b, h, m, n, k) -> (b, h, m, n)>],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"],
      kernel.tiling = #kernel.tiling<intrinsic = fma, rows = 5, columns = 32, kv = 1>}
      ins(%x, %y : tensor<?x4x5x8xf32>, tensor<?x4x20x8xf32>) outs(%init : tensor<?x4x5x20xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  } -> tensor<?x4x5x20xf32>
  return %r : tensor<?x4x5x20xf32>
}

// -----

// Refused: a vector of booleans would be read as bits, which are bytes in memory; the consumer stays.
// CHECK-LABEL: func.func @mask
func.func @mask(%x: tensor<4x8xf32>, %p: tensor<1x1x8x16x1xf32>, %m: tensor<4x16xi1>, %out: tensor<4x16xf32>) -> tensor<4x16xf32> {
  %zero = arith.constant 0.0 : f32
  %w = kernel.unpack %p {transposed} : tensor<1x1x8x16x1xf32> to tensor<8x16xf32>
  %empty = tensor.empty() : tensor<4x16xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<4x16xf32>) -> tensor<4x16xf32>
  // CHECK: kernel.contract
  // CHECK-NOT: extras
  %acc = linalg.matmul {kernel.tiling = #kernel.tiling<intrinsic = fma, rows = 4, columns = 16, kv = 1>}
      ins(%x, %w : tensor<4x8xf32>, tensor<8x16xf32>) outs(%init : tensor<4x16xf32>) -> tensor<4x16xf32>
  // CHECK: linalg.generic
  %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>],
      iterator_types = ["parallel", "parallel"]} ins(%acc, %m : tensor<4x16xf32>, tensor<4x16xi1>) outs(%out : tensor<4x16xf32>) {
  ^bb0(%a: f32, %b: i1, %c: f32):
    %s = arith.select %b, %a, %zero : f32
    linalg.yield %s : f32
  } -> tensor<4x16xf32>
  return %r : tensor<4x16xf32>
}
