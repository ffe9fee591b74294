//===- LowerDispatch.cpp - dispatches to calls of the runtime -------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// mpc-lower-dispatch: how captured values travel to the threads. A memref is up
// to three fields per dimension in the LLVM dialect, most of them constant or
// unused; only the rest is stored and loaded.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mpc/Codegen/Passes.h"
#include "mpc/Codegen/Variants.h"
#include "mpc/Dialect/Kernel/KernelDialect.h"
#include "llvm/ADT/MapVector.h"

namespace mpc {
#define GEN_PASS_DEF_LOWERDISPATCH
#include "mpc/Codegen/Passes.h.inc"
} // namespace mpc

using namespace mlir;

namespace {

constexpr llvm::StringLiteral parallelForName = "mpc_rt_parallel_for";
constexpr llvm::StringLiteral beginGroupName = "mpc_rt_begin_group";

/// Where the range function finds one captured value.
struct Slot {
  enum Kind { Dead, Constant, Field } kind;
  Operation *constant = nullptr; // Constant
  unsigned field = 0;            // Field: its position
};

/// How the calls of one kernel pass their captured values.
struct Layout {
  SmallVector<Slot> slots;        // one per captured value
  SmallVector<unsigned> operands; // per field: the operand that it comes from
  SmallVector<Type> types;        // per field
};

Value getOperand(LLVM::CallOp call, unsigned index) {
  return call.getArgOperands()[index];
}

Layout chooseLayout(LLVM::LLVMFuncOp kernel, ArrayRef<LLVM::CallOp> calls) {
  Layout layout;
  unsigned numCaptures = kernel.getNumArguments() - 2;
  for (unsigned i = 0; i != numCaptures; ++i) {
    if (kernel.getArgument(i).use_empty()) {
      layout.slots.push_back({Slot::Dead});
      continue;
    }
    auto constant =
        getOperand(calls.front(), i).getDefiningOp<LLVM::ConstantOp>();
    if (constant && llvm::all_of(calls, [&](LLVM::CallOp call) {
          auto other = getOperand(call, i).getDefiningOp<LLVM::ConstantOp>();
          return other && other.getType() == constant.getType() &&
                 other.getValue() == constant.getValue();
        })) {
      layout.slots.push_back({Slot::Constant, constant});
      continue;
    }
    // A memref's two pointers are usually one value.
    auto same = llvm::find_if(layout.operands, [&](unsigned j) {
      return llvm::all_of(calls, [&](LLVM::CallOp call) {
        return getOperand(call, i) == getOperand(call, j);
      });
    });
    unsigned field = same - layout.operands.begin();
    layout.slots.push_back({Slot::Field, nullptr, field});
    if (same != layout.operands.end())
      continue;
    layout.operands.push_back(i);
    layout.types.push_back(kernel.getArgument(i).getType());
  }
  return layout;
}

class LowerDispatch : public mpc::impl::LowerDispatchBase<LowerDispatch> {
  void runOnOperation() override;
  LLVM::LLVMFuncOp createRangeFunction(LLVM::LLVMFuncOp kernel,
                                       const Layout &layout);
  LLVM::LLVMFuncOp getRuntimeFunction(LLVM::CallOp call);
  LogicalResult lower(LLVM::CallOp call, LLVM::LLVMFuncOp range,
                      const Layout &layout);
  LogicalResult lowerGroups();
};

LLVM::LLVMFuncOp LowerDispatch::createRangeFunction(LLVM::LLVMFuncOp kernel,
                                                    const Layout &layout) {
  OpBuilder builder(&getContext());
  builder.setInsertionPointAfter(kernel);
  Location loc = kernel.getLoc();
  Type ptr = LLVM::LLVMPointerType::get(&getContext());
  Type i64 = builder.getI64Type();
  auto type = LLVM::LLVMFunctionType::get(
      LLVM::LLVMVoidType::get(&getContext()), {ptr, i64, i64});
  auto range = LLVM::LLVMFuncOp::create(builder, loc,
                                        (kernel.getName() + "_range").str(),
                                        type, LLVM::Linkage::Internal);
  Block *block = range.addEntryBlock(builder);
  builder.setInsertionPointToStart(block);
  auto structType =
      LLVM::LLVMStructType::getLiteral(&getContext(), layout.types);
  SmallVector<Value> fields;
  for (auto [index, fieldType] : llvm::enumerate(layout.types)) {
    Value address = LLVM::GEPOp::create(
        builder, loc, ptr, structType, block->getArgument(0),
        ArrayRef<LLVM::GEPArg>{0, static_cast<int32_t>(index)});
    fields.push_back(LLVM::LoadOp::create(builder, loc, fieldType, address));
  }
  SmallVector<Value> operands;
  for (auto [index, slot] : llvm::enumerate(layout.slots)) {
    switch (slot.kind) {
    case Slot::Dead:
      operands.push_back(LLVM::PoisonOp::create(
          builder, loc, kernel.getArgument(index).getType()));
      break;
    case Slot::Constant:
      operands.push_back(builder.clone(*slot.constant)->getResult(0));
      break;
    case Slot::Field:
      operands.push_back(fields[slot.field]);
      break;
    }
  }
  operands.push_back(block->getArgument(1));
  operands.push_back(block->getArgument(2));
  LLVM::CallOp::create(builder, loc, kernel, operands);
  LLVM::ReturnOp::create(builder, loc, ValueRange());
  return range;
}

/// The runtime's parallel loop, or the one of this signature that the call
/// names.
LLVM::LLVMFuncOp LowerDispatch::getRuntimeFunction(LLVM::CallOp call) {
  StringRef name = parallelForName;
  if (auto other = call->getAttrOfType<StringAttr>(mpc::kDispatchAttrName))
    name = other.getValue();
  if (auto known = getOperation().lookupSymbol<LLVM::LLVMFuncOp>(name))
    return known;
  OpBuilder builder = OpBuilder::atBlockBegin(getOperation().getBody());
  Type ptr = LLVM::LLVMPointerType::get(&getContext());
  Type i64 = builder.getI64Type();
  return LLVM::LLVMFuncOp::create(
      builder, getOperation().getLoc(), name,
      LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(&getContext()),
                                  {ptr, ptr, ptr, i64, i64}));
}

