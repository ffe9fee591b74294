//===- Preprocess.cpp - pictures as inputs --------------------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// mpc-preprocess: what comes between a decoded picture and a model's input, as
// operations in front of the model. What moves pixels comes first, while they
// are bytes; numbers are computed last, where later passes join them to a
// quantization.
//
//===----------------------------------------------------------------------===//

#include "Border.h"
#include "ConstantUtils.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mpc/Dialect/MPC/MPCDialect.h"
#include "mpc/Support/PrecisionConfig.h"
#include "mpc/Support/PreprocessConfig.h"
#include "mpc/Transforms/Passes.h"
#include "mpc/Transforms/Ranges.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/SHA256.h"
#include <cmath>

namespace mpc {
#define GEN_PASS_DEF_PREPROCESS
#include "mpc/Transforms/Passes.h.inc"
} // namespace mpc

using namespace mlir;
using namespace mpc;

using Size = PreprocessConfig::Size;

/// Height and width as people write them.
static std::string toText(Size size) {
  return std::to_string(size[0]) + "x" + std::to_string(size[1]);
}

/// Whether a dimension of a picture may be its channels: grey, RGB or RGBA.
static bool isChannelCount(int64_t size) {
  return size == 1 || size == 3 || size == 4;
}

/// Sizes as mpc.slice and mpc.resize write them.
static SmallVector<int64_t> toSizes(ArrayRef<int64_t> shape) {
  return llvm::map_to_vector(shape, [](int64_t size) {
    return ShapedType::isDynamic(size) ? -1 : size;
  });
}

namespace {

/// What one input becomes.
class Front {
public:
  Front(BlockArgument argument, const PreprocessConfig::Input &how,
        StringRef file)
      : argument(argument), how(how), file(file),
        model(dyn_cast<RankedTensorType>(argument.getType())),
        builder(argument.getContext()),
        loc(NameLoc::get(builder.getStringAttr("preprocess:" + how.name),
                         argument.getLoc())) {}
  LogicalResult build();

private:
  InFlightDiagnostic fail() {
    return mlir::emitError(UnknownLoc::get(argument.getContext()))
           << "--preprocess: " << file << ": input '" << how.name << "': ";
  }
  LogicalResult plan();
  LogicalResult planNumbers();
  FailureOr<SmallVector<double>> spread(StringRef key, ArrayRef<double> numbers,
                                        double otherwise);
  Value resize(Value value);
  Value move(Value value);
  Value compute(Value value);
  Value applyConstant(Value value, ArrayRef<double> numbers, bool multiplies);

