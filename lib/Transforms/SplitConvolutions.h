//===- SplitConvolutions.h - convolutions that kernels compute -*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_TRANSFORMS_SPLITCONVOLUTIONS_H
#define MPC_LIB_TRANSFORMS_SPLITCONVOLUTIONS_H

#include "mlir/IR/PatternMatch.h"
#include "mpc/Dialect/MPC/MPCDialect.h"

namespace mpc {

/// Convolutions of one spatial dimension become ones of two, what follows them
/// element by element too, and convolutions of groups (other than depthwise)
/// become several of one.
void populateSplitConvolutionsPatterns(mlir::RewritePatternSet &patterns);

} // namespace mpc

#endif // MPC_LIB_TRANSFORMS_SPLITCONVOLUTIONS_H
