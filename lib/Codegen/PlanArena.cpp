//===- PlanArena.cpp - all buffers of an entry point in one arena ---------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// mpc-plan-arena: sizes that are affine in the batch, live ranges, and offsets.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/Transforms/BufferViewFlowAnalysis.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Matchers.h"
#include "mpc/Codegen/Passes.h"
#include "mpc/Codegen/Variants.h"

namespace mpc {
#define GEN_PASS_DEF_PLANARENA
#include "mpc/Codegen/Passes.h.inc"
} // namespace mpc

using namespace mlir;

namespace {

/// base + perBatch * batch, where batch >= 1.
struct Affine {
  int64_t base = 0, perBatch = 0;

  bool isConstant() const { return perBatch == 0; }
  int64_t at(int64_t batch) const { return base + perBatch * batch; }

  /// Whether this is at most `other` for every batch.
  bool isAtMost(const Affine &other) const {
    return perBatch <= other.perBatch && at(1) <= other.at(1);
  }

  /// The least affine bound of both, from batch 1 up.
  static Affine max(const Affine &a, const Affine &b) {
    int64_t slope = std::max(a.perBatch, b.perBatch);
    return {std::max(a.at(1), b.at(1)) - slope, slope};
  }

  friend Affine operator+(const Affine &a, const Affine &b) {
    return {a.base + b.base, a.perBatch + b.perBatch};
  }
};

std::optional<Affine> multiply(const Affine &a, const Affine &b) {
  if (!a.isConstant() && !b.isConstant())
    return std::nullopt;
  const Affine &constant = a.isConstant() ? a : b;
  const Affine &other = a.isConstant() ? b : a;
  Affine product;
  if (llvm::MulOverflow(constant.base, other.base, product.base) ||
      llvm::MulOverflow(constant.base, other.perBatch, product.perBatch))
    return std::nullopt;
  return product;
}

/// Finds out how a size depends on the batch.
class SizeEvaluator {
public:
  explicit SizeEvaluator(func::FuncOp function) : function(function) {}

  std::optional<Affine> evaluate(Value value);
  std::optional<Affine> evaluate(OpFoldResult value) {
    if (auto attr = dyn_cast<Attribute>(value))
      return Affine{cast<IntegerAttr>(attr).getInt(), 0};
    return evaluate(cast<Value>(value));
  }
  std::optional<Affine> evaluateDim(Value memref, int64_t dim);

private:
  std::optional<Affine> evaluateCarried(BlockArgument argument, int64_t dim);
  std::optional<Affine> evaluateExpr(AffineExpr expr, ArrayRef<Affine> operands,
                                     unsigned numDims);
  func::FuncOp function;
};

std::optional<Affine> SizeEvaluator::evaluateExpr(AffineExpr expr,
                                                  ArrayRef<Affine> operands,
                                                  unsigned numDims) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return Affine{constant.getValue(), 0};
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return operands[dim.getPosition()];
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expr))
    return operands[numDims + symbol.getPosition()];
  auto binary = cast<AffineBinaryOpExpr>(expr);
  std::optional<Affine> lhs = evaluateExpr(binary.getLHS(), operands, numDims);
  std::optional<Affine> rhs = evaluateExpr(binary.getRHS(), operands, numDims);
  if (!lhs || !rhs)
    return std::nullopt;
  switch (expr.getKind()) {
  case AffineExprKind::Add:
    return *lhs + *rhs;
  case AffineExprKind::Mul:
    return multiply(*lhs, *rhs);
  default: { // divisions that leave no remainder for any batch
    if (expr.getKind() == AffineExprKind::Mod || !rhs->isConstant() ||
        rhs->base <= 0 || lhs->base % rhs->base || lhs->perBatch % rhs->base)
      return std::nullopt;
    return Affine{lhs->base / rhs->base, lhs->perBatch / rhs->base};
  }
  }
}

