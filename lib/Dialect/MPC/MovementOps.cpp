//===- MovementOps.cpp - ops that move elements ---------------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "OpDetail.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mpc;
using namespace mpc::detail;

/// Whether perm is the identity.
static bool isIdentity(ArrayRef<int64_t> perm) {
  for (auto [index, dim] : llvm::enumerate(perm))
    if (int64_t(index) != dim)
      return false;
  return true;
}

/// One value per dimension moves with its dimension: what belongs to dimension
/// d of transpose(z, perm) belongs to dimension perm[d] of z.
static SmallVector<int64_t> moveWithDims(ArrayRef<int64_t> values,
                                         ArrayRef<int64_t> perm) {
  SmallVector<int64_t> moved(values.size());
  for (auto [value, dim] : llvm::zip_equal(values, perm))
    moved[dim] = value;
  return moved;
}

//===----------------------------------------------------------------------===//
// ReshapeOp
//===----------------------------------------------------------------------===//

/// Number of elements, of which the symbolic batch is left out; nothing on
/// overflow.
static std::optional<int64_t> countStaticElements(ArrayRef<int64_t> shape) {
  int64_t count = 1;
  for (int64_t size : shape)
    if (!ShapedType::isDynamic(size) && llvm::MulOverflow(count, size, count))
      return std::nullopt;
  return count;
}

LogicalResult ReshapeOp::verify() {
  RankedTensorType from = getInput().getType(), to = getResult().getType();
  auto countDynamic = [](RankedTensorType type) {
    return llvm::count_if(type.getShape(), ShapedType::isDynamic);
  };
  std::optional<int64_t> fromCount = countStaticElements(from.getShape()),
                         toCount = countStaticElements(to.getShape());
  // (C1)
  if (countDynamic(from) > 1 || countDynamic(to) > 1 ||
      countDynamic(from) != countDynamic(to))
    return emitOpError() << "expected the symbolic batch once on both sides or "
                            "on neither, but got "
                         << from << " and " << to;
  if (!fromCount || fromCount != toCount)
    return emitOpError() << "expected as many elements on both sides, but got "
                         << from << " and " << to;
  return verifySameElementTypes(*this); // (C2)
}

QuantRole ReshapeOp::getQuantRole() { return QuantRole::Passthrough; }

OpFoldResult ReshapeOp::fold(FoldAdaptor adaptor) {
  if (getInput().getType() == getResult().getType())
    return getInput();
  if (auto inner = getInput().getDefiningOp<ReshapeOp>()) {
    // What lies between does not matter.
    if (inner.getInput().getType() == getResult().getType())
      return inner.getInput();
    getInputMutable().set(inner.getInput());
    return getResult();
  }
  if (auto dense = dyn_cast_or_null<DenseElementsAttr>(adaptor.getInput()))
    if (getResult().getType().hasStaticShape())
      return dense.reshape(getResult().getType().clone(dense.getElementType()));
  if (auto resource = dyn_cast_or_null<DenseResourceElementsAttr>(
          adaptor.getInput())) // the same bytes
    if (getResult().getType().hasStaticShape())
      return DenseResourceElementsAttr::get(
          getResult().getType().clone(resource.getElementType()),
          resource.getRawHandle());
  return {};
}

//===----------------------------------------------------------------------===//
// TransposeOp
//===----------------------------------------------------------------------===//

LogicalResult TransposeOp::inferReturnTypes(MLIRContext *,
                                            std::optional<Location> loc,
                                            Adaptor adaptor,
                                            SmallVectorImpl<Type> &types) {
  InferContext ctx{getOperationName(), loc};
  RankedTensorType input = ranked(ctx, adaptor.getInput().getType(), "input");
  if (!input ||
      failed(checkPermutation(ctx, adaptor.getPerm(), input.getRank()))) // (C1)
    return failure();
  SmallVector<int64_t> shape;
  for (int64_t dim : adaptor.getPerm())
    shape.push_back(input.getDimSize(dim));
  Type element = input.getElementType();
  // Per-channel scales stay with their dimension.
  if (auto perAxis = dyn_cast<quant::UniformQuantizedPerAxisType>(element)) {
    int64_t axis =
        llvm::find(adaptor.getPerm(), perAxis.getQuantizedDimension()) -
        adaptor.getPerm().begin();
    element = quant::UniformQuantizedPerAxisType::get(
        perAxis.getFlags(), perAxis.getStorageType(),
        perAxis.getExpressedType(), perAxis.getScales(),
        perAxis.getZeroPoints(), axis, perAxis.getStorageTypeMin(),
        perAxis.getStorageTypeMax());
  }
  types.push_back(RankedTensorType::get(shape, element));
  return success();
}

LogicalResult TransposeOp::verify() {
  if (isa<quant::UniformQuantizedPerAxisType>(
          getInput().getType().getElementType()))
    return success(); // the axis moved
  return verifySameElementTypes(*this);
}

