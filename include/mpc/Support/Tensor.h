//===- Tensor.h - Element types and dense tensors ---------------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Tensors of numbers outside the IR: what files hold and what a compiled model
// is called with. Free of LLVM, so that mpc-run stays small.
//
//===----------------------------------------------------------------------===//

#ifndef MPC_SUPPORT_TENSOR_H
#define MPC_SUPPORT_TENSOR_H

#include <cstdint>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mpc {

/// Element types; the numbers are those of onnx.TensorProto.DataType and of
/// mpc_dtype.
enum class ElementType : uint32_t {
  Undefined = 0,
  F32 = 1,
  U8 = 2,
  I8 = 3,
  U16 = 4,
  I16 = 5,
  I32 = 6,
  I64 = 7,
  Bool = 9,
  F16 = 10,
  F64 = 11,
  U32 = 12,
  U64 = 13,
  BF16 = 16,
  F8E4M3FN = 17,
  F8E4M3FNUZ = 18,
  F8E5M2 = 19,
  F8E5M2FNUZ = 20,
  U4 = 21,     // in memory one byte each
  I4 = 22,     // in memory one byte each, with its sign
  F4E2M1 = 23, // in memory one byte each
  F8E8M0 = 24,
  U2 = 25, // in memory one byte each
  I2 = 26, // in memory one byte each, with its sign
};

/// Bytes of one element, 0 for a type that is not listed above.
unsigned elementBytes(ElementType type);

/// "f32", "bf16", "bool" ...; "type 8" for what is not listed above.
std::string elementTypeName(ElementType type);

/// The type of that name.
std::optional<ElementType> parseElementType(std::string_view name);

/// Whether values are floating-point numbers.
bool isFloat(ElementType type);

/// How many bits elements take in ONNX's files where that is less than a byte,
/// 4 or 2, the first in the lowest bits; 0 for other types.
unsigned packedBits(ElementType type);

/// The exact value of an f16 or bf16 bit pattern.
float halfToFloat(uint16_t bits);
float bfloatToFloat(uint16_t bits);
/// The exact value of a float of 8 or 4 bits of one of the types above.
float smallFloatToFloat(ElementType type, uint8_t bits);

using Shape = std::vector<int64_t>;

/// "1x28x28"; "scalar" for rank 0; "?" for a negative size.
std::string shapeToString(const Shape &shape);

/// The number of elements; nothing if a size is negative or the bytes of such a
/// tensor do not fit into 63 bits.
std::optional<int64_t> countElements(const Shape &shape);

/// Allocates where a line of the caches begins, so that vectors do not lie
/// across two.
template <typename T> struct LineAllocator {
  using value_type = T;
  static constexpr std::align_val_t alignment{64};
  LineAllocator() = default;
  template <typename U> LineAllocator(const LineAllocator<U> &) {}
  T *allocate(size_t count) {
    return static_cast<T *>(operator new(count * sizeof(T), alignment));
  }
  void deallocate(T *pointer, size_t) { operator delete(pointer, alignment); }
  friend bool operator==(LineAllocator, LineAllocator) { return true; }
  friend bool operator!=(LineAllocator, LineAllocator) { return false; }
};

/// A dense tensor, last dimension fastest, little endian.
struct Tensor {
  ElementType type = ElementType::Undefined;
  Shape shape;
  std::vector<char, LineAllocator<char>> data;

  int64_t numElements() const;
  /// The value of an element. Integers beyond 2^53 are rounded.
  double valueAt(int64_t index) const;
};

/// The value of one element in memory.
double readElement(ElementType type, const char *data, int64_t index);

/// The index of the first element that is not finite, nothing if all are.
std::optional<int64_t> findNonFinite(const Tensor &tensor);

} // namespace mpc

#endif // MPC_SUPPORT_TENSOR_H
