//===- NormalizationOperators.cpp - normalisation -------------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// All of them are mpc.normalize over some axes, then a multiplication and an
// addition, which end up in its kernel.
//
//===----------------------------------------------------------------------===//

#include "Composition.h"

using namespace mlir;
using namespace mpc;
using namespace mpc::frontend;

static SmallVector<int64_t> axesFrom(int64_t first, int64_t rank) {
  return llvm::to_vector(llvm::seq<int64_t>(first, rank));
}

/// Statistics are sums over all of an axis.
static bool checkStatic(NodeContext &node, RankedTensorType type,
                        ArrayRef<int64_t> axes) {
  for (int64_t axis : axes)
    if (type.isDynamicDim(axis))
      return (void)node.error("sums over the batch, whose size is not known; "
                              "--shape can fix it"),
             false;
  return true;
}

static Value createNormalize(NodeContext &node, Value input,
                             ArrayRef<int64_t> axes, double epsilon,
                             bool isCentred = true) {
  if (!input || !checkStatic(node, getTensorType(input), axes))
    return {};
  // Nothing to sum over: every element is its own mean.
  if (axes.empty()) {
    SmallVector<int64_t> shape(getTensorType(input).getShape());
    shape.push_back(1);
    Value column = node.createReshape(input, shape);
    int64_t last = shape.size() - 1;
    Value result = createNormalize(node, column, last, epsilon, isCentred);
    return node.createReshape(result, ArrayRef(shape).drop_back());
  }
  SmallVector<NamedAttribute> attributes{node.i64s("axes", axes),
                                         node.f64("epsilon", epsilon)};
  if (!isCentred)
    attributes.push_back(
        node.attr("uncentred", UnitAttr::get(node.getContext())));
  return node.create<NormalizeOp>(input, attributes);
}

/// `value * scale + bias`; each may be null for none. Parameters of another
/// element type are converted, and broadcast into the value's shape.
static Value createAffine(NodeContext &node, Value value, Value scale,
                          Value bias) {
  if (!value)
    return {};
  RankedTensorType type = getTensorType(value);
  auto apply = [&](StringRef op, Value parameter) {
    if (!value || !parameter)
      return;
    value = node.create(
        op, {value, node.createCast(parameter, type.getElementType())});
    if (value && value.getType() != type) {
      (void)node.error("expected scale and bias that broadcast to the input's "
                       "shape");
      value = {};
    }
  };
  apply(MulOp::getOperationName(), scale);
  apply(AddOp::getOperationName(), bias);
  return value;
}

/// A parameter of shape [C] as [1, C, 1, ...], for a value of `rank`
/// dimensions.
static Value alignChannels(NodeContext &node, Value parameter, int64_t channels,
                           int64_t rank) {
  if (!parameter)
    return {};
  if (getTensorType(parameter).getShape() != ArrayRef<int64_t>(channels)) {
    (void)node.error("expected parameters of shape [" + Twine(channels) +
                     "], but got " + Twine(getTensorType(parameter).getRank()) +
                     " dimensions or another size");
    return {};
  }
  SmallVector<int64_t> shape(rank, 1);
  shape[1] = channels;
  return node.createReshape(parameter, shape);
}

/// The type that `stash_type` asks statistics in; computing in more is no
/// error, and f32 is the least.
static void readStashType(NodeContext &node) {
  int64_t stash = node.getInt("stash_type", 1);
  Type type = getElementType(static_cast<int32_t>(stash), node.getContext());
  if (!isa_and_nonnull<FloatType>(type))
    (void)node.error("attribute 'stash_type': expected a floating-point type, "
                     "but got " +
                     Twine(stash));
}

//===----------------------------------------------------------------------===//
// Layer normalisation
//===----------------------------------------------------------------------===//

