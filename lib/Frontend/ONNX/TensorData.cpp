//===- TensorData.cpp - contents of ONNX tensors
//---------------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TensorData.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include <onnx/onnx_pb.h>

using namespace mlir;
using namespace mpc;
using namespace mpc::frontend;
using onnx::TensorProto;

/// Constants of at least as many bytes become resources.
static constexpr int64_t resourceBytes = 256;
/// Wide enough for every vector load, and for a cache line.
static constexpr size_t resourceAlignment = 64;

//===----------------------------------------------------------------------===//
// Element types
//===----------------------------------------------------------------------===//

namespace {
/// Numbers past BFLOAT16 are younger than the protobuf definitions.
enum : int32_t {
  FLOAT8E4M3FN = 17,
  FLOAT8E4M3FNUZ = 18,
  FLOAT8E5M2 = 19,
  FLOAT8E5M2FNUZ = 20,
  UINT4 = 21,
  INT4 = 22,
  FLOAT4E2M1 = 23,
  FLOAT8E8M0 = 24,
  UINT2 = 25,
  INT2 = 26,
};
} // namespace

Type frontend::getElementType(int32_t dataType, MLIRContext *context) {
  Builder b(context);
  switch (dataType) {
  case TensorProto::FLOAT:
    return b.getF32Type();
  case TensorProto::FLOAT16:
    return b.getF16Type();
  case TensorProto::BFLOAT16:
    return b.getBF16Type();
  case TensorProto::DOUBLE:
    return b.getF64Type();
  case TensorProto::BOOL:
    return b.getI1Type();
  case TensorProto::INT8:
    return b.getI8Type();
  case TensorProto::INT16:
    return b.getI16Type();
  case TensorProto::INT32:
    return b.getI32Type();
  case TensorProto::INT64:
    return b.getI64Type();
  case TensorProto::UINT8:
    return b.getIntegerType(8, /*isSigned=*/false);
  case TensorProto::UINT16:
    return b.getIntegerType(16, /*isSigned=*/false);
  case TensorProto::UINT32:
    return b.getIntegerType(32, /*isSigned=*/false);
  case TensorProto::UINT64:
    return b.getIntegerType(64, /*isSigned=*/false);
  case FLOAT8E4M3FN:
    return Float8E4M3FNType::get(context);
  case FLOAT8E4M3FNUZ:
    return Float8E4M3FNUZType::get(context);
  case FLOAT8E5M2:
    return Float8E5M2Type::get(context);
  case FLOAT8E5M2FNUZ:
    return Float8E5M2FNUZType::get(context);
  case FLOAT8E8M0:
    return Float8E8M0FNUType::get(context);
  case FLOAT4E2M1:
    return Float4E2M1FNType::get(context);
  case UINT4:
    return b.getIntegerType(4, /*isSigned=*/false);
  case INT4:
    return b.getIntegerType(4);
  case UINT2:
    return b.getIntegerType(2, /*isSigned=*/false);
  case INT2:
    return b.getIntegerType(2);
  default:
    return {};
  }
}

std::string frontend::getDataTypeName(int32_t dataType) {
  switch (dataType) {
  case FLOAT8E4M3FN:
    return "float8e4m3fn";
  case FLOAT8E4M3FNUZ:
    return "float8e4m3fnuz";
  case FLOAT8E5M2:
    return "float8e5m2";
  case FLOAT8E5M2FNUZ:
    return "float8e5m2fnuz";
  case UINT4:
    return "uint4";
  case INT4:
    return "int4";
  case FLOAT4E2M1:
    return "float4e2m1";
  case FLOAT8E8M0:
    return "float8e8m0";
  case UINT2:
    return "uint2";
  case INT2:
    return "int2";
  default:
    if (TensorProto::DataType_IsValid(dataType))
      return StringRef(TensorProto::DataType_Name(
                           static_cast<TensorProto::DataType>(dataType)))
          .lower();
    return "number " + std::to_string(dataType);
  }
}

