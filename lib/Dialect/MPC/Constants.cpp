//===- Constants.cpp - values known at compile time -----------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpc/Dialect/MPC/Constants.h"
#include "mlir/IR/BuiltinDialect.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/IR/Matchers.h"
#include "mpc/Dialect/MPC/MPCDialect.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/xxhash.h"

using namespace mlir;
using namespace mpc;

/// Constants of at most this many elements are written out, so that scales,
/// pads and shapes can be read in the IR.
static constexpr int64_t kMaxInlineElements = 16;
/// A cache line, and the widest vector: whatever loads a weight may do so
/// aligned.
static constexpr size_t kAlignment = 64;

ElementsAttr mpc::getConstantValue(Value value) {
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    auto group = dyn_cast_or_null<GroupOp>(argument.getOwner()->getParentOp());
    if (!group || argument.getArgNumber() >= group.getInputs().size())
      return {};
    value = group.getInputs()[argument.getArgNumber()];
  }
  ElementsAttr elements;
  matchPattern(value, m_Constant(&elements));
  return elements;
}

bool mpc::isWeight(Value value) {
  while (true) {
    if (getConstantValue(value))
      return true;
    if (auto argument = dyn_cast<BlockArgument>(value)) {
      auto group =
          dyn_cast_or_null<GroupOp>(argument.getOwner()->getParentOp());
      if (!group || argument.getArgNumber() >= group.getInputs().size())
        return false;
      value = group.getInputs()[argument.getArgNumber()];
      continue;
    }
    Operation *op = value.getDefiningOp();
    if (auto blocks = dyn_cast_or_null<DequantizeBlocksOp>(op)) {
      value = blocks.getValues();
      continue;
    }
    if (!op || op->getNumOperands() != 1 || op->getNumRegions() != 0 ||
        !isa<MPCDialect>(op->getDialect()))
      return false;
    value = op->getOperand(0);
  }
}

static size_t getElementBytes(Type element) {
  return llvm::divideCeil(element.getIntOrFloatBitWidth(), 8);
}

/// Bytes of a static shape, or nothing where they do not fit into memory.
static std::optional<size_t> getByteCount(ShapedType type) {
  if (!type.hasStaticShape() || !type.getElementType().isIntOrFloat())
    return std::nullopt;
  int64_t bytes = getElementBytes(type.getElementType());
  for (int64_t size : type.getShape())
    if (llvm::MulOverflow(bytes, size, bytes))
      return std::nullopt;
  return bytes;
}

std::optional<ArrayRef<char>> mpc::getRawBytes(ElementsAttr value,
                                               std::vector<char> &storage) {
  ShapedType type = value.getShapedType();
  std::optional<size_t> byteCount = getByteCount(type);
  if (!byteCount)
    return std::nullopt;
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(value)) {
    const AsmResourceBlob *blob = resource.getRawHandle().getBlob();
    if (!blob || blob->getData().size() != *byteCount)
      return std::nullopt;
    return blob->getData();
  }
  auto dense = dyn_cast<DenseElementsAttr>(value);
  if (!dense)
    return std::nullopt;
  if (type.getElementType().isInteger(1)) { // dense attributes may hold bits
    for (bool bit : dense.getValues<bool>())
      storage.push_back(bit);
    return ArrayRef<char>(storage);
  }
  ArrayRef<char> raw = dense.getRawData();
  if (!dense.isSplat())
    return raw;
  storage.resize(*byteCount);
  for (size_t offset = 0; offset < storage.size(); offset += raw.size())
    memcpy(storage.data() + offset, raw.data(), raw.size());
  return ArrayRef<char>(storage);
}

/// Calls `callback` with each element's bits, zero-extended.
template <typename Callback>
static void forEachElement(ArrayRef<char> bytes, size_t width,
                           Callback callback) {
  for (size_t offset = 0; offset + width <= bytes.size(); offset += width) {
    uint64_t bits = 0;
    memcpy(&bits, bytes.data() + offset, width);
    callback(bits);
  }
}

static int64_t toInt(uint64_t bits, IntegerType type) {
  unsigned width = type.getWidth();
  // 4-bit integers take a byte, whose upper half says nothing.
  if (width == 4)
    bits &= 15;
  if (width == 64 || width == 1 || type.isUnsigned())
    return int64_t(bits);
  return llvm::SignExtend64(bits, width);
}

static double toDouble(uint64_t bits, FloatType type) {
  APFloat number(type.getFloatSemantics(), APInt(type.getWidth(), bits));
  bool losesInfo;
  number.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven,
                 &losesInfo);
  return number.convertToDouble();
}

std::optional<std::vector<float>> mpc::getFloatValues(ElementsAttr value) {
  Type element = value.getShapedType().getElementType();
  std::vector<char> storage;
  std::optional<ArrayRef<char>> bytes = getRawBytes(value, storage);
  if (!bytes)
    return std::nullopt;
  std::vector<float> values;
  size_t width = getElementBytes(element);
  values.reserve(bytes->size() / width);
  if (element.isF32()) { // the common case, without APFloat
    values.resize(bytes->size() / width);
    memcpy(values.data(), bytes->data(), bytes->size());
  } else if (auto type = dyn_cast<FloatType>(element)) {
    forEachElement(*bytes, width, [&](uint64_t bits) {
      values.push_back(float(toDouble(bits, type)));
    });
  } else {
    auto intType = cast<IntegerType>(element);
    forEachElement(*bytes, width, [&](uint64_t bits) {
      int64_t number = toInt(bits, intType);
      values.push_back(intType.isUnsigned() ? float(uint64_t(number))
                                            : float(number));
    });
  }
  return values;
}

