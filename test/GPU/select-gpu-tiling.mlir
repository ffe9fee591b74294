// Contractions of 8-bit integers and of f16 and bf16 go to tensor cores, others to a thread per output.
// RUN: mpc-opt %s --mpc-select-gpu-tiling | FileCheck %s
// RUN: mpc-opt %s --mpc-select-gpu-tiling --mpc-pack-constants --mlir-elide-resource-strings-if-larger=10 | FileCheck %s --check-prefix=PACK
// RUN: mpc-opt %s --mpc-select-gpu-tiling --remarks-filter=.* --remark-format=emitRemark 2>&1 | FileCheck %s --check-prefix=REMARK

#x = affine_map<(m, n, k) -> (m, k)>
#w = affine_map<(m, n, k) -> (n, k)>
#o = affine_map<(m, n, k) -> (m, n)>

// Four bytes of a row in one register; 10 columns are one panel. 100 rows are few: tiles are small. One stage of 16 k blocks is all there is.
// CHECK-LABEL: func.func @bytes
// CHECK: kernel.staging = {depth = 16 : i64, slices = 1 : i64, stages = 1 : i64, warp_columns = 16 : i64, warp_rows = 16 : i64}
// CHECK-SAME: kernel.tiling = #kernel.tiling<intrinsic = mma, rows = 32, columns = 16, kv = 4>
// REMARK: block of 32 rows by 16 columns with mma, 1 slices of k, 1 stages of 16 k blocks, warps of 16 by 16
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
// CHECK: kernel.staging = {depth = 8 : i64, slices = 1 : i64, stages = 1 : i64, warp_columns = 16 : i64, warp_rows = 16 : i64}
// CHECK-SAME: kernel.tiling = #kernel.tiling<intrinsic = mma, rows = 16, columns = 32, kv = 2, gather = true>
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

