//===- WeightOnly.h - groups whose weights alone are integers ---*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_TRANSFORMS_WEIGHTONLY_H
#define MPC_LIB_TRANSFORMS_WEIGHTONLY_H

#include "mpc/Dialect/MPC/Precisions.h"
#include "mpc/Support/PrecisionConfig.h"

namespace mpc {

/// The attribute of groups of precision w8 and w4.
constexpr llvm::StringLiteral kWeightsAttrName = "mpc.weights";

/// How the weights of a group of precision w8 or w4 are stored: its
/// `mpc.weights`, else blocks of 32 with zero points, and f32 activations.
WeightsAttr getWeightsFormat(GroupOp group);

/// `format`, what it leaves open taken from `defaults`; both have been checked.
WeightsAttr getWeightsFormat(mlir::MLIRContext *context,
                             const WeightFormat &format,
                             const WeightFormat &defaults);

/// The same as in a configuration.
WeightFormat toWeightFormat(WeightsAttr format);

/// Why the weights of a group cannot be stored as integers alone, or nothing.
std::string whyNotWeightOnly(GroupOp group, Precision precision,
                             WeightsAttr format);

/// The constants that stand for the weights of `weight`, behind it, and how
/// mpc.dequantize_blocks reads them. `axis` holds output channels.
struct WeightsInBlocks {
  mlir::Value values, scales, zeroPoints, table;
  int64_t axis, block;
};
mlir::FailureOr<WeightsInBlocks>
quantizeWeightsInBlocks(mlir::OpBuilder &builder, ConstantOp weight,
                        int64_t axis, Precision precision, WeightsAttr format);

} // namespace mpc

#endif // MPC_LIB_TRANSFORMS_WEIGHTONLY_H
