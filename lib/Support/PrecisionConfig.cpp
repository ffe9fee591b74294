//===- PrecisionConfig.cpp - precisions that a user asks for --------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpc/Support/PrecisionConfig.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Regex.h"
#include <nlohmann/json.hpp>

using namespace llvm;
using namespace mpc;
using Json = nlohmann::ordered_json;

/// The version of the file's format.
static constexpr unsigned kVersion = 1;

static constexpr PrecisionConfig::Selector kSelectors[] = {
    PrecisionConfig::Selector::Name, PrecisionConfig::Selector::Match,
    PrecisionConfig::Selector::Kind};

ArrayRef<StringRef> mpc::getPrecisionNames() {
  static constexpr StringRef names[] = {"keep", "f32",   "f16", "bf16",
                                        "int8", "int16", "w8",  "w4"};
  return names;
}

/// The keys of WeightFormat in the file, and their values.
static constexpr StringRef kBlocks[] = {"32", "64", "128", "channel"};
static constexpr StringRef kSchemes[] = {"asymmetric", "symmetric", "codebook"};
static constexpr StringRef kActivations[] = {"f32", "f16", "bf16"};
static constexpr struct {
  StringRef key;
  std::string WeightFormat::*member;
  ArrayRef<StringRef> values;
} kFormatKeys[] = {{"block", &WeightFormat::block, kBlocks},
                   {"scheme", &WeightFormat::scheme, kSchemes},
                   {"activations", &WeightFormat::activations, kActivations}};

static constexpr StringRef kRoundings[] = {"onnx", "tflite", "tflite-single",
                                           "tosa", "tosa-double"};
static constexpr StringRef kIntegers[] = {"asymmetric", "symmetric", "signed",
                                          "signed-symmetric"};
static constexpr StringRef kScales[] = {"any", "power-of-two"};

ArrayRef<IntegerKey> mpc::getIntegerKeys() {
  static constexpr IntegerKey keys[] = {
      {"rounding", &IntegerFormat::rounding, kRoundings},
      {"activations", &IntegerFormat::activations, kIntegers},
      {"scales", &IntegerFormat::scales, kScales}};
  return keys;
}

template <typename Format, typename Keys>
static std::string findProblemIn(const Format &format, const Keys &keys) {
  for (const auto &[key, member, values] : keys)
    if (!(format.*member).empty() &&
        !is_contained(values, StringRef(format.*member)))
      return "expected " + key.str() + " to be one of " + join(values, ", ") +
             ", but got " + format.*member;
  return {};
}

std::string mpc::findProblem(const WeightFormat &format) {
  return findProblemIn(format, kFormatKeys);
}

std::string mpc::findProblem(const IntegerFormat &format) {
  return findProblemIn(format, getIntegerKeys());
}

StringRef mpc::getSelectorKey(PrecisionConfig::Selector selector) {
  switch (selector) {
  case PrecisionConfig::Selector::Name:
    return "name";
  case PrecisionConfig::Selector::Match:
    return "match";
  case PrecisionConfig::Selector::Kind:
    return "kind";
  }
  llvm_unreachable("all selectors are listed");
}

std::string mpc::listNearest(StringRef name, ArrayRef<StringRef> candidates,
                             unsigned count) {
  SmallVector<std::pair<unsigned, StringRef>> ranked;
  for (StringRef candidate : candidates) {
    unsigned distance = name.edit_distance(candidate);
    if (2 * distance <= std::max(name.size(), candidate.size()))
      ranked.push_back({distance, candidate});
  }
  llvm::stable_sort(ranked, llvm::less_first());
  ranked.truncate(std::min<size_t>(ranked.size(), count));
  std::string text;
  for (auto [distance, candidate] : ranked)
    text += (text.empty() ? "'" : ", '") + candidate.str() + "'";
  return text;
}

