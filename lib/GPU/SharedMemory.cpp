//===- SharedMemory.cpp - what the emulator knows of shared memory --------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Epochs are counted by barriers, from block to block. The clock is a memref of
// rows of seven: (epoch, first epoch of the block), then for each thread
//
//   0..2  groups of its copies that were committed, waited for, waited for at
//         the last barrier
//   3, 4  its fences between both ways to shared memory (fence.proxy), and
//   those
//         at the last barrier
//   5, 6  groups of copies that were waited for before the last fence, and
//         before the last fence at the last barrier
//
// and as if it were one more thread, for wgmma: groups that were committed,
// waited for, waited for at the last barrier, and in 5 whether one is open.
// Each unit of a buffer has a row of eight:
//
//   0  epoch of the last write, 0 for none
//   1  the thread that wrote
//   2  0 for a store, else 1 + number of the copy's group
//   3  epoch of the last read
//   4  the thread that read, -1 for several
//   5  1 + number of the group of the last wgmma that reads
//   6  epoch of that
//   7  fences of the thread that wrote, when it wrote
//
// A copy may land at any time until its thread has waited for it; other threads
// know it after the barrier that follows. What is read before that, and what
// two threads touch within one epoch, one of them writing, is a fault. wgmma
// may read at any time until it was waited for; it sees what was written before
// the writer's fence.
//
//===----------------------------------------------------------------------===//

#include "Emulation.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "mlir/Parser/Parser.h"
#include "mpc/Codegen/BufferViews.h"
#include <numeric>

using namespace mlir;
using namespace mpc;

static_assert(static_cast<int>(Fault::Unwritten) == 1 &&
                  static_cast<int>(Fault::Pending) == 2 &&
                  static_cast<int>(Fault::Race) == 3 &&
                  static_cast<int>(Fault::Unfenced) == 5 &&
                  static_cast<int>(Fault::Unfinished) == 6 && kNumFaults == 7,
              "as the functions below have them");

static constexpr llvm::StringLiteral kFunctions = R"mlir(
func.func private @mpc_shared_begin(%clock: memref<?x7xi32>) attributes {no_inline} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0 : i32
  %one = arith.constant 1 : i32
  %rows = memref.dim %clock, %c0 : memref<?x7xi32>
  %epoch = memref.load %clock[%c0, %c0] : memref<?x7xi32>
  %next = arith.addi %epoch, %one : i32
  memref.store %next, %clock[%c0, %c0] : memref<?x7xi32>
  memref.store %next, %clock[%c0, %c1] : memref<?x7xi32>
  %c7 = arith.constant 7 : index
  scf.for %row = %c1 to %rows step %c1 {
    scf.for %column = %c0 to %c7 step %c1 {
      memref.store %zero, %clock[%row, %column] : memref<?x7xi32>
    }
  }
  return
}

func.func private @mpc_shared_barrier(%clock: memref<?x7xi32>) attributes {no_inline} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c3 = arith.constant 3 : index
  %c4 = arith.constant 4 : index
  %c5 = arith.constant 5 : index
  %c6 = arith.constant 6 : index
  %one = arith.constant 1 : i32
  %rows = memref.dim %clock, %c0 : memref<?x7xi32>
  %epoch = memref.load %clock[%c0, %c0] : memref<?x7xi32>
  %next = arith.addi %epoch, %one : i32
  memref.store %next, %clock[%c0, %c0] : memref<?x7xi32>
  scf.for %row = %c1 to %rows step %c1 {
    %come = memref.load %clock[%row, %c1] : memref<?x7xi32>
    memref.store %come, %clock[%row, %c2] : memref<?x7xi32>
    %fences = memref.load %clock[%row, %c3] : memref<?x7xi32>
    memref.store %fences, %clock[%row, %c4] : memref<?x7xi32>
    %fenced = memref.load %clock[%row, %c5] : memref<?x7xi32>
    memref.store %fenced, %clock[%row, %c6] : memref<?x7xi32>
  }
  return
}

