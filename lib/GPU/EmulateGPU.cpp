//===- EmulateGPU.cpp - GPU kernels on the CPU ----------------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// mpc-emulate-gpu. A kernel in which threads never meet is a loop over threads.
// Otherwise it is a function that runs a block, or a warpgroup of one, and what
// stands between two places where threads meet is a loop over its threads.
//
//===----------------------------------------------------------------------===//

#include "KernelEmulator.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/AttrTypeSubElements.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/DataLayoutInterfaces.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "mlir/Transforms/RegionUtils.h"
#include "mpc/Codegen/Variants.h"
#include "mpc/GPU/Passes.h"
#include "llvm/ADT/MapVector.h"
#include <functional>

namespace mpc {
#define GEN_PASS_DEF_EMULATEGPU
#include "mpc/GPU/Passes.h.inc"
} // namespace mpc

using namespace mlir;
using namespace mpc;

namespace {

/// Whether threads meet here.
bool isMeeting(Operation *op) {
  if (auto call = dyn_cast<func::CallOp>(op))
    return call.getCallee() == kTryWaitName;
  return isa<gpu::BarrierOp, gpu::ShuffleOp, NVVM::Barrier0Op, NVVM::BarrierOp,
             NVVM::MmaOp, nvgpu::LdMatrixOp, NVVM::WgmmaMmaAsyncOp,
             NVVM::WgmmaFenceAlignedOp, NVVM::WgmmaGroupSyncAlignedOp,
             NVVM::WgmmaWaitGroupSyncOp>(op);
}

/// Whether `op` makes a view of memory, which costs nothing.
bool isView(Operation *op) {
  return isa_and_nonnull<ViewLikeOpInterface>(op) && isPure(op) &&
         op->getNumResults() == 1;
}

bool holdsMeeting(Operation *op) {
  return op
      ->walk([](Operation *inner) {
        return isMeeting(inner) ? WalkResult::interrupt()
                                : WalkResult::advance();
      })
      .wasInterrupted();
}

} // namespace

/// Shared and private memory is memory like any other here, and a tensor map a
/// buffer of numbers.
void KernelEmulator::replaceTypes() {
  AttrTypeReplacer replacer;
  replacer.addReplacement([](nvgpu::TensorMapDescriptorType type) {
    return getTensorMapType(type.getContext());
  });
  replacer.addReplacement([](MemRefType type) -> std::optional<Type> {
    if (!isa_and_nonnull<gpu::AddressSpaceAttr>(type.getMemorySpace()))
      return std::nullopt;
    return MemRefType::get(type.getShape(), type.getElementType(),
                           type.getLayout());
  });
  replacer.recursivelyReplaceElementsIn(kernel, /*replaceAttrs=*/true,
                                        /*replaceLocs=*/false,
                                        /*replaceTypes=*/true);
}

LogicalResult KernelEmulator::check() {
  if (!llvm::hasSingleElement(kernel.getBody()))
    return kernel.emitOpError("expected structured control flow: one block");
  if (failed(findGroups()))
    return failure();
  auto refused = kernel.walk([&](Operation *op) {
    if (isMeeting(op))
      isPerBlock = true;
    if (auto barrier = dyn_cast<NVVM::BarrierOp>(op);
        barrier && barrier.getReductionOp()) {
      op->emitOpError("cannot be emulated: a barrier that reduces a predicate");
      return WalkResult::interrupt();
    }
    if (isa<NVVM::MmaOp, nvgpu::LdMatrixOp, gpu::ShuffleOp>(op) &&
        threads % kWarp != 0) {
      op->emitOpError("expected whole warps of 32 threads, but the block has ")
          << threads;
      return WalkResult::interrupt();
    }
    if (isa<NVVM::WgmmaMmaAsyncOp>(op) && threads % kWarpgroup != 0) {
      op->emitOpError("expected whole warpgroups of 128 threads, but the block "
                      "has ")
          << threads;
      return WalkResult::interrupt();
    }
    bool isKnown =
        !isa_and_nonnull<gpu::GPUDialect, NVVM::NVVMDialect,
                         nvgpu::NVGPUDialect>(op->getDialect()) ||
        isMeeting(op) ||
        isa<gpu::GPUFuncOp, gpu::ReturnOp, gpu::BlockIdOp, gpu::ThreadIdOp,
            gpu::GridDimOp, gpu::BlockDimOp, nvgpu::DeviceAsyncCopyOp,
            nvgpu::DeviceAsyncCreateGroupOp, nvgpu::DeviceAsyncWaitOp,
            NVVM::CpAsyncCommitGroupOp, NVVM::CpAsyncWaitGroupOp,
            NVVM::FenceProxyOp>(op) ||
        (isPerGroup && isGroupOp(op));
    if (isKnown)
      return WalkResult::advance();
    op->emitOpError("cannot be emulated");
    return WalkResult::interrupt();
  });
  isPerBlock |= isPerGroup || kernel.getNumWorkgroupAttributions() != 0;
  return failure(refused.wasInterrupted());
}

