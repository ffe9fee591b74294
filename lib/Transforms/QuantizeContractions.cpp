//===- QuantizeContractions.cpp - contractions on integers ----------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What mpc-insert-quantization makes of contractions with constant weights: the
// weights and the bias as integers, their sums, and what follows these.
//
//===----------------------------------------------------------------------===//

#include "QuantizationInserter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mpc/Support/QuantMath.h"
#include "mpc/Transforms/ContractionWeights.h"

using namespace mlir;
using namespace mpc;
using namespace mpc::quantization;

/// Symmetric signed 8-bit weights per output channel, and the bias in the
/// accumulator's scale.
FailureOr<Inserter::Weights>
Inserter::quantizeWeights(GroupOp group, QuantizableOpInterface root,
                          quant::UniformQuantizedType input) {
  auto inputScale = static_cast<float>(input.getScale());
  bool isWide = input.getStorageTypeIntegralWidth() == 16;
  auto constantOf = [&](OpOperand *operand) -> ConstantOp {
    auto argument =
        operand ? dyn_cast<BlockArgument>(operand->get()) : BlockArgument();
    return argument ? group.getInputs()[argument.getArgNumber()]
                          .getDefiningOp<ConstantOp>()
                    : ConstantOp();
  };
  ConstantOp weight = constantOf(root.getWeightOperand()),
             bias = constantOf(root.getBiasOperand());
  if (!weight || (root.getBiasOperand() && !bias))
    return root->emitOpError("expected constant weights and bias for int8"),
           failure();
  auto values = getFloatValues(weight.getValue());
  auto biases = bias ? getFloatValues(bias.getValue())
                     : std::make_optional<std::vector<float>>();
  if (!values || !biases)
    return root->emitOpError("has weights that cannot be read"), failure();

  auto type = cast<RankedTensorType>(weight.getType());
  int64_t axis = root.getWeightChannelAxis(), channels = type.getDimSize(axis),
          inner = 1;
  for (int64_t d = axis + 1; d < type.getRank(); ++d)
    inner *= type.getDimSize(d);
  auto channelOf = [&](size_t i) { return (i / inner) % channels; };

  SmallVector<float> largest(channels, 0.0f);
  for (auto [i, value] : llvm::enumerate(*values))
    largest[channelOf(i)] = std::max(largest[channelOf(i)], std::abs(value));
  // A repair may have chosen the scales.
  auto chosen = group->getAttrOfType<DenseF32ArrayAttr>(kWeightScalesAttrName);
  if (chosen && (chosen.size() != channels ||
                 llvm::any_of(chosen.asArrayRef(), [](float s) {
                   return !(std::isfinite(s) && s > 0);
                 })))
    return group.emitOpError() << "'" << group.getName() << "': expected "
                               << kWeightScalesAttrName << " to hold "
                               << channels << " finite scales > 0",
           failure();
  SmallVector<double> scales(channels), accumulated(channels);
  for (int64_t c = 0; c < channels; ++c) {
    float scale = chosen ? std::max(chosen[c], kMinScale)
                         : chooseSymmetricParams(largest[c], -127, 127).scale;
    // A bias that would not fit beside the products raises the scale of its
    // channel.
    if (settings.powersOfTwo)
      scale = roundUpToPowerOfTwo(scale);
    if (bias && !isWide &&
        biasOverflows((*biases)[c], accumulatorScale(inputScale, scale)))
      scale = std::max(scale,
                       static_cast<float>(std::abs((*biases)[c]) /
                                          (inputScale * kMaxBias) * 1.000001));
    if (settings.powersOfTwo)
      scale = roundUpToPowerOfTwo(scale);
    scales[c] = scale;
    // The specifications of integer profiles multiply scales in f64.
    accumulated[c] = settings.isIntegral()
                         ? double(inputScale) * double(scale)
                         : accumulatorScale(inputScale, scale);
  }
  group->removeAttr(kWeightScalesAttrName);
  SmallVector<int64_t> quantized(values->size());
  bool hasBias = bias != nullptr;
  if (auto contraction = ContractionWeights::get(group)) {
    // What rounding takes from the means of the sums goes to the bias (Nagel et
    // al. 2019, section 4.2).
    hasBias |= !contraction->inputMeans.empty();
    biases->resize(channels);
    for (int64_t c = 0; c < channels; ++c) {
      auto scale = static_cast<float>(scales[c]);
      std::vector<int8_t> row = contraction->quantizeWeightsOf(c, scale);
      for (auto [k, q] : llvm::enumerate(row))
        quantized[contraction->getIndex(c, k)] = q;
      (*biases)[c] += contraction->getMeanError(c, scale, row);
    }
  } else {
    for (auto [i, value] : llvm::enumerate(*values))
      quantized[i] =
          quantize(value, QuantParams{static_cast<float>(scales[channelOf(i)]),
                                      0, -127, 127});
  }

  SmallVector<int64_t> quantizedBias(hasBias ? channels : 0);
  for (auto [c, q] : llvm::enumerate(quantizedBias))
    q = isWide ? quantizeWideBias((*biases)[c], accumulated[c])
               : quantizeBias((*biases)[c], accumulated[c]);

  Type i8 = builder.getIntegerType(8), i32 = builder.getIntegerType(32);
  SmallVector<double> sums(channels, 0);
  for (auto [i, q] : llvm::enumerate(quantized))
    sums[channelOf(i)] += std::abs(static_cast<double>(q));
  SmallVector<int64_t> zeros(channels, 0);
  auto perChannel = [&](Type storage, ArrayRef<double> s, int64_t dimension,
                        int64_t low, int64_t high) {
    return quant::UniformQuantizedPerAxisType::get(
        quant::QuantizationFlags::Signed, storage, f32, s, zeros, dimension,
        low, high);
  };
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointAfter(weight);
  Location biasLoc = bias ? bias.getLoc() : group.getLoc();
  Weights result;
  result.scales = accumulated;
  for (int64_t c = 0; c < channels; ++c) {
    result.bound = std::max(result.bound, sums[c] * accumulated[c]);
    if (hasBias)
      result.biasBound = std::max(
          result.biasBound,
          std::abs(static_cast<double>(quantizedBias[c])) * accumulated[c]);
  }
  result.weight =
      ConstantOp::create(builder, weight.getLoc(),
                         type.clone(perChannel(i8, scales, axis, -127, 127)),
                         createIntConstant(type.clone(i8), quantized));
  constexpr int64_t low = std::numeric_limits<int32_t>::min(),
                    high = std::numeric_limits<int32_t>::max();
  if (isWide) { // quantized types have 32 bits at most
    // Weights tell whether some sum could leave 32 bits; all that stay are the
    // same in either.
    bool fits = llvm::all_of(llvm::seq(channels), [&](int64_t c) {
      double most =
          sums[c] * 32768 +
          (hasBias ? std::abs(static_cast<double>(quantizedBias[c])) : 0);
      return most <= std::numeric_limits<int32_t>::max();
    });
    result.accumulator = builder.getIntegerType(fits ? 32 : 64);
    if (hasBias)
      result.bias = ConstantOp::create(
          builder, biasLoc,
          createIntConstant(
              RankedTensorType::get({channels}, result.accumulator),
              quantizedBias));
    return result;
  }
  if (hasBias)
    result.bias = ConstantOp::create(
        builder, biasLoc,
        RankedTensorType::get({channels},
                              perChannel(i32, accumulated, 0, low, high)),
        createIntConstant(RankedTensorType::get({channels}, i32),
                          quantizedBias));
  result.accumulator =
      perChannel(i32, accumulated, root.getResultChannelAxis(), low, high);
  return result;
}

