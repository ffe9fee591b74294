//===- MPCAttributes.td - enums and attributes of the mpc dialect -*- tablegen -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_DIALECT_MPC_MPCATTRIBUTES_TD
#define MPC_DIALECT_MPC_MPCATTRIBUTES_TD

include "mpc/Dialect/MPC/MPCBase.td"

class MPC_Enum<string name, string summary, list<I32EnumAttrCase> cases> : I32EnumAttr<name, summary, cases> {
  let cppNamespace = "::mpc";
  let genSpecializedAttr = 0;
}
class MPC_EnumAttr<EnumAttrInfo info, string mnemonic> : EnumAttr<MPC_Dialect, info, mnemonic> {
  let assemblyFormat = "`<` $value `>`";
}

def MPC_Layout : MPC_Enum<"Layout", "where the channel dimension of an activation stands", [
  I32EnumAttrCase<"ChannelsFirst", 0, "channels_first">,   // N C spatial...; weights O I/g spatial...
  I32EnumAttrCase<"ChannelsLast", 1, "channels_last">      // N spatial... C; weights O spatial... I/g
]>;
def MPC_LayoutAttr : MPC_EnumAttr<MPC_Layout, "layout">;

def MPC_Precision : MPC_Enum<"Precision", "what a group stores and computes with", [
  I32EnumAttrCase<"F32", 0, "f32">, I32EnumAttrCase<"F16", 1, "f16">, I32EnumAttrCase<"BF16", 2, "bf16">,
  I32EnumAttrCase<"INT8", 3, "int8">,  // u8 activations with a zero point, s8 weights per channel, i32 accumulator
  I32EnumAttrCase<"W8", 4, "w8">,      // weights of 8 bits in blocks, f32 accumulator (#mpc.weights)
  I32EnumAttrCase<"W4", 5, "w4">,      // weights of 4 bits in blocks, f32 accumulator (#mpc.weights)
  I32EnumAttrCase<"INT16", 6, "int16"> // s16 activations, symmetric, s8 weights per channel, i64 sums
]>;
def MPC_PrecisionAttr : MPC_EnumAttr<MPC_Precision, "precision">;

def MPC_WeightScheme : MPC_Enum<"WeightScheme", "what the integers of weights in blocks mean", [
  I32EnumAttrCase<"Asymmetric", 0, "asymmetric">, // (q - z) * s, a scale and a zero point per block
  I32EnumAttrCase<"Symmetric", 1, "symmetric">,   // (q - 2^(bits-1)) * s, a scale per block
  I32EnumAttrCase<"Codebook", 2, "codebook">      // table[q] * s, 16 levels per tensor, a scale per block
]>;

def MPC_Rounding : MPC_Enum<"Rounding", "requantization profile", [
  I32EnumAttrCase<"ONNX", 0, "onnx">, I32EnumAttrCase<"TFLite", 1, "tflite">,
  I32EnumAttrCase<"TFLiteSingle", 2, "tflite_single">, I32EnumAttrCase<"TOSA", 3, "tosa">,
  I32EnumAttrCase<"TOSADouble", 4, "tosa_double"> // TOSA's DOUBLE_ROUND
]>;
def MPC_RoundingAttr : MPC_EnumAttr<MPC_Rounding, "rounding">;

def MPC_IntegerForm : MPC_Enum<"IntegerForm", "how an element-wise op is computed without floating point", [
  I32EnumAttrCase<"Table", 0, "table">,             // a function of one number: 256 of them are a table
  I32EnumAttrCase<"Homogeneous", 1, "homogeneous">, // f(s x) = s f(x) for s > 0, exact on integers: the same op on integers of one scale
  I32EnumAttrCase<"Product", 2, "product">          // the product of integers, whose scale is the product of the scales
]>;

def MPC_ReduceKind : MPC_Enum<"ReduceKind", "what a reduction computes over the reduced axes", [
  I32EnumAttrCase<"Sum", 0, "sum">, I32EnumAttrCase<"Mean", 1, "mean">, I32EnumAttrCase<"Max", 2, "max">,
  I32EnumAttrCase<"Min", 3, "min">, I32EnumAttrCase<"Prod", 4, "prod">, I32EnumAttrCase<"L1", 5, "l1">,
  I32EnumAttrCase<"L2", 6, "l2">, I32EnumAttrCase<"SumSquare", 7, "sum_square">
]>;
def MPC_ReduceKindAttr : MPC_EnumAttr<MPC_ReduceKind, "reduce">;

def MPC_ComparePredicate : MPC_Enum<"ComparePredicate", "which order of two elements is meant", [
  I32EnumAttrCase<"EQ", 0, "eq">, I32EnumAttrCase<"LT", 1, "lt">, I32EnumAttrCase<"LE", 2, "le">,
  I32EnumAttrCase<"GT", 3, "gt">, I32EnumAttrCase<"GE", 4, "ge">
]>;
def MPC_ComparePredicateAttr : MPC_EnumAttr<MPC_ComparePredicate, "predicate">;

def MPC_CastOverflow : MPC_Enum<"CastOverflow", "what becomes of numbers past the largest of an 8-bit float type", [
  I32EnumAttrCase<"Saturate", 0, "saturate">,               // the largest number
  I32EnumAttrCase<"SaturateFinite", 1, "saturate_finite">,  // the largest number; infinities become NaN where the type has only one NaN
  I32EnumAttrCase<"Special", 2, "special">                  // infinity where the type has it, else NaN
]>;
def MPC_CastOverflowAttr : MPC_EnumAttr<MPC_CastOverflow, "overflow">;

