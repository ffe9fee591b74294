//===- OpDetail.h - what ops of the mpc dialect share ----------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Shape inference and checks that several ops share. Shape functions run on
// operands that were not verified yet (an importer asks for a type before it
// makes an op), so they report every problem and assume nothing but ranked
// tensors, which `ranked` checks.
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_DIALECT_MPC_OPDETAIL_H
#define MPC_LIB_DIALECT_MPC_OPDETAIL_H

#include "mpc/Dialect/MPC/MPCDialect.h"

namespace mpc::detail {

/// Where a shape function reports.
struct InferContext {
  llvm::StringRef opName;
  std::optional<mlir::Location> loc;

  template <typename... Args> mlir::LogicalResult error(Args &&...args) const {
    return mlir::emitOptionalError(loc, "'", opName, "' op ",
                                   std::forward<Args>(args)...);
  }
};

/// The type as a ranked tensor; reports and returns null where it is none.
mlir::RankedTensorType ranked(const InferContext &ctx, mlir::Type type,
                              llvm::StringRef what);

/// NumPy's broadcast. The symbolic batch broadcasts with itself and with 1.
mlir::LogicalResult broadcastShapes(const InferContext &ctx,
                                    llvm::ArrayRef<int64_t> lhs,
                                    llvm::ArrayRef<int64_t> rhs,
                                    llvm::SmallVectorImpl<int64_t> &result);

/// `perm` as a permutation of `rank` dimensions.
mlir::LogicalResult checkPermutation(const InferContext &ctx,
                                     llvm::ArrayRef<int64_t> perm,
                                     int64_t rank);

/// Axes to reduce over: distinct, sorted, within the input's rank, of static
/// size.
mlir::LogicalResult checkReducedAxes(const InferContext &ctx,
                                     mlir::RankedTensorType input,
                                     llvm::ArrayRef<int64_t> axes);

/// A sliding window's attributes: one entry per spatial dimension, pads twice.
struct Window {
  llvm::ArrayRef<int64_t> kernel, strides, dilations, pads;
};
/// Checks counts and signs of the attributes (the op's constraint on them) for
/// `spatialRank` dimensions.
mlir::LogicalResult checkWindow(const InferContext &ctx, const Window &window,
                                int64_t spatialRank);
/// Sizes of the result in the spatial dimensions, of which `input` gives those
/// of the operand; checks that the dilated kernel fits into the padded input.
mlir::LogicalResult inferWindow(const InferContext &ctx, const Window &window,
                                llvm::ArrayRef<int64_t> input,
                                llvm::SmallVectorImpl<int64_t> &result);

/// The same for pooling of a whole tensor, whose result's shape this gives:
/// checks too that every window holds an element.
mlir::LogicalResult inferPool(const InferContext &ctx,
                              mlir::RankedTensorType input,
                              const Window &window, Layout layout,
                              llvm::SmallVectorImpl<int64_t> &shape);

/// Puts batch, channels and spatial sizes into the order of the layout.
llvm::SmallVector<int64_t> arrangeShape(Layout layout, int64_t batch,
                                        int64_t channels,
                                        llvm::ArrayRef<int64_t> spatial);
/// The dimension that holds channels.
inline int64_t getChannelDim(Layout layout, int64_t rank) {
  return layout == Layout::ChannelsLast ? rank - 1 : 1;
}
/// The first spatial dimension.
inline int64_t getFirstSpatialDim(Layout layout) {
  return layout == Layout::ChannelsLast ? 1 : 2;
}

/// Element types of elements that move or are selected: the same on both sides.
mlir::LogicalResult verifySameElementTypes(mlir::Operation *op);
/// Element types of elements that are compared with each other: the same on
/// both sides, and ordered.
mlir::LogicalResult verifyComparedElementType(mlir::Operation *op);
/// Element types where numbers are computed: float to float, quantized to
/// quantized, integers to themselves.
mlir::LogicalResult verifyComputedElementType(mlir::Operation *op);

// Element-wise ops; MPCElementwiseOps.td makes the calls.
mlir::LogicalResult inferElementwise(InferContext ctx,
                                     mlir::ValueRange operands,
                                     llvm::SmallVectorImpl<mlir::Type> &types);
mlir::LogicalResult inferPredicate(InferContext ctx, mlir::ValueRange operands,
                                   llvm::SmallVectorImpl<mlir::Type> &types);
mlir::LogicalResult inferWhere(InferContext ctx, mlir::ValueRange operands,
                               llvm::SmallVectorImpl<mlir::Type> &types);
mlir::LogicalResult verifyElementwise(mlir::Operation *op);
mlir::LogicalResult verifyPredicate(mlir::Operation *op);
mlir::LogicalResult verifyWhere(WhereOp op);
mlir::LogicalResult verifyElu(EluOp op);
mlir::LogicalResult verifyClip(ClipOp op);
mlir::LogicalResult verifyCast(CastOp op);
mlir::LogicalResult verifyBitcast(BitcastOp op);
llvm::SmallVector<mlir::OpOperand *>
getElementwiseLayoutOperands(mlir::Operation *op);
bool canSinkThroughElementwise(mlir::Operation *op,
                               llvm::ArrayRef<int64_t> perm);

} // namespace mpc::detail

#endif // MPC_LIB_DIALECT_MPC_OPDETAIL_H
