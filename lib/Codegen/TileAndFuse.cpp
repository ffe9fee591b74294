//===- TileAndFuse.cpp - padding, contraction, epilogue as one op ---------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Iterators.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/Remarks.h"
#include "mpc/Codegen/ContractionInfo.h"
#include "mpc/Codegen/Passes.h"
#include "mpc/Codegen/Staging.h"
#include "mpc/Dialect/Kernel/KernelDialect.h"
#include "llvm/Support/MathExtras.h"

namespace mpc {
#define GEN_PASS_DEF_TILEANDFUSE
#include "mpc/Codegen/Passes.h.inc"
} // namespace mpc

using namespace mlir;
using namespace mpc;
using namespace mpc::kernel;

/// The constant padding of a convolution's input along height and width.
namespace {
struct Padding {
  Value source;
  TypedAttr value;
  SmallVector<int64_t, 3> low, high;
};
} // namespace

/// The padding of `rank` spatial dimensions that `input` comes from, or none.
static Padding matchPadding(Value input, unsigned rank) {
  Padding none;
  none.source = input;
  none.low.assign(rank, 0);
  none.high.assign(rank, 0);
  auto pad = input.getDefiningOp<tensor::PadOp>();
  if (!pad || pad.getSourceType().getRank() != static_cast<int64_t>(rank) + 2)
    return none;
  Value constant = pad.getConstantPaddingValue();
  TypedAttr value;
  if (!constant || !matchPattern(constant, m_Constant(&value)))
    return none;
  Padding padding = none;
  padding.source = pad.getSource();
  padding.value = value;
  for (auto [dim, low, high] :
       llvm::enumerate(pad.getMixedLowPad(), pad.getMixedHighPad())) {
    std::optional<int64_t> l = getConstantIntValue(low);
    std::optional<int64_t> h = getConstantIntValue(high);
    if (!l || !h || *l < 0 || *h < 0)
      return none;
    if (dim >= 1 && dim <= rank) {
      padding.low[dim - 1] = *l;
      padding.high[dim - 1] = *h;
    } else if (*l != 0 || *h != 0) {
      return none;
    }
  }
  for (unsigned dim : llvm::seq(1u, rank + 1))
    if (pad.getSourceType().isDynamicDim(dim))
      return none;
  if (llvm::all_of(padding.low, [](int64_t p) { return p == 0; }) &&
      llvm::all_of(padding.high, [](int64_t p) { return p == 0; }))
    padding.value = {};
  return padding;
}

/// Whether `map` reads an extra operand in a way that kernel ops can.
static bool isExtraMap(AffineMap map) {
  for (auto [position, expr] : llvm::enumerate(map.getResults())) {
    if (auto constant = dyn_cast<AffineConstantExpr>(expr)) {
      if (constant.getValue() != 0)
        return false;
      continue;
    }
    auto dim = dyn_cast<AffineDimExpr>(expr);
    if (!dim || (dim.getPosition() + 1 == map.getNumDims() &&
                 position + 1 != map.getNumResults()))
      return false;
  }
  return true;
}

/// Whether vectors of the elements of `type` lie in memory as the elements do;
/// those of i1 are bits there, and bytes alone.
static bool hasVectorLayout(Type type) {
  return !getElementTypeOrSelf(type).isInteger(1);
}

/// The element-wise op that alone consumes `accumulator`, if it can become the
/// epilogue.
static linalg::GenericOp matchEpilogue(Value accumulator) {
  if (!accumulator.hasOneUse())
    return {};
  OpOperand &use = *accumulator.getUses().begin();
  auto op = dyn_cast<linalg::GenericOp>(use.getOwner());
  if (!op || op.getNumDpsInits() != 1 ||
      op.getNumParallelLoops() != op.getNumLoops() || op.isDpsInit(&use) ||
      !op.getMatchingIndexingMap(&use).isIdentity() ||
      !op.getMatchingIndexingMap(op.getDpsInitOperand(0)).isIdentity())
    return {};
  if (!hasVectorLayout(op.getDpsInits()[0].getType()))
    return {};
  // The destination is written, never read.
  if (!op.getMatchingBlockArgument(op.getDpsInitOperand(0)).use_empty())
    return {};
  for (OpOperand *input : op.getDpsInputOperands())
    if (!isa<RankedTensorType>(input->get().getType()) ||
        !hasVectorLayout(input->get().getType()) ||
        !isExtraMap(op.getMatchingIndexingMap(input)))
      return {};
  for (Operation &inner : op.getBody()->without_terminator()) {
    if (inner.hasTrait<OpTrait::ConstantLike>())
      continue;
    if (!OpTrait::hasElementwiseMappableTraits(&inner))
      return {};
    for (Value operand : inner.getOperands())
      if (operand.getParentBlock() != op.getBody() &&
          !matchPattern(operand, m_Constant()))
        return {};
  }
  for (Value yielded : op.getBody()->getTerminator()->getOperands())
    if (yielded.getParentBlock() != op.getBody() &&
        !matchPattern(yielded, m_Constant()))
      return {};
  return op;
}

