//===- FuseRows.cpp - one pass over memory for softmax and its like -------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// mpc-fuse-rows: a softmax is five linalg ops, each of which would read and
// write its whole tensor. All of them handle one row, the elements that share
// the leading positions, without regard to the others: one loop over rows runs
// them one after the other while the row is in the first cache, and what they
// hand on needs the room of one row only.
//
// On buffers and not on tensors, because a buffer says directly who reads what
// another op wrote, reshapes included.
//
//===----------------------------------------------------------------------===//

#include "LoopBody.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Linalg/Utils/Utils.h"
#include "mlir/IR/IRMapping.h"
#include "mpc/Codegen/BufferViews.h"
#include "mpc/Codegen/OutputTile.h"
#include "mpc/Codegen/Passes.h"
#include "mpc/Codegen/TargetDescription.h"
#include "llvm/ADT/SetVector.h"

namespace mpc {
#define GEN_PASS_DEF_FUSEROWS
#include "mpc/Codegen/Passes.h.inc"
} // namespace mpc

using namespace mlir;
using namespace mpc;

/// Rows of fewer elements do not fill vectors; they are better handled side by
/// side.
static constexpr int64_t kFewestElements = 64;

/// Rows that one iteration handles where it sums them up: additions, each of
/// which waits for the one before, then take turns (LowerRowSums.cpp). Memory
/// is slower in several places at a time: fewer rows where the second-level
/// cache does not hold them and the next ones are fetched meanwhile
/// (mpc-prefetch-rows, of vectors that are lines), one where none is fetched.
static constexpr int64_t kSummedRows = 4, kFetchedRows = 2;

/// Of a GPU's block of threads: the most that share a row, and the elements of
/// a row that each has in one pass over it.
static constexpr int64_t kMostThreads = 256, kElementsPerThread = 8;

/// Longer rows keep a GPU busy only if there are many.
static constexpr int64_t kMostElements = 16384, kManyRows = 128;

namespace {

/// The allocation or argument behind views that keep the first `numRows`
/// dimensions as they are; null where one does not, and for other views: what
/// they share memory with would have to be known.
Value getBase(Value buffer, unsigned numRows) {
  auto keepsRows = [&](ArrayRef<ReassociationIndices> groups) {
    return groups.size() >= numRows &&
           llvm::all_of(groups.take_front(numRows),
                        [](const auto &group) { return group.size() == 1; });
  };
  while (Operation *op = buffer.getDefiningOp()) {
    if (auto expand = dyn_cast<memref::ExpandShapeOp>(op)) {
      if (!keepsRows(expand.getReassociationIndices()))
        return {};
      buffer = expand.getSrc();
    } else if (auto collapse = dyn_cast<memref::CollapseShapeOp>(op)) {
      if (!keepsRows(collapse.getReassociationIndices()))
        return {};
      buffer = collapse.getSrc();
    } else if (auto view = dyn_cast<memref::SubViewOp>(op)) {
      // A part of each row.
      if (view.getSourceType().getRank() != view.getType().getRank())
        return {};
      for (unsigned dim = 0; dim < numRows; ++dim)
        if (!keepsDimension(view, dim))
          return {};
      buffer = view.getSource();
    } else {
      return isa<memref::AllocOp, memref::GetGlobalOp>(op) ? buffer : Value();
    }
  }
  return buffer;
}

/// Linalg ops one after the other in a block that handle rows independently.
class RowRun {
public:
  /// The ops from `first` on, over at most the first `numRows` dimensions.
  RowRun(linalg::LinalgOp first, unsigned numRows);
  bool add(linalg::LinalgOp op);
  bool isWorthIt() const;
  /// The same where the threads of a block share a row.
  bool isWorthThreads() const;
  /// Private buffers of up to `scratchBytes` in all shrink to the rows of one
  /// iteration. With `forThreads` so many threads as fit share a row, and what
  /// several ops read of it is copied; else summed rows go side by side, fewer
  /// of large buffers.
  void fuse(int64_t scratchBytes, const TargetDescription &target,
            bool forThreads);

