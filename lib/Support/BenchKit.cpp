//===- BenchKit.cpp - Measure a kit ---------------------------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What makes the numbers comparable: all precisions are measured in turns, so
// that a machine that slows down slows all of them down; of the times of a
// group the lower quartile counts, which is near the median on a quiet machine
// and leaves out what else runs on a busy one; and what looking costs is taken
// off again.
//
//===----------------------------------------------------------------------===//

#include "mpc/Support/LatencyTable.h"
#include "mpc/Support/Tensor.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>

using namespace mpc;
using Json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

namespace {

/// Turns in which the entries are measured, and how long one entry's turn
/// should be: long enough for its weights to be in the caches again.
constexpr int numRounds = 15;
constexpr double roundMs = 25;
constexpr int maxCallsPerRound = 200;

double lowerQuartile(std::vector<double> &values) {
  if (values.empty())
    return 0;
  auto at = values.begin() + ptrdiff_t(values.size() / 4);
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

double since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start)
      .count();
}

/// An entry of the kit with its arguments and what was measured of it.
struct Entry {
  uint32_t index;
  std::string name;
  Json groups; // of the manifest
  std::vector<Tensor> tensors;
  std::vector<mpc_tensor> inputs, outputs;
  int callsPerRound = 1;
  std::vector<std::vector<double>> ticks; // per group, the last one: the rest
  std::vector<double> whole;              // ms of calls that nobody profiles
};

/// Numbers that any model can be run on: floats from 0 to 1, integers 0.
void fill(Tensor &tensor, std::mt19937 &random) {
  std::uniform_real_distribution<float> unit(0, 1);
  size_t bytes = elementBytes(tensor.type);
  for (size_t i = 0; i * bytes < tensor.data.size(); ++i) {
    char *at = tensor.data.data() + i * bytes;
    float value = unit(random);
    uint32_t bits;
    std::memcpy(&bits, &value, sizeof(bits));
    if (tensor.type == ElementType::F32) {
      std::memcpy(at, &value, sizeof(value));
    } else if (tensor.type == ElementType::F64) {
      double wide = value;
      std::memcpy(at, &wide, sizeof(wide));
    } else if (tensor.type == ElementType::BF16) {
      uint16_t half = uint16_t(bits >> 16);
      std::memcpy(at, &half, sizeof(half));
    } else if (tensor.type == ElementType::F16) {
      // A quarter to one half, with ten random bits.
      uint16_t half = uint16_t(13 << 10 | (bits & 1023));
      std::memcpy(at, &half, sizeof(half));
    }
  }
}

class Measurement {
public:
  Measurement(const mpc_model *model, const MeasureOptions &options,
              LatencyTable &table, std::string &error)
      : model(model), options(options), table(table), error(error) {}
  ~Measurement() {
    if (context)
      model->destroy(context);
  }
  bool run();

private:
  bool fail(const std::string &what) {
    error = what;
    return false;
  }
  bool failCall() { return fail(model->last_error()); }
  bool open();
  bool openEntry(Entry &entry);
  bool call(Entry &entry) {
    mpc_status status =
        model->run(context, entry.index, entry.inputs.data(),
                   uint32_t(entry.inputs.size()), entry.outputs.data(),
                   uint32_t(entry.outputs.size()));
    // Random inputs may lead to what was not compiled; the rest counts.
    return status == MPC_OK || status == MPC_ERROR_INPUT_VALUE || failCall();
  }
  bool round(Entry &entry);
  void write();
  void write(Entry &entry, double scale);

  const mpc_model *model;
  const MeasureOptions &options;
  LatencyTable &table;
  std::string &error;
  mpc_context *context = nullptr;
  std::vector<Entry> entries;
  std::vector<mpc_group_time> times;
  mpc_profile profile = {};
  double profiledMs = 0, profiledTicks = 0;
};

} // namespace

static Json readManifest(const mpc_model *model) {
  uint64_t bytes = 0;
  const char *text = model->manifest(model, &bytes);
  return Json::parse(text ? text : "", text ? text + bytes : "",
                     /*cb=*/nullptr, /*allow_exceptions=*/false);
}

bool mpc::isBenchKit(const mpc_model *model) {
  Json manifest = readManifest(model);
  return manifest.is_object() && manifest.contains("kind") &&
         manifest["kind"] == "bench-kit";
}

bool Measurement::openEntry(Entry &entry) {
  mpc_entry_info info = {};
  info.struct_size = sizeof(info);
  if (model->entry_info(model, entry.index, &info))
    return failCall();
  std::mt19937 random(1);
  std::vector<mpc_tensor> *lists[] = {&entry.inputs, &entry.outputs};
  // The descriptors point into the tensors.
  entry.tensors.reserve(size_t(info.num_inputs) + info.num_outputs);
  for (int isOutput = 0; isOutput < 2; ++isOutput)
    for (uint32_t i = 0; i < (isOutput ? info.num_outputs : info.num_inputs);
         ++i) {
      mpc_tensor_info described = {};
      described.struct_size = sizeof(described);
      auto describe = isOutput ? model->output_info : model->input_info;
      if (describe(model, entry.index, i, &described))
        return failCall();
      Tensor &tensor = entry.tensors.emplace_back();
      tensor.type = ElementType(described.dtype);
      for (uint32_t d = 0; d < described.rank; ++d)
        tensor.shape.push_back(described.dims[d] < 0 ? 1 : described.dims[d]);
      tensor.data.resize(size_t(countElements(tensor.shape).value_or(0)) *
                         elementBytes(tensor.type));
      fill(tensor, random);
      mpc_tensor row = {};
      row.data = tensor.data.data();
      row.shape = tensor.shape.data();
      row.dtype = described.dtype;
      row.rank = described.rank;
      lists[isOutput]->push_back(row);
    }
  entry.ticks.resize(entry.groups.size() + 1);
  return true;
}

