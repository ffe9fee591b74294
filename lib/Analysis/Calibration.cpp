//===- Calibration.cpp - the ranges that tensors were seen in -------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpc/Analysis/Calibration.h"
#include "llvm/ADT/StringSwitch.h"
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

static constexpr unsigned kVersion = 1;
/// The weight of a new run in a moving average.
static constexpr double kAveragingConstant = 0.01;

static Error makeError(const Twine &message) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), message);
}

//===----------------------------------------------------------------------===//
// Calibrators
//===----------------------------------------------------------------------===//

Expected<Calibrator> mpc::parseCalibrator(StringRef name) {
  if (name == "minmax")
    return Calibrator::MinMax;
  if (name == "moving-average")
    return Calibrator::MovingAverage;
  bool isPlanned = llvm::StringSwitch<bool>(name)
                       .Cases({"percentile", "mse", "entropy"}, true)
                       .Default(false);
  if (isPlanned)
    return makeError("calibrator '" + name + "' is not supported yet");
  return makeError("expected a calibrator minmax or moving-average, but got '" +
                   name + "'");
}

StringRef mpc::getCalibratorName(Calibrator calibrator) {
  return calibrator == Calibrator::MinMax ? "minmax" : "moving-average";
}

std::optional<CalibrationRange> Calibration::lookup(StringRef tensor) const {
  auto it = ranges.find(tensor.str());
  return it == ranges.end() ? std::nullopt
                            : std::optional<CalibrationRange>(it->second);
}

Error Calibration::observe(StringRef tensor, double min, double max) {
  if (!std::isfinite(min) || !std::isfinite(max))
    return makeError("tensor '" + tensor +
                     "' holds NaN or an infinity with these samples");
  if (min > max)
    return makeError("tensor '" + tensor + "': expected min <= max, but got " +
                     std::to_string(min) + " and " + std::to_string(max));
  auto [it, isNew] =
      ranges.try_emplace(tensor.str(), CalibrationRange{min, max});
  if (isNew)
    return Error::success();
  CalibrationRange &range = it->second;
  if (calibrator == Calibrator::MinMax) {
    range.min = std::min(range.min, min);
    range.max = std::max(range.max, max);
  } else {
    range.min += kAveragingConstant * (min - range.min);
    range.max += kAveragingConstant * (max - range.max);
  }
  return Error::success();
}

Error Calibration::merge(const Calibration &other) {
  if (calibrator != other.calibrator || calibrator != Calibrator::MinMax)
    return makeError("expected tables of calibrator minmax to merge, but got " +
                     getCalibratorName(calibrator) + " and " +
                     getCalibratorName(other.calibrator));
  if (modelHash != other.modelHash)
    return makeError(
        "expected tables of one model to merge, but got the model hashes '" +
        modelHash + "' and '" + other.modelHash + "'");
  for (const auto &[name, range] : other.ranges)
    if (Error error = observe(name, range.min, range.max))
      return error;
  numSamples += other.numSamples;
  return Error::success();
}

//===----------------------------------------------------------------------===//
// The file
//===----------------------------------------------------------------------===//

Expected<Calibration> Calibration::load(StringRef path) {
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/true);
  if (std::error_code error = buffer.getError())
    return makeError(path + ": " + error.message());
  return parse((*buffer)->getBuffer(), path);
}

Expected<Calibration> Calibration::parse(StringRef text, StringRef source) {
  auto fail = [&](const Twine &message) {
    return makeError(source + ": " + message);
  };
  Json json = Json::parse(text.begin(), text.end(), nullptr,
                          /*allow_exceptions=*/false);
  if (json.is_discarded())
    return fail("expected a calibration table, but this is not JSON");
  if (!json.is_object() || !json.contains("ranges") ||
      !json.contains("calibrator"))
    return fail("expected a calibration table with the keys version, "
                "model_hash, calibrator, samples and ranges");
  for (const auto &[key, value] : json.items())
    if (key != "version" && key != "model_hash" && key != "calibrator" &&
        key != "samples" && key != "ranges")
      return fail("unknown key '" + key + "' in a calibration table");
  if (!json.contains("version") || !json["version"].is_number_unsigned() ||
      json["version"] != kVersion)
    return fail("expected a calibration table of version " + Twine(kVersion) +
                ", but got version " +
                (json.contains("version") ? json["version"].dump()
                                          : std::string("nothing")));
  if (!json.contains("model_hash") || !json["model_hash"].is_string())
    return fail("expected model_hash to be a string");
  if (!json.contains("samples") || !json["samples"].is_number_unsigned())
    return fail("expected samples to be a number of samples");
  if (!json["calibrator"].is_string())
    return fail("expected calibrator to be a string");
  Expected<Calibrator> calibrator =
      parseCalibrator(json["calibrator"].get_ref<const std::string &>());
  if (!calibrator)
    return fail(llvm::toString(calibrator.takeError()));
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
    result.ranges[name] = {min, max};
  }
  return result;
}

std::string Calibration::str() const {
  Json json;
  json["version"] = kVersion;
  json["model_hash"] = modelHash;
  json["calibrator"] = getCalibratorName(calibrator).str();
  json["samples"] = numSamples;
  Json &table = json["ranges"] = Json::object();
  for (const auto &[name, range] : ranges)
    table[name] = Json::array({range.min, range.max});
  // Names come from models: bytes that are no UTF-8 are replaced, not thrown
  // over.
  return json.dump(1, ' ', /*ensure_ascii=*/false,
                   Json::error_handler_t::replace) +
         "\n";
}

Error Calibration::save(StringRef path) const {
  std::string temporary = (path + ".tmp").str();
  std::error_code code;
  {
    llvm::raw_fd_ostream os(temporary, code);
    if (code)
      return makeError(path + ": " + code.message());
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
    return makeError(path + ": " + code.message());
  }
  return Error::success();
}
