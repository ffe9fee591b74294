//===- MapRows.cpp - rows that threads share ------------------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A row's loops one after the other, each divided among its threads. Buffers of
// the row are shared memory, and a barrier stands where a thread touches what
// another one has written, or writes what another one has read. Buffers of one
// number (a maximum, a sum) are registers: every thread computes the number
// from the same values in the same order. Sums thus keep the order that the
// loops give them.
//
//===----------------------------------------------------------------------===//

#include "MapRows.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "mpc/Codegen/BufferViews.h"
#include "mpc/Codegen/OutputTile.h"
#include "mpc/GPU/Chips.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mpc;

/// Threads of a block, where rows have fewer.
static constexpr int64_t kBlockSize = 128;

/// Where several warps share a row, longer sums are one thread's, which hands
/// them on, and not every thread's.
static constexpr int64_t kShortSum = 32;

static int64_t getBlockThreads(gpu::LaunchOp launch) {
  return cast<IntegerAttr>(launch->getAttr(kBlockThreadsAttrName)).getInt();
}

/// Bytes that shared memory has side by side, each of them once.
static constexpr int64_t kBankBytes = 128;

SmallVector<Value> mpc::countIterations(ImplicitLocOpBuilder &b,
                                        scf::ForallOp loop) {
  AffineExpr l, u, s;
  bindSymbols(b.getContext(), l, u, s);
  SmallVector<Value> counts;
  for (auto [lower, upper, step] :
       llvm::zip_equal(loop.getMixedLowerBound(), loop.getMixedUpperBound(),
                       loop.getMixedStep()))
    counts.push_back(getValueOrCreateConstantIndexOp(
        b, b.getLoc(),
        affine::makeComposedFoldedAffineApply(b, b.getLoc(), (u - l).ceilDiv(s),
                                              {lower, upper, step})));
  return counts;
}

void mpc::mapVariables(ImplicitLocOpBuilder &b, scf::ForallOp loop,
                       ArrayRef<Value> counts, Value id, IRMapping &mapping) {
  AffineExpr l, u, s;
  bindSymbols(b.getContext(), l, u, s);
  SmallVector<Value> indices(counts.size());
  for (size_t d = counts.size(); d-- > 1;) {
    indices[d] = b.createOrFold<arith::RemUIOp>(id, counts[d]);
    id = b.createOrFold<arith::DivUIOp>(id, counts[d]);
  }
  indices[0] = id;
  for (auto [variable, index, lower, step] :
       llvm::zip_equal(loop.getInductionVars(), indices,
                       loop.getMixedLowerBound(), loop.getMixedStep()))
    mapping.map(variable,
                getValueOrCreateConstantIndexOp(
                    b, b.getLoc(),
                    affine::makeComposedFoldedAffineApply(
                        b, b.getLoc(), l + u * s, {lower, index, step})));
}

