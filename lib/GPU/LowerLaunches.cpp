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

#include "Launch.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mpc/GPU/Passes.h"

namespace mpc {
#define GEN_PASS_DEF_LOWERLAUNCHES
#include "mpc/GPU/Passes.h.inc"
} // namespace mpc

using namespace mlir;
using namespace mpc;

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
  Value createNumber(ImplicitLocOpBuilder &b, int64_t value) {
    return LLVM::ConstantOp::create(b, b.getI64IntegerAttr(value));
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
  /// A function of the runtime, of no result unless `result` is one.
  LLVM::LLVMFuncOp declare(StringRef name, TypeRange types, Type result = {});
  FailureOr<LLVM::GlobalOp> createProgram(gpu::BinaryOp binary,
                                          ArrayRef<MemRefType> tensors,
                                          int64_t numInputs,
                                          bool dependsOnValues);
  void lower(gpu::LaunchFuncOp launch, Value env, LLVM::GlobalOp program,
             LLVM::LLVMFuncOp callee);
  /// `value` as convert-memref-to-llvm will type it.
  Value convert(OpBuilder &b, Value value) {
    LLVMTypeConverter converter(&getContext());
    return UnrealizedConversionCastOp::create(
               b, value.getLoc(), converter.convertType(value.getType()), value)
        .getResult(0);
  }
  /// Memory of @main, for `count` values of `type`.
  Value allocate(ImplicitLocOpBuilder &b, Type type, int64_t count,
                 unsigned alignment = 0);
  void store(ImplicitLocOpBuilder &b, Value value, Value array, int64_t index);
  LogicalResult lower(nvgpu::TmaCreateDescriptorOp map, Value env);
  /// What @main itself reads and writes of the device's memory, `accesses`.
  void lowerAccesses(ArrayRef<Operation *> accesses, Value env);

  func::FuncOp main;
  /// Where the tensor maps of launches are; those of blocks that stay.
  llvm::DenseMap<Value, Value> maps;
  llvm::DenseSet<Value> residentMaps;
  LLVM::LLVMFuncOp mapFunction;
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

LLVM::LLVMFuncOp LowerLaunches::declare(StringRef name, TypeRange types,
                                        Type result) {
  ModuleOp module = getOperation();
  OpBuilder b = OpBuilder::atBlockBegin(module.getBody());
  return LLVM::LLVMFuncOp::create(
      b, module.getLoc(), name,
      LLVM::LLVMFunctionType::get(
          result ? result : LLVM::LLVMVoidType::get(&getContext()),
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
                             int64_t numInputs, bool dependsOnValues) {
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
  Type programType = structOf({i64, i64, i64, i64, ptr, ptr});
  return createGlobal("gpu_program", programType, Attribute(), [&](auto &b) {
    int64_t numOutputs = static_cast<int64_t>(tensors.size()) - numInputs;
    return build(b, programType,
                 {constant(b, i64, images.size()), constant(b, i64, numInputs),
                  constant(b, i64, numOutputs),
                  constant(b, i64, dependsOnValues),
                  createAddress(b, imageTable), createAddress(b, tensorTable)});
  });
}

Value LowerLaunches::allocate(ImplicitLocOpBuilder &b, Type type, int64_t count,
                              unsigned alignment) {
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(&main.front());
  Value size = LLVM::ConstantOp::create(b, b.getI64IntegerAttr(count));
  return LLVM::AllocaOp::create(b, LLVM::LLVMPointerType::get(&getContext()),
                                type, size, alignment);
}

/// `array[index] = value`, of an array of values of this type.
void LowerLaunches::store(ImplicitLocOpBuilder &b, Value value, Value array,
                          int64_t index) {
  Value at =
      LLVM::GEPOp::create(b, array.getType(), value.getType(), array,
                          ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(index)});
  LLVM::StoreOp::create(b, value, at);
}

/// A call of mpc_rt_gpu_map: sizes, strides and the box of the tensor.
LogicalResult LowerLaunches::lower(nvgpu::TmaCreateDescriptorOp map,
                                   Value env) {
  auto cast = map.getTensor().getDefiningOp<memref::CastOp>();
  auto type =
      cast ? dyn_cast<MemRefType>(cast.getSource().getType()) : MemRefType();
  if (!type)
    return map.emitOpError("expected a cast of a memref with a rank");
  ImplicitLocOpBuilder b(map.getLoc(), map);
  Type ptr = LLVM::LLVMPointerType::get(&getContext()), i64 = b.getI64Type();
  int64_t rank = type.getRank();
  int64_t bytes = type.getElementTypeBitWidth() / 8;
  Value descriptor = convert(b, cast.getSource());
  auto extract = [&](ArrayRef<int64_t> position) -> Value {
    return LLVM::ExtractValueOp::create(b, descriptor, position);
  };
  Value address = LLVM::GEPOp::create(b, ptr, type.getElementType(),
                                      extract({1}), ValueRange{extract({2})});
  SmallVector<Value> values;
  for (int64_t list : {3, 4})
    for (int64_t d = 0; d < rank; ++d)
      values.push_back(extract({list, d}));
  for (Value size : map.getBoxDimensions())
    values.push_back(convert(b, size));
  Value numbers = allocate(b, i64, static_cast<int64_t>(values.size()));
  for (auto [index, value] : llvm::enumerate(values))
    store(b, value, numbers, static_cast<int64_t>(index));
  Value place = allocate(b, b.getI8Type(), 128, /*alignment=*/64);
  auto swizzle =
      static_cast<int64_t>(map.getTensorMap().getType().getSwizzle());
  LLVM::CallOp::create(b, mapFunction,
                       ValueRange{env, place, address, createNumber(b, bytes),
                                  createNumber(b, swizzle),
                                  createNumber(b, rank), numbers});
  maps[map.getTensorMap()] = place;
  if (map->hasAttr(kResidentAttrName))
    residentMaps.insert(map.getTensorMap());
  return success();
}

void LowerLaunches::lower(gpu::LaunchFuncOp launch, Value env,
                          LLVM::GlobalOp program, LLVM::LLVMFuncOp callee) {
  ImplicitLocOpBuilder b(launch.getLoc(), launch);
  Type ptr = LLVM::LLVMPointerType::get(&getContext()), i64 = b.getI64Type();
  // The kernel's parameters: maps, and the fields of descriptors, one after the
  // other. `places` has null for the next one of `fields`.
  SmallVector<Value> fields, places;
  auto addField = [&](Value field) {
    fields.push_back(field);
    places.push_back(Value());
  };
  for (Value operand : launch.getKernelOperands()) {
    if (Value map = maps.lookup(operand)) {
      places.push_back(map);
      continue;
    }
    auto type = dyn_cast<MemRefType>(operand.getType());
    if (!type) {
      addField(operand.getType().isIndex() ? convert(b, operand) : operand);
      continue;
    }
    Value descriptor = convert(b, operand);
    auto extract = [&](ArrayRef<int64_t> position) {
      addField(LLVM::ExtractValueOp::create(b, descriptor, position));
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
  Value values = allocate(b, valuesType, 1);
  Value pointers = allocate(b, ptr, static_cast<int64_t>(places.size()));
  int32_t next = 0;
  for (auto [index, place] : llvm::enumerate(places)) {
    Value at = place;
    if (!at) {
      at = LLVM::GEPOp::create(b, ptr, valuesType, values,
                               ArrayRef<LLVM::GEPArg>{0, next});
      LLVM::StoreOp::create(b, fields[next++], at);
    }
    store(b, at, pointers, static_cast<int64_t>(index));
  }
  StringRef kernel = launch.getKernelName().getValue();
  LLVM::GlobalOp &name = names[kernel];
  if (!name)
    name = createText("gpu_kernel", kernel);
  Value shared = launch.getDynamicSharedMemorySize();
  shared = shared ? LLVM::ZExtOp::create(b, i64, shared).getResult()
                  : createNumber(b, 0);
  bool isResident =
      llvm::any_of(launch.getKernelOperands(), [&](Value operand) {
        return residentMaps.contains(operand);
      });
  LLVM::CallOp::create(
      b, callee,
      ValueRange{env, createAddress(b, program), createAddress(b, name),
                 createNumber(b, isResident), convert(b, launch.getGridSizeX()),
                 convert(b, launch.getBlockSizeX()), shared, pointers});
  launch.erase();
}

/// Each value passes through a place of its own in memory of @main. What is
/// read after an error is zero, and loops whose number of iterations depends on
/// what is read end then.
void LowerLaunches::lowerAccesses(ArrayRef<Operation *> accesses, Value env) {
  Type ptr = LLVM::LLVMPointerType::get(&getContext());
  Type i64 = IntegerType::get(&getContext(), 64);
  Type i32 = IntegerType::get(&getContext(), 32);
  LLVM::LLVMFuncOp read = declare("mpc_rt_gpu_read", {ptr, ptr, ptr, i64}),
                   write = declare("mpc_rt_gpu_write", {ptr, ptr, ptr, i64}),
                   isRunning = declare("mpc_rt_gpu_is_running", {ptr}, i32);
  for (Operation *op : accesses) {
    ImplicitLocOpBuilder b(op->getLoc(), op);
    auto load = dyn_cast<memref::LoadOp>(op);
    auto store = dyn_cast<memref::StoreOp>(op);
    Value memref = load ? load.getMemRef() : store.getMemRef();
    Type element = cast<MemRefType>(memref.getType()).getElementType();
    auto atEntry =
        ImplicitLocOpBuilder::atBlockBegin(op->getLoc(), &main.front());
    Value place =
        memref::AllocaOp::create(atEntry, MemRefType::get({}, element));
    Value host = LLVM::ExtractValueOp::create(b, convert(b, place),
                                              ArrayRef<int64_t>{1});
    Value descriptor = convert(b, memref);
    auto extract = [&](ArrayRef<int64_t> position) -> Value {
      return LLVM::ExtractValueOp::create(b, descriptor, position);
    };
    Value offset = extract({2});
    for (auto [d, index] :
         llvm::enumerate(load ? load.getIndices() : store.getIndices())) {
      Value stride = extract({4, static_cast<int64_t>(d)});
      offset = LLVM::AddOp::create(
          b, offset, LLVM::MulOp::create(b, convert(b, index), stride));
    }
    Value device =
        LLVM::GEPOp::create(b, ptr, element, extract({1}), ValueRange{offset});
    Value bytes =
        LLVM::ConstantOp::create(b, b.getI64IntegerAttr(llvm::divideCeil(
                                        element.getIntOrFloatBitWidth(), 8)));
    if (load) {
      LLVM::CallOp::create(b, read, ValueRange{env, host, device, bytes});
      load.replaceAllUsesWith(
          memref::LoadOp::create(b, place, ValueRange()).getResult());
    } else {
      memref::StoreOp::create(b, store.getValueToStore(), place, ValueRange());
      LLVM::CallOp::create(b, write, ValueRange{env, device, host, bytes});
    }
    op->erase();
  }
  main.walk([&](scf::ConditionOp op) {
    ImplicitLocOpBuilder b(op.getLoc(), op);
    Value zero = LLVM::ConstantOp::create(b, b.getI32IntegerAttr(0));
    Value running = LLVM::ICmpOp::create(
        b, LLVM::ICmpPredicate::ne,
        LLVM::CallOp::create(b, isRunning, ValueRange{env}).getResult(), zero);
    op.getConditionMutable().assign(
        arith::AndIOp::create(b, op.getCondition(), running));
  });
}

void LowerLaunches::runOnOperation() {
  names.clear();
  maps.clear();
  residentMaps.clear();
  ModuleOp module = getOperation();
  main = module.lookupSymbol<func::FuncOp>("main");
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
  SmallVector<Operation *> accesses;
  auto copied = main.walk([&](Operation *op) {
    if (isa<memref::LoadOp, memref::StoreOp>(op))
      accesses.push_back(op);
    if (!isa<memref::CopyOp>(op))
      return WalkResult::advance();
    op->emitOpError("copies outside of kernels are not supported on GPUs");
    return WalkResult::interrupt();
  });
  if (copied.wasInterrupted())
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
      binaries.front(), tensors, static_cast<int64_t>(inputs.size()),
      /*dependsOnValues=*/!accesses.empty());
  if (failed(program))
    return signalPassFailure();
  Type i64 = IntegerType::get(&getContext(), 64);
  LLVM::LLVMFuncOp launchFunction =
      declare("mpc_rt_gpu_launch", {ptr, ptr, ptr, i64, i64, i64, i64, ptr});
  Value env = main.getArgument(0);
  SmallVector<nvgpu::TmaCreateDescriptorOp> mapOps;
  main.walk([&](nvgpu::TmaCreateDescriptorOp map) { mapOps.push_back(map); });
  if (!mapOps.empty())
    mapFunction =
        declare("mpc_rt_gpu_map", {ptr, ptr, ptr, i64, i64, i64, ptr});
  for (nvgpu::TmaCreateDescriptorOp map : mapOps)
    if (failed(lower(map, env)))
      return signalPassFailure();
  for (gpu::LaunchFuncOp launch : launches)
    lower(launch, env, *program, launchFunction);
  for (nvgpu::TmaCreateDescriptorOp map : mapOps) {
    Operation *cast = map.getTensor().getDefiningOp();
    map.erase();
    cast->erase();
  }
  if (!accesses.empty())
    lowerAccesses(accesses, env);
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
