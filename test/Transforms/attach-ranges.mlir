// RUN: split-file %s %t
// RUN: mpc-opt %t/model.mlir --mpc-attach-ranges=calibration=%t/table.json | FileCheck %t/model.mlir
// RUN: not mpc-opt %t/model.mlir --mpc-attach-ranges=calibration=%t/other.json 2>&1 | FileCheck %s --check-prefix=OTHER
// RUN: not mpc-opt %t/model.mlir --mpc-attach-ranges=calibration=%t/missing.json 2>&1 | FileCheck %s --check-prefix=MISSING
// RUN: not mpc-opt %t/model.mlir --mpc-attach-ranges=calibration=%t/garbage.json 2>&1 | FileCheck %s --check-prefix=GARBAGE
// RUN: not mpc-opt %t/model.mlir --mpc-attach-ranges=calibration=%t/kind.json 2>&1 | FileCheck %s --check-prefix=KIND
// RUN: not mpc-opt %t/model.mlir --mpc-attach-ranges=calibration=%t/range.json 2>&1 | FileCheck %s --check-prefix=RANGE
// RUN: not mpc-opt %t/model.mlir --mpc-attach-ranges=calibration=%t/version.json 2>&1 | FileCheck %s --check-prefix=VERSION
// RUN: not mpc-opt %t/model.mlir --mpc-attach-ranges=calibration=%t/inputs.json 2>&1 | FileCheck %s --check-prefix=INPUTS
// RUN: not mpc-opt %t/model.mlir --mpc-attach-ranges=calibration=%t/sums.json 2>&1 | FileCheck %s --check-prefix=SUMS
// RUN: not mpc-opt %t/model.mlir --mpc-attach-ranges=calibration=%t/key.json 2>&1 | FileCheck %s --check-prefix=KEY
// RUN: not mpc-opt %t/model.mlir --mpc-attach-ranges 2>&1 | FileCheck %s --check-prefix=NONE

// OTHER: error: calibration {{.*}}other.json is of another model: expected model_hash "abc", but got 'xyz'
// MISSING: error: {{.*}}missing.json: No such file or directory
// GARBAGE: error: {{.*}}garbage.json: expected a calibration table, but this is not JSON
// KIND: error: {{.*}}kind.json: expected a calibration table with the keys version, model_hash, calibrator, samples and ranges
// RANGE: error: {{.*}}range.json: range of 'fc': expected finite min <= max, but got [2,1]
// VERSION: error: {{.*}}version.json: expected a calibration table of version 1 to 3, but got version 4
// INPUTS: error: calibration {{.*}}inputs.json: expected sums of 2 input channels of 'product', but got 1
// SUMS: error: {{.*}}sums.json: inputs of 'product': expected {"positions": number, "sums": [...]} of integers, but got {"positions":4,"sums":[1.5]}
// KEY: error: {{.*}}key.json: unknown key 'range' in a calibration table
// NONE: error: expected the option calibration=FILE of mpc-attach-ranges

//--- table.json
{"version": 3, "model_hash": "abc", "calibrator": "minmax", "samples": 3,
 "ranges": {"x": [-1.5, 2], "fc": [-0.1, 6.25], "not in this model": [0, 1]},
 "inputs": {"product": {"positions": 4, "sums": [1048576,-8388608]}, "exp": {"positions": 1, "sums": [1]}, "not in this model": {"positions": 1, "sums": []}}}
