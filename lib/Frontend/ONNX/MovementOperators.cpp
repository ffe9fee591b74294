//===- MovementOperators.cpp - reshaping, slicing, joining
//-----------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Selection.h"

using namespace mlir;
using namespace mpc;
using namespace mpc::frontend;

//===----------------------------------------------------------------------===//
// Reshaping
//===----------------------------------------------------------------------===//

/// Input 0 under another shape: what is known stays known, and constants share
/// their bytes.
static void setReshaped(NodeContext &node, ArrayRef<int64_t> shape) {
  if (node.hasFailed())
    return;
  Tensor &input = *node.getInput(0);
  RankedTensorType type = input.type;
  bool isStatic =
      type.hasStaticShape() && llvm::none_of(shape, ShapedType::isDynamic);
  if (isStatic && (input.known || input.constant)) {
    FailureOr<int64_t> count = countElements(shape);
    if (failed(count) || *count != type.getNumElements())
      return (void)node.error("expected a shape of " +
                              Twine(type.getNumElements()) + " elements");
    if (input.constant)
      return node.setResult(
          0, Tensor::ofConstant(reshapeElements(input.constant, shape)));
    KnownTensor known = *input.known;
    known.shape.assign(shape.begin(), shape.end());
    return node.setResult(0, Tensor::ofKnown(std::move(known)));
  }
  node.setResult(0, node.createReshape(node.getOperand(0), shape));
}

/// A number of elements: `count`, times the batch where `hasBatch`.
namespace {
struct ElementCount {
  int64_t count = 1;
  bool hasBatch = false;

  /// False where the product is too large or has the batch twice.
  bool multiply(Size size) {
    if (!size.isConstant()) {
      if (!size.isBatch() || hasBatch)
        return false;
      hasBatch = true;
      return true;
    }
    FailureOr<int64_t> both = countElements({count, size.offset});
    if (failed(both))
      return false;
    count = *both;
    return true;
  }
};
} // namespace

/// The shape that Reshape's second input stands for; nothing after an error.
static std::optional<SmallVector<int64_t>>
resolveReshape(NodeContext &node, ArrayRef<Size> target, bool allowZero) {
  ArrayRef<int64_t> from = node.getInputType(0).getShape();
  ElementCount total, given;
  for (int64_t size : from)
    if (!total.multiply(Size::ofDim(size)))
      return (void)node.error(
                 "expected an input of a size that can be counted"),
             std::nullopt;
  SmallVector<int64_t> shape;
  std::optional<size_t> inferred;
  for (auto [index, entry] : llvm::enumerate(target)) {
    Size size = entry;
    if (size == Size::constant(-1)) {
      if (inferred)
        return (void)node.error("expected at most one -1 in the shape"),
               std::nullopt;
      inferred = index;
      shape.push_back(1);
      continue;
    }
    if (size == Size::constant(0) && !allowZero) {
      if (index >= from.size())
        return (void)node.error("shape copies dimension " + Twine(index) +
                                " of an input of rank " + Twine(from.size())),
               std::nullopt;
      size = Size::ofDim(from[index]);
    }
    if (size.isConstant() ? size.offset < 0 : !size.isBatch())
      return (void)node.error(size.isConstant()
                                  ? "expected sizes of at least -1, but got " +
                                        Twine(size.offset)
                                  : Twine("dimension ") + Twine(index) +
                                        " is a multiple of the batch, which "
                                        "types cannot say; --shape can fix it"),
             std::nullopt;
    if (!given.multiply(size))
      return (void)node.error("expected a shape of as many elements as the "
                              "input has"),
             std::nullopt;
    shape.push_back(size.isConstant() ? size.offset : ShapedType::kDynamic);
  }
  auto describe = [](const ElementCount &count) {
    return (count.hasBatch ? "batch * " : "") + std::to_string(count.count);
  };
  if (inferred) {
    bool divides = given.count != 0 && total.count % given.count == 0 &&
                   (total.hasBatch || !given.hasBatch);
    int64_t rest = divides ? total.count / given.count : 0;
    if (divides && total.hasBatch && !given.hasBatch) {
      if (rest != 1)
        return (void)node.error("dimension " + Twine(*inferred) +
                                " becomes batch * " + Twine(rest) +
                                ", which types cannot say; --shape can fix it"),
               std::nullopt;
      rest = ShapedType::kDynamic;
    }
    if (!divides)
      return (void)node.error("expected sizes that divide " + describe(total) +
                              " elements, but got " + describe(given)),
             std::nullopt;
    shape[*inferred] = rest;
  } else if (total.count != given.count || total.hasBatch != given.hasBatch) {
    return (void)node.error("expected a shape of " + describe(total) +
                            " elements, but got " + describe(given)),
           std::nullopt;
  }
  return shape;
}

