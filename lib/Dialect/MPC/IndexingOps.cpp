//===- IndexingOps.cpp - ops whose positions are data ---------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "OpDetail.h"

using namespace mlir;
using namespace mpc;
using namespace mpc::detail;

//===----------------------------------------------------------------------===//
// What the families share
//===----------------------------------------------------------------------===//

static LogicalResult checkAxis(const InferContext &ctx, int64_t axis,
                               int64_t rank) {
  if (axis < 0 || axis >= rank)
    return ctx.error("expected 0 <= axis < ", rank, ", but got ", axis);
  return success();
}

/// A dimension that positions choose from has elements, unless nothing is
/// chosen.
static LogicalResult checkHasElements(const InferContext &ctx,
                                      RankedTensorType type, int64_t dim,
                                      ArrayRef<int64_t> result) {
  if (type.getDimSize(dim) == 0 && !llvm::is_contained(result, 0))
    return ctx.error("expected elements in dimension ", dim, " of ", type,
                     ", which positions choose from");
  return success();
}

/// `positions` select along `axis` of `data`, and in the other dimensions count
/// as they are.
static LogicalResult checkElementwiseIndices(const InferContext &ctx,
                                             RankedTensorType data,
                                             RankedTensorType positions,
                                             int64_t axis) {
  if (positions.getRank() != data.getRank())
    return ctx.error("expected indices of rank ", data.getRank(), ", but got ",
                     positions);
  if (failed(checkAxis(ctx, axis, data.getRank())))
    return failure();
  for (auto [dim, size, extent] :
       llvm::enumerate(positions.getShape(), data.getShape())) {
    if (int64_t(dim) == axis || size == extent)
      continue;
    // The batch is 1 at least.
    bool fits = ShapedType::isDynamic(extent)
                    ? size <= 1 && size >= 0
                    : !ShapedType::isDynamic(size) && size <= extent;
    if (!fits)
      return ctx.error("expected sizes of indices within those of data, but "
                       "got ",
                       positions, " and ", data);
  }
  return success();
}

/// The result or another operand holds elements of `data`, unchanged.
static LogicalResult verifyElements(Operation *op, Value other,
                                    StringRef what) {
  Type expected = getElementTypeOrSelf(op->getOperand(0)),
       got = getElementTypeOrSelf(other);
  if (got != expected)
    return op->emitOpError() << "expected " << what << " with elements of "
                             << expected << ", but got " << got;
  return success();
}

static LogicalResult verifyScatter(Operation *op, ScatterKind kind) {
  if (failed(verifyElements(op, op->getOperand(2), "updates")) ||
      failed(verifyElements(op, op->getResult(0), "a result")))
    return failure();
  if ((kind == ScatterKind::Add || kind == ScatterKind::Mul) &&
      isa<quant::QuantizedType>(getElementTypeOrSelf(op->getResult(0))))
    return op->emitOpError() << "expected elements that are not quantized, "
                                "where updates are added or multiplied";
  return success();
}

static QuantRole getScatterRole(ScatterKind kind) {
  return kind == ScatterKind::Add || kind == ScatterKind::Mul
             ? QuantRole::Float
             : QuantRole::Passthrough;
}

static SmallVector<OpOperand *> selectOperands(Operation *op,
                                               ArrayRef<unsigned> indices) {
  return llvm::map_to_vector(
      indices, [&](unsigned index) { return &op->getOpOperand(index); });
}

//===----------------------------------------------------------------------===//
// GatherOp
//===----------------------------------------------------------------------===//

LogicalResult GatherOp::inferReturnTypes(MLIRContext *,
                                         std::optional<Location> loc,
                                         Adaptor adaptor,
                                         SmallVectorImpl<Type> &types) {
  InferContext ctx{getOperationName(), loc};
  RankedTensorType data = ranked(ctx, adaptor.getData().getType(), "data"),
                   indices =
                       ranked(ctx, adaptor.getIndices().getType(), "indices");
  int64_t axis = adaptor.getAxis();
  if (!data || !indices || failed(checkAxis(ctx, axis, data.getRank()))) // (C1)
    return failure();
  SmallVector<int64_t> shape(data.getShape().take_front(axis));
  llvm::append_range(shape, indices.getShape());
  llvm::append_range(shape, data.getShape().drop_front(axis + 1));
  if (failed(checkHasElements(ctx, data, axis, shape))) // (C2)
    return failure();
  types.push_back(RankedTensorType::get(shape, data.getElementType()));
  return success();
}

