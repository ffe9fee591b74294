//===- VerifyPrecision.cpp - the IR computes as its groups say ------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// mpc-verify-precision: the contract between mpc-insert-quantization and
// conversion to linalg, asked of interfaces and types.
//
//===----------------------------------------------------------------------===//

#include "WeightOnly.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mpc/Dialect/MPC/MPCDialect.h"
#include "mpc/Transforms/Passes.h"

namespace mpc {
#define GEN_PASS_DEF_VERIFYPRECISION
#include "mpc/Transforms/Passes.h.inc"
} // namespace mpc

using namespace mlir;
using namespace mpc;

/// Bits of quantized storage; 0 for other elements.
static unsigned getStorageBits(Type element) {
  auto type = dyn_cast<quant::QuantizedType>(element);
  return type ? type.getStorageTypeIntegralWidth() : 0;
}

/// (V5) Upstream's types refuse some bad scales, but not infinities, and not
/// every way to make a type verifies it.
static bool hasUsableScales(Type element) {
  auto isUsable = [](double scale) {
    return std::isfinite(scale) && scale > 0;
  };
  if (auto uniform = dyn_cast<quant::UniformQuantizedType>(element))
    return isUsable(uniform.getScale());
  if (auto perAxis = dyn_cast<quant::UniformQuantizedPerAxisType>(element))
    return llvm::all_of(perAxis.getScales(), isUsable);
  return true;
}

static LogicalResult verifyScales(Operation *op) {
  auto verify = [&](Value value) -> LogicalResult {
    if (Type element = getElementTypeOrSelf(value); !hasUsableScales(element))
      return op->emitOpError()
             << "expected finite, positive scales, but got " << element;
    return success();
  };
  for (Value value : op->getOperands())
    if (failed(verify(value)))
      return failure();
  for (Value value : op->getResults())
    if (failed(verify(value)))
      return failure();
  return success();
}

/// The floats that a group of `precision` reads and stores.
static Precision getActivations(GroupOp group) {
  Precision precision = *group.getPrecision();
  return isWeightOnly(precision) ? getWeightsFormat(group).getActivations()
                                 : precision;
}

static Type getFloatType(MLIRContext *context, Precision precision) {
  switch (precision) {
  case Precision::F16:
    return Float16Type::get(context);
  case Precision::BF16:
    return BFloat16Type::get(context);
  case Precision::F32:
  case Precision::INT8:
  case Precision::INT16:
  case Precision::W8:
  case Precision::W4:
    return Float32Type::get(context);
  }
  llvm_unreachable("all precisions are listed");
}

/// (V1), (V2): what a contraction reads, and what it sums in.
static LogicalResult verifyContraction(GroupOp group,
                                       QuantizableOpInterface op) {
  Precision precision = *group.getPrecision();
  bool isWide = precision == Precision::INT16;
  bool isInteger = precision == Precision::INT8 || isWide;
  Type narrow = getFloatType(group.getContext(), getActivations(group));
  SmallVector<OpOperand *> factors = op.getActivationOperands();
  if (isWeightOnly(precision)) { // (V6)
    Value weight = op.getWeightOperand()->get();
    auto blocks = weight.getDefiningOp<DequantizeBlocksOp>();
    unsigned bits = precision == Precision::W8 ? 8 : 4;
    if (!blocks || !getElementTypeOrSelf(blocks.getValues()).isInteger(bits))
      return op->emitOpError()
             << "in group '" << group.getName() << "' of precision "
             << stringifyPrecision(precision)
             << ": expected weights of mpc.dequantize_blocks from integers of "
             << bits << " bits, but got "
             << (blocks ? blocks.getValues().getType() : weight.getType());
  } else {
    factors.push_back(op.getWeightOperand());
  }
  for (OpOperand *operand : factors) {
    Type element = getElementTypeOrSelf(operand->get());
    unsigned bits = isWide && operand != op.getWeightOperand() ? 16 : 8;
    if (isInteger ? getStorageBits(element) != bits : element != narrow) {
      InFlightDiagnostic diagnostic = op->emitOpError();
      diagnostic << "in group '" << group.getName() << "' of precision "
                 << stringifyPrecision(precision) << ": expected operand #"
                 << operand->getOperandNumber() << " of ";
      if (isInteger)
        diagnostic << bits << "-bit quantized elements";
      else
        diagnostic << narrow << " elements";
      return diagnostic << ", but got " << element;
    }
  }
  Type sum = getElementTypeOrSelf(op->getResult(0));
  if (isWide      ? !sum.isInteger(64) && !sum.isInteger(32)
      : isInteger ? getStorageBits(sum) != 32
                  : !sum.isF32())
    return op->emitOpError()
           << "in group '" << group.getName() << "' of precision "
           << stringifyPrecision(precision) << ": expected an accumulator of "
           << (isWide      ? "i32 or i64"
               : isInteger ? "32-bit quantized"
                           : "f32")
           << " elements, but got " << sum;
  return success();
}

/// (V3), (V4): what a group stores.
static LogicalResult verifyStorage(GroupOp group) {
  for (Value result : group.getResults()) {
    Type element = getElementTypeOrSelf(result);
    if (unsigned bits = getStorageBits(element);
        bits && bits != 8 && bits != 16)
      return group.emitOpError() << "'" << group.getName()
                                 << "': expected to store quantized elements "
                                    "of 8 or 16 bits, but got "
                                 << element;
    std::optional<Precision> precision = group.getPrecision();
    if (precision)
      precision = getActivations(group);
    bool isNarrow = precision == Precision::F16 || precision == Precision::BF16;
    // The model's own results keep the model's own type.
    bool isReadByGroups = llvm::any_of(result.getUsers(), [](Operation *user) {
      return !user->hasTrait<OpTrait::IsTerminator>();
    });
    if (isNarrow && isReadByGroups && isArithmeticFloat(element) &&
        element != getFloatType(group.getContext(), *precision))
      return group.emitOpError()
             << "'" << group.getName() << "': expected to store "
             << stringifyPrecision(*precision) << " elements, but got "
             << element;
  }
  return success();
}

static LogicalResult verifyGroup(GroupOp group) {
  if (failed(verifyScales(group)) || failed(verifyStorage(group)))
    return failure();
  for (Operation &op : group.getBlock().without_terminator()) {
    if (failed(verifyScales(&op)))
      return failure();
    auto quantizable = dyn_cast<QuantizableOpInterface>(op);
    if (group.getPrecision() && quantizable && quantizable.getWeightOperand() &&
        quantizable.getQuantRole() == QuantRole::Contraction &&
        failed(verifyContraction(group, quantizable)))
      return failure();
  }
  return success();
}

namespace {
struct VerifyPrecision : mpc::impl::VerifyPrecisionBase<VerifyPrecision> {
  void runOnOperation() override {
    bool holds = true;
    getOperation().walk(
        [&](GroupOp group) { holds &= succeeded(verifyGroup(group)); });
    if (!holds)
      signalPassFailure();
    markAllAnalysesPreserved();
  }
};
} // namespace