static void emitReshape(NodeContext &node) {
  bool allowZero = node.getBool("allowzero", false);
  std::optional<KnownTensor> target = node.getRequiredKnown(1, "shape");
  if (!target)
    return;
  if (target->isReal() || target->getRank() > 1)
    return (void)node.error("expected a list of integers as shape");
  if (auto shape = resolveReshape(node, target->ints, allowZero))
    setReshaped(node, *shape);
}

static void emitFlatten(NodeContext &node) {
  ArrayRef<int64_t> shape = node.getInputType(0).getShape();
  int64_t rank = shape.size(), axis = node.getInt("axis", 1);
  if (axis < -rank || axis > rank)
    return (void)node.error("expected an axis within [" + Twine(-rank) + ", " +
                            Twine(rank) + "], but got " + Twine(axis));
  if (axis < 0)
    axis += rank;
  SmallVector<Size> target;
  for (ArrayRef<int64_t> part :
       {shape.take_front(axis), shape.drop_front(axis)}) {
    ElementCount count;
    bool ok = llvm::all_of(
        part, [&](int64_t size) { return count.multiply(Size::ofDim(size)); });
    if (!ok)
      return (void)node.error("expected an input of a size that can be "
                              "counted");
    target.push_back(count.hasBatch ? Size{count.count, 0}
                                    : Size::constant(count.count));
  }
  if (auto resolved = resolveReshape(node, target, /*allowZero=*/true))
    setReshaped(node, *resolved);
}

static void emitSqueeze(NodeContext &node) {
  ArrayRef<int64_t> shape = node.getInputType(0).getShape();
  int64_t rank = shape.size();
  auto axes = node.getIntsFromInputOrAttribute(1, "axes");
  SmallVector<int64_t> dropped;
  if (axes)
    dropped = node.normalizeAxes(*axes, rank);
  if (node.hasFailed())
    return;
  SmallVector<int64_t> result;
  for (auto [index, size] : llvm::enumerate(shape)) {
    bool drops = axes ? llvm::is_contained(dropped, int64_t(index)) : size == 1;
    if (!drops)
      result.push_back(size);
    else if (size != 1)
      return (void)node.error(
          "expected size 1 of dimension " + Twine(index) + ", but got " +
          (ShapedType::isDynamic(size) ? Twine("the batch") : Twine(size)));
  }
  setReshaped(node, result);
}

static void emitUnsqueeze(NodeContext &node) {
  ArrayRef<int64_t> shape = node.getInputType(0).getShape();
  auto axes = node.getIntsFromInputOrAttribute(1, "axes");
  if (!axes && !node.hasFailed())
    return (void)node.error("expected axes");
  if (node.hasFailed())
    return;
  int64_t rank = shape.size() + axes->size();
  SmallVector<int64_t> added = node.normalizeAxes(*axes, rank);
  if (node.hasFailed())
    return;
  SmallVector<int64_t> result;
  for (int64_t i = 0; i < rank; ++i) {
    if (llvm::is_contained(added, i)) {
      result.push_back(1);
    } else {
      result.push_back(shape.front());
      shape = shape.drop_front();
    }
  }
  setReshaped(node, result);
}

//===----------------------------------------------------------------------===//
// Transposing
//===----------------------------------------------------------------------===//

/// The permutation, checked; nothing after an error.
static std::optional<SmallVector<int64_t>> readPermutation(NodeContext &node) {
  int64_t rank = node.getInputRank(0);
  if (!node.hasAttribute("perm"))
    return llvm::to_vector(llvm::reverse(llvm::seq<int64_t>(0, rank)));
  SmallVector<int64_t> perm = node.getInts("perm");
  SmallVector<int64_t> sorted(perm);
  llvm::sort(sorted);
  if (!node.hasFailed() && !llvm::equal(sorted, llvm::seq<int64_t>(0, rank)))
    (void)node.error("attribute 'perm': expected each dimension from 0 to " +
                     Twine(rank - 1) + " once");
  if (node.hasFailed())
    return std::nullopt;
  return perm;
}

