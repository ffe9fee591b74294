//===- Tensor.cpp - Element types and dense tensors -----------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpc/Support/Tensor.h"

#include <cmath>
#include <cstring>

using namespace mpc;

namespace {
struct TypeRow {
  ElementType type;
  const char *name;
  unsigned bytes;
};
constexpr TypeRow typeRows[] = {
    {ElementType::F32, "f32", 4},
    {ElementType::U8, "u8", 1},
    {ElementType::I8, "i8", 1},
    {ElementType::U16, "u16", 2},
    {ElementType::I16, "i16", 2},
    {ElementType::I32, "i32", 4},
    {ElementType::I64, "i64", 8},
    {ElementType::Bool, "bool", 1},
    {ElementType::F16, "f16", 2},
    {ElementType::F64, "f64", 8},
    {ElementType::U32, "u32", 4},
    {ElementType::U64, "u64", 8},
    {ElementType::BF16, "bf16", 2},
    {ElementType::F8E4M3FN, "f8e4m3fn", 1},
    {ElementType::F8E4M3FNUZ, "f8e4m3fnuz", 1},
    {ElementType::F8E5M2, "f8e5m2", 1},
    {ElementType::F8E5M2FNUZ, "f8e5m2fnuz", 1},
    {ElementType::F8E8M0, "f8e8m0", 1},
    {ElementType::U4, "u4", 1},
    {ElementType::I4, "i4", 1},
    {ElementType::F4E2M1, "f4e2m1", 1},
    {ElementType::U2, "u2", 1},
    {ElementType::I2, "i2", 1},
};
} // namespace

unsigned mpc::elementBytes(ElementType type) {
  for (const TypeRow &row : typeRows)
    if (row.type == type)
      return row.bytes;
  return 0;
}

std::string mpc::elementTypeName(ElementType type) {
  for (const TypeRow &row : typeRows)
    if (row.type == type)
      return row.name;
  return "type " + std::to_string(uint32_t(type));
}

std::optional<ElementType> mpc::parseElementType(std::string_view name) {
  for (const TypeRow &row : typeRows)
    if (row.name == name)
      return row.type;
  return std::nullopt;
}

bool mpc::isFloat(ElementType type) {
  switch (type) {
  case ElementType::F32:
  case ElementType::F64:
  case ElementType::F16:
  case ElementType::BF16:
  case ElementType::F8E4M3FN:
  case ElementType::F8E4M3FNUZ:
  case ElementType::F8E5M2:
  case ElementType::F8E5M2FNUZ:
  case ElementType::F8E8M0:
  case ElementType::F4E2M1:
    return true;
  default:
    return false;
  }
}

unsigned mpc::packedBits(ElementType type) {
  switch (type) {
  case ElementType::U4:
  case ElementType::I4:
  case ElementType::F4E2M1:
    return 4;
  case ElementType::U2:
  case ElementType::I2:
    return 2;
  default:
    return 0;
  }
}

float mpc::bfloatToFloat(uint16_t bits) {
  uint32_t wide = uint32_t(bits) << 16;
  float value;
  std::memcpy(&value, &wide, sizeof(value));
  return value;
}

float mpc::halfToFloat(uint16_t bits) {
  uint32_t sign = uint32_t(bits & 0x8000) << 16, exponent = bits >> 10 & 31,
           fraction = bits & 1023;
  if (exponent == 0) {
    float magnitude = std::ldexp(float(fraction), -24);
    return sign ? -magnitude : magnitude;
  }
  uint32_t wide = exponent == 31 ? 0x7f800000 : (exponent + 112) << 23;
  wide |= sign | fraction << 13;
  float value;
  std::memcpy(&value, &wide, sizeof(value));
  return value;
}