func.func private @mpc_shared_commit(%clock: memref<?x7xi32>, %thread: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %one = arith.constant 1 : i32
  %row = arith.addi %thread, %c1 : index
  %groups = memref.load %clock[%row, %c0] : memref<?x7xi32>
  %next = arith.addi %groups, %one : i32
  memref.store %next, %clock[%row, %c0] : memref<?x7xi32>
  return
}

func.func private @mpc_shared_wait(%clock: memref<?x7xi32>, %thread: index, %left: i32) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %row = arith.addi %thread, %c1 : index
  %groups = memref.load %clock[%row, %c0] : memref<?x7xi32>
  %known = memref.load %clock[%row, %c1] : memref<?x7xi32>
  %come = arith.subi %groups, %left : i32
  %most = arith.maxsi %come, %known : i32
  memref.store %most, %clock[%row, %c1] : memref<?x7xi32>
  return
}

func.func private @mpc_shared_fence(%clock: memref<?x7xi32>, %thread: index) {
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %c5 = arith.constant 5 : index
  %one = arith.constant 1 : i32
  %row = arith.addi %thread, %c1 : index
  %fences = memref.load %clock[%row, %c3] : memref<?x7xi32>
  %next = arith.addi %fences, %one : i32
  memref.store %next, %clock[%row, %c3] : memref<?x7xi32>
  %come = memref.load %clock[%row, %c1] : memref<?x7xi32>
  memref.store %come, %clock[%row, %c5] : memref<?x7xi32>
  return
}

// A group of wgmma begins, unless it has; `open`: it does not end with this.
func.func private @mpc_shared_open(%clock: memref<?x7xi32>, %threads: index, %open: i32) {
  %c1 = arith.constant 1 : index
  %c5 = arith.constant 5 : index
  %row = arith.addi %threads, %c1 : index
  memref.store %open, %clock[%row, %c5] : memref<?x7xi32>
  return
}

// The sums of all wgmma are used.
func.func private @mpc_shared_finish(%clock: memref<?x7xi32>, %faults: memref<7xi32>, %threads: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c5 = arith.constant 5 : index
  %c6 = arith.constant 6 : index
  %zero = arith.constant 0 : i32
  %one = arith.constant 1 : i32
  %row = arith.addi %threads, %c1 : index
  %committed = memref.load %clock[%row, %c0] : memref<?x7xi32>
  %come = memref.load %clock[%row, %c1] : memref<?x7xi32>
  %open = memref.load %clock[%row, %c5] : memref<?x7xi32>
  %isBehind = arith.cmpi sgt, %committed, %come : i32
  %isOpen = arith.cmpi ne, %open, %zero : i32
  %isEarly = arith.ori %isBehind, %isOpen : i1
  scf.if %isEarly {
    memref.store %one, %faults[%c6] : memref<7xi32>
  }
  return
}

// Whether a write by `writer` of `group` is under way, as `thread` knows.
func.func private @mpc_shared_is_pending(%clock: memref<?x7xi32>, %writer: i32, %group: i32, %thread: i32) -> i1 {
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %isOwn = arith.cmpi eq, %writer, %thread : i32
  %column = arith.select %isOwn, %c1, %c2 : index
  %number = arith.index_cast %writer : i32 to index
  %row = arith.addi %number, %c1 : index
  %come = memref.load %clock[%row, %column] : memref<?x7xi32>
  %isPending = arith.cmpi sgt, %group, %come : i32
  return %isPending : i1
}

