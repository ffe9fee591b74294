//===- Explain.cpp - the story of one op ----------------------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Report.h"
#include "mpc/Support/PrecisionConfig.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"

using namespace mlir;
using namespace mpc;

FailureOr<const ReportGroup *> mpc::findExplained(Location loc, const Report &report, StringRef op) {
  if (const ReportGroup *group = report.find(op))
    return group;
  llvm::SetVector<StringRef> names;
  // A tensor that no group stores is known by the last group that computes it on the way.
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
  return emitError(loc) << "--explain=" << op << ": no group, node or tensor of that name"
                        << (nearest.empty() ? std::string("; --report=FILE.json lists them") : "; nearest are " + nearest),
         failure();
}

LogicalResult mpc::explain(ModuleOp annotated, const Report &report, const ReportGroup &group, StringRef op, const CompileOptions &options,
                           raw_ostream &os) {
  os << op << ": " << group.precision << "\n";
  return success();
}
