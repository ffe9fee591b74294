//===- PrecisionConfigTest.cpp - precisions that a user asks for ----------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the file holds; test/Transforms/assign-precision-errors.mlir has the
// messages about wrong ones.
//
//===----------------------------------------------------------------------===//

#include "mpc/Support/PrecisionConfig.h"
#include "gtest/gtest.h"

using namespace mpc;

namespace {

/// What is written reads back, names that JSON escapes included.
TEST(PrecisionConfig, ReadsBackWhatItWrites) {
  PrecisionConfig config;
  config.defaultPrecision = "bf16";
  config.integers.scales = "power-of-two";
  config.entries = {
      {PrecisionConfig::Selector::Kind, "conv", "f32"},
      {PrecisionConfig::Selector::Match, "a/.*\\.[0-9]+", "keep"},
      {PrecisionConfig::Selector::Name, "say \"x\" \\ \xC3\xA9\n", "int8"}};
  llvm::Expected<PrecisionConfig> read =
      PrecisionConfig::parse(config.str(), "text");
  ASSERT_TRUE(static_cast<bool>(read)) << llvm::toString(read.takeError());
  EXPECT_EQ(read->defaultPrecision, config.defaultPrecision);
  EXPECT_EQ(read->integers.scales, config.integers.scales);
  EXPECT_EQ(read->integers.rounding, "");
  ASSERT_EQ(read->entries.size(), config.entries.size());
  for (size_t i = 0; i < config.entries.size(); ++i) {
    EXPECT_EQ(read->entries[i].selector, config.entries[i].selector);
    EXPECT_EQ(read->entries[i].pattern, config.entries[i].pattern);
    EXPECT_EQ(read->entries[i].precision, config.entries[i].precision);
  }
}

/// Everything but the braces may be left out.
TEST(PrecisionConfig, EmptyObjectAsksForNothing) {
  llvm::Expected<PrecisionConfig> read = PrecisionConfig::parse("{}", "text");
  ASSERT_TRUE(static_cast<bool>(read)) << llvm::toString(read.takeError());
  EXPECT_FALSE(read->defaultPrecision);
  EXPECT_TRUE(read->entries.empty());
}

/// No text aborts: empty, cut off anywhere, not UTF-8, deeply nested.
TEST(PrecisionConfig, BadTextIsAnError) {
  std::string good =
      R"({"version": 1, "groups": [{"name": "a", "precision": "f16"}]})";
  std::vector<std::string> texts = {"", "\xFF\xFE", std::string(100000, '['),
                                    "nul", "{\"a\": 1e999}"};
  for (size_t length = 1; length < good.size(); ++length)
    texts.push_back(good.substr(0, length));
  for (const std::string &text : texts) {
    llvm::Expected<PrecisionConfig> read = PrecisionConfig::parse(text, "text");
    EXPECT_FALSE(static_cast<bool>(read)) << text.substr(0, 80);
    std::string message = llvm::toString(read.takeError());
    EXPECT_FALSE(message.empty());
  }
}

/// Best first; what has little in common is left out.
TEST(PrecisionConfig, NearestNames) {
  EXPECT_EQ(listNearest("conv1", {"conv10", "fc", "conv2", "cond1"}),
            "'conv10', 'conv2', 'cond1'");
  EXPECT_EQ(listNearest("conv1", {"conv10", "conv2"}, 1), "'conv10'");
  EXPECT_EQ(listNearest("conv1", {"softmax"}), "");
}

} // namespace
