// The ops of the dialect print what they parse.
// RUN: mpc-opt %s | mpc-opt | FileCheck %s

// CHECK-LABEL: func.func @unpack
func.func @unpack(%p: tensor<2x9x16x16x4xi8>, %q: tensor<1x1x8x16x1xf32>, %g: tensor<2x1x7x16x4xi8>)
    -> (tensor<32x3x3x64xi8>, tensor<8x10xf32>, tensor<32x3x3x3xi8>) {
  // CHECK: kernel.unpack %{{.*}} : tensor<2x9x16x16x4xi8> to tensor<32x3x3x64xi8>
  %0 = kernel.unpack %p : tensor<2x9x16x16x4xi8> to tensor<32x3x3x64xi8>
  // CHECK: kernel.unpack %{{.*}} {transposed} : tensor<1x1x8x16x1xf32> to tensor<8x10xf32>
  %1 = kernel.unpack %q {transposed} : tensor<1x1x8x16x1xf32> to tensor<8x10xf32>
  // Gathered: 27 values of (kh, kw, ic) fill seven blocks of four.
  // CHECK: kernel.unpack %{{.*}} : tensor<2x1x7x16x4xi8> to tensor<32x3x3x3xi8>
  %2 = kernel.unpack %g : tensor<2x1x7x16x4xi8> to tensor<32x3x3x3xi8>
  return %0, %1, %2 : tensor<32x3x3x64xi8>, tensor<8x10xf32>, tensor<32x3x3x3xi8>
}

// CHECK-LABEL: func.func @matmul
func.func @matmul(%x: tensor<?x8xf32>, %w: tensor<1x1x8x16x1xf32>, %bias: tensor<16xf32>, %o: tensor<?x16xf32>) -> tensor<?x16xf32> {
  // CHECK: kernel.contract ins(%{{.*}}, %{{.*}} : tensor<?x8xf32>, tensor<1x1x8x16x1xf32>) extras(%{{.*}} : tensor<16xf32>)
  // CHECK-SAME: outs(%{{.*}} : tensor<?x16xf32>)
  // CHECK-SAME: tiling = #kernel.tiling<intrinsic = fma, rows = 4, columns = 16, kv = 1>
  // CHECK: ^bb0(%{{.*}}: f32, %{{.*}}: f32):
  // CHECK: kernel.yield %{{.*}} : f32
  %0 = kernel.contract ins(%x, %w : tensor<?x8xf32>, tensor<1x1x8x16x1xf32>) extras(%bias : tensor<16xf32>)
      outs(%o : tensor<?x16xf32>)
      attributes {extra_maps = [affine_map<(m, n) -> (n)>], tiling = #kernel.tiling<intrinsic = fma, rows = 4, columns = 16, kv = 1>} {
  ^bb0(%acc: f32, %b: f32):
    %s = arith.addf %acc, %b : f32
    kernel.yield %s : f32
  } -> tensor<?x16xf32>
  return %0 : tensor<?x16xf32>
}

// CHECK-LABEL: func.func @conv_on_memrefs
func.func @conv_on_memrefs(%x: memref<1x8x8x32xi8>, %w: memref<1x9x8x16x4xi8>, %o: memref<1x8x8x10xi32>) {
  // CHECK: kernel.contract
  // CHECK-SAME: pad_value = 7 : i8
  // CHECK-SAME: unsigned_input
  // CHECK-SAME: window = #kernel.window<sizes = [3, 3], strides = [1, 1], dilations = [1, 1], low = [1, 1], high = [1, 1]>
  kernel.contract ins(%x, %w : memref<1x8x8x32xi8>, memref<1x9x8x16x4xi8>) outs(%o : memref<1x8x8x10xi32>)
      attributes {extra_maps = [], tiling = #kernel.tiling<intrinsic = vpdpbusd, rows = 6, columns = 16, kv = 4>, unsigned_input,
                  pad_value = 7 : i8,
                  window = #kernel.window<sizes = [3, 3], strides = [1, 1], dilations = [1, 1], low = [1, 1], high = [1, 1]>} {
  ^bb0(%acc: i32):
    kernel.yield %acc : i32
  }
  return
}

