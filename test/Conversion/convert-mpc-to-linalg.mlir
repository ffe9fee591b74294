// RUN: mpc-opt %s -split-input-file -convert-mpc-to-linalg | FileCheck %s

// The model's results become arguments that @main computes into; names stay with the arguments. A convolution pads its input,
// accumulates over zeros, and everything after it is one linalg.generic that writes the destination.
// CHECK-DAG: #[[IN:.*]] = affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d0, d1 * 2 + d4, d2 * 2 + d5, d6)>
// CHECK-DAG: #[[WEIGHT:.*]] = affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d3, d4, d5, d6)>
// CHECK-DAG: #[[ACC:.*]] = affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d0, d1, d2, d3)>
// CHECK-DAG: #[[ID:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
// CHECK-DAG: #[[CHANNEL:.*]] = affine_map<(d0, d1, d2, d3) -> (d3)>
// CHECK-LABEL: func.func @main(
// CHECK-SAME: %[[X:.*]]: tensor<?x4x4x2xf32> {mpc.name = "x"}
// CHECK-SAME: %[[OUT:[a-z0-9]+]]: tensor<?x2x2x3xf32> {bufferization.writable = true, mpc.name = "y"}) -> tensor<?x2x2x3xf32>
// CHECK: %[[W:.*]] = arith.constant dense<5.000000e-01> : tensor<3x3x3x2xf32>
// CHECK: %[[B:.*]] = arith.constant dense<1.000000e+00> : tensor<3xf32>
// CHECK: %[[Y:.*]] = call @block_conv_1(%[[X]], %[[W]], %[[B]], %[[OUT]])
// CHECK: return %[[Y]]
// CHECK-LABEL: func.func private @block_conv_1(
// CHECK-SAME: %[[A:[a-z0-9]+]]: tensor<?x4x4x2xf32>, %[[C:[a-z0-9]+]]: tensor<3x3x3x2xf32>, %[[D:[a-z0-9]+]]: tensor<3xf32>,
// CHECK-SAME: %[[DEST:[a-z0-9]+]]: tensor<?x2x2x3xf32> {bufferization.writable = true})
// CHECK: %[[PADDED:.*]] = tensor.pad %[[A]] low[0, 1, 1, 0] high[0, 0, 0, 0]
// CHECK: %[[ZEROS:.*]] = linalg.fill ins(%{{.*}} : f32)
// CHECK: %[[SUM:.*]] = linalg.generic {indexing_maps = [#[[IN]], #[[WEIGHT]], #[[ACC]]],
// CHECK-SAME: ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
// CHECK-SAME: ins(%[[PADDED]], %[[C]] :
// CHECK-SAME: outs(%[[ZEROS]] :
// CHECK: %[[P:.*]] = arith.mulf
// CHECK-NEXT: arith.addf %{{.*}}, %[[P]]
// CHECK: %[[SLICE:.*]] = tensor.collapse_shape
// CHECK: %[[RESULT:.*]] = linalg.generic {indexing_maps = [#[[ID]], #[[CHANNEL]], #{{.*}}, #[[ID]]],
// CHECK-SAME: ins(%[[SUM]], %[[D]], %[[SLICE]] :
// CHECK-SAME: outs(%[[DEST]] :
// CHECK: arith.addf
// CHECK: arith.addf
// CHECK: return %[[RESULT]]
func.func @main(%x: tensor<?x4x4x2xf32> {mpc.name = "x"}) -> (tensor<?x2x2x3xf32> {mpc.name = "y"}) {
  %w = mpc.constant dense<0.5> : tensor<3x3x3x2xf32> -> tensor<3x3x3x2xf32>
  %b = mpc.constant dense<1.0> : tensor<3xf32> -> tensor<3xf32>
  %y = mpc.group "block/conv.1" ins(%a = %x, %c = %w, %d = %b : tensor<?x4x4x2xf32>, tensor<3x3x3x2xf32>, tensor<3xf32>) -> tensor<?x2x2x3xf32> {
    %0 = mpc.conv %a, %c, %d {strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>, pads = array<i64: 1, 1, 0, 0>, layout = #mpc.layout<channels_last>} : (tensor<?x4x4x2xf32>, tensor<3x3x3x2xf32>, tensor<3xf32>) -> tensor<?x2x2x3xf32>
    %3 = mpc.reshape %d : (tensor<3xf32>) -> tensor<1x1x1x3xf32>
    %4 = mpc.add %0, %3 : (tensor<?x2x2x3xf32>, tensor<1x1x1x3xf32>) -> tensor<?x2x2x3xf32>
    %5 = mpc.relu %4 : (tensor<?x2x2x3xf32>) -> tensor<?x2x2x3xf32>
    mpc.yield %5 : tensor<?x2x2x3xf32>
  }
  return %y : tensor<?x2x2x3xf32>
}

// -----

// Groups that differ in weights only share their function; intermediates are made from the batch of an input. Without
// bias and epilogue the destination is the accumulator.
// CHECK-LABEL: func.func @main(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<?x4xf32>, %[[OUT:[a-z0-9]+]]: tensor<?x3xf32>
// CHECK: %[[BATCH:.*]] = tensor.dim %[[X]]
// CHECK: %[[W1:.*]] = arith.constant dense<1.000000e+00>
// CHECK: %[[W2:.*]] = arith.constant dense<2.000000e+00>
// CHECK: %[[W3:.*]] = arith.constant dense<3.000000e+00>
// CHECK: %[[E1:.*]] = tensor.empty(%[[BATCH]])
// Each group is marked with its position, for profiles.
// CHECK: kernel.begin_group 0
// CHECK: %[[Y1:.*]] = call @fc1(%[[X]], %[[W1]], %[[E1]])
// CHECK: %[[E2:.*]] = tensor.empty(%[[BATCH]])
// CHECK: kernel.begin_group 1
// CHECK: %[[Y2:.*]] = call @fc1(%[[Y1]], %[[W2]], %[[E2]])
// CHECK: %[[Y3:.*]] = call @fc3(%[[Y2]], %[[W3]], %[[OUT]])
// CHECK: return %[[Y3]]
// CHECK-LABEL: func.func private @fc1(
// CHECK-SAME: %[[DEST:[a-z0-9]+]]: tensor<?x4xf32> {bufferization.writable = true})
// CHECK: linalg.fill {{.*}} outs(%[[DEST]] :
// CHECK: linalg.generic
// CHECK-NOT: linalg.generic
// CHECK: return
// CHECK-LABEL: func.func private @fc3(
// CHECK-NOT: func.func
func.func @main(%x: tensor<?x4xf32>) -> tensor<?x3xf32> {
  %w1 = mpc.constant dense<1.0> : tensor<4x4xf32> -> tensor<4x4xf32>
  %w2 = mpc.constant dense<2.0> : tensor<4x4xf32> -> tensor<4x4xf32>
  %w3 = mpc.constant dense<3.0> : tensor<4x3xf32> -> tensor<4x3xf32>
  %y1 = mpc.group "fc1" ins(%a = %x, %b = %w1 : tensor<?x4xf32>, tensor<4x4xf32>) -> tensor<?x4xf32> {
    %0 = mpc.matmul %a, %b : (tensor<?x4xf32>, tensor<4x4xf32>) -> tensor<?x4xf32>
    mpc.yield %0 : tensor<?x4xf32>
  }
  %y2 = mpc.group "fc2" ins(%a = %y1, %b = %w2 : tensor<?x4xf32>, tensor<4x4xf32>) -> tensor<?x4xf32> {
    %0 = mpc.matmul %a, %b : (tensor<?x4xf32>, tensor<4x4xf32>) -> tensor<?x4xf32>
    mpc.yield %0 : tensor<?x4xf32>
  }
  %y3 = mpc.group "fc3" ins(%a = %y2, %b = %w3 : tensor<?x4xf32>, tensor<4x3xf32>) -> tensor<?x3xf32> {
    %0 = mpc.matmul %a, %b : (tensor<?x4xf32>, tensor<4x3xf32>) -> tensor<?x3xf32>
    mpc.yield %0 : tensor<?x3xf32>
  }
  return %y3 : tensor<?x3xf32>
}

// -----

// An integer contraction multiplies and adds integers only. The zero point 128 is in the bias: 10 - 128 * 1 and 20 + 128 * 2;
// padding is the zero point (-128 as i8). The multipliers of the channels are 0.125 / 0.0625 and 0.0625 / 0.0625.
!x = !quant.uniform<u8:f32, 0.5:128>
!w = !quant.uniform<i8:f32:0, {0.25,0.125}>
!b = !quant.uniform<i32:f32:0, {0.125,0.0625}>
!acc = !quant.uniform<i32:f32:3, {0.125,0.0625}>
!y = !quant.uniform<u8:f32, 0.0625:3>
// CHECK-LABEL: func.func @main(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<?x2x2x1xi8>
// CHECK: %[[W:.*]] = arith.constant dense<{{.*}}> : tensor<2x1x1x1xi8>
// CHECK-NOT: dense<[10, 20]>
// CHECK: %[[B:.*]] = arith.constant dense<[-118, 276]> : tensor<2xi32>
// CHECK: %[[M:.*]] = arith.constant dense<[2.000000e+00, 1.000000e+00]> : tensor<2xf32>
// CHECK: call @conv(%[[X]], %[[W]], %[[B]], %[[M]], %{{.*}})
// CHECK-LABEL: func.func private @conv(
// CHECK: arith.constant -128 : i8
// CHECK: tensor.pad
// CHECK: linalg.generic
// CHECK: %[[L:.*]] = arith.extui %{{.*}} : i8 to i32
// CHECK-NEXT: %[[R:.*]] = arith.extsi %{{.*}} : i8 to i32
// CHECK-NEXT: %[[P:.*]] = arith.muli %[[L]], %[[R]] : i32
// CHECK-NEXT: arith.addi %{{.*}}, %[[P]] : i32
// CHECK-NEXT: linalg.yield
// CHECK: linalg.generic
// CHECK: %[[SUM:.*]] = arith.addi
// CHECK-NEXT: %[[REAL:.*]] = arith.sitofp %[[SUM]] : i32 to f32
// CHECK-NEXT: %[[SCALED:.*]] = arith.mulf %[[REAL]]
// CHECK: arith.cmpf ogt, %[[SCALED]]
// CHECK: arith.cmpf olt
// CHECK: %[[ROUND:.*]] = math.roundeven
// CHECK-NEXT: %[[Q:.*]] = arith.fptosi %[[ROUND]] : f32 to i32
// CHECK: arith.addi %[[Q]], %{{.*}} : i32
// CHECK: arith.trunci %{{.*}} : i32 to i8
func.func @main(%x: tensor<?x2x2x1x!x>) -> tensor<?x4x4x2x!y> {
  %w = mpc.constant dense<[[[[1]]], [[[-2]]]]> : tensor<2x1x1x1xi8> -> tensor<2x1x1x1x!w>
  %b = mpc.constant dense<[10, 20]> : tensor<2xi32> -> tensor<2x!b>
  %y = mpc.group "conv" ins(%a = %x, %c = %w, %d = %b : tensor<?x2x2x1x!x>, tensor<2x1x1x1x!w>, tensor<2x!b>) -> tensor<?x4x4x2x!y> {
    %0 = mpc.conv %a, %c, %d {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, layout = #mpc.layout<channels_last>} : (tensor<?x2x2x1x!x>, tensor<2x1x1x1x!w>, tensor<2x!b>) -> tensor<?x4x4x2x!acc>
    %1 = mpc.requantize %0 {low = 3} : (tensor<?x4x4x2x!acc>) -> tensor<?x4x4x2x!y>
    mpc.yield %1 : tensor<?x4x4x2x!y>
  }
  return %y : tensor<?x4x4x2x!y>
}

// -----

// Weights of depthwise convolutions become [K..., C], those of transposed products [K, N].
// CHECK-LABEL: func.func @main(
// CHECK: arith.constant dense<{{\[\[\[}}1, 3], [2, 4]]]> : tensor<1x2x2xi8>
// CHECK: arith.constant dense<{{\[\[}}1.000000e+00, 4.000000e+00], [2.000000e+00, 5.000000e+00], [3.000000e+00, 6.000000e+00]]> : tensor<3x2xf32>
!x = !quant.uniform<u8:f32, 0.5>
!w = !quant.uniform<i8:f32, 0.25>
!acc = !quant.uniform<i32:f32, 0.125>
func.func @main(%x: tensor<?x4x4x2x!x>, %f: tensor<?x3xf32>) -> (tensor<?x4x3x2xf32>, tensor<?x2xf32>) {
  %w = mpc.constant dense<[[[[1], [2]]], [[[3], [4]]]]> : tensor<2x1x2x1xi8> -> tensor<2x1x2x1x!w>
  %v = mpc.constant dense<[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]> : tensor<2x3xf32> -> tensor<2x3xf32>
  %y = mpc.group "depthwise" ins(%a = %x, %c = %w : tensor<?x4x4x2x!x>, tensor<2x1x2x1x!w>) -> tensor<?x4x3x2xf32> {
    %0 = mpc.conv %a, %c {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, groups = 2 : i64, layout = #mpc.layout<channels_last>} : (tensor<?x4x4x2x!x>, tensor<2x1x2x1x!w>) -> tensor<?x4x3x2x!acc>
    %1 = mpc.dequantize %0 : (tensor<?x4x3x2x!acc>) -> tensor<?x4x3x2xf32>
    mpc.yield %1 : tensor<?x4x3x2xf32>
  }
  %z = mpc.group "fc" ins(%a = %f, %c = %v : tensor<?x3xf32>, tensor<2x3xf32>) -> tensor<?x2xf32> {
    %0 = mpc.matmul %a, %c {transpose_b} : (tensor<?x3xf32>, tensor<2x3xf32>) -> tensor<?x2xf32>
    mpc.yield %0 : tensor<?x2xf32>
  }
  return %y, %z : tensor<?x4x3x2xf32>, tensor<?x2xf32>
}

// -----

// Results that no group computes, and a result that is returned twice, are copied into their arguments; views of the symbolic
// batch keep it.
// CHECK-LABEL: func.func @main(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<?x2x4xf32>, %[[O0:[a-z0-9]+]]: tensor<?x2x4xf32> {bufferization.writable = true}, %[[O1:[a-z0-9]+]]: tensor<?x2x4xf32> {bufferization.writable = true},
// CHECK-SAME: %[[O2:[a-z0-9]+]]: tensor<?x2x4xf32> {bufferization.writable = true}, %[[O3:[a-z0-9]+]]: tensor<?x4x2xf32>
// CHECK: %[[BATCH:.*]] = tensor.dim %[[X]]
// CHECK: %[[Y:.*]] = call @relu(%[[X]], %[[O0]])
// CHECK: %[[FLAT:.*]] = tensor.collapse_shape %[[X]] {{\[\[}}0, 1, 2]]
// CHECK: %[[V:.*]] = tensor.expand_shape %[[FLAT]] {{\[\[}}0, 1, 2]] output_shape [%[[BATCH]], 4, 2]
// CHECK: %[[C1:.*]] = call @copy(%[[Y]], %[[O1]])
// CHECK: %[[C2:.*]] = call @copy(%[[X]], %[[O2]])
// CHECK: %[[C3:.*]] = call @copy_{{.*}}(%[[V]], %[[O3]])
// CHECK: return %[[Y]], %[[C1]], %[[C2]], %[[C3]]
// CHECK: bufferization.materialize_in_destination
func.func @main(%x: tensor<?x2x4xf32>) -> (tensor<?x2x4xf32>, tensor<?x2x4xf32>, tensor<?x2x4xf32>, tensor<?x4x2xf32>) {
  %y = mpc.group "relu" ins(%a = %x : tensor<?x2x4xf32>) -> tensor<?x2x4xf32> {
    %0 = mpc.relu %a : (tensor<?x2x4xf32>) -> tensor<?x2x4xf32>
    mpc.yield %0 : tensor<?x2x4xf32>
  }
  %v = mpc.reshape %x : (tensor<?x2x4xf32>) -> tensor<?x4x2xf32>
  return %y, %y, %x, %v : tensor<?x2x4xf32>, tensor<?x2x4xf32>, tensor<?x2x4xf32>, tensor<?x4x2xf32>
}

// -----

// f16 is computed in f32 and rounded where it is stored; a transpose is an index of the same loop.
// CHECK-DAG: #[[T:.*]] = affine_map<(d0, d1) -> (d1, d0)>
// CHECK-LABEL: func.func private @scale(
// CHECK: linalg.generic {indexing_maps = [#[[T]],
// CHECK: %[[X:.*]] = arith.extf %{{.*}} : f16 to f32
// CHECK: %[[Y:.*]] = arith.addf %[[X]], %[[X]] : f32
// CHECK: %[[Z:.*]] = arith.mulf %[[Y]], %[[Y]] : f32
// CHECK: arith.truncf %[[Z]] : f32 to f16
// CHECK-NOT: linalg.generic
func.func @main(%x: tensor<2x3xf16>) -> tensor<3x2xf16> {
  %y = mpc.group "scale" ins(%a = %x : tensor<2x3xf16>) -> tensor<3x2xf16> {
    %0 = mpc.transpose %a {perm = array<i64: 1, 0>} : (tensor<2x3xf16>) -> tensor<3x2xf16>
    %1 = mpc.add %0, %0 : (tensor<3x2xf16>, tensor<3x2xf16>) -> tensor<3x2xf16>
    %2 = mpc.mul %1, %1 : (tensor<3x2xf16>, tensor<3x2xf16>) -> tensor<3x2xf16>
    mpc.yield %2 : tensor<3x2xf16>
  }
  return %y : tensor<3x2xf16>
}

// -----

// Channels are the innermost loop of a pool in channels_last; quantized maxima compare the stored integers.
!q = !quant.uniform<u8:f32, 0.5:3>
// CHECK-LABEL: func.func private @pool(
// CHECK: %[[LOWEST:.*]] = arith.constant 0 : i8
// CHECK: linalg.generic {{.*}}["parallel", "parallel", "parallel", "reduction", "reduction", "parallel"]
// CHECK: arith.maxui
// CHECK-LABEL: func.func private @mean(
// CHECK: arith.extui
// CHECK: arith.addi
// CHECK: linalg.generic
// CHECK: %[[OFFSET:.*]] = arith.constant 12 : i32
// CHECK: arith.subi %{{.*}}, %[[OFFSET]]
// CHECK: arith.constant 2.500000e-01 : f32
// CHECK: arith.sitofp
// CHECK: math.roundeven
func.func @main(%x: tensor<?x4x4x8x!q>) -> (tensor<?x2x2x8x!q>, tensor<?x8x!q>) {
  %y = mpc.group "pool" ins(%a = %x : tensor<?x4x4x8x!q>) -> tensor<?x2x2x8x!q> {
    %0 = mpc.max_pool %a {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, layout = #mpc.layout<channels_last>} : (tensor<?x4x4x8x!q>) -> tensor<?x2x2x8x!q>
    mpc.yield %0 : tensor<?x2x2x8x!q>
  }
  %z = mpc.group "mean" ins(%a = %y : tensor<?x2x2x8x!q>) -> tensor<?x8x!q> {
    %0 = mpc.reduce %a {kind = #mpc.reduce<mean>, axes = array<i64: 1, 2>, keepdims = false} : (tensor<?x2x2x8x!q>) -> tensor<?x8x!q>
    mpc.yield %0 : tensor<?x8x!q>
  }
  return %y, %z : tensor<?x2x2x8x!q>, tensor<?x8x!q>
}

// -----

// The maximum of a large window is that of its rows' maxima; where that saves little, as at stride 2, the window is one loop nest.
// CHECK-LABEL: func.func private @rows(
// CHECK: %[[P:.*]] = tensor.pad
// CHECK: %[[R:.*]] = linalg.generic {{.*}} ins(%[[P]], %{{.*}} : tensor<1x12x12x4xf32>, tensor<5x1xf32>) outs(%{{.*}} : tensor<1x8x12x4xf32>)
// CHECK: linalg.generic {{.*}} ins(%[[R]], %{{.*}} : tensor<1x8x12x4xf32>, tensor<1x5xf32>) outs(%{{.*}} : tensor<1x8x8x4xf32>)
// CHECK-LABEL: func.func private @window(
// CHECK-COUNT-1: linalg.generic
// CHECK-NOT: linalg.generic
// CHECK: return
func.func @main(%x: tensor<1x8x8x4xf32>) -> (tensor<1x8x8x4xf32>, tensor<1x4x4x4xf32>) {
  %y = mpc.group "rows" ins(%a = %x : tensor<1x8x8x4xf32>) -> tensor<1x8x8x4xf32> {
    %0 = mpc.max_pool %a {kernel = array<i64: 5, 5>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads = array<i64: 2, 2, 2, 2>, layout = #mpc.layout<channels_last>} : (tensor<1x8x8x4xf32>) -> tensor<1x8x8x4xf32>
    mpc.yield %0 : tensor<1x8x8x4xf32>
  }
  %z = mpc.group "window" ins(%a = %x : tensor<1x8x8x4xf32>) -> tensor<1x4x4x4xf32> {
    %0 = mpc.max_pool %a {kernel = array<i64: 3, 3>, strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>, pads = array<i64: 1, 1, 1, 1>, layout = #mpc.layout<channels_last>} : (tensor<1x8x8x4xf32>) -> tensor<1x4x4x4xf32>
    mpc.yield %0 : tensor<1x4x4x4xf32>
  }
  return %y, %z : tensor<1x8x8x4xf32>, tensor<1x4x4x4xf32>
}

// -----

// What a loop carries has one place: it starts with a copy of the initial value, and the end of the body writes to it. Constants
// stand before the loop.
// CHECK-LABEL: func.func @main(
// CHECK: %[[B:.*]] = tensor.dim %arg0
// CHECK: %[[H:.*]] = tensor.empty(%[[B]]) : tensor<?x4xf32>
// CHECK: %[[H0:.*]] = call @copy(%arg1, %[[H]])
// CHECK: arith.constant dense<2.000000e+00> : tensor<4x4xf32>
// CHECK: scf.for %[[I:.*]] = {{.*}} iter_args(%[[A:.*]] = %[[H0]], %[[YS:.*]] = %{{.*}})
// CHECK: %[[AT:.*]] = arith.minsi
// CHECK: %[[X:.*]] = tensor.extract_slice %arg0[%[[AT]], 0, 4] [1, %[[B]], 4] [1, 1, 1] : tensor<8x?x12xf32> to tensor<?x4xf32>
// CHECK: %[[S:.*]] = func.call @step(%[[A]], %[[X]], %{{.*}}, %{{.*}})
// CHECK: %[[Y:.*]] = tensor.insert_slice %[[S]] into %[[YS]]
// CHECK: %[[N:.*]] = func.call @copy(%[[S]], %[[A]])
// CHECK: scf.yield %[[N]], %[[Y]]
func.func @main(%xs: tensor<8x?x12xf32>, %h: tensor<?x4xf32>) -> (tensor<?x4xf32>, tensor<8x?x4xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %ys = mpc.empty : tensor<8x?x4xf32>
  %0:2 = scf.for %i = %c0 to %c8 step %c1 iter_args(%a = %h, %b = %ys) -> (tensor<?x4xf32>, tensor<8x?x4xf32>) {
    %w = mpc.constant dense<2.0> : tensor<4x4xf32> -> tensor<4x4xf32>
    %x = mpc.extract_step %xs[%i] {offset = 4 : i64} : tensor<8x?x12xf32> -> tensor<?x4xf32>
    %s = mpc.group "step" ins(%p = %a, %q = %x, %r = %w : tensor<?x4xf32>, tensor<?x4xf32>, tensor<4x4xf32>) -> tensor<?x4xf32> {
      %1 = mpc.matmul %p, %r : (tensor<?x4xf32>, tensor<4x4xf32>) -> tensor<?x4xf32>
      %2 = mpc.add %1, %q : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
      mpc.yield %2 : tensor<?x4xf32>
    }
    %y = mpc.insert_step %s into %b[%i] : tensor<?x4xf32> into tensor<8x?x4xf32>
    scf.yield %s, %y : tensor<?x4xf32>, tensor<8x?x4xf32>
  }
  return %0#0, %0#1 : tensor<?x4xf32>, tensor<8x?x4xf32>
}

// -----

// Bytes that change their signedness and keep scale and numbers change their upper bit only, in both directions, which thus
// share a function.
!signed = !quant.uniform<i8:f32, 0.1:-3>
!unsigned = !quant.uniform<u8:f32, 0.1:125>
// CHECK: %[[FIRST:.*]] = call @to_unsigned(
// CHECK: call @to_unsigned(%[[FIRST]],
// CHECK-LABEL: func.func private @to_unsigned(
// CHECK: ^bb0(%[[BYTE:.*]]: i8, %{{.*}}: i8):
// CHECK-NEXT: %[[BIT:.*]] = arith.constant -128 : i8
// CHECK-NEXT: %[[FLIPPED:.*]] = arith.xori %[[BYTE]], %[[BIT]] : i8
// CHECK-NEXT: linalg.yield %[[FLIPPED]] : i8
func.func @main(%x: tensor<4x!signed>) -> tensor<4x!signed> {
  %0 = mpc.group "to_unsigned" ins(%a = %x : tensor<4x!signed>) -> tensor<4x!unsigned> {
    %1 = mpc.dequantize %a : (tensor<4x!signed>) -> tensor<4xf32>
    %2 = mpc.quantize %1 : (tensor<4xf32>) -> tensor<4x!unsigned>
    mpc.yield %2 : tensor<4x!unsigned>
  }
  %3 = mpc.group "to_signed" ins(%a = %0 : tensor<4x!unsigned>) -> tensor<4x!signed> {
    %1 = mpc.dequantize %a : (tensor<4x!unsigned>) -> tensor<4xf32>
    %2 = mpc.quantize %1 : (tensor<4xf32>) -> tensor<4x!signed>
    mpc.yield %2 : tensor<4x!signed>
  }
  return %3 : tensor<4x!signed>
}

// -----

// Another scale, another number, or a narrower range are computed as they are written.
!signed = !quant.uniform<i8:f32, 0.1:-3>
!coarse = !quant.uniform<u8:f32, 0.2:125>
!moved = !quant.uniform<u8:f32, 0.1:124>
!narrow = !quant.uniform<u8<1:255>:f32, 0.1:125>
// CHECK-LABEL: func.func private @coarse(
// CHECK: arith.divf
// CHECK-LABEL: func.func private @moved(
// CHECK: arith.divf
// CHECK-LABEL: func.func private @narrow(
// CHECK: arith.divf
func.func @main(%x: tensor<4x!signed>) -> (tensor<4x!coarse>, tensor<4x!moved>, tensor<4x!narrow>) {
  %0 = mpc.group "coarse" ins(%a = %x : tensor<4x!signed>) -> tensor<4x!coarse> {
    %1 = mpc.dequantize %a : (tensor<4x!signed>) -> tensor<4xf32>
    %2 = mpc.quantize %1 : (tensor<4xf32>) -> tensor<4x!coarse>
    mpc.yield %2 : tensor<4x!coarse>
  }
  %3 = mpc.group "moved" ins(%a = %x : tensor<4x!signed>) -> tensor<4x!moved> {
    %1 = mpc.dequantize %a : (tensor<4x!signed>) -> tensor<4xf32>
    %2 = mpc.quantize %1 : (tensor<4xf32>) -> tensor<4x!moved>
    mpc.yield %2 : tensor<4x!moved>
  }
  %4 = mpc.group "narrow" ins(%a = %x : tensor<4x!signed>) -> tensor<4x!narrow> {
    %1 = mpc.dequantize %a : (tensor<4x!signed>) -> tensor<4xf32>
    %2 = mpc.quantize %1 : (tensor<4xf32>) -> tensor<4x!narrow>
    mpc.yield %2 : tensor<4x!narrow>
  }
  return %0, %3, %4 : tensor<4x!coarse>, tensor<4x!moved>, tensor<4x!narrow>
}
