//===- FloatFunctions.cpp - functions of f32 as arithmetic ----------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// exp and erf by the operations of upstream's approximations, to the last bit,
// in fewer instructions: a comparison that can have one outcome only is left
// out, signs are those of products, and where registers have 16 lanes,
// coefficients that differ by interval are looked up in registers and not
// selected one by one, and numbers are rounded down by an addition.
//
//===----------------------------------------------------------------------===//

#include "MathFunctions.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/DLTI/DLTI.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/Matchers.h"
#include "mpc/Dialect/Kernel/ValueBounds.h"
#include <cmath>

using namespace mlir;

/// Numbers in a register of which one instruction picks any.
static constexpr int64_t kTableLanes = 16;

namespace {

/// Arithmetic on f32 scalars, or vectors of one shape.
class FloatBuilder {
public:
  FloatBuilder(OpBuilder &builder, Location loc, Type type)
      : b(loc, builder), real(type), bits(shaped(type, b.getI32Type())) {}

  Value number(float value) { return constant(real, b.getF32FloatAttr(value)); }
  Value integer(int32_t value) {
    return constant(bits, b.getI32IntegerAttr(value));
  }
  template <typename OpT> Value make(Value x, Value y) {
    return OpT::create(b, x, y);
  }
  /// a * b + c, rounded once.
  Value fma(Value x, Value y, Value z) {
    return math::FmaOp::create(b, x, y, z);
  }
  using P = arith::CmpFPredicate;
  Value is(P predicate, Value x, float y) {
    return arith::CmpFOp::create(b, predicate, x, number(y));
  }
  Value select(Value condition, Value x, Value y) {
    return arith::SelectOp::create(b, condition, x, y);
  }
  Value select(Value condition, float x, float y) {
    return select(condition, number(x), number(y));
  }
  Value negateIf(Value condition, Value x) {
    return select(condition, arith::NegFOp::create(b, x), x);
  }
  Value floor(Value x) { return math::FloorOp::create(b, x); }
  Value toInteger(Value x) { return arith::FPToSIOp::create(b, bits, x); }
  Value fromBits(Value x) { return arith::BitcastOp::create(b, real, x); }
  Value toBits(Value x) { return arith::BitcastOp::create(b, bits, x); }
  /// The element of `table`, of up to kTableLanes, at each `index`; vectors of
  /// whole registers only.
  Value lookUp(ArrayRef<float> table, Value index);
  /// x + y, rounded down; vectors of whole registers only.
  Value addDown(Value x, Value y);

private:
  /// `emit` of each register of the operands.
  Value mapRegisters(ValueRange operands, function_ref<Value(ValueRange)> emit);
  static Type shaped(Type like, Type element) {
    auto vector = dyn_cast<VectorType>(like);
    return vector ? Type(vector.clone(element)) : element;
  }
  Value constant(Type type, TypedAttr value) {
    if (auto vector = dyn_cast<VectorType>(type))
      value = DenseElementsAttr::get(vector, Attribute(value));
    return arith::ConstantOp::create(b, value);
  }

  ImplicitLocOpBuilder b;
  Type real, bits;
};

} // namespace

Value FloatBuilder::mapRegisters(ValueRange operands,
                                 function_ref<Value(ValueRange)> emit) {
  int64_t lanes = cast<VectorType>(real).getDimSize(0);
  if (lanes == kTableLanes)
    return emit(operands);
  Value result = number(0);
  for (int64_t at = 0; at < lanes; at += kTableLanes) {
    SmallVector<Value> parts;
    for (Value operand : operands)
      parts.push_back(vector::ExtractStridedSliceOp::create(
          b, operand, at, kTableLanes, int64_t(1)));
    result = vector::InsertStridedSliceOp::create(b, emit(parts), result, at,
                                                  int64_t(1));
  }
  return result;
}