// CHECK-LABEL: func.func @depthwise
func.func @depthwise(%x: tensor<1x8x8x16xf32>, %w: tensor<3x3x16xf32>, %o: tensor<1x6x6x16xf32>) -> tensor<1x6x6x16xf32> {
  // CHECK: kernel.depthwise ins
  %0 = kernel.depthwise ins(%x, %w : tensor<1x8x8x16xf32>, tensor<3x3x16xf32>) outs(%o : tensor<1x6x6x16xf32>)
      attributes {extra_maps = [], tiling = #kernel.tiling<intrinsic = fma, rows = 1, columns = 16, kv = 1>,
                  window = #kernel.window<sizes = [3, 3], strides = [1, 1], dilations = [1, 1], low = [0, 0], high = [0, 0]>} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  } -> tensor<1x6x6x16xf32>
  return %0 : tensor<1x6x6x16xf32>
}

// CHECK-LABEL: func.func @inner_tile_prefetch
func.func @inner_tile_prefetch(%row: memref<64xf32>, %w: memref<4x1x64x16x1xf32>, %acc: vector<16xf32>, %panel: index) -> vector<16xf32> {
  // CHECK: kernel.inner_tile fma {{.*}} {prefetch = 32 : i64} -> vector<16xf32>
  %r = kernel.inner_tile fma rows(%row : memref<64xf32>) weights(%w[%panel, %panel] : memref<4x1x64x16x1xf32>)
      accumulators(%acc : vector<16xf32>) {prefetch = 32 : i64} -> vector<16xf32>
  return %r : vector<16xf32>
}

// CHECK-LABEL: func.func @inner_tile
func.func @inner_tile(%row: memref<64xi8, strided<[1], offset: ?>>, %w: memref<4x1x16x16x4xi8>, %acc: vector<16xi32>,
                      %panel: index, %tap: index) -> vector<16xi32> {
  // CHECK: kernel.inner_tile vpdpbusd rows(%{{.*}} : memref<64xi8, strided<[1], offset: ?>>)
  // CHECK-SAME: weights(%{{.*}}[%{{.*}}, %{{.*}}] : memref<4x1x16x16x4xi8>) accumulators(%{{.*}} : vector<16xi32>) {unsigned_rows}
  %r = kernel.inner_tile vpdpbusd rows(%row : memref<64xi8, strided<[1], offset: ?>>)
      weights(%w[%panel, %tap] : memref<4x1x16x16x4xi8>) accumulators(%acc : vector<16xi32>) {unsigned_rows} -> vector<16xi32>
  return %r : vector<16xi32>
}

// CHECK-LABEL: func.func @positions
func.func @positions(%at: tensor<4x1xi64>, %u: tensor<4x8xf32>, %o: tensor<16x8xf32>, %k: tensor<4x3xi64>) -> (tensor<16x8xf32>, tensor<4x3xi64>) {
  // CHECK: kernel.scatter ins(%{{.*}}, %{{.*}} : tensor<4x1xi64>, tensor<4x8xf32>) outs(%{{.*}} : tensor<16x8xf32>) {
  %0 = kernel.scatter ins(%at, %u : tensor<4x1xi64>, tensor<4x8xf32>) outs(%o : tensor<16x8xf32>) {
  ^bb0(%update: f32, %old: f32):
    %s = arith.addf %old, %update : f32
    kernel.yield %s : f32
  } -> tensor<16x8xf32>
  // CHECK: kernel.top_k ins(%{{.*}} : tensor<4x8xf32>) outs(%{{.*}} : tensor<4x3xi64>) attributes {axis = 1 : i64} {
  %1 = kernel.top_k ins(%u : tensor<4x8xf32>) outs(%k : tensor<4x3xi64>) attributes {axis = 1 : i64} {
  ^bb0(%a: f32, %b: f32):
    %first = arith.cmpf ogt, %a, %b : f32
    kernel.yield %first : i1
  } -> tensor<4x3xi64>
  return %0, %1 : tensor<16x8xf32>, tensor<4x3xi64>
}

// CHECK-LABEL: @histogram
func.func @histogram(%x: tensor<4x8xf32>, %r: tensor<2xf32>, %o: tensor<4096xi64>) -> tensor<4096xi64> {
  // CHECK: kernel.histogram ins(%{{.*}}, %{{.*}} : tensor<4x8xf32>, tensor<2xf32>) outs(%{{.*}} : tensor<4096xi64>) -> tensor<4096xi64>
  %0 = kernel.histogram ins(%x, %r : tensor<4x8xf32>, tensor<2xf32>) outs(%o : tensor<4096xi64>) -> tensor<4096xi64>
  return %0 : tensor<4096xi64>
}

// CHECK-LABEL: func.func @winograd
func.func @winograd(%x: tensor<1x16x16x32xf32>, %p: tensor<1x36x32x16x1xf32>, %o: tensor<1x14x14x16xf32>) -> (tensor<16x3x3x32xf32>, tensor<1x14x14x16xf32>) {
  // CHECK: kernel.unpack %{{.*}} {winograd} : tensor<1x36x32x16x1xf32> to tensor<16x3x3x32xf32>
  %w = kernel.unpack %p {winograd} : tensor<1x36x32x16x1xf32> to tensor<16x3x3x32xf32>
  // CHECK: kernel.winograd ins(%{{.*}}, %{{.*}} : tensor<1x16x16x32xf32>, tensor<1x36x32x16x1xf32>) outs(%{{.*}} : tensor<1x14x14x16xf32>)
  // CHECK-SAME: winograd = true>
  %0 = kernel.winograd ins(%x, %p : tensor<1x16x16x32xf32>, tensor<1x36x32x16x1xf32>) outs(%o : tensor<1x14x14x16xf32>)
      attributes {extra_maps = [], tiling = #kernel.tiling<intrinsic = fma, rows = 8, columns = 16, kv = 1, winograd = true>,
                  window = #kernel.window<sizes = [3, 3], strides = [1, 1], dilations = [1, 1], low = [0, 0], high = [0, 0]>} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  } -> tensor<1x14x14x16xf32>
  return %w, %0 : tensor<16x3x3x32xf32>, tensor<1x14x14x16xf32>
}

// CHECK-LABEL: func.func @groups
func.func @groups() {
  // CHECK: kernel.begin_group 3
  kernel.begin_group 3
  // CHECK: kernel.begin_group{{$}}
  kernel.begin_group
  return
}
