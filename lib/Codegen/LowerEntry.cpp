//===- LowerEntry.cpp - the signature that the runtime calls --------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// mpc-lower-entry: unpacks the descriptors that the runtime passes.
//
//===----------------------------------------------------------------------===//

#include "mlir/Conversion/LLVMCommon/MemRefBuilder.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mpc/Codegen/Passes.h"

namespace mpc {
#define GEN_PASS_DEF_LOWERENTRY
#include "mpc/Codegen/Passes.h.inc"
} // namespace mpc

using namespace mlir;

namespace {

class LowerEntry : public mpc::impl::LowerEntryBase<LowerEntry> {
  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (function.isPublic() && !function.isExternal() &&
          failed(lower(function)))
        return signalPassFailure();
  }

  LogicalResult lower(func::FuncOp function);
};

LogicalResult LowerEntry::lower(func::FuncOp function) {
  if (function.getNumResults() != 0)
    return function.emitOpError("expected no results, but got ")
           << function.getNumResults();
  for (auto [index, type] : llvm::enumerate(function.getArgumentTypes())) {
    auto memref = dyn_cast<MemRefType>(type);
    if (!memref || !memref.getLayout().isIdentity())
      return function.emitOpError("expected argument #")
             << index << " to be a buffer of identity layout, but got " << type;
  }

  LLVMTypeConverter converter(&getContext());
  Location loc = function.getLoc();
  Block &block = function.front();
  OpBuilder builder(&block, block.begin());
  Type ptr = LLVM::LLVMPointerType::get(&getContext());
  Type i64 = builder.getI64Type();
  unsigned numArguments = block.getNumArguments();
  Value env = block.insertArgument(0u, ptr, loc);
  Value descs = block.insertArgument(1u, ptr, loc);
  (void)env; // for mpc-lower-dispatch

  for (unsigned i = 0; i != numArguments; ++i) {
    BlockArgument argument = block.getArgument(i + 2);
    auto type = cast<MemRefType>(argument.getType());
    Type structType = converter.convertType(type);
    if (!structType)
      return function.emitOpError("argument #")
             << i << " has no descriptor: " << type;
    Value slot = LLVM::GEPOp::create(builder, loc, ptr, ptr, descs,
                                     ArrayRef<LLVM::GEPArg>{int32_t(i)});
    Value source = LLVM::LoadOp::create(builder, loc, ptr, slot);
    auto load = [&](Type fieldType, ArrayRef<int32_t> path) -> Value {
      SmallVector<LLVM::GEPArg> indices{0};
      indices.append(path.begin(), path.end());
      Value address =
          LLVM::GEPOp::create(builder, loc, ptr, structType, source, indices);
      return LLVM::LoadOp::create(builder, loc, fieldType, address);
    };
    // Identity layout: the offset is 0, and strides follow from the sizes. What
    // is known now need not be loaded.
    auto desc = MemRefDescriptor::poison(builder, loc, structType);
    Value data = load(ptr, {1});
    desc.setAllocatedPtr(builder, loc, data);
    desc.setAlignedPtr(builder, loc, data);
    desc.setConstantOffset(builder, loc, 0);
    int64_t stride = 1;
    for (int32_t dim = type.getRank() - 1; dim >= 0; --dim) {
      int64_t size = type.getDimSize(dim);
      if (ShapedType::isDynamic(stride))
        desc.setStride(builder, loc, dim, load(i64, {4, dim}));
      else
        desc.setConstantStride(builder, loc, dim, stride);
      if (ShapedType::isDynamic(size)) {
        desc.setSize(builder, loc, dim, load(i64, {3, dim}));
        stride = ShapedType::kDynamic;
      } else {
        desc.setConstantSize(builder, loc, dim, size);
        if (!ShapedType::isDynamic(stride))
          stride *= size;
      }
    }
    Value memref =
        UnrealizedConversionCastOp::create(builder, loc, type, Value(desc))
            .getResult(0);
    argument.replaceAllUsesWith(memref);
  }
  block.eraseArguments(2, numArguments);
  function.removeArgAttrsAttr();
  function.setType(builder.getFunctionType({ptr, ptr}, {}));
  return success();
}

} // namespace
