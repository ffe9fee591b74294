//===- ElideCopies.cpp - parts of buffers in place ------------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// mpc-elide-copies: with the channels last, concatenation puts the channels of
// one tensor beside those of another one, pixel by pixel, and a split takes
// them apart again. Where kernels step from pixel to pixel by the distance of
// the larger buffer, neither has to move anything. The channels of one sample
// that come first follow each other as they are.
//
// Decides first, about the buffers as they are, then rewrites: a part may be
// put in place in a buffer that itself has a place in a third one.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mpc/Codegen/OutputTile.h"
#include "mpc/Codegen/Passes.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"

namespace mpc {
#define GEN_PASS_DEF_ELIDECOPIES
#include "mpc/Codegen/Passes.h.inc"
} // namespace mpc

using namespace mlir;
using namespace mpc;

namespace {

/// A box of an argument, of `sizes` elements from `offsets` on.
struct Box {
  unsigned argument;
  SmallVector<int64_t> offsets;
};

/// One of the copies that a function consists of.
struct Part {
  Box from, to;
  SmallVector<int64_t> sizes;
};

/// What a function does with an argument.
struct Use {
  bool reads = false, writes = false;
  /// Whether it can have another distance between rows.
  bool takesPitch = true;
};

MemRefType getType(Value value) { return cast<MemRefType>(value.getType()); }

SmallVector<int64_t> addOffsets(ArrayRef<int64_t> a, ArrayRef<int64_t> b) {
  SmallVector<int64_t> sum(a);
  for (auto [x, y] : llvm::zip_equal(sum, b))
    x += y;
  return sum;
}

//===----------------------------------------------------------------------===//
// What functions do
//===----------------------------------------------------------------------===//

/// The box that `value` is of an argument; nothing for another view.
std::optional<Box> getBox(Value value) {
  SmallVector<int64_t> offsets(getType(value).getRank(), 0);
  while (auto view = value.getDefiningOp<memref::SubViewOp>()) {
    if (view.getSourceType().getRank() != view.getType().getRank() ||
        ShapedType::isDynamicShape(view.getStaticOffsets()) ||
        !llvm::all_of(view.getStaticStrides(),
                      [](int64_t stride) { return stride == 1; }))
      return std::nullopt;
    offsets = addOffsets(offsets, view.getStaticOffsets());
    value = view.getSource();
  }
  auto argument = dyn_cast<BlockArgument>(value);
  if (!argument)
    return std::nullopt;
  return Box{argument.getArgNumber(), offsets};
}

/// The copy that `op` is of a box to a box of the same sizes.
std::optional<Part> matchCopy(linalg::LinalgOp op) {
  Block *body = op.getBlock();
  if (op.getNumDpsInputs() != 1 || op.getNumDpsInits() != 1 ||
      op.getNumParallelLoops() != op.getNumLoops() ||
      body->getOperations().size() != 1 ||
      body->getTerminator()->getOperand(0) != body->getArgument(0))
    return std::nullopt;
  OpOperand *input = op.getDpsInputOperand(0), *init = op.getDpsInitOperand(0);
  auto type = dyn_cast<MemRefType>(init->get().getType());
  if (!type || !type.hasStaticShape() ||
      !isa<MemRefType>(input->get().getType()) ||
      !op.getMatchingIndexingMap(init).isIdentity())
    return std::nullopt;
  std::optional<Box> from = getBox(input->get()), to = getBox(init->get());
  AffineMap map = op.getMatchingIndexingMap(input);
  if (!from || !to || map.getNumResults() != map.getNumDims())
    return std::nullopt;
  for (auto [position, expr] : llvm::enumerate(map.getResults())) {
    AffineExpr offset = expr - getAffineDimExpr(position, op.getContext());
    auto constant = dyn_cast<AffineConstantExpr>(offset);
    if (!constant)
      return std::nullopt;
    from->offsets[position] += constant.getValue();
  }
  return Part{*from, *to, SmallVector<int64_t>(type.getShape())};
}

/// Whether the kernels' lowering finds the rows of `operand` by its strides.
bool takesPitch(OpOperand &operand) {
  Operation *op = operand.getOwner();
  if (isa<linalg::LinalgOp>(op))
    return true;
  if (auto contract = dyn_cast<kernel::ContractOp>(op))
    return operand.get() != contract.getWeights();
  if (auto depthwise = dyn_cast<kernel::DepthwiseOp>(op))
    return operand.get() != depthwise.getWeights();
  if (auto winograd = dyn_cast<kernel::WinogradOp>(op))
    return operand.get() != winograd.getWeights();
  return false;
}

/// What the users of `value`, an argument or a box of one, do with it.
void collectUse(Value value, Use &use) {
  for (OpOperand &operand : value.getUses()) {
    Operation *op = operand.getOwner();
    if (isa<memref::SubViewOp>(op)) {
      if (!getBox(op->getResult(0)))
        use.takesPitch = false;
      collectUse(op->getResult(0), use);
      continue;
    }
    auto effects = dyn_cast<MemoryEffectOpInterface>(op);
    if (!effects || op->getNumRegions() > 1 || op->getNumResults() != 0) {
      use = {true, true, false};
      return;
    }
    use.takesPitch &= takesPitch(operand);
    use.reads |=
        effects.getEffectOnValue<MemoryEffects::Read>(value).has_value();
    use.writes |=
        effects.getEffectOnValue<MemoryEffects::Write>(value).has_value();
  }
}

/// The functions of a module, looked into once.
class Callees {
public:
  explicit Callees(ModuleOp module) : symbols(module) {}

