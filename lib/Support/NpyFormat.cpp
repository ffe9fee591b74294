//===- NpyFormat.cpp - NumPy's .npy ---------------------------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The format is numpy.lib.format: a magic string, a version, the length of a
// header, the header (a Python dictionary of 'descr', 'fortran_order' and
// 'shape'), the elements.
//
//===----------------------------------------------------------------------===//

#include "ByteSource.h"

#include <algorithm>
#include <cctype>
#include <cstring>

using namespace mpc;

namespace {
struct NumpyType {
  ElementType type;
  char kind; // NumPy's letter
};
constexpr NumpyType numpyTypes[] = {
    {ElementType::F32, 'f'}, {ElementType::U8, 'u'},  {ElementType::I8, 'i'},
    {ElementType::U16, 'u'}, {ElementType::I16, 'i'}, {ElementType::I32, 'i'},
    {ElementType::I64, 'i'}, {ElementType::F16, 'f'}, {ElementType::F64, 'f'},
    {ElementType::U32, 'u'}, {ElementType::U64, 'u'}, {ElementType::Bool, 'b'},
};

/// A header's fields.
struct Header {
  std::string descr;
  bool fortranOrder = false;
  Shape shape;
};

/// Reads the literal of a dictionary that a header is. Only what numpy writes:
/// strings, True, False, tuples of numbers.
class HeaderParser {
public:
  explicit HeaderParser(std::string_view text) : text(text) {}

  bool parse(Header &header) {
    bool hasDescr = false, hasOrder = false, hasShape = false;
    if (!eat('{'))
      return false;
    while (!eat('}')) {
      std::string key;
      if (!parseString(key) || !eat(':'))
        return false;
      if (key == "descr")
        hasDescr = parseDescr(header.descr);
      else if (key == "fortran_order")
        hasOrder = parseBool(header.fortranOrder);
      else if (key == "shape")
        hasShape = parseTuple(header.shape);
      else
        return false;
      if (!eat(',')) {
        if (!eat('}'))
          return false;
        break;
      }
    }
    return hasDescr && hasOrder && hasShape;
  }

private:
  void skipSpace() {
    while (at < text.size() &&
           std::isspace(static_cast<unsigned char>(text[at])))
      ++at;
  }
  bool eat(char wanted) {
    skipSpace();
    if (at >= text.size() || text[at] != wanted)
      return false;
    ++at;
    return true;
  }
  bool parseString(std::string &value) {
    skipSpace();
    if (at >= text.size() || (text[at] != '\'' && text[at] != '"'))
      return false;
    size_t end = text.find(text[at], at + 1);
    if (end == std::string_view::npos)
      return false;
    value = text.substr(at + 1, end - at - 1);
    at = end + 1;
    return true;
  }
  /// A structured type is a list; it is named by its opening bracket and
  /// refused by name later.
  bool parseDescr(std::string &value) {
    skipSpace();
    if (at < text.size() && text[at] == '[') {
      value = "a structured type";
      at = text.rfind(']') + 1;
      return at != 0;
    }
    return parseString(value);
  }
  bool parseBool(bool &value) {
    skipSpace();
    for (bool candidate : {false, true}) {
      std::string_view word = candidate ? "True" : "False";
      if (text.substr(at, word.size()) == word) {
        value = candidate;
        at += word.size();
        return true;
      }
    }
    return false;
  }
  bool parseTuple(Shape &shape) {
    if (!eat('('))
      return false;
    while (!eat(')')) {
      skipSpace();
      size_t start = at;
      int64_t size = 0;
      for (; at < text.size() &&
             std::isdigit(static_cast<unsigned char>(text[at]));
           ++at)
        if (__builtin_mul_overflow(size, 10, &size) ||
            __builtin_add_overflow(size, text[at] - '0', &size))
          return false;
      if (at == start)
        return false;
      shape.push_back(size);
      if (!eat(',')) {
        if (!eat(')'))
          return false;
        break;
      }
    }
    return true;
  }

  std::string_view text;
  size_t at = 0;
};

/// Reorders elements whose first dimension is the fastest.
std::vector<char> toRowMajor(const std::vector<char> &data, const Shape &shape,
                             unsigned bytes) {
  std::vector<char> result(data.size());
  // Strides, in elements, of the file's order.
  std::vector<int64_t> strides(shape.size(), 1), index(shape.size(), 0);
  for (size_t d = 1; d < shape.size(); ++d)
    strides[d] = strides[d - 1] * shape[d - 1];
  int64_t from = 0;
  for (size_t to = 0; to < result.size(); to += bytes) {
    std::memcpy(&result[to], &data[size_t(from) * bytes], bytes);
    for (size_t d = shape.size(); d-- > 0;) {
      from += strides[d];
      if (++index[d] < shape[d])
        break;
      from -= strides[d] * shape[d];
      index[d] = 0;
    }
  }
  return result;
}
} // namespace

