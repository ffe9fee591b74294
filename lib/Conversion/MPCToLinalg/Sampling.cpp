//===- Sampling.cpp - values at positions known at run time ---------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Positions are data, and may be anything: what is read is always inside of the
// tensor, NaN and infinite positions included, so that no conversion to an
// integer is out of range.
//
//===----------------------------------------------------------------------===//

#include "GroupLowering.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mpc;
using namespace mpc::lowering;

/// Bins have at most this many samples in each direction, whatever the region
/// says: far more than a picture has elements per bin.
static constexpr int64_t kMaxSamples = 4096;

static RankedTensorType getTensorType(Value value) {
  return cast<RankedTensorType>(value.getType());
}

namespace {
/// Arithmetic on scalars of one floating-point type.
class Scalars {
public:
  Scalars(OpBuilder &b, Location loc, Type type) : b(b), loc(loc), type(type) {}

  Value number(double value) { return createFloat(b, loc, value, type); }
  Value index(int64_t value) {
    return arith::ConstantIndexOp::create(b, loc, value);
  }
  Value add(Value x, Value y) { return arith::AddFOp::create(b, loc, x, y); }
  Value sub(Value x, Value y) { return arith::SubFOp::create(b, loc, x, y); }
  Value mul(Value x, Value y) { return arith::MulFOp::create(b, loc, x, y); }
  Value div(Value x, Value y) { return arith::DivFOp::create(b, loc, x, y); }
  Value floor(Value x) { return math::FloorOp::create(b, loc, x); }
  Value ceil(Value x) { return math::CeilOp::create(b, loc, x); }
  Value roundEven(Value x) { return math::RoundEvenOp::create(b, loc, x); }
  Value both(Value x, Value y) { return arith::AndIOp::create(b, loc, x, y); }
  Value select(Value condition, Value x, Value y) {
    return arith::SelectOp::create(b, loc, condition, x, y);
  }
  Value less(Value x, Value y) {
    return arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OLT, x, y);
  }
  Value lessEqual(Value x, Value y) {
    return arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OLE, x, y);
  }
  /// The larger one, `y` where x is NaN.
  Value atLeast(Value x, Value y) { return select(less(y, x), x, y); }
  Value atMost(Value x, Value y) { return select(less(x, y), x, y); }
  /// x within [low, high]; low for NaN.
  Value clamp(Value x, double low, double high) {
    return atMost(atLeast(x, number(low)), number(high));
  }
  /// The integer part of what is within [low, high] after clamping.
  Value toIndex(Value x, double low, double high) {
    Value integer =
        arith::FPToSIOp::create(b, loc, b.getI64Type(), clamp(x, low, high));
    return arith::IndexCastOp::create(b, loc, b.getIndexType(), integer);
  }
  Value fromIndex(Value x) {
    Value integer = arith::IndexCastOp::create(b, loc, b.getI64Type(), x);
    return arith::SIToFPOp::create(b, loc, type, integer);
  }
  /// x mirrored at `low` and `high` until it lies between them.
  Value reflect(Value x, double low, double high);
  /// Keys' cubic kernel at the distances 1 + x, x, 1 - x, 2 - x.
  SmallVector<Value> cubicWeights(Value x);

  OpBuilder &b;
  Location loc;
  Type type;
};
} // namespace

Value Scalars::reflect(Value x, double low, double high) {
  Value from = number(low), to = number(high), range = number(high - low);
  Value isBelow = less(x, from), isAbove = less(to, x);
  Value distance = select(isBelow, sub(from, x), sub(x, to));
  Value times = floor(div(distance, range));
  Value rest = sub(distance, mul(times, range));
  Value half = mul(times, number(0.5));
  Value isEven = lessEqual(half, floor(half));
  Value fromLow = add(from, rest), fromHigh = sub(to, rest);
  Value below = select(isEven, fromLow, fromHigh);
  Value above = select(isEven, fromHigh, fromLow);
  return select(isBelow, below, select(isAbove, above, x));
}

