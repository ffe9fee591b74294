//===- EstimateRounding.cpp - fewer operations for what is rounded --------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// mpc-estimate-rounding: what becomes a byte is computed to 24 bits, and all
// but 8 are thrown away. A function of one number, such as the activation in an
// epilogue, is estimated by polynomials between equidistant points. An estimate
// that is off by at most e rounds to the same integer, unless it is within e of
// the middle between two; then, which is rare, the function itself is computed.
//
// On vectors and not on the scalar bodies of kernels, because the choice is one
// for all lanes.
//
//===----------------------------------------------------------------------===//

#include "Pieces.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mpc/Codegen/Passes.h"
#include "mpc/Codegen/TargetDescription.h"

namespace mpc {
#define GEN_PASS_DEF_ESTIMATEROUNDING
#include "mpc/Codegen/Passes.h.inc"
} // namespace mpc

using namespace mlir;
using namespace mpc;

/// Relative errors of all that is computed in f32, here and there, together.
static constexpr double kNoise = 0x1p-20;

/// Where more than so much of the distance between two integers is uncertain,
/// an estimate does not pay.
static constexpr double kMostUncertain = 1.0 / 64;

/// What one more degree takes of the time of a vector that is uncertain,
/// divided by how many uncertain distances there are in a vector: measured,
/// 0.55 ns to 25 ns on a Zen 4, and both sides of a middle in 16 lanes.
static constexpr double kCostOfUncertain = 32 * 25 / 0.55;

/// Divisors within these bounds, and dividends that matter, are far from where
/// numbers lose bits.
static constexpr double kLeastDivisor = 0x1p-60, kLargestDivisor = 0x1p60;

/// Up to this, integers are far from the middle between two even after two
/// roundings to f32.
static constexpr double kLargestBound = 0x1p20;

/// Integers with so many binary digits behind the point decide what is near to
/// the middle between two integers.
static constexpr int kFraction = 16;
/// An estimate of an integer that is so far from the one below it does not get
/// there by errors of f32.
static constexpr double kSlack = 0x1p-8;
/// Below this, integers with such digits are exact in f32.
static constexpr double kLargestInteger = 0x1p8;

namespace {

/// What stands between a value and its rounding: changes of scale and sums,
/// and then clamps. The value's error reaches the rounding multiplied by
/// `gain`.
struct Tail {
  /// Changes of scale and sums; the value first, and clamps. The last one to be
  /// computed comes first.
  SmallVector<Operation *> ops, clamps;
  Value value;
  /// The product of all changes of scale, and its size.
  double factor = 1, gain = 1;
  double low = -INFINITY, high = INFINITY;
  /// What clamps make of NaN.
  double undefined = NAN;
  /// Whether another value is added: then it is not the result's size that
  /// bounds the errors.
  bool hasSum = false;

  double getBound() const { return std::max(std::abs(low), std::abs(high)); }
  /// Whether the integers that come out, plus `zero`, are exact in f32 together
  /// with kFraction binary digits.
  bool isByte(int64_t zero) const {
    double least = low + static_cast<double>(zero),
           most = high + static_cast<double>(zero);
    return std::max(std::abs(least), std::abs(most)) < kLargestInteger;
  }
  /// Whether it does not matter if rounding comes first.
  bool isBoundedByIntegers() const {
    return std::isfinite(getBound()) && std::trunc(low) == low &&
           std::trunc(high) == high;
  }
};

} // namespace