namespace {

/// Finds where a text stops being JSON: the parser reports positions to its
/// event handler only.
struct ErrorLocator : nlohmann::json_sax<Json> {
  size_t position = 0;

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t &) override { return true; }
  bool string(string_t &) override { return true; }
  bool binary(binary_t &) override { return true; }
  bool start_object(size_t) override { return true; }
  bool key(string_t &) override { return true; }
  bool end_object() override { return true; }
  bool start_array(size_t) override { return true; }
  bool end_array() override { return true; }
  bool parse_error(size_t where, const std::string &,
                   const nlohmann::detail::exception &) override {
    position = where;
    return false;
  }
};

/// Reads one file; every message starts with its name.
class Reader {
public:
  Reader(StringRef text, StringRef source) : text(text), source(source) {}
  Expected<PrecisionConfig> read();

private:
  Error fail(const Twine &message) const {
    return createStringError(inconvertibleErrorCode(), source + ": " + message);
  }
  Error checkKeys(const Json &object, StringRef what,
                  ArrayRef<StringRef> keys) const;
  Error readPrecision(const Json &value, const Twine &where,
                      std::string &precision) const;
  Error readShape(const Json &value, const Twine &where,
                  ShapeCondition &shape) const;
  Error readFormat(const Json &object, const Twine &where, StringRef precision,
                   WeightFormat &format) const;
  Error readDefault(const Json &value, PrecisionConfig &config) const;
  Error readIntegers(const Json &value, IntegerFormat &integers) const;
  Error readEntry(const Json &value, size_t index,
                  PrecisionConfig &config) const;

  StringRef text, source;
};

} // namespace

Error Reader::checkKeys(const Json &object, StringRef what,
                        ArrayRef<StringRef> keys) const {
  for (const auto &item : object.items()) {
    StringRef key = item.key();
    if (is_contained(keys, key))
      continue;
    std::string nearest = listNearest(key, keys, 1);
    return fail("unknown key '" + key + "' in " + what +
                (nearest.empty() ? ", expected one of " + join(keys, ", ")
                                 : ", did you mean " + nearest + "?"));
  }
  return Error::success();
}

Error Reader::readPrecision(const Json &value, const Twine &where,
                            std::string &precision) const {
  if (value.is_string() &&
      is_contained(getPrecisionNames(),
                   StringRef(value.get_ref<const std::string &>()))) {
    precision = value.get<std::string>();
    return Error::success();
  }
  return fail(where + ": expected a precision (" +
              join(getPrecisionNames(), ", ") + "), but got " +
              value.dump(-1, ' ', false, Json::error_handler_t::replace));
}

/// The keys of ShapeCondition in the file.
static constexpr struct {
  StringRef key;
  uint64_t ShapeCondition::*member;
} kShapeKeys[] = {{"min_channels", &ShapeCondition::minChannels},
                  {"max_channels", &ShapeCondition::maxChannels},
                  {"min_elements", &ShapeCondition::minElements},
                  {"max_elements", &ShapeCondition::maxElements}};

Error Reader::readShape(const Json &value, const Twine &where,
                        ShapeCondition &shape) const {
  SmallVector<StringRef> keys;
  for (const auto &[key, member] : kShapeKeys)
    keys.push_back(key);
  if (!value.is_object() || value.empty())
    return fail(where + ": expected shape to be an object with " +
                join(keys, ", "));
  if (Error error = checkKeys(value, (where + ".shape").str(), keys))
    return error;
  for (const auto &[key, member] : kShapeKeys) {
    auto found = value.find(key.str());
    if (found == value.end())
      continue;
    if (!found->is_number_unsigned() || *found == 0)
      return fail(where + ": expected " + key +
                  " to be a number from 1 on, but got " +
                  found->dump(-1, ' ', false, Json::error_handler_t::replace));
    shape.*member = found->get<uint64_t>();
  }
  return Error::success();
}

