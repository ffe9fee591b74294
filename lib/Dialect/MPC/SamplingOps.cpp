//===- SamplingOps.cpp - resizing, sampling, regions of interest ----------===//
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
// ResizeOp
//===----------------------------------------------------------------------===//

LogicalResult ResizeOp::inferReturnTypes(MLIRContext *,
                                         std::optional<Location> loc,
                                         Adaptor adaptor,
                                         SmallVectorImpl<Type> &types) {
  InferContext ctx{getOperationName(), loc};
  RankedTensorType input = ranked(ctx, adaptor.getInput().getType(), "input");
  if (!input)
    return failure();
  size_t rank = input.getRank();
  ArrayRef<int64_t> sizes = adaptor.getSizes();
  ArrayRef<double> scales = adaptor.getScales();
  if (sizes.size() != rank || scales.size() != rank) // (C1)
    return ctx.error("expected ", rank, " sizes and scales, but got ",
                     sizes.size(), " and ", scales.size());
  SmallVector<int64_t> shape;
  for (size_t d = 0; d < rank; ++d) {
    if (!(scales[d] > 0) || !std::isfinite(scales[d])) // (C1)
      return ctx.error("expected positive, finite scales, but dimension ", d,
                       " has ", scales[d]);
    if (input.isDynamicDim(d)) { // (C1)
      if (sizes[d] != -1 || scales[d] != 1)
        return ctx.error("expected size -1 and scale 1 in the symbolic "
                         "dimension ",
                         d, ", but got ", sizes[d], " and ", scales[d]);
      shape.push_back(ShapedType::kDynamic);
      continue;
    }
    if (sizes[d] < 0) // (C1)
      return ctx.error("expected sizes >= 0, but dimension ", d, " has ",
                       sizes[d]);
    if (input.getDimSize(d) == 0 && sizes[d] != 0) // (C4)
      return ctx.error("expected a result that is empty in dimension ", d,
                       ", as the input is, but got size ", sizes[d]);
    if (!(std::abs(sizes[d] - scales[d] * input.getDimSize(d)) <=
          1 + 1e-5 * sizes[d])) // (C5)
      return ctx.error("expected sizes that agree with the scales, but "
                       "dimension ",
                       d, " of size ", input.getDimSize(d), " has size ",
                       sizes[d], " and scale ", scales[d]);
    shape.push_back(sizes[d]);
  }
  types.push_back(RankedTensorType::get(shape, input.getElementType()));
  return success();
}

LogicalResult ResizeOp::verify() {
  bool crops = getCoordinates() == Coordinates::TFCropAndResize;
  size_t rank = getInput().getType().getRank();
  if (crops != getRoi().has_value()) // (C2)
    return emitOpError()
           << "expected roi exactly for coordinates tf_crop_and_resize";
  if (crops &&
      (getRoi()->size() != 2 * rank ||
       !llvm::all_of(*getRoi(), [](double x) { return std::isfinite(x); })))
    return emitOpError() << "expected roi to have " << 2 * rank // (C2)
                         << " finite entries";
  if (getAntialias() && getMode() == Interpolation::Nearest) // (C3)
    return emitOpError() << "expected antialias with linear or cubic mode only";
  return getMode() == Interpolation::Nearest ? verifySameElementTypes(*this)
                                             : verifyComputedElementType(*this);
}

bool ResizeOp::resizes(int64_t d) {
  RankedTensorType type = getInput().getType();
  if (type.isDynamicDim(d))
    return false;
  bool isWhole = !getRoi() ||
                 ((*getRoi())[d] == 0 && (*getRoi())[type.getRank() + d] == 1);
  return getSizes()[d] != type.getDimSize(d) || getScales()[d] != 1 || !isWhole;
}

QuantRole ResizeOp::getQuantRole() {
  return getMode() == Interpolation::Nearest &&
                 getCoordinates() != Coordinates::TFCropAndResize
             ? QuantRole::Passthrough
             : QuantRole::Float;
}

bool ResizeOp::canSinkTranspose(ArrayRef<int64_t> perm) { return true; }
void ResizeOp::sinkTranspose(ArrayRef<int64_t> perm) {
  size_t rank = perm.size();
  SmallVector<int64_t> sizes(rank);
  SmallVector<double> scales(rank), roi(2 * rank);
  for (auto [d, to] : llvm::enumerate(perm)) {
    sizes[to] = getSizes()[d];
    scales[to] = getScales()[d];
    if (getRoi()) {
      roi[to] = (*getRoi())[d];
      roi[rank + to] = (*getRoi())[rank + d];
    }
  }
  setSizes(sizes);
  setScales(scales);
  if (getRoi())
    setRoi(roi);
}

//===----------------------------------------------------------------------===//
// SampleOp
//===----------------------------------------------------------------------===//

