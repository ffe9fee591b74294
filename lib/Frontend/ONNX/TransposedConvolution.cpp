//===- TransposedConvolution.cpp - ConvTranspose as convolutions ----------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Output o of a transposed convolution takes from input i the weight of tap t
// with o = i * stride + t * dilation - pad. So the outputs o = m * stride + p
// of one phase p read the taps t that have t * dilation = p + pad modulo
// stride, at inputs that move by one with m: an ordinary convolution of stride
// 1, with a part of the taps in reverse. No zero is multiplied.
//
// Phases that read the same window are channels of one convolution. What the
// convolutions compute is put together as channels become pixels.
//
//===----------------------------------------------------------------------===//

#include "TransposedConvolution.h"
#include "Folding.h"
#include "mpc/Dialect/MPC/Constants.h"
#include <numeric>

using namespace mlir;
using namespace mpc;
using namespace mpc::frontend;

/// More phases make more ops than anyone wants.
static constexpr int64_t kMostPhases = 4096;
/// Groups are convolved phase by phase up to so many phases.
static constexpr int64_t kMostGroupedPhases = 16;

namespace {
/// The phase p of one dimension, as a window of the input: output m reads
/// inputs m + first + j * dilation, 0 <= j < taps, with the weights of taps
/// lastTap - j * step. No taps where nothing of the input is read.
struct Phase {
  int64_t first = 0, taps = 0, dilation = 1, lastTap = 0, step = 1;
  bool operator==(const Phase &other) const {
    return taps == other.taps &&
           (taps == 0 || (first == other.first && dilation == other.dilation));
  }
};

/// Neighbouring phases with equal windows: [begin, end) of one dimension.
struct PhaseRange {
  int64_t begin, end;
};

class PhaseBuilder {
public:
  PhaseBuilder(NodeContext &node, const TransposedWindows &windows, Value input,
               Value weight, Value bias, int64_t groups)
      : node(node), w(windows), input(input), weight(weight), bias(bias),
        groups(groups), rank(windows.kernel.size()) {}
  Value build();

private:
  Phase getPhase(size_t d, int64_t p) const;
  Value buildPart(ArrayRef<PhaseRange> ranges);
  Value selectWeights(ArrayRef<int64_t> phase);
  Value concatenate(ArrayRef<Value> parts, int64_t axis);
  bool join(size_t d, SmallVectorImpl<PhaseRange> &chosen,
            SmallVectorImpl<Value> &joined);
  ArrayRef<int64_t> getShape(Value value) const {
    return cast<RankedTensorType>(value.getType()).getShape();
  }

  NodeContext &node;
  const TransposedWindows &w;
  Value input, weight, bias;
  int64_t groups;
  size_t rank;
  int64_t numPhases = 1;
  /// Outputs of each phase.
  SmallVector<int64_t> counts;
  SmallVector<SmallVector<Phase>> phases;
  SmallVector<SmallVector<PhaseRange>> ranges;
  int64_t outputsPerGroup = 0;
  /// Parts have their phases as dimensions of their own: [N, G, phases..., M /
  /// G, spatial...]; else they are channels, [N, phases * M, spatial...].
  bool splitsChannels = false;
};
} // namespace

Phase PhaseBuilder::getPhase(size_t d, int64_t p) const {
  int64_t stride = w.strides[d], dilation = w.dilations[d],
          gcd = std::gcd(stride, dilation);
  Phase phase;
  phase.step = stride / gcd;
  phase.dilation = dilation / gcd;
  for (int64_t t = 0; t < std::min(phase.step, w.kernel[d]); ++t) {
    int64_t distance = p + w.pads[d] - t * dilation;
    if (distance % stride != 0)
      continue;
    phase.taps = (w.kernel[d] - 1 - t) / phase.step + 1;
    phase.lastTap = t + (phase.taps - 1) * phase.step;
    phase.first = distance / stride - (phase.taps - 1) * phase.dilation;
    break;
  }
  int64_t end = phase.first + (phase.taps - 1) * phase.dilation + counts[d];
  if (end <= 0 || phase.first >= getShape(input)[2 + d])
    phase.taps = 0;
  return phase;
}

Value PhaseBuilder::concatenate(ArrayRef<Value> parts, int64_t axis) {
  return parts.size() == 1
             ? parts.front()
             : node.create<ConcatOp>(parts, node.i64("axis", axis));
}

