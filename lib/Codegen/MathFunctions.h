//===- MathFunctions.h - math functions as arithmetic ----------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_CODEGEN_MATHFUNCTIONS_H
#define MPC_LIB_CODEGEN_MATHFUNCTIONS_H

#include "mlir/IR/PatternMatch.h"

namespace mpc {

/// Rewrites functions of f64, and those of f32 whose result depends on more
/// digits than f32 has (trigonometric and hyperbolic ones, powers, remainders),
/// on scalars and vectors. They have a higher benefit than upstream's patterns.
void populateMathFunctionPatterns(mlir::RewritePatternSet &patterns);

/// Rewrites exp and erf of f32 as upstream's patterns do, which they precede,
/// with the same results in fewer operations; fewer still where registers have
/// 512 bits.
void populateFloatFunctionPatterns(mlir::RewritePatternSet &patterns);

} // namespace mpc

#endif // MPC_LIB_CODEGEN_MATHFUNCTIONS_H
