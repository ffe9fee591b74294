//===- IntegerArithmetic.cpp - profiles without floating point ------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Emits, operation by operation, what QuantMath.h defines for the profiles of
// TensorFlow Lite and TOSA: FixedScale, integer means, tables. Multipliers and
// shifts that differ between channels are arguments of the function.
//
//===----------------------------------------------------------------------===//

#include "GroupLowering.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mpc/Dialect/MPC/Constants.h"
#include "mpc/Support/QuantMath.h"

using namespace mlir;
using namespace mpc;
using namespace mpc::lowering;

static FixedRounding getFixedRounding(Rounding rounding) {
  switch (rounding) {
  case Rounding::ONNX:
    break;
  case Rounding::TFLite:
    return FixedRounding::TFLite;
  case Rounding::TFLiteSingle:
    return FixedRounding::TFLiteSingle;
  case Rounding::TOSA:
    return FixedRounding::TOSA;
  case Rounding::TOSADouble:
    return FixedRounding::TOSADouble;
  }
  llvm_unreachable("rounding onnx is computed in f32");
}

/// Scales as the type has them: the specifications compute factors in f64.
static SmallVector<double> getExactScales(quant::QuantizedType type) {
  if (auto uniform = dyn_cast<quant::UniformQuantizedType>(type))
    return {uniform.getScale()};
  if (auto perAxis = dyn_cast<quant::UniformQuantizedPerAxisType>(type))
    return SmallVector<double>(perAxis.getScales());
  return {};
}

static quant::QuantizedType getQuantizedElement(Value value) {
  return dyn_cast<quant::QuantizedType>(
      cast<RankedTensorType>(value.getType()).getElementType());
}

namespace {

/// Integer arithmetic on scalars, in the terms of QuantMath.cpp.
struct IntegerBuilder {
  OpBuilder &builder;
  Location loc;

  Value number(Type type, int64_t value) {
    return arith::ConstantOp::create(builder, loc,
                                     builder.getIntegerAttr(type, value));
  }
  template <typename OpT, typename... Args> Value make(Args... args) {
    return OpT::create(builder, loc, args...);
  }
  Value widen(Value x) { return make<arith::ExtSIOp>(builder.getI64Type(), x); }
  Value compare(arith::CmpIPredicate predicate, Value a, Value b) {
    return make<arith::CmpIOp>(predicate, a, b);
  }
  /// A storage integer as i32, less its zero point.
  Value center(Value q, bool isUnsigned, int64_t zeroPoint) {
    Type i32 = builder.getI32Type();
    if (q.getType() != i32)
      q = isUnsigned ? make<arith::ExtUIOp>(i32, q)
                     : make<arith::ExtSIOp>(i32, q);
    return zeroPoint == 0 ? q : make<arith::SubIOp>(q, number(i32, zeroPoint));
  }
  Value clamp(Value x, int64_t low, int64_t high) {
    x = make<arith::MaxSIOp>(x, number(x.getType(), low));
    return make<arith::MinSIOp>(x, number(x.getType(), high));
  }
  Value narrow(Value x, Type type) {
    return x.getType() == type ? x : make<arith::TruncIOp>(type, x);
  }
};

} // namespace

//===----------------------------------------------------------------------===//
// FixedScale
//===----------------------------------------------------------------------===//

/// `value` << left, saturated.
static Value buildLeftShift(IntegerBuilder &b, Value x, Value left) {
  Type type = x.getType();
  Value bound = b.make<arith::ShRSIOp>(b.number(type, INT32_MAX), left);
  Value lowest = b.make<arith::XOrIOp>(bound, b.number(type, -1));
  x = b.make<arith::MinSIOp>(b.make<arith::MaxSIOp>(x, lowest), bound);
  return b.make<arith::ShLIOp>(x, left);
}

/// A shift to the right that rounds ties away from zero.
static Value buildDivideByPowerOfTwo(IntegerBuilder &b, Value x, Value right) {
  Type type = x.getType();
  Value one = b.number(type, 1);
  Value power = b.make<arith::ShLIOp>(one, right);
  Value mask = b.make<arith::SubIOp>(power, one);
  Value isNegative = b.make<arith::ShRUIOp>(x, b.number(type, 31));
  Value threshold =
      b.make<arith::AddIOp>(b.make<arith::ShRUIOp>(mask, one), isNegative);
  Value rest = b.make<arith::AndIOp>(x, mask);
  Value up = b.make<arith::ExtUIOp>(
      type, b.compare(arith::CmpIPredicate::sgt, rest, threshold));
  return b.make<arith::AddIOp>(b.make<arith::ShRSIOp>(x, right), up);
}