Value KernelEmulator::createBuffer(MemRefType type) {
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(&function.front());
  constexpr int64_t alignment = 64;
  auto elementBytes = static_cast<int64_t>(
      DataLayout::closest(kernel).getTypeSize(type.getElementType()));
  stackBytes += llvm::alignTo(type.getNumElements() * elementBytes, alignment);
  return memref::AllocaOp::create(b, type, b.getI64IntegerAttr(alignment));
}

/// Emits a loop over threads, or over warps.
void KernelEmulator::forEach(
    int64_t count, llvm::function_ref<void(Value, IRMapping &)> body) {
  auto loop = scf::ForOp::create(b, constant(0), constant(count), constant(1));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  IRMapping local(uniform);
  Value thread = loop.getInductionVar();
  if (threadId && count == threads)
    local.map(threadId, isPerGroup
                            ? arith::AddIOp::create(b, firstThread, thread)
                            : thread);
  if (mask && count == threads) {
    Value isActive = memref::LoadOp::create(b, mask, thread);
    auto guard = scf::IfOp::create(b, isActive, /*withElseRegion=*/false);
    b.setInsertionPointToStart(guard.thenBlock());
  }
  body(thread, local);
}

Value KernelEmulator::getArray(Value value) {
  Value &array = arrays[value];
  if (array)
    return array;
  array = createBuffer(MemRefType::get({threads}, value.getType()));
  // What is the same for all, as each thread's own.
  if (Value same = uniform.lookupOrNull(value)) {
    Value filled = array;
    forEach(threads, [&](Value thread, IRMapping &) {
      memref::StoreOp::create(b, same, filled, thread);
    });
    // Loops change it: it is filled again where it is asked for again.
    arrays.erase(value);
    return filled;
  }
  return array;
}

void KernelEmulator::fetch(Value value, Value thread, IRMapping &local) {
  if (local.contains(value))
    return;
  if (Value array = arrays.lookup(value)) {
    local.map(value, memref::LoadOp::create(b, array, thread).getResult());
    return;
  }
  // Views are not kept: each piece makes them again.
  if (!isView(value.getDefiningOp()))
    return;
  fetchOperands(value.getDefiningOp(), thread, local);
  b.clone(*value.getDefiningOp(), local);
}

void KernelEmulator::fetchOperands(Operation *op, Value thread,
                                   IRMapping &local) {
  for (Value operand : op->getOperands())
    fetch(operand, thread, local);
  for (Region &region : op->getRegions()) {
    llvm::SetVector<Value> used;
    getUsedValuesDefinedAbove(region, used);
    for (Value value : used)
      fetch(value, thread, local);
  }
}

/// Grids and blocks have one dimension.
bool KernelEmulator::mapId(Operation *op, Value block, Value thread,
                           IRMapping &mapping) {
  auto map = [&](gpu::Dimension dimension, Value x, int64_t otherwise) {
    mapping.map(op->getResult(0),
                dimension == gpu::Dimension::x ? x : constant(otherwise));
    return true;
  };
  if (auto id = dyn_cast<gpu::BlockIdOp>(op))
    return map(id.getDimension(), block, 0);
  if (auto dim = dyn_cast<gpu::GridDimOp>(op))
    return map(dim.getDimension(), blocks, 1);
  if (auto dim = dyn_cast<gpu::BlockDimOp>(op))
    return map(dim.getDimension(), constant(blockThreads), 1);
  auto id = dyn_cast<gpu::ThreadIdOp>(op);
  if (id && id.getDimension() != gpu::Dimension::x)
    return map(id.getDimension(), Value(), 0);
  return id && thread && map(id.getDimension(), thread, 0);
}

