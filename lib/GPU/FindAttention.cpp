//===- FindAttention.cpp - products of probabilities with values ----------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Tiles are chosen group by group, before anything says which groups run
// together. This looks at the calls in front of one.
//
//===----------------------------------------------------------------------===//

#include "GPUTiling.h"
#include "OnlineAttention.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/SymbolTable.h"
#include "mpc/Codegen/ContractionInfo.h"

using namespace mlir;
using namespace mpc;

/// Groups between two products at most.
static constexpr unsigned kMostGroups = 6;

static bool isBatched(linalg::LinalgOp op) {
  FailureOr<ContractionInfo> info = ContractionInfo::match(op);
  return succeeded(info) && info->batched;
}

/// Whether `value` is what groups have made, element by element or row by row,
/// of a product whose operands are both computed.
static bool isOfProduct(Value value) {
  for (unsigned i = 0; i <= kMostGroups; ++i) {
    auto call = value.getDefiningOp<func::CallOp>();
    auto callee = call ? SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(
                             call, call.getCalleeAttr())
                       : func::FuncOp();
    if (!callee)
      return false;
    if (callee
            .walk([](linalg::LinalgOp op) {
              return isBatched(op) ? WalkResult::interrupt()
                                   : WalkResult::advance();
            })
            .wasInterrupted())
      return true;
    auto shape = cast<ShapedType>(value.getType()).getShape();
    auto same = llvm::find_if(call.getOperands(), [&](Value operand) {
      auto type = dyn_cast<ShapedType>(operand.getType());
      return type && type.getShape() == shape &&
             operand.getDefiningOp<func::CallOp>();
    });
    if (same == call.operand_end())
      return false;
    value = *same;
  }
  return false;
}

bool mpc::isOfAttention(linalg::LinalgOp op, const ContractionInfo &info) {
  auto probabilities = dyn_cast<BlockArgument>(op.getDpsInputOperand(0)->get());
  auto function = op->getParentOfType<func::FuncOp>();
  Type element = getElementTypeOrSelf(op.getDpsInputOperand(0)->get());
  if (!info.batched || info.channels > kOnlineColumns || !probabilities ||
      !function || !(element.isF16() || element.isBF16()))
    return false;
  auto uses = SymbolTable::getSymbolUses(function, function->getParentOp());
  return uses && llvm::any_of(*uses, [&](SymbolTable::SymbolUse use) {
           auto call = dyn_cast<func::CallOp>(use.getUser());
           return call &&
                  isOfProduct(call.getOperand(probabilities.getArgNumber()));
         });
}
