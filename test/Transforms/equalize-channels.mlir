// RUN: mpc-opt %s -split-input-file -mpc-equalize-channels | FileCheck %s
// RUN: mpc-opt %s -split-input-file -mpc-equalize-channels --remarks-filter=repair 2>&1 | FileCheck %s --check-prefix=REMARK

// Channel 0 is made by weights up to 8 and read by weights up to 0.5, channel 1 by 0.5 and 8: sqrt of the ratios evens both out at 2.
// CHECK-LABEL: func.func @chain
// CHECK: mpc.group "fc1" {{.*}} attributes {mpc.channel_factors = array<f32: 4.000000e+00, 2.500000e-01>}
// CHECK: mpc.group "fc2"
// CHECK-NOT: mpc.channel_factors
func.func @chain(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
  %w1 = mpc.constant dense<[[8.0, 0.5], [4.0, -0.25]]> : tensor<2x2xf32> -> tensor<2x2xf32>
  %b1 = mpc.constant dense<[1.0, -0.125]> : tensor<2xf32> -> tensor<2xf32>
  %w2 = mpc.constant dense<[[0.5, -0.25], [1.0, 8.0]]> : tensor<2x2xf32> -> tensor<2x2xf32>
  %y = mpc.group "fc1" ins(%a = %x, %c = %w1, %d = %b1 : tensor<?x2xf32>, tensor<2x2xf32>, tensor<2xf32>) -> tensor<?x2xf32> {
    %0 = mpc.matmul %a, %c, %d : (tensor<?x2xf32>, tensor<2x2xf32>, tensor<2xf32>) -> tensor<?x2xf32>
    %1 = mpc.relu %0 : (tensor<?x2xf32>) -> tensor<?x2xf32>
    mpc.yield %1 : tensor<?x2xf32>
  }
  %z = mpc.group "fc2" ins(%a = %y, %c = %w2 : tensor<?x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32> {
    %0 = mpc.matmul %a, %c : (tensor<?x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32>
    mpc.yield %0 : tensor<?x2xf32>
  }
  return %z : tensor<?x2xf32>
}

// -----

// A depthwise convolution between two others is evened out on both of its sides; channels that are zero keep the factor 1.
// CHECK-LABEL: func.func @depthwise
// CHECK: mpc.group "expand" {{.*}} attributes {mpc.channel_factors = array<f32: {{7.99|8.0}}{{[^,]*}}, {{0.125|0.1250|1.25}}{{[^,]*}}, 1.000000e+00>}
// CHECK: mpc.group "depthwise" {{.*}} attributes {mpc.channel_factors = array<f32: {{3.99|4.0}}{{[^,]*}}, {{0.250|2.5}}{{[^,]*}}, 1.000000e+00>}
func.func @depthwise(%x: tensor<?x4x4x1xf32>) -> tensor<?x4x4x1xf32> {
  %w1 = mpc.constant dense<[[[[16.0]]], [[[0.0625]]], [[[0.0]]]]> : tensor<3x1x1x1xf32> -> tensor<3x1x1x1xf32>
  %w2 = mpc.constant dense<[[[[1.0]]], [[[1.0]]], [[[1.0]]]]> : tensor<3x1x1x1xf32> -> tensor<3x1x1x1xf32>
  %w3 = mpc.constant dense<[[[[0.5, 2.0, 0.0]]]]> : tensor<1x1x1x3xf32> -> tensor<1x1x1x3xf32>
  %0 = mpc.group "expand" ins(%a = %x, %w = %w1 : tensor<?x4x4x1xf32>, tensor<3x1x1x1xf32>) -> tensor<?x4x4x3xf32> {
    %3 = mpc.conv %a, %w {dilations = array<i64: 1, 1>, layout = #mpc.layout<channels_last>, pads = array<i64: 0, 0, 0, 0>, strides = array<i64: 1, 1>} : (tensor<?x4x4x1xf32>, tensor<3x1x1x1xf32>) -> tensor<?x4x4x3xf32>
    mpc.yield %3 : tensor<?x4x4x3xf32>
  }
  %1 = mpc.group "depthwise" ins(%a = %0, %w = %w2 : tensor<?x4x4x3xf32>, tensor<3x1x1x1xf32>) -> tensor<?x4x4x3xf32> {
    %3 = mpc.conv %a, %w {dilations = array<i64: 1, 1>, groups = 3 : i64, layout = #mpc.layout<channels_last>, pads = array<i64: 0, 0, 0, 0>, strides = array<i64: 1, 1>} : (tensor<?x4x4x3xf32>, tensor<3x1x1x1xf32>) -> tensor<?x4x4x3xf32>
    %4 = mpc.relu %3 : (tensor<?x4x4x3xf32>) -> tensor<?x4x4x3xf32>
    mpc.yield %4 : tensor<?x4x4x3xf32>
  }
  %2 = mpc.group "project" ins(%a = %1, %w = %w3 : tensor<?x4x4x3xf32>, tensor<1x1x1x3xf32>) -> tensor<?x4x4x1xf32> {
    %3 = mpc.conv %a, %w {dilations = array<i64: 1, 1>, layout = #mpc.layout<channels_last>, pads = array<i64: 0, 0, 0, 0>, strides = array<i64: 1, 1>} : (tensor<?x4x4x3xf32>, tensor<1x1x1x3xf32>) -> tensor<?x4x4x1xf32>
    mpc.yield %3 : tensor<?x4x4x1xf32>
  }
  return %2 : tensor<?x4x4x1xf32>
}

// -----

// What a residual branch reads too, what is clamped to 6, and results of the model stay.
// CHECK-LABEL: func.func @refused
// CHECK-NOT: mpc.channel_factors
// REMARK-DAG: 'branch' is not equalized: 'sum' reads it otherwise than as the input of a contraction with constant weights
// REMARK-DAG: 'clamped' is not equalized: it is clamped to other bounds than 0
// REMARK-DAG: 'sum' is not equalized: it is a result of the model
func.func @refused(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
  %w = mpc.constant dense<[[8.0, 0.5], [4.0, -0.25]]> : tensor<2x2xf32> -> tensor<2x2xf32>
  %0 = mpc.group "branch" ins(%a = %x, %c = %w : tensor<?x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32> {
    %3 = mpc.matmul %a, %c : (tensor<?x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32>
    mpc.yield %3 : tensor<?x2xf32>
  }
  %1 = mpc.group "clamped" ins(%a = %0, %c = %w : tensor<?x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32> {
    %3 = mpc.matmul %a, %c : (tensor<?x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32>
    %4 = mpc.clip %3 {max = 6.0 : f64, min = 0.0 : f64} : (tensor<?x2xf32>) -> tensor<?x2xf32>
    mpc.yield %4 : tensor<?x2xf32>
  }
  %2 = mpc.group "sum" ins(%a = %1, %c = %w, %b = %0 : tensor<?x2xf32>, tensor<2x2xf32>, tensor<?x2xf32>) -> tensor<?x2xf32> {
    %3 = mpc.matmul %a, %c : (tensor<?x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32>
    %4 = mpc.add %3, %b : (tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x2xf32>
    mpc.yield %4 : tensor<?x2xf32>
  }
  return %2 : tensor<?x2xf32>
}