float mpc::smallFloatToFloat(ElementType type, uint8_t bits) {
  if (type == ElementType::F8E8M0) // an exponent alone
    return bits == 255 ? NAN : std::ldexp(1.0f, int(bits) - 127);
  if (type == ElementType::F4E2M1) {
    constexpr float values[] = {0, 0.5f, 1, 1.5f, 2, 3, 4, 6};
    return bits & 8 ? -values[bits & 7] : values[bits & 7];
  }
  bool wide = type == ElementType::F8E5M2 || type == ElementType::F8E5M2FNUZ;
  bool noNegativeZero =
      type == ElementType::F8E4M3FNUZ || type == ElementType::F8E5M2FNUZ;
  int fractionBits = wide ? 2 : 3;
  int bias = (wide ? 15 : 7) + (noNegativeZero ? 1 : 0);
  int magnitude = bits & 127;
  if (noNegativeZero && bits == 128)
    return NAN;
  if (type == ElementType::F8E4M3FN && magnitude == 127)
    return NAN;
  if (type == ElementType::F8E5M2 && magnitude >= 124) {
    float special = magnitude == 124 ? INFINITY : NAN;
    return bits & 128 ? -special : special;
  }
  int exponent = magnitude >> fractionBits;
  int fraction = magnitude & ((1 << fractionBits) - 1);
  if (exponent)
    fraction |= 1 << fractionBits;
  float value = std::ldexp(float(fraction),
                           (exponent ? exponent : 1) - bias - fractionBits);
  return bits & 128 ? -value : value;
}

std::string mpc::shapeToString(const Shape &shape) {
  if (shape.empty())
    return "scalar";
  std::string text;
  for (int64_t size : shape) {
    if (!text.empty())
      text += 'x';
    text += size < 0 ? "?" : std::to_string(size);
  }
  return text;
}

std::optional<int64_t> mpc::countElements(const Shape &shape) {
  int64_t count = 1;
  for (int64_t size : shape)
    if (size < 0 || __builtin_mul_overflow(count, size, &count))
      return std::nullopt;
  // Of any element type, 8 bytes at most.
  if (count > INT64_MAX / 8)
    return std::nullopt;
  return count;
}

int64_t Tensor::numElements() const {
  unsigned bytes = elementBytes(type);
  return bytes ? int64_t(data.size() / bytes) : 0;
}

template <typename T> static double load(const char *data, int64_t index) {
  T value;
  std::memcpy(&value, data + index * int64_t(sizeof(T)), sizeof(T));
  return double(value);
}

double mpc::readElement(ElementType type, const char *data, int64_t index) {
  uint16_t bits;
  switch (type) {
  case ElementType::Undefined:
    return 0;
  case ElementType::F32:
    return load<float>(data, index);
  case ElementType::Bool:
  case ElementType::U8:
  case ElementType::U4:
  case ElementType::U2:
    return load<uint8_t>(data, index);
  case ElementType::F8E4M3FN:
  case ElementType::F8E4M3FNUZ:
  case ElementType::F8E5M2:
  case ElementType::F8E5M2FNUZ:
  case ElementType::F8E8M0:
  case ElementType::F4E2M1:
    return smallFloatToFloat(type, uint8_t(data[index]));
  case ElementType::I8:
  case ElementType::I4:
  case ElementType::I2:
    return load<int8_t>(data, index);
  case ElementType::U16:
    return load<uint16_t>(data, index);
  case ElementType::I16:
    return load<int16_t>(data, index);
  case ElementType::I32:
    return load<int32_t>(data, index);
  case ElementType::I64:
    return load<int64_t>(data, index);
  case ElementType::F64:
    return load<double>(data, index);
  case ElementType::U32:
    return load<uint32_t>(data, index);
  case ElementType::U64:
    return load<uint64_t>(data, index);
  case ElementType::F16:
  case ElementType::BF16:
    std::memcpy(&bits, data + index * 2, 2);
    return type == ElementType::F16 ? halfToFloat(bits) : bfloatToFloat(bits);
  }
  return 0;
}

double Tensor::valueAt(int64_t index) const {
  return readElement(type, data.data(), index);
}

std::optional<int64_t> mpc::findNonFinite(const Tensor &tensor) {
  if (!isFloat(tensor.type))
    return std::nullopt;
  for (int64_t i = 0, e = tensor.numElements(); i < e; ++i)
    if (!std::isfinite(tensor.valueAt(i)))
      return i;
  return std::nullopt;
}