func.func private @mpc_shared_read(%units: memref<?x8xi32>, %clock: memref<?x7xi32>, %faults: memref<7xi32>,
    %first: index, %count: index, %number: index) attributes {no_inline} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c3 = arith.constant 3 : index
  %c4 = arith.constant 4 : index
  %several = arith.constant -1 : i32
  %zero = arith.constant 0 : i32
  %one = arith.constant 1 : i32
  %thread = arith.index_cast %number : index to i32
  %epoch = memref.load %clock[%c0, %c0] : memref<?x7xi32>
  %oldest = memref.load %clock[%c0, %c1] : memref<?x7xi32>
  %end = arith.addi %first, %count : index
  scf.for %unit = %first to %end step %c1 {
    %written = memref.load %units[%unit, %c0] : memref<?x8xi32>
    %isUnwritten = arith.cmpi slt, %written, %oldest : i32
    scf.if %isUnwritten {
      memref.store %one, %faults[%c1] : memref<7xi32>
    } else {
      %writer = memref.load %units[%unit, %c1] : memref<?x8xi32>
      %group = memref.load %units[%unit, %c2] : memref<?x8xi32>
      %isStore = arith.cmpi eq, %group, %zero : i32
      scf.if %isStore {
        %isOther = arith.cmpi ne, %writer, %thread : i32
        %isNow = arith.cmpi eq, %written, %epoch : i32
        %isRace = arith.andi %isOther, %isNow : i1
        scf.if %isRace {
          memref.store %one, %faults[%c3] : memref<7xi32>
        }
      } else {
        %isPending = func.call @mpc_shared_is_pending(%clock, %writer, %group, %thread)
            : (memref<?x7xi32>, i32, i32, i32) -> i1
        scf.if %isPending {
          memref.store %one, %faults[%c2] : memref<7xi32>
        }
      }
    }
    %read = memref.load %units[%unit, %c3] : memref<?x8xi32>
    %reader = memref.load %units[%unit, %c4] : memref<?x8xi32>
    %isSame = arith.cmpi eq, %read, %epoch : i32
    %isOtherReader = arith.cmpi ne, %reader, %thread : i32
    %isShared = arith.andi %isSame, %isOtherReader : i1
    %readers = arith.select %isShared, %several, %thread : i32
    memref.store %epoch, %units[%unit, %c3] : memref<?x8xi32>
    memref.store %readers, %units[%unit, %c4] : memref<?x8xi32>
  }
  return
}

func.func private @mpc_shared_write(%units: memref<?x8xi32>, %clock: memref<?x7xi32>, %faults: memref<7xi32>,
    %first: index, %count: index, %number: index, %isCopy: i1) attributes {no_inline} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c3 = arith.constant 3 : index
  %c4 = arith.constant 4 : index
  %c5 = arith.constant 5 : index
  %c6 = arith.constant 6 : index
  %c7 = arith.constant 7 : index
  %zero = arith.constant 0 : i32
  %one = arith.constant 1 : i32
  %thread = arith.index_cast %number : index to i32
  %epoch = memref.load %clock[%c0, %c0] : memref<?x7xi32>
  %oldest = memref.load %clock[%c0, %c1] : memref<?x7xi32>
  %row = arith.addi %number, %c1 : index
  %committed = memref.load %clock[%row, %c0] : memref<?x7xi32>
  %next = arith.addi %committed, %one : i32
  %mine = arith.select %isCopy, %next, %zero : i32
  %fences = memref.load %clock[%row, %c3] : memref<?x7xi32>
  %rows = memref.dim %clock, %c0 : memref<?x7xi32>
  %last = arith.subi %rows, %c1 : index
  %come = memref.load %clock[%last, %c2] : memref<?x7xi32>
  %end = arith.addi %first, %count : index
  scf.for %unit = %first to %end step %c1 {
    %written = memref.load %units[%unit, %c0] : memref<?x8xi32>
    %writer = memref.load %units[%unit, %c1] : memref<?x8xi32>
    %group = memref.load %units[%unit, %c2] : memref<?x8xi32>
    %read = memref.load %units[%unit, %c3] : memref<?x8xi32>
    %reader = memref.load %units[%unit, %c4] : memref<?x8xi32>
    %isReadNow = arith.cmpi eq, %read, %epoch : i32
    %isOtherReader = arith.cmpi ne, %reader, %thread : i32
    %afterRead = arith.andi %isReadNow, %isOtherReader : i1
    %isWrittenNow = arith.cmpi eq, %written, %epoch : i32
    %isOtherWriter = arith.cmpi ne, %writer, %thread : i32
    %afterWrite = arith.andi %isWrittenNow, %isOtherWriter : i1
    %isKnown = arith.cmpi sge, %written, %oldest : i32
    %afterCopy = scf.if %isKnown -> i1 {
      %isPending = func.call @mpc_shared_is_pending(%clock, %writer, %group, %thread)
          : (memref<?x7xi32>, i32, i32, i32) -> i1
      scf.yield %isPending : i1
    } else {
      %no = arith.constant false
      scf.yield %no : i1
    }
    %reading = memref.load %units[%unit, %c5] : memref<?x8xi32>
    %readingSince = memref.load %units[%unit, %c6] : memref<?x8xi32>
    %isOfBlock = arith.cmpi sge, %readingSince, %oldest : i32
    %isUnderWay = arith.cmpi sgt, %reading, %come : i32
    %afterWGMMA = arith.andi %isOfBlock, %isUnderWay : i1
    %either = arith.ori %afterRead, %afterWrite : i1
    %two = arith.ori %either, %afterCopy : i1
    %isRace = arith.ori %two, %afterWGMMA : i1
    scf.if %isRace {
      memref.store %one, %faults[%c3] : memref<7xi32>
    }
    memref.store %epoch, %units[%unit, %c0] : memref<?x8xi32>
    memref.store %thread, %units[%unit, %c1] : memref<?x8xi32>
    memref.store %mine, %units[%unit, %c2] : memref<?x8xi32>
    memref.store %fences, %units[%unit, %c7] : memref<?x8xi32>
  }
  return
}

