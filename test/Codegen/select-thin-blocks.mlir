// A few rows by weights in blocks are one tile; more of them, where their number is known, are interleaved.
// RUN: mpc-opt %s --pass-pipeline="builtin.module(mpc-describe-target{march=x86-64-v4},mpc-select-tiling)" | FileCheck %s
// RUN: mpc-opt %s --pass-pipeline="builtin.module(mpc-describe-target{march=x86-64-v3},mpc-select-tiling)" | FileCheck %s --check-prefix=NARROW

#lhs = affine_map<(m, n, k) -> (m, k)>
#rhs = affine_map<(m, n, k) -> (n, k)>
#out = affine_map<(m, n, k) -> (m, n)>

// CHECK-LABEL: func.func @select
// CHECK: kernel.tiling = #kernel.tiling<intrinsic = fma, rows = 7, columns = 48, kv = 1>
// CHECK: kernel.tiling = #kernel.tiling<intrinsic = fma, rows = 16, columns = 16, kv = 1, interleave = true>
// Unknown, or of 16 bits, which are widened anyway.
// CHECK-NOT: interleave
// NARROW-LABEL: func.func @select
// NARROW-NOT: interleave
func.func @select(%x: tensor<7x64xf32>, %y: tensor<20x64xf32>, %z: tensor<?x20x64xf32>, %h: tensor<20x64xf16>,
                  %xo: tensor<7x96xf32>, %yo: tensor<20x96xf32>, %zo: tensor<?x20x96xf32>, %ho: tensor<20x96xf32>)
    -> (tensor<7x96xf32>, tensor<20x96xf32>, tensor<?x20x96xf32>, tensor<20x96xf32>) {
  %zero = arith.constant 0.0 : f32
  %q = arith.constant dense<3> : tensor<96x64xi8>
  %s = arith.constant dense<1.0> : tensor<96x2xbf16>
  %w = kernel.dequantize %q, %s {axis = 0 : i64, bits = 4 : i64, block = 32 : i64} : (tensor<96x64xi8>, tensor<96x2xbf16>) -> tensor<96x64xf32>
  %xf = linalg.fill ins(%zero : f32) outs(%xo : tensor<7x96xf32>) -> tensor<7x96xf32>
  %a = linalg.generic {indexing_maps = [#lhs, #rhs, #out], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<7x64xf32>, tensor<96x64xf32>) outs(%xf : tensor<7x96xf32>) {
  ^bb0(%l: f32, %r: f32, %c: f32):
    %p = arith.mulf %l, %r : f32
    %t = arith.addf %c, %p : f32
    linalg.yield %t : f32
  } -> tensor<7x96xf32>
  %yf = linalg.fill ins(%zero : f32) outs(%yo : tensor<20x96xf32>) -> tensor<20x96xf32>
  %b = linalg.generic {indexing_maps = [#lhs, #rhs, #out], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%y, %w : tensor<20x64xf32>, tensor<96x64xf32>) outs(%yf : tensor<20x96xf32>) {
  ^bb0(%l: f32, %r: f32, %c: f32):
    %p = arith.mulf %l, %r : f32
    %t = arith.addf %c, %p : f32
    linalg.yield %t : f32
  } -> tensor<20x96xf32>
  %zf = linalg.fill ins(%zero : f32) outs(%zo : tensor<?x20x96xf32>) -> tensor<?x20x96xf32>
  %d = linalg.generic {indexing_maps = [affine_map<(b, m, n, k) -> (b, m, k)>, affine_map<(b, m, n, k) -> (n, k)>, affine_map<(b, m, n, k) -> (b, m, n)>],
                       iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%z, %w : tensor<?x20x64xf32>, tensor<96x64xf32>) outs(%zf : tensor<?x20x96xf32>) {
  ^bb0(%l: f32, %r: f32, %c: f32):
    %p = arith.mulf %l, %r : f32
    %t = arith.addf %c, %p : f32
    linalg.yield %t : f32
  } -> tensor<?x20x96xf32>
  %hf = linalg.fill ins(%zero : f32) outs(%ho : tensor<20x96xf32>) -> tensor<20x96xf32>
  %e = linalg.generic {indexing_maps = [#lhs, #rhs, #out], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%h, %w : tensor<20x64xf16>, tensor<96x64xf32>) outs(%hf : tensor<20x96xf32>) {
  ^bb0(%l: f16, %r: f32, %c: f32):
    %lw = arith.extf %l : f16 to f32
    %p = arith.mulf %lw, %r : f32
    %t = arith.addf %c, %p : f32
    linalg.yield %t : f32
  } -> tensor<20x96xf32>
  return %a, %b, %d, %e : tensor<7x96xf32>, tensor<20x96xf32>, tensor<?x20x96xf32>, tensor<20x96xf32>
}
