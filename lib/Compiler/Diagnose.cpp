//===- Diagnose.cpp - from lost accuracy to a configuration ---------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Diagnose.h"
#include "Accuracy.h"
#include "ErrorAnalysis.h"
#include "Report.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"
#include "mpc/Dialect/MPC/MPCDialect.h"
#include "mpc/Support/PrecisionConfig.h"
#include "mpc/Transforms/Passes.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Format.h"
#include <nlohmann/json.hpp>

using namespace mlir;
using namespace mpc;
using Json = nlohmann::ordered_json;

/// Raising a place that gains this much takes three quarters of all noise away:
/// such places are always raised.
static constexpr double kCulprit = 6;
/// Below it, 1 % of noise, the outputs are not usable: more is raised as long
/// as it helps at all.
static constexpr double kUsable = 20;
/// From here on, 0.01 % of noise, what is left is no damage: no more is raised.
static constexpr double kHealthy = 40;
/// A change that gains less is not worth its line.
static constexpr double kLeast = 0.3;
/// What fewer groups in f32 may cost: twice the noise.
static constexpr double kSlack = 3;
/// Samples on which changes are compared.
static constexpr int64_t kTrials = 16;

namespace {
class Diagnosis {
public:
  Diagnosis(ModuleOp assigned, const CompileOptions &options, raw_ostream &os)
      : assigned(assigned), options(options), os(os),
        loc(UnknownLoc::get(assigned.getContext())) {}
  FailureOr<std::string> run();

private:
  LogicalResult openLibrary();
  LogicalResult takePrecisions();
  LogicalResult runLibrary(SampleSet &samples);
  LogicalResult keepTrials(SampleSet &samples);
  FailureOr<double> measure(const llvm::BitVector &raised);
  FailureOr<std::unique_ptr<ModelRunner>>
  compileRaised(ArrayRef<std::string> raised);
  FailureOr<double> measureCompiled(ArrayRef<std::string> raised);
  LogicalResult openLabelled();
  FailureOr<double> measureTop1(
      llvm::function_ref<FailureOr<ArrayRef<Tensor>>(std::vector<Tensor> &)>
          run);
  FailureOr<double> measureTop1(ModelRunner &runner);
  LogicalResult printTop1();
  LogicalResult printHealedTop1();
  LogicalResult search();
  LogicalResult prune();
  void printLoss(const ErrorAnalysis &analysis, const Report &report);
  FailureOr<PrecisionConfig> makeConfig(ArrayRef<std::string> raised);
  InFlightDiagnostic fail() {
    return emitError(loc) << options.diagnose << ": ";
  }

  ModuleOp assigned;
  const CompileOptions &options;
  raw_ostream &os;
  Location loc;
  std::unique_ptr<ModelRunner> library;
  std::map<std::string, std::string> precisions; // of the library's groups
  OwningOpRef<ModuleOp> annotated;               // with those
  std::unique_ptr<SwitchedModel> model;

  std::vector<OutputError> libraryErrors;
  int64_t agreeing = 0, compared = 0;
  std::vector<std::vector<Tensor>> trials, references;
  std::vector<std::string> raised;
  double before = 0, after = 0; // dB
  /// Samples with their classes; null: none are given.
  std::unique_ptr<SampleSet> labelled;
  std::vector<int64_t> labels;
  double referenceTop1 = 0, libraryTop1 = 0; // per cent
};
} // namespace

LogicalResult Diagnosis::openLibrary() {
  auto opened = ModelRunner::open(loc, options.diagnose);
  if (failed(opened))
    return failure();
  library = std::move(*opened);
  Json manifest =
      Json::parse(library->getManifest(), nullptr, /*allow_exceptions=*/false);
  auto isObject = [](const Json &json, const char *key) {
    return json.is_object() && json.contains(key);
  };
  if (!isObject(manifest, "model") || !isObject(manifest["model"], "hash") ||
      !isObject(manifest, "groups"))
    return fail() << "its manifest does not say which model and groups it has";
  ModelInfo info = describeModel(assigned);
  if (manifest["model"]["hash"] != info.hash)
    return fail() << "is a library of another model than " << options.input
                  << " (the hashes of graph and weights differ)";
  for (const Json &group : manifest["groups"])
    if (isObject(group, "name") && isObject(group, "precision"))
      precisions[group["name"].get<std::string>()] =
          group["precision"].get<std::string>();
  auto differ = [](ArrayRef<TensorInfo> a, ArrayRef<TensorInfo> b) {
    return a.size() != b.size() || llvm::any_of(llvm::zip(a, b), [](auto pair) {
             return std::get<0>(pair).type != std::get<1>(pair).type ||
                    std::get<0>(pair).dims != std::get<1>(pair).dims;
           });
  };
  if (differ(library->getInputs(), info.inputs) ||
      differ(library->getOutputs(), info.outputs))
    return fail() << "has inputs or outputs of other types or shapes; give the "
                     "options that it was compiled with (--shape, --io-type, "
                     "--io-layout ...)";
  return success();
}

