//===- IndexingOperators.cpp - gathering and scattering ---------*- C++ -*-===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Positions that are known are checked and brought inside at import; evenly
// spaced ones are a slice. Others stay tensors of positions.
//
//===----------------------------------------------------------------------===//

#include "Selection.h"

using namespace mlir;
using namespace mpc;
using namespace mpc::frontend;

//===----------------------------------------------------------------------===//
// Known positions
//===----------------------------------------------------------------------===//

static LogicalResult reportOutside(NodeContext &node, int64_t at,
                                   int64_t size) {
  return node.error("expected indices within [" + Twine(-size) + ", " +
                    Twine(size - 1) + "], but got " + Twine(at));
}

/// Known indices within a dimension of `size` elements, made nonnegative;
/// nothing for unknown ones, or after an error.
static std::optional<SmallVector<int64_t>>
getKnownPositions(NodeContext &node, unsigned index, int64_t size) {
  std::optional<KnownTensor> known = node.getKnown(index);
  if (!known || known->isReal() || !known->isConstant() ||
      ShapedType::isDynamic(size))
    return std::nullopt;
  SmallVector<int64_t> positions;
  for (Size at : known->ints) {
    if (at.offset < -size || at.offset >= size)
      return (void)reportOutside(node, at.offset, size), std::nullopt;
    positions.push_back(at.offset + (at.offset < 0 ? size : 0));
  }
  return positions;
}

/// The indices, of a type that ops take; null after an error.
static Value getIndices(NodeContext &node, unsigned index) {
  Value indices = node.getOperand(index);
  if (indices && !isa<IntegerType>(getElementTypeOrSelf(indices)))
    return (void)node.error("expected integers as indices"), Value();
  return indices;
}

//===----------------------------------------------------------------------===//
// Gather
//===----------------------------------------------------------------------===//

/// Elements of `shape` along `axis` at `positions`, row-major.
static SmallVector<int64_t> expandPositions(ArrayRef<int64_t> shape,
                                            int64_t axis,
                                            ArrayRef<int64_t> positions) {
  int64_t outer = product(shape.take_front(axis)), size = shape[axis],
          inner = product(shape.drop_front(axis + 1));
  SmallVector<int64_t> indices;
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t row : positions)
      for (int64_t i = 0; i < inner; ++i)
        indices.push_back((o * size + row) * inner + i);
  return indices;
}

void frontend::setGathered(NodeContext &node, unsigned result, Value data,
                           int64_t axis, ArrayRef<int64_t> positions,
                           ArrayRef<int64_t> indexShape) {
  if (!data)
    return;
  auto type = cast<RankedTensorType>(data.getType());
  ArrayRef<int64_t> from = type.getShape();
  SmallVector<int64_t> shape(from.take_front(axis));
  llvm::append_range(shape, indexShape);
  llvm::append_range(shape, from.drop_front(axis + 1));
  int64_t step = positions.size() > 1 ? positions[1] - positions[0] : 1;
  bool isEven = step != 0 && !positions.empty();
  for (size_t i = 1; i < positions.size(); ++i)
    isEven = isEven && positions[i] - positions[i - 1] == step;
  if (isEven) {
    SmallVector<int64_t> starts(from.size(), 0), sizes(from),
        steps(from.size(), 1);
    std::replace(sizes.begin(), sizes.end(), ShapedType::kDynamic, int64_t(-1));
    starts[axis] = positions.front();
    sizes[axis] = positions.size();
    steps[axis] = step;
    Value slice = node.create<SliceOp>(data, {node.i64s("starts", starts),
                                              node.i64s("sizes", sizes),
                                              node.i64s("steps", steps)});
    return node.setResult(result, node.createReshape(slice, shape));
  }
  SmallVector<Size> ints = llvm::map_to_vector(positions, Size::constant);
  Value indices = ConstantOp::create(
      node.getBuilder(), node.getLoc(),
      KnownTensor::makeInts(node.getBuilder().getI64Type(), indexShape, ints)
          .toElements());
  node.setResult(
      result, node.create<GatherOp>({data, indices}, node.i64("axis", axis)));
}

/// Any gathering from a known tensor.
static bool foldGather(NodeContext &node) {
  if (!isConstantInput(node, 0))
    return false;
  ArrayRef<int64_t> from = node.getInputType(0).getShape();
  int64_t rank = from.size(), axis = node.getInt("axis", 0);
  std::optional<KnownTensor> at = node.getKnown(1);
  if (axis < -rank || axis >= rank || !at)
    return false;
  axis += axis < 0 ? rank : 0;
  auto positions = getKnownPositions(node, 1, from[axis]);
  if (!positions)
    return false;
  SmallVector<int64_t> shape(from.take_front(axis));
  llvm::append_range(shape, at->shape);
  llvm::append_range(shape, from.drop_front(axis + 1));
  return setSelected(node, 0, shape,
                     [&] { return expandPositions(from, axis, *positions); });
}

