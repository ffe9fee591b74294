//===- MPCContractionOps.td - convolution, matrix product -*- tablegen -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_DIALECT_MPC_MPCCONTRACTIONOPS_TD
#define MPC_DIALECT_MPC_MPCCONTRACTIONOPS_TD

include "mpc/Dialect/MPC/MPCAttributes.td"
include "mpc/Dialect/MPC/MPCInterfaces.td"

class MPC_ContractionOp<string mnemonic, list<Trait> traits = []>
    : MPC_TensorOp<mnemonic, !listconcat([DeclareOpInterfaceMethods<MPC_QuantizableOpInterface,
        ["getActivationOperands", "getWeightOperand", "getWeightChannelAxis", "getBiasOperand", "getResultChannelAxis",
         "getInputChannelAxis", "getWeightInputAxis", "getChannelGroups", "multipliesNarrow"]>], traits)>;

def MPC_ConvOp : MPC_ContractionOp<"conv", [DeclareOpInterfaceMethods<MPC_LayoutOpInterface,
    ["wantsChannelsLast", "setChannelsLast", "getLayoutOperands"]>]> {
  let summary = "convolution in one to three spatial dimensions";
  let description = [{
    `y[n, o, p...] = bias[o] + sum over i, k... of x[n, g*I/G + i, p*strides + k*dilations - pads...] * w[o, i, k...]` with g the group
    of output channel o; x is 0 outside (for quantized x: its zero point).

    Layouts (X is N C spatial..., or N spatial... C): channels_first takes weights `[O, I/G, K...]`, channels_last `[O, K..., I/G]`.
    Types: f32 → f32; f16 and bf16 → f32 accumulator, or their own type (rounded once); f16 and bf16 x with f32 weights → f32; u8 (or s8) quantized x and s8 quantized w → an
    i32 accumulator, typed `!quant.uniform<i32:f32, s_x*s_w>` (per axis where w is), summed modulo 2^32; bias has the result's type.
    s16 quantized x with zero point 0 and s8 quantized w → the same i32 accumulator, or i64 where sums may need it, whose scales !quant types
    cannot say; bias i64 then.

    Constraints:
    - (C1) x and w have the same rank, 3 to 5
    - (C2) strides, dilations ≥ 1, one per spatial dimension; pads ≥ 0, two per spatial dimension: all begins, then all ends
    - (C3) groups ≥ 1 divides the channels of x and O, and w has C/groups input channels
    - (C4) the dilated kernel fits in the padded input
    - (C5) bias has shape [O]
    - (C6) the element types are those above; weights have zero point 0 and one scale, or one per output channel

    Source: ONNX Conv, opset 1, 11, 22 (auto_pad is resolved at import).
  }];
  let arguments = (ins MPC_ContractionTensor:$input, MPC_ContractionTensor:$weight, Optional<MPC_ContractionTensor>:$bias,
    DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$dilations, DenseI64ArrayAttr:$pads,
    DefaultValuedAttr<I64Attr, "1">:$groups, DefaultValuedAttr<MPC_LayoutAttr, "Layout::ChannelsFirst">:$layout);
  let results = (outs MPC_ContractionTensor:$result);
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    bool isChannelsLast() { return getLayout() == Layout::ChannelsLast; }
    int64_t getSpatialRank() { return ::llvm::cast<::mlir::RankedTensorType>(getInput().getType()).getRank() - 2; }
    /// One group per channel, and as many outputs.
    bool isDepthwise();
  }];
}

def MPC_MatMulOp : MPC_ContractionOp<"matmul"> {
  let summary = "matrix product, with NumPy's broadcast of leading dimensions";
  let description = [{
    `A[..., M, K] × B[..., K, N] → C[..., M, N]` plus `bias[N]`. `transpose_b`: B is `[..., N, K]`.
    A vector A is `[1, K]` and a vector B `[K, 1]` whose unit dimension the importer removes again.
    Types as `mpc.conv`; also integers of 32 and 64 bits, summed modulo their width.

    Constraints:
    - (C1) A and B have rank ≥ 2, and their inner sizes agree
    - (C2) leading dimensions broadcast
    - (C3) bias has shape [N]
    - (C4) the element types are those of `mpc.conv` (C6)

    Source: ONNX MatMul (opset 1, 9, 13), Gemm (7, 9, 11, 13; alpha, beta and transA are resolved at import).
  }];
  let arguments = (ins MPC_ContractionTensor:$lhs, MPC_ContractionTensor:$rhs, Optional<MPC_ContractionTensor>:$bias, UnitAttr:$transpose_b);
  let results = (outs MPC_ContractionTensor:$result);
  let hasVerifier = 1;
}

#endif // MPC_DIALECT_MPC_MPCCONTRACTIONOPS_TD
