// RUN: mpc-opt --split-input-file --verify-diagnostics %s

// A negative case for each numbered constraint. What shape inference finds is reported twice: by mpc, and by upstream's check.

// conv C1: ranks agree
func.func @test(%x: tensor<?x4x8xf32>, %w: tensor<6x4x3x3xf32>) {
  // expected-error @below {{expected input and weight of the same rank, 3 to 5, but got 'tensor<?x4x8xf32>' and 'tensor<6x4x3x3xf32>'}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>} : (tensor<?x4x8xf32>, tensor<6x4x3x3xf32>) -> tensor<?x6x6x6xf32>
  return
}

// -----

// conv C1: at least one spatial dimension
func.func @test(%x: tensor<?x4xf32>, %w: tensor<6x4xf32>) {
  // expected-error @below {{expected input and weight of the same rank, 3 to 5}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>} : (tensor<?x4xf32>, tensor<6x4xf32>) -> tensor<?x6xf32>
  return
}

// -----

// conv C2: strides are positive
func.func @test(%x: tensor<?x4x8x8xf32>, %w: tensor<6x4x3x3xf32>) {
  // expected-error @below {{expected strides >= 1, but got [0, 1]}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.conv %x, %w {strides = array<i64: 0, 1>, dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>} : (tensor<?x4x8x8xf32>, tensor<6x4x3x3xf32>) -> tensor<?x6x6x6xf32>
  return
}

// -----

// conv C2: one dilation per spatial dimension
func.func @test(%x: tensor<?x4x8x8xf32>, %w: tensor<6x4x3x3xf32>) {
  // expected-error @below {{expected 2 dilations for 2 spatial dimensions, but got 1}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1>, pads = array<i64: 0, 0, 0, 0>} : (tensor<?x4x8x8xf32>, tensor<6x4x3x3xf32>) -> tensor<?x6x6x6xf32>
  return
}

// -----

// conv C2: pads are not negative
func.func @test(%x: tensor<?x4x8x8xf32>, %w: tensor<6x4x3x3xf32>) {
  // expected-error @below {{expected pads >= 0, but got [0, -1, 0, 0]}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads = array<i64: 0, -1, 0, 0>} : (tensor<?x4x8x8xf32>, tensor<6x4x3x3xf32>) -> tensor<?x6x6x6xf32>
  return
}

// -----

// conv C2: sizes that no model has do not overflow
func.func @test(%x: tensor<?x4x8x8xf32>, %w: tensor<6x4x3x3xf32>) {
  // expected-error @below {{expected dilations below 2147483648, but got [1, 9223372036854775807]}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 9223372036854775807>, pads = array<i64: 0, 0, 0, 0>} : (tensor<?x4x8x8xf32>, tensor<6x4x3x3xf32>) -> tensor<?x6x6x6xf32>
  return
}

// -----

// conv C3: groups divide the channels
func.func @test(%x: tensor<?x4x8x8xf32>, %w: tensor<6x4x3x3xf32>) {
  // expected-error @below {{expected groups to divide 4 input and 6 output channels, but got 3}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, groups = 3 : i64} : (tensor<?x4x8x8xf32>, tensor<6x4x3x3xf32>) -> tensor<?x6x6x6xf32>
  return
}

// -----

// conv C3: groups are positive
func.func @test(%x: tensor<?x4x8x8xf32>, %w: tensor<6x4x3x3xf32>) {
  // expected-error @below {{expected groups to divide 4 input and 6 output channels, but got 0}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, groups = 0 : i64} : (tensor<?x4x8x8xf32>, tensor<6x4x3x3xf32>) -> tensor<?x6x6x6xf32>
  return
}

// -----

// conv C3: the weight has the channels of a group
func.func @test(%x: tensor<?x4x8x8xf32>, %w: tensor<6x4x3x3xf32>) {
  // expected-error @below {{expected a weight with 2 input channels, but got 4}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, groups = 2 : i64} : (tensor<?x4x8x8xf32>, tensor<6x4x3x3xf32>) -> tensor<?x6x6x6xf32>
  return
}

// -----

