// RUN: mpc-opt %s --mpc-form-groups | FileCheck %s
// RUN: mpc-opt %s --mpc-form-groups --remarks-filter=groups 2>&1 | FileCheck %s --check-prefix=REMARK

// REMARK: group 'conv3': conv, add, relu

// The addition goes to the convolution that is computed last; the other's result is in memory by then. Constants are operands.
// CHECK-LABEL: @residual
// CHECK: %[[W:.*]] = mpc.constant
// CHECK: %[[A:.*]] = mpc.group "conv1" ins(%[[A0:.*]] = %arg0, %[[A1:.*]] = %[[W]] : tensor<?x8x8x4xf32>, tensor<4x1x1x4xf32>) -> tensor<?x8x8x4xf32> {
// CHECK-NEXT: %[[C:.*]] = mpc.conv %[[A0]], %[[A1]]
// CHECK-NEXT: %[[R:.*]] = mpc.relu %[[C]]
// CHECK-NEXT: mpc.yield %[[R]]
// CHECK: %[[B:.*]] = mpc.group "conv2"
// CHECK-NEXT: %[[C:.*]] = mpc.conv
// CHECK-NEXT: mpc.yield %[[C]]
// CHECK: mpc.group "conv3" ins(%[[A0:.*]] = %[[A]], %[[A1:.*]] = %[[W]], %[[A2:.*]] = %[[B]] :
// CHECK-NEXT: %[[C:.*]] = mpc.conv %[[A0]], %[[A1]]
// CHECK-NEXT: %[[S:.*]] = mpc.add %[[A2]], %[[C]]
// CHECK-NEXT: %[[R:.*]] = mpc.relu %[[S]]
// CHECK-NEXT: mpc.yield %[[R]]
func.func @residual(%x: tensor<?x8x8x4xf32>) -> tensor<?x8x8x4xf32> {
  %w = mpc.constant dense<1.0> : tensor<4x1x1x4xf32> -> tensor<4x1x1x4xf32>
  %0 = mpc.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, layout = #mpc.layout<channels_last>}
    : (tensor<?x8x8x4xf32>, tensor<4x1x1x4xf32>) -> tensor<?x8x8x4xf32> loc("conv1")
  %1 = mpc.relu %0 : (tensor<?x8x8x4xf32>) -> tensor<?x8x8x4xf32> loc("relu1")
  %2 = mpc.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, layout = #mpc.layout<channels_last>}
    : (tensor<?x8x8x4xf32>, tensor<4x1x1x4xf32>) -> tensor<?x8x8x4xf32> loc("conv2")
  %3 = mpc.conv %1, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, layout = #mpc.layout<channels_last>}
    : (tensor<?x8x8x4xf32>, tensor<4x1x1x4xf32>) -> tensor<?x8x8x4xf32> loc("conv3")
  %4 = mpc.add %2, %3 : (tensor<?x8x8x4xf32>, tensor<?x8x8x4xf32>) -> tensor<?x8x8x4xf32> loc("add")
  %5 = mpc.relu %4 : (tensor<?x8x8x4xf32>) -> tensor<?x8x8x4xf32> loc("relu2")
  return %5 : tensor<?x8x8x4xf32>
}

// x * sigmoid(x) has two users of x, both in the epilogue.
// CHECK-LABEL: @swish
// CHECK: mpc.group "matmul"
// CHECK-NEXT: %[[M:.*]] = mpc.matmul
// CHECK-NEXT: %[[S:.*]] = mpc.sigmoid %[[M]]
// CHECK-NEXT: %[[P:.*]] = mpc.mul %[[M]], %[[S]]
// CHECK-NEXT: mpc.yield %[[P]]
func.func @swish(%x: tensor<?x4xf32>, %w: tensor<4x4xf32>) -> tensor<?x4xf32> {
  %0 = mpc.matmul %x, %w : (tensor<?x4xf32>, tensor<4x4xf32>) -> tensor<?x4xf32>
  %1 = mpc.sigmoid %0 : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %2 = mpc.mul %0, %1 : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  return %2 : tensor<?x4xf32>
}

