//===- AddVariants.cpp - every group in all of its precisions -------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SharedRanges.h"
#include "mpc/Dialect/MPC/Precisions.h"
#include "mpc/Support/QuantMath.h"
#include "mpc/Transforms/Passes.h"
#include "mpc/Transforms/Ranges.h"
#include "mpc/Transforms/Switches.h"

namespace mpc {
#define GEN_PASS_DEF_ADDVARIANTS
#include "mpc/Transforms/Passes.h.inc"
} // namespace mpc

using namespace mlir;
using namespace mpc;

namespace {

QuantRole getRole(GroupOp group) {
  auto root = dyn_cast<QuantizableOpInterface>(group.getRoot());
  return root ? root.getQuantRole() : QuantRole::Float;
}

bool isCandidate(GroupOp group, StringRef precision) {
  auto candidates = group->getAttrOfType<ArrayAttr>(kCandidatesAttrName);
  return candidates && llvm::any_of(candidates.getAsRange<StringAttr>(),
                                    [&](StringAttr name) {
                                      return name.getValue() == precision;
                                    });
}

class VariantAdder {
public:
  explicit VariantAdder(func::FuncOp function)
      : function(function), builder(function.getContext()) {}
  LogicalResult run();

private:
  void tieRanges();
  LogicalResult add(GroupOp group);
  GroupOp clone(GroupOp group, StringRef variant);
  void roundResult(GroupOp variant, Type narrow);
  void addStore(GroupOp group, RangeAttr range);

  func::FuncOp function;
  OpBuilder builder;
};

} // namespace

/// What a group that only moves values reads and stores shares one range, where
/// both may be integers.
void VariantAdder::tieRanges() {
  auto shares = [&](GroupOp group) {
    return isCandidate(group, "int8") && group->getNumResults() == 1 &&
           getRole(group) == QuantRole::Passthrough &&
           llvm::hasNItems(group.getBlock().without_terminator(), 1);
  };
  auto ties = findSharedRanges(function, shares, getRange);
  for (const auto *leader : ties) {
    if (!leader->isLeader())
      continue;
    double low = INFINITY, high = -INFINITY;
    for (Value member : ties.members(*leader))
      if (RangeAttr range = getRange(member)) {
        low = std::min(low, range.getMin());
        high = std::max(high, range.getMax());
      }
    if (low > high)
      continue;
    auto hull = RangeAttr::get(function.getContext(), low, high);
    for (Value member : ties.members(*leader)) {
      if (auto result = dyn_cast<OpResult>(member))
        setRange(result, hull);
      else
        function.setArgAttr(cast<BlockArgument>(member).getArgNumber(),
                            kRangeAttrName, hull);
    }
  }
}

GroupOp VariantAdder::clone(GroupOp group, StringRef variant) {
  auto copy = cast<GroupOp>(builder.clone(*group));
  copy.setName((group.getName() + "@" + variant).str());
  copy->removeAttr(kCandidatesAttrName);
  copy->setAttr(kVariantOfAttrName, builder.getStringAttr(group.getName()));
  copy->setAttr(kVariantAttrName, builder.getStringAttr(variant));
  return copy;
}

/// What a narrow group stores is narrow; here it is widened again.
void VariantAdder::roundResult(GroupOp variant, Type narrow) {
  Operation *yield = variant.getBlock().getTerminator();
  Value value = yield->getOperand(0);
  auto type = cast<RankedTensorType>(value.getType());
  if (!isArithmeticFloat(type.getElementType()))
    return;
  OpBuilder body(yield);
  Value rounded =
      CastOp::create(body, variant.getLoc(), type.clone(narrow), value);
  yield->setOperand(0, CastOp::create(body, variant.getLoc(), type, rounded));
}

void VariantAdder::addStore(GroupOp group, RangeAttr range) {
  Value value = group->getResult(0);
  auto type = cast<RankedTensorType>(value.getType());
  QuantParams params =
      chooseAsymmetricParams(range.getMin(), range.getMax(), 0, 255);
  auto bytes = quant::UniformQuantizedType::get(
      0, builder.getIntegerType(8), builder.getF32Type(), params.scale,
      params.zeroPoint, 0, 255);
  auto store = GroupOp::create(
      builder, group.getLoc(), TypeRange(type),
      builder.getStringAttr(group.getName() + "@" + kStoreVariant),
      ValueRange(value), PrecisionAttr(), StringAttr(), RangeAttr());
  store->setAttr(kVariantOfAttrName, builder.getStringAttr(group.getName()));
  store->setAttr(kVariantAttrName, builder.getStringAttr(kStoreVariant));
  if (store.getBody().empty())
    store.getBody().emplaceBlock();
  Block &block = store.getBlock();
  Value argument = block.addArgument(type, group.getLoc());
  OpBuilder body = OpBuilder::atBlockEnd(&block);
  Value quantized =
      QuantizeOp::create(body, group.getLoc(), type.clone(bytes), argument);
  Value real = DequantizeOp::create(
      body, group.getLoc(), type.clone(builder.getF32Type()), quantized);
  if (real.getType() != type)
    real = CastOp::create(body, group.getLoc(), type, real);
  YieldOp::create(body, group.getLoc(), real);
}

LogicalResult VariantAdder::add(GroupOp group) {
  auto candidates = group->getAttrOfType<ArrayAttr>(kCandidatesAttrName);
  if (!candidates)
    return success();
  if (group->getNumResults() != 1)
    return group.emitOpError()
           << "'" << group.getName() << "': expected one result, but got "
           << group->getNumResults();
  if (group.getPrecision() != Precision::F32)
    return group.emitOpError()
           << "'" << group.getName() << "': expected precision f32";
  builder.setInsertionPointAfter(group);
  for (Attribute attribute : candidates) {
    auto name = dyn_cast<StringAttr>(attribute);
    auto precision = name ? symbolizePrecision(name.getValue()) : std::nullopt;
    if (!precision)
      return group.emitOpError()
             << "'" << group.getName() << "': expected names of precisions in "
             << kCandidatesAttrName << ", but got " << attribute;
    if (*precision == Precision::F16 || *precision == Precision::BF16) {
      GroupOp variant = clone(group, name);
      variant.setPrecision(*precision);
      roundResult(variant, *precision == Precision::F16
                               ? Type(builder.getF16Type())
                               : Type(builder.getBF16Type()));
    } else if (isWeightOnly(*precision)) {
      clone(group, name).setPrecision(*precision);
    } else if (*precision == Precision::INT8) {
      if (getRole(group) == QuantRole::Contraction)
        clone(group, name).setPrecision(*precision);
      if (RangeAttr range = getRange(group->getResult(0)))
        addStore(group, range);
    } else if (*precision == Precision::INT16) {
      // What stores 16 bits as good as loses nothing.
      if (getRole(group) == QuantRole::Contraction)
        clone(group, name).setPrecision(*precision);
    } else {
      return group.emitOpError()
             << "'" << group.getName()
             << "': expected f16, bf16, w8, w4, int16 or int8 in "
             << kCandidatesAttrName << ", but got " << name;
    }
  }
  group->removeAttr(kCandidatesAttrName);
  return success();
}

LogicalResult VariantAdder::run() {
  tieRanges();
  for (GroupOp group : llvm::make_early_inc_range(function.getOps<GroupOp>()))
    if (failed(add(group)))
      return failure();
  return success();
}

namespace {
struct AddVariants : mpc::impl::AddVariantsBase<AddVariants> {
  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (!function.isExternal() && function.isPublic() &&
          failed(VariantAdder(function).run()))
        return signalPassFailure();
  }
};
} // namespace
