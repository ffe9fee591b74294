// RUN: mpc-opt --mpc-verify-precision %s | FileCheck %s
// RUN: mpc-opt --mpc-assign-precision=precision=int8 --mpc-insert-quantization --mpc-verify-precision %s | FileCheck %s --check-prefix=INSERTED
// RUN: mpc-opt --mpc-assign-precision=precision=bf16 --mpc-insert-quantization --mpc-verify-precision %s | FileCheck %s --check-prefix=INSERTED

// What the pass before makes is accepted, for integers and narrow floats.
// INSERTED-LABEL: func @main
// INSERTED: mpc.group "fc"

// Nothing changes.
// CHECK-LABEL: func @main
// CHECK: mpc.group "fc" ins(%{{.*}} : tensor<?x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32> attributes {range
func.func @main(%x: tensor<?x2xf32> {mpc.range = #mpc.range<-1.0, 1.0>}) -> tensor<?x2xf32> {
  %w = mpc.constant dense<0.5> : tensor<2x2xf32> -> tensor<2x2xf32>
  %0 = mpc.group "fc" ins(%a = %x, %k = %w : tensor<?x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32> attributes {range = #mpc.range<-1.0, 1.0>} {
    %1 = mpc.matmul %a, %k : (tensor<?x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32>
    mpc.yield %1 : tensor<?x2xf32>
  }
  %2 = mpc.group "fc2" ins(%a = %0, %k = %w : tensor<?x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32> attributes {range = #mpc.range<-1.0, 1.0>} {
    %3 = mpc.matmul %a, %k : (tensor<?x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32>
    mpc.yield %3 : tensor<?x2xf32>
  }
  return %2 : tensor<?x2xf32>
}
