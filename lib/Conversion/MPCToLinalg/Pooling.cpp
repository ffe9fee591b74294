//===- Pooling.cpp - maximum and mean of windows --------------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A pool is a reduction over the kernel's loops. The innermost loop is the
// innermost dimension of the layout where that is the channels, so that
// neighbouring lanes are neighbouring elements.
//
// The largest number of a large window is that of the largest ones of its rows:
// the same, in as many comparisons as the window has rows and columns. Sums
// would round differently.
//
//===----------------------------------------------------------------------===//

#include "GroupLowering.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mpc;
using namespace mpc::lowering;

static RankedTensorType getTensorType(Value value) {
  return cast<RankedTensorType>(value.getType());
}

namespace {
/// What both pools have in common.
struct Pool {
  template <typename PoolOp>
  explicit Pool(PoolOp op)
      : kernel(op.getKernel()), strides(op.getStrides()),
        dilations(op.getDilations()), pads(op.getPads()),
        channelsLast(op.getLayout() == Layout::ChannelsLast) {}

  int64_t getSpatialRank() const { return kernel.size(); }
  int64_t getFirstSpatial() const { return channelsLast ? 1 : 2; }

  /// What it does along spatial dimension `d`: windows of a row.
  Pool along(int64_t d) const {
    Pool part = *this;
    for (int64_t other = 0; other < getSpatialRank(); ++other)
      if (other != d)
        part.kernel[other] = part.strides[other] = part.dilations[other] = 1;
    return part;
  }
  /// Whether going along one dimension after the other takes at most
  /// 1 / `gain` of the comparisons, from an input of `shape`, padding included,
  /// to a result of `resultShape`.
  bool isSeparable(ArrayRef<int64_t> shape, ArrayRef<int64_t> resultShape,
                   double gain) const;

  SmallVector<int64_t> kernel, strides, dilations, pads;
  bool channelsLast;
};
} // namespace

bool Pool::isSeparable(ArrayRef<int64_t> shape, ArrayRef<int64_t> resultShape,
                       double gain) const {
  SmallVector<int64_t> step(shape);
  double atOnce = 1, apart = 0;
  for (int64_t d = 0; d < getSpatialRank(); ++d) {
    int64_t position = getFirstSpatial() + d;
    if (ShapedType::isDynamic(shape[position]))
      return false;
    step[position] = resultShape[position];
    double elements = kernel[d];
    for (int64_t size : ArrayRef(step).slice(getFirstSpatial(), kernel.size()))
      elements *= size;
    apart += elements;
    atOnce *= resultShape[position] * kernel[d];
  }
  return atOnce >= gain * apart;
}

/// Padding per dimension of the tensor.
static std::pair<SmallVector<int64_t>, SmallVector<int64_t>>
getPadding(const Pool &pool) {
  int64_t spatialRank = pool.getSpatialRank();
  SmallVector<int64_t> low(spatialRank + 2, 0), high(spatialRank + 2, 0);
  for (int64_t d = 0; d < spatialRank; ++d) {
    low[pool.getFirstSpatial() + d] = pool.pads[d];
    high[pool.getFirstSpatial() + d] = pool.pads[spatialRank + d];
  }
  return {low, high};
}

/// Combines the elements of each window of `input` with those of `init`.
static Value
buildPool(OpBuilder &builder, Location loc, const Pool &pool, Value input,
          Value init,
          function_ref<Value(OpBuilder &, Value element, Value accumulator)>
              combine) {
  int64_t spatialRank = pool.getSpatialRank(), numLoops = 2 * spatialRank + 2;
  // channels_last: n, windows, kernel, c; channels_first: n, c, windows,
  // kernel.
  int64_t windowLoop = pool.getFirstSpatial(),
          kernelLoop = windowLoop + spatialRank;
  AffineExpr channel =
      builder.getAffineDimExpr(pool.channelsLast ? numLoops - 1 : 1);
  SmallVector<AffineExpr> source{builder.getAffineDimExpr(0)}, result = source,
                                                               kernel;
  if (!pool.channelsLast) {
    source.push_back(channel);
    result.push_back(channel);
  }
  for (int64_t d = 0; d < spatialRank; ++d) {
    AffineExpr window = builder.getAffineDimExpr(windowLoop + d),
               tap = builder.getAffineDimExpr(kernelLoop + d);
    source.push_back(window * pool.strides[d] + tap * pool.dilations[d]);
    result.push_back(window);
    kernel.push_back(tap);
  }
  if (pool.channelsLast) {
    source.push_back(channel);
    result.push_back(channel);
  }
  MLIRContext *context = builder.getContext();
  SmallVector<AffineMap> maps{AffineMap::get(numLoops, 0, source, context),
                              AffineMap::get(numLoops, 0, kernel, context),
                              AffineMap::get(numLoops, 0, result, context)};
  SmallVector<utils::IteratorType> iterators(numLoops,
                                             utils::IteratorType::parallel);
  std::fill_n(iterators.begin() + kernelLoop, spatialRank,
              utils::IteratorType::reduction);

  // The kernel's loops have no tensor of their own; an uninitialised one gives
  // them their bounds and is never read.
  Value bounds = tensor::EmptyOp::create(builder, loc, pool.kernel,
                                         getTensorType(input).getElementType());
  auto generic = linalg::GenericOp::create(
      builder, loc, TypeRange{init.getType()}, ValueRange{input, bounds},
      ValueRange{init}, maps, iterators,
      [&](OpBuilder &body, Location bodyLoc, ValueRange scalars) {
        linalg::YieldOp::create(body, bodyLoc,
                                combine(body, scalars[0], scalars[2]));
      });
  return generic.getResult(0);
}

