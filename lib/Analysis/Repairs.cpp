//===- Repairs.cpp - what was decided to repair int8 accuracy -------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpc/Analysis/Repairs.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/Base64.h"
#include "llvm/Support/MemoryBuffer.h"
#include <cmath>

#define JSON_NOEXCEPTION 1
#include <nlohmann/json.hpp>

using namespace mpc;
using llvm::Error;
using llvm::Expected;
using llvm::StringRef;
using llvm::Twine;
using Json = nlohmann::ordered_json;

static constexpr unsigned kVersion = 1;
static constexpr std::pair<Repair, const char *> kNames[] = {
    {Repair::Equalization, "equalization"},
    {Repair::SmoothQuant, "smoothquant"},
    {Repair::Clipping, "clipping"},
    {Repair::AdaptiveRounding, "adaptive-rounding"},
    {Repair::BiasCorrection, "bias-correction"}};

StringRef mpc::getRepairName(Repair repair) {
  for (auto [value, name] : kNames)
    if (value == repair)
      return name;
  llvm_unreachable("all repairs have names");
}

static std::optional<Repair> symbolizeRepair(StringRef name) {
  for (auto [value, known] : kNames)
    if (name == known)
      return value;
  return std::nullopt;
}

Expected<std::vector<RepairRequest>> mpc::parseRepairs(StringRef text) {
  std::vector<RepairRequest> result;
  llvm::SmallVector<StringRef> words;
  text.split(words, ',');
  for (StringRef word : words) {
    auto [name, argument] = word.split(':');
    std::optional<Repair> repair = symbolizeRepair(name);
    if (!repair)
      return llvm::createStringError(
          "expected equalization, smoothquant, clipping, adaptive-rounding or "
          "bias-correction, but got '" +
          word + "'");
    RepairRequest request{*repair};
    if (name != word) {
      if (*repair != Repair::SmoothQuant)
        return llvm::createStringError("expected no argument of " + name +
                                       ", but got '" + word + "'");
      if (argument.getAsDouble(request.alpha) ||
          !(request.alpha >= 0 && request.alpha <= 1))
        return llvm::createStringError(
            "expected smoothquant:ALPHA with ALPHA from 0 to 1, but got '" +
            word + "'");
    }
    if (llvm::any_of(result, [&](const RepairRequest &other) {
          return other.repair == *repair;
        }))
      return llvm::createStringError("expected each repair once, but got " +
                                     name + " twice");
    result.push_back(request);
  }
  llvm::sort(result, [](const RepairRequest &a, const RepairRequest &b) {
    return a.repair < b.repair;
  });
  return result;
}

//===----------------------------------------------------------------------===//
// The file
//===----------------------------------------------------------------------===//

std::string RepairDecisions::str() const {
  Json json;
  json["version"] = kVersion;
  Json &list = json["repairs"] = Json::array();
  for (const RepairStep &step : steps) {
    Json entry;
    entry["repair"] = getRepairName(step.repair).str();
    auto write = [&](const char *key, const auto &table, auto toJson) {
      if (table.empty())
        return;
      Json &object = entry[key] = Json::object();
      for (const auto &[name, value] : table)
        object[name] = toJson(value);
    };
    auto numbers = [](const std::vector<float> &values) {
      return Json(values);
    };
    write("factors", step.factors, numbers);
    write("ranges", step.ranges, [](const CalibrationRange &range) {
      return Json::array({range.min, range.max});
    });
    write("weight_scales", step.weightScales, numbers);
    write("codes", step.codes, [](const std::vector<int8_t> &codes) {
      return llvm::encodeBase64(StringRef(
          reinterpret_cast<const char *>(codes.data()), codes.size()));
    });
    write("bias", step.bias, numbers);
    list.push_back(std::move(entry));
  }
  // Names come from models: bytes that are no UTF-8 are replaced, not thrown
  // over.
  return json.dump(-1, ' ', /*ensure_ascii=*/false,
                   Json::error_handler_t::replace) +
         "\n";
}

namespace {
/// Reads one entry of the list; the first problem is `problem`.
struct StepReader {
  const Json &entry;
  std::string problem;

  void fail(const Twine &message) {
    if (problem.empty())
      problem = message.str();
  }