LogicalResult GatherOp::verify() {
  return verifyElements(*this, getResult(), "a result"); // (C3)
}
QuantRole GatherOp::getQuantRole() { return QuantRole::Passthrough; }
SmallVector<OpOperand *> GatherOp::getActivationOperands() {
  return selectOperands(*this, {0});
}
// Only with one position per element of the axis do the dimensions stay.
bool GatherOp::canSinkTranspose(ArrayRef<int64_t> perm) {
  return getIndices().getType().getRank() == 1 &&
         getData().getType().getRank() > 1;
}
void GatherOp::sinkTranspose(ArrayRef<int64_t> perm) {
  setAxis(perm[getAxis()]);
}

//===----------------------------------------------------------------------===//
// GatherElementsOp
//===----------------------------------------------------------------------===//

LogicalResult GatherElementsOp::inferReturnTypes(MLIRContext *,
                                                 std::optional<Location> loc,
                                                 Adaptor adaptor,
                                                 SmallVectorImpl<Type> &types) {
  InferContext ctx{getOperationName(), loc};
  RankedTensorType data = ranked(ctx, adaptor.getData().getType(), "data"),
                   indices =
                       ranked(ctx, adaptor.getIndices().getType(), "indices");
  if (!data || !indices ||
      failed(checkElementwiseIndices(ctx, data, indices,
                                     adaptor.getAxis())) || // (C1), (C2)
      failed(checkHasElements(ctx, data, adaptor.getAxis(),
                              indices.getShape()))) // (C3)
    return failure();
  types.push_back(
      RankedTensorType::get(indices.getShape(), data.getElementType()));
  return success();
}

LogicalResult GatherElementsOp::verify() {
  return verifyElements(*this, getResult(), "a result"); // (C4)
}
QuantRole GatherElementsOp::getQuantRole() { return QuantRole::Passthrough; }
SmallVector<OpOperand *> GatherElementsOp::getActivationOperands() {
  return selectOperands(*this, {0});
}
bool GatherElementsOp::canSinkTranspose(ArrayRef<int64_t> perm) { return true; }
void GatherElementsOp::sinkTranspose(ArrayRef<int64_t> perm) {
  setAxis(perm[getAxis()]);
}

//===----------------------------------------------------------------------===//
// GatherNDOp
//===----------------------------------------------------------------------===//

LogicalResult GatherNDOp::inferReturnTypes(MLIRContext *,
                                           std::optional<Location> loc,
                                           Adaptor adaptor,
                                           SmallVectorImpl<Type> &types) {
  InferContext ctx{getOperationName(), loc};
  RankedTensorType data = ranked(ctx, adaptor.getData().getType(), "data"),
                   indices =
                       ranked(ctx, adaptor.getIndices().getType(), "indices");
  if (!data || !indices)
    return failure();
  int64_t rank = indices.getRank(), batchDims = adaptor.getBatchDims();
  if (rank < 1 || indices.isDynamicDim(rank - 1)) // (C1)
    return ctx.error("expected indices with a fixed last size, but got ",
                     indices);
  int64_t coordinates = indices.getShape().back();
  if (batchDims < 0 || batchDims >= rank ||
      coordinates > data.getRank() - batchDims) // (C2)
    return ctx.error("expected at most ", data.getRank(), " dimensions of ",
                     data, ", but got ", batchDims, " of the batch and ",
                     coordinates, " coordinates");
  if (indices.getShape().take_front(batchDims) !=
      data.getShape().take_front(batchDims)) // (C3)
    return ctx.error("expected the first ", batchDims,
                     " sizes of data and indices to agree, but got ", data,
                     " and ", indices);
  SmallVector<int64_t> shape(indices.getShape().drop_back());
  llvm::append_range(shape,
                     data.getShape().drop_front(batchDims + coordinates));
  for (int64_t i = 0; i < coordinates; ++i)
    if (failed(checkHasElements(ctx, data, batchDims + i, shape))) // (C4)
      return failure();
  types.push_back(RankedTensorType::get(shape, data.getElementType()));
  return success();
}

