// Kernels become parallel loops over tiles; other linalg ops parallel loops over their outer dimensions.
// RUN: mpc-opt %s --pass-pipeline="builtin.module(mpc-describe-target{march=cascadelake},mpc-lower-kernels,canonicalize)" | FileCheck %s

// Rows outside of the input read a row of pad values; no inner loop asks.
// CHECK: memref.global "private" constant @kernel_pad_i8_32_7 : memref<32xi8> = dense<7> {alignment = 64 : i64}

// One parallel iteration is a plain loop. 64 rows by a ragged panel of 10: the last tile moves back, and stores are exact. A short epilogue
// takes the sums from registers.
// CHECK-LABEL: func.func @conv
// CHECK-SAME: %[[X:[a-z0-9]+]]: memref<1x8x8x32xi8>, %[[W:[a-z0-9]+]]: memref<1x9x8x16x4xi8>, %[[BIAS:[a-z0-9]+]]: memref<10xi32>, %[[OUT:[a-z0-9]+]]: memref<1x8x8x10xi32>
func.func @conv(%x: memref<1x8x8x32xi8>, %w: memref<1x9x8x16x4xi8>, %bias: memref<10xi32>, %o: memref<1x8x8x10xi32>) {
  // CHECK-DAG: %[[ROWS:.*]] = memref.collapse_shape %[[OUT]] {{\[\[}}0, 1, 2], [3]] : memref<1x8x8x10xi32> into memref<64x10xi32>
  // CHECK-DAG: %[[PAD:.*]] = memref.get_global @kernel_pad_i8_32_7
  // CHECK: arith.minui %{{.*}}, %c62
  // CHECK: %[[B:.*]] = vector.load %[[BIAS]]{{.*}} vector<10xi32>
  // CHECK: %[[START:.*]] = vector.insert_strided_slice %[[B]], {{.*}} vector<10xi32> into vector<16xi32>
  // CHECK: scf.for %{{.*}} iter_args(%{{.*}} = %[[START]], %{{.*}} = %[[START]])
  // CHECK: scf.for %{{.*}} iter_args
  // CHECK: %[[R0:.*]] = arith.select
  // CHECK: %[[R1:.*]] = arith.select
  // CHECK: kernel.inner_tile vpdpbusd rows(%[[R0]], %[[R1]] :
  // CHECK-SAME: weights(%[[W]]
  // CHECK: %[[R:.*]] = vector.extract_strided_slice {{.*}} vector<16xi32> to vector<10xi32>
  // CHECK: vector.store %[[R]], %[[ROWS]]
  kernel.contract ins(%x, %w : memref<1x8x8x32xi8>, memref<1x9x8x16x4xi8>) extras(%bias : memref<10xi32>) outs(%o : memref<1x8x8x10xi32>)
      attributes {extra_maps = [affine_map<(n, h, w, c) -> (c)>], unsigned_input, pad_value = 7 : i8,
                  tiling = #kernel.tiling<intrinsic = vpdpbusd, rows = 2, columns = 16, kv = 4>,
                  window = #kernel.window<sizes = [3, 3], strides = [1, 1], dilations = [1, 1], low = [1, 1], high = [1, 1]>} {
  ^bb0(%acc: i32, %b: i32):
    %s = arith.addi %acc, %b : i32
    kernel.yield %s : i32
  }
  return
}

// Sums start at integers that are one per channel and all that is done with them first; not at those of each row (an elementwise sum), nor
// where the sum before it counts too, nor in pairs of partial sums.
// CHECK-LABEL: func.func @per_element
// CHECK: %[[ZERO:.*]] = arith.constant dense<0> : vector<16xi32>
// CHECK: kernel.inner_tile vpdpbusd {{.*}} accumulators(%[[ZERO]], %[[ZERO]] :
// CHECK: arith.addi {{.*}} : vector<16xi32>
func.func @per_element(%x: memref<64x32xi8>, %w: memref<1x1x8x16x4xi8>, %y: memref<64x16xi32>, %o: memref<64x16xi32>) {
  kernel.contract ins(%x, %w : memref<64x32xi8>, memref<1x1x8x16x4xi8>) extras(%y : memref<64x16xi32>) outs(%o : memref<64x16xi32>)
      attributes {extra_maps = [affine_map<(m, n) -> (m, n)>], unsigned_input,
                  tiling = #kernel.tiling<intrinsic = vpdpbusd, rows = 2, columns = 16, kv = 4>} {
  ^bb0(%acc: i32, %b: i32):
    %s = arith.addi %acc, %b : i32
    kernel.yield %s : i32
  }
  return
}
// CHECK-LABEL: func.func @sum_counts_twice
// CHECK: %[[ZERO:.*]] = arith.constant dense<0> : vector<16xi32>
// CHECK: kernel.inner_tile vpdpbusd {{.*}} accumulators(%[[ZERO]], %[[ZERO]] :
// CHECK: arith.addi {{.*}} : vector<16xi32>
func.func @sum_counts_twice(%x: memref<64x32xi8>, %w: memref<1x1x8x16x4xi8>, %bias: memref<16xi32>, %o: memref<64x16xi32>) {
  kernel.contract ins(%x, %w : memref<64x32xi8>, memref<1x1x8x16x4xi8>) extras(%bias : memref<16xi32>) outs(%o : memref<64x16xi32>)
      attributes {extra_maps = [affine_map<(m, n) -> (n)>], unsigned_input,
                  tiling = #kernel.tiling<intrinsic = vpdpbusd, rows = 2, columns = 16, kv = 4>} {
  ^bb0(%acc: i32, %b: i32):
    %s = arith.addi %acc, %b : i32
    %t = arith.muli %s, %acc : i32
    kernel.yield %t : i32
  }
  return
}
// CHECK-LABEL: func.func @partial_sums
// CHECK: %[[ZERO:.*]] = arith.constant dense<0> : vector<32xi32>
// CHECK: kernel.inner_tile pmaddwd {{.*}} accumulators(%[[ZERO]], %[[ZERO]] :
// CHECK: vector.deinterleave
// CHECK: vector.load {{.*}} : memref<16xi32>, vector<16xi32>
// CHECK: arith.addi {{.*}} : vector<16xi32>
func.func @partial_sums(%x: memref<64x32xi8>, %w: memref<1x1x8x16x4xi8>, %bias: memref<16xi32>, %o: memref<64x16xi32>) {
  kernel.contract ins(%x, %w : memref<64x32xi8>, memref<1x1x8x16x4xi8>) extras(%bias : memref<16xi32>) outs(%o : memref<64x16xi32>)
      attributes {extra_maps = [affine_map<(m, n) -> (n)>], unsigned_input,
                  tiling = #kernel.tiling<intrinsic = pmaddwd, rows = 2, columns = 16, kv = 4>} {
  ^bb0(%acc: i32, %b: i32):
    %s = arith.addi %acc, %b : i32
    kernel.yield %s : i32
  }
  return
}

// A long epilogue, which would multiply the code, is a loop over rows of sums in memory.
// CHECK-LABEL: func.func @long_epilogue
func.func @long_epilogue(%x: memref<64x32xf32>, %w: memref<1x1x32x16x1xf32>, %o: memref<64x16xf32>) {
  // CHECK: %[[SUMS:.*]] = memref.alloca() {alignment = 64 : i64} : memref<2x16xf32>
  // CHECK: kernel.inner_tile
  // CHECK-COUNT-2: vector.store %{{.*}}, %[[SUMS]]
  // CHECK: scf.for
  // CHECK: vector.load %[[SUMS]]{{.*}} vector<16xf32>
  // CHECK: math.exp
  kernel.contract ins(%x, %w : memref<64x32xf32>, memref<1x1x32x16x1xf32>) outs(%o : memref<64x16xf32>)
      attributes {extra_maps = [], tiling = #kernel.tiling<intrinsic = fma, rows = 2, columns = 16, kv = 1>} {
  ^bb0(%acc: f32):
    %e = math.exp %acc : f32
    kernel.yield %e : f32
  }
  return
}