namespace {

/// What an operation touches: a memref, and whether it writes there.
struct Access {
  Operation *op;
  Value memref;
  bool isWrite;
};

std::optional<Access> matchAccess(Operation *op) {
  if (auto load = dyn_cast<memref::LoadOp>(op))
    return Access{op, load.getMemRef(), false};
  if (auto store = dyn_cast<memref::StoreOp>(op))
    return Access{op, store.getMemRef(), true};
  if (auto load = dyn_cast<vector::LoadOp>(op))
    return Access{op, load.getBase(), false};
  if (auto store = dyn_cast<vector::StoreOp>(op))
    return Access{op, store.getBase(), true};
  if (auto load = dyn_cast<nvgpu::LdMatrixOp>(op))
    return Access{op, load.getSrcMemref(), false};
  return std::nullopt;
}

SmallVector<Access> findAccesses(Operation *op) {
  SmallVector<Access> accesses;
  op->walk([&](Operation *inner) {
    if (std::optional<Access> access = matchAccess(inner))
      accesses.push_back(*access);
  });
  return accesses;
}

/// Where a view begins in its buffer.
Value getStart(ImplicitLocOpBuilder &b, Value view) {
  Operation *op = view.getDefiningOp();
  if (!isa_and_nonnull<ViewLikeOpInterface>(op))
    return indexConstant(b, 0);
  Value start = getStart(b, op->getOperand(0));
  auto part = dyn_cast<memref::SubViewOp>(op);
  if (!part)
    return start;
  for (auto [offset, stride] :
       llvm::zip_equal(part.getMixedOffsets(),
                       part.getSourceType().getStridesAndOffset().first))
    start = add(
        b, start,
        mul(b, getValueOrCreateConstantIndexOp(b, b.getLoc(), offset), stride));
  return start;
}

/// Accesses of `buffer` and of its views become those of `memory`, which has
/// one dimension, from `start` on.
void moveAccesses(Value buffer, Value memory, Value start) {
  for (Operation *user : llvm::make_early_inc_range(buffer.getUsers())) {
    if (isa<ViewLikeOpInterface>(user)) {
      moveAccesses(user->getResult(0), memory, start);
      continue;
    }
    std::optional<Access> access = matchAccess(user);
    if (!access)
      continue;
    ImplicitLocOpBuilder b(user->getLoc(), user);
    Value position = add(b, start, getStart(b, buffer));
    // Indices follow the memref, which only a stored value precedes.
    auto strides =
        cast<MemRefType>(buffer.getType()).getStridesAndOffset().first;
    unsigned first = access->isWrite ? 2 : 1;
    for (auto [index, stride] : llvm::zip_equal(
             user->getOperands().slice(first, strides.size()), strides))
      position = add(b, position, mul(b, index, stride));
    SmallVector<Value> operands(user->getOperands().take_front(first));
    operands.back() = memory;
    operands.push_back(position);
    user->setOperands(operands);
  }
}

/// Whether a loop has a single iteration.
bool isSingle(scf::ForallOp loop) {
  return loop.getRank() == 1 &&
         getConstantIntValue(loop.getMixedLowerBound()[0]) == 0 &&
         getConstantIntValue(loop.getMixedUpperBound()[0]) == 1;
}

class RowMapper {
public:
  /// `outer`: the launch that the loop is part of, or null.
  RowMapper(scf::ForallOp loop, gpu::LaunchOp outer)
      : loop(loop), outer(outer), b(loop.getLoc(), loop),
        threads(
            cast<IntegerAttr>(loop->getAttr(kRowThreadsAttrName)).getInt()) {}
  LogicalResult run(StringRef name);

private:
  LogicalResult check();
  /// Sees which buffers become registers.
  void findRegisters();
  void chooseRows();
  LogicalResult createKernel(StringRef name);
  SmallVector<Operation *> getOps() {
    return llvm::map_to_vector(body->without_terminator(),
                               [](Operation &op) { return &op; });
  }
  void inlineSingle();
  void forward(Value buffer);
  /// In a block of the row's loops; `read` and `written` since the last
  /// barrier.
  void insertBarriers(Block &block, llvm::DenseSet<Value> &read,
                      llvm::DenseSet<Value> &written);
  void divide(scf::ForallOp inner);
  int64_t getPitch(MemRefType type, int64_t rows) const;
  int64_t countSharedBytes(int64_t rows) const;