bool KernelEmulator::isUniform(Operation *op) {
  return isPure(op) && op->getNumRegions() == 0 && !isMeeting(op) &&
         !isa<gpu::ThreadIdOp>(op) &&
         llvm::all_of(op->getOperands(),
                      [&](Value value) { return uniform.contains(value); });
}

LogicalResult KernelEmulator::emitPiece(ArrayRef<Operation *> ops,
                                        Block &parent) {
  if (ops.empty())
    return success();
  llvm::SmallPtrSet<Operation *, 16> own(ops.begin(), ops.end());
  SmallVector<Value> outliving;
  std::function<bool(Value)> isOutliving = [&](Value value) {
    return llvm::any_of(value.getUsers(), [&](Operation *user) {
      Operation *at = parent.findAncestorOpInBlock(*user);
      return !at || !own.contains(at) ||
             (isView(user) && isOutliving(user->getResult(0)));
    });
  };
  for (Operation *op : ops)
    for (Value result : op->getResults()) {
      if (isView(op) || !isOutliving(result))
        continue;
      if (!MemRefType::isValidElementType(result.getType()) ||
          isa<MemRefType>(result.getType()))
        return op->emitOpError("cannot be emulated: a value of type ")
               << result.getType() << " is used after threads have met";
      outliving.push_back(result);
      getArray(result);
    }
  forEach(threads, [&](Value thread, IRMapping &local) {
    for (Operation *op : ops) {
      if (mapId(op, block, thread, local))
        continue;
      fetchOperands(op, thread, local);
      b.clone(*op, local);
    }
    for (Value value : outliving)
      memref::StoreOp::create(b, local.lookup(value), arrays[value], thread);
  });
  return success();
}

LogicalResult KernelEmulator::emitBlock(Block &parent) {
  SmallVector<Operation *> piece;
  auto flush = [&] {
    LogicalResult result = emitPiece(piece, parent);
    piece.clear();
    return result;
  };
  for (Operation &op : parent.without_terminator()) {
    auto extract = dyn_cast<LLVM::ExtractValueOp>(op);
    if (threadId && &op == threadId.getDefiningOp())
      continue;
    if (extract && products.contains(extract.getContainer())) {
      arrays[extract.getResult()] =
          products[extract.getContainer()][extract.getPosition().front()];
    } else if (extract && registers.contains(extract.getContainer())) {
      int64_t position = extract.getPosition().front();
      if (position == 0 && failed(flush()))
        return failure();
      if (position == 0)
        shared.emitFinish(b);
      arrays[extract.getResult()] =
          getColumn(b, registers[extract.getContainer()], position);
    } else if (isa<LLVM::ZeroOp>(op) &&
               isa<LLVM::LLVMStructType>(op.getResult(0).getType())) {
      fillWithZeros(b, getRegisters(op.getResult(0)));
    } else if (auto pointer =
                   dyn_cast<memref::ExtractAlignedPointerAsIndexOp>(op);
               pointer && shared.lookup(pointer.getSource())) {
      uniform.map(pointer.getResult(), constant(0));
    } else if (mapId(&op, block, Value(), uniform)) {
    } else if (isUniform(&op)) {
      b.clone(op, uniform);
    } else if (!holdsMeeting(&op)) {
      piece.push_back(&op);
    } else if (failed(flush()) || failed(emitMeeting(&op))) {
      return failure();
    }
  }
  return flush();
}

LogicalResult KernelEmulator::emitMeeting(Operation *op) {
  if (isPerGroup && isMeeting(op) && failed(emitGroupMeeting(op)))
    return failure();
  if (auto mma = dyn_cast<NVVM::MmaOp>(op))
    return emitMMA(mma);
  if (auto load = dyn_cast<nvgpu::LdMatrixOp>(op))
    return emitLoadMatrix(load);
  if (auto shuffle = dyn_cast<gpu::ShuffleOp>(op))
    return emitShuffle(shuffle);
  if (auto wgmma = dyn_cast<NVVM::WgmmaMmaAsyncOp>(op))
    return emitWGMMA(wgmma);
  if (isa<NVVM::WgmmaFenceAlignedOp>(op))
    return success();
  if (isa<NVVM::WgmmaGroupSyncAlignedOp>(op))
    return shared.emitCommitWGMMA(b), success();
  if (auto wait = dyn_cast<NVVM::WgmmaWaitGroupSyncOp>(op))
    return shared.emitWaitWGMMA(b, static_cast<int64_t>(wait.getGroup())),
           success();
  if (isa<gpu::BarrierOp, NVVM::Barrier0Op>(op))
    return shared.emitBarrier(b), success();
  if (isMeeting(op)) // it is emitted already
    return success();
  if (auto loop = dyn_cast<scf::ForOp>(op))
    return emitFor(loop);
  if (auto branch = dyn_cast<scf::IfOp>(op))
    return emitIf(branch);
  return op->emitOpError("cannot be emulated around a barrier or an operation "
                         "of a warp: expected scf.for or scf.if");
}