// Two panels of a function at a time, and what is left of them.
// CHECK-LABEL: func.func @long_epilogue_of_panels
func.func @long_epilogue_of_panels(%x: memref<64x32xf32>, %w: memref<3x1x32x16x1xf32>, %o: memref<64x41xf32>) {
  // CHECK: kernel.inner_tile
  // CHECK: scf.for
  // CHECK: math.exp {{.*}} : vector<32xf32>
  // CHECK: math.exp {{.*}} : vector<9xf32>
  kernel.contract ins(%x, %w : memref<64x32xf32>, memref<3x1x32x16x1xf32>) outs(%o : memref<64x41xf32>)
      attributes {extra_maps = [], tiling = #kernel.tiling<intrinsic = fma, rows = 2, columns = 48, kv = 1>} {
  ^bb0(%acc: f32):
    %e = math.exp %acc : f32
    kernel.yield %e : f32
  }
  return
}

// The batch is known at run time only: whole tiles, then single rows.
// CHECK-LABEL: func.func @dynamic_rows
func.func @dynamic_rows(%x: memref<?x64xf32>, %w: memref<4x1x64x16x1xf32>, %o: memref<?x64xf32>) {
  // CHECK: scf.forall
  // CHECK: scf.for
  // CHECK: kernel.inner_tile fma rows(%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} :
  // CHECK: scf.for
  // CHECK: kernel.inner_tile fma rows(%{{[^,]*}} :
  // CHECK: {mpc.cost = {{[0-9]+}} : i64}
  kernel.contract ins(%x, %w : memref<?x64xf32>, memref<4x1x64x16x1xf32>) outs(%o : memref<?x64xf32>)
      attributes {extra_maps = [], tiling = #kernel.tiling<intrinsic = fma, rows = 4, columns = 32, kv = 1>} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  return
}

// Three channels are too few for a tap: the rows of a tile are copied, nine values at a time and a zero.
// CHECK-LABEL: func.func @gathered
func.func @gathered(%x: memref<1x9x9x3xi8>, %w: memref<1x1x7x16x4xi8>, %o: memref<1x7x7x16xi32>) {
  // CHECK: %[[ROWS:.*]] = memref.alloca() {alignment = 64 : i64} : memref<7x28xi8>
  // CHECK: vector.store %{{.*}}, %[[ROWS]]{{.*}} : memref<7x28xi8>, vector<9xi8>
  // CHECK: vector.store %{{.*}}, %[[ROWS]]{{.*}} : memref<7x28xi8>, vector<1xi8>
  // CHECK: kernel.inner_tile pmaddwd
  // CHECK: vector.deinterleave
  kernel.contract ins(%x, %w : memref<1x9x9x3xi8>, memref<1x1x7x16x4xi8>) outs(%o : memref<1x7x7x16xi32>)
      attributes {extra_maps = [], tiling = #kernel.tiling<intrinsic = pmaddwd, rows = 7, columns = 16, kv = 4, gather = true>,
                  window = #kernel.window<sizes = [3, 3], strides = [1, 1], dilations = [1, 1], low = [0, 0], high = [0, 0]>} {
  ^bb0(%acc: i32):
    kernel.yield %acc : i32
  }
  return
}

// Rows of the window are runs of nine values: tiles inside of one row of pixels read them in place, the others are copied.
// CHECK-LABEL: func.func @runs
func.func @runs(%x: memref<1x9x40x3xf32>, %w: memref<1x1x27x16x1xf32>, %o: memref<1x9x40x16xf32>) {
  // CHECK: scf.if
  // CHECK: } else {
  // CHECK: vector.store {{.*}} : memref<12x27xf32>
  // CHECK: scf.if
  // CHECK: memref.expand_shape {{.*}} into memref<1x3x9x16x1xf32>
  // CHECK: scf.for {{.*}} = %c0 to %c3
  // CHECK: kernel.inner_tile fma rows(%{{.*}} : memref<9xf32
  // CHECK: } else {
  // CHECK: kernel.inner_tile fma rows(%{{.*}} : memref<27xf32
  kernel.contract ins(%x, %w : memref<1x9x40x3xf32>, memref<1x1x27x16x1xf32>) outs(%o : memref<1x9x40x16xf32>)
      attributes {extra_maps = [], pad_value = 0.0 : f32, tiling = #kernel.tiling<intrinsic = fma, rows = 12, columns = 16, kv = 1, gather = true>,
                  window = #kernel.window<sizes = [3, 3], strides = [1, 1], dilations = [1, 1], low = [1, 1], high = [1, 1]>} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  return
}

// The copy holds the rows of one window; after the first output row of a block one new row is copied.
// CHECK-LABEL: func.func @planar
func.func @planar(%x: memref<1x64x64x1xf32>, %w: memref<8x5x5x1xf32>, %o: memref<1x60x60x8xf32>) {
  // CHECK: memref.alloca() {{.*}} : memref<5x1x1x68xf32>
  // CHECK: arith.select %{{.*}}, %c0, %c4
  // CHECK: arith.remui %{{.*}}, %c5
  // CHECK: vector.fma
  // CHECK: vector.shuffle
  // CHECK: vector.load {{.*}} : memref<32x16xf32>, vector<8xf32>
  kernel.planar ins(%x, %w : memref<1x64x64x1xf32>, memref<8x5x5x1xf32>) outs(%o : memref<1x60x60x8xf32>)
      attributes {extra_maps = [], tiling = #kernel.tiling<intrinsic = fma, rows = 32, columns = 8, kv = 1, planar = true>,
                  window = #kernel.window<sizes = [5, 5], strides = [1, 1], dilations = [1, 1], low = [0, 0], high = [0, 0]>} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  return
}

// A column of taps meets all pixels of a row alike: 12 rows of 20 are one, whose copy holds them once, and a tap is a row further along. So is padding above
// and below, of two rows each.
// CHECK-LABEL: func.func @planar_column
// CHECK-SAME: %{{.*}}: memref<1x12x20x10xf32>, %[[W:[a-z0-9]+]]: memref<5x5x1x10xf32>
func.func @planar_column(%x: memref<1x12x20x10xf32>, %w: memref<5x5x1x10xf32>, %o: memref<1x12x20x5xf32>) {
  // CHECK: memref.alloca() {{.*}} : memref<1x10x1x320xf32>
  // CHECK: scf.for {{.*}} to %c240 step %c48
  // CHECK: scf.for %[[TAP:.*]] = %c0 to %c5 step %c1
  // CHECK: arith.muli %[[TAP]], %c20
  // CHECK: scf.for %[[CHANNEL:.*]] = %c0 to %c10 step %c1
  // CHECK: memref.load %[[W]][%c0, %[[TAP]], %c0, %[[CHANNEL]]]
  kernel.planar ins(%x, %w : memref<1x12x20x10xf32>, memref<5x5x1x10xf32>) outs(%o : memref<1x12x20x5xf32>)
      attributes {extra_maps = [], pad_value = 0.0 : f32, tiling = #kernel.tiling<intrinsic = fma, rows = 48, columns = 5, kv = 1, planar = true>,
                  window = #kernel.window<sizes = [5, 1], strides = [1, 1], dilations = [1, 1], low = [2, 0], high = [2, 0]>} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  return
}

// Boundary: so many rows that several iterations are worth it stay apart.
// CHECK-LABEL: func.func @planar_columns
func.func @planar_columns(%x: memref<1x68x64x32xf32>, %w: memref<8x5x1x32xf32>, %o: memref<1x64x64x8xf32>) {
  // CHECK: memref.alloca() {{.*}} : memref<5x32x1x64xf32>
  kernel.planar ins(%x, %w : memref<1x68x64x32xf32>, memref<8x5x1x32xf32>) outs(%o : memref<1x64x64x8xf32>)
      attributes {extra_maps = [], tiling = #kernel.tiling<intrinsic = fma, rows = 32, columns = 8, kv = 1, planar = true>,
                  window = #kernel.window<sizes = [5, 1], strides = [1, 1], dilations = [1, 1], low = [0, 0], high = [0, 0]>} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  return
}

// Of 24 pixels the last 8 are half a vector, and no more of them is stored than there are. Three channels are transposed in squares of four.
// CHECK-LABEL: func.func @planar_half
func.func @planar_half(%x: memref<1x28x28x4xi8>, %w: memref<3x5x5x4xi8>, %o: memref<1x24x24x3xi32>) {
  // CHECK: memref.alloca() {{.*}} : memref<3x32xi32>
  // CHECK: llvm.call_intrinsic "llvm.x86.avx512.vpdpbusd.512"
  // CHECK: llvm.call_intrinsic "llvm.x86.avx512.vpdpbusd.256"
  // CHECK-COUNT-24: vector.store {{.*}} memref<24x16xi32>, vector<4xi32>
  // CHECK-NOT: vector.store {{.*}} memref<24x16xi32>
  kernel.planar ins(%x, %w : memref<1x28x28x4xi8>, memref<3x5x5x4xi8>) outs(%o : memref<1x24x24x3xi32>)
      attributes {extra_maps = [], unsigned_input,
                  tiling = #kernel.tiling<intrinsic = vpdpbusd, rows = 24, columns = 3, kv = 4, planar = true>,
                  window = #kernel.window<sizes = [5, 5], strides = [1, 1], dilations = [1, 1], low = [0, 0], high = [0, 0]>} {
  ^bb0(%acc: i32):
    kernel.yield %acc : i32
  }
  return
}

// Four channels of bytes are a word of the copy, and of a weight.
// CHECK-LABEL: func.func @planar_bytes
func.func @planar_bytes(%x: memref<1x64x64x16xi8>, %w: memref<3x3x3x16xi8>, %o: memref<1x64x64x3xi32>) {
  // CHECK: memref.alloca() {{.*}} : memref<3x4x1x66xi32>
  // CHECK: vector.load {{.*}} vector<16xi8>
  // CHECK: vector.bitcast {{.*}} : vector<16xi8> to vector<4xi32>
  // CHECK: memref.store %c117901063_i32
  // CHECK: llvm.call_intrinsic "llvm.x86.avx512.vpdpbusd.512"
  kernel.planar ins(%x, %w : memref<1x64x64x16xi8>, memref<3x3x3x16xi8>) outs(%o : memref<1x64x64x3xi32>)
      attributes {extra_maps = [], unsigned_input, pad_value = 7 : i8,
                  tiling = #kernel.tiling<intrinsic = vpdpbusd, rows = 64, columns = 3, kv = 4, planar = true>,
                  window = #kernel.window<sizes = [3, 3], strides = [1, 1], dilations = [1, 1], low = [1, 1], high = [1, 1]>} {
  ^bb0(%acc: i32):
    kernel.yield %acc : i32
  }
  return
}

// Where a tile's windows are runs a fixed distance apart, no copy asks about its place; a last panel of 8 channels is half a vector.
// CHECK-LABEL: func.func @gather_runs
func.func @gather_runs(%x: memref<1x64x64x3xi8>, %w: memref<2x1x7x16x4xi8>, %o: memref<1x32x32x24xi32>) {
  // CHECK: scf.if
  // CHECK: scf.for %{{.*}} = %c0 to %c4
  // CHECK-NOT: arith.remui
  // CHECK-COUNT-3: vector.load {{.*}} vector<9xi8>
  // CHECK: vector.store {{.*}} vector<1xi8>
  // CHECK: } else {
  // CHECK: arith.remui
  // CHECK: kernel.inner_tile vpdpbusd {{.*}} -> vector<16xi32>, vector<8xi32>
  kernel.contract ins(%x, %w : memref<1x64x64x3xi8>, memref<2x1x7x16x4xi8>) outs(%o : memref<1x32x32x24xi32>)
      attributes {extra_maps = [], unsigned_input, pad_value = 0 : i8,
                  tiling = #kernel.tiling<intrinsic = vpdpbusd, rows = 4, columns = 32, kv = 4, gather = true>,
                  window = #kernel.window<sizes = [3, 3], strides = [2, 2], dilations = [1, 1], low = [1, 1], high = [0, 0]>} {
  ^bb0(%acc: i32):
    kernel.yield %acc : i32
  }
  return
}

// So it is with floating point.
// CHECK-LABEL: func.func @half_panel
func.func @half_panel(%x: memref<6x8xf32>, %w: memref<2x1x8x16x1xf32>, %o: memref<6x20xf32>) {
  // CHECK: kernel.inner_tile fma {{.*}} -> vector<16xf32>, vector<8xf32>
  kernel.contract ins(%x, %w : memref<6x8xf32>, memref<2x1x8x16x1xf32>) outs(%o : memref<6x20xf32>)
      attributes {extra_maps = [], tiling = #kernel.tiling<intrinsic = fma, rows = 1, columns = 32, kv = 1>} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  return
}

// A window with a depth: its rows are counted over depth and height. Nothing asks for the depth, which has no padding.
// CHECK-LABEL: func.func @volume
func.func @volume(%x: memref<1x5x6x7x8xf32>, %w: memref<1x18x8x16x1xf32>, %o: memref<1x4x6x7x16xf32>) {
  // CHECK-DAG: %[[C6:.*]] = arith.constant 6 : index
  // CHECK-DAG: %[[C3:.*]] = arith.constant 3 : index
  // CHECK: scf.for %[[ROW:.*]] = %{{.*}} to %[[C6]]
  // CHECK: %[[KD:.*]] = arith.divui %[[ROW]], %[[C3]]
  // CHECK: %[[KH:.*]] = arith.remui %[[ROW]], %[[C3]]
  // CHECK: arith.cmpi ult, %{{.*}}, %[[C6]]
  // CHECK: arith.cmpi ult
  // CHECK-NOT: arith.cmpi
  // CHECK: kernel.inner_tile fma
  kernel.contract ins(%x, %w : memref<1x5x6x7x8xf32>, memref<1x18x8x16x1xf32>) outs(%o : memref<1x4x6x7x16xf32>)
      attributes {extra_maps = [], pad_value = 0.0 : f32, tiling = #kernel.tiling<intrinsic = fma, rows = 1, columns = 16, kv = 1>,
                  window = #kernel.window<sizes = [2, 3, 3], strides = [1, 1, 1], dilations = [1, 1, 1], low = [0, 1, 1], high = [0, 1, 1]>} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  return
}

// Of several loops whose iterations are short each block of the last one finds its position once.
// CHECK-LABEL: func.func @short_iterations
func.func @short_iterations(%x: memref<?x3x1000xf32>, %o: memref<?x1000x3xf32>) {
  // CHECK: %[[B:.*]] = arith.muli %{{.*}}, %c2{{.*}} : index
  // CHECK: scf.forall (%[[I:.*]]) in (%[[B]])
  // CHECK: %[[R:.*]] = arith.remui %[[I]], %c2
  // CHECK: %[[N:.*]] = arith.divui %[[I]], %c2
  // CHECK: %[[FROM:.*]] = arith.muli %[[R]], %c500
  // CHECK: %[[TO:.*]] = arith.addi %[[FROM]], %c500
  // CHECK: scf.for %[[P:.*]] = %[[FROM]] to %[[TO]] step %c1
  // CHECK-NEXT: scf.for %[[C:.*]] = %c0{{.*}} to %c3
  // CHECK-NEXT: memref.load %{{.*}}[%[[N]], %[[C]], %[[P]]]
  linalg.generic {indexing_maps = [affine_map<(n, p, c) -> (n, c, p)>, affine_map<(n, p, c) -> (n, p, c)>],
                  iterator_types = ["parallel", "parallel", "parallel"]} ins(%x : memref<?x3x1000xf32>) outs(%o : memref<?x1000x3xf32>) {
  ^bb0(%in: f32, %out: f32):
    linalg.yield %in : f32
  }
  return
}

// Only tiles at the edge ask about each pixel.
// CHECK-LABEL: func.func @depthwise_padded
func.func @depthwise_padded(%x: memref<1x8x40x16xf32>, %w: memref<3x3x16xf32>, %o: memref<1x8x40x16xf32>) {
  // CHECK: scf.if
  // CHECK-NOT: arith.select
  // CHECK: } else {
  // CHECK: arith.select
  kernel.depthwise ins(%x, %w : memref<1x8x40x16xf32>, memref<3x3x16xf32>) outs(%o : memref<1x8x40x16xf32>)
      attributes {extra_maps = [], pad_value = 0.0 : f32, tiling = #kernel.tiling<intrinsic = fma, rows = 1, columns = 16, kv = 1>,
                  window = #kernel.window<sizes = [3, 3], strides = [1, 1], dilations = [1, 1], low = [1, 1], high = [1, 1]>} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  return
}

// CHECK-LABEL: func.func @depthwise(
func.func @depthwise(%x: memref<1x8x8x20xf32>, %w: memref<3x3x20xf32>, %o: memref<1x6x6x20xf32>) {
  // CHECK-COUNT-9: vector.fma {{.*}} : vector<16xf32>
  // CHECK: vector.store
  // CHECK-COUNT-9: vector.fma {{.*}} : vector<4xf32>
  // CHECK: vector.store
  kernel.depthwise ins(%x, %w : memref<1x8x8x20xf32>, memref<3x3x20xf32>) outs(%o : memref<1x6x6x20xf32>)
      attributes {extra_maps = [], tiling = #kernel.tiling<intrinsic = fma, rows = 1, columns = 16, kv = 1>,
                  window = #kernel.window<sizes = [3, 3], strides = [1, 1], dilations = [1, 1], low = [0, 0], high = [0, 0]>} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  return
}

// Pooling: channels, contiguous in input and output, are vectors, the last of them shorter; the maxima stay in registers.
// CHECK-LABEL: func.func @pool
func.func @pool(%x: memref<1x8x8x20xf32>, %window: memref<2x2xf32>, %o: memref<1x4x4x20xf32>) {
  // CHECK-NOT: scf.forall
  // CHECK: %[[OLD:.*]] = vector.load {{.*}} vector<16xf32>
  // CHECK: %[[MAX:.*]] = scf.for %{{.*}} = %c0 to %c2 {{.*}} iter_args(%{{.*}} = %[[OLD]])
  // CHECK: scf.for %{{.*}} = %c0 to %c2
  // CHECK: arith.maximumf {{.*}} vector<16xf32>
  // CHECK: vector.store %[[MAX]]
  // CHECK: arith.maximumf {{.*}} vector<4xf32>
  linalg.pooling_nhwc_max {strides = dense<2> : tensor<2xi64>, dilations = dense<1> : tensor<2xi64>}
      ins(%x, %window : memref<1x8x8x20xf32>, memref<2x2xf32>) outs(%o : memref<1x4x4x20xf32>)
  return
}

// Boundary: a sum over the contiguous dimension stays innermost, in order, and in a register.
// CHECK-LABEL: func.func @row_sum
func.func @row_sum(%x: memref<8x20xf32>, %o: memref<8xf32>) {
  // CHECK: scf.forall (%[[ROW:.*]]) in (8)
  // CHECK: %[[OLD:.*]] = memref.load %{{.*}}[%[[ROW]]] : memref<8xf32>
  // CHECK: %[[SUM:.*]] = scf.for %{{.*}} = %c0 to %c20 {{.*}} iter_args(%{{.*}} = %[[OLD]])
  // CHECK: memref.store %[[SUM]], %{{.*}}[%[[ROW]]]
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>], iterator_types = ["parallel", "reduction"]}
      ins(%x : memref<8x20xf32>) outs(%o : memref<8xf32>) {
  ^bb0(%a: f32, %b: f32):
    %s = arith.addf %b, %a : f32
    linalg.yield %s : f32
  }
  return
}

// Padding of zero adds nothing: rows of the window above and below the input are no iterations, in the tile of one row of pixels, and
// the first or the last pixel leaves out the column beside the input. (@conv above pads with 7, which counts.)
// CHECK-LABEL: func.func @zero_padding
func.func @zero_padding(%x: memref<1x7x7x32xf32>, %w: memref<1x9x32x16x1xf32>, %o: memref<1x7x7x16xf32>) {
  // CHECK: %[[BEGIN:.*]] = arith.select
  // CHECK: %[[END:.*]] = arith.select
  // CHECK: scf.for %{{.*}} = %[[BEGIN]] to %[[END]]
  // CHECK: scf.for %{{.*}} = %c0 to %c3
  // CHECK-COUNT-7: memref.subview
  // CHECK: scf.if
  // CHECK: scf.if
  // CHECK: kernel.inner_tile fma rows(%[[R0:[^,]*]], %[[R1:[^,]*]], %{{[^,]*}}, %{{[^,]*}}, %{{[^,]*}}, %[[R5:[^,]*]], %[[R6:[^,]*]] :
  // CHECK: else
  // CHECK: kernel.inner_tile fma rows(%[[R0]], %[[R1]], %{{[^,]*}}, %{{[^,]*}}, %{{[^,]*}}, %[[R5]] :
  // CHECK: else
  // CHECK: kernel.inner_tile fma rows(%[[R1]], %{{[^,]*}}, %{{[^,]*}}, %{{[^,]*}}, %[[R5]], %[[R6]] :
  kernel.contract ins(%x, %w : memref<1x7x7x32xf32>, memref<1x9x32x16x1xf32>) outs(%o : memref<1x7x7x16xf32>)
      attributes {extra_maps = [], pad_value = 0.0 : f32, tiling = #kernel.tiling<intrinsic = fma, rows = 7, columns = 16, kv = 1>,
                  window = #kernel.window<sizes = [3, 3], strides = [1, 1], dilations = [1, 1], low = [1, 1], high = [1, 1]>} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  return
}

// Boundary: where rows of pixels are long, the columns beside the input are too few to be worth code.
// CHECK-LABEL: func.func @long_rows
func.func @long_rows(%x: memref<1x7x56x32xf32>, %w: memref<1x9x32x16x1xf32>, %o: memref<1x7x56x16xf32>) {
  // CHECK: scf.for %{{.*}} = %{{.*}} to %{{.*}} step %c1 iter_args
  // CHECK-NOT: scf.if
  // CHECK: return
  kernel.contract ins(%x, %w : memref<1x7x56x32xf32>, memref<1x9x32x16x1xf32>) outs(%o : memref<1x7x56x16xf32>)
      attributes {extra_maps = [], pad_value = 0.0 : f32, tiling = #kernel.tiling<intrinsic = fma, rows = 7, columns = 16, kv = 1>,
                  window = #kernel.window<sizes = [3, 3], strides = [1, 1], dilations = [1, 1], low = [1, 1], high = [1, 1]>} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  return
}

// Many channels go slice by slice, so that rows of pixels stay in the first cache; the last ones, less than a vector, on their own.
// CHECK-LABEL: func.func @depthwise_slices
func.func @depthwise_slices(%x: memref<1x16x16x1032xf32>, %w: memref<3x3x1032xf32>, %o: memref<1x14x14x1032xf32>) {
  // CHECK: scf.for %[[C:.*]] = %c0 to %c1024 step %c[[SLICE:[0-9]+]]
  // CHECK: %[[BEYOND:.*]] = arith.addi %[[C]], %c[[SLICE]]
  // CHECK: %[[END:.*]] = arith.minui %[[BEYOND]], %c1024
  // CHECK: scf.for
  // CHECK: scf.for
  // CHECK: scf.for %{{.*}} = %[[C]] to %[[END]] step %c16
  // CHECK: vector<16xf32>
  // CHECK: vector<8xf32>
  kernel.depthwise ins(%x, %w : memref<1x16x16x1032xf32>, memref<3x3x1032xf32>) outs(%o : memref<1x14x14x1032xf32>)
      attributes {extra_maps = [], tiling = #kernel.tiling<intrinsic = fma, rows = 1, columns = 16, kv = 1>,
                  window = #kernel.window<sizes = [3, 3], strides = [1, 1], dilations = [1, 1], low = [0, 0], high = [0, 0]>} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  return
}

// Dot products of taps: the weights of all channels are interleaved once, for two output rows, as four input rows hold the windows of both.
// A loop over input columns carries the sums of the two pixels that are not complete, and stores one of each row.
// CHECK-LABEL: func.func @depthwise_dot
func.func @depthwise_dot(%x: memref<1x9x9x64xi8>, %w: memref<3x3x64xi8>, %o: memref<1x7x7x64xi32>) {
  // CHECK: %[[WEIGHTS:.*]] = memref.alloca() {alignment = 64 : i64} : memref<1x24x64xi8>
  // CHECK-COUNT-24: vector.store %{{.*}}, %[[WEIGHTS]][%c0, {{.*}} vector<64xi8>
  // CHECK: scf.for %{{.*}} = %c0 to %c4 step %c1
  // CHECK-COUNT-24: llvm.call_intrinsic "llvm.x86.avx512.vpdpbusd.512"
  // CHECK-NOT: vpdpbusd
  // CHECK: scf.for %{{.*}} = %c2 to %c9 step %c1
  // CHECK-COUNT-4: vector.load {{.*}} strided
  // CHECK-COUNT-24: llvm.call_intrinsic "llvm.x86.avx512.vpdpbusd.512"
  // CHECK-COUNT-8: vector.store
  // CHECK: scf.yield
  // CHECK: return
  kernel.depthwise ins(%x, %w : memref<1x9x9x64xi8>, memref<3x3x64xi8>) outs(%o : memref<1x7x7x64xi32>)
      attributes {extra_maps = [], unsigned_input, tiling = #kernel.tiling<intrinsic = vpdpbusd, rows = 1, columns = 16, kv = 4>,
                  window = #kernel.window<sizes = [3, 3], strides = [1, 1], dilations = [1, 1], low = [0, 0], high = [0, 0]>} {
  ^bb0(%acc: i32):
    kernel.yield %acc : i32
  }
  return
}

// Where the epilogue packs bytes, channels stay as unpacking leaves them, and so is what it reads of them; 32 channels of two places, one below
// the other, fill a vector.
// CHECK-LABEL: func.func @depthwise_dot_packed
func.func @depthwise_dot_packed(%x: memref<1x10x9x32xi8>, %w: memref<3x3x32xi8>, %bias: memref<32xi32>, %o: memref<1x8x7x32xi8>) {
  // CHECK: %[[BIAS:.*]] = memref.alloca() {alignment = 64 : i64} : memref<64xi32>
  // CHECK: vector.shuffle {{.*}} [0, 1, 2, 3, 16, 17, 18, 19, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, {{.*}} : vector<32xi32>, vector<32xi32>
  // CHECK-NEXT: vector.store %{{.*}}, %[[BIAS]]
  // CHECK: scf.for %{{.*}} = %c0 to %c2 step %c1
  // CHECK: scf.for %{{.*}} = %c2 to %c9 step %c1
  // CHECK-COUNT-8: vector.load {{.*}} vector<32xi8>
  // CHECK-COUNT-24: llvm.call_intrinsic "llvm.x86.avx512.vpdpbusd.512"
  // CHECK: llvm.call_intrinsic "llvm.x86.avx512.packuswb.512"
  // CHECK-COUNT-2: vector.store %{{.*}} vector<32xi8>
  // CHECK: llvm.call_intrinsic "llvm.x86.avx512.packuswb.512"
  // CHECK-COUNT-2: vector.store %{{.*}} vector<32xi8>
  // CHECK: scf.yield
  // CHECK: return
  kernel.depthwise ins(%x, %w : memref<1x10x9x32xi8>, memref<3x3x32xi8>) extras(%bias : memref<32xi32>) outs(%o : memref<1x8x7x32xi8>)
      attributes {extra_maps = [affine_map<(n, h, w, c) -> (c)>], unsigned_input,
                  tiling = #kernel.tiling<intrinsic = vpdpbusd, rows = 1, columns = 16, kv = 4>,
                  window = #kernel.window<sizes = [3, 3], strides = [1, 1], dilations = [1, 1], low = [0, 0], high = [0, 0]>} {
  ^bb0(%acc: i32, %b: i32):
    %zero = arith.constant 0 : i32
    %most = arith.constant 255 : i32
    %s = arith.addi %acc, %b : i32
    %l = arith.maxsi %s, %zero : i32
    %h = arith.minsi %l, %most : i32
    %t = arith.trunci %h : i32 to i8
    kernel.yield %t : i8
  }
  return
}

// A long epilogue is a loop over the vectors of a pixel: of four rows, one below the other, and two of each.
// CHECK-LABEL: func.func @depthwise_dot_long_epilogue
func.func @depthwise_dot_long_epilogue(%x: memref<1x9x9x16xi8>, %w: memref<3x3x16xi8>, %o: memref<1x7x7x16xf32>) {
  // CHECK: %[[SUMS:.*]] = memref.alloca() {alignment = 64 : i64} : memref<8x16xi32>
  // CHECK: %[[PIXELS:.*]] = memref.alloca() {alignment = 64 : i64} : memref<8xi64>
  // CHECK-COUNT-8: vector.store %{{.*}}, %[[SUMS]]
  // CHECK: scf.for %[[I:.*]] = %c0 to %c8 step %c1
  // CHECK: vector.load %[[SUMS]][%[[I]], %c0]
  // CHECK: memref.load %[[PIXELS]][%[[I]]]
  // CHECK: math.exp
  // CHECK-NOT: math.exp
  // CHECK: return
  kernel.depthwise ins(%x, %w : memref<1x9x9x16xi8>, memref<3x3x16xi8>) outs(%o : memref<1x7x7x16xf32>)
      attributes {extra_maps = [], unsigned_input, tiling = #kernel.tiling<intrinsic = vpdpbusd, rows = 1, columns = 16, kv = 4>,
                  window = #kernel.window<sizes = [3, 3], strides = [1, 1], dilations = [1, 1], low = [0, 0], high = [0, 0]>} {
  ^bb0(%acc: i32):
    %f = arith.sitofp %acc : i32 to f32
    %e = math.exp %f : f32
    kernel.yield %e : f32
  }
  return
}

// What is clamped to the bounds of a byte becomes one by conversions that saturate, four vectors at a time: two and two of 32 columns. Narrower
// bounds are computed before.
// CHECK-LABEL: func.func @saturate
func.func @saturate(%x: memref<2x64xi8>, %w: memref<2x1x16x16x4xi8>, %o: memref<2x32xi8>, %p: memref<2x32xi8>) {
  // CHECK-NOT: arith.maxsi
  // CHECK-COUNT-2: llvm.call_intrinsic "llvm.x86.avx512.packssdw.512"
  // CHECK: llvm.call_intrinsic "llvm.x86.avx512.packsswb.512"
  // CHECK: vector.shuffle {{.*}} [0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15]
  // CHECK-COUNT-2: vector.store {{.*}} vector<32xi8>
  kernel.contract ins(%x, %w : memref<2x64xi8>, memref<2x1x16x16x4xi8>) outs(%o : memref<2x32xi8>)
      attributes {extra_maps = [], unsigned_input, tiling = #kernel.tiling<intrinsic = vpdpbusd, rows = 2, columns = 32, kv = 4>} {
  ^bb0(%acc: i32):
    %low = arith.constant -128 : i32
    %high = arith.constant 127 : i32
    %m = arith.maxsi %acc, %low : i32
    %n = arith.minsi %m, %high : i32
    %r = arith.trunci %n : i32 to i8
    kernel.yield %r : i8
  }
  // CHECK-NOT: llvm.x86.avx512.pack
  // CHECK-COUNT-4: arith.minsi
  // CHECK-COUNT-2: llvm.call_intrinsic "llvm.x86.avx512.packssdw.512"
  // CHECK: llvm.call_intrinsic "llvm.x86.avx512.packuswb.512"
  // CHECK-COUNT-2: vector.store {{.*}} vector<32xi8>
  // CHECK: return
  kernel.contract ins(%x, %w : memref<2x64xi8>, memref<2x1x16x16x4xi8>) outs(%p : memref<2x32xi8>)
      attributes {extra_maps = [], unsigned_input, tiling = #kernel.tiling<intrinsic = vpdpbusd, rows = 2, columns = 32, kv = 4>} {
  ^bb0(%acc: i32):
    %low = arith.constant 0 : i32
    %high = arith.constant 127 : i32
    %m = arith.maxsi %acc, %low : i32
    %n = arith.minsi %m, %high : i32
    %r = arith.trunci %n : i32 to i8
    kernel.yield %r : i8
  }
  return
}

// The right operand of a product, pairs of bf16: two rows at a time, the last one beside zeros; or squares of pairs, transposed.
// CHECK-LABEL: func.func @pack_pairs
func.func @pack_pairs(%x: memref<33x16xbf16>, %y: memref<16x32xbf16>, %p: memref<1x1x17x16x2xbf16>, %q: memref<1x1x16x16x2xbf16>) {
  // CHECK: vector.interleave %{{.*}}, %{{.*}} : vector<16xbf16> -> vector<32xbf16>
  // CHECK: vector.interleave %{{.*}}, %{{.*}} : vector<16xbf16> -> vector<32xbf16>
  // CHECK: vector.bitcast %{{.*}} : vector<32xbf16> to vector<16xi32>
  // CHECK: vector.shuffle
  // CHECK: vector.bitcast %{{.*}} : vector<16xi32> to vector<32xbf16>
  // CHECK-NOT: memref.store
  // CHECK: return
  kernel.pack ins(%x : memref<33x16xbf16>) outs(%p : memref<1x1x17x16x2xbf16>) attributes {transposed}
  kernel.pack ins(%y : memref<16x32xbf16>) outs(%q : memref<1x1x16x16x2xbf16>)
  return
}

// Element by element, shapes do not matter.
// CHECK-LABEL: func.func @elementwise
// CHECK-SAME: %[[X:[a-z0-9]+]]: memref<?x30x30x10xf32>
func.func @elementwise(%x: memref<?x30x30x10xf32>, %o: memref<?x30x30x10xf32>) {
  // CHECK: %[[FLAT:.*]] = memref.collapse_shape %[[X]] {{\[\[}}0, 1, 2, 3]]
  // CHECK: scf.forall
  // CHECK: scf.for %[[I:.*]] =
  // CHECK: memref.load %[[FLAT]][%[[I]]]
  linalg.generic {indexing_maps = [affine_map<(i, j, k, l) -> (i, j, k, l)>, affine_map<(i, j, k, l) -> (i, j, k, l)>],
                  iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%x : memref<?x30x30x10xf32>) outs(%o : memref<?x30x30x10xf32>) {
  ^bb0(%a: f32, %b: f32):
    %n = arith.negf %a : f32
    linalg.yield %n : f32
  }
  return
}

// Of what waits long for itself, a function, two vectors are computed at a time; one where its rounding may be estimated.
// CHECK-LABEL: func.func @interleaved
func.func @interleaved(%x: memref<4096xf32>, %o: memref<4096xf32>, %q: memref<4096xf32>) {
  // CHECK: math.exp {{.*}} : vector<32xf32>
  linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%x : memref<4096xf32>) outs(%o : memref<4096xf32>) {
  ^bb0(%a: f32, %b: f32):
    %e = math.exp %a : f32
    linalg.yield %e : f32
  }
  // CHECK: math.exp {{.*}} : vector<16xf32>
  linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%x : memref<4096xf32>) outs(%q : memref<4096xf32>) {
  ^bb0(%a: f32, %b: f32):
    %one = arith.constant 1.0 : f32
    %e = math.exp %a : f32
    %s = arith.addf %e, %one : f32
    %d = arith.divf %one, %s : f32
    %m = arith.mulf %d, %e : f32
    %r = math.roundeven %m : f32
    linalg.yield %r : f32
  }
  return
}

// Every second element is shuffled out of a vector that begins where the row does, and ends there.
// CHECK-LABEL: func.func @steps
func.func @steps(%x: memref<60x48xi8>, %o: memref<60x24xi8>) {
  // CHECK: %[[X:.*]] = vector.load %{{.*}}[%{{.*}}, %{{.*}}] : memref<60x48xi8>, vector<32xi8>
  // CHECK: vector.shuffle %[[X]], %[[X]] [1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31] : vector<32xi8>, vector<32xi8>
  // CHECK: %[[X:.*]] = vector.load %{{.*}}[%{{.*}}, %c32{{.*}}] : memref<60x48xi8>, vector<16xi8>
  // CHECK: vector.shuffle %[[X]], %[[X]] [1, 3, 5, 7, 9, 11, 13, 15] : vector<16xi8>, vector<16xi8>
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j * 2 + 1)>, affine_map<(i, j) -> (i, j)>],
      iterator_types = ["parallel", "parallel"]} ins(%x : memref<60x48xi8>) outs(%o : memref<60x24xi8>) {
  ^bb0(%a: i8, %b: i8):
    linalg.yield %a : i8
  }
  return
}

// What such a vector would read behind the end is not read.
// CHECK-LABEL: func.func @steps_to_the_end
func.func @steps_to_the_end(%x: memref<60x47xi8>, %o: memref<60x24xi8>) {
  // CHECK-NOT: vector.load
  // CHECK: memref.load
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j * 2)>, affine_map<(i, j) -> (i, j)>],
      iterator_types = ["parallel", "parallel"]} ins(%x : memref<60x47xi8>) outs(%o : memref<60x24xi8>) {
  ^bb0(%a: i8, %b: i8):
    linalg.yield %a : i8
  }
  return
}

// A slice is one loop over rows, joined of all loops that walk through memory as one, of vectors of bytes and what is left of them; what is
// the same for all of a row is broadcast.
// CHECK-LABEL: func.func @slice
func.func @slice(%x: memref<?x60x60x22xi8>, %z: i8, %o: memref<?x60x60x22xi8, strided<[180000, 3000, 50, 1], offset: 6>>) {
  // CHECK-DAG: memref.collapse_shape %{{.*}} {{\[\[}}0, 1, 2], [3]] : memref<?x60x60x22xi8> into memref<?x22xi8>
  // CHECK-DAG: memref.collapse_shape %{{.*}} : memref<?x60x60x22xi8, {{.*}}> into memref<?x22xi8, strided<[50, 1], offset: 6>>
  // CHECK: scf.forall (%[[ROW:.*]]) in
  // CHECK: vector.load %{{.*}}[%[[ROW]], %c0] {{.*}} vector<16xi8>
  // CHECK: vector.broadcast %{{.*}} : i8 to vector<16xi8>
  // CHECK: arith.maxui {{.*}} vector<16xi8>
  // CHECK: vector.load %{{.*}}[%[[ROW]], %c16] {{.*}} vector<4xi8>
  // CHECK: vector.load %{{.*}}[%[[ROW]], %c20] {{.*}} vector<2xi8>
  // CHECK: {mpc.cost = 1 : i64}
  linalg.generic {indexing_maps = [affine_map<(i, j, k, l) -> (i, j, k, l)>, affine_map<(i, j, k, l) -> ()>, affine_map<(i, j, k, l) -> (i, j, k, l)>],
                  iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%x, %z : memref<?x60x60x22xi8>, i8) outs(%o : memref<?x60x60x22xi8, strided<[180000, 3000, 50, 1], offset: 6>>) {
  ^bb0(%a: i8, %b: i8, %c: i8):
    %n = arith.maxui %a, %b : i8
    linalg.yield %n : i8
  }
  return
}

// Refused: loops stay apart where a dimension of one element is repeated, of which there is no loop.
// CHECK-LABEL: func.func @repeated
func.func @repeated(%x: memref<2x3x5x1xf32>, %y: memref<1x1x7xf32>, %o: memref<2x3x5x7xf32>) {
  // CHECK-NOT: memref.collapse_shape
  // CHECK: vector.load %{{.*}}[%c0{{.*}}, %{{.*}}, %c0{{.*}}] : memref<1x1x7xf32>
  linalg.generic {indexing_maps = [affine_map<(i, j, k, l, m) -> (i, j, k, m)>, affine_map<(i, j, k, l, m) -> (0, m, l)>, affine_map<(i, j, k, l, m) -> (i, j, k, l)>],
                  iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]}
      ins(%x, %y : memref<2x3x5x1xf32>, memref<1x1x7xf32>) outs(%o : memref<2x3x5x7xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %m = arith.mulf %a, %b : f32
    %n = arith.addf %m, %c : f32
    linalg.yield %n : f32
  }
  return
}

// Refused: not a vector, for the elements lie apart.
// CHECK-LABEL: func.func @every_second
func.func @every_second(%x: memref<8x20xf32, strided<[40, 2]>>, %o: memref<8x20xf32>) {
  // CHECK-NOT: vector
  // CHECK: memref.store
  linalg.copy ins(%x : memref<8x20xf32, strided<[40, 2]>>) outs(%o : memref<8x20xf32>)
  return
}

// What an inner loop does not change is loaded before it: the row's position. Its elements are read as vectors.
// CHECK-LABEL: func.func @rows
func.func @rows(%table: memref<100x64xf32>, %at: memref<8xi64>, %o: memref<8x64xf32>) {
  // CHECK: scf.forall (%[[ROW:.*]]) in (8)
  // CHECK: memref.load %{{.*}}[%[[ROW]]] : memref<8xi64>
  // CHECK: scf.for %[[COLUMN:.*]] =
  // CHECK: vector.load %{{.*}}[%{{.*}}, %[[COLUMN]]] : memref<100x64xf32>, vector<16xf32>
  // CHECK: vector.store
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%at : memref<8xi64>) outs(%o : memref<8x64xf32>) {
  ^bb0(%position: i64, %old: f32):
    %row = arith.index_cast %position : i64 to index
    %column = linalg.index 1 : index
    %element = memref.load %table[%row, %column] : memref<100x64xf32>
    linalg.yield %element : f32
  }
  return
}

