// Weights in blocks are read by tiles where few rows share them, and expanded before the contraction elsewhere.
// RUN: mpc-opt %s --pass-pipeline="builtin.module(mpc-describe-target{march=x86-64-v3},mpc-select-tiling,mpc-pack-constants)" --split-input-file | FileCheck %s --check-prefix=PACK
// RUN: mpc-opt %s --pass-pipeline="builtin.module(mpc-describe-target{march=x86-64-v3},mpc-select-tiling,mpc-pack-constants,func.func(mpc-tile-and-fuse))" --split-input-file | FileCheck %s --check-prefix=FUSE

#lhs = affine_map<(m, n, k) -> (m, k)>
#rhs = affine_map<(m, n, k) -> (k, n)>
#out = affine_map<(m, n, k) -> (m, n)>

// One row: packed, a stream of 2 + 1 runs; parameters are arguments no more.
// PACK-LABEL: func.func private @few
// PACK-SAME: (%{{.*}}: tensor<1x6xf32>, %[[W:.*]]: tensor<1x224xi8>, %{{.*}}: tensor<1x2xf32>)
// PACK: kernel.unpack %[[W]] {blocks = #kernel.blocks<bits = 4, block = 4, depth = 6, zero_points = true>, transposed} : tensor<1x224xi8> to tensor<6x2xf32>
// FUSE: kernel.contract ins(%{{.*}}, %{{.*}} : tensor<1x6xf32>, tensor<1x224xi8>)
// FUSE-SAME: blocks = #kernel.blocks<bits = 4, block = 4, depth = 6, zero_points = true>
func.func private @few(%x: tensor<1x6xf32>, %q: tensor<6x2xi8>, %s: tensor<2x2xbf16>, %z: tensor<2x2xi8>, %init: tensor<1x2xf32>) -> tensor<1x2xf32> {
  %zero = arith.constant 0.0 : f32
  %w = kernel.dequantize %q, %s zero_points(%z) {axis = 1 : i64, bits = 4 : i64, block = 4 : i64}
      : (tensor<6x2xi8>, tensor<2x2xbf16>, tensor<2x2xi8>) -> tensor<6x2xf32>
  %f = linalg.fill ins(%zero : f32) outs(%init : tensor<1x2xf32>) -> tensor<1x2xf32>
  %r = linalg.generic {indexing_maps = [#lhs, #rhs, #out], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<1x6xf32>, tensor<6x2xf32>) outs(%f : tensor<1x2xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %t = arith.addf %c, %p : f32
    linalg.yield %t : f32
  } -> tensor<1x2xf32>
  return %r : tensor<1x2xf32>
}

// PACK-LABEL: func.func @main
// PACK: arith.constant dense_resource<[[KEY:.*]]> : tensor<1x224xi8>
// PACK-NOT: bf16
func.func @main(%x: tensor<1x6xf32>, %init: tensor<1x2xf32>) -> tensor<1x2xf32> {
  %q = arith.constant dense<[[1, 2], [3, 4], [5, 6], [7, 8], [9, 10], [11, 12]]> : tensor<6x2xi8>
  %s = arith.constant dense<[[1.0, 2.0], [4.0, 8.0]]> : tensor<2x2xbf16>
  %z = arith.constant dense<[[1, 2], [3, 4]]> : tensor<2x2xi8>
  %0 = func.call @few(%x, %q, %s, %z, %init) : (tensor<1x6xf32>, tensor<6x2xi8>, tensor<2x2xbf16>, tensor<2x2xi8>, tensor<1x2xf32>) -> tensor<1x2xf32>
  return %0 : tensor<1x2xf32>
}

// Scales 1 and 4 (0x3F80, 0x4080) of the first run, zero points 1 and 3, a word of 1, 3, 5, 7 for lane 0 and of 2, 4, 6, 8 for lane 1; then the
// second run.
// PACK: [[KEY]]: "0x40000000803F8040{{0+}}0103{{0+}}3175000042860000{{0+}}00400041{{0+}}0204{{0+}}B9000000CA{{0+}}"

// -----

#lhs = affine_map<(m, n, k) -> (m, k)>
#rhs = affine_map<(m, n, k) -> (n, k)>
#out = affine_map<(m, n, k) -> (m, n)>

// Many rows: expanded first.
// PACK-LABEL: func.func @many
// PACK: %[[E:.*]] = kernel.expand ins(%{{.*}} : tensor<2x576xi8>) outs(%{{.*}} : tensor<2x1x64x16x1xf32>)
// PACK: kernel.unpack %[[E]] : tensor<2x1x64x16x1xf32> to tensor<20x64xf32>
// FUSE-LABEL: func.func @many
// FUSE: kernel.contract ins(%{{.*}}, %{{.*}} : tensor<100x64xf32>, tensor<2x1x64x16x1xf32>)
func.func @many(%x: tensor<100x64xf32>, %init: tensor<100x20xf32>) -> tensor<100x20xf32> {
  %zero = arith.constant 0.0 : f32
  %q = arith.constant dense<3> : tensor<20x64xi8>
  %s = arith.constant dense<1.0> : tensor<20x2xbf16>
  %w = kernel.dequantize %q, %s {axis = 0 : i64, bits = 4 : i64, block = 32 : i64} : (tensor<20x64xi8>, tensor<20x2xbf16>) -> tensor<20x64xf32>
  %f = linalg.fill ins(%zero : f32) outs(%init : tensor<100x20xf32>) -> tensor<100x20xf32>
  %r = linalg.generic {indexing_maps = [#lhs, #rhs, #out], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<100x64xf32>, tensor<20x64xf32>) outs(%f : tensor<100x20xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b : f32
    %t = arith.addf %c, %p : f32
    linalg.yield %t : f32
  } -> tensor<100x20xf32>
  return %r : tensor<100x20xf32>
}

// -----

// Boundary: an op that is no kernel's gets numbers, computed at compile time: (3 - 8) * 2.
// PACK-LABEL: func.func @elsewhere
// PACK: %[[W:.*]] = arith.constant dense_resource<[[KEY:.*]]> : tensor<2x2xf32>
// PACK: linalg.copy ins(%[[W]] : tensor<2x2xf32>)
func.func @elsewhere(%init: tensor<2x2xf32>) -> tensor<2x2xf32> {
  %q = arith.constant dense<3> : tensor<2x2xi8>
  %s = arith.constant dense<2.0> : tensor<2x1xbf16>
  %w = kernel.dequantize %q, %s {axis = 0 : i64, bits = 4 : i64, block = 32 : i64} : (tensor<2x2xi8>, tensor<2x1xbf16>) -> tensor<2x2xf32>
  %r = linalg.copy ins(%w : tensor<2x2xf32>) outs(%init : tensor<2x2xf32>) -> tensor<2x2xf32>
  return %r : tensor<2x2xf32>
}
// PACK: [[KEY]]: "0x40000000000020C1000020C1000020C1000020C1"
