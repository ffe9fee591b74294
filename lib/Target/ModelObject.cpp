//===- ModelObject.cpp - the model's descriptor and weights ---------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ModelObject.h"
#include "mlir/IR/BuiltinTypes.h"
#include "model.h" // the runtime's
#include "llvm/IR/Constants.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/Module.h"

using namespace llvm;

static constexpr const char *weightsSymbol = "mpc_weights";
static constexpr const char *querySymbol = "mpc_rt_query";
static constexpr const char *saveSymbol = "mpc_rt_save_calibration";

std::unique_ptr<Module> mpc::createWeightsModule(LLVMContext &context,
                                                 ArrayRef<char> weights) {
  auto module = std::make_unique<Module>("weights", context);
  Constant *data =
      ConstantDataArray::getRaw(StringRef(weights.data(), weights.size()),
                                weights.size(), Type::getInt8Ty(context));
  auto *global =
      new GlobalVariable(*module, data->getType(), /*isConstant=*/true,
                         GlobalValue::ExternalLinkage, data, weightsSymbol);
  global->setVisibility(GlobalValue::HiddenVisibility);
  global->setAlignment(Align(MPC_RT_ALIGNMENT));
  return module;
}

namespace {

/// Builds constants and the structure types of runtime/model.h; each method
/// names the structure that it writes.
class DescriptorBuilder {
public:
  explicit DescriptorBuilder(Module &module)
      : module(module), context(module.getContext()),
        ptr(PointerType::get(context, 0)), i32(Type::getInt32Ty(context)),
        i64(Type::getInt64Ty(context)) {}

  Constant *getI32(uint32_t value) { return ConstantInt::get(i32, value); }
  Constant *getI64(uint64_t value) { return ConstantInt::get(i64, value); }

  /// A private constant of the module; a null pointer if it has no bytes.
  Constant *store(Constant *value) {
    auto *global = new GlobalVariable(module, value->getType(), true,
                                      GlobalValue::PrivateLinkage, value);
    global->setUnnamedAddr(GlobalValue::UnnamedAddr::Global);
    return global;
  }
  Constant *storeString(StringRef text) {
    return store(ConstantDataArray::getString(context, text));
  }
  Constant *storeArray(Type *element, ArrayRef<Constant *> values) {
    if (values.empty())
      return ConstantPointerNull::get(ptr);
    return store(
        ConstantArray::get(ArrayType::get(element, values.size()), values));
  }
  Constant *storeStructs(ArrayRef<Constant *> values) {
    return storeArray(values.empty() ? ptr : values.front()->getType(), values);
  }

  /// mpc_rt_tensor
  Constant *getTensor(const mpc::TensorInfo &tensor) {
    SmallVector<Constant *> dims;
    for (int64_t dim : tensor.dims)
      dims.push_back(getI64(mlir::ShapedType::isDynamic(dim) ? -1 : dim));
    return ConstantStruct::getAnon(
        {storeString(tensor.name), getI32(static_cast<uint32_t>(tensor.type)),
         getI32(dims.size()), storeArray(i64, dims)});
  }
  Constant *storeTensors(ArrayRef<mpc::TensorInfo> tensors) {
    SmallVector<Constant *> values;
    for (const mpc::TensorInfo &tensor : tensors)
      values.push_back(getTensor(tensor));
    return storeStructs(values);
  }

  /// mpc_rt_entry_info
  Constant *getEntry(StringRef name, const mpc::ModelInfo &info,
                     const mpc::WeightsPart &part) {
    return ConstantStruct::getAnon(
        {storeString(name), getI32(info.inputs.size()),
         getI32(info.outputs.size()), storeTensors(info.inputs),
         storeTensors(info.outputs), getI64(part.offset), getI64(part.bytes)});
  }

  /// mpc_rt_variant
  Constant *getVariant(const mpc::VariantInfo &variant) {
    SmallVector<Constant *> functions, arenas;
    for (const mpc::VariantInfo::Entry &entry : variant.entries) {
      auto *function = Function::Create(
          FunctionType::get(Type::getVoidTy(context), {ptr, ptr}, false),
          GlobalValue::ExternalLinkage, entry.symbol, module);
      function->setVisibility(GlobalValue::HiddenVisibility);
      functions.push_back(function);
      arenas.push_back(ConstantStruct::getAnon(
          {getI64(entry.arenaBase), getI64(entry.arenaPerBatch)}));
    }
    return ConstantStruct::getAnon(
        {storeString(variant.name), getI64(variant.features),
         storeArray(ptr, functions), storeStructs(arenas),
         getI64(variant.capability)});
  }

