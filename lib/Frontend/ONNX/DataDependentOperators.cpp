//===- DataDependentOperators.cpp - results whose sizes are data ----------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Types say what shape a tensor has, so these operators are computed when the
// model is imported, on data that are known by then, or not at all.
//
//===----------------------------------------------------------------------===//

#include "Selection.h"
#include <cmath>
#include <map>
#include <onnx/onnx_pb.h>

using namespace mlir;
using namespace mpc;
using namespace mpc::frontend;

static void setInt64s(NodeContext &node, unsigned result,
                      ArrayRef<int64_t> shape, ArrayRef<int64_t> values) {
  SmallVector<Size> ints = llvm::map_to_vector(values, Size::constant);
  node.setResult(result, Tensor::ofKnown(KnownTensor::makeInts(
                             node.getBuilder().getI64Type(), shape, ints)));
}

static double getNumber(const KnownTensor &tensor, int64_t index) {
  return tensor.isReal() ? tensor.reals[index]
                         : static_cast<double>(tensor.ints[index].offset);
}

//===----------------------------------------------------------------------===//
// Truth values
//===----------------------------------------------------------------------===//

/// The coordinates of all elements other than 0, one column each.
static void emitNonZero(NodeContext &node) {
  auto data = getRequiredData(node, 0, "input");
  if (!data)
    return;
  SmallVector<SmallVector<int64_t>> found;
  int64_t next = 0;
  forEachElement(data->shape, [&](ArrayRef<int64_t> at) {
    bool isZero =
        data->isReal() ? data->reals[next] == 0 : data->ints[next].offset == 0;
    if (!isZero)
      found.emplace_back(at);
    ++next;
  });
  SmallVector<int64_t> values;
  for (int64_t d = 0; d < data->getRank(); ++d)
    for (const SmallVector<int64_t> &at : found)
      values.push_back(at[d]);
  setInt64s(node, 0, {data->getRank(), static_cast<int64_t>(found.size())},
            values);
}

/// Without an axis, of the elements in row-major order.
static void emitCompress(NodeContext &node) {
  auto condition = getRequiredData(node, 1, "condition");
  ArrayRef<int64_t> shape = node.getInputType(0).getShape();
  bool hasAxis = node.hasAttribute("axis");
  int64_t axis =
      hasAxis ? node.normalizeAxis(node.getInt("axis", 0), shape.size()) : 0;
  if (node.hasFailed())
    return;
  if (condition->getRank() != 1 || condition->isReal())
    return (void)node.error("expected a list of truth values as condition");
  Value data = node.getOperand(0);
  if (!hasAxis) {
    if (llvm::any_of(shape, ShapedType::isDynamic))
      return (void)node.error("takes a part of the batch, whose size is not "
                              "known; --shape can fix it");
    data = node.createReshape(data, product(shape));
  } else if (ShapedType::isDynamic(shape[axis])) {
    return (void)node.error("takes a part of the batch, whose size is not "
                            "known; --shape can fix it");
  }
  int64_t size = hasAxis ? shape[axis] : product(shape);
  SmallVector<int64_t> positions;
  for (auto [at, value] : llvm::enumerate(condition->ints))
    if (value.offset != 0)
      positions.push_back(at);
  if (!positions.empty() && positions.back() >= size)
    return (void)node.error("expected a condition of at most " + Twine(size) +
                            " elements, but it holds for element " +
                            Twine(positions.back()));
  setGathered(node, 0, data, axis, positions, positions.size());
}

//===----------------------------------------------------------------------===//
// Unique
//===----------------------------------------------------------------------===//

