//===- ShareKernels.cpp - kernels alike of several instruction sets -------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// mpc-share-kernels: instruction sets that differ in dot products have the same
// code for all that does without. It is compiled once.
//
//===----------------------------------------------------------------------===//

#include "cpu.h" // the runtime's
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/SymbolTable.h"
#include "mpc/Codegen/Passes.h"
#include "mpc/Codegen/Variants.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SetVector.h"

namespace mpc {
#define GEN_PASS_DEF_SHAREKERNELS
#include "mpc/Codegen/Passes.h.inc"
} // namespace mpc

using namespace mlir;
using LLVM::LLVMFuncOp;

namespace {

/// The code of one instruction set.
struct Code {
  ModuleOp module;
  mpc::Variant variant;
  SymbolTable symbols;
  llvm::SetVector<Operation *> kernels; // what @main runs
};

/// What `from` refers to by name in its module.
SmallVector<Operation *> getUses(Operation *from, const SymbolTable &symbols) {
  SmallVector<Operation *> uses;
  if (auto found = SymbolTable::getSymbolUses(from))
    for (const SymbolTable::SymbolUse &use : *found)
      if (Operation *used =
              symbols.lookup(use.getSymbolRef().getRootReference()))
        uses.push_back(used);
  return uses;
}

/// Whether code of `owner` is as good on CPUs of `user`. Vectors have to be as
/// wide, also those that LLVM makes of scalar loops.
bool maySuit(const mpc::Variant &owner, const mpc::Variant &user) {
  uint64_t more = user.features & ~owner.features;
  return (owner.features & ~user.features) == 0 &&
         !(more & MPC_RT_CPU_FEATURE(AVX512F));
}

/// Whether a feature that only one of them has computes in the function's
/// types, whatever names its instructions.
bool dependsOnFeatures(Operation *function, const mpc::Variant &owner,
                       const mpc::Variant &user) {
  if (!((owner.features ^ user.features) & MPC_RT_CPU_FEATURE(AVX512FP16)))
    return false;
  return function
      ->walk([](Operation *op) {
        return llvm::any_of(
                   op->getResultTypes(),
                   [](Type type) { return getElementTypeOrSelf(type).isF16(); })
                   ? WalkResult::interrupt()
                   : WalkResult::advance();
      })
      .wasInterrupted();
}

/// Whether a symbol of `user` and the one of that name of `owner` are the same,
/// and so is all that they refer to. `seen` are symbols of `user`.
bool isSame(Operation *op, const Code &user, const Code &owner,
            llvm::SmallPtrSetImpl<Operation *> &seen) {
  if (!seen.insert(op).second)
    return true;
  Operation *other = owner.symbols.lookup(SymbolTable::getSymbolName(op));
  return other &&
         OperationEquivalence::isEquivalentTo(
             op, other, OperationEquivalence::IgnoreLocations) &&
         !dependsOnFeatures(op, owner.variant, user.variant) &&
         llvm::all_of(getUses(op, user.symbols), [&](Operation *used) {
           return isSame(used, user, owner, seen);
         });
}

/// Erases what only shared kernels needed.
void eraseUnused(Code &code) {
  llvm::SetVector<Operation *> used;
  for (auto function : code.module.getOps<LLVMFuncOp>())
    if (function.getLinkage() != LLVM::Linkage::Internal)
      used.insert(function);
  for (size_t i = 0; i < used.size(); ++i)
    used.insert_range(getUses(used[i], code.symbols));
  for (auto function :
       llvm::make_early_inc_range(code.module.getOps<LLVMFuncOp>()))
    if (!used.contains(function))
      code.symbols.erase(function);
}

class ShareKernels : public mpc::impl::ShareKernelsBase<ShareKernels> {
  void runOnOperation() override;
};

void ShareKernels::runOnOperation() {
  std::vector<Code> all; // from the least demanding instruction set up
  for (auto module : getOperation().getOps<ModuleOp>()) {
    auto march = module->getAttrOfType<StringAttr>(mpc::kMarchAttrName);
    if (!march)
      continue;
    SmallVector<mpc::Variant> variants;
    std::string error;
    if (failed(mpc::resolveVariants({march.str()}, variants, error))) {
      module.emitError() << error;
      return signalPassFailure();
    }
    Code code{module, variants.front(), SymbolTable(module), {}};
    if (auto main = code.symbols.lookup<LLVMFuncOp>("main"))
      code.kernels.insert_range(getUses(main, code.symbols));
    all.push_back(std::move(code));
  }

  // Of kernels that others use: the CPU of the last one.
  llvm::MapVector<LLVMFuncOp, StringRef> tuning;
  for (auto [index, user] : llvm::enumerate(all)) {
    auto candidates = llvm::make_filter_range(
        ArrayRef(all).take_front(index), [&user = user](const Code &owner) {
          return maySuit(owner.variant, user.variant);
        });
    if (candidates.empty())
      continue;
    for (Operation *used : user.kernels) {
      auto kernel = dyn_cast<LLVMFuncOp>(used);
      if (!kernel || kernel.isExternal())
        continue;
      for (const Code &owner : candidates) {
        auto same = owner.symbols.lookup<LLVMFuncOp>(kernel.getName());
        llvm::SmallPtrSet<Operation *, 4> seen;
        if (!owner.kernels.contains(same) || !isSame(kernel, user, owner, seen))
          continue;
        kernel.eraseBody();
        kernel.setLinkage(LLVM::Linkage::External);
        kernel->setAttr(
            mpc::kSharedAttrName,
            owner.module->getAttr(SymbolTable::getSymbolAttrName()));
        tuning[same] = user.variant.cpu;
        break;
      }
    }
    eraseUnused(user);
  }
  for (auto [kernel, cpu] : tuning) {
    kernel.setLinkage(LLVM::Linkage::External);
    kernel.setTuneCpu(cpu);
  }
}

} // namespace