  func::FuncOp get(func::CallOp call) {
    auto callee = symbols.lookup<func::FuncOp>(call.getCallee());
    return callee && callee.isPrivate() && !callee.isExternal() &&
                   callee.getBody().hasOneBlock()
               ? callee
               : func::FuncOp();
  }

  /// The copies that the function consists of; none for another one.
  ArrayRef<Part> getParts(func::FuncOp callee);
  Use getUse(func::FuncOp callee, unsigned argument);
  /// `callee` for other types of its arguments.
  func::FuncOp specialise(func::FuncOp callee, TypeRange types);

private:
  SymbolTable symbols;
  DenseMap<Operation *, SmallVector<Part>> parts;
  DenseMap<Value, Use> uses;
  DenseMap<std::pair<Operation *, Type>, func::FuncOp> specialised;
};

ArrayRef<Part> Callees::getParts(func::FuncOp callee) {
  auto [it, isNew] = parts.try_emplace(callee);
  if (!isNew)
    return it->second;
  for (Operation &op : callee.front().without_terminator()) {
    if (isa<memref::SubViewOp>(op) || op.hasTrait<OpTrait::ConstantLike>())
      continue;
    auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
    std::optional<Part> part =
        linalgOp ? matchCopy(linalgOp) : std::optional<Part>();
    if (!part) {
      it->second.clear();
      break;
    }
    it->second.push_back(*part);
  }
  return it->second;
}

Use Callees::getUse(func::FuncOp callee, unsigned argument) {
  Value value = callee.getArgument(argument);
  auto [it, isNew] = uses.try_emplace(value);
  if (isNew)
    collectUse(value, it->second);
  return it->second;
}

/// Views of what has another layout now have another one, too.
void updateViews(Value value) {
  for (Operation *user : value.getUsers())
    if (auto view = dyn_cast<memref::SubViewOp>(user)) {
      view.getResult().setType(
          cast<MemRefType>(memref::SubViewOp::inferResultType(
              getType(value), view.getMixedOffsets(), view.getMixedSizes(),
              view.getMixedStrides())));
      updateViews(view);
    }
}

func::FuncOp Callees::specialise(func::FuncOp callee, TypeRange types) {
  auto type = FunctionType::get(callee.getContext(), types, {});
  func::FuncOp &copy = specialised[{callee, type}];
  if (copy)
    return copy;
  copy = callee.clone();
  symbols.insert(copy, std::next(callee->getIterator()));
  copy.setFunctionType(type);
  for (auto [argument, type] : llvm::zip_equal(copy.getArguments(), types)) {
    argument.setType(type);
    updateViews(argument);
  }
  return copy;
}

//===----------------------------------------------------------------------===//
// One function
//===----------------------------------------------------------------------===//

/// The part of `base` that a buffer is, from `offsets` on.
struct Place {
  Value base;
  SmallVector<int64_t> offsets;
};

class CopyElision {
public:
  CopyElision(func::FuncOp function, Callees &callees)
      : block(function.front()), callees(callees) {}
  void run();

private:
  void decide(func::CallOp call);
  bool canWriteInPlace(func::CallOp call, const Part &part);
  bool canReadInPlace(func::CallOp call, const Part &part);
  bool canMove(Value buffer);
  /// Calls that write to `buffer`; nothing if somebody else has it.
  std::optional<SmallVector<Operation *>> getWriters(Value buffer);
  Place resolve(Value buffer);
  void emitRest(func::CallOp call);
  void createViews();
  void specialiseCalls();

