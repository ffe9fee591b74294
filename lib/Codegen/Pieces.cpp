//===- Pieces.cpp - a function of one number, piece by piece --------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Pieces.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"
#include <cmath>

using namespace mlir;
using namespace mpc;

std::optional<double> mpc::getNumber(Value value) {
  while (auto broadcast = value.getDefiningOp<vector::BroadcastOp>())
    value = broadcast.getSource();
  Attribute constant;
  if (!matchPattern(value, m_Constant(&constant)))
    return std::nullopt;
  if (auto splat = dyn_cast<SplatElementsAttr>(constant))
    constant = splat.getSplatValue<Attribute>();
  auto number = dyn_cast<FloatAttr>(constant);
  return number ? std::make_optional(number.getValueAsDouble()) : std::nullopt;
}

//===----------------------------------------------------------------------===//
// ScalarProgram
//===----------------------------------------------------------------------===//

/// Functions that take many instructions.
static bool isCostlyFunction(Operation *op) {
  return isa<math::ExpOp, math::TanhOp, math::ErfOp, math::LogOp, math::Log1pOp,
             math::ExpM1Op>(op);
}

static bool isKnown(Operation *op) {
  return isCostlyFunction(op) ||
         isa<arith::AddFOp, arith::SubFOp, arith::MulFOp, arith::DivFOp,
             arith::NegFOp, arith::CmpFOp, arith::SelectOp, math::AbsFOp>(op);
}

/// Whether `predicate` holds; -1 for those that nobody emits.
static int compare(arith::CmpFPredicate predicate, double x, double y) {
  switch (predicate) {
  case arith::CmpFPredicate::OGT:
    return x > y;
  case arith::CmpFPredicate::OGE:
    return x >= y;
  case arith::CmpFPredicate::OLT:
    return x < y;
  case arith::CmpFPredicate::OLE:
    return x <= y;
  case arith::CmpFPredicate::UNO:
    return std::isnan(x) || std::isnan(y);
  default:
    return -1;
  }
}

bool ScalarProgram::trace(Value from) {
  result = from;
  ops.clear();
  costly = false;
  Operation *last = from.getDefiningOp();
  if (!last)
    return false;
  // What is still to be explained, of which the last one to be computed is.
  SmallVector<Value> open{from};
  while (!costly || open.size() != 1 ||
         !getElementTypeOrSelf(open.front().getType()).isF32()) {
    auto latest = open.end();
    for (auto it = open.begin(); it != open.end(); ++it) {
      Operation *op = it->getDefiningOp();
      if (op && op->getBlock() == last->getBlock() &&
          (latest == open.end() ||
           latest->getDefiningOp()->isBeforeInBlock(op)))
        latest = it;
    }
    if (latest == open.end())
      return false;
    Operation *op = latest->getDefiningOp();
    open.erase(latest);
    if (!isKnown(op))
      return false;
    ops.push_back(op);
    costly |= isCostlyFunction(op);
    for (Value operand : op->getOperands())
      if (!getNumber(operand) && !llvm::is_contained(open, operand))
        open.push_back(operand);
  }
  variable = open.front();
  std::reverse(ops.begin(), ops.end());
  return true;
}

/// The error of `value`, the result of `op` for the operands `in`, whose errors
/// are `errors`, all in f32.
static double propagateError(Operation *op, ArrayRef<double> in,
                             ArrayRef<double> errors, double value) {
  constexpr double u = Pieces::kUnit;
  double own = u * std::abs(value);
  // Of functions: a good two, and a good four, units have been seen.
  double ownOfExp = 2 * own, ownOfTanh = 8 * own;
  return llvm::TypeSwitch<Operation *, double>(op)
      .Case<arith::AddFOp, arith::SubFOp>(
          [&](auto) { return errors[0] + errors[1] + own; })
      .Case([&](arith::MulFOp) {
        return std::abs(in[0]) * errors[1] + std::abs(in[1]) * errors[0] + own;
      })
      .Case([&](arith::DivFOp) {
        return (errors[0] + std::abs(value) * errors[1]) / std::abs(in[1]) +
               own;
      })
      .Case<arith::NegFOp, math::AbsFOp>([&](auto) { return errors[0]; })
      .Case([&](arith::SelectOp) { return errors[in[0] != 0 ? 1 : 2]; })
      .Case([&](arith::CmpFOp) { return 0.0; })
      .Case([&](math::ExpOp) { return value * errors[0] + ownOfExp; })
      .Case([&](math::ExpM1Op) { return (value + 1) * errors[0] + ownOfExp; })
      .Case([&](math::LogOp) { return errors[0] / std::abs(in[0]) + ownOfExp; })
      .Case([&](math::Log1pOp) {
        return errors[0] / std::abs(1 + in[0]) + ownOfExp;
      })
      .Case([&](math::TanhOp) {
        return (1 - value * value) * errors[0] + ownOfTanh;
      })
      .Case([&](math::ErfOp) {
        return 1.13 * std::exp(-in[0] * in[0]) * errors[0] + ownOfTanh;
      })
      .Default(double(INFINITY));
}

