// RUN: mpc-opt %s | mpc-opt | FileCheck %s
// RUN: mpc-opt %s --mlir-print-op-generic | mpc-opt | FileCheck %s

// Comparisons give truth values, whatever they compare.
// CHECK-LABEL: func.func @predicates(
// CHECK: mpc.compare %{{.*}}predicate = #mpc.predicate<le>{{.*}} : (tensor<?x4xf16>, tensor<4xf16>) -> tensor<?x4xi1>
// CHECK: mpc.is_nan %{{.*}} : (tensor<?x4xf16>) -> tensor<?x4xi1>
// CHECK: mpc.is_inf %{{.*}}negative = false{{.*}} : (tensor<?x4xf16>) -> tensor<?x4xi1>
// CHECK: mpc.where %{{.*}} : (tensor<?x4xi1>, tensor<?x4xf16>, tensor<f16>) -> tensor<?x4xf16>
func.func @predicates(%x: tensor<?x4xf16>, %y: tensor<4xf16>, %s: tensor<f16>) -> (tensor<?x4xi1>, tensor<?x4xi1>, tensor<?x4xf16>) {
  %0 = mpc.compare %x, %y {predicate = #mpc.predicate<le>} : (tensor<?x4xf16>, tensor<4xf16>) -> tensor<?x4xi1>
  %1 = mpc.is_nan %x : (tensor<?x4xf16>) -> tensor<?x4xi1>
  %2 = mpc.is_inf %x {negative = false} : (tensor<?x4xf16>) -> tensor<?x4xi1>
  %3 = mpc.where %0, %x, %s : (tensor<?x4xi1>, tensor<?x4xf16>, tensor<f16>) -> tensor<?x4xf16>
  return %1, %2, %3 : tensor<?x4xi1>, tensor<?x4xi1>, tensor<?x4xf16>
}

// CHECK-LABEL: func.func @bits(
// CHECK: mpc.and
// CHECK: mpc.or
// CHECK: mpc.xor
// CHECK: mpc.shift_left
// CHECK: mpc.shift_right
// CHECK: mpc.not
// CHECK: mpc.bitcast %{{.*}} : (tensor<4xui16>) -> tensor<4xbf16>
func.func @bits(%x: tensor<4xui16>, %y: tensor<4xui16>) -> tensor<4xbf16> {
  %0 = mpc.and %x, %y : (tensor<4xui16>, tensor<4xui16>) -> tensor<4xui16>
  %1 = mpc.or %0, %y : (tensor<4xui16>, tensor<4xui16>) -> tensor<4xui16>
  %2 = mpc.xor %1, %y : (tensor<4xui16>, tensor<4xui16>) -> tensor<4xui16>
  %3 = mpc.shift_left %2, %y : (tensor<4xui16>, tensor<4xui16>) -> tensor<4xui16>
  %4 = mpc.shift_right %3, %y : (tensor<4xui16>, tensor<4xui16>) -> tensor<4xui16>
  %5 = mpc.not %4 : (tensor<4xui16>) -> tensor<4xui16>
  %6 = mpc.bitcast %5 : (tensor<4xui16>) -> tensor<4xbf16>
  return %6 : tensor<4xbf16>
}
