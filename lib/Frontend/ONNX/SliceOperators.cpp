//===- SliceOperators.cpp - operators that take parts of a tensor
//----------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Selection.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mpc;
using namespace mpc::frontend;

namespace {
/// A box of an input and its steps, as mpc.slice has them: a dimension that is
/// the batch is whole, and has size -1.
struct Box {
  SmallVector<int64_t> starts, sizes, steps;

  explicit Box(ArrayRef<int64_t> shape)
      : starts(shape.size(), 0), sizes(shape), steps(shape.size(), 1) {
    std::replace(sizes.begin(), sizes.end(), ShapedType::kDynamic, int64_t(-1));
  }
};
} // namespace

/// Sets the result to a part of input 0, under `shape`, which has as many
/// elements.
static void setBox(NodeContext &node, unsigned result, const Box &box,
                   ArrayRef<int64_t> shape) {
  ArrayRef<int64_t> from = node.getInputType(0).getShape();
  if (isConstantInput(node, 0) && llvm::none_of(from, ShapedType::isDynamic)) {
    SmallVector<int64_t> strides = getStrides(from);
    bool isDone = setSelected(
        node, 0, shape,
        [&] {
          SmallVector<int64_t> indices;
          forEachElement(box.sizes, [&](ArrayRef<int64_t> at) {
            int64_t index = 0;
            for (size_t i = 0; i < at.size(); ++i)
              index += (box.starts[i] + at[i] * box.steps[i]) * strides[i];
            indices.push_back(index);
          });
          return indices;
        },
        result);
    if (isDone)
      return;
  }
  Value value =
      node.create<SliceOp>(node.getOperand(0), {node.i64s("starts", box.starts),
                                                node.i64s("sizes", box.sizes),
                                                node.i64s("steps", box.steps)});
  node.setResult(result, node.createReshape(value, shape));
}

static SmallVector<int64_t> getShape(const Box &box) {
  SmallVector<int64_t> shape(box.sizes);
  std::replace(shape.begin(), shape.end(), int64_t(-1), ShapedType::kDynamic);
  return shape;
}

//===----------------------------------------------------------------------===//
// Slice
//===----------------------------------------------------------------------===//

/// The arguments of Slice: attributes before version 10, inputs since. Ends may
/// hold the batch.
static std::optional<SmallVector<Size>>
readSizes(NodeContext &node, unsigned index, StringRef name, bool isRequired) {
  if (node.getVersion() < 10) {
    if (isRequired && !node.hasAttribute(name))
      (void)node.error("expected attribute '" + name + "'");
    if (!node.hasAttribute(name))
      return std::nullopt;
    return llvm::map_to_vector(node.getInts(name), Size::constant);
  }
  if (!isRequired && !node.hasInput(index))
    return std::nullopt;
  std::optional<KnownTensor> known = node.getRequiredKnown(index, name);
  if (!known)
    return std::nullopt;
  if (known->isReal() || known->getRank() > 1) {
    (void)node.error("expected " + name + " to be a list of integers");
    return std::nullopt;
  }
  return known->ints;
}

/// Sets one dimension of `box` as NumPy's start:end:step would.
static LogicalResult sliceDim(NodeContext &node, Box &box, int64_t dim,
                              Size start, Size end, int64_t step) {
  int64_t size = box.sizes[dim];
  if (step == 0)
    return node.error("expected steps other than 0");
  if (size == -1) {
    // Everything up to any number that no batch reaches, or to the batch.
    bool isWhole =
        start == Size::constant(0) && step == 1 &&
        (end.isBatch() || (end.isConstant() &&
                           end.offset >= std::numeric_limits<int32_t>::max()));
    return isWhole ? success()
                   : node.error("takes a part of the batch, whose size is not "
                                "known; --shape can fix it");
  }
  if (!start.isConstant() || !end.isConstant())
    return node.error("bounds depend on the batch, whose size is not known; "
                      "--shape can fix it");
  if (size == 0)
    return success();
  auto clamp = [&](int64_t at, int64_t low, int64_t high) {
    if (at < 0)
      at = at < -size ? low : at + size;
    return std::clamp(at, low, high);
  };
  int64_t low = step > 0 ? 0 : -1, high = step > 0 ? size : size - 1;
  int64_t first = clamp(start.offset, 0, high);
  int64_t last = clamp(end.offset, low, high);
  // INT64_MIN has no magnitude; any step beyond the size takes one element.
  int64_t stride = std::clamp<int64_t>(step, -size - 1, size + 1);
  int64_t distance = step > 0 ? last - first : first - last;
  box.starts[dim] = first;
  box.steps[dim] = stride;
  box.sizes[dim] =
      distance <= 0 ? 0 : llvm::divideCeil(distance, std::abs(stride));
  return success();
}

