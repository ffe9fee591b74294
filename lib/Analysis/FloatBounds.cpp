//===- FloatBounds.cpp - bounds that no input leaves ----------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mpc/Analysis/FloatBounds.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"
#include "mpc/Dialect/MPC/Constants.h"
#include "mpc/Dialect/MPC/MPCDialect.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mpc;

using Interval = FloatInterval;
using Bounds = llvm::DenseMap<Value, FloatInterval>;

static Interval hull(Interval a, Interval b) {
  return {std::min(a.low, b.low), std::max(a.high, b.high)};
}

/// Room for the rounding of `count` operations in f32.
static Interval widen(Interval x, double count = 1) {
  double slack = x.getMagnitude() * count * 0x1p-23;
  return x.isBounded() ? Interval{x.low - slack, x.high + slack} : Interval();
}

static Interval multiply(Interval a, Interval b) {
  if (!a.isBounded() || !b.isBounded())
    return {};
  double products[] = {a.low * b.low, a.low * b.high, a.high * b.low,
                       a.high * b.high};
  return {*llvm::min_element(products), *llvm::max_element(products)};
}

//===----------------------------------------------------------------------===//
// Scalar bodies
//===----------------------------------------------------------------------===//

static Interval evaluate(Operation &op, ArrayRef<Interval> x) {
  auto monotone = [&](double (*f)(double)) {
    return Interval{f(x[0].low), f(x[0].high)};
  };
  return llvm::TypeSwitch<Operation *, Interval>(&op)
      .Case([&](arith::ConstantOp constant) {
        auto value = dyn_cast<FloatAttr>(constant.getValue());
        double number = value ? value.getValueAsDouble() : NAN;
        return std::isnan(number) ? Interval() : Interval{number, number};
      })
      .Case([&](arith::AddFOp) {
        return Interval{x[0].low + x[1].low, x[0].high + x[1].high};
      })
      .Case([&](arith::SubFOp) {
        return Interval{x[0].low - x[1].high, x[0].high - x[1].low};
      })
      .Case([&](arith::MulFOp) { return multiply(x[0], x[1]); })
      .Case([&](math::FmaOp) {
        Interval product = multiply(x[0], x[1]);
        return Interval{product.low + x[2].low, product.high + x[2].high};
      })
      .Case([&](arith::DivFOp) {
        if (x[1].low <= 0 && x[1].high >= 0)
          return Interval();
        return multiply(x[0], {1 / x[1].high, 1 / x[1].low});
      })
      .Case<arith::MaximumFOp, arith::MaxNumFOp>([&](auto) {
        return Interval{std::max(x[0].low, x[1].low),
                        std::max(x[0].high, x[1].high)};
      })
      .Case<arith::MinimumFOp, arith::MinNumFOp>([&](auto) {
        return Interval{std::min(x[0].low, x[1].low),
                        std::min(x[0].high, x[1].high)};
      })
      .Case([&](arith::NegFOp) {
        return Interval{-x[0].high, -x[0].low};
      })
      .Case([&](math::AbsFOp) {
        double least = x[0].low <= 0 && x[0].high >= 0
                           ? 0
                           : std::min(std::abs(x[0].low), std::abs(x[0].high));
        return Interval{least, x[0].getMagnitude()};
      })
      .Case([&](arith::SelectOp) { return hull(x[1], x[2]); })
      .Case([&](math::ExpOp) { return monotone(std::exp); })
      .Case([&](math::TanhOp) { return monotone(std::tanh); })
      .Case([&](math::ErfOp) { return monotone(std::erf); })
      .Case<math::SinOp, math::CosOp>([&](auto) {
        return Interval{-1, 1};
      })
      .Case([&](math::SqrtOp) {
        return x[0].low >= 0 ? monotone(std::sqrt) : Interval();
      })
      .Case([&](math::FloorOp) { return monotone(std::floor); })
      .Case([&](math::CeilOp) { return monotone(std::ceil); })
      .Case([&](math::RoundEvenOp) { return monotone(std::nearbyint); })
      .Default([](Operation *) { return Interval(); });
}

/// An element-wise op on intervals: its scalar body, op by op.
static Interval evaluateElementwise(Operation *op, const Bounds &bounds) {
  auto elementwise = cast<ElementwiseOpInterface>(op);
  auto of = [&](Value value) { return bounds.lookup(value); };
  if (elementwise.isClamp()) {
    auto [low, high] = elementwise.getClampBounds();
    Interval x = of(op->getOperand(0));
    return {std::clamp(x.low, low, high), std::clamp(x.high, low, high)};
  }
  Block block;
  Bounds scalars;
  Type f32 = Float32Type::get(op->getContext());
  SmallVector<Value> arguments;
  for (Value operand : op->getOperands()) {
    if (!isArithmeticFloat(getElementTypeOrSelf(operand)))
      return {};
    arguments.push_back(block.addArgument(f32, op->getLoc()));
    scalars[arguments.back()] = of(operand);
  }
  OpBuilder builder(op->getContext());
  builder.setInsertionPointToEnd(&block);
  Value result = elementwise.buildScalarBody(builder, op->getLoc(), arguments);
  for (Operation &scalar : block) {
    if (scalar.getNumResults() != 1)
      return {};
    SmallVector<Interval> operands;
    for (Value operand : scalar.getOperands())
      operands.push_back(scalars.lookup(operand));
    Interval found = evaluate(scalar, operands);
    // inf - inf and 0 * inf say nothing.
    if (std::isnan(found.low) || std::isnan(found.high))
      found = {};
    scalars[scalar.getResult(0)] = widen(found);
  }
  return scalars.lookup(result);
}

