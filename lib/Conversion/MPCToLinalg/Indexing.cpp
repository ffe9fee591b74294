//===- Indexing.cpp - ops whose positions are data ------------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What reads elements at computed positions is part of the expression around
// it: the loops' body extracts the element from the whole tensor, which is
// never copied. Positions are brought inside of their dimension there. What
// writes at computed positions, or ranks elements, is more than linalg can say
// and becomes a kernel op.
//
//===----------------------------------------------------------------------===//

#include "GroupLowering.h"
#include "mlir/Dialect/Affine/Utils.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mpc/Dialect/Kernel/KernelDialect.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mpc;
using namespace mpc::lowering;

static RankedTensorType getTensorType(Value value) {
  return cast<RankedTensorType>(value.getType());
}

static Value indexConstant(OpBuilder &b, Location loc, int64_t value) {
  return arith::ConstantIndexOp::create(b, loc, value);
}

static Value toValue(OpBuilder &b, Location loc, OpFoldResult size) {
  if (auto value = dyn_cast<Value>(size))
    return value;
  return indexConstant(b, loc,
                       cast<IntegerAttr>(cast<Attribute>(size)).getInt());
}

/// An integer as an index, from the end where it is negative.
static Value buildWrapped(OpBuilder &b, Location loc, Value scalar,
                          bool isUnsigned, Value size) {
  if (isUnsigned)
    return arith::IndexCastUIOp::create(b, loc, b.getIndexType(), scalar);
  Value at = arith::IndexCastOp::create(b, loc, b.getIndexType(), scalar);
  Value isNegative = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt,
                                           at, indexConstant(b, loc, 0));
  Value fromEnd = arith::AddIOp::create(b, loc, at, size);
  return arith::SelectOp::create(b, loc, isNegative, fromEnd, at);
}

/// The nearest position inside of a dimension.
static Value buildClamped(OpBuilder &b, Location loc, Value at, Value size) {
  Value last = arith::SubIOp::create(b, loc, size, indexConstant(b, loc, 1));
  at = arith::MinSIOp::create(b, loc, at, last);
  return arith::MaxSIOp::create(b, loc, at, indexConstant(b, loc, 0));
}

//===----------------------------------------------------------------------===//
// Expressions
//===----------------------------------------------------------------------===//

Node GroupLowering::addIndexed(Location loc, AffineMap index,
                               ArrayRef<Node> operands, IndexedBuilder builder,
                               Expression &expression) {
  return expression.addNode(
      operands, loc,
      [index, builder](OpBuilder &b, Location loc, ValueRange scalars) {
        SmallVector<Value> loops;
        for (unsigned d = 0; d < index.getNumDims(); ++d)
          loops.push_back(index.isFunctionOfDim(d)
                              ? linalg::IndexOp::create(b, loc, d).getResult()
                              : Value());
        SmallVector<Value> at;
        for (AffineExpr expr : index.getResults())
          at.push_back(
              affine::expandAffineExpr(b, loc, expr, loops, ValueRange()));
        return builder(b, loc, at, scalars);
      });
}

Node GroupLowering::addElement(Location loc, Value tensor, AffineMap index,
                               ArrayRef<Node> operands,
                               PositionBuilder positions,
                               Expression &expression) {
  Type type = getComputeType(getTensorType(tensor).getElementType());
  return addIndexed(
      loc, index, operands,
      [=](OpBuilder &b, Location loc, ArrayRef<Value> at,
          ValueRange scalars) -> Value {
        SmallVector<Value> position = positions(b, loc, at, scalars);
        Value element = tensor::ExtractOp::create(b, loc, tensor, position);
        return convertFloat(b, loc, element, type);
      },
      expression);
}