LogicalResult LowerDispatch::lower(LLVM::CallOp call, LLVM::LLVMFuncOp range,
                                   const Layout &layout) {
  auto function = call->getParentOfType<LLVM::LLVMFuncOp>();
  Type ptr = LLVM::LLVMPointerType::get(&getContext());
  if (!function.isPublic() || function.getNumArguments() == 0 ||
      function.getArgument(0).getType() != ptr)
    return call.emitOpError("expected a dispatch in a function whose first "
                            "argument is the runtime's environment");
  Location loc = call.getLoc();
  OpBuilder builder(&getContext());
  builder.setInsertionPointToStart(&function.front());
  auto structType =
      LLVM::LLVMStructType::getLiteral(&getContext(), layout.types);
  Value one =
      LLVM::ConstantOp::create(builder, loc, builder.getI64IntegerAttr(1));
  Value args = LLVM::AllocaOp::create(builder, loc, ptr, structType, one,
                                      mpc::kBufferAlignment);
  builder.setInsertionPoint(call);
  for (auto [index, operand] : llvm::enumerate(layout.operands)) {
    Value address = LLVM::GEPOp::create(
        builder, loc, ptr, structType, args,
        ArrayRef<LLVM::GEPArg>{0, static_cast<int32_t>(index)});
    LLVM::StoreOp::create(builder, loc, call.getArgOperands()[operand],
                          address);
  }
  Value callee = LLVM::AddressOfOp::create(builder, loc, range);
  int64_t cost = 0;
  if (auto attr = call->getAttrOfType<IntegerAttr>(mpc::kCostAttrName))
    cost = attr.getInt();
  Value costValue =
      LLVM::ConstantOp::create(builder, loc, builder.getI64IntegerAttr(cost));
  LLVM::CallOp::create(builder, loc, getRuntimeFunction(call),
                       ValueRange{function.getArgument(0), callee, args,
                                  call.getArgOperands().back(), costValue});
  call.erase();
  return success();
}

