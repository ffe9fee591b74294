//===- LatencyTableTest.cpp - Files of measured times ---------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpc/Support/LatencyTable.h"

#include <gtest/gtest.h>

using namespace mpc;

static LatencyTable makeTable() {
  LatencyTable table;
  table.isa = "cascadelake";
  table.entries = {{"k1", "conv \"1\"", "f32", 0.5},
                   {"k1", "conv2", "f32", 0.25},
                   {"k2", "conv2", "int8", 0}};
  table.conversions = {{"f32", "int8", {1, 28, 28}, 1e-5}};
  table.overheadMs = 0.001;
  return table;
}

TEST(LatencyTable, ComesBackFromItsText) {
  LatencyTable table = makeTable(), read;
  std::string error;
  ASSERT_TRUE(read.parse(table.str(), "t.json", error)) << error;
  EXPECT_EQ(read.str(), table.str());
  EXPECT_EQ(read.entries[0].name, "conv \"1\"");
  EXPECT_EQ(read.conversions[0].shape, (std::vector<int64_t>{1, 28, 28}));
}

TEST(LatencyTable, PrefersTheGroupOfThatName) {
  LatencyTable table = makeTable();
  EXPECT_EQ(table.find("k1", "conv2")->ms, 0.25);
  EXPECT_EQ(table.find("k1", "elsewhere")->ms, 0.5);
  EXPECT_EQ(table.find("k3", "conv2"), nullptr);
}

TEST(LatencyTable, RefusesWhatIsNoTable) {
  auto refuse = [](const std::string &text) {
    LatencyTable table;
    std::string error;
    EXPECT_FALSE(table.parse(text, "t.json", error)) << text;
    return error;
  };
  EXPECT_EQ(refuse("[]"),
            "t.json: expected a table of latencies, a JSON object "
            "as mpc-run --measure writes it");
  EXPECT_EQ(refuse("{\"version\": 2}"),
            "t.json: expected a table of latencies of \"version\": 1");
  EXPECT_EQ(refuse("{\"version\": 1, \"groups\": []}"),
            "t.json: unknown key \"groups\" in a table of latencies");
  std::string head = "{\"version\": 1, \"isa\": \"a\", \"overhead_ms\": 0, ";
  EXPECT_EQ(refuse(head + "\"entries\": []}"),
            "t.json: expected a list \"conversions\"");
  EXPECT_EQ(refuse(head + "\"conversions\": [], \"entries\": [{\"key\": \"k\", "
                          "\"name\": \"n\", \"precision\": \"f32\", \"ms\": "
                          "-1}]}"),
            "t.json: entries[0]: expected \"key\", \"name\" and \"precision\", "
            "texts, and \"ms\", a time of at least 0");
  EXPECT_EQ(refuse(head + "\"entries\": [], \"conversions\": [{\"from\": "
                          "\"f32\", \"to\": \"f16\", \"shape\": [-1], \"ms\": "
                          "1}]}"),
            "t.json: conversions[0]: expected \"from\" and \"to\", texts, "
            "\"shape\", a list of sizes, and \"ms\", a time of at least 0");
  LatencyTable table;
  std::string error;
  EXPECT_FALSE(table.load("/nowhere/t.json", error));
  EXPECT_EQ(error, "/nowhere/t.json: cannot read it as a table of latencies");
}
