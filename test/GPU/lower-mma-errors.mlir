// RUN: mpc-opt %s --mpc-lower-mma -split-input-file -verify-diagnostics

func.func @floats(%x: memref<5x32xf32>, %w: memref<1x1x16x16x2xf32>, %o: memref<5x3xf32>) {
  // expected-error @+1 {{expected 8-bit integers with kv = 4 or f16 or bf16 with kv = 2, and a multiple of 16 rows, for mma}}
  kernel.contract ins(%x, %w : memref<5x32xf32>, memref<1x1x16x16x2xf32>) outs(%o : memref<5x3xf32>)
      attributes {extra_maps = [], tiling = #kernel.tiling<intrinsic = mma, rows = 16, columns = 16, kv = 2>} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  return
}

// -----

func.func @tensors(%x: tensor<5x32xf16>, %w: tensor<1x1x16x16x2xf16>, %o: tensor<5x3xf32>) -> tensor<5x3xf32> {
  // expected-error @+1 {{expected memrefs; bufferize first}}
  %r = kernel.contract ins(%x, %w : tensor<5x32xf16>, tensor<1x1x16x16x2xf16>) outs(%o : tensor<5x3xf32>)
      attributes {extra_maps = [], tiling = #kernel.tiling<intrinsic = mma, rows = 16, columns = 16, kv = 2>} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  } -> tensor<5x3xf32>
  return %r : tensor<5x3xf32>
}

// -----

// expected-error @+1 {{expected kv = 2 or 4 with mma, but got 1}}
func.func private @kv() attributes {a = #kernel.tiling<intrinsic = mma, rows = 16, columns = 16, kv = 1>}
