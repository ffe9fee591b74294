//===- LowerBF16.cpp - bf16 as bits ---------------------------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// mpc-lower-bf16: LLVM's x86 back end moves bf16 values through f32 in places
// where nothing computes, such as a phi or a select, and then rounds back with
// a call of
// __truncsfbf2, a function of compiler libraries. As i16 they stay what they
// are.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/AttrTypeSubElements.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/TypeUtilities.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"
#include "mpc/Codegen/Passes.h"

namespace mpc {
#define GEN_PASS_DEF_LOWERBF16
#include "mpc/Codegen/Passes.h.inc"
} // namespace mpc

using namespace mlir;

namespace {

/// `type`, a scalar or vector, with another element type.
Type replaceElement(Type type, Type element) {
  if (auto shaped = dyn_cast<ShapedType>(type))
    return shaped.clone(element);
  return element;
}

/// A constant of type i32 or a vector of it.
Value createConstant(OpBuilder &builder, Location loc, Type type,
                     int32_t value) {
  TypedAttr attr = builder.getI32IntegerAttr(value);
  if (auto shaped = dyn_cast<ShapedType>(type))
    attr = DenseElementsAttr::get(shaped, Attribute(attr));
  return arith::ConstantOp::create(builder, loc, attr);
}

/// f32 to bf16, to nearest even, NaN to a quiet NaN, in i32:
///   r = x + 0x7fff + (x >> 16 & 1), or x | 0x400000 for NaN; then r >> 16.
/// With AVX512-BF16 it is used as well: that instruction flushes subnormals.
struct ExpandTruncation : OpRewritePattern<arith::TruncFOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(arith::TruncFOp op,
                                PatternRewriter &rewriter) const override {
    Type sourceType = op.getIn().getType();
    if (!getElementTypeOrSelf(sourceType).isF32() ||
        !getElementTypeOrSelf(op.getType()).isBF16())
      return rewriter.notifyMatchFailure(op, "not from f32 to bf16");
    if (op.getRoundingmode().value_or(arith::RoundingMode::to_nearest_even) !=
        arith::RoundingMode::to_nearest_even)
      return rewriter.notifyMatchFailure(op, "not to nearest even");
    Location loc = op.getLoc();
    auto withElement = [&](Type element) {
      return replaceElement(sourceType, element);
    };
    Type i32 = withElement(rewriter.getI32Type());
    auto constant = [&](int32_t value) {
      return createConstant(rewriter, loc, i32, value);
    };
    Value bits = arith::BitcastOp::create(rewriter, loc, i32, op.getIn());
    Value shift = constant(16);
    Value odd = arith::AndIOp::create(
        rewriter, loc, arith::ShRUIOp::create(rewriter, loc, bits, shift),
        constant(1));
    Value rounded = arith::AddIOp::create(
        rewriter, loc, bits,
        arith::AddIOp::create(rewriter, loc, odd, constant(0x7fff)));
    Value quiet = arith::OrIOp::create(rewriter, loc, bits, constant(0x400000));
    Value isNaN = arith::CmpFOp::create(
        rewriter, loc, arith::CmpFPredicate::UNO, op.getIn(), op.getIn());
    Value result =
        arith::SelectOp::create(rewriter, loc, isNaN, quiet, rounded);
    Value half = arith::TruncIOp::create(
        rewriter, loc, withElement(rewriter.getI16Type()),
        arith::ShRUIOp::create(rewriter, loc, result, shift));
    rewriter.replaceOpWithNewOp<arith::BitcastOp>(op, op.getType(), half);
    return success();
  }
};

/// bf16 to f32: the upper half of its bits.
struct ExpandExtension : OpRewritePattern<arith::ExtFOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(arith::ExtFOp op,
                                PatternRewriter &rewriter) const override {
    Type type = op.getType();
    if (!getElementTypeOrSelf(op.getIn().getType()).isBF16() ||
        !getElementTypeOrSelf(type).isF32())
      return rewriter.notifyMatchFailure(op, "not from bf16 to f32");
    Location loc = op.getLoc();
    Type i32 = replaceElement(type, rewriter.getI32Type());
    Value half = arith::BitcastOp::create(
        rewriter, loc, replaceElement(type, rewriter.getI16Type()), op.getIn());
    Value bits = arith::ShLIOp::create(
        rewriter, loc, arith::ExtUIOp::create(rewriter, loc, i32, half),
        createConstant(rewriter, loc, i32, 16));
    rewriter.replaceOpWithNewOp<arith::BitcastOp>(op, type, bits);
    return success();
  }
};

/// Whether `op` computes with bf16 values instead of moving them.
bool computesInBF16(Operation *op) {
  if (!isa_and_nonnull<arith::ArithDialect, math::MathDialect>(
          op->getDialect()) ||
      isa<arith::BitcastOp, arith::ConstantOp, arith::SelectOp>(op))
    return false;
  auto isBF16 = [](Type type) { return getElementTypeOrSelf(type).isBF16(); };
  return llvm::any_of(op->getOperandTypes(), isBF16) ||
         llvm::any_of(op->getResultTypes(), isBF16);
}

class LowerBF16 : public mpc::impl::LowerBF16Base<LowerBF16> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<ExpandTruncation, ExpandExtension>(&getContext());
    // Nothing but the two patterns: folding belongs to other passes.
    walkAndApplyPatterns(getOperation(), std::move(patterns));

    WalkResult walk = getOperation().walk([&](Operation *op) {
      if (!computesInBF16(op))
        return WalkResult::advance();
      op->emitOpError("expected bf16 values to be computed in f32");
      return WalkResult::interrupt();
    });
    if (walk.wasInterrupted())
      return signalPassFailure();

    // What intrinsics take stays bf16, in a register.
    SmallVector<OpOperand *> kept;
    getOperation().walk([&](LLVM::CallIntrinsicOp op) {
      for (OpOperand &operand : op->getOpOperands())
        if (getElementTypeOrSelf(operand.get().getType()).isBF16())
          kept.push_back(&operand);
    });

    Type i16 = IntegerType::get(&getContext(), 16);
    AttrTypeReplacer replacer;
    replacer.addReplacement([&](BFloat16Type) { return i16; });
    replacer.addReplacement([&](FloatAttr attr) -> std::optional<Attribute> {
      if (!attr.getType().isBF16())
        return std::nullopt;
      return IntegerAttr::get(i16, attr.getValue().bitcastToAPInt());
    });
    replacer.addReplacement(
        [&](DenseElementsAttr attr) -> std::optional<Attribute> {
          if (!attr.getElementType().isBF16())
            return std::nullopt;
          return attr.bitcast(i16);
        });
    replacer.recursivelyReplaceElementsIn(getOperation(), /*replaceAttrs=*/true,
                                          /*replaceLocs=*/false,
                                          /*replaceTypes=*/true);
    for (OpOperand *operand : kept) {
      OpBuilder builder(operand->getOwner());
      Value bits = operand->get();
      operand->set(LLVM::BitcastOp::create(
          builder, operand->getOwner()->getLoc(),
          replaceElement(bits.getType(), builder.getBF16Type()), bits));
    }
  }
};

} // namespace
