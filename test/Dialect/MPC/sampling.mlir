// RUN: mpc-opt %s | mpc-opt | FileCheck %s
// RUN: mpc-opt --mlir-print-op-generic %s | mpc-opt | FileCheck %s

// CHECK-LABEL: func @resize
func.func @resize(%x: tensor<?x4x8x8xf32>, %q: tensor<1x4x8x8x!quant.uniform<u8:f32, 0.5:3>>) {
  // CHECK: mpc.resize %{{.*}} {coordinates = #mpc.coordinates<half_pixel>, mode = #mpc.interpolation<linear>, scales = array<f64: 1.000000e+00, 1.000000e+00, 2.000000e+00, 1.500000e+00>, sizes = array<i64: -1, 4, 16, 12>} : (tensor<?x4x8x8xf32>) -> tensor<?x4x16x12xf32>
  %0 = mpc.resize %x {sizes = array<i64: -1, 4, 16, 12>, scales = array<f64: 1.0, 1.0, 2.0, 1.5>, mode = #mpc.interpolation<linear>,
    coordinates = #mpc.coordinates<half_pixel>} : (tensor<?x4x8x8xf32>) -> tensor<?x4x16x12xf32>
  // CHECK: mpc.resize %{{.*}} {antialias, coordinates = #mpc.coordinates<tf_crop_and_resize>, cubic_coeff = {{.*}}, exclude_outside, extrapolation_value = {{.*}}, mode = #mpc.interpolation<cubic>, roi = array<f64: {{.*}}>,
  %1 = mpc.resize %x {sizes = array<i64: -1, 4, 4, 4>, scales = array<f64: 1.0, 1.0, 0.5, 0.5>, mode = #mpc.interpolation<cubic>,
    coordinates = #mpc.coordinates<tf_crop_and_resize>, roi = array<f64: 0.0, 0.0, 0.1, 0.2, 1.0, 1.0, 0.8, 1.2>, cubic_coeff = -0.5,
    exclude_outside, antialias, extrapolation_value = 10.0} : (tensor<?x4x8x8xf32>) -> tensor<?x4x4x4xf32>
  // Selecting elements keeps quantized ones as they are.
  // CHECK: mpc.resize %{{.*}} rounding = #mpc.nearest_rounding<floor>{{.*}} -> tensor<1x4x16x16x!uniform>
  %2 = mpc.resize %q {sizes = array<i64: 1, 4, 16, 16>, scales = array<f64: 1.0, 1.0, 2.0, 2.0>, mode = #mpc.interpolation<nearest>,
    coordinates = #mpc.coordinates<asymmetric>, rounding = #mpc.nearest_rounding<floor>}
    : (tensor<1x4x8x8x!quant.uniform<u8:f32, 0.5:3>>) -> tensor<1x4x16x16x!quant.uniform<u8:f32, 0.5:3>>
  return
}

// CHECK-LABEL: func @sample
func.func @sample(%x: tensor<?x4x8x8xf32>, %grid: tensor<?x3x5x2xf32>, %y: tensor<?x2x3x8x8xf32>, %positions: tensor<?x2x9x4x4x2xf32>) {
  // CHECK: mpc.sample %{{.*}}, %{{.*}} {align_corners, mode = #mpc.interpolation<cubic>, padding = #mpc.sample_padding<reflection>} : (tensor<?x4x8x8xf32>, tensor<?x3x5x2xf32>) -> tensor<?x4x3x5xf32>
  %0 = mpc.sample %x, %grid {mode = #mpc.interpolation<cubic>, padding = #mpc.sample_padding<reflection>, align_corners}
    : (tensor<?x4x8x8xf32>, tensor<?x3x5x2xf32>) -> tensor<?x4x3x5xf32>
  // CHECK: mpc.sample %{{.*}}, %{{.*}} {batch_dims = 2 : i64, {{.*}}} : (tensor<?x2x3x8x8xf32>, tensor<?x2x9x4x4x2xf32>) -> tensor<?x2x3x9x4x4xf32>
  %1 = mpc.sample %y, %positions {mode = #mpc.interpolation<linear>, padding = #mpc.sample_padding<zeros>, batch_dims = 2}
    : (tensor<?x2x3x8x8xf32>, tensor<?x2x9x4x4x2xf32>) -> tensor<?x2x3x9x4x4xf32>
  return
}

// CHECK-LABEL: func @rois
func.func @rois(%x: tensor<2x4x8x8xf32>, %rois: tensor<7x4xf32>, %batches: tensor<7xi64>) {
  // CHECK: mpc.roi_pool %{{.*}}, %{{.*}}, %{{.*}} {half_pixel, kind = #mpc.roi_pool<align_average>, output_size = array<i64: 3, 2>, sampling_ratio = 2 : i64, spatial_scale = 5.000000e-01 : f64}
  %0 = mpc.roi_pool %x, %rois, %batches {kind = #mpc.roi_pool<align_average>, output_size = array<i64: 3, 2>, sampling_ratio = 2, spatial_scale = 0.5 : f64,
    half_pixel} : (tensor<2x4x8x8xf32>, tensor<7x4xf32>, tensor<7xi64>) -> tensor<7x4x3x2xf32>
  return
}

// CHECK-LABEL: func @indices
func.func @indices(%x: tensor<?x4x8x8xf32>) {
  // CHECK: mpc.max_pool_indices %{{.*}} {column_major, dilations = array<i64: 1, 1>, kernel = array<i64: 2, 2>, pads = array<i64: 0, 0, 0, 0>, strides = array<i64: 2, 2>} : (tensor<?x4x8x8xf32>) -> tensor<?x4x4x4xi64>
  %0 = mpc.max_pool_indices %x {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>, pads = array<i64: 0, 0, 0, 0>,
    column_major} : (tensor<?x4x8x8xf32>) -> tensor<?x4x4x4xi64>
  return
}