/// The different slices along an axis, or the different elements: in order, or
/// as they come first.
static void emitUnique(NodeContext &node) {
  auto data = getRequiredData(node, 0, "input");
  bool isSorted = node.getBool("sorted", true),
       hasAxis = node.hasAttribute("axis");
  if (node.hasFailed())
    return;
  int64_t axis =
      hasAxis ? node.normalizeAxis(node.getInt("axis", 0), data->getRank()) : 0;
  if (node.hasFailed())
    return;
  SmallVector<int64_t> shape(data->shape);
  if (!hasAxis)
    shape.assign(1, data->getNumElements());
  int64_t outer = product(ArrayRef(shape).take_front(axis)), size = shape[axis],
          inner = product(ArrayRef(shape).drop_front(axis + 1));
  auto sliceOf = [&](int64_t at) {
    std::vector<double> slice;
    for (int64_t o = 0; o < outer; ++o)
      for (int64_t i = 0; i < inner; ++i)
        slice.push_back(getNumber(*data, (o * size + at) * inner + i));
    return slice;
  };
  // NaN would have no place in an order.
  if (llvm::any_of(data->reals, [](double x) { return std::isnan(x); }))
    return (void)node.unsupported(" on data with NaN");
  std::map<std::vector<double>, int64_t> known;
  SmallVector<int64_t> first, counts, inverse;
  for (int64_t at = 0; at < size; ++at) {
    auto [it, isNew] = known.try_emplace(sliceOf(at), first.size());
    if (isNew) {
      first.push_back(at);
      counts.push_back(0);
    }
    ++counts[it->second];
    inverse.push_back(it->second);
  }
  if (isSorted) {
    SmallVector<int64_t> rank(first.size()), sortedFirst, sortedCounts;
    for (auto &[slice, number] : known) {
      rank[number] = sortedFirst.size();
      sortedFirst.push_back(first[number]);
      sortedCounts.push_back(counts[number]);
    }
    for (int64_t &number : inverse)
      number = rank[number];
    first = sortedFirst;
    counts = sortedCounts;
  }
  int64_t count = first.size();
  SmallVector<int64_t> indices;
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t at : first)
      for (int64_t i = 0; i < inner; ++i)
        indices.push_back((o * size + at) * inner + i);
  shape[axis] = count;
  node.setResult(0, Tensor::ofKnown(data->select(shape, indices)));
  setInt64s(node, 1, count, first);
  setInt64s(node, 2, size, inverse);
  setInt64s(node, 3, count, counts);
}

//===----------------------------------------------------------------------===//
// NonMaxSuppression
//===----------------------------------------------------------------------===//

namespace {
struct Rectangle {
  double left, right, top, bottom;
  double getArea() const { return (right - left) * (bottom - top); }
  /// The part of both areas that they share.
  double getOverlap(const Rectangle &other) const {
    double width = std::min(right, other.right) - std::max(left, other.left);
    double height = std::min(bottom, other.bottom) - std::max(top, other.top);
    if (width <= 0 || height <= 0)
      return 0;
    double shared = width * height;
    return shared / (getArea() + other.getArea() - shared);
  }
};
} // namespace

static void emitNonMaxSuppression(NodeContext &node) {
  auto boxes = getRequiredData(node, 0, "boxes");
  auto scores = getRequiredData(node, 1, "scores");
  auto parameter = [&](unsigned index, StringRef what) {
    return node.hasInput(index) ? node.getKnownNumber(index, what)
                                : std::nullopt;
  };
  double most = parameter(2, "max_output_boxes_per_class").value_or(0);
  double overlap = parameter(3, "iou_threshold").value_or(0);
  std::optional<double> threshold = parameter(4, "score_threshold");
  bool isCentered = node.getBool("center_point_box", false);
  if (node.hasFailed())
    return;
  if (boxes->getRank() != 3 || scores->getRank() != 3 || !boxes->isReal() ||
      !scores->isReal() || boxes->shape[2] != 4 ||
      boxes->shape[0] != scores->shape[0] ||
      boxes->shape[1] != scores->shape[2])
    return (void)node.error("expected boxes of shape [batches, boxes, 4] and "
                            "scores of shape [batches, classes, boxes]");
  int64_t batches = scores->shape[0], classes = scores->shape[1],
          count = scores->shape[2];
  auto boxAt = [&](int64_t index) {
    const double *b = boxes->reals.data() + index * 4;
    if (isCentered)
      return Rectangle{b[0] - b[2] / 2, b[0] + b[2] / 2, b[1] - b[3] / 2,
                       b[1] + b[3] / 2};
    return Rectangle{std::min(b[1], b[3]), std::max(b[1], b[3]),
                     std::min(b[0], b[2]), std::max(b[0], b[2])};
  };
  SmallVector<int64_t> selected;
  for (int64_t n = 0; n < batches; ++n)
    for (int64_t c = 0; c < classes; ++c) {
      const double *score = scores->reals.data() + (n * classes + c) * count;
      SmallVector<int64_t> order;
      for (int64_t i = 0; i < count; ++i)
        if (!std::isnan(score[i]) && (!threshold || score[i] > *threshold))
          order.push_back(i);
      llvm::stable_sort(
          order, [&](int64_t a, int64_t b) { return score[a] > score[b]; });
      SmallVector<Rectangle> kept;
      for (int64_t i : order) {
        if (static_cast<double>(kept.size()) >= most)
          break;
        Rectangle box = boxAt(n * count + i);
        if (llvm::any_of(kept, [&](const Rectangle &other) {
              return box.getOverlap(other) > overlap;
            }))
          continue;
        kept.push_back(box);
        selected.append({n, c, i});
      }
    }
  setInt64s(node, 0, {static_cast<int64_t>(selected.size()) / 3, 3}, selected);
}

