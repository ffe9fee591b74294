//===- LowerSharedMemory.cpp - shared memory as NVVM has it ---------------===//
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
#define GEN_PASS_DEF_LOWERSHAREDMEMORY
#include "mpc/GPU/Passes.h.inc"
} // namespace mpc

using namespace mlir;

/// What cp.async and ldmatrix ask for, in bytes.
static constexpr int32_t kAlignment = 16;

namespace {

struct LowerSharedMemoryPass
    : public mpc::impl::LowerSharedMemoryBase<LowerSharedMemoryPass> {
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
