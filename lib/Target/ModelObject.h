//===- ModelObject.h - the model's descriptor and weights -------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the runtime reads, as LLVM constants: the structures of runtime/model.h.
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_TARGET_MODELOBJECT_H
#define MPC_LIB_TARGET_MODELOBJECT_H

#include "mpc/Target/Library.h"
#include "llvm/ADT/ArrayRef.h"
#include <memory>

namespace llvm {
class LLVMContext;
class Module;
} // namespace llvm

namespace mpc {

/// The code of one instruction set, as the descriptor names it.
struct VariantInfo {
  std::string name;  // as in --march; ends with the GPUs that it is only for
  uint64_t features; // MPC_RT_CPU_* bits
  /// 10 times the compute capability of the only GPUs it is for, or 0.
  uint64_t capability;
  /// One per entry of the library: the function, and what it needs in bytes.
  struct Entry {
    std::string symbol;
    int64_t arenaBase, arenaPerBatch;
  };
  std::vector<Entry> entries;
};

/// An entry's part of the weights.
struct WeightsPart {
  uint64_t offset, bytes;
};

/// The module with the weights, aligned and hidden.
std::unique_ptr<llvm::Module> createWeightsModule(llvm::LLVMContext &context,
                                                  llvm::ArrayRef<char> weights);

/// The module with the descriptor and the functions `queries`, each of which
/// returns the runtime's function table for it.
std::unique_ptr<llvm::Module> createModelModule(
    llvm::LLVMContext &context, llvm::ArrayRef<LibraryEntry> entries,
    llvm::ArrayRef<WeightsPart> parts, llvm::ArrayRef<VariantInfo> variants,
    uint64_t weightsBytes, llvm::StringRef manifest,
    llvm::ArrayRef<std::string> queries);

/// What an observing library exports, beside its queries.
inline constexpr const char *saveCalibrationSymbol = "mpc_save_calibration";

/// `text` as a JSON string, in quotes. Bytes that are no UTF-8 are replaced.
std::string toJSON(llvm::StringRef text);

/// The manifest: one JSON object (docs/Runtime.md).
std::string createManifest(const ModelInfo &info,
                           llvm::ArrayRef<LibraryEntry> entries,
                           llvm::ArrayRef<VariantInfo> variants,
                           uint64_t weightsBytes, bool isBenchKit);

/// The C header of a library.
std::string createHeader(const ModelInfo &info, llvm::StringRef prefix);

} // namespace mpc

#endif // MPC_LIB_TARGET_MODELOBJECT_H
