// RUN: split-file %s %t
// RUN: mpc-opt %t/model.mlir --mpc-apply-repairs=decisions=%t/repairs.json | FileCheck %t/model.mlir
// RUN: mpc-opt %t/model.mlir --mpc-apply-repairs=decisions=%t/repairs.json --mpc-assign-precision=precision=int8 --mpc-insert-quantization | FileCheck %t/model.mlir --check-prefix=CODES
// RUN: not mpc-opt %t/model.mlir --mpc-apply-repairs 2>&1 | FileCheck %s --check-prefix=NONE
// RUN: not mpc-opt %t/model.mlir --mpc-apply-repairs=decisions=%t/unknown.json 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// RUN: not mpc-opt %t/model.mlir --mpc-apply-repairs=decisions=%t/number.json 2>&1 | FileCheck %s --check-prefix=NUMBER
// RUN: not mpc-opt %t/model.mlir --mpc-apply-repairs=decisions=%t/scale.json 2>&1 | FileCheck %s --check-prefix=SCALE
// RUN: not mpc-opt %t/model.mlir --mpc-apply-repairs=decisions=%t/kind.json 2>&1 | FileCheck %s --check-prefix=KIND

// NONE: error: expected the option decisions=FILE of mpc-apply-repairs
// UNKNOWN: error: {{.*}}unknown.json: bias-correction of 'fd': expected a group of the model, but there is none of this name
// NUMBER: error: {{.*}}number.json: bias-correction of 'fc': expected a number for each of 2 output channels, but got 1
// SCALE: error: {{.*}}scale.json: entry 0 of repairs: weight_scales of 'fc': expected positive numbers
// KIND: error: {{.*}}kind.json: entry 0 of repairs: unknown repair 'magic'

//--- repairs.json
{"version": 1, "repairs": [
  {"repair": "clipping", "ranges": {"x": [-0.5, 0.5], "fc": [0, 3]}, "weight_scales": {"fc": [0.5, 0.5]}},
  {"repair": "adaptive-rounding", "weight_scales": {"fc": [0.5, 0.25]}, "codes": {"fc": "AgD9BA=="}},
  {"repair": "bias-correction", "bias": {"fc": [0.125, -0.25]}}]}
//--- unknown.json
{"version": 1, "repairs": [{"repair": "bias-correction", "bias": {"fd": [0.125, -0.25]}}]}
//--- number.json
{"version": 1, "repairs": [{"repair": "bias-correction", "bias": {"fc": [0.125]}}]}
//--- scale.json
{"version": 1, "repairs": [{"repair": "clipping", "weight_scales": {"fc": [0.5, 0]}}]}
//--- kind.json
{"version": 1, "repairs": [{"repair": "magic"}]}

//--- model.mlir
// Ranges are replaced; codes 2, 0, -3, 4 in scales 0.5 and 0.25 become weights, which a bias is made for. It is corrected once: the means
// of inputs go.
// CHECK: @main
// CHECK-SAME: mpc.range = #mpc.range<-5.000000e-01, 5.000000e-01>
// CHECK-DAG: %[[W:.*]] = mpc.constant dense<{{\[\[}}1.000000e+00, 0.000000e+00], [-1.500000e+00, 1.000000e+00]]>
// CHECK-DAG: %[[B:.*]] = mpc.constant dense<[1.250000e-01, -2.500000e-01]>
// CHECK: mpc.group "fc" ins({{.*}}%[[W]]{{.*}}%[[B]] :
// CHECK-NOT: mpc.input_means
// CHECK-SAME: mpc.weight_scales = array<f32: 5.000000e-01, 2.500000e-01>, range = #mpc.range<0.000000e+00, 3.000000e+00>
// CHECK: mpc.matmul %{{.*}}, %{{.*}}, %{{.*}} :
// Quantization gives the codes back.
// CODES-DAG: mpc.constant dense<{{\[\[}}2, 0], [-3, 4]]> : tensor<2x2xi8>
// CODES-NOT: mpc.weight_scales
func.func @main(%x: tensor<?x2xf32> {mpc.name = "x", mpc.range = #mpc.range<-1.0, 1.0>}) -> tensor<?x2xf32> {
  %w = mpc.constant dense<[[1.1, 0.1], [-1.4, 0.9]]> : tensor<2x2xf32> -> tensor<2x2xf32>
  %y = mpc.group "fc" ins(%a = %x, %c = %w : tensor<?x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32> attributes {mpc.input_means = array<f32: 1.0, 1.0>, range = #mpc.range<0.0, 4.0>} {
    %0 = mpc.matmul %a, %c : (tensor<?x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32>
    mpc.yield %0 : tensor<?x2xf32>
  }
  return %y : tensor<?x2xf32>
}
