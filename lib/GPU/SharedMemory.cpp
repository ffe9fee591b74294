//===- SharedMemory.cpp - what the emulator knows of shared memory --------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every access calls the runtime, which knows who may do what
// (runtime/emulated_memory.c). Threads and tensor cores have numbers there:
// first all threads of the block, then the tensor cores of its groups.
//
//===----------------------------------------------------------------------===//

#include "Emulation.h"
#include "mlir/Conversion/LLVMCommon/MemRefBuilder.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "mpc/Codegen/BufferViews.h"
#include <numeric>

using namespace mlir;
using namespace mpc;

static_assert(static_cast<int>(Fault::Unwritten) == 1 &&
                  static_cast<int>(Fault::Pending) == 2 &&
                  static_cast<int>(Fault::Race) == 3 &&
                  static_cast<int>(Fault::Unfenced) == 5 &&
                  static_cast<int>(Fault::Unfinished) == 6 && kNumFaults == 7,
              "as runtime/emulator.h has them");

/// Elements of `memref` that each access to it touches together, for certain.
static int64_t getUnit(Value memref) {
  int64_t bytes =
      cast<MemRefType>(memref.getType()).getElementTypeBitWidth() / 8;
  int64_t unit = 0;
  auto touch = [&](int64_t width, uint64_t alignment) {
    auto aligned =
        static_cast<int64_t>(alignment) / std::max<int64_t>(bytes, 1);
    unit = std::gcd(unit, std::gcd(width, std::max<int64_t>(aligned, 1)));
  };
  auto widthOf = [](Type type) {
    return cast<VectorType>(type).getNumElements();
  };
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

static Value createIndex(ImplicitLocOpBuilder &b, int64_t value) {
  return arith::ConstantIndexOp::create(b, value);
}

/// A memref of memory that the runtime has.
static Value createMemRef(ImplicitLocOpBuilder &b, Value address,
                          MemRefType type) {
  LLVMTypeConverter converter(b.getContext());
  Value bits = arith::IndexCastOp::create(b, b.getI64Type(), address);
  Value pointer = LLVM::IntToPtrOp::create(
      b, LLVM::LLVMPointerType::get(b.getContext()), bits);
  Value descriptor = MemRefDescriptor::fromStaticShape(b, b.getLoc(), converter,
                                                       type, pointer);
  return UnrealizedConversionCastOp::create(b, type, descriptor).getResult(0);
}

void SharedMemory::enter(ImplicitLocOpBuilder &b, SymbolTable &symbols,
                         Value block, Value thread, Value core,
                         IRMapping &memory) {
  this->symbols = &symbols;
  this->block = block;
  this->thread = thread;
  this->core = core;
  for (auto [number, memref] : llvm::enumerate(order)) {
    Buffer &buffer = buffers[memref];
    auto type = cast<MemRefType>(memref.getType());
    int64_t bytes = type.getElementTypeBitWidth() / 8;
    buffer.handle = callRuntime(
        b, symbols, "mpc_rt_emulated_buffer_at",
        {block, createIndex(b, static_cast<int64_t>(number)),
         createIndex(b, getBytes(type)), createIndex(b, buffer.unit * bytes)},
        /*hasResult=*/true);
    Value address = callRuntime(b, symbols, "mpc_rt_emulated_memory",
                                buffer.handle, /*hasResult=*/true);
    memory.map(memref, createMemRef(b, address, type));
  }
}

SmallVector<Value> SharedMemory::getHandles() const {
  SmallVector<Value> handles;
  if (block)
    handles.push_back(block);
  for (Value memref : order)
    if (Value handle = buffers.lookup(memref).handle)
      handles.push_back(handle);
  return handles;
}

void SharedMemory::call(ImplicitLocOpBuilder &b, StringRef name,
                        ValueRange operands) const {
  if (!block)
    return;
  SmallVector<Value> all = {block};
  llvm::append_range(all, operands);
  callRuntime(b, *symbols, ("mpc_rt_emulated_" + name).str(), all);
}

void SharedMemory::touch(ImplicitLocOpBuilder &b, StringRef name,
                         const Buffer &buffer, Value first, int64_t width,
                         ArrayRef<Value> operands) const {
  Value unit = arith::DivUIOp::create(b, first, createIndex(b, buffer.unit));
  SmallVector<Value> all = {
      buffer.handle, unit,
      createIndex(b, std::max<int64_t>(1, width / buffer.unit))};
  llvm::append_range(all, operands);
  call(b, name, all);
}

void SharedMemory::emitBarrier(ImplicitLocOpBuilder &b) const {
  call(b, "barrier", {createIndex(b, 0), createIndex(b, 0)});
}

void SharedMemory::emitRead(ImplicitLocOpBuilder &b, const Buffer &buffer,
                            Value first, int64_t width, Value thread) const {
  touch(b, "read", buffer, first, width, thread ? thread : this->thread);
}

void SharedMemory::emitWrite(ImplicitLocOpBuilder &b, const Buffer &buffer,
                             Value first, int64_t width, bool isCopy) const {
  touch(b, "write", buffer, first, width, {thread, createIndex(b, isCopy)});
}

void SharedMemory::emitCommit(ImplicitLocOpBuilder &b) const {
  call(b, "commit", thread);
}

void SharedMemory::emitWait(ImplicitLocOpBuilder &b, int64_t left) const {
  call(b, "wait", {thread, createIndex(b, left)});
}

void SharedMemory::emitFence(ImplicitLocOpBuilder &b) const {
  call(b, "fence", thread);
}

void SharedMemory::emitOpen(ImplicitLocOpBuilder &b) const {
  call(b, "open", core);
}

void SharedMemory::emitCommitWGMMA(ImplicitLocOpBuilder &b) const {
  call(b, "commit", core);
}

void SharedMemory::emitWaitWGMMA(ImplicitLocOpBuilder &b, int64_t left) const {
  call(b, "wait", {core, createIndex(b, left)});
}

void SharedMemory::emitFinish(ImplicitLocOpBuilder &b) const {
  call(b, "finish", core);
}