/// Fills the epilogue of a kernel op: the body of `epilogue`, or the
/// accumulator itself.
static void buildEpilogue(RewriterBase &rewriter, Location loc, Region &region,
                          Type accumulator, linalg::GenericOp epilogue,
                          OpOperand *accumulatorUse) {
  OpBuilder::InsertionGuard guard(rewriter);
  Block *block = rewriter.createBlock(&region);
  Value acc = block->addArgument(accumulator, loc);
  if (!epilogue) {
    YieldOp::create(rewriter, loc, acc);
    return;
  }
  IRMapping mapping;
  for (OpOperand *input : epilogue.getDpsInputOperands()) {
    BlockArgument from = epilogue.getMatchingBlockArgument(input);
    mapping.map(from, input == accumulatorUse
                          ? acc
                          : block->addArgument(from.getType(), loc));
  }
  auto capture = [&](Value value) {
    if (value.getParentBlock() == epilogue.getBody() || mapping.contains(value))
      return;
    mapping.map(value, rewriter.clone(*value.getDefiningOp())->getResult(0));
  };
  for (Operation &inner : epilogue.getBody()->without_terminator()) {
    llvm::for_each(inner.getOperands(), capture);
    rewriter.clone(inner, mapping);
  }
  Value yielded = epilogue.getBody()->getTerminator()->getOperand(0);
  capture(yielded);
  YieldOp::create(rewriter, loc, mapping.lookup(yielded));
}

/// Packs `weights`, the right operand of a matrix product, at run time.
static Value packAtRunTime(RewriterBase &rewriter, Location loc,
                           const ContractionInfo &info, TilingAttr tiling,
                           Value weights) {
  auto type = cast<RankedTensorType>(weights.getType());
  int64_t kv = tiling.getKv();
  int64_t panels = llvm::divideCeilSigned(info.channels, kPanelWidth);
  AffineExpr total = rewriter.getAffineConstantExpr(panels);
  SmallVector<OpFoldResult> leading;
  for (int64_t dim = 0; dim + 2 < type.getRank(); ++dim) {
    total = total * rewriter.getAffineSymbolExpr(dim);
    leading.push_back(tensor::getMixedSize(rewriter, loc, weights, dim));
  }
  SmallVector<OpFoldResult> sizes = {affine::makeComposedFoldedAffineApply(
      rewriter, loc, AffineMap::get(0, leading.size(), total), leading)};
  for (int64_t size :
       {int64_t(1), llvm::divideCeilSigned(info.depth, kv), kPanelWidth, kv})
    sizes.push_back(rewriter.getIndexAttr(size));
  Value empty =
      tensor::EmptyOp::create(rewriter, loc, sizes, type.getElementType());
  return PackOp::create(rewriter, loc, TypeRange{empty.getType()}, weights,
                        empty, info.transposed)
      .getResult(0);
}