// Refused: elements below each other.
// CHECK-LABEL: func.func @columns
func.func @columns(%table: memref<64x100xf32>, %at: memref<8xi64>, %o: memref<8x64xf32>) {
  // CHECK-NOT: vector
  // CHECK: memref.store
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%at : memref<8xi64>) outs(%o : memref<8x64xf32>) {
  ^bb0(%position: i64, %old: f32):
    %column = arith.index_cast %position : i64 to index
    %row = linalg.index 1 : index
    %element = memref.load %table[%row, %column] : memref<64x100xf32>
    linalg.yield %element : f32
  }
  return
}

// A transposition goes by blocks, so that neither side jumps at every element. They are turned in registers; the last ones move back.
// CHECK-LABEL: func.func @transpose
func.func @transpose(%x: memref<40x100xf32>, %o: memref<100x40xf32>) {
  // CHECK: scf.forall (%[[BLOCK:.*]]) in (7)
  // CHECK: %[[BEGIN:.*]] = arith.muli %[[BLOCK]], %c16
  // CHECK: scf.for %[[COLUMNS:.*]] = %c0 to %c40 step %c16
  // CHECK: %[[I:.*]] = arith.minui %[[BEGIN]], %c84
  // CHECK: %[[J:.*]] = arith.minui %[[COLUMNS]], %c24
  // CHECK: vector.load %{{.*}}[%[[J]], %[[I]]] : memref<40x100xf32>, vector<16xf32>
  // CHECK-COUNT-64: vector.shuffle
  // CHECK-NOT: vector.shuffle
  // CHECK: vector.store %{{.*}}, %{{.*}}[%[[I]], %[[J]]] : memref<100x40xf32>, vector<16xf32>
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (j, i)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%x : memref<40x100xf32>) outs(%o : memref<100x40xf32>) {
  ^bb0(%a: f32, %b: f32):
    linalg.yield %a : f32
  }
  return
}

