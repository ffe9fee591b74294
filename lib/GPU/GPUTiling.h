//===- GPUTiling.h - which instruction a contraction takes ------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_GPU_GPUTILING_H
#define MPC_LIB_GPU_GPUTILING_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mpc/Codegen/ContractionInfo.h"
#include "mpc/GPU/Chips.h"

namespace mpc {

/// Whether `op` is a contraction that `wgmma` is for on such a chip: 8-bit
/// integers, f16 or bf16, channels that are multiples of 16 bytes, and tiles of
/// 64 by 64 for at least half of the multiprocessors.
bool suitsWarpgroups(mlir::linalg::LinalgOp op, const Chip &chip);

/// Whether `op` multiplies what groups before it have made of another product,
/// as a softmax is, with values that attention as one kernel has registers for
/// (OnlineAttention.h).
bool isOfAttention(mlir::linalg::LinalgOp op, const ContractionInfo &info);

} // namespace mpc

#endif // MPC_LIB_GPU_GPUTILING_H
