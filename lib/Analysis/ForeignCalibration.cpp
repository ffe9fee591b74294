//===- ForeignCalibration.cpp - calibration tables of other tools ---------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpc/Analysis/ForeignCalibration.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/bit.h"
#include <algorithm>
#include <cmath>

#define JSON_NOEXCEPTION 1
#include <nlohmann/json.hpp>

using namespace mpc;
using llvm::Error;
using llvm::Expected;
using llvm::SmallVector;
using llvm::StringRef;
using llvm::Twine;
using Json = nlohmann::ordered_json;

namespace {
class Reader {
public:
  Reader(StringRef text, StringRef source) : text(text), source(source) {}
  Expected<std::optional<ForeignCalibration>> read();

private:
  Error fail(const Twine &message) const {
    return llvm::createStringError(llvm::inconvertibleErrorCode(),
                                   source + ": " + message);
  }
  Error failAt(unsigned line, const Twine &message) const {
    return fail("line " + Twine(line) + ": " + message);
  }
  Error add(StringRef tensor, double min, double max);
  Error readONNXRuntime(const Json &tensors);
  Error readTensorRT();
  Error readTPU();
  bool looksLikeTPU() const;

  StringRef text, source;
  ForeignCalibration table;
};
} // namespace

Error Reader::add(StringRef tensor, double min, double max) {
  if (!std::isfinite(min) || !std::isfinite(max) || min > max)
    return fail("tensor '" + tensor +
                "': expected finite min <= max, but got " +
                std::to_string(min) + " and " + std::to_string(max));
  table.ranges[tensor.str()] = {min, max};
  return Error::success();
}

//===----------------------------------------------------------------------===//
// ONNX Runtime
//===----------------------------------------------------------------------===//

/// A number, as such, as an array of one, or as the encoder's numpy array.
static std::optional<double> getNumber(const Json &json) {
  if (json.is_number())
    return json.get<double>();
  if (json.is_array() && json.size() == 1)
    return getNumber(json[0]);
  if (json.is_object() && json.contains("data"))
    return getNumber(json["data"]);
  return std::nullopt;
}

static std::optional<CalibrationRange> getRange(const Json &json) {
  std::optional<double> min, max;
  if (json.is_array() && json.size() == 2) {
    min = getNumber(json[0]);
    max = getNumber(json[1]);
  } else if (json.is_object() && json.contains("lowest") &&
             json.contains("highest")) {
    min = getNumber(json["lowest"]);
    max = getNumber(json["highest"]);
  }
  if (!min || !max)
    return std::nullopt;
  return CalibrationRange{*min, *max};
}

Error Reader::readONNXRuntime(const Json &tensors) {
  table.tool = "ONNX Runtime";
  for (const auto &[name, value] : tensors.items()) {
    if (name == "CLS")
      continue;
    std::optional<CalibrationRange> range = getRange(value);
    if (!range)
      return fail("tensor '" + name +
                  "': expected [min, max], or an object "
                  "with lowest and highest");
    if (Error error = add(name, range->min, range->max))
      return error;
  }
  return Error::success();
}

//===----------------------------------------------------------------------===//
// TensorRT
//===----------------------------------------------------------------------===//

Error Reader::readTensorRT() {
  table.tool = "TensorRT";
  SmallVector<StringRef> lines;
  text.split(lines, '\n');
  for (unsigned number = 2; number <= lines.size(); ++number) {
    StringRef line = lines[number - 1].trim();
    if (line.empty())
      continue;
    auto [name, digits] = line.rsplit(':');
    digits = digits.trim();
    uint32_t bits;
    if (name.empty() || digits.empty() || digits.size() > 8 ||
        digits.getAsInteger(16, bits))
      return failAt(number, "expected 'name: hexadecimal scale', but got '" +
                                line + "'");
    double scale = llvm::bit_cast<float>(bits);
    if (!(scale >= 0) || !std::isfinite(scale))
      return failAt(number, "expected the bits of a scale, but " + digits +
                                " is " + std::to_string(scale));
    if (Error error = add(name.trim(), -127 * scale, 127 * scale))
      return error;
  }
  return Error::success();
}

//===----------------------------------------------------------------------===//
// TPU-MLIR
//===----------------------------------------------------------------------===//

static SmallVector<StringRef> splitFields(StringRef line) {
  SmallVector<StringRef> fields;
  llvm::SplitString(line, fields, " \t\r");
  return fields;
}

/// What follows is no range of a tensor: other sections of newer tables.
static bool endsRanges(StringRef comment) {
  StringRef name =
      comment.drop_while([](char c) { return c == '#' || c == ' '; });
  return name.starts_with("int4_th") || name.starts_with("weight_scale") ||
         name.starts_with("asym_op");
}

bool Reader::looksLikeTPU() const {
  SmallVector<StringRef> lines;
  text.split(lines, '\n');
  for (StringRef line : lines) {
    line = line.trim();
    if (line.empty() || line.starts_with("#"))
      continue;
    SmallVector<StringRef> fields = splitFields(line);
    double number;
    return fields.size() == 4 && !fields[1].getAsDouble(number);
  }
  return false;
}

Error Reader::readTPU() {
  table.tool = "TPU-MLIR";
  SmallVector<StringRef> lines;
  text.split(lines, '\n');
  for (auto [index, raw] : llvm::enumerate(lines)) {
    StringRef line = raw.trim();
    if (line.starts_with("#") && endsRanges(line))
      break;
    if (line.empty() || line.starts_with("#"))
      continue;
    SmallVector<StringRef> fields = splitFields(line);
    double threshold, min, max;
    if (fields.size() != 4 || fields[1].getAsDouble(threshold) ||
        fields[2].getAsDouble(min) || fields[3].getAsDouble(max) ||
        !(threshold >= 0))
      return failAt(index + 1, "expected 'name threshold min max', but got '" +
                                   line + "'");
    if (Error error = add(fields[0], std::clamp(min, -threshold, threshold),
                          std::clamp(max, -threshold, threshold)))
      return error;
  }
  return Error::success();
}

Expected<std::optional<ForeignCalibration>> Reader::read() {
  if (text.starts_with("TRT-")) {
    if (Error error = readTensorRT())
      return error;
    return table;
  }
  Json json = Json::parse(text.begin(), text.end(), nullptr,
                          /*allow_exceptions=*/false);
  if (json.is_discarded()) {
    if (!looksLikeTPU())
      return std::nullopt;
    if (Error error = readTPU())
      return error;
    return table;
  }
  if (!json.is_object() || json.empty() || json.contains("calibrator"))
    return std::nullopt;
  const Json &tensors =
      json.contains("CLS") && json.contains("data") && json["data"].is_object()
          ? json["data"]
          : json;
  if (llvm::none_of(tensors.items(), [](const auto &item) {
        return getRange(item.value()).has_value();
      }))
    return std::nullopt;
  if (Error error = readONNXRuntime(tensors))
    return error;
  return table;
}

Expected<std::optional<ForeignCalibration>>
mpc::parseForeignCalibration(StringRef text, StringRef source) {
  return Reader(text, source).read();
}
