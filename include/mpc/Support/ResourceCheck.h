//===- ResourceCheck.h - binary data in textual IR --------------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_SUPPORT_RESOURCECHECK_H
#define MPC_SUPPORT_RESOURCECHECK_H

#include "llvm/ADT/StringRef.h"
#include <optional>
#include <string>

namespace mpc {

/// Looks at the blobs in the `{-# ... #-}` section of textual IR before it is
/// parsed, and returns what is wrong with the first bad one, if any. A blob
/// starts with its alignment as four little-endian bytes; MLIR's parser passes
/// that number to its allocator unseen, and the process ends on zero, on what
/// is no power of two and on what is huge.
std::optional<std::string> findBadResource(llvm::StringRef text);

} // namespace mpc

#endif // MPC_SUPPORT_RESOURCECHECK_H
