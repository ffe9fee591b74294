//===- ReductionOperators.cpp - reductions and normalisation
//---------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Folding.h"

using namespace mlir;
using namespace mpc;
using namespace mpc::frontend;

//===----------------------------------------------------------------------===//
// Reductions
//===----------------------------------------------------------------------===//

static Value createReduce(NodeContext &node, Value input, ReduceKind kind,
                          ArrayRef<int64_t> axes, bool keepDims) {
  return node.create<ReduceOp>(
      input, {node.attr("kind", ReduceKindAttr::get(node.getContext(), kind)),
              node.i64s("axes", axes),
              node.attr("keepdims", node.getBuilder().getBoolAttr(keepDims))});
}

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

template <ReduceKind kind> static void emitReduce(NodeContext &node) {
  bool keepDims = node.getBool("keepdims", true);
  auto axes = readAxes(node);
  if (!axes)
    return;
  Value input = node.getOperand(0);
  // Without axes, the sum of one element; only squares and magnitudes differ
  // from the input, and the op computes those as well.
  if (axes->empty() && kind != ReduceKind::L1 && kind != ReduceKind::L2 &&
      kind != ReduceKind::SumSquare)
    return node.setResult(0, input);
  node.setResult(0, createReduce(node, input, kind, *axes, keepDims));
}

/// `ln(sum(x))`.
static void emitReduceLogSum(NodeContext &node) {
  bool keepDims = node.getBool("keepdims", true);
  auto axes = readAxes(node);
  if (!axes)
    return;
  Value sum = node.getOperand(0);
  if (!axes->empty())
    sum = createReduce(node, sum, ReduceKind::Sum, *axes, keepDims);
  node.setResult(0, node.create<LogOp>(sum));
}

/// `max + ln(sum(exp(x - max)))`: exp never overflows.
static void emitReduceLogSumExp(NodeContext &node) {
  bool keepDims = node.getBool("keepdims", true);
  auto axes = readAxes(node);
  if (!axes)
    return;
  Value input = node.getOperand(0);
  if (axes->empty())
    return node.setResult(0, input);
  Value most = createReduce(node, input, ReduceKind::Max, *axes, true);
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
  node.setResult(0, result);
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
// Normalisation
//===----------------------------------------------------------------------===//

/// Before version 13 the input is a matrix: dimensions before the axis by
/// dimensions from it on.
template <typename OpT> static void emitSoftmax(NodeContext &node) {
  bool isFlattening = node.getVersion() < 13;
  RankedTensorType type = node.getInputType(0);
  int64_t axis = node.normalizeAxis(node.getInt("axis", isFlattening ? 1 : -1),
                                    type.getRank());
  Value input = node.getOperand(0);
  if (node.hasFailed())
    return;
  ArrayRef<int64_t> inner = type.getShape().drop_front(axis + 1);
  if (!isFlattening || llvm::all_of(inner, [](int64_t s) { return s == 1; }))
    return node.setResult(0, node.create<OpT>(input, node.i64("axis", axis)));
  // Only the dimensions from the axis on have to become one.
  if (llvm::any_of(type.getShape().drop_front(axis), ShapedType::isDynamic))
    return (void)node.error("sums over the batch, whose size is not known; "
                            "--shape can fix it");
  SmallVector<int64_t> shape(type.getShape().take_front(axis));
  shape.push_back(product(type.getShape().drop_front(axis)));
  Value flat = node.createReshape(input, shape);
  flat = node.create<OpT>(flat, node.i64("axis", axis));
  node.setResult(0, node.createReshape(flat, type.getShape()));
}

static void emitBatchNorm(NodeContext &node) {
  node.ignoreAttribute("momentum");
  double epsilon = node.getFloat("epsilon", 1e-5f);
  if (node.getBool("training_mode", false))
    return (void)node.unsupported(" in training mode");
  if (node.getVersion() < 9 && !node.getBool("spatial", true))
    return (void)node.unsupported(" with statistics per element (spatial=0)");
  SmallVector<Value> operands;
  for (unsigned i = 0; i < 5; ++i)
    operands.push_back(node.getOperand(i));
  node.setResult(
      0, node.create<BatchNormOp>(operands, node.f64("epsilon", epsilon)));
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
      {"Softmax", 1, last, 1, 1, nullptr, emitSoftmax<SoftmaxOp>},
      {"LogSoftmax", 1, last, 1, 1, nullptr, emitSoftmax<LogSoftmaxOp>},
      {"BatchNormalization", 7, last, 5, 5, nullptr, emitBatchNorm},
  };
  return rows;
}
