// RUN: mpc-opt %s | mpc-opt | FileCheck %s
// RUN: mpc-opt --mlir-print-op-generic %s | mpc-opt | FileCheck %s

// CHECK-LABEL: func @movement
func.func @movement(%x: tensor<?x2x6xf32>, %y: tensor<?x2x1xf32>, %c: tensor<1x3xf32>) {
  // CHECK: mpc.reshape %{{.*}} : (tensor<?x2x6xf32>) -> tensor<?x12xf32>
  %0 = mpc.reshape %x : (tensor<?x2x6xf32>) -> tensor<?x12xf32>
  // CHECK: mpc.transpose %{{.*}} {perm = array<i64: 2, 0, 1>} : (tensor<?x2x6xf32>) -> tensor<6x?x2xf32>
  %1 = mpc.transpose %x {perm = array<i64: 2, 0, 1>} : (tensor<?x2x6xf32>) -> tensor<6x?x2xf32>
  // CHECK: mpc.concat %{{.*}}, %{{.*}} {axis = 2 : i64} : (tensor<?x2x6xf32>, tensor<?x2x1xf32>) -> tensor<?x2x7xf32>
  %2 = mpc.concat %x, %y {axis = 2 : i64} : (tensor<?x2x6xf32>, tensor<?x2x1xf32>) -> tensor<?x2x7xf32>
  // The batch whole, the second dimension backwards, every second element of the third.
  // CHECK: mpc.slice %{{.*}} {sizes = array<i64: -1, 2, 3>, starts = array<i64: 0, 1, 1>, steps = array<i64: 1, -1, 2>} : (tensor<?x2x6xf32>) -> tensor<?x2x3xf32>
  %3 = mpc.slice %x {starts = array<i64: 0, 1, 1>, sizes = array<i64: -1, 2, 3>, steps = array<i64: 1, -1, 2>} : (tensor<?x2x6xf32>) -> tensor<?x2x3xf32>
  // CHECK: mpc.pad %{{.*}} {high = array<i64: 0, 1, 0>, low = array<i64: 0, 0, 2>, value = -1.000000e+00 : f64} : (tensor<?x2x6xf32>) -> tensor<?x3x8xf32>
  %4 = mpc.pad %x {low = array<i64: 0, 0, 2>, high = array<i64: 0, 1, 0>, value = -1.0 : f64} : (tensor<?x2x6xf32>) -> tensor<?x3x8xf32>
  // CHECK: mpc.broadcast %{{.*}} : (tensor<1x3xf32>) -> tensor<?x5x3xf32>
  %5 = mpc.broadcast %c : (tensor<1x3xf32>) -> tensor<?x5x3xf32>
  return
}

// Per-channel scales move with their dimension.
// CHECK-LABEL: func @per_channel
func.func @per_channel(%w: tensor<2x3x!quant.uniform<i8:f32:0, {0.5, 0.25}>>) {
  // CHECK: mpc.transpose
  %0 = mpc.transpose %w {perm = array<i64: 1, 0>} : (tensor<2x3x!quant.uniform<i8:f32:0, {0.5, 0.25}>>) -> tensor<3x2x!quant.uniform<i8:f32:1, {0.5, 0.25}>>
  return
}
