//===- LowerLoops.cpp - linalg ops without a kernel to loops --------------===//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
//
// Where all operands are read and written element by element, shapes do not
// matter and one long loop remains. Otherwise neighbouring loops that walk
// through memory as one become one, and a nest of the others remains.
//
//===----------------------------------------------------------------------===//

#include "LoopBody.h"
#include "mpc/Codegen/OutputTile.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mpc;

/// Bodies of at most so many operations compute so many vectors at a time.
static constexpr int64_t kShortBody = 4, kUnroll = 4;

/// What the body of `op` computes that is not the same for all positions along
/// loop `inner`.
static DenseSet<Value> findVarying(linalg::LinalgOp op, unsigned inner) {
  DenseSet<Value> varying;
  for (OpOperand &operand : op->getOpOperands())
    if (op.isDpsInit(&operand) ||
        op.getMatchingIndexingMap(&operand).isFunctionOfDim(inner))
      varying.insert(op.getMatchingBlockArgument(&operand));
  for (Operation &bodyOp : op.getBlock()->without_terminator()) {
    auto index = dyn_cast<linalg::IndexOp>(bodyOp);
    if (index ? index.getDim() == inner
              : llvm::any_of(bodyOp.getOperands(), [&](Value operand) {
                  return varying.contains(operand);
                }))
      varying.insert_range(bodyOp.getResults());
  }
  return varying;
}

/// Whether `load` reads a row along loop `inner`: its last index is the
/// position in that loop, and the others are none of the `varying`.
static bool isRowLoad(Operation *op, unsigned inner,
                      const DenseSet<Value> &varying) {
  auto load = dyn_cast_or_null<memref::LoadOp>(op);
  if (!load || load.getIndices().empty() ||
      !load.getMemRefType().isLastDimUnitStride())
    return false;
  auto last = load.getIndices().back().getDefiningOp<linalg::IndexOp>();
  return last && last.getDim() == inner &&
         llvm::none_of(load.getIndices().drop_back(),
                       [&](Value index) { return varying.contains(index); });
}

int64_t mpc::getLanes(linalg::LinalgOp op, const TargetDescription &target,
                      std::optional<unsigned> inner) {
  int64_t widest = 8;
  auto addType = [&](Type type, unsigned narrowest) {
    unsigned bits = type.isIntOrFloat() ? type.getIntOrFloatBitWidth() : 0;
    widest = std::max<int64_t>(widest, bits);
    return bits >= narrowest && llvm::isPowerOf2_32(bits) && bits <= 64;
  };
  DenseSet<Value> varying;
  bool reads = llvm::any_of(*op.getBlock(), [](Operation &bodyOp) {
    return isa<linalg::IndexOp, memref::LoadOp>(bodyOp);
  });
  if (reads && !inner)
    return 0;
  if (reads)
    varying = findVarying(op, *inner);
  for (OpOperand &operand : op->getOpOperands()) {
    BlockArgument argument = op.getMatchingBlockArgument(&operand);
    bool counts =
        op.isDpsInit(&operand) ||
        (!argument.use_empty() && (!reads || varying.contains(argument)));
    if (counts && !addType(getElementTypeOrSelf(operand.get().getType()), 8))
      return 0;
  }
  for (Operation &bodyOp : op.getBlock()->without_terminator()) {
    // What is the same for all lanes is computed once.
    bool isUniform = reads && llvm::none_of(bodyOp.getResults(), [&](Value v) {
                       return varying.contains(v);
                     });
    if (isUniform && bodyOp.getNumRegions() == 0)
      continue;
    if (isa<linalg::IndexOp>(bodyOp)) {
      // A position in the loop is where rows begin, and nothing else.
      for (OpOperand &use : bodyOp.getUses()) {
        auto load = dyn_cast<memref::LoadOp>(use.getOwner());
        if (!load || use.getOperandNumber() + 1 != load->getNumOperands() ||
            !isRowLoad(load, *inner, varying))
          return 0;
      }
      continue;
    }
    if (!bodyOp.hasTrait<OpTrait::ConstantLike>() &&
        !OpTrait::hasElementwiseMappableTraits(&bodyOp) &&
        !(reads && isRowLoad(&bodyOp, *inner, varying)))
      return 0;
    for (Type type : bodyOp.getResultTypes())
      if (!addType(type, 1))
        return 0;
  }
  return target.vectorBits / widest;
}

