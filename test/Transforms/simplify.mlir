// RUN: mpc-opt %s --mpc-simplify | FileCheck %s
// RUN: mpc-opt %s --mpc-simplify --remarks-filter=simplify 2>&1 | FileCheck %s --check-prefix=REMARK

// REMARK: not folded: the folded weights overflow

// scale = 2 / sqrt(3 + 1) = 1, 4 / sqrt(4) = 2; shift = 10 - 1 * 1 = 9, 20 - 3 * 2 = 14.
// CHECK-LABEL: @batch_norm_into_conv
// CHECK-DAG: %[[W:.*]] = mpc.constant dense<{{\[\[\[\[}}1.000000e+00]]], {{\[\[\[}}4.000000e+00]]]]> : tensor<2x1x1x1xf32>
// CHECK-DAG: %[[B:.*]] = mpc.constant dense<[9.500000e+00, 1.300000e+01]> : tensor<2xf32>
// CHECK: %[[Y:.*]] = mpc.conv %arg0, %[[W]], %[[B]]
// CHECK-NEXT: return %[[Y]]
func.func @batch_norm_into_conv(%x: tensor<?x1x4x4xf32>) -> tensor<?x2x4x4xf32> {
  %w = mpc.constant dense<[[[[1.0]]], [[[2.0]]]]> : tensor<2x1x1x1xf32> -> tensor<2x1x1x1xf32>
  %b = mpc.constant dense<[0.5, -0.5]> : tensor<2xf32> -> tensor<2xf32>
  %scale = mpc.constant dense<[2.0, 4.0]> : tensor<2xf32> -> tensor<2xf32>
  %bias = mpc.constant dense<[10.0, 20.0]> : tensor<2xf32> -> tensor<2xf32>
  %mean = mpc.constant dense<[1.0, 3.0]> : tensor<2xf32> -> tensor<2xf32>
  %var = mpc.constant dense<3.0> : tensor<2xf32> -> tensor<2xf32>
  %0 = mpc.conv %x, %w, %b {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>}
    : (tensor<?x1x4x4xf32>, tensor<2x1x1x1xf32>, tensor<2xf32>) -> tensor<?x2x4x4xf32>
  %1 = mpc.batch_norm %0, %scale, %bias, %mean, %var {epsilon = 1.0 : f64}
    : (tensor<?x2x4x4xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<?x2x4x4xf32>
  return %1 : tensor<?x2x4x4xf32>
}

// The contraction's own value is needed too: scale and shift stay ops.
// CHECK-LABEL: @batch_norm_of_shared_conv
// CHECK-DAG: %[[S:.*]] = mpc.constant dense<{{\[\[\[}}1.000000e+00]], {{\[\[}}2.000000e+00]]]> : tensor<2x1x1xf32>
// CHECK-DAG: %[[T:.*]] = mpc.constant dense<{{\[\[\[}}9.000000e+00]], {{\[\[}}1.400000e+01]]]> : tensor<2x1x1xf32>
// CHECK: %[[C:.*]] = mpc.conv
// CHECK: %[[M:.*]] = mpc.mul %[[C]], %[[S]]
// CHECK: %[[A:.*]] = mpc.add %[[M]], %[[T]]
// CHECK: return %[[C]], %[[A]]
func.func @batch_norm_of_shared_conv(%x: tensor<?x1x4x4xf32>, %w: tensor<2x1x1x1xf32>) -> (tensor<?x2x4x4xf32>, tensor<?x2x4x4xf32>) {
  %scale = mpc.constant dense<[2.0, 4.0]> : tensor<2xf32> -> tensor<2xf32>
  %bias = mpc.constant dense<[10.0, 20.0]> : tensor<2xf32> -> tensor<2xf32>
  %mean = mpc.constant dense<[1.0, 3.0]> : tensor<2xf32> -> tensor<2xf32>
  %var = mpc.constant dense<3.0> : tensor<2xf32> -> tensor<2xf32>
  %0 = mpc.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>}
    : (tensor<?x1x4x4xf32>, tensor<2x1x1x1xf32>) -> tensor<?x2x4x4xf32>
  %1 = mpc.batch_norm %0, %scale, %bias, %mean, %var {epsilon = 1.0 : f64}
    : (tensor<?x2x4x4xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<?x2x4x4xf32>
  return %0, %1 : tensor<?x2x4x4xf32>, tensor<?x2x4x4xf32>
}

// Parameters that are not known at compile time stay a batch_norm.
// CHECK-LABEL: @batch_norm_of_run_time_parameters
// CHECK: mpc.batch_norm
func.func @batch_norm_of_run_time_parameters(%x: tensor<?x2x4x4xf32>, %p: tensor<2xf32>) -> tensor<?x2x4x4xf32> {
  %0 = mpc.batch_norm %x, %p, %p, %p, %p {epsilon = 1.0 : f64}
    : (tensor<?x2x4x4xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<?x2x4x4xf32>
  return %0 : tensor<?x2x4x4xf32>
}

// Weights that would overflow in f16 are left as they are.
// CHECK-LABEL: @overflow_is_refused
// CHECK: %[[C:.*]] = mpc.conv
// CHECK: mpc.mul %[[C]]
func.func @overflow_is_refused(%x: tensor<?x1x4x4xf16>) -> tensor<?x1x4x4xf16> {
  %w = mpc.constant dense<60000.0> : tensor<1x1x1x1xf16> -> tensor<1x1x1x1xf16>
  %s = mpc.constant dense<2.0> : tensor<1x1x1xf16> -> tensor<1x1x1xf16>
  %0 = mpc.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>}
    : (tensor<?x1x4x4xf16>, tensor<1x1x1x1xf16>) -> tensor<?x1x4x4xf16>
  %1 = mpc.mul %0, %s : (tensor<?x1x4x4xf16>, tensor<1x1x1xf16>) -> tensor<?x1x4x4xf16>
  return %1 : tensor<?x1x4x4xf16>
}

// CHECK-LABEL: @add_and_mul_into_matmul
// CHECK-DAG: %[[W:.*]] = mpc.constant dense<{{\[\[}}2.000000e+00, 6.000000e+00], [4.000000e+00, 1.200000e+01]]>
// CHECK-DAG: %[[B:.*]] = mpc.constant dense<[2.000000e+01, 6.000000e+01]>
// CHECK: %[[Y:.*]] = mpc.matmul %arg0, %[[W]], %[[B]]
// CHECK-NEXT: return %[[Y]]
func.func @add_and_mul_into_matmul(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
  %w = mpc.constant dense<[[1.0, 2.0], [2.0, 4.0]]> : tensor<2x2xf32> -> tensor<2x2xf32>
  %b = mpc.constant dense<[[10.0, 20.0]]> : tensor<1x2xf32> -> tensor<1x2xf32>
  %s = mpc.constant dense<[2.0, 3.0]> : tensor<2xf32> -> tensor<2xf32>
  %0 = mpc.matmul %x, %w : (tensor<?x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32>
  %1 = mpc.add %b, %0 : (tensor<1x2xf32>, tensor<?x2xf32>) -> tensor<?x2xf32>
  %2 = mpc.mul %1, %s : (tensor<?x2xf32>, tensor<2xf32>) -> tensor<?x2xf32>
  return %2 : tensor<?x2xf32>
}

// A constant per row, not per column, is no bias.
// CHECK-LABEL: @constant_per_row_stays
// CHECK: mpc.matmul %arg0, %{{.*}} :
// CHECK: mpc.add
func.func @constant_per_row_stays(%x: tensor<2x2xf32>) -> tensor<2x2xf32> {
  %w = mpc.constant dense<[[1.0, 2.0], [2.0, 4.0]]> : tensor<2x2xf32> -> tensor<2x2xf32>
  %b = mpc.constant dense<[[10.0], [20.0]]> : tensor<2x1xf32> -> tensor<2x1xf32>
  %0 = mpc.matmul %x, %w : (tensor<2x2xf32>, tensor<2x2xf32>) -> tensor<2x2xf32>
  %1 = mpc.add %0, %b : (tensor<2x2xf32>, tensor<2x1xf32>) -> tensor<2x2xf32>
  return %1 : tensor<2x2xf32>
}

// CHECK-LABEL: @constants
// CHECK-DAG: mpc.constant dense<{{\[\[}}1.000000e+00, 4.000000e+00], [2.000000e+00, 5.000000e+00], [3.000000e+00, 6.000000e+00]]> : tensor<3x2xf32>
// CHECK-DAG: mpc.constant dense<[1.000000e+00, 2.000000e+00, 3.000000e+00, 4.000000e+00, 5.000000e+00, 6.000000e+00]> : tensor<6xf32>
// CHECK-DAG: mpc.constant dense<{{.*}}> : tensor<2x3xf16>
// CHECK-DAG: mpc.constant dense<{{\[\[}}3.000000e+00, 5.000000e+00, 7.000000e+00], [9.000000e+00, 1.100000e+01, 1.300000e+01]]> : tensor<2x3xf32>
// CHECK-NOT: mpc.{{transpose|reshape|cast|mul|add}}
func.func @constants() -> (tensor<3x2xf32>, tensor<6xf32>, tensor<2x3xf16>, tensor<2x3xf32>) {
  %c = mpc.constant dense<[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]> : tensor<2x3xf32> -> tensor<2x3xf32>
  %one = mpc.constant dense<1.0> : tensor<3xf32> -> tensor<3xf32>
  %two = mpc.constant dense<2.0> : tensor<f32> -> tensor<f32>
  %0 = mpc.transpose %c {perm = array<i64: 1, 0>} : (tensor<2x3xf32>) -> tensor<3x2xf32>
  %1 = mpc.reshape %c : (tensor<2x3xf32>) -> tensor<6xf32>
  %2 = mpc.cast %c : (tensor<2x3xf32>) -> tensor<2x3xf16>
  %3 = mpc.mul %c, %two : (tensor<2x3xf32>, tensor<f32>) -> tensor<2x3xf32>
  %4 = mpc.add %3, %one : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<2x3xf32>
  return %0, %1, %2, %4 : tensor<3x2xf32>, tensor<6xf32>, tensor<2x3xf16>, tensor<2x3xf32>
}

// Adding +0 turns -0 into +0: only -0 is neutral.
// CHECK-LABEL: @neutral
// CHECK: %[[A:.*]] = mpc.add %arg0
// CHECK-NEXT: return %arg0, %arg0, %arg0, %[[A]]
func.func @neutral(%x: tensor<?x2xf32>) -> (tensor<?x2xf32>, tensor<?x2xf32>, tensor<?x2xf32>, tensor<?x2xf32>) {
  %one = mpc.constant dense<1.0> : tensor<2xf32> -> tensor<2xf32>
  %zero = mpc.constant dense<0.0> : tensor<f32> -> tensor<f32>
  %minus_zero = mpc.constant dense<-0.0> : tensor<f32> -> tensor<f32>
  %0 = mpc.mul %x, %one : (tensor<?x2xf32>, tensor<2xf32>) -> tensor<?x2xf32>
  %1 = mpc.sub %x, %zero : (tensor<?x2xf32>, tensor<f32>) -> tensor<?x2xf32>
  %2 = mpc.add %minus_zero, %x : (tensor<f32>, tensor<?x2xf32>) -> tensor<?x2xf32>
  %3 = mpc.add %x, %zero : (tensor<?x2xf32>, tensor<f32>) -> tensor<?x2xf32>
  return %0, %1, %2, %3 : tensor<?x2xf32>, tensor<?x2xf32>, tensor<?x2xf32>, tensor<?x2xf32>
}

// A neutral constant that makes the result larger is not dropped.
// CHECK-LABEL: @neutral_broadcasts
// CHECK: mpc.mul
func.func @neutral_broadcasts(%x: tensor<2xf32>) -> tensor<3x2xf32> {
  %one = mpc.constant dense<1.0> : tensor<3x2xf32> -> tensor<3x2xf32>
  %0 = mpc.mul %x, %one : (tensor<2xf32>, tensor<3x2xf32>) -> tensor<3x2xf32>
  return %0 : tensor<3x2xf32>
}

// CHECK-LABEL: @clamps
// CHECK: %[[A:.*]] = mpc.clip %arg0 {max = 6.000000e+00 : f64, min = 0.000000e+00 : f64}
// CHECK: %[[B:.*]] = mpc.clip %arg0 {max = 3.000000e+00 : f64, min = 1.000000e+00 : f64}
// CHECK: return %[[A]], %[[B]]
func.func @clamps(%x: tensor<?x2xf32>) -> (tensor<?x2xf32>, tensor<?x2xf32>) {
  %0 = mpc.relu %x : (tensor<?x2xf32>) -> tensor<?x2xf32>
  %1 = mpc.clip %0 {min = 0.0 : f64, max = 6.0 : f64} : (tensor<?x2xf32>) -> tensor<?x2xf32>
  %2 = mpc.clip %x {min = -1.0 : f64, max = 3.0 : f64} : (tensor<?x2xf32>) -> tensor<?x2xf32>
  %3 = mpc.clip %2 {min = 1.0 : f64, max = 7.0 : f64} : (tensor<?x2xf32>) -> tensor<?x2xf32>
  return %1, %3 : tensor<?x2xf32>, tensor<?x2xf32>
}

// CHECK-LABEL: @pad_into_conv
// CHECK-NOT: mpc.pad
// CHECK: mpc.conv %arg0, %arg1 {{.*}}pads = array<i64: 1, 1, 0, 2>
func.func @pad_into_conv(%x: tensor<?x1x4x4xf32>, %w: tensor<1x1x3x3xf32>) -> tensor<?x1x3x5xf32> {
  %0 = mpc.pad %x {low = array<i64: 0, 0, 1, 0>, high = array<i64: 0, 0, 0, 2>, value = 0.0 : f64}
    : (tensor<?x1x4x4xf32>) -> tensor<?x1x5x6xf32>
  %1 = mpc.conv %0, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads = array<i64: 0, 1, 0, 0>}
    : (tensor<?x1x5x6xf32>, tensor<1x1x3x3xf32>) -> tensor<?x1x3x5xf32>
  return %1 : tensor<?x1x3x5xf32>
}

// Padding with another value, or of the channels, is no convolution padding.
// CHECK-LABEL: @pad_stays
// CHECK: mpc.pad
func.func @pad_stays(%x: tensor<?x1x4x4xf32>, %w: tensor<1x1x3x3xf32>) -> tensor<?x1x3x3xf32> {
  %0 = mpc.pad %x {low = array<i64: 0, 0, 1, 0>, high = array<i64: 0, 0, 0, 1>, value = 1.0 : f64}
    : (tensor<?x1x4x4xf32>) -> tensor<?x1x5x5xf32>
  %1 = mpc.conv %0, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>}
    : (tensor<?x1x5x5xf32>, tensor<1x1x3x3xf32>) -> tensor<?x1x3x3xf32>
  return %1 : tensor<?x1x3x3xf32>
}

