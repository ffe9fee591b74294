//===- LatencyTable.cpp - Measured times of kernels -----------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpc/Support/LatencyTable.h"

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

using namespace mpc;
using Json = nlohmann::ordered_json;

static constexpr int tableVersion = 1;

const LatencyTable::Entry *LatencyTable::find(const std::string &key,
                                              const std::string &name) const {
  const Entry *found = nullptr;
  for (const Entry &entry : entries) {
    if (entry.key != key)
      continue;
    if (entry.name == name)
      return &entry;
    if (!found)
      found = &entry;
  }
  return found;
}

bool LatencyTable::load(const std::string &path, std::string &error) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  if (!file || !(text << file.rdbuf())) {
    error = path + ": cannot read it as a table of latencies";
    return false;
  }
  return parse(text.str(), path, error);
}

bool LatencyTable::parse(const std::string &text, const std::string &source,
                         std::string &error) {
  auto fail = [&](const std::string &what) {
    error = source + ": " + what;
    return false;
  };
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object())
    return fail("expected a table of latencies, a JSON object as mpc-run "
                "--measure writes it");
  if (!json.contains("version") || !json["version"].is_number_integer() ||
      json["version"].get<int64_t>() != tableVersion)
    return fail("expected a table of latencies of \"version\": " +
                std::to_string(tableVersion));
  for (auto &[key, value] : json.items()) {
    bool isKnown = false;
    for (const char *known : {"version", "compiler", "isa", "threads",
                              "entries", "conversions", "overhead_ms"})
      isKnown |= key == known;
    if (!isKnown)
      return fail("unknown key \"" + key + "\" in a table of latencies");
  }
  auto isText = [](const Json &row, const char *key) {
    return row.is_object() && row.contains(key) && row[key].is_string();
  };
  auto isTime = [](const Json &row, const char *key) {
    return row.is_object() && row.contains(key) && row[key].is_number() &&
           std::isfinite(row[key].get<double>()) && row[key].get<double>() >= 0;
  };
  if (!isText(json, "isa"))
    return fail("expected \"isa\", the name of an instruction set");
  if (!isTime(json, "overhead_ms"))
    return fail("expected \"overhead_ms\", a time of at least 0");
  LatencyTable table;
  table.isa = json["isa"].get<std::string>();
  table.overheadMs = json["overhead_ms"].get<double>();
  for (const char *list : {"entries", "conversions"})
    if (!json.contains(list) || !json[list].is_array())
      return fail("expected a list \"" + std::string(list) + "\"");
  size_t index = 0;
  for (const Json &row : json["entries"]) {
    if (!isText(row, "key") || !isText(row, "name") ||
        !isText(row, "precision") || !isTime(row, "ms"))
      return fail("entries[" + std::to_string(index) +
                  "]: expected \"key\", \"name\" and \"precision\", texts, and "
                  "\"ms\", a time of at least 0");
    table.entries.push_back(
        {row["key"].get<std::string>(), row["name"].get<std::string>(),
         row["precision"].get<std::string>(), row["ms"].get<double>()});
    ++index;
  }
  index = 0;
  for (const Json &row : json["conversions"]) {
    bool isGood = isText(row, "from") && isText(row, "to") &&
                  isTime(row, "ms") && row.contains("shape") &&
                  row["shape"].is_array();
    if (isGood)
      for (const Json &size : row["shape"])
        isGood &= size.is_number_unsigned();
    if (!isGood)
      return fail("conversions[" + std::to_string(index) +
                  "]: expected \"from\" and \"to\", texts, \"shape\", a list "
                  "of sizes, and \"ms\", a time of at least 0");
    table.conversions.push_back(
        {row["from"].get<std::string>(), row["to"].get<std::string>(),
         row["shape"].get<std::vector<int64_t>>(), row["ms"].get<double>()});
    ++index;
  }
  *this = std::move(table);
  return true;
}

std::string LatencyTable::str() const {
  Json json;
  json["version"] = tableVersion;
  json["isa"] = isa;
  json["threads"] = 1;
  json["entries"] = Json::array();
  for (const Entry &entry : entries)
    json["entries"].push_back({{"key", entry.key},
                               {"name", entry.name},
                               {"precision", entry.precision},
                               {"ms", entry.ms}});
  json["conversions"] = Json::array();
  for (const Conversion &entry : conversions)
    json["conversions"].push_back({{"from", entry.from},
                                   {"to", entry.to},
                                   {"shape", entry.shape},
                                   {"ms", entry.ms}});
  json["overhead_ms"] = overheadMs;
  // One entry on a line.
  std::string text = "{";
  const char *comma = "\n ";
  for (auto &[key, value] : json.items()) {
    text += comma + Json(key).dump() + ": ";
    comma = ",\n ";
    if (!value.is_array()) {
      text += value.dump();
      continue;
    }
    text += "[";
    const char *separator = "\n  ";
    for (const Json &row : value) {
      text +=
          separator + row.dump(-1, ' ', false, Json::error_handler_t::replace);
      separator = ",\n  ";
    }
    text += "]";
  }
  return text + "\n}\n";
}