std::optional<Affine> SizeEvaluator::evaluate(Value value) {
  APInt constant;
  if (matchPattern(value, m_ConstantInt(&constant)))
    return Affine{constant.getSExtValue(), 0};
  Operation *op = value.getDefiningOp();
  if (!op)
    return std::nullopt;
  if (auto dim = dyn_cast<memref::DimOp>(op)) {
    std::optional<int64_t> index = dim.getConstantIndex();
    return index ? evaluateDim(dim.getSource(), *index) : std::nullopt;
  }
  if (auto apply = dyn_cast<affine::AffineApplyOp>(op)) {
    SmallVector<Affine> operands;
    for (Value operand : apply.getMapOperands()) {
      std::optional<Affine> size = evaluate(operand);
      if (!size)
        return std::nullopt;
      operands.push_back(*size);
    }
    AffineMap map = apply.getAffineMap();
    return evaluateExpr(map.getResult(0), operands, map.getNumDims());
  }
  if (!isa<arith::AddIOp, arith::SubIOp, arith::MulIOp, arith::IndexCastOp>(op))
    return std::nullopt;
  std::optional<Affine> lhs = evaluate(op->getOperand(0));
  if (!lhs || isa<arith::IndexCastOp>(op))
    return lhs;
  std::optional<Affine> rhs = evaluate(op->getOperand(1));
  if (!rhs)
    return std::nullopt;
  if (isa<arith::MulIOp>(op))
    return multiply(*lhs, *rhs);
  if (isa<arith::SubIOp>(op))
    return *lhs + Affine{-rhs->base, -rhs->perBatch};
  return *lhs + *rhs;
}

/// A loop carries buffers of one shape.
std::optional<Affine> SizeEvaluator::evaluateCarried(BlockArgument argument,
                                                     int64_t dim) {
  Operation *parent = argument.getOwner()->getParentOp();
  if (auto loop = dyn_cast<scf::ForOp>(parent))
    if (OpOperand *init = loop.getTiedLoopInit(argument))
      return evaluateDim(init->get(), dim);
  if (auto loop = dyn_cast<scf::WhileOp>(parent))
    return evaluateDim(
        argument.getOwner() == loop.getBeforeBody()
            ? loop.getInits()[argument.getArgNumber()]
            : loop.getConditionOp().getArgs()[argument.getArgNumber()],
        dim);
  return std::nullopt;
}

std::optional<Affine> SizeEvaluator::evaluateDim(Value memref, int64_t dim) {
  auto type = dyn_cast<MemRefType>(memref.getType());
  if (!type || dim < 0 || dim >= type.getRank())
    return std::nullopt;
  if (!type.isDynamicDim(dim))
    return Affine{type.getDimSize(dim), 0};
  // The arguments' one symbolic size is the batch.
  if (auto argument = dyn_cast<BlockArgument>(memref)) {
    if (argument.getOwner() == &function.front())
      return Affine{0, 1};
    return evaluateCarried(argument, dim);
  }
  Operation *op = memref.getDefiningOp();
  unsigned result = cast<OpResult>(memref).getResultNumber();
  if (auto loop = dyn_cast<scf::ForOp>(op))
    return evaluateDim(loop.getInitArgs()[result], dim);
  if (auto loop = dyn_cast<scf::WhileOp>(op))
    return evaluateDim(loop.getConditionOp().getArgs()[result], dim);
  if (auto branch = dyn_cast<scf::IfOp>(op))
    return evaluateDim(branch.thenYield().getOperand(result), dim);
  if (auto alloc = dyn_cast<memref::AllocOp>(op))
    return evaluate(alloc.getMixedSizes()[dim]);
  if (auto view = dyn_cast<memref::ViewOp>(op))
    return evaluate(view.getSizes()[type.getDynamicDimIndex(dim)]);
  if (auto cast = dyn_cast<memref::CastOp>(op))
    return evaluateDim(cast.getSource(), dim);
  if (auto expand = dyn_cast<memref::ExpandShapeOp>(op))
    return evaluate(expand.getMixedOutputShape()[dim]);
  if (auto sizes = dyn_cast<OffsetSizeAndStrideOpInterface>(op)) {
    SmallVector<OpFoldResult> mixed = sizes.getMixedSizes();
    if (static_cast<int64_t>(mixed.size()) == type.getRank())
      return evaluate(mixed[dim]);
    return std::nullopt; // rank-reducing
  }
  if (auto collapse = dyn_cast<memref::CollapseShapeOp>(op)) {
    Affine product{1, 0};
    SmallVector<ReassociationIndices> groups =
        collapse.getReassociationIndices();
    for (int64_t source : groups[dim]) {
      std::optional<Affine> size = evaluateDim(collapse.getSrc(), source);
      std::optional<Affine> next =
          size ? multiply(product, *size) : std::nullopt;
      if (!next)
        return std::nullopt;
      product = *next;
    }
    return product;
  }
  return std::nullopt;
}