// Neither is padding with what the input holds, whatever its value would be.
// CHECK-LABEL: @pad_mode_stays
// CHECK: %[[R:.*]] = mpc.pad %arg0 {{.*}}mode = #mpc.pad<reflect>
// CHECK: mpc.conv %[[R]], {{.*}}pads = array<i64: 1, 1, 1, 1>
// CHECK: %[[E:.*]] = mpc.pad %arg0 {{.*}}mode = #mpc.pad<edge>
// CHECK: mpc.average_pool %[[E]]
func.func @pad_mode_stays(%x: tensor<?x1x4x4xf32>, %w: tensor<1x1x3x3xf32>) -> (tensor<?x1x6x6xf32>, tensor<?x1x3x3xf32>) {
  %0 = mpc.pad %x {low = array<i64: 0, 0, 1, 1>, high = array<i64: 0, 0, 1, 1>, mode = #mpc.pad<reflect>, value = 0.0 : f64}
    : (tensor<?x1x4x4xf32>) -> tensor<?x1x6x6xf32>
  %1 = mpc.conv %0, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>}
    : (tensor<?x1x6x6xf32>, tensor<1x1x3x3xf32>) -> tensor<?x1x6x6xf32>
  %2 = mpc.pad %x {low = array<i64: 0, 0, 1, 1>, high = array<i64: 0, 0, 1, 1>, mode = #mpc.pad<edge>, value = 0.0 : f64}
    : (tensor<?x1x4x4xf32>) -> tensor<?x1x6x6xf32>
  %3 = mpc.average_pool %2 {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>}
    : (tensor<?x1x6x6xf32>) -> tensor<?x1x3x3xf32>
  return %1, %3 : tensor<?x1x6x6xf32>, tensor<?x1x3x3xf32>
}

// A pool has no windows without an element of its input: zeros that fill one stay.
// CHECK-LABEL: @pad_of_a_window_stays
// CHECK: %[[P:.*]] = mpc.pad
// CHECK: mpc.average_pool %[[P]]
func.func @pad_of_a_window_stays(%x: tensor<?x1x4x4xf32>) -> tensor<?x1x3x2xf32> {
  %0 = mpc.pad %x {low = array<i64: 0, 0, 2, 0>, high = array<i64: 0, 0, 0, 0>, value = 0.0 : f64}
    : (tensor<?x1x4x4xf32>) -> tensor<?x1x6x4xf32>
  %1 = mpc.average_pool %0 {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>}
    : (tensor<?x1x6x4xf32>) -> tensor<?x1x3x2xf32>
  return %1 : tensor<?x1x3x2xf32>
}

// Zeros in front of an average pool count; a pool whose own padding does not count keeps them apart.
// CHECK-LABEL: @pad_into_average_pool
// CHECK: %[[P:.*]] = mpc.pad
// CHECK: mpc.average_pool %arg0 {count_include_pad, {{.*}}pads = array<i64: 1, 1, 0, 0>
// CHECK: mpc.average_pool %[[P]]
func.func @pad_into_average_pool(%x: tensor<?x1x3x3xf32>) -> (tensor<?x1x2x2xf32>, tensor<?x1x3x3xf32>) {
  %0 = mpc.pad %x {low = array<i64: 0, 0, 1, 1>, high = array<i64: 0, 0, 0, 0>, value = 0.0 : f64}
    : (tensor<?x1x3x3xf32>) -> tensor<?x1x4x4xf32>
  %1 = mpc.average_pool %0 {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>}
    : (tensor<?x1x4x4xf32>) -> tensor<?x1x2x2xf32>
  %2 = mpc.average_pool %0 {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>}
    : (tensor<?x1x4x4xf32>) -> tensor<?x1x3x3xf32>
  return %1, %2 : tensor<?x1x2x2xf32>, tensor<?x1x3x3xf32>
}

// -----

// Squares are products.
// CHECK-LABEL: func.func @square
// CHECK-NEXT: %[[Y:.*]] = mpc.mul %arg0, %arg0
// CHECK-NEXT: return %[[Y]]
func.func @square(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %two = mpc.constant dense<2.0> : tensor<f32> -> tensor<f32>
  %0 = mpc.pow %x, %two : (tensor<?x4xf32>, tensor<f32>) -> tensor<?x4xf32>
  return %0 : tensor<?x4xf32>
}

// -----

// Parts of constants, and constants put together, are constants.
// CHECK-LABEL: func.func @constant_parts
// CHECK-NEXT: %[[A:.*]] = mpc.constant dense<{{\[\[}}6, 5], [3, 2]]>
// CHECK-NEXT: %[[B:.*]] = mpc.constant dense<{{\[\[}}1, 2, 3, 7], [4, 5, 6, 8]]>
// CHECK-NEXT: return %[[A]], %[[B]]
func.func @constant_parts() -> (tensor<2x2xi32>, tensor<2x4xi32>) {
  %c = mpc.constant dense<[[1, 2, 3], [4, 5, 6]]> : tensor<2x3xi32> -> tensor<2x3xi32>
  %d = mpc.constant dense<[[7], [8]]> : tensor<2x1xi32> -> tensor<2x1xi32>
  %0 = mpc.slice %c {starts = array<i64: 1, 2>, sizes = array<i64: 2, 2>, steps = array<i64: -1, -1>} : (tensor<2x3xi32>) -> tensor<2x2xi32>
  %1 = mpc.concat %c, %d {axis = 1 : i64} : (tensor<2x3xi32>, tensor<2x1xi32>) -> tensor<2x4xi32>
  return %0, %1 : tensor<2x2xi32>, tensor<2x4xi32>
}

// -----

// What two branches take of shuffled channels is every second channel of what was shuffled.
// CHECK-LABEL: func.func @shuffled_halves
// CHECK-SAME: %[[X:.*]]: tensor<1x6x4x4xf32>)
// CHECK-NEXT: %[[A:.*]] = mpc.slice %[[X]] {sizes = array<i64: 1, 3, 4, 4>, starts = array<i64: 0, 0, 0, 0>, steps = array<i64: 1, 2, 1, 1>}
// CHECK-NEXT: %[[B:.*]] = mpc.slice %[[X]] {sizes = array<i64: 1, 3, 4, 4>, starts = array<i64: 0, 1, 0, 0>, steps = array<i64: 1, 2, 1, 1>}
// CHECK-NEXT: return %[[A]], %[[B]]
func.func @shuffled_halves(%x: tensor<1x6x4x4xf32>) -> (tensor<1x3x4x4xf32>, tensor<1x3x4x4xf32>) {
  %0 = mpc.reshape %x : (tensor<1x6x4x4xf32>) -> tensor<3x2x16xf32>
  %1 = mpc.transpose %0 {perm = array<i64: 1, 0, 2>} : (tensor<3x2x16xf32>) -> tensor<2x3x16xf32>
  %2 = mpc.reshape %1 : (tensor<2x3x16xf32>) -> tensor<2x1x3x4x4xf32>
  %3 = mpc.slice %2 {starts = array<i64: 0, 0, 0, 0, 0>, sizes = array<i64: 1, 1, 3, 4, 4>, steps = array<i64: 1, 1, 1, 1, 1>} : (tensor<2x1x3x4x4xf32>) -> tensor<1x1x3x4x4xf32>
  %4 = mpc.reshape %3 : (tensor<1x1x3x4x4xf32>) -> tensor<1x3x4x4xf32>
  %5 = mpc.slice %2 {starts = array<i64: 1, 0, 0, 0, 0>, sizes = array<i64: 1, 1, 3, 4, 4>, steps = array<i64: 1, 1, 1, 1, 1>} : (tensor<2x1x3x4x4xf32>) -> tensor<1x1x3x4x4xf32>
  %6 = mpc.reshape %5 : (tensor<1x1x3x4x4xf32>) -> tensor<1x3x4x4xf32>
  return %4, %6 : tensor<1x3x4x4xf32>, tensor<1x3x4x4xf32>
}

// -----

// Slices of slices are one: starts and steps multiply. What starts at the end and goes back is none that a view says.
// CHECK-LABEL: func.func @slices_of_slices
// CHECK-SAME: %[[X:.*]]: tensor<1x3x8x8xf32>)
// CHECK-NEXT: %[[A:.*]] = mpc.slice %[[X]] {sizes = array<i64: 1, 3, 4, 2>, starts = array<i64: 0, 0, 1, 3>, steps = array<i64: 1, 1, 2, 4>}
// CHECK-NEXT: %[[B:.*]] = mpc.slice %[[X]] {{.*}}steps = array<i64: 1, 1, -2, 1>}
// CHECK-NEXT: %[[C:.*]] = mpc.slice %[[B]]
// CHECK-NEXT: return %[[A]], %[[C]]
func.func @slices_of_slices(%x: tensor<1x3x8x8xf32>) -> (tensor<1x3x4x2xf32>, tensor<1x3x4x4xf32>) {
  %0 = mpc.slice %x {starts = array<i64: 0, 0, 1, 0>, sizes = array<i64: 1, 3, 4, 8>, steps = array<i64: 1, 1, 2, 1>} : (tensor<1x3x8x8xf32>) -> tensor<1x3x4x8xf32>
  %1 = mpc.slice %0 {starts = array<i64: 0, 0, 0, 1>, sizes = array<i64: 1, 3, 4, 4>, steps = array<i64: 1, 1, 1, 2>} : (tensor<1x3x4x8xf32>) -> tensor<1x3x4x4xf32>
  %2 = mpc.slice %1 {starts = array<i64: 0, 0, 0, 1>, sizes = array<i64: 1, 3, 4, 2>, steps = array<i64: 1, 1, 1, 2>} : (tensor<1x3x4x4xf32>) -> tensor<1x3x4x2xf32>
  %3 = mpc.slice %x {starts = array<i64: 0, 0, 7, 0>, sizes = array<i64: 1, 3, 4, 8>, steps = array<i64: 1, 1, -2, 1>} : (tensor<1x3x8x8xf32>) -> tensor<1x3x4x8xf32>
  %4 = mpc.slice %3 {starts = array<i64: 0, 0, 0, 1>, sizes = array<i64: 1, 3, 4, 4>, steps = array<i64: 1, 1, 1, 2>} : (tensor<1x3x4x8xf32>) -> tensor<1x3x4x4xf32>
  return %2, %4 : tensor<1x3x4x2xf32>, tensor<1x3x4x4xf32>
}

// -----

// Three of the six shuffled channels from the second one on are channels 2, 4 and 1: no slice. Neither is what a transpose turns.
// CHECK-LABEL: func.func @shuffled_part
// CHECK: mpc.transpose
// CHECK: mpc.slice
// CHECK: mpc.transpose
// CHECK: mpc.slice
func.func @shuffled_part(%x: tensor<1x6x4x4xf32>) -> (tensor<1x3x4x4xf32>, tensor<1x3x4x4xf32>) {
  %0 = mpc.reshape %x : (tensor<1x6x4x4xf32>) -> tensor<3x2x16xf32>
  %1 = mpc.transpose %0 {perm = array<i64: 1, 0, 2>} : (tensor<3x2x16xf32>) -> tensor<2x3x16xf32>
  %2 = mpc.reshape %1 : (tensor<2x3x16xf32>) -> tensor<1x6x4x4xf32>
  %3 = mpc.slice %2 {starts = array<i64: 0, 1, 0, 0>, sizes = array<i64: 1, 3, 4, 4>, steps = array<i64: 1, 1, 1, 1>} : (tensor<1x6x4x4xf32>) -> tensor<1x3x4x4xf32>
  %4 = mpc.transpose %x {perm = array<i64: 0, 1, 3, 2>} : (tensor<1x6x4x4xf32>) -> tensor<1x6x4x4xf32>
  %5 = mpc.slice %4 {starts = array<i64: 0, 1, 0, 0>, sizes = array<i64: 1, 3, 4, 4>, steps = array<i64: 1, 1, 1, 1>} : (tensor<1x6x4x4xf32>) -> tensor<1x3x4x4xf32>
  return %3, %5 : tensor<1x3x4x4xf32>, tensor<1x3x4x4xf32>
}
