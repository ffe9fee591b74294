//===- PoolingOperators.cpp - windows that are reduced
//---------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Windows.h"

using namespace mlir;
using namespace mpc;
using namespace mpc::frontend;

static SmallVector<NamedAttribute> getWindowAttributes(NodeContext &node,
                                                       const Windows &windows) {
  return {node.i64s("kernel", windows.kernel),
          node.i64s("strides", windows.strides),
          node.i64s("dilations", windows.dilations),
          node.i64s("pads", windows.pads),
          node.attr("layout",
                    LayoutAttr::get(node.getContext(), Layout::ChannelsFirst))};
}

static void emitMaxPool(NodeContext &node) {
  int64_t order = node.getInt("storage_order", 0);
  auto windows = readWindows(node);
  if (!windows)
    return;
  Value input = node.getOperand(0);
  auto attributes = getWindowAttributes(node, *windows);
  node.setResult(0, node.create<MaxPoolOp>(input, attributes));
  if (!node.usesOutput(1))
    return;
  attributes.pop_back(); // indices are those of the model's layout
  if (order != 0)
    attributes.push_back(
        node.attr("column_major", UnitAttr::get(node.getContext())));
  node.setResult(1, node.create<MaxPoolIndicesOp>(input, attributes));
}

static void emitAveragePool(NodeContext &node) {
  auto windows = readWindows(node);
  if (!windows)
    return;
  auto attributes = getWindowAttributes(node, *windows);
  if (node.getBool("count_include_pad", false)) {
    attributes.push_back(
        node.attr("count_include_pad", UnitAttr::get(node.getContext())));
    if (llvm::any_of(windows->ceilExtra, [](int64_t n) { return n != 0; }))
      attributes.push_back(node.i64s("ceil_extra", windows->ceilExtra));
  }
  node.setResult(0, node.create<AveragePoolOp>(node.getOperand(0), attributes));
}

/// Elements go where the indices of MaxPool say, into zeros; a larger output
/// has more zeros at the end of each dimension.
static void emitMaxUnpool(NodeContext &node) {
  RankedTensorType type = node.getInputType(0), indices = node.getInputType(1);
  int64_t rank = type.getRank();
  if (rank < 3 || indices.getShape() != type.getShape())
    return (void)node.error("expected an input with spatial dimensions, and "
                            "indices of its shape");
  if (!type.hasStaticShape())
    return (void)node.error("indices count through the whole batch, whose size "
                            "is not known; --shape can fix it");
  size_t spatialRank = rank - 2;
  if (!node.hasAttribute("kernel_shape"))
    return (void)node.error("expected attribute 'kernel_shape'");
  auto extents = readExtents(node, "kernel_shape", spatialRank, 1, 1);
  auto strides = readExtents(node, "strides", spatialRank, 1, 1);
  auto pads = readExtents(node, "pads", 2 * spatialRank, 0, 0);
  if (!extents || !strides || !pads || node.hasFailed())
    return;
  if (llvm::any_of(type.getShape(),
                   [](int64_t size) { return size > mostExtent; }))
    return (void)node.error("input is too large");
  SmallVector<int64_t> shape{type.getDimSize(0), type.getDimSize(1)};
  for (size_t d = 0; d < spatialRank; ++d)
    shape.push_back((type.getDimSize(2 + d) - 1) * (*strides)[d] - (*pads)[d] -
                    (*pads)[spatialRank + d] + (*extents)[d]);
  SmallVector<int64_t> target(shape);
  if (node.hasInput(2)) {
    auto given = node.getKnownInts(2, "output_shape");
    if (!given)
      return;
    target = *given;
  }
  FailureOr<int64_t> count = countElements(shape);
  bool fits = succeeded(count) && target.size() == shape.size() &&
              llvm::all_of(llvm::zip(shape, target), [](auto pair) {
                return std::get<0>(pair) <= std::get<1>(pair);
              });
  if (!fits)
    return (void)node.error("expected an output at least as large as what the "
                            "windows reach");

  int64_t total = type.getNumElements();
  Value zeros =
      node.createTyped(BroadcastOp::getOperationName(),
                       node.createScalar(0, type.getElementType()),
                       RankedTensorType::get(*count, type.getElementType()));
  Value placed = node.create<ScatterElementsOp>(
      {zeros, node.createReshape(node.getOperand(1), total),
       node.createReshape(node.getOperand(0), total)},
      node.i64("axis", 0));
  placed = node.createReshape(placed, shape);
  if (target != shape) {
    SmallVector<int64_t> high;
    for (auto [from, to] : llvm::zip(shape, target))
      high.push_back(to - from);
    placed = node.create<PadOp>(
        placed, {node.i64s("low", SmallVector<int64_t>(rank, 0)),
                 node.i64s("high", high), node.f64("value", 0)});
  }
  node.setResult(0, placed);
}