//===----------------------------------------------------------------------===//
// Maximum
//===----------------------------------------------------------------------===//

/// How many times fewer comparisons one dimension after the other must take.
static constexpr double kSeparationGain = 2;

/// The value that loses against all others.
static TypedAttr getLowest(OpBuilder &builder, Type storageType,
                           bool isUnsigned) {
  if (auto type = dyn_cast<FloatType>(storageType))
    return builder.getFloatAttr(
        type, APFloat::getInf(type.getFloatSemantics(), /*Negative=*/true));
  unsigned width = storageType.getIntOrFloatBitWidth();
  return builder.getIntegerAttr(storageType,
                                isUnsigned ? APInt::getZero(width)
                                           : APInt::getSignedMinValue(width));
}

FailureOr<Value> GroupLowering::lowerMaxPool(MaxPoolOp op, Value dest) {
  auto type = getTensorType(op.getInput());
  if (type.getElementType() != getTensorType(op.getResult()).getElementType())
    return op.emitOpError()
           << "expected a result with elements of " << type.getElementType()
           << ", but got " << getTensorType(op.getResult()).getElementType();
  FailureOr<Value> input = materialize(op.getInput());
  if (failed(input))
    return failure();
  // Maxima of f16 and bf16 are exact in f32, which every instruction set
  // compares.
  Type storageType = getStorageElementType(type.getElementType());
  Type destType = getTensorType(dest).getElementType();
  bool isUnsigned = isUnsignedElement(type.getElementType());

  Pool pool(op);
  if (llvm::any_of(pool.pads, [](int64_t pad) { return pad != 0; })) {
    auto [low, high] = getPadding(pool);
    input = padTensor(op.getLoc(), *input, low, high,
                      getLowest(builder, storageType, isUnsigned));
  }
  auto build = [&](const Pool &part, Value from, Value to) {
    Value init =
        createFill(op.getLoc(), getLowest(builder, destType, isUnsigned), to);
    return buildPool(
        builder, op.getLoc(), part, from, init,
        [&](OpBuilder &b, Value element, Value largest) -> Value {
          if (isa<FloatType>(destType))
            return arith::MaximumFOp::create(
                b, op.getLoc(), largest,
                convertFloat(b, op.getLoc(), element, destType));
          if (isUnsigned)
            return arith::MaxUIOp::create(b, op.getLoc(), largest, element);
          return arith::MaxSIOp::create(b, op.getLoc(), largest, element);
        });
  };
  SmallVector<int64_t> shape(getTensorType(*input).getShape());
  ArrayRef<int64_t> resultShape = getTensorType(dest).getShape();
  if (!pool.isSeparable(shape, resultShape, kSeparationGain))
    return build(pool, *input, dest);
  Value value = *input;
  for (int64_t d = 0, last = pool.getSpatialRank() - 1; d <= last; ++d) {
    int64_t position = pool.getFirstSpatial() + d;
    shape[position] = resultShape[position];
    Value to = d == last ? dest : createEmpty(op.getLoc(), shape, destType);
    value = build(pool.along(d), value, to);
  }
  return value;
}

FailureOr<Node> GroupLowering::expressMaxPool(MaxPoolOp op, AffineMap index,
                                              Expression &expression) {
  Value largest = partials.lookup({op, kAccumulator});
  if (!largest) {
    auto type = getTensorType(op.getResult());
    FailureOr<Value> result =
        lowerMaxPool(op, createEmpty(op.getLoc(), type.getShape(),
                                     getComputeType(type.getElementType())));
    if (failed(result))
      return failure();
    largest = partials[{op, kAccumulator}] = *result;
  }
  return addLeaf(largest, index, expression);
}