/// The keys beside a precision of w8 or w4.
Error Reader::readFormat(const Json &object, const Twine &where,
                         StringRef precision, WeightFormat &format) const {
  for (const auto &[key, member, values] : kFormatKeys) {
    auto found = object.find(key.str());
    if (found == object.end())
      continue;
    if (precision != "w8" && precision != "w4")
      return fail(where + ": " + key +
                  " goes with w8 and w4, but precision is " + precision);
    std::string text =
        found->is_string()
            ? found->get<std::string>()
            : found->dump(-1, ' ', false, Json::error_handler_t::replace);
    if (!is_contained(values, StringRef(text)))
      return fail(where + ": expected " + key + " to be one of " +
                  join(values, ", ") + ", but got " + text);
    format.*member = text;
  }
  if (format.scheme == "codebook" && precision == "w8")
    return fail(where + ": a codebook has 16 levels, which is w4, but "
                        "precision is w8");
  return Error::success();
}

/// A precision, or an object with a precision and its format.
Error Reader::readDefault(const Json &value, PrecisionConfig &config) const {
  if (!value.is_object())
    return readPrecision(value, "default", config.defaultPrecision.emplace());
  if (Error error = checkKeys(value, "default",
                              {"precision", "block", "scheme", "activations"}))
    return error;
  if (!value.contains("precision"))
    return fail("default: expected a precision (" +
                join(getPrecisionNames(), ", ") + ")");
  if (Error error = readPrecision(value["precision"], "default",
                                  config.defaultPrecision.emplace()))
    return error;
  return readFormat(value, "default", *config.defaultPrecision,
                    config.defaultWeights);
}

/// How the whole model computes in integers.
Error Reader::readIntegers(const Json &value, IntegerFormat &integers) const {
  SmallVector<StringRef> keys;
  for (const IntegerKey &key : getIntegerKeys())
    keys.push_back(key.key);
  if (!value.is_object())
    return fail("expected integers to be an object with " + join(keys, ", "));
  if (Error error = checkKeys(value, "integers", keys))
    return error;
  for (const IntegerKey &key : getIntegerKeys())
    if (auto found = value.find(key.key.str()); found != value.end())
      integers.*key.member =
          found->is_string()
              ? found->get<std::string>()
              : found->dump(-1, ' ', false, Json::error_handler_t::replace);
  if (std::string problem = findProblem(integers); !problem.empty())
    return fail("integers: " + problem);
  return Error::success();
}

Error Reader::readEntry(const Json &value, size_t index,
                        PrecisionConfig &config) const {
  std::string where = "groups[" + std::to_string(index) + "]";
  if (!value.is_object())
    return fail(where + ": expected an object with name, match or kind, and "
                        "precision");
  if (Error error = checkKeys(value, where,
                              {"name", "match", "kind", "shape", "precision",
                               "block", "scheme", "activations"}))
    return error;

  PrecisionConfig::Entry entry;
  unsigned selectors = 0;
  for (PrecisionConfig::Selector selector : kSelectors) {
    std::string key = getSelectorKey(selector).str();
    if (!value.contains(key))
      continue;
    ++selectors;
    if (!value[key].is_string())
      return fail(where + ": expected " + key + " to be a string");
    entry.selector = selector;
    entry.pattern = value[key].get<std::string>();
  }
  if (value.contains("shape")) {
    if (Error error = readShape(value["shape"], where, entry.shape))
      return error;
    if (!selectors) { // a condition alone
      ++selectors;
      entry.selector = PrecisionConfig::Selector::Match;
      entry.pattern = ".*";
    }
  }
  if (selectors != 1)
    return fail(where + ": expected one of name, match and kind, but got " +
                Twine(selectors));
  if (entry.selector == PrecisionConfig::Selector::Match) {
    std::string problem;
    if (!Regex(entry.pattern).isValid(problem))
      return fail(where + ": expected a regular expression, but '" +
                  entry.pattern + "' has " + problem);
  }
  if (!value.contains("precision"))
    return fail(where + ": expected a precision (" +
                join(getPrecisionNames(), ", ") + ")");
  if (Error error = readPrecision(value["precision"], where, entry.precision))
    return error;
  if (Error error = readFormat(value, where, entry.precision, entry.weights))
    return error;
  config.entries.push_back(std::move(entry));
  return Error::success();
}