Node GroupLowering::addIntParameter(Location loc, ArrayRef<int64_t> values,
                                    ArrayRef<int64_t> shape,
                                    ArrayRef<int64_t> axes, AffineMap index,
                                    Expression &expression) {
  if (llvm::all_equal(values)) {
    int64_t value = values.front();
    return expression.addNode(
        {}, loc, [value](OpBuilder &b, Location loc, ValueRange) {
          return IntegerBuilder{b, loc}.number(b.getI32Type(), value);
        });
  }
  auto type = RankedTensorType::get(shape, builder.getI32Type());
  Value argument =
      addConstantArgument(loc, createIntConstant(type, values, "scales"));
  SmallVector<unsigned> positions(axes.begin(), axes.end());
  return addLeaf(argument, index.getSubMap(positions), expression);
}

Node GroupLowering::addFixedScale(
    Location loc, Node x, ArrayRef<FixedScale> scales, ArrayRef<int64_t> shape,
    ArrayRef<int64_t> axes, quant::UniformQuantizedType type, int64_t low,
    int64_t high, AffineMap index, Expression &expression) {
  SmallVector<int64_t> multipliers, lefts, rights;
  for (const FixedScale &scale : scales) {
    multipliers.push_back(scale.multiplier);
    lefts.push_back(scale.left);
    rights.push_back(scale.right);
  }
  auto add = [&](ArrayRef<int64_t> values) {
    return addIntParameter(loc, values, shape, axes, index, expression);
  };
  SmallVector<Node> operands{x, add(multipliers), add(rights)};
  bool shiftsLeft = llvm::any_of(lefts, [](int64_t left) { return left > 0; });
  if (shiftsLeft)
    operands.push_back(add(lefts));
  bool shiftsRight =
      llvm::any_of(rights, [](int64_t right) { return right > 0; });
  // What a scale does not enlarge fits into 32 bits again.
  bool shrinks =
      llvm::all_of(scales, [](const FixedScale &s) { return s.shrinks(); });
  FixedRounding rounding = scales.front().rounding;
  int64_t zeroPoint = type.getZeroPoint();
  Type storageType = getStorageElementType(type);
  return expression.addNode(
      operands, loc, [=](OpBuilder &builder, Location loc, ValueRange scalars) {
        IntegerBuilder b{builder, loc};
        Type i32 = builder.getI32Type(), i64 = builder.getI64Type();
        Value x = scalars[0], right = scalars[2];
        if (shiftsLeft)
          x = buildLeftShift(b, x, scalars[3]);
        Value product = b.make<arith::MulIOp>(b.widen(x), b.widen(scalars[1]));
        Value result;
        if (rounding == FixedRounding::TFLite) {
          Value high =
              b.make<arith::AddIOp>(product, b.number(i64, int64_t(1) << 30));
          high = b.make<arith::ShRSIOp>(high, b.number(i64, 31));
          result = b.make<arith::TruncIOp>(i32, high);
          if (shiftsRight)
            result = buildDivideByPowerOfTwo(b, result, right);
        } else {
          Value wide = b.widen(right), one = b.number(i64, 1);
          Value round =
              b.make<arith::ShLIOp>(one, b.make<arith::SubIOp>(wide, one));
          if (rounding == FixedRounding::TOSADouble) {
            Value isPositive =
                b.compare(arith::CmpIPredicate::sge, x, b.number(i32, 0));
            Value more = b.make<arith::SelectOp>(
                isPositive, b.number(i64, int64_t(1) << 30),
                b.number(i64, -(int64_t(1) << 30)));
            Value isLong =
                b.compare(arith::CmpIPredicate::sgt, right, b.number(i32, 31));
            round = b.make<arith::AddIOp>(
                round, b.make<arith::SelectOp>(isLong, more, b.number(i64, 0)));
          }
          result = b.make<arith::ShRSIOp>(b.make<arith::AddIOp>(product, round),
                                          wide);
          if (shrinks)
            result = b.make<arith::TruncIOp>(i32, result);
        }
        bool isWhole = low == INT32_MIN && high == INT32_MAX;
        if (!isWhole || result.getType() == i64)
          result = b.clamp(result, low - zeroPoint, high - zeroPoint);
        result = b.narrow(result, i32);
        if (zeroPoint != 0)
          result = b.make<arith::AddIOp>(result, b.number(i32, zeroPoint));
        return b.narrow(result, storageType);
      });
}

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

