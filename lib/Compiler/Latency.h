//===- Latency.h - what groups cost on the compiler's own kernels *- C++
//-*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A model is compiled once per candidate precision, every group in that
// precision where it can be; the builds run in turns on one thread, and the
// time of each group is taken where it occurs, with the caches as its
// neighbours leave them. The numbers form a table (LatencyTable), keyed by what
// is computed and not by the model, which is measured in this process, or on
// another machine by `mpc-run kit.so --measure`.
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_COMPILER_LATENCY_H
#define MPC_LIB_COMPILER_LATENCY_H

#include "mlir/IR/BuiltinOps.h"
#include "mpc/Compiler/Compiler.h"
#include "mpc/Dialect/MPC/Precisions.h"
#include "mpc/Support/LatencyTable.h"
#include "llvm/ADT/StringMap.h"
#include <map>

namespace mpc {
struct Report;

/// Times of the groups and values of one model, in milliseconds of one call on
/// one thread.
struct LatencyCosts {
  /// Of a call, beside its groups.
  double overhead_ms = 0;
  /// Of the group `name` in `precision` ("f32", "f16", "bf16", "w8", "w4",
  /// "int16", "int8"); NaN where it cannot be computed in it.
  double group(llvm::StringRef name, llvm::StringRef precision) const;
  /// Of storing a value (the name under which calibration tables know it: a
  /// group's result or an input) again in another element type, `from` and `to`
  /// being f32, f16, bf16, int16 or int8; 0 where they are equal, NaN for a
  /// value that the model does not have.
  double conversion(llvm::StringRef value, llvm::StringRef from,
                    llvm::StringRef to) const;

  struct Value {
    int64_t elements = 0;
    /// Times of conversions that the table has for this very shape, by
    /// "from->to".
    llvm::StringMap<double> measured;
  };
  std::map<std::pair<std::string, std::string>, double>
      groups; // by name and precision
  llvm::StringMap<Value> values;
  /// For all other values: times by number of elements, ascending, by
  /// "from->to".
  llvm::StringMap<std::vector<std::pair<double, double>>> conversions;
  /// What everything above was read from, for a file of decisions.
  LatencyTable table;
};

/// The precisions of a search and of its kits, from the most exact to the
/// least: w8 and w4 only where a group is bound by its weights, int16 and int8
/// where the module has ranges.
std::vector<std::string> listPrecisions(mlir::ModuleOp grouped, bool hasRanges);

/// Whether a group may be faster with weights of fewer bits, as reading them is
/// what it does: many constant weights of a contraction, each of which serves a
/// few positions only.
bool isBoundByWeights(GroupOp group);

/// The costs of every group of a module (of the phase `grouped`, with ranges
/// where int8 is a candidate) in every one of `precisions`, and of the
/// conversions between them. They are read from `options.latencyTable` where
/// that is given: what is missing in it is measured where the table was made
/// for the instruction set of this machine, and otherwise is an error that
/// lists it. Without a table all of it is measured.
mlir::FailureOr<LatencyCosts>
measureLatencies(mlir::ModuleOp grouped, llvm::ArrayRef<std::string> precisions,
                 const CompileOptions &options);

/// Measures the groups and conversions of an annotated module as they are and
/// writes their times into the report, and the sum as the predicted latency
/// where no search has given one. Does nothing without `--report`, and where
/// the target is not this machine: it runs none of the instruction sets, or the
/// latencies come from a table.
mlir::LogicalResult addLatencies(mlir::ModuleOp annotated,
                                 const CompileOptions &options, Report &report);

/// Writes the library of `--emit=bench-kit` to `options.library.output`: an
/// entry point per precision, and one for conversions.
mlir::LogicalResult emitBenchKit(mlir::ModuleOp grouped,
                                 llvm::ArrayRef<std::string> precisions,
                                 const CompileOptions &options);

/// The instruction set that a library for `marches` would choose on this
/// machine; empty where it would not run.
mlir::FailureOr<std::string> chooseHere(mlir::Location loc,
                                        llvm::ArrayRef<std::string> marches);

/// Loads the library of a kit and measures it in this process; `what` names the
/// work in errors and where progress is shown.
mlir::FailureOr<LatencyTable>
runBenchKit(mlir::Location loc, const LibraryFiles &files, llvm::StringRef isa,
            const CompileOptions &options, const char *what);

} // namespace mpc

#endif // MPC_LIB_COMPILER_LATENCY_H
