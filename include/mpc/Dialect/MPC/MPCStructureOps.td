//===- MPCStructureOps.td - constants, groups, quantization -*- tablegen -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_DIALECT_MPC_MPCSTRUCTUREOPS_TD
#define MPC_DIALECT_MPC_MPCSTRUCTUREOPS_TD

include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mpc/Dialect/MPC/MPCAttributes.td"
include "mpc/Dialect/MPC/MPCInterfaces.td"

def MPC_ConstantOp : MPC_Op<"constant", [Pure, ConstantLike]> {
  let summary = "weights and other values known at compile time";
  let description = [{
    Weights are a `dense_resource`; a quantized result holds the storage values of `value`.

    Constraints:
    - (C1) value has the result's shape, and its element type, or the storage type of a quantized one
    - (C2) a dense_resource is there (not elided) and aligned to its element type

    ```mlir
    %w = mpc.constant dense<[1.0, 2.0]> : tensor<2xf32> -> tensor<2xf32>
    ```
  }];
  let arguments = (ins ElementsAttr:$value);
  let results = (outs MPC_Tensor:$result);
  let assemblyFormat = "$value attr-dict `->` type($result)";
  let hasVerifier = 1;
  let hasFolder = 1;
  let builders = [OpBuilder<(ins "::mlir::ElementsAttr":$value), [{ build($_builder, $_state, value.getShapedType(), value); }]>];
}

def MPC_GroupOp : MPC_Op<"group", [IsolatedFromAbove, RecursiveMemoryEffects, SingleBlockImplicitTerminator<"YieldOp">]> {
  let summary = "a root op and its epilogue: one kernel";
  let description = [{
    The unit of observation, precision, cost and code: what the body computes is computed by one kernel, and what the body yields is stored.
    Weights enter as operands, so that two groups that differ in weights only share their code.

    `name` is unique in the function: the model's name of the node that the group's root comes from. `precision` is what
    mpc-assign-precision decided, `reason` why; `range` the calibrated range of the result.

    Constraints:
    - (C1) one block argument per operand, of its type
    - (C2) the terminator yields values of the results' types
    - (C3) no group inside a group

    ```mlir
    %y = mpc.group "conv1" ins(%a = %x, %w0 = %w : tensor<?x3x8x8xf32>, tensor<4x3x1x1xf32>) -> tensor<?x4x8x8xf32> {
      %0 = mpc.conv %a, %w0 {...} : (tensor<?x3x8x8xf32>, tensor<4x3x1x1xf32>) -> tensor<?x4x8x8xf32>
      %1 = mpc.relu %0 : (tensor<?x4x8x8xf32>) -> tensor<?x4x8x8xf32>
      mpc.yield %1 : tensor<?x4x8x8xf32>
    }
    ```
  }];
  let arguments = (ins StrAttr:$name, Variadic<MPC_Tensor>:$inputs, OptionalAttr<MPC_PrecisionAttr>:$precision,
    OptionalAttr<StrAttr>:$reason, OptionalAttr<MPC_RangeAttr>:$range);
  let results = (outs Variadic<MPC_Tensor>:$results);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    ::mlir::Block &getBlock() { return getBody().front(); }
    /// The op that decides the kernel's loops: the first contraction, reduction, pooling, softmax or movement in the body, else its first
    /// element-wise op, else its first op.
    ::mlir::Operation *getRoot();
    /// Whether it reads, computes or stores quantized elements: before mpc-insert-quantization, a group that the model itself has quantized.
    bool isQuantized();
  }];
}

def MPC_YieldOp : MPC_Op<"yield", [Pure, ReturnLike, Terminator, HasParent<"GroupOp">]> {
  let summary = "what a group stores";
  let arguments = (ins Variadic<MPC_Tensor>:$values);
  let builders = [OpBuilder<(ins), [{ build($_builder, $_state, ::mlir::ValueRange{}); }]>];
  let assemblyFormat = "($values^ `:` type($values))? attr-dict";
}