/// The mean (where `isCentred`) and the inverse deviation over `axes`, as f32
/// results of their own; only models in training read them.
static void setStatistics(NodeContext &node, Value input,
                          ArrayRef<int64_t> axes, double epsilon,
                          bool isCentred, unsigned meanOutput,
                          unsigned deviationOutput) {
  bool wantsMean = isCentred && node.usesOutput(meanOutput);
  bool wantsDeviation = node.usesOutput(deviationOutput);
  if (!input || (!wantsMean && !wantsDeviation))
    return;
  Type type = getTensorType(input).getElementType();
  if (!type.isF64())
    input = node.createCast(input, Float32Type::get(node.getContext()));
  if (!input || !checkStatic(node, getTensorType(input), axes))
    return;
  type = getTensorType(input).getElementType();
  Value centred = input;
  if (isCentred) {
    Value mean = createReduce(node, input, ReduceKind::Mean, axes, true);
    if (wantsMean)
      node.setResult(meanOutput, mean);
    centred = node.create<SubOp>({input, mean});
  }
  if (!wantsDeviation)
    return;
  Value variance = createReduce(node, node.create<MulOp>({centred, centred}),
                                ReduceKind::Mean, axes, true);
  variance = node.create<AddOp>({variance, node.createScalar(epsilon, type)});
  node.setResult(deviationOutput,
                 node.create<ReciprocalOp>(node.create<SqrtOp>(variance)));
}

/// LayerNormalization, RMSNormalization and SimplifiedLayerNormalization. The
/// last has its inverse deviation as second result.
template <bool isCentred> static void emitLayerNorm(NodeContext &node) {
  int64_t rank = node.getInputRank(0);
  int64_t axis = node.normalizeAxis(node.getInt("axis", -1), rank);
  double epsilon = node.getFloat("epsilon", 1e-5f);
  readStashType(node);
  Value input = node.getOperand(0), scale = node.getOperand(1),
        bias = isCentred ? getOptionalOperand(node, 2) : Value();
  if (node.hasFailed())
    return;
  SmallVector<int64_t> axes = axesFrom(axis, rank);
  Value normal = createNormalize(node, input, axes, epsilon, isCentred);
  node.setResult(0, createAffine(node, normal, scale, bias));
  setStatistics(node, input, axes, epsilon, isCentred, 1, isCentred ? 2 : 1);
}

/// com.microsoft's: the sum of the input, a residual and a bias is normalised
/// along its last axis, and is a result as well.
template <bool isCentred> static void emitSkipLayerNorm(NodeContext &node) {
  double epsilon = node.getFloat("epsilon", 1e-12f);
  Value sum = node.create<AddOp>({node.getOperand(0), node.getOperand(1)});
  Value scale = node.getOperand(2);
  unsigned biasInput = isCentred ? 4 : 3;
  if (Value bias = getOptionalOperand(node, biasInput))
    sum = node.create<AddOp>({sum, bias});
  Value shift = isCentred ? getOptionalOperand(node, 3) : Value();
  if (node.hasFailed())
    return;
  if (sum.getType() != node.getOperand(0).getType())
    return (void)node.error("expected a residual and a bias that broadcast to "
                            "the input's shape");
  int64_t rank = getTensorType(sum).getRank();
  if (rank == 0)
    return (void)node.error("expected an input of rank >= 1");
  Value normal = createNormalize(node, sum, rank - 1, epsilon, isCentred);
  node.setResult(0, createAffine(node, normal, scale, shift));
  setStatistics(node, sum, rank - 1, epsilon, isCentred, 1, 2);
  node.setResult(3, sum);
}

//===----------------------------------------------------------------------===//
// Normalisation per channel
//===----------------------------------------------------------------------===//

/// With statistics of every element: `[C, D...]` instead of `[C]`.
static void emitBatchNormPerElement(NodeContext &node, double epsilon) {
  RankedTensorType type = node.getInputType(0);
  for (unsigned i = 1; i < 5; ++i)
    if (type.getRank() < 1 ||
        node.getInputType(i).getShape() != type.getShape().drop_front())
      return (void)node.error("expected statistics per element (spatial=0) of "
                              "the input's shape without the batch");
  Value x = node.getOperand(0), scale = node.getOperand(1);
  Value bias = node.getOperand(2), mean = node.getOperand(3);
  Value variance = node.create<AddOp>(
      {node.getOperand(4), node.createScalar(epsilon, type.getElementType())});
  Value normal = node.create<DivOp>(
      {node.create<SubOp>({x, mean}), node.create<SqrtOp>(variance)});
  node.setResult(
      0, node.create<AddOp>({node.create<MulOp>({normal, scale}), bias}));
}