// What somebody else needs too ends the epilogue, and so does a larger result.
// CHECK-LABEL: @epilogue_ends
// CHECK: mpc.group "matmul"
// CHECK-NEXT: %[[M:.*]] = mpc.matmul
// CHECK-NEXT: %[[R:.*]] = mpc.relu %[[M]]
// CHECK-NEXT: mpc.yield %[[R]]
// CHECK: mpc.group "sigmoid"
// CHECK: mpc.group "matmul_2"
// CHECK-NEXT: %[[M:.*]] = mpc.matmul
// CHECK-NEXT: mpc.yield %[[M]]
// CHECK: mpc.group "add"
func.func @epilogue_ends(%x: tensor<1x4xf32>, %w: tensor<4x4xf32>) -> (tensor<1x4xf32>, tensor<1x4xf32>, tensor<2x4xf32>) {
  %c = mpc.constant dense<1.0> : tensor<2x4xf32> -> tensor<2x4xf32>
  %0 = mpc.matmul %x, %w : (tensor<1x4xf32>, tensor<4x4xf32>) -> tensor<1x4xf32>
  %1 = mpc.relu %0 : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %2 = mpc.sigmoid %1 : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %3 = mpc.matmul %1, %w : (tensor<1x4xf32>, tensor<4x4xf32>) -> tensor<1x4xf32>
  %4 = mpc.add %3, %c : (tensor<1x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  return %1, %2, %4 : tensor<1x4xf32>, tensor<1x4xf32>, tensor<2x4xf32>
}

// Movements stay apart from each other; reshapes are views and stay outside; names are made unique.
// CHECK-LABEL: @movements
// CHECK: %[[S:.*]] = mpc.group "node"
// CHECK-NEXT: mpc.slice
// CHECK: %[[T:.*]] = mpc.group "node_2" ins(%{{.*}} = %[[S]]
// CHECK-NEXT: mpc.transpose
// CHECK: %[[R:.*]] = mpc.reshape %[[T]]
// CHECK: mpc.group "relu" ins(%{{.*}} = %[[R]]
// CHECK-NEXT: mpc.relu
// CHECK-NEXT: mpc.exp
func.func @movements(%x: tensor<4x4xf32>) -> tensor<8xf32> {
  %0 = mpc.slice %x {starts = array<i64: 0, 0>, sizes = array<i64: 2, 4>, steps = array<i64: 1, 1>} : (tensor<4x4xf32>) -> tensor<2x4xf32> loc("node")
  %1 = mpc.transpose %0 {perm = array<i64: 1, 0>} : (tensor<2x4xf32>) -> tensor<4x2xf32> loc("node")
  %2 = mpc.reshape %1 : (tensor<4x2xf32>) -> tensor<8xf32>
  %3 = mpc.relu %2 : (tensor<8xf32>) -> tensor<8xf32>
  %4 = mpc.exp %3 : (tensor<8xf32>) -> tensor<8xf32>
  return %4 : tensor<8xf32>
}

// Nothing to group.
// CHECK-LABEL: @identity
// CHECK-NOT: mpc.group
func.func @identity(%x: tensor<4xf32>) -> tensor<4xf32> {
  return %x : tensor<4xf32>
}

// -----

// Bodies of loops and branches hold groups like the function; names are unique in the whole function.
// CHECK-LABEL: func.func @loop
func.func @loop(%xs: tensor<8x?x4xf32>, %h: tensor<?x4xf32>, %w: tensor<4x4xf32>, %c: tensor<i1>) -> tensor<?x4xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  // CHECK: scf.for
  %0 = scf.for %i = %c0 to %c8 step %c1 iter_args(%a = %h) -> (tensor<?x4xf32>) {
    // CHECK: mpc.extract_step
    // CHECK-NEXT: mpc.group "matmul" ins({{.*}}) -> tensor<?x4xf32> {
    // CHECK-NEXT: mpc.matmul
    // CHECK-NEXT: mpc.add
    // CHECK-NEXT: mpc.tanh
    %x = mpc.extract_step %xs[%i] : tensor<8x?x4xf32> -> tensor<?x4xf32>
    %1 = mpc.matmul %a, %w : (tensor<?x4xf32>, tensor<4x4xf32>) -> tensor<?x4xf32>
    %2 = mpc.add %1, %x : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
    %3 = mpc.tanh %2 : (tensor<?x4xf32>) -> tensor<?x4xf32>
    scf.yield %3 : tensor<?x4xf32>
  }
  %b = tensor.extract %c[] : tensor<i1>
  // CHECK: scf.if
  %4 = scf.if %b -> (tensor<?x4xf32>) {
    // CHECK: mpc.group "matmul_2"
    %5 = mpc.matmul %0, %w : (tensor<?x4xf32>, tensor<4x4xf32>) -> tensor<?x4xf32>
    scf.yield %5 : tensor<?x4xf32>
  } else {
    // CHECK: else
    // CHECK-NEXT: scf.yield
    scf.yield %0 : tensor<?x4xf32>
  }
  return %4 : tensor<?x4xf32>
}

