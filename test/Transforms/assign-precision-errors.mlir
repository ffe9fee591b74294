// RUN: split-file %s %t

// An unknown precision.
// RUN: not mpc-opt --mpc-assign-precision=precision=int4 %t/model.mlir 2>&1 | FileCheck %s --check-prefix=OPTION
// OPTION: error: expected a precision (keep, f32, f16, bf16, int8, int16, w8, w4), but got 'int4'

// No calibration: every value that would be stored as integers is named, once.
// RUN: not mpc-opt --mpc-assign-precision=precision=int8 %t/model.mlir 2>&1 | FileCheck %s --check-prefix=RANGE
// RANGE: error: 'mpc.group' op 'fc1': expected a range of the input 'x' for int8, but it has none; calibrate first (mpc-attach-ranges)
// RANGE: error: 'mpc.group' op 'fc2': expected a range of what group 'fc1' stores for int8, but it has none
// RANGE-NOT: error:

// The configuration: no file, no JSON (with its position), wrong keys and values, groups that the model does not have.
// RUN: not mpc-opt --mpc-assign-precision=config=%t/absent.json %t/model.mlir 2>&1 | FileCheck %s --check-prefix=ABSENT
// ABSENT: error: {{.*}}absent.json: {{[Nn]}}o such file or directory

// RUN: not mpc-opt --mpc-assign-precision=config=%t/malformed.json %t/model.mlir 2>&1 | FileCheck %s --check-prefix=MALFORMED
// MALFORMED: error: {{.*}}malformed.json:3:1: expected a precision configuration, but this is not JSON

// RUN: not mpc-opt --mpc-assign-precision=config=%t/array.json %t/model.mlir 2>&1 | FileCheck %s --check-prefix=ARRAY
// ARRAY: error: {{.*}}array.json: expected an object with the keys version, default, integers and groups

// RUN: not mpc-opt --mpc-assign-precision=config=%t/key.json %t/model.mlir 2>&1 | FileCheck %s --check-prefix=KEY
// KEY: error: {{.*}}key.json: unknown key 'defualt' in a precision configuration, did you mean 'default'?

// RUN: not mpc-opt --mpc-assign-precision=config=%t/entry-key.json %t/model.mlir 2>&1 | FileCheck %s --check-prefix=ENTRY-KEY
// ENTRY-KEY: error: {{.*}}entry-key.json: unknown key 'percision' in groups[0], did you mean 'precision'?

// RUN: not mpc-opt --mpc-assign-precision=config=%t/value.json %t/model.mlir 2>&1 | FileCheck %s --check-prefix=VALUE
// VALUE: error: {{.*}}value.json: groups[0]: expected a precision (keep, f32, f16, bf16, int8, int16, w8, w4), but got "fp16"

// RUN: not mpc-opt --mpc-assign-precision=config=%t/integers.json %t/model.mlir 2>&1 | FileCheck %s --check-prefix=INTEGERS
// INTEGERS: error: {{.*}}integers.json: integers: expected scales to be one of any, power-of-two, but got 2

// What the module says already stands.
// RUN: not mpc-opt --mpc-assign-precision=config=%t/rounding.json %t/rounding.mlir 2>&1 | FileCheck %s --check-prefix=ROUNDING
// ROUNDING: error: {{.*}}rounding.json: expected rounding to be tflite-single, as asked for elsewhere, but got tosa

// RUN: not mpc-opt --mpc-assign-precision=config=%t/selectors.json %t/model.mlir 2>&1 | FileCheck %s --check-prefix=SELECTORS
// SELECTORS: error: {{.*}}selectors.json: groups[0]: expected one of name, match and kind, but got 2

// RUN: not mpc-opt --mpc-assign-precision=config=%t/regex.json %t/model.mlir 2>&1 | FileCheck %s --check-prefix=REGEX
// REGEX: error: {{.*}}regex.json: groups[0]: expected a regular expression, but '(' has parentheses not balanced

// RUN: not mpc-opt --mpc-assign-precision=config=%t/version.json %t/model.mlir 2>&1 | FileCheck %s --check-prefix=VERSION
// VERSION: error: {{.*}}version.json: expected version 1, but got 2

// RUN: not mpc-opt --mpc-assign-precision=config=%t/unmatched.json %t/model.mlir 2>&1 | FileCheck %s --check-prefix=UNMATCHED
// UNMATCHED: error: {{.*}}unmatched.json: name 'fc3' means no group, nearest are 'fc1', 'fc2'
// UNMATCHED: error: {{.*}}unmatched.json: match 'layer[0-9]' means no group
// UNMATCHED: error: {{.*}}unmatched.json: kind 'depthwise' means no group, the kinds are matmul, softmax

