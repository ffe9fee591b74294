//===- BufferViews.cpp - what passes over rows know of buffers ------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpc/Codegen/BufferViews.h"
#include "mlir/Interfaces/ViewLikeInterface.h"

using namespace mlir;
using namespace mpc;

bool mpc::isView(Operation *op) {
  return isa<memref::ExpandShapeOp, memref::CollapseShapeOp, memref::SubViewOp>(
      op);
}

Value mpc::getRoot(Value buffer) {
  while (auto view = buffer.getDefiningOp<ViewLikeOpInterface>())
    buffer = view.getViewSource();
  return buffer;
}

int64_t mpc::getBytes(MemRefType type) {
  int64_t bits = std::max(8u, type.getElementTypeBitWidth());
  for (int64_t size : type.getShape())
    bits *= ShapedType::isDynamic(size) ? 1 : size;
  return llvm::divideCeil(bits, 8);
}

std::pair<Value, int64_t> mpc::getExtent(Value buffer, int64_t dim) {
  auto type = cast<MemRefType>(buffer.getType());
  while (type.isDynamicDim(dim)) {
    auto alloc = buffer.getDefiningOp<memref::AllocOp>();
    if (!alloc)
      return {buffer, -dim - 1};
    Value size = alloc.getDynamicSizes()[type.getDynamicDimIndex(dim)];
    auto dimOp = size.getDefiningOp<memref::DimOp>();
    if (!dimOp || !dimOp.getConstantIndex())
      return {size, 0};
    buffer = dimOp.getSource();
    dim = *dimOp.getConstantIndex();
    type = cast<MemRefType>(buffer.getType());
  }
  return {Value(), type.getDimSize(dim)};
}

bool mpc::keepsDimension(memref::SubViewOp view, unsigned dim) {
  if (getConstantIntValue(view.getMixedOffsets()[dim]) != 0 ||
      getConstantIntValue(view.getMixedStrides()[dim]) != 1)
    return false;
  OpFoldResult size = view.getMixedSizes()[dim];
  MemRefType source = view.getSourceType();
  if (!source.isDynamicDim(dim))
    return getConstantIntValue(size) == source.getDimSize(dim);
  auto value = dyn_cast<Value>(size);
  if (!value)
    return false;
  auto of = value.getDefiningOp<memref::DimOp>();
  if (of && of.getSource() == view.getSource() &&
      of.getConstantIndex() == static_cast<int64_t>(dim))
    return true;
  auto alloc = view.getSource().getDefiningOp<memref::AllocOp>();
  return alloc &&
         alloc.getDynamicSizes()[source.getDynamicDimIndex(dim)] == value;
}

Value mpc::createView(OpBuilder &builder, Operation *view, Value source,
                      ArrayRef<int64_t> shape) {
  Location loc = view->getLoc();
  if (auto expand = dyn_cast<memref::ExpandShapeOp>(view))
    return memref::ExpandShapeOp::create(builder, loc, shape, source,
                                         expand.getReassociationIndices());
  if (auto collapse = dyn_cast<memref::CollapseShapeOp>(view))
    return memref::CollapseShapeOp::create(builder, loc, source,
                                           collapse.getReassociationIndices());
  auto part = cast<memref::SubViewOp>(view);
  SmallVector<OpFoldResult> sizes = part.getMixedSizes();
  for (auto [size, known] : llvm::zip_equal(sizes, shape))
    if (!ShapedType::isDynamic(known))
      size = builder.getIndexAttr(known);
  return memref::SubViewOp::create(builder, loc, source, part.getMixedOffsets(),
                                   sizes, part.getMixedStrides());
}

void mpc::eraseWithViews(ArrayRef<Value> buffers) {
  SmallVector<Operation *> dead;
  for (Value buffer : buffers)
    dead.push_back(buffer.getDefiningOp());
  for (unsigned i = 0; i < dead.size(); ++i)
    llvm::append_range(dead, dead[i]->getUsers());
  // Users of several of them, such as a buffer of another one's size, are there
  // more than once: they go before all that they use.
  llvm::SmallPtrSet<Operation *, 16> erased;
  for (Operation *op : llvm::reverse(dead))
    if (erased.insert(op).second)
      op->erase();
}
