//===- Search.cpp - precisions chosen by measurement ----------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Search.h"
#include "Latency.h"
#include "ModelRunner.h"
#include "SearchGraph.h"
#include "Sensitivity.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Pass/PassManager.h"
#include "mpc/Support/QuantMath.h"
#include "mpc/Transforms/Passes.h"
#include "mpc/Transforms/Ranges.h"
#include "llvm/Support/Format.h"
#include <chrono>
#include <cmath>

using namespace mlir;
using namespace mpc;

/// Validation samples beyond which a budget of outputs gains nothing; top-1
/// takes all.
static constexpr int64_t kValidationSamples = 256;
static constexpr int kRounds = 9;

static std::string formatted(double value, const char *format) {
  std::string text;
  llvm::raw_string_ostream(text) << llvm::format(format, value);
  return text;
}

static double toDecibels(double share) {
  return share > 0 ? -10 * std::log10(share) : INFINITY;
}

FailureOr<SearchInputs> mpc::openSearch(ModuleOp module,
                                        const CompileOptions &options) {
  Location loc = UnknownLoc::get(module.getContext());
  SearchInputs inputs;
  if (!options.accuracyBudget.empty()) {
    auto budget = AccuracyBudget::parse(options.accuracyBudget);
    if (!budget)
      return emitError(loc) << llvm::toString(budget.takeError()), failure();
    inputs.accuracy = *budget;
  }
  if (!options.latencyBudget.empty()) {
    auto budget = parseMilliseconds(options.latencyBudget);
    if (!budget)
      return emitError(loc) << llvm::toString(budget.takeError()), failure();
    inputs.latencyMs = *budget;
  }
  bool isTop1 =
      inputs.accuracy && inputs.accuracy->kind == AccuracyBudget::Top1;
  if (isTop1 && (options.labels.empty() || options.validationData.empty()))
    return emitError(loc) << "--accuracy-budget=" << options.accuracyBudget
                          << " needs samples with their classes: "
                             "--validation-data=PATH and --labels=FILE",
           failure();
  if (!options.labels.empty() && options.validationData.empty())
    return emitError(loc) << "--labels are the classes of --validation-data, "
                             "which is not given",
           failure();
  if (options.calibrationData.empty() && options.validationData.empty())
    return emitError(loc)
               << "--precision=auto measures on samples: give them with "
                  "--calibration-data=PATH, or beside --calibration=FILE with "
                  "--validation-data=PATH",
           failure();
  for (auto [path, set] :
       {std::make_pair(&options.calibrationData, &inputs.samples),
        std::make_pair(&options.validationData, &inputs.validation)}) {
    if (path->empty())
      continue;
    auto opened = openSamples(module, *path);
    if (failed(opened))
      return failure();
    *set = std::move(*opened);
  }
  if (!inputs.samples)
    inputs.samples = std::move(inputs.validation);
  if (!options.labels.empty()) {
    int64_t count =
        inputs.validation ? inputs.validation->size() : inputs.samples->size();
    auto labels =
        readLabels(loc, options.labels, options.validationData, count);
    if (failed(labels))
      return failure();
    inputs.labels = std::move(*labels);
  }
  return inputs;
}

namespace {

/// An assignment that was compiled.
struct Candidate {
  std::string name;
  Assignment assignment;
  std::unique_ptr<ModelRunner> runner;
  Accuracy accuracy;
  double predictedMs = 0, measuredMs = NAN, gap = 0;
  double getMs() const {
    return std::isnan(measuredMs) ? predictedMs : measuredMs;
  }
};

class Searcher {
public:
  Searcher(ModuleOp module, SearchInputs &inputs, const CompileOptions &options)
      : module(module), inputs(inputs), options(options),
        loc(UnknownLoc::get(module.getContext())) {}
  FailureOr<SearchResult> run();

private:
  LogicalResult findCandidates();
  LogicalResult findCosts();
  void dropUseless();
  FailureOr<Candidate *> evaluate(StringRef name, const Assignment &assignment,
                                  double gap);
  LogicalResult searchAccuracy();
  LogicalResult searchLatency();
  LogicalResult addUniforms();
  LogicalResult measure(ArrayRef<Candidate *> candidates);
  LogicalResult choose();
  void write();
  SearchResult report();
  AccuracyBudget getBudget() const {
    return inputs.accuracy.value_or(AccuracyBudget());
  }
  bool isThisMachine() const { return options.latencyTable.empty(); }

