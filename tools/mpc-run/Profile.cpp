//===- Profile.cpp - Where the time goes ----------------------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Profile.h"

#include <algorithm>
#include <chrono>
#include <cstdio>

using namespace mpc;
using namespace mpc::run;
using Json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

static double since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start)
      .count();
}

static std::string getText(const Json &row, const char *key) {
  return row.is_object() && row.contains(key) && row[key].is_string()
             ? row[key].get<std::string>()
             : "";
}

namespace {
/// Of one sample.
struct Work {
  double macs = 0, bytes = 0;
};
} // namespace

static double getNumber(const Json &row, const char *key) {
  return row.is_object() && row.contains(key) && row[key].is_number()
             ? row[key].get<double>()
             : 0;
}

/// Names, kinds and precisions from the manifest, and what each row has to do.
static void describeRows(const Json &manifest, Profile &profile,
                         std::vector<Work> &work) {
  if (manifest.is_object() && manifest.contains("groups") &&
      manifest["groups"].is_array())
    for (const Json &group : manifest["groups"]) {
      Profile::Row row;
      row.name = getText(group, "name");
      row.kind = getText(group, "kind");
      row.precision = getText(group, "precision");
      profile.rows.push_back(row);
      work.push_back({getNumber(group, "macs"), getNumber(group, "bytes")});
    }
  Profile::Row rest;
  rest.name = "(outside of groups)";
  profile.rows.push_back(rest);
  work.emplace_back();
}

/// Compares a row's time with what no code could be faster than.
static void judge(Profile::Row &row, const Work &work, double batch,
                  double threads, const Peak &peak) {
  double macs = work.macs * batch * row.calls;
  if (macs > 0) {
    double most = row.precision == "int8"   ? peak.int8
                  : row.precision == "bf16" ? peak.bf16
                                            : peak.f32;
    row.gops = 2 * macs / row.ms / 1e6;
    row.ofPeak = most > 0 ? row.gops / most : 0;
    row.boundMs = most > 0 ? 2 * macs / most / 1e6 : 0;
  }
  // Of several samples the weights count once, and nothing tells them from the
  // rest: a bound all the same.
  double bytes = work.bytes * row.calls;
  row.gbps = bytes / row.ms / 1e6;
  double most = measureBandwidth().of(work.bytes) * threads;
  double ms = most > 0 ? bytes / most / 1e6 : 0;
  row.boundByBytes = ms > row.boundMs;
  row.boundMs = std::max(row.boundMs, ms);
}

bool mpc::run::profileModel(Model &model, const Json &manifest,
                            const std::vector<Tensor> &in,
                            std::vector<Tensor> &out, int64_t calls,
                            Profile &profile, std::string &error) {
  std::vector<Work> work;
  describeRows(manifest, profile, work);
  std::vector<mpc_group_time> times(profile.rows.size());
  mpc_profile raw = {};
  raw.struct_size = sizeof(raw);
  raw.num_groups = uint32_t(times.size());
  raw.groups = times.data();

  // Caches, threads and the clock frequency settle.
  Clock::time_point start = Clock::now();
  for (int i = 0; i < 3 || (i < 1000 && since(start) < 50); ++i)
    if (!model.call(in, out, error))
      return false;
  if (!model.profile(&raw, error))
    return false;
  start = Clock::now();
  for (int64_t i = 0; i < calls; ++i)
    if (!model.call(in, out, error))
      return false;
  double ms = since(start);
  if (!model.profile(nullptr, error))
    return false;

  profile.calls = calls;
  profile.ms = ms / double(calls);
  profile.peak = measurePeak(model.isa);
  profile.peak.f32 *= model.threads;
  profile.peak.bf16 *= model.threads;
  profile.peak.int8 *= model.threads;
  profile.memory = measureBandwidth().memory();
  double batch = 1;
  for (size_t i = 0; i < model.inputs.size(); ++i)
    for (size_t d = 0; d < model.inputs[i].dims.size(); ++d)
      if (model.inputs[i].dims[d] < 0)
        batch = double(in[i].shape[d]);
  double scale = raw.ticks ? ms / double(raw.ticks) : 0;
  for (size_t i = 0; i < times.size(); ++i) {
    Profile::Row &row = profile.rows[i];
    row.calls = double(times[i].calls) / double(calls);
    row.ms = double(times[i].ticks) * scale / double(calls);
    row.share = raw.ticks ? double(times[i].ticks) / double(raw.ticks) : 0;
    if (row.ms > 0)
      judge(row, work[i], batch, model.threads, profile.peak);
    profile.boundMs += row.boundMs;
  }
  return true;
}

