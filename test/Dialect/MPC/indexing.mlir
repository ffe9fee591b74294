// RUN: mpc-opt %s | mpc-opt | FileCheck %s
// RUN: mpc-opt --mlir-print-op-generic %s | mpc-opt | FileCheck %s

// CHECK-LABEL: func @gather
func.func @gather(%x: tensor<?x4x6xf32>, %i: tensor<2x3xi64>, %j: tensor<?x2x6xi32>, %k: tensor<?x5x1xi64>, %s: tensor<i8>) {
  // CHECK: mpc.gather %{{.*}}, %{{.*}} {axis = 1 : i64} : (tensor<?x4x6xf32>, tensor<2x3xi64>) -> tensor<?x2x3x6xf32>
  %0 = mpc.gather %x, %i {axis = 1 : i64} : (tensor<?x4x6xf32>, tensor<2x3xi64>) -> tensor<?x2x3x6xf32>
  // The batch may be chosen from.
  // CHECK: mpc.gather %{{.*}}, %{{.*}} {axis = 0 : i64} : (tensor<?x4x6xf32>, tensor<i8>) -> tensor<4x6xf32>
  %1 = mpc.gather %x, %s {axis = 0 : i64} : (tensor<?x4x6xf32>, tensor<i8>) -> tensor<4x6xf32>
  // CHECK: mpc.gather_elements %{{.*}}, %{{.*}} {axis = 1 : i64} : (tensor<?x4x6xf32>, tensor<?x2x6xi32>) -> tensor<?x2x6xf32>
  %2 = mpc.gather_elements %x, %j {axis = 1 : i64} : (tensor<?x4x6xf32>, tensor<?x2x6xi32>) -> tensor<?x2x6xf32>
  // CHECK: mpc.gather_nd %{{.*}}, %{{.*}} {batch_dims = 1 : i64} : (tensor<?x4x6xf32>, tensor<?x5x1xi64>) -> tensor<?x5x6xf32>
  %3 = mpc.gather_nd %x, %k {batch_dims = 1 : i64} : (tensor<?x4x6xf32>, tensor<?x5x1xi64>) -> tensor<?x5x6xf32>
  return
}

// CHECK-LABEL: func @scatter
func.func @scatter(%x: tensor<4x6xi8>, %i: tensor<2x6xi64>, %u: tensor<2x6xi8>, %k: tensor<3x1xi64>, %r: tensor<3x6xi8>,
                   %c: tensor<?x2x8x4xf16>, %n: tensor<?x2x3x4xf16>, %w: tensor<?xi64>) {
  // Replacing is the default.
  // CHECK: mpc.scatter_elements %{{.*}}, %{{.*}}, %{{.*}} {axis = 0 : i64} :
  %0 = mpc.scatter_elements %x, %i, %u {axis = 0 : i64} : (tensor<4x6xi8>, tensor<2x6xi64>, tensor<2x6xi8>) -> tensor<4x6xi8>
  // CHECK: mpc.scatter_nd %{{.*}}, %{{.*}}, %{{.*}} {kind = #mpc.scatter<max>} :
  %1 = mpc.scatter_nd %x, %k, %r {kind = #mpc.scatter<max>} : (tensor<4x6xi8>, tensor<3x1xi64>, tensor<3x6xi8>) -> tensor<4x6xi8>
  // CHECK: mpc.tensor_scatter %{{.*}}, %{{.*}}, %{{.*}} {axis = 2 : i64, circular} :
  %2 = mpc.tensor_scatter %c, %n, %w {axis = 2 : i64, circular} : (tensor<?x2x8x4xf16>, tensor<?x2x3x4xf16>, tensor<?xi64>) -> tensor<?x2x8x4xf16>
  return
}

// CHECK-LABEL: func @order
func.func @order(%x: tensor<?x4x6xf32>, %l: tensor<?xi64>, %v: tensor<2xi32>) {
  // CHECK: mpc.reverse_sequence %{{.*}}, %{{.*}} {batch_axis = 0 : i64, time_axis = 2 : i64} :
  %0 = mpc.reverse_sequence %x, %l {batch_axis = 0 : i64, time_axis = 2 : i64} : (tensor<?x4x6xf32>, tensor<?xi64>) -> tensor<?x4x6xf32>
  // CHECK: mpc.one_hot %{{.*}}, %{{.*}} {axis = 1 : i64, depth = 3 : i64} : (tensor<?x4x6xf32>, tensor<2xi32>) -> tensor<?x3x4x6xi32>
  %1 = mpc.one_hot %x, %v {axis = 1 : i64, depth = 3 : i64} : (tensor<?x4x6xf32>, tensor<2xi32>) -> tensor<?x3x4x6xi32>
  // CHECK: mpc.arg_reduce %{{.*}} {axis = 2 : i64, kind = #mpc.reduce<max>, select_last} : (tensor<?x4x6xf32>) -> tensor<?x4x1xi64>
  %2 = mpc.arg_reduce %x {axis = 2 : i64, kind = #mpc.reduce<max>, select_last} : (tensor<?x4x6xf32>) -> tensor<?x4x1xi64>
  // CHECK: mpc.top_k %{{.*}} {axis = 1 : i64, k = 2 : i64, smallest} : (tensor<?x4x6xf32>) -> tensor<?x2x6xi64>
  %3 = mpc.top_k %x {axis = 1 : i64, k = 2 : i64, smallest} : (tensor<?x4x6xf32>) -> tensor<?x2x6xi64>
  // CHECK: mpc.pad %{{.*}} {{.*}}mode = #mpc.pad<reflect>
  %4 = mpc.pad %x {low = array<i64: 0, 5, 0>, high = array<i64: 0, 0, 2>, value = 0.0 : f64, mode = #mpc.pad<reflect>} : (tensor<?x4x6xf32>) -> tensor<?x9x8xf32>
  return
}
