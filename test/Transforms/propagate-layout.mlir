// RUN: mpc-opt %s --mpc-propagate-layout | FileCheck %s
// RUN: mpc-opt %s --mpc-propagate-layout --remarks-filter=layout 2>&1 | FileCheck %s --check-prefix=REMARK

// REMARK: transpose of tensor<?x3x8x8xf32> by [0, 2, 3, 1] is left

// Transposes of activations stay at the border, those of weights are done at compile time.
// CHECK-LABEL: @chain
// CHECK-DAG: %[[W:.*]] = mpc.constant dense_resource<{{.*}}> : tensor<4x3x3x3xf32>
// CHECK: %[[X:.*]] = mpc.transpose %arg0 {perm = array<i64: 0, 2, 3, 1>} : (tensor<?x3x8x8xf32>) -> tensor<?x8x8x3xf32>
// CHECK: %[[C:.*]] = mpc.conv %[[X]], %[[W]]{{.*}} {{.*}}layout = #mpc.layout<channels_last>{{.*}} : (tensor<?x8x8x3xf32>, tensor<4x3x3x3xf32>) -> tensor<?x8x8x4xf32>
// CHECK: %[[R:.*]] = mpc.relu %[[C]]
// CHECK: %[[P:.*]] = mpc.max_pool %[[R]] {{.*}}channels_last{{.*}} -> tensor<?x4x4x4xf32>
// CHECK: %[[D:.*]] = mpc.conv %[[P]], %{{.*}} {{.*}}groups = 4{{.*}}channels_last{{.*}} : (tensor<?x4x4x4xf32>, tensor<4x3x3x1xf32>)
// CHECK: %[[A:.*]] = mpc.add %[[P]], %[[D]]
// CHECK: %[[Y:.*]] = mpc.transpose %[[A]] {perm = array<i64: 0, 3, 1, 2>}
// CHECK-NEXT: return %[[Y]]
func.func @chain(%x: tensor<?x3x8x8xf32>) -> tensor<?x4x4x4xf32> {
  %w = mpc.constant dense<1.0> : tensor<4x3x3x3xf32> -> tensor<4x3x3x3xf32>
  %dw = mpc.constant dense<2.0> : tensor<4x1x3x3xf32> -> tensor<4x1x3x3xf32>
  %0 = mpc.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>}
    : (tensor<?x3x8x8xf32>, tensor<4x3x3x3xf32>) -> tensor<?x4x8x8xf32>
  %1 = mpc.relu %0 : (tensor<?x4x8x8xf32>) -> tensor<?x4x8x8xf32>
  %2 = mpc.max_pool %1 {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>}
    : (tensor<?x4x8x8xf32>) -> tensor<?x4x4x4xf32>
  %3 = mpc.conv %2, %dw {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, groups = 4}
    : (tensor<?x4x4x4xf32>, tensor<4x1x3x3xf32>) -> tensor<?x4x4x4xf32>
  %4 = mpc.add %2, %3 : (tensor<?x4x4x4xf32>, tensor<?x4x4x4xf32>) -> tensor<?x4x4x4xf32>
  return %4 : tensor<?x4x4x4xf32>
}

// Weights move as [O, I, H, W] to [O, H, W, I].
// CHECK-LABEL: @weights
// CHECK: mpc.constant dense<{{\[\[\[\[}}1.000000e+00, 3.000000e+00], [2.000000e+00, 4.000000e+00]]]]> : tensor<1x1x2x2xf32>
func.func @weights(%x: tensor<1x4x5x2xf32>) -> tensor<1x4x4x1xf32> {
  %w = mpc.constant dense<[[[[1.0, 2.0]], [[3.0, 4.0]]]]> : tensor<1x2x1x2xf32> -> tensor<1x2x1x2xf32>
  %0 = mpc.transpose %x {perm = array<i64: 0, 3, 1, 2>} : (tensor<1x4x5x2xf32>) -> tensor<1x2x4x5xf32>
  %1 = mpc.conv %0, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>}
    : (tensor<1x2x4x5xf32>, tensor<1x2x1x2xf32>) -> tensor<1x1x4x4xf32>
  %2 = mpc.transpose %1 {perm = array<i64: 0, 2, 3, 1>} : (tensor<1x1x4x4xf32>) -> tensor<1x4x4x1xf32>
  return %2 : tensor<1x4x4x1xf32>
}

