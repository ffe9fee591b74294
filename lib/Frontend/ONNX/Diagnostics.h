//===- Diagnostics.h - problems of an ONNX model ---------------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Collects the problems of one model and reports each in a line that names the
// file; a broken model gives a few lines, not thousands.
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_FRONTEND_ONNX_DIAGNOSTICS_H
#define MPC_LIB_FRONTEND_ONNX_DIAGNOSTICS_H

#include "mpc/Frontend/ONNX/Import.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/LogicalResult.h"

namespace mpc::frontend {

class Diagnostics {
public:
  Diagnostics(llvm::StringRef file, const ImportErrorHandler &handler)
      : file(file), handler(handler) {}
  ~Diagnostics() { flush(); }

  /// Reports one problem; always returns failure.
  llvm::LogicalResult error(const llvm::Twine &message) {
    if (++count <= mostLines)
      lines.push_back(printable(message.str()));
    return llvm::failure();
  }

  /// What has been reported so far, and the way back to it: for what is tried
  /// and may be given up.
  size_t mark() const { return count; }
  /// Takes back what was reported since then; returns the first line of it, or
  /// nothing where there is none.
  std::string takeBack(size_t mark) {
    std::string first = mark < lines.size() ? lines[mark] : std::string();
    if (lines.size() > mark)
      lines.truncate(mark);
    count = mark;
    return first;
  }

  bool hasErrors() const { return count != 0; }
  llvm::StringRef getFile() const { return file; }

  void flush() {
    for (const std::string &line : lines)
      handler(file + ": " + line);
    if (count > mostLines)
      handler(file + ": " + std::to_string(count - mostLines) +
              " more problems");
    lines.clear();
    count = 0;
  }

private:
  /// Names come from the file: control characters must not reach a terminal,
  /// line ends must not split the line, and a name may be megabytes long.
  static std::string printable(llvm::StringRef text) {
    std::string result;
    for (char c : text.take_front(mostCharacters))
      result += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
    if (text.size() > mostCharacters)
      result += " ...";
    return result;
  }

  static constexpr size_t mostLines = 5, mostCharacters = 600;
  std::string file;
  const ImportErrorHandler &handler;
  llvm::SmallVector<std::string> lines;
  size_t count = 0;
};

} // namespace mpc::frontend

#endif // MPC_LIB_FRONTEND_ONNX_DIAGNOSTICS_H