QuantRole TransposeOp::getQuantRole() { return QuantRole::Passthrough; }

OpFoldResult TransposeOp::fold(FoldAdaptor adaptor) {
  if (isIdentity(getPerm()) && getInput().getType() == getResult().getType())
    return getInput();
  if (auto inner = getInput().getDefiningOp<TransposeOp>()) {
    SmallVector<int64_t> perm;
    for (int64_t dim : getPerm())
      perm.push_back(inner.getPerm()[dim]);
    if (isIdentity(perm) && inner.getInput().getType() == getResult().getType())
      return inner.getInput();
    setPerm(perm);
    getInputMutable().set(inner.getInput());
    return getResult();
  }
  if (auto splat = dyn_cast_or_null<SplatElementsAttr>(adaptor.getInput()))
    return splat.resizeSplat(
        getResult().getType().clone(splat.getElementType()));
  return {};
}

bool TransposeOp::canSinkTranspose(ArrayRef<int64_t> perm) { return true; }

/// transpose(transpose(z, perm), p) = transpose(f'(z), perm) with f' =
/// transpose by perm^-1[...]: f' takes its dimension perm[d] from dimension
/// perm[p[d]] of z.
void TransposeOp::sinkTranspose(ArrayRef<int64_t> perm) {
  SmallVector<int64_t> sunk(perm.size());
  for (auto [dim, from] : llvm::enumerate(getPerm()))
    sunk[perm[dim]] = perm[from];
  setPerm(sunk);
}

//===----------------------------------------------------------------------===//
// ConcatOp
//===----------------------------------------------------------------------===//

LogicalResult ConcatOp::inferReturnTypes(MLIRContext *,
                                         std::optional<Location> loc,
                                         Adaptor adaptor,
                                         SmallVectorImpl<Type> &types) {
  InferContext ctx{getOperationName(), loc};
  if (adaptor.getInputs().empty()) // (C1)
    return ctx.error("expected at least one operand");
  RankedTensorType first =
      ranked(ctx, adaptor.getInputs().front().getType(), "an operand");
  if (!first)
    return failure();
  int64_t axis = adaptor.getAxis();
  if (axis < 0 || axis >= first.getRank()) // (C1)
    return ctx.error("expected 0 <= axis < ", first.getRank(), ", but got ",
                     axis);

  SmallVector<int64_t> shape(first.getShape());
  shape[axis] = 0;
  for (Value operand : adaptor.getInputs()) {
    RankedTensorType type = ranked(ctx, operand.getType(), "an operand");
    if (!type)
      return failure();
    SmallVector<int64_t> others(type.getShape());
    if (type.getRank() == first.getRank())
      others[axis] = shape[axis];
    if (others != shape) // (C2)
      return ctx.error("expected sizes that agree in all dimensions but ", axis,
                       ", but got ", first, " and ", type);
    if (type.isDynamicDim(axis)) // (C2)
      return ctx.error("expected a static size along the axis, but got ", type);
    if (llvm::AddOverflow(shape[axis], type.getDimSize(axis), shape[axis]))
      return ctx.error("expected fewer elements along the axis");
  }
  types.push_back(RankedTensorType::get(shape, first.getElementType()));
  return success();
}

LogicalResult ConcatOp::verify() {
  return verifySameElementTypes(*this);
} // (C3)
QuantRole ConcatOp::getQuantRole() { return QuantRole::Passthrough; }
SmallVector<OpOperand *> ConcatOp::getLayoutOperands() {
  SmallVector<OpOperand *> operands;
  for (OpOperand &operand : getInputsMutable())
    operands.push_back(&operand);
  return operands;
}
bool ConcatOp::canSinkTranspose(ArrayRef<int64_t> perm) { return true; }
void ConcatOp::sinkTranspose(ArrayRef<int64_t> perm) {
  setAxis(perm[getAxis()]);
}

//===----------------------------------------------------------------------===//
// SliceOp
//===----------------------------------------------------------------------===//