// A model that takes channels last and transposes by itself ends without a transpose.
// CHECK-LABEL: @channels_last_at_the_border
// CHECK-NOT: mpc.transpose
// CHECK: return
func.func @channels_last_at_the_border(%x: tensor<?x8x8x3xf32>, %w: tensor<4x3x1x1xf32>) -> tensor<?x8x8x4xf32> {
  %c = mpc.constant dense<1.0> : tensor<4x3x1x1xf32> -> tensor<4x3x1x1xf32>
  %0 = mpc.transpose %x {perm = array<i64: 0, 3, 1, 2>} : (tensor<?x8x8x3xf32>) -> tensor<?x3x8x8xf32>
  %1 = mpc.conv %0, %c {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>}
    : (tensor<?x3x8x8xf32>, tensor<4x3x1x1xf32>) -> tensor<?x4x8x8xf32>
  %2 = mpc.relu %1 : (tensor<?x4x8x8xf32>) -> tensor<?x4x8x8xf32>
  %3 = mpc.transpose %2 {perm = array<i64: 0, 2, 3, 1>} : (tensor<?x4x8x8xf32>) -> tensor<?x8x8x4xf32>
  return %3 : tensor<?x8x8x4xf32>
}

// Concatenation, padding, softmax and reductions move their axes; constants that broadcast are permuted.
// CHECK-LABEL: @axes
// CHECK-DAG: %[[PER_CHANNEL:.*]] = mpc.constant dense<{{\[\[\[\[}}1.000000e+00, 2.000000e+00, 3.000000e+00, 4.000000e+00]]]]> : tensor<1x1x1x4xf32>
// CHECK-DAG: %[[SCALAR:.*]] = mpc.constant dense<2.000000e+00> : tensor<f32>
// CHECK-COUNT-1: mpc.transpose %arg0
// CHECK-NOT: mpc.transpose
// CHECK: mpc.concat %{{.*}}, %{{.*}} {axis = 3 : i64} : (tensor<?x8x8x4xf32>, tensor<?x8x8x4xf32>) -> tensor<?x8x8x8xf32>
// CHECK: mpc.slice %{{.*}} {sizes = array<i64: -1, 8, 8, 4>, starts = array<i64: 0, 0, 0, 2>, steps = array<i64: 1, 1, 1, 1>}
// CHECK: mpc.pad %{{.*}} {high = array<i64: 0, 0, 2, 0>, low = array<i64: 0, 1, 0, 0>
// CHECK: mpc.mul %{{.*}}, %[[PER_CHANNEL]]
// CHECK: mpc.add %{{.*}}, %[[SCALAR]]
// CHECK: mpc.softmax %{{.*}} {axis = 3 : i64}
// CHECK: %[[REDUCED:.*]] = mpc.reduce %{{.*}} {axes = array<i64: 1, 2>, keepdims = true, kind = #mpc.reduce<mean>} : (tensor<?x9x10x4xf32>) -> tensor<?x1x1x4xf32>
// CHECK: %[[Y:.*]] = mpc.reshape %[[REDUCED]] : (tensor<?x1x1x4xf32>) -> tensor<?x4xf32>
// CHECK-NEXT: return %[[Y]]
func.func @axes(%x: tensor<?x3x8x8xf32>) -> tensor<?x4xf32> {
  %w = mpc.constant dense<1.0> : tensor<4x3x1x1xf32> -> tensor<4x3x1x1xf32>
  %per_channel = mpc.constant dense<[[[1.0]], [[2.0]], [[3.0]], [[4.0]]]> : tensor<4x1x1xf32> -> tensor<4x1x1xf32>
  %scalar = mpc.constant dense<2.0> : tensor<f32> -> tensor<f32>
  %0 = mpc.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>}
    : (tensor<?x3x8x8xf32>, tensor<4x3x1x1xf32>) -> tensor<?x4x8x8xf32>
  %1 = mpc.sigmoid %0 : (tensor<?x4x8x8xf32>) -> tensor<?x4x8x8xf32>
  %2 = mpc.concat %0, %1 {axis = 1 : i64} : (tensor<?x4x8x8xf32>, tensor<?x4x8x8xf32>) -> tensor<?x8x8x8xf32>
  %3 = mpc.slice %2 {starts = array<i64: 0, 2, 0, 0>, sizes = array<i64: -1, 4, 8, 8>, steps = array<i64: 1, 1, 1, 1>}
    : (tensor<?x8x8x8xf32>) -> tensor<?x4x8x8xf32>
  %4 = mpc.pad %3 {low = array<i64: 0, 0, 1, 0>, high = array<i64: 0, 0, 0, 2>, value = 1.0 : f64}
    : (tensor<?x4x8x8xf32>) -> tensor<?x4x9x10xf32>
  %5 = mpc.mul %4, %per_channel : (tensor<?x4x9x10xf32>, tensor<4x1x1xf32>) -> tensor<?x4x9x10xf32>
  %6 = mpc.add %5, %scalar : (tensor<?x4x9x10xf32>, tensor<f32>) -> tensor<?x4x9x10xf32>
  %7 = mpc.softmax %6 {axis = 1 : i64} : (tensor<?x4x9x10xf32>) -> tensor<?x4x9x10xf32>
  %8 = mpc.reduce %7 {kind = #mpc.reduce<mean>, axes = array<i64: 2, 3>, keepdims = false} : (tensor<?x4x9x10xf32>) -> tensor<?x4xf32>
  return %8 : tensor<?x4xf32>
}