  unsigned size() const { return ops.size(); }

private:
  /// What `op` does with the buffer of one operand.
  /// Part: one position of some dimensions is the row's, as that of a channel.
  enum class Access { None, ByRow, Part, Whole };
  std::optional<Access> getAccess(OpOperand &operand) const;
  int64_t getRowElements(linalg::LinalgOp op) const;
  /// Whether an op reads what another one has computed, and the elements of a
  /// row.
  std::pair<bool, int64_t> measure() const;
  int64_t chooseThreads() const;
  /// The same within a block of threads that has several rows, all of which
  /// exist, and `rowBytes` for each of those that are handled at a time.
  int64_t chooseThreads(int64_t blockThreads, int64_t rowBytes) const;
  /// What several ops read of each row, in up to `most` bytes.
  llvm::MapVector<Value, MemRefType> findSharedInputs(int64_t most) const;
  /// The buffers that only these ops use, with room for the rows of one
  /// iteration each; up to `most` bytes.
  llvm::MapVector<Value, MemRefType> findRowBuffers(int64_t most) const;
  /// How many rows along the last of their dimensions one iteration handles.
  int64_t chooseBlock(int64_t scratchBytes,
                      const TargetDescription &target) const;
  /// The loop over `blocks` blocks of rows from `first` on, along the last of
  /// their dimensions. Operands in `buffers` are replaced.
  void emitLoop(OpFoldResult first, OpFoldResult blocks,
                const llvm::MapVector<Value, MemRefType> &buffers,
                int64_t scratchBytes, bool forThreads);