LogicalResult SliceOp::inferReturnTypes(MLIRContext *,
                                        std::optional<Location> loc,
                                        Adaptor adaptor,
                                        SmallVectorImpl<Type> &types) {
  InferContext ctx{getOperationName(), loc};
  RankedTensorType input = ranked(ctx, adaptor.getInput().getType(), "input");
  if (!input)
    return failure();
  ArrayRef<int64_t> starts = adaptor.getStarts(), sizes = adaptor.getSizes(),
                    steps = adaptor.getSteps();
  size_t rank = input.getRank();
  if (starts.size() != rank || sizes.size() != rank ||
      steps.size() != rank) // (C1)
    return ctx.error("expected ", rank, " starts, sizes and steps, but got ",
                     starts.size(), ", ", sizes.size(), " and ", steps.size());
  SmallVector<int64_t> shape;
  for (size_t dim = 0; dim < rank; ++dim) {
    int64_t start = starts[dim], size = sizes[dim], step = steps[dim],
            extent = input.getDimSize(dim);
    if (step == 0) // (C1)
      return ctx.error("expected steps other than 0, but dimension ", dim,
                       " has it");
    if (ShapedType::isDynamic(
            extent)) { // (C2): the symbolic batch whole or not at all
      if (start != 0 || size != -1 || step != 1)
        return ctx.error(
            "expected start 0, size -1 and step 1 in the symbolic dimension ",
            dim, ", but got ", start, ", ", size, " and ", step);
      shape.push_back(extent);
      continue;
    }
    __int128 last = __int128(start) + __int128(size - 1) * step;
    if (size < 0 || (size > 0 && (start < 0 || start >= extent || last < 0 ||
                                  last >= extent))) // (C2)
      return ctx.error("expected elements inside the input, but dimension ",
                       dim, " of size ", extent, " has start ", start,
                       ", size ", size, " and step ", step);
    shape.push_back(size);
  }
  types.push_back(RankedTensorType::get(shape, input.getElementType()));
  return success();
}

LogicalResult SliceOp::verify() { return verifySameElementTypes(*this); }
QuantRole SliceOp::getQuantRole() { return QuantRole::Passthrough; }
bool SliceOp::canSinkTranspose(ArrayRef<int64_t> perm) { return true; }
void SliceOp::sinkTranspose(ArrayRef<int64_t> perm) {
  setStarts(moveWithDims(getStarts(), perm));
  setSizes(moveWithDims(getSizes(), perm));
  setSteps(moveWithDims(getSteps(), perm));
}

//===----------------------------------------------------------------------===//
// PadOp
//===----------------------------------------------------------------------===//

LogicalResult PadOp::inferReturnTypes(MLIRContext *,
                                      std::optional<Location> loc,
                                      Adaptor adaptor,
                                      SmallVectorImpl<Type> &types) {
  InferContext ctx{getOperationName(), loc};
  RankedTensorType input = ranked(ctx, adaptor.getInput().getType(), "input");
  if (!input)
    return failure();
  ArrayRef<int64_t> low = adaptor.getLow(), high = adaptor.getHigh();
  if (int64_t(low.size()) != input.getRank() ||
      int64_t(high.size()) != input.getRank()) // (C1)
    return ctx.error("expected ", input.getRank(),
                     " entries of low and high, but got ", low.size(), " and ",
                     high.size());
  SmallVector<int64_t> shape;
  for (auto [dim, extent] : llvm::enumerate(input.getShape())) {
    if (low[dim] < 0 || high[dim] < 0) // (C1)
      return ctx.error("expected padding >= 0, but dimension ", dim, " has ",
                       low[dim], " and ", high[dim]);
    if (adaptor.getMode() != PadMode::Constant && extent == 0 &&
        (low[dim] != 0 || high[dim] != 0)) // (C2)
      return ctx.error("expected elements to pad with in dimension ", dim,
                       " of ", input);
    if (ShapedType::isDynamic(extent)) {
      if (low[dim] != 0 || high[dim] != 0) // (C1)
        return ctx.error("expected no padding in the symbolic dimension ", dim,
                         ", but got ", low[dim], " and ", high[dim]);
      shape.push_back(extent);
      continue;
    }
    int64_t size;
    if (llvm::AddOverflow(extent, low[dim], size) ||
        llvm::AddOverflow(size, high[dim], size))
      return ctx.error("expected fewer elements in dimension ", dim);
    shape.push_back(size);
  }
  types.push_back(RankedTensorType::get(shape, input.getElementType()));
  return success();
}

LogicalResult PadOp::verify() { return verifySameElementTypes(*this); }
QuantRole PadOp::getQuantRole() { return QuantRole::Passthrough; }
bool PadOp::canSinkTranspose(ArrayRef<int64_t> perm) { return true; }
void PadOp::sinkTranspose(ArrayRef<int64_t> perm) {
  setLow(moveWithDims(getLow(), perm));
  setHigh(moveWithDims(getHigh(), perm));
}

//===----------------------------------------------------------------------===//
// BroadcastOp
//===----------------------------------------------------------------------===//

LogicalResult BroadcastOp::verify() {
  InferContext ctx{getOperationName(), getLoc()};
  SmallVector<int64_t> shape;
  RankedTensorType to = getResult().getType();
  if (failed(broadcastShapes(ctx, getInput().getType().getShape(),
                             to.getShape(), shape))) // (C1)
    return failure();
  if (ArrayRef<int64_t>(shape) !=
      to.getShape()) // (C1): the result does not grow
    return emitOpError() << "expected an input that broadcasts to " << to
                         << ", but got " << getInput().getType();
  return verifySameElementTypes(*this); // (C2)
}

QuantRole BroadcastOp::getQuantRole() { return QuantRole::Passthrough; }