/// Steps from the result of a clamp, or of a choice of 0 where a number is NaN,
/// to its operand; null for other operations.
static Value skipClamp(arith::SelectOp select, Tail &tail) {
  auto cmp = select.getCondition().getDefiningOp<arith::CmpFOp>();
  if (!cmp || cmp->getBlock() != select->getBlock())
    return {};
  Value value = cmp.getLhs();
  if (cmp.getPredicate() == arith::CmpFPredicate::UNO) {
    std::optional<double> number = getNumber(select.getTrueValue());
    if (cmp.getRhs() != value || select.getFalseValue() != value || !number)
      return {};
    tail.undefined = *number;
  } else {
    std::optional<double> bound = getNumber(cmp.getRhs());
    if (select.getTrueValue() != value || !bound ||
        getNumber(select.getFalseValue()) != bound)
      return {};
    if (cmp.getPredicate() == arith::CmpFPredicate::OGT)
      tail.low = std::max(tail.low, *bound);
    else if (cmp.getPredicate() == arith::CmpFPredicate::OLT)
      tail.high = std::min(tail.high, *bound);
    else
      return {};
    tail.undefined = *bound;
  }
  tail.clamps.append({select, cmp});
  return value;
}

static Value skipClamps(Value value, Tail &tail) {
  while (auto select = value.getDefiningOp<arith::SelectOp>()) {
    Value next = skipClamp(select, tail);
    if (!next)
      break;
    value = next;
  }
  return value;
}

/// Steps back from a quotient by a number or a product with one.
static Value skipScale(Operation *op, Tail &tail) {
  if (!isa<arith::DivFOp, arith::MulFOp>(op))
    return {};
  Value value = op->getOperand(0);
  std::optional<double> factor = getNumber(op->getOperand(1));
  if (!factor && isa<arith::MulFOp>(op)) {
    factor = getNumber(op->getOperand(0));
    value = op->getOperand(1);
  }
  double size = std::abs(factor.value_or(0));
  if (!(size >= kLeastDivisor && size <= kLargestDivisor))
    return {};
  tail.factor *= isa<arith::DivFOp>(op) ? 1 / *factor : *factor;
  tail.gain = std::abs(tail.factor);
  tail.ops.push_back(op);
  return value;
}

/// Goes back from `value` to a function that is worth an estimate; `tail` and
/// `function` are meaningful if there is one.
static bool findFunction(Value value, Tail &tail, ScalarProgram &function) {
  while (Operation *op = value.getDefiningOp()) {
    Value next = skipScale(op, tail);
    if (!next)
      break;
    value = next;
  }
  tail.value = value;
  if (function.trace(value) && function.isCostly())
    return true;
  auto sum = value.getDefiningOp<arith::AddFOp>();
  if (!sum)
    return false;
  Tail before = tail;
  for (Value operand : sum->getOperands()) {
    tail = before;
    tail.ops.push_back(sum);
    tail.hasSum = true;
    if (findFunction(operand, tail, function))
      return true;
  }
  return false;
}

//===----------------------------------------------------------------------===//
// Estimates
//===----------------------------------------------------------------------===//

namespace {

/// Emits arithmetic on vectors of f32.
class VectorBuilder {
public:
  VectorBuilder(ImplicitLocOpBuilder &b, VectorType type) : b(b), type(type) {}

