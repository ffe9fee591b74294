//===- TensorProtoFormat.cpp - ONNX's TensorProto -------------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ByteSource.h"

#include <onnx/onnx_pb.h>

#include <cstring>
#include <string_view>

using namespace mpc;

/// Appends the elements of a typed field, each as a T.
template <typename T, typename Field>
static void appendElements(const Field &field, std::vector<char> &data) {
  for (auto element : field) {
    T value = static_cast<T>(element);
    const char *bytes = reinterpret_cast<const char *>(&value);
    data.insert(data.end(), bytes, bytes + sizeof(T));
  }
}

/// The elements of a tensor without raw_data: the field depends on the type
/// (onnx.proto, comments of TensorProto).
static void decodeFields(const onnx::TensorProto &proto, ElementType type,
                         std::vector<char> &data) {
  switch (type) {
  case ElementType::F32:
    return appendElements<float>(proto.float_data(), data);
  case ElementType::F64:
    return appendElements<double>(proto.double_data(), data);
  case ElementType::I64:
    return appendElements<int64_t>(proto.int64_data(), data);
  case ElementType::U32:
    return appendElements<uint32_t>(proto.uint64_data(), data);
  case ElementType::U64:
    return appendElements<uint64_t>(proto.uint64_data(), data);
  case ElementType::I32:
    return appendElements<int32_t>(proto.int32_data(), data);
  case ElementType::I16:
  case ElementType::U16:
  case ElementType::F16:
  case ElementType::BF16:
    return appendElements<uint16_t>(proto.int32_data(), data);
  case ElementType::I8:
  case ElementType::U8:
  case ElementType::Bool:
  case ElementType::F8E4M3FN:
  case ElementType::F8E4M3FNUZ:
  case ElementType::F8E5M2:
  case ElementType::F8E5M2FNUZ:
  case ElementType::F8E8M0:
  case ElementType::U4: // several elements in each
  case ElementType::I4:
  case ElementType::F4E2M1:
  case ElementType::U2:
  case ElementType::I2:
    return appendElements<uint8_t>(proto.int32_data(), data);
  case ElementType::Undefined:
    return;
  }
}

/// Elements of few bits, several in a byte with the first in the lowest, as
/// bytes. Nothing where there are not as many as `count` needs.
static std::optional<std::vector<char>>
unpack(const std::vector<char> &packed, ElementType type, int64_t count) {
  unsigned bits = packedBits(type);
  int64_t perByte = 8 / bits;
  if (int64_t(packed.size()) != count / perByte + (count % perByte != 0))
    return std::nullopt;
  int top = 1 << (bits - 1);
  bool isSigned = type == ElementType::I4 || type == ElementType::I2;
  std::vector<char> data;
  data.reserve(size_t(count));
  for (int64_t i = 0; i < count; ++i) {
    int value = uint8_t(packed[size_t(i / perByte)]) >> (i % perByte * bits) &
                (2 * top - 1);
    if (isSigned && value >= top)
      value -= 2 * top;
    data.push_back(char(value));
  }
  return data;
}

static std::string pack(std::string_view data, unsigned bits) {
  size_t perByte = 8 / bits;
  std::string packed(data.size() / perByte + (data.size() % perByte != 0),
                     '\0');
  for (size_t i = 0; i < data.size(); ++i)
    packed[i / perByte] =
        char(uint8_t(packed[i / perByte]) |
             (uint8_t(data[i]) & ((1 << bits) - 1)) << (i % perByte * bits));
  return packed;
}

bool mpc::readTensorProto(std::shared_ptr<ByteSource> source,
                          const std::string &path, TensorReaders &readers,
                          std::string &error) {
  auto fail = [&](const std::string &what) {
    error = path + ": " + what;
    return false;
  };
  std::vector<char> file(size_t(source->size()));
  if (!source->read(0, source->size(), file.data(), error))
    return false;
  onnx::TensorProto proto;
  if (file.size() > INT32_MAX ||
      !proto.ParseFromArray(file.data(), int(file.size())))
    return fail("expected an ONNX TensorProto, but got other contents");
  auto type = ElementType(proto.data_type());
  if (!elementBytes(type))
    return fail("expected a tensor of numbers, but got ONNX element type " +
                std::to_string(proto.data_type()));
  if (proto.data_location() == onnx::TensorProto::EXTERNAL ||
      proto.external_data_size())
    return fail("expected a tensor with its elements, but they are in another "
                "file");
  Shape shape(proto.dims().begin(), proto.dims().end());
  std::vector<char> data;
  if (proto.has_raw_data())
    data.assign(proto.raw_data().begin(), proto.raw_data().end());
  else
    decodeFields(proto, type, data);
  std::optional<int64_t> count = countElements(shape);
  bool fits = count && uint64_t(*count) * elementBytes(type) == data.size();
  if (count && packedBits(type)) {
    std::optional<std::vector<char>> unpacked = unpack(data, type, *count);
    fits = unpacked.has_value();
    if (fits)
      data = std::move(*unpacked);
  }
  if (!fits)
    return fail("the shape " + shapeToString(shape) + " of " +
                elementTypeName(type) + " contradicts the " +
                std::to_string(data.size()) + " bytes of elements");
  readers.emplace_back(type, std::move(shape), proto.name(),
                       makeMemorySource(std::move(data)), 0, path);
  return true;
}

std::vector<char> mpc::encodeTensorProto(const Tensor &tensor,
                                         const std::string &name) {
  onnx::TensorProto proto;
  proto.set_name(name);
  proto.set_data_type(int32_t(tensor.type));
  for (int64_t size : tensor.shape)
    proto.add_dims(size);
  if (unsigned bits = packedBits(tensor.type))
    proto.set_raw_data(pack({tensor.data.data(), tensor.data.size()}, bits));
  else
    proto.set_raw_data(tensor.data.data(), tensor.data.size());
  std::vector<char> bytes(proto.ByteSizeLong());
  proto.SerializeToArray(bytes.data(), int(bytes.size()));
  return bytes;
}