/// The body of `op` for `width` neighbouring positions along loop `inner`.
static SmallVector<Value> emitVectorBody(ImplicitLocOpBuilder &b,
                                         linalg::LinalgOp op, ValueRange ivs,
                                         IRMapping &mapping, int64_t width,
                                         std::optional<unsigned> inner) {
  IRMapping vectors;
  auto toVector = [&](Value value) -> Value {
    Value mapped = mapping.lookupOrDefault(value);
    if (isa<VectorType>(mapped.getType()))
      return mapped;
    if (!vectors.contains(value))
      vectors.map(value,
                  vector::BroadcastOp::create(
                      b, VectorType::get({width}, mapped.getType()), mapped));
    return vectors.lookup(value);
  };
  DenseSet<Value> varying;
  if (inner)
    varying = findVarying(op, *inner);
  for (Operation &bodyOp : op.getBlock()->without_terminator()) {
    if (auto index = dyn_cast<linalg::IndexOp>(bodyOp)) {
      mapping.map(index.getResult(), ivs[index.getDim()]);
    } else if (inner && isRowLoad(&bodyOp, *inner, varying)) {
      auto load = cast<memref::LoadOp>(bodyOp);
      SmallVector<Value> indices =
          llvm::map_to_vector(load.getIndices(), [&](Value index) {
            return mapping.lookupOrDefault(index);
          });
      auto type = VectorType::get({width}, load.getType());
      mapping.map(load.getResult(),
                  vector::LoadOp::create(b, type, load.getMemRef(), indices));
    } else if (bodyOp.hasTrait<OpTrait::ConstantLike>() ||
               (inner && llvm::none_of(bodyOp.getResults(), [&](Value v) {
                  return varying.contains(v);
                }))) {
      b.clone(bodyOp, mapping);
    } else {
      IRMapping operands;
      for (Value operand : bodyOp.getOperands())
        operands.map(operand, toVector(operand));
      Operation *vectorOp = b.clone(bodyOp, operands);
      for (auto [result, mapped] :
           llvm::zip_equal(bodyOp.getResults(), vectorOp->getResults())) {
        mapped.setType(VectorType::get({width}, mapped.getType()));
        mapping.map(result, mapped);
      }
    }
  }
  return llvm::map_to_vector(op.getBlock()->getTerminator()->getOperands(),
                             toVector);
}

SmallVector<Value> mpc::emitBody(ImplicitLocOpBuilder &b, linalg::LinalgOp op,
                                 ValueRange ivs, ArrayRef<Value> arguments,
                                 int64_t width, std::optional<unsigned> inner) {
  IRMapping mapping;
  for (auto [argument, value] :
       llvm::zip_equal(op.getBlock()->getArguments(), arguments))
    if (value)
      mapping.map(argument, value);
  if (width != 0)
    return emitVectorBody(b, op, ivs, mapping, width, inner);
  for (Operation &inner : op.getBlock()->without_terminator()) {
    if (auto index = dyn_cast<linalg::IndexOp>(inner))
      mapping.map(index.getResult(), ivs[index.getDim()]);
    else
      b.clone(inner, mapping);
  }
  Operation *terminator = op.getBlock()->getTerminator();
  return llvm::map_to_vector(terminator->getOperands(), [&](Value value) {
    return mapping.lookupOrDefault(value);
  });
}

/// Loads from `operands`, the flat buffers of `op` by position, and computes
/// the body: for one element at `iv`, or a vector of `width`.
static SmallVector<Value> computePoint(ImplicitLocOpBuilder &b,
                                       linalg::LinalgOp op, ValueRange operands,
                                       Value iv, int64_t width) {
  SmallVector<Value> arguments;
  for (OpOperand &operand : op->getOpOperands()) {
    Value value = operands[operand.getOperandNumber()];
    if (!isa<MemRefType>(value.getType()))
      arguments.push_back(value);
    else if (op.getMatchingBlockArgument(&operand).use_empty())
      arguments.push_back({});
    else if (width == 0)
      arguments.push_back(memref::LoadOp::create(b, value, iv));
    else
      arguments.push_back(vector::LoadOp::create(
          b, VectorType::get({width}, getElementTypeOrSelf(value.getType())),
          value, iv));
  }
  return emitBody(b, op, iv, arguments, width);
}

/// The same, and stores the results.
static void emitPoint(ImplicitLocOpBuilder &b, linalg::LinalgOp op,
                      ValueRange operands, Value iv, int64_t width) {
  for (auto [value, init] : llvm::zip_equal(
           computePoint(b, op, operands, iv, width), op.getDpsInitsMutable())) {
    Value out = operands[init.getOperandNumber()];
    if (width == 0)
      memref::StoreOp::create(b, value, out, iv);
    else
      vector::StoreOp::create(b, value, out, iv);
  }
}

/// Whether every operand is a scalar or a contiguous memref that is accessed at
/// the loops' own position.
static bool isFlat(linalg::LinalgOp op) {
  if (op.getNumParallelLoops() != op.getNumLoops() || op.hasIndexSemantics() ||
      op.getNumLoops() == 0)
    return false;
  for (OpOperand &operand : op->getOpOperands()) {
    auto type = dyn_cast<MemRefType>(operand.get().getType());
    if (type && (!type.getLayout().isIdentity() ||
                 !op.getMatchingIndexingMap(&operand).isIdentity()))
      return false;
  }
  return true;
}