/// Element-wise, with parameters in the types: fits into any epilogue, and is the same in every layout (per-axis parameters move along).
class MPC_QuantCastOp<string mnemonic, list<Trait> traits = []> : MPC_Op<mnemonic, !listconcat([Pure, SameOperandsAndResultShape,
    MPC_Positionwise, DeclareOpInterfaceMethods<MPC_LayoutOpInterface, ["canSinkTranspose"]>], traits)> {
  let assemblyFormat = "operands attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
  let extraClassDefinition = [{
    bool $cppClass::canSinkTranspose(::llvm::ArrayRef<int64_t>) { return true; }
  }];
}
def MPC_QuantizeOp : MPC_QuantCastOp<"quantize"> {
  let summary = "q = clamp(round_half_even(x / s) + z, qmin, qmax)";
  let description = [{
    IEEE f32 division; NaN → z. `qmin` and `qmax` are the storage bounds of the result's type. Never folds with a dequantize.
    Constraints: (C1) x is f32, f16 or bf16, the result quantized with f32 expressed type. Source: ONNX QuantizeLinear (10, 13, 19 …); NUMERICS.
  }];
  let arguments = (ins MPC_FloatTensor:$input);
  let results = (outs MPC_QuantTensor:$result);
}
def MPC_DequantizeOp : MPC_QuantCastOp<"dequantize"> {
  let summary = "x = (q - z) * s";
  let description = [{
    In f32. Also from an accumulator (`!quant.uniform<i32:f32…>`). Constraints: (C1) the input is quantized, the result is f32.
    Source: ONNX DequantizeLinear (10, 13, 19 …).
  }];
  let arguments = (ins MPC_QuantTensor:$input);
  let results = (outs MPC_FloatTensor:$result);
}
def MPC_DequantizeBlocksOp : MPC_Op<"dequantize_blocks", [Pure, AttrSizedOperandSegments]> {
  let summary = "weights from integers of 8 or 4 bits, with a scale per block";
  let description = [{
    Let c be an element's position along `axis` (its output channel), and r its position among the K elements of that channel in row-major
    order, which is the order in which products are summed; b = r / block.

    - `(q - zero_points[c, b]) * scales[c, b]`; without zero points they are 2^(bits-1)
    - with `table`: `table[q] * scales[c, b]`

    One multiplication in f32; scales are widened from bf16, differences of integers are exact. The last block of a channel may be shorter.
    Weights `[.., C, ..] ui8 or ui4` (4 bits take a byte here and half a byte in a library), `scales [C, ceil(K / block)] bf16`,
    `zero_points` of that shape, ui8, and `table [16] f32` → f32.

    Constraints:
    - (C1) the values are ui8 or ui4, the result f32 and of their shape
    - (C2) 0 ≤ axis < rank; block is a positive multiple of 2
    - (C3) scales are bf16 and, like the ui8 zero points, of shape [C, ceil(K / block)]
    - (C4) a table has 16 f32 elements, goes with values of 4 bits, and excludes zero points

    Source: block-wise weights of ONNX DequantizeLinear (21) and com.microsoft MatMulNBits; codebooks: NF4 (Dettmers et al., QLoRA, 2023),
    here by k-means.

    ```mlir
    %w = mpc.dequantize_blocks %q, %s zero_points(%z) {axis = 1 : i64, block = 32 : i64}
        : (tensor<64x16xui4>, tensor<16x2xbf16>, tensor<16x2xui8>) -> tensor<64x16xf32>
    ```
  }];
  let arguments = (ins MPC_Tensor:$values, MPC_Tensor:$scales, Optional<MPC_Tensor>:$zero_points, Optional<MPC_Tensor>:$table,
    I64Attr:$axis, I64Attr:$block);
  let results = (outs MPC_FloatTensor:$result);
  let assemblyFormat = [{
    $values `,` $scales (`zero_points` `(` $zero_points^ `)`)? (`table` `(` $table^ `)`)? attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}
def MPC_RequantizeOp : MPC_QuantCastOp<"requantize"> {
  let summary = "integers of one scale as integers of another";
  let description = [{
    `y = clamp(round(x * M) + z_y, low, high)`, `x = q - z_x`, `M = s_x / s_y`; low and high are the storage bounds, tightened to the quantized
    bounds of a fused clamp (`low`, `high`). `rounding` names the arithmetic; each is defined in QuantMath:

    - onnx: in f32, ties to even. s_x of an accumulator is the f32 product of its factors' scales
    - tflite, tflite_single: M as a 32-bit multiplier and a shift, rounded twice or once (TensorFlow Lite, MultiplyByQuantizedMultiplier);
      with `shift` x is shifted left by so many bits before, and M is less by as many (TensorFlow Lite's addition)
    - tosa, tosa_double: apply_scale_32 with SINGLE_ROUND or DOUBLE_ROUND (TOSA 1.0, RESCALE)

    Constraints:
    - (C1) the input is a quantized 8-, 16- or 32-bit type, the result such a type with one scale
    - (C2) low ≤ high lie within the result's storage bounds
    - (C3) onnx: the input has 32 bits, the result 8; shift is from 1 to 20 and only with tflite or tflite_single, from 8 bits
  }];
  let arguments = (ins MPC_QuantTensor:$input, DefaultValuedAttr<MPC_RoundingAttr, "Rounding::ONNX">:$rounding,
    OptionalAttr<I64Attr>:$low, OptionalAttr<I64Attr>:$high, OptionalAttr<I64Attr>:$shift);
  let results = (outs MPC_QuantTensor:$result);
}

def MPC_LookupOp : MPC_Op<"lookup", [Pure, MPC_Positionwise]> {
  let summary = "a function of bytes, as a table";
  let description = [{
    `y = table[q - m]`, where m is the smallest byte (0, or -128 where the input is signed): any function from 8 bits to 8 bits, computed for its 256
    arguments at compile time.

    Constraints:
    - (C1) the input is quantized with 8 bits
    - (C2) the table has shape [256], the result the input's shape; both have the same quantized 8-bit elements

    Source: TOSA TABLE; TensorFlow Lite's tables of 8-bit activations.
  }];
  let arguments = (ins MPC_QuantTensor:$input, MPC_QuantTensor:$table);
  let results = (outs MPC_QuantTensor:$result);
  let assemblyFormat = "operands attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def MPC_StorageCastOp : MPC_QuantCastOp<"storage_cast"> {
  let summary = "the stored integers of a quantized tensor as integers, or back";
  let description = [{
    No element changes: this is how a model's integer tensors (`tensor<4xui8>`, `tensor<4xi8>`; signless ones are signed) meet quantized types,
    which say what their integers mean. A cast there and back is the value itself.

    Constraints:
    - (C1) one side is quantized, the other has integers as wide as its storage, of the same signedness

    Source: the integer tensors around ONNX's quantized operators.
  }];
  let arguments = (ins MPC_Tensor:$input);
  let results = (outs MPC_Tensor:$result);
  let hasFolder = 1;
}

def MPC_ObserveOp : MPC_Op<"observe", [Pure]> {
  let summary = "smallest and largest element of a tensor";
  let description = [{
    `[min(x), max(x)]` over all elements; NaN wins. `tensor` names what is observed. mpc-observe-ranges puts one on the model's inputs and on what
    groups store, and returns the results beside the model's own.
  }];
  let arguments = (ins MPC_FloatTensor:$input, StrAttr:$tensor);
  let results = (outs RankedTensorOf<[F32]>:$result);
  let assemblyFormat = "$tensor operands attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def MPC_HistogramOp : MPC_Op<"histogram", [Pure]> {
  let summary = "how often the elements of a tensor fall into each of equal bins";
  let description = [{
    With n bins (the result's size) and `m = max(|range[0]|, |range[1]|)`, bins are as wide as the power of two
    `w = 2^(floor(log2 m) - log2(n) + 2)`, at least 2^-127, so that all elements of `[-m, m]` fall into one:

    - x ≥ 0 into bin `n/2 + floor(x / w)`
    - x < 0 into bin `n/2 - 1 - floor(-x / w)`

    NaN, and what lies outside, falls into the bin of zero. Bins are aligned to zero and widths are powers of two: a histogram of wider bins
    follows exactly from one of narrower bins, by adding neighbours, so that histograms of several runs add up exactly and in any order.
    `range` is what mpc.observe gives for the same tensor, and `tensor` names it.

    Constraints:
    - (C1) `range` has shape [2]
    - (C2) the result has one dimension, whose size is a power of two from 4 to 65536

    Source: calibration by histogram (percentile, mean squared error, entropy).
  }];
  let arguments = (ins MPC_FloatTensor:$input, RankedTensorOf<[F32]>:$range, StrAttr:$tensor);
  let results = (outs RankedTensorOf<[I64]>:$result);
  let assemblyFormat = "$tensor operands attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def MPC_ChannelSumsOp : MPC_Op<"channel_sums", [Pure]> {
  let summary = "the sum of each channel of a tensor, and how many positions it has";
  let description = [{
    With C channels in the last dimension, element c < C is `Σ round_half_even(x · 2^20)` over the elements of channel c, and element C is the number of elements
    of a channel. The sums are exact as long as they stay below 2^53, so that those of several runs add up exactly and in any order. ±2^62 stands for a sum that is
    no number or beyond that. `tensor` names what is observed.

    Constraints:
    - (C1) the input has a dimension, and the last one is no symbolic size
    - (C2) the result has one dimension, of C + 1 elements

    Source: means of what contractions read, for the correction of their biases (Nagel et al. 2019, section 4.2).
  }];
  let arguments = (ins MPC_FloatTensor:$input, StrAttr:$tensor);
  let results = (outs RankedTensorOf<[I64]>:$result);
  let assemblyFormat = "$tensor operands attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

#endif // MPC_DIALECT_MPC_MPCSTRUCTUREOPS_TD