FailureOr<Node> GroupLowering::expressGather(Operation *op, Value data,
                                             ArrayRef<Value> indices,
                                             ArrayRef<AffineMap> indexMaps,
                                             ArrayRef<int64_t> sources,
                                             AffineMap index,
                                             Expression &expression) {
  FailureOr<Value> tensor = materialize(data);
  if (failed(tensor))
    return failure();
  SmallVector<Node> operands;
  SmallVector<bool> isUnsigned;
  for (auto [value, map] : llvm::zip_equal(indices, indexMaps)) {
    FailureOr<Node> node = express(value, map, expression);
    if (failed(node))
      return failure();
    operands.push_back(*node);
    isUnsigned.push_back(
        isUnsignedElement(getTensorType(value).getElementType()));
  }
  SmallVector<OpFoldResult> sizes =
      getSizes(op->getLoc(), getTensorType(*tensor).getShape());
  SmallVector<int64_t> from(sources);
  return addElement(
      op->getLoc(), *tensor, index, operands,
      [=](OpBuilder &b, Location loc, ArrayRef<Value> at, ValueRange scalars) {
        SmallVector<Value> position;
        unsigned next = 0;
        for (auto [dim, source] : llvm::enumerate(from)) {
          if (source >= 0) {
            position.push_back(at[source]);
            continue;
          }
          Value size = toValue(b, loc, sizes[dim]);
          Value wrapped =
              buildWrapped(b, loc, scalars[next], isUnsigned[next], size);
          position.push_back(buildClamped(b, loc, wrapped, size));
          ++next;
        }
        return position;
      },
      expression);
}

FailureOr<Node> GroupLowering::expressTensorScatter(TensorScatterOp op,
                                                    AffineMap index,
                                                    Expression &expression) {
  Location loc = op.getLoc();
  int64_t axis = op.getAxis(),
          size = getTensorType(op.getCache()).getDimSize(axis),
          count = getTensorType(op.getUpdates()).getDimSize(axis);
  bool isCircular = op.getCircular();
  FailureOr<Node> old = express(op.getCache(), index, expression);
  FailureOr<Node> start =
      express(op.getStarts(), index.getSubMap({0}), expression);
  FailureOr<Value> updates = materialize(op.getUpdates());
  if (failed(old) || failed(start) || failed(updates))
    return failure();
  if (count == 0)
    return *old;
  // Which update belongs to a position of the cache.
  auto buildOffset = [=](OpBuilder &b, Location loc, Value at,
                         Value scalar) -> Value {
    Value extent = indexConstant(b, loc, size);
    Value first = buildWrapped(b, loc, scalar, /*isUnsigned=*/false, extent);
    Value offset = arith::SubIOp::create(b, loc, at, first);
    if (!isCircular)
      return offset;
    offset = arith::RemSIOp::create(b, loc, offset, extent);
    Value isNegative = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt,
                                             offset, indexConstant(b, loc, 0));
    return arith::SelectOp::create(
        b, loc, isNegative, arith::AddIOp::create(b, loc, offset, extent),
        offset);
  };
  Node isNew = addIndexed(
      loc, index, *start,
      [=](OpBuilder &b, Location loc, ArrayRef<Value> at,
          ValueRange scalars) -> Value {
        // As unsigned numbers, negative ones are too large.
        return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult,
                                     buildOffset(b, loc, at[axis], scalars[0]),
                                     indexConstant(b, loc, count));
      },
      expression);
  Node update = addElement(
      loc, *updates, index, *start,
      [=](OpBuilder &b, Location loc, ArrayRef<Value> at, ValueRange scalars) {
        SmallVector<Value> position(at);
        position[axis] =
            buildClamped(b, loc, buildOffset(b, loc, at[axis], scalars[0]),
                         indexConstant(b, loc, count));
        return position;
      },
      expression);
  return expression.addNode(
      {isNew, update, *old}, loc,
      [](OpBuilder &b, Location loc, ValueRange scalars) -> Value {
        return arith::SelectOp::create(b, loc, scalars[0], scalars[1],
                                       scalars[2]);
      });
}

FailureOr<Node> GroupLowering::expressReverseSequence(ReverseSequenceOp op,
                                                      AffineMap index,
                                                      Expression &expression) {
  int64_t time = op.getTimeAxis(),
          size = getTensorType(op.getInput()).getDimSize(time);
  unsigned batchAxis = op.getBatchAxis();
  FailureOr<Node> length =
      express(op.getLengths(), index.getSubMap({batchAxis}), expression);
  FailureOr<Value> input = materialize(op.getInput());
  if (failed(length) || failed(input))
    return failure();
  return addElement(
      op.getLoc(), *input, index, *length,
      [=](OpBuilder &b, Location loc, ArrayRef<Value> at, ValueRange scalars) {
        Value count =
            arith::IndexCastOp::create(b, loc, b.getIndexType(), scalars[0]);
        count =
            arith::MinSIOp::create(b, loc, count, indexConstant(b, loc, size));
        Value last =
            arith::SubIOp::create(b, loc, count, indexConstant(b, loc, 1));
        Value mirrored = arith::SubIOp::create(b, loc, last, at[time]);
        Value isInside = arith::CmpIOp::create(
            b, loc, arith::CmpIPredicate::slt, at[time], count);
        SmallVector<Value> position(at);
        position[time] =
            arith::SelectOp::create(b, loc, isInside, mirrored, at[time]);
        return position;
      },
      expression);
}