  ModuleOp module;
  SearchInputs &inputs;
  const CompileOptions &options;
  Location loc;
  SearchGraph graph;
  /// From the most exact to the least; the first is f32.
  SmallVector<Precision> precisions;
  /// The best that each precision alone gives: what is granted where all groups
  /// ask for it.
  std::map<Precision, Assignment> uniforms;
  std::optional<Judge> judge;
  std::vector<std::unique_ptr<Candidate>> candidates;
  Candidate *best = nullptr;
  std::string latencies;
};

} // namespace

/// What is granted to each group when all ask for one precision. A
/// configuration leaves some groups one candidate only.
LogicalResult Searcher::findCandidates() {
  graph = SearchGraph::build(module);
  for (const std::string &name : listPrecisions(module, /*hasRanges=*/true))
    precisions.push_back(*symbolizePrecision(name));
  for (Precision precision : precisions) {
    OwningOpRef<ModuleOp> copy = module.clone();
    PassManager pm(copy->getContext(), ModuleOp::getOperationName());
    AssignPrecisionOptions assign;
    assign.precision = stringifyPrecision(precision).str();
    assign.config = options.precisionConfig;
    pm.addPass(createAssignPrecision(assign));
    if (failed(pm.run(*copy)))
      return failure();
    Assignment &uniform = uniforms[precision];
    auto main = copy->lookupSymbol<func::FuncOp>("main");
    for (auto [group, op] : llvm::zip(graph.groups, main.getOps<GroupOp>())) {
      Precision granted = op.getPrecision().value_or(Precision::F32);
      // Fewer bits of weights only cost accuracy elsewhere.
      if (isWeightOnly(precision) && granted == precision &&
          !isBoundByWeights(op))
        granted = uniforms[Precision::F32][uniform.size()];
      // What a configuration says of weights is a part of the precision.
      if (precision == Precision::F32 && isWeightOnly(granted))
        group.op->setDiscardableAttrs(op->getDiscardableAttrDictionary());
      uniform.push_back(granted);
      if (!group.mayBe(granted)) {
        group.candidates.push_back(granted);
        group.reasons[granted] = op.getReason().value_or("").str();
      }
    }
  }
  return success();
}

/// Times and noise.
LogicalResult Searcher::findCosts() {
  std::vector<std::string> names;
  for (Precision precision : precisions)
    names.push_back(stringifyPrecision(precision).str());
  auto costs = measureLatencies(module, names, options);
  if (failed(costs))
    return failure();
  graph.overhead = costs->overhead_ms;
  latencies = costs->table.str();
  for (SearchGraph::Group &group : graph.groups) {
    for (Precision precision : group.candidates) {
      double ms = costs->group(group.name, stringifyPrecision(precision));
      if (!std::isnan(ms))
        group.ms[precision] = ms;
    }
    // What nobody could measure is no candidate.
    if (group.candidates.size() > 1)
      llvm::erase_if(group.candidates, [&](Precision precision) {
        return precision != group.candidates.front() &&
               !group.ms.count(precision);
      });
  }
  for (SearchGraph::Value &value : graph.values)
    for (Precision from : precisions)
      for (Precision to : precisions)
        if (from != to)
          if (double ms = costs->conversion(
                  value.name, stringifyPrecision(from), stringifyPrecision(to));
              !std::isnan(ms) && ms > 0)
            value.conversions[{from, to}] = ms;
  dropUseless();
  return measureSensitivity(graph, module, *inputs.samples, options);
}