Value FloatBuilder::lookUp(ArrayRef<float> table, Value index) {
  SmallVector<float> entries(table);
  entries.resize(kTableLanes, table.back());
  auto part = VectorType::get({kTableLanes}, b.getF32Type());
  Value entry = arith::ConstantOp::create(
      b, DenseElementsAttr::get(part, ArrayRef(entries)));
  return mapRegisters(index, [&](ValueRange lanes) {
    return LLVM::CallIntrinsicOp::create(
               b, part, b.getStringAttr("llvm.x86.avx512.permvar.sf.512"),
               ValueRange{entry, lanes.front()})
        .getResult(0);
  });
}

Value FloatBuilder::addDown(Value x, Value y) {
  // _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC
  Value rounding =
      arith::ConstantOp::create(b, b.getI32IntegerAttr(0x01 | 0x08));
  return mapRegisters({x, y}, [&](ValueRange parts) {
    return LLVM::CallIntrinsicOp::create(
               b, parts.front().getType(),
               b.getStringAttr("llvm.x86.avx512.add.ps.512"),
               ValueRange{parts[0], parts[1], rounding})
        .getResult(0);
  });
}

/// Whether the result of `op` is whole registers of kTableLanes numbers.
/// Kernels of GPUs, and those that any processor may run, have no description.
static bool hasTables(Operation *op) {
  auto vector = dyn_cast<VectorType>(op->getResult(0).getType());
  if (!vector || vector.getRank() != 1 ||
      vector.getDimSize(0) % kTableLanes != 0)
    return false;
  FailureOr<Attribute> bits = dlti::query(op, {"CPU", "vector_bits"});
  auto number = succeeded(bits) ? dyn_cast<IntegerAttr>(*bits) : IntegerAttr();
  return number && number.getInt() == 512;
}

