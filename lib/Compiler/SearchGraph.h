//===- SearchGraph.h - what an assignment of precisions costs ---*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The groups of a model with what each costs in every precision that it may
// have: milliseconds, and noise at the outputs. An assignment costs the sum,
// and the conversions that mpc-insert-quantization puts where a value is stored
// in one type and read in another.
//
//   - a value is stored in the type of its group's precision; of a group of
//   integers as those where some group of integers reads it, else in f32; sums
//   of a contraction that are read near a pole (Poles.h) in f32
//   - a contraction reads the type of its precision, f32 where only its weights
//   are narrow; one that moves values or averages them in integers reads
//   integers; element-wise
//     operators read anything; all else reads f32
//   - a group that is not a contraction is one of integers only where another
//   one reads its result
//   - rounding to 16 bits is no noise
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_COMPILER_SEARCHGRAPH_H
#define MPC_LIB_COMPILER_SEARCHGRAPH_H

#include "mlir/IR/BuiltinOps.h"
#include "mpc/Dialect/MPC/Precisions.h"
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace mpc {

/// A precision per group, in the order of SearchGraph::groups.
using Assignment = std::vector<Precision>;

struct SearchCost {
  double ms = 0;
  /// Per output: power of the noise as a share of the signal's.
  std::vector<double> noise;
  double worstNoise() const;
};

struct SearchGraph {
  struct Use {
    unsigned value;
    bool isOperand; // of the root; others are converted on the way
  };
  struct Group {
    std::string name;
    GroupOp op;
    QuantRole role = QuantRole::Float;
    bool isElementwise = false, isSole = false;
    std::vector<Precision> candidates;
    std::map<Precision, std::string> reasons;
    std::map<Precision, double> ms;
    /// Noise per output of computing this group alone in a precision.
    std::map<Precision, std::vector<double>> noise;
    std::optional<unsigned> value; // what it stores
    std::vector<Use> uses;
    bool mayBe(Precision precision) const {
      return llvm::is_contained(candidates, precision);
    }
  };
  struct Value {
    std::string name;
    std::optional<unsigned> writer; // none: an input
    bool isReadOutside = false;     // by the caller, a loop or a branch
    std::vector<unsigned> readers;  // groups
    /// Integers in which its group is computed, but does not store it.
    std::vector<Precision> notStored;
    /// Noise per output of rounding this value alone to integers.
    std::vector<double> storeNoise;
    std::map<std::pair<Precision, Precision>, double> conversions;
    bool isOnlyReturned() const { return readers.empty(); }
    bool mayBeStored(Precision precision) const {
      return !llvm::is_contained(notStored, precision);
    }
  };
  std::vector<Group> groups;
  std::vector<Value> values;
  double overhead = 0;
  unsigned numOutputs = 0;

  /// The groups of @main, without candidates and costs.
  static SearchGraph build(mlir::ModuleOp module);

  SearchCost predict(const Assignment &assignment) const;

  struct Choice {
    Assignment assignment;
    double gap; // how far from the optimum at most, relative
  };
  /// The fastest assignment whose noise is at most `noise` of the signal at
  /// every output.
  std::optional<Choice> findFastest(double noise) const;
  /// The one of least noise that takes at most `ms`.
  std::optional<Choice> findMostAccurate(double ms) const;

  /// The type in which a use wants its value when its group has a precision, or
  /// nothing where it takes any.
  std::optional<Precision> getNeed(const Group &group, const Use &use,
                                   Precision precision) const;
  Precision getStorage(const Value &value, const Assignment &assignment) const;

private:
  std::optional<Choice> solve(std::optional<double> noise,
                              std::optional<double> ms) const;
};

} // namespace mpc

#endif // MPC_LIB_COMPILER_SEARCHGRAPH_H