LogicalResult GatherNDOp::verify() {
  return verifyElements(*this, getResult(), "a result"); // (C5)
}
QuantRole GatherNDOp::getQuantRole() { return QuantRole::Passthrough; }
SmallVector<OpOperand *> GatherNDOp::getActivationOperands() {
  return selectOperands(*this, {0});
}

//===----------------------------------------------------------------------===//
// ScatterElementsOp
//===----------------------------------------------------------------------===//

LogicalResult
ScatterElementsOp::inferReturnTypes(MLIRContext *, std::optional<Location> loc,
                                    Adaptor adaptor,
                                    SmallVectorImpl<Type> &types) {
  InferContext ctx{getOperationName(), loc};
  RankedTensorType data = ranked(ctx, adaptor.getData().getType(), "data"),
                   indices =
                       ranked(ctx, adaptor.getIndices().getType(), "indices"),
                   updates =
                       ranked(ctx, adaptor.getUpdates().getType(), "updates");
  if (!data || !indices || !updates ||
      failed(checkElementwiseIndices(ctx, data, indices,
                                     adaptor.getAxis()))) // (C1), (C2), (C3)
    return failure();
  if (updates.getShape() != indices.getShape()) // (C2)
    return ctx.error("expected updates of the shape of indices, but got ",
                     updates, " and ", indices);
  types.push_back(data);
  return success();
}

LogicalResult ScatterElementsOp::verify() {
  return verifyScatter(*this, getKind()); // (C4)
}
QuantRole ScatterElementsOp::getQuantRole() {
  return getScatterRole(getKind());
}
SmallVector<OpOperand *> ScatterElementsOp::getActivationOperands() {
  return selectOperands(*this, {0, 2});
}
// Each line along the axis is changed in order, wherever the others lie.
bool ScatterElementsOp::canSinkTranspose(ArrayRef<int64_t> perm) {
  return true;
}
void ScatterElementsOp::sinkTranspose(ArrayRef<int64_t> perm) {
  setAxis(perm[getAxis()]);
}

//===----------------------------------------------------------------------===//
// ScatterNDOp
//===----------------------------------------------------------------------===//

LogicalResult ScatterNDOp::inferReturnTypes(MLIRContext *,
                                            std::optional<Location> loc,
                                            Adaptor adaptor,
                                            SmallVectorImpl<Type> &types) {
  InferContext ctx{getOperationName(), loc};
  RankedTensorType data = ranked(ctx, adaptor.getData().getType(), "data"),
                   indices =
                       ranked(ctx, adaptor.getIndices().getType(), "indices"),
                   updates =
                       ranked(ctx, adaptor.getUpdates().getType(), "updates");
  if (!data || !indices || !updates)
    return failure();
  int64_t rank = indices.getRank();
  if (rank < 1 || indices.isDynamicDim(rank - 1) ||
      indices.getShape().back() > data.getRank()) // (C1)
    return ctx.error("expected indices with a fixed last size of at most ",
                     data.getRank(), ", but got ", indices);
  SmallVector<int64_t> shape(indices.getShape().drop_back());
  llvm::append_range(shape,
                     data.getShape().drop_front(indices.getShape().back()));
  if (updates.getShape() != ArrayRef<int64_t>(shape)) // (C2)
    return ctx.error("expected updates of ",
                     RankedTensorType::get(shape, updates.getElementType()),
                     ", but got ", updates);
  types.push_back(data);
  return success();
}

LogicalResult ScatterNDOp::verify() {
  return verifyScatter(*this, getKind()); // (C3)
}
QuantRole ScatterNDOp::getQuantRole() { return getScatterRole(getKind()); }
SmallVector<OpOperand *> ScatterNDOp::getActivationOperands() {
  return selectOperands(*this, {0, 2});
}

//===----------------------------------------------------------------------===//
// TensorScatterOp
//===----------------------------------------------------------------------===//

