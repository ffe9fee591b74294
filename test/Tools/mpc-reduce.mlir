// What the interesting op does not need goes; the interesting op stays.
// RUN: mpc-reduce %s -reduction-tree='traversal-mode=0 test=%S/Inputs/has-sigmoid.sh' | FileCheck %s --implicit-check-not=mpc.relu

// CHECK-LABEL: func.func @interesting
// CHECK:         mpc.sigmoid
func.func @interesting(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = mpc.sigmoid %x : (tensor<4xf32>) -> tensor<4xf32>
  %1 = mpc.relu %x : (tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// CHECK-NOT: @other
func.func @other(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = mpc.relu %x : (tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}