  scf::ForallOp loop;
  gpu::LaunchOp outer;
  ImplicitLocOpBuilder b;
  /// Of a row, and the rows of a block.
  int64_t threads, rows = 1;
  SmallVector<memref::AllocOp> registers, shared;
  Block *body = nullptr;
  /// The number of a thread in its row and of the row in its block; whether the
  /// row exists, or null where all do.
  Value thread, slot, isRow;
};

LogicalResult RowMapper::check() {
  SmallVector<Operation *> ops;
  for (Operation &op : loop.getBody()->without_terminator())
    ops.push_back(&op);
  for (size_t i = 0; i < ops.size(); ++i) {
    Operation &op = *ops[i];
    // Pieces of a row one after the other, which all threads go through.
    if (auto pieces = dyn_cast<scf::ForOp>(op);
        pieces && pieces.getNumResults() == 0 && pieces.getStaticTripCount()) {
      for (Operation &inner : pieces.getBody()->without_terminator())
        ops.push_back(&inner);
      continue;
    }
    if (auto buffer = dyn_cast<memref::AllocOp>(op);
        buffer && op.getBlock() == loop.getBody()) {
      if (!buffer.getType().hasStaticShape() ||
          !buffer.getType().getLayout().isIdentity())
        return buffer.emitOpError("expected a buffer of fixed size inside a "
                                  "parallel loop, but got ")
               << buffer.getType();
      continue;
    }
    auto inner = dyn_cast<scf::ForallOp>(op);
    if (inner && inner.getRank() == 1 && inner.getOutputs().empty() &&
        getConstantIntValue(inner.getMixedLowerBound()[0]) == 0 &&
        getConstantIntValue(inner.getMixedStep()[0]) == 1)
      continue;
    if (!isMemoryEffectFree(&op) &&
        !isa<memref::DeallocOp, memref::AllocOp>(op))
      return op.emitOpError("expected loops only where threads share a row");
  }
  // Where in a row's buffer an access is has to be known.
  WalkResult walk = loop.walk([&](Operation *op) {
    if (isa<memref::AllocOp>(op) && op->getBlock() != loop.getBody()) {
      op->emitOpError("expected no buffers inside of the loops of a row");
      return WalkResult::interrupt();
    }
    std::optional<Access> access = matchAccess(op);
    Operation *buffer =
        access ? getRoot(access->memref).getDefiningOp() : nullptr;
    if (!buffer || buffer->getBlock() != loop.getBody())
      return WalkResult::advance();
    auto [strides, offset] =
        cast<MemRefType>(access->memref.getType()).getStridesAndOffset();
    if (!ShapedType::isDynamic(offset) &&
        llvm::none_of(strides, ShapedType::isDynamic))
      return WalkResult::advance();
    op->emitOpError("expected a constant position in a buffer of the row");
    return WalkResult::interrupt();
  });
  return failure(walk.wasInterrupted());
}

void RowMapper::findRegisters() {
  llvm::SetVector<Value> numbers;
  SmallVector<Operation *> loops;
  llvm::DenseSet<Value> seen;
  for (Operation &op : loop.getBody()->without_terminator()) {
    if (auto buffer = dyn_cast<memref::AllocOp>(op);
        buffer && buffer.getType().getNumElements() == 1)
      numbers.insert(buffer);
    op.walk<WalkOrder::PreOrder>([&](scf::ForallOp inner) {
      loops.push_back(inner);
      return WalkResult::skip();
    });
    // The loop that begins a number stores it and does not read it.
    for (const Access &access : findAccesses(&op))
      if (!access.isWrite && !seen.contains(getRoot(access.memref)))
        numbers.remove(getRoot(access.memref));
    for (const Access &access : findAccesses(&op))
      if (access.isWrite)
        seen.insert(getRoot(access.memref));
  }
  auto isEachThreads = [&](scf::ForallOp inner) {
    if (inner->getBlock() != loop.getBody())
      return false;
    // A warp's threads compute the same in the time of one.
    if (!isSingle(inner) || threads <= kWarp)
      return isSingle(inner);
    uint64_t terms = 1;
    inner.walk([&](scf::ForOp sum) {
      std::optional<APInt> count = sum.getStaticTripCount();
      terms *= count ? count->getZExtValue() : kShortSum + 1;
    });
    return terms <= kShortSum;
  };
  bool isChanged = true;
  while (isChanged) {
    isChanged = false;
    for (Operation *op : loops) {
      SmallVector<Value> written;
      bool areAll = isEachThreads(cast<scf::ForallOp>(op));
      for (const Access &access : findAccesses(op))
        if (access.isWrite) {
          written.push_back(getRoot(access.memref));
          areAll &= numbers.contains(written.back()) &&
                    isa<memref::StoreOp>(access.op) &&
                    access.op->getParentOp() == op;
        }
      if (!areAll)
        for (Value value : written)
          isChanged |= numbers.remove(value);
    }
  }
  for (auto buffer : loop.getBody()->getOps<memref::AllocOp>())
    (numbers.contains(buffer) ? registers : shared).push_back(buffer);
}

/// Elements from one row's buffer to the next: as many as keep rows that a warp
/// handles side by side in different banks, and 16 bytes aligned.
int64_t RowMapper::getPitch(MemRefType type, int64_t rows) const {
  int64_t element = llvm::divideCeil(type.getElementTypeBitWidth(), 8);
  int64_t bytes = llvm::alignTo(type.getNumElements() * element, 16);
  int64_t apart = 4 * threads;
  if (rows > 1 && apart < kBankBytes)
    bytes += (apart - bytes % kBankBytes + kBankBytes) % kBankBytes;
  return bytes / element;
}

int64_t RowMapper::countSharedBytes(int64_t rows) const {
  int64_t bytes = 0;
  for (memref::AllocOp buffer : shared) {
    MemRefType type = buffer.getType();
    bytes += rows * getPitch(type, rows) *
             llvm::divideCeil(type.getElementTypeBitWidth(), 8);
  }
  return bytes;
}

void RowMapper::chooseRows() {
  int64_t block = outer ? getBlockThreads(outer) : kBlockSize;
  rows = std::max<int64_t>(1, block / threads);
  while (rows > 1 && countSharedBytes(rows) > kSharedBytes)
    rows /= 2;
}

LogicalResult RowMapper::createKernel(StringRef name) {
  if (countSharedBytes(rows) > kSharedBytes)
    return loop.emitOpError("expected buffers of a row of at most ")
           << kSharedBytes << " bytes, but got " << countSharedBytes(rows);
  SmallVector<Value> counts = countIterations(b, loop);
  Value total = arith::ConstantIndexOp::create(b, 1);
  for (Value count : counts)
    total = b.createOrFold<arith::MulIOp>(total, count);
  Value blocks = b.createOrFold<arith::CeilDivUIOp>(
      total, arith::ConstantIndexOp::create(b, rows));
  auto space =
      gpu::AddressSpaceAttr::get(b.getContext(), gpu::AddressSpace::Workgroup);
  SmallVector<Type> types;
  for (memref::AllocOp buffer : shared)
    types.push_back(MemRefType::get({rows * getPitch(buffer.getType(), rows)},
                                    buffer.getType().getElementType(),
                                    MemRefLayoutAttrInterface(), space));
  auto constant = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(b, value);
  };
  gpu::LaunchOp launch = outer;
  Value row;
  SmallVector<Value> memories;
  if (outer) {
    std::optional<int64_t> count = getConstantIntValue(total);
    if (!count || *count % rows != 0)
      return loop.emitOpError("expected a multiple of ")
             << rows << " rows, which a block handles at a time";
    for (Type type : types)
      memories.push_back(outer.addWorkgroupAttribution(type, b.getLoc()));
    auto passes = scf::ForOp::create(b, constant(0), constant(*count / rows),
                                     constant(1));
    body = passes.getBody();
    row = passes.getInductionVar();
  } else {
    launch = createLaunch(b, name, blocks, rows * threads, types);
    llvm::append_range(memories, launch.getWorkgroupAttributions());
    body = &launch.getBody().front();
    row = launch.getBlockIds().x;
  }
  b.setInsertionPointToStart(body);
  thread = launch.getThreadIds().x;
  if (rows > 1) {
    slot = arith::DivUIOp::create(b, thread, constant(threads));
    thread = arith::RemUIOp::create(b, thread, constant(threads));
    row = arith::AddIOp::create(
        b, arith::MulIOp::create(b, row, constant(rows)).getResult(), slot);
  }
  if (rows > 1 && !outer) {
    // The last block handles the last row more than once, and stores it once.
    isRow = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, row, total);
    row = arith::MinUIOp::create(
        b, row, arith::SubIOp::create(b, total, constant(1)).getResult());
  }
  IRMapping mapping;
  mapVariables(b, loop, counts, row, mapping);
  for (Operation &op : loop.getBody()->without_terminator())
    if (!isa<memref::DeallocOp>(op))
      b.clone(op, mapping);
  if (!outer)
    gpu::TerminatorOp::create(b);
  auto translate = [&](SmallVector<memref::AllocOp> &buffers) {
    for (memref::AllocOp &buffer : buffers)
      buffer =
          mapping.lookup(buffer.getResult()).getDefiningOp<memref::AllocOp>();
  };
  translate(registers);
  translate(shared);
  // Where all of a row's loops are.
  inlineSingle();
  for (memref::AllocOp buffer : registers)
    forward(buffer);
  llvm::DenseSet<Value> read, written;
  insertBarriers(*body, read, written);
  if (outer) {
    // What is before, the rows before included, is done.
    b.setInsertionPointToStart(body);
    gpu::BarrierOp::create(b);
  }
  for (auto [buffer, memory] : llvm::zip_equal(shared, memories)) {
    b.setInsertionPointToStart(body);
    Value start = indexConstant(b, 0);
    if (slot) {
      b.setInsertionPointAfterValue(slot);
      start = mul(b, slot, getPitch(buffer.getType(), rows));
    }
    moveAccesses(buffer, memory, start);
  }
  SmallVector<scf::ForallOp> loops;
  body->walk([&](scf::ForallOp inner) { loops.push_back(inner); });
  for (scf::ForallOp inner : loops)
    divide(inner);
  // Views of what is no buffer any more.
  SmallVector<Operation *> ops = getOps();
  for (Operation *op : llvm::reverse(ops))
    if (isa<ViewLikeOpInterface, memref::AllocOp>(op) && op->use_empty())
      op->erase();
  return success();
}

