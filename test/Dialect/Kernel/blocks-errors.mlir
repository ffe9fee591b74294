// RUN: mpc-opt %s --split-input-file --verify-diagnostics

// expected-error @below {{expected 8 or 4 bits, but got 3}}
func.func private @bits() attributes {b = #kernel.blocks<bits = 3, block = 32, depth = 64>}

// -----

// expected-error @below {{expected a block of a positive multiple of 2, but got 7}}
func.func private @block() attributes {b = #kernel.blocks<bits = 4, block = 7, depth = 64>}

// -----

// expected-error @below {{expected a table only with 4 bits and without zero points}}
func.func private @table() attributes {b = #kernel.blocks<bits = 8, block = 32, depth = 64, table = true>}

// -----

// expected-error @below {{expected blocks of a multiple of 32 or of a whole channel, and no table, with fragments, but got blocks of 48}}
func.func private @fragments() attributes {b = #kernel.blocks<bits = 8, block = 48, depth = 64, fragments = true>}

// -----

// expected-error @below {{expected blocks of a multiple of 32 or of a whole channel, and no table, with fragments, but got blocks of 32}}
func.func private @fragments_table() attributes {b = #kernel.blocks<bits = 4, block = 32, depth = 64, table = true, fragments = true>}

// -----

// C3 of kernel.dequantize
func.func @dequantize(%q: tensor<70x20xi8>, %s: tensor<20x2xbf16>) {
  // expected-error @below {{expected bf16 scales and i8 zero points of shape 20x3}}
  %0 = kernel.dequantize %q, %s {axis = 1 : i64, bits = 4 : i64, block = 32 : i64} : (tensor<70x20xi8>, tensor<20x2xbf16>) -> tensor<70x20xf32>
  return
}

// -----

// C4 of kernel.dequantize
func.func @dequantize_table(%q: tensor<70x20xi8>, %s: tensor<20x3xbf16>, %t: tensor<8xf32>) {
  // expected-error @below {{expected a table of 16 f32 elements only with 4 bits and without zero points, but got 'tensor<8xf32>'}}
  %0 = kernel.dequantize %q, %s table(%t) {axis = 1 : i64, bits = 4 : i64, block = 32 : i64}
      : (tensor<70x20xi8>, tensor<20x3xbf16>, tensor<8xf32>) -> tensor<70x20xf32>
  return
}

// -----

// C5 of kernel.unpack
func.func @unpack(%p: tensor<1x724xi8>) {
  // expected-error @below {{expected 2 panels of 724 bytes and an f32 result, but got 'tensor<1x724xi8>' and 'tensor<70x20xf32>'}}
  %0 = kernel.unpack %p {blocks = #kernel.blocks<bits = 4, block = 32, depth = 70, zero_points = true>, transposed} : tensor<1x724xi8> to tensor<70x20xf32>
  return
}

// -----

// C14 of kernel.contract
func.func @tiles_depth(%x: memref<16x72xf32>, %w: memref<1x724xi8>, %o: memref<16x16xf32>) {
  // expected-error @below {{expected weights without a table, in blocks of a multiple of 32 or of a whole channel, and tdpbf16ps with rows of the input, with tile registers}}
  kernel.contract ins(%x, %w : memref<16x72xf32>, memref<1x724xi8>) outs(%o : memref<16x16xf32>)
      attributes {blocks = #kernel.blocks<bits = 4, block = 32, depth = 72, zero_points = true>, extra_maps = [],
                  tiling = #kernel.tiling<intrinsic = tdpbf16ps, rows = 16, columns = 16, kv = 2>} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  return
}

// -----

// C14 of kernel.contract
func.func @tiles_table(%x: memref<16x64xf32>, %w: memref<1x644xi8>, %o: memref<16x16xf32>) {
  // expected-error @below {{expected weights without a table, in blocks of a multiple of 32}}
  kernel.contract ins(%x, %w : memref<16x64xf32>, memref<1x644xi8>) outs(%o : memref<16x16xf32>)
      attributes {blocks = #kernel.blocks<bits = 4, block = 32, depth = 64, table = true>, extra_maps = [],
                  tiling = #kernel.tiling<intrinsic = tdpbf16ps, rows = 16, columns = 16, kv = 2>} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  return
}

// -----

// C14 of kernel.contract
func.func @tiles_block(%x: memref<16x64xf32>, %w: memref<1x708xi8>, %o: memref<16x16xf32>) {
  // expected-error @below {{expected weights without a table, in blocks of a multiple of 32}}
  kernel.contract ins(%x, %w : memref<16x64xf32>, memref<1x708xi8>) outs(%o : memref<16x16xf32>)
      attributes {blocks = #kernel.blocks<bits = 4, block = 16, depth = 64, zero_points = true>, extra_maps = [],
                  tiling = #kernel.tiling<intrinsic = tdpbf16ps, rows = 16, columns = 16, kv = 2>} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  return
}

// -----

// C2 of kernel.expand
func.func @expand(%p: tensor<2x700xi8>, %o: tensor<2x1x70x16x1xf32>) {
  // expected-error @below {{expected panels of 724 bytes, but got 'tensor<2x700xi8>'}}
  %0 = kernel.expand ins(%p : tensor<2x700xi8>) outs(%o : tensor<2x1x70x16x1xf32>)
      attributes {blocks = #kernel.blocks<bits = 4, block = 32, depth = 70, zero_points = true>} -> tensor<2x1x70x16x1xf32>
  return
}

// -----

// C3 of kernel.expand
func.func @expand_out(%p: tensor<2x724xi8>, %o: tensor<2x1x64x16x1xf32>) {
  // expected-error @below {{expected packed f32 weights of 2 panels and 70 weights per lane, but got 'tensor<2x1x64x16x1xf32>'}}
  %0 = kernel.expand ins(%p : tensor<2x724xi8>) outs(%o : tensor<2x1x64x16x1xf32>)
      attributes {blocks = #kernel.blocks<bits = 4, block = 32, depth = 70, zero_points = true>} -> tensor<2x1x64x16x1xf32>
  return
}

// -----

// C12 of kernel.contract
func.func @contract(%x: tensor<4x64xf32>, %w: tensor<1x724xi8>, %o: tensor<4x16xf32>) {
  // expected-error @below {{expected panels of 724 bytes and one tap of 70 channels, but got 'tensor<1x724xi8>' and 1 taps of 64 channels}}
  %0 = kernel.contract ins(%x, %w : tensor<4x64xf32>, tensor<1x724xi8>) outs(%o : tensor<4x16xf32>)
      attributes {extra_maps = [], tiling = #kernel.tiling<intrinsic = fma, rows = 4, columns = 16, kv = 1>,
                  blocks = #kernel.blocks<bits = 4, block = 32, depth = 70, zero_points = true>} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  } -> tensor<4x16xf32>
  return
}

// -----

// C2 of kernel.expand
func.func @expand_fragments(%p: tensor<2x912xi8>, %o: tensor<2x1x70x16x1xf32>) {
  // expected-error @below {{expected weights in blocks that are not in 'fragments', as mma alone reads them}}
  %0 = kernel.expand ins(%p : tensor<2x912xi8>) outs(%o : tensor<2x1x70x16x1xf32>)
      attributes {blocks = #kernel.blocks<bits = 4, block = 32, depth = 70, zero_points = true, fragments = true>} -> tensor<2x1x70x16x1xf32>
  return
}

// -----

// C12 of kernel.contract
func.func @contract_fragments(%x: tensor<4x64xf16>, %w: tensor<1x608xi8>, %o: tensor<4x16xf32>) {
  // expected-error @below {{expected weights in blocks to be in fragments with mma, and only there}}
  %0 = kernel.contract ins(%x, %w : tensor<4x64xf16>, tensor<1x608xi8>) outs(%o : tensor<4x16xf32>)
      attributes {extra_maps = [], tiling = #kernel.tiling<intrinsic = mma, rows = 16, columns = 16, kv = 2>,
                  blocks = #kernel.blocks<bits = 4, block = 32, depth = 64, zero_points = true>} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  } -> tensor<4x16xf32>
  return
}

// -----

// C5 of kernel.inner_tile
func.func @inner_tile_fragments(%row: memref<64xf32>, %w: memref<4x576xi8>, %i: index, %a: vector<16xf32>) {
  // expected-error @below {{expected weights in blocks that are not in 'fragments', as mma alone reads them}}
  %0 = kernel.inner_tile fma rows(%row : memref<64xf32>) weights(%w[%i, %i] : memref<4x576xi8>)
      accumulators(%a : vector<16xf32>) {blocks = #kernel.blocks<bits = 4, block = 32, depth = 64, fragments = true>} -> vector<16xf32>
  return
}

// -----

// C5 of kernel.inner_tile
func.func @inner_tile(%row: memref<64xf32>, %w: memref<4x64xi8>, %i: index, %a: vector<16xf32>) {
  // expected-error @below {{expected panels of 580 bytes, but got 'memref<4x64xi8>'}}
  %0 = kernel.inner_tile fma rows(%row : memref<64xf32>) weights(%w[%i, %i] : memref<4x64xi8>)
      accumulators(%a : vector<16xf32>) {blocks = #kernel.blocks<bits = 4, block = 32, depth = 64>} -> vector<16xf32>
  return
}
