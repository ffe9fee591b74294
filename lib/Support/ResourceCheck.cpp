//===- ResourceCheck.cpp - binary data in textual IR ----------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpc/Support/ResourceCheck.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"

using namespace llvm;

/// Nothing needs more than a page.
static constexpr uint32_t maxAlignment = 4096;

/// The same for the text between `{-#` and `#-}`.
static std::optional<std::string> findBadResourceInSection(StringRef section) {
  while (true) {
    size_t start = section.find("\"0x");
    if (start == StringRef::npos)
      return std::nullopt;
    // `name: "0x...`
    StringRef name = section.take_front(start).rtrim(": \t\r\n");
    name = name.drop_front(name.find_last_of(" \t\r\n,{") + 1);
    section = section.drop_front(start + 3);
    StringRef digits = section.take_while(isHexDigit);
    section = section.drop_front(digits.size());
    std::string bytes;
    // The parser itself refuses what is not a sequence of bytes.
    if (digits.size() < 8 || !tryGetFromHex(digits.take_front(8), bytes))
      continue;
    uint32_t alignment = support::endian::read32le(bytes.data());
    if (!isPowerOf2_32(alignment) || alignment > maxAlignment)
      return formatv("resource '{0}': expected an alignment that is a power of "
                     "two up to {1}, but got {2}",
                     name, maxAlignment, alignment)
          .str();
  }
}

std::optional<std::string> mpc::findBadResource(StringRef text) {
  // Bytecode checks its own alignments.
  if (text.starts_with("ML\xefR"))
    return std::nullopt;
  // One section per module: a file may hold several, split by `// -----`.
  while (true) {
    size_t begin = text.find("{-#");
    if (begin == StringRef::npos)
      return std::nullopt;
    text = text.drop_front(begin + 3);
    StringRef section = text.take_front(text.find("#-}"));
    if (auto problem = findBadResourceInSection(section))
      return problem;
    text = text.drop_front(section.size());
  }
}
