//===- mpc-bench-kernels.cpp - Races kernels, in rounds -------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
//   mpc-bench-kernels CASE.json     one case: checks, then times
//   mpc-bench-kernels --machine     what a core and the memory reach
//
// A case is {"rounds", "slice": seconds, "tolerance", "contestants": [...]}.
// The result on standard output is one JSON object: {"contestants": [{"detail",
// "error", "seconds": [per round]}]}, or {"error"} if they disagree: by more
// than `tolerance` times the root mean square of what the last one computes.
//
//===----------------------------------------------------------------------===//

#include "Contestant.h"

#include "../../tools/mpc-run/Profile.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <iostream>

#include <immintrin.h>

using namespace mpc::bench;
using Json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

static double since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

static Contestant open(const nlohmann::json &spec) {
  if (spec.contains("library"))
    return openLibrary(spec);
  if (spec.contains("onednn"))
    return openOneDNN(spec);
  return openCopy(spec.at("copy").get<size_t>());
}

/// Seconds of one of `calls` runs.
static double time(const Contestant &contestant, int64_t calls) {
  auto start = Clock::now();
  for (int64_t i = 0; i < calls; ++i)
    contestant.run();
  contestant.finish();
  return since(start) / double(calls);
}

/// How far the results are apart, relative to the second one's root mean
/// square.
static double compare(const Contestant &a, const Contestant &b) {
  std::vector<double> x = a.result(), y = b.result();
  if (x.size() != y.size() || x.empty())
    throw std::runtime_error("results of " + std::to_string(x.size()) +
                             " and " + std::to_string(y.size()) + " elements");
  double most = 0, squares = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    // Written so that a NaN counts.
    if (!(std::abs(x[i] - y[i]) <= most))
      most = std::abs(x[i] - y[i]);
    squares += y[i] * y[i];
  }
  return most ? most / std::sqrt(squares / double(y.size())) : 0;
}

static Json race(const nlohmann::json &spec) {
  std::vector<Contestant> contestants;
  for (const nlohmann::json &entry : spec.at("contestants"))
    contestants.push_back(open(entry));
  double tolerance = spec.at("tolerance"), slice = spec.at("slice");

  Json json, rows = Json::array();
  std::vector<int64_t> calls;
  for (const Contestant &contestant : contestants) {
    time(contestant, 1);
    Json row = {{"detail", contestant.detail}, {"seconds", Json::array()}};
    const Contestant &last = contestants.back();
    if (contestant.result && last.result && spec.value("check", true)) {
      time(last, 1);
      double error = compare(contestant, last);
      if (!(error <= tolerance))
        return {{"error", "the results differ by " + std::to_string(error) +
                              " of their root mean square"}};
      row["error"] = error;
    }
    rows.push_back(row);
    // Enough calls for a slice; what is short is first run for a while.
    double once = time(contestant, 1);
    once = std::min(
        once, time(contestant, int64_t(std::clamp(slice / 4 / once, 1., 1e6))));
    calls.push_back(int64_t(std::clamp(slice / once, 1., 1e7)));
  }
  for (int round = 0; round < spec.at("rounds").get<int>(); ++round)
    for (size_t i = 0; i < contestants.size(); ++i) {
      // The other one has taken the caches.
      time(contestants[i], std::min<int64_t>(calls[i], 2));
      rows[i]["seconds"].push_back(time(contestants[i], calls[i]));
    }
  json["contestants"] = rows;
  return json;
}

/// 10⁹ bytes per second, read and written counted alike, by the best of some
/// copies and sums of 256 MiB.
static Json measureMemory() {
  constexpr size_t bytes = size_t(256) << 20;
  Contestant copy = openCopy(bytes);
  Buffer data(bytes);
  double copied = 1e9, summed = 1e9;
  for (int i = 0; i < 5; ++i) {
    copied = std::min(copied, time(copy, 1));
    auto start = Clock::now();
    __m128i sums[4] = {};
    auto *in = reinterpret_cast<const __m128i *>(data.data());
    for (size_t k = 0; k < bytes / sizeof(__m128i); k += 4)
      for (int lane = 0; lane < 4; ++lane)
        sums[lane] = _mm_xor_si128(sums[lane], _mm_load_si128(in + k + lane));
    asm volatile("" : : "x"(sums[0]), "x"(sums[1]), "x"(sums[2]), "x"(sums[3]));
    summed = std::min(summed, since(start));
  }
  return {{"copy_gb_per_s", 2 * bytes / copied / 1e9},
          {"read_gb_per_s", bytes / summed / 1e9}};
}

int main(int argc, char **argv) {
  try {
    std::string argument = argc == 2 ? argv[1] : "";
    Json json;
    if (argument == "--machine") {
      mpc::run::Peak peak = mpc::run::measurePeak("native");
      json = {{"peak_gops",
               {{"f32", peak.f32}, {"bf16", peak.bf16}, {"int8", peak.int8}}},
              {"memory", measureMemory()},
              {"onednn", getOneDNNVersion()}};
    } else if (!argument.empty() && argument[0] != '-') {
      std::ifstream file(argument);
      if (!file)
        throw std::runtime_error(argument + ": cannot open");
      json = race(nlohmann::json::parse(file));
    } else {
      throw std::runtime_error("expected a case or --machine");
    }
    std::cout << json.dump() << "\n";
    return 0;
  } catch (const std::exception &error) {
    std::cerr << "error: " << error.what() << "\n";
    return 1;
  }
}