/// Replaces `op` and its epilogue by a kernel op.
static LogicalResult tileAndFuse(RewriterBase &rewriter, linalg::LinalgOp op,
                                 StringRef category) {
  auto tiling = op->getAttrOfType<TilingAttr>(kTilingAttrName);
  FailureOr<ContractionInfo> info = ContractionInfo::match(op);
  if (!tiling || failed(info))
    return failure();
  using Kind = ContractionInfo::Kind;

  Value weights = op.getDpsInputOperand(1)->get();
  BlocksAttr blocks;
  auto unpack = weights.getDefiningOp<UnpackOp>();
  bool isPacked = info->kind != Kind::depthwise && !tiling.getPlanar();
  if (!startsAtZero(op) || (isPacked && !unpack && info->kind != Kind::matmul))
    return failure();
  if (unpack) {
    weights = unpack.getPacked();
    blocks = unpack.getBlocksAttr();
  }

  Padding padding;
  padding.source = op.getDpsInputOperand(0)->get();
  WindowAttr window;
  if (info->kind != Kind::matmul) {
    padding = matchPadding(padding.source, info->sizes.size());
    window = WindowAttr::get(op->getContext(),
                             rewriter.getDenseI64ArrayAttr(info->sizes),
                             rewriter.getDenseI64ArrayAttr(info->strides),
                             rewriter.getDenseI64ArrayAttr(info->dilations),
                             rewriter.getDenseI64ArrayAttr(padding.low),
                             rewriter.getDenseI64ArrayAttr(padding.high));
  }

  Value result = op->getResult(0);
  linalg::GenericOp epilogue = matchEpilogue(result);
  if (!epilogue)
    remark::missed(op.getLoc(),
                   remark::RemarkOpts::name("Epilogue").category(category))
        << "no element-wise op reads the result alone and in place; sums are "
           "stored";
  Type accumulator = getElementTypeOrSelf(result.getType());
  OpOperand *accumulatorUse = epilogue ? &*result.getUses().begin() : nullptr;
  SmallVector<Value> extras;
  SmallVector<AffineMap> maps;
  Value out =
      op.getDpsInits()[0].getDefiningOp<linalg::FillOp>().getDpsInits()[0];
  Operation *replaced = op;
  if (epilogue) {
    for (OpOperand *input : epilogue.getDpsInputOperands()) {
      if (input == accumulatorUse)
        continue;
      extras.push_back(input->get());
      maps.push_back(epilogue.getMatchingIndexingMap(input));
    }
    out = epilogue.getDpsInits()[0];
    replaced = epilogue;
  }

  rewriter.setInsertionPoint(replaced);
  if (isPacked && !unpack)
    weights = packAtRunTime(rewriter, op.getLoc(), *info, tiling, weights);
  auto create = [&](auto tag) -> Operation * {
    using OpTy = decltype(tag);
    auto kernel =
        OpTy::create(rewriter, op.getLoc(), TypeRange{out.getType()},
                     padding.source, weights, extras, out, window,
                     padding.value, rewriter.getAffineMapArrayAttr(maps),
                     info->unsignedInput, tiling, blocks, info->batched);
    buildEpilogue(rewriter, op.getLoc(), kernel.getEpilogue(), accumulator,
                  epilogue, accumulatorUse);
    return kernel;
  };
  Operation *kernel = info->kind == Kind::depthwise ? create(DepthwiseOp())
                      : tiling.getPlanar()          ? create(PlanarOp())
                      : tiling.getWinograd()        ? create(WinogradOp())
                                                    : create(ContractOp());
  if (Attribute staging = op->getAttr(kStagingAttrName))
    kernel->setAttr(kStagingAttrName, staging);
  rewriter.replaceOp(replaced, kernel->getResults());
  if (epilogue)
    rewriter.eraseOp(op);
  return success();
}

namespace {

struct TileAndFusePass : public mpc::impl::TileAndFuseBase<TileAndFusePass> {
  void runOnOperation() override {
    SmallVector<linalg::LinalgOp> contractions;
    getOperation().walk([&](linalg::LinalgOp op) {
      if (op->hasAttr(kTilingAttrName))
        contractions.push_back(op);
    });
    IRRewriter rewriter(&getContext());
    for (linalg::LinalgOp op : contractions) {
      if (succeeded(tileAndFuse(rewriter, op, getArgument())))
        continue;
      if (op.getDpsInputOperand(1)->get().getDefiningOp<UnpackOp>()) {
        op.emitOpError("expected an accumulator that starts as 'linalg.fill' "
                       "of zero, since its weights are packed");
        return signalPassFailure();
      }
      op->removeAttr(kTilingAttrName);
    }
    // What only fed the replaced ops: pads, fills, kernel.unpack.
    getOperation().walk<WalkOrder::PostOrder, ReverseIterator>(
        [&](Operation *op) {
          if (isa<UnpackOp, tensor::PadOp, tensor::EmptyOp, linalg::FillOp>(
                  op) &&
              op->use_empty())
            rewriter.eraseOp(op);
        });
  }
};

} // namespace