/// `values` one after the other; at compile time where they are constants.
static Value concatenateWeights(NodeContext &node, ArrayRef<Value> values,
                                int64_t axis) {
  if (values.size() == 1)
    return values.front();
  if (llvm::is_contained(values, Value()))
    return {};
  std::vector<std::vector<char>> storages(values.size());
  SmallVector<ArrayRef<char>> parts;
  for (auto [value, storage] : llvm::zip(values, storages)) {
    auto constant = value.getDefiningOp<ConstantOp>();
    auto bytes = constant ? getRawBytes(constant.getValue(), storage)
                          : std::optional<ArrayRef<char>>();
    if (!bytes)
      return node.create<ConcatOp>(values, node.i64("axis", axis));
    parts.push_back(*bytes);
  }
  auto type = cast<RankedTensorType>(values.front().getType());
  int64_t outer = product(type.getShape().take_front(axis));
  std::vector<char> bytes;
  for (int64_t i = 0; i < outer; ++i)
    for (ArrayRef<char> part : parts) {
      size_t length = part.size() / outer;
      ArrayRef<char> row = part.slice(i * length, length);
      bytes.insert(bytes.end(), row.begin(), row.end());
    }
  SmallVector<int64_t> shape(type.getShape());
  shape[axis] *= static_cast<int64_t>(values.size());
  return ConstantOp::create(node.getBuilder(), node.getLoc(),
                            createConstant(type.clone(shape), bytes));
}

/// The weights of one phase as those of a convolution: [M, C / G, taps...].
/// Zeros where no tap belongs to the phase.
Value PhaseBuilder::selectWeights(ArrayRef<int64_t> phase) {
  ArrayRef<int64_t> shape = getShape(weight);
  Type elementType = getElementTypeOrSelf(weight.getType());
  int64_t inputs = shape[0] / groups;
  SmallVector<int64_t> taps;
  for (size_t d = 0; d < rank; ++d)
    taps.push_back(phases[d][phase[d]].taps);
  SmallVector<int64_t> result{outputsPerGroup * groups, inputs};
  if (llvm::is_contained(taps, 0)) {
    result.append(rank, 1);
    auto type = RankedTensorType::get(result, elementType);
    std::vector<float> zeros(type.getNumElements(), 0.0f);
    return ConstantOp::create(node.getBuilder(), node.getLoc(),
                              createFloatConstant(type, zeros));
  }
  result.append(taps);
  auto constant = weight.getDefiningOp<ConstantOp>();
  std::vector<char> storage;
  std::optional<ArrayRef<char>> bytes =
      constant ? getRawBytes(constant.getValue(), storage) : std::nullopt;
  if (bytes) {
    SmallVector<int64_t> strides = getStrides(shape);
    size_t width = elementType.getIntOrFloatBitWidth() / 8;
    std::vector<char> selected;
    forEachElement(result, [&](ArrayRef<int64_t> at) {
      int64_t group = at[0] / outputsPerGroup;
      int64_t from = (group * inputs + at[1]) * strides[0] +
                     at[0] % outputsPerGroup * strides[1];
      for (size_t d = 0; d < rank; ++d) {
        const Phase &window = phases[d][phase[d]];
        from += (window.lastTap - at[2 + d] * window.step) * strides[2 + d];
      }
      const char *element = bytes->data() + from * width;
      selected.insert(selected.end(), element, element + width);
    });
    return ConstantOp::create(
        node.getBuilder(), node.getLoc(),
        createConstant(RankedTensorType::get(result, elementType), selected));
  }

  SmallVector<int64_t> starts{0, 0}, sizes{shape[0], shape[1]}, steps{1, 1};
  SmallVector<int64_t> split{groups, inputs, outputsPerGroup}, perm{0, 2, 1};
  for (size_t d = 0; d < rank; ++d) {
    const Phase &window = phases[d][phase[d]];
    starts.push_back(window.lastTap);
    sizes.push_back(window.taps);
    steps.push_back(-window.step);
    split.push_back(window.taps);
    perm.push_back(3 + d);
  }
  Value value = node.create<SliceOp>(weight, {node.i64s("starts", starts),
                                              node.i64s("sizes", sizes),
                                              node.i64s("steps", steps)});
  value = node.createReshape(value, split);
  value = node.createTranspose(value, perm);
  return node.createReshape(value, result);
}