static void emitTranspose(NodeContext &node) {
  auto perm = readPermutation(node);
  if (!perm)
    return;
  std::optional<KnownTensor> known = node.getKnown(0);
  if (!known)
    return node.setResult(0, node.createTranspose(node.getOperand(0), *perm));
  SmallVector<int64_t> shape, strides = getStrides(known->shape), indices;
  for (int64_t dim : *perm)
    shape.push_back(known->shape[dim]);
  forEachElement(shape, [&](ArrayRef<int64_t> at) {
    int64_t index = 0;
    for (auto [dim, coordinate] : llvm::zip(*perm, at))
      index += coordinate * strides[dim];
    indices.push_back(index);
  });
  node.setResult(0, Tensor::ofKnown(known->select(shape, indices)));
}

/// Blocks of `block * block` channels become pixels, or the other way: a
/// transposition of the split dimensions.
template <bool toSpace> static void emitDepthSpace(NodeContext &node) {
  RankedTensorType type = node.getInputType(0);
  int64_t block = node.getRequiredInt("blocksize");
  bool hasMode = toSpace || node.getVersion() >= 28;
  StringRef mode = hasMode ? node.getString("mode", "DCR") : "DCR";
  if (node.hasFailed())
    return;
  if (type.getRank() != 4 ||
      llvm::any_of(type.getShape().drop_front(), ShapedType::isDynamic))
    return (void)node.error("expected an input of rank 4 with fixed channels, "
                            "height and width");
  if (mode != "DCR" && mode != "CRD")
    return (void)node.error("attribute 'mode': expected DCR or CRD, but got '" +
                            mode + "'");
  int64_t n = type.getDimSize(0), c = type.getDimSize(1);
  int64_t h = type.getDimSize(2), w = type.getDimSize(3);
  bool divides =
      block >= 1 && block <= std::max({c, h, w}) &&
      (toSpace ? c % (block * block) == 0 : h % block == 0 && w % block == 0);
  if (!divides)
    return (void)node.error("attribute 'blocksize': " + Twine(block) +
                            " does not divide the input's sizes");
  SmallVector<int64_t> split, perm, merged;
  if (toSpace) {
    int64_t rest = c / (block * block);
    if (mode == "DCR") {
      split = {n, block, block, rest, h, w};
      perm = {0, 3, 4, 1, 5, 2};
    } else {
      split = {n, rest, block, block, h, w};
      perm = {0, 1, 4, 2, 5, 3};
    }
    merged = {n, rest, h * block, w * block};
  } else {
    split = {n, c, h / block, block, w / block, block};
    if (mode == "DCR")
      perm = {0, 3, 5, 1, 2, 4};
    else
      perm = {0, 1, 3, 5, 2, 4};
    merged = {n, c * block * block, h / block, w / block};
  }
  Value value = node.createReshape(node.getOperand(0), split);
  value = node.createTranspose(value, perm);
  node.setResult(0, node.createReshape(value, merged));
}

//===----------------------------------------------------------------------===//
// Joining and repeating
//===----------------------------------------------------------------------===//

static bool foldConcat(NodeContext &node) {
  SmallVector<KnownTensor> parts;
  for (unsigned i = 0; i < node.getNumInputs(); ++i) {
    std::optional<KnownTensor> known = node.getKnown(i);
    if (!known || known->getRank() != node.getInputRank(0) ||
        known->elementType != node.getInputType(0).getElementType())
      return false;
    parts.push_back(std::move(*known));
  }
  KnownTensor result;
  result.elementType = parts.front().elementType;
  result.shape = parts.front().shape;
  int64_t rank = result.getRank(), axis = node.getInt("axis", 0);
  if (axis < -rank || axis >= rank)
    return false;
  axis += axis < 0 ? rank : 0;
  result.shape[axis] = 0;
  for (const KnownTensor &part : parts) {
    SmallVector<int64_t> others(part.shape);
    others[axis] = result.shape[axis];
    if (others != result.shape)
      return false;
    result.shape[axis] += part.shape[axis];
  }
  if (product(result.shape) > mostKnownElements)
    return false;
  // Row by row of all parts.
  int64_t outer = product(ArrayRef(result.shape).take_front(axis));
  for (int64_t o = 0; o < outer; ++o)
    for (const KnownTensor &part : parts) {
      int64_t row = part.getNumElements() / outer;
      if (part.isReal())
        result.reals.append(part.reals.begin() + o * row,
                            part.reals.begin() + (o + 1) * row);
      else
        result.ints.append(part.ints.begin() + o * row,
                           part.ints.begin() + (o + 1) * row);
    }
  node.setResult(0, Tensor::ofKnown(std::move(result)));
  return true;
}

