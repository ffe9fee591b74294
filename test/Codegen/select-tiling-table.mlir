// A table decides where it is of this version and target, and names one of the contraction's tilings.
// RUN: split-file %s %t
// RUN: mpc-opt --version | sed -n 's/^[^ ]* \([^ ]*\) (ABI.*/s!VERSION!\1!/p' > %t/version.sed
// RUN: sed -f %t/version.sed %t/table.json > %t/good.json
// RUN: mpc-opt %t/product.mlir --pass-pipeline="builtin.module(mpc-describe-target{march=cascadelake},mpc-select-tiling{table=%t/good.json})" | FileCheck %s --check-prefix=TABLE
// RUN: mpc-opt %t/product.mlir --pass-pipeline="builtin.module(mpc-describe-target{march=x86-64-v4},mpc-select-tiling{table=%t/good.json})" --remarks-filter=mpc-select-tiling 2>&1 | FileCheck %s --check-prefix=TARGET
// RUN: mpc-opt %t/product.mlir --pass-pipeline="builtin.module(mpc-describe-target{march=cascadelake},mpc-select-tiling{table=%t/table.json})" --remarks-filter=mpc-select-tiling 2>&1 | FileCheck %s --check-prefix=OLD
// RUN: mpc-opt %t/product.mlir --pass-pipeline="builtin.module(mpc-describe-target{march=cascadelake},mpc-select-tiling{candidate=1})" | FileCheck %s --check-prefix=OTHER
// RUN: mpc-opt %t/product.mlir --pass-pipeline="builtin.module(mpc-describe-target{march=cascadelake},mpc-select-tiling{candidate=99})" | FileCheck %s --check-prefix=RULES
// RUN: not mpc-opt %t/product.mlir --pass-pipeline="builtin.module(mpc-describe-target,mpc-select-tiling{table=%t/product.mlir})" 2>&1 | FileCheck %s --check-prefix=BROKEN

// The first row is taken, the second names a tile that no candidate has.
// TABLE-LABEL: func.func @known
// TABLE: kernel.tiling = #kernel.tiling<intrinsic = fma, rows = 12, columns = 32, kv = 1>
// TABLE-LABEL: func.func @impossible
// TABLE: kernel.tiling = #kernel.tiling<intrinsic = fma, rows = 6, columns = 64, kv = 1>
// TARGET: remark: {{.*}}tuning table {{.*}}good.json is not for x86-64-v4: ignored
// TARGET: rows = 6, columns = 64
// OLD: remark: {{.*}}tuning table {{.*}}table.json is of version VERSION: ignored
// OLD: rows = 6, columns = 64
// OTHER-NOT: rows = 6, columns = 64
// RULES: rows = 6, columns = 64
// BROKEN: error: tuning table {{.*}}product.mlir: {{.*}}

//--- table.json
{"format": 1, "version": "VERSION", "tilings": [
  {"march": "cascadelake", "contraction": "product 516x64xf32 by 64x64xf32 to 516x64xf32", "tiling": "#kernel.tiling<intrinsic = fma, rows = 12, columns = 32, kv = 1>"},
  {"march": "cascadelake", "contraction": "product 516x32xf32 by 32x64xf32 to 516x64xf32", "tiling": "#kernel.tiling<intrinsic = fma, rows = 99, columns = 16, kv = 1>"}]}

//--- product.mlir
func.func @known(%x: tensor<516x64xf32>, %w: tensor<64x64xf32>) -> tensor<516x64xf32> {
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<516x64xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<516x64xf32>) -> tensor<516x64xf32>
  %r = linalg.matmul ins(%x, %w : tensor<516x64xf32>, tensor<64x64xf32>) outs(%init : tensor<516x64xf32>) -> tensor<516x64xf32>
  return %r : tensor<516x64xf32>
}
func.func @impossible(%x: tensor<516x32xf32>, %w: tensor<32x64xf32>) -> tensor<516x64xf32> {
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<516x64xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<516x64xf32>) -> tensor<516x64xf32>
  %r = linalg.matmul ins(%x, %w : tensor<516x32xf32>, tensor<32x64xf32>) outs(%init : tensor<516x64xf32>) -> tensor<516x64xf32>
  return %r : tensor<516x64xf32>
}
