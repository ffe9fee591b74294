//===- mpc-run.cpp - Runs a compiled model --------------------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Loads a library by the C ABI alone, as any user's program would, runs it on
// files, and compares, scores or times it.
//
//===----------------------------------------------------------------------===//

#include "Feed.h"
#include "Metrics.h"
#include "Model.h"
#include "Options.h"
#include "Outputs.h"
#include "Profile.h"

#include "mpc/Support/LatencyTable.h"
#include "mpc/Support/TensorFile.h"
#include "mpc/Support/Version.h"

#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <unistd.h>

using namespace mpc;
using namespace mpc::run;
using Json = nlohmann::ordered_json;

namespace {

/// Exit statuses.
enum { Success = 0, Failure = 1, GateFailed = 2 };

/// One run of the tool.
class Session {
public:
  explicit Session(const Options &options) : options(options) {}
  ~Session() {
    if (madeFolder)
      rmdir(options.outputFolder.c_str());
  }

  /// False: `error` says what is wrong with the user's input.
  bool run();

  std::string error;
  /// What gates and comparisons failed.
  std::vector<std::string> failures;

private:
  bool describe();
  bool measureKit();
  bool openReferences();
  void checkRanges(const std::vector<Tensor> &inputs);
  bool runAll();
  bool compare();
  bool score();
  bool measure();
  void report();

  const Options &options;
  Model model;
  Feed feed;
  std::optional<Outputs> outputs;
  std::vector<std::optional<TensorReader>> expected;
  std::vector<int64_t> labels;
  Json manifest;
  std::vector<bool> warned; // per input
  bool madeFolder = false;  // and it is empty still

