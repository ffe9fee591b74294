// RUN: split-file %s %t
// RUN: mpc-opt --mpc-assign-precision="precision=w4 activation-type=f16" %t/model.mlir | FileCheck %s --check-prefix=ASSIGN
// RUN: mpc-opt --mpc-assign-precision="config=%t/config.json" %t/model.mlir | FileCheck %s --check-prefix=CONFIG
// RUN: mpc-opt --mpc-assign-precision="precision=w4 weight-block=channel weight-scheme=codebook" %t/model.mlir | FileCheck %s --check-prefix=CODEBOOK
// RUN: mpc-opt --mpc-assign-precision="precision=w4 activation-type=f16" --mpc-insert-quantization --mpc-verify-precision %t/model.mlir | FileCheck %s --check-prefix=INSERT
// RUN: mpc-opt --mpc-assign-precision="precision=w8 weight-block=64" --mpc-insert-quantization --mpc-verify-precision --convert-mpc-to-linalg %t/model.mlir | FileCheck %s --check-prefix=LINALG

// Contractions with enough constant weights; everything else has the type of activations, and refusals of contractions say why.
// ASSIGN: mpc.group "depthwise" {{.*}}precision = #mpc.precision<f16>, reason = "w4 refused: depthwise weights are few, and each is read at every position"
// ASSIGN: mpc.group "few" {{.*}}precision = #mpc.precision<f16>, reason = "w4 refused: 256 weights are too few to gain from it"
// ASSIGN: mpc.group "fc" {{.*}}mpc.weights = #mpc.weights<block = 32, scheme = asymmetric, activations = f16>, precision = #mpc.precision<w4>, reason = "asked for all groups: contraction with constant weights"
// ASSIGN: mpc.group "product" {{.*}}precision = #mpc.precision<f16>, reason = "asked for all groups; matmul has no weights"
// ASSIGN: mpc.group "softmax" {{.*}}precision = #mpc.precision<f16>, reason = "asked for all groups; softmax has no weights"

// What an entry leaves open comes from the options.
// CONFIG: mpc.group "few" {{.*}}precision = #mpc.precision<f32>
// CONFIG: mpc.group "fc" {{.*}}mpc.weights = #mpc.weights<block = 64, scheme = symmetric, activations = f32>, precision = #mpc.precision<w8>

// CODEBOOK: #mpc.weights<block = 0, scheme = codebook, activations = f32>

// Integers and parameters are operands of the group; activations are narrow, the sum and the bias are f32.
// INSERT: mpc.group "fc" ins(%[[X:.*]] = %{{.*}}, %[[Q:.*]] = %{{.*}}, %[[S:.*]] = %{{.*}}, %[[Z:.*]] = %{{.*}}, %[[B:.*]] = %{{.*}} : tensor<?x64xf16>, tensor<64x40xui4>, tensor<40x2xbf16>, tensor<40x2xui8>, tensor<40xf32>)
// INSERT-NEXT: %[[W:.*]] = mpc.dequantize_blocks %[[Q]], %[[S]] zero_points(%[[Z]]) {axis = 1 : i64, block = 32 : i64}
// INSERT-NEXT: mpc.matmul %[[X]], %[[W]], %[[B]] : (tensor<?x64xf16>, tensor<64x40xf32>, tensor<40xf32>) -> tensor<?x40xf32>

// LINALG: func.func private @{{.*}}(%{{.*}}: tensor<?x64xf32>, %[[Q:.*]]: tensor<64x40xi8>, %[[S:.*]]: tensor<40x1xbf16>, %[[Z:.*]]: tensor<40x1xi8>
// LINALG: kernel.dequantize %[[Q]], %[[S]] zero_points(%[[Z]]) {axis = 1 : i64, bits = 8 : i64, block = 64 : i64} : (tensor<64x40xi8>, tensor<40x1xbf16>, tensor<40x1xi8>) -> tensor<64x40xf32>

// A name that cannot have what is asked for is an error, and so are words that nothing means.
// RUN: not mpc-opt --mpc-assign-precision="config=%t/named.json" %t/model.mlir 2>&1 | FileCheck %s --check-prefix=NAMED
// NAMED: error: 'mpc.group' op 'few': w4 is asked for in {{.*}}named.json, but 256 weights are too few to gain from it
// RUN: not mpc-opt --mpc-assign-precision="config=%t/block.json" %t/model.mlir 2>&1 | FileCheck %s --check-prefix=BLOCK
// BLOCK: error: {{.*}}block.json: groups[0]: expected block to be one of 32, 64, 128, channel, but got 48
// RUN: not mpc-opt --mpc-assign-precision="config=%t/other.json" %t/model.mlir 2>&1 | FileCheck %s --check-prefix=OTHER
// OTHER: error: {{.*}}other.json: default: scheme goes with w8 and w4, but precision is f16
// RUN: not mpc-opt --mpc-assign-precision="config=%t/table.json" %t/model.mlir 2>&1 | FileCheck %s --check-prefix=TABLE
// TABLE: error: {{.*}}table.json: groups[0]: a codebook has 16 levels, which is w4, but precision is w8
// RUN: not mpc-opt --mpc-assign-precision="precision=w4 weight-scheme=log" %t/model.mlir 2>&1 | FileCheck %s --check-prefix=SCHEME
// SCHEME: error: expected scheme to be one of asymmetric, symmetric, codebook, but got log

