//===- AttentionLowering.h - attention as matrix products ------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What attention operators of all domains share: two matrix products with a
// softmax between them, and masks.
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_FRONTEND_ONNX_ATTENTIONLOWERING_H
#define MPC_LIB_FRONTEND_ONNX_ATTENTIONLOWERING_H

#include "Composition.h"
#include <limits>

namespace mpc::frontend {

/// [B, S, heads * D] as [B, heads, S, D]; null after an error.
mlir::Value splitHeads(NodeContext &node, mlir::Value value, int64_t heads);
/// The reverse.
mlir::Value joinHeads(NodeContext &node, mlir::Value value);

/// Scores of queries against keys, what is added to them, and the mean of
/// values weighted by their softmax.
struct Attention {
  explicit Attention(NodeContext &node) : node(node) {}
  NodeContext &node;

  /// [B, heads, length, size]; of keys and values there may be fewer heads,
  /// each for as many consecutive heads of the query.
  mlir::Value query, key, value;
  /// Broadcast to [B, heads, queries, keys]: added to the scores.
  mlir::Value bias;
  /// Truth values, broadcast to the same: where false, the score counts as
  /// `masked`.
  mlir::Value allowed;
  double masked = -std::numeric_limits<double>::infinity();
  double scale = 1;
  /// Scores are bounded to ± this; 0 for no bound.
  double softcap = 0;
  /// The type that the softmax is computed in, if that is another one.
  mlir::Type softmaxType;
  /// Whether a row may be without any key that is allowed. Its result is 0.
  bool mayMaskRows = false;

  /// Adds another condition to `allowed`.
  void restrict(mlir::Value condition);
  /// Keys from `position + 1` on, or before `position - left`, are not allowed,
  /// where query i stands at `position = offset + i + right`. Unbounded sides
  /// are none.
  void restrictWindow(std::optional<int64_t> left, std::optional<int64_t> right,
                      int64_t offset);
  /// The same for an offset per sample: `offsets` has shape [B, 1, 1, 1].
  void restrictWindow(std::optional<int64_t> left, std::optional<int64_t> right,
                      mlir::Value offsets);
  /// Keys from `lengths[b]` on are padding; `lengths` has shape [B].
  void restrictLengths(mlir::Value lengths);

  /// Whether query, key and value fit together, in sizes that are known; false
  /// after an error. To be asked before masks are made of these sizes.
  bool check();

  int64_t getNumQueries() const { return getTensorType(query).getDimSize(2); }
  int64_t getNumKeys() const { return getTensorType(key).getDimSize(2); }

  /// Builds everything; false after an error.
  bool build();
  // What build() makes.
  mlir::Value scores, cappedScores, biasedScores, weights;
  /// [B, heads, queries, size].
  mlir::Value result;

private:
  mlir::Value buildBias();
};

} // namespace mpc::frontend

#endif // MPC_LIB_FRONTEND_ONNX_ATTENTIONLOWERING_H
