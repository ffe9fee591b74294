// Chips that have wgmma have a module of their own where a contraction uses it, and tiles by what they have.
// RUN: mpc-opt %s --mpc-fork-chips=chips=sm_80,sm_90a,sm_86 | FileCheck %s
// RUN: mpc-opt %s --mpc-fork-chips=chips=sm_90a | FileCheck %s --check-prefix=ONE
// RUN: mpc-opt %s --pass-pipeline="builtin.module(mpc-fork-chips{chips=sm_80,sm_90a},builtin.module(mpc-select-gpu-tiling))" | FileCheck %s --check-prefix=TILES
// RUN: not mpc-opt %s --mpc-fork-chips=chips=sm_70 2>&1 | FileCheck %s --check-prefix=UNKNOWN

// CHECK: module @x86_64_v3 attributes {mpc.chips = ["sm_80", "sm_86"], mpc.march = "x86-64-v3"}
// CHECK: module @x86_64_v3_sm_90a attributes {mpc.capability = 90 : i64, mpc.chips = ["sm_90a"], mpc.march = "x86-64-v3"}
// CHECK: module @small attributes {mpc.chips = ["sm_80", "sm_86", "sm_90a"], mpc.march = "x86-64-v3"}
// ONE: module @x86_64_v3 attributes {mpc.chips = ["sm_90a"], mpc.march = "x86-64-v3"}
// ONE-NOT: mpc.capability
// UNKNOWN: error: unknown chip 'sm_70'; expected sm_80, sm_86

// A100: four stages of 16 KiB. H100: 128 tiles of 128 by 128 are computed at once; 64 of 128 by 256 would leave
// half of it idle, and 256 of 128 by 64 are two after the other. Of the window 128 tiles of 64 by 64.
// TILES-LABEL: module @x86_64_v3 attributes
// TILES: stages = 4 : i64, warp_columns = 64 : i64, warp_rows = 64 : i64}
// TILES-SAME: #kernel.tiling<intrinsic = mma, rows = 128, columns = 128, kv = 2>
// TILES-LABEL: module @x86_64_v3_sm_90a attributes
// TILES: kernel.staging = {depth = 8 : i64, resident = 132 : i64, slices = 1 : i64, stages = 7 : i64, warp_columns = 128 : i64, warp_rows = 64 : i64}
// TILES-SAME: #kernel.tiling<intrinsic = wgmma, rows = 128, columns = 128, kv = 8>
// TILES: kernel.staging = {depth = 8 : i64, resident = 132 : i64, slices = 1 : i64, stages = 8 : i64, warp_columns = 64 : i64, warp_rows = 64 : i64}
// TILES-SAME: #kernel.tiling<intrinsic = wgmma, rows = 64, columns = 64, kv = 8>

#x = affine_map<(m, n, k) -> (m, k)>
#w = affine_map<(m, n, k) -> (n, k)>
#o = affine_map<(m, n, k) -> (m, n)>
#pixels = affine_map<(b, h, w, n, kh, kw, c) -> (b, h + kh, w + kw, c)>
#taps = affine_map<(b, h, w, n, kh, kw, c) -> (n, kh, kw, c)>
#outputs = affine_map<(b, h, w, n, kh, kw, c) -> (b, h, w, n)>

module {
  module @x86_64_v3 attributes {mpc.march = "x86-64-v3"} {
    func.func @main(%x: tensor<2048x512xf16>, %w: tensor<1024x512xf16>) -> tensor<2048x1024xf32> {
      %zero = arith.constant 0.0 : f32
      %e = tensor.empty() : tensor<2048x1024xf32>
      %f = linalg.fill ins(%zero : f32) outs(%e : tensor<2048x1024xf32>) -> tensor<2048x1024xf32>
      %r = linalg.generic {indexing_maps = [#x, #w, #o], iterator_types = ["parallel", "parallel", "reduction"]}
          ins(%x, %w : tensor<2048x512xf16>, tensor<1024x512xf16>) outs(%f : tensor<2048x1024xf32>) {
      ^bb0(%a: f16, %b: f16, %s: f32):
        %p = arith.extf %a : f16 to f32
        %q = arith.extf %b : f16 to f32
        %m = arith.mulf %p, %q : f32
        %t = arith.addf %s, %m : f32
        linalg.yield %t : f32
      } -> tensor<2048x1024xf32>
      return %r : tensor<2048x1024xf32>
    }
    func.func @window(%x: tensor<1x66x66x128xf16>, %w: tensor<128x3x3x128xf16>) -> tensor<1x64x64x128xf32> {
      %zero = arith.constant 0.0 : f32
      %e = tensor.empty() : tensor<1x64x64x128xf32>
      %f = linalg.fill ins(%zero : f32) outs(%e : tensor<1x64x64x128xf32>) -> tensor<1x64x64x128xf32>
      %r = linalg.generic {indexing_maps = [#pixels, #taps, #outputs],
                           iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
          ins(%x, %w : tensor<1x66x66x128xf16>, tensor<128x3x3x128xf16>) outs(%f : tensor<1x64x64x128xf32>) {
      ^bb0(%a: f16, %b: f16, %s: f32):
        %p = arith.extf %a : f16 to f32
        %q = arith.extf %b : f16 to f32
        %m = arith.mulf %p, %q : f32
        %t = arith.addf %s, %m : f32
        linalg.yield %t : f32
      } -> tensor<1x64x64x128xf32>
      return %r : tensor<1x64x64x128xf32>
    }
  }
  // What wgmma is not for is the same for all chips.
  module @small attributes {mpc.march = "x86-64-v3"} {
    func.func @main() {
      return
    }
  }
}
