//===- MPCMathOps.td - functions of a real number -*- tablegen -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_DIALECT_MPC_MPCMATHOPS_TD
#define MPC_DIALECT_MPC_MPCMATHOPS_TD

include "mpc/Dialect/MPC/MPCElementwiseOps.td"

//===----------------------------------------------------------------------===//
// Trigonometric and hyperbolic functions
//===----------------------------------------------------------------------===//

def MPC_SinOp : MPC_UnaryOp<"sin", "sin(x)", "Sin (7, 22)", "Float">;
def MPC_CosOp : MPC_UnaryOp<"cos", "cos(x)", "Cos (7, 22)", "Float">;
def MPC_TanOp : MPC_UnaryOp<"tan", "tan(x)", "Tan (7, 22)", "Float">;
def MPC_AsinOp : MPC_UnaryOp<"asin", "arcsin(x)", "Asin (7, 22)", "Float">;
def MPC_AcosOp : MPC_UnaryOp<"acos", "arccos(x)", "Acos (7, 22)", "Float">;
def MPC_AtanOp : MPC_UnaryOp<"atan", "arctan(x)", "Atan (7, 22)", "Float">;
def MPC_SinhOp : MPC_UnaryOp<"sinh", "sinh(x)", "Sinh (9, 22)", "Float">;
def MPC_CoshOp : MPC_UnaryOp<"cosh", "cosh(x)", "Cosh (9, 22)", "Float">;
def MPC_AsinhOp : MPC_UnaryOp<"asinh", "arsinh(x)", "Asinh (9, 22)", "Float">;
def MPC_AcoshOp : MPC_UnaryOp<"acosh", "arcosh(x)", "Acosh (9, 22)", "Float">;
def MPC_AtanhOp : MPC_UnaryOp<"atanh", "artanh(x)", "Atanh (9, 22)", "Float">;

//===----------------------------------------------------------------------===//
// Activations
//===----------------------------------------------------------------------===//

def MPC_SignOp : MPC_UnaryOp<"sign", "1 where x > 0, -1 where x < 0, else 0 (NaN stays NaN)", "Sign (9, 13)", "Float", MPC_ArithTensor>;
def MPC_MishOp : MPC_UnaryOp<"mish", "x * tanh(ln(1 + exp(x)))", "Mish (18, 22)">;

def MPC_GeluOp : MPC_ElementwiseOp<"gelu"> {
  let summary = "x times the share of a normal distribution that lies below x";
  let description = [{
    `x / 2 * (1 + erf(x / sqrt(2)))`, or with `tanh` `x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3)))`.

    Source: ONNX Gelu (20); Gelu, BiasGelu and FastGelu of com.microsoft (1).
  }];
  let arguments = (ins MPC_RealTensor:$input, UnitAttr:$tanh);
}
def MPC_SwishOp : MPC_ElementwiseOp<"swish"> {
  let summary = "x / (1 + exp(-alpha * x))";
  let description = "Source: ONNX Swish (24), SwiGLU (28), QuickGelu of com.microsoft (1).";
  let arguments = (ins MPC_RealTensor:$input, F64Attr:$alpha);
}
def MPC_ThresholdedReluOp : MPC_ElementwiseOp<"thresholded_relu"> {
  let summary = "x where x > alpha, else 0";
  let description = "Source: ONNX ThresholdedRelu (10, 22).";
  let arguments = (ins MPC_RealTensor:$input, F64Attr:$alpha);
}
def MPC_ShrinkOp : MPC_ElementwiseOp<"shrink"> {
  let summary = "x + bias where x < -lambda, x - bias where x > lambda, else 0";
  let description = "Integers are computed in f32. Source: ONNX Shrink (9).";
  let arguments = (ins MPC_ArithTensor:$input, F64Attr:$lambda, F64Attr:$bias);
}

#endif // MPC_DIALECT_MPC_MPCMATHOPS_TD
