//===- ReductionOperators.cpp - reductions, running sums, softmax ---------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Composition.h"
#include "llvm/ADT/APFloat.h"

using namespace mlir;
using namespace mpc;
using namespace mpc::frontend;

//===----------------------------------------------------------------------===//
// Reductions
//===----------------------------------------------------------------------===//

/// The axes of a reduction, sorted; nothing after an error. None at all means
/// all, unless noop_with_empty_axes.
static std::optional<SmallVector<int64_t>> readAxes(NodeContext &node) {
  int64_t rank = node.getInputRank(0);
  bool isNoop = node.getBool("noop_with_empty_axes", false);
  auto axes = node.getIntsFromInputOrAttribute(1, "axes");
  if (node.hasFailed())
    return std::nullopt;
  if (!axes || axes->empty()) {
    if (isNoop)
      return SmallVector<int64_t>();
    return llvm::to_vector(llvm::seq<int64_t>(0, rank));
  }
  SmallVector<int64_t> sorted = node.normalizeAxes(*axes, rank);
  if (node.hasFailed())
    return std::nullopt;
  return sorted;
}

/// What a reduction that ends in a root or a logarithm reads: integers are
/// computed in f64, which their result is rounded from.
static Value getRealOperand(NodeContext &node) {
  Value input = node.getOperand(0);
  bool isInteger = isa<IntegerType>(node.getInputType(0).getElementType());
  return isInteger ? node.createCast(input, Float64Type::get(node.getContext()))
                   : input;
}

static void setRealResult(NodeContext &node, Value result) {
  node.setResult(
      0, node.createCast(result, node.getInputType(0).getElementType()));
}

template <ReduceKind kind> static void emitReduce(NodeContext &node) {
  bool keepDims = node.getBool("keepdims", true);
  auto axes = readAxes(node);
  if (!axes)
    return;
  // Without axes, the sum of one element; only squares and magnitudes differ
  // from the input, and the op computes those as well.
  if (axes->empty() && kind != ReduceKind::L1 && kind != ReduceKind::L2 &&
      kind != ReduceKind::SumSquare)
    return node.setResult(0, node.getOperand(0));
  if (kind == ReduceKind::L2)
    return setRealResult(
        node, createReduce(node, getRealOperand(node), kind, *axes, keepDims));
  node.setResult(0,
                 createReduce(node, node.getOperand(0), kind, *axes, keepDims));
}

/// `ln(sum(x))`.
static void emitReduceLogSum(NodeContext &node) {
  bool keepDims = node.getBool("keepdims", true);
  auto axes = readAxes(node);
  if (!axes)
    return;
  Value sum = getRealOperand(node);
  if (!axes->empty())
    sum = createReduce(node, sum, ReduceKind::Sum, *axes, keepDims);
  setRealResult(node, node.create<LogOp>(sum));
}

/// `max + ln(sum(exp(x - max)))`: exp never overflows.
static void emitReduceLogSumExp(NodeContext &node) {
  bool keepDims = node.getBool("keepdims", true);
  auto axes = readAxes(node);
  if (!axes)
    return;
  Value input = getRealOperand(node);
  if (axes->empty() || !input)
    return setRealResult(node, input);
  // The difference of two infinities is none.
  auto type = cast<FloatType>(getElementTypeOrSelf(input.getType()));
  double largest =
      APFloat::getLargest(type.getFloatSemantics()).convertToDouble();
  Value most = createReduce(node, input, ReduceKind::Max, *axes, true);
  most = node.create<ClipOp>(
      most, {node.f64("min", -largest), node.f64("max", largest)});
  Value exp = node.create<ExpOp>(node.create<SubOp>({input, most}));
  Value log =
      node.create<LogOp>(createReduce(node, exp, ReduceKind::Sum, *axes, true));
  Value result = node.create<AddOp>({log, most});
  if (!keepDims && result) {
    SmallVector<int64_t> shape;
    for (auto [index, size] :
         llvm::enumerate(cast<RankedTensorType>(result.getType()).getShape()))
      if (!llvm::is_contained(*axes, static_cast<int64_t>(index)))
        shape.push_back(size);
    result = node.createReshape(result, shape);
  }
  setRealResult(node, result);
}

