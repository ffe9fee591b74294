// Loops around tiles of sums in tile registers: their sizes are set once for each parallel iteration, and they are given back at its end. There are buffers
// for the sums of two tiles: the epilogue of a tile follows the products of the next one, that of the last one comes behind all loops.
// RUN: mpc-opt %s --pass-pipeline="builtin.module(mpc-describe-target{march=sapphirerapids-amx},mpc-lower-kernels,canonicalize)" | FileCheck %s

// A window with padding: all rows of input that a block of output rows reads, padding around them, are copied once, before the tiles of all panels. Two
// rows of eight pixels by two panels; a row of the window is a segment of 3 pixels, and pixels overlap. Only 24 columns are stored.
// CHECK-LABEL: func.func @padded
// CHECK-SAME: %[[X:[a-z0-9]+]]: memref<?x8x8x32xi8>, %[[W:[a-z0-9]+]]: memref<2x9x8x16x4xi8>
// CHECK: scf.forall (%[[SAMPLE:.*]]) in (%{{.*}}) {
// CHECK: %[[SUMS:.*]] = memref.alloca() {{.*}} : memref<32x32xi32>
// CHECK: %[[STATE:.*]] = memref.alloca() {{.*}} : memref<4xi64>
// CHECK: %[[COPY:.*]] = memref.alloca() {{.*}} : memref<3200xi8>
// CHECK: scf.for %[[LINE:.*]] = %c0 to %c10 step %c1
// CHECK: %[[Y:.*]] = arith.addi %[[LINE]], %c-1
// CHECK: %[[INSIDE:.*]] = arith.cmpi ult, %[[Y]], %c8
// CHECK: scf.if %[[INSIDE]]
// CHECK: vector.store %{{.*}}, %[[COPY]][%{{.*}}] : memref<3200xi8>, vector<32xi8>
// CHECK: scf.for {{.*}} to %c256 step %c64
// CHECK: vector.store %{{.*}}, %[[COPY]][%{{.*}}] : memref<3200xi8>, vector<64xi8>
// CHECK: vector.store %{{.*}}, %[[COPY]][%{{.*}}] : memref<3200xi8>, vector<32xi8>
// CHECK: else
// CHECK: scf.for {{.*}} to %c320 step %c64
// CHECK: kernel.configure_tiles 8 rows, 24 blocks
// CHECK: scf.for {{.*}} to %c8 step %c2
// CHECK: %[[ROWS:.*]] = memref.reinterpret_cast %[[COPY]] {{.*}} sizes: [2, 8, 3, 96], strides: [320, 32, 320, 1]
// CHECK: %[[NEXT:.*]] = memref.load %[[STATE]][%c0]
// CHECK: %[[AT:.*]] = arith.index_cast %[[NEXT]]
// CHECK: %[[BUFFER:.*]] = memref.subview %[[SUMS]][%[[AT]], 0] [16, 32] [1, 1]
// CHECK: kernel.matrix_tile tdpbusd rows(%[[ROWS]] : {{.*}}) weights(%[[W]][%c0] {{.*}} sums(%[[BUFFER]] : memref<16x32xi32
// CHECK: %[[WAITS:.*]] = arith.cmpi ne
// CHECK: scf.if %[[WAITS]]
// CHECK: arith.subi %c16, %{{.*}}
// CHECK-COUNT-2: vector.store {{.*}} vector<8xi32>
// CHECK: memref.store %{{.*}}, %[[STATE]][%c0]
// CHECK: scf.if
// CHECK: vector.store {{.*}} vector<8xi32>
// CHECK: memref.store %{{.*}}, %[[STATE]][%c1]
// CHECK: kernel.release_tiles
// CHECK-NEXT: } {mpc.cost
func.func @padded(%x: memref<?x8x8x32xi8>, %w: memref<2x9x8x16x4xi8>, %o: memref<?x8x8x24xi32>) {
  kernel.contract ins(%x, %w : memref<?x8x8x32xi8>, memref<2x9x8x16x4xi8>) outs(%o : memref<?x8x8x24xi32>)
      attributes {extra_maps = [], unsigned_input, pad_value = 7 : i8,
                  tiling = #kernel.tiling<intrinsic = tdpbusd, rows = 16, columns = 32, kv = 4>,
                  window = #kernel.window<sizes = [3, 3], strides = [1, 1], dilations = [1, 1], low = [1, 1], high = [1, 1]>} {
  ^bb0(%acc: i32):
    kernel.yield %acc : i32
  }
  return
}

