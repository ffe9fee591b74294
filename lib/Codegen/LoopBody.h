//===- LoopBody.h - bodies of linalg ops in loops --------------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_CODEGEN_LOOPBODY_H
#define MPC_LIB_CODEGEN_LOOPBODY_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mpc/Codegen/TargetDescription.h"
#include <functional>

namespace mpc {

/// Elements per parallel iteration of an element-wise op.
inline constexpr int64_t kFlatBlock = 4096;

/// Estimated cost of one innermost iteration in nanoseconds.
inline constexpr double kElementCost = 0.3;

/// The lanes of a register for the widest type that the body of `op` computes
/// with; 0 if it cannot be computed for vectors. With `inner`, the loop that
/// goes by vectors, it may read memory along that loop, and what does not
/// depend on it is no vector.
int64_t getLanes(mlir::linalg::LinalgOp op, const TargetDescription &target,
                 std::optional<unsigned> inner = std::nullopt);

/// The lanes of a vector that computes `op` for neighbouring positions of loop
/// `inner`; 0 if some operand is neither constant along it nor contiguous, nor
/// read with a small step.
int64_t chooseLanes(mlir::linalg::LinalgOp op, unsigned inner,
                    const TargetDescription &target);

/// The vector of `width` elements that such an `operand` has from `indices` on
/// along loop `inner`.
mlir::Value loadVector(mlir::ImplicitLocOpBuilder &b, mlir::linalg::LinalgOp op,
                       mlir::OpOperand &operand, unsigned inner, int64_t width,
                       mlir::SmallVector<mlir::Value> indices);

/// Computes the body of `op` on its block's arguments `arguments` and returns
/// what it yields: scalars, or vectors of `width` elements unless that is 0,
/// for neighbouring positions along loop `inner` from `ivs` on.
mlir::SmallVector<mlir::Value>
emitBody(mlir::ImplicitLocOpBuilder &b, mlir::linalg::LinalgOp op,
         mlir::ValueRange ivs, mlir::ArrayRef<mlir::Value> arguments,
         int64_t width = 0, std::optional<unsigned> inner = {});

/// Computes `op` where it is sums of a few rows inside of a parallel loop;
/// false if it is something else.
bool lowerRowSums(mlir::linalg::LinalgOp op, const TargetDescription &target);

/// On a linalg op: where its result's buffer has more than so many bytes, it is
/// written past the caches. mpc-select-streams decides, mpc-lower-kernels
/// applies.
inline constexpr llvm::StringLiteral kStreamAttrName = "kernel.stream_above";

/// What waits for stores past the caches. mpc-outline-parallel makes one of
/// those of all iterations.
inline constexpr llvm::StringLiteral kStreamFence = "llvm.x86.sse.sfence";

/// Where an element lies.
struct ElementPlace {
  mlir::Value memref;
  mlir::SmallVector<mlir::Value> indices;
};

/// What computes an op's result along one dimension by vectors.
struct VectorLoop {
  mlir::Value begin, end;
  int64_t lanes;
  /// Emits the vector from a position on.
  std::function<mlir::Value(mlir::Value)> compute;
  /// Where the result has a position.
  std::function<ElementPlace(mlir::Value)> getPlace;
};

/// Emits `loop` with stores past the caches where `op` asks for it, else what
/// `emitCached` emits.
void emitStream(mlir::ImplicitLocOpBuilder &b, mlir::linalg::LinalgOp op,
                const TargetDescription &target, const VectorLoop &loop,
                llvm::function_ref<void()> emitCached);

/// The outermost loop of a sum of many terms that all operands follow one
/// dimension of, or none at all.
std::optional<unsigned> findPieceLoop(mlir::linalg::LinalgOp op);

/// A long sum of a row, from memory that the threads of a GPU's block do not
/// share, becomes one of pieces that are copied there, one after the other: the
/// same sum, as it goes on from what it has. Returns the bytes of shared memory
/// that it takes; 0 and nothing done where that would be more than `most`.
int64_t addUpPieces(mlir::linalg::LinalgOp op, int64_t most);

/// Emits the loops of `op`, which need not be element-wise, in front of it.
void lowerNest(mlir::linalg::LinalgOp op, const TargetDescription &target);

/// Makes products of quotients of vectors of f32 by one number that is the same
/// in a whole loop; results are the same.
void lowerQuotients(mlir::Operation *root);

/// The one input of `op` where all that it computes is bytes from that input's
/// bytes, of whole buffers, and numbers that are the same everywhere. Null
/// where that is not so, or where it is as fast to compute them.
mlir::OpOperand *matchByteFunction(mlir::linalg::LinalgOp op);

/// Computes `op`, a function of `bytes`, for each byte once, and looks it up.
void lowerByteFunction(mlir::linalg::LinalgOp op, mlir::OpOperand *bytes,
                       const TargetDescription &target);

} // namespace mpc

#endif // MPC_LIB_CODEGEN_LOOPBODY_H