// wgmma reads: other threads' writes too, by another way than they were made.
func.func private @mpc_shared_read_async(%units: memref<?x8xi32>, %clock: memref<?x7xi32>, %faults: memref<7xi32>,
    %first: index, %count: index) attributes {no_inline} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c3 = arith.constant 3 : index
  %c4 = arith.constant 4 : index
  %c5 = arith.constant 5 : index
  %c6 = arith.constant 6 : index
  %c7 = arith.constant 7 : index
  %several = arith.constant -1 : i32
  %zero = arith.constant 0 : i32
  %one = arith.constant 1 : i32
  %epoch = memref.load %clock[%c0, %c0] : memref<?x7xi32>
  %oldest = memref.load %clock[%c0, %c1] : memref<?x7xi32>
  %rows = memref.dim %clock, %c0 : memref<?x7xi32>
  %last = arith.subi %rows, %c1 : index
  %committed = memref.load %clock[%last, %c0] : memref<?x7xi32>
  %mine = arith.addi %committed, %one : i32
  %end = arith.addi %first, %count : index
  scf.for %unit = %first to %end step %c1 {
    %written = memref.load %units[%unit, %c0] : memref<?x8xi32>
    %isUnwritten = arith.cmpi slt, %written, %oldest : i32
    scf.if %isUnwritten {
      memref.store %one, %faults[%c1] : memref<7xi32>
    } else {
      %writer = memref.load %units[%unit, %c1] : memref<?x8xi32>
      %number = arith.index_cast %writer : i32 to index
      %row = arith.addi %number, %c1 : index
      %group = memref.load %units[%unit, %c2] : memref<?x8xi32>
      %isStore = arith.cmpi eq, %group, %zero : i32
      scf.if %isStore {
        %isNow = arith.cmpi eq, %written, %epoch : i32
        scf.if %isNow {
          memref.store %one, %faults[%c3] : memref<7xi32>
        }
        %before = memref.load %units[%unit, %c7] : memref<?x8xi32>
        %fences = memref.load %clock[%row, %c4] : memref<?x7xi32>
        %isUnfenced = arith.cmpi sle, %fences, %before : i32
        scf.if %isUnfenced {
          memref.store %one, %faults[%c5] : memref<7xi32>
        }
      } else {
        %come = memref.load %clock[%row, %c2] : memref<?x7xi32>
        %isPending = arith.cmpi sgt, %group, %come : i32
        scf.if %isPending {
          memref.store %one, %faults[%c2] : memref<7xi32>
        }
        %fenced = memref.load %clock[%row, %c6] : memref<?x7xi32>
        %isUnfenced = arith.cmpi sgt, %group, %fenced : i32
        scf.if %isUnfenced {
          memref.store %one, %faults[%c5] : memref<7xi32>
        }
      }
    }
    memref.store %epoch, %units[%unit, %c3] : memref<?x8xi32>
    memref.store %several, %units[%unit, %c4] : memref<?x8xi32>
    memref.store %mine, %units[%unit, %c5] : memref<?x8xi32>
    memref.store %epoch, %units[%unit, %c6] : memref<?x8xi32>
  }
  return
}
)mlir";

