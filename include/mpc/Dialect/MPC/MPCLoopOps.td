//===- MPCLoopOps.td - tensors of loops -*- tablegen -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Loops and branches are upstream's (scf) and hold what @main holds. What is
// added are the tensors that a loop reads or makes step by step.
//
//===----------------------------------------------------------------------===//

#ifndef MPC_DIALECT_MPC_MPCLOOPOPS_TD
#define MPC_DIALECT_MPC_MPCLOOPOPS_TD

include "mpc/Dialect/MPC/MPCBase.td"

def MPC_EmptyOp : MPC_Op<"empty", [Pure]> {
  let summary = "a tensor without values, which a loop fills";
  let description = [{
    Its elements are not specified. `mpc.insert_step` gives them values.

    ```mlir
    %0 = mpc.empty : tensor<16x?x128xf32>
    ```
  }];
  let results = (outs MPC_Tensor:$result);
  let assemblyFormat = "attr-dict `:` type($result)";
}

def MPC_ExtractStepOp : MPC_Op<"extract_step", [Pure]> {
  let summary = "what a loop reads of a sequence in one step";
  let description = [{
    `y[j..., k] = x[index, j..., offset + k]`: an element of the first dimension, of which the last dimension may be taken in part. An index
    outside of the sequence takes its first or last element.

    Constraints:
    - (C1) the sequence has rank ≥ 1, and its first dimension is not the symbolic batch and not empty
    - (C2) the result has the sequence's other sizes; a last dimension that is not the first may be smaller, and then
      0 ≤ offset, offset + size ≤ the sequence's size
    - (C3) the element types agree

    Source: ONNX Scan (8, 9, 11 …), RNN, GRU, LSTM.

    ```mlir
    %x = mpc.extract_step %xs[%i] {offset = 128 : i64} : tensor<16x?x512xf32> -> tensor<?x128xf32>
    ```
  }];
  let arguments = (ins MPC_Tensor:$input, Index:$index, DefaultValuedAttr<I64Attr, "0">:$offset);
  let results = (outs MPC_Tensor:$result);
  let assemblyFormat = "$input `[` $index `]` attr-dict `:` type($input) `->` type($result)";
  let hasVerifier = 1;
}

def MPC_InsertStepOp : MPC_Op<"insert_step", [Pure, AllTypesMatch<["sequence", "result"]>]> {
  let summary = "what a loop adds to a sequence in one step";
  let description = [{
    The sequence with `sequence[index, ...] = value`; an index outside of the sequence is its first or last element.

    Constraints:
    - (C1) the sequence has rank ≥ 1, and its first dimension is not the symbolic batch and not empty
    - (C2) the value has the sequence's other sizes
    - (C3) the element types agree

    Source: ONNX Scan (8, 9, 11 …), Loop, RNN, GRU, LSTM.

    ```mlir
    %1 = mpc.insert_step %y into %0[%i] : tensor<?x128xf32> into tensor<16x?x128xf32>
    ```
  }];
  let arguments = (ins MPC_Tensor:$value, MPC_Tensor:$sequence, Index:$index);
  let results = (outs MPC_Tensor:$result);
  let assemblyFormat = "$value `into` $sequence `[` $index `]` attr-dict `:` type($value) `into` type($sequence)";
  let hasVerifier = 1;
}

#endif // MPC_DIALECT_MPC_MPCLOOPOPS_TD
