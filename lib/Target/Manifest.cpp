//===- Manifest.cpp - what a library says about itself --------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The manifest inside a library and the C header beside it: the same facts, for
// programs and for C programmers.
//
//===----------------------------------------------------------------------===//

#include "ModelObject.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mpc/Support/Version.h"
#include "mpc/runtime.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"
#include <nlohmann/json.hpp>

using namespace mlir;
using nlohmann::ordered_json;

std::optional<mpc::ElementType> mpc::getBorderType(Type type) {
  if (type.isF32())
    return ElementType::F32;
  if (type.isF16())
    return ElementType::F16;
  if (type.isBF16())
    return ElementType::BF16;
  if (type.isF64())
    return ElementType::F64;
  if (isa<Float8E4M3FNType>(type))
    return ElementType::F8E4M3FN;
  if (isa<Float8E4M3FNUZType>(type))
    return ElementType::F8E4M3FNUZ;
  if (isa<Float8E5M2Type>(type))
    return ElementType::F8E5M2;
  if (isa<Float8E5M2FNUZType>(type))
    return ElementType::F8E5M2FNUZ;
  if (isa<Float8E8M0FNUType>(type))
    return ElementType::F8E8M0;
  if (isa<Float4E2M1FNType>(type))
    return ElementType::F4E2M1;
  auto integer = dyn_cast<IntegerType>(type);
  if (!integer)
    return std::nullopt;
  bool isUnsigned = integer.isUnsigned();
  switch (integer.getWidth()) {
  case 1:
    return ElementType::Bool;
  case 2:
    return isUnsigned ? ElementType::U2 : ElementType::I2;
  case 4:
    return isUnsigned ? ElementType::U4 : ElementType::I4;
  case 8:
    return isUnsigned ? ElementType::U8 : ElementType::I8;
  case 16:
    return isUnsigned ? ElementType::U16 : ElementType::I16;
  case 32:
    return isUnsigned ? ElementType::U32 : ElementType::I32;
  case 64:
    return isUnsigned ? ElementType::U64 : ElementType::I64;
  default:
    return std::nullopt;
  }
}

/// Names come from model files and may hold any bytes; JSON holds UTF-8.
static std::string toUTF8(StringRef text) { return llvm::json::fixUTF8(text); }