/// The module as the library was compiled from it.
LogicalResult Diagnosis::takePrecisions() {
  annotated = assigned.clone();
  std::string problem;
  bool isLowered = false;
  annotated->walk([&](GroupOp group) {
    auto found = precisions.find(group.getName().str());
    auto precision = found == precisions.end()
                         ? std::nullopt
                         : symbolizePrecision(found->second);
    if (!precision) {
      problem = problem.empty() ? group.getName().str() : problem;
      return;
    }
    if (!group.getPrecision())
      return; // inside of a loop
    group.setPrecision(*precision);
    isLowered |= *precision != Precision::F32;
  });
  if (!problem.empty())
    return fail() << "has no group '" << problem
                  << "' of a known precision; compile it again with this "
                     "version and these options";
  if (!isLowered)
    return fail() << "computes in f32 throughout: nothing is lowered that "
                     "could lose accuracy";
  return success();
}

/// Whether the largest element of both tensors is at the same place; nothing
/// where the tensor is not one of scores.
static std::optional<bool> agree(const Tensor &a, const Tensor &b) {
  int64_t count = a.numElements();
  if (a.shape.empty() || a.shape.back() != count || count < 2 ||
      !isFloat(a.type))
    return std::nullopt;
  return findLargest(a) == findLargest(b);
}

LogicalResult Diagnosis::runLibrary(SampleSet &samples) {
  std::vector<Tensor> sample;
  std::string message;
  int64_t count = std::min(samples.size(), options.reportSamples);
  for (const TensorInfo &output : model->getOutputs())
    libraryErrors.push_back({output.name, {}});
  llvm::BitVector none(model->getSwitches().size());
  for (int64_t index = 0; index < count; ++index) {
    if (!samples.read(index, sample, message))
      return emitError(loc) << message;
    if (failed(model->run(sample, none)) || failed(library->run(sample)))
      return failure();
    for (auto [i, output] : llvm::enumerate(libraryErrors)) {
      const Tensor &reference = model->getResults()[i],
                   &tensor = library->getResults()[i];
      output.error.add(reference, tensor);
      if (auto same = agree(reference, tensor);
          same && libraryErrors.size() == 1) {
        agreeing += *same;
        ++compared;
      }
    }
  }
  return success();
}

/// A few samples and what f32 makes of them.
LogicalResult Diagnosis::keepTrials(SampleSet &samples) {
  std::string message;
  llvm::BitVector none(model->getSwitches().size());
  int64_t count = std::min({samples.size(), options.reportSamples, kTrials});
  for (int64_t i = 0; i < count; ++i) {
    // Spread over the samples: those beside each other are often alike.
    if (!samples.read(i * samples.size() / count, trials.emplace_back(),
                      message))
      return emitError(loc) << message;
    if (failed(model->run(trials.back(), none)))
      return failure();
    references.push_back(
        model->getResults().take_front(model->getOutputs().size()).vec());
  }
  return success();
}

FailureOr<double> Diagnosis::measure(const llvm::BitVector &isRaised) {
  llvm::BitVector lowered = isRaised;
  lowered.flip();
  std::vector<OutputError> errors(model->getOutputs().size());
  for (auto [sample, reference] : llvm::zip(trials, references)) {
    if (failed(model->run(sample, lowered)))
      return failure();
    for (auto [i, error] : llvm::enumerate(errors))
      error.error.add(reference[i], model->getResults()[i]);
  }
  return combine(errors);
}