// Each reader has its own dequantization; a contraction's operand is stored. A storage cast that ends a group is in it, another is a view.
// CHECK-LABEL: @dequantized
// CHECK: %[[F:.*]] = mpc.group "dequantize"
// CHECK-NEXT: mpc.dequantize
// CHECK-NEXT: mpc.yield
// CHECK: %[[V:.*]] = mpc.storage_cast %arg1
// CHECK: mpc.group "softmax" ins(%[[A:.*]] = %arg0 : tensor<?x4x!{{.*}}>) -> tensor<?x4xui8>
// CHECK-NEXT: %[[D:.*]] = mpc.dequantize %[[A]]
// CHECK-NEXT: %[[S:.*]] = mpc.softmax %[[D]]
// CHECK-NEXT: %[[Q:.*]] = mpc.quantize %[[S]]
// CHECK-NEXT: mpc.storage_cast %[[Q]]
// CHECK: mpc.group "add" ins(%[[A:.*]] = %arg0, %[[B:.*]] = %[[V]] :
// CHECK-NEXT: mpc.dequantize %[[A]]
// CHECK-NEXT: mpc.dequantize %[[B]]
// CHECK-NEXT: mpc.add
// CHECK: mpc.group "matmul" ins(%{{.*}} = %[[F]],
func.func @dequantized(%x: tensor<?x4x!quant.uniform<u8:f32, 0.5>>, %y: tensor<?x4xi8>) -> (tensor<?x4xui8>, tensor<?x4xf32>, tensor<?x2xf32>) {
  %w = mpc.constant dense<1.0> : tensor<4x2xf32> -> tensor<4x2xf32>
  %0 = mpc.dequantize %x : (tensor<?x4x!quant.uniform<u8:f32, 0.5>>) -> tensor<?x4xf32> loc("dequantize")
  %1 = mpc.storage_cast %y : (tensor<?x4xi8>) -> tensor<?x4x!quant.uniform<i8:f32, 0.5>>
  %2 = mpc.dequantize %1 : (tensor<?x4x!quant.uniform<i8:f32, 0.5>>) -> tensor<?x4xf32>
  %3 = mpc.softmax %0 {axis = 1 : i64} : (tensor<?x4xf32>) -> tensor<?x4xf32> loc("softmax")
  %4 = mpc.quantize %3 : (tensor<?x4xf32>) -> tensor<?x4x!quant.uniform<u8:f32, 0.00390625>>
  %5 = mpc.storage_cast %4 : (tensor<?x4x!quant.uniform<u8:f32, 0.00390625>>) -> tensor<?x4xui8>
  %6 = mpc.add %0, %2 : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32> loc("add")
  %7 = mpc.matmul %0, %w : (tensor<?x4xf32>, tensor<4x2xf32>) -> tensor<?x2xf32> loc("matmul")
  return %5, %6, %7 : tensor<?x4xui8>, tensor<?x4xf32>, tensor<?x2xf32>
}
