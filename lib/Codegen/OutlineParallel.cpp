//===- OutlineParallel.cpp - parallel loops to range functions ------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// mpc-outline-parallel: the border between what one thread does and how the
// work is shared out. What is inside a range function never allocates.
//
//===----------------------------------------------------------------------===//

#include "LoopBody.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/OperationSupport.h"
#include "mlir/Transforms/RegionUtils.h"
#include "mpc/Codegen/BufferViews.h"
#include "mpc/Codegen/OutputTile.h"
#include "mpc/Codegen/Passes.h"
#include "mpc/Codegen/Variants.h"
#include "mpc/Dialect/Kernel/KernelDialect.h"

namespace mpc {
#define GEN_PASS_DEF_OUTLINEPARALLEL
#include "mpc/Codegen/Passes.h.inc"
} // namespace mpc

using namespace mlir;
using namespace mpc;

namespace {

/// What the buffers of one loop body may take of a thread's stack, in bytes.
/// Threads that the caller brings may have small stacks.
constexpr int64_t maxStackBytes = 256 * 1024;

/// Outlines the loops of one module.
class Outliner {
public:
  explicit Outliner(ModuleOp module) : symbols(module) {}
  LogicalResult outline(scf::ForallOp loop, StringRef name);
  void outlineSerial(scf::ForOp loop, StringRef name);

private:
  /// What a loop uses from outside: constants, which are copied, and the rest,
  /// which is passed.
  struct Captures {
    SmallVector<Operation *> constants;
    SmallVector<Value> values;
    void add(Value value);
  };
  LogicalResult moveBuffersToStack(func::FuncOp kernel);
  static func::FuncOp createKernel(Location loc, StringRef name,
                                   const Captures &outside, TypeRange more,
                                   TypeRange results, IRMapping &mapping);

