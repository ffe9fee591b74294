//===- SliceViews.h - parts of rearranged tensors ---------------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_TRANSFORMS_SLICEVIEWS_H
#define MPC_LIB_TRANSFORMS_SLICEVIEWS_H

#include "mlir/IR/PatternMatch.h"

namespace mpc {

/// A part of what reshapes and transposes make of a tensor becomes a slice of
/// the tensor itself where it is one: half of the channels behind a shuffle are
/// every second channel.
void populateSliceViewsPatterns(mlir::RewritePatternSet &patterns);

} // namespace mpc

#endif // MPC_LIB_TRANSFORMS_SLICEVIEWS_H