/// Narrow floats, narrow weights and long integers that make no group
/// noticeably faster are not worth measuring: less exact, and nothing gained.
void Searcher::dropUseless() {
  double total = 0;
  for (const SearchGraph::Group &group : graph.groups)
    if (auto it = group.ms.find(Precision::F32); it != group.ms.end())
      total += it->second;
  for (Precision precision : {Precision::F16, Precision::BF16, Precision::W8,
                              Precision::W4, Precision::INT16}) {
    double gain = 0;
    for (const SearchGraph::Group &group : graph.groups) {
      auto narrow = group.ms.find(precision),
           wide = group.ms.find(Precision::F32);
      if (narrow != group.ms.end() && wide != group.ms.end())
        gain += std::max(0.0, wide->second - narrow->second);
    }
    if (gain > 0.02 * total)
      continue;
    for (SearchGraph::Group &group : graph.groups)
      if (group.candidates.size() > 1)
        llvm::erase(group.candidates, precision);
  }
}

/// Compiles an assignment and runs it on the validation samples, once.
FailureOr<Candidate *>
Searcher::evaluate(StringRef name, const Assignment &assignment, double gap) {
  for (auto &known : candidates)
    if (known->assignment == assignment)
      return known.get();
  OwningOpRef<ModuleOp> copy = module.clone();
  auto main = copy->lookupSymbol<func::FuncOp>("main");
  for (auto [op, precision] : llvm::zip(main.getOps<GroupOp>(), assignment))
    op.setPrecision(precision);
  auto runner = ModelRunner::create(*copy, options.library, Phase::Annotated,
                                    /*threads=*/1);
  if (failed(runner))
    return failure();
  auto candidate = std::make_unique<Candidate>();
  candidate->name = name.str();
  candidate->assignment = assignment;
  candidate->gap = gap;
  candidate->predictedMs = graph.predict(assignment).ms;
  candidate->runner = std::move(*runner);
  if (!judge) { // the first is f32
    SampleSet &samples =
        inputs.validation ? *inputs.validation : *inputs.samples;
    bool isTop1 = getBudget().kind == AccuracyBudget::Top1;
    auto made =
        Judge::create(getBudget(), *candidate->runner, samples, inputs.labels,
                      isTop1 ? samples.size() : kValidationSamples);
    if (failed(made))
      return failure();
    judge = std::move(*made);
  }
  auto accuracy = judge->judge(*candidate->runner);
  if (failed(accuracy))
    return failure();
  candidate->accuracy = *accuracy;
  candidates.push_back(std::move(candidate));
  return candidates.back().get();
}

/// The fastest assignment that meets the accuracy budget: the program's budget
/// of noise, in dB, moves until what it gives just meets it.
LogicalResult Searcher::searchAccuracy() {
  AccuracyBudget budget = getBudget();
  auto unbounded = graph.findFastest(1e6);
  if (!unbounded)
    return emitError(loc) << "the search found no assignment of precisions";
  double noise = budget.getFirstNoise();
  std::optional<double> fails, holds;
  for (int round = 0; round < 9; ++round) {
    auto choice = graph.findFastest(std::pow(10, -noise / 10));
    if (!choice)
      return emitError(loc) << "the search found no assignment of precisions";
    auto tried =
        evaluate(formatted(noise, "%.1f dB"), choice->assignment, choice->gap);
    if (failed(tried))
      return failure();
    const Accuracy &accuracy = (*tried)->accuracy;
    (accuracy.isMet ? holds : fails) = noise;
    if (accuracy.isMet && (!best || (*tried)->predictedMs <= best->predictedMs))
      best = *tried;
    if (accuracy.isMet && choice->assignment == unbounded->assignment)
      break; // nothing is faster
    // By how much the budget is missed or exceeded, in dB.
    double step = accuracy.isMet ? -4 : 4;
    if (budget.kind == AccuracyBudget::SQNR)
      step = budget.amount - accuracy.safeFigure;
    else if (budget.kind == AccuracyBudget::Cosine)
      step = 10 * std::log10(std::max(1e-12, 1 - accuracy.safeFigure) /
                             (1 - budget.amount));
    step = std::clamp(step, -12.0, 12.0);
    if (accuracy.isMet && std::abs(step) < 0.4)
      break;
    double next = noise + step + (step > 0 ? 0.3 : 0.1);
    if (holds && fails) {
      if (*holds - *fails < 0.5)
        break;
      if (next <= *fails || next >= *holds ||
          budget.kind == AccuracyBudget::Top1)
        next = (*holds + *fails) / 2;
    }
    noise = next;
  }
  return success();
}

