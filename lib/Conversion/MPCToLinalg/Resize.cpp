//===- Resize.cpp - tensors at another resolution -------------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Resizing is separable: each resized dimension has a table of the elements
// that each result element reads, and of their weights, made at compile time.
// What reads at most two elements per dimension is one expression over all
// dimensions; wider kernels go dimension by dimension, with a tensor between.
//
//===----------------------------------------------------------------------===//

#include "GroupLowering.h"
#include "mlir/Dialect/Affine/Utils.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mpc/Dialect/MPC/Constants.h"

using namespace mlir;
using namespace mpc;
using namespace mpc::lowering;

/// Wider kernels (strong reduction with antialias) are loops, not unrolled.
static constexpr int64_t kMaxUnrolledTaps = 8;

static RankedTensorType getTensorType(Value value) {
  return cast<RankedTensorType>(value.getType());
}

//===----------------------------------------------------------------------===//
// Tables
//===----------------------------------------------------------------------===//

namespace {
/// What the elements of one dimension of the result are made of: element i is
/// the sum over t < taps of weights[i * taps + t] * x[indices[i * taps + t]].
struct AxisTable {
  int64_t axis, size, taps;
  SmallVector<int64_t> indices;
  SmallVector<float> weights;
  /// Elements that lie outside of the input; none are where this is empty.
  SmallVector<int64_t> inside;
};
} // namespace

/// Where element `i` of the result lies in the input. In f32, as ONNX Runtime
/// computes it: which element is the nearest depends on the last bit.
static float getCoordinate(ResizeOp op, int64_t axis, int64_t i) {
  auto scale = static_cast<float>(op.getScales()[axis]);
  auto x = static_cast<float>(i);
  int64_t size = op.getInput().getType().getDimSize(axis),
          result = op.getSizes()[axis];
  auto n = static_cast<float>(size), m = static_cast<float>(result);
  switch (op.getCoordinates()) {
  case Coordinates::HalfPixel:
    return (x + 0.5f) / scale - 0.5f;
  case Coordinates::HalfPixelSymmetric:
    return n / 2 * (1 - m / (scale * n)) + (x + 0.5f) / scale - 0.5f;
  case Coordinates::PytorchHalfPixel:
    return result > 1 ? (x + 0.5f) / scale - 0.5f : 0.0f;
  case Coordinates::AlignCorners: {
    // The size that the scale means may lie between two integers.
    double exact = op.getScales()[axis] * static_cast<double>(size);
    bool isWhole = std::abs(exact - m) < 1e-5 * m;
    float last = isWhole ? m - 1 : static_cast<float>(exact - 1);
    return result == 1 || last <= 0 ? 0.0f : x * (n - 1) / last;
  }
  case Coordinates::Asymmetric:
    return x / scale;
  case Coordinates::TFHalfPixelForNN:
    return (x + 0.5f) / scale;
  case Coordinates::TFCropAndResize: {
    int64_t rank = op.getSizes().size();
    auto start = static_cast<float>((*op.getRoi())[axis]),
         end = static_cast<float>((*op.getRoi())[rank + axis]);
    return result > 1 ? start * (n - 1) + x * (end - start) * (n - 1) / (m - 1)
                      : 0.5f * (start + end) * (n - 1);
  }
  }
  llvm_unreachable("all coordinates are listed");
}

static float roundToElement(float x, NearestRounding rounding) {
  switch (rounding) {
  case NearestRounding::RoundPreferFloor:
    return std::ceil(x - 0.5f);
  case NearestRounding::RoundPreferCeil:
    return std::floor(x + 0.5f);
  case NearestRounding::Floor:
    return std::floor(x);
  case NearestRounding::Ceil:
    return std::ceil(x);
  }
  llvm_unreachable("all roundings are listed");
}

/// The kernel of linear or cubic interpolation at distance `x`.
static double evaluateKernel(Interpolation mode, double x, double a) {
  x = std::abs(x);
  if (mode == Interpolation::Linear)
    return std::max(0.0, 1 - x);
  if (x <= 1)
    return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((x - 5) * x + 8) * x * a - 4 * a : 0.0;
}