  unsigned numRows;
  /// Rows of an iteration along the last of their dimensions.
  int64_t block = 1;
  SmallVector<std::pair<Value, int64_t>> extents;
  SmallVector<linalg::LinalgOp> ops;
  /// Bases of what is written, and of what is read whole.
  llvm::SetVector<Value> written, shared, byRow;
};

/// The leading loops of `op` that handle its result position by position.
unsigned countRowLoops(linalg::LinalgOp op) {
  if (!op.hasPureBufferSemantics() || op.getNumDpsInits() == 0 ||
      !isa<MemRefType>(op.getDpsInits()[0].getType()))
    return 0;
  AffineMap map = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  SmallVector<utils::IteratorType> iterators = op.getIteratorTypesArray();
  unsigned count = 0;
  while (count < map.getNumResults() && count < iterators.size() &&
         iterators[count] == utils::IteratorType::parallel &&
         map.getResult(count) == getAffineDimExpr(count, op->getContext()))
    ++count;
  return count;
}

RowRun::RowRun(linalg::LinalgOp first, unsigned numRows) : numRows(numRows) {
  // A part of a buffer's rows has no base: then nothing can be added.
  Value base = getBase(first.getDpsInits()[0], numRows);
  for (unsigned dim = 0; base && dim < numRows; ++dim)
    extents.push_back(getExtent(base, dim));
}

std::optional<RowRun::Access> RowRun::getAccess(OpOperand &operand) const {
  if (!isa<MemRefType>(operand.get().getType()))
    return Access::None;
  auto op = cast<linalg::LinalgOp>(operand.getOwner());
  AffineMap map = op.getMatchingIndexingMap(&operand);
  unsigned leading = 0, elsewhere = 0;
  for (auto [position, expr] : llvm::enumerate(map.getResults())) {
    if (position < numRows &&
        expr == getAffineDimExpr(position, op->getContext())) {
      ++leading;
      continue;
    }
    for (unsigned dim = 0; dim < numRows; ++dim)
      if (expr == getAffineDimExpr(dim, op->getContext()))
        ++elsewhere;
      else if (expr.isFunctionOfDim(dim))
        return std::nullopt;
  }
  if (leading == numRows && elsewhere == 0)
    return Access::ByRow;
  if (leading + elsewhere == 0)
    return Access::Whole;
  if (op.isDpsInit(&operand))
    return std::nullopt;
  return Access::Part;
}

bool RowRun::add(linalg::LinalgOp op) {
  if (countRowLoops(op) < numRows || extents.empty())
    return false;
  SmallVector<Value> nowWritten, nowShared, nowByRow;
  bool isSameRows = false;
  for (OpOperand &operand : op->getOpOperands()) {
    std::optional<Access> access = getAccess(operand);
    if (!access)
      return false;
    if (*access == Access::None)
      continue;
    Value base = getBase(operand.get(), *access == Access::ByRow ? numRows : 0);
    if (!base)
      return false;
    if (*access != Access::ByRow) {
      if (op.isDpsInit(&operand))
        return false;
      nowShared.push_back(base);
      continue;
    }
    // The loops of an op have one size each, so one operand speaks for all.
    bool hasExtents = byRow.contains(base) || [&] {
      for (unsigned dim = 0; dim < numRows; ++dim)
        if (getExtent(base, dim) != extents[dim])
          return false;
      return true;
    }();
    isSameRows |= hasExtents;
    nowByRow.push_back(base);
    if (op.isDpsInit(&operand))
      nowWritten.push_back(base);
  }
  if (!isSameRows)
    return false;
  // Nobody may read another row of what these ops write.
  auto areApart = [](ArrayRef<Value> some, const llvm::SetVector<Value> &set) {
    return llvm::none_of(some,
                         [&](Value value) { return set.contains(value); });
  };
  if (!areApart(nowShared, written) || !areApart(nowWritten, shared) ||
      llvm::any_of(nowShared, [&](Value value) {
        return llvm::is_contained(nowWritten, value);
      }))
    return false;
  ops.push_back(op);
  written.insert(nowWritten.begin(), nowWritten.end());
  shared.insert(nowShared.begin(), nowShared.end());
  byRow.insert(nowByRow.begin(), nowByRow.end());
  return true;
}

int64_t RowRun::getRowElements(linalg::LinalgOp op) const {
  int64_t elements = 1;
  SmallVector<int64_t> sizes = op.getStaticLoopRanges();
  for (int64_t size : ArrayRef(sizes).drop_front(numRows))
    elements *= ShapedType::isDynamic(size) ? kFewestElements : size;
  return elements;
}

bool RowRun::isWorthIt() const {
  if (ops.size() < 2)
    return false;
  // One row is fused already.
  if (llvm::all_of(extents, [](const std::pair<Value, int64_t> &extent) {
        return !extent.first && extent.second == 1;
      }))
    return false;
  auto [handsOn, most] = measure();
  return handsOn && most >= kFewestElements;
}

bool RowRun::isWorthThreads() const {
  if (ops.size() < 2)
    return false;
  auto [handsOn, most] = measure();
  int64_t rows = 1;
  for (const std::pair<Value, int64_t> &extent : extents)
    if (!extent.first)
      rows *= extent.second;
  return handsOn && most > 1 && (most <= kMostElements || rows >= kManyRows);
}

std::pair<bool, int64_t> RowRun::measure() const {
  bool handsOn = false;
  int64_t most = 0;
  llvm::DenseSet<Value> computed;
  for (linalg::LinalgOp op : ops) {
    most = std::max(most, getRowElements(op));
    for (OpOperand *input : op.getDpsInputOperands())
      if (isa<MemRefType>(input->get().getType()))
        handsOn |= computed.contains(getBase(input->get(), numRows));
    if (!isa<linalg::FillOp>(op))
      for (Value out : op.getDpsInits())
        computed.insert(getBase(out, numRows));
  }
  return {handsOn, most};
}

int64_t RowRun::chooseThreads() const {
  int64_t threads = 4;
  for (linalg::LinalgOp op : ops) {
    int64_t elements = 1;
    SmallVector<utils::IteratorType> iterators = op.getIteratorTypesArray();
    for (auto [loop, size] : llvm::enumerate(op.getStaticLoopRanges()))
      if (loop >= numRows && iterators[loop] == utils::IteratorType::parallel &&
          !ShapedType::isDynamic(size))
        elements *= size;
    // Each reduction is one thread's.
    if (op.getNumReductionLoops() == 0)
      elements = llvm::divideCeil(elements, kElementsPerThread);
    threads = std::max<int64_t>(threads, llvm::PowerOf2Ceil(elements));
  }
  return std::min(threads, kMostThreads);
}

int64_t RowRun::chooseThreads(int64_t blockThreads, int64_t rowBytes) const {
  int64_t total = 1, atOnce = 1;
  for (const std::pair<Value, int64_t> &extent : extents)
    total *= extent.first ? 1 : extent.second;
  while (total % (2 * atOnce) == 0 &&
         2 * atOnce * kSumThreads <= blockThreads &&
         2 * atOnce * rowBytes <= kRowsSharedBytes)
    atOnce *= 2;
  return blockThreads / atOnce;
}

llvm::MapVector<Value, MemRefType>
RowRun::findSharedInputs(int64_t most) const {
  llvm::MapVector<Value, unsigned> readers;
  for (linalg::LinalgOp op : ops)
    for (OpOperand *input : op.getDpsInputOperands())
      if (getAccess(*input) == Access::ByRow)
        if (Value base = getBase(input->get(), numRows);
            !written.contains(base))
          ++readers[base];
  llvm::MapVector<Value, MemRefType> inputs;
  for (auto [base, count] : readers) {
    auto type = cast<MemRefType>(base.getType());
    SmallVector<int64_t> shape(type.getShape());
    std::fill_n(shape.begin(), numRows, 1);
    if (count < 2 || ShapedType::isDynamicShape(shape) ||
        !type.getElementType().isIntOrFloat())
      continue;
    auto row = MemRefType::get(shape, type.getElementType());
    if (row.getNumElements() == 1 || getBytes(row) > most)
      continue;
    most -= getBytes(row);
    inputs[base] = row;
  }
  return inputs;
}

llvm::MapVector<Value, MemRefType> RowRun::findRowBuffers(int64_t most) const {
  llvm::DenseSet<Operation *> inside(ops.begin(), ops.end());
  llvm::MapVector<Value, MemRefType> buffers;
  int64_t bytes = 0;
  for (Value base : written) {
    auto alloc = base.getDefiningOp<memref::AllocOp>();
    if (!alloc || alloc->getBlock() != ops.front()->getBlock())
      continue;
    SmallVector<int64_t> shape(alloc.getType().getShape());
    std::fill_n(shape.begin(), numRows, 1);
    shape[numRows - 1] = block;
    if (ShapedType::isDynamicShape(shape) ||
        !alloc.getType().getElementType().isIntOrFloat())
      continue;
    SmallVector<Operation *> users(alloc->getUsers());
    bool isPrivate = true;
    while (!users.empty() && isPrivate) {
      Operation *user = users.pop_back_val();
      if (isView(user))
        llvm::append_range(users, user->getUsers());
      else
        isPrivate &= inside.contains(user) || isa<memref::DeallocOp>(user);
    }
    auto type = MemRefType::get(shape, alloc.getType().getElementType());
    if (!isPrivate || bytes + getBytes(type) > most)
      continue;
    bytes += getBytes(type);
    buffers[base] = type;
  }
  return buffers;
}

int64_t RowRun::chooseBlock(int64_t scratchBytes,
                            const TargetDescription &target) const {
  bool fetches = target.vectorBits == 512;
  int64_t bytes = 0, most = kSummedRows;
  for (Value base : byRow) {
    auto type = cast<MemRefType>(base.getType());
    if (!type.getElementType().isIntOrFloat() ||
        (!fetches && getBytes(type) > target.l3Bytes))
      return 1;
    if (fetches && 2 * getBytes(type) >= target.l2Bytes)
      most = kFetchedRows;
    SmallVector<int64_t> row(type.getShape());
    std::fill_n(row.begin(), numRows, 1);
    bytes += getBytes(MemRefType::get(row, type.getElementType()));
  }
  bool isSum = llvm::any_of(ops, [](linalg::LinalgOp op) {
    Value sum = op.getBlock()->getTerminator()->getOperand(0);
    return op.getNumReductionLoops() != 0 && sum.getDefiningOp<arith::AddFOp>();
  });
  auto [value, size] = extents.back();
  int64_t rows = value ? most : std::min(most, size);
  return isSum && bytes * rows <= scratchBytes ? rows : 1;
}

void RowRun::emitLoop(OpFoldResult first, OpFoldResult blocks,
                      const llvm::MapVector<Value, MemRefType> &buffers,
                      int64_t scratchBytes, bool forThreads) {
  linalg::LinalgOp last = ops.back();
  Location loc = last.getLoc();
  OpBuilder builder(last);
  SmallVector<OpFoldResult> lower(numRows, builder.getIndexAttr(0)), upper,
      step(numRows, builder.getIndexAttr(1));
  Value out = last.getDpsInits()[0];
  for (unsigned dim = 0; dim < numRows; ++dim)
    upper.push_back(memref::getMixedSize(builder, loc, out, dim));
  upper.back() = blocks;
  auto loop = scf::ForallOp::create(builder, loc, lower, upper, step,
                                    ValueRange(), std::nullopt);
  double cost = 0;
  for (linalg::LinalgOp op : ops)
    cost += kElementCost * static_cast<double>(block * getRowElements(op));
  loop->setAttr(kCostAttrName,
                builder.getI64IntegerAttr(std::max<int64_t>(1, cost)));
  builder.setInsertionPointToStart(loop.getBody());
  SmallVector<OpFoldResult> row = getAsOpFoldResult(loop.getInductionVars());
  AffineExpr start, index;
  bindSymbols(builder.getContext(), start, index);
  row.back() = affine::makeComposedFoldedAffineApply(
      builder, loc, start + index * block, {first, row.back()});
  auto rowSize = [&](unsigned dim) { return dim + 1 == numRows ? block : 1; };
  /// The positions that belong to the rows, as `map` of an op's loops says.
  auto getPart = [&](Value value, AffineMap map) -> Value {
    SmallVector<OpFoldResult> offsets, sizes,
        strides(map.getNumResults(), builder.getIndexAttr(1));
    for (auto [position, expr] : llvm::enumerate(map.getResults())) {
      auto dim = dyn_cast<AffineDimExpr>(expr);
      bool isRow = dim && dim.getPosition() < numRows;
      offsets.push_back(isRow ? row[dim.getPosition()]
                              : builder.getIndexAttr(0));
      sizes.push_back(
          isRow ? builder.getIndexAttr(rowSize(dim.getPosition()))
                : memref::getMixedSize(builder, loc, value, position));
    }
    return memref::SubViewOp::create(builder, loc, value, offsets, sizes,
                                     strides);
  };
  auto getRow = [&](Value value) {
    int64_t rank = cast<MemRefType>(value.getType()).getRank();
    return getPart(value, builder.getMultiDimIdentityMap(rank));
  };

  IRMapping rowBuffers;
  for (auto &[buffer, type] : buffers)
    rowBuffers.map(buffer,
                   memref::AllocOp::create(builder, buffer.getLoc(), type));
  int64_t left = scratchBytes;
  auto blockThreads =
      last->getParentOp()->getAttrOfType<IntegerAttr>(kBlockThreadsAttrName);
  if (forThreads) {
    for (auto &[buffer, type] : buffers)
      left -= getBytes(type);
    loop->setAttr(kRowThreadsAttrName,
                  builder.getI64IntegerAttr(
                      blockThreads ? chooseThreads(blockThreads.getInt(),
                                                   scratchBytes - left)
                                   : chooseThreads()));
    // Where a block has several rows, they are in shared memory.
    if (blockThreads)
      left = 0;
    for (auto &[input, type] : findSharedInputs(left)) {
      Value copy = memref::AllocOp::create(builder, loc, type);
      left -= getBytes(type);
      linalg::CopyOp::create(builder, loc, getRow(input), copy);
      rowBuffers.map(input, copy);
    }
  }
  /// A buffer of an iteration's rows in place of a view of the whole one.
  std::function<Value(Value)> getRowBuffer = [&](Value value) -> Value {
    if (Value known = rowBuffers.lookupOrNull(value))
      return known;
    Operation *op = value.getDefiningOp();
    Value source = getRowBuffer(op->getOperand(0));
    SmallVector<int64_t> shape(cast<MemRefType>(value.getType()).getShape());
    for (unsigned dim = 0; dim < numRows; ++dim)
      shape[dim] = rowSize(dim);
    Value view = createView(builder, op, source, shape);
    rowBuffers.map(value, view);
    return view;
  };

  for (linalg::LinalgOp op : ops) {
    SmallVector<Value> operands;
    for (OpOperand &operand : op->getOpOperands()) {
      Value value = operand.get();
      Access access = *getAccess(operand);
      if (access == Access::Part) {
        operands.push_back(getPart(value, op.getMatchingIndexingMap(&operand)));
        continue;
      }
      if (access != Access::ByRow) {
        operands.push_back(value);
        continue;
      }
      operands.push_back(rowBuffers.contains(getBase(value, numRows))
                             ? getRowBuffer(value)
                             : getRow(value));
    }
    auto copy =
        cast<linalg::LinalgOp>(mlir::clone(builder, op, TypeRange(), operands));
    if (copy.hasIndexSemantics())
      linalg::offsetIndices(builder, copy, row);
    if (int64_t bytes = forThreads ? addUpPieces(copy, left) : 0) {
      left -= bytes;
      loop->setAttr(kRowThreadsAttrName,
                    builder.getI64IntegerAttr(kMostThreads));
    }
  }
}

void RowRun::fuse(int64_t scratchBytes, const TargetDescription &target,
                  bool forThreads) {
  if (!forThreads)
    block = chooseBlock(scratchBytes, target);
  OpBuilder builder(ops.back());
  Location loc = ops.back().getLoc();
  OpFoldResult size = memref::getMixedSize(
      builder, loc, ops.back().getDpsInits()[0], numRows - 1);
  // Blocks of rows, then single ones: a block that moves back would read rows
  // that are overwritten. Not affine.apply, which is not inlined everywhere.
  OpFoldResult blocks = size, rest = builder.getIndexAttr(0), whole = rest;
  if (std::optional<int64_t> known = getConstantIntValue(size)) {
    blocks = builder.getIndexAttr(*known / block);
    rest = builder.getIndexAttr(*known % block);
    whole = builder.getIndexAttr(*known / block * block);
  } else if (block > 1) {
    Value step = arith::ConstantIndexOp::create(builder, loc, block);
    Value count = arith::DivUIOp::create(builder, loc, cast<Value>(size), step);
    blocks = count;
    rest = Value(arith::RemUIOp::create(builder, loc, cast<Value>(size), step));
    whole = Value(arith::MulIOp::create(builder, loc, count, step));
  }
  llvm::MapVector<Value, MemRefType> buffers = findRowBuffers(scratchBytes);
  emitLoop(builder.getIndexAttr(0), blocks, buffers, scratchBytes, forThreads);
  if (getConstantIntValue(rest) != 0) {
    block = 1;
    emitLoop(whole, rest, findRowBuffers(scratchBytes), scratchBytes,
             forThreads);
  }

  for (linalg::LinalgOp op : ops)
    op->erase();
  eraseWithViews(llvm::to_vector(llvm::make_first_range(buffers)));
}

struct FuseRowsPass : public mpc::impl::FuseRowsBase<FuseRowsPass> {
  using FuseRowsBase::FuseRowsBase;

