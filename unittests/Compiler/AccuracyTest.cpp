//===- AccuracyTest.cpp - budgets of accuracy -----------------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Accuracy.h"
#include "gtest/gtest.h"

using namespace mpc;

namespace {

AccuracyBudget parse(llvm::StringRef text) {
  auto budget = AccuracyBudget::parse(text);
  EXPECT_TRUE(bool(budget));
  return *budget;
}

// Points lost are at most the budget, decibels and cosines at least.
TEST(AccuracyBudget, IsMetOnItsSide) {
  EXPECT_TRUE(parse("top1:0.3").isMetBy(0.3));
  EXPECT_TRUE(parse("top1:0.3").isMetBy(-1));
  EXPECT_FALSE(parse("top1:0.3").isMetBy(0.31));
  EXPECT_TRUE(parse("sqnr:20").isMetBy(20));
  EXPECT_FALSE(parse("sqnr:20").isMetBy(19.9));
  EXPECT_TRUE(parse("cosine:0.99").isMetBy(0.995));
  EXPECT_FALSE(parse("cosine:0.99").isMetBy(0.98));
}

// Uniform precisions need one standard error of margin, assignments of a search
// two.
TEST(Accuracy, HasMarginsOfStandardErrors) {
  Accuracy accuracy;
  accuracy.figure = 20.5;
  accuracy.safeFigure = 19.9;
  EXPECT_DOUBLE_EQ(accuracy.getFigure(0), 20.5);
  EXPECT_TRUE(parse("sqnr:20").isMetBy(accuracy.getFigure(1)));
  EXPECT_FALSE(parse("sqnr:20").isMetBy(accuracy.getFigure(2)));
  EXPECT_FALSE(parse("sqnr:20.3").isMetBy(accuracy.getFigure(1)));
}

} // namespace