// With a size that is not known, elements move one by one; ragged edges are cut.
// CHECK-LABEL: func.func @transpose_batch
func.func @transpose_batch(%x: memref<40x?xf32>, %o: memref<?x40xf32>) {
  // CHECK: scf.forall (%[[BLOCK:.*]]) in
  // CHECK: %[[BEGIN:.*]] = arith.muli %[[BLOCK]], %c16
  // CHECK: arith.minui %{{.*}}, %{{.*}}
  // CHECK: scf.for %[[COLUMNS:.*]] = %c0 to %c40 step %c16
  // CHECK: arith.minui %{{.*}}, %c40
  // CHECK: scf.for %[[I:.*]] = %[[BEGIN]]
  // CHECK: scf.for %[[J:.*]] = %[[COLUMNS]]
  // CHECK: %[[X:.*]] = memref.load %{{.*}}[%[[J]], %[[I]]]
  // CHECK: memref.store %[[X]], %{{.*}}[%[[I]], %[[J]]]
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (j, i)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
      ins(%x : memref<40x?xf32>) outs(%o : memref<?x40xf32>) {
  ^bb0(%a: f32, %b: f32):
    linalg.yield %a : f32
  }
  return
}

// Whatever a function from bytes to bytes takes, it takes it 256 times.
// CHECK-LABEL: func.func @byte_function
// CHECK: %[[TABLE:.*]] = memref.alloc() {alignment = 64 : i64} : memref<256xi8>
// CHECK: %[[S:.*]] = memref.load %{{.*}}[] : memref<f32>
// CHECK: scf.for %{{.*}} = %c0 to %c256 step %c16
// CHECK: math.exp {{.*}} : vector<16xf32>
// CHECK: vector.store %{{.*}}, %[[TABLE]]
// CHECK: scf.for {{.*}} to %c4096
// CHECK-NOT: math.exp
// CHECK: %[[BYTE:.*]] = memref.load %{{.*}} : memref<4096xi8>
// CHECK: %[[AT:.*]] = arith.index_castui %[[BYTE]] : i8 to index
// CHECK: memref.load %[[TABLE]][%[[AT]]]
func.func @byte_function(%x: memref<64x64xi8>, %s: memref<f32>, %o: memref<64x64xi8>) {
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> ()>, affine_map<(i, j) -> (i, j)>],
                  iterator_types = ["parallel", "parallel"]}
      ins(%x, %s : memref<64x64xi8>, memref<f32>) outs(%o : memref<64x64xi8>) {
  ^bb0(%a: i8, %factor: f32, %b: i8):
    %0 = arith.uitofp %a : i8 to f32
    %1 = arith.mulf %0, %factor : f32
    %2 = math.exp %1 : f32
    %3 = arith.fptoui %2 : f32 to i8
    linalg.yield %3 : i8
  }
  return
}

