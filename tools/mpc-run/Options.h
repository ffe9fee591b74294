//===- Options.h - The command line of mpc-run ------------------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_TOOLS_MPCRUN_OPTIONS_H
#define MPC_TOOLS_MPCRUN_OPTIONS_H

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace mpc::run {

struct Options {
  std::string library;
  std::vector<std::string> inputs, expected;
  std::string outputFolder, labels, isa;
  double rtol = 1e-3, atol = 1e-5;
  /// Whether either is given.
  bool hasTolerances = false;
  std::optional<double> minTop1, minSqnr, maxLatencyMs;
  /// Timed runs; 0: none.
  int64_t benchmark = 0;
  bool profile = false;
  /// The table to write of a kit; empty: none.
  std::string measure;
  /// 0: the library's default.
  uint32_t threads = 0;
  /// Samples of one call where the batch is symbolic; 0: not given.
  int64_t batch = 0;
  bool describe = false, json = false, help = false, version = false;
};

/// Reads the command line. Parsed here and not by llvm::cl, so that mpc-run
/// starts fast and runs where LLVM is not installed.
bool parseOptions(int argc, char **argv, Options &options, std::string &error);

/// The text of --help.
const char *helpText();

} // namespace mpc::run

#endif // MPC_TOOLS_MPCRUN_OPTIONS_H
