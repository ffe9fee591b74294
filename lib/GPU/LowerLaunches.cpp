//===- LowerLaunches.cpp - launches to calls of the runtime ---------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The structures of runtime/cuda.h stand here a second time.
//
//===----------------------------------------------------------------------===//

#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mpc/GPU/Passes.h"

namespace mpc {
#define GEN_PASS_DEF_LOWERLAUNCHES
#include "mpc/GPU/Passes.h.inc"
} // namespace mpc

using namespace mlir;

namespace {

class LowerLaunches : public mpc::impl::LowerLaunchesBase<LowerLaunches> {
  void runOnOperation() override;

  /// A constant of the module, made by `emit` if it is no text.
  LLVM::GlobalOp createGlobal(
      StringRef name, Type type, Attribute value,
      llvm::function_ref<Value(ImplicitLocOpBuilder &)> emit = nullptr);
  Value createAddress(ImplicitLocOpBuilder &b, LLVM::GlobalOp global) {
    return LLVM::AddressOfOp::create(b, global);
  }
  LLVM::GlobalOp createBytes(StringRef name, StringRef bytes) {
    Builder b(&getContext());
    return createGlobal(name,
                        LLVM::LLVMArrayType::get(b.getI8Type(), bytes.size()),
                        b.getStringAttr(bytes));
  }
  LLVM::GlobalOp createText(StringRef name, StringRef text) {
    return createBytes(name, text.rtrim('\0').str() + '\0');
  }
  LLVM::GlobalOp createImage(gpu::ObjectAttr object);
  LLVM::LLVMFuncOp declare(StringRef name, TypeRange types);
  FailureOr<LLVM::GlobalOp> createProgram(gpu::BinaryOp binary,
                                          ArrayRef<MemRefType> tensors,
                                          int64_t numInputs);
  void lower(gpu::LaunchFuncOp launch, Value env, LLVM::GlobalOp program,
             LLVM::LLVMFuncOp callee);

  llvm::StringMap<LLVM::GlobalOp> names;
};

LLVM::GlobalOp LowerLaunches::createGlobal(
    StringRef name, Type type, Attribute value,
    llvm::function_ref<Value(ImplicitLocOpBuilder &)> emit) {
  ModuleOp module = getOperation();
  SymbolTable symbols(module);
  OpBuilder detached(&getContext());
  auto global = LLVM::GlobalOp::create(detached, module.getLoc(), type,
                                       /*isConstant=*/true,
                                       LLVM::Linkage::Private, name, value);
  symbols.insert(global, module.getBody()->begin());
  if (emit) {
    Block *block = detached.createBlock(&global.getInitializerRegion());
    auto b = ImplicitLocOpBuilder::atBlockEnd(module.getLoc(), block);
    LLVM::ReturnOp::create(b, emit(b));
  }
  return global;
}

LLVM::LLVMFuncOp LowerLaunches::declare(StringRef name, TypeRange types) {
  ModuleOp module = getOperation();
  OpBuilder b = OpBuilder::atBlockBegin(module.getBody());
  return LLVM::LLVMFuncOp::create(
      b, module.getLoc(), name,
      LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(&getContext()),
                                  SmallVector<Type>(types)));
}

/// What mpc_rt_gpu_image points to.
LLVM::GlobalOp LowerLaunches::createImage(gpu::ObjectAttr object) {
  StringRef code = object.getObject().getValue();
  if (object.getFormat() == gpu::CompilationTarget::Assembly)
    return createText("gpu_ptx", code);
  LLVM::GlobalOp cubin = createBytes("gpu_cubin", code);
  cubin.setAlignment(64); // an ELF file
  return cubin;
}