int64_t frontend::getElementBytes(Type elementType) {
  return llvm::divideCeil(elementType.getIntOrFloatBitWidth(), 8);
}

FailureOr<int64_t> frontend::countElements(ArrayRef<int64_t> shape) {
  int64_t count = 1;
  for (int64_t size : shape) {
    if (size < 0 || size > mostElements)
      return failure();
    // Both factors are at most 2^46; zero makes the product zero for good.
    if (count != 0 && size > mostElements / count)
      return failure();
    count *= size;
  }
  return count;
}

//===----------------------------------------------------------------------===//
// External data
//===----------------------------------------------------------------------===//

ExternalData::ExternalData(StringRef modelPath) {
  StringRef parent = llvm::sys::path::parent_path(modelPath);
  SmallString<256> real;
  if (!llvm::sys::fs::real_path(parent.empty() ? "." : parent, real))
    folder = real.str().str();
}

LogicalResult
ExternalData::read(StringRef location, int64_t offset, int64_t length,
                   std::vector<char> &bytes,
                   function_ref<LogicalResult(const Twine &)> onError) {
  namespace path = llvm::sys::path;
  namespace fs = llvm::sys::fs;
  if (location.empty() || location.contains('\0'))
    return onError("external data without a file name");
  if (path::is_absolute(location))
    return onError("external data '" + location +
                   "' is an absolute path; expected a file in the model's "
                   "folder");
  if (folder.empty())
    return onError("external data '" + location +
                   "' of a model that is not in a folder");
  // First what the path says, then where links lead: a file that is outside
  // must not even be looked at.
  SmallString<256> written(folder), real;
  path::append(written, location);
  path::remove_dots(written, /*remove_dot_dot=*/true);
  auto isInside = [&](StringRef file) {
    return file.consume_front(folder) &&
           (folder == "/" || file.starts_with("/"));
  };
  if (!isInside(written))
    return onError("external data '" + location +
                   "' leads out of the model's folder");
  if (std::error_code code = fs::real_path(written, real))
    return onError("external data '" + location +
                   "' cannot be read: " + code.message());
  if (!isInside(real))
    return onError("external data '" + location + "' links to '" + real +
                   "', outside of the model's folder");
  fs::file_status status;
  if (fs::status(real, status) || !fs::is_regular_file(status))
    return onError("external data '" + location + "' is not a regular file");
  int64_t fileBytes = status.getSize();
  if (offset < 0 || offset > fileBytes)
    return onError("offset " + Twine(offset) + " lies outside of '" + location +
                   "', which has " + Twine(fileBytes) + " bytes");
  if (length < 0)
    length = fileBytes - offset;
  if (length > fileBytes - offset)
    return onError("expected " + Twine(length) + " bytes at offset " +
                   Twine(offset) + " of '" + location + "', but it has " +
                   Twine(fileBytes) + " bytes");
  auto buffer = llvm::MemoryBuffer::getFileSlice(real, length, offset);
  if (!buffer)
    return onError("external data '" + location +
                   "' cannot be read: " + buffer.getError().message());
  if (static_cast<int64_t>((*buffer)->getBufferSize()) < length)
    return onError("external data '" + location + "' ends too early");
  bytes.assign((*buffer)->getBufferStart(),
               (*buffer)->getBufferStart() + length);
  return success();
}

//===----------------------------------------------------------------------===//
// TensorProto
//===----------------------------------------------------------------------===//

/// Appends `values`, each as the `Stored` that it stands for.
template <typename Stored, typename Field>
static void append(std::vector<char> &bytes, const Field &values) {
  bytes.resize(values.size() * sizeof(Stored));
  char *out = bytes.data();
  for (auto value : values) {
    Stored stored = static_cast<Stored>(value);
    memcpy(out, &stored, sizeof(Stored));
    out += sizeof(Stored);
  }
}