  std::vector<std::pair<size_t, Comparison>> comparisons;
  std::optional<Accuracy> accuracy;
  std::optional<Latency> latency;
  std::optional<Profile> profile;
};

std::string number(const char *format, double value) {
  char text[64];
  std::snprintf(text, sizeof(text), format, value);
  return text;
}

std::string dump(const Json &json, int indent = -1) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

bool Session::describe() {
  if (manifest.is_discarded()) {
    error = options.library + ": the manifest in it is not JSON";
    return false;
  }
  std::printf("%s\n", dump(manifest, options.json ? -1 : 2).c_str());
  return true;
}

/// Measures a kit. The file is there as a whole or not at all.
bool Session::measureKit() {
  MeasureOptions how;
  how.isa = options.isa;
  if (isatty(STDERR_FILENO))
    how.progress = [](int done, int all) {
      std::fprintf(stderr, "\rmeasuring: %d of %d rounds%s", done, all,
                   done == all ? "\n" : "");
    };
  LatencyTable table;
  if (!measureBenchKit(model.get(), how, table, error)) {
    error = "--measure: " + options.library + ": " + error;
    return false;
  }
  std::string text = table.str();
  PendingFile file;
  if (!file.write(options.measure, text.data(), text.size(), error) ||
      !file.commit(error)) {
    error = "--measure: " + error;
    return false;
  }
  if (options.json)
    std::printf("%s\n", dump(Json{{"entries", table.entries.size()},
                                  {"conversions", table.conversions.size()},
                                  {"threads", 1},
                                  {"isa", table.isa}})
                            .c_str());
  else
    std::printf("%zu groups and %zu conversions measured, instruction set "
                "%s\n",
                table.entries.size(), table.conversions.size(),
                table.isa.c_str());
  return true;
}

/// Opens the files of --expected and --labels and checks what can be checked
/// before anything is computed.
bool Session::openReferences() {
  if (!openNamedFiles(options.expected, "--expected", model.outputs, expected,
                      error))
    return false;
  if (options.labels.empty())
    return true;
  TensorReaders readers;
  Tensor tensor;
  if (!openTensorFile(options.labels, readers, error) ||
      !readers[0].readAll(tensor, error)) {
    error = "--labels: " + error;
    return false;
  }
  if (readers.size() != 1 || isFloat(tensor.type)) {
    error = "--labels: " + options.labels +
            ": expected one array of integers, but got " +
            (readers.size() != 1 ? std::to_string(readers.size()) + " arrays"
                                 : elementTypeName(tensor.type));
    return false;
  }
  for (int64_t i = 0; i < tensor.numElements(); ++i)
    labels.push_back(int64_t(tensor.valueAt(i)));
  if (int64_t(labels.size()) != feed.numSamples()) {
    error = "--labels: " + options.labels + ": expected " +
            std::to_string(feed.numSamples()) +
            " labels, one per sample, but got " + std::to_string(labels.size());
    return false;
  }
  if (model.outputs.empty()) {
    error = "--labels: the model has no output";
    return false;
  }
  return true;
}

/// Warns once per input about values far outside what the model was calibrated
/// on: most often a forgotten normalisation.
void Session::checkRanges(const std::vector<Tensor> &inputs) {
  constexpr double tolerated = 3; // times the range's width beyond its ends
  // Resolving a pointer to what is not there gives the default: no rows.
  const Json rows =
      manifest.is_object()
          ? manifest.value(Json::json_pointer("/entries/0/inputs"),
                           Json::array())
          : Json::array();
  for (const Json &row : rows) {
    if (!row.is_object() || !row.contains("range") || !row.contains("name") ||
        !row["name"].is_string())
      continue;
    const Json &range = row["range"];
    std::optional<size_t> index =
        findTensor(model.inputs, row["name"].get<std::string>());
    if (!index || warned[*index] || !range.is_array() || range.size() != 2 ||
        !range[0].is_number() || !range[1].is_number())
      continue;
    double low = range[0].get<double>(), high = range[1].get<double>();
    double room = tolerated * (high - low);
    const Tensor &tensor = inputs[*index];
    for (int64_t i = 0, e = tensor.numElements(); i < e; ++i) {
      double value = tensor.valueAt(i);
      if (value >= low - room && value <= high + room)
        continue;
      warned[*index] = true;
      std::fprintf(stderr,
                   "mpc-run: warning: input '%s' has the value %g, far outside "
                   "the calibrated range [%g, %g]: is it normalised as in "
                   "training?\n",
                   model.inputs[*index].name.c_str(), value, low, high);
      break;
    }
  }
}

bool Session::runAll() {
  std::vector<Tensor> in, out;
  bool progress = isatty(STDERR_FILENO) && feed.numCalls() >= 50;
  for (int64_t call = 0; call < feed.numCalls(); ++call) {
    if (!feed.read(call, in, error))
      return false;
    checkRanges(in);
    outputs->prepare(call, out);
    if (!model.call(in, out, error))
      return false;
    outputs->append(call, out);
    if (progress && call % 16 == 0)
      std::fprintf(stderr, "\r%lld of %lld calls", static_cast<long long>(call),
                   static_cast<long long>(feed.numCalls()));
  }
  if (progress)
    std::fprintf(stderr, "\r\x1b[K");
  return true;
}

bool Session::compare() {
  for (size_t i = 0; i < expected.size(); ++i) {
    if (!expected[i])
      continue;
    const Tensor &got = outputs->all()[i];
    const std::string &name = model.outputs[i].name;
    std::string where =
        "--expected: " + expected[i]->path() + ": output '" + name + "': ";
    bool comparable = got.type == expected[i]->type() ||
                      (isFloat(got.type) && isFloat(expected[i]->type()));
    if (!comparable) {
      error = where + "expected type " + elementTypeName(got.type) +
              " as computed, but got " + elementTypeName(expected[i]->type());
      return false;
    }
    if (got.shape != expected[i]->shape()) {
      error = where + "expected shape " + shapeToString(got.shape) +
              " as computed, but got " + shapeToString(expected[i]->shape());
      return false;
    }
    Tensor want;
    if (!expected[i]->readAll(want, error))
      return false;
    Comparison result = compareTensors(got, want, options.rtol, options.atol);
    // Who names another measure alone means that one.
    if (result.different && (options.hasTolerances || !options.minSqnr))
      failures.push_back("output '" + name +
                         "': " + std::to_string(result.different) + " of " +
                         std::to_string(result.total) +
                         " values differ from the expected ones, by up to " +
                         number("%.3g", result.maxAbsError) + " (rtol " +
                         number("%g", options.rtol) + ", atol " +
                         number("%g", options.atol) + ")");
    if (options.minSqnr && result.sqnrDb < *options.minSqnr)
      failures.push_back(
          "output '" + name + "': SQNR " + number("%.2f", result.sqnrDb) +
          " dB is below --min-sqnr=" + number("%g", *options.minSqnr));
    comparisons.emplace_back(i, result);
  }
  return true;
}

bool Session::score() {
  if (labels.empty())
    return true;
  const Tensor &scores = outputs->all()[0];
  if (scores.numElements() == 0 ||
      scores.numElements() % int64_t(labels.size())) {
    error = "--labels: output '" + model.outputs[0].name + "' of shape " +
            shapeToString(scores.shape) + " has no classes for each of " +
            std::to_string(labels.size()) + " samples";
    return false;
  }
  int64_t classes = scores.numElements() / int64_t(labels.size());
  for (size_t i = 0; i < labels.size(); ++i)
    if (labels[i] < 0 || labels[i] >= classes) {
      error = "--labels: " + options.labels + ": expected classes from 0 to " +
              std::to_string(classes - 1) + ", as output '" +
              model.outputs[0].name + "' has them, but got " +
              std::to_string(labels[i]) + " for sample " + std::to_string(i);
      return false;
    }
  accuracy = measureAccuracy(scores, labels);
  if (options.minTop1 && accuracy->top1 < *options.minTop1)
    failures.push_back(
        "top-1 " + number("%.4f", accuracy->top1) +
        " is below --min-top1=" + number("%g", *options.minTop1));
  return true;
}

bool Session::measure() {
  if (!options.benchmark && !options.profile)
    return true;
  using Clock = std::chrono::steady_clock;
  auto since = [](Clock::time_point start) {
    return std::chrono::duration<double, std::milli>(Clock::now() - start)
        .count();
  };
  std::vector<Tensor> in, out;
  if (!feed.read(0, in, error))
    return false;
  outputs->prepare(0, out);
  if (options.profile) {
    profile.emplace();
    if (!profileModel(model, manifest, in, out,
                      options.benchmark ? options.benchmark : 100, *profile,
                      error))
      return false;
  }
  if (!options.benchmark)
    return true;
  // Caches, branch predictors, threads and the clock frequency settle.
  Clock::time_point start = Clock::now();
  for (int i = 0; i < 3 || (i < 1000 && since(start) < 50); ++i)
    if (!model.call(in, out, error))
      return false;
  std::vector<double> times;
  times.reserve(size_t(options.benchmark));
  for (int64_t i = 0; i < options.benchmark; ++i) {
    Clock::time_point before = Clock::now();
    if (!model.call(in, out, error))
      return false;
    times.push_back(since(before));
  }
  latency = summarize(std::move(times));
  if (options.maxLatencyMs && latency->median > *options.maxLatencyMs)
    failures.push_back("median latency " + number("%.6g", latency->median) +
                       " ms is above --max-latency=" +
                       number("%g", *options.maxLatencyMs) + "ms");
  return true;
}

void Session::report() {
  if (options.json) {
    Json json;
    if (accuracy) {
      json["top1"] = accuracy->top1;
      json["top5"] = accuracy->top5;
    }
    json["samples"] = feed.numSamples();
    if (latency) {
      json["median_ms"] = latency->median;
      json["p10_ms"] = latency->p10;
      json["p90_ms"] = latency->p90;
    }
    if (profile)
      json["profile"] = profileToJson(*profile);
    json["threads"] = model.threads;
    json["isa"] = model.isa;
    for (auto &[index, result] : comparisons)
      // A maximum that is NaN becomes null.
      json["outputs"][model.outputs[index].name] = {
          {"max_abs_error", result.maxAbsError}, {"sqnr_db", result.sqnrDb}};
    std::printf("%s\n", dump(json).c_str());
    return;
  }
  std::printf("%lld sample%s, instruction set %s, %u thread%s\n",
              static_cast<long long>(feed.numSamples()),
              feed.numSamples() == 1 ? "" : "s", model.isa.c_str(),
              model.threads, model.threads == 1 ? "" : "s");
  for (size_t i = 0; i < model.outputs.size(); ++i)
    std::printf("output %s: %s %s\n", model.outputs[i].name.c_str(),
                elementTypeName(model.outputs[i].type).c_str(),
                shapeToString(outputs->all()[i].shape).c_str());
  for (auto &[index, result] : comparisons)
    std::printf("output %s: largest error %.3g, SQNR %.2f dB, %lld of %lld "
                "values differ\n",
                model.outputs[index].name.c_str(), result.maxAbsError,
                result.sqnrDb, static_cast<long long>(result.different),
                static_cast<long long>(result.total));
  if (accuracy)
    std::printf("top-1 %.2f %%, top-5 %.2f %%\n", 100 * accuracy->top1,
                100 * accuracy->top5);
  if (latency)
    std::printf("latency %.4g ms (p10 %.4g, p90 %.4g; %lld runs)\n",
                latency->median, latency->p10, latency->p90,
                static_cast<long long>(options.benchmark));
  if (profile)
    std::printf("%s", formatProfile(*profile).c_str());
}

bool Session::run() {
  if (!model.load(options.library, error))
    return false;
  manifest = Json::parse(model.manifest(), nullptr, /*allow_exceptions=*/false);
  if (options.describe)
    return describe();
  if (!options.measure.empty())
    return measureKit();
  if (isBenchKit(model.get())) {
    error = options.library + ": a kit is not run but measured: expected "
                              "--measure=FILE";
    return false;
  }
  if (!feed.open(model, options.inputs, options.batch, error) ||
      !openReferences() ||
      !model.start(options.threads, options.isa, feed.batchOf(0), error))
    return false;
  if (!options.outputFolder.empty() &&
      !prepareFolder(options.outputFolder, madeFolder, error))
    return false;
  warned.assign(model.inputs.size(), false);
  outputs.emplace(model, feed);
  if (!runAll() || !compare() || !score() || !measure())
    return false;
  if (!options.outputFolder.empty() &&
      !writeOutputs(options.outputFolder, model.outputs, outputs->all(), error))
    return false;
  madeFolder = false;
  report();
  return true;
}

/// Control characters of a file name or a model's name would break up the line.
void printError(std::string message) {
  for (char &c : message)
    if (static_cast<unsigned char>(c) < 32)
      c = ' ';
  std::fprintf(stderr, "mpc-run: error: %s\n", message.c_str());
}

} // namespace

int main(int argc, char **argv) {
  Options options;
  std::string error;
  if (!parseOptions(argc, argv, options, error)) {
    printError(error);
    return Failure;
  }
  if (options.help) {
    std::fputs(helpText(), stdout);
    return Success;
  }
  if (options.version) {
    std::printf("mpc-run %s (ABI version %u)\n", MPC_VERSION_STRING,
                MPC_ABI_VERSION);
    return Success;
  }
  try {
    Session session(options);
    if (!session.run()) {
      printError(session.error);
      return Failure;
    }
    // Before the errors, which are not buffered.
    if (std::fflush(stdout)) {
      printError("cannot write to standard output");
      return Failure;
    }
    for (const std::string &failure : session.failures)
      printError(failure);
    return session.failures.empty() ? Success : GateFailed;
  } catch (const std::bad_alloc &) {
    printError("out of memory");
    return Failure;
  } catch (const std::exception &exception) {
    printError(exception.what());
    return Failure;
  }
}
