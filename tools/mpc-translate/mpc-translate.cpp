//===- mpc-translate.cpp - IR to and from other formats -------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// mlir-translate with mpc's dialects, and two translations of its own: to a
// library and to bytecode.
//
//===----------------------------------------------------------------------===//

#include "../ToolSupport.h"
#include "mlir/Bytecode/BytecodeWriter.h"
#include "mlir/InitAllTranslations.h"
#include "mlir/Tools/mlir-translate/MlirTranslateMain.h"
#include "mlir/Tools/mlir-translate/Translation.h"
#include "mpc/InitAll.h"
#include "mpc/Target/Library.h"

namespace cl = llvm::cl;

static cl::OptionCategory libraryCategory("mpc-to-library options");

static void registerToLibrary() {
  static cl::opt<mpc::EmitKind> emit(
      "emit", cl::desc("What --mpc-to-library writes"),
      cl::init(mpc::EmitKind::Library), cl::cat(libraryCategory),
      cl::values(
          clEnumValN(mpc::EmitKind::Library, "library", "a shared library"),
          clEnumValN(mpc::EmitKind::Archive, "archive",
                     "an archive to link into a program"),
          clEnumValN(mpc::EmitKind::Object, "object", "its one object"),
          clEnumValN(mpc::EmitKind::LLVMIR, "llvm-ir",
                     "the optimised LLVM IR of all instruction sets")));
  static cl::opt<bool> header(
      "header", cl::desc("Write the library's C header instead"),
      cl::cat(libraryCategory));
  static cl::opt<std::string> prefix(
      "prefix", cl::desc("C identifier before _query"), cl::init("model"),
      cl::cat(libraryCategory));
  static cl::opt<std::string> linker(
      "linker", cl::desc("ld.lld to use (default: the one in PATH)"),
      cl::cat(libraryCategory));
  static mlir::TranslateFromMLIRRegistration registration(
      "mpc-to-library",
      "the library of a module of the llvm phase that carries mpc.model",
      [](mlir::ModuleOp module, llvm::raw_ostream &os) -> mlir::LogicalResult {
        mlir::FailureOr<mpc::ModelInfo> info = mpc::readModelInfo(module);
        if (failed(info))
          return mlir::failure();
        mpc::LibraryOptions options;
        options.emit = emit;
        options.prefix = prefix;
        options.linker = linker;
        options.runtimeDirectory = mpc::findRuntimeDirectory(
            nullptr, reinterpret_cast<void *>(&registerToLibrary));
        mlir::FailureOr<mpc::LibraryFiles> files =
            mpc::buildLibrary(module, *info, options);
        if (failed(files))
          return mlir::failure();
        os << (header ? llvm::StringRef(files->header)
                      : files->library->getBuffer());
        return mlir::success();
      },
      mpc::registerAllDialects);
}

static void registerEmitBytecode() {
  static mlir::TranslateFromMLIRRegistration registration(
      "emit-bytecode", "MLIR bytecode, the compact form that keeps weights",
      [](mlir::Operation *op, llvm::raw_ostream &os) {
        return mlir::writeBytecodeToFile(op, os);
      },
      mpc::registerAllDialects);
}

int main(int argc, char **argv) {
  mpc::hideLibraryOptions();
  mpc::setToolVersion("mpc-translate");
  mlir::registerAllTranslations();
  registerToLibrary();
  registerEmitBytecode();
  return mlir::failed(
      mlir::mlirTranslateMain(argc, argv, "mpc translation driver\n"));
}
