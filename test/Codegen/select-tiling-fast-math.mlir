// Where it is asked for and estimated to pay, a convolution takes minimal filtering, on every instruction set alike; a remark on the others says why not.
// RUN: mpc-opt %s --pass-pipeline="builtin.module(mpc-describe-target{march=x86-64-v3},mpc-select-tiling{fast-math})" | FileCheck %s --check-prefixes=CHECK,AVX2
// RUN: mpc-opt %s --pass-pipeline="builtin.module(mpc-describe-target{march=x86-64-v4},mpc-select-tiling{fast-math})" | FileCheck %s --check-prefixes=CHECK,AVX512
// RUN: mpc-opt %s --pass-pipeline="builtin.module(mpc-describe-target{march=x86-64-v4},mpc-select-tiling{fast-math})" --remarks-filter=mpc-select-tiling 2>&1 >/dev/null | FileCheck %s --check-prefix=REMARK
// RUN: mpc-opt %s --pass-pipeline="builtin.module(mpc-describe-target{march=x86-64-v4},mpc-select-tiling)" | FileCheck %s --check-prefix=DIRECT

// DIRECT-NOT: winograd

// REMARK: remark: {{.*}}tile of 6 rows by 64 columns with fma, minimal filtering: rows are blocks of 4x4 pixels

// CHECK-LABEL: func.func @taken
func.func @taken(%x: tensor<?x58x58x64xf32>, %w: tensor<64x3x3x64xf32>, %empty: tensor<?x56x56x64xf32>) -> tensor<?x56x56x64xf32> {
  %zero = arith.constant 0.0 : f32
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<?x56x56x64xf32>) -> tensor<?x56x56x64xf32>
  // AVX2: kernel.tiling = #kernel.tiling<intrinsic = fma, rows = 6, columns = 16, kv = 1, winograd = true>
  // AVX512: kernel.tiling = #kernel.tiling<intrinsic = fma, rows = 6, columns = 64, kv = 1, winograd = true>
  %r = linalg.conv_2d_nhwc_fhwc ins(%x, %w : tensor<?x58x58x64xf32>, tensor<64x3x3x64xf32>) outs(%init : tensor<?x56x56x64xf32>) -> tensor<?x56x56x64xf32>
  return %r : tensor<?x56x56x64xf32>
}

// The rest is not.
// CHECK-NOT: winograd

// REMARK: remark: {{.*}}not by minimal filtering: it has strides or dilations
func.func @stride(%x: tensor<1x57x57x64xf32>, %w: tensor<64x3x3x64xf32>, %empty: tensor<1x28x28x64xf32>) -> tensor<1x28x28x64xf32> {
  %zero = arith.constant 0.0 : f32
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<1x28x28x64xf32>) -> tensor<1x28x28x64xf32>
  %r = linalg.conv_2d_nhwc_fhwc {strides = dense<2> : tensor<2xi64>} ins(%x, %w : tensor<1x57x57x64xf32>, tensor<64x3x3x64xf32>) outs(%init : tensor<1x28x28x64xf32>) -> tensor<1x28x28x64xf32>
  return %r : tensor<1x28x28x64xf32>
}

// REMARK: remark: {{.*}}not by minimal filtering: it has strides or dilations
func.func @dilation(%x: tensor<1x32x32x64xf32>, %w: tensor<64x3x3x64xf32>, %empty: tensor<1x28x28x64xf32>) -> tensor<1x28x28x64xf32> {
  %zero = arith.constant 0.0 : f32
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<1x28x28x64xf32>) -> tensor<1x28x28x64xf32>
  %r = linalg.conv_2d_nhwc_fhwc {dilations = dense<2> : tensor<2xi64>} ins(%x, %w : tensor<1x32x32x64xf32>, tensor<64x3x3x64xf32>) outs(%init : tensor<1x28x28x64xf32>) -> tensor<1x28x28x64xf32>
  return %r : tensor<1x28x28x64xf32>
}

// REMARK: remark: {{.*}}not by minimal filtering: its window is not 3x3
func.func @pointwise(%x: tensor<1x28x28x64xf32>, %w: tensor<64x1x1x64xf32>, %empty: tensor<1x28x28x64xf32>) -> tensor<1x28x28x64xf32> {
  %zero = arith.constant 0.0 : f32
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<1x28x28x64xf32>) -> tensor<1x28x28x64xf32>
  %r = linalg.conv_2d_nhwc_fhwc ins(%x, %w : tensor<1x28x28x64xf32>, tensor<64x1x1x64xf32>) outs(%init : tensor<1x28x28x64xf32>) -> tensor<1x28x28x64xf32>
  return %r : tensor<1x28x28x64xf32>
}

// REMARK: remark: {{.*}}not by minimal filtering: it has fewer than 16 input or output channels
func.func @few_channels(%x: tensor<1x58x58x15xf32>, %w: tensor<64x3x3x15xf32>, %empty: tensor<1x56x56x64xf32>) -> tensor<1x56x56x64xf32> {
  %zero = arith.constant 0.0 : f32
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<1x56x56x64xf32>) -> tensor<1x56x56x64xf32>
  %r = linalg.conv_2d_nhwc_fhwc ins(%x, %w : tensor<1x58x58x15xf32>, tensor<64x3x3x15xf32>) outs(%init : tensor<1x56x56x64xf32>) -> tensor<1x56x56x64xf32>
  return %r : tensor<1x56x56x64xf32>
}

// Four blocks of pixels do not pay for four times the weights.
// REMARK: remark: {{.*}}not by minimal filtering: it would be 1.2 times as fast by an estimate, and 1.3 is the least
func.func @few_pixels(%x: tensor<1x9x9x512xf32>, %w: tensor<512x3x3x512xf32>, %empty: tensor<1x7x7x512xf32>) -> tensor<1x7x7x512xf32> {
  %zero = arith.constant 0.0 : f32
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<1x7x7x512xf32>) -> tensor<1x7x7x512xf32>
  %r = linalg.conv_2d_nhwc_fhwc ins(%x, %w : tensor<1x9x9x512xf32>, tensor<512x3x3x512xf32>) outs(%init : tensor<1x7x7x512xf32>) -> tensor<1x7x7x512xf32>
  return %r : tensor<1x7x7x512xf32>
}

// REMARK: remark: {{.*}}not by minimal filtering: its operands are not stored as f32
func.func @f16(%x: tensor<1x58x58x64xf16>, %w: tensor<64x3x3x64xf16>, %empty: tensor<1x56x56x64xf32>) -> tensor<1x56x56x64xf32> {
  %zero = arith.constant 0.0 : f32
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<1x56x56x64xf32>) -> tensor<1x56x56x64xf32>
  %r = linalg.conv_2d_nhwc_fhwc ins(%x, %w : tensor<1x58x58x64xf16>, tensor<64x3x3x64xf16>) outs(%init : tensor<1x56x56x64xf32>) -> tensor<1x56x56x64xf32>
  return %r : tensor<1x56x56x64xf32>
}