/// The root on integers: 8-bit activations, s8 weights, an i32 accumulator; or
/// 16-bit activations and i64.
FailureOr<Inserter::Sums> Inserter::emitContraction(GroupOp group,
                                                    QuantizableOpInterface root,
                                                    GroupBuilder &target,
                                                    IRMapping &mapping) {
  quant::UniformQuantizedType input;
  for (OpOperand *operand : root.getActivationOperands()) {
    Value outer =
        group.getInputs()[cast<BlockArgument>(operand->get()).getArgNumber()];
    auto type = getActivationType(outer, *group.getPrecision());
    auto converted =
        failed(type) ? FailureOr<Value>(failure()) : convert(outer, *type);
    if (failed(converted))
      return failure();
    input = *type;
    mapping.map(operand->get(), target.bring(*converted));
  }
  auto weights = quantizeWeights(group, root, input);
  if (failed(weights))
    return failure();
  mapping.map(root.getWeightOperand()->get(), target.bring(weights->weight));
  OpOperand *bias = root.getBiasOperand();
  if (bias)
    mapping.map(bias->get(), target.bring(weights->bias));
  Sums sums;
  Operation *contraction = target.body.clone(*root, mapping);
  // The bias is the last operand of every contraction.
  if (!bias && weights->bias)
    contraction->insertOperands(contraction->getNumOperands(),
                                target.bring(weights->bias));
  sums.value = contraction->getResult(0);
  sums.value.setType(withElement(sums.value, weights->accumulator));
  int64_t zeroPoint = input.getZeroPoint();
  sums.bound =
      weights->bound * std::max(zeroPoint - input.getStorageTypeMin(),
                                input.getStorageTypeMax() - zeroPoint) +
      weights->biasBound;
  sums.weights = std::move(*weights);
  return sums;
}

