// RUN: mpc-opt --split-input-file --verify-diagnostics %s

// A negative case for each numbered constraint. What shape inference finds is reported twice: by mpc, and by upstream's check.

// resize C1: one size per dimension
func.func @test(%x: tensor<1x2x4xf32>) {
  // expected-error @below {{expected 3 sizes and scales, but got 2 and 3}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.resize %x {sizes = array<i64: 1, 2>, scales = array<f64: 1.0, 1.0, 2.0>, mode = #mpc.interpolation<linear>, coordinates = #mpc.coordinates<asymmetric>} : (tensor<1x2x4xf32>) -> tensor<1x2x8xf32>
  return
}

// -----

// resize C1: positive scales
func.func @test(%x: tensor<1x2x4xf32>) {
  // expected-error @below {{expected positive, finite scales, but dimension 2 has -2}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.resize %x {sizes = array<i64: 1, 2, 8>, scales = array<f64: 1.0, 1.0, -2.0>, mode = #mpc.interpolation<linear>, coordinates = #mpc.coordinates<asymmetric>} : (tensor<1x2x4xf32>) -> tensor<1x2x8xf32>
  return
}

// -----

// resize C1: the batch stays
func.func @test(%x: tensor<?x2x4xf32>) {
  // expected-error @below {{expected size -1 and scale 1 in the symbolic dimension 0, but got -1 and 2}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.resize %x {sizes = array<i64: -1, 2, 8>, scales = array<f64: 2.0, 1.0, 2.0>, mode = #mpc.interpolation<linear>, coordinates = #mpc.coordinates<asymmetric>} : (tensor<?x2x4xf32>) -> tensor<?x2x8xf32>
  return
}

// -----

// resize C1: sizes
func.func @test(%x: tensor<1x2x4xf32>) {
  // expected-error @below {{expected sizes >= 0, but dimension 2 has -8}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.resize %x {sizes = array<i64: 1, 2, -8>, scales = array<f64: 1.0, 1.0, 2.0>, mode = #mpc.interpolation<linear>, coordinates = #mpc.coordinates<asymmetric>} : (tensor<1x2x4xf32>) -> tensor<1x2x8xf32>
  return
}

// -----

