//===- TensorFileTest.cpp - Tensors in files ------------------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TemporaryFolder.h"
#include "Zip.h"

#include <cmath>

using namespace mpc;

namespace {

class TensorFileTest : public TemporaryFolder {
protected:
  /// The tensors of a file; their names in `names`.
  std::vector<Tensor> read(const std::string &path) {
    TensorReaders readers;
    std::string error;
    std::vector<Tensor> tensors;
    EXPECT_TRUE(openTensorFile(path, readers, error)) << error;
    for (TensorReader &reader : readers) {
      tensors.emplace_back();
      EXPECT_TRUE(reader.readAll(tensors.back(), error)) << error;
      names.push_back(reader.name());
    }
    return tensors;
  }

  std::string errorOf(const std::string &path) {
    TensorReaders readers;
    std::string error;
    EXPECT_FALSE(openTensorFile(path, readers, error));
    return relative(error);
  }

  /// An .npy file of version 1 with this header.
  std::vector<char> npy(const std::string &header, size_t dataBytes) {
    std::string text("\x93NUMPY\x01\x00", 8);
    text += char(header.size());
    text += char(header.size() >> 8);
    text += header + std::string(dataBytes, '\0');
    return {text.begin(), text.end()};
  }

  std::vector<std::string> names;
};

const ElementType allTypes[] = {
    ElementType::F32, ElementType::U8,  ElementType::I8,  ElementType::U16,
    ElementType::I16, ElementType::I32, ElementType::I64, ElementType::Bool,
    ElementType::F16, ElementType::F64, ElementType::U32, ElementType::U64};

TEST_F(TensorFileTest, EveryTypeSurvivesNpyAndTensorProto) {
  for (ElementType type : allTypes) {
    Tensor tensor;
    tensor.type = type;
    tensor.shape = {2, 3};
    for (unsigned i = 0; i < 6 * elementBytes(type); ++i)
      tensor.data.push_back(char(type == ElementType::Bool ? i % 2 : i * 37));
    std::vector<Tensor> files = read(write("a.npy", encodeNpy(tensor)));
    std::vector<Tensor> protos =
        read(write("a.pb", encodeTensorProto(tensor, "name")));
    for (const Tensor &got : {files.at(0), protos.at(0)}) {
      EXPECT_EQ(got.type, type) << elementTypeName(type);
      EXPECT_EQ(got.shape, tensor.shape);
      EXPECT_EQ(got.data, tensor.data);
    }
    EXPECT_EQ(names.back(), "name");
    EXPECT_EQ(parseElementType(elementTypeName(type)), type);
  }
}

// NumPy has none of these types. Of those of 4 and 2 bits files hold several in
// a byte.
TEST_F(TensorFileTest, SmallTypesSurviveTensorProto) {
  for (ElementType type :
       {ElementType::F8E4M3FN, ElementType::F8E4M3FNUZ, ElementType::F8E5M2,
        ElementType::F8E5M2FNUZ, ElementType::F8E8M0, ElementType::U4,
        ElementType::I4, ElementType::F4E2M1, ElementType::U2,
        ElementType::I2}) {
    EXPECT_FALSE(hasNumpyType(type));
    for (int64_t count : {0, 1, 4, 5}) {
      Tensor tensor;
      tensor.type = type;
      tensor.shape = {count};
      for (int64_t i = 0; i < count; ++i)
        tensor.data.push_back(char(type == ElementType::U4       ? 15 - i
                                   : type == ElementType::I4     ? i * 3 - 8
                                   : type == ElementType::F4E2M1 ? 15 - i
                                   : type == ElementType::U2     ? 3 - i % 4
                                   : type == ElementType::I2     ? i % 4 - 2
                                                                 : i * 37));
      std::vector<char> file = encodeTensorProto(tensor, "name");
      Tensor got = read(write("a.pb", file)).at(0);
      EXPECT_EQ(got.type, type) << elementTypeName(type);
      EXPECT_EQ(got.shape, tensor.shape);
      EXPECT_EQ(got.data, tensor.data) << elementTypeName(type);
    }
    EXPECT_EQ(parseElementType(elementTypeName(type)), type);
  }
}

TEST_F(TensorFileTest, SmallFloatsHaveTheirValues) {
  using T = ElementType;
  EXPECT_EQ(smallFloatToFloat(T::F8E4M3FN, 0x7e), 448);
  EXPECT_EQ(smallFloatToFloat(T::F8E4M3FN, 0x81), -0x1p-9f);
  EXPECT_EQ(smallFloatToFloat(T::F8E4M3FNUZ, 0x7f), 240);
  EXPECT_EQ(smallFloatToFloat(T::F8E5M2, 0x7b), 57344);
  EXPECT_EQ(smallFloatToFloat(T::F8E5M2, 0xfc), -INFINITY);
  EXPECT_EQ(smallFloatToFloat(T::F8E5M2FNUZ, 0x01), 0x1p-17f);
  EXPECT_EQ(smallFloatToFloat(T::F8E8M0, 0), 0x1p-127f);
  EXPECT_EQ(smallFloatToFloat(T::F8E8M0, 254), 0x1p127f);
  EXPECT_EQ(smallFloatToFloat(T::F4E2M1, 1), 0.5f);
  EXPECT_EQ(smallFloatToFloat(T::F4E2M1, 15), -6);
  for (auto [type, bits] :
       {std::pair(T::F8E4M3FN, 0xff), std::pair(T::F8E4M3FNUZ, 0x80),
        std::pair(T::F8E5M2, 0x7d), std::pair(T::F8E5M2FNUZ, 0x80),
        std::pair(T::F8E8M0, 255)})
    EXPECT_TRUE(std::isnan(smallFloatToFloat(type, uint8_t(bits))));
}

TEST_F(TensorFileTest, ScalarsVectorsAndEmptyTensors) {
  for (const Shape &shape : {Shape{}, Shape{3}, Shape{0, 4}, Shape{1, 1, 2}}) {
    Tensor tensor = makeRamp<float>(ElementType::F32, shape);
    std::vector<char> bytes = encodeNpy(tensor);
    EXPECT_EQ((bytes.size() - tensor.data.size()) % 64, 0u);
    Tensor got = read(write("a.npy", bytes)).at(0);
    EXPECT_EQ(got.shape, shape);
    EXPECT_EQ(got.data, tensor.data);
  }
}

TEST_F(TensorFileTest, FortranOrderIsConverted) {
  std::vector<char> file =
      npy("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3), }\n", 0);
  for (char value : {0, 10, 1, 11, 2, 12})
    file.push_back(value);
  Tensor got = read(write("a.npy", file)).at(0);
  EXPECT_EQ(got.data, (decltype(got.data){0, 1, 2, 10, 11, 12}));
}

TEST_F(TensorFileTest, VersionTwoHasALongerLength) {
  Tensor tensor = makeRamp<int16_t>(ElementType::I16, {4});
  std::vector<char> file = encodeNpy(tensor);
  file[6] = 2;
  file.insert(file.begin() + 10, 2, '\0');
  EXPECT_EQ(read(write("a.npy", file)).at(0).data, tensor.data);
}

TEST_F(TensorFileTest, PartsOfAFileCanBeRead) {
  Tensor tensor = makeRamp<float>(ElementType::F32, {10, 4});
  std::vector<char> bytes = encodeNpy(tensor);
  for (const std::string &path :
       {write("a.npy", bytes), write("a.npz", makeZip({{"a.npy", bytes}})),
        write("b.npz", makeZip({{"a.npy", bytes}}, true))}) {
    TensorReaders readers;
    std::string error;
    ASSERT_TRUE(openTensorFile(path, readers, error)) << error;
    float row[4];
    ASSERT_TRUE(readers[0].read(28, 4, reinterpret_cast<char *>(row), error));
    EXPECT_EQ(row[0], 28.0f);
    EXPECT_EQ(row[3], 31.0f);
  }
}

TEST_F(TensorFileTest, ArchivesHoldSeveralArrays) {
  std::vector<char> a = encodeNpy(makeRamp<float>(ElementType::F32, {2})),
                    b = encodeNpy(makeRamp<int64_t>(ElementType::I64, {3}));
  for (bool deflated : {false, true}) {
    names.clear();
    auto path = write(
        "a.npz", makeZip({{"in/0.npy", a}, {"readme.txt", {'x'}}, {"b.npy", b}},
                         deflated));
    std::vector<Tensor> got = read(path);
    ASSERT_EQ(got.size(), 2u);
    EXPECT_EQ(names, (std::vector<std::string>{"in/0", "b"}));
    EXPECT_EQ(got[1].valueAt(2), 2.0);
  }
}

TEST_F(TensorFileTest, WhateverIsDamagedIsAnError) {
  std::vector<char> array = encodeNpy(makeRamp<float>(ElementType::F32, {64}));
  std::vector<std::pair<std::string, std::vector<char>>> files = {
      {"a.npy", array},
      {"a.npz", makeZip({{"a.npy", array}})},
      {"b.npz", makeZip({{"a.npy", array}}, true)},
      {"a.pb", encodeTensorProto(makeRamp<float>(ElementType::F32, {64}), "a")},
  };
  for (auto &[name, bytes] : files) {
    // Cut off anywhere, or with any byte changed: a tensor or an error.
    for (size_t size = 0; size < bytes.size(); size += 7) {
      std::string error = errorOf(
          write(name, std::vector<char>(bytes.begin(), bytes.begin() + size)));
      EXPECT_EQ(error.compare(0, name.size() + 2, name + ": "), 0) << error;
    }
    for (size_t at = 0; at < bytes.size(); ++at)
      for (int flip : {0x01, 0x80, 0xff}) {
        std::vector<char> changed = bytes;
        changed[at] = char(changed[at] ^ flip);
        TensorReaders readers;
        std::string error;
        Tensor tensor;
        if (openTensorFile(write(name, changed), readers, error))
          for (TensorReader &reader : readers)
            EXPECT_TRUE(reader.readAll(tensor, error)) << error;
      }
  }
}

TEST_F(TensorFileTest, ErrorsSayWhatIsWrong) {
  EXPECT_EQ(errorOf((folder / "a.npy").string()),
            "a.npy: cannot open: no such file or directory");
  std::filesystem::create_directory(folder / "f.npy");
  EXPECT_EQ(errorOf((folder / "f.npy").string()),
            "f.npy: expected a file, but got a folder");
  EXPECT_EQ(errorOf(write("a.txt", std::string("x"))),
            "a.txt: expected a file name that ends in .npy, .npz or .pb");
  EXPECT_EQ(errorOf(write("a.npy", std::string("this is not an array"))),
            "a.npy: expected an .npy file, but got other contents");
  auto header = [&](const std::string &descr, const std::string &shape) {
    return write("a.npy", npy("{'descr': " + descr +
                                  ", 'fortran_order': False, 'shape': " +
                                  shape + ", }\n",
                              16));
  };
  EXPECT_EQ(errorOf(header("'|O'", "(1,)")),
            "a.npy: expected numbers, but got Python objects");
  EXPECT_EQ(errorOf(header("'<c8'", "(1,)")),
            "a.npy: expected numbers, but got elements of type '<c8'");
  EXPECT_EQ(errorOf(header("[('a', '<f4')]", "(1,)")),
            "a.npy: expected numbers, but got elements of type 'a structured "
            "type'");
  EXPECT_EQ(errorOf(header("'<f4'", "(5,)")),
            "a.npy: the .npy header says 5 of f32, but the file has only 16 "
            "bytes of elements");
  EXPECT_EQ(
      errorOf(header("'<f4'", "(4294967296, 4294967296)")),
      "a.npy: the .npy header says 4294967296x4294967296 of f32, but the file "
      "has only 16 bytes of elements");
  EXPECT_EQ(errorOf(header("'<f4'", "(99999999999999999999,)")),
            "a.npy: cannot understand the .npy header");
  EXPECT_EQ(errorOf(header("'<f4'", "(-1,)")),
            "a.npy: cannot understand the .npy header");
  EXPECT_EQ(errorOf(write("a.npz", makeZip({{"readme.txt", {'x'}}}))),
            "a.npz: the .npz archive holds no array");
  EXPECT_EQ(errorOf(write("a.npz", makeZip({{"a.npy", {'x'}}}))),
            "a.npz: member 'a': expected an .npy file, but got 1 bytes");
  Tensor tensor = makeRamp<float>(ElementType::F32, {4});
  tensor.shape = {5};
  EXPECT_EQ(errorOf(write("a.pb", encodeTensorProto(tensor, ""))),
            "a.pb: the shape 5 of f32 contradicts the 16 bytes of elements");
  tensor.type = ElementType(8);
  EXPECT_EQ(errorOf(write("a.pb", encodeTensorProto(tensor, ""))),
            "a.pb: expected a tensor of numbers, but got ONNX element type 8");
}

TEST_F(TensorFileTest, RawBytes) {
  ElementType type;
  Shape shape;
  std::string error;
  ASSERT_TRUE(parseTypedShape("4x2xbf16", type, shape, error));
  EXPECT_EQ(type, ElementType::BF16);
  EXPECT_EQ(shape, (Shape{4, 2}));
  ASSERT_TRUE(parseTypedShape("u8", type, shape, error));
  EXPECT_EQ(shape, Shape{});
  for (const char *wrong :
       {"", "4x2", "4xx2xf32", "x2xf32", "4x-2xf32", "4x2xf33", "4 xf32",
        "99999999999999999999xf32", "4294967296x4294967296xf32"})
    EXPECT_FALSE(parseTypedShape(wrong, type, shape, error)) << wrong;
  EXPECT_EQ(error, "expected sizes and a type such as 4x2xbf16, but got "
                   "'4294967296x4294967296xf32'");
  TensorReaders readers;
  std::string path = write("a.bin", std::string(16, 'x'));
  EXPECT_TRUE(openRawFile(path, ElementType::F32, {2, 2}, readers, error));
  EXPECT_FALSE(openRawFile(path, ElementType::F32, {2, 3}, readers, error));
  EXPECT_EQ(relative(error),
            "a.bin: expected 24 bytes for 2x3 of f32, but got 16");
}

TEST_F(TensorFileTest, PendingFilesAreWholeOrAbsent) {
  std::string error, path = (folder / "a.bin").string();
  {
    PendingFile file;
    ASSERT_TRUE(file.write(path, "text", 4, error));
    EXPECT_FALSE(std::filesystem::exists(path));
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder));
  PendingFile file;
  ASSERT_TRUE(file.write(path, "text", 4, error));
  ASSERT_TRUE(file.commit(error)) << error;
  EXPECT_EQ(std::filesystem::file_size(path), 4u);
  PendingFile lost;
  EXPECT_FALSE(lost.write((folder / "no" / "b.bin").string(), "", 0, error));
  EXPECT_EQ(relative(error),
            "no/b.bin: cannot write: no such file or directory");
}