static void emitGather(NodeContext &node) {
  ArrayRef<int64_t> from = node.getInputType(0).getShape();
  int64_t axis = node.normalizeAxis(node.getInt("axis", 0), from.size());
  if (node.hasFailed())
    return;
  auto positions = getKnownPositions(node, 1, from[axis]);
  if (node.hasFailed())
    return;
  if (positions)
    return setGathered(node, 0, node.getOperand(0), axis, *positions,
                       node.getInputType(1).getShape());
  // Every batch has a first and a last sample, but may have no other.
  if (std::optional<KnownTensor> at = node.getKnown(1);
      at && ShapedType::isDynamic(from[axis]) && !at->isReal() &&
      llvm::any_of(at->ints, [](Size s) {
        return !s.isConstant() || (s.offset != 0 && s.offset != -1);
      }))
    return (void)node.error("takes a part of the batch, whose size is not "
                            "known; --shape can fix it");
  node.setResult(
      0, node.create<GatherOp>({node.getOperand(0), getIndices(node, 1)},
                               node.i64("axis", axis)));
}

/// Known elements of known data; `positionOf` gives the one that belongs to a
/// coordinate of the result, or -1 where indices leave their dimension.
static bool
foldByCoordinates(NodeContext &node, ArrayRef<int64_t> shape,
                  function_ref<int64_t(ArrayRef<int64_t>)> positionOf) {
  bool isInside = true;
  SmallVector<int64_t> indices;
  forEachElement(shape, [&](ArrayRef<int64_t> at) {
    int64_t index = isInside ? positionOf(at) : -1;
    isInside = isInside && index >= 0;
    indices.push_back(index);
  });
  return isInside && setSelected(node, 0, shape, [&] { return indices; });
}

static int64_t locate(ArrayRef<int64_t> at, ArrayRef<int64_t> strides) {
  int64_t index = 0;
  for (auto [coordinate, stride] : llvm::zip(at, strides))
    index += coordinate * stride;
  return index;
}

/// A coordinate from the end where it is negative; -1 outside.
static int64_t wrap(Size at, int64_t size) {
  if (!at.isConstant() || at.offset < -size || at.offset >= size)
    return -1;
  return at.offset + (at.offset < 0 ? size : 0);
}

static bool foldGatherElements(NodeContext &node) {
  std::optional<KnownTensor> at = node.getKnown(1);
  if (!isConstantInput(node, 0) || !at || at->isReal())
    return false;
  ArrayRef<int64_t> from = node.getInputType(0).getShape();
  int64_t rank = from.size(), axis = node.getInt("axis", 0);
  if (axis < -rank || axis >= rank || at->getRank() != rank)
    return false;
  axis += axis < 0 ? rank : 0;
  for (int64_t d = 0; d < rank; ++d)
    if (d != axis && at->shape[d] > from[d])
      return false;
  SmallVector<int64_t> strides = getStrides(from),
                       indexStrides = getStrides(at->shape);
  return foldByCoordinates(node, at->shape, [&](ArrayRef<int64_t> position) {
    SmallVector<int64_t> source(position);
    source[axis] = wrap(at->ints[locate(position, indexStrides)], from[axis]);
    return source[axis] < 0 ? -1 : locate(source, strides);
  });
}

static void emitGatherElements(NodeContext &node) {
  int64_t axis =
      node.normalizeAxis(node.getInt("axis", 0), node.getInputRank(0));
  node.setResult(0, node.create<GatherElementsOp>(
                        {node.getOperand(0), getIndices(node, 1)},
                        node.i64("axis", axis)));
}

