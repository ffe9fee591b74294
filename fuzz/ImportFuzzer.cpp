//===- ImportFuzzer.cpp - feeds the ONNX importer anything ----------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What importONNX promises for any bytes: a verified module and no error, or no
// module and one to six errors. libFuzzer adds that it ends soon, in little
// memory, without a signal.
//
//===----------------------------------------------------------------------===//

#include "ModelMutator.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Verifier.h"
#include "mpc/Frontend/ONNX/Import.h"
#include "llvm/ADT/Hashing.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MemoryBufferRef.h"
#include <cstdio>
#include <cstdlib>

static void require(bool condition, const char *what) {
  if (condition)
    return;
  std::fprintf(stderr, "importONNX: %s\n", what);
  std::abort();
}

/// What libFuzzer counts beside coverage: which messages and which operations
/// an input led to. A build without the instrumentation keeps its inputs apart
/// by these alone.
__attribute__((
    section("__libfuzzer_extra_counters"))) static uint8_t counters[1 << 14];

static void count(llvm::hash_code what) {
  counters[size_t(what) % sizeof(counters)] = 1;
}

/// An error's words, without names and numbers.
static llvm::hash_code kindOf(llvm::StringRef error) {
  llvm::hash_code kind = 0;
  bool isQuoted = false;
  for (llvm::StringRef rest = error; !rest.empty();) {
    llvm::StringRef word = rest.take_until([](char c) { return c == ' '; });
    rest = rest.drop_front(std::min(word.size() + 1, rest.size()));
    if (!isQuoted && llvm::all_of(word, llvm::isLower))
      kind = llvm::hash_combine(kind, word);
    isQuoted ^= word.count('\'') % 2;
  }
  return kind;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  // A context of its own: types and attributes of one input must not stay.
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  mlir::ScopedDiagnosticHandler quiet(
      &context, [](mlir::Diagnostic &) { return mlir::success(); });
  unsigned errors = 0;
  llvm::MemoryBufferRef buffer(
      llvm::StringRef(reinterpret_cast<const char *>(data), size), "fuzz.onnx");
  auto module = mpc::importONNX(buffer, context, {}, [&](llvm::StringRef line) {
    require(!line.empty() && line.find('\n') == llvm::StringRef::npos,
            "an error is not one line");
    count(kindOf(line));
    ++errors;
  });
  if (module) {
    require(!errors && succeeded(mlir::verify(*module)),
            "a module comes with errors, or is not valid");
    module->walk([](mlir::Operation *op) {
      count(llvm::hash_combine(op->getName().getStringRef(),
                               op->getNumOperands()));
    });
  } else {
    require(errors >= 1 && errors <= 6, "no module, but not one to six errors");
  }
  return 0;
}

extern "C" size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t maxSize);

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size,
                                          size_t maxSize, unsigned seed) {
  // Now and then bytes: what is no model at all.
  size_t changed =
      seed % 16 ? mpc::fuzz::mutateModel(data, size, maxSize, seed) : 0;
  return changed ? changed : LLVMFuzzerMutate(data, size, maxSize);
}

extern "C" size_t LLVMFuzzerCustomCrossOver(const uint8_t *data, size_t size,
                                            const uint8_t *other,
                                            size_t otherSize, uint8_t *out,
                                            size_t maxSize, unsigned seed) {
  return mpc::fuzz::crossModels(data, size, other, otherSize, out, maxSize,
                                seed);
}
