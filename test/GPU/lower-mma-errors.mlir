// RUN: mpc-opt %s --mpc-lower-mma -split-input-file -verify-diagnostics

func.func @floats(%x: memref<5x32xf32>, %w: memref<1x1x16x16x2xf32>, %o: memref<5x3xf32>) {
  // expected-error @+1 {{expected 8-bit integers with kv = 4 or f16 or bf16 with kv = 2 for mma}}
  kernel.contract ins(%x, %w : memref<5x32xf32>, memref<1x1x16x16x2xf32>) outs(%o : memref<5x3xf32>)
      attributes {extra_maps = [], tiling = #kernel.tiling<intrinsic = mma, rows = 16, columns = 16, kv = 2>, kernel.staging = {warp_rows = 16, warp_columns = 16, depth = 8, stages = 2}} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  return
}

// -----

func.func @tensors(%x: tensor<5x32xf16>, %w: tensor<1x1x16x16x2xf16>, %o: tensor<5x3xf32>) -> tensor<5x3xf32> {
  // expected-error @+1 {{expected memrefs; bufferize first}}
  %r = kernel.contract ins(%x, %w : tensor<5x32xf16>, tensor<1x1x16x16x2xf16>) outs(%o : tensor<5x3xf32>)
      attributes {extra_maps = [], tiling = #kernel.tiling<intrinsic = mma, rows = 16, columns = 16, kv = 2>, kernel.staging = {warp_rows = 16, warp_columns = 16, depth = 8, stages = 2}} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  } -> tensor<5x3xf32>
  return %r : tensor<5x3xf32>
}

// -----

// expected-error @+1 {{expected kv = 2 or 4 with mma, but got 1}}
func.func private @kv() attributes {a = #kernel.tiling<intrinsic = mma, rows = 16, columns = 16, kv = 1>}

// -----

func.func @no_staging(%x: memref<5x64xf16>, %w: memref<1x1x32x16x2xf16>, %o: memref<5x3xf32>) {
  // expected-error @+1 {{expected 'kernel.staging' with tiles of multiples of 16 for 1, 2, 4, ... 32 warps that fill the block, a depth of 8, 16 or 32, stages and slices}}
  kernel.contract ins(%x, %w : memref<5x64xf16>, memref<1x1x32x16x2xf16>) outs(%o : memref<5x3xf32>)
      attributes {extra_maps = [], tiling = #kernel.tiling<intrinsic = mma, rows = 16, columns = 16, kv = 2>} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  return
}

// -----

func.func @three_warps(%x: memref<5x64xf16>, %w: memref<1x1x32x16x2xf16>, %o: memref<5x3xf32>) {
  // expected-error @+1 {{expected 'kernel.staging' with tiles of multiples of 16 for 1, 2, 4, ... 32 warps that fill the block}}
  kernel.contract ins(%x, %w : memref<5x64xf16>, memref<1x1x32x16x2xf16>) outs(%o : memref<5x3xf32>)
      attributes {extra_maps = [], tiling = #kernel.tiling<intrinsic = mma, rows = 48, columns = 16, kv = 2>,
                  kernel.staging = {warp_rows = 16, warp_columns = 16, depth = 8, stages = 2}} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  return
}

// -----

func.func @one_stage(%x: memref<5x64xf16>, %w: memref<1x1x32x16x2xf16>, %o: memref<5x3xf32>) {
  // expected-error @+1 {{expected 2 stages or more for 32 k blocks of depth 16}}
  kernel.contract ins(%x, %w : memref<5x64xf16>, memref<1x1x32x16x2xf16>) outs(%o : memref<5x3xf32>)
      attributes {extra_maps = [], tiling = #kernel.tiling<intrinsic = mma, rows = 16, columns = 16, kv = 2>, kernel.staging = {warp_rows = 16, warp_columns = 16, depth = 16, stages = 1}} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  return
}

// -----

func.func @too_much(%x: memref<5x64xf16>, %w: memref<1x1x32x16x2xf16>, %o: memref<5x3xf32>) {
  // expected-error @+1 {{expected stages of at most 232448 bytes of shared memory, but got 262144}}
  kernel.contract ins(%x, %w : memref<5x64xf16>, memref<1x1x32x16x2xf16>) outs(%o : memref<5x3xf32>)
      attributes {extra_maps = [], tiling = #kernel.tiling<intrinsic = mma, rows = 128, columns = 128, kv = 2>, kernel.staging = {warp_rows = 64, warp_columns = 64, depth = 16, stages = 16}} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  return
}

// -----

// expected-error @+1 {{expected kv = 8 or 16 with wgmma, but got 4}}
func.func private @kv_of_warpgroups() attributes {a = #kernel.tiling<intrinsic = wgmma, rows = 64, columns = 64, kv = 4>}

// -----

func.func @bytes_in_eights(%x: memref<64x64xi8>, %w: memref<4x1x8x16x8xi8>, %o: memref<64x64xi32>) {
  // expected-error @+1 {{expected 8-bit integers with kv = 16 or f16 or bf16 with kv = 8 for wgmma, not gathered}}
  kernel.contract ins(%x, %w : memref<64x64xi8>, memref<4x1x8x16x8xi8>) outs(%o : memref<64x64xi32>)
      attributes {extra_maps = [], tiling = #kernel.tiling<intrinsic = wgmma, rows = 64, columns = 64, kv = 8>, kernel.staging = {warp_rows = 64, warp_columns = 64, depth = 8, stages = 4}} {
  ^bb0(%acc: i32):
    kernel.yield %acc : i32
  }
  return
}

// -----

func.func @three_warpgroups(%x: memref<64x64xf16>, %w: memref<4x1x8x16x8xf16>, %o: memref<64x64xf32>) {
  // expected-error @+1 {{expected 'kernel.staging' with warpgroups of 64 rows and multiples of 32 columns, 256 at most, 1, 2 or 4 of which fill the block, a depth of 2, 4 or 8, stages and slices}}
  kernel.contract ins(%x, %w : memref<64x64xf16>, memref<4x1x8x16x8xf16>) outs(%o : memref<64x64xf32>)
      attributes {extra_maps = [], tiling = #kernel.tiling<intrinsic = wgmma, rows = 192, columns = 64, kv = 8>, kernel.staging = {warp_rows = 64, warp_columns = 64, depth = 8, stages = 4}} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  return
}

// -----

func.func @two_stages(%x: memref<64x192xf16>, %w: memref<4x1x24x16x8xf16>, %o: memref<64x64xf32>) {
  // expected-error @+1 {{expected 3 stages or more for 24 k blocks of depth 8}}
  kernel.contract ins(%x, %w : memref<64x192xf16>, memref<4x1x24x16x8xf16>) outs(%o : memref<64x64xf32>)
      attributes {extra_maps = [], tiling = #kernel.tiling<intrinsic = wgmma, rows = 64, columns = 64, kv = 8>, kernel.staging = {warp_rows = 64, warp_columns = 64, depth = 8, stages = 2}} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  return
}

// -----

func.func @blocks_f32(%x: memref<5x64xf32>, %w: memref<1x576xi8>, %o: memref<5x16xf32>) {
  // expected-error @+1 {{expected f16 or bf16 with kv = 2 for mma of weights in blocks}}
  kernel.contract ins(%x, %w : memref<5x64xf32>, memref<1x576xi8>) outs(%o : memref<5x16xf32>)
      attributes {extra_maps = [], blocks = #kernel.blocks<bits = 4, block = 32, depth = 64, fragments = true>,
                  tiling = #kernel.tiling<intrinsic = mma, rows = 16, columns = 16, kv = 2>, kernel.staging = {warp_rows = 16, warp_columns = 16, depth = 16, stages = 2}} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  return
}

// -----

func.func @blocks_depth(%x: memref<5x64xf16>, %w: memref<1x576xi8>, %o: memref<5x16xf32>) {
  // expected-error @+1 {{expected a depth of 16 or 32 for mma of weights in blocks, but got 8}}
  kernel.contract ins(%x, %w : memref<5x64xf16>, memref<1x576xi8>) outs(%o : memref<5x16xf32>)
      attributes {extra_maps = [], blocks = #kernel.blocks<bits = 4, block = 32, depth = 64, fragments = true>,
                  tiling = #kernel.tiling<intrinsic = mma, rows = 16, columns = 16, kv = 2>, kernel.staging = {warp_rows = 16, warp_columns = 16, depth = 8, stages = 2}} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  return
}
