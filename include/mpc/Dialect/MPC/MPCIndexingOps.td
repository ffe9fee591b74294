//===- MPCIndexingOps.td - ops whose positions are data -*- tablegen -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_DIALECT_MPC_MPCINDEXINGOPS_TD
#define MPC_DIALECT_MPC_MPCINDEXINGOPS_TD

include "mpc/Dialect/MPC/MPCAttributes.td"
include "mpc/Dialect/MPC/MPCInterfaces.td"

// Positions that are read from a tensor count from the end where they are negative. One that is outside of its dimension all the same is
// no error that a kernel could report, and must not touch other memory: what reads takes the nearest position inside, what writes leaves
// that update out.

/// A signed integer that names a position.
def MPC_IndexTensor : RankedTensorOf<[I8, I16, I32, I64, SI8, SI16, SI32, SI64, UI8, UI16, UI32, UI64]>;
/// A tensor of rank 1 with one entry per element of a batch dimension.
def MPC_LengthTensor : RankedTensorOf<[I32, I64]>;

def MPC_ScatterKind : MPC_Enum<"ScatterKind", "what an update does to the element that is there", [
  I32EnumAttrCase<"Replace", 0, "replace">, I32EnumAttrCase<"Add", 1, "add">, I32EnumAttrCase<"Mul", 2, "mul">,
  I32EnumAttrCase<"Min", 3, "min">, I32EnumAttrCase<"Max", 4, "max">
]>;
def MPC_ScatterKindAttr : MPC_EnumAttr<MPC_ScatterKind, "scatter">;

/// Selects or places elements of `data`; positions are no activations.
class MPC_IndexingOp<string mnemonic, list<Trait> traits = []>
    : MPC_TensorOp<mnemonic, !listconcat([DeclareOpInterfaceMethods<MPC_QuantizableOpInterface, ["getActivationOperands"]>], traits)> {
  let results = (outs MPC_Tensor:$result);
  let hasVerifier = 1;
}
defvar MPC_SinksTransposes = DeclareOpInterfaceMethods<MPC_LayoutOpInterface, ["canSinkTranspose", "sinkTranspose"]>;

//===----------------------------------------------------------------------===//
// Gathering
//===----------------------------------------------------------------------===//

def MPC_GatherOp : MPC_IndexingOp<"gather", [MPC_SinksTransposes]> {
  let summary = "parts of a tensor along an axis, by position";
  let description = [{
    `y[a..., i..., b...] = data[a..., indices[i...], b...]`, with `a` as long as `axis`. Positions outside of the axis are moved to its nearest
    end.

    Constraints:
    - (C1) 0 ≤ axis < rank of data
    - (C2) the axis has elements, or the result has none
    - (C3) the result has data's element type

    Source: ONNX Gather (1, 11, 13).
  }];
  let arguments = (ins MPC_Tensor:$data, MPC_IndexTensor:$indices, I64Attr:$axis);
}
def MPC_GatherElementsOp : MPC_IndexingOp<"gather_elements", [MPC_SinksTransposes]> {
  let summary = "elements of a tensor, each at a position of its own along an axis";
  let description = [{
    `y[i...] = data[i..., with the entry of the axis replaced by indices[i...]]`. Positions outside of the axis are moved to its nearest end.

    Constraints:
    - (C1) 0 ≤ axis < rank of data, which is indices' rank
    - (C2) no size of indices but the axis' is larger than data's
    - (C3) the axis has elements, or the result has none
    - (C4) the result has data's element type

    Source: ONNX GatherElements (11, 13).
  }];
  let arguments = (ins MPC_Tensor:$data, MPC_IndexTensor:$indices, I64Attr:$axis);
}
def MPC_GatherNDOp : MPC_IndexingOp<"gather_nd"> {
  let summary = "parts of a tensor by their first coordinates";
  let description = [{
    With `b` = batch_dims, and k the last size of indices: `y[n..., i..., e...] = data[n..., indices[n..., i..., 0], …, indices[n..., i..., k-1], e...]`,
    n of length b. Coordinates outside of their dimension are moved to its nearest end.

    Constraints:
    - (C1) indices has a rank of 1 or more and a fixed last size k
    - (C2) 0 ≤ batch_dims < rank of indices, and batch_dims + k ≤ rank of data
    - (C3) the first batch_dims sizes of data and indices agree
    - (C4) the dimensions that coordinates choose from have elements, or the result has none
    - (C5) the result has data's element type

    Source: ONNX GatherND (11, 12, 13).
  }];
  let arguments = (ins MPC_Tensor:$data, MPC_IndexTensor:$indices, I64Attr:$batch_dims);
}

//===----------------------------------------------------------------------===//
// Scattering
//===----------------------------------------------------------------------===//