/// The configuration of the command line, what the library does otherwise, and
/// the groups to raise.
FailureOr<PrecisionConfig> Diagnosis::makeConfig(ArrayRef<std::string> names) {
  PrecisionConfig config;
  if (!options.precisionConfig.empty()) {
    auto given = PrecisionConfig::load(options.precisionConfig);
    if (!given)
      return emitError(loc) << llvm::toString(given.takeError()), failure();
    config = std::move(*given);
  }
  auto add = [&](StringRef name, StringRef precision) {
    PrecisionConfig::Entry entry;
    entry.selector = PrecisionConfig::Selector::Name;
    entry.pattern = name.str();
    entry.precision = precision.str();
    config.entries.push_back(std::move(entry));
  };
  for (auto group :
       assigned.lookupSymbol<func::FuncOp>("main").getOps<GroupOp>())
    if (auto precision = group.getPrecision();
        precision && !llvm::is_contained(names, group.getName().str()) &&
        stringifyPrecision(*precision) != precisions[group.getName().str()])
      add(group.getName(), precisions[group.getName().str()]);
  for (const std::string &name : names)
    add(name, "f32");
  return config;
}

/// A library that is compiled with the configuration.
FailureOr<std::unique_ptr<ModelRunner>>
Diagnosis::compileRaised(ArrayRef<std::string> names) {
  auto config = makeConfig(names);
  if (failed(config))
    return failure();
  SmallString<128> path;
  int file;
  if (std::error_code error = llvm::sys::fs::createTemporaryFile(
          "mpc-diagnose", "json", file, path))
    return emitError(loc) << "no temporary file: " << error.message(),
           failure();
  auto remove = llvm::make_scope_exit([&] { llvm::sys::fs::remove(path); });
  llvm::raw_fd_ostream(file, /*shouldClose=*/true) << config->str();
  OwningOpRef<ModuleOp> module = assigned.clone();
  AssignPrecisionOptions assign;
  assign.precision = stringifyPrecisionChoice(options.precision).str();
  assign.config = path.str().str();
  PassManager pm(module->getContext(), ModuleOp::getOperationName());
  pm.addPass(createAssignPrecision(assign));
  if (failed(pm.run(*module)))
    return failure();
  return ModelRunner::create(*module, options.library);
}

/// What it gives, which the switches do not tell exactly: a tensor that no int8
/// group reads any more is stored in f32, for one.
FailureOr<double> Diagnosis::measureCompiled(ArrayRef<std::string> names) {
  auto runner = compileRaised(names);
  if (failed(runner))
    return failure();
  std::vector<OutputError> errors(model->getOutputs().size());
  for (auto [sample, reference] : llvm::zip(trials, references)) {
    if (failed((*runner)->run(sample)))
      return failure();
    for (auto [i, error] : llvm::enumerate(errors))
      error.error.add(reference[i], (*runner)->getResults()[i]);
  }
  return combine(errors);
}

/// Raises what gains most, again and again, by the switches.
LogicalResult Diagnosis::search() {
  auto changes = listChanges(*model);
  llvm::BitVector isRaised(model->getSwitches().size());
  auto start = measure(isRaised);
  if (failed(start))
    return failure();
  before = after = *start;
  // After the first round only what was good in the one before is tried: gains
  // hardly grow as others are raised.
  constexpr size_t mostRounds = 32, mostCandidates = 24;
  for (size_t round = 0; round < mostRounds && !changes.empty(); ++round) {
    if (after >= kHealthy)
      break;
    std::vector<std::pair<double, size_t>> gains;
    for (auto [i, change] : llvm::enumerate(changes)) {
      llvm::BitVector next = isRaised;
      next |= change.second;
      options.progress("trying changes", i + 1, changes.size());
      if (next == isRaised)
        continue;
      auto result = measure(next);
      if (failed(result))
        return failure();
      gains.emplace_back(*result - after, i);
    }
    // What gains most for each group that it raises.
    auto worth = [&](const std::pair<double, size_t> &entry) {
      llvm::BitVector more = changes[entry.second].second;
      return entry.first / more.reset(isRaised).count();
    };
    llvm::stable_sort(gains,
                      [&](auto &a, auto &b) { return worth(a) > worth(b); });
    std::stable_partition(gains.begin(), gains.end(), [&](auto &entry) {
      return entry.first >= (after >= kUsable ? kCulprit : kLeast);
    });
    if (gains.empty())
      break;
    double gain = gains.front().first;
    if (gain < kLeast || (gain < kCulprit && after >= kUsable))
      break;
    isRaised |= changes[gains.front().second].second;
    after += gain;
    gains.resize(std::min(gains.size(), mostCandidates));
    std::vector<std::pair<std::string, llvm::BitVector>> rest;
    for (auto &[unused, i] : gains)
      rest.push_back(changes[i]);
    changes = std::move(rest);
  }
  for (unsigned bit : isRaised.set_bits())
    raised.push_back(model->getSwitches()[bit]);
  return success();
}

