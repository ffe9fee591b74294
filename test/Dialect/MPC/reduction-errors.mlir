// RUN: mpc-opt --split-input-file --verify-diagnostics %s

// A negative case for each numbered constraint. What shape inference finds is reported twice: by mpc, and by upstream's check.

// max_pool C1: spatial dimensions
func.func @test(%x: tensor<?x4xf32>) {
  // expected-error @below {{expected an input of rank 3 to 5, but got 'tensor<?x4xf32>'}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.max_pool %x {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

// max_pool C2: one kernel size per spatial dimension
func.func @test(%x: tensor<?x4x8x8xf32>) {
  // expected-error @below {{expected 2 kernel sizes for 2 spatial dimensions, but got 1}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.max_pool %x {kernel = array<i64: 2>, strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>} : (tensor<?x4x8x8xf32>) -> tensor<?x4x4x4xf32>
  return
}

// -----

// max_pool C2: pads twice
func.func @test(%x: tensor<?x4x8x8xf32>) {
  // expected-error @below {{expected 4 pads for 2 spatial dimensions, but got 2}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.max_pool %x {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>, pads = array<i64: 0, 0>} : (tensor<?x4x8x8xf32>) -> tensor<?x4x4x4xf32>
  return
}

// -----

// max_pool C3: the window fits
func.func @test(%x: tensor<?x4x8x8xf32>) {
  // expected-error @below {{expected the dilated kernel to fit into the padded input, but in spatial dimension 0 it covers 9 of 8 elements}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.max_pool %x {kernel = array<i64: 9, 1>, strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>} : (tensor<?x4x8x8xf32>) -> tensor<?x4x4x4xf32>
  return
}

// -----

// max_pool C3: no window before the input
func.func @test(%x: tensor<?x4x8x8xf32>) {
  // expected-error @below {{expected an element of the input in every window, but in spatial dimension 0 of size 8 a window lies in the padding}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.max_pool %x {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>, pads = array<i64: 2, 0, 0, 0>} : (tensor<?x4x8x8xf32>) -> tensor<?x4x5x4xf32>
  return
}

// -----

// max_pool C3: no window behind the input
func.func @test(%x: tensor<?x4x8x8xf32>) {
  // expected-error @below {{expected an element of the input in every window, but in spatial dimension 1 of size 8 a window lies in the padding}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.max_pool %x {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 2>} : (tensor<?x4x8x8xf32>) -> tensor<?x4x4x5xf32>
  return
}

// -----

// max_pool C3: no window whose elements step over the input
func.func @test(%x: tensor<1x1x1xf32>) {
  // expected-error @below {{expected an element of the input in every window, but in spatial dimension 0 of size 1 a window lies in the padding}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.max_pool %x {kernel = array<i64: 2>, strides = array<i64: 1>, dilations = array<i64: 2>, pads = array<i64: 1, 1>} : (tensor<1x1x1xf32>) -> tensor<1x1x1xf32>
  return
}

// -----

// max_pool selects elements
func.func @test(%x: tensor<?x4x8x8xf32>) {
  // expected-error @below {{expected operand #0 to have the result's element type 'f16', but got 'f32'}}
  %0 = mpc.max_pool %x {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>} : (tensor<?x4x8x8xf32>) -> tensor<?x4x4x4xf16>
  return
}

// -----

// average_pool C4: one entry per spatial dimension
func.func @test(%x: tensor<?x4x8x8xf32>) {
  // expected-error @below {{expected 2 entries of ceil_extra, but got 1}}
  %0 = mpc.average_pool %x {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, ceil_extra = array<i64: 0>} : (tensor<?x4x8x8xf32>) -> tensor<?x4x4x4xf32>
  return
}

// -----

// average_pool C4: no more than the padding
func.func @test(%x: tensor<?x4x8x8xf32>) {
  // expected-error @below {{expected ceil_extra between 0 and the padding at the end, 0, but got 1}}
  %0 = mpc.average_pool %x {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>, ceil_extra = array<i64: 0, 1>} : (tensor<?x4x8x8xf32>) -> tensor<?x4x4x4xf32>
  return
}

// -----

// reduce C1: axes are sorted and distinct
func.func @test(%x: tensor<?x4x8x8xf32>) {
  // expected-error @below {{expected distinct, sorted axes below the rank 4, but got 2 after 3}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.reduce %x {kind = #mpc.reduce<sum>, axes = array<i64: 3, 2>, keepdims = true} : (tensor<?x4x8x8xf32>) -> tensor<?x4x8x8xf32>
  return
}

// -----

// reduce C1: axes exist
func.func @test(%x: tensor<?x4x8x8xf32>) {
  // expected-error @below {{expected distinct, sorted axes below the rank 4, but got 4 after -1}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.reduce %x {kind = #mpc.reduce<sum>, axes = array<i64: 4>, keepdims = true} : (tensor<?x4x8x8xf32>) -> tensor<?x4x8x8xf32>
  return
}

// -----

// reduce C2: not over the batch
func.func @test(%x: tensor<?x4x8x8xf32>) {
  // expected-error @below {{expected axes of static size, but axis 0 of 'tensor<?x4x8x8xf32>' is the symbolic batch}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.reduce %x {kind = #mpc.reduce<sum>, axes = array<i64: 0>, keepdims = true} : (tensor<?x4x8x8xf32>) -> tensor<?x4x8x8xf32>
  return
}

// -----

// softmax C1: the axis exists
func.func @test(%x: tensor<?x4xf32>) {
  // expected-error @below {{expected 0 <= axis < 2, but got -1}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.softmax %x {axis = -1 : i64} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

// log_softmax C1: the axis exists
func.func @test(%x: tensor<?x4xf32>) {
  // expected-error @below {{expected 0 <= axis < 2, but got 2}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.log_softmax %x {axis = 2 : i64} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

// batch_norm C1: one parameter per channel
func.func @test(%x: tensor<?x4x8xf32>, %s: tensor<8xf32>, %p: tensor<4xf32>) {
  // expected-error @below {{expected parameters of shape [4], but got 'tensor<8xf32>'}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.batch_norm %x, %s, %p, %p, %p {epsilon = 1.0e-5 : f64} : (tensor<?x4x8xf32>, tensor<8xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<?x4x8xf32>
  return
}

// -----

// Elements that are only stored are neither summed nor compared.
func.func @test(%x: tensor<4xi4>) {
  // expected-error @below {{expected elements to compute with, but got 'i4', which can only be moved and converted}}
  %0 = mpc.reduce %x {kind = #mpc.reduce<sum>, axes = array<i64: 0>, keepdims = true} : (tensor<4xi4>) -> tensor<1xi4>
  return
}

// -----

func.func @test(%x: tensor<4xf8E5M2>) {
  // expected-error @below {{expected elements that can be compared, but got 'f8E5M2'}}
  %0 = mpc.reduce %x {kind = #mpc.reduce<max>, axes = array<i64: 0>, keepdims = true} : (tensor<4xf8E5M2>) -> tensor<1xf8E5M2>
  return
}
