//===- ForkChips.cpp - kernels that differ by chip ------------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "GPUTiling.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "mpc/Codegen/Variants.h"
#include "mpc/GPU/Passes.h"
#include "llvm/ADT/StringExtras.h"

namespace mpc {
#define GEN_PASS_DEF_FORKCHIPS
#define GEN_PASS_DEF_ATTACHCHIPS
#include "mpc/GPU/Passes.h.inc"
} // namespace mpc

using namespace mlir;
using namespace mpc;

/// The chip of that name; an error at `module` if there is none.
static const Chip *findChip(StringRef name, ModuleOp module) {
  const Chip *chip = mpc::findChip(name);
  if (!chip) {
    auto names = llvm::map_range(getChips(),
                                 [](const Chip &known) { return known.name; });
    module.emitError("unknown chip '")
        << name << "'; expected " << llvm::join(names, ", ");
  }
  return chip;
}

namespace {

/// Chips that run the same kernels.
using Class = SmallVector<StringRef>;

struct ForkChips : public mpc::impl::ForkChipsBase<ForkChips> {
  using Base::Base;

  void runOnOperation() override {
    Class plain, groups;
    Chip hopper = getChips().front();
    for (const std::string &name : chips) {
      const Chip *chip = findChip(name, getOperation());
      if (!chip)
        return signalPassFailure();
      (chip->hasWarpgroups ? groups : plain).push_back(chip->name);
      if (chip->hasWarpgroups)
        hopper = *chip;
    }
    if (chips.empty())
      return;
    Builder b(&getContext());
    SmallVector<ModuleOp> modules(getOperation().getOps<ModuleOp>());
    for (ModuleOp module : modules) {
      Class all = llvm::to_vector(llvm::concat<StringRef>(plain, groups));
      bool isOne = plain.empty() || groups.empty() ||
                   !module
                        .walk([&](linalg::LinalgOp op) {
                          return suitsWarpgroups(op, hopper)
                                     ? WalkResult::interrupt()
                                     : WalkResult::advance();
                        })
                        .wasInterrupted();
      module->setAttr(kChipsAttrName, b.getStrArrayAttr(isOne ? all : plain));
      if (isOne)
        continue;
      ModuleOp other = module.clone();
      other->setAttr(kChipsAttrName, b.getStrArrayAttr(groups));
      other->setAttr(kCapabilityAttrName,
                     b.getI64IntegerAttr(hopper.capability));
      other.setSymName(
          (module.getName().value_or("") + "_" + groups.front()).str());
      module->getBlock()->getOperations().insertAfter(module->getIterator(),
                                                      other);
    }
  }
};

struct AttachChips : public mpc::impl::AttachChipsBase<AttachChips> {
  using Base::Base;

  void runOnOperation() override {
    auto named = getOperation()->getAttrOfType<ArrayAttr>(kChipsAttrName);
    SmallVector<StringRef> names(chips.begin(), chips.end());
    if (named)
      names = llvm::to_vector(named.getAsValueRange<StringAttr>());
    SmallVector<Attribute> targets;
    for (StringRef name : names) {
      const Chip *chip = findChip(name, getOperation());
      if (!chip)
        return signalPassFailure();
      // wgmma of unsigned by signed bytes came with PTX 8.4.
      targets.push_back(NVVM::NVVMTargetAttr::get(
          &getContext(), /*optLevel=*/3, /*triple=*/"nvptx64-nvidia-cuda", name,
          chip->hasWarpgroups ? "+ptx84" : "+ptx80"));
    }
    for (auto kernels : getOperation().getOps<gpu::GPUModuleOp>())
      kernels.setTargetsAttr(ArrayAttr::get(&getContext(), targets));
  }
};

} // namespace
