//===- Messages.cpp - What mpc-compile says on standard error -------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Messages.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/WithColor.h"

using namespace llvm;

namespace mpc::driver {

bool writeJSON = false;

static void writeDiagnostic(bool isError, StringRef where,
                            const Twine &message) {
  if (writeJSON) {
    errs() << json::Value(
                  json::Object{{"severity", isError ? "error" : "warning"},
                               {"location", where},
                               {"message", message.str()}})
           << "\n";
    return;
  }
  (isError ? WithColor::error(errs(), "mpc-compile")
           : WithColor::warning(errs(), "mpc-compile"))
      << where << (where.empty() ? "" : ": ") << message << "\n";
}

void writeRemark(const Twine &message) {
  if (writeJSON)
    errs() << json::Value(json::Object{{"severity", "remark"},
                                       {"location", ""},
                                       {"message", message.str()}})
           << "\n";
  else
    WithColor::remark(errs(), "mpc-compile") << message << "\n";
}

bool fail(const Twine &message) {
  writeDiagnostic(/*isError=*/true, "", message);
  return false;
}

/// The place in a file where the model has one, else the names of nodes. An
/// ONNX file has no lines.
static void printPlace(mlir::Location location, raw_ostream &os) {
  if (auto file = dyn_cast<mlir::FileLineColLoc>(location)) {
    os << file.getFilename().getValue();
    if (file.getLine() != 0)
      os << ":" << file.getLine() << ":" << file.getColumn();
  } else if (auto name = dyn_cast<mlir::NameLoc>(location)) {
    if (isa<mlir::UnknownLoc>(name.getChildLoc())) {
      os << name.getName().getValue();
    } else {
      printPlace(name.getChildLoc(), os);
      os << ": " << name.getName().getValue();
    }
  } else if (auto fused = dyn_cast<mlir::FusedLoc>(location)) {
    if (!fused.getLocations().empty())
      printPlace(fused.getLocations().front(), os);
  } else if (auto call = dyn_cast<mlir::CallSiteLoc>(location))
    printPlace(call.getCallee(), os);
}

mlir::LogicalResult DiagnosticWriter::operator()(mlir::Diagnostic &diagnostic) {
  if (diagnostic.getSeverity() == mlir::DiagnosticSeverity::Remark) {
    errs() << diagnostic << "\n";
    return mlir::success();
  }
  bool isError = diagnostic.getSeverity() == mlir::DiagnosticSeverity::Error;
  if (!isError && diagnostic.getSeverity() != mlir::DiagnosticSeverity::Warning)
    return mlir::failure();
  // The first few lines tell; the rest usually follows from them.
  if (isError && ++errors > 6)
    return mlir::success();
  std::string where;
  raw_string_ostream os(where);
  printPlace(diagnostic.getLocation(), os);
  writeDiagnostic(isError, where, diagnostic.str());
  return mlir::success();
}

void showProgress(const char *what, size_t done, size_t all) {
  if (!sys::Process::StandardErrIsDisplayed())
    return;
  errs() << "\r" << what << ": " << done << " of " << all
         << (done == all ? "\n" : "");
}

} // namespace mpc::driver
