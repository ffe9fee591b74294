//===- PositionOps.cpp - verifiers of ops whose positions are data -------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/OpImplementation.h"
#include "mpc/Dialect/Kernel/KernelDialect.h"

using namespace mlir;
using namespace mpc::kernel;

using Effects =
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>;

static void addMemRefEffect(Effects &effects, OpOperand &operand,
                            MemoryEffects::Effect *effect) {
  if (isa<MemRefType>(operand.get().getType()))
    effects.emplace_back(effect, &operand, SideEffects::DefaultResource::get());
}

/// All operands are tensors and there is one result, or all are memrefs.
template <typename OpTy> static LogicalResult verifyDestination(OpTy op) {
  bool onTensors = isa<RankedTensorType>(op.getOut().getType());
  for (Value operand : op->getOperands())
    if (isa<RankedTensorType>(operand.getType()) != onTensors)
      return op.emitOpError("expected all operands to be ")
             << (onTensors ? "tensors" : "memrefs") << ", but got "
             << operand.getType();
  if (op->getNumResults() != (onTensors ? 1u : 0u))
    return op.emitOpError("expected ")
           << (onTensors ? "one result" : "no result") << ", but got "
           << op->getNumResults();
  if (onTensors && op->getResult(0).getType() != op.getOut().getType())
    return op.emitOpError("expected a result of type ")
           << op.getOut().getType() << ", but got "
           << op->getResult(0).getType();
  return success();
}

/// A region of two arguments of `element` that yields a `result`.
static LogicalResult verifyRegion(Operation *op, Type element, Type result) {
  Block &block = op->getRegion(0).front();
  if (block.getArgumentTypes() != ArrayRef<Type>{element, element})
    return op->emitOpError("expected a region of two arguments of type ")
           << element;
  auto yield = dyn_cast<YieldOp>(block.getTerminator());
  if (!yield || yield.getValue().getType() != result)
    return op->emitOpError("expected the region to yield ") << result;
  return success();
}

//===----------------------------------------------------------------------===//
// ScatterOp
//===----------------------------------------------------------------------===//

LogicalResult ScatterOp::verify() {
  if (failed(verifyDestination(*this))) // C1
    return failure();
  auto indices = cast<ShapedType>(getIndices().getType());
  auto updates = cast<ShapedType>(getUpdates().getType());
  auto out = cast<ShapedType>(getOut().getType());
  if (std::optional<uint64_t> axis = getAxis()) {
    if (indices.getRank() != out.getRank() ||
        updates.getRank() != out.getRank() ||
        *axis >= static_cast<uint64_t>(out.getRank())) // C2
      return emitOpError("expected operands of one rank above the axis ")
             << *axis << ", but got " << indices << ", " << updates << " and "
             << out;
  } else {
    int64_t rank = indices.getRank();
    if (rank < 1 || indices.isDynamicDim(rank - 1)) // C2
      return emitOpError("expected indices with a static last size, but got ")
             << indices;
    int64_t coordinates = indices.getDimSize(rank - 1);
    if (coordinates > out.getRank() ||
        updates.getRank() != rank - 1 + out.getRank() - coordinates) // C2
      return emitOpError("expected updates of rank ")
             << rank - 1 + out.getRank() - coordinates << " for " << coordinates
             << " coordinates of " << out << ", but got " << updates;
  }
  if (!indices.getElementType().isSignlessInteger()) // C3
    return emitOpError("expected integers as indices, but got ") << indices;
  Type element = out.getElementType();
  if (updates.getElementType() != element) // C4
    return emitOpError("expected updates of ")
           << element << ", but got " << updates;
  return verifyRegion(*this, element, element); // C4
}

void ScatterOp::getEffects(Effects &effects) {
  addMemRefEffect(effects, getIndicesMutable(), MemoryEffects::Read::get());
  addMemRefEffect(effects, getUpdatesMutable(), MemoryEffects::Read::get());
  addMemRefEffect(effects, getOutMutable(), MemoryEffects::Read::get());
  addMemRefEffect(effects, getOutMutable(), MemoryEffects::Write::get());
}

//===----------------------------------------------------------------------===//
// TopKOp
//===----------------------------------------------------------------------===//

LogicalResult TopKOp::verify() {
  if (failed(verifyDestination(*this))) // C1
    return failure();
  auto input = cast<ShapedType>(getInput().getType());
  auto out = cast<ShapedType>(getOut().getType());
  if (input.getRank() != out.getRank() ||
      getAxis() >= static_cast<uint64_t>(out.getRank())) // C2
    return emitOpError("expected operands of one rank above the axis ")
           << getAxis() << ", but got " << input << " and " << out;
  if (input.isDynamicDim(getAxis()) || out.isDynamicDim(getAxis()) ||
      out.getDimSize(getAxis()) > input.getDimSize(getAxis())) // C3
    return emitOpError("expected an axis that is static and no longer in the "
                       "output than in the input, but got ")
           << input << " and " << out;
  if (!out.getElementType().isSignlessInteger(64)) // C4
    return emitOpError("expected an output of i64, but got ") << out;
  return verifyRegion(*this, input.getElementType(),
                      IntegerType::get(getContext(), 1)); // C5
}

void TopKOp::getEffects(Effects &effects) {
  addMemRefEffect(effects, getInputMutable(), MemoryEffects::Read::get());
  // The heap lies in the output.
  addMemRefEffect(effects, getOutMutable(), MemoryEffects::Read::get());
  addMemRefEffect(effects, getOutMutable(), MemoryEffects::Write::get());
}

//===----------------------------------------------------------------------===//
// HistogramOp
//===----------------------------------------------------------------------===//

LogicalResult HistogramOp::verify() {
  if (failed(verifyDestination(*this))) // C1
    return failure();
  auto input = cast<ShapedType>(getInput().getType());
  auto range = cast<ShapedType>(getRange().getType());
  auto out = cast<ShapedType>(getOut().getType());
  if (!isa<FloatType>(input.getElementType()) ||
      !range.getElementType().isF32() ||
      range.getShape() != ArrayRef<int64_t>(2)) // C2
    return emitOpError("expected floating-point numbers and a range of type "
                       "2xf32, but got ")
           << input << " and " << range;
  int64_t bins = out.getRank() == 1 ? out.getDimSize(0) : 0;
  if (!out.getElementType().isSignlessInteger(64) || bins < 4 || bins > 65536 ||
      !llvm::isPowerOf2_64(bins)) // C3
    return emitOpError("expected an output of one dimension of i64, whose size "
                       "is a power of two from 4 to 65536, but got ")
           << out;
  return success();
}

void HistogramOp::getEffects(Effects &effects) {
  addMemRefEffect(effects, getInputMutable(), MemoryEffects::Read::get());
  addMemRefEffect(effects, getRangeMutable(), MemoryEffects::Read::get());
  addMemRefEffect(effects, getOutMutable(), MemoryEffects::Read::get());
  addMemRefEffect(effects, getOutMutable(), MemoryEffects::Write::get());
}
