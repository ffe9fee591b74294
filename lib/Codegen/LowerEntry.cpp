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
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mpc/Codegen/Passes.h"

namespace mpc {
#define GEN_PASS_DEF_LOWERENTRY
#include "mpc/Codegen/Passes.h.inc"
} // namespace mpc

using namespace mlir;

namespace {

/// Of the runtime: void (mpc_rt_env *, const char *).
constexpr llvm::StringLiteral reportName = "mpc_rt_report";

class LowerEntry : public mpc::impl::LowerEntryBase<LowerEntry> {
  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (function.isPublic() && !function.isExternal() &&
          failed(lower(function)))
        return signalPassFailure();
  }

  LogicalResult lower(func::FuncOp function);
  void lower(cf::AssertOp assertion, Value env);
};

/// What does not hold is reported, and the call goes on: outputs are buffers
/// that exist, whatever is in them.
void LowerEntry::lower(cf::AssertOp assertion, Value env) {
  Location loc = assertion.getLoc();
  ModuleOp module = getOperation();
  Type ptr = LLVM::LLVMPointerType::get(&getContext());
  OpBuilder top = OpBuilder::atBlockBegin(module.getBody());
  auto report = module.lookupSymbol<LLVM::LLVMFuncOp>(reportName);
  if (!report)
    report = LLVM::LLVMFuncOp::create(
        top, loc, reportName,
        LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(&getContext()),
                                    {ptr, ptr}));
  SmallString<128> text(assertion.getMsg());
  text.push_back('\0');
  auto type = LLVM::LLVMArrayType::get(top.getI8Type(), text.size());
  SymbolTable symbols(module);
  OpBuilder detached(&getContext());
  auto sentence = LLVM::GlobalOp::create(
      detached, loc, type, /*isConstant=*/true, LLVM::Linkage::Private,
      "sentence", top.getStringAttr(text));
  symbols.insert(sentence, top.getInsertionPoint()); // a name of its own

  OpBuilder builder(assertion);
  Value one = arith::ConstantIntOp::create(builder, loc, 1, 1);
  Value fails = arith::XOrIOp::create(builder, loc, assertion.getArg(), one);
  auto guard = scf::IfOp::create(builder, loc, fails, /*withElseRegion=*/false);
  builder.setInsertionPointToStart(guard.thenBlock());
  Value address = LLVM::AddressOfOp::create(builder, loc, sentence);
  LLVM::CallOp::create(builder, loc, report, ValueRange{env, address});
  assertion.erase();
}

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
  // mpc-lower-dispatch needs it, too.
  function.walk([&](cf::AssertOp assertion) { lower(assertion, env); });

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