//--- config.json
{"default": "f32", "groups": [{"match": "fc", "precision": "w8", "block": 64, "scheme": "symmetric"}]}
//--- named.json
{"groups": [{"name": "few", "precision": "w4"}]}
//--- block.json
{"groups": [{"name": "fc", "precision": "w4", "block": 48}]}
//--- other.json
{"default": {"precision": "f16", "scheme": "symmetric"}}
//--- table.json
{"groups": [{"name": "fc", "precision": "w8", "scheme": "codebook"}]}

//--- model.mlir
func.func @main(%x: tensor<?x8x8x64xf32>) -> tensor<?x40xf32> {
  %d = mpc.constant dense<0.5> : tensor<64x5x5x1xf32> -> tensor<64x5x5x1xf32>
  %f = mpc.constant dense<0.5> : tensor<4x1x1x64xf32> -> tensor<4x1x1x64xf32>
  %w = mpc.constant dense<0.5> : tensor<64x40xf32> -> tensor<64x40xf32>
  %b = mpc.constant dense<0.5> : tensor<40xf32> -> tensor<40xf32>
  %0 = mpc.group "depthwise" ins(%a = %x, %k = %d : tensor<?x8x8x64xf32>, tensor<64x5x5x1xf32>) -> tensor<?x4x4x64xf32> {
    %10 = mpc.conv %a, %k {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, groups = 64 : i64, layout = #mpc.layout<channels_last>}
        : (tensor<?x8x8x64xf32>, tensor<64x5x5x1xf32>) -> tensor<?x4x4x64xf32>
    mpc.yield %10 : tensor<?x4x4x64xf32>
  }
  %1 = mpc.group "few" ins(%a = %0, %k = %f : tensor<?x4x4x64xf32>, tensor<4x1x1x64xf32>) -> tensor<?x4x4x4xf32> {
    %10 = mpc.conv %a, %k {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, layout = #mpc.layout<channels_last>}
        : (tensor<?x4x4x64xf32>, tensor<4x1x1x64xf32>) -> tensor<?x4x4x4xf32>
    mpc.yield %10 : tensor<?x4x4x4xf32>
  }
  %2 = mpc.reshape %1 : (tensor<?x4x4x4xf32>) -> tensor<?x64xf32>
  %3 = mpc.group "fc" ins(%a = %2, %k = %w, %c = %b : tensor<?x64xf32>, tensor<64x40xf32>, tensor<40xf32>) -> tensor<?x40xf32> {
    %10 = mpc.matmul %a, %k, %c : (tensor<?x64xf32>, tensor<64x40xf32>, tensor<40xf32>) -> tensor<?x40xf32>
    mpc.yield %10 : tensor<?x40xf32>
  }
  %4 = mpc.reshape %3 : (tensor<?x40xf32>) -> tensor<?x40x1xf32>
  %5 = mpc.reshape %3 : (tensor<?x40xf32>) -> tensor<?x1x40xf32>
  %6 = mpc.group "product" ins(%a = %5, %k = %4 : tensor<?x1x40xf32>, tensor<?x40x1xf32>) -> tensor<?x1x1xf32> {
    %10 = mpc.matmul %a, %k : (tensor<?x1x40xf32>, tensor<?x40x1xf32>) -> tensor<?x1x1xf32>
    mpc.yield %10 : tensor<?x1x1xf32>
  }
  %7 = mpc.reshape %6 : (tensor<?x1x1xf32>) -> tensor<?x1xf32>
  %8 = mpc.group "softmax" ins(%a = %3, %c = %7 : tensor<?x40xf32>, tensor<?x1xf32>) -> tensor<?x40xf32> {
    %10 = mpc.softmax %a {axis = 1 : i64} : (tensor<?x40xf32>) -> tensor<?x40xf32>
    %11 = mpc.add %10, %c : (tensor<?x40xf32>, tensor<?x1xf32>) -> tensor<?x40xf32>
    mpc.yield %11 : tensor<?x40xf32>
  }
  return %8 : tensor<?x40xf32>
}
