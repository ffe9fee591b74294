// RUN: mpc-opt %s | mpc-opt | FileCheck %s
// RUN: mpc-opt %s --mlir-print-op-generic | mpc-opt | FileCheck %s

// CHECK-LABEL: func.func @functions(
// CHECK: mpc.sin
// CHECK: mpc.acosh
// CHECK: mpc.sign
// CHECK: mpc.mish
// CHECK: mpc.gelu %{{.*}} {tanh}
// CHECK: mpc.swish %{{.*}}alpha = 5.000000e-01
// CHECK: mpc.thresholded_relu
// CHECK: mpc.shrink
// CHECK: mpc.elu %{{.*}}divisor = 2.000000e+00
// CHECK: mpc.mod %{{.*}} {truncated}
func.func @functions(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %0 = mpc.sin %x : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %1 = mpc.acosh %0 : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %2 = mpc.sign %1 : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %3 = mpc.mish %2 : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %4 = mpc.gelu %3 {tanh} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %5 = mpc.swish %4 {alpha = 0.5} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %6 = mpc.thresholded_relu %5 {alpha = 0.5} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %7 = mpc.shrink %6 {lambda = 0.5, bias = 0.5} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %8 = mpc.elu %7 {alpha = 2.0, divisor = 2.0} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %9 = mpc.mod %8, %x {truncated} : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  return %9 : tensor<?x4xf32>
}

// Elements that are only stored: moved, converted, and constants.
// CHECK-LABEL: func.func @storage(
// CHECK: mpc.constant dense<[-8, 7]> : tensor<2xi4> -> tensor<2xi4>
// CHECK: mpc.concat
// CHECK: mpc.cast %{{.*}}overflow = #mpc.overflow<special>{{.*}} -> tensor<4xf8E5M2>
// CHECK: mpc.cast %{{.*}}rounding = #mpc.scale_rounding<nearest>{{.*}} -> tensor<4xf8E8M0FNU>
func.func @storage(%x: tensor<2xi4>) -> (tensor<4xf8E5M2>, tensor<4xf8E8M0FNU>) {
  %0 = mpc.constant dense<[-8, 7]> : tensor<2xi4> -> tensor<2xi4>
  %1 = mpc.concat %x, %0 {axis = 0 : i64} : (tensor<2xi4>, tensor<2xi4>) -> tensor<4xi4>
  %2 = mpc.cast %1 {overflow = #mpc.overflow<special>} : (tensor<4xi4>) -> tensor<4xf8E5M2>
  %3 = mpc.cast %1 {rounding = #mpc.scale_rounding<nearest>} : (tensor<4xi4>) -> tensor<4xf8E8M0FNU>
  return %2, %3 : tensor<4xf8E5M2>, tensor<4xf8E8M0FNU>
}

// CHECK-LABEL: func.func @few_bits(
// CHECK: mpc.constant dense<[-2, 1]> : tensor<2xi2> -> tensor<2xi2>
// CHECK: mpc.constant dense<[5.000000e-01, -6.000000e+00]> : tensor<2xf4E2M1FN>
// CHECK: mpc.cast %{{.*}} : (tensor<2xi2>) -> tensor<2xf4E2M1FN>
// CHECK: mpc.concat %{{.*}} -> tensor<4xf4E2M1FN>
// CHECK: mpc.cast %{{.*}} : (tensor<4xf4E2M1FN>) -> tensor<4xui2>
func.func @few_bits() -> tensor<4xui2> {
  %0 = mpc.constant dense<[-2, 1]> : tensor<2xi2> -> tensor<2xi2>
  %1 = mpc.constant dense<[0.5, -6.0]> : tensor<2xf4E2M1FN> -> tensor<2xf4E2M1FN>
  %2 = mpc.cast %0 : (tensor<2xi2>) -> tensor<2xf4E2M1FN>
  %3 = mpc.concat %1, %2 {axis = 0 : i64} : (tensor<2xf4E2M1FN>, tensor<2xf4E2M1FN>) -> tensor<4xf4E2M1FN>
  %4 = mpc.cast %3 : (tensor<4xf4E2M1FN>) -> tensor<4xui2>
  return %4 : tensor<4xui2>
}
