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
// for all lanes, and for all of a few vectors side by side.
//
//===----------------------------------------------------------------------===//

#include "RoundingTail.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
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

/// What one more degree takes of the time that uncertain vectors cost, divided
/// by how many uncertain distances there are in a vector: measured, 0.4 ns to
/// 50 ns on an Emerald Rapids, and both sides of a middle in 16 lanes.
static constexpr double kCostOfUncertain = 32 * 50 / 0.4;

/// Up to this, integers are far from the middle between two even after two
/// roundings to f32.
static constexpr double kLargestBound = 0x1p20;

/// An estimate of an integer that is so far from the one below it does not get
/// there by errors of f32.
static constexpr double kSlack = 0x1p-8;

/// Vectors that one branch decides about: as many as become one register of
/// bytes.
static constexpr int64_t kTogether = 4;

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

namespace {

/// What is done with a rounded number: it becomes an i32, and `zero` is added.
struct Conversion {
  Value result;
  int64_t zero = 0;
};

/// How a rounding is estimated.
struct Estimate {
  Operation *rounding;
  Tail tail;
  ScalarProgram function;
  const Pieces *pieces = nullptr;
  /// How near to the middle between two integers an estimate is uncertain.
  double uncertain = 0;
  /// Set if the estimate is one of fixed point.
  std::optional<Conversion> conversion;

  /// The result, and what computes it.
  Value getResult() const {
    return conversion ? conversion->result : rounding->getResult(0);
  }
  Operation *getOperation() const { return getResult().getDefiningOp(); }
  VectorType getType() const {
    return cast<VectorType>(rounding->getResult(0).getType());
  }
  /// What is certain, in units of the last digit of fixed point. Two more, as
  /// the sum is rounded, and then cut off.
  int64_t getMargin() const {
    return static_cast<int64_t>(std::ceil(uncertain * (1 << kFraction))) + 2;
  }
};

} // namespace

/// The rounded and clamped number with an estimate of the function in it; in
/// `isCertain`, whether each lane is.
static Value emitRounded(ImplicitLocOpBuilder &b, const Estimate &e,
                         Value &isCertain) {
  const Tail &tail = e.tail;
  VectorBuilder v(b, e.getType());
  IRMapping mapping;
  mapping.map(tail.value, emitPieces(b, *e.pieces, e.function.getVariable()));
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
  isCertain = v.isSmall(v.sub(estimate, rounded), 0.5 - e.uncertain);
  if (tail.hasSum)
    isCertain = arith::AndIOp::create(
        b, isCertain,
        v.isSmall(e.function.getVariable(), e.pieces->getReach()));
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
  return rounded;
}

/// The clamped result of a change of scale, plus `zero`, in fixed point: an
/// estimate with all of its digits.
static Value emitDigits(ImplicitLocOpBuilder &b, const Estimate &e) {
  VectorBuilder v(b, e.getType());
  constexpr double one = 1 << kFraction;
  // Half is added for rounding, and the margin so that what is near to a middle
  // has few digits behind the point. So has what the conversion makes of NaN
  // and of what is too large for it.
  double addend = (static_cast<double>(e.conversion->zero) + 0.5) * one +
                  static_cast<double>(e.getMargin());
  Value sum = v.fma(emitPieces(b, *e.pieces, e.function.getVariable()),
                    v.number(e.tail.factor * one), v.number(addend));
  return v.toInteger(sum);
}

/// Which of the lanes of `digits` are far enough from a middle.
static Value areCertain(ImplicitLocOpBuilder &b, Value digits, int64_t margin) {
  VectorBuilder v(b, cast<VectorType>(digits.getType()));
  Value behind =
      arith::AndIOp::create(b, digits, v.integer((1 << kFraction) - 1));
  return arith::CmpIOp::create(b, arith::CmpIPredicate::uge, behind,
                               v.integer(2 * margin));
}

