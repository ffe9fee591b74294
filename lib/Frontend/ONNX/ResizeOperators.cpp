//===- ResizeOperators.cpp - tensors at another resolution ----------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Importer.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace mpc;
using namespace mpc::frontend;

/// Results beyond this in one dimension are no one's.
static constexpr double mostResizedElements = 1 << 30;

namespace {
/// What mpc.resize is told, one entry per dimension of the input.
struct Resizing {
  SmallVector<int64_t> sizes;
  SmallVector<double> scales, roi;
};
} // namespace

/// Numbers that have to be known: a list of floating-point values.
static std::optional<SmallVector<double>>
getKnownReals(NodeContext &node, unsigned index, StringRef what) {
  std::optional<KnownTensor> known = node.getRequiredKnown(index, what);
  if (!known)
    return std::nullopt;
  if (!known->isReal() || known->getRank() > 1)
    return (void)node.error("expected " + what +
                            " to be a list of floating-point numbers"),
           std::nullopt;
  return known->reals;
}

/// Whether an optional input is there; older models pass an empty tensor.
static bool isGiven(NodeContext &node, unsigned index) {
  return node.hasInput(index) &&
         node.getInputType(index).getShape() != ArrayRef<int64_t>(0);
}

/// The axes that sizes, scales and regions are given for: all, or those of the
/// attribute in its order.
static std::optional<SmallVector<int64_t>> readAxes(NodeContext &node) {
  int64_t rank = node.getInputRank(0);
  if (!node.hasAttribute("axes"))
    return llvm::to_vector(llvm::seq<int64_t>(0, rank));
  SmallVector<int64_t> axes;
  for (int64_t axis : node.getInts("axes"))
    axes.push_back(node.normalizeAxis(axis, rank));
  node.normalizeAxes(axes, rank); // distinct
  if (node.hasFailed())
    return std::nullopt;
  return axes;
}

/// Sizes from scales, rounded down, as ONNX Runtime computes them: in f32.
static LogicalResult applyScales(NodeContext &node, Resizing &resizing,
                                 ArrayRef<int64_t> axes,
                                 ArrayRef<double> scales) {
  RankedTensorType type = node.getInputType(0);
  if (scales.size() != axes.size())
    return node.error("expected " + Twine(axes.size()) + " scales, but got " +
                      Twine(scales.size()));
  for (auto [axis, scale] : llvm::zip(axes, scales)) {
    if (!(scale > 0) || !std::isfinite(scale))
      return node.error("expected positive scales, but got " +
                        Twine(std::to_string(scale)));
    resizing.scales[axis] = scale;
    if (type.isDynamicDim(axis)) {
      if (scale != 1)
        return node.error("the symbolic batch cannot be resized; --shape can "
                          "fix it");
      continue;
    }
    float size =
        static_cast<float>(scale) * static_cast<float>(type.getDimSize(axis));
    if (size > mostResizedElements)
      return node.error("result is too large");
    resizing.sizes[axis] = static_cast<int64_t>(size);
  }
  return success();
}

/// Scales from sizes, which the policy may make smaller or larger.
static LogicalResult applySizes(NodeContext &node, Resizing &resizing,
                                ArrayRef<int64_t> axes, ArrayRef<Size> sizes,
                                StringRef policy) {
  RankedTensorType type = node.getInputType(0);
  if (sizes.size() != axes.size())
    return node.error("expected " + Twine(axes.size()) + " sizes, but got " +
                      Twine(sizes.size()));
  double common = 0;
  for (auto [axis, size] : llvm::zip(axes, sizes)) {
    if (type.isDynamicDim(axis)) {
      if (!size.isBatch())
        return node.error("the symbolic batch cannot be resized; --shape can "
                          "fix it");
      if (policy != "stretch")
        return node.error("keep_aspect_ratio_policy depends on the batch "
                          "size, which is not known; --shape can fix it");
      continue;
    }
    if (!size.isConstant())
      return node.error("sizes depend on the batch size, which is not known; "
                        "--shape can fix it");
    int64_t from = type.getDimSize(axis);
    if (size.offset < 1 || size.offset > mostResizedElements || from < 1)
      return node.error("expected sizes from 1 to " +
                        Twine(static_cast<int64_t>(mostResizedElements)) +
                        ", but got " + Twine(size.offset) + " for " +
                        Twine(from));
    resizing.sizes[axis] = size.offset;
    double scale = static_cast<double>(size.offset) / static_cast<double>(from);
    resizing.scales[axis] = scale;
    if (common == 0)
      common = scale;
    common = policy == "not_larger" ? std::min(common, scale)
                                    : std::max(common, scale);
  }
  if (policy == "stretch")
    return success();
  for (int64_t axis : axes) {
    double size = common * static_cast<double>(type.getDimSize(axis));
    if (size > mostResizedElements)
      return node.error("result is too large");
    resizing.scales[axis] = common;
    resizing.sizes[axis] = static_cast<int64_t>(size + 0.5);
  }
  return success();
}

