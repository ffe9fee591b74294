// RUN: mpc-opt %s | mpc-opt | FileCheck %s
// RUN: mpc-opt --mlir-print-op-generic %s | mpc-opt | FileCheck %s

// CHECK-LABEL: func @pools
func.func @pools(%x: tensor<?x4x8x8xf32>, %y: tensor<?x8x8x4xf32>) {
  // CHECK: mpc.max_pool %{{.*}} {dilations = array<i64: 1, 1>, kernel = array<i64: 3, 3>, pads = array<i64: 1, 1, 1, 1>, strides = array<i64: 2, 2>} : (tensor<?x4x8x8xf32>) -> tensor<?x4x4x4xf32>
  %0 = mpc.max_pool %x {kernel = array<i64: 3, 3>, strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>}
    : (tensor<?x4x8x8xf32>) -> tensor<?x4x4x4xf32>
  // Padding that only ceil_mode added.
  // CHECK: mpc.average_pool %{{.*}} {ceil_extra = array<i64: 1, 1>, count_include_pad, {{.*}}layout = #mpc.layout<channels_last>{{.*}}} : (tensor<?x8x8x4xf32>) -> tensor<?x3x3x4xf32>
  %1 = mpc.average_pool %y {kernel = array<i64: 3, 3>, strides = array<i64: 3, 3>, dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 1, 1>,
    count_include_pad, ceil_extra = array<i64: 1, 1>, layout = #mpc.layout<channels_last>} : (tensor<?x8x8x4xf32>) -> tensor<?x3x3x4xf32>
  return
}

// CHECK-LABEL: func @reductions
func.func @reductions(%x: tensor<?x4x8x8xf32>) {
  // CHECK: mpc.reduce %{{.*}} {axes = array<i64: 2, 3>, keepdims = true, kind = #mpc.reduce<sum>} : (tensor<?x4x8x8xf32>) -> tensor<?x4x1x1xf32>
  %sum = mpc.reduce %x {kind = #mpc.reduce<sum>, axes = array<i64: 2, 3>, keepdims = true} : (tensor<?x4x8x8xf32>) -> tensor<?x4x1x1xf32>
  // CHECK: mpc.reduce %{{.*}} {axes = array<i64: 2, 3>, keepdims = true, kind = #mpc.reduce<mean>} : (tensor<?x4x8x8xf32>) -> tensor<?x4x1x1xf32>
  %mean = mpc.reduce %x {kind = #mpc.reduce<mean>, axes = array<i64: 2, 3>, keepdims = true} : (tensor<?x4x8x8xf32>) -> tensor<?x4x1x1xf32>
  // CHECK: mpc.reduce %{{.*}} {axes = array<i64: 2, 3>, keepdims = true, kind = #mpc.reduce<max>} : (tensor<?x4x8x8xf32>) -> tensor<?x4x1x1xf32>
  %max = mpc.reduce %x {kind = #mpc.reduce<max>, axes = array<i64: 2, 3>, keepdims = true} : (tensor<?x4x8x8xf32>) -> tensor<?x4x1x1xf32>
  // CHECK: mpc.reduce %{{.*}} {axes = array<i64: 2, 3>, keepdims = true, kind = #mpc.reduce<min>} : (tensor<?x4x8x8xf32>) -> tensor<?x4x1x1xf32>
  %min = mpc.reduce %x {kind = #mpc.reduce<min>, axes = array<i64: 2, 3>, keepdims = true} : (tensor<?x4x8x8xf32>) -> tensor<?x4x1x1xf32>
  // CHECK: mpc.reduce %{{.*}} {axes = array<i64: 2, 3>, keepdims = true, kind = #mpc.reduce<prod>} : (tensor<?x4x8x8xf32>) -> tensor<?x4x1x1xf32>
  %prod = mpc.reduce %x {kind = #mpc.reduce<prod>, axes = array<i64: 2, 3>, keepdims = true} : (tensor<?x4x8x8xf32>) -> tensor<?x4x1x1xf32>
  // CHECK: mpc.reduce %{{.*}} {axes = array<i64: 2, 3>, keepdims = true, kind = #mpc.reduce<l1>} : (tensor<?x4x8x8xf32>) -> tensor<?x4x1x1xf32>
  %l1 = mpc.reduce %x {kind = #mpc.reduce<l1>, axes = array<i64: 2, 3>, keepdims = true} : (tensor<?x4x8x8xf32>) -> tensor<?x4x1x1xf32>
  // CHECK: mpc.reduce %{{.*}} {axes = array<i64: 2, 3>, keepdims = true, kind = #mpc.reduce<l2>} : (tensor<?x4x8x8xf32>) -> tensor<?x4x1x1xf32>
  %l2 = mpc.reduce %x {kind = #mpc.reduce<l2>, axes = array<i64: 2, 3>, keepdims = true} : (tensor<?x4x8x8xf32>) -> tensor<?x4x1x1xf32>
  // CHECK: mpc.reduce %{{.*}} {axes = array<i64: 2, 3>, keepdims = true, kind = #mpc.reduce<sum_square>} : (tensor<?x4x8x8xf32>) -> tensor<?x4x1x1xf32>
  %sum_square = mpc.reduce %x {kind = #mpc.reduce<sum_square>, axes = array<i64: 2, 3>, keepdims = true} : (tensor<?x4x8x8xf32>) -> tensor<?x4x1x1xf32>
  // CHECK: mpc.reduce {{.*}} -> tensor<?x8xf32>
  %0 = mpc.reduce %x {kind = #mpc.reduce<sum>, axes = array<i64: 1, 3>, keepdims = false} : (tensor<?x4x8x8xf32>) -> tensor<?x8xf32>
  return
}

// CHECK-LABEL: func @normalisation
func.func @normalisation(%x: tensor<?x4x8xf32>, %p: tensor<4xf32>) {
  // CHECK: mpc.softmax %{{.*}} {axis = 1 : i64} : (tensor<?x4x8xf32>) -> tensor<?x4x8xf32>
  %0 = mpc.softmax %x {axis = 1 : i64} : (tensor<?x4x8xf32>) -> tensor<?x4x8xf32>
  // CHECK: mpc.log_softmax %{{.*}} {axis = 2 : i64} : (tensor<?x4x8xf32>) -> tensor<?x4x8xf32>
  %1 = mpc.log_softmax %x {axis = 2 : i64} : (tensor<?x4x8xf32>) -> tensor<?x4x8xf32>
  // CHECK: mpc.batch_norm %{{.*}} {epsilon = 1.000000e-05 : f64}
  %2 = mpc.batch_norm %x, %p, %p, %p, %p {epsilon = 1.0e-5 : f64} : (tensor<?x4x8xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<?x4x8xf32>
  return
}