/// The most accurate assignment within the latency budget.
LogicalResult Searcher::searchLatency() {
  double budget = *inputs.latencyMs;
  auto infeasible = [&](double reachable) -> LogicalResult {
    return emitError(loc) << "--latency-budget=" << options.latencyBudget
                          << ": no assignment of precisions meets this budget; "
                             "the fastest takes "
                          << formatted(reachable, "%.4g ms")
                          << " on one thread";
  };
  auto fastest = graph.findFastest(1e6);
  if (!fastest)
    return emitError(loc) << "the search found no assignment of precisions";
  double least = graph.predict(fastest->assignment).ms;
  if (least > budget * 1.5)
    return infeasible(least);
  // What the table promises is corrected by what the whole takes.
  double factor = 1;
  for (int round = 0; round < 6; ++round) {
    auto choice = graph.findMostAccurate(budget * factor);
    if (!choice) {
      choice = fastest;
      round = 6; // the last try
    }
    auto tried = evaluate(formatted(budget * factor, "%.4g ms"),
                          choice->assignment, choice->gap);
    if (failed(tried) || failed(measure(*tried)))
      return failure();
    if ((*tried)->getMs() <= budget) {
      best = *tried;
      break;
    }
    factor *= 0.98 * budget / (*tried)->getMs();
  }
  if (!best) {
    for (auto &candidate : candidates)
      if (!std::isnan(candidate->measuredMs))
        least = std::min(least, candidate->measuredMs);
    return infeasible(std::max(least, budget));
  }
  return success();
}

/// Uniform precisions compete: a search that loses to one of them takes it.
/// Nobody picked them for the figures of these samples, so that a margin of one
/// standard error is enough.
LogicalResult Searcher::addUniforms() {
  for (Precision precision : precisions) {
    const Assignment &uniform = uniforms[precision];
    if (graph.predict(uniform).ms > 1.25 * best->predictedMs)
      continue;
    auto tried = evaluate(stringifyPrecision(precision), uniform, 0);
    if (failed(tried))
      return failure();
    Accuracy &accuracy = (*tried)->accuracy;
    accuracy.isMet = getBudget().isMetBy(accuracy.getFigure(1));
  }
  return success();
}

/// Times on one thread, in turns.
LogicalResult Searcher::measure(ArrayRef<Candidate *> measured) {
  if (!isThisMachine())
    return success();
  using Clock = std::chrono::steady_clock;
  auto elapsed = [](Clock::time_point start) {
    return std::chrono::duration<double, std::milli>(Clock::now() - start)
        .count();
  };
  std::vector<Tensor> sample;
  std::string error;
  if (!inputs.samples->read(0, sample, error))
    return emitError(loc) << error;
  std::vector<std::vector<double>> times(measured.size());
  for (int round = 0; round < kRounds; ++round)
    for (auto [index, candidate] : llvm::enumerate(measured)) {
      auto start = Clock::now();
      if (failed(candidate->runner->run(sample))) // warms up, too
        return failure();
      // About 30 ms a round.
      int calls = std::clamp<int>(30 / std::max(1e-3, elapsed(start)), 3, 400);
      std::vector<double> single;
      for (int call = 0; call < calls; ++call) {
        start = Clock::now();
        if (failed(candidate->runner->run(sample)))
          return failure();
        single.push_back(elapsed(start));
      }
      llvm::sort(single);
      times[index].push_back(single[single.size() / 2]);
      options.progress("timing assignments",
                       round * measured.size() + index + 1,
                       kRounds * measured.size());
    }
  for (auto [candidate, list] : llvm::zip(measured, times)) {
    llvm::sort(list);
    candidate->measuredMs = list[list.size() / 2];
  }
  return success();
}