/// The environment starts with a pointer that is null unless somebody wants a
/// profile: what is off costs a load and a branch that is always predicted.
LogicalResult LowerDispatch::lowerGroups() {
  SmallVector<mpc::kernel::BeginGroupOp> marks;
  getOperation().walk(
      [&](mpc::kernel::BeginGroupOp mark) { marks.push_back(mark); });
  if (marks.empty())
    return success();
  MLIRContext *context = &getContext();
  Type ptr = LLVM::LLVMPointerType::get(context);
  Type i32 = IntegerType::get(context, 32);
  OpBuilder builder = OpBuilder::atBlockBegin(getOperation().getBody());
  auto callee = LLVM::LLVMFuncOp::create(
      builder, getOperation().getLoc(), beginGroupName,
      LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(context),
                                  {ptr, i32}));
  for (mpc::kernel::BeginGroupOp mark : marks) {
    auto function = mark->getParentOfType<LLVM::LLVMFuncOp>();
    if (!function || !function.isPublic() || function.getNumArguments() == 0 ||
        function.getArgument(0).getType() != ptr)
      return mark.emitOpError("expected to be in a function whose first "
                              "argument is the runtime's environment");
    Location loc = mark.getLoc();
    Value env = function.getArgument(0);
    Block *before = mark->getBlock();
    Block *after = before->splitBlock(mark);
    Block *call = builder.createBlock(after);
    builder.setInsertionPointToEnd(before);
    Value profile = LLVM::LoadOp::create(builder, loc, ptr, env);
    Value null = LLVM::ZeroOp::create(builder, loc, ptr);
    Value wanted = LLVM::ICmpOp::create(builder, loc, LLVM::ICmpPredicate::ne,
                                        profile, null);
    LLVM::CondBrOp::create(builder, loc, wanted, ValueRange(), ValueRange(),
                           builder.getDenseI32ArrayAttr({1, 1 << 20}),
                           LLVM::LoopAnnotationAttr(), call, after);
    builder.setInsertionPointToEnd(call);
    int64_t index = mark.getIndex().value_or(-1);
    Value number = LLVM::ConstantOp::create(builder, loc,
                                            builder.getIntegerAttr(i32, index));
    LLVM::CallOp::create(builder, loc, callee, ValueRange{env, number});
    LLVM::BrOp::create(builder, loc, ValueRange(), after);
    mark.erase();
  }
  return success();
}

void LowerDispatch::runOnOperation() {
  ModuleOp module = getOperation();
  if (failed(lowerGroups()))
    return signalPassFailure();
  llvm::MapVector<LLVM::LLVMFuncOp, SmallVector<LLVM::CallOp>> dispatches;
  WalkResult walk = module.walk([&](LLVM::CallOp call) {
    if (!call->hasAttr(mpc::kDispatchAttrName))
      return WalkResult::advance();
    auto kernel = call.getCallee()
                      ? module.lookupSymbol<LLVM::LLVMFuncOp>(*call.getCallee())
                      : LLVM::LLVMFuncOp();
    if (!kernel || kernel.isExternal() || kernel.getNumArguments() < 2 ||
        call.getNumResults() != 0) {
      call.emitOpError("expected a dispatch to call a function of captured "
                       "values and a range");
      return WalkResult::interrupt();
    }
    dispatches[kernel].push_back(call);
    return WalkResult::advance();
  });
  if (walk.wasInterrupted())
    return signalPassFailure();

  for (auto function : module.getOps<LLVM::LLVMFuncOp>())
    if (!function.isPublic() && !function.isExternal())
      function.setLinkage(LLVM::Linkage::Internal);
  for (auto &[kernel, calls] : dispatches) {
    Layout layout = chooseLayout(kernel, calls);
    LLVM::LLVMFuncOp range = createRangeFunction(kernel, layout);
    for (LLVM::CallOp call : calls)
      if (failed(lower(call, range, layout)))
        return signalPassFailure();
  }
}

} // namespace
