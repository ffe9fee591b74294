//===- TileChains.cpp - groups that run together as one loop --------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// mpc-tile-chains: the calls of a chain become one, of a function that runs all
// of them for one block of rows after the other. What is computed, and in which
// order, stays; what one hands on to the next has the room of a block.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StructuredOpsUtils.h"
#include "mlir/IR/IRMapping.h"
#include "mpc/Codegen/BufferViews.h"
#include "mpc/Codegen/Chains.h"
#include "mpc/Codegen/Passes.h"
#include "mpc/Codegen/Variants.h"

namespace mpc {
#define GEN_PASS_DEF_TILECHAINS
#include "mpc/Codegen/Passes.h.inc"
} // namespace mpc

using namespace mlir;
using namespace mpc;
using namespace mpc::kernel;

scf::ForallOp Chain::tile(int64_t rows, const TargetDescription &target) {
  Location loc = function->getLoc();
  OpBuilder builder(function->front().getTerminator());
  SmallVector<OpFoldResult> lower(extents.size(), builder.getIndexAttr(0)),
      upper, step(extents.size(), builder.getIndexAttr(1));
  Value first = cast<ContractOp>(ops.front().first).getOut();
  for (size_t row = 0; row < extents.size(); ++row)
    upper.push_back(
        memref::getMixedSize(builder, loc, first, static_cast<int64_t>(row)));
  step.back() = builder.getIndexAttr(rows);
  auto loop = scf::ForallOp::create(builder, loc, lower, upper, step,
                                    ValueRange(), std::nullopt);
  auto cost = static_cast<int64_t>(getCost(rows, target));
  loop->setAttr(kCostAttrName,
                builder.getI64IntegerAttr(std::max<int64_t>(1, cost)));
  builder.setInsertionPointToStart(loop.getBody());
  SmallVector<OpFoldResult> offsets =
      getAsOpFoldResult(loop.getInductionVars());
  // The last block moves back: it computes some rows anew.
  if (getNumRows() % rows != 0) {
    MLIRContext *context = builder.getContext();
    AffineExpr d0 = getAffineDimExpr(0, context);
    offsets.back() = affine::makeComposedFoldedAffineMin(
        builder, loc,
        AffineMap::get(
            1, 0, {d0, getAffineConstantExpr(getNumRows() - rows, context)},
            context),
        {offsets.back()});
  }
  auto getSize = [&](int row) {
    return row + 1 == static_cast<int>(extents.size()) ? rows : 1;
  };

  IRMapping blocks;
  SmallVector<Value> dead;
  for (const Slot &slot : getSlots(rows)) {
    Value buffer = memref::AllocOp::create(builder, slot.loc, slot.type);
    for (Value base : slot.bases) {
      blocks.map(base, buffer);
      dead.push_back(base);
    }
  }
  /// A block's buffer in place of a view of the whole one.
  std::function<Value(Value, ArrayRef<int>)> getBlock =
      [&](Value value, ArrayRef<int> rows) -> Value {
    if (Value known = blocks.lookupOrNull(value))
      return known;
    Operation *op = value.getDefiningOp();
    SmallVector<int> sourceRows;
    SmallVector<int64_t> shape(cast<MemRefType>(value.getType()).getShape());
    for (auto [size, row] : llvm::zip_equal(shape, rows))
      if (row >= 0)
        size = getSize(row);
    if (auto expand = dyn_cast<memref::ExpandShapeOp>(op)) {
      for (const auto &group : expand.getReassociationIndices())
        sourceRows.push_back(rows[group[0]]);
    } else if (auto collapse = dyn_cast<memref::CollapseShapeOp>(op)) {
      sourceRows.assign(collapse.getSrcType().getRank(), -1);
      for (auto [dim, group] :
           llvm::enumerate(collapse.getReassociationIndices()))
        sourceRows[group[0]] = rows[dim];
    } else {
      sourceRows.assign(rows.begin(), rows.end());
    }
    Value view =
        createView(builder, op, getBlock(op->getOperand(0), sourceRows), shape);
    blocks.map(value, view);
    return view;
  };

  auto getSlice = [&](OpOperand &operand, ArrayRef<int> loops) -> Value {
    Value value = operand.get();
    auto type = dyn_cast<MemRefType>(value.getType());
    if (!type)
      return value;
    Rows rows = *getRows(operand, loops);
    if (blocks.contains(getBase(value)))
      return getBlock(value, rows);
    SmallVector<OpFoldResult> starts(type.getRank(), builder.getIndexAttr(0)),
        sizes, strides(type.getRank(), builder.getIndexAttr(1));
    for (int64_t dim = 0; dim < type.getRank(); ++dim) {
      sizes.push_back(memref::getMixedSize(builder, loc, value, dim));
      if (rows[dim] < 0)
        continue;
      starts[dim] = offsets[rows[dim]];
      sizes[dim] = builder.getIndexAttr(getSize(rows[dim]));
    }
    if (llvm::all_of(rows, [](int row) { return row < 0; }))
      return value;
    return memref::SubViewOp::create(builder, loc, value, starts, sizes,
                                     strides);
  };
  /// The weights of the block's position.
  auto getWeights = [&](ContractOp op) -> Value {
    auto type = cast<MemRefType>(op.getWeights().getType());
    auto out = cast<MemRefType>(op.getOut().getType());
    AffineExpr index = builder.getAffineConstantExpr(0);
    SmallVector<OpFoldResult> values;
    for (size_t row = 0; row + 1 < extents.size(); ++row) {
      index = index * builder.getAffineSymbolExpr(values.size()) +
              builder.getAffineSymbolExpr(values.size() + 1);
      values.push_back(upper[row]);
      values.push_back(offsets[row]);
    }
    int64_t panels = llvm::divideCeilSigned(out.getShape().back(), kPanelWidth);
    SmallVector<OpFoldResult> starts(type.getRank(), builder.getIndexAttr(0)),
        sizes, strides(type.getRank(), builder.getIndexAttr(1));
    starts[0] = affine::makeComposedFoldedAffineApply(
        builder, loc, AffineMap::get(0, values.size(), index * panels), values);
    for (int64_t size : type.getShape())
      sizes.push_back(builder.getIndexAttr(size));
    sizes[0] = builder.getIndexAttr(panels);
    return memref::SubViewOp::create(builder, loc, op.getWeights(), starts,
                                     sizes, strides);
  };

  for (auto &[op, loops] : ops) {
    SmallVector<Value> slices;
    auto contract = dyn_cast<ContractOp>(op);
    for (OpOperand &operand : op->getOpOperands()) {
      bool isWeights = contract && operand.getOperandNumber() == 1;
      slices.push_back(!isWeights              ? getSlice(operand, loops)
                       : contract.getBatched() ? getWeights(contract)
                                               : operand.get());
    }
    Operation *copy = mlir::clone(builder, op, TypeRange(), slices);
    auto linalgOp = dyn_cast<linalg::LinalgOp>(copy);
    if (!linalgOp || !linalgOp.hasIndexSemantics())
      continue;
    SmallVector<OpFoldResult> starts(linalgOp.getNumLoops(),
                                     builder.getIndexAttr(0));
    for (auto [row, loop] : llvm::enumerate(loops))
      starts[loop] = offsets[row];
    linalg::offsetIndices(builder, linalgOp, starts);
  }

  for (auto &[op, loops] : ops)
    op->erase();
  eraseWithViews(dead);
  ops.clear();
  return loop;
}

