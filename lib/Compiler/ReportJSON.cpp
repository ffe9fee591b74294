//===- ReportJSON.cpp - the report's file forms ---------------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// docs/Report.md documents the schema. HTML is a page with the same JSON in it
// and a script that draws it (Report.html).
//
//===----------------------------------------------------------------------===//

#include "Report.h"
#include "mpc/Support/Version.h"
#include <cmath>
#include <nlohmann/json.hpp>

using namespace mpc;
using Json = nlohmann::ordered_json;

/// The version of the schema.
static constexpr unsigned kVersion = 1;

/// The page, up to the data and behind it.
static constexpr char kPage[] = {
#include "ReportPage.inc"
    , 0};

static Json toJson(const std::optional<std::pair<double, double>> &range) {
  return range ? Json{range->first, range->second} : Json();
}

template <typename T> static Json orNull(const std::optional<T> &value) {
  return value ? Json(*value) : Json();
}

static Json toJson(const ReportTensor &tensor) {
  Json json;
  json["name"] = tensor.name;
  Json &shape = json["shape"] = Json::array();
  for (int64_t size : tensor.shape)
    shape.push_back(size < 0 ? Json() : Json(size));
  json["storage"] = tensor.storage;
  if (tensor.scale) {
    json["scale"] = *tensor.scale;
    json["zero_point"] = tensor.zeroPoint;
  }
  json["range"] = toJson(tensor.range);
  return json;
}

static Json toJson(llvm::ArrayRef<ReportTensor> tensors) {
  Json json = Json::array();
  for (const ReportTensor &tensor : tensors)
    json.push_back(toJson(tensor));
  return json;
}

/// Decibels with as many digits as mean something.
static Json decibels(double value) { return std::round(value * 1000) / 1000; }

static void addError(Json &json, const GroupError *error) {
  json["local_sqnr_db"] =
      error && error->local ? decibels(error->local->sqnr()) : Json();
  auto predicted = error ? error->predictedSQNR() : std::nullopt;
  json["predicted_sqnr_db"] = predicted ? decibels(*predicted) : Json();
  json["accumulated_sqnr_db"] =
      error ? decibels(error->accumulated.sqnr()) : Json();
  json["accumulated_cosine"] =
      error ? Json(error->accumulated.cosine()) : Json();
  json["channel_spread"] =
      error && error->widestChannel >= 0 ? Json(error->channelSpread) : Json();
  json["widest_channel"] =
      error && error->widestChannel >= 0 ? Json(error->widestChannel) : Json();
  json["histogram"] = Json();
  if (error && !error->histogram.reference.empty())
    json["histogram"] = Json{{"low", error->histogram.low},
                             {"high", error->histogram.high},
                             {"f32", error->histogram.reference},
                             {"lowered", error->histogram.lowered}};
}

static Json toJson(const Report &report) {
  Json json;
  json["version"] = kVersion;
  json["compiler"] = {{"name", "mpc"}, {"version", MPC_VERSION_STRING}};
  json["model"] = {{"name", report.model.name}, {"hash", report.model.hash}};
  Json &options = json["options"] = Json::object();
  for (const auto &[flag, value] : report.options)
    options[flag] = value;
  json["calibrator"] =
      report.calibrator.empty() ? Json() : Json(report.calibrator);
  json["samples"] = report.samples;
  json["predicted_latency_ms"] = orNull(report.predictedLatencyMs);
  json["optimality_gap"] = orNull(report.optimalityGap);
  Json &outputs = json["outputs"] = Json::array();
  for (const TensorInfo &info : report.model.outputs) {
    Json entry;
    entry["name"] = info.name;
    auto found = llvm::find_if(report.outputs, [&](const OutputError &output) {
      return output.name == info.name;
    });
    bool isMeasured = found != report.outputs.end();
    entry["sqnr_db"] = isMeasured ? decibels(found->error.sqnr()) : Json();
    entry["cosine"] = isMeasured ? Json(found->error.cosine()) : Json();
    outputs.push_back(std::move(entry));
  }
  double latency = 0;
  for (const ReportGroup &group : report.groups)
    latency += group.latencyMs.value_or(0);
  for (const ReportConversion &conversion : report.conversions)
    latency += conversion.latencyMs.value_or(0);
  auto addLatency = [&](Json &entry, const std::optional<double> &ms) {
    entry["latency_ms"] = orNull(ms);
    entry["latency_share"] = ms && latency > 0 ? Json(*ms / latency) : Json();
  };
  Json &groups = json["groups"] = Json::array();
  for (const ReportGroup &group : report.groups) {
    Json entry;
    entry["name"] = group.name;
    entry["kind"] = group.kind;
    entry["precision"] = group.precision;
    entry["reason"] = group.reason;
    entry["nodes"] = group.nodes;
    entry["tensors"] = group.tensors;
    entry["ops"] = group.ops;
    entry["inputs"] = toJson(group.inputs);
    entry["outputs"] = toJson(group.outputs);
    entry["range"] =
        group.outputs.empty() ? Json() : toJson(group.outputs.front().range);
    entry["macs"] = group.macs;
    entry["weight_elements"] = group.weightElements;
    entry["weight_bytes_f32"] = group.weightBytes;
    entry["weight_bytes"] = group.storedWeightBytes;
    entry["weight_range"] = toJson(group.weightRange);
    addError(entry, group.error ? &*group.error : nullptr);
    addLatency(entry, group.latencyMs);
    groups.push_back(std::move(entry));
  }
  Json &conversions = json["conversions"] = Json::array();
  for (const ReportConversion &conversion : report.conversions) {
    Json entry = {{"name", conversion.name},
                  {"from", conversion.from},
                  {"to", conversion.to},
                  {"elements", conversion.elements}};
    addLatency(entry, conversion.latencyMs);
    conversions.push_back(std::move(entry));
  }
  Json &advice = json["advice"] = Json::array();
  for (const Advice &change : report.advice) {
    Json entry;
    entry["gain_db"] = decibels(change.gain);
    entry["tensor"] = change.tensor.empty() ? Json() : Json(change.tensor);
    Json &config = entry["config"] = Json::array();
    for (const std::string &group : change.groups)
      config.push_back({{"name", group}, {"precision", change.precision}});
    advice.push_back(std::move(entry));
  }
  Json &pareto = json["pareto"] = Json::array();
  for (const ParetoPoint &point : report.pareto)
    pareto.push_back({{"label", point.label},
                      {"latency_ms", point.latencyMs},
                      {"accuracy", point.accuracy},
                      {"chosen", point.isChosen}});
  json["accuracy_unit"] =
      report.accuracyUnit.empty() ? Json() : Json(report.accuracyUnit);
  return json;
}

// Names come from models: bytes that are no UTF-8 are replaced.
std::string mpc::toJSON(const Report &report) {
  return toJson(report).dump(1, ' ', /*ensure_ascii=*/false,
                             Json::error_handler_t::replace) +
         "\n";
}

std::string mpc::toHTML(const Report &report) {
  std::string data = toJson(report).dump(-1, ' ', /*ensure_ascii=*/true,
                                         Json::error_handler_t::replace),
              safe;
  // Nothing in a name may end the script element that the data stand in, or
  // begin a comment there.
  for (char c : data) {
    if (c == '<')
      safe += "\\u003c";
    else if (c == '>')
      safe += "\\u003e";
    else if (c == '&')
      safe += "\\u0026";
    else
      safe += c;
  }
  llvm::StringRef page = kPage;
  auto [before, after] = page.split("@REPORT@");
  return (before + safe + after).str();
}