static AxisTable makeTable(ResizeOp op, int64_t axis) {
  int64_t size = op.getInput().getType().getDimSize(axis);
  AxisTable table{axis, op.getSizes()[axis], 1, {}, {}, {}};
  Interpolation mode = op.getMode();
  bool isNearest = mode == Interpolation::Nearest;
  double a = op.getCubicCoeff().convertToDouble();
  // The kernel reaches `radius` to either side, stretched where it must not
  // skip elements.
  double stretch =
      op.getAntialias() ? std::max(1.0, 1 / op.getScales()[axis]) : 1.0;
  // No kernel reaches further than over all elements and the border's copies.
  int64_t radius = mode == Interpolation::Cubic ? 2 : 1;
  double reach = std::min(radius * stretch, 4.0 * size + 8);
  if (!isNearest)
    table.taps = 2 * static_cast<int64_t>(std::ceil(reach));
  for (int64_t i = 0; i < table.size; ++i) {
    float x = getCoordinate(op, axis, i);
    bool crops = op.getCoordinates() == Coordinates::TFCropAndResize;
    table.inside.push_back(!crops ||
                           (x >= 0 && x <= static_cast<float>(size - 1)));
    // Far outside all elements are the border's.
    x = std::clamp(x, -static_cast<float>(radius) - 1,
                   static_cast<float>(size + radius));
    if (isNearest) {
      auto index = static_cast<int64_t>(roundToElement(x, op.getRounding()));
      table.indices.push_back(std::clamp<int64_t>(index, 0, size - 1));
      table.weights.push_back(1);
      continue;
    }
    int64_t first = static_cast<int64_t>(std::floor(x)) - table.taps / 2 + 1;
    SmallVector<double> weights;
    double sum = 0;
    for (int64_t t = first; t < first + table.taps; ++t) {
      double weight = evaluateKernel(mode, (t - double(x)) / stretch, a);
      if (op.getExcludeOutside() && (t < 0 || t >= size))
        weight = 0;
      weights.push_back(weight);
      sum += weight;
      table.indices.push_back(std::clamp<int64_t>(t, 0, size - 1));
    }
    bool normalizes = (op.getExcludeOutside() || stretch > 1) && sum != 0;
    for (double weight : weights)
      table.weights.push_back(
          static_cast<float>(normalizes ? weight / sum : weight));
  }
  if (llvm::all_of(table.inside, [](int64_t x) { return x != 0; }))
    table.inside.clear();
  return table;
}

//===----------------------------------------------------------------------===//
// Scalars
//===----------------------------------------------------------------------===//

Value mpc::lowering::createIndex(OpBuilder &b, Location loc, AffineExpr expr) {
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return linalg::IndexOp::create(b, loc, dim.getPosition());
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return arith::ConstantIndexOp::create(b, loc, constant.getValue());
  SmallVector<Value> loops;
  unsigned numLoops = 0;
  expr.walk([&](AffineExpr inner) {
    if (auto dim = dyn_cast<AffineDimExpr>(inner))
      numLoops = std::max(numLoops, dim.getPosition() + 1);
  });
  for (unsigned i = 0; i < numLoops; ++i)
    loops.push_back(linalg::IndexOp::create(b, loc, i));
  return affine::expandAffineExpr(b, loc, expr, loops, {});
}

Value mpc::lowering::loadElement(OpBuilder &b, Location loc, Value tensor,
                                 ValueRange indices, Type computeType,
                                 bool isUnsigned) {
  Value element = tensor::ExtractOp::create(b, loc, tensor, indices);
  if (element.getType() == computeType)
    return element;
  if (isa<FloatType>(element.getType()))
    return convertFloat(b, loc, element, computeType);
  if (isUnsigned)
    return arith::UIToFPOp::create(b, loc, computeType, element);
  return arith::SIToFPOp::create(b, loc, computeType, element);
}

/// A real number to the integers of `type`: nearest, ties to even, saturated.
static Value roundToInteger(OpBuilder &b, Location loc, Value real,
                            IntegerType type, bool isUnsigned) {
  unsigned width = type.getWidth();
  double low = isUnsigned ? 0 : -std::ldexp(1.0, width - 1),
         high = std::ldexp(1.0, isUnsigned ? width : width - 1);
  // The largest number of the real type that is below 2^width.
  unsigned digits = real.getType().isF64() ? 53 : 24;
  unsigned bits = isUnsigned ? width : width - 1;
  high -= bits > digits ? std::ldexp(1.0, bits - digits) : 1;
  real = clampFloat(b, loc, real, low, high);
  real = math::RoundEvenOp::create(b, loc, real);
  if (isUnsigned)
    return arith::FPToUIOp::create(b, loc, type, real);
  return arith::FPToSIOp::create(b, loc, type, real);
}

//===----------------------------------------------------------------------===//
// Expressions
//===----------------------------------------------------------------------===//

namespace {
/// What a stage reads besides its source: nodes of one expression.
struct StageAxis {
  int64_t axis, taps;
  SmallVector<Node> indices, weights;
};
} // namespace

/// One tap of a table as a tensor over the elements of the result.
template <typename T>
static SmallVector<T> getTap(ArrayRef<T> values, int64_t taps, int64_t tap) {
  SmallVector<T> result;
  for (size_t i = tap; i < values.size(); i += taps)
    result.push_back(values[i]);
  return result;
}