LogicalResult TensorScatterOp::inferReturnTypes(MLIRContext *,
                                                std::optional<Location> loc,
                                                Adaptor adaptor,
                                                SmallVectorImpl<Type> &types) {
  InferContext ctx{getOperationName(), loc};
  RankedTensorType cache = ranked(ctx, adaptor.getCache().getType(), "cache"),
                   updates =
                       ranked(ctx, adaptor.getUpdates().getType(), "updates"),
                   starts =
                       ranked(ctx, adaptor.getStarts().getType(), "starts");
  if (!cache || !updates || !starts)
    return failure();
  int64_t axis = adaptor.getAxis();
  if (axis < 1 || axis >= cache.getRank() || cache.isDynamicDim(axis)) // (C1)
    return ctx.error("expected a fixed axis from 1 to ", cache.getRank() - 1,
                     " of ", cache, ", but got ", axis);
  SmallVector<int64_t> expected(cache.getShape());
  if (updates.getRank() == cache.getRank() && !updates.isDynamicDim(axis))
    expected[axis] = std::min(expected[axis], updates.getDimSize(axis));
  if (updates.getShape() != ArrayRef<int64_t>(expected)) // (C2)
    return ctx.error("expected updates that fit into the cache along axis ",
                     axis, ", but got ", updates, " and ", cache);
  if (starts.getShape() != cache.getShape().take_front()) // (C3)
    return ctx.error("expected one start for each sample of ", cache,
                     ", but got ", starts);
  types.push_back(cache);
  return success();
}

LogicalResult TensorScatterOp::verify() {
  if (failed(verifyElements(*this, getUpdates(), "updates"))) // (C4)
    return failure();
  return verifyElements(*this, getResult(), "a result"); // (C4)
}
QuantRole TensorScatterOp::getQuantRole() { return QuantRole::Passthrough; }
SmallVector<OpOperand *> TensorScatterOp::getActivationOperands() {
  return selectOperands(*this, {0, 1});
}
// The samples stay the first dimension.
bool TensorScatterOp::canSinkTranspose(ArrayRef<int64_t> perm) {
  return perm[0] == 0;
}
void TensorScatterOp::sinkTranspose(ArrayRef<int64_t> perm) {
  setAxis(perm[getAxis()]);
}

//===----------------------------------------------------------------------===//
// ReverseSequenceOp
//===----------------------------------------------------------------------===//

LogicalResult
ReverseSequenceOp::inferReturnTypes(MLIRContext *, std::optional<Location> loc,
                                    Adaptor adaptor,
                                    SmallVectorImpl<Type> &types) {
  InferContext ctx{getOperationName(), loc};
  RankedTensorType input = ranked(ctx, adaptor.getInput().getType(), "input"),
                   lengths =
                       ranked(ctx, adaptor.getLengths().getType(), "lengths");
  if (!input || !lengths)
    return failure();
  int64_t batch = adaptor.getBatchAxis(), time = adaptor.getTimeAxis();
  if (failed(checkAxis(ctx, batch, input.getRank())) ||
      failed(checkAxis(ctx, time, input.getRank()))) // (C1)
    return failure();
  if (batch == time) // (C1)
    return ctx.error("expected two different axes, but got ", batch, " twice");
  if (input.isDynamicDim(time)) // (C2)
    return ctx.error("expected a time axis of fixed size, but got axis ", time,
                     " of ", input);
  if (lengths.getShape() != input.getShape().slice(batch, 1)) // (C3)
    return ctx.error("expected one length for each sample of ", input,
                     ", but got ", lengths);
  types.push_back(input);
  return success();
}

LogicalResult ReverseSequenceOp::verify() {
  return verifyElements(*this, getResult(), "a result"); // (C4)
}
QuantRole ReverseSequenceOp::getQuantRole() { return QuantRole::Passthrough; }
SmallVector<OpOperand *> ReverseSequenceOp::getActivationOperands() {
  return selectOperands(*this, {0});
}
bool ReverseSequenceOp::canSinkTranspose(ArrayRef<int64_t> perm) {
  return true;
}
void ReverseSequenceOp::sinkTranspose(ArrayRef<int64_t> perm) {
  setBatchAxis(perm[getBatchAxis()]);
  setTimeAxis(perm[getTimeAxis()]);
}