/// Loops that compute registers are every thread's.
void RowMapper::inlineSingle() {
  llvm::DenseSet<Value> numbers(registers.begin(), registers.end());
  for (Operation *op : getOps()) {
    auto inner = dyn_cast<scf::ForallOp>(op);
    if (!inner || llvm::none_of(findAccesses(inner), [&](const Access &access) {
          return access.isWrite && numbers.contains(getRoot(access.memref));
        }))
      continue;
    b.setInsertionPoint(inner);
    IRMapping mapping;
    mapping.map(inner.getInductionVar(0),
                arith::ConstantIndexOp::create(b, 0).getResult());
    for (Operation &each : inner.getBody()->without_terminator())
      b.clone(each, mapping);
    inner.erase();
  }
}

/// Loads of a register become what was stored last.
void RowMapper::forward(Value buffer) {
  Value current;
  for (Operation *op : getOps()) {
    for (const Access &access : findAccesses(op)) {
      if (getRoot(access.memref) != buffer)
        continue;
      if (access.isWrite)
        current = cast<memref::StoreOp>(access.op).getValueToStore();
      else
        access.op->getResult(0).replaceAllUsesWith(current);
      access.op->erase();
    }
  }
}

void RowMapper::insertBarriers(Block &block, llvm::DenseSet<Value> &read,
                               llvm::DenseSet<Value> &written) {
  SmallVector<Operation *> ops = llvm::map_to_vector(
      block.without_terminator(), [](Operation &op) { return &op; });
  for (Operation *op : ops) {
    // Each piece of a row waits for the one before.
    auto pieces = dyn_cast<scf::ForOp>(op);
    if (pieces &&
        pieces.walk([](scf::ForallOp) { return WalkResult::interrupt(); })
            .wasInterrupted()) {
      b.setInsertionPointToStart(pieces.getBody());
      gpu::BarrierOp::create(b);
      read.clear();
      written.clear();
      insertBarriers(*pieces.getBody(), read, written);
      continue;
    }
    SmallVector<Access> accesses = findAccesses(op);
    bool isConflict = llvm::any_of(accesses, [&](const Access &access) {
      Value root = getRoot(access.memref);
      return written.contains(root) || (access.isWrite && read.contains(root));
    });
    if (isConflict) {
      b.setInsertionPoint(op);
      gpu::BarrierOp::create(b);
      read.clear();
      written.clear();
    }
    for (const Access &access : accesses)
      (access.isWrite ? written : read).insert(getRoot(access.memref));
  }
}