Node GroupLowering::addCentered(Location loc, Node q, quant::QuantizedType type,
                                Expression &expression) {
  bool isUnsigned = isUnsignedElement(type);
  int64_t zeroPoint = getZeroPoints(type).front();
  return expression.addNode(
      {q}, loc, [=](OpBuilder &builder, Location loc, ValueRange scalars) {
        return IntegerBuilder{builder, loc}.center(scalars[0], isUnsigned,
                                                   zeroPoint);
      });
}

FailureOr<Node> GroupLowering::expressFixedRequantize(RequantizeOp op,
                                                      AffineMap index,
                                                      Expression &expression) {
  auto from = getQuantizedElement(op.getInput());
  auto to =
      cast<quant::UniformQuantizedType>(getQuantizedElement(op.getResult()));
  SmallVector<int64_t> zeroPoints = getZeroPoints(from);
  SmallVector<double> scales = getExactScales(from);
  if (scales.empty() || !llvm::all_equal(zeroPoints))
    return op.emitOpError()
           << "expected a type with one zero point, quantized per tensor or "
              "per axis, but got "
           << from;
  FailureOr<Node> q = express(op.getInput(), index, expression);
  if (failed(q))
    return failure();
  FixedRounding rounding = getFixedRounding(op.getRounding());
  SmallVector<FixedScale> fixed;
  for (double scale : scales)
    fixed.push_back(FixedScale::get(scale / to.getScale(), rounding,
                                    op.getShift().value_or(0)));
  int64_t axis = getQuantizedAxis(from);
  SmallVector<int64_t> axes;
  if (axis >= 0)
    axes.push_back(axis);
  Node x = addCentered(op.getLoc(), *q, from, expression);
  return addFixedScale(
      op.getLoc(), x, fixed, static_cast<int64_t>(fixed.size()), axes, to,
      op.getLow().value_or(to.getStorageTypeMin()),
      op.getHigh().value_or(to.getStorageTypeMax()), index, expression);
}

FailureOr<Node> GroupLowering::expressLookup(LookupOp op, AffineMap index,
                                             Expression &expression) {
  // What a kernel computes is stored by its epilogue, which looks nothing up.
  FailureOr<Node> byte = failure();
  if (op.getInput().getDefiningOp()) {
    FailureOr<Value> bytes = materialize(op.getInput());
    if (succeeded(bytes))
      byte = addLeaf(*bytes, index, expression);
  } else {
    byte = express(op.getInput(), index, expression);
  }
  FailureOr<Value> table = materialize(op.getTable());
  if (failed(byte) || failed(table))
    return failure();
  bool isUnsigned = isUnsignedElement(getQuantizedElement(op.getInput()));
  return addElement(
      op.getLoc(), *table, index, *byte,
      [=](OpBuilder &builder, Location loc, ArrayRef<Value>,
          ValueRange scalars) -> SmallVector<Value> {
        Value position = IntegerBuilder{builder, loc}.center(
            scalars[0], isUnsigned, isUnsigned ? 0 : -128);
        return {arith::IndexCastOp::create(builder, loc, builder.getIndexType(),
                                           position)};
      },
      expression);
}

static Value buildBody(ElementwiseOpInterface op, OpBuilder &builder,
                       Location loc, ValueRange scalars) {
  return op.buildScalarBody(builder, loc, scalars);
}