  Value number(double value) {
    return arith::ConstantOp::create(
        b, DenseElementsAttr::get(type, static_cast<float>(value)));
  }
  Value add(Value x, Value y) { return arith::AddFOp::create(b, x, y); }
  Value mul(Value x, Value y) { return arith::MulFOp::create(b, x, y); }
  Value sub(Value x, Value y) { return arith::SubFOp::create(b, x, y); }
  Value fma(Value x, Value y, Value z) {
    return math::FmaOp::create(b, x, y, z);
  }
  Value round(Value x) { return math::RoundEvenOp::create(b, x); }
  Value is(arith::CmpFPredicate predicate, Value x, Value y) {
    return arith::CmpFOp::create(b, predicate, x, y);
  }
  Value clamp(Value x, double low, double high) {
    Value least = number(low), most = number(high);
    x = arith::SelectOp::create(b, is(arith::CmpFPredicate::OGT, x, least), x,
                                least);
    return arith::SelectOp::create(b, is(arith::CmpFPredicate::OLT, x, most), x,
                                   most);
  }
  /// Whichever of `x` and `bound` is nearer to 0, with the sign of `x`; the
  /// bound for NaN: one instruction of those that `lookUp` is of.
  Value clampSize(Value x, double bound) {
    constexpr int leastSizeAndSignOfFirst = 0b0010, currentRounding = 4;
    auto constant = [&](int bits, int64_t value) -> Value {
      return arith::ConstantOp::create(
          b, b.getIntegerAttr(b.getIntegerType(bits), value));
    };
    return LLVM::CallIntrinsicOp::create(
               b, type, b.getStringAttr("llvm.x86.avx512.mask.range.ps.512"),
               ValueRange{x, number(bound),
                          constant(32, leastSizeAndSignOfFirst), number(0),
                          constant(16, -1), constant(32, currentRounding)})
        .getResult(0);
  }
  Value isSmall(Value x, double bound) {
    return is(arith::CmpFPredicate::OLT, math::AbsFOp::create(b, x),
              number(bound));
  }
  Value integer(int64_t value) {
    VectorType integers = type.clone(b.getI32Type());
    return arith::ConstantOp::create(
        b, DenseElementsAttr::get(integers, b.getI32IntegerAttr(value)));
  }
  Value toInteger(Value x) {
    return arith::FPToSIOp::create(b, type.clone(b.getI32Type()), x);
  }
  /// The elements of two registers at `index`, modulo 32.
  Value lookUp(ArrayRef<float> table, Value index) {
    Value halves[2];
    for (unsigned i : {0, 1})
      halves[i] = arith::ConstantOp::create(
          b, DenseElementsAttr::get(type, table.slice(16 * i, 16)));
    return LLVM::CallIntrinsicOp::create(
               b, type, b.getStringAttr("llvm.x86.avx512.vpermi2var.ps.512"),
               ValueRange{halves[0], index, halves[1]})
        .getResult(0);
  }

private:
  ImplicitLocOpBuilder &b;
  VectorType type;
};

} // namespace

/// The function `pieces` of `x`.
static Value emitPieces(ImplicitLocOpBuilder &b, const Pieces &pieces,
                        Value x) {
  auto type = cast<VectorType>(x.getType());
  VectorBuilder v(b, type);
  // The nearest point, and the distance from it, which is exact. In a sum with
  // so large a number the lowest bits count points.
  Value large = v.number(0x1.8p23 * pieces.width);
  Value counted = v.add(v.clampSize(x, Pieces::kLast * pieces.width), large);
  Value index =
      arith::BitcastOp::create(b, type.clone(b.getI32Type()), counted);
  Value distance = v.sub(x, v.sub(counted, large));
  Value sum = v.lookUp(pieces.coefficients[pieces.degree], index);
  for (int power = pieces.degree - 1; power >= 0; --power)
    sum = v.fma(sum, distance, v.lookUp(pieces.coefficients[power], index));
  return sum;
}

/// The result of `rounding` with an estimate of the function in its operand,
/// and whether it is certain.
static std::pair<Value, Value> emitEstimate(ImplicitLocOpBuilder &b,
                                            const Tail &tail,
                                            math::RoundEvenOp rounding,
                                            const Pieces &pieces,
                                            Value variable, double uncertain) {
  VectorBuilder v(b, cast<VectorType>(rounding.getType()));
  IRMapping mapping;
  mapping.map(tail.value, emitPieces(b, pieces, variable));
  Value estimate = mapping.lookup(tail.value);
  for (Operation *op : llvm::reverse(tail.ops)) {
    if (auto quotient = dyn_cast<arith::DivFOp>(op))
      mapping.map(quotient.getResult(),
                  v.mul(mapping.lookupOrDefault(quotient.getLhs()),
                        v.number(1 / *getNumber(quotient.getRhs()))));
    else
      b.clone(*op, mapping);
    estimate = mapping.lookup(op->getResult(0));
  }
  // Neither an infinite nor an undefined estimate is near to an integer.
  Value rounded = v.round(estimate);
  Value isCertain = v.isSmall(v.sub(estimate, rounded), 0.5 - uncertain);
  if (tail.hasSum)
    isCertain = arith::AndIOp::create(b, isCertain,
                                      v.isSmall(variable, pieces.getReach()));
  isCertain =
      vector::ReductionOp::create(b, vector::CombiningKind::AND, isCertain);
  // Clamps of the rounded number; what is certain is a number.
  for (Operation *op : llvm::reverse(tail.clamps)) {
    auto select = dyn_cast<arith::SelectOp>(op);
    if (!select)
      continue;
    auto cmp = select.getCondition().getDefiningOp<arith::CmpFOp>();
    if (cmp.getPredicate() == arith::CmpFPredicate::UNO)
      continue;
    Value bound = select.getFalseValue();
    rounded = arith::SelectOp::create(
        b, v.is(cmp.getPredicate(), rounded, bound), rounded, bound);
  }
  return {rounded, isCertain};
}

