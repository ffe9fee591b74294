//===- EmulateGroups.cpp - warpgroups that go their own ways --------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A kernel with mbarriers, or with barriers of some of its threads, becomes a
// function that runs one warpgroup of one block. The runtime
// (runtime/emulator.h) runs those of a block as fibers, and knows who waits for
// whom and who has done what before whom.
//
// Within a warpgroup the code is cut where threads meet, as in other kernels,
// but threads may also take different branches to places where they wait:
// then a mask says who is active, and one branch runs after the other.
//
//===----------------------------------------------------------------------===//

#include "KernelEmulator.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;
using namespace mpc;

bool mpc::isGroupOp(Operation *op) {
  return isa<nvgpu::MBarrierCreateOp, nvgpu::MBarrierGetOp,
             nvgpu::MBarrierInitOp, nvgpu::MBarrierArriveOp,
             nvgpu::MBarrierArriveExpectTxOp, nvgpu::MBarrierTryWaitParityOp,
             nvgpu::TmaAsyncLoadOp, nvgpu::TmaPrefetchOp,
             NVVM::SetMaxRegisterOp, NVVM::FenceMbarrierInitOp,
             NVVM::ElectSyncOp, NVVM::CpAsyncMBarrierArriveOp>(op);
}

void mpc::declareRuntime(SymbolTable &symbols, StringRef name,
                         size_t numOperands, bool hasResult) {
  if (symbols.lookup(name))
    return;
  Operation *module = symbols.getOp();
  OpBuilder detached(module->getContext());
  Type index = detached.getIndexType();
  auto function = func::FuncOp::create(
      detached, module->getLoc(), name,
      detached.getFunctionType(SmallVector<Type>(numOperands, index),
                               SmallVector<Type>(hasResult ? 1 : 0, index)));
  function.setPrivate();
  symbols.insert(function);
}

Value mpc::callRuntime(ImplicitLocOpBuilder &b, SymbolTable &symbols,
                       StringRef name, ValueRange operands, bool hasResult) {
  declareRuntime(symbols, name, operands.size(), hasResult);
  SmallVector<Type> results(hasResult ? 1 : 0, b.getIndexType());
  auto call = func::CallOp::create(b, name, results, operands);
  return hasResult ? call.getResult(0) : Value();
}

Value mpc::getAddress(ImplicitLocOpBuilder &b, Value memref) {
  return memref::ExtractAlignedPointerAsIndexOp::create(b, memref).getResult();
}

static Value createIndex(ImplicitLocOpBuilder &b, int64_t value) {
  return arith::ConstantIndexOp::create(b, value);
}

/// Whether warpgroups go their own ways; then how many threads one has, and the
/// numbers of mbarriers.
LogicalResult KernelEmulator::findGroups() {
  kernel.walk([&](Operation *op) {
    if (auto create = dyn_cast<nvgpu::MBarrierCreateOp>(op)) {
      isPerGroup = true;
      mbarriers[create.getBarriers()] = numMBarriers;
      numMBarriers += create.getBarriers().getType().getNumBarriers();
    } else if (auto barrier = dyn_cast<NVVM::BarrierOp>(op)) {
      isPerGroup |= static_cast<bool>(barrier.getNumberOfThreads());
    }
  });
  if (!isPerGroup)
    return success();
  threads = std::min(blockThreads, kWarpgroup);
  if (blockThreads % threads == 0 && blockThreads <= 8 * kWarpgroup)
    return success();
  return kernel.emitOpError("cannot be emulated: expected whole warpgroups of "
                            "128 threads, 8 at most, where they go their own "
                            "ways, but the block has ")
         << blockThreads << " threads";
}

