//===- ObserveRanges.cpp - the model also returns what it saw -------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mpc/Dialect/MPC/MPCDialect.h"
#include "mpc/Transforms/ContractionWeights.h"
#include "mpc/Transforms/Exposure.h"
#include "mpc/Transforms/Passes.h"
#include "mpc/Transforms/Ranges.h"

namespace mpc {
#define GEN_PASS_DEF_OBSERVERANGES
#include "mpc/Transforms/Passes.h.inc"
} // namespace mpc

using namespace mlir;
using namespace mpc;

/// What `build` computes from `inputs`, in a group of its own.
static Value createGroup(OpBuilder &builder, Location loc, StringRef name,
                         RankedTensorType type, ValueRange inputs,
                         llvm::function_ref<Value(ValueRange)> build) {
  auto group = GroupOp::create(builder, loc, TypeRange(type),
                               builder.getStringAttr(name), inputs,
                               PrecisionAttr(), StringAttr(), RangeAttr());
  OpBuilder::InsertionGuard guard(builder);
  if (group.getBody().empty())
    group.getBody().emplaceBlock();
  Block &body = group.getBody().front();
  for (Value input : inputs)
    body.addArgument(input.getType(), input.getLoc());
  builder.setInsertionPointToEnd(&body);
  YieldOp::create(builder, loc, build(body.getArguments()));
  return group.getResult(0);
}

namespace {
struct ObserveRangesPass : mpc::impl::ObserveRangesBase<ObserveRangesPass> {
  using ObserveRangesBase::ObserveRangesBase;
  void runOnOperation() override {
    for (func::FuncOp func : getOperation().getOps<func::FuncOp>())
      if (!func.isExternal() && func.isPublic() && failed(observe(func)))
        return signalPassFailure();
  }

private:
  LogicalResult observe(func::FuncOp func) {
    if (!func.getBody().hasOneBlock())
      return func.emitOpError("expected one block, but got control flow");
    for (unsigned i = 0; i < func.getNumResults(); ++i)
      if (func.getResultAttr(i, kObservesAttrName))
        return func.emitOpError("is observed already: result ")
               << i << " is " << kObservesAttrName;

    // What is observed, in the order of the function: inputs, then what groups
    // store and what loops and branches give.
    SmallVector<std::pair<Value, std::string>> observed;
    for (BlockArgument argument : func.getArguments())
      observed.push_back(
          {argument, mpc::getArgumentName(func, argument.getArgNumber())});
    for (Operation &op : func.getBody().front())
      if (mpc::isObserved(&op))
        for (OpResult result : op.getResults())
          observed.push_back({result, mpc::getResultName(result)});

    // Contractions with constant weights, in the order in which a table has
    // them.
    struct Contraction {
      StringAttr name;
      Value input;
      int64_t channels;
    };
    SmallVector<Contraction> contractions;
    for (auto group : func.getOps<GroupOp>())
      if (auto weights = ContractionWeights::get(group))
        contractions.push_back({group.getNameAttr(), weights->getInput(),
                                weights->getNumInputs()});
    llvm::sort(contractions, [](const Contraction &a, const Contraction &b) {
      return a.name.getValue() < b.name.getValue();
    });

    OpBuilder builder(func.getContext());
    // Right behind the value, while it is in the cache; behind the constants
    // for an input.
    auto insertBehind = [&](Value value) {
      if (Operation *owner = value.getDefiningOp())
        builder.setInsertionPointAfter(owner);
      else
        builder.setInsertionPointToStart(&func.getBody().front());
    };
    for (auto &[value, name] : observed) {
      auto type = dyn_cast<RankedTensorType>(value.getType());
      if (!type || !isArithmeticFloat(type.getElementType()))
        continue;
      insertBehind(value);
      Location loc = value.getLoc();
      StringAttr tensor = builder.getStringAttr(name);
      auto rangeType = RankedTensorType::get({2}, builder.getF32Type());
      Value range =
          createGroup(builder, loc, "observe:" + name, rangeType, value,
                      [&](ValueRange inputs) -> Value {
                        return ObserveOp::create(builder, loc, rangeType,
                                                 inputs[0], tensor);
                      });
      exposeValue(func, range, kObservesAttrName, name);
      if (!histograms)
        continue;
      auto countsType =
          RankedTensorType::get({kHistogramBins}, builder.getI64Type());
      Value counts = createGroup(
          builder, loc, "histogram:" + name, countsType, {value, range},
          [&](ValueRange inputs) -> Value {
            return HistogramOp::create(builder, loc, countsType, inputs[0],
                                       inputs[1], tensor);
          });
      exposeValue(func, counts, kCountsAttrName, name);
    }
    for (auto [name, input, channels] : contractions) {
      insertBehind(input);
      Location loc = input.getLoc();
      auto type = RankedTensorType::get({channels + 1}, builder.getI64Type());
      Value sums = createGroup(builder, loc, "sums:" + name.str(), type, input,
                               [&, name = name](ValueRange inputs) -> Value {
                                 return ChannelSumsOp::create(
                                     builder, loc, type, inputs[0], name);
                               });
      exposeValue(func, sums, kSumsAttrName, name);
    }
    return success();
  }
};
} // namespace
