//===- Chains.cpp - groups that run together, block by block --------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpc/Codegen/Chains.h"
#include "LoopBody.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StructuredOpsUtils.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "mpc/Codegen/BufferViews.h"

using namespace mlir;
using namespace mpc;
using namespace mpc::kernel;

/// Bytes of all buffers of a block at most: they stand on a thread's stack,
/// beside those of the kernels.
static constexpr int64_t kStackBytes = 224 * 1024;

/// Blocks that a call should have at least, for the threads to share.
static constexpr int64_t kFewestBlocks = 16;

/// A block should cost at least this much, in nanoseconds: handing one to a
/// thread costs about 1000.
static constexpr double kMinBlockCost = 10000;

/// Rows of fewer elements do not fill vectors: many of them are better handled
/// side by side (mpc-fuse-rows).
static constexpr int64_t kFewestElements = 64;

//===----------------------------------------------------------------------===//
// Buffers
//===----------------------------------------------------------------------===//

bool mpc::isBetweenCalls(Operation *op) {
  return isa<memref::AllocOp, BeginGroupOp>(op) || isMemoryEffectFree(op);
}

Value Chain::getBase(Value buffer) {
  while (Operation *op = buffer.getDefiningOp()) {
    if (auto view = dyn_cast<ViewLikeOpInterface>(op))
      buffer = view.getViewSource();
    else
      return isa<memref::AllocOp, memref::GetGlobalOp>(op) ? buffer : Value();
  }
  // What a loop carries may be any of several buffers.
  Operation *parent = cast<BlockArgument>(buffer).getOwner()->getParentOp();
  return isa<func::FuncOp>(parent) ? buffer : Value();
}

/// The rows of the base of `buffer`, whose dimensions are `rows`; none where a
/// view does not keep their dimensions.
static std::optional<SmallVector<int>> getBaseRows(Value buffer,
                                                   SmallVector<int> rows) {
  while (Operation *op = buffer.getDefiningOp()) {
    SmallVector<int> source;
    if (auto expand = dyn_cast<memref::ExpandShapeOp>(op)) {
      for (const ReassociationIndices &group :
           expand.getReassociationIndices()) {
        if (group.size() > 1 &&
            llvm::any_of(group, [&](int64_t dim) { return rows[dim] >= 0; }))
          return std::nullopt;
        source.push_back(rows[group[0]]);
      }
    } else if (auto collapse = dyn_cast<memref::CollapseShapeOp>(op)) {
      source.assign(collapse.getSrcType().getRank(), -1);
      for (auto [dim, group] :
           llvm::enumerate(collapse.getReassociationIndices())) {
        if (rows[dim] < 0)
          continue;
        if (group.size() > 1)
          return std::nullopt;
        source[group[0]] = rows[dim];
      }
    } else if (auto part = dyn_cast<memref::SubViewOp>(op)) {
      // A part of each row.
      if (part.getSourceType().getRank() != part.getType().getRank())
        return std::nullopt;
      for (auto [dim, row] : llvm::enumerate(rows))
        if (row >= 0 && !keepsDimension(part, dim))
          return std::nullopt;
      source = rows;
    } else {
      break;
    }
    rows = source;
    buffer = op->getOperand(0);
  }
  return rows;
}

/// The elements of one row of `type`, -1 if that is not known.
static int64_t getRowElements(MemRefType type, ArrayRef<int> rows) {
  int64_t elements = 1;
  for (auto [size, row] : llvm::zip_equal(type.getShape(), rows)) {
    if (row >= 0)
      continue;
    if (ShapedType::isDynamic(size))
      return -1;
    elements *= size;
  }
  return elements;
}

