// RUN: mpc-opt %s --mpc-add-variants | FileCheck %s
// RUN: mpc-opt %s --mpc-add-variants --mpc-insert-quantization --mpc-insert-switches | FileCheck %s --check-prefix=SWITCH
// RUN: mpc-opt %s --mpc-add-variants --mpc-insert-quantization --mpc-insert-switches --convert-mpc-to-linalg -o %t

// A contraction has a variant per precision; what it stores may be rounded to integers.
// The range of fc and that of what only moves it are one: [-1, 3].
// CHECK: ![[BYTES:.*]] = !quant.uniform<u8:f32, 0.01568627{{[0-9]*}}:64>
// CHECK-LABEL: func.func @main
// CHECK: %[[FC:.*]] = mpc.group "fc" ins(
// CHECK-NOT: mpc.candidates
// CHECK: mpc.group "fc@f16" {{.*}} attributes {mpc.variant = "f16", mpc.variant_of = "fc", precision = #mpc.precision<f16>
// CHECK: %[[NARROW:.*]] = mpc.cast %{{.*}} : (tensor<1x2xf32>) -> tensor<1x2xf16>
// CHECK: mpc.cast %[[NARROW]] : (tensor<1x2xf16>) -> tensor<1x2xf32>
// CHECK: mpc.group "fc@int8" {{.*}} precision = #mpc.precision<int8>
// CHECK: mpc.group "fc@store" ins(%{{.*}} = %[[FC]] :
// CHECK: mpc.quantize %{{.*}} : (tensor<1x2xf32>) -> tensor<1x2x![[BYTES]]>
// A group that moves values has no variant that computes.
// CHECK: mpc.group "flip" ins(%{{.*}} = %[[FC]] :
// CHECK-NOT: "flip@int8"
// CHECK: mpc.group "flip@store"
// CHECK: mpc.quantize %{{.*}} : (tensor<2x1xf32>) -> tensor<2x1x![[BYTES]]>

// Each variant computes where its element of the new input is not 0; conversions stand beside it.
// SWITCH: module attributes {mpc.switches = ["fc:f16", "fc:int8", "fc:store", "flip:store"]}
// SWITCH: func.func @main(%{{.*}}, %[[IN:.*]]: tensor<4xi64> {mpc.name = "mpc.switches"})
// SWITCH: %[[C0:.*]] = arith.constant 0 : index
// SWITCH: %[[E:.*]] = tensor.extract %[[IN]][%[[C0]]]
// SWITCH: %[[ON:.*]] = arith.cmpi ne, %[[E]]
// SWITCH: %[[CHOSEN:.*]] = scf.if %[[ON]] -> (tensor<1x2xf32>) {
// SWITCH-NEXT: mpc.group "cast:x:f16"
// SWITCH: mpc.group "fc@f16"
// SWITCH: } else {
// SWITCH: scf.if
// SWITCH-NEXT: mpc.group "quantize:x"
// SWITCH: mpc.group "fc@int8"
// SWITCH: } else {
// SWITCH-NEXT: mpc.group "fc" ins(
// SWITCH: %[[STORED:.*]] = scf.if
// SWITCH-NEXT: mpc.group "fc@store" ins(%{{.*}} = %[[CHOSEN]] :
// SWITCH: } else {
// SWITCH-NEXT: scf.yield %[[CHOSEN]]
// SWITCH: mpc.group "flip" ins(%{{.*}} = %[[STORED]] :
func.func @main(%x: tensor<1x2xf32> {mpc.name = "x", mpc.range = #mpc.range<-1.0, 1.0>}) -> (tensor<2x1xf32> {mpc.name = "y"}) {
  %w = mpc.constant dense<[[1.0, 2.0], [3.0, -4.0]]> : tensor<2x2xf32> -> tensor<2x2xf32>
  %0 = mpc.group "fc" ins(%a = %x, %b = %w : tensor<1x2xf32>, tensor<2x2xf32>) -> tensor<1x2xf32>
      attributes {mpc.candidates = ["f16", "int8"], precision = #mpc.precision<f32>, range = #mpc.range<-1.0, 2.0>} {
    %1 = mpc.matmul %a, %b : (tensor<1x2xf32>, tensor<2x2xf32>) -> tensor<1x2xf32>
    mpc.yield %1 : tensor<1x2xf32>
  }
  %2 = mpc.group "flip" ins(%a = %0 : tensor<1x2xf32>) -> tensor<2x1xf32>
      attributes {mpc.candidates = ["int8"], precision = #mpc.precision<f32>, range = #mpc.range<-1.0, 3.0>} {
    %3 = mpc.transpose %a {perm = array<i64: 1, 0>} : (tensor<1x2xf32>) -> tensor<2x1xf32>
    mpc.yield %3 : tensor<2x1xf32>
  }
  return %2 : tensor<2x1xf32>
}