std::string mpc::run::formatProfile(const Profile &profile) {
  std::vector<Profile::Row> rows = profile.rows;
  std::stable_sort(rows.begin(), rows.end(),
                   [](const auto &a, const auto &b) { return a.ms > b.ms; });
  size_t width = 5;
  for (const Profile::Row &row : rows)
    width = std::max(width, std::min<size_t>(row.name.size(), 48));
  char line[256];
  std::snprintf(line, sizeof(line),
                "%.4g ms a call (%lld calls), at least %.4g by the machine: "
                "peak %.0f GOP/s in f32, %.0f in bf16, %.0f in int8, %.0f GB/s "
                "from memory\n",
                profile.ms, static_cast<long long>(profile.calls),
                profile.boundMs, profile.peak.f32, profile.peak.bf16,
                profile.peak.int8, profile.memory);
  std::string text = line;
  std::snprintf(line, sizeof(line),
                "%-*s  %-14s %-9s %7s %11s %7s %9s %7s %8s %15s\n", int(width),
                "group", "kind", "precision", "calls", "ms", "share", "GOP/s",
                "peak", "GB/s", "of bound");
  text += line;
  for (const Profile::Row &row : rows) {
    std::string name = row.name;
    if (name.size() > width)
      name = "..." + name.substr(name.size() - width + 3);
    std::snprintf(line, sizeof(line), "%-*s  %-14s %-9s %7.4g %11.6f %5.1f %%",
                  int(width), name.c_str(), row.kind.c_str(),
                  row.precision.c_str(), row.calls, row.ms, 100 * row.share);
    text += line;
    if (row.gops > 0)
      std::snprintf(line, sizeof(line), " %9.1f %5.1f %%", row.gops,
                    100 * row.ofPeak);
    else
      std::snprintf(line, sizeof(line), " %17s", "");
    if (row.gops > 0 || row.boundMs > 0)
      text += line;
    if (row.boundMs > 0) {
      std::snprintf(line, sizeof(line), " %8.1f %7.1f %% %s", row.gbps,
                    100 * row.boundMs / row.ms,
                    row.boundByBytes ? "bytes" : "products");
      text += line;
    }
    text += "\n";
  }
  return text;
}

Json mpc::run::profileToJson(const Profile &profile) {
  Json json;
  json["calls"] = profile.calls;
  json["ms"] = profile.ms;
  json["bound_ms"] = profile.boundMs;
  json["memory_gb_per_s"] = profile.memory;
  json["peak_gops"] = {{"f32", profile.peak.f32},
                       {"bf16", profile.peak.bf16},
                       {"int8", profile.peak.int8}};
  json["groups"] = Json::array();
  for (const Profile::Row &row : profile.rows) {
    Json entry = {
        {"name", row.name},   {"kind", row.kind}, {"precision", row.precision},
        {"calls", row.calls}, {"ms", row.ms},     {"share", row.share}};
    if (row.gops > 0) {
      entry["gops"] = row.gops;
      entry["share_of_peak"] = row.ofPeak;
    }
    if (row.boundMs > 0) {
      entry["gb_per_s"] = row.gbps;
      entry["bound_ms"] = row.boundMs;
      entry["bound_by"] = row.boundByBytes ? "bytes" : "products";
    }
    json["groups"].push_back(std::move(entry));
  }
  return json;
}
