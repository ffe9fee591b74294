//===- MPCElementwiseOps.td - ops on elements -*- tablegen -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_DIALECT_MPC_MPCELEMENTWISEOPS_TD
#define MPC_DIALECT_MPC_MPCELEMENTWISEOPS_TD

include "mpc/Dialect/MPC/MPCAttributes.td"
include "mpc/Dialect/MPC/MPCInterfaces.td"

/// Shape inference, role and layout are the same for all of them; what is left to an op is `buildScalarBody`.
/// `role`: "Elementwise" where f32 arithmetic between dequantize and quantize loses nothing that 8 bits could hold, "Float" where
/// the values need their own range analysis (exp, division …).
/// `infer`: which element type the result has at first; that of the first operand, or what the function says.
class MPC_ElementwiseOp<string mnemonic, string role = "Elementwise", string verifier = "verifyElementwise",
    list<string> elementwiseMethods = [], string infer = "inferElementwise">
    : MPC_TensorOp<mnemonic, [
        DeclareOpInterfaceMethods<MPC_ElementwiseOpInterface, elementwiseMethods>,
        DeclareOpInterfaceMethods<MPC_QuantizableOpInterface>,
        DeclareOpInterfaceMethods<MPC_LayoutOpInterface, ["getLayoutOperands", "canSinkTranspose"]>]> {
  let results = (outs MPC_Tensor:$result);
  let hasVerifier = 1;
  let extraClassDefinition = [{
    ::llvm::LogicalResult $cppClass::inferReturnTypes(::mlir::MLIRContext *, ::std::optional<::mlir::Location> location,
        Adaptor adaptor, ::llvm::SmallVectorImpl<::mlir::Type> &types) {
      return ::mpc::detail::}] # infer # [{({getOperationName(), location}, adaptor.getOperands(), types);
    }
    ::llvm::LogicalResult $cppClass::verify() { return ::mpc::detail::}] # verifier # [{(*this); }
    ::mpc::QuantRole $cppClass::getQuantRole() { return ::mpc::QuantRole::}] # role # [{; }
    ::llvm::SmallVector<::mlir::OpOperand *> $cppClass::getLayoutOperands() {
      return ::mpc::detail::getElementwiseLayoutOperands(*this);
    }
    bool $cppClass::canSinkTranspose(::llvm::ArrayRef<int64_t> perm) {
      return ::mpc::detail::canSinkThroughElementwise(*this, perm);
    }
  }];
}

/// One operand; the result has its shape and, at first, its type.
class MPC_UnaryOp<string mnemonic, string formula, string source, string role = "Elementwise", Type operand = MPC_RealTensor,
    list<string> elementwiseMethods = []>
    : MPC_ElementwiseOp<mnemonic, role, "verifyElementwise", elementwiseMethods> {
  let summary = formula;
  let description = "`y = " # formula # "`, element by element. Computed in f32 (f64 for f64). Source: ONNX " # source # ".";
  let arguments = (ins operand:$input);
}

def MPC_ReluOp : MPC_UnaryOp<"relu", "max(x, 0)", "Relu (1, 6, 13, 14)", "Elementwise", MPC_ArithTensor, ["isClamp", "getClampBounds"]>;
def MPC_SigmoidOp : MPC_UnaryOp<"sigmoid", "1 / (1 + exp(-x))", "Sigmoid (1, 6, 13)">;
def MPC_TanhOp : MPC_UnaryOp<"tanh", "tanh(x)", "Tanh (1, 6, 13)">;
def MPC_ExpOp : MPC_UnaryOp<"exp", "exp(x)", "Exp (1, 6, 13)", "Float">;
def MPC_LogOp : MPC_UnaryOp<"log", "ln(x)", "Log (1, 6, 13)", "Float">;
def MPC_SqrtOp : MPC_UnaryOp<"sqrt", "sqrt(x)", "Sqrt (1, 6, 13)", "Float">;
def MPC_ErfOp : MPC_UnaryOp<"erf", "erf(x)", "Erf (9, 13)", "Float">;
def MPC_NegOp : MPC_UnaryOp<"neg", "-x", "Neg (1, 6, 13)", "Elementwise", MPC_ArithTensor, ["getIntegerForm"]>;
def MPC_AbsOp : MPC_UnaryOp<"abs", "|x|", "Abs (1, 6, 13)", "Elementwise", MPC_ArithTensor, ["getIntegerForm"]>;
def MPC_ReciprocalOp : MPC_UnaryOp<"reciprocal", "1 / x", "Reciprocal (1, 6, 13)", "Float">;
def MPC_FloorOp : MPC_UnaryOp<"floor", "floor(x)", "Floor (1, 6, 13)", "Float">;
def MPC_CeilOp : MPC_UnaryOp<"ceil", "ceil(x)", "Ceil (1, 6, 13)", "Float">;
def MPC_RoundOp : MPC_UnaryOp<"round", "x rounded to the nearest integer, ties to even", "Round (11, 22)", "Float">;
def MPC_SoftplusOp : MPC_UnaryOp<"softplus", "ln(1 + exp(x))", "Softplus (1, 22)", "Float">;
def MPC_SoftsignOp : MPC_UnaryOp<"softsign", "x / (1 + |x|)", "Softsign (1, 22)", "Float">;
def MPC_HardSwishOp : MPC_UnaryOp<"hard_swish", "x * min(max(x / 6 + 1 / 2, 0), 1)", "HardSwish (14, 22)">;