SmallVector<Value> Scalars::cubicWeights(Value x) {
  constexpr double a = -0.75;
  auto near = [&](Value d) { // |d| <= 1
    Value factor = sub(mul(number(a + 2), d), number(a + 3));
    return add(mul(mul(factor, d), d), number(1));
  };
  auto far = [&](Value d) { // 1 < |d| < 2
    Value sum = sub(mul(number(a), d), number(5 * a));
    sum = add(mul(sum, d), number(8 * a));
    return sub(mul(sum, d), number(4 * a));
  };
  Value one = number(1);
  return {far(add(x, one)), near(x), near(sub(one, x)), far(sub(number(2), x))};
}

//===----------------------------------------------------------------------===//
// Sample
//===----------------------------------------------------------------------===//

namespace {
/// What is read along one spatial dimension: indices, weights (none where there
/// is one tap of weight 1), and whether an index stands for an element (none
/// where all do).
struct Taps {
  SmallVector<Value> indices, weights, inside;
};
} // namespace

static Taps makeTaps(Scalars &s, Value x, int64_t size, SampleOp op) {
  double last = static_cast<double>(size - 1);
  double low = op.getAlignCorners() ? 0 : -0.5,
         high = op.getAlignCorners() ? last : last + 0.5;
  Interpolation mode = op.getMode();
  if (mode == Interpolation::Nearest)
    x = s.roundEven(x);
  if (op.getPadding() == SamplePadding::Border)
    x = s.clamp(x, 0, last);
  else if (op.getPadding() == SamplePadding::Reflection)
    x = s.reflect(x, low, high);

  Taps taps;
  Value base = x;
  int64_t first = 0, count = 1;
  if (mode != Interpolation::Nearest) {
    base = s.floor(x);
    Value fraction = s.sub(x, base);
    if (mode == Interpolation::Linear) {
      taps.weights = {s.sub(s.number(1), fraction), fraction};
      count = 2;
    } else {
      taps.weights = s.cubicWeights(fraction);
      first = -1;
      count = 4;
    }
  }
  for (int64_t tap = first; tap < first + count; ++tap) {
    Value at = tap == 0 ? base : s.add(base, s.number(tap));
    if (op.getPadding() == SamplePadding::Zeros)
      taps.inside.push_back(s.both(s.lessEqual(s.number(0), at),
                                   s.lessEqual(at, s.number(last))));
    else if (op.getPadding() == SamplePadding::Reflection)
      at = s.reflect(at, low, high);
    taps.indices.push_back(s.toIndex(at, 0, last));
  }
  return taps;
}

/// The weighted sum over the dimensions from `d` on.
static Value sumTaps(Scalars &s, ArrayRef<Taps> taps, size_t d, Value inside,
                     SmallVectorImpl<Value> &at,
                     function_ref<Value(ValueRange, Value inside)> load) {
  if (d == taps.size())
    return load(at, inside);
  Value sum;
  for (size_t tap = 0; tap < taps[d].indices.size(); ++tap) {
    at.push_back(taps[d].indices[tap]);
    Value isInside = inside;
    if (!taps[d].inside.empty())
      isInside =
          inside ? s.both(inside, taps[d].inside[tap]) : taps[d].inside[tap];
    Value term = sumTaps(s, taps, d + 1, isInside, at, load);
    at.pop_back();
    if (!taps[d].weights.empty())
      term = s.mul(term, taps[d].weights[tap]);
    sum = sum ? s.add(sum, term) : term;
  }
  return sum;
}

