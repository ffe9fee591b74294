// RUN: mpc-opt %s --mpc-insert-switches | FileCheck %s

// The input has an element per variant, in the order of the groups; a conversion that only a variant reads is computed where that
// is, and one that nobody reads any more is gone.
// CHECK: module attributes {mpc.switches = ["a:f16", "a:store"]}
// CHECK-LABEL: func.func @main(
// CHECK-SAME: %[[X:.*]]: tensor<4xf32> {mpc.name = "x"}, %[[IN:.*]]: tensor<2xi64> {mpc.name = "mpc.switches"})
// CHECK-NOT: mpc.group
// CHECK: %[[E0:.*]] = tensor.extract %[[IN]][%{{.*}}] : tensor<2xi64>
// CHECK: %[[ON0:.*]] = arith.cmpi ne, %[[E0]], %{{.*}} : i64
// CHECK: %[[A:.*]] = scf.if %[[ON0]] -> (tensor<4xf32>) {
// CHECK-NEXT: %[[NARROW:.*]] = mpc.group "cast:x:f16" ins(%{{.*}} = %[[X]] :
// CHECK: %[[V:.*]] = mpc.group "a@f16" ins(%{{.*}} = %[[NARROW]] :
// CHECK: scf.yield %[[V]]
// CHECK: } else {
// CHECK-NEXT: %[[OWN:.*]] = mpc.group "a" ins(%{{.*}} = %[[X]] :
// CHECK: scf.yield %[[OWN]]
// CHECK: %[[C1:.*]] = arith.constant 1 : index
// CHECK: %[[E1:.*]] = tensor.extract %[[IN]][%[[C1]]] : tensor<2xi64>
// CHECK: %[[STORED:.*]] = scf.if
// CHECK-NEXT: %[[ROUNDED:.*]] = mpc.group "a@store" ins(%{{.*}} = %[[A]] :
// CHECK: scf.yield %[[ROUNDED]]
// CHECK: } else {
// CHECK-NEXT: scf.yield %[[A]]
// Readers, the caller among them, read what was chosen last; a group without variants stays where it is.
// CHECK: %[[B:.*]] = mpc.group "b" ins(%{{.*}} = %[[STORED]] :
// CHECK: return %[[STORED]], %[[B]]
!q = !quant.uniform<u8:f32, 0.1:0>
func.func @main(%x: tensor<4xf32> {mpc.name = "x"}) -> (tensor<4xf32>, tensor<4xf32>) {
  %h = mpc.group "cast:x:f16" ins(%p = %x : tensor<4xf32>) -> tensor<4xf16> {
    %0 = mpc.cast %p : (tensor<4xf32>) -> tensor<4xf16>
    mpc.yield %0 : tensor<4xf16>
  }
  %a = mpc.group "a" ins(%p = %x : tensor<4xf32>) -> tensor<4xf32> attributes {precision = #mpc.precision<f32>} {
    %0 = mpc.relu %p : (tensor<4xf32>) -> tensor<4xf32>
    mpc.yield %0 : tensor<4xf32>
  }
  %v = mpc.group "a@f16" ins(%p = %h : tensor<4xf16>) -> tensor<4xf32> attributes {mpc.variant = "f16", mpc.variant_of = "a", precision = #mpc.precision<f16>} {
    %0 = mpc.cast %p : (tensor<4xf16>) -> tensor<4xf32>
    %1 = mpc.relu %0 : (tensor<4xf32>) -> tensor<4xf32>
    mpc.yield %1 : tensor<4xf32>
  }
  %s = mpc.group "a@store" ins(%p = %a : tensor<4xf32>) -> tensor<4xf32> attributes {mpc.variant = "store", mpc.variant_of = "a"} {
    %0 = mpc.quantize %p : (tensor<4xf32>) -> tensor<4x!q>
    %1 = mpc.dequantize %0 : (tensor<4x!q>) -> tensor<4xf32>
    mpc.yield %1 : tensor<4xf32>
  }
  %b = mpc.group "b" ins(%p = %a : tensor<4xf32>) -> tensor<4xf32> attributes {precision = #mpc.precision<f32>} {
    %0 = mpc.tanh %p : (tensor<4xf32>) -> tensor<4xf32>
    mpc.yield %0 : tensor<4xf32>
  }
  return %a, %b : tensor<4xf32>, tensor<4xf32>
}