TEST(Tensor, HalfAndBrainFloatsAreExact) {
  EXPECT_EQ(halfToFloat(0x3c00), 1.0f);
  EXPECT_EQ(halfToFloat(0xfbff), -65504.0f);
  EXPECT_EQ(halfToFloat(0x0001), std::ldexp(1.0f, -24));
  EXPECT_EQ(halfToFloat(0x83ff), -std::ldexp(1023.0f, -24));
  EXPECT_TRUE(std::isinf(halfToFloat(0x7c00)));
  EXPECT_TRUE(std::isnan(halfToFloat(0x7c01)));
  EXPECT_TRUE(std::signbit(halfToFloat(0x8000)));
  EXPECT_EQ(bfloatToFloat(0xc040), -3.0f);
  // Every f16 by its definition.
  for (unsigned bits = 0; bits < 0x7c00; ++bits) {
    unsigned exponent = bits >> 10, fraction = bits & 1023;
    float value = exponent
                      ? std::ldexp(float(1024 + fraction), int(exponent) - 25)
                      : std::ldexp(float(fraction), -24);
    ASSERT_EQ(halfToFloat(uint16_t(bits)), value) << bits;
  }
}

TEST(Tensor, NonFiniteElementsAreFound) {
  Tensor tensor = makeRamp<float>(ElementType::F32, {4});
  EXPECT_EQ(findNonFinite(tensor), std::nullopt);
  float value = INFINITY;
  std::memcpy(tensor.data.data() + 8, &value, 4);
  EXPECT_EQ(findNonFinite(tensor), 2);
  EXPECT_EQ(findNonFinite(makeRamp<int64_t>(ElementType::I64, {4})),
            std::nullopt);
}

} // namespace
