// RUN: mpc-opt --canonicalize %s | FileCheck %s

// CHECK-LABEL: func @reshapes
// CHECK-SAME: (%[[X:.*]]: tensor<?x12xf32>)
func.func @reshapes(%x: tensor<?x12xf32>) -> (tensor<?x12xf32>, tensor<?x6x2xf32>) {
  // There and back is nothing; of two in a row the last stays.
  // CHECK: %[[Y:.*]] = mpc.reshape %[[X]] : (tensor<?x12xf32>) -> tensor<?x6x2xf32>
  // CHECK: return %[[X]], %[[Y]]
  %0 = mpc.reshape %x : (tensor<?x12xf32>) -> tensor<?x3x4xf32>
  %1 = mpc.reshape %0 : (tensor<?x3x4xf32>) -> tensor<?x12xf32>
  %2 = mpc.reshape %0 : (tensor<?x3x4xf32>) -> tensor<?x6x2xf32>
  return %1, %2 : tensor<?x12xf32>, tensor<?x6x2xf32>
}

// CHECK-LABEL: func @transposes
// CHECK-SAME: (%[[X:.*]]: tensor<?x2x3xf32>)
func.func @transposes(%x: tensor<?x2x3xf32>) -> (tensor<?x2x3xf32>, tensor<2x3x?xf32>, tensor<?x2x3xf32>) {
  // CHECK: %[[Y:.*]] = mpc.transpose %[[X]] {perm = array<i64: 1, 2, 0>} : (tensor<?x2x3xf32>) -> tensor<2x3x?xf32>
  // CHECK: return %[[X]], %[[Y]], %[[X]]
  %0 = mpc.transpose %x {perm = array<i64: 2, 0, 1>} : (tensor<?x2x3xf32>) -> tensor<3x?x2xf32>
  %1 = mpc.transpose %0 {perm = array<i64: 1, 2, 0>} : (tensor<3x?x2xf32>) -> tensor<?x2x3xf32>
  %2 = mpc.transpose %0 {perm = array<i64: 2, 0, 1>} : (tensor<3x?x2xf32>) -> tensor<2x3x?xf32>
  %3 = mpc.transpose %x {perm = array<i64: 0, 1, 2>} : (tensor<?x2x3xf32>) -> tensor<?x2x3xf32>
  return %1, %2, %3 : tensor<?x2x3xf32>, tensor<2x3x?xf32>, tensor<?x2x3xf32>
}

// The shape of a constant changes at compile time, also that of a resource: the bytes stay.
// CHECK-LABEL: func @constants
func.func @constants() -> (tensor<2xf32>, tensor<2x1xf32>, tensor<2x1xf32>) {
  // CHECK-DAG: %[[A:.*]] = mpc.constant dense<[1.000000e+00, 2.000000e+00]> : tensor<2xf32> -> tensor<2xf32>
  // CHECK-DAG: %[[B:.*]] = mpc.constant dense_resource<weights> : tensor<2x1xf32> -> tensor<2x1xf32>
  // CHECK-DAG: %[[C:.*]] = mpc.constant dense<3.000000e+00> : tensor<2x1xf32> -> tensor<2x1xf32>
  // CHECK: return %[[A]], %[[B]], %[[C]]
  %0 = mpc.constant dense<[[1.0, 2.0]]> : tensor<1x2xf32> -> tensor<1x2xf32>
  %1 = mpc.reshape %0 : (tensor<1x2xf32>) -> tensor<2xf32>
  %2 = mpc.constant dense_resource<weights> : tensor<2xf32> -> tensor<2xf32>
  %3 = mpc.reshape %2 : (tensor<2xf32>) -> tensor<2x1xf32>
  %4 = mpc.constant dense<3.0> : tensor<1x2xf32> -> tensor<1x2xf32>
  %5 = mpc.transpose %4 {perm = array<i64: 1, 0>} : (tensor<1x2xf32>) -> tensor<2x1xf32>
  return %1, %3, %5 : tensor<2xf32>, tensor<2x1xf32>, tensor<2x1xf32>
}

// A pair of quantize and dequantize rounds, and stays.
// CHECK-LABEL: func @rounding_stays
func.func @rounding_stays(%x: tensor<2xf32>) -> tensor<2xf32> {
  // CHECK: %[[Q:.*]] = mpc.quantize
  // CHECK: %[[D:.*]] = mpc.dequantize %[[Q]]
  // CHECK: return %[[D]]
  %0 = mpc.quantize %x : (tensor<2xf32>) -> tensor<2x!quant.uniform<u8:f32, 0.5:128>>
  %1 = mpc.dequantize %0 : (tensor<2x!quant.uniform<u8:f32, 0.5:128>>) -> tensor<2xf32>
  return %1 : tensor<2xf32>
}

// There and back is the value itself, unless it means something else then.
// CHECK-LABEL: func @storage_casts
// CHECK-SAME: %[[X:.*]]: tensor<2xi8>
func.func @storage_casts(%x: tensor<2xi8>) -> (tensor<2xi8>, tensor<2x!quant.uniform<i8:f32, 0.25>>) {
  // CHECK: %[[A:.*]] = mpc.storage_cast %[[X]] : (tensor<2xi8>) -> tensor<2x!
  // CHECK: return %[[X]], %[[A]]
  %0 = mpc.storage_cast %x : (tensor<2xi8>) -> tensor<2x!quant.uniform<i8:f32, 0.5>>
  %1 = mpc.storage_cast %0 : (tensor<2x!quant.uniform<i8:f32, 0.5>>) -> tensor<2xi8>
  %2 = mpc.storage_cast %1 : (tensor<2xi8>) -> tensor<2x!quant.uniform<i8:f32, 0.25>>
  return %1, %2 : tensor<2xi8>, tensor<2x!quant.uniform<i8:f32, 0.25>>
}

{-#
  dialect_resources: {
    builtin: {
      weights: "0x040000000000803F00000040"
    }
  }
#-}