  Block &block;
  Callees &callees;
  llvm::MapVector<Value, Place> places;
  /// Per call, the copies that are left.
  llvm::MapVector<Operation *, SmallVector<Part>> rest;
};

} // namespace

std::optional<SmallVector<Operation *>> CopyElision::getWriters(Value buffer) {
  SmallVector<Operation *> writers;
  for (OpOperand &operand : buffer.getUses()) {
    Operation *user = operand.getOwner();
    if (isa<memref::ExpandShapeOp, memref::CollapseShapeOp>(user)) {
      // Nobody writes behind a reshape but who makes its result, elsewhere.
      auto others = getWriters(user->getResult(0));
      if (!others || !others->empty() || user->getBlock() != &block)
        return std::nullopt;
      continue;
    }
    auto call = dyn_cast<func::CallOp>(operand.getOwner());
    func::FuncOp callee = call ? callees.get(call) : func::FuncOp();
    if (!callee || call->getBlock() != &block || call->getNumResults() != 0)
      return std::nullopt;
    if (callees.getUse(callee, operand.getOperandNumber()).writes &&
        !llvm::is_contained(writers, call))
      writers.push_back(call);
  }
  return writers;
}

/// Whether the buffer is one of this function's, has no place yet, and all that
/// use it take it with another distance between rows.
bool CopyElision::canMove(Value buffer) {
  auto alloc = buffer.getDefiningOp<memref::AllocOp>();
  if (!alloc || alloc->getBlock() != &block || places.contains(buffer) ||
      !alloc.getType().hasStaticShape() || alloc.getType().getRank() < 2)
    return false;
  return llvm::all_of(buffer.getUses(), [&](OpOperand &operand) {
    auto call = dyn_cast<func::CallOp>(operand.getOwner());
    func::FuncOp callee = call ? callees.get(call) : func::FuncOp();
    return callee &&
           callees.getUse(callee, operand.getOperandNumber()).takesPitch;
  });
}

/// Whether a part differs from the whole in the last dimension at most, or is
/// one run of it.
static bool isPitched(ArrayRef<int64_t> part, ArrayRef<int64_t> whole) {
  if (part.drop_back() == whole.drop_back())
    return true;
  size_t ones = 0;
  while (part[ones] == 1 && whole[ones] == 1)
    ++ones;
  return part.drop_front(ones + 1) == whole.drop_front(ones + 1);
}

bool CopyElision::canWriteInPlace(func::CallOp call, const Part &part) {
  Value from = call.getOperand(part.from.argument),
        to = call.getOperand(part.to.argument);
  if (part.sizes != getType(from).getShape() || !canMove(from) ||
      !to.getDefiningOp<memref::AllocOp>() || from == to ||
      to.getDefiningOp()->getBlock() != &block ||
      !isPitched(part.sizes, getType(to).getShape()) ||
      llvm::count(call.getOperands(), from) != 1)
    return false;
  // One call fills it before, and this one fills the whole, which nobody knows
  // before and nobody changes behind.
  auto fillers = getWriters(from), writers = getWriters(to);
  return fillers && fillers->size() == 1 &&
         fillers->front()->isBeforeInBlock(call) && writers &&
         writers->size() == 1 && writers->front() == call &&
         llvm::all_of(to.getUsers(), [&](Operation *user) {
           return user == call || call->isBeforeInBlock(user);
         });
}

bool CopyElision::canReadInPlace(func::CallOp call, const Part &part) {
  Value from = call.getOperand(part.from.argument),
        to = call.getOperand(part.to.argument);
  if (part.sizes != getType(to).getShape() || !canMove(to) || from == to ||
      !isPitched(part.sizes, getType(from).getShape()))
    return false;
  // This call alone fills it, from what stays as it is.
  auto fillers = getWriters(to);
  if (!fillers || fillers->size() != 1 || fillers->front() != call ||
      !llvm::all_of(to.getUsers(), [&](Operation *user) {
        return user == call || call->isBeforeInBlock(user);
      }))
    return false;
  if (!from.getDefiningOp<memref::AllocOp>() ||
      from.getDefiningOp()->getBlock() != &block)
    return false;
  auto writers = getWriters(from);
  return writers && llvm::all_of(*writers, [&](Operation *writer) {
           return writer->isBeforeInBlock(call);
         });
}