/// The operand's map from the loops of its op, for the contractions those of
/// the output's dimensions.
static AffineMap getMap(OpOperand &operand) {
  Operation *op = operand.getOwner();
  if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op))
    return linalgOp.getMatchingIndexingMap(&operand);
  auto contract = cast<ContractOp>(op);
  unsigned index = operand.getOperandNumber();
  auto rank = static_cast<unsigned>(
      cast<MemRefType>(contract.getOut().getType()).getRank());
  MLIRContext *context = op->getContext();
  if (index == 1) // all weights of a position
    return AffineMap::get(rank, 0, context);
  if (index + 1 == op->getNumOperands())
    return AffineMap::getMultiDimIdentityMap(rank, context);
  if (index >= 2)
    return contract.getExtraMap(index - 2);
  // The input: its last dimension is summed.
  SmallVector<AffineExpr> exprs;
  for (unsigned dim = 0; dim + 1 < rank; ++dim)
    exprs.push_back(getAffineDimExpr(dim, context));
  exprs.push_back(getAffineConstantExpr(0, context));
  return AffineMap::get(rank, 0, exprs, context);
}

std::optional<Chain::Rows> Chain::getRows(OpOperand &operand,
                                          ArrayRef<int> rowLoops) {
  AffineMap map = getMap(operand);
  SmallVector<int> rows;
  for (AffineExpr expr : map.getResults()) {
    int found = -1;
    for (auto [row, loop] : llvm::enumerate(rowLoops)) {
      if (expr == getAffineDimExpr(loop, expr.getContext()))
        found = static_cast<int>(row);
      else if (expr.isFunctionOfDim(loop))
        return std::nullopt;
    }
    rows.push_back(found);
  }
  return rows;
}

static bool isInit(OpOperand &operand) {
  return cast<DestinationStyleOpInterface>(operand.getOwner())
      .isDpsInit(&operand);
}

/// Whether the op writes all of `operand` and does not read it.
static bool isOnlyWritten(OpOperand &operand) {
  auto linalgOp = dyn_cast<linalg::LinalgOp>(operand.getOwner());
  return isInit(operand) &&
         (!linalgOp || !linalgOp.payloadUsesValueFromOperand(&operand));
}

//===----------------------------------------------------------------------===//
// Calls as one function
//===----------------------------------------------------------------------===//

FailureOr<Chain> Chain::get(ArrayRef<func::CallOp> calls, std::string &reason) {
  Chain chain;
  chain.calls.assign(calls.begin(), calls.end());
  if (failed(chain.join(reason)) || failed(chain.match(reason)))
    return failure();
  return chain;
}

LogicalResult Chain::join(std::string &reason) {
  Block *block = calls.front()->getBlock();
  for (Operation *op = calls.front(); op != calls.back();
       op = op->getNextNode())
    if (!op || (!isBetweenCalls(op) && !llvm::is_contained(calls, op))) {
      reason = "calls of a chain follow each other";
      return failure();
    }
  llvm::SetVector<Operation *> inside(calls.begin(), calls.end());
  for (func::CallOp call : calls)
    for (Value operand : call.getOperands()) {
      Value base =
          isa<MemRefType>(operand.getType()) ? getBase(operand) : Value();
      auto alloc =
          base ? base.getDefiningOp<memref::AllocOp>() : memref::AllocOp();
      if (!alloc || alloc->getBlock() != block || inside.contains(alloc))
        continue;
      SmallVector<Operation *> users(alloc->getUsers()), views;
      bool isInner = true;
      while (!users.empty() && isInner) {
        Operation *user = users.pop_back_val();
        if (isView(user)) {
          views.push_back(user);
          llvm::append_range(users, user->getUsers());
        } else {
          isInner &= llvm::is_contained(calls, user);
        }
      }
      if (!isInner)
        continue;
      inside.insert(alloc);
      inside.insert(views.begin(), views.end());
    }
  moved = inside.takeVector();
  llvm::sort(moved,
             [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });

  // Bodies of the callees in a row.
  llvm::SetVector<Value> outside;
  llvm::SmallPtrSet<Operation *, 16> isMoved(moved.begin(), moved.end());
  for (Operation *op : moved)
    for (Value operand : op->getOperands())
      if (!operand.getDefiningOp() ||
          !isMoved.contains(operand.getDefiningOp()))
        outside.insert(operand);
  operands = outside.takeVector();
  Location loc = calls.back().getLoc();
  OpBuilder builder(calls.front()->getContext());
  function = func::FuncOp::create(
      loc, (calls.front().getCallee() + "_chain").str(),
      builder.getFunctionType(ValueRange(operands).getTypes(), {}));
  function->setPrivate();
  builder.setInsertionPointToStart(function->addEntryBlock());
  IRMapping mapping;
  mapping.map(operands, function->getArguments());
  for (Operation *op : moved) {
    auto call = dyn_cast<func::CallOp>(op);
    if (!call) {
      builder.clone(*op, mapping);
      continue;
    }
    auto callee = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(
        call, call.getCalleeAttr());
    if (!callee || callee.isExternal() || !callee.getBody().hasOneBlock() ||
        call.getNumResults() != 0) {
      reason = "calls of a chain are of functions of one block without results";
      return failure();
    }
    IRMapping inner;
    for (auto [argument, operand] :
         llvm::zip_equal(callee.getArguments(), call.getOperands()))
      inner.map(argument, mapping.lookup(operand));
    for (Operation &inlined : callee.front().without_terminator())
      builder.clone(inlined, inner);
  }
  func::ReturnOp::create(builder, loc);
  return success();
}