OwningOpRef<func::FuncOp>
Chain::tryTile(int64_t rows, const TargetDescription &target) const {
  std::string reason;
  FailureOr<Chain> copy = get(calls, reason);
  copy->tile(rows, target);
  return std::move(copy->function);
}

void Chain::replaceCalls(SymbolTable &symbols) {
  func::FuncOp chain = function.release();
  symbols.insert(chain);
  OpBuilder builder(calls.back());
  func::CallOp::create(builder, calls.back().getLoc(), chain, operands);
  // All of them count for the first group in a profile.
  for (Operation *op = calls.front(); op != calls.back();
       op = op->getNextNode())
    if (isa<BeginGroupOp>(op))
      moved.push_back(op);
  for (Operation *op : llvm::reverse(moved))
    op->erase();
}

namespace {

struct TileChainsPass : public mpc::impl::TileChainsBase<TileChainsPass> {
  void runOnOperation() override {
    // By number; the calls of one stand in one block.
    llvm::MapVector<std::pair<Block *, int64_t>, SmallVector<func::CallOp>>
        chains;
    WalkResult walk = getOperation().walk([&](func::CallOp call) {
      Attribute attribute = call->getAttr(kChainAttrName);
      if (!attribute)
        return WalkResult::advance();
      auto decision = dyn_cast<DenseI64ArrayAttr>(attribute);
      bool hasPieces = decision && decision.size() == 3 && decision[2] > 0;
      if (!decision || (decision.size() != 2 && !hasPieces) ||
          decision[1] < 1) {
        call.emitOpError("expected ")
            << kChainAttrName
            << " = array<i64: chain, rows> or array<i64: chain, rows, columns "
               "of a piece>, but got "
            << attribute;
        return WalkResult::interrupt();
      }
      chains[{call->getBlock(), decision[0]}].push_back(call);
      return WalkResult::advance();
    });
    if (walk.wasInterrupted())
      return signalPassFailure();
    if (chains.empty())
      return;
    FailureOr<TargetDescription> target =
        TargetDescription::read(getOperation());
    if (failed(target))
      return signalPassFailure();
    SymbolTable symbols(getOperation());
    for (auto &[key, calls] : chains) {
      func::CallOp first = calls.front();
      std::string reason;
      FailureOr<Chain> chain = Chain::get(calls, reason);
      if (failed(chain)) {
        first.emitOpError("is no chain with the calls behind it: ") << reason;
        return signalPassFailure();
      }
      auto decision = first->getAttrOfType<DenseI64ArrayAttr>(kChainAttrName);
      int64_t rows = decision[1];
      if (rows > chain->getNumRows()) {
        first.emitOpError("expected blocks of at most ")
            << chain->getNumRows() << " rows, but got " << rows;
        return signalPassFailure();
      }
      scf::ForallOp loop = chain->tile(rows, *target);
      if (decision.size() == 3)
        loop->setAttr(kPieceAttrName,
                      Builder(loop).getI64IntegerAttr(decision[2]));
      chain->replaceCalls(symbols);
    }
  }
};

} // namespace
