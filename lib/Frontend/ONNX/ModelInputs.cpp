//===- ModelInputs.cpp - types of a model's inputs
//-------------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ModelInputs.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"
#include <onnx/onnx_pb.h>

using namespace mlir;
using namespace mpc;
using namespace mpc::frontend;

/// The largest size that --shape takes, and that a model may state.
static constexpr int64_t mostSize = std::numeric_limits<int32_t>::max();

bool mpc::parseShapeOption(StringRef text, ImportOptions &options,
                           std::string &error) {
  auto [name, sizes] = text.rsplit('=');
  if (name.empty() || !text.contains('=')) {
    error = ("--shape=" + text +
             ": expected NAME=SIZES, such as "
             "input=8x3x224x224, or input=?x3x224x224 for any batch")
                .str();
    return false;
  }
  SmallVector<int64_t> shape;
  SmallVector<StringRef> parts;
  if (!sizes.empty())
    sizes.split(parts, 'x');
  for (StringRef part : parts) {
    int64_t size = ShapedType::kDynamic;
    if (part != "?" &&
        (part.getAsInteger(10, size) || size < 0 || size > mostSize)) {
      error =
          ("--shape=" + text + ": expected sizes from 0 to " + Twine(mostSize) +
           ", or ? for one that stays open, such as ?x3x224x224, but got '" +
           part + "' in '" + sizes + "'")
              .str();
      return false;
    }
    shape.push_back(size);
  }
  options.shapes.emplace_back(name.str(), shape);
  return true;
}

namespace {
/// A size as the model or an option gives it: a number, or a symbol that may
/// have no name.
struct Dim {
  int64_t size = ShapedType::kDynamic;
  std::string symbol;
  bool isSymbolic() const { return ShapedType::isDynamic(size); }
};

struct Input {
  std::string name;
  Type elementType;
  std::optional<SmallVector<Dim>> dims;
  const BoundTensor *binding = nullptr;
};

class InputResolver {
public:
  InputResolver(const onnx::GraphProto &graph, const ImportOptions &options,
                MLIRContext *context, Diagnostics &diagnostics)
      : graph(graph), options(options), context(context),
        diagnostics(diagnostics) {}

  FailureOr<SmallVector<ModelInput>> resolve();

private:
  LogicalResult readInput(const onnx::ValueInfoProto &value);
  /// Takes the sizes that `option` gives to the input `name`.
  LogicalResult applyShape(StringRef name, ArrayRef<int64_t> shape,
                           StringRef option);
  LogicalResult applyOptions();
  LogicalResult checkSymbols();

  Input *find(StringRef name) {
    auto *it = llvm::find_if(inputs, [&](auto &i) { return i.name == name; });
    return it == inputs.end() ? nullptr : it;
  }

  const onnx::GraphProto &graph;
  const ImportOptions &options;
  MLIRContext *context;
  Diagnostics &diagnostics;
  SmallVector<Input> inputs;
  llvm::StringMap<int64_t> symbols;
};
} // namespace

/// The tensor type of an input or output; null and an error for other types.
static const onnx::TypeProto::Tensor *
getTensorType(const onnx::ValueInfoProto &value, StringRef what,
              Diagnostics &diagnostics) {
  switch (value.type().value_case()) {
  case onnx::TypeProto::kTensorType:
    return &value.type().tensor_type();
  case onnx::TypeProto::kSequenceType:
    return (void)diagnostics.error(what + ": sequences are not supported"),
           nullptr;
  case onnx::TypeProto::kMapType:
    return (void)diagnostics.error(what + ": maps are not supported"), nullptr;
  case onnx::TypeProto::kOptionalType:
    return (void)diagnostics.error(what + ": optional values are not "
                                          "supported"),
           nullptr;
  case onnx::TypeProto::kSparseTensorType:
    return (void)diagnostics.error(what + ": sparse tensors are not "
                                          "supported"),
           nullptr;
  default:
    return (void)diagnostics.error(what + ": expected a tensor type"), nullptr;
  }
}