namespace {

/// What is done with a rounded number: it becomes an i32, and `zero` is added.
struct Conversion {
  Value result;
  int64_t zero = 0;
};

} // namespace

/// The clamped result of a change of scale, plus `zero`, in fixed point: an
/// estimate of the integer, which is still to be clamped, and whether it is
/// certain.
static std::pair<Value, Value>
emitFixedPoint(ImplicitLocOpBuilder &b, const Tail &tail, const Pieces &pieces,
               Value variable, double uncertain, int64_t zero) {
  VectorBuilder v(b, cast<VectorType>(variable.getType()));
  constexpr double one = 1 << kFraction;
  // One more, as the sum is rounded, and then its conversion.
  auto margin = static_cast<int64_t>(std::ceil(uncertain * one)) + 1;
  // Half is added for rounding, and the margin so that what is near to a middle
  // has few digits behind the point. So has what the conversion makes of NaN
  // and of what is too large for it.
  double addend =
      (static_cast<double>(zero) + 0.5) * one + static_cast<double>(margin);
  Value sum = v.fma(emitPieces(b, pieces, variable),
                    v.number(tail.factor * one), v.number(addend));
  Value digits = v.toInteger(v.round(sum));
  Value behind =
      arith::AndIOp::create(b, digits, v.integer((1 << kFraction) - 1));
  Value isCertain = arith::CmpIOp::create(b, arith::CmpIPredicate::uge, behind,
                                          v.integer(2 * margin));
  isCertain =
      vector::ReductionOp::create(b, vector::CombiningKind::AND, isCertain);
  Value rounded = arith::ShRSIOp::create(b, digits, v.integer(kFraction));
  return {rounded, isCertain};
}

/// How the result of `rounding` is converted; nothing if it is used otherwise.
static std::optional<Conversion> findConversion(math::RoundEvenOp rounding) {
  auto soleUser = [](Value value) {
    return value.hasOneUse() ? *value.getUsers().begin() : nullptr;
  };
  auto toInteger =
      dyn_cast_or_null<arith::FPToSIOp>(soleUser(rounding.getResult()));
  if (!toInteger || !getElementTypeOrSelf(toInteger.getType()).isInteger(32))
    return std::nullopt;
  DenseElementsAttr addend;
  if (auto sum = dyn_cast_or_null<arith::AddIOp>(soleUser(toInteger));
      sum && matchPattern(sum.getRhs(), m_Constant(&addend)) &&
      addend.isSplat())
    return Conversion{sum.getResult(),
                      addend.getSplatValue<APInt>().getSExtValue()};
  return Conversion{toInteger.getResult()};
}

/// Erases `ops`, the last first, as far as nobody uses them.
static void eraseUnused(ArrayRef<Operation *> ops) {
  for (Operation *op : ops)
    if (op->use_empty())
      op->erase();
}

