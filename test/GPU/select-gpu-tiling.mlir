// Contractions of 8-bit integers and of f16 and bf16 go to tensor cores, others to a thread per output.
// RUN: mpc-opt %s --mpc-select-gpu-tiling | FileCheck %s
// RUN: mpc-opt %s --mpc-select-gpu-tiling --remarks-filter=.* --remark-format=emitRemark 2>&1 | FileCheck %s --check-prefix=REMARK

#x = affine_map<(m, n, k) -> (m, k)>
#w = affine_map<(m, n, k) -> (n, k)>
#o = affine_map<(m, n, k) -> (m, n)>

// Four bytes of a row in one register; 100 rows are more than a block, 10 columns one panel.
// CHECK-LABEL: func.func @bytes
// CHECK: kernel.tiling = #kernel.tiling<intrinsic = mma, rows = 64, columns = 16, kv = 4>
// REMARK: block of 64 rows by 16 columns with mma
func.func @bytes(%x: tensor<100x64xi8>, %w: tensor<10x64xi8>) -> tensor<100x10xi32> {
  %zero = arith.constant 0 : i32
  %e = tensor.empty() : tensor<100x10xi32>
  %f = linalg.fill ins(%zero : i32) outs(%e : tensor<100x10xi32>) -> tensor<100x10xi32>
  %r = linalg.generic {indexing_maps = [#x, #w, #o], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<100x64xi8>, tensor<10x64xi8>) outs(%f : tensor<100x10xi32>) {
  ^bb0(%a: i8, %b: i8, %s: i32):
    %p = arith.extui %a : i8 to i32
    %q = arith.extsi %b : i8 to i32
    %m = arith.muli %p, %q : i32
    %t = arith.addi %s, %m : i32
    linalg.yield %t : i32
  } -> tensor<100x10xi32>
  return %r : tensor<100x10xi32>
}

// 9 values of a row are no whole number of registers: they are gathered one by one. One row of a dynamic batch is one warp's.
// CHECK-LABEL: func.func @halves
// CHECK: kernel.tiling = #kernel.tiling<intrinsic = mma, rows = 16, columns = 64, kv = 2, gather = true>
func.func @halves(%x: tensor<?x9xf16>, %w: tensor<100x9xf16>, %n: index) -> tensor<?x100xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty(%n) : tensor<?x100xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<?x100xf32>) -> tensor<?x100xf32>
  %r = linalg.generic {indexing_maps = [#x, #w, #o], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<?x9xf16>, tensor<100x9xf16>) outs(%f : tensor<?x100xf32>) {
  ^bb0(%a: f16, %b: f16, %s: f32):
    %p = arith.extf %a : f16 to f32
    %q = arith.extf %b : f16 to f32
    %m = arith.mulf %p, %q : f32
    %t = arith.addf %s, %m : f32
    linalg.yield %t : f32
  } -> tensor<?x100xf32>
  return %r : tensor<?x100xf32>
}

// CHECK-LABEL: func.func @floats
// CHECK: kernel.tiling = #kernel.tiling<intrinsic = fma, rows = 1, columns = 16, kv = 1>
func.func @floats(%x: tensor<8x64xf32>, %w: tensor<10x64xf32>) -> tensor<8x10xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8x10xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<8x10xf32>) -> tensor<8x10xf32>
  %r = linalg.generic {indexing_maps = [#x, #w, #o], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<8x64xf32>, tensor<10x64xf32>) outs(%f : tensor<8x10xf32>) {
  ^bb0(%a: f32, %b: f32, %s: f32):
    %m = arith.mulf %a, %b : f32
    %t = arith.addf %s, %m : f32
    linalg.yield %t : f32
  } -> tensor<8x10xf32>
  return %r : tensor<8x10xf32>
}