/// The same for several at once, of which the least digits behind the point
/// count: those are every other 16 bits, and the others are any.
static Value areCertain(ImplicitLocOpBuilder &b, ArrayRef<Value> digits,
                        int64_t margin) {
  if (digits.size() == 1)
    return areCertain(b, digits.front(), margin);
  int64_t lanes = cast<VectorType>(digits.front().getType()).getNumElements();
  auto halves = VectorType::get({2 * lanes}, b.getI16Type());
  Value least;
  for (Value each : digits) {
    each = vector::BitCastOp::create(b, halves, each);
    least = least ? arith::MinUIOp::create(b, least, each) : each;
  }
  SmallVector<int16_t> bounds;
  for (int64_t lane = 0; lane < lanes; ++lane)
    bounds.append({static_cast<int16_t>(2 * margin), 0});
  return arith::CmpIOp::create(
      b, arith::CmpIPredicate::uge, least,
      arith::ConstantOp::create(
          b, DenseElementsAttr::get(halves, ArrayRef(bounds))));
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
  // They are multiplied and divided a few times on either way.
  auto steps = static_cast<double>(tail.ops.size() + 1);
  double relative = Pieces::kRelative + steps * Pieces::kUnit,
         bound = tail.getBound() + 1;
  // In sums all numbers count.
  double error = pieces.getError(0, Pieces::kTried);
  if (tail.hasSum)
    return error * tail.gain + relative * bound +
           kNoise * (pieces.getReach() * tail.gain + tail.getBound());
  if (error * tail.gain > 0.2)
    return error * tail.gain + relative * bound;
  // Else only those near to the middle between two integers within the bounds
  // matter: neither those that are well below one half nor those beyond the
  // bounds. Of each size the largest.
  double uncertain = 0;
  for (double least = 0.25, most; least < bound; least = most) {
    most = std::min(2 * least, bound);
    uncertain = std::max(uncertain,
                         pieces.getError(least / tail.gain, most / tail.gain) *
                                 tail.gain +
                             relative * most);
  }
  return uncertain;
}

/// How to estimate the function in the operand of `rounding`, if there is one.
static std::optional<Estimate> plan(math::RoundEvenOp rounding,
                                    PiecesCache &cache) {
  Estimate e;
  e.rounding = rounding;
  Value clamped = skipClamps(rounding.getOperand(), e.tail);
  if (!e.tail.isBoundedByIntegers() ||
      !findFunction(clamped, e.tail, e.function))
    return std::nullopt;
  // A degree more, or more vectors with an uncertain lane.
  double leastCost = INFINITY;
  for (const std::optional<Pieces> &candidate : cache.get(e.function)) {
    if (!candidate)
      continue;
    double uncertain = getUncertain(*candidate, e.tail);
    double cost = candidate->degree + kCostOfUncertain * uncertain;
    if (!(uncertain <= kMostUncertain && cost < leastCost))
      continue;
    e.pieces = &*candidate;
    e.uncertain = uncertain;
    leastCost = cost;
  }
  if (!e.pieces)
    return std::nullopt;
  std::optional<Conversion> conversion = findConversion(rounding);
  if (conversion && !e.tail.hasSum && e.tail.isByte(conversion->zero))
    e.conversion = conversion;
  return e;
}

/// Whether both do the same with their function's value.
static bool areSame(ArrayRef<Operation *> ops, ArrayRef<Operation *> others) {
  auto haveSameNumber = [](Value value, Value other) {
    return success(getNumber(value) == getNumber(other));
  };
  return ops.size() == others.size() &&
         llvm::all_of(llvm::zip(ops, others), [&](auto pair) {
           return OperationEquivalence::isEquivalentTo(
               std::get<0>(pair), std::get<1>(pair), haveSameNumber,
               /*markEquivalent=*/nullptr,
               OperationEquivalence::IgnoreLocations);
         });
}

/// Whether one branch can decide about `next`, too: nobody needs the results of
/// `group` before, and they are computed in the same way.
static bool joins(ArrayRef<Estimate> group, const Estimate &next) {
  Operation *last = next.getOperation();
  auto isLater = [&](Operation *user) {
    Operation *here = last->getBlock()->findAncestorOpInBlock(*user);
    return here && last->isBeforeInBlock(here);
  };
  return !group.empty() && group.size() < size_t(kTogether) &&
         next.conversion && llvm::all_of(group, [&](const Estimate &e) {
           return e.conversion && e.pieces == next.pieces &&
                  e.conversion->zero == next.conversion->zero &&
                  areSame(e.tail.ops, next.tail.ops) &&
                  areSame(e.tail.clamps, next.tail.clamps) &&
                  e.getOperation()->getBlock() == last->getBlock() &&
                  llvm::all_of(e.getResult().getUsers(), isLater);
         });
}

/// Whether all that `integers` become is a byte of 0 to 255, or else of -128 to
/// 127, by packing that saturates.
static bool isPacked(Value integers, bool isUnsigned) {
  return llvm::all_of(integers.getUsers(), [&](Operation *user) {
    auto words = dyn_cast<LLVM::CallIntrinsicOp>(user);
    return words && words.getIntrin() == "llvm.x86.avx512.packssdw.512" &&
           llvm::all_of(words->getUsers(), [&](Operation *user) {
             auto bytes = dyn_cast<LLVM::CallIntrinsicOp>(user);
             return bytes && bytes.getIntrin() ==
                                 (isUnsigned ? "llvm.x86.avx512.packuswb.512"
                                             : "llvm.x86.avx512.packsswb.512");
           });
  });
}