/// Of what meets the budget the fastest, as measured whole.
LogicalResult Searcher::choose() {
  if (failed(addUniforms()))
    return failure();
  SmallVector<Candidate *> met;
  for (auto &candidate : candidates)
    if (candidate->accuracy.isMet &&
        candidate->predictedMs <= 1.15 * best->predictedMs)
      met.push_back(candidate.get());
  if (failed(measure(met)))
    return failure();
  Candidate *fastest = best;
  for (Candidate *candidate : met)
    if (candidate->getMs() < fastest->getMs() * (fastest == best ? 0.99 : 1))
      fastest = candidate;
  if (fastest != best) { // how far it is from what the program proved
    double bound = best->predictedMs * (1 - best->gap);
    fastest->gap = fastest->predictedMs > 0
                       ? std::max(0.0, 1 - bound / fastest->predictedMs)
                       : 0;
  }
  best = fastest;
  if (inputs.latencyMs && best->getMs() > *inputs.latencyMs)
    return emitError(loc) << "--latency-budget=" << options.latencyBudget
                          << " and --accuracy-budget=" << options.accuracyBudget
                          << ": no assignment of precisions meets this budget; "
                             "the fastest that is accurate enough takes "
                          << formatted(best->getMs(), "%.4g ms")
                          << " on one thread";
  return success();
}

/// The precisions, with what each gained, or why a lower one was refused.
void Searcher::write() {
  SearchCost chosen = graph.predict(best->assignment);
  for (size_t index = 0; index < graph.groups.size(); ++index) {
    SearchGraph::Group &group = graph.groups[index];
    Precision precision = best->assignment[index];
    std::string reason = group.reasons[precision], refusal;
    if (group.candidates.size() > 1) {
      auto ms = [&](Precision p) {
        auto it = group.ms.find(p);
        return it == group.ms.end() ? std::string("unknown")
                                    : formatted(it->second, "%.4f ms");
      };
      reason = "search: " + ms(precision);
      if (precision != group.candidates.front())
        reason += ", " + stringifyPrecision(group.candidates.front()).str() +
                  " takes " + ms(group.candidates.front());
      // The lowest candidate that was not taken: slower as a whole, or too
      // inexact.
      Precision lowest = group.candidates.back();
      if (precision != lowest) {
        Assignment other = best->assignment;
        other[index] = lowest;
        SearchCost cost = graph.predict(other);
        std::string name = stringifyPrecision(lowest).str();
        if (cost.ms >= chosen.ms)
          refusal = name + " refused: the whole would be " +
                    formatted(cost.ms - chosen.ms, "%.4f ms") +
                    " slower, conversions included";
        else
          refusal = name + " refused: noise at the outputs would be " +
                    formatted(toDecibels(cost.worstNoise()), "%.1f dB") +
                    " instead of " +
                    formatted(toDecibels(chosen.worstNoise()), "%.1f dB") +
                    " below the signal";
        reason += "; " + refusal;
      }
    }
    group.op.setPrecision(precision);
    group.op.setReason(StringRef(reason));
    std::string text = "group '" + group.name +
                       "': " + stringifyPrecision(precision).str() + " (" +
                       reason + ")";
    remark::RemarkOpts remarkOptions = remark::RemarkOpts::name("Precision")
                                           .category("precision")
                                           .function(group.name);
    if (refusal.empty())
      remark::passed(group.op.getLoc(), remarkOptions) << StringRef(text);
    else
      remark::missed(group.op.getLoc(), remarkOptions) << StringRef(text);
  }
}

