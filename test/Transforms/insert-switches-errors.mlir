// RUN: mpc-opt %s --mpc-insert-switches -split-input-file -verify-diagnostics

func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{'a@f16': expected a group 'a' beside it}}
  %v = mpc.group "a@f16" ins(%p = %x : tensor<4xf32>) -> tensor<4xf32> attributes {mpc.variant = "f16", mpc.variant_of = "a"} {
    %0 = mpc.relu %p : (tensor<4xf32>) -> tensor<4xf32>
    mpc.yield %0 : tensor<4xf32>
  }
  return %v : tensor<4xf32>
}

// -----

func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %a = mpc.group "a" ins(%p = %x : tensor<4xf32>) -> tensor<4xf32> {
    %0 = mpc.relu %p : (tensor<4xf32>) -> tensor<4xf32>
    mpc.yield %0 : tensor<4xf32>
  }
  // expected-error @below {{'a@f16': expected mpc.variant}}
  %v = mpc.group "a@f16" ins(%p = %x : tensor<4xf32>) -> tensor<4xf32> attributes {mpc.variant_of = "a"} {
    %0 = mpc.relu %p : (tensor<4xf32>) -> tensor<4xf32>
    mpc.yield %0 : tensor<4xf32>
  }
  return %a : tensor<4xf32>
}

// -----

func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %a = mpc.group "a" ins(%p = %x : tensor<4xf32>) -> tensor<4xf32> {
    %0 = mpc.relu %p : (tensor<4xf32>) -> tensor<4xf32>
    mpc.yield %0 : tensor<4xf32>
  }
  // expected-error @below {{'a@f16': expected to store 'tensor<4xf32>' as its group, but got 'tensor<4xf16>'}}
  %v = mpc.group "a@f16" ins(%p = %x : tensor<4xf32>) -> tensor<4xf16> attributes {mpc.variant = "f16", mpc.variant_of = "a"} {
    %0 = mpc.cast %p : (tensor<4xf32>) -> tensor<4xf16>
    mpc.yield %0 : tensor<4xf16>
  }
  return %a : tensor<4xf32>
}

// -----

func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %a:2 = mpc.group "a" ins(%p = %x : tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
    %0 = mpc.relu %p : (tensor<4xf32>) -> tensor<4xf32>
    mpc.yield %0, %p : tensor<4xf32>, tensor<4xf32>
  }
  // expected-error @below {{'a@f16': expected its group to have one result, but got 2}}
  %v:2 = mpc.group "a@f16" ins(%p = %x : tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) attributes {mpc.variant = "f16", mpc.variant_of = "a"} {
    %0 = mpc.relu %p : (tensor<4xf32>) -> tensor<4xf32>
    mpc.yield %0, %p : tensor<4xf32>, tensor<4xf32>
  }
  return %a#0 : tensor<4xf32>
}