  /// A function of the runtime.
  Function *declare(StringRef name, FunctionType *type) {
    auto *function =
        Function::Create(type, GlobalValue::ExternalLinkage, name, module);
    function->setVisibility(GlobalValue::HiddenVisibility);
    return function;
  }
  /// A function that the library exports and that only calls `callee`.
  void exportCall(StringRef name, FunctionType *type, Function *callee,
                  ArrayRef<Value *> first) {
    auto *function =
        Function::Create(type, GlobalValue::ExternalLinkage, name, module);
    IRBuilder<> code(BasicBlock::Create(context, "", function));
    SmallVector<Value *> arguments(first);
    for (Argument &argument : function->args())
      arguments.push_back(&argument);
    CallInst *call = code.CreateCall(callee, arguments);
    call->setTailCall();
    code.CreateRet(call);
  }

  /// mpc_rt_observer; a table's rows are in the order of names.
  Constant *storeObserver(const mpc::ObserverInfo &info) {
    SmallVector<uint32_t> order =
        llvm::to_vector(llvm::seq<uint32_t>(0, info.tensors.size()));
    llvm::stable_sort(order, [&](uint32_t a, uint32_t b) {
      return info.tensors[a] < info.tensors[b];
    });
    SmallVector<Constant *> keys, rows(order.size());
    for (auto [row, tensor] : llvm::enumerate(order)) {
      keys.push_back(storeString(mpc::toJSON(info.tensors[tensor])));
      rows[tensor] = getI32(row);
    }
    SmallVector<Constant *> inputKeys, inputChannels;
    for (const auto &[group, channels] : info.inputs) {
      inputKeys.push_back(storeString(mpc::toJSON(group)));
      inputChannels.push_back(getI32(channels));
    }
    Type *none = Type::getVoidTy(context);
    return store(ConstantStruct::getAnon(
        {getI32(order.size()), getI32(info.histograms),
         getI32(info.movingAverage), getI32(info.inputs.size()),
         storeString(info.head), storeArray(ptr, keys), storeArray(i32, rows),
         storeArray(ptr, inputKeys), storeArray(i32, inputChannels),
         declare("mpc_rt_observer_create",
                 FunctionType::get(ptr, {ptr}, false)),
         declare("mpc_rt_observer_destroy",
                 FunctionType::get(none, {ptr}, false)),
         declare("mpc_rt_observer_take",
                 FunctionType::get(i32, {ptr, ptr, i64}, false))}));
  }

  Module &module;
  LLVMContext &context;
  PointerType *ptr;
  IntegerType *i32, *i64;
};

} // namespace

std::unique_ptr<Module>
mpc::createModelModule(LLVMContext &context, ArrayRef<LibraryEntry> entries,
                       ArrayRef<WeightsPart> parts,
                       ArrayRef<VariantInfo> variants, uint64_t weightsBytes,
                       StringRef manifest, ArrayRef<std::string> queries) {
  auto module = std::make_unique<Module>("model", context);
  DescriptorBuilder builder(*module);
  SmallVector<Constant *> variantValues;
  for (const VariantInfo &variant : variants)
    variantValues.push_back(builder.getVariant(variant));
  SmallVector<Constant *> entryValues;
  for (auto [entry, part] : zip_equal(entries, parts))
    entryValues.push_back(builder.getEntry(entry.name, entry.info, part));
  auto *weights = new GlobalVariable(
      *module, ArrayType::get(Type::getInt8Ty(context), weightsBytes), true,
      GlobalValue::ExternalLinkage, nullptr, weightsSymbol);
  weights->setVisibility(GlobalValue::HiddenVisibility);
  // Only a library of one entry observes.
  const std::optional<ObserverInfo> &observer = entries.front().info.observer;
  // mpc_rt_model
  Constant *model = builder.store(ConstantStruct::getAnon(
      {builder.getI32(MPC_RT_VERSION), builder.getI32(entries.size()),
       builder.getI32(variants.size()), builder.storeStructs(entryValues),
       builder.storeStructs(variantValues), weights,
       builder.getI64(weightsBytes), builder.storeString(manifest),
       builder.getI64(manifest.size()),
       observer ? builder.storeObserver(*observer)
                : ConstantPointerNull::get(builder.ptr)}));

  Function *query = builder.declare(
      querySymbol,
      FunctionType::get(builder.ptr, {builder.ptr, builder.i32}, false));
  for (const std::string &name : queries)
    builder.exportCall(name,
                       FunctionType::get(builder.ptr, {builder.i32}, false),
                       query, {model});
  if (observer) {
    auto *type =
        FunctionType::get(builder.i32, {builder.ptr, builder.ptr}, false);
    builder.exportCall(saveCalibrationSymbol, type,
                       builder.declare(saveSymbol, type), {});
  }
  return module;
}
