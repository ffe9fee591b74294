//===- SearchGraph.cpp - what an assignment of precisions costs -----------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SearchGraph.h"
#include "Solver.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mpc/Transforms/Poles.h"
#include "mpc/Transforms/Ranges.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace mpc;

double SearchCost::worstNoise() const {
  double worst = 0;
  for (double share : noise)
    worst = std::max(worst, share);
  return worst;
}

SearchGraph SearchGraph::build(ModuleOp module) {
  SearchGraph graph;
  auto main = module.lookupSymbol<func::FuncOp>("main");
  DenseMap<mlir::Value, unsigned> indices;
  auto addValue = [&](mlir::Value value, std::string name) -> unsigned {
    graph.values.emplace_back();
    graph.values.back().name = std::move(name);
    return indices[value] = graph.values.size() - 1;
  };
  auto isFloat = [](mlir::Value value) {
    return isArithmeticFloat(getElementTypeOrSelf(value));
  };
  for (BlockArgument argument : main.getArguments())
    if (isFloat(argument))
      addValue(argument, getArgumentName(main, argument.getArgNumber()));
  for (auto op : main.getOps<GroupOp>()) {
    Group group;
    group.name = op.getName().str();
    group.op = op;
    Operation *root = op.getRoot();
    auto quantizable = dyn_cast<QuantizableOpInterface>(root);
    group.role = quantizable ? quantizable.getQuantRole() : QuantRole::Float;
    group.isElementwise = isa<ElementwiseOpInterface>(root);
    group.isSole = llvm::hasNItems(op.getBlock().without_terminator(), 1);
    unsigned index = graph.groups.size();
    OpOperand *bias = quantizable ? quantizable.getBiasOperand() : nullptr;
    for (auto [argument, input] :
         llvm::zip(op.getBlock().getArguments(), op.getInputs())) {
      auto found = indices.find(throughReshapes(input));
      if (found == indices.end())
        continue; // a constant, integers, what a loop gives
      bool isOperand = llvm::any_of(argument.getUses(), [&](OpOperand &use) {
        return use.getOwner() == root && &use != bias;
      });
      group.uses.push_back({found->second, isOperand && !group.isElementwise});
      auto &readers = graph.values[found->second].readers;
      if (!llvm::is_contained(readers, index))
        readers.push_back(index);
    }
    if (op->getNumResults() == 1 && isFloat(op->getResult(0))) {
      group.value = addValue(op->getResult(0), group.name);
      Value &value = graph.values.back();
      value.writer = index;
      for (Precision precision : {Precision::INT8, Precision::INT16})
        if (storesSumsNearPole(op, op->getResult(0), precision))
          value.notStored.push_back(precision);
    }
    graph.groups.push_back(std::move(group));
  }
  // What is read by anything but groups keeps the model's own type.
  for (auto [value, index] : indices) {
    SmallVector<mlir::Value> views = {value};
    while (!views.empty())
      for (Operation *user : views.pop_back_val().getUsers()) {
        if (auto reshape = dyn_cast<ReshapeOp>(user))
          views.push_back(reshape.getResult());
        else if (!isa<GroupOp>(user) || user->getParentOp() != main)
          graph.values[index].isReadOutside = true;
      }
  }
  return graph;
}

/// The type of activations.
static Precision getActivations(Precision precision) {
  return isWeightOnly(precision) ? Precision::F32 : precision;
}

std::optional<Precision> SearchGraph::getNeed(const Group &group,
                                              const Use &use,
                                              Precision precision) const {
  if (!use.isOperand)
    return std::nullopt;
  switch (group.role) {
  case QuantRole::Contraction:
    return getActivations(precision);
  case QuantRole::Passthrough:
    return group.isSole ? precision : Precision::F32;
  case QuantRole::Average:
    return isInteger(precision) && group.isSole ? precision : Precision::F32;
  default:
    return Precision::F32;
  }
}

Precision SearchGraph::getStorage(const Value &value,
                                  const Assignment &assignment) const {
  if (!value.writer || value.isOnlyReturned())
    return Precision::F32;
  Precision own = assignment[*value.writer];
  if (!isInteger(own))
    return getActivations(own);
  if (!value.mayBeStored(own))
    return Precision::F32;
  bool isRead = llvm::any_of(value.readers, [&](unsigned reader) {
    return isInteger(assignment[reader]);
  });
  return isRead ? own : Precision::F32;
}