//===----------------------------------------------------------------------===//
// OneHotOp
//===----------------------------------------------------------------------===//

LogicalResult OneHotOp::inferReturnTypes(MLIRContext *,
                                         std::optional<Location> loc,
                                         Adaptor adaptor,
                                         SmallVectorImpl<Type> &types) {
  InferContext ctx{getOperationName(), loc};
  RankedTensorType indices =
                       ranked(ctx, adaptor.getIndices().getType(), "indices"),
                   values =
                       ranked(ctx, adaptor.getValues().getType(), "values");
  if (!indices || !values)
    return failure();
  int64_t axis = adaptor.getAxis(), depth = adaptor.getDepth();
  if (failed(checkAxis(ctx, axis, indices.getRank() + 1))) // (C1)
    return failure();
  if (depth < 0) // (C1)
    return ctx.error("expected depth >= 0, but got ", depth);
  if (values.getShape() != ArrayRef<int64_t>{2}) // (C2)
    return ctx.error("expected the values for off and on, but got ", values);
  SmallVector<int64_t> shape(indices.getShape());
  shape.insert(shape.begin() + axis, depth);
  types.push_back(RankedTensorType::get(shape, values.getElementType()));
  return success();
}

LogicalResult OneHotOp::verify() {
  if (getElementTypeOrSelf(getResult()) != // (C3)
      getElementTypeOrSelf(getValues()))
    return emitOpError() << "expected a result with elements of "
                         << getElementTypeOrSelf(getValues()) << ", but got "
                         << getElementTypeOrSelf(getResult());
  return success();
}

//===----------------------------------------------------------------------===//
// Ranking
//===----------------------------------------------------------------------===//

static LogicalResult inferRanking(const InferContext &ctx, Value operand,
                                  int64_t axis, int64_t count, int64_t needed,
                                  SmallVectorImpl<Type> &types) {
  RankedTensorType input = ranked(ctx, operand.getType(), "input");
  if (!input || failed(checkAxis(ctx, axis, input.getRank()))) // (C1)
    return failure();
  if (input.isDynamicDim(axis)) // (C2)
    return ctx.error("expected an axis of fixed size, but axis ", axis, " of ",
                     input, " is the symbolic batch");
  if (count < 0 || input.getDimSize(axis) < needed) // (C2)
    return ctx.error("expected at least ", needed, " elements along axis ",
                     axis, " of ", input);
  SmallVector<int64_t> shape(input.getShape());
  shape[axis] = count;
  types.push_back(
      RankedTensorType::get(shape, IntegerType::get(input.getContext(), 64)));
  return success();
}

LogicalResult ArgReduceOp::inferReturnTypes(MLIRContext *,
                                            std::optional<Location> loc,
                                            Adaptor adaptor,
                                            SmallVectorImpl<Type> &types) {
  InferContext ctx{getOperationName(), loc};
  if (adaptor.getKind() != ReduceKind::Max &&
      adaptor.getKind() != ReduceKind::Min) // (C3)
    return ctx.error("expected kind max or min, but got ",
                     stringifyReduceKind(adaptor.getKind()));
  return inferRanking(ctx, adaptor.getInput(), adaptor.getAxis(), /*count=*/1,
                      /*needed=*/1, types);
}
bool ArgReduceOp::canSinkTranspose(ArrayRef<int64_t> perm) { return true; }
void ArgReduceOp::sinkTranspose(ArrayRef<int64_t> perm) {
  setAxis(perm[getAxis()]);
}

LogicalResult TopKOp::inferReturnTypes(MLIRContext *,
                                       std::optional<Location> loc,
                                       Adaptor adaptor,
                                       SmallVectorImpl<Type> &types) {
  return inferRanking({getOperationName(), loc}, adaptor.getInput(),
                      adaptor.getAxis(), adaptor.getK(), adaptor.getK(), types);
}
bool TopKOp::canSinkTranspose(ArrayRef<int64_t> perm) { return true; }
void TopKOp::sinkTranspose(ArrayRef<int64_t> perm) { setAxis(perm[getAxis()]); }