template <ReduceKind kind> static void emitGlobalPool(NodeContext &node) {
  int64_t rank = node.getInputRank(0);
  if (rank < 3)
    return (void)node.error("expected an input with spatial dimensions, but "
                            "got rank " +
                            Twine(rank));
  auto axes = llvm::to_vector(llvm::seq<int64_t>(2, rank));
  node.setResult(0, createReduce(node, node.getOperand(0), kind, axes, true));
}

/// Products and sums of sizes, over all axes.
template <bool isProduct> static bool foldReduce(NodeContext &node) {
  std::optional<KnownTensor> known = node.getKnown(0);
  if (!known || known->isReal())
    return false;
  auto axes =
      node.hasInput(1) && !node.getKnown(1) ? std::nullopt : readAxes(node);
  if (!axes || static_cast<int64_t>(axes->size()) != known->getRank())
    return false;
  Size total = Size::constant(isProduct ? 1 : 0);
  for (Size size : known->ints) {
    auto next = isProduct ? mulSizes(total, size) : addSizes(total, size);
    if (next)
      next = checked(*next, known->elementType);
    if (!next)
      return false;
    total = *next;
  }
  SmallVector<int64_t> shape;
  if (node.getBool("keepdims", true))
    shape.assign(known->getRank(), 1);
  node.setResult(0, Tensor::ofKnown(KnownTensor::makeInts(known->elementType,
                                                          shape, total)));
  return true;
}

//===----------------------------------------------------------------------===//
// Running sums
//===----------------------------------------------------------------------===//

/// `value` with the order along `axis` turned around.
static Value createReversed(NodeContext &node, Value value, int64_t axis) {
  if (!value)
    return {};
  int64_t size = getTensorType(value).getDimSize(axis);
  return size == 0 ? value : createSlice(node, value, axis, size - 1, size, -1);
}

template <ReduceKind kind> static void emitCumulate(NodeContext &node) {
  bool isExclusive = node.getBool("exclusive", false);
  bool isReversed = node.getBool("reverse", false);
  auto axes = node.getKnownInts(1, "axis");
  if (!axes)
    return;
  if (axes->size() != 1)
    return (void)node.error("expected one axis, but got " +
                            Twine(axes->size()));
  RankedTensorType type = node.getInputType(0);
  int64_t axis = node.normalizeAxis(axes->front(), type.getRank());
  if (node.hasFailed())
    return;
  if (type.isDynamicDim(axis))
    return (void)node.error("sums over the batch, whose size is not known; "
                            "--shape can fix it");
  Value value = node.getOperand(0);
  if (isReversed)
    value = createReversed(node, value, axis);
  SmallVector<NamedAttribute> attributes{
      node.attr("kind", ReduceKindAttr::get(node.getContext(), kind)),
      node.i64("axis", axis)};
  if (isExclusive)
    attributes.push_back(
        node.attr("exclusive", UnitAttr::get(node.getContext())));
  value = node.create<CumulateOp>(value, attributes);
  if (isReversed)
    value = createReversed(node, value, axis);
  node.setResult(0, value);
}

//===----------------------------------------------------------------------===//
// Softmax
//===----------------------------------------------------------------------===//

template <typename OpT>
static Value createAlongAxis(NodeContext &node, Value input, int64_t axis) {
  return node.create<OpT>(input, node.i64("axis", axis));
}

