//===- InsertQuantization.cpp - compute groups in their precision ---------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// mpc-insert-quantization: carries out what mpc-assign-precision decided. Walks
// the entry function once, in order, and rewrites each group for its precision;
// what a value of the model has become is kept beside it. Which form a group
// takes follows from its root's role (QuantizableOpInterface), never from its
// name.
//
//===----------------------------------------------------------------------===//

#include "GroupTypes.h"
#include "QuantizationInserter.h"
#include "SharedRanges.h"
#include "WeightOnly.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Transforms/RegionUtils.h"
#include "mpc/Support/QuantMath.h"
#include "mpc/Transforms/Passes.h"
#include "mpc/Transforms/Poles.h"
#include "mpc/Transforms/SeenRanges.h"

namespace mpc {
#define GEN_PASS_DEF_INSERTQUANTIZATION
#include "mpc/Transforms/Passes.h.inc"
} // namespace mpc

using namespace mlir;
using namespace mpc;
using namespace mpc::quantization;

//===----------------------------------------------------------------------===//
// Ranges and types
//===----------------------------------------------------------------------===//

/// Widens `range` to the finite elements of a constant.
static void includeConstant(RangeAttr &range, ConstantOp constant) {
  auto values = getFloatValues(constant.getValue());
  if (!range || !values)
    return;
  double low = range.getMin(), high = range.getMax();
  for (float value : *values)
    if (std::isfinite(value)) {
      low = std::min<double>(low, value);
      high = std::max<double>(high, value);
    }
  range = RangeAttr::get(constant.getContext(), low, high);
}

/// Ops that move or select values leave them as they are. So do means of
/// windows in the profiles without floating point, where they are plain
/// quotients of integers.
bool Inserter::sharesScale(Operation *sole) {
  return roleOf(sole) == QuantRole::Passthrough ||
         (settings.isIntegral() && isa<AveragePoolOp>(sole));
}

/// Where inputs and outputs share their scale, they share the hull of their
/// ranges.
LogicalResult Inserter::tieRanges() {
  auto add = [&](Value value) {
    if (RangeAttr range = getRange(value)) {
      ranges[value] = range;
      seen[value] = getSeenRange(value);
    }
  };
  llvm::for_each(function.getArguments(), add);
  for (Operation &op : function.front())
    llvm::for_each(op.getResults(), add);
  auto shares = [&](GroupOp group) {
    Operation *sole = getSoleOp(group);
    return isInteger(group) && sole && sharesScale(sole);
  };
  // Of a table, samples may have met a part only.
  for (auto group : function.getOps<GroupOp>())
    if (shares(group))
      for (Value input : group.getInputs())
        if (auto constant = throughReshapes(input).getDefiningOp<ConstantOp>();
            constant && isFloat(input)) {
          includeConstant(ranges[group->getResult(0)], constant);
          includeConstant(seen[group->getResult(0)], constant);
        }
  ties = findSharedRanges(function, shares,
                          [&](Value value) { return ranges.lookup(value); });
  // Without floating point, a root that joins values reads one scale, whatever
  // is computed behind it.
  for (auto group : function.getOps<GroupOp>()) {
    if (!settings.isIntegral() || !isInteger(group) ||
        roleOf(group.getRoot()) != QuantRole::Passthrough)
      continue;
    Value first;
    for (Value operand : group.getRoot()->getOperands()) {
      auto argument = dyn_cast<BlockArgument>(operand);
      if (!argument || !isFloat(operand))
        continue;
      Value stored =
          throughReshapes(group.getInputs()[argument.getArgNumber()]);
      if (stored.getDefiningOp<ConstantOp>())
        continue;
      first = first ? first : stored;
      ties.unionSets(first, stored);
    }
  }
  for (auto *known : {&ranges, &seen})
    for (const auto *leader : ties) {
      if (!leader->isLeader())
        continue;
      RangeAttr hull;
      for (Value member : ties.members(*leader))
        hull = getHull(hull, known->lookup(member));
      if (!hull)
        continue;
      for (Value member : ties.members(*leader))
        (*known)[member] = hull;
    }
  return success();
}

