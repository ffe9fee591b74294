//===- LatencyTest.cpp - costs of groups, measured and from tables --------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Latency.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"
#include "mpc/InitAll.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"
#include "gtest/gtest.h"
#include <cmath>

using namespace mlir;
using namespace mpc;

namespace {

/// A product, and a softmax that int8 never reaches.
constexpr const char *model = R"mlir(
  func.func @main(%x: tensor<?x32xf32> {mpc.name = "x", mpc.range = #mpc.range<-1.0, 1.0>}) -> tensor<?x16xf32> {
    %w = mpc.constant dense<0.5> : tensor<32x16xf32> -> tensor<32x16xf32>
    %0 = mpc.group "fc" ins(%a = %x, %k = %w : tensor<?x32xf32>, tensor<32x16xf32>) -> tensor<?x16xf32> attributes {range = #mpc.range<-9.0, 9.0>} {
      %1 = mpc.matmul %a, %k : (tensor<?x32xf32>, tensor<32x16xf32>) -> tensor<?x16xf32>
      mpc.yield %1 : tensor<?x16xf32>
    }
    %2 = mpc.group "last" ins(%a = %0 : tensor<?x16xf32>) -> tensor<?x16xf32> {
      %3 = mpc.softmax %a {axis = 1 : i64} : (tensor<?x16xf32>) -> tensor<?x16xf32>
      mpc.yield %3 : tensor<?x16xf32>
    }
    return %2 : tensor<?x16xf32>
  }
)mlir";

class LatencyTest : public ::testing::Test {
protected:
  LatencyTest() : context(makeRegistry()) {
    module = parseSourceString<ModuleOp>(model, &context);
    options.marches = {"native"};
    options.library.runtimeDirectory = MPC_RUNTIME_DIRECTORY;
  }
  static DialectRegistry makeRegistry() {
    DialectRegistry registry;
    registerAllDialects(registry);
    return registry;
  }

  /// Has the next measurement read this table.
  void give(const LatencyTable &table) {
    int descriptor;
    SmallString<128> path;
    ASSERT_FALSE(llvm::sys::fs::createTemporaryFile("latency", "json",
                                                    descriptor, path));
    llvm::raw_fd_ostream(descriptor, /*shouldClose=*/true) << table.str();
    options.latencyTable = path.str().str();
    files.push_back(options.latencyTable);
  }
  ~LatencyTest() override {
    for (const std::string &file : files)
      llvm::sys::fs::remove(file);
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
  CompileOptions options;
  std::vector<std::string> precisions{"f32", "f16", "int8"};
  std::vector<std::string> files;
};

/// Everything that a search asks for is there, and what cannot be is not a
/// number.
TEST_F(LatencyTest, MeasuresGroupsAndConversions) {
  ASSERT_TRUE(module);
  auto costs = measureLatencies(*module, precisions, options);
  ASSERT_TRUE(succeeded(costs));
  for (const char *precision : {"f32", "f16", "int8"})
    EXPECT_GE(costs->group("fc", precision), 0) << precision;
  EXPECT_GE(costs->group("last", "f16"), 0);
  EXPECT_TRUE(std::isnan(costs->group("last", "int8")));
  EXPECT_TRUE(std::isnan(costs->group("fc", "bf16")));
  EXPECT_TRUE(std::isnan(costs->group("nobody", "f32")));
  for (const char *value : {"x", "fc", "last"})
    for (const char *from : {"f32", "f16", "int8"})
      for (const char *to : {"f32", "f16", "int8"})
        EXPECT_GE(costs->conversion(value, from, to), 0) << value << from << to;
  EXPECT_EQ(costs->conversion("x", "int8", "int8"), 0);
  EXPECT_TRUE(std::isnan(costs->conversion("nobody", "f32", "f16")));
  EXPECT_TRUE(std::isnan(costs->conversion("x", "f32", "bf16")));

  // The table says the same without measuring.
  give(costs->table);
  auto again = measureLatencies(*module, precisions, options);
  ASSERT_TRUE(succeeded(again));
  EXPECT_EQ(again->table.str(), costs->table.str());
  EXPECT_EQ(again->groups, costs->groups);
  EXPECT_EQ(again->conversion("fc", "int8", "f16"),
            costs->conversion("fc", "int8", "f16"));

  // What it lacks is measured where it is of this machine ...
  LatencyTable less = costs->table;
  less.entries.erase(less.entries.begin());
  for (LatencyTable::Entry &entry : less.entries)
    entry.ms = 17;
  give(less);
  auto more = measureLatencies(*module, precisions, options);
  ASSERT_TRUE(succeeded(more));
  EXPECT_EQ(more->group("fc", "int8"), 17);
  EXPECT_LT(more->group("fc", "f32"), 17);

  // ... and is named where it is of another one.
  less.isa = "elsewhere";
  give(less);
  std::string said;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    said += diagnostic.str();
    return success();
  });
  EXPECT_TRUE(failed(measureLatencies(*module, precisions, options)));
  EXPECT_NE(said.find("is for the instruction set elsewhere and lacks 'fc' in "
                      "f32; measure this model there"),
            std::string::npos)
      << said;
}

/// Sizes that were not measured lie on the lines between those that were.
TEST(LatencyCosts, InterpolatesConversions) {
  LatencyCosts costs;
  costs.conversions["f32->int8"] = {{100, 1.0}, {200, 3.0}};
  for (auto [name, elements] : {std::pair{"small", 50},
                                {"between", 150},
                                {"known", 200},
                                {"large", 400}})
    costs.values[name].elements = elements;
  costs.values["measured"].measured["f32->int8"] = 9;
  EXPECT_EQ(costs.conversion("small", "f32", "int8"), 1);
  EXPECT_EQ(costs.conversion("between", "f32", "int8"), 2);
  EXPECT_EQ(costs.conversion("known", "f32", "int8"), 3);
  EXPECT_EQ(costs.conversion("large", "f32", "int8"), 6);
  EXPECT_EQ(costs.conversion("measured", "f32", "int8"), 9);
}

} // namespace
