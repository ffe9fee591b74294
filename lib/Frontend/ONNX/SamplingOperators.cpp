//===- SamplingOperators.cpp - values at computed positions ---------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Composition.h"
#include "TransposedConvolution.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace mpc;
using namespace mpc::frontend;

/// Constants that an operator stands for are not larger than this.
static constexpr int64_t mostTableElements = int64_t(1) << 26;

static Value createSlice(NodeContext &node, Value input,
                         ArrayRef<int64_t> starts, ArrayRef<int64_t> sizes,
                         ArrayRef<int64_t> steps) {
  return node.create<SliceOp>(input, {node.i64s("starts", starts),
                                      node.i64s("sizes", sizes),
                                      node.i64s("steps", steps)});
}

/// A size as mpc.slice writes it.
static int64_t getSliceSize(int64_t size) {
  return ShapedType::isDynamic(size) ? -1 : size;
}

/// The type that positions are computed in: f16 could not tell neighbouring
/// elements apart.
static Type getPositionType(NodeContext &node, Type elementType) {
  return elementType.isF64() ? elementType : node.getBuilder().getF32Type();
}

//===----------------------------------------------------------------------===//
// Grids
//===----------------------------------------------------------------------===//

static void emitGridSample(NodeContext &node) {
  RankedTensorType type = node.getInputType(0), gridType = node.getInputType(1);
  StringRef mode = node.getString("mode", "linear");
  StringRef padding = node.getString("padding_mode", "zeros");
  bool align = node.getBool("align_corners", false);
  auto interpolation = llvm::StringSwitch<std::optional<Interpolation>>(mode)
                           .Case("nearest", Interpolation::Nearest)
                           .Cases({"linear", "bilinear"}, Interpolation::Linear)
                           .Cases({"cubic", "bicubic"}, Interpolation::Cubic)
                           .Default(std::nullopt);
  std::optional<SamplePadding> beyond = symbolizeSamplePadding(padding);
  if (!interpolation)
    (void)node.error("attribute 'mode': expected nearest, linear or cubic, "
                     "but got '" +
                     mode + "'");
  if (!beyond)
    (void)node.error("attribute 'padding_mode': expected zeros, border or "
                     "reflection, but got '" +
                     padding + "'");
  if (type.getRank() < 3 || gridType.getRank() != type.getRank() ||
      gridType.getShape().back() != type.getRank() - 2)
    (void)node.error("expected a grid of the input's rank with a position for "
                     "each of its spatial dimensions");
  if (node.hasFailed())
    return;

  // From [-1, 1] to elements; the last spatial dimension comes first.
  int64_t spatialRank = type.getRank() - 2;
  SmallVector<double> sizes;
  for (int64_t size : llvm::reverse(type.getShape().drop_front(2))) {
    if (ShapedType::isDynamic(size))
      return (void)node.error("expected fixed spatial sizes; --shape can fix "
                              "them");
    sizes.push_back(static_cast<double>(align ? size - 1 : size));
  }
  Type positionType = getPositionType(node, gridType.getElementType());
  auto scalar = [&](double value) {
    return node.createScalar(value, positionType);
  };
  Value grid = node.createCast(node.getOperand(1), positionType);
  Value lengths = createReals(node, spatialRank, sizes, positionType);
  Value positions = node.create<AddOp>({grid, scalar(1)});
  if (align) {
    positions = node.create<MulOp>({positions, scalar(0.5)});
    positions = node.create<MulOp>({positions, lengths});
  } else {
    positions = node.create<MulOp>({positions, lengths});
    positions = node.create<SubOp>({positions, scalar(1)});
    positions = node.create<MulOp>({positions, scalar(0.5)});
  }
  MLIRContext *context = node.getContext();
  SmallVector<NamedAttribute> attributes{
      node.attr("mode", InterpolationAttr::get(context, *interpolation)),
      node.attr("padding", SamplePaddingAttr::get(context, *beyond))};
  if (align)
    attributes.push_back(node.attr("align_corners", UnitAttr::get(context)));
  node.setResult(
      0, node.create<SampleOp>({node.getOperand(0), positions}, attributes));
}