static void emitConcat(NodeContext &node) {
  int64_t axis =
      node.normalizeAxis(node.getRequiredInt("axis"), node.getInputRank(0));
  SmallVector<Value> operands;
  for (unsigned i = 0; i < node.getNumInputs(); ++i) {
    if (!node.hasInput(i))
      return (void)node.error("input " + Twine(i) + " is left out");
    // Exporters start lists of states and caches with an empty tensor.
    RankedTensorType type = node.getInputType(i);
    if (type.hasStaticShape() && type.getNumElements() == 0 &&
        node.getNumInputs() > 1)
      continue;
    operands.push_back(node.getOperand(i));
  }
  if (operands.empty()) // all are empty, and so is this; sizes add up
    for (unsigned i = 0; i < node.getNumInputs(); ++i)
      operands.push_back(node.getOperand(i));
  if (operands.size() == 1)
    return node.setResult(0, operands.front());
  node.setResult(0, node.create<ConcatOp>(operands, node.i64("axis", axis)));
}

static void emitExpand(NodeContext &node) {
  std::optional<KnownTensor> target = node.getRequiredKnown(1, "shape");
  if (!target)
    return;
  if (target->isReal() || target->getRank() > 1)
    return (void)node.error("expected a list of integers as shape");
  SmallVector<int64_t> shape;
  for (Size size : target->ints) {
    if (size.isConstant() ? size.offset < 0 : !size.isBatch())
      return (void)node.error(
          "expected sizes that are positive or the batch itself");
    shape.push_back(size.isConstant() ? size.offset : ShapedType::kDynamic);
  }
  // Symbolic sizes are all the same, so they broadcast like numbers.
  auto result = broadcastShapes(node.getInputType(0).getShape(), shape);
  if (!result)
    return (void)node.error("expected a shape that the input broadcasts to");
  if (*result == node.getInputType(0).getShape())
    return node.setResult(0, *node.getInput(0));
  if (std::optional<KnownTensor> known = node.getKnown(0);
      known && llvm::none_of(*result, ShapedType::isDynamic) &&
      succeeded(countElements(*result)) &&
      product(*result) <= mostKnownElements) {
    SmallVector<int64_t> indices;
    for (int64_t i = 0, e = product(*result); i < e; ++i)
      indices.push_back(broadcastIndex(known->shape, *result, i));
    return node.setResult(0, Tensor::ofKnown(known->select(*result, indices)));
  }
  Value input = node.getOperand(0);
  node.setResult(0, node.createTyped(BroadcastOp::getOperationName(), input,
                                     node.getInputType(0).clone(*result)));
}