bool mpc::hasNumpyType(ElementType type) {
  return std::any_of(std::begin(numpyTypes), std::end(numpyTypes),
                     [&](const NumpyType &row) { return row.type == type; });
}

/// Splits '<f4' into its byte order and its type.
static bool parseDescr(const std::string &descr, ElementType &type,
                       bool &bigEndian) {
  size_t at = 0;
  bigEndian = false;
  if (!descr.empty() && std::strchr("<>|=", descr[0])) {
    bigEndian = descr[0] == '>';
    at = 1;
  }
  std::string rest = descr.substr(at);
  if (rest == "?")
    rest = "b1";
  for (const NumpyType &row : numpyTypes)
    if (rest == row.kind + std::to_string(elementBytes(row.type))) {
      type = row.type;
      return true;
    }
  return false;
}

bool mpc::readNpy(std::shared_ptr<ByteSource> source, int64_t offset,
                  int64_t size, const std::string &path,
                  const std::string &name, const std::string &origin,
                  TensorReaders &readers, std::string &error) {
  auto fail = [&](const std::string &what) {
    error = origin + ": " + what;
    return false;
  };
  char start[12] = {};
  if (size < 10)
    return fail("expected an .npy file, but got " + std::to_string(size) +
                " bytes");
  if (!source->read(offset, std::min<int64_t>(size, 12), start, error))
    return false;
  if (std::memcmp(start, "\x93NUMPY", 6))
    return fail("expected an .npy file, but got other contents");
  int version = start[6];
  if (version < 1 || version > 3)
    return fail("expected .npy version 1 to 3, but got " +
                std::to_string(version));
  auto byteAt = [&](int i) { return uint32_t(uint8_t(start[i])); };
  int64_t prefix = version == 1 ? 10 : 12;
  int64_t length = byteAt(8) | byteAt(9) << 8;
  if (version > 1)
    length |= int64_t(byteAt(10) << 16 | byteAt(11) << 24);
  if (length > size - prefix)
    return fail("the .npy header is cut off");
  std::string text(size_t(length), '\0');
  if (!source->read(offset + prefix, length, text.data(), error))
    return false;
  Header header;
  if (!HeaderParser(text).parse(header))
    return fail("cannot understand the .npy header");
  ElementType type;
  bool bigEndian;
  if (!parseDescr(header.descr, type, bigEndian)) {
    if (header.descr.find('O') != std::string::npos)
      return fail("expected numbers, but got Python objects");
    return fail("expected numbers, but got elements of type '" + header.descr +
                "'");
  }
  std::optional<int64_t> count = countElements(header.shape);
  int64_t available = size - prefix - length;
  if (!count || *count * elementBytes(type) > available)
    return fail("the .npy header says " + shapeToString(header.shape) + " of " +
                elementTypeName(type) + ", but the file has only " +
                std::to_string(available) + " bytes of elements");
  int64_t bytes = *count * elementBytes(type);
  int64_t data = offset + prefix + length;
  bool reorder = header.fortranOrder && header.shape.size() > 1;
  bool swap = bigEndian && elementBytes(type) > 1;
  if (reorder || swap) {
    std::vector<char> elements{};
    elements.resize(size_t(bytes));
    if (!source->read(data, bytes, elements.data(), error))
      return false;
    if (swap)
      for (size_t i = 0; i < elements.size(); i += elementBytes(type))
        std::reverse(&elements[i], &elements[i] + elementBytes(type));
    if (reorder)
      elements = toRowMajor(elements, header.shape, elementBytes(type));
    source = makeMemorySource(std::move(elements));
    data = 0;
  }
  readers.emplace_back(type, header.shape, name, std::move(source), data, path);
  return true;
}

std::vector<char> mpc::encodeNpy(const Tensor &tensor) {
  std::string descr;
  for (const NumpyType &row : numpyTypes)
    if (row.type == tensor.type)
      descr = (elementBytes(row.type) > 1 ? "<" : "|") +
              std::string(1, row.kind) + std::to_string(elementBytes(row.type));
  std::string header =
      "{'descr': '" + descr + "', 'fortran_order': False, 'shape': (";
  for (int64_t size : tensor.shape)
    header += std::to_string(size) + ", ";
  // A tuple of one number has a comma, others must not end in one.
  if (tensor.shape.size() > 1)
    header.resize(header.size() - 2);
  header += "), }";
  // The elements start at a multiple of 64.
  header.append(63 - (10 + header.size()) % 64, ' ');
  header += '\n';
  std::vector<char> file = {'\x93', 'N', 'U', 'M', 'P', 'Y', 1, 0};
  file.push_back(char(header.size() & 255));
  file.push_back(char(header.size() >> 8));
  file.insert(file.end(), header.begin(), header.end());
  file.insert(file.end(), tensor.data.begin(), tensor.data.end());
  return file;
}