/// A matrix product of the regular grid, in homogeneous coordinates, with
/// theta.
static void emitAffineGrid(NodeContext &node) {
  RankedTensorType theta = node.getInputType(0);
  bool align = node.getBool("align_corners", false);
  auto size = node.getRequiredKnown(1, "size");
  if (!size)
    return;
  int64_t spatialRank = size->getNumElements() - 2;
  if (size->isReal() || size->getRank() != 1 || spatialRank < 2 ||
      spatialRank > 3)
    return (void)node.error("expected size to be a list of 4 or 5 integers");
  if (theta.getRank() != 3 || theta.getDimSize(1) != spatialRank ||
      theta.getDimSize(2) != spatialRank + 1 ||
      !(Size::ofDim(theta.getDimSize(0)) == size->ints[0]))
    return (void)node.error("expected theta of shape [N, " +
                            Twine(spatialRank) + ", " + Twine(spatialRank + 1) +
                            "] with N as in size");
  SmallVector<int64_t> extents;
  for (Size extent : ArrayRef(size->ints).drop_front(2)) {
    if (!extent.isConstant() || extent.offset < 1 ||
        extent.offset > mostTableElements)
      return (void)node.error("expected fixed, positive sizes");
    extents.push_back(extent.offset);
  }
  auto count = countElements(extents);
  if (failed(count) || *count > mostTableElements / (spatialRank + 1))
    return (void)node.error("result is too large");
  std::vector<double> grid;
  forEachElement(extents, [&](ArrayRef<int64_t> at) {
    for (int64_t d = spatialRank; d-- > 0;) {
      auto n = static_cast<double>(extents[d]);
      auto i = static_cast<double>(at[d]);
      double step = align ? 2 / std::max(n - 1, 1.0) : 2 / n;
      grid.push_back(-1 + (align ? i : i + 0.5) * step);
    }
    grid.push_back(1);
  });
  Value points = createReals(node, {1, *count, spatialRank + 1}, grid,
                             theta.getElementType());
  Value result = node.create<MatMulOp>(
      {points, node.getOperand(0)},
      node.attr("transpose_b", UnitAttr::get(node.getContext())));
  SmallVector<int64_t> shape{theta.getDimSize(0)};
  shape.append(extents);
  shape.push_back(spatialRank);
  node.setResult(0, node.createReshape(result, shape));
}

//===----------------------------------------------------------------------===//
// Regions of interest
//===----------------------------------------------------------------------===//

static Value createRoiPool(NodeContext &node, ArrayRef<Value> operands,
                           RoiPoolKind kind, ArrayRef<int64_t> outputSize,
                           int64_t samplingRatio, double scale,
                           bool halfPixel) {
  SmallVector<NamedAttribute> attributes{
      node.attr("kind", RoiPoolKindAttr::get(node.getContext(), kind)),
      node.i64s("output_size", outputSize),
      node.i64("sampling_ratio", samplingRatio),
      node.f64("spatial_scale", scale)};
  if (halfPixel)
    attributes.push_back(
        node.attr("half_pixel", UnitAttr::get(node.getContext())));
  return node.create<RoiPoolOp>(operands, attributes);
}

static void emitRoiAlign(NodeContext &node) {
  StringRef mode = node.getString("mode", "avg");
  bool hasTransformation = node.getVersion() >= 16;
  StringRef transformation =
      hasTransformation
          ? node.getString("coordinate_transformation_mode", "half_pixel")
          : "output_half_pixel";
  int64_t height = node.getInt("output_height", 1),
          width = node.getInt("output_width", 1),
          ratio = node.getInt("sampling_ratio", 0);
  double scale = node.getFloat("spatial_scale", 1);
  if (mode != "avg" && mode != "max")
    return (void)node.error("attribute 'mode': expected avg or max, but got '" +
                            mode + "'");
  if (transformation != "half_pixel" && transformation != "output_half_pixel")
    return (void)node.error("attribute 'coordinate_transformation_mode': "
                            "unknown value '" +
                            transformation + "'");
  SmallVector<Value> operands;
  for (unsigned i = 0; i < 3; ++i)
    operands.push_back(node.getOperand(i));
  node.setResult(0, createRoiPool(node, operands,
                                  mode == "avg" ? RoiPoolKind::AlignAverage
                                                : RoiPoolKind::AlignMax,
                                  {height, width}, ratio, scale,
                                  transformation == "half_pixel"));
}