/// A buffer to place. It is live from the operation at position `first` of the
/// function's block to the one at `last`, both included.
struct Buffer {
  memref::AllocOp alloc;
  Affine size;
  int64_t first, last;
  Affine offset;

  Affine end() const { return offset + size; }
  bool conflictsWith(const Buffer &other) const {
    return first <= other.last && other.first <= last;
  }
};

/// Assigns offsets, the largest buffer first, and returns the arena's size.
///
/// A place is free if for every other live buffer the whole of one lies before
/// the other for every batch. Candidates are the start of the arena and the
/// ends of the buffers that are live at the same time, and the bound of all
/// those ends, which is always free.
Affine placeBuffers(MutableArrayRef<Buffer> buffers) {
  SmallVector<Buffer *> order;
  for (Buffer &buffer : buffers)
    order.push_back(&buffer);
  llvm::stable_sort(order, [](const Buffer *a, const Buffer *b) {
    return std::make_pair(a->size.perBatch, a->size.base) >
           std::make_pair(b->size.perBatch, b->size.base);
  });
  Affine total;
  for (auto [index, buffer] : llvm::enumerate(order)) {
    SmallVector<Buffer *> others;
    for (Buffer *other : ArrayRef(order).take_front(index))
      if (buffer->conflictsWith(*other))
        others.push_back(other);
    auto isFree = [&others](const Buffer &buffer) {
      return llvm::all_of(others, [&](Buffer *other) {
        return buffer.end().isAtMost(other->offset) ||
               other->end().isAtMost(buffer.offset);
      });
    };
    SmallVector<Affine> candidates{Affine{}};
    Affine bound;
    for (Buffer *other : others) {
      candidates.push_back(other->end());
      bound = Affine::max(bound, other->end());
    }
    candidates.push_back(bound);
    llvm::sort(candidates, [](const Affine &a, const Affine &b) {
      return std::make_pair(a.perBatch, a.base) <
             std::make_pair(b.perBatch, b.base);
    });
    for (const Affine &candidate : candidates) {
      buffer->offset = candidate;
      if (isFree(*buffer))
        break;
    }
    total = Affine::max(total, buffer->end());
  }
  return total;
}

class PlanArena : public mpc::impl::PlanArenaBase<PlanArena> {
  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (function.isPublic() && !function.isExternal() &&
          failed(plan(function)))
        return signalPassFailure();
  }

  LogicalResult plan(func::FuncOp function);
};

