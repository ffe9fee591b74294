//===- SignalOperators.cpp - windows, Fourier transforms ------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A Fourier transform of known length is a product with a constant matrix; over
// frames of a signal, it is a convolution. Lengths of models are a few hundred,
// for which that is the faster way.
//
//===----------------------------------------------------------------------===//

#include "Composition.h"
#include <cmath>

using namespace mlir;
using namespace mpc;
using namespace mpc::frontend;

static constexpr double pi = 3.14159265358979323846;
/// Matrices are not larger than this.
static constexpr int64_t mostTableElements = int64_t(1) << 26;

/// The attribute output_datatype; null after an error.
static FloatType readOutputType(NodeContext &node) {
  int64_t code = node.getInt("output_datatype", 1);
  auto type = dyn_cast_or_null<FloatType>(
      code > 0 && code < 64 ? getElementType(code, node.getContext()) : Type());
  bool computes =
      type && (type.isF32() || type.isF64() || type.isF16() || type.isBF16());
  if (computes)
    return type;
  (void)node.unsupported(" with output_datatype " +
                         Twine(code > 0 && code < 64 ? getDataTypeName(code)
                                                     : std::to_string(code)));
  return {};
}

/// One integer that has to be known.
static std::optional<int64_t> getKnownInt(NodeContext &node, unsigned index,
                                          StringRef what, int64_t least) {
  auto value = node.getKnownNumber(index, what);
  if (!value)
    return std::nullopt;
  bool isWithin = *value >= static_cast<double>(least) &&
                  *value <= static_cast<double>(mostTableElements);
  if (!isWithin) { // NaN is not
    (void)node.error("expected " + what + " from " + Twine(least) + " to " +
                     Twine(mostTableElements));
    return std::nullopt;
  }
  return static_cast<int64_t>(*value);
}

//===----------------------------------------------------------------------===//
// Windows, mel weights
//===----------------------------------------------------------------------===//

/// a0 - a1 * cos(2 pi i / n) + a2 * cos(4 pi i / n).
static void emitCosineWindow(NodeContext &node, double a0, double a1,
                             double a2) {
  bool periodic = node.getBool("periodic", true);
  FloatType type = readOutputType(node);
  auto size = getKnownInt(node, 0, "size", 0);
  if (!type || !size)
    return;
  double n = static_cast<double>(periodic ? *size : *size - 1);
  std::vector<double> values;
  for (int64_t i = 0; i < *size; ++i) {
    double angle = n > 0 ? 2 * pi * static_cast<double>(i) / n : 0;
    values.push_back(a0 - a1 * std::cos(angle) + a2 * std::cos(2 * angle));
  }
  node.setResult(0, Tensor::ofConstant(
                        makeReals(RankedTensorType::get(*size, type), values)));
}
static void emitHannWindow(NodeContext &node) {
  emitCosineWindow(node, 0.5, 0.5, 0);
}
static void emitHammingWindow(NodeContext &node) {
  emitCosineWindow(node, 25.0 / 46, 1 - 25.0 / 46, 0);
}
static void emitBlackmanWindow(NodeContext &node) {
  emitCosineWindow(node, 0.42, 0.5, 0.08);
}

static void emitMelWeightMatrix(NodeContext &node) {
  FloatType type = readOutputType(node);
  auto bins = getKnownInt(node, 0, "num_mel_bins", 1);
  auto length = getKnownInt(node, 1, "dft_length", 1);
  auto rate = getKnownInt(node, 2, "sample_rate", 1);
  auto low = node.getKnownNumber(3, "lower_edge_hertz");
  auto high = node.getKnownNumber(4, "upper_edge_hertz");
  if (!type || !bins || !length || !rate || !low || !high)
    return;
  int64_t rows = *length / 2 + 1;
  if (rows > mostTableElements / *bins)
    return (void)node.error("result is too large");
  auto toMel = [](double hertz) { return 2595 * std::log10(1 + hertz / 700); };
  double step = (toMel(*high) - toMel(*low)) / static_cast<double>(*bins + 2);
  SmallVector<int64_t> edges;
  for (int64_t i = 0; i < *bins + 2; ++i) {
    double mel = toMel(*low) + static_cast<double>(i) * step;
    double hertz = 700 * (std::pow(10, mel / 2595) - 1);
    double edge = std::floor(static_cast<double>(*length + 1) * hertz /
                             static_cast<double>(*rate));
    if (!(edge >= 0) || edge >= static_cast<double>(rows))
      return (void)node.error("expected frequencies from 0 to half of "
                              "sample_rate");
    edges.push_back(static_cast<int64_t>(edge));
  }
  std::vector<double> values(rows * *bins, 0.0);
  for (int64_t i = 0; i < *bins; ++i) {
    int64_t left = edges[i], middle = edges[i + 1], right = edges[i + 2];
    auto at = [&](int64_t row) -> double & { return values[row * *bins + i]; };
    if (left == middle)
      at(middle) = 1;
    for (int64_t row = left; left < middle && row <= middle; ++row)
      at(row) =
          static_cast<double>(row - left) / static_cast<double>(middle - left);
    for (int64_t row = middle; row < right; ++row)
      at(row) = static_cast<double>(right - row) /
                static_cast<double>(right - middle);
  }
  node.setResult(0, Tensor::ofConstant(makeReals(
                        RankedTensorType::get({rows, *bins}, type), values)));
}

