// RUN: mpc-opt --mpc-assign-precision=precision=int8 %s | FileCheck %s
// RUN: mpc-opt --mpc-assign-precision=precision=int8 --mpc-insert-quantization %s | FileCheck %s --check-prefix=STORED
// RUN: echo '{"groups": [{"name": "rotated", "precision": "int8"}]}' > %t.json
// RUN: mpc-opt --mpc-assign-precision="precision=int8 config=%t.json" %s | FileCheck %s --check-prefix=NAME

// Small numbers that 8 bits round to 0 would become infinite in a reciprocal, also behind data movement and a square root.
// CHECK: mpc.group "rotated" {{.*}}precision = #mpc.precision<f32>, {{.*}}reason = "int8 refused: what reads its result is not finite at 0, which small numbers are rounded to"
// CHECK: mpc.group "moved" {{.*}}precision = #mpc.precision<f32>, {{.*}}reason = "int8 refused: what reads its result is not finite at 0
// What divides another value, and a logarithm.
// CHECK: mpc.group "divisor" {{.*}}precision = #mpc.precision<f32>, {{.*}}reason = "int8 refused: what reads its result is not finite at 0
// CHECK: mpc.group "logarithm" {{.*}}precision = #mpc.precision<f32>, {{.*}}reason = "int8 refused: what reads its result is not finite at 0
// A number added keeps it away from 0, and a dividend may be 0.
// CHECK: mpc.group "guarded" {{.*}}precision = #mpc.precision<int8>
// CHECK: mpc.group "dividend" {{.*}}precision = #mpc.precision<int8>
// Nothing of this range is rounded to 0; half a step of symmetric bytes would be 1/127 of the largest.
// CHECK: mpc.group "far" {{.*}}precision = #mpc.precision<int8>
// CHECK: mpc.group "near" {{.*}}precision = #mpc.precision<f32>
// Sums are computed in integers, and stored in f32.
// CHECK: mpc.group "sums" {{.*}}precision = #mpc.precision<int8>
// STORED: mpc.group "sums" {{.*}} -> tensor<4x4xf32>
// Who asks for a group by name gets it.
// NAME: mpc.group "rotated" {{.*}}precision = #mpc.precision<int8>
func.func @main(%x: tensor<4x4xf32> {mpc.name = "x", mpc.range = #mpc.range<-1.0, 1.0>})
    -> (tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>) {
  %w = mpc.constant dense<0.5> : tensor<4x4xf32> -> tensor<4x4xf32>
  %small = mpc.constant dense<0.001> : tensor<4x4xf32> -> tensor<4x4xf32>
  %rotated = mpc.group "rotated" ins(%a = %x : tensor<4x4xf32>) -> tensor<4x4xf32> attributes {range = #mpc.range<-1.0, 1.0>} {
    %0 = mpc.transpose %a {perm = array<i64: 1, 0>} : (tensor<4x4xf32>) -> tensor<4x4xf32>
    mpc.yield %0 : tensor<4x4xf32>
  }
  %first = mpc.group "first" ins(%a = %rotated, %k = %w : tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32> attributes {range = #mpc.range<-1.0, 1.0>} {
    %0 = mpc.matmul %a, %k : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
    mpc.yield %0 : tensor<4x4xf32>
  }
  %moved = mpc.group "moved" ins(%a = %rotated : tensor<4x4xf32>) -> tensor<4x4xf32> attributes {range = #mpc.range<-1.0, 1.0>} {
    %0 = mpc.transpose %a {perm = array<i64: 1, 0>} : (tensor<4x4xf32>) -> tensor<4x4xf32>
    mpc.yield %0 : tensor<4x4xf32>
  }
  %root = mpc.group "root" ins(%a = %moved : tensor<4x4xf32>) -> tensor<4x4xf32> {
    %0 = mpc.abs %a : (tensor<4x4xf32>) -> tensor<4x4xf32>
    %1 = mpc.sqrt %0 : (tensor<4x4xf32>) -> tensor<4x4xf32>
    %2 = mpc.reciprocal %1 : (tensor<4x4xf32>) -> tensor<4x4xf32>
    mpc.yield %2 : tensor<4x4xf32>
  }
  %second = mpc.group "second" ins(%a = %moved, %k = %w : tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32> attributes {range = #mpc.range<-1.0, 1.0>} {
    %0 = mpc.matmul %a, %k : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
    mpc.yield %0 : tensor<4x4xf32>
  }
  %divisor = mpc.group "divisor" ins(%a = %x : tensor<4x4xf32>) -> tensor<4x4xf32> attributes {range = #mpc.range<0.0, 1.0>} {
    %0 = mpc.transpose %a {perm = array<i64: 1, 0>} : (tensor<4x4xf32>) -> tensor<4x4xf32>
    mpc.yield %0 : tensor<4x4xf32>
  }
  %of_divisor = mpc.group "of_divisor" ins(%a = %x, %b = %divisor : tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32> {
    %0 = mpc.div %a, %b : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
    mpc.yield %0 : tensor<4x4xf32>
  }
  %p_divisor = mpc.group "p_divisor" ins(%a = %divisor, %k = %w : tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32> attributes {range = #mpc.range<-1.0, 1.0>} {
    %0 = mpc.matmul %a, %k : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
    mpc.yield %0 : tensor<4x4xf32>
  }
  %logarithm = mpc.group "logarithm" ins(%a = %x : tensor<4x4xf32>) -> tensor<4x4xf32> attributes {range = #mpc.range<0.0, 1.0>} {
    %0 = mpc.transpose %a {perm = array<i64: 1, 0>} : (tensor<4x4xf32>) -> tensor<4x4xf32>
    mpc.yield %0 : tensor<4x4xf32>
  }
  %of_logarithm = mpc.group "of_logarithm" ins(%a = %logarithm : tensor<4x4xf32>) -> tensor<4x4xf32> {
    %0 = mpc.log %a : (tensor<4x4xf32>) -> tensor<4x4xf32>
    mpc.yield %0 : tensor<4x4xf32>
  }
  %p_logarithm = mpc.group "p_logarithm" ins(%a = %logarithm, %k = %w : tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32> attributes {range = #mpc.range<-1.0, 1.0>} {
    %0 = mpc.matmul %a, %k : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
    mpc.yield %0 : tensor<4x4xf32>
  }
  %guarded = mpc.group "guarded" ins(%a = %x : tensor<4x4xf32>) -> tensor<4x4xf32> attributes {range = #mpc.range<0.0, 1.0>} {
    %0 = mpc.transpose %a {perm = array<i64: 1, 0>} : (tensor<4x4xf32>) -> tensor<4x4xf32>
    mpc.yield %0 : tensor<4x4xf32>
  }
  %of_guarded = mpc.group "of_guarded" ins(%a = %guarded, %b = %small : tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32> {
    %0 = mpc.add %a, %b : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
    %1 = mpc.reciprocal %0 : (tensor<4x4xf32>) -> tensor<4x4xf32>
    mpc.yield %1 : tensor<4x4xf32>
  }
  %p_guarded = mpc.group "p_guarded" ins(%a = %guarded, %k = %w : tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32> attributes {range = #mpc.range<-1.0, 1.0>} {
    %0 = mpc.matmul %a, %k : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
    mpc.yield %0 : tensor<4x4xf32>
  }
  %dividend = mpc.group "dividend" ins(%a = %x : tensor<4x4xf32>) -> tensor<4x4xf32> attributes {range = #mpc.range<0.0, 1.0>} {
    %0 = mpc.transpose %a {perm = array<i64: 1, 0>} : (tensor<4x4xf32>) -> tensor<4x4xf32>
    mpc.yield %0 : tensor<4x4xf32>
  }
  %of_dividend = mpc.group "of_dividend" ins(%a = %dividend, %b = %x : tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32> {
    %0 = mpc.div %a, %b : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
    mpc.yield %0 : tensor<4x4xf32>
  }
  %p_dividend = mpc.group "p_dividend" ins(%a = %dividend, %k = %w : tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32> attributes {range = #mpc.range<-1.0, 1.0>} {
    %0 = mpc.matmul %a, %k : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
    mpc.yield %0 : tensor<4x4xf32>
  }
  %far = mpc.group "far" ins(%a = %x : tensor<4x4xf32>) -> tensor<4x4xf32> attributes {range = #mpc.range<0.5, 20.0>} {
    %0 = mpc.transpose %a {perm = array<i64: 1, 0>} : (tensor<4x4xf32>) -> tensor<4x4xf32>
    mpc.yield %0 : tensor<4x4xf32>
  }
  %of_far = mpc.group "of_far" ins(%a = %far : tensor<4x4xf32>) -> tensor<4x4xf32> {
    %0 = mpc.reciprocal %a : (tensor<4x4xf32>) -> tensor<4x4xf32>
    mpc.yield %0 : tensor<4x4xf32>
  }
  %p_far = mpc.group "p_far" ins(%a = %far, %k = %w : tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32> attributes {range = #mpc.range<-1.0, 1.0>} {
    %0 = mpc.matmul %a, %k : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
    mpc.yield %0 : tensor<4x4xf32>
  }
  %near = mpc.group "near" ins(%a = %x : tensor<4x4xf32>) -> tensor<4x4xf32> attributes {range = #mpc.range<0.1, 20.0>} {
    %0 = mpc.transpose %a {perm = array<i64: 1, 0>} : (tensor<4x4xf32>) -> tensor<4x4xf32>
    mpc.yield %0 : tensor<4x4xf32>
  }
  %of_near = mpc.group "of_near" ins(%a = %near : tensor<4x4xf32>) -> tensor<4x4xf32> {
    %0 = mpc.reciprocal %a : (tensor<4x4xf32>) -> tensor<4x4xf32>
    mpc.yield %0 : tensor<4x4xf32>
  }
  %p_near = mpc.group "p_near" ins(%a = %near, %k = %w : tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32> attributes {range = #mpc.range<-1.0, 1.0>} {
    %0 = mpc.matmul %a, %k : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
    mpc.yield %0 : tensor<4x4xf32>
  }
  %sums = mpc.group "sums" ins(%a = %x, %k = %w : tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32> attributes {range = #mpc.range<-2.0, 2.0>} {
    %0 = mpc.matmul %a, %k : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
    mpc.yield %0 : tensor<4x4xf32>
  }
  %of_sums = mpc.group "of_sums" ins(%a = %sums : tensor<4x4xf32>) -> tensor<4x4xf32> {
    %0 = mpc.reciprocal %a : (tensor<4x4xf32>) -> tensor<4x4xf32>
    mpc.yield %0 : tensor<4x4xf32>
  }
  %p_sums = mpc.group "p_sums" ins(%a = %sums, %k = %w : tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32> attributes {range = #mpc.range<-1.0, 1.0>} {
    %0 = mpc.matmul %a, %k : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
    mpc.yield %0 : tensor<4x4xf32>
  }
  return %first, %root, %second, %of_divisor, %p_divisor, %of_logarithm, %p_logarithm, %of_guarded, %p_guarded, %of_dividend, %p_dividend, %of_far, %p_far, %of_near, %p_near, %of_sums, %p_sums : tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>
}
