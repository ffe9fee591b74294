//===- StoreBF16AsIntegers.cpp - bf16 values as 16-bit integers -----------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// mpc-store-bf16-as-integers: by now bf16 values are only moved. LLVM's x86 code
// generator still rounds them through f32 where it selects or joins them, with a
// function that Debian's libgcc lacks; integers of the same bits stay as they
// are.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/AttrTypeSubElements.h"
#include "mpc/Codegen/Passes.h"

namespace mpc {
#define GEN_PASS_DEF_STOREBF16ASINTEGERS
#include "mpc/Codegen/Passes.h.inc"
} // namespace mpc

using namespace mlir;

namespace {

struct StoreBF16AsIntegers
    : public mpc::impl::StoreBF16AsIntegersBase<StoreBF16AsIntegers> {
  void runOnOperation() override {
    Type i16 = IntegerType::get(&getContext(), 16);
    // What computes on bf16 would compute on the bits.
    WalkResult computes = getOperation().walk([](Operation *op) {
      bool onBF16 = llvm::any_of(op->getOperandTypes(), [](Type type) {
        return getElementTypeOrSelf(type).isBF16();
      });
      if (onBF16 && isa<LLVM::FAddOp, LLVM::FSubOp, LLVM::FMulOp, LLVM::FDivOp,
                        LLVM::FCmpOp, LLVM::FPExtOp, LLVM::FPToSIOp,
                        LLVM::FPToUIOp, LLVM::FNegOp>(op)) {
        op->emitOpError("computes in bf16; expected f32 (mpc-expand-math)");
        return WalkResult::interrupt();
      }
      return WalkResult::advance();
    });
    if (computes.wasInterrupted())
      return signalPassFailure();

    AttrTypeReplacer replacer;
    replacer.addReplacement([&](FloatType type) -> std::optional<Type> {
      return type.isBF16() ? std::optional<Type>(i16) : std::nullopt;
    });
    replacer.addReplacement([&](FloatAttr attr) -> std::optional<Attribute> {
      if (!attr.getType().isBF16())
        return std::nullopt;
      return IntegerAttr::get(i16, attr.getValue().bitcastToAPInt());
    });
    replacer.addReplacement(
        [&](DenseElementsAttr attr)
            -> std::optional<std::pair<Attribute, WalkResult>> {
          if (!attr.getElementType().isBF16())
            return std::nullopt;
          return std::make_pair(Attribute(attr.bitcast(i16)),
                                WalkResult::skip());
        });
    replacer.recursivelyReplaceElementsIn(getOperation(), /*replaceAttrs=*/true,
                                          /*replaceLocs=*/false,
                                          /*replaceTypes=*/true);
  }
};

} // namespace