/// The weighted sum over the axes from `position` on; `at` is where the source
/// is read along the others.
static Value sumTaps(OpBuilder &b, Location loc, ArrayRef<StageAxis> axes,
                     size_t position, SmallVectorImpl<Value> &at,
                     ArrayRef<Value> indices, ArrayRef<Value> weights,
                     function_ref<Value(ValueRange)> load) {
  if (position == axes.size())
    return load(at);
  Value sum;
  int64_t taps = axes[position].taps;
  for (int64_t tap = 0; tap < taps; ++tap) {
    at[axes[position].axis] = indices[tap];
    Value term =
        sumTaps(b, loc, axes, position + 1, at, indices.drop_front(taps),
                weights.empty() ? weights : weights.drop_front(taps), load);
    if (!weights.empty())
      term = arith::MulFOp::create(b, loc, term, weights[tap]);
    sum = sum ? arith::AddFOp::create(b, loc, sum, term).getResult() : term;
  }
  return sum;
}

FailureOr<Node> GroupLowering::expressResize(ResizeOp op, AffineMap index,
                                             Expression &expression) {
  Location loc = op.getLoc();
  auto inputType = getTensorType(op.getInput());
  Type elementType = inputType.getElementType();
  bool isNearest = op.getMode() == Interpolation::Nearest,
       isUnsigned = isUnsignedElement(elementType);
  if (!isNearest && isa<quant::QuantizedType>(elementType))
    return op.emitOpError()
           << "interpolation of " << elementType << " is not supported yet";
  Type computeType = getComputeType(elementType);
  if (!isNearest && isa<IntegerType>(computeType))
    computeType = builder.getF32Type();
  auto integerType = dyn_cast<IntegerType>(getStorageElementType(elementType));
  MLIRContext *context = builder.getContext();

  SmallVector<AxisTable> tables;
  for (int64_t d = 0; d < inputType.getRank(); ++d)
    if (op.resizes(d))
      tables.push_back(makeTable(op, d));
  if (tables.empty())
    return express(op.getInput(), index, expression);
  // What shrinks most goes first: the rest has less to do.
  llvm::stable_sort(tables, [&](const AxisTable &a, const AxisTable &b) {
    return static_cast<double>(a.size) * inputType.getDimSize(b.axis) <
           static_cast<double>(b.size) * inputType.getDimSize(a.axis);
  });

  auto addTable = [&](int64_t size, auto values, AffineMap at, int64_t axis,
                      Expression &into) {
    ElementsAttr constant;
    if constexpr (std::is_same_v<decltype(values), SmallVector<float>>)
      constant = createFloatConstant(
          RankedTensorType::get(size, cast<FloatType>(computeType)), values,
          "resize_weights");
    else
      constant =
          createIntConstant(RankedTensorType::get(size, builder.getI32Type()),
                            values, "resize_indices");
    return into.addLeaf(
        addConstantArgument(loc, constant),
        AffineMap::get(at.getNumDims(), 0, at.getResult(axis), context));
  };

  // One stage: the source at `at`, resized along the axes of `stage`.
  auto addStage = [&](Value source, ArrayRef<AxisTable> stage, AffineMap at,
                      Expression &into) -> Node {
    SmallVector<StageAxis> axes;
    SmallVector<Node> operands;
    bool weighted = llvm::any_of(
        stage, [](const AxisTable &table) { return table.taps > 1; });
    for (const AxisTable &table : stage) {
      axes.push_back({table.axis, table.taps, {}, {}});
      for (int64_t tap = 0; tap < table.taps; ++tap)
        operands.push_back(addTable(
            table.size, getTap<int64_t>(table.indices, table.taps, tap), at,
            table.axis, into));
    }
    size_t numTaps = operands.size();
    if (weighted)
      for (const AxisTable &table : stage)
        for (int64_t tap = 0; tap < table.taps; ++tap)
          operands.push_back(addTable(
              table.size, getTap<float>(table.weights, table.taps, tap), at,
              table.axis, into));
    return into.addNode(
        operands, loc,
        [=](OpBuilder &b, Location loc, ValueRange scalars) -> Value {
          SmallVector<Value> position, indices,
              weights(scalars.drop_front(numTaps));
          for (auto [d, expr] : llvm::enumerate(at.getResults()))
            position.push_back(llvm::any_of(axes,
                                            [&, d = d](const StageAxis &axis) {
                                              return axis.axis ==
                                                     static_cast<int64_t>(d);
                                            })
                                   ? Value()
                                   : createIndex(b, loc, expr));
          for (Value i : scalars.take_front(numTaps))
            indices.push_back(
                arith::IndexCastOp::create(b, loc, b.getIndexType(), i));
          return sumTaps(b, loc, axes, 0, position, indices, weights,
                         [&](ValueRange full) {
                           return loadElement(b, loc, source, full, computeType,
                                              isUnsigned);
                         });
        });
  };

  // All stages but the last store what they compute.
  bool atOnce = llvm::all_of(
      tables, [](const AxisTable &table) { return table.taps <= 2; });
  ArrayRef<AxisTable> last =
      atOnce ? ArrayRef(tables) : ArrayRef(tables).take_back();
  bool unrollsLast = last.back().taps <= kMaxUnrolledTaps;
  Value source = partials.lookup({op, kAccumulator});
  if (!source) {
    FailureOr<Value> input = materialize(op.getInput());
    if (failed(input))
      return failure();
    source = *input;
    SmallVector<int64_t> shape(inputType.getShape());
    for (const AxisTable &table :
         ArrayRef(tables).drop_back(unrollsLast ? last.size() : 0)) {
      shape[table.axis] = table.size;
      if (table.taps <= kMaxUnrolledTaps) {
        Expression stage;
        // Tables are read at this stage's own loops.
        AffineMap identity = builder.getMultiDimIdentityMap(shape.size());
        Node root = addStage(source, table, identity, stage);
        source =
            buildStore(loc, stage, root, createEmpty(loc, shape, computeType));
        continue;
      }
      source = buildLongResize(loc, source, shape, table.axis, table.taps,
                               table.indices, table.weights, computeType,
                               isUnsigned);
    }
    partials[{op, kAccumulator}] = source;
  }
  Node result = unrollsLast ? addStage(source, last, index, expression)
                            : addLeaf(source, index, expression);

  SmallVector<Node> operands{result};
  for (const AxisTable &table : tables)
    if (!table.inside.empty())
      operands.push_back(
          addTable(table.size, table.inside, index, table.axis, expression));
  double outside = op.getExtrapolationValue().convertToDouble();
  return expression.addNode(
      operands, loc,
      [=](OpBuilder &b, Location loc, ValueRange scalars) -> Value {
        Value value = scalars[0];
        if (!isNearest && integerType)
          value = roundToInteger(b, loc, value, integerType, isUnsigned);
        for (Value inside : scalars.drop_front()) {
          Type type = value.getType();
          Value zero =
              arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(0));
          Value isInside = arith::CmpIOp::create(
              b, loc, arith::CmpIPredicate::ne, inside, zero);
          TypedAttr constant = b.getZeroAttr(type);
          if (isa<FloatType>(type))
            constant = b.getFloatAttr(type, outside);
          else
            constant = b.getIntegerAttr(
                type, APInt(64,
                            static_cast<int64_t>(
                                std::clamp(outside, -0x1p62, 0x1p62)),
                            true)
                          .trunc(type.getIntOrFloatBitWidth()));
          value = arith::SelectOp::create(
              b, loc, isInside, value,
              arith::ConstantOp::create(b, loc, constant));
        }
        return value;
      });
}