/// Elements of `memref` that each access to it touches together, for certain.
static int64_t getUnit(Value memref) {
  int64_t bytes =
      cast<MemRefType>(memref.getType()).getElementTypeBitWidth() / 8;
  int64_t unit = 0;
  auto touch = [&](int64_t width, uint64_t alignment) {
    auto aligned = static_cast<int64_t>(alignment) / std::max<int64_t>(bytes, 1);
    unit = std::gcd(unit, std::gcd(width, std::max<int64_t>(aligned, 1)));
  };
  auto widthOf = [](Type type) { return cast<VectorType>(type).getNumElements(); };
  SmallVector<Operation *> users(memref.getUsers());
  while (!users.empty()) {
    Operation *user = users.pop_back_val();
    if (auto load = dyn_cast<vector::LoadOp>(user))
      touch(widthOf(load.getType()), load.getAlignment().value_or(1));
    else if (auto store = dyn_cast<vector::StoreOp>(user))
      touch(widthOf(store.getValueToStore().getType()),
            store.getAlignment().value_or(1));
    else if (auto copy = dyn_cast<nvgpu::DeviceAsyncCopyOp>(user))
      touch(copy.getDstElements().getSExtValue(),
            copy.getDstElements().getSExtValue() * bytes);
    // The second by the descriptors of wgmma.
    else if (isa<nvgpu::LdMatrixOp, memref::ExtractAlignedPointerAsIndexOp,
                 nvgpu::TmaAsyncLoadOp>(user))
      touch(16 / bytes, 16);
    else if (isa<ViewLikeOpInterface>(user) && isPure(user))
      llvm::append_range(users, user->getUsers());
    else
      touch(1, 1);
  }
  return std::max<int64_t>(unit, 1);
}

SharedMemory::SharedMemory(gpu::GPUFuncOp kernel) {
  for (Value memref : kernel.getWorkgroupAttributions()) {
    buffers[memref] = {Value(), getUnit(memref)};
    order.push_back(memref);
  }
}

const SharedMemory::Buffer *SharedMemory::lookupWhole(Value memref) const {
  return lookup(getRoot(memref));
}

Value SharedMemory::getPosition(ImplicitLocOpBuilder &b, Value memref,
                                ValueRange indices) const {
  if (lookup(memref))
    return mpc::getPosition(b, memref, indices);
  auto metadata = memref::ExtractStridedMetadataOp::create(b, memref);
  Value position = metadata.getOffset();
  for (auto [index, stride] : llvm::zip_equal(indices, metadata.getStrides()))
    position = arith::AddIOp::create(
        b, position, arith::MulIOp::create(b, index, stride).getResult());
  return position;
}

void SharedMemory::create(ImplicitLocOpBuilder &b, int64_t threads,
                          SymbolTable &symbols, Value faults, Value thread) {
  this->faults = faults;
  this->thread = thread;
  numThreads = threads;
  insertFunctions("mpc_shared_begin", kFunctions, symbols);
  auto allocate = [&](int64_t rows, int64_t columns) -> Value {
    Type i32 = b.getI32Type();
    Value memref = memref::AllocaOp::create(
        b, MemRefType::get({rows, columns}, i32), b.getI64IntegerAttr(64));
    Value zero = arith::ConstantIntOp::create(b, 0, /*width=*/32);
    auto constant = [&](int64_t value) {
      return arith::ConstantIndexOp::create(b, value);
    };
    auto outer =
        scf::ForOp::create(b, constant(0), constant(rows), constant(1));
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(outer.getBody());
      auto inner =
          scf::ForOp::create(b, constant(0), constant(columns), constant(1));
      b.setInsertionPointToStart(inner.getBody());
      memref::StoreOp::create(
          b, zero, memref,
          ValueRange{outer.getInductionVar(), inner.getInductionVar()});
    }
    return memref::CastOp::create(
        b, MemRefType::get({ShapedType::kDynamic, columns}, i32), memref);
  };
  clock = allocate(1 + threads + 1, 7);
  for (Value memref : order) {
    Buffer &buffer = buffers[memref];
    int64_t elements = cast<MemRefType>(memref.getType()).getNumElements();
    buffer.state = allocate((elements + buffer.unit - 1) / buffer.unit, 8);
  }
}