/// mpc_rt_gpu_program, and what it points to.
FailureOr<LLVM::GlobalOp>
LowerLaunches::createProgram(gpu::BinaryOp binary, ArrayRef<MemRefType> tensors,
                             int64_t numInputs) {
  MLIRContext *context = &getContext();
  Builder types(context);
  Type ptr = LLVM::LLVMPointerType::get(context), i32 = types.getI32Type(),
       i64 = types.getI64Type();
  auto structOf = [&](ArrayRef<Type> fields) {
    return LLVM::LLVMStructType::getLiteral(context, fields);
  };
  auto constant = [](ImplicitLocOpBuilder &b, Type type, int64_t value) {
    return LLVM::ConstantOp::create(b, type, b.getIntegerAttr(type, value))
        .getResult();
  };
  auto build = [](ImplicitLocOpBuilder &b, Type type, ArrayRef<Value> fields) {
    Value result = LLVM::PoisonOp::create(b, type);
    for (auto [index, field] : llvm::enumerate(fields))
      result = LLVM::InsertValueOp::create(
          b, result, field, ArrayRef<int64_t>{static_cast<int64_t>(index)});
    return result;
  };

  struct Image {
    int64_t capability, flags; // as in runtime/cuda.h
    LLVM::GlobalOp code;
  };
  enum { isExact = 1, isCubin = 2 };
  SmallVector<Image> images;
  for (Attribute attribute : binary.getObjects()) {
    auto object = dyn_cast<gpu::ObjectAttr>(attribute);
    auto target = object ? dyn_cast<NVVM::NVVMTargetAttr>(object.getTarget())
                         : NVVM::NVVMTargetAttr();
    StringRef chip = target ? target.getChip() : "";
    int64_t capability = 0;
    int64_t flags = chip.consume_back("a") ? isExact : 0;
    bool isPTX =
        object && object.getFormat() == gpu::CompilationTarget::Assembly;
    if (!chip.consume_front("sm_") || chip.getAsInteger(10, capability) ||
        (!isPTX && object.getFormat() != gpu::CompilationTarget::Binary))
      return binary.emitOpError(
          "expected PTX and cubins for chips such as sm_80");
    if (isPTX && object.getObject().getValue().contains(".extern .func"))
      return binary.emitOpError(
          "expected PTX that holds every function, but it "
          "declares some, as of CUDA's libdevice");
    images.push_back(
        {capability, flags | (isPTX ? 0 : isCubin), createImage(object)});
  }
  Type imageType = structOf({i32, i32, ptr});
  auto imagesType = LLVM::LLVMArrayType::get(imageType, images.size());
  LLVM::GlobalOp imageTable =
      createGlobal("gpu_images", imagesType, Attribute(), [&](auto &b) {
        SmallVector<Value> entries;
        for (const Image &image : images)
          entries.push_back(build(b, imageType,
                                  {constant(b, i32, image.capability),
                                   constant(b, i32, image.flags),
                                   createAddress(b, image.code)}));
        return build(b, imagesType, entries);
      });
  Type tensorType = structOf({i64, i64});
  auto tensorsType = LLVM::LLVMArrayType::get(tensorType, tensors.size());
  LLVM::GlobalOp tensorTable =
      createGlobal("gpu_tensors", tensorsType, Attribute(), [&](auto &b) {
        SmallVector<Value> entries;
        for (MemRefType type : tensors)
          entries.push_back(
              build(b, tensorType,
                    {constant(b, i64, type.getRank()),
                     constant(b, i64, type.getElementTypeBitWidth())}));
        return build(b, tensorsType, entries);
      });
  Type programType = structOf({i64, i64, i64, ptr, ptr});
  return createGlobal("gpu_program", programType, Attribute(), [&](auto &b) {
    int64_t numOutputs = static_cast<int64_t>(tensors.size()) - numInputs;
    return build(b, programType,
                 {constant(b, i64, images.size()), constant(b, i64, numInputs),
                  constant(b, i64, numOutputs), createAddress(b, imageTable),
                  createAddress(b, tensorTable)});
  });
}

void LowerLaunches::lower(gpu::LaunchFuncOp launch, Value env,
                          LLVM::GlobalOp program, LLVM::LLVMFuncOp callee) {
  ImplicitLocOpBuilder b(launch.getLoc(), launch);
  LLVMTypeConverter converter(&getContext());
  Type ptr = LLVM::LLVMPointerType::get(&getContext()), i64 = b.getI64Type();
  auto convert = [&](Value value) -> Value {
    return UnrealizedConversionCastOp::create(
               b, converter.convertType(value.getType()), value)
        .getResult(0);
  };
  // The kernel's parameters: the fields of descriptors, one after the other.
  SmallVector<Value> fields;
  for (Value operand : launch.getKernelOperands()) {
    auto type = dyn_cast<MemRefType>(operand.getType());
    if (!type) {
      fields.push_back(operand.getType().isIndex() ? convert(operand)
                                                   : operand);
      continue;
    }
    Value descriptor = convert(operand);
    auto extract = [&](ArrayRef<int64_t> position) {
      fields.push_back(LLVM::ExtractValueOp::create(b, descriptor, position));
    };
    extract({0});
    extract({1});
    extract({2});
    for (int64_t list : {3, 4})
      for (int64_t d = 0; d < type.getRank(); ++d)
        extract({list, d});
  }
  SmallVector<Type> fieldTypes(ValueRange(fields).getTypes());
  auto valuesType = LLVM::LLVMStructType::getLiteral(&getContext(), fieldTypes);
  auto pointersType = LLVM::LLVMArrayType::get(ptr, fields.size());
  Value values, pointers;
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(
        &launch->getParentOfType<func::FuncOp>().front());
    Value one = LLVM::ConstantOp::create(b, i64, b.getI64IntegerAttr(1));
    values = LLVM::AllocaOp::create(b, ptr, valuesType, one);
    pointers = LLVM::AllocaOp::create(b, ptr, pointersType, one);
  }
  for (auto [index, field] : llvm::enumerate(fields)) {
    auto at = static_cast<int32_t>(index);
    Value value = LLVM::GEPOp::create(b, ptr, valuesType, values,
                                      ArrayRef<LLVM::GEPArg>{0, at});
    LLVM::StoreOp::create(b, field, value);
    Value pointer = LLVM::GEPOp::create(b, ptr, pointersType, pointers,
                                        ArrayRef<LLVM::GEPArg>{0, at});
    LLVM::StoreOp::create(b, value, pointer);
  }
  StringRef kernel = launch.getKernelName().getValue();
  LLVM::GlobalOp &name = names[kernel];
  if (!name)
    name = createText("gpu_kernel", kernel);
  Value shared = launch.getDynamicSharedMemorySize();
  shared = shared ? LLVM::ZExtOp::create(b, i64, shared).getResult()
                  : LLVM::ConstantOp::create(b, i64, b.getI64IntegerAttr(0))
                        .getResult();
  LLVM::CallOp::create(
      b, callee,
      ValueRange{env, createAddress(b, program), createAddress(b, name),
                 convert(launch.getGridSizeX()),
                 convert(launch.getBlockSizeX()), shared, pointers});
  launch.erase();
}

