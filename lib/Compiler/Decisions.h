//===- Decisions.h - what was measured and chosen, as a file ----*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The file of --save-decisions and --decisions (docs/Search.md):
//
//   {"version": 1, "model_hash": "9f2c…", "precision": "auto", "integers":
//   {"rounding": "onnx", …},
//    "calibration": "…", "groups": [{"name": "conv1", "precision": "int8",
//    "reason": "…"}], "latencies": "…", "repairs": {}, "search": {…}}
//
// It holds all that a compilation has measured or chosen about precisions: with
// it the compiler measures nothing and gives the same bytes.
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_COMPILER_DECISIONS_H
#define MPC_LIB_COMPILER_DECISIONS_H

#include "Search.h"
#include "mlir/IR/BuiltinOps.h"
#include "mpc/Analysis/Calibration.h"
#include "mpc/Support/PrecisionConfig.h"
#include "llvm/Support/JSON.h"

namespace mpc {

struct Decisions {
  struct Group {
    std::string name, precision, reason;
    /// Whatever else the precision says (the format of weights), by attribute
    /// in MLIR's syntax.
    std::map<std::string, std::string> attributes;
  };
  std::string modelHash;
  std::string precision;   // as asked for on the command line
  std::string calibration; // the text of the table; empty: none
  std::vector<Group> groups;
  IntegerFormat integers; // with the defaults; empty in files of releases that
                          // did not save it
  bool fullyIntegral = false;
  /// What repairs have changed, in their own form.
  llvm::json::Value repairs = llvm::json::Object();
  std::optional<SearchResult> search;

  /// What stands on the groups of an annotated module.
  static Decisions gather(mlir::ModuleOp annotated,
                          const Calibration *calibration,
                          llvm::StringRef precision);
  /// Reads a file; an error that names it and what is wrong.
  static mlir::FailureOr<Decisions> load(mlir::Location loc,
                                         const std::string &path);
  /// Writes precisions and reasons onto the groups, and how integers are
  /// computed onto the module. An error where the file is of another model,
  /// does not name its groups, or the module says otherwise about integers.
  mlir::LogicalResult apply(mlir::ModuleOp module, llvm::StringRef path) const;
  /// The text of the file.
  std::string str() const;
};

} // namespace mpc

#endif // MPC_LIB_COMPILER_DECISIONS_H