/// The sums in f32.
Value Inserter::emitRealSums(GroupOp group, QuantizableOpInterface root,
                             GroupBuilder &target, const Sums &sums) {
  OpBuilder &body = target.body;
  Location loc = group.getLoc();
  auto type = cast<RankedTensorType>(withElement(sums.value, f32));
  if (isQuantized(sums.value))
    return DequantizeOp::create(body, loc, type, sums.value);
  // One scale for each channel, along the channels' dimension.
  int64_t axis = root.getResultChannelAxis();
  if (axis < 0)
    axis += type.getRank();
  SmallVector<int64_t> shape(type.getRank() - axis, 1);
  shape.front() = sums.weights.scales.size();
  SmallVector<float> scales(sums.weights.scales.begin(),
                            sums.weights.scales.end());
  // Where all groups are, wherever a pass may move this one.
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(&function.front());
  Value scale = ConstantOp::create(
      builder, loc,
      createFloatConstant(RankedTensorType::get(shape, f32), scales, "scales"));
  Value real = CastOp::create(body, loc, type, sums.value);
  return MulOp::create(body, loc, type, real, target.bring(scale));
}

/// A contraction of integers, then one requantization, or f32 for what is more
/// than a clamp.
LogicalResult Inserter::rewriteInteger(GroupOp group, Operation *op,
                                       Type storage) {
  auto root = cast<QuantizableOpInterface>(op);
  GroupBuilder target(group);
  IRMapping mapping;
  auto sums = emitContraction(group, root, target, mapping);
  if (failed(sums))
    return failure();
  Value accumulator = sums->value;

  // Clamps commute with quantization and become bounds of the integers.
  auto uniform = dyn_cast<quant::UniformQuantizedType>(storage);
  Value last = op->getResult(0);
  double low = -INFINITY, high = INFINITY;
  for (Operation &next : group.getBlock().without_terminator()) {
    auto elementwise = dyn_cast<ElementwiseOpInterface>(next);
    if (&next == op || !elementwise || !elementwise.isClamp() ||
        next.getOperand(0) != last)
      continue;
    auto [least, most] = elementwise.getClampBounds();
    low = std::min(std::max(low, least), most);
    high = std::min(std::max(high, least), most);
    last = next.getResult(0);
  }
  if (uniform && isQuantized(accumulator) &&
      group.getBlock().getTerminator()->getOperand(0) == last) {
    auto bound = [&](double value) {
      return int64_t(quantize(
          value,
          QuantParams{static_cast<float>(uniform.getScale()),
                      static_cast<int32_t>(uniform.getZeroPoint()),
                      static_cast<int32_t>(uniform.getStorageTypeMin()),
                      static_cast<int32_t>(uniform.getStorageTypeMax())}));
    };
    IntegerAttr lowAttr, highAttr;
    if (std::isfinite(low))
      lowAttr = builder.getI64IntegerAttr(bound(low));
    if (std::isfinite(high))
      highAttr = builder.getI64IntegerAttr(bound(high));
    Value result = RequantizeOp::create(
        target.body, group.getLoc(), withElement(accumulator, storage),
        accumulator, settings.rounding, lowAttr, highAttr, IntegerAttr());
    return replace(group, target, {result});
  }
  mapping.map(op->getResult(0), emitRealSums(group, root, target, *sums));
  auto result = cloneRest(group, target, mapping, op, storage);
  return failed(result) ? failure() : replace(group, target, {*result});
}
