//===- Library.h - From LLVM-dialect code to a library ----------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The last step of the compiler: a module of the `llvm` phase (see
// mpc/Pipelines/Pipelines.h) becomes a shared library, an archive or an object,
// together with the C header that names the model's inputs and outputs.
//
//===----------------------------------------------------------------------===//

#ifndef MPC_TARGET_LIBRARY_H
#define MPC_TARGET_LIBRARY_H

#include "mlir/IR/BuiltinOps.h"
#include "mpc/Support/Tensor.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/MemoryBuffer.h"
#include <optional>
#include <string>
#include <vector>

namespace mpc {

/// The border type of a builtin element type: signless i8 to i64 are signed, i1
/// is bool. Fails for types that the ABI does not have.
std::optional<ElementType> getBorderType(mlir::Type elementType);
/// The builtin type that getBorderType maps to `type`; null for Undefined.
mlir::Type getBuiltinType(mlir::MLIRContext *context, ElementType type);

/// A model input or output, in the order of @main's arguments.
struct TensorInfo {
  std::string name; // as the model has it: any UTF-8
  ElementType type = ElementType::F32;
  llvm::SmallVector<int64_t> dims; // ShapedType::kDynamic: the symbolic batch
  std::string layout;              // "nchw", "nhwc" or empty: unknown
  /// Of inputs and outputs that stay quantized: real = (stored - zeroPoint) *
  /// scale.
  struct Quantization {
    double scale;
    int64_t zeroPoint;
  };
  std::optional<Quantization> quantization;
  /// The smallest and largest value seen in calibration.
  std::optional<std::pair<double, double>> range;
};

/// One group of operators and the precision that it computes in.
struct GroupInfo {
  std::string name, precision, reason;
  /// The operator that decides the group's loops: conv, softmax, quantize ...
  std::string kind;
  /// Of one call with batch 1: multiply-accumulates of contractions, and bytes
  /// that are read and written once, weights included.
  int64_t macs = 0, bytes = 0;
  /// In kits: what a table of latencies calls it, and of a conversion the
  /// element types and the shape (empty otherwise).
  std::string key, from, to;
  std::vector<int64_t> shape;
};

/// What a library observes, beside computing: behind the model's results its
/// code gives, for each tensor, `[min, max]` and, with histograms, counts.
struct ObserverInfo {
  std::string head;                 // of the calibration table (Calibration.h)
  std::vector<std::string> tensors; // names, in the order of the results
  bool histograms = false, movingAverage = false;
  /// Names of groups, and how many input channels their contractions have: what
  /// follows are the sums of each.
  std::vector<std::pair<std::string, uint32_t>> inputs;
};

/// What the library says about itself: the descriptor that the runtime reads
/// and the manifest.
struct ModelInfo {
  std::string name;      // for the header's comment and the default prefix
  std::string hash;      // of graph and weights, hexadecimal
  std::string precision; // as asked for: "f32", "int8", ...
  std::vector<TensorInfo> inputs, outputs;
  std::vector<GroupInfo> groups;
  std::optional<ObserverInfo> observer; // of --emit=observer-library
};

/// A way to call the library: a module of the `llvm` phase, and what is said
/// about it. Of `info` the inputs, outputs and groups count.
struct LibraryEntry {
  std::string name;
  mlir::ModuleOp module;
  ModelInfo info;
};

/// What to write (`--emit`).
enum class EmitKind { Library, Archive, Object, LLVMIR };

struct LibraryOptions {
  std::string output;
  EmitKind emit = EmitKind::Library;
  /// C identifier before `_query` and in the header. Empty: from the output's
  /// file name.
  std::string prefix;
  /// The folder of libmpc_runtime.a. Required for Library and Archive.
  std::string runtimeDirectory;
  /// The linker, a GNU-compatible ld.lld. Empty: beside LLVM or in PATH.
  std::string linker;
  /// Number of threads that generate code. 0: all cores.
  unsigned jobs = 0;
  /// Code for a few runs while compiling: LLVM simplifies it, no more. What it
  /// computes is the same.
  bool isTransient = false;
};

/// Turns any text into a C identifier: other characters become `_`, and a
/// leading digit gets one before it.
std::string makeCIdentifier(llvm::StringRef text);

/// The folder with libmpc_runtime.a for the program `argv0`: `lib` beside its
/// `bin`. `mainAddress` is the address of any function of the program. Empty if
/// there is none.
std::string findRuntimeDirectory(const char *argv0, void *mainAddress);

inline constexpr llvm::StringLiteral kModelAttrName = "mpc.model";

/// Puts `info` on the module as the attribute `mpc.model`, so that it travels
/// with the IR; reads it back. Reading fails with an error at the module where
/// the attribute is missing or not of that form.
void attachModelInfo(mlir::ModuleOp module, const ModelInfo &info);
mlir::FailureOr<ModelInfo> readModelInfo(mlir::ModuleOp module);

/// What comes out, in memory.
struct LibraryFiles {
  std::unique_ptr<llvm::MemoryBuffer> library;
  std::string header; // empty for LLVMIR
};

/// Makes the library of a module of the `llvm` phase, which holds one nested
/// module per instruction set. Emits diagnostics on failure. Equal arguments
/// give equal bytes. `options.output` only serves as the default of the prefix.
///
/// LLVMIR gives the optimised IR of all instruction sets, one after the other,
/// as text.
mlir::FailureOr<LibraryFiles> buildLibrary(mlir::ModuleOp module,
                                           const ModelInfo &info,
                                           const LibraryOptions &options);
/// A library with several entry points, at least one, each with its own
/// weights. The modules must be for the same instruction sets. The header is of
/// the first entry. With `isBenchKit` the manifest says so, and has groups per
/// entry; without, they are those of the first.
mlir::FailureOr<LibraryFiles> buildLibrary(llvm::ArrayRef<LibraryEntry> entries,
                                           const ModelInfo &info,
                                           const LibraryOptions &options,
                                           bool isBenchKit = false);

/// Builds the library and writes it to `options.output` ("-": standard output),
/// and its header beside it with the extension .h. On failure no file is left
/// or changed.
mlir::LogicalResult emitLibrary(mlir::ModuleOp module, const ModelInfo &info,
                                const LibraryOptions &options);
/// Writes files that are built already, in the same way.
mlir::LogicalResult writeLibrary(mlir::Location loc, const LibraryFiles &files,
                                 const LibraryOptions &options);

} // namespace mpc

#endif // MPC_TARGET_LIBRARY_H
