//===- KernelOps.td - packed contractions and their inner tile -*- tablegen -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_DIALECT_KERNEL_KERNELOPS_TD
#define MPC_DIALECT_KERNEL_KERNELOPS_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/DestinationStyleOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

//===----------------------------------------------------------------------===//
// Dialect
//===----------------------------------------------------------------------===//

def Kernel_Dialect : Dialect {
  let name = "kernel";
  let cppNamespace = "::mpc::kernel";
  let summary = "packed contractions, tiled, with the name of the instruction that computes them";
  let description = [{
    The dialect stands between linalg and vector code on CPUs. `linalg` says *what* a contraction computes; `kernel` says in
    which layout the weights lie, which part of the padding, bias and activation belongs to the same pass over the output,
    and which instruction multiplies. It has three levels:

    1. `kernel.unpack` ties packed weights to the linalg op that still reads them in the model's layout;
    2. `kernel.contract` and `kernel.depthwise` compute a whole output, on tensors or on memrefs;
    3. `kernel.inner_tile`, or with tile registers `kernel.matrix_tile`, computes one register tile and names its instruction.

    **Packed weights.** One layout serves every instruction set, so that a library stores its weights once:
    `panels × taps × kblocks × 16 × kv`. A panel holds 16 output channels. A tap is one position of the window (a matrix
    product has one). `kv` values of the reduction dimension lie side by side: 1 for f32 and f16, 2 for bf16, 4 for 8-bit integers,
    because integer dot products reduce four bytes per lane; with `mma` as many as a register of 32 bits holds. Ragged edges are zero. Where a window's taps are short
    (few input channels) they are laid end to end and count as one tap: `gathered` weights. Those of `kernel.winograd` are
    transformed, G·w·Gᵀ of each window, and have 36 taps, the elements of that in order.

    **Weights in blocks.** Integers of 8 or 4 bits with a scale per block (#kernel.blocks) are one stream of bytes per panel, `panels × bytes`,
    that is read from start to end. kernel.inner_tile dequantizes them in registers where a tile of rows reads them once
    or twice; else `kernel.expand` makes packed f32 weights of them, before the contraction.
  }];
  let useDefaultAttributePrinterParser = 1;
  let extraClassDeclaration = [{
    void registerAttributes();
  }];
}

//===----------------------------------------------------------------------===//
// Attributes
//===----------------------------------------------------------------------===//

class Kernel_Attr<string name, string attrMnemonic> : AttrDef<Kernel_Dialect, name> {
  let mnemonic = attrMnemonic;
}

def Kernel_Intrinsic : I32EnumAttr<"Intrinsic", "the instruction that multiplies and accumulates", [
    I32EnumAttrCase<"fma", 0>,
    I32EnumAttrCase<"vpdpbusd", 1>,
    I32EnumAttrCase<"pmaddwd", 2>,
    I32EnumAttrCase<"muladd", 3>,
    I32EnumAttrCase<"mma", 4>,
    I32EnumAttrCase<"vdpbf16ps", 5>,
    I32EnumAttrCase<"wgmma", 6>,
    I32EnumAttrCase<"vfmaddph", 7>,
    I32EnumAttrCase<"tdpbusd", 8>,
    I32EnumAttrCase<"tdpbf16ps", 9>]> {
  let cppNamespace = "::mpc::kernel";
  let genSpecializedAttr = 0;
  let description = [{
    - `fma`: floating point, operands widened to f32, one rounding per step;
    - `vdpbf16ps`: AVX512-BF16, two bf16 products per f32 lane; subnormals count as zero;
    - `vfmaddph`: AVX512-FP16, f16 added in f16 over up to 64 neighbouring pairs of a row's values, these sums in f32; only where it is asked for;
    - `vpdpbusd`: AVX512-VNNI, four u8×s8 products per i32 lane;
    - `pmaddwd`: AVX2 or AVX-512 without VNNI, signed activations and those of i16: both operands widened to i16, two products per i32
      lane, exact because |x·w| ≤ 2·2^15·128 fits in i32 (vpmaddubsw saturates at 16 bits and is never used); with AVX512-VNNI vpdpwssd, which adds, too;
    - `muladd`: widened to i32, multiplied, added; no reduction across lanes (depthwise, and one thread per output on GPUs);
    - `mma`: a GPU's tensor cores, mma.sync of 16 rows by 8 columns; 8-bit integers into i32, f16 and bf16 into f32;
    - `tdpbusd`: AMX, tile registers: 16 rows by 16 columns of i32, 64 u8×s8 products of each; of signed rows tdpbssd;
    - `tdpbf16ps`: the same with 32 products of bf16 into f32; subnormals count as zero;
    - `wgmma`: Hopper's tensor cores, wgmma of 64 rows by up to 256 columns, by four warps together; the same numbers.
  }];
}

def Kernel_IntrinsicAttr : EnumAttr<Kernel_Dialect, Kernel_Intrinsic, "intrinsic">;

def Kernel_TilingAttr : Kernel_Attr<"Tiling", "tiling"> {
  let summary = "how a contraction is cut into register tiles, and the instruction of the tile";
  let description = [{
    A register tile is `rows` output rows by `columns` output channels (a multiple of 16 unless `planar`). `kv` is the number of reduction
    values that lie side by side in the packed weights. `gather` says that the rows of a tile are copied into a small
    buffer before they are multiplied, because a row's reduction dimension is too short or not a multiple of `kv`.
    `expand`: weights in blocks are dequantized before the contraction, not by its tiles. `interleave`: all rows, of a number that is known and without a
    window, are copied before the contraction, so that the same element of 16 of them lies side by side (kernel.pack). Tiles of up to 16 rows read that with one
    pointer, and without the conflicts that rows a multiple of 4 KiB apart have in the first-level cache. `planar`: the lanes of a vector are
    `rows` neighbouring output pixels of one row, not channels, of all `columns` channels (kernel.planar). `winograd`: the tile is one of
    the 36 products of kernel.winograd, and its rows are blocks of 4 × 4 output pixels. With tile registers (`tdpbusd`, `tdpbf16ps`) four of
    them hold the sums: up to 64 rows by 16 columns, 32 by 32 or 16 by 64. Those of a window that are not gathered are
    as many neighbouring pixels as divide a row of them into equal parts of at most 16, of as many rows of pixels.

    ```mlir
    #kernel.tiling<intrinsic = vpdpbusd, rows = 6, columns = 64, kv = 4>
    ```
  }];
  let parameters = (ins EnumParameter<Kernel_Intrinsic>:$intrinsic, "int64_t":$rows, "int64_t":$columns, "int64_t":$kv,
      DefaultValuedParameter<"bool", "false">:$gather, DefaultValuedParameter<"bool", "false">:$expand,
      DefaultValuedParameter<"bool", "false">:$planar, DefaultValuedParameter<"bool", "false">:$interleave,
      DefaultValuedParameter<"bool", "false">:$winograd);
  let skipDefaultBuilders = 1;
  let builders = [AttrBuilder<(ins "::mpc::kernel::Intrinsic":$intrinsic, "int64_t":$rows, "int64_t":$columns, "int64_t":$kv, "bool":$gather,
      "bool":$expand, "bool":$planar, CArg<"bool", "false">:$interleave, CArg<"bool", "false">:$winograd),
      "return $_get($_ctxt, intrinsic, rows, columns, kv, gather, expand, planar, interleave, winograd);">];
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

def Kernel_WindowAttr : Kernel_Attr<"Window", "window"> {
  let summary = "the window of a convolution over (height, width) or (depth, height, width)";
  let description = [{
    Output pixel (oh, ow) and tap (kh, kw) read input pixel (oh·s₀ + kh·d₀ − low₀, ow·s₁ + kw·d₁ − low₁); outside of the
    input the pad value is read. With a depth the same holds of three coordinates. All lists have two elements, or three.

    The rows of a window are its taps of all kw: as many as it is high, or with a depth as depth times height, the height's innermost.
  }];
  let parameters = (ins "::mlir::DenseI64ArrayAttr":$sizes, "::mlir::DenseI64ArrayAttr":$strides,
      "::mlir::DenseI64ArrayAttr":$dilations, "::mlir::DenseI64ArrayAttr":$low, "::mlir::DenseI64ArrayAttr":$high);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// The output size along dimension `dim` for an input of `size` pixels.
    int64_t getOutputSize(unsigned dim, int64_t size) const;
    /// Number of positions of the window.
    int64_t getNumTaps() const { return getNumRows() * getRowTaps(); }
    /// 2, or 3 with a depth.
    unsigned getRank() const { return getSizes().size(); }
    /// Rows of the window, and taps, stride and dilation of one.
    int64_t getNumRows() const { return ::llvm::product_of(getSizes().asArrayRef().drop_back()); }
    int64_t getRowTaps() const { return getSizes().asArrayRef().back(); }
    int64_t getRowStride() const { return getStrides().asArrayRef().back(); }
    int64_t getRowDilation() const { return getDilations().asArrayRef().back(); }
    /// Whether dimension `dim` reads outside of the input.
    bool isPadded(unsigned dim) const { return getLow()[dim] != 0 || getHigh()[dim] != 0; }
    /// Whether rows of the window, or parts of rows, lie outside of the input.
    bool isPaddedAcross() const;
    bool isPaddedAlong() const { return isPadded(getRank() - 1); }
    bool isPadded() const { return isPaddedAcross() || isPaddedAlong(); }
    /// Whether every output pixel reads exactly the input pixel of the same position.
    bool isPointwise() const;
  }];
}