double ScalarProgram::operator()(double x, double *error) const {
  DenseMap<Value, double> values{{variable, x}}, errors;
  for (Operation *op : ops) {
    SmallVector<double, 3> in, inErrors;
    for (Value operand : op->getOperands()) {
      auto it = values.find(operand);
      in.push_back(it != values.end() ? it->second
                                      : getNumber(operand).value_or(NAN));
      inErrors.push_back(errors.lookup(operand));
    }
    double value =
        llvm::TypeSwitch<Operation *, double>(op)
            .Case([&](arith::AddFOp) { return in[0] + in[1]; })
            .Case([&](arith::SubFOp) { return in[0] - in[1]; })
            .Case([&](arith::MulFOp) { return in[0] * in[1]; })
            .Case([&](arith::DivFOp) { return in[0] / in[1]; })
            .Case([&](arith::NegFOp) { return -in[0]; })
            .Case([&](arith::SelectOp) { return in[0] != 0 ? in[1] : in[2]; })
            .Case([&](arith::CmpFOp cmp) {
              int holds = compare(cmp.getPredicate(), in[0], in[1]);
              return holds < 0 ? NAN : holds;
            })
            .Case([&](math::AbsFOp) { return std::abs(in[0]); })
            .Case([&](math::ExpOp) { return std::exp(in[0]); })
            .Case([&](math::ExpM1Op) { return std::expm1(in[0]); })
            .Case([&](math::LogOp) { return std::log(in[0]); })
            .Case([&](math::Log1pOp) { return std::log1p(in[0]); })
            .Case([&](math::TanhOp) { return std::tanh(in[0]); })
            .Case([&](math::ErfOp) { return std::erf(in[0]); })
            .Default(double(NAN));
    if (std::abs(value) > std::numeric_limits<float>::max())
      value = std::copysign(INFINITY, value);
    values[op->getResult(0)] = value;
    if (error && std::isfinite(value))
      errors[op->getResult(0)] = propagateError(op, in, inErrors, value);
  }
  if (error)
    *error = errors.lookup(result);
  return values.lookup(result);
}

std::string ScalarProgram::getKey() const {
  std::string key;
  llvm::raw_string_ostream os(key);
  DenseMap<Value, unsigned> numbers{{variable, 0}};
  for (Operation *op : ops) {
    os << op->getName();
    if (auto cmp = dyn_cast<arith::CmpFOp>(op))
      os << " " << arith::stringifyCmpFPredicate(cmp.getPredicate());
    for (Value operand : op->getOperands()) {
      auto it = numbers.find(operand);
      if (it != numbers.end())
        os << " %" << it->second;
      else
        os << " " << llvm::format("%a", getNumber(operand).value_or(NAN));
    }
    os << ";";
    unsigned number = numbers.size();
    numbers[op->getResult(0)] = number;
  }
  return key;
}

//===----------------------------------------------------------------------===//
// Pieces
//===----------------------------------------------------------------------===//

/// Coefficients of the powers of a number.
using Polynomial = std::array<double, Pieces::kMostDegree + 1>;

/// The value for `t`, and in `error` a bound of its error in f32.
static double evaluate(const Polynomial &c, double t, double &error) {
  double sum = 0;
  error = 0;
  for (double coefficient : llvm::reverse(c)) {
    sum = sum * t + coefficient;
    error = error * std::abs(t) + Pieces::kUnit * std::abs(sum);
  }
  return sum;
}

/// How far the piece `c` around `center` may be from `function`, both computed
/// in f32, beyond what is relative to the function, and the function's size;
/// `t` is the distance.
static std::pair<double, double> compare(const ScalarProgram &function,
                                         const Polynomial &c, double center,
                                         double t) {
  double ownError, functionError;
  double value = evaluate(c, t, ownError);
  double wanted = function(center + t, &functionError);
  // Between the points where it is taken the difference is a little larger.
  return {1.25 * std::abs(value - wanted) + ownError + functionError -
              Pieces::kRelative * std::abs(wanted),
          std::abs(wanted)};
}

