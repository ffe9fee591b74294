//===- ContractionInfo.h - linalg ops that kernels compute ------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_CODEGEN_CONTRACTIONINFO_H
#define MPC_CODEGEN_CONTRACTIONINFO_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include <array>

namespace mpc {

/// Discardable attribute of a linalg op: the kernel.tiling chosen for it.
constexpr llvm::StringLiteral kTilingAttrName = "kernel.tiling";

/// Elements that kernel.planar copies at most: they stand on the stack of a
/// thread.
constexpr int64_t kPlaneElements = 48 * 1024;

/// Where a row of output pixels has at most this many taps, those at its ends
/// that read padding are 2 % of them or more, and worth code that leaves them
/// out.
constexpr int64_t kMaxEdgeTaps = 100;

/// The most rows for which it counts that their weights do not stay in the
/// second-level cache: of more, multiplications take nearly all of the time.
constexpr int64_t kMaxStreamingRows = 96;

/// What a linalg op computes, if it is one of the contractions that kernels
/// exist for. Operand 0 is the input, operand 1 the weights.
struct ContractionInfo {
  enum class Kind {
    matmul,      ///< (…, m, k) × (k, n) or (n, k) → (…, m, n)
    convolution, ///< (b, h, w, c) × (n, kh, kw, c) → (b, oh, ow, n); both may
                 ///< have a depth before h and kh
    depthwise ///< (b, h, w, c) × (kh, kw, c) → (b, oh, ow, c)
  };
  Kind kind = Kind::matmul;
  /// matmul: the weights are (k, n).
  bool transposed = false;
  /// matmul: every position of the leading dimensions has its own weights.
  bool batched = false;
  /// i8 input read as unsigned.
  bool unsignedInput = false;
  bool integer = false; ///< i8, or signed i16, times i8 in i32
  /// Output channels, and reduction size per tap.
  int64_t channels = 0, depth = 0;
  /// Of the window, the width last: two, or three with a depth.
  llvm::SmallVector<int64_t, 3> sizes = {1, 1}, strides = {1, 1},
                                dilations = {1, 1};

  int64_t getNumTaps() const { return llvm::product_of(sizes); }
  bool hasDepth() const { return sizes.size() == 3; }

  /// Rows of one sample of `op`'s result that share their weights, at least 1;
  /// a dynamic batch counts once.
  int64_t getRowsPerSample(mlir::linalg::LinalgOp op) const;

  /// Recognises `op` by its maps, types and body, whatever its name.
  static mlir::FailureOr<ContractionInfo> match(mlir::linalg::LinalgOp op);
};

/// Whether the accumulator of `op` is a tensor filled with zero.
bool startsAtZero(mlir::linalg::LinalgOp op);

/// Makes the sum of a contraction round as kernels do, once per product and its
/// addition. Integers stay as they are.
void fuseProducts(mlir::linalg::GenericOp op);

} // namespace mpc

#endif // MPC_CODEGEN_CONTRACTIONINFO_H