// Without padding the input is read in place, rows of the window two rows of it apart. Of 19 by 5 pixels the last tiles move back: to row 3, and to
// pixel 9. Of three panels the last group has one.
// CHECK-LABEL: func.func @in_place
// CHECK-SAME: %[[X:[a-z0-9]+]]: memref<1x9x21x16xi8>, %[[W:[a-z0-9]+]]: memref<3x9x4x16x4xi8>
// CHECK-NOT: memref<{{[0-9]+}}xi8>
// CHECK: kernel.configure_tiles 10 rows, 12 blocks
// CHECK: scf.for {{.*}} to %c5 step %c2
// CHECK: arith.minui %{{.*}}, %c3
// CHECK: scf.for {{.*}} to %c19 step %c10
// CHECK: arith.minui %{{.*}}, %c9
// CHECK: memref.reinterpret_cast %[[X]] {{.*}} sizes: [2, 10, 3, 48], strides: [336, 16, 672, 1]
// CHECK: kernel.matrix_tile tdpbusd {{.*}} weights(%[[W]][%c0] {{.*}} sums(%{{.*}} : memref<20x32xi32
// CHECK: kernel.matrix_tile tdpbusd {{.*}} weights(%[[W]][%c2] {{.*}} sums(%{{.*}} : memref<20x16xi32
// CHECK: kernel.release_tiles
// CHECK-NOT: kernel.configure_tiles
// CHECK: return
func.func @in_place(%x: memref<1x9x21x16xi8>, %w: memref<3x9x4x16x4xi8>, %o: memref<1x5x19x48xi32>) {
  kernel.contract ins(%x, %w : memref<1x9x21x16xi8>, memref<3x9x4x16x4xi8>) outs(%o : memref<1x5x19x48xi32>)
      attributes {extra_maps = [], tiling = #kernel.tiling<intrinsic = tdpbusd, rows = 20, columns = 32, kv = 4>,
                  window = #kernel.window<sizes = [3, 3], strides = [1, 1], dilations = [2, 1], low = [0, 0], high = [0, 0]>} {
  ^bb0(%acc: i32):
    kernel.yield %acc : i32
  }
  return
}

// Pixels two apart, and part of their channels: every fourth segment of 16 bytes.
// CHECK-LABEL: func.func @strided
// CHECK-SAME: %[[X:[a-z0-9]+]]: memref<1x8x8x16xi8, strided<[2048, 256, 32, 1], offset: ?>>
// CHECK: kernel.configure_tiles 4 rows, 4 blocks
// CHECK: memref.reinterpret_cast %[[X]] {{.*}} sizes: [4, 4, 1, 16], strides: [512, 64, 256, 1]
func.func @strided(%x: memref<1x8x8x16xi8, strided<[2048, 256, 32, 1], offset: ?>>, %w: memref<1x1x4x16x4xi8>, %o: memref<1x4x4x16xi32>) {
  kernel.contract ins(%x, %w : memref<1x8x8x16xi8, strided<[2048, 256, 32, 1], offset: ?>>, memref<1x1x4x16x4xi8>) outs(%o : memref<1x4x4x16xi32>)
      attributes {extra_maps = [], unsigned_input, tiling = #kernel.tiling<intrinsic = tdpbusd, rows = 16, columns = 16, kv = 4>,
                  window = #kernel.window<sizes = [1, 1], strides = [2, 2], dilations = [1, 1], low = [0, 0], high = [0, 0]>} {
  ^bb0(%acc: i32):
    kernel.yield %acc : i32
  }
  return
}