std::optional<std::vector<int64_t>> mpc::getIntValues(ElementsAttr value) {
  auto type = dyn_cast<IntegerType>(value.getShapedType().getElementType());
  std::vector<char> storage;
  std::optional<ArrayRef<char>> bytes =
      type ? getRawBytes(value, storage) : std::nullopt;
  if (!bytes)
    return std::nullopt;
  std::vector<int64_t> values;
  values.reserve(bytes->size() / getElementBytes(type));
  forEachElement(*bytes, getElementBytes(type),
                 [&](uint64_t bits) { values.push_back(toInt(bits, type)); });
  return values;
}

std::optional<double> mpc::getSplatValue(ElementsAttr value) {
  Type element = value.getShapedType().getElementType();
  std::vector<char> storage;
  std::optional<ArrayRef<char>> bytes = getRawBytes(value, storage);
  if (!bytes || bytes->empty())
    return std::nullopt;
  size_t width = getElementBytes(element);
  for (size_t offset = width; offset < bytes->size(); offset += width)
    if (memcmp(bytes->data(), bytes->data() + offset, width) != 0)
      return std::nullopt;
  uint64_t bits = 0;
  memcpy(&bits, bytes->data(), width);
  if (auto type = dyn_cast<FloatType>(element))
    return toDouble(bits, type);
  auto type = cast<IntegerType>(element);
  int64_t number = toInt(bits, type);
  return type.isUnsigned() ? double(uint64_t(number)) : double(number);
}

static bool holds(DenseResourceElementsHandle handle, ArrayRef<char> bytes) {
  const AsmResourceBlob *blob = handle.getBlob();
  return blob && blob->getDataAlignment() >= kAlignment &&
         blob->getData() == bytes;
}

ElementsAttr mpc::createConstant(RankedTensorType type, ArrayRef<char> bytes,
                                 StringRef hint) {
  assert(getByteCount(type) == bytes.size() && "as many bytes as the type has");
  if (type.getNumElements() <= kMaxInlineElements) {
    if (!type.getElementType().isInteger(1))
      return DenseElementsAttr::getFromRawBuffer(type, bytes);
    SmallVector<bool> bits;
    for (char byte : bytes)
      bits.push_back(byte != 0);
    return DenseElementsAttr::get(type, bits);
  }

  uint64_t hash = llvm::xxh3_64bits(
      ArrayRef(reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size()));
  std::string name = llvm::formatv("{0}_{1:x-16}", hint, hash);
  auto &manager =
      DenseResourceElementsHandle::getManagerInterface(type.getContext());
  // Weights that are the same share their blob; the name is theirs unless
  // another blob has the same hash.
  if (auto *entry = manager.getBlobManager().lookup(name)) {
    DenseResourceElementsHandle handle(
        entry,
        cast<BuiltinDialect>(type.getContext()->getLoadedDialect("builtin")));
    if (holds(handle, bytes))
      return DenseResourceElementsAttr::get(type, handle);
  }
  AsmResourceBlob blob = HeapAsmResourceBlob::allocateAndCopyWithAlign(
      bytes, kAlignment, /*dataIsMutable=*/false);
  return DenseResourceElementsAttr::get(type,
                                        manager.insert(name, std::move(blob)));
}

ElementsAttr mpc::createFloatConstant(RankedTensorType type,
                                      ArrayRef<float> values, StringRef hint) {
  auto element = cast<FloatType>(type.getElementType());
  if (element.isF32())
    return createConstant(
        type,
        ArrayRef(reinterpret_cast<const char *>(values.data()),
                 values.size() * sizeof(float)),
        hint);
  size_t width = getElementBytes(element);
  std::vector<char> bytes(values.size() * width);
  for (auto [index, value] : llvm::enumerate(values)) {
    APFloat number(value);
    bool losesInfo;
    number.convert(element.getFloatSemantics(), APFloat::rmNearestTiesToEven,
                   &losesInfo);
    uint64_t bits = number.bitcastToAPInt().getZExtValue();
    memcpy(bytes.data() + index * width, &bits, width);
  }
  return createConstant(type, bytes, hint);
}

ElementsAttr mpc::createIntConstant(RankedTensorType type,
                                    ArrayRef<int64_t> values, StringRef hint) {
  auto element = cast<IntegerType>(type.getElementType());
  size_t width = getElementBytes(element);
  bool isUnsigned = element.isUnsigned() || element.getWidth() == 1;
  unsigned bits = element.getWidth();
  std::vector<char> bytes(values.size() * width);
  int64_t least = isUnsigned ? 0 : llvm::minIntN(bits);
  int64_t most = isUnsigned && bits < 64 ? int64_t(llvm::maxUIntN(bits))
                                         : llvm::maxIntN(bits);
  for (size_t index = 0; index < values.size(); ++index) {
    int64_t value =
        bits < 64 ? std::clamp(values[index], least, most) : values[index];
    if (bits == 4)
      value &= 15;
    memcpy(bytes.data() + index * width, &value, width);
  }
  return createConstant(type, bytes, hint);
}
