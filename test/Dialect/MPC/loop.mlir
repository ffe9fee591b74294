// RUN: mpc-opt %s | mpc-opt | FileCheck %s
// RUN: mpc-opt %s --mlir-print-op-generic | mpc-opt | FileCheck %s

// CHECK-LABEL: func.func @loop
func.func @loop(%xs: tensor<16x?x512xf32>, %h: tensor<?x128xf32>) -> (tensor<?x128xf32>, tensor<16x?x128xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c16 = arith.constant 16 : index
  // CHECK: mpc.empty : tensor<16x?x128xf32>
  %ys = mpc.empty : tensor<16x?x128xf32>
  %0:2 = scf.for %i = %c0 to %c16 step %c1 iter_args(%a = %h, %b = %ys) -> (tensor<?x128xf32>, tensor<16x?x128xf32>) {
    // CHECK: mpc.extract_step %{{.*}}[%{{.*}}] {offset = 384 : i64} : tensor<16x?x512xf32> -> tensor<?x128xf32>
    %x = mpc.extract_step %xs[%i] {offset = 384 : i64} : tensor<16x?x512xf32> -> tensor<?x128xf32>
    %s = mpc.add %a, %x : (tensor<?x128xf32>, tensor<?x128xf32>) -> tensor<?x128xf32>
    // CHECK: mpc.insert_step %{{.*}} into %{{.*}}[%{{.*}}] : tensor<?x128xf32> into tensor<16x?x128xf32>
    %c = mpc.insert_step %s into %b[%i] : tensor<?x128xf32> into tensor<16x?x128xf32>
    scf.yield %s, %c : tensor<?x128xf32>, tensor<16x?x128xf32>
  }
  return %0#0, %0#1 : tensor<?x128xf32>, tensor<16x?x128xf32>
}

// A step of a sequence of numbers is a number; all of a step may be the batch.
// CHECK-LABEL: func.func @shapes
func.func @shapes(%a: tensor<4xi64>, %b: tensor<4x?xf16>, %i: index) -> (tensor<i64>, tensor<?xf16>) {
  // CHECK: mpc.extract_step %{{.*}}[%{{.*}}] : tensor<4xi64> -> tensor<i64>
  %0 = mpc.extract_step %a[%i] : tensor<4xi64> -> tensor<i64>
  %1 = mpc.extract_step %b[%i] : tensor<4x?xf16> -> tensor<?xf16>
  return %0, %1 : tensor<i64>, tensor<?xf16>
}