/// Version 11 has no batch_dims, which is 0 then.
static bool foldGatherND(NodeContext &node) {
  std::optional<KnownTensor> at = node.getKnown(1);
  if (!isConstantInput(node, 0) || !at || at->isReal() || at->getRank() < 1)
    return false;
  ArrayRef<int64_t> from = node.getInputType(0).getShape();
  int64_t batch = node.getInt("batch_dims", 0), rank = from.size(),
          outer = at->getRank() - 1, coordinates = at->shape.back();
  if (batch < 0 || batch > outer || coordinates > rank - batch ||
      ArrayRef(at->shape).take_front(batch) != from.take_front(batch))
    return false;
  SmallVector<int64_t> shape(ArrayRef(at->shape).drop_back());
  llvm::append_range(shape, from.drop_front(batch + coordinates));
  SmallVector<int64_t> strides = getStrides(from),
                       indexStrides = getStrides(at->shape);
  return foldByCoordinates(node, shape, [&](ArrayRef<int64_t> position) {
    int64_t row = locate(position.take_front(outer), indexStrides);
    SmallVector<int64_t> source(position.take_front(batch));
    for (int64_t i = 0; i < coordinates; ++i) {
      source.push_back(wrap(at->ints[row + i], from[batch + i]));
      if (source.back() < 0)
        return int64_t(-1);
    }
    llvm::append_range(source, position.drop_front(outer));
    return locate(source, strides);
  });
}

static void emitGatherND(NodeContext &node) {
  int64_t batch = node.getInt("batch_dims", 0);
  node.setResult(
      0, node.create<GatherNDOp>({node.getOperand(0), getIndices(node, 1)},
                                 node.i64("batch_dims", batch)));
}

//===----------------------------------------------------------------------===//
// Scatter
//===----------------------------------------------------------------------===//

static std::optional<ScatterKind> readReduction(NodeContext &node) {
  StringRef name = node.getString("reduction", "none");
  std::optional<ScatterKind> kind =
      name == "none" ? ScatterKind::Replace : symbolizeScatterKind(name);
  if (!kind || name == "replace")
    return (void)node.error("attribute 'reduction': expected none, add, mul, "
                            "min or max, but got '" +
                            name + "'"),
           std::nullopt;
  return kind;
}

/// Known data with known updates at known positions; `positionOf` as above, for
/// coordinates of the updates.
static bool foldScatter(
    NodeContext &node,
    function_ref<int64_t(const KnownTensor &indices, ArrayRef<int64_t> at)>
        positionOf) {
  std::optional<KnownTensor> data = node.getKnown(0), at = node.getKnown(1),
                             updates = node.getKnown(2);
  if (!data || !at || at->isReal() || !updates ||
      updates->elementType != data->elementType ||
      node.getString("reduction", "none") != "none")
    return false;
  bool isInside = true;
  int64_t next = 0;
  forEachElement(updates->shape, [&](ArrayRef<int64_t> position) {
    int64_t index = isInside ? positionOf(*at, position) : -1;
    isInside = isInside && index >= 0;
    if (isInside && data->isReal())
      data->reals[index] = updates->reals[next];
    else if (isInside)
      data->ints[index] = updates->ints[next];
    ++next;
  });
  if (isInside)
    node.setResult(0, Tensor::ofKnown(std::move(*data)));
  return isInside;
}

static bool foldScatterElements(NodeContext &node) {
  ArrayRef<int64_t> to = node.getInputType(0).getShape();
  int64_t rank = to.size(), axis = node.getInt("axis", 0);
  if (axis < -rank || axis >= rank || node.getInputRank(1) != rank ||
      node.getInputType(1).getShape() != node.getInputType(2).getShape())
    return false;
  axis += axis < 0 ? rank : 0;
  SmallVector<int64_t> strides = getStrides(to);
  return foldScatter(
      node, [&](const KnownTensor &indices, ArrayRef<int64_t> at) {
        SmallVector<int64_t> position(at);
        position[axis] =
            wrap(indices.ints[locate(at, getStrides(indices.shape))], to[axis]);
        for (int64_t d = 0; d < rank; ++d)
          if (position[d] < 0 || position[d] >= to[d])
            return int64_t(-1);
        return locate(position, strides);
      });
}

static void emitScatterElements(NodeContext &node) {
  int64_t axis =
      node.normalizeAxis(node.getInt("axis", 0), node.getInputRank(0));
  std::optional<ScatterKind> kind = readReduction(node);
  if (!kind)
    return;
  node.setResult(
      0,
      node.create<ScatterElementsOp>(
          {node.getOperand(0), getIndices(node, 1), node.getOperand(2)},
          {node.i64("axis", axis),
           node.attr("kind", ScatterKindAttr::get(node.getContext(), *kind))}));
}