def MPC_ScatterElementsOp : MPC_IndexingOp<"scatter_elements", [MPC_SinksTransposes]> {
  let summary = "a tensor with some elements replaced, each at a position of its own along an axis";
  let description = [{
    `y = data`, then in index order `y[i..., with the entry of the axis replaced by indices[i...]] = updates[i...]`, or the sum, product, smaller or
    larger of the element that is there and the update. Sums and products of f16 and bf16 are rounded after every step. Updates outside of the
    axis are left out.

    Constraints:
    - (C1) 0 ≤ axis < rank of data
    - (C2) indices and updates have one shape, of data's rank
    - (C3) no size of indices but the axis' is larger than data's
    - (C4) updates and result have data's element type, which is not quantized if kind is add or mul

    Source: ONNX ScatterElements (11, 13, 16, 18), Scatter (9, 11).
  }];
  let arguments = (ins MPC_Tensor:$data, MPC_IndexTensor:$indices, MPC_Tensor:$updates, I64Attr:$axis,
    DefaultValuedAttr<MPC_ScatterKindAttr, "ScatterKind::Replace">:$kind);
}
def MPC_ScatterNDOp : MPC_IndexingOp<"scatter_nd"> {
  let summary = "a tensor with some parts replaced, which their first coordinates name";
  let description = [{
    With k the last size of indices: `y = data`, then in index order `y[indices[i..., 0], …, indices[i..., k-1], e...] = updates[i..., e...]`, or the
    sum, product, smaller or larger of the element that is there and the update. Sums and products of f16 and bf16 are rounded after every
    step. Updates of which a coordinate is outside of its dimension are left out.

    Constraints:
    - (C1) indices has a rank of 1 or more and a fixed last size k, at most the rank of data
    - (C2) updates has the shape of indices without the last dimension, then data's without the first k
    - (C3) updates and result have data's element type, which is not quantized if kind is add or mul

    Source: ONNX ScatterND (11, 13, 16, 18).
  }];
  let arguments = (ins MPC_Tensor:$data, MPC_IndexTensor:$indices, MPC_Tensor:$updates,
    DefaultValuedAttr<MPC_ScatterKindAttr, "ScatterKind::Replace">:$kind);
}
def MPC_TensorScatterOp : MPC_IndexingOp<"tensor_scatter", [MPC_SinksTransposes]> {
  let summary = "a cache with new entries, from a position of each sample on";
  let description = [{
    `y = cache`, but `y[n, ..., s, ...] = updates[n, ..., s - starts[n], ...]` where `0 ≤ s - starts[n] < T`, with T updates along the axis. With
    `circular` the difference is taken modulo the axis. Negative starts count from the end; what lies behind the end is left out.

    Constraints:
    - (C1) 1 ≤ axis < rank of cache, and the axis is not the symbolic batch
    - (C2) updates has cache's shape but along the axis, where it has no more elements
    - (C3) starts has the shape [batch], batch the first size of cache
    - (C4) updates and result have cache's element type

    Source: ONNX TensorScatter (24).
  }];
  let arguments = (ins MPC_Tensor:$cache, MPC_Tensor:$updates, MPC_LengthTensor:$starts, I64Attr:$axis, UnitAttr:$circular);
}

//===----------------------------------------------------------------------===//
// Other orders
//===----------------------------------------------------------------------===//

def MPC_ReverseSequenceOp : MPC_IndexingOp<"reverse_sequence", [MPC_SinksTransposes]> {
  let summary = "the first elements of each sample in reverse order";
  let description = [{
    Along the time axis, element t of sample n is element `lengths[n] - 1 - t` where `t < lengths[n]`, else element t. Lengths beyond the time
    axis count as its size.

    Constraints:
    - (C1) batch_axis and time_axis are two different dimensions of the input
    - (C2) the time axis is not the symbolic batch
    - (C3) lengths has the shape [size of the batch axis]
    - (C4) the element types agree

    Source: ONNX ReverseSequence (10).
  }];
  let arguments = (ins MPC_Tensor:$input, MPC_LengthTensor:$lengths, I64Attr:$batch_axis, I64Attr:$time_axis);
}
def MPC_OneHotOp : MPC_TensorOp<"one_hot"> {
  let summary = "one value at the position that is named, another one elsewhere";
  let description = [{
    `y[a..., c, b...] = values[1] if indices[a..., b...] is c or c - depth, else values[0]`, with `a` as long as `axis`. Real indices are rounded
    towards zero.

    Constraints:
    - (C1) 0 ≤ axis ≤ rank of indices, depth ≥ 0
    - (C2) values has shape [2]
    - (C3) the result has the values' element type

    Source: ONNX OneHot (9, 11), with a constant depth.
  }];
  let arguments = (ins MPC_NumberTensor:$indices, MPC_Tensor:$values, I64Attr:$axis, I64Attr:$depth);
  let results = (outs MPC_Tensor:$result);
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Ranking
//===----------------------------------------------------------------------===//

/// Finds positions, so that the result is no activation: computed on real numbers.
class MPC_RankingOp<string mnemonic> : MPC_TensorOp<mnemonic, [MPC_SinksTransposes]> {
  let results = (outs RankedTensorOf<[I64]>:$result);
}
def MPC_ArgReduceOp : MPC_RankingOp<"arg_reduce"> {
  let summary = "where the largest or smallest element along an axis is";
  let description = [{
    The axis stays, with size 1. Of equal elements the first one counts, or with `select_last` the last one. NaN is larger and smaller than
    everything.

    Constraints:
    - (C1) 0 ≤ axis < rank
    - (C2) the axis is not the symbolic batch, and has elements
    - (C3) kind is max or min

    Source: ONNX ArgMax, ArgMin (1, 11, 12, 13).
  }];
  let arguments = (ins MPC_NumberTensor:$input, MPC_ReduceKindAttr:$kind, I64Attr:$axis, UnitAttr:$select_last);
}
def MPC_TopKOp : MPC_RankingOp<"top_k"> {
  let summary = "where the k largest or smallest elements along an axis are, in order";
  let description = [{
    From the largest down, or with `smallest` from the smallest up; of equal elements the one with the lower position comes first. NaN is
    larger than everything. mpc.gather_elements fetches the values.

    Constraints:
    - (C1) 0 ≤ axis < rank
    - (C2) the axis is not the symbolic batch, and has at least k elements, k ≥ 0

    Source: ONNX TopK (1, 10, 11, 24), with a constant k.
  }];
  let arguments = (ins MPC_NumberTensor:$input, I64Attr:$axis, I64Attr:$k, UnitAttr:$smallest);
}

#endif // MPC_DIALECT_MPC_MPCINDEXINGOPS_TD
