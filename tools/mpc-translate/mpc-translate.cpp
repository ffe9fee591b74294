//===- mpc-translate.cpp - IR to and from other formats -------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// mlir-translate with mpc's dialects, and translations of its own: from ONNX,
// to a library and to bytecode; and the list of ONNX operators.
//
//===----------------------------------------------------------------------===//

#include "../Places.h"
#include "../ToolSupport.h"
#include "mlir/Bytecode/BytecodeWriter.h"
#include "mlir/InitAllTranslations.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Tools/mlir-translate/MlirTranslateMain.h"
#include "mlir/Tools/mlir-translate/Translation.h"
#include "mpc/Frontend/ONNX/Import.h"
#include "mpc/InitAll.h"
#include "mpc/Support/ResourceCheck.h"
#include "mpc/Target/Library.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/WithColor.h"

namespace cl = llvm::cl;

/// Messages of ONNX files, unless all are compared with what is expected.
static void handlePlaces(mlir::MLIRContext &context) {
  cl::Option *verify = cl::getRegisteredOptions().lookup("verify-diagnostics");
  if (!verify || !verify->getNumOccurrences())
    mpc::handleFilesWithoutLines(context);
}

/// A translation of a module. Upstream's registration parses the input where
/// mlir-translate has copied it to, at any address.
static void registerFromModule(
    llvm::StringRef name, llvm::StringRef description,
    std::function<mlir::LogicalResult(mlir::ModuleOp, llvm::raw_ostream &)>
        translate) {
  mlir::TranslateRegistration registration(
      name, description,
      [translate](const std::shared_ptr<llvm::SourceMgr> &source,
                  llvm::raw_ostream &os,
                  mlir::MLIRContext *context) -> mlir::LogicalResult {
        handlePlaces(*context);
        mlir::DialectRegistry registry;
        mpc::registerAllDialects(registry);
        context->appendDialectRegistry(registry);
        auto input = llvm::MemoryBuffer::getMemBuffer(
            source->getMemoryBuffer(source->getMainFileID())
                ->getMemBufferRef());
        if (auto problem = mpc::findBadResource(input->getBuffer())) {
          llvm::errs() << input->getBufferIdentifier()
                       << ": error: " << *problem << "\n";
          return mlir::failure();
        }
        llvm::SourceMgr aligned;
        aligned.AddNewSourceBuffer(mpc::alignBytecode(std::move(input)),
                                   llvm::SMLoc());
        auto module = mlir::parseSourceFile<mlir::ModuleOp>(aligned, context);
        return module ? translate(*module, os) : mlir::failure();
      });
}

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
  static cl::opt<bool> header("header",
                              cl::desc("Write the library's C header instead"),
                              cl::cat(libraryCategory));
  static cl::opt<std::string> prefix(
      "prefix", cl::desc("C identifier before _query"), cl::init("model"),
      cl::cat(libraryCategory));
  static cl::opt<std::string> linker(
      "linker", cl::desc("ld.lld to use (default: the one in PATH)"),
      cl::cat(libraryCategory));
  registerFromModule(
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
      });
}

static void registerImportONNX() {
  static cl::OptionCategory category("import-onnx options");
  static cl::list<std::string> shapes(
      "shape", cl::desc("Sizes of an input of the ONNX model"),
      cl::value_desc("NAME=8x3x224x224"), cl::cat(category));
  // Not a TranslateToMLIRRegistration: the importer has verified the module,
  // and diagnostics of the model have no place in a source buffer.
  static mlir::TranslateRegistration registration(
      "import-onnx", "import an ONNX model into the mpc dialect",
      [](const std::shared_ptr<llvm::SourceMgr> &source, llvm::raw_ostream &os,
         mlir::MLIRContext *context) -> mlir::LogicalResult {
        auto onError = [](llvm::StringRef line) {
          llvm::WithColor::error(llvm::errs(), "mpc-translate") << line << "\n";
        };
        handlePlaces(*context);
        mpc::ImportOptions options;
        std::string error;
        for (const std::string &shape : shapes) {
          if (!mpc::parseShapeOption(shape, options, error)) {
            onError(error);
            return mlir::failure();
          }
        }
        const llvm::MemoryBuffer *buffer =
            source->getMemoryBuffer(source->getMainFileID());
        mlir::OwningOpRef<mlir::ModuleOp> module = mpc::importONNX(
            buffer->getMemBufferRef(), *context, options, onError);
        if (!module)
          return mlir::failure();
        module->print(os);
        os << "\n";
        return mlir::success();
      });
}

static void registerEmitBytecode() {
  registerFromModule("emit-bytecode",
                     "MLIR bytecode, the compact form that keeps weights",
                     [](mlir::ModuleOp module, llvm::raw_ostream &os) {
                       return mlir::writeBytecodeToFile(module, os);
                     });
}

/// docs/Operators.md. The input is not read: it may be /dev/null.
static void registerListOperators() {
  static mlir::TranslateRegistration registration(
      "list-onnx-operators", "the ONNX operators that are imported (Markdown)",
      [](const std::shared_ptr<llvm::SourceMgr> &, llvm::raw_ostream &os,
         mlir::MLIRContext *) -> mlir::LogicalResult {
        os << "# Operators\n\n"
              "The ONNX operators that mpc imports: `mpc-translate "
              "--list-onnx-operators /dev/null` writes this page.\n"
              "Versions are those of the operator's domain: the first one, and "
              "the last one where there is one. A use that is not supported "
              "is\nan error which names the node and says why; "
              "test/Conformance/Inputs lists ONNX's own tests that do not "
              "pass.\n\n"
              "| operator | versions | |\n|---|---|---|\n";
        for (const mpc::ImportedOperator &row : mpc::getImportedOperators()) {
          os << "| " << row.name << " | " << row.since;
          if (row.until)
            os << " to " << *row.until;
          os << (row.isOnlyFolded ? " | on values known at compile time |\n"
                                  : " | |\n");
        }
        return mlir::success();
      });
}

int main(int argc, char **argv) {
  mpc::hideLibraryOptions();
  mpc::setToolVersion("mpc-translate");
  mlir::registerAllTranslations();
  registerImportONNX();
  registerToLibrary();
  registerListOperators();
  registerEmitBytecode();
  return mlir::failed(
      mlir::mlirTranslateMain(argc, argv, "mpc translation driver\n"));
}
