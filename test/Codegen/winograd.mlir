// What a tiling with `winograd` leads to, pass by pass: weights are transformed, padding and epilogue become part of the kernel, blocks of pixels become rows of products.
// RUN: mpc-opt %s --pass-pipeline="builtin.module(mpc-pack-constants)" | FileCheck %s --check-prefix=PACK
// RUN: mpc-opt %s --pass-pipeline="builtin.module(mpc-pack-constants,func.func(mpc-tile-and-fuse))" | FileCheck %s --check-prefix=FUSE
// RUN: mpc-opt %s --pass-pipeline="builtin.module(mpc-describe-target{march=x86-64-v4},mpc-pack-constants,func.func(mpc-tile-and-fuse),mpc-bufferize,mpc-lower-kernels,canonicalize)" | FileCheck %s --check-prefixes=LOWER
// RUN: mpc-opt %s --pass-pipeline="builtin.module(mpc-describe-target{march=x86-64-v3},mpc-pack-constants,func.func(mpc-tile-and-fuse),mpc-bufferize,mpc-lower-kernels,canonicalize)" | FileCheck %s --check-prefixes=AVX2

// PACK: %[[P:.*]] = arith.constant dense_resource<[[KEY:.*]]> : tensor<2x36x16x16x1xf32>
// PACK: %[[W:.*]] = kernel.unpack %[[P]] {winograd} : tensor<2x36x16x16x1xf32> to tensor<24x3x3x16xf32>
// PACK: linalg.conv_2d_nhwc_fhwc {{.*}}ins(%{{.*}}, %[[W]] :

// The rows of G add up to 1/4, -1/2, -1/6, 7/24, 1/24 and 1; of 2 in the place of each weight the first two taps of 16 x 16 pairs of channels are
// 2 · 1/16 and 2 · -1/8.
// PACK: [[KEY]]: "0x40000000{{(((0000003E){16}){16}((000080BE){16}){16})}}

// FUSE: kernel.winograd ins(%{{.*}}, %{{.*}} : tensor<?x14x15x16xf32>, tensor<2x36x16x16x1xf32>) extras(%{{.*}} : tensor<24xf32>)
// FUSE-SAME: pad_value = 0.000000e+00 : f32
// FUSE-SAME: winograd = true>, window = #kernel.window<sizes = [3, 3], strides = [1, 1], dilations = [1, 1], low = [1, 0], high = [0, 2]>
// FUSE: arith.maximumf
// FUSE-NOT: linalg.generic

// 13 x 15 pixels are 4 x 4 blocks; there is room for those of a sample, in matrices that are 16 floats apart: V with 16 columns, M with two panels.
// LOWER: %[[V:.*]] = memref.alloc() : memref<9792xf32>
// LOWER: %[[M:.*]] = memref.alloc() : memref<19008xf32>
// LOWER: scf.for
// LOWER: scf.forall
// LOWER-COUNT-36: vector.load {{.*}} vector<16xf32>
// LOWER: vector.fma
// LOWER-COUNT-36: vector.store {{.*}}, %[[V]]
// LOWER: scf.forall (%{{.*}}) in (36)
// LOWER: kernel.inner_tile fma
// LOWER: vector.store {{.*}}, %[[M]]
// Channels 8 to 23 are computed again with the second vector, which moves back.
// LOWER: scf.forall
// LOWER: arith.minui %{{.*}}, %c8 : index
// LOWER-COUNT-36: vector.load %[[M]]
// LOWER-COUNT-16: vector.store {{.*}} : memref<16x16xf32>, vector<16xf32>
// LOWER: scf.for
// LOWER: scf.for
// LOWER: arith.maximumf {{.*}} vector<16xf32>

// AVX2: vector.load {{.*}} vector<8xf32>
// AVX2-NOT: vector.fma {{.*}} vector<16xf32>
// AVX2: memref.alloca() {{.*}} : memref<16x8xf32>
#id = affine_map<(n, h, w, c) -> (n, h, w, c)>
func.func @main(%x: tensor<?x14x15x16xf32>, %bias: tensor<24xf32>, %out: tensor<?x13x15x24xf32> {bufferization.writable = true}) -> tensor<?x13x15x24xf32> {
  %w = arith.constant dense<2.0> : tensor<24x3x3x16xf32>
  %zero = arith.constant 0.0 : f32
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x14x15x16xf32>
  %padded = tensor.pad %x low[0, 1, 0, 0] high[0, 0, 2, 0] {
  ^bb0(%i: index, %j: index, %k: index, %l: index):
    tensor.yield %zero : f32
  } : tensor<?x14x15x16xf32> to tensor<?x15x17x16xf32>
  %empty = tensor.empty(%n) : tensor<?x13x15x24xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<?x13x15x24xf32>) -> tensor<?x13x15x24xf32>
  %acc = linalg.conv_2d_nhwc_fhwc {kernel.tiling = #kernel.tiling<intrinsic = fma, rows = 8, columns = 32, kv = 1, winograd = true>}
      ins(%padded, %w : tensor<?x15x17x16xf32>, tensor<24x3x3x16xf32>) outs(%init : tensor<?x13x15x24xf32>) -> tensor<?x13x15x24xf32>
  %r = linalg.generic {indexing_maps = [#id, affine_map<(n, h, w, c) -> (c)>, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%acc, %bias : tensor<?x13x15x24xf32>, tensor<24xf32>) outs(%out : tensor<?x13x15x24xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %s = arith.addf %a, %b : f32
    %m = arith.maximumf %s, %zero : f32
    linalg.yield %m : f32
  } -> tensor<?x13x15x24xf32>
  return %r : tensor<?x13x15x24xf32>
}

// 8 x 8 blocks fit the second cache of x86-64-v4 together; half of them fit that of x86-64-v3.
// LOWER-LABEL: func.func @cache
// LOWER-COUNT-2: memref.alloc() : memref<37440xf32>
// LOWER: scf.for {{.*}} step %c64
// AVX2-LABEL: func.func @cache
// AVX2-COUNT-2: memref.alloc() : memref<19008xf32>
// AVX2: scf.for {{.*}} step %c32
func.func @cache(%x: tensor<?x34x34x16xf32>, %out: tensor<?x32x32x16xf32> {bufferization.writable = true}) -> tensor<?x32x32x16xf32> {
  %w = arith.constant dense<2.0> : tensor<16x3x3x16xf32>
  %zero = arith.constant 0.0 : f32
  %init = linalg.fill ins(%zero : f32) outs(%out : tensor<?x32x32x16xf32>) -> tensor<?x32x32x16xf32>
  %r = linalg.conv_2d_nhwc_fhwc {kernel.tiling = #kernel.tiling<intrinsic = fma, rows = 8, columns = 16, kv = 1, winograd = true>}
      ins(%x, %w : tensor<?x34x34x16xf32>, tensor<16x3x3x16xf32>) outs(%init : tensor<?x32x32x16xf32>) -> tensor<?x32x32x16xf32>
  return %r : tensor<?x32x32x16xf32>
}