/// Where the function begins to run a group of threads.
LogicalResult KernelEmulator::enterGroup(Value group) {
  if (kernel.getNumWorkgroupAttributions() > kMaxBuffers)
    return kernel.emitOpError("cannot be emulated: expected at most ")
           << kMaxBuffers << " pieces of shared memory";
  if (isPerGroup)
    firstThread = arith::MulIOp::create(b, group, constant(threads));
  // The kernel's name, for what the runtime says.
  std::string text = kernel.getName().str() + '\0';
  auto type =
      MemRefType::get({static_cast<int64_t>(text.size())}, b.getIntegerType(8));
  auto bytes = DenseElementsAttr::get(
      RankedTensorType::get(type.getShape(), type.getElementType()),
      ArrayRef<char>(text.data(), text.size()));
  OpBuilder detached(b.getContext());
  auto global = memref::GlobalOp::create(
      detached, b.getLoc(), (kernel.getName() + "_name").str(),
      b.getStringAttr("private"), type, bytes, /*constant=*/true,
      /*alignment=*/IntegerAttr());
  symbols.insert(global);
  Value name = memref::GetGlobalOp::create(b, type, global.getSymName());
  handle = callRuntime(b, symbols, "mpc_rt_emulated_enter",
                       {constant(blockThreads), constant(threads),
                        constant(numMBarriers), getAddress(b, name),
                        getAddress(b, faults)},
                       /*hasResult=*/true);
  Value core = arith::AddIOp::create(b, constant(blockThreads), group);
  shared.enter(b, symbols, handle, threadId, core, uniform);
  for (Value known : shared.getHandles())
    uniform.map(known, known); // what the checks refer to
  return isPerGroup ? lowerGroupOps() : success();
}

LogicalResult KernelEmulator::callMBarrier(Operation *op, StringRef name,
                                           Value group, Value index,
                                           ValueRange operands,
                                           Value predicate) {
  auto it = mbarriers.find(group);
  if (it == mbarriers.end())
    return op->emitOpError("cannot be emulated: expected mbarriers that "
                           "nvgpu.mbarrier.create of this kernel has made");
  if (llvm::any_of(op->getResults(),
                   [](Value result) { return !result.use_empty(); }))
    return op->emitOpError("cannot be emulated: its token is used");
  ImplicitLocOpBuilder b(op->getLoc(), op);
  if (predicate)
    b.setInsertionPointToStart(
        scf::IfOp::create(b, predicate, /*withElseRegion=*/false).thenBlock());
  auto type = cast<nvgpu::MBarrierGroupType>(group.getType());
  SmallVector<Value> all = {handle, threadId, createIndex(b, it->second),
                            createIndex(b, type.getNumBarriers()), index};
  llvm::append_range(all, operands);
  callRuntime(b, symbols, name, all);
  op->erase();
  return success();
}

/// The copies of a thread arrive: the mbarrier is known by its address.
LogicalResult
KernelEmulator::lowerCopyArrival(NVVM::CpAsyncMBarrierArriveOp arrive) {
  Operation *address = arrive.getAddr().getDefiningOp();
  while (isa_and_nonnull<LLVM::IntToPtrOp, LLVM::AddrSpaceCastOp,
                         arith::IndexCastOp, arith::ExtUIOp,
                         UnrealizedConversionCastOp>(address))
    address = address->getOperand(0).getDefiningOp();
  auto get = dyn_cast_or_null<nvgpu::MBarrierGetOp>(address);
  if (!get)
    return arrive.emitOpError("cannot be emulated: expected the address that "
                              "nvgpu.mbarrier.get returns");
  ImplicitLocOpBuilder b(arrive.getLoc(), arrive);
  return callMBarrier(arrive, "mpc_rt_emulated_arrive_copies",
                      get.getBarriers(), get.getMbarId(),
                      createIndex(b, arrive.getNoinc()));
}

LogicalResult KernelEmulator::lowerBoxLoad(nvgpu::TmaAsyncLoadOp load) {
  const SharedMemory::Buffer *buffer = shared.lookupWhole(load.getDst());
  if (!buffer || load.getMulticastMask())
    return load.emitOpError("cannot be emulated: expected shared memory of "
                            "this kernel, and of this block only");
  ImplicitLocOpBuilder b(load.getLoc(), load);
  auto type = cast<MemRefType>(load.getDst().getType());
  Value zero = createIndex(b, 0);
  Value position = shared.getPosition(b, load.getDst(),
                                      SmallVector<Value>(type.getRank(), zero));
  Value offset = arith::MulIOp::create(
      b, position, createIndex(b, type.getElementTypeBitWidth() / 8));
  SmallVector<Value> operands = {
      getAddress(b, load.getTensorMapDescriptorMutable().get()), buffer->handle,
      offset};
  llvm::append_range(operands, load.getCoordinates());
  operands.resize(3 + 5, zero);
  return callMBarrier(load, "mpc_rt_emulated_load_box", load.getBarriers(),
                      load.getMbarId(), operands, load.getPredicate());
}