LogicalResult KernelEmulator::assign(ValueRange arguments, ValueRange values) {
  SmallVector<Value> scalars, structures;
  for (auto [argument, value] : llvm::zip_equal(arguments, values)) {
    bool isStructure = isa<LLVM::LLVMStructType>(argument.getType());
    (isStructure ? structures : scalars).append({argument, value});
  }
  for (size_t i = 0; i < structures.size(); i += 2) {
    Value to = registers[structures[i]], from = registers[structures[i + 1]];
    if (to && from && to != from)
      memref::CopyOp::create(b, from, to);
  }
  if (scalars.empty())
    return success();
  forEach(threads, [&](Value thread, IRMapping &local) {
    SmallVector<Value> loaded;
    for (size_t i = 1; i < scalars.size(); i += 2) {
      Value value = scalars[i];
      fetch(value, thread, local);
      loaded.push_back(local.lookup(value));
    }
    for (auto [i, value] : llvm::enumerate(loaded))
      memref::StoreOp::create(b, value, arrays[scalars[2 * i]], thread);
  });
  return success();
}

LogicalResult KernelEmulator::emitFor(scf::ForOp loop) {
  SmallVector<Value> bounds;
  for (Value bound :
       {loop.getLowerBound(), loop.getUpperBound(), loop.getStep()}) {
    bounds.push_back(uniform.lookupOrNull(bound));
    if (!bounds.back() && isPerGroup)
      bounds.back() = agree(bound);
    if (!bounds.back())
      return loop.emitOpError("expected bounds that are the same for all "
                              "threads, since they meet inside; others would "
                              "wait forever");
  }
  for (auto [argument, result] :
       llvm::zip_equal(loop.getRegionIterArgs(), loop.getResults())) {
    if (isa<LLVM::LLVMStructType>(argument.getType())) {
      registers[result] = getRegisters(argument);
      continue;
    }
    if (!MemRefType::isValidElementType(argument.getType()) ||
        isa<MemRefType>(argument.getType()))
      return loop.emitOpError("cannot be emulated: it carries ")
             << argument.getType() << " from one meeting to the next";
    arrays[result] = getArray(argument);
  }
  if (failed(assign(loop.getRegionIterArgs(), loop.getInitArgs())))
    return failure();
  auto copy = scf::ForOp::create(b, bounds[0], bounds[1], bounds[2]);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(copy.getBody());
  uniform.map(loop.getInductionVar(), copy.getInductionVar());
  if (failed(emitBlock(*loop.getBody())))
    return failure();
  return assign(loop.getRegionIterArgs(),
                loop.getBody()->getTerminator()->getOperands());
}

LogicalResult KernelEmulator::emitIf(scf::IfOp branch) {
  Value condition = uniform.lookupOrNull(branch.getCondition());
  if (!condition && isPerGroup && branch.getNumResults() == 0)
    return emitMaskedIf(branch);
  if (!condition && !isPerGroup)
    return branch.emitOpError("expected a condition that is the same for all "
                              "threads, since they meet inside; others would "
                              "wait forever");
  if (branch.getNumResults() != 0) // of no condition, too
    return branch.emitOpError("cannot be emulated: it has results, and "
                              "threads meet inside");
  bool hasElse = !branch.getElseRegion().empty();
  auto copy = scf::IfOp::create(b, condition, hasElse);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(copy.thenBlock());
  if (failed(emitBlock(*branch.thenBlock())))
    return failure();
  if (!hasElse)
    return success();
  b.setInsertionPointToStart(copy.elseBlock());
  return emitBlock(*branch.elseBlock());
}