/// The outputs of phases with equal windows.
Value PhaseBuilder::buildPart(ArrayRef<PhaseRange> chosen) {
  // All phases, the last dimension's fastest.
  SmallVector<int64_t> extents;
  for (const PhaseRange &range : chosen)
    extents.push_back(range.end - range.begin);
  SmallVector<Value> weights, biases;
  bool isEmpty = false;
  forEachElement(extents, [&](ArrayRef<int64_t> at) {
    SmallVector<int64_t> phase;
    for (size_t d = 0; d < rank; ++d) {
      phase.push_back(chosen[d].begin + at[d]);
      isEmpty |= phases[d][phase.back()].taps == 0;
    }
    weights.push_back(selectWeights(phase));
    if (bias)
      biases.push_back(bias);
  });
  if (llvm::is_contained(weights, Value()))
    return {};
  int64_t numMerged = weights.size();
  // The channels of a group stay together: [G, phases, M / G].
  if (groups > 1 && numMerged > 1) {
    for (SmallVector<Value> *list : {&weights, &biases})
      for (Value &value : *list) {
        SmallVector<int64_t> shape{groups, outputsPerGroup};
        llvm::append_range(shape, getShape(value).drop_front());
        value = node.createReshape(value, shape);
      }
  }
  int64_t axis = groups > 1 && numMerged > 1;
  Value allWeights = concatenateWeights(node, weights, axis);
  Value allBiases =
      biases.empty() ? Value() : concatenateWeights(node, biases, axis);
  if (!allWeights)
    return {};
  if (axis == 1) {
    SmallVector<int64_t> shape{groups * numMerged * outputsPerGroup};
    llvm::append_range(shape, getShape(weights.front()).drop_front(2));
    allWeights = node.createReshape(allWeights, shape);
    if (allBiases)
      allBiases = node.createReshape(allBiases, shape.front());
  }

  // Padding that is negative takes elements away.
  ArrayRef<int64_t> sizes = getShape(input);
  SmallVector<int64_t> low, high, dilations, ones(rank, 1);
  SmallVector<int64_t> starts{0, 0}, kept{sizes[0], sizes[1]};
  if (ShapedType::isDynamic(kept[0]))
    kept[0] = -1;
  bool cuts = false;
  for (size_t d = 0; d < rank; ++d) {
    Phase window = phases[d][chosen[d].begin];
    if (isEmpty)
      window = {0, 1, 1, 0, 1};
    int64_t size = sizes[2 + d], begin = window.first,
            end = begin + (window.taps - 1) * window.dilation + counts[d];
    low.push_back(std::max<int64_t>(-begin, 0));
    high.push_back(std::max<int64_t>(end - size, 0));
    dilations.push_back(window.dilation);
    starts.push_back(std::max<int64_t>(begin, 0));
    kept.push_back(std::min(end, size) - starts.back());
    cuts |= starts.back() != 0 || kept.back() != size;
  }
  Value x = input;
  if (cuts)
    x = node.create<SliceOp>(
        x, {node.i64s("starts", starts), node.i64s("sizes", kept),
            node.i64s("steps", SmallVector<int64_t>(rank + 2, 1))});
  SmallVector<int64_t> pads(low);
  pads.append(high);
  SmallVector<Value> operands{x, allWeights};
  if (allBiases)
    operands.push_back(allBiases);
  Value result = node.create<ConvOp>(
      operands, {node.i64s("strides", ones), node.i64s("dilations", dilations),
                 node.i64s("pads", pads), node.i64("groups", groups),
                 node.attr("layout", LayoutAttr::get(node.getContext(),
                                                     Layout::ChannelsFirst))});
  if (!splitsChannels || !result)
    return result;
  SmallVector<int64_t> shape{sizes[0], groups};
  llvm::append_range(shape, extents);
  shape.push_back(outputsPerGroup);
  llvm::append_range(shape, counts);
  return node.createReshape(result, shape);
}

/// The parts of all ranges of dimensions d and after, put together where phases
/// are dimensions, else one after the other.
bool PhaseBuilder::join(size_t d, SmallVectorImpl<PhaseRange> &chosen,
                        SmallVectorImpl<Value> &joined) {
  if (d == rank) {
    joined.push_back(buildPart(chosen));
    return joined.back() != Value();
  }
  SmallVector<Value> parts;
  for (const PhaseRange &range : ranges[d]) {
    chosen.push_back(range);
    bool ok = join(d + 1, chosen, parts);
    chosen.pop_back();
    if (!ok)
      return false;
  }
  if (!splitsChannels) {
    joined.append(parts);
    return true;
  }
  joined.push_back(concatenate(parts, 2 + d));
  return joined.back() != Value();
}