// A squeeze-and-excite block: what is 1 x 1 in space is permuted by reshapes only, and none of them stands between a convolution and
// its activation.
// CHECK-LABEL: @squeeze_and_excite
// CHECK: mpc.transpose %arg0
// CHECK-NOT: mpc.transpose
// CHECK: %[[C:.*]] = mpc.conv
// CHECK: %[[M:.*]] = mpc.reduce %[[C]] {axes = array<i64: 1, 2>, keepdims = true
// CHECK: %[[S:.*]] = mpc.conv %[[M]], %{{.*}} -> tensor<?x1x1x4xf32>
// CHECK-NEXT: %[[G:.*]] = mpc.sigmoid %[[S]]
// CHECK-NEXT: %[[P:.*]] = mpc.mul %[[C]], %[[G]] : (tensor<?x8x8x4xf32>, tensor<?x1x1x4xf32>) -> tensor<?x8x8x4xf32>
// CHECK-NEXT: mpc.transpose %[[P]]
func.func @squeeze_and_excite(%x: tensor<?x3x8x8xf32>) -> tensor<?x4x8x8xf32> {
  %w = mpc.constant dense<1.0> : tensor<4x3x1x1xf32> -> tensor<4x3x1x1xf32>
  %v = mpc.constant dense<1.0> : tensor<4x4x1x1xf32> -> tensor<4x4x1x1xf32>
  %0 = mpc.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>}
    : (tensor<?x3x8x8xf32>, tensor<4x3x1x1xf32>) -> tensor<?x4x8x8xf32>
  %1 = mpc.reduce %0 {kind = #mpc.reduce<mean>, axes = array<i64: 2, 3>, keepdims = true} : (tensor<?x4x8x8xf32>) -> tensor<?x4x1x1xf32>
  %2 = mpc.conv %1, %v {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>}
    : (tensor<?x4x1x1xf32>, tensor<4x4x1x1xf32>) -> tensor<?x4x1x1xf32>
  %3 = mpc.sigmoid %2 : (tensor<?x4x1x1xf32>) -> tensor<?x4x1x1xf32>
  %4 = mpc.mul %0, %3 : (tensor<?x4x8x8xf32>, tensor<?x4x1x1xf32>) -> tensor<?x4x8x8xf32>
  return %4 : tensor<?x4x8x8xf32>
}

// Row c * 2 + w of the weights meets element [c, w] of the flattened input, which now stands at w * 2 + c. A per-column addition
// and the activation between them move along.
// CHECK-LABEL: @flatten
// CHECK-DAG: %[[W:.*]] = mpc.constant dense<{{\[\[}}0.000000e+00], [2.000000e+00], [1.000000e+00], [3.000000e+00]]> : tensor<4x1xf32>
// CHECK-DAG: %[[B:.*]] = mpc.constant dense<{{\[\[\[}}1.000000e+01, 3.000000e+01], [2.000000e+01, 4.000000e+01]]]> : tensor<1x2x2xf32>
// CHECK: %[[C:.*]] = mpc.conv
// CHECK-NEXT: %[[A:.*]] = mpc.add %[[C]], %[[B]]
// CHECK-NEXT: %[[R:.*]] = mpc.relu %[[A]]
// CHECK-NEXT: %[[F:.*]] = mpc.reshape %[[R]] : (tensor<?x1x2x2xf32>) -> tensor<?x4xf32>
// CHECK-NEXT: mpc.matmul %[[F]], %[[W]]
func.func @flatten(%x: tensor<?x1x2x3xf32>) -> tensor<?x1xf32> {
  %w = mpc.constant dense<1.0> : tensor<2x3x1x2xf32> -> tensor<2x3x1x2xf32>
  %v = mpc.constant dense<[[0.0], [1.0], [2.0], [3.0]]> : tensor<4x1xf32> -> tensor<4x1xf32>
  %b = mpc.constant dense<[10.0, 20.0, 30.0, 40.0]> : tensor<4xf32> -> tensor<4xf32>
  %t = mpc.transpose %x {perm = array<i64: 0, 3, 1, 2>} : (tensor<?x1x2x3xf32>) -> tensor<?x3x1x2xf32>
  %0 = mpc.conv %t, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 1>}
    : (tensor<?x3x1x2xf32>, tensor<2x3x1x2xf32>) -> tensor<?x2x1x2xf32>
  %1 = mpc.reshape %0 : (tensor<?x2x1x2xf32>) -> tensor<?x4xf32>
  %2 = mpc.add %1, %b : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  %3 = mpc.relu %2 : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %4 = mpc.matmul %3, %v : (tensor<?x4xf32>, tensor<4x1xf32>) -> tensor<?x1xf32>
  return %4 : tensor<?x1xf32>
}