static void emitBatchNorm(NodeContext &node) {
  node.ignoreAttribute("momentum");
  double epsilon = node.getFloat("epsilon", 1e-5f);
  if (node.getBool("training_mode", false) ||
      (node.getVersion() < 7 && node.hasAttribute("is_test") &&
       !node.getBool("is_test", true)))
    return (void)node.unsupported(" in training mode");
  if (node.getVersion() < 9 && !node.getBool("spatial", true))
    return emitBatchNormPerElement(node, epsilon);
  SmallVector<Value> operands;
  for (unsigned i = 0; i < 5; ++i)
    operands.push_back(node.getOperand(i));
  node.setResult(
      0, node.create<BatchNormOp>(operands, node.f64("epsilon", epsilon)));
}

static void emitInstanceNorm(NodeContext &node) {
  double epsilon = node.getFloat("epsilon", 1e-5f);
  RankedTensorType type = node.getInputType(0);
  int64_t rank = type.getRank();
  if (rank < 2)
    return (void)node.error("expected an input with batch and channels, but "
                            "got rank " +
                            Twine(rank));
  int64_t channels = type.getDimSize(1);
  Value scale = alignChannels(node, node.getOperand(1), channels, rank);
  Value bias = alignChannels(node, node.getOperand(2), channels, rank);
  Value normal =
      createNormalize(node, node.getOperand(0), axesFrom(2, rank), epsilon);
  node.setResult(0, createAffine(node, normal, scale, bias));
}

/// Groups of channels are normalised together. From version 21 on there is a
/// scale per channel, before that one per group.
static void emitGroupNorm(NodeContext &node) {
  double epsilon = node.getFloat("epsilon", 1e-5f);
  int64_t groups = node.getRequiredInt("num_groups");
  bool isPerChannel = node.getVersion() >= 21;
  if (isPerChannel)
    readStashType(node);
  RankedTensorType type = node.getInputType(0);
  if (type.getRank() < 2 || type.isDynamicDim(1))
    return (void)node.error("expected an input with a known number of "
                            "channels");
  int64_t channels = type.getDimSize(1);
  if (groups < 1 || channels % groups != 0)
    return (void)node.error("expected num_groups to divide " + Twine(channels) +
                            " channels, but got " + Twine(groups));
  // [N, C, spatial...] as [N, G, C/G, spatial...].
  SmallVector<int64_t> shape(type.getShape());
  shape[1] = channels / groups;
  shape.insert(shape.begin() + 1, groups);
  int64_t rank = shape.size();
  auto align = [&](Value parameter) -> Value {
    if (!parameter)
      return {};
    if (!isPerChannel)
      return alignChannels(node, parameter, groups, rank);
    Value aligned = alignChannels(node, parameter, channels, rank - 1);
    SmallVector<int64_t> split(rank, 1);
    split[1] = groups;
    split[2] = channels / groups;
    return node.createReshape(aligned, split);
  };
  Value scale = align(node.getOperand(1)), bias = align(node.getOperand(2));
  Value input = node.createReshape(node.getOperand(0), shape);
  Value normal = createNormalize(node, input, axesFrom(2, rank), epsilon);
  node.setResult(0, node.createReshape(createAffine(node, normal, scale, bias),
                                       type.getShape()));
}

/// `(x - mean) / (deviation + 1e-9)`: below the root the square of that.
static void emitMeanVarianceNorm(NodeContext &node) {
  SmallVector<int64_t> axes{0, 2, 3};
  if (node.hasAttribute("axes"))
    axes = node.getInts("axes");
  axes = node.normalizeAxes(axes, node.getInputRank(0));
  if (node.hasFailed())
    return;
  node.setResult(0, createNormalize(node, node.getOperand(0), axes, 1e-18));
}

/// `x / norm(x)`, and 0 where all elements are.
static void emitLpNorm(NodeContext &node) {
  int64_t axis =
      node.normalizeAxis(node.getInt("axis", -1), node.getInputRank(0));
  int64_t p = node.getInt("p", 2);
  if (p != 1 && p != 2)
    return (void)node.error("attribute 'p': expected 1 or 2, but got " +
                            Twine(p));
  Value input = node.getOperand(0);
  if (node.hasFailed() || !checkStatic(node, node.getInputType(0), axis))
    return;
  auto type = dyn_cast<FloatType>(node.getInputType(0).getElementType());
  if (!type)
    return (void)node.error("expected floating-point elements");
  Value norm =
      createReduce(node, input, p == 1 ? ReduceKind::L1 : ReduceKind::L2, axis,
                   /*keepDims=*/true);
  // No float is between 0 and the smallest one.
  double smallest =
      APFloat::getSmallest(type.getFloatSemantics()).convertToDouble();
  norm = node.create<MaxOp>({norm, node.createScalar(smallest, type)});
  node.setResult(0, node.create<DivOp>({input, norm}));
}