//===----------------------------------------------------------------------===//
// Range
//===----------------------------------------------------------------------===//

/// Longer lists belong into the model as data.
static constexpr int64_t mostRangeElements = int64_t(1) << 24;

/// start + i * delta, as many as lie before the limit.
static void emitRange(NodeContext &node) {
  Type type = node.getInputType(0).getElementType();
  KnownTensor bounds[3];
  constexpr StringLiteral names[] = {"start", "limit", "delta"};
  for (auto [index, name] : llvm::enumerate(names)) {
    std::optional<KnownTensor> known = node.getRequiredKnown(index, name);
    if (!known)
      return;
    if (known->getNumElements() != 1 || known->elementType != type)
      return (void)node.error("expected one " + Twine(name) +
                              " of the type of start");
    if (!known->isConstant())
      return (void)node.error(Twine(name) + " '" + node.getNode().input(index) +
                              "' depends on the batch size, which is not "
                              "known; --shape can fix it");
    bounds[index] = std::move(*known);
  }
  // Sums of f16 and bf16 are taken in f32, unless it is forbidden.
  bool isStashed = true;
  if (node.getVersion() >= 27)
    isStashed = node.getInt("stash_type", 1) == 1;
  Type sumType = isStashed && (type.isF16() || type.isBF16())
                     ? node.getBuilder().getF32Type()
                     : type;
  double start = getNumber(bounds[0], 0), limit = getNumber(bounds[1], 0),
         delta = getNumber(bounds[2], 0);
  if (!(delta != 0))
    return (void)node.error("expected a delta other than 0");
  KnownTensor result;
  result.elementType = type;
  int64_t count = 0;
  if (result.isReal()) {
    double steps = std::ceil((limit - start) / delta);
    // NaN where one of them is NaN or infinite.
    if (!(steps <= mostRangeElements))
      return (void)node.error("result is too large");
    count = std::max<int64_t>(0, static_cast<int64_t>(steps));
    for (int64_t i = 0; i < count; ++i) {
      double product = roundTo(static_cast<double>(i) * delta, sumType);
      result.reals.push_back(roundTo(roundTo(start + product, sumType), type));
    }
  } else {
    __int128 first = bounds[0].ints[0].offset, by = bounds[2].ints[0].offset,
             distance = bounds[1].ints[0].offset - first;
    if (distance != 0 && (distance > 0) == (by > 0)) {
      __int128 steps = (distance + by + (by > 0 ? -1 : 1)) / by;
      if (steps > mostRangeElements)
        return (void)node.error("result is too large");
      count = static_cast<int64_t>(steps);
    }
    for (int64_t i = 0; i < count; ++i)
      result.ints.push_back(
          Size::constant(static_cast<int64_t>(first + i * by)));
  }
  result.shape.push_back(count);
  if (count <= mostKnownElements)
    return node.setResult(0, Tensor::ofKnown(std::move(result)));
  node.setResult(0, Tensor::ofConstant(result.toElements()));
}

ArrayRef<Operator> frontend::getDataDependentOperators() {
  constexpr int64_t last = newestOpset;
  static const Operator rows[] = {
      {"NonZero", 9, last, 1, 1, nullptr, emitNonZero},
      {"Compress", 9, last, 2, 2, nullptr, emitCompress},
      {"Unique", 11, last, 1, 1, nullptr, emitUnique},
      {"NonMaxSuppression", 10, last, 2, 5, nullptr, emitNonMaxSuppression},
      {"Range", 11, last, 3, 3, nullptr, emitRange},
  };
  return rows;
}
