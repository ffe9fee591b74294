//===- LowerKernelMath.cpp - math operations that are instructions --------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Builders.h"
#include "mpc/GPU/Passes.h"
#include "llvm/ADT/TypeSwitch.h"

namespace mpc {
#define GEN_PASS_DEF_LOWERKERNELMATH
#include "mpc/GPU/Passes.h.inc"
} // namespace mpc

using namespace mlir;

/// LLVM's intrinsic of the same meaning, which PTX has an instruction for;
/// empty for others.
static StringRef getIntrinsic(Operation *op) {
  return llvm::TypeSwitch<Operation *, StringRef>(op)
      .Case([](math::AbsFOp) { return "llvm.fabs"; })
      .Case([](math::CeilOp) { return "llvm.ceil"; })
      .Case([](math::CopySignOp) { return "llvm.copysign"; })
      .Case([](math::FloorOp) { return "llvm.floor"; })
      .Case([](math::FmaOp) { return "llvm.fma"; })
      .Case([](math::RoundEvenOp) { return "llvm.roundeven"; })
      .Case([](math::RoundOp) { return "llvm.round"; })
      .Case([](math::SqrtOp) { return "llvm.sqrt"; })
      .Case([](math::TruncOp) { return "llvm.trunc"; })
      .Default([](Operation *) { return ""; });
}

/// Rounds and converts, which CPUs do in one instruction: PTX has one for each.
static void lowerRounding(LLVM::LrintOp op) {
  OpBuilder b(op);
  Value input = op.getVal();
  Value rounded =
      LLVM::CallIntrinsicOp::create(b, op.getLoc(), input.getType(),
                                    b.getStringAttr("llvm.roundeven"), input)
          .getResult(0);
  op.replaceAllUsesWith(
      LLVM::FPToSIOp::create(b, op.getLoc(), op.getType(), rounded)
          .getResult());
  op.erase();
}

namespace {

struct LowerKernelMathPass
    : public mpc::impl::LowerKernelMathBase<LowerKernelMathPass> {
  void runOnOperation() override {
    getOperation()->walk([](Operation *op) {
      if (auto rounding = dyn_cast<LLVM::LrintOp>(op))
        return lowerRounding(rounding);
      StringRef name = getIntrinsic(op);
      if (name.empty())
        return;
      OpBuilder b(op);
      auto call = LLVM::CallIntrinsicOp::create(
          b, op->getLoc(), op->getResult(0).getType(), b.getStringAttr(name),
          op->getOperands());
      op->replaceAllUsesWith(call->getResults());
      op->erase();
    });
  }
};

} // namespace
