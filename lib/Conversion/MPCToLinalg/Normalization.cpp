//===- Normalization.cpp - normalisation, running sums --------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "GroupLowering.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace mpc;
using namespace mpc::lowering;

static RankedTensorType getTensorType(Value value) {
  return cast<RankedTensorType>(value.getType());
}

//===----------------------------------------------------------------------===//
// Normalize
//===----------------------------------------------------------------------===//

FailureOr<Node> GroupLowering::expressNormalize(NormalizeOp op, AffineMap index,
                                                Expression &expression) {
  Location loc = op.getLoc();
  auto inputType = getTensorType(op.getInput());
  ArrayRef<int64_t> shape = inputType.getShape(), axes = op.getAxes();
  auto type = cast<FloatType>(getComputeType(inputType.getElementType()));
  bool centred = !op.getUncentred();
  AffineMap identity = builder.getMultiDimIdentityMap(shape.size());
  SmallVector<unsigned> kept;
  double count = 1;
  for (auto [dim, size] : llvm::enumerate(shape)) {
    if (llvm::is_contained(axes, static_cast<int64_t>(dim)))
      count *= size;
    else
      kept.push_back(dim);
  }

  /// x less the mean, where there is one.
  auto expressCentred = [&](AffineMap at, Expression &into) -> FailureOr<Node> {
    FailureOr<Node> x = express(op.getInput(), at, into);
    if (failed(x) || !centred)
      return x;
    Value mean = partials.lookup({op, kMean});
    return into.addNode({*x, addLeaf(mean, at.getSubMap(kept), into)}, loc,
                        [](OpBuilder &b, Location loc, ValueRange s) -> Value {
                          return arith::SubFOp::create(b, loc, s[0], s[1]);
                        });
  };
  auto add = [&](OpBuilder &b, Value element, Value acc) -> Value {
    return arith::AddFOp::create(b, loc, acc, element);
  };
  /// A function of each element of `sums`, in a tensor of its own: it is
  /// computed once for all elements that share it.
  auto mapEach = [&](Value sums, ScalarBuilder function) {
    Expression each;
    ArrayRef<int64_t> sumsShape = getTensorType(sums).getShape();
    Node element =
        each.addLeaf(sums, builder.getMultiDimIdentityMap(sumsShape.size()));
    element = each.addNode(element, loc, std::move(function));
    return buildStore(loc, each, element, createEmpty(loc, sumsShape, type));
  };
  TypedAttr zero = builder.getFloatAttr(type, 0.0);

  if (!partials.lookup({op, kDeviation})) {
    if (centred) {
      Expression elements;
      FailureOr<Node> x = express(op.getInput(), identity, elements);
      if (failed(x))
        return failure();
      Value sums = buildReduction(loc, elements, *x, shape, axes, zero, add,
                                  nullptr, add);
      partials[{op, kMean}] =
          mapEach(sums, [=](OpBuilder &b, Location loc, ValueRange s) -> Value {
            return arith::DivFOp::create(b, loc, s[0],
                                         createFloat(b, loc, count, type));
          });
    }
    Expression squares;
    FailureOr<Node> x = expressCentred(identity, squares);
    if (failed(x))
      return failure();
    Node square =
        squares.addNode(*x, loc, [](OpBuilder &b, Location loc, ValueRange s) {
          return arith::MulFOp::create(b, loc, s[0], s[0]).getResult();
        });
    Value sums = buildReduction(loc, squares, square, shape, axes, zero, add,
                                nullptr, add);
    double epsilon = op.getEpsilon().convertToDouble();
    partials[{op, kDeviation}] =
        mapEach(sums, [=](OpBuilder &b, Location loc, ValueRange s) -> Value {
          Value variance = arith::DivFOp::create(
              b, loc, s[0], createFloat(b, loc, count, type));
          variance = arith::AddFOp::create(b, loc, variance,
                                           createFloat(b, loc, epsilon, type));
          return arith::DivFOp::create(b, loc, createFloat(b, loc, 1.0, type),
                                       math::SqrtOp::create(b, loc, variance));
        });
  }
  FailureOr<Node> x = expressCentred(index, expression);
  if (failed(x))
    return failure();
  Node factor = addLeaf(partials.lookup({op, kDeviation}),
                        index.getSubMap(kept), expression);
  return expression.addNode(
      {*x, factor}, loc, [](OpBuilder &b, Location loc, ValueRange s) -> Value {
        return arith::MulFOp::create(b, loc, s[0], s[1]);
      });
}

//===----------------------------------------------------------------------===//
// Cumulate
//===----------------------------------------------------------------------===//

/// A loop that runs in order along the axis and keeps the running value of each
/// position of the other dimensions in a tensor without the axis.
FailureOr<Value> GroupLowering::lowerCumulate(CumulateOp op, Value dest) {
  Location loc = op.getLoc();
  auto inputType = getTensorType(op.getInput());
  Type storage = getTensorType(dest).getElementType(),
       type = getComputeType(inputType.getElementType());
  bool isSum = op.getKind() == ReduceKind::Sum, isFloat = isa<FloatType>(type);
  int64_t rank = inputType.getRank();
  AffineMap identity = builder.getMultiDimIdentityMap(rank);
  SmallVector<unsigned> kept;
  SmallVector<int64_t> shape;
  for (int64_t dim = 0; dim < rank; ++dim)
    if (dim != static_cast<int64_t>(op.getAxis())) {
      kept.push_back(dim);
      shape.push_back(inputType.getDimSize(dim));
    }

  Expression elements;
  FailureOr<Node> root = express(op.getInput(), identity, elements);
  if (failed(root))
    return failure();
  TypedAttr start = isFloat
                        ? TypedAttr(builder.getFloatAttr(type, isSum ? 0 : 1))
                        : builder.getIntegerAttr(type, isSum ? 0 : 1);
  Value running = createFill(loc, start, createEmpty(loc, shape, type));
  SmallVector<AffineMap> maps(elements.getMaps());
  maps.append({identity, identity.getSubMap(kept)});
  SmallVector<utils::IteratorType> iterators(rank,
                                             utils::IteratorType::parallel);
  iterators[op.getAxis()] = utils::IteratorType::reduction;
  bool exclusive = op.getExclusive();
  auto generic = linalg::GenericOp::create(
      builder, loc, TypeRange{dest.getType(), running.getType()},
      elements.getInputs(), ValueRange{dest, running}, maps, iterators,
      [&](OpBuilder &b, Location loc, ValueRange scalars) {
        Value x = elements.emit(b, scalars.drop_back(2), *root);
        Value before = scalars.back(), after;
        if (isFloat)
          after = isSum ? arith::AddFOp::create(b, loc, before, x).getResult()
                        : arith::MulFOp::create(b, loc, before, x).getResult();
        else
          after = isSum ? arith::AddIOp::create(b, loc, before, x).getResult()
                        : arith::MulIOp::create(b, loc, before, x).getResult();
        Value stored =
            convertFloat(b, loc, exclusive ? before : after, storage);
        linalg::YieldOp::create(b, loc, ValueRange{stored, after});
      });
  return generic.getResult(0);
}
