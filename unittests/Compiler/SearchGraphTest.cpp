//===- SearchGraphTest.cpp - what an assignment of precisions costs -------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SearchGraph.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "mpc/Dialect/MPC/MPCDialect.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace mpc;

namespace {

/// Sums, with `range`, that a function (`reader`) and a product read.
class SearchGraphTest : public ::testing::Test {
protected:
  SearchGraphTest() {
    // Functions are evaluated as the bodies of arith and math ops.
    context.loadDialect<MPCDialect, func::FuncDialect, arith::ArithDialect,
                        math::MathDialect>();
  }

  SearchGraph build(StringRef reader, StringRef range) {
    std::string text =
        R"(func.func @main(%x: tensor<4x4xf32>) -> (tensor<4x4xf32>, tensor<4x4xf32>) {
          %w = mpc.constant dense<0.5> : tensor<4x4xf32> -> tensor<4x4xf32>
          %sums = mpc.group "sums" ins(%a = %x, %k = %w : tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
              attributes {range = #mpc.range<)" +
        range.str() + R"(>} {
            %0 = mpc.matmul %a, %k : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
            mpc.yield %0 : tensor<4x4xf32>
          }
          %function = mpc.group "function" ins(%a = %sums : tensor<4x4xf32>) -> tensor<4x4xf32> {
            %0 = mpc.)" +
        reader.str() + R"( %a : (tensor<4x4xf32>) -> tensor<4x4xf32>
            mpc.yield %0 : tensor<4x4xf32>
          }
          %product = mpc.group "product" ins(%a = %sums, %k = %w : tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32> {
            %0 = mpc.matmul %a, %k : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<4x4xf32>
            mpc.yield %0 : tensor<4x4xf32>
          }
          return %function, %product : tensor<4x4xf32>, tensor<4x4xf32>
        })";
    module = parseSourceString<ModuleOp>(text, &context);
    EXPECT_TRUE(module);
    return SearchGraph::build(*module);
  }

  static Precision getStorage(const SearchGraph &graph, Precision integers) {
    const SearchGraph::Value &sums = graph.values[*graph.groups[0].value];
    return graph.getStorage(sums, {integers, Precision::F32, integers});
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
};

// What mpc-insert-quantization stores in f32, as small numbers would be rounded
// to a pole, is not counted as stored in integers; 16 bits tell smaller numbers
// apart.
TEST_F(SearchGraphTest, SumsNearPolesAreStoredInF32) {
  for (auto [reader, range, bytes, words] :
       {std::tuple("sigmoid", "-2.0, 2.0", Precision::INT8, Precision::INT16),
        std::tuple("reciprocal", "-2.0, 2.0", Precision::F32, Precision::F32),
        std::tuple("log", "0.0, 2.0", Precision::F32, Precision::F32),
        std::tuple("log", "0.01, 2.0", Precision::F32, Precision::INT16),
        std::tuple("log", "1.0, 2.0", Precision::INT8, Precision::INT16)}) {
    SearchGraph graph = build(reader, range);
    EXPECT_EQ(getStorage(graph, Precision::INT8), bytes) << reader << range;
    EXPECT_EQ(getStorage(graph, Precision::INT16), words) << reader << range;
  }
}

// A reader in integers then waits for a conversion, for the program that is
// solved as for the prediction.
TEST_F(SearchGraphTest, SumsNearPolesAreConverted) {
  for (auto [reader, precision, ms] :
       {std::tuple("sigmoid", Precision::INT8, 10.0),
        std::tuple("reciprocal", Precision::F32, 13.0)}) {
    SearchGraph graph = build(reader, "-2.0, 2.0");
    for (SearchGraph::Group &group : graph.groups) {
      group.candidates = {Precision::F32};
      group.ms[Precision::F32] = 6;
    }
    // The first group gains by integers in any case.
    graph.groups[0].candidates = {Precision::INT8};
    graph.groups[0].ms[Precision::INT8] = 1;
    graph.groups[2].candidates.push_back(Precision::INT8);
    graph.groups[2].ms[Precision::INT8] = 3;
    SearchGraph::Value &sums = graph.values[*graph.groups[0].value];
    sums.conversions[{Precision::F32, Precision::INT8}] = 4;
    sums.conversions[{Precision::INT8, Precision::F32}] = 0;
    auto choice = graph.findFastest(1);
    ASSERT_TRUE(choice);
    EXPECT_EQ(choice->assignment[2], precision) << reader;
    EXPECT_DOUBLE_EQ(graph.predict(choice->assignment).ms, ms) << reader;
    Assignment integers = {Precision::INT8, Precision::F32, Precision::INT8};
    EXPECT_DOUBLE_EQ(graph.predict(integers).ms,
                     precision == Precision::INT8 ? 10 : 14)
        << reader;
  }
}

} // namespace
