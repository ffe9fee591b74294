// RUN: mpc-opt %s | mpc-opt | FileCheck %s
// RUN: mpc-opt --mlir-print-op-generic %s | mpc-opt | FileCheck %s

// Per-channel types print as aliases.
// CHECK-DAG: !per_channel{{[0-9]*}} = !quant.uniform<i8<-127:127>:f32:1, {2.500000e-01,1.250000e-01}>

// Both layouts; a group count that makes the convolution depthwise.
// CHECK-LABEL: func @conv
func.func @conv(%x: tensor<?x4x8x8xf32>, %w: tensor<4x1x3x3xf32>, %b: tensor<4xf32>, %xl: tensor<?x8x8x4xf32>, %wl: tensor<6x3x3x4xf32>) {
  // CHECK: mpc.conv %{{.*}}, %{{.*}}, %{{.*}} {dilations = array<i64: 1, 1>, groups = 4 : i64, pads = array<i64: 1, 1, 1, 1>, strides = array<i64: 2, 2>} : (tensor<?x4x8x8xf32>, tensor<4x1x3x3xf32>, tensor<4xf32>) -> tensor<?x4x4x4xf32>
  %0 = mpc.conv %x, %w, %b {strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, groups = 4 : i64}
    : (tensor<?x4x8x8xf32>, tensor<4x1x3x3xf32>, tensor<4xf32>) -> tensor<?x4x4x4xf32>
  // CHECK: mpc.conv {{.*}}layout = #mpc.layout<channels_last>{{.*}} -> tensor<?x4x6x6xf32>
  %1 = mpc.conv %xl, %wl {strides = array<i64: 1, 1>, dilations = array<i64: 2, 1>, pads = array<i64: 0, 0, 0, 0>, layout = #mpc.layout<channels_last>}
    : (tensor<?x8x8x4xf32>, tensor<6x3x3x4xf32>) -> tensor<?x4x6x6xf32>
  return
}

// One and three spatial dimensions.
// CHECK-LABEL: func @conv_ranks
func.func @conv_ranks(%x: tensor<2x3x9xf32>, %w: tensor<5x3x3xf32>, %y: tensor<1x1x4x4x4xf32>, %v: tensor<2x1x2x2x2xf32>) {
  // CHECK: -> tensor<2x5x9xf32>
  %0 = mpc.conv %x, %w {strides = array<i64: 1>, dilations = array<i64: 1>, pads = array<i64: 2, 0>} : (tensor<2x3x9xf32>, tensor<5x3x3xf32>) -> tensor<2x5x9xf32>
  // CHECK: -> tensor<1x2x2x2x2xf32>
  %1 = mpc.conv %y, %v {strides = array<i64: 2, 2, 2>, dilations = array<i64: 1, 1, 1>, pads = array<i64: 0, 0, 0, 0, 0, 0>}
    : (tensor<1x1x4x4x4xf32>, tensor<2x1x2x2x2xf32>) -> tensor<1x2x2x2x2xf32>
  return
}

// Leading dimensions broadcast; a narrow product may accumulate in f32.
// CHECK-LABEL: func @matmul
func.func @matmul(%a: tensor<?x4x6xf32>, %b: tensor<6x5xf32>, %bias: tensor<5xf32>, %h: tensor<2x3xf16>, %t: tensor<4x3xf16>) {
  // CHECK: mpc.matmul %{{.*}}, %{{.*}}, %{{.*}} : (tensor<?x4x6xf32>, tensor<6x5xf32>, tensor<5xf32>) -> tensor<?x4x5xf32>
  %0 = mpc.matmul %a, %b, %bias : (tensor<?x4x6xf32>, tensor<6x5xf32>, tensor<5xf32>) -> tensor<?x4x5xf32>
  // CHECK: mpc.matmul %{{.*}}, %{{.*}} {transpose_b} : (tensor<2x3xf16>, tensor<4x3xf16>) -> tensor<2x4xf32>
  %1 = mpc.matmul %h, %t {transpose_b} : (tensor<2x3xf16>, tensor<4x3xf16>) -> tensor<2x4xf32>
  // CHECK: mpc.matmul {{.*}} -> tensor<2x4xf16>
  %2 = mpc.matmul %h, %t {transpose_b} : (tensor<2x3xf16>, tensor<4x3xf16>) -> tensor<2x4xf16>
  return
}

// Scales of the accumulator are the products of the operands' scales.
!x = !quant.uniform<u8:f32, 0.5:128>
!w = !quant.uniform<i8<-127:127>:f32:1, {0.25, 0.125}>
!acc = !quant.uniform<i32:f32:1, {0.125, 0.0625}>
!bias = !quant.uniform<i32:f32:0, {0.125, 0.0625}>
// CHECK-LABEL: func @integers
func.func @integers(%x: tensor<?x3x!x>, %w: tensor<3x2x!w>, %b: tensor<2x!bias>) {
  // CHECK: mpc.matmul %{{.*}} : (tensor<?x3x!uniform>, tensor<3x2x!per_channel{{[0-9]*}}>, tensor<2x!per_channel{{[0-9]*}}>) -> tensor<?x2x!per_channel{{[0-9]*}}>
  %0 = mpc.matmul %x, %w, %b : (tensor<?x3x!x>, tensor<3x2x!w>, tensor<2x!bias>) -> tensor<?x2x!acc>
  return
}
