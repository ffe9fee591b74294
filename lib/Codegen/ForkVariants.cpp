//===- ForkVariants.cpp - one module per instruction set ------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// mpc-fork-variants: from here on there is one nested module per instruction
// set.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/DLTI/DLTI.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/IRMapping.h"
#include "mpc/Codegen/Passes.h"
#include "mpc/Codegen/TargetDescription.h"
#include "mpc/Codegen/Variants.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"

namespace mpc {
#define GEN_PASS_DEF_FORKVARIANTS
#include "mpc/Codegen/Passes.h.inc"
} // namespace mpc

using namespace mlir;

namespace {

class ForkVariants : public mpc::impl::ForkVariantsBase<ForkVariants> {
public:
  using ForkVariantsBase::ForkVariantsBase;

private:
  void runOnOperation() override {
    ModuleOp module = getOperation();
    SmallVector<mpc::Variant> variants;
    std::string error;
    if (failed(mpc::resolveVariants(marches, variants, error))) {
      module.emitError() << error;
      return signalPassFailure();
    }

    OpBuilder builder(module.getContext());
    SmallVector<Operation *> contents;
    for (Operation &op : *module.getBody())
      contents.push_back(&op);
    for (const mpc::Variant &variant : variants) {
      std::string symbol = variant.name.str();
      for (char &c : symbol)
        if (!llvm::isAlnum(c))
          c = '_';
      builder.setInsertionPointToEnd(module.getBody());
      auto nested = ModuleOp::create(builder, module.getLoc(), symbol);
      nested->setAttr(mpc::kMarchAttrName, builder.getStringAttr(variant.name));
      FailureOr<mpc::TargetDescription> target = mpc::TargetDescription::get(
          variant.isNative ? "native" : variant.name, module.getLoc());
      if (failed(target))
        return signalPassFailure();
      target->attach(nested);
      builder.setInsertionPointToEnd(nested.getBody());
      for (Operation *op : contents)
        builder.clone(*op);
    }
    for (Operation *op : contents)
      op->erase();
  }
};

} // namespace
