//===- IntegralGroups.cpp - groups without floating point -----------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The part of mpc-insert-quantization that serves the integer profiles.
//
//===----------------------------------------------------------------------===//

#include "IntegerEpilogue.h"
#include "QuantizationInserter.h"

using namespace mlir;
using namespace mpc;
using namespace mpc::quantization;

/// The group in integers from its operands to its result, or false and no
/// change.
FailureOr<bool> Inserter::rewriteIntegral(GroupOp group, Operation *root,
                                          Type storage) {
  auto refuse = [&](const Twine &why) {
    group.setReasonAttr(builder.getStringAttr(group.getReason().value_or("") +
                                              "; in floating point: " + why));
    return false;
  };
  auto uniform = dyn_cast<quant::UniformQuantizedType>(storage);
  if (!uniform && storage != f32)
    return refuse("stores neither integers nor f32");
  GroupBuilder target(group);
  IRMapping mapping;
  llvm::DenseMap<Value, IntegerValue> leaves;
  auto addLeaf = [&](Value old, Value now) {
    auto type = cast<quant::UniformQuantizedType>(elementOf(now));
    double steps = std::max(type.getZeroPoint() - type.getStorageTypeMin(),
                            type.getStorageTypeMax() - type.getZeroPoint());
    leaves[old] = {now, steps * type.getScale()};
  };

  // What the elements read.
  bool isElementwise = isa<ElementwiseOpInterface>(root);
  auto read = [&](Value value) -> FailureOr<bool> {
    auto argument = dyn_cast<BlockArgument>(value);
    if (!argument || leaves.count(value))
      return true;
    Value outer = group.getInputs()[argument.getArgNumber()];
    if (outer.getDefiningOp<ConstantOp>())
      return true;
    if (!isFloat(outer) || !ranges.lookup(throughReshapes(outer)))
      return refuse("reads what has no calibrated range");
    auto type = getActivationType(outer, Precision::INT8);
    auto converted =
        failed(type) ? FailureOr<Value>(failure()) : convert(outer, *type);
    if (failed(converted))
      return failure();
    addLeaf(value, target.bring(*converted));
    return true;
  };
  for (Operation &op : group.getBlock().without_terminator()) {
    if (&op == root && !isElementwise)
      continue;
    if (!isa<ElementwiseOpInterface>(op))
      return refuse(op.getName().stripDialect() + " behind the group's root");
    for (Value operand : op.getOperands()) {
      auto isRead = read(operand);
      if (failed(isRead) || !*isRead)
        return isRead;
    }
  }

  if (roleOf(root) == QuantRole::Contraction) {
    auto sums = emitContraction(group, cast<QuantizableOpInterface>(root),
                                target, mapping);
    if (failed(sums))
      return failure();
    leaves[root->getResult(0)] = {sums->value, sums->bound};
  } else if (!isElementwise) {
    if (roleOf(root) != QuantRole::Passthrough &&
        roleOf(root) != QuantRole::Average)
      return refuse(root->getName().stripDialect() +
                    " is computed in floating point only");
    quant::UniformQuantizedType type;
    for (Value operand : root->getOperands()) {
      auto isRead = read(operand);
      if (failed(isRead) || !*isRead)
        return isRead;
      auto leaf = leaves.find(operand);
      if (leaf == leaves.end())
        return refuse("the root reads a constant");
      mapping.map(operand, leaf->second.value);
      auto own =
          cast<quant::UniformQuantizedType>(elementOf(leaf->second.value));
      if (type && type != own)
        return refuse("what the root reads has several scales");
      type = own;
    }
    Operation *copy = target.body.clone(*root, mapping);
    copy->getResult(0).setType(withElement(root->getResult(0), type));
    setRounding(copy);
    addLeaf(root->getResult(0), copy->getResult(0));
  }

  IntegerEpilogue epilogue(target.body, settings.rounding, leaves,
                           [&](RankedTensorType type, ElementsAttr value) {
                             OpBuilder::InsertionGuard guard(builder);
                             builder.setInsertionPoint(group);
                             return target.bring(ConstantOp::create(
                                 builder, group.getLoc(), type, value));
                           });
  Value yielded = group.getBlock().getTerminator()->getOperand(0);
  Value result = uniform ? epilogue.emit(yielded, uniform)
                         : epilogue.emitAccurate(yielded);
  if (!result)
    return refuse(epilogue.getProblem());
  if (!uniform)
    result = DequantizeOp::create(target.body, group.getLoc(),
                                  withElement(result, f32), result);
  if (failed(replace(group, target, {result})))
    return failure();
  return true;
}