def Kernel_BlocksAttr : Kernel_Attr<"Blocks", "blocks"> {
  let summary = "the layout of a panel of weights in blocks";
  let description = [{
    A panel of 16 output channels (lanes) with `depth` weights each, in the order in which their products are summed:

    - with `table`: 16 levels of 4 bytes, f32
    - then for each run of `block` weights (the last one may be shorter):
      - 16 scales of 2 bytes, bf16
      - with `zero_points`: 16 bytes
      - `bits` = 8: 16 bytes for each weight; 4: 16 words of 32 bits for each eight, the first one in the lowest bits of a word
    - with 4 bits: 4 bytes of 0, so that words may be read from any of their bytes on

    Weight k of a lane is `(q - z) * s` or, with `table`, `table[q] * s`, in f32; z is 2^(bits-1) without `zero_points`.
    Numbers are little-endian. Lanes past the last channel are 0, and so is what fills up the last word of a run.

    With `fragments` the weights of a run stand as the 32 threads of a warp hold them for mma.sync m16n8k16: of each 32 weights of all lanes (the
    last ones are filled up with 0) thread 4g + t has 2 · `bits` bytes, thread after thread, of lanes 2g and 2g + 1. A lane's are `bits` / 4 words of 32 bits, in
    which weights 8i + 2t and 8i + 2t + 1, i from 0 to 3, stand `bits` · i and `bits` · i + 16 bits from the lowest one; with 8 bits the first
    word has i = 0 and 1, the second 2 and 3. A shift and a mask then give two neighbours in the halves of a register, where the bits of 1024 above them make two f16
    numbers of them (Kim et al., "Who Says Elephants Can't Run", arXiv:2211.10017; Frantar et al., "MARLIN", arXiv:2408.11743).

    ```mlir
    #kernel.blocks<bits = 4, block = 32, depth = 64, zero_points = true>
    ```
  }];
  let parameters = (ins "int64_t":$bits, "int64_t":$block, "int64_t":$depth, DefaultValuedParameter<"bool", "false">:$zero_points,
      DefaultValuedParameter<"bool", "false">:$table, DefaultValuedParameter<"bool", "false">:$fragments);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// Bytes of a panel before the first run, and before the weights of a run.
    int64_t getTableBytes() const;
    int64_t getHeaderBytes() const;
    /// Weights of each lane that stand in one group of 16 bytes or words.
    int64_t getPerGroup() const { return getBits() == 4 ? 8 : 1; }
    int64_t getGroupBytes() const { return 2 * getPerGroup() * getBits(); }
    /// Bytes of a run of `length` weights.
    int64_t getRunBytes(int64_t length) const;
    int64_t getPanelBytes() const;
    /// Where weight `k` of a lane stands: the byte of a panel, and its lowest bit.
    std::pair<int64_t, int64_t> getWeightPosition(int64_t lane, int64_t k) const;
  }];
}