FailureOr<Node> GroupLowering::expressSample(SampleOp op, AffineMap index,
                                             Expression &expression) {
  FailureOr<Value> input = materialize(op.getInput());
  if (failed(input))
    return failure();
  auto inputType = getTensorType(op.getInput());
  int64_t batchDims = op.getBatchDims(),
          spatialRank = inputType.getRank() - batchDims - 1;
  Type type = getComputeType(inputType.getElementType());
  // Positions, the first spatial dimension first.
  SmallVector<AffineExpr> exprs(index.getResults().take_front(batchDims));
  llvm::append_range(exprs, index.getResults().drop_front(batchDims + 1));
  exprs.push_back(nullptr);
  SmallVector<Node> operands;
  for (int64_t d = 0; d < spatialRank; ++d) {
    exprs.back() = builder.getAffineConstantExpr(spatialRank - 1 - d);
    FailureOr<Node> position = express(
        op.getCoordinates(),
        AffineMap::get(index.getNumDims(), 0, exprs, builder.getContext()),
        expression);
    if (failed(position))
      return failure();
    operands.push_back(*position);
  }
  Value source = *input;
  return expression.addNode(
      operands, op.getLoc(),
      [=](OpBuilder &b, Location loc, ValueRange scalars) -> Value {
        SampleOp sample = op;
        Scalars s(b, loc, type);
        SmallVector<Taps> taps;
        for (auto [d, x] : llvm::enumerate(scalars))
          taps.push_back(makeTaps(s, convertFloat(b, loc, x, type),
                                  inputType.getDimSize(batchDims + 1 + d),
                                  sample));
        SmallVector<Value> at;
        for (AffineExpr expr : index.getResults().take_front(batchDims + 1))
          at.push_back(createIndex(b, loc, expr));
        return sumTaps(s, taps, 0, Value(), at,
                       [&](ValueRange position, Value inside) {
                         Value x = loadElement(b, loc, source, position, type);
                         return inside ? s.select(inside, x, s.number(0)) : x;
                       });
      });
}

//===----------------------------------------------------------------------===//
// Regions of interest
//===----------------------------------------------------------------------===//

/// `initial`, combined with every value of a loop.
static Value
buildLoop(Scalars &s, Value from, Value to, Value initial,
          function_ref<Value(OpBuilder &, Value iv, Value)> combine) {
  auto loop = scf::ForOp::create(
      s.b, s.loc, from, to, s.index(1), initial,
      [&](OpBuilder &b, Location loc, Value iv, ValueRange carried) {
        scf::YieldOp::create(b, loc, combine(b, iv, carried[0]));
      });
  return loop.getResult(0);
}

/// The bilinear sample at (y, x): its four weighted neighbours.
static SmallVector<Value> loadNeighbours(Scalars &s, Value source, Value plane,
                                         Value channel,
                                         ArrayRef<Value> position,
                                         ArrayRef<int64_t> sizes) {
  SmallVector<Value, 2> low, high, weightLow, weightHigh;
  Value inside;
  for (auto [x, size] : llvm::zip(position, sizes)) {
    double last = static_cast<double>(size - 1);
    Value isInside =
        s.both(s.lessEqual(s.number(-1), x), s.lessEqual(x, s.number(size)));
    inside = inside ? s.both(inside, isInside) : isInside;
    Value at = s.clamp(x, 0, last);
    low.push_back(s.toIndex(at, 0, last));
    Value fraction = s.sub(at, s.floor(at));
    high.push_back(s.toIndex(s.add(at, s.number(1)), 0, last));
    weightHigh.push_back(fraction);
    weightLow.push_back(s.sub(s.number(1), fraction));
  }
  SmallVector<Value> terms;
  for (int64_t i = 0; i < 4; ++i) {
    Value y = i / 2 ? high[0] : low[0], x = i % 2 ? high[1] : low[1];
    Value weight = s.mul(i / 2 ? weightHigh[0] : weightLow[0],
                         i % 2 ? weightHigh[1] : weightLow[1]);
    Value element = loadElement(s.b, s.loc, source,
                                ValueRange{plane, channel, y, x}, s.type);
    terms.push_back(s.select(inside, s.mul(weight, element), s.number(0)));
  }
  return terms;
}