// conv C4: the kernel fits
func.func @test(%x: tensor<?x4x8x8xf32>, %w: tensor<6x4x3x3xf32>) {
  // expected-error @below {{expected the dilated kernel to fit into the padded input, but in spatial dimension 1 it covers 9 of 8 elements}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 4>, pads = array<i64: 0, 0, 0, 0>} : (tensor<?x4x8x8xf32>, tensor<6x4x3x3xf32>) -> tensor<?x6x6x6xf32>
  return
}

// -----

// conv C4: spatial sizes are known
func.func @test(%x: tensor<1x4x?x8xf32>, %w: tensor<6x4x3x3xf32>) {
  // expected-error @below {{expected static sizes in the spatial dimensions, but got [?, 8]}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>} : (tensor<1x4x?x8xf32>, tensor<6x4x3x3xf32>) -> tensor<?x6x6x6xf32>
  return
}

// -----

// conv C5: one bias per output channel
func.func @test(%x: tensor<?x4x8x8xf32>, %w: tensor<6x4x3x3xf32>, %b: tensor<4xf32>) {
  // expected-error @below {{expected a bias of shape [6], but got 'tensor<4xf32>'}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.conv %x, %w, %b {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>} : (tensor<?x4x8x8xf32>, tensor<6x4x3x3xf32>, tensor<4xf32>) -> tensor<?x6x6x6xf32>
  return
}

// -----

// conv: the result has the inferred shape
func.func @test(%x: tensor<?x4x8x8xf32>, %w: tensor<6x4x3x3xf32>) {
  // expected-error @below {{inferred type(s) 'tensor<?x6x6x6xf32>' are incompatible with return type(s) of operation 'tensor<?x6x8x8xf32>'}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>} : (tensor<?x4x8x8xf32>, tensor<6x4x3x3xf32>) -> tensor<?x6x8x8xf32>
  return
}

// -----

// conv C6: the operands agree
func.func @test(%x: tensor<?x4x8x8xf32>, %w: tensor<6x4x3x3xf16>) {
  // expected-error @below {{expected operands of the same floating-point element type or quantized ones, but got 'f32' and 'f16'}}
  %0 = mpc.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>} : (tensor<?x4x8x8xf32>, tensor<6x4x3x3xf16>) -> tensor<?x6x6x6xf32>
  return
}

// -----

// conv C6: integers are not contracted without scales
func.func @test(%x: tensor<?x4x8x8xi8>, %w: tensor<6x4x3x3xi8>) {
  // expected-error @below {{expected operands of the same floating-point element type or quantized ones, but got 'i8' and 'i8'}}
  %0 = mpc.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>} : (tensor<?x4x8x8xi8>, tensor<6x4x3x3xi8>) -> tensor<?x6x6x6xi8>
  return
}

// -----

// conv C6: f16 accumulates in f32 or f16
func.func @test(%x: tensor<?x4x8x8xf16>, %w: tensor<6x4x3x3xf16>) {
  // expected-error @below {{expected a result of f32 or the operands' element type 'f16', but got 'bf16'}}
  %0 = mpc.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>} : (tensor<?x4x8x8xf16>, tensor<6x4x3x3xf16>) -> tensor<?x6x6x6xbf16>
  return
}

// -----

// conv C6: the bias has the accumulator's type
func.func @test(%x: tensor<?x4x8x8xf16>, %w: tensor<6x4x3x3xf16>, %b: tensor<6xf16>) {
  // expected-error @below {{expected a bias of the result's element type 'f32', but got 'f16'}}
  %0 = mpc.conv %x, %w, %b {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>} : (tensor<?x4x8x8xf16>, tensor<6x4x3x3xf16>, tensor<6xf16>) -> tensor<?x6x6x6xf32>
  return
}

// -----

// matmul C1: rank 2 or more
func.func @test(%a: tensor<4xf32>, %b: tensor<4x2xf32>) {
  // expected-error @below {{expected operands of rank >= 2, but got 'tensor<4xf32>' and 'tensor<4x2xf32>'}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.matmul %a, %b : (tensor<4xf32>, tensor<4x2xf32>) -> tensor<2xf32>
  return
}

// -----

// matmul C1: inner sizes agree
func.func @test(%a: tensor<?x3xf32>, %b: tensor<4x2xf32>) {
  // expected-error @below {{expected inner sizes that are static and agree, but got 'tensor<?x3xf32>' and 'tensor<4x2xf32>'}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.matmul %a, %b : (tensor<?x3xf32>, tensor<4x2xf32>) -> tensor<?x2xf32>
  return
}