/// The integers `rounded` of an estimate in fixed point, or those computed
/// instead, clamped where conversions to bytes that saturate do not do it.
static Value emitIntegerClamp(ImplicitLocOpBuilder &b, const Estimate &e,
                              Value rounded) {
  auto zero = static_cast<double>(e.conversion->zero);
  auto low = int64_t(e.tail.low + zero), high = int64_t(e.tail.high + zero);
  if ((low == 0 && high == 255 && isPacked(e.getResult(), true)) ||
      (low == -128 && high == 127 && isPacked(e.getResult(), false)))
    return rounded;
  VectorBuilder v(b, e.getType());
  if (low == 0 && e.tail.factor > 0 &&
      e.tail.factor * e.pieces->least + zero + 0.5 >= kSlack)
    return arith::MinUIOp::create(b, rounded, v.integer(high));
  rounded = arith::MaxSIOp::create(b, rounded, v.integer(low));
  return arith::MinSIOp::create(b, rounded, v.integer(high));
}

/// The function of `variable` itself, rounded as `e` has it.
static Value emitExact(ImplicitLocOpBuilder &b, const Estimate &e,
                       Value variable) {
  IRMapping mapping;
  mapping.map(e.function.getVariable(), variable);
  for (Operation *op : e.function.getOps())
    b.clone(*op, mapping);
  for (ArrayRef<Operation *> ops : {e.tail.ops, e.tail.clamps})
    for (Operation *op : llvm::reverse(ops))
      b.clone(*op, mapping);
  Value rounded = b.clone(*e.rounding, mapping)->getResult(0);
  if (!e.conversion)
    return rounded;
  VectorBuilder v(b, e.getType());
  return arith::AddIOp::create(b, v.toInteger(rounded),
                               v.integer(e.conversion->zero));
}

namespace {
/// Where vectors that are uncertain lie while they are computed one by one:
/// arguments, and results.
struct Scratch {
  Value arguments, results;
};
using ScratchCache = llvm::DenseMap<Block *, Scratch>;
} // namespace

/// The scratch memory of the parallel loop or function around `op`.
static Scratch getScratch(Operation *op, ScratchCache &cache) {
  while (!isa<scf::ForallOp, FunctionOpInterface>(op->getParentOp()))
    op = op->getParentOp();
  Block *body = &op->getParentRegion()->front();
  Scratch &scratch = cache[body];
  if (!scratch.arguments) {
    auto b = ImplicitLocOpBuilder::atBlockBegin(op->getLoc(), body);
    auto allocate = [&](Type element) -> Value {
      return memref::AllocaOp::create(
          b, MemRefType::get({kTogether, Pieces::kCount / 2}, element),
          b.getI64IntegerAttr(64));
    };
    scratch = {allocate(b.getF32Type()), allocate(b.getI32Type())};
  }
  return scratch;
}

/// The results of all of `group`, of which some are uncertain: those are
/// computed, in one loop that in most cases ends after the first.
static SmallVector<Value> emitExactOnes(ImplicitLocOpBuilder &b,
                                        ArrayRef<Estimate> group,
                                        ArrayRef<Value> digits,
                                        ArrayRef<Value> estimates,
                                        const Scratch &scratch) {
  auto number = [&](int64_t value) -> Value {
    return arith::ConstantOp::create(b, b.getI64IntegerAttr(value));
  };
  Value zero = arith::ConstantIndexOp::create(b, 0), all = number(0);
  int64_t lanes = group.front().getType().getDimSize(0);
  Type bits = b.getIntegerType(lanes);
  for (auto [i, e] : llvm::enumerate(group)) {
    Value place = arith::ConstantIndexOp::create(b, i);
    vector::StoreOp::create(b, e.function.getVariable(), scratch.arguments,
                            ValueRange{place, zero});
    vector::StoreOp::create(b, estimates[i], scratch.results,
                            ValueRange{place, zero});
    // A bit for each lane that is uncertain, from the first vector on.
    Value certain = areCertain(b, digits[i], e.getMargin());
    Value mask = vector::ExtractOp::create(
        b, vector::BitCastOp::create(b, VectorType::get({1}, bits), certain),
        0);
    mask = arith::XOrIOp::create(
        b, mask, arith::ConstantOp::create(b, b.getIntegerAttr(bits, -1)));
    mask = arith::ExtUIOp::create(b, b.getI64Type(), mask);
    all = arith::OrIOp::create(
        b, all, arith::ShLIOp::create(b, mask, number(int64_t(i) * lanes)));
  }
  auto loop = scf::WhileOp::create(b, b.getI64Type(), all);
  {
    OpBuilder::InsertionGuard guard(b);
    b.createBlock(&loop.getBefore(), {}, b.getI64Type(), b.getLoc());
    Value rest = loop.getBefore().getArgument(0);
    Value isAny =
        arith::CmpIOp::create(b, arith::CmpIPredicate::ne, rest, number(0));
    scf::ConditionOp::create(b, isAny, rest);
    b.createBlock(&loop.getAfter(), {}, b.getI64Type(), b.getLoc());
    rest = loop.getAfter().getArgument(0);
    Value i = arith::DivUIOp::create(
        b, math::CountTrailingZerosOp::create(b, rest), number(lanes));
    Value place = arith::IndexCastOp::create(b, b.getIndexType(), i);
    const Estimate &e = group.front();
    Value variable = vector::LoadOp::create(b, e.getType(), scratch.arguments,
                                            ValueRange{place, zero});
    vector::StoreOp::create(b, emitExact(b, e, variable), scratch.results,
                            ValueRange{place, zero});
    Value here =
        arith::ShLIOp::create(b, number((int64_t(1) << lanes) - 1),
                              arith::MulIOp::create(b, i, number(lanes)));
    Value others = arith::XOrIOp::create(b, here, number(-1));
    scf::YieldOp::create(b, arith::AndIOp::create(b, rest, others).getResult());
  }
  SmallVector<Value> results;
  for (auto [i, estimate] : llvm::enumerate(estimates))
    results.push_back(vector::LoadOp::create(
        b, cast<VectorType>(estimate.getType()), scratch.results,
        ValueRange{arith::ConstantIndexOp::create(b, i), zero}));
  return results;
}

