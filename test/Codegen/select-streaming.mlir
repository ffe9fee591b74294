// A few rows by weights that the second-level cache does not hold: few tall tiles. Rows that share a set of the first-level cache are as many as it has lines, else they
// are interleaved.
// RUN: mpc-opt %s --pass-pipeline="builtin.module(mpc-describe-target{march=x86-64-v3},mpc-select-tiling)" | FileCheck %s --check-prefixes=CHECK,NARROW
// RUN: mpc-opt %s --pass-pipeline="builtin.module(mpc-describe-target{march=x86-64-v4},mpc-select-tiling)" | FileCheck %s --check-prefixes=CHECK,WIDE,EIGHT
// RUN: mpc-opt %s --pass-pipeline="builtin.module(mpc-describe-target{march=sapphirerapids},mpc-select-tiling)" | FileCheck %s --check-prefixes=CHECK,WIDE,TWELVE

// One tile waits for memory; the widest one has the fewest loads.
// CHECK-LABEL: func.func @six
// NARROW: rows = 6, columns = 16, kv = 1>
// WIDE: rows = 6, columns = 64, kv = 1>
func.func @six(%x: tensor<6x4096xf32>, %w: tensor<4096x4096xf32>) -> tensor<6x4096xf32> {
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<6x4096xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<6x4096xf32>) -> tensor<6x4096xf32>
  %r = linalg.matmul ins(%x, %w : tensor<6x4096xf32>, tensor<4096x4096xf32>) outs(%init : tensor<6x4096xf32>) -> tensor<6x4096xf32>
  return %r : tensor<6x4096xf32>
}

// CHECK-LABEL: func.func @eight
// NARROW: rows = 4, columns = 16, kv = 1>
// WIDE: rows = 8, columns = 48, kv = 1>
func.func @eight(%x: tensor<8x4096xf32>, %w: tensor<4096x4096xf32>) -> tensor<8x4096xf32> {
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<8x4096xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<8x4096xf32>) -> tensor<8x4096xf32>
  %r = linalg.matmul ins(%x, %w : tensor<8x4096xf32>, tensor<4096x4096xf32>) outs(%init : tensor<8x4096xf32>) -> tensor<8x4096xf32>
  return %r : tensor<8x4096xf32>
}

// CHECK-LABEL: func.func @twelve
// EIGHT: rows = 16, columns = 16, kv = 1, interleave = true>
// TWELVE: rows = 12, columns = 32, kv = 1>
func.func @twelve(%x: tensor<12x4096xf32>, %w: tensor<4096x4096xf32>) -> tensor<12x4096xf32> {
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<12x4096xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<12x4096xf32>) -> tensor<12x4096xf32>
  %r = linalg.matmul ins(%x, %w : tensor<12x4096xf32>, tensor<4096x4096xf32>) outs(%init : tensor<12x4096xf32>) -> tensor<12x4096xf32>
  return %r : tensor<12x4096xf32>
}

// They lie in other sets.
// CHECK-LABEL: func.func @elsewhere
// WIDE: rows = 12, columns = 32, kv = 1>
func.func @elsewhere(%x: tensor<12x4000xf32>, %w: tensor<4000x4096xf32>) -> tensor<12x4096xf32> {
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<12x4096xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<12x4096xf32>) -> tensor<12x4096xf32>
  %r = linalg.matmul ins(%x, %w : tensor<12x4000xf32>, tensor<4000x4096xf32>) outs(%init : tensor<12x4096xf32>) -> tensor<12x4096xf32>
  return %r : tensor<12x4096xf32>
}

// CHECK-LABEL: func.func @sixteen
// NARROW-NOT: interleave
// WIDE: rows = 16, columns = 16, kv = 1, interleave = true>
func.func @sixteen(%x: tensor<16x4096xf32>, %w: tensor<4096x4096xf32>) -> tensor<16x4096xf32> {
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<16x4096xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<16x4096xf32>) -> tensor<16x4096xf32>
  %r = linalg.matmul ins(%x, %w : tensor<16x4096xf32>, tensor<4096x4096xf32>) outs(%init : tensor<16x4096xf32>) -> tensor<16x4096xf32>
  return %r : tensor<16x4096xf32>
}

// Three tiles with a row computed twice.
// CHECK-LABEL: func.func @more
// EIGHT: rows = 8, columns = 48, kv = 1>
// TWELVE: rows = 11, columns = 32, kv = 1>
func.func @more(%x: tensor<32x4096xf32>, %w: tensor<4096x4096xf32>) -> tensor<32x4096xf32> {
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<32x4096xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<32x4096xf32>) -> tensor<32x4096xf32>
  %r = linalg.matmul ins(%x, %w : tensor<32x4096xf32>, tensor<4096x4096xf32>) outs(%init : tensor<32x4096xf32>) -> tensor<32x4096xf32>
  return %r : tensor<32x4096xf32>
}

// CHECK-LABEL: func.func @many
// WIDE: rows = 5, columns = 64, kv = 1>
func.func @many(%x: tensor<97x4096xf32>, %w: tensor<4096x4096xf32>) -> tensor<97x4096xf32> {
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<97x4096xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<97x4096xf32>) -> tensor<97x4096xf32>
  %r = linalg.matmul ins(%x, %w : tensor<97x4096xf32>, tensor<4096x4096xf32>) outs(%init : tensor<97x4096xf32>) -> tensor<97x4096xf32>
  return %r : tensor<97x4096xf32>
}

// The weights stay in the cache.
// CHECK-LABEL: func.func @near
// WIDE: rows = 4, columns = 64, kv = 1>
func.func @near(%x: tensor<32x256xf32>, %w: tensor<256x1024xf32>) -> tensor<32x1024xf32> {
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<32x1024xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<32x1024xf32>) -> tensor<32x1024xf32>
  %r = linalg.matmul ins(%x, %w : tensor<32x256xf32>, tensor<256x1024xf32>) outs(%init : tensor<32x1024xf32>) -> tensor<32x1024xf32>
  return %r : tensor<32x1024xf32>
}
