// RUN: mpc-opt %s -split-input-file -verify-diagnostics -mpc-insert-quantization

// expected-error @below {{argument 0 is read as int8, but has no calibrated range}}
func.func @main(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
  %w = mpc.constant dense<[[1.0, -0.5], [0.0, 1.0]]> : tensor<2x2xf32> -> tensor<2x2xf32>
  %y = mpc.group "fc" ins(%a = %x, %c = %w : tensor<?x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32> attributes {precision = #mpc.precision<int8>} {
    %0 = mpc.matmul %a, %c : (tensor<?x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32>
    mpc.yield %0 : tensor<?x2xf32>
  }
  return %y : tensor<?x2xf32>
}

// -----

func.func @main(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
  // expected-error @below {{expected only constants, reshapes and groups in the function}}
  %y = mpc.relu %x : (tensor<?x2xf32>) -> tensor<?x2xf32>
  return %y : tensor<?x2xf32>
}

// -----

// Scales that a repair has chosen fit the weights.
func.func @main(%x: tensor<?x2xf32> {mpc.name = "x", mpc.range = #mpc.range<-1.0, 1.0>}) -> tensor<?x2xf32> {
  %w = mpc.constant dense<[[1.0, -0.5], [0.0, 1.0]]> : tensor<2x2xf32> -> tensor<2x2xf32>
  // expected-error @+1 {{'fc': expected mpc.weight_scales to hold 2 finite scales > 0}}
  %y = mpc.group "fc" ins(%a = %x, %c = %w : tensor<?x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32> attributes {mpc.weight_scales = array<f32: 0.5>, precision = #mpc.precision<int8>, range = #mpc.range<0.0, 2.0>} {
    %0 = mpc.matmul %a, %c : (tensor<?x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32>
    mpc.yield %0 : tensor<?x2xf32>
  }
  return %y : tensor<?x2xf32>
}