/// Mean or maximum of interpolated samples of a bin.
static Value buildAlignedBin(Scalars &s, RoiPoolOp op, Value source,
                             Value plane, Value channel,
                             ArrayRef<Value> corners, ArrayRef<Value> bin,
                             ArrayRef<int64_t> sizes) {
  Value offset = s.number(op.getHalfPixel() ? 0.5 : 0.0);
  Value scale = s.number(op.getSpatialScale().convertToDouble());
  int64_t ratio = op.getSamplingRatio();
  bool isMax = op.getKind() == RoiPoolKind::AlignMax;
  SmallVector<Value, 2> starts, steps, counts;
  for (int64_t d = 0; d < 2; ++d) {
    // Corners are x1, y1, x2, y2.
    Value start = s.sub(s.mul(corners[1 - d], scale), offset);
    Value end = s.sub(s.mul(corners[3 - d], scale), offset);
    Value length = s.sub(end, start);
    if (!op.getHalfPixel())
      length = s.atLeast(length, s.number(1));
    Value size = s.div(length, s.number(op.getOutputSize()[d]));
    Value count = ratio > 0 ? s.index(std::min<int64_t>(ratio, kMaxSamples))
                            : s.toIndex(s.ceil(size), 0, kMaxSamples);
    starts.push_back(s.add(start, s.mul(s.fromIndex(bin[d]), size)));
    steps.push_back(s.div(size, s.fromIndex(count)));
    counts.push_back(count);
  }
  Value initial = s.number(isMax ? -INFINITY : 0.0), zero = s.index(0);
  auto sampleAt = [&](Scalars &inner, int64_t d, Value i) {
    Value middle = inner.add(inner.fromIndex(i), inner.number(0.5));
    return inner.add(starts[d], inner.mul(middle, steps[d]));
  };
  Value total = buildLoop(
      s, zero, counts[0], initial,
      [&](OpBuilder &outerBuilder, Value iy, Value rowSum) {
        Scalars outer(outerBuilder, s.loc, s.type);
        Value y = sampleAt(outer, 0, iy);
        return buildLoop(
            outer, zero, counts[1], rowSum,
            [&](OpBuilder &innerBuilder, Value ix, Value sum) {
              Scalars inner(innerBuilder, s.loc, s.type);
              Value x = sampleAt(inner, 1, ix);
              SmallVector<Value> terms =
                  loadNeighbours(inner, source, plane, channel, {y, x}, sizes);
              if (isMax) {
                for (Value term : terms)
                  sum = arith::MaximumFOp::create(inner.b, s.loc, sum, term);
                return sum;
              }
              Value sample = inner.add(inner.add(terms[0], terms[1]),
                                       inner.add(terms[2], terms[3]));
              return inner.add(sum, sample);
            });
      });
  Value count = s.mul(s.fromIndex(counts[0]), s.fromIndex(counts[1]));
  if (isMax)
    return s.select(s.less(s.number(0), count), total, s.number(0));
  return s.div(total, s.atLeast(count, s.number(1)));
}