// The same with weights whose rows are outputs.
// CHECK-LABEL: @flatten_transposed_weights
// CHECK: mpc.constant dense<{{\[\[}}0.000000e+00, 2.000000e+00, 1.000000e+00, 3.000000e+00]]> : tensor<1x4xf32>
// CHECK-NOT: mpc.transpose
// CHECK: mpc.matmul
func.func @flatten_transposed_weights(%x: tensor<?x1x2x2xf32>) -> tensor<?x1xf32> {
  %v = mpc.constant dense<[[0.0, 1.0, 2.0, 3.0]]> : tensor<1x4xf32> -> tensor<1x4xf32>
  %t = mpc.transpose %x {perm = array<i64: 0, 3, 1, 2>} : (tensor<?x1x2x2xf32>) -> tensor<?x2x1x2xf32>
  %0 = mpc.reshape %t : (tensor<?x2x1x2xf32>) -> tensor<?x4xf32>
  %1 = mpc.matmul %0, %v {transpose_b} : (tensor<?x4xf32>, tensor<1x4xf32>) -> tensor<?x1xf32>
  return %1 : tensor<?x1xf32>
}

// A flattened value that the model returns keeps its order.
// CHECK-LABEL: @flattened_result
// CHECK: %[[T:.*]] = mpc.transpose %arg0
// CHECK: mpc.reshape %[[T]]
func.func @flattened_result(%x: tensor<?x1x2x2xf32>) -> tensor<?x4xf32> {
  %t = mpc.transpose %x {perm = array<i64: 0, 3, 1, 2>} : (tensor<?x1x2x2xf32>) -> tensor<?x2x1x2xf32>
  %0 = mpc.reshape %t : (tensor<?x2x1x2xf32>) -> tensor<?x4xf32>
  return %0 : tensor<?x4xf32>
}

// One channel: a transpose that moves only sizes of 1 is a view.
// CHECK-LABEL: @one_channel
// CHECK: %[[X:.*]] = mpc.reshape %arg0 : (tensor<?x1x8x8xf32>) -> tensor<?x8x8x1xf32>
// CHECK: mpc.conv %[[X]]
func.func @one_channel(%x: tensor<?x1x8x8xf32>) -> tensor<?x2x8x8xf32> {
  %w = mpc.constant dense<1.0> : tensor<2x1x1x1xf32> -> tensor<2x1x1x1xf32>
  %0 = mpc.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>}
    : (tensor<?x1x8x8xf32>, tensor<2x1x1x1xf32>) -> tensor<?x2x8x8xf32>
  return %0 : tensor<?x2x8x8xf32>
}

// A residual from the input: its transpose exists already, so the addition is channels last.
// CHECK-LABEL: @residual_from_input
// CHECK: %[[X:.*]] = mpc.transpose %arg0
// CHECK: %[[C:.*]] = mpc.conv %[[X]]
// CHECK: %[[A:.*]] = mpc.add %[[C]], %[[X]]
// CHECK: mpc.transpose %[[A]]
func.func @residual_from_input(%x: tensor<?x4x8x8xf32>) -> tensor<?x4x8x8xf32> {
  %w = mpc.constant dense<1.0> : tensor<4x4x1x1xf32> -> tensor<4x4x1x1xf32>
  %0 = mpc.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>}
    : (tensor<?x4x8x8xf32>, tensor<4x4x1x1xf32>) -> tensor<?x4x8x8xf32>
  %1 = mpc.add %0, %x : (tensor<?x4x8x8xf32>, tensor<?x4x8x8xf32>) -> tensor<?x4x8x8xf32>
  return %1 : tensor<?x4x8x8xf32>
}

