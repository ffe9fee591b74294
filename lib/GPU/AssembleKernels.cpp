//===- AssembleKernels.cpp - PTX to machine code --------------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Threading.h"
#include "mpc/GPU/Passes.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"

namespace mpc {
#define GEN_PASS_DEF_ASSEMBLEKERNELS
#include "mpc/GPU/Passes.h.inc"
} // namespace mpc

using namespace mlir;

namespace {

/// The code of one chip, and what became of it.
struct Assembly {
  gpu::ObjectAttr ptx;
  StringRef chip;
  std::string cubin, error; // error empty: it worked
};

/// A file that ends with the scope.
class TemporaryFile {
public:
  explicit TemporaryFile(StringRef suffix) {
    error = llvm::sys::fs::createTemporaryFile("mpc-kernels", suffix, path);
    remover.setFile(path, /*deleteIt=*/!error);
  }
  std::error_code error;
  SmallString<128> path;

private:
  llvm::FileRemover remover;
};

std::string read(StringRef path) {
  auto content = llvm::MemoryBuffer::getFile(path);
  return content ? (*content)->getBuffer().str() : std::string();
}

void assemble(StringRef ptxas, Assembly &assembly) {
  TemporaryFile source("ptx"), result("cubin"), log("txt");
  for (TemporaryFile *file : {&source, &result, &log})
    if (file->error) {
      assembly.error =
          "cannot write a temporary file: " + file->error.message();
      return;
    }
  {
    std::error_code error;
    llvm::raw_fd_ostream os(source.path, error);
    if (!error) {
      os << assembly.ptx.getObject().getValue().rtrim('\0');
      os.close();
      error = os.error();
      os.clear_error();
    }
    if (error) {
      assembly.error =
          ("cannot write '" + source.path + "': ").str() + error.message();
      return;
    }
  }
  std::string arch = ("-arch=" + assembly.chip).str();
  std::string problem;
  int status = llvm::sys::ExecuteAndWait(
      ptxas, {ptxas, arch, source.path, "-o", result.path},
      /*Env=*/std::nullopt,
      /*Redirects=*/{StringRef(""), StringRef(log.path), StringRef(log.path)},
      /*SecondsToWait=*/0, /*MemoryLimit=*/0, &problem);
  if (status == 0) {
    assembly.cubin = read(result.path);
    if (assembly.cubin.empty())
      assembly.error = "it wrote nothing";
    return;
  }
  std::string said = read(log.path);
  assembly.error = StringRef(said).trim().split('\n').first.rtrim().str();
  if (assembly.error.empty())
    assembly.error =
        problem.empty() ? "exit status " + std::to_string(status) : problem;
}

class AssembleKernels : public mpc::impl::AssembleKernelsBase<AssembleKernels> {
public:
  using Base::Base;

private:
  void runOnOperation() override {
    if (ptxas.empty())
      return;
    for (auto binary : getOperation().getOps<gpu::BinaryOp>())
      if (failed(assembleAll(binary)))
        return signalPassFailure();
  }

  LogicalResult assembleAll(gpu::BinaryOp binary) {
    std::vector<Assembly> assemblies;
    for (auto object : binary.getObjects().getAsRange<gpu::ObjectAttr>())
      if (object.getFormat() == gpu::CompilationTarget::Assembly)
        if (auto target = dyn_cast<NVVM::NVVMTargetAttr>(object.getTarget()))
          assemblies.push_back({object, target.getChip(), "", ""});
    parallelForEach(&getContext(), assemblies,
                    [&](Assembly &assembly) { assemble(ptxas, assembly); });
    SmallVector<Attribute> objects(binary.getObjects().getValue());
    Builder b(&getContext());
    for (const Assembly &assembly : assemblies) {
      if (!assembly.error.empty())
        return binary.emitOpError()
               << "cannot be assembled for " << assembly.chip << " by '"
               << ptxas << "': " << assembly.error;
      objects.push_back(gpu::ObjectAttr::get(
          &getContext(), assembly.ptx.getTarget(),
          gpu::CompilationTarget::Binary, b.getStringAttr(assembly.cubin),
          /*properties=*/DictionaryAttr(), /*kernels=*/gpu::KernelTableAttr()));
    }
    binary.setObjectsAttr(b.getArrayAttr(objects));
    return success();
  }
};

} // namespace