// Extremes are taken in four chains, whatever the order; what is left over follows. Sums are not.
// CHECK-LABEL: func.func @largest
// CHECK: %[[M:.*]]:4 = scf.for %{{.*}} = %c0 to %c64 step %c4 iter_args(%[[A:.*]] = %[[S:.*]], %{{.*}} = %[[S]], %{{.*}} = %[[S]], %{{.*}} = %[[S]]) -> (f32, f32, f32, f32)
// CHECK-COUNT-4: arith.maximumf
// CHECK: scf.yield
// CHECK: %[[M1:.*]] = arith.maximumf %[[M]]#0, %[[M]]#1
// CHECK: %[[M2:.*]] = arith.maximumf %[[M1]], %[[M]]#2
// CHECK: %[[M3:.*]] = arith.maximumf %[[M2]], %[[M]]#3
// CHECK: %[[LAST:.*]] = memref.load %{{.*}}[%c64]
// CHECK: arith.maximumf %[[M3]], %[[LAST]]
// CHECK: scf.for %{{.*}} = %c0 to %c65 step %c1 iter_args(%{{.*}} = %{{.*}}) -> (f32)
// CHECK: arith.addf
func.func @largest(%x: memref<65xf32>, %m: memref<f32>, %s: memref<f32>) {
  linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> ()>], iterator_types = ["reduction"]}
      ins(%x : memref<65xf32>) outs(%m : memref<f32>) {
  ^bb0(%a: f32, %acc: f32):
    %0 = arith.maximumf %acc, %a : f32
    linalg.yield %0 : f32
  }
  linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> ()>], iterator_types = ["reduction"]}
      ins(%x : memref<65xf32>) outs(%s : memref<f32>) {
  ^bb0(%a: f32, %acc: f32):
    %0 = arith.addf %acc, %a : f32
    linalg.yield %0 : f32
  }
  return
}

