//===- LoopOps.cpp - tensors of loops -------------------------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpc/Dialect/MPC/MPCDialect.h"

using namespace mlir;
using namespace mpc;

/// (C1), (C3) of extract_step and insert_step.
static LogicalResult verifyStep(Operation *op, RankedTensorType sequence,
                                RankedTensorType step) {
  if (sequence.getRank() == 0 || sequence.isDynamicDim(0) ||
      sequence.getDimSize(0) == 0)
    return op->emitOpError() << "expected a sequence whose first dimension has "
                                "a fixed size of at least 1, but got "
                             << sequence;
  if (sequence.getElementType() != step.getElementType())
    return op->emitOpError()
           << "expected elements of type " << sequence.getElementType()
           << ", but got " << step.getElementType();
  return success();
}

LogicalResult ExtractStepOp::verify() {
  RankedTensorType sequence = getInput().getType(), step = getType();
  if (failed(verifyStep(*this, sequence, step)))
    return failure();
  // (C2)
  ArrayRef<int64_t> whole = sequence.getShape().drop_front();
  auto mismatch = [&]() {
    return emitOpError() << "expected a step of " << sequence << " from offset "
                         << getOffset() << " on, but got " << step;
  };
  if (step.getRank() != static_cast<int64_t>(whole.size()))
    return mismatch();
  int64_t offset = getOffset();
  if (whole.empty())
    return offset == 0 ? success() : mismatch();
  if (whole.drop_back() != step.getShape().drop_back())
    return mismatch();
  int64_t size = step.getShape().back();
  if (size == whole.back())
    return offset == 0 ? success() : mismatch();
  if (ShapedType::isDynamic(whole.back()) || ShapedType::isDynamic(size) ||
      offset < 0 || size > whole.back() || offset > whole.back() - size)
    return mismatch();
  return success();
}

LogicalResult InsertStepOp::verify() {
  RankedTensorType sequence = getSequence().getType(),
                   step = getValue().getType();
  if (failed(verifyStep(*this, sequence, step)))
    return failure();
  if (sequence.getShape().drop_front() != step.getShape()) // (C2)
    return emitOpError() << "expected a step of " << sequence << ", but got "
                         << step;
  return success();
}
