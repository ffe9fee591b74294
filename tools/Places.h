//===- Places.h - where in a model a message belongs ------------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An ONNX file has no lines: the importer's locations are line 0 of it, and the
// names of nodes.
//
//===----------------------------------------------------------------------===//

#ifndef MPC_TOOLS_PLACES_H
#define MPC_TOOLS_PLACES_H

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Location.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/raw_ostream.h"

namespace mpc {

/// The place in a file where the model has one, and the names of nodes.
inline void printPlace(mlir::Location location, llvm::raw_ostream &os) {
  if (auto file = llvm::dyn_cast<mlir::FileLineColLoc>(location)) {
    os << file.getFilename().getValue();
    if (file.getLine() != 0)
      os << ":" << file.getLine() << ":" << file.getColumn();
  } else if (auto name = llvm::dyn_cast<mlir::NameLoc>(location)) {
    if (llvm::isa<mlir::UnknownLoc>(name.getChildLoc())) {
      os << name.getName().getValue();
    } else {
      printPlace(name.getChildLoc(), os);
      os << ": " << name.getName().getValue();
    }
  } else if (auto fused = llvm::dyn_cast<mlir::FusedLoc>(location)) {
    if (!fused.getLocations().empty())
      printPlace(fused.getLocations().front(), os);
  } else if (auto call = llvm::dyn_cast<mlir::CallSiteLoc>(location)) {
    printPlace(call.getCallee(), os);
  }
}

/// Prints what `context` says from now on of places in a file without lines,
/// which MLIR's own handlers would call line 0; all else is left to those.
inline void handleFilesWithoutLines(mlir::MLIRContext &context) {
  using Kind = llvm::SourceMgr::DiagKind;
  auto print = [](mlir::Diagnostic &diagnostic, Kind kind) {
    std::string place;
    llvm::raw_string_ostream os(place);
    printPlace(diagnostic.getLocation(), os);
    llvm::SMDiagnostic(place, kind, diagnostic.str())
        .print(/*ProgName=*/nullptr, llvm::errs());
  };
  context.getDiagEngine().registerHandler(
      [print](mlir::Diagnostic &diagnostic) -> mlir::LogicalResult {
        auto file = mlir::LocationAttr(diagnostic.getLocation())
                        .findInstanceOf<mlir::FileLineColLoc>();
        if (!file || file.getLine() != 0)
          return mlir::failure();
        switch (diagnostic.getSeverity()) {
        case mlir::DiagnosticSeverity::Note:
          print(diagnostic, Kind::DK_Note);
          break;
        case mlir::DiagnosticSeverity::Warning:
          print(diagnostic, Kind::DK_Warning);
          break;
        case mlir::DiagnosticSeverity::Error:
          print(diagnostic, Kind::DK_Error);
          break;
        case mlir::DiagnosticSeverity::Remark:
          print(diagnostic, Kind::DK_Remark);
          break;
        }
        for (mlir::Diagnostic &note : diagnostic.getNotes())
          print(note, Kind::DK_Note);
        return mlir::success();
      });
}

} // namespace mpc

#endif // MPC_TOOLS_PLACES_H