// Of as many as a vector holds, halves are compared.
// CHECK-LABEL: func.func @largest_of_vector
// CHECK: %[[X:.*]] = vector.load %{{.*}}[%c0] : memref<16xf32>, vector<16xf32>
// CHECK: %[[LOW:.*]] = vector.extract_strided_slice %[[X]] {offsets = [0], sizes = [8]
// CHECK: %[[HIGH:.*]] = vector.extract_strided_slice %[[X]] {offsets = [8], sizes = [8]
// CHECK: arith.maximumf %[[LOW]], %[[HIGH]] : vector<8xf32>
// CHECK: arith.maximumf {{.*}} : vector<4xf32>
// CHECK: arith.maximumf {{.*}} : vector<2xf32>
// CHECK: %[[MOST:.*]] = arith.maximumf {{.*}} : vector<1xf32>
// CHECK: %[[ONE:.*]] = vector.extract %[[MOST]][0]
// CHECK: arith.maximumf %{{.*}}, %[[ONE]] : f32
func.func @largest_of_vector(%x: memref<16xf32>, %m: memref<f32>) {
  linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> ()>], iterator_types = ["reduction"]}
      ins(%x : memref<16xf32>) outs(%m : memref<f32>) {
  ^bb0(%a: f32, %acc: f32):
    %0 = arith.maximumf %acc, %a : f32
    linalg.yield %0 : f32
  }
  return
}