def MPC_ScaleRounding : MPC_Enum<"ScaleRounding", "which power of two a number becomes", [
  I32EnumAttrCase<"Up", 0, "up">, I32EnumAttrCase<"Down", 1, "down">, I32EnumAttrCase<"Nearest", 2, "nearest">
]>;
def MPC_ScaleRoundingAttr : MPC_EnumAttr<MPC_ScaleRounding, "scale_rounding">;

def MPC_QuantRole : MPC_Enum<"QuantRole", "how an op takes part in integer arithmetic", [
  I32EnumAttrCase<"Float", 0, "float">,             // only in floating point: softmax, normalisation, exp
  I32EnumAttrCase<"Contraction", 1, "contraction">, // products in integers, summed in a wide accumulator
  I32EnumAttrCase<"Elementwise", 2, "elementwise">, // dequantize, compute in f32, quantize; fits in any epilogue
  I32EnumAttrCase<"Average", 3, "average">,         // integer sum, one requantization
  I32EnumAttrCase<"Passthrough", 4, "passthrough">  // moves or selects values: inputs and output share scale and zero point
]>;

def MPC_Interpolation : MPC_Enum<"Interpolation", "how a value between elements is computed from those around it", [
  I32EnumAttrCase<"Nearest", 0, "nearest">, I32EnumAttrCase<"Linear", 1, "linear">, I32EnumAttrCase<"Cubic", 2, "cubic">
]>;
def MPC_InterpolationAttr : MPC_EnumAttr<MPC_Interpolation, "interpolation">;

def MPC_Coordinates : MPC_Enum<"Coordinates", "where an element of a resized tensor lies in the original one", [
  I32EnumAttrCase<"HalfPixel", 0, "half_pixel">, I32EnumAttrCase<"HalfPixelSymmetric", 1, "half_pixel_symmetric">,
  I32EnumAttrCase<"PytorchHalfPixel", 2, "pytorch_half_pixel">, I32EnumAttrCase<"AlignCorners", 3, "align_corners">,
  I32EnumAttrCase<"Asymmetric", 4, "asymmetric">, I32EnumAttrCase<"TFCropAndResize", 5, "tf_crop_and_resize">,
  I32EnumAttrCase<"TFHalfPixelForNN", 6, "tf_half_pixel_for_nn">
]>;
def MPC_CoordinatesAttr : MPC_EnumAttr<MPC_Coordinates, "coordinates">;

def MPC_NearestRounding : MPC_Enum<"NearestRounding", "which element is the nearest", [
  I32EnumAttrCase<"RoundPreferFloor", 0, "round_prefer_floor">, I32EnumAttrCase<"RoundPreferCeil", 1, "round_prefer_ceil">,
  I32EnumAttrCase<"Floor", 2, "floor">, I32EnumAttrCase<"Ceil", 3, "ceil">
]>;
def MPC_NearestRoundingAttr : MPC_EnumAttr<MPC_NearestRounding, "nearest_rounding">;

def MPC_SamplePadding : MPC_Enum<"SamplePadding", "what stands outside of a sampled tensor", [
  I32EnumAttrCase<"Zeros", 0, "zeros">, I32EnumAttrCase<"Border", 1, "border">, I32EnumAttrCase<"Reflection", 2, "reflection">
]>;
def MPC_SamplePaddingAttr : MPC_EnumAttr<MPC_SamplePadding, "sample_padding">;

def MPC_RoiPoolKind : MPC_Enum<"RoiPoolKind", "how the bins of a region of interest are reduced", [
  I32EnumAttrCase<"AlignAverage", 0, "align_average">, // mean of interpolated samples
  I32EnumAttrCase<"AlignMax", 1, "align_max">,         // largest weighted neighbour of the samples
  I32EnumAttrCase<"Max", 2, "max">                     // largest element of a bin with rounded borders
]>;
def MPC_RoiPoolKindAttr : MPC_EnumAttr<MPC_RoiPoolKind, "roi_pool">;

class MPC_Attr<string name, string attrMnemonic> : AttrDef<MPC_Dialect, name> { let mnemonic = attrMnemonic; }

def MPC_RangeAttr : MPC_Attr<"Range", "range"> {
  let summary = "smallest and largest value that a tensor was seen to hold";
  let description = [{ Finite f64 numbers with `min <= max`, in the tensor's own units. }];
  let parameters = (ins APFloatParameter<"">:$minValue, APFloatParameter<"">:$maxValue);
  let builders = [AttrBuilder<(ins "double":$min, "double":$max), [{
    return $_get($_ctxt, ::llvm::APFloat(min), ::llvm::APFloat(max));
  }]>];
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    double getMin() const { return getMinValue().convertToDouble(); }
    double getMax() const { return getMaxValue().convertToDouble(); }
  }];
}

def MPC_WeightsAttr : MPC_Attr<"Weights", "weights"> {
  let summary = "how a group of precision w8 or w4 stores its weights, and the type of its activations";
  let description = [{
    `block`: how many weights of an output channel, in the order in which products are summed, share a scale; 0 is all of them.
    `activations` (f32, f16 or bf16): what the group reads and stores; products are summed in f32. `mpc-assign-precision` puts it on groups as
    `mpc.weights`.

    Constraints:
    - (C1) block is 0 or a multiple of 2
    - (C2) activations are f32, f16 or bf16

    ```mlir
    #mpc.weights<block = 32, scheme = asymmetric, activations = f32>
    ```
  }];
  let parameters = (ins "int64_t":$block, EnumParameter<MPC_WeightScheme>:$scheme, EnumParameter<MPC_Precision>:$activations);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

#endif // MPC_DIALECT_MPC_MPCATTRIBUTES_TD