/// `[a, b]` repeated r and s times: `[1, a, 1, b]` broadcast to `[r, a, s, b]`.
/// One sample can be repeated as often as there are samples.
static void emitTile(NodeContext &node) {
  std::optional<KnownTensor> repeats = node.getRequiredKnown(1, "repeats");
  if (!repeats)
    return;
  RankedTensorType type = node.getInputType(0);
  if (repeats->isReal() || repeats->getRank() > 1 ||
      repeats->getNumElements() != type.getRank())
    return (void)node.error("expected " + Twine(type.getRank()) +
                            " repeats, but got " +
                            Twine(repeats->getNumElements()));
  SmallVector<int64_t> split, repeated, merged;
  for (auto [size, count] : llvm::zip(type.getShape(), repeats->ints)) {
    bool isBatch = count.isBatch() && size == 1;
    if (!isBatch && (!count.isConstant() || count.offset < 0 ||
                     count.offset > mostElements ||
                     (ShapedType::isDynamic(size) && count.offset != 1)))
      return (void)node.error("expected repeats of at least 0, and 1 for the "
                              "batch; --shape can fix the batch");
    if (isBatch) {
      split.push_back(1);
      repeated.push_back(ShapedType::kDynamic);
      merged.push_back(ShapedType::kDynamic);
      continue;
    }
    if (count.offset != 1) {
      split.push_back(1);
      repeated.push_back(count.offset);
    }
    split.push_back(size);
    repeated.push_back(size);
    FailureOr<int64_t> both = count.offset == 1
                                  ? FailureOr<int64_t>(size)
                                  : countElements({size, count.offset});
    if (failed(both))
      return (void)node.error("result is too large");
    merged.push_back(*both);
  }
  if (isConstantInput(node, 0) &&
      llvm::none_of(merged, ShapedType::isDynamic)) {
    SmallVector<int64_t> strides = getStrides(type.getShape());
    bool isDone = setSelected(node, 0, merged, [&] {
      SmallVector<int64_t> indices;
      forEachElement(merged, [&](ArrayRef<int64_t> at) {
        int64_t index = 0;
        for (auto [d, coordinate] : llvm::enumerate(at))
          index += coordinate % type.getDimSize(d) * strides[d];
        indices.push_back(index);
      });
      return indices;
    });
    if (isDone)
      return;
  }
  Value value = node.createReshape(node.getOperand(0), split);
  if (repeated != split)
    value = node.createTyped(BroadcastOp::getOperationName(), value,
                             type.clone(repeated));
  node.setResult(0, node.createReshape(value, merged));
}

//===----------------------------------------------------------------------===//
// Padding
//===----------------------------------------------------------------------===//

/// What is cut off where pads are negative.
static Value cropNegativePads(NodeContext &node, Value input,
                              MutableArrayRef<int64_t> low,
                              MutableArrayRef<int64_t> high) {
  ArrayRef<int64_t> shape = node.getInputType(0).getShape();
  SmallVector<int64_t> starts(shape.size(), 0), sizes(shape),
      steps(shape.size(), 1);
  bool crops = false;
  for (size_t d = 0; d < shape.size(); ++d) {
    if (ShapedType::isDynamic(shape[d])) {
      sizes[d] = -1;
      continue; // mpc.pad does not pad the batch
    }
    starts[d] = std::max<int64_t>(0, -low[d]);
    sizes[d] = shape[d] - starts[d] - std::max<int64_t>(0, -high[d]);
    crops |= low[d] < 0 || high[d] < 0;
    low[d] = std::max<int64_t>(0, low[d]);
    high[d] = std::max<int64_t>(0, high[d]);
    if (sizes[d] < 0)
      return (void)node.error("pads cut off more elements than dimension " +
                              Twine(d) + " has"),
             Value();
  }
  if (!crops)
    return input;
  return node.create<SliceOp>(input, {node.i64s("starts", starts),
                                      node.i64s("sizes", sizes),
                                      node.i64s("steps", steps)});
}

/// Padding with a number that only the running model knows, or that a double
/// does not hold: tensors full of it are joined on.
static Value padByConcat(NodeContext &node, Value input, Value number,
                         ArrayRef<int64_t> low, ArrayRef<int64_t> high) {
  number = node.createReshape(number, {});
  for (size_t d = 0; d < low.size(); ++d) {
    if (!input)
      return {};
    SmallVector<Value> parts;
    auto type = cast<RankedTensorType>(input.getType());
    auto addPart = [&](int64_t size) {
      if (size == 0)
        return;
      SmallVector<int64_t> shape(type.getShape());
      shape[d] = size;
      parts.push_back(node.createTyped(BroadcastOp::getOperationName(), number,
                                       type.clone(shape)));
    };
    addPart(low[d]);
    parts.push_back(input);
    addPart(high[d]);
    if (parts.size() > 1)
      input = node.create<ConcatOp>(parts, node.i64("axis", d));
  }
  return input;
}