//===----------------------------------------------------------------------===//
// Operators
//===----------------------------------------------------------------------===//

/// Per output channel the largest sum of products; padding is 0.
static Interval evaluateContraction(QuantizableOpInterface op,
                                    const Bounds &bounds) {
  SmallVector<OpOperand *> inputs = op.getActivationOperands();
  if (inputs.size() != 1 || !op.getWeightOperand())
    return {};
  Interval x = hull(bounds.lookup(inputs.front()->get()), {0, 0});
  ElementsAttr weight = getConstantValue(op.getWeightOperand()->get());
  auto values = weight ? getFloatValues(weight) : std::nullopt;
  if (!x.isBounded() || !values)
    return {};
  auto type = cast<RankedTensorType>(op.getWeightOperand()->get().getType());
  int64_t axis = op.getWeightChannelAxis();
  int64_t channels = type.getDimSize(axis), inner = 1;
  for (int64_t d = axis + 1; d < type.getRank(); ++d)
    inner *= type.getDimSize(d);
  if (channels == 0)
    return {};
  SmallVector<Interval> sums(channels, {0, 0});
  for (auto [i, w] : llvm::enumerate(*values)) {
    Interval product = multiply(x, {w, w});
    Interval &sum = sums[(i / inner) % channels];
    sum = {sum.low + product.low, sum.high + product.high};
  }
  if (OpOperand *bias = op.getBiasOperand()) {
    ElementsAttr constant = getConstantValue(bias->get());
    auto biases = constant ? getFloatValues(constant) : std::nullopt;
    if (!biases || biases->size() != sums.size())
      return {};
    for (auto [sum, b] : llvm::zip(sums, *biases))
      sum = {sum.low + b, sum.high + b};
  }
  Interval all = sums.front();
  for (Interval sum : sums)
    all = hull(all, sum);
  return widen(all, values->size() / channels + 1);
}

static Interval evaluateOp(Operation *op, const Bounds &bounds) {
  if (op->getNumResults() != 1 ||
      !isArithmeticFloat(getElementTypeOrSelf(op->getResult(0))))
    return {};
  auto quantizable = dyn_cast<QuantizableOpInterface>(op);
  QuantRole role = quantizable ? quantizable.getQuantRole() : QuantRole::Float;
  if (role == QuantRole::Contraction)
    return evaluateContraction(quantizable, bounds);
  if (isa<ElementwiseOpInterface>(op) && role != QuantRole::Passthrough)
    return evaluateElementwise(op, bounds);
  if (role != QuantRole::Passthrough && role != QuantRole::Average)
    return {};
  // Windows may reach over the border, where zeros are.
  Interval all = {0, 0};
  for (OpOperand *operand : quantizable.getActivationOperands())
    all = hull(all, bounds.lookup(operand->get()));
  if (auto pad = dyn_cast<PadOp>(op)) {
    double value = pad.getValue().convertToDouble();
    all = hull(all, {value, value});
  }
  return role == QuantRole::Average ? widen(all, 0x1p10) : all;
}

/// All values that an element type has; nothing for floats.
static std::optional<Interval> getTypeBounds(Type element) {
  auto integer = dyn_cast<IntegerType>(element);
  if (!integer || integer.getWidth() > 32)
    return std::nullopt;
  double steps = std::ldexp(1, integer.getWidth());
  if (integer.isUnsigned() || integer.getWidth() == 1)
    return Interval{0, steps - 1};
  return Interval{-steps / 2, steps / 2 - 1};
}

static Interval getConstantBounds(Value value) {
  ElementsAttr constant = getConstantValue(value);
  auto values = constant ? getFloatValues(constant) : std::nullopt;
  if (!values || values->empty())
    return {};
  auto [low, high] = std::minmax_element(values->begin(), values->end());
  return std::isfinite(*low) && std::isfinite(*high) ? Interval{*low, *high}
                                                     : Interval();
}

FloatBounds::FloatBounds(func::FuncOp function, const Bounds &inputs)
    : bounds(inputs) {
  for (BlockArgument argument : function.getArguments())
    if (auto known = getTypeBounds(getElementTypeOrSelf(argument)))
      bounds[argument] = *known;
  for (Operation &op : function.getBody().front()) {
    if (auto reshape = dyn_cast<ReshapeOp>(op)) {
      bounds[reshape.getResult()] = lookup(reshape.getInput());
      continue;
    }
    auto group = dyn_cast<GroupOp>(op);
    if (!group)
      continue;
    Bounds inner;
    for (auto [argument, operand] :
         llvm::zip(group.getBlock().getArguments(), group.getInputs()))
      inner[argument] = lookup(operand);
    for (Operation &body : group.getBlock().without_terminator()) {
      if (body.getNumResults() != 1)
        continue;
      // A cast from integers is bounded as they are.
      if (auto cast = dyn_cast<CastOp>(body)) {
        inner[cast.getResult()] = inner.lookup(cast.getInput());
        continue;
      }
      inner[body.getResult(0)] = evaluateOp(&body, inner);
    }
    for (auto [result, yielded] :
         llvm::zip(group.getResults(),
                   group.getBlock().getTerminator()->getOperands()))
      bounds[result] = inner.lookup(yielded);
  }
}

FloatInterval FloatBounds::lookup(Value value) const {
  auto found = bounds.find(value);
  if (found != bounds.end())
    return found->second;
  return getConstantBounds(value);
}
