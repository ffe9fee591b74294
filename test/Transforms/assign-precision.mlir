// RUN: mpc-opt --mpc-assign-precision=precision=f16 %s | FileCheck %s --check-prefix=F16
// RUN: mpc-opt --mpc-assign-precision=precision=int8 %s | FileCheck %s --check-prefix=INT8
// RUN: mpc-opt --mpc-assign-precision=precision=int8 --remarks-filter=precision --remark-format=emitRemark %s 2>&1 | FileCheck %s --check-prefix=REMARK
// RUN: mpc-opt --mpc-assign-precision %s | FileCheck %s --check-prefix=KEEP
// RUN: mpc-opt --mpc-assign-precision="precision=f32 config=%S/Inputs/precision-config.json" %s | FileCheck %s --check-prefix=CONFIG

!image = tensor<?x4x4x2xf32>
!features = tensor<?x32xf32>
!logits = tensor<?x3xf32>

// Nothing but the model's own types, and a reason for each group.
// KEEP-LABEL: func @main
// KEEP: mpc.group "conv1" {{.*}}precision = #mpc.precision<f32>, {{.*}}reason = "as in the model"
// KEEP: mpc.group "narrow" {{.*}}precision = #mpc.precision<f16>

// Every group stores f16; a softmax computes in f32.
// F16-LABEL: func @main
// F16: mpc.group "conv1" {{.*}}precision = #mpc.precision<f16>, {{.*}}reason = "asked for all groups; proven not to overflow for inputs in range"
// F16: mpc.group "pool" {{.*}}precision = #mpc.precision<f16>
// F16: mpc.group "softmax" {{.*}}precision = #mpc.precision<f16>, reason = "asked for all groups; computed in f32"

// Contractions are integer, and what stands between them. What nobody reads as integers stays in f32, and a softmax does.
// INT8-LABEL: func @main
// INT8: mpc.group "conv1" {{.*}}precision = #mpc.precision<int8>, {{.*}}reason = "asked for all groups: contraction with constant weights"
// INT8: mpc.group "pool" {{.*}}precision = #mpc.precision<int8>, {{.*}}reason = "asked for all groups: read by an int8 group"
// INT8: mpc.group "fc" {{.*}}precision = #mpc.precision<int8>
// INT8: mpc.group "last" {{.*}}precision = #mpc.precision<f32>, reason = "int8 refused: no int8 group reads the result"
// INT8: mpc.group "softmax" {{.*}}precision = #mpc.precision<f32>, reason = "int8 refused: softmax is computed in floating point only"
// INT8: mpc.group "narrow" {{.*}}precision = #mpc.precision<f32>, reason = "int8 refused: cast is computed in floating point only"

// REMARK-DAG: remark: [Passed] {{.*}}Category:precision{{.*}}group 'conv1': int8 (asked for all groups: contraction with constant weights)
// REMARK-DAG: remark: [Missed] {{.*}}Category:precision{{.*}}group 'softmax': f32 (int8 refused: softmax is computed in floating point only)

// What is said of integers stands on the module. Later entries win: by kind, by regular expression, by name.
// CONFIG: module attributes {mpc.rounding = #mpc.rounding<tflite_single>, mpc.scales = "power-of-two"}
// CONFIG-LABEL: func @main
// CONFIG: mpc.group "conv1" {{.*}}precision = #mpc.precision<int8>, {{.*}}reason = "set by the configuration: contraction with constant weights"
// CONFIG: mpc.group "pool" {{.*}}precision = #mpc.precision<bf16>, {{.*}}reason = "set by the configuration"
// CONFIG: mpc.group "fc" {{.*}}precision = #mpc.precision<f16>
// CONFIG: mpc.group "softmax" {{.*}}precision = #mpc.precision<f32>, reason = "default of the configuration"
func.func @main(%x: !image {mpc.name = "x", mpc.range = #mpc.range<-1.0, 1.0>}) -> (!logits, tensor<?x3xf16>) {
  %w = mpc.constant dense<0.5> : tensor<8x1x1x2xf32> -> tensor<8x1x1x2xf32>
  %b = mpc.constant dense<0.5> : tensor<8xf32> -> tensor<8xf32>
  %v = mpc.constant dense<0.5> : tensor<32x3xf32> -> tensor<32x3xf32>
  %0 = mpc.group "conv1" ins(%a = %x, %k = %w, %c = %b : !image, tensor<8x1x1x2xf32>, tensor<8xf32>) -> tensor<?x4x4x8xf32>
      attributes {range = #mpc.range<0.0, 6.0>} {
    %1 = mpc.conv %a, %k, %c {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, layout = #mpc.layout<channels_last>}
      : (!image, tensor<8x1x1x2xf32>, tensor<8xf32>) -> tensor<?x4x4x8xf32>
    %2 = mpc.relu %1 : (tensor<?x4x4x8xf32>) -> tensor<?x4x4x8xf32>
    mpc.yield %2 : tensor<?x4x4x8xf32>
  }
  %3 = mpc.group "pool" ins(%a = %0 : tensor<?x4x4x8xf32>) -> tensor<?x2x2x8xf32> attributes {range = #mpc.range<0.0, 6.0>} {
    %4 = mpc.max_pool %a {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, layout = #mpc.layout<channels_last>}
      : (tensor<?x4x4x8xf32>) -> tensor<?x2x2x8xf32>
    mpc.yield %4 : tensor<?x2x2x8xf32>
  }
  // A reshape between two groups hides neither from the other.
  %5 = mpc.reshape %3 : (tensor<?x2x2x8xf32>) -> !features
  %6 = mpc.group "fc" ins(%a = %5, %k = %v : !features, tensor<32x3xf32>) -> !logits attributes {range = #mpc.range<-9.0, 9.0>} {
    %7 = mpc.matmul %a, %k : (!features, tensor<32x3xf32>) -> !logits
    mpc.yield %7 : !logits
  }
  %8 = mpc.group "last" ins(%a = %6 : !logits) -> !logits {
    %9 = mpc.transpose %a {perm = array<i64: 0, 1>} : (!logits) -> !logits
    mpc.yield %9 : !logits
  }
  %10 = mpc.group "softmax" ins(%a = %8 : !logits) -> !logits {
    %11 = mpc.softmax %a {axis = 1 : i64} : (!logits) -> !logits
    mpc.yield %11 : !logits
  }
  %12 = mpc.group "narrow" ins(%a = %10 : !logits) -> tensor<?x3xf16> {
    %13 = mpc.cast %a : (!logits) -> tensor<?x3xf16>
    mpc.yield %13 : tensor<?x3xf16>
  }
  return %10, %12 : !logits, tensor<?x3xf16>
}