// Pixels of a slice of channels do not lie side by side: where a window has several in a row, they are copied one by one, without padding, too.
// CHECK-LABEL: func.func @sliced
// CHECK: %[[COPY:.*]] = memref.alloca() {{.*}} : memref<1024xi8>
// CHECK: scf.for {{.*}} to %c8 step %c1
// CHECK: scf.for {{.*}} to %c8 step %c1
// CHECK: vector.store %{{.*}}, %[[COPY]][%{{.*}}] : memref<1024xi8>, vector<16xi8>
// CHECK: memref.reinterpret_cast %[[COPY]] {{.*}} sizes: [2, 6, 3, 48], strides: [128, 16, 128, 1]
func.func @sliced(%x: memref<1x8x8x16xi8, strided<[2048, 256, 32, 1], offset: ?>>, %w: memref<1x9x4x16x4xi8>, %o: memref<1x6x6x16xi32>) {
  kernel.contract ins(%x, %w : memref<1x8x8x16xi8, strided<[2048, 256, 32, 1], offset: ?>>, memref<1x9x4x16x4xi8>) outs(%o : memref<1x6x6x16xi32>)
      attributes {extra_maps = [], unsigned_input, tiling = #kernel.tiling<intrinsic = tdpbusd, rows = 12, columns = 16, kv = 4>,
                  window = #kernel.window<sizes = [3, 3], strides = [1, 1], dilations = [1, 1], low = [0, 0], high = [0, 0]>} {
  ^bb0(%acc: i32):
    kernel.yield %acc : i32
  }
  return
}

// A first layer's 27 values and a zero are gathered for 32 pixels at a time; the last 32 of 841 move back.
// CHECK-LABEL: func.func @gathered
// CHECK-SAME: %[[W:[a-z0-9]+]]: memref<1x1x7x16x4xi8>
// CHECK: kernel.configure_tiles 16 rows, 7 blocks
// CHECK: %[[GATHERED:.*]] = memref.alloca() {{.*}} : memref<32x28xi8>
// CHECK: arith.minui %{{.*}}, %c809
// CHECK: vector.store %{{.*}}, %[[GATHERED]][%{{.*}}, %c27] : memref<32x28xi8>, vector<1xi8>
// CHECK: %[[ROWS:.*]] = memref.expand_shape %[[GATHERED]] {{.*}} output_shape [2, 16, 1, 28]
// CHECK: %[[CAST:.*]] = memref.cast %[[ROWS]]
// CHECK: kernel.matrix_tile tdpbusd rows(%[[CAST]] : {{.*}}) weights(%[[W]][%c0]
// CHECK: kernel.release_tiles
func.func @gathered(%x: memref<1x60x60x3xi8>, %w: memref<1x1x7x16x4xi8>, %o: memref<1x29x29x16xi32>) {
  kernel.contract ins(%x, %w : memref<1x60x60x3xi8>, memref<1x1x7x16x4xi8>) outs(%o : memref<1x29x29x16xi32>)
      attributes {extra_maps = [], unsigned_input, tiling = #kernel.tiling<intrinsic = tdpbusd, rows = 32, columns = 16, kv = 4, gather = true>,
                  window = #kernel.window<sizes = [3, 3], strides = [2, 2], dilations = [1, 1], low = [0, 0], high = [0, 0]>} {
  ^bb0(%acc: i32):
    kernel.yield %acc : i32
  }
  return
}

// Few rows: one iteration for each group of panels. The registers are given back behind the branch of the last one, which has one panel. Of 20 rows asked
// for there are 9, all in one register.
// CHECK-LABEL: func.func @columns
// CHECK-SAME: %[[X:[a-z0-9]+]]: memref<9x2048xi8>, %[[W:[a-z0-9]+]]: memref<65x1x512x16x4xi8>
// CHECK: scf.forall (%{{.*}}) in (33) {
// CHECK: kernel.configure_tiles 9 rows, 512 blocks
// CHECK: scf.if
// CHECK: kernel.matrix_tile tdpbusd {{.*}} sums(%{{.*}} : memref<9x32xi32
// CHECK: } else {
// CHECK: kernel.matrix_tile tdpbusd {{.*}} sums(%{{.*}} : memref<9x16xi32
// CHECK: }
// CHECK: kernel.release_tiles
// CHECK-NEXT: } {mpc.cost
func.func @columns(%x: memref<9x2048xi8>, %w: memref<65x1x512x16x4xi8>, %o: memref<9x1040xi32>) {
  kernel.contract ins(%x, %w : memref<9x2048xi8>, memref<65x1x512x16x4xi8>) outs(%o : memref<9x1040xi32>)
      attributes {extra_maps = [], unsigned_input, tiling = #kernel.tiling<intrinsic = tdpbusd, rows = 20, columns = 32, kv = 4>} {
  ^bb0(%acc: i32):
    kernel.yield %acc : i32
  }
  return
}