/// int8: 8 bits over the calibrated range, which always holds 0, unsigned with
/// a zero point unless asked otherwise. int16: signed, symmetric.
FailureOr<quant::UniformQuantizedType>
Inserter::getActivationType(Value value, Precision precision) {
  value = throughReshapes(value);
  bool isWide = precision == Precision::INT16,
       isSigned = settings.isSigned || isWide;
  RangeAttr range = isWide ? seen.lookup(value) : ranges.lookup(value);
  if (auto constant = value.getDefiningOp<ConstantOp>(); constant && !range) {
    range = RangeAttr::get(function.getContext(), 0.0, 0.0);
    includeConstant(range, constant);
  }
  if (!range) {
    Operation *owner = value.getDefiningOp();
    InFlightDiagnostic diagnostic =
        owner ? owner->emitOpError() : function.emitError();
    if (auto argument = dyn_cast<BlockArgument>(value))
      diagnostic << "argument " << argument.getArgNumber() << " ";
    return diagnostic
           << "is read as " << stringifyPrecision(precision)
           << ", but has no calibrated range; run mpc-attach-ranges first";
  }
  int32_t qmin = isWide     ? -32768
                 : isSigned ? -128
                            : 0,
          qmax = isWide     ? 32767
                 : isSigned ? 127
                            : 255;
  double low = range.getMin(), high = range.getMax();
  bool isSymmetric = isWide || settings.isSymmetric || settings.powersOfTwo;
  QuantParams params;
  if (isSymmetric && !isSigned && low < 0) { // bytes around 128
    params = chooseSymmetricParams(std::max(-low, high), -128, 127);
    params = {params.scale, 128, qmin, qmax};
  } else if (isSymmetric) {
    params = chooseSymmetricParams(std::max(-low, high), qmin, qmax);
  } else {
    params = chooseAsymmetricParams(low, high, qmin, qmax);
  }
  if (settings.powersOfTwo)
    params.scale = roundUpToPowerOfTwo(params.scale);
  return quant::UniformQuantizedType::get(
      isSigned ? quant::QuantizationFlags::Signed : 0,
      builder.getIntegerType(isWide ? 16 : 8), f32, params.scale,
      params.zeroPoint, qmin, qmax);
}

/// Whether some group of integers reads the value, so that it is stored as
/// integers.
bool Inserter::isReadAsIntegers(Value value) {
  return llvm::any_of(value.getUsers(), [&](Operation *user) {
    if (auto reshape = dyn_cast<ReshapeOp>(user))
      return isReadAsIntegers(reshape.getResult());
    return isInteger(user);
  });
}

/// The element type in which a group stores a result: its precision's, or the
/// model's own where only the caller reads it.
FailureOr<Type> Inserter::getStorage(GroupOp group, Value result) {
  if (!isFloat(result))
    return elementOf(result);
  bool onlyReturned = llvm::all_of(result.getUsers(), [](Operation *user) {
    return isa<func::ReturnOp>(user);
  });
  Precision precision = group.getPrecision().value_or(Precision::F32);
  // Without floating point, data movement and means give integers, which are
  // converted behind them.
  QuantRole role = roleOf(group.getRoot());
  if (settings.fullyIntegral && isInteger(group) &&
      ranges.lookup(throughReshapes(result)) &&
      (role == QuantRole::Passthrough || role == QuantRole::Average)) {
    auto type = getActivationType(result, precision);
    return failed(type) ? FailureOr<Type>(failure())
                        : FailureOr<Type>(Type(*type));
  }
  if (onlyReturned)
    return elementOf(result);
  if (isWeightOnly(precision))
    precision = getWeightsFormat(group).getActivations();
  switch (precision) {
  case Precision::F32:
  case Precision::W8:
  case Precision::W4:
    return f32;
  case Precision::F16:
    return Type(builder.getF16Type());
  case Precision::BF16:
    return Type(builder.getBF16Type());
  case Precision::INT8:
  case Precision::INT16:
    if (!isReadAsIntegers(result) ||
        storesSumsNearPole(group, result, precision))
      return f32;
    auto type = getActivationType(result, precision);
    return failed(type) ? FailureOr<Type>(failure())
                        : FailureOr<Type>(Type(*type));
  }
  llvm_unreachable("all precisions are handled");
}

//===----------------------------------------------------------------------===//
// Conversions
//===----------------------------------------------------------------------===//

