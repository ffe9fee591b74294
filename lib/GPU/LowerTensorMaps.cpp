//===- LowerTensorMaps.cpp - TMA's parameters as NVVM has them ------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"
#include "mpc/GPU/Passes.h"

namespace mpc {
#define GEN_PASS_DEF_LOWERTENSORMAPS
#include "mpc/GPU/Passes.h.inc"
} // namespace mpc

using namespace mlir;

/// Of CUtensorMap.
static constexpr int64_t kMapBytes = 128, kMapAlignment = 64;

/// Parameters that are maps become pointers, as which the instructions of TMA
/// that convert-nvgpu-to-nvvm has made read them.
static void makePointers(gpu::GPUFuncOp kernel) {
  Builder b(kernel.getContext());
  Type ptr = LLVM::LLVMPointerType::get(b.getContext());
  SmallVector<Type> types(kernel.getArgumentTypes());
  for (unsigned i = 0; i < kernel.getNumArguments(); ++i) {
    BlockArgument argument = kernel.getArgument(i);
    if (!isa<nvgpu::TensorMapDescriptorType>(argument.getType()))
      continue;
    for (Operation *user : llvm::make_early_inc_range(argument.getUsers()))
      if (isa<UnrealizedConversionCastOp>(user)) {
        user->replaceAllUsesWith(ValueRange(argument));
        user->erase();
      }
    argument.setType(ptr);
    types[i] = ptr;
    kernel.setArgAttr(i, LLVM::LLVMDialect::getAlignAttrName(),
                      b.getI64IntegerAttr(kMapAlignment));
  }
  kernel.setFunctionType(b.getFunctionType(types, {}));
}

/// The assembler lets registers move only where it knows how many blocks share
/// a multiprocessor.
static void limitBlocks(gpu::GPUFuncOp kernel) {
  auto moves = kernel.walk(
      [](NVVM::SetMaxRegisterOp) { return WalkResult::interrupt(); });
  if (moves.wasInterrupted())
    kernel->setAttr(NVVM::NVVMDialect::getMinctasmAttrName(),
                    Builder(kernel.getContext()).getI32IntegerAttr(1));
}

/// Pointers to maps become maps, which the launch passes by value.
static void makeValues(LLVM::LLVMFuncOp kernel) {
  Builder b(kernel.getContext());
  kernel.walk([&](NVVM::CpAsyncBulkTensorGlobalToSharedClusterOp load) {
    auto map = dyn_cast<BlockArgument>(load.getTmaDescriptor());
    if (!map || map.getOwner() != &kernel.getBody().front())
      return;
    unsigned number = map.getArgNumber();
    kernel.setArgAttr(
        number, LLVM::LLVMDialect::getByValAttrName(),
        TypeAttr::get(LLVM::LLVMArrayType::get(b.getI8Type(), kMapBytes)));
    kernel.setArgAttr(number, NVVM::NVVMDialect::getGridConstantAttrName(),
                      b.getUnitAttr());
  });
}

namespace {

struct LowerTensorMapsPass
    : public mpc::impl::LowerTensorMapsBase<LowerTensorMapsPass> {
  void runOnOperation() override {
    for (auto kernel : getOperation().getOps<gpu::GPUFuncOp>()) {
      makePointers(kernel);
      limitBlocks(kernel);
    }
    for (auto kernel : getOperation().getOps<LLVM::LLVMFuncOp>())
      if (!kernel.isExternal())
        makeValues(kernel);
  }
};

} // namespace