  void runOnOperation() override {
    FailureOr<TargetDescription> target =
        TargetDescription::read(getOperation());
    if (failed(target))
      return signalPassFailure();
    // The blocks of a chain (mpc-tile-chains) have rows, too.
    SmallVector<Block *> blocks;
    getOperation().walk([&](Block *block) {
      Operation *parent = block->getParentOp();
      if (isa<func::FuncOp, scf::ForallOp>(parent) ||
          parent->hasAttr(kBlockThreadsAttrName))
        blocks.push_back(block);
    });
    for (Block *block : blocks) {
      SmallVector<SmallVector<linalg::LinalgOp>> runs(1);
      for (Operation &op : *block) {
        if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op))
          runs.back().push_back(linalgOp);
        else if (!isView(&op) && !isMemoryEffectFree(&op) &&
                 !isa<memref::AllocOp>(op))
          runs.emplace_back();
      }
      for (ArrayRef<linalg::LinalgOp> run : runs)
        while (!run.empty())
          run = run.drop_front(fuseFirst(
              run, threads ? kRowsSharedBytes : target->getScratchBytes(),
              *target, threads));
    }
  }

  /// Fuses the ops that `run` begins with; returns of how many it has decided.
  static unsigned fuseFirst(ArrayRef<linalg::LinalgOp> run,
                            int64_t scratchBytes,
                            const TargetDescription &target, bool forThreads) {
    // The shortest rows that are long enough and span several ops.
    for (unsigned numRows = countRowLoops(run.front()); numRows > 0;
         --numRows) {
      RowRun rowRun(run.front(), numRows);
      for (linalg::LinalgOp op : run)
        if (!rowRun.add(op))
          break;
      if (!(forThreads ? rowRun.isWorthThreads() : rowRun.isWorthIt()))
        continue;
      unsigned size = rowRun.size();
      rowRun.fuse(scratchBytes, target, forThreads);
      return size;
    }
    // A long sum alone.
    if (unsigned numRows = countRowLoops(run.front());
        forThreads && numRows != 0 && findPieceLoop(run.front())) {
      RowRun rowRun(run.front(), numRows);
      if (rowRun.add(run.front()))
        rowRun.fuse(scratchBytes, target, forThreads);
    }
    return 1;
  }
};

} // namespace
