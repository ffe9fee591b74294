// RUN: mpc-opt %s -split-input-file -mpc-fold-channel-factors | FileCheck %s

// Weights and bias that make a channel are divided, the weights that read it multiplied; the range is of another value now. Behind a reshape
// that joins positions and channels, channels repeat.
// CHECK-LABEL: func.func @contractions
// CHECK-DAG: %[[W1:.*]] = mpc.constant dense<{{\[\[}}2.000000e+00, 2.000000e+00], [1.000000e+00, -1.000000e+00]]>
// CHECK-DAG: %[[B1:.*]] = mpc.constant dense<[2.500000e-01, -5.000000e-01]>
// CHECK: mpc.group "fc1" ins({{.*}}%[[W1]], {{.*}}%[[B1]] : {{.*}}) -> tensor<4x2xf32> {
// CHECK: mpc.constant dense<{{\[\[}}4.000000e+00], [5.000000e-01], [1.200000e+01], [1.000000e+00]]>
// CHECK: mpc.group "fc2"
func.func @contractions(%x: tensor<4x2xf32>) -> tensor<2x1xf32> {
  %w1 = mpc.constant dense<[[8.0, 0.5], [4.0, -0.25]]> : tensor<2x2xf32> -> tensor<2x2xf32>
  %b1 = mpc.constant dense<[1.0, -0.125]> : tensor<2xf32> -> tensor<2xf32>
  %w2 = mpc.constant dense<[[1.0], [2.0], [3.0], [4.0]]> : tensor<4x1xf32> -> tensor<4x1xf32>
  %y = mpc.group "fc1" ins(%a = %x, %c = %w1, %e = %b1 : tensor<4x2xf32>, tensor<2x2xf32>, tensor<2xf32>) -> tensor<4x2xf32> attributes {mpc.channel_factors = array<f32: 4.0, 0.25>, range = #mpc.range<0.0, 6.0>} {
    %0 = mpc.matmul %a, %c, %e : (tensor<4x2xf32>, tensor<2x2xf32>, tensor<2xf32>) -> tensor<4x2xf32>
    %1 = mpc.relu %0 : (tensor<4x2xf32>) -> tensor<4x2xf32>
    mpc.yield %1 : tensor<4x2xf32>
  }
  %r = mpc.reshape %y : (tensor<4x2xf32>) -> tensor<2x4xf32>
  %z = mpc.group "fc2" ins(%a = %r, %c = %w2 : tensor<2x4xf32>, tensor<4x1xf32>) -> tensor<2x1xf32> {
    %0 = mpc.matmul %a, %c : (tensor<2x4xf32>, tensor<4x1xf32>) -> tensor<2x1xf32>
    mpc.yield %0 : tensor<2x1xf32>
  }
  return %z : tensor<2x1xf32>
}

// -----

// Scale and bias behind a normalisation take the factors; a scale that is one number becomes one per channel.
// CHECK-LABEL: func.func @normalisation
// CHECK-DAG: %[[SCALE:.*]] = mpc.constant dense<[7.500000e-01, 6.000000e+00]>
// CHECK-DAG: %[[BIAS:.*]] = mpc.constant dense<[2.500000e-01, 4.000000e+00]>
// CHECK: mpc.group "norm" ins(
// CHECK-SAME: %[[BIAS]]
// CHECK-SAME: %[[SCALE]]
// CHECK: mpc.normalize
// CHECK-NEXT: mpc.mul
// CHECK-NEXT: mpc.add
// CHECK-NEXT: mpc.yield
func.func @normalisation(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
  %s = mpc.constant dense<3.0> : tensor<f32> -> tensor<f32>
  %b = mpc.constant dense<[1.0, 2.0]> : tensor<2xf32> -> tensor<2xf32>
  %w = mpc.constant dense<[[0.5, -0.25], [1.0, 8.0]]> : tensor<2x2xf32> -> tensor<2x2xf32>
  %y = mpc.group "norm" ins(%a = %x, %c = %s, %d = %b : tensor<?x2xf32>, tensor<f32>, tensor<2xf32>) -> tensor<?x2xf32> attributes {mpc.channel_factors = array<f32: 4.0, 0.5>} {
    %0 = mpc.normalize %a {axes = array<i64: 1>, epsilon = 1.0e-5 : f64} : (tensor<?x2xf32>) -> tensor<?x2xf32>
    %1 = mpc.mul %0, %c : (tensor<?x2xf32>, tensor<f32>) -> tensor<?x2xf32>
    %2 = mpc.add %1, %d : (tensor<?x2xf32>, tensor<2xf32>) -> tensor<?x2xf32>
    mpc.yield %2 : tensor<?x2xf32>
  }
  %z = mpc.group "fc" ins(%a = %y, %c = %w : tensor<?x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32> {
    %0 = mpc.matmul %a, %c : (tensor<?x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32>
    mpc.yield %0 : tensor<?x2xf32>
  }
  return %z : tensor<?x2xf32>
}

// -----

// What no constant takes is multiplied at the end of its group, by 1/s.
// CHECK-LABEL: func.func @epilogue
// CHECK: %[[S:.*]] = mpc.constant dense<[2.500000e-01, 2.000000e+00]>
// CHECK: mpc.group "act" ins(%{{.*}} = %{{.*}}, %[[A:.*]] = %[[S]]
// CHECK: %[[T:.*]] = mpc.tanh
// CHECK: %[[M:.*]] = mpc.mul %[[T]], %[[A]]
// CHECK: mpc.yield %[[M]]
func.func @epilogue(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
  %w = mpc.constant dense<[[0.5, -0.25], [1.0, 8.0]]> : tensor<2x2xf32> -> tensor<2x2xf32>
  %y = mpc.group "act" ins(%a = %x : tensor<?x2xf32>) -> tensor<?x2xf32> attributes {mpc.channel_factors = array<f32: 4.0, 0.5>} {
    %0 = mpc.tanh %a : (tensor<?x2xf32>) -> tensor<?x2xf32>
    mpc.yield %0 : tensor<?x2xf32>
  }
  %z = mpc.group "fc" ins(%a = %y, %c = %w : tensor<?x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32> {
    %0 = mpc.matmul %a, %c : (tensor<?x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32>
    mpc.yield %0 : tensor<?x2xf32>
  }
  return %z : tensor<?x2xf32>
}