SearchCost SearchGraph::predict(const Assignment &assignment) const {
  SearchCost cost;
  cost.ms = overhead;
  cost.noise.assign(numOutputs, 0.0);
  auto addNoise = [&](const std::vector<double> &noise) {
    for (size_t o = 0; o < noise.size(); ++o)
      cost.noise[o] += noise[o];
  };
  for (auto [group, precision] : llvm::zip(groups, assignment)) {
    if (auto it = group.ms.find(precision); it != group.ms.end())
      cost.ms += it->second;
    if (auto it = group.noise.find(precision); it != group.noise.end())
      addNoise(it->second);
  }
  for (auto [index, value] : llvm::enumerate(values)) {
    Precision storage = getStorage(value, assignment);
    llvm::SetVector<Precision> needs;
    bool isRounded = false;
    for (unsigned reader : value.readers)
      for (const Use &use : groups[reader].uses) {
        if (use.value != index)
          continue;
        auto need = getNeed(groups[reader], use, assignment[reader]);
        if (need && *need != storage)
          needs.insert(*need);
        // What a contraction loses by reading integers is counted there.
        bool isCounted = need == Precision::INT8 &&
                         groups[reader].role == QuantRole::Contraction;
        isRounded |= (storage == Precision::INT8 || need == Precision::INT8) &&
                     !isCounted;
      }
    if (value.isReadOutside && storage != Precision::F32) {
      needs.insert(Precision::F32);
      isRounded |= storage == Precision::INT8;
    }
    for (Precision need : needs)
      if (auto it = value.conversions.find({storage, need});
          it != value.conversions.end())
        cost.ms += it->second;
    if (isRounded)
      addNoise(value.storeNoise);
  }
  return cost;
}

std::optional<SearchGraph::Choice>
SearchGraph::findFastest(double noise) const {
  return solve(noise, std::nullopt);
}
std::optional<SearchGraph::Choice>
SearchGraph::findMostAccurate(double ms) const {
  return solve(std::nullopt, ms);
}

namespace {
/// A sum of variables and a constant.
struct Sum {
  std::vector<IntegerProgram::Term> terms;
  double constant = 0;
  void add(unsigned variable, double factor = 1) {
    terms.push_back({variable, factor});
  }
  void add(const Sum &other, double factor = 1) {
    for (auto [variable, f] : other.terms)
      terms.push_back({variable, f * factor});
    constant += other.constant * factor;
  }
};
} // namespace

