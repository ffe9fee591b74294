// What mpc-tile-chains refuses.
// RUN: mpc-opt %s -split-input-file -verify-diagnostics -pass-pipeline="builtin.module(mpc-describe-target,mpc-tile-chains)"

func.func @main(%x: memref<8x8xf32>) {
  // expected-error @+1 {{expected mpc.chain = array<i64: chain, rows> or array<i64: chain, rows, columns of a piece>, but got array<i64: 0>}}
  call @f(%x) {mpc.chain = array<i64: 0>} : (memref<8x8xf32>) -> ()
  return
}
func.func private @f(memref<8x8xf32>)

// -----

func.func @main(%x: memref<8x8xf32>) {
  // expected-error @+1 {{is no chain with the calls behind it: calls of a chain are of functions of one block without results}}
  call @f(%x) {mpc.chain = array<i64: 0, 4>} : (memref<8x8xf32>) -> ()
  return
}
func.func private @f(memref<8x8xf32>)

// -----

func.func @main(%x: memref<8x8xf32>, %y: memref<8x8xf32>) {
  // expected-error @+1 {{calls of a chain follow each other}}
  call @f(%x) {mpc.chain = array<i64: 0, 4>} : (memref<8x8xf32>) -> ()
  linalg.copy ins(%x : memref<8x8xf32>) outs(%y : memref<8x8xf32>)
  call @f(%x) {mpc.chain = array<i64: 0, 4>} : (memref<8x8xf32>) -> ()
  return
}
func.func private @f(memref<8x8xf32>)

// -----

func.func @main(%x: memref<8x8xf32>) {
  // expected-error @+1 {{a chain has a contraction}}
  call @f(%x) {mpc.chain = array<i64: 0, 4>} : (memref<8x8xf32>) -> ()
  return
}
func.func private @f(%x: memref<8x8xf32>) {
  %zero = arith.constant 0.0 : f32
  %y = memref.alloc() : memref<8x8xf32>
  linalg.fill ins(%zero : f32) outs(%y : memref<8x8xf32>)
  return
}

// -----

#tiling = #kernel.tiling<intrinsic = fma, rows = 4, columns = 16, kv = 1>
func.func @main(%x: memref<8x8xf32>, %w: memref<1x1x8x16x1xf32>, %s: memref<8x16xf32>) {
  // expected-error @+1 {{expected blocks of at most 8 rows, but got 12}}
  call @f(%x, %w, %s) {mpc.chain = array<i64: 0, 12>} : (memref<8x8xf32>, memref<1x1x8x16x1xf32>, memref<8x16xf32>) -> ()
  return
}
func.func private @f(%x: memref<8x8xf32>, %w: memref<1x1x8x16x1xf32>, %s: memref<8x16xf32>) {
  kernel.contract ins(%x, %w : memref<8x8xf32>, memref<1x1x8x16x1xf32>) outs(%s : memref<8x16xf32>) attributes {extra_maps = [], tiling = #tiling} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  return
}

// -----

// Two blocks compute some of the rows; where one reads the result, it may find what the other has left.
#tiling = #kernel.tiling<intrinsic = fma, rows = 4, columns = 16, kv = 1>
func.func @main(%w: memref<1x1x16x16x1xf32>, %s: memref<8x16xf32>) {
  // expected-error @+1 {{results of a chain are buffers that it does not read}}
  call @f(%w, %s) {mpc.chain = array<i64: 0, 4>} : (memref<1x1x16x16x1xf32>, memref<8x16xf32>) -> ()
  return
}
func.func private @f(%w: memref<1x1x16x16x1xf32>, %s: memref<8x16xf32>) {
  kernel.contract ins(%s, %w : memref<8x16xf32>, memref<1x1x16x16x1xf32>) outs(%s : memref<8x16xf32>) attributes {extra_maps = [], tiling = #tiling} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  return
}

// -----

#tiling = #kernel.tiling<intrinsic = fma, rows = 4, columns = 16, kv = 1>
#whole = affine_map<(d0, d1) -> (d0, d1)>
#other = affine_map<(d0, d1) -> (7 - d0, d1)>
func.func @main(%x: memref<8x8xf32>, %w: memref<1x1x8x16x1xf32>, %out: memref<8x16xf32>) {
  %s = memref.alloc() : memref<8x16xf32>
  // expected-error @+1 {{'linalg.generic' does not handle the rows of a block alone}}
  call @f(%x, %w, %s, %out) {mpc.chain = array<i64: 0, 4>} : (memref<8x8xf32>, memref<1x1x8x16x1xf32>, memref<8x16xf32>, memref<8x16xf32>) -> ()
  return
}
func.func private @f(%x: memref<8x8xf32>, %w: memref<1x1x8x16x1xf32>, %s: memref<8x16xf32>, %out: memref<8x16xf32>) {
  kernel.contract ins(%x, %w : memref<8x8xf32>, memref<1x1x8x16x1xf32>) outs(%s : memref<8x16xf32>) attributes {extra_maps = [], tiling = #tiling} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  linalg.generic {indexing_maps = [#other, #whole], iterator_types = ["parallel", "parallel"]} ins(%s : memref<8x16xf32>) outs(%out : memref<8x16xf32>) {
  ^bb0(%a: f32, %o: f32):
    linalg.yield %a : f32
  }
  return
}

// -----

// Weights in blocks in tile registers meet a copy of all rows, not of those of a block.
#tiling = #kernel.tiling<intrinsic = tdpbf16ps, rows = 8, columns = 16, kv = 2>
#blocks = #kernel.blocks<bits = 8, block = 32, depth = 32>
func.func @main(%x: memref<32x32xf32>, %w: memref<1x544xi8>, %s: memref<32x16xf32>) {
  // expected-error @+1 {{'kernel.contract' does not handle the rows of a block alone}}
  call @f(%x, %w, %s) {mpc.chain = array<i64: 0, 8>} : (memref<32x32xf32>, memref<1x544xi8>, memref<32x16xf32>) -> ()
  return
}
func.func private @f(%x: memref<32x32xf32>, %w: memref<1x544xi8>, %s: memref<32x16xf32>) {
  kernel.contract ins(%x, %w : memref<32x32xf32>, memref<1x544xi8>) outs(%s : memref<32x16xf32>)
      attributes {blocks = #blocks, extra_maps = [], tiling = #tiling} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  return
}