  BlockArgument argument;
  const PreprocessConfig::Input &how;
  StringRef file;
  RankedTensorType model, border;
  OpBuilder builder;
  Location loc;
  bool isPicture = false, modelLast = false, borderLast = false;
  int64_t channels = 1; // 1 where the input is no picture
  Size fed{}, resized{}, cropped{};
  SmallVector<double> factors, offsets; // one per channel
};

/// Checks what is asked for, and finds the type at the border.
LogicalResult Front::plan() {
  if (!model)
    return fail() << "expected a tensor, but it is a " << argument.getType();
  Type element = parseBorderType(how.type, builder);
  isPicture = model.getRank() == 4;
  bool needsPicture = how.channelsLast || how.modelChannelsLast ||
                      how.reversesChannels || how.size || how.resize ||
                      how.crop;
  if (!isPicture) {
    if (needsPicture)
      return fail() << "expected an input of four dimensions for layout, "
                       "color, size, resize and crop, but it is "
                    << model;
    border = model.clone(element);
    return planNumbers();
  }

  ArrayRef<int64_t> shape = model.getShape();
  modelLast = how.modelChannelsLast.value_or(isChannelCount(shape[3]) &&
                                             !isChannelCount(shape[1]));
  borderLast = how.channelsLast.value_or(true);
  channels = modelLast ? shape[3] : shape[1];
  Size own = modelLast ? Size{shape[1], shape[2]} : Size{shape[2], shape[3]};
  if (llvm::any_of(shape.drop_front(), [](int64_t size) {
        return ShapedType::isDynamic(size) || size < 1;
      }))
    return fail() << "expected an input whose channels, height and width are "
                     "known, but it is "
                  << model;
  if (how.reversesChannels && channels != 3)
    return fail() << "color bgr needs three channels, but the model reads "
                  << channels << " of " << model;
  fed = how.getFedSize().value_or(own);
  resized = how.getResized(fed);
  cropped = how.crop.value_or(resized);
  if (cropped[0] > resized[0] || cropped[1] > resized[1])
    return fail() << "expected a crop inside of the picture, but got "
                  << toText(cropped) << " of " << toText(resized)
                  << " (height x width)";
  if (cropped != own)
    return fail() << "expected pictures of " << toText(own)
                  << " (height x width), which the model reads as " << model
                  << ", but size, resize and crop give " << toText(cropped);
  border = RankedTensorType::get(
      borderLast ? ArrayRef<int64_t>{shape[0], fed[0], fed[1], channels}
                 : ArrayRef<int64_t>{shape[0], channels, fed[0], fed[1]},
      element);
  return planNumbers();
}

/// One number per channel.
FailureOr<SmallVector<double>>
Front::spread(StringRef key, ArrayRef<double> numbers, double otherwise) {
  if (numbers.size() > 1 && static_cast<int64_t>(numbers.size()) != channels)
    return fail() << "expected " << key << " to have 1 number"
                  << (channels > 1 ? ", or " + std::to_string(channels) +
                                         ", one per channel"
                                   : "")
                  << ", but got " << numbers.size(),
           failure();
  SmallVector<double> result(channels,
                             numbers.empty() ? otherwise : numbers[0]);
  if (numbers.size() > 1)
    llvm::copy(numbers, result.begin());
  return result;
}

LogicalResult Front::planNumbers() {
  auto mean = spread("mean", how.mean, 0),
       deviation = spread("std", how.deviation, 1);
  if (failed(mean) || failed(deviation))
    return failure();
  for (auto [mean, deviation] : llvm::zip_equal(*mean, *deviation)) {
    factors.push_back(how.scale.value_or(1) / deviation);
    offsets.push_back(-mean / deviation);
    if (!fitsFiniteIn({factors.back(), offsets.back()}, builder.getF32Type()))
      return fail()
             << "scale, mean and std give factors that are not finite in f32";
  }
  bool computes = how.scale || !how.mean.empty() || !how.deviation.empty();
  if (computes && !isa<FloatType>(model.getElementType()))
    return fail() << "scale, mean and std need an input of floating-point "
                     "type, but it is "
                  << model;
  auto small = [](double number) { return std::abs(number) <= 1; };
  if (!isa<FloatType>(border.getElementType()) && !how.scale &&
      !how.deviation.empty() && llvm::all_of(how.mean, small) &&
      llvm::all_of(how.deviation, small))
    mlir::emitWarning(UnknownLoc::get(argument.getContext()))
        << "--preprocess: " << file << ": input '" << how.name
        << "': mean and std look like those of pixels in 0..1, but pixels of "
        << how.type << " are not: \"scale\": \"1/255\" goes with them";
  return success();
}

Value Front::resize(Value value) {
  if (resized == fed)
    return value;
  int64_t height = borderLast ? 1 : 2;
  SmallVector<int64_t> shape(border.getShape());
  SmallVector<double> scales(4, 1);
  for (int64_t d : {0, 1}) {
    shape[height + d] = resized[d];
    scales[height + d] = static_cast<double>(resized[d]) / fed[d];
  }
  bool isNearest =
      how.interpolation == PreprocessConfig::Interpolation::Nearest;
  // A stretched kernel that reaches over the border is cut off there, as in
  // Pillow.
  bool stretches = !isNearest && how.antialias &&
                   (resized[0] < fed[0] || resized[1] < fed[1]);
  return ResizeOp::create(
      builder, loc, border.clone(shape), value, toSizes(shape), scales,
      isNearest ? Interpolation::Nearest : Interpolation::Linear,
      isNearest ? Coordinates::TFHalfPixelForNN : Coordinates::HalfPixel,
      NearestRounding::Floor, llvm::APFloat(-0.75),
      /*exclude_outside=*/stretches, /*antialias=*/stretches,
      DenseF64ArrayAttr(), llvm::APFloat(0.0));
}

/// Crop, order of channels, layout.
Value Front::move(Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  if (cropped != resized || how.reversesChannels) {
    int64_t height = borderLast ? 1 : 2, channel = borderLast ? 3 : 1;
    SmallVector<int64_t> starts(4, 0), steps(4, 1), shape(type.getShape());
    for (int64_t d : {0, 1}) {
      shape[height + d] = cropped[d];
      // Half pixels go to the even side, as in torchvision's centre crop.
      int64_t rest = resized[d] - cropped[d], half = rest / 2;
      starts[height + d] = half + (rest % 2 && half % 2);
    }
    if (how.reversesChannels) {
      starts[channel] = channels - 1;
      steps[channel] = -1;
    }
    type = type.clone(shape);
    value = SliceOp::create(builder, loc, type, value, starts, toSizes(shape),
                            steps);
  }
  if (borderLast == modelLast)
    return value;
  return TransposeOp::create(
      builder, loc, model.clone(type.getElementType()), value,
      borderLast ? getChannelsFirst(4) : getChannelsLast(4));
}

Value Front::applyConstant(Value value, ArrayRef<double> numbers,
                           bool multiplies) {
  double neutral = multiplies;
  if (llvm::all_of(numbers, [&](double number) { return number == neutral; }))
    return value;
  SmallVector<int64_t> shape(model.getRank(), 1);
  if (llvm::all_equal(numbers))
    numbers = numbers.take_front();
  else
    shape[modelLast ? 3 : 1] = channels;
  auto type = cast<RankedTensorType>(value.getType());
  Value constant =
      createFloatConstant(builder, loc, type.clone(shape), numbers);
  if (multiplies)
    return MulOp::create(builder, loc, type, value, constant);
  return AddOp::create(builder, loc, type, value, constant);
}

Value Front::compute(Value value) {
  auto cast = [&](Value value, Type element) -> Value {
    auto type = mlir::cast<RankedTensorType>(value.getType());
    return type.getElementType() == element
               ? value
               : CastOp::create(builder, loc, type.clone(element), value);
  };
  bool computes = how.scale || !how.mean.empty() || !how.deviation.empty();
  if (computes) {
    value = cast(value, model.getElementType().isF64() ? builder.getF64Type()
                                                       : builder.getF32Type());
    value = applyConstant(applyConstant(value, factors, /*multiplies=*/true),
                          offsets, /*multiplies=*/false);
  }
  return cast(value, model.getElementType());
}

LogicalResult Front::build() {
  if (failed(plan()))
    return failure();
  builder.setInsertionPointToStart(argument.getOwner());
  auto uses = llvm::map_to_vector(argument.getUses(),
                                  [](OpOperand &use) { return &use; });
  argument.setType(border);
  Value value = argument;
  if (isPicture)
    value = move(resize(value));
  value = compute(value);
  for (OpOperand *use : uses)
    use->set(value);
  return success();
}

struct Preprocess : public mpc::impl::PreprocessBase<Preprocess> {
  using PreprocessBase::PreprocessBase;