/// How near to the middle between two integers an estimate by `pieces` is
/// uncertain.
static double getUncertain(const Pieces &pieces, const Tail &tail) {
  // Only numbers near to the middle between two integers within the bounds
  // matter: neither those that are well below one half nor those beyond the
  // bounds. They are multiplied and divided a few times on either way. In sums
  // all count.
  double error = pieces.getError(0, Pieces::kTried);
  if (!tail.hasSum && error * tail.gain <= 0.2)
    error =
        pieces.getError(0.25 / tail.gain, (tail.getBound() + 1) / tail.gain);
  auto steps = static_cast<double>(tail.ops.size() + 1);
  double uncertain =
      error * tail.gain +
      (Pieces::kRelative + steps * Pieces::kUnit) * (tail.getBound() + 1);
  if (tail.hasSum)
    uncertain += kNoise * (pieces.getReach() * tail.gain + tail.getBound());
  return uncertain;
}

/// Estimates the function in the operand of `rounding`, if there is one.
static bool estimate(math::RoundEvenOp rounding, PiecesCache &cache) {
  Tail tail;
  ScalarProgram function;
  Value clamped = skipClamps(rounding.getOperand(), tail);
  if (!tail.isBoundedByIntegers() || !findFunction(clamped, tail, function))
    return false;
  // A degree more, or more vectors with an uncertain lane.
  const Pieces *pieces = nullptr;
  double uncertain = 0, leastCost = INFINITY;
  for (const std::optional<Pieces> &candidate : cache.get(function)) {
    if (!candidate)
      continue;
    double itsUncertain = getUncertain(*candidate, tail);
    double cost = candidate->degree + kCostOfUncertain * itsUncertain;
    if (!(itsUncertain <= kMostUncertain && cost < leastCost))
      continue;
    pieces = &*candidate;
    uncertain = itsUncertain;
    leastCost = cost;
  }
  if (!pieces)
    return false;

  ImplicitLocOpBuilder b(rounding.getLoc(), rounding);
  // Computes the function itself, and rounds that.
  auto emitExact = [&] {
    IRMapping mapping;
    for (Operation *op : function.getOps())
      b.clone(*op, mapping);
    for (ArrayRef<Operation *> ops : {tail.ops, tail.clamps})
      for (Operation *op : llvm::reverse(ops))
        b.clone(*op, mapping);
    return b.clone(*rounding, mapping)->getResult(0);
  };
  auto emitChoice = [&](Value isCertain, Value estimate,
                        function_ref<Value()> exact) {
    auto choice = scf::IfOp::create(b, estimate.getType(), isCertain, true);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(choice.thenBlock());
    scf::YieldOp::create(b, estimate);
    b.setInsertionPointToStart(choice.elseBlock());
    scf::YieldOp::create(b, exact());
    return choice.getResult(0);
  };
  std::optional<Conversion> conversion = findConversion(rounding);
  if (conversion && !tail.hasSum && tail.isByte(conversion->zero)) {
    b.setInsertionPoint(conversion->result.getDefiningOp());
    VectorBuilder v(b, cast<VectorType>(rounding.getType()));
    auto [estimate, isCertain] = emitFixedPoint(
        b, tail, *pieces, function.getVariable(), uncertain, conversion->zero);
    Value chosen = emitChoice(isCertain, estimate, [&] {
      Value zero = v.integer(conversion->zero);
      return arith::AddIOp::create(b, v.toInteger(emitExact()), zero);
    });
    // Behind the choice, where conversions to bytes that saturate do it.
    auto zero = static_cast<double>(conversion->zero);
    Value low = v.integer(int64_t(tail.low + zero)),
          high = v.integer(int64_t(tail.high + zero));
    if (tail.low + zero == 0 && tail.factor > 0 &&
        tail.factor * pieces->least + zero + 0.5 >= kSlack) {
      chosen = arith::MinUIOp::create(b, chosen, high);
    } else {
      chosen = arith::MaxSIOp::create(b, chosen, low);
      chosen = arith::MinSIOp::create(b, chosen, high);
    }
    conversion->result.replaceAllUsesWith(chosen);
    eraseUnused({conversion->result.getDefiningOp(),
                 *rounding->getUsers().begin(), rounding});
  } else {
    auto [rounded, isCertain] = emitEstimate(b, tail, rounding, *pieces,
                                             function.getVariable(), uncertain);
    rounding.replaceAllUsesWith(emitChoice(isCertain, rounded, emitExact));
    rounding.erase();
  }
  eraseUnused(tail.clamps);
  eraseUnused(tail.ops);
  eraseUnused(llvm::to_vector(llvm::reverse(function.getOps())));
  return true;
}

