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
  double f32 = 0, int8 = 0;
};
/// With the widest instructions of at most the instruction set `isa`, in the
/// way in which compiled kernels use them.
Peak measurePeak(const std::string &isa);

/// The time of every group of a model.
struct Profile {
  struct Row {
    std::string name, kind, precision;
    double calls = 0;   // of its code in one call of the model
    double ms = 0;      // in one call
    double share = 0;   // of all groups' time, 0 to 1
    double gops = 0;    // 0: it has no contraction
    double ofPeak = 0;  // share of the measured peak, 0: unknown
  };
  std::vector<Row> rows; // in the model's order; the last one is what belongs
                         // to no group
  double ms = 0;         // a call
  int64_t calls = 0;     // of the model
  Peak peak;             // of all threads of the call
};

/// Runs the first entry `calls` times after some calls to warm up.
bool profileModel(Model &model, const nlohmann::ordered_json &manifest,
                  const std::vector<Tensor> &in, std::vector<Tensor> &out,
                  int64_t calls, Profile &profile, std::string &error);

/// The table for people: the most expensive group first.
std::string formatProfile(const Profile &profile);
/// {"calls", "ms", "peak_gops": {"f32", "int8"}, "groups": [...]}
nlohmann::ordered_json profileToJson(const Profile &profile);

} // namespace mpc::run

#endif // MPC_TOOLS_MPCRUN_PROFILE_H