Value PhaseBuilder::build() {
  ArrayRef<int64_t> sizes = getShape(input);
  outputsPerGroup = getShape(weight)[1];
  for (size_t d = 0; d < rank; ++d) {
    numPhases *= w.strides[d];
    if (numPhases > kMostPhases) {
      (void)node.unsupported(" with strides of more than " +
                             Twine(kMostPhases) + " elements");
      return {};
    }
  }
  bool merges = groups == 1 || numPhases > kMostGroupedPhases;
  bool areSingle = true;
  size_t numParts = 1;
  for (size_t d = 0; d < rank; ++d) {
    counts.push_back(llvm::divideCeil(w.outputs[d], w.strides[d]));
    phases.emplace_back();
    ranges.emplace_back();
    for (int64_t p = 0; p < w.strides[d]; ++p) {
      phases.back().push_back(getPhase(d, p));
      if (p == 0 || !merges || !(phases[d][p] == phases[d][p - 1]))
        ranges[d].push_back({p, p + 1});
      else
        ranges[d].back().end = p + 1;
    }
    numParts *= ranges[d].size();
    areSingle &= static_cast<int64_t>(ranges[d].size()) == w.strides[d];
  }
  // Channels in the order [phases, M] need no dimensions of their own.
  splitsChannels = !areSingle && (numParts > 1 || groups > 1);
  SmallVector<PhaseRange> chosen;
  SmallVector<Value> parts;
  if (!join(0, chosen, parts))
    return {};
  Value value = concatenate(parts, 1);
  if (!value || numPhases == 1)
    return value;

  // Channels become pixels.
  SmallVector<int64_t> split{sizes[0]}, perm{0}, merged;
  int64_t phaseDim = 1, channelDim;
  int64_t outputs = groups * outputsPerGroup;
  if (splitsChannels) {
    split.push_back(groups);
    phaseDim = 2;
  }
  llvm::append_range(split, w.strides);
  channelDim = split.size();
  split.push_back(splitsChannels ? outputsPerGroup : outputs);
  llvm::append_range(split, counts);
  if (splitsChannels)
    perm.push_back(1);
  perm.push_back(channelDim);
  merged = {sizes[0], outputs};
  for (size_t d = 0; d < rank; ++d) {
    perm.push_back(channelDim + 1 + d);
    perm.push_back(phaseDim + d);
    merged.push_back(counts[d] * w.strides[d]);
  }
  value = node.createReshape(value, split);
  value = node.createTranspose(value, perm);
  value = node.createReshape(value, merged);
  if (ArrayRef(merged).drop_front(2) == ArrayRef(w.outputs))
    return value;
  SmallVector<int64_t> kept{ShapedType::isDynamic(sizes[0]) ? -1 : sizes[0],
                            outputs};
  llvm::append_range(kept, w.outputs);
  return node.create<SliceOp>(
      value, {node.i64s("starts", SmallVector<int64_t>(rank + 2, 0)),
              node.i64s("sizes", kept),
              node.i64s("steps", SmallVector<int64_t>(rank + 2, 1))});
}

Value frontend::createTransposedConvolution(NodeContext &node,
                                            const TransposedWindows &windows,
                                            Value input, Value weight,
                                            Value bias, int64_t groups) {
  return PhaseBuilder(node, windows, input, weight, bias, groups).build();
}

//===----------------------------------------------------------------------===//
// ConvTranspose
//===----------------------------------------------------------------------===//

