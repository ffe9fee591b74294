//===- PreprocessConfig.cpp - how pictures become inputs ------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpc/Support/PreprocessConfig.h"
#include "mpc/Support/PrecisionConfig.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"
#include <cmath>

using namespace llvm;
using namespace mpc;

using Size = PreprocessConfig::Size;

/// No picture is larger in a dimension; products of sizes then fit 64 bits.
static constexpr int64_t kMaxSide = 1 << 20;

static constexpr StringRef kKeys[] = {
    "type", "layout", "model_layout", "color", "size",          "resize",
    "crop", "mean",   "std",          "scale", "interpolation", "antialias"};

std::optional<Size> PreprocessConfig::Input::getFedSize() const {
  if (size || !resize)
    return size;
  // Without a size, resizing is left to whoever feeds the pictures, such as
  // mpc's reader of image files.
  return resizesShortSide ? Size{(*resize)[0], (*resize)[0]} : *resize;
}

Size PreprocessConfig::Input::getResized(Size fed) const {
  if (!resize)
    return fed;
  if (!resizesShortSide)
    return *resize;
  int64_t side = (*resize)[0];
  return fed[0] <= fed[1] ? Size{side, side * fed[1] / fed[0]}
                          : Size{side * fed[0] / fed[1], side};
}

namespace {
class Reader {
public:
  explicit Reader(StringRef source) : source(source) {}
  Expected<PreprocessConfig> read(StringRef text);

private:
  Error fail(const Twine &message) const {
    return createStringError(inconvertibleErrorCode(), source + ": " + message);
  }
  Error failAt(StringRef key, const Twine &expected,
               const json::Value &got) const {
    return fail(where + "expected " + key + " to be " + expected +
                ", but got " + formatv("{0}", got).str());
  }
  Error readInput(const json::Object &object, PreprocessConfig::Input &input);
  Error readKey(StringRef key, const json::Value &value,
                PreprocessConfig::Input &input);
  Error readSize(StringRef key, const json::Value &value,
                 std::optional<Size> &size, bool *isShortSide = nullptr);
  Error readWord(StringRef key, const json::Value &value,
                 ArrayRef<StringRef> words, size_t &index);
  Error readNumbers(StringRef key, const json::Value &value,
                    std::vector<double> &numbers);

  StringRef source;
  std::string where;
};
} // namespace

/// H and W as an array, or one number for both (or, with isShortSide, for the
/// shorter of them).
Error Reader::readSize(StringRef key, const json::Value &value,
                       std::optional<Size> &size, bool *isShortSide) {
  SmallVector<int64_t> sides;
  if (const json::Array *array = value.getAsArray()) {
    for (const json::Value &side : *array)
      sides.push_back(side.getAsInteger().value_or(0));
    if (sides.size() != 2)
      sides.clear();
  } else {
    sides.assign(2, value.getAsInteger().value_or(0));
    if (isShortSide)
      *isShortSide = true;
  }
  if (sides.empty() || llvm::any_of(sides, [](int64_t side) {
        return side < 1 || side > kMaxSide;
      }))
    return failAt(key, "a number of pixels or [height, width]", value);
  size = Size{sides[0], sides[1]};
  return Error::success();
}

Error Reader::readWord(StringRef key, const json::Value &value,
                       ArrayRef<StringRef> words, size_t &index) {
  auto word = value.getAsString();
  const StringRef *found = word ? llvm::find(words, *word) : words.end();
  if (found == words.end())
    return failAt(key, "one of " + join(words, ", "), value);
  index = found - words.begin();
  return Error::success();
}

Error Reader::readNumbers(StringRef key, const json::Value &value,
                          std::vector<double> &numbers) {
  if (auto number = value.getAsNumber()) {
    numbers.push_back(*number);
  } else if (const json::Array *array = value.getAsArray()) {
    for (const json::Value &entry : *array) {
      auto number = entry.getAsNumber();
      if (!number)
        return failAt(key, "a number or an array of numbers", value);
      numbers.push_back(*number);
    }
  }
  if (numbers.empty() || !llvm::all_of(numbers, [](double number) {
        return std::isfinite(number);
      }))
    return failAt(key, "a number or an array of numbers", value);
  return Error::success();
}