/// Elements of 4 or 2 bits, of which files hold several in a byte with the
/// first in the lowest bits, each in a byte.
static void unpack(std::vector<char> &bytes, int64_t count, unsigned bits) {
  unsigned perByte = 8 / bits;
  std::vector<char> unpacked(count);
  for (int64_t i = 0; i < count; ++i)
    unpacked[i] =
        static_cast<uint8_t>(bytes[i / perByte]) >> (i % perByte * bits) &
        ((1 << bits) - 1);
  bytes = std::move(unpacked);
}

/// The typed field that ONNX assigns to each element type.
static void readTypedField(const TensorProto &tensor,
                           std::vector<char> &bytes) {
  switch (tensor.data_type()) {
  case TensorProto::FLOAT:
    return append<float>(bytes, tensor.float_data());
  case TensorProto::DOUBLE:
    return append<double>(bytes, tensor.double_data());
  case TensorProto::INT64:
    return append<int64_t>(bytes, tensor.int64_data());
  case TensorProto::UINT64:
    return append<uint64_t>(bytes, tensor.uint64_data());
  case TensorProto::UINT32:
    return append<uint32_t>(bytes, tensor.uint64_data());
  case TensorProto::INT32:
    return append<int32_t>(bytes, tensor.int32_data());
  case TensorProto::INT16:
  case TensorProto::UINT16:
  case TensorProto::FLOAT16:
  case TensorProto::BFLOAT16:
    return append<uint16_t>(bytes, tensor.int32_data());
  default:
    return append<uint8_t>(bytes, tensor.int32_data());
  }
}

static LogicalResult
readExternal(const TensorProto &tensor, int64_t expectedBytes,
             ExternalData &externalData, std::vector<char> &bytes,
             function_ref<LogicalResult(const Twine &)> onError) {
  StringRef location;
  int64_t offset = 0, length = -1;
  for (const auto &entry : tensor.external_data()) {
    StringRef key = entry.key(), value = entry.value();
    if (key == "location")
      location = value;
    else if (key == "offset" && (value.getAsInteger(10, offset) || offset < 0))
      return onError("expected a number as offset of the external data, but "
                     "got '" +
                     value + "'");
    else if (key == "length" && (value.getAsInteger(10, length) || length < 0))
      return onError("expected a number as length of the external data, but "
                     "got '" +
                     value + "'");
  }
  if (length >= 0 && length != expectedBytes)
    return onError("expected " + Twine(expectedBytes) +
                   " bytes, but the external data in '" + location +
                   "' is given as " + Twine(length));
  return externalData.read(location, offset, expectedBytes, bytes, onError);
}

FailureOr<TensorData> frontend::readTensor(const TensorProto &tensor,
                                           const Twine &what,
                                           ExternalData &externalData,
                                           MLIRContext *context,
                                           Diagnostics &diagnostics) {
  std::string name = what.str();
  auto onError = [&](const Twine &message) {
    return diagnostics.error(name + ": " + message);
  };
  Type elementType = getElementType(tensor.data_type(), context);
  if (!elementType)
    return onError("elements of type " + getDataTypeName(tensor.data_type()) +
                   " are not supported");
  if (tensor.has_segment())
    return onError("tensors stored in segments are not supported");
  SmallVector<int64_t> shape(tensor.dims().begin(), tensor.dims().end());
  FailureOr<int64_t> count = countElements(shape);
  if (failed(count)) {
    std::string sizes = llvm::join(
        llvm::map_range(shape, [](int64_t s) { return std::to_string(s); }),
        "x");
    return onError("sizes " + sizes +
                   (llvm::any_of(shape, [](int64_t s) { return s < 0; })
                        ? " hold a negative one"
                        : " are too large"));
  }

  TensorData data;
  data.type = RankedTensorType::get(shape, elementType);
  unsigned bits = elementType.getIntOrFloatBitWidth();
  bool isPacked = bits < 8 && !elementType.isInteger(1);
  int64_t expectedBytes = isPacked ? llvm::divideCeil(*count, 8 / bits)
                                   : *count * getElementBytes(elementType);
  if (tensor.data_location() == TensorProto::EXTERNAL) {
    if (failed(readExternal(tensor, expectedBytes, externalData, data.bytes,
                            onError)))
      return failure();
  } else if (tensor.has_raw_data()) {
    const std::string &raw = tensor.raw_data();
    data.bytes.assign(raw.begin(), raw.end());
  } else {
    readTypedField(tensor, data.bytes);
  }
  if (static_cast<int64_t>(data.bytes.size()) != expectedBytes)
    return onError("expected " + Twine(expectedBytes) + " bytes for " +
                   Twine(*count) + " elements, but got " +
                   Twine(data.bytes.size()));
  if (isPacked)
    unpack(data.bytes, *count, bits);
  if (elementType.isInteger(1))
    for (char &c : data.bytes)
      c = c != 0;
  return data;
}