void CopyElision::decide(func::CallOp call) {
  func::FuncOp callee = callees.get(call);
  if (!callee || callees.getParts(callee).empty())
    return;
  SmallVector<Part> left;
  for (const Part &part : callees.getParts(callee)) {
    Value from = call.getOperand(part.from.argument),
          to = call.getOperand(part.to.argument);
    if (canWriteInPlace(call, part))
      places[from] = {to, part.to.offsets};
    else if (canReadInPlace(call, part))
      places[to] = {from, part.from.offsets};
    else
      left.push_back(part);
  }
  if (left.size() != callees.getParts(callee).size())
    rest[call] = left;
}

/// The copies of `call` that are left, in its place.
void CopyElision::emitRest(func::CallOp call) {
  ImplicitLocOpBuilder b(call.getLoc(), call);
  for (const Part &part : rest.find(call)->second) {
    auto createBox = [&](const Box &box) -> Value {
      Value whole = call.getOperand(box.argument);
      if (getType(whole).getShape() == ArrayRef(part.sizes))
        return whole;
      SmallVector<int64_t> ones(part.sizes.size(), 1);
      return memref::SubViewOp::create(b, whole, box.offsets, part.sizes, ones);
    };
    linalg::CopyOp::create(b, createBox(part.from), createBox(part.to));
  }
  call.erase();
}

Place CopyElision::resolve(Value buffer) {
  auto it = places.find(buffer);
  if (it == places.end())
    return {buffer, SmallVector<int64_t>(getType(buffer).getRank(), 0)};
  Place base = resolve(it->second.base);
  return {base.base, addOffsets(base.offsets, it->second.offsets)};
}

void CopyElision::createViews() {
  // Everything stands in front of the first one who uses any of it.
  llvm::MapVector<Value, Operation *> first;
  auto visit = [&](Value base, Value buffer) {
    Operation *&earliest = first[base];
    for (Operation *user : buffer.getUsers())
      if (!earliest || user->isBeforeInBlock(earliest))
        earliest = user;
  };
  for (auto &[buffer, place] : places) {
    Place base = resolve(buffer);
    visit(base.base, buffer);
    visit(base.base, base.base);
  }
  SmallVector<std::pair<Value, Value>> views;
  for (auto &[base, earliest] : first)
    if (earliest->isBeforeInBlock(base.getDefiningOp()))
      base.getDefiningOp()->moveBefore(earliest);
  for (auto &[buffer, place] : places) {
    Place base = resolve(buffer);
    ImplicitLocOpBuilder b(buffer.getLoc(), base.base.getDefiningOp());
    b.setInsertionPointAfterValue(base.base);
    SmallVector<int64_t> ones(base.offsets.size(), 1);
    Value view = memref::SubViewOp::create(b, base.base, base.offsets,
                                           getType(buffer).getShape(), ones);
    // Kernels that differ in the first element only are one.
    SmallVector<int64_t> strides = getType(view).getStridesAndOffset().first;
    auto layout =
        StridedLayoutAttr::get(b.getContext(), ShapedType::kDynamic, strides);
    auto type = MemRefType::get(getType(view).getShape(),
                                getType(view).getElementType(), layout);
    views.emplace_back(buffer, memref::CastOp::create(b, type, view));
  }
  for (auto [buffer, view] : views) {
    Operation *alloc = buffer.getDefiningOp();
    buffer.replaceAllUsesWith(view);
    alloc->erase();
  }
}

void CopyElision::specialiseCalls() {
  for (auto call : llvm::make_early_inc_range(block.getOps<func::CallOp>())) {
    func::FuncOp callee = callees.get(call);
    if (callee &&
        !llvm::equal(callee.getArgumentTypes(), call.getOperandTypes()))
      call.setCallee(
          callees.specialise(callee, call.getOperandTypes()).getName());
  }
}

void CopyElision::run() {
  // The last first: what is put together may be part of something larger.
  SmallVector<func::CallOp> calls(block.getOps<func::CallOp>());
  for (func::CallOp call : llvm::reverse(calls))
    decide(call);
  if (places.empty())
    return;
  createViews();
  for (func::CallOp call : calls)
    if (rest.contains(call))
      emitRest(call);
  specialiseCalls();
}

namespace {
struct ElideCopiesPass : public mpc::impl::ElideCopiesBase<ElideCopiesPass> {
  void runOnOperation() override {
    Callees callees(getOperation());
    SmallVector<func::FuncOp> functions(getOperation().getOps<func::FuncOp>());
    for (func::FuncOp function : functions)
      if (function.isPublic() && !function.isExternal() &&
          function.getBody().hasOneBlock())
        CopyElision(function, callees).run();
  }
};
} // namespace