// resize C2: a region without cropping
func.func @test(%x: tensor<1x2x4xf32>) {
  // expected-error @below {{expected roi exactly for coordinates tf_crop_and_resize}}
  %0 = mpc.resize %x {sizes = array<i64: 1, 2, 8>, scales = array<f64: 1.0, 1.0, 2.0>, mode = #mpc.interpolation<linear>, coordinates = #mpc.coordinates<asymmetric>, roi = array<f64: 0.0, 0.0, 0.0, 1.0, 1.0, 1.0>} : (tensor<1x2x4xf32>) -> tensor<1x2x8xf32>
  return
}

// -----

// resize C2: two entries per dimension
func.func @test(%x: tensor<1x2x4xf32>) {
  // expected-error @below {{expected roi to have 6 finite entries}}
  %0 = mpc.resize %x {sizes = array<i64: 1, 2, 8>, scales = array<f64: 1.0, 1.0, 2.0>, mode = #mpc.interpolation<linear>, coordinates = #mpc.coordinates<tf_crop_and_resize>, roi = array<f64: 0.0, 1.0>} : (tensor<1x2x4xf32>) -> tensor<1x2x8xf32>
  return
}

// -----

// resize C3: antialias
func.func @test(%x: tensor<1x2x4xf32>) {
  // expected-error @below {{expected antialias with linear or cubic mode only}}
  %0 = mpc.resize %x {sizes = array<i64: 1, 2, 8>, scales = array<f64: 1.0, 1.0, 2.0>, mode = #mpc.interpolation<nearest>, coordinates = #mpc.coordinates<asymmetric>, antialias} : (tensor<1x2x4xf32>) -> tensor<1x2x8xf32>
  return
}

// -----

// resize C4: nothing comes from nothing
func.func @test(%x: tensor<1x2x0xf32>) {
  // expected-error @below {{expected a result that is empty in dimension 2, as the input is, but got size 8}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.resize %x {sizes = array<i64: 1, 2, 8>, scales = array<f64: 1.0, 1.0, 2.0>, mode = #mpc.interpolation<linear>, coordinates = #mpc.coordinates<asymmetric>} : (tensor<1x2x0xf32>) -> tensor<1x2x8xf32>
  return
}

// -----

// resize C5: sizes and scales agree
func.func @test(%x: tensor<1x2x4xf32>) {
  // expected-error @below {{expected sizes that agree with the scales, but dimension 2 of size 4 has size 8 and scale 1}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.resize %x {sizes = array<i64: 1, 2, 8>, scales = array<f64: 1.0, 1.0, 1.0>, mode = #mpc.interpolation<linear>, coordinates = #mpc.coordinates<asymmetric>} : (tensor<1x2x4xf32>) -> tensor<1x2x8xf32>
  return
}

// -----

// sample C1: batch dimensions
func.func @test(%x: tensor<1x2x4x4xf32>, %g: tensor<1x3x5x2xf32>) {
  // expected-error @below {{expected 0 batch dimensions (at least 1), channels, and 1 to 3 spatial dimensions}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.sample %x, %g {mode = #mpc.interpolation<linear>, padding = #mpc.sample_padding<zeros>, batch_dims = 0} : (tensor<1x2x4x4xf32>, tensor<1x3x5x2xf32>) -> tensor<1x2x3x5xf32>
  return
}

// -----

// sample C1: spatial sizes
func.func @test(%x: tensor<1x2x4x0xf32>, %g: tensor<1x3x5x2xf32>) {
  // expected-error @below {{expected spatial dimensions of static size >= 1}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.sample %x, %g {mode = #mpc.interpolation<linear>, padding = #mpc.sample_padding<zeros>} : (tensor<1x2x4x0xf32>, tensor<1x3x5x2xf32>) -> tensor<1x2x3x5xf32>
  return
}

// -----

// sample C2: one entry per spatial dimension
func.func @test(%x: tensor<1x2x4x4xf32>, %g: tensor<1x3x5x3xf32>) {
  // expected-error @below {{and 2 entries, but got}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.sample %x, %g {mode = #mpc.interpolation<linear>, padding = #mpc.sample_padding<zeros>} : (tensor<1x2x4x4xf32>, tensor<1x3x5x3xf32>) -> tensor<1x2x3x5xf32>
  return
}

// -----

// sample C3: real positions
func.func @test(%x: tensor<1x2x4x4xf32>, %g: tensor<1x3x5x2xi32>) {
  // expected-error @below {{operand #1 must be ranked tensor of floating-point element or quantized type values}}
  %0 = mpc.sample %x, %g {mode = #mpc.interpolation<linear>, padding = #mpc.sample_padding<zeros>} : (tensor<1x2x4x4xf32>, tensor<1x3x5x2xi32>) -> tensor<1x2x3x5xf32>
  return
}

// -----

// roi_pool C1: the picture
func.func @test(%x: tensor<1x2x4x?xf32>, %r: tensor<5x4xf32>, %b: tensor<5xi64>) {
  // expected-error @below {{expected an input of rank 4 with a static height and width >= 1}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.roi_pool %x, %r, %b {kind = #mpc.roi_pool<max>, output_size = array<i64: 2, 2>, sampling_ratio = 0, spatial_scale = 1.0 : f64} : (tensor<1x2x4x?xf32>, tensor<5x4xf32>, tensor<5xi64>) -> tensor<5x2x2x2xf32>
  return
}

// -----

// roi_pool C1: regions
func.func @test(%x: tensor<1x2x4x4xf32>, %r: tensor<5x4xf32>, %b: tensor<6xi64>) {
  // expected-error @below {{expected rois of shape [R, 4] and batch_indices of shape [R]}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.roi_pool %x, %r, %b {kind = #mpc.roi_pool<max>, output_size = array<i64: 2, 2>, sampling_ratio = 0, spatial_scale = 1.0 : f64} : (tensor<1x2x4x4xf32>, tensor<5x4xf32>, tensor<6xi64>) -> tensor<5x2x2x2xf32>
  return
}

// -----

// roi_pool C2: output size
func.func @test(%x: tensor<1x2x4x4xf32>, %r: tensor<5x4xf32>, %b: tensor<5xi64>) {
  // expected-error @below {{expected two positive output sizes}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.roi_pool %x, %r, %b {kind = #mpc.roi_pool<max>, output_size = array<i64: 2>, sampling_ratio = 0, spatial_scale = 1.0 : f64} : (tensor<1x2x4x4xf32>, tensor<5x4xf32>, tensor<5xi64>) -> tensor<5x2x2x2xf32>
  return
}

// -----

// roi_pool C2: sampling ratio
func.func @test(%x: tensor<1x2x4x4xf32>, %r: tensor<5x4xf32>, %b: tensor<5xi64>) {
  // expected-error @below {{expected sampling_ratio >= 0, but got -1}}
  %0 = mpc.roi_pool %x, %r, %b {kind = #mpc.roi_pool<max>, output_size = array<i64: 2, 2>, sampling_ratio = -1, spatial_scale = 1.0 : f64} : (tensor<1x2x4x4xf32>, tensor<5x4xf32>, tensor<5xi64>) -> tensor<5x2x2x2xf32>
  return
}

// -----

// roi_pool C3: integers
func.func @test(%x: tensor<1x2x4x4xf32>, %r: tensor<5x4xf32>, %b: tensor<5xf32>) {
  // expected-error @below {{expected batch_indices of integers}}
  %0 = mpc.roi_pool %x, %r, %b {kind = #mpc.roi_pool<max>, output_size = array<i64: 2, 2>, sampling_ratio = 0, spatial_scale = 1.0 : f64} : (tensor<1x2x4x4xf32>, tensor<5x4xf32>, tensor<5xf32>) -> tensor<5x2x2x2xf32>
  return
}

// -----

// max_pool_indices C3: the window fits
func.func @test(%x: tensor<1x2x4xf32>) {
  // expected-error @below {{expected the dilated kernel to fit into the padded input, but in spatial dimension 0 it covers 5 of 4 elements}}
  // expected-error @below {{failed to infer returned types}}
  %0 = mpc.max_pool_indices %x {kernel = array<i64: 5>, strides = array<i64: 1>, dilations = array<i64: 1>, pads = array<i64: 0, 0>} : (tensor<1x2x4xf32>) -> tensor<1x2x1xi64>
  return
}

// -----

// max_pool_indices C4: numbers
func.func @test(%x: tensor<1x2x4x!quant.uniform<u8:f32, 0.5>>) {
  // expected-error @below {{must be ranked tensor of floating-point element or integer element values}}
  %0 = mpc.max_pool_indices %x {kernel = array<i64: 2>, strides = array<i64: 2>, dilations = array<i64: 1>, pads = array<i64: 0, 0>} : (tensor<1x2x4x!quant.uniform<u8:f32, 0.5>>) -> tensor<1x2x2xi64>
  return
}
