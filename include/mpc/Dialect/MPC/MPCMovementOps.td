//===- MPCMovementOps.td - ops that move elements -*- tablegen -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_DIALECT_MPC_MPCMOVEMENTOPS_TD
#define MPC_DIALECT_MPC_MPCMOVEMENTOPS_TD

include "mpc/Dialect/MPC/MPCAttributes.td"
include "mpc/Dialect/MPC/MPCInterfaces.td"

class MPC_MovementOp<string mnemonic, list<Trait> traits = []>
    : MPC_TensorOp<mnemonic, !listconcat([DeclareOpInterfaceMethods<MPC_QuantizableOpInterface>], traits)>;

def MPC_ReshapeOp : MPC_Op<"reshape", [Pure, DeclareOpInterfaceMethods<MPC_QuantizableOpInterface>]> {
  let summary = "the same elements, in row-major order, under another shape";
  let description = [{
    The result type is the shape.

    Constraints:
    - (C1) as many elements; at most one dimension of each side is the symbolic batch, and both sides hold the same multiple of it
    - (C2) the element types agree

    Source: ONNX Reshape (5, 13, 14, 19 …), Flatten, Squeeze, Unsqueeze.
  }];
  let arguments = (ins MPC_Tensor:$input);
  let results = (outs MPC_Tensor:$result);
  let assemblyFormat = "operands attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
  let hasFolder = 1;
}
def MPC_TransposeOp : MPC_MovementOp<"transpose", [DeclareOpInterfaceMethods<MPC_LayoutOpInterface, ["canSinkTranspose", "sinkTranspose"]>]> {
  let summary = "y = x with dimension d taken from dimension perm[d]";
  let description = "Constraints: (C1) perm is a permutation of the input's dimensions. Source: ONNX Transpose (1, 13, 21 …).";
  let arguments = (ins MPC_Tensor:$input, DenseI64ArrayAttr:$perm);
  let results = (outs MPC_Tensor:$result);
  let hasVerifier = 1;
  let hasFolder = 1;
}
def MPC_ConcatOp : MPC_MovementOp<"concat", [DeclareOpInterfaceMethods<MPC_LayoutOpInterface, ["getLayoutOperands", "canSinkTranspose", "sinkTranspose"]>]> {
  let summary = "the operands one after the other along an axis";
  let description = [{
    Constraints:
    - (C1) at least one operand; 0 ≤ axis < rank
    - (C2) all sizes but that of the axis agree, and the axis is not the symbolic batch
    - (C3) the element types agree

    Source: ONNX Concat (1, 4, 11, 13).
  }];
  let arguments = (ins Variadic<MPC_Tensor>:$inputs, I64Attr:$axis);
  let results = (outs MPC_Tensor:$result);
  let hasVerifier = 1;
}
def MPC_SliceOp : MPC_MovementOp<"slice", [DeclareOpInterfaceMethods<MPC_LayoutOpInterface, ["canSinkTranspose", "sinkTranspose"]>]> {
  let summary = "every steps[d]-th element of a box";
  let description = [{
    `y[i...] = x[starts + i * steps]`, `sizes` elements in each dimension; negative steps walk backwards. A dimension that is the symbolic
    batch is taken whole (start 0, step 1; its size is written as -1).

    Constraints:
    - (C1) starts, sizes, steps have one entry per dimension, steps are not 0
    - (C2) all elements lie inside the input

    Source: ONNX Slice (1, 10, 11, 13), Split, StridedSlice forms of Gather.
  }];
  let arguments = (ins MPC_Tensor:$input, DenseI64ArrayAttr:$starts, DenseI64ArrayAttr:$sizes, DenseI64ArrayAttr:$steps);
  let results = (outs MPC_Tensor:$result);
  let hasVerifier = 1;
}
def MPC_PadMode : MPC_Enum<"PadMode", "what padding holds", [
  I32EnumAttrCase<"Constant", 0, "constant">, // a number
  I32EnumAttrCase<"Reflect", 1, "reflect">,   // the elements mirrored at the first and last one, which are not repeated
  I32EnumAttrCase<"Edge", 2, "edge">,         // the first and the last element
  I32EnumAttrCase<"Wrap", 3, "wrap">          // the elements again, from the other side
]>;
def MPC_PadModeAttr : MPC_EnumAttr<MPC_PadMode, "pad">;

def MPC_PadOp : MPC_MovementOp<"pad", [DeclareOpInterfaceMethods<MPC_LayoutOpInterface, ["canSinkTranspose", "sinkTranspose"]>]> {
  let summary = "padding by a constant or by the tensor's own elements";
  let description = [{
    `low` and `high` elements before and after each dimension: `value` (in the units of real numbers) in mode constant, else elements of the
    input, as NumPy's modes of the same names take them; padding of any size goes on mirroring or repeating.

    Constraints:
    - (C1) low and high have one entry per dimension, each ≥ 0, and 0 for the symbolic batch
    - (C2) in the modes other than constant, what is padded has elements

    Source: ONNX Pad (2, 11, 13, 18, 19 …), with constant pads.
  }];
  let arguments = (ins MPC_Tensor:$input, DenseI64ArrayAttr:$low, DenseI64ArrayAttr:$high, F64Attr:$value,
    DefaultValuedAttr<MPC_PadModeAttr, "PadMode::Constant">:$mode);
  let results = (outs MPC_Tensor:$result);
  let hasVerifier = 1;
}
def MPC_BroadcastOp : MPC_Op<"broadcast", [Pure, DeclareOpInterfaceMethods<MPC_QuantizableOpInterface>]> {
  let summary = "NumPy's broadcast to the result's shape";
  let description = "Constraints: (C1) the input's shape broadcasts to the result's; (C2) the element types agree. Source: ONNX Expand (8, 13).";
  let arguments = (ins MPC_Tensor:$input);
  let results = (outs MPC_Tensor:$result);
  let assemblyFormat = "operands attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

#endif // MPC_DIALECT_MPC_MPCMOVEMENTOPS_TD
