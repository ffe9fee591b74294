//===- MPCLogicOps.td - comparisons, logic, bits -*- tablegen -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_DIALECT_MPC_MPCLOGICOPS_TD
#define MPC_DIALECT_MPC_MPCLOGICOPS_TD

include "mpc/Dialect/MPC/MPCElementwiseOps.td"

//===----------------------------------------------------------------------===//
// Truth values of numbers
//===----------------------------------------------------------------------===//

class MPC_PredicateOp<string mnemonic> : MPC_ElementwiseOp<mnemonic, "Float", "verifyPredicate", [], "inferPredicate"> {
  let results = (outs MPC_BoolTensor:$result);
}
def MPC_CompareOp : MPC_PredicateOp<"compare"> {
  let summary = "whether a and b stand in an order";
  let description = [{
    False where either is NaN. Truth values compare as 0 and 1.

    Constraints:
    - (C1) the shapes broadcast
    - (C2) the element types agree (quantized ones may differ in scale and zero point)

    Source: ONNX Equal (1, 7, 11, 13, 19), Less, Greater (1, 7, 9, 13), LessOrEqual, GreaterOrEqual (12, 16).
  }];
  let arguments = (ins MPC_ArithTensor:$lhs, MPC_ArithTensor:$rhs, MPC_ComparePredicateAttr:$predicate);
}
def MPC_IsNaNOp : MPC_PredicateOp<"is_nan"> {
  let summary = "whether x is no number";
  let description = "Source: ONNX IsNaN (9, 13, 20).";
  let arguments = (ins MPC_RealTensor:$input);
}
def MPC_IsInfOp : MPC_PredicateOp<"is_inf"> {
  let summary = "whether x is infinite";
  let description = "Only infinities of the signs that `negative` and `positive` name count. Source: ONNX IsInf (10, 20).";
  let arguments = (ins MPC_RealTensor:$input, DefaultValuedAttr<BoolAttr, "true">:$negative, DefaultValuedAttr<BoolAttr, "true">:$positive);
}

def MPC_WhereOp : MPC_ElementwiseOp<"where", "Float", "verifyWhere", [], "inferWhere"> {
  let summary = "a where the condition holds, else b";
  let description = [{
    Constraints:
    - (C1) the three shapes broadcast
    - (C2) the element types of a and b agree

    Source: ONNX Where (9, 16).
  }];
  let arguments = (ins MPC_BoolTensor:$condition, MPC_ArithTensor:$lhs, MPC_ArithTensor:$rhs);
}

//===----------------------------------------------------------------------===//
// Bits
//===----------------------------------------------------------------------===//

/// On truth values these are the logical operators.
class MPC_BitwiseOp<string mnemonic, string formula, string source> : MPC_ElementwiseOp<mnemonic, "Float"> {
  let summary = formula;
  let description = "`c = " # formula # "`, element by element, with NumPy's broadcast. Constraints: (C1) the shapes broadcast; " #
    "(C2) the element types agree. Source: ONNX " # source # ".";
  let arguments = (ins MPC_IntTensor:$lhs, MPC_IntTensor:$rhs);
}
def MPC_AndOp : MPC_BitwiseOp<"and", "a and b", "And (1, 7), BitwiseAnd (18)">;
def MPC_OrOp : MPC_BitwiseOp<"or", "a or b", "Or (1, 7), BitwiseOr (18)">;
def MPC_XorOp : MPC_BitwiseOp<"xor", "a exclusive or b", "Xor (1, 7), BitwiseXor (18)">;
def MPC_ShiftLeftOp : MPC_BitwiseOp<"shift_left", "a * 2^b modulo the type; 0 for b < 0 or b >= its bits", "BitShift (11, 28)">;
def MPC_ShiftRightOp : MPC_BitwiseOp<"shift_right", "a / 2^b, downwards; as many sign bits for b < 0 or b >= the bits", "BitShift (11, 28)">;
def MPC_NotOp : MPC_UnaryOp<"not", "not x", "Not (1), BitwiseNot (18)", "Float", MPC_IntTensor>;

def MPC_BitcastOp : MPC_ElementwiseOp<"bitcast", "Float", "verifyBitcast"> {
  let summary = "the same bits as another type";
  let description = [{
    A truth value takes a byte, 0 or 1; any other byte becomes true.

    Constraints:
    - (C1) the element types, neither quantized, have as many bits

    Source: ONNX BitCast (26).
  }];
  let arguments = (ins MPC_CastTensor:$input);
}

#endif // MPC_DIALECT_MPC_MPCLOGICOPS_TD
