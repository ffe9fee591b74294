// When sums are in tile registers, and how many rows and panels of them.
// RUN: mpc-opt %s --pass-pipeline="builtin.module(mpc-describe-target{march=sapphirerapids-amx},mpc-select-tiling)" | FileCheck %s
// RUN: mpc-opt %s --pass-pipeline="builtin.module(mpc-describe-target{march=sapphirerapids},mpc-select-tiling)" | FileCheck %s --check-prefix=WITHOUT
// RUN: mpc-opt %s --pass-pipeline="builtin.module(mpc-describe-target{march=sapphirerapids-amx},mpc-select-tiling{candidate=1})" | mpc-opt | FileCheck %s --check-prefix=OTHER

// Other levels do not have them, though LLVM's CPU of that name does. What is tried for --tune can be written and read, tile registers among it.
// WITHOUT-NOT: tdpbusd
// OTHER-LABEL: func.func @single_row
// OTHER: intrinsic = tdpbusd, rows = 1, columns = 32

#lhs = affine_map<(m, n, k) -> (m, k)>
#rhs = affine_map<(m, n, k) -> (k, n)>
#out = affine_map<(m, n, k) -> (m, n)>
#weights = affine_map<(n, oh, ow, oc, kh, kw, ic) -> (oc, kh, kw, ic)>
#sums = affine_map<(n, oh, ow, oc, kh, kw, ic) -> (n, oh, ow, oc)>