/// Erases what is computed from `op`, for nothing. Returns whether that is all.
static bool eraseWithUsers(Operation *op) {
  while (!op->use_empty()) {
    Operation *user = *op->user_begin();
    if (!isPure(user) || !eraseWithUsers(user))
      return false;
  }
  op->erase();
  return true;
}

/// Operations on mbarriers and tensor maps become calls, in the kernel.
LogicalResult KernelEmulator::lowerGroupOps() {
  SmallVector<Operation *> ops;
  kernel.walk([&](Operation *op) {
    if (isGroupOp(op))
      ops.push_back(op);
  });
  SmallVector<Operation *> unused;
  for (Operation *op : ops) {
    ImplicitLocOpBuilder b(op->getLoc(), op);
    LogicalResult result = success();
    if (auto init = dyn_cast<nvgpu::MBarrierInitOp>(op)) {
      result =
          callMBarrier(op, "mpc_rt_emulated_init", init.getBarriers(),
                       init.getMbarId(), init.getCount(), init.getPredicate());
    } else if (auto arrive = dyn_cast<nvgpu::MBarrierArriveOp>(op)) {
      result = callMBarrier(op, "mpc_rt_emulated_arrive", arrive.getBarriers(),
                            arrive.getMbarId(), createIndex(b, 0));
    } else if (auto expect = dyn_cast<nvgpu::MBarrierArriveExpectTxOp>(op)) {
      result = callMBarrier(op, "mpc_rt_emulated_arrive", expect.getBarriers(),
                            expect.getMbarId(), expect.getTxcount(),
                            expect.getPredicate());
    } else if (auto wait = dyn_cast<nvgpu::MBarrierTryWaitParityOp>(op)) {
      Value parity = arith::IndexCastUIOp::create(b, b.getIndexType(),
                                                  wait.getPhaseParity());
      result = callMBarrier(op, kTryWaitName, wait.getBarriers(),
                            wait.getMbarId(), parity);
    } else if (auto load = dyn_cast<nvgpu::TmaAsyncLoadOp>(op)) {
      result = lowerBoxLoad(load);
    } else if (auto arrive = dyn_cast<NVVM::CpAsyncMBarrierArriveOp>(op)) {
      result = lowerCopyArrival(arrive);
    } else if (auto elect = dyn_cast<NVVM::ElectSyncOp>(op)) {
      Value lane = arith::RemUIOp::create(b, threadId, createIndex(b, kWarp));
      Value isFirst = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, lane,
                                            createIndex(b, 0));
      elect.replaceAllUsesWith(isFirst);
      elect.erase();
    } else if (isa<NVVM::FenceMbarrierInitOp>(op)) {
      shared.emitFence(b);
      op->erase();
    } else if (isa<nvgpu::TmaPrefetchOp, NVVM::SetMaxRegisterOp>(op)) {
      op->erase();
    } else {
      unused.push_back(op); // what others were computed from
    }
    if (failed(result))
      return failure();
  }
  for (Operation *op : llvm::reverse(unused))
    if (!eraseWithUsers(op))
      return op->emitOpError("cannot be emulated: it is used by other "
                             "operations than those on mbarriers");
  return success();
}

Value KernelEmulator::getMask() {
  return mask ? getAddress(b, mask) : constant(0);
}

/// A wait, of those that are active; elsewhere all threads have to be.
LogicalResult KernelEmulator::emitGroupMeeting(Operation *op) {
  if (isa<func::CallOp>(op)) {
    forEach(threads, [&](Value thread, IRMapping &local) {
      fetchOperands(op, thread, local);
      b.clone(*op, local);
    });
    return success();
  }
  if (mask)
    callRuntime(b, symbols, "mpc_rt_emulated_meet", {handle, getMask()});
  auto barrier = dyn_cast<NVVM::BarrierOp>(op);
  if (!barrier)
    return success();
  SmallVector<Value> operands = {handle};
  for (Value operand : {barrier.getBarrierId(), barrier.getNumberOfThreads()}) {
    Value same = operand ? uniform.lookupOrNull(operand) : constant(0);
    if (!same)
      return op->emitOpError("expected a number and a count of threads that "
                             "are the same for all threads");
    if (operand)
      same = arith::IndexCastUIOp::create(b, b.getIndexType(), same);
    operands.push_back(same);
  }
  callRuntime(b, symbols, "mpc_rt_emulated_barrier", operands);
  return success();
}