/// Largest element and its position are found together; where the first of them
/// stands, an index of -1 says that none was seen yet.
FailureOr<Value> GroupLowering::lowerMaxPoolIndices(MaxPoolIndicesOp op,
                                                    Value dest) {
  Location loc = op.getLoc();
  FailureOr<Value> input = materialize(op.getInput());
  if (failed(input))
    return failure();
  auto type = getTensorType(*input);
  Type elementType = type.getElementType();
  bool isUnsigned =
      isUnsignedElement(getTensorType(op.getInput()).getElementType());
  int64_t rank = type.getRank(), spatialRank = rank - 2;
  ArrayRef<int64_t> kernel = op.getKernel(), strides = op.getStrides(),
                    dilations = op.getDilations(), pads = op.getPads();
  int64_t numLoops = rank + spatialRank;
  MLIRContext *context = builder.getContext();
  // Loops: the result's dimensions, then the kernel's.
  SmallVector<AffineExpr> taps, positions;
  for (int64_t d = 0; d < spatialRank; ++d) {
    taps.push_back(builder.getAffineDimExpr(rank + d));
    positions.push_back(builder.getAffineDimExpr(2 + d) * strides[d] +
                        taps.back() * dilations[d] - pads[d]);
  }
  AffineMap kernelMap = AffineMap::get(numLoops, 0, taps, context);
  AffineMap resultMap = AffineMap::get(
      numLoops, 0, builder.getMultiDimIdentityMap(rank).getResults(), context);
  SmallVector<utils::IteratorType> iterators(numLoops,
                                             utils::IteratorType::parallel);
  std::fill_n(iterators.begin() + rank, spatialRank,
              utils::IteratorType::reduction);
  Value bounds = tensor::EmptyOp::create(builder, loc, kernel, elementType);
  Value largest =
      createFill(loc, getLowest(builder, elementType, isUnsigned),
                 createEmpty(loc, getTensorType(dest).getShape(), elementType));
  Value positionsInit = createFill(loc, builder.getI64IntegerAttr(-1), dest);
  Value source = *input;
  ArrayRef<int64_t> sizes = type.getShape().drop_front(2);
  bool columnMajor = op.getColumnMajor();
  Value channels =
      type.isDynamicDim(1)
          ? getBatch()
          : arith::ConstantIndexOp::create(builder, loc, type.getDimSize(1))
                .getResult();
  auto generic = linalg::GenericOp::create(
      builder, loc, TypeRange{largest.getType(), positionsInit.getType()},
      ValueRange{bounds}, ValueRange{largest, positionsInit},
      ArrayRef{kernelMap, resultMap, resultMap}, iterators,
      [&](OpBuilder &b, Location loc, ValueRange scalars) {
        auto constant = [&](int64_t value) -> Value {
          return arith::ConstantIndexOp::create(b, loc, value);
        };
        Value plane = linalg::IndexOp::create(b, loc, 0),
              channel = linalg::IndexOp::create(b, loc, 1);
        SmallVector<Value> at{plane, channel};
        Value isInside, zero = constant(0);
        for (int64_t d = 0; d < spatialRank; ++d) {
          Value x = createIndex(b, loc, positions[d]);
          Value low =
              arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sge, x, zero);
          Value high = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt,
                                             x, constant(sizes[d]));
          Value both = arith::AndIOp::create(b, loc, low, high);
          isInside =
              isInside
                  ? arith::AndIOp::create(b, loc, isInside, both).getResult()
                  : both;
          // What lies outside is read at the border, and not used.
          x = arith::MaxSIOp::create(b, loc, x, zero);
          at.push_back(
              arith::MinSIOp::create(b, loc, x, constant(sizes[d] - 1)));
        }
        Value element = tensor::ExtractOp::create(b, loc, source, at);
        Value isLarger;
        if (isa<FloatType>(elementType))
          isLarger = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OGT,
                                           element, scalars[1]);
        else
          isLarger =
              arith::CmpIOp::create(b, loc,
                                    isUnsigned ? arith::CmpIPredicate::ugt
                                               : arith::CmpIPredicate::sgt,
                                    element, scalars[1]);
        Value isFirst = arith::CmpIOp::create(
            b, loc, arith::CmpIPredicate::slt, scalars[2],
            arith::ConstantOp::create(b, loc, b.getI64IntegerAttr(0)));
        Value takes = arith::AndIOp::create(
            b, loc, isInside, arith::OrIOp::create(b, loc, isLarger, isFirst));
        // Position within the whole input.
        Value position = arith::AddIOp::create(
            b, loc, arith::MulIOp::create(b, loc, plane, channels), channel);
        SmallVector<int64_t> order =
            llvm::to_vector(llvm::seq<int64_t>(0, spatialRank));
        if (columnMajor)
          std::reverse(order.begin(), order.end());
        for (int64_t d : order) {
          position =
              arith::MulIOp::create(b, loc, position, constant(sizes[d]));
          position = arith::AddIOp::create(b, loc, position, at[2 + d]);
        }
        position = arith::IndexCastOp::create(b, loc, b.getI64Type(), position);
        linalg::YieldOp::create(
            b, loc,
            ValueRange{
                arith::SelectOp::create(b, loc, takes, element, scalars[1]),
                arith::SelectOp::create(b, loc, takes, position, scalars[2])});
      });
  return generic.getResult(1);
}