/// Replaces the roundings of `group`: one branch asks whether all of its
/// estimates are certain.
static void emitEstimates(ArrayRef<Estimate> group, ScratchCache &cache) {
  if (group.empty())
    return;
  // Digits of fixed point, or one vector of truth values.
  SmallVector<Value> estimates, digits;
  Value certain;
  bool isFixed = group.front().conversion.has_value();
  ImplicitLocOpBuilder b(group.back().rounding->getLoc(),
                         group.back().getOperation());
  for (const Estimate &e : group) {
    b.setInsertionPoint(e.getOperation());
    if (isFixed) {
      VectorBuilder v(b, e.getType());
      digits.push_back(emitDigits(b, e));
      estimates.push_back(
          arith::ShRSIOp::create(b, digits.back(), v.integer(kFraction)));
    } else {
      estimates.push_back(emitRounded(b, e, certain));
    }
  }
  if (isFixed)
    certain = areCertain(b, digits, group.front().getMargin());
  certain = vector::ReductionOp::create(b, vector::CombiningKind::AND, certain);
  Value yes = arith::ConstantOp::create(b, b.getBoolAttr(true));
  certain = LLVM::ExpectOp::create(b, certain, yes);
  auto choice =
      scf::IfOp::create(b, ValueRange(estimates).getTypes(), certain, true);
  b.setInsertionPointToStart(choice.thenBlock());
  scf::YieldOp::create(b, estimates);
  b.setInsertionPointToStart(choice.elseBlock());
  const Estimate &first = group.front();
  scf::YieldOp::create(b, group.size() == 1
                              ? SmallVector<Value>{emitExact(
                                    b, first, first.function.getVariable())}
                              : emitExactOnes(b, group, digits, estimates,
                                              getScratch(choice, cache)));
  b.setInsertionPointAfter(choice);
  for (auto [e, value] : llvm::zip_equal(group, choice.getResults())) {
    e.getResult().replaceAllUsesWith(isFixed ? emitIntegerClamp(b, e, value)
                                             : Value(value));
    if (isFixed) { // the addition, if there is one, and the conversion
      Operation *toInteger = *e.rounding->getUsers().begin();
      if (e.getOperation() != toInteger)
        e.getOperation()->erase();
      toInteger->erase();
    }
    e.rounding->erase();
    eraseUnused(e.tail.clamps);
    eraseUnused(e.tail.ops);
    eraseUnused(llvm::to_vector(llvm::reverse(e.function.getOps())));
  }
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
    SmallVector<Estimate, kTogether> group;
    ScratchCache scratch;
    for (math::RoundEvenOp rounding : roundings) {
      // Tables of two registers, which one instruction reads.
      bool isRegister = cast<VectorType>(rounding.getType()).getShape() ==
                        ArrayRef<int64_t>(Pieces::kCount / 2);
      auto find = [&]() -> std::optional<Estimate> {
        if (target->vectorBits != 512 || !isRegister)
          return std::nullopt;
        return plan(rounding, cache);
      };
      std::optional<Estimate> next = find();
      if (!group.empty() && !(next && joins(group, *next))) {
        emitEstimates(group, scratch);
        group.clear();
        // What it is computed from may have been replaced.
        next = find();
      }
      if (next)
        group.push_back(std::move(*next));
      else
        refineQuotient(rounding);
    }
    emitEstimates(group, scratch);
  }
};

} // namespace