void LowerLaunches::runOnOperation() {
  names.clear();
  ModuleOp module = getOperation();
  auto main = module.lookupSymbol<func::FuncOp>("main");
  Type ptr = LLVM::LLVMPointerType::get(&getContext());
  if (!main || main.isExternal() || main.getNumArguments() != 2 ||
      main.getArgument(0).getType() != ptr) {
    module.emitError("expected @main with the runtime's environment and "
                     "descriptors; run mpc-lower-entry");
    return signalPassFailure();
  }
  // Inputs, outputs, arena and weights, in this order.
  SmallVector<MemRefType> tensors;
  main.walk([&](UnrealizedConversionCastOp cast) {
    if (auto type = dyn_cast<MemRefType>(cast.getResult(0).getType()))
      tensors.push_back(type);
  });
  auto whole = module->getParentOfType<ModuleOp>();
  auto model = whole ? whole->getAttrOfType<DictionaryAttr>("mpc.model")
                     : DictionaryAttr();
  auto inputs = model ? model.getAs<ArrayAttr>("inputs") : ArrayAttr();
  if (tensors.size() < 2 || !inputs || inputs.size() > tensors.size() - 2) {
    main.emitOpError("expected inputs, outputs, an arena and weights, and a "
                     "module around with the attribute 'mpc.model'");
    return signalPassFailure();
  }
  tensors.pop_back_n(2);
  auto touched = main.walk([&](Operation *op) {
    if (!isa<memref::LoadOp, memref::StoreOp, memref::CopyOp>(op))
      return WalkResult::advance();
    op->emitOpError("loops and branches that depend on values, and copies "
                    "outside of kernels, are not supported on GPUs yet");
    return WalkResult::interrupt();
  });
  if (touched.wasInterrupted())
    return signalPassFailure();
  SmallVector<gpu::BinaryOp> binaries(module.getOps<gpu::BinaryOp>());
  SmallVector<gpu::LaunchFuncOp> launches;
  main.walk([&](gpu::LaunchFuncOp launch) { launches.push_back(launch); });
  if (launches.empty()) {
    for (gpu::BinaryOp binary : binaries)
      binary.erase();
    return;
  }
  if (binaries.size() != 1) {
    module.emitError("expected one gpu.binary, but got ") << binaries.size();
    return signalPassFailure();
  }
  FailureOr<LLVM::GlobalOp> program = createProgram(
      binaries.front(), tensors, static_cast<int64_t>(inputs.size()));
  if (failed(program))
    return signalPassFailure();
  Type i64 = IntegerType::get(&getContext(), 64);
  LLVM::LLVMFuncOp launchFunction =
      declare("mpc_rt_gpu_launch", {ptr, ptr, ptr, i64, i64, i64, ptr});
  Value env = main.getArgument(0);
  for (gpu::LaunchFuncOp launch : launches)
    lower(launch, env, *program, launchFunction);
  auto b = ImplicitLocOpBuilder::atBlockBegin(main.getLoc(), &main.front());
  LLVM::CallOp::create(
      b, declare("mpc_rt_gpu_enter", {ptr, ptr, ptr}),
      ValueRange{env, createAddress(b, *program), main.getArgument(1)});
  b.setInsertionPoint(main.front().getTerminator());
  LLVM::CallOp::create(b, declare("mpc_rt_gpu_leave", {ptr, ptr}),
                       ValueRange{env, createAddress(b, *program)});
  binaries.front().erase();
  module->removeAttr(gpu::GPUDialect::getContainerModuleAttrName());
}

} // namespace
