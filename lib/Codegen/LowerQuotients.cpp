//===- LowerQuotients.cpp - quotients by one number in a loop -------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Processors divide vectors ten times as slowly as they multiply them. Where a
// loop divides by the same number c, as a softmax does by the sum of a row,
//
//   q = x * (1 / c);  x / c = q + (x - q * c) * (1 / c)
//
// with all but the product q rounded once, is the nearest number to x / c, as a
// division gives it (Brisebarre, Muller and Raina, "Accelerating correctly
// rounded floating-point division when the divisor is known in advance", 2004),
// unless something overflows or loses bits. Vectors with numbers for which that
// might be are divided.
//
//===----------------------------------------------------------------------===//

#include "LoopBody.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace mpc;

/// Divisors up to the second number, down to its reciprocal, and dividends up
/// to the first one, down to its reciprocal: then quotients are normal numbers,
/// and so is the last digit of x - q * c, 2^-47 times x.
static constexpr float kDividends = 0x1p100f, kDivisors = 0x1p26f;

/// Fewer quotients are not worth a reciprocal.
static constexpr int64_t kFewestQuotients = 64;

/// The innermost loop around `quotient` if all of its iterations divide by the
/// same number, which then is `divisor`; else null.
static scf::ForOp findLoop(arith::DivFOp quotient, Value &divisor) {
  auto type = dyn_cast<VectorType>(quotient.getType());
  auto broadcast = quotient.getRhs().getDefiningOp<vector::BroadcastOp>();
  auto loop = quotient->getParentOfType<scf::ForOp>();
  if (!type || !type.getElementType().isF32() || !broadcast || !loop)
    return {};
  divisor = broadcast.getSource();
  std::optional<APInt> count = loop.getStaticTripCount();
  bool isLong = !count || count->getZExtValue() * type.getNumElements() >=
                              static_cast<uint64_t>(kFewestQuotients);
  // Of constants, LLVM knows those that have an exact reciprocal.
  bool isOne =
      divisor.getType().isF32() && !matchPattern(divisor, m_Constant());
  return isLong && isOne && loop.isDefinedOutsideOfLoop(divisor) ? loop
                                                                 : scf::ForOp();
}

static void lowerQuotient(arith::DivFOp quotient, scf::ForOp loop,
                          Value divisor) {
  using F = arith::CmpFPredicate;
  using I = arith::CmpIPredicate;
  ImplicitLocOpBuilder b(quotient.getLoc(), loop);
  auto number = [&](float value) -> Value {
    return arith::ConstantOp::create(b, b.getF32FloatAttr(value));
  };
  Value reciprocal = arith::DivFOp::create(b, number(1), divisor);
  Value negated = arith::NegFOp::create(b, divisor);
  Value isLarge =
      arith::CmpFOp::create(b, F::OGE, divisor, number(1 / kDivisors));
  Value isSmall = arith::CmpFOp::create(b, F::OLE, divisor, number(kDivisors));
  Value isUsual = arith::AndIOp::create(b, isLarge, isSmall);

  b.setInsertionPoint(quotient);
  auto type = cast<VectorType>(quotient.getType());
  VectorType integers = type.clone(b.getI32Type());
  auto integer = [&](uint32_t value) -> Value {
    return arith::ConstantOp::create(
        b, DenseElementsAttr::get(integers, APInt(32, value)));
  };
  Value x = quotient.getLhs();
  Value bits = arith::BitcastOp::create(b, integers, x);
  Value magnitude = arith::AndIOp::create(b, bits, integer(0x7fffffff));
  uint32_t least = llvm::bit_cast<uint32_t>(1 / kDividends),
           most = llvm::bit_cast<uint32_t>(kDividends);
  Value above = arith::SubIOp::create(b, magnitude, integer(least));
  Value isNormal =
      arith::CmpIOp::create(b, I::ule, above, integer(most - least));
  // Not so -0, whose sign would be lost.
  Value isZero = arith::CmpIOp::create(b, I::eq, bits, integer(0));
  Value isExact = arith::OrIOp::create(b, isNormal, isZero);
  isExact = vector::ReductionOp::create(b, vector::CombiningKind::AND, isExact);
  isExact = arith::AndIOp::create(b, isUsual, isExact);
  auto choice = scf::IfOp::create(
      b, isExact,
      [&](OpBuilder &, Location) {
        auto spread = [&](Value value) -> Value {
          return vector::BroadcastOp::create(b, type, value);
        };
        Value factor = spread(reciprocal);
        Value q = arith::MulFOp::create(b, x, factor);
        Value rest = math::FmaOp::create(b, q, spread(negated), x);
        scf::YieldOp::create(
            b, math::FmaOp::create(b, rest, factor, q).getResult());
      },
      [&](OpBuilder &, Location) {
        scf::YieldOp::create(b, b.clone(*quotient)->getResults());
      });
  quotient.replaceAllUsesWith(choice.getResult(0));
  quotient.erase();
}

void mpc::lowerQuotients(Operation *root) {
  SmallVector<arith::DivFOp> quotients;
  root->walk([&](arith::DivFOp op) { quotients.push_back(op); });
  for (arith::DivFOp quotient : quotients) {
    Value divisor;
    if (scf::ForOp loop = findLoop(quotient, divisor))
      lowerQuotient(quotient, loop, divisor);
  }
}