//===----------------------------------------------------------------------===//
// What the operations do with rows
//===----------------------------------------------------------------------===//

LogicalResult Chain::match(std::string &reason) {
  for (Operation &op : function->front().without_terminator()) {
    if (isView(&op) || isa<memref::AllocOp>(op) || isMemoryEffectFree(&op))
      continue;
    bool isFirst = ops.empty() && !isa<ContractOp>(op);
    bool fits = isa<PackOp>(op) || isFirst
                    ? addSetup(&op)
                    : (readsOnlyOutside(&op) && addSetup(&op)) || add(&op);
    if (!fits) {
      reason = ("'" + op.getName().getStringRef() +
                "' does not handle the rows of a block alone")
                   .str();
      return failure();
    }
  }
  if (ops.empty()) {
    reason = "a chain has a contraction";
    return failure();
  }
  // The blocks at the end overlap, and two of them then write the same: they
  // must not read it.
  for (auto &[base, rows] : written) {
    if (base.getDefiningOp<memref::AllocOp>())
      continue;
    unsigned accesses = 0;
    for (auto &[op, loops] : ops)
      for (OpOperand &operand : op->getOpOperands())
        if (isa<MemRefType>(operand.get().getType()) &&
            getBase(operand.get()) == base) {
          ++accesses;
          if (!isOnlyWritten(operand))
            accesses += 2;
        }
    Value outside = operands[cast<BlockArgument>(base).getArgNumber()];
    Value outer = getBase(outside);
    bool isApart =
        accesses == 1 && outer && llvm::all_of(operands, [&](Value value) {
          if (value == outside || !isa<MemRefType>(value.getType()))
            return true;
          Value other = getBase(value);
          return other && other != outer;
        });
    if (!isApart) {
      reason = "results of a chain are buffers that it does not read";
      return failure();
    }
  }
  return success();
}

/// Whether an op computes something of what the chain does not write.
bool Chain::readsOnlyOutside(Operation *op) const {
  auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
  if (!linalgOp)
    return false;
  bool reads = false;
  for (OpOperand *input : linalgOp.getDpsInputOperands()) {
    if (!isa<MemRefType>(input->get().getType()))
      continue;
    reads = true;
    if (written.contains(getBase(input->get())))
      return false;
  }
  return reads;
}