/// Regions are [batch index, x1, y1, x2, y2].
static void emitMaxRoiPool(NodeContext &node) {
  SmallVector<int64_t> outputSize = node.getRequiredInts("pooled_shape");
  double scale = node.getFloat("spatial_scale", 1);
  RankedTensorType rois = node.getInputType(1);
  if (rois.getRank() != 2 || rois.getDimSize(1) != 5)
    return (void)node.error("expected regions of shape [R, 5]");
  int64_t count = getSliceSize(rois.getDimSize(0));
  Value regions = node.getOperand(1);
  Value batches = createSlice(node, regions, {0, 0}, {count, 1}, {1, 1});
  batches = node.createCast(batches, node.getBuilder().getI64Type());
  batches = node.createReshape(batches, rois.getDimSize(0));
  Value corners = createSlice(node, regions, {0, 1}, {count, 4}, {1, 1});
  node.setResult(0,
                 createRoiPool(node, {node.getOperand(0), corners, batches},
                               RoiPoolKind::Max, outputSize, 0, scale, false));
}

//===----------------------------------------------------------------------===//
// Deformable convolution
//===----------------------------------------------------------------------===//

/// What the taps read is sampled and weighted by the mask; the rest is a
/// convolution with one tap.
static void emitDeformConv(NodeContext &node) {
  RankedTensorType type = node.getInputType(0), weights = node.getInputType(1),
                   offsets = node.getInputType(2);
  int64_t groups = node.getInt("group", 1),
          parts = node.getInt("offset_group", 1);
  if (type.getRank() != 4 || weights.getRank() != 4 || offsets.getRank() != 4)
    return (void)node.unsupported(
        " on inputs of other ranks than 4 (batch, channels, height, width)");
  auto windows = readWindows(node, weights.getShape().drop_front(2));
  if (!windows)
    return;
  int64_t batch = type.getDimSize(0), channels = type.getDimSize(1),
          height = offsets.getDimSize(2), width = offsets.getDimSize(3);
  int64_t taps = windows->kernel[0] * windows->kernel[1];
  if (!weights.hasStaticShape() || ShapedType::isDynamic(channels) ||
      ShapedType::isDynamic(height) || ShapedType::isDynamic(width) ||
      type.isDynamicDim(2) || type.isDynamicDim(3))
    return (void)node.error("expected fixed sizes but for the batch; --shape "
                            "can fix them");
  if (parts < 1 || parts > channels || channels % parts != 0 || groups < 1 ||
      groups > channels || channels % groups != 0 ||
      weights.getDimSize(1) != channels / groups ||
      offsets.getDimSize(0) != batch ||
      offsets.getDimSize(1) != 2 * taps * parts)
    return (void)node.error("expected groups that divide " + Twine(channels) +
                            " channels, and two offsets per tap");
  for (int64_t d = 0; d < 2; ++d) {
    int64_t size =
        (type.getDimSize(2 + d) + windows->pads[d] + windows->pads[2 + d] -
         (windows->kernel[d] - 1) * windows->dilations[d] - 1) /
            windows->strides[d] +
        1;
    if (size != offsets.getDimSize(2 + d))
      return (void)node.error("expected offsets for " + Twine(size) +
                              " windows in spatial dimension " + Twine(d) +
                              ", but got " + Twine(offsets.getDimSize(2 + d)));
  }
  auto count = countElements({taps, height, width, 2});
  if (failed(count) || *count > mostTableElements)
    return (void)node.error("result is too large");

  // Where the taps would read without offsets, x before y.
  std::vector<double> places;
  forEachElement({taps, height, width}, [&](ArrayRef<int64_t> at) {
    for (int64_t d : {1, 0}) {
      int64_t tap = d ? at[0] % windows->kernel[1] : at[0] / windows->kernel[1];
      places.push_back(static_cast<double>(at[1 + d] * windows->strides[d] -
                                           windows->pads[d] +
                                           tap * windows->dilations[d]));
    }
  });
  Type positionType = getPositionType(node, offsets.getElementType());
  int64_t sliced = getSliceSize(batch);
  Value moves = node.createCast(node.getOperand(2), positionType);
  moves = node.createReshape(moves, {batch, parts, taps, 2, height, width});
  moves =
      createSlice(node, moves, {0, 0, 0, 1, 0, 0},
                  {sliced, parts, taps, 2, height, width}, {1, 1, 1, -1, 1, 1});
  moves = node.createTranspose(moves, {0, 1, 2, 4, 5, 3});
  Value positions =
      node.create<AddOp>({moves, createReals(node, {taps, height, width, 2},
                                             places, positionType)});
  Value x = node.createReshape(
      node.getOperand(0),
      {batch, parts, channels / parts, type.getDimSize(2), type.getDimSize(3)});
  MLIRContext *context = node.getContext();
  Value samples = node.create<SampleOp>(
      {x, positions},
      {node.attr("mode",
                 InterpolationAttr::get(context, Interpolation::Linear)),
       node.attr("padding",
                 SamplePaddingAttr::get(context, SamplePadding::Zeros)),
       node.i64("batch_dims", 2)});
  if (node.hasInput(4)) {
    if (node.getInputType(4).getShape() !=
        ArrayRef<int64_t>({batch, parts * taps, height, width}))
      return (void)node.error("expected a mask with one entry per tap");
    Value mask = node.createReshape(node.getOperand(4),
                                    {batch, parts, 1, taps, height, width});
    samples = node.create<MulOp>({samples, mask});
  }
  samples =
      node.createReshape(samples, {batch, channels * taps, height, width});
  Value kernel =
      node.createReshape(node.getOperand(1), {weights.getDimSize(0),
                                              channels / groups * taps, 1, 1});
  SmallVector<Value> operands{samples, kernel};
  if (node.hasInput(3))
    operands.push_back(node.getOperand(3));
  node.setResult(
      0, node.create<ConvOp>(
             operands,
             {node.i64s("strides", {1, 1}), node.i64s("dilations", {1, 1}),
              node.i64s("pads", {0, 0, 0, 0}), node.i64("groups", groups),
              node.attr("layout",
                        LayoutAttr::get(context, Layout::ChannelsFirst))}));
}

