// RUN: mpc-opt %s --mpc-fuse-quantization | FileCheck %s

!a = !quant.uniform<u8:f32, 0.5:128>
!b = !quant.uniform<u8:f32, 0.25:3>
!s = !quant.uniform<i8:f32, 0.5:-2>
!w = !quant.uniform<i8:f32:1, {0.5, 0.25}>
!u = !quant.uniform<u8:f32, 0.5:128>

// CHECK-DAG: ![[TA:.*]] = !quant.uniform<u8:f32, 5.000000e-01:128>
// CHECK-DAG: ![[TB:.*]] = !quant.uniform<u8:f32, 2.500000e-01:3>
// CHECK-DAG: ![[SIGNED:.*]] = !quant.uniform<i8:f32, 5.000000e-01:-2>
// CHECK-DAG: ![[UNSIGNED:.*]] = !quant.uniform<u8:f32, 5.000000e-01:126>
// CHECK-DAG: ![[TW:.*]] = !quant.uniform<i8:f32:1, {5.000000e-01,2.500000e-01}>
// CHECK-DAG: ![[BIAS:.*]] = !quant.uniform<i32:f32:0, {2.500000e-01,1.250000e-01}>
// CHECK-DAG: ![[SUM:.*]] = !quant.uniform<i32:f32:1, {2.500000e-01,1.250000e-01}>

// The bias is in the sum's scale then, and the clamp is the requantization's: 3 + 1 / 0.25 and 3 + 6 / 0.25.
// CHECK-LABEL: @contraction
// CHECK-DAG: %[[K:.*]] = mpc.constant dense<{{.*}}> : tensor<2x2xi8> -> tensor<2x2x![[TW]]>
// CHECK-DAG: %[[C:.*]] = mpc.constant dense<[4, -8]> : tensor<2xi32> -> tensor<2x![[BIAS]]>
// CHECK: %[[D:.*]] = mpc.matmul %arg0, %[[K]], %[[C]] : {{.*}} -> tensor<?x2x![[SUM]]>
// CHECK: %[[Q:.*]] = mpc.requantize %[[D]] {high = 27 : i64, low = 7 : i64} : {{.*}} -> tensor<?x2x![[TB]]>
// CHECK: return %[[Q]]
func.func @contraction(%x: tensor<?x2x!a>) -> tensor<?x2x!b> {
  %k = mpc.constant dense<[[1, 2], [3, 4]]> : tensor<2x2xi8> -> tensor<2x2x!w>
  %bias = mpc.constant dense<[1.0, -1.0]> : tensor<2xf32> -> tensor<2xf32>
  %0 = mpc.dequantize %x : (tensor<?x2x!a>) -> tensor<?x2xf32>
  %1 = mpc.dequantize %k : (tensor<2x2x!w>) -> tensor<2x2xf32>
  %2 = mpc.matmul %0, %1, %bias : (tensor<?x2xf32>, tensor<2x2xf32>, tensor<2xf32>) -> tensor<?x2xf32>
  %3 = mpc.clip %2 {min = 1.0, max = 6.0} : (tensor<?x2xf32>) -> tensor<?x2xf32>
  %4 = mpc.quantize %3 : (tensor<?x2xf32>) -> tensor<?x2x!b>
  return %4 : tensor<?x2x!b>
}

