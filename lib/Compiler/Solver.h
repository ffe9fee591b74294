//===- Solver.h - integer linear programs -----------------------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The border to COIN-OR CBC, a branch-and-cut solver. One thread and no clock:
// equal programs have equal solutions.
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_COMPILER_SOLVER_H
#define MPC_LIB_COMPILER_SOLVER_H

#include "llvm/ADT/ArrayRef.h"
#include <optional>
#include <utility>
#include <vector>

namespace mpc {

/// Minimise the sum of `cost * variable` where every row's sum lies between its
/// bounds.
class IntegerProgram {
public:
  using Term = std::pair<unsigned, double>;

  unsigned addBinary(double cost);
  /// A variable of [0, 1] that need not be whole.
  unsigned addShare(double cost);
  /// low <= the sum of the terms <= high; either may be infinite.
  void addRow(double low, double high, llvm::ArrayRef<Term> terms);

  struct Solution {
    std::vector<double> values;
    double objective, bound; // no solution is below `bound`
  };
  /// The best solution within a relative gap of 1e-4, or the best that 20,000
  /// nodes have found; nothing where there is none.
  std::optional<Solution> solve() const;

private:
  struct Variable {
    double cost;
    bool isWhole;
  };
  struct Row {
    double low, high;
    std::vector<Term> terms;
  };
  std::vector<Variable> variables;
  std::vector<Row> rows;
};

} // namespace mpc

#endif // MPC_LIB_COMPILER_SOLVER_H
