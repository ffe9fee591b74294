//===- ReductionOps.cpp - pooling, reductions, normalisation --------------===//
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
// Pooling
//===----------------------------------------------------------------------===//

/// Whether every window of one spatial dimension holds an element of the input.
/// The positions of a window are `start + j * dilation` with `start = i *
/// stride - pad`.
static bool everyWindowHoldsAnElement(int64_t extent, int64_t windows,
                                      int64_t kernel, int64_t stride,
                                      int64_t dilation, int64_t pad) {
  if (__int128(windows - 1) * stride - pad >= extent)
    return false;
  // Only windows that start in the padding can miss. Their first position
  // inside, if the kernel reaches it, repeats with period `dilation` in i, and
  // a later window reaches at least as far.
  int64_t inPadding = std::min(windows, (pad + stride - 1) / stride);
  for (int64_t i = 0, e = std::min(inPadding, dilation); i < e; ++i) {
    int64_t behind = pad - i * stride,
            taps = (behind + dilation - 1) / dilation;
    if (taps >= kernel || taps * dilation - behind >= extent)
      return false;
  }
  return true;
}

LogicalResult mpc::detail::inferPool(const InferContext &ctx,
                                     RankedTensorType input,
                                     const Window &window, Layout layout,
                                     SmallVectorImpl<int64_t> &shape) {
  int64_t rank = input.getRank();
  if (rank < 3 || rank > 5) // (C1)
    return ctx.error("expected an input of rank 3 to 5, but got ", input);
  if (failed(checkWindow(ctx, window, rank - 2))) // (C2)
    return failure();

  ArrayRef<int64_t> extents =
      input.getShape().slice(getFirstSpatialDim(layout), rank - 2);
  SmallVector<int64_t> spatial;
  if (failed(inferWindow(ctx, window, extents, spatial))) // (C3)
    return failure();
  for (auto [dim, extent] : llvm::enumerate(extents))
    if (!everyWindowHoldsAnElement(extent, spatial[dim], window.kernel[dim],
                                   window.strides[dim], window.dilations[dim],
                                   window.pads[dim])) // (C3)
      return ctx.error("expected an element of the input in every window, but "
                       "in spatial dimension ",
                       dim, " of size ", extent,
                       " a window lies in the padding");
  shape = arrangeShape(layout, input.getDimSize(0),
                       input.getDimSize(getChannelDim(layout, rank)), spatial);
  return success();
}

template <typename Adaptor>
static LogicalResult inferPoolType(const InferContext &ctx, Adaptor adaptor,
                                   SmallVectorImpl<Type> &types) {
  RankedTensorType input = ranked(ctx, adaptor.getInput().getType(), "input");
  SmallVector<int64_t> shape;
  if (!input || failed(inferPool(ctx, input,
                                 {adaptor.getKernel(), adaptor.getStrides(),
                                  adaptor.getDilations(), adaptor.getPads()},
                                 adaptor.getLayout(), shape)))
    return failure();
  types.push_back(RankedTensorType::get(shape, input.getElementType()));
  return success();
}

LogicalResult MaxPoolOp::inferReturnTypes(MLIRContext *,
                                          std::optional<Location> loc,
                                          Adaptor adaptor,
                                          SmallVectorImpl<Type> &types) {
  return inferPoolType({getOperationName(), loc}, adaptor, types);
}
LogicalResult MaxPoolOp::verify() { return verifyComparedElementType(*this); }
QuantRole MaxPoolOp::getQuantRole() { return QuantRole::Passthrough; }
bool MaxPoolOp::wantsChannelsLast() {
  return getLayout() == Layout::ChannelsFirst;
}
void MaxPoolOp::setChannelsLast() { setLayout(Layout::ChannelsLast); }

LogicalResult AveragePoolOp::inferReturnTypes(MLIRContext *,
                                              std::optional<Location> loc,
                                              Adaptor adaptor,
                                              SmallVectorImpl<Type> &types) {
  return inferPoolType({getOperationName(), loc}, adaptor, types);
}
LogicalResult AveragePoolOp::verify() {
  if (std::optional<ArrayRef<int64_t>> extra = getCeilExtra()) { // (C4)
    size_t spatialRank = getKernel().size();
    if (extra->size() != spatialRank)
      return emitOpError() << "expected " << spatialRank
                           << " entries of ceil_extra, but got "
                           << extra->size();
    for (auto [dim, count] : llvm::enumerate(*extra))
      if (count < 0 || count > getPads()[spatialRank + dim])
        return emitOpError()
               << "expected ceil_extra between 0 and the padding at the end, "
               << getPads()[spatialRank + dim] << ", but got " << count;
  }
  return verifyComputedElementType(*this);
}
QuantRole AveragePoolOp::getQuantRole() { return QuantRole::Average; }
bool AveragePoolOp::wantsChannelsLast() {
  return getLayout() == Layout::ChannelsFirst;
}
void AveragePoolOp::setChannelsLast() { setLayout(Layout::ChannelsLast); }

//===----------------------------------------------------------------------===//
// ReduceOp
//===----------------------------------------------------------------------===//

