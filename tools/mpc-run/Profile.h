//===- Profile.h - Where the time goes --------------------------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_TOOLS_MPCRUN_PROFILE_H
#define MPC_TOOLS_MPCRUN_PROFILE_H

#include "Model.h"

#include <nlohmann/json.hpp>

namespace mpc::run {

/// What a machine's core can do at most, in 10⁹ operations per second, a
/// multiplication and an addition being two. Measured, some milliseconds each.
struct Peak {
  double f32 = 0, bf16 = 0, int8 = 0;
};
/// With the widest instructions of at most the instruction set `isa`, in the
/// way in which compiled kernels use them. Measured once per process.
Peak measurePeak(const std::string &isa);

/// How fast a core reads, in 10⁹ bytes per second, by how much it reads again
/// and again: what fits in a cache comes faster.
struct Bandwidth {
  std::vector<std::pair<double, double>> bySize; // bytes, ascending, and speed
  /// Of `bytes` bytes: the speed of the next larger size.
  double of(double bytes) const;
  double memory() const { return bySize.empty() ? 0 : bySize.back().second; }
};
/// From 16 KiB to 128 MiB, some 0.1 s. Measured once per process.
const Bandwidth &measureBandwidth();

/// The time of every group of a model.
struct Profile {
  struct Row {
    std::string name, kind, precision;
    double calls = 0;   // of its code in one call of the model
    double ms = 0;      // in one call
    double share = 0;   // of all groups' time, 0 to 1
    double gops = 0;    // 0: it has no contraction
    double ofPeak = 0;  // share of the measured peak, 0: unknown
    double gbps = 0;    // inputs, weights and results once; 0: unknown
    double boundMs = 0; // no code is faster: the larger of multiplications at
                        // the peak and of bytes at the bandwidth; 0: unknown
    bool boundByBytes = false;
  };
  std::vector<Row> rows; // in the model's order; the last one is what belongs
                         // to no group
  double ms = 0;         // a call
  int64_t calls = 0;     // of the model
  double boundMs = 0;    // of all groups
  Peak peak;             // of all threads of the call
  double memory = 0; // 10⁹ bytes a second that one thread reads from memory
};

/// Runs the first entry `calls` times after some calls to warm up.
bool profileModel(Model &model, const nlohmann::ordered_json &manifest,
                  const std::vector<Tensor> &in, std::vector<Tensor> &out,
                  int64_t calls, Profile &profile, std::string &error);

/// The table for people: the most expensive group first.
std::string formatProfile(const Profile &profile);
/// {"calls", "ms", "bound_ms", "peak_gops": {"f32", "bf16", "int8"},
/// "memory_gb_per_s", "groups": [...]}
nlohmann::ordered_json profileToJson(const Profile &profile);

} // namespace mpc::run

#endif // MPC_TOOLS_MPCRUN_PROFILE_H
