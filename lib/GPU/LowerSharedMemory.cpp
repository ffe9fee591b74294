//===- LowerSharedMemory.cpp - shared memory as NVVM has it ---------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Launch.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/AttrTypeSubElements.h"
#include "mpc/GPU/Passes.h"

namespace mpc {
#define GEN_PASS_DEF_LOWERSHAREDMEMORY
#include "mpc/GPU/Passes.h.inc"
} // namespace mpc

using namespace mlir;
using namespace mpc;

/// What cp.async and ldmatrix ask for, in bytes, and what the largest swizzle
/// of wgmma does.
static constexpr int32_t kAlignment = 16, kPatternAlignment = 1024;

/// Of the array that kernels of more memory than every block has share.
static constexpr llvm::StringLiteral kDynamicName = "dynamic_shared_memory";

/// The attributions of `kernel` and then its mbarriers, end to end in the
/// external array; each launch says how large that is.
static void makeDynamic(gpu::GPUFuncOp kernel) {
  auto module = kernel->getParentOfType<gpu::GPUModuleOp>();
  ImplicitLocOpBuilder b(kernel.getLoc(), kernel.getContext());
  constexpr auto space = static_cast<unsigned>(NVVM::NVVMMemorySpace::Shared);
  if (!module.lookupSymbol(kDynamicName)) {
    b.setInsertionPointToStart(module.getBody());
    LLVM::GlobalOp::create(b, LLVM::LLVMArrayType::get(b.getI8Type(), 0),
                           /*isConstant=*/false, LLVM::Linkage::External,
                           kDynamicName, Attribute(), kPatternAlignment, space);
  }
  b.setInsertionPointToStart(&kernel.getBody().front());
  Type ptr = LLVM::LLVMPointerType::get(b.getContext(), space);
  Value array = LLVM::AddressOfOp::create(b, ptr, kDynamicName);
  Type i64 = b.getI64Type();
  int64_t offset = 0;
  auto take = [&](MemRefType type) {
    auto constant = [&](int64_t value) -> Value {
      return LLVM::ConstantOp::create(b, i64, b.getI64IntegerAttr(value));
    };
    Value address = LLVM::GEPOp::create(
        b, ptr, b.getI8Type(), array,
        ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(offset)});
    auto rank = static_cast<unsigned>(type.getRank());
    auto list = LLVM::LLVMArrayType::get(i64, rank);
    auto descriptorType = LLVM::LLVMStructType::getLiteral(
        b.getContext(), {ptr, ptr, i64, list, list});
    Value descriptor = LLVM::PoisonOp::create(b, descriptorType);
    auto insert = [&](Value value, ArrayRef<int64_t> at) {
      descriptor = LLVM::InsertValueOp::create(b, descriptor, value, at);
    };
    insert(address, {0});
    insert(address, {1});
    insert(constant(0), {2});
    auto [strides, start] = type.getStridesAndOffset();
    for (unsigned d = 0; d < rank; ++d) {
      insert(constant(type.getDimSize(d)), {3, d});
      insert(constant(strides[d]), {4, d});
    }
    offset += type.getNumElements() * type.getElementTypeBitWidth() / 8;
    return UnrealizedConversionCastOp::create(b, type, descriptor).getResult(0);
  };
  for (Value memory : kernel.getWorkgroupAttributions())
    memory.replaceAllUsesWith(take(cast<MemRefType>(memory.getType())));
  SmallVector<memref::GetGlobalOp> barriers;
  kernel.walk([&](memref::GetGlobalOp op) { barriers.push_back(op); });
  for (memref::GetGlobalOp barrier : barriers) {
    auto global = module.lookupSymbol<memref::GlobalOp>(barrier.getName());
    if (!global || global.getType().getMemorySpaceAsInt() != space)
      continue;
    barrier.replaceAllUsesWith(take(global.getType()));
    barrier.erase();
    global.erase();
  }
  unsigned first = kernel.getFunctionType().getNumInputs();
  kernel.getBody().front().eraseArguments(first,
                                          kernel.getNumWorkgroupAttributions());
  kernel->setAttr(gpu::GPUFuncOp::getNumWorkgroupAttributionsAttrName(),
                  b.getI64IntegerAttr(0));
  kernel.removeWorkgroupAttribAttrsAttr();
}

namespace {

struct LowerSharedMemoryPass
    : public mpc::impl::LowerSharedMemoryBase<LowerSharedMemoryPass> {
  void runOnOperation() override {
    Builder b(&getContext());
    StringAttr name = b.getStringAttr(LLVM::LLVMDialect::getAlignAttrName());
    for (auto kernel : getOperation().getOps<gpu::GPUFuncOp>()) {
      SmallVector<Type> types(
          ValueRange(kernel.getWorkgroupAttributions()).getTypes());
      if (getDynamicSharedBytes(types) != 0) {
        makeDynamic(kernel);
        continue;
      }
      bool hasPatterns = kernel
                             .walk([](NVVM::WgmmaMmaAsyncOp) {
                               return WalkResult::interrupt();
                             })
                             .wasInterrupted();
      for (unsigned i = 0; i < kernel.getNumWorkgroupAttributions(); ++i)
        if (!kernel.getWorkgroupAttributionAttr(i, name))
          kernel.setWorkgroupAttributionAttr(
              i, name,
              b.getI32IntegerAttr(hasPatterns ? kPatternAlignment
                                              : kAlignment));
    }
    // convert-vector-to-llvm knows address spaces by their numbers only.
    AttrTypeReplacer replacer;
    replacer.addReplacement(
        [&](gpu::AddressSpaceAttr space) -> std::optional<Attribute> {
          if (space.getValue() != gpu::AddressSpace::Workgroup)
            return std::nullopt;
          return b.getI64IntegerAttr(
              static_cast<int64_t>(NVVM::NVVMMemorySpace::Shared));
        });
    replacer.recursivelyReplaceElementsIn(getOperation(),
                                          /*replaceAttrs=*/true,
                                          /*replaceLocs=*/false,
                                          /*replaceTypes=*/true);
  }
};

} // namespace