/// `x` to the power of `p`, which is not negative.
static Value createPower(NodeContext &node, Value x, double p) {
  if (!x || p == 1)
    return x;
  if (p == 2)
    return node.create<MulOp>({x, x});
  if (p == 0.5)
    return node.create<SqrtOp>(x);
  Type elementType = getElementTypeOrSelf(x.getType());
  return node.create<PowOp>({x, node.createScalar(p, elementType)});
}

/// The exponent of Lp pooling: an integer, in version 1 a number.
static double readExponent(NodeContext &node) {
  double p = node.getVersion() < 2 ? node.getFloat("p", 2)
                                   : static_cast<double>(node.getInt("p", 2));
  if (!(p > 0) || !std::isfinite(p))
    (void)node.error("attribute 'p': expected a positive number, but got " +
                     Twine(std::to_string(p)));
  return p;
}

/// (sum |x|^p)^(1/p): the sum is a mean, padding counted, times the number of
/// elements.
static void emitLpPool(NodeContext &node) {
  double p = readExponent(node);
  auto windows = readWindows(node);
  if (!windows || node.hasFailed())
    return;
  Type elementType = node.getInputType(0).getElementType();
  Value x = createPower(node, node.create<AbsOp>(node.getOperand(0)), p);
  auto attributes = getWindowAttributes(node, *windows);
  attributes.push_back(
      node.attr("count_include_pad", UnitAttr::get(node.getContext())));
  Value mean = node.create<AveragePoolOp>(x, attributes);
  double count = 1;
  for (int64_t size : windows->kernel)
    count *= static_cast<double>(size);
  Value sum = node.create<MulOp>({mean, node.createScalar(count, elementType)});
  node.setResult(0, createPower(node, sum, 1 / p));
}

static void emitGlobalLpPool(NodeContext &node) {
  double p = readExponent(node);
  int64_t rank = node.getInputRank(0);
  if (rank < 3)
    return (void)node.error("expected an input with spatial dimensions, but "
                            "got rank " +
                            Twine(rank));
  if (node.hasFailed())
    return;
  auto reduce = [&](Value x, ReduceKind kind) {
    return node.create<ReduceOp>(
        x, {node.attr("kind", ReduceKindAttr::get(node.getContext(), kind)),
            node.i64s("axes", llvm::to_vector(llvm::seq<int64_t>(2, rank))),
            node.attr("keepdims", node.getBuilder().getBoolAttr(true))});
  };
  Value x = node.getOperand(0);
  if (p == 1 || p == 2)
    return node.setResult(0,
                          reduce(x, p == 1 ? ReduceKind::L1 : ReduceKind::L2));
  Value powers = createPower(node, node.create<AbsOp>(x), p);
  node.setResult(0, createPower(node, reduce(powers, ReduceKind::Sum), 1 / p));
}

ArrayRef<Operator> frontend::getPoolingOperators() {
  constexpr int64_t last = newestOpset;
  static const Operator rows[] = {
      {"MaxPool", 1, last, 1, 1, nullptr, emitMaxPool},
      {"AveragePool", 1, last, 1, 1, nullptr, emitAveragePool},
      {"MaxUnpool", 9, last, 2, 3, nullptr, emitMaxUnpool},
      {"LpPool", 1, last, 1, 1, nullptr, emitLpPool},
      {"GlobalLpPool", 1, last, 1, 1, nullptr, emitGlobalLpPool},
  };
  return rows;
}