namespace {

/// exp(x) = 2^n * exp(r), n the integer next to x / ln 2.
struct ExpandExp : OpRewritePattern<math::ExpOp> {
  explicit ExpandExp(MLIRContext *context) : OpRewritePattern(context, 10) {}
  LogicalResult matchAndRewrite(math::ExpOp op,
                                PatternRewriter &rewriter) const override {
    if (!getElementTypeOrSelf(op.getType()).isF32())
      return failure();
    constexpr float least = -87.8f, most = 88.8f, log2e = 1.44269502f;
    float bound = INFINITY;
    if (auto known =
            op->getAttrOfType<FloatAttr>(mpc::kernel::kArgumentAtMostAttrName))
      bound = known.getValueAsDouble();

    FloatBuilder b(rewriter, op.getLoc(), op.getType());
    using P = arith::CmpFPredicate;
    // NaN stays. Of -x the sign goes into products.
    Value x = op.getOperand();
    auto negated = x.getDefiningOp<arith::NegFOp>();
    float sign = negated ? -1 : 1;
    P above = negated ? P::ULE : P::UGE, below = negated ? P::UGE : P::ULE;
    if (negated)
      x = negated.getOperand();
    x = b.select(b.is(above, x, sign * least), x, b.number(sign * least));
    if (bound > most)
      x = b.select(b.is(below, x, sign * most), x, b.number(sign * most));
    Value scaled = b.fma(x, b.number(sign * log2e), b.number(0.5f));
    if (negated)
      x = arith::NegFOp::create(rewriter, op.getLoc(), x);
    // From `least` on it is no less than -127, for which 2^n becomes 0.
    static_assert(least * log2e + 0.5f >= -127);
    bool isBounded =
        std::floor(std::fma(std::min(bound, most), log2e, 0.5f)) <= 127;
    auto clamp = [&](Value n, float largest) {
      return isBounded
                 ? n
                 : b.select(b.is(P::ULE, n, largest), n, b.number(largest));
    };
    Value n, power;
    if (hasTables(op)) {
      // The last digits of a sum above 2^23 are those of n + 127, the exponent
      // of 2^n; a shift leaves nine of them.
      constexpr float offset = 0x1.8p23f + 127;
      Value sum = clamp(b.addDown(scaled, b.number(offset)), offset + 127);
      n = b.make<arith::SubFOp>(sum, b.number(offset));
      power = b.make<arith::ShLIOp>(b.toBits(sum), b.integer(23));
    } else {
      n = clamp(b.floor(scaled), 127);
      Value exponent = b.make<arith::AddIOp>(b.toInteger(n), b.integer(127));
      power = b.make<arith::ShLIOp>(exponent, b.integer(23));
    }
    power = b.fromBits(power);
    Value r = b.fma(b.number(-0.693359375f), n, x);
    r = b.fma(b.number(2.12194442E-4f), n, r);
    Value sum = b.fma(r, b.number(1.98756912E-4f), b.number(0.00139819994f));
    for (float next : {0.00833345205f, 0.0416657962f, 0.166666657f, 0.5f})
      sum = b.fma(sum, r, b.number(next));
    sum = b.fma(sum, b.make<arith::MulFOp>(r, r), r);
    sum = b.make<arith::AddFOp>(sum, b.number(1));
    // The product with a power of two is exact, but below 2^-126, and there
    // 1 + exp(x) is 1.
    for (Operation *user : llvm::make_early_inc_range(op->getUsers()))
      if (isa<arith::AddFOp>(user) &&
          (matchPattern(user->getOperand(0), m_OneFloat()) ||
           matchPattern(user->getOperand(1), m_OneFloat())))
        rewriter.replaceOp(user, b.fma(sum, power, b.number(1)));
    rewriter.replaceOp(op, b.make<arith::MulFOp>(sum, power));
    return success();
  }
};

/// erf(|x|) = offset + numerator(|x|) / denominator(|x|), polynomials of degree
/// 4 with coefficients for three intervals, and 1 beyond.
struct ExpandErf : OpRewritePattern<math::ErfOp> {
  explicit ExpandErf(MLIRContext *context) : OpRewritePattern(context, 10) {}
  LogicalResult matchAndRewrite(math::ErfOp op,
                                PatternRewriter &rewriter) const override {
    // Coefficients from the highest power on, by interval.
    constexpr float numerator[4][3] = {
        {0.0258146804f, 0.0370645523f, -1.71048032E-5f},
        {0.209741712f, 0.118407398f, 2.53447099E-4f},
        {-0.523018539f, -0.364721417f, -0.00141373626f},
        {1.12837911f, 1.12750685f, 0.00351961935f}};
    constexpr float denominator[4][3] = {
        {0.0739796459f, 0.0572442785f, 0.0821908935f},
        {-0.131808966f, -0.0883462652f, -0.583389878f},
        {0.519230127f, 0.448369086f, 1.62705934f},
        {-0.463513821f, -3.276070e-01f, -2.0606916f}};
    if (!getElementTypeOrSelf(op.getType()).isF32())
      return failure();
    FloatBuilder b(rewriter, op.getLoc(), op.getType());
    using P = arith::CmpFPredicate;
    Value isNegative = b.is(P::OLT, op.getOperand(), 0);
    Value x = b.negateIf(isNegative, op.getOperand());
    Value isFirst = b.is(P::OLT, x, 0.8f), isSecond = b.is(P::OLT, x, 2.0f);
    Value index;
    if (hasTables(op))
      index = b.select(isFirst, b.integer(0),
                       b.select(isSecond, b.integer(1), b.integer(2)));
    auto choose = [&](ArrayRef<float> values) {
      if (index)
        return b.lookUp(values, index);
      return b.select(isSecond, b.select(isFirst, values[0], values[1]),
                      b.number(values[2]));
    };
    auto polynomial = [&](ArrayRef<float[3]> coefficients, Value last) {
      Value sum = choose(coefficients.front());
      for (ArrayRef<float> next : coefficients.drop_front())
        sum = b.fma(x, sum, choose(next));
      return b.fma(x, sum, last);
    };
    Value quotient = b.make<arith::DivFOp>(
        polynomial(numerator, b.select(isSecond, 0, -0.00330093061f)),
        polynomial(denominator, b.number(1)));
    Value result = b.make<arith::AddFOp>(b.select(isSecond, 0, 1), quotient);
    // NaN stays.
    result = b.select(b.is(P::ULT, x, 3.75f), result, b.number(1));
    rewriter.replaceOp(op, b.negateIf(isNegative, result));
    return success();
  }
};

} // namespace

void mpc::populateFloatFunctionPatterns(RewritePatternSet &patterns) {
  patterns.add<ExpandExp, ExpandErf>(patterns.getContext());
}
