// RUN: mpc-opt %s --mpc-assign-precision=precision=f16 --mpc-insert-quantization --mpc-verify-precision | FileCheck %s --check-prefixes=CHECK,F16
// RUN: mpc-opt %s --mpc-assign-precision=precision=keep --mpc-insert-quantization --mpc-verify-precision | FileCheck %s
// RUN: mpc-opt %s --mpc-assign-precision=precision=int8 --mpc-insert-quantization --mpc-verify-precision | FileCheck %s

!q = !quant.uniform<u8:f32, 0.5:3>
!w = !quant.uniform<i8:f32, 0.25>
!acc = !quant.uniform<i32:f32, 0.125>

// What a model has quantized itself stays, whatever is asked for; the rest gets what is asked for, and its values are converted where they
// meet.
// CHECK-LABEL: func.func @main
// CHECK: %[[X:.*]] = mpc.storage_cast %arg0
// F16: %[[T:.*]] = mpc.group "tanh" {{.*}} -> tensor<1x2xf16>
// F16: %[[C:.*]] = mpc.group "cast:tanh:f32" ins({{.*}} = %[[T]]
// CHECK: mpc.group "fc" ins(%[[A:.*]] = %[[X]], %[[W:.*]] = %{{.*}}, %[[R:.*]] = %{{.*}} : tensor<1x2x!{{.*}}>, tensor<2x2x!{{.*}}>, tensor<1x2xf32>) -> tensor<1x2xui8> attributes {precision = #mpc.precision<int8>, reason = "as quantized in the model"} {
// CHECK-NEXT: %[[S:.*]] = mpc.matmul %[[A]], %[[W]]
// CHECK-NEXT: %[[D:.*]] = mpc.dequantize %[[S]]
// CHECK-NEXT: %[[F:.*]] = mpc.add %[[D]], %[[R]] : (tensor<1x2xf32>, tensor<1x2xf32>) -> tensor<1x2xf32>
// CHECK-NEXT: %[[Q:.*]] = mpc.quantize %[[F]]
// CHECK-NEXT: mpc.storage_cast %[[Q]]
func.func @main(%x: tensor<1x2xui8> {mpc.name = "x"}, %y: tensor<1x2xf32> {mpc.name = "y", mpc.range = #mpc.range<-1.0, 1.0>}) -> tensor<1x2xui8> {
  %w = mpc.constant dense<[[1, 2], [3, 4]]> : tensor<2x2xi8> -> tensor<2x2x!w>
  %q = mpc.storage_cast %x : (tensor<1x2xui8>) -> tensor<1x2x!q>
  %t = mpc.group "tanh" ins(%a = %y : tensor<1x2xf32>) -> tensor<1x2xf32> {
    %0 = mpc.tanh %a : (tensor<1x2xf32>) -> tensor<1x2xf32>
    mpc.yield %0 : tensor<1x2xf32>
  }
  %z = mpc.group "fc" ins(%a = %q, %b = %w, %c = %t : tensor<1x2x!q>, tensor<2x2x!w>, tensor<1x2xf32>) -> tensor<1x2xui8> {
    %0 = mpc.matmul %a, %b : (tensor<1x2x!q>, tensor<2x2x!w>) -> tensor<1x2x!acc>
    %1 = mpc.dequantize %0 : (tensor<1x2x!acc>) -> tensor<1x2xf32>
    %2 = mpc.add %1, %c : (tensor<1x2xf32>, tensor<1x2xf32>) -> tensor<1x2xf32>
    %3 = mpc.quantize %2 : (tensor<1x2xf32>) -> tensor<1x2x!q>
    %4 = mpc.storage_cast %3 : (tensor<1x2x!q>) -> tensor<1x2xui8>
    mpc.yield %4 : tensor<1x2xui8>
  }
  return %z : tensor<1x2xui8>
}
