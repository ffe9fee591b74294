// RUN: mpc-opt %s --mpc-observe-ranges -split-input-file -verify-diagnostics | FileCheck %s
// RUN: mpc-opt %s --mpc-observe-ranges=histograms=true -split-input-file -verify-diagnostics | FileCheck %s --check-prefix=COUNTS

// Histograms follow the ranges that they are made over.
// COUNTS-LABEL: func.func @main
// COUNTS-SAME: tensor<2xf32> {mpc.observes = "x"}, tensor<4096xi64> {mpc.counts = "x"}, tensor<2xf32> {mpc.observes = "arg1"}, tensor<4096xi64> {mpc.counts = "arg1"}
// COUNTS-DAG: %[[X:.*]] = mpc.group "observe:x"
// COUNTS-DAG: mpc.group "histogram:x" ins(%[[A:.*]] = %arg0, %[[R:.*]] = %[[X]] : tensor<?x4xf32>, tensor<2xf32>) -> tensor<4096xi64>
// COUNTS-DAG: mpc.histogram "x" %{{.*}}, %{{.*}} : (tensor<?x4xf32>, tensor<2xf32>) -> tensor<4096xi64>

// Floating-point inputs and what groups store are observed; integers are not.
// CHECK-LABEL: func.func @main
// CHECK-SAME: -> (tensor<?x4xf32> {mpc.name = "y"}, tensor<2xf32> {mpc.observes = "x"}, tensor<2xf32> {mpc.observes = "arg1"}, tensor<2xf32> {mpc.observes = "fc"})
// CHECK-DAG: %[[X:.*]] = mpc.group "observe:x" ins(%[[A:.*]] = %arg0 : tensor<?x4xf32>) -> tensor<2xf32> {
// CHECK-DAG: %[[O:.*]] = mpc.observe "x" %{{.*}} : (tensor<?x4xf32>) -> tensor<2xf32>
// CHECK-DAG: %[[W:.*]] = mpc.group "observe:arg1"
// CHECK: %[[FC:.*]] = mpc.group "fc"
// CHECK: %[[Y:.*]] = mpc.group "observe:fc" ins(%{{.*}} = %[[FC]]
// CHECK: return %[[FC]], %[[X]], %[[W]], %[[Y]]
func.func @main(%x: tensor<?x4xf32> {mpc.name = "x"}, %w: tensor<4x4xf16>, %i: tensor<?x4xi8>) -> (tensor<?x4xf32> {mpc.name = "y"}) {
  %0 = mpc.group "fc" ins(%a = %x : tensor<?x4xf32>) -> tensor<?x4xf32> {
    %1 = mpc.relu %a : (tensor<?x4xf32>) -> tensor<?x4xf32>
    mpc.yield %1 : tensor<?x4xf32>
  }
  return %0 : tensor<?x4xf32>
}

// Of contractions with constant weights the channels that they read are summed, behind all the rest and in the order of names.
// CHECK-LABEL: func.func @sums
// CHECK-SAME: tensor<2xf32> {mpc.observes = "z"}, tensor<2xf32> {mpc.observes = "a"}, tensor<3xi64> {mpc.sums = "a"}, tensor<5xi64> {mpc.sums = "z"})
// CHECK: %[[XS:.*]] = mpc.group "sums:z" ins(%{{.*}} = %arg0 : tensor<1x4xf32>) -> tensor<5xi64>
// CHECK-NEXT: mpc.channel_sums "z"
// CHECK: %[[Z:.*]] = mpc.group "z"
// CHECK: %[[R:.*]] = mpc.reshape %[[Z]]
// CHECK: %[[RS:.*]] = mpc.group "sums:a" ins(%{{.*}} = %[[R]] : tensor<2x2xf32>) -> tensor<3xi64>
// CHECK: return %{{.*}}, %[[RS]], %[[XS]] :
func.func @sums(%x: tensor<1x4xf32>) -> tensor<2x2xf32> {
  %w = mpc.constant dense<1.0> : tensor<4x4xf32> -> tensor<4x4xf32>
  %v = mpc.constant dense<1.0> : tensor<2x2xf32> -> tensor<2x2xf32>
  %0 = mpc.group "z" ins(%a = %x, %b = %w : tensor<1x4xf32>, tensor<4x4xf32>) -> tensor<1x4xf32> {
    %1 = mpc.matmul %a, %b : (tensor<1x4xf32>, tensor<4x4xf32>) -> tensor<1x4xf32>
    mpc.yield %1 : tensor<1x4xf32>
  }
  %2 = mpc.reshape %0 : (tensor<1x4xf32>) -> tensor<2x2xf32>
  %3 = mpc.group "a" ins(%a = %2, %b = %v : tensor<2x2xf32>, tensor<2x2xf32>) -> tensor<2x2xf32> {
    %1 = mpc.matmul %a, %b : (tensor<2x2xf32>, tensor<2x2xf32>) -> tensor<2x2xf32>
    mpc.yield %1 : tensor<2x2xf32>
  }
  return %3 : tensor<2x2xf32>
}

// Only entry points observe.
// CHECK-LABEL: func.func private @helper
// CHECK-NOT: mpc.observe
func.func private @helper(%x: tensor<4xf32>) -> tensor<4xf32> {
  return %x : tensor<4xf32>
}

// -----

// expected-error @+1 {{is observed already: result 0 is mpc.observes}}
func.func @twice(%x: tensor<2xf32>) -> (tensor<2xf32> {mpc.observes = "x"}) {
  return %x : tensor<2xf32>
}

// -----

// expected-error @+1 {{expected one block, but got control flow}}
func.func @control_flow(%x: tensor<2xf32>) -> tensor<2xf32> {
  cf.br ^bb1
^bb1:
  return %x : tensor<2xf32>
}

// -----

// Results of loops and branches are observed under the name that mpc-form-groups gave; what is inside of them is not.
// CHECK-LABEL: func.func @loop
// CHECK-SAME: mpc.observes = "lstm:0"
// CHECK-SAME: mpc.observes = "lstm:1"
// CHECK-NOT: mpc.observe "inside"
// CHECK-DAG: mpc.observe "lstm:0"
// CHECK-DAG: mpc.observe "lstm:1"
func.func @loop(%h: tensor<4xf32>, %c: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %0:2 = scf.for %i = %c0 to %c8 step %c1 iter_args(%a = %h, %b = %c) -> (tensor<4xf32>, tensor<4xf32>) {
    %1 = mpc.group "inside" ins(%x = %a : tensor<4xf32>) -> tensor<4xf32> {
      %2 = mpc.tanh %x : (tensor<4xf32>) -> tensor<4xf32>
      mpc.yield %2 : tensor<4xf32>
    }
    scf.yield %b, %1 : tensor<4xf32>, tensor<4xf32>
  } {mpc.name = "lstm"}
  return %0#0, %0#1 : tensor<4xf32>, tensor<4xf32>
}
