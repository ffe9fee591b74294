//===- Solver.cpp - integer linear programs -------------------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Solver.h"
#include <cmath>
#include <coin/Cbc_C_Interface.h>
#include <limits>
#include <memory>

using namespace mpc;

unsigned IntegerProgram::addBinary(double cost) {
  variables.push_back({cost, true});
  return variables.size() - 1;
}

unsigned IntegerProgram::addShare(double cost) {
  variables.push_back({cost, false});
  return variables.size() - 1;
}

void IntegerProgram::addRow(double low, double high,
                            llvm::ArrayRef<Term> terms) {
  // A variable that stands in a row twice has the sum of its factors.
  std::vector<Term> merged;
  for (Term term : terms) {
    bool isKnown = false;
    for (Term &other : merged)
      if (other.first == term.first) {
        other.second += term.second;
        isKnown = true;
      }
    if (!isKnown)
      merged.push_back(term);
  }
  rows.push_back({low, high, std::move(merged)});
}

std::optional<IntegerProgram::Solution> IntegerProgram::solve() const {
  std::unique_ptr<Cbc_Model, void (*)(Cbc_Model *)> model(Cbc_newModel(),
                                                          Cbc_deleteModel);
  constexpr double infinity = std::numeric_limits<double>::max();
  auto bounded = [&](double value) {
    return std::isfinite(value) ? value : std::copysign(infinity, value);
  };
  std::vector<CoinBigIndex> starts = {0};
  std::vector<int> indices;
  std::vector<double> factors, low, high, cost, least(variables.size(), 0),
      most(variables.size(), 1);
  // The interface takes columns.
  std::vector<std::vector<std::pair<int, double>>> columns(variables.size());
  for (size_t row = 0; row < rows.size(); ++row) {
    low.push_back(bounded(rows[row].low));
    high.push_back(bounded(rows[row].high));
    for (auto [variable, factor] : rows[row].terms)
      columns[variable].push_back({static_cast<int>(row), factor});
  }
  for (size_t i = 0; i < variables.size(); ++i) {
    for (auto [row, factor] : columns[i]) {
      indices.push_back(row);
      factors.push_back(factor);
    }
    starts.push_back(indices.size());
    cost.push_back(variables[i].cost);
  }
  Cbc_loadProblem(model.get(), variables.size(), rows.size(), starts.data(),
                  indices.data(), factors.data(), least.data(), most.data(),
                  cost.data(), low.data(), high.data());
  for (size_t i = 0; i < variables.size(); ++i)
    if (variables[i].isWhole)
      Cbc_setInteger(model.get(), i);
  Cbc_setObjSense(model.get(), 1);
  Cbc_setLogLevel(model.get(), 0);
  Cbc_setParameter(model.get(), "log", "0");
  Cbc_setParameter(model.get(), "ratioGap", "0.0001");
  Cbc_setParameter(model.get(), "maxNodes", "20000");
  Cbc_solve(model.get());
  const double *best = Cbc_bestSolution(model.get());
  if (!best || Cbc_isProvenInfeasible(model.get()))
    return std::nullopt;
  Solution solution;
  solution.values.assign(best, best + variables.size());
  solution.objective = Cbc_getObjValue(model.get());
  solution.bound =
      Cbc_isProvenOptimal(model.get())
          ? std::min(solution.objective,
                     std::max(Cbc_getBestPossibleObjValue(model.get()),
                              solution.objective * (1 - 1e-4)))
          : std::min(solution.objective,
                     Cbc_getBestPossibleObjValue(model.get()));
  return solution;
}
