//===- NormalizationOps.cpp - normalisation, running sums -----------------===//
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
// NormalizeOp
//===----------------------------------------------------------------------===//

LogicalResult NormalizeOp::inferReturnTypes(MLIRContext *,
                                            std::optional<Location> loc,
                                            Adaptor adaptor,
                                            SmallVectorImpl<Type> &types) {
  InferContext ctx{getOperationName(), loc};
  RankedTensorType input = ranked(ctx, adaptor.getInput().getType(), "input");
  if (!input)
    return failure();
  if (adaptor.getAxes().empty()) // (C1)
    return ctx.error("expected at least one axis");
  if (failed(checkReducedAxes(ctx, input, adaptor.getAxes()))) // (C1), (C2)
    return failure();
  types.push_back(input);
  return success();
}

LogicalResult NormalizeOp::verify() {
  APFloat epsilon = getEpsilon();
  if (!epsilon.isFinite() ||
      (epsilon.isNegative() && !epsilon.isZero())) // (C3)
    return emitOpError() << "expected a finite epsilon >= 0, but got "
                         << epsilon.convertToDouble();
  return verifyComputedElementType(*this);
}

QuantRole NormalizeOp::getQuantRole() { return QuantRole::Float; }

bool NormalizeOp::canSinkTranspose(ArrayRef<int64_t> perm) { return true; }
void NormalizeOp::sinkTranspose(ArrayRef<int64_t> perm) {
  SmallVector<int64_t> axes =
      llvm::map_to_vector(getAxes(), [&](int64_t axis) { return perm[axis]; });
  llvm::sort(axes);
  setAxes(axes);
}

//===----------------------------------------------------------------------===//
// CumulateOp
//===----------------------------------------------------------------------===//

LogicalResult CumulateOp::inferReturnTypes(MLIRContext *,
                                           std::optional<Location> loc,
                                           Adaptor adaptor,
                                           SmallVectorImpl<Type> &types) {
  InferContext ctx{getOperationName(), loc};
  RankedTensorType input = ranked(ctx, adaptor.getInput().getType(), "input");
  if (!input)
    return failure();
  int64_t axis = adaptor.getAxis();
  if (axis < 0 || axis >= input.getRank()) // (C1)
    return ctx.error("expected 0 <= axis < ", input.getRank(), ", but got ",
                     axis);
  if (input.isDynamicDim(axis)) // (C1)
    return ctx.error("expected an axis of static size, but axis ", axis, " of ",
                     input, " is the symbolic batch");
  types.push_back(input);
  return success();
}

LogicalResult CumulateOp::verify() {
  if (getKind() != ReduceKind::Sum && getKind() != ReduceKind::Prod) // (C2)
    return emitOpError() << "expected kind sum or prod, but got "
                         << stringifyReduceKind(getKind());
  return verifyComputedElementType(*this);
}

bool CumulateOp::canSinkTranspose(ArrayRef<int64_t> perm) { return true; }
void CumulateOp::sinkTranspose(ArrayRef<int64_t> perm) {
  setAxis(perm[getAxis()]);
}
