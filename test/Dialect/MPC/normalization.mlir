// RUN: mpc-opt %s | mpc-opt | FileCheck %s
// RUN: mpc-opt --mlir-print-op-generic %s | mpc-opt | FileCheck %s

// CHECK-LABEL: func @normalize
func.func @normalize(%x: tensor<?x4x8xf32>, %h: tensor<2x8xf16>) {
  // CHECK: mpc.normalize %{{.*}} {axes = array<i64: 1, 2>, epsilon = 1.000000e-05 : f64} : (tensor<?x4x8xf32>) -> tensor<?x4x8xf32>
  %0 = mpc.normalize %x {axes = array<i64: 1, 2>, epsilon = 1.0e-5 : f64} : (tensor<?x4x8xf32>) -> tensor<?x4x8xf32>
  // CHECK: mpc.normalize %{{.*}} {axes = array<i64: 1>, epsilon = 0.000000e+00 : f64, uncentred} : (tensor<2x8xf16>) -> tensor<2x8xf32>
  %1 = mpc.normalize %h {axes = array<i64: 1>, epsilon = 0.0 : f64, uncentred} : (tensor<2x8xf16>) -> tensor<2x8xf32>
  return
}

// CHECK-LABEL: func @cumulate
func.func @cumulate(%x: tensor<?x4xi32>) {
  // CHECK: mpc.cumulate %{{.*}} {axis = 1 : i64, kind = #mpc.reduce<sum>} : (tensor<?x4xi32>) -> tensor<?x4xi32>
  %0 = mpc.cumulate %x {kind = #mpc.reduce<sum>, axis = 1 : i64} : (tensor<?x4xi32>) -> tensor<?x4xi32>
  // CHECK: mpc.cumulate %{{.*}} {axis = 1 : i64, exclusive, kind = #mpc.reduce<prod>} : (tensor<?x4xi32>) -> tensor<?x4xi32>
  %1 = mpc.cumulate %x {kind = #mpc.reduce<prod>, axis = 1 : i64, exclusive} : (tensor<?x4xi32>) -> tensor<?x4xi32>
  return
}