/// The size that leaves every dimension as it is.
static Resizing makeIdentity(RankedTensorType type) {
  Resizing result;
  for (int64_t size : type.getShape())
    result.sizes.push_back(ShapedType::isDynamic(size) ? -1 : size);
  result.scales.assign(type.getRank(), 1);
  return result;
}

static void createResize(NodeContext &node, const Resizing &resizing,
                         Interpolation mode, Coordinates coordinates,
                         NearestRounding rounding,
                         ArrayRef<NamedAttribute> others = {}) {
  MLIRContext *context = node.getContext();
  SmallVector<NamedAttribute> attributes(others);
  OpBuilder &builder = node.getBuilder();
  attributes.append(
      {node.i64s("sizes", resizing.sizes),
       node.attr("scales", builder.getDenseF64ArrayAttr(resizing.scales)),
       node.attr("mode", InterpolationAttr::get(context, mode)),
       node.attr("coordinates", CoordinatesAttr::get(context, coordinates)),
       node.attr("rounding", NearestRoundingAttr::get(context, rounding))});
  if (coordinates == Coordinates::TFCropAndResize)
    attributes.push_back(
        node.attr("roi", builder.getDenseF64ArrayAttr(resizing.roi)));
  node.setResult(0, node.create<ResizeOp>(node.getOperand(0), attributes));
}

static std::optional<Interpolation> readMode(NodeContext &node) {
  StringRef mode = node.getString("mode", "nearest");
  auto result = llvm::StringSwitch<std::optional<Interpolation>>(mode)
                    .Case("nearest", Interpolation::Nearest)
                    .Cases({"linear", "bilinear"}, Interpolation::Linear)
                    .Case("cubic", Interpolation::Cubic)
                    .Default(std::nullopt);
  if (!result)
    (void)node.error("attribute 'mode': expected nearest, linear or cubic, "
                     "but got '" +
                     mode + "'");
  return result;
}

/// Upsample, and Resize of version 10: scales only, and the nearest element is
/// the one before, or behind where Resize makes less of them.
static void emitUpsample(NodeContext &node) {
  auto mode = readMode(node);
  SmallVector<double> scales;
  if (node.hasInput(1)) {
    auto known = getKnownReals(node, 1, "scales");
    if (!known)
      return;
    scales = *known;
  } else if (node.hasAttribute("scales")) {
    scales = node.getFloats("scales");
  } else if (node.hasAttribute("height_scale")) { // version 1
    scales = {1, 1, node.getFloat("height_scale", 1),
              node.getFloat("width_scale", 1)};
  } else {
    return (void)node.error("expected scales");
  }
  Resizing resizing = makeIdentity(node.getInputType(0));
  auto axes = llvm::to_vector(llvm::seq<int64_t>(0, node.getInputRank(0)));
  if (!mode || node.hasFailed() ||
      failed(applyScales(node, resizing, axes, scales)))
    return;
  bool shrinks = llvm::any_of(scales, [](double scale) { return scale < 1; });
  createResize(node, resizing, *mode, Coordinates::Asymmetric,
               shrinks ? NearestRounding::Ceil : NearestRounding::Floor);
}