/// `x / (bias + alpha / size * sum(x^2))^beta`, with sums over `size` channels
/// around each. That is a mean over windows: positions outside count as zeros.
static void emitLRN(NodeContext &node) {
  int64_t size = node.getRequiredInt("size");
  double alpha = node.getFloat("alpha", 1e-4f);
  double beta = node.getFloat("beta", 0.75f);
  double bias = node.getFloat("bias", 1.0f);
  RankedTensorType type = node.getInputType(0);
  if (size < 1)
    return (void)node.error("expected a positive size, but got " + Twine(size));
  if (type.getRank() < 2)
    return (void)node.error("expected an input with batch and channels, but "
                            "got rank " +
                            Twine(type.getRank()));
  if (llvm::any_of(type.getShape().drop_front(), ShapedType::isDynamic))
    return (void)node.error("expected known sizes behind the batch; --shape "
                            "can fix them");
  // Squares of f16 overflow.
  Type element = type.getElementType();
  Type computed =
      element.isF64() ? element : Float32Type::get(node.getContext());
  Value input = node.createCast(node.getOperand(0), computed);
  // The channels are the one dimension that windows run along, and the
  // positions in the picture are what a pooling calls channels.
  int64_t before = (size - 1) / 2;
  Value means = node.createReshape(node.create<MulOp>({input, input}),
                                   {type.getDimSize(0), type.getDimSize(1),
                                    product(type.getShape().drop_front(2))});
  means = node.create<AveragePoolOp>(
      means, {node.i64s("kernel", size), node.i64s("strides", 1),
              node.i64s("dilations", 1),
              node.i64s("pads", {before, size - 1 - before}),
              node.attr("count_include_pad", UnitAttr::get(node.getContext())),
              node.attr("layout", LayoutAttr::get(node.getContext(),
                                                  Layout::ChannelsLast))});
  means = node.createReshape(means, type.getShape());
  auto scalar = [&](double value) {
    return node.createScalar(value, computed);
  };
  Value base = node.create<AddOp>(
      {node.create<MulOp>({means, scalar(alpha)}), scalar(bias)});
  Value result =
      node.create<DivOp>({input, node.create<PowOp>({base, scalar(beta)})});
  node.setResult(0, node.createCast(result, element));
}

ArrayRef<Operator> frontend::getNormalizationOperators() {
  constexpr int64_t last = newestOpset;
  static const Operator rows[] = {
      {"BatchNormalization", 6, last, 5, 5, nullptr, emitBatchNorm},
      {"GroupNormalization", 18, last, 3, 3, nullptr, emitGroupNorm},
      {"InstanceNormalization", 1, last, 3, 3, nullptr, emitInstanceNorm},
      {"LayerNormalization", 1, last, 2, 3, nullptr, emitLayerNorm<true>},
      {"LpNormalization", 1, last, 1, 1, nullptr, emitLpNorm},
      {"LRN", 1, last, 1, 1, nullptr, emitLRN},
      {"MeanVarianceNormalization", 9, last, 1, 1, nullptr,
       emitMeanVarianceNorm},
      {"RMSNormalization", 23, last, 2, 2, nullptr, emitLayerNorm<false>},
      // What ONNX Runtime's exporters write, under the default domain too.
      {"SimplifiedLayerNormalization", 1, last, 2, 2, nullptr,
       emitLayerNorm<false>},
      {"com.microsoft.SimplifiedLayerNormalization", 1, 1, 2, 2, nullptr,
       emitLayerNorm<false>},
      {"com.microsoft.LayerNormalization", 1, 1, 2, 3, nullptr,
       emitLayerNorm<true>},
      {"com.microsoft.SkipLayerNormalization", 1, 1, 3, 5, nullptr,
       emitSkipLayerNorm<true>},
      {"com.microsoft.SkipSimplifiedLayerNormalization", 1, 1, 3, 4, nullptr,
       emitSkipLayerNorm<false>},
  };
  return rows;
}