// What is asked of one group by name is refused aloud.
// RUN: not mpc-opt --mpc-assign-precision=config=%t/refused.json %t/model.mlir 2>&1 | FileCheck %s --check-prefix=REFUSED
// REFUSED: error: 'mpc.group' op 'softmax': int8 is asked for in {{.*}}refused.json, but softmax is computed in floating point only

// RUN: not mpc-opt --mpc-assign-precision=config=%t/infinite.json %t/infinite.mlir 2>&1 | FileCheck %s --check-prefix=INFINITE
// INFINITE: error: 'mpc.group' op 'fc': int8 is asked for in {{.*}}infinite.json, but weights are not finite
// INFINITE: error: 'mpc.group' op 'long': int8 is asked for in {{.*}}infinite.json, but sums of 50000 products may leave 32 bits (at most 49733 fit)

//--- integers.json
{"integers": {"scales": 2}}
//--- rounding.json
{"integers": {"rounding": "tosa"}}
//--- rounding.mlir
module attributes {mpc.rounding = #mpc.rounding<tflite_single>} {}
//--- malformed.json
{"groups": [
  {"name": "fc1", "precision": "f16"}
}
//--- array.json
[]
//--- key.json
{"defualt": "f16"}
//--- entry-key.json
{"groups": [{"name": "fc1", "percision": "f16"}]}
//--- value.json
{"groups": [{"name": "fc1", "precision": "fp16"}]}
//--- selectors.json
{"groups": [{"name": "fc1", "match": "fc.*", "precision": "f16"}]}
//--- regex.json
{"groups": [{"match": "(", "precision": "f16"}]}
//--- version.json
{"version": 2}
//--- unmatched.json
{"groups": [{"name": "fc3", "precision": "f16"}, {"match": "layer[0-9]", "precision": "f16"}, {"kind": "depthwise", "precision": "f16"}]}
//--- refused.json
{"groups": [{"name": "softmax", "precision": "int8"}]}
//--- infinite.json
{"groups": [{"name": "fc", "precision": "int8"}, {"name": "long", "precision": "int8"}]}

//--- model.mlir
func.func @main(%x: tensor<?x2xf32> {mpc.name = "x"}) -> tensor<?x2xf32> {
  %w = mpc.constant dense<0.5> : tensor<2x2xf32> -> tensor<2x2xf32>
  %0 = mpc.group "fc1" ins(%a = %x, %k = %w : tensor<?x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32> {
    %1 = mpc.matmul %a, %k : (tensor<?x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32>
    mpc.yield %1 : tensor<?x2xf32>
  }
  %2 = mpc.group "fc2" ins(%a = %0, %k = %w : tensor<?x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32> {
    %3 = mpc.matmul %a, %k : (tensor<?x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32>
    mpc.yield %3 : tensor<?x2xf32>
  }
  %4 = mpc.group "softmax" ins(%a = %2 : tensor<?x2xf32>) -> tensor<?x2xf32> {
    %5 = mpc.softmax %a {axis = 1 : i64} : (tensor<?x2xf32>) -> tensor<?x2xf32>
    mpc.yield %5 : tensor<?x2xf32>
  }
  return %4 : tensor<?x2xf32>
}

//--- infinite.mlir
func.func @main(%x: tensor<?x1xf32> {mpc.range = #mpc.range<0.0, 1.0>}, %y: tensor<?x50000xf32> {mpc.range = #mpc.range<0.0, 1.0>}) -> (tensor<?x1xf32>, tensor<?x1xf32>) {
  %w = mpc.constant dense<0x7F800000> : tensor<1x1xf32> -> tensor<1x1xf32>
  %v = mpc.constant dense<0.5> : tensor<50000x1xf32> -> tensor<50000x1xf32>
  %0 = mpc.group "fc" ins(%a = %x, %k = %w : tensor<?x1xf32>, tensor<1x1xf32>) -> tensor<?x1xf32> {
    %1 = mpc.matmul %a, %k : (tensor<?x1xf32>, tensor<1x1xf32>) -> tensor<?x1xf32>
    mpc.yield %1 : tensor<?x1xf32>
  }
  %2 = mpc.group "long" ins(%a = %y, %k = %v : tensor<?x50000xf32>, tensor<50000x1xf32>) -> tensor<?x1xf32> {
    %3 = mpc.matmul %a, %k : (tensor<?x50000xf32>, tensor<50000x1xf32>) -> tensor<?x1xf32>
    mpc.yield %3 : tensor<?x1xf32>
  }
  return %0, %2 : tensor<?x1xf32>, tensor<?x1xf32>
}
