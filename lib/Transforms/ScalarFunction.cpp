//===- ScalarFunction.cpp - a function of one number, evaluated -----------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ScalarFunction.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"
#include "mpc/Dialect/MPC/Constants.h"

using namespace mlir;
using namespace mpc;

namespace {

/// Builds the scalar bodies of ops, operands first.
class BodyBuilder {
public:
  BodyBuilder(OpBuilder &builder, Value variable, Value scalar,
              std::optional<double> rest)
      : builder(builder), rest(rest) {
    scalars[variable] = scalar;
  }

  /// The scalar of `value`, or null.
  Value build(Value value) {
    if (Value known = scalars.lookup(value))
      return known;
    if (ElementsAttr constant = getConstantValue(value)) {
      std::optional<double> number = getSplatValue(constant);
      return buildNumber(value, number ? number : rest);
    }
    auto op = value.getDefiningOp<ElementwiseOpInterface>();
    auto type = cast<RankedTensorType>(value.getType());
    if (!isArithmeticFloat(type.getElementType()))
      return {};
    if (!op)
      return buildNumber(value, rest);
    SmallVector<Value> operands;
    for (Value operand : op->getOperands()) {
      operands.push_back(build(operand));
      if (!operands.back())
        return {};
    }
    return scalars[value] =
               op.buildScalarBody(builder, value.getLoc(), operands);
  }

private:
  Value buildNumber(Value value, std::optional<double> number) {
    if (!number)
      return {};
    return scalars[value] = arith::ConstantOp::create(
               builder, value.getLoc(), builder.getF64FloatAttr(*number));
  }

  OpBuilder &builder;
  std::optional<double> rest;
  DenseMap<Value, Value> scalars;
};

/// Folds scalar ops, with one value given.
class Evaluator {
public:
  Evaluator(Value variable, Attribute x) { known[variable] = x; }

  /// Null for what does not fold.
  Attribute fold(Value value) {
    if (auto it = known.find(value); it != known.end())
      return it->second;
    return known[value] = compute(value);
  }

private:
  Attribute compute(Value value) {
    Operation *op = value.getDefiningOp();
    if (!op)
      return {};
    Attribute constant;
    if (matchPattern(op, m_Constant(&constant)))
      return constant;
    // The side that is not taken may be undefined.
    if (auto select = dyn_cast<arith::SelectOp>(op)) {
      auto condition =
          dyn_cast_or_null<IntegerAttr>(fold(select.getCondition()));
      if (!condition)
        return {};
      return fold(condition.getValue().isZero() ? select.getFalseValue()
                                                : select.getTrueValue());
    }
    SmallVector<Attribute> operands;
    for (Value operand : op->getOperands())
      operands.push_back(fold(operand));
    if (llvm::is_contained(operands, Attribute()))
      return {};
    if (isa<math::FmaOp>(op)) {
      auto number = [&](unsigned i) {
        return cast<FloatAttr>(operands[i]).getValueAsDouble();
      };
      return FloatAttr::get(value.getType(),
                            std::fma(number(0), number(1), number(2)));
    }
    SmallVector<OpFoldResult> results;
    if (failed(op->fold(operands, results)) || results.empty())
      return {};
    if (auto attribute = dyn_cast<Attribute>(results.front()))
      return attribute;
    return fold(cast<Value>(results.front()));
  }

  DenseMap<Value, Attribute> known;
};

} // namespace

std::optional<ScalarFunction> ScalarFunction::get(Value result, Value variable,
                                                  std::optional<double> rest) {
  ScalarFunction function;
  Location loc = result.getLoc();
  function.module = ModuleOp::create(loc);
  Block *block = function.module->getBody();
  OpBuilder builder = OpBuilder::atBlockEnd(block);
  // Stands for the variable; its value is given for each evaluation.
  function.variable =
      arith::ConstantOp::create(builder, loc, builder.getF64FloatAttr(0.5));
  function.result =
      BodyBuilder(builder, variable, function.variable, rest).build(result);
  if (!function.result || std::isnan(function(0.5)))
    return std::nullopt;
  return function;
}

double ScalarFunction::operator()(double x) const {
  OpBuilder builder(variable.getContext());
  auto value = dyn_cast_or_null<FloatAttr>(
      Evaluator(variable, builder.getF64FloatAttr(x)).fold(result));
  return value ? value.getValueAsDouble() : std::nan("");
}