// Enough blocks for the largest tile, and three stages fill shared memory.
// CHECK-LABEL: func.func @large
// CHECK: kernel.staging = {depth = 16 : i64, slices = 1 : i64, stages = 3 : i64, warp_columns = 64 : i64, warp_rows = 64 : i64}
// CHECK-SAME: kernel.tiling = #kernel.tiling<intrinsic = mma, rows = 128, columns = 128, kv = 2>
func.func @large(%x: tensor<2048x512xf16>, %w: tensor<1024x512xf16>) -> tensor<2048x1024xf32> {
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

// Four blocks leave most of a GPU idle: 32 steps along k are cut into four slices.
// CHECK-LABEL: func.func @long
// CHECK: kernel.staging = {depth = 16 : i64, slices = 4 : i64, stages = 4 : i64, warp_columns = 16 : i64, warp_rows = 16 : i64}
// CHECK-SAME: kernel.tiling = #kernel.tiling<intrinsic = mma, rows = 32, columns = 32, kv = 4>
func.func @long(%x: tensor<49x2048xi8>, %w: tensor<64x2048xi8>) -> tensor<49x64xi32> {
  %zero = arith.constant 0 : i32
  %e = tensor.empty() : tensor<49x64xi32>
  %f = linalg.fill ins(%zero : i32) outs(%e : tensor<49x64xi32>) -> tensor<49x64xi32>
  %r = linalg.generic {indexing_maps = [#x, #w, #o], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<49x2048xi8>, tensor<64x2048xi8>) outs(%f : tensor<49x64xi32>) {
  ^bb0(%a: i8, %b: i8, %s: i32):
    %p = arith.extui %a : i8 to i32
    %q = arith.extsi %b : i8 to i32
    %m = arith.muli %p, %q : i32
    %t = arith.addi %s, %m : i32
    linalg.yield %t : i32
  } -> tensor<49x64xi32>
  return %r : tensor<49x64xi32>
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

// Weights in blocks with f16: a product of few rows takes the time of reading them. Columns stay 64, many stages are under way in
// four blocks of each multiprocessor.
// CHECK-LABEL: func.func @stream
// CHECK: kernel.staging = {depth = 32 : i64, slices = 8 : i64, stages = 8 : i64, warp_columns = 16 : i64, warp_rows = 16 : i64}
// CHECK-SAME: kernel.tiling = #kernel.tiling<intrinsic = mma, rows = 16, columns = 64, kv = 2>
// PACK-LABEL: func.func @stream
// PACK: kernel.unpack %{{.*}} {blocks = #kernel.blocks<bits = 4, block = 32, depth = 4096, zero_points = true, fragments = true>} : tensor<256x38912xi8> to tensor<4096x4096xf32>
func.func @stream(%x: tensor<16x4096xf16>) -> tensor<16x4096xf32> {
  %q = arith.constant dense<3> : tensor<4096x4096xi8>
  %s = arith.constant dense<1.0> : tensor<4096x128xbf16>
  %z = arith.constant dense<2> : tensor<4096x128xi8>
  %w = kernel.dequantize %q, %s zero_points(%z) {axis = 0 : i64, bits = 4 : i64, block = 32 : i64}
      : (tensor<4096x4096xi8>, tensor<4096x128xbf16>, tensor<4096x128xi8>) -> tensor<4096x4096xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<16x4096xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<16x4096xf32>) -> tensor<16x4096xf32>
  %r = linalg.generic {indexing_maps = [#x, #w, #o], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<16x4096xf16>, tensor<4096x4096xf32>) outs(%f : tensor<16x4096xf32>) {
  ^bb0(%a: f16, %b: f32, %c: f32):
    %p = arith.extf %a : f16 to f32
    %m = arith.mulf %p, %b : f32
    %t = arith.addf %c, %m : f32
    linalg.yield %t : f32
  } -> tensor<16x4096xf32>
  return %r : tensor<16x4096xf32>
}

// Many rows: the sums of a warp share its registers with numbers that are being made. 10 blocks of k are a stage of 32 values all the same.
// CHECK-LABEL: func.func @many
// CHECK: kernel.staging = {depth = 16 : i64, slices = 1 : i64, stages = 1 : i64, warp_columns = 32 : i64, warp_rows = 64 : i64}
// CHECK-SAME: kernel.tiling = #kernel.tiling<intrinsic = mma, rows = 128, columns = 128, kv = 2>
// PACK-LABEL: func.func @many
// PACK: blocks = #kernel.blocks<bits = 8, block = 64, depth = 20, fragments = true>
func.func @many(%x: tensor<2048x20xbf16>) -> tensor<2048x1024xf32> {
  %q = arith.constant dense<3> : tensor<1024x20xi8>
  %s = arith.constant dense<1.0> : tensor<1024x1xbf16>
  %w = kernel.dequantize %q, %s {axis = 0 : i64, bits = 8 : i64, block = 64 : i64} : (tensor<1024x20xi8>, tensor<1024x1xbf16>) -> tensor<1024x20xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<2048x1024xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<2048x1024xf32>) -> tensor<2048x1024xf32>
  %r = linalg.generic {indexing_maps = [#x, #w, #o], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<2048x20xbf16>, tensor<1024x20xf32>) outs(%f : tensor<2048x1024xf32>) {
  ^bb0(%a: bf16, %b: f32, %c: f32):
    %p = arith.extf %a : bf16 to f32
    %m = arith.mulf %p, %b : f32
    %t = arith.addf %c, %m : f32
    linalg.yield %t : f32
  } -> tensor<2048x1024xf32>
  return %r : tensor<2048x1024xf32>
}

// Levels of a table are no integers.
// REMARK: tensor cores multiply weights in blocks by f16 or bf16 (--activation-type), where a weight is (q - z) * s
// CHECK-LABEL: func.func @table
// CHECK: kernel.tiling = #kernel.tiling<intrinsic = fma, rows = 1, columns = 16, kv = 1, expand = true>
func.func @table(%x: tensor<8x64xf16>) -> tensor<8x16xf32> {
  %q = arith.constant dense<3> : tensor<16x64xi8>
  %s = arith.constant dense<1.0> : tensor<16x2xbf16>
  %l = arith.constant dense<0.5> : tensor<16xf32>
  %w = kernel.dequantize %q, %s table(%l) {axis = 0 : i64, bits = 4 : i64, block = 32 : i64} : (tensor<16x64xi8>, tensor<16x2xbf16>, tensor<16xf32>) -> tensor<16x64xf32>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<8x16xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<8x16xf32>) -> tensor<8x16xf32>
  %r = linalg.generic {indexing_maps = [#x, #w, #o], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : tensor<8x64xf16>, tensor<16x64xf32>) outs(%f : tensor<8x16xf32>) {
  ^bb0(%a: f16, %b: f32, %c: f32):
    %p = arith.extf %a : f16 to f32
    %m = arith.mulf %p, %b : f32
    %t = arith.addf %c, %m : f32
    linalg.yield %t : f32
  } -> tensor<8x16xf32>
  return %r : tensor<8x16xf32>
}
