// RUN: mpc-opt %s -split-input-file -mpc-fold-channel-factors -verify-diagnostics

func.func @number(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
  // expected-error @+1 {{'act': expected a factor for each of 2 channels, but got 3}}
  %y = mpc.group "act" ins(%a = %x : tensor<?x2xf32>) -> tensor<?x2xf32> attributes {mpc.channel_factors = array<f32: 4.0, 0.5, 1.0>} {
    %0 = mpc.tanh %a : (tensor<?x2xf32>) -> tensor<?x2xf32>
    mpc.yield %0 : tensor<?x2xf32>
  }
  return %y : tensor<?x2xf32>
}

// -----

func.func @sign(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
  // expected-error @+1 {{'act': expected finite factors > 0 of its channels}}
  %y = mpc.group "act" ins(%a = %x : tensor<?x2xf32>) -> tensor<?x2xf32> attributes {mpc.channel_factors = array<f32: 4.0, -0.5>} {
    %0 = mpc.tanh %a : (tensor<?x2xf32>) -> tensor<?x2xf32>
    mpc.yield %0 : tensor<?x2xf32>
  }
  return %y : tensor<?x2xf32>
}

// -----

func.func @result(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
  // expected-error @+1 {{'act': expected channels that can be scaled, but it is a result of the model}}
  %y = mpc.group "act" ins(%a = %x : tensor<?x2xf32>) -> tensor<?x2xf32> attributes {mpc.channel_factors = array<f32: 4.0, 0.5>} {
    %0 = mpc.tanh %a : (tensor<?x2xf32>) -> tensor<?x2xf32>
    mpc.yield %0 : tensor<?x2xf32>
  }
  return %y : tensor<?x2xf32>
}
