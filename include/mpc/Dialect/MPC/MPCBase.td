//===- MPCBase.td - dialect, types, base classes of the mpc dialect -*- tablegen -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_DIALECT_MPC_MPCBASE_TD
#define MPC_DIALECT_MPC_MPCBASE_TD

include "mlir/Dialect/Quant/IR/QuantBase.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def MPC_Dialect : Dialect {
  let name = "mpc";
  let cppNamespace = "::mpc";
  let summary = "trained models, and the precision that each part of them is computed in";
  let description = [{
    A model is a module whose function `@main` takes and returns ranked tensors. Ops are pure and work on whole tensors. The only
    dynamic size is the symbolic batch: every `?` of a model stands for the same number. Weights are `mpc.constant`s that hold a
    `dense_resource`.

    Precision is part of the IR: a tensor of `!quant.uniform` holds integers with compile-time scale and zero point; f16 and bf16 tensors
    hold those types; a contraction's result type is its accumulator's type, and what follows it (bias, activation, requantization,
    cast) is spelled out. `mpc.group` is the unit of observation, precision, cost and kernel.

    Attributes that the dialect puts on other ops:
    - on function arguments and results: `mpc.name` (string; the model's own name of that tensor), `mpc.range` (#mpc.range)
    - on groups of precision w8 and w4: `mpc.weights` (#mpc.weights)
    - on the module: `mpc.model_hash` (string; hash of graph and weights); for mpc-assign-precision and mpc-insert-quantization `mpc.rounding`
      (#mpc.rounding; the profile of requantization), `mpc.activations` (string; asymmetric, symmetric, signed or signed-symmetric),
      `mpc.scales` (string; any or power-of-two), `mpc.fully_integral` (unit)
  }];
  let dependentDialects = ["::mlir::quant::QuantDialect"];
  let useDefaultAttributePrinterParser = 1;
  let hasConstantMaterializer = 1;
}

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

/// Floating-point elements that arithmetic ops take.
def MPC_Float : AnyTypeOf<[F16, BF16, F32, F64], "floating-point element">;
/// Signless integers are signed, as in ONNX; unsigned ones say so.
def MPC_Int : AnyTypeOf<[I1, I8, I16, I32, I64, UI8, UI16, UI32, UI64, SI8, SI16, SI32, SI64], "integer element">;
/// Elements that are stored, moved, cast and (de)quantized, but not computed with. Integers of 4 and 2 bits are signed, or say so, as above;
/// outside of files each element takes a byte.
def MPC_StorageElement : AnyTypeOf<[F8E4M3FN, F8E4M3FNUZ, F8E5M2, F8E5M2FNUZ, F8E8M0FNU, F4E2M1FN, I<4>, UI<4>, I<2>, UI<2>],
  "floating-point element of 8 or 4 bits or integer element of 4 or 2 bits">;
def MPC_Element : AnyTypeOf<[MPC_Float, MPC_Int, MPC_StorageElement, quant_QuantizedType],
  "floating-point, integer or quantized element">;

def MPC_Tensor : RankedTensorOf<[MPC_Element]>;
def MPC_FloatTensor : RankedTensorOf<[MPC_Float]>;
/// What functions of real numbers take.
def MPC_RealTensor : RankedTensorOf<[MPC_Float, quant_QuantizedType]>;
def MPC_NumberTensor : RankedTensorOf<[MPC_Float, MPC_Int]>;
def MPC_IntTensor : RankedTensorOf<[MPC_Int]>;
def MPC_BoolTensor : RankedTensorOf<[I1]>;
/// What arithmetic and comparisons take.
def MPC_ArithTensor : RankedTensorOf<[MPC_Float, MPC_Int, quant_QuantizedType]>;
def MPC_CastTensor : RankedTensorOf<[MPC_Float, MPC_Int, MPC_StorageElement]>;
def MPC_QuantTensor : RankedTensorOf<[quant_QuantizedType]>;
/// What a contraction may read, and what it may accumulate into.
def MPC_ContractionTensor : RankedTensorOf<[MPC_Float, MPC_Int, quant_QuantizedType]>;

//===----------------------------------------------------------------------===//
// Base classes
//===----------------------------------------------------------------------===//

class MPC_Op<string mnemonic, list<Trait> traits = []> : Op<MPC_Dialect, mnemonic, traits>;

/// Result shapes follow from operands and attributes; the element type of a result may be chosen (an accumulator, a precision).
/// Each op defines
///   static LogicalResult inferReturnTypes(MLIRContext *, std::optional<Location>, Adaptor, SmallVectorImpl<Type> &);
/// which checks everything the shapes depend on, reports through the location, and never asserts.
def MPC_InferShapes : InferTypeOpAdaptorBase<[{
  static bool isCompatibleReturnTypes(::mlir::TypeRange l, ::mlir::TypeRange r) {
    return ::mpc::haveCompatibleShapes(l, r);
  }
}]>;

/// A pure op on tensors whose result shapes can be inferred.
class MPC_TensorOp<string mnemonic, list<Trait> traits = []>
    : MPC_Op<mnemonic, !listconcat([Pure, MPC_InferShapes], traits)> {
  let assemblyFormat = "operands attr-dict `:` functional-type(operands, results)";
}

#endif // MPC_DIALECT_MPC_MPCBASE_TD
