//===- Options.cpp - The command line of mpc-run --------------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Options.h"

#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <functional>

using namespace mpc::run;

const char *mpc::run::helpText() {
  return R"(OVERVIEW: runs a model that mpc-compile wrote: computes, compares, measures

USAGE: mpc-run model.so --input=[NAME=]FILE ... [options]

INPUT:
  --input=[NAME=]FILE       an input's values: .npy, .npz (keyed by input name) or .pb (ONNX TensorProto); NAME may be
                            left out for a model with one input; a first dimension larger than the model's batch is a
                            data set: all of it is run, one call after another
  --input=[NAME=]PATH       pictures (.jpg, .png) or a folder of them, for an input of u8 pixels: resized to cover it, the
                            middle taken (docs/Preprocessing.md)
  --input=[NAME=]4x2xbf16=@FILE
                            raw bytes of that shape and type (f32 f16 bf16 f64 i8 u8 i16 u16 i32 u32 i64 u64 bool)
  --batch=N                 samples of one call, where the model's batch is symbolic (default: 1)

OUTPUT:
  --output=DIR              write each output to DIR/NAME.npy, or NAME.pb for types that NumPy lacks; characters other
                            than [A-Za-z0-9._-] become _ and DIR/index.json maps the names
  --describe                print the model's manifest and run nothing
  --json                    print one JSON object on one line

COMPARISON:
  --expected=[NAME=]FILE    compare an output with these values: |output - expected| <= atol + rtol * |expected|
  --expected=[NAME=]DIR     the same for all outputs, or one, that --output wrote to DIR
  --rtol=X, --atol=X        tolerances (default: 1e-3, 1e-5, for f32; other precisions need wider ones; none where
                            --min-sqnr alone is given)
  --labels=FILE             the right classes, integers: print top-1 and top-5 of the first output, where of equal
                            values the first counts as the largest
  --min-top1=X              fail if top-1 (0 to 1) is below X
  --min-sqnr=X              fail if an expected output's signal-to-noise ratio is below X dB
  --max-latency=Xms         fail if the median of --benchmark is above X milliseconds

EXECUTION:
  --benchmark=N             time N calls of the first sample (or batch) after warming up
  --profile                 time per group over the same calls (default: 100), with GOP/s and the share of the peak that
                            this machine reaches
  --measure=FILE            of a kit (mpc-compile --emit=bench-kit): measure every group in every precision and write the
                            table for mpc-compile --latency-table
  --threads=N               threads of one call (default: MPC_NUM_THREADS, else what affinity and quota allow)
  --isa=NAME                the instruction set, as in --march of mpc-compile (default: MPC_ISA, else the best one)

  --help, --version

Exit status: 0 success; 1 bad input, flag, library or environment; 2 a comparison or gate failed.
)";
}

static bool parseNumber(const std::string &text, double &value) {
  if (text.empty())
    return false;
  char *end;
  errno = 0;
  value = std::strtod(text.c_str(), &end);
  return !*end && std::isfinite(value);
}

static bool parseCount(const std::string &text, int64_t most, int64_t &value) {
  if (text.empty())
    return false;
  char *end;
  errno = 0;
  value = std::strtoll(text.c_str(), &end, 10);
  return !*end && !errno && value >= 1 && value <= most;
}

namespace {
/// An option and what it does with its value; without a value where `what` is
/// null. `take` answers false for a value that is not `what`.
struct Row {
  const char *name;
  const char *what;
  std::function<bool(const std::string &)> take;
};
} // namespace