std::string mpc::toJSON(StringRef text) {
  return ordered_json(text.str())
      .dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

static ordered_json getTensors(ArrayRef<mpc::TensorInfo> tensors) {
  ordered_json list = ordered_json::array();
  for (const mpc::TensorInfo &tensor : tensors) {
    ordered_json entry;
    entry["name"] = toUTF8(tensor.name);
    entry["type"] = elementTypeName(tensor.type);
    ordered_json shape = ordered_json::array();
    for (int64_t dim : tensor.dims) {
      if (ShapedType::isDynamic(dim))
        shape.push_back("batch");
      else
        shape.push_back(dim);
    }
    entry["shape"] = std::move(shape);
    if (!tensor.layout.empty())
      entry["layout"] = tensor.layout;
    if (tensor.quantization)
      entry["quantization"] = {{"scale", tensor.quantization->scale},
                               {"zero_point", tensor.quantization->zeroPoint}};
    if (tensor.range)
      entry["range"] = {tensor.range->first, tensor.range->second};
    list.push_back(std::move(entry));
  }
  return list;
}

static ordered_json getGroups(ArrayRef<mpc::GroupInfo> groups) {
  ordered_json list = ordered_json::array();
  for (const mpc::GroupInfo &group : groups) {
    ordered_json item;
    item["name"] = toUTF8(group.name);
    item["precision"] = group.precision;
    if (!group.reason.empty())
      item["reason"] = toUTF8(group.reason);
    if (!group.kind.empty())
      item["kind"] = group.kind;
    if (group.macs)
      item["macs"] = group.macs;
    if (group.bytes)
      item["bytes"] = group.bytes;
    if (!group.key.empty())
      item["key"] = group.key;
    if (!group.from.empty())
      item["conversion"] = {
          {"from", group.from}, {"to", group.to}, {"shape", group.shape}};
    list.push_back(std::move(item));
  }
  return list;
}

std::string mpc::createManifest(const ModelInfo &info,
                                ArrayRef<LibraryEntry> entries,
                                ArrayRef<VariantInfo> variants,
                                uint64_t weightsBytes, bool isBenchKit) {
  ordered_json manifest;
  manifest["format"] = 1;
  manifest["compiler"] = {{"name", "mpc"},
                          {"version", MPC_VERSION_STRING},
                          {"llvm", LLVM_VERSION_STRING}};
  manifest["abi"] = MPC_ABI_VERSION;
  manifest["model"] = {{"name", toUTF8(info.name)}, {"hash", info.hash}};
  if (isBenchKit)
    manifest["kind"] = "bench-kit";
  manifest["precision"] = info.precision;
  ordered_json list = ordered_json::array();
  for (const LibraryEntry &entry : entries) {
    ordered_json item;
    item["name"] = entry.name;
    item["inputs"] = getTensors(entry.info.inputs);
    item["outputs"] = getTensors(entry.info.outputs);
    if (isBenchKit)
      item["groups"] = getGroups(entry.info.groups);
    list.push_back(std::move(item));
  }
  manifest["entries"] = std::move(list);
  manifest["weights_bytes"] = weightsBytes;
  ordered_json isas = ordered_json::array();
  for (const VariantInfo &variant : variants) {
    // What any entry needs.
    int64_t base = 0, perBatch = 0;
    for (const VariantInfo::Entry &entry : variant.entries) {
      base = std::max(base, entry.arenaBase);
      perBatch = std::max(perBatch, entry.arenaPerBatch);
    }
    isas.push_back({{"name", variant.name},
                    {"workspace", {{"base", base}, {"per_batch", perBatch}}}});
  }
  manifest["isas"] = std::move(isas);
  manifest["groups"] = isBenchKit ? ordered_json::array()
                                  : getGroups(entries.front().info.groups);
  return manifest.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

std::string mpc::makeCIdentifier(StringRef text) {
  std::string name;
  for (char c : text)
    name += llvm::isAlnum(c) ? c : '_';
  if (name.empty() || llvm::isDigit(name.front()))
    name.insert(name.begin(), '_');
  return name;
}

/// Text from a model file inside a C comment.
static std::string toComment(StringRef text) {
  std::string comment;
  for (char c : text) {
    if (c == '/' && !comment.empty() && comment.back() == '*')
      comment += ' ';
    comment += llvm::isPrint(c) && c != '\\' ? c : '?';
  }
  return comment;
}

/// `enum { PREFIX_INPUT_X = 0, ... }`: indices of the tensors by name.
static void printIndices(llvm::raw_ostream &os, StringRef prefix,
                         StringRef kind, ArrayRef<mpc::TensorInfo> tensors) {
  std::string stem = (prefix + "_" + kind).str();
  llvm::StringSet<> used;
  os << "\nenum {\n";
  for (auto [index, tensor] : llvm::enumerate(tensors)) {
    std::string name = stem + "_" + StringRef(tensor.name).upper();
    name = mpc::makeCIdentifier(name);
    std::string unique = name;
    for (unsigned n = 2; !used.insert(unique).second; ++n)
      unique = name + "_" + std::to_string(n);
    os << "  " << unique << " = " << index << ", /* \""
       << toComment(tensor.name) << "\": " << elementTypeName(tensor.type);
    for (int64_t dim : tensor.dims)
      os << (ShapedType::isDynamic(dim) ? "[batch]"
                                        : "[" + std::to_string(dim) + "]");
    if (!tensor.layout.empty())
      os << ", " << toComment(tensor.layout);
    os << " */\n";
  }
  os << "  " << prefix << "_NUM_" << kind << "S = " << tensors.size()
     << "\n};\n";
}

std::string mpc::createHeader(const ModelInfo &info, StringRef prefix) {
  std::string text;
  llvm::raw_string_ostream os(text);
  std::string upper = prefix.upper();
  os << "/* Generated by mpc " << MPC_VERSION_STRING;
  if (!info.name.empty())
    os << " from " << toComment(info.name);
  os << ". Do not edit. */\n"
     << "#ifndef MPC_MODEL_" << upper << "_H\n"
     << "#define MPC_MODEL_" << upper << "_H\n\n"
     << "#include \"mpc/runtime.h\"\n\n"
     << "#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n"
     << "/* The model, NULL if the library is newer than max_abi\n"
     << " * (MPC_ABI_VERSION). */\n"
     << "const mpc_model *" << prefix << "_query(uint32_t max_abi);\n\n"
     << "/* Indices of inputs and outputs. */";
  printIndices(os, upper, "INPUT", info.inputs);
  printIndices(os, upper, "OUTPUT", info.outputs);
  os << "\n#ifdef __cplusplus\n}\n#endif\n\n"
     << "#endif /* MPC_MODEL_" << upper << "_H */\n";
  return text;
}
