// Where two multiply-adds of 512 bits begin in a cycle, moving from tap to tap costs more beside them: convolutions of few channels, and those of
// long rows of pixels, gather their rows. Tiles of short sums stay tall. Weights lie in the same order either way.
// RUN: mpc-opt %s --pass-pipeline="builtin.module(mpc-describe-target{march=sapphirerapids},mpc-select-tiling)" | FileCheck %s --check-prefixes=CHECK,FULL
// RUN: mpc-opt %s --pass-pipeline="builtin.module(mpc-describe-target{march=cascadelake},mpc-select-tiling)" | FileCheck %s --check-prefixes=CHECK,HALF

#pixels = affine_map<(n, h, w, o, i, j, c) -> (n, h + i, w + j, c)>
#taps = affine_map<(n, h, w, o, i, j, c) -> (o, i, j, c)>
#sums = affine_map<(n, h, w, o, i, j, c) -> (n, h, w, o)>

// 12 channels and one panel.
// CHECK-LABEL: func.func @few_channels
// FULL: rows = 12, columns = 16, kv = 1, gather = true>
// HALF: rows = 8, columns = 16, kv = 1>
func.func @few_channels(%x: tensor<1x58x58x12xf32>, %w: tensor<16x3x3x12xf32>) -> tensor<1x56x56x16xf32> {
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<1x56x56x16xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<1x56x56x16xf32>) -> tensor<1x56x56x16xf32>
  %r = linalg.generic {indexing_maps = [#pixels, #taps, #sums],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%x, %w : tensor<1x58x58x12xf32>, tensor<16x3x3x12xf32>) outs(%init : tensor<1x56x56x16xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  } -> tensor<1x56x56x16xf32>
  return %r : tensor<1x56x56x16xf32>
}

// Boundary: of rows of 16 pixels hardly a tile is inside of one, and all would be copied.
// CHECK-LABEL: func.func @short_rows
// CHECK: columns = 16, kv = 1>
func.func @short_rows(%x: tensor<1x18x18x12xf32>, %w: tensor<16x3x3x12xf32>) -> tensor<1x16x16x16xf32> {
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<1x16x16x16xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<1x16x16x16xf32>) -> tensor<1x16x16x16xf32>
  %r = linalg.generic {indexing_maps = [#pixels, #taps, #sums],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%x, %w : tensor<1x18x18x12xf32>, tensor<16x3x3x12xf32>) outs(%init : tensor<1x16x16x16xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  } -> tensor<1x16x16x16xf32>
  return %r : tensor<1x16x16x16xf32>
}

// Boundary: 40 products per row and tap hide the way to the next one, unless nearly all tiles of a row of pixels are inside of it.
// CHECK-LABEL: func.func @many_channels
// CHECK: columns = 32, kv = 1>
// FULL: columns = 32, kv = 1, gather = true>
// HALF: columns = 32, kv = 1>
func.func @many_channels(%x: tensor<1x58x58x20xf32>, %y: tensor<1x58x226x20xf32>, %w: tensor<32x3x3x20xf32>)
    -> (tensor<1x56x56x32xf32>, tensor<1x56x224x32xf32>) {
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<1x56x56x32xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<1x56x56x32xf32>) -> tensor<1x56x56x32xf32>
  %r = linalg.generic {indexing_maps = [#pixels, #taps, #sums],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%x, %w : tensor<1x58x58x20xf32>, tensor<32x3x3x20xf32>) outs(%init : tensor<1x56x56x32xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  } -> tensor<1x56x56x32xf32>
  %wide = tensor.empty() : tensor<1x56x224x32xf32>
  %start = linalg.fill ins(%zero : f32) outs(%wide : tensor<1x56x224x32xf32>) -> tensor<1x56x224x32xf32>
  %t = linalg.generic {indexing_maps = [#pixels, #taps, #sums],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%y, %w : tensor<1x58x226x20xf32>, tensor<32x3x3x20xf32>) outs(%start : tensor<1x56x224x32xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  } -> tensor<1x56x224x32xf32>
  return %r, %t : tensor<1x56x56x32xf32>, tensor<1x56x224x32xf32>
}

// Sums of 32 products by 32 columns.
// CHECK-LABEL: func.func @short_sums
// FULL: rows = 11, columns = 32, kv = 1>
// HALF: rows = 4, columns = 32, kv = 1>
func.func @short_sums(%x: tensor<2704x32xf32>, %w: tensor<32x32xf32>) -> tensor<2704x32xf32> {
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<2704x32xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<2704x32xf32>) -> tensor<2704x32xf32>
  %r = linalg.matmul ins(%x, %w : tensor<2704x32xf32>, tensor<32x32xf32>) outs(%init : tensor<2704x32xf32>) -> tensor<2704x32xf32>
  return %r : tensor<2704x32xf32>
}