SmallVector<Value> SharedMemory::getStates() const {
  SmallVector<Value> states;
  if (clock)
    states.push_back(clock);
  for (Value memref : order)
    states.push_back(buffers.lookup(memref).state);
  return states;
}

void SharedMemory::call(ImplicitLocOpBuilder &b, StringRef name,
                        ValueRange operands) const {
  func::CallOp::create(b, (getPrefix() + name).str(), TypeRange(), operands);
}

void SharedMemory::emitBegin(ImplicitLocOpBuilder &b) const {
  if (clock)
    call(b, "begin", {clock});
}

void SharedMemory::emitBarrier(ImplicitLocOpBuilder &b) const {
  if (clock)
    call(b, "barrier", {clock});
}

std::pair<Value, Value> SharedMemory::getUnits(ImplicitLocOpBuilder &b,
                                               const Buffer &buffer,
                                               Value first,
                                               int64_t width) const {
  Value unit = arith::ConstantIndexOp::create(b, buffer.unit);
  return {arith::DivUIOp::create(b, first, unit),
          arith::ConstantIndexOp::create(
              b, std::max<int64_t>(1, width / buffer.unit))};
}

void SharedMemory::emitRead(ImplicitLocOpBuilder &b, const Buffer &buffer,
                            Value first, int64_t width, Value thread) const {
  auto [unit, count] = getUnits(b, buffer, first, width);
  call(b, "read",
       {buffer.state, clock, faults, unit, count,
        thread ? thread : this->thread});
}

void SharedMemory::emitWrite(ImplicitLocOpBuilder &b, const Buffer &buffer,
                             Value first, int64_t width, bool isCopy) const {
  auto [unit, count] = getUnits(b, buffer, first, width);
  call(b, "write",
       {buffer.state, clock, faults, unit, count, thread,
        arith::ConstantIntOp::create(b, isCopy, /*width=*/1)});
}

void SharedMemory::emitCommit(ImplicitLocOpBuilder &b) const {
  if (clock)
    call(b, "commit", {clock, thread});
}

void SharedMemory::emitWait(ImplicitLocOpBuilder &b, int64_t left) const {
  if (clock)
    call(b, "wait",
         {clock, thread, arith::ConstantIntOp::create(b, left, /*width=*/32)});
}

void SharedMemory::emitFence(ImplicitLocOpBuilder &b) const {
  if (clock)
    call(b, "fence", {clock, thread});
}

void SharedMemory::emitOpen(ImplicitLocOpBuilder &b, bool isOpen) const {
  if (!clock)
    return;
  Value open = arith::ConstantIntOp::create(b, isOpen, /*width=*/32);
  call(b, "open", {clock, getTensorCores(b), open});
}

void SharedMemory::emitCommitWGMMA(ImplicitLocOpBuilder &b) const {
  if (!clock)
    return;
  call(b, "commit", {clock, getTensorCores(b)});
  emitOpen(b, /*isOpen=*/false);
}

void SharedMemory::emitWaitWGMMA(ImplicitLocOpBuilder &b, int64_t left) const {
  if (clock)
    call(b, "wait",
         {clock, getTensorCores(b),
          arith::ConstantIntOp::create(b, left, /*width=*/32)});
}

void SharedMemory::emitFinish(ImplicitLocOpBuilder &b) const {
  if (clock)
    call(b, "finish", {clock, faults, getTensorCores(b)});
}

Value SharedMemory::getTensorCores(ImplicitLocOpBuilder &b) const {
  if (tensorCore)
    return tensorCore;
  return arith::ConstantIndexOp::create(b, numThreads);
}