FailureOr<Node> GroupLowering::expressOneHot(OneHotOp op, AffineMap index,
                                             Expression &expression) {
  int64_t axis = op.getAxis(), depth = op.getDepth();
  MLIRContext *context = builder.getContext();
  SmallVector<AffineExpr> exprs(index.getResults());
  exprs.erase(exprs.begin() + axis);
  FailureOr<Node> position = express(
      op.getIndices(), AffineMap::get(index.getNumDims(), 0, exprs, context),
      expression);
  SmallVector<Node> operands;
  for (int64_t i : {1, 0}) {
    FailureOr<Node> value =
        express(op.getValues(),
                AffineMap::get(index.getNumDims(), 0,
                               getAffineConstantExpr(i, context), context),
                expression);
    if (failed(value))
      return failure();
    operands.push_back(*value);
  }
  if (failed(position))
    return failure();
  bool isUnsigned =
      isUnsignedElement(getTensorType(op.getIndices()).getElementType());
  Node isHot = addIndexed(
      op.getLoc(), index, *position,
      [=](OpBuilder &b, Location loc, ArrayRef<Value> at,
          ValueRange scalars) -> Value {
        Value scalar = scalars[0], extent = indexConstant(b, loc, depth);
        if (!isa<FloatType>(scalar.getType()))
          return arith::CmpIOp::create(
              b, loc, arith::CmpIPredicate::eq,
              buildWrapped(b, loc, scalar, isUnsigned, extent), at[axis]);
        Value whole = math::TruncOp::create(b, loc, scalar);
        auto equals = [&](Value candidate) -> Value {
          candidate =
              arith::IndexCastOp::create(b, loc, b.getI64Type(), candidate);
          candidate =
              arith::SIToFPOp::create(b, loc, scalar.getType(), candidate);
          return arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OEQ, whole,
                                       candidate);
        };
        return arith::OrIOp::create(
            b, loc, equals(at[axis]),
            equals(arith::SubIOp::create(b, loc, at[axis], extent)));
      },
      expression);
  operands.insert(operands.begin(), isHot);
  return expression.addNode(
      operands, op.getLoc(),
      [](OpBuilder &b, Location loc, ValueRange scalars) -> Value {
        return arith::SelectOp::create(b, loc, scalars[0], scalars[1],
                                       scalars[2]);
      });
}

/// The element of a dimension of `size` elements that padding shows `at`
/// elements behind its first one.
static Value buildPadPosition(OpBuilder &b, Location loc, PadMode mode,
                              Value at, int64_t size, int64_t low,
                              int64_t high) {
  auto constant = [&](int64_t value) { return indexConstant(b, loc, value); };
  auto isLess = [&](Value lhs, Value rhs) -> Value {
    return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, lhs, rhs);
  };
  // Into [0, period), at once where padding is no longer than a period.
  auto wrap = [&](Value at, int64_t period) -> Value {
    if (low > period || high > period)
      at = arith::RemSIOp::create(b, loc, at, constant(period));
    Value below = arith::AddIOp::create(b, loc, at, constant(period)),
          above = arith::SubIOp::create(b, loc, at, constant(period));
    Value isAbove = isLess(constant(period - 1), at);
    at = arith::SelectOp::create(
        b, loc, isLess(at, constant(0)), below,
        arith::SelectOp::create(b, loc, isAbove, above, at));
    return at;
  };
  switch (mode) {
  case PadMode::Edge:
    return buildClamped(b, loc, at, constant(size));
  case PadMode::Wrap:
    return wrap(at, size);
  case PadMode::Reflect: {
    if (size == 1)
      return constant(0);
    int64_t period = 2 * (size - 1);
    at = wrap(at, period);
    // The way back.
    Value mirrored = arith::SubIOp::create(b, loc, constant(period), at);
    return arith::MinSIOp::create(b, loc, at, mirrored);
  }
  case PadMode::Constant:
    break;
  }
  llvm_unreachable("a constant is no element");
}