  template <typename Value>
  void read(const char *key, std::map<std::string, Value> &table,
            llvm::function_ref<bool(const Json &, Value &)> parse,
            StringRef what) {
    if (!entry.contains(key))
      return;
    if (!entry[key].is_object())
      return fail("expected " + Twine(key) + " to map names to " + what);
    for (const auto &[name, json] : entry[key].items())
      if (!parse(json, table[name]))
        fail(Twine(key) + " of '" + name + "': expected " + what);
  }

  static bool readNumbers(const Json &json, std::vector<float> &values,
                          bool positive) {
    if (!json.is_array())
      return false;
    for (const Json &number : json) {
      if (!number.is_number())
        return false;
      values.push_back(number.get<float>());
      if (!std::isfinite(values.back()) || (positive && !(values.back() > 0)))
        return false;
    }
    return true;
  }

  static bool readRange(const Json &json, CalibrationRange &range) {
    if (!json.is_array() || json.size() != 2 || !json[0].is_number() ||
        !json[1].is_number())
      return false;
    range = {json[0].get<double>(), json[1].get<double>()};
    return std::isfinite(range.min) && std::isfinite(range.max) &&
           range.min <= range.max;
  }

  static bool readCodes(const Json &json, std::vector<int8_t> &codes) {
    std::vector<char> bytes;
    if (!json.is_string())
      return false;
    if (Error error =
            llvm::decodeBase64(json.get_ref<const std::string &>(), bytes)) {
      llvm::consumeError(std::move(error));
      return false;
    }
    codes.assign(bytes.begin(), bytes.end());
    return llvm::none_of(codes, [](int8_t code) { return code == -128; });
  }
};
} // namespace

Expected<RepairDecisions> RepairDecisions::parse(StringRef text,
                                                 StringRef source) {
  auto fail = [&](const Twine &message) {
    return llvm::createStringError(source + ": " + message);
  };
  Json json = Json::parse(text.begin(), text.end(), nullptr,
                          /*allow_exceptions=*/false);
  if (json.is_discarded())
    return fail("expected decisions of repairs, but this is not JSON");
  if (!json.is_object() || !json.contains("version") ||
      json["version"] != kVersion || !json.contains("repairs") ||
      !json["repairs"].is_array())
    return fail("expected decisions of repairs with the keys version (" +
                Twine(kVersion) + ") and repairs (a list)");
  RepairDecisions result;
  for (const auto &[index, entry] : llvm::enumerate(json["repairs"])) {
    if (!entry.is_object() || !entry.contains("repair") ||
        !entry["repair"].is_string())
      return fail("entry " + Twine(index) +
                  " of repairs: expected an object with the key repair");
    std::optional<Repair> repair =
        symbolizeRepair(entry["repair"].get_ref<const std::string &>());
    if (!repair)
      return fail("entry " + Twine(index) + " of repairs: unknown repair '" +
                  entry["repair"].get_ref<const std::string &>() + "'");
    for (const auto &[key, value] : entry.items())
      if (key != "repair" && key != "factors" && key != "ranges" &&
          key != "weight_scales" && key != "codes" && key != "bias")
        return fail("entry " + Twine(index) + " of repairs: unknown key '" +
                    key + "'");
    RepairStep step;
    step.repair = *repair;
    StepReader reader{entry, {}};
    using Numbers = std::vector<float>;
    auto positive = [](const Json &numbers, Numbers &values) {
      return StepReader::readNumbers(numbers, values, /*positive=*/true);
    };
    auto finite = [](const Json &numbers, Numbers &values) {
      return StepReader::readNumbers(numbers, values, /*positive=*/false);
    };
    reader.read<Numbers>("factors", step.factors, positive, "positive numbers");
    reader.read<CalibrationRange>("ranges", step.ranges, StepReader::readRange,
                                  "[min, max]");
    reader.read<Numbers>("weight_scales", step.weightScales, positive,
                         "positive numbers");
    reader.read<std::vector<int8_t>>("codes", step.codes, StepReader::readCodes,
                                     "base64 of bytes from -127 to 127");
    reader.read<Numbers>("bias", step.bias, finite, "numbers");
    if (!reader.problem.empty())
      return fail("entry " + Twine(index) + " of repairs: " + reader.problem);
    result.steps.push_back(std::move(step));
  }
  return result;
}

Expected<RepairDecisions> RepairDecisions::load(StringRef path) {
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/true);
  if (std::error_code error = buffer.getError())
    return llvm::createStringError(path + ": " + error.message());
  return parse((*buffer)->getBuffer(), path);
}