LogicalResult InputResolver::readInput(const onnx::ValueInfoProto &value) {
  Input input;
  input.name = value.name();
  std::string what = "input '" + input.name + "'";
  if (input.name.empty())
    return diagnostics.error("input without a name");
  if (find(input.name))
    return diagnostics.error(what + ": defined twice");
  const auto *type = getTensorType(value, what, diagnostics);
  if (!type)
    return failure();
  input.elementType = getElementType(type->elem_type(), context);
  if (!input.elementType)
    return diagnostics.error(what + ": elements of type " +
                             getDataTypeName(type->elem_type()) +
                             " are not supported");
  if (type->has_shape()) {
    input.dims.emplace();
    for (const auto &dim : type->shape().dim()) {
      Dim size;
      // Some exporters write -1 for a size that is not known.
      if (dim.has_dim_value() && dim.dim_value() >= 0) {
        size.size = dim.dim_value();
        if (size.size > mostSize)
          return diagnostics.error(what + ": expected sizes from 0 to " +
                                   Twine(mostSize) + ", but dimension " +
                                   Twine(input.dims->size()) + " is " +
                                   Twine(size.size));
      } else {
        size.symbol = dim.dim_param();
      }
      input.dims->push_back(size);
    }
  }
  inputs.push_back(std::move(input));
  return success();
}

LogicalResult InputResolver::applyShape(StringRef name, ArrayRef<int64_t> shape,
                                        StringRef option) {
  Input *input = find(name);
  if (!input) {
    std::string names;
    for (const Input &known : inputs)
      names += (names.empty() ? "'" : ", '") + known.name + "'";
    return diagnostics.error(option + ": the model has no input '" + name +
                             "'; its inputs are " +
                             (names.empty() ? "none" : names));
  }
  std::string what = (option + ": input '" + name + "'").str();
  if (!input->dims)
    input->dims.emplace(shape.size());
  if (input->dims->size() != shape.size())
    return diagnostics.error(what + " has " + Twine(input->dims->size()) +
                             " dimensions, but " + Twine(shape.size()) +
                             " sizes are given");
  for (auto [index, dim, size] : llvm::enumerate(*input->dims, shape)) {
    if (!dim.isSymbolic()) {
      if (size == dim.size)
        continue;
      return diagnostics.error(
          what + ": dimension " + Twine(index) + " is " + Twine(dim.size) +
          " in the model, but " +
          (ShapedType::isDynamic(size) ? "a symbolic size" : Twine(size)) +
          " is given");
    }
    if (ShapedType::isDynamic(size))
      continue;
    if (dim.symbol.empty()) {
      dim.size = size;
      continue;
    }
    auto [it, isNew] = symbols.try_emplace(dim.symbol, size);
    if (!isNew && it->second != size)
      return diagnostics.error(what + ": '" + dim.symbol + "' is given as " +
                               Twine(it->second) + " and as " + Twine(size));
  }
  return success();
}

LogicalResult InputResolver::applyOptions() {
  for (const auto &[name, shape] : options.shapes)
    if (failed(applyShape(name, shape, "--shape")))
      return failure();
  for (const auto &[name, binding] : options.bindings) {
    if (failed(applyShape(name, binding.shape, "--bind")))
      return failure();
    Input *input = find(name);
    std::string what = "--bind: input '" + name + "'";
    if (input->binding)
      return diagnostics.error(what + " is bound twice");
    input->binding = &binding;
    if (input->elementType != binding.elementType) {
      std::string types;
      llvm::raw_string_ostream(types)
          << "expected elements of type " << input->elementType << ", but got "
          << binding.elementType;
      return diagnostics.error(what + ": " + types);
    }
    FailureOr<int64_t> count = countElements(binding.shape);
    if (failed(count) || *count * getElementBytes(binding.elementType) !=
                             static_cast<int64_t>(binding.data.size()))
      return diagnostics.error(what +
                               ": expected as many bytes as its shape "
                               "needs, but got " +
                               Twine(binding.data.size()));
  }
  for (Input &input : inputs) {
    if (!input.dims)
      return diagnostics.error("input '" + input.name +
                               "' has no shape; --shape=" + input.name +
                               "=SIZES gives it one");
    for (Dim &dim : *input.dims)
      if (dim.isSymbolic() && !dim.symbol.empty())
        if (auto it = symbols.find(dim.symbol); it != symbols.end())
          dim.size = it->second;
  }
  return success();
}