/// 1 where the first of the largest elements stands, else 0.
static Value createHardmax(NodeContext &node, Value input, int64_t axis) {
  Value position = node.create<ArgReduceOp>(
      input, {node.attr("kind", ReduceKindAttr::get(node.getContext(),
                                                    ReduceKind::Max)),
              node.i64("axis", axis)});
  if (!position)
    return {};
  auto type = cast<RankedTensorType>(input.getType());
  Value positions =
      createPositions(node, type.getDimSize(axis), axis, type.getRank());
  Value isLargest =
      createCompare(node, ComparePredicate::EQ, positions, position);
  return node.createCast(isLargest, type.getElementType());
}

/// Before version 13 the input is a matrix: dimensions before the axis by
/// dimensions from it on.
template <Value (*create)(NodeContext &, Value, int64_t)>
static void emitSoftmax(NodeContext &node) {
  bool isFlattening = node.getVersion() < 13;
  RankedTensorType type = node.getInputType(0);
  int64_t axis = node.normalizeAxis(node.getInt("axis", isFlattening ? 1 : -1),
                                    type.getRank());
  Value input = node.getOperand(0);
  if (node.hasFailed())
    return;
  ArrayRef<int64_t> inner = type.getShape().drop_front(axis + 1);
  if (!isFlattening || llvm::all_of(inner, [](int64_t s) { return s == 1; }))
    return node.setResult(0, create(node, input, axis));
  // Only the dimensions from the axis on have to become one.
  if (llvm::any_of(type.getShape().drop_front(axis), ShapedType::isDynamic))
    return (void)node.error("sums over the batch, whose size is not known; "
                            "--shape can fix it");
  SmallVector<int64_t> shape(type.getShape().take_front(axis));
  shape.push_back(product(type.getShape().drop_front(axis)));
  Value flat = create(node, node.createReshape(input, shape), axis);
  node.setResult(0, node.createReshape(flat, type.getShape()));
}

ArrayRef<Operator> frontend::getReductionOperators() {
  constexpr int64_t last = newestOpset;
  static const Operator rows[] = {
      {"ReduceSum", 1, last, 1, 2, foldReduce<false>,
       emitReduce<ReduceKind::Sum>},
      {"ReduceMean", 1, last, 1, 2, nullptr, emitReduce<ReduceKind::Mean>},
      {"ReduceMax", 1, last, 1, 2, nullptr, emitReduce<ReduceKind::Max>},
      {"ReduceMin", 1, last, 1, 2, nullptr, emitReduce<ReduceKind::Min>},
      {"ReduceProd", 1, last, 1, 2, foldReduce<true>,
       emitReduce<ReduceKind::Prod>},
      {"ReduceL1", 1, last, 1, 2, nullptr, emitReduce<ReduceKind::L1>},
      {"ReduceL2", 1, last, 1, 2, nullptr, emitReduce<ReduceKind::L2>},
      {"ReduceSumSquare", 1, last, 1, 2, nullptr,
       emitReduce<ReduceKind::SumSquare>},
      {"ReduceLogSum", 1, last, 1, 2, nullptr, emitReduceLogSum},
      {"ReduceLogSumExp", 1, last, 1, 2, nullptr, emitReduceLogSumExp},
      {"GlobalAveragePool", 1, last, 1, 1, nullptr,
       emitGlobalPool<ReduceKind::Mean>},
      {"GlobalMaxPool", 1, last, 1, 1, nullptr,
       emitGlobalPool<ReduceKind::Max>},
      {"CumSum", 11, last, 2, 2, nullptr, emitCumulate<ReduceKind::Sum>},
      {"CumProd", 26, last, 2, 2, nullptr, emitCumulate<ReduceKind::Prod>},
      {"Softmax", 1, last, 1, 1, nullptr,
       emitSoftmax<createAlongAxis<SoftmaxOp>>},
      {"LogSoftmax", 1, last, 1, 1, nullptr,
       emitSoftmax<createAlongAxis<LogSoftmaxOp>>},
      {"Hardmax", 1, last, 1, 1, nullptr, emitSoftmax<createHardmax>},
  };
  return rows;
}
