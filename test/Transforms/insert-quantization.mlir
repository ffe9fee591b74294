// RUN: mpc-opt %s -split-input-file -mpc-insert-quantization | FileCheck %s

// Weights become s8 per channel, the bias i32 in the accumulator's scale; relu is a bound of the requantization because a second
// int8 group reads the result. The last result is only returned: it is stored in f32.
// CHECK-LABEL: func.func @main
// CHECK-SAME: (%[[X:.*]]: tensor<?x2xf32>
// CHECK: %[[XQ:.*]] = mpc.group "quantize:x" ins(%{{.*}} = %[[X]]
// CHECK: mpc.quantize
// CHECK: mpc.constant dense<{{\[\[}}127, -64], [0, 127]]> : tensor<2x2xi8>
// CHECK: mpc.constant dense<[8096, 4048]> : tensor<2xi32>
// CHECK: %[[FC1:.*]] = mpc.group "fc1" ins(%[[A:.*]] = %[[XQ]], %[[B:.*]] = %{{.*}}, %{{.*}} = %{{.*}} : tensor<?x2x!uniform{{[0-9]*}}>, tensor<2x2x!per_channel
// CHECK: %[[ACC:.*]] = mpc.matmul %[[A]], %[[B]], %{{.*}} : {{.*}} -> tensor<?x2x!per_channel
// CHECK: %[[R:.*]] = mpc.requantize %[[ACC]] {low = 0 : i64}
// CHECK-NEXT: mpc.yield %[[R]]
// CHECK: %[[FC2:.*]] = mpc.group "fc2" ins({{.*}} = %[[FC1]]
// CHECK: mpc.matmul
// CHECK: mpc.dequantize
// CHECK-NEXT: mpc.yield {{.*}} : tensor<?x2xf32>
// CHECK: return %[[FC2]] : tensor<?x2xf32>
func.func @main(%x: tensor<?x2xf32> {mpc.name = "x", mpc.range = #mpc.range<-1.0, 1.0>}) -> (tensor<?x2xf32> {mpc.name = "y"}) {
  %w = mpc.constant dense<[[1.0, -0.5], [0.0, 1.0]]> : tensor<2x2xf32> -> tensor<2x2xf32>
  %b = mpc.constant dense<[0.5, 0.25]> : tensor<2xf32> -> tensor<2xf32>
  %y = mpc.group "fc1" ins(%a = %x, %c = %w, %d = %b : tensor<?x2xf32>, tensor<2x2xf32>, tensor<2xf32>) -> tensor<?x2xf32> attributes {precision = #mpc.precision<int8>, range = #mpc.range<0.0, 2.0>} {
    %0 = mpc.matmul %a, %c, %d : (tensor<?x2xf32>, tensor<2x2xf32>, tensor<2xf32>) -> tensor<?x2xf32>
    %1 = mpc.relu %0 : (tensor<?x2xf32>) -> tensor<?x2xf32>
    mpc.yield %1 : tensor<?x2xf32>
  }
  %z = mpc.group "fc2" ins(%a = %y, %c = %w : tensor<?x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32> attributes {precision = #mpc.precision<int8>, range = #mpc.range<-3.0, 3.0>} {
    %0 = mpc.matmul %a, %c : (tensor<?x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32>
    mpc.yield %0 : tensor<?x2xf32>
  }
  return %z : tensor<?x2xf32>
}

// -----

// f16: the contraction reads f16, accumulates in f32; softmax computes in f32 from f16.
// CHECK-LABEL: func.func @main
// CHECK: %[[XH:.*]] = mpc.group "cast:x:f16"
// CHECK: mpc.group "fc" ins(%[[A:.*]] = %[[XH]], %{{.*}} : tensor<?x2xf16>, tensor<2x2xf16>) -> tensor<?x2xf16>
// CHECK: mpc.matmul {{.*}} : (tensor<?x2xf16>, tensor<2x2xf16>) -> tensor<?x2xf32>
// CHECK: mpc.cast {{.*}} -> tensor<?x2xf16>
// CHECK: mpc.group "cast:fc:f32"
// CHECK: mpc.softmax {{.*}} : (tensor<?x2xf32>) -> tensor<?x2xf32>
func.func @main(%x: tensor<?x2xf32> {mpc.name = "x"}) -> tensor<?x2xf32> {
  %w = mpc.constant dense<[[1.0, -0.5], [0.0, 1.0]]> : tensor<2x2xf32> -> tensor<2x2xf32>
  %y = mpc.group "fc" ins(%a = %x, %c = %w : tensor<?x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32> attributes {precision = #mpc.precision<f16>} {
    %0 = mpc.matmul %a, %c : (tensor<?x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32>
    mpc.yield %0 : tensor<?x2xf32>
  }
  %z = mpc.group "softmax" ins(%a = %y : tensor<?x2xf32>) -> tensor<?x2xf32> attributes {precision = #mpc.precision<f16>} {
    %0 = mpc.softmax %a {axis = 1 : i64} : (tensor<?x2xf32>) -> tensor<?x2xf32>
    mpc.yield %0 : tensor<?x2xf32>
  }
  return %z : tensor<?x2xf32>
}

// -----

// A product of two computed operands reads f16, too. Weights of a convolution that are computed are not packed: it reads f32.
// CHECK-LABEL: func.func @main
// CHECK-DAG: %[[XH:.*]] = mpc.group "cast:x:f16"
// CHECK-DAG: %[[YH:.*]] = mpc.group "cast:y:f16"
// CHECK: mpc.group "product" ins(%{{.*}} = %[[XH]], %{{.*}} = %[[YH]] :
// CHECK: mpc.matmul {{.*}} : (tensor<1x2x3xf16>, tensor<1x3x4xf16>) -> tensor<1x2x4xf32>
// CHECK: mpc.group "window" ins(
// CHECK: mpc.conv {{.*}} : (tensor<1x2x4xf32>, tensor<1x2x3xf32>) -> tensor<1x1x2xf32>
func.func @main(%x: tensor<1x2x3xf32> {mpc.name = "x"}, %y: tensor<1x3x4xf32> {mpc.name = "y"}) -> tensor<1x1x2xf32> {
  %z = mpc.group "product" ins(%a = %x, %b = %y : tensor<1x2x3xf32>, tensor<1x3x4xf32>) -> tensor<1x2x4xf32> attributes {precision = #mpc.precision<f16>} {
    %0 = mpc.matmul %a, %b : (tensor<1x2x3xf32>, tensor<1x3x4xf32>) -> tensor<1x2x4xf32>
    mpc.yield %0 : tensor<1x2x4xf32>
  }
  %w = mpc.group "window" ins(%a = %z, %b = %x : tensor<1x2x4xf32>, tensor<1x2x3xf32>) -> tensor<1x1x2xf32> attributes {precision = #mpc.precision<f16>} {
    %0 = mpc.conv %a, %b {dilations = array<i64: 1>, layout = #mpc.layout<channels_first>, pads = array<i64: 0, 0>, strides = array<i64: 1>} : (tensor<1x2x4xf32>, tensor<1x2x3xf32>) -> tensor<1x1x2xf32>
    mpc.yield %0 : tensor<1x1x2xf32>
  }
  return %w : tensor<1x1x2xf32>
}

// -----

// Concatenation shares one scale: the hull of what it joins.
// CHECK-LABEL: func.func @main
// CHECK: mpc.concat {{.*}} : (tensor<1x1x[[Q:.*]]>, tensor<1x1x[[Q]]>) -> tensor<1x2x[[Q]]>
func.func @main(%x: tensor<1x1xf32> {mpc.name = "x", mpc.range = #mpc.range<0.0, 1.0>}, %y: tensor<1x1xf32> {mpc.name = "y", mpc.range = #mpc.range<-1.0, 3.0>}) -> tensor<1x1xf32> {
  %w = mpc.constant dense<1.0> : tensor<2x1xf32> -> tensor<2x1xf32>
  %c = mpc.group "join" ins(%a = %x, %b = %y : tensor<1x1xf32>, tensor<1x1xf32>) -> tensor<1x2xf32> attributes {precision = #mpc.precision<int8>, range = #mpc.range<-1.0, 3.0>} {
    %0 = mpc.concat %a, %b {axis = 1 : i64} : (tensor<1x1xf32>, tensor<1x1xf32>) -> tensor<1x2xf32>
    mpc.yield %0 : tensor<1x2xf32>
  }
  %z = mpc.group "fc" ins(%a = %c, %d = %w : tensor<1x2xf32>, tensor<2x1xf32>) -> tensor<1x1xf32> attributes {precision = #mpc.precision<int8>, range = #mpc.range<-1.0, 4.0>} {
    %0 = mpc.matmul %a, %d : (tensor<1x2xf32>, tensor<2x1xf32>) -> tensor<1x1xf32>
    mpc.yield %0 : tensor<1x1xf32>
  }
  return %z : tensor<1x1xf32>
}

// -----

// What a convolution reads, too, does not become coarse for a wide value that it is joined with: it is rescaled for that. What only the
// concatenation reads is stored as that wants it.
// CHECK-LABEL: func.func @main
// CHECK: %[[NARROW:.*]] = mpc.group "narrow" {{.*}} -> tensor<1x2x[[FINE:!.*]]> attributes
// CHECK: %[[RESCALED:.*]] = mpc.group "quantize:narrow" ins(%{{.*}} = %[[NARROW]] : tensor<1x2x[[FINE]]>) -> tensor<1x2x[[COARSE:!.*]]> {
// CHECK: %[[ALONE:.*]] = mpc.group "alone" {{.*}} -> tensor<1x2x[[COARSE]]> attributes
// CHECK: mpc.group "join" ins(%{{.*}} = %[[RESCALED]], %{{.*}} = %[[ALONE]], %{{.*}} = %{{.*}} : tensor<1x2x[[COARSE]]>, tensor<1x2x[[COARSE]]>, tensor<1x2x[[COARSE]]>)
// CHECK: mpc.group "fc" ins(%{{.*}} = %[[NARROW]], {{.*}} : tensor<1x2x[[FINE]]>
func.func @main(%x: tensor<1x2xf32> {mpc.name = "x", mpc.range = #mpc.range<-1.0, 1.0>}) -> (tensor<1x2xf32>, tensor<1x2xf32>) {
  %w = mpc.constant dense<1.0> : tensor<2x2xf32> -> tensor<2x2xf32>
  %v = mpc.constant dense<1.0> : tensor<6x2xf32> -> tensor<6x2xf32>
  %n = mpc.group "narrow" ins(%a = %x, %b = %w : tensor<1x2xf32>, tensor<2x2xf32>) -> tensor<1x2xf32> attributes {precision = #mpc.precision<int8>, range = #mpc.range<0.0, 1.0>} {
    %0 = mpc.matmul %a, %b : (tensor<1x2xf32>, tensor<2x2xf32>) -> tensor<1x2xf32>
    mpc.yield %0 : tensor<1x2xf32>
  }
  %o = mpc.group "alone" ins(%a = %x, %b = %w : tensor<1x2xf32>, tensor<2x2xf32>) -> tensor<1x2xf32> attributes {precision = #mpc.precision<int8>, range = #mpc.range<0.0, 1.0>} {
    %0 = mpc.matmul %a, %b : (tensor<1x2xf32>, tensor<2x2xf32>) -> tensor<1x2xf32>
    mpc.yield %0 : tensor<1x2xf32>
  }
  %u = mpc.group "wide" ins(%a = %x, %b = %w : tensor<1x2xf32>, tensor<2x2xf32>) -> tensor<1x2xf32> attributes {precision = #mpc.precision<int8>, range = #mpc.range<0.0, 2.5>} {
    %0 = mpc.matmul %a, %b : (tensor<1x2xf32>, tensor<2x2xf32>) -> tensor<1x2xf32>
    mpc.yield %0 : tensor<1x2xf32>
  }
  %j = mpc.group "join" ins(%a = %n, %b = %o, %c = %u : tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>) -> tensor<1x6xf32> attributes {precision = #mpc.precision<int8>, range = #mpc.range<0.0, 2.5>} {
    %0 = mpc.concat %a, %b, %c {axis = 1 : i64} : (tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>) -> tensor<1x6xf32>
    mpc.yield %0 : tensor<1x6xf32>
  }
  %y = mpc.group "fc" ins(%a = %n, %b = %w : tensor<1x2xf32>, tensor<2x2xf32>) -> tensor<1x2xf32> attributes {precision = #mpc.precision<int8>, range = #mpc.range<0.0, 1.0>} {
    %0 = mpc.matmul %a, %b : (tensor<1x2xf32>, tensor<2x2xf32>) -> tensor<1x2xf32>
    mpc.yield %0 : tensor<1x2xf32>
  }
  %z = mpc.group "last" ins(%a = %j, %b = %v : tensor<1x6xf32>, tensor<6x2xf32>) -> tensor<1x2xf32> attributes {precision = #mpc.precision<int8>, range = #mpc.range<0.0, 5.0>} {
    %0 = mpc.matmul %a, %b : (tensor<1x6xf32>, tensor<6x2xf32>) -> tensor<1x2xf32>
    mpc.yield %0 : tensor<1x2xf32>
  }
  return %y, %z : tensor<1x2xf32>, tensor<1x2xf32>
}

// -----

// A value and its reshape are the same elements: their conversions have the source's name, each its own.
// CHECK-LABEL: func.func @main
// CHECK-DAG: mpc.group "cast:x:f16" ins
// CHECK-DAG: mpc.group "cast:x:f16_2" ins
func.func @main(%x: tensor<2x2xf32> {mpc.name = "x"}) -> (tensor<2x2xf32>, tensor<1x2xf32>) {
  %w = mpc.constant dense<[[1.0, -0.5], [0.0, 1.0]]> : tensor<2x2xf32> -> tensor<2x2xf32>
  %v = mpc.constant dense<1.0> : tensor<4x2xf32> -> tensor<4x2xf32>
  %r = mpc.reshape %x : (tensor<2x2xf32>) -> tensor<1x4xf32>
  %y = mpc.group "a" ins(%a = %x, %c = %w : tensor<2x2xf32>, tensor<2x2xf32>) -> tensor<2x2xf32> attributes {precision = #mpc.precision<f16>} {
    %0 = mpc.matmul %a, %c : (tensor<2x2xf32>, tensor<2x2xf32>) -> tensor<2x2xf32>
    mpc.yield %0 : tensor<2x2xf32>
  }
  %z = mpc.group "b" ins(%a = %r, %c = %v : tensor<1x4xf32>, tensor<4x2xf32>) -> tensor<1x2xf32> attributes {precision = #mpc.precision<f16>} {
    %0 = mpc.matmul %a, %c : (tensor<1x4xf32>, tensor<4x2xf32>) -> tensor<1x2xf32>
    mpc.yield %0 : tensor<1x2xf32>
  }
  return %y, %z : tensor<2x2xf32>, tensor<1x2xf32>
}

// -----

// A bias of more than 2^29 accumulator units raises its channel's weight scale, to just under that; 2^29 is 536,870,912. The other channel keeps its own.
// CHECK-LABEL: func.func @main
// CHECK: mpc.constant dense<{{\[\[}}0, 127]]> : tensor<1x2xi8>
// CHECK: mpc.constant dense<[53687{{[0-9]+}}, 0]> : tensor<2xi32>
func.func @main(%x: tensor<1x1xf32> {mpc.name = "x", mpc.range = #mpc.range<-1.0, 1.0>}) -> tensor<1x2xf32> {
  %w = mpc.constant dense<[[0.000001, 0.000001]]> : tensor<1x2xf32> -> tensor<1x2xf32>
  %b = mpc.constant dense<[1000.0, 0.0]> : tensor<2xf32> -> tensor<2xf32>
  %y = mpc.group "fc" ins(%a = %x, %c = %w, %d = %b : tensor<1x1xf32>, tensor<1x2xf32>, tensor<2xf32>) -> tensor<1x2xf32> attributes {precision = #mpc.precision<int8>} {
    %0 = mpc.matmul %a, %c, %d : (tensor<1x1xf32>, tensor<1x2xf32>, tensor<2xf32>) -> tensor<1x2xf32>
    mpc.yield %0 : tensor<1x2xf32>
  }
  return %y : tensor<1x2xf32>
}

// -----

// Integers that one group hands to the next are those of the group as it is rewritten.
// CHECK-LABEL: func.func @main
// CHECK: %[[A:.*]] = mpc.group "a" ins(%{{.*}} = %arg0 :
// CHECK: %[[B:.*]] = mpc.group "b" ins(%{{.*}} = %[[A]] :
// CHECK: return %[[B]]
func.func @main(%x: tensor<2x2xi64> {mpc.name = "x"}) -> tensor<2x2xi64> {
  %a = mpc.group "a" ins(%p = %x : tensor<2x2xi64>) -> tensor<2x2xi64> attributes {precision = #mpc.precision<f32>} {
    %0 = mpc.cumulate %p {kind = #mpc.reduce<sum>, axis = 1 : i64} : (tensor<2x2xi64>) -> tensor<2x2xi64>
    mpc.yield %0 : tensor<2x2xi64>
  }
  %b = mpc.group "b" ins(%p = %a : tensor<2x2xi64>) -> tensor<2x2xi64> attributes {precision = #mpc.precision<f32>} {
    %0 = mpc.transpose %p {perm = array<i64: 1, 0>} : (tensor<2x2xi64>) -> tensor<2x2xi64>
    mpc.yield %0 : tensor<2x2xi64>
  }
  return %b : tensor<2x2xi64>
}

// -----

// A table that an int8 group chooses from is quantized at compile time, over the range of the whole table: samples met a part of it.
// Positions are no activations.
// CHECK-LABEL: func.func @main
// CHECK: mpc.constant dense<{{\[\[}}0], [100], [-1]]> : tensor<3x1xi8> -> tensor<3x1x!{{.*}}>
// CHECK: mpc.group "gather" ins(%[[T:.*]] = %{{.*}}, %[[I:.*]] = %arg0 : tensor<3x1x!{{.*}}>, tensor<2xi64>) -> tensor<2x1x!{{.*}}>
// CHECK-NEXT: mpc.gather %[[T]], %[[I]]
func.func @main(%i: tensor<2xi64> {mpc.name = "i"}) -> tensor<2x1xf32> {
  %table = mpc.constant dense<[[0.0], [1.0], [2.55]]> : tensor<3x1xf32> -> tensor<3x1xf32>
  %w = mpc.constant dense<[[1.0]]> : tensor<1x1xf32> -> tensor<1x1xf32>
  %g = mpc.group "gather" ins(%a = %table, %p = %i : tensor<3x1xf32>, tensor<2xi64>) -> tensor<2x1xf32> attributes {precision = #mpc.precision<int8>, range = #mpc.range<0.0, 1.0>} {
    %0 = mpc.gather %a, %p {axis = 0 : i64} : (tensor<3x1xf32>, tensor<2xi64>) -> tensor<2x1xf32>
    mpc.yield %0 : tensor<2x1xf32>
  }
  %y = mpc.group "fc" ins(%a = %g, %c = %w : tensor<2x1xf32>, tensor<1x1xf32>) -> tensor<2x1xf32> attributes {precision = #mpc.precision<int8>} {
    %0 = mpc.matmul %a, %c : (tensor<2x1xf32>, tensor<1x1xf32>) -> tensor<2x1xf32>
    mpc.yield %0 : tensor<2x1xf32>
  }
  return %y : tensor<2x1xf32>
}

// -----

// A constant that a contraction reads as activations has the range of its elements: no sample need have shown it.
// CHECK-LABEL: func.func @main
// CHECK: mpc.constant dense<{{\[\[}}0, -1]]> : tensor<1x2xi8> -> tensor<1x2x!{{.*}}>
// CHECK: mpc.matmul
func.func @main() -> tensor<1x1xf32> {
  %x = mpc.constant dense<[[0.0, 2.55]]> : tensor<1x2xf32> -> tensor<1x2xf32>
  %w = mpc.constant dense<[[1.0], [0.5]]> : tensor<2x1xf32> -> tensor<2x1xf32>
  %y = mpc.group "fc" ins(%a = %x, %c = %w : tensor<1x2xf32>, tensor<2x1xf32>) -> tensor<1x1xf32> attributes {precision = #mpc.precision<int8>} {
    %0 = mpc.matmul %a, %c : (tensor<1x2xf32>, tensor<2x1xf32>) -> tensor<1x1xf32>
    mpc.yield %0 : tensor<1x1xf32>
  }
  return %y : tensor<1x1xf32>
}

// -----

// Weights of 0.4 steps are rounded to nearest, and one of the four up, so that the errors of the row cancel; a zero and the largest weight are exact and stay.
// CHECK-LABEL: func.func @main
// CHECK: mpc.constant dense<{{\[\[}}127], [1], [0], [0], [0], [0]]> : tensor<6x1xi8>
func.func @main(%x: tensor<1x6xf32> {mpc.name = "x", mpc.range = #mpc.range<0.0, 1.0>}) -> tensor<1x1xf32> {
  %w = mpc.constant dense<[[127.0], [0.4], [0.4], [0.4], [0.4], [0.0]]> : tensor<6x1xf32> -> tensor<6x1xf32>
  %y = mpc.group "fc" ins(%a = %x, %c = %w : tensor<1x6xf32>, tensor<6x1xf32>) -> tensor<1x1xf32> attributes {precision = #mpc.precision<int8>} {
    %0 = mpc.matmul %a, %c : (tensor<1x6xf32>, tensor<6x1xf32>) -> tensor<1x1xf32>
    mpc.yield %0 : tensor<1x1xf32>
  }
  return %y : tensor<1x1xf32>
}

// -----

// Where the means of inputs are known, the bias takes what all of them make of the errors: 4 * 0.4 * 255, in steps of the sums. None is rounded the other way.
// CHECK-LABEL: func.func @main
// CHECK: mpc.constant dense<{{\[\[}}127], [0], [0], [0], [0], [0]]> : tensor<6x1xi8>
// CHECK: mpc.constant dense<408> : tensor<1xi32>
func.func @main(%x: tensor<1x6xf32> {mpc.name = "x", mpc.range = #mpc.range<0.0, 1.0>}) -> tensor<1x1xf32> {
  %w = mpc.constant dense<[[127.0], [0.4], [0.4], [0.4], [0.4], [0.0]]> : tensor<6x1xf32> -> tensor<6x1xf32>
  %y = mpc.group "fc" ins(%a = %x, %c = %w : tensor<1x6xf32>, tensor<6x1xf32>) -> tensor<1x1xf32> attributes {mpc.input_means = array<f32: 1.0, 1.0, 1.0, 1.0, 1.0, 1.0>, precision = #mpc.precision<int8>} {
    %0 = mpc.matmul %a, %c : (tensor<1x6xf32>, tensor<6x1xf32>) -> tensor<1x1xf32>
    mpc.yield %0 : tensor<1x1xf32>
  }
  return %y : tensor<1x1xf32>
}

// -----

// Errors of taps cancel within each input channel (the last dimension of the weights), although those of the two channels would cancel each other.
// CHECK-LABEL: func.func @main
// CHECK: mpc.constant dense<{{\[\[\[}}127, -1], [1, 0], [0, 0], [0, 0]]]> : tensor<1x4x2xi8>
func.func @main(%x: tensor<1x5x2xf32> {mpc.name = "x", mpc.range = #mpc.range<0.0, 1.0>}) -> tensor<1x2x1xf32> {
  %w = mpc.constant dense<[[[127.0, -0.4], [0.4, -0.4], [0.4, -0.4], [0.4, 0.0]]]> : tensor<1x4x2xf32> -> tensor<1x4x2xf32>
  %y = mpc.group "conv" ins(%a = %x, %c = %w : tensor<1x5x2xf32>, tensor<1x4x2xf32>) -> tensor<1x2x1xf32> attributes {precision = #mpc.precision<int8>} {
    %0 = mpc.conv %a, %c {strides = array<i64: 1>, pads = array<i64: 0, 0>, dilations = array<i64: 1>, layout = #mpc.layout<channels_last>} : (tensor<1x5x2xf32>, tensor<1x4x2xf32>) -> tensor<1x2x1xf32>
    mpc.yield %0 : tensor<1x2x1xf32>
  }
  return %y : tensor<1x2x1xf32>
}

// -----

// Of the weights 127 and 0.25 in steps of 1 the second becomes 0. Its inputs are 4 on average: 0.25 * 4 goes to the bias, which is made where there is none. The
// other channel is exact.
// CHECK-LABEL: func.func @main
// CHECK-DAG: mpc.constant dense<{{\[\[}}127, 0], [0, 127]]> : tensor<2x2xi8>
// CHECK-DAG: %[[NONE:.*]] = mpc.constant dense<[1, 0]> : tensor<2xi32>
// CHECK-DAG: %[[SOME:.*]] = mpc.constant dense<[6, 5]> : tensor<2xi32>
// CHECK-NOT: mpc.input_means
// CHECK: mpc.group "none" ins({{.*}} = %[[NONE]] :
// CHECK: mpc.matmul %{{.*}}, %{{.*}}, %{{.*}} :
// CHECK: mpc.group "some" ins({{.*}} = %[[SOME]] :
func.func @main(%x: tensor<?x2xf32> {mpc.name = "x", mpc.range = #mpc.range<0.0, 255.0>}) -> (tensor<?x2xf32>, tensor<?x2xf32>) {
  %w = mpc.constant dense<[[127.0, 0.0], [0.25, 127.0]]> : tensor<2x2xf32> -> tensor<2x2xf32>
  %b = mpc.constant dense<5.0> : tensor<2xf32> -> tensor<2xf32>
  %y = mpc.group "none" ins(%a = %x, %c = %w : tensor<?x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32> attributes {mpc.input_means = array<f32: 10.0, 4.0>, precision = #mpc.precision<int8>} {
    %0 = mpc.matmul %a, %c : (tensor<?x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32>
    mpc.yield %0 : tensor<?x2xf32>
  }
  %z = mpc.group "some" ins(%a = %x, %c = %w, %d = %b : tensor<?x2xf32>, tensor<2x2xf32>, tensor<2xf32>) -> tensor<?x2xf32> attributes {mpc.input_means = array<f32: 10.0, 4.0>, precision = #mpc.precision<int8>} {
    %0 = mpc.matmul %a, %c, %d : (tensor<?x2xf32>, tensor<2x2xf32>, tensor<2xf32>) -> tensor<?x2xf32>
    mpc.yield %0 : tensor<?x2xf32>
  }
  return %y, %z : tensor<?x2xf32>, tensor<?x2xf32>
}
