// Weights that the second-level cache does not hold, here of 1 MiB, are asked for early, by tiles of so many rows that products take longer than weights.
// RUN: mpc-opt %s --pass-pipeline="builtin.module(mpc-describe-target{march=x86-64-v4},mpc-lower-kernels)" | FileCheck %s

// CHECK-LABEL: func.func @streams
// CHECK: kernel.inner_tile fma {{.*}} {prefetch = 32 : i64}
func.func @streams(%x: memref<24x1024xf32>, %w: memref<18x1x1024x16x1xf32>, %o: memref<24x288xf32>) {
  kernel.contract ins(%x, %w : memref<24x1024xf32>, memref<18x1x1024x16x1xf32>) outs(%o : memref<24x288xf32>)
      attributes {extra_maps = [], tiling = #kernel.tiling<intrinsic = fma, rows = 12, columns = 32, kv = 1>} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  return
}

// They stay in the cache.
// CHECK-LABEL: func.func @stays
// CHECK-NOT: prefetch
func.func @stays(%x: memref<24x1024xf32>, %w: memref<16x1x1024x16x1xf32>, %o: memref<24x256xf32>) {
  kernel.contract ins(%x, %w : memref<24x1024xf32>, memref<16x1x1024x16x1xf32>) outs(%o : memref<24x256xf32>)
      attributes {extra_maps = [], tiling = #kernel.tiling<intrinsic = fma, rows = 12, columns = 32, kv = 1>} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  return
}

// Low tiles wait for memory.
// CHECK-LABEL: func.func @low
// CHECK-NOT: prefetch
func.func @low(%x: memref<7x1024xf32>, %w: memref<18x1x1024x16x1xf32>, %o: memref<7x288xf32>) {
  kernel.contract ins(%x, %w : memref<7x1024xf32>, memref<18x1x1024x16x1xf32>) outs(%o : memref<7x288xf32>)
      attributes {extra_maps = [], tiling = #kernel.tiling<intrinsic = fma, rows = 7, columns = 32, kv = 1>} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  return
}

// Each weight is multiplied often.
// CHECK-LABEL: func.func @many
// CHECK-NOT: prefetch
func.func @many(%x: memref<108x1024xf32>, %w: memref<18x1x1024x16x1xf32>, %o: memref<108x288xf32>) {
  kernel.contract ins(%x, %w : memref<108x1024xf32>, memref<18x1x1024x16x1xf32>) outs(%o : memref<108x288xf32>)
      attributes {extra_maps = [], tiling = #kernel.tiling<intrinsic = fma, rows = 12, columns = 32, kv = 1>} {
  ^bb0(%acc: f32):
    kernel.yield %acc : f32
  }
  return
}
