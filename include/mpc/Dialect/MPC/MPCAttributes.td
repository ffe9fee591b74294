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
  I32EnumAttrCase<"INT8", 3, "int8">   // u8 activations with a zero point, s8 weights per channel, i32 accumulator
]>;
def MPC_PrecisionAttr : MPC_EnumAttr<MPC_Precision, "precision">;

def MPC_Rounding : MPC_Enum<"Rounding", "requantization profile", [
  I32EnumAttrCase<"ONNX", 0, "onnx">, I32EnumAttrCase<"TFLite", 1, "tflite">,
  I32EnumAttrCase<"TFLiteSingle", 2, "tflite_single">, I32EnumAttrCase<"TOSA", 3, "tosa">
]>;
def MPC_RoundingAttr : MPC_EnumAttr<MPC_Rounding, "rounding">;

def MPC_ReduceKind : MPC_Enum<"ReduceKind", "what a reduction computes over the reduced axes", [
  I32EnumAttrCase<"Sum", 0, "sum">, I32EnumAttrCase<"Mean", 1, "mean">, I32EnumAttrCase<"Max", 2, "max">,
  I32EnumAttrCase<"Min", 3, "min">, I32EnumAttrCase<"Prod", 4, "prod">, I32EnumAttrCase<"L1", 5, "l1">,
  I32EnumAttrCase<"L2", 6, "l2">, I32EnumAttrCase<"SumSquare", 7, "sum_square">
]>;
def MPC_ReduceKindAttr : MPC_EnumAttr<MPC_ReduceKind, "reduce">;

def MPC_QuantRole : MPC_Enum<"QuantRole", "how an op takes part in integer arithmetic", [
  I32EnumAttrCase<"Float", 0, "float">,             // only in floating point: softmax, normalisation, exp
  I32EnumAttrCase<"Contraction", 1, "contraction">, // products in integers, summed in a wide accumulator
  I32EnumAttrCase<"Elementwise", 2, "elementwise">, // dequantize, compute in f32, quantize; fits in any epilogue
  I32EnumAttrCase<"Average", 3, "average">,         // integer sum, one requantization
  I32EnumAttrCase<"Passthrough", 4, "passthrough">  // moves or selects values: inputs and output share scale and zero point
]>;

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

#endif // MPC_DIALECT_MPC_MPCATTRIBUTES_TD