static void lowerFlat(linalg::LinalgOp op, const TargetDescription &target) {
  ImplicitLocOpBuilder b(op.getLoc(), op);
  SmallVector<Value> operands;
  for (Value operand : op->getOperands())
    operands.push_back(isa<MemRefType>(operand.getType()) ? flatten(b, operand)
                                                          : operand);
  Value total = b.createOrFold<memref::DimOp>(operands.back(), 0);
  int64_t lanes = getLanes(op, target);
  // Several vectors at a time, unless they would not fit into the registers.
  if (int64_t interleaved = countInterleaved(*op.getBlock()); interleaved > 1)
    lanes *= interleaved;
  else if (std::distance(op.getBlock()->begin(), op.getBlock()->end()) <=
           kShortBody)
    lanes *= kUnroll;
  auto emitCached = [&](Value begin, Value end) {
    if (lanes != 0) {
      Value count = b.createOrFold<arith::SubIOp>(end, begin);
      Value rest =
          b.createOrFold<arith::RemUIOp>(count, indexConstant(b, lanes));
      Value whole = b.createOrFold<arith::SubIOp>(end, rest);
      emitLoop(b, begin, whole, lanes,
               [&](Value iv) { emitPoint(b, op, operands, iv, lanes); });
      begin = whole;
    }
    emitLoop(b, begin, end, 1,
             [&](Value iv) { emitPoint(b, op, operands, iv, 0); });
  };
  auto emitRange = [&](Value begin, Value end) {
    VectorLoop loop = {
        begin, end, lanes,
        [&](Value iv) {
          return computePoint(b, op, operands, iv, lanes).front();
        },
        [&](Value iv) {
          return ElementPlace{operands.back(), {iv}};
        }};
    emitStream(b, op, target, loop, [&] { emitCached(begin, end); });
  };
  std::optional<int64_t> size = getConstantIntValue(total);
  if (size && *size <= kFlatBlock)
    return emitRange(indexConstant(b, 0), total);
  Value blocks = b.createOrFold<arith::DivUIOp>(add(b, total, kFlatBlock - 1),
                                                indexConstant(b, kFlatBlock));
  emitForall(b, blocks, kFlatBlock * kElementCost, [&](Value block) {
    Value begin = mul(b, block, kFlatBlock);
    emitRange(begin,
              arith::MinUIOp::create(b, add(b, begin, kFlatBlock), total));
  });
}

/// Makes one loop of neighbouring ones wherever all operands allow it, in front
/// of `op`; none if nothing can be done.
static linalg::LinalgOp collapseLoops(linalg::LinalgOp op) {
  if (op.hasIndexSemantics() || op.getNumLoops() < 2 ||
      !isa<linalg::GenericOp, linalg::CopyOp>(op))
    return {};
  // Upstream takes every index for a loop: the 0 of a dimension of one element
  // that is repeated would be the first loop.
  if (!llvm::all_of(op.getIndexingMapsArray(),
                    [](AffineMap map) { return map.isProjectedPermutation(); }))
    return {};
  SmallVector<utils::IteratorType> iterators = op.getIteratorTypesArray();
  // Whether loops `dim` and `dim + 1` are dimensions side by side of every
  // operand that has one of them, without a gap in memory.
  auto canJoin = [&](unsigned dim) {
    if (iterators[dim] != iterators[dim + 1])
      return false;
    for (OpOperand &operand : op->getOpOperands()) {
      AffineMap map = op.getMatchingIndexingMap(&operand);
      if (!map.isFunctionOfDim(dim) && !map.isFunctionOfDim(dim + 1))
        continue;
      auto type = dyn_cast<MemRefType>(operand.get().getType());
      ReassociationIndices pair{dim, dim + 1};
      if (!type || !linalg::isDimSequencePreserved(map, pair))
        return false;
      SmallVector<ReassociationIndices> groups;
      for (auto [position, expr] : llvm::enumerate(map.getResults())) {
        if (expr == getAffineDimExpr(dim + 1, op.getContext()))
          groups.back().push_back(position);
        else
          groups.push_back({static_cast<int64_t>(position)});
      }
      if (!memref::CollapseShapeOp::isGuaranteedCollapsible(type, groups))
        return false;
    }
    return true;
  };
  SmallVector<ReassociationIndices> joined{{0}};
  for (unsigned dim = 0; dim + 1 < op.getNumLoops(); ++dim) {
    if (!canJoin(dim))
      joined.emplace_back();
    joined.back().push_back(dim + 1);
  }
  if (joined.size() == op.getNumLoops())
    return {};
  IRRewriter rewriter(op.getContext());
  rewriter.setInsertionPoint(op);
  FailureOr<linalg::CollapseResult> collapsed =
      linalg::collapseOpIterationDims(op, joined, rewriter);
  if (failed(collapsed))
    return {};
  if (Attribute stream = op->getAttr(kStreamAttrName))
    collapsed->collapsedOp->setAttr(kStreamAttrName, stream);
  return collapsed->collapsedOp;
}

void mpc::lowerToLoops(linalg::LinalgOp op, const TargetDescription &target) {
  if (OpOperand *bytes = matchByteFunction(op))
    return lowerByteFunction(op, bytes, target);
  if (isFlat(op))
    return lowerFlat(op, target);
  if (lowerRowSums(op, target))
    return;
  linalg::LinalgOp collapsed = collapseLoops(op);
  lowerNest(collapsed ? collapsed : op, target);
  if (collapsed)
    collapsed.erase();
}
