// RUN: mpc-opt --mpc-assign-precision=precision=int8 %s | FileCheck %s

// Samples say nothing about a state that was 0 in all of them. What a calibrator has cut down to 0 is something else.
// CHECK: mpc.group "input" {{.*}}precision = #mpc.precision<int8>
// CHECK: mpc.group "state" {{.*}}precision = #mpc.precision<f32>, {{.*}}reason = "int8 refused: reads what was 0 in all samples"
// CHECK: mpc.group "cut" {{.*}}precision = #mpc.precision<int8>
func.func @main(%x: tensor<?x2xf32> {mpc.name = "x", mpc.range = #mpc.range<-1.0, 1.0>},
                %h: tensor<?x2xf32> {mpc.name = "h", mpc.range = #mpc.range<0.0, 0.0>},
                %c: tensor<?x2xf32> {mpc.name = "c", mpc.range = #mpc.range<0.0, 0.0>, mpc.seen = #mpc.range<0.0, 9.0>})
    -> (tensor<?x2xf32>, tensor<?x2xf32>, tensor<?x2xf32>) {
  %w = mpc.constant dense<[[1.0, -0.5], [0.0, 1.0]]> : tensor<2x2xf32> -> tensor<2x2xf32>
  %0 = mpc.group "input" ins(%a = %x, %k = %w : tensor<?x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32> attributes {range = #mpc.range<-1.0, 1.0>} {
    %3 = mpc.matmul %a, %k : (tensor<?x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32>
    mpc.yield %3 : tensor<?x2xf32>
  }
  %1 = mpc.group "state" ins(%a = %h, %k = %w : tensor<?x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32> attributes {range = #mpc.range<0.0, 0.0>} {
    %3 = mpc.matmul %a, %k : (tensor<?x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32>
    mpc.yield %3 : tensor<?x2xf32>
  }
  %2 = mpc.group "cut" ins(%a = %c, %k = %w : tensor<?x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32> attributes {range = #mpc.range<0.0, 9.0>} {
    %3 = mpc.matmul %a, %k : (tensor<?x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32>
    mpc.yield %3 : tensor<?x2xf32>
  }
  return %0, %1, %2 : tensor<?x2xf32>, tensor<?x2xf32>, tensor<?x2xf32>
}