// Sinking that would cost as many transposes as it saves is not done.
// CHECK-LABEL: @sinking_must_pay
// CHECK: %[[T:.*]] = mpc.transpose %arg0
// CHECK: mpc.add %[[T]], %arg1
func.func @sinking_must_pay(%x: tensor<?x8x8x4xf32>, %r: tensor<?x4x8x8xf32>) -> tensor<?x4x8x8xf32> {
  %0 = mpc.transpose %x {perm = array<i64: 0, 3, 1, 2>} : (tensor<?x8x8x4xf32>) -> tensor<?x4x8x8xf32>
  %1 = mpc.add %0, %r : (tensor<?x4x8x8xf32>, tensor<?x4x8x8xf32>) -> tensor<?x4x8x8xf32>
  return %1 : tensor<?x4x8x8xf32>
}

// One dimension in space.
// CHECK-LABEL: @conv1d
// CHECK: mpc.conv %{{.*}}, %{{.*}} : (tensor<?x8x3xf32>, tensor<4x1x3xf32>) -> tensor<?x8x4xf32>
func.func @conv1d(%x: tensor<?x3x8xf32>) -> tensor<?x4x8xf32> {
  %w = mpc.constant dense<1.0> : tensor<4x3x1xf32> -> tensor<4x3x1xf32>
  %0 = mpc.conv %x, %w {strides = array<i64: 1>, dilations = array<i64: 1>, pads = array<i64: 0, 0>}
    : (tensor<?x3x8xf32>, tensor<4x3x1xf32>) -> tensor<?x4x8xf32>
  return %0 : tensor<?x4x8xf32>
}

// A channel shuffle between two convolutions: one transpose of the two channel dimensions, next to each other as they are.
// CHECK-LABEL: @channel_shuffle
// CHECK: %[[A:.*]] = mpc.conv
// CHECK-NEXT: %[[S:.*]] = mpc.reshape %[[A]] : (tensor<?x5x5x6xf32>) -> tensor<?x5x5x2x3xf32>
// CHECK-NEXT: %[[T:.*]] = mpc.transpose %[[S]] {perm = array<i64: 0, 1, 2, 4, 3>} : (tensor<?x5x5x2x3xf32>) -> tensor<?x5x5x3x2xf32>
// CHECK-NEXT: %[[J:.*]] = mpc.reshape %[[T]] : (tensor<?x5x5x3x2xf32>) -> tensor<?x5x5x6xf32>
// CHECK-NEXT: %[[B:.*]] = mpc.conv %[[J]]
func.func @channel_shuffle(%x: tensor<?x6x5x5xf32>) -> tensor<?x6x5x5xf32> {
  %w = mpc.constant dense<1.0> : tensor<6x1x1x1xf32> -> tensor<6x1x1x1xf32>
  %0 = mpc.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, groups = 6}
    : (tensor<?x6x5x5xf32>, tensor<6x1x1x1xf32>) -> tensor<?x6x5x5xf32>
  %1 = mpc.reshape %0 : (tensor<?x6x5x5xf32>) -> tensor<?x2x3x5x5xf32>
  %2 = mpc.transpose %1 {perm = array<i64: 0, 2, 1, 3, 4>} : (tensor<?x2x3x5x5xf32>) -> tensor<?x3x2x5x5xf32>
  %3 = mpc.reshape %2 : (tensor<?x3x2x5x5xf32>) -> tensor<?x6x5x5xf32>
  %4 = mpc.conv %3, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, groups = 6}
    : (tensor<?x6x5x5xf32>, tensor<6x1x1x1xf32>) -> tensor<?x6x5x5xf32>
  return %4 : tensor<?x6x5x5xf32>
}

// -----

// Bodies of branches are channels last inside, and keep the model's layout at their border.
// CHECK-LABEL: func.func @branch
func.func @branch(%x: tensor<?x3x8x8xf32>, %w: tensor<3x3x3x3xf32>, %c: i1) -> tensor<?x3x8x8xf32> {
  // CHECK: scf.if
  // CHECK: mpc.conv {{.*}}layout = #mpc.layout<channels_last>
  // CHECK: mpc.transpose
  // CHECK-NEXT: scf.yield
  %0 = scf.if %c -> (tensor<?x3x8x8xf32>) {
    %1 = mpc.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>} : (tensor<?x3x8x8xf32>, tensor<3x3x3x3xf32>) -> tensor<?x3x8x8xf32>
    scf.yield %1 : tensor<?x3x8x8xf32>
  } else {
    scf.yield %x : tensor<?x3x8x8xf32>
  }
  return %0 : tensor<?x3x8x8xf32>
}
