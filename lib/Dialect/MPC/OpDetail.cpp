//===- OpDetail.cpp - what ops of the mpc dialect share -------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "OpDetail.h"
#include "llvm/ADT/SmallBitVector.h"

using namespace mlir;
using namespace mpc;
using namespace mpc::detail;

/// Window attributes beyond this are no model's; below it no size computation
/// in 128 bits overflows.
static constexpr int64_t kMaxWindowAttribute = int64_t(1) << 31;

static std::string printShape(ArrayRef<int64_t> shape) {
  std::string text = "[";
  for (auto [index, size] : llvm::enumerate(shape)) {
    if (index)
      text += ", ";
    text += ShapedType::isDynamic(size) ? "?" : std::to_string(size);
  }
  return text + "]";
}

RankedTensorType mpc::detail::ranked(const InferContext &ctx, Type type,
                                     StringRef what) {
  auto tensor = dyn_cast_or_null<RankedTensorType>(type);
  if (!tensor)
    (void)ctx.error("expected ", what, " to be a ranked tensor, but got ",
                    type);
  return tensor;
}

LogicalResult mpc::detail::broadcastShapes(const InferContext &ctx,
                                           ArrayRef<int64_t> lhs,
                                           ArrayRef<int64_t> rhs,
                                           SmallVectorImpl<int64_t> &result) {
  int64_t rank = std::max(lhs.size(), rhs.size());
  SmallVector<int64_t> shape(rank, 1);
  auto sizeAt = [&](ArrayRef<int64_t> from, int64_t dim) -> int64_t {
    int64_t index = dim - (rank - int64_t(from.size()));
    return index < 0 ? 1 : from[index];
  };
  for (int64_t dim = 0; dim < rank; ++dim) {
    int64_t l = sizeAt(lhs, dim), r = sizeAt(rhs, dim);
    if (l != r && l != 1 && r != 1)
      return ctx.error("expected shapes that broadcast, but got ",
                       printShape(lhs), " and ", printShape(rhs));
    shape[dim] = l == 1 ? r : l;
  }
  result.assign(shape.begin(), shape.end());
  return success();
}

LogicalResult mpc::detail::checkPermutation(const InferContext &ctx,
                                            ArrayRef<int64_t> perm,
                                            int64_t rank) {
  llvm::SmallBitVector seen(rank);
  for (int64_t dim : perm)
    if (dim >= 0 && dim < rank)
      seen.set(dim);
  if (int64_t(perm.size()) != rank || !seen.all())
    return ctx.error("expected perm to be a permutation of ", rank,
                     " dimensions, but got ", printShape(perm));
  return success();
}

LogicalResult mpc::detail::checkReducedAxes(const InferContext &ctx,
                                            RankedTensorType input,
                                            ArrayRef<int64_t> axes) {
  int64_t before = -1;
  for (int64_t axis : axes) {
    if (axis <= before || axis >= input.getRank())
      return ctx.error("expected distinct, sorted axes below the rank ",
                       input.getRank(), ", but got ", axis, " after ", before);
    if (input.isDynamicDim(axis))
      return ctx.error("expected axes of static size, but axis ", axis, " of ",
                       input, " is the symbolic batch");
    before = axis;
  }
  return success();
}

LogicalResult mpc::detail::checkWindow(const InferContext &ctx,
                                       const Window &window,
                                       int64_t spatialRank) {
  auto check = [&](ArrayRef<int64_t> values, StringRef what, int64_t count,
                   int64_t least) -> LogicalResult {
    if (int64_t(values.size()) != count)
      return ctx.error("expected ", count, " ", what, " for ", spatialRank,
                       " spatial dimensions, but got ", values.size());
    for (int64_t value : values) {
      if (value < least)
        return ctx.error("expected ", what, " >= ", least, ", but got ",
                         printShape(values));
      if (value >= kMaxWindowAttribute)
        return ctx.error("expected ", what, " below ", kMaxWindowAttribute,
                         ", but got ", printShape(values));
    }
    return success();
  };
  return success(
      succeeded(check(window.kernel, "kernel sizes", spatialRank, 1)) &&
      succeeded(check(window.strides, "strides", spatialRank, 1)) &&
      succeeded(check(window.dilations, "dilations", spatialRank, 1)) &&
      succeeded(check(window.pads, "pads", 2 * spatialRank, 0)));
}

LogicalResult mpc::detail::inferWindow(const InferContext &ctx,
                                       const Window &window,
                                       ArrayRef<int64_t> input,
                                       SmallVectorImpl<int64_t> &result) {
  size_t rank = input.size();
  for (size_t i = 0; i < rank; ++i) {
    if (ShapedType::isDynamic(input[i]))
      return ctx.error(
          "expected static sizes in the spatial dimensions, but got ",
          printShape(input));
    __int128 padded =
        __int128(input[i]) + window.pads[i] + window.pads[rank + i];
    __int128 extent = __int128(window.kernel[i] - 1) * window.dilations[i] + 1;
    if (extent > padded)
      return ctx.error("expected the dilated kernel to fit into the padded "
                       "input, but in spatial dimension ",
                       i, " it covers ", int64_t(extent), " of ",
                       int64_t(padded), " elements");
    result.push_back(int64_t((padded - extent) / window.strides[i] + 1));
  }
  return success();
}

SmallVector<int64_t> mpc::detail::arrangeShape(Layout layout, int64_t batch,
                                               int64_t channels,
                                               ArrayRef<int64_t> spatial) {
  SmallVector<int64_t> shape = {batch};
  if (layout == Layout::ChannelsFirst)
    shape.push_back(channels);
  llvm::append_range(shape, spatial);
  if (layout == Layout::ChannelsLast)
    shape.push_back(channels);
  return shape;
}

LogicalResult mpc::detail::verifySameElementTypes(Operation *op) {
  Type expected = getElementTypeOrSelf(op->getResult(0));
  for (auto [index, operand] : llvm::enumerate(op->getOperands()))
    if (Type got = getElementTypeOrSelf(operand); got != expected)
      return op->emitOpError() << "expected operand #" << index
                               << " to have the result's element type "
                               << expected << ", but got " << got;
  return success();
}

LogicalResult mpc::detail::verifyComparedElementType(Operation *op) {
  Type type = getElementTypeOrSelf(op->getOperand(0));
  if (isStorageOnly(type))
    return op->emitOpError()
           << "expected elements that can be compared, but got " << type;
  return verifySameElementTypes(op);
}

LogicalResult mpc::detail::verifyComputedElementType(Operation *op) {
  Type from = getElementTypeOrSelf(op->getOperand(0)),
       to = getElementTypeOrSelf(op->getResult(0));
  bool legal =
      (from == to && !isStorageOnly(from)) ||
      (isArithmeticFloat(from) && isArithmeticFloat(to)) ||
      (isa<quant::QuantizedType>(from) && isa<quant::QuantizedType>(to));
  if (isStorageOnly(from))
    return op->emitOpError()
           << "expected elements to compute with, but got " << from
           << ", which can only be moved and converted";
  if (!legal)
    return op->emitOpError()
           << "expected a result computed from elements of type " << from
           << ", but got elements of type " << to;
  return success();
}