func::FuncOp KernelEmulator::emit(StringRef name) {
  if (failed(check()))
    return {};
  replaceTypes();
  // The kernel, with its checks, until it is emitted.
  Block &body = kernel.getBody().front();
  Type index = b.getIndexType();
  auto faultsType = MemRefType::get({kNumFaults}, b.getI32Type());
  SmallVector<Type> types(kernel.getArgumentTypes());
  types.append({faultsType, index, index, index});
  function = func::FuncOp::create(b, name, b.getFunctionType(types, {}));
  function.setPrivate();
  function.setNoInline(true);
  Block *entry = function.addEntryBlock();
  symbols.insert(function);
  b.setInsertionPointToStart(entry);
  size_t count = kernel.getNumArguments();
  uniform.map(kernel.getArguments().take_front(count),
              entry->getArguments().take_front(count));
  blocks = entry->getArgument(count + 1);
  Value lo = entry->getArgument(count + 2), hi = entry->getArgument(count + 3);

  // Memory that blocks and threads own.
  faults = entry->getArgument(count);
  for (Value own : kernel.getPrivateAttributions())
    uniform.map(own, createBuffer(cast<MemRefType>(own.getType())));
  if (isPerBlock && kernel.getNumPrivateAttributions() != 0)
    return kernel.emitOpError("cannot be emulated: private memory where "
                              "threads meet"),
           func::FuncOp();
  auto refused = kernel.walk([&](memref::AllocaOp alloca) {
    if (isPerBlock) {
      alloca.emitOpError(
          "cannot be emulated: private memory where threads meet");
      return WalkResult::interrupt();
    }
    uniform.map(alloca.getResult(), createBuffer(alloca.getType()));
    return WalkResult::advance();
  });
  if (refused.wasInterrupted())
    return {};
  b.setInsertionPointToEnd(entry);
  if (isPerBlock) {
    SmallVector<gpu::ThreadIdOp> ids;
    kernel.walk([&](gpu::ThreadIdOp id) {
      if (id.getDimension() == gpu::Dimension::x)
        ids.push_back(id);
    });
    OpBuilder inKernel = OpBuilder::atBlockBegin(&body);
    threadId =
        gpu::ThreadIdOp::create(inKernel, kernel.getLoc(), gpu::Dimension::x);
    for (gpu::ThreadIdOp id : ids) {
      id.replaceAllUsesWith(threadId);
      id.erase();
    }
    block = lo;
    if (failed(enterGroup(/*group=*/hi)))
      return {};
  }
  if (failed(instrumentKernel(kernel.getBody(), faults, shared)))
    return {};
  b.setInsertionPoint(func::ReturnOp::create(b));
  for (Value argument : entry->getArguments())
    uniform.map(argument, argument); // what the checks refer to
  if (!isPerBlock) {
    auto range = scf::ForOp::create(b, lo, hi, constant(1));
    b.setInsertionPointToStart(range.getBody());
    Value iv = range.getInductionVar();
    Value block = arith::DivUIOp::create(b, iv, constant(threads));
    Value thread = arith::RemUIOp::create(b, iv, constant(threads));
    for (Operation &op : body.without_terminator())
      if (!isa<memref::AllocaOp>(op) && !mapId(&op, block, thread, uniform))
        b.clone(op, uniform);
    return function;
  }
  if (failed(emitBlock(body)))
    return {};
  return function;
}

namespace {

class EmulateGPUPass : public mpc::impl::EmulateGPUBase<EmulateGPUPass> {
  void runOnOperation() override;
  void lower(gpu::LaunchFuncOp launch, func::FuncOp function,
             const KernelEmulator &emulator, int64_t threads);

