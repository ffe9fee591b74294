// RUN: mpc-opt %s -split-input-file -mpc-insert-quantization -mpc-verify-precision | FileCheck %s

// TensorFlow Lite: sums with multipliers in f64; bytes are added after a shift by 20 bits, at twice the larger scale, which is 2 * 2 / 255 here.
// CHECK-LABEL: func.func @main
// CHECK: mpc.group "fc"
// CHECK: %[[S:.*]] = mpc.matmul
// CHECK-NEXT: %[[R:.*]] = mpc.requantize %[[S]] {low = 0 : i64, rounding = #mpc.rounding<tflite>}
// CHECK-NEXT: mpc.yield %[[R]]
// CHECK: mpc.group "add"
// CHECK: %[[A:.*]] = mpc.requantize %{{.*}} {rounding = #mpc.rounding<tflite>, shift = 20 : i64} : (tensor<?x2x![[B:.*]]>) -> tensor<?x2x![[W:.*]]>
// CHECK-NEXT: %[[B:.*]] = mpc.requantize %{{.*}} {rounding = #mpc.rounding<tflite>, shift = 20 : i64} : {{.*}} -> tensor<?x2x![[W]]>
// CHECK-NEXT: %[[SUM:.*]] = mpc.add %[[A]], %[[B]] : {{.*}} -> tensor<?x2x![[W]]>
// CHECK-NEXT: %[[Y:.*]] = mpc.requantize %[[SUM]] {low = 85 : i64, rounding = #mpc.rounding<tflite>}
// CHECK-NEXT: mpc.yield %[[Y]]
// A function of one number is a table.
// CHECK: mpc.group "tanh"
// CHECK: %[[L:.*]] = mpc.lookup %{{.*}}, %{{.*}} : (tensor<?x2x!{{.*}}>, tensor<256x!{{.*}}>)
// CHECK-NOT: mpc.dequantize
// CHECK: mpc.group "out"
module attributes {mpc.rounding = #mpc.rounding<tflite>} {
  func.func @main(%x: tensor<?x2xf32> {mpc.name = "x", mpc.range = #mpc.range<-1.0, 1.0>}) -> (tensor<?x2xf32> {mpc.name = "y"}) {
    %w = mpc.constant dense<[[1.0, -0.5], [0.0, 1.0]]> : tensor<2x2xf32> -> tensor<2x2xf32>
    %y = mpc.group "fc" ins(%a = %x, %c = %w : tensor<?x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32> attributes {precision = #mpc.precision<int8>, range = #mpc.range<0.0, 2.0>} {
      %0 = mpc.matmul %a, %c : (tensor<?x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32>
      %1 = mpc.relu %0 : (tensor<?x2xf32>) -> tensor<?x2xf32>
      mpc.yield %1 : tensor<?x2xf32>
    }
    %s = mpc.group "add" ins(%a = %y, %c = %x : tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x2xf32> attributes {precision = #mpc.precision<int8>, range = #mpc.range<-1.0, 2.0>} {
      %0 = mpc.add %a, %c : (tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x2xf32>
      %1 = mpc.relu %0 : (tensor<?x2xf32>) -> tensor<?x2xf32>
      mpc.yield %1 : tensor<?x2xf32>
    }
    %t = mpc.group "tanh" ins(%a = %s : tensor<?x2xf32>) -> tensor<?x2xf32> attributes {precision = #mpc.precision<int8>, range = #mpc.range<0.0, 1.0>} {
      %0 = mpc.tanh %a : (tensor<?x2xf32>) -> tensor<?x2xf32>
      mpc.yield %0 : tensor<?x2xf32>
    }
    %z = mpc.group "out" ins(%a = %t, %c = %w : tensor<?x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32> attributes {precision = #mpc.precision<int8>, range = #mpc.range<-3.0, 3.0>} {
      %0 = mpc.matmul %a, %c : (tensor<?x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32>
      mpc.yield %0 : tensor<?x2xf32>
    }
    return %z : tensor<?x2xf32>
  }
}

// -----

// A sum and what it is added to meet in 32 bits; a group without an integer form is computed in f32, and says why.
// CHECK-LABEL: func.func @main
// CHECK: mpc.group "fc"
// CHECK: mpc.requantize %{{.*}} {rounding = #mpc.rounding<tosa>} : (tensor<?x2x!per_channel{{.*}}>) -> tensor<?x2x![[W:.*]]>
// CHECK: mpc.requantize %{{.*}} {rounding = #mpc.rounding<tosa>} : {{.*}} -> tensor<?x2x![[W]]>
// CHECK: mpc.add {{.*}} -> tensor<?x2x![[W]]>
// CHECK-NEXT: mpc.requantize %{{.*}} {low = 0 : i64, rounding = #mpc.rounding<tosa>}
// CHECK: mpc.group "quotient" {{.*}} reason = "asked; in floating point: div has no integer form"
// CHECK: mpc.div
module attributes {mpc.rounding = #mpc.rounding<tosa>} {
  func.func @main(%x: tensor<?x2xf32> {mpc.name = "x", mpc.range = #mpc.range<-1.0, 1.0>}) -> (tensor<?x2xf32> {mpc.name = "y"}) {
    %w = mpc.constant dense<[[1.0, -0.5], [0.0, 1.0]]> : tensor<2x2xf32> -> tensor<2x2xf32>
    %y = mpc.group "fc" ins(%a = %x, %c = %w, %r = %x : tensor<?x2xf32>, tensor<2x2xf32>, tensor<?x2xf32>) -> tensor<?x2xf32> attributes {precision = #mpc.precision<int8>, range = #mpc.range<0.0, 2.0>} {
      %0 = mpc.matmul %a, %c : (tensor<?x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32>
      %1 = mpc.add %0, %r : (tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x2xf32>
      %2 = mpc.relu %1 : (tensor<?x2xf32>) -> tensor<?x2xf32>
      mpc.yield %2 : tensor<?x2xf32>
    }
    %d = mpc.group "quotient" ins(%a = %y, %b = %x : tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x2xf32> attributes {precision = #mpc.precision<int8>, range = #mpc.range<-3.0, 3.0>, reason = "asked"} {
      %0 = mpc.div %a, %b : (tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x2xf32>
      mpc.yield %0 : tensor<?x2xf32>
    }
    %z = mpc.group "out" ins(%a = %d, %c = %w : tensor<?x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32> attributes {precision = #mpc.precision<int8>, range = #mpc.range<-3.0, 3.0>} {
      %0 = mpc.matmul %a, %c : (tensor<?x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32>
      mpc.yield %0 : tensor<?x2xf32>
    }
    return %z : tensor<?x2xf32>
  }
}

// -----

// int16: signed, symmetric, sums that become f32 times the channel's scale. The input was seen up to -4, and 4 / 32767 is a step,
// although a calibrator chose less for 8 bits.
// CHECK: !uniform{{.*}} = !quant.uniform<i16:f32, 1.22
// CHECK-LABEL: func.func @main
// CHECK: mpc.group "fc"
// CHECK: %[[S:.*]] = mpc.matmul {{.*}} -> tensor<?x2xi32>
// CHECK-NEXT: %[[C:.*]] = mpc.cast %[[S]] : (tensor<?x2xi32>) -> tensor<?x2xf32>
// CHECK-NEXT: mpc.mul %[[C]], %{{.*}} : (tensor<?x2xf32>, tensor<2xf32>) -> tensor<?x2xf32>
module {
  func.func @main(%x: tensor<?x2xf32> {mpc.name = "x", mpc.range = #mpc.range<-2.0, 1.0>, mpc.seen = #mpc.range<-4.0, 1.0>}) -> (tensor<?x2xf32> {mpc.name = "y"}) {
    %w = mpc.constant dense<[[1.0, -0.5], [0.0, 1.0]]> : tensor<2x2xf32> -> tensor<2x2xf32>
    %y = mpc.group "fc" ins(%a = %x, %c = %w : tensor<?x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32> attributes {precision = #mpc.precision<int16>, range = #mpc.range<0.0, 2.0>} {
      %0 = mpc.matmul %a, %c : (tensor<?x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32>
      mpc.yield %0 : tensor<?x2xf32>
    }
    return %y : tensor<?x2xf32>
  }
}

// -----

// 516 weights of 127 times 2^15 stay within 32 bits, 517 do not.
// CHECK-LABEL: func.func @main
// CHECK: mpc.group "short"
// CHECK: mpc.matmul {{.*}} -> tensor<?x2xi32>
// CHECK: mpc.group "long"
// CHECK: mpc.matmul {{.*}} -> tensor<?x2xi64>
module {
  func.func @main(%x: tensor<?x516xf32> {mpc.name = "x", mpc.range = #mpc.range<-1.0, 1.0>}, %y: tensor<?x517xf32> {mpc.name = "y", mpc.range = #mpc.range<-1.0, 1.0>}) -> (tensor<?x2xf32>, tensor<?x2xf32>) {
    %v = mpc.constant dense<1.0> : tensor<516x2xf32> -> tensor<516x2xf32>
    %w = mpc.constant dense<1.0> : tensor<517x2xf32> -> tensor<517x2xf32>
    %s = mpc.group "short" ins(%a = %x, %c = %v : tensor<?x516xf32>, tensor<516x2xf32>) -> tensor<?x2xf32> attributes {precision = #mpc.precision<int16>, range = #mpc.range<0.0, 2.0>} {
      %0 = mpc.matmul %a, %c : (tensor<?x516xf32>, tensor<516x2xf32>) -> tensor<?x2xf32>
      mpc.yield %0 : tensor<?x2xf32>
    }
    %l = mpc.group "long" ins(%a = %y, %c = %w : tensor<?x517xf32>, tensor<517x2xf32>) -> tensor<?x2xf32> attributes {precision = #mpc.precision<int16>, range = #mpc.range<0.0, 2.0>} {
      %0 = mpc.matmul %a, %c : (tensor<?x517xf32>, tensor<517x2xf32>) -> tensor<?x2xf32>
      mpc.yield %0 : tensor<?x2xf32>
    }
    return %s, %l : tensor<?x2xf32>, tensor<?x2xf32>
  }
}

// -----

// Fixed point: scales are powers of two, without a zero point; 1 / 127 and 5 / 127 are rounded up.
// CHECK: !quant.uniform<i8:f32, 1.562500e-02>
// CHECK: !quant.uniform<i8:f32, 6.250000e-02>
// CHECK-LABEL: func.func @main
module attributes {mpc.rounding = #mpc.rounding<tosa>, mpc.scales = "power-of-two", mpc.activations = "signed"} {
  func.func @main(%x: tensor<?x2xf32> {mpc.name = "x", mpc.range = #mpc.range<-1.0, 1.0>}) -> (tensor<?x2xf32> {mpc.name = "y"}) {
    %w = mpc.constant dense<[[1.0, -0.5], [0.0, 1.0]]> : tensor<2x2xf32> -> tensor<2x2xf32>
    %y = mpc.group "fc" ins(%a = %x, %c = %w : tensor<?x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32> attributes {precision = #mpc.precision<int8>, range = #mpc.range<-5.0, 2.0>} {
      %0 = mpc.matmul %a, %c : (tensor<?x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32>
      mpc.yield %0 : tensor<?x2xf32>
    }
    %z = mpc.group "out" ins(%a = %y, %c = %w : tensor<?x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32> attributes {precision = #mpc.precision<int8>, range = #mpc.range<-3.0, 3.0>} {
      %0 = mpc.matmul %a, %c : (tensor<?x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32>
      mpc.yield %0 : tensor<?x2xf32>
    }
    return %z : tensor<?x2xf32>
  }
}

// -----

// What is joined has one scale, also where a function follows in the same group.
// CHECK-LABEL: func.func @main
// CHECK: mpc.group "join" ins(%{{.*}} = %{{.*}}, {{.*}} : tensor<1x2x[[JOINED:!.*]]>, tensor<1x2x[[JOINED]]>,
// CHECK: mpc.concat {{.*}} : (tensor<1x2x[[JOINED]]>, tensor<1x2x[[JOINED]]>) -> tensor<1x4x[[JOINED]]>
// CHECK-NOT: mpc.dequantize
// CHECK: mpc.lookup
module attributes {mpc.rounding = #mpc.rounding<tflite>} {
  func.func @main(%x: tensor<1x2xf32> {mpc.name = "x", mpc.range = #mpc.range<-1.0, 1.0>}, %y: tensor<1x2xf32> {mpc.name = "y", mpc.range = #mpc.range<-1.0, 3.0>}) -> tensor<1x1xf32> {
    %w = mpc.constant dense<1.0> : tensor<4x1xf32> -> tensor<4x1xf32>
    %c = mpc.group "join" ins(%a = %x, %b = %y : tensor<1x2xf32>, tensor<1x2xf32>) -> tensor<1x4xf32> attributes {precision = #mpc.precision<int8>, range = #mpc.range<-0.5, 3.0>} {
      %0 = mpc.concat %a, %b {axis = 1 : i64} : (tensor<1x2xf32>, tensor<1x2xf32>) -> tensor<1x4xf32>
      %1 = mpc.tanh %0 : (tensor<1x4xf32>) -> tensor<1x4xf32>
      mpc.yield %1 : tensor<1x4xf32>
    }
    %z = mpc.group "fc" ins(%a = %c, %d = %w : tensor<1x4xf32>, tensor<4x1xf32>) -> tensor<1x1xf32> attributes {precision = #mpc.precision<int8>, range = #mpc.range<-1.0, 4.0>} {
      %0 = mpc.matmul %a, %d : (tensor<1x4xf32>, tensor<4x1xf32>) -> tensor<1x1xf32>
      mpc.yield %0 : tensor<1x1xf32>
    }
    return %z : tensor<1x1xf32>
  }
}