static void emitSlice(NodeContext &node) {
  ArrayRef<int64_t> shape = node.getInputType(0).getShape();
  auto starts = readSizes(node, 1, "starts", true);
  auto ends = readSizes(node, 2, "ends", true);
  auto axes = readSizes(node, 3, "axes", false);
  std::optional<SmallVector<Size>> steps;
  if (node.getVersion() >= 10)
    steps = readSizes(node, 4, "steps", false);
  if (node.hasFailed())
    return;
  size_t count = starts->size();
  if (ends->size() != count || (axes && axes->size() != count) ||
      (steps && steps->size() != count))
    return (void)node.error("expected as many ends, axes and steps as starts");
  if (!axes && count > shape.size())
    return (void)node.error("expected at most " + Twine(shape.size()) +
                            " starts, but got " + Twine(count));
  Box box(shape);
  llvm::SmallDenseSet<int64_t> seen;
  for (size_t i = 0; i < count; ++i) {
    int64_t axis =
        node.normalizeAxis(axes ? (*axes)[i].offset : i, shape.size());
    if (node.hasFailed())
      return;
    if (!seen.insert(axis).second)
      return (void)node.error("expected distinct axes");
    if (failed(sliceDim(node, box, axis, (*starts)[i], (*ends)[i],
                        steps ? (*steps)[i].offset : 1)))
      return;
  }
  Tensor &input = *node.getInput(0);
  if (getShape(box) == shape &&
      llvm::all_of(box.steps, [](int64_t s) { return s == 1; }))
    return node.setResult(0, input);
  setBox(node, 0, box, getShape(box));
}

//===----------------------------------------------------------------------===//
// Split
//===----------------------------------------------------------------------===//

static void emitSplit(NodeContext &node) {
  ArrayRef<int64_t> shape = node.getInputType(0).getShape();
  int64_t axis = node.normalizeAxis(node.getInt("axis", 0), shape.size());
  auto sizes = node.getIntsFromInputOrAttribute(1, "split");
  int64_t count = node.getNumOutputs();
  int64_t stated = node.getInt("num_outputs", count);
  if (node.hasFailed())
    return;
  int64_t size = shape[axis];
  if (ShapedType::isDynamic(size))
    return (void)node.error("splits the batch, whose size is not known; "
                            "--shape can fix it");
  if (stated != count)
    return (void)node.error("attribute 'num_outputs': expected " +
                            Twine(count) + ", but got " + Twine(stated));
  if (!sizes) {
    // Equal parts; since version 18 the last one may be smaller.
    int64_t part = llvm::divideCeil(size, count);
    if (size % count != 0 &&
        (node.getVersion() < 18 || part * (count - 1) > size))
      return (void)node.error("expected a size that " + Twine(count) +
                              " outputs divide, but got " + Twine(size));
    sizes.emplace(count, part);
    sizes->back() = size - part * (count - 1);
  }
  int64_t start = 0;
  bool fits = static_cast<int64_t>(sizes->size()) == count;
  for (int64_t part : *sizes) {
    fits = fits && part >= 0 && part <= size - start;
    start += fits ? part : 0;
  }
  if (!fits || start != size)
    return (void)node.error("expected one size per output, " + Twine(size) +
                            " in sum");
  start = 0;
  for (int64_t i = 0; i < count; ++i) {
    Box box(shape);
    box.starts[axis] = start;
    box.sizes[axis] = (*sizes)[i];
    start += (*sizes)[i];
    if (node.usesOutput(i))
      setBox(node, i, box, getShape(box));
  }
}

ArrayRef<Operator> frontend::getSliceOperators() {
  constexpr int64_t last = newestOpset;
  static const Operator rows[] = {
      {"Slice", 1, last, 1, 5, nullptr, emitSlice},
      {"Split", 2, last, 1, 2, nullptr, emitSplit},
  };
  return rows;
}