bool Chain::addSetup(Operation *op) {
  if (!isa<PackOp, linalg::LinalgOp>(op))
    return false;
  SmallVector<Value> bases;
  for (OpOperand &operand : op->getOpOperands()) {
    if (!isa<MemRefType>(operand.get().getType()))
      continue;
    Value base = getBase(operand.get());
    // It moves in front of the blocks.
    if (!base || written.contains(base) ||
        (isInit(operand) &&
         (touched.contains(base) || !base.getDefiningOp<memref::AllocOp>())))
      return false;
    bases.push_back(base);
  }
  before.insert_range(bases);
  return true;
}

std::optional<Chain::Rows> Chain::findRowLoops(Operation *op) const {
  Rows loops(extents.size(), -1);
  if (isa<ContractOp>(op)) {
    llvm::copy(llvm::seq<int>(0, loops.size()), loops.begin());
    return loops;
  }
  // A buffer of known rows says which loops they are.
  auto linalgOp = cast<linalg::LinalgOp>(op);
  for (OpOperand &operand : op->getOpOperands()) {
    if (!isa<MemRefType>(operand.get().getType()))
      continue;
    auto known = written.find(getBase(operand.get()));
    if (known == written.end())
      continue;
    AffineMap map = linalgOp.getMatchingIndexingMap(&operand);
    for (auto [position, expr] : llvm::enumerate(map.getResults())) {
      auto dim = dyn_cast<AffineDimExpr>(expr);
      if (!dim)
        continue;
      Rows probe(map.getNumResults(), -1);
      probe[position] = 0;
      std::optional<Rows> base = getBaseRows(operand.get(), probe);
      if (!base)
        continue;
      auto at = llvm::find(*base, 0) - base->begin();
      if (int row = known->second[at]; row >= 0)
        loops[row] = static_cast<int>(dim.getPosition());
    }
    if (!llvm::is_contained(loops, -1))
      return loops;
    return std::nullopt;
  }
  // Otherwise, as of a value that is filled in, they are the leading ones.
  OpOperand *init = linalgOp.getDpsInitOperand(0);
  if (!isa<MemRefType>(init->get().getType()) ||
      linalgOp.getNumLoops() < loops.size())
    return std::nullopt;
  AffineMap map = linalgOp.getMatchingIndexingMap(init);
  Value base = getBase(init->get());
  if (!base || base != init->get() || map.getNumResults() < loops.size())
    return std::nullopt;
  for (size_t row = 0; row < loops.size(); ++row) {
    if (map.getResult(row) != getAffineDimExpr(row, op->getContext()) ||
        getExtent(base, static_cast<int64_t>(row)) != extents[row])
      return std::nullopt;
    loops[row] = static_cast<int>(row);
  }
  return loops;
}