Error Reader::readKey(StringRef key, const json::Value &value,
                      PreprocessConfig::Input &input) {
  size_t index = 0;
  if (key == "type") {
    static constexpr StringRef types[] = {"u8",  "i8",   "u16", "i16",
                                          "f16", "bf16", "f32"};
    if (Error error = readWord(key, value, types, index))
      return error;
    input.type = types[index].str();
    return Error::success();
  }
  if (key == "layout" || key == "model_layout") {
    if (Error error = readWord(key, value, {"nchw", "nhwc"}, index))
      return error;
    if (key == "layout")
      input.channelsLast = index == 1;
    else
      input.modelChannelsLast = index == 1;
    return Error::success();
  }
  if (key == "color") {
    if (Error error = readWord(key, value, {"rgb", "bgr"}, index))
      return error;
    input.reversesChannels = index == 1;
    return Error::success();
  }
  if (key == "interpolation") {
    if (Error error = readWord(key, value, {"bilinear", "nearest"}, index))
      return error;
    input.interpolation = static_cast<PreprocessConfig::Interpolation>(index);
    return Error::success();
  }
  if (key == "antialias") {
    if (!value.getAsBoolean())
      return failAt(key, "true or false", value);
    input.antialias = *value.getAsBoolean();
    return Error::success();
  }
  if (key == "size")
    return readSize(key, value, input.size);
  if (key == "resize")
    return readSize(key, value, input.resize, &input.resizesShortSide);
  if (key == "crop")
    return readSize(key, value, input.crop);
  if (key == "mean")
    return readNumbers(key, value, input.mean);
  if (key == "std") {
    if (Error error = readNumbers(key, value, input.deviation))
      return error;
    return llvm::all_of(input.deviation,
                        [](double number) { return number > 0; })
               ? Error::success()
               : failAt(key, "greater than 0", value);
  }
  if (key == "scale") {
    // JSON has no fractions, and 1/255 none that is exact.
    double above = 1, below = 1;
    auto text = value.getAsString();
    if (auto number = value.getAsNumber())
      above = *number;
    else if (!text || text->split('/').first.trim().getAsDouble(above) ||
             text->split('/').second.trim().getAsDouble(below))
      return failAt(key, "a number or a fraction such as \"1/255\"", value);
    input.scale = above / below;
    return std::isfinite(*input.scale) && *input.scale != 0
               ? Error::success()
               : failAt(key, "other than 0 and finite", value);
  }
  std::string nearest = listNearest(key, kKeys, 1);
  return fail(where + "unknown key '" + key + "', expected one of " +
              join(ArrayRef(kKeys), ", ") +
              (nearest.empty() ? "" : "; did you mean " + nearest + "?"));
}

Error Reader::readInput(const json::Object &object,
                        PreprocessConfig::Input &input) {
  where = "input '" + input.name + "': ";
  std::vector<StringRef> keys;
  for (const auto &entry : object)
    keys.push_back(entry.first);
  llvm::sort(keys); // so that the same mistake is named first whatever the
                    // order in memory
  for (StringRef key : keys)
    if (Error error = readKey(key, *object.get(key), input))
      return error;
  if (input.crop && !input.size && !input.resize)
    return fail(where + "expected size beside crop: the height and width of "
                        "the pictures that are fed");
  return Error::success();
}

Expected<PreprocessConfig> Reader::read(StringRef text) {
  auto value = json::parse(text);
  if (!value)
    return fail("expected JSON, but " + toString(value.takeError()));
  const json::Object *object = value->getAsObject();
  if (!object || object->empty())
    return fail("expected an object with the name of an input and its "
                "preprocessing: {\"image\": {\"type\": \"u8\", ...}}");
  PreprocessConfig config;
  config.canonical = formatv("{0}", *value).str();
  for (const auto &entry : *object) {
    config.inputs.emplace_back();
    config.inputs.back().name = entry.first.str();
  }
  llvm::sort(config.inputs,
             [](const auto &a, const auto &b) { return a.name < b.name; });
  for (PreprocessConfig::Input &input : config.inputs) {
    const json::Object *keys = object->getObject(input.name);
    if (!keys)
      return fail("input '" + input.name +
                  "': expected an object with some of " +
                  join(ArrayRef(kKeys), ", "));
    if (Error error = readInput(*keys, input))
      return std::move(error);
  }
  return config;
}

Expected<PreprocessConfig> PreprocessConfig::load(StringRef path) {
  auto buffer = MemoryBuffer::getFile(path, /*IsText=*/true);
  if (std::error_code error = buffer.getError())
    return createStringError(error, path + ": " + error.message());
  return parse((*buffer)->getBuffer(), path);
}

Expected<PreprocessConfig> PreprocessConfig::parse(StringRef text,
                                                   StringRef source) {
  return Reader(source).read(text);
}
