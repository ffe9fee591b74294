//===- InsertSwitches.cpp - an input chooses among variants ---------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mpc/Dialect/MPC/MPCDialect.h"
#include "mpc/Transforms/Passes.h"
#include "mpc/Transforms/Ranges.h"
#include "mpc/Transforms/Switches.h"
#include "llvm/ADT/MapVector.h"

namespace mpc {
#define GEN_PASS_DEF_INSERTSWITCHES
#include "mpc/Transforms/Passes.h.inc"
} // namespace mpc

using namespace mlir;
using namespace mpc;

namespace {
class SwitchInserter {
public:
  explicit SwitchInserter(func::FuncOp function)
      : function(function), builder(function.getContext()) {}
  LogicalResult run();
  ArrayRef<Attribute> getNames() const { return names; }

private:
  Value isOn(GroupOp variant);
  void moveIn(GroupOp variant, Block *block);
  Value choose(GroupOp group, ArrayRef<GroupOp> variants);

  func::FuncOp function;
  OpBuilder builder;
  Value input;
  SmallVector<Attribute> names;
};
} // namespace

/// The next element of the input, as a condition.
Value SwitchInserter::isOn(GroupOp variant) {
  Location loc = variant.getLoc();
  Value index = arith::ConstantIndexOp::create(builder, loc, names.size());
  Value none = arith::ConstantIntOp::create(builder, loc, 0, 64);
  auto attr = [&](StringRef name) {
    return variant->getAttrOfType<StringAttr>(name).getValue();
  };
  names.push_back(builder.getStringAttr(attr(kVariantOfAttrName) + ":" +
                                        attr(kVariantAttrName)));
  Value element = tensor::ExtractOp::create(builder, loc, input, index);
  return arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ne, element,
                               none);
}

/// The variant at the end of `block`, behind copies of the conversions that it
/// reads.
void SwitchInserter::moveIn(GroupOp variant, Block *block) {
  variant->moveBefore(block, block->end());
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPoint(variant);
  for (OpOperand &operand : variant->getOpOperands()) {
    auto conversion = operand.get().getDefiningOp<GroupOp>();
    // Groups of the model carry a precision.
    if (conversion && !conversion.getPrecision() &&
        conversion->getNumOperands() == 1 &&
        !conversion->hasAttr(kVariantAttrName))
      operand.set(builder.clone(*conversion)->getResult(0));
  }
}

/// What the first variant that is on computes, else what the group does. The
/// group itself is moved.
Value SwitchInserter::choose(GroupOp group, ArrayRef<GroupOp> variants) {
  if (variants.empty()) {
    group->moveBefore(builder.getInsertionBlock(), builder.getInsertionPoint());
    return group->getResult(0);
  }
  GroupOp variant = variants.front();
  Location loc = group.getLoc();
  Value on = isOn(variant);
  auto branch = scf::IfOp::create(builder, loc, group->getResultTypes(), on,
                                  /*addThenBlock=*/true, /*addElseBlock=*/true);
  OpBuilder::InsertionGuard guard(builder);
  auto fill = [&](Block *block, function_ref<Value()> build) {
    builder.setInsertionPointToEnd(block);
    Value result = build();
    builder.setInsertionPointToEnd(block);
    scf::YieldOp::create(builder, loc, result);
  };
  fill(branch.thenBlock(), [&] {
    moveIn(variant, branch.thenBlock());
    return variant->getResult(0);
  });
  fill(branch.elseBlock(),
       [&] { return choose(group, variants.drop_front()); });
  return branch.getResult(0);
}

LogicalResult SwitchInserter::run() {
  // The variants of each group, in the order of groups.
  llvm::MapVector<StringAttr, SmallVector<GroupOp>> variants;
  llvm::DenseMap<StringAttr, GroupOp> groups;
  for (auto group : function.getOps<GroupOp>()) {
    if (auto name = group->getAttrOfType<StringAttr>(kVariantOfAttrName))
      variants[name].push_back(group);
    else
      groups[group.getNameAttr()] = group;
  }
  int64_t count = 0;
  for (auto &[name, list] : variants) {
    GroupOp group = groups.lookup(name);
    if (!group)
      return list.front().emitOpError()
             << "'" << list.front().getName() << "': expected a group '"
             << name.getValue() << "' beside it";
    for (GroupOp variant : list) {
      if (!variant->hasAttr(kVariantAttrName))
        return variant.emitOpError() << "'" << variant.getName()
                                     << "': expected " << kVariantAttrName;
      if (group->getNumResults() != 1)
        return variant.emitOpError()
               << "'" << variant.getName()
               << "': expected its group to have one result, but got "
               << group->getNumResults();
      if (variant->getResultTypes() != group->getResultTypes())
        return variant.emitOpError()
               << "'" << variant.getName() << "': expected to store "
               << group->getResultTypes() << " as its group, but got "
               << variant->getResultTypes();
      ++count;
    }
  }
  if (!count)
    return success();
  Location loc = function.getLoc();
  auto type = RankedTensorType::get({count}, builder.getI64Type());
  auto named = builder.getDictionaryAttr(builder.getNamedAttr(
      kNameAttrName, builder.getStringAttr(kSwitchesAttrName)));
  if (failed(function.insertArgument(function.getNumArguments(), type, named,
                                     loc)))
    return failure();
  input = function.getArguments().back();

  for (auto &[name, list] : variants) {
    GroupOp group = groups.lookup(name);
    Value old = group->getResult(0);
    SmallVector<GroupOp> computes, stores;
    for (GroupOp variant : list)
      (variant->getAttrOfType<StringAttr>(kVariantAttrName) == kStoreVariant
           ? stores
           : computes)
          .push_back(variant);
    // Readers read what is chosen; within the choice it is the group's own.
    SmallVector<OpOperand *> uses =
        llvm::map_to_vector(old.getUses(), [](OpOperand &use) { return &use; });
    builder.setInsertionPoint(group);
    Value chosen = old;
    if (!computes.empty())
      chosen = choose(group, computes);
    for (OpOperand *use : uses)
      use->set(chosen);
    for (GroupOp store : stores) {
      uses.clear();
      for (OpOperand &use : chosen.getUses())
        if (use.getOwner() != store)
          uses.push_back(&use);
      builder.setInsertionPointAfterValue(chosen);
      auto branch = scf::IfOp::create(builder, loc, chosen.getType(),
                                      isOn(store), true, true);
      auto yield = [&](Block *block, Value value) {
        OpBuilder end = OpBuilder::atBlockEnd(block);
        scf::YieldOp::create(end, loc, value);
      };
      store->moveBefore(branch.thenBlock(), branch.thenBlock()->begin());
      yield(branch.thenBlock(), store->getResult(0));
      yield(branch.elseBlock(), chosen);
      for (OpOperand *use : uses)
        use->set(branch.getResult(0));
      chosen = branch.getResult(0);
    }
  }
  // Conversions are computed where they are read.
  SmallVector<GroupOp> all(function.getOps<GroupOp>());
  for (GroupOp group : llvm::reverse(all))
    if (!group.getPrecision() && group->use_empty())
      group.erase();
  return success();
}

namespace {
struct InsertSwitches : mpc::impl::InsertSwitchesBase<InsertSwitches> {
  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (function.isExternal() || !function.isPublic())
        continue;
      SwitchInserter inserter(function);
      if (failed(inserter.run()))
        return signalPassFailure();
      if (!inserter.getNames().empty())
        getOperation()->setAttr(
            kSwitchesAttrName,
            ArrayAttr::get(&getContext(), inserter.getNames()));
    }
  }
};
} // namespace
