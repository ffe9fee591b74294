//===- Linker.h - objects to libraries --------------------------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_TARGET_LINKER_H
#define MPC_LIB_TARGET_LINKER_H

#include "CodeGenerator.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/MemoryBuffer.h"
#include <string>

namespace mpc {

/// Runs ld.lld on objects and the runtime archive, in a folder of its own that
/// is gone afterwards.
class Linker {
public:
  /// `program` is a path, a name in PATH, or empty: the first of ld.lld-22 and
  /// ld.lld, beside LLVM and in PATH. Fails if there is no such program or no
  /// runtime archive in `runtimeDirectory`.
  static llvm::Expected<Linker> create(llvm::StringRef program,
                                       llvm::StringRef runtimeDirectory);

  /// A shared library that exports `exports` and nothing else.
  llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>>
  linkShared(llvm::ArrayRef<ObjectBytes> objects,
             llvm::ArrayRef<std::string> exports) const;

  /// One relocatable object whose only global definition is `exported`.
  llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>>
  linkRelocatable(llvm::ArrayRef<ObjectBytes> objects,
                  llvm::StringRef exported) const;

private:
  llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>>
  run(llvm::ArrayRef<std::string> flags, llvm::ArrayRef<ObjectBytes> objects,
      llvm::ArrayRef<std::string> libraries,
      llvm::StringRef versionScript) const;

  std::string program, runtimeDirectory;
};

/// An archive with one member, the same bytes for the same object.
llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>>
createArchive(const llvm::MemoryBuffer &object, llvm::StringRef memberName);

} // namespace mpc

#endif // MPC_LIB_TARGET_LINKER_H
