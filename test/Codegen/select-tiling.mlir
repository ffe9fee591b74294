// Tiles fill the registers of the target; what decides the layout of weights (kv, gather) is the same for all.
// RUN: mpc-opt %s --pass-pipeline="builtin.module(mpc-describe-target{march=x86-64-v3},mpc-select-tiling)" | FileCheck %s --check-prefixes=CHECK,AVX2
// RUN: mpc-opt %s --pass-pipeline="builtin.module(mpc-describe-target{march=x86-64-v3},mpc-select-tiling)" --remarks-filter=mpc-select-tiling 2>&1 >/dev/null | FileCheck %s --check-prefix=REMARK
// RUN: mpc-opt %s --pass-pipeline="builtin.module(mpc-describe-target{march=cascadelake},mpc-select-tiling)" | FileCheck %s --check-prefixes=CHECK,VNNI
// RUN: mpc-opt %s --pass-pipeline="builtin.module(mpc-describe-target{march=znver4},mpc-select-tiling)" | FileCheck %s --check-prefixes=CHECK,DOT
// RUN: mpc-opt %s --pass-pipeline="builtin.module(mpc-describe-target{march=sapphirerapids},mpc-select-tiling)" | FileCheck %s --check-prefix=FULL

#lhs = affine_map<(m, n, k) -> (m, k)>
#rhs = affine_map<(m, n, k) -> (k, n)>
#out = affine_map<(m, n, k) -> (m, n)>

// REMARK: remark: {{.*}}tile of 6 rows by 16 columns with fma
// REMARK: remark: {{.*}}tile of 3 rows by 16 columns with pmaddwd
// REMARK: remark: {{.*}}with pmaddwd, rows gathered

// CHECK-LABEL: func.func @f32
func.func @f32(%x: tensor<512x64xf32>, %w: tensor<64x100xf32>) -> tensor<512x100xf32> {
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<512x100xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<512x100xf32>) -> tensor<512x100xf32>
  // Seven panels: two groups of four and three.
  // AVX2: kernel.tiling = #kernel.tiling<intrinsic = fma, rows = 6, columns = 16, kv = 1>
  // VNNI: kernel.tiling = #kernel.tiling<intrinsic = fma, rows = 6, columns = 64, kv = 1>
  %r = linalg.matmul ins(%x, %w : tensor<512x64xf32>, tensor<64x100xf32>) outs(%init : tensor<512x100xf32>) -> tensor<512x100xf32>
  return %r : tensor<512x100xf32>
}