//===----------------------------------------------------------------------===//
// Col2Im, CenterCropPad
//===----------------------------------------------------------------------===//

/// Columns are added up where they overlap: a transposed convolution, each
/// channel's taps with a weight of 1 for their own place.
static void emitCol2Im(NodeContext &node) {
  RankedTensorType type = node.getInputType(0);
  auto image = node.getKnownInts(1, "image_shape");
  auto block = node.getKnownInts(2, "block_shape");
  if (!image || !block)
    return;
  size_t rank = image->size();
  auto strides = readExtents(node, "strides", rank, 1, 1);
  auto dilations = readExtents(node, "dilations", rank, 1, 1);
  auto pads = readExtents(node, "pads", 2 * rank, 0, 0);
  if (!strides || !dilations || !pads)
    return;
  if (rank < 1 || rank > 3)
    return (void)node.unsupported(" on more than 3 spatial dimensions");
  if (type.getRank() != 3 || block->size() != rank || type.isDynamicDim(1) ||
      type.isDynamicDim(2))
    return (void)node.error("expected columns of shape [N, C * block, L], and "
                            "as many block sizes as image sizes");
  TransposedWindows windows{*block, *strides, *dilations, {}, *image};
  SmallVector<int64_t> shape{type.getDimSize(0), type.getDimSize(1)};
  for (size_t d = 0; d < rank; ++d) {
    int64_t size = (*image)[d], extent = (*block)[d];
    if (size < 1 || size > mostExtent || extent < 1 || extent > mostExtent)
      return (void)node.error("expected positive image and block sizes");
    windows.pads.push_back((*pads)[d]);
    int64_t room = size + (*pads)[d] + (*pads)[rank + d] -
                   (extent - 1) * (*dilations)[d] - 1;
    if (room < 0)
      return (void)node.error("expected blocks that fit into the image");
    shape.push_back(room / (*strides)[d] + 1);
  }
  auto taps = countElements(*block);
  auto columns = countElements(ArrayRef(shape).drop_front(2));
  int64_t channels = type.getDimSize(1);
  if (failed(taps) || failed(columns) || *columns != type.getDimSize(2) ||
      *taps > channels || channels % *taps != 0 ||
      channels > mostTableElements / *taps)
    return (void)node.error("expected columns whose number and size follow "
                            "from the image and the block");
  std::vector<double> ones(channels * *taps, 0.0);
  for (int64_t i = 0; i < channels; ++i)
    ones[i * *taps + i % *taps] = 1;
  SmallVector<int64_t> weights{channels, 1};
  llvm::append_range(weights, *block);
  Value columnsAtPlace = node.createReshape(node.getOperand(0), shape);
  if (!isa<FloatType>(type.getElementType()))
    return (void)node.unsupported(" on integers");
  Value kernel = createReals(node, weights, ones, type.getElementType());
  if (!node.hasFailed())
    node.setResult(0, createTransposedConvolution(node, windows, columnsAtPlace,
                                                  kernel, Value(),
                                                  channels / *taps));
}

