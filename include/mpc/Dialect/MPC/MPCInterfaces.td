//===- MPCInterfaces.td - op interfaces of the mpc dialect -*- tablegen -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_DIALECT_MPC_MPCINTERFACES_TD
#define MPC_DIALECT_MPC_MPCINTERFACES_TD

include "mlir/IR/OpBase.td"

def MPC_ElementwiseOpInterface : OpInterface<"ElementwiseOpInterface"> {
  let cppNamespace = "::mpc";
  let description = [{
    An op whose result element depends on the operands' elements at the same (broadcast, NumPy rules) position. Its body is written once, on
    scalars, and serves conversion to linalg, constant folding and every epilogue.
  }];
  let methods = [
    InterfaceMethod<[{Builds the result element from one element of each operand, in arith and math ops. Floating-point
      operands are f32 (or f64), whatever the tensors store; the result has the type that the computation gives.}],
      "::mlir::Value", "buildScalarBody", (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc, "::mlir::ValueRange":$scalars)>,
    InterfaceMethod<[{Whether f(s * x) = s * f(x) for s > 0 with the bounds moved along: relu and clip. Such an op commutes with
      quantization and becomes a clamp of the integers.}],
      "bool", "isClamp", (ins), "", [{ return false; }]>,
    InterfaceMethod<[{The bounds of a clamp; infinite where there is none.}],
      "std::pair<double, double>", "getClampBounds", (ins), "", [{ return {-INFINITY, INFINITY}; }]>,
    InterfaceMethod<[{How the op is computed in a profile without floating point, where it is more than a clamp. With more than one operand that
      is not constant, `Table` means that it has no such form.}],
      "::mpc::IntegerForm", "getIntegerForm", (ins), "", [{ return ::mpc::IntegerForm::Table; }]>
  ];
}

def MPC_QuantizableOpInterface : OpInterface<"QuantizableOpInterface"> {
  let cppNamespace = "::mpc";
  let description = [{ How an op may be computed in a lower precision. Ops without it are computed in f32. }];
  let methods = [
    InterfaceMethod<"How the op takes part in integer arithmetic.",
      "::mpc::QuantRole", "getQuantRole", (ins)>,
    InterfaceMethod<"Operands that carry activations (the others are weights, bias or tables).",
      "::llvm::SmallVector<::mlir::OpOperand *>", "getActivationOperands", (ins), "",
      [{ ::llvm::SmallVector<::mlir::OpOperand *> all;
         for (::mlir::OpOperand &operand : $_op->getOpOperands()) all.push_back(&operand);
         return all; }]>,
    InterfaceMethod<"The weight operand of a contraction, or null.",
      "::mlir::OpOperand *", "getWeightOperand", (ins), "", [{ return nullptr; }]>,
    InterfaceMethod<"The dimension of the weight that holds output channels (per-channel scales lie along it).",
      "int64_t", "getWeightChannelAxis", (ins), "", [{ return 0; }]>,
    InterfaceMethod<"The bias operand of a contraction, or null.",
      "::mlir::OpOperand *", "getBiasOperand", (ins), "", [{ return nullptr; }]>,
    InterfaceMethod<"The dimension of the result that holds output channels.",
      "int64_t", "getResultChannelAxis", (ins), "", [{ return -1; }]>,
    InterfaceMethod<"Whether each output channel is made from one input channel: few products per weight.",
      "bool", "isDepthwise", (ins), "", [{ return false; }]>,
    InterfaceMethod<"The dimension of a contraction's activations that holds input channels; -1 where there is none.",
      "int64_t", "getInputChannelAxis", (ins), "", [{ return -1; }]>,
    InterfaceMethod<"The dimension of the weight that runs over the input channels of one of getChannelGroups() groups; -1 where there is none.",
      "int64_t", "getWeightInputAxis", (ins), "", [{ return -1; }]>,
    InterfaceMethod<"Into how many groups a contraction splits its channels: output channel o reads those of group o / (outputs / groups).",
      "int64_t", "getChannelGroups", (ins), "", [{ return 1; }]>,
    InterfaceMethod<[{Whether the op, in f16 or bf16, reads its operands but the bias in that type: products, which are exact in f32. All others read
      f32, such as softmax, normalisation, exponentials, sums over many elements.}],
      "bool", "multipliesNarrow", (ins), "", [{ return $_op.getQuantRole() == ::mpc::QuantRole::Contraction; }]>
  ];
}

def MPC_LayoutOpInterface : OpInterface<"LayoutOpInterface"> {
  let cppNamespace = "::mpc";
  let description = [{ An op that works in either layout, or that can be rewritten for a permuted input. Layout propagation asks this, never an op's name. }];
  let methods = [
    InterfaceMethod<[{Whether the op itself prefers channels last: convolutions and pooling, in channels_first.}],
      "bool", "wantsChannelsLast", (ins), "", [{ return false; }]>,
    InterfaceMethod<[{Changes the op's attributes to channels last. The caller transposes activations and weights before it and the
      result after it ([N, C, spatial...] to [N, spatial..., C]; weights [O, I, spatial...] to [O, spatial..., I]).}],
      "void", "setChannelsLast", (ins), "", [{ return; }]>,
    InterfaceMethod<"Operands that follow the layout: activations and weights, not bias.",
      "::llvm::SmallVector<::mlir::OpOperand *>", "getLayoutOperands", (ins), "", [{ return {&$_op->getOpOperand(0)}; }]>,
    InterfaceMethod<[{Whether y = f(transpose(z, perm), ...) can be written transpose(f'(z, ...), perm): every activation operand transposed
      alike (dimension d of transpose(z, perm) is dimension perm[d] of z).}],
      "bool", "canSinkTranspose", (ins "::llvm::ArrayRef<int64_t>":$perm), "", [{ return false; }]>,
    InterfaceMethod<"Changes the attributes of f to those of f' (an axis a becomes perm[a]). Only called where canSinkTranspose holds.",
      "void", "sinkTranspose", (ins "::llvm::ArrayRef<int64_t>":$perm), "", [{ return; }]>
  ];
}

/// A result element depends on the operand's element at the same position (and on constants of its channel): what is not an
/// ElementwiseOpInterface only because it has no body on scalars alone.
def MPC_Positionwise : NativeOpTrait<"Positionwise"> { let cppNamespace = "::mpc"; }

#endif // MPC_DIALECT_MPC_MPCINTERFACES_TD
