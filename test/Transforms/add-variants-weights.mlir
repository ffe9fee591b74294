// RUN: mpc-opt %s --mpc-add-variants | FileCheck %s
// RUN: mpc-opt %s --mpc-add-variants --mpc-insert-quantization | FileCheck %s --check-prefix=STORED
// RUN: mpc-opt %s --mpc-add-variants --mpc-insert-quantization --mpc-insert-switches | FileCheck %s --check-prefix=SWITCH

// Narrow weights are variants of their own; what they store is f32.
// CHECK: mpc.group "wide" {{.*}}precision = #mpc.precision<f32>
// CHECK: mpc.group "wide@w8" {{.*}} -> tensor<1x64xf32> attributes {mpc.variant = "w8", mpc.variant_of = "wide", precision = #mpc.precision<w8>
// CHECK-NOT: mpc.cast
// CHECK: mpc.group "wide@w4" {{.*}} -> tensor<1x64xf32> attributes {mpc.variant = "w4", mpc.variant_of = "wide", precision = #mpc.precision<w4>
// Integers of 16 bits lose nothing where they are stored.
// CHECK: mpc.group "wide@int16" {{.*}} -> tensor<1x64xf32> attributes {mpc.variant = "int16", mpc.variant_of = "wide", precision = #mpc.precision<int16>
// CHECK-NOT: mpc.quantize
// What a variant reads stands before the choice between them, its scales as well.
// SWITCH: mpc.constant dense_resource<scales_{{.*}} : tensor<64xf32>
// SWITCH: scf.if
// SWITCH: mpc.group "wide@int16"
// STORED: mpc.group "wide@w8" ins({{.*}}tensor<64x64xui8>
// STORED: mpc.group "wide@w4" ins({{.*}}tensor<64x64xui4>
func.func @main(%x: tensor<1x64xf32> {mpc.name = "x", mpc.range = #mpc.range<-1.0, 1.0>}) -> (tensor<1x64xf32> {mpc.name = "y"}) {
  %w = mpc.constant dense<0.5> : tensor<64x64xf32> -> tensor<64x64xf32>
  %0 = mpc.group "wide" ins(%a = %x, %b = %w : tensor<1x64xf32>, tensor<64x64xf32>) -> tensor<1x64xf32>
      attributes {mpc.candidates = ["w8", "w4", "int16"], precision = #mpc.precision<f32>, range = #mpc.range<-1.0, 2.0>} {
    %1 = mpc.matmul %a, %b : (tensor<1x64xf32>, tensor<64x64xf32>) -> tensor<1x64xf32>
    mpc.yield %1 : tensor<1x64xf32>
  }
  return %0 : tensor<1x64xf32>
}
