// RUN: mpc-opt --mpc-simplify %s | FileCheck %s

// One spatial dimension becomes two; what follows element by element stays with the convolution.
// CHECK-LABEL: func @one_dimension
// CHECK-SAME: %[[X:.*]]: tensor<?x2x8xf32>, %[[R:.*]]: tensor<?x3x6xf32>
func.func @one_dimension(%x: tensor<?x2x8xf32>, %r: tensor<?x3x6xf32>) -> tensor<?x3x6xf32> {
  %w = mpc.constant dense<0.5> : tensor<3x2x3xf32> -> tensor<3x2x3xf32>
  // CHECK-DAG: %[[W:.*]] = mpc.constant {{.*}} -> tensor<3x2x1x3xf32>
  // CHECK-DAG: %[[S:.*]] = mpc.constant {{.*}} -> tensor<3x1x1xf32>
  %s = mpc.constant dense<[[1.0], [2.0], [3.0]]> : tensor<3x1xf32> -> tensor<3x1xf32>
  // CHECK-DAG: %[[X4:.*]] = mpc.reshape %[[X]] : (tensor<?x2x8xf32>) -> tensor<?x2x1x8xf32>
  // CHECK: %[[Y:.*]] = mpc.conv %[[X4]], %[[W]] {dilations = array<i64: 1, 2>, pads = array<i64: 0, 1, 0, 1>, strides = array<i64: 1, 1>} : (tensor<?x2x1x8xf32>, tensor<3x2x1x3xf32>) -> tensor<?x3x1x6xf32>
  %0 = mpc.conv %x, %w {strides = array<i64: 1>, dilations = array<i64: 2>, pads = array<i64: 1, 1>} : (tensor<?x2x8xf32>, tensor<3x2x3xf32>) -> tensor<?x3x6xf32>
  // CHECK: %[[A:.*]] = mpc.relu %[[Y]] : (tensor<?x3x1x6xf32>) -> tensor<?x3x1x6xf32>
  %1 = mpc.relu %0 : (tensor<?x3x6xf32>) -> tensor<?x3x6xf32>
  // CHECK: %[[P:.*]] = mpc.prelu %[[A]], %[[S]] : (tensor<?x3x1x6xf32>, tensor<3x1x1xf32>) -> tensor<?x3x1x6xf32>
  %2 = mpc.prelu %1, %s : (tensor<?x3x6xf32>, tensor<3x1xf32>) -> tensor<?x3x6xf32>
  // CHECK: %[[R4:.*]] = mpc.reshape %[[R]] : (tensor<?x3x6xf32>) -> tensor<?x3x1x6xf32>
  // CHECK: %[[B:.*]] = mpc.add %[[P]], %[[R4]]
  %3 = mpc.add %2, %r : (tensor<?x3x6xf32>, tensor<?x3x6xf32>) -> tensor<?x3x6xf32>
  // CHECK: %[[Z:.*]] = mpc.reshape %[[B]] : (tensor<?x3x1x6xf32>) -> tensor<?x3x6xf32>
  // CHECK: return %[[Z]]
  return %3 : tensor<?x3x6xf32>
}

// Groups with few outputs are joined to fill a panel of 16, with zeros between them.
// CHECK-LABEL: func @groups
func.func @groups(%x: tensor<?x8x5x5xf32>) -> tensor<?x32x5x5xf32> {
  // CHECK-DAG: %[[W:.*]] = mpc.constant dense_resource{{.*}} -> tensor<16x4x1x1xf32>
  %w = mpc.constant dense<2.0> : tensor<32x2x1x1xf32> -> tensor<32x2x1x1xf32>
  %b = mpc.constant dense<1.0> : tensor<32xf32> -> tensor<32xf32>
  // CHECK: %[[X0:.*]] = mpc.slice %{{.*}} {sizes = array<i64: -1, 4, 5, 5>, starts = array<i64: 0, 0, 0, 0>
  // CHECK: %[[Y0:.*]] = mpc.conv %[[X0]], %[[W]], %{{.*}} {dilations = array<i64: 1, 1>, pads = {{.*}}} : (tensor<?x4x5x5xf32>, tensor<16x4x1x1xf32>, tensor<16xf32>) -> tensor<?x16x5x5xf32>
  // CHECK: %[[X1:.*]] = mpc.slice %{{.*}} {sizes = array<i64: -1, 4, 5, 5>, starts = array<i64: 0, 4, 0, 0>
  // CHECK: %[[Y1:.*]] = mpc.conv %[[X1]], %[[W]]
  // CHECK: mpc.concat %[[Y0]], %[[Y1]] {axis = 1 : i64}
  %0 = mpc.conv %x, %w, %b {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, groups = 4 : i64}
    : (tensor<?x8x5x5xf32>, tensor<32x2x1x1xf32>, tensor<32xf32>) -> tensor<?x32x5x5xf32>
  return %0 : tensor<?x32x5x5xf32>
}