/// The polynomial that meets `function` at Chebyshev's points around `center`.
static Polynomial interpolate(const ScalarProgram &function, double center,
                              double half, int degree) {
  int count = degree + 1;
  Polynomial at, differences;
  for (int i = 0; i < count; ++i) {
    at[i] = half * std::cos((2 * i + 1) * 3.14159265358979323846 / (2 * count));
    differences[i] = function(center + at[i]);
  }
  for (int order = 1; order < count; ++order)
    for (int i = count - 1; i >= order; --i)
      differences[i] =
          (differences[i] - differences[i - 1]) / (at[i] - at[i - order]);
  // From Newton's form to powers.
  Polynomial powers{};
  for (int i = count - 1; i >= 0; --i) {
    for (int power = count - 1; power >= 0; --power)
      powers[power] =
          (power > 0 ? powers[power - 1] : 0) - powers[power] * at[i];
    powers[0] += differences[i];
  }
  return powers;
}

/// The straight line that `function` becomes on one side, around `center`.
static Polynomial findAsymptote(const ScalarProgram &function, double center,
                                double step) {
  double near = function(center + 64 * step),
         far = function(center + 128 * step);
  // What is no slope but the end of a decay would count far out.
  double slope = std::round((far - near) / (64 * step) * 0x1p40) * 0x1p-40;
  Polynomial line{};
  line[1] = slope;
  line[0] = near - slope * 64 * step;
  return line;
}

static std::optional<Pieces> fitWidth(const ScalarProgram &function, int degree,
                                      double width) {
  Pieces pieces{};
  pieces.width = width;
  pieces.degree = degree;
  pieces.least = INFINITY;
  pieces.errors.fill(0);
  double half = width / 2;
  for (int point = Pieces::kFirst; point <= Pieces::kLast; ++point) {
    double center = point * width;
    bool isLine = point == Pieces::kFirst || point == Pieces::kLast;
    double side = point < 0 ? -1 : 1;
    Polynomial exact = isLine ? findAsymptote(function, center, side * width)
                              : interpolate(function, center, half, degree);
    Polynomial rounded;
    for (int power = 0; power <= Pieces::kMostDegree; ++power) {
      auto coefficient = static_cast<float>(exact[power]);
      pieces.coefficients[power][point & (Pieces::kCount - 1)] = coefficient;
      rounded[power] = coefficient;
    }
    if (isLine && side * rounded[1] < 0)
      pieces.least = -INFINITY;
    // Errors are smooth between the points where they are taken.
    constexpr int samples = 64;
    double end = isLine ? 2 * Pieces::kCount * width : half;
    int count = isLine ? samples * Pieces::kCount : samples;
    for (int i = 0; i <= count; ++i) {
      double t = -half + (end + half) * i / count;
      t *= isLine ? side : 1;
      auto [error, size] = compare(function, rounded, center, t);
      if (!std::isfinite(error))
        return std::nullopt;
      double &worst = pieces.errors[Pieces::getOctave(size)];
      worst = std::max(worst, error);
      // Between two points a polynomial is lower by far less than by how much
      // it turns from one step to the next.
      double step = (end + half) / count, ownError;
      double here = evaluate(rounded, t, ownError),
             turn = here - evaluate(rounded, t - step, ownError) -
                    (evaluate(rounded, t + step, ownError) - here);
      pieces.least = std::min(pieces.least, here - std::abs(turn));
    }
    if (!isLine)
      continue;
    for (double t = end; t <= Pieces::kTried; t *= 1.25) {
      auto [error, size] = compare(function, rounded, center, side * t);
      if (!(error <= pieces.errors[Pieces::getOctave(size)]))
        return std::nullopt;
    }
  }
  return pieces;
}

std::optional<Pieces> Pieces::fit(const ScalarProgram &function, int degree) {
  std::optional<Pieces> best;
  for (double width : {2.0, 1.0, 0.5, 0.25}) {
    std::optional<Pieces> pieces = fitWidth(function, degree, width);
    if (pieces && (!best || pieces->getError(0, Pieces::kTried) <
                                best->getError(0, Pieces::kTried)))
      best = pieces;
  }
  return best;
}

const PiecesCache::Choice &PiecesCache::get(const ScalarProgram &function) {
  auto [it, isNew] = known.try_emplace(function.getKey());
  if (isNew) {
    it->second = std::make_unique<Choice>();
    for (auto [i, pieces] : llvm::enumerate(*it->second))
      pieces = Pieces::fit(function, Pieces::kLeastDegree + int(i));
  }
  return *it->second;
}
