//===- LatencyTable.h - Measured times of kernels ---------------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The file of --latency-table (docs/Measuring.md):
//
//   {"version": 1, "isa": "cascadelake", "threads": 1, "entries": [
//     {"key": "5f0c…", "name": "conv1", "precision": "int8", "ms": 0.0123}],
//    "conversions": [{"from": "f32", "to": "int8", "shape": [1, 28, 28, 1],
//                     "ms": 0.0004}],
//    "overhead_ms": 0.0002}
//
// and how a library of --emit=bench-kit is measured to make one. Free of LLVM:
// mpc-run does the same on the target.
//
//===----------------------------------------------------------------------===//

#ifndef MPC_SUPPORT_LATENCYTABLE_H
#define MPC_SUPPORT_LATENCYTABLE_H

#include "mpc/runtime.h"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace mpc {

struct LatencyTable {
  /// The time of a group. `key` names what is computed, in which types and
  /// shapes, whatever the weights: equal groups of any model have equal keys.
  struct Entry {
    std::string key, name, precision;
    double ms;
  };
  /// The time of storing a tensor of `shape` in another element type.
  struct Conversion {
    std::string from, to; // f32, f16, bf16, int8
    std::vector<int64_t> shape;
    double ms;
  };
  /// The instruction set that the times belong to, as in --march.
  std::string isa;
  std::vector<Entry> entries;
  std::vector<Conversion> conversions;
  /// What a call takes beside its groups.
  double overheadMs = 0;

  /// The entry of this key, that of the group `name` rather than another; null
  /// where there is none.
  const Entry *find(const std::string &key, const std::string &name) const;

  /// Reads a file; false after a sentence in `error` that names it.
  bool load(const std::string &path, std::string &error);
  bool parse(const std::string &text, const std::string &source,
             std::string &error);
  /// The text of the file; `parse` gives the same table back.
  std::string str() const;
};

struct MeasureOptions {
  /// The instruction set; empty: the best one here.
  std::string isa;
  /// Called with measured and all rounds.
  std::function<void(int, int)> progress;
};

/// Whether the library's manifest says that it is a kit.
bool isBenchKit(const mpc_model *model);

/// Runs the entry points of a kit in turns, on one thread and on random inputs,
/// and takes the lower quartile of the times of every group. False after a
/// sentence in `error`.
bool measureBenchKit(const mpc_model *model, const MeasureOptions &options,
                     LatencyTable &table, std::string &error);

} // namespace mpc

#endif // MPC_SUPPORT_LATENCYTABLE_H
