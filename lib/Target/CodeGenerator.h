//===- CodeGenerator.h - LLVM IR to objects ---------------------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_TARGET_CODEGENERATOR_H
#define MPC_LIB_TARGET_CODEGENERATOR_H

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <memory>

namespace llvm {
class Module;
class TargetMachine;
} // namespace llvm

namespace mpc {

/// The bytes of an ELF object.
using ObjectBytes = llvm::SmallVector<char, 0>;

/// Generates position-independent x86-64 Linux code with exactly the given
/// features. One generator serves one thread.
class CodeGenerator {
public:
  /// `tuneFor` names a CPU of LLVM's scheduling models, empty for none;
  /// `features` is a feature string such as "+avx,+avx2".
  static llvm::Expected<CodeGenerator> create(llvm::StringRef tuneFor,
                                              llvm::StringRef features);
  CodeGenerator(CodeGenerator &&);
  ~CodeGenerator();

  /// Sets the triple, the data layout and the attributes of all functions, then
  /// runs the O3 pipeline, or for transient code a short one. Floating-point
  /// operations stay as they are written: nothing is reassociated or
  /// contracted.
  void optimize(llvm::Module &module, bool isTransient = false);

  /// Generates the object of an optimised module.
  llvm::Expected<ObjectBytes> generate(llvm::Module &module);

private:
  CodeGenerator(std::unique_ptr<llvm::TargetMachine> machine,
                llvm::StringRef tuneFor, llvm::StringRef features);

  std::unique_ptr<llvm::TargetMachine> machine;
  std::string tuneFor, features;
};

/// The names of the symbols that an object needs from elsewhere.
llvm::Expected<std::vector<std::string>>
getUndefinedSymbols(llvm::ArrayRef<char> object);

} // namespace mpc

#endif // MPC_LIB_TARGET_CODEGENERATOR_H
