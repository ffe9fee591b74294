//===- ExpandMath.cpp - math functions to arithmetic ----------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// mpc-expand-math: libm's results vary by version and its symbols by system, so
// kernels call none of it.
//
//===----------------------------------------------------------------------===//

#include "MathFunctions.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "mpc/Codegen/Passes.h"

namespace mpc {
#define GEN_PASS_DEF_EXPANDMATH
#include "mpc/Codegen/Passes.h.inc"
} // namespace mpc

using namespace mlir;

namespace {

/// Whether every x86-64-v3 machine has instructions for `op`, or LLVM a short
/// inline sequence.
bool compilesInline(Operation *op) {
  return isa<math::AbsFOp, math::AbsIOp, math::CeilOp, math::CopySignOp,
             math::CountLeadingZerosOp, math::CountTrailingZerosOp,
             math::CtPopOp, math::FloorOp, math::FmaOp, math::IsFiniteOp,
             math::IsInfOp, math::IsNaNOp, math::IsNormalOp, math::RoundEvenOp,
             math::RsqrtOp, math::SqrtOp, math::TruncOp>(op);
}

/// vector.fma to math.fma: the former becomes llvm.fmuladd, which is two
/// roundings where contraction is off, the latter llvm.fma, which is one
/// everywhere.
struct FuseFMA : OpRewritePattern<vector::FMAOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(vector::FMAOp op,
                                PatternRewriter &rewriter) const override {
    rewriter.replaceOpWithNewOp<math::FmaOp>(op, op.getLhs(), op.getRhs(),
                                             op.getAcc());
    return success();
  }
};

/// Rounding of vectors to the nearest i32, ties to even, is one instruction.
/// Where it overflows both are undefined.
struct RoundToInteger : OpRewritePattern<arith::FPToSIOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(arith::FPToSIOp op,
                                PatternRewriter &rewriter) const override {
    auto type = dyn_cast<VectorType>(op.getType());
    auto rounded = op.getIn().getDefiningOp<math::RoundEvenOp>();
    if (!type || !type.getElementType().isInteger(32) || !rounded ||
        !getElementTypeOrSelf(rounded.getType()).isF32())
      return failure();
    rewriter.replaceOpWithNewOp<LLVM::LrintOp>(op, type, rounded.getOperand());
    return success();
  }
};

/// The larger or smaller one of two numbers, or NaN if one is: upstream expands
/// it to comparisons, which become four instructions and wait for each other.
/// This operation is three, if zeros of both signs may give either. With a
/// constant both are one. GPUs order zeros by their signs: it stays there.
template <typename Source, typename Target>
struct CompareOnce : OpRewritePattern<Source> {
  using OpRewritePattern<Source>::OpRewritePattern;
  LogicalResult matchAndRewrite(Source op,
                                PatternRewriter &rewriter) const override {
    auto type = dyn_cast<VectorType>(op.getType());
    if (!op->template getParentOfType<func::FuncOp>() ||
        (type && type.getRank() != 1) ||
        !getElementTypeOrSelf(op.getType()).isF32() ||
        matchPattern(op.getLhs(), m_Constant()) ||
        matchPattern(op.getRhs(), m_Constant()))
      return failure();
    rewriter.replaceOpWithNewOp<Target>(op, op.getLhs(), op.getRhs(),
                                        LLVM::FastmathFlags::nsz);
    return success();
  }
};

class ExpandMath : public mpc::impl::ExpandMathBase<ExpandMath> {
  void runOnOperation() override {
    bool any = false;
    getOperation()->walk([&](Operation *op) {
      any |= isa_and_nonnull<math::MathDialect>(op->getDialect()) ||
             isa<vector::FMAOp, arith::RemFOp, arith::TruncFOp,
                 arith::MaximumFOp, arith::MinimumFOp>(op);
    });
    if (!any)
      return;

    RewritePatternSet patterns(&getContext());
    patterns.add<FuseFMA, RoundToInteger,
                 CompareOnce<arith::MaximumFOp, LLVM::MaximumOp>,
                 CompareOnce<arith::MinimumFOp, LLVM::MinimumOp>>(
        &getContext());
    mpc::populateMathFunctionPatterns(patterns);
    mpc::populateFloatFunctionPatterns(patterns);
    math::populateExpansionPatterns(patterns, {"exp2", "fpowi", "round"});
    // f16 and bf16 compute in f32.
    populateMathF32ExpansionPatterns(patterns, [](StringRef name) {
      return llvm::is_contained(
          {"math.acos",  "math.acosh", "math.asin", "math.asinh", "math.atan",
           "math.atanh", "math.atan2", "math.cbrt", "math.cos",   "math.cosh",
           "math.erf",   "math.erfc",  "math.exp",  "math.expm1", "math.log",
           "math.log1p", "math.log2",  "math.powf", "math.rsqrt", "math.sin",
           "math.sinh",  "math.sqrt",  "math.tan",  "math.tanh"},
          name);
    });
    populateMathPolynomialApproximationPatterns(patterns, [](StringRef name) {
      // One division after an exact square root is as fast and exact.
      return name != "math.rsqrt";
    });
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      return signalPassFailure();

    WalkResult walk = getOperation()->walk([&](Operation *op) {
      if (!isa_and_nonnull<math::MathDialect>(op->getDialect()) ||
          compilesInline(op))
        return WalkResult::advance();
      op->emitOpError("has no expansion to arithmetic for ")
          << op->getResult(0).getType();
      return WalkResult::interrupt();
    });
    if (walk.wasInterrupted())
      signalPassFailure();
  }
};

} // namespace
