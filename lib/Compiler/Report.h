//===- Report.h - what was decided, why, and what it costs ------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The facts behind --report and --explain, and their forms: JSON
// (docs/Report.md has its schema), HTML with the same JSON inside, and the
// story of one op as text.
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_COMPILER_REPORT_H
#define MPC_LIB_COMPILER_REPORT_H

#include "ErrorAnalysis.h"
#include "mpc/Compiler/Compiler.h"

namespace mpc {

/// A tensor that a group reads or stores.
struct ReportTensor {
  std::string name;                 // as calibration tables call it
  llvm::SmallVector<int64_t> shape; // negative: the symbolic batch
  std::string storage;              // f32, f16, u8 ...
  std::optional<double> scale;
  int64_t zeroPoint = 0;
  std::optional<std::pair<double, double>> range;
};

struct ReportGroup {
  std::string name, kind, precision, reason;
  std::vector<std::string> nodes;   // of the model, the root's first
  std::vector<std::string> tensors; // of the model: what the group stores, then
                                    // what it computes on the way
  std::vector<std::string> ops;
  std::vector<ReportTensor> inputs, outputs;
  int64_t macs = 0; // multiplications and additions of one sample
  int64_t weightElements = 0, weightBytes = 0, storedWeightBytes = 0;
  std::optional<std::pair<double, double>> weightRange;
  std::optional<GroupError> error;
  std::optional<double> latencyMs;
};

/// A group that only converts between what two others store.
struct ReportConversion {
  std::string name, from, to;
  int64_t elements = 0;
  std::optional<double> latencyMs;
};

/// A point of the search's front: an assignment, what it takes and what it
/// loses.
struct ParetoPoint {
  std::string label;
  double latencyMs = 0;
  double accuracy = 0; // in the unit of Report::accuracyUnit
  bool isChosen = false;
};

struct Report {
  ModelInfo model;
  std::vector<std::pair<std::string, std::string>> options; // as given
  std::string calibrator;
  std::vector<ReportGroup> groups;
  std::vector<ReportConversion> conversions;
  std::vector<OutputError> outputs;
  std::vector<Advice> advice;
  int64_t samples = 0; // 0: errors are not measured

  // What only a search knows.
  std::optional<double> predictedLatencyMs, optimalityGap;
  std::vector<ParetoPoint> pareto;
  std::string accuracyUnit;

  const ReportGroup *find(llvm::StringRef name) const;
};

/// Gathers what the annotated module says, and, where there are samples and
/// something is lowered, measures errors on them.
mlir::FailureOr<Report> makeReport(mlir::ModuleOp annotated,
                                   const CompileOptions &options);
/// The same without the errors.
mlir::FailureOr<Report> makePlainReport(mlir::ModuleOp annotated,
                                        const CompileOptions &options);

/// Puts what was measured beside the groups.
void addErrors(const ErrorAnalysis &analysis, Report &report);

std::string toJSON(const Report &report);
std::string toHTML(const Report &report);

/// Writes it, as the file's ending says.
mlir::LogicalResult writeReport(mlir::Location loc, llvm::StringRef path,
                                const Report &report);

/// Finds the group that `op` means: its name, a node of the model in it, or a
/// tensor that it makes. Emits an error with the nearest names where there is
/// none.
mlir::FailureOr<const ReportGroup *>
findExplained(mlir::Location loc, const Report &report, llvm::StringRef op);
/// The story of one group.
mlir::LogicalResult explain(mlir::ModuleOp annotated, const Report &report,
                            const ReportGroup &group, llvm::StringRef op,
                            const CompileOptions &options,
                            llvm::raw_ostream &os);

} // namespace mpc

#endif // MPC_LIB_COMPILER_REPORT_H
