//===- MPCReductionOps.td - pooling, reductions, normalisation -*- tablegen -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_DIALECT_MPC_MPCREDUCTIONOPS_TD
#define MPC_DIALECT_MPC_MPCREDUCTIONOPS_TD

include "mpc/Dialect/MPC/MPCAttributes.td"
include "mpc/Dialect/MPC/MPCInterfaces.td"

class MPC_PoolOp<string mnemonic> : MPC_TensorOp<mnemonic, [DeclareOpInterfaceMethods<MPC_QuantizableOpInterface>,
    DeclareOpInterfaceMethods<MPC_LayoutOpInterface, ["wantsChannelsLast", "setChannelsLast"]>]> {
  let results = (outs MPC_Tensor:$result);
  let hasVerifier = 1;
}
def MPC_MaxPoolOp : MPC_PoolOp<"max_pool"> {
  let summary = "largest value in each window";
  let description = [{
    Windows of `kernel` elements, `dilations` apart, every `strides`; positions in the padding do not count. NaN wins.

    Constraints:
    - (C1) the input has rank 3 to 5
    - (C2) kernel, strides, dilations ≥ 1, one per spatial dimension; pads ≥ 0, two per spatial dimension: begins, then ends
    - (C3) every window holds at least one element of the input

    Source: ONNX MaxPool (1, 8, 10, 11, 12, 22; auto_pad and ceil_mode are resolved into pads at import), GlobalMaxPool.
  }];
  let arguments = (ins MPC_Tensor:$input, DenseI64ArrayAttr:$kernel, DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$dilations,
    DenseI64ArrayAttr:$pads, DefaultValuedAttr<MPC_LayoutAttr, "Layout::ChannelsFirst">:$layout);
}
def MPC_AveragePoolOp : MPC_PoolOp<"average_pool"> {
  let summary = "mean of each window";
  let description = [{
    As `mpc.max_pool`. Positions in the padding count as zeros where `count_include_pad`, up to `ceil_extra` elements at each end that only
    ceil_mode added and that never count; else the divisor is the number of positions inside the input. The sum is taken in f32; of quantized
    elements in i32, and `rounding` says how the mean becomes the result's integer (QuantMath: `averageInteger`, `meanScale`).

    Constraints: as `mpc.max_pool`, and
    - (C4) ceil_extra has one entry per spatial dimension, between 0 and the padding at the end

    Source: ONNX AveragePool (1, 7, 10, 11, 19, 22).
  }];
  let arguments = (ins MPC_Tensor:$input, DenseI64ArrayAttr:$kernel, DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$dilations,
    DenseI64ArrayAttr:$pads, UnitAttr:$count_include_pad, OptionalAttr<DenseI64ArrayAttr>:$ceil_extra,
    DefaultValuedAttr<MPC_LayoutAttr, "Layout::ChannelsFirst">:$layout, DefaultValuedAttr<MPC_RoundingAttr, "Rounding::ONNX">:$rounding);
}

def MPC_ReduceOp : MPC_TensorOp<"reduce", [DeclareOpInterfaceMethods<MPC_QuantizableOpInterface>,
    DeclareOpInterfaceMethods<MPC_LayoutOpInterface, ["canSinkTranspose", "sinkTranspose"]>]> {
  let summary = "sum, mean, maximum … over some axes, which stay as size 1 or go";
  let description = [{
    Sums are taken in f32 (f64 for f64, i32 or i64 for integers), in an order that depends on the shape only: the same on every target.
    `rounding` as in `mpc.average_pool`, for the mean of quantized elements.

    Constraints:
    - (C1) axes are distinct, sorted and within the rank
    - (C2) no axis is the symbolic batch

    Source: ONNX ReduceSum … ReduceL2 (1, 11, 13, 18), GlobalAveragePool, GlobalMaxPool.
  }];
  let arguments = (ins MPC_Tensor:$input, MPC_ReduceKindAttr:$kind, DenseI64ArrayAttr:$axes, BoolAttr:$keepdims,
    DefaultValuedAttr<MPC_RoundingAttr, "Rounding::ONNX">:$rounding);
  let results = (outs MPC_Tensor:$result);
  let hasVerifier = 1;
}

class MPC_SoftmaxLikeOp<string mnemonic> : MPC_TensorOp<mnemonic, [DeclareOpInterfaceMethods<MPC_QuantizableOpInterface>,
    DeclareOpInterfaceMethods<MPC_LayoutOpInterface, ["canSinkTranspose", "sinkTranspose"]>]> {
  let arguments = (ins MPC_Tensor:$input, I64Attr:$axis);
  let results = (outs MPC_Tensor:$result);
  let hasVerifier = 1;
}
def MPC_SoftmaxOp : MPC_SoftmaxLikeOp<"softmax"> {
  let summary = "exp(x - max) / sum(exp(x - max)) along an axis";
  let description = "In f32. Constraints: (C1) 0 ≤ axis < rank. Source: ONNX Softmax (13; before, the importer flattens to two dimensions).";
}
def MPC_LogSoftmaxOp : MPC_SoftmaxLikeOp<"log_softmax"> {
  let summary = "x - max - ln(sum(exp(x - max))) along an axis";
  let description = "In f32. Constraints: (C1) 0 ≤ axis < rank. Source: ONNX LogSoftmax (13; before, the importer flattens to two dimensions).";
}

def MPC_BatchNormOp : MPC_TensorOp<"batch_norm", [DeclareOpInterfaceMethods<MPC_QuantizableOpInterface, ["getActivationOperands"]>]> {
  let summary = "(x - mean) / sqrt(variance + epsilon) * scale + bias, per channel";
  let description = [{
    Inference form. The channel is dimension 1. mpc-simplify folds it into the contraction before it, or into a multiplication and an addition.

    Constraints:
    - (C1) scale, bias, mean and variance have shape [C]

    Source: ONNX BatchNormalization (7, 9, 14, 15).
  }];
  let arguments = (ins MPC_FloatTensor:$input, MPC_FloatTensor:$scale, MPC_FloatTensor:$bias, MPC_FloatTensor:$mean,
    MPC_FloatTensor:$variance, F64Attr:$epsilon);
  let results = (outs MPC_FloatTensor:$result);
  let hasVerifier = 1;
}

#endif // MPC_DIALECT_MPC_MPCREDUCTIONOPS_TD