std::optional<SearchGraph::Choice>
SearchGraph::solve(std::optional<double> noiseBudget,
                   std::optional<double> msBudget) const {
  IntegerProgram program;
  constexpr double inf = std::numeric_limits<double>::infinity();
  auto atLeast = [&](unsigned variable, const Sum &sum) { // variable >= sum
    std::vector<IntegerProgram::Term> terms = {{variable, 1.0}};
    for (auto [other, factor] : sum.terms)
      terms.push_back({other, -factor});
    program.addRow(sum.constant, inf, terms);
  };
  auto atMost = [&](unsigned variable, const Sum &sum) {
    std::vector<IntegerProgram::Term> terms = {{variable, 1.0}};
    for (auto [other, factor] : sum.terms)
      terms.push_back({other, -factor});
    program.addRow(-inf, sum.constant, terms);
  };
  // The objective in units in which it is about 1, so that the solver's
  // tolerances mean something.
  double unit = overhead;
  for (const Group &group : groups) {
    double most = 0;
    for (auto [precision, ms] : group.ms)
      most = std::max(most, ms);
    unit += most;
  }
  unit = unit > 0 ? unit : 1;
  double noiseUnit = 0;
  if (msBudget)
    for (const Group &group : groups)
      for (auto &[precision, noise] : group.noise)
        noiseUnit = std::max(noiseUnit, *llvm::max_element(noise));
  noiseUnit = noiseUnit > 0 ? noiseUnit : 1;
  auto costOf = [&](double ms, llvm::ArrayRef<double> noise) {
    if (!msBudget)
      return ms / unit;
    double sum = 0;
    for (double share : noise)
      sum += share;
    // Among equally exact assignments the fastest.
    return sum / noiseUnit + 1e-6 * ms / unit;
  };
  Sum latency;
  std::vector<Sum> noises(numOutputs);
  auto count = [&](unsigned variable, double ms, llvm::ArrayRef<double> noise) {
    if (ms != 0)
      latency.add(variable, ms / unit);
    for (size_t o = 0; o < noise.size(); ++o)
      if (noise[o] > 0)
        noises[o].add(variable, noise[o]);
  };

  // x[g][p]: group g has precision p.
  std::vector<std::map<Precision, unsigned>> x(groups.size());
  for (auto [g, group] : llvm::enumerate(groups)) {
    std::vector<IntegerProgram::Term> one;
    for (Precision precision : group.candidates) {
      auto ms = group.ms.find(precision);
      auto noise = group.noise.find(precision);
      double time = ms == group.ms.end() ? 0 : ms->second;
      llvm::ArrayRef<double> loss = noise == group.noise.end()
                                        ? llvm::ArrayRef<double>()
                                        : llvm::ArrayRef<double>(noise->second);
      unsigned variable = x[g][precision] =
          program.addBinary(costOf(time, loss));
      count(variable, time, loss);
      one.push_back({variable, 1.0});
    }
    program.addRow(1, 1, one);
  }
  auto isIn = [&](unsigned group, Precision precision) {
    Sum sum;
    if (auto it = x[group].find(precision); it != x[group].end())
      sum.add(it->second);
    return sum;
  };
  for (unsigned v = 0; v < values.size(); ++v) {
    const Value &value = values[v];
    // How the value is stored, a sum that is 1 for one type.
    std::map<Precision, Sum> storage;
    bool isFree = value.writer && !value.isOnlyReturned();
    if (!isFree) {
      storage[Precision::F32].constant = 1;
    } else {
      unsigned writer = *value.writer;
      for (auto [precision, variable] : x[writer]) {
        if (!isInteger(precision)) {
          storage[getActivations(precision)].add(variable);
          continue;
        }
        if (!value.mayBeStored(precision)) { // of a contraction
          storage[Precision::F32].add(variable);
          continue;
        }
        unsigned stored = program.addShare(0);
        Sum readers;
        for (unsigned reader : value.readers) {
          Sum reads = isIn(reader, Precision::INT8);
          reads.add(isIn(reader, Precision::INT16));
          readers.add(reads);
          reads.add(variable);
          reads.constant -= 1;
          atLeast(stored, reads);
        }
        atMost(stored, isIn(writer, precision));
        atMost(stored, readers);
        const Group &group = groups[writer];
        if (group.role != QuantRole::Contraction && group.candidates.size() > 1)
          atMost(variable, readers);
        storage[precision].add(stored);
        storage[Precision::F32].add(variable);
        storage[Precision::F32].add(stored, -1);
      }
    }
    // Conversions, one per pair of types; and whether anything sees the value
    // rounded to integers.
    std::map<std::pair<Precision, Precision>, unsigned> converted;
    std::optional<unsigned> rounded;
    auto isRounded = [&](const Sum &condition) {
      if (value.storeNoise.empty())
        return;
      if (!rounded) {
        rounded = program.addShare(costOf(0, value.storeNoise));
        count(*rounded, 0, value.storeNoise);
      }
      atLeast(*rounded, condition);
    };
    auto convert = [&](Precision need, const Sum &condition) {
      for (auto &[type, isStored] : storage) {
        auto cost = value.conversions.find({type, need});
        if (type == need || cost == value.conversions.end() ||
            cost->second <= 0)
          continue;
        auto [it, isNew] = converted.try_emplace({type, need}, 0);
        if (isNew) {
          it->second = program.addShare(costOf(cost->second, {}));
          count(it->second, cost->second, {});
        }
        Sum both = condition;
        both.add(isStored);
        both.constant -= 1;
        atLeast(it->second, both);
      }
    };
    Sum always;
    always.constant = 1;
    for (unsigned reader : value.readers)
      for (const Use &use : groups[reader].uses) {
        if (use.value != v)
          continue;
        for (auto [precision, variable] : x[reader]) {
          auto need = getNeed(groups[reader], use, precision);
          Sum reads;
          reads.add(variable);
          if (need)
            convert(*need, reads);
          if (need == Precision::INT8 &&
              groups[reader].role == QuantRole::Contraction)
            continue;
          if (need == Precision::INT8) {
            isRounded(reads);
          } else if (storage.count(Precision::INT8)) {
            reads.add(storage[Precision::INT8]);
            reads.constant -= 1;
            isRounded(reads);
          }
        }
      }
    if (value.isReadOutside) {
      convert(Precision::F32, always);
      if (storage.count(Precision::INT8))
        isRounded(storage[Precision::INT8]);
    }
  }
  if (noiseBudget)
    for (Sum &noise : noises) {
      for (auto &[variable, factor] : noise.terms)
        factor /= *noiseBudget;
      if (!noise.terms.empty())
        program.addRow(-inf, 1, noise.terms);
    }
  if (msBudget)
    program.addRow(-inf, (*msBudget - overhead) / unit, latency.terms);

  auto solution = program.solve();
  if (!solution)
    return std::nullopt;
  Choice choice;
  for (const auto &variables : x) {
    auto best = variables.begin();
    for (auto it = variables.begin(); it != variables.end(); ++it)
      if (solution->values[it->second] > solution->values[best->second])
        best = it;
    choice.assignment.push_back(best->first);
  }
  double all = solution->objective + (msBudget ? 0 : overhead / unit);
  choice.gap =
      all > 0 ? std::max(0.0, (solution->objective - solution->bound) / all)
              : 0;
  return choice;
}