/// The iterations of a row's loop, one after the other by its threads.
void RowMapper::divide(scf::ForallOp inner) {
  b.setInsertionPoint(inner);
  OpBuilder::InsertionGuard guard(b);
  // Shared memory has room for the row that does not exist.
  bool storesRow = llvm::any_of(findAccesses(inner), [](const Access &access) {
    return access.isWrite &&
           !isa_and_nonnull<gpu::AddressSpaceAttr>(
               cast<MemRefType>(access.memref.getType()).getMemorySpace());
  });
  Value condition = storesRow ? isRow : Value();
  OpFoldResult bound = inner.getMixedUpperBound()[0];
  std::optional<int64_t> count = getConstantIntValue(bound);
  Value end = getValueOrCreateConstantIndexOp(b, b.getLoc(), bound);
  if (count && *count < threads) {
    Value isOne =
        arith::CmpIOp::create(b, arith::CmpIPredicate::ult, thread, end);
    condition =
        condition ? Value(arith::AndIOp::create(b, condition, isOne)) : isOne;
  }
  if (condition) {
    auto branch = scf::IfOp::create(b, condition, /*withElseRegion=*/false);
    b.setInsertionPointToStart(branch.thenBlock());
  }
  Value iteration = thread;
  if (!count || *count > threads) {
    auto each = scf::ForOp::create(b, thread, end,
                                   arith::ConstantIndexOp::create(b, threads));
    b.setInsertionPointToStart(each.getBody());
    iteration = each.getInductionVar();
  }
  IRMapping mapping;
  mapping.map(inner.getInductionVar(0), iteration);
  for (Operation &op : inner.getBody()->without_terminator())
    b.clone(op, mapping);
  inner.erase();
}

