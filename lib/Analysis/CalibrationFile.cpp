//===- CalibrationFile.cpp - calibration tables as JSON -------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpc/Analysis/Calibration.h"
#include "table.h" // the runtime's
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"
#include <cmath>

#define JSON_NOEXCEPTION 1
#include <nlohmann/json.hpp>

using namespace mpc;
using llvm::Error;
using llvm::Expected;
using llvm::StringRef;
using llvm::Twine;
using Json = nlohmann::ordered_json;

static constexpr unsigned kVersion = 3;

Expected<Calibration> Calibration::load(StringRef path) {
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/true);
  if (std::error_code error = buffer.getError())
    return llvm::createStringError(path + ": " + error.message());
  return parse((*buffer)->getBuffer(), path);
}

/// For a message.
static std::string abbreviate(const Json &json) {
  std::string text = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  return text.size() > 80 ? text.substr(0, 77) + "..." : text;
}

static bool readInputs(const Json &json, InputChannels &inputs) {
  if (!json.is_object() || json.size() != 2 || !json.contains("positions") ||
      !json["positions"].is_number_unsigned() || !json.contains("sums") ||
      !json["sums"].is_array())
    return false;
  inputs.positions = json["positions"].get<int64_t>();
  for (const Json &sum : json["sums"]) {
    if (!sum.is_number_integer())
      return false;
    inputs.sums.push_back(sum.get<int64_t>());
  }
  return inputs.positions >= 0;
}

/// Reads one histogram; the text of what is wrong, if something is.
static std::optional<std::string>
readHistogram(const Json &json, CalibrationHistogram &histogram) {
  auto expected = [&](const char *what) {
    return std::string("expected ") + what + ", but got " + abbreviate(json);
  };
  if (!json.is_object() || json.size() != 3 || !json.contains("width") ||
      !json["width"].is_number_integer() || !json.contains("first") ||
      !json["first"].is_number_integer() || !json.contains("counts") ||
      !json["counts"].is_array())
    return expected(R"({"width": exponent, "first": bin, "counts": [...]})");
  int64_t exponent = json["width"].get<int64_t>();
  if (exponent < -127 || exponent > 127)
    return expected("a width from -127 to 127");
  histogram.exponent = static_cast<int>(exponent);
  histogram.counts.assign(kHistogramBins, 0);
  int64_t bin = json["first"].get<int64_t>();
  if (bin < -kHistogramBins / 2 || bin >= kHistogramBins / 2)
    return expected("a first bin from -2048 to 2047");
  bin += kHistogramBins / 2;
  for (const Json &item : json["counts"]) {
    if (!item.is_number_integer())
      return expected("counts that are integers");
    if (bin >= kHistogramBins)
      return expected("no counts behind the last bin");
    int64_t count = item.get<int64_t>();
    if (count < 0) {
      bin = count < -kHistogramBins ? kHistogramBins : bin - count;
      continue;
    }
    histogram.counts[bin++] = static_cast<uint64_t>(count);
  }
  return std::nullopt;
}