LogicalResult ReduceOp::inferReturnTypes(MLIRContext *,
                                         std::optional<Location> loc,
                                         Adaptor adaptor,
                                         SmallVectorImpl<Type> &types) {
  InferContext ctx{getOperationName(), loc};
  RankedTensorType input = ranked(ctx, adaptor.getInput().getType(), "input");
  if (!input)
    return failure();
  if (failed(checkReducedAxes(ctx, input, adaptor.getAxes()))) // (C1), (C2)
    return failure();
  SmallVector<int64_t> shape(input.getShape());
  for (int64_t axis : adaptor.getAxes())
    shape[axis] = 1;
  if (!adaptor.getKeepdims())
    for (int64_t axis : llvm::reverse(adaptor.getAxes()))
      shape.erase(shape.begin() + axis);
  types.push_back(RankedTensorType::get(shape, input.getElementType()));
  return success();
}

static bool selectsElements(ReduceKind kind) {
  return kind == ReduceKind::Max || kind == ReduceKind::Min;
}

LogicalResult ReduceOp::verify() {
  return selectsElements(getKind()) ? verifyComparedElementType(*this)
                                    : verifyComputedElementType(*this);
}

QuantRole ReduceOp::getQuantRole() {
  switch (getKind()) {
  case ReduceKind::Max:
  case ReduceKind::Min:
    return QuantRole::Passthrough;
  case ReduceKind::Sum:
  case ReduceKind::Mean:
    return QuantRole::Average;
  case ReduceKind::Prod:
  case ReduceKind::L1:
  case ReduceKind::L2:
  case ReduceKind::SumSquare:
    return QuantRole::Float;
  }
  llvm_unreachable("all kinds are listed");
}

// Without keepdims the result has another rank, and no permutation of the
// operand's dimensions fits it.
bool ReduceOp::canSinkTranspose(ArrayRef<int64_t> perm) {
  return getKeepdims();
}
void ReduceOp::sinkTranspose(ArrayRef<int64_t> perm) {
  SmallVector<int64_t> axes;
  for (int64_t axis : getAxes())
    axes.push_back(perm[axis]);
  llvm::sort(axes);
  setAxes(axes);
}

//===----------------------------------------------------------------------===//
// Softmax and the like
//===----------------------------------------------------------------------===//

static LogicalResult inferSoftmax(const InferContext &ctx, Value input,
                                  int64_t axis, SmallVectorImpl<Type> &types) {
  RankedTensorType type = ranked(ctx, input.getType(), "input");
  if (!type)
    return failure();
  if (axis < 0 || axis >= type.getRank()) // (C1)
    return ctx.error("expected 0 <= axis < ", type.getRank(), ", but got ",
                     axis);
  types.push_back(type);
  return success();
}

LogicalResult SoftmaxOp::inferReturnTypes(MLIRContext *,
                                          std::optional<Location> loc,
                                          Adaptor adaptor,
                                          SmallVectorImpl<Type> &types) {
  return inferSoftmax({getOperationName(), loc}, adaptor.getInput(),
                      adaptor.getAxis(), types);
}
LogicalResult SoftmaxOp::verify() { return verifyComputedElementType(*this); }
QuantRole SoftmaxOp::getQuantRole() { return QuantRole::Float; }
bool SoftmaxOp::canSinkTranspose(ArrayRef<int64_t> perm) { return true; }
void SoftmaxOp::sinkTranspose(ArrayRef<int64_t> perm) {
  setAxis(perm[getAxis()]);
}

LogicalResult LogSoftmaxOp::inferReturnTypes(MLIRContext *,
                                             std::optional<Location> loc,
                                             Adaptor adaptor,
                                             SmallVectorImpl<Type> &types) {
  return inferSoftmax({getOperationName(), loc}, adaptor.getInput(),
                      adaptor.getAxis(), types);
}
LogicalResult LogSoftmaxOp::verify() {
  return verifyComputedElementType(*this);
}
QuantRole LogSoftmaxOp::getQuantRole() { return QuantRole::Float; }
bool LogSoftmaxOp::canSinkTranspose(ArrayRef<int64_t> perm) { return true; }
void LogSoftmaxOp::sinkTranspose(ArrayRef<int64_t> perm) {
  setAxis(perm[getAxis()]);
}

//===----------------------------------------------------------------------===//
// BatchNormOp
//===----------------------------------------------------------------------===//

LogicalResult BatchNormOp::inferReturnTypes(MLIRContext *,
                                            std::optional<Location> loc,
                                            Adaptor adaptor,
                                            SmallVectorImpl<Type> &types) {
  InferContext ctx{getOperationName(), loc};
  RankedTensorType input = ranked(ctx, adaptor.getInput().getType(), "input");
  if (!input)
    return failure();
  if (input.getRank() < 2)
    return ctx.error("expected an input of rank >= 2, but got ", input);
  for (Value parameter : adaptor.getOperands().drop_front()) {
    RankedTensorType type = ranked(ctx, parameter.getType(), "a parameter");
    if (!type)
      return failure();
    if (type.getShape() != ArrayRef<int64_t>(input.getDimSize(1))) // (C1)
      return ctx.error("expected parameters of shape [", input.getDimSize(1),
                       "], but got ", type);
  }
  types.push_back(input);
  return success();
}
LogicalResult BatchNormOp::verify() { return verifyComputedElementType(*this); }
QuantRole BatchNormOp::getQuantRole() { return QuantRole::Float; }
SmallVector<OpOperand *> BatchNormOp::getActivationOperands() {
  return {&getInputMutable()};
}