static bool foldScatterND(NodeContext &node) {
  ArrayRef<int64_t> to = node.getInputType(0).getShape(),
                    at = node.getInputType(1).getShape(),
                    from = node.getInputType(2).getShape();
  if (at.empty() || at.back() < 0 || at.back() > int64_t(to.size()))
    return false;
  int64_t outer = at.size() - 1, coordinates = at.back();
  SmallVector<int64_t> expected(at.drop_back());
  llvm::append_range(expected, to.drop_front(coordinates));
  if (from != ArrayRef<int64_t>(expected))
    return false;
  SmallVector<int64_t> strides = getStrides(to);
  return foldScatter(node, [&](const KnownTensor &indices,
                               ArrayRef<int64_t> position) {
    int64_t row = locate(position.take_front(outer), getStrides(indices.shape));
    SmallVector<int64_t> target;
    for (int64_t i = 0; i < coordinates; ++i) {
      target.push_back(wrap(indices.ints[row + i], to[i]));
      if (target.back() < 0)
        return int64_t(-1);
    }
    llvm::append_range(target, position.drop_front(outer));
    return locate(target, strides);
  });
}

static void emitScatterND(NodeContext &node) {
  std::optional<ScatterKind> kind = readReduction(node);
  if (!kind)
    return;
  node.setResult(
      0,
      node.create<ScatterNDOp>(
          {node.getOperand(0), getIndices(node, 1), node.getOperand(2)},
          node.attr("kind", ScatterKindAttr::get(node.getContext(), *kind))));
}

/// Without write indices, every sample's updates start at 0.
static void emitTensorScatter(NodeContext &node) {
  RankedTensorType type = node.getInputType(0);
  int64_t axis = node.normalizeAxis(node.getInt("axis", -2), type.getRank());
  StringRef mode = node.getString("mode", "linear");
  if (mode != "linear" && mode != "circular")
    return (void)node.error("attribute 'mode': expected linear or circular, "
                            "but got '" +
                            mode + "'");
  if (node.hasFailed())
    return;
  Value starts;
  if (node.hasInput(2)) {
    starts = getIndices(node, 2);
  } else {
    starts = node.createScalar(0, node.getBuilder().getI64Type());
    starts =
        node.createTyped(BroadcastOp::getOperationName(), starts,
                         RankedTensorType::get(type.getShape().take_front(),
                                               node.getBuilder().getI64Type()));
  }
  SmallVector<NamedAttribute> attributes{node.i64("axis", axis)};
  if (mode == "circular")
    attributes.push_back(
        node.attr("circular", node.getBuilder().getUnitAttr()));
  node.setResult(
      0, node.create<TensorScatterOp>(
             {node.getOperand(0), node.getOperand(1), starts}, attributes));
}

//===----------------------------------------------------------------------===//
// Other orders
//===----------------------------------------------------------------------===//

static void emitReverseSequence(NodeContext &node) {
  int64_t rank = node.getInputRank(0);
  int64_t batch = node.normalizeAxis(node.getInt("batch_axis", 1), rank);
  int64_t time = node.normalizeAxis(node.getInt("time_axis", 0), rank);
  node.setResult(
      0, node.create<ReverseSequenceOp>(
             {node.getOperand(0), getIndices(node, 1)},
             {node.i64("batch_axis", batch), node.i64("time_axis", time)}));
}

static void emitOneHot(NodeContext &node) {
  int64_t axis =
      node.normalizeAxis(node.getInt("axis", -1), node.getInputRank(0) + 1);
  std::optional<double> depth = node.getKnownNumber(1, "depth");
  if (node.hasFailed())
    return;
  if (!(*depth >= 0 && *depth <= static_cast<double>(mostElements)))
    return (void)node.error("expected a depth from 0 to " +
                            Twine(mostElements) + ", but got " +
                            Twine(std::to_string(*depth)));
  node.setResult(0, node.create<OneHotOp>(
                        {node.getOperand(0), node.getOperand(2)},
                        {node.i64("axis", axis),
                         node.i64("depth", static_cast<int64_t>(*depth))}));
}

ArrayRef<Operator> frontend::getIndexingOperators() {
  constexpr int64_t last = newestOpset;
  static const Operator rows[] = {
      {"Gather", 1, last, 2, 2, foldGather, emitGather},
      {"GatherElements", 11, last, 2, 2, foldGatherElements,
       emitGatherElements},
      {"GatherND", 11, last, 2, 2, foldGatherND, emitGatherND},
      {"Scatter", 9, last, 3, 3, foldScatterElements, emitScatterElements},
      {"ScatterElements", 11, last, 3, 3, foldScatterElements,
       emitScatterElements},
      {"ScatterND", 11, last, 3, 3, foldScatterND, emitScatterND},
      {"TensorScatter", 24, last, 2, 3, nullptr, emitTensorScatter},
      {"ReverseSequence", 10, last, 2, 2, nullptr, emitReverseSequence},
      {"OneHot", 9, last, 3, 3, nullptr, emitOneHot},
  };
  return rows;
}
