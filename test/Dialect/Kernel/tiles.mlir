// Tile registers: their attribute and operations are printed as they are read.
// RUN: mpc-opt %s | mpc-opt | FileCheck %s

// 64 rows by 16, 32 by 32 and 16 by 64 columns; three or four parts of windows' pixels, though fewer registers would hold as many rows.
// CHECK-LABEL: func.func private @tilings
// CHECK-SAME: a = #kernel.tiling<intrinsic = tdpbusd, rows = 64, columns = 16, kv = 4>
// CHECK-SAME: b = #kernel.tiling<intrinsic = tdpbusd, rows = 32, columns = 32, kv = 4, gather = true>
// CHECK-SAME: c = #kernel.tiling<intrinsic = tdpbf16ps, rows = 16, columns = 64, kv = 2>
// CHECK-SAME: d = #kernel.tiling<intrinsic = tdpbusd, rows = 21, columns = 16, kv = 4>
// CHECK-SAME: e = #kernel.tiling<intrinsic = tdpbusd, rows = 40, columns = 16, kv = 4>
func.func private @tilings() attributes {
  a = #kernel.tiling<intrinsic = tdpbusd, rows = 64, columns = 16, kv = 4>,
  b = #kernel.tiling<intrinsic = tdpbusd, rows = 32, columns = 32, kv = 4, gather = true>,
  c = #kernel.tiling<intrinsic = tdpbf16ps, rows = 16, columns = 64, kv = 2>,
  d = #kernel.tiling<intrinsic = tdpbusd, rows = 21, columns = 16, kv = 4>,
  e = #kernel.tiling<intrinsic = tdpbusd, rows = 40, columns = 16, kv = 4>}

// Rows overlap: three pixels of 32 channels, of pixels side by side and of three rows of them.
// CHECK-LABEL: func.func @matrix_tile
func.func @matrix_tile(%x: memref<2x16x3x96xi8, strided<[960, 32, 960, 1], offset: ?>>, %w: memref<4x9x8x16x4xi8>, %sums: memref<32x32xi32>, %panel: index) {
  // CHECK: kernel.configure_tiles 16 rows, 24 blocks
  kernel.configure_tiles 16 rows, 24 blocks
  // CHECK: kernel.matrix_tile tdpbusd rows(%{{.*}} : memref<2x16x3x96xi8, strided<[960, 32, 960, 1], offset: ?>>) weights(%{{.*}}[%{{.*}}] : memref<4x9x8x16x4xi8>)
  // CHECK-SAME: sums(%{{.*}} : memref<32x32xi32>) {unsigned_rows}
  kernel.matrix_tile tdpbusd rows(%x : memref<2x16x3x96xi8, strided<[960, 32, 960, 1], offset: ?>>) weights(%w[%panel] : memref<4x9x8x16x4xi8>)
      sums(%sums : memref<32x32xi32>) {unsigned_rows}
  // CHECK: kernel.release_tiles
  kernel.release_tiles
  return
}

// Of bf16, into the first columns of wider rows.
// CHECK-LABEL: func.func @bf16
func.func @bf16(%x: memref<1x5x1x64xbf16>, %w: memref<4x1x32x16x2xbf16>, %sums: memref<5x16xf32, strided<[64, 1]>>, %panel: index) {
  // CHECK: kernel.matrix_tile tdpbf16ps
  // CHECK-NOT: unsigned_rows
  kernel.matrix_tile tdpbf16ps rows(%x : memref<1x5x1x64xbf16>) weights(%w[%panel] : memref<4x1x32x16x2xbf16>) sums(%sums : memref<5x16xf32, strided<[64, 1]>>)
  return
}