/// One element type in place of another; the shape stays. Between two integer
/// types it goes through f32.
FailureOr<Value> Inserter::emitConversion(OpBuilder &b, Location loc,
                                          Value value, Type element) {
  if (elementOf(value) == element)
    return value;
  if (isQuantized(value)) {
    value = DequantizeOp::create(b, loc, withElement(value, f32), value);
    return emitConversion(b, loc, value, element);
  }
  if (isa<quant::QuantizedType>(element)) {
    if (elementOf(value) != f32)
      value = CastOp::create(b, loc, withElement(value, f32), value);
    return Value(
        QuantizeOp::create(b, loc, withElement(value, element), value));
  }
  return Value(CastOp::create(b, loc, withElement(value, element), value));
}

FailureOr<Value> Inserter::convertConstant(ConstantOp constant, Type element) {
  auto uniform = dyn_cast<quant::UniformQuantizedType>(element);
  if (!isFloat(constant) ||
      !(isa<FloatType>(element) ||
        (uniform && uniform.getStorageTypeIntegralWidth() <= 16))) {
    constant.emitOpError()
        << "expected a floating-point constant to convert to " << element;
    return failure();
  }
  auto floats = getFloatValues(constant.getValue());
  if (!floats)
    return constant.emitOpError("has values that cannot be read"), failure();
  if (uniform) {
    QuantParams params{static_cast<float>(uniform.getScale()),
                       static_cast<int32_t>(uniform.getZeroPoint()),
                       static_cast<int32_t>(uniform.getStorageTypeMin()),
                       static_cast<int32_t>(uniform.getStorageTypeMax())};
    SmallVector<int64_t> integers;
    for (float value : *floats)
      integers.push_back(quantize(value, params));
    if (!uniform.isSigned()) // stored in signless integers, which saturate as
                             // signed ones
      for (int64_t &integer : integers)
        integer = static_cast<int8_t>(integer);
    ElementsAttr value = createIntConstant(
        cast<RankedTensorType>(withElement(constant, uniform.getStorageType())),
        integers);
    return Value(ConstantOp::create(builder, constant.getLoc(),
                                    withElement(constant, element), value));
  }
  ElementsAttr value =
      createFloatConstant(withElement(constant, element), *floats);
  return Value(ConstantOp::create(builder, constant.getLoc(), value));
}

/// What a value of the original function has become, in the element type that
/// is asked for: converted once, by a group of its own.
FailureOr<Value> Inserter::convert(Value value, Type element) {
  Value now = current.lookup(value);
  if (!now)
    now = value; // constants and arguments stay until somebody asks for another
                 // type
  if (elementOf(now) == element)
    return now;
  Value &known = conversions[{value, element}];
  if (known)
    return known;
  OpBuilder::InsertionGuard guard(builder);
  if (auto constant = value.getDefiningOp<ConstantOp>()) {
    builder.setInsertionPointAfter(constant);
    auto converted = convertConstant(constant, element);
    if (failed(converted))
      return failure();
    return conversions[{value, element}] = *converted;
  }
  builder.setInsertionPointAfterValue(now);
  Value origin = throughReshapes(now);
  StringRef what = isa<quant::QuantizedType>(element) ? "quantize"
                   : isQuantized(now)                 ? "dequantize"
                                                      : "cast";
  std::string name = what.str() + ":";
  if (auto source = origin.getDefiningOp<GroupOp>())
    name += source.getName();
  else if (auto argument = dyn_cast<BlockArgument>(origin))
    name += mpc::getArgumentName(function, argument.getArgNumber());
  if (isa<FloatType>(element)) {
    llvm::raw_string_ostream os(name);
    os << ":" << element;
  }
  if (unsigned count = ++conversionNames[name];
      count > 1) // the same elements under another shape
    name += "_" + std::to_string(count);
  auto group = GroupOp::create(builder, now.getLoc(),
                               TypeRange{withElement(now, element)},
                               builder.getStringAttr(name), ValueRange{now},
                               PrecisionAttr(), StringAttr(), RangeAttr());
  if (settings.fullyIntegral) { // nothing else converts
    group.setPrecision(Precision::INT8);
    group.setReasonAttr(builder.getStringAttr(
        "converts between the model's own type and integers"));
  }
  Block &block = group.getBody().emplaceBlock();
  Value argument = block.addArgument(now.getType(), now.getLoc());
  OpBuilder body = OpBuilder::atBlockEnd(&block);
  auto result = emitConversion(body, now.getLoc(), argument, element);
  if (failed(result))
    return failure();
  YieldOp::create(body, now.getLoc(), *result);
  return conversions[{value, element}] = group->getResult(0);
}