  SymbolTable symbols;
};

void Outliner::Captures::add(Value value) {
  Operation *op = value.getDefiningOp();
  if (op && op->hasTrait<OpTrait::ConstantLike>()) {
    if (!llvm::is_contained(constants, op))
      constants.push_back(op);
  } else if (!llvm::is_contained(values, value)) {
    values.push_back(value);
  }
}

/// A function of what is captured and of values of the types `more`, that holds
/// the constants so far; `mapping` leads from outside into it.
func::FuncOp Outliner::createKernel(Location loc, StringRef name,
                                    const Captures &outside, TypeRange more,
                                    TypeRange results, IRMapping &mapping) {
  SmallVector<Type> types(ValueRange(outside.values).getTypes());
  llvm::append_range(types, more);
  auto kernel = func::FuncOp::create(
      loc, name, FunctionType::get(loc.getContext(), types, results));
  kernel.setPrivate();
  kernel.setNoInline(true);
  Block *entry = kernel.addEntryBlock();
  OpBuilder body = OpBuilder::atBlockBegin(entry);
  for (Operation *op : outside.constants)
    body.clone(*op, mapping);
  mapping.map(outside.values,
              entry->getArguments().take_front(outside.values.size()));
  return kernel;
}

/// ceil((upper - lower) / step), usually a constant.
Value createTripCount(OpBuilder &builder, Location loc, OpFoldResult lower,
                      OpFoldResult upper, OpFoldResult step) {
  AffineExpr l, u, s;
  bindSymbols(builder.getContext(), l, u, s);
  return getValueOrCreateConstantIndexOp(
      builder, loc,
      affine::makeComposedFoldedAffineApply(builder, loc, (u - l).ceilDiv(s),
                                            {lower, upper, step}));
}

/// Stores past the caches are waited for once, after the last iteration.
static void fenceOnce(scf::ForOp range) {
  SmallVector<LLVM::CallIntrinsicOp> fences;
  range.walk([&](LLVM::CallIntrinsicOp call) {
    if (call.getIntrin() == kStreamFence)
      fences.push_back(call);
  });
  if (fences.empty())
    return;
  fences.front()->moveAfter(range);
  for (LLVM::CallIntrinsicOp fence : ArrayRef(fences).drop_front())
    fence.erase();
}

LogicalResult Outliner::outline(scf::ForallOp loop, StringRef name) {
  if (!loop.getOutputs().empty())
    return loop.emitOpError("expected no results, but got ")
           << loop.getOutputs().size();
  Location loc = loop.getLoc();
  OpBuilder builder(loop);

  // The loop's bounds, and per dimension how often it runs.
  SmallVector<Value> counts;
  for (auto [lower, upper, step] :
       llvm::zip_equal(loop.getMixedLowerBound(), loop.getMixedUpperBound(),
                       loop.getMixedStep()))
    counts.push_back(createTripCount(builder, loc, lower, upper, step));

  Captures outside;
  llvm::SetVector<Value> used;
  getUsedValuesDefinedAbove(loop.getRegion(), used);
  for (Value value : used)
    outside.add(value);
  for (OpFoldResult bound : llvm::concat<OpFoldResult>(
           loop.getMixedLowerBound(), loop.getMixedStep()))
    if (auto value = dyn_cast<Value>(bound))
      outside.add(value);
  // The outermost size is not needed to take an index apart.
  for (Value count : ArrayRef(counts).drop_front())
    outside.add(count);
  ArrayRef<Value> captures = outside.values;

  // kernel(captures..., lo, hi)
  IRMapping mapping;
  Type index = builder.getIndexType();
  func::FuncOp kernel =
      createKernel(loc, name, outside, {index, index}, {}, mapping);
  Block *entry = &kernel.front();
  OpBuilder body = OpBuilder::atBlockEnd(entry);
  Value lo = entry->getArgument(captures.size());
  Value hi = entry->getArgument(captures.size() + 1);
  Value one = arith::ConstantIndexOp::create(body, loc, 1);
  auto range = scf::ForOp::create(body, loc, lo, hi, one);
  func::ReturnOp::create(body, loc);

  body.setInsertionPointToStart(range.getBody());
  SmallVector<Value> indices{range.getInductionVar()};
  if (counts.size() > 1) {
    SmallVector<OpFoldResult> basis;
    for (Value count : ArrayRef(counts).drop_front())
      basis.push_back(getAsOpFoldResult(mapping.lookupOrDefault(count)));
    auto split = affine::AffineDelinearizeIndexOp::create(
        body, loc, range.getInductionVar(), basis, /*hasOuterBound=*/false);
    indices.assign(split.getResults().begin(), split.getResults().end());
  }
  for (auto [variable, index, lower, step] :
       llvm::zip_equal(loop.getInductionVars(), indices,
                       loop.getMixedLowerBound(), loop.getMixedStep())) {
    auto inside = [&](OpFoldResult bound) -> OpFoldResult {
      if (auto value = dyn_cast<Value>(bound))
        return mapping.lookup(value);
      return bound;
    };
    AffineExpr i, l, s;
    bindSymbols(builder.getContext(), i, l, s);
    mapping.map(variable, getValueOrCreateConstantIndexOp(
                              body, loc,
                              affine::makeComposedFoldedAffineApply(
                                  body, loc, l + i * s,
                                  {index, inside(lower), inside(step)})));
  }
  for (Operation &op : loop.getBody()->without_terminator())
    body.clone(op, mapping);
  fenceOnce(range);
  if (failed(moveBuffersToStack(kernel))) {
    kernel.erase();
    return failure();
  }
  symbols.insert(kernel);

  // The dispatch.
  Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
  AffineExpr a, b;
  bindSymbols(builder.getContext(), a, b);
  OpFoldResult total = getAsOpFoldResult(counts.front());
  for (Value count : ArrayRef(counts).drop_front())
    total = affine::makeComposedFoldedAffineApply(
        builder, loc, a * b, {total, getAsOpFoldResult(count)});
  SmallVector<Value> operands(captures);
  operands.push_back(zero);
  operands.push_back(getValueOrCreateConstantIndexOp(builder, loc, total));
  auto call = func::CallOp::create(builder, loc, kernel, operands);
  call->setAttr(mpc::kDispatchAttrName, builder.getUnitAttr());
  if (auto cost = loop->getAttrOfType<IntegerAttr>(mpc::kCostAttrName))
    call->setAttr(mpc::kCostAttrName, cost);
  loop.erase();
  return success();
}

/// kernel(captures...) -> the loop's results, called in its place.
void Outliner::outlineSerial(scf::ForOp loop, StringRef name) {
  Location loc = loop.getLoc();
  Captures outside;
  llvm::SetVector<Value> used;
  getUsedValuesDefinedAbove(loop.getRegion(), used);
  used.insert(loop->operand_begin(), loop->operand_end());
  for (Value value : used)
    outside.add(value);

  OpBuilder builder(loop);
  IRMapping mapping;
  func::FuncOp kernel =
      createKernel(loc, name, outside, {}, loop.getResultTypes(), mapping);
  OpBuilder body = OpBuilder::atBlockEnd(&kernel.front());
  Operation *copy = body.clone(*loop, mapping);
  func::ReturnOp::create(body, loc, copy->getResults());
  symbols.insert(kernel);
  auto call = func::CallOp::create(builder, loc, kernel, outside.values);
  loop->replaceAllUsesWith(call.getResults());
  loop.erase();
}

/// Whether a loop is a piece of one group's work that can stand in a function
/// of its own: it calls nothing, and allocates nothing that the arena must
/// know.
bool isSelfContained(scf::ForOp loop) {
  return !loop->walk([](Operation *op) {
                bool isOutside =
                    isa<func::CallOp, memref::AllocOp, memref::AllocaOp,
                        memref::DeallocOp, mpc::kernel::BeginGroupOp>(op);
                return isOutside ? WalkResult::interrupt()
                                 : WalkResult::advance();
              })
              .wasInterrupted();
}

LogicalResult Outliner::moveBuffersToStack(func::FuncOp kernel) {
  int64_t bytes = 0;
  OpBuilder builder(kernel.getBody());
  for (Operation *op : mpc::takeBuffers(kernel)) {
    auto type = cast<MemRefType>(op->getResult(0).getType());
    if (!type.hasStaticShape() || !type.getElementType().isIntOrFloat())
      return op->emitOpError(
                 "expected a buffer of fixed size inside a parallel "
                 "loop, but got ")
             << type;
    bytes += mpc::getBytes(type);
    if (bytes > maxStackBytes)
      return op->emitOpError("expected at most ")
             << maxStackBytes
             << " bytes of buffers inside a parallel loop, but "
             << "got " << bytes;
    auto slot = memref::AllocaOp::create(
        builder, op->getLoc(), type,
        builder.getI64IntegerAttr(mpc::kBufferAlignment));
    op->replaceAllUsesWith(slot);
    op->erase();
  }
  return success();
}

class OutlineParallel : public mpc::impl::OutlineParallelBase<OutlineParallel> {
  void runOnOperation() override {
    Outliner outliner(getOperation());
    SmallVector<func::FuncOp> functions(getOperation().getOps<func::FuncOp>());
    for (func::FuncOp function : functions) {
      SmallVector<scf::ForallOp> loops;
      function.walk<WalkOrder::PreOrder>([&](scf::ForallOp loop) {
        loops.push_back(loop);
        return WalkResult::skip(); // inner ones run in sequence
      });
      for (auto [index, loop] : llvm::enumerate(loops)) {
        std::string name =
            (function.getName() + "_kernel" + Twine(index)).str();
        if (failed(outliner.outline(loop, name)))
          return signalPassFailure();
      }
      // What runs in sequence would otherwise meet in the entry point, whose
      // size LLVM's analyses do not stand.
      unsigned index = 0;
      function.walk<WalkOrder::PreOrder>([&](scf::ForOp loop) {
        if (!isSelfContained(loop))
          return WalkResult::advance();
        std::string name =
            (function.getName() + "_serial" + Twine(index++)).str();
        outliner.outlineSerial(loop, name);
        return WalkResult::skip();
      });
    }
  }
};

} // namespace