//===----------------------------------------------------------------------===//
// Fourier transforms
//===----------------------------------------------------------------------===//

namespace {
/// A transform of `inputs` elements with `parts` numbers each (1: real, 2:
/// complex).
struct Transform {
  int64_t length, inputs, parts;
  bool inverse, onesided;

  int64_t getOutputs() const {
    return onesided && !inverse ? length / 2 + 1 : length;
  }
  int64_t getOutputParts() const { return onesided && inverse ? 1 : 2; }
  /// The weight of an input's part in an output's part.
  double getWeight(int64_t input, int64_t part, int64_t output,
                   int64_t outputPart) const;
};
} // namespace

double Transform::getWeight(int64_t input, int64_t part, int64_t output,
                            int64_t outputPart) const {
  // The angle modulo a whole turn, exactly.
  auto turns =
      static_cast<double>(static_cast<__int128>(input) * output % length);
  double angle = 2 * pi * turns / static_cast<double>(length);
  double sine = inverse ? std::sin(angle) : -std::sin(angle);
  double weight =
      part == outputPart ? std::cos(angle) : (outputPart == 1 ? sine : -sine);
  if (!inverse)
    return weight;
  // What is onesided stands for its mirror, too.
  bool twice = onesided && input != 0 && 2 * input != length;
  return weight * (twice ? 2 : 1) / static_cast<double>(length);
}

static void emitDFT(NodeContext &node) {
  RankedTensorType type = node.getInputType(0);
  int64_t rank = type.getRank();
  Transform transform;
  transform.inverse = node.getBool("inverse", false);
  transform.onesided = node.getBool("onesided", false);
  int64_t axis = node.getVersion() < 20 ? node.getInt("axis", 1) : -2;
  if (node.getVersion() >= 20 && node.hasInput(2)) {
    auto given = getKnownInt(node, 2, "axis", -rank);
    if (!given)
      return;
    axis = *given;
  }
  axis = node.normalizeAxis(axis, rank);
  if (node.hasFailed())
    return;
  if (rank < 2 || axis == rank - 1 || type.isDynamicDim(axis) ||
      (type.getShape().back() != 1 && type.getShape().back() != 2))
    return (void)node.error("expected a signal of fixed length along the "
                            "axis, and 1 or 2 numbers in the last dimension");
  transform.inputs = type.getDimSize(axis);
  transform.parts = type.getShape().back();
  transform.length = transform.inverse && transform.onesided
                         ? 2 * (transform.inputs - 1)
                         : transform.inputs;
  if (node.hasInput(1)) {
    auto length = getKnownInt(node, 1, "dft_length", 1);
    if (!length)
      return;
    transform.length = *length;
  }
  // Elements beyond those that the transform takes are cut off; missing ones
  // are zeros, which weigh nothing.
  int64_t most = transform.inverse && transform.onesided
                     ? transform.length / 2 + 1
                     : transform.length;
  int64_t taken = std::min(transform.inputs, most);
  int64_t rows = taken * transform.parts,
          columns = transform.getOutputs() * transform.getOutputParts();
  if (transform.length < 1 || taken < 1 ||
      columns > mostTableElements / std::max<int64_t>(rows, 1))
    return (void)node.unsupported(" on so long a signal");

  Value x = node.getOperand(0);
  if (taken < transform.inputs) {
    SmallVector<int64_t> sizes;
    for (int64_t size : type.getShape())
      sizes.push_back(ShapedType::isDynamic(size) ? -1 : size);
    sizes[axis] = taken;
    x = node.create<SliceOp>(
        x, {node.i64s("starts", SmallVector<int64_t>(rank, 0)),
            node.i64s("sizes", sizes),
            node.i64s("steps", SmallVector<int64_t>(rank, 1))});
  }
  // The axis goes to the end, before the numbers of an element.
  SmallVector<int64_t> perm, back(rank), shape;
  for (int64_t d = 0; d < rank - 1; ++d)
    if (d != axis)
      perm.push_back(d);
  perm.append({axis, rank - 1});
  for (auto [d, from] : llvm::enumerate(perm))
    back[from] = d;
  for (int64_t d : ArrayRef(perm).drop_back(2))
    shape.push_back(type.getDimSize(d));
  if (axis != rank - 2)
    x = node.createTranspose(x, perm);
  SmallVector<int64_t> flat(shape), full(shape);
  if (flat.empty())
    flat.push_back(1);
  flat.push_back(rows);
  x = node.createReshape(x, flat);
  std::vector<double> matrix;
  matrix.reserve(rows * columns);
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j)
      matrix.push_back(transform.getWeight(
          i / transform.parts, i % transform.parts,
          j / transform.getOutputParts(), j % transform.getOutputParts()));
  Value product = node.create<MatMulOp>(
      {x, createReals(node, {rows, columns}, matrix, type.getElementType())});
  full.append({transform.getOutputs(), transform.getOutputParts()});
  product = node.createReshape(product, full);
  if (axis != rank - 2)
    product = node.createTranspose(product, back);
  node.setResult(0, product);
}

