//===- Messages.cpp - What mpc-compile says on standard error -------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Messages.h"
#include "../Places.h"
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
