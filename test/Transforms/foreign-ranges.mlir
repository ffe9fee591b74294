// RUN: split-file %s %t
// RUN: mpc-opt %t/model.mlir --mpc-form-groups | FileCheck %t/model.mlir --check-prefix=TENSOR
// RUN: mpc-opt %t/model.mlir --mpc-form-groups --mpc-attach-ranges=calibration=%t/onnxruntime.json | FileCheck %t/model.mlir
// RUN: mpc-opt %t/model.mlir --mpc-form-groups --mpc-attach-ranges=calibration=%t/tpu | FileCheck %t/model.mlir
// RUN: mpc-opt %t/model.mlir --mpc-form-groups --mpc-attach-ranges=calibration=%t/tensorrt | FileCheck %t/model.mlir --check-prefix=RT
// RUN: not mpc-opt %t/model.mlir --mpc-form-groups --mpc-attach-ranges=calibration=%t/other.json 2>&1 | FileCheck %s --check-prefix=OTHER

// A table of another tool that names nothing of the model is refused, with the nearest name.
// OTHER: error: {{.*}}other.json: this table of ONNX Runtime names no tensor of the model: it has 'relu_ouT', the nearest in the model is 'relu_out'

//--- onnxruntime.json
{"x": [-1.0, 2.0], "conv_out": [-9.0, 9.0], "relu_out": {"CLS": "TensorData", "lowest": {"CLS": "numpy.array", "data": 0.0, "dtype": "float32"},
 "highest": {"CLS": "numpy.array", "data": 4.0, "dtype": "float32"}}, "pool_out": [0.0, 3.5], "exp_out": [1.0, 8.0], "unknown": [0.0, 1.0]}
//--- tpu
# op_name threshold min max
x 2.0 -1.0 2.5
conv_out_Conv 9 -9 9
relu_out_Relu 4.0 0 4.0
exp_out_Exp 8 1 8
//--- tensorrt
TRT-8601-EntropyCalibration2
x: 3c800000
relu_out: 3d000000
pool_out: 3d000000
exp_out: 3d800000
//--- other.json
{"relu_ouT": [-1.0, 2.0], "z": [0.0, 1.0]}

//--- model.mlir
// A group stores the tensor of its last node, also where nodes became several ops. What only moves values follows what it reads, and a
// symmetric range loses what the clamp cuts off.
// CHECK-LABEL: @main
// CHECK-SAME: mpc.range = #mpc.range<-1.000000e+00, 2.000000e+00>
// CHECK: mpc.group "conv" {{.*}} attributes {mpc.tensor = "relu_out", range = #mpc.range<0.000000e+00, 4.000000e+00>}
// CHECK: mpc.group "pool" {{.*}} attributes {mpc.tensor = "pool_out", range = #mpc.range<0.000000e+00, 4.000000e+00>}
// CHECK: mpc.group "exp" {{.*}} attributes {mpc.tensor = "exp_out", range = #mpc.range<1.000000e+00, 8.000000e+00>}
// TENSOR-LABEL: @main
// TENSOR: mpc.group "conv" {{.*}} attributes {mpc.tensor = "relu_out"}
// TENSOR: mpc.group "pool" {{.*}} attributes {mpc.tensor = "pool_out"}
// TENSOR: mpc.group "max" {{.*}} -> tensor<1x1x1x1xf32> {
// TENSOR: mpc.group "exp" {{.*}} attributes {mpc.tensor = "exp_out"}
// RT-LABEL: @main
// RT-SAME: mpc.range = #mpc.range<-1.984375, 1.984375>
// RT: mpc.group "conv" {{.*}} range = #mpc.range<0.000000e+00, 3.968750e+00>
// RT: mpc.group "pool" {{.*}} range = #mpc.range<0.000000e+00, 3.968750e+00>
// RT: mpc.group "exp" {{.*}} range = #mpc.range<-7.937500e+00, 7.937500e+00>
func.func @main(%x: tensor<1x4x4x1xf32> {mpc.name = "x"}) -> tensor<1x1x1x1xf32> {
  %w = mpc.constant dense<1.0> : tensor<1x1x1x1xf32> -> tensor<1x1x1x1xf32>
  %0 = mpc.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, layout = #mpc.layout<channels_last>}
    : (tensor<1x4x4x1xf32>, tensor<1x1x1x1xf32>) -> tensor<1x4x4x1xf32> loc(fused<"conv_out">["conv"])
  %1 = mpc.relu %0 : (tensor<1x4x4x1xf32>) -> tensor<1x4x4x1xf32> loc(fused[fused<"batch_out">["batch"], fused<"relu_out">["relu"]])
  %2 = mpc.max_pool %1 {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>,
    layout = #mpc.layout<channels_last>} : (tensor<1x4x4x1xf32>) -> tensor<1x2x2x1xf32> loc(fused<"pool_out">["pool"])
  %3 = mpc.reduce %2 {kind = #mpc.reduce<max>, axes = array<i64: 1, 2>, keepdims = true} : (tensor<1x2x2x1xf32>) -> tensor<1x1x1x1xf32> loc(fused<"exp_out">["max"])
  %4 = mpc.reshape %3 : (tensor<1x1x1x1xf32>) -> tensor<1x1xf32>
  %5 = mpc.exp %4 : (tensor<1x1xf32>) -> tensor<1x1xf32> loc(fused<"exp_out">["exp"])
  %6 = mpc.reshape %5 : (tensor<1x1xf32>) -> tensor<1x1x1x1xf32>
  return %6 : tensor<1x1x1x1xf32>
}
