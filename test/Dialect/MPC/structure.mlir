// RUN: mpc-opt %s | mpc-opt | FileCheck %s
// RUN: mpc-opt --mlir-print-op-generic %s | mpc-opt | FileCheck %s
// RUN: mpc-opt --emit-bytecode %s | mpc-opt | FileCheck %s

// A quantized constant holds its storage values.
// CHECK-LABEL: func @constants
func.func @constants() {
  // CHECK: mpc.constant dense<[1.000000e+00, 2.000000e+00]> : tensor<2xf32> -> tensor<2xf32>
  %0 = mpc.constant dense<[1.0, 2.0]> : tensor<2xf32> -> tensor<2xf32>
  // CHECK: mpc.constant dense_resource<weights> : tensor<2xf32> -> tensor<2xf32>
  %1 = mpc.constant dense_resource<weights> : tensor<2xf32> -> tensor<2xf32>
  // CHECK: mpc.constant dense<[0, -1]> : tensor<2xi8> -> tensor<2x!uniform{{[0-9]*}}>
  %2 = mpc.constant dense<[0, 255]> : tensor<2xi8> -> tensor<2x!quant.uniform<u8:f32, 0.5:7>>
  return
}

// CHECK-LABEL: func @group
// CHECK-SAME: (%[[X:.*]]: tensor<?x2xf32> {mpc.name = "x", mpc.range = #mpc.range<-1.000000e+00, 1.500000e+00>})
func.func @group(%x: tensor<?x2xf32> {mpc.name = "x", mpc.range = #mpc.range<-1.0, 1.5>}) -> tensor<?x2xf32> {
  // CHECK: %[[Y:.*]] = mpc.group "fc 1" ins(%[[A:.*]] = %[[X]] : tensor<?x2xf32>) -> tensor<?x2xf32> attributes {precision = #mpc.precision<int8>, range = #mpc.range<0.000000e+00, 6.000000e+00>, reason = "uniform"} {
  // CHECK-NEXT: %[[R:.*]] = mpc.relu %[[A]]
  // CHECK-NEXT: mpc.yield %[[R]] : tensor<?x2xf32>
  %y = mpc.group "fc 1" ins(%a = %x : tensor<?x2xf32>) -> tensor<?x2xf32>
      attributes {precision = #mpc.precision<int8>, reason = "uniform", range = #mpc.range<0.0, 6.0>} {
    %r = mpc.relu %a : (tensor<?x2xf32>) -> tensor<?x2xf32>
    mpc.yield %r : tensor<?x2xf32>
  }
  // Several results, no operands.
  // CHECK: %{{.*}}:2 = mpc.group "two" -> (tensor<f32>, tensor<1xf32>) {
  %z:2 = mpc.group "two" -> (tensor<f32>, tensor<1xf32>) {
    %0 = mpc.constant dense<0.0> : tensor<f32> -> tensor<f32>
    %1 = mpc.reshape %0 : (tensor<f32>) -> tensor<1xf32>
    mpc.yield %0, %1 : tensor<f32>, tensor<1xf32>
  }
  return %y : tensor<?x2xf32>
}

// CHECK-LABEL: func @quantization
func.func @quantization(%x: tensor<?x2xf32>, %acc: tensor<?x2x!quant.uniform<i32:f32, 0.125>>) {
  // CHECK: mpc.quantize %{{.*}} : (tensor<?x2xf32>) -> tensor<?x2x!uniform
  %0 = mpc.quantize %x : (tensor<?x2xf32>) -> tensor<?x2x!quant.uniform<u8:f32, 0.5:128>>
  // CHECK: mpc.dequantize %{{.*}} : (tensor<?x2x!uniform{{[0-9]*}}>) -> tensor<?x2xf32>
  %1 = mpc.dequantize %0 : (tensor<?x2x!quant.uniform<u8:f32, 0.5:128>>) -> tensor<?x2xf32>
  // CHECK: mpc.requantize %{{.*}} {high = 200 : i64, low = 128 : i64}
  %2 = mpc.requantize %acc {low = 128 : i64, high = 200 : i64} : (tensor<?x2x!quant.uniform<i32:f32, 0.125>>) -> tensor<?x2x!quant.uniform<u8:f32, 0.5:128>>
  // CHECK: mpc.requantize %{{.*}} {rounding = #mpc.rounding<tosa>}
  %3 = mpc.requantize %acc {rounding = #mpc.rounding<tosa>} : (tensor<?x2x!quant.uniform<i32:f32, 0.125>>) -> tensor<?x2x!quant.uniform<u8:f32, 0.5:128>>
  // CHECK: %[[S:.*]] = mpc.storage_cast %{{.*}} : (tensor<?x2x!uniform{{[0-9]*}}>) -> tensor<?x2xui8>
  %5 = mpc.storage_cast %0 : (tensor<?x2x!quant.uniform<u8:f32, 0.5:128>>) -> tensor<?x2xui8>
  // CHECK: mpc.storage_cast %[[S]] : (tensor<?x2xui8>) -> tensor<?x2x!uniform{{[0-9]*}}>
  %6 = mpc.storage_cast %5 : (tensor<?x2xui8>) -> tensor<?x2x!quant.uniform<u8:f32, 1.0>>
  // CHECK: mpc.observe "x" %{{.*}} : (tensor<?x2xf32>) -> tensor<2xf32>
  %4 = mpc.observe "x" %x : (tensor<?x2xf32>) -> tensor<2xf32>
  // CHECK: mpc.histogram "x" %{{.*}}, %{{.*}} : (tensor<?x2xf32>, tensor<2xf32>) -> tensor<4096xi64>
  %7 = mpc.histogram "x" %x, %4 : (tensor<?x2xf32>, tensor<2xf32>) -> tensor<4096xi64>
  // CHECK: mpc.channel_sums "fc" %{{.*}} : (tensor<?x2xf32>) -> tensor<3xi64>
  %8 = mpc.channel_sums "fc" %x : (tensor<?x2xf32>) -> tensor<3xi64>
  return
}

{-#
  dialect_resources: {
    builtin: {
      weights: "0x040000000000803F00000040"
    }
  }
#-}