Expected<PrecisionConfig> Reader::read() {
  Json json = Json::parse(text.begin(), text.end(), nullptr,
                          /*allow_exceptions=*/false);
  if (json.is_discarded()) {
    ErrorLocator locator;
    Json::sax_parse(text.begin(), text.end(), &locator);
    StringRef before =
        text.take_front(locator.position ? locator.position - 1 : 0);
    size_t line = before.count('\n') + 1;
    size_t column = before.size() - (before.rfind('\n') + 1) + 1;
    return createStringError(inconvertibleErrorCode(),
                             source + ":" + Twine(line) + ":" + Twine(column) +
                                 ": expected a precision configuration, but "
                                 "this is not JSON");
  }
  if (!json.is_object())
    return fail("expected an object with the keys version, default, integers "
                "and groups");
  if (Error error = checkKeys(json, "a precision configuration",
                              {"version", "default", "integers", "groups"}))
    return std::move(error);
  if (json.contains("version") &&
      (!json["version"].is_number_unsigned() || json["version"] != kVersion))
    return fail("expected version " + Twine(kVersion) + ", but got " +
                json["version"].dump());

  PrecisionConfig config;
  if (json.contains("default")) {
    if (Error error = readDefault(json["default"], config))
      return std::move(error);
  }
  if (json.contains("integers")) {
    if (Error error = readIntegers(json["integers"], config.integers))
      return std::move(error);
  }
  if (json.contains("groups")) {
    if (!json["groups"].is_array())
      return fail("expected groups to be an array");
    for (size_t i = 0; i < json["groups"].size(); ++i)
      if (Error error = readEntry(json["groups"][i], i, config))
        return std::move(error);
  }
  return config;
}

Expected<PrecisionConfig> PrecisionConfig::load(StringRef path) {
  auto buffer = MemoryBuffer::getFile(path, /*IsText=*/true);
  if (std::error_code error = buffer.getError())
    return createStringError(error, path + ": " + error.message());
  return parse((*buffer)->getBuffer(), path);
}

Expected<PrecisionConfig> PrecisionConfig::parse(StringRef text,
                                                 StringRef source) {
  return Reader(text, source).read();
}

std::string PrecisionConfig::str() const {
  Json json;
  json["version"] = kVersion;
  auto writeFormat = [](Json &object, const WeightFormat &format) {
    for (const auto &[key, member, values] : kFormatKeys) {
      const std::string &text = format.*member;
      if (text.empty())
        continue;
      unsigned number;
      if (StringRef(text).getAsInteger(10, number))
        object[key.str()] = text;
      else
        object[key.str()] = number;
    }
  };
  if (defaultPrecision && defaultWeights.empty()) {
    json["default"] = *defaultPrecision;
  } else if (defaultPrecision) {
    json["default"]["precision"] = *defaultPrecision;
    writeFormat(json["default"], defaultWeights);
  }
  for (const IntegerKey &key : getIntegerKeys())
    if (const std::string &word = integers.*key.member; !word.empty())
      json["integers"][key.key.str()] = word;
  Json &groups = json["groups"] = Json::array();
  for (const Entry &entry : entries) {
    Json object;
    object[getSelectorKey(entry.selector).str()] = entry.pattern;
    for (const auto &[key, member] : kShapeKeys)
      if (entry.shape.*member)
        object["shape"][key.str()] = entry.shape.*member;
    object["precision"] = entry.precision;
    writeFormat(object, entry.weights);
    groups.push_back(std::move(object));
  }
  // Names come from models: bytes that are no UTF-8 are replaced.
  return json.dump(1, ' ', /*ensure_ascii=*/false,
                   Json::error_handler_t::replace) +
         "\n";
}
