//===- VerifyIntegral.cpp - nothing is computed in floating point ---------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mpc/Dialect/MPC/MPCDialect.h"
#include "mpc/Transforms/Passes.h"

namespace mpc {
#define GEN_PASS_DEF_VERIFYINTEGRAL
#include "mpc/Transforms/Passes.h.inc"
} // namespace mpc

using namespace mlir;
using namespace mpc;

static bool isFloat(Value value) {
  return isa<FloatType>(getElementTypeOrSelf(value));
}

/// Whether the elements are those of an argument of the function.
static bool isArgument(Value value) {
  while (auto reshape = value.getDefiningOp<ReshapeOp>())
    value = reshape.getInput();
  return isa<BlockArgument>(value) &&
         isa<func::FuncOp>(value.getParentBlock()->getParentOp());
}

/// Whether only the function returns the value, under whatever shape.
static bool isOnlyReturned(Value value) {
  return llvm::all_of(value.getUsers(), [](Operation *user) {
    if (auto reshape = dyn_cast<ReshapeOp>(user))
      return isOnlyReturned(reshape.getResult());
    return isa<func::ReturnOp>(user);
  });
}

/// Whether an op on quantized elements is computed in floating point between
/// them: what the profile onnx rounds, and element-wise ops other than clamps
/// and those of 32 bits.
static bool roundsInFloat(Operation *op) {
  if (op->getNumResults() != 1)
    return false;
  auto type = dyn_cast<quant::QuantizedType>(
      getElementTypeOrSelf(op->getResult(0).getType()));
  if (!type)
    return false;
  if (auto requantize = dyn_cast<RequantizeOp>(op))
    return requantize.getRounding() == Rounding::ONNX;
  if (auto elementwise = dyn_cast<ElementwiseOpInterface>(op)) {
    bool isClamp = elementwise.isClamp() && op->getNumOperands() == 1 &&
                   op->getOperand(0).getType() == op->getResult(0).getType();
    return !isClamp && type.getStorageTypeIntegralWidth() != 32;
  }
  auto quantizable = dyn_cast<QuantizableOpInterface>(op);
  if (!quantizable)
    return false;
  if (quantizable.getQuantRole() == QuantRole::Average) {
    auto rounding = op->getAttrOfType<RoundingAttr>("rounding");
    return !rounding || rounding.getValue() == Rounding::ONNX;
  }
  return quantizable.getQuantRole() == QuantRole::Float &&
         !quantizable.getWeightOperand();
}

static bool computesInFloat(GroupOp group) {
  Operation *yield = group.getBlock().getTerminator();
  return llvm::any_of(
      group.getBlock().without_terminator(), [&](Operation &op) {
        // The borders of the model: bytes of what it takes, numbers of what it
        // gives.
        if (isa<QuantizeOp>(op))
          if (auto argument = dyn_cast<BlockArgument>(op.getOperand(0)))
            return !isArgument(group.getInputs()[argument.getArgNumber()]);
        if (isa<DequantizeOp>(op) && op.getResult(0).hasOneUse()) {
          OpOperand &use = *op.getResult(0).use_begin();
          if (use.getOwner() == yield)
            return !isOnlyReturned(group->getResult(use.getOperandNumber()));
        }
        return llvm::any_of(op.getOperands(), isFloat) ||
               llvm::any_of(op.getResults(), isFloat) || roundsInFloat(&op);
      });
}

/// Why a group is not one of integers, as far as mpc-assign-precision and
/// mpc-insert-quantization said it.
static StringRef getReason(GroupOp group) {
  StringRef reason = group.getReason().value_or("");
  reason.consume_front("int8 refused: ");
  size_t why = reason.find("in floating point: ");
  return why == StringRef::npos
             ? reason
             : reason.substr(why + StringRef("in floating point: ").size());
}

namespace {
struct VerifyIntegral : mpc::impl::VerifyIntegralBase<VerifyIntegral> {
  void runOnOperation() override {
    std::string list;
    unsigned count = 0;
    getOperation().walk([&](GroupOp group) {
      if (!computesInFloat(group))
        return;
      StringRef reason = getReason(group);
      list += (Twine(count++ ? ", '" : "'") + group.getName() + "' (" +
               group.getRoot()->getName().stripDialect() +
               (reason.empty() ? "" : ": ") + reason + ")")
                  .str();
    });
    markAllAnalysesPreserved();
    if (count == 0)
      return;
    emitError(UnknownLoc::get(&getContext()))
        << "not fully integral: " << count
        << (count == 1 ? " group computes" : " groups compute")
        << " in floating point: " << list;
    signalPassFailure();
  }
};
} // namespace