// -----

// matmul C2: leading dimensions broadcast
func.func @test(%a: tensor<2x1x4xf32>, %b: tensor<3x4x2xf32>) {
  // expected-error @below {{expected shapes that broadcast, but got [2] and [3]}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.matmul %a, %b : (tensor<2x1x4xf32>, tensor<3x4x2xf32>) -> tensor<2x1x2xf32>
  return
}

// -----

// matmul C3: one bias per column
func.func @test(%a: tensor<?x4xf32>, %b: tensor<4x2xf32>, %c: tensor<1xf32>) {
  // expected-error @below {{expected a bias of shape [2], but got 'tensor<1xf32>'}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.matmul %a, %b, %c : (tensor<?x4xf32>, tensor<4x2xf32>, tensor<1xf32>) -> tensor<?x2xf32>
  return
}

// -----

// matmul C4: the weights are signed
!x = !quant.uniform<u8:f32, 0.5:128>
func.func @test(%a: tensor<?x3x!x>, %b: tensor<3x2x!x>) {
  // expected-error @below {{expected 8-bit quantized activations and signed 8-bit quantized weights}}
  %0 = mpc.matmul %a, %b : (tensor<?x3x!x>, tensor<3x2x!x>) -> tensor<?x2x!x>
  return
}

// -----

// matmul C4: the result is an accumulator
!x = !quant.uniform<u8:f32, 0.5:128>
!w = !quant.uniform<i8:f32, 0.25>
func.func @test(%a: tensor<?x3x!x>, %b: tensor<3x2x!w>) {
  // expected-error @below {{expected a result with quantized signed 32-bit elements}}
  %0 = mpc.matmul %a, %b : (tensor<?x3x!x>, tensor<3x2x!w>) -> tensor<?x2x!x>
  return
}

// -----

// matmul C4: weights have zero point 0
!x = !quant.uniform<u8:f32, 0.5:128>
!w = !quant.uniform<i8:f32, 0.25:1>
!acc = !quant.uniform<i32:f32, 0.125>
func.func @test(%a: tensor<?x3x!x>, %b: tensor<3x2x!w>) {
  // expected-error @below {{expected weights with zero point 0}}
  %0 = mpc.matmul %a, %b : (tensor<?x3x!x>, tensor<3x2x!w>) -> tensor<?x2x!acc>
  return
}

// -----

// matmul C4: scales lie along the output channels
!x = !quant.uniform<u8:f32, 0.5:128>
!w = !quant.uniform<i8:f32:0, {0.25, 0.5}>
!acc = !quant.uniform<i32:f32:1, {0.125, 0.25}>
func.func @test(%a: tensor<?x2x!x>, %b: tensor<2x2x!w>) {
  // expected-error @below {{expected weight scales along dimension 1, but got 0}}
  %0 = mpc.matmul %a, %b : (tensor<?x2x!x>, tensor<2x2x!w>) -> tensor<?x2x!acc>
  return
}

// -----

// matmul C4: the accumulator has scales where the weights do
!x = !quant.uniform<u8:f32, 0.5:128>
!w = !quant.uniform<i8:f32:1, {0.25, 0.5}>
!acc = !quant.uniform<i32:f32, 0.125>
func.func @test(%a: tensor<?x2x!x>, %b: tensor<2x2x!w>) {
  // expected-error @below {{expected the result to have a scale per output channel (dimension 1) exactly where the weights do}}
  %0 = mpc.matmul %a, %b : (tensor<?x2x!x>, tensor<2x2x!w>) -> tensor<?x2x!acc>
  return
}

// -----

// matmul C4: the accumulator's scale is the product
!x = !quant.uniform<u8:f32, 0.5:128>
!w = !quant.uniform<i8:f32, 0.25>
!acc = !quant.uniform<i32:f32, 0.5>
func.func @test(%a: tensor<?x2x!x>, %b: tensor<2x2x!w>) {
  // expected-error @below {{expected a result with scale 1.250000e-01, but got 5.000000e-01}}
  %0 = mpc.matmul %a, %b : (tensor<?x2x!x>, tensor<2x2x!w>) -> tensor<?x2x!acc>
  return
}