static void emitCenterCropPad(NodeContext &node) {
  RankedTensorType type = node.getInputType(0);
  int64_t rank = type.getRank();
  SmallVector<int64_t> axes = llvm::to_vector(llvm::seq<int64_t>(0, rank));
  if (node.hasAttribute("axes")) {
    axes.clear();
    for (int64_t axis : node.getInts("axes"))
      axes.push_back(node.normalizeAxis(axis, rank));
    node.normalizeAxes(axes, rank); // distinct
  }
  auto target = node.getRequiredKnown(1, "shape");
  if (!target || node.hasFailed())
    return;
  if (target->isReal() || target->getRank() != 1 ||
      target->getNumElements() != static_cast<int64_t>(axes.size()))
    return (void)node.error("expected a list of " + Twine(axes.size()) +
                            " integers as shape");
  SmallVector<int64_t> starts(rank, 0), low(rank, 0), high(rank, 0), sizes;
  for (int64_t size : type.getShape())
    sizes.push_back(getSliceSize(size));
  bool crops = false, pads = false;
  for (auto [axis, wanted] : llvm::zip(axes, target->ints)) {
    if (wanted == Size::ofDim(type.getDimSize(axis)))
      continue;
    if (!wanted.isConstant() || type.isDynamicDim(axis))
      return (void)node.error("the symbolic batch cannot be cropped or padded; "
                              "--shape can fix it");
    int64_t size = type.getDimSize(axis);
    if (wanted.offset < 0 || wanted.offset > mostExtent)
      return (void)node.error("expected sizes from 0 to " + Twine(mostExtent));
    if (wanted.offset < size) {
      crops = true;
      starts[axis] = (size - wanted.offset) / 2;
      sizes[axis] = wanted.offset;
    } else {
      pads = true;
      low[axis] = (wanted.offset - size) / 2;
      high[axis] = wanted.offset - size - low[axis];
    }
  }
  Value value = node.getOperand(0);
  if (crops)
    value =
        createSlice(node, value, starts, sizes, SmallVector<int64_t>(rank, 1));
  if (pads)
    value = node.create<PadOp>(
        value,
        {node.i64s("low", low), node.i64s("high", high), node.f64("value", 0)});
  node.setResult(0, value);
}