def MPC_ClipOp : MPC_ElementwiseOp<"clip", "Elementwise", "verifyClip", ["isClamp", "getClampBounds"]> {
  let summary = "min(max(x, min), max)";
  let description = [{
    Infinite bounds stand for none. NaN stays NaN.

    Constraints:
    - (C1) min ≤ max, neither is NaN

    Source: ONNX Clip (6, 11, 12, 13) with constant bounds.
  }];
  let arguments = (ins MPC_ArithTensor:$input, F64Attr:$min, F64Attr:$max);
}

def MPC_LeakyReluOp : MPC_ElementwiseOp<"leaky_relu"> {
  let summary = "x where x ≥ 0, else alpha * x";
  let description = "Source: ONNX LeakyRelu (1, 6, 16).";
  let arguments = (ins MPC_RealTensor:$input, F64Attr:$alpha);
}
def MPC_EluOp : MPC_ElementwiseOp<"elu", "Elementwise", "verifyElu"> {
  let summary = "gamma * (x where x > 0, else alpha * (exp(x / divisor) - 1))";
  let description = "Constraints: (C1) divisor is not 0. Source: ONNX Elu (1, 6, 22), Selu (1, 6, 22), Celu (12, 28).";
  let arguments = (ins MPC_RealTensor:$input, F64Attr:$alpha, DefaultValuedAttr<F64Attr, "1.0">:$gamma,
    DefaultValuedAttr<F64Attr, "1.0">:$divisor);
}
def MPC_HardSigmoidOp : MPC_ElementwiseOp<"hard_sigmoid"> {
  let summary = "min(max(alpha * x + beta, 0), 1)";
  let description = "Source: ONNX HardSigmoid (1, 6, 22).";
  let arguments = (ins MPC_RealTensor:$input, F64Attr:$alpha, F64Attr:$beta);
}

/// Two operands that broadcast by NumPy's rules.
class MPC_BinaryOp<string mnemonic, string formula, string source, string role = "Elementwise", list<string> elementwiseMethods = []>
    : MPC_ElementwiseOp<mnemonic, role, "verifyElementwise", elementwiseMethods> {
  let summary = formula;
  let description = "`c = " # formula # "`, element by element, with NumPy's broadcast. Constraints: (C1) the shapes broadcast; " #
    "(C2) the element types agree (quantized ones may differ in scale and zero point). Source: ONNX " # source # ".";
  let arguments = (ins MPC_ArithTensor:$lhs, MPC_ArithTensor:$rhs);
}
def MPC_AddOp : MPC_BinaryOp<"add", "a + b", "Add (1, 6, 7, 13, 14), Sum", "Elementwise", ["getIntegerForm"]>;
def MPC_SubOp : MPC_BinaryOp<"sub", "a - b", "Sub (1, 6, 7, 13, 14)", "Elementwise", ["getIntegerForm"]>;
def MPC_MulOp : MPC_BinaryOp<"mul", "a * b", "Mul (1, 6, 7, 13, 14)", "Elementwise", ["getIntegerForm"]>;
def MPC_DivOp : MPC_BinaryOp<"div", "a / b (integers: towards zero)", "Div (1, 6, 7, 13, 14)", "Float">;
def MPC_MinOp : MPC_BinaryOp<"min", "min(a, b), NaN where either is", "Min (1, 6, 8, 12, 13)", "Elementwise", ["getIntegerForm"]>;
def MPC_MaxOp : MPC_BinaryOp<"max", "max(a, b), NaN where either is", "Max (1, 6, 8, 12, 13)", "Elementwise", ["getIntegerForm"]>;
def MPC_PowOp : MPC_BinaryOp<"pow", "a to the power of b", "Pow (1, 7, 12, 13, 15)", "Float">;
def MPC_PReluOp : MPC_BinaryOp<"prelu", "a where a ≥ 0, else b * a", "PRelu (1, 6, 7, 9, 16)">;

def MPC_ModOp : MPC_ElementwiseOp<"mod", "Float"> {
  let summary = "what is left of a after it is divided by b";
  let description = [{
    `a - floor(a / b) * b`, of b's sign, or with `truncated` `a - trunc(a / b) * b`, of a's sign. Exact for floats; NaN for b = 0.
    For integers 0 where b = 0.

    Constraints:
    - (C1) the shapes broadcast
    - (C2) the element types agree

    Source: ONNX Mod (10, 13, 28).
  }];
  let arguments = (ins MPC_ArithTensor:$lhs, MPC_ArithTensor:$rhs, UnitAttr:$truncated);
}

def MPC_CastOp : MPC_ElementwiseOp<"cast", "Float", "verifyCast"> {
  let summary = "conversion between float and integer types";
  let description = [{
    float → narrower float: nearest, ties to even; NaN stays NaN. float → integer: towards zero, saturated (NaN → 0). integer → narrower integer:
    modulo. Floats become 4-bit integers by way of i32, of which the lower 4 bits stay.

    float → f8: nearest, ties to even; `overflow` says what becomes of numbers past the largest. float → f8E8M0: the power of two that `rounding`
    says, of |x|; numbers below the smallest become it, or NaN with `overflow = special`. Integers become f32 first.

    Constraints: (C1) no quantized type on either side; (C2) overflow and rounding only where the result is f8, f8E8M0.
    Source: ONNX Cast (6, 9, 13, 19 and later).
  }];
  let arguments = (ins MPC_CastTensor:$input, DefaultValuedAttr<MPC_CastOverflowAttr, "CastOverflow::Saturate">:$overflow,
    DefaultValuedAttr<MPC_ScaleRoundingAttr, "ScaleRounding::Up">:$rounding);
}

#endif // MPC_DIALECT_MPC_MPCELEMENTWISEOPS_TD
