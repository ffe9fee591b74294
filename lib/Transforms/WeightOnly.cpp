//===- WeightOnly.cpp - groups whose weights alone are integers -----------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "WeightOnly.h"
#include "mpc/Dialect/MPC/Constants.h"
#include "mpc/Support/BlockQuant.h"

using namespace mlir;
using namespace mpc;

/// Fewer weights than this are less than a page of memory, and often those of a
/// model's first or last layer, which suffer most.
static constexpr int64_t kMinWeights = 1024;

WeightsAttr mpc::getWeightsFormat(GroupOp group) {
  if (auto format = group->getAttrOfType<WeightsAttr>(kWeightsAttrName))
    return format;
  return getWeightsFormat(group.getContext(), {}, {});
}

WeightsAttr mpc::getWeightsFormat(MLIRContext *context,
                                  const WeightFormat &format,
                                  const WeightFormat &defaults) {
  auto choose = [&](auto member, StringRef last) {
    for (const WeightFormat *from : {&format, &defaults})
      if (!(from->*member).empty())
        return StringRef(from->*member);
    return last;
  };
  int64_t block = 0; // of a whole channel
  (void)choose(&WeightFormat::block, "32").getAsInteger(10, block);
  return WeightsAttr::get(
      context, block,
      *symbolizeWeightScheme(choose(&WeightFormat::scheme, "asymmetric")),
      *symbolizePrecision(choose(&WeightFormat::activations, "f32")));
}

WeightFormat mpc::toWeightFormat(WeightsAttr format) {
  return {format.getBlock() ? std::to_string(format.getBlock()) : "channel",
          stringifyWeightScheme(format.getScheme()).str(),
          stringifyPrecision(format.getActivations()).str()};
}

/// The constant that the root of a group reads as weights, or null.
static ConstantOp getWeightConstant(GroupOp group,
                                    QuantizableOpInterface root) {
  OpOperand *operand = root.getWeightOperand();
  auto argument = operand ? dyn_cast<BlockArgument>(operand->get()) : nullptr;
  return argument ? group.getInputs()[argument.getArgNumber()]
                        .getDefiningOp<ConstantOp>()
                  : ConstantOp();
}

std::string mpc::whyNotWeightOnly(GroupOp group, Precision precision,
                                  WeightsAttr format) {
  auto root = dyn_cast<QuantizableOpInterface>(group.getRoot());
  if (!root || root.getQuantRole() != QuantRole::Contraction)
    return group.getRoot()->getName().stripDialect().str() + " has no weights";
  if (format.getScheme() == WeightScheme::Codebook &&
      precision != Precision::W4)
    return "a codebook has 16 levels, which is w4";
  ConstantOp constant = getWeightConstant(group, root);
  if (!constant)
    return "weights are not constant";
  if (root.isDepthwise())
    return "depthwise weights are few, and each is read at every position";
  RankedTensorType type = constant.getType();
  if (type.getRank() != 2 && type.getRank() != 4)
    return "no kernel reads weights of rank " + std::to_string(type.getRank()) +
           " in blocks";
  if (type.getNumElements() < kMinWeights)
    return std::to_string(type.getNumElements()) +
           " weights are too few to gain from it";
  auto weights = isArithmeticFloat(type.getElementType())
                     ? getFloatValues(constant.getValue())
                     : std::nullopt;
  if (!weights)
    return "weights are not floating-point numbers that can be read";
  if (!llvm::all_of(*weights, [](float w) { return std::isfinite(w); }))
    return "weights are not finite";
  return {};
}

/// Moves dimension `axis` of row-major `from` to the front, or back.
template <typename T>
static std::vector<T> moveAxis(ArrayRef<T> from, int64_t channels,
                               int64_t inner, bool toFront) {
  std::vector<T> result(from.size());
  int64_t depth = from.size() / channels;
  for (int64_t c = 0; c < channels; ++c)
    for (int64_t k = 0; k < depth; ++k) {
      int64_t there = (k / inner * channels + c) * inner + k % inner,
              here = c * depth + k;
      result[toFront ? here : there] = from[toFront ? there : here];
    }
  return result;
}

FailureOr<WeightsInBlocks> mpc::quantizeWeightsInBlocks(OpBuilder &builder,
                                                        ConstantOp weight,
                                                        int64_t axis,
                                                        Precision precision,
                                                        WeightsAttr format) {
  auto weights = getFloatValues(weight.getValue());
  if (!weights)
    return weight.emitOpError("has weights that cannot be read");
  RankedTensorType type = weight.getType();
  int64_t channels = type.getDimSize(axis), inner = 1;
  for (int64_t size : type.getShape().drop_front(axis + 1))
    inner *= size;
  int64_t depth = channels ? weights->size() / channels : 0;
  if (depth == 0)
    return weight.emitOpError("expected weights to quantize, but has none");

  BlockFormat blocks;
  blocks.bits = precision == Precision::W8 ? 8 : 4;
  // A block is even, so that two weights of 4 bits share a byte.
  blocks.block = format.getBlock() ? format.getBlock() : depth + depth % 2;
  switch (format.getScheme()) {
  case WeightScheme::Asymmetric:
    blocks.scheme = BlockScheme::Asymmetric;
    break;
  case WeightScheme::Symmetric:
    blocks.scheme = BlockScheme::Symmetric;
    break;
  case WeightScheme::Codebook:
    blocks.scheme = BlockScheme::Codebook;
    break;
  }
  // Layouts have been chosen: what is not a matrix has input channels last.
  BlockWeights made = quantizeInBlocks(
      moveAxis<float>(*weights, channels, inner, /*toFront=*/true), channels,
      blocks, type.getRank() > 2 ? type.getShape().back() : 0);
  std::vector<uint8_t> values =
      moveAxis<uint8_t>(made.values, channels, inner, /*toFront=*/false);

  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointAfter(weight);
  auto constant = [&](ElementsAttr value) {
    return ConstantOp::create(builder, weight.getLoc(), value);
  };
  auto bytes = [](const std::vector<uint8_t> &numbers) {
    return ArrayRef(reinterpret_cast<const char *>(numbers.data()),
                    numbers.size());
  };
  auto integer = [&](unsigned bits) {
    return builder.getIntegerType(bits, /*isSigned=*/false);
  };
  SmallVector<int64_t> shape = {channels,
                                llvm::divideCeilSigned(depth, blocks.block)};
  WeightsInBlocks result;
  result.axis = axis;
  result.block = blocks.block;
  result.values = constant(createConstant(
      RankedTensorType::get(type.getShape(), integer(blocks.bits)),
      bytes(values)));
  result.scales = constant(
      createFloatConstant(RankedTensorType::get(shape, builder.getBF16Type()),
                          made.scales, "scales"));
  if (!made.zeroPoints.empty())
    result.zeroPoints =
        constant(createConstant(RankedTensorType::get(shape, integer(8)),
                                bytes(made.zeroPoints), "zero_points"));
  if (!made.table.empty())
    result.table = constant(createFloatConstant(
        RankedTensorType::get(16, builder.getF32Type()), made.table));
  return result;
}