LogicalResult RowMapper::run(StringRef name) {
  if (failed(check()))
    return failure();
  findRegisters();
  chooseRows();
  if (failed(createKernel(name)))
    return failure();
  loop.erase();
  return success();
}

} // namespace

LogicalResult mpc::mapRows(scf::ForallOp loop, StringRef name) {
  return RowMapper(loop, /*outer=*/{}).run(name);
}

/// An ordinary loop, its iterations one after the other by all threads.
static void divideAmongBlock(scf::ForallOp loop, gpu::LaunchOp launch) {
  ImplicitLocOpBuilder b(loop.getLoc(), loop);
  gpu::BarrierOp::create(b);
  SmallVector<Value> counts = countIterations(b, loop);
  Value total = arith::ConstantIndexOp::create(b, 1);
  for (Value count : counts)
    total = b.createOrFold<arith::MulIOp>(total, count);
  emitLoop(b, launch.getThreadIds().x, total, getBlockThreads(launch),
           [&](Value id) {
             IRMapping mapping;
             mapVariables(b, loop, counts, id, mapping);
             for (Operation &op : loop.getBody()->without_terminator())
               b.clone(op, mapping);
           });
  loop.erase();
}

LogicalResult mpc::mapToBlock(gpu::LaunchOp launch) {
  Block &body = launch.getBody().front();
  for (auto loop : llvm::make_early_inc_range(body.getOps<scf::ForallOp>())) {
    if (!loop->hasAttr(kRowThreadsAttrName))
      divideAmongBlock(loop, launch);
    else if (failed(RowMapper(loop, launch).run("")))
      return failure();
  }
  ImplicitLocOpBuilder b(launch.getLoc(), launch);
  for (auto buffer :
       llvm::make_early_inc_range(body.getOps<memref::AllocOp>())) {
    MemRefType type = buffer.getType();
    if (!type.hasStaticShape() || !type.getLayout().isIdentity())
      return buffer.emitOpError("expected a buffer of fixed size inside a "
                                "parallel loop, but got ")
             << type;
    int64_t bytes = llvm::divideCeil(type.getElementTypeBitWidth(), 8);
    int64_t elements = llvm::alignTo(type.getNumElements() * bytes, 16) / bytes;
    Value memory = launch.addWorkgroupAttribution(
        MemRefType::get({elements}, type.getElementType(),
                        MemRefLayoutAttrInterface(),
                        getSharedSpace(b.getContext())),
        buffer.getLoc());
    b.setInsertionPoint(buffer);
    moveAccesses(buffer, memory, indexConstant(b, 0));
  }
  SmallVector<Operation *> dead;
  body.walk([&](Operation *op) {
    if (isa<ViewLikeOpInterface, memref::AllocOp>(op))
      dead.push_back(op);
  });
  for (Operation *op : llvm::reverse(dead))
    if (op->use_empty())
      op->erase();
  int64_t bytes =
      getSharedBytes(ValueRange(launch.getWorkgroupAttributions()).getTypes());
  int64_t most = getChipOf(launch).sharedBytes;
  if (bytes > most)
    return launch.emitOpError("expected at most ")
           << most << " bytes of shared memory, but got " << bytes;
  b.setInsertionPoint(launch);
  updateSharedMemory(b, launch);
  return success();
}