//===----------------------------------------------------------------------===//
// Operations
//===----------------------------------------------------------------------===//

class Kernel_Op<string mnemonic, list<Trait> traits = []> : Op<Kernel_Dialect, mnemonic, traits>;

def Kernel_TensorOrMemRef : AnyTypeOf<[AnyRankedTensor, AnyStridedMemRef]>;

def Kernel_UnpackOp : Kernel_Op<"unpack", [Pure]> {
  let summary = "packed weights in the layout of the model";
  let description = [{
    `result[n, (taps,) k] = packed[n / 16, tap, k / kv, n % 16, k % kv]`, without the ragged edge's zeros. The result is
    `OC×KH×KW×IC`, `OC×KD×KH×KW×IC` or `N×K`, or `K×N` with `transposed`. Where `packed` has one tap and the result several, the weights are
    gathered: k runs over ((kd,) kh, kw, ic). With `winograd`, `packed` has 36 taps, G·w·Gᵀ of the result's windows w (kernel.winograd).

    The op lets the weights of a function take their packed type while a linalg op still reads them; `mpc-tile-and-fuse`
    consumes it, so that no code ever unpacks.

    Constraints:
    - (C1) `packed` has rank 5 and `packed.dim(3)` = 16;
    - (C2) `packed` holds as many panels, taps and k blocks as `result` needs;
    - (C3) element types are equal;
    - (C4) `transposed` only with a result of rank 2;
    - (C5) with `blocks`, `packed` is `panels × bytes` of i8 as they say, and the result f32;
    - (C6) without `blocks`, the result has rank 2, 4 or 5;
    - (C7) `winograd` only with a result of f32 `OC×3×3×IC`, and without `blocks`.

    Example:
    ```mlir
    %w = kernel.unpack %p : tensor<2x9x16x16x4xi8> to tensor<32x3x3x64xi8>
    ```
  }];
  let arguments = (ins AnyStaticShapeTensor:$packed, UnitAttr:$transposed, OptionalAttr<Kernel_BlocksAttr>:$blocks,
      UnitAttr:$winograd);
  let results = (outs AnyStaticShapeTensor:$result);
  let assemblyFormat = "$packed attr-dict `:` type($packed) `to` type($result)";
  let hasVerifier = 1;
}