//===----------------------------------------------------------------------===//
// Quotients
//===----------------------------------------------------------------------===//

/// The quotient by a number c in the operand of `rounding`, by way of 1 / c:
///
///   q = x * (1 / c);  x / c = q + (x - q * c) * (1 / c)
///
/// with the products and sums of the latter rounded once, is the nearest
/// number to x / c (Brisebarre, Muller and Raina, "Accelerating correctly
/// rounded floating-point division when the divisor is known in advance",
/// 2004), unless numbers overflow or lose bits. They do not overflow, for x is
/// clamped instead of the quotient, to products of c and integers, where the
/// quotient is as good as an integer. Quotients that are so small that they
/// lose bits are rounded to 0.
static void refineQuotient(math::RoundEvenOp rounding) {
  Tail tail;
  Value value = skipClamps(rounding.getOperand(), tail);
  auto quotient = value.getDefiningOp<arith::DivFOp>();
  auto type = dyn_cast<VectorType>(value.getType());
  if (!quotient || !type || !tail.isBoundedByIntegers() ||
      !(tail.getBound() <= kLargestBound) || !(tail.low <= tail.high))
    return;
  std::optional<double> divisor = getNumber(quotient.getRhs());
  if (!divisor || !(*divisor >= kLeastDivisor && *divisor <= kLargestDivisor))
    return;
  ImplicitLocOpBuilder b(rounding.getLoc(), rounding);
  VectorBuilder v(b, type);
  Value x = quotient.getLhs();
  // The clamps make the lower bound of NaN.
  double undefined = std::clamp(tail.undefined, tail.low, tail.high);
  if (undefined != tail.low)
    x = arith::SelectOp::create(b, v.is(arith::CmpFPredicate::UNO, x, x),
                                v.number(undefined * *divisor), x);
  x = v.clamp(x, tail.low * *divisor, tail.high * *divisor);
  Value reciprocal = v.number(1.0f / static_cast<float>(*divisor));
  Value q = v.mul(x, reciprocal);
  Value rest = v.fma(q, v.number(-*divisor), x);
  rounding.getOperandMutable().assign(v.fma(rest, reciprocal, q));
  eraseUnused(tail.clamps);
  eraseUnused({quotient});
}

namespace {

struct EstimateRoundingPass
    : public mpc::impl::EstimateRoundingBase<EstimateRoundingPass> {
  void runOnOperation() override {
    SmallVector<math::RoundEvenOp> roundings;
    getOperation().walk([&](math::RoundEvenOp op) {
      auto type = dyn_cast<VectorType>(op.getType());
      if (type && type.getElementType().isF32())
        roundings.push_back(op);
    });
    if (roundings.empty())
      return;
    FailureOr<TargetDescription> target =
        TargetDescription::read(getOperation());
    if (failed(target))
      return signalPassFailure();
    PiecesCache cache;
    for (math::RoundEvenOp rounding : roundings) {
      // Tables of two registers, which one instruction reads.
      bool isRegister = cast<VectorType>(rounding.getType()).getShape() ==
                        ArrayRef<int64_t>(Pieces::kCount / 2);
      if (!(target->vectorBits == 512 && isRegister &&
            estimate(rounding, cache)))
        refineQuotient(rounding);
    }
  }
};

} // namespace
