//===- ModelInfo.cpp - a library's facts on the IR ------------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The names and types of inputs and outputs are lost when @main becomes a
// function of buffers; the attribute `mpc.model` keeps them:
//
//   module attributes {mpc.model = {
//     name = "net", hash = "0123", precision = "int8",
//     inputs = [{name = "x", type = tensor<?x3xf32>, layout = "nchw",
//                scale = 0.5 : f64, zero_point = 3 : i64,
//                range = [-1.0, 1.0]}],
//     outputs = [...], groups = [{name = "conv", precision = "int8"}],
//     observer = {head = "{...", tensors = ["x"], histograms}}}
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mpc/Target/Library.h"

using namespace mlir;

Type mpc::getBuiltinType(MLIRContext *context, ElementType type) {
  Builder builder(context);
  switch (type) {
  case ElementType::Undefined:
    return {};
  case ElementType::F32:
    return builder.getF32Type();
  case ElementType::F64:
    return builder.getF64Type();
  case ElementType::F16:
    return builder.getF16Type();
  case ElementType::BF16:
    return builder.getBF16Type();
  case ElementType::F8E4M3FN:
    return Float8E4M3FNType::get(context);
  case ElementType::F8E4M3FNUZ:
    return Float8E4M3FNUZType::get(context);
  case ElementType::F8E5M2:
    return Float8E5M2Type::get(context);
  case ElementType::F8E5M2FNUZ:
    return Float8E5M2FNUZType::get(context);
  case ElementType::F8E8M0:
    return Float8E8M0FNUType::get(context);
  case ElementType::F4E2M1:
    return Float4E2M1FNType::get(context);
  case ElementType::U2:
    return builder.getIntegerType(2, false);
  case ElementType::I2:
    return builder.getIntegerType(2);
  case ElementType::U4:
    return builder.getIntegerType(4, false);
  case ElementType::I4:
    return builder.getIntegerType(4);
  case ElementType::Bool:
    return builder.getI1Type();
  case ElementType::U8:
    return builder.getIntegerType(8, false);
  case ElementType::U16:
    return builder.getIntegerType(16, false);
  case ElementType::U32:
    return builder.getIntegerType(32, false);
  case ElementType::U64:
    return builder.getIntegerType(64, false);
  case ElementType::I8:
    return builder.getI8Type();
  case ElementType::I16:
    return builder.getIntegerType(16);
  case ElementType::I32:
    return builder.getI32Type();
  case ElementType::I64:
    return builder.getI64Type();
  }
  llvm_unreachable("all types are listed");
}

static ArrayAttr toAttribute(Builder &builder,
                             ArrayRef<mpc::TensorInfo> tensors) {
  SmallVector<Attribute> list;
  for (const mpc::TensorInfo &tensor : tensors) {
    NamedAttrList entry;
    entry.set("name", builder.getStringAttr(tensor.name));
    entry.set("type", TypeAttr::get(RankedTensorType::get(
                          tensor.dims, mpc::getBuiltinType(builder.getContext(),
                                                           tensor.type))));
    if (!tensor.layout.empty())
      entry.set("layout", builder.getStringAttr(tensor.layout));
    if (tensor.quantization) {
      entry.set("scale", builder.getF64FloatAttr(tensor.quantization->scale));
      entry.set("zero_point",
                builder.getI64IntegerAttr(tensor.quantization->zeroPoint));
    }
    if (tensor.range)
      entry.set("range", builder.getF64ArrayAttr(
                             {tensor.range->first, tensor.range->second}));
    list.push_back(entry.getDictionary(builder.getContext()));
  }
  return builder.getArrayAttr(list);
}

void mpc::attachModelInfo(ModuleOp module, const ModelInfo &info) {
  Builder builder(module.getContext());
  NamedAttrList model;
  model.set("name", builder.getStringAttr(info.name));
  model.set("hash", builder.getStringAttr(info.hash));
  model.set("precision", builder.getStringAttr(info.precision));
  model.set("inputs", toAttribute(builder, info.inputs));
  model.set("outputs", toAttribute(builder, info.outputs));
  SmallVector<Attribute> groups;
  for (const GroupInfo &group : info.groups) {
    NamedAttrList entry;
    entry.set("name", builder.getStringAttr(group.name));
    entry.set("precision", builder.getStringAttr(group.precision));
    entry.set("reason", builder.getStringAttr(group.reason));
    entry.set("kind", builder.getStringAttr(group.kind));
    entry.set("macs", builder.getI64IntegerAttr(group.macs));
    entry.set("bytes", builder.getI64IntegerAttr(group.bytes));
    groups.push_back(entry.getDictionary(builder.getContext()));
  }
  model.set("groups", builder.getArrayAttr(groups));
  if (info.observer) {
    NamedAttrList observer;
    observer.set("head", builder.getStringAttr(info.observer->head));
    SmallVector<StringRef> tensors(info.observer->tensors.begin(),
                                   info.observer->tensors.end());
    observer.set("tensors", builder.getStrArrayAttr(tensors));
    if (info.observer->histograms)
      observer.set("histograms", builder.getUnitAttr());
    if (info.observer->movingAverage)
      observer.set("moving_average", builder.getUnitAttr());
    model.set("observer", observer.getDictionary(builder.getContext()));
  }
  module->setAttr(mpc::kModelAttrName,
                  model.getDictionary(builder.getContext()));
}