SearchResult Searcher::report() {
  SearchResult result;
  result.accuracyBudget = inputs.accuracy    ? inputs.accuracy->str()
                          : inputs.latencyMs ? ""
                                             : getBudget().str();
  result.latencyBudget = options.latencyBudget;
  result.latencies = latencies;
  result.predictedLatencyMs = best->getMs();
  result.modelLatencyMs = best->predictedMs;
  result.optimalityGap = best->gap;
  result.sqnr = best->accuracy.sqnr;
  result.accuracy = best->accuracy.str;
  result.numSamples = judge->getNumSamples();
  for (auto &candidate : candidates) {
    SearchResult::Point point;
    point.name = candidate->name;
    point.latencyMs = candidate->getMs();
    point.sqnr = candidate->accuracy.sqnr;
    point.accuracy = candidate->accuracy.str;
    point.isMeasured = true;
    point.isMet = candidate->accuracy.isMet;
    point.isChosen = candidate.get() == best;
    result.pareto.push_back(std::move(point));
  }
  // The rest of the front, as the costs predict it.
  std::vector<Assignment> seen;
  for (auto &candidate : candidates)
    seen.push_back(candidate->assignment);
  for (double noise = 5; noise <= 50; noise += 5) {
    auto choice = graph.findFastest(std::pow(10, -noise / 10));
    if (!choice || llvm::is_contained(seen, choice->assignment))
      continue;
    seen.push_back(choice->assignment);
    SearchCost cost = graph.predict(choice->assignment);
    SearchResult::Point point;
    point.name = formatted(noise, "%.1f dB");
    point.latencyMs = cost.ms;
    point.sqnr = toDecibels(cost.worstNoise());
    result.pareto.push_back(std::move(point));
  }
  llvm::stable_sort(result.pareto, [](const auto &a, const auto &b) {
    return a.latencyMs < b.latencyMs;
  });
  for (const SearchGraph::Group &group : graph.groups)
    for (Precision precision : group.candidates) {
      SearchResult::Sensitivity entry;
      entry.group = group.name;
      entry.precision = stringifyPrecision(precision).str();
      auto ms = group.ms.find(precision);
      entry.latencyMs = ms == group.ms.end() ? NAN : ms->second;
      SearchCost cost;
      if (auto it = group.noise.find(precision); it != group.noise.end())
        cost.noise = it->second;
      double worst = cost.worstNoise();
      if (precision == Precision::INT8 && group.value) {
        cost.noise = graph.values[*group.value].storeNoise;
        worst = std::max(worst, cost.worstNoise());
        if (RangeAttr range = getRange(group.op->getResult(0))) {
          double step =
              chooseAsymmetricParams(range.getMin(), range.getMax(), 0, 255)
                  .scale;
          entry.uniformNoise = step * step / 12;
        }
      }
      entry.sqnr = toDecibels(worst);
      result.sensitivities.push_back(std::move(entry));
    }
  return result;
}

FailureOr<SearchResult> Searcher::run() {
  if (failed(findCandidates()) || failed(findCosts()))
    return failure();
  auto exact = evaluate("f32", uniforms[Precision::F32], 0);
  if (failed(exact))
    return failure();
  if (inputs.accuracy || !inputs.latencyMs) {
    if (failed(searchAccuracy()))
      return failure();
    if (!best)
      best = *exact;
    if (failed(choose()))
      return failure();
  } else if (failed(searchLatency())) {
    return failure();
  }
  write();
  return report();
}

FailureOr<SearchResult> mpc::searchPrecisions(ModuleOp module,
                                              SearchInputs &inputs,
                                              const CompileOptions &options) {
  return Searcher(module, inputs, options).run();
}

//===----------------------------------------------------------------------===//
// JSON
//===----------------------------------------------------------------------===//

/// JSON has neither NaN nor infinities.
static llvm::json::Value toNumber(double value) {
  return std::isfinite(value) ? llvm::json::Value(value)
                              : llvm::json::Value(nullptr);
}
static llvm::json::Value toText(StringRef text) {
  return llvm::json::fixUTF8(text);
}

