// RUN: mpc-opt --mpc-assign-precision=precision=f16 %s | FileCheck %s
// RUN: echo '{"groups": [{"kind": "matmul", "shape": {"min_channels": 3}, "precision": "bf16"}, {"shape": {"max_elements": 2}, "precision": "f32"}]}' > %t.json
// RUN: mpc-opt --mpc-assign-precision="precision=f16 config=%t.json" %s | FileCheck %s --check-prefix=SHAPE
// RUN: echo '{"groups": [{"kind": "matmul", "shape": {"min_channels": 300}, "precision": "bf16"}]}' > %t.none.json
// RUN: not mpc-opt --mpc-assign-precision="precision=f16 config=%t.none.json" %s 2>&1 | FileCheck %s --check-prefix=NONE
// RUN: echo '{"groups": [{"name": "large", "precision": "f16"}]}' > %t.large.json
// RUN: not mpc-opt --mpc-assign-precision="precision=f32 config=%t.large.json" %s 2>&1 | FileCheck %s --check-prefix=LARGE

// Squares of inputs within [-1, 1], which interval analysis proves.
// CHECK: mpc.group "small" {{.*}}precision = #mpc.precision<f16>, {{.*}}reason = "asked for all groups; proven not to overflow for inputs in range"
// Samples have shown 100000 in what the group stores, although a calibrator cut that for 8 bits.
// CHECK: mpc.group "large" {{.*}}precision = #mpc.precision<f32>, {{.*}}reason = "f16 refused: calibrated results up to 1e+05 are beyond f16's 65504"
// A contraction reads it, too.
// CHECK: mpc.group "reader" {{.*}}precision = #mpc.precision<f32>, {{.*}}reason = "f16 refused: calibrated inputs up to 1e+05 are beyond f16's 65504"
// What samples show fits, and nothing is proven: an exponential of an unbounded sum.
// CHECK: mpc.group "unproven" {{.*}}precision = #mpc.precision<f16>, {{.*}}reason = "asked for all groups; computed in f32"
// A weight is an infinity in f16.
// CHECK: mpc.group "heavy" {{.*}}precision = #mpc.precision<f32>, {{.*}}reason = "f16 refused: weights up to 7e+04 are beyond f16's 65504"

// Sizes choose groups: 3 channels and more; two elements and fewer.
// SHAPE: mpc.group "small" {{.*}}precision = #mpc.precision<f32>
// SHAPE: mpc.group "large" {{.*}}precision = #mpc.precision<bf16>
// SHAPE: mpc.group "reader" {{.*}}precision = #mpc.precision<bf16>
// SHAPE: mpc.group "heavy" {{.*}}precision = #mpc.precision<f32>, {{.*}}reason = "set by the configuration"

// NONE: kind 'matmul' means no group of its shape
// LARGE: 'large': f16 is asked for in {{.*}}, but calibrated results up to 1e+05 are beyond f16's 65504
func.func @main(%x: tensor<?x2xf32> {mpc.name = "x", mpc.range = #mpc.range<-1.0, 1.0>}) -> tensor<?x1xf32> {
  %k0 = mpc.constant dense<[[1.0, -2.0, 1.0], [0.5, 2.0, -1.0]]> : tensor<2x3xf32> -> tensor<2x3xf32>
  %0 = mpc.group "small" ins(%a = %x : tensor<?x2xf32>) -> tensor<?x2xf32> attributes {range = #mpc.range<-1.0, 1.0>} {
    %1 = mpc.mul %a, %a : (tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x2xf32>
    mpc.yield %1 : tensor<?x2xf32>
  }
  %2 = mpc.group "large" ins(%a = %0, %k = %k0 : tensor<?x2xf32>, tensor<2x3xf32>) -> tensor<?x3xf32> attributes {mpc.seen = #mpc.range<-1.0, 100000.0>, range = #mpc.range<-1.0, 4.0>} {
    %3 = mpc.matmul %a, %k : (tensor<?x2xf32>, tensor<2x3xf32>) -> tensor<?x3xf32>
    mpc.yield %3 : tensor<?x3xf32>
  }
  %k1 = mpc.constant dense<1.0> : tensor<3x3xf32> -> tensor<3x3xf32>
  %4 = mpc.group "reader" ins(%a = %2, %k = %k1 : tensor<?x3xf32>, tensor<3x3xf32>) -> tensor<?x3xf32> attributes {range = #mpc.range<-1.0, 1.0>} {
    %5 = mpc.matmul %a, %k : (tensor<?x3xf32>, tensor<3x3xf32>) -> tensor<?x3xf32>
    mpc.yield %5 : tensor<?x3xf32>
  }
  %6 = mpc.group "unproven" ins(%a = %4 : tensor<?x3xf32>) -> tensor<?x3xf32> attributes {range = #mpc.range<0.0, 9.0>} {
    %7 = mpc.exp %a : (tensor<?x3xf32>) -> tensor<?x3xf32>
    %8 = mpc.exp %7 : (tensor<?x3xf32>) -> tensor<?x3xf32>
    mpc.yield %8 : tensor<?x3xf32>
  }
  %k2 = mpc.constant dense<[[70000.0], [1.0], [1.0]]> : tensor<3x1xf32> -> tensor<3x1xf32>
  %9 = mpc.group "heavy" ins(%a = %6, %k = %k2 : tensor<?x3xf32>, tensor<3x1xf32>) -> tensor<?x1xf32> attributes {range = #mpc.range<0.0, 9.0>} {
    %10 = mpc.matmul %a, %k : (tensor<?x3xf32>, tensor<3x1xf32>) -> tensor<?x1xf32>
    mpc.yield %10 : tensor<?x1xf32>
  }
  return %9 : tensor<?x1xf32>
}
