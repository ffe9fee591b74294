// A negative case per constraint of the dialect.
// RUN: mpc-opt %s --split-input-file --verify-diagnostics

// unpack C1
func.func @unpack_rank(%p: tensor<2x9x16x16xi8>) -> tensor<32x64xi8> {
  // expected-error @+1 {{expected packed weights of rank 5 and dimension 3 of 16, but got 'tensor<2x9x16x16xi8>'}}
  %0 = kernel.unpack %p : tensor<2x9x16x16xi8> to tensor<32x64xi8>
  return %0 : tensor<32x64xi8>
}

// -----

// unpack C2
func.func @unpack_panels(%p: tensor<3x1x16x16x4xi8>) -> tensor<32x64xi8> {
  // expected-error @+1 {{expected packed weights 'tensor<2x1x16x16x4xi8>', but got 'tensor<3x1x16x16x4xi8>'}}
  %0 = kernel.unpack %p : tensor<3x1x16x16x4xi8> to tensor<32x64xi8>
  return %0 : tensor<32x64xi8>
}

// -----

// unpack C3
func.func @unpack_element(%p: tensor<2x1x16x16x4xi8>) -> tensor<32x64xf32> {
  // expected-error @+1 {{expected one element type, but got 'i8' and 'f32'}}
  %0 = kernel.unpack %p : tensor<2x1x16x16x4xi8> to tensor<32x64xf32>
  return %0 : tensor<32x64xf32>
}

// -----

// unpack C4
func.func @unpack_transposed(%p: tensor<2x9x16x16x4xi8>) -> tensor<32x3x3x64xi8> {
  // expected-error @+1 {{expected a result of rank 2 with 'transposed', but got rank 4}}
  %0 = kernel.unpack %p {transposed} : tensor<2x9x16x16x4xi8> to tensor<32x3x3x64xi8>
  return %0 : tensor<32x3x3x64xi8>
}

// -----