FailureOr<Node> GroupLowering::expressPad(PadOp op, AffineMap index,
                                          Expression &expression) {
  FailureOr<Value> input = materialize(op.getInput());
  if (failed(input))
    return failure();
  SmallVector<int64_t> shape(getTensorType(op.getInput()).getShape()),
      low(op.getLow()), high(op.getHigh());
  PadMode mode = op.getMode();
  return addElement(
      op.getLoc(), *input, index, {},
      [=](OpBuilder &b, Location loc, ArrayRef<Value> at, ValueRange) {
        SmallVector<Value> position(at);
        for (size_t d = 0; d < at.size(); ++d) {
          if (low[d] == 0 && high[d] == 0)
            continue;
          Value inside = arith::SubIOp::create(b, loc, at[d],
                                               indexConstant(b, loc, low[d]));
          position[d] =
              buildPadPosition(b, loc, mode, inside, shape[d], low[d], high[d]);
        }
        return position;
      },
      expression);
}

FailureOr<Node> GroupLowering::expressIndexing(Operation *op, AffineMap index,
                                               Expression &expression) {
  MLIRContext *context = builder.getContext();
  auto subMap = [&](ArrayRef<AffineExpr> exprs) {
    return AffineMap::get(index.getNumDims(), 0, exprs, context);
  };
  return TypeSwitch<Operation *, FailureOr<Node>>(op)
      .Case([&](GatherOp op) {
        int64_t axis = op.getAxis(),
                rank = getTensorType(op.getData()).getRank(),
                count = getTensorType(op.getIndices()).getRank();
        SmallVector<int64_t> sources;
        for (int64_t d = 0; d < rank; ++d)
          sources.push_back(d < axis ? d : d == axis ? -1 : d - 1 + count);
        return expressGather(op, op.getData(), op.getIndices(),
                             subMap(index.getResults().slice(axis, count)),
                             sources, index, expression);
      })
      .Case([&](GatherElementsOp op) {
        auto sources = llvm::to_vector(
            llvm::seq<int64_t>(0, getTensorType(op.getData()).getRank()));
        sources[op.getAxis()] = -1;
        return expressGather(op, op.getData(), op.getIndices(), index, sources,
                             index, expression);
      })
      .Case([&](GatherNDOp op) {
        RankedTensorType indices = getTensorType(op.getIndices());
        int64_t batchDims = op.getBatchDims(), outer = indices.getRank() - 1,
                coordinates = indices.getShape().back(),
                rank = getTensorType(op.getData()).getRank();
        SmallVector<Value> values(coordinates, op.getIndices());
        SmallVector<AffineMap> maps;
        for (int64_t i = 0; i < coordinates; ++i) {
          SmallVector<AffineExpr> exprs(index.getResults().take_front(outer));
          exprs.push_back(getAffineConstantExpr(i, context));
          maps.push_back(subMap(exprs));
        }
        SmallVector<int64_t> sources;
        for (int64_t d = 0; d < rank; ++d)
          sources.push_back(d < batchDims ? d
                            : d < batchDims + coordinates
                                ? -1
                                : d - batchDims - coordinates + outer);
        return expressGather(op, op.getData(), values, maps, sources, index,
                             expression);
      })
      .Case([&](TensorScatterOp op) {
        return expressTensorScatter(op, index, expression);
      })
      .Case([&](ReverseSequenceOp op) {
        return expressReverseSequence(op, index, expression);
      })
      .Case([&](OneHotOp op) { return expressOneHot(op, index, expression); })
      .Case([&](PadOp op) { return expressPad(op, index, expression); })
      .Case([&](ArgReduceOp op) -> FailureOr<Node> {
        FailureOr<Value> positions = lowerArgReduce(op);
        if (failed(positions))
          return failure();
        SmallVector<AffineExpr> exprs(index.getResults());
        exprs.erase(exprs.begin() + op.getAxis());
        return addLeaf(*positions, subMap(exprs), expression);
      })
      .Default([&](Operation *op) -> FailureOr<Node> {
        FailureOr<Value> tensor = materialize(op->getResult(0));
        if (failed(tensor))
          return failure();
        return addLeaf(*tensor, index, expression);
      });
}

//===----------------------------------------------------------------------===//
// Scattering
//===----------------------------------------------------------------------===//