LogicalResult InputResolver::checkSymbols() {
  llvm::StringSet<> first, all;
  size_t symbolicCount = 0;
  bool hasFirst = false;
  for (const Input &input : inputs) {
    for (auto [index, dim] : llvm::enumerate(*input.dims)) {
      if (!dim.isSymbolic())
        continue;
      ++symbolicCount;
      all.insert(dim.symbol);
      if (index == 0) {
        hasFirst = true;
        if (!dim.symbol.empty())
          first.insert(dim.symbol);
      }
    }
  }
  // Without a symbol that stands first, the only symbol there is is the batch.
  bool onlySymbol = !hasFirst && (symbolicCount == 1 ||
                                  (all.size() == 1 && !all.contains("")));
  bool ok = true;
  for (const Input &input : inputs) {
    bool hasBatch = false;
    for (auto [index, dim] : llvm::enumerate(*input.dims)) {
      if (!dim.isSymbolic())
        continue;
      bool isBatch = index == 0 || onlySymbol ||
                     (!dim.symbol.empty() && first.contains(dim.symbol));
      if (isBatch && !hasBatch) {
        hasBatch = true;
        continue;
      }
      ok = false;
      (void)diagnostics.error(
          "input '" + input.name + "': dimension " + Twine(index) +
          (dim.symbol.empty() ? Twine("") : " ('" + Twine(dim.symbol) + "')") +
          " has no fixed size, and only the batch may be symbolic; --shape=" +
          input.name + "=SIZES fixes it");
      break;
    }
  }
  return success(ok);
}

FailureOr<SmallVector<ModelInput>> InputResolver::resolve() {
  llvm::StringSet<> initializers;
  for (const auto &initializer : graph.initializer())
    initializers.insert(initializer.name());
  bool ok = true;
  for (const auto &value : graph.input())
    if (!initializers.contains(value.name()))
      ok = succeeded(readInput(value)) && ok;
  if (!ok || failed(applyOptions()) || failed(checkSymbols()))
    return failure();

  SmallVector<ModelInput> result;
  for (const Input &input : inputs) {
    SmallVector<int64_t> shape, fixed;
    for (const Dim &dim : *input.dims) {
      shape.push_back(dim.size);
      if (!dim.isSymbolic())
        fixed.push_back(dim.size);
    }
    if (failed(countElements(fixed)))
      return diagnostics.error("input '" + input.name +
                               "': sizes are too large");
    ModelInput &resolved = result.emplace_back();
    resolved.name = input.name;
    resolved.type = RankedTensorType::get(shape, input.elementType);
    resolved.binding = input.binding;
  }
  return result;
}

FailureOr<SmallVector<ModelInput>>
frontend::resolveInputs(const onnx::GraphProto &graph,
                        const ImportOptions &options, MLIRContext *context,
                        Diagnostics &diagnostics) {
  return InputResolver(graph, options, context, diagnostics).resolve();
}

FailureOr<DeclaredType>
frontend::getDeclaredType(const onnx::ValueInfoProto &value, StringRef what,
                          MLIRContext *context, Diagnostics &diagnostics) {
  DeclaredType result;
  if (value.type().value_case() == onnx::TypeProto::VALUE_NOT_SET)
    return result;
  const auto *type = getTensorType(value, what, diagnostics);
  if (!type)
    return failure();
  if (type->elem_type() != onnx::TensorProto::UNDEFINED) {
    result.elementType = getElementType(type->elem_type(), context);
    if (!result.elementType)
      return diagnostics.error(what + ": elements of type " +
                               getDataTypeName(type->elem_type()) +
                               " are not supported");
  }
  if (type->has_shape()) {
    result.shape.emplace();
    for (const auto &dim : type->shape().dim())
      result.shape->push_back(dim.has_dim_value() && dim.dim_value() >= 0
                                  ? dim.dim_value()
                                  : ShapedType::kDynamic);
  }
  return result;
}
