//===- Exposure.cpp - inner tensors among the results of @main ------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpc/Transforms/Exposure.h"
#include "mpc/Dialect/MPC/MPCDialect.h"
#include "mpc/Transforms/Ranges.h"

using namespace mlir;

void mpc::exposeValue(func::FuncOp func, Value value, StringRef key,
                      StringRef name) {
  Builder builder(func.getContext());
  Operation *terminator = func.getBody().front().getTerminator();
  terminator->insertOperands(terminator->getNumOperands(), value);
  NamedAttribute attr(builder.getStringAttr(key), builder.getStringAttr(name));
  // Fails only on results that a function type cannot have; a tensor can be.
  (void)func.insertResult(func.getNumResults(), value.getType(),
                          builder.getDictionaryAttr(attr));
}

void mpc::exposeGroups(func::FuncOp func) {
  SmallVector<OpResult> stored;
  for (Operation &op : func.getBody().front())
    if (isObserved(&op))
      for (OpResult result : op.getResults())
        if (isArithmeticFloat(getElementTypeOrSelf(result)))
          stored.push_back(result);
  for (OpResult result : stored)
    exposeValue(func, result, kExposesAttrName, getResultName(result));
}
