//===- ConstantsTest.cpp - values known at compile time -------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpc/Dialect/MPC/Constants.h"
#include "mlir/IR/BuiltinDialect.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/IR/MLIRContext.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace mpc;

namespace {

class ConstantsTest : public ::testing::Test {
protected:
  RankedTensorType type(ArrayRef<int64_t> shape, Type element) {
    return RankedTensorType::get(shape, element);
  }
  MLIRContext context;
  Builder builder{&context};
};

/// What is written reads back, inline and as a resource.
TEST_F(ConstantsTest, FloatsReadBack) {
  for (int64_t count : {3, 100}) {
    std::vector<float> values(count);
    for (int64_t i = 0; i < count; ++i)
      values[i] = 0.5f * i - 3; // exact in every type
    for (Type element :
         {Type(builder.getF32Type()), Type(builder.getF16Type()),
          Type(builder.getBF16Type()), Type(builder.getF64Type())}) {
      ElementsAttr constant =
          createFloatConstant(type({count}, element), values);
      EXPECT_EQ(isa<DenseResourceElementsAttr>(constant), count > 16);
      EXPECT_EQ(getFloatValues(constant), values);
    }
  }
}

/// Nearest, ties to even: 1 + 2^-11 lies between two f16 numbers, of which 1
/// is even; bf16 keeps 8 bits.
TEST_F(ConstantsTest, FloatsRound) {
  std::vector<float> values = {1 + 0x1p-11f, 1 + 0x1.8p-10f};
  EXPECT_EQ(getFloatValues(
                createFloatConstant(type({2}, builder.getF16Type()), values)),
            (std::vector<float>{1.0f, 1 + 0x1p-9f}));
  values = {1 + 0x1p-8f, 65504.0f * 4};
  EXPECT_EQ(getFloatValues(
                createFloatConstant(type({2}, builder.getBF16Type()), values)),
            (std::vector<float>{1.0f, 0x1p18f}));
}

/// Signless integers have a sign, unsigned ones none; both saturate.
TEST_F(ConstantsTest, IntegersSaturate) {
  std::vector<int64_t> values = {-200, -1, 0, 127, 255, 300};
  auto read = [&](Type element) {
    return getIntValues(createIntConstant(type({6}, element), values));
  };
  EXPECT_EQ(read(builder.getI8Type()),
            (std::vector<int64_t>{-128, -1, 0, 127, 127, 127}));
  EXPECT_EQ(read(IntegerType::get(&context, 8, IntegerType::Unsigned)),
            (std::vector<int64_t>{0, 0, 0, 127, 255, 255}));
  EXPECT_EQ(read(builder.getI1Type()),
            (std::vector<int64_t>{0, 0, 0, 1, 1, 1}));
  EXPECT_EQ(read(builder.getI64Type()), values);
  EXPECT_EQ(getFloatValues(
                createIntConstant(type({6}, builder.getI32Type()), values)),
            (std::vector<float>{-200, -1, 0, 127, 255, 300}));
}

/// A splat attribute holds one element, and has the bytes of all.
TEST_F(ConstantsTest, SplatsExpand) {
  auto splat = DenseElementsAttr::get(type({2, 3}, builder.getF32Type()), 2.5f);
  EXPECT_EQ(getFloatValues(splat), std::vector<float>(6, 2.5f));
  EXPECT_EQ(getSplatValue(splat), 2.5);
  EXPECT_EQ(getSplatValue(createFloatConstant(type({2}, builder.getF32Type()),
                                              {1.0f, 2.0f})),
            std::nullopt);
  EXPECT_EQ(
      getSplatValue(createFloatConstant(type({0}, builder.getF32Type()), {})),
      std::nullopt);
}

/// Equal weights share a blob, and its name does not depend on order; others
/// get their own.
TEST_F(ConstantsTest, BlobsAreShared) {
  std::vector<float> values(64, 1.0f), others(64, 2.0f);
  auto vector = type({64}, builder.getF32Type());
  auto first =
      cast<DenseResourceElementsAttr>(createFloatConstant(vector, values));
  auto second =
      cast<DenseResourceElementsAttr>(createFloatConstant(vector, others));
  auto again =
      cast<DenseResourceElementsAttr>(createFloatConstant(vector, values));
  EXPECT_EQ(first, again);
  EXPECT_NE(first, second);
  EXPECT_EQ(first.getRawHandle().getBlob()->getDataAlignment() % 64, 0u);

  MLIRContext other;
  auto elsewhere = cast<DenseResourceElementsAttr>(createFloatConstant(
      RankedTensorType::get({64}, Builder(&other).getF32Type()), values));
  EXPECT_EQ(first.getRawHandle().getKey(), elsewhere.getRawHandle().getKey());
}

/// A resource without data, or with too little, has no values.
TEST_F(ConstantsTest, BrokenResourcesAreRefused) {
  auto vector = type({64}, builder.getF32Type());
  auto &manager = DenseResourceElementsHandle::getManagerInterface(&context);
  auto elided =
      DenseResourceElementsAttr::get(vector, manager.insert("elided"));
  EXPECT_EQ(getFloatValues(elided), std::nullopt);
  auto shortened = DenseResourceElementsAttr::get(
      vector, manager.insert("short", HeapAsmResourceBlob::allocate(128, 64)));
  EXPECT_EQ(getFloatValues(shortened), std::nullopt);
}

} // namespace