// CHECK-LABEL: func.func @u8s8
func.func @u8s8(%x: tensor<512x64xi8>, %w: tensor<64x100xi8>) -> tensor<512x100xi32> {
  %zero = arith.constant 0 : i32
  %empty = tensor.empty() : tensor<512x100xi32>
  %init = linalg.fill ins(%zero : i32) outs(%empty : tensor<512x100xi32>) -> tensor<512x100xi32>
  // AVX2: kernel.tiling = #kernel.tiling<intrinsic = pmaddwd, rows = 3, columns = 16, kv = 4>
  // VNNI: kernel.tiling = #kernel.tiling<intrinsic = vpdpbusd, rows = 6, columns = 64, kv = 4>
  %r = linalg.generic {indexing_maps = [#lhs, #rhs, #out], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<512x64xi8>, tensor<64x100xi8>) outs(%init : tensor<512x100xi32>) {
  ^bb0(%a: i8, %b: i8, %c: i32):
    %ax = arith.extui %a : i8 to i32
    %bx = arith.extsi %b : i8 to i32
    %p = arith.muli %ax, %bx : i32
    %s = arith.addi %c, %p : i32
    linalg.yield %s : i32
  } -> tensor<512x100xi32>
  return %r : tensor<512x100xi32>
}

// Signed activations are not what vpdpbusd multiplies; 30 is no multiple of four.
// CHECK-LABEL: func.func @s8s8
func.func @s8s8(%x: tensor<512x30xi8>, %w: tensor<30x16xi8>) -> tensor<512x16xi32> {
  %zero = arith.constant 0 : i32
  %empty = tensor.empty() : tensor<512x16xi32>
  %init = linalg.fill ins(%zero : i32) outs(%empty : tensor<512x16xi32>) -> tensor<512x16xi32>
  // CHECK: kernel.tiling = #kernel.tiling<intrinsic = pmaddwd, {{.*}}, columns = 16, kv = 4, gather = true>
  %r = linalg.generic {indexing_maps = [#lhs, #rhs, #out], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<512x30xi8>, tensor<30x16xi8>) outs(%init : tensor<512x16xi32>) {
  ^bb0(%a: i8, %b: i8, %c: i32):
    %ax = arith.extsi %a : i8 to i32
    %bx = arith.extsi %b : i8 to i32
    %p = arith.muli %ax, %bx : i32
    %s = arith.addi %c, %p : i32
    linalg.yield %s : i32
  } -> tensor<512x16xi32>
  return %r : tensor<512x16xi32>
}

// Refused: a sum that does not start at zero, and a product that accumulates in f16.
// CHECK-LABEL: func.func @refused
func.func @refused(%x: tensor<8x8xf32>, %w: tensor<8x8xf32>, %init: tensor<8x8xf32>, %h: tensor<8x8xf16>) -> (tensor<8x8xf32>, tensor<8x8xf16>) {
  // CHECK-NOT: kernel.tiling
  %zero = arith.constant 0.0 : f16
  %empty = tensor.empty() : tensor<8x8xf16>
  %fill = linalg.fill ins(%zero : f16) outs(%empty : tensor<8x8xf16>) -> tensor<8x8xf16>
  %r = linalg.matmul ins(%x, %w : tensor<8x8xf32>, tensor<8x8xf32>) outs(%init : tensor<8x8xf32>) -> tensor<8x8xf32>
  %q = linalg.matmul ins(%h, %h : tensor<8x8xf16>, tensor<8x8xf16>) outs(%fill : tensor<8x8xf16>) -> tensor<8x8xf16>
  return %r, %q : tensor<8x8xf32>, tensor<8x8xf16>
}

#pixels = affine_map<(n, oh, ow, oc, kh, kw, ic) -> (n, oh + kh, ow + kw, ic)>
#taps = affine_map<(n, oh, ow, oc, kh, kw, ic) -> (oc, kh, kw, ic)>
#sums = affine_map<(n, oh, ow, oc, kh, kw, ic) -> (n, oh, ow, oc)>

// Two output channels of 16 that a panel has: lanes are pixels.
// CHECK-LABEL: func.func @few_channels
func.func @few_channels(%x: tensor<1x34x66x8xf32>, %w: tensor<2x3x3x8xf32>) -> tensor<1x32x64x2xf32> {
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<1x32x64x2xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<1x32x64x2xf32>) -> tensor<1x32x64x2xf32>
  // AVX2: kernel.tiling = #kernel.tiling<intrinsic = fma, rows = 32, columns = 2, kv = 1, planar = true>
  // VNNI: kernel.tiling = #kernel.tiling<intrinsic = fma, rows = 64, columns = 2, kv = 1, planar = true>
  %r = linalg.generic {indexing_maps = [#pixels, #taps, #sums],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%x, %w : tensor<1x34x66x8xf32>, tensor<2x3x3x8xf32>) outs(%init : tensor<1x32x64x2xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  } -> tensor<1x32x64x2xf32>
  return %r : tensor<1x32x64x2xf32>
}

// So are those of unsigned bytes, where dot products of four channels can be had; not of six channels, which are no whole words.
// CHECK-LABEL: func.func @few_channels_of_bytes
func.func @few_channels_of_bytes(%x: tensor<1x34x66x8xi8>, %w: tensor<2x3x3x8xi8>, %y: tensor<1x34x66x6xi8>, %v: tensor<2x3x3x6xi8>)
    -> (tensor<1x32x64x2xi32>, tensor<1x32x64x2xi32>) {
  %zero = arith.constant 0 : i32
  %empty = tensor.empty() : tensor<1x32x64x2xi32>
  %init = linalg.fill ins(%zero : i32) outs(%empty : tensor<1x32x64x2xi32>) -> tensor<1x32x64x2xi32>
  // AVX2-NOT: planar
  // VNNI: kernel.tiling = #kernel.tiling<intrinsic = vpdpbusd, rows = 64, columns = 2, kv = 4, planar = true>
  // DOT: kernel.tiling = #kernel.tiling<intrinsic = vpdpbusd, rows = 64, columns = 2, kv = 4, planar = true>
  %r = linalg.generic {indexing_maps = [#pixels, #taps, #sums],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%x, %w : tensor<1x34x66x8xi8>, tensor<2x3x3x8xi8>) outs(%init : tensor<1x32x64x2xi32>) {
  ^bb0(%a: i8, %b: i8, %c: i32):
    %ax = arith.extui %a : i8 to i32
    %bx = arith.extsi %b : i8 to i32
    %p = arith.muli %ax, %bx : i32
    %s = arith.addi %c, %p : i32
    linalg.yield %s : i32
  } -> tensor<1x32x64x2xi32>
  // CHECK-NOT: planar
  %t = linalg.generic {indexing_maps = [#pixels, #taps, #sums],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%y, %v : tensor<1x34x66x6xi8>, tensor<2x3x3x6xi8>) outs(%init : tensor<1x32x64x2xi32>) {
  ^bb0(%a: i8, %b: i8, %c: i32):
    %ax = arith.extui %a : i8 to i32
    %bx = arith.extsi %b : i8 to i32
    %p = arith.muli %ax, %bx : i32
    %s = arith.addi %c, %p : i32
    linalg.yield %s : i32
  } -> tensor<1x32x64x2xi32>
  return %r, %t : tensor<1x32x64x2xi32>, tensor<1x32x64x2xi32>
}

// Boundary: a full panel of channels is not worth the copy.
// CHECK-LABEL: func.func @full_panel
func.func @full_panel(%x: tensor<1x34x66x8xf32>, %w: tensor<16x3x3x8xf32>) -> tensor<1x32x64x16xf32> {
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<1x32x64x16xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<1x32x64x16xf32>) -> tensor<1x32x64x16xf32>
  // CHECK-NOT: planar
  %r = linalg.generic {indexing_maps = [#pixels, #taps, #sums],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%x, %w : tensor<1x34x66x8xf32>, tensor<16x3x3x8xf32>) outs(%init : tensor<1x32x64x16xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  } -> tensor<1x32x64x16xf32>
  return %r : tensor<1x32x64x16xf32>
}

// Boundary: so many input channels that the rows of one tile are more than a thread copies.
// CHECK-LABEL: func.func @deep
func.func @deep(%x: tensor<1x8x66x4096xf32>, %w: tensor<1x3x3x4096xf32>) -> tensor<1x6x64x1xf32> {
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<1x6x64x1xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<1x6x64x1xf32>) -> tensor<1x6x64x1xf32>
  // CHECK-NOT: planar
  %r = linalg.generic {indexing_maps = [#pixels, #taps, #sums],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%x, %w : tensor<1x8x66x4096xf32>, tensor<1x3x3x4096xf32>) outs(%init : tensor<1x6x64x1xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  } -> tensor<1x6x64x1xf32>
  return %r : tensor<1x6x64x1xf32>
}

// Depthwise bytes: dot products over the taps of a column, where there is an instruction.
// CHECK-LABEL: func.func @depthwise
func.func @depthwise(%x: tensor<1x34x66x8xi8>, %w: tensor<3x3x8xi8>) -> tensor<1x32x64x8xi32> {
  %zero = arith.constant 0 : i32
  %empty = tensor.empty() : tensor<1x32x64x8xi32>
  %init = linalg.fill ins(%zero : i32) outs(%empty : tensor<1x32x64x8xi32>) -> tensor<1x32x64x8xi32>
  // AVX2: kernel.tiling = #kernel.tiling<intrinsic = muladd,
  // VNNI: kernel.tiling = #kernel.tiling<intrinsic = vpdpbusd, rows = 1, columns = 16, kv = 4>
  %r = linalg.generic {indexing_maps = [affine_map<(n, oh, ow, c, kh, kw) -> (n, oh + kh, ow + kw, c)>,
                                        affine_map<(n, oh, ow, c, kh, kw) -> (kh, kw, c)>,
                                        affine_map<(n, oh, ow, c, kh, kw) -> (n, oh, ow, c)>],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction"]}
      ins(%x, %w : tensor<1x34x66x8xi8>, tensor<3x3x8xi8>) outs(%init : tensor<1x32x64x8xi32>) {
  ^bb0(%a: i8, %b: i8, %c: i32):
    %ax = arith.extui %a : i8 to i32
    %bx = arith.extsi %b : i8 to i32
    %p = arith.muli %ax, %bx : i32
    %s = arith.addi %c, %p : i32
    linalg.yield %s : i32
  } -> tensor<1x32x64x8xi32>
  return %r : tensor<1x32x64x8xi32>
}

#conv_x = affine_map<(n, oh, ow, oc, kh, kw, ic) -> (n, oh + kh, ow + kw, ic)>
#conv_w = affine_map<(n, oh, ow, oc, kh, kw, ic) -> (oc, kh, kw, ic)>
#conv_o = affine_map<(n, oh, ow, oc, kh, kw, ic) -> (n, oh, ow, oc)>

// Padding of zeros and short rows of pixels: a tile is one row, though it has fewer columns. AVX2 has not enough registers for that.
// CHECK-LABEL: func.func @edges
func.func @edges(%x: tensor<1x7x7x64xf32>, %w: tensor<256x3x3x64xf32>) -> tensor<1x7x7x256xf32> {
  %zero = arith.constant 0.0 : f32
  %padded = tensor.pad %x low[0, 1, 1, 0] high[0, 1, 1, 0] {
  ^bb0(%i: index, %j: index, %k: index, %l: index):
    tensor.yield %zero : f32
  } : tensor<1x7x7x64xf32> to tensor<1x9x9x64xf32>
  %empty = tensor.empty() : tensor<1x7x7x256xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<1x7x7x256xf32>) -> tensor<1x7x7x256xf32>
  // AVX2: kernel.tiling = #kernel.tiling<intrinsic = fma, rows = 5, columns = 16, kv = 1>
  // VNNI: kernel.tiling = #kernel.tiling<intrinsic = fma, rows = 7, columns = 48, kv = 1>
  %r = linalg.generic {indexing_maps = [#conv_x, #conv_w, #conv_o],
                       iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%padded, %w : tensor<1x9x9x64xf32>, tensor<256x3x3x64xf32>) outs(%init : tensor<1x7x7x256xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  } -> tensor<1x7x7x256xf32>
  return %r : tensor<1x7x7x256xf32>
}

// A tile of whole rows of pixels may have a third fewer sums than another.
// CHECK-LABEL: func.func @edges_of_8
func.func @edges_of_8(%x: tensor<1x8x8x64xf32>, %w: tensor<64x3x3x64xf32>) -> tensor<1x8x8x64xf32> {
  %zero = arith.constant 0.0 : f32
  %padded = tensor.pad %x low[0, 1, 1, 0] high[0, 1, 1, 0] {
  ^bb0(%i: index, %j: index, %k: index, %l: index):
    tensor.yield %zero : f32
  } : tensor<1x8x8x64xf32> to tensor<1x10x10x64xf32>
  %empty = tensor.empty() : tensor<1x8x8x64xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<1x8x8x64xf32>) -> tensor<1x8x8x64xf32>
  // AVX2: kernel.tiling = #kernel.tiling<intrinsic = fma, rows = 4, columns = 16, kv = 1>
  // VNNI: kernel.tiling = #kernel.tiling<intrinsic = fma, rows = 8, columns = 32, kv = 1>
  %r = linalg.generic {indexing_maps = [#conv_x, #conv_w, #conv_o],
                       iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%padded, %w : tensor<1x10x10x64xf32>, tensor<64x3x3x64xf32>) outs(%init : tensor<1x8x8x64xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  } -> tensor<1x8x8x64xf32>
  return %r : tensor<1x8x8x64xf32>
}

// Lanes are pixels, and of 96 pixels two tiles of 48 leave nothing over; two of 64 would.
// CHECK-LABEL: func.func @even_pixels
func.func @even_pixels(%x: tensor<1x34x98x8xf32>, %w: tensor<7x3x3x8xf32>) -> tensor<1x32x96x7xf32> {
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<1x32x96x7xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<1x32x96x7xf32>) -> tensor<1x32x96x7xf32>
  // VNNI: kernel.tiling = #kernel.tiling<intrinsic = fma, rows = 48, columns = 7, kv = 1, planar = true>
  %r = linalg.generic {indexing_maps = [#pixels, #taps, #sums],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%x, %w : tensor<1x34x98x8xf32>, tensor<7x3x3x8xf32>) outs(%init : tensor<1x32x96x7xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  } -> tensor<1x32x96x7xf32>
  return %r : tensor<1x32x96x7xf32>
}

// 40 pixels are two vectors and a half of 512 bits, and five of 256.
// CHECK-LABEL: func.func @half_vector
func.func @half_vector(%x: tensor<1x34x42x8xf32>, %w: tensor<7x3x3x8xf32>) -> tensor<1x32x40x7xf32> {
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<1x32x40x7xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<1x32x40x7xf32>) -> tensor<1x32x40x7xf32>
  // AVX2: kernel.tiling = #kernel.tiling<intrinsic = fma, rows = 8, columns = 7, kv = 1, planar = true>
  // VNNI: kernel.tiling = #kernel.tiling<intrinsic = fma, rows = 40, columns = 7, kv = 1, planar = true>
  %r = linalg.generic {indexing_maps = [#pixels, #taps, #sums],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%x, %w : tensor<1x34x42x8xf32>, tensor<7x3x3x8xf32>) outs(%init : tensor<1x32x40x7xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  } -> tensor<1x32x40x7xf32>
  return %r : tensor<1x32x40x7xf32>
}

#mm_x = affine_map<(m, n, k) -> (m, k)>
#mm_w = affine_map<(m, n, k) -> (k, n)>
#mm_o = affine_map<(m, n, k) -> (m, n)>

// bf16 lies in pairs on every target; dot products only where they are worth it.
// CHECK-LABEL: func.func @bf16
func.func @bf16(%x: tensor<512x64xbf16>, %w: tensor<64x64xbf16>) -> tensor<512x64xf32> {
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<512x64xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<512x64xf32>) -> tensor<512x64xf32>
  // AVX2: kernel.tiling = #kernel.tiling<intrinsic = fma, rows = 4, columns = 16, kv = 2>
  // VNNI: kernel.tiling = #kernel.tiling<intrinsic = fma, rows = 5, columns = 64, kv = 2>
  // DOT: kernel.tiling = #kernel.tiling<intrinsic = vdpbf16ps, rows = 4, columns = 64, kv = 2>
  %r = linalg.generic {indexing_maps = [#mm_x, #mm_w, #mm_o], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<512x64xbf16>, tensor<64x64xbf16>) outs(%init : tensor<512x64xf32>) {
  ^bb0(%a: bf16, %b: bf16, %c: f32):
    %ax = arith.extf %a : bf16 to f32
    %bx = arith.extf %b : bf16 to f32
    %p = arith.mulf %ax, %bx : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  } -> tensor<512x64xf32>
  return %r : tensor<512x64xf32>
}

// Where a tile has few steps, its stores keep the next one waiting: fewer accumulators, but as many as there are multiplications under way.
// CHECK-LABEL: func.func @short_sums
func.func @short_sums(%x: tensor<64x64xi8>, %w: tensor<64x64xi8>) -> tensor<64x64xi32> {
  %zero = arith.constant 0 : i32
  %empty = tensor.empty() : tensor<64x64xi32>
  %init = linalg.fill ins(%zero : i32) outs(%empty : tensor<64x64xi32>) -> tensor<64x64xi32>
  // AVX2: kernel.tiling = #kernel.tiling<intrinsic = pmaddwd, rows = 3, columns = 16, kv = 4>
  // VNNI: kernel.tiling = #kernel.tiling<intrinsic = vpdpbusd, rows = 2, columns = 64, kv = 4>
  %r = linalg.generic {indexing_maps = [#mm_x, #mm_w, #mm_o], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<64x64xi8>, tensor<64x64xi8>) outs(%init : tensor<64x64xi32>) {
  ^bb0(%a: i8, %b: i8, %c: i32):
    %ax = arith.extui %a : i8 to i32
    %bx = arith.extsi %b : i8 to i32
    %p = arith.muli %ax, %bx : i32
    %s = arith.addi %c, %p : i32
    linalg.yield %s : i32
  } -> tensor<64x64xi32>
  return %r : tensor<64x64xi32>
}

// Sixteen times as many steps: accumulators fill the registers.
// CHECK-LABEL: func.func @long_sums
func.func @long_sums(%x: tensor<66x1024xi8>, %w: tensor<1024x64xi8>) -> tensor<66x64xi32> {
  %zero = arith.constant 0 : i32
  %empty = tensor.empty() : tensor<66x64xi32>
  %init = linalg.fill ins(%zero : i32) outs(%empty : tensor<66x64xi32>) -> tensor<66x64xi32>
  // VNNI: kernel.tiling = #kernel.tiling<intrinsic = vpdpbusd, rows = 6, columns = 64, kv = 4>
  %r = linalg.generic {indexing_maps = [#mm_x, #mm_w, #mm_o], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<66x1024xi8>, tensor<1024x64xi8>) outs(%init : tensor<66x64xi32>) {
  ^bb0(%a: i8, %b: i8, %c: i32):
    %ax = arith.extui %a : i8 to i32
    %bx = arith.extsi %b : i8 to i32
    %p = arith.muli %ax, %bx : i32
    %s = arith.addi %c, %p : i32
    linalg.yield %s : i32
  } -> tensor<66x64xi32>
  return %r : tensor<66x64xi32>
}

// A column of taps meets all pixels of a row alike, so that 12 rows of 20 pixels are one of 240, or fifteen whole vectors.
// CHECK-LABEL: func.func @column
// FULL-LABEL: func.func @column
func.func @column(%x: tensor<1x16x20x10xf32>, %w: tensor<10x5x1x10xf32>) -> tensor<1x12x20x10xf32> {
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<1x12x20x10xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<1x12x20x10xf32>) -> tensor<1x12x20x10xf32>
  // FULL: kernel.tiling = #kernel.tiling<intrinsic = fma, rows = 16, columns = 10, kv = 1, planar = true>
  %r = linalg.generic {indexing_maps = [#pixels, #taps, #sums],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%x, %w : tensor<1x16x20x10xf32>, tensor<10x5x1x10xf32>) outs(%init : tensor<1x12x20x10xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  } -> tensor<1x12x20x10xf32>
  return %r : tensor<1x12x20x10xf32>
}

// A full panel whose taps are met one by one, at full rate: going from tap to tap costs more than what lanes of pixels copy.
// CHECK-LABEL: func.func @taps
// FULL-LABEL: func.func @taps
func.func @taps(%x: tensor<1x18x18x8xf32>, %w: tensor<16x5x5x8xf32>) -> tensor<1x14x14x16xf32> {
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<1x14x14x16xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<1x14x14x16xf32>) -> tensor<1x14x14x16xf32>
  // CHECK-NOT: planar
  // FULL: kernel.tiling = #kernel.tiling<intrinsic = fma, rows = 16, columns = 16, kv = 1, planar = true>
  %r = linalg.generic {indexing_maps = [#pixels, #taps, #sums],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%x, %w : tensor<1x18x18x8xf32>, tensor<16x5x5x8xf32>) outs(%init : tensor<1x14x14x16xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  } -> tensor<1x14x14x16xf32>
  return %r : tensor<1x14x14x16xf32>
}

// Of 24 pixels two vectors are as long as one and a half there, and a panel that gathers is faster.
// CHECK-LABEL: func.func @half_empty
// FULL-LABEL: func.func @half_empty
func.func @half_empty(%x: tensor<1x28x28x1xf32>, %w: tensor<10x5x5x1xf32>) -> tensor<1x24x24x10xf32> {
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<1x24x24x10xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<1x24x24x10xf32>) -> tensor<1x24x24x10xf32>
  // DOT: kernel.tiling = #kernel.tiling<intrinsic = fma, rows = 24, columns = 10, kv = 1, planar = true>
  // FULL: kernel.tiling = #kernel.tiling<intrinsic = fma, rows = 12, columns = 16, kv = 1, gather = true>
  %r = linalg.generic {indexing_maps = [#pixels, #taps, #sums],
      iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
      ins(%x, %w : tensor<1x28x28x1xf32>, tensor<10x5x5x1xf32>) outs(%init : tensor<1x24x24x10xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %s = arith.addf %c, %p : f32
    linalg.yield %s : f32
  } -> tensor<1x24x24x10xf32>
  return %r : tensor<1x24x24x10xf32>
}