bool Chain::add(Operation *op) {
  auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
  auto contract = dyn_cast<ContractOp>(op);
  if (!contract && (!linalgOp || !linalgOp.hasPureBufferSemantics() ||
                    linalgOp.getNumDpsInits() == 0))
    return false;
  if (contract) {
    auto type = cast<MemRefType>(contract.getOut().getType());
    // Weights in blocks in tile registers meet a copy of all rows.
    if (contract.getWindow() ||
        (contract.getBlocks() &&
         usesTileRegisters(contract.getTiling().getIntrinsic())))
      return false;
    if (ops.empty()) {
      Value base = getBase(contract.getOut());
      if (base != contract.getOut() || type.isDynamicDim(type.getRank() - 2))
        return false;
      for (int64_t dim = 0; dim + 1 < type.getRank(); ++dim)
        extents.push_back(getExtent(base, dim));
    } else if (type.getRank() != static_cast<int64_t>(extents.size()) + 1) {
      return false;
    }
  }
  std::optional<Rows> loops = findRowLoops(op);
  if (!loops)
    return false;
  if (linalgOp)
    for (int loop : *loops)
      if (linalgOp.getIteratorTypesArray()[loop] !=
          utils::IteratorType::parallel)
        return false;

  // Nobody reads another row of what the chain writes.
  bool isOfRows = ops.empty() || linalgOp;
  struct Access {
    Value base;
    std::optional<Rows> rows;
    bool isWrite;
  };
  SmallVector<Access> accesses;
  for (OpOperand &operand : op->getOpOperands()) {
    if (!isa<MemRefType>(operand.get().getType()))
      continue;
    Value base = getBase(operand.get());
    std::optional<Rows> rows = getRows(operand, *loops);
    if (!base || !rows)
      return false;
    std::optional<Rows> baseRows = getBaseRows(operand.get(), *rows);
    bool isWrite = isInit(operand);
    auto known = written.find(base);
    if (known != written.end()) {
      if (!baseRows || *baseRows != known->second)
        return false;
      isOfRows = true;
    }
    if (isWrite) {
      if (!baseRows || base.getDefiningOp<memref::GetGlobalOp>() ||
          before.contains(base) ||
          (known == written.end() && touched.contains(base)))
        return false;
      for (size_t row = 0; row < extents.size(); ++row)
        if (!llvm::is_contained(*baseRows, static_cast<int>(row)))
          return false;
    }
    accesses.push_back({base, baseRows, isWrite});
  }
  if (!isOfRows)
    return false;
  for (const Access &write : accesses)
    for (const Access &other : accesses)
      if (write.isWrite && write.base == other.base && write.rows != other.rows)
        return false;
  for (Access &access : accesses) {
    if (access.isWrite)
      written.insert({access.base, *access.rows});
    Live &live =
        touched.insert({access.base, {ops.size(), ops.size()}}).first->second;
    live.last = ops.size();
    live.isKernels |= contract != nullptr;
  }
  ops.insert({op, *loops});
  return true;
}

//===----------------------------------------------------------------------===//
// Sizes
//===----------------------------------------------------------------------===//

int64_t Chain::getRowBytes(bool handedOnOnly) const {
  SmallVector<int64_t> live(ops.size(), 0);
  for (auto &[base, rows] : written) {
    const Live &range = touched.find(base)->second;
    if (!base.getDefiningOp<memref::AllocOp>() ||
        (handedOnOnly && !range.isKernels))
      continue;
    auto type = cast<MemRefType>(base.getType());
    int64_t elements = getRowElements(type, rows);
    if (elements < 0 || !type.getElementType().isIntOrFloat())
      return -1;
    for (size_t i = range.first; i <= range.last; ++i)
      live[i] += getBytes(MemRefType::get({elements}, type.getElementType()));
  }
  // A kernel may widen the rows that it reads.
  if (!handedOnOnly)
    for (auto [i, entry] : llvm::enumerate(ops))
      if (auto contract = dyn_cast<ContractOp>(entry.first)) {
        auto input = cast<MemRefType>(contract.getInput().getType());
        if (input.getElementTypeBitWidth() == 16)
          live[i] += 4 * input.getShape().back();
      }
  return *llvm::max_element(live);
}

SmallVector<Chain::Slot> Chain::getSlots(int64_t rows) const {
  SmallVector<Slot> slots;
  for (auto &[base, baseRows] : written) {
    if (!base.getDefiningOp<memref::AllocOp>())
      continue;
    auto type = cast<MemRefType>(base.getType());
    SmallVector<int64_t> shape(type.getShape());
    for (auto [size, row] : llvm::zip_equal(shape, baseRows))
      if (row >= 0)
        size = row + 1 == static_cast<int>(extents.size()) ? rows : 1;
    type = MemRefType::get(shape, type.getElementType());
    const Live &range = touched.find(base)->second;
    auto free = llvm::find_if(slots, [&, &range = range](const Slot &slot) {
      return slot.last < range.first && slot.type == type;
    });
    if (free == slots.end()) {
      slots.push_back({type, base.getLoc(), {}, 0});
      free = std::prev(slots.end());
    }
    free->bases.push_back(base);
    free->last = range.last;
    free->isKernels |= range.isKernels;
  }
  return slots;
}