// What follows element by element goes into the parts, also behind a convolution that was split before.
// CHECK-LABEL: func @epilogue
func.func @epilogue(%x: tensor<?x8x5x5xf32>) -> tensor<?x32x5x5xf32> {
  %w = mpc.constant dense<2.0> : tensor<32x4x1x1xf32> -> tensor<32x4x1x1xf32>
  // CHECK: %[[Y0:.*]] = mpc.conv
  // CHECK: %[[Y1:.*]] = mpc.conv
  // CHECK-DAG: %[[R0:.*]] = mpc.relu %[[Y0]] : (tensor<?x16x5x5xf32>) -> tensor<?x16x5x5xf32>
  // CHECK-DAG: %[[R1:.*]] = mpc.relu %[[Y1]]
  // CHECK: mpc.concat %[[R0]], %[[R1]] {axis = 1 : i64}
  %0 = mpc.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, groups = 2 : i64}
    : (tensor<?x8x5x5xf32>, tensor<32x4x1x1xf32>) -> tensor<?x32x5x5xf32>
  %1 = mpc.relu %0 : (tensor<?x32x5x5xf32>) -> tensor<?x32x5x5xf32>
  return %1 : tensor<?x32x5x5xf32>
}

// So does a residual block's sum: what is added is taken apart as soon as it is there, so that the sums are epilogues of the parts. What
// broadcasts over the channels serves all of them as it is.
// CHECK-LABEL: func @residual
// CHECK-SAME: %[[X:.*]]: tensor<?x8x5x5xf32>, %[[R:.*]]: tensor<?x32x5x5xf32>, %[[B:.*]]: tensor<5xf32>)
func.func @residual(%x: tensor<?x8x5x5xf32>, %r: tensor<?x32x5x5xf32>, %b: tensor<5xf32>) -> tensor<?x32x5x5xf32> {
  %w = mpc.constant dense<2.0> : tensor<32x4x1x1xf32> -> tensor<32x4x1x1xf32>
  // CHECK-DAG: %[[S0:.*]] = mpc.slice %[[R]] {sizes = array<i64: -1, 16, 5, 5>, starts = array<i64: 0, 0, 0, 0>
  // CHECK-DAG: %[[S1:.*]] = mpc.slice %[[R]] {sizes = array<i64: -1, 16, 5, 5>, starts = array<i64: 0, 16, 0, 0>
  // CHECK: %[[Y0:.*]] = mpc.conv
  // CHECK-NOT: mpc.slice %[[R]]
  // CHECK: %[[Y1:.*]] = mpc.conv
  // CHECK: %[[A0:.*]] = mpc.add %[[S0]], %[[Y0]] : (tensor<?x16x5x5xf32>, tensor<?x16x5x5xf32>) -> tensor<?x16x5x5xf32>
  // CHECK: %[[A1:.*]] = mpc.add %[[S1]], %[[Y1]]
  // CHECK: %[[M0:.*]] = mpc.mul %[[A0]], %[[B]]
  // CHECK: %[[M1:.*]] = mpc.mul %[[A1]], %[[B]]
  // CHECK: %[[R0:.*]] = mpc.relu %[[M0]]
  // CHECK: %[[R1:.*]] = mpc.relu %[[M1]]
  // CHECK: mpc.concat %[[R0]], %[[R1]] {axis = 1 : i64}
  %0 = mpc.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, groups = 2 : i64}
    : (tensor<?x8x5x5xf32>, tensor<32x4x1x1xf32>) -> tensor<?x32x5x5xf32>
  %1 = mpc.add %r, %0 : (tensor<?x32x5x5xf32>, tensor<?x32x5x5xf32>) -> tensor<?x32x5x5xf32>
  %2 = mpc.mul %1, %b : (tensor<?x32x5x5xf32>, tensor<5xf32>) -> tensor<?x32x5x5xf32>
  %3 = mpc.relu %2 : (tensor<?x32x5x5xf32>) -> tensor<?x32x5x5xf32>
  return %3 : tensor<?x32x5x5xf32>
}