static std::vector<Row> makeRows(Options &o) {
  auto text = [](std::string &to) {
    return [&to](const std::string &value) {
      to = value;
      return !value.empty();
    };
  };
  auto list = [](std::vector<std::string> &to) {
    return [&to](const std::string &value) {
      to.push_back(value);
      return !value.empty();
    };
  };
  auto flag = [](bool &to) {
    return [&to](const std::string &) { return to = true; };
  };
  auto tolerance = [&o](double &to) {
    return [&o, &to](const std::string &value) {
      o.hasTolerances = true;
      return parseNumber(value, to) && to >= 0;
    };
  };
  auto gate = [](std::optional<double> &to) {
    return [&to](const std::string &value) {
      double number;
      if (!parseNumber(value, number))
        return false;
      to = number;
      return true;
    };
  };
  auto latency = [&o](const std::string &value) {
    std::string digits = value;
    double scale = 1;
    for (auto [unit, factor] :
         {std::pair{"ms", 1.0}, {"us", 1e-3}, {"s", 1e3}}) {
      std::string ending = unit;
      if (digits.size() > ending.size() &&
          !digits.compare(digits.size() - ending.size(), ending.size(),
                          ending)) {
        digits.resize(digits.size() - ending.size());
        scale = factor;
        break;
      }
    }
    double number;
    if (!parseNumber(digits, number) || number < 0)
      return false;
    o.maxLatencyMs = number * scale;
    return true;
  };
  auto threads = [&o](const std::string &value) {
    int64_t number;
    if (!parseCount(value, 1024, number))
      return false;
    o.threads = uint32_t(number);
    return true;
  };
  auto count = [](int64_t &to, int64_t most) {
    return [&to, most](const std::string &value) {
      return parseCount(value, most, to);
    };
  };
  return {
      {"input", "[NAME=]FILE", list(o.inputs)},
      {"expected", "[NAME=]FILE or a folder", list(o.expected)},
      {"output", "a folder", text(o.outputFolder)},
      {"labels", "a file", text(o.labels)},
      {"isa", "the name of an instruction set", text(o.isa)},
      {"rtol", "a number of at least 0", tolerance(o.rtol)},
      {"atol", "a number of at least 0", tolerance(o.atol)},
      {"min-top1", "a number", gate(o.minTop1)},
      {"min-sqnr", "a number of dB", gate(o.minSqnr)},
      {"max-latency", "a time such as 3ms", latency},
      {"benchmark", "a number of runs from 1 to 1000000000",
       count(o.benchmark, 1000000000)},
      {"threads", "a number from 1 to 1024", threads},
      {"batch", "a number of at least 1", count(o.batch, INT32_MAX)},
      {"profile", nullptr, flag(o.profile)},
      {"measure", "a file", text(o.measure)},
      {"describe", nullptr, flag(o.describe)},
      {"json", nullptr, flag(o.json)},
      {"help", nullptr, flag(o.help)},
      {"version", nullptr, flag(o.version)},
  };
}

/// Options that need another one.
static bool checkCombination(const Options &o, std::string &error) {
  auto require = [&](bool given, bool has, const char *message) {
    if (given && !has)
      error = message;
    return !given || has;
  };
  if (o.help || o.version)
    return true;
  return require(true, !o.library.empty(),
                 "expected a model, such as model.so; see --help") &&
         require(o.minTop1.has_value(), !o.labels.empty(),
                 "--min-top1 needs --labels") &&
         require(o.minSqnr.has_value(), !o.expected.empty(),
                 "--min-sqnr needs --expected") &&
         require(o.maxLatencyMs.has_value(), o.benchmark != 0,
                 "--max-latency needs --benchmark") &&
         require(o.hasTolerances, !o.expected.empty(),
                 "--rtol and --atol need --expected") &&
         require(!o.measure.empty(),
                 o.inputs.empty() && o.expected.empty() && o.labels.empty() &&
                     o.outputFolder.empty() && !o.benchmark && !o.profile &&
                     !o.describe && !o.batch && o.threads <= 1,
                 "--measure takes a kit, on one thread and inputs of its own, "
                 "and no other option but --isa") &&
         require(o.describe,
                 o.inputs.empty() && o.expected.empty() && o.labels.empty() &&
                     o.outputFolder.empty() && !o.benchmark && !o.profile &&
                     !o.batch && !o.threads && o.isa.empty(),
                 "--describe runs nothing: expected no other option but "
                 "--json");
}

bool mpc::run::parseOptions(int argc, char **argv, Options &options,
                            std::string &error) {
  std::vector<Row> rows = makeRows(options);
  bool onlyPositional = false;
  for (int i = 1; i < argc; ++i) {
    std::string argument = argv[i];
    if (onlyPositional || argument.size() < 2 || argument[0] != '-') {
      if (!options.library.empty()) {
        error = "expected one model, but got '" + options.library + "' and '" +
                argument + "'";
        return false;
      }
      options.library = argument;
      continue;
    }
    if (argument == "--") {
      onlyPositional = true;
      continue;
    }
    size_t start = argument[1] == '-' ? 2 : 1;
    size_t equals = argument.find('=');
    std::string name = argument.substr(
        start, equals == std::string::npos ? equals : equals - start);
    if (name == "h")
      name = "help";
    if (name == "dump-tensors") {
      error = "--" + name + " is not supported yet";
      return false;
    }
    const Row *found = nullptr;
    for (const Row &row : rows)
      if (name == row.name)
        found = &row;
    if (!found) {
      error = "unknown option '" + argument + "', see --help";
      return false;
    }
    std::string value;
    if (equals != std::string::npos) {
      if (!found->what) {
        error = "--" + name + ": expected no value, but got '" +
                argument.substr(equals + 1) + "'";
        return false;
      }
      value = argument.substr(equals + 1);
    } else if (found->what) {
      if (++i == argc) {
        error = "--" + name + ": expected " + found->what + ", but got nothing";
        return false;
      }
      value = argv[i];
    }
    if (!found->take(value)) {
      error = "--" + name + ": expected " + found->what + ", but got '" +
              value + "'";
      return false;
    }
  }
  return checkCombination(options, error);
}