  void runOnOperation() override {
    if (failed(preprocess()))
      signalPassFailure();
  }

  LogicalResult preprocess() {
    ModuleOp module = getOperation();
    Location loc = UnknownLoc::get(&getContext());
    auto main = module.lookupSymbol<func::FuncOp>("main");
    if (!main || !llvm::hasSingleElement(main.getBody()))
      return module.emitError(
          "expected a function @main with a body of one block");
    auto read = PreprocessConfig::load(config);
    if (!read)
      return emitError(loc)
             << "--preprocess: " << llvm::toString(read.takeError());
    Block &block = main.getBody().front();
    SmallVector<std::string> names;
    for (BlockArgument argument : block.getArguments())
      names.push_back(mpc::getArgumentName(main, argument.getArgNumber()));
    for (const PreprocessConfig::Input &input : read->inputs) {
      auto *found = llvm::find(names, input.name);
      if (found == names.end()) {
        SmallVector<StringRef> candidates(names.begin(), names.end());
        std::string nearest = listNearest(input.name, candidates, 1);
        return emitError(loc)
               << "--preprocess: " << config << ": no input is named '"
               << input.name << "'; there are " << llvm::join(names, ", ")
               << (nearest.empty() ? "" : "; did you mean " + nearest + "?");
      }
      if (failed(Front(block.getArgument(found - names.begin()), input, config)
                     .build()))
        return failure();
    }
    main.setFunctionType(FunctionType::get(
        &getContext(), block.getArgumentTypes(), main.getResultTypes()));
    if (auto hash = module->getAttrOfType<StringAttr>(kModelHashAttrName)) {
      llvm::SHA256 both;
      both.update(hash.getValue());
      both.update("\n");
      both.update(read->canonical);
      module->setAttr(
          kModelHashAttrName,
          StringAttr::get(&getContext(),
                          llvm::toHex(both.final(), /*LowerCase=*/true)));
    }
    return success();
  }
};
} // namespace
