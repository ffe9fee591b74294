//===- MPCSamplingOps.td - resizing, sampling, regions of interest -*- tablegen -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_DIALECT_MPC_MPCSAMPLINGOPS_TD
#define MPC_DIALECT_MPC_MPCSAMPLINGOPS_TD

include "mpc/Dialect/MPC/MPCAttributes.td"
include "mpc/Dialect/MPC/MPCInterfaces.td"

def MPC_ResizeOp : MPC_TensorOp<"resize", [DeclareOpInterfaceMethods<MPC_QuantizableOpInterface>,
    DeclareOpInterfaceMethods<MPC_LayoutOpInterface, ["canSinkTranspose", "sinkTranspose"]>]> {
  let summary = "a tensor at another resolution";
  let description = [{
    Each dimension d of the result has `sizes[d]` elements. Element i lies at x(i) of the input's dimension, where n is the input's size,
    m the result's and s = `scales[d]`:

    | coordinates | x(i) |
    |---|---|
    | half_pixel | (i + 0.5) / s - 0.5 |
    | half_pixel_symmetric | n / 2 * (1 - m / (n * s)) + (i + 0.5) / s - 0.5 |
    | pytorch_half_pixel | as half_pixel; 0 where m = 1 |
    | align_corners | i * (n - 1) / (m - 1); 0 where m = 1 |
    | asymmetric | i / s |
    | tf_half_pixel_for_nn | (i + 0.5) / s |
    | tf_crop_and_resize | from `roi` (starts of all dimensions, then ends, in units of n - 1): start * (n - 1) + i * (end - start) * (n - 1) / (m - 1); the middle where m = 1 |

    `nearest` takes the element at x rounded by `rounding`; `linear` and `cubic` (Keys, with `cubic_coeff`) weight the 2 or 4 elements
    around x, dimension after dimension. Positions outside repeat the border, or, with `exclude_outside`, weigh nothing. `antialias`
    stretches the kernel by 1 / s where s < 1. In tf_crop_and_resize, elements whose x lies outside of the input are `extrapolation_value`.
    Positions and weights are computed at compile time, sums are taken in f32 (f64 for f64); integers are rounded, ties to even.
    A dimension whose size stays, with scale 1 and (if there is one) the whole of it as region, is copied.

    Constraints:
    - (C1) sizes and scales have one entry per dimension; sizes are ≥ 0, scales positive and finite; the symbolic batch keeps its size
      (written as -1) and has scale 1
    - (C2) roi has two finite entries per dimension, and is there exactly for tf_crop_and_resize
    - (C3) antialias is not used with nearest
    - (C4) what is empty is not resized to something that is not
    - (C5) sizes and scales agree up to rounding

    Source: ONNX Resize (10, 11, 13, 18, 19), Upsample (7, 9).
  }];
  let arguments = (ins MPC_Tensor:$input, DenseI64ArrayAttr:$sizes, DenseF64ArrayAttr:$scales, MPC_InterpolationAttr:$mode,
    MPC_CoordinatesAttr:$coordinates, DefaultValuedAttr<MPC_NearestRoundingAttr, "NearestRounding::RoundPreferFloor">:$rounding,
    DefaultValuedAttr<F64Attr, "-0.75">:$cubic_coeff, UnitAttr:$exclude_outside, UnitAttr:$antialias,
    OptionalAttr<DenseF64ArrayAttr>:$roi, DefaultValuedAttr<F64Attr, "0.0">:$extrapolation_value);
  let results = (outs MPC_Tensor:$result);
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// Whether dimension d is more than copied.
    bool resizes(int64_t d);
  }];
}

def MPC_SampleOp : MPC_TensorOp<"sample", [DeclareOpInterfaceMethods<MPC_QuantizableOpInterface, ["getActivationOperands"]>]> {
  let summary = "values of a picture at computed positions";
  let description = [{
    `y[b..., c, p...] = x(b..., c, at position coordinates[b..., p..., :])`, with `batch_dims` leading dimensions b. A position is in elements, the
    last spatial dimension first: (x, y) for a picture of H × W. `mode` and `padding` say what stands between and beyond the elements.
    Reflection is at the outer elements' centres with `align_corners`, else at their outer edges. `cubic` is Keys' kernel with -0.75; `nearest`
    rounds ties to even. Computed in f32 (f64 for f64).

    Constraints:
    - (C1) batch_dims ≥ 1; x has the batch dimensions, channels, and 1 to 3 spatial dimensions of static size ≥ 1
    - (C2) coordinates begin with the same batch dimensions and end with one entry per spatial dimension
    - (C3) both have floating-point elements

    Source: ONNX GridSample (16, 20, 22), DeformConv (19, 22).
  }];
  let arguments = (ins MPC_RealTensor:$input, MPC_RealTensor:$coordinates, MPC_InterpolationAttr:$mode,
    MPC_SamplePaddingAttr:$padding, UnitAttr:$align_corners, DefaultValuedAttr<I64Attr, "1">:$batch_dims);
  let results = (outs MPC_RealTensor:$result);
  let hasVerifier = 1;
}

def MPC_RoiPoolOp : MPC_TensorOp<"roi_pool", [DeclareOpInterfaceMethods<MPC_QuantizableOpInterface, ["getActivationOperands"]>]> {
  let summary = "regions of a picture at a fixed resolution";
  let description = [{
    `x[N, C, H, W]`, `rois[R, 4]` (x1, y1, x2, y2, times `spatial_scale`), `batch_indices[R]` → `y[R, C, output_size...]`. Each region is cut into
    bins; with the align kinds a bin is the mean (or the largest) of `sampling_ratio`² bilinear samples, or as many as the bin has elements where
    it is 0; with max it is its largest element. `half_pixel` moves regions by half an element. Batch indices outside of [0, N) are moved to
    the nearest inside, so that nothing else is read. Computed in f32.

    Constraints:
    - (C1) the shapes are those above; H and W are static and ≥ 1
    - (C2) output_size has two positive entries; sampling_ratio ≥ 0; spatial_scale is finite
    - (C3) x and rois have floating-point elements, batch_indices integers

    Source: ONNX RoiAlign (10, 16, 22), MaxRoiPool (1, 22).
  }];
  let arguments = (ins MPC_RealTensor:$input, MPC_RealTensor:$rois, MPC_Tensor:$batch_indices, MPC_RoiPoolKindAttr:$kind,
    DenseI64ArrayAttr:$output_size, I64Attr:$sampling_ratio, F64Attr:$spatial_scale, UnitAttr:$half_pixel);
  let results = (outs MPC_RealTensor:$result);
  let hasVerifier = 1;
}

def MPC_MaxPoolIndicesOp : MPC_TensorOp<"max_pool_indices"> {
  let summary = "where the largest value of each window stands";
  let description = [{
    The position, in the whole input in row-major order (with `column_major`: of the spatial dimensions reversed), of the first element that holds
    the result of `mpc.max_pool`; channels first. i64.

    Constraints: as `mpc.max_pool`, and
    - (C4) the input has floating-point or integer elements, the result i64

    Source: ONNX MaxPool (8, 10, 11, 12, 22), second output.
  }];
  let arguments = (ins MPC_NumberTensor:$input, DenseI64ArrayAttr:$kernel, DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$dilations,
    DenseI64ArrayAttr:$pads, UnitAttr:$column_major);
  let results = (outs RankedTensorOf<[I64]>:$result);
  let hasVerifier = 1;
}

#endif // MPC_DIALECT_MPC_MPCSAMPLINGOPS_TD