// Two registers of rows by two panels: each operand is loaded for two products.
// CHECK-LABEL: func.func @large
func.func @large(%x: tensor<512x512xi8>, %w: tensor<512x512xi8>) -> tensor<512x512xi32> {
  %zero = arith.constant 0 : i32
  %empty = tensor.empty() : tensor<512x512xi32>
  %init = linalg.fill ins(%zero : i32) outs(%empty : tensor<512x512xi32>) -> tensor<512x512xi32>
  // CHECK: kernel.tiling = #kernel.tiling<intrinsic = tdpbusd, rows = 32, columns = 32, kv = 4>
  %r = linalg.generic {indexing_maps = [#lhs, #rhs, #out], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<512x512xi8>, tensor<512x512xi8>) outs(%init : tensor<512x512xi32>) {
  ^bb0(%a: i8, %b: i8, %c: i32):
    %ax = arith.extui %a : i8 to i32
    %bx = arith.extsi %b : i8 to i32
    %p = arith.muli %ax, %bx : i32
    %s = arith.addi %c, %p : i32
    linalg.yield %s : i32
  } -> tensor<512x512xi32>
  return %r : tensor<512x512xi32>
}

// With one panel, four registers of rows.
// CHECK-LABEL: func.func @one_panel
func.func @one_panel(%x: tensor<512x512xi8>, %w: tensor<512x16xi8>) -> tensor<512x16xi32> {
  %zero = arith.constant 0 : i32
  %empty = tensor.empty() : tensor<512x16xi32>
  %init = linalg.fill ins(%zero : i32) outs(%empty : tensor<512x16xi32>) -> tensor<512x16xi32>
  // CHECK: kernel.tiling = #kernel.tiling<intrinsic = tdpbusd, rows = 64, columns = 16, kv = 4>
  %r = linalg.generic {indexing_maps = [#lhs, #rhs, #out], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<512x512xi8>, tensor<512x16xi8>) outs(%init : tensor<512x16xi32>) {
  ^bb0(%a: i8, %b: i8, %c: i32):
    %ax = arith.extui %a : i8 to i32
    %bx = arith.extsi %b : i8 to i32
    %p = arith.muli %ax, %bx : i32
    %s = arith.addi %c, %p : i32
    linalg.yield %s : i32
  } -> tensor<512x16xi32>
  return %r : tensor<512x16xi32>
}

// 49 rows are two tiles of 26, of two registers each; the second one computes three rows again.
// CHECK-LABEL: func.func @equal_parts
func.func @equal_parts(%x: tensor<49x256xi8>, %w: tensor<256x64xi8>) -> tensor<49x64xi32> {
  %zero = arith.constant 0 : i32
  %empty = tensor.empty() : tensor<49x64xi32>
  %init = linalg.fill ins(%zero : i32) outs(%empty : tensor<49x64xi32>) -> tensor<49x64xi32>
  // CHECK: kernel.tiling = #kernel.tiling<intrinsic = tdpbusd, rows = 26, columns = 32, kv = 4>
  %r = linalg.generic {indexing_maps = [#lhs, #rhs, #out], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<49x256xi8>, tensor<256x64xi8>) outs(%init : tensor<49x64xi32>) {
  ^bb0(%a: i8, %b: i8, %c: i32):
    %ax = arith.extui %a : i8 to i32
    %bx = arith.extsi %b : i8 to i32
    %p = arith.muli %ax, %bx : i32
    %s = arith.addi %c, %p : i32
    linalg.yield %s : i32
  } -> tensor<49x64xi32>
  return %r : tensor<49x64xi32>
}

// Forty rows are four registers of ten; three of 16 would not have equally many.
// CHECK-LABEL: func.func @forty_rows
func.func @forty_rows(%x: tensor<40x256xi8>, %w: tensor<256x16xi8>) -> tensor<40x16xi32> {
  %zero = arith.constant 0 : i32
  %empty = tensor.empty() : tensor<40x16xi32>
  %init = linalg.fill ins(%zero : i32) outs(%empty : tensor<40x16xi32>) -> tensor<40x16xi32>
  // CHECK: kernel.tiling = #kernel.tiling<intrinsic = tdpbusd, rows = 40, columns = 16, kv = 4>
  %r = linalg.generic {indexing_maps = [#lhs, #rhs, #out], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<40x256xi8>, tensor<256x16xi8>) outs(%init : tensor<40x16xi32>) {
  ^bb0(%a: i8, %b: i8, %c: i32):
    %ax = arith.extui %a : i8 to i32
    %bx = arith.extsi %b : i8 to i32
    %p = arith.muli %ax, %bx : i32
    %s = arith.addi %c, %p : i32
    linalg.yield %s : i32
  } -> tensor<40x16xi32>
  return %r : tensor<40x16xi32>
}

// Signed rows have an instruction of their own.
// CHECK-LABEL: func.func @signed
func.func @signed(%x: tensor<512x512xi8>, %w: tensor<512x64xi8>) -> tensor<512x64xi32> {
  %zero = arith.constant 0 : i32
  %empty = tensor.empty() : tensor<512x64xi32>
  %init = linalg.fill ins(%zero : i32) outs(%empty : tensor<512x64xi32>) -> tensor<512x64xi32>
  // CHECK: kernel.tiling = #kernel.tiling<intrinsic = tdpbusd, rows = 32, columns = 32, kv = 4>
  %r = linalg.generic {indexing_maps = [#lhs, #rhs, #out], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<512x512xi8>, tensor<512x64xi8>) outs(%init : tensor<512x64xi32>) {
  ^bb0(%a: i8, %b: i8, %c: i32):
    %ax = arith.extsi %a : i8 to i32
    %bx = arith.extsi %b : i8 to i32
    %p = arith.muli %ax, %bx : i32
    %s = arith.addi %c, %p : i32
    linalg.yield %s : i32
  } -> tensor<512x64xi32>
  return %r : tensor<512x64xi32>
}

// Rows that are no multiple of four are copied, with zeros behind.
// CHECK-LABEL: func.func @ragged_depth
func.func @ragged_depth(%x: tensor<512x510xi8>, %w: tensor<510x64xi8>) -> tensor<512x64xi32> {
  %zero = arith.constant 0 : i32
  %empty = tensor.empty() : tensor<512x64xi32>
  %init = linalg.fill ins(%zero : i32) outs(%empty : tensor<512x64xi32>) -> tensor<512x64xi32>
  // CHECK: kernel.tiling = #kernel.tiling<intrinsic = tdpbusd, rows = 32, columns = 32, kv = 4, gather = true>
  %r = linalg.generic {indexing_maps = [#lhs, #rhs, #out], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<512x510xi8>, tensor<510x64xi8>) outs(%init : tensor<512x64xi32>) {
  ^bb0(%a: i8, %b: i8, %c: i32):
    %ax = arith.extui %a : i8 to i32
    %bx = arith.extsi %b : i8 to i32
    %p = arith.muli %ax, %bx : i32
    %s = arith.addi %c, %p : i32
    linalg.yield %s : i32
  } -> tensor<512x64xi32>
  return %r : tensor<512x64xi32>
}

// Of a single row a register would hold one of sixteen.
// CHECK-LABEL: func.func @single_row
func.func @single_row(%x: tensor<1x512xi8>, %w: tensor<512x64xi8>) -> tensor<1x64xi32> {
  %zero = arith.constant 0 : i32
  %empty = tensor.empty() : tensor<1x64xi32>
  %init = linalg.fill ins(%zero : i32) outs(%empty : tensor<1x64xi32>) -> tensor<1x64xi32>
  // CHECK: kernel.tiling = #kernel.tiling<intrinsic = vpdpbusd
  %r = linalg.generic {indexing_maps = [#lhs, #rhs, #out], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<1x512xi8>, tensor<512x64xi8>) outs(%init : tensor<1x64xi32>) {
  ^bb0(%a: i8, %b: i8, %c: i32):
    %ax = arith.extui %a : i8 to i32
    %bx = arith.extsi %b : i8 to i32
    %p = arith.muli %ax, %bx : i32
    %s = arith.addi %c, %p : i32
    linalg.yield %s : i32
  } -> tensor<1x64xi32>
  return %r : tensor<1x64xi32>
}

// Two rows of 14 pixels, half of a row of pixels each, by two panels: rows of the window are read from a copy with padding.
// CHECK-LABEL: func.func @padded
func.func @padded(%x: tensor<1x28x28x128xi8>, %w: tensor<128x3x3x128xi8>) -> tensor<1x28x28x128xi32> {
  %zero = arith.constant 0 : i32
  %pad = arith.constant 7 : i8
  %padded = tensor.pad %x low[0, 1, 1, 0] high[0, 1, 1, 0] {
  ^bb0(%i: index, %j: index, %k: index, %l: index):
    tensor.yield %pad : i8
  } : tensor<1x28x28x128xi8> to tensor<1x30x30x128xi8>
  %empty = tensor.empty() : tensor<1x28x28x128xi32>
  %init = linalg.fill ins(%zero : i32) outs(%empty : tensor<1x28x28x128xi32>) -> tensor<1x28x28x128xi32>
  // CHECK: kernel.tiling = #kernel.tiling<intrinsic = tdpbusd, rows = 28, columns = 32, kv = 4>
  %r = linalg.generic {indexing_maps = [affine_map<(n, oh, ow, oc, kh, kw, ic) -> (n, oh + kh, ow + kw, ic)>, #weights, #sums], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%padded, %w : tensor<1x30x30x128xi8>, tensor<128x3x3x128xi8>) outs(%init : tensor<1x28x28x128xi32>) {
  ^bb0(%a: i8, %b: i8, %c: i32):
    %ax = arith.extui %a : i8 to i32
    %bx = arith.extsi %b : i8 to i32
    %p = arith.muli %ax, %bx : i32
    %s = arith.addi %c, %p : i32
    linalg.yield %s : i32
  } -> tensor<1x28x28x128xi32>
  return %r : tensor<1x28x28x128xi32>
}

// Three rows of seven pixels.
// CHECK-LABEL: func.func @odd_rows
func.func @odd_rows(%x: tensor<1x5x9x32xi8>, %w: tensor<16x3x3x32xi8>) -> tensor<1x3x7x16xi32> {
  %zero = arith.constant 0 : i32
  %empty = tensor.empty() : tensor<1x3x7x16xi32>
  %init = linalg.fill ins(%zero : i32) outs(%empty : tensor<1x3x7x16xi32>) -> tensor<1x3x7x16xi32>
  // CHECK: kernel.tiling = #kernel.tiling<intrinsic = tdpbusd, rows = 21, columns = 16, kv = 4>
  %r = linalg.generic {indexing_maps = [affine_map<(n, oh, ow, oc, kh, kw, ic) -> (n, oh + kh, ow + kw, ic)>, #weights, #sums], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%x, %w : tensor<1x5x9x32xi8>, tensor<16x3x3x32xi8>) outs(%init : tensor<1x3x7x16xi32>) {
  ^bb0(%a: i8, %b: i8, %c: i32):
    %ax = arith.extui %a : i8 to i32
    %bx = arith.extsi %b : i8 to i32
    %p = arith.muli %ax, %bx : i32
    %s = arith.addi %c, %p : i32
    linalg.yield %s : i32
  } -> tensor<1x3x7x16xi32>
  return %r : tensor<1x3x7x16xi32>
}

// Four rows of ten pixels.
// CHECK-LABEL: func.func @four_rows
func.func @four_rows(%x: tensor<1x12x12x32xi8>, %w: tensor<16x3x3x32xi8>) -> tensor<1x10x10x16xi32> {
  %zero = arith.constant 0 : i32
  %empty = tensor.empty() : tensor<1x10x10x16xi32>
  %init = linalg.fill ins(%zero : i32) outs(%empty : tensor<1x10x10x16xi32>) -> tensor<1x10x10x16xi32>
  // CHECK: kernel.tiling = #kernel.tiling<intrinsic = tdpbusd, rows = 40, columns = 16, kv = 4>
  %r = linalg.generic {indexing_maps = [affine_map<(n, oh, ow, oc, kh, kw, ic) -> (n, oh + kh, ow + kw, ic)>, #weights, #sums], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%x, %w : tensor<1x12x12x32xi8>, tensor<16x3x3x32xi8>) outs(%init : tensor<1x10x10x16xi32>) {
  ^bb0(%a: i8, %b: i8, %c: i32):
    %ax = arith.extui %a : i8 to i32
    %bx = arith.extsi %b : i8 to i32
    %p = arith.muli %ax, %bx : i32
    %s = arith.addi %c, %p : i32
    linalg.yield %s : i32
  } -> tensor<1x10x10x16xi32>
  return %r : tensor<1x10x10x16xi32>
}

// Pixels two apart are a fixed distance apart, too.
// CHECK-LABEL: func.func @strided
func.func @strided(%x: tensor<1x56x56x64xi8>, %w: tensor<128x1x1x64xi8>) -> tensor<1x28x28x128xi32> {
  %zero = arith.constant 0 : i32
  %empty = tensor.empty() : tensor<1x28x28x128xi32>
  %init = linalg.fill ins(%zero : i32) outs(%empty : tensor<1x28x28x128xi32>) -> tensor<1x28x28x128xi32>
  // CHECK: kernel.tiling = #kernel.tiling<intrinsic = tdpbusd, rows = 28, columns = 32, kv = 4>
  %r = linalg.generic {indexing_maps = [affine_map<(n, oh, ow, oc, kh, kw, ic) -> (n, oh * 2 + kh, ow * 2 + kw, ic)>, #weights, #sums], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%x, %w : tensor<1x56x56x64xi8>, tensor<128x1x1x64xi8>) outs(%init : tensor<1x28x28x128xi32>) {
  ^bb0(%a: i8, %b: i8, %c: i32):
    %ax = arith.extui %a : i8 to i32
    %bx = arith.extsi %b : i8 to i32
    %p = arith.muli %ax, %bx : i32
    %s = arith.addi %c, %p : i32
    linalg.yield %s : i32
  } -> tensor<1x28x28x128xi32>
  return %r : tensor<1x28x28x128xi32>
}

// Without a window, pixels are rows of a product.
// CHECK-LABEL: func.func @pointwise
func.func @pointwise(%x: tensor<1x28x28x128xi8>, %w: tensor<128x1x1x128xi8>) -> tensor<1x28x28x128xi32> {
  %zero = arith.constant 0 : i32
  %empty = tensor.empty() : tensor<1x28x28x128xi32>
  %init = linalg.fill ins(%zero : i32) outs(%empty : tensor<1x28x28x128xi32>) -> tensor<1x28x28x128xi32>
  // CHECK: kernel.tiling = #kernel.tiling<intrinsic = tdpbusd, rows = 32, columns = 32, kv = 4>
  %r = linalg.generic {indexing_maps = [affine_map<(n, oh, ow, oc, kh, kw, ic) -> (n, oh + kh, ow + kw, ic)>, #weights, #sums], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%x, %w : tensor<1x28x28x128xi8>, tensor<128x1x1x128xi8>) outs(%init : tensor<1x28x28x128xi32>) {
  ^bb0(%a: i8, %b: i8, %c: i32):
    %ax = arith.extui %a : i8 to i32
    %bx = arith.extsi %b : i8 to i32
    %p = arith.muli %ax, %bx : i32
    %s = arith.addi %c, %p : i32
    linalg.yield %s : i32
  } -> tensor<1x28x28x128xi32>
  return %r : tensor<1x28x28x128xi32>
}

// Rows of the window may be apart.
// CHECK-LABEL: func.func @dilated_rows
func.func @dilated_rows(%x: tensor<1x30x30x64xi8>, %w: tensor<64x3x3x64xi8>) -> tensor<1x26x28x64xi32> {
  %zero = arith.constant 0 : i32
  %empty = tensor.empty() : tensor<1x26x28x64xi32>
  %init = linalg.fill ins(%zero : i32) outs(%empty : tensor<1x26x28x64xi32>) -> tensor<1x26x28x64xi32>
  // CHECK: kernel.tiling = #kernel.tiling<intrinsic = tdpbusd, rows = 28, columns = 32, kv = 4>
  %r = linalg.generic {indexing_maps = [affine_map<(n, oh, ow, oc, kh, kw, ic) -> (n, oh + kh * 2, ow + kw, ic)>, #weights, #sums], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%x, %w : tensor<1x30x30x64xi8>, tensor<64x3x3x64xi8>) outs(%init : tensor<1x26x28x64xi32>) {
  ^bb0(%a: i8, %b: i8, %c: i32):
    %ax = arith.extui %a : i8 to i32
    %bx = arith.extsi %b : i8 to i32
    %p = arith.muli %ax, %bx : i32
    %s = arith.addi %c, %p : i32
    linalg.yield %s : i32
  } -> tensor<1x26x28x64xi32>
  return %r : tensor<1x26x28x64xi32>
}

// Pixels of the window may not; they are gathered.
// CHECK-LABEL: func.func @dilated_pixels
func.func @dilated_pixels(%x: tensor<1x30x30x64xi8>, %w: tensor<64x3x3x64xi8>) -> tensor<1x28x26x64xi32> {
  %zero = arith.constant 0 : i32
  %empty = tensor.empty() : tensor<1x28x26x64xi32>
  %init = linalg.fill ins(%zero : i32) outs(%empty : tensor<1x28x26x64xi32>) -> tensor<1x28x26x64xi32>
  // CHECK: kernel.tiling = #kernel.tiling<intrinsic = tdpbusd, rows = 32, columns = 32, kv = 4, gather = true>
  %r = linalg.generic {indexing_maps = [affine_map<(n, oh, ow, oc, kh, kw, ic) -> (n, oh + kh, ow + kw * 2, ic)>, #weights, #sums], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%x, %w : tensor<1x30x30x64xi8>, tensor<64x3x3x64xi8>) outs(%init : tensor<1x28x26x64xi32>) {
  ^bb0(%a: i8, %b: i8, %c: i32):
    %ax = arith.extui %a : i8 to i32
    %bx = arith.extsi %b : i8 to i32
    %p = arith.muli %ax, %bx : i32
    %s = arith.addi %c, %p : i32
    linalg.yield %s : i32
  } -> tensor<1x28x26x64xi32>
  return %r : tensor<1x28x26x64xi32>
}

// Weights in blocks: tiles of bf16 pieces from a few rows on. One row multiplies in f32, and so does what has no blocks of 32 weights or no integers.
// CHECK-LABEL: func.func @blocks
// CHECK: kernel.tiling = #kernel.tiling<intrinsic = tdpbf16ps, rows = 20, columns = 32, kv = 2>
// CHECK: kernel.tiling = #kernel.tiling<intrinsic = tdpbf16ps, rows = 20, columns = 32, kv = 2>
// CHECK: kernel.tiling = #kernel.tiling<intrinsic = fma, rows = 1,
// CHECK: kernel.tiling = #kernel.tiling<intrinsic = fma,
// CHECK: kernel.tiling = #kernel.tiling<intrinsic = fma,
func.func @blocks(%x: tensor<20x256xf32>, %h: tensor<?x20x256xbf16>, %one: tensor<1x256xf32>, %y: tensor<20x48xf32>, %o: tensor<20x96xf32>,
                  %ho: tensor<?x20x96xf32>, %oneo: tensor<1x96xf32>)
    -> (tensor<20x96xf32>, tensor<?x20x96xf32>, tensor<1x96xf32>, tensor<20x96xf32>, tensor<20x96xf32>) {
  %zero = arith.constant 0.0 : f32
  %q = arith.constant dense<3> : tensor<96x256xi8>
  %s = arith.constant dense<1.0> : tensor<96x8xbf16>
  %ss = arith.constant dense<1.0> : tensor<96x2xbf16>
  %t = arith.constant dense<1.0> : tensor<16xf32>
  %w = kernel.dequantize %q, %s {axis = 0 : i64, bits = 4 : i64, block = 32 : i64} : (tensor<96x256xi8>, tensor<96x8xbf16>) -> tensor<96x256xf32>
  %coded = kernel.dequantize %q, %s table(%t) {axis = 0 : i64, bits = 4 : i64, block = 32 : i64}
      : (tensor<96x256xi8>, tensor<96x8xbf16>, tensor<16xf32>) -> tensor<96x256xf32>
  %qs = arith.constant dense<3> : tensor<96x48xi8>
  %short = kernel.dequantize %qs, %ss {axis = 0 : i64, bits = 4 : i64, block = 32 : i64} : (tensor<96x48xi8>, tensor<96x2xbf16>) -> tensor<96x48xf32>
  %f = linalg.fill ins(%zero : f32) outs(%o : tensor<20x96xf32>) -> tensor<20x96xf32>
  %hf = linalg.fill ins(%zero : f32) outs(%ho : tensor<?x20x96xf32>) -> tensor<?x20x96xf32>
  %onef = linalg.fill ins(%zero : f32) outs(%oneo : tensor<1x96xf32>) -> tensor<1x96xf32>
  %a = linalg.generic {indexing_maps = [#lhs, affine_map<(m, n, k) -> (n, k)>, #out], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<20x256xf32>, tensor<96x256xf32>) outs(%f : tensor<20x96xf32>) {
  ^bb0(%l: f32, %r: f32, %c: f32):
    %p = arith.mulf %l, %r : f32
    %u = arith.addf %c, %p : f32
    linalg.yield %u : f32
  } -> tensor<20x96xf32>
  %b = linalg.generic {indexing_maps = [affine_map<(b, m, n, k) -> (b, m, k)>, affine_map<(b, m, n, k) -> (n, k)>, affine_map<(b, m, n, k) -> (b, m, n)>],
                       iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%h, %w : tensor<?x20x256xbf16>, tensor<96x256xf32>) outs(%hf : tensor<?x20x96xf32>) {
  ^bb0(%l: bf16, %r: f32, %c: f32):
    %lw = arith.extf %l : bf16 to f32
    %p = arith.mulf %lw, %r : f32
    %u = arith.addf %c, %p : f32
    linalg.yield %u : f32
  } -> tensor<?x20x96xf32>
  %d = linalg.generic {indexing_maps = [#lhs, affine_map<(m, n, k) -> (n, k)>, #out], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%one, %w : tensor<1x256xf32>, tensor<96x256xf32>) outs(%onef : tensor<1x96xf32>) {
  ^bb0(%l: f32, %r: f32, %c: f32):
    %p = arith.mulf %l, %r : f32
    %u = arith.addf %c, %p : f32
    linalg.yield %u : f32
  } -> tensor<1x96xf32>
  %e = linalg.generic {indexing_maps = [#lhs, affine_map<(m, n, k) -> (n, k)>, #out], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %coded : tensor<20x256xf32>, tensor<96x256xf32>) outs(%f : tensor<20x96xf32>) {
  ^bb0(%l: f32, %r: f32, %c: f32):
    %p = arith.mulf %l, %r : f32
    %u = arith.addf %c, %p : f32
    linalg.yield %u : f32
  } -> tensor<20x96xf32>
  %g = linalg.generic {indexing_maps = [#lhs, affine_map<(m, n, k) -> (n, k)>, #out], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%y, %short : tensor<20x48xf32>, tensor<96x48xf32>) outs(%f : tensor<20x96xf32>) {
  ^bb0(%l: f32, %r: f32, %c: f32):
    %p = arith.mulf %l, %r : f32
    %u = arith.addf %c, %p : f32
    linalg.yield %u : f32
  } -> tensor<20x96xf32>
  return %a, %b, %d, %e, %g : tensor<20x96xf32>, tensor<?x20x96xf32>, tensor<1x96xf32>, tensor<20x96xf32>, tensor<20x96xf32>
}