/// The largest element of a bin whose borders are whole elements.
static Value buildMaxBin(Scalars &s, RoiPoolOp op, Value source, Value plane,
                         Value channel, ArrayRef<Value> corners,
                         ArrayRef<Value> bin, ArrayRef<int64_t> sizes) {
  Value scale = s.number(op.getSpatialScale().convertToDouble());
  auto round = [&](Value x) { // half away from zero
    Value up = s.floor(s.add(x, s.number(0.5)));
    Value down = s.ceil(s.sub(x, s.number(0.5)));
    return s.select(s.less(x, s.number(0)), down, up);
  };
  SmallVector<Value, 2> begins, ends;
  Value isEmpty;
  for (int64_t d = 0; d < 2; ++d) {
    double size = static_cast<double>(sizes[d]);
    Value start = round(s.mul(corners[1 - d], scale));
    Value end = round(s.mul(corners[3 - d], scale));
    Value length =
        s.atLeast(s.add(s.sub(end, start), s.number(1)), s.number(1));
    Value step = s.div(length, s.number(op.getOutputSize()[d]));
    Value i = s.fromIndex(bin[d]);
    Value begin = s.floor(s.mul(i, step));
    Value stop = s.ceil(s.mul(s.add(i, s.number(1)), step));
    begin = s.clamp(s.add(begin, start), 0, size);
    stop = s.clamp(s.add(stop, start), 0, size);
    Value nothing = s.lessEqual(stop, begin);
    isEmpty =
        isEmpty ? arith::OrIOp::create(s.b, s.loc, isEmpty, nothing).getResult()
                : nothing;
    begins.push_back(s.toIndex(begin, 0, size));
    ends.push_back(s.toIndex(stop, 0, size));
  }
  Value largest = buildLoop(
      s, begins[0], ends[0], s.number(-INFINITY),
      [&](OpBuilder &outerBuilder, Value y, Value rowMax) {
        Scalars outer(outerBuilder, s.loc, s.type);
        return buildLoop(
            outer, begins[1], ends[1], rowMax,
            [&](OpBuilder &b, Value x, Value most) -> Value {
              Value element = loadElement(
                  b, s.loc, source, ValueRange{plane, channel, y, x}, s.type);
              return arith::MaximumFOp::create(b, s.loc, most, element);
            });
      });
  return s.select(isEmpty, s.number(0), largest);
}

FailureOr<Node> GroupLowering::expressRoiPool(RoiPoolOp op, AffineMap index,
                                              Expression &expression) {
  FailureOr<Value> input = materialize(op.getInput());
  if (failed(input))
    return failure();
  auto inputType = getTensorType(op.getInput());
  Type type = getComputeType(inputType.getElementType());
  auto mapOf = [&](ArrayRef<AffineExpr> exprs) {
    return AffineMap::get(index.getNumDims(), 0, exprs, builder.getContext());
  };
  FailureOr<Node> plane =
      express(op.getBatchIndices(), mapOf(index.getResult(0)), expression);
  if (failed(plane))
    return failure();
  SmallVector<Node> operands{*plane};
  for (int64_t k = 0; k < 4; ++k) {
    FailureOr<Node> corner =
        express(op.getRois(),
                mapOf({index.getResult(0), builder.getAffineConstantExpr(k)}),
                expression);
    if (failed(corner))
      return failure();
    operands.push_back(*corner);
  }
  bool isUnsigned =
      isUnsignedElement(getTensorType(op.getBatchIndices()).getElementType());
  Value planes = inputType.isDynamicDim(0)
                     ? getBatch()
                     : arith::ConstantIndexOp::create(builder, op.getLoc(),
                                                      inputType.getDimSize(0))
                           .getResult();
  Value source = *input;
  return expression.addNode(
      operands, op.getLoc(),
      [=](OpBuilder &b, Location loc, ValueRange scalars) -> Value {
        RoiPoolOp pool = op;
        Scalars s(b, loc, type);
        Value plane = isUnsigned ? arith::IndexCastUIOp::create(
                                       b, loc, b.getIndexType(), scalars[0])
                                       .getResult()
                                 : arith::IndexCastOp::create(
                                       b, loc, b.getIndexType(), scalars[0])
                                       .getResult();
        Value last = arith::SubIOp::create(b, loc, planes, s.index(1));
        plane = arith::MinSIOp::create(b, loc, plane, last);
        plane = arith::MaxSIOp::create(b, loc, plane, s.index(0));
        SmallVector<Value> corners;
        for (Value corner : scalars.drop_front())
          corners.push_back(convertFloat(b, loc, corner, type));
        Value channel = createIndex(b, loc, index.getResult(1));
        SmallVector<Value, 2> bin{createIndex(b, loc, index.getResult(2)),
                                  createIndex(b, loc, index.getResult(3))};
        ArrayRef<int64_t> sizes = inputType.getShape().drop_front(2);
        if (pool.getKind() == RoiPoolKind::Max)
          return buildMaxBin(s, pool, source, plane, channel, corners, bin,
                             sizes);
        return buildAlignedBin(s, pool, source, plane, channel, corners, bin,
                               sizes);
      });
}