Value GroupLowering::buildLongResize(Location loc, Value source,
                                     ArrayRef<int64_t> shape, int64_t axis,
                                     int64_t taps, ArrayRef<int64_t> indices,
                                     ArrayRef<float> weights, Type computeType,
                                     bool isUnsigned) {
  // Loops: the result's dimensions, then the taps.
  int64_t rank = shape.size();
  SmallVector<int64_t> space(shape), tableShape{shape[axis], taps};
  space.push_back(taps);
  AffineMap tableMap = AffineMap::get(
      rank + 1, 0,
      {builder.getAffineDimExpr(axis), builder.getAffineDimExpr(rank)},
      builder.getContext());
  Expression expression;
  Node index = expression.addLeaf(
      addConstantArgument(
          loc, createIntConstant(
                   RankedTensorType::get(tableShape, builder.getI32Type()),
                   indices, "resize_indices")),
      tableMap);
  Node weight = expression.addLeaf(
      addConstantArgument(loc, createFloatConstant(RankedTensorType::get(
                                                       tableShape, computeType),
                                                   weights, "resize_weights")),
      tableMap);
  Node term = expression.addNode(
      {index, weight}, loc,
      [=](OpBuilder &b, Location loc, ValueRange scalars) -> Value {
        SmallVector<Value> at;
        for (int64_t d = 0; d < rank; ++d)
          at.push_back(d == axis
                           ? arith::IndexCastOp::create(
                                 b, loc, b.getIndexType(), scalars[0])
                                 .getResult()
                           : linalg::IndexOp::create(b, loc, d).getResult());
        return arith::MulFOp::create(
            b, loc, loadElement(b, loc, source, at, computeType, isUnsigned),
            scalars[1]);
      });
  return buildReduction(loc, expression, term, space, rank,
                        builder.getFloatAttr(computeType, 0.0),
                        [&](OpBuilder &b, Value element, Value acc) -> Value {
                          return arith::AddFOp::create(b, loc, acc, element);
                        });
}