// What is computed behind the parts cannot be added in their epilogues.
// CHECK-LABEL: func @residual_later
// CHECK: %[[C:.*]] = mpc.concat
// CHECK: mpc.add %[[C]]
func.func @residual_later(%x: tensor<?x8x5x5xf32>) -> tensor<?x32x5x5xf32> {
  %w = mpc.constant dense<2.0> : tensor<32x4x1x1xf32> -> tensor<32x4x1x1xf32>
  %v = mpc.constant dense<2.0> : tensor<32x8x1x1xf32> -> tensor<32x8x1x1xf32>
  %0 = mpc.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, groups = 2 : i64}
    : (tensor<?x8x5x5xf32>, tensor<32x4x1x1xf32>) -> tensor<?x32x5x5xf32>
  %1 = mpc.conv %x, %v {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>}
    : (tensor<?x8x5x5xf32>, tensor<32x8x1x1xf32>) -> tensor<?x32x5x5xf32>
  %2 = mpc.add %0, %1 : (tensor<?x32x5x5xf32>, tensor<?x32x5x5xf32>) -> tensor<?x32x5x5xf32>
  return %2 : tensor<?x32x5x5xf32>
}

// Parts that something else reads stay as they are.
// CHECK-LABEL: func @shared
func.func @shared(%x: tensor<?x16x5x5xf32>) -> (tensor<?x32x5x5xf32>, tensor<?x16x5x5xf32>, tensor<?x32x5x5xf32>) {
  %w = mpc.constant dense<2.0> : tensor<16x16x1x1xf32> -> tensor<16x16x1x1xf32>
  %a = mpc.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>} : (tensor<?x16x5x5xf32>, tensor<16x16x1x1xf32>) -> tensor<?x16x5x5xf32>
  %b = mpc.conv %a, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>} : (tensor<?x16x5x5xf32>, tensor<16x16x1x1xf32>) -> tensor<?x16x5x5xf32>
  // CHECK: %[[C:.*]] = mpc.concat
  // CHECK: mpc.relu %[[C]]
  %c = mpc.concat %a, %b {axis = 1 : i64} : (tensor<?x16x5x5xf32>, tensor<?x16x5x5xf32>) -> tensor<?x32x5x5xf32>
  %r = mpc.relu %c : (tensor<?x32x5x5xf32>) -> tensor<?x32x5x5xf32>
  // CHECK: %[[D:.*]] = mpc.concat
  // CHECK: mpc.add %[[D]]
  %e = mpc.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>} : (tensor<?x16x5x5xf32>, tensor<16x16x1x1xf32>) -> tensor<?x16x5x5xf32>
  %d = mpc.concat %e, %a {axis = 1 : i64} : (tensor<?x16x5x5xf32>, tensor<?x16x5x5xf32>) -> tensor<?x32x5x5xf32>
  %s = mpc.add %d, %r : (tensor<?x32x5x5xf32>, tensor<?x32x5x5xf32>) -> tensor<?x32x5x5xf32>
  return %s, %a, %r : tensor<?x32x5x5xf32>, tensor<?x16x5x5xf32>, tensor<?x32x5x5xf32>
}

// A group per channel has kernels of its own; weights known at run time are not taken apart.
// CHECK-LABEL: func @stay
func.func @stay(%x: tensor<?x8x5x5xf32>, %v: tensor<32x2x1x1xf32>) -> (tensor<?x8x5x5xf32>, tensor<?x32x5x5xf32>) {
  %w = mpc.constant dense<2.0> : tensor<8x1x1x1xf32> -> tensor<8x1x1x1xf32>
  // CHECK: mpc.conv {{.*}} groups = 8
  %0 = mpc.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, groups = 8 : i64}
    : (tensor<?x8x5x5xf32>, tensor<8x1x1x1xf32>) -> tensor<?x8x5x5xf32>
  // CHECK: mpc.conv {{.*}} groups = 4
  %1 = mpc.conv %x, %v {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, groups = 4 : i64}
    : (tensor<?x8x5x5xf32>, tensor<32x2x1x1xf32>) -> tensor<?x32x5x5xf32>
  return %0, %1 : tensor<?x8x5x5xf32>, tensor<?x32x5x5xf32>
}
