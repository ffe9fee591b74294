//===- RepairsTest.cpp - what was decided to repair int8 accuracy ---------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpc/Analysis/Repairs.h"
#include <gtest/gtest.h>

using namespace mpc;

namespace {
TEST(Repairs, areSortedAndChecked) {
  auto repairs = parseRepairs("bias-correction,smoothquant:0.6,equalization");
  ASSERT_TRUE(bool(repairs));
  ASSERT_EQ(repairs->size(), 3u);
  EXPECT_EQ((*repairs)[0].repair, Repair::Equalization);
  EXPECT_EQ((*repairs)[1].repair, Repair::SmoothQuant);
  EXPECT_EQ((*repairs)[1].alpha, 0.6);
  EXPECT_EQ((*repairs)[2].repair, Repair::BiasCorrection);
  for (auto [text, message] :
       {std::pair("smooth",
                  "expected equalization, smoothquant, clipping, "
                  "adaptive-rounding or bias-correction, but got 'smooth'"),
        std::pair("", "expected equalization, smoothquant, clipping, "
                      "adaptive-rounding or bias-correction, but got ''"),
        std::pair("smoothquant:2", "expected smoothquant:ALPHA with ALPHA from "
                                   "0 to 1, but got 'smoothquant:2'"),
        std::pair("clipping:1",
                  "expected no argument of clipping, but got 'clipping:1'"),
        std::pair("clipping,clipping",
                  "expected each repair once, but got clipping twice")}) {
    auto failed = parseRepairs(text);
    ASSERT_FALSE(bool(failed));
    EXPECT_EQ(llvm::toString(failed.takeError()), message);
  }
}

TEST(RepairDecisions, readBackAsWritten) {
  RepairDecisions decisions;
  decisions.steps.resize(2);
  decisions.steps[0].repair = Repair::SmoothQuant;
  decisions.steps[0].factors["a"] = {0.1f, 1e-12f, 3e30f};
  decisions.steps[1].repair = Repair::AdaptiveRounding;
  decisions.steps[1].ranges["x"] = {-0.1, 1.0 / 3};
  decisions.steps[1].weightScales["b"] = {0.3f};
  decisions.steps[1].codes["b"] = {127, -127, 0, -1};
  decisions.steps[1].bias["b"] = {-0.7f};
  std::string text = decisions.str();
  auto read = RepairDecisions::parse(text, "text");
  ASSERT_TRUE(bool(read)) << llvm::toString(read.takeError());
  EXPECT_EQ(read->str(), text);
  EXPECT_EQ(read->steps[0].factors, decisions.steps[0].factors);
  EXPECT_EQ(read->steps[1].codes, decisions.steps[1].codes);
  EXPECT_EQ(read->steps[1].ranges, decisions.steps[1].ranges);
}

TEST(RepairDecisions, saysWhatIsWrong) {
  auto failed = RepairDecisions::parse(
      R"({"version": 1, "repairs": [{"repair": "adaptive-rounding", "codes": {"a": "gA=="}}]})",
      "f.json");
  ASSERT_FALSE(bool(failed));
  EXPECT_EQ(llvm::toString(failed.takeError()),
            "f.json: entry 0 of repairs: codes of 'a': expected base64 of "
            "bytes from -127 to 127");
}
} // namespace