/// What an update makes of the element that is there. `element` is the type
/// before conversion.
static Value buildUpdate(OpBuilder &b, Location loc, ScatterKind kind,
                         Value update, Value old, Type element) {
  if (kind == ScatterKind::Replace)
    return update;
  Type stored = update.getType(), type = getComputeType(stored);
  bool isUnsigned = isUnsignedElement(element);
  update = convertFloat(b, loc, update, type);
  old = convertFloat(b, loc, old, type);
  auto pick = [&](auto floatOp, auto signedOp, auto unsignedOp) -> Value {
    if (isa<FloatType>(type))
      return decltype(floatOp)::create(b, loc, old, update);
    if (isUnsigned)
      return decltype(unsignedOp)::create(b, loc, old, update);
    return decltype(signedOp)::create(b, loc, old, update);
  };
  Value result;
  switch (kind) {
  case ScatterKind::Replace:
    break;
  case ScatterKind::Add: // of truth values: whether any holds
    result = element.isInteger(1)
                 ? arith::OrIOp::create(b, loc, old, update).getResult()
                 : pick(arith::AddFOp(), arith::AddIOp(), arith::AddIOp());
    break;
  case ScatterKind::Mul:
    result = pick(arith::MulFOp(), arith::MulIOp(), arith::MulIOp());
    break;
  case ScatterKind::Min:
    result = pick(arith::MinimumFOp(), arith::MinSIOp(), arith::MinUIOp());
    break;
  case ScatterKind::Max:
    result = pick(arith::MaximumFOp(), arith::MaxSIOp(), arith::MaxUIOp());
    break;
  }
  return convertFloat(b, loc, result, stored);
}

FailureOr<Value> GroupLowering::lowerScatter(Operation *op, Value dest) {
  Location loc = op->getLoc();
  auto elements = dyn_cast<ScatterElementsOp>(op);
  ScatterKind kind =
      elements ? elements.getKind() : cast<ScatterNDOp>(op).getKind();
  FailureOr<Value> indices = materialize(op->getOperand(1));
  FailureOr<Value> updates = materialize(op->getOperand(2));
  FailureOr<Value> base = store(op->getOperand(0), dest);
  if (failed(indices) || failed(updates) || failed(base))
    return failure();
  Type element = getTensorType(op->getResult(0)).getElementType(),
       stored = getStorageElementType(element);
  auto scatter = kernel::ScatterOp::create(
      builder, loc, TypeRange{(*base).getType()}, *indices, *updates, *base,
      elements ? builder.getI64IntegerAttr(elements.getAxis()) : IntegerAttr(),
      isUnsignedElement(getTensorType(op->getOperand(1)).getElementType()));
  OpBuilder::InsertionGuard guard(builder);
  Block *block = builder.createBlock(&scatter.getCombine(), {},
                                     {stored, stored}, {loc, loc});
  Value combined = buildUpdate(builder, loc, kind, block->getArgument(0),
                               block->getArgument(1), element);
  kernel::YieldOp::create(builder, loc, combined);
  return scatter->getResult(0);
}

//===----------------------------------------------------------------------===//
// Ranking
//===----------------------------------------------------------------------===//

/// Whether `element` takes the place of `best`. NaN, which is out of order,
/// takes it and keeps it.
static Value buildBeats(OpBuilder &b, Location loc, Value element, Value best,
                        bool isMax, bool isUnsigned, bool orEqual) {
  if (!isa<FloatType>(element.getType())) {
    using P = arith::CmpIPredicate;
    P predicate = isUnsigned ? (isMax ? (orEqual ? P::uge : P::ugt)
                                      : (orEqual ? P::ule : P::ult))
                             : (isMax ? (orEqual ? P::sge : P::sgt)
                                      : (orEqual ? P::sle : P::slt));
    return arith::CmpIOp::create(b, loc, predicate, element, best);
  }
  using P = arith::CmpFPredicate;
  P predicate =
      isMax ? (orEqual ? P::UGE : P::UGT) : (orEqual ? P::ULE : P::ULT);
  Value beats = arith::CmpFOp::create(b, loc, predicate, element, best);
  // An unordered comparison holds if either is NaN; the best one may be.
  Value isOrdered = arith::CmpFOp::create(b, loc, P::ORD, best, best);
  beats = arith::AndIOp::create(b, loc, beats, isOrdered);
  if (!orEqual)
    return beats;
  Value isNaN = arith::CmpFOp::create(b, loc, P::UNO, element, element);
  return arith::OrIOp::create(b, loc, beats, isNaN);
}

