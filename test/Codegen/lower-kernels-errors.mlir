// What mpc-lower-kernels refuses.
// RUN: mpc-opt %s --pass-pipeline="builtin.module(mpc-describe-target{march=x86-64-v3},mpc-lower-kernels)" --split-input-file --verify-diagnostics

func.func @unpack(%p: tensor<1x1x8x16x1xf32>) -> tensor<16x8xf32> {
  // expected-error @+1 {{expected mpc-tile-and-fuse to consume it}}
  %0 = kernel.unpack %p : tensor<1x1x8x16x1xf32> to tensor<16x8xf32>
  return %0 : tensor<16x8xf32>
}

// -----

func.func @tensors(%x: tensor<8xf32>) -> tensor<8xf32> {
  %zero = arith.constant 0.0 : f32
  // expected-error @+1 {{expected memrefs; bufferize first}}
  %0 = linalg.fill ins(%zero : f32) outs(%x : tensor<8xf32>) -> tensor<8xf32>
  return %0 : tensor<8xf32>
}

// -----

func.func @strided(%x: memref<4x8xf32, strided<[16, 2]>>, %w: memref<1x1x8x16x1xf32>, %o: memref<4x16xf32>) {
  // expected-error @+1 {{expected operand 0 to be a contiguous memref, but got 'memref<4x8xf32, strided<[16, 2]>>'}}
  kernel.contract ins(%x, %w : memref<4x8xf32, strided<[16, 2]>>, memref<1x1x8x16x1xf32>) outs(%o : memref<4x16xf32>)
      attributes {extra_maps = [], tiling = #kernel.tiling<intrinsic = fma, rows = 1, columns = 16, kv = 1>} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  return
}