LogicalResult KernelEmulator::emitMaskedIf(scf::IfOp branch) {
  Value conditions = getArray(branch.getCondition());
  auto emit = [&](bool holds, Block &body) -> LogicalResult {
    Value chosen = createBuffer(MemRefType::get({threads}, b.getI1Type()));
    Value any = callRuntime(b, symbols, "mpc_rt_emulated_select",
                            {handle, getMask(), getAddress(b, conditions),
                             constant(holds), getAddress(b, chosen)},
                            /*hasResult=*/true);
    auto copy = scf::IfOp::create(
        b, arith::CmpIOp::create(b, arith::CmpIPredicate::ne, any, constant(0)),
        /*withElseRegion=*/false);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(copy.thenBlock());
    Value outer = mask;
    mask = chosen;
    LogicalResult result = emitBlock(body);
    mask = outer;
    return result;
  };
  if (failed(emit(true, *branch.thenBlock())))
    return failure();
  return branch.getElseRegion().empty() ? success()
                                        : emit(false, *branch.elseBlock());
}

Value KernelEmulator::agree(Value value) {
  Value values = getArray(value);
  return callRuntime(b, symbols, "mpc_rt_emulated_agree",
                     {handle, getMask(), getAddress(b, values)},
                     /*hasResult=*/true);
}

MemRefType mpc::getTensorMapType(MLIRContext *context) {
  return MemRefType::get({20}, IntegerType::get(context, 64));
}

/// The numbers in the order of MPC_RT_MAP_* (runtime/emulator.h).
LogicalResult mpc::lowerTensorMap(nvgpu::TmaCreateDescriptorOp descriptor) {
  nvgpu::TensorMapDescriptorType type = descriptor.getTensorMap().getType();
  auto cast = descriptor.getTensor().getDefiningOp<memref::CastOp>();
  auto source =
      cast ? dyn_cast<MemRefType>(cast.getSource().getType()) : MemRefType();
  if (!source || source.getRank() < 1 || source.getRank() > 5 ||
      source.getElementTypeBitWidth() % 8 != 0 ||
      static_cast<int64_t>(descriptor.getBoxDimensions().size()) !=
          source.getRank())
    return descriptor.emitOpError("cannot be emulated: expected the cast of a "
                                  "memref of 1 to 5 dimensions, and a box of "
                                  "as many");
  if (type.getInterleave() != nvgpu::TensorMapInterleaveKind::INTERLEAVE_NONE ||
      type.getOob() != nvgpu::TensorMapOOBKind::OOB_ZERO)
    return descriptor.emitOpError(
        "cannot be emulated: expected no interleaving, "
        "and zeros outside");
  ImplicitLocOpBuilder b(descriptor.getLoc(), descriptor);
  auto function = descriptor->getParentOfType<func::FuncOp>();
  Value map;
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(&function.front());
    map = memref::AllocaOp::create(b, getTensorMapType(b.getContext()));
  }
  int64_t swizzles[] = {0, 32, 64, 128};
  int64_t swizzle = swizzles[static_cast<int64_t>(type.getSwizzle())];
  auto metadata = memref::ExtractStridedMetadataOp::create(b, cast.getSource());
  SmallVector<Value> numbers = {
      getAddress(b, cast.getSource()), metadata.getOffset(),
      createIndex(b, source.getElementTypeBitWidth() / 8),
      createIndex(b, source.getRank()), createIndex(b, swizzle)};
  for (ValueRange part :
       {ValueRange(metadata.getSizes()), ValueRange(metadata.getStrides()),
        ValueRange(descriptor.getBoxDimensions())}) {
    llvm::append_range(numbers, part);
    numbers.append(5 - part.size(), createIndex(b, 0));
  }
  for (auto [position, number] : llvm::enumerate(numbers))
    memref::StoreOp::create(
        b, arith::IndexCastOp::create(b, b.getI64Type(), number), map,
        ValueRange{createIndex(b, static_cast<int64_t>(position))});
  descriptor.getTensorMap().replaceAllUsesWith(map);
  descriptor.erase();
  return success();
}