LogicalResult SampleOp::inferReturnTypes(MLIRContext *,
                                         std::optional<Location> loc,
                                         Adaptor adaptor,
                                         SmallVectorImpl<Type> &types) {
  InferContext ctx{getOperationName(), loc};
  RankedTensorType input = ranked(ctx, adaptor.getInput().getType(), "input");
  RankedTensorType coordinates =
      ranked(ctx, adaptor.getCoordinates().getType(), "coordinates");
  if (!input || !coordinates)
    return failure();
  int64_t batchDims = adaptor.getBatchDims(), rank = input.getRank();
  if (batchDims < 1 || batchDims > rank - 2 || rank - 1 - batchDims > 3) // (C1)
    return ctx.error("expected ", batchDims,
                     " batch dimensions (at least 1), channels, and 1 to 3 "
                     "spatial dimensions, but got ",
                     input);
  ArrayRef<int64_t> spatial = input.getShape().drop_front(batchDims + 1);
  if (llvm::any_of(spatial, [](int64_t size) { return size < 1; })) // (C1)
    return ctx.error("expected spatial dimensions of static size >= 1, but "
                     "got ",
                     input);
  if (coordinates.getRank() < batchDims + 1 ||
      coordinates.getShape().take_front(batchDims) !=
          input.getShape().take_front(batchDims) ||
      coordinates.getShape().back() != int64_t(spatial.size())) // (C2)
    return ctx.error("expected coordinates with the batch dimensions of ",
                     input, " and ", spatial.size(), " entries, but got ",
                     coordinates);
  SmallVector<int64_t> shape(input.getShape().take_front(batchDims + 1));
  llvm::append_range(shape,
                     coordinates.getShape().drop_back().drop_front(batchDims));
  types.push_back(RankedTensorType::get(shape, input.getElementType()));
  return success();
}

LogicalResult SampleOp::verify() {
  for (Value operand : getOperands())
    if (!isa<FloatType>(getElementTypeOrSelf(operand))) // (C3)
      return emitOpError() << "expected floating-point elements, but got "
                           << operand.getType();
  return verifyComputedElementType(*this);
}
QuantRole SampleOp::getQuantRole() { return QuantRole::Float; }
SmallVector<OpOperand *> SampleOp::getActivationOperands() {
  return {&getInputMutable()};
}

//===----------------------------------------------------------------------===//
// RoiPoolOp
//===----------------------------------------------------------------------===//

LogicalResult RoiPoolOp::inferReturnTypes(MLIRContext *,
                                          std::optional<Location> loc,
                                          Adaptor adaptor,
                                          SmallVectorImpl<Type> &types) {
  InferContext ctx{getOperationName(), loc};
  RankedTensorType input = ranked(ctx, adaptor.getInput().getType(), "input");
  RankedTensorType rois = ranked(ctx, adaptor.getRois().getType(), "rois");
  RankedTensorType batches =
      ranked(ctx, adaptor.getBatchIndices().getType(), "batch_indices");
  if (!input || !rois || !batches)
    return failure();
  if (input.getRank() != 4 || input.getDimSize(2) < 1 ||
      input.getDimSize(3) < 1) // (C1)
    return ctx.error("expected an input of rank 4 with a static height and "
                     "width >= 1, but got ",
                     input);
  if (rois.getRank() != 2 || rois.getDimSize(1) != 4 || // (C1)
      batches.getShape() != rois.getShape().take_front())
    return ctx.error("expected rois of shape [R, 4] and batch_indices of "
                     "shape [R], but got ",
                     rois, " and ", batches);
  ArrayRef<int64_t> sizes = adaptor.getOutputSize();
  if (sizes.size() != 2 || sizes[0] < 1 || sizes[1] < 1) // (C2)
    return ctx.error("expected two positive output sizes");
  types.push_back(RankedTensorType::get(
      {rois.getDimSize(0), input.getDimSize(1), sizes[0], sizes[1]},
      input.getElementType()));
  return success();
}

LogicalResult RoiPoolOp::verify() {
  if (int64_t(getSamplingRatio()) < 0) // (C2)
    return emitOpError() << "expected sampling_ratio >= 0, but got "
                         << int64_t(getSamplingRatio());
  if (!getSpatialScale().isFinite()) // (C2)
    return emitOpError() << "expected a finite spatial_scale";
  for (Value operand : {getInput(), getRois()})
    if (!isa<FloatType>(getElementTypeOrSelf(operand))) // (C3)
      return emitOpError() << "expected floating-point elements, but got "
                           << operand.getType();
  if (!isa<IntegerType>(getBatchIndices().getType().getElementType())) // (C3)
    return emitOpError() << "expected batch_indices of integers, but got "
                         << getBatchIndices().getType();
  return verifyComputedElementType(*this);
}
QuantRole RoiPoolOp::getQuantRole() { return QuantRole::Float; }
SmallVector<OpOperand *> RoiPoolOp::getActivationOperands() {
  return {&getInputMutable()};
}

//===----------------------------------------------------------------------===//
// MaxPoolIndicesOp
//===----------------------------------------------------------------------===//

LogicalResult MaxPoolIndicesOp::inferReturnTypes(MLIRContext *context,
                                                 std::optional<Location> loc,
                                                 Adaptor adaptor,
                                                 SmallVectorImpl<Type> &types) {
  InferContext ctx{getOperationName(), loc};
  RankedTensorType input = ranked(ctx, adaptor.getInput().getType(), "input");
  SmallVector<int64_t> shape;
  if (!input || failed(inferPool(ctx, input,
                                 {adaptor.getKernel(), adaptor.getStrides(),
                                  adaptor.getDilations(), adaptor.getPads()},
                                 Layout::ChannelsFirst, shape)))
    return failure();
  types.push_back(RankedTensorType::get(shape, IntegerType::get(context, 64)));
  return success();
}

LogicalResult MaxPoolIndicesOp::verify() {
  // (C4) belongs to the operand types; the other constraints to the shapes.
  return success();
}
