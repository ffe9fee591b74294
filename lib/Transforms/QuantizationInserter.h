//===- QuantizationInserter.h - state of mpc-insert-quantization -*- C++
//-*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the files of mpc-insert-quantization share: InsertQuantization.cpp walks
// the function, and computes groups in the precisions that they have;
// QuantizeContractions.cpp makes contractions of integers; IntegralGroups.cpp
// computes groups without floating point.
//
//===----------------------------------------------------------------------===//

#ifndef MPC_LIB_TRANSFORMS_QUANTIZATIONINSERTER_H
#define MPC_LIB_TRANSFORMS_QUANTIZATIONINSERTER_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"
#include "mpc/Dialect/MPC/Constants.h"
#include "mpc/Dialect/MPC/MPCDialect.h"
#include "mpc/Transforms/Ranges.h"
#include "llvm/ADT/EquivalenceClasses.h"
#include "llvm/ADT/StringMap.h"

namespace mpc::quantization {
using namespace mlir;

inline Type elementOf(Value value) {
  return cast<RankedTensorType>(value.getType()).getElementType();
}
inline bool isQuantized(Value value) {
  return isa<quant::QuantizedType>(elementOf(value));
}
inline bool isFloat(Value value) { return isArithmeticFloat(elementOf(value)); }
inline RankedTensorType withElement(Value value, Type element) {
  return cast<RankedTensorType>(value.getType()).clone(element);
}

inline QuantRole roleOf(Operation *op) {
  auto quantizable = dyn_cast_or_null<QuantizableOpInterface>(op);
  return quantizable ? quantizable.getQuantRole() : QuantRole::Float;
}

/// Whether this pass makes the group one of integers: what the model has
/// quantized itself stays as it is.
inline bool isInteger(GroupOp group) {
  return (group.getPrecision() == Precision::INT8 ||
          group.getPrecision() == Precision::INT16) &&
         !group.isQuantized();
}
inline bool isInteger(Operation *op) {
  auto group = dyn_cast<GroupOp>(op);
  return group && isInteger(group);
}

/// A cast of the model to fewer bits: what is lost stays lost, whatever is
/// computed after it.
inline bool isRounding(Operation &op) {
  auto cast = dyn_cast<CastOp>(op);
  return cast && (elementOf(cast.getResult()).isF16() ||
                  elementOf(cast.getResult()).isBF16());
}

/// The only op of a group's body, or null.
inline Operation *getSoleOp(GroupOp group) {
  Block &block = group.getBlock();
  return llvm::hasNItems(block.without_terminator(), 1) ? &block.front()
                                                        : nullptr;
}

/// What the module says about integers.
struct Settings {
  Settings(ModuleOp module) {
    if (auto attribute = module->getAttrOfType<RoundingAttr>(kRoundingAttrName))
      rounding = attribute.getValue();
    auto is = [&](StringRef name, StringRef value) {
      auto attribute = module->getAttrOfType<StringAttr>(name);
      return attribute && attribute.getValue() == value;
    };
    isSigned = is(kActivationsAttrName, "signed") ||
               is(kActivationsAttrName, "signed-symmetric");
    isSymmetric = is(kActivationsAttrName, "symmetric") ||
                  is(kActivationsAttrName, "signed-symmetric");
    powersOfTwo = is(kScalesAttrName, "power-of-two");
    fullyIntegral = module->hasAttr(kFullyIntegralAttrName);
  }

  /// Whether the profile computes without floating point.
  bool isIntegral() const { return rounding != Rounding::ONNX; }

  Rounding rounding = Rounding::ONNX;
  bool isSigned, isSymmetric, powersOfTwo, fullyIntegral;
};

/// Builds the body of a new group and gathers its operands.
class GroupBuilder {
public:
  GroupBuilder(GroupOp old)
      : old(old), block(std::make_unique<Block>()), body(old.getContext()) {
    body.setInsertionPointToEnd(block.get());
  }

  /// The block argument that stands for a value of the function.
  Value bring(Value outer) {
    auto [it, isNew] = arguments.try_emplace(outer);
    if (isNew) {
      operands.push_back(outer);
      it->second = block->addArgument(outer.getType(), outer.getLoc());
    }
    return it->second;
  }

