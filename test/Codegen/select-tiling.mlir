// Tiles fill the registers of the target; what decides the layout of weights (kv, gather) is the same for all.
// RUN: mpc-opt %s --pass-pipeline="builtin.module(mpc-describe-target{march=x86-64-v3},mpc-select-tiling)" | FileCheck %s --check-prefixes=CHECK,AVX2
// RUN: mpc-opt %s --pass-pipeline="builtin.module(mpc-describe-target{march=x86-64-v3},mpc-select-tiling)" --remarks-filter=mpc-select-tiling 2>&1 >/dev/null | FileCheck %s --check-prefix=REMARK
// RUN: mpc-opt %s --pass-pipeline="builtin.module(mpc-describe-target{march=cascadelake},mpc-select-tiling)" | FileCheck %s --check-prefixes=CHECK,VNNI

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