//===----------------------------------------------------------------------===//
// Constants
//===----------------------------------------------------------------------===//

ElementsAttr frontend::makeElements(const TensorData &data, StringRef name) {
  // Integers of fewer bits are the lower bits of bytes; the upper are 0 in
  // attributes.
  if (Type element = data.type.getElementType();
      element.isInteger(4) || element.isInteger(2)) {
    char mask = element.isInteger(4) ? 15 : 3;
    if (llvm::any_of(data.bytes, [&](char c) { return (c & ~mask) != 0; })) {
      TensorData lower = data;
      for (char &c : lower.bytes)
        c &= mask;
      return makeElements(lower, name);
    }
  }
  // Booleans are packed differently from attribute to attribute; lists of them
  // never are large.
  if (data.type.getElementType().isInteger(1)) {
    SmallVector<bool> values;
    for (char c : data.bytes)
      values.push_back(c != 0);
    return DenseElementsAttr::get(data.type, ArrayRef<bool>(values));
  }
  if (static_cast<int64_t>(data.bytes.size()) < resourceBytes)
    return DenseElementsAttr::getFromRawBuffer(data.type, data.bytes);
  return DenseResourceElementsAttr::get(
      data.type, name.empty() ? "constant" : name,
      HeapAsmResourceBlob::allocateAndCopyWithAlign(
          data.bytes, resourceAlignment, /*dataIsMutable=*/false));
}

FailureOr<std::vector<char>> frontend::getBytes(ElementsAttr elements) {
  auto type = cast<RankedTensorType>(elements.getShapedType());
  int64_t count = type.getNumElements();
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(elements)) {
    AsmResourceBlob *blob = resource.getRawHandle().getBlob();
    if (!blob)
      return failure();
    return std::vector<char>(blob->getData().begin(), blob->getData().end());
  }
  auto dense = dyn_cast<DenseElementsAttr>(elements);
  if (!dense)
    return failure();
  std::vector<char> bytes;
  if (type.getElementType().isInteger(1)) {
    for (bool value : dense.getValues<bool>())
      bytes.push_back(value);
    return bytes;
  }
  ArrayRef<char> raw = dense.getRawData();
  if (!dense.isSplat())
    return std::vector<char>(raw.begin(), raw.end());
  bytes.reserve(count * raw.size());
  for (int64_t i = 0; i < count; ++i)
    bytes.insert(bytes.end(), raw.begin(), raw.end());
  return bytes;
}

ElementsAttr frontend::reshapeElements(ElementsAttr elements,
                                       ArrayRef<int64_t> shape) {
  auto type = cast<RankedTensorType>(elements.getShapedType()).clone(shape);
  if (auto dense = dyn_cast<DenseElementsAttr>(elements))
    return dense.reshape(type);
  // Two attributes may name one blob: nothing is copied.
  return DenseResourceElementsAttr::get(
      type, cast<DenseResourceElementsAttr>(elements).getRawHandle());
}