/// Compiles with what was found, and without each of it that may not be needed:
/// a group whose result is read in f32 only can stay lowered.
LogicalResult Diagnosis::prune() {
  if (raised.empty())
    return success();
  auto all = measureCompiled(raised);
  if (failed(all))
    return failure();
  after = *all;
  double least = after - kSlack;
  if (after >= kUsable)
    least = std::max(least, kUsable);
  constexpr size_t most = 12;
  if (raised.size() > most)
    return success();
  std::vector<std::string> candidates = raised;
  for (auto [i, name] : llvm::enumerate(candidates)) {
    options.progress("checking the changes", i + 1, candidates.size());
    std::vector<std::string> fewer = raised;
    llvm::erase(fewer, name);
    if (fewer.empty())
      break;
    auto result = measureCompiled(fewer);
    if (failed(result))
      return failure();
    if (*result < least)
      continue;
    raised = std::move(fewer);
    after = *result;
  }
  return success();
}

static std::string decibels(double value) {
  std::string text;
  llvm::raw_string_ostream(text) << llvm::format("%.1f dB", value);
  return value >= kMostDecibels ? "exact" : text;
}

void Diagnosis::printLoss(const ErrorAnalysis &analysis, const Report &report) {
  os << options.diagnose << " beside " << options.input << " in f32, on "
     << analysis.samples << " samples:\n";
  for (const OutputError &output : libraryErrors) {
    os << "  output '" << output.name << "': SQNR "
       << decibels(output.error.sqnr()) << ", cosine "
       << llvm::format("%.5f", output.error.cosine());
    if (compared)
      os << ", the same first choice on " << agreeing << " of " << compared;
    os << "\n";
  }
  if (double recompiled = analysis.outputSQNR, own = combine(libraryErrors);
      std::abs(recompiled - own) > 1)
    os << "  (with the ranges of these samples it would be "
       << decibels(recompiled) << ": the library was calibrated otherwise)\n";

  auto tensorOf = [&](StringRef name) {
    const ReportGroup *group = report.find(name);
    return group && !group->tensors.empty() ? group->tensors.front()
                                            : name.str();
  };
  std::vector<const ReportGroup *> worst;
  for (const ReportGroup &group : report.groups)
    if (group.error && group.error->local)
      worst.push_back(&group);
  llvm::stable_sort(worst, [](const ReportGroup *a, const ReportGroup *b) {
    return a->error->local->sqnr() < b->error->local->sqnr();
  });
  worst.resize(std::min<size_t>(worst.size(), 5));
  os << "tensors that lose most where they are made (local), and what has come "
        "together there (accumulated):\n";
  for (const ReportGroup *group : worst) {
    os << "  '"
       << (group->tensors.empty() ? group->name : group->tensors.front())
       << "' (group '" << group->name << "', " << group->kind << " in "
       << group->precision << ", nodes " << llvm::join(group->nodes, ", ");
    if (group->tensors.size() > 1)
      os << ", tensors " << llvm::join(group->tensors, ", ");
    os << "): local " << decibels(group->error->local->sqnr())
       << ", accumulated " << decibels(group->error->accumulated.sqnr())
       << "\n";
    if (group->error->widestChannel >= 0 && group->error->channelSpread > 4)
      os << "    channel " << group->error->widestChannel << " reaches "
         << llvm::format("%.3g", group->error->channelSpread)
         << " times as far as the median one, and all share one scale\n";
  }
  os << "what the outputs gain where it is kept in f32:\n";
  for (const Advice &advice : ArrayRef(analysis.advice).take_front(5)) {
    os << "  +" << decibels(advice.gain) << ": ";
    if (!advice.tensor.empty())
      os << "tensor '" << tensorOf(advice.tensor) << "', by ";
    os << (advice.groups.size() > 1 ? "groups '" : "group '")
       << llvm::join(advice.groups, "', '") << "'\n";
  }
  if (analysis.advice.empty())
    os << "  no single group or tensor makes a difference\n";
}

//===----------------------------------------------------------------------===//
// Top-1
//===----------------------------------------------------------------------===//