//===----------------------------------------------------------------------===//
// Groups
//===----------------------------------------------------------------------===//

LogicalResult Inserter::replace(GroupOp group, GroupBuilder &target,
                                ArrayRef<Value> results) {
  builder.setInsertionPoint(group);
  GroupOp made = target.finish(builder, results);
  for (auto [before, after] :
       llvm::zip(group->getResults(), made->getResults()))
    current[before] = after;
  dead.push_back(group);
  return success();
}

/// Clones what follows `done` (and everything, where it is null), floats in
/// f32, and converts the yielded value to `storage`.
FailureOr<Value> Inserter::cloneRest(GroupOp group, GroupBuilder &target,
                                     IRMapping &mapping, Operation *done,
                                     Type storage) {
  OpBuilder &body = target.body;
  auto operandOf = [&](Value value) -> FailureOr<Value> {
    Value now = mapping.lookupOrNull(value);
    if (!now) { // a block argument: what the outer value has become
      Value outer =
          group.getInputs()[cast<BlockArgument>(value).getArgNumber()];
      Value become = current.lookup(outer);
      if (auto constant = outer.getDefiningOp<ConstantOp>();
          constant && isFloat(outer)) {
        auto converted = convert(outer, f32);
        if (failed(converted))
          return failure();
        become = *converted;
      }
      now = target.bring(become ? become : outer);
    }
    if (isFloat(value)) {
      auto converted = emitConversion(body, value.getLoc(), now, f32);
      if (failed(converted))
        return failure();
      now = *converted;
    }
    mapping.map(value, now);
    return now;
  };
  for (Operation &op : group.getBlock().without_terminator()) {
    if (&op == done)
      continue;
    for (Value operand : op.getOperands())
      if (failed(operandOf(operand)))
        return failure();
    Operation *copy = body.clone(op, mapping);
    for (auto [before, after] : llvm::zip(op.getResults(), copy->getResults()))
      if (isFloat(before) && !isRounding(op))
        after.setType(withElement(before, f32));
  }
  Value yielded = group.getBlock().getTerminator()->getOperand(0);
  auto result = operandOf(yielded);
  if (failed(result))
    return failure();
  return isFloat(yielded)
             ? emitConversion(body, group.getLoc(), *result, storage)
             : result;
}

/// One op that computes in the element type that its operands have: data
/// movement, selection, integer averages.
LogicalResult Inserter::rewriteDirect(GroupOp group, Operation *sole,
                                      Type operandElement, Type resultElement) {
  GroupBuilder target(group);
  IRMapping mapping;
  for (Value operand : sole->getOperands()) {
    Value outer =
        group.getInputs()[cast<BlockArgument>(operand).getArgNumber()];
    auto converted =
        isFloat(outer) ? convert(outer, operandElement) : getCurrent(outer);
    if (failed(converted))
      return failure();
    mapping.map(operand, target.bring(*converted));
  }
  Operation *copy = target.body.clone(*sole, mapping);
  if (isFloat(sole->getResult(0)))
    copy->getResult(0).setType(withElement(sole->getResult(0), resultElement));
  setRounding(copy);
  return replace(group, target, {copy->getResult(0)});
}

/// The weights of a contraction, from integers that the group reads instead.
FailureOr<Value> Inserter::emitWeightsInBlocks(GroupOp group,
                                               GroupBuilder &target,
                                               OpOperand &operand) {
  auto root = cast<QuantizableOpInterface>(operand.getOwner());
  auto constant =
      group.getInputs()[cast<BlockArgument>(operand.get()).getArgNumber()]
          .getDefiningOp<ConstantOp>();
  if (!constant || !isFloat(constant))
    return root->emitOpError("expected constant floating-point weights for ")
           << stringifyPrecision(*group.getPrecision());
  auto made =
      quantizeWeightsInBlocks(builder, constant, root.getWeightChannelAxis(),
                              *group.getPrecision(), getWeightsFormat(group));
  if (failed(made))
    return failure();
  auto bring = [&](Value value) {
    return value ? target.bring(value) : Value();
  };
  return Value(DequantizeBlocksOp::create(
      target.body, root.getLoc(), withElement(constant, f32),
      bring(made->values), bring(made->scales), bring(made->zeroPoints),
      bring(made->table), made->axis, made->block));
}