Expected<Calibration> Calibration::parse(StringRef text, StringRef source) {
  auto fail = [&](const Twine &message) {
    return llvm::createStringError(source + ": " + message);
  };
  Json json = Json::parse(text.begin(), text.end(), nullptr,
                          /*allow_exceptions=*/false);
  if (json.is_discarded())
    return fail("expected a calibration table, but this is not JSON");
  if (!json.is_object() || !json.contains("ranges") ||
      !json.contains("calibrator"))
    return fail("expected a calibration table with the keys version, "
                "model_hash, calibrator, samples and ranges");
  if (!json.contains("version") || !json["version"].is_number_unsigned() ||
      json["version"] < 1 || json["version"] > kVersion)
    return fail("expected a calibration table of version 1 to " +
                Twine(kVersion) + ", but got version " +
                (json.contains("version") ? json["version"].dump()
                                          : std::string("nothing")));
  bool hasHistograms = json["version"] > 1, hasInputs = json["version"] > 2;
  for (const auto &[key, value] : json.items())
    if (key != "version" && key != "model_hash" && key != "calibrator" &&
        key != "samples" && key != "ranges" &&
        (key != "histograms" || !hasHistograms) &&
        (key != "inputs" || !hasInputs))
      return fail("unknown key '" + key + "' in a calibration table");
  if (!json.contains("model_hash") || !json["model_hash"].is_string())
    return fail("expected model_hash to be a string");
  if (!json.contains("samples") || !json["samples"].is_number_unsigned())
    return fail("expected samples to be a number of samples");
  if (!json["calibrator"].is_string())
    return fail("expected calibrator to be a string");
  Expected<Calibrator> calibrator =
      parseCalibrator(json["calibrator"].get_ref<const std::string &>());
  if (!calibrator)
    return fail("calibrator: " + llvm::toString(calibrator.takeError()));
  if (!json["ranges"].is_object())
    return fail("expected ranges to map names of tensors to [min, max]");

  Calibration result(*calibrator, json["model_hash"].get<std::string>());
  result.numSamples = json["samples"].get<uint64_t>();
  for (const auto &[name, range] : json["ranges"].items()) {
    if (!range.is_array() || range.size() != 2 || !range[0].is_number() ||
        !range[1].is_number())
      return fail("range of '" + name + "': expected [min, max], but got " +
                  range.dump());
    double min = range[0].get<double>(), max = range[1].get<double>();
    if (!std::isfinite(min) || !std::isfinite(max) || min > max)
      return fail("range of '" + name +
                  "': expected finite min <= max, but got " + range.dump());
    result.observations[name].seen = {min, max};
  }
  if (json.contains("histograms")) {
    if (!json["histograms"].is_object())
      return fail("expected histograms to map names of tensors to objects");
    for (const auto &[name, histogram] : json["histograms"].items()) {
      auto it = result.observations.find(name);
      if (it == result.observations.end())
        return fail("histogram of '" + name + "': expected a range, too");
      if (auto problem = readHistogram(histogram, it->second.histogram))
        return fail("histogram of '" + name + "': " + *problem);
    }
  }
  if (json.contains("inputs")) {
    if (!json["inputs"].is_object())
      return fail("expected inputs to map names of groups to objects");
    for (const auto &[name, inputs] : json["inputs"].items())
      if (!readInputs(inputs, result.inputs[name]))
        return fail("inputs of '" + name +
                    R"(': expected {"positions": number, "sums": [...]} of )"
                    "integers, but got " +
                    abbreviate(inputs));
  }
  if (calibrator->needsHistogram())
    for (const auto &[name, observation] : result.observations)
      if (observation.histogram.empty())
        return fail("expected a histogram of '" + name +
                    "', which calibrator " + calibrator->str() + " needs");
  return result;
}

std::string mpc::toJSONString(StringRef text) {
  return Json(text.str())
      .dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
}

std::string Calibration::getHead() const {
  return "{\n \"version\": " + std::to_string(kVersion) +
         ",\n \"model_hash\": " + toJSONString(modelHash) +
         ",\n \"calibrator\": " + toJSONString(calibrator.str()) +
         ",\n \"samples\": ";
}

std::string Calibration::str() const {
  std::vector<std::string> names;
  std::vector<const char *> keys;
  std::vector<mpc_rt_observation> items;
  // A row's sums, and behind them the number of positions.
  std::vector<std::vector<int64_t>> sums;
  std::vector<std::string> groups;
  std::vector<mpc_rt_channels> rows;
  for (const auto &[name, observation] : observations) {
    names.push_back(toJSONString(name));
    mpc_rt_observation item = {};
    item.min = observation.seen.min;
    item.max = observation.seen.max;
    item.exponent = observation.histogram.exponent;
    // The writer changes nothing.
    item.counts =
        observation.histogram.empty()
            ? nullptr
            : const_cast<uint64_t *>(observation.histogram.counts.data());
    items.push_back(item);
  }
  for (const std::string &name : names)
    keys.push_back(name.c_str());
  for (const auto &[group, channels] : inputs) {
    groups.push_back(toJSONString(group));
    sums.push_back(channels.sums);
    sums.back().push_back(channels.positions);
  }
  for (auto [group, row] : llvm::zip(groups, sums))
    rows.push_back(
        {group.c_str(), row.data(), static_cast<uint32_t>(row.size() - 1)});
  std::string text;
  mpc_rt_write_table(
      getHead().c_str(), numSamples, keys.data(), items.data(),
      static_cast<uint32_t>(items.size()), rows.data(),
      static_cast<uint32_t>(rows.size()),
      [](void *user, const char *piece, size_t size) {
        static_cast<std::string *>(user)->append(piece, size);
      },
      &text);
  return text;
}

Error Calibration::save(StringRef path) const {
  std::string temporary = (path + ".tmp").str();
  std::error_code code;
  {
    llvm::raw_fd_ostream os(temporary, code);
    if (code)
      return llvm::createStringError(path + ": " + code.message());
    os << str();
    os.close();
    if (os.has_error()) {
      code = os.error();
      os.clear_error();
    }
  }
  if (!code)
    code = llvm::sys::fs::rename(temporary, path);
  if (code) {
    llvm::sys::fs::remove(temporary);
    return llvm::createStringError(path + ": " + code.message());
  }
  return Error::success();
}
