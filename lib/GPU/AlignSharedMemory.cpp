//===- AlignSharedMemory.cpp - where shared memory begins -----------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/IR/AttrTypeSubElements.h"
#include "mpc/GPU/Passes.h"

namespace mpc {
#define GEN_PASS_DEF_ALIGNSHAREDMEMORY
#include "mpc/GPU/Passes.h.inc"
} // namespace mpc

using namespace mlir;

/// What cp.async and ldmatrix ask for, in bytes.
static constexpr int32_t kAlignment = 16;

namespace {

struct AlignSharedMemoryPass
    : public mpc::impl::AlignSharedMemoryBase<AlignSharedMemoryPass> {
  void runOnOperation() override {
    Builder b(&getContext());
    StringAttr name =
        b.getStringAttr(LLVM::LLVMDialect::getAlignAttrName());
    for (auto kernel : getOperation().getOps<gpu::GPUFuncOp>())
      for (unsigned i = 0; i < kernel.getNumWorkgroupAttributions(); ++i)
        if (!kernel.getWorkgroupAttributionAttr(i, name))
          kernel.setWorkgroupAttributionAttr(
              i, name, b.getI32IntegerAttr(kAlignment));
    // convert-vector-to-llvm knows address spaces by their numbers only.
    AttrTypeReplacer replacer;
    replacer.addReplacement([&](gpu::AddressSpaceAttr space)
                                -> std::optional<Attribute> {
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