/// Computes in f32; a root that reads its operands many times gets them in
/// `operandElement`, converted by a group before it.
LogicalResult Inserter::rewriteInFloat(GroupOp group, Operation *root,
                                       Type operandElement, Type storage) {
  GroupBuilder target(group);
  IRMapping mapping;
  if (isa<ElementwiseOpInterface>(root)) {
    auto result = cloneRest(group, target, mapping, nullptr, storage);
    return failed(result) ? failure() : replace(group, target, {*result});
  }
  OpOperand *bias = nullptr, *blocks = nullptr;
  if (auto quantizable = dyn_cast<QuantizableOpInterface>(root)) {
    bias = quantizable.getBiasOperand();
    if (isWeightOnly(group.getPrecision().value_or(Precision::F32)))
      blocks = quantizable.getWeightOperand();
  }
  for (OpOperand &operand : root->getOpOperands()) {
    auto argument = dyn_cast<BlockArgument>(operand.get());
    if (!argument)
      return root->emitOpError(
          "expected the root of a group to read the group's operands");
    Value outer = group.getInputs()[argument.getArgNumber()];
    if (&operand == blocks) {
      auto dequantized = emitWeightsInBlocks(group, target, operand);
      if (failed(dequantized))
        return failure();
      mapping.map(operand.get(), *dequantized);
      continue;
    }
    auto converted =
        isFloat(outer) ? convert(outer, &operand == bias ? f32 : operandElement)
                       : getCurrent(outer);
    if (failed(converted))
      return failure();
    mapping.map(operand.get(), target.bring(*converted));
  }
  Operation *copy = target.body.clone(*root, mapping);
  if (isFloat(root->getResult(0)))
    copy->getResult(0).setType(withElement(root->getResult(0), f32));
  auto result = cloneRest(group, target, mapping, root, storage);
  return failed(result) ? failure() : replace(group, target, {*result});
}

/// The group as it is, on operands in the types that it has.
LogicalResult Inserter::keep(GroupOp group) {
  GroupBuilder target(group);
  IRMapping mapping;
  for (auto [outer, argument] :
       llvm::zip(group.getInputs(), group.getBlock().getArguments())) {
    auto converted = convert(outer, elementOf(outer));
    if (failed(converted))
      return failure();
    mapping.map(argument, target.bring(*converted));
  }
  for (Operation &op : group.getBlock().without_terminator()) {
    Operation *copy = target.body.clone(op, mapping);
    if (auto requantize = dyn_cast<RequantizeOp>(copy);
        requantize && settings.isIntegral())
      requantize.setRounding(settings.rounding);
    setRounding(copy);
  }
  SmallVector<Value> results =
      llvm::map_to_vector(group.getBlock().getTerminator()->getOperands(),
                          [&](Value value) { return mapping.lookup(value); });
  return replace(group, target, results);
}

LogicalResult Inserter::rewrite(GroupOp group) {
  if (group.isQuantized() || computesInF64(group))
    return keep(group);
  if (group->getNumResults() != 1)
    return group.emitOpError("expected one result, but got ")
           << group->getNumResults();
  Value result = group->getResult(0);
  Operation *root = group.getRoot(), *sole = getSoleOp(group);
  QuantRole role = roleOf(root);
  Precision precision = group.getPrecision().value_or(Precision::F32);
  auto storage = getStorage(group, result);
  if (failed(storage))
    return failure();
  bool integers = isa<quant::QuantizedType>(*storage);

  if (precision == Precision::INT8 || precision == Precision::INT16) {
    if (settings.isIntegral() && precision == Precision::INT16)
      return group.emitOpError() << "'" << group.getName()
                                 << "': int16 is rounded as onnx says only, "
                                    "but the module asks for rounding "
                                 << stringifyRounding(settings.rounding);
    if (integers && sole && sharesScale(sole))
      return rewriteDirect(group, sole, *storage, *storage);
    if (integers && sole && role == QuantRole::Average) {
      Value outer = group.getInputs()[cast<BlockArgument>(sole->getOperand(0))
                                          .getArgNumber()];
      auto type = getActivationType(outer, precision);
      return failed(type) ? failure()
                          : rewriteDirect(group, sole, *type, *storage);
    }
    if (settings.isIntegral()) {
      auto isIntegral = rewriteIntegral(group, root, *storage);
      if (failed(isIntegral) || *isIntegral)
        return isIntegral;
    }
    if (role == QuantRole::Contraction)
      return rewriteInteger(group, root, *storage);
    return rewriteInFloat(group, root, f32, *storage);
  }
  if (isWeightOnly(precision) && role != QuantRole::Contraction)
    return group.emitOpError("expected a contraction for ")
           << stringifyPrecision(precision);
  if (isWeightOnly(precision))
    precision = getWeightsFormat(group).getActivations();
  Type narrow = precision == Precision::F16    ? Type(builder.getF16Type())
                : precision == Precision::BF16 ? Type(builder.getBF16Type())
                                               : f32;
  if (sole && role == QuantRole::Passthrough && isFloat(result) &&
      *storage == narrow)
    return rewriteDirect(group, sole, narrow, narrow);
  auto quantizable = dyn_cast_or_null<QuantizableOpInterface>(root);
  return rewriteInFloat(
      group, root, quantizable && quantizable.multipliesNarrow() ? narrow : f32,
      *storage);
}