/// Padding and sizes of the outputs; nothing after an error.
static std::optional<TransposedWindows>
readTransposedWindows(NodeContext &node, ArrayRef<int64_t> kernel) {
  ArrayRef<int64_t> sizes = node.getInputType(0).getShape().drop_front(2);
  size_t rank = sizes.size();
  if (kernel.size() != rank)
    return (void)node.error("expected weights of the input's rank, but got "
                            "rank " +
                            Twine(kernel.size() + 2)),
           std::nullopt;
  auto extents = readExtents(node, "kernel_shape", rank, 1, 0);
  auto strides = readExtents(node, "strides", rank, 1, 1);
  auto dilations = readExtents(node, "dilations", rank, 1, 1);
  auto pads = readExtents(node, "pads", 2 * rank, 0, 0);
  auto extra = readExtents(node, "output_padding", rank, 0, 0);
  StringRef autoPad = node.getString("auto_pad", "NOTSET");
  bool isSame = autoPad == "SAME_UPPER" || autoPad == "SAME_LOWER";
  if (!extents || !strides || !dilations || !pads || !extra || node.hasFailed())
    return std::nullopt;
  if (node.hasAttribute("kernel_shape") && ArrayRef(*extents) != kernel)
    return (void)node.error("attribute 'kernel_shape' contradicts the weights"),
           std::nullopt;
  if (!isSame && autoPad != "VALID" && autoPad != "NOTSET")
    return (void)node.error("attribute 'auto_pad': expected NOTSET, "
                            "SAME_UPPER, SAME_LOWER or VALID, but got '" +
                            autoPad + "'"),
           std::nullopt;
  if (llvm::any_of(sizes, ShapedType::isDynamic))
    return (void)node.error("expected fixed spatial sizes; --shape can fix "
                            "them"),
           std::nullopt;
  SmallVector<int64_t> outputs = node.getInts("output_shape");
  // Old models state the batch and the channels, too.
  if (outputs.size() == rank + 2)
    outputs.erase(outputs.begin(), outputs.begin() + 2);
  if (!outputs.empty() && outputs.size() != rank)
    return (void)node.error("attribute 'output_shape': expected " +
                            Twine(rank) + " sizes, but got " +
                            Twine(outputs.size())),
           std::nullopt;

  TransposedWindows windows{
      llvm::to_vector(kernel), *strides, *dilations, {}, {}};
  for (size_t d = 0; d < rank; ++d) {
    __int128 reach = __int128(windows.strides[d]) * (sizes[d] - 1) +
                     (*extra)[d] +
                     __int128(kernel[d] - 1) * windows.dilations[d] + 1;
    if (reach > mostExtent || kernel[d] < 1 || sizes[d] < 1)
      return (void)node.error("expected sizes from 1 to " + Twine(mostExtent)),
             std::nullopt;
    auto full = static_cast<int64_t>(reach);
    int64_t size = full, begin = 0;
    if (!outputs.empty() || isSame) {
      size = outputs.empty() ? sizes[d] * windows.strides[d] : outputs[d];
      int64_t total = std::max<int64_t>(full - size, 0);
      begin = autoPad == "SAME_UPPER" ? total / 2 : total - total / 2;
    } else if (autoPad == "NOTSET") {
      begin = (*pads)[d];
      size = full - begin - (*pads)[rank + d];
    }
    if (size < 1 || size > mostExtent)
      return (void)node.error("expected a result with at least one element in "
                              "each dimension, but spatial dimension " +
                              Twine(d) + " has " + Twine(size)),
             std::nullopt;
    windows.pads.push_back(begin);
    windows.outputs.push_back(size);
  }
  return windows;
}

void frontend::emitConvTranspose(NodeContext &node) {
  RankedTensorType input = node.getInputType(0), weights = node.getInputType(1);
  int64_t groups = node.getInt("group", 1);
  if (input.getRank() < 3 || input.getRank() > 5 ||
      weights.getRank() != input.getRank() || !weights.hasStaticShape())
    return (void)node.error("expected an input and weights of the same rank, "
                            "3 to 5, but got ranks " +
                            Twine(input.getRank()) + " and " +
                            Twine(weights.getRank()));
  auto windows = readTransposedWindows(node, weights.getShape().drop_front(2));
  if (!windows)
    return;
  int64_t channels = input.getDimSize(1);
  if (groups < 1 || channels < 1 || channels % groups != 0 ||
      weights.getDimSize(0) != channels)
    return (void)node.error("expected groups that divide " + Twine(channels) +
                            " input channels, as many as the weights have, "
                            "but got " +
                            Twine(groups) + " groups and weights for " +
                            Twine(weights.getDimSize(0)) + " channels");
  if (weights.getElementType() != input.getElementType() ||
      weights.getNumElements() == 0)
    return (void)node.error("expected weights of the input's element type");
  if (node.hasInput(2) && node.getInputType(2).getShape() !=
                              ArrayRef(groups * weights.getDimSize(1)))
    return (void)node.error("expected a bias of one number per channel");
  Value x = node.getOperand(0), w = node.getOperand(1);
  Value bias = node.hasInput(2) ? node.getOperand(2) : Value();
  if (!node.hasFailed())
    node.setResult(
        0, createTransposedConvolution(node, *windows, x, w, bias, groups));
}