//===----------------------------------------------------------------------===//
// Operators that ONNX tried and dropped, and that models of that time have
//===----------------------------------------------------------------------===//

/// x * scale + bias[channel].
static void emitImageScaler(NodeContext &node) {
  RankedTensorType type = node.getInputType(0);
  double scale = node.getFloat("scale", 1);
  SmallVector<double> bias = node.getFloats("bias");
  if (type.getRank() != 4 ||
      static_cast<int64_t>(bias.size()) != type.getDimSize(1))
    return (void)node.error("expected a picture and a bias per channel");
  Type elementType = type.getElementType();
  if (!isa<FloatType>(elementType))
    return (void)node.error("expected floating-point elements");
  Value scaled = node.create<MulOp>(
      {node.getOperand(0), node.createScalar(scale, elementType)});
  node.setResult(0, node.create<AddOp>(
                        {scaled, createReals(node, {type.getDimSize(1), 1, 1},
                                             bias, elementType)}));
}

/// alpha * x + beta.
static void emitAffine(NodeContext &node) {
  double alpha = node.getFloat("alpha", 1), beta = node.getFloat("beta", 0);
  Type elementType = node.getInputType(0).getElementType();
  Value scaled = node.create<MulOp>(
      {node.getOperand(0), node.createScalar(alpha, elementType)});
  node.setResult(
      0, node.create<AddOp>({scaled, node.createScalar(beta, elementType)}));
}

/// What is left without the border, or `scale` (height, width) of it.
static void emitCrop(NodeContext &node) {
  RankedTensorType type = node.getInputType(0);
  SmallVector<int64_t> border = node.getRequiredInts("border"),
                       size = node.getInts("scale");
  if (node.hasFailed())
    return;
  if (type.getRank() != 4 || border.size() != 4 ||
      (!size.empty() && size.size() != 2))
    return (void)node.error("expected a picture, and a border of left, top, "
                            "right, bottom");
  SmallVector<int64_t> starts{0, 0, border[1], border[0]};
  SmallVector<int64_t> sizes{getSliceSize(type.getDimSize(0)),
                             type.getDimSize(1)};
  for (int64_t d = 0; d < 2; ++d) {
    int64_t extent = type.getDimSize(2 + d), low = border[1 - d],
            high = border[3 - d];
    if (ShapedType::isDynamic(extent) || low < 0 || high < 0 || low > extent ||
        high > extent - low)
      return (void)node.error("expected a border inside of the picture");
    int64_t rest = extent - low - high;
    if (!size.empty() && (size[d] < 0 || size[d] > extent - low))
      return (void)node.error("expected a size inside of the picture");
    sizes.push_back(size.empty() ? rest : size[d]);
  }
  node.setResult(
      0, createSlice(node, node.getOperand(0), starts, sizes, {1, 1, 1, 1}));
}

ArrayRef<Operator> frontend::getSamplingOperators() {
  constexpr int64_t last = newestOpset;
  static const Operator rows[] = {
      {"GridSample", 16, last, 2, 2, nullptr, emitGridSample},
      {"AffineGrid", 20, last, 2, 2, nullptr, emitAffineGrid},
      {"RoiAlign", 10, last, 3, 3, nullptr, emitRoiAlign},
      {"MaxRoiPool", 1, last, 2, 2, nullptr, emitMaxRoiPool},
      {"DeformConv", 19, last, 3, 5, nullptr, emitDeformConv},
      {"Col2Im", 18, last, 3, 3, nullptr, emitCol2Im},
      {"CenterCropPad", 18, last, 2, 2, nullptr, emitCenterCropPad},
      {"ImageScaler", 1, 10, 1, 1, nullptr, emitImageScaler},
      {"Affine", 1, 10, 1, 1, nullptr, emitAffine},
      {"Crop", 1, 10, 1, 1, nullptr, emitCrop},
  };
  return rows;
}