  GroupOp finish(OpBuilder &builder, ArrayRef<Value> results) {
    YieldOp::create(body, old.getLoc(), results);
    OperationState state(old.getLoc(), GroupOp::getOperationName());
    state.addOperands(operands);
    state.addTypes(TypeRange(ValueRange(results)));
    state.addAttributes(old->getAttrs());
    state.addRegion()->push_back(block.release());
    return cast<GroupOp>(builder.create(state));
  }

private:
  GroupOp old;
  std::unique_ptr<Block> block;
  SmallVector<Value> operands;
  DenseMap<Value, Value> arguments;

public:
  OpBuilder body;
};

class Inserter {
public:
  Inserter(func::FuncOp function, const Settings &settings)
      : function(function), settings(settings), builder(function.getContext()),
        f32(builder.getF32Type()) {}
  LogicalResult run();

private:
  bool sharesScale(Operation *sole);
  LogicalResult tieRanges();
  FailureOr<quant::UniformQuantizedType> getActivationType(Value value,
                                                           Precision precision);
  bool isReadAsIntegers(Value value);
  FailureOr<Type> getStorage(GroupOp group, Value result);

  /// What a value has become; integers never change their type.
  FailureOr<Value> getCurrent(Value value) {
    Value now = current.lookup(value);
    return now ? now : value;
  }
  FailureOr<Value> convert(Value value, Type element);
  FailureOr<Value> convertConstant(ConstantOp constant, Type element);
  FailureOr<Value> emitConversion(OpBuilder &b, Location loc, Value value,
                                  Type element);

  LogicalResult keepTypes(Operation &op);
  LogicalResult rewrite(GroupOp group);
  LogicalResult keep(GroupOp group);
  LogicalResult rewriteInteger(GroupOp group, Operation *root, Type storage);
  FailureOr<bool> rewriteIntegral(GroupOp group, Operation *root, Type storage);
  LogicalResult rewriteDirect(GroupOp group, Operation *sole,
                              Type operandElement, Type resultElement);
  LogicalResult rewriteInFloat(GroupOp group, Operation *root,
                               Type operandElement, Type storage);
  FailureOr<Value> emitWeightsInBlocks(GroupOp group, GroupBuilder &target,
                                       OpOperand &operand);
  FailureOr<Value> cloneRest(GroupOp group, GroupBuilder &target,
                             IRMapping &mapping, Operation *done, Type storage);
  LogicalResult replace(GroupOp group, GroupBuilder &target,
                        ArrayRef<Value> results);
  /// Means of integers round as the profile says.
  void setRounding(Operation *op) {
    if (settings.isIntegral() && roleOf(op) == QuantRole::Average &&
        isQuantized(op->getResult(0)))
      op->setAttr("rounding",
                  RoundingAttr::get(op->getContext(), settings.rounding));
  }

  struct Weights {
    Value weight, bias;
    /// i64 for 16-bit activations, with `scales` beside it.
    Type accumulator;
    SmallVector<double> scales;
    /// Of the sums, for activations that differ from their zero point by at
    /// most 1.
    double bound = 0, biasBound = 0;
  };
  FailureOr<Weights> quantizeWeights(GroupOp group, QuantizableOpInterface root,
                                     quant::UniformQuantizedType input);
  struct Sums {
    Value value;
    Weights weights;
    double bound = 0;
  };
  FailureOr<Sums> emitContraction(GroupOp group, QuantizableOpInterface root,
                                  GroupBuilder &target, IRMapping &mapping);
  Value emitRealSums(GroupOp group, QuantizableOpInterface root,
                     GroupBuilder &target, const Sums &sums);

  func::FuncOp function;
  const Settings &settings;
  OpBuilder builder;
  Type f32;
  /// What each value of the function has become.
  DenseMap<Value, Value> current;
  /// Values converted to another element type, so that each conversion is
  /// computed once.
  DenseMap<std::pair<Value, Type>, Value> conversions;
  /// How many conversions have each name: a group's name is unique.
  llvm::StringMap<unsigned> conversionNames;
  /// Values that share scale and zero point, and the range that they share.
  llvm::EquivalenceClasses<Value> ties;
  /// Calibrated for 8 bits, and what samples held.
  DenseMap<Value, RangeAttr> ranges, seen;
  SmallVector<Operation *> dead;
};

} // namespace mpc::quantization

#endif // MPC_LIB_TRANSFORMS_QUANTIZATIONINSERTER_H
