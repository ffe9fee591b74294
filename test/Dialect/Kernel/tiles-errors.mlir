// A negative case per constraint of what uses tile registers.
// RUN: mpc-opt %s --split-input-file --verify-diagnostics

// -----

// expected-error @+1 {{expected tdpbusd with at most four registers of 16 by 16 sums, equally many rows in each, but got 65 rows and 16 columns}}
func.func private @five_registers() attributes {t = #kernel.tiling<intrinsic = tdpbusd, rows = 65, columns = 16, kv = 4>}

// -----

// expected-error @+1 {{expected tdpbusd with at most four registers of 16 by 16 sums, equally many rows in each, but got 33 rows and 32 columns}}
func.func private @six_registers() attributes {t = #kernel.tiling<intrinsic = tdpbusd, rows = 33, columns = 32, kv = 4>}

// -----

// expected-error @+1 {{expected tdpbusd with at most four registers of 16 by 16 sums, equally many rows in each, but got 1 rows and 80 columns}}
func.func private @wide() attributes {t = #kernel.tiling<intrinsic = tdpbusd, rows = 1, columns = 80, kv = 4>}

// -----

// expected-error @+1 {{expected tdpbusd with at most four registers of 16 by 16 sums, equally many rows in each, but got 17 rows and 16 columns}}
func.func private @no_equal_parts() attributes {t = #kernel.tiling<intrinsic = tdpbusd, rows = 17, columns = 16, kv = 4>}

// -----

// expected-error @+1 {{expected tdpbusd with at most four registers of 16 by 16 sums, equally many rows in each, but got 21 rows and 32 columns}}
func.func private @no_two_equal_parts() attributes {t = #kernel.tiling<intrinsic = tdpbusd, rows = 21, columns = 32, kv = 4>}

// -----

// expected-error @+1 {{expected tdpbusd with at most four registers of 16 by 16 sums, equally many rows in each, but got 16 rows and 16 columns}}
func.func private @planar() attributes {t = #kernel.tiling<intrinsic = tdpbusd, rows = 16, columns = 16, kv = 4, planar = true>}

// -----

// expected-error @+1 {{expected kv = 4 with tdpbusd, but got 2}}
func.func private @kv_bytes() attributes {t = #kernel.tiling<intrinsic = tdpbusd, rows = 16, columns = 16, kv = 2>}

// -----

// expected-error @+1 {{expected kv = 2 with tdpbf16ps, but got 4}}
func.func private @kv_bf16() attributes {t = #kernel.tiling<intrinsic = tdpbf16ps, rows = 16, columns = 16, kv = 4>}

// -----

// matrix_tile C1
func.func @rows_rank(%x: memref<16x1x64xi8>, %w: memref<4x1x16x16x4xi8>, %s: memref<16x16xi32>, %i: index) {
  // expected-error @+1 {{expected rows TxRxSxK with R up to 16, known strides and contiguous K, but got 'memref<}}
  kernel.matrix_tile tdpbusd rows(%x : memref<16x1x64xi8>) weights(%w[%i] : memref<4x1x16x16x4xi8>) sums(%s : memref<16x16xi32>)
  return
}

// -----

// matrix_tile C1
func.func @rows_dynamic(%x: memref<1x?x1x64xi8>, %w: memref<4x1x16x16x4xi8>, %s: memref<16x16xi32>, %i: index) {
  // expected-error @+1 {{expected rows TxRxSxK with R up to 16, known strides and contiguous K, but got 'memref<}}
  kernel.matrix_tile tdpbusd rows(%x : memref<1x?x1x64xi8>) weights(%w[%i] : memref<4x1x16x16x4xi8>) sums(%s : memref<16x16xi32>)
  return
}

// -----

// matrix_tile C1
func.func @rows_none(%x: memref<1x0x1x64xi8>, %w: memref<4x1x16x16x4xi8>, %s: memref<0x16xi32>, %i: index) {
  // expected-error @+1 {{expected rows TxRxSxK with R up to 16, known strides and contiguous K, but got 'memref<}}
  kernel.matrix_tile tdpbusd rows(%x : memref<1x0x1x64xi8>) weights(%w[%i] : memref<4x1x16x16x4xi8>) sums(%s : memref<0x16xi32>)
  return
}

// -----

// matrix_tile C1
func.func @rows_many(%x: memref<1x17x1x64xi8>, %w: memref<4x1x16x16x4xi8>, %s: memref<17x16xi32>, %i: index) {
  // expected-error @+1 {{expected rows TxRxSxK with R up to 16, known strides and contiguous K, but got 'memref<}}
  kernel.matrix_tile tdpbusd rows(%x : memref<1x17x1x64xi8>) weights(%w[%i] : memref<4x1x16x16x4xi8>) sums(%s : memref<17x16xi32>)
  return
}

// -----

// matrix_tile C1
func.func @rows_gaps(%x: memref<1x16x1x64xi8, strided<[4096, 256, 128, 2]>>, %w: memref<4x1x16x16x4xi8>, %s: memref<16x16xi32>, %i: index) {
  // expected-error @+1 {{expected rows TxRxSxK with R up to 16, known strides and contiguous K, but got 'memref<}}
  kernel.matrix_tile tdpbusd rows(%x : memref<1x16x1x64xi8, strided<[4096, 256, 128, 2]>>) weights(%w[%i] : memref<4x1x16x16x4xi8>) sums(%s : memref<16x16xi32>)
  return
}

// -----

// matrix_tile C1
func.func @rows_strides(%x: memref<1x16x1x64xi8, strided<[?, ?, 64, 1]>>, %w: memref<4x1x16x16x4xi8>, %s: memref<16x16xi32>, %i: index) {
  // expected-error @+1 {{expected rows TxRxSxK with R up to 16, known strides and contiguous K, but got 'memref<}}
  kernel.matrix_tile tdpbusd rows(%x : memref<1x16x1x64xi8, strided<[?, ?, 64, 1]>>) weights(%w[%i] : memref<4x1x16x16x4xi8>) sums(%s : memref<16x16xi32>)
  return
}

// -----

// matrix_tile C2
func.func @weights_rank(%x: memref<1x16x1x64xi8>, %w: memref<1x16x16x4xi8>, %s: memref<16x16xi32>, %i: index) {
  // expected-error @+1 {{expected packed weights of 64 values per lane and kv = 4, but got 'memref<}}
  kernel.matrix_tile tdpbusd rows(%x : memref<1x16x1x64xi8>) weights(%w[%i] : memref<1x16x16x4xi8>) sums(%s : memref<16x16xi32>)
  return
}

// -----

// matrix_tile C2
func.func @weights_blocks(%x: memref<1x16x1x64xi8>, %w: memref<4x1x15x16x4xi8>, %s: memref<16x16xi32>, %i: index) {
  // expected-error @+1 {{expected packed weights of 64 values per lane and kv = 4, but got 'memref<}}
  kernel.matrix_tile tdpbusd rows(%x : memref<1x16x1x64xi8>) weights(%w[%i] : memref<4x1x15x16x4xi8>) sums(%s : memref<16x16xi32>)
  return
}

// -----

// matrix_tile C2
func.func @weights_lanes(%x: memref<1x16x1x64xi8>, %w: memref<4x1x16x8x4xi8>, %s: memref<16x16xi32>, %i: index) {
  // expected-error @+1 {{expected packed weights of 64 values per lane and kv = 4, but got 'memref<}}
  kernel.matrix_tile tdpbusd rows(%x : memref<1x16x1x64xi8>) weights(%w[%i] : memref<4x1x16x8x4xi8>) sums(%s : memref<16x16xi32>)
  return
}

// -----

// matrix_tile C2
func.func @weights_kv(%x: memref<1x16x1x64xi8>, %w: memref<4x1x32x16x2xi8>, %s: memref<16x16xi32>, %i: index) {
  // expected-error @+1 {{expected packed weights of 64 values per lane and kv = 4, but got 'memref<}}
  kernel.matrix_tile tdpbusd rows(%x : memref<1x16x1x64xi8>) weights(%w[%i] : memref<4x1x32x16x2xi8>) sums(%s : memref<16x16xi32>)
  return
}

// -----

// matrix_tile C2: segments are whole blocks
func.func @weights_segments(%x: memref<1x16x32x2xi8>, %w: memref<4x1x16x16x4xi8>, %s: memref<16x16xi32>, %i: index) {
  // expected-error @+1 {{expected packed weights of 64 values per lane and kv = 4, but got 'memref<}}
  kernel.matrix_tile tdpbusd rows(%x : memref<1x16x32x2xi8>) weights(%w[%i] : memref<4x1x16x16x4xi8>) sums(%s : memref<16x16xi32>)
  return
}

// -----

// matrix_tile C3
func.func @sums_rows(%x: memref<1x16x1x64xi8>, %w: memref<4x1x16x16x4xi8>, %s: memref<15x16xi32>, %i: index) {
  // expected-error @+1 {{expected sums of 16 rows and panels of 16 contiguous columns, but got 'memref<}}
  kernel.matrix_tile tdpbusd rows(%x : memref<1x16x1x64xi8>) weights(%w[%i] : memref<4x1x16x16x4xi8>) sums(%s : memref<15x16xi32>)
  return
}

// -----

// matrix_tile C3
func.func @sums_columns(%x: memref<1x16x1x64xi8>, %w: memref<4x1x16x16x4xi8>, %s: memref<16x24xi32>, %i: index) {
  // expected-error @+1 {{expected sums of 16 rows and panels of 16 contiguous columns, but got 'memref<}}
  kernel.matrix_tile tdpbusd rows(%x : memref<1x16x1x64xi8>) weights(%w[%i] : memref<4x1x16x16x4xi8>) sums(%s : memref<16x24xi32>)
  return
}

// -----

// matrix_tile C3
func.func @sums_gaps(%x: memref<1x16x1x64xi8>, %w: memref<4x1x16x16x4xi8>, %s: memref<16x16xi32, strided<[32, 2]>>, %i: index) {
  // expected-error @+1 {{expected sums of 16 rows and panels of 16 contiguous columns, but got 'memref<}}
  kernel.matrix_tile tdpbusd rows(%x : memref<1x16x1x64xi8>) weights(%w[%i] : memref<4x1x16x16x4xi8>) sums(%s : memref<16x16xi32, strided<[32, 2]>>)
  return
}

// -----

// matrix_tile C3
func.func @sums_strides(%x: memref<1x16x1x64xi8>, %w: memref<4x1x16x16x4xi8>, %s: memref<16x16xi32, strided<[?, 1]>>, %i: index) {
  // expected-error @+1 {{expected sums of 16 rows and panels of 16 contiguous columns, but got 'memref<}}
  kernel.matrix_tile tdpbusd rows(%x : memref<1x16x1x64xi8>) weights(%w[%i] : memref<4x1x16x16x4xi8>) sums(%s : memref<16x16xi32, strided<[?, 1]>>)
  return
}

// -----

// matrix_tile C4
func.func @registers(%x: memref<3x16x1x64xi8>, %w: memref<4x1x16x16x4xi8>, %s: memref<48x32xi32>, %i: index) {
  // expected-error @+1 {{expected one to 4 registers of sums, but got 3 by 2}}
  kernel.matrix_tile tdpbusd rows(%x : memref<3x16x1x64xi8>) weights(%w[%i] : memref<4x1x16x16x4xi8>) sums(%s : memref<48x32xi32>)
  return
}

// -----

// matrix_tile C3
func.func @no_panel(%x: memref<1x16x1x64xi8>, %w: memref<4x1x16x16x4xi8>, %s: memref<16x0xi32>, %i: index) {
  // expected-error @+1 {{expected sums of 16 rows and panels of 16 contiguous columns, but got 'memref<16x0xi32>'}}
  kernel.matrix_tile tdpbusd rows(%x : memref<1x16x1x64xi8>) weights(%w[%i] : memref<4x1x16x16x4xi8>) sums(%s : memref<16x0xi32>)
  return
}

// -----

// matrix_tile C5
func.func @instruction(%x: memref<1x16x1x64xi8>, %w: memref<4x1x16x16x4xi8>, %s: memref<16x16xi32>, %i: index) {
  // expected-error @+1 {{expected operands that vpdpbusd multiplies, but got}}
  kernel.matrix_tile vpdpbusd rows(%x : memref<1x16x1x64xi8>) weights(%w[%i] : memref<4x1x16x16x4xi8>) sums(%s : memref<16x16xi32>)
  return
}

// -----

// matrix_tile C5
func.func @bytes(%x: memref<1x16x1x64xi8>, %w: memref<4x1x16x16x4xi8>, %s: memref<16x16xi32>, %i: index) {
  // expected-error @+1 {{expected operands that tdpbf16ps multiplies, but got}}
  kernel.matrix_tile tdpbf16ps rows(%x : memref<1x16x1x64xi8>) weights(%w[%i] : memref<4x1x16x16x4xi8>) sums(%s : memref<16x16xi32>)
  return
}

// -----

// matrix_tile C5
func.func @halves(%x: memref<1x16x1x64xbf16>, %w: memref<4x1x32x16x2xbf16>, %s: memref<16x16xf32>, %i: index) {
  // expected-error @+1 {{expected operands that tdpbusd multiplies, but got}}
  kernel.matrix_tile tdpbusd rows(%x : memref<1x16x1x64xbf16>) weights(%w[%i] : memref<4x1x32x16x2xbf16>) sums(%s : memref<16x16xf32>)
  return
}

// -----

// matrix_tile C5
func.func @mixed(%x: memref<1x16x1x64xbf16>, %w: memref<4x1x16x16x4xi8>, %s: memref<16x16xf32>, %i: index) {
  // expected-error @+1 {{expected operands that tdpbf16ps multiplies, but got}}
  kernel.matrix_tile tdpbf16ps rows(%x : memref<1x16x1x64xbf16>) weights(%w[%i] : memref<4x1x16x16x4xi8>) sums(%s : memref<16x16xf32>)
  return
}

// -----

// matrix_tile C5
func.func @sums_type(%x: memref<1x16x1x64xi8>, %w: memref<4x1x16x16x4xi8>, %s: memref<16x16xf32>, %i: index) {
  // expected-error @+1 {{expected operands that tdpbusd multiplies, but got}}
  kernel.matrix_tile tdpbusd rows(%x : memref<1x16x1x64xi8>) weights(%w[%i] : memref<4x1x16x16x4xi8>) sums(%s : memref<16x16xf32>)
  return
}

// -----

// configure_tiles C1
func.func @configure_none() {
  // expected-error @+1 {{expected 1 to 16 rows and at least one k block, but got 0 and 4}}
  kernel.configure_tiles 0 rows, 4 blocks
  return
}

// -----

// configure_tiles C1
func.func @configure_many() {
  // expected-error @+1 {{expected 1 to 16 rows and at least one k block, but got 17 and 4}}
  kernel.configure_tiles 17 rows, 4 blocks
  return
}

// -----

// configure_tiles C1
func.func @configure_blocks() {
  // expected-error @+1 {{expected 1 to 16 rows and at least one k block, but got 16 and 0}}
  kernel.configure_tiles 16 rows, 0 blocks
  return
}

// -----

// contract C13: a depth
func.func @depth(%x: memref<1x4x8x8x8xi8>, %w: memref<1x27x2x16x4xi8>, %o: memref<1x2x6x6x16xi32>) {
  // expected-error @+1 {{expected a gathering tiling, or a window over height and width whose rows are runs of a multiple of 4 elements}}
  kernel.contract ins(%x, %w : memref<1x4x8x8x8xi8>, memref<1x27x2x16x4xi8>) outs(%o : memref<1x2x6x6x16xi32>)
      attributes {extra_maps = [], unsigned_input, tiling = #kernel.tiling<intrinsic = tdpbusd, rows = 12, columns = 16, kv = 4>,
                  window = #kernel.window<sizes = [3, 3, 3], strides = [1, 1, 1], dilations = [1, 1, 1], low = [0, 0, 0], high = [0, 0, 0]>} {
  ^bb0(%acc: i32):
    kernel.yield %acc : i32
  }
  return
}

// -----

// contract C13: gaps in a row of the window
func.func @dilated(%x: memref<1x10x10x8xi8>, %w: memref<1x9x2x16x4xi8>, %o: memref<1x8x6x16xi32>) {
  // expected-error @+1 {{expected a gathering tiling, or a window over height and width whose rows are runs of a multiple of 4 elements}}
  kernel.contract ins(%x, %w : memref<1x10x10x8xi8>, memref<1x9x2x16x4xi8>) outs(%o : memref<1x8x6x16xi32>)
      attributes {extra_maps = [], unsigned_input, tiling = #kernel.tiling<intrinsic = tdpbusd, rows = 12, columns = 16, kv = 4>,
                  window = #kernel.window<sizes = [3, 3], strides = [1, 1], dilations = [1, 2], low = [0, 0], high = [0, 0]>} {
  ^bb0(%acc: i32):
    kernel.yield %acc : i32
  }
  return
}

// -----

// contract C13: a tile that ends inside of a row of pixels
func.func @parts(%x: memref<1x8x8x8xi8>, %w: memref<1x9x2x16x4xi8>, %o: memref<1x6x6x16xi32>) {
  // expected-error @+1 {{expected tiles of a multiple of 6 rows in at most 4 registers, but got #kernel.tiling<}}
  kernel.contract ins(%x, %w : memref<1x8x8x8xi8>, memref<1x9x2x16x4xi8>) outs(%o : memref<1x6x6x16xi32>)
      attributes {extra_maps = [], unsigned_input, tiling = #kernel.tiling<intrinsic = tdpbusd, rows = 16, columns = 16, kv = 4>,
                  window = #kernel.window<sizes = [3, 3], strides = [1, 1], dilations = [1, 1], low = [0, 0], high = [0, 0]>} {
  ^bb0(%acc: i32):
    kernel.yield %acc : i32
  }
  return
}

// -----

// contract C13: more rows of pixels than registers
func.func @tall(%x: memref<1x8x8x8xi8>, %w: memref<1x9x2x16x4xi8>, %o: memref<1x6x6x16xi32>) {
  // expected-error @+1 {{expected tiles of a multiple of 6 rows in at most 4 registers, but got #kernel.tiling<}}
  kernel.contract ins(%x, %w : memref<1x8x8x8xi8>, memref<1x9x2x16x4xi8>) outs(%o : memref<1x6x6x16xi32>)
      attributes {extra_maps = [], unsigned_input, tiling = #kernel.tiling<intrinsic = tdpbusd, rows = 30, columns = 16, kv = 4>,
                  window = #kernel.window<sizes = [3, 3], strides = [1, 1], dilations = [1, 1], low = [0, 0], high = [0, 0]>} {
  ^bb0(%acc: i32):
    kernel.yield %acc : i32
  }
  return
}

// -----

// contract C13: two rows of pixels by three panels
func.func @wide_window(%x: memref<1x8x8x8xi8>, %w: memref<3x9x2x16x4xi8>, %o: memref<1x6x6x48xi32>) {
  // expected-error @+1 {{expected tiles of a multiple of 6 rows in at most 4 registers, but got #kernel.tiling<}}
  kernel.contract ins(%x, %w : memref<1x8x8x8xi8>, memref<3x9x2x16x4xi8>) outs(%o : memref<1x6x6x48xi32>)
      attributes {extra_maps = [], unsigned_input, tiling = #kernel.tiling<intrinsic = tdpbusd, rows = 12, columns = 48, kv = 4>,
                  window = #kernel.window<sizes = [3, 3], strides = [1, 1], dilations = [1, 1], low = [0, 0], high = [0, 0]>} {
  ^bb0(%acc: i32):
    kernel.yield %acc : i32
  }
  return
}
