//===- Tilings.h - ways to tile a contraction -------------------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What mpc-select-tiling chooses from, and the table of choices that were
// measured (docs/Tuning.md). Every tiling of a contraction gives the same
// bytes, so that a table decides about time alone.
//
//===----------------------------------------------------------------------===//

#ifndef MPC_CODEGEN_TILINGS_H
#define MPC_CODEGEN_TILINGS_H

#include "mpc/Codegen/ContractionInfo.h"
#include "mpc/Codegen/TargetDescription.h"
#include "mpc/Dialect/Kernel/KernelDialect.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Error.h"

namespace mpc {

/// A contraction that kernels compute, and the tilings that are worth trying.
struct TilingChoice {
  mlir::linalg::LinalgOp op;
  ContractionInfo info;
  /// In the order of estimated cost, the cheapest first; never empty.
  llvm::SmallVector<kernel::TilingAttr> candidates;

  /// What the time depends on, in words: sizes, element types, window, and what
  /// follows in the same loops. Equal contractions of any model have equal
  /// names.
  std::string getName() const;

  /// The choice at `op`, if kernels compute it; with `fastMath` minimal
  /// filtering alone, where it pays.
  static std::optional<TilingChoice> get(mlir::linalg::LinalgOp op,
                                         const TargetDescription &target,
                                         bool fastMath = false);
};

/// Why minimal filtering (kernel.winograd) is not for `op`, or does not pay;
/// empty if it does. Depends on shapes alone: all instruction sets share their
/// weights.
std::string getWinogradObstacle(mlir::linalg::LinalgOp op,
                                const ContractionInfo &info);

/// The most candidates that TilingChoice::get gives.
inline constexpr unsigned kMaxTilings = 8;

/// Which tiling was fastest, per contraction and instruction set.
class TilingTable {
public:
  struct Entry {
    std::string tiling; // #kernel.tiling<...>
    /// Measured time of a call, all contractions of that name together, with
    /// `tiling` and with what is chosen without a table.
    double ms = 0, defaultMs = 0;
  };

  /// Reads a file; the error is a sentence that names it.
  static llvm::Expected<TilingTable> load(llvm::StringRef path);
  /// The text of the file.
  std::string str() const;

  /// Whether this version of the compiler measured it; else it says nothing
  /// about the kernels of this one.
  bool isCurrent() const;
  llvm::StringRef getVersion() const { return version; }
  bool hasMarch(llvm::StringRef march) const;
  const Entry *find(llvm::StringRef march, llvm::StringRef contraction) const;
  void set(llvm::StringRef march, llvm::StringRef contraction, Entry entry);

  /// An empty table of this version.
  TilingTable();

private:
  std::string version;
  std::map<std::pair<std::string, std::string>, Entry> entries;
};

/// The candidate that the table names, or none.
kernel::TilingAttr findTiling(const TilingTable &table,
                              const TargetDescription &target,
                              const TilingChoice &choice);

} // namespace mpc

#endif // MPC_CODEGEN_TILINGS_H
