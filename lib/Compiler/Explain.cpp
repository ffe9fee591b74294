//===- Explain.cpp - the story of one op ----------------------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ModelRunner.h"
#include "Report.h"
#include "mlir/Pass/PassManager.h"
#include "mpc/Support/PrecisionConfig.h"
#include "mpc/Transforms/Passes.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"

using namespace mlir;
using namespace mpc;

FailureOr<const ReportGroup *>
mpc::findExplained(Location loc, const Report &report, StringRef op) {
  if (const ReportGroup *group = report.find(op))
    return group;
  llvm::SetVector<StringRef> names;
  // A tensor that no group stores is known by the last group that computes it
  // on the way.
  for (auto list : {&ReportGroup::nodes, &ReportGroup::tensors})
    for (const ReportGroup &group : llvm::reverse(report.groups))
      for (const std::string &name : group.*list)
        if (name == op)
          return &group;
  for (const ReportGroup &group : report.groups) {
    names.insert(group.name);
    names.insert(group.nodes.begin(), group.nodes.end());
    names.insert(group.tensors.begin(), group.tensors.end());
  }
  std::string nearest = listNearest(op, names.getArrayRef());
  return emitError(loc) << "--explain=" << op
                        << ": no group, node or tensor of that name"
                        << (nearest.empty()
                                ? std::string("; --report=FILE.json lists them")
                                : "; nearest are " + nearest),
         failure();
}

/// 9216 as 9,216.
static std::string withCommas(int64_t number) {
  std::string text = std::to_string(number);
  for (int64_t i = text.size() - 3; i > 0; i -= 3)
    text.insert(i, ",");
  return text;
}

static std::string number(double value) {
  std::string text;
  llvm::raw_string_ostream(text) << llvm::format("%.4g", value);
  return text;
}

static std::string decibels(double value) {
  if (value >= kMostDecibels)
    return "exact";
  std::string text;
  llvm::raw_string_ostream(text) << llvm::format("%.1f dB", value);
  return text;
}

static void print(raw_ostream &os, const ReportTensor &tensor) {
  os << tensor.name << "  ";
  for (int64_t size : tensor.shape)
    os << (size < 0 ? "?" : std::to_string(size)) << "x";
  os << tensor.storage;
  if (tensor.range)
    os << ", range " << number(tensor.range->first) << " to "
       << number(tensor.range->second);
  if (tensor.scale)
    os << ", scale " << number(*tensor.scale) << ", zero point "
       << tensor.zeroPoint;
  os << "\n";
}

/// The group alone in another precision, on a few samples.
static LogicalResult explainAlternatives(ModuleOp annotated,
                                         const Report &report,
                                         const ReportGroup &group,
                                         const CompileOptions &options,
                                         raw_ostream &os) {
  os << "  in another precision\n";
  for (const Advice &advice : report.advice) {
    if (!llvm::is_contained(advice.groups, group.name))
      continue;
    os << "    " << advice.precision << ": the outputs gain "
       << decibels(advice.gain);
    if (advice.groups.size() > 1)
      os << " with all of " << llvm::join(advice.groups, ", ");
    os << "\n";
  }
  for (StringRef precision : getPrecisionNames()) {
    if (precision == "keep" || precision == group.precision)
      continue;
    // Refusals are told below; their errors are none of the user's.
    ScopedDiagnosticHandler quiet(annotated.getContext(),
                                  [](Diagnostic &) { return success(); });
    OwningOpRef<ModuleOp> other = annotated.clone();
    AssignPrecisionOptions assign;
    assign.precision = precision.str();
    PassManager pm(annotated.getContext(), ModuleOp::getOperationName());
    pm.addPass(createAssignPrecision(assign));
    if (failed(pm.run(*other))) {
      os << "    " << precision << ": not without calibrated ranges\n";
      continue;
    }
    auto described = makePlainReport(*other, options);
    const ReportGroup *same =
        succeeded(described) ? described->find(group.name) : nullptr;
    if (!same)
      continue;
    os << "    " << precision << ": ";
    if (same->precision != precision) {
      os << same->reason << "\n";
      continue;
    }
    os << "weights " << withCommas(same->storedWeightBytes) << " bytes";
    if (report.samples && precision != "f32") {
      auto samples = openSamples(annotated, options.calibrationData);
      auto model = SwitchedModel::create(*other, options.library, group.name);
      if (failed(samples) || failed(model))
        return failure();
      constexpr int64_t few = 8;
      auto analysis = analyzeErrors(**model, **samples,
                                    std::min(few, report.samples), options);
      if (failed(analysis))
        return failure();
      auto found = analysis->groups.find(
          group.outputs.empty() ? StringRef()
                                : StringRef(group.outputs.front().name));
      if (found != analysis->groups.end() && found->second.local)
        os << ", local " << decibels(found->second.local->sqnr());
    }
    os << "\n";
  }
  return success();
}

LogicalResult mpc::explain(ModuleOp annotated, const Report &report,
                           const ReportGroup &group, StringRef op,
                           const CompileOptions &options, raw_ostream &os) {
  os << op << ": ";
  if (op != group.name)
    os << "in group " << group.name << ", ";
  os << group.kind << " in " << group.precision << "\n";
  os << "  why       " << group.reason << "\n";
  os << "  nodes     " << llvm::join(group.nodes, ", ") << "\n";
  if (!group.tensors.empty())
    os << "  tensors   " << llvm::join(group.tensors, ", ") << "\n";
  os << "  computes  " << llvm::join(group.ops, ", ") << "\n";
  for (const ReportTensor &tensor : group.inputs)
    print(os << "  reads     ", tensor);
  for (const ReportTensor &tensor : group.outputs)
    print(os << "  stores    ", tensor);
  if (group.weightElements) {
    os << "  weights   " << withCommas(group.weightElements) << " numbers";
    if (group.weightRange)
      os << " from " << number(group.weightRange->first) << " to "
         << number(group.weightRange->second);
    os << ", " << withCommas(group.weightBytes) << " bytes in the model, "
       << withCommas(group.storedWeightBytes) << " in " << group.precision
       << "\n";
  }
  if (group.macs)
    os << "  work      " << withCommas(group.macs)
       << " multiplications and additions per sample\n";
  if (group.error) {
    const GroupError &error = *group.error;
    os << "  error     SQNR against f32 on " << report.samples << " samples\n";
    if (error.local) {
      os << "    local        " << decibels(error.local->sqnr())
         << ": lowered alone, on exact inputs";
      if (auto predicted = error.predictedSQNR())
        os << " (uniform rounding errors predict " << decibels(*predicted)
           << ")";
      os << "\n";
    }
    os << "    accumulated  " << decibels(error.accumulated.sqnr())
       << ": in the lowered model; cosine "
       << llvm::format("%.6f", error.accumulated.cosine()) << "\n";
    if (error.widestChannel >= 0 && error.channelSpread > 4)
      os << "    channel " << error.widestChannel << " reaches "
         << number(error.channelSpread)
         << " times as far as the median one; all share one scale\n";
    for (const OutputError &output : report.outputs)
      os << "    output " << output.name << "  "
         << decibels(output.error.sqnr()) << "\n";
  } else if (options.calibrationData.empty()) {
    os << "  error     not measured: --calibration-data gives no samples\n";
  }
  return explainAlternatives(annotated, report, group, options, os);
}
