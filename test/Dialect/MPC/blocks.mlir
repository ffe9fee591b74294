// RUN: mpc-opt %s | mpc-opt | FileCheck %s
// RUN: mpc-opt %s --emit-bytecode | mpc-opt | FileCheck %s

// CHECK-LABEL: func.func @forms
func.func @forms(%q: tensor<64x16xui4>, %s: tensor<16x2xbf16>, %z: tensor<16x2xui8>, %t: tensor<16xf32>, %b: tensor<4x3x3x5xui8>, %r: tensor<4x2xbf16>) {
  // CHECK: mpc.dequantize_blocks %{{.*}}, %{{.*}} {axis = 1 : i64, block = 32 : i64} : (tensor<64x16xui4>, tensor<16x2xbf16>) -> tensor<64x16xf32>
  %0 = mpc.dequantize_blocks %q, %s {axis = 1 : i64, block = 32 : i64} : (tensor<64x16xui4>, tensor<16x2xbf16>) -> tensor<64x16xf32>
  // CHECK: mpc.dequantize_blocks %{{.*}}, %{{.*}} zero_points(%{{.*}})
  %1 = mpc.dequantize_blocks %q, %s zero_points(%z) {axis = 1 : i64, block = 32 : i64}
      : (tensor<64x16xui4>, tensor<16x2xbf16>, tensor<16x2xui8>) -> tensor<64x16xf32>
  // CHECK: mpc.dequantize_blocks %{{.*}}, %{{.*}} table(%{{.*}})
  %2 = mpc.dequantize_blocks %q, %s table(%t) {axis = 1 : i64, block = 32 : i64}
      : (tensor<64x16xui4>, tensor<16x2xbf16>, tensor<16xf32>) -> tensor<64x16xf32>
  // A last block of 13.
  // CHECK: tensor<4x2xbf16>) -> tensor<4x3x3x5xf32>
  %3 = mpc.dequantize_blocks %b, %r {axis = 0 : i64, block = 32 : i64} : (tensor<4x3x3x5xui8>, tensor<4x2xbf16>) -> tensor<4x3x3x5xf32>
  // CHECK: mpc.weights = #mpc.weights<block = 0, scheme = codebook, activations = bf16>
  %4 = mpc.group "g" ins(%a = %t : tensor<16xf32>) -> tensor<16xf32> attributes {mpc.weights = #mpc.weights<block = 0, scheme = codebook, activations = bf16>} {
    %5 = mpc.relu %a : (tensor<16xf32>) -> tensor<16xf32>
    mpc.yield %5 : tensor<16xf32>
  }
  return
}