// The same with short sums, which no other thread takes part of: one iteration sets the sizes once, for all groups.
// CHECK-LABEL: func.func @short
// CHECK-NOT: scf.forall (%{{.*}}) in (33)
// CHECK: kernel.configure_tiles 9 rows, 16 blocks
// CHECK: scf.for {{.*}} to %c64 step %c2
// CHECK: kernel.matrix_tile tdpbusd {{.*}} sums(%{{.*}} : memref<9x32xi32
// CHECK: kernel.matrix_tile tdpbusd {{.*}} sums(%{{.*}} : memref<9x16xi32
// CHECK: kernel.release_tiles
func.func @short(%x: memref<9x64xi8>, %w: memref<65x1x16x16x4xi8>, %o: memref<9x1040xi32>) {
  kernel.contract ins(%x, %w : memref<9x64xi8>, memref<65x1x16x16x4xi8>) outs(%o : memref<9x1040xi32>)
      attributes {extra_maps = [], unsigned_input, tiling = #kernel.tiling<intrinsic = tdpbusd, rows = 20, columns = 32, kv = 4>} {
  ^bb0(%acc: i32):
    kernel.yield %acc : i32
  }
  return
}

// A product of 256 x 256 x 256, some 15 us, is worth two threads: blocks of 10 us and more, which are made even, of four tiles each. Costs are in
// nanoseconds of one of them.
// CHECK-LABEL: func.func @shared
// CHECK: scf.forall (%[[I:.*]]) in (2) {
// CHECK: arith.muli %[[I]], %c128
// CHECK: } {mpc.cost = 7{{[0-9][0-9][0-9]}} : i64
func.func @shared(%x: memref<256x256xi8>, %w: memref<16x1x64x16x4xi8>, %o: memref<256x256xi32>) {
  kernel.contract ins(%x, %w : memref<256x256xi8>, memref<16x1x64x16x4xi8>) outs(%o : memref<256x256xi32>)
      attributes {extra_maps = [], unsigned_input, tiling = #kernel.tiling<intrinsic = tdpbusd, rows = 32, columns = 32, kv = 4>} {
  ^bb0(%acc: i32):
    kernel.yield %acc : i32
  }
  return
}

// A product of its own per position: each has its panels. 23 rows do not divide into two registers: 22 of them do, and the second tile moves back.
// CHECK-LABEL: func.func @batched
// CHECK-SAME: %[[W:[a-z0-9]+]]: memref<6x1x16x16x4xi8>
// CHECK: scf.forall (%[[I:.*]]) in (3) {
// CHECK: kernel.configure_tiles 11 rows, 16 blocks
// CHECK: %[[PANEL:.*]] = arith.muli %[[I]], %c2
// CHECK: %[[FIRST:.*]] = arith.muli %[[I]], %c23
// CHECK: %[[LAST:.*]] = arith.addi %[[FIRST]], %c1
// CHECK: scf.for %[[ROW:.*]] = %[[FIRST]] to %{{.*}} step %c22
// CHECK: arith.minui %[[ROW]], %[[LAST]]
// CHECK: kernel.matrix_tile tdpbusd rows(%{{.*}} : memref<2x11x1x64xi8, {{.*}}) weights(%[[W]][%[[PANEL]]] : {{.*}}) sums(%{{.*}} : memref<22x32xi32
// CHECK: kernel.release_tiles
func.func @batched(%x: memref<3x23x64xi8>, %w: memref<6x1x16x16x4xi8>, %o: memref<3x23x32xi32>) {
  kernel.contract ins(%x, %w : memref<3x23x64xi8>, memref<6x1x16x16x4xi8>) outs(%o : memref<3x23x32xi32>)
      attributes {batched, extra_maps = [], unsigned_input, tiling = #kernel.tiling<intrinsic = tdpbusd, rows = 32, columns = 32, kv = 4>} {
  ^bb0(%acc: i32):
    kernel.yield %acc : i32
  }
  return
}