std::optional<Node> GroupLowering::addIntegerForm(ElementwiseOpInterface op,
                                                  ArrayRef<Node> operands,
                                                  Expression &expression) {
  auto result = dyn_cast_or_null<quant::UniformQuantizedType>(
      getQuantizedElement(op->getResult(0)));
  if (!result || result.getStorageTypeIntegralWidth() != 32 ||
      result.getZeroPoint() != 0)
    return std::nullopt;
  SmallVector<quant::UniformQuantizedType> types;
  for (Value operand : op->getOperands()) {
    types.push_back(dyn_cast_or_null<quant::UniformQuantizedType>(
        getQuantizedElement(operand)));
    if (!types.back())
      return std::nullopt;
  }
  Location loc = op.getLoc();
  switch (op.getIntegerForm()) {
  case IntegerForm::Homogeneous:
    if (!llvm::all_equal(types) || types.front() != result)
      return std::nullopt;
    return expression.addNode(
        operands, loc, [op](OpBuilder &b, Location loc, ValueRange scalars) {
          return buildBody(op, b, loc, scalars);
        });
  case IntegerForm::Product: {
    SmallVector<Node> factors;
    for (auto [node, type] : llvm::zip_equal(operands, types))
      factors.push_back(addCentered(loc, node, type, expression));
    return expression.addNode(
        factors, loc, [op](OpBuilder &b, Location loc, ValueRange scalars) {
          return buildBody(op, b, loc, scalars);
        });
  }
  case IntegerForm::Table:
    return std::nullopt;
  }
  llvm_unreachable("all forms are listed");
}

FailureOr<Node>
GroupLowering::addFixedAverage(Operation *op, Rounding profile, Node sum,
                               int64_t terms, ArrayRef<int64_t> divisors,
                               ArrayRef<int64_t> shape, ArrayRef<int64_t> axes,
                               AffineMap index, Expression &expression) {
  Location loc = op->getLoc();
  auto from =
      cast<quant::UniformQuantizedType>(getQuantizedElement(op->getOperand(0)));
  auto to = dyn_cast_or_null<quant::UniformQuantizedType>(
      getQuantizedElement(op->getResult(0)));
  if (!to || to.getStorageTypeIntegralWidth() > 16)
    return op->emitOpError()
           << "a mean of " << from << " in " << op->getResult(0).getType()
           << " is not supported yet with rounding "
           << stringifyRounding(profile);
  FixedRounding rounding = getFixedRounding(profile);
  bool isTOSA =
      rounding == FixedRounding::TOSA || rounding == FixedRounding::TOSADouble;
  int64_t zeroPoint = from.getZeroPoint(), low = to.getStorageTypeMin(),
          high = to.getStorageTypeMax();
  if (from == to && !isTOSA) {
    // Of the stored integers, zero points included; padding counted the zero
    // point where it does not count at all.
    SmallVector<int64_t> extra = llvm::map_to_vector(
        divisors, [&](int64_t count) { return (terms - count) * zeroPoint; });
    SmallVector<Node> operands{
        sum, addIntParameter(loc, divisors, shape, axes, index, expression),
        addIntParameter(loc, extra, shape, axes, index, expression)};
    Type storageType = getStorageElementType(to);
    return expression.addNode(
        operands, loc,
        [=](OpBuilder &builder, Location loc, ValueRange scalars) {
          IntegerBuilder b{builder, loc};
          Type i32 = builder.getI32Type();
          Value total = b.make<arith::SubIOp>(scalars[0], scalars[2]);
          Value half = b.make<arith::ShRUIOp>(scalars[1], b.number(i32, 1));
          Value isPositive =
              b.compare(arith::CmpIPredicate::sgt, total, b.number(i32, 0));
          total = b.make<arith::SelectOp>(isPositive,
                                          b.make<arith::AddIOp>(total, half),
                                          b.make<arith::SubIOp>(total, half));
          Value mean = b.make<arith::DivSIOp>(total, scalars[1]);
          return b.narrow(b.clamp(mean, low, high), storageType);
        });
  }
  auto offset = static_cast<int32_t>(static_cast<uint32_t>(terms) *
                                     static_cast<uint32_t>(zeroPoint));
  Node x = expression.addNode(
      {sum}, loc,
      [offset](OpBuilder &builder, Location loc, ValueRange scalars) {
        return IntegerBuilder{builder, loc}.center(scalars[0], false, offset);
      });
  SmallVector<FixedScale> scales =
      llvm::map_to_vector(divisors, [&](int64_t count) {
        return from == to
                   ? FixedScale::getReciprocal(static_cast<uint32_t>(count))
                   : FixedScale::getMean(from.getScale() / to.getScale(), count,
                                         rounding);
      });
  return addFixedScale(loc, x, scales, shape, axes, to, low, high, index,
                       expression);
}