LogicalResult PlanArena::plan(func::FuncOp function) {
  if (!function.getBody().hasOneBlock())
    return function.emitOpError("expected one block, but got ")
           << function.getBody().getBlocks().size();
  Block &block = function.front();
  llvm::DenseMap<Operation *, int64_t> positions;
  for (auto [index, op] : llvm::enumerate(block))
    positions[&op] = index;
  auto getPosition = [&](Operation *op) {
    return positions.lookup(block.findAncestorOpInBlock(*op));
  };

  // What is no buffer, but refers to one, such as a tensor map, is used later.
  auto getLastPosition = [&](Operation *op) {
    int64_t last = getPosition(op);
    for (Value result : op->getResults())
      if (!isa<BaseMemRefType>(result.getType()) &&
          !isa<VectorType>(result.getType()) &&
          !result.getType().isIntOrIndexOrFloat())
        for (Operation *user : result.getUsers())
          last = std::max(last, getPosition(user));
    return last;
  };

  SizeEvaluator evaluator(function);
  BufferViewFlowAnalysis aliases(function);
  SmallVector<Buffer> buffers;
  SmallVector<memref::DeallocOp> frees;
  WalkResult walk = function.walk([&](Operation *op) {
    if (auto dealloc = dyn_cast<memref::DeallocOp>(op))
      frees.push_back(dealloc);
    auto alloc = dyn_cast<memref::AllocOp>(op);
    if (!alloc)
      return WalkResult::advance();
    MemRefType type = alloc.getType();
    Type element = type.getElementType();
    if (!type.getLayout().isIdentity() || !element.isIntOrFloat()) {
      alloc.emitOpError(
          "expected a buffer of numbers with identity layout, but "
          "got ")
          << type;
      return WalkResult::interrupt();
    }
    std::optional<Affine> size =
        Affine{static_cast<int64_t>(
                   llvm::divideCeil(element.getIntOrFloatBitWidth(), 8)),
               0};
    for (OpFoldResult dim : alloc.getMixedSizes()) {
      std::optional<Affine> extent = evaluator.evaluate(dim);
      size = extent && size ? multiply(*size, *extent) : std::nullopt;
    }
    if (!size) {
      alloc.emitOpError("expected a size that is affine in the batch, base + "
                        "per_batch * batch, for a buffer ")
          << type;
      return WalkResult::interrupt();
    }
    size->base =
        llvm::alignTo(size->base + mpc::kBufferSlack, mpc::kBufferAlignment);
    size->perBatch = llvm::alignTo(size->perBatch, mpc::kBufferAlignment);
    Buffer buffer{alloc, *size, getPosition(alloc), getPosition(alloc), {}};
    for (Value alias : aliases.resolve(alloc))
      for (Operation *user : alias.getUsers())
        buffer.last = std::max(buffer.last, getLastPosition(user));
    buffers.push_back(buffer);
    return WalkResult::advance();
  });
  if (walk.wasInterrupted())
    return failure();
  for (memref::DeallocOp dealloc : frees)
    dealloc.erase();
  Affine total = placeBuffers(buffers);

  // The batch, from the first argument that has it.
  OpBuilder builder(&getContext());
  builder.setInsertionPointToStart(&block);
  Location loc = function.getLoc();
  Value batch;
  for (BlockArgument argument : block.getArguments()) {
    auto type = dyn_cast<MemRefType>(argument.getType());
    if (!type || type.hasStaticShape() || batch)
      continue;
    int64_t dim = llvm::find_if(type.getShape(), ShapedType::isDynamic) -
                  type.getShape().begin();
    if (llvm::any_of(buffers, [](const Buffer &buffer) {
          return buffer.offset.perBatch != 0;
        }))
      batch = memref::DimOp::create(builder, loc, argument, dim);
  }
  unsigned index = function.getNumArguments();
  if (failed(function.insertArgument(
          index, MemRefType::get({ShapedType::kDynamic}, builder.getI8Type()),
          {}, loc)))
    return failure();
  Value arena = function.getArgument(index);
  for (Buffer &buffer : buffers) {
    builder.setInsertionPoint(buffer.alloc);
    Value offset =
        arith::ConstantIndexOp::create(builder, loc, buffer.offset.base);
    if (int64_t slope = buffer.offset.perBatch) {
      Value scale = arith::ConstantIndexOp::create(builder, loc, slope);
      Value product = arith::MulIOp::create(builder, loc, batch, scale);
      offset = arith::AddIOp::create(builder, loc, product, offset);
    }
    auto view = memref::ViewOp::create(builder, buffer.alloc.getLoc(),
                                       buffer.alloc.getType(), arena, offset,
                                       buffer.alloc.getDynamicSizes());
    buffer.alloc.replaceAllUsesWith(view.getResult());
    buffer.alloc.erase();
  }
  function->setAttr(
      mpc::kArenaAttrName,
      builder.getDictionaryAttr(
          {builder.getNamedAttr("base", builder.getI64IntegerAttr(total.base)),
           builder.getNamedAttr("per_batch",
                                builder.getI64IntegerAttr(total.perBatch))}));
  return success();
}

} // namespace
