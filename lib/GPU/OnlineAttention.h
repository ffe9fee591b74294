//===- OnlineAttention.h - attention, keys piece by piece -------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A block of threads computes attention for some rows of queries: it takes
// some keys and their values after the others, keeps of each row of scores the
// maximum and the sum of exponentials so far, and multiplies what it has summed
// up where the maximum has grown (FlashAttention-2, Dao, 2023). Scores and
// probabilities are in registers and nowhere else.
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_GPU_ONLINEATTENTION_H
#define MPC_LIB_GPU_ONLINEATTENTION_H

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mpc/Dialect/Kernel/KernelDialect.h"
#include <optional>

namespace mpc {

/// The keys of a piece, the most rows of a block, and the most columns of
/// values: a thread has a sum of each for half a row.
inline constexpr int64_t kOnlineKeys = 64, kOnlineRows = 64,
                         kOnlineColumns = 128;

/// A product, element-wise operations, a softmax of its rows, and a product of
/// that, all by tensor cores with f16 or bf16.
struct OnlineAttention {
  kernel::ContractOp scores, values;
  llvm::SmallVector<mlir::linalg::GenericOp> between;

  /// `ops`: all that is done with a block of rows, in order, on buffers. None
  /// if that is something else.
  static std::optional<OnlineAttention>
  match(llvm::ArrayRef<mlir::Operation *> ops);

  /// Whether a thread's registers have room for its sums.
  bool fitsRegisters();
  /// Shared memory of a block of `rows` rows that takes `keys` keys at a time.
  int64_t getSharedBytes(int64_t rows, int64_t keys);
  /// Emits it in front of `values`, inside of `launch`; the operations lose
  /// their meaning.
  mlir::LogicalResult emit(mlir::gpu::LaunchOp launch, int64_t keys);
};

} // namespace mpc

#endif // MPC_LIB_GPU_ONLINEATTENTION_H