// Blocks of rows take a quarter of the second-level cache, 2 MiB: 128 rows of 4096 bytes.
// CHECK-LABEL: func.func @blocks
// CHECK: scf.forall (%[[I:.*]]) in (16) {
// CHECK: arith.muli %[[I]], %c128
func.func @blocks(%x: memref<2048x4096xi8>, %w: memref<128x1x1024x16x4xi8>, %o: memref<2048x2048xi32>) {
  kernel.contract ins(%x, %w : memref<2048x4096xi8>, memref<128x1x1024x16x4xi8>) outs(%o : memref<2048x2048xi32>)
      attributes {extra_maps = [], unsigned_input, tiling = #kernel.tiling<intrinsic = tdpbusd, rows = 32, columns = 32, kv = 4>} {
  ^bb0(%acc: i32):
    kernel.yield %acc : i32
  }
  return
}

// Weights in blocks. 20 rows are two tiles of 10, whose numbers become three of bf16 each. Beside the products of 32 weights of each channel, all three
// pieces by the same integers, the next 32 become integers in the other half of a buffer: 4 bits are looked up, and less their zero point exact in bf16. Sums
// of 32 products are scaled and added up. The last group of panels has one of 8 columns.
// CHECK-LABEL: func.func @blocks_of_weights
// CHECK-SAME: %[[X:[a-z0-9]+]]: memref<20x64xf32>, %[[W:[a-z0-9]+]]: memref<3x612xi8>
// CHECK: %[[PIECES:.*]] = memref.alloc() : memref<2x2x3x10x32xbf16>
// CHECK: scf.forall (%[[TILE:.*]]) in (2) {
// CHECK: scf.for %[[R:.*]] = %c0 to %c10 step %c1
// CHECK: scf.for %[[CHUNK:.*]] = %c0 to %c2 step %c1
// CHECK: %[[NUMBER:.*]] = vector.load %[[X]]
// CHECK: vector.store %{{.*}}, %[[PIECES]][%[[TILE]], %[[CHUNK]], %c0, %[[R]], %c0]
// CHECK: %[[ALL:.*]] = arith.cmpf oeq, %[[NUMBER]], %[[TOP:.*]] : vector<16xf32>
// CHECK: %[[REST:.*]] = arith.subf %[[NUMBER]], %[[TOP]]
// CHECK: arith.select %[[ALL]], %{{.*}}, %[[REST]]
// CHECK: vector.store %{{.*}}, %[[PIECES]][%[[TILE]], %[[CHUNK]], %c1, %[[R]], %c0]
// CHECK: vector.store %{{.*}}, %[[PIECES]][%[[TILE]], %[[CHUNK]], %c2, %[[R]], %c0]
// CHECK: vector.store %{{.*}}, %[[PIECES]][%[[TILE]], %[[CHUNK]], %c2, %[[R]], %c16]
// CHECK: scf.forall (%{{.*}}) in (2) {
// CHECK: %[[INTEGERS:.*]] = memref.alloca() {{.*}} : memref<4x16x32xbf16>
// CHECK: %[[SUMS:.*]] = memref.alloca() {{.*}} : memref<20x32xf32>
// CHECK: %[[TOTALS:.*]] = memref.alloca() {{.*}} : memref<20x32xf32>
// CHECK: kernel.configure_tiles 10 rows, 16 blocks
// CHECK: scf.if
// CHECK: scf.for %[[CHUNK:.*]] = %c0 to %c2 step %c1
// CHECK: %[[PART:.*]] = memref.cast %[[SUMS]]
// CHECK: %[[ROWS:.*]] = memref.reinterpret_cast %[[PIECES]] {{.*}} sizes: [2, 10, 3, 32], strides: [1920, 32, 320, 1]
// CHECK: %[[HALF:.*]] = arith.remui %[[CHUNK]], %c2
// CHECK: %[[AT:.*]] = arith.muli %[[HALF]], %c1024
// CHECK: %[[WEIGHTS:.*]] = memref.reinterpret_cast %[[INTEGERS]] to offset: [%[[AT]]], sizes: [2, 3, 16, 16, 2], strides: [512, 0, 32, 2, 1]
// CHECK: kernel.matrix_tile tdpbf16ps rows(%[[ROWS]] : {{.*}}) weights(%[[WEIGHTS]][%c0] : {{.*}}) sums(%[[PART]] : memref<20x32xf32
// CHECK: %[[NEXT:.*]] = arith.addi %[[CHUNK]], %c1
// CHECK: %[[MORE:.*]] = arith.cmpi ult, %[[NEXT]], %c2
// CHECK: scf.if %[[MORE]]
// CHECK: scf.for %{{.*}} = %c0 to %c2 step %c1
// CHECK: %[[WORDS:.*]] = vector.bitcast %{{.*}} : vector<64xi8> to vector<16xi32>
// CHECK: %[[NIBBLE:.*]] = arith.andi %[[WORDS]]
// CHECK: %[[Q:.*]] = llvm.call_intrinsic "llvm.x86.avx512.permvar.sf.512"(%{{.*}}, %[[NIBBLE]])
// CHECK: arith.subf %[[Q]], %{{.*}} : vector<16xf32>
// CHECK-COUNT-16: vector.store %{{.*}}, %[[INTEGERS]]{{.*}} : memref<4x16x32xbf16>, vector<32xbf16>
// CHECK: scf.for %[[R:.*]] = %c0 to %c20 step %c1
// CHECK-COUNT-2: vector.fma
// CHECK: vector.store %{{.*}}, %[[TOTALS]][%[[R]], %c16]
// CHECK: } else {
// CHECK: kernel.matrix_tile {{.*}} sums(%{{.*}} : memref<20x16xf32
// CHECK: vector<8xf32>
// CHECK: kernel.release_tiles
func.func @blocks_of_weights(%x: memref<20x64xf32>, %w: memref<3x612xi8>, %o: memref<20x40xf32>) {
  kernel.contract ins(%x, %w : memref<20x64xf32>, memref<3x612xi8>) outs(%o : memref<20x40xf32>)
      attributes {blocks = #kernel.blocks<bits = 4, block = 32, depth = 64, zero_points = true>, extra_maps = [],
                  tiling = #kernel.tiling<intrinsic = tdpbf16ps, rows = 20, columns = 32, kv = 2>} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  return
}

// A batch of any size, of two rows each: groups of tiles go over samples, and there are as many as the samples have alone. An f16 number is the sum of two of
// bf16.
// CHECK-LABEL: func.func @blocks_of_samples
// CHECK: %[[SAMPLES:.*]] = memref.dim %{{.*}} : memref<?x2x16xf32>
// CHECK: memref.alloc(%[[SAMPLES]]) : memref<?x1x2x2x32xbf16>
// CHECK: scf.forall
// CHECK-NOT: scf.if
// CHECK: scf.forall
func.func @blocks_of_samples(%x: memref<?x2x32xf16>, %w: memref<1x560xi8>, %o: memref<?x2x16xf32>) {
  kernel.contract ins(%x, %w : memref<?x2x32xf16>, memref<1x560xi8>) outs(%o : memref<?x2x16xf32>)
      attributes {blocks = #kernel.blocks<bits = 8, block = 32, depth = 32, zero_points = true>, extra_maps = [],
                  tiling = #kernel.tiling<intrinsic = tdpbf16ps, rows = 2, columns = 16, kv = 2>} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  return
}

// Four tiles of 9 rows for 33: rows past the last one repeat it, and three rows of the last tiles are not stored.
// CHECK-LABEL: func.func @blocks_of_rows
// CHECK: memref.alloc() : memref<4x1x3x9x32xbf16>
// CHECK: scf.forall (%[[TILE:.*]]) in (4) {
// CHECK: %[[FIRST:.*]] = arith.muli %[[TILE]], %c9
// CHECK: %[[NUMBER:.*]] = arith.addi %[[FIRST]], %{{.*}}
// CHECK: %[[ROW:.*]] = arith.minui %[[NUMBER]], %c32
// CHECK: vector.load %{{.*}}[%[[ROW]], %{{.*}}] : memref<33x32xf32>
// CHECK: kernel.matrix_tile
// CHECK: scf.for %[[STORED:.*]] = %c0 to %c33 step
// CHECK: vector.store %{{.*}}, %{{.*}} : memref<33x16xf32>
func.func @blocks_of_rows(%x: memref<33x32xf32>, %w: memref<1x544xi8>, %o: memref<33x16xf32>) {
  kernel.contract ins(%x, %w : memref<33x32xf32>, memref<1x544xi8>) outs(%o : memref<33x16xf32>)
      attributes {blocks = #kernel.blocks<bits = 8, block = 32, depth = 32>, extra_maps = [],
                  tiling = #kernel.tiling<intrinsic = tdpbf16ps, rows = 18, columns = 16, kv = 2>} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  return
}