/// Frames of a signal, weighted by the window, transformed: a convolution
/// with steps of frame_step.
static void emitSTFT(NodeContext &node) {
  RankedTensorType type = node.getInputType(0);
  Transform transform;
  transform.inverse = false;
  transform.onesided = node.getBool("onesided", true);
  auto step = getKnownInt(node, 1, "frame_step", 1);
  if (!step)
    return;
  if (type.getRank() < 2 || type.getRank() > 3 || type.isDynamicDim(1))
    return (void)node.error("expected a signal of shape [N, length, 1 or 2] "
                            "with a fixed length");
  transform.parts = type.getRank() == 3 ? type.getDimSize(2) : 1;
  if (transform.parts != 1 && transform.parts != 2)
    return (void)node.error("expected a signal of real or complex numbers");
  bool hasWindow = node.hasInput(2);
  int64_t length = type.getDimSize(1);
  if (hasWindow) {
    RankedTensorType window = node.getInputType(2);
    if (window.getRank() != 1 || window.isDynamicDim(0))
      return (void)node.error("expected a window of fixed length");
    length = window.getDimSize(0);
  }
  if (node.hasInput(3)) {
    auto given = getKnownInt(node, 3, "frame_length", 1);
    if (!given)
      return;
    if (hasWindow && *given != length)
      return (void)node.error("expected a window of frame_length elements");
    length = *given;
  }
  transform.length = transform.inputs = length;
  int64_t outputs = transform.getOutputs();
  if (length < 1 || length > type.getDimSize(1))
    return (void)node.error("expected frames that fit into the signal");
  if (outputs * 4 > mostTableElements / length)
    return (void)node.unsupported(" on so long frames");

  // Weights [frequencies * 2, parts, 1, length]: a picture of height 1.
  Type elementType = type.getElementType();
  std::vector<double> weights;
  forEachElement(
      {outputs, 2, transform.parts, length}, [&](ArrayRef<int64_t> at) {
        weights.push_back(transform.getWeight(at[3], at[2], at[0], at[1]));
      });
  Value kernel = createReals(node, {outputs * 2, transform.parts, 1, length},
                             weights, elementType);
  if (hasWindow)
    kernel = node.create<MulOp>({kernel, node.getOperand(2)});
  Value x = node.createReshape(
      node.getOperand(0),
      {type.getDimSize(0), 1, type.getDimSize(1), transform.parts});
  x = node.createTranspose(x, {0, 3, 1, 2});
  Value frames = node.create<ConvOp>(
      {x, kernel},
      {node.i64s("strides", {1, *step}), node.i64s("dilations", {1, 1}),
       node.i64s("pads", {0, 0, 0, 0}), node.i64("groups", 1),
       node.attr("layout",
                 LayoutAttr::get(node.getContext(), Layout::ChannelsFirst))});
  frames = node.createTranspose(frames, {0, 2, 3, 1});
  int64_t count = (type.getDimSize(1) - length) / *step + 1;
  node.setResult(
      0, node.createReshape(frames, {type.getDimSize(0), count, outputs, 2}));
}

ArrayRef<Operator> frontend::getSignalOperators() {
  constexpr int64_t last = newestOpset;
  static const Operator rows[] = {
      {"HannWindow", 17, last, 1, 1, nullptr, emitHannWindow},
      {"HammingWindow", 17, last, 1, 1, nullptr, emitHammingWindow},
      {"BlackmanWindow", 17, last, 1, 1, nullptr, emitBlackmanWindow},
      {"MelWeightMatrix", 17, last, 5, 5, nullptr, emitMelWeightMatrix},
      {"DFT", 17, last, 1, 3, nullptr, emitDFT},
      {"STFT", 17, last, 2, 4, nullptr, emitSTFT},
  };
  return rows;
}