/// Pads are per dimension, all begins, then all ends; negative ones crop.
static void emitPad(NodeContext &node) {
  StringRef modeName = node.getString("mode", "constant");
  std::optional<PadMode> mode = symbolizePadMode(modeName);
  if (!mode)
    return (void)node.error("attribute 'mode': expected constant, reflect, "
                            "edge or wrap, but got '" +
                            modeName + "'");
  int64_t rank = node.getInputRank(0);
  Type elementType = node.getInputType(0).getElementType();
  double value = 0;
  Value number;
  std::optional<SmallVector<int64_t>> pads, axes;
  if (node.getVersion() < 11) {
    pads = node.getRequiredInts("pads");
    value = node.getFloat("value", 0);
  } else {
    pads = node.getKnownInts(1, "pads");
    if (*mode == PadMode::Constant && node.hasInput(2)) {
      std::optional<KnownTensor> known = node.getKnown(2);
      RankedTensorType type = node.getInputType(2);
      if (!type.hasStaticShape() || type.getNumElements() != 1 ||
          type.getElementType() != elementType)
        return (void)node.error("expected one number of the input's type to "
                                "pad with");
      bool isDouble =
          known &&
          (known->isReal() ||
           (known->isConstant() &&
            std::abs(static_cast<double>(known->ints[0].offset)) < 0x1p53));
      if (isDouble)
        value = known->isReal() ? known->reals[0] : known->ints[0].offset;
      else
        number = node.getOperand(2);
    }
    if (node.hasInput(3))
      axes = node.getKnownInts(3, "axes");
  }
  if (node.hasFailed())
    return;
  SmallVector<int64_t> dims;
  if (axes)
    for (int64_t axis : *axes) {
      dims.push_back(node.normalizeAxis(axis, rank));
      if (llvm::is_contained(ArrayRef(dims).drop_back(), dims.back()))
        return (void)node.error("expected distinct axes");
    }
  else
    dims = llvm::to_vector(llvm::seq<int64_t>(0, rank));
  if (node.hasFailed())
    return;
  if (pads->size() != 2 * dims.size())
    return (void)node.error("expected " + Twine(2 * dims.size()) +
                            " pads, but got " + Twine(pads->size()));
  SmallVector<int64_t> low(rank, 0), high(rank, 0);
  for (auto [index, dim] : llvm::enumerate(dims)) {
    low[dim] = (*pads)[index];
    high[dim] = (*pads)[index + dims.size()];
    if (std::max(low[dim], high[dim]) > mostElements ||
        std::min(low[dim], high[dim]) < -mostElements)
      return (void)node.error("pads are too large");
  }
  auto isZero = [](int64_t n) { return n == 0; };
  if (llvm::all_of(low, isZero) && llvm::all_of(high, isZero))
    return node.setResult(0, *node.getInput(0));
  Value input = cropNegativePads(node, node.getOperand(0), low, high);
  if (llvm::all_of(low, isZero) && llvm::all_of(high, isZero))
    return node.setResult(0, input);
  if (number)
    return node.setResult(0, padByConcat(node, input, number, low, high));
  SmallVector<NamedAttribute> attributes{
      node.i64s("low", low), node.i64s("high", high), node.f64("value", value)};
  if (*mode != PadMode::Constant)
    attributes.push_back(
        node.attr("mode", PadModeAttr::get(node.getContext(), *mode)));
  node.setResult(0, node.create<PadOp>(input, attributes));
}

ArrayRef<Operator> frontend::getMovementOperators() {
  constexpr int64_t last = newestOpset;
  static const Operator rows[] = {
      {"Reshape", 5, last, 2, 2, nullptr, emitReshape},
      {"Flatten", 1, last, 1, 1, nullptr, emitFlatten},
      {"Squeeze", 1, last, 1, 2, nullptr, emitSqueeze},
      {"Unsqueeze", 1, last, 1, 2, nullptr, emitUnsqueeze},
      {"Transpose", 1, last, 1, 1, nullptr, emitTranspose},
      {"DepthToSpace", 1, last, 1, 1, nullptr, emitDepthSpace<true>},
      {"SpaceToDepth", 1, last, 1, 1, nullptr, emitDepthSpace<false>},
      {"Concat", 4, last, 1, variadic, foldConcat, emitConcat},
      {"Expand", 8, last, 2, 2, nullptr, emitExpand},
      {"Tile", 6, last, 2, 2, nullptr, emitTile},
      {"Pad", 2, last, 1, 4, nullptr, emitPad},
  };
  return rows;
}