def Kernel_DequantizeOp : Kernel_Op<"dequantize", [Pure, AttrSizedOperandSegments]> {
  let summary = "weights in blocks, in the layout of the model";
  let description = [{
    What `mpc.dequantize_blocks` computes. Says what weights are until `mpc-pack-constants` packs them, so that no code ever computes it.
    `values` are bytes, one for each weight.

    Constraints:
    - (C1) `values` are i8 and of the result's shape, the result is f32; bits are 8 or 4;
    - (C2) 0 ≤ axis < rank, block is a positive multiple of 2;
    - (C3) `scales` (bf16) and `zero_points` (i8) are `C × ceil(K / block)`, where C is the size of `axis` and K what else there is per channel;
    - (C4) `table` is `16` f32, only with 4 bits, and excludes zero points.

    Example:
    ```mlir
    %w = kernel.dequantize %q, %s {axis = 1 : i64, bits = 4 : i64, block = 32 : i64}
        : (tensor<64x16xi8>, tensor<16x2xbf16>) -> tensor<64x16xf32>
    ```
  }];
  let arguments = (ins AnyStaticShapeTensor:$values, AnyStaticShapeTensor:$scales, Optional<AnyStaticShapeTensor>:$zero_points,
      Optional<AnyStaticShapeTensor>:$table, I64Attr:$axis, I64Attr:$bits, I64Attr:$block);
  let results = (outs AnyStaticShapeTensor:$result);
  let assemblyFormat = [{
    $values `,` $scales (`zero_points` `(` $zero_points^ `)`)? (`table` `(` $table^ `)`)? attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def Kernel_ExpandOp : Kernel_Op<"expand", [
    DestinationStyleOpInterface, DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "packed f32 weights from weights in blocks";
  let description = [{
    `out[panel, tap, k, lane, 0]` is weight `tap·K + k` of the lane, where K is the number of k blocks.

    Constraints:
    - (C1) both operands are tensors, or both are memrefs; tensors give one result of `out`'s type;
    - (C2) `stream` is `panels × bytes` of i8, as `blocks` say, which are not in `fragments`;
    - (C3) `out` is packed f32 weights with kv = 1, as many panels, and `blocks.depth` weights per lane.

    Example:
    ```mlir
    %w = kernel.expand ins(%p : tensor<1x576xi8>) outs(%o : tensor<1x1x64x16x1xf32>)
        attributes {blocks = #kernel.blocks<bits = 4, block = 32, depth = 64>} -> tensor<1x1x64x16x1xf32>
    ```
  }];
  let arguments = (ins Kernel_TensorOrMemRef:$stream, Kernel_TensorOrMemRef:$out, Kernel_BlocksAttr:$blocks);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let assemblyFormat = [{
    `ins` `(` $stream `:` type($stream) `)` `outs` `(` $out `:` type($out) `)` attr-dict-with-keyword (`->` type($results)^)?
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() { return getOutMutable(); }
  }];
}

def Kernel_PackOp : Kernel_Op<"pack", [
    DestinationStyleOpInterface, DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "packs the right operand of a matrix product at run time";
  let description = [{
    `out[b · panels + n / 16, 0, k / kv, n % 16, k % kv] = source[b, n, k]`, or `source[b, k, n]` with `transposed`; zeros where there is no
    n or k. b counts over all leading dimensions, panels = ceil(N / 16).

    Constraints:
    - (C1) both operands are tensors, or both are memrefs; tensors give one result of `out`'s type;
    - (C2) `source` has a rank of at least 2 and static last two dimensions; element types are equal;
    - (C3) `out` has rank 5, one tap, and the panels and k blocks that `source` needs.

    Example:
    ```mlir
    %p = kernel.pack ins(%v : tensor<8x64x40xf32>) outs(%o : tensor<24x1x64x16x1xf32>) attributes {transposed} -> tensor<24x1x64x16x1xf32>
    ```
  }];
  let arguments = (ins Kernel_TensorOrMemRef:$source, Kernel_TensorOrMemRef:$out, UnitAttr:$transposed);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let assemblyFormat = [{
    `ins` `(` $source `:` type($source) `)` `outs` `(` $out `:` type($out) `)` attr-dict-with-keyword (`->` type($results)^)?
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() { return getOutMutable(); }
  }];
}

/// What kernel.contract, kernel.depthwise, kernel.planar and kernel.winograd share: operands, the epilogue region and destination passing.
class Kernel_OutputOp<string mnemonic> : Kernel_Op<mnemonic, [
    DestinationStyleOpInterface, DeclareOpInterfaceMethods<MemoryEffectsOpInterface>,
    IsolatedFromAbove, SingleBlock]> {
  let arguments = (ins
      Kernel_TensorOrMemRef:$input,
      Kernel_TensorOrMemRef:$weights,
      Variadic<Kernel_TensorOrMemRef>:$extras,
      Kernel_TensorOrMemRef:$out,
      OptionalAttr<Kernel_WindowAttr>:$window,
      OptionalAttr<TypedAttrInterface>:$pad_value,
      AffineMapArrayAttr:$extra_maps,
      UnitAttr:$unsigned_input,
      Kernel_TilingAttr:$tiling,
      OptionalAttr<Kernel_BlocksAttr>:$blocks,
      UnitAttr:$batched);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let regions = (region SizedRegion<1>:$epilogue);
  let assemblyFormat = [{
    `ins` `(` $input `,` $weights `:` type($input) `,` type($weights) `)`
    (`extras` `(` $extras^ `:` type($extras) `)`)?
    `outs` `(` $out `:` type($out) `)` attr-dict-with-keyword $epilogue (`->` type($results)^)?
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() { return getOutMutable(); }
    /// The type that products accumulate in: i32, or f32.
    ::mlir::Type getAccumulatorType() { return getEpilogue().getArgument(0).getType(); }
    /// The epilogue's map of operand `index` of `extras`.
    ::mlir::AffineMap getExtraMap(unsigned index) {
      return ::llvm::cast<::mlir::AffineMapAttr>(getExtraMaps()[index]).getValue();
    }
  }];
}

def Kernel_ContractOp : Kernel_OutputOp<"contract"> {
  let summary = "matrix product or convolution with packed weights, and its epilogue";
  let description = [{
    ```
    acc[m, n]             = Σ_k input[m, k] · weights[n, k]
    acc[b, oh, ow, n]     = Σ_kh,kw,c input[b, oh·s₀ + kh·d₀ − low₀, ow·s₁ + kw·d₁ − low₁, c] · weights[n, kh, kw, c]
    out[...]              = epilogue(acc[...], extras at extra_maps ...)
    ```
    Without `window` the input is `…×M×K` and the output `…×M×N`; leading dimensions are rows. With it the input is
    `B×H×W×C` and the output `B×OH×OW×N`. Weights are packed (see the dialect); the epilogue is a region of scalar
    element-wise operations whose arguments are the accumulator and one element of each of `extras`.

    Element types: f32, f16 and bf16 accumulate in f32 by fused multiply-add; i8 (signed, or u8 with `unsigned_input`)
    times s8 accumulates in i32 modulo 2³². The sum runs over (kh, kw, c) in order and is never split, so a result depends
    neither on the tile nor on the instruction set; but `vdpbf16ps` adds bf16 products in pairs, `tdpbf16ps` in steps
    (kernel.matrix_tile), both take subnormals for zero; with `blocks` `tdpbf16ps` multiplies the integers of 32 weights by the bf16 numbers that an element
    of the input is the sum of (f32: three, f16: two), and adds what they add up to, times their scale, to the sum; and `vfmaddph` sums chunks of 64 pairs of products in f16 (kernel.inner_tile). Outside of the input the pad value is read; it is a value of the input (for integers the zero point). Where it is zero such products may be left out,
    which is the same for finite weights.

    With `batched`, each position of the leading dimensions but M has its own weights, `panels` after `panels` (kernel.pack).

    Constraints:
    - (C1) all of `input`, `weights`, `extras` and `out` are tensors, or all are memrefs; tensors give one result of `out`'s type;
    - (C2) `weights` has rank 5, `dim(3)` = 16 and `dim(4)` = `tiling.kv`;
    - (C3) with `window`, `input` and `out` have rank 4, or 5 where it has a depth, and static sizes but the first; without it equal ranks ≥ 2
      and static last dimensions;
    - (C4) taps and k blocks of `weights` fit the input's channels and the window;
    - (C5) panels of `weights` fit the output's channels, with `batched` those of each position; `batched` only without a window,
      with an output of rank 3 or more whose M is static;
    - (C6) the output's sizes follow from the window;
    - (C7) element types: f32, f16 and bf16 with an f32 accumulator, or i8 or signed i16 × i8 with an i32 accumulator;
    - (C8) `pad_value` is there if and only if the window pads, and has the input's element type;
    - (C9) one map per extra, from the output's dimensions; each result is a dimension or 0, the output's last dimension only as
      the last result;
    - (C10) the region has one argument per extra besides the accumulator, of the right element types, and yields one
      value of `out`'s element type;
    - (C11) operations of the region are element-wise, or constants;
    - (C12) with `blocks`, `weights` is `panels × bytes` of i8 as they say, of one tap but with mma, the input is floating point, and the accumulator f32;
      they are in `fragments` if and only if the instruction is mma;
    - (C13) with tile registers and a window that is not pointwise, unless rows are gathered: it has no depth, its rows have no gaps, channels
      are a multiple of kv, and a tile is whole parts of rows of pixels (#kernel.tiling) that fit four registers;
    - (C14) with tile registers and `blocks`: `tdpbf16ps`, no table, a window that is pointwise if there is one, rows that are not gathered, a depth
      that is a multiple of 32, and blocks of a multiple of 32 or of the whole depth.

    Example:
    ```mlir
    kernel.contract ins(%x, %w : tensor<4x8xf32>, tensor<1x1x8x16x1xf32>) extras(%bias : tensor<16xf32>)
        outs(%o : tensor<4x16xf32>)
        attributes {extra_maps = [affine_map<(m, n) -> (n)>],
                    tiling = #kernel.tiling<intrinsic = fma, rows = 4, columns = 16, kv = 1>} {
    ^bb0(%acc: f32, %b: f32):
      %s = arith.addf %acc, %b : f32
      kernel.yield %s : f32
    } -> tensor<4x16xf32>
    ```
  }];
}

def Kernel_DepthwiseOp : Kernel_OutputOp<"depthwise"> {
  let summary = "depthwise convolution and its epilogue";
  let description = [{
    `acc[b, oh, ow, c] = Σ_kh,kw input[b, oh·s₀ + kh·d₀ − low₀, ow·s₁ + kw·d₁ − low₁, c] · weights[kh, kw, c]`, then the
    epilogue as in `kernel.contract`. Weights stay `KH×KW×C`: channels already lie side by side.

    Constraints: (C1), (C6) to (C11) of `kernel.contract`, and
    - (D1) `window` is there, `input` and `out` have rank 4 and static height, width and channels, `weights` is `KH×KW×C`.

    Example:
    ```mlir
    kernel.depthwise ins(%x, %w : tensor<1x8x8x16xf32>, tensor<3x3x16xf32>) outs(%o : tensor<1x6x6x16xf32>)
        attributes {extra_maps = [], tiling = #kernel.tiling<intrinsic = fma, rows = 1, columns = 16, kv = 1>,
                    window = #kernel.window<sizes = [3, 3], strides = [1, 1], dilations = [1, 1], low = [0, 0], high = [0, 0]>} {
    ^bb0(%acc: f32):
      kernel.yield %acc : f32
    } -> tensor<1x6x6x16xf32>
    ```
  }];
}

def Kernel_PlanarOp : Kernel_OutputOp<"planar"> {
  let summary = "convolution with few output channels, and its epilogue";
  let description = [{
    What `kernel.contract` computes with a window, the same sums in the same order. Lanes of vectors are neighbouring pixels of
    an output row: where there are fewer channels than lanes, panels of channels would be computed for nothing. The rows of the input that a
    block of output rows needs are copied channel by channel, with their padding, to memory of the thread. Weights stay `OC×KH×KW×IC`.

    Constraints: (C1), (C6) to (C11) of `kernel.contract`, and
    - (P1) `window` is there, `input` and `out` have rank 4 and static height, width and channels, `weights` is `OC×KH×KW×IC`;
    - (P2) operands are floating point, or, with `vpdpbusd`, i8 with `unsigned_input` and a multiple of 4 input channels.

    Example:
    ```mlir
    kernel.planar ins(%x, %w : tensor<1x8x32x4xf32>, tensor<2x3x3x4xf32>) outs(%o : tensor<1x6x30x2xf32>)
        attributes {extra_maps = [], tiling = #kernel.tiling<intrinsic = fma, rows = 16, columns = 2, kv = 1, planar = true>,
                    window = #kernel.window<sizes = [3, 3], strides = [1, 1], dilations = [1, 1], low = [0, 0], high = [0, 0]>} {
    ^bb0(%acc: f32):
      kernel.yield %acc : f32
    } -> tensor<1x6x30x2xf32>
    ```
  }];
}

def Kernel_WinogradOp : Kernel_OutputOp<"winograd"> {
  let summary = "3 × 3 convolution by minimal filtering, and its epilogue";
  let description = [{
    Nearly what `kernel.contract` computes with a window of 3 × 3, with a quarter of its multiplications: F(4 × 4, 3 × 3) of Winograd's minimal filtering (Lavin & Gray,
    "Fast Algorithms for Convolutional Neural Networks", CVPR 2016), with the points 0, ±1, ±2. For each block of 4 × 4 output pixels, whose windows read 6 × 6 pixels d,
    and all pairs of channels:
    ```
    V[i, c]   = (Bᵀ · d[c] · B)[i]                 36 numbers per input channel
    M[i, n]   = Σ_c V[i, c] · weights[n, i, c]     36 matrix products, c in order
    acc[n]    = Aᵀ · M[n] · A                      4 × 4 pixels per output channel
    out[...]  = epilogue(acc[...], extras at extra_maps ...)
    ```
    The order of additions is that of docs/Numerics.md, whatever the instruction set. A pixel that the window does not reach is the pad value, or 0 where
    nothing is padded; what a block has outside of the output is not stored. An infinity or NaN in the input can reach all pixels of the blocks that read it.

    Weights are G · w · Gᵀ of each window w, packed with 36 taps (see the dialect).

    Constraints: (C1), (C6) to (C11) of `kernel.contract`, and
    - (W1) `window` is there, of 3 × 3 with strides and dilations of 1; `input` and `out` have rank 4 and static height, width and channels;
    - (W2) `input` and `weights` are f32, and `input` and `out` have at least 16 channels;
    - (W3) `weights` is `panels × 36 × C × 16 × 1`;
    - (W4) the tiling is `winograd` with `fma`.

    Example:
    ```mlir
    kernel.winograd ins(%x, %w : tensor<1x16x16x32xf32>, tensor<1x36x32x16x1xf32>) outs(%o : tensor<1x14x14x16xf32>)
        attributes {extra_maps = [], tiling = #kernel.tiling<intrinsic = fma, rows = 8, columns = 16, kv = 1, winograd = true>,
                    window = #kernel.window<sizes = [3, 3], strides = [1, 1], dilations = [1, 1], low = [0, 0], high = [0, 0]>} {
    ^bb0(%acc: f32):
      kernel.yield %acc : f32
    } -> tensor<1x14x14x16xf32>
    ```
  }];
}

//===----------------------------------------------------------------------===//
// Positions that are data
//===----------------------------------------------------------------------===//

/// Destination passing with a scalar region, without tiles or packed weights.
class Kernel_RegionOp<string mnemonic> : Kernel_Op<mnemonic, [
    DestinationStyleOpInterface, DeclareOpInterfaceMethods<MemoryEffectsOpInterface>,
    IsolatedFromAbove, SingleBlock]> {
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() { return getOutMutable(); }
  }];
}

def Kernel_ScatterOp : Kernel_RegionOp<"scatter"> {
  let summary = "updates of single elements, in order";
  let description = [{
    For each position u of `updates`, in row-major order: `out[c] = combine(updates[u], out[c])`, where the coordinates c are

    - with `axis`: u, with its entry of the axis replaced by `indices[u]`;
    - without: `indices[v, 0], …, indices[v, k-1]`, then w, where u = (v, w) and k is the last size of `indices`.

    An index below 0 counts from the end. An update outside of `out` is left out. Dimensions of `updates` that are coordinates as they are
    run in parallel: no two of their positions write the same element.

    Constraints:
    - (C1) all operands are tensors, or all are memrefs; tensors give one result of `out`'s type;
    - (C2) with `axis`, `indices`, `updates` and `out` have one rank above the axis; without, `indices` has a rank of 1 or more and a
      static last size, and the ranks of v, w and `out` fit;
    - (C3) indices are integers;
    - (C4) the region takes an update and the element that is there, and yields one, all of `out`'s element type, which is `updates`' too.

    Example:
    ```mlir
    kernel.scatter ins(%at, %u : tensor<4x1xi64>, tensor<4x8xf32>) outs(%o : tensor<16x8xf32>) {
    ^bb0(%update: f32, %old: f32):
      %s = arith.addf %old, %update : f32
      kernel.yield %s : f32
    } -> tensor<16x8xf32>
    ```
  }];
  let arguments = (ins Kernel_TensorOrMemRef:$indices, Kernel_TensorOrMemRef:$updates, Kernel_TensorOrMemRef:$out,
    OptionalAttr<I64Attr>:$axis, UnitAttr:$unsigned_indices);
  let regions = (region SizedRegion<1>:$combine);
  let assemblyFormat = [{
    `ins` `(` $indices `,` $updates `:` type($indices) `,` type($updates) `)` `outs` `(` $out `:` type($out) `)`
    attr-dict-with-keyword $combine (`->` type($results)^)?
  }];
}

def Kernel_TopKOp : Kernel_RegionOp<"top_k"> {
  let summary = "the positions of the first elements of an order";
  let description = [{
    Along `axis`, `out` receives the positions of the elements of `input` that come first, in their order, as many as `out` has. The region
    says whether its first argument comes before its second one; where neither does, the lower position comes first. Each line keeps a
    heap in `out`: n·log(k) comparisons at most, and about n where the input is in no special order.

    Constraints:
    - (C1) both operands are tensors, or both are memrefs; a tensor gives one result of `out`'s type;
    - (C2) 0 ≤ axis < rank, and ranks are equal;
    - (C3) the axis has static sizes, no larger in `out` than in `input`;
    - (C4) `out` holds i64;
    - (C5) the region takes two elements of `input` and yields i1.

    Example:
    ```mlir
    kernel.top_k ins(%x : tensor<4x100xf32>) outs(%o : tensor<4x5xi64>) attributes {axis = 1 : i64} {
    ^bb0(%a: f32, %b: f32):
      %first = arith.cmpf ogt, %a, %b : f32
      kernel.yield %first : i1
    } -> tensor<4x5xi64>
    ```
  }];
  let arguments = (ins Kernel_TensorOrMemRef:$input, Kernel_TensorOrMemRef:$out, I64Attr:$axis);
  let regions = (region SizedRegion<1>:$before);
  let assemblyFormat = [{
    `ins` `(` $input `:` type($input) `)` `outs` `(` $out `:` type($out) `)`
    attr-dict-with-keyword $before (`->` type($results)^)?
  }];
}

def Kernel_HistogramOp : Kernel_Op<"histogram", [
    DestinationStyleOpInterface, DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "how often the elements of a tensor fall into each of equal bins";
  let description = [{
    Overwrites `out` with the counts that `mpc.histogram` defines. One thread counts.

    Constraints:
    - (C1) all operands are tensors, or all are memrefs; a tensor gives one result of `out`'s type;
    - (C2) `input` holds floating-point numbers, `range` has type `2xf32`;
    - (C3) `out` holds i64 and has one dimension, whose size is a power of two from 4 to 65536.

    Example:
    ```mlir
    kernel.histogram ins(%x, %r : tensor<4x100xf32>, tensor<2xf32>) outs(%o : tensor<4096xi64>) -> tensor<4096xi64>
    ```
  }];
  let arguments = (ins Kernel_TensorOrMemRef:$input, Kernel_TensorOrMemRef:$range, Kernel_TensorOrMemRef:$out);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let assemblyFormat = [{
    `ins` `(` $input `,` $range `:` type($input) `,` type($range) `)` `outs` `(` $out `:` type($out) `)`
    attr-dict (`->` type($results)^)?
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() { return getOutMutable(); }
  }];
}

def Kernel_YieldOp : Kernel_Op<"yield", [
    Pure, ReturnLike, Terminator, ParentOneOf<["ContractOp", "DepthwiseOp", "PlanarOp", "WinogradOp", "ScatterOp", "TopKOp"]>]> {
  let summary = "the value that a region computes: what is stored, or how two elements compare";
  let arguments = (ins AnyType:$value);
  let assemblyFormat = "$value attr-dict `:` type($value)";
}

def Kernel_InnerTileOp : Kernel_Op<"inner_tile", [
    AttrSizedOperandSegments, DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "one register tile: rows times panels, by a named instruction";
  let description = [{
    `result[r·P + p][lane] = accumulators[r·P + p][lane] + Σ_k rows[r][k] · weights[panel + p, tap, k / kv, lane, k % kv]`
    for R rows and P = accumulators / R panels, k ascending from 0 to kblocks·kv. Rows are memrefs of that many elements:
    a row never ends inside a k block. `vfmaddph` takes 64 k blocks at a time and sums the products of their first values, and those of their
    second ones, in f16, by fused multiply-additions from zero, k ascending; it adds the two in f16, and what they add up to to the accumulator. `pmaddwd` keeps two partial sums per lane side by side, so that its accumulators have
    32 elements; their pairwise sums are the result.

    Constraints:
    - (C1) rows have rank 1, unit stride where kv is not 1, equal types, and kblocks·kv elements;
    - (C2) the number of accumulators is a multiple of the number of rows;
    - (C3) accumulators are vectors of 16 (pmaddwd: 32) i32 or f32, and results have their types; those of the last panel may be vectors of 8,
      its first lanes, with vpdpbusd, and with fma where kv = 1 and without `blocks`;
    - (C4) `fma` with floating point and kv = 1, or bf16 and kv = 2; `vdpbf16ps` with bf16 and kv = 2; `vfmaddph` with f16 and kv = 2;
      the others with i8 and kv = 4;
      `vpdpbusd` only with unsigned rows; `pmaddwd` also with signed rows of i16; `muladd` and `mma` never;
    - (C5) with `blocks`, `weights` is `panels × bytes` of i8 as they say, not in `fragments`, and rows have their depth, in floating point, with `fma`;
    - (C6) `prefetch` is not negative, and 0 but with `fma`, kv = 1 and without `blocks`.

    With `prefetch` each step of the reduction asks for the weights that many steps further on, of each panel: past its end, those of what follows it.

    Example:
    ```mlir
    %r = kernel.inner_tile vpdpbusd rows(%row : memref<64xi8, strided<[1], offset: ?>>)
        weights(%w[%panel, %tap] : memref<4x1x16x16x4xi8>) accumulators(%acc : vector<16xi32>) {unsigned_rows}
    ```
  }];
  let arguments = (ins Kernel_IntrinsicAttr:$intrinsic, Variadic<AnyStridedMemRef>:$rows, AnyStridedMemRef:$weights, Index:$panel,
      Index:$tap, Variadic<AnyVectorOfNonZeroRank>:$accumulators, UnitAttr:$unsigned_rows, OptionalAttr<Kernel_BlocksAttr>:$blocks,
      DefaultValuedAttr<I64Attr, "0">:$prefetch);
  let results = (outs Variadic<AnyVectorOfNonZeroRank>:$results);
  let assemblyFormat = [{
    $intrinsic `rows` `(` $rows `:` type($rows) `)` `weights` `(` $weights `[` $panel `,` $tap `]` `:` type($weights) `)`
    `accumulators` `(` $accumulators `:` type($accumulators) `)` attr-dict `->` type($results)
  }];
  let hasVerifier = 1;
}

def Kernel_MatrixTileOp : Kernel_Op<"matrix_tile", [DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "one tile of sums, in tile registers";
  let description = [{
    `sums[t·R + r, 16·p + lane] = Σ_s,k rows[t, r, s, k] · weights[panel + p, ..., lane, ...]`
    for T registers of R rows and P panels of 16 columns. The reduction is S segments of K elements, which lie side by side in the weights, taps and k
    blocks in order. Integers are added modulo 2³²; for bf16 see the instruction in Intel's SDM: each step adds the sum of even products and that
    of odd ones.

    It uses the tile registers as a `kernel.configure_tiles` before it has set them: for R rows and segments of K elements, in the same function,
    with nothing between that is not part of the same contraction.

    Constraints:
    - (C1) `rows` is T×R×S×K, static, its strides as well, contiguous in its last dimension, with 1 ≤ R ≤ 16; its strides may let it overlap itself,
      as windows do;
    - (C2) `weights` is packed (rank 5, 16 lanes, kv of 4 bytes), and taps times k blocks times kv is S·K; K is a multiple of kv; S taps
      may overlap, for segments that meet the same weights;
    - (C3) `sums` is T·R×16·P, contiguous rows a known distance apart;
    - (C4) T·P ≤ 4, the registers that hold sums;
    - (C5) `tdpbusd` with i8 and sums of i32; `tdpbf16ps` with bf16 and sums of f32.

    Example:
    ```mlir
    kernel.matrix_tile tdpbusd rows(%x : memref<2x16x1x64xi8, strided<[1024, 64, 64, 1], offset: ?>>)
        weights(%w[%panel] : memref<4x1x16x16x4xi8>) sums(%sums : memref<32x32xi32>) {unsigned_rows}
    ```
  }];
  let arguments = (ins Kernel_IntrinsicAttr:$intrinsic, AnyStridedMemRef:$rows, AnyStridedMemRef:$weights, Index:$panel,
      AnyStridedMemRef:$sums, UnitAttr:$unsigned_rows);
  let assemblyFormat = [{
    $intrinsic `rows` `(` $rows `:` type($rows) `)` `weights` `(` $weights `[` $panel `]` `:` type($weights) `)`
    `sums` `(` $sums `:` type($sums) `)` attr-dict
  }];
  let hasVerifier = 1;
}

def Kernel_ConfigureTilesOp : Kernel_Op<"configure_tiles", [MemoryEffects<[MemWrite]>]> {
  let summary = "sets the sizes of the tile registers";
  let description = [{
    For `kernel.matrix_tile` with so many rows in a register, and k blocks of 4 bytes in a segment. The registers belong to the thread, and no
    function may leave them configured: `kernel.release_tiles` follows on every path.

    Constraints:
    - (C1) 1 ≤ `rows` ≤ 16 and 1 ≤ `blocks`

    Example:
    ```mlir
    kernel.configure_tiles 16 rows, 16 blocks
    ```
  }];
  let arguments = (ins I64Attr:$rows, I64Attr:$blocks);
  let assemblyFormat = "$rows `rows` `,` $blocks `blocks` attr-dict";
  let hasVerifier = 1;
}

def Kernel_ReleaseTilesOp : Kernel_Op<"release_tiles", [MemoryEffects<[MemWrite]>]> {
  let summary = "gives the tile registers back";
  let description = [{
    Their contents are lost, and a task switch need not save them any more.

    Example:
    ```mlir
    kernel.release_tiles
    ```
  }];
  let assemblyFormat = "attr-dict";
}

def Kernel_BeginGroupOp : Kernel_Op<"begin_group", [MemoryEffects<[MemWrite]>]> {
  let summary = "from here on, time counts for this group";
  let description = [{
    Marks in the entry function where the code of a group begins; it ends where the next one begins. `index` is the group's position in the
    manifest; without it, what follows belongs to no group (copies to outputs, of what loops carry). It stands in the entry function from
    linalg on, is kept in its place by its effect, and becomes a test of one pointer and, where the caller asks for a profile, a call of
    the runtime (mpc-lower-dispatch).

    Constraints:
    - (C1) 0 ≤ index < 2^31

    Example:
    ```mlir
    kernel.begin_group 3
    ```
  }];
  let arguments = (ins OptionalAttr<I64Attr>:$index);
  let assemblyFormat = "($index^)? attr-dict";
  let hasVerifier = 1;
}

#endif // MPC_DIALECT_KERNEL_KERNELOPS_TD