//===----------------------------------------------------------------------===//
// Mean
//===----------------------------------------------------------------------===//

/// How many positions of each window count along one spatial dimension of
/// `size` elements, `numWindows` windows.
static SmallVector<int64_t> countPositions(const Pool &pool, int64_t d,
                                           int64_t size, int64_t numWindows,
                                           bool includePadding,
                                           int64_t ceilExtra) {
  int64_t first = 0, last = size;
  if (includePadding) {
    first = -pool.pads[d];
    last = size + pool.pads[pool.getSpatialRank() + d] - ceilExtra;
  }
  SmallVector<int64_t> counts;
  for (int64_t window = 0; window < numWindows; ++window) {
    int64_t start = window * pool.strides[d] - pool.pads[d];
    counts.push_back(
        llvm::count_if(llvm::seq<int64_t>(0, pool.kernel[d]), [&](int64_t tap) {
          int64_t position = start + tap * pool.dilations[d];
          return first <= position && position < last;
        }));
  }
  return counts;
}

FailureOr<Node> GroupLowering::expressAveragePool(AveragePoolOp op,
                                                  AffineMap index,
                                                  Expression &expression) {
  Location loc = op.getLoc();
  Pool pool(op);
  auto inputType = getTensorType(op.getInput()),
       resultType = getTensorType(op.getResult());
  int64_t firstSpatial = pool.getFirstSpatial();
  auto quantized = dyn_cast<quant::QuantizedType>(inputType.getElementType());
  if (quantized && getZeroPoints(quantized).size() != 1)
    return op.emitOpError()
           << "expected an input with one scale, but got " << quantized;

  Value sum = partials.lookup({op, kAccumulator});
  if (!sum) {
    FailureOr<Value> input = materialize(op.getInput());
    if (failed(input))
      return failure();
    Type storageType = getStorageElementType(inputType.getElementType());
    if (llvm::any_of(pool.pads, [](int64_t pad) { return pad != 0; })) {
      auto [low, high] = getPadding(pool);
      TypedAttr padding = builder.getZeroAttr(storageType);
      if (quantized)
        padding = builder.getIntegerAttr(
            storageType, APInt(64, getZeroPoints(quantized).front(), true)
                             .trunc(storageType.getIntOrFloatBitWidth()));
      input = padTensor(loc, *input, low, high, padding);
    }
    Type sumType = getComputeType(storageType);
    if (auto integer = dyn_cast<IntegerType>(sumType);
        integer && integer.getWidth() < 32)
      sumType = builder.getI32Type();
    bool isUnsigned = isUnsignedElement(inputType.getElementType());
    Value init = createFill(loc, builder.getZeroAttr(sumType),
                            createEmpty(loc, resultType.getShape(), sumType));
    sum = buildPool(
        builder, loc, pool, *input, init,
        [&](OpBuilder &b, Value element, Value total) -> Value {
          if (isa<FloatType>(sumType))
            return arith::AddFOp::create(
                b, loc, total, convertFloat(b, loc, element, sumType));
          if (element.getType() != sumType)
            element = isUnsigned
                          ? arith::ExtUIOp::create(b, loc, sumType, element)
                                .getResult()
                          : arith::ExtSIOp::create(b, loc, sumType, element)
                                .getResult();
          return arith::AddIOp::create(b, loc, total, element);
        });
    partials[{op, kAccumulator}] = sum;
  }

  SmallVector<int64_t> divisors{1}, shape, axes;
  int64_t terms = 1;
  for (int64_t d = 0; d < pool.getSpatialRank(); ++d) {
    int64_t size = inputType.getDimSize(firstSpatial + d),
            numWindows = resultType.getDimSize(firstSpatial + d);
    if (ShapedType::isDynamic(size) || ShapedType::isDynamic(numWindows))
      return op.emitOpError()
             << "expected static spatial sizes, but got " << inputType;
    SmallVector<int64_t> counts =
        countPositions(pool, d, size, numWindows, op.getCountIncludePad(),
                       op.getCeilExtra() ? (*op.getCeilExtra())[d] : 0);
    SmallVector<int64_t> products;
    for (int64_t outer : divisors)
      for (int64_t count : counts)
        products.push_back(outer * std::max<int64_t>(count, 1));
    divisors = products;
    shape.push_back(numWindows);
    axes.push_back(firstSpatial + d);
    terms *= pool.kernel[d];
  }
  if (llvm::all_equal(divisors))
    divisors.truncate(1);
  return addAverage(op, addLeaf(sum, index, expression), terms, divisors, shape,
                    axes, index, expression);
}
