//===- Import.h - from ONNX models to the mpc dialect ----------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reads an ONNX model (opset 6 to 28) into a module with one function `@main`.
// Whatever the file holds, the answer is a verified module or lines that say
// what is wrong and where; nothing aborts.
//
//===----------------------------------------------------------------------===//

#ifndef MPC_FRONTEND_ONNX_IMPORT_H
#define MPC_FRONTEND_ONNX_IMPORT_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/MemoryBufferRef.h"
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace mpc {

/// Contents that replace an input of the model.
struct BoundTensor {
  mlir::Type elementType;
  llvm::SmallVector<int64_t> shape;
  /// Elements in row-major order, little-endian; one byte per i1.
  std::vector<char> data;
};

struct ImportOptions {
  /// Sizes of inputs, by name. ShapedType::kDynamic keeps a size symbolic,
  /// which then has to be the batch. A size given for a symbol (`batch`,
  /// `sequence`) holds wherever the model names that symbol.
  std::vector<std::pair<std::string, llvm::SmallVector<int64_t>>> shapes;
  /// Inputs that become constants, by name.
  std::vector<std::pair<std::string, BoundTensor>> bindings;
};

/// Takes one line, without a line end, per problem:
///   model.onnx: node 'conv1' (Conv, ai.onnx 13): expected ..., but got ...
using ImportErrorHandler = std::function<void(llvm::StringRef line)>;

/// Adds what `NAME=8x3x224x224` says to `options`; `?` is a symbolic size and
/// `NAME=` a scalar. On failure `error` says why.
bool parseShapeOption(llvm::StringRef text, ImportOptions &options,
                      std::string &error);

/// Imports the model in the file at `path`, which also is where external data
/// is looked for. Loads the dialects that it needs. Returns null after at least
/// one call, and at most six calls, of `onError`.
mlir::OwningOpRef<mlir::ModuleOp> importONNX(llvm::StringRef path,
                                             mlir::MLIRContext &context,
                                             const ImportOptions &options,
                                             const ImportErrorHandler &onError);

/// The same for a model already in memory; the buffer's name is its path.
mlir::OwningOpRef<mlir::ModuleOp> importONNX(llvm::MemoryBufferRef buffer,
                                             mlir::MLIRContext &context,
                                             const ImportOptions &options,
                                             const ImportErrorHandler &onError);

/// An operator that the importer knows.
struct ImportedOperator {
  std::string name; // behind its domain and a point, unless that is ai.onnx
  int64_t since;    // the first version of the domain that has it
  /// The last one that has it in the form that is known; none for most.
  std::optional<int64_t> until;
  /// Only values that are known at compile time are computed, such as those
  /// that shapes are made of.
  bool isOnlyFolded;
};

/// All of them, by name.
std::vector<ImportedOperator> getImportedOperators();

} // namespace mpc

#endif // MPC_FRONTEND_ONNX_IMPORT_H
