//===- ToolSupport.h - what the command line tools share --------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_TOOLS_TOOLSUPPORT_H
#define MPC_TOOLS_TOOLSUPPORT_H

#include "mpc/Support/Version.h"
#include "mpc/runtime.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"
#include <cstring>
#include <memory>
#include <string>

namespace mpc {

/// Hides the options that exist before main declares any. They come from the
/// static constructors of libLLVM.so (its code generators and optimizers): they
/// still work, and --help-hidden lists them. Call it before registering
/// options.
inline void hideLibraryOptions() {
  for (auto &entry : llvm::cl::getRegisteredOptions()) {
    llvm::cl::Option *option = entry.second;
    // --help, --version and their like.
    bool isGeneric = llvm::any_of(
        option->Categories, [](const llvm::cl::OptionCategory *category) {
          return category->getName() == "Generic Options";
        });
    if (!isGeneric && option->getOptionHiddenFlag() == llvm::cl::NotHidden)
      option->setHiddenFlag(llvm::cl::Hidden);
  }
}

/// Makes --version name mpc, the ABI of its libraries, and LLVM.
inline void setToolVersion(llvm::StringRef toolName) {
  std::string text =
      llvm::formatv("{0} {1} (ABI version {2}, LLVM {3})\n", toolName,
                    MPC_VERSION_STRING, MPC_ABI_VERSION, LLVM_VERSION_STRING);
  llvm::cl::SetVersionPrinter([text](llvm::raw_ostream &os) { os << text; });
}

/// `input` where resources of bytecode, which are aligned within the file, are
/// aligned in memory, too; MLIR refuses others.
inline std::unique_ptr<llvm::MemoryBuffer>
alignBytecode(std::unique_ptr<llvm::MemoryBuffer> input) {
  const llvm::Align alignment(64);
  if (llvm::isAddrAligned(alignment, input->getBufferStart()))
    return input;
  auto copy = llvm::WritableMemoryBuffer::getNewUninitMemBuffer(
      input->getBufferSize(), input->getBufferIdentifier(), alignment);
  std::memcpy(copy->getBufferStart(), input->getBufferStart(),
              input->getBufferSize());
  return copy;
}

} // namespace mpc

#endif // MPC_TOOLS_TOOLSUPPORT_H