  DenseMap<Operation *, Value> faultsOf; // of each function that launches
};

/// The block's size, or nothing, with an error.
std::optional<int64_t> getBlockSize(gpu::LaunchFuncOp launch) {
  auto isOne = [](Value value) { return matchPattern(value, m_One()); };
  APInt threads;
  gpu::KernelDim3 grid = launch.getGridSizeOperandValues(),
                  block = launch.getBlockSizeOperandValues();
  if (isOne(grid.y) && isOne(grid.z) && isOne(block.y) && isOne(block.z) &&
      matchPattern(block.x, m_ConstantInt(&threads)))
    return threads.getSExtValue();
  launch.emitOpError("cannot be emulated: expected one dimension, and a "
                     "constant block size");
  return std::nullopt;
}

void EmulateGPUPass::lower(gpu::LaunchFuncOp launch, func::FuncOp function,
                           const KernelEmulator &emulator, int64_t threads) {
  ImplicitLocOpBuilder b(launch.getLoc(), launch);
  auto caller = launch->getParentOfType<func::FuncOp>();
  Value zero = arith::ConstantIndexOp::create(b, 0);
  Value none = arith::ConstantIntOp::create(b, 0, /*width=*/32);
  Value &faults = faultsOf[caller];
  if (!faults) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(&caller.front());
    faults = memref::AllocaOp::create(
        b, MemRefType::get({kNumFaults}, b.getI32Type()));
  }
  SmallVector<Value> positions;
  for (int64_t i = 0; i < kNumFaults; ++i) {
    positions.push_back(arith::ConstantIndexOp::create(b, i));
    memref::StoreOp::create(b, none, faults, positions.back());
  }
  Value blocks = launch.getGridSizeX(), total = blocks;
  if (!emulator.isPerBlock)
    total = b.createOrFold<arith::MulIOp>(
        blocks, arith::ConstantIndexOp::create(b, threads));
  SmallVector<Value> operands(launch.getKernelOperands());
  operands.append({faults, blocks, zero, total});
  auto call = func::CallOp::create(b, function, operands);
  call->setAttr(kDispatchAttrName, b.getUnitAttr());
  if (emulator.isPerBlock) {
    call->setAttr(kDispatchAttrName, b.getStringAttr(kEmulateGroupsName));
    call->setAttr(kCostAttrName, b.getI64IntegerAttr(emulator.getStackBytes()));
  }
  const char *sentences[kNumFaults] = {
      "loads or stores outside of a buffer",
      "reads shared memory that nothing has written",
      ("reads shared memory before a copy to it has come: a wait or a barrier "
       "is missing"),
      "has a race on shared memory: a barrier is missing",
      "loads or stores at an address that is not aligned as it says",
      ("hands to wgmma or TMA what no fence.proxy.async has made known to "
       "them"),
      "uses sums of wgmma before it has waited for them"};
  for (auto [position, sentence] : llvm::zip_equal(positions, sentences)) {
    Value fault = memref::LoadOp::create(b, faults, position);
    cf::AssertOp::create(
        b, arith::CmpIOp::create(b, arith::CmpIPredicate::eq, fault, none),
        b.getStringAttr("the GPU kernel '" + launch.getKernelName().getValue() +
                        "' " + sentence));
  }
  launch.erase();
}

void EmulateGPUPass::runOnOperation() {
  ModuleOp module = getOperation();
  faultsOf.clear();
  SymbolTable symbols(module);
  llvm::MapVector<Operation *, SmallVector<gpu::LaunchFuncOp>> launches;
  auto walk = module.walk([&](gpu::LaunchFuncOp launch) {
    Operation *kernel =
        SymbolTable::lookupNearestSymbolFrom(launch, launch.getKernel());
    if (!isa_and_nonnull<gpu::GPUFuncOp>(kernel)) {
      launch.emitOpError("expected a kernel that is a gpu.func of this module");
      return WalkResult::interrupt();
    }
    launches[kernel].push_back(launch);
    return WalkResult::advance();
  });
  if (walk.wasInterrupted())
    return signalPassFailure();
  SmallVector<nvgpu::TmaCreateDescriptorOp> maps;
  module.walk([&](nvgpu::TmaCreateDescriptorOp map) { maps.push_back(map); });
  for (nvgpu::TmaCreateDescriptorOp map : maps)
    if (failed(lowerTensorMap(map)))
      return signalPassFailure();
  for (auto &[op, calls] : launches) {
    std::optional<int64_t> threads;
    for (gpu::LaunchFuncOp call : calls) {
      std::optional<int64_t> size = getBlockSize(call);
      if (!size)
        return signalPassFailure();
      if (threads && threads != size) {
        call.emitOpError("cannot be emulated: expected one block size for all "
                         "launches of a kernel");
        return signalPassFailure();
      }
      threads = size;
    }
    auto kernel = cast<gpu::GPUFuncOp>(op);
    KernelEmulator emulator(kernel, *threads, symbols);
    func::FuncOp function = emulator.emit(kernel.getName());
    if (!function)
      return signalPassFailure();
    for (gpu::LaunchFuncOp call : calls)
      lower(call, function, emulator, *threads);
  }
  for (auto kernels :
       llvm::make_early_inc_range(module.getOps<gpu::GPUModuleOp>()))
    kernels.erase();
  module->removeAttr(gpu::GPUDialect::getContainerModuleAttrName());
}

} // namespace