FailureOr<Value> GroupLowering::lowerArgReduce(ArgReduceOp op) {
  Value &known = partials[{op, kAccumulator}];
  if (known)
    return known;
  Location loc = op.getLoc();
  RankedTensorType inputType = getTensorType(op.getInput());
  int64_t rank = inputType.getRank(), axis = op.getAxis();
  bool isMax = op.getKind() == ReduceKind::Max, selectLast = op.getSelectLast(),
       isUnsigned = isUnsignedElement(inputType.getElementType());
  Type type = getComputeType(inputType.getElementType());
  Expression elements;
  AffineMap identity = builder.getMultiDimIdentityMap(rank);
  FailureOr<Node> element = express(op.getInput(), identity, elements);
  if (failed(element))
    return failure();

  SmallVector<int64_t> shape(inputType.getShape());
  shape.erase(shape.begin() + axis);
  // The worst value: the first element takes its place or equals it.
  TypedAttr worst;
  if (auto floatType = dyn_cast<FloatType>(type)) {
    worst = builder.getFloatAttr(
        floatType, APFloat::getInf(floatType.getFloatSemantics(), isMax));
  } else {
    unsigned width = type.getIntOrFloatBitWidth();
    APInt value = isUnsigned ? (isMax ? APInt::getMinValue(width)
                                      : APInt::getMaxValue(width))
                             : (isMax ? APInt::getSignedMinValue(width)
                                      : APInt::getSignedMaxValue(width));
    worst = builder.getIntegerAttr(type, value);
  }
  Value best = createFill(loc, worst, createEmpty(loc, shape, type));
  Value positions = createFill(loc, builder.getI64IntegerAttr(0),
                               createEmpty(loc, shape, builder.getI64Type()));

  SmallVector<AffineExpr> kept(identity.getResults());
  kept.erase(kept.begin() + axis);
  AffineMap destMap = AffineMap::get(rank, 0, kept, builder.getContext());
  SmallVector<AffineMap> maps(elements.getMaps());
  maps.append(2, destMap);
  SmallVector<utils::IteratorType> iterators(rank,
                                             utils::IteratorType::parallel);
  iterators[axis] = utils::IteratorType::reduction;
  auto generic = linalg::GenericOp::create(
      builder, loc, TypeRange{best.getType(), positions.getType()},
      elements.getInputs(), ValueRange{best, positions}, maps, iterators,
      [&](OpBuilder &b, Location loc, ValueRange scalars) {
        Value value = elements.emit(b, scalars.drop_back(2), *element);
        value = convertFloat(b, loc, value, type);
        Value old = scalars.drop_back().back(), oldAt = scalars.back();
        Value at = linalg::IndexOp::create(b, loc, axis);
        at = arith::IndexCastOp::create(b, loc, b.getI64Type(), at);
        Value beats =
            buildBeats(b, loc, value, old, isMax, isUnsigned, selectLast);
        linalg::YieldOp::create(
            b, loc,
            ValueRange{arith::SelectOp::create(b, loc, beats, value, old),
                       arith::SelectOp::create(b, loc, beats, at, oldAt)});
      });
  return known = generic.getResult(1);
}

FailureOr<Value> GroupLowering::lowerTopK(TopKOp op, Value dest) {
  Location loc = op.getLoc();
  FailureOr<Value> input = materialize(op.getInput());
  if (failed(input))
    return failure();
  Type element = getTensorType(op.getInput()).getElementType(),
       stored = getStorageElementType(element), type = getComputeType(stored);
  auto topK =
      kernel::TopKOp::create(builder, loc, TypeRange{dest.getType()}, *input,
                             dest, static_cast<uint64_t>(op.getAxis()));
  OpBuilder::InsertionGuard guard(builder);
  Block *block =
      builder.createBlock(&topK.getBefore(), {}, {stored, stored}, {loc, loc});
  Value a = convertFloat(builder, loc, block->getArgument(0), type),
        b = convertFloat(builder, loc, block->getArgument(1), type);
  Value before;
  if (isa<FloatType>(type)) {
    // NaN is the largest: it comes first from above, and last from below.
    using P = arith::CmpFPredicate;
    before = arith::CmpFOp::create(builder, loc,
                                   op.getSmallest() ? P::ULT : P::UGT, a, b);
    Value number = op.getSmallest() ? a : b;
    Value isNumber =
        arith::CmpFOp::create(builder, loc, P::ORD, number, number);
    before = arith::AndIOp::create(builder, loc, before, isNumber);
  } else {
    using P = arith::CmpIPredicate;
    bool isUnsigned = isUnsignedElement(element);
    P predicate = op.getSmallest() ? (isUnsigned ? P::ult : P::slt)
                                   : (isUnsigned ? P::ugt : P::sgt);
    before = arith::CmpIOp::create(builder, loc, predicate, a, b);
  }
  kernel::YieldOp::create(builder, loc, before);
  return topK->getResult(0);
}
