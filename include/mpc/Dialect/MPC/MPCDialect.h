//===- MPCDialect.h - the mpc dialect --------------------------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Dialect, enums, attributes, interfaces and ops of the mpc dialect.
//
//===----------------------------------------------------------------------===//

#ifndef MPC_DIALECT_MPC_MPCDIALECT_H
#define MPC_DIALECT_MPC_MPCDIALECT_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/Dialect/Quant/IR/Quant.h"
#include "mlir/Dialect/Quant/IR/QuantTypes.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/TypeUtilities.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include <cmath>

#include "mpc/Dialect/MPC/MPCDialect.h.inc"
#include "mpc/Dialect/MPC/MPCEnums.h.inc"

#define GET_ATTRDEF_CLASSES
#include "mpc/Dialect/MPC/MPCAttributes.h.inc"

namespace mpc {
/// Whether ranked types have the same rank and compatible sizes, element types
/// aside.
bool haveCompatibleShapes(mlir::TypeRange lhs, mlir::TypeRange rhs);
/// Whether elements are floating-point numbers that ops compute with: f16,
/// bf16, f32, f64, but not the 8-bit floats, which are only stored.
bool isArithmeticFloat(mlir::Type elementType);
/// Whether elements are moved and converted, but not computed with: 8-bit
/// floats and 4-bit integers.
bool isStorageOnly(mlir::Type elementType);

/// MPC_Positionwise.
template <typename ConcreteOp>
class Positionwise : public mlir::OpTrait::TraitBase<ConcreteOp, Positionwise> {
};
} // namespace mpc

#include "mpc/Dialect/MPC/MPCInterfaces.h.inc"

#define GET_OP_CLASSES
#include "mpc/Dialect/MPC/MPCOps.h.inc"

namespace mpc {
/// Whether each result element depends on the operands' elements at the same
/// (broadcast) position only: what fits into an epilogue.
inline bool isPositionwise(mlir::Operation *op) {
  return mlir::isa<ElementwiseOpInterface>(op) || op->hasTrait<Positionwise>();
}
} // namespace mpc

#endif // MPC_DIALECT_MPC_MPCDIALECT_H