llvm::json::Value SearchResult::toJSON() const {
  llvm::json::Array points, rows;
  for (const Point &point : pareto)
    points.push_back(
        llvm::json::Object{{"name", point.name},
                           {"latency_ms", toNumber(point.latencyMs)},
                           {"sqnr_db", toNumber(point.sqnr)},
                           {"accuracy", point.accuracy},
                           {"measured", point.isMeasured},
                           {"met", point.isMet},
                           {"chosen", point.isChosen}});
  for (const Sensitivity &entry : sensitivities)
    rows.push_back(llvm::json::Object{{"group", toText(entry.group)},
                                      {"precision", entry.precision},
                                      {"latency_ms", toNumber(entry.latencyMs)},
                                      {"sqnr_db", toNumber(entry.sqnr)},
                                      {"uniform_noise", entry.uniformNoise}});
  return llvm::json::Object{
      {"accuracy_budget", accuracyBudget},
      {"latency_budget", latencyBudget},
      {"predicted_latency_ms", toNumber(predictedLatencyMs)},
      {"model_latency_ms", toNumber(modelLatencyMs)},
      {"optimality_gap", toNumber(optimalityGap)},
      {"sqnr_db", toNumber(sqnr)},
      {"accuracy", accuracy},
      {"samples", numSamples},
      {"latencies", toText(latencies)},
      {"pareto", std::move(points)},
      {"sensitivities", std::move(rows)}};
}

std::optional<SearchResult>
SearchResult::fromJSON(const llvm::json::Value &value) {
  const llvm::json::Object *object = value.getAsObject();
  if (!object)
    return std::nullopt;
  auto number = [](const llvm::json::Object &from, StringRef key,
                   double otherwise) {
    return from.getNumber(key).value_or(otherwise);
  };
  auto text = [](const llvm::json::Object &from, StringRef key) {
    return from.getString(key).value_or("").str();
  };
  SearchResult result;
  result.accuracyBudget = text(*object, "accuracy_budget");
  result.latencyBudget = text(*object, "latency_budget");
  result.predictedLatencyMs = number(*object, "predicted_latency_ms", NAN);
  result.modelLatencyMs = number(*object, "model_latency_ms", NAN);
  result.optimalityGap = number(*object, "optimality_gap", NAN);
  result.sqnr = number(*object, "sqnr_db", INFINITY);
  result.accuracy = text(*object, "accuracy");
  result.numSamples = object->getInteger("samples").value_or(0);
  result.latencies = text(*object, "latencies");
  auto forEach = [&](StringRef key,
                     function_ref<void(const llvm::json::Object &)> read) {
    if (const llvm::json::Array *array = object->getArray(key))
      for (const llvm::json::Value &item : *array)
        if (const llvm::json::Object *entry = item.getAsObject())
          read(*entry);
  };
  forEach("pareto", [&](const llvm::json::Object &entry) {
    Point point;
    point.name = text(entry, "name");
    point.latencyMs = number(entry, "latency_ms", NAN);
    point.sqnr = number(entry, "sqnr_db", INFINITY);
    point.accuracy = text(entry, "accuracy");
    point.isMeasured = entry.getBoolean("measured").value_or(false);
    point.isMet = entry.getBoolean("met").value_or(false);
    point.isChosen = entry.getBoolean("chosen").value_or(false);
    result.pareto.push_back(std::move(point));
  });
  forEach("sensitivities", [&](const llvm::json::Object &entry) {
    Sensitivity row;
    row.group = text(entry, "group");
    row.precision = text(entry, "precision");
    row.latencyMs = number(entry, "latency_ms", NAN);
    row.sqnr = number(entry, "sqnr_db", INFINITY);
    row.uniformNoise = number(entry, "uniform_noise", 0);
    result.sensitivities.push_back(std::move(row));
  });
  return result;
}