SmallVector<ContractOp> Chain::getContractions() const {
  SmallVector<ContractOp> contractions;
  for (auto &[op, loops] : ops)
    if (auto contract = dyn_cast<ContractOp>(op))
      contractions.push_back(contract);
  return contractions;
}

SmallVector<Operation *> Chain::getOps() const {
  return llvm::to_vector(llvm::make_first_range(ops));
}

int64_t Chain::countRows() const {
  int64_t rows = 1;
  for (const Extent &extent : extents)
    rows *= extent.first ? 1 : std::max<int64_t>(1, extent.second);
  return rows;
}

int64_t Chain::getSavedBytes() const {
  int64_t bytes = 0;
  for (auto &[base, rows] : written) {
    auto type = cast<MemRefType>(base.getType());
    if (!base.getDefiningOp<memref::AllocOp>() ||
        !touched.find(base)->second.isKernels)
      continue;
    bytes += getBytes(type);
  }
  return bytes;
}

bool Chain::sharesWeights() const {
  return llvm::any_of(ops, [](const auto &entry) {
    auto contract = dyn_cast<ContractOp>(entry.first);
    return contract && !contract.getBatched();
  });
}

bool Chain::hasLongRows() const {
  return llvm::any_of(written, [&](const auto &entry) {
    auto &[base, rows] = entry;
    return touched.find(base)->second.isKernels &&
           getRowElements(cast<MemRefType>(base.getType()), rows) >=
               kFewestElements;
  });
}

int64_t Chain::chooseRows(const TargetDescription &target) const {
  int64_t handedOn = getRowBytes(/*handedOnOnly=*/true);
  int64_t all = getRowBytes(/*handedOnOnly=*/false);
  if (handedOn <= 0 || all <= 0 || !hasLongRows())
    return 0;
  int64_t total = getNumRows();
  int64_t tile = std::min(
      cast<ContractOp>(ops.front().first).getTiling().getRows(), total);
  int64_t most =
      std::min(target.getScratchBytes() / handedOn, kStackBytes / all);
  if (most < tile)
    return 0;
  // Enough blocks to share the work evenly, unless they get too small.
  auto least = static_cast<int64_t>(kMinBlockCost / getCost(1, target)) + 1;
  int64_t even = countRows() / kFewestBlocks;
  most = std::min(most, std::max({tile, least, even}));
  if (most >= total)
    return total;
  // The fewest rows that are computed twice; whole tiles.
  int64_t best = tile;
  for (int64_t rows = tile; rows <= most; rows += tile)
    if (llvm::alignTo(total, rows) <= llvm::alignTo(total, best))
      best = rows;
  return best;
}

double Chain::getCost(int64_t rows, const TargetDescription &target) const {
  // Products in a nanosecond at 3 GHz and two instructions per cycle.
  double rate = 6.0 * static_cast<double>(target.vectorBits) / 32, cost = 0;
  for (auto &[op, loops] : ops) {
    double elements = 1;
    if (auto contract = dyn_cast<ContractOp>(op)) {
      auto weights = cast<MemRefType>(contract.getWeights().getType());
      auto out = cast<MemRefType>(contract.getOut().getType());
      for (int64_t size : {out.getShape().back(), weights.getDimSize(2),
                           weights.getDimSize(4)})
        elements *= static_cast<double>(size);
      cost += elements / rate;
      continue;
    }
    auto linalgOp = cast<linalg::LinalgOp>(op);
    for (auto [loop, size] : llvm::enumerate(linalgOp.getStaticLoopRanges()))
      if (!llvm::is_contained(loops, static_cast<int>(loop)) &&
          !ShapedType::isDynamic(size))
        elements *= static_cast<double>(size);
    cost += kElementCost * elements;
  }
  return cost * static_cast<double>(rows);
}