static std::string getString(DictionaryAttr dictionary, StringRef key) {
  auto attr = dictionary.getAs<StringAttr>(key);
  return attr ? attr.str() : "";
}

static int64_t getInteger(DictionaryAttr dictionary, StringRef key) {
  auto attr = dictionary.getAs<IntegerAttr>(key);
  return attr ? attr.getInt() : 0;
}

static LogicalResult readTensors(ModuleOp module, DictionaryAttr model,
                                 StringRef key,
                                 std::vector<mpc::TensorInfo> &tensors) {
  auto list = model.getAs<ArrayAttr>(key);
  if (!list)
    return module.emitError("expected a list '")
           << key << "' in '" << mpc::kModelAttrName << "'";
  for (Attribute attr : list) {
    auto entry = dyn_cast<DictionaryAttr>(attr);
    auto name = entry ? entry.getAs<StringAttr>("name") : StringAttr();
    auto typeAttr = entry ? entry.getAs<TypeAttr>("type") : TypeAttr();
    auto type = typeAttr ? dyn_cast<RankedTensorType>(typeAttr.getValue())
                         : RankedTensorType();
    std::optional<mpc::ElementType> elementType =
        type ? mpc::getBorderType(type.getElementType()) : std::nullopt;
    if (!name || !elementType)
      return module.emitError(
                 "expected 'name' and 'type', a tensor of numbers, "
                 "in each of '")
             << key << "' of '" << mpc::kModelAttrName << "', but got " << attr;
    mpc::TensorInfo tensor;
    tensor.name = name.str();
    tensor.type = *elementType;
    tensor.dims.assign(type.getShape().begin(), type.getShape().end());
    tensor.layout = getString(entry, "layout");
    auto scale = entry.getAs<FloatAttr>("scale");
    auto zeroPoint = entry.getAs<IntegerAttr>("zero_point");
    if (scale && zeroPoint)
      tensor.quantization = {scale.getValueAsDouble(), zeroPoint.getInt()};
    auto range = entry.getAs<ArrayAttr>("range");
    if (range && range.size() == 2 && isa<FloatAttr>(range[0]) &&
        isa<FloatAttr>(range[1]))
      tensor.range = {cast<FloatAttr>(range[0]).getValueAsDouble(),
                      cast<FloatAttr>(range[1]).getValueAsDouble()};
    tensors.push_back(std::move(tensor));
  }
  return success();
}

FailureOr<mpc::ModelInfo> mpc::readModelInfo(ModuleOp module) {
  auto model = module->getAttrOfType<DictionaryAttr>(mpc::kModelAttrName);
  if (!model) {
    module.emitError(
        "expected the names of inputs and outputs in the attribute "
        "'")
        << mpc::kModelAttrName << "'";
    return failure();
  }
  ModelInfo info;
  info.name = getString(model, "name");
  info.hash = getString(model, "hash");
  info.precision = getString(model, "precision");
  if (failed(readTensors(module, model, "inputs", info.inputs)) ||
      failed(readTensors(module, model, "outputs", info.outputs)))
    return failure();
  if (auto groups = model.getAs<ArrayAttr>("groups"))
    for (auto group : groups.getAsRange<DictionaryAttr>()) {
      GroupInfo entry;
      entry.name = getString(group, "name");
      entry.precision = getString(group, "precision");
      entry.reason = getString(group, "reason");
      entry.kind = getString(group, "kind");
      entry.macs = getInteger(group, "macs");
      entry.bytes = getInteger(group, "bytes");
      info.groups.push_back(std::move(entry));
    }
  if (auto entry = model.getAs<DictionaryAttr>("observer")) {
    ObserverInfo observer;
    observer.head = getString(entry, "head");
    if (auto tensors = entry.getAs<ArrayAttr>("tensors"))
      for (auto name : tensors.getAsRange<StringAttr>())
        observer.tensors.push_back(name.str());
    observer.histograms = bool(entry.get("histograms"));
    observer.movingAverage = bool(entry.get("moving_average"));
    info.observer = std::move(observer);
  }
  return info;
}