LogicalResult Diagnosis::openLabelled() {
  if (options.labels.empty())
    return success();
  const TensorInfo &scores = library->getOutputs().front();
  if (!isFloat(scores.type))
    return emitError(loc) << "--labels: expected floating-point scores of "
                             "classes, but the model's first output '"
                          << scores.name << "' holds "
                          << elementTypeName(scores.type);
  auto opened = openSamples(assigned, options.validationData);
  if (failed(opened))
    return failure();
  labelled = std::move(*opened);
  auto read =
      readLabels(loc, options.labels, options.validationData, labelled->size());
  if (failed(read))
    return failure();
  labels = std::move(*read);
  return success();
}

/// For how many of 100 labelled samples the largest element of the first output
/// is that of their class.
FailureOr<double> Diagnosis::measureTop1(
    llvm::function_ref<FailureOr<ArrayRef<Tensor>>(std::vector<Tensor> &)>
        run) {
  std::vector<Tensor> sample;
  std::string message;
  int64_t correct = 0;
  for (auto [index, label] : llvm::enumerate(labels)) {
    if (!labelled->read(index, sample, message))
      return emitError(loc) << message, failure();
    auto results = run(sample);
    if (failed(results))
      return failure();
    correct += findLargest(results->front()) == label;
  }
  return 100.0 * correct / labels.size();
}

FailureOr<double> Diagnosis::measureTop1(ModelRunner &runner) {
  return measureTop1(
      [&](std::vector<Tensor> &sample) -> FailureOr<ArrayRef<Tensor>> {
        if (failed(runner.run(sample)))
          return failure();
        return runner.getResults();
      });
}

LogicalResult Diagnosis::printTop1() {
  if (!labelled)
    return success();
  llvm::BitVector none(model->getSwitches().size());
  auto reference = measureTop1(
      [&](std::vector<Tensor> &sample) -> FailureOr<ArrayRef<Tensor>> {
        if (failed(model->run(sample, none)))
          return failure();
        return model->getResults();
      });
  auto lowered = measureTop1(*library);
  if (failed(reference) || failed(lowered))
    return failure();
  referenceTop1 = *reference;
  libraryTop1 = *lowered;
  os << "top-1 on " << labels.size() << " labelled samples: "
     << llvm::format("%.2f %%, in f32 %.2f %%\n", libraryTop1, referenceTop1);
  return success();
}

LogicalResult Diagnosis::printHealedTop1() {
  if (!labelled || raised.empty())
    return success();
  auto runner = compileRaised(raised);
  auto healed =
      failed(runner) ? FailureOr<double>(failure()) : measureTop1(**runner);
  if (failed(healed))
    return failure();
  os << "top-1 then: "
     << llvm::format("%.2f %% instead of %.2f %%, in f32 %.2f %%\n", *healed,
                     libraryTop1, referenceTop1);
  return success();
}

FailureOr<std::string> Diagnosis::run() {
  if (failed(openLibrary()) || failed(takePrecisions()) ||
      failed(openLabelled()))
    return failure();
  auto samples = openSamples(assigned, options.calibrationData);
  if (failed(samples))
    return failure();
  auto switched = SwitchedModel::create(*annotated, options.library);
  if (failed(switched))
    return failure();
  model = std::move(*switched);
  auto analysis =
      analyzeErrors(*model, **samples, options.reportSamples, options);
  if (failed(analysis) ||
      failed(findAdvice(*model, **samples, "", *analysis, options)) ||
      failed(runLibrary(**samples)))
    return failure();
  auto report = makePlainReport(*annotated, options);
  if (failed(report))
    return failure();
  addErrors(*analysis, *report);
  printLoss(*analysis, *report);
  if (failed(printTop1()) || failed(keepTrials(**samples)) ||
      failed(search()) || failed(prune()))
    return failure();
  if (raised.empty()) {
    os << "no few groups are to blame: ";
    if (before < kHealthy)
      os << "nothing gains " << llvm::format("%.0f", kCulprit) << " dB, and ";
    os << "the outputs have " << decibels(before) << "\n";
  } else {
    os << "in f32: '" << llvm::join(raised, "', '")
       << "'; the outputs then have " << decibels(after) << " instead of "
       << decibels(before) << "\n";
  }
  if (failed(printHealedTop1()))
    return failure();
  auto config = makeConfig(raised);
  if (failed(config))
    return failure();
  if (!options.savePrecisionConfig.empty())
    os << "configuration for --precision-config: "
       << options.savePrecisionConfig << "\n";
  else
    os << config->str();
  return config->str();
}

FailureOr<std::string> mpc::diagnose(ModuleOp annotated,
                                     const CompileOptions &options,
                                     raw_ostream &os) {
  return Diagnosis(annotated, options, os).run();
}