static void emitResize(NodeContext &node) {
  if (node.getVersion() < 11)
    return emitUpsample(node);
  auto mode = readMode(node);
  StringRef transformation =
      node.getString("coordinate_transformation_mode", "half_pixel");
  // Names are those of the attributes of mpc.resize.
  std::optional<Coordinates> coordinates = symbolizeCoordinates(transformation);
  StringRef nearest = node.getString("nearest_mode", "round_prefer_floor");
  std::optional<NearestRounding> rounding = symbolizeNearestRounding(nearest);
  double coefficient = node.getFloat("cubic_coeff_a", -0.75);
  double outside = node.getFloat("extrapolation_value", 0);
  bool excludes = node.getBool("exclude_outside", false);
  bool antialias = node.getBool("antialias", false);
  StringRef policy = node.getString("keep_aspect_ratio_policy", "stretch");
  auto axes = readAxes(node);
  if (!coordinates)
    (void)node.error("attribute 'coordinate_transformation_mode': unknown "
                     "value '" +
                     transformation + "'");
  if (!rounding)
    (void)node.error("attribute 'nearest_mode': unknown value '" + nearest +
                     "'");
  if (policy != "stretch" && policy != "not_larger" && policy != "not_smaller")
    (void)node.error("attribute 'keep_aspect_ratio_policy': unknown value '" +
                     policy + "'");
  if (!mode || !axes || node.hasFailed())
    return;

  RankedTensorType type = node.getInputType(0);
  Resizing resizing = makeIdentity(type);
  bool hasScales = isGiven(node, 2), hasSizes = isGiven(node, 3);
  if (hasScales == hasSizes)
    return (void)node.error("expected either scales or sizes");
  if (hasScales) {
    auto scales = getKnownReals(node, 2, "scales");
    if (!scales || failed(applyScales(node, resizing, *axes, *scales)))
      return;
  } else {
    auto sizes = node.getRequiredKnown(3, "sizes");
    if (!sizes)
      return;
    if (sizes->isReal() || sizes->getRank() > 1)
      return (void)node.error("expected sizes to be a list of integers");
    if (failed(applySizes(node, resizing, *axes, sizes->ints, policy)))
      return;
  }
  if (*coordinates == Coordinates::TFCropAndResize) {
    if (!isGiven(node, 1))
      return (void)node.error("expected a region of interest");
    auto roi = getKnownReals(node, 1, "roi");
    if (!roi)
      return;
    if (roi->size() != 2 * axes->size())
      return (void)node.error("expected " + Twine(2 * axes->size()) +
                              " numbers in roi, but got " + Twine(roi->size()));
    size_t rank = type.getRank();
    resizing.roi.assign(rank, 0);
    resizing.roi.append(rank, 1);
    for (auto [i, axis] : llvm::enumerate(*axes)) {
      resizing.roi[axis] = (*roi)[i];
      resizing.roi[rank + axis] = (*roi)[axes->size() + i];
    }
  }
  SmallVector<NamedAttribute> attributes;
  if (*mode == Interpolation::Cubic)
    attributes.push_back(node.f64("cubic_coeff", coefficient));
  auto unit = UnitAttr::get(node.getContext());
  if (excludes && *mode != Interpolation::Nearest)
    attributes.push_back(node.attr("exclude_outside", unit));
  // Where nothing shrinks, there is nothing to smooth.
  if (antialias && *mode != Interpolation::Nearest)
    attributes.push_back(node.attr("antialias", unit));
  if (*coordinates == Coordinates::TFCropAndResize)
    attributes.push_back(node.f64("extrapolation_value", outside));
  createResize(node, resizing, *mode, *coordinates, *rounding, attributes);
}

ArrayRef<Operator> frontend::getResizeOperators() {
  static const Operator rows[] = {
      {"Upsample", 1, 9, 1, 2, nullptr, emitUpsample},
      {"Resize", 10, newestOpset, 1, 4, nullptr, emitResize},
  };
  return rows;
}