// Unsigned weights whose difference from the zero point fits a signed byte; what is not quantized again stays a float.
// CHECK-LABEL: @unsigned_weights
// CHECK: mpc.constant dense<{{\[}}[-128, 127], [0, 1]]> : tensor<2x2xi8>
// CHECK: %[[D:.*]] = mpc.matmul
// CHECK: %[[F:.*]] = mpc.dequantize %[[D]]
// CHECK: mpc.tanh %[[F]]
func.func @unsigned_weights(%x: tensor<?x2x!a>) -> tensor<?x2xf32> {
  %k = mpc.constant dense<[[0, -1], [-128, -127]]> : tensor<2x2xi8> -> tensor<2x2x!u>
  %0 = mpc.dequantize %x : (tensor<?x2x!a>) -> tensor<?x2xf32>
  %1 = mpc.dequantize %k : (tensor<2x2x!u>) -> tensor<2x2xf32>
  %2 = mpc.matmul %0, %1 : (tensor<?x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32>
  %3 = mpc.tanh %2 : (tensor<?x2xf32>) -> tensor<?x2xf32>
  return %3 : tensor<?x2xf32>
}

// Weights that leave a signed byte without their zero point: that, less 128, times the sum of inputs is taken from the sum.
// CHECK-LABEL: @wide_weights
// CHECK-DAG: %[[K:.*]] = mpc.constant dense<{{\[}}[127, 125], [-3, -2]]> : tensor<2x2xi8>
// CHECK-DAG: %[[ONES:.*]] = mpc.constant dense<1> : tensor<2x1xi8>
// CHECK-DAG: %[[ZEROS:.*]] = mpc.constant dense<-125> : tensor<2xi32>
// CHECK-DAG: %[[S:.*]] = mpc.matmul %arg0, %[[K]]
// CHECK-DAG: %[[I:.*]] = mpc.matmul %arg0, %[[ONES]]
// CHECK-DAG: %[[IS:.*]] = mpc.storage_cast %[[I]] : {{.*}} -> tensor<?x1xi32>
// CHECK-DAG: %[[P:.*]] = mpc.mul %[[IS]], %[[ZEROS]]
// CHECK-DAG: %[[SS:.*]] = mpc.storage_cast %[[S]] : {{.*}} -> tensor<?x2xi32>
// CHECK: %[[D:.*]] = mpc.sub %[[SS]], %[[P]]
// CHECK: %[[C:.*]] = mpc.storage_cast %[[D]]
// CHECK: mpc.dequantize %[[C]]
func.func @wide_weights(%x: tensor<?x2x!a>) -> tensor<?x2xf32> {
  %k = mpc.constant dense<[[-1, -3], [125, 126]]> : tensor<2x2xi8> -> tensor<2x2x!quant.uniform<u8:f32, 0.25:3>>
  %0 = mpc.dequantize %x : (tensor<?x2x!a>) -> tensor<?x2xf32>
  %1 = mpc.dequantize %k : (tensor<2x2x!quant.uniform<u8:f32, 0.25:3>>) -> tensor<2x2xf32>
  %2 = mpc.matmul %0, %1 : (tensor<?x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32>
  return %2 : tensor<?x2xf32>
}

// Integers move, and a pair that stays in one type vanishes.
// CHECK-LABEL: @movement
// CHECK: %[[T:.*]] = mpc.transpose %arg0 {{.*}} : (tensor<?x2x3x![[TA]]>) -> tensor<?x3x2x![[TA]]>
// CHECK: %[[R:.*]] = mpc.reshape %[[T]]
// CHECK: return %[[R]]
func.func @movement(%x: tensor<?x2x3x!a>) -> tensor<?x6x!a> {
  %0 = mpc.dequantize %x : (tensor<?x2x3x!a>) -> tensor<?x2x3xf32>
  %1 = mpc.transpose %0 {perm = array<i64: 0, 2, 1>} : (tensor<?x2x3xf32>) -> tensor<?x3x2xf32>
  %2 = mpc.reshape %1 : (tensor<?x3x2xf32>) -> tensor<?x6xf32>
  %3 = mpc.quantize %2 : (tensor<?x6xf32>) -> tensor<?x6x!a>
  return %3 : tensor<?x6x!a>
}

// Padding with a number that no integer stands for stays.
// CHECK-LABEL: @padding
// CHECK: mpc.pad %{{.*}} : (tensor<?x2x![[TA]]>)
// CHECK: mpc.pad %{{.*}} : (tensor<?x3xf32>)
func.func @padding(%x: tensor<?x2x!a>) -> tensor<?x4xf32> {
  %0 = mpc.dequantize %x : (tensor<?x2x!a>) -> tensor<?x2xf32>
  %1 = mpc.pad %0 {low = array<i64: 0, 0>, high = array<i64: 0, 1>, value = 1.5} : (tensor<?x2xf32>) -> tensor<?x3xf32>
  %2 = mpc.pad %1 {low = array<i64: 0, 0>, high = array<i64: 0, 1>, value = 0.75} : (tensor<?x3xf32>) -> tensor<?x4xf32>
  return %2 : tensor<?x4xf32>
}

// A concatenation quantizes the parts that have another scale.
// CHECK-LABEL: @concat
// CHECK: %[[F:.*]] = mpc.dequantize %arg1
// CHECK: %[[Q:.*]] = mpc.quantize %[[F]] : (tensor<?x2xf32>) -> tensor<?x2x![[TA]]>
// CHECK: mpc.concat %arg0, %[[Q]]
func.func @concat(%x: tensor<?x2x!a>, %y: tensor<?x2x!b>) -> tensor<?x4x!a> {
  %0 = mpc.dequantize %x : (tensor<?x2x!a>) -> tensor<?x2xf32>
  %1 = mpc.dequantize %y : (tensor<?x2x!b>) -> tensor<?x2xf32>
  %2 = mpc.concat %0, %1 {axis = 1 : i64} : (tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x4xf32>
  %3 = mpc.quantize %2 : (tensor<?x4xf32>) -> tensor<?x4x!a>
  return %3 : tensor<?x4x!a>
}

// CHECK-LABEL: @average
// CHECK: %[[M:.*]] = mpc.reduce %arg0 {{.*}} : (tensor<?x2x3x![[TA]]>) -> tensor<?x2x![[TB]]>
// CHECK: return %[[M]]
func.func @average(%x: tensor<?x2x3x!a>) -> tensor<?x2x!b> {
  %0 = mpc.dequantize %x : (tensor<?x2x3x!a>) -> tensor<?x2x3xf32>
  %1 = mpc.reduce %0 {axes = array<i64: 2>, keepdims = false, kind = #mpc.reduce<mean>} : (tensor<?x2x3xf32>) -> tensor<?x2xf32>
  %2 = mpc.quantize %1 : (tensor<?x2xf32>) -> tensor<?x2x!b>
  return %2 : tensor<?x2x!b>
}

// CHECK-LABEL: @sum
// CHECK: %[[S:.*]] = mpc.add %arg0, %arg1 : (tensor<?x2x![[TA]]>, tensor<?x2x![[TB]]>) -> tensor<?x2x![[TA]]>
// CHECK: return %[[S]]
func.func @sum(%x: tensor<?x2x!a>, %y: tensor<?x2x!b>) -> tensor<?x2x!a> {
  %0 = mpc.dequantize %x : (tensor<?x2x!a>) -> tensor<?x2xf32>
  %1 = mpc.dequantize %y : (tensor<?x2x!b>) -> tensor<?x2xf32>
  %2 = mpc.add %0, %1 : (tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x2xf32>
  %3 = mpc.quantize %2 : (tensor<?x2xf32>) -> tensor<?x2x!a>
  return %3 : tensor<?x2x!a>
}

// Signed activations are unsigned inside; what the model's integers are stays.
// CHECK-LABEL: @signed
// CHECK: %[[X:.*]] = mpc.quantize %arg0 : (tensor<?x2xf32>) -> tensor<?x2x![[UNSIGNED]]>
// CHECK: %[[D:.*]] = mpc.matmul %[[X]]
// CHECK: %[[Q:.*]] = mpc.requantize %[[D]] {high = 136 : i64, low = 126 : i64} : {{.*}} -> tensor<?x2x![[UNSIGNED]]>
// CHECK: %[[F:.*]] = mpc.dequantize %[[Q]]
// CHECK: %[[B:.*]] = mpc.quantize %[[F]] : (tensor<?x2xf32>) -> tensor<?x2x![[SIGNED]]>
// CHECK: mpc.storage_cast %[[B]] : (tensor<?x2x![[SIGNED]]>) -> tensor<?x2xi8>
func.func @signed(%x: tensor<?x2xf32>) -> tensor<?x2xi8> {
  %k = mpc.constant dense<[[1, 2], [3, 4]]> : tensor<2x2xi8> -> tensor<2x2x!w>
  %0 = mpc.quantize %x : (tensor<?x2xf32>) -> tensor<?x2x!s>
  %1 = mpc.dequantize %0 : (tensor<?x2x!s>) -> tensor<?x2xf32>
  %2 = mpc.dequantize %k : (tensor<2x2x!w>) -> tensor<2x2xf32>
  %3 = mpc.matmul %1, %2 : (tensor<?x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32>
  %4 = mpc.clip %3 {min = 0.0, max = 5.0} : (tensor<?x2xf32>) -> tensor<?x2xf32>
  %5 = mpc.quantize %4 : (tensor<?x2xf32>) -> tensor<?x2x!s>
  %6 = mpc.storage_cast %5 : (tensor<?x2x!s>) -> tensor<?x2xi8>
  return %6 : tensor<?x2xi8>
}

// Sums that may leave 32 bits are not integers: 70000 products of 255 and 127.
// CHECK-LABEL: @long_sums
// CHECK: mpc.matmul %{{.*}} : (tensor<?x70000xf32>, tensor<70000x1xf32>)
func.func @long_sums(%x: tensor<?x70000x!quant.uniform<u8:f32, 0.5>>) -> tensor<?x1xf32> {
  %k = mpc.constant dense<127> : tensor<70000x1xi8> -> tensor<70000x1x!quant.uniform<i8:f32, 0.5>>
  %0 = mpc.dequantize %x : (tensor<?x70000x!quant.uniform<u8:f32, 0.5>>) -> tensor<?x70000xf32>
  %1 = mpc.dequantize %k : (tensor<70000x1x!quant.uniform<i8:f32, 0.5>>) -> tensor<70000x1xf32>
  %2 = mpc.matmul %0, %1 : (tensor<?x70000xf32>, tensor<70000x1xf32>) -> tensor<?x1xf32>
  return %2 : tensor<?x1xf32>
}