/// Control flow, and what it holds, reads the model's own types.
LogicalResult Inserter::keepTypes(Operation &op) {
  llvm::SetVector<Value> values(op.operand_begin(), op.operand_end());
  getUsedValuesDefinedAbove(op.getRegions(), values);
  for (Value value : values) {
    if (!current.count(value))
      continue;
    auto converted = convert(value, elementOf(value));
    if (failed(converted))
      return failure();
    value.replaceUsesWithIf(*converted, [&](OpOperand &use) {
      return op.isAncestor(use.getOwner());
    });
  }
  return success();
}

LogicalResult Inserter::run() {
  if (!function.getBody().hasOneBlock())
    return function.emitError("expected one block");
  if (failed(tieRanges()))
    return failure();
  for (Operation &op : llvm::make_early_inc_range(function.getBody().front())) {
    builder.setInsertionPoint(&op);
    if (auto group = dyn_cast<GroupOp>(op)) {
      if (failed(rewrite(group)))
        return failure();
    } else if (auto reshape = dyn_cast<ReshapeOp>(op)) {
      Value input = current.lookup(reshape.getInput());
      if (!input)
        continue;
      current[reshape.getResult()] = ReshapeOp::create(
          builder, op.getLoc(),
          withElement(reshape.getResult(), elementOf(input)), input);
      dead.push_back(reshape);
    } else if (isa<StorageCastOp>(op)) { // neither of its types is a float's
      if (Value input = current.lookup(op.getOperand(0)))
        op.setOperand(0, input);
    } else if (isa<func::ReturnOp>(op)) {
      for (OpOperand &operand : op.getOpOperands()) {
        Value value = operand.get();
        if (!current.count(value))
          continue;
        auto converted = convert(value, elementOf(value));
        if (failed(converted))
          return failure();
        operand.set(*converted);
      }
    } else if (isa<EmptyOp, ExtractStepOp, InsertStepOp>(op) ||
               !isa<MPCDialect>(op.getDialect())) {
      if (failed(keepTypes(op)))
        return failure();
    } else if (!isa<ConstantOp>(op)) {
      return op.emitOpError("expected only constants, reshapes and groups in "
                            "the function; run mpc-form-groups first");
    }
  }
  for (Operation *op : llvm::reverse(dead))
    op->erase();
  for (auto constant :
       llvm::make_early_inc_range(function.getOps<ConstantOp>()))
    if (constant->use_empty())
      constant.erase();
  return success();
}

namespace {
struct InsertQuantization
    : public mpc::impl::InsertQuantizationBase<InsertQuantization> {
  /// Tables are made by folding scalar bodies (ScalarFunction.h).
  void getDependentDialects(DialectRegistry &registry) const override {
    InsertQuantizationBase::getDependentDialects(registry);
    registry.insert<arith::ArithDialect, math::MathDialect>();
  }

  void runOnOperation() override {
    Settings settings(getOperation());
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (function.isDeclaration())
        continue;
      if (failed(Inserter(function, settings).run()))
        return signalPassFailure();
      for (auto group : function.getOps<GroupOp>())
        group->removeAttr(kInputMeansAttrName);
    }
  }
};
} // namespace