bool Measurement::open() {
  if (model->struct_size <
      offsetof(mpc_model, profile) + sizeof(model->profile))
    return fail("the library is of a version that has no profiles");
  Json manifest = readManifest(model);
  if (!isBenchKit(model))
    return fail("expected a kit, as mpc-compile --emit=bench-kit writes it, "
                "but got the library of a model");
  const Json rows = manifest.value("entries", Json::array());
  for (uint32_t e = 0; e < model->num_entries(model); ++e) {
    Entry entry;
    entry.index = e;
    if (e >= rows.size() || !rows[e].is_object() ||
        !rows[e].contains("groups") || !rows[e]["groups"].is_array())
      return fail("the manifest has no groups of entry " + std::to_string(e));
    entry.name = rows[e].value("name", "");
    entry.groups = rows[e]["groups"];
    entries.push_back(std::move(entry));
  }
  mpc_context_options wanted = {};
  wanted.struct_size = sizeof(wanted);
  wanted.threads = 1;
  wanted.isa = options.isa.empty() ? nullptr : options.isa.c_str();
  if (model->create(model, &wanted, &context))
    return failCall();
  mpc_context_info info = {};
  info.struct_size = sizeof(info);
  if (model->context_info(context, &info))
    return failCall();
  table.isa = info.isa;
  size_t most = 0;
  for (Entry &entry : entries) {
    if (!openEntry(entry))
      return false;
    most = std::max(most, entry.ticks.size());
  }
  times.resize(most);
  profile.struct_size = sizeof(profile);
  profile.groups = times.data();
  return true;
}

bool Measurement::round(Entry &entry) {
  // The other entries' data leave the caches.
  if (!call(entry))
    return false;
  profile.num_groups = uint32_t(entry.ticks.size());
  for (int i = 0; i < entry.callsPerRound; ++i) {
    std::fill(times.begin(), times.end(), mpc_group_time{});
    profile.ticks = 0;
    if (model->profile(context, &profile))
      return failCall();
    Clock::time_point start = Clock::now();
    if (!call(entry))
      return false;
    profiledMs += since(start);
    profiledTicks += double(profile.ticks);
    for (size_t g = 0; g < entry.ticks.size(); ++g)
      entry.ticks[g].push_back(double(times[g].ticks));
    if (model->profile(context, nullptr))
      return failCall();
    start = Clock::now();
    if (!call(entry))
      return false;
    entry.whole.push_back(since(start));
  }
  return true;
}

void Measurement::write(Entry &entry, double scale) {
  double sum = 0;
  std::vector<double> ms;
  for (std::vector<double> &ticks : entry.ticks) {
    ms.push_back(lowerQuartile(ticks) * scale);
    sum += ms.back();
  }
  // The marks that end groups cost some 20 ns each.
  double whole = lowerQuartile(entry.whole);
  if (sum > 0 && whole > 0)
    for (double &time : ms)
      time *= std::clamp(whole / sum, 0.5, 1.0);
  if (entry.name != "conversions")
    table.overheadMs =
        table.overheadMs ? std::min(table.overheadMs, ms.back()) : ms.back();
  for (size_t g = 0; g < entry.groups.size(); ++g) {
    const Json &group = entry.groups[g];
    if (!group.is_object())
      continue;
    if (group.contains("conversion")) {
      const Json &what = group["conversion"];
      table.conversions.push_back({what.value("from", ""), what.value("to", ""),
                                   what.value("shape", std::vector<int64_t>()),
                                   ms[g]});
    } else if (group.contains("key")) {
      table.entries.push_back({group.value("key", ""), group.value("name", ""),
                               group.value("precision", ""), ms[g]});
    }
  }
}

void Measurement::write() {
  double scale = profiledTicks > 0 ? profiledMs / profiledTicks : 0;
  for (Entry &entry : entries)
    write(entry, scale);
}

bool Measurement::run() {
  if (!open())
    return false;
  for (Entry &entry : entries) {
    if (!call(entry))
      return false;
    Clock::time_point start = Clock::now();
    if (!call(entry))
      return false;
    entry.callsPerRound =
        int(std::clamp(roundMs / std::max(2 * since(start), 1e-6), 1.0,
                       double(maxCallsPerRound)));
  }
  for (int i = 0; i < numRounds; ++i) {
    for (Entry &entry : entries)
      if (!round(entry))
        return false;
    if (options.progress)
      options.progress(i + 1, numRounds);
  }
  write();
  return true;
}

bool mpc::measureBenchKit(const mpc_model *model, const MeasureOptions &options,
                          LatencyTable &table, std::string &error) {
  return Measurement(model, options, table, error).run();
}