// Sums of a few rows in a parallel loop take turns, each in its own order; alone they do not.
// CHECK-LABEL: func.func @row_sums
// CHECK: %[[S:.*]]:2 = scf.for %[[K:.*]] = %c0 to %c8 step %c1 iter_args(%[[A:.*]] = %{{.*}}, %[[B:.*]] = %{{.*}}) -> (vector<16xf32>, vector<16xf32>)
// CHECK: %[[X0:.*]] = vector.load %{{.*}}[%c0, %[[K]], %c0]
// CHECK: %[[A1:.*]] = arith.addf %[[A]], %[[X0]] : vector<16xf32>
// CHECK: %[[X1:.*]] = vector.load %{{.*}}[%c1, %[[K]], %c0]
// CHECK: %[[B1:.*]] = arith.addf %[[B]], %[[X1]] : vector<16xf32>
// CHECK: scf.yield %[[A1]], %[[B1]]
// CHECK: vector.store %[[S]]#0, %{{.*}}[%{{.*}}, %c0]
// CHECK: vector.store %[[S]]#1
// CHECK: scf.for {{.*}} to %c16 step %c1 iter_args(%{{.*}} = %{{.*}}, %{{.*}} = %{{.*}}) -> (f32, f32)
// CHECK-LABEL: func.func @row_sums_alone
// CHECK: scf.for {{.*}} to %c16 step %c1 iter_args(%{{.*}} = %{{.*}}) -> (f32)
#lanes = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
#lane = affine_map<(d0, d1, d2) -> (d0, d2)>
#whole = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
func.func @row_sums(%x: memref<6x8x16xf32>, %p: memref<6x16xf32>, %o: memref<6xf32>) {
  scf.forall (%i) = (0) to (6) step (2) {
    %xs = memref.subview %x[%i, 0, 0] [2, 8, 16] [1, 1, 1] : memref<6x8x16xf32> to memref<2x8x16xf32, strided<[128, 16, 1], offset: ?>>
    %ps = memref.subview %p[%i, 0] [2, 16] [1, 1] : memref<6x16xf32> to memref<2x16xf32, strided<[16, 1], offset: ?>>
    %os = memref.subview %o[%i] [2] [1] : memref<6xf32> to memref<2xf32, strided<[1], offset: ?>>
    linalg.generic {indexing_maps = [#lanes, #lane], iterator_types = ["parallel", "reduction", "parallel"]}
        ins(%xs : memref<2x8x16xf32, strided<[128, 16, 1], offset: ?>>) outs(%ps : memref<2x16xf32, strided<[16, 1], offset: ?>>) {
    ^bb0(%a: f32, %s: f32):
      %0 = arith.addf %s, %a : f32
      linalg.yield %0 : f32
    }
    linalg.generic {indexing_maps = [#whole, #row], iterator_types = ["parallel", "reduction"]}
        ins(%ps : memref<2x16xf32, strided<[16, 1], offset: ?>>) outs(%os : memref<2xf32, strided<[1], offset: ?>>) {
    ^bb0(%a: f32, %s: f32):
      %0 = arith.addf %s, %a : f32
      linalg.yield %0 : f32
    }
  }
  return
}

func.func @row_sums_alone(%x: memref<2x16xf32>, %o: memref<2xf32>) {
  linalg.generic {indexing_maps = [#whole, #row], iterator_types = ["parallel", "reduction"]}
      ins(%x : memref<2x16xf32>) outs(%o : memref<2xf32>) {
  ^bb0(%a: f32, %s: f32):
    %0 = arith.addf %s, %a : f32
    linalg.yield %0 : f32
  }
  return
}
