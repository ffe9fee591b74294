// The test of the plugin: mpc's own tests build the plugin and run this file through mpc-opt --verify-diagnostics.

func.func @main(%x: tensor<?x8xf32>, %w: tensor<8x4xf32>) -> tensor<?x4xf32> {
  // expected-remark @below {{group 'dense' computes 2 ops in int8}}
  %0 = mpc.group "dense" ins(%a = %x, %b = %w : tensor<?x8xf32>, tensor<8x4xf32>) -> tensor<?x4xf32> attributes {precision = #mpc.precision<int8>} {
    %1 = mpc.matmul %a, %b : (tensor<?x8xf32>, tensor<8x4xf32>) -> tensor<?x4xf32>
    %2 = mpc.relu %1 : (tensor<?x4xf32>) -> tensor<?x4xf32>
    mpc.yield %2 : tensor<?x4xf32>
  }
  // No precision is assigned yet.
  // expected-remark @below {{group 'tail' computes 1 ops in the model's precision}}
  %3 = mpc.group "tail" ins(%a = %0 : tensor<?x4xf32>) -> tensor<?x4xf32> {
    %4 = mpc.sigmoid %a : (tensor<?x4xf32>) -> tensor<?x4xf32>
    mpc.yield %4 : tensor<?x4xf32>
  }
  return %3 : tensor<?x4xf32>
}