// expected-error @+1 {{expected at least one row, but got 0}}
func.func private @tiling_rows() attributes {t = #kernel.tiling<intrinsic = fma, rows = 0, columns = 16, kv = 1>}

// -----

// expected-error @+1 {{expected columns to be a positive multiple of 16, but got 24}}
func.func private @tiling_columns() attributes {t = #kernel.tiling<intrinsic = fma, rows = 1, columns = 24, kv = 1>}

// -----

// expected-error @+1 {{expected kv = 4 with vpdpbusd, but got 1}}
func.func private @tiling_kv() attributes {t = #kernel.tiling<intrinsic = vpdpbusd, rows = 1, columns = 16, kv = 1>}

// -----

// expected-error @below {{expected fma with kv = 1 and 16 rows that are not gathered with 'interleave'}}
func.func private @tiling_interleave() attributes {t = #kernel.tiling<intrinsic = fma, rows = 12, columns = 16, kv = 1, interleave = true>}

// -----

// expected-error @+2 {{expected strides to be at least 1, but got 0}}
func.func private @window_stride() attributes {
  w = #kernel.window<sizes = [1, 1], strides = [0, 1], dilations = [1, 1], low = [0, 0], high = [0, 0]>}

// -----

// expected-error @+2 {{expected sizes to have two or three elements, but got 1}}
func.func private @window_line() attributes {
  w = #kernel.window<sizes = [1], strides = [1], dilations = [1], low = [0], high = [0]>}

// -----

// expected-error @+2 {{expected low to have 2 elements, as sizes, but got 1}}
func.func private @window_rank() attributes {
  w = #kernel.window<sizes = [1, 1], strides = [1, 1], dilations = [1, 1], low = [0], high = [0, 0]>}

// -----

#tiling = #kernel.tiling<intrinsic = fma, rows = 1, columns = 16, kv = 1>
// contract C1
func.func @mixed(%x: memref<4x8xf32>, %w: tensor<1x1x8x16x1xf32>, %o: tensor<4x16xf32>) {
  // expected-error @+1 {{expected all operands to be tensors, but got 'memref<4x8xf32>'}}
  %0 = kernel.contract ins(%x, %w : memref<4x8xf32>, tensor<1x1x8x16x1xf32>) outs(%o : tensor<4x16xf32>)
      attributes {extra_maps = [], tiling = #tiling} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  } -> tensor<4x16xf32>
  return
}

// -----

#tiling = #kernel.tiling<intrinsic = fma, rows = 1, columns = 16, kv = 1>
// contract C2
func.func @kv(%x: memref<4x8xf32>, %w: memref<1x1x2x16x4xf32>, %o: memref<4x16xf32>) {
  // expected-error @+1 {{expected packed weights of rank 5, panels of 16 and kv = 1, but got 'memref<1x1x2x16x4xf32>'}}
  kernel.contract ins(%x, %w : memref<4x8xf32>, memref<1x1x2x16x4xf32>) outs(%o : memref<4x16xf32>)
      attributes {extra_maps = [], tiling = #tiling} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  return
}

// -----

#tiling = #kernel.tiling<intrinsic = fma, rows = 1, columns = 16, kv = 1>
// contract C3
func.func @dynamic_depth(%x: memref<4x?xf32>, %w: memref<1x1x8x16x1xf32>, %o: memref<4x16xf32>) {
  // expected-error @+1 {{expected static last dimensions, but got 'memref<4x?xf32>' and 'memref<4x16xf32>'}}
  kernel.contract ins(%x, %w : memref<4x?xf32>, memref<1x1x8x16x1xf32>) outs(%o : memref<4x16xf32>)
      attributes {extra_maps = [], tiling = #tiling} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  return
}

// -----

#tiling = #kernel.tiling<intrinsic = fma, rows = 1, columns = 16, kv = 1>
// contract C4
func.func @blocks(%x: memref<4x9xf32>, %w: memref<1x1x8x16x1xf32>, %o: memref<4x16xf32>) {
  // expected-error @+1 {{expected weights with 1 taps of 9 k blocks, but got 'memref<1x1x8x16x1xf32>'}}
  kernel.contract ins(%x, %w : memref<4x9xf32>, memref<1x1x8x16x1xf32>) outs(%o : memref<4x16xf32>)
      attributes {extra_maps = [], tiling = #tiling} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  return
}

// -----

#tiling = #kernel.tiling<intrinsic = pmaddwd, rows = 1, columns = 16, kv = 4>
// contract C4
func.func @ragged(%x: memref<4x6xi8>, %w: memref<1x1x2x16x4xi8>, %o: memref<4x16xi32>) {
  // expected-error @+1 {{expected a gathering tiling for 6 channels, which are no multiple of kv = 4}}
  kernel.contract ins(%x, %w : memref<4x6xi8>, memref<1x1x2x16x4xi8>) outs(%o : memref<4x16xi32>)
      attributes {extra_maps = [], tiling = #tiling} {
  ^bb0(%acc: i32):
    kernel.yield %acc : i32
  }
  return
}

// -----

#tiling = #kernel.tiling<intrinsic = fma, rows = 1, columns = 16, kv = 1>
// contract C5
func.func @panels(%x: memref<4x8xf32>, %w: memref<1x1x8x16x1xf32>, %o: memref<4x17xf32>) {
  // expected-error @+1 {{expected weights with 2 panels, but got 'memref<1x1x8x16x1xf32>'}}
  kernel.contract ins(%x, %w : memref<4x8xf32>, memref<1x1x8x16x1xf32>) outs(%o : memref<4x17xf32>)
      attributes {extra_maps = [], tiling = #tiling} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  return
}

// -----

#tiling = #kernel.tiling<intrinsic = fma, rows = 1, columns = 16, kv = 1>
// contract C6
func.func @window(%x: memref<1x8x8x8xf32>, %w: memref<1x9x8x16x1xf32>, %o: memref<1x8x8x16xf32>) {
  // expected-error @+1 {{expected output dimension 1 of size 6, but got 8}}
  kernel.contract ins(%x, %w : memref<1x8x8x8xf32>, memref<1x9x8x16x1xf32>) outs(%o : memref<1x8x8x16xf32>)
      attributes {extra_maps = [], tiling = #tiling,
                  window = #kernel.window<sizes = [3, 3], strides = [1, 1], dilations = [1, 1], low = [0, 0], high = [0, 0]>} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  return
}

// -----

#tiling = #kernel.tiling<intrinsic = fma, rows = 1, columns = 16, kv = 1>
// contract C6, with a depth
func.func @volume(%x: memref<1x4x8x8x8xf32>, %w: memref<1x18x8x16x1xf32>, %o: memref<1x4x6x6x16xf32>) {
  // expected-error @+1 {{expected output dimension 1 of size 3, but got 4}}
  kernel.contract ins(%x, %w : memref<1x4x8x8x8xf32>, memref<1x18x8x16x1xf32>) outs(%o : memref<1x4x6x6x16xf32>)
      attributes {extra_maps = [], tiling = #tiling,
                  window = #kernel.window<sizes = [2, 3, 3], strides = [1, 1, 1], dilations = [1, 1, 1], low = [0, 0, 0], high = [0, 0, 0]>} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  return
}

// -----

#tiling = #kernel.tiling<intrinsic = fma, rows = 1, columns = 16, kv = 1>
// contract C3: a window with a depth
func.func @flat_volume(%x: memref<1x8x8x8xf32>, %w: memref<1x18x8x16x1xf32>, %o: memref<1x6x6x16xf32>) {
  // expected-error @+1 {{expected an output of rank 5, but got rank 4}}
  kernel.contract ins(%x, %w : memref<1x8x8x8xf32>, memref<1x18x8x16x1xf32>) outs(%o : memref<1x6x6x16xf32>)
      attributes {extra_maps = [], tiling = #tiling,
                  window = #kernel.window<sizes = [2, 3, 3], strides = [1, 1, 1], dilations = [1, 1, 1], low = [0, 0, 0], high = [0, 0, 0]>} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  return
}

// -----

#tiling = #kernel.tiling<intrinsic = fma, rows = 1, columns = 16, kv = 1>
// contract C7
func.func @accumulator(%x: memref<4x8xf32>, %w: memref<1x1x8x16x1xf32>, %o: memref<4x16xf64>) {
  // expected-error @+1 {{expected f32, f16 or bf16 operands accumulated in f32 or an i8 or signed i16 input and i8 weights accumulated in i32, but got 'f32' and 'f32' in 'f64'}}
  kernel.contract ins(%x, %w : memref<4x8xf32>, memref<1x1x8x16x1xf32>) outs(%o : memref<4x16xf64>)
      attributes {extra_maps = [], tiling = #tiling} {
  ^bb0(%acc: f64):
    kernel.yield %acc : f64
  }
  return
}

// -----

#tiling = #kernel.tiling<intrinsic = fma, rows = 1, columns = 16, kv = 1>
// contract C8
func.func @pad_value(%x: memref<1x8x8x8xf32>, %w: memref<1x9x8x16x1xf32>, %o: memref<1x8x8x16xf32>) {
  // expected-error @+1 {{expected a pad value where the window pads}}
  kernel.contract ins(%x, %w : memref<1x8x8x8xf32>, memref<1x9x8x16x1xf32>) outs(%o : memref<1x8x8x16xf32>)
      attributes {extra_maps = [], tiling = #tiling,
                  window = #kernel.window<sizes = [3, 3], strides = [1, 1], dilations = [1, 1], low = [1, 1], high = [1, 1]>} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  return
}

// -----

#tiling = #kernel.tiling<intrinsic = fma, rows = 1, columns = 16, kv = 1>
// contract C9
func.func @map(%x: memref<4x8xf32>, %w: memref<1x1x8x16x1xf32>, %b: memref<16x4xf32>, %o: memref<4x16xf32>) {
  // expected-error @+1 {{expected results of map 0 to be dimensions or 0, the output's last dimension only as the last, but got affine_map<(d0, d1) -> (d1, d0)>}}
  kernel.contract ins(%x, %w : memref<4x8xf32>, memref<1x1x8x16x1xf32>) extras(%b : memref<16x4xf32>) outs(%o : memref<4x16xf32>)
      attributes {extra_maps = [affine_map<(m, n) -> (n, m)>], tiling = #tiling} {
  ^bb0(%acc: f32, %e: f32):
    kernel.yield %acc : f32
  }
  return
}

// -----

#tiling = #kernel.tiling<intrinsic = fma, rows = 1, columns = 16, kv = 1>
// contract C10
func.func @arguments(%x: memref<4x8xf32>, %w: memref<1x1x8x16x1xf32>, %o: memref<4x16xf32>) {
  // expected-error @+1 {{expected an epilogue of 1 arguments, but got 2}}
  kernel.contract ins(%x, %w : memref<4x8xf32>, memref<1x1x8x16x1xf32>) outs(%o : memref<4x16xf32>)
      attributes {extra_maps = [], tiling = #tiling} {
  ^bb0(%acc: f32, %e: f32):
    kernel.yield %acc : f32
  }
  return
}

// -----

#tiling = #kernel.tiling<intrinsic = fma, rows = 1, columns = 16, kv = 1>
// contract C10
func.func @yield(%x: memref<4x8xf32>, %w: memref<1x1x8x16x1xf32>, %o: memref<4x16xf16>) {
  // expected-error @+1 {{expected the epilogue to yield 'f16', but got 'f32'}}
  kernel.contract ins(%x, %w : memref<4x8xf32>, memref<1x1x8x16x1xf32>) outs(%o : memref<4x16xf16>)
      attributes {extra_maps = [], tiling = #tiling} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  return
}

// -----

#tiling = #kernel.tiling<intrinsic = fma, rows = 1, columns = 16, kv = 1>
// contract C11
func.func @elementwise(%x: memref<4x8xf32>, %w: memref<1x1x8x16x1xf32>, %o: memref<4x16xf32>) {
  // expected-error @+1 {{expected element-wise operations in the epilogue, but got 'func.call'}}
  kernel.contract ins(%x, %w : memref<4x8xf32>, memref<1x1x8x16x1xf32>) outs(%o : memref<4x16xf32>)
      attributes {extra_maps = [], tiling = #tiling} {
  ^bb0(%acc: f32):
    %0 = func.call @f(%acc) : (f32) -> f32
    kernel.yield %0 : f32
  }
  return
}
func.func private @f(f32) -> f32

// -----

#tiling = #kernel.tiling<intrinsic = fma, rows = 1, columns = 16, kv = 1>
// depthwise D1
func.func @depthwise(%x: memref<1x8x8x16xf32>, %w: memref<3x3x8xf32>, %o: memref<1x6x6x16xf32>) {
  // expected-error @+1 {{expected an input of rank 4 and weights 3x3xC, but got 'memref<1x8x8x16xf32>' and 'memref<3x3x8xf32>'}}
  kernel.depthwise ins(%x, %w : memref<1x8x8x16xf32>, memref<3x3x8xf32>) outs(%o : memref<1x6x6x16xf32>)
      attributes {extra_maps = [], tiling = #tiling,
                  window = #kernel.window<sizes = [3, 3], strides = [1, 1], dilations = [1, 1], low = [0, 0], high = [0, 0]>} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  return
}

// -----

// inner_tile C4: pairs are bf16
func.func @inner_tile_pairs(%row: memref<8xf16>, %w: memref<4x1x4x16x2xf16>, %i: index, %a: vector<16xf32>) {
  // expected-error @+1 {{expected operands that vdpbf16ps multiplies, but got}}
  %r = kernel.inner_tile vdpbf16ps rows(%row : memref<8xf16>) weights(%w[%i, %i] : memref<4x1x4x16x2xf16>)
      accumulators(%a : vector<16xf32>) -> vector<16xf32>
  return
}

// -----

// inner_tile C4: sums in f16 are of f16
func.func @inner_tile_chunks(%row: memref<8xbf16>, %w: memref<4x1x4x16x2xbf16>, %i: index, %a: vector<16xf32>) {
  // expected-error @+1 {{expected operands that vfmaddph multiplies, but got}}
  %r = kernel.inner_tile vfmaddph rows(%row : memref<8xbf16>) weights(%w[%i, %i] : memref<4x1x4x16x2xbf16>)
      accumulators(%a : vector<16xf32>) -> vector<16xf32>
  return
}

// -----

// inner_tile C4: sums in f16 are of pairs
func.func @inner_tile_single_chunks(%row: memref<8xf16>, %w: memref<4x1x8x16x1xf16>, %i: index, %a: vector<16xf32>) {
  // expected-error @+1 {{expected operands that vfmaddph multiplies, but got}}
  %r = kernel.inner_tile vfmaddph rows(%row : memref<8xf16>) weights(%w[%i, %i] : memref<4x1x8x16x1xf16>)
      accumulators(%a : vector<16xf32>) -> vector<16xf32>
  return
}

// -----

// inner_tile C1
func.func @row(%row: memref<60xi8>, %w: memref<4x1x16x16x4xi8>, %acc: vector<16xi32>, %i: index) {
  // expected-error @+1 {{expected rows of 64 contiguous elements, but got 'memref<60xi8>'}}
  %r = kernel.inner_tile vpdpbusd rows(%row : memref<60xi8>) weights(%w[%i, %i] : memref<4x1x16x16x4xi8>)
      accumulators(%acc : vector<16xi32>) {unsigned_rows} -> vector<16xi32>
  return
}

// -----

// inner_tile C2
func.func @accumulators(%row: memref<64xi8>, %w: memref<4x1x16x16x4xi8>, %acc: vector<16xi32>, %i: index) {
  // expected-error @+1 {{expected a multiple of 2 accumulators, but got 1}}
  %r = kernel.inner_tile vpdpbusd rows(%row, %row : memref<64xi8>, memref<64xi8>) weights(%w[%i, %i] : memref<4x1x16x16x4xi8>)
      accumulators(%acc : vector<16xi32>) {unsigned_rows} -> vector<16xi32>
  return
}

// -----

// inner_tile C4: words are signed
func.func @words(%row: memref<64xi16>, %w: memref<4x1x16x16x4xi8>, %acc: vector<32xi32>, %i: index) {
  // expected-error @+1 {{expected operands that pmaddwd multiplies}}
  %r = kernel.inner_tile pmaddwd rows(%row : memref<64xi16>) weights(%w[%i, %i] : memref<4x1x16x16x4xi8>)
      accumulators(%acc : vector<32xi32>) {unsigned_rows} -> vector<32xi32>
  return
}

// -----

// inner_tile C6
func.func @prefetch_back(%row: memref<8xf32>, %w: memref<4x1x8x16x1xf32>, %i: index, %a: vector<16xf32>) {
  // expected-error @+1 {{expected 'prefetch' of at least 0, and 0 but with fma, kv = 1 and without 'blocks', but got -1}}
  %r = kernel.inner_tile fma rows(%row : memref<8xf32>) weights(%w[%i, %i] : memref<4x1x8x16x1xf32>)
      accumulators(%a : vector<16xf32>) {prefetch = -1 : i64} -> vector<16xf32>
  return
}

// -----

// inner_tile C6: no pairs
func.func @prefetch_pairs(%row: memref<8xbf16>, %w: memref<4x1x4x16x2xbf16>, %i: index, %a: vector<16xf32>) {
  // expected-error @+1 {{expected 'prefetch' of at least 0, and 0 but with fma, kv = 1 and without 'blocks', but got 32}}
  %r = kernel.inner_tile fma rows(%row : memref<8xbf16>) weights(%w[%i, %i] : memref<4x1x4x16x2xbf16>)
      accumulators(%a : vector<16xf32>) {prefetch = 32 : i64} -> vector<16xf32>
  return
}

// -----

// inner_tile C3: half of the last panel only
func.func @half_first(%row: memref<8xf32>, %w: memref<4x1x8x16x1xf32>, %half: vector<8xf32>, %acc: vector<16xf32>, %i: index) {
  // expected-error @+1 {{expected accumulators of type 'vector<16xf32>', but got 'vector<8xf32>'}}
  %0:2 = kernel.inner_tile fma rows(%row : memref<8xf32>) weights(%w[%i, %i] : memref<4x1x8x16x1xf32>)
      accumulators(%half, %acc : vector<8xf32>, vector<16xf32>) -> vector<8xf32>, vector<16xf32>
  return
}

// -----

// inner_tile C3: no half of pairs
func.func @half_pairs(%row: memref<8xbf16>, %w: memref<4x1x4x16x2xbf16>, %half: vector<8xf32>, %i: index) {
  // expected-error @+1 {{expected accumulators of type 'vector<16xf32>', but got 'vector<8xf32>'}}
  %0 = kernel.inner_tile fma rows(%row : memref<8xbf16>) weights(%w[%i, %i] : memref<4x1x4x16x2xbf16>)
      accumulators(%half : vector<8xf32>) -> vector<8xf32>
  return
}

// -----

// inner_tile C3: two partial sums per lane
func.func @partial(%row: memref<64xi8>, %w: memref<4x1x16x16x4xi8>, %acc: vector<16xi32>, %i: index) {
  // expected-error @+1 {{expected accumulators of type 'vector<32xi32>', but got 'vector<16xi32>'}}
  %r = kernel.inner_tile pmaddwd rows(%row : memref<64xi8>) weights(%w[%i, %i] : memref<4x1x16x16x4xi8>)
      accumulators(%acc : vector<16xi32>) -> vector<16xi32>
  return
}

// -----

// inner_tile C4: vpdpbusd multiplies unsigned by signed
func.func @signed(%row: memref<64xi8>, %w: memref<4x1x16x16x4xi8>, %acc: vector<16xi32>, %i: index) {
  // expected-error @+1 {{expected operands that vpdpbusd multiplies, but got 'memref<64xi8>' and 'memref<4x1x16x16x4xi8>'}}
  %r = kernel.inner_tile vpdpbusd rows(%row : memref<64xi8>) weights(%w[%i, %i] : memref<4x1x16x16x4xi8>)
      accumulators(%acc : vector<16xi32>) -> vector<16xi32>
  return
}

// -----

// scatter C1
func.func @scatter_results(%i: memref<2x1xi64>, %u: tensor<2x8xf32>, %o: tensor<4x8xf32>) {
  // expected-error @+1 {{expected all operands to be tensors, but got 'memref<2x1xi64>'}}
  %0 = kernel.scatter ins(%i, %u : memref<2x1xi64>, tensor<2x8xf32>) outs(%o : tensor<4x8xf32>) {
  ^bb0(%a: f32, %b: f32):
    kernel.yield %a : f32
  } -> tensor<4x8xf32>
  return
}

// -----

// scatter C2
func.func @scatter_rank(%i: memref<2x1xi64>, %u: memref<2xf32>, %o: memref<4x8xf32>) {
  // expected-error @+1 {{expected updates of rank 2 for 1 coordinates of 'memref<4x8xf32>', but got 'memref<2xf32>'}}
  kernel.scatter ins(%i, %u : memref<2x1xi64>, memref<2xf32>) outs(%o : memref<4x8xf32>) {
  ^bb0(%a: f32, %b: f32):
    kernel.yield %a : f32
  }
  return
}

// -----

// scatter C2
func.func @scatter_axis(%i: memref<2x8xi64>, %u: memref<2x8xf32>, %o: memref<4x8xf32>) {
  // expected-error @+1 {{expected operands of one rank above the axis 2}}
  kernel.scatter ins(%i, %u : memref<2x8xi64>, memref<2x8xf32>) outs(%o : memref<4x8xf32>) attributes {axis = 2 : i64} {
  ^bb0(%a: f32, %b: f32):
    kernel.yield %a : f32
  }
  return
}

// -----

// scatter C3
func.func @scatter_indices(%i: memref<2x1xf32>, %u: memref<2x8xf32>, %o: memref<4x8xf32>) {
  // expected-error @+1 {{expected integers as indices, but got 'memref<2x1xf32>'}}
  kernel.scatter ins(%i, %u : memref<2x1xf32>, memref<2x8xf32>) outs(%o : memref<4x8xf32>) {
  ^bb0(%a: f32, %b: f32):
    kernel.yield %a : f32
  }
  return
}

// -----

// scatter C4
func.func @scatter_region(%i: memref<2x1xi64>, %u: memref<2x8xf32>, %o: memref<4x8xf32>) {
  // expected-error @+1 {{expected a region of two arguments of type 'f32'}}
  kernel.scatter ins(%i, %u : memref<2x1xi64>, memref<2x8xf32>) outs(%o : memref<4x8xf32>) {
  ^bb0(%a: f32):
    kernel.yield %a : f32
  }
  return
}

// -----

// top_k C2
func.func @top_k_axis(%x: memref<4x8xf32>, %o: memref<4xi64>) {
  // expected-error @+1 {{expected operands of one rank above the axis 0}}
  kernel.top_k ins(%x : memref<4x8xf32>) outs(%o : memref<4xi64>) attributes {axis = 0 : i64} {
  ^bb0(%a: f32, %b: f32):
    kernel.yield %a : f32
  }
  return
}

// -----

// top_k C3
func.func @top_k_size(%x: memref<4x8xf32>, %o: memref<4x9xi64>) {
  // expected-error @+1 {{expected an axis that is static and no longer in the output than in the input}}
  kernel.top_k ins(%x : memref<4x8xf32>) outs(%o : memref<4x9xi64>) attributes {axis = 1 : i64} {
  ^bb0(%a: f32, %b: f32):
    kernel.yield %a : f32
  }
  return
}

// -----

// top_k C4
func.func @top_k_positions(%x: memref<4x8xf32>, %o: memref<4x2xi32>) {
  // expected-error @+1 {{expected an output of i64, but got 'memref<4x2xi32>'}}
  kernel.top_k ins(%x : memref<4x8xf32>) outs(%o : memref<4x2xi32>) attributes {axis = 1 : i64} {
  ^bb0(%a: f32, %b: f32):
    kernel.yield %a : f32
  }
  return
}

// -----

// top_k C5
func.func @top_k_order(%x: memref<4x8xf32>, %o: memref<4x2xi64>) {
  // expected-error @+1 {{expected the region to yield 'i1'}}
  kernel.top_k ins(%x : memref<4x8xf32>) outs(%o : memref<4x2xi64>) attributes {axis = 1 : i64} {
  ^bb0(%a: f32, %b: f32):
    kernel.yield %a : f32
  }
  return
}

// -----

// histogram C2
func.func @histogram_range(%x: memref<4xf32>, %r: memref<2xf64>, %o: memref<4096xi64>) {
  // expected-error @+1 {{expected floating-point numbers and a range of type 2xf32}}
  kernel.histogram ins(%x, %r : memref<4xf32>, memref<2xf64>) outs(%o : memref<4096xi64>)
  return
}

// -----

// histogram C3
func.func @histogram_bins(%x: memref<4xf32>, %r: memref<2xf32>, %o: memref<4095xi64>) {
  // expected-error @+1 {{whose size is a power of two from 4 to 65536, but got 'memref<4095xi64>'}}
  kernel.histogram ins(%x, %r : memref<4xf32>, memref<2xf32>) outs(%o : memref<4095xi64>)
  return
}

// -----

// begin_group C1
func.func @begin_group_index() {
  // expected-error @+1 {{expected an index of at least 0 and below 2^31, but got -1}}
  kernel.begin_group -1
  return
}

// -----

// expected-error @+1 {{expected rows to be a multiple of 8 and at least one column with 'planar', but got 12 and 2}}
func.func private @tiling_planar() attributes {t = #kernel.tiling<intrinsic = fma, rows = 12, columns = 2, kv = 1, planar = true>}

// -----

// pack C1
func.func @pack_types(%x: tensor<64x40xf32>, %o: memref<3x1x64x16x1xf32>) {
  // expected-error @+1 {{expected tensors and one result of the type of 'out', or memrefs}}
  kernel.pack ins(%x : tensor<64x40xf32>) outs(%o : memref<3x1x64x16x1xf32>) attributes {transposed}
  return
}

// -----

// pack C2
func.func @pack_dynamic(%x: memref<?x40xf32>, %o: memref<3x1x64x16x1xf32>) {
  // expected-error @+1 {{expected a source of rank 2 or more with static last dimensions and the element type of 'out', but got 'memref<?x40xf32>'}}
  kernel.pack ins(%x : memref<?x40xf32>) outs(%o : memref<3x1x64x16x1xf32>) attributes {transposed}
  return
}

// -----

// pack C3: N and K are exchanged.
func.func @pack_panels(%x: memref<64x40xf32>, %o: memref<3x1x64x16x1xf32>) {
  // expected-error @+1 {{expected the panels of 'memref<64x40xf32>', but got 'memref<3x1x64x16x1xf32>'}}
  kernel.pack ins(%x : memref<64x40xf32>) outs(%o : memref<3x1x64x16x1xf32>)
  return
}

// -----

// contract C5, batched: panels of two products, but three positions.
func.func @contract_batched(%x: memref<3x4x8xf32>, %w: memref<2x1x8x16x1xf32>, %o: memref<3x4x16xf32>) {
  // expected-error @+1 {{expected weights with 3 panels, but got 'memref<2x1x8x16x1xf32>'}}
  kernel.contract ins(%x, %w : memref<3x4x8xf32>, memref<2x1x8x16x1xf32>) outs(%o : memref<3x4x16xf32>)
      attributes {batched, extra_maps = [], tiling = #kernel.tiling<intrinsic = fma, rows = 4, columns = 16, kv = 1>} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  return
}

// -----

// planar P1
func.func @planar_weights(%x: memref<1x8x32x4xf32>, %w: memref<3x3x4x2xf32>, %o: memref<1x6x30x2xf32>) {
  // expected-error @+1 {{expected an input of rank 4 and weights OCx3x3xIC, but got 'memref<1x8x32x4xf32>' and 'memref<3x3x4x2xf32>'}}
  kernel.planar ins(%x, %w : memref<1x8x32x4xf32>, memref<3x3x4x2xf32>) outs(%o : memref<1x6x30x2xf32>)
      attributes {extra_maps = [], tiling = #kernel.tiling<intrinsic = fma, rows = 16, columns = 2, kv = 1, planar = true>,
                  window = #kernel.window<sizes = [3, 3], strides = [1, 1], dilations = [1, 1], low = [0, 0], high = [0, 0]>} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  return
}

// -----

// planar P2
func.func @planar_integers(%x: memref<1x8x32x4xi8>, %w: memref<2x3x3x4xi8>, %o: memref<1x6x30x2xi32>) {
  // expected-error @+1 {{expected floating-point operands, or vpdpbusd and unsigned i8 in a multiple of 4 channels, but got 'memref<1x8x32x4xi8>'}}
  kernel.planar ins(%x, %w : memref<1x8x32x4xi8>, memref<2x3x3x4xi8>) outs(%o : memref<1x6x30x2xi32>)
      attributes {extra_maps = [], tiling = #kernel.tiling<intrinsic = fma, rows = 16, columns = 2, kv = 1, planar = true>,
                  window = #kernel.window<sizes = [3, 3], strides = [1, 1], dilations = [1, 1], low = [0, 0], high = [0, 0]>} {
  ^bb0(%acc: i32):
    kernel.yield %acc : i32
  }
  return
}

// -----

// winograd W1
func.func @winograd_stride(%x: memref<1x16x16x32xf32>, %w: memref<1x36x32x16x1xf32>, %o: memref<1x7x14x16xf32>) {
  // expected-error @+1 {{expected a window of 3x3 with strides and dilations of 1}}
  kernel.winograd ins(%x, %w : memref<1x16x16x32xf32>, memref<1x36x32x16x1xf32>) outs(%o : memref<1x7x14x16xf32>)
      attributes {extra_maps = [], tiling = #kernel.tiling<intrinsic = fma, rows = 6, columns = 16, kv = 1, winograd = true>,
                  window = #kernel.window<sizes = [3, 3], strides = [2, 1], dilations = [1, 1], low = [0, 0], high = [0, 0]>} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  return
}

// -----

// winograd W2
func.func @winograd_channels(%x: memref<1x16x16x8xf32>, %w: memref<1x36x8x16x1xf32>, %o: memref<1x14x14x16xf32>) {
  // expected-error @+1 {{expected f32 operands and at least 16 channels, but got 'memref<1x16x16x8xf32>' and 'memref<1x14x14x16xf32>'}}
  kernel.winograd ins(%x, %w : memref<1x16x16x8xf32>, memref<1x36x8x16x1xf32>) outs(%o : memref<1x14x14x16xf32>)
      attributes {extra_maps = [], tiling = #kernel.tiling<intrinsic = fma, rows = 6, columns = 16, kv = 1, winograd = true>,
                  window = #kernel.window<sizes = [3, 3], strides = [1, 1], dilations = [1, 1], low = [0, 0], high = [0, 0]>} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  return
}

// -----

// winograd W2
func.func @winograd_f16(%x: memref<1x16x16x32xf16>, %w: memref<1x36x32x16x1xf32>, %o: memref<1x14x14x16xf32>) {
  // expected-error @+1 {{expected f32 operands and at least 16 channels, but got 'memref<1x16x16x32xf16>' and 'memref<1x14x14x16xf32>'}}
  kernel.winograd ins(%x, %w : memref<1x16x16x32xf16>, memref<1x36x32x16x1xf32>) outs(%o : memref<1x14x14x16xf32>)
      attributes {extra_maps = [], tiling = #kernel.tiling<intrinsic = fma, rows = 6, columns = 16, kv = 1, winograd = true>,
                  window = #kernel.window<sizes = [3, 3], strides = [1, 1], dilations = [1, 1], low = [0, 0], high = [0, 0]>} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  return
}

// -----

// winograd W3
func.func @winograd_weights(%x: memref<1x16x16x32xf32>, %w: memref<1x9x32x16x1xf32>, %o: memref<1x14x14x16xf32>) {
  // expected-error @+1 {{expected weights 1x36x32x16x1, but got 'memref<1x9x32x16x1xf32>'}}
  kernel.winograd ins(%x, %w : memref<1x16x16x32xf32>, memref<1x9x32x16x1xf32>) outs(%o : memref<1x14x14x16xf32>)
      attributes {extra_maps = [], tiling = #kernel.tiling<intrinsic = fma, rows = 6, columns = 16, kv = 1, winograd = true>,
                  window = #kernel.window<sizes = [3, 3], strides = [1, 1], dilations = [1, 1], low = [0, 0], high = [0, 0]>} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  return
}

// -----

// winograd W4
func.func @winograd_tiling(%x: memref<1x16x16x32xf32>, %w: memref<1x36x32x16x1xf32>, %o: memref<1x14x14x16xf32>) {
  // expected-error @+1 {{expected a tiling with 'winograd'}}
  kernel.winograd ins(%x, %w : memref<1x16x16x32xf32>, memref<1x36x32x16x1xf32>) outs(%o : memref<1x14x14x16xf32>)
      attributes {extra_maps = [], tiling = #kernel.tiling<intrinsic = fma, rows = 6, columns = 16, kv = 1>,
                  window = #kernel.window<sizes = [3, 3], strides = [1, 1], dilations = [1, 1], low = [0, 0], high = [0, 0]>} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  return
}

// -----

// expected-error @+1 {{expected fma with kv = 1, and neither gather, planar nor interleave, with 'winograd'}}
func.func private @tiling_winograd() attributes {t = #kernel.tiling<intrinsic = pmaddwd, rows = 6, columns = 16, kv = 4, winograd = true>}

// -----

// unpack C7
func.func @unpack_winograd_window(%p: tensor<1x36x32x16x1xf32>) -> tensor<16x5x5x32xf32> {
  // expected-error @+1 {{expected an f32 result OCx3x3xIC with 'winograd', but got 'tensor<16x5x5x32xf32>'}}
  %0 = kernel.unpack %p {winograd} : tensor<1x36x32x16x1xf32> to tensor<16x5x5x32xf32>
  return %0 : tensor<16x5x5x32xf32>
}

// -----

// unpack C7
func.func @unpack_winograd_blocks(%p: tensor<1x576xi8>) -> tensor<16x64xf32> {
  // expected-error @+1 {{expected no weights in blocks with 'winograd'}}
  %0 = kernel.unpack %p {winograd, blocks = #kernel.blocks<bits = 4, block = 32, depth = 64>} : tensor<1x576xi8> to tensor<16x64xf32>
  return %0 : tensor<16x64xf32>
}

// -----

// C7
func.func @contract_f64(%x: memref<20x64xf64>, %w: memref<3x1x64x16x1xf64>, %o: memref<20x40xf32>) {
  // expected-error @+1 {{expected f32, f16 or bf16 operands accumulated in f32 or an i8 or signed i16 input and i8 weights accumulated in i32, but got 'f64' and 'f64' in 'f32'}}
  kernel.contract ins(%x, %w : memref<20x64xf64>, memref<3x1x64x16x1xf64>) outs(%o : memref<20x40xf32>)
      attributes {extra_maps = [], tiling = #kernel.tiling<intrinsic = fma, rows = 4, columns = 32, kv = 1>} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  return
}