//--- inputs.json
{"version": 3, "model_hash": "abc", "calibrator": "minmax", "samples": 3, "ranges": {}, "inputs": {"product": {"positions": 4, "sums": [1]}}}
//--- sums.json
{"version": 3, "model_hash": "abc", "calibrator": "minmax", "samples": 3, "ranges": {}, "inputs": {"product": {"positions": 4, "sums": [1.5]}}}
//--- other.json
{"version": 1, "model_hash": "xyz", "calibrator": "minmax", "samples": 3, "ranges": {}}
//--- garbage.json
{"version": 1,
//--- kind.json
{"groups": []}
//--- range.json
{"version": 1, "model_hash": "abc", "calibrator": "minmax", "samples": 3, "ranges": {"fc": [2, 1]}}
//--- version.json
{"version": 4, "model_hash": "abc", "calibrator": "minmax", "samples": 3, "ranges": {}}
//--- key.json
{"version": 1, "model_hash": "abc", "calibrator": "minmax", "samples": 3, "ranges": {}, "range": {}}

//--- model.mlir
module attributes {mpc.model_hash = "abc"} {
  // CHECK-LABEL: @main
  // CHECK-SAME: mpc.range = #mpc.range<-1.500000e+00, 2.000000e+00>
  // CHECK: mpc.group "fc" {{.*}} attributes {range = #mpc.range<-1.000000e-01, 6.250000e+00>}
  // A group that only selects takes the range of what it selects from, through views; padding and clamps change it.
  // CHECK: mpc.group "pool" {{.*}} attributes {range = #mpc.range<-1.500000e+00, 2.000000e+00>}
  // CHECK: mpc.group "pad" {{.*}} attributes {range = #mpc.range<-3.000000e+00, 1.000000e+00>}
  // A group that computes and that the table does not name has no range, and one that is no contraction no means of inputs.
  // CHECK: mpc.group "exp" {{.*}} -> tensor<1x1x4x4xf32> {
  // Sums count units of 2^-20.
  // CHECK: mpc.group "product" {{.*}} attributes {mpc.input_means = array<f32: 2.500000e-01, -2.000000e+00>}
  func.func @main(%x: tensor<1x1x4x4xf32> {mpc.name = "x"}) -> (tensor<1x16xf32>, tensor<1x1x2x2xf32>, tensor<1x1x5x4xf32>, tensor<1x1x4x4xf32>, tensor<8x1xf32>) {
    %r = mpc.reshape %x : (tensor<1x1x4x4xf32>) -> tensor<1x16xf32>
    %0 = mpc.group "fc" ins(%a = %r : tensor<1x16xf32>) -> tensor<1x16xf32> {
      %4 = mpc.relu %a : (tensor<1x16xf32>) -> tensor<1x16xf32>
      mpc.yield %4 : tensor<1x16xf32>
    }
    %q = mpc.reshape %r : (tensor<1x16xf32>) -> tensor<1x1x4x4xf32>
    %1 = mpc.group "pool" ins(%a = %q : tensor<1x1x4x4xf32>) -> tensor<1x1x2x2xf32> {
      %4 = mpc.max_pool %a {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>}
        : (tensor<1x1x4x4xf32>) -> tensor<1x1x2x2xf32>
      mpc.yield %4 : tensor<1x1x2x2xf32>
    }
    %2 = mpc.group "pad" ins(%a = %q : tensor<1x1x4x4xf32>) -> tensor<1x1x5x4xf32> {
      %4 = mpc.pad %a {low = array<i64: 0, 0, 1, 0>, high = array<i64: 0, 0, 0, 0>, value = -3.0 : f64} : (tensor<1x1x4x4xf32>) -> tensor<1x1x5x4xf32>
      %5 = mpc.clip %4 {min = -10.0 : f64, max = 1.0 : f64} : (tensor<1x1x5x4xf32>) -> tensor<1x1x5x4xf32>
      mpc.yield %5 : tensor<1x1x5x4xf32>
    }
    %3 = mpc.group "exp" ins(%a = %q : tensor<1x1x4x4xf32>) -> tensor<1x1x4x4xf32> {
      %4 = mpc.exp %a : (tensor<1x1x4x4xf32>) -> tensor<1x1x4x4xf32>
      mpc.yield %4 : tensor<1x1x4x4xf32>
    }
    %p = mpc.reshape %x : (tensor<1x1x4x4xf32>) -> tensor<8x2xf32>
    %w = mpc.constant dense<[[1.0], [2.0]]> : tensor<2x1xf32> -> tensor<2x1xf32>
    %5 = mpc.group "product" ins(%a = %p, %b = %w : tensor<8x2xf32>, tensor<2x1xf32>) -> tensor<8x1xf32> {
      %4 = mpc.matmul %a, %b : (tensor<8x2xf32>, tensor<2x1xf32>) -> tensor<8x1xf32>
      mpc.yield %4 : tensor<8x1xf32>
    }
    return %0, %1, %2, %3, %5 : tensor<1x16xf32>, tensor<1x1x2x2xf32>, tensor<1x1x5x4xf32>, tensor<1x1x4x4xf32>, tensor<8x1xf32>
  }
}
