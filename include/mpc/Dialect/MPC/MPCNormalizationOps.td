//===- MPCNormalizationOps.td - normalisation, running sums -*- tablegen -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_DIALECT_MPC_MPCNORMALIZATIONOPS_TD
#define MPC_DIALECT_MPC_MPCNORMALIZATIONOPS_TD

include "mpc/Dialect/MPC/MPCAttributes.td"
include "mpc/Dialect/MPC/MPCInterfaces.td"

def MPC_NormalizeOp : MPC_TensorOp<"normalize", [DeclareOpInterfaceMethods<MPC_QuantizableOpInterface>,
    DeclareOpInterfaceMethods<MPC_LayoutOpInterface, ["canSinkTranspose", "sinkTranspose"]>]> {
  let summary = "(x - mean) / sqrt(mean((x - mean)^2) + epsilon) over some axes";
  let description = [{
    Every element by the statistics of those that differ from it in `axes` only. `uncentred` leaves the mean out of both places:
    `x / sqrt(mean(x^2) + epsilon)`. In f32 (f64 for f64), in two passes: the mean, then the squares of what is left. Scale and bias are
    element-wise ops behind it and end up in its kernel.

    Constraints:
    - (C1) axes are distinct, sorted and within the rank, and there is at least one
    - (C2) no axis is the symbolic batch
    - (C3) epsilon is finite and ≥ 0

    Source: ONNX LayerNormalization (17), RMSNormalization (23), GroupNormalization (18, 21), InstanceNormalization (1, 6, 22),
    MeanVarianceNormalization (9, 13), and SkipLayerNormalization and its kin of com.microsoft.

    ```mlir
    %y = mpc.normalize %x {axes = array<i64: 2>, epsilon = 1.0e-5 : f64} : (tensor<?x8x64xf32>) -> tensor<?x8x64xf32>
    ```
  }];
  let arguments = (ins MPC_FloatTensor:$input, DenseI64ArrayAttr:$axes, F64Attr:$epsilon, UnitAttr:$uncentred);
  let results = (outs MPC_FloatTensor:$result);
  let hasVerifier = 1;
}

def MPC_CumulateOp : MPC_TensorOp<"cumulate",
    [DeclareOpInterfaceMethods<MPC_LayoutOpInterface, ["canSinkTranspose", "sinkTranspose"]>]> {
  let summary = "running sums or products along an axis";
  let description = [{
    `y[i] = x[0] + ... + x[i]`, or `y[i] = x[0] + ... + x[i-1]` if `exclusive` (`y[0]` is then 0), for every position of the other
    dimensions; likewise with products and 1. f16 and bf16 are accumulated in f32, integers modulo their width.

    Constraints:
    - (C1) 0 ≤ axis < rank, and the axis is not the symbolic batch
    - (C2) kind is sum or prod

    Source: ONNX CumSum (11, 14), CumProd (26); `reverse` is two slices around it.

    ```mlir
    %y = mpc.cumulate %x {kind = #mpc.reduce<sum>, axis = 1 : i64} : (tensor<?x8xf32>) -> tensor<?x8xf32>
    ```
  }];
  let arguments = (ins MPC_NumberTensor:$input, MPC_ReduceKindAttr:$kind, I64Attr:$axis, UnitAttr:$exclusive);
  let results = (outs MPC_NumberTensor:$result);
  let hasVerifier = 1;
}

#endif // MPC_DIALECT_MPC_MPCNORMALIZATIONOPS_TD
